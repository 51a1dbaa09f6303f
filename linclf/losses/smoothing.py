"""The losses with kinks, each kink spread over a width (Nesterov, "Smooth Minimization of Non-Smooth Functions", 2005)."""

import numpy as np

from linclf.losses.functions import Array, signs


def smoothed_hinge(scores: Array, y: Array, width: float) -> tuple[Array, Array]:
    """hinge whose kink is a parabola over margins from 1 - width to 1, its Moreau envelope (Nesterov, 2005)."""
    t = signs(scores, y)
    slack = 1 - t * scores  # (n, m)
    a = np.clip(slack / width, 0, 1)
    return (a * (slack - width / 2 * a)).sum(axis=-1), -t * a


def smoothed_svm(scores: Array, y: Array, width: float) -> tuple[Array, Array]:
    """multiclass_svm, each of whose kinks is such a parabola."""
    true = np.arange(len(y)), y
    slack = scores - scores[true][:, None] + 1  # (n, K)
    slack[true] = 0
    a = np.clip(slack / width, 0, 1)
    values = (a * (slack - width / 2 * a)).sum(axis=-1)
    a[true] = -a.sum(axis=-1)
    return values, a


def smoothed_crammer_singer(scores: Array, y: Array, width: float) -> tuple[Array, Array]:
    """crammer_singer's Moreau envelope: max_a <a, slack> - width/2 ||a||^2 over a >= 0 of sum at most 1. The best a is the
    projection of slack / width (Duchi et al., "Efficient Projections onto the l1-Ball", 2008)."""
    true = np.arange(len(y)), y
    slack = scores - scores[true][:, None] + 1  # (n, K)
    slack[true] = -np.inf
    scaled = slack / width
    most = scaled.max(axis=1, keepdims=True)
    scaled -= most  # so that large slacks lose no digits of the differences
    ordered = -np.sort(-scaled, axis=1)[:, :-1]  # descending, without the true class
    excess = np.cumsum(ordered, axis=1) - 1
    count = (ordered * np.arange(1, ordered.shape[1] + 1) > excess).sum(axis=1)  # of the positive a, if the sum is 1
    shift = np.maximum(np.take_along_axis(excess, count[:, None] - 1, axis=1) / count[:, None], -most)
    a = np.maximum(scaled - shift, 0)
    slack[true] = 0
    values = (a * (slack - width / 2 * a)).sum(axis=-1)
    a[true] = -a.sum(axis=-1)
    return values, a
