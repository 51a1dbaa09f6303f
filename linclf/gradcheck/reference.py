"""What linclf knows of the function that is checked: which loss its value is, and the right pieces of its gradient."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from linclf.gradcheck.points import Point
from linclf.gradcheck.subjects import Subject
from linclf.losses import LOSSES, Array, Loss

NAMED = {
    # a word in the function's name -> the loss it promises; the first that is found
    "squared_hinge": "squared-hinge",
    "cross_entropy": "softmax",
    "crossentropy": "softmax",
    "softmax": "softmax",
    "nll": "softmax",
    "crammer": "crammer-singer",
    "svm": "svm",
    "logistic": "logistic",
    "hinge": "hinge",
    "mse": "mse",
}
Scale = Callable[[int, int], float]  # (n, C) -> factor on the sum over samples
CLOSE = 1e-6  # relative; float32 inside is compared at CLOSE_FLOAT32
CLOSE_FLOAT32 = 1e-3


@dataclass(frozen=True)
class Pieces:
    """The right pieces of a loss at a point.

    scores (n, m), y (n,), values (n,), dscores (n, m)
    back    (n, m) -> the gradient of the sum over samples, in the shape of the argument it is of
    reg, W  the penalty is of reg and W, in the shape of the argument; reg 0 where there is none
    """

    loss: Loss
    scores: Array
    y: Array
    values: Array
    dscores: Array
    back: Callable[[Array], Array]
    reg: float
    W: Array

    @property
    def n(self) -> int:
        """The number of samples."""
        return len(self.y)

    @property
    def n_outputs(self) -> int:
        """The number of outputs, C."""
        return int(self.scores.shape[1])


@dataclass(frozen=True)
class Known:
    """A loss that the function was recognised as.

    scale    what the sum over samples is multiplied by: (n, C) -> number; the mean for all but some ways to write mse
    penalty  what reg * ||W||^2 is multiplied by: 1/2, or 1
    by_name  whether only the name, or the user, says so, and the value differs
    wanted   whether the user said so
    """

    loss: Loss
    scale: Scale
    penalty: float
    note: str = ""
    by_name: bool = False
    wanted: bool = False


def mean(n: int, n_outputs: int) -> float:
    """1 / n."""
    return 1 / n


MSE_SCALES: tuple[tuple[str, Scale], ...] = (
    ("the mean over samples and outputs", lambda n, c: 1 / (n * c)),
    ("half the mean over samples", lambda n, c: 1 / (2 * n)),
    ("half the mean over samples and outputs", lambda n, c: 1 / (2 * n * c)),
)


def pieces(subject: Subject, point: Point, loss: Loss) -> Pieces | None:
    """The pieces of a loss at a point; None where the kind has no scores or the loss does not fit the point."""
    if subject.kind == "loss":
        W, X, target, *rest = point.arguments
        reg = float(rest[0]) if rest else 0.0
        if point.layout == 1:
            scores, back = (W @ X).T, lambda S: S.T @ X.T
        elif point.layout == 2:
            scores, back = (X @ W)[:, None], lambda S: X.T @ S[:, 0]
        else:
            scores, back = X @ W, lambda S: X.T @ S
    elif subject.kind in ("predictions", "batch"):
        W, target = point.arguments
        reg = 0.0
        scores, back = np.asarray(W, np.float64).reshape(len(target), -1), lambda S: S.reshape(np.shape(W))
    else:
        return None
    target = np.asarray(target)
    if target.ndim == 2:
        if target.shape != scores.shape or not (np.isin(target, (0, 1)).all() and (target.sum(axis=1) == 1).all()):
            return None
        y = target.argmax(axis=1)
    else:
        y = (target > 0).astype(np.intp) if scores.shape[1] == 1 else target.astype(np.intp)
    if scores.shape[1] == 1 and not loss.binary:
        return None
    values, dscores = loss(np.asarray(scores, np.float64), y)
    return Pieces(loss, scores, y, values, dscores, back, reg, np.asarray(W, np.float64))


def identify(
    subject: Subject, points: list[Point], values: list[float], wanted: str | None, close: float
) -> Known | None:
    """Which loss the values are those of, at every point; else the one that is wanted, or that the name promises."""
    losses = [LOSSES[wanted]] if wanted else list(LOSSES.values())
    for loss in losses:
        pieces_at = [pieces(subject, point, loss) for point in points]
        conventions: list[tuple[str, Scale]] = [("", mean)]
        if loss.name == "mse":
            conventions += MSE_SCALES
        for what, scale in conventions:
            for factor in (0.5, 1.0):
                if _matches(pieces_at, values, scale, factor, close):
                    notes = [f"the value is {what} of the squared error"] if what else []
                    if factor == 1.0:
                        notes.append(
                            "the penalty is reg * ||W||^2, where linclf has reg/2 * ||W||^2: a convention, not an error"
                        )
                    return Known(loss, scale, factor, "; ".join(notes))
    name = wanted or next((loss for word, loss in NAMED.items() if word in _words(subject.name)), None)
    if name == "hinge" and subject.kind in ("loss", "batch") and points and points[0].layout < 2:
        name = "svm"  # a hinge with a column per class is the multiclass SVM
    if name is None or pieces(subject, points[0], LOSSES[name]) is None:
        return None
    return Known(LOSSES[name], mean, 0.5, by_name=True, wanted=wanted is not None)


def _words(name: str) -> str:
    """A function's own name, `CrossEntropy.backward` as cross_entropy as well as crossentropy."""
    own = name.rpartition(":")[2]
    spaced = "".join(
        f"_{c.lower()}" if c.isupper() and i and own[i - 1].islower() else c.lower() for i, c in enumerate(own)
    )
    return f"{own.lower()} {spaced}"


def _matches(pieces_at: list[Pieces | None], values: list[float], scale: Scale, factor: float, close: float) -> bool:
    """Whether the values are scale * sum of losses + factor * reg * ||W||^2 at every point."""
    for known, value in zip(pieces_at, values, strict=True):
        if known is None:
            return False
        right = scale(known.n, known.n_outputs) * known.values.sum() + factor * known.reg * np.square(known.W).sum()
        if not abs(value - right) <= close * max(abs(value), abs(right)):
            return False
    return bool(values)
