"""Weekday, month and hour of a date as features, where the label depends on them."""

import calendar

import numpy as np

from linclf.data.columns.date_format import DateFormat
from linclf.data.columns.training_column import TrainingColumn
from linclf.losses import Array

DATE_PART_LEVELS: dict[str, tuple[str, ...]] = {
    "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "month": tuple(calendar.month_name)[1:],
    "hour": tuple(map(str, range(24))),
}
P_VALUE = 1e-3  # of the chi-squared test of a part and the label, divided by the number of tests
FEWEST_ROWS = 100
FEWEST_DAYS = 550  # from the first to the last date, for the month to be looked at: a year and a half


def part_codes(days: Array, part: str) -> Array:
    """The level (n,) of a part for days since 1970 (n,), -1 where they are NaN."""
    known = ~np.isnan(days)
    moments = np.where(known, days, 0)
    if part == "weekday":
        codes = (np.floor(moments).astype(np.int64) + 3) % 7  # the first day of 1970 was a Thursday
    elif part == "month":
        codes = np.floor(moments).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    else:
        codes = np.floor(np.round((moments - np.floor(moments)) * 86400) / 3600).astype(np.int64) % 24
    return np.where(known, codes, -1)


def chosen_parts(days: Array, form: DateFormat, column: TrainingColumn) -> tuple[str, ...]:
    """The parts that become features: all that vary by `--date-parts yes`, none by `no`, else those that the label depends on
    by the chi-squared test, with the p-value divided by the number of tests."""
    wanted, y = column.source.date_parts, column.training.y
    possible = ["weekday", "month"] if form.has_date else []
    possible += ["hour"] if form.has_time else []
    if wanted == "auto" and np.ptp(days[~np.isnan(days)]) < FEWEST_DAYS and "month" in possible:
        possible.remove("month")  # within a year it cannot be told from the trend
    codes = {part: part_codes(days, part) for part in possible}
    varied = [part for part in possible if len(np.unique(codes[part][codes[part] >= 0])) > 1]
    if wanted == "yes":
        return tuple(varied)
    if wanted == "no" or y is None or len(days) < FEWEST_ROWS:
        return ()
    labels = np.unique(y, return_inverse=True)[1]
    # of a time of day the number is a feature already, and what is linear in it
    return tuple(part for part in varied if _p_value(codes[part], labels, not form.has_date) < P_VALUE / len(varied))


def _p_value(codes: Array, labels: Array, without_trend: bool) -> float:
    """The p-value of Pearson's chi-squared test of independence, or of what is left of it without the linear trend (Cochran,
    1954, for more than two classes the mean score test); rows with the code -1 are left out."""
    from scipy.special import chdtrc

    known = codes >= 0
    table = np.zeros((codes.max() + 1, labels.max() + 1))
    np.add.at(table, (codes[known], labels[known]), 1)
    used = table.sum(axis=1) > 0
    table, scores = table[used][:, table.sum(axis=0) > 0], np.flatnonzero(used)
    n, of_levels, of_classes = table.sum(), table.sum(axis=1), table.sum(axis=0)
    expected = np.outer(of_levels, of_classes) / n
    statistic, freedom = (np.square(table - expected) / expected).sum(), (len(of_levels) - 1) * (len(of_classes) - 1)
    if without_trend and freedom:
        mean = scores @ of_levels / n
        between = (of_classes * np.square(scores @ table / of_classes - mean)).sum()
        statistic -= (n - 1) * between / (np.square(scores - mean) @ of_levels)
        freedom -= len(of_classes) - 1
    return float(chdtrc(freedom, max(statistic, 0))) if freedom > 0 else 1.0
