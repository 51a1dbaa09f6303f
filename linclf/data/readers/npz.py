"""Read npz files: arrays X, y or x_train, y_train and x_test, y_test."""

import io
import math
import zipfile

import numpy as np

from linclf.data import labels
from linclf.data.dataset import Dataset, LabelledRows
from linclf.data.matching import match_dataset
from linclf.data.readers.base import ZIP, ZIP_HINT, Reader
from linclf.data.schema import Schema
from linclf.data.source import RawFile
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import first_not_finite


def read_npz(raw: RawFile, model_schema: Schema | None, labelled: bool) -> Dataset:
    """Read the arrays X (n, ...) and y (n,), or x_train, y_train, x_test and y_test; each row of X is flattened."""
    name = raw.source.data
    try:
        with zipfile.ZipFile(io.BytesIO(raw.content)) as archive:
            members = _members(archive, name)
            raw.check_bytes(sum(member.file_size for member in members.values()))  # no more than this is unpacked
            wanted = [key for key in members if key in ("X", "y") or key[2:] in ("train", "test")]
            arrays = {key: _array(archive, members[key]) for key in wanted}
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise many types for a damaged archive
        reason = "contains Python objects, which linclf never loads" if "object" in str(error) else "is not an npz file"
        raise InputError(f"{name}: {reason}; save plain number arrays with numpy.savez") from None
    test = None
    if "x_train" in arrays:
        part = _rows(arrays, "x_train", "y_train", name, labelled)
        if "x_test" in arrays:
            test = _rows(arrays, "x_test", "y_test", name, labelled)
    elif "X" in arrays:
        part = _rows(arrays, "X", "y", name, labelled)
    else:
        raise InputError(
            f"{name}: contains {', '.join(members) or 'nothing'}; the arrays must be X, y or x_train, y_train, ..."
        )
    if test is not None and test.X.shape[1] != part.X.shape[1]:
        raise InputError(
            f"{name}: x_train and x_test differ in their number of features: {part.X.shape[1]} and {test.X.shape[1]}"
        )
    raw.source.check_width(part.X.shape[1])
    schema = Schema(part.X.shape[1], format="npz")
    return match_dataset(Dataset(part.X, part.y, raw.source, schema, raw.digest, test), model_schema)


def _members(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    """The arrays of the npz file `name`. Raises InputError if a name occurs twice."""
    members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
    if len(members) < len(archive.infolist()):
        raise InputError(f"{name}: contains an array twice; save each under a different name")
    return members


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    """Read an array of an npz file after checking its header. Raises ValueError if the header does not fit the
    content."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read_header(file)
        if dtype.hasobject:
            raise ValueError("objects")
        if dtype.itemsize == 0:
            raise ValueError("cells of size 0")
        if math.prod(shape) * dtype.itemsize != member.file_size - file.tell():
            raise ValueError("the header does not fit the numbers")
        flat = np.frombuffer(file.read(), dtype)
    array = flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)
    return array.astype(np.float64) if array.dtype.kind == "f" and array.dtype.itemsize > 8 else array


def _rows(arrays: dict[str, Array], x: str, y: str, name: str, labelled: bool) -> LabelledRows:
    X = arrays[x]
    if X.dtype.kind not in "biuf" or X.ndim < 2 or not len(X):
        raise InputError(f"{name}: {x} is {X.dtype} of shape {X.shape}; give numbers (n_samples, n_features)")
    X = X.reshape(len(X), -1)
    bad = first_not_finite(X)
    if bad:
        raise InputError(
            f"{name}: {x} has {X[bad]} in row {bad[0]}, column {bad[1]} (from 0); fill in or remove the row"
        )
    if y not in arrays:
        if labelled:
            raise InputError(f"{name}: has no labels {y} next to {x}; save them under that name")
        return LabelledRows(X, None)
    target = labels.from_array(arrays[y], f"{name}: {y}")
    if len(target) != len(X):
        raise InputError(f"{name}: {len(X)} rows in {x} but {len(target)} labels in {y}; save one label per row")
    return LabelledRows(X, target)


NPZ = Reader(
    "npz",
    (".npz",),
    read_npz,
    first_bytes=ZIP,
    first_bytes_hint=ZIP_HINT,
)
