"""Read npy files: an array of numbers, whose labels are one of its columns or in another file, or a table of named fields."""

import re
from dataclasses import replace

import numpy as np

from linclf.data.dataset import Dataset
from linclf.data.labels import MAX_CODE_POINT
from linclf.data.matching import match_dataset, match_table
from linclf.data.readers.arrays import check_features, check_labels
from linclf.data.readers.base import COLUMN_OPTIONS, Reader
from linclf.data.readers.frame import check_kept, choose_target, to_dataset
from linclf.data.readers.labels_file import labels_file, read_labels_file, read_npy_array
from linclf.data.schema import Schema
from linclf.data.source import FLAGS, RawFile
from linclf.data.table import MAX_EXACT_INT, Series, check_columns, option
from linclf.errors import InputError
from linclf.losses import Array

ARRAY = "the array"  # what messages call it


def read_npy(raw: RawFile, model_schema: Schema | None, labelled: bool) -> Dataset:
    """Read an array of numbers (n, ...) as a Dataset whose X is a matrix, or a structured array (n,) as one whose X is a Table."""
    array = read_npy_array(raw.content, raw.source.data)
    return (_numbers if array.dtype.names is None else _table)(array, raw, model_schema, labelled)


def _numbers(array: Array, raw: RawFile, model_schema: Schema | None, labelled: bool) -> Dataset:
    """A Dataset of an array without names of columns: the labels are in the file or the column that --target names."""
    source, name, digest = raw.source, raw.source.data, raw.digest
    other = next((field for field in source.given_options() if field != "target"), None)
    if other is not None or raw.keep:
        flag = "--keep" if other is None else FLAGS[other]
        raise InputError(f"{name}: is an array without names of columns, which has no use for {flag}; leave it out")
    path, y = labels_file(source), None
    notes: tuple[str, ...] = ()
    if path is None and source.target is not None:
        column = _column(array, source.target, name)
        label, array = array[:, column], np.delete(array, column, axis=1)
        if labelled:
            y, _ = check_labels(_whole(label), len(array), f"column {column}", ARRAY, name)
            notes = (f"the labels are column {column} (from 0), the features all others",)
    X = check_features(array, ARRAY, name)
    if path is not None and labelled:
        given, digest = read_labels_file(path, digest)
        y, notes = check_labels(given, len(X), path, ARRAY, name)
    if y is None and labelled:
        raise InputError(
            f"{name}: is an array without labels; name a file of them, as --target y.npy, or their column by its number, from 0 or "
            "-1 for the last; or save X and y in one file with numpy.savez"
        )
    source.check_width(X.shape[1])
    return match_dataset(Dataset(X, y, source, Schema(X.shape[1], format="npy"), digest, notes=notes), model_schema)


def _column(array: Array, target: str, name: str) -> int:
    """The number of the column that --target names."""
    if re.fullmatch(r"-?\d{1,9}", target) is None:
        raise InputError(
            f"{name}: --target {target}: there is no file of this name, and the array has no names of columns; give the number of a "
            "column, from 0 or -1 for the last, or a .npy file of labels"
        )
    if array.ndim != 2:
        raise InputError(f"{name}: {ARRAY} has the shape {array.shape}; only an array (n, d) has columns of labels")
    if not -array.shape[1] <= int(target) < array.shape[1]:
        raise InputError(f"{name}: --target {target}: there is no such column; they are 0 to {array.shape[1] - 1}")
    return int(target) % int(array.shape[1])


def _whole(label: Array) -> Array:
    """Labels that are whole numbers as int64, since a column has the type of the whole array; others as they are."""
    if label.dtype.kind != "f" or not (np.isfinite(label) & (np.abs(label) < MAX_EXACT_INT)).all():
        return label
    return label.astype(np.int64) if (label == np.round(label)).all() else label


def _table(array: Array, raw: RawFile, model_schema: Schema | None, labelled: bool) -> Dataset:
    """A Dataset of an array with named fields, its columns."""
    import pandas as pd

    array, name = array.ravel(), raw.source.data
    columns = [str(column) for column in array.dtype.names or ()]
    check_columns(len(columns), name)
    check_kept(raw, columns)
    target = choose_target(raw.source, columns, model_schema, labelled)
    match = None
    if model_schema is not None:
        match = match_table(columns, model_schema, raw.source, target, labelled=labelled)
    left_out = {*raw.source.drop, *(match.schema.drop if match else ())} - {target, *raw.keep}
    cells = {
        column: [None] * len(array) if column in left_out else _cells(array[column], column, name) for column in columns
    }
    frame = pd.DataFrame(cells, index=range(len(array)))
    dataset = to_dataset(frame, raw, target, match, labelled=labelled)
    return replace(dataset, kept=tuple(frame[column].tolist() for column in raw.keep))


def _cells(field: Array, column: str, name: str) -> Series:
    """The cells of a field for pandas: numbers, dates, or text as objects. Raises InputError for any other type."""
    import pandas as pd

    kind = field.dtype.kind
    if field.ndim != 1 or kind not in "biufSUM":
        raise InputError(
            f"{name}: column {column!r} is {field.dtype}{'' if field.ndim == 1 else ' in several cells'}; give numbers or text, or leave it out "
            f"with {option('drop', column)}"
        )
    try:
        if kind in "SU":
            return pd.Series(_texts(field), dtype=object)
        if kind == "f" and field.dtype.itemsize > 8:
            field = field.astype(np.float64)
        return pd.Series(field.astype(field.dtype.newbyteorder("=")))
    except ValueError as error:  # also a date that pandas has no place for
        raise InputError(f"{name}: column {column!r} cannot be read ({error}); save it as numbers or text") from None


def _texts(field: Array) -> list[str]:
    """The cells of a field of bytes or characters as text. Raises ValueError for bytes that are not UTF-8, and for characters that
    do not exist."""
    if field.dtype.kind == "S":
        return [text.decode("utf-8") for text in field.tolist()]
    field = np.ascontiguousarray(field.astype(field.dtype.newbyteorder("=")))
    if field.dtype.itemsize and (field.view(np.uint32) > MAX_CODE_POINT).any():
        raise ValueError("it has characters that do not exist")
    texts: list[str] = field.tolist()
    for text in set(texts):
        text.encode("utf-8")  # refuses half of a pair of surrogates
    return texts


NPY = Reader(
    "npy",
    (".npy",),
    read_npy,
    COLUMN_OPTIONS,
    first_bytes=b"\x93NUMPY",
    first_bytes_hint="is a NumPy array; pass --format npy, or name it .npy",
)
