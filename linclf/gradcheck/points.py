"""Points to check a gradient at: small random arguments, a point on kinks, one with large scores, the user's data."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from linclf.errors import InputError
from linclf.gradcheck.forms import Argument, Size
from linclf.gradcheck.load import UserError
from linclf.gradcheck.subjects import Subject, copies
from linclf.losses import Array

REGS = (0.3, 0.7)
GENERAL_SHAPES = ((6,), (4, 3), (2,), (3,), (4,), (5,), (7,), (8,), (10,), ())
LARGE = 500  # times which weights or scores are taken for large ones


@dataclass(frozen=True, eq=False)
class Point:
    """The arguments of one call. `purpose` is random, kinks, large, data or given."""

    arguments: tuple[Argument, ...]
    purpose: str


def make_points(subject: Subject, sizes: tuple[Size, Size], rng: np.random.Generator) -> list[Point]:
    """Two random points of different sizes, one on kinks, and one with large scores if the kind has scores."""
    if subject.kind == "general":
        return _general_points(subject, rng)
    if subject.make is not None:
        return [Point(subject.make(rng, size), "random") for size in sizes]
    form, wrt = subject.form, subject.wrt
    random = [Point(form.arguments(rng, size, reg), "random") for size, reg in zip(sizes, REGS, strict=True)]
    if subject.kind == "penalty":
        return random
    with np.errstate(all="ignore"):
        in_domain = subject.kind == "loss" or np.isfinite(subject.value(*copies(random[0].arguments)))
    if not in_domain:
        return as_probabilities(subject, random)  # perhaps
    kinks = tuple(
        np.round(a) if role in ("W", "X", "scores", "y") and np.ndim(a) and _is_float(a) else a
        for role, a in zip(form.roles, random[0].arguments, strict=True)
    )
    large = _replaced(random[1].arguments, wrt, lambda a: LARGE * a)
    return [*random, Point(kinks, "kinks"), Point(large, "large")]


def as_probabilities(subject: Subject, points: list[Point]) -> list[Point]:
    """The random points among these, with scores that lie in (0, 1)."""
    return [
        Point(_replaced(p.arguments, subject.wrt, lambda a: 1 / (1 + np.exp(-a))), p.purpose)
        for p in points
        if p.purpose == "random"
    ]


def _replaced(arguments: tuple[Argument, ...], place: int, change: Callable[[Array], Array]) -> tuple[Argument, ...]:
    return tuple(change(np.asarray(a)) if i == place else a for i, a in enumerate(arguments))


def spread_of_weights(X: Array) -> float:
    """The standard deviation of random weights whose scores of the rows X (n, d) are about the size of the margin."""
    return 1 / max(float(np.sqrt(np.square(X).sum(axis=1).mean())), 1e-12)


def data_point(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> Point:
    """A point on the user's data, X (n, d) and codes y (n,), with scores of about the size of the margin.

    Raises InputError for a kind of function that takes no data.
    """
    W = spread_of_weights(X) * rng.standard_normal((X.shape[1], int(y.max()) + 1))
    arguments = subject.form.with_codes(X, y, W, REGS[0])
    if arguments is None:
        raise InputError(f"{subject.name}: a function of the kind {subject.kind} takes no data; leave DATA out")
    return Point(arguments, "data")


def _general_points(subject: Subject, rng: np.random.Generator) -> list[Point]:
    """Two random points and one on kinks, in the detected shape; within (0, 1) if the value is not finite elsewhere."""
    shape = _detect_shape(subject)
    made = [rng.standard_normal(shape) for _ in REGS]
    with np.errstate(all="ignore"):
        if not all(np.isfinite(subject.value(w.copy())) for w in made):
            made = [rng.uniform(0.2, 0.8, shape) for _ in REGS]
        kinks = np.round(made[0])  # integers, 0 among them
        at_kinks = [Point((np.asarray(kinks),), "kinks")] if np.isfinite(subject.value(kinks.copy())) else []
    return [*(Point((np.asarray(w),), "random") for w in made), *at_kinks]


def _detect_shape(subject: Subject) -> tuple[int, ...]:
    """The shape of w: the first in which the gradient comes back, else the first without an error."""
    without_error, first_error = [], None
    for shape in GENERAL_SHAPES:
        try:
            with np.errstate(all="ignore"):
                subject.value(np.full(shape, 0.5))
                gradient = subject.gradient(np.full(shape, 0.5))
        except InputError as error:
            first_error = first_error or UserError(
                f"{error}; called with w {shape} and other shapes: give a point to check at, "
                "linclf.check_gradient(f, w)"
            )
            continue
        if shape and getattr(gradient, "shape", None) == shape:
            return shape
        without_error.append(shape)
    if without_error:
        return without_error[0]
    raise first_error or InputError(f"{subject.name}: could not be called")


def _is_float(a: Argument) -> bool:
    return bool(np.issubdtype(np.asarray(a).dtype, np.floating))
