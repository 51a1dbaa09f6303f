"""Whether a function stays finite at scores in the hundreds, as linclf's losses do, and if not, why."""

import numpy as np

from linclf.gradcheck.forms import Form
from linclf.gradcheck.layouts import MIXED, ROWS
from linclf.gradcheck.load import UserError
from linclf.gradcheck.points import Point
from linclf.gradcheck.subjects import Subject, as_array, copies
from linclf.losses import Array

FIX = "subtract each sample's own largest score first, s - s.max(axis=1, keepdims=True)."
FIX_ONE = "np.logaddexp(0, -t * s) is the loss without overflow, and scipy.special.expit(s) the sigmoid."
SHIFT = 1000.0  # added to all scores of a sample


def unstable(subject: Subject, point: Point) -> tuple[str, str]:
    """A note on a value that is not finite at a point of large scores, and what is wrong with a gradient that is not: empty if finite."""
    value, gradient, raised = _far(subject, point)
    if np.isfinite(gradient).all():
        if np.isfinite(value):
            return "", ""
        how = f"raises {raised}" if raised else "is not finite"
        stable = "np.logaddexp(0, -t * s)" if _has_one_output(subject) else "log(sum(exp(s))) - s_y"
        return (
            f"the value {how} at scores in the hundreds, where a probability becomes 0 before its log is taken; {stable} stays finite"
        ), ""
    what = f"raises {raised}" if raised else "returns a gradient that is not finite (NaN or infinity)"
    alone = [_far(subject, one)[1] for one in _single_samples(subject, point)]
    if alone and all(np.isfinite(one).all() for one in alone):
        why = "the largest score of the whole batch is subtracted, so that exp(s) of another sample is 0 for all classes, and 0/0 follows"
    elif _is_shifted_away(subject, point):
        why = "a probability becomes 0 there, although the largest score is subtracted"
        return (
            "",
            f"At scores in the hundreds the function {what}: {why}; compute its logarithm as s - log(sum(exp(s))), and test nothing for 0.",
        )
    else:
        why = "exp overflows there"
    return "", f"At scores in the hundreds the function {what}: {why}; {FIX_ONE if _has_one_output(subject) else FIX}"


def _has_one_output(subject: Subject) -> bool:
    layout = subject.form.layout
    return subject.kind == "predictions" or (layout is not None and layout.one)


def _is_shifted_away(subject: Subject, point: Point) -> bool:
    """Whether the function is finite where all scores of a sample are large alike: their largest is subtracted, and what is left is small."""
    form = subject.form
    w = np.asarray(point.arguments[subject.wrt], np.float64)
    if form.kind == "batch":
        shifted = w / np.abs(w).max() + SHIFT
    elif form.layout is not None and not form.layout.one:
        small = w / np.abs(w).max()
        same = (
            np.ones(w.shape) if w.ndim == 1 else np.broadcast_to(small.mean(axis=_axis(form), keepdims=True), w.shape)
        )
        shifted = small + SHIFT * same
    else:
        return False
    value, gradient, _ = _far(subject, Point(form.changed(point.arguments, **{form.by: shifted}), point.purpose))
    return bool(np.isfinite(gradient).all() and np.isfinite(value))


def _axis(form: Form) -> int:
    """The axis of the weights along which the classes are."""
    return 1 if form.layout in (ROWS, MIXED) else 0


def _far(subject: Subject, point: Point) -> tuple[float, Array, str]:
    """The value and the gradient at a point, NaN where they are not known, and the error that one of them raised."""
    value, gradient, raised = np.nan, np.full(1, np.nan), ""
    try:
        value = subject.value(*copies(point.arguments))
    except UserError as error:
        raised = _name(error)
    try:
        gradient = as_array(subject.gradient(*copies(point.arguments)), subject)
    except UserError as error:
        raised = _name(error)
        if isinstance(error.__cause__, ValueError) and "math domain" in str(
            error
        ):  # log(0), on the way to the gradient
            gradient = np.zeros(1)
    return value, gradient, raised


def _name(error: UserError) -> str:
    """The error of the user's code, without its place."""
    cause = error.__cause__
    return f"{type(cause).__name__} ({cause})" if cause is not None else str(error)


def _single_samples(subject: Subject, point: Point) -> list[Point]:
    """The point with one of its samples at a time; empty if its form has no samples that can be told."""
    form = subject.form
    return [Point(form.some(point.arguments, [i]), point.purpose) for i in range(form.count(point.arguments))]
