"""Arrays of numbers: read without pickle, and checked as the features, labels and weights of rows."""

import math
from typing import IO

import numpy as np

from linclf.data import labels
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import first_not_finite

OBJECTS = (
    "contains Python objects, which linclf never loads; save plain number arrays with numpy.savez, or a sparse matrix with "
    "scipy.sparse.save_npz"
)


def read_array(file: IO[bytes], size: int) -> Array:
    """Read an array in NumPy's format of this size in bytes, after checking its header; the array is read-only.

    Raises ValueError if the header does not fit the content, and for Python objects; NumPy raises many types for others.
    """
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError("objects")
    if dtype.itemsize == 0:
        raise ValueError("cells of size 0")
    if math.prod(shape) * dtype.itemsize != size - file.tell():
        raise ValueError("the header does not fit the numbers")
    flat = np.frombuffer(file.read(), dtype)
    array = flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        with np.errstate(over="ignore"):  # infinities are refused later
            array = array.astype(np.float64)
    return array


def check_features(array: Array, key: str, data: str) -> Array:
    """The features (n, d) of an array (n, ...) of the file `data`, each row flattened. Raises InputError for anything but finite
    numbers; `key` is the name of the array."""
    if array.dtype.kind not in "biuf" or array.ndim < 2 or not len(array):
        raise InputError(f"{data}: {key} is {array.dtype} of shape {array.shape}; give numbers (n_samples, n_features)")
    X = array.reshape(len(array), -1)
    bad = first_not_finite(X)
    if bad:
        raise InputError(
            f"{data}: {key} has {X[bad]} in row {bad[0]}, column {bad[1]} (from 0); fill in or remove the row"
        )
    return X


def check_labels(array: Array, n: int, key: str, x: str, data: str) -> tuple[Array, tuple[str, ...]]:
    """The labels (n,) of the n rows in `x`, and notes: of an array (n,), (n, 1) or (1, n), or of one (n, K) with one 1 in each row.

    Raises InputError for another shape, and as `labels.from_array` does.
    """
    if array.ndim == 2 and len(array) == n and array.shape[1] > 1 and array.dtype.kind in "biuf":
        if not _is_one_hot(array):
            raise InputError(
                f"{data}: {key}: the labels have the shape {array.shape}, without exactly one 1 in each row; give one label per "
                "row, shape (n,), or one-hot rows"
            )
        note = f"{key} is one-hot: the class of a row is the column of its 1, 0 to {array.shape[1] - 1}"
        return array.argmax(axis=1), (note,)
    found = labels.from_array(_flat(array), f"{data}: {key}")
    if len(found) != n:
        raise InputError(f"{data}: {n} rows in {x} but {len(found)} labels in {key}; save one label per row")
    return found, ()


def check_weights(array: Array, n: int, key: str, x: str, data: str) -> Array:
    """The weights (n,), float64, of the n rows in `x`, of an array (n,), (n, 1) or (1, n). Raises InputError for weights that are
    negative or not finite, or all 0."""
    array = _flat(array)
    if array.dtype.kind not in "biuf" or array.ndim != 1:
        raise InputError(
            f"{data}: {key} is {array.dtype} of shape {array.shape}; give a weight for each row, shape (n,)"
        )
    if len(array) != n:
        raise InputError(f"{data}: {n} rows in {x} but {len(array)} weights in {key}; save one weight per row")
    weights = array.astype(np.float64)
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise InputError(
            f"{data}: {key}: the weight of row {bad[0]} (from 0) is {weights[bad[0]]:g}; give a finite number >= 0, or remove the row"
        )
    if not weights.any():
        raise InputError(f"{data}: {key}: all weights are 0; at least one row must count")
    return weights


def weights_note(key: str) -> str:
    """The note on an array of weights."""
    return f"{key} is the weights of the rows: a row of weight 2 counts as two rows, a row of weight 0 as none"


def _flat(array: Array) -> Array:
    """An array (n, 1) or (1, n) as (n,); any other as it is."""
    return array.ravel() if array.ndim == 2 and 1 in array.shape else array


def _is_one_hot(array: Array) -> bool:
    return bool((((array == 0) | (array == 1)).all(axis=1) & ((array == 1).sum(axis=1) == 1)).all())
