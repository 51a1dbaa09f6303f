"""The training rows of a table and their columns, for the kinds of columns to recognise and to learn from."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import NamedTuple

import numpy as np

from linclf.data.columns.date_choice import choose_date_format
from linclf.data.columns.date_format import DateFormat
from linclf.data.columns.number_format import NumberFormat, candidates, choose_format
from linclf.data.source import Source
from linclf.data.table import Cells, Parse, Table, TableRows, spell_numbers
from linclf.losses import Array
from linclf.optim.linalg import Matrix, chunks, select_rows, to_dense

SORTED = 1 << 20  # numbers sorted together
_ID_NAME = re.compile(r"(?i:(.*[\W_])?(id|uuid|guid|index|key|unnamed: 0))|.*[a-z](Id|ID)")


class Spans(NamedTuple):
    """For each column of numbers, (k,): the missing cells, the smallest and largest number, whether all are whole."""

    missing: Array
    least: Array
    most: Array
    whole: Array

    def joined(self, other: "Spans") -> "Spans":
        """The spans of both sets of rows together."""
        least, most = np.fmin(self.least, other.least), np.fmax(self.most, other.most)
        return Spans(self.missing + other.missing, least, most, self.whole & other.whole)

    def of(self, j: int) -> "Span":
        """The span of column j."""
        return Span(int(self.missing[j]), float(self.least[j]), float(self.most[j]), bool(self.whole[j]))

    def each(self) -> list["Span"]:
        """The spans of all columns."""
        return list(map(Span, *(values.tolist() for values in self)))


class Span(NamedTuple):
    """The same for one column; least and most are NaN if all cells are missing."""

    missing: int
    least: float
    most: float
    whole: bool

    @property
    def is_constant(self) -> bool:
        """Whether there is no number, or the same number in every row."""
        return math.isnan(self.least) or (not self.missing and self.least == self.most)

    @property
    def width(self) -> float:
        """The number of whole numbers from the smallest to the largest; infinite if that overflows."""
        return self.most - self.least + 1


def spans_of(numbers: Matrix) -> Spans:
    """The spans of numbers (n, k), in one pass."""
    return reduce(Spans.joined, (_spans(to_dense(x)) for _, x in chunks(numbers)))


def _spans(x: Array) -> Spans:
    missing = np.isnan(x)
    with np.errstate(invalid="ignore"):
        least, most = np.fmin.reduce(x, axis=0), np.fmax.reduce(x, axis=0)
    return Spans(missing.sum(axis=0), least, most, ((x == np.floor(x)) | missing).all(axis=0))


def weighted_median(numbers: Array, weights: Array | None) -> float:
    """The median of numbers (n,), each of which occurs as often as its weight says, once without weights. Numbers are halved
    first, so that the mean of the two middle ones cannot overflow."""
    if weights is None:
        return float(np.median(numbers / 2) * 2)
    order = np.argsort(numbers, kind="stable")
    ends = np.cumsum(weights[order])
    middle = [np.searchsorted(ends, ends[-1] / 2, side) for side in ("left", "right")]
    return float(np.median(numbers[order[np.minimum(middle, len(numbers) - 1)]] / 2) * 2)


def moments_of(numbers: Array, weights: Array | None) -> list[tuple[float, float]]:
    """Mean and standard deviation of the numbers (n, k) in each column that are not NaN, with weights (n,), to six digits, so that
    the order of the rows does not matter; infinite or NaN where they overflow or there are none."""
    known = ~np.isnan(numbers)
    w = known if weights is None else known * weights[:, None]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        total, filled = w.sum(axis=0), np.where(known, numbers, 0)
        means = (filled * w).sum(axis=0) / total
        deviations = np.sqrt((np.square(np.where(known, numbers - means, 0)) * w).sum(axis=0) / total)
    return [(float(f"{a:.6g}"), float(f"{b:.6g}")) for a, b in zip(means.tolist(), deviations.tolist(), strict=True)]


def medians_of(numbers: Array) -> Array:
    """The medians (k,) of the numbers (n, k) in each column, as `weighted_median` computes them; NaN for a column without any."""
    ordered = np.sort(numbers.T / 2, axis=1)  # NaN last
    counts, columns = np.count_nonzero(~np.isnan(ordered), axis=1), np.arange(len(ordered))
    middle = (
        ordered[columns, np.maximum(counts - 1, 0) // 2] + ordered[columns, np.minimum(counts // 2, len(numbers) - 1)]
    )
    return np.asarray((middle / 2 + 0.0) * 2)  # 0 without a sign, as a mean has it


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The training rows of a table, with statistics that are computed for all columns of numbers at once.

    table      the table
    rows       the row numbers (n,) of the training rows
    weights    the weights (n,) of the training rows, None if all are 1
    source     the data options
    spans      the spans of the columns of numbers
    y          (n,) labels of any type, None if they are not known
    decimal    the likely decimal mark of text
    """

    table: Table
    rows: Array
    weights: Array | None
    source: Source
    spans: Spans
    y: Array | None = None
    decimal: str = "."

    @classmethod
    def of(
        cls,
        X: Table | TableRows,
        source: Source,
        weights: Array | None = None,
        *,
        y: Array | None = None,
        decimal: str = ".",
    ) -> "TrainingRows":
        """The training rows X of a table, with weights (n,) and labels (n,)."""
        table, rows = (X.table, X.rows) if isinstance(X, TableRows) else (X, np.arange(X.shape[0]))
        spans = spans_of(select_rows(table.numbers, rows))
        return cls(table, rows, weights, source, spans, y, source.decimal_or(decimal))

    @cached_property
    def number_spans(self) -> list[Span]:
        """The spans of the columns of numbers, in their order."""
        return self.spans.each()

    @cached_property
    def medians(self) -> list[float] | None:
        """The medians of the columns of numbers, in their order, of a table with more of them than rows; else None: they are
        computed for a column at a time."""
        n, k = len(self.rows), self.table.numbers.shape[1]
        if self.weights is not None or n >= k:
            return None
        step = max(1, SORTED // max(n, 1))
        blocks = (self.table.numbers[:, start : start + step][self.rows] for start in range(0, k, step))
        return [median for block in blocks for median in medians_of(block).tolist()]

    @cached_property
    def moments(self) -> list[tuple[float, float]] | None:
        """Mean and standard deviation of the columns of numbers, in their order, of a table with more of them than rows; else None:
        they are computed for a column at a time."""
        n, k = len(self.rows), self.table.numbers.shape[1]
        if self.weights is not None or n >= k:
            return None
        step, found = max(1, SORTED // max(n, 1)), []
        for start in range(0, k, step):
            found += moments_of(self.table.numbers[:, start : start + step][self.rows], None)
        return found

    def column(self, name: str) -> "TrainingColumn":
        """The column of this name."""
        return TrainingColumn(name, self)


@dataclass(frozen=True, eq=False)
class TrainingColumn:
    """The cells of one column in the training rows."""

    name: str
    training: TrainingRows
    _parsed: dict[Parse, Array] = field(default_factory=dict, init=False)
    _span: dict[Parse, Span] = field(default_factory=dict, init=False)

    @property
    def dataset(self) -> str:
        """The name of the data set, for messages."""
        return self.training.source.data

    @property
    def source(self) -> Source:
        """The data options."""
        return self.training.source

    @property
    def n(self) -> int:
        """The number of training rows."""
        return len(self.training.rows)

    @property
    def is_text(self) -> bool:
        """Whether the cells are text, rather than numbers."""
        return self.name in self.training.table.texts

    @property
    def number_index(self) -> int:
        """The index of a column of numbers among those of the table."""
        return self.training.table.number_index[self.name]

    @property
    def has_id_name(self) -> bool:
        """Whether the column has the name of an id, such as `id`, `customer_id` or `index`."""
        return _ID_NAME.fullmatch(self.name) is not None

    @cached_property
    def cells(self) -> Array | Cells:
        """The cells: numbers (n,), NaN where one is missing, or text."""
        return self.training.table.column(self.name)[self.training.rows]

    @cached_property
    def text(self) -> Cells:
        """The cells as text, even if they are numbers."""
        cells = self.cells
        return cells if isinstance(cells, Cells) else spell_numbers(cells)

    @cached_property
    def _level_counts(self) -> tuple[Array, Array]:
        cells = self.text
        counts = cells.counts()
        used = np.flatnonzero(counts)
        return cells.levels[used], counts[used]

    @property
    def levels(self) -> Array:
        """The different texts that occur, (L,) of str."""
        return self._level_counts[0]

    @property
    def counts(self) -> Array:
        """The number of rows of each level, (L,)."""
        return self._level_counts[1]

    @property
    def level_weights(self) -> Array:
        """The sum of the weights of the rows of each level, (L,)."""
        weights, codes = self.training.weights, self.text.codes
        if weights is None:
            return self.counts
        known = codes >= 0
        sums = np.bincount(codes[known], weights[known], minlength=len(self.text.levels))
        return sums[np.flatnonzero(self.text.counts())]

    def missing(self, parse: Parse | None = None, absent: Sequence[str] = ()) -> int:
        """The number of missing cells, a cell of a row of weight 2 being two; with `parse` also those that cannot be parsed, and
        with `absent` those of these texts."""
        if parse is None:
            cells = self.text
            gaps: Array = (cells.codes < 0) | np.isin(cells.codes, np.flatnonzero(np.isin(cells.levels, absent)))
        elif not self.span(parse).missing:
            return 0
        else:
            gaps = np.isnan(self.numbers(parse))
        weights = self.training.weights
        if weights is None or not gaps.any():
            return int(gaps.sum())
        return max(1, round(float(weights[gaps].sum())))

    def parsed(self, parse: Parse) -> Array:
        """The levels as numbers (L,), NaN where one cannot be parsed."""
        if parse not in self._parsed:
            self._parsed[parse] = parse(self.levels)
        return self._parsed[parse]

    @cached_property
    def number_format(self) -> NumberFormat:
        """How most of the cells of text write numbers."""
        source = self.source
        marks = candidates(source.decimal, source.thousands, self.training.decimal)
        open_marks = source.decimal is None and source.thousands is None
        return choose_format(self.levels, self.counts, marks, ranges=source.ranges, by_evidence=open_marks)

    @cached_property
    def date_format(self) -> DateFormat | None:
        """How most of the cells of text write dates, None if they do not."""
        return choose_date_format(self.levels, self.counts, self.source.day_first)

    def numbers(self, parse: Parse) -> Array:
        """The cells as numbers (n,), NaN where one is missing or cannot be parsed; `parse` is for cells of text."""
        cells = self.cells
        if not isinstance(cells, Cells):
            return cells
        values = np.full(len(cells.levels) + 1, np.nan)  # the last one for missing cells
        values[np.flatnonzero(cells.counts())] = self.parsed(parse)
        return values[cells.codes]

    def span(self, parse: Parse) -> Span:
        """The span of `numbers`."""
        if not self.is_text:
            return self.training.number_spans[self.number_index]
        if parse not in self._span:  # from the levels, which are fewer than the cells
            values = self.parsed(parse)
            missing = self.n - int(self.counts[~np.isnan(values)].sum())
            self._span[parse] = spans_of(np.append(values, np.nan)[:, None]).of(0)._replace(missing=missing)
        return self._span[parse]

    def moments(self, parse: Parse) -> tuple[float, float]:
        """Mean and standard deviation of the numbers that are not missing."""
        together = None if self.is_text else self.training.moments
        if together is not None:
            return together[self.number_index]
        return moments_of(self.numbers(parse)[:, None], self.training.weights)[0]

    def median(self, parse: Parse) -> float:
        """The median of the numbers that are not missing."""
        medians = None if self.is_text else self.training.medians
        if medians is not None:
            return medians[self.number_index]
        numbers, weights = self.numbers(parse), self.training.weights
        present = ~np.isnan(numbers)
        return weighted_median(numbers[present], None if weights is None else weights[present])
