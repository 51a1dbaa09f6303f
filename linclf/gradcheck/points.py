"""Points to check a gradient at: random arguments, small, moderate and large scores, kinks, the user's data."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from linclf.errors import InputError
from linclf.gradcheck.forms import Argument, Size
from linclf.gradcheck.load import UserError
from linclf.gradcheck.subjects import Subject
from linclf.losses import Array

REGS = (0.3, 0.7)
GENERAL_SHAPES = ((6,), (4, 3), (2,), (3,), (4,), (5,), (7,), (8,), (10,), ())
# Factors on random weights or scores:
SMALL = 0.2  # at which nearly all margins are violated,
MODERATE = 4  # at which probabilities are nearly 0 or 1,
LARGE = 500  # and for scores in the hundreds


@dataclass(frozen=True, eq=False)
class Point:
    """The arguments of one call. `purpose` is random, small, kinks, moderate, large, data or given."""

    arguments: tuple[Argument, ...]
    purpose: str


def make_points(subject: Subject, sizes: tuple[Size, Size], rng: np.random.Generator) -> list[Point]:
    """Two random points of different sizes; and if the kind has scores, one of small, one of moderate and two of large ones, and one on
    kinks."""
    if subject.kind == "general":
        return _general_points(subject, rng)
    if subject.make is not None:
        return [Point(subject.make(rng, size), "random") for size in sizes]
    form, wrt = subject.form, subject.wrt
    random = [Point(form.arguments(rng, size, reg), "random") for size, reg in zip(sizes, REGS, strict=True)]
    if subject.kind == "penalty" or form.probabilities:
        return random
    kinks = tuple(
        np.round(a) if role in ("W", "X", "scores", "y") and np.ndim(a) and _is_float(a) else a
        for role, a in zip(form.roles, random[0].arguments, strict=True)
    )
    small = _replaced(random[1].arguments, wrt, lambda a: SMALL * a)
    moderate = _replaced(random[1].arguments, wrt, lambda a: MODERATE * a)
    large = _replaced(random[1].arguments, wrt, lambda a: LARGE * a)
    return [
        *random,
        Point(small, "small"),
        Point(kinks, "kinks"),
        Point(moderate, "moderate"),
        Point(large, "large"),
        *_one_large(subject, random[1]),
    ]


def points_to_identify(subject: Subject, sizes: tuple[Size, Size]) -> list[Point]:
    """Random points at which the value tells which loss it is."""
    rng = np.random.default_rng(1)
    regs = (*REGS, 0.9, 0.2, 0.5)  # more points than a value has unknown factors
    return [Point(subject.form.arguments(rng, sizes[k % 2], reg), "random") for k, reg in enumerate(regs)]


def with_ones(subject: Subject, points: list[Point], feature: int) -> list[Point]:
    """The points with ones for a feature of every sample."""
    form, made = subject.form, []
    for point in points:
        X = np.array(point.arguments[form.roles.index("X")], np.float64)
        if X.ndim == 2:
            (X.T if form.layout is None or form.layout.has_rows else X)[feature] = 1
        made.append(Point(form.changed(point.arguments, X=X), point.purpose))
    return made


def _one_large(subject: Subject, point: Point) -> list[Point]:
    """A point at which one sample alone has large scores; none if the form has no samples that can be told."""
    role = "scores" if "scores" in subject.form.roles else "X"
    if role not in subject.form.roles:
        return []
    a = np.array(point.arguments[subject.form.roles.index(role)], np.float64)
    layout = subject.form.layout
    (a if layout is None or layout.has_rows else a.T)[0] *= LARGE
    return [Point(subject.form.changed(point.arguments, **{role: a}), "large")]


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
    without_error, first_error, shapes = [], None, list(GENERAL_SHAPES)
    for shape in shapes:
        try:
            with np.errstate(all="ignore"):
                subject.value(np.full(shape, 0.5))
                gradient = subject.gradient(np.full(shape, 0.5))
        except InputError as error:
            if not isinstance(error, UserError):
                raise
            size = re.search(r"into shape \(([\d, ]+)\)", str(error))
            if size is not None:  # it says which size it needs
                shapes.append((int(np.prod([int(length) for length in size[1].split(",") if length.strip()])),))
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
