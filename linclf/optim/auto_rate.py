"""What `auto` stands for: the learning rate, the momentum and the number of epochs, from the data and the loss alone.

SGD whose rate falls to zero ends near the optimum when it begins at about D / G, where D is the distance to it and G the
size of a minibatch's gradient on the way, times a number that in theory falls like 1 / sqrt(steps) (Zamani & Glineur,
"Exact Convergence Rate of the Last Iterate in Subgradient Methods", 2023; Defazio et al., "Optimal Linear Decay Learning
Rate Schedules and Further Refinements", 2023). But more steps also lead further, and from 3 to 50000 steps the best
rate was found to stay about the same. D and G are measured beforehand on a few rows: a few iterations of conjugate gradients on
least squares give a direction, the loss itself says how far to go along it, and the point reached stands in for the
optimum. Where there are more columns than rows, as in text, rows that gave no direction can show that next to nothing was
learned, while training will fit each of its rows all the same: then D is at least LEARNED_BY_HEART of what fits the rows
that gave the directions. G is the geometric mean of the gradient's size at the start and there. A step against the momentum of the past is
1 / (1 - momentum) times as long in the end; hence

    lr = FACTOR * (1 - momentum) * D / G

Columns of very different size set a bound of their own: in the direction of the largest eigenvalue lambda_max of X^T X / n
SGD overshoots long before D / G says so, and lr stays below OVERSHOT / lambda_max. A loss whose gradient grows
with the score (squared-hinge, mse) then diverges at the rate of the quadratic with its curvature:
lr <= 2 (1 + momentum) / (curvature * lambda_max) (Polyak, 1964).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array, Loss, signs
from linclf.optim.linalg import (
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
from linclf.optim.objective import Objective
from linclf.optim.sgd import SGD

# FACTOR at momentum 0 and 1, in between on the line. Found on 26 data sets with seven losses: on the real ones all end
# within 1 % of the best of 12 rates; generated ones with heavy tails or columns of very different size may end above.
PLAIN, HEAVY = 0.07, 0.26
CURVED_LOSS_FACTOR = 2.5  # times that for losses with a curvature, whose large rows the engine holds back
MAX_RATE_TIMES_LAMBDA = 50.0  # found on the sets whose columns differ most
SCHEDULE_FACTOR = {"constant": 0.1, "invscaling": 0.2}  # schedules that do not end at 0 must begin lower
SAMPLE_ROWS, SAMPLE_NUMBERS, FEWEST_ROWS = 1000, 1_000_000, 200
SPARSE_COST = 20  # of a number in a sparse row, in those of a dense one
CG_ITERATIONS, MOST_ITERATIONS, POWER_ITERATIONS = 4, 8, 10  # of conjugate gradients as long as they help
STRIDE, SHORTEST, LONGEST = 1.5, 0.1, 100.0  # lengths tried along a direction, in those of least squares
MEMORIZATION_FLOOR = 0.35  # found on short messages, the hinges on nearly none of which generalise
MIN_DISTANCE = 1e-3  # times 1 / G: the least D, where least squares find nothing to learn
DIGITS = 3  # of a rate
SMALLEST = 1e-30  # a rate below it underflows float32 when it meets a gradient


@dataclass(frozen=True)
class Rate:
    """A learning rate and, for people, what it was made from."""

    value: float
    reason: str


def auto_rate(loss: Loss, X: Matrix, y: Array, n_outputs: int, sgd: SGD, *, weights: Array | None = None) -> Rate:
    """The learning rate for X (n, d) as it is trained on; deterministic. y (n,) codes, weights (n,) or None for ones.

    All of `sgd` counts but its lr and seed. Raises InputError where the numbers in X are too large to be trained on.
    """
    return RateEstimator(loss, X, y, n_outputs, sgd, weights=weights).rate(sgd)


class RateEstimator:
    """What some evenly spaced rows tell, SAMPLE_ROWS or a fortieth of many: measured once, asked for any reg.

    One half of them gives directions, the other says how far to go along them; where these are all rows, all do both.
    Arguments as of `auto_rate`; of `sgd` the batch size and what it says of the bias count. Nothing is measured before
    it is asked for, nor twice: 32 regs cost little more than one.
    """

    def __init__(
        self, loss: Loss, X: Matrix, y: Array, n_outputs: int, sgd: SGD, *, weights: Array | None = None
    ) -> None:
        self.loss, self.batch_size, self.fit_bias = loss, sgd.batch_size, sgd.fit_bias
        self.objective = Objective(loss, 1.0, sgd.reg_bias)
        self.n_outputs, self.data = n_outputs, (X, y, weights)
        self.directions: list[tuple[Array, Array, float]] = []  # (d, m), its scores (n, m), its penalty at reg 1
        self.values: dict[tuple[bool, int, int], float] = {}  # mean losses by rows, number of the direction and length
        self.gradients: dict[tuple[int, int] | None, float] = {}  # the same of gradients; None is the start

    def rate(self, sgd: SGD) -> Rate:
        """The learning rate at the reg, momentum and schedule of `sgd`, each a number."""
        momentum = float(sgd.momentum)
        factor = (PLAIN + (HEAVY - PLAIN) * momentum) * (CURVED_LOSS_FACTOR if self.loss.curvature else 1)
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):  # looked for below
            distance, gradient = self.measure(float(sgd.reg))
            largest = self.largest
            value = factor * distance / gradient if gradient else 1.0
        reason = f"{factor:.2g} x distance {distance:.3g} / gradient {gradient:.3g}"
        if largest:
            cap = MAX_RATE_TIMES_LAMBDA / (1 - momentum) / largest
            if self.loss.curvature:
                cap = 2 * (1 + momentum) / (1 - momentum) / (self.loss.curvature * largest)
            if not value <= cap:
                value, reason = cap, f"held down by lambda_max {largest:.3g}"
        if not value > SMALLEST:
            raise InputError("the numbers are too large to train on; use --scale standard or maxabs")
        if sgd.schedule in SCHEDULE_FACTOR:
            value, reason = (
                SCHEDULE_FACTOR[sgd.schedule] * value,
                f"{SCHEDULE_FACTOR[sgd.schedule]:g} of the one for linear; {reason}",
            )
        # rounded, so that rows that are repeated instead of weighted, or added up elsewhere in another order, have the same
        return Rate(float(f"{(1 - momentum) * min(float(value), 1 / SMALLEST):.{DIGITS}g}"), reason)

    def measure(self, reg: float) -> tuple[float, float]:
        """D, the norm of (W, b) near the optimum, and G, the norm of a minibatch's gradient, root mean square."""
        W = self._nearest(reg)
        X, y, _, half = self._sample
        by_heart = is_sparse(X) and half < min(len(y), X.shape[1])
        fitted = MEMORIZATION_FLOOR * self._distance(self._nearest(reg, seen=True)) if by_heart else 0.0
        # at a point where all losses are 0 the gradient is, too: then the way there counts
        start, end = np.sqrt([self._gradient_square(None), self._gradient_square(W)])
        gradient = float(np.sqrt(start * max(end, start / 100)))
        return max(self._distance(W), fitted, MIN_DISTANCE / gradient if gradient else 0.0), gradient

    def _nearest(self, reg: float, seen: bool = False) -> tuple[int, int] | None:
        """The number of the direction and the length along it with the least objective, on the rows that show how far to
        go, or on the `seen` ones that gave the directions; None where there is no direction."""
        point, exponent, least = None, 0, np.inf
        for number in range(MOST_ITERATIONS):
            if not self._has_direction(number):
                break
            exponent, reached = _minimum(partial(self._value, seen, number, reg), exponent)
            if reached < least:
                least, point = reached, (number, exponent)
            elif number + 1 >= CG_ITERATIONS:
                break
        return point

    @cached_property
    def largest(self) -> float:
        """lambda_max of [X 1]^T diag(w) [X 1] / n."""
        X, _, w, _ = self._sample
        if not self.loss.curvature:
            # the gradient is bounded: rows much larger than most overshoot alone, and harmlessly
            norms = squared_norms(X)
            w = w * (2 / (1 + norms / max(np.average(norms, weights=w), SMALLEST))).astype(X.dtype)
        return largest_eigenvalue(X, w)

    @cached_property
    def _sample(self) -> tuple[Matrix, Array, Array, int]:
        """The rows X (count, d) with their codes and weights, and how many of them are a half."""
        X, y, weights = self.data
        n = X.shape[0]
        affordable = int(SAMPLE_NUMBERS / numbers_per_row(X) / (SPARSE_COST if is_sparse(X) else 1))
        count = min(n, max(min(SAMPLE_ROWS, affordable), n // 40, FEWEST_ROWS))
        rows = np.random.default_rng(0).permutation(np.linspace(0, n - 1, count).astype(np.intp))
        w = (np.ones(count) if weights is None else weights[rows] / weights.mean()).astype(X.dtype)  # (count,)
        if weights is not None:  # another row in place of one of weight 0: 0 times what overflows is not 0
            rows = np.where(weights[rows] > 0, rows, np.argmax(weights > 0))
        X = without_empty_columns(X[rows])
        X = with_ones(X) if self.fit_bias else X  # the bias is the last row of W
        return X, y[rows], w, count if count == n else count // 2

    @cached_property
    def _shown(self) -> tuple[Matrix, Array, Array]:
        """The half that says how far to go: rows, codes, weights."""
        X, y, w, _ = self._sample
        return X[self._half()], y[self._half()], w[self._half()]

    def _half(self, seen: bool = False) -> slice:
        """The rows that say how far to go, or the `seen` ones that gave the directions."""
        _, y, _, half = self._sample
        return slice(half) if seen else slice(len(y) - half, len(y))

    @cached_property
    def _descent(self) -> Iterator[Array]:
        """Directions from the other half."""
        X, y, w, half = self._sample
        targets = signs(np.zeros((half, self.n_outputs), X.dtype), y[:half])
        return least_squares(X[:half], targets, w[:half])

    def _has_direction(self, number: int) -> bool:
        """Whether there is a direction of this number, which is then measured."""
        while len(self.directions) <= number:
            direction = next(self._descent, None)
            if direction is None:
                return False
            W, b = (direction[:-1], direction[-1]) if self.fit_bias else (direction, np.zeros(1))
            self.directions.append(
                (direction, product(self._sample[0], direction), float(self.objective.penalty(W, b)))
            )
        return True

    def _weights(self, point: tuple[int, int] | None) -> Array:
        """The weights at a length along a direction; None is zero."""
        if point is None:
            return np.zeros((self._shown[0].shape[1], self.n_outputs), self._shown[0].dtype)
        return STRIDE ** point[1] * self.directions[point[0]][0]

    def _distance(self, point: tuple[int, int] | None) -> float:
        return float(np.linalg.norm(self._weights(point)))

    def _value(self, seen: bool, number: int, reg: float, exponent: int) -> float:
        """The objective at a length along a direction."""
        _, scores, penalty = self.directions[number]
        t, key = STRIDE**exponent, (seen, number, exponent)
        if key not in self.values:
            _, y, w, _ = self._sample
            rows = self._half(seen)
            self.values[key] = float(self.loss(t * scores[rows], y[rows])[0] @ w[rows] / w[rows].sum())
        return self.values[key] + t * t * reg * penalty

    def _gradient_square(self, point: tuple[int, int] | None) -> float:
        """The mean over minibatches of the squared norm of their gradients: that of the mean, and the variance, which is
        0 where a minibatch is all rows."""
        if point not in self.gradients:
            X, y, w = self._shown
            W, n = self._weights(point), len(y)
            dscores = self.loss(product(X, W), y)[1] * w[:, None]  # (n, m)
            dW = np.zeros_like(W)
            add_transposed_product(X, dscores, dW)
            mean = float(np.square(dW / n).sum())
            rows = float(np.square(dscores).sum(axis=1) @ squared_norms(X)) / n
            one_batch = self.data[0].shape[0] <= self.batch_size
            self.gradients[point] = mean if one_batch else mean + max(rows - mean, 0) / self.batch_size
        return self.gradients[point]


def least_squares(X: Matrix, targets: Array, weights: Array) -> Iterator[Array]:
    """The first iterates W (d, m) of conjugate gradients on sum_i w_i ||x_i W - t_i||^2, from W = 0 (Hestenes & Stiefel,
    1952): X (n, d), targets (n, m), each column on its own, weights (n,). Ends early where only rounding is left."""
    W, residual = np.zeros((X.shape[1], targets.shape[1]), X.dtype), targets
    direction, before = np.zeros_like(W), np.ones(targets.shape[1], X.dtype)
    rounding, first = np.square(10 * np.finfo(X.dtype).eps), np.zeros(targets.shape[1])
    while True:
        gradient = np.zeros_like(W)
        add_transposed_product(X, weights[:, None] * residual, gradient)
        size = np.square(gradient).sum(axis=0)  # (m,)
        first = first if first.any() else size
        direction = gradient + size / before * direction
        moved = product(X, direction)  # (n, m)
        curvature = weights @ np.square(moved)  # (m,)
        if not (curvature.all() and (size > rounding * first).all()):
            return
        W = W + size / curvature * direction
        residual = residual - size / curvature * moved
        before = size
        yield W


def _minimum(value: Callable[[int], float], exponent: int) -> tuple[int, float]:
    """Where a convex function of a length STRIDE ** exponent is least, and its value there; searched from a length on."""
    least = value(exponent)
    for step in (1, -1):
        while SHORTEST <= STRIDE ** (exponent + step) <= LONGEST and (other := value(exponent + step)) < least:
            exponent, least = exponent + step, other
    return exponent, least


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
