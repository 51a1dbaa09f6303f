"""check_gradient: whether a gradient is right, where it is wrong, and what the likely mistake is."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from linclf.errors import InputError
from linclf.gradcheck.callee import other_defaults
from linclf.gradcheck.check import Check
from linclf.gradcheck.comparison import has_shape
from linclf.gradcheck.differences import FLOAT64
from linclf.gradcheck.explanation import STILL_RIGHT, explained
from linclf.gradcheck.forms import Argument, Size
from linclf.gradcheck.load import UserError, note_on, parameters
from linclf.gradcheck.objects import methods
from linclf.gradcheck.points import Point, data_point, make_points, with_ones
from linclf.gradcheck.recognise import Layer, recognise
from linclf.gradcheck.reference import Known
from linclf.gradcheck.result import GradientCheck, merged
from linclf.gradcheck.subjects import Subject
from linclf.losses import LOSSES, Array
from linclf.optim.blas import one_blas_thread


def check_gradient(
    function: Callable[..., object] | Layer,
    *arguments: Argument,
    value: Callable[..., object] | None = None,
    kind: str | None = None,
    loss: str | None = None,
    data: tuple[Array, Array] | None = None,
    name: str = "",
    seed: int = 0,
) -> GradientCheck:
    """Check a gradient against differences of its own value, and find the likely mistake.

    function   f(W, X, y, reg) -> (loss, dW) in any order and layout, a function of scores and labels, a gradient next to its value,
               a layer, a class, or f(w) -> (value, gradient): docs/gradients.md lists all forms
    arguments  a point to check at in addition to small random points; default: none
    value      the forward function, for a function that returns only the gradient; default: the one defined next to it
    kind       one of KINDS; default: detected from signature and name, and by calling it
    loss       a name in LOSSES: check the value against this loss; default: detected from the value
    data       X (n, d) and codes y (n,) to check on in addition; default: none
    name       how messages name the function; default: its own name
    seed       of the random points
    Raises InputError if the function cannot be called, with the function's own error and line.

    The function is treated as a black box. A slope is judged to be at a kink only if the difference between the one-sided
    slopes does not shrink with the step.
    """
    left_out = note_on(function)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            # those of the user's code, at points that may be out of its domain
            warnings.simplefilter("ignore", RuntimeWarning)
            check = _checked(function, arguments, value=value, kind=kind, loss=loss, data=data, name=name, seed=seed)
            if check.passed and value is None and not arguments and data is None:
                other = _with_other_defaults(function, kind=kind, loss=loss, name=name, seed=seed)
                check = other or check
    except InputError as error:
        raise (UserError(f"{error}; {left_out}") if left_out else error) from error.__cause__
    return replace(check, notes=(left_out, *check.notes)) if left_out else check


def _with_other_defaults(
    function: Callable[..., object] | Layer, *, kind: str | None, loss: str | None, name: str, seed: int
) -> GradientCheck | None:
    """The check with other values of margins and the like that have a default, if the gradient is wrong there."""
    changed = _defaults(function)
    if not changed:
        return None
    try:
        other = _checked(
            function, (), value=None, kind=kind, loss=loss, data=None, name=name, seed=seed, other_defaults=True
        )
    except InputError:
        return None
    if other.gradient_passed:
        return None
    values = ", ".join(f"{argument}={number:g}" for argument, number in changed.items())
    return replace(other, notes=(*other.notes, f"it is right with its defaults; this is with {values} instead"))


def _defaults(function: Any) -> dict[str, float]:
    """Other values of what has a number for a default, in a function, or in the constructor and the methods of a class."""
    found = other_defaults(parameters(function))
    for name in methods(function) if isinstance(function, type) else ():
        found |= other_defaults(parameters(getattr(function, name)))
    return found


def _checked(
    function: Callable[..., object] | Layer,
    arguments: tuple[Argument, ...],
    *,
    value: Callable[..., object] | None,
    kind: str | None,
    loss: str | None,
    data: tuple[Array, Array] | None,
    name: str,
    seed: int,
    other_defaults: bool = False,
) -> GradientCheck:
    """`check_gradient`, without a note on what has been left out of the user's file."""
    if loss is not None and loss not in LOSSES:
        raise InputError(f"loss is {loss!r}; give one of {', '.join(LOSSES)}")
    binary = loss is not None and LOSSES[loss].binary
    found = recognise(
        function,
        name=name,
        value=value,
        kind=kind,
        binary=binary,
        wanted=loss,
        given=arguments,
        other_defaults=other_defaults,
    )
    checks = []
    for one in found:
        rng = np.random.default_rng(seed)
        subject, only_given = one.subject, bool(arguments) and one.subject.kind == "general"
        points = [] if only_given or one.sizes is None else make_points(subject, one.sizes, rng)
        points += [] if data is None else [data_point(subject, *data, rng)]
        points += [Point(arguments, "given")] if arguments else []
        with one_blas_thread():
            check = _result(Check(subject, points, loss, rng, one.sizes))
            if not check.passed and not arguments and data is None and one.sizes is not None:
                check = _with_ones(subject, check, points, one.sizes, loss=loss, seed=seed) or check
        checks.append(check)
    return checks[0] if len(checks) == 1 else merged(checks, name)


SECTIONS = {
    # of docs/gradients.md, by the name of a loss or a kind
    "svm": "Multiclass SVM",
    "softmax": "Softmax with cross-entropy",
    "hinge": "Binary hinge",
    "mse": "Mean squared error",
    "dense": "The dense layer",
}


def _with_ones(
    subject: Subject,
    check: GradientCheck,
    points: list[Point],
    sizes: tuple[Size, Size],
    *,
    loss: str | None,
    seed: int,
) -> GradientCheck | None:
    """The check with a column of ones in X, as data have it for an intercept, where the weights of this column alone are wrong."""
    layout, wrong = subject.form.layout, [c.index for c in check.coordinates if c.verdict == "wrong"]
    if subject.kind != "loss" or layout is None or subject.form.by != "W" or not wrong or None in wrong:
        return None
    for feature, which in ((0, "first"), (-1, "last")):
        kept = [layout.without(feature, size.d, size.n_classes) for size in sizes]
        if all(any(index is not None and np.shape(one) and _at(one, index) == 0 for one in kept) for index in wrong):
            ones = _result(
                Check(subject, with_ones(subject, points, feature), loss, np.random.default_rng(seed), sizes)
            )
            if ones.passed:
                note = f"it is right where the {which} feature is 1 for all samples, as for an intercept, and not elsewhere"
                return replace(ones, notes=(*ones.notes, note))
    return None


def _at(array: Array, index: tuple[int, ...]) -> float:
    """An entry; 1 outside."""
    inside = len(index) == array.ndim and all(i < length for i, length in zip(index, array.shape, strict=True))
    return float(array[index]) if inside else 1.0


def _result(check: Check) -> GradientCheck:
    """The verdict, the likely mistakes and what to do next."""
    shapes = [np.shape(p.arguments[check.subject.wrt]) for p in check.points]
    shaped = all(has_shape(claim, shape) for claim, shape in zip(check.claims, shapes, strict=True))
    wrong = [c for c in check.coordinates if c.verdict == "wrong" or not np.isfinite(c.analytic)]
    unclear = sum(c.verdict == "unclear" for c in check.coordinates)
    if not wrong and shaped and 2 * unclear > len(check.coordinates):
        check.fault("unclear", f"Most slopes cannot be judged: the value is about {check.values[0]:.1e}, and its rounding error hides them. Leave out a large constant, or check at another point.")  # fmt: skip
    if not all(np.isfinite(check.values)):
        check.fault("value-not-finite", "The value is NaN or infinite at ordinary points: give a point of its domain, linclf.check_gradient(f, ...), or check for log(0) and 0/0.")  # fmt: skip
    if check.computes_nothing():
        check.fault("nothing-computed", f"The value is {check.values[0]:g} and the gradient 0 whatever {check.subject.arguments[check.subject.wrt]} is: nothing is computed yet. Compute the loss and its gradient, and return both.")  # fmt: skip
    elif not wrong and shaped and check.ignores_labels():
        check.fault("another-value", "The gradient is right, but the value does not depend on the labels: it is no loss of them. Is a part of the loss missing, or does the function return early?")  # fmt: skip
    gradient_passed = shaped and not wrong and all(fault.key in STILL_RIGHT for fault in check.faults)
    value_passed = None if check.known is None else not check.known.by_name
    passed = gradient_passed and value_passed is not False and all(fault.key == "overflow" for fault in check.faults)
    diagnosis = explained(check, shapes, explain_gradient=not shaped or bool(wrong))
    return GradientCheck(
        name=check.subject.name,
        kind=check.subject.kind,
        loss=check.known.loss.name if check.known else None,
        precision=check.precision.name,
        passed=passed,
        gradient_passed=gradient_passed,
        value_passed=value_passed,
        coordinates=check.coordinates,
        diagnosis=diagnosis,
        notes=_notes(check),
        next_step="" if passed else _next_step(bool(diagnosis), shaped, check.subject.kind, check.known),
    )


def _notes(check: Check) -> tuple[str, ...]:
    notes = list(check.notes)
    if check.known is not None and not check.known.by_name:
        notes.append(f"the value is that of {check.known.loss.name}")
        notes += check.known.notes
    if any(comparison.guarded for comparison in check.comparisons):
        notes.append(
            "the gradient is that of the loss to all digits, the value only approximately: "
            "is there a small constant inside a log?"
        )
    if check.precision is not FLOAT64:
        notes.append(
            f"the function computes in {check.precision.name} internally, "
            f"so slopes are compared to a relative tolerance of {check.precision.tolerance:g} only"
        )
    kinks = sum(c.verdict == "kink" for c in check.coordinates)
    if kinks:
        lie = "coordinate lies" if kinks == 1 else "coordinates lie"
        notes.append(f"{kinks} {lie} on a kink, where any slope between the one-sided slopes is right")
    unclear = sum(c.verdict == "unclear" for c in check.coordinates)
    if unclear:
        coordinates = "coordinate" if unclear == 1 else "coordinates"
        notes.append(f"{unclear} {coordinates} could not be judged: rounding of the value hides the slope")
    return tuple(notes)


def _next_step(diagnosed: bool, shaped: bool, kind: str, known: Known | None) -> str:
    """What to do after a failed check."""
    section = SECTIONS.get(kind if known is None else known.loss.name)
    if diagnosed:
        derived = f'; docs/gradients.md derives the gradient under "{section}"' if section else ""
        return f"fix this and check again; it may be hiding another mistake{derived}"
    if not shaped:
        return "return an array of the shape of the argument"
    return "no known mistake explains this: work out the worst coordinate by hand for one sample, and compare each step with the code"
