"""Splits in the order of time: what is held out is later than what is trained on. Rows of the same time stay together."""

import numpy as np

from linclf.losses import Array


def last_rows(times: Array, fraction: float) -> Array:
    """Mark the latest rows, as near as equal times allow to ceil(n * fraction) of them.

    times (n,) -> (n,) bool. At least one time is marked and one is not; nothing is marked if all are the same.
    """
    values, counts = np.unique(times, return_counts=True)
    if len(values) < 2:
        return np.zeros(len(times), bool)
    before = np.cumsum(counts)[:-1]  # the rows before each time but the first
    wanted = len(times) - np.ceil(len(times) * fraction - 1e-9)
    return np.asarray(times >= values[1:][np.abs(before - wanted).argmin()])


def forward_folds(times: Array, k: int) -> Array:
    """The fold 0..k-1 that holds each row out, (n,): fold j holds out later rows than fold j - 1, and trains on all rows before
    them. -1 for the first rows, which are in the training rows of every fold.

    times (n,), at least k + 1 different ones. Where all differ, these are the folds of scikit-learn's TimeSeriesSplit.
    """
    values, counts = np.unique(times, return_counts=True)
    before = np.concatenate([[0], np.cumsum(counts)])  # the rows before each time
    size, starts = len(times) // (k + 1), [0]
    for j in range(k):
        nearest = int(np.abs(before - (len(times) - (k - j) * size)).argmin())
        starts.append(min(max(nearest, starts[-1] + 1), len(values) - (k - j)))
    return np.searchsorted(values[starts[1:]], times, side="right") - 1


def merged_times(times: Array, groups: Array) -> Array:
    """Times (n,) at which no group is divided: groups that overlap in time, directly or by way of others, have the same.

    times (n,), groups (n,) codes 0..G-1 -> whole numbers (n,), in the order of the times.
    """
    n_groups = int(groups.max()) + 1
    first, last = np.full(n_groups, np.inf), np.full(n_groups, -np.inf)
    np.minimum.at(first, groups, times)
    np.maximum.at(last, groups, times)
    order = np.argsort(first, kind="stable")
    latest = np.maximum.accumulate(last[order])
    begins = np.concatenate([[False], first[order][1:] > latest[:-1]])
    merged = np.empty(n_groups, np.intp)
    merged[order] = np.cumsum(begins)
    return merged[groups]
