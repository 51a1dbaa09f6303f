"""Custom losses: loaded from a file, and checked before they are used."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from linclf.errors import GradientError, InputError
from linclf.gradcheck.checker import check_gradient
from linclf.gradcheck.load import load_function
from linclf.losses import LOSSES, Array, Loss

SIZES = (1.0, 30.0)  # standard deviations of the scores that a loss is checked at
N_SAMPLES, N_CLASSES = 6, 5
TOLERANCE = 1e-9  # of the comparison with the naive twin, relative and absolute


def load_loss(spec: str) -> Loss:
    """Load and check a custom loss, FILE.py:NAME: a `Loss`, or a function (scores, y) -> (values, dscores) with an output
    per class.

    The loss is named as it was typed. Raises InputError if there is none, GradientError if its gradient is wrong.
    """
    found = load_function(spec)
    return checked_loss(found if isinstance(found, Loss) else Loss(spec, found, "", ""), spec)


def checked_loss(loss: Loss, name: str) -> Loss:
    """The loss under this name, after a check of its gradient on a few samples.

    A loss of linclf's own is returned as it is. Raises InputError if the loss cannot be called, returns other shapes than a
    loss does, or has the name of one of linclf's own; GradientError, with gradcheck's diagnosis, if its gradient is wrong.
    """
    if name in LOSSES:
        if LOSSES[name] == loss:
            return loss
        raise InputError(f"loss {name!r}: a loss of linclf's own has this name; give yours another")
    loss = with_dtypes(loss, name)
    for n_classes in (2, N_CLASSES):
        _check(loss, n_classes, name)
    return loss


def with_dtypes(loss: Loss, name: str) -> Loss:
    """The loss under this name, its arrays cast to the dtype of the scores and its gradient writable."""
    return replace(loss, name=name, function=_WithDtypes(loss.function))


@dataclass(frozen=True)
class _WithDtypes:
    """A user's function, its arrays cast to the dtype of the scores and its gradient writable."""

    function: Callable[[Array, Array], tuple[object, object]]

    def __call__(self, scores: Array, y: Array) -> tuple[Array, Array]:
        values, dscores = self.function(scores, y)
        return np.asarray(values, scores.dtype), np.array(dscores, scores.dtype)


def _check(loss: Loss, n_classes: int, name: str) -> None:
    rng = np.random.default_rng(0)
    shape = (N_SAMPLES, loss.n_outputs(n_classes))
    y = np.arange(N_SAMPLES) % n_classes
    for size in SIZES:
        scores = size * rng.standard_normal(shape)
        for rows, dtype in ((slice(None), np.float64), (slice(None), np.float32), (slice(1), np.float64)):
            _check_shapes(loss, scores[rows].astype(dtype), y[rows], name)
        if loss.naive is not None:
            _check_twin(loss, scores, y, name)

        def function(w: Array) -> tuple[float, Array]:
            values, dscores = loss(w.reshape(shape), y)
            return float(np.sum(values)), np.ravel(dscores)

        check = check_gradient(function, scores.ravel(), kind="general", name=name)
        if not check.passed:
            likely = (
                "; ".join(diagnosis.text for diagnosis in check.diagnosis)
                or check.next_step
                or "no likely mistake found"
            )
            place = next((c for c in check.worst if c.index is not None), None)
            where = ""
            if place is not None and place.index is not None:
                sample, output = divmod(place.index[0], shape[1])
                where = f" (d loss / d scores[{sample}, {output}] is {place.analytic:.6g}, by differences {place.numeric:.6g})"
            raise GradientError(f"{name}: its gradient is wrong for {n_classes} classes{where}: {likely}")


def _check_shapes(loss: Loss, scores: Array, y: Array, name: str) -> None:
    try:
        values, dscores = loss(scores.copy(), y.copy())
        found = np.shape(values), np.shape(dscores)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{name}: the loss failed on scores {scores.shape}: {type(error).__name__}: {error}") from None
    if found != ((len(y),), scores.shape):
        raise InputError(
            f"{name}: gives values of shape {found[0]} and a gradient of shape {found[1]} for scores {scores.shape}; "
            f"give one value for each sample, ({len(y)},), and a gradient of the shape of the scores"
        )


def _check_twin(loss: Loss, scores: Array, y: Array, name: str) -> None:
    """The loss against its naive twin, (scores of one sample (m,), its code) -> (value, gradient (m,))."""
    if loss.naive is None:
        return
    values, dscores = loss(scores.copy(), y)
    for i, code in enumerate(y.tolist()):
        value, gradient = loss.naive(scores[i].copy(), code)
        for what, one, other in (("value", values[i], value), ("gradient", dscores[i], gradient)):
            if not np.allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE):
                raise GradientError(
                    f"{name}: its {what} is not that of its naive twin: {np.asarray(one).tolist()} against "
                    f"{np.asarray(other).tolist()} for scores {scores[i].tolist()} and class {code}"
                )
