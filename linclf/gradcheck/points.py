"""Points to check at: small random arguments of a kind, a point on kinks, one with large scores, the user's own data."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from linclf.errors import InputError
from linclf.gradcheck.subjects import Subject, UserError
from linclf.losses import Array

SIZES = ((7, 4, 3), (10, 5, 4))  # n, D, C: all different, so that a factor tells which it is
REGS = (0.3, 0.7)
LAYOUTS = ("W (D, C), X (N, D)", "W (C, D), X (D, N)", "w (D,), X (N, D), y +-1")
GENERAL_SHAPES = ((6,), (4, 3), (2,), (3,), (4,), (5,), (7,), (8,), (10,), ())


@dataclass(frozen=True, eq=False)
class Point:
    """Arguments of one call. `purpose` is random, kinks, large or data; `layout` an index into LAYOUTS for losses."""

    arguments: tuple[Any, ...]
    purpose: str
    layout: int = 0


def points(subject: Subject, rng: np.random.Generator) -> list[Point]:
    """Two random points of different sizes, one on kinks, and one with large scores where the kind has scores."""
    if subject.kind == "general":
        return _general_points(subject, rng)
    layout = _layout_of(subject, rng) if subject.kind == "loss" else 0
    made = [
        Point(_arguments(subject, rng, size, reg, layout), "random", layout)
        for size, reg in zip(SIZES, REGS, strict=True)
    ]
    if subject.kind == "dense":
        return made
    with np.errstate(all="ignore"):
        domain = subject.kind == "loss" or np.isfinite(subject.value(*copies(made[0].arguments)))
    if not domain:
        # perhaps a loss of probabilities: stay inside (0, 1)
        return [Point((1 / (1 + np.exp(-p.arguments[0])), p.arguments[1]), p.purpose) for p in made]
    kinks = [np.round(a) if np.ndim(a) and i < 2 and _is_float(a) else a for i, a in enumerate(made[0].arguments)]
    large = [500 * a if i == 0 else a for i, a in enumerate(made[1].arguments)]
    return [*made, Point(tuple(kinks), "kinks", layout), Point(tuple(large), "large", layout)]


def data_point(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> Point:
    """A point on the user's data, X (n, d) and codes y (n,), for the kinds that take data."""
    d = X.shape[1]
    n_classes = int(y.max()) + 1
    spread = 1 / max(float(np.sqrt(np.square(X).sum(axis=1).mean())), 1e-12)
    if subject.kind == "loss":
        layout = _layout_of(subject, rng)
        W = spread * rng.standard_normal((d, n_classes))
        arguments = {
            0: (W, X, y),
            1: (W.T.copy(), X.T.copy(), y),
            2: (W[:, 0].copy(), X, np.where(y == n_classes - 1, 1, -1)),
        }
        return Point((*arguments[layout], REGS[0])[: len(subject.arguments)], "data", layout)
    scores = X @ (spread * rng.standard_normal((d, n_classes)))
    if subject.kind == "predictions":
        return Point((scores[:, 0], np.where(y == n_classes - 1, 1, -1)), "data")
    if subject.kind == "batch":
        return Point((scores, np.eye(n_classes)[y]), "data")
    raise InputError(f"{subject.name}: a function of the kind {subject.kind} takes no data; leave DATA out")


def _arguments(
    subject: Subject, rng: np.random.Generator, size: tuple[int, int, int], reg: float, layout: int
) -> tuple[Any, ...]:
    n, d, n_classes = size
    y = rng.permutation(np.arange(n) % n_classes)
    t = rng.permutation(np.where(np.arange(n) % 2, 1, -1))
    if subject.kind == "loss":
        W, X = rng.standard_normal((d, n_classes)), rng.standard_normal((n, d))
        chosen = {0: (W, X, y), 1: (W.T.copy(), X.T.copy(), y), 2: (W[:, 0].copy(), X, t)}[layout]
        return (*chosen, reg)[: len(subject.arguments)]
    if subject.kind == "predictions":
        return 1.5 * rng.standard_normal(n), t
    if subject.kind == "batch":
        return rng.standard_normal((n, n_classes)), np.eye(n_classes)[y]
    x, W, b = rng.standard_normal((n, d)), rng.standard_normal((d, n_classes)), rng.standard_normal(n_classes)
    return x, rng.standard_normal((n, n_classes)), W, b


def _layout_of(subject: Subject, rng: np.random.Generator) -> int:
    """Which layout a loss takes: the first that it returns a gradient of W's shape for, else the first that it survives."""
    survived, errors = [], []
    for layout in range(len(LAYOUTS)):
        arguments = _arguments(subject, rng, SIZES[1], REGS[1], layout)
        try:
            with np.errstate(all="ignore"):
                gradient = subject.gradient(*copies(arguments))
        except UserError as error:
            errors.append(UserError(f"{error}; called with {subject.describe(arguments)}"))
            continue
        if getattr(gradient, "shape", None) == np.shape(arguments[0]):
            return layout
        survived.append(layout)
    if survived:
        return survived[0]
    # in the wrong layout the shapes do not fit; an error of another kind is the function's own
    own = (error for error in errors if not any(word in str(error) for word in ("mismatch", "broadcast", "aligned")))
    raise next(own, errors[0])


def _general_points(subject: Subject, rng: np.random.Generator) -> list[Point]:
    """Two points of a shape that the function takes and gives back, inside (0, 1) if its value is not a number elsewhere."""
    shape = _shape_of_general(subject)
    made = [rng.standard_normal(shape) for _ in SIZES]
    with np.errstate(all="ignore"):
        if not all(np.isfinite(subject.value(w.copy())) for w in made):
            made = [rng.uniform(0.2, 0.8, shape) for _ in SIZES]
        kinks = np.round(made[0])  # whole numbers, 0 among them
        at_kinks = [Point((np.asarray(kinks),), "kinks")] if np.isfinite(subject.value(kinks.copy())) else []
    return [*(Point((np.asarray(w),), "random") for w in made), *at_kinks]


def _shape_of_general(subject: Subject) -> tuple[int, ...]:
    survived, first_error = [], None
    for shape in GENERAL_SHAPES:
        try:
            with np.errstate(all="ignore"):
                subject.value(np.full(shape, 0.5))
                gradient = subject.gradient(np.full(shape, 0.5))
        except InputError as error:
            first_error = first_error or UserError(
                f"{error}; called with w {shape} and other shapes: check at a point of your own with "
                "linclf.check_gradient(f, w)"
            )
            continue
        if shape and getattr(gradient, "shape", None) == shape:
            return shape
        survived.append(shape)
    if survived:
        return survived[0]
    raise first_error or InputError(f"{subject.name}: could not be called")


def copies(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments with their arrays copied, for a function that may change them."""
    return tuple(a.copy() if isinstance(a, np.ndarray) else a for a in arguments)


def _is_float(a: Any) -> bool:
    return bool(np.issubdtype(np.asarray(a).dtype, np.floating))
