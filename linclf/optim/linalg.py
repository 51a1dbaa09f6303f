"""Dense and CSR matrices behind one set of functions: products, lazy rows, chunks.

Most of what differs between the two layouts is here; everything above works on `Matrix` through these functions, so that
dense and sparse data share one engine.
"""

import math
import mmap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from linclf.losses import Array

# Numbers converted or scored at a time: a pass needs little memory besides X, and stays in the processor's cache.
CACHED = 1 << 15  # numbers that are converted together
CHUNK_NUMBERS = 500_000


class CSR(Protocol):
    """What linclf uses of a CSR matrix (n, d) of SciPy, which has no types. SciPy is imported only where one is made."""

    data: Array
    indices: Array
    indptr: Array
    nnz: int
    ndim: int
    shape: tuple[int, int]
    dtype: "np.dtype[np.generic]"

    def __getitem__(self, rows: slice | Array) -> "CSR": ...

    def astype(self, dtype: DTypeLike, copy: bool = True) -> "CSR":
        """The same matrix in another dtype."""
        ...

    def toarray(self) -> Array:
        """The same matrix, dense."""
        ...

    def max(self, axis: int) -> "CSR":
        """The largest number of each column (axis 0) or row (axis 1)."""
        ...

    def __abs__(self) -> "CSR": ...

    def __matmul__(self, other: Array) -> Array: ...

    @property
    def T(self) -> "CSR":
        """The transposed matrix."""
        ...


class CSRSlice(NamedTuple):
    """Consecutive rows of a CSR matrix without a copy: `indptr` keeps its absolute offsets into all of the arrays.

    Slicing through SciPy's constructor costs more than the arithmetic of a minibatch.
    """

    indptr: Array  # (n + 1,)
    indices: Array
    data: Array
    shape: tuple[int, int]


@dataclass(frozen=True, eq=False)
class LazyRows:
    """Rows of X, gathered and converted when they are indexed, a chunk at a time: no second X in memory.

    rows      their numbers (n,)
    converts  functions applied to gathered rows, in order; dtype is that of the result
    """

    X: "Stored"
    rows: Array
    converts: tuple[Callable[["Stored"], "Stored"], ...]
    dtype: "np.dtype[np.generic]"

    @property
    def shape(self) -> tuple[int, int]:
        """(n, d)"""
        return len(self.rows), self.X.shape[1]

    def __getitem__(self, rows: slice | Array) -> "Stored":
        """A converted copy of these rows."""
        x: Stored = self.X[self.rows[rows]]
        for convert in self.converts:
            x = convert(x)
        return x


Stored: TypeAlias = Array | CSR  # a matrix (n, d) in memory or mapped from a file
Matrix: TypeAlias = Array | CSR | LazyRows  # any X (n, d)
Minibatch: TypeAlias = Array | CSRSlice  # consecutive rows (B, d) of a stored matrix


def select_rows(X: Matrix, rows: Array) -> LazyRows:
    """These rows of X, without a copy."""
    lazy_X = lazy(X)
    return replace(lazy_X, rows=lazy_X.rows[rows])


def convert_rows(X: Matrix, convert: Callable[[Stored], Stored], dtype: DTypeLike) -> LazyRows:
    """X with its rows converted when they are indexed, without a copy; dtype is what `convert` returns."""
    lazy_X = lazy(X)
    return replace(lazy_X, converts=(*lazy_X.converts, convert), dtype=np.dtype(dtype))


def lazy(X: Matrix) -> LazyRows:
    """All rows of X, lazily."""
    return X if isinstance(X, LazyRows) else LazyRows(X, np.arange(X.shape[0]), (), X.dtype)


def stored(X: Matrix) -> Stored:
    """The matrix that X consists of or takes its rows from."""
    return X.X if isinstance(X, LazyRows) else X


def materialize(X: Matrix) -> Stored:
    """X in memory: X itself, without a copy, unless its rows are lazy."""
    if not isinstance(X, LazyRows):
        return X
    if is_sparse(X):
        return X[:]
    out, step = np.empty(X.shape, X.dtype), max(CACHED // max(X.shape[1], 1), 1)
    for start in range(0, len(out), step):  # few rows at a time stay in the cache: a third of the time
        out[start : start + step] = X[start : start + step]
    return out


def is_sparse(X: Matrix) -> bool:
    """Whether X is CSR rather than an ndarray."""
    return not isinstance(stored(X), np.ndarray)


def values_of(X: Stored) -> Array:
    """The numbers that X stores: all of an ndarray, the non-zeros of CSR."""
    return X if isinstance(X, np.ndarray) else X.data


def csr(data: Array, indices: Array, indptr: Array, shape: tuple[int, int]) -> CSR:
    """The CSR matrix of these arrays, without a copy."""
    from scipy.sparse import csr_matrix

    matrix: CSR = csr_matrix((data, indices, indptr), shape=shape)
    return matrix


def as_csr(X: Stored) -> CSR:
    """X, which is known to be CSR."""
    if isinstance(X, np.ndarray):
        raise TypeError("X is dense")
    return X


def to_dense(X: Stored) -> Array:
    """X as an ndarray."""
    return X if isinstance(X, np.ndarray) else X.toarray()


def number_at(X: Stored, row: int, column: int) -> float:
    """A single number of X."""
    return float(to_dense(X[row : row + 1])[0, column])


def resize_columns(X: CSR, d: int) -> CSR:
    """X with d columns: empty ones are appended, or the last ones dropped."""
    if d >= X.shape[1]:
        return csr(X.data, X.indices, X.indptr, (X.shape[0], d))
    from scipy.sparse import csr_matrix

    kept: CSR = csr_matrix(X)[:, :d]
    return kept


def select_columns(X: Stored, columns: Sequence[int]) -> Stored:
    """These columns of X, without a copy if they are all of them in their order."""
    if list(columns) == list(range(X.shape[1])):
        return X
    if isinstance(X, np.ndarray):
        return X[:, list(columns)]
    from scipy.sparse import csr_matrix

    selected = csr_matrix(X)[:, list(columns)]
    selected.sort_indices()
    found: CSR = selected
    return found


def to_arrays(X: Stored) -> dict[str, Array]:
    """The arrays that X consists of, by name."""
    return {"X": X} if isinstance(X, np.ndarray) else {"data": X.data, "indices": X.indices, "indptr": X.indptr}


def from_arrays(arrays: Mapping[str, Array], shape: tuple[int, int]) -> Stored:
    """The X that consists of these arrays: the inverse of `to_arrays`, without a copy."""
    return arrays["X"] if "X" in arrays else csr(arrays["data"], arrays["indices"], arrays["indptr"], shape)


def check_structure(X: Stored) -> None:
    """Raise ValueError for X that is not a matrix of numbers, or CSR with invalid indices: the kernels do not check them."""
    if not isinstance(X, np.ndarray):
        from scipy.sparse import csr_matrix

        csr_matrix(X).check_format(full_check=True)
    if X.ndim != 2 or X.dtype.kind not in "biuf":
        raise ValueError(f"{X.dtype} of {X.ndim} dimensions")


def product(X: Stored | Minibatch, W: Array) -> Array:
    """X @ W over all models at once: X (n, d), W (d, *models, m) -> (n, *models, m)."""
    n, d = X.shape
    flat = _flat(W)  # (d, models * m)
    if isinstance(X, np.ndarray):
        # (W^T X^T)^T rather than X W: the scores of an output are then contiguous, and the losses take sums and maxima over
        # outputs twice as fast
        out = (flat.T @ X.T).T
    else:
        from scipy.sparse import _sparsetools

        k = flat.shape[1]
        out = np.zeros((n, k), flat.dtype)
        if k == 1:  # takes a third of the time of the other kernel
            _sparsetools.csr_matvec(n, d, X.indptr, X.indices, X.data, flat.ravel(), out.ravel())
        else:
            _sparsetools.csr_matvecs(n, d, k, X.indptr, X.indices, X.data, flat.ravel(), out.ravel())
    return out.reshape(n, *W.shape[1:])


def add_transposed_product(X: Stored | Minibatch, G: Array, out: Array) -> None:
    """out += X.T @ G, in place: X (n, d), G (n, *models, m), out (d, *models, m).

    For sparse X only the rows of `out` for columns that occur in X are touched, and `out` is C-contiguous: the rows of X in
    CSR are the columns of X.T in CSC, whose kernel adds to its output.
    """
    n, d = X.shape
    flat = _flat(G)  # (n, models * m)
    if isinstance(X, np.ndarray):
        out += (flat.T @ X).T.reshape(out.shape)
    else:
        from scipy.sparse import _sparsetools

        k = flat.shape[1]
        if k == 1:
            _sparsetools.csc_matvec(d, n, X.indptr, X.indices, X.data, flat.ravel(), out.ravel())
        else:
            _sparsetools.csc_matvecs(d, n, k, X.indptr, X.indices, X.data, flat.ravel(), out.ravel())


def _flat(a: Array) -> Array:
    """An array (n, *models, m) as (n, models * m)."""
    return a if a.ndim == 2 else a.reshape(len(a), math.prod(a.shape[1:]))


def expand_trailing(a: Array, ndim: int) -> Array:
    """Append axes of length 1 to (n,) or (n, *models), to broadcast against an array of `ndim` axes."""
    return a.reshape(a.shape + (1,) * (ndim - a.ndim))


def zero_weights(X: Matrix, outputs: tuple[int, ...]) -> Array:
    """Zeros (d, *outputs) in the dtype of X, in the layout that makes products with X fastest.

    Dense X: the weights of each output are contiguous, and both products of cached rows take two thirds of the time that
    they take otherwise. Sparse X: the weights of each column are contiguous, as SciPy's kernels need them.
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


def shuffled(X: Matrix, order: Array, ones: bool) -> Stored:
    """A copy of the rows of X in the given order, whose first rows may come again at its end; a 1 after each row if `ones`.

    X is read once from its first row to its last: it may be mapped from a file, where random access is slow.
    """
    n, d = X.shape
    if is_sparse(X):
        return (_one_csr(X, ones) if ones or isinstance(X, LazyRows) else X)[order]
    out = np.empty((len(order), d + ones), X.dtype)
    position = np.empty(n, np.intp)
    position[order[:n]] = np.arange(n)
    for rows, x in chunks(X):
        out[position[rows], :d] = x
    out[:, d:] = 1
    out[n:] = out[: len(order) - n]
    return out


def _one_csr(X: Matrix, ones: bool) -> CSR:
    """Sparse X as one CSR matrix, a 1 after each row if `ones`; nothing else of its size is made in between."""
    lazy_X = lazy(X)
    source = as_csr(lazy_X.X)
    n, d = lazy_X.shape[0], lazy_X.shape[1] + ones
    indptr = np.concatenate([[0], np.cumsum(np.diff(source.indptr)[lazy_X.rows] + ones)]).astype(source.indptr.dtype)
    data, indices = np.empty(indptr[-1], lazy_X.dtype), np.empty(indptr[-1], source.indices.dtype)
    for rows, x in chunks(lazy_X):
        span = slice(indptr[rows.start], indptr[rows.stop])
        part = as_csr(with_ones(x) if ones else x)
        data[span], indices[span] = part.data, part.indices
    return csr(data, indices, indptr, (n, d))


def minibatch(X: Stored, start: int, stop: int) -> Minibatch:
    """Rows start..stop of X without a copy."""
    if isinstance(X, np.ndarray):
        return X[start:stop]
    return CSRSlice(X.indptr[start : stop + 1], X.indices, X.data, (stop - start, X.shape[1]))


def content_keys(X: Matrix, quantum: float | None = None) -> Array:
    """A number (n,) for each row of X (n, d), the same for rows with the same numbers, as float32, dense or sparse, wherever they are; with a
    quantum, for rows whose numbers are in the same of steps so wide, so that rounding hardly ever tells rows apart."""
    random = np.asarray(np.random.default_rng(0).integers(1 << 62, size=X.shape[1]), np.uint64)  # (d,)
    factors = 2 * random + 1  # odd, so that no number is lost
    return np.concatenate([_keys(x, factors, quantum) for _, x in chunks(X)])


def _keys(x: Stored, factors: Array, quantum: float | None) -> Array:
    """The sums over columns of each number, as a whole number, times the factor of its column: these sums are exact."""
    values = np.ascontiguousarray(values_of(x), np.float64) + 0.0  # there is no -0
    # 0 is in the middle of a step, more or less, and round numbers are not at the edge of one
    if quantum is None:
        with np.errstate(over="ignore"):  # the last digits, which a file may not have, tell no rows apart
            whole = _mixed(values.astype(np.float32).view(np.uint32).astype(np.uint64))
    else:
        whole = np.floor(values / quantum + 0.377).astype(np.int64).view(np.uint64)
    if isinstance(x, np.ndarray):
        return np.asarray((whole * factors).sum(axis=1, dtype=np.uint64))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(whole * factors[x.indices], dtype=np.uint64)])
    return np.asarray(sums[x.indptr[1:]] - sums[x.indptr[:-1]])


def _mixed(bits: Array) -> Array:
    """The bits of numbers, each of which changes the low ones, where those of round numbers are all 0; 0 stays 0 (the last steps of
    SplitMix64: Steele, Lea & Flood, 2014)."""
    mixed = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def chunk_rows(X: Matrix, outputs: int = 0) -> int:
    """How many rows of X a chunk has."""
    return max(int(CHUNK_NUMBERS / max(numbers_per_row(X), outputs)), 1)


def chunks(X: Matrix, outputs: int = 0) -> Iterator[tuple[slice, Stored]]:
    """All rows of X in order, as pairs (slice, rows): so many at a time that neither their numbers nor `outputs` numbers for
    each row are more than about CHUNK_NUMBERS."""
    step = chunk_rows(X, outputs)
    for start in range(0, X.shape[0], step):
        rows = slice(start, min(start + step, X.shape[0]))
        yield rows, X[rows]
        for array in to_arrays(stored(X)).values():
            release(array)


def dense_chunks(X: Array) -> Iterator[Array]:
    """The rows of an ndarray in `chunks`."""
    return (x for _, x in chunks(X) if isinstance(x, np.ndarray))


def numbers_per_row(X: Matrix) -> float:
    """The mean count of numbers that a row of X stores, at least 1."""
    X = stored(X)
    numbers = X.size if isinstance(X, np.ndarray) else X.nnz
    return float(max(numbers / max(X.shape[0], 1), 1))


def release(array: Array) -> None:
    """Return the memory of an array mapped from a file to the system, which reads it again when needed: a pass over mapped
    data does not fill the memory."""
    owner: object = array
    while isinstance(owner, np.ndarray | memoryview):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)


def stack_rows(blocks: Sequence[Matrix]) -> Stored:
    """Stack blocks of the same columns vertically; the result has the layout of the first one."""
    parts = [materialize(X) for X in blocks]
    if isinstance(parts[0], np.ndarray):
        return np.concatenate([to_dense(part) for part in parts])
    from scipy import sparse

    stacked: CSR = sparse.vstack(parts, format="csr")
    return stacked


def with_ones(X: Stored) -> Stored:
    """A copy of X with a column of ones after its last one."""
    n, d = X.shape
    if isinstance(X, np.ndarray):
        return np.hstack([X, np.ones((n, 1), X.dtype)])
    ends = X.indptr[1:]
    data, indices = np.insert(X.data, ends, 1), np.insert(X.indices, ends, d)
    return csr(data, indices, X.indptr + np.arange(n + 1, dtype=X.indptr.dtype), (n, d + 1))


def without_empty_columns(X: Stored) -> Stored:
    """Sparse X without the columns in which it stores no number; dense X as it is."""
    if isinstance(X, np.ndarray):
        return X
    used, indices = np.unique(X.indices, return_inverse=True)
    return csr(X.data, indices.astype(X.indices.dtype), X.indptr, (X.shape[0], len(used)))


def occurring_columns(X: Stored) -> Array | None:
    """The columns in which sparse X (n, d) stores a number, in their order; None if these are most columns, or X is dense."""
    if isinstance(X, np.ndarray):
        return None
    occurs = np.zeros(X.shape[1], bool)
    occurs[X.indices] = True
    columns = np.flatnonzero(occurs)
    return columns if 2 * len(columns) <= len(occurs) else None


def take_columns(X: Stored, columns: Array) -> Stored:
    """These columns of X (n, d), in ascending order: (n, len(columns))."""
    if isinstance(X, np.ndarray):
        return X[:, columns]
    place = np.full(X.shape[1], -1, X.indices.dtype)
    place[columns] = np.arange(len(columns))
    indices = place[X.indices]
    kept = indices >= 0
    if kept.all():
        return csr(X.data, indices, X.indptr, (X.shape[0], len(columns)))
    before = np.concatenate([[0], np.cumsum(kept)]).astype(X.indptr.dtype)  # how many are kept before each number
    return csr(X.data[kept], indices[kept], before[X.indptr], (X.shape[0], len(columns)))


def squared_norms(X: Stored) -> Array:
    """||x_i||^2 of each row: (n,), float64."""
    if isinstance(X, np.ndarray):
        return np.concatenate([np.einsum("ij,ij->i", x, x, dtype=np.float64) for x in dense_chunks(X)])
    from scipy.sparse import csr_matrix

    return np.asarray(csr_matrix(X).multiply(X).sum(axis=1), np.float64).ravel()


def is_zero(X: Matrix) -> bool:
    """Whether all numbers in X are 0."""
    return not any(values_of(x).any() for _, x in chunks(X))


def first_not_finite(X: Matrix) -> tuple[int, int] | None:
    """The row and column of the first NaN or infinity in X, or None."""
    if not np.issubdtype(X.dtype, np.floating):
        return None
    for rows, x in chunks(X):
        bad = np.argwhere(~np.isfinite(values_of(x)))
        if len(bad):
            if isinstance(x, np.ndarray):
                i, j = bad[0]
            else:
                i, j = np.searchsorted(x.indptr, bad[0, 0], side="right") - 1, x.indices[bad[0, 0]]
            return rows.start + int(i), int(j)
    return None
