"""Losses of the user's own: checked once, then known by name."""

from typing import Any

import numpy as np

from linclf.errors import GradientError, InputError
from linclf.gradcheck.checker import check_gradient
from linclf.gradcheck.subjects import load_function
from linclf.losses import LOSSES, OWN, Array, Loss

SIZES = (1.0, 30.0)  # of the scores that a loss is checked at
N_SAMPLES, N_CLASSES = 6, 3
CLOSE = 1e-9  # to the naive twin


def load_loss(spec: str) -> Loss:
    """The loss that FILE.py:NAME names: a Loss, or a function (scores, y) -> (values, dscores) with an output per class.

    Raises InputError where there is none, GradientError where its gradient is wrong.
    """
    found = load_function(spec)
    made = found if isinstance(found, Loss) else Loss(spec, found, "", "")
    return use_loss(made, spec)


def use_loss(loss: Loss, name: str) -> Loss:
    """Make a loss known by this name, after a check of its gradient on a few samples, the first time.

    Raises InputError where it cannot be called or does not give what a loss gives, GradientError with gradcheck's
    diagnosis where its gradient is wrong.
    """
    if name in LOSSES:
        if LOSSES[name] == loss:
            return loss
        raise InputError(f"loss {name!r}: a loss of linclf's own has this name; give yours another")
    if OWN.get(name) != loss:
        _check(loss, name)
        OWN[name] = loss
    return loss


def _check(loss: Loss, name: str) -> None:
    rng = np.random.default_rng(0)
    n_classes = 2 if loss.binary else N_CLASSES
    shape = (N_SAMPLES, loss.n_outputs(n_classes))
    y = np.arange(N_SAMPLES) % n_classes
    for size in SIZES:
        scores = size * rng.standard_normal(shape)
        _check_shapes(loss, scores, y, name)
        if loss.naive is not None:
            _check_twin(loss, scores, y, name)

        def function(w: Array) -> Any:
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
            raise GradientError(f"{name}: its gradient is wrong{where}: {likely}")


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
            if not np.allclose(one, other, rtol=CLOSE, atol=CLOSE):
                raise GradientError(
                    f"{name}: its {what} is not that of its naive twin: {np.asarray(one).tolist()} against "
                    f"{np.asarray(other).tolist()} for scores {scores[i].tolist()} and class {code}"
                )
