"""Checks of linclf's own losses: the gradient of the objective against differences, value and gradient against loops."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from linclf.gradcheck.differences import FLOAT64, Slope, judge
from linclf.gradcheck.points import spread_of_weights
from linclf.losses import Array, Loss
from linclf.optim.linalg import Stored, to_dense
from linclf.optim.objective import Objective
from linclf.textbook import NAIVE, objective_naive

NAIVE_TOLERANCE = 1e-12
MAX_COORDINATES = 200
REG = 0.1  # large enough for a wrong penalty to be detected


@dataclass(frozen=True)
class LossCheck:
    """The check of one loss in one layout.

    layout         dense or csr
    numeric_error  the largest relative error of a coordinate against central differences
    naive_error    the largest relative error of value and gradient against the naive loops
    n_wrong        the number of coordinates whose gradient is wrong
    worst          the worst coordinate, with its analytic and its numerical slope
    """

    loss: str
    layout: str
    n_samples: int
    n_features: int
    n_outputs: int
    numeric_error: float
    naive_error: float
    n_wrong: int
    worst: str

    @property
    def passed(self) -> bool:
        """Whether no coordinate is wrong and the naive loops agree; a NaN agrees with nothing."""
        return bool(self.n_wrong == 0 and self.naive_error <= NAIVE_TOLERANCE)


def check_losses(losses: Iterable[Loss], data: tuple[Array, Array] | None = None, seed: int = 0) -> list[LossCheck]:
    """Check losses dense and CSR, with sample weights and a penalty on weights and bias, in float64.

    data  X (n, d) and codes y (n,) to check on; default: two random problems, with two and with four classes
    seed  of the random problems, weights and coordinates
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


def _check_loss(loss: Loss, layout: str, X: Stored, y: Array, rng: np.random.Generator) -> LossCheck:
    """Check one loss on one problem, at random weights."""
    dense = to_dense(X)
    n, d = dense.shape
    m = loss.n_outputs(int(y.max()) + 1)
    # scores of the size of the margin, so that some samples violate it and some do not
    size = spread_of_weights(dense)
    W, b = size * rng.standard_normal((d, m)), rng.standard_normal(m)
    weights: Array = np.asarray(rng.uniform(0.5, 2, n))

    penalised = Objective(loss, REG, reg_bias=True)

    def objective(w: Array) -> float:
        value, _, _ = penalised.value_and_gradient(X, y, w[:-1], w[-1], weights)
        return float(value)

    value, dW, db = penalised.value_and_gradient(X, y, W, b, weights)
    gradient = np.vstack([dW, db])  # (d + 1, m), the bias last
    slopes = _slopes(objective, np.vstack([W, b]), gradient, rng)
    index, worst = max(slopes.items(), key=lambda entry: entry[1].error)
    naive_value, naive_dW, naive_db = objective_naive(
        NAIVE[loss.name], W, b, dense, y, reg=REG, weights=weights, reg_bias=True
    )
    naive = np.vstack([naive_dW, naive_db])
    naive_error = max(
        abs(float(value) - naive_value) / abs(naive_value), float(np.abs(gradient - naive).max() / np.abs(naive).max())
    )
    n_wrong = sum(slope.verdict == "wrong" for slope in slopes.values())
    described = f"{list(index)}: analytic {worst.claimed:.9g}, numerical {worst.numeric:.9g}"
    return LossCheck(loss.name, layout, n, d, m, worst.error, naive_error, n_wrong, described)


def _slopes(
    function: Callable[[Array], float], w: Array, gradient: Array, rng: np.random.Generator
) -> dict[tuple[int, ...], Slope]:
    """The judged slope at each coordinate of w, or at MAX_COORDINATES random ones."""
    slopes = {}
    for flat in np.sort(rng.permutation(w.size)[:MAX_COORDINATES]):
        index = tuple(map(int, np.unravel_index(flat, w.shape)))
        unit = np.zeros(w.shape)
        unit[index] = 1.0
        size = max(1.0, abs(float(w[index])))
        slopes[index] = judge(_along(function, w, unit), float(gradient[index]), size, FLOAT64)
    return slopes


def _along(function: Callable[[Array], float], w: Array, direction: Array) -> Callable[[float], float]:
    return lambda t: function(w + t * direction)
