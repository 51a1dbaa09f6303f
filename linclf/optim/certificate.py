"""A proven bound on the distance from the optimum, and full-batch steps until it is small enough.

A convex loss with the conjugate loss*(g) = sup_s <g, s> - loss(s) obeys loss(s) >= <g, s> - loss*(g) for every g (Fenchel's
inequality). With one g_i (m,) for each row, and v_i = w_i / sum w, hence for all (W, b)

    objective(W, b) >= D(g) = - sum_i v_i loss*_i(g_i) - ||sum_i x_i v_i g_i||^2 / (2 reg)

which is the dual (Boyd & Vandenberghe, "Convex Optimization", 2004, chapter 5). A bias that is penalised is a column of ones in
X. A free bias leaves <sum_i v_i g_i, b> on the right-hand side, so the bound holds only where the g_i sum to zero. The
gradients of the loss sum to zero only at the best bias; anywhere else they are changed a little so that they do, while
loss* stays finite (`Dual.balanced`). So (P - D) / D bounds how far the objective P is above the optimum, relative to it,
whatever the weights are.

At a kink the gradient jumps, and those of the loss itself give a poor bound. The gradients of the loss smoothed over a width are as
valid, since they are convex combinations of those at the kink, and as the width falls D comes near the optimum. Where loss* is
linear (the losses with kinks), t g is valid for every t from 0 to 1, and the best t is taken.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike

from linclf.losses import LOSSES, Array
from linclf.optim.full_batch import Columns, FullBatch, parts, row_losses
from linclf.optim.linalg import Matrix, chunks, squared_norms
from linclf.optim.objective import Objective
from linclf.optim.rows import Rows, fast_rows
from linclf.storage.signals import FirstSignal

MOST_STEPS = 5000
CERTIFIABLE = tuple(loss.name for loss in LOSSES.values() if loss.dual)  # names of the losses that have a bound
START_WIDTH = 0.25  # over which losses with kinks are smoothed at first
BOUND_WIDTHS = (1.0, 0.25, 0.0625)  # those that are tried for a bound without steps
SHARE = 0.4  # of the gap that is aimed at, that smoothing may make up
NARROWER, WIDER = 0.5, 0.8  # factors by which the width falls, at least and at most
UNSETTLED = 0.02  # share of the gap that is aimed at, that a bias which is not quite at its optimum may make up
MARGIN = 0.7  # share of the percentage at which the estimate of the gap calls for a proof


@dataclass(frozen=True)
class Certificate:
    """A proof that the objective of a model is within `percent` of the optimum.

    asked        the percentage that was asked for, None if none was; percent may be infinite, if nothing is proven
    lower_bound  no weights have a lower objective
    steps        full-batch steps, from zero weights or after SGD
    """

    asked: float | None
    percent: float
    lower_bound: float
    steps: int

    @property
    def holds(self) -> bool:
        """Whether the percentage that was asked for is proven."""
        return self.asked is None or self.percent <= self.asked


class Bounds:
    """Bounds on the objective over all rows, in float64: its value at weights z, and the least value that any have.

    X is converted a few rows at a time. z (D, m) has the bias as its last row, D = d + 1, else D = d.
    """

    def __init__(
        self, objective: Objective, X: Matrix, y: Array, *, n_outputs: int, weights: Array | None, fit_bias: bool
    ) -> None:
        if objective.loss.dual is None:
            raise AssertionError("the options were checked: the loss has a dual")
        self.X, self.ones, self.rows = X, fit_bias, Rows(X, ones=fit_bias, dtype=np.float64)
        self.objective, self.y, self.dual = objective, y, objective.loss.dual
        self.free_bias = fit_bias and not objective.reg_bias
        self.reg = float(objective.reg)
        self.shape = X.shape[1] + fit_bias, n_outputs  # (D, m)
        v = np.ones(len(y)) if weights is None else weights.astype(np.float64)
        self.v = v / v.sum()  # (n,)
        # the relative error of a sum, as a share of the sum of the absolute values
        self.rounding = float((len(y) + self.shape[0]) * np.finfo(np.float64).eps)

    def penalised(self, a: Array) -> Array:
        """The rows of weights or of a gradient (D, m) that the penalty includes."""
        found: Array = a[:-1] if self.free_bias else a
        return found

    def scores(self, z: Array) -> Array:
        """X z: (n, m)."""
        return self.rows.scores(z)

    def rounding_error(self, scores: Array, values: Array) -> float:
        """A bound on the rounding error of the sum of values (n,) of rows at these scores. A loss that is small is the
        difference of numbers as large as 1 and as the scores."""
        most = float(np.abs(scores).max(initial=0))
        return self.rounding * (float(self.v @ np.abs(values)) + self.shape[1] * (1 + most))

    @cached_property
    def norms(self) -> Array:
        """The norms (n,) of the rows, with their ones."""
        return np.asarray(np.sqrt(np.concatenate([squared_norms(x) for _, x in chunks(self.X)]) + self.ones))

    def upper(self, z: Array, scores: Array, losses: Array) -> float:
        """The objective at weights z of these scores and losses (n,), plus its possible rounding error."""
        value = float(self.v @ losses) + self.reg / 2 * float(np.square(self.penalised(z)).sum())
        return value * (1 + self.rounding) + self.rounding_error(scores, losses)

    def lower(self, z: Array, scores: Array, g: Array) -> float:
        """A number that no weights have an objective below, from gradients g (n, m) by the scores, those at weights z, of the loss
        smoothed or not."""
        if self.free_bias:
            g = self.dual.balanced(g, self.y, self.v)
        values = np.concatenate([self.dual.value(g[rows], self.y[rows]) for rows in parts(g)])
        weighted = self.v[:, None] * g
        total, sizes = self.rows.transposed(weighted), float(self.norms @ np.linalg.norm(weighted, axis=1))
        length = float(np.linalg.norm(self.penalised(total))) + self.rounding * sizes
        slack = self.rounding_error(scores, values)
        if self.free_bias:
            # what rounding leaves of the sum that should be zero, times a bias twice as large as this one
            slack += float(np.linalg.norm(total[-1])) * 2 * (1 + float(np.linalg.norm(z[-1])))
        value, penalty = float(self.v @ values) - slack, length**2 / (2 * self.reg)
        t = min(1.0, value / (2 * penalty)) if self.dual.is_linear and value > 0 and penalty > 0 else 1.0
        return float(t * value - t * t * penalty)

    def losses(self, scores: Array, width: float = 0.0) -> tuple[Array, Array]:
        """The losses (n,) and their gradients by the scores (n, m), smoothed over a width."""
        losses, g = np.empty(len(scores)), np.empty_like(scores)
        for rows in parts(scores):
            losses[rows], g[rows] = row_losses(self.objective.loss, scores[rows], self.y[rows], width)
        return losses, g


class _Best:
    """The best weights so far, of dtype `dtype`, and the proof for them."""

    def __init__(self, bounds: Bounds, dtype: DTypeLike) -> None:
        self.bounds, self.dtype = bounds, dtype
        self.upper, self.lower = math.inf, -math.inf
        self.weights = unpacked(np.zeros(bounds.shape, dtype), bounds.ones)

    @property
    def percent(self) -> float:
        """The proven distance of the best weights so far, in percent; infinite if nothing is proven, e.g. by rounding."""
        return 100 * (self.upper - self.lower) / self.lower if 0 < self.lower <= self.upper < math.inf else math.inf

    def check(self, z: Array, widths: tuple[float, ...]) -> None:
        """Bound the weights z (D, m) as they would be returned, the loss smoothed over each of these widths in turn."""
        bounds = self.bounds
        rounded = z.astype(self.dtype)
        exact = rounded.astype(np.float64)
        scores = bounds.scores(exact)
        losses, g = bounds.losses(scores)
        value = bounds.upper(exact, scores, losses)
        for width in widths:
            self.lower = max(self.lower, bounds.lower(exact, scores, bounds.losses(scores, width)[1] if width else g))
        if value < self.upper:
            self.upper, self.weights = value, unpacked(rounded, bounds.ones)


def packed(W: Array, b: Array, *, bias: bool) -> Array:
    """W (d, m) and b (m,) as one array (D, m) of float64."""
    return np.asarray(np.vstack([W, b[None]]) if bias else W, np.float64)


def unpacked(z: Array, bias: bool) -> tuple[Array, Array]:
    """W (d, m) and b (m,) of z (D, m)."""
    return (z[:-1], z[-1]) if bias else (z, np.zeros(z.shape[1], z.dtype))


def bound_and_finish(
    objective: Objective,
    X: Matrix,
    y: Array,
    *,
    start: tuple[Array, Array],
    weights: Array | None = None,
    fit_bias: bool = True,
    percent: float | None = None,
    most_steps: int | None = None,
    on_step: Callable[[float], None] | None = None,
    stop: FirstSignal | None = None,
) -> tuple[Array, Array, Certificate]:
    """Prove how near the optimum the weights are, and with a `percent` take full-batch steps until that is proven, at most
    `most_steps`, MOST_STEPS by default; return W, b and the proof.

    From `start`, W (d, m) and b (m,), over all rows X (n, d), y (n,). The weights are returned in the dtype of `start`, the best
    of those that were bounded, and the bound holds for them as returned. The loss has a `dual`, and reg > 0.

    on_step  is called after each step with the objective, smoothed
    stop     a first signal ends the steps
    """
    W, b = start
    bounds = Bounds(objective, X, y, n_outputs=W.shape[1], weights=weights, fit_bias=fit_bias)
    best = _Best(bounds, W.dtype)
    z, has_kinks = packed(W, b, bias=fit_bias), objective.loss.smoothed is not None
    with np.errstate(over="ignore", invalid="ignore"):  # a bound that is not finite proves nothing
        if percent is None or not np.isfinite(z).all():
            best.check(z, BOUND_WIDTHS if has_kinks else (0.0,))
            steps = 0
        else:
            if has_kinks:
                best.check(z, ())  # the steps lead down the smoothed objective, and may lead up the other one
            limits = _Limits(percent, most_steps or MOST_STEPS, on_step or (lambda value: None), stop or FirstSignal())
            steps = _finish(best, *_run(bounds, z), limits)
    return *(best.weights if steps else start), Certificate(percent, best.percent, best.lower, steps)


class Path:
    """The optima of an objective of a smooth loss at one strength of the penalty after the other, each reached from the one before:
    arguments as of `bound_and_finish`, from zero weights of this dtype."""

    def __init__(
        self,
        objective: Objective,
        X: Matrix,
        y: Array,
        *,
        n_outputs: int,
        weights: Array | None = None,
        fit_bias: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.bounds = Bounds(objective, X, y, n_outputs=n_outputs, weights=weights, fit_bias=fit_bias)
        self.dtype = dtype
        with np.errstate(over="ignore", invalid="ignore"):
            self.run, self.columns = _run(self.bounds, np.zeros(self.bounds.shape))

    def solve(self, reg: float, percent: float, most_steps: int | None = None) -> tuple[Array, Array, Certificate]:
        """W (d, m), b (m,) and the proof at a strength."""
        self.bounds.reg = reg
        best, limits = _Best(self.bounds, self.dtype), _Limits(percent, most_steps or MOST_STEPS)
        with np.errstate(over="ignore", invalid="ignore"):
            self.run.penalise(self.columns.strength(reg))
            steps = _finish(best, self.run, self.columns, limits)
        return *best.weights, Certificate(percent, best.percent, best.lower, steps)


@dataclass(frozen=True)
class _Limits:
    """When the steps end, and who follows them: see `bound_and_finish`."""

    percent: float
    most_steps: int
    on_step: Callable[[float], None] = lambda value: None
    stop: FirstSignal = field(default_factory=FirstSignal)


def _run(bounds: Bounds, z: Array) -> tuple[FullBatch, Columns]:
    """Steps from weights z (D, m), and the columns that they are taken on."""
    columns = Columns.of(bounds.objective, z.shape[1])
    rows, width = fast_rows(bounds.X, ones=bounds.ones), START_WIDTH if columns.objective.loss.smoothed else 0.0
    return FullBatch(columns.objective, rows, bounds.y, bounds.v, columns.taken(z), width=width), columns


def _finish(best: _Best, run: FullBatch, columns: Columns, limits: _Limits) -> int:
    """Take steps until a percentage is proven of the best weights, and return their number."""
    bounds, percent, share, start = best.bounds, limits.percent, limits.percent / 100, run.steps
    smallest = float(np.bincount(bounds.y, bounds.v).min())  # the share of the smallest class
    with limits.stop:
        while True:
            aim, smoothing, gradient = share * run.true_value(), run.smoothing_gap(run.width), run.gradient_gap()
            ends = run.steps - start >= limits.most_steps or run.is_stuck
            if gradient + smoothing <= MARGIN * aim or ends:
                if run.steps > start:
                    # what is left of the gradient by a smooth loss's bias costs more, the smaller a class and the losses are
                    run.settle_bias(0.0 if run.width else UNSETTLED * min(share * smallest, aim))
                if ends or run.width or run.gradient_gap() <= aim:  # the other weights have to follow a bias that moved
                    best.check(columns.given(run.z), (run.width,))
                    if best.percent <= percent or ends:
                        return run.steps - start
                    share /= 2  # rounding, or the balancing of the gradients, took the rest
            if gradient < smoothing and smoothing > SHARE * aim:  # which falls with the square of the width, about
                run.smooth(run.width * min(max(math.sqrt(SHARE * aim / smoothing), NARROWER), WIDER))
            run.step(MARGIN * aim)
            limits.on_step(run.value)
    best.check(columns.given(run.z), (run.width,))  # after a signal
    return run.steps - start
