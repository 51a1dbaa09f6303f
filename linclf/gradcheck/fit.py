"""Fits a user's function to a form: by calling it with arguments of each form in turn, and reading what it returns.

Of all ways to call and read it that run, that counts for which most speaks: that the value is that of a loss that linclf knows, that the
gradient is right, and that the value is a sum over samples; among equals the most natural. What was assumed is said in a note.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from linclf.errors import InputError
from linclf.gradcheck.callee import Callee
from linclf.gradcheck.forms import OTHER_SIZES, REG, SIZES, Argument, Form, Size, says_probabilities
from linclf.gradcheck.layouts import CODES, COLUMNS, ONE_FEATURE, ONE_HOT, ROWS, SIGNS, VECTOR
from linclf.gradcheck.load import UserError, user_code
from linclf.gradcheck.points import points_to_identify
from linclf.gradcheck.reference import CLOSE, CLOSE_FLOAT32, identify
from linclf.gradcheck.sources import IncompleteError, Source, over_samples, sources
from linclf.gradcheck.subjects import Subject, called_with, copies

USUAL = {(ROWS, CODES), (COLUMNS, CODES), (VECTOR, SIGNS), (None, ONE_HOT), (None, SIGNS)}  # forms that need no note
BATCHES = {"input", "inputs", "scores", "input_tensor"}  # names of scores that are a batch, not one output
ONE_OUTPUT = "it is right for predictions (n,); for several outputs, (n, C), the gradient is not that of the value"
PRODUCTS = {"dot", "matmul", "T", "transpose", "einsum", "inner"}  # names that code with matrices uses
KNOWN, RIGHT, OF_SAMPLES = 4, 2, 1  # what speaks for a way to call a function
OF_SHAPES = (
    ValueError,
    IndexError,
    TypeError,
    AssertionError,
    AttributeError,
    ZeroDivisionError,
    KeyError,
)  # errors that another form may not have


@dataclass(frozen=True)
class Recognised:
    """A subject, and the two sizes of arguments that it takes; None if it takes only those that the user has given."""

    subject: Subject
    sizes: tuple[Size, Size] | None = SIZES


@dataclass(frozen=True)
class Fit:
    """A way to call a function, and what speaks for it: the sum of KNOWN, RIGHT and OF_SAMPLES.

    after  the number of errors in forms that were tried before
    whole  whether it is sure to take a batch: its value is one number
    """

    found: Recognised
    speaks: int
    whole: bool = True
    after: int = 0

    def noted(self, note: str) -> "Fit":
        """The same with a note."""
        subject = self.found.subject
        return replace(self, found=replace(self.found, subject=replace(subject, notes=(*subject.notes, note))))


def fitted(
    callee: Callee,
    candidates: Sequence[Form],
    *,
    value: Callable[..., Any] | None = None,
    wanted: str | None = None,
    given: tuple[Argument, ...] = (),
) -> Fit:
    """The form, among candidates, in which the function can be called, with sizes that it takes.

    value   the function of the value, if the user has named it
    wanted  the name of the loss that its value must be
    given   arguments of the user's own: where no other can be used, the function is read at these
    Raises InputError if there is none: the error in the form that is most likely meant.
    """
    if not candidates:
        raise InputError(f"{callee.name}({', '.join(callee.names)}): takes arguments of no form that is known")
    errors: list[tuple[InputError, bool]] = []
    for sizes in (SIZES, *_written(callee)):
        best = _best(callee, candidates, sizes, errors, value=value, wanted=wanted)
        if best is not None and not best.whole:
            single = _of_one_sample(callee, candidates, value, wanted)
            best = single if single is not None and single.speaks >= KNOWN else best
        if best is not None:
            return replace(
                best,
                found=_noted(best.found, callee.names, "" if best.speaks >= RIGHT else _failing(errors[: best.after])),
            )
        if errors and not any(isinstance(error.__cause__, OF_SHAPES) for error, _ in errors):
            break  # it has nothing to do with the form
    single = _of_one_sample(callee, candidates, value, wanted)
    if single is not None:
        return replace(single, found=_noted(single.found, callee.names))
    if given and len(given) == len(callee.names):
        with user_code(callee.name):
            returned = callee.call(*copies(given))
        source = next(sources(callee, candidates[0], given, returned, value))
        return Fit(Recognised(_subject(callee, candidates[0], source), None), 0)
    raise _most_telling(errors)


def _written(callee: Callee) -> Iterator[tuple[Size, Size]]:
    """Other sizes, if they are written into the user's file."""
    written = callee.numbers()
    for sizes in OTHER_SIZES:
        numbers = {sizes[0].n_classes} | ({sizes[0].d} if sizes[0].d == sizes[1].d else set())
        if numbers <= written:
            yield sizes


def _best(
    callee: Callee,
    candidates: Sequence[Form],
    sizes: tuple[Size, Size],
    errors: list[tuple[InputError, bool]],
    *,
    value: Callable[..., Any] | None,
    wanted: str | None,
) -> Fit | None:
    """The way for which most speaks, with arguments of these sizes; None if there is none. Errors are added to a list."""
    best: Fit | None = None
    first: Fit | None = None  # of a gradient that has another shape
    finite: set[tuple[str, ...]] = set()  # orders of arguments in which a value is, for scores of any size
    of_several = False  # whether the value is known for several outputs, where the gradient is not right
    for form in candidates:
        if _is_too_narrow(form, callee, best, finite):
            continue
        usual = (form.layout, form.labels) in (*USUAL, (None, CODES), (candidates[0].layout, candidates[0].labels))
        made = form.arguments(np.random.default_rng(0), sizes[1], REG)
        try:
            with np.errstate(all="ignore"), user_code(callee.name):
                ways = list(sources(callee, form, made, callee.call(*copies(made)), value))
        except InputError as error:
            errors.append((called_with(error, callee.names, made), usual))
            continue
        for source in ways:
            whole = not source.summed
            fit = Fit(Recognised(_subject(callee, form, source), sizes), 0, whole, len(errors))
            try:
                with np.errstate(all="ignore"):
                    if np.isfinite(source.value(*copies(made))):
                        finite.add(form.roles)
                    source.gradient(*copies(made))
                    source.value(*form.arguments(np.random.default_rng(0), sizes[0], REG))
            except InputError as error:
                errors.append((called_with(error, callee.names, made), usual))
                continue
            if form.kind == "predictions" and best is not None and best.speaks >= KNOWN and BATCHES & set(callee.names):
                continue  # what is given is a batch, for which the value is known
            if not source.shaped:
                if first is None or not first.speaks:
                    fit = replace(fit, speaks=KNOWN * _is_known(fit.found, wanted))
                    first = fit if fit.speaks or (first is None and (usual or not errors)) else first
                continue
            fit = replace(fit, speaks=_speaks(fit.found, made, wanted))
            if fit.speaks >= KNOWN + RIGHT:
                return fit.noted(ONE_OUTPUT) if of_several and form.kind == "predictions" else fit
            of_several = of_several or (form.kind == "batch" and fit.speaks >= KNOWN)
            if _is_better(fit, best) if best is not None else fit.speaks or usual or not errors:
                best = fit
    if (
        best is not None
        and best.speaks < RIGHT
        and any(isinstance(one, IncompleteError) and meant for one, meant in errors)
    ):
        return None  # in the form that is meant, a part is missing
    return first if best is None or (first is not None and first.speaks > best.speaks) else best


def _is_too_narrow(form: Form, callee: Callee, best: Fit | None, finite: set[tuple[str, ...]]) -> bool:
    """Whether a mistake may not show in a form that is narrower than one in which the function runs, and which nothing else suggests.

    finite  the orders of arguments in which the value is finite for scores of any size, so that these need be no probabilities
    """
    if form.probabilities:
        return form.roles in finite and not says_probabilities(callee.names, callee.name.lower())
    if form.layout is ONE_FEATURE:  # what is a product of arrays is none of numbers
        return (best is not None and best.speaks >= KNOWN) or bool(PRODUCTS & callee.all_code())
    return False


def _is_better(fit: Fit, best: Fit) -> bool:
    """Whether more speaks for a way than for the best so far, which is more natural.

    That the value is a sum over samples says nothing against a way that is more natural, and that the gradient is right says nothing
    about how labels are encoded.
    """
    one, other = fit.found.subject.form, best.found.subject.form
    alike = one.labels is not None and other.labels is not None and one.labels.one and other.labels.one
    same = alike and one.labels is not other.labels and replace(one, labels=other.labels) == other
    return fit.speaks > best.speaks and fit.speaks >= (KNOWN if same else RIGHT)


def _speaks(found: Recognised, made: tuple[Argument, ...], wanted: str | None) -> int:
    """What speaks for a way to call a function."""
    subject = found.subject
    known = _is_known(found, wanted)
    right = subject.is_right(made)
    return KNOWN * known + RIGHT * right + OF_SAMPLES * ((known and right) or _is_of_samples(subject, made))


def _is_known(found: Recognised, wanted: str | None) -> bool:
    """Whether the value is that of a loss that linclf knows."""
    if found.sizes is None:
        return False
    points = points_to_identify(found.subject, found.sizes)
    try:
        with np.errstate(all="ignore"):
            values = [found.subject.value(*copies(point.arguments)) for point in points]
    except InputError:
        return False
    known = identify(found.subject, points, values, wanted, CLOSE)
    return known is not None and not known.by_name


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


def _of_one_sample(
    callee: Callee, candidates: Sequence[Form], value: Callable[..., Any] | None, wanted: str | None
) -> Fit | None:
    """The form of a function of one sample, f(w, x, y), if its values are those of a known loss, or its gradient is right."""
    best: Fit | None = None
    for form in candidates:
        made = form.arguments(np.random.default_rng(0), SIZES[1], REG)
        if not form.count(made) or (form.layout is not None and not form.layout.has_rows):
            continue
        one = form.one(made, 0)
        try:
            with np.errstate(all="ignore"), user_code(callee.name):
                ways = list(sources(callee, form, one, callee.call(*copies(one)), value))
        except InputError:
            continue
        for source in ways:
            found = Recognised(_subject(callee, form, over_samples(source, form)))
            try:
                with np.errstate(all="ignore"):
                    gradient = np.asarray(found.subject.gradient(*copies(made)))
            except (InputError, ValueError):
                continue
            if gradient.shape != np.shape(made[form.wrt]):
                continue
            fit = Fit(found, KNOWN * _is_known(found, wanted) + RIGHT * found.subject.is_right(made))
            if fit.speaks > (best.speaks if best else 0):
                best = fit
    return best


def _most_telling(errors: list[tuple[InputError, bool]]) -> InputError:
    """Of the errors, each with whether its form is a usual one: that a part is missing; else the one that came last in the function, as in
    another form shapes do not match before it."""
    counted = [error for error, usual in errors if usual] or [error for error, _ in errors]
    missing = next((error for error in counted if isinstance(error, IncompleteError)), None)
    if missing is not None or not isinstance(counted[0], UserError):
        return missing or counted[0]
    return max(counted, key=lambda error: error.line if isinstance(error, UserError) else 0)


def _subject(callee: Callee, form: Form, source: Source) -> Subject:
    shown = (
        form.roles if form.kind == "loss" else ("pred", "true") if form.kind == "predictions" else tuple(callee.names)
    )
    return Subject(
        callee.name, form, source.value, source.gradient, form.wrt, shown, source.notes, by_bias=source.by_bias
    )


def _failing(errors: list[tuple[InputError, bool]]) -> str:
    """How the function fails in a form that is more usual; empty if it does not."""
    usual: list[tuple[InputError, bool]] = [one for one in errors if one[1] and isinstance(one[0], UserError)]
    return f"called in a more usual form it fails: {_most_telling(usual)}" if usual else ""


def _noted(found: Recognised, names: Sequence[str], failing: str = "") -> Recognised:
    """With a note on what was assumed, if it is not what everybody expects, and on how it fails in a form that is more usual."""
    form, notes = found.subject.form, list(found.subject.notes)
    usual = (form.layout, form.labels) in USUAL and form.roles in (
        ("W", "X", "y"),
        ("W", "X", "y", "reg"),
        ("scores", "y"),
    )
    if (not usual or form.probabilities) and form.kind != "penalty":
        notes.append(f"it is called as {form.text(names)}")
    notes += [failing] if failing else []
    if found.sizes is not None and found.sizes != SIZES:
        one = found.sizes[1]
        notes.append(f"it takes {one.n_classes} classes and {one.d} features, sizes that seem to be written into it")
    return replace(found, subject=replace(found.subject, notes=tuple(notes)))
