"""How the dates and times of a column are written: a format of `strptime`, kept in the model."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from linclf.data.columns.date_text import DateText, normalised
from linclf.data.columns.durations import DURATIONS, duration_days
from linclf.losses import Array

ISO, SECONDS, MILLISECONDS = "ISO 8601", "seconds since 1970", "milliseconds since 1970"
QUARTER, WEEK = "year and quarter", "year and week"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PIVOT = 69  # two-digit years from this one on are of the 20th century, for `strptime`
CLOCK = " %H:%M"  # in the format of normalised cells: some have a time of day
_CENTURY = 36525  # days
ISO_TEXT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?")
QUARTER_TEXT = re.compile(r"(?P<year>\d{4})[-/ ]?[Qq](?P<quarter>[1-4])|[Qq](?P<first>[1-4])[-/ ]?(?P<last>\d{4})")
WEEK_TEXT = re.compile(r"(\d{4})-?W(\d\d)(?:-?([1-7]))?")
_DAY_AND_MONTH = re.compile(r"(%[dm])([-/. ]?)(?!\1)(%[dm])")


def days_of(year: int, month: int = 1, day: int = 1) -> int:
    """Days since 1970 of a date."""
    return (datetime(year, month, day, tzinfo=UTC) - EPOCH).days


_FIRST, _LAST = days_of(1, 1, 3), days_of(9999, 12, 30)  # days before and from these on stand for no date


@dataclass(frozen=True)
class DateFormat:
    """How the dates of a column are written.

    format      as for `strptime`, or ISO, SECONDS, MILLISECONDS, QUARTER, WEEK, or one of DURATIONS
    ambiguous   whether day and month, or day and year, could as well change places
    example     a cell
    normalised  whether cells are normalised first; then the format is that of the date, and the time of day is optional
    pivot       the first two-digit year of the 20th century
    """

    format: str = ISO
    ambiguous: bool = False
    example: str = ""
    normalised: bool = False
    pivot: int = PIVOT

    def numbers(self, levels: Array) -> Array:
        """Days since 1970 of levels (L,) of text, NaN where one is no date in this format; without a time zone they are UTC.
        A time of day without a date is a part of a day. The first and the last day of all, which stand for no date, are NaN."""
        if self.format in (SECONDS, MILLISECONDS):
            return _plain_numbers(levels) / (86400 if self.format == SECONDS else 86_400_000)
        if self.format in DURATIONS:
            return np.array([duration_days(level, self.format) for level in levels], np.float64)
        if self.normalised:
            days = self._normalised_days([normalised(level) for level in levels])
        elif self.format in _PARSERS:
            parse = _PARSERS[self.format]
            days = np.array([parse(level) for level in levels], np.float64)
        else:
            days = self._parsed(levels, self.format)
        return np.where((days < _FIRST) | (days >= _LAST), np.nan, days) if self.has_date else days

    def _parsed(self, levels: Array, form: str) -> Array:
        """Days since 1970, or parts of a day, by a format of `strptime`."""
        import pandas as pd

        moments = pd.to_datetime(pd.Series(levels, dtype=object), format=form, errors="coerce", utc=True)
        start = EPOCH if self.has_date else datetime(1900, 1, 1, tzinfo=UTC)
        days = ((moments - start) / timedelta(days=1)).to_numpy(np.float64, na_value=np.nan)
        if "%y" in form and self.pivot != PIVOT:
            days = np.where(days >= days_of(2000 + self.pivot), days - _CENTURY, days)
        return np.asarray(days)

    def _normalised_days(self, texts: list[DateText | None]) -> Array:
        """The same for cells that have been normalised, None where one is no date."""
        if not self.has_date:
            return np.array([text.part if text is not None and not text.date else np.nan for text in texts], np.float64)
        dates = {text.date: np.nan for text in texts if text is not None and text.date}
        different, form = np.array(list(dates), object), self.format.removesuffix(CLOCK)
        days = self._parsed(different, form)
        if "%y" in form and not self.is_year_first:
            days = np.where(np.isnan(days), self._parsed(different, form.replace("%y", "%Y")), days)
        dates.update(zip(different.tolist(), days.tolist(), strict=True))
        return np.array([np.nan if t is None else dates.get(t.date, np.nan) + t.part for t in texts], np.float64)

    @property
    def has_date(self) -> bool:
        """Whether it is more than a time of day, or a duration."""
        return self.format not in DURATIONS and not self.format.startswith(("%H", "%I"))

    @property
    def has_time(self) -> bool:
        """Whether there is a time of day."""
        return self.format in (ISO, SECONDS, MILLISECONDS) or "%H" in self.format or "%I" in self.format

    def swapped(self) -> "DateFormat | None":
        """The format with day and month in each other's place; None unless both are numbers side by side."""
        form = _DAY_AND_MONTH.sub(r"\3\2\1", self.format)
        return None if form == self.format else replace(self, format=form, ambiguous=False, example="")

    @property
    def is_day_first(self) -> bool:
        """Whether the day comes before the month."""
        return self.format.find("%d") < self.format.find("%m")

    @property
    def is_year_first(self) -> bool:
        """Whether a date starts with its year."""
        return self.format.startswith(("%y", "%Y"))


def _iso_days(text: str) -> float:
    """Days since 1970 of a date, or of a date and time, in ISO 8601, else NaN."""
    if not ISO_TEXT.fullmatch(text):
        return np.nan
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return np.nan
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) / timedelta(days=1)


def _quarter_days(text: str) -> float:
    """Days since 1970 of the first day of a quarter, else NaN."""
    found = QUARTER_TEXT.fullmatch(text)
    if found is None:
        return np.nan
    year, quarter = int(found["year"] or found["last"]), int(found["quarter"] or found["first"])
    return days_of(year, 3 * quarter - 2) if year else np.nan


def _week_days(text: str) -> float:
    """Days since 1970 of a day of a week in ISO 8601, Monday if none is said, else NaN."""
    found = WEEK_TEXT.fullmatch(text)
    try:
        day = None if found is None else datetime.fromisocalendar(int(found[1]), int(found[2]), int(found[3] or 1))
    except ValueError:
        return np.nan
    return np.nan if day is None else (day.replace(tzinfo=UTC) - EPOCH).days


_PARSERS = {ISO: _iso_days, QUARTER: _quarter_days, WEEK: _week_days}


def _plain_numbers(levels: Array) -> Array:
    return np.array([float(level) if re.fullmatch(r"\d+(\.\d+)?", level) else np.nan for level in levels], np.float64)
