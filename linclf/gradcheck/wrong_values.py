"""The tables of values that are not those of linclf's losses: other conventions, and likely mistakes."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from linclf.gradcheck.mistakes import Mistake, margins, onehot, shifted_by_rows
from linclf.gradcheck.reference import Pieces
from linclf.losses import signs, softmax_probabilities

# --- conventions: (n, C) -> factor on the sum of the losses, and the factor on reg * ||W||^2 ------------------------------

VALUE_SCALES: dict[str, Callable[[int, int], float]] = {
    "it is": lambda n, c: 1 / n,
    "it is the sum over samples, not their mean:": lambda n, c: 1.0,
    "it is divided by the number of outputs too:": lambda n, c: 1 / (n * c),
    "it is divided by n twice:": lambda n, c: 1 / n**2,
    "it is half of": lambda n, c: 0.5 / n,
    "it is twice": lambda n, c: 2 / n,
    "its sign is flipped: it is minus": lambda n, c: -1 / n,
}


def _penalty(factor: float, feature: int | None = None, *, over_n: bool = False) -> Callable[[Pieces], float]:
    """factor * reg * ||W||^2, without the weights of a feature, 0 or -1, and divided by n."""

    def of(p: Pieces) -> float:
        return factor * p.reg * float((p.without(feature) * np.square(p.W)).sum()) / (p.n if over_n else 1)

    return of


VALUE_PENALTIES: dict[str, Callable[[Pieces], float]] = {
    "": _penalty(0.5),
    " with the penalty reg * ||W||^2": _penalty(1.0),
    " without the penalty": _penalty(0.0),
    " with the penalty doubled to 2 reg * ||W||^2": _penalty(2.0),
    " with the penalty halved to reg/4 * ||W||^2": _penalty(0.25),
    " with the penalty subtracted": _penalty(-0.5),
    " with a penalty that ignores its strength": lambda p: float(np.square(p.W).sum()) / 2,
    " with the penalty ||W||^2, which ignores its strength": lambda p: float(np.square(p.W).sum()),
    " with the penalty reg/(2n) * ||W||^2": _penalty(0.5, over_n=True),
    " with the penalty reg/n * ||W||^2": _penalty(1.0, over_n=True),
    " with a penalty without the first feature": _penalty(0.5, 0),
    " with a penalty without the last feature": _penalty(0.5, -1),
    " with the penalty reg * ||W||^2 without the first feature": _penalty(1.0, 0),
    " with the penalty reg * ||W||^2 without the last feature": _penalty(1.0, -1),
    " with a penalty divided by n and without the first feature": _penalty(0.5, 0, over_n=True),
}

# --- other values: Pieces -> the sum over samples of what is computed instead of the loss --------------------------------

Value: TypeAlias = Mistake[Callable[[Pieces], float]]


def _margin_sum(p: Pieces, delta: float) -> float:
    return float(np.maximum(margins(p, delta), 0).sum())


_MARGIN_VALUES: tuple[Value, ...] = (
    Mistake("value", "the margin is s_j - s_y + 1, and the 1 is forgotten.", lambda p: _margin_sum(p, 0.0)),
    Mistake("value", "the first class is left out: does the loop over classes start at 1?", lambda p: float(np.maximum(margins(p), 0)[:, 1:].sum())),
    Mistake("value", "the last class is left out: where does the loop over classes end?", lambda p: float(np.maximum(margins(p), 0)[:, :-1].sum())),
    Mistake("value", "s[y] picks whole rows of the scores: pair each row with its own class, s[np.arange(n), y].", lambda p: float((np.maximum(p.scores - p.scores[p.y % p.n] + 1, 0) * (1 - onehot(p))).sum())),
    Mistake("value", "s[y] picks whole rows of the scores: pair each row with its own class, s[np.arange(n), y].", lambda p: float(np.maximum(p.scores - p.scores[p.y % p.n] + 1, 0).sum())),
    Mistake("value", "negative margins are added too: each counts max(0, margin).", lambda p: float(margins(p).sum())),
    Mistake("value", "the sign of the margin is wrong: it is s_j - s_y + 1.", lambda p: float((np.maximum(2 - margins(p), 0) * (1 - onehot(p))).sum())),
)  # fmt: skip
_SAMPLES_LEFT_OUT: tuple[Value, ...] = (
    Mistake("value", "everything after /= divides: `loss /= n + reg * ...` is loss / (n + reg * ...); write loss = loss / n + reg * ...", lambda p: float(p.values.sum() / (p.n + p.reg * np.square(p.W).sum()))),
    Mistake("value", "everything after /= divides: `loss /= n + reg * ...` is loss / (n + reg * ...); write loss = loss / n + reg * ...", lambda p: float(p.values.sum() / (p.n + p.reg / 2 * np.square(p.W).sum()))),
    Mistake("value", "only the first sample counts: is there a return or break inside the loop over samples?", lambda p: float(p.values[0])),
    Mistake("value", "only the last sample counts: is the loss assigned in the loop instead of added?", lambda p: float(p.values[-1])),
    Mistake("value", "the last sample is left out: where does the loop over samples end?", lambda p: float(p.values[:-1].sum())),
    Mistake("value", "the first sample is left out: where does the loop over samples start?", lambda p: float(p.values[1:].sum())),
)  # fmt: skip
_SOFTMAX_VALUES: tuple[Value, ...] = (
    Mistake("value", "the probabilities are normalised over the whole batch: each sample's must sum to 1.", lambda p: float(-np.log(shifted_by_rows(p, None)[np.arange(p.n), p.y]).sum())),
    Mistake("value", "the probabilities are normalised over the whole batch: each sample's must sum to 1.", lambda p: float((np.log(np.exp(p.scores).sum()) - p.scores[np.arange(p.n), p.y]).sum())),
    Mistake("value", "the probabilities are normalised over the samples: each sample's must sum to 1 over its classes, axis=1.", lambda p: float(-np.log(softmax_probabilities(p.scores.T).T[np.arange(p.n), p.y]).sum())),
    Mistake("value", "the probabilities are normalised over the samples: each sample's must sum to 1 over its classes, axis=1.", lambda p: float(-np.log(shifted_by_rows(p, 0)[np.arange(p.n), p.y]).sum())),
    Mistake("value", "the largest score of each class over the samples is subtracted (axis=0), which changes the probabilities: subtract each sample's own, axis=1.", lambda p: float(-np.log(softmax_probabilities(p.scores - p.scores.max(axis=0))[np.arange(p.n), p.y]).sum())),
    Mistake("value", "p[y] picks whole rows: pair each row with its own class, p[np.arange(n), y].", lambda p: float(-np.log(softmax_probabilities(p.scores)[p.y % p.n]).sum())),
    Mistake("value", "p[:, y] picks whole columns: pair each row with its own class, p[np.arange(n), y].", lambda p: float(-np.log(softmax_probabilities(p.scores)[:, p.y]).sum())),
    Mistake("value", "it is minus the probability of the true class, not minus its logarithm.", lambda p: float(-softmax_probabilities(p.scores)[np.arange(p.n), p.y].sum())),
    Mistake("value", "the logarithms of all classes are added, not that of the true class alone.", lambda p: float(-np.log(softmax_probabilities(p.scores)).sum())),
    Mistake("value", "only log(sum(exp(s))) is computed: the score of the true class is not subtracted.", lambda p: float(np.log(np.exp(p.scores).sum(axis=1)).sum())),
    Mistake("value", "the logarithm has base 2.", lambda p: float(p.values.sum() / np.log(2))),
    Mistake("value", "the logarithm has base 10.", lambda p: float(p.values.sum() / np.log(10))),
)  # fmt: skip
_HINGE_VALUES: tuple[Value, ...] = (
    Mistake("value", "the margin is 1 - true * pred, and the 1 is forgotten.", lambda p: float(np.maximum(-signs(p.scores, p.y) * p.scores, 0).sum())),
    Mistake("value", "the sign of the margin is wrong: it is 1 - true * pred.", lambda p: float(np.maximum(1 + signs(p.scores, p.y) * p.scores, 0).sum())),
    Mistake("value", "negative margins are added too: each counts max(0, 1 - true * pred).", lambda p: float((1 - signs(p.scores, p.y) * p.scores).sum())),
)  # fmt: skip
VALUES: dict[str, tuple[Value, ...]] = {"svm": _MARGIN_VALUES, "softmax": _SOFTMAX_VALUES, "hinge": _HINGE_VALUES}


def values(loss: str) -> tuple[Value, ...]:
    """What may be computed instead of a loss."""
    return (*VALUES.get(loss, ()), *_SAMPLES_LEFT_OUT)
