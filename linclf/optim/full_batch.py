"""Full-batch steps on the objective: L-BFGS (Liu & Nocedal, 1989), scaled by the curvature of the loss.

    z <- z + t P,    P = - H gradient

z (D, m) are the weights, the bias as the last row, and H is built from the last steps (`linclf.optim.lbfgs`), starting from the
inverse of

    A_j = sum_i v_i c_ij x_i x_i^T + reg I        for each output j,    c_ij the curvature of the loss by the score

which for one output is Newton's matrix. It is made from as many rows as cost about CURVATURE_PASSES passes over all of them, and
where these are too few for its size, its diagonal takes its place (`_curvature_rows`). With A_j, SGD's weights are brought to the
optimum in 2 to 30 steps on data where L-BFGS alone took 6 to 160.

The scores X z are kept: along P they are a straight line, so that a line search costs no product with X, and a step costs two, one
with X and one with its transpose. A loss that is a sum over outputs is minimised for all outputs side by side, each with its own
step length and its own inner products (`Loss.is_separable`).

A loss with kinks is smoothed over a `width` (Nesterov, "Smooth Minimization of Non-Smooth Functions", 2005).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from linclf.losses import LOSSES, Array, Loss
from linclf.optim.lbfgs import Memory
from linclf.optim.linalg import Matrix, numbers_per_row
from linclf.optim.objective import Objective
from linclf.optim.rows import Rows

CURVATURE_PASSES, MOST_PASSES = 20, 160  # over the rows, that the matrices A_j may cost: about, and at most
FEW_OPERATIONS = 5e8  # that cost little on any data
ENOUGH_ROWS, MOST_COLUMNS = 30, 1500  # rows for each column from which they are made, and columns, at most
ROWS_PER_COLUMN = 2  # of the data, at least: of fewer rows the matrices know little that their diagonals do not
FEW_NUMBERS = 1 << 20  # of X, at which a step costs little in any case
REBUILT, REBUILT_COLUMNS = 12, 200  # steps after which they are made again, and columns at which this costs little
FLOOR = 1e-3  # curvature of a row, as a share of the largest one
CACHED = 1 << 16  # scores that the loss is computed of together
SETTLED, BIAS_STEPS = 1e-10, 30  # the gradient by the bias at which it is settled for sure, and steps for that, at most
SEARCHES = 20  # evaluations of the loss in a line search
FLAT = 0.5  # slope that ends a line search, as a share of the first one


def row_losses(loss: Loss, scores: Array, y: Array, width: float) -> tuple[Array, Array]:
    """The loss of each row and its gradient by the scores (n, m), smoothed over a width, or as it is where that is 0."""
    return loss(scores, y) if loss.smoothed is None or not width else loss.smoothed(scores, y, width)


def parts(scores: Array) -> Iterator[slice]:
    """Slices of all rows, whose scores are about CACHED numbers."""
    step = max(1, CACHED // scores.shape[1])
    return (slice(start, start + step) for start in range(0, len(scores), step))


def has_cheap_steps(X: Matrix) -> bool:
    """Whether X (n, d) is so small that steps cost little, or so tall that its matrices A_j do, and few steps lead near the optimum."""
    n, D = X.shape[0], X.shape[1] + 1
    return n * numbers_per_row(X) <= FEW_NUMBERS or _curvature_rows(n, D) is not None


def _curvature_rows(n: int, D: int) -> int | None:
    """The number of rows that A_j is made from; None if its diagonal takes its place."""
    count = min(n, max(CURVATURE_PASSES * n // D, ENOUGH_ROWS * D))
    cost = count * D**2 + D**3  # multiplications, for each output
    cheap = min(n / ROWS_PER_COLUMN, MOST_COLUMNS) >= D and cost <= max(MOST_PASSES * n * D, FEW_OPERATIONS)
    return count if cheap else None


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
        return cls(replace(objective, loss=LOSSES[name], reg=objective.reg / 2), True)

    def taken(self, z: Array) -> Array:
        """The columns of weights z (D, m)."""
        return z[:, 1:] - z[:, :1] if self.are_two else z

    def given(self, z: Array) -> Array:
        """The weights (D, m) that have these columns."""
        return np.hstack([-z / 2, z / 2]) if self.are_two else z


class FullBatch:
    """The objective over all rows at the weights z (D, m), and steps from there.

    v      weights (n,) of the rows, of sum 1
    offset (n, m) added to the scores
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
        offset: Array | None = None,
        width: float = 0.0,
    ) -> None:
        self.objective, self.loss, self.reg = objective, objective.loss, float(objective.reg)
        self.rows, self.y, self.v = rows, y, v
        self.free_bias = rows.ones and not objective.reg_bias
        self.z, self.steps, self.is_stuck = z, 0, False
        self.memory = Memory(together=z.shape[1] == 1 or not self.loss.is_separable)
        self.scores = rows.scores(z) if offset is None else rows.scores(z) + offset
        self.smooth(width)

    def smooth(self, width: float) -> None:
        """Smooth the loss over another width, at the same weights."""
        self.width = width
        self.built: int | None = None  # the step at which the curvature was computed
        loss, self.vg = self._loss(self.scores)
        self.value = loss + self._penalty(self.z)
        self.gradient = self._gradient_of(self.vg)

    def penalise(self, reg: float) -> None:
        """Change the penalty, at the same weights. The curvature stays: it costs more than it is better after the change."""
        self.value += (reg - self.reg) / 2 * float(np.square(self.penalised(self.z)).sum())
        self.penalised(self.gradient)[...] += (reg - self.reg) * self.penalised(self.z)
        self.reg, self.is_stuck = reg, False
        self.memory.pairs.clear()

    def _loss(self, scores: Array) -> tuple[float, Array]:
        """The mean loss at scores (n, m), smoothed, and `vg`. A few rows at a time stay in the processor's cache, and need no memory
        from the system: this takes a fifth of the time."""
        total, vg = 0.0, np.empty_like(scores)
        for rows in parts(scores):
            values, g = row_losses(self.loss, scores[rows], self.y[rows], self.width)
            total += float(self.v[rows] @ values)
            np.multiply(g, self.v[rows, None], out=vg[rows])
        return total, vg

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
        alone = Rows(np.empty((self.rows.n, 0)), ones=True)
        bias = self.z[-1:]
        run = FullBatch(self.objective, alone, self.y, self.v, bias, offset=self.scores - bias, width=self.width)
        while np.abs(run.gradient).max() > max(tolerance, SETTLED) and run.steps < BIAS_STEPS and not run.is_stuck:
            run.step()
        self.z = np.vstack([self.z[:-1], run.z])
        self.scores, self.vg, self.value, self.gradient = (
            run.scores,
            run.vg,
            run.value + self._penalty(self.z),
            self._gradient_of(run.vg),
        )

    def step(self) -> None:
        """One step, or nothing if rounding leaves no step that helps: then `is_stuck`."""
        again = self.steps <= 4 * REBUILT and self.rows.n_columns <= REBUILT_COLUMNS
        if self.built is None or (again and self.steps - self.built >= REBUILT):
            self._compute_curvature()
        P = -self.memory.times(self.gradient.T, self._divided).T
        slope = self._dot(P, self.gradient)  # (1,) or (m,)
        P, slope = np.where(slope < 0, P, 0), np.minimum(slope, 0)
        if not slope.any():
            self.is_stuck = True
            return
        along = self.rows.scores(P)  # (n, m)
        t, value, scores, vg = self._search(P, along, slope)
        if not value < self.value:
            self.is_stuck = True
            return
        before, moved = self.gradient, t * P
        self.z, self.scores, self.vg, self.value = self.z + moved, scores, vg, value
        self.gradient = self._gradient_of(self.vg)
        self.memory.add(moved.T, (self.gradient - before).T)
        self.steps += 1

    def _dot(self, a: Array, b: Array) -> Array:
        """The inner product of two arrays (D, m), or (n, m): of each output (m,), or of all of them (1,)."""
        return self.memory.dot(a.T, b.T)[:, 0]

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
            scores = self.scores + t * along
            loss, vg = self._loss(scores)
            value = loss + now + self.reg * float((t * products + t * t / 2 * squares).sum())
            found = self._dot(vg, along) + self.reg * (products + t * squares)
            done = np.abs(found) <= -FLAT * slope
            decreases = value < self.value
            if best is None or not best[1] <= value:
                best = t, value, scores, vg
            if done.all() and decreases:
                return t, value, scores, vg
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

    def _divided(self, a: Array) -> Array:
        """A^-1 a: (m, D)."""
        if self.inverse.ndim == 2:
            return np.asarray(a * self.inverse)
        return np.asarray(np.matmul(self.inverse, a[:, :, None])[:, :, 0])

    def _compute_curvature(self) -> None:
        """Compute the inverses of A_j (m, D, D), or those of their diagonals (m, D), at these weights."""
        n, D, curvatures = self.rows.n, self.rows.n_columns, self.loss.curvatures
        c = np.ones_like(self.scores) if curvatures is None else curvatures(self.scores, self.y, self.width)
        c = np.maximum(c, FLOOR * c[self.v > 0].max(axis=0)) * self.v[:, None]  # (n, m)
        ridge = np.full(D, self.reg)
        ridge[D - self.free_bias :] = 0
        count = _curvature_rows(n, D)
        if count is not None:
            sample = np.linspace(0, n - 1, count).astype(np.intp)
            if (c == c[:, :1]).all():  # at zero weights one matrix does for all outputs
                c = c[:, :1]
            x, c_sample = self.rows.dense(sample), c[sample]
            share = np.sqrt(c_sample * (c.sum(axis=0) / np.maximum(c_sample.sum(axis=0), 1e-300))).astype(x.dtype)
            A = np.empty((c.shape[1], D, D))
            for j, w in enumerate(share.T):
                weighted = x * w[:, None]
                A[j] = weighted.T @ weighted
            A[:, np.arange(D), np.arange(D)] += ridge + 1e-7 * np.trace(A, axis1=1, axis2=2)[:, None] / D + 1e-300
            self.inverse = np.linalg.inv(A) if np.isfinite(A).all() else np.full_like(A, np.nan)
        else:
            diagonal = self.rows.squares(c) + ridge[:, None]
            # numbers whose squares overflow are too large to train on: no step is taken
            diagonal[~np.isfinite(diagonal)] = np.nan
            self.inverse = 1 / np.maximum(diagonal, 1e-9 * diagonal.max(axis=0) + 1e-300).T
        self.built = self.steps
