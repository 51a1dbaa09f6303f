"""Columns of numbers: missing ones become the median, and a second feature flags them if the training rows have any."""

import math
from dataclasses import replace
from typing import ClassVar

import numpy as np

from linclf.data.columns.base import MISSING, Column, Unknown, counted, in_rows
from linclf.data.columns.left_out import ConstantColumn, are_row_numbers
from linclf.data.columns.training_column import TrainingColumn
from linclf.data.table import MAX_EXACT_INT, Cells, option, parse_number
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Stored

NUMBERS = 0.9  # share of the cells of a column of numbers that must be numbers; the others are treated as missing
FEW_NUMBERS = 10  # a column of so few different numbers, and other cells, is one of categories


class NumberColumn(Column):
    """A column of numbers."""

    kind = "number"
    option: ClassVar[str | None] = "numeric"
    reports_unparsed = True
    parse = staticmethod(parse_number)

    @classmethod
    def recognises(cls, column: TrainingColumn) -> bool:
        """Whether the cells are numbers, but not row numbers."""
        return (not column.is_text or cls.mostly_parsed(column)) and not are_row_numbers(column)

    @classmethod
    def mostly_parsed(cls, column: TrainingColumn) -> bool:
        """Whether all cells that are not missing can be parsed; or nearly all, as more than a few different numbers."""
        values, counts = column.parsed(cls.parse), column.counts
        fits = ~np.isnan(values)
        most = counts[fits].sum() >= NUMBERS * counts.sum() and fits.sum() > FEW_NUMBERS
        # whole numbers too long for a float are codes, and must not be merged
        exact = (np.abs(values[fits]) < MAX_EXACT_INT).all() or len(np.unique(values[fits])) == fits.sum()
        return bool((fits.all() or most) and exact)

    @classmethod
    def fit(cls, column: TrainingColumn) -> Column:
        """Learn the median. A column whose numbers are all the same is constant."""
        span = column.span(cls.parse)
        if column.is_text and span.missing == column.n:
            leave = option("numeric", column.name)
            raise InputError(f"{column.dataset}: column {column.name!r} holds no {cls.kind}; leave out {leave}")
        if span.is_constant:
            return ConstantColumn(column.name)
        return cls(column.name, missing=column.missing(cls.parse), median=column.median(cls.parse))

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
        values, missing = self._filled(cells)
        unknown = self.unparsed(cells) if isinstance(cells, Cells) else {}
        newly_missing = int(missing.sum()) - sum(unknown.values())
        if newly_missing and not self.missing:
            unknown[MISSING] = newly_missing
        if sparse:
            with np.errstate(over="ignore"):
                values = (values - self.center) / self.spread
        return np.column_stack([values, missing] if self.missing else [values]).astype(np.float64), unknown

    def summary(self) -> str:
        """The number of missing cells."""
        return f"missing in {in_rows(self.missing)}" if self.missing else ""

    @property
    def is_identity(self) -> bool:
        """Whether no cell was missing in the training rows."""
        return not self.missing

    def training_notes(self, column: TrainingColumn) -> list[str]:
        """A note on the cells that are not numbers."""
        unparsed = self.unparsed(column.text) if column.is_text else {}
        if not unparsed:
            return []
        what = f"not {self.kind}s in {in_rows(sum(unparsed.values()))}, treated as missing"
        remedy = f"{option('category', self.name)} treats them as levels"
        return [f"{column.dataset}: column {self.name!r}: {what}: {counted(unparsed)}; {remedy}"]

    def _unknown_treatment(self) -> tuple[str, str]:
        return f"not {self.kind}s", "missing"

    def _missing_treatment(self) -> str:
        return "replaced by the median"

    def not_finite_error(self, text: str) -> str:
        """The number is too large, or there is none and no median to replace it."""
        if self.median is not None:
            return super().not_finite_error(text)
        if text and math.isnan(self.parse(text)):
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
        return {
            str(cells.levels[i]): int(counts[i])
            for i in np.flatnonzero(counts)
            if math.isnan(self.parse(cells.levels[i]))
        }


def _parse_plain(text: str) -> float:
    """The number that a cell spells, 1 and 0 for true and false, else NaN."""
    return {"True": 1.0, "False": 0.0}.get(text, parse_number(text))


class PlainNumberColumn(NumberColumn):
    """A column of numbers of a model that was trained on arrays: nothing is known about missing cells, and truth values are
    the numbers 1 and 0, as they are in an array."""

    parse = staticmethod(_parse_plain)
