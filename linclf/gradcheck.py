"""Is a gradient right? Analytic against numerical, and the vectorised losses against the naive loops."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from linclf.losses import Array, Loss
from linclf.matrix import Matrix, is_sparse
from linclf.objective import Objective
from linclf.textbook import NAIVE, objective_naive

STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)  # relative to the coordinate's size; the best agreement is taken
NUMERIC_TOLERANCE = 1e-6
NAIVE_TOLERANCE = 1e-12
MOST_COORDINATES = 200
REG = 0.1  # large enough that a wrong penalty cannot hide


@dataclass(frozen=True)
class LossCheck:
    """The verdict on one loss in one layout.

    numeric_error  the largest relative error of a coordinate against central differences
    naive_error    the largest relative error of value and gradient against the naive loops
    worst          the worst coordinate, with both numbers
    """

    loss: str
    layout: str
    n_samples: int
    n_features: int
    n_outputs: int
    numeric_error: float
    naive_error: float
    worst: str

    @property
    def passed(self) -> bool:
        """Whether both errors are within tolerance; NaN is not."""
        return bool(self.numeric_error <= NUMERIC_TOLERANCE and self.naive_error <= NAIVE_TOLERANCE)


def check_losses(losses: Iterable[Loss], data: tuple[Array, Array] | None = None, seed: int = 0) -> list[LossCheck]:
    """Check losses dense and CSR, with sample weights and a penalty on weights and bias, in float64.

    data  X (n, d) and codes y (n,) to check on; None: random problems with two and with four classes
    """
    from scipy import sparse

    rng = np.random.default_rng(seed)
    problems = [data] if data is not None else [_problem(rng, 2), _problem(rng, 4)]
    checks = []
    for loss in losses:
        for X, y in problems:
            for layout, laid_out in (("dense", X), ("csr", sparse.csr_matrix(X))):
                checks.append(_check_loss(loss, layout, laid_out, y, np.random.default_rng(seed)))
    return checks


def _problem(rng: np.random.Generator, n_classes: int, n: int = 24, d: int = 7) -> tuple[Array, Array]:
    """A random problem with some zeros in X and every class present."""
    X = rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.7)
    return X, rng.permutation(np.arange(n) % n_classes)


def _check_loss(loss: Loss, layout: str, X: Matrix, y: Array, rng: np.random.Generator) -> LossCheck:
    dense = X.toarray() if is_sparse(X) else X
    n, d = dense.shape
    m = loss.n_outputs(int(y.max()) + 1)
    # scores of the size of the margin, so that samples stand on both sides of it
    size = 1 / max(float(np.sqrt(np.square(dense).sum(axis=1).mean())), 1e-12)
    W, b = size * rng.standard_normal((d, m)), rng.standard_normal(m)
    weights: Array = np.asarray(rng.uniform(0.5, 2, n))

    penalised = Objective(loss, REG, reg_bias=True)

    def objective(w: Array) -> float:
        value, _, _ = penalised.value_and_gradient(X, y, w[:-1], w[-1], weights)
        return float(value)

    value, dW, db = penalised.value_and_gradient(X, y, W, b, weights)
    gradient = np.vstack([dW, db])  # (d + 1, m), the bias last
    numeric_error, worst = _numeric_error(objective, np.vstack([W, b]), gradient, rng)
    naive_value, naive_dW, naive_db = objective_naive(
        NAIVE[loss.name], W, b, dense, y, reg=REG, weights=weights, reg_bias=True
    )
    naive = np.vstack([naive_dW, naive_db])
    naive_error = max(
        abs(float(value) - naive_value) / abs(naive_value), float(np.abs(gradient - naive).max() / np.abs(naive).max())
    )
    return LossCheck(loss.name, layout, n, d, m, numeric_error, naive_error, worst)


def _numeric_error(
    function: Callable[[Array], float], w: Array, gradient: Array, rng: np.random.Generator
) -> tuple[float, str]:
    """The largest relative error of gradient (shape of w) against central differences, and where it is."""
    flat = rng.permutation(w.size)[:MOST_COORDINATES]
    noise = np.finfo(np.float64).eps * abs(function(w))
    largest, worst = 0.0, "no coordinate"
    for index in zip(*np.unravel_index(np.sort(flat), w.shape), strict=True):
        best, numeric = np.inf, np.nan
        for step in STEPS:
            h = step * max(1.0, abs(w[index]))
            slope = _central_difference(function, w, index, h)
            # rounding of two values of this size alone moves the slope by about noise / h
            room = noise / h / NUMERIC_TOLERANCE
            error = abs(gradient[index] - slope) / (max(abs(gradient[index]), abs(slope)) + room)
            if error < best:
                best, numeric = error, slope
        if not best <= largest:
            largest = best
            place = ", ".join(map(str, index))
            worst = f"[{place}]: analytic {gradient[index]:.9g}, numerical {numeric:.9g}"
    return largest, worst


def _central_difference(function: Callable[[Array], float], w: Array, index: tuple[int, ...], h: float) -> float:
    moved = w.copy()
    moved[index] = w[index] + h
    above, up = function(moved), moved[index]
    moved[index] = w[index] - h
    return float((above - function(moved)) / (up - moved[index]))
