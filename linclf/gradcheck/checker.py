"""check_gradient: is a gradient right, where is it wrong, and what is the likely mistake."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from linclf.errors import InputError
from linclf.gradcheck.diagnosis import Diagnosis, Evidence, explain, explain_value, unlike
from linclf.gradcheck.differences import FLOAT16, FLOAT32, FLOAT64, Precision, Slope, judge, value_noise
from linclf.gradcheck.points import Point, copies, data_point, points
from linclf.gradcheck.reference import CLOSE, CLOSE_FLOAT32, Known, identify, pieces
from linclf.gradcheck.result import Coordinate, GradientCheck
from linclf.gradcheck.subjects import Subject, UserError, recognise
from linclf.losses import LOSSES, Array
from linclf.optim.linalg import one_blas_thread

ALL_COORDINATES = 200  # an argument of at most so many entries is checked at each of them
SAMPLED_COORDINATES, DIRECTIONS, REDRAWS, ENOUGH_WRONG = 60, 8, 5, 5
PRECISION_SAMPLES = 6
GUARD_ERROR = 1e-2  # the largest relative error that a guard such as log(p + 1e-8) in the value excuses


def check_gradient(
    function: Any,
    *arguments: Any,
    value: Callable[..., Any] | None = None,
    kind: str | None = None,
    loss: str | None = None,
    data: tuple[Array, Array] | None = None,
    name: str = "",
    seed: int = 0,
) -> GradientCheck:
    """Check a gradient against differences of its own value, and say what the likely mistake is.

    function   f(W, X, y, reg) -> (loss, dW) in either layout, a *_grad_input or *_backward of two arguments, a class with
               forward and backward, dense_grad_input / dense_grad_W / dense_grad_b, or f(w) -> (value, gradient)
    arguments  check at these too; without, at small random points only
    value      the forward that belongs to a function that gives the gradient alone
    kind       loss, predictions, batch, dense or general, where signature and name do not tell
    loss       a name in LOSSES: hold the value against this loss
    data       X (n, d) and codes y (n,) to check on too
    Raises InputError where the function cannot be called, with its own error and line.

    The function is a black box: a slope is a kink only if the jump between the one-sided slopes stays at every step.
    """
    if loss is not None and loss not in LOSSES:
        raise InputError(f"loss is {loss!r}; give one of {', '.join(LOSSES)}")
    rng = np.random.default_rng(seed)
    binary = loss is not None and LOSSES[loss].binary
    subject = recognise(function, name=name, value=value, kind=kind, binary=binary)
    try:
        made = [] if arguments and subject.kind == "general" else points(subject, rng)
    except UserError:
        if kind is not None or subject.kind != "batch":
            raise
        # a pair that does not take batches (n, C) may take predictions (n,)
        subject = recognise(function, name=name, value=value, kind="predictions")
        made = points(subject, rng)
    if data is not None:
        made.append(data_point(subject, *data, rng))
    if arguments:
        made.append(Point(arguments, "given", made[0].layout if made else 0))
    with one_blas_thread():
        return _Check(subject, made, loss, rng).result()


class _Check:
    """One run: the subject at its points, collected step by step."""

    def __init__(self, subject: Subject, made: list[Point], loss: str | None, rng: np.random.Generator) -> None:
        self.subject, self.rng = subject, rng
        self.points = [replace(p, arguments=tuple(map(_as_given, p.arguments))) for p in made if p.purpose != "large"]
        self.large = [p for p in made if p.purpose == "large"]
        self.random = [p for p in self.points if p.purpose == "random"] or self.points[:1]
        self.faults: list[Diagnosis] = []
        self.coordinates: list[Coordinate] = []
        with np.errstate(all="ignore"):
            self.claims = [self._claim(point) for point in self.points]
            self.precision = self._precision()
            self.close = CLOSE if self.precision is FLOAT64 else CLOSE_FLOAT32
            self.values = [self._value(*point.arguments) for point in self.random]
            self.notes = list(subject.notes)
            self.wrong_value: Diagnosis | None = None
            self.guarded = False
            self.known = self._identify(loss)
            self._far_out()
            self.numeric = [self._examine(point, claim) for point, claim in zip(self.points, self.claims, strict=True)]

    def _value(self, *arguments: Any) -> float:
        """The user's value; on copies, once the function was seen to change its arguments."""
        spoils = any(fault.key == "modified-in-place" for fault in self.faults)
        return self.subject.value(*(copies(arguments) if spoils else arguments))

    def _identify(self, wanted: str | None) -> Known | None:
        """The loss that the value is, or should be: a name alone proves little, unless the value is a known distortion."""
        if any(p.purpose != "random" for p in self.random):
            return None
        known = identify(self.subject, self.random, self.values, wanted, self.close)
        if known is None or not known.by_name:
            return known
        at = [p for p in (pieces(self.subject, point, known.loss) for point in self.random) if p is not None]
        self.wrong_value = explain_value(at, self.values, self.close) or (
            unlike(at, self.values) if known.wanted else None
        )
        if self.wrong_value is None:
            self.notes.append(f"the value is not that of {known.loss.name}, nor of any loss that linclf knows")
            return None
        return known

    def _claim(self, point: Point) -> Array:
        """What the user's function returns at a point, called twice: it must leave its arguments and itself alone."""
        given = copies(point.arguments)
        try:
            claim = _array(self.subject.gradient(*given), self.subject)
        except UserError as error:
            called = "" if "called with" in str(error) else f"; called with {self.subject.describe(point.arguments)}"
            raise UserError(f"{error}{called}") from None
        for name, before, after in zip(self.subject.arguments, point.arguments, given, strict=False):
            if not np.array_equal(before, after, equal_nan=_has_nan(before)):
                self._fault("modified-in-place", f"The function changes its argument {name} in place: work on a copy.")
        again = _array(self.subject.gradient(*copies(point.arguments)), self.subject)
        if claim.shape != again.shape or not np.allclose(claim, again, rtol=1e-12, atol=0, equal_nan=True):
            self._fault("not-deterministic", "Two calls with the same arguments give different gradients: is there randomness, or something kept from the last call?")  # fmt: skip
        return claim

    def _fault(self, key: str, text: str) -> None:
        if all(fault.key != key for fault in self.faults):
            self.faults.append(Diagnosis(key, text))

    def _precision(self) -> Precision:
        """float32 (or float16) if every value at random points is a float32, or if a change that float64 resolves changes nothing."""
        point = self.random[0]
        values, flat = [], 0
        for _ in range(PRECISION_SAMPLES):
            along = self._along(point, self.rng.standard_normal(np.shape(point.arguments[self.subject.wrt])))
            values.append(along(0.01))
            slope = (along(1e-3) - along(-1e-3)) / 2e-3
            moved, expected = along(1e-9) - along(0.0), slope * 1e-9
            resolvable = abs(expected) > 200 * FLOAT64.eps * abs(values[-1])
            flat += resolvable and abs(moved - expected) > 0.5 * abs(expected)
        odd = [v for v in values if v and np.isfinite(v)]
        for precision, dtype in ((FLOAT16, np.float16), (FLOAT32, np.float32)):
            if len(set(odd)) >= 3 and all(float(dtype(v)) == v for v in odd):
                return precision
        return FLOAT32 if 2 * flat > PRECISION_SAMPLES else FLOAT64

    def _far_out(self) -> None:
        """At scores in the hundreds or thousands a loss that linclf knows is finite, and so must the user's be."""
        for point in self.large if self.known is not None else []:
            value = self._value(*point.arguments)
            gradient = _array(self.subject.gradient(*copies(point.arguments)), self.subject)
            if not np.isfinite(value) and np.isfinite(gradient).all():
                self.notes.append("the value is not finite at scores in the hundreds, where a probability becomes 0 and its log is taken: log(sum(exp(s))) - s_y would be")  # fmt: skip
            elif not np.isfinite(gradient).all():
                self._fault("overflow", "The gradient is not finite at scores in the hundreds (NaN or infinity): exp overflows there; subtract each sample's largest score first.")  # fmt: skip

    def _along(self, point: Point, direction: Array) -> Callable[[float], float]:
        """The value as a function of one number: along a direction from the point."""
        wrt, arguments = self.subject.wrt, point.arguments
        w = np.asarray(arguments[wrt], np.float64)
        return lambda t: self._value(*arguments[:wrt], w + t * direction, *arguments[wrt + 1 :])

    def _examine(self, point: Point, claim: Array) -> Array:
        """Judge the claim at a point; the numerical gradient where every coordinate was looked at."""
        w = np.asarray(point.arguments[self.subject.wrt], np.float64)
        shaped = claim.shape == w.shape or claim.size == w.size == 1
        claimed = claim.reshape(w.shape).astype(np.float64) if shaped else np.full(w.shape, np.nan)
        scale = float(np.abs(claimed[np.isfinite(claimed)]).max(initial=0))
        typical = max(float(np.sqrt(np.mean(np.square(w)))) if w.size else 0.0, 0.1)
        numeric = np.full(w.shape, np.nan)
        expected = self._expected(point)
        noise = value_noise(self._along(point, self.rng.standard_normal(w.shape)))
        every, n_wrong = w.size <= ALL_COORDINATES, 0
        chosen = np.arange(w.size) if every else np.sort(self.rng.choice(w.size, SAMPLED_COORDINATES, replace=False))
        for flat in chosen:
            index = tuple(map(int, np.unravel_index(flat, w.shape)))
            unit = np.zeros(w.shape)
            unit[index] = 1.0
            size = max(abs(float(w[index])), typical)
            slope = judge(
                self._along(point, unit), float(claimed[index]), size, self.precision, scale=scale, noise=noise
            )
            exact = expected is not None and abs(slope.claimed - expected[index]) <= 1e-9 * scale
            if exact and slope.verdict == "wrong" and slope.error < GUARD_ERROR:
                slope, self.guarded = replace(slope, verdict="right"), True
            numeric[index] = slope.numeric
            if shaped:
                self._record(point, index, slope)
            n_wrong += slope.verdict == "wrong"
            if n_wrong == ENOUGH_WRONG and not every:  # each costs many values, and more would tell no more
                break
        for _ in range(0 if every or not shaped or n_wrong else DIRECTIONS):
            for _ in range(REDRAWS):  # a direction that meets a kink says little
                direction = self.rng.standard_normal(w.shape) / np.sqrt(w.size)
                along, claim_along = self._along(point, direction), float(np.vdot(claimed, direction))
                slope = judge(along, claim_along, typical, self.precision, scale=scale, noise=noise)
                if slope.verdict in ("right", "wrong"):
                    break
            self._record(point, None, slope)
        return numeric

    def _expected(self, point: Point) -> Array | None:
        """The gradient of the loss that the value was recognised as; the value may differ a little, as log(p + 1e-8) does."""
        known = None
        if self.known is not None and not self.known.by_name:
            known = pieces(self.subject, point, self.known.loss)
        if self.known is None or known is None:
            return None
        penalty = 2 * self.known.penalty * known.reg * known.W
        return self.known.scale(known.n, known.n_outputs) * known.back(known.dscores) + penalty

    def _record(self, point: Point, index: tuple[int, ...] | None, slope: Slope) -> None:
        self.coordinates.append(
            Coordinate(point.purpose, index, slope.claimed, slope.numeric, slope.error, slope.verdict)
        )

    def result(self) -> GradientCheck:
        """The verdict."""
        shapes = [np.shape(p.arguments[self.subject.wrt]) for p in self.points]
        shaped = all(c.shape == s or c.size == np.prod(s) == 1 for c, s in zip(self.claims, shapes, strict=True))
        wrong = [c for c in self.coordinates if c.verdict == "wrong" or not np.isfinite(c.analytic)]
        unclear = sum(c.verdict == "unclear" for c in self.coordinates)
        if not wrong and shaped and 2 * unclear > len(self.coordinates):
            self._fault("unclear", f"Most slopes cannot be told: the value is about {self.values[0]:.1e}, and rounding of it hides them. Leave out a large constant, or check at another point.")  # fmt: skip
        if not all(np.isfinite(self.values)):
            self._fault("value-not-finite", "The value is NaN or infinite at ordinary points: give a point of its domain, linclf.check_gradient(f, ...), or look for log(0) and 0/0.")  # fmt: skip
        gradient_passed = shaped and not wrong and not self.faults
        value_passed = None if self.known is None else not self.known.by_name
        decisive = [fault for fault in self.faults if fault.key != "overflow"]
        diagnosis = decisive[:1]  # after one of these, nothing else can be believed
        if not decisive:
            explained = list(self._explain(shapes)) if not shaped or wrong else []
            if self.wrong_value is not None:  # says more than that the value is to blame
                explained = [self.wrong_value if one.key == "value" else one for one in explained]
                explained += [] if self.wrong_value in explained else [self.wrong_value]
            diagnosis = [*explained, *(fault for fault in self.faults if fault.key not in {e.key for e in explained})]
        return GradientCheck(
            self.subject.name,
            self.subject.kind,
            self.known.loss.name if self.known else None,
            self.precision.name,
            gradient_passed and value_passed is not False,
            gradient_passed,
            value_passed,
            tuple(self.coordinates),
            tuple(diagnosis),
            self._notes(),
            self._next_step(gradient_passed, value_passed, diagnosis, shaped),
        )

    def _explain(self, shapes: list[tuple[int, ...]]) -> tuple[Diagnosis, ...]:
        if {c.point for c in self.coordinates if c.verdict == "wrong"} == {"kinks"}:
            text = "The gradient is wrong only at kinks: there it must lie between the slopes to the left and to the right."
            return (Diagnosis("kink-slope", text),)
        evidence = []
        with np.errstate(all="ignore"):
            for point, claim, numeric in zip(self.points, self.claims, self.numeric, strict=True):
                if point in self.random and not np.isnan(numeric).any():
                    evidence.append(self._evidence(point, claim, numeric))
            found = explain(self.subject, evidence, self.known, 1e-6 if self._exact() else 2e-3) if evidence else ()
        expected = next(
            (s for c, s in zip(self.claims, shapes, strict=True) if c.shape != s and c.size != 1 == np.prod(s)),
            shapes[0],
        )
        bad = next((c for c, s in zip(self.claims, shapes, strict=True) if c.shape != s), None)
        if not found and bad is not None:
            text = f"The gradient has the shape {bad.shape}, not {expected}, that of {self.subject.arguments[self.subject.wrt]}."
            return (Diagnosis("shape", text),)
        if not found and any(not np.isfinite(c).all() for c in self.claims):
            return (
                Diagnosis(
                    "overflow",
                    "The gradient has NaN or infinity at ordinary points: look for 0/0, log(0) and overflow.",
                ),
            )
        return found

    def _exact(self) -> bool:
        """Whether the right gradient is known by formula, to all digits."""
        recognised = self.known is not None and not self.known.by_name
        return self.precision is FLOAT64 and (recognised or self.subject.kind == "dense")

    def _evidence(self, point: Point, claim: Array, numeric: Array) -> Evidence:
        w = np.asarray(point.arguments[self.subject.wrt], np.float64)
        known = pieces(self.subject, point, self.known.loss) if self.known is not None else None
        if self.known is None or known is None or self.known.by_name:
            penalty = np.zeros(w.shape)
            if self.subject.kind == "loss" and len(point.arguments) == 4:
                free = replace(point, arguments=(*point.arguments[:3], 0.0))
                penalty = numeric - self._slopes(free)
                penalty = np.where(np.abs(penalty) > 1e-6 * np.abs(numeric).max(), penalty, 0)
            return Evidence(point, w, claim, numeric, penalty, numeric, known)
        right = self._expected(point)
        penalty = 2 * self.known.penalty * known.reg * known.W
        return Evidence(point, w, claim, numeric if right is None else right, penalty, numeric, known)

    def _slopes(self, point: Point) -> Array:
        """The numerical gradient at a small point."""
        before, self.coordinates = self.coordinates, []
        numeric = self._examine(point, np.full(np.shape(point.arguments[self.subject.wrt]), np.nan))
        self.coordinates = before
        return numeric

    def _notes(self) -> tuple[str, ...]:
        notes = list(self.notes)
        if self.known is not None and not self.known.by_name:
            notes.append(f"the value is that of {self.known.loss.name}")
            notes += [self.known.note] if self.known.note else []
        if self.guarded:
            notes.append(
                "the gradient is that of the loss to all digits, the value only nearly: a small constant in a log?"
            )
        if self.precision is not FLOAT64:
            rough = f"{self.precision.tolerance:g} of their size"
            notes.append(
                f"the function computes in {self.precision.name} inside, so slopes are compared to {rough} only"
            )
        kinks = sum(c.verdict == "kink" for c in self.coordinates)
        if kinks:
            stand = "place stands" if kinks == 1 else "places stand"
            notes.append(f"{kinks} {stand} on a kink; there any slope between the one-sided ones is right")
        unclear = sum(c.verdict == "unclear" for c in self.coordinates)
        if unclear:
            places = "place" if unclear == 1 else "places"
            notes.append(f"{unclear} {places} could not be judged: rounding of the value hides the slope")
        return tuple(notes)

    def _next_step(self, gradient: bool, value: bool | None, diagnosis: list[Diagnosis], shaped: bool) -> str:
        if gradient and value is not False:
            return ""
        if diagnosis:
            return "mend this and check again: a second mistake may have hidden behind it"
        if not shaped:
            return "return an array of the shape of the argument"
        return "no hypothesis fits: work the worst coordinate out by hand for one sample, and compare each step with the code"


def _as_given(a: Any) -> Any:
    return np.asarray(a) if np.ndim(a) else a


def _has_nan(a: Any) -> bool:
    return bool(isinstance(a, np.ndarray) and a.dtype.kind == "f")


def _array(gradient: Any, subject: Subject) -> Array:
    """What was returned for the gradient, as an array. Raises InputError for what cannot be one."""
    try:
        array = np.array(gradient)  # a copy: a function may give back the same array each time
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"{subject.name}: returned {type(gradient).__name__} for the gradient; return an array of numbers"
        )
    return array
