"""Splits in the order of time: no future in training, equal times together, and the folds of TimeSeriesSplit."""

import numpy as np
import pytest
from sklearn.model_selection import TimeSeriesSplit

from linclf.data.ordered import forward_folds, last_rows, merged_times


@pytest.mark.parametrize("n", [5, 23, 100])
@pytest.mark.parametrize("fraction", [0.07, 0.2, 0.5, 0.9])
def test_of_different_times_the_last_ones_are_marked(n: int, fraction: float) -> None:
    times = np.random.default_rng(n).permutation(n) * 3.5 - 7
    marked = last_rows(times, fraction)
    assert marked.sum() == min(np.ceil(round(n * fraction, 9)), n - 1)
    assert times[~marked].max() < times[marked].min()


def test_rows_of_equal_times_are_on_one_side() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        times = rng.integers(0, 12, 60)
        marked = last_rows(times, 0.2)
        assert times[~marked].max() < times[marked].min()
        # no other boundary is nearer to the 12 rows wanted
        sizes = [int((times >= t).sum()) for t in np.unique(times)[1:]]
        assert abs(marked.sum() - 12) == min(abs(size - 12) for size in sizes)


def test_a_single_time_marks_nothing_and_two_times_mark_the_later() -> None:
    assert not last_rows(np.ones(9), 0.2).any()
    assert last_rows(np.array([2, 1, 1, 1, 2]), 0.01).tolist() == [True, False, False, False, True]
    assert last_rows(np.array([2, 1, 1, 1, 2]), 0.99).tolist() == [True, False, False, False, True]


@pytest.mark.parametrize("k", [2, 3, 5, 9])
@pytest.mark.parametrize("n", [10, 47, 120])
def test_of_different_times_the_folds_are_those_of_time_series_split(n: int, k: int) -> None:
    times = np.random.default_rng(k).permutation(n)
    fold = forward_folds(times, k)
    order = np.argsort(times)
    for j, (train, test) in enumerate(TimeSeriesSplit(k).split(order)):
        assert set(np.flatnonzero(fold < j)) == set(order[train])
        assert set(np.flatnonzero(fold == j)) == set(order[test])


@pytest.mark.parametrize("k", [2, 4, 7])
def test_folds_of_equal_times_go_forward_too(k: int) -> None:
    rng = np.random.default_rng(k)
    for n_times in (k + 1, k + 2, 3 * k):
        chances = rng.random(n_times) ** 3
        times = np.concatenate([np.arange(n_times), rng.choice(n_times, 80, p=chances / chances.sum())])
        fold = forward_folds(times, k)
        assert set(fold) == set(range(-1, k))
        for j in range(k):
            assert times[fold < j].max() < times[fold == j].min()


def test_groups_that_overlap_in_time_have_the_same_time() -> None:
    times = np.array([0.0, 5, 6, 7, 8, 9, 10, 11])
    groups = np.array([0, 0, 1, 2, 1, 2, 3, 3])
    assert merged_times(times, groups).tolist() == [0, 0, 1, 1, 1, 1, 2, 2]
    # a group within the time of another, and one that begins when another ends
    assert merged_times(np.array([0, 9, 3, 4, 20, 9]), np.array([0, 0, 1, 1, 2, 3])).tolist() == [0, 0, 0, 0, 1, 0]


def test_merged_times_divide_no_group_and_keep_the_order() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        groups = rng.integers(0, 12, 60)
        groups = np.unique(groups, return_inverse=True)[1]
        times = 5.0 * groups + rng.integers(0, 8, 60)
        merged = merged_times(times, groups)
        assert all(len(set(merged[groups == g])) == 1 for g in set(groups))
        for block in range(1, merged.max() + 1):
            assert times[merged < block].max() < times[merged >= block].min()
        # as fine as can be: within a block every boundary would divide a group
        for block in range(merged.max() + 1):
            inside = merged == block
            for t in np.unique(times[inside])[1:]:
                assert set(groups[inside & (times < t)]) & set(groups[inside & (times >= t)])
