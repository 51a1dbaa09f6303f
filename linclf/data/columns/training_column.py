"""The training rows of a table and their columns, for the kinds of columns to recognise and to learn from."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from linclf.data.columns.date_choice import choose_date_format
from linclf.data.columns.date_format import DateFormat
from linclf.data.columns.number_format import NumberFormat, candidates, choose_format
from linclf.data.source import Source
from linclf.data.table import Cells, Parse, Table, TableRows, spell_numbers
from linclf.losses import Array

COPIED = 1 << 20  # numbers copied together
_ID_NAME = re.compile(r"(?i:(.*[\W_])?(id|uuid|guid|index|key|unnamed: 0))|.*[a-z](Id|ID)")


class Span(NamedTuple):
    """The missing cells of a column of numbers, the smallest and the largest number, NaN if all are missing, and whether all are
    whole."""

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


class Summary(NamedTuple):
    """A column of numbers: its span; median, mean and standard deviation as `medians_of` and `moments_of` compute them."""

    span: Span
    median: float
    mean: float
    deviation: float


def spans_of(columns: Array) -> list[Span]:
    """The spans of columns (k, n) of numbers."""
    gaps = np.isnan(columns)
    with np.errstate(invalid="ignore"):
        least, most = np.fmin.reduce(columns, axis=1), np.fmax.reduce(columns, axis=1)
    whole = ((columns == np.floor(columns)) | gaps).all(axis=1)
    return list(map(Span, gaps.sum(axis=1).tolist(), least.tolist(), most.tolist(), whole.tolist()))


def weighted_median(numbers: Array, weights: Array | None) -> float:
    """The median of numbers (n,), each of which occurs as often as its weight says, once without weights. Numbers are halved
    first, so that the mean of the two middle ones cannot overflow."""
    if weights is None:
        return float(np.median(numbers / 2) * 2)
    order = np.argsort(numbers, kind="stable")
    ends = np.cumsum(weights[order])
    middle = [np.searchsorted(ends, ends[-1] / 2, side) for side in ("left", "right")]
    return float(np.median(numbers[order[np.minimum(middle, len(numbers) - 1)]] / 2) * 2)


def moments_of(columns: Array, weights: Array | None) -> list[tuple[float, float]]:
    """Mean and standard deviation of the numbers in each of the columns (k, n) that are not NaN, with weights (n,), to six digits, so
    that the order of the rows does not matter; infinite or NaN where they overflow or there are none."""
    known = ~np.isnan(columns)
    w = known if weights is None else known * weights
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        total, filled = w.sum(axis=1), np.where(known, columns, 0)
        means = (filled * w).sum(axis=1) / total
        deviations = np.sqrt((np.square(np.where(known, columns - means[:, None], 0)) * w).sum(axis=1) / total)
    return [(float(f"{a:.6g}"), float(f"{b:.6g}")) for a, b in zip(means.tolist(), deviations.tolist(), strict=True)]


def medians_of(columns: Array, weights: Array | None) -> list[float]:
    """The medians (k,) of the numbers in each of the columns (k, n), with weights (n,), as `weighted_median` computes them; NaN for a
    column without any."""
    gaps = np.isnan(columns)
    if weights is not None:
        return [weighted_median(x[~gap], weights[~gap]) for x, gap in zip(columns, gaps, strict=True)]
    counts, order = (~gaps).sum(axis=1), np.arange(len(columns))
    low, high = np.maximum(counts - 1, 0) // 2, np.minimum(counts // 2, columns.shape[1] - 1)
    # NaN last; without gaps the middle is at the same place in all columns: to find it takes a quarter of the time that sorting takes
    halves, middles = columns / 2, (low[0], high[0])
    ordered = np.sort(halves, axis=1) if gaps.any() else np.partition(halves, middles, axis=1)
    middle = ordered[order, low] + ordered[order, high]
    return [float(x) for x in (middle / 2 + 0.0) * 2]  # 0 without a sign, as a mean has it


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The training rows of a table, with statistics that are computed for all columns of numbers at once.

    table      the table
    rows       the row numbers (n,) of the training rows
    weights    the weights (n,) of the training rows, None if all are 1
    source     the data options
    y          (n,) labels of any type, None if they are not known
    decimal    the likely decimal mark of text
    """

    table: Table
    rows: Array
    weights: Array | None
    source: Source
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
        return cls(table, rows, weights, source, y, source.decimal_or(decimal))

    @cached_property
    def summaries(self) -> list[Summary]:
        """The columns of numbers, in their order. Those next to each other are copied together: one by one, each would read all rows
        of the table."""
        found: list[Summary] = []
        step = max(1, COPIED // max(len(self.rows), 1))
        for start in range(0, self.table.numbers.shape[1], step):
            columns = np.ascontiguousarray(self.table.numbers[:, start : start + step][self.rows].T)
            spans, medians = spans_of(columns), medians_of(columns, self.weights)
            for span, median, moments in zip(spans, medians, moments_of(columns, self.weights), strict=True):
                found.append(Summary(span, median, *moments))
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
            return self.training.summaries[self.number_index].span
        if parse not in self._span:  # from the levels, which are fewer than the cells
            values = self.parsed(parse)
            missing = self.n - int(self.counts[~np.isnan(values)].sum())
            self._span[parse] = spans_of(np.append(values, np.nan)[None])[0]._replace(missing=missing)
        return self._span[parse]

    def moments(self, parse: Parse) -> tuple[float, float]:
        """Mean and standard deviation of the numbers that are not missing."""
        if not self.is_text:
            summary = self.training.summaries[self.number_index]
            return summary.mean, summary.deviation
        return moments_of(self.numbers(parse)[None], self.training.weights)[0]

    def median(self, parse: Parse) -> float:
        """The median of the numbers that are not missing."""
        if not self.is_text:
            return self.training.summaries[self.number_index].median
        return medians_of(self.numbers(parse)[None], self.training.weights)[0]
