"""The format of the dates of a column, chosen from its cells."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np

from linclf.data.columns.date_format import (
    CLOCK,
    EPOCH,
    ISO,
    ISO_TEXT,
    MILLISECONDS,
    PIVOT,
    QUARTER,
    QUARTER_TEXT,
    SECONDS,
    WEEK,
    WEEK_TEXT,
    DateFormat,
    days_of,
)
from linclf.data.columns.date_patterns import written_formats
from linclf.data.columns.date_text import LONGEST, normalised
from linclf.data.columns.durations import DURATIONS, duration_formats
from linclf.data.columns.markers import is_marker
from linclf.losses import Array

SAMPLE = 500  # levels that are looked at to choose a format
ENOUGH = 0.9  # share of the cells that must be dates
WORD = 0.5  # share of the cells that may have one and the same word, which then does not count
LIKELY = (1700, 2300)  # the years of most cells of a column of dates
LONG = 60  # years from the first to the last two-digit year, from which on another pivot is looked for
MANY_DAYS = 20  # different days of the month, from the first to the last ones, that are no years
EARLIEST, LATEST = 1900, 2200  # the years of dates that are written as one number, such as 20241231
_EPOCH_RANGE = (3e8, 5e9)  # 1979 to 2128, in seconds


def choose_date_format(levels: Array, counts: Array, day_first: bool | None = None) -> DateFormat | None:
    """The format in which most of the cells with these levels (L,) of text are dates, None if too few are.

    counts     (L,) rows of each level
    day_first  whether the day comes before the month, where both fit; then the year is not first, either
    """
    word = _frequent_word(levels, counts)
    order = [i for i in np.argsort(levels)[:: len(levels) // SAMPLE + 1] if i != word and not is_marker(levels[i])]
    sample, rows = levels[order], counts[order]
    short = np.array([len(text) <= LONGEST and any(map(str.isdigit, text)) for text in sample], bool)
    if not len(sample) or rows[short].sum() < ENOUGH * rows.sum():
        return None
    equal, n = _best(_candidates(sample), sample, rows)
    if n < rows[short].sum():  # some cells are in other spellings
        others, n_others = _best(_normalised_candidates(sample), sample, rows)
        equal, n = (others, n_others) if n_others > n else (equal, n)
    if n < ENOUGH * rows.sum():
        return None
    best = equal[-1] if equal[0].format in DURATIONS else equal[0]  # a time of day, if all hours are before 24
    fits = ~np.isnan(best.numbers(sample))
    orders = [form for form in equal if sorted(form.format) == sorted(best.format)]  # of day, month and year
    orders = [form for form in orders if not np.isnan(form.numbers(sample)[fits]).any()]
    chosen = _order(orders, sample[fits], day_first)
    return replace(chosen, example=str(sample[int(np.argmax(fits))]), pivot=_pivot(chosen, sample[fits]))


def _frequent_word(levels: Array, counts: Array) -> int | None:
    """The most frequent level without a digit that is no marker, among the most frequent ones, if not most cells have it."""
    most = min(len(levels), 20)
    for i in np.argpartition(counts, len(levels) - most)[len(levels) - most :][::-1] if most else ():
        if not any(map(str.isdigit, levels[i])) and not is_marker(levels[i]):
            return int(i) if counts[i] <= WORD * counts.sum() else None
    return None


def _best(forms: Iterator[DateFormat], sample: Array, rows: Array) -> tuple[list[DateFormat], int]:
    """The formats in which most cells of a sample are dates of likely years, and the number of these cells."""
    found: dict[DateFormat, int] = {}
    for form in dict.fromkeys(forms):
        days = form.numbers(sample)
        likely = (days >= days_of(LIKELY[0])) & (days < days_of(LIKELY[1])) if form.has_date else ~np.isnan(days)
        n = int(rows[~np.isnan(days)].sum())
        found[form] = n if rows[likely].sum() > n / 2 else 0
    n = max(found.values(), default=0)
    return [form for form, fit in found.items() if fit == n], n


def _candidates(sample: Array) -> Iterator[DateFormat]:
    """The formats that some of these cells may be written in."""
    some = sample[:: len(sample) // 20 + 1]
    if any(ISO_TEXT.fullmatch(text) for text in [*sample[:20], *some]):
        yield DateFormat(ISO)
    for name in duration_formats(sample):
        yield DateFormat(name)
    for name, pattern in ((QUARTER, QUARTER_TEXT), (WEEK, WEEK_TEXT)):
        if any(pattern.fullmatch(text) for text in some):
            yield DateFormat(name)
    yield from (DateFormat(form) for text in some for form in written_formats(text))


def _normalised_candidates(sample: Array) -> Iterator[DateFormat]:
    """The same for cells that are to be normalised."""
    texts = [text for text in map(normalised, sample) if text is not None]
    clock = CLOCK if any(text.has_clock for text in texts) else ""
    dates = list(dict.fromkeys(text.date for text in texts if text.date))
    if not dates and texts:
        yield DateFormat(CLOCK.strip(), normalised=True)
    for date in dates[:: len(dates) // 20 + 1]:
        yield from (DateFormat(form + clock, normalised=True) for form in written_formats(date))


def _order(orders: list[DateFormat], sample: Array, day_first: bool | None) -> DateFormat:
    """One of the formats, which differ in the order of day, month and year, and read all cells of a sample; ambiguous if the
    evidence is not clear."""
    others = [form for form in orders if not form.is_year_first]
    if day_first is not None and others:
        return next((form for form in others if form.is_day_first == day_first), others[0])
    if others and len(others) < len(orders):
        year_first = next(form for form in orders if form.is_year_first)
        first = _year_is_first(year_first.numbers(sample))
        orders = orders if first is None else [year_first] if first else others
    if len(orders) == 1:
        return orders[0]
    whole = next((form for form in orders if _are_months(form.numbers(sample))), None)
    days = orders[0].numbers(sample)
    ambiguous = any((form.numbers(sample) != days).any() for form in orders)
    return whole or replace(orders[0], ambiguous=ambiguous)


def _year_is_first(days: Array) -> bool | None:
    """Whether the year is the first part of dates with two-digit years, and the day the last one, by these days (n,), or the
    other way round; None if it is not clear. Years are mostly without gaps, and days are often all over the month."""
    dates = [EPOCH + timedelta(days=day) for day in days.tolist()]
    first, last = {date.year % 100 for date in dates}, {date.day for date in dates}
    for is_year_not_day in (_without_gaps, lambda part: not _all_over(part)):
        if is_year_not_day(first) != is_year_not_day(last):
            return is_year_not_day(first)
    return None


def _without_gaps(part: set[int]) -> bool:
    return len(part) >= (max(part) - min(part) + 1) / 2


def _all_over(part: set[int]) -> bool:
    return len(part) >= MANY_DAYS and min(part) <= 3 and max(part) >= 29


def _are_months(days: Array) -> bool:
    """Whether all of more than two days (n,) are the first, or all the last, of a month."""
    return len(days) > 2 and any(
        all((EPOCH + timedelta(days=day + later)).day == 1 for day in days.tolist()) for later in (0, 1)
    )


def _pivot(form: DateFormat, sample: Array) -> int:
    """The first two-digit year of the 20th century. If the years from first to last are too many, it is in the middle of the
    years that leave the fewest."""
    if "%y" not in form.format:
        return PIVOT
    years = 1970 + np.floor(form.numbers(sample)).astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    years = years[(years >= 1900 + PIVOT) & (years < 2000 + PIVOT)]
    if not len(years) or np.ptp(years) <= LONG:
        return PIVOT
    spans = np.array([np.ptp(np.where(years >= 2000 + pivot, years - 100, years)) for pivot in range(1, PIVOT + 1)])
    best = np.flatnonzero(spans == spans.min()) + 1
    return int(best[len(best) // 2]) if spans.min() < spans[-1] else PIVOT


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
