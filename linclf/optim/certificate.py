"""A proof of how far weights are from the optimum, and steps over all rows until it is as near as wanted.

A convex loss with the conjugate loss*(g) = sup_s <g, s> - loss(s) obeys loss(s) >= <g, s> - loss*(g) for every g (Fenchel's
inequality). With one g_i (m,) for each row, and v_i = w_i / sum w, hence for all (W, b)

    objective(W, b) >= D(g) = - sum_i v_i loss*_i(g_i) - ||sum_i x_i v_i g_i||^2 / (2 reg)

which is the dual (Boyd & Vandenberghe, "Convex Optimization", 2004, chapter 5). A bias that is penalised is a column of ones in
X. A free bias leaves <sum_i v_i g_i, b> on the right-hand side, so that the bound holds only where the g_i sum to zero: the
gradients of the loss do so only where the bias is the best one, and are moved a little to do so anywhere, each staying where
loss* is finite (`_Dual.balanced`). So (P - D) / D is a bound on how much the objective P is above the optimum, relative to
it, whatever the weights and whatever led to them.

The steps are those of L-BFGS (Liu & Nocedal, 1989), by SciPy, in float64.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from linclf.losses import Array, signs
from linclf.optim.linalg import Matrix, squared_norms, with_ones
from linclf.optim.objective import Objective

MOST_STEPS = 1000
MEMORY = 20  # pairs that L-BFGS keeps


@dataclass(frozen=True)
class Certificate:
    """What is proven of a model: its objective is within `percent` of the optimum.

    asked        what was wanted; percent may be infinite, where nothing is proven
    lower_bound  no weights have a lower objective
    steps        over all rows, after SGD
    """

    asked: float
    percent: float
    lower_bound: float
    steps: int

    @property
    def holds(self) -> bool:
        """Whether what was wanted is proven."""
        return self.percent <= self.asked


@dataclass(frozen=True)
class _Dual:
    """What the bound needs to know of a loss, of rows with gradients g (n, m) by scores, codes y and weights v that sum to 1.

    value     -loss*(g) of each row, (n,)
    balanced  gradients of the loss near g whose weighted sum is zero, and where loss* is finite
    """

    value: Callable[[Array, Array], Array]
    balanced: Callable[[Array, Array, Array], Array]


def _entropy(p: Array) -> Array:
    """-p log p, 0 at 0."""
    return np.asarray(-p * np.log(np.where(p > 0, p, 1)))


def _onehot(g: Array, y: Array) -> Array:
    """Where the target of each output is 1: (n, m)."""
    return np.asarray((signs(g, y) + 1) / 2)


def _softmax_value(g: Array, y: Array) -> Array:
    return np.asarray(_entropy(np.maximum(g + _onehot(g, y), 0)).sum(axis=1))


def _logistic_value(g: Array, y: Array) -> Array:
    a = np.clip(np.abs(g), 0, 1)
    return np.asarray((_entropy(a) + _entropy(1 - a)).sum(axis=1))


def _balanced_probabilities(g: Array, y: Array, v: Array) -> Array:
    """g is p - target, p probabilities: p is mixed with the shares of the classes, so that its mean becomes these shares."""
    target = _onehot(g, y)  # (n, m)
    p = g + target
    share = v @ target  # (m,)
    excess = v @ p - share  # (m,)
    with np.errstate(divide="ignore", invalid="ignore"):
        # share - excess / most must stay a probability in each output
        most = np.nanmax([excess / share, -excess / (1 - share)], initial=0)
    if most == 0:
        return g
    other = share if math.isinf(most) else share - excess / most
    mixed = 1 / (1 + most)
    return np.asarray(mixed * p + (1 - mixed) * other - target)


def _balanced_sides(g: Array, y: Array, v: Array) -> Array:
    """The gradients of the side of each output, positive or negative, whose sum is larger are made smaller."""
    t = signs(g, y)
    up, down = v @ np.where(t > 0, -g, 0), v @ np.where(t < 0, g, 0)  # (m,), both >= 0
    less = np.minimum(up, down)
    factor = np.where(t > 0, less / np.where(up > 0, up, 1), less / np.where(down > 0, down, 1))
    return np.asarray(factor * g)


DUALS = {
    "softmax": _Dual(_softmax_value, _balanced_probabilities),
    "logistic": _Dual(_logistic_value, _balanced_probabilities),
    # sup_z -a z - max(0, 1 - z)^2 is a^2/4 - a, at 1 - z = a/2, for a = |g| and z the margin
    "squared-hinge": _Dual(lambda g, _: (np.abs(g) - np.square(g) / 4).sum(axis=1), _balanced_sides),
    # sup_s <g, s> - ||s - target||^2 is <g, target> + ||g||^2 / 4
    "mse": _Dual(
        lambda g, y: -(g * _onehot(g, y) + np.square(g) / 4).sum(axis=1),
        lambda g, y, v: g - v @ g,
    ),
}


class _Problem:
    """The objective over all rows in float64, of weights as one vector z; the bias is the last row, where there is one."""

    def __init__(
        self, objective: Objective, X: Matrix, y: Array, *, n_outputs: int, weights: Array | None, fit_bias: bool
    ) -> None:
        X = X[:].astype(np.float64)
        self.X = with_ones(X) if fit_bias else X
        self.objective, self.y, self.fit_bias = objective, y, fit_bias
        self.free_bias = fit_bias and not objective.reg_bias
        self.shape = self.X.shape[1], n_outputs
        v = np.ones(len(y)) if weights is None else weights.astype(np.float64)
        self.v = v / v.sum()  # (n,)
        self.dual = DUALS[objective.loss.name]
        self.norms = np.sqrt(squared_norms(self.X))
        # of a sum, relative to that of the absolute values
        self.rounding = float(sum(self.X.shape) * np.finfo(np.float64).eps)
        self.last: tuple[float, Array] = (math.inf, np.empty(0))

    def pack(self, W: Array, b: Array) -> Array:
        """Weights as one vector."""
        return np.asarray(np.vstack([W, b[None]] if self.fit_bias else [W]).astype(np.float64).ravel())

    def unpack(self, z: Array, dtype: Any) -> tuple[Array, Array]:
        """W (d, m) and b (m,) of one vector."""
        whole = z.reshape(self.shape).astype(dtype)
        return (whole[:-1], whole[-1]) if self.fit_bias else (whole, np.zeros(self.shape[1], dtype))

    def losses(self, z: Array) -> tuple[Array, Array]:
        """The loss of each row (n,), and its gradient g (n, m) by the scores."""
        return self.objective.loss(self.X @ z.reshape(self.shape), self.y)

    def penalised(self, whole: Array) -> Array:
        """Of weights or of a gradient (d + 1, m), what the penalty is about."""
        return whole[:-1] if self.free_bias else whole

    def __call__(self, z: Array) -> tuple[float, Array]:
        """The objective and its gradient."""
        values, g = self.losses(z)
        gradient: Array = self.X.T @ (self.v[:, None] * g)  # (d + 1, m)
        whole, reg = z.reshape(self.shape), float(self.objective.reg)
        value = float(self.v @ values) + reg / 2 * float(np.square(self.penalised(whole)).sum())
        self.penalised(gradient)[...] += reg * self.penalised(whole)
        self.last = value, gradient
        return value, gradient.ravel()

    def rounded(self, z: Array, values: Array) -> float:
        """What rounding may take from the sum of values of rows at these weights. What is small in a loss is the difference
        of numbers as large as 1 and as the scores."""
        most = float(np.abs(self.X @ z.reshape(self.shape)).max(initial=0))
        return self.rounding * (float(self.v @ np.abs(values)) + self.shape[1] * (1 + most))

    def upper(self, z: Array) -> float:
        """The objective, and what rounding may have taken from it."""
        value = float(self(z)[0])
        return value * (1 + self.rounding) + self.rounded(z, self.losses(z)[0])

    def looks_near(self, percent: float) -> bool:
        """Whether a bound at the point evaluated last may be within a percentage: with the bias at its best, the gap between
        objective and dual is ||gradient||^2 / (2 reg)."""
        value, gradient = self.last
        gap = np.square(self.penalised(gradient)).sum() / np.float64(2 * float(self.objective.reg))
        return bool(gap <= percent / 100 * value)

    def lower_bound(self, z: Array) -> float:
        """What no weights are below, by the gradients at these."""
        _, g = self.losses(z)
        if self.free_bias:
            g = self.dual.balanced(g, self.y, self.v)
        values = self.dual.value(g, self.y)
        moved = self.X.T @ (self.v[:, None] * g)  # (d + 1, m)
        sizes = float((self.v * self.norms) @ np.linalg.norm(g, axis=1))
        length = float(np.linalg.norm(self.penalised(moved))) + self.rounding * sizes
        slack = self.rounded(z, values)
        if (
            self.free_bias
        ):  # what rounding leaves of the sum that should be zero, times a bias twice as far out as this one
            slack += float(np.linalg.norm(moved[-1])) * 2 * (1 + float(np.linalg.norm(z.reshape(self.shape)[-1])))
        return float(self.v @ values) - slack - length**2 / (2 * float(self.objective.reg))


def certify(
    percent: float,
    objective: Objective,
    X: Matrix,
    y: Array,
    *,
    start: tuple[Array, Array],
    weights: Array | None = None,
    fit_bias: bool = True,
) -> tuple[Array, Array, Certificate]:
    """Weights (W, b) whose objective is proven to be within a percentage of the optimum, and the proof.

    From `start`, W (d, m) and b (m,), on, at most MOST_STEPS steps over all rows X (n, d), y (n,), which are copied to float64; the
    weights come back in their dtype, and the bound is about them as they come back. The loss is one of DUALS, reg > 0.
    """
    from scipy.optimize import minimize

    W, b = start
    problem = _Problem(objective, X, y, n_outputs=W.shape[1], weights=weights, fit_bias=fit_bias)
    found, least, lower, steps = (W, b), math.inf, -math.inf, 0

    def check(z: Array) -> bool:
        """Bound the weights z as they would come back; whether that is near enough."""
        nonlocal found, least, lower
        rounded = problem.unpack(z, W.dtype)
        upper = problem.upper(problem.pack(*rounded))
        lower = max(lower, problem.lower_bound(z))
        if upper < least:
            found, least = rounded, upper
        return proven() <= percent

    def proven() -> float:
        """How near the best weights so far are, in percent; infinite where nothing is proven, be it for rounding alone."""
        return 100 * (least - lower) / lower if 0 < lower <= least < math.inf else math.inf

    def after_step(z: Array) -> None:
        nonlocal steps
        steps += 1
        if problem.looks_near(percent) and check(z):
            raise StopIteration

    begin = problem.pack(W, b)
    with np.errstate(over="ignore", invalid="ignore"):  # a bound that is not finite proves nothing
        if not check(begin):
            options = {"maxiter": MOST_STEPS, "maxfun": 2 * MOST_STEPS, "maxcor": MEMORY, "ftol": 0, "gtol": 0}
            check(minimize(problem, begin, jac=True, method="L-BFGS-B", callback=after_step, options=options).x)
    return *found, Certificate(percent, proven(), lower, steps)
