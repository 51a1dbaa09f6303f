"""The tables of likely mistakes: each entry predicts, from the right pieces, what a function with this mistake returns.

A gradient is made of a term per sample, a scale, a penalty and a shape. Each table below lists what can go wrong with one
of them; `diagnosis.py` searches for the smallest set of entries that together explain every coordinate.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeAlias, TypeVar

import numpy as np

from linclf.gradcheck.reference import Pieces
from linclf.losses import LOSSES, Array, signs, softmax_probabilities

Formula_co = TypeVar("Formula_co", covariant=True)


@dataclass(frozen=True)
class Mistake(Generic[Formula_co]):
    """One entry: a key for programs, a sentence for people, and the formula of the mistake."""

    key: str
    text: str
    formula: Formula_co


Term: TypeAlias = Mistake[Callable[[Pieces], Array | None]]  # None: it does not apply to this loss
Dense: TypeAlias = Mistake[Callable[[Array, Array, Array, Array], Array]]
LayerMistake: TypeAlias = Mistake[Callable[[Array, Array, Array], Array]]
Scale: TypeAlias = Mistake[Callable[[int, int], float]]
Penalty: TypeAlias = Mistake[Callable[[Array, Array, float, int], Array]]
Shape: TypeAlias = Mistake[Callable[[Array, Array], Array | None]]  # None: it does not apply to this shape

# --- the term per sample: Pieces -> what is used instead of dscores (n, m) ------------------------------------------


def onehot(p: Pieces) -> Array:
    """1 at each sample's true class: (n, C)."""
    return np.eye(p.scores.shape[1])[p.y] if p.scores.shape[1] > 1 else np.ones_like(p.scores)


def margins(p: Pieces, delta: float = 1.0) -> Array:
    """s_j - s_y + delta, 0 at the true class: (n, C)."""
    margins = p.scores - np.take_along_axis(p.scores, p.y[:, None], axis=1) + delta
    return np.asarray(np.where(onehot(p) == 1, 0, margins))


def _violations(p: Pieces, threshold: float = 0.0) -> Array:
    """1 where a wrong class's margin is above the threshold: (n, C)."""
    return (margins(p) > threshold).astype(float)


def _with_true_column(wrong: Array, p: Pieces, true: Array | float) -> Array:
    """`wrong` (n, C) with the true class's entry of each row replaced by `true`, (n,) or a number."""
    return np.asarray(np.where(onehot(p) == 1, np.reshape(true, (-1, 1)), wrong))


def shifted_by_rows(p: Pieces, axis: int | None) -> Array:
    """exp(s - the row's largest), normalised along an axis, or over all entries."""
    e = np.exp(p.scores - p.scores.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def _active(p: Pieces, threshold: float = 1.0) -> Array:
    """1 where the margin t s is below the threshold: (n, m)."""
    return (signs(p.scores, p.y) * p.scores < threshold).astype(float)


def _bits(p: Pieces) -> Array:
    """The targets as 0 and 1: (n, m)."""
    return (signs(p.scores, p.y) + 1) / 2


def _slack(p: Pieces) -> Array:
    """max(0, 1 - t s): (n, m)."""
    return np.asarray(np.maximum(1 - signs(p.scores, p.y) * p.scores, 0))


_HINGES: tuple[Term, ...] = (
    Mistake("missing-target", "The target is missing: there is a -1 wherever the loss is positive, but the slope there is -true.", lambda p: -_active(p)),
    Mistake("missing-target", "The factor -true is missing: there is a 1 wherever the loss is positive, but the slope there is -true.", _active),
    Mistake("missing-indicator", "The indicator is not applied: the gradient is -true everywhere, even where the loss and its slope are 0.", lambda p: -signs(p.scores, p.y)),
    Mistake("wrong-threshold", "The threshold is wrong: the gradient becomes 0 at pred * true = 0, the loss at pred * true = 1.", lambda p: -signs(p.scores, p.y) * _active(p, 0)),
    Mistake("wrong-threshold", "The threshold is wrong: the gradient becomes 0 at pred * true = -1, the loss at pred * true = 1.", lambda p: -signs(p.scores, p.y) * _active(p, -1)),
    Mistake("wrong-threshold", "The threshold is wrong: the gradient becomes 0 at pred * true = 2, the loss at pred * true = 1.", lambda p: -signs(p.scores, p.y) * _active(p, 2)),
    Mistake("wrong-threshold", "The indicator is inverted: the gradient is non-zero where the loss is 0, and 0 where it is positive.", lambda p: -signs(p.scores, p.y) * (1 - _active(p))),
    Mistake("wrong-threshold", "The indicator tests pred < 1, without the target: it must test pred * true < 1.", lambda p: -signs(p.scores, p.y) * (p.scores < 1)),
    Mistake("margin-for-indicator", "The loss itself, max(0, 1 - pred * true), is used instead of its indicator (1 where it is positive).", lambda p: -signs(p.scores, p.y) * _slack(p)),
    Mistake("missing-target", "The loss itself is returned: its slope is -true where it is positive.", _slack),
    Mistake("prediction-for-target", "The prediction is used instead of the target: where the loss is positive, the slope is -true, not -pred.", lambda p: -p.scores * _active(p)),
    Mistake("extra-prediction", "The slope is multiplied by the prediction: d/dpred of 1 - pred * true is -true alone.", lambda p: -signs(p.scores, p.y) * p.scores * _active(p)),
)  # fmt: skip


def _assigned(p: Pieces, *, both: bool) -> Array:
    """What is left of the terms if the loop over samples and classes assigns the column of a violated margin, or of both classes."""
    left, violated = np.zeros_like(p.scores), _violations(p)
    for i, true in enumerate(p.y):
        for j in np.flatnonzero(violated[i]):
            left[:, j] = 0
            left[i, j] = 1
            left[:, true] *= not both
            left[i, true] -= 1
    return left


def _true_assigned(p: Pieces) -> Array:
    """What is left of the terms if the loop over samples and classes assigns the column of the correct class."""
    left, violated = np.zeros_like(p.scores), _violations(p)
    for i, true in enumerate(p.y):
        for j in range(p.n_outputs):
            if j == true:
                left[:, j] = 0
            left[i, j] = -violated[i].sum() if j == true else violated[i, j]
    return left


TERMS: dict[str, tuple[Term, ...]] = {
    "svm": (
        Mistake("true-class-missing", "The correct class's column lacks its part, minus the number of violated margins of each sample.", lambda p: _with_true_column(_violations(p), p, 0.0)),
        Mistake("true-class-set-once", "The correct class's column is set once per sample: subtract 1 from it for every violated margin.", lambda p: _with_true_column(_violations(p), p, -np.minimum(_violations(p).sum(axis=1), 1))),
        Mistake("true-class-set-once", "The correct class's column gets -1 for every sample: it must get minus the number of violated margins.", lambda p: _with_true_column(_violations(p), p, -1.0)),
        Mistake("true-class-sign", "The correct class's column has the wrong sign: subtract 1 from it, not add 1, for every violated margin.", lambda p: _with_true_column(_violations(p), p, _violations(p).sum(axis=1))),
        Mistake("true-class-counted", "The correct class is counted as a violated margin too (its margin is always 1): skip j = y.", lambda p: _with_true_column(_violations(p), p, 1 - _violations(p).sum(axis=1))),
        Mistake("true-class-counted", "The correct class is counted as a violated margin too (its margin is always 1): skip j = y.", lambda p: _with_true_column(_violations(p), p, -1 - _violations(p).sum(axis=1))),
        Mistake("wrong-classes-missing", "Only the correct class's column is filled: every class with a violated margin gets +1.", lambda p: _with_true_column(0 * p.scores, p, -_violations(p).sum(axis=1))),
        Mistake("missing-indicator", "The indicator is not applied: classes whose margin is not violated, whose loss is 0, get a gradient too.", lambda p: _with_true_column(np.ones_like(p.scores), p, 1.0 - p.scores.shape[1])),
        Mistake("margin-for-indicator", "The margins are used instead of their indicator: a violated margin counts 1, whatever its size.", lambda p: _with_true_column(np.maximum(margins(p), 0), p, -np.maximum(margins(p), 0).sum(axis=1))),
        Mistake("margin-for-indicator", "The margins are used instead of their indicator: a violated margin counts 1, whatever its size.", lambda p: _with_true_column(np.maximum(margins(p), 0), p, -_violations(p).sum(axis=1))),
        Mistake("wrong-threshold", "The threshold is wrong: a margin is violated where s_j - s_y + 1 > 0; the gradient tests s_j - s_y > 0 (the 1 is missing).", lambda p: _with_true_column(_violations(p, 1), p, -_violations(p, 1).sum(axis=1))),
        Mistake("wrong-threshold", "The threshold is wrong: a margin is violated where s_j - s_y + 1 > 0; the gradient tests s_j - s_y + 2 > 0.", lambda p: _with_true_column(_violations(p, -1), p, -_violations(p, -1).sum(axis=1))),
        Mistake("wrong-threshold", "The threshold is wrong: a margin is violated where s_j - s_y + 1 > 0; the gradient tests s_j - s_y - 1 > 0.", lambda p: _with_true_column(_violations(p, 2), p, -_violations(p, 2).sum(axis=1))),
        Mistake("true-class-set-once", "1 is subtracted from the correct class's column for every wrong class, not for every violated margin: it belongs inside the if.", lambda p: _with_true_column(_violations(p), p, 1.0 - p.n_outputs)),
        Mistake("sum-without-axis", "All samples' violated margins are counted for each sample: sum over the classes of its row, axis=1.", lambda p: _with_true_column(_violations(p), p, -_violations(p).sum())),
        Mistake("margin-for-indicator", "Margins that are not violated stay in the matrix as they are: set them to 0, with np.maximum(0, margins).", lambda p: _with_true_column(np.where(margins(p) > 0, 1, margins(p)), p, -np.where(margins(p) > 0, 1, margins(p)).sum(axis=1))),
        Mistake("missing-indicator", "Everything counts as violated, also margins of 0: test > 0, not >= 0.", lambda p: _with_true_column(np.ones_like(p.scores), p, -float(p.n_outputs))),
        Mistake("scores-for-margins", "The scores are tested instead of the margins: a margin is violated where s_j - s_y + 1 > 0.", lambda p: _with_true_column((p.scores > 0).astype(float), p, -((p.scores > 0) * (1 - onehot(p))).sum(axis=1))),
        Mistake("assigned-in-loop", "The correct class's column is assigned in the loop, dW[:, y[i]] = ..., which erases what other samples have added: subtract, with -=.", _true_assigned),
        Mistake("assigned-in-loop", "A column is assigned in the loop, dW[:, j] = X[i], which erases what other samples have added: add, with +=.", lambda p: _assigned(p, both=False)),
        Mistake("assigned-in-loop", "Columns are assigned in the loop, which erases what other samples have added: add, with += and -=.", lambda p: _assigned(p, both=True)),
    ),
    "softmax": (
        Mistake("missing-softmax", "No probability is in the gradient: +1 for each wrong class and -1 for the true one; it is softmax(s) - onehot(y).", lambda p: 1 - 2 * onehot(p)),
        Mistake("true-class-set-once", "The true class's entry is set to -1: subtract 1 from its probability, p - 1.", lambda p: _with_true_column(softmax_probabilities(p.scores), p, -1.0)),
        Mistake("label-indexing", "The label itself is subtracted, p - y: subtract its one-hot encoding, 1 at class y and 0 elsewhere.", lambda p: softmax_probabilities(p.scores) - p.y[:, None]),
        Mistake("label-indexing", "The number of the sample is taken for its class (j == i, where j == y[i] belongs).", lambda p: softmax_probabilities(p.scores) - np.eye(max(p.scores.shape))[: p.n, : p.n_outputs]),
        Mistake("not-normalised", "The softmax is not normalised: exp(s - max(s)) must be divided by its sum over the classes.", lambda p: np.exp(p.scores - p.scores.max(axis=1, keepdims=True)) - onehot(p)),
        Mistake("not-normalised", "Logarithms of the probabilities are used instead of these: the gradient is softmax(s) - onehot(y).", lambda p: np.log(softmax_probabilities(p.scores)) - onehot(p)),
        Mistake("wrong-sigmoid", "The sigmoid is used instead of the softmax: the gradient is softmax(s) - onehot(y).", lambda p: 1 / (1 + np.exp(-p.scores)) - onehot(p)),
        Mistake("extra-softmax", "The softmax is taken twice: the gradient is softmax(s) - onehot(y).", lambda p: softmax_probabilities(softmax_probabilities(p.scores)) - onehot(p)),
        Mistake("extra-factor", "The gradient is multiplied by the probability once more: it is softmax(s) - onehot(y) alone.", lambda p: (softmax_probabilities(p.scores) - onehot(p)) * softmax_probabilities(p.scores)),
        Mistake("missing-onehot", "The one-hot target is not subtracted: the gradient is softmax(s) - onehot(y), this is softmax(s) alone.", lambda p: softmax_probabilities(p.scores)),
        Mistake("missing-softmax", "The softmax is missing: the gradient is softmax(s) - onehot(y), this is -onehot(y) alone.", lambda p: -onehot(p)),
        Mistake("wrong-axis", "The softmax is normalised along the wrong axis: each sample's probabilities must sum to 1, but here each class's do.", lambda p: softmax_probabilities(p.scores.T).T - onehot(p)),
        Mistake("wrong-axis", "The softmax is normalised along the wrong axis: each sample's probabilities must sum to 1, but here each class's do.", lambda p: shifted_by_rows(p, 0) - onehot(p)),
        Mistake("wrong-axis", "The softmax is normalised over the whole batch: each sample's probabilities must sum to 1.", lambda p: shifted_by_rows(p, None) - onehot(p)),
        Mistake("wrong-axis", "The softmax is normalised over the whole batch: each sample's probabilities must sum to 1.", lambda p: np.exp(p.scores) / np.exp(p.scores).sum() - onehot(p)),
        Mistake("label-indexing", "1 is subtracted from whole columns (D[:, y] -= 1): pair each row with its own class, D[np.arange(n), y] -= 1.", lambda p: softmax_probabilities(p.scores) - 1),
        Mistake("label-indexing", "The labels are shifted by one: class y's column is y, counted from 0.", lambda p: softmax_probabilities(p.scores) - np.roll(onehot(p), -1, axis=1)),
        Mistake("label-indexing", "The labels are shifted by one: class y's column is y, counted from 0.", lambda p: softmax_probabilities(p.scores) - np.roll(onehot(p), 1, axis=1)),
        Mistake("not-normalised", "The softmax is not normalised: exp(s) must be divided by its sum over the classes.", lambda p: np.exp(p.scores) - onehot(p)),
        Mistake("not-normalised", "The scores are used instead of their softmax: the gradient is softmax(s) - onehot(y).", lambda p: p.scores - onehot(p)),
        Mistake("true-class-only", "Only the correct class's column is filled: every class gets its probability, softmax(s)_j.", lambda p: _with_true_column(0 * p.scores, p, ((softmax_probabilities(p.scores) - 1) * onehot(p)).sum(axis=1))),
        Mistake("true-class-missing", "The correct class's column is 0: it must be its probability minus 1.", lambda p: softmax_probabilities(p.scores) * (1 - onehot(p))),
        Mistake("true-class-sign", "The one-hot target is added instead of subtracted: the gradient is softmax(s) - onehot(y).", lambda p: softmax_probabilities(p.scores) + onehot(p)),
        Mistake("softmax-derivative", "This is p (1 - p), the derivative of softmax itself: that of the loss is softmax(s) - onehot(y).", lambda p: softmax_probabilities(p.scores) * (1 - softmax_probabilities(p.scores))),
        Mistake("extra-factor", "The gradient is multiplied by an extra p (1 - p): that of softmax with cross-entropy is softmax(s) - onehot(y) alone.", lambda p: (softmax_probabilities(p.scores) - onehot(p)) * softmax_probabilities(p.scores) * (1 - softmax_probabilities(p.scores))),
        Mistake("log-derivative", "This is the gradient with respect to the probabilities, -onehot(y) / p, not with respect to the scores.", lambda p: -onehot(p) / softmax_probabilities(p.scores)),
    ),
    "hinge": _HINGES,
    "squared-hinge": (
        Mistake("missing-chain-factor", "The derivative of the square is missing: d/ds of m^2 is 2 m times the slope of m, and the slack m is left out.", lambda p: -2 * signs(p.scores, p.y) * _active(p)),
        Mistake("missing-indicator", "The indicator is not applied: where the margin is at least 1 the gradient is 0.", lambda p: -2 * signs(p.scores, p.y) * (1 - signs(p.scores, p.y) * p.scores)),
        Mistake("missing-target", "The factor -true is missing.", lambda p: 2 * _slack(p)),
    ),
    "logistic": (
        Mistake("missing-target", "The factor -true is missing.", lambda p: 1 / (1 + np.exp(signs(p.scores, p.y) * p.scores))),
        Mistake("missing-target", "The factor true is missing: the gradient is -true * sigmoid(-true * s).", lambda p: -1 / (1 + np.exp(signs(p.scores, p.y) * p.scores))),
        Mistake("missing-sigmoid", "The sigmoid is missing: the gradient is sigmoid(s) - y, with y as 0 or 1.", lambda p: p.scores - _bits(p)),
        Mistake("label-indexing", "The target is -1 or 1 where 0 or 1 belongs: the gradient is sigmoid(s) - y.", lambda p: 1 / (1 + np.exp(-p.scores)) - signs(p.scores, p.y)),
        Mistake("extra-factor", "The gradient is multiplied by an extra h (1 - h), the derivative of the sigmoid: that of the log loss is h - y alone.", lambda p: p.dscores / (1 + np.exp(-p.scores)) / (1 + np.exp(p.scores))),
        Mistake("wrong-sigmoid", "The sigmoid has the wrong sign inside: the gradient is sigmoid(s) - y.", lambda p: 1 / (1 + np.exp(p.scores)) - _bits(p)),
        Mistake("wrong-sigmoid", "The sigmoid has the wrong sign inside: the gradient is -true * sigmoid(-true * s).", lambda p: -signs(p.scores, p.y) / (1 + np.exp(-signs(p.scores, p.y) * p.scores))),
        Mistake("wrong-sigmoid", "The target is missing inside the sigmoid: the gradient is -true * sigmoid(-true * s).", lambda p: -signs(p.scores, p.y) / (1 + np.exp(p.scores))),
        Mistake("wrong-sigmoid", "The target is missing inside the sigmoid: the gradient is -true * sigmoid(-true * s).", lambda p: -signs(p.scores, p.y) / (1 + np.exp(-p.scores))),
        Mistake("missing-onehot", "The sigmoid alone is returned: subtract the target as 0 or 1.", lambda p: 1 / (1 + np.exp(-p.scores))),
    ),
    "mse": (
        Mistake("missing-target", "The target is not subtracted: the gradient is 2 (input - target).", lambda p: 2 * p.scores),
        Mistake("value-for-gradient", "The squared error itself is returned: its derivative is 2 (input - target).", lambda p: np.square(p.scores - p.targets)),
        Mistake("sign-for-difference", "The sign of the difference is returned, which is the gradient of the absolute error: that of the squared error is 2 (input - target).", lambda p: np.sign(p.scores - p.targets)),
        Mistake("true-class-sign", "The target is added instead of subtracted: the gradient is 2 (input - target).", lambda p: 2 * (p.scores + p.targets)),
    ),
    "cross-entropy of probabilities": (
        Mistake("by-scores", "This is p - t, the gradient with respect to the scores before the softmax: with respect to the probabilities, which the function takes, it is -t / p.", lambda p: p.scores - p.targets),
        Mistake("wrong-formula", "The target is missing: the gradient is -t / p, 0 for the wrong classes.", lambda p: -1 / p.scores),
        Mistake("wrong-formula", "The probability is missing: the gradient is -t / p.", lambda p: -p.targets),
        Mistake("wrong-formula", "The logarithm itself is returned: the gradient is -t / p.", lambda p: -p.targets * np.log(p.scores)),
        Mistake("wrong-formula", "This is p / t or p * t: the gradient is -t / p.", lambda p: -p.targets * p.scores),
    ),
    "binary cross-entropy of probabilities": (
        Mistake("by-scores", "This is p - t, the gradient with respect to the score before the sigmoid: with respect to the probability, which the function takes, it is (p - t) / (p (1 - p)).", lambda p: p.scores - p.targets),
        Mistake("missing-term", "The second term is missing: the gradient is -t / p + (1 - t) / (1 - p).", lambda p: -p.targets / p.scores),
        Mistake("missing-term", "The first term is missing: the gradient is -t / p + (1 - t) / (1 - p).", lambda p: (1 - p.targets) / (1 - p.scores)),
        Mistake("wrong-sign", "The sign of the second term is wrong: the gradient is -t / p + (1 - t) / (1 - p).", lambda p: -p.targets / p.scores - (1 - p.targets) / (1 - p.scores)),
    ),
    "crammer-singer": (
        Mistake("true-class-missing", "The correct class's column is missing its -1.", lambda p: np.maximum(p.dscores, 0)),
        Mistake("wrong-classes-missing", "The winning wrong class's column is missing its +1.", lambda p: np.minimum(p.dscores, 0)),
    ),
}  # fmt: skip


SKIPPED: tuple[Term, ...] = (
    Mistake("divided-by-features", "The data part is divided by the number of features, X.shape[1], not by that of samples, X.shape[0].", lambda p: None if p.kept is None else p.dscores * p.n * p.n_outputs / p.W.size),
    Mistake("data-missing", "Only the penalty is in the gradient: the data part is missing, or overwritten by an = where += belongs.", lambda p: 0 * p.dscores),
    Mistake("samples-skipped", "The last sample is left out: where does the loop over samples end?", lambda p: p.dscores * (np.arange(p.n)[:, None] < p.n - 1)),
    Mistake("samples-skipped", "The first sample is left out: where does the loop over samples start?", lambda p: p.dscores * (np.arange(p.n)[:, None] > 0)),
    Mistake("samples-skipped", "Only the first sample counts: is there a return or break inside the loop?", lambda p: p.dscores * (np.arange(p.n)[:, None] == 0)),
    Mistake("samples-skipped", "Only the last sample counts: is the gradient assigned in the loop instead of added?", lambda p: p.dscores * (np.arange(p.n)[:, None] == p.n - 1)),
)  # fmt: skip


def terms(loss: str) -> tuple[Term, ...]:
    """The mistakes of a loss's term, and the right terms of all other losses."""
    others = (
        Mistake("other-loss", f"This is the gradient of another loss, {name}.", partial(_dscores_of, name))
        for name in LOSSES
        if name != loss
    )
    return (*TERMS.get(loss, ()), *SKIPPED, *others)


def _dscores_of(name: str, p: Pieces) -> Array | None:
    """The right term of another loss; None if it cannot have one output."""
    loss = LOSSES[name]
    return loss(p.scores, p.y)[1] if p.scores.shape[1] > 1 or loss.binary else None


# --- the dense layer: (x_input, grad_output, W, b) -> what is returned instead of the gradient ---------------------------

DENSE: dict[int, tuple[Dense, ...]] = {
    0: (
        Mistake("wrong-product", "This is x_input * sum of W: the gradient with respect to the input is grad_output @ W.T.", lambda x, g, W, b: x * W.sum(axis=1)),
        Mistake("grad-output-missing", "grad_output is left out: by the chain rule the gradient is grad_output @ W.T, but this sums each row of W.", lambda x, g, W, b: np.ones_like(g) @ W.T),
        Mistake("forward-for-gradient", "The layer's output is returned instead of the gradient, grad_output @ W.T.", lambda x, g, W, b: x @ W + b),
        Mistake("extra-bias", "The bias does not appear in the gradient with respect to the input, grad_output @ W.T.", lambda x, g, W, b: (g + b) @ W.T),
    ),
    2: (
        Mistake("grad-output-missing", "grad_output is left out: the gradient with respect to W is x_input.T @ grad_output.", lambda x, g, W, b: x.T @ np.ones_like(g)),
        Mistake("wrong-product", "x_input is left out: the gradient with respect to W is x_input.T @ grad_output.", lambda x, g, W, b: np.ones_like(x).T @ g),
    ),
    3: (
        Mistake("wrong-axis", "grad_output is summed along the wrong axis: sum over the samples (axis 0), one number per output.", lambda x, g, W, b: g.sum(axis=1)),
        Mistake("not-summed", "grad_output is not summed over the samples (axis 0): b is added to every row, so every row adds to its gradient.", lambda x, g, W, b: g),
        Mistake("grad-output-missing", "grad_output is left out: the gradient with respect to b is its column sums, not ones.", lambda x, g, W, b: np.ones(len(b))),
        Mistake("grad-output-missing", "grad_output is left out: this only counts the samples.", lambda x, g, W, b: np.full(len(b), float(len(g)))),
        Mistake("extra-bias", "The bias does not appear in its own gradient, the column sums of grad_output.", lambda x, g, W, b: g.sum(axis=0) * b),
    ),
}  # fmt: skip


# --- layers of one argument: (x, the gradient dout by the output, the right gradient) -> what is returned instead ------------


def _softmax_of(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


LAYER: tuple[LayerMistake, ...] = (
    Mistake("grad-output-missing", "dout is left out: by the chain rule the gradient is dout times the layer's derivative.", lambda x, dout, right: right / dout),
    Mistake("missing-derivative", "dout is returned as it is: multiply it by the layer's derivative, or set it to 0 where this is 0.", lambda x, dout, right: dout),
    Mistake("wrong-threshold", "The mask tests dout, not the input: the gradient is dout where the input was positive.", lambda x, dout, right: dout * (dout > 0)),
    Mistake("wrong-threshold", "The mask is inverted: the gradient is dout where the input was positive.", lambda x, dout, right: dout * (x <= 0)),
    Mistake("output-for-derivative", "dout is multiplied by the output, not by the derivative, which is 1 where the input was positive.", lambda x, dout, right: dout * np.maximum(x, 0)),
    Mistake("output-for-derivative", "dout is multiplied by the input, not by the layer's derivative.", lambda x, dout, right: dout * x),
    Mistake("output-for-derivative", "dout is multiplied by the output: the derivative of the sigmoid is out * (1 - out).", lambda x, dout, right: dout * _sigmoid(x)),
    Mistake("output-for-derivative", "The derivative is taken of the output again, as if that were the input: the derivative of the sigmoid is out * (1 - out).", lambda x, dout, right: dout * _sigmoid(_sigmoid(x)) * (1 - _sigmoid(_sigmoid(x)))),
    Mistake("output-for-derivative", "The input stands where the output belongs: the derivative of the sigmoid is out * (1 - out).", lambda x, dout, right: dout * x * (1 - x)),
    Mistake("output-for-derivative", "The input stands where the output belongs: the derivative of tanh is 1 - out^2.", lambda x, dout, right: dout * (1 - x**2)),
    Mistake("diagonal-only", "Only the diagonal of the softmax's Jacobian is used: the other classes count too, out * (dout - sum(dout * out)).", lambda x, dout, right: dout * _softmax_of(x) * (1 - _softmax_of(x))),
)  # fmt: skip


# --- the scale: (n, C) -> factor --------------------------------------------------------------------------------------

SCALES: tuple[Scale, ...] = (
    Mistake("not-averaged", "The gradient is not divided by the number of samples, as the value is: a factor 1/n is missing.", lambda n, c: n),
    Mistake("averaged-too-often", "The gradient is divided by the number of samples once more often than the value: a factor 1/n too many.", lambda n, c: 1 / n),
    Mistake("divided-by-classes", "The gradient is divided by the number of outputs C once too often: 1/(n C) instead of 1/n.", lambda n, c: 1 / c),
    Mistake("not-divided-by-classes", "The gradient lacks a factor 1/C: the value is a mean over outputs too.", lambda n, c: c),
    Mistake("not-averaged", "The gradient is not divided by n and C, as the value is: a factor 1/(n C) is missing.", lambda n, c: n * c),
    Mistake("divided-by-classes", "The gradient is divided by the number of outputs C instead of the number of samples n.", lambda n, c: n / c),
    Mistake("factor", "The gradient is exactly 2 times too large.", lambda n, c: 2),
    Mistake("factor", "The gradient is exactly half of what it should be: a factor 2, perhaps of a derivative of a square, is missing.", lambda n, c: 0.5),
)  # fmt: skip
SIGN: Scale = Mistake(
    "sign", "The sign is flipped: the gradient points down where the function goes up.", lambda n, c: -1
)

DATA_SIGN: Scale = Mistake(
    "data-sign",
    "The data part of the gradient has the wrong sign; that of the penalty is right.",
    lambda n, c: -1,
)

# --- the penalty: (the right penalty term P, W, reg, n) -> what is used instead --------------------------------------


def _leaving_out(axis: int, place: int) -> Callable[[Array, Array, float, int], Array]:
    return lambda P, W, reg, n: _without(P, axis, place)


def _without(P: Array, axis: int, place: int) -> Array:
    """The penalty's gradient without the entries at a place of an axis."""
    kept = np.ones(P.shape)
    if axis < P.ndim:
        np.moveaxis(kept, axis, 0)[place] = 0
    return P * kept if axis < P.ndim else np.full(P.shape, np.nan)


def _of_all(P: Array, W: Array) -> Array:
    """The penalty's gradient where it is 0 too."""
    penalised = (P != 0) & (W != 0)
    return (
        np.full(P.shape, np.nan)
        if penalised.all() or not penalised.any()
        else np.median(P[penalised] / W[penalised]) * W
    )


PENALTIES: tuple[Penalty, ...] = (
    Mistake("penalty-formula", "The sum of W is added to each entry: the derivative of reg * ||W||^2 is 2 reg W, entry by entry.", lambda P, W, reg, n: P.sum() + 0 * W),
    Mistake("penalty-formula", "The sum of W is added to each entry: the derivative of reg * ||W||^2 is 2 reg W, entry by entry.", lambda P, W, reg, n: P.sum() / 2 + 0 * W),
    Mistake("penalty-formula", "||W||^2 is added to each entry: its derivative is 2 W, entry by entry.", lambda P, W, reg, n: reg * np.square(W).sum() + 0 * W),
    Mistake("penalty-missing", "The regularization is in the value but not in the gradient: add its derivative.", lambda P, W, reg, n: 0 * P),
    Mistake("penalty-doubled", "The gradient's regularization is twice that of the value: reg/2 * ||W||^2 has the derivative reg * W, reg * ||W||^2 has 2 reg W.", lambda P, W, reg, n: 2 * P),
    Mistake("penalty-halved", "The gradient's regularization is half that of the value: reg * ||W||^2 has the derivative 2 reg W, reg/2 * ||W||^2 has reg * W.", lambda P, W, reg, n: P / 2),
    Mistake("penalty-sign", "The regularization is subtracted in the gradient and added in the value.", lambda P, W, reg, n: -P),
    Mistake("penalty-averaged", "The regularization is divided by the number of samples together with the data: add it after the division.", lambda P, W, reg, n: P / n),
    Mistake("penalty-not-averaged", "The regularization in the gradient is n times that of the value.", lambda P, W, reg, n: P * n),
    Mistake("penalty-doubled", "The gradient's regularization is four times that of the value.", lambda P, W, reg, n: 4 * P),
    Mistake("penalty-formula", "The regularization in the gradient lacks W: the derivative of reg/2 * ||W||^2 is reg * W, not reg.", lambda P, W, reg, n: reg + 0 * W),
    Mistake("penalty-formula", "The regularization in the gradient lacks W: the derivative of reg * ||W||^2 is 2 reg W, not 2 reg.", lambda P, W, reg, n: 2 * reg + 0 * W),
    Mistake("penalty-formula", "reg is missing from the regularization in the gradient: W alone is added.", lambda P, W, reg, n: W),
    Mistake("penalty-formula", "reg is missing from the regularization in the gradient: 2 W alone is added.", lambda P, W, reg, n: 2 * W),
    Mistake("penalty-formula", "This is the derivative of the absolute penalty, reg * sign(W); the value has squares.", lambda P, W, reg, n: reg * np.sign(W)),
    Mistake("penalty-formula", "W is squared in the gradient: the derivative of reg/2 * ||W||^2 is reg * W, not reg/2 * W^2.", lambda P, W, reg, n: reg / 2 * W * W),
    Mistake("penalty-formula", "W is squared in the gradient: the derivative of reg * ||W||^2 is 2 reg W, not reg * W^2.", lambda P, W, reg, n: reg * W * W),
    Mistake("penalty-formula", "The regularization in the gradient is reg * W, that of reg/2 * ||W||^2, but the value has another penalty.", lambda P, W, reg, n: reg * W),
    Mistake("penalty-formula", "The regularization in the gradient is 2 reg W, that of reg * ||W||^2, but the value has another penalty.", lambda P, W, reg, n: 2 * reg * W),
)  # fmt: skip
PENALTIES += tuple(
    Mistake("penalty-of-intercept", f"The value penalises all weights, but the gradient leaves out those of the {which} feature, perhaps the intercept: leave them out of both, or of neither.", _leaving_out(axis, place))
    for axis in (0, 1)
    for place, which in ((0, "first"), (-1, "last"))
)  # fmt: skip
PENALTIES += (
    Mistake("penalty-of-intercept", "The gradient penalises all weights, but the value leaves out those of one feature, perhaps the intercept: leave them out of both, or of neither.", lambda P, W, reg, n: _of_all(P, W)),
)  # fmt: skip
EXTRA_PENALTIES: tuple[Penalty, ...] = (
    Mistake("penalty-extra", "The regularization is in the gradient but not in the value: add reg/2 * ||W||^2 to the value.", lambda P, W, reg, n: reg * W),
    Mistake("penalty-extra", "The regularization (2 reg W) is in the gradient but not in the value: add reg * ||W||^2 to the value.", lambda P, W, reg, n: 2 * reg * W),
)  # fmt: skip

# --- the shape: the right array -> what was returned ------------------------------------------------------------------

SHAPES: tuple[Shape, ...] = (
    Mistake("transposed", "The gradient is transposed: it must have the shape of what it is the gradient of.", lambda G, w: G.T if G.ndim == 2 else None),
    Mistake("summed", "A sum over everything is returned instead of one number for each entry: drop the sum.", lambda G, w: np.asarray(G.sum())),
    Mistake("summed", "A mean over everything is returned instead of one number for each entry: drop the mean.", lambda G, w: np.asarray(G.mean())),
    Mistake("summed-times-predictions", "The per-object slopes are summed, and the sum is multiplied by the predictions: there is nothing to sum, and the predictions do not appear in the slope.", lambda G, w: G.sum() * w),
    Mistake("summed", "The gradient is summed along axis 0: keep one entry for each element of the argument.", lambda G, w: G.sum(axis=0) if G.ndim else None),
    Mistake("summed", "The gradient is summed along axis 1: keep one entry for each element of the argument.", lambda G, w: G.sum(axis=1) if G.ndim == 2 else None),
    Mistake("summed", "Every entry is the sum over all objects: each object has its own slope.", lambda G, w: np.full(G.shape, G.sum())),
)  # fmt: skip
TRUNCATED: Shape = Mistake("int-truncation", "The gradient was stored in an integer array, which truncates it: create it with dtype float (np.zeros_like of an integer array is an integer array).", lambda G, w: np.trunc(G))  # fmt: skip
