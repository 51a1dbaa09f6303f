"""Short trainings with two splits of the same rows: the accuracies, their difference, and its standard error."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.model_selection import TimeSeriesSplit

from linclf.inspect import trials
from linclf.inspect.trials import FOLDS, Comparison, compare_forward, compare_groups, rows_tried


def patients(seed: int = 0, n_features: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """40 patients of 6 rows, whom the features recognise, without knowing their label."""
    rng = np.random.default_rng(seed)
    who = rng.permutation(np.repeat(np.arange(40), 6))
    X = rng.standard_normal((40, n_features))[who] + 0.2 * rng.standard_normal((240, n_features))
    return X, rng.permutation(np.arange(40) % 2)[who], who


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_matrix])
def test_rows_that_belong_together_make_a_random_split_look_better(layout) -> None:
    X, y, who = patients()
    found = compare_groups(layout(X), y, who)
    assert found.random > 0.9
    assert found.honest < 0.7
    assert found.exceeds(0.2)
    assert found.drop == found.random - found.honest


def test_rows_that_do_not_make_no_difference() -> None:
    rng = np.random.default_rng(0)
    X, y, who = rng.standard_normal((240, 5)), rng.integers(0, 2, 240), rng.integers(0, 40, 240)
    found = compare_groups(X, np.where(X[:, 0] > 0, 1, y), np.unique(who, return_inverse=True)[1])
    assert abs(found.drop) < 0.03
    assert not found.exceeds(0.0)


def test_the_features_of_the_random_split_may_be_others() -> None:
    X, y, who = patients()
    noise = np.random.default_rng(0).standard_normal((240, 3))
    assert compare_groups(noise, y, who).random < 0.65
    assert compare_groups(noise, y, who, X).random > 0.9
    assert compare_groups(noise, y, who, X).honest == compare_groups(noise, y, who).honest


def test_rows_of_classes_that_few_groups_have_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, who = patients()
    assert compare_groups(X, who, who) is None  # each group is a class of its own
    monkeypatch.setattr(trials, "_correct", lambda X, y, pairs: (y == 2).astype(float))
    assert compare_groups(X, np.where(who < FOLDS - 1, 2, y), who).random == 0
    assert compare_groups(X, np.where(who < FOLDS, 2, y), who).random == FOLDS / 40


def test_the_standard_error_is_that_of_a_mean_over_clusters() -> None:
    rng = np.random.default_rng(0)
    clusters = rng.integers(0, 30, 300)
    random, honest = rng.integers(0, 2, 300).astype(float), rng.integers(0, 2, 300).astype(float)
    honest[:20] = np.nan
    counted = np.arange(300) < 290
    found = trials._compared(random, honest, clusters, counted)
    used = np.arange(20, 290)
    difference = random[used] - honest[used]
    sums = [sum(difference[i] - difference.mean() for i in range(270) if clusters[used[i]] == c) for c in range(30)]
    assert found.random == pytest.approx(random[used].mean())
    assert found.honest == pytest.approx(honest[used].mean())
    assert found.error == pytest.approx(np.sqrt(np.square(sums).sum()) / 270)
    assert trials._compared(None, honest, clusters, counted) is None
    assert trials._compared(random, np.full(300, np.nan), clusters, counted) is None


def test_a_difference_must_be_large_and_more_than_chance() -> None:
    assert Comparison(0.9, 0.8, 0.03).exceeds(0.09)
    assert not Comparison(0.9, 0.8, 0.04).exceeds(0.09)
    assert Comparison(0.9, 0.8, 0.04).exceeds(0.09, chance=2.0)
    assert not Comparison(0.9, 0.8, 0.01).exceeds(0.11)


def walk(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A random walk, and a label that changes slowly."""
    X = np.cumsum(np.random.default_rng(seed).standard_normal((960, 20)), axis=0)
    return X, (np.sin(np.arange(960) / 40) > 0).astype(int)


def test_rows_of_neighbouring_times_make_random_rows_look_better() -> None:
    X, y = walk()
    found = compare_forward(X, y, np.arange(960.0))
    assert found.random > 0.8
    assert found.exceeds(0.15)
    order = np.random.default_rng(0).permutation(960)  # of the file, which does not matter
    shuffled = compare_forward(X[order], y[order], np.arange(960.0)[order])
    assert abs(shuffled.honest - found.honest) < 0.1
    assert shuffled.exceeds(0.15)


def test_the_trained_and_tested_rows_are_those_of_time_series_split(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(trials, "_correct", lambda X, y, pairs: seen.append(pairs) or np.ones(len(y)))
    times = np.random.default_rng(1).permutation(120)
    groups = np.arange(120) // 3
    for given in (None, groups):
        seen.clear()
        compare_forward(np.zeros((120, 2)), np.arange(120) % 2, times, given)
        random, forward = seen
        splits = list(TimeSeriesSplit(FOLDS).split(times))[FOLDS // 2 :]
        order = np.argsort(times)
        for (earlier, test), (train_positions, test_positions) in zip(forward, splits, strict=True):
            assert set(test) == set(order[test_positions])
            wanted = set(order[train_positions])
            if given is not None:
                wanted = {i for i in wanted if groups[i] not in groups[test]}
            assert set(earlier) == wanted
        for i, (rows, half) in enumerate(random):
            earlier, test = forward[i // 2]
            assert len(rows) == len(earlier)
            assert set(half) <= set(test)
            assert not set(rows) & set(half)
            if given is not None:
                assert not set(groups[rows]) & set(groups[half])
        assert sorted(np.concatenate([half for _, half in random])) == sorted(np.concatenate([t for _, t in forward]))
        assert any(set(rows) & set(test) for (rows, _), (_, test) in zip(random[::2], forward, strict=True))


def test_a_class_that_begins_late_leaves_nothing_to_compare() -> None:
    X, _ = walk()
    assert compare_forward(X, (np.arange(960) > 940).astype(int), np.arange(960.0)) is None
    # folds that have both classes before them are compared all the same
    assert compare_forward(X, (np.arange(960) > 600).astype(int), np.arange(960.0)) is not None


def test_the_number_of_rows_is_limited_by_their_numbers() -> None:
    assert rows_tried(np.zeros((10, 10))) == trials.MOST_ROWS
    assert rows_tried(np.zeros((10, 500))) == 1000
    assert rows_tried(np.zeros((10, 100_000))) == trials.FEWEST_ROWS
