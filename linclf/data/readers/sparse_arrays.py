"""The arrays of a sparse matrix as `scipy.sparse.save_npz` writes them -> CSR, after checking them: SciPy's constructors and
kernels rely on what they are given."""

from collections.abc import Mapping

import numpy as np

from linclf.data.source import RawFile
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import CSR, first_not_finite

FORMATS = ("csr", "csc", "coo", "bsr", "dia")


def read_sparse(arrays: Mapping[str, Array], raw: RawFile) -> tuple[CSR, tuple[str, ...]]:
    """The rows (n, d) in float64, or float32 if they are stored so, and notes; indices are sorted, values of the same place added,
    and zeros left out.

    Raises InputError for arrays that are not a sparse matrix of finite numbers, for more columns than --max-features, and for
    more rows than a file of this size may have.
    """
    name = raw.source.data
    kind, notes = _format(arrays, name)
    n, d = _shape(arrays["shape"], name)
    raw.source.check_width(d)
    raw.check_bytes(8 * (n + 1))  # the pointers to the rows
    data = arrays["data"]
    if data.dtype.kind not in "biuf":
        raise InputError(f"{name}: the values of the sparse matrix are {data.dtype}; give numbers")
    data = data.astype(np.float32 if data.dtype == np.float32 else np.float64)  # a copy, which may be changed
    try:
        _check(kind, arrays, data.shape, n, d)
    except (ValueError, KeyError) as error:
        reason = f"has no array {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(
            f"{name}: is not a sparse matrix of the format {kind} ({reason}); save it again with scipy.sparse.save_npz"
        ) from None
    X = _to_csr(kind, data, arrays, (n, d))
    with np.errstate(over="ignore", invalid="ignore"):
        X.sum_duplicates()  # type: ignore[attr-defined]
    bad = first_not_finite(X)
    if bad:
        raise InputError(
            f"{name}: the sparse matrix has a number that is not finite in row {bad[0]}, column {bad[1]} (from 0); fill in or "
            "remove the row"
        )
    X.eliminate_zeros()  # type: ignore[attr-defined]
    return X, notes


def _format(arrays: Mapping[str, Array], name: str) -> tuple[str, tuple[str, ...]]:
    """The format of the matrix, and a note if none is given."""
    if "format" not in arrays:
        if "indptr" in arrays:
            return "csr", ("the sparse matrix does not say its format, and was read as csr",)
        return "dia" if "offsets" in arrays else "coo", ()
    given = arrays["format"]
    scalar = given.shape == () and given.dtype.kind in "SU"
    kind = next((kind for kind in FORMATS if scalar and given in (np.bytes_(kind), np.str_(kind))), None)
    if kind is None:
        raise InputError(
            f"{name}: the format of the sparse matrix is not understood; save it as one of {', '.join(FORMATS)}"
        )
    return kind, ()


def _shape(shape: Array, name: str) -> tuple[int, int]:
    """The numbers of rows and columns."""
    if shape.shape != (2,) or shape.dtype.kind not in "iu" or shape.min() < 0:
        raise InputError(f"{name}: the shape of the sparse matrix is not (n_samples, n_features); save it again")
    if shape[0] == 0:
        raise InputError(f"{name}: the sparse matrix contains no rows")
    return int(shape[0]), int(shape[1])


def _check(kind: str, arrays: Mapping[str, Array], stored: tuple[int, ...], n: int, d: int) -> None:
    """Raise ValueError, or KeyError for an array that is missing, unless the arrays fit the shape (n, d) and each other; `stored`
    is the shape of the values."""
    if kind in ("csr", "csc"):
        major, minor = (n, d) if kind == "csr" else (d, n)
        _check_pointers(arrays["indptr"], arrays["indices"], major, minor)
        _expect(stored == arrays["indices"].shape, "there is not one index for each value")
    elif kind == "bsr":
        _expect(len(stored) == 3 and min(stored[1:]) > 0, "its values are not blocks")
        _, rows, columns = stored
        _expect(n % rows == 0 and d % columns == 0, "its blocks do not fill its shape")
        _check_pointers(arrays["indptr"], arrays["indices"], n // rows, d // columns)
        _expect(stored[:1] == arrays["indices"].shape, "there is not one index for each block")
    elif kind == "coo":
        row, column = _coordinates(arrays)
        _check_range(row, n, "row")
        _check_range(column, d, "col")
        _expect(stored == row.shape == column.shape, "there is not one row and one column for each value")
    else:
        offsets = arrays["offsets"]
        _expect(offsets.ndim == 1 and offsets.dtype.kind in "iu", "offsets are not whole numbers")
        _expect(len(stored) == 2 and stored[0] == len(offsets), "there is not one offset for each diagonal")
        _expect(len(np.unique(offsets)) == len(offsets), "an offset occurs twice")
        _expect(all(-n < offset < d for offset in offsets.tolist()), "an offset is out of range")


def _check_pointers(indptr: Array, indices: Array, major: int, minor: int) -> None:
    """Check the arrays of a compressed matrix of `major` rows, or columns, of `minor` places."""
    _expect(indptr.dtype.kind in "iu" and indptr.shape == (major + 1,), f"indptr is not {major + 1} whole numbers")
    _expect(indptr[0] == 0 and bool((indptr[1:] >= indptr[:-1]).all()), "indptr does not increase from 0")
    _expect(indices.ndim == 1 and int(indptr[-1]) == len(indices), "indptr does not end with the number of indices")
    _check_range(indices, minor, "indices")


def _check_range(indices: Array, size: int, key: str) -> None:
    _expect(indices.ndim == 1 and indices.dtype.kind in "iu", f"{key} is not whole numbers")
    _expect(not len(indices) or (indices.min() >= 0 and indices.max() < size), f"{key} is not from 0 to {size - 1}")


def _expect(sound: bool, reason: str) -> None:
    if not sound:
        raise ValueError(reason)


def _coordinates(arrays: Mapping[str, Array]) -> tuple[Array, Array]:
    """The rows and columns of the values of a COO matrix."""
    if "coords" not in arrays:
        return arrays["row"], arrays["col"]
    _expect(arrays["coords"].ndim == 2 and len(arrays["coords"]) == 2, "coords is not rows and columns")
    row, column = arrays["coords"]
    return row, column


def _to_csr(kind: str, data: Array, arrays: Mapping[str, Array], shape: tuple[int, int]) -> CSR:
    """The CSR matrix of arrays that were checked; it shares no memory with them but `data`."""
    from scipy import sparse

    def whole(indices: Array) -> Array:
        return indices.astype(np.int64)

    if kind == "coo":
        row, column = _coordinates(arrays)
        matrix = sparse.coo_matrix((data, (whole(row), whole(column))), shape=shape)
    elif kind == "dia":
        matrix = sparse.dia_matrix((data, whole(arrays["offsets"])), shape=shape)
    else:
        make = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix, "bsr": sparse.bsr_matrix}[kind]
        matrix = make((data, whole(arrays["indices"]), whole(arrays["indptr"])), shape=shape)
    found: CSR = matrix.tocsr()
    return found
