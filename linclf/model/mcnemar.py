"""McNemar's test of two models on the same rows, and Holm's adjustment of the p-values of several tests."""

from collections.abc import Sequence

import numpy as np

from linclf.data.row_weights import are_counts
from linclf.losses import Array
from linclf.storage.decode import JsonObject


def mcnemar(first: Array, other: Array, weights: Array | None = None) -> JsonObject:
    """Test whether two models are right equally often (McNemar, 1947), from whether each is right on each row, (n,) bool.

    n01, n10  the numbers of rows on which only the other model is right, and only the first. Weights (n,) count rows if they are
              whole numbers; others are left out, since only a number of rows has a binomial distribution.
    p         the two-sided p-value of the exact test: n01 of n01 + n10 coins show heads
    """
    counts = weights if weights is not None and are_counts(weights) else np.ones(len(first))
    n01, n10 = (int(counts[rows].sum()) for rows in (~first & other, first & ~other))
    return {"n01": n01, "n10": n10, "p": _two_sided(min(n01, n10), n01 + n10)}


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for their number: rejecting those that are at most alpha is wrong about any of the true hypotheses
    with probability alpha at most (Holm, 1979)."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    return [float(value) for value in np.minimum(1, adjusted)]


def _two_sided(k: int, n: int) -> float:
    """The probability that the less frequent side of n fair coins shows up at most k <= n / 2 times."""
    if 2 * k == n:
        return 1.0
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(k, n, 0.5)))
