"""The curvature of the objective: the matrices by whose inverses full-batch steps are scaled.

    A_j = sum_i v_i c_ij x_i x_i^T + reg I      for each output j, c_ij the second derivative of the loss by the score

which for one output is Newton's matrix. Softmax couples its outputs; its second derivatives are diag(p_i) - p_i p_i^T, and the
matrix of all outputs together, m times as wide, is

    A = sum_i v_i (diag(p_i) - p_i p_i^T) kron x_i x_i^T + reg I

and takes its place where it costs no more than a few steps. Each is made from as many rows as it is worth; where these are too few
for its size, its diagonal takes its place.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from linclf.losses import Array, Loss
from linclf.optim.linalg import Matrix, numbers_per_row
from linclf.optim.objective import Objective
from linclf.optim.rows import Rows

CURVATURE_PASSES, MOST_PASSES = 20, 160  # over the rows, that the matrices A_j may cost: about, and at most
FEW_OPERATIONS = 5e8  # that cost little on any data
ENOUGH_ROWS, MOST_COLUMNS = 30, 1500  # rows for each column from which they are made, and columns, at most
ENOUGH_COUPLED = 8  # rows for each column and output from which the matrix of all outputs together is made
ROWS_PER_COLUMN = 2  # of the data, at least: of fewer rows the matrices know little that their diagonals do not
FEW_NUMBERS = 1 << 20  # of X, at which a step costs little in any case
MOST_COUPLED = 3  # steps whose time the matrix of all outputs together may take
FLOOR = 1e-3  # curvature of a row, as a share of the largest one
LEAST = 1e-7  # curvature of a direction, as a share of the mean one
CACHED = 1 << 16  # numbers that are computed together, and stay in the processor's cache


def has_cheap_steps(X: Matrix) -> bool:
    """Whether X (n, d) is so small that steps cost little, or so tall that its matrices A_j do, and few steps lead near the optimum."""
    n, D = X.shape[0], X.shape[1] + 1
    return n * numbers_per_row(X) <= FEW_NUMBERS or _sampled_rows(n, D) is not None


def _sampled_rows(n: int, D: int) -> int | None:
    """The number of rows that A_j is made from; None if its diagonal takes its place."""
    count = min(n, max(CURVATURE_PASSES * n // D, ENOUGH_ROWS * D))
    cost = count * D**2 + D**3  # multiplications, for each output
    cheap = min(n / ROWS_PER_COLUMN, MOST_COLUMNS) >= D and cost <= max(MOST_PASSES * n * D, FEW_OPERATIONS)
    return count if cheap else None


@dataclass(frozen=True)
class Scores:
    """Where the curvature is computed.

    scores, y, v  (n, m), (n,), (n,): of all rows, with weights of sum 1
    width         over which a loss with kinks is smoothed
    """

    scores: Array
    y: Array
    v: Array
    width: float


@dataclass(frozen=True)
class Curvature:
    """How the curvature is computed for n rows of D columns and m outputs.

    rows     from which A_j is made; None if its diagonal takes its place
    coupled  rows from which the matrix of all outputs together is made; 0 if it is not
    steps    how many take as long as it does
    """

    rows: int | None
    coupled: int
    steps: float

    @classmethod
    def planned(cls, loss: Loss, n: int, D: int, m: int) -> "Curvature":
        """The one that suits a loss."""
        rows = _sampled_rows(n, D)
        # fitted to times: products of large matrices are ten times as fast as those of a step, and each of m outputs takes time of its own
        step, fixed = 5e6 + n * m * (10 * D + 1000), 5e6
        if rows is None:
            return cls(None, 0, np.inf)
        if loss.coupling is not None and m > 1:
            count = min(n, max(ENOUGH_ROWS, ENOUGH_COUPLED * m) * D)
            cost = (fixed + count * (m * D) * (m * D + 100) + 3 * (m * D) ** 3) / step
            if cost <= MOST_COUPLED:
                return cls(rows, count, cost)
        return cls(rows, 0, m * (fixed + rows * D * (D + 100) + 3 * D**3) / step)

    def inverse(self, objective: Objective, rows: Rows, at: Scores) -> Array:
        """The inverses of A_j (m, D, D), or (1, D, D) if they are equal, of A (1, m D, m D), or of the diagonals of A_j (m, D)."""
        loss, v, D = objective.loss, at.v, rows.n_columns
        ridge, free_bias = np.full(D, float(objective.reg)), rows.ones and not objective.reg_bias
        ridge[D - free_bias :] = 0
        if self.coupled and loss.coupling is not None:
            sample = _evenly(rows.n, self.coupled)
            f = loss.coupling(at.scores[sample])
            if not (f == f[:, :1]).all():  # as at zero weights, where A_j, one for all, does what A does
                A = _coupled(rows, sample, f, v[sample] / v[sample].sum())
                if self.coupled < rows.n and loss.curvatures is not None:
                    c = loss.curvatures(at.scores, at.y, at.width) * v[:, None]
                    _raise_diagonals(A, rows.squares(c).T.reshape(1, -1))
                if (
                    free_bias
                ):  # the scores of all outputs may rise together: no loss tells how far, and rounding must not
                    A[:, D - 1 :: D, D - 1 :: D] += 1 / f.shape[1]
                return _inverse(A, np.tile(ridge, f.shape[1]))
        c = np.ones_like(at.scores) if loss.curvatures is None else loss.curvatures(at.scores, at.y, at.width)
        c = _floored(c[:, :1] if self.rows and (c == c[:, :1]).all() else c, v) * v[:, None]
        if self.rows is None:
            diagonal = rows.squares(c) + ridge[:, None]
            # numbers whose squares overflow are too large to train on: no step is taken
            diagonal[~np.isfinite(diagonal)] = np.nan
            return np.asarray(1 / np.maximum(diagonal, 1e-9 * diagonal.max(axis=0) + 1e-300).T)
        sample = _evenly(rows.n, self.rows)
        taken = c[sample]
        A = _grams(rows, sample, taken * (c.sum(axis=0) / np.maximum(taken.sum(axis=0), 1e-300)))
        if self.rows < rows.n:
            _raise_diagonals(A, rows.squares(c).T)
        return _inverse(A, ridge)


def divided(inverse: Array, a: Array) -> Array:
    """An inverse curvature, of any of the three kinds, times a (m, D): (m, D)."""
    if inverse.ndim == 2:
        return np.asarray(a * inverse)
    return np.asarray(np.matmul(inverse, a.reshape(-1, inverse.shape[-1], 1)).reshape(a.shape))


def _floored(c: Array, v: Array) -> Array:
    """Curvatures (n, m), none below a share of the largest one of a row that counts."""
    return np.asarray(np.maximum(c, FLOOR * c[v > 0].max(axis=0)))


def _raise_diagonals(A: Array, exact: Array) -> None:
    """Raise the diagonals of matrices A (k, D, D) that are made from some of the rows to those of all rows (k, D): a column that is 0
    in the others may not seem free."""
    i = np.arange(A.shape[-1])
    A[:, i, i] = np.maximum(A[:, i, i], exact)


def _evenly(n: int, count: int) -> Array:
    """The numbers of rows at equal distances."""
    return np.linspace(0, n - 1, count).astype(np.intp)


def _grams(rows: Rows, sample: Array, c: Array) -> Array:
    """sum_i c_ij x_i x_i^T over a sample of rows, of c (k, m) >= 0: (m, D, D)."""
    total = np.zeros((c.shape[1], rows.n_columns, rows.n_columns))
    for x, roots in _parts(rows, sample, np.sqrt(c)):
        for j, root in enumerate(roots.T):
            weighted = x * root[:, None]
            total[j] += weighted.T @ weighted
    return total


def _coupled(rows: Rows, sample: Array, f: Array, v: Array) -> Array:
    """sum_i v_i (diag(f_i) - f_i f_i^T) kron x_i x_i^T over a sample of rows, of f (k, m) and v (k,): (1, m D, m D)."""
    m, D = f.shape[1], rows.n_columns
    total = np.zeros((m * D, m * D))
    for j, A in enumerate(_grams(rows, sample, _floored(f, v) * v[:, None])):
        total[j * D : (j + 1) * D, j * D : (j + 1) * D] = A
    for x, factors in _parts(rows, sample, f * np.sqrt(v)[:, None], outputs=m):
        products = (factors[:, :, None] * x[:, None]).reshape(len(x), -1)
        total -= products.T @ products
    return total[None]


def _parts(rows: Rows, sample: Array, factors: Array, outputs: int = 1) -> Iterator[tuple[Array, Array]]:
    """The rows of a sample (k,) and their factors (k, m), in parts that stay in the processor's cache with so many outputs."""
    step = max(1, CACHED // (rows.n_columns * outputs))
    for start in range(0, len(sample), step):
        x = rows.dense(sample[start : start + step])
        yield x, factors[start : start + step].astype(x.dtype)


def _inverse(A: Array, ridge: Array) -> Array:
    """The inverses of matrices A (k, D, D) with a ridge (D,) on their diagonals; not a number where they are not finite."""
    D = A.shape[-1]
    # at scores so far from 0 that no loss bends, a free bias has no curvature at all
    least = LEAST * (np.trace(A, axis1=1, axis2=2)[:, None] / D + ridge.max())
    A[:, np.arange(D), np.arange(D)] += ridge + least + 1e-300
    return np.linalg.inv(A) if np.isfinite(A).all() else np.full_like(A, np.nan)
