"""Which of linclf's losses a function computes, and the pieces that its right gradient is made of."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from linclf.gradcheck.points import Point
from linclf.gradcheck.subjects import Subject
from linclf.losses import LOSSES, Array, Loss

NAMED = {
    # a word in the function's name -> the loss that it suggests; the first word that is found counts
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
CLOSE = 1e-6  # relative tolerance of values
CLOSE_FLOAT32 = 1e-3  # of values that are computed in float32 or float16


@dataclass(frozen=True)
class Pieces:
    """The right pieces of a loss at a point.

    scores (n, m), codes y (n,), values (n,), dscores (n, m)
    back    dscores (n, m) -> the gradient of the sum over samples, in the shape of the argument that it is with respect to
    reg, W  what the penalty is computed from, W in the shape of the argument; reg is 0 if there is no penalty
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

    def penalised(self, total: float, factor: float) -> float:
        """A value plus factor * reg * ||W||^2."""
        return total + factor * self.reg * float(np.square(self.W).sum())

    @property
    def n_outputs(self) -> int:
        """The number of outputs, C."""
        return int(self.scores.shape[1])


@dataclass(frozen=True)
class Known:
    """The loss that a function computes, or should compute.

    scale    (n, C) -> the factor on the sum over samples: 1 / n for all losses but some conventions of mse
    penalty  the factor on reg * ||W||^2: 1/2 or 1
    note     which convention the value follows, if it is not linclf's
    by_name  whether the loss is only that of the function's name, or the user's choice, and the value differs from it
    wanted   whether the user chose the loss
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
    """The pieces of a loss at a point; None if the kind has no scores or the loss cannot have this point's targets."""
    sample = subject.form.sample(point.arguments)
    if sample is None or (sample.scores.shape[1] == 1 and not loss.binary):
        return None
    values, dscores = loss(sample.scores, sample.y)
    return Pieces(loss, sample.scores, sample.y, values, dscores, sample.back, sample.reg, sample.W)


def identify(
    subject: Subject, points: list[Point], values: list[float], wanted: str | None, close: float
) -> Known | None:
    """The loss whose values these are at every point; else the wanted one, or the one that the name suggests."""
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
    many = subject.kind == "batch" or (subject.form.layout is not None and not subject.form.layout.one)
    if name == "hinge" and many:
        name = "svm"  # a hinge with a column per class is the multiclass SVM
    if name is None or pieces(subject, points[0], LOSSES[name]) is None:
        return None
    return Known(LOSSES[name], mean, 0.5, by_name=True, wanted=wanted is not None)


def _words(name: str) -> str:
    """A function's own name to search in, twice: `CrossEntropy.backward` as crossentropy and as cross_entropy."""
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
        right = known.penalised(scale(known.n, known.n_outputs) * float(known.values.sum()), factor)
        if not abs(value - right) <= close * max(abs(value), abs(right)):
            return False
    return bool(values)
