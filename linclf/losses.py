"""The losses: scores and class codes in, one value per sample and the gradient with respect to the scores out.

Every loss has the same form, `loss(scores, y) -> (values, dscores)`:

    scores   (n, *models, m)   m outputs per sample; `*models` is absent for one model
    y        (n,)              class codes 0..K-1, integers
    values   (n, *models)      the loss of each sample, in the dtype of the scores
    dscores  (n, *models, m)   its gradient, or at a kink the subgradient of the strict inequality

The middle axes let many models share one pass; `scores[rows, ..., y]` picks the true class's score with and without
them. A loss knows no data, no weights and no penalty: these are in `linclf.optim.objective`.

To add a loss: one function here, one naive twin in `linclf.textbook.NAIVE`, one line in `LOSSES`. Every test then runs on it.
"""

from collections.abc import Callable
from dataclasses import dataclass
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
    t = np.full((len(y), m), -1, scores.dtype)
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


@dataclass(frozen=True)
class Dual:
    """The conjugate of a loss, for lower bounds on the objective (`linclf.optim.certificate`).

    value     (g, y) -> -loss*(g) of each row, (n,); g (n, m) are gradients by the scores, y (n,) codes
    balanced  (g, y, v) -> gradients close to g whose sum weighted by v (n,), which sums to 1, is zero, and where loss* is finite
    """

    value: Callable[[Array, Array], Array]
    balanced: Callable[[Array, Array, Array], Array]


def softmax_dual(g: Array, y: Array) -> Array:
    """-loss*(g) of softmax: the entropy of the probabilities p = g + onehot(y)."""
    return np.asarray(_entropy(g + _targets(g, y)).sum(axis=1))


def logistic_dual(g: Array, y: Array) -> Array:
    """-loss*(g) of logistic: the entropy of |g| and 1 - |g|, summed over the outputs."""
    a = np.minimum(np.abs(g), 1)
    return np.asarray((_entropy(a) + _entropy(1 - a)).sum(axis=1))


def squared_hinge_dual(g: Array, y: Array) -> Array:
    """-loss*(g) of squared-hinge: sup_z -a z - max(0, 1 - z)^2 is a^2/4 - a, at 1 - z = a/2, for a = |g| and z the margin."""
    return np.asarray((np.abs(g) - np.square(g) / 4).sum(axis=1))


def mse_dual(g: Array, y: Array) -> Array:
    """-loss*(g) of mse: sup_s <g, s> - ||s - target||^2 is <g, target> + ||g||^2 / 4."""
    return np.asarray(-(g * _targets(g, y) + np.square(g) / 4).sum(axis=1))


def balanced_probabilities(g: Array, y: Array, v: Array) -> Array:
    """Balance g = p - target, p probabilities: p is mixed with the class frequencies, so that its mean equals them."""
    target = _targets(g, y)  # (n, m)
    p = g + target
    share = v @ target  # (m,)
    excess = v @ p - share  # (m,)
    with np.errstate(divide="ignore", invalid="ignore"):
        # share - excess / most must stay a probability in each output
        most = np.nanmax([excess / share, -excess / (1 - share)], initial=0)
    if most == 0:
        return g
    other = share if np.isinf(most) else share - excess / most
    mixed = 1 / (1 + most)
    return np.asarray(mixed * p + (1 - mixed) * other - target)


def balanced_sides(g: Array, y: Array, v: Array) -> Array:
    """Balance by scaling down, in each output, the gradients of the sign whose sum is larger."""
    t = signs(g, y)
    up, down = v @ np.where(t > 0, -g, 0), v @ np.where(t < 0, g, 0)  # (m,), both >= 0
    less = np.minimum(up, down)
    factor = np.where(t > 0, less / np.where(up > 0, up, 1), less / np.where(down > 0, down, 1))
    return np.asarray(factor * g)


def balanced_mean(g: Array, y: Array, v: Array) -> Array:
    """Balance by subtracting the weighted mean."""
    return np.asarray(g - v @ g)


def _entropy(p: Array) -> Array:
    """-p log p; 0 at 0, and below it by rounding."""
    return np.asarray(-p * np.log(np.where(p > 0, p, 1)))


def _targets(g: Array, y: Array) -> Array:
    """1 at outputs whose target is 1, else 0: (n, m)."""
    return np.asarray((signs(g, y) + 1) / 2)


@dataclass(frozen=True)
class Loss:
    """One line of the table of losses.

    name        what `--loss` calls it
    function    (scores, y) -> (values, dscores), as at the top of this file
    formula     the value of one sample, as text for people
    source      who introduced it
    curvature   the second derivative of a loss whose gradient grows with the score, else 0. That of squared-hinge is 2 on
                one side of the margin and 0 on the other; in between, 4/3 works best in `linclf.optim.auto_rate`
    binary      True: t = +-1; one output for two classes, one-vs-rest for more. False: an output per class
    naive       of a custom loss: (scores of one sample (m,), its code) -> (value, gradient (m,)), to compare it with
    dual        the conjugate, for losses whose distance from the optimum can be bounded; else None
    logits      scores -> logits (n, *models, K) whose softmax is the probabilities of the classes, for losses that have these
    """

    name: str
    function: Callable[[Array, Array], tuple[Array, Array]]
    formula: str
    source: str
    curvature: float = 0.0
    binary: bool = False
    logits: Callable[[Array], Array] | None = None
    naive: Callable[[Array, int], tuple[float, Array]] | None = None
    dual: Dual | None = None

    def __call__(self, scores: Array, y: Array) -> tuple[Array, Array]:
        """The loss of each sample and its gradient: see the top of this file for shapes."""
        return self.function(scores, y)

    def n_outputs(self, n_classes: int) -> int:
        """How many outputs m a model of this loss has for so many classes."""
        return 1 if self.binary and n_classes == 2 else n_classes


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss(
            "svm",
            multiclass_svm,
            "sum_{j != y} max(0, s_j - s_y + 1)",
            "Weston & Watkins, 1999",
        ),
        Loss(
            "softmax",
            softmax,
            "logsumexp(s) - s_y",
            "Bridle, 1990",
            logits=softmax_logits,
            dual=Dual(softmax_dual, balanced_probabilities),
        ),
        Loss("hinge", hinge, "max(0, 1 - t s)", "Cortes & Vapnik, 1995", binary=True),
        Loss(
            "squared-hinge",
            squared_hinge,
            "max(0, 1 - t s)^2",
            "Fan et al. (LIBLINEAR), 2008",
            curvature=4 / 3,
            binary=True,
            dual=Dual(squared_hinge_dual, balanced_sides),
        ),
        Loss(
            "logistic",
            logistic,
            "log(1 + exp(-t s))",
            "Cox, 1958",
            binary=True,
            logits=logistic_logits,
            dual=Dual(logistic_dual, balanced_probabilities),
        ),
        Loss("crammer-singer", crammer_singer, "max(0, 1 + max_{j != y} s_j - s_y)", "Crammer & Singer, 2001"),
        Loss(
            "mse",
            mse,
            "sum_j (s_j - onehot(y)_j)^2",
            "Rifkin, Yeo & Poggio, 2003",
            curvature=2,
            dual=Dual(mse_dual, balanced_mean),
        ),
    )
}
