"""check_gradient: whether a gradient is right, where it is wrong, and what the likely mistake is."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from linclf.errors import InputError
from linclf.gradcheck.comparison import GUARD_ERROR, compare, detect_precision, has_shape
from linclf.gradcheck.diagnosis import (
    Diagnosis,
    Evidence,
    both_values,
    explain,
    explain_value,
    in_columns,
    some_samples,
)
from linclf.gradcheck.differences import FLOAT64
from linclf.gradcheck.forms import Argument, Size
from linclf.gradcheck.large_scores import unstable
from linclf.gradcheck.layouts import TURNED
from linclf.gradcheck.load import UserError, note_on
from linclf.gradcheck.points import REGS, SMALL, Point, data_point, make_points, points_to_identify, with_ones
from linclf.gradcheck.recognise import Layer, recognise
from linclf.gradcheck.reference import CLOSE, CLOSE_FLOAT32, MEAN, Known, Pieces, identify, pieces
from linclf.gradcheck.result import GradientCheck, merged
from linclf.gradcheck.roles import role_of
from linclf.gradcheck.subjects import Subject, as_array, copies
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
        check = _checked(function, arguments, value=value, kind=kind, loss=loss, data=data, name=name, seed=seed)
        if check.passed and value is None:
            check = _with_another_margin(function, check, kind=kind, seed=seed)
    except InputError as error:
        raise (UserError(f"{error}; {left_out}") if left_out else error) from error.__cause__
    return replace(check, notes=(left_out, *check.notes)) if left_out else check


def _with_another_margin(function: Any, check: GradientCheck, *, kind: str | None, seed: int) -> GradientCheck:
    """The check with another value of a margin, delta or the like that has a default, if the gradient is wrong there."""
    try:
        listed = inspect.signature(function).parameters.values() if inspect.isfunction(function) else ()
    except ValueError:
        listed = ()
    for p in listed:
        if role_of(p.name) == "delta" and isinstance(p.default, float):
            changed = functools.partial(function, **{p.name: CHANGED * p.default})
            try:
                other = _checked(changed, (), value=None, kind=kind, loss=None, data=None, name=check.name, seed=seed)
            except InputError:
                continue
            if not other.gradient_passed:
                note = f"it is right for {p.name}={p.default:g}, its default; this is with {p.name}={CHANGED * p.default:g}"
                return replace(other, notes=(*other.notes, note))
    return check


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
) -> GradientCheck:
    """`check_gradient`, without a note on what has been left out of the user's file."""
    if loss is not None and loss not in LOSSES:
        raise InputError(f"loss is {loss!r}; give one of {', '.join(LOSSES)}")
    binary = loss is not None and LOSSES[loss].binary
    found = recognise(function, name=name, value=value, kind=kind, binary=binary, wanted=loss, given=arguments)
    checks = []
    for one in found:
        rng = np.random.default_rng(seed)
        subject, only_given = one.subject, bool(arguments) and one.subject.kind == "general"
        points = [] if only_given or one.sizes is None else make_points(subject, one.sizes, rng)
        points += [] if data is None else [data_point(subject, *data, rng)]
        points += [Point(arguments, "given")] if arguments else []
        with one_blas_thread():
            check = _Check(subject, points, loss, rng, one.sizes).result()
            if not check.passed and one.sizes is not None and subject.kind == "loss":
                check = _with_ones(subject, points, loss, rng) or check
        checks.append(check)
    return checks[0] if len(checks) == 1 else merged(checks, name)


VARIANTS = (
    "binary",
    "bce",
    "sigmoid",
    "focal",
    "weighted",
    "smooth",
    "squared",
    "huber",
    "guarded",
    "clip",
)  # of a loss, in a name
SECTIONS = {
    # of docs/gradients.md, by the name of a loss or a kind
    "svm": "Multiclass SVM",
    "softmax": "Softmax with cross-entropy",
    "hinge": "Binary hinge",
    "mse": "Mean squared error",
    "dense": "The dense layer",
}
CHANGED = 0.6  # times the default of a margin, which is checked too
WIDE = 2 * (Size(7, 8, 4),) + 2 * (Size(6, 7, 5),)  # points of which a gradient by the weights tells that by the scores
STILL_RIGHT = ("overflow", "another-value")  # faults beside which the gradient is right


class _Check:
    """One check: what the subject returns at each point, how it compares with differences, and what explains it."""

    def __init__(
        self,
        subject: Subject,
        points: list[Point],
        loss: str | None,
        rng: np.random.Generator,
        sizes: tuple[Size, Size] | None = None,
    ) -> None:
        self.subject, self.rng = subject, rng
        self.points = [
            replace(p, arguments=tuple(np.asarray(a) if np.ndim(a) else a for a in p.arguments))
            for p in points
            if p.purpose != "large"
        ]
        self.random = [p for p in self.points if p.purpose == "random"] or self.points[:1]
        self.faults: list[Diagnosis] = []
        self.notes = list(subject.notes)
        self.wrong_value: Diagnosis | None = None
        with np.errstate(all="ignore"):
            self.claims = [self._claim(point) for point in self.points]
            if any(fault.key == "modified-in-place" for fault in self.faults):
                self.subject = subject.on_copies()
            self.precision = detect_precision(self.subject, self.random[0], rng)
            self.close = CLOSE if self.precision is FLOAT64 else CLOSE_FLOAT32
            self.values = [self.subject.value(*point.arguments) for point in self.random]
            self.known = self._identify(loss, sizes)
            if self.known is not None:
                for point in points:
                    if point.purpose != "large" or any(fault.key == "overflow" for fault in self.faults):
                        continue
                    note, fault = unstable(self.subject, point)
                    self.notes += [note] if note and note not in self.notes else []
                    if fault:
                        self._fault("overflow", fault)
            self.comparisons = [
                compare(
                    self.subject,
                    point,
                    claim,
                    expected=self._expected(point),
                    guard_error=np.inf if self.known is not None and self.known.guard else GUARD_ERROR,
                    precision=self.precision,
                    rng=rng,
                )
                for point, claim in zip(self.points, self.claims, strict=True)
            ]
        self.coordinates = tuple(c for comparison in self.comparisons for c in comparison.coordinates)
        self._doubt_convention()

    def _claim(self, point: Point) -> Array:
        """The gradient that the user's function returns at a point.

        The function is called twice, to detect whether it changes its arguments or depends on earlier calls.
        """
        given = copies(point.arguments)
        try:
            claim = as_array(self.subject.gradient(*given), self.subject)
        except UserError as error:
            called = "" if "called with" in str(error) else f"; called with {self.subject.describe(point.arguments)}"
            raise UserError(f"{error}{called}") from None
        for name, before, after in zip(self.subject.arguments, point.arguments, given, strict=False):
            floats = isinstance(before, np.ndarray) and before.dtype.kind == "f"
            if not np.array_equal(before, after, equal_nan=floats):
                self._fault("modified-in-place", f"The function changes its argument {name} in place: work on a copy.")
        again = as_array(self.subject.gradient(*copies(point.arguments)), self.subject)
        if claim.shape != again.shape or not np.allclose(claim, again, rtol=1e-12, atol=0, equal_nan=True):
            self._fault("not-deterministic", "Two calls with the same arguments return different gradients: does the function use random numbers, or state from an earlier call?")  # fmt: skip
        return claim

    def _fault(self, key: str, text: str) -> None:
        if all(fault.key != key for fault in self.faults):
            self.faults.append(Diagnosis(key, text))

    def _identify(self, wanted: str | None, sizes: tuple[Size, Size] | None) -> Known | None:
        """The loss that the value is or should be.

        The function's name alone is not enough: None if the value is neither this loss nor a known distortion of it.
        """
        if any(p.purpose != "random" for p in self.random):
            return None
        points, values = self.random, self.values
        if sizes is not None and "y" in self.subject.form.roles and self.subject.make is None:
            points = points_to_identify(self.subject, sizes)
            values = [self.subject.value(*copies(point.arguments)) for point in points]
        known = identify(self.subject, points, values, wanted, self.close)
        if known is None or not known.by_name:
            return known
        at = [p for p in (self._pieces(point, known) for point in self.random) if p is not None]
        self.wrong_value = explain_value(at, self.values, self.close)
        if self.wrong_value is None and not known.wanted and self._has_data_part(known):
            self.notes.append(f"the value is that of {known.loss.name} with a penalty of its own, or a weight C")
            return None
        if self.wrong_value is None and not known.wanted and not self._is_promised():
            self.notes.append(f"the value is neither that of {known.loss.name} nor that of any other loss of linclf")
            return None
        self.wrong_value = self.wrong_value or both_values(at, self.values, known.wanted)
        return known

    def _pieces(self, point: Point, known: Known) -> Pieces | None:
        """The pieces of the known loss at a point."""
        return pieces(self.subject, point, known.loss, known.margin)

    def _is_promised(self) -> bool:
        """Whether the name promises a loss: of a function of W, X and y, and no variant of the loss."""
        own = self.subject.name.rpartition(":")[2].lower()
        return self.subject.kind == "loss" and not any(word in own for word in VARIANTS)

    def _doubt_convention(self) -> None:
        """Take the value for wrong, not the gradient, where this is that of the mean and the value another multiple of the loss."""
        known = self.known
        if (
            known is None
            or known.by_name
            or self.subject.kind != "loss"
            or not any(c.verdict == "wrong" for c in self.coordinates)
        ):
            return
        mean = replace(known, convention=replace(known.convention, what="", weight=MEAN.weight, times=1.0))
        at = [p for p in (self._pieces(point, known) for point in self.random) if p is not None]
        self.known = mean
        expected = [self._expected(point) for point in self.random]
        explained = explain_value(at, self.values, self.close) if mean.convention != known.convention else None
        claims = [claim for claim, point in zip(self.claims, self.points, strict=True) if point in self.random]
        if explained is not None and all(_agree(claim, right) for claim, right in zip(claims, expected, strict=True)):
            self.known, self.wrong_value = replace(mean, by_name=True), explained
        else:
            self.known = known

    def _has_data_part(self, known: Known) -> bool:
        """Whether the value is that of the loss, or its sum, without the penalty; or a multiple of it that reg weighs, as C does."""
        form = self.subject.form
        if "reg" not in form.roles:
            return False
        found = []
        for point in self.random:
            free = form.changed(point.arguments, reg=0.0)
            right, reg = self._pieces(point, known), form.reg(point.arguments)
            if right is None:
                return False
            try:
                without, all_of_it = self.subject.value(*copies(free)), self.subject.value(*copies(point.arguments))
            except UserError:
                return False
            if all_of_it == without:
                return False  # the penalty is missing
            data = (without, (all_of_it - without) / reg)
            wanted = float(right.values.mean()), float(right.values.sum())
            found.append([abs(d - w) <= self.close * abs(w) for d in data for w in wanted])
        return bool(np.all(found, axis=0).any())

    def _expected(self, point: Point) -> Array | None:
        """The gradient of the loss that the value was recognised as; None if it was not recognised."""
        if self.known is None or self.known.by_name:
            return None
        right, convention = self._pieces(point, self.known), self.known.convention
        if right is None:
            return None
        gradient = convention.of_losses(right) * right.back(right.dscores)
        return gradient + convention.penalty_gradient(right) if self.subject.form.by == "W" else gradient

    def result(self) -> GradientCheck:
        """The verdict, the likely mistakes and what to do next."""
        shapes = [np.shape(p.arguments[self.subject.wrt]) for p in self.points]
        shaped = all(has_shape(claim, shape) for claim, shape in zip(self.claims, shapes, strict=True))
        wrong = [c for c in self.coordinates if c.verdict == "wrong" or not np.isfinite(c.analytic)]
        unclear = sum(c.verdict == "unclear" for c in self.coordinates)
        if not wrong and shaped and 2 * unclear > len(self.coordinates):
            self._fault("unclear", f"Most slopes cannot be judged: the value is about {self.values[0]:.1e}, and its rounding error hides them. Leave out a large constant, or check at another point.")  # fmt: skip
        if not all(np.isfinite(self.values)):
            self._fault("value-not-finite", "The value is NaN or infinite at ordinary points: give a point of its domain, linclf.check_gradient(f, ...), or check for log(0) and 0/0.")  # fmt: skip
        if self._computes_nothing():
            self._fault("nothing-computed", f"The value is {self.values[0]:g} and the gradient 0 whatever {self.subject.arguments[self.subject.wrt]} is: nothing is computed yet. Compute the loss and its gradient, and return both.")  # fmt: skip
        elif not wrong and shaped and self._ignores_labels():
            self._fault("another-value", "The gradient is right, but the value does not depend on the labels: it is no loss of them. Is a part of the loss missing, or does the function return early?")  # fmt: skip
        gradient_passed = shaped and not wrong and all(fault.key in STILL_RIGHT for fault in self.faults)
        value_passed = None if self.known is None else not self.known.by_name
        passed = gradient_passed and value_passed is not False and all(fault.key == "overflow" for fault in self.faults)
        diagnosis = self._diagnosis(shapes, explain_gradient=not shaped or bool(wrong))
        return GradientCheck(
            name=self.subject.name,
            kind=self.subject.kind,
            loss=self.known.loss.name if self.known else None,
            precision=self.precision.name,
            passed=passed,
            gradient_passed=gradient_passed,
            value_passed=value_passed,
            coordinates=self.coordinates,
            diagnosis=diagnosis,
            notes=self._notes(),
            next_step="" if passed else _next_step(bool(diagnosis), shaped, self.subject.kind, self.known),
        )

    def _computes_nothing(self) -> bool:
        """Whether value and gradient are the same whatever the arguments are, and the gradient is 0."""
        return len(set(self.values)) == 1 and len(self.random) > 1 and not any(np.any(claim) for claim in self.claims)

    def _ignores_labels(self) -> bool:
        """Whether a value that has labels is the same with others."""
        form = self.subject.form
        if "y" not in form.roles or self.known is not None:
            return False
        return not any(self._labels_matter(point.arguments) for point in self.random)

    def _labels_matter(self, arguments: tuple[Argument, ...]) -> bool:
        """Whether other labels change the value at these arguments, which have labels."""
        form, values = self.subject.form, set()
        y = np.asarray(arguments[form.roles.index("y")])
        axis = 1 if y.ndim == 2 and y.shape[0] == 1 else 0  # samples are columns
        for shift in (0, 1, 2):
            values.add(self.subject.value(*copies(form.changed(arguments, y=np.roll(y, shift, axis)))))
        return len(values) > 1

    def _diagnosis(self, shapes: list[tuple[int, ...]], *, explain_gradient: bool) -> tuple[Diagnosis, ...]:
        """All likely mistakes: those of the gradient, that of the value, and faults such as an overflow."""
        for fault in self.faults:
            if fault.key not in STILL_RIGHT:
                return (fault,)  # nothing else can be relied on
        explained = list(self._explain(shapes)) if explain_gradient else []
        if self.wrong_value is not None:  # more precise than the hypothesis that the value is wrong
            explained = [self.wrong_value if one.key == "value" else one for one in explained]
            explained += [] if self.wrong_value in explained else [self.wrong_value]
        keys = {one.key for one in explained}
        found = (*explained, *(fault for fault in self.faults if fault.key not in keys))
        layout = self.subject.form.layout
        if layout is None or layout.has_rows:
            return found
        return tuple(replace(one, text=in_columns(one.text)) for one in found)

    def _explain(self, shapes: list[tuple[int, ...]]) -> tuple[Diagnosis, ...]:
        """What explains a wrong gradient; empty if nothing does."""
        if {c.point for c in self.coordinates if c.verdict == "wrong"} == {"kinks"}:
            text = "The gradient is wrong only at kinks: there it must lie between the slopes to the left and to the right."
            return (Diagnosis("kink-slope", text),)
        evidence = []
        with np.errstate(all="ignore"):
            for point, claim, comparison in zip(self.points, self.claims, self.comparisons, strict=True):
                if self._is_evidence(point) and not np.isnan(comparison.numeric).any():
                    evidence.append(self._evidence(point, claim, comparison.numeric))
            found = explain(self.subject, evidence, self.known, 1e-6 if self._exact() else 2e-3) if evidence else ()
        found = found or self._explain_by_scores()
        if found:
            return found
        by_scores = self._by_scores()
        if by_scores:
            return (Diagnosis("by-scores", by_scores),)
        misshapen = [(c, s) for c, s in zip(self.claims, shapes, strict=True) if c.shape != s]
        if misshapen:
            expected = next((s for c, s in misshapen if c.size != 1 == np.prod(s)), shapes[0])
            argument = self.subject.arguments[self.subject.wrt]
            text = f"The gradient has the shape {misshapen[0][0].shape}, not {expected}, that of {argument}."
            return (Diagnosis("shape", text),)
        if any(not np.isfinite(c).all() for c in self.claims):
            text = "The gradient has NaN or infinity at ordinary points: check for 0/0, log(0) and overflow."
            return (Diagnosis("overflow", text),)
        return ()

    def _by_scores(self) -> str:
        """That what is returned is the gradient by the scores, if it has their shape."""
        form = self.subject.form
        samples = [form.sample(point.arguments) for point in self.random]
        if form.layout is None or form.by != "W" or any(sample is None for sample in samples):
            return ""
        turned = not form.layout.has_rows
        shapes = [
            sample.scores.shape[::-1] if turned else sample.scores.shape for sample in samples if sample is not None
        ]
        claims = [claim for claim, point in zip(self.claims, self.points, strict=True) if point in self.random]
        if [claim.shape for claim in claims] != shapes:
            return ""
        product = "dscores @ X.T" if turned else "dscores.T @ X" if form.layout is TURNED else "X.T @ dscores"
        return f"The gradient has the shape {claims[0].shape} of the scores: it is that by the scores. By the weights, it is {product}."

    def _is_evidence(self, point: Point) -> bool:
        """Whether what is wrong is explained at this point: at the random points, and if all is right there, at those of small scores."""
        wrong = any(c.verdict == "wrong" and c.point == "random" for c in self.coordinates)
        return point in self.random or (point.purpose == "small" and bool(self.coordinates) and not wrong)

    def _explain_by_scores(self) -> tuple[Diagnosis, ...]:
        """What the wrong places of a gradient by the weights have in common by scores: told at points of more features than samples."""
        if self.known is None or self.subject.form.layout is None:
            return ()
        evidence = []
        try:
            for k, size in enumerate(WIDE):
                form, made = self.subject.form, self.subject.form.arguments(self.rng, size, REGS[0])
                made = form.changed(made, W=SMALL * np.asarray(made[form.wrt])) if k % 2 else made
                point = Point(made, "random")
                claim = as_array(self.subject.gradient(*copies(point.arguments)), self.subject)
                shape = np.shape(point.arguments[self.subject.wrt])
                if not has_shape(claim, shape):
                    return ()
                unknown = np.full(shape, np.nan)  # so that all entries are computed
                numeric = compare(self.subject, point, unknown, precision=self.precision, rng=self.rng).numeric
                evidence.append(self._evidence(point, claim, numeric))
        except UserError:  # sizes that are written into it
            return ()
        return tuple(some_samples(evidence))

    def _exact(self) -> bool:
        """Whether a formula gives the right gradient to all digits."""
        recognised = self.known is not None and not self.known.by_name
        return self.precision is FLOAT64 and (recognised or self.subject.kind == "dense")

    def _evidence(self, point: Point, claim: Array, numeric: Array) -> Evidence:
        w = np.asarray(point.arguments[self.subject.wrt], np.float64)
        known = self._pieces(point, self.known) if self.known is not None else None
        expected, reg = self._expected(point), self.subject.form.reg(point.arguments)
        if self.known is not None and known is not None and expected is not None:
            by_weights = self.subject.form.by == "W"
            penalty = self.known.convention.penalty_gradient(known) if by_weights else np.zeros(w.shape)
            return Evidence(point, w, claim, expected, penalty, numeric, known, reg, known.n)
        penalty = np.zeros(w.shape)
        if self.subject.kind == "loss" and "reg" in self.subject.form.roles:
            free = replace(point, arguments=self.subject.form.changed(point.arguments, reg=0.0))
            unknown = np.full(w.shape, np.nan)
            penalty = numeric - compare(self.subject, free, unknown, precision=self.precision, rng=self.rng).numeric
            if self._weighs_the_data(point):  # C times the data part, and the penalty as it is
                penalty = numeric - penalty
            penalty = np.where(np.abs(penalty) > 1e-6 * np.abs(numeric).max(), penalty, 0)
        return Evidence(point, w, claim, numeric, penalty, numeric, known, reg, self._count(point))

    def _count(self, point: Point) -> int:
        """The number of samples at a point: rows of what a layer is given first, or of X."""
        form = self.subject.form
        if form.kind in ("layer", "dense"):
            return len(np.atleast_1d(point.arguments[0]))
        return form.count(point.arguments) or 1

    def _weighs_the_data(self, point: Point) -> bool:
        """Whether the last number, C, is a factor of the data part: without it no label matters."""
        without = self.subject.form.changed(point.arguments, reg=0.0)
        return self._labels_matter(point.arguments) and not self._labels_matter(without)

    def _notes(self) -> tuple[str, ...]:
        notes = list(self.notes)
        if self.known is not None and not self.known.by_name:
            notes.append(f"the value is that of {self.known.loss.name}")
            notes += self.known.notes
        if any(comparison.guarded for comparison in self.comparisons):
            notes.append(
                "the gradient is that of the loss to all digits, the value only approximately: "
                "is there a small constant inside a log?"
            )
        if self.precision is not FLOAT64:
            notes.append(
                f"the function computes in {self.precision.name} internally, "
                f"so slopes are compared to a relative tolerance of {self.precision.tolerance:g} only"
            )
        kinks = sum(c.verdict == "kink" for c in self.coordinates)
        if kinks:
            lie = "coordinate lies" if kinks == 1 else "coordinates lie"
            notes.append(f"{kinks} {lie} on a kink, where any slope between the one-sided slopes is right")
        unclear = sum(c.verdict == "unclear" for c in self.coordinates)
        if unclear:
            coordinates = "coordinate" if unclear == 1 else "coordinates"
            notes.append(f"{unclear} {coordinates} could not be judged: rounding of the value hides the slope")
        return tuple(notes)


def _agree(claim: Array, right: Array | None) -> bool:
    """Whether a gradient is the right one to all digits."""
    if right is None or claim.shape != right.shape:
        return False
    return bool(np.abs(claim - right).max() <= 1e-6 * np.abs(right).max())


def _with_ones(
    subject: Subject, points: list[Point], loss: str | None, rng: np.random.Generator
) -> GradientCheck | None:
    """The check with a column of ones in X, as data have it for an intercept, if it passes there and the column's weights alone are
    wrong elsewhere."""
    for feature, which in ((0, "first"), (-1, "last")):
        ones = with_ones(subject, points, feature)
        check = _Check(subject, ones, loss, rng).result() if ones else None
        if check is not None and check.passed:
            note = (
                f"it is right where the {which} feature is 1 for all samples, as for an intercept; elsewhere it is not"
            )
            return replace(check, notes=(*check.notes, note))
    return None


def _next_step(diagnosed: bool, shaped: bool, kind: str, known: Known | None) -> str:
    """What to do after a failed check."""
    section = SECTIONS.get(kind if known is None else known.loss.name)
    if diagnosed:
        derived = f'; docs/gradients.md derives the gradient under "{section}"' if section else ""
        return f"fix this and check again; it may be hiding another mistake{derived}"
    if not shaped:
        return "return an array of the shape of the argument"
    return "no known mistake explains this: work out the worst coordinate by hand for one sample, and compare each step with the code"
