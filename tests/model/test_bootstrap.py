"""Resamples and intervals: fast metrics against plain ones, scipy.stats.bootstrap, coverage, laws of weights and groups."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from drawing import SHAPES, random_predictions
from scipy import stats

from linclf.model.bootstrap import FASTER, Resampling, interval, of_counts, resampled
from linclf.model.metrics import METRICS
from linclf.model.predictions import Predictions

drawn = partial(random_predictions, n=120)


def samples(one: Predictions, name: str, resampling: Resampling, resamples: int = 50, seed: int = 0) -> np.ndarray:
    return resampled([one], [METRICS[name]], resampling.counts(resamples, seed))[0][METRICS[name].key]


# --- metrics of resamples ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unknown", [True, False], ids=["unknown labels", "known labels"])
@pytest.mark.parametrize("probabilities", [True, False], ids=["probabilities", "scores"])
@pytest.mark.parametrize(("K", "m"), SHAPES)
@pytest.mark.parametrize("name", METRICS)
def test_metrics_of_counts_are_the_metrics_of_the_repeated_rows(
    name: str, K: int, m: int, probabilities: bool, unknown: bool
) -> None:
    """A naive loop that repeats the rows is the oracle; relative counts are weights."""
    metric = METRICS[name]
    for ties in (True, False):
        # of more than two classes, log-odds that are equal in theory differ by rounding
        one = drawn(K, m, probabilities=probabilities, ties=ties and not (probabilities and K > 2), unknown=unknown)
        counts = np.concatenate(list(Resampling(120).counts(8, seed=1)))
        naive = [metric(one.select(np.repeat(np.arange(120), own.astype(int)))) for own in counts]
        np.testing.assert_allclose(of_counts(metric, one)(counts), np.array(naive, float), rtol=1e-12)
        halves = counts * np.random.default_rng(2).random(120)
        weighted = [metric(replace(one, weights=own)) for own in halves]
        np.testing.assert_allclose(of_counts(metric, one)(halves), np.array(weighted, float), rtol=1e-10)


@pytest.mark.parametrize("name", [*FASTER, "accuracy", "log-loss"])
def test_resamples_without_rows_of_a_class_leave_it_out_as_the_metric_does(name: str) -> None:
    metric, one = METRICS[name], drawn(7, 7)
    counts = np.stack([np.isin(one.y, there).astype(float) for there in ([0, 1, 5], [3], [])])
    plain = np.array([metric(replace(one, weights=own)) for own in counts], float)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(of_counts(metric, one)(counts), plain, rtol=1e-12)
    assert np.isnan(plain[2])


def test_a_metric_without_a_fast_form_is_computed_resample_by_resample(monkeypatch) -> None:
    one, counts = drawn(3, 3), np.concatenate(list(Resampling(120).counts(5, 0)))
    fast = of_counts(METRICS["roc-auc"], one)(counts)
    monkeypatch.setattr("linclf.model.bootstrap.FASTER", {})
    np.testing.assert_allclose(of_counts(METRICS["roc-auc"], one)(counts), fast, rtol=1e-12)


def test_all_models_see_the_same_resamples_whatever_the_size_of_a_block(monkeypatch) -> None:
    a, b = drawn(3, 3, 1), drawn(3, 3, 2)
    metrics = list(METRICS.values())
    both = resampled([a, b], metrics, Resampling(120).counts(100, 7))
    monkeypatch.setattr("linclf.model.bootstrap.BLOCK", 1000)
    for one, of_both in zip((a, b), both, strict=True):
        alone = resampled([one], metrics, Resampling(120).counts(100, 7))[0]
        for key, values in alone.items():
            np.testing.assert_allclose(values, of_both[key], rtol=1e-12)
            assert len(values) == 100
    assert not np.array_equal(samples(a, "accuracy", Resampling(120), seed=8), both[0]["accuracy"][:50])


# --- resamples -----------------------------------------------------------------------------------------------------


def test_a_resample_has_as_many_rows_as_there_are() -> None:
    counts = np.concatenate(list(Resampling(40).counts(300, 0)))
    assert counts.shape == (300, 40)
    assert (counts.sum(axis=1) == 40).all()
    # each count is binomial(n, 1/n): mean 1, variance 1 - 1/n
    assert counts.mean() == 1
    assert counts.var() == pytest.approx(1 - 1 / 40, abs=0.05)


def test_a_row_of_weight_2_is_two_rows_and_one_of_weight_0_none() -> None:
    """The sum over two copies of a row, drawn independently, is distributed as the count of a row of weight 2."""
    weights = np.array([0.0, 1, 2, 5] * 5)
    counts = np.concatenate(list(Resampling(20, weights).counts(2000, 0)))
    assert (counts.sum(axis=1) == 40).all()
    np.testing.assert_allclose(counts.mean(axis=0), weights, atol=0.2)
    np.testing.assert_allclose(counts.var(axis=0), weights * (1 - weights / 40), atol=0.6)
    repeated = np.concatenate(list(Resampling(40).counts(2000, 1)))
    copies = np.repeat(np.arange(20), weights.astype(int))
    merged = np.stack([repeated[:, copies == i].sum(axis=1) for i in range(20)], axis=1)
    np.testing.assert_allclose(merged.var(axis=0), counts.var(axis=0), atol=0.6)


def test_weights_that_are_not_whole_numbers_multiply_how_often_a_row_was_drawn() -> None:
    weights = np.random.default_rng(0).random(30) + 0.5
    plain, weighted = (np.concatenate(list(one.counts(20, 3))) for one in (Resampling(30), Resampling(30, weights)))
    np.testing.assert_array_equal(weighted, plain * weights)


def test_the_rows_of_a_group_are_drawn_together() -> None:
    groups, weights = np.arange(60) // 5, np.tile([1.0, 2, 1, 1, 1], 12)
    for counts in Resampling(60, groups=groups).counts(50, 0):
        assert (counts.reshape(-1, 12, 5) == counts.reshape(-1, 12, 5)[:, :, :1]).all()
        assert (counts.sum(axis=1) == 60).all()
    of_groups = np.concatenate(list(Resampling(60, groups=groups).counts(50, 0)))
    weighted = np.concatenate(list(Resampling(60, weights, groups).counts(50, 0)))
    np.testing.assert_array_equal(weighted, of_groups * weights)


def test_intervals_of_groups_of_equal_rows_are_those_of_one_row_a_group() -> None:
    one = drawn(3, 3, n=80)
    five = one.select(np.repeat(np.arange(80), 5))
    groups = np.repeat(np.arange(80), 5)
    for name in ("accuracy", "roc-auc", "macro-f1"):
        rows, of_groups = samples(one, name, Resampling(80)), samples(five, name, Resampling(400, groups=groups))
        np.testing.assert_allclose(rows, of_groups, rtol=1e-12)


# --- intervals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["accuracy", "macro-f1", "roc-auc", "log-loss"])
def test_intervals_and_paired_differences_are_those_of_scipy(name: str) -> None:
    """Other random numbers, so that the bounds agree up to the error of simulation, a twentieth of the width or so."""
    metric, a, b = METRICS[name], drawn(2, 1, 0), drawn(2, 1, 1)
    b = replace(b, y=a.y)
    found_a, found_b = (one[metric.key] for one in resampled([a, b], [metric], Resampling(120).counts(4000, 0)))
    of_scipy = {
        "value": lambda rows: metric(a.select(rows)),
        "difference": lambda rows: metric(b.select(rows)) - metric(a.select(rows)),
    }
    for key, found in (("value", found_a), ("difference", found_b - found_a)):
        wanted = stats.bootstrap(
            (np.arange(120),), of_scipy[key], vectorized=False, method="percentile", n_resamples=1000, rng=1
        ).confidence_interval
        np.testing.assert_allclose(interval(found, 0.95), wanted, atol=0.12 * (wanted.high - wanted.low))


def test_95_percent_intervals_cover_in_about_95_percent_of_simulations() -> None:
    rng, covered = np.random.default_rng(0), np.zeros(2)
    for seed in range(200):
        right, other = rng.random(150) < 0.85, rng.random(150) < 0.8
        a, b = (Predictions(is_right.astype(int), np.ones(150, int), 2) for is_right in (right, other))
        found_a, found_b = resampled([a, b], [METRICS["accuracy"]], Resampling(150).counts(300, seed))
        bounds = interval(found_a["accuracy"], 0.95), interval(found_b["accuracy"] - found_a["accuracy"], 0.95)
        covered += [low <= value <= high for (low, high), value in zip(bounds, (0.85, -0.05), strict=True)]
    assert (covered / 200 >= 0.9).all()
    assert (covered / 200 <= 0.99).all()


def test_an_interval_widens_with_its_level() -> None:
    found = samples(drawn(3, 3), "accuracy", Resampling(120), 1000)
    (low, high), (lower, higher) = interval(found, 0.5), interval(found, 0.99)
    assert lower < low < METRICS["accuracy"](drawn(3, 3)) < high < higher
    assert interval(found, 0.9) == tuple(np.quantile(found, [0.05, 0.95]))


def test_an_interval_leaves_out_a_few_undefined_resamples_and_is_none_for_many() -> None:
    one = drawn(2, 1)
    for n_positive, wanted in ((1, False), (8, True)):  # without one of them with probability 0.37, and 0.0003
        rare = replace(one, y=(np.arange(120) < n_positive).astype(int))
        found = samples(rare, "roc-auc", Resampling(120), 1000)
        assert (interval(found, 0.95) is not None) == wanted
        assert np.isnan(found).any() == (n_positive == 1)
    assert interval(np.array([1.0] * 95 + [np.nan] * 5), 0.95) == (1, 1)
    assert interval(np.full(10, np.nan), 0.95) is None


def test_a_metric_that_the_model_lacks_is_undefined_in_every_resample() -> None:
    found = samples(drawn(3, 3, probabilities=False), "log-loss", Resampling(120))
    assert np.isnan(found).all()
