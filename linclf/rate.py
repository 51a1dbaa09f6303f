"""What `auto` stands for: the learning rate, the momentum and the number of epochs, from the data and the loss alone.

SGD whose rate falls to zero ends near the optimum when it begins at about D / G, where D is the distance to it and G the
size of a minibatch's gradient on the way, times a number that in theory falls like 1 / sqrt(steps) (Zamani & Glineur,
"Exact Convergence Rate of the Last Iterate in Subgradient Methods", 2023; Defazio et al., "Optimal Linear Decay Learning
Rate Schedules and Further Refinements", 2023). But more steps also lead further, and from 3 to 50000 steps the best
rate was found to stay about the same. D and G are measured beforehand on a few rows: a few iterations of conjugate gradients on
least squares give a direction, the loss itself says how far to go along it, and the point reached stands in for the
optimum. G is the geometric mean of the gradient's size at the start and there. A step against the momentum of the past is
1 / (1 - momentum) times as long in the end; hence

    lr = FACTOR * (1 - momentum) * D / G

Columns of very different size set a bound of their own: in the direction of the largest eigenvalue lambda_max of X^T X / n
SGD overshoots long before D / G says so, and lr stays below OVERSHOT / lambda_max. A loss whose gradient grows
with the score (squared-hinge, mse) then diverges at the rate of the quadratic with its curvature:
lr <= 2 (1 + momentum) / (curvature * lambda_max) (Polyak, 1964).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array, Loss, signs
from linclf.matrix import (
    Matrix,
    add_transposed_product,
    is_sparse,
    numbers_per_row,
    one_blas_thread,
    product,
    squared_norms,
    with_ones,
    without_empty_columns,
)
from linclf.objective import Objective
from linclf.sgd import SGD

# FACTOR at momentum 0 and 1, in between on the line. Found on 26 data sets with seven losses: on the real ones all end
# within 1 % of the best of 12 rates; generated ones with heavy tails or columns of very different size may end above.
PLAIN, HEAVY = 0.07, 0.26
DAMPED = 2.5  # times that for losses with a curvature, whose large rows the engine holds back
OVERSHOT = 50.0  # found on the sets whose columns differ most
STEADY = {"constant": 0.1, "invscaling": 0.2}  # schedules that do not end at 0 must begin lower
SAMPLE_ROWS, SAMPLE_NUMBERS, FEWEST_ROWS = 1000, 1_000_000, 200
SPARSE_COST = 20  # of a number in a sparse row, in those of a dense one
CG_ITERATIONS, MOST_ITERATIONS, POWER_ITERATIONS = 4, 8, 10  # of conjugate gradients as long as they help
STRIDE, SHORTEST, LONGEST = 1.5, 0.1, 100.0  # lengths tried along a direction, in those of least squares
NEAREST = 1e-3  # times 1 / G: the least D, where least squares find nothing to learn
SMALLEST = 1e-30  # a rate below it underflows float32 when it meets a gradient


@dataclass(frozen=True)
class Rate:
    """A learning rate and, for people, what it was made from."""

    value: float
    reason: str


@dataclass(frozen=True)
class Pilot:
    """What a few rows tell: see the top of this file.

    distance   D, the norm of (W, b) near the optimum
    gradient   G, the norm of a minibatch's gradient, root mean square
    largest    lambda_max of [X 1]^T diag(w) [X 1] / n
    """

    distance: float
    gradient: float
    largest: float


def auto_rate(loss: Loss, X: Matrix, y: Array, n_outputs: int, sgd: SGD, *, weights: Array | None = None) -> Rate:
    """The learning rate for X (n, d) as it is trained on; deterministic. y (n,) codes, weights (n,) or None for ones.

    All of `sgd` counts but its lr and seed. Raises InputError where the numbers in X are too large to be trained on.
    """
    momentum = float(sgd.momentum)
    factor = (PLAIN + (HEAVY - PLAIN) * momentum) * (DAMPED if loss.curvature else 1)
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):  # looked for below
        pilot = fly(loss, X, y, n_outputs, sgd, weights=weights)
        value = factor * pilot.distance / pilot.gradient if pilot.gradient else 1.0
    reason = f"{factor:.2g} x distance {pilot.distance:.3g} / gradient {pilot.gradient:.3g}"
    if pilot.largest:
        cap = OVERSHOT / (1 - momentum) / pilot.largest
        if loss.curvature:
            cap = 2 * (1 + momentum) / (1 - momentum) / (loss.curvature * pilot.largest)
        if not value <= cap:
            value, reason = cap, f"held down by lambda_max {pilot.largest:.3g}"
    if not value > SMALLEST:
        raise InputError("the numbers are too large to train on; use --scale standard or maxabs")
    if sgd.schedule in STEADY:
        value, reason = STEADY[sgd.schedule] * value, f"{STEADY[sgd.schedule]:g} of the one for linear; {reason}"
    return Rate((1 - momentum) * min(float(value), 1 / SMALLEST), reason)


def fly(loss: Loss, X: Matrix, y: Array, n_outputs: int, sgd: SGD, *, weights: Array | None = None) -> Pilot:
    """Measure D, G and lambda_max on some evenly spaced rows: SAMPLE_ROWS, or a fortieth of many.

    One half of them gives the direction, the other says how far to go; where these are all rows, all do both.
    """
    n = X.shape[0]
    affordable = int(SAMPLE_NUMBERS / numbers_per_row(X) / (SPARSE_COST if is_sparse(X) else 1))
    count = min(n, max(min(SAMPLE_ROWS, affordable), n // 40, FEWEST_ROWS))
    rows = np.random.default_rng(0).permutation(np.linspace(0, n - 1, count).astype(np.intp))
    X, y = without_empty_columns(X[rows]), y[rows]
    X = with_ones(X) if sgd.fit_bias else X  # the bias is the last row of W
    w = (np.ones(count) if weights is None else weights[rows] / weights.mean()).astype(X.dtype)  # (count,)
    half = count if count == n else count // 2
    learn, tell = slice(0, half), slice(count - half, count)

    shown, classes, share = X[tell], y[tell], w[tell]
    total, none = share.sum(), np.zeros(1)
    objective = Objective(loss, sgd.reg, sgd.reg_bias)
    W, length, least = np.zeros((X.shape[1], n_outputs), X.dtype), 1.0, np.inf
    gradients = [_gradient_square(loss, shown, classes, W, weights=share, batch_size=sgd.batch_size)]
    targets = signs(np.zeros((half, n_outputs), X.dtype), y[learn])
    for number, direction in enumerate(islice(least_squares(X[learn], targets, w[learn]), MOST_ITERATIONS), 1):
        scores = product(shown, direction)  # (n, m)
        weight, bias = (direction[:-1], direction[-1]) if sgd.fit_bias else (direction, none)
        penalty = float(objective.penalty(weight, bias))

        def value(t: float, scores: Array = scores, penalty: float = penalty) -> float:
            return float(loss(t * scores, classes)[0] @ share / total + t * t * penalty)

        length, reached = _minimum(value, length)
        if reached < least:
            least, W = reached, length * direction
        elif number >= CG_ITERATIONS:
            break
    gradients.append(_gradient_square(loss, shown, classes, W, weights=share, batch_size=sgd.batch_size))
    # at a point where all losses are 0 the gradient is, too: then the way there counts
    start, end = np.sqrt(gradients)
    gradient = float(np.sqrt(start * max(end, start / 100)))
    distance = max(float(np.linalg.norm(W)), NEAREST / gradient if gradient else 0.0)
    if not loss.curvature:  # a gradient that is bounded: rows much larger than most overshoot alone, and harmlessly
        norms = squared_norms(X)
        w *= (2 / (1 + norms / max(norms.mean(), SMALLEST))).astype(X.dtype)
    return Pilot(distance, gradient, largest_eigenvalue(X, w))


def least_squares(X: Matrix, targets: Array, weights: Array) -> Iterator[Array]:
    """The first iterates W (d, m) of conjugate gradients on sum_i w_i ||x_i W - t_i||^2, from W = 0 (Hestenes & Stiefel,
    1952): X (n, d), targets (n, m), each column on its own, weights (n,). Ends early where nothing is left."""
    W, residual = np.zeros((X.shape[1], targets.shape[1]), X.dtype), targets
    direction, before = np.zeros_like(W), np.ones(targets.shape[1], X.dtype)
    while True:
        gradient = np.zeros_like(W)
        add_transposed_product(X, weights[:, None] * residual, gradient)
        size = np.square(gradient).sum(axis=0)  # (m,)
        direction = gradient + size / before * direction
        moved = product(X, direction)  # (n, m)
        curvature = weights @ np.square(moved)  # (m,)
        if not curvature.all():
            return
        W = W + size / curvature * direction
        residual = residual - size / curvature * moved
        before = size
        yield W


def _minimum(value: Callable[[float], float], t: float) -> tuple[float, float]:
    """Where a convex function of a length is least, to a factor STRIDE, and its value there; searched from t on."""
    least = value(t)
    for stride in (STRIDE, 1 / STRIDE):
        while SHORTEST <= t * stride <= LONGEST and (other := value(t * stride)) < least:
            t, least = t * stride, other
    return t, least


def _gradient_square(loss: Loss, X: Matrix, y: Array, W: Array, *, weights: Array, batch_size: int) -> float:
    """The mean over minibatches of the squared norm of their gradients at W (d, m): that of the mean, and the variance."""
    n = len(y)
    dscores = loss(product(X, W), y)[1] * weights[:, None]  # (n, m)
    dW = np.zeros_like(W)
    add_transposed_product(X, dscores, dW)
    mean = float(np.square(dW / n).sum())
    rows = float(np.square(dscores).sum(axis=1) @ squared_norms(X)) / n
    return mean + max(rows - mean, 0) / batch_size


def largest_eigenvalue(X: Matrix, weights: Array) -> float:
    """lambda_max of X^T diag(w) X / n by power iteration: X (n, d), weights (n,)."""
    v, eigenvalue = np.random.default_rng(0).standard_normal((X.shape[1], 1)).astype(X.dtype), 0.0
    for _ in range(POWER_ITERATIONS):
        length = np.linalg.norm(v)
        if length == 0:
            return 0.0
        u = weights[:, None] * product(X, v / length) / len(weights)  # (n, 1)
        v = np.zeros_like(v)
        add_transposed_product(X, u, v)
        eigenvalue = float(np.linalg.norm(v))
    return eigenvalue


def auto_momentum(X: Matrix) -> float:
    """0.9 on dense data; 0 on sparse data, where momentum would make each step touch all d weights."""
    return 0.0 if is_sparse(X) else 0.9


def auto_epochs(n: int, batch_size: int) -> int:
    """10, or as many as give 2000 minibatches on small data, at most 1000."""
    minibatches = -(-n // batch_size)
    return max(10, min(1000, -(-2000 // minibatches)))
