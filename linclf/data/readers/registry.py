"""Files -> Dataset: the suffix or --format decides which reader."""

import hashlib
import os
from dataclasses import replace
from typing import Any

from linclf.data.dataset import Dataset
from linclf.data.readers.delimited import read_delimited
from linclf.data.readers.jsonl import read_json_lines
from linclf.data.readers.npz import read_npz
from linclf.data.readers.parquet import read_parquet
from linclf.data.readers.svmlight import read_svmlight
from linclf.data.schema import Schema
from linclf.data.source import RawFile, Source
from linclf.errors import InputError
from linclf.storage.files import UNPACKERS, read_bytes, unpack

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


def read_file(source: Source, like: Schema | None = None, labelled: bool = True) -> Dataset:
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
        dataset = parse(RawFile(source, kind, hashlib.sha256(packed).hexdigest(), content), like, labelled)
    except InputError as error:
        if known:
            raise
        raise InputError(f"{error} (read as svmlight for want of a known suffix; see --format)") from None
    if not _may_be_cut(content, kind):
        return dataset
    return replace(dataset, notes=(*dataset.notes, "its last line has no line end; is the file whole?"))


def kind_of(source: Source, like: Schema | None) -> tuple[bool, str]:
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


def parse(raw: RawFile, like: Schema | None, labelled: bool) -> Dataset:
    """The data set in what was read; arguments as of `read_file`."""
    if raw.format == "npz":
        return read_npz(raw, like, labelled)
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
