"""Full-batch steps on the objective: L-BFGS (Liu & Nocedal, 1989), scaled by the curvature of the loss.

    z <- z + t P,    P = - H gradient

z (D, m) are the weights, the bias as the last row, and H is built from the last steps (`linclf.optim.lbfgs`), starting from the
inverse of the curvature (`linclf.optim.curvature`), which is computed again where that pays. With it, SGD's weights are brought to the
optimum in 2 to 30 steps on data where L-BFGS alone took 6 to 160.

The scores X z are kept: along P they are a straight line, so that a line search costs no product with X, and a step costs two, one
with X and one with its transpose. A loss that is a sum over outputs is minimised for all outputs side by side, each with its own
step length and its own inner products (`Loss.is_separable`).

A loss with kinks is smoothed over a `width` (Nesterov, "Smooth Minimization of Non-Smooth Functions", 2005).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from linclf.losses import LOSSES, Array, Loss
from linclf.optim.curvature import Curvature, Scores, divided
from linclf.optim.lbfgs import Memory
from linclf.optim.objective import Objective
from linclf.optim.rows import Rows

# The curvature is computed again after some steps, at least, as a multiple of those that it costs; and if so many more seem to be left,
# as the most recent ones tell, times 1 + those that it costs.
SOONEST, INTERVAL, RECENT, REMAINING = 4, 2.5, 3, 2
WITH_KINKS, LATEST = (
    12,
    48,
)  # steps after which it is computed again with a loss that is smoothed, and the last such step
CACHED = 1 << 16  # scores that the loss is computed of together
SETTLED, BIAS_STEPS = 1e-10, 30  # the gradient by the bias at which it is settled for sure, and steps for that, at most
BIAS_ROWS = 2048  # whose curvature these are scaled by
ROUNDING = 1e-16  # slope along an output, as a share of the objective, that rounding hides
SEARCHES = 20  # evaluations of the loss in a line search
FLAT = 0.5  # slope that ends a line search, as a share of the first one


def row_losses(loss: Loss, scores: Array, y: Array, width: float) -> tuple[Array, Array]:
    """The loss of each row and its gradient by the scores (n, m), smoothed over a width, or as it is where that is 0."""
    return loss(scores, y) if loss.smoothed is None or not width else loss.smoothed(scores, y, width)


def parts(scores: Array) -> Iterator[slice]:
    """Slices of all rows, whose scores are about CACHED numbers."""
    step = max(1, CACHED // scores.shape[1])
    return (slice(start, start + step) for start in range(0, len(scores), step))


@dataclass(frozen=True)
class Columns:
    """The columns of weights that steps are taken on, and the objective of these. The two columns of two classes are of opposite sign
    at the optimum, and are taken as one, that of the difference of the scores: reg/2 (||w||^2 + ||w||^2) is reg/4 ||2 w||^2.
    """

    objective: Objective
    are_two: bool

    @classmethod
    def of(cls, objective: Objective, m: int) -> "Columns":
        """Those of m outputs."""
        name = objective.loss.difference
        if name is None or m != 2:
            return cls(objective, False)
        found = cls(objective, True)
        return replace(found, objective=replace(objective, loss=LOSSES[name], reg=found.strength(float(objective.reg))))

    def strength(self, reg: float) -> float:
        """The strength of the penalty on these columns that is `reg` on the weights."""
        return reg / 2 if self.are_two else reg

    def taken(self, z: Array) -> Array:
        """The columns of weights z (D, m)."""
        return z[:, 1:] - z[:, :1] if self.are_two else z

    def given(self, z: Array) -> Array:
        """The weights (D, m) that have these columns."""
        return np.hstack([-z / 2, z / 2]) if self.are_two else z


class FullBatch:
    """The objective over all rows at the weights z (D, m), and steps from there.

    v      weights (n,) of the rows, of sum 1
    width  over which a loss with kinks is smoothed; 0 for one without
    vg     (n, m) the gradients of the loss by the scores, times v; value and gradient (D, m) are those of the objective, smoothed
    """

    def __init__(
        self,
        objective: Objective,
        rows: Rows,
        y: Array,
        v: Array,
        z: Array,
        *,
        width: float = 0.0,
    ) -> None:
        self.objective, self.loss, self.reg = objective, objective.loss, float(objective.reg)
        self.rows, self.y, self.v = rows, y, v
        self.free_bias = rows.ones and not objective.reg_bias
        self.z, self.steps, self.is_stuck = z, 0, False
        self.memory = Memory(together=z.shape[1] == 1 or not self.loss.is_separable)
        self.scores, self.spare = rows.scores(z), list[Array]()
        self.gaps: list[float] = []  # that the gradient made, before each step
        self.curvature = Curvature.planned(self.loss, rows.n, rows.n_columns, z.shape[1])
        self.smooth(width)

    def smooth(self, width: float) -> None:
        """Smooth the loss over another width, at the same weights."""
        self.width = width
        self.built: int | None = None  # the step at which the curvature was computed
        nowhere, t = np.broadcast_to(0.0, self.scores.shape), np.zeros(1 if self.memory.together else self.z.shape[1])
        loss, _, self.scores, self.vg = self._loss(self.scores, nowhere, t)
        self.value = loss + self._penalty(self.z)
        self.gradient = self._gradient_of(self.vg)

    def penalise(self, reg: float) -> None:
        """Change the penalty, at the same weights. The curvature stays: it costs more than it is better after the change."""
        self.value += (reg - self.reg) / 2 * float(np.square(self.penalised(self.z)).sum())
        self.penalised(self.gradient)[...] += (reg - self.reg) * self.penalised(self.z)
        self.reg, self.is_stuck = reg, False
        self.memory.pairs.clear()

    def _loss(self, scores: Array, along: Array, t: Array) -> tuple[float, Array, Array, Array]:
        """At scores + t along (n, m): the mean loss, smoothed, its slope by t, the scores and `vg`. A few rows at a time stay in the
        processor's cache, and need no memory from the system: this takes a fifth of the time."""
        total, slope, moved, vg = 0.0, np.zeros_like(t), self._taken(), self._taken()
        for rows in parts(scores):
            s = np.multiply(along[rows], t, out=moved[rows])
            s += scores[rows]
            values, g = row_losses(self.loss, s, self.y[rows], self.width)
            total += float(self.v[rows] @ values)
            slope += self._dot(np.multiply(g, self.v[rows, None], out=vg[rows]), along[rows])
        return total, slope, moved, vg

    def _taken(self) -> Array:
        """Memory (n, m) for scores or gradients by them: to get it from the system takes three times as long as to compute them."""
        return self.spare.pop() if self.spare else np.empty(self.scores.shape[::-1]).T

    def penalised(self, a: Array) -> Array:
        """The rows of weights or of a gradient (D, m) that the penalty includes."""
        return a[:-1] if self.free_bias else a

    def _penalty(self, z: Array) -> float:
        return self.reg / 2 * float(np.square(self.penalised(z)).sum())

    def _gradient_of(self, vg: Array) -> Array:
        gradient = self.rows.transposed(vg)
        self.penalised(gradient)[...] += self.reg * self.penalised(self.z)
        return gradient

    def true_value(self) -> float:
        """The objective without smoothing."""
        if self.loss.smoothed is None or not self.width:
            return self.value
        losses = (float(self.v[rows] @ self.loss(self.scores[rows], self.y[rows])[0]) for rows in parts(self.scores))
        return sum(losses) + self._penalty(self.z)

    def smoothing_gap(self, width: float) -> float:
        """What smoothing over this width adds to the gap between the objective and its bound: by how much the loss exceeds
        <g, scores> - loss*(g) at the smoothed gradients g."""
        if self.loss.smoothed is None or self.loss.dual is None:
            return 0.0
        gap = 0.0
        for rows in parts(self.scores):
            scores, y = self.scores[rows], self.y[rows]
            _, g = self.loss.smoothed(scores, y, width)
            gap += float(
                self.v[rows] @ (self.loss(scores, y)[0] - (g * scores).sum(axis=1) - self.loss.dual.value(g, y))
            )
        return gap

    def gradient_gap(self) -> float:
        """The part of the gap that the gradient makes: ||gradient||^2 / (2 reg)."""
        return float(np.square(self.penalised(self.gradient)).sum()) / (2 * self.reg)

    def settle_bias(self, tolerance: float = 0.0) -> None:
        """Move a free bias to its optimum, where the gradients by the scores sum to zero, as the bound needs it, to a tolerance or SETTLED."""
        if not self.free_bias:
            return
        ones = Rows(np.empty((self.rows.n, 0)), ones=True)
        count = min(ones.n, BIAS_ROWS)
        curvature = Curvature(count, count, np.inf)
        memory, inverse, g = Memory(together=self.memory.together), None, self.gradient[-1:]
        for _ in range(BIAS_STEPS):
            if np.abs(g).max() <= max(tolerance, SETTLED):
                break
            if inverse is None:
                inverse = self._inverse_curvature(curvature, ones)
            p = -memory.times(g.T, partial(divided, inverse)).T
            moved = self._move(
                np.vstack([np.zeros_like(self.z[:-1]), p]), np.broadcast_to(p, self.scores.shape), self._dot(p, g)
            )
            if moved is None:
                break
            before, g = g, self.vg.sum(axis=0)[None]
            memory.add(moved[-1:].T, (g - before).T)
        if inverse is not None:
            self.gradient = self._gradient_of(self.vg)

    def step(self, aim: float = 0.0) -> None:
        """One step, or nothing if rounding leaves no step that helps: then `is_stuck`.

        aim  the gap that the gradient may make at last: near it the curvature is not computed again; 0 if it is not known
        """
        self.gaps.append(self.gradient_gap())
        if self.built is None or self._is_outdated(self.built, aim):
            self.inverse = self._inverse_curvature(self.curvature, self.rows)
            self.built = self.steps
        P = -self.memory.times(self.gradient.T, partial(divided, self.inverse)).T
        moved = self._move(P, None, self._dot(P, self.gradient))
        if moved is None:
            self.is_stuck = True
            return
        before, self.gradient = self.gradient, self._gradient_of(self.vg)
        self.memory.add(moved.T, (self.gradient - before).T)
        self.steps += 1

    def _is_outdated(self, built: int, aim: float) -> bool:
        """Whether the curvature, computed at a step, is worth computing again."""
        cost = self.curvature.steps
        if self.width:  # each width has its own; later ones only disturb what the steps have told
            return self.steps <= LATEST and self.steps - built >= WITH_KINKS
        if self.steps - built < max(SOONEST, INTERVAL * cost):
            return False
        gap, before = self.gaps[-1], self.gaps[-1 - RECENT]
        if not aim or not 0 < gap < before:
            return True
        # steps to the aim, if the gap goes on falling as it did
        left = RECENT * math.log(gap / aim) / math.log(before / gap)
        return left > REMAINING * (1 + cost)

    def _inverse_curvature(self, curvature: Curvature, rows: Rows) -> Array:
        objective = replace(self.objective, reg=self.reg)
        return curvature.inverse(objective, rows, Scores(self.scores, self.y, self.v, self.width))

    def _move(self, P: Array, along: Array | None, slope: Array) -> Array | None:
        """Move the weights along P, of this slope, as far as helps, and return the change (D, m); None if rounding leaves none.

        along  the scores of P, if they are known
        """
        helps = slope < -ROUNDING * abs(self.value)  # (1,) or (m,)
        if not helps.any():
            return None
        P, slope = np.where(helps, P, 0), np.where(helps, slope, 0)
        along = self.rows.scores(P) if along is None else np.where(helps, along, 0)
        t, value, scores, vg = self._search(P, along, slope)
        if not value < self.value:
            self.spare += scores, vg
            return None
        self.spare += self.scores, self.vg
        moved = t * P
        self.z, self.scores, self.vg, self.value = self.z + moved, scores, vg, value
        return np.asarray(moved)

    def _dot(self, a: Array, b: Array) -> Array:
        """The inner product of two arrays (D, m), or (n, m): of each output (m,), or of all of them (1,)."""
        return np.reshape(self.memory.dot(a.T, b.T), -1)

    def _search(self, P: Array, along: Array, slope: Array) -> tuple[Array, float, Array, Array]:
        """A step length for each inner product, where the slope is at most FLAT of the first one, or the best of those that were tried;
        and the value, scores and gradients by them there. The loss is convex: the slope only grows."""
        squares, products = (
            self._dot(self.penalised(P), self.penalised(P)),
            self._dot(self.penalised(self.z), self.penalised(P)),
        )
        now, t = self._penalty(self.z), np.ones_like(slope)
        low, low_slope, high, high_slope = np.zeros_like(t), slope, np.full_like(t, np.inf), np.zeros_like(t)
        best: tuple[Array, float, Array, Array] | None = None  # of those that were tried
        for _ in range(SEARCHES):
            loss, found, scores, vg = self._loss(self.scores, along, t)
            value = loss + now + self.reg * float((t * products + t * t / 2 * squares).sum())
            found += self.reg * (products + t * squares)
            done = np.abs(found) <= -FLAT * slope
            decreases = value < self.value
            if best is None or not best[1] <= value or (done.all() and decreases):
                self.spare += () if best is None else best[2:]
                best = t, value, scores, vg
            else:
                self.spare += scores, vg
            if done.all() and decreases:
                return best
            over = ~(found <= 0) | (done.all() and not decreases)
            high, high_slope = np.where(over, t, high), np.where(over, found, high_slope)
            low, low_slope = np.where(over, low, t), np.where(over, low_slope, found)
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
                secant = low - low_slope * (high - low) / (high_slope - low_slope)
                # the half next to the end that was kept: a slope that hardly changes far away draws the secant there
                inside = low + (high - low) * np.clip(
                    (secant - low) / (high - low), np.where(over, 0.1, 0.5), np.where(over, 0.5, 0.9)
                )
                inside = np.where(np.isfinite(inside), inside, (low + high) / 2)
            new = np.where(np.isinf(high), 2 * t, inside)
            t = np.where(done & ~done.all(), t, new)
        if best is None:
            raise AssertionError("at least one length is tried")
        return best
