"""Fits a user's function to a form: by calling it with arguments of each form in turn.

The first form in which the function returns a gradient of the right shape counts, and of these the first whose value is that of a loss
that linclf knows. What was assumed is said in a note, unless it is what everybody expects.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from linclf.errors import InputError
from linclf.gradcheck.forms import (
    CODES,
    COLUMNS,
    ONE_HOT,
    OTHER_SIZES,
    ROWS,
    SIGNS,
    SIZES,
    VECTOR,
    Argument,
    Form,
    Size,
)
from linclf.gradcheck.load import UserError, user_code
from linclf.gradcheck.pairs import Source, over_samples
from linclf.gradcheck.points import Point
from linclf.gradcheck.reference import CLOSE, CLOSE_FLOAT32, identify
from linclf.gradcheck.subjects import Subject, called_with, copies

USUAL = {(ROWS, CODES), (COLUMNS, CODES), (VECTOR, SIGNS), (None, ONE_HOT), (None, SIGNS)}  # forms that need no note
REG = 0.7


@dataclass(frozen=True)
class Recognised:
    """A subject, and the two sizes of arguments that it takes; None if it takes only those that the user has given."""

    subject: Subject
    sizes: tuple[Size, Size] | None = SIZES


@dataclass(frozen=True)
class Callee:
    """A user's function as it is called.

    name   how messages name it
    names  of its arguments
    call   the function of these by position
    read   what it returned -> its value and its gradient
    """

    name: str
    names: Sequence[str]
    call: Callable[..., object]
    read: Callable[[object], Source]


def fitted(
    callee: Callee, candidates: Sequence[Form], *, wanted: str | None, given: tuple[Argument, ...] = ()
) -> Recognised:
    """The form, among candidates, in which the function can be called, and sizes that it takes."""
    if candidates[0].kind == "general":
        return Recognised(_general(callee, candidates[0]))
    errors: list[InputError] = []
    first: Recognised | None = None  # without an error, but with a gradient of another shape
    for sizes in (SIZES, *OTHER_SIZES):
        shaped: Recognised | None = None
        for form in candidates:
            made = form.arguments(np.random.default_rng(0), sizes[1], REG)
            try:
                with np.errstate(all="ignore"), user_code(callee.name):
                    source = callee.read(callee.call(*copies(made)))
                    source.value(*copies(made))
                    gradient = source.gradient(*copies(made))
                    source.value(*form.arguments(np.random.default_rng(0), sizes[0], REG))
            except InputError as error:
                errors.append(called_with(error, callee.names, made))
                continue
            found = Recognised(_subject(callee, form, source), sizes)
            usual = (form.layout, form.labels) in USUAL
            if np.shape(np.asarray(gradient)) != np.shape(made[form.wrt]):
                first = first or (found if usual or not errors else None)
                continue
            if _is_known(found, wanted):
                return _noted(found)
            if errors and not usual and not _is_of_samples(found.subject, made):
                continue  # the error in the form that is meant says more
            shaped = shaped or found
        if shaped is not None:
            return _noted(shaped)
    if first is not None:
        return _noted(first)
    single = _of_one_sample(callee, candidates, wanted)
    if single is not None:
        return _noted(single)
    if given and len(given) == len(callee.names):
        return Recognised(_subject(callee, candidates[0], callee.read(callee.call(*copies(given)))), None)
    raise _most_telling(errors)


def _of_one_sample(callee: Callee, candidates: Sequence[Form], wanted: str | None) -> Recognised | None:
    """The form of a function of one sample, f(w, x, y), if its values are those of a known loss, or its gradient is right."""
    right: Recognised | None = None  # of another value
    for form in candidates:
        made = form.arguments(np.random.default_rng(0), SIZES[1], REG)
        if not form.count(made) or (form.layout is not None and not form.layout.has_rows):
            continue
        try:
            with np.errstate(all="ignore"), user_code(callee.name):
                source = over_samples(callee.read(callee.call(*copies(form.one(made, 0)))), form)
                found = Recognised(_subject(callee, form, source))
                gradient = np.asarray(source.gradient(*copies(made)))
        except InputError:
            continue
        if gradient.shape != np.shape(made[form.wrt]):
            continue
        if _is_known(found, wanted):
            return found
        right = right or (found if _agrees(found.subject, made) else None)
    return right


def _agrees(subject: Subject, made: tuple[Argument, ...]) -> bool:
    """Whether the gradient is right along a direction."""
    direction = np.cos(np.arange(np.size(made[subject.wrt]), dtype=float)).reshape(np.shape(made[subject.wrt]))
    along = subject.along(made, direction)
    with np.errstate(all="ignore"):
        claimed = float(np.vdot(np.asarray(subject.gradient(*copies(made)), float), direction))
        slope = (along(1e-6) - along(-1e-6)) / 2e-6
    return bool(claimed and abs(slope - claimed) <= 1e-3 * abs(claimed))


def _most_telling(errors: list[InputError]) -> InputError:
    """The error that came last in the function, in the form that is most natural: in another form, shapes do not match before it."""
    if not isinstance(errors[0], UserError):
        return errors[0]
    return max(errors, key=lambda error: error.line if isinstance(error, UserError) else 0)


def _is_of_samples(subject: Subject, made: tuple[Argument, ...]) -> bool:
    """Whether the value is a sum or a mean over samples, as only a function is that is called in its own form.

    Of four groups of samples of one size, a and b together and c and d together then give as much as a and c, and b and d: whatever
    does not depend on the samples, such as a penalty, counts twice on both sides.
    """
    count = subject.form.count(made) // 4
    a, b, c, d = np.arange(4 * count).reshape(4, count)
    try:
        with np.errstate(all="ignore"):
            together = [
                subject.value(*copies(subject.form.some(made, np.concatenate(two))))
                for two in ((a, b), (c, d), (a, c), (b, d))
            ]
    except InputError:
        return False
    first, second = together[0] + together[1], together[2] + together[3]
    size = sum(map(abs, together))
    return bool(count and len(set(together)) > 1 and abs(first - second) <= CLOSE_FLOAT32 * size)


def _is_known(found: Recognised, wanted: str | None) -> bool:
    """Whether the value is that of a loss that linclf knows."""
    rng = np.random.default_rng(1)
    points = [Point(found.subject.form.arguments(rng, size, REG), "random") for size in found.sizes or ()]
    try:
        with np.errstate(all="ignore"):
            values = [found.subject.value(*copies(point.arguments)) for point in points]
    except InputError:
        return False
    known = identify(found.subject, points, values, wanted, CLOSE)
    return known is not None and not known.by_name


def _subject(callee: Callee, form: Form, source: Source) -> Subject:
    shown = (
        form.roles if form.kind == "loss" else ("pred", "true") if form.kind == "predictions" else tuple(callee.names)
    )
    return Subject(
        callee.name, form, source.value, source.gradient, form.wrt, shown, source.notes, by_bias=source.by_bias
    )


def _noted(found: Recognised) -> Recognised:
    """With a note on what was assumed, if it is not what everybody expects."""
    subject, notes = found.subject, [note for note in found.subject.notes if "b" not in found.subject.form.roles]
    form = subject.form
    usual = (form.layout, form.labels) in USUAL and form.roles in (
        ("W", "X", "y"),
        ("W", "X", "y", "reg"),
        ("scores", "y"),
    )
    if not usual and form.kind != "penalty":
        notes.append(f"it is called as {form.text}")
    if found.sizes is not None and found.sizes != SIZES:
        one = found.sizes[1]
        notes.append(f"it takes {one.n_classes} classes and {one.d} features, sizes that seem to be written into it")
    return replace(found, subject=replace(subject, notes=tuple(notes)))


def _general(callee: Callee, form: Form) -> Subject:
    """f(w) -> (value, gradient), read when it is first called: its shape is not known yet."""
    sources: list[Source] = []

    def source(w: Argument) -> Source:
        if not sources:
            with user_code(callee.name):
                sources.append(callee.read(callee.call(w)))
        return sources[0]

    def copied(w: Argument) -> Argument:
        return w.copy() if isinstance(w, np.ndarray) else w

    return Subject(
        callee.name, form, lambda w: source(copied(w)).value(w), lambda w: source(copied(w)).gradient(w), 0, ("w",)
    )
