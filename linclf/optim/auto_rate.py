"""Choose the learning rate, momentum and number of epochs from the data and the loss (`auto`).

SGD whose learning rate decays to zero ends near the optimum when it starts at about D / G, where D is the distance to the
optimum and G the norm of a minibatch's gradient on the way, times a factor that in theory decreases like 1 / sqrt(steps)
(Zamani & Glineur, "Exact Convergence Rate of the Last Iterate in Subgradient Methods", 2023; Defazio et al., "Optimal
Linear Decay Learning Rate Schedules and Further Refinements", 2023). In measurements from 3 to 50000 steps the best rate
stayed about the same, because more steps also reach further.

D and G are estimated beforehand on a sample of the rows: a few iterations of conjugate gradients on least squares give
directions, a line search on the loss gives the best length along them, and the point reached is used in place of the
optimum. In text, with more columns than rows, the held-out half can suggest that nothing generalises, although training
will fit every row: there D is at least `memorization_floor` times the distance that fits the first half. G is the
geometric mean of the gradient's norm at zero weights and at that point. With momentum, a step is 1 / (1 - momentum) times as long in the end; hence

    lr = factor * (1 - momentum) * D / G

Columns of very different size set a second bound: in the direction of the largest eigenvalue lambda_max of X^T X / n SGD
overshoots at a smaller rate than D / G suggests, so lr is at most `max_rate_times_lambda` / lambda_max. A loss whose gradient
grows with the score (squared-hinge, mse) diverges at the rate of the quadratic with its curvature, so there
lr <= 2 (1 + momentum) / (curvature * lambda_max) (Polyak, 1964).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array, Loss, signs
from linclf.optim.blas import one_blas_thread
from linclf.optim.linalg import (
    Matrix,
    Stored,
    add_transposed_product,
    is_sparse,
    numbers_per_row,
    product,
    squared_norms,
    with_ones,
    without_empty_columns,
)
from linclf.optim.objective import Objective
from linclf.optim.settings import SGDSettings


@dataclass(frozen=True)
class RateRule:
    """The constants of the rule, tuned on 26 data sets with seven losses unless said otherwise.

    On the real ones of these sets all runs end within 1 % of the best of 12 fixed rates; generated sets with heavy tails or
    columns of very different size may end above. In between momentum 0 and 1 the factor is interpolated linearly.
    """

    factor_no_momentum: float = 0.07
    factor_full_momentum: float = 0.26
    curved_loss_factor: float = 2.5  # of losses with a curvature, whose large rows SGD damps
    max_rate_times_lambda: float = 50.0  # tuned on the sets whose columns differ most in size
    # schedules that do not end at 0 must start lower
    schedule_factor: Mapping[str, float] = field(default_factory=lambda: {"constant": 0.1, "invscaling": 0.2})
    memorization_floor: float = 0.35  # tuned on short messages, where a hinge fitted to some rows hardly generalises
    min_distance: float = 1e-3  # times 1 / G: the least D, where least squares find nothing to learn


RULE = RateRule()
SAMPLE_ROWS, SAMPLE_NUMBERS, FEWEST_ROWS = 1000, 1_000_000, 200
SPARSE_COST = 20  # of a number in a sparse row, relative to one in a dense row
CG_ITERATIONS, MOST_ITERATIONS, POWER_ITERATIONS = 4, 8, 10  # conjugate gradients continue as long as they help
STRIDE, SHORTEST, LONGEST = 1.5, 0.1, 100.0  # lengths tried along a direction, relative to that of least squares
DIGITS = 3  # significant digits of a rate
SMALLEST = 1e-30  # a smaller rate times a gradient underflows float32


@dataclass(frozen=True)
class Rate:
    """A learning rate, and the numbers that it was computed from as text."""

    value: float
    reason: str


def auto_rate(
    loss: Loss, X: Matrix, y: Array, n_outputs: int, settings: SGDSettings, *, weights: Array | None = None
) -> Rate:
    """Choose the learning rate for X (n, d) as it is trained on; deterministic. y (n,) codes, weights (n,) or None for ones.

    All settings matter except lr, epochs, average and seed. Raises InputError where the numbers in X are too large to train on.
    """
    return RateEstimator(loss, X, y, n_outputs, settings, weights=weights).rate(settings)


class RateEstimator:
    """Estimates of D, G and lambda_max from a sample of the rows, computed once and used for any reg.

    The sample has SAMPLE_ROWS evenly spaced rows (fewer if they are long), or a fortieth of the rows if that is more. One half of it gives the
    directions, the other the lengths; if the sample is all rows, all give both. Arguments as of `auto_rate`; of the
    settings only the batch size and the bias matter here. Everything is computed when first needed, and kept: the rates of 32 regs
    cost little more than one.
    """

    def __init__(
        self, loss: Loss, X: Matrix, y: Array, n_outputs: int, settings: SGDSettings, *, weights: Array | None = None
    ) -> None:
        self.loss, self.batch_size, self.fit_bias = loss, settings.batch_size, settings.fit_bias
        self.objective = Objective(loss, 1.0, settings.reg_bias)
        self.n_outputs, self.data = n_outputs, (X, y, weights)
        self.directions: list[tuple[Array, Array, float]] = []  # (d, m), its scores (n, m), its penalty at reg 1
        self.values: dict[tuple[bool, int, int], float] = {}  # mean losses, by half, number of the direction, exponent
        self.gradients: dict[tuple[int, int] | None, float] = {}  # squared norms; None is zero weights

    def rate(self, settings: SGDSettings) -> Rate:
        """The learning rate at the reg, momentum and schedule of these settings, reg and momentum numbers."""
        momentum = float(settings.momentum)
        factor = RULE.factor_no_momentum + (RULE.factor_full_momentum - RULE.factor_no_momentum) * momentum
        factor *= RULE.curved_loss_factor if self.loss.curvature else 1
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):  # non-finite values are checked below
            distance, gradient = self.measure(float(settings.reg))
            largest = self.largest
            value = factor * distance / gradient if gradient else 1.0
        times = (1 - momentum) * RULE.schedule_factor.get(settings.schedule, 1.0)
        reason = f"{times:.3g} as no row of the sample has a gradient"
        if gradient:
            reason = f"{times * factor:.3g} x distance {distance:.3g} / gradient norm {gradient:.3g}"
        if largest:
            most = RULE.max_rate_times_lambda / (1 - momentum)
            if self.loss.curvature:
                most = 2 * (1 + momentum) / (1 - momentum) / self.loss.curvature
            if not value <= most / largest:
                value, reason = most / largest, f"at most {times * most:.3g} / largest eigenvalue {largest:.3g}"
        if not value > SMALLEST:
            raise InputError("the numbers are too large to train on; use --scale standard or maxabs")
        # rounded, so that repeated rows and row weights, or sums in another order, give the same rate
        return Rate(float(f"{times * min(float(value), 1 / SMALLEST):.{DIGITS}g}"), reason)

    def measure(self, reg: float) -> tuple[float, float]:
        """D, the norm of (W, b) near the optimum, and G, the root mean square norm of a minibatch's gradient."""
        W = self._nearest(reg)
        X, y, _, half = self._sample
        may_memorize = is_sparse(X) and half < min(len(y), X.shape[1])
        fitted = RULE.memorization_floor * self._distance(self._nearest(reg, fitted=True)) if may_memorize else 0.0
        # at a point where all losses are 0 the gradient is 0, too: then the one at zero weights is used
        start, end = np.sqrt([self._gradient_square(None), self._gradient_square(W)])
        gradient = float(np.sqrt(start * max(end, start / 100)))
        return max(self._distance(W), fitted, RULE.min_distance / gradient if gradient else 0.0), gradient

    def _nearest(self, reg: float, fitted: bool = False) -> tuple[int, int] | None:
        """The number of the direction and the exponent of the length with the least objective; None without a direction.

        fitted  on the rows that gave the directions, instead of the other half
        """
        point, exponent, least = None, 0, np.inf
        for number in range(MOST_ITERATIONS):
            if not self._has_direction(number):
                break
            exponent, reached = _minimum(partial(self._value, fitted, number, reg), exponent)
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
            # the gradient is bounded, so rows much larger than most overshoot alone and do no harm: they count less
            norms = squared_norms(X)
            w = w * (2 / (1 + norms / max(np.average(norms, weights=w), SMALLEST))).astype(X.dtype)
        return largest_eigenvalue(X, w)

    @cached_property
    def _sample(self) -> tuple[Stored, Array, Array, int]:
        """The sampled rows X (count, d), their codes and weights, and the number of rows in a half."""
        X, y, weights = self.data
        n = X.shape[0]
        affordable = int(SAMPLE_NUMBERS / numbers_per_row(X) / (SPARSE_COST if is_sparse(X) else 1))
        count = min(n, max(min(SAMPLE_ROWS, affordable), n // 40, FEWEST_ROWS))
        rows = np.random.default_rng(0).permutation(np.linspace(0, n - 1, count).astype(np.intp))
        w = (np.ones(count) if weights is None else weights[rows] / weights.mean()).astype(X.dtype)  # (count,)
        if weights is not None:  # a row of weight 0 is replaced by another: 0 times what overflows is not 0
            rows = np.where(weights[rows] > 0, rows, np.argmax(weights > 0))
        sample = without_empty_columns(X[rows])
        sample = with_ones(sample) if self.fit_bias else sample  # the bias is the last row of W
        return sample, y[rows], w, count if count == n else count // 2

    @cached_property
    def _length_rows(self) -> tuple[Stored, Array, Array]:
        """The half that gives the lengths: rows, codes, weights."""
        X, y, w, _ = self._sample
        return X[self._half()], y[self._half()], w[self._half()]

    def _half(self, fitted: bool = False) -> slice:
        """The rows that give the lengths, or those that gave the directions."""
        _, y, _, half = self._sample
        return slice(half) if fitted else slice(len(y) - half, len(y))

    @cached_property
    def _descent(self) -> Iterator[Array]:
        """Directions, from the other half."""
        X, y, w, half = self._sample
        targets = signs(np.zeros((half, self.n_outputs), X.dtype), y[:half])
        return least_squares(X[:half], targets, w[:half])

    def _has_direction(self, number: int) -> bool:
        """Whether there is a direction of this number; its scores and penalty are then computed."""
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
            return np.zeros((self._length_rows[0].shape[1], self.n_outputs), self._length_rows[0].dtype)
        return STRIDE ** point[1] * self.directions[point[0]][0]

    def _distance(self, point: tuple[int, int] | None) -> float:
        return float(np.linalg.norm(self._weights(point)))

    def _value(self, fitted: bool, number: int, reg: float, exponent: int) -> float:
        """The objective at a length along a direction."""
        _, scores, penalty = self.directions[number]
        t, key = STRIDE**exponent, (fitted, number, exponent)
        if key not in self.values:
            _, y, w, _ = self._sample
            rows = self._half(fitted)
            self.values[key] = float(self.loss(t * scores[rows], y[rows])[0] @ w[rows] / w[rows].sum())
        return self.values[key] + t * t * reg * penalty

    def _gradient_square(self, point: tuple[int, int] | None) -> float:
        """The mean over minibatches of the squared norm of their gradients: that of the mean gradient, plus the variance,
        which is 0 where a minibatch is all rows."""
        if point not in self.gradients:
            X, y, w = self._length_rows
            W, n = self._weights(point), len(y)
            dscores = self.loss(product(X, W), y)[1] * w[:, None]  # (n, m)
            dW = np.zeros_like(W)
            add_transposed_product(X, dscores, dW)
            mean = float(np.square(dW / n).sum())
            rows = float(np.square(dscores).sum(axis=1) @ squared_norms(X)) / n
            one_batch = self.data[0].shape[0] <= self.batch_size
            self.gradients[point] = mean if one_batch else mean + max(rows - mean, 0) / self.batch_size
        return self.gradients[point]


def least_squares(X: Stored, targets: Array, weights: Array) -> Iterator[Array]:
    """Yield the iterates W (d, m) of conjugate gradients on sum_i w_i ||x_i W - t_i||^2, from W = 0 (Hestenes & Stiefel, 1952).

    X (n, d), targets (n, m), each column separately, weights (n,). Ends early where only rounding errors are left.
    """
    W, residual = np.zeros((X.shape[1], targets.shape[1]), X.dtype), targets
    direction, before = np.zeros_like(W), np.ones(targets.shape[1], X.dtype)
    rounding, first = np.square(10 * np.finfo(X.dtype).eps), np.zeros(targets.shape[1])
    while True:
        gradient = np.zeros_like(W)
        add_transposed_product(X, weights[:, None] * residual, gradient)
        size = np.square(gradient).sum(axis=0)  # (m,)
        first = first if first.any() else size
        direction = gradient + size / before * direction
        image = product(X, direction)  # (n, m)
        curvature = weights @ np.square(image)  # (m,)
        if not (curvature.all() and (size > rounding * first).all()):
            return
        W = W + size / curvature * direction
        residual = residual - size / curvature * image
        before = size
        yield W


def _minimum(value: Callable[[int], float], exponent: int) -> tuple[int, float]:
    """The exponent at which a convex function of the length STRIDE ** exponent is least, and its value; a local search."""
    least = value(exponent)
    for step in (1, -1):
        while SHORTEST <= STRIDE ** (exponent + step) <= LONGEST and (other := value(exponent + step)) < least:
            exponent, least = exponent + step, other
    return exponent, least


def largest_eigenvalue(X: Stored, weights: Array) -> float:
    """lambda_max of X^T diag(w) X / n by power iteration: X (n, d), weights (n,)."""
    v = np.random.default_rng(0).standard_normal((X.shape[1], 1)).astype(X.dtype)
    for _ in range(POWER_ITERATIONS):
        length = np.linalg.norm(v)
        if length == 0:
            return 0.0
        u = weights[:, None] * product(X, v / length) / len(weights)  # (n, 1)
        v = np.zeros_like(v)
        add_transposed_product(X, u, v)
    return float(np.linalg.norm(v))


def auto_momentum(X: Matrix) -> float:
    """0.9 on dense data; 0 on sparse data, where momentum would make each step touch all d weights."""
    return 0.0 if is_sparse(X) else 0.9


def auto_epochs(n: int, batch_size: int) -> int:
    """10, or as many as give 2000 minibatches on small data, at most 1000."""
    minibatches = -(-n // batch_size)
    return max(10, min(1000, -(-2000 // minibatches)))
