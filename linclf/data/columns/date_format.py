"""How the dates and times of a column are written: a format of `strptime`, chosen for a whole column and kept in the model."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from linclf.data.columns.markers import is_marker
from linclf.losses import Array

SAMPLE = 500  # levels that are looked at to choose a format
ENOUGH = 0.9  # share of the cells that must be dates
ISO, SECONDS, MILLISECONDS = "ISO 8601", "seconds since 1970", "milliseconds since 1970"
DURATION, QUARTER, WEEK = "hours:minutes:seconds", "year and quarter", "year and week"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST, LATEST = 1900, 2200  # the years of dates that are written as one number, such as 20241231
_EPOCH_RANGE = (3e8, 5e9)  # 1979 to 2128, in seconds
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?")
_DATE_TIME = re.compile(
    r"(?P<date>.+?)(?:(?P<between>T|, | |:)(?P<clock>\d{1,2}:\d\d(?::\d\d(?:\.\d{1,6})?)?(?: ?[AaPp][Mm])?)"
    r"(?P<zone> ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?)?"
)
_CLOCK = re.compile(r"\d{1,2}:\d\d(?P<seconds>:\d\d(?P<fraction>\.\d{1,6})?)?(?P<half> ?[AaPp][Mm])?")
_DURATION = re.compile(r"(\d{1,4}):(\d\d)(?::(\d\d(?:\.\d+)?))?")
_QUARTER = re.compile(r"(?P<year>\d{4})[-/ ]?[Qq](?P<quarter>[1-4])|[Qq](?P<first>[1-4])[-/ ]?(?P<last>\d{4})")
_WEEK = re.compile(r"(\d{4})-?W(\d\d)")
_WEEKDAY = re.compile(r"(?P<name>[A-Za-z]{3,9})(?P<comma>,?) (?=.*\d)")
_MONTH_NAME = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAY_NAME = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
# A date, and its formats; \1 and so on are the marks between its parts, {month} is %b or %B.
_DATES = [
    (re.compile(p), formats)
    for p, formats in (
        (r"\d{4}([-/. ])\d{1,2}\1\d{1,2}", ["%Y{1}%m{1}%d"]),
        (r"\d{1,2}([-/. ])\d{1,2}\1\d{4}", ["%d{1}%m{1}%Y", "%m{1}%d{1}%Y"]),
        (r"\d{1,2}([-/])\d{1,2}\1\d\d|\d\d(\.)\d\d\.\d\d", ["%d{1}%m{1}%y", "%m{1}%d{1}%y"]),
        (r"(19|20|21)\d{6}", ["%Y%m%d"]),
        (r"\d{1,2}(\. |[- /.])(?P<month>[A-Za-z]{3,9})\.?([- /.])\d{4}", ["%d{1}{month}{3}%Y"]),
        (r"\d{1,2}([- /])(?P<month>[A-Za-z]{3})([- /])\d\d", ["%d{1}{month}{3}%y"]),
        (r"(?P<month>[A-Za-z]{3,9}) \d{1,2}(,?) \d{4}", ["{month} %d{2} %Y"]),
        (r"\d{4}([-/.])\d{1,2}", ["%Y{1}%m"]),
        (r"\d{1,2}([-/])\d{4}", ["%m{1}%Y"]),
        (r"(?P<month>[A-Za-z]{3,9})([- ])\d{4}", ["{month}{2}%Y"]),
    )
]


@dataclass(frozen=True)
class DateFormat:
    """How the dates of a column are written.

    format     as for `strptime`, or ISO, SECONDS, MILLISECONDS, DURATION, QUARTER or WEEK
    ambiguous  whether day and month could as well change places
    example    a cell
    """

    format: str = ISO
    ambiguous: bool = False
    example: str = ""

    def numbers(self, levels: Array) -> Array:
        """Days since 1970 of levels (L,) of text, NaN where one is no date in this format; without a time zone they are UTC.
        A time of day without a date is a part of a day."""
        if self.format == ISO:
            return np.array([_iso_days(level) for level in levels], np.float64)
        if self.format in (SECONDS, MILLISECONDS):
            return _plain_numbers(levels) / (86400 if self.format == SECONDS else 86_400_000)
        if self.format in _OTHERS:
            parse = _OTHERS[self.format]
            return np.array([parse(level) for level in levels], np.float64)
        import pandas as pd

        moments = pd.to_datetime(pd.Series(levels, dtype=object), format=self.format, errors="coerce", utc=True)
        start = EPOCH if self.has_date else datetime(1900, 1, 1, tzinfo=UTC)
        days = (moments - start) / timedelta(days=1)
        return np.asarray(days.to_numpy(np.float64, na_value=np.nan))

    @property
    def has_date(self) -> bool:
        """Whether it is more than a time of day."""
        return not self.format.startswith(("%H", "%I", DURATION))

    @property
    def has_time(self) -> bool:
        """Whether there is a time of day."""
        return self.format in (ISO, SECONDS, MILLISECONDS) or "%H" in self.format or "%I" in self.format

    def swapped(self) -> "DateFormat | None":
        """The format with day and month in each other's place; None unless both are numbers before the year."""
        found = re.match(r"(%[dm])([-/. ])(%[dm])", self.format)
        if found is None:
            return None
        return DateFormat(f"{found[3]}{found[2]}{found[1]}{self.format[found.end() :]}")

    @property
    def is_day_first(self) -> bool:
        """Whether the day comes before the month."""
        return self.format.find("%d") < self.format.find("%m")


def _iso_days(text: str) -> float:
    """Days since 1970 of a date, or of a date and time, in ISO 8601, else NaN."""
    if not _ISO.fullmatch(text):
        return np.nan
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return np.nan
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) / timedelta(days=1)


def _duration_days(text: str) -> float:
    """Days of a duration in hours, minutes and seconds, else NaN."""
    found = _DURATION.fullmatch(text)
    return np.nan if found is None else (int(found[1]) + int(found[2]) / 60 + float(found[3] or 0) / 3600) / 24


def _quarter_days(text: str) -> float:
    """Days since 1970 of the first day of a quarter, else NaN."""
    found = _QUARTER.fullmatch(text)
    if found is None:
        return np.nan
    year, quarter = int(found["year"] or found["last"]), int(found["quarter"] or found["first"])
    return (datetime(year, 3 * quarter - 2, 1, tzinfo=UTC) - EPOCH).days if year else np.nan


def _week_days(text: str) -> float:
    """Days since 1970 of the Monday of a week in ISO 8601, else NaN."""
    found = _WEEK.fullmatch(text)
    try:
        monday = None if found is None else datetime.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        return np.nan
    return np.nan if monday is None else (monday.replace(tzinfo=UTC) - EPOCH).days


_OTHERS = {DURATION: _duration_days, QUARTER: _quarter_days, WEEK: _week_days}


def _plain_numbers(levels: Array) -> Array:
    return np.array([float(level) if re.fullmatch(r"\d+(\.\d+)?", level) else np.nan for level in levels], np.float64)


def choose_date_format(levels: Array, counts: Array, day_first: bool | None = None) -> DateFormat | None:
    """The format in which most of the cells with these levels (L,) of text are dates, None if too few are.

    counts     (L,) rows of each level
    day_first  whether the day comes before the month, where both fit
    """
    order = [i for i in np.argsort(levels)[:: len(levels) // SAMPLE + 1] if not is_marker(levels[i])]
    sample, rows = levels[order], counts[order]
    if not len(sample):
        return None
    forms = [DateFormat(text) for text in dict.fromkeys(_candidates(sample))]
    fit = [int(rows[~np.isnan(form.numbers(sample))].sum()) for form in forms]
    most = max(fit, default=0)
    if most < ENOUGH * rows.sum():
        return None
    equal = [form for form, n in zip(forms, fit, strict=True) if n == most]
    best = equal[-1] if equal[0].format == DURATION else equal[0]  # a time of day, if all hours are before 24
    days, other = best.numbers(sample), best.swapped()
    example = str(sample[int(np.argmax(~np.isnan(days)))])
    if other is None or np.isnan(other.numbers(sample))[~np.isnan(days)].any():
        return DateFormat(best.format, example=example)
    if day_first is not None:
        return DateFormat(best.format if best.is_day_first == day_first else other.format, example=example)
    monthly = _by_first_of_month(best, other, sample)
    ambiguous = monthly is None and bool((days != other.numbers(sample))[~np.isnan(days)].any())
    return DateFormat((monthly or best).format, ambiguous, example)


def _by_first_of_month(one: DateFormat, other: DateFormat, sample: Array) -> DateFormat | None:
    """The format by which all of these cells are the first of a month, if there is one: they are months."""
    for form in (one, other):
        days = form.numbers(sample)
        if len(days) > 2 and all((EPOCH + timedelta(days=day)).day == 1 for day in days[~np.isnan(days)].tolist()):
            return form
    return None


def _candidates(sample: Array) -> Iterator[str]:
    """The formats that one of some cells may be written in."""
    if any(_ISO.fullmatch(text) for text in sample[:20]):
        yield ISO
    for name, pattern in ((DURATION, _DURATION), (QUARTER, _QUARTER), (WEEK, _WEEK)):
        if pattern.fullmatch(sample[0]):
            yield name
    for text in sample[:: len(sample) // 20 + 1]:
        clock = _CLOCK.fullmatch(text)
        if clock is not None:
            yield _clock_format(clock)
            continue
        found = _DATE_TIME.fullmatch(text)
        if found is None:
            continue
        rest = ""
        if found["clock"]:
            zone = found["zone"]
            inner = _CLOCK.fullmatch(found["clock"])
            named = zone if zone and zone.strip() in ("UTC", "GMT") else None
            written = named or (f"{' ' * zone.startswith(' ')}%z" if zone else "")
            rest = found["between"] + (_clock_format(inner) if inner else "") + written
        yield from (f"{form}{rest}" for form in _date_formats(found["date"]))


def _clock_format(found: re.Match[str]) -> str:
    half, seconds = found["half"], (":%S" if found["seconds"] else "") + (".%f" if found["fraction"] else "")
    return ("%I" if half else "%H") + ":%M" + seconds + ((" %p" if half.startswith(" ") else "%p") if half else "")


def _date_formats(text: str) -> Iterator[str]:
    """The formats that a date without a time may be written in."""
    start, weekday = "", _WEEKDAY.match(text)
    if weekday is not None and weekday["name"][:3].casefold() in _WEEKDAY_NAME:
        start = ("%a" if len(weekday["name"]) == 3 else "%A") + weekday["comma"] + " "
        text = text[weekday.end() :]
    for pattern, formats in _DATES:
        found = pattern.fullmatch(text)
        if found is None:
            continue
        named = found.groupdict().get("month")
        if named is not None and named[:3].casefold() not in _MONTH_NAME:
            continue
        month = "" if named is None else "%b" if len(named) == 3 else "%B"
        parts = {str(i): part for i, part in enumerate(found.groups(""), 1)}
        mark = parts.get("1") or parts.get("2", "")
        for form in formats:
            filled = form.replace("{1}", mark).replace("{month}", month)
            for number, part in parts.items():
                filled = filled.replace(f"{{{number}}}", part)
            yield start + filled


def number_dates(numbers: Array, has_time_name: bool) -> DateFormat | None:
    """The format of numbers (n,) without gaps that are dates: days such as 20241231, or, under the name of a time, seconds or
    milliseconds since 1970. None for numbers."""
    low, high = float(numbers.min()), float(numbers.max())
    if low > EARLIEST * 10_000 and high < LATEST * 10_000:
        levels = np.array([f"{x:.0f}" for x in np.unique(numbers)], object)
        form = DateFormat("%Y%m%d", example=levels[0])
        dated = (numbers == np.floor(numbers)).all() and len(levels) > 2
        return form if dated and not np.isnan(form.numbers(levels)).any() else None
    for name, unit in ((SECONDS, 1), (MILLISECONDS, 1000)):
        if has_time_name and low > _EPOCH_RANGE[0] * unit and high < _EPOCH_RANGE[1] * unit:
            return DateFormat(name, example=f"{numbers[0]:.0f}")
    return None
