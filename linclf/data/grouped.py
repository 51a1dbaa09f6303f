"""Splits that divide no group: rows of the same patient, customer or document stay together."""

import math

import numpy as np

from linclf.losses import Array

MOST_COUNTS = 5_000_000  # groups times classes; with more, the parts are balanced by their sizes alone
# Orders of the groups that are tried, of which the best is used: few for a part, so that another seed gives another part.
PART_ORDERS, FOLD_ORDERS = 5, 25
MOST_ASSIGNED = 10_000  # groups assigned in all orders together, unless there are more
JITTER = 0.5  # a group's place in an order is that of its size times a random number from JITTER to 1


def stratified_groups(y: Array, groups: Array, fraction: float, rng: np.random.Generator) -> Array:
    """Mark whole groups, together as near as they can to a fraction of the rows of each class.

    y (n,) labels, groups (n,) -> (n,) bool. A class keeps a row left unmarked; nothing is marked where that cannot be done.
    """
    codes, counts = _class_counts(y, groups)
    only = counts * (np.count_nonzero(counts, axis=0) == 1) > 0  # (G, K + 1): the only group of a class
    fixed = only.any(axis=1)
    if fixed.all():
        return np.zeros(len(y), bool)
    shares = np.array([1 - fraction, fraction])
    tried = [_assigned(counts, shares, rng, fixed) for _ in _orders(PART_ORDERS, counts)]
    best = min((_repaired(one, counts, shares, fixed) for one in tried), key=lambda one: _quality(one, counts, shares))
    return np.asarray(best[codes] == 1)


def group_folds(y: Array, groups: Array, k: int, rng: np.random.Generator) -> Array:
    """The fold 0..k-1 that holds each row out, (n,): no group is in two folds, and the folds are about as large and have about
    the same share of each class.

    y (n,) labels, groups (n,), at least k of them. As scikit-learn's StratifiedGroupKFold, but of several orders of the groups
    the best is used.
    """
    codes, counts = _class_counts(y, groups)
    shares = np.full(k, 1 / k)
    tried = [_assigned(counts, shares, rng) for _ in _orders(FOLD_ORDERS, counts)]
    best = min(tried, key=lambda one: _quality(one, counts, shares))
    return best[codes]


def _class_counts(y: Array, groups: Array) -> tuple[Array, Array]:
    """The group 0..G-1 of each row (n,), and the rows of each class, and of all classes, in each group (G, K + 1)."""
    _, codes = np.unique(groups, return_inverse=True)
    _, labels = np.unique(y, return_inverse=True)
    n_groups, n_classes = int(codes.max()) + 1, int(labels.max()) + 1
    sizes = np.bincount(codes)[:, None]
    if n_groups * n_classes > MOST_COUNTS:
        return codes, sizes
    counts = np.bincount(codes * n_classes + labels, minlength=n_groups * n_classes).reshape(n_groups, n_classes)
    return codes, np.hstack([counts, sizes])


def _orders(most: int, counts: Array) -> range:
    """As many orders of the groups (G, K + 1) as are tried."""
    return range(max(1, min(most, MOST_ASSIGNED // len(counts))))


def _assigned(counts: Array, shares: Array, rng: np.random.Generator, fixed: Array | None = None) -> Array:
    """Assign groups (G,) to parts 0..P-1 of these shares (P,), in one random order; those that are `fixed` (G,) to part 0.

    Groups of the same class counts are dealt out in proportion. What is left over, one group after the other, the larger
    ones earlier, goes to the part that is then furthest below its share; an empty one is always the furthest.
    """
    n_groups = len(counts)
    parts = np.full(n_groups, -1)
    free = np.arange(n_groups)
    if fixed is not None:
        parts[fixed] = 0
        free = np.flatnonzero(~fixed)
    free = rng.permutation(free)
    kinds = np.unique(counts[free], axis=0, return_inverse=True)[1].ravel()
    free, kinds = free[np.argsort(kinds, kind="stable")], np.sort(kinds)
    sizes = np.bincount(kinds)  # the number of groups of each kind
    rank = np.arange(len(free)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    quotas = np.floor(sizes[:, None] * shares + 1e-9).astype(int)  # (kinds, P)
    ends = np.cumsum(quotas, axis=1)
    dealt = (rank[:, None] >= ends[kinds]).sum(axis=1)  # P for those that are left over
    parts[free] = np.where(dealt < len(shares), dealt, -1)
    target = shares[:, None] * counts.sum(axis=0)  # (P, K + 1)
    sums = np.stack([counts[parts == p].sum(axis=0) for p in range(len(shares))])  # (P, K + 1)
    left = np.flatnonzero(parts < 0)
    order = np.argsort(-counts[left, -1] * rng.uniform(JITTER, 1, len(left)), kind="stable")
    for group in left[order].tolist():
        rows = counts[group]
        part = int((rows * (2 * (sums - target) + rows) / target).sum(axis=1).argmin())
        parts[group] = part
        sums[part] += rows
    return parts


def _quality(parts: Array, counts: Array, shares: Array) -> tuple[int, float]:
    """How far the parts of the groups are from what is wanted: classes that a part lacks, and chi-squared."""
    target = shares[:, None] * counts.sum(axis=0)  # (P, K + 1)
    sums = np.stack([counts[parts == p].sum(axis=0) for p in range(len(shares))])
    return int((sums == 0).sum()), float((np.square(sums - target) / target).sum())


def _repaired(parts: Array, counts: Array, shares: Array, fixed: Array) -> Array:
    """Two parts of which the first has a row of each class, and the second at least one group."""
    parts = parts.copy()
    for k in range(counts.shape[1]):
        if not counts[parts == 0, k].any():
            having = np.flatnonzero(counts[:, k])
            parts[having[counts[having, -1].argmin()]] = 0
    if not parts.any():
        candidates = np.flatnonzero(~fixed)
        wanted = math.ceil(shares[1] * counts[:, -1].sum())
        parts[candidates[np.abs(counts[candidates, -1] - wanted).argmin()]] = 1
    return parts
