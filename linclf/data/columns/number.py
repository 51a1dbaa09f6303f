"""Columns of numbers: missing ones become the median, and a second feature flags them if the training rows have any."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from linclf.data.columns.base import MISSING, Column, Unknown, counted, in_rows
from linclf.data.columns.codes import is_code
from linclf.data.columns.left_out import ConstantColumn, are_row_numbers
from linclf.data.columns.markers import is_marker
from linclf.data.columns.number_format import PLAIN, NumberFormat, is_bound
from linclf.data.columns.training_column import TrainingColumn
from linclf.data.table import MAX_EXACT_INT, Cells, Parse, parse_number
from linclf.data.table import option as typed_option
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Stored

NUMBERS = 0.9  # share of the cells of a column of numbers that must be numbers; the others are treated as missing
FEW_NUMBERS = 10  # a column of so few different numbers, and other words, is one of categories
MARKED = 0.5  # share of the cells that must be numbers where all others are one and the same word
KEPT_WORDS = 20  # words of the training rows that mean that a cell is missing


@dataclass(frozen=True)
class NumberColumn(Column):
    """A column of numbers.

    written  how the numbers are written, None for plainly
    absent   texts of the training rows that are no numbers, and treated as missing
    mean, deviation   of the numbers in the training rows, for drift; None where they are not known or overflow
    """

    written: NumberFormat | None = None
    absent: tuple[str, ...] = ()
    mean: float | None = field(default=None, compare=False)
    deviation: float | None = field(default=None, compare=False)

    kind: str = field(default="number", init=False)
    option: ClassVar[str | None] = "numeric"
    reports_unparsed = True

    def parse(self, levels: Array) -> Array:
        """Levels (L,) of text as numbers (L,), NaN where one is none."""
        return (self.written or PLAIN).numbers(levels)

    @classmethod
    def learned_parse(cls, column: TrainingColumn) -> Parse:
        """How the cells of the training rows are parsed; numbers need no parsing, and are not spelled out to find a format."""
        return column.number_format.numbers if column.is_text else PLAIN.numbers

    @classmethod
    def recognises(cls, column: TrainingColumn) -> bool:
        """Whether the cells are numbers, but not row numbers or codes."""
        return (not column.is_text or cls.mostly_parsed(column)) and not are_row_numbers(column) and not is_code(column)

    @classmethod
    def mostly_parsed(cls, column: TrainingColumn) -> bool:
        """Whether all cells that are not missing can be parsed, or nearly all, as more than a few different numbers, or all but
        those with one and the same word. Words that say that a cell is missing do not count."""
        values, counts, levels = column.parsed(cls.learned_parse(column)), column.counts, column.levels
        fits = ~np.isnan(values)
        words = np.array([not fit and not is_marker(level) for fit, level in zip(fits, levels, strict=True)], bool)
        n_numbers, n_words, many = counts[fits].sum(), counts[words].sum(), fits.sum() > FEW_NUMBERS
        most = many and n_numbers >= NUMBERS * (n_numbers + n_words)
        most |= many and words.sum() == 1 and n_numbers >= MARKED * (n_numbers + n_words)
        # whole numbers too long for a float are codes, and must not be merged
        exact = (np.abs(values[fits]) < MAX_EXACT_INT).all() or len(np.unique(values[fits])) == fits.sum()
        return bool(fits.any() and (not words.any() or most) and exact)

    @classmethod
    def fit(cls, column: TrainingColumn) -> Column:
        """Learn the median. A column whose numbers are all the same is constant."""
        parse = cls.learned_parse(column)
        span = column.span(parse)
        if column.is_text and span.missing == column.n:
            leave = typed_option("numeric", column.name)
            raise InputError(f"{column.dataset}: column {column.name!r} holds no {cls.kind}; leave out {leave}")
        if span.is_constant:
            return ConstantColumn(column.name)
        mean, deviation = column.moments(parse)
        finite = math.isfinite(mean + deviation)
        return cls(
            column.name,
            missing=column.missing(parse),
            median=column.median(parse),
            mean=mean if finite else None,
            deviation=deviation if finite else None,
        ).as_written(column)

    def as_written(self, column: TrainingColumn) -> "NumberColumn":
        """The column with what is known of how its cells are written."""
        if not column.is_text:
            decimal = column.training.decimal
            return self if decimal == "." else replace(self, written=NumberFormat(decimal))
        written = column.number_format
        found = replace(self, written=None if written.is_plain() and not written.example else written)
        return replace(found, absent=tuple(list(found.unparsed(column.text))[:KEPT_WORDS]))

    def standardised(self, column: TrainingColumn) -> Column:
        """The column with mean and standard deviation. Raises InputError if these overflow."""
        values, _ = self._filled(column.cells)
        weights = column.training.weights
        with np.errstate(over="ignore", invalid="ignore"):
            center = float(np.average(values, weights=weights))
            spread = math.sqrt(np.average(np.square(values - center), weights=weights))
        if not math.isfinite(spread):
            raise InputError(
                f"{column.dataset}: the numbers in column {self.name!r} are too large to standardise; "
                "drop or rescale the column"
            )
        return replace(self, center=center, spread=spread or 1.0)

    def _filled(self, cells: Array | Cells) -> tuple[Array, Array]:
        """The cells as numbers (n,), missing ones replaced by the median; and which ones are missing (n,)."""
        numbers = self.as_numbers(cells) if isinstance(cells, Cells) else cells
        missing = np.isnan(numbers)
        return np.where(missing, np.nan if self.median is None else self.median, numbers), missing

    def feature_names(self) -> list[str]:
        """The name of the column, and that of the flag of missing cells."""
        return [self.name, f"{self.name} (missing)"] if self.missing else [self.name]

    def transform(self, cells: Array | Cells, sparse: bool) -> tuple[Stored, Unknown]:
        """The numbers, standardised if sparse; and 1 where one is missing."""
        numbers = self.as_numbers(cells) if isinstance(cells, Cells) else cells
        if isinstance(cells, Cells):
            unknown = self._unknown(cells)
        elif self.wants_unit and self.written is not None:
            without = int((~np.isnan(numbers)).sum())
            unknown = {f"numbers without {self.written.unit.strip()}": without} if without else {}
            numbers = np.full(len(numbers), np.nan)
        else:
            unknown = {}
        block, missing = number_features([self], numbers[:, None], sparse)
        newly_missing = int(missing[0]) - sum(unknown.values())
        if newly_missing and not self.missing:
            unknown[MISSING] = newly_missing
        return block, unknown

    @property
    def wants_unit(self) -> bool:
        """Whether a plain number is none: without kg or %, it may be in another unit."""
        return self.written is not None and self.written.wants_unit

    def summary(self) -> str:
        """The number of missing cells, and how numbers are written."""
        words = [f"missing in {in_rows(self.missing)}"] if self.missing else []
        if self.written is not None:
            shown = "truth values" if self.written.truth else f"as in {self.written.example!r}"
            words.append(shown if self.written.truth or self.written.example else "")
        return ", ".join(filter(None, words))

    @property
    def is_identity(self) -> bool:
        """Whether no cell was missing in the training rows, and numbers need no unit."""
        return not self.missing and not self.wants_unit

    @property
    def missing_feature(self) -> int | None:
        """The second one; a cell that is not a number is missing, too."""
        return 1 if self.missing else None

    def reads_text(self, decimal: str) -> bool:
        """Whether its numbers have another decimal mark than the file: pandas would read 2.795 for 2,795."""
        return (self.written or PLAIN).decimal != decimal

    def with_swapped_marks(self, decimal: str) -> Column:
        """The same numbers with the other decimal mark, and the mark of thousands that goes with it. A column whose marks were not
        those of the training file stays."""
        return self if self.reads_text(decimal) else replace(self, written=(self.written or PLAIN).swapped())

    def training_notes(self, column: TrainingColumn) -> list[str]:
        """Notes on the cells that are not numbers, and on those that are bounds."""
        if not column.is_text:
            return []
        unparsed, notes = self.unparsed(column.text), []
        if unparsed:
            what = f"not {self.kind}s in {in_rows(sum(unparsed.values()))}, treated as missing"
            remedy = f"{typed_option('category', self.name)} treats them as levels"
            notes.append(f"{column.dataset}: column {self.name!r}: {what}: {counted(unparsed)}; {remedy}")
        if self.written is not None and self.reads_text(column.training.decimal) and "." in self.written.example:
            number = self.written(self.written.example)
            what = f"points are marks of thousands, so that {self.written.example!r} is {number:.10g}"
            notes.append(f"{column.dataset}: column {self.name!r}: {what}; --thousands '' reads them as decimal points")
        if self.written is not None and self.written.magnitudes:
            what = f"k, M and the like multiply the numbers, as in {self.written.example!r}"
            notes.append(
                f"{column.dataset}: column {self.name!r}: {what}; {typed_option('category', self.name)} treats them as levels"
            )
        bounds = self._bounds(column.text)
        if bounds:
            what = f"bounds in {in_rows(sum(bounds.values()))}, treated as the number in them"
            notes.append(f"{column.dataset}: column {self.name!r}: {what}: {counted(bounds)}")
        return notes

    def _bounds(self, cells: Cells) -> dict[str, int]:
        """The cells such as <5, and how often each occurs."""
        counts = cells.counts()
        return {str(cells.levels[i]): int(counts[i]) for i in np.flatnonzero(counts) if is_bound(cells.levels[i])}

    def _unknown_treatment(self) -> tuple[str, str]:
        return f"not {self.kind}s", "missing"

    def _missing_treatment(self) -> str:
        return "replaced by the median"

    def not_finite_error(self, text: str) -> str:
        """The number is too large, or there is none and no median to replace it."""
        if self.median is not None:
            return super().not_finite_error(text)
        if text and np.isnan(self.parse(np.array([text], object)))[0]:
            return f"the cell in column {self.name!r} is {text[:30]!r}, and the model takes a number; fix it, or leave out the row"
        return (
            f"the number in column {self.name!r} is missing, and the model knows no median for it; fill it in, or leave "
            "out the row"
        )

    @property
    def takes_numbers(self) -> bool:
        """Whether the cells are numbers in a table, too, and not a text that stands for one."""
        return not self.read_as_text

    def number_features(self) -> list[bool]:
        """The first feature is the number."""
        return [True, False] if self.missing else [True]

    def in_table_units(self, features: Array) -> Array:
        """The features without the standardisation."""
        shown = features.copy()
        shown[0] = features[0] * self.spread + self.center
        return shown

    def as_numbers(self, cells: Cells) -> Array:
        """The cells as numbers (n,), NaN where they cannot be parsed."""
        return cells.converted(self.parse)

    def unparsed(self, cells: Cells) -> dict[str, int]:
        """The cells that are not numbers, and how often each occurs."""
        counts = cells.counts()
        used = np.flatnonzero(counts)
        bad = used[np.isnan(self.parse(cells.levels[used]))]
        return {str(cells.levels[i]): int(counts[i]) for i in bad}

    def _unknown(self, cells: Cells) -> dict[str, int]:
        """Those without the ones that the training rows had, too, and those that say that a cell is missing."""
        known = set(self.absent)
        return {text: n for text, n in self.unparsed(cells).items() if text not in known and not is_marker(text)}


def number_features(columns: Sequence[NumberColumn], numbers: Array, sparse: bool) -> tuple[Array, Array]:
    """The features of columns of numbers (n, k), next to each other, as `Column.transform` describes them; and the number of missing
    cells of each column, (k,)."""
    gaps = np.isnan(numbers)
    counts = gaps.sum(axis=0)
    flagged = np.array([column.missing > 0 for column in columns], bool)
    places = np.arange(len(columns)) + np.cumsum(flagged) - flagged  # of the numbers among the features
    block = np.empty((len(numbers), len(columns) + int(flagged.sum())))
    if counts.any():
        fill = np.array([np.nan if column.median is None else column.median for column in columns])
        numbers = np.where(gaps, fill, numbers)
    if sparse:
        center, spread = (np.array([getattr(column, name) for column in columns]) for name in ("center", "spread"))
        with np.errstate(over="ignore"):
            numbers = (numbers - center) / spread
    block[:, places] = numbers
    block[:, places[flagged] + 1] = gaps[:, flagged]
    return block, counts


@dataclass(frozen=True)
class PlainNumberColumn(NumberColumn):
    """A column of numbers of a model that was trained on arrays: nothing is known about missing cells, and truth values are
    the numbers 1 and 0, as they are in an array."""

    def parse(self, levels: Array) -> Array:
        """The numbers that levels (L,) spell, 1 and 0 for true and false, NaN for others."""
        truth = {"True": 1.0, "False": 0.0}
        return np.array([truth.get(level, parse_number(level)) for level in levels], np.float64)
