"""One check: what a function returns at each point, how that compares with differences, and which loss its value is."""

from dataclasses import replace

import numpy as np

from linclf.gradcheck.comparison import GUARD_ERROR, compare, detect_precision
from linclf.gradcheck.diagnosis import (
    Diagnosis,
    both_values,
    explain_value,
)
from linclf.gradcheck.differences import FLOAT64
from linclf.gradcheck.forms import Argument, Size
from linclf.gradcheck.large_scores import unstable
from linclf.gradcheck.load import UserError
from linclf.gradcheck.points import Point, points_to_identify
from linclf.gradcheck.reference import CLOSE, CLOSE_FLOAT32, MEAN, Known, Pieces, identify, pieces
from linclf.gradcheck.subjects import Subject, as_array, copies
from linclf.losses import Array

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


class Check:
    """What the subject returns at each point, how it compares with differences, and which loss its value is.

    points, claims, comparisons  at each point, what the gradient is there and how it compares
    random                       the random points, and `values` there
    known                        the loss that the value is, or should be; None if it is not known
    wrong_value                  what is wrong with the value; None if nothing is known to be
    faults                       what cannot be excused, such as random numbers
    """

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
            if p.purpose not in ("moderate", "large")
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
                        self.fault("overflow", fault)
            self.comparisons = [
                compare(
                    self.subject,
                    point,
                    claim,
                    expected=self.expected(point),
                    guard_error=np.inf if self._is_approximate() else GUARD_ERROR,
                    precision=self.precision,
                    rng=rng,
                )
                for point, claim in zip(self.points, self.claims, strict=True)
            ]
            self._compare_moderate([point for point in points if point.purpose == "moderate"])
        self.coordinates = tuple(c for comparison in self.comparisons for c in comparison.coordinates)
        self._doubt_convention()

    def _is_approximate(self) -> bool:
        """Whether the value is that of a known loss only approximately, so that its slopes may be wrong, not the gradient."""
        return self.known is not None and (bool(self.known.guard) or self.precision is not FLOAT64)

    def _compare_moderate(self, points: list[Point]) -> None:
        """Compare where scores are moderate, if the gradient is not that of the loss there; else its slopes are too small for differences."""
        for point in points:
            expected = self.expected(point)
            if expected is None:
                continue
            claim = as_array(self.subject.gradient(*copies(point.arguments)), self.subject)
            if claim.shape != expected.shape or _agree(claim, expected, 1e-4):
                continue
            compared = compare(self.subject, point, claim, precision=self.precision, rng=self.rng)
            if any(c.verdict == "wrong" for c in compared.coordinates):
                self.points.append(point)
                self.claims.append(claim)
                self.comparisons.append(compared)

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
                self.fault("modified-in-place", f"The function changes its argument {name} in place: work on a copy.")
        again = as_array(self.subject.gradient(*copies(point.arguments)), self.subject)
        if claim.shape != again.shape or not np.allclose(claim, again, rtol=1e-12, atol=0, equal_nan=True):
            self.fault("not-deterministic", "Two calls with the same arguments return different gradients: does the function use random numbers, or state from an earlier call?")  # fmt: skip
        return claim

    def fault(self, key: str, text: str) -> None:
        """Add a fault, each once."""
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
        at = [p for p in (self.pieces_at(point, known) for point in self.random) if p is not None]
        self.wrong_value = explain_value(at, self.values, self.close)
        if self.wrong_value is None and not known.wanted and self._has_data_part(known):
            self.notes.append(f"the value is that of {known.loss.name} with a penalty of its own, or a weight C")
            return None
        if self.wrong_value is None and not known.wanted and not self._is_promised():
            self.notes.append(f"the value is neither that of {known.loss.name} nor that of any other loss of linclf")
            return None
        self.wrong_value = self.wrong_value or both_values(at, self.values, known.wanted)
        return known

    def pieces_at(self, point: Point, known: Known) -> Pieces | None:
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
        at = [p for p in (self.pieces_at(point, known) for point in self.random) if p is not None]
        self.known = mean
        expected = [self.expected(point) for point in self.random]
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
            right, reg = self.pieces_at(point, known), form.reg(point.arguments)
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

    def expected(self, point: Point) -> Array | None:
        """The gradient of the loss that the value was recognised as; None if it was not recognised."""
        if self.known is None or self.known.by_name:
            return None
        right, convention = self.pieces_at(point, self.known), self.known.convention
        if right is None:
            return None
        gradient = convention.of_losses(right) * right.back(right.dscores)
        return gradient + convention.penalty_gradient(right) if self.subject.form.by == "W" else gradient

    def computes_nothing(self) -> bool:
        """Whether value and gradient are the same whatever the arguments are, and the gradient is 0."""
        return len(set(self.values)) == 1 and len(self.random) > 1 and not any(np.any(claim) for claim in self.claims)

    def ignores_labels(self) -> bool:
        """Whether a value that has labels is the same with others."""
        form = self.subject.form
        if "y" not in form.roles or self.known is not None:
            return False
        return not any(self.labels_matter(point.arguments) for point in self.random)

    def labels_matter(self, arguments: tuple[Argument, ...]) -> bool:
        """Whether other labels change the value at these arguments, which have labels."""
        form, values = self.subject.form, set()
        y = np.asarray(arguments[form.roles.index("y")])
        axis = int(form.labels is not None and form.labels.columns)
        for shift in (0, 1, 2):
            values.add(self.subject.value(*copies(form.changed(arguments, y=np.roll(y, shift, axis)))))
        return len(values) > 1


def _agree(claim: Array, right: Array | None, close: float = 1e-6) -> bool:
    """Whether a gradient is the right one, relative to its largest entry."""
    if right is None or claim.shape != right.shape:
        return False
    return bool(np.abs(claim - right).max() <= close * np.abs(right).max())
