"""Points to check a gradient at: small random arguments, a point on kinks, one with large scores, the user's data."""

from dataclasses import dataclass

import numpy as np

from linclf.errors import InputError
from linclf.gradcheck.subjects import Argument, Subject, UserError, copies
from linclf.losses import Array

SIZES = ((7, 4, 3), (10, 5, 4))  # n, D, C: all different, so that a wrong factor can be identified
REGS = (0.3, 0.7)
LAYOUTS = ("W (D, C), X (N, D)", "W (C, D), X (D, N)", "w (D,), X (N, D), y +-1")
GENERAL_SHAPES = ((6,), (4, 3), (2,), (3,), (4,), (5,), (7,), (8,), (10,), ())


@dataclass(frozen=True, eq=False)
class Point:
    """The arguments of one call. `purpose` is random, kinks, large, data or given; `layout`, for losses, indexes LAYOUTS."""

    arguments: tuple[Argument, ...]
    purpose: str
    layout: int = 0


def make_points(subject: Subject, rng: np.random.Generator) -> list[Point]:
    """Two random points of different sizes, one on kinks, and one with large scores if the kind has scores."""
    if subject.kind == "general":
        return _general_points(subject, rng)
    layout = _detect_layout(subject, rng) if subject.kind == "loss" else 0
    random = [
        Point(_arguments(subject, rng, size, reg, layout), "random", layout)
        for size, reg in zip(SIZES, REGS, strict=True)
    ]
    if subject.kind == "dense":
        return random
    with np.errstate(all="ignore"):
        in_domain = subject.kind == "loss" or np.isfinite(subject.value(*copies(random[0].arguments)))
    if not in_domain:
        # perhaps a loss of probabilities, which lie in (0, 1)
        return [Point((1 / (1 + np.exp(-p.arguments[0])), p.arguments[1]), p.purpose) for p in random]
    kinks = [np.round(a) if np.ndim(a) and i < 2 and _is_float(a) else a for i, a in enumerate(random[0].arguments)]
    large = [500 * a if i == 0 else a for i, a in enumerate(random[1].arguments)]
    return [*random, Point(tuple(kinks), "kinks", layout), Point(tuple(large), "large", layout)]


def spread_of_weights(X: Array) -> float:
    """The standard deviation of random weights whose scores of the rows X (n, d) are about the size of the margin."""
    return 1 / max(float(np.sqrt(np.square(X).sum(axis=1).mean())), 1e-12)


def data_point(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> Point:
    """A point on the user's data, X (n, d) and codes y (n,), with scores of about the size of the margin.

    Raises InputError for a kind of function that takes no data.
    """
    d = X.shape[1]
    n_classes = int(y.max()) + 1
    spread = spread_of_weights(X)
    if subject.kind == "loss":
        layout = _detect_layout(subject, rng)
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
) -> tuple[Argument, ...]:
    """Random arguments of a subject's kind, for n samples, d features and a number of classes."""
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


def _detect_layout(subject: Subject, rng: np.random.Generator) -> int:
    """The layout of a loss: the first for which it returns a gradient of W's shape, else the first without an error."""
    without_error, errors = [], []
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
        without_error.append(layout)
    if without_error:
        return without_error[0]
    # in the wrong layout the shapes do not match; any other error comes from a bug in the function
    own = (error for error in errors if not any(word in str(error) for word in ("mismatch", "broadcast", "aligned")))
    raise next(own, errors[0])


def _general_points(subject: Subject, rng: np.random.Generator) -> list[Point]:
    """Two random points and one on kinks, in the detected shape; within (0, 1) if the value is not finite elsewhere."""
    shape = _detect_shape(subject)
    made = [rng.standard_normal(shape) for _ in SIZES]
    with np.errstate(all="ignore"):
        if not all(np.isfinite(subject.value(w.copy())) for w in made):
            made = [rng.uniform(0.2, 0.8, shape) for _ in SIZES]
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
