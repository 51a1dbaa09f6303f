"""The two layouts of X, an ndarray or a SciPy CSR matrix: the only file that knows them apart.

Everything above works on `Matrix` through these few functions, so dense and sparse share one engine.
"""

import functools
import math
import mmap
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from threadpoolctl import ThreadpoolController

from linclf.losses import Array
from linclf.storage.signals import defer_signals

Matrix: TypeAlias = Any  # ndarray, scipy.sparse CSR, Rows or Lazy (n, d); SciPy is imported only where CSR is made

Minibatch: TypeAlias = Any

# Numbers converted or scored at a time: a whole pass needs little memory besides X, and stays in the processor's cache.
CHUNK_NUMBERS = 500_000


class CSRSlice(NamedTuple):
    """Consecutive rows of a CSR matrix without a copy: `indptr` keeps its absolute offsets into the whole arrays.

    Slicing through SciPy's constructor costs more than a minibatch's arithmetic.
    """

    indptr: Array  # (n + 1,)
    indices: Array
    data: Array
    shape: tuple[int, int]


@dataclass(frozen=True, eq=False)
class LazyRows:
    """Some rows of X, gathered and converted when they are asked for, a chunk at a time: no second X in memory.

    rows      their numbers (n,)
    converts  what is done to gathered rows, one after the other; dtype is that of what comes out
    """

    X: Matrix
    rows: Array
    converts: tuple[Callable[[Matrix], Matrix], ...]
    dtype: Any

    @property
    def shape(self) -> tuple[int, int]:
        """(n, d)"""
        return len(self.rows), self.X.shape[1]

    def __getitem__(self, rows: slice | Array) -> Matrix:
        """A copy of these rows, converted."""
        x = self.X[self.rows[rows]]
        for convert in self.converts:
            x = convert(x)
        return x


def select(X: Matrix, rows: Array) -> LazyRows:
    """Rows of X, without a copy."""
    whole = lazy(X)
    return replace(whole, rows=whole.rows[rows])


def converted(X: Matrix, convert: Callable[[Matrix], Matrix], dtype: str) -> LazyRows:
    """X with its rows converted, without a copy; dtype is what `convert` makes."""
    whole = lazy(X)
    return replace(whole, converts=(*whole.converts, convert), dtype=np.dtype(dtype))


def lazy(X: Matrix) -> LazyRows:
    """All rows of X."""
    return X if isinstance(X, LazyRows) else LazyRows(X, np.arange(X.shape[0]), (), X.dtype)


def is_sparse(X: Matrix) -> bool:
    """Whether X is CSR rather than an ndarray."""
    return is_sparse(X.X) if isinstance(X, LazyRows) else not isinstance(X, np.ndarray)


def to_arrays(X: Matrix) -> dict[str, Array]:
    """The arrays that X consists of, by name."""
    return {name: getattr(X, name) for name in ("data", "indices", "indptr")} if is_sparse(X) else {"X": X}


def from_arrays(arrays: dict[str, Array], shape: tuple[int, int]) -> Matrix:
    """The X that consists of these arrays: `to_arrays` undone, without a copy."""
    if "X" in arrays:
        return arrays["X"]
    from scipy.sparse import csr_matrix

    return csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), shape)


def check_structure(X: Matrix) -> None:
    """Raise ValueError for X that is no matrix, or CSR whose indices point elsewhere: the kernels do not look."""
    if is_sparse(X):
        X.check_format(full_check=True)
    if X.ndim != 2 or X.dtype.kind not in "biuf":
        raise ValueError(f"{X.dtype} of {X.ndim} dimensions")


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

        k = flat.shape[1]
        out = np.zeros((n, k), flat.dtype)
        if k == 1:  # a third of the time of the other kernel
            _sparsetools.csr_matvec(n, d, X.indptr, X.indices, X.data, flat.ravel(), out.ravel())
        else:
            _sparsetools.csr_matvecs(n, d, k, X.indptr, X.indices, X.data, flat.ravel(), out.ravel())
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

        k, numbers = flat.shape[1], np.ascontiguousarray(flat).reshape(-1)
        if k == 1:
            _sparsetools.csc_matvec(d, n, X.indptr, X.indices, X.data, numbers, out.reshape(-1))
        else:
            _sparsetools.csc_matvecs(d, n, k, X.indptr, X.indices, X.data, numbers, out.reshape(-1))


def _flat(a: Array) -> Array:
    """An array (n, *models, m) as (n, models * m)."""
    return a if a.ndim == 2 else a.reshape(len(a), math.prod(a.shape[1:]))


def expand_trailing(a: Array, ndim: int) -> Array:
    """Append axes of length 1 to (n,) or (n, *models), to broadcast against an array of `ndim` axes."""
    return a.reshape(a.shape + (1,) * (ndim - a.ndim))


def zero_weights(X: Matrix, outputs: tuple[int, ...]) -> Array:
    """Zeros (d, *outputs) in the dtype of X, laid out as X multiplies them fastest.

    Dense X: each output's weights lie together, and both products of cached rows take two thirds of the time that
    they take otherwise.
    Sparse X: each column's weights lie together, as SciPy's kernels want them.
    """
    d = X.shape[1]
    if is_sparse(X):
        return np.zeros((d, *outputs), X.dtype)
    return np.zeros((math.prod(outputs), d), X.dtype).T.reshape(d, *outputs)


def select_weights(W: Array, models: Array) -> Array:
    """Weights (d, *models, m) at these indices along the first axis of models, in the layout that `zero_weights` chose."""
    selected = np.take(W, models, axis=1)
    return selected if W.flags.c_contiguous else np.moveaxis(np.ascontiguousarray(np.moveaxis(selected, 0, -1)), -1, 0)


def select_models(a: Array | None, models: Array) -> Array | None:
    """What an array (n, *models) has at these indices along the first axis of models; itself where models share it."""
    return a if a is None or a.ndim == 1 or a.shape[1] == 1 else a[:, models]


def shuffled(X: Matrix, order: Array, ones: bool) -> Matrix:
    """All rows of X in the given order, in which the first may come again at the end; behind each a 1 if `ones`.

    X is read once from its first row to its last: it may lie in a file, where jumping about is slow.
    """
    n, d = X.shape
    if is_sparse(X):
        return (_in_memory(X, ones) if ones or isinstance(X, LazyRows) else X)[order]
    out = np.empty((len(order), d + ones), X.dtype)
    place = np.empty(n, np.intp)
    place[order[:n]] = np.arange(n)
    for rows, x in chunks(X):
        out[place[rows], :d] = x
    out[:, d:] = 1
    out[n:] = out[: len(order) - n]
    return out


def _in_memory(X: Matrix, ones: bool) -> Matrix:
    """Sparse X as one CSR matrix, behind each row a 1 if `ones`; nothing else of its size is made on the way."""
    X = lazy(X)
    n, d = X.shape[0], X.shape[1] + ones
    indptr = np.concatenate([[0], np.cumsum(np.diff(X.X.indptr)[X.rows] + ones)]).astype(X.X.indptr.dtype)
    data, indices = np.empty(indptr[-1], X.dtype), np.empty(indptr[-1], X.X.indices.dtype)
    for rows, x in chunks(X):
        span = slice(indptr[rows.start], indptr[rows.stop])
        whole = with_ones(x) if ones else x
        data[span], indices[span] = whole.data, whole.indices
    return from_arrays({"data": data, "indices": indices, "indptr": indptr}, (n, d))


def minibatch(X: Matrix, start: int, stop: int) -> Matrix:
    """Rows start..stop of X without a copy."""
    if isinstance(X, np.ndarray):
        return X[start:stop]
    return CSRSlice(X.indptr[start : stop + 1], X.indices, X.data, (stop - start, X.shape[1]))


def chunks(X: Matrix, outputs: int = 0) -> Iterator[tuple[slice, Matrix]]:
    """All rows of X in order, as pairs (slice, rows), so many at a time that neither their numbers nor `outputs` numbers
    a row that are made of them are more than about CHUNK_NUMBERS."""
    whole = X.X if isinstance(X, LazyRows) else X
    step = max(int(CHUNK_NUMBERS / max(numbers_per_row(X), outputs)), 1)
    for start in range(0, X.shape[0], step):
        rows = slice(start, min(start + step, X.shape[0]))
        yield rows, X[rows]
        for array in to_arrays(whole).values():
            release(array)


def numbers_per_row(X: Matrix) -> float:
    """How many numbers a row of X holds on average, at least 1."""
    whole = X.X if isinstance(X, LazyRows) else X
    numbers: int = whole.nnz if is_sparse(whole) else whole.size
    return float(max(numbers / max(whole.shape[0], 1), 1))


def release(array: Array) -> None:
    """Hand memory that maps a file back to the system, which reads it again when it is asked for: a pass over mapped data
    does not fill the memory."""
    owner: Any = array
    while isinstance(owner, np.ndarray | memoryview):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)


def stack_rows(blocks: Sequence[Matrix]) -> Matrix:
    """Blocks of the same columns and layout, one below the other."""
    blocks = [X[:] for X in blocks]
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


def is_zero(X: Matrix) -> bool:
    """Whether X holds no number but 0."""
    return not any((x.data if is_sparse(x) else x).any() for _, x in chunks(X))


def first_not_finite(X: Matrix) -> tuple[int, int] | None:
    """The row and column of the first NaN or infinity in X, or None."""
    if not np.issubdtype(X.dtype, np.floating):
        return None
    for rows, x in chunks(X):
        bad = np.argwhere(~np.isfinite(x.data if is_sparse(x) else x))
        if len(bad):
            i, j = (
                (np.searchsorted(x.indptr, bad[0, 0], side="right") - 1, x.indices[bad[0, 0]])
                if is_sparse(x)
                else bad[0]
            )
            return rows.start + int(i), int(j)
    return None


@functools.cache
def _controller() -> ThreadpoolController:
    with defer_signals():  # it looks for libraries by a call back from C
        return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[Any]:
    """Hold BLAS to one thread: its small products gain little from a second one, lose a hundredfold when another process
    wants the core, and round differently with the number of threads."""
    limit: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limit
