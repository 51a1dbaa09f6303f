"""The two layouts of X, an ndarray or a SciPy CSR matrix: the only file that knows them apart.

Everything above works on `Matrix` through these few functions, so dense and sparse share one engine.
"""

import functools
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from threadpoolctl import ThreadpoolController

from linclf.losses import Array

Matrix: TypeAlias = Any  # ndarray (n, d), or scipy.sparse CSR (n, d), or Rows; SciPy is imported only where one is made

CHUNK_ROWS = 8192  # rows converted or scored at a time, so that a whole pass needs little memory besides X


class Rows(NamedTuple):
    """Consecutive rows of a CSR matrix without a copy: `indptr` keeps its absolute offsets into the whole arrays.

    Slicing through SciPy's constructor costs more than a minibatch's arithmetic.
    """

    indptr: Array  # (n + 1,)
    indices: Array
    data: Array
    shape: tuple[int, int]


def is_sparse(X: Matrix) -> bool:
    """Whether X is CSR rather than an ndarray."""
    return not isinstance(X, np.ndarray)


def to_arrays(X: Matrix) -> dict[str, Array]:
    """The arrays that X consists of, by name."""
    return {name: getattr(X, name) for name in ("data", "indices", "indptr")} if is_sparse(X) else {"X": X}


def from_arrays(arrays: dict[str, Array], shape: tuple[int, int]) -> Matrix:
    """The X that consists of these arrays: `to_arrays` undone, without a copy."""
    if "X" in arrays:
        return arrays["X"]
    from scipy.sparse import csr_matrix

    return csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), shape)


def product(X: Matrix, W: Array) -> Array:
    """X @ W over all models at once: X (n, d), W (d, *models, m) -> (n, *models, m)."""
    n, d = X.shape
    flat = _flat(W)  # (d, models * m)
    if isinstance(X, np.ndarray):
        # (W^T X^T)^T rather than X W: each output's scores lie together, and the losses take sums and maxima over outputs
        # twice as fast
        out = (flat.T @ X.T).T
    else:
        from scipy.sparse import _sparsetools

        out = np.zeros((n, flat.shape[1]), flat.dtype)
        _sparsetools.csr_matvecs(n, d, flat.shape[1], X.indptr, X.indices, X.data, flat.ravel(), out.ravel())
    return out.reshape(n, *W.shape[1:])


def add_transposed_product(X: Matrix, G: Array, out: Array) -> None:
    """out += X.T @ G, in place: X (n, d), G (n, *models, m), out (d, *models, m).

    For sparse X only the rows of `out` that X's columns name are touched, and `out` is C-contiguous: the rows of X in CSR
    are the columns of X.T in CSC, whose kernel accumulates into its output.
    """
    n, d = X.shape
    flat = _flat(G)  # (n, models * m)
    if isinstance(X, np.ndarray):
        out += (flat.T @ X).T.reshape(out.shape)
    else:
        from scipy.sparse import _sparsetools

        G = np.ascontiguousarray(flat)
        _sparsetools.csc_matvecs(d, n, flat.shape[1], X.indptr, X.indices, X.data, G.ravel(), out.reshape(-1))


def _flat(a: Array) -> Array:
    """An array (n, *models, m) as (n, models * m)."""
    return a if a.ndim == 2 else a.reshape(len(a), math.prod(a.shape[1:]))


def zero_weights(X: Matrix, outputs: tuple[int, ...]) -> Array:
    """Zeros (d, *outputs) in the dtype of X, laid out as X multiplies them fastest.

    Dense X: each output's weights lie together, and both products take two thirds of the time that they take otherwise.
    Sparse X: each column's weights lie together, as SciPy's kernels want them.
    """
    d = X.shape[1]
    if is_sparse(X):
        return np.zeros((d, *outputs), X.dtype)
    return np.zeros((math.prod(outputs), d), X.dtype).T.reshape(d, *outputs)


def shuffled(X: Matrix, order: Array, ones: bool) -> Matrix:
    """The rows of X in the given order, behind each a 1 if `ones`: a copy."""
    if is_sparse(X):
        return with_ones(X[order]) if ones else X[order]
    out = np.ones((len(order), X.shape[1] + ones), X.dtype)
    for rows, numbers in chunks(order[:, None]):
        out[rows, : X.shape[1]] = X[numbers[:, 0]]
    return out


def minibatch(X: Matrix, start: int, stop: int) -> Matrix:
    """Rows start..stop of X without a copy."""
    if isinstance(X, np.ndarray):
        return X[start:stop]
    return Rows(X.indptr[start : stop + 1], X.indices, X.data, (stop - start, X.shape[1]))


def chunks(X: Matrix) -> Iterator[tuple[slice, Matrix]]:
    """All rows of X in order, at most CHUNK_ROWS at a time, as pairs (slice, rows)."""
    for start in range(0, X.shape[0], CHUNK_ROWS):
        rows = slice(start, min(start + CHUNK_ROWS, X.shape[0]))
        yield rows, X[rows]


def stack_rows(blocks: Sequence[Matrix]) -> Matrix:
    """Blocks of the same columns and layout, one below the other."""
    if isinstance(blocks[0], np.ndarray):
        return np.concatenate(blocks)
    from scipy import sparse

    return sparse.vstack(blocks, format="csr")


def with_ones(X: Matrix) -> Matrix:
    """X with a column of ones behind its last one: a copy."""
    n, d = X.shape
    if isinstance(X, np.ndarray):
        return np.hstack([X, np.ones((n, 1), X.dtype)])
    ends = X.indptr[1:]
    data, indices = np.insert(X.data, ends, 1), np.insert(X.indices, ends, d)
    return type(X)((data, indices, X.indptr + np.arange(n + 1, dtype=X.indptr.dtype)), shape=(n, d + 1))


def without_empty_columns(X: Matrix) -> Matrix:
    """Sparse X without the columns in which it has no number; dense X as it is."""
    if isinstance(X, np.ndarray):
        return X
    used, indices = np.unique(X.indices, return_inverse=True)
    return type(X)((X.data, indices.astype(X.indices.dtype), X.indptr), shape=(X.shape[0], len(used)))


def squared_norms(X: Matrix) -> Array:
    """||x_i||^2 of each row: (n,), float64."""
    if isinstance(X, np.ndarray):
        return np.concatenate([np.einsum("ij,ij->i", x, x, dtype=np.float64) for _, x in chunks(X)])
    return np.asarray(X.multiply(X).sum(axis=1), np.float64).ravel()


def first_not_finite(X: Matrix) -> tuple[int, int] | None:
    """The row and column of the first NaN or infinity in X, or None."""
    if not isinstance(X, np.ndarray):
        bad = np.flatnonzero(~np.isfinite(X.data))
        if not len(bad):
            return None
        return int(np.searchsorted(X.indptr, bad[0], side="right")) - 1, int(X.indices[bad[0]])
    if not np.issubdtype(X.dtype, np.floating):
        return None
    for rows, x in chunks(X):
        finite = np.isfinite(x)
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            return rows.start + int(row), int(column)
    return None


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[Any]:
    """Hold BLAS to one thread: its small products gain little from a second one, lose a hundredfold when another process
    wants the core, and round differently with the number of threads."""
    limit: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limit
