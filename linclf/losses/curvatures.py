"""The second derivatives of the losses by each score, or estimates of them: what full-batch steps are scaled by."""

import numpy as np

from linclf.losses.functions import Array, signs, softmax_probabilities

SPREAD, NARROWEST, WIDEST = 4, 0.02, 0.5  # of the width over which a kink is spread to estimate second derivatives


def softmax_curvature(scores: Array, y: Array, width: float = 0.0) -> Array:
    """The second derivative of softmax by each score, p (1 - p): (n, m)."""
    p = softmax_probabilities(scores)
    return np.asarray(p * (1 - p))


def logistic_curvature(scores: Array, y: Array, width: float = 0.0) -> Array:
    """The second derivative of logistic by each score, p (1 - p): (n, m)."""
    small = np.exp(-np.abs(scores))
    return np.asarray(small / np.square(1 + small))


def squared_hinge_curvature(scores: Array, y: Array, width: float = 0.0) -> Array:
    """The second derivative of squared-hinge by each score: 2 inside the margin, else 0; (n, m)."""
    return np.asarray(2.0 * (signs(scores, y) * scores < 1))


def mse_curvature(scores: Array, y: Array, width: float = 0.0) -> Array:
    """The second derivative of mse by each score, 2: (n, m)."""
    return np.full(scores.shape, 2.0)


def hinge_curvature(scores: Array, y: Array, width: float) -> Array:
    """The second derivative of hinge by each score, its kink spread over margins: (n, m)."""
    return _spread(1 - signs(scores, y) * scores, width)


def svm_curvature(scores: Array, y: Array, width: float) -> Array:
    """The same of svm; that by the true score is the sum of the others."""
    true = np.arange(len(y)), y
    found = _spread(1 + scores - scores[true][:, None], width)
    found[true] = 0
    found[true] = found.sum(axis=1)
    return found


def crammer_singer_curvature(scores: Array, y: Array, width: float) -> Array:
    """The same of crammer-singer, whose kinks are where a wrong class is as bad as the worst other one, or has no loss."""
    true = np.arange(len(y)), y
    slack = 1 + scores - scores[true][:, None]
    slack[true] = 0
    order = np.sort(slack, axis=1)
    other = np.where(slack == order[:, -1:], order[:, -2:-1], order[:, -1:])
    found = _spread(slack - other, width)
    found[true] = 0
    found[true] = found.sum(axis=1)
    return np.asarray(found)


def _spread(slack: Array, width: float) -> Array:
    """A kink at 0 spread by the Cauchy density, which is nowhere 0, as slacks come to the kink from afar."""
    width = min(max(SPREAD * width, NARROWEST), WIDEST)
    return np.asarray(1 / (np.pi * width * (1 + np.square(slack / width))))
