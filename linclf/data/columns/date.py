"""Columns of dates: as numbers, the days since 1970; and weekday, month and hour, where the label depends on them."""

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

import numpy as np

from linclf.data.columns.base import Column, Unknown, counted
from linclf.data.columns.date_choice import number_dates
from linclf.data.columns.date_format import EPOCH, ISO, DateFormat
from linclf.data.columns.date_parts import DATE_PART_LEVELS, chosen_parts, part_codes
from linclf.data.columns.durations import DURATIONS, spell_duration
from linclf.data.columns.left_out import are_row_numbers
from linclf.data.columns.number import NumberColumn
from linclf.data.columns.training_column import TrainingColumn, medians_of, moments_of
from linclf.data.table import Cells, Parse, option, parse_numbers, spell_numbers
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Stored, to_dense

FEWEST_SWAPPED = 3  # different dates
_TIME_NAME = re.compile(r"(.*[\W_])?(time|date|datetime|timestamp|ts|epoch|at|created|updated)", re.IGNORECASE)


@dataclass(frozen=True)
class DateColumn(NumberColumn):
    """A column of dates, of dates and times, or of times of day.

    dates  how they are written, None for ISO 8601
    parts  the parts of a date that are features, too: keys of DATE_PART_LEVELS
    """

    dates: DateFormat | None = None
    parts: tuple[str, ...] = ()

    kind = "date"
    option: ClassVar[str | None] = None
    read_as_text = True
    reports_unparsed = False

    def parse(self, levels: Array) -> Array:
        """Levels (L,) of text as days since 1970 (L,), NaN where one is no date."""
        return (self.dates or DateFormat()).numbers(levels)

    @classmethod
    def learned_parse(cls, column: TrainingColumn) -> Parse:
        """How the cells of the training rows are parsed."""
        return (_format(column) or DateFormat()).numbers

    @classmethod
    def recognises(cls, column: TrainingColumn) -> bool:
        """Whether the cells are dates."""
        form = _format(column)
        return form is not None and (not column.is_text or (cls.mostly_parsed(column) and not are_row_numbers(column)))

    @classmethod
    def fit(cls, column: TrainingColumn) -> Column:
        """Learn the median. Raises InputError if day and month could change places."""
        form = _format(column)
        if form is not None and form.ambiguous:
            year = "; if the year is, write it with four digits" if "%y" in form.format else ""
            raise InputError(
                f"{column.dataset}: column {column.name!r}: is the day or the month first in dates such as "
                f"{form.example!r}? both fit; pass --day-first or --month-first, or {option('drop', column.name)}{year}"
            )
        if column.is_text:
            return super().fit(column)
        days = column.text.converted(cls.learned_parse(column))
        weights = column.training.weights
        (median,), ((mean, deviation),) = medians_of(days[None], weights), moments_of(days[None], weights)
        return cls(column.name, missing=column.missing(), median=median, mean=mean, deviation=deviation).as_written(
            column
        )

    def as_written(self, column: TrainingColumn) -> NumberColumn:
        """The column with its format, and the parts that the label depends on."""
        form = _format(column)
        found = replace(self, dates=None if form is None or form.format == ISO else form)
        days = found.as_numbers(column.text)
        found = replace(found, absent=tuple(found.unparsed(column.text)))
        return replace(found, parts=chosen_parts(days, form or DateFormat(), column))

    def feature_names(self) -> list[str]:
        """The column, the flag of missing cells, and the parts."""
        return [
            *super().feature_names(),
            *(f"{self.name} {part}={level}" for part in self.parts for level in DATE_PART_LEVELS[part]),
        ]

    def transform(self, cells: Array | Cells, sparse: bool) -> tuple[Stored, Unknown]:
        """The days, the flag, and for each part 1 in the column of its level."""
        cells = cells if isinstance(cells, Cells) else spell_numbers(cells)
        block, unknown = super().transform(cells, sparse)
        days = self.as_numbers(cells)
        parts = [_one_hot(part_codes(days, part), len(DATE_PART_LEVELS[part])) for part in self.parts]
        return np.column_stack([to_dense(block), *parts]), unknown

    def summary(self) -> str:
        """The number of missing cells, how dates are written, the unit, and the parts."""
        form = self.dates or DateFormat()
        words = [super().summary(), f"as in {form.example!r}" if form.example else ""]
        words += ["days since 1970" if form.has_date else "parts of a day", *self.parts]
        return ", ".join(filter(None, words))

    def swapped_cells(self, unknown: Unknown) -> str:
        """The unknown cells, if there are several, and all are dates with day and month in each other's place."""
        cells, other = [cell for cell in unknown if cell], (self.dates or DateFormat()).swapped()
        if len(cells) < FEWEST_SWAPPED or other is None or np.isnan(other.numbers(np.array(cells, object))).any():
            return ""
        return counted({cell: unknown[cell] for cell in cells})

    def with_swapped_marks(self, decimal: str) -> Column:
        """The column as it is."""
        return self

    def reads_text(self, decimal: str) -> bool:
        """True."""
        return True

    @property
    def is_identity(self) -> bool:
        """False: the table has text."""
        return False

    def number_features(self) -> list[bool]:
        """The first feature is the number."""
        return [True, *[False] * (len(self.feature_names()) - 1)]

    def spell(self, number: float) -> str:
        """The date, with its time to the second if it is not midnight; a time of day without a date."""
        if self.dates is not None and self.dates.format in DURATIONS:
            return spell_duration(number)
        try:
            moment = (EPOCH + timedelta(seconds=round(number * 86400))).replace(tzinfo=None)
        except (OverflowError, ValueError):
            return super().spell(number)
        if self.dates is not None and not self.dates.has_date:
            return moment.time().isoformat()
        return moment.isoformat(" ").removesuffix(" 00:00:00")


def _format(column: TrainingColumn) -> DateFormat | None:
    """How dates are written, None if the cells are none."""
    if column.is_text:
        return column.date_format
    span = column.span(parse_numbers)
    if not span.whole or span.is_constant:
        return None
    numbers = column.numbers(parse_numbers)
    return number_dates(numbers[~np.isnan(numbers)], _TIME_NAME.fullmatch(column.name) is not None)


def _one_hot(codes: Array, width: int) -> Array:
    """Codes (n,), -1 for none, as (n, width) of 0 and 1."""
    return np.asarray(codes[:, None] == np.arange(width), np.float64)
