"""A proven bound on the distance from the optimum, and full-batch steps (a polish) until it is small enough.

A convex loss with the conjugate loss*(g) = sup_s <g, s> - loss(s) obeys loss(s) >= <g, s> - loss*(g) for every g (Fenchel's
inequality). With one g_i (m,) for each row, and v_i = w_i / sum w, hence for all (W, b)

    objective(W, b) >= D(g) = - sum_i v_i loss*_i(g_i) - ||sum_i x_i v_i g_i||^2 / (2 reg)

which is the dual (Boyd & Vandenberghe, "Convex Optimization", 2004, chapter 5). A bias that is penalised is a column of ones in
X. A free bias leaves <sum_i v_i g_i, b> on the right-hand side, so the bound holds only where the g_i sum to zero. The
gradients of the loss sum to zero only at the best bias; anywhere else they are changed a little so that they do, while
loss* stays finite (`Dual.balanced`). So (P - D) / D bounds how far the objective P is above the optimum, relative to it,
whatever the weights are.

The steps are those of L-BFGS (Liu & Nocedal, 1989), by SciPy, in float64.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from linclf.losses import LOSSES, Array
from linclf.optim.linalg import Matrix, materialize, squared_norms, with_ones
from linclf.optim.objective import Objective

MOST_STEPS = 1000
MEMORY = 20  # pairs that L-BFGS keeps
CERTIFIABLE = tuple(loss.name for loss in LOSSES.values() if loss.dual)  # names of the losses that have a bound


@dataclass(frozen=True)
class Certificate:
    """A proof that the objective of a model is within `percent` of the optimum.

    asked        the percentage that was asked for; percent may be infinite, if nothing is proven
    lower_bound  no weights have a lower objective
    steps        full-batch steps after SGD
    """

    asked: float
    percent: float
    lower_bound: float
    steps: int

    @property
    def holds(self) -> bool:
        """Whether the percentage that was asked for is proven."""
        return self.percent <= self.asked


class _Problem:
    """The objective over all rows in float64, of weights as one vector z. D = d + 1 columns with a bias, whose weights are the
    last row, else D = d."""

    def __init__(
        self, objective: Objective, X: Matrix, y: Array, *, n_outputs: int, weights: Array | None, fit_bias: bool
    ) -> None:
        if objective.loss.dual is None:
            raise AssertionError("the options were checked: the loss has a dual")
        rows = materialize(X).astype(np.float64)
        self.X = with_ones(rows) if fit_bias else rows  # (n, D)
        self.objective, self.y, self.fit_bias, self.dual = objective, y, fit_bias, objective.loss.dual
        self.free_bias = fit_bias and not objective.reg_bias
        self.reg = float(objective.reg)
        self.shape = self.X.shape[1], n_outputs  # (D, m)
        v = np.ones(len(y)) if weights is None else weights.astype(np.float64)
        self.v = v / v.sum()  # (n,)
        self.norms = np.sqrt(squared_norms(self.X))  # (n,)
        # the relative error of a sum, as a share of the sum of the absolute values
        self.rounding = float(sum(self.X.shape) * np.finfo(np.float64).eps)
        self.last: tuple[float, Array] = (math.inf, np.empty(0))

    def pack(self, W: Array, b: Array) -> Array:
        """W (d, m) and b (m,) as one vector (D * m,)."""
        return np.asarray(np.vstack([W, b[None]] if self.fit_bias else [W]).astype(np.float64).ravel())

    def unpack(self, z: Array, dtype: DTypeLike) -> tuple[Array, Array]:
        """W (d, m) and b (m,) of one vector."""
        whole = z.reshape(self.shape).astype(dtype)  # (D, m)
        return (whole[:-1], whole[-1]) if self.fit_bias else (whole, np.zeros(self.shape[1], dtype))

    def losses(self, z: Array) -> tuple[Array, Array]:
        """The loss of each row (n,), and its gradient g (n, m) by the scores."""
        return self.objective.loss(self.X @ z.reshape(self.shape), self.y)

    def penalised(self, a: Array) -> Array:
        """The rows of weights or of a gradient (D, m) that the penalty includes."""
        return a[:-1] if self.free_bias else a

    def __call__(self, z: Array) -> tuple[float, Array]:
        """The objective and its gradient (D * m,)."""
        values, g = self.losses(z)
        gradient: Array = self.X.T @ (self.v[:, None] * g)  # (D, m)
        whole = z.reshape(self.shape)
        value = float(self.v @ values) + self.reg / 2 * float(np.square(self.penalised(whole)).sum())
        self.penalised(gradient)[...] += self.reg * self.penalised(whole)
        self.last = value, gradient
        return value, gradient.ravel()

    def rounding_error(self, z: Array, values: Array) -> float:
        """A bound on the rounding error of the sum of values (n,) of rows at these weights. A loss that is small is the
        difference of numbers as large as 1 and as the scores."""
        most = float(np.abs(self.X @ z.reshape(self.shape)).max(initial=0))
        return self.rounding * (float(self.v @ np.abs(values)) + self.shape[1] * (1 + most))

    def upper_bound(self, z: Array) -> float:
        """The objective, plus its possible rounding error."""
        value = float(self(z)[0])
        return value * (1 + self.rounding) + self.rounding_error(z, self.losses(z)[0])

    def may_be_within(self, percent: float) -> bool:
        """Whether a bound at the last point evaluated may be within a percentage: at the best bias, the gap between the
        objective and the dual is ||gradient||^2 / (2 reg)."""
        value, gradient = self.last
        gap = np.square(self.penalised(gradient)).sum() / np.float64(2 * self.reg)
        return bool(gap <= percent / 100 * value)

    def lower_bound(self, z: Array) -> float:
        """A number that no weights have an objective below, from the gradients at these weights."""
        _, g = self.losses(z)
        if self.free_bias:
            g = self.dual.balanced(g, self.y, self.v)
        values = self.dual.value(g, self.y)  # (n,)
        total = self.X.T @ (self.v[:, None] * g)  # (D, m)
        sizes = float((self.v * self.norms) @ np.linalg.norm(g, axis=1))
        length = float(np.linalg.norm(self.penalised(total))) + self.rounding * sizes
        slack = self.rounding_error(z, values)
        if self.free_bias:
            # what rounding leaves of the sum that should be zero, times a bias twice as large as this one
            slack += float(np.linalg.norm(total[-1])) * 2 * (1 + float(np.linalg.norm(z.reshape(self.shape)[-1])))
        return float(self.v @ values) - slack - length**2 / (2 * self.reg)


def polish_and_certify(
    percent: float,
    objective: Objective,
    X: Matrix,
    y: Array,
    *,
    start: tuple[Array, Array],
    weights: Array | None = None,
    fit_bias: bool = True,
) -> tuple[Array, Array, Certificate]:
    """Take full-batch steps until the objective is proven to be within a percentage of the optimum; return W, b, the proof.

    From `start`, W (d, m) and b (m,), at most MOST_STEPS steps over all rows X (n, d), y (n,), which are copied to float64.
    The weights are returned in the dtype of `start`, and the bound holds for them as returned. The loss has a `dual`,
    and reg > 0.
    """
    from scipy.optimize import minimize

    W, b = start
    problem = _Problem(objective, X, y, n_outputs=W.shape[1], weights=weights, fit_bias=fit_bias)
    best, upper, lower, steps = (W, b), math.inf, -math.inf, 0

    def check(z: Array) -> bool:
        """Bound the weights z as they would be returned; whether the bound is good enough."""
        nonlocal best, upper, lower
        candidate = problem.unpack(z, W.dtype)
        value = problem.upper_bound(problem.pack(*candidate))
        lower = max(lower, problem.lower_bound(z))
        if value < upper:
            best, upper = candidate, value
        return proven() <= percent

    def proven() -> float:
        """The proven distance of the best weights so far, in percent; infinite if nothing is proven, e.g. by rounding."""
        return 100 * (upper - lower) / lower if 0 < lower <= upper < math.inf else math.inf

    def after_step(z: Array) -> None:
        nonlocal steps
        steps += 1
        if problem.may_be_within(percent) and check(z):
            raise StopIteration

    initial = problem.pack(W, b)
    with np.errstate(over="ignore", invalid="ignore"):  # a bound that is not finite proves nothing
        if not check(initial):
            options = {"maxiter": MOST_STEPS, "maxfun": 2 * MOST_STEPS, "maxcor": MEMORY, "ftol": 0, "gtol": 0}
            check(minimize(problem, initial, jac=True, method="L-BFGS-B", callback=after_step, options=options).x)
    return *best, Certificate(percent, proven(), lower, steps)
