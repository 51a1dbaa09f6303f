"""Weekday, month and hour of a date become features where the label depends on them."""

import numpy as np
import pandas as pd
import pytest

from linclf.data.columns.date_format import DateFormat
from linclf.data.columns.date_parts import DATE_PART_LEVELS, part_codes
from linclf.data.encoder import encode, learn_schema
from linclf.data.load import load
from linclf.data.source import Source

N = 1500
RNG = np.random.default_rng(0)
MOMENTS = pd.Timestamp("2022-01-01") + pd.to_timedelta(np.sort(RNG.integers(0, 2 * 365 * 24, N)), unit="h")


def parts_of(tmp_path, moments: pd.Series, y: np.ndarray, format: str = "%Y-%m-%d %H:%M", **options) -> tuple[str, ...]:
    table = pd.DataFrame({"when": pd.Series(moments).dt.strftime(format), "x": RNG.normal(size=len(y)), "label": y})
    table.to_csv(tmp_path / "t.csv", index=False)
    dataset = load(Source(str(tmp_path / "t.csv"), **options))
    schema, _ = learn_schema(dataset.X, dataset.schema, dataset.source, dataset.y)
    return schema.columns[0].parts


def noisy(truth: np.ndarray) -> np.ndarray:
    return np.where(RNG.random(len(truth)) < 0.2, RNG.random(len(truth)) < 0.5, truth)


@pytest.mark.parametrize("part", ["weekday", "month", "hour"])
def test_a_part_that_the_label_depends_on_is_a_feature(tmp_path, part: str) -> None:
    y = noisy(getattr(MOMENTS, {"weekday": "day_of_week"}.get(part, part)) % 2 == 0)
    assert part in parts_of(tmp_path, MOMENTS, y)
    assert parts_of(tmp_path, MOMENTS, y, date_parts="no") == ()


def test_other_parts_are_none(tmp_path) -> None:
    """Noise, in 20 files: the parts of none of them; neither is a trend a month or an hour of a time of day."""
    assert not any(parts_of(tmp_path, MOMENTS, RNG.random(N) < 0.5) for _ in range(20))
    half = MOMENTS[:700]  # less than a year: months cannot be told from the trend
    assert parts_of(tmp_path, half, noisy(np.arange(700) > 350)) == ()
    times = MOMENTS[np.argsort(MOMENTS.hour)]
    assert parts_of(tmp_path, times, RNG.random(N) * 24 < times.hour, "%H:%M") == ()
    assert parts_of(tmp_path, times, noisy(abs(times.hour - 12) > 6), "%H:%M") == ("hour",)
    assert parts_of(tmp_path, MOMENTS, RNG.random(N) < 0.5, date_parts="yes") == ("weekday", "month", "hour")
    assert (
        parts_of(tmp_path, MOMENTS, RNG.random(N) < 0.5, "%Y-%m-%d", date_parts="yes")
        == ("weekday", "month", "hour")[:2]
    )


def test_codes_equal_those_of_pandas() -> None:
    moments = pd.Series(pd.Timestamp("1899-03-01 23:59:59") + pd.to_timedelta(np.arange(0, 500_000, 997.25), unit="h"))
    days = ((moments - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)).to_numpy()
    np.testing.assert_array_equal(part_codes(days, "weekday"), moments.dt.day_of_week)
    np.testing.assert_array_equal(part_codes(days, "month"), moments.dt.month - 1)
    np.testing.assert_array_equal(part_codes(days, "hour"), moments.dt.round("s").dt.hour)
    assert part_codes(np.array([np.nan]), "hour").tolist() == [-1]


@pytest.mark.parametrize("sparse", [False, True])
def test_features_are_one_hot_and_named(tmp_path, sparse: bool) -> None:
    table = pd.DataFrame({"when": MOMENTS.strftime("%d.%m.%Y %H:%M"), "label": MOMENTS.month % 2})
    if sparse:
        table["note"] = [f"{word} and {i} more words" for i, word in enumerate(RNG.choice(["red", "blue"], N))]
    table.loc[3, "when"] = ""
    table.to_csv(tmp_path / "t.csv", index=False)
    dataset = load(Source(str(tmp_path / "t.csv"), date_parts="yes"))
    schema, _ = learn_schema(dataset.X, dataset.schema, dataset.source, dataset.y)
    X = encode(dataset.X, schema, "t")[0]
    X = X.toarray() if sparse else X
    names = schema.feature_names()
    assert names[:2] == ("when", "when (missing)")
    start = 2
    for part in ("weekday", "month", "hour"):
        levels = DATE_PART_LEVELS[part]
        assert names[start : start + len(levels)] == tuple(f"when {part}={level}" for level in levels)
        block = X[:, start : start + len(levels)]
        days = DateFormat("%d.%m.%Y %H:%M").numbers(table.when.to_numpy(object))
        np.testing.assert_array_equal(block, part_codes(days, part)[:, None] == np.arange(len(levels)))
        start += len(levels)
    assert X[3, 1] == 1
    assert not X[3, 2:start].any()
