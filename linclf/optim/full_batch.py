"""Full-batch steps on the objective: L-BFGS (Liu & Nocedal, 1989), scaled by the curvature of the loss.

    z <- z + t P,    P = - H gradient

z (D, m) are the weights, the bias as the last row, and H is built from the last MEMORY steps, starting from the inverse of

    A_j = sum_i v_i c_ij x_i x_i^T + reg I        for each output j,    c_ij the curvature of the loss by the score

which for one output is Newton's matrix. It is made from as many rows as cost about CURVATURE_PASSES passes over all of them, and
where these are too few for its size, its diagonal takes its place (`_curvature_rows`). With A_j, SGD's weights are brought to the
optimum in 2 to 30 steps on data where L-BFGS alone took 6 to 160.

The scores X z are kept: along P they are a straight line, so that a line search costs no product with X, and a step costs two, one
with X and one with its transpose. A loss that is a sum over outputs is minimised for all outputs side by side, each with its own
step length and its own inner products (`Loss.is_separable`).

A loss with kinks is smoothed over a `width` (Nesterov, "Smooth Minimization of Non-Smooth Functions", 2005).
"""

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from linclf.losses import Array, Loss
from linclf.optim.linalg import (
    Matrix,
    Stored,
    add_transposed_product,
    chunks,
    is_sparse,
    materialize,
    product,
    to_dense,
    values_of,
)
from linclf.optim.objective import Objective

MEMORY = 10  # steps that L-BFGS keeps
SMALL = 1 << 18  # numbers of X that are copied to float64
CURVATURE_PASSES, MOST_PASSES = 20, 160  # over the rows, that the matrices A_j may cost: about, and at most
FEW_OPERATIONS = 5e8  # that cost little on any data
ENOUGH_ROWS, MOST_COLUMNS = 30, 1500  # rows for each column from which they are made, and columns, at most
REBUILT, REBUILT_COLUMNS = 12, 200  # steps after which they are made again, and columns at which this costs little
FLOOR = 1e-3  # curvature of a row, as a share of the largest one
CACHED = 1 << 16  # scores that the loss is computed of together
SETTLED, BIAS_STEPS = 1e-10, 30  # the gradient by the bias at which it is settled, and steps for that
SEARCHES = 12  # evaluations of the loss in a line search
FLAT = 0.5  # slope that ends a line search, as a share of the first one


class Rows:
    """All rows X (n, d), with a 1 after each if `ones`: D columns. Products are computed a few rows at a time, in `dtype`, by default
    that of X, and summed in float64."""

    def __init__(self, X: Matrix, *, ones: bool, dtype: DTypeLike | None = None) -> None:
        self.X, self.ones, self.n, self.d = X, ones, X.shape[0], X.shape[1]
        self.dtype = np.dtype(X.dtype if dtype is None else dtype)

    @property
    def n_columns(self) -> int:
        """D"""
        return int(self.d) + self.ones

    def scores(self, z: Array) -> Array:
        """X z: (n, m), float64."""
        W = self._weights(z[: self.d])
        found = np.concatenate([product(x, W).T for _, x in self._chunks(z.shape[1])], axis=1, dtype=np.float64).T
        return np.asarray(found + z[self.d] if self.ones else found)

    def transposed(self, g: Array) -> Array:
        """X^T g of g (n, m): (D, m), float64."""
        out = np.zeros((self.n_columns, g.shape[1]))
        for rows, x in self._chunks(g.shape[1]):
            part = self._weights(np.zeros((self.d, g.shape[1])))
            add_transposed_product(x, self._weights(g[rows]), part)
            out[: self.d] += part
        if self.ones:
            out[self.d] = g.sum(axis=0)
        return out

    def _weights(self, a: Array) -> Array:
        """Numbers as the products take them."""
        return np.asarray(a, self.dtype, order="C" if is_sparse(self.X) else "K")

    def _chunks(self, outputs: int) -> Iterator[tuple[slice, Stored]]:
        """The rows in `chunks`, as the products take them."""
        return ((rows, x.astype(self.dtype, copy=False)) for rows, x in chunks(self.X, outputs))

    def dense(self, rows: Array) -> Array:
        """Some rows as a dense array (k, D), with their ones."""
        x = to_dense(self.X[rows])
        return np.hstack([x, np.ones((len(x), 1), x.dtype)]) if self.ones else x

    def squares(self, weights: Array) -> Array:
        """(X * X)^T weights: the sums (D, m) of the squares in each column, with weights (n, m)."""
        out = np.zeros((self.n_columns, weights.shape[1]))
        for rows, x in self._chunks(weights.shape[1]):
            squared, part = x.astype(self.dtype, copy=True), self._weights(np.zeros((self.d, weights.shape[1])))
            values_of(squared)[...] *= values_of(squared)
            add_transposed_product(squared, self._weights(weights[rows]), part)
            out[: self.d] += part
        if self.ones:
            out[self.d] = weights.sum(axis=0)
        return out


def fast_rows(X: Matrix, *, ones: bool) -> Rows:
    """The rows for many products: in memory, small ones in float64."""
    X = materialize(X)
    return Rows(X.astype(np.float64) if values_of(X).size <= SMALL else X, ones=ones)


def row_losses(loss: Loss, scores: Array, y: Array, width: float) -> tuple[Array, Array]:
    """The loss of each row and its gradient by the scores (n, m), smoothed over a width, or as it is where that is 0."""
    return loss(scores, y) if loss.smoothed is None or not width else loss.smoothed(scores, y, width)


def parts(scores: Array) -> Iterator[slice]:
    """Slices of all rows, whose scores are about CACHED numbers."""
    step = max(1, CACHED // scores.shape[1])
    return (slice(start, start + step) for start in range(0, len(scores), step))


def has_cheap_steps(X: Matrix) -> bool:
    """Whether X (n, d) is so small that its matrices A_j are made, and few steps lead near the optimum."""
    n, D = X.shape[0], X.shape[1] + 1
    return _curvature_rows(n, D) is not None


def _curvature_rows(n: int, D: int) -> int | None:
    """The number of rows that A_j is made from; None if its diagonal takes its place."""
    count = min(n, max(CURVATURE_PASSES * n // D, ENOUGH_ROWS * D))
    cost = count * D**2 + D**3  # multiplications, for each output
    return count if D <= MOST_COLUMNS and cost <= max(MOST_PASSES * n * D, FEW_OPERATIONS) else None


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
        # each: the step, the change of the gradient, and 1 / their inner product
        self.pairs: deque[tuple[Array, Array, Array]] = deque(maxlen=MEMORY)
        self.scores = rows.scores(z) if offset is None else rows.scores(z) + offset
        self.smooth(width)

    def smooth(self, width: float) -> None:
        """Smooth the loss over another width, at the same weights."""
        self.width = width
        self.built: int | None = None  # the step at which the curvature was computed
        loss, self.vg = self._loss(self.scores)
        self.value = loss + self._penalty(self.z)
        self.gradient = self._gradient_of(self.vg)

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

    def settle_bias(self) -> None:
        """Move a free bias to its optimum, where the gradients by the scores sum to zero, as the bound needs it."""
        if not self.free_bias:
            return
        alone = Rows(np.empty((self.rows.n, 0)), ones=True)
        bias = self.z[-1:]
        run = FullBatch(self.objective, alone, self.y, self.v, bias, offset=self.scores - bias, width=self.width)
        while np.abs(run.gradient).max() > SETTLED and run.steps < BIAS_STEPS and not run.is_stuck:
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
        P = self._direction()
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
        change = self.gradient - before
        products, squares = self._dot(moved, change), self._dot(change, change)
        sound = products > 1e-14 * squares
        if sound.any():
            inverse = np.divide(1, products, out=np.zeros_like(products), where=sound)
            self.pairs.append((moved, change, inverse))
        self.steps += 1

    def _dot(self, a: Array, b: Array) -> Array:
        """The inner product of two arrays (D, m): of each output (m,), or of all of them (1,)."""
        products: Array = np.einsum("dj,dj->j", a, b)
        return products if self.loss.is_separable else products.sum(keepdims=True)

    def _direction(self) -> Array:
        """- H gradient, by the two loops of L-BFGS."""
        q, factors = self.gradient.copy(), []
        for moved, change, inverse in reversed(self.pairs):
            factors.append(inverse * self._dot(moved, q))
            q -= factors[-1] * change
        r = self._divided(q)
        if self.pairs:
            moved, change, inverse = self.pairs[-1]
            squares = self._dot(change, self._divided(change))
            r *= np.divide(
                self._dot(moved, change), squares, out=np.ones_like(squares), where=(squares > 0) & (inverse > 0)
            )
        for (moved, change, inverse), factor in zip(self.pairs, reversed(factors), strict=True):
            r += moved * (factor - inverse * self._dot(change, r))
        return -r

    def _search(self, P: Array, along: Array, slope: Array) -> tuple[Array, float, Array, Array]:
        """A step length for each inner product, where the slope is at most FLAT of the first one; and the value, scores and
        gradients by them there. The loss is convex: the slope only grows."""
        squares, products = (
            self._dot(self.penalised(P), self.penalised(P)),
            self._dot(self.penalised(self.z), self.penalised(P)),
        )
        now, t = self._penalty(self.z), np.ones_like(slope)
        low, low_slope, high, high_slope = np.zeros_like(t), slope, np.full_like(t, np.inf), np.zeros_like(t)
        for left in reversed(range(SEARCHES)):
            scores = self.scores + t * along
            loss, vg = self._loss(scores)
            value = loss + now + self.reg * float((t * products + t * t / 2 * squares).sum())
            found = self._dot(vg, along) + self.reg * (products + t * squares)
            done = np.abs(found) <= -FLAT * slope
            decreases = value < self.value
            if (done.all() and decreases) or not left:
                break
            over = ~(found <= 0) | (done.all() and not decreases)
            high, high_slope = np.where(over, t, high), np.where(over, found, high_slope)
            low, low_slope = np.where(over, low, t), np.where(over, low_slope, found)
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
                secant = low - low_slope * (high - low) / (high_slope - low_slope)
                inside = np.clip(secant, low + 0.1 * (high - low), high - 0.1 * (high - low))
                inside = np.where(np.isfinite(inside), inside, (low + high) / 2)
            new = np.where(np.isinf(high), 2 * t, inside)
            t = np.where(done & ~done.all(), t, new)
        return t, value, scores, vg

    def _divided(self, a: Array) -> Array:
        """A^-1 a: (D, m)."""
        if self.inverse.ndim == 2:
            return np.asarray(a * self.inverse)
        return np.asarray(np.matmul(self.inverse, a.T[:, :, None])[..., 0].T)

    def _compute_curvature(self) -> None:
        """Compute the inverses of A_j (m, D, D), or those of their diagonals (D, m), at these weights."""
        if self.loss.curvatures is None:
            raise AssertionError("a loss with a dual has curvatures")
        n, D = self.rows.n, self.rows.n_columns
        c = self.loss.curvatures(self.scores, self.y, self.width)
        c = np.maximum(c, FLOOR * c[self.v > 0].max(axis=0)) * self.v[:, None]  # (n, m)
        ridge = np.full(D, self.reg)
        ridge[D - self.free_bias :] = 0
        count = _curvature_rows(n, D)
        if count is not None:
            sample = np.linspace(0, n - 1, count).astype(np.intp)
            x, c_sample = self.rows.dense(sample), c[sample]
            share = np.sqrt(c_sample * (c.sum(axis=0) / np.maximum(c_sample.sum(axis=0), 1e-300))).astype(x.dtype)
            A = np.empty((c.shape[1], D, D))
            for j, w in enumerate(share.T):
                weighted = x * w[:, None]
                A[j] = weighted.T @ weighted
            A[:, np.arange(D), np.arange(D)] += ridge + 1e-7 * np.trace(A, axis1=1, axis2=2)[:, None] / D + 1e-300
            self.inverse = np.linalg.inv(A)
        else:
            diagonal = self.rows.squares(c) + ridge[:, None]
            self.inverse = 1 / np.maximum(diagonal, 1e-9 * diagonal.max(axis=0) + 1e-300)
        self.built = self.steps
