"""The losses and their gradients by the scores; see `linclf.losses` for the shapes."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


def multiclass_svm(scores: Array, y: Array) -> tuple[Array, Array]:
    """Sum over the wrong classes of max(0, s_j - s_y + 1) (Weston & Watkins, 1999)."""
    rows = np.arange(len(y))
    margins = scores - scores[rows, ..., y][..., None] + 1  # (n, *models, K)
    margins[rows, ..., y] = 0
    dscores = (margins > 0).astype(scores.dtype)  # (n, *models, K)
    dscores[rows, ..., y] = -dscores.sum(axis=-1)
    return np.maximum(margins, 0, out=margins).sum(axis=-1), dscores


def crammer_singer(scores: Array, y: Array) -> tuple[Array, Array]:
    """max(0, 1 + max_{j != y} s_j - s_y): only the worst wrong class counts (Crammer & Singer, 2001)."""
    rows = np.arange(len(y))
    rivals = scores.copy()  # (n, *models, K)
    rivals[rows, ..., y] = -np.inf
    winner = rivals.argmax(axis=-1)[..., None]  # (n, *models, 1)
    margin = 1 + np.take_along_axis(rivals, winner, axis=-1)[..., 0] - scores[rows, ..., y]  # (n, *models)
    active = (margin > 0).astype(scores.dtype)  # (n, *models)
    dscores = np.zeros_like(scores)
    np.put_along_axis(dscores, winner, active[..., None], axis=-1)
    dscores[rows, ..., y] = -active
    return np.maximum(margin, 0), dscores


def softmax(scores: Array, y: Array) -> tuple[Array, Array]:
    """logsumexp(s) - s_y, the cross-entropy of softmax(s) with the true class (Bridle, 1990)."""
    true = np.arange(len(y)), ..., y
    # logsumexp(s) = max(s) + log(sum(exp(s - max(s)))): no exponent is positive, so nothing overflows
    shifted = scores - scores.max(axis=-1, keepdims=True)  # (n, *models, K)
    dscores = np.exp(shifted)
    total = dscores.sum(axis=-1)  # (n, *models), at least 1
    dscores /= total[..., None]
    dscores[true] -= 1
    return np.log(total) - shifted[true], dscores


def hinge(scores: Array, y: Array) -> tuple[Array, Array]:
    """max(0, 1 - t s) for t = +-1, the support vector machine (Cortes & Vapnik, 1995); summed over the outputs."""
    t = signs(scores, y)
    margins = 1 - t * scores  # (n, *models, m)
    return np.maximum(margins, 0).sum(axis=-1), -t * (margins > 0)


def squared_hinge(scores: Array, y: Array) -> tuple[Array, Array]:
    """max(0, 1 - t s)^2 for t = +-1, the L2-loss SVM of LIBLINEAR (Fan et al., 2008); summed over the outputs."""
    t = signs(scores, y)
    slack = np.maximum(1 - t * scores, 0)  # (n, *models, m)
    return np.square(slack).sum(axis=-1), -2 * t * slack


def logistic(scores: Array, y: Array) -> tuple[Array, Array]:
    """log(1 + exp(-t s)) for t = +-1, logistic regression (Cox, 1958); summed over the outputs."""
    t = signs(scores, y)
    margins = t * scores  # (n, *models, m)
    # log(1 + exp(-z)) = max(-z, 0) + log1p(exp(-|z|)): exact for any finite z, and one exp serves value and gradient
    small = np.exp(-np.abs(margins))  # (n, *models, m), in [0, 1]
    values = np.maximum(-margins, 0) + np.log1p(small)
    return values.sum(axis=-1), -t * np.where(margins > 0, small, 1) / (1 + small)


def mse(scores: Array, y: Array) -> tuple[Array, Array]:
    """sum_j (s_j - onehot(y)_j)^2, least squares on the indicator of the class (Rifkin, Yeo & Poggio, 2003)."""
    onehot = np.zeros_like(scores)  # (n, *models, K)
    onehot[np.arange(len(y)), ..., y] = 1
    return squared_error(scores, onehot)


def squared_error(scores: Array, target: Array) -> tuple[Array, Array]:
    """sum_j (s_j - target_j)^2 for any target of the shape of the scores."""
    difference = scores - target
    return np.square(difference).sum(axis=-1), 2 * difference


def signs(scores: Array, y: Array) -> Array:
    """+1 at the output of the true class and -1 elsewhere; with a single output, +1 for class 1 and -1 for class 0.

    y (n,) -> (n, 1..., m), in the scores' dtype: an integer sign would turn float32 scores into float64.
    """
    m = scores.shape[-1]
    # in the layout of the scores: to combine arrays of two layouts takes three times as long
    t = np.full_like(scores, -1) if scores.ndim == 2 else np.full((len(y), m), -1, scores.dtype)
    if m == 1:
        t[:, 0] += 2 * y
    else:
        t[np.arange(len(y)), y] = 1
    return t.reshape(len(y), *[1] * (scores.ndim - 2), m) if scores.ndim > 2 else t


def softmax_probabilities(logits: Array) -> Array:
    """softmax(s): (n, *models, K) -> (n, *models, K), rows that sum to 1."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def softmax_logits(scores: Array) -> Array:
    """Logits whose softmax is that of the scores: they themselves."""
    return scores


def logistic_logits(scores: Array) -> Array:
    """Logits whose softmax is sigmoid(s): one output -> (0, s) of the two classes; one-vs-rest outputs -> log sigmoid(s),
    the sigmoids normalised over the classes."""
    if scores.shape[-1] == 1:
        return np.concatenate([np.zeros_like(scores), scores], axis=-1)
    # log sigmoid(s) = min(s, 0) - log1p(exp(-|s|)): far from 0 the sigmoids themselves would all be 0
    return np.asarray(np.minimum(scores, 0) - np.log1p(np.exp(-np.abs(scores))))
