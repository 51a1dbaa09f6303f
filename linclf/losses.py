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

MOST_GROWTH = 1.5  # of a flow that is balanced, before all are scaled down
SPREAD, NARROWEST, WIDEST = 4, 0.02, 0.5  # of the width over which a kink is spread to estimate second derivatives


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


@dataclass(frozen=True)
class Dual:
    """The conjugate of a loss, for lower bounds on the objective (`linclf.optim.certificate`).

    value     (g, y) -> -loss*(g) of each row, (n,); g (n, m) are gradients by the scores, y (n,) codes
    balanced  (g, y, v) -> gradients close to g whose sum weighted by v (n,), which sums to 1, is zero, and where loss* is finite
    is_linear whether value(t g) = t value(g) for t from 0 to 1
    """

    value: Callable[[Array, Array], Array]
    balanced: Callable[[Array, Array, Array], Array]
    is_linear: bool = False


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


def hinge_dual(g: Array, y: Array) -> Array:
    """-loss*(g) of hinge: |g| up to 1."""
    return np.asarray(np.abs(g).sum(axis=1))


def svm_dual(g: Array, y: Array) -> Array:
    """-loss*(g) of svm and crammer-singer: the sum of the gradients of the wrong classes."""
    return np.asarray(np.maximum(g, 0).sum(axis=1))


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
    share = v @ target  # (m,) of the rows whose target is 1
    never, always = share == 0, v @ (1 - target) == 0
    if (never | always).any():  # their probabilities are 0 and 1, whatever the scores
        g = np.where(never, 0, np.where(always, 1, g + target)) - target
    excess = v @ g  # (m,)
    with np.errstate(divide="ignore", invalid="ignore"):
        # share - excess / most must stay a probability in each output
        most = np.nanmax([excess / share, -excess / (1 - share)], initial=0)
    if most == 0:
        return g
    other = share if np.isinf(most) else share - excess / most
    mixed = 1 / (1 + most)
    return np.asarray(mixed * g + (1 - mixed) * (other - target))


def balanced_distributions(g: Array, y: Array, v: Array) -> Array:
    """The same where p is a distribution over the classes: that of a class without weight is 0, which leaves the others more."""
    target = _targets(g, y)  # (n, K)
    absent = v @ target == 0
    if absent.any():
        p = np.where(absent, 0, g + target)
        total = p.sum(axis=1, keepdims=True)
        g = np.where(total > 0, p / np.where(total > 0, total, 1), ~absent / np.count_nonzero(~absent)) - target
    return balanced_probabilities(g, y, v)


def balanced_sides(g: Array, y: Array, v: Array) -> Array:
    """Balance by scaling down, in each output, the gradients of the sign whose sum is larger."""
    t = signs(g, y)
    up, down = v @ np.where(t > 0, -g, 0), v @ np.where(t < 0, g, 0)  # (m,), both >= 0
    less = np.minimum(up, down)
    factor = np.where(t > 0, less / np.where(up > 0, up, 1), less / np.where(down > 0, down, 1))
    return np.asarray(factor * g)


def balanced_flows(g: Array, y: Array, v: Array) -> Array:
    """Balance gradients that are positive at the wrong classes, and minus their sum at the true one, by scaling down what flows from
    class c to class j, the sum F_cj of g_j over the rows of c, until as much flows into each class as out of it.

    The factors are 1 + q_c - q_j, divided by the largest of them: q solves the Laplacian of F + F^T, and is small where the
    imbalance is. Classes for which it is not, whose flows are small, get none."""
    target = _targets(g, y)  # (n, K)
    before = target.T @ (np.maximum(g, 0) * v[:, None])  # (K, K)
    flows = before.copy()
    while flows.any():
        out, into = flows.sum(axis=1), flows.sum(axis=0)
        both = flows + flows.T
        q = np.linalg.lstsq(np.diag(both.sum(axis=1)) - both, into - out, rcond=None)[0]
        factor = np.where(flows > 0, 1 + q[:, None] - q, 1)
        if factor.min() >= 0 and factor.max() <= MOST_GROWTH:
            flows *= factor / factor.max()
            break
        strained = ((factor < 0) | (factor > MOST_GROWTH)).any(axis=1) | ((factor < 0) | (factor > MOST_GROWTH)).any(
            axis=0
        )
        least = np.argmin(np.where(strained, out + into, np.inf))
        flows[least] = flows[:, least] = 0
    mutual = np.minimum(before, before.T)  # what flows both ways is balanced, too
    flows = flows if flows.sum() >= mutual.sum() else mutual
    moved = np.maximum(g, 0) * np.divide(flows, before, out=np.zeros_like(flows), where=before > 0)[y]
    return np.asarray(moved - target * moved.sum(axis=1, keepdims=True))


def balanced_mean(g: Array, y: Array, v: Array) -> Array:
    """Balance by subtracting the weighted mean."""
    return np.asarray(g - v @ g)


def _entropy(p: Array) -> Array:
    """-p log p; 0 at 0, and below it by rounding."""
    return np.asarray(-p * np.log(np.where(p > 0, p, 1)))


def _targets(g: Array, y: Array) -> Array:
    """1 at outputs whose target is 1, else 0: (n, m)."""
    return np.asarray((signs(g, y) + 1) / 2)


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
    smoothed    (scores, y, width) -> the same as `function` of the loss with each kink smoothed over this width, whose gradients are
                in the domain of the dual; None for a loss without kinks
    difference  of a loss with an output per class, the name of the binary loss that it is of the difference of two classes' scores
    curvatures  (scores, y, width) -> its second derivative by each score (n, m), or an estimate: what full-batch steps are scaled by
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
    smoothed: Callable[[Array, Array, float], tuple[Array, Array]] | None = None
    curvatures: Callable[[Array, Array, float], Array] | None = None
    difference: str | None = None

    @property
    def is_separable(self) -> bool:
        """Whether the value is a sum over the outputs, of which each depends on its score alone."""
        return self.binary or self.function is mse

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
            dual=Dual(svm_dual, balanced_flows, is_linear=True),
            smoothed=smoothed_svm,
            curvatures=svm_curvature,
            difference="hinge",
        ),
        Loss(
            "softmax",
            softmax,
            "logsumexp(s) - s_y",
            "Bridle, 1990",
            logits=softmax_logits,
            dual=Dual(softmax_dual, balanced_distributions),
            curvatures=softmax_curvature,
            difference="logistic",
        ),
        Loss(
            "hinge",
            hinge,
            "max(0, 1 - t s)",
            "Cortes & Vapnik, 1995",
            binary=True,
            dual=Dual(hinge_dual, balanced_sides, is_linear=True),
            smoothed=smoothed_hinge,
            curvatures=hinge_curvature,
        ),
        Loss(
            "squared-hinge",
            squared_hinge,
            "max(0, 1 - t s)^2",
            "Fan et al. (LIBLINEAR), 2008",
            curvature=4 / 3,
            binary=True,
            dual=Dual(squared_hinge_dual, balanced_sides),
            curvatures=squared_hinge_curvature,
        ),
        Loss(
            "logistic",
            logistic,
            "log(1 + exp(-t s))",
            "Cox, 1958",
            binary=True,
            logits=logistic_logits,
            dual=Dual(logistic_dual, balanced_probabilities),
            curvatures=logistic_curvature,
        ),
        Loss(
            "crammer-singer",
            crammer_singer,
            "max(0, 1 + max_{j != y} s_j - s_y)",
            "Crammer & Singer, 2001",
            dual=Dual(svm_dual, balanced_flows, is_linear=True),
            smoothed=smoothed_crammer_singer,
            curvatures=crammer_singer_curvature,
            difference="hinge",
        ),
        Loss(
            "mse",
            mse,
            "sum_j (s_j - onehot(y)_j)^2",
            "Rifkin, Yeo & Poggio, 2003",
            curvature=2,
            dual=Dual(mse_dual, balanced_mean),
            curvatures=mse_curvature,
        ),
    )
}
