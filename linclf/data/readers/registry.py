"""Files -> Dataset: the suffix or --format decides which reader."""

import hashlib
import io
import math
import os
import zipfile
from dataclasses import replace
from typing import Any

import numpy as np

from linclf.data import labels
from linclf.data.dataset import Dataset, Features, Labelled, Raw, Source, fit_columns
from linclf.data.readers.delimited import read_delimited
from linclf.data.readers.jsonl import read_json_lines, read_parquet
from linclf.data.readers.svmlight import read_svmlight
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import first_not_finite
from linclf.storage.files import UNPACKERS, read_bytes, unpack, unpacked_limit

FORMATS = ("csv", "tsv", "jsonl", "parquet", "svmlight", "npz")
SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "jsonl",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".npz": "npz",
    ".svm": "svmlight",
    ".libsvm": "svmlight",
    ".svmlight": "svmlight",
}


STRANGE = {  # how files begin that are no data, and what to do with them
    b"PK\x03\x04": "is an Excel workbook or another zip file; save it as CSV, or unpack it",
    b"PAR1": "is a Parquet file; say --format parquet, or name it .parquet",
    b"\x93NUMPY": "is a single array; save features and labels together, as X and y, with numpy.savez",
    b"\x89PNG": "is a picture; give a table, or arrays in an npz file",
    b"\xff\xfe": "is UTF-16 text; convert it, e.g. with iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "is UTF-16 text; convert it, e.g. with iconv -f UTF-16 -t UTF-8",
}


def read_file(source: Source, like: Features | None = None, labelled: bool = True) -> Dataset:
    """Read a file, or standard input for `-`.

    like      read it as the file a model was trained on: the same columns, options and index base
    labelled  whether labels are required; a file to predict may have none
    """
    packed = read_bytes(source.data)
    content = unpack(source.data, packed, source.max_unpacked)
    if not content or content.isspace():
        raise InputError(f"{source.data}: is empty; give a file with rows")
    known, kind = kind_of(source, like)
    strange = next((what for start, what in STRANGE.items() if content.startswith(start)), None)
    if strange and kind not in ("npz", "parquet"):
        raise InputError(f"{source.data}: {strange}")
    if b"linclf" in content[:100_000] and content[8:9] == b"{":
        raise InputError(f"{source.data}: is a model; data are expected here")
    try:
        dataset = parse(Raw(source, kind, hashlib.sha256(packed).hexdigest(), content), like, labelled)
    except InputError as error:
        if known:
            raise
        raise InputError(f"{error} (read as svmlight for want of a known suffix; see --format)") from None
    if not _may_be_cut(content, kind):
        return dataset
    return replace(dataset, notes=(*dataset.notes, "its last line has no line end; is the file whole?"))


def kind_of(source: Source, like: Features | None) -> tuple[bool, str]:
    """The format of a file, and whether anything says so. Raises InputError for options that it has no use for."""
    stem, suffix = os.path.splitext(source.data)
    if suffix.lower() in UNPACKERS:
        suffix = os.path.splitext(stem)[1]
    known = source.format or SUFFIXES.get(suffix.lower())
    if like is not None:  # what a model is given has the format of its training data, if nothing else says so
        known = known or like.format or ("csv" if source.data == "-" else None)
    kind = known or "svmlight"
    _check_options(source, kind, known is not None)
    return known is not None, kind


def parse(raw: Raw, like: Features | None, labelled: bool) -> Dataset:
    """The data set in what was read; arguments as of `read_file`."""
    if raw.format == "npz":
        return _read_npz(raw, like, labelled)
    if raw.format == "svmlight":
        return read_svmlight(raw, like)
    tables = {"jsonl": read_json_lines, "parquet": read_parquet}
    return tables.get(raw.format or "", read_delimited)(raw, like, labelled)


def _may_be_cut(content: bytes, kind: str) -> bool:
    """Whether text ends within a line: what a cut number or name was meant to be cannot be told from what is left."""
    return kind in ("csv", "tsv", "svmlight") and not content.endswith((b"\n", b"\r"))


def _check_options(source: Source, kind: str, known: bool) -> None:
    """Refuse options that another format has and this one has not."""
    table_options: dict[str, Any] = {f"--{option}": columns for option, columns in source.told().items()}
    table_options |= {
        "--target": source.target,
        "--no-header": not source.header,
        "--min-count": source.min_count != Source.min_count,
    }
    base_options: dict[str, Any] = {"--zero-based or --one-based": source.zero_based is not None}
    unfit = {"svmlight": table_options, "npz": {**table_options, **base_options}}.get(kind, base_options)
    if kind in ("jsonl", "parquet"):
        unfit = {**base_options, "--no-header": not source.header}
    for option, given in unfit.items():
        if given:
            if known:
                raise InputError(f"{source.data}: is read as {kind}, which has no use for {option}; leave it out")
            raise InputError(
                f"{source.data}: has no suffix that says its format, and svmlight has no use for {option}; "
                f"say --format {', '.join(FORMATS[:4])} or another"
            )


def _read_npz(raw: Raw, like: Features | None, labelled: bool) -> Dataset:
    """Arrays X, y or x_train, y_train and x_test, y_test; images and other blocks are flattened to rows."""
    name = raw.source.data
    limit = unpacked_limit(len(raw.content), raw.source.max_unpacked)
    try:
        with zipfile.ZipFile(io.BytesIO(raw.content)) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            found, twice = list(members), len(members) < len(archive.infolist())
            size = sum(member.file_size for member in members.values())  # no more is unpacked, whatever comes
            wanted = [key for key in found if key in ("X", "y") or key[2:] in ("train", "test")]
            arrays = {} if twice or size > limit else {key: _array(archive, members[key]) for key in wanted}
    except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds for a garbled archive
        reason = "holds Python objects, which linclf never loads" if "object" in str(error) else "is not an npz file"
        raise InputError(f"{name}: {reason}; save plain number arrays with numpy.savez") from None
    if twice:
        raise InputError(f"{name}: holds an array twice; save each under a name of its own")
    if size > limit:
        raise InputError(
            f"{name}: unpacks to {size / 1e6:.0f} MB, more than {limit / 1e6:.0f}; if that is right, say --max-unpacked"
        )
    test = None
    if "x_train" in arrays:
        part = _rows(arrays, "x_train", "y_train", name, labelled)
        if "x_test" in arrays:
            test = _rows(arrays, "x_test", "y_test", name, labelled)
    elif "X" in arrays:
        part = _rows(arrays, "X", "y", name, labelled)
    else:
        raise InputError(
            f"{name}: holds {', '.join(found) or 'nothing'}; the arrays must be X, y or x_train, y_train, ..."
        )
    if test is not None and test.X.shape[1] != part.X.shape[1]:
        raise InputError(
            f"{name}: x_train and x_test differ in their features: {part.X.shape[1]} and {test.X.shape[1]}"
        )
    raw.source.check_width(part.X.shape[1])
    if like is not None:
        fit_columns(part.X, like, name)
    features = like or Features(part.X.shape[1], format="npz")
    return Dataset(part.X, part.y, raw.source, features, raw.digest, test)


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    """An array of an npz file, read once its header is known to fit it. Raises ValueError for anything else."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read_header(file)
        if dtype.hasobject:
            raise ValueError("objects")
        if dtype.itemsize == 0:
            raise ValueError("cells that hold nothing")
        if math.prod(shape) * dtype.itemsize != member.file_size - file.tell():
            raise ValueError("the header does not fit the numbers")
        flat = np.frombuffer(file.read(), dtype)
    array = flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)
    return array.astype(np.float64) if array.dtype.kind == "f" and array.dtype.itemsize > 8 else array


def _rows(arrays: dict[str, Array], x: str, y: str, name: str, labelled: bool) -> Labelled:
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
            raise InputError(f"{name}: has no labels {y} beside {x}; save them under that name")
        return Labelled(X, None)
    target = labels.from_array(arrays[y], f"{name}: {y}")
    if len(target) != len(X):
        raise InputError(f"{name}: {len(X)} rows in {x} but {len(target)} labels in {y}; save one label per row")
    return Labelled(X, target)
