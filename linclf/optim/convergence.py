"""How far from the optimum a run has ended, at the cost of about one pass over the data: whether one good step still helps.

The step is along the negative gradient of standardised columns: that of column j is divided by its variance, and the bias takes
back what the centre of the columns moves. So it also works where the columns have very different scales or are far from 0, which
is what stops SGD early. The objective is convex, so every decrease that the step reaches was missed by the run.
"""

import numpy as np

from linclf.losses import Array
from linclf.optim.linalg import Matrix, Stored, add_transposed_product, numbers_per_row, values_of
from linclf.optim.objective import Objective, scores

# In measurements on 7 data sets with seven losses, no run on standardised columns left more than 4 % of its objective to such a step;
# of the runs on columns of different scales, those that left more than this were 15 % to 2000 % above the optimum.
FAR = 0.05
SAMPLE_ROWS, SAMPLE_NUMBERS, FEWEST_ROWS = 4000, 2_000_000, 400
LENGTHS = 4.0 ** np.arange(-6, 5)  # of the step, tried in a line search


def possible_decrease(
    objective: Objective,
    X: Matrix,
    y: Array,
    W: Array,
    b: Array,
    *,
    weights: Array | None = None,
    fit_bias: bool = True,
) -> float:
    """The share of the objective that one step from W (d, m), b (m,) removes; 0 where none helps.

    X (n, d), y (n,), weights (n,) or None. Of large data a sample of the rows is used: one half for the step, the other to
    measure it.
    """
    rows = _sample(X)
    half = len(rows) if len(rows) == X.shape[0] else len(rows) // 2
    first, second = rows[:half], rows[len(rows) - half :]
    W, b = W.astype(np.float64), b.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # a decrease that is not finite is none
        x = X[first].astype(np.float64)
        P, p = _step(objective, x, y[first], W, b, weights=_of(weights, first), fit_bias=fit_bias)
        x, targets, w = X[second].astype(np.float64), y[second], _of(weights, second)
        start, direction = scores(x, W, b), scores(x, P, p)  # (n, m)

        def value(t: float) -> float:
            losses = objective.loss(start + t * direction, targets)[0]
            return float(np.average(losses, weights=w) + objective.penalty(W + t * P, b + t * p))

        now, best = value(0.0), min(value(float(t)) for t in LENGTHS)
    return (now - best) / now if best < now else 0.0


def _sample(X: Matrix) -> Array:
    """The numbers of all rows, or of a sample of them in random order."""
    n = X.shape[0]
    count = min(n, max(min(SAMPLE_ROWS, int(SAMPLE_NUMBERS / max(numbers_per_row(X), 1))), FEWEST_ROWS))
    return np.random.default_rng(0).permutation(np.linspace(0, n - 1, count).astype(np.intp))


def _of(weights: Array | None, rows: Array) -> Array | None:
    """The weights of these rows; None if they are all 0, too, so that each counts the same."""
    return None if weights is None or not weights[rows].any() else weights[rows]


def _step(
    objective: Objective, X: Stored, y: Array, W: Array, b: Array, *, weights: Array | None, fit_bias: bool
) -> tuple[Array, Array]:
    """The direction (d, m), (m,) of the step, for rows X (n, d)."""
    _, dW, db = objective.value_and_gradient(X, y, W, b, weights)
    v = np.ones(len(y)) if weights is None else weights
    v = (v / v.sum())[:, None]  # (n, 1)
    center, square = _means(X, v)
    center = center if fit_bias else np.zeros_like(center)
    variance = np.maximum(square - np.square(center), np.finfo(np.float64).eps * square)  # (d,)
    curvature = variance + float(objective.reg)
    gradient = dW - center[:, None] * db
    P = np.divide(-gradient, curvature[:, None], out=np.zeros_like(gradient), where=curvature[:, None] > 0)
    return P, -db - center @ P if fit_bias else np.zeros_like(db)


def _means(X: Stored, v: Array) -> tuple[Array, Array]:
    """The means (d,) of the columns and of their squares, under weights v (n, 1) of sum 1."""
    center, square = np.zeros((X.shape[1], 1)), np.zeros((X.shape[1], 1))
    add_transposed_product(X, v, center)
    squared = X.astype(np.float64, copy=True)
    values_of(squared)[...] *= values_of(squared)
    add_transposed_product(squared, v, square)
    return center.ravel(), square.ravel()
