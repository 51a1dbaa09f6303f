"""The file formats, and the choice among them: by --format, else by the suffix."""

import hashlib
import os
from dataclasses import replace

from linclf.data.database import split_database
from linclf.data.dataset import Dataset
from linclf.data.readers import arff, arrow, delimited, excel, jsonl, npz, ods, parquet, sql, svmlight
from linclf.data.readers.base import Reader
from linclf.data.schema import Schema
from linclf.data.source import FLAGS, RawFile, Source
from linclf.errors import InputError
from linclf.storage.files import read_bytes
from linclf.storage.packed import packed_suffix, unpack

READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        delimited.CSV,
        delimited.TSV,
        jsonl.JSONL,
        parquet.PARQUET,
        arrow.ARROW,
        excel.EXCEL,
        ods.ODS,
        arff.ARFF,
        sql.SQLITE,
        sql.DUCKDB,
        svmlight.SVMLIGHT,
        npz.NPZ,
    )
}
FALLBACK = svmlight.SVMLIGHT  # where neither --format nor the suffix names a format
STANDARD_INPUT = delimited.CSV  # for rows to predict on standard input, if the model's data had no format
CUT_SHORT = "its last line has no line end; is the file complete?"
NOT_DATA = {
    # how files begin that no reader can read, and what to do with them
    excel.OLD: excel.OLD_HINT,
    b"\x93NUMPY": "is a single array; save features and labels together, as X and y, with numpy.savez",
    b"\x89PNG": "is a picture; give a table, or arrays in an npz file",
    b"\xff\xfe": "is UTF-16 text; convert it, e.g. with iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "is UTF-16 text; convert it, e.g. with iconv -f UTF-16 -t UTF-8",
}


def read_file(
    source: Source, model_schema: Schema | None = None, labelled: bool = True, keep: tuple[str, ...] = ()
) -> Dataset:
    """Read a file, or standard input for `-`.

    model_schema  read it as the file a model was trained on: the same columns, options and index base
    labelled  whether labels are required; a file to predict may have none
    keep      columns that are wanted as they are in the file, too
    Raises InputError for wrong data, AccessError for a file that cannot be read.
    """
    path, table = split_database(source.data)
    packed = read_bytes(path)
    content = unpack(path, packed, source.max_unpacked)
    reader, known = choose_reader(source, model_schema)
    check_content(path, content, reader)
    if table is not None and not reader.has_tables:
        raise InputError(f"{source.data}: is read as {reader.name}, which has no tables to name after ::; leave it out")
    digest = hashlib.sha256(packed).hexdigest()
    if table is not None:
        digest = hashlib.sha256(f"{digest} {table}".encode()).hexdigest()
    raw = RawFile(source, reader.name, digest, content, keep=keep)
    try:
        dataset = reader.read(raw, model_schema, labelled)
    except InputError as error:
        raise error if known else with_format(error, source, reader) from None
    return replace(dataset, notes=(*dataset.notes, CUT_SHORT)) if reader.may_be_cut_short(content) else dataset


def with_format(error: InputError, source: Source, reader: Reader) -> InputError:
    """The error for a file whose format is not known, with the format that it was read as."""
    return InputError(f"{error} ({_unknown_format(source)}, so it was read as {reader.name}; see --format)")


def choose_reader(source: Source, model_schema: Schema | None) -> tuple[Reader, bool]:
    """The reader of a file, and whether --format, the suffix or the model names its format; if not, it is FALLBACK.

    Raises InputError for a format that does not exist, and for options that the format does not understand.
    """
    name = _format_name(source, model_schema)
    reader = READERS.get(name) if name else FALLBACK
    if reader is None:
        raise InputError(f"{source.data}: there is no format {name!r}; the formats are {', '.join(READERS)}")
    field = reader.unsupported(source)
    if field is not None and name is None:
        fit = ", ".join(other.name for other in READERS.values() if field in other.options)
        raise InputError(f"{source.data}: {_unknown_format(source)}; pass --format {fit}")
    if field is not None:
        raise InputError(f"{source.data}: is read as {reader.name}, which has no use for {FLAGS[field]}; leave it out")
    return reader, name is not None


def is_database(source: Source, model_schema: Schema | None) -> bool:
    """Whether a file is read as a database."""
    reader = READERS.get(_format_name(source, model_schema) or "")
    return reader is not None and reader.has_tables


def _format_name(source: Source, model_schema: Schema | None) -> str | None:
    """The format of a file by --format, the suffix or the model; None if these do not say it."""
    suffix = _suffix(source.data)
    name = source.format or next((reader.name for reader in READERS.values() if suffix in reader.suffixes), None)
    if name is None and model_schema is not None:
        name = model_schema.format or (STANDARD_INPUT.name if source.data == "-" else None)
    return name


def _suffix(path: str) -> str:
    """The suffix that decides the format, in lower case: that of t.CSV.gz is .csv, and that of t.db::TABLE is .db."""
    path = split_database(path)[0]
    stem, suffix = os.path.splitext(path)
    if packed_suffix(path):
        suffix = os.path.splitext(stem)[1]
    return suffix.lower()


def _unknown_format(source: Source) -> str:
    suffix = _suffix(source.data)
    return f"cannot tell the format from {suffix!r}" if suffix else "cannot tell the format without a suffix"


def check_content(name: str, content: bytes, reader: Reader) -> None:
    """Refuse an empty file, and files of another kind that are easily recognised, with what to do. Raises InputError."""
    if not content or content.isspace():
        raise InputError(f"{name}: is empty; give a file with rows")
    begins = {other.first_bytes: other.first_bytes_hint for other in READERS.values() if other.first_bytes}
    hint = next((hint for start, hint in (begins | NOT_DATA).items() if content.startswith(start)), None)
    if hint and not reader.first_bytes:  # a binary format checks its own files
        raise InputError(f"{name}: {hint}")
    if b"linclf" in content[:100_000] and content[8:9] == b"{":
        raise InputError(f"{name}: is a model; data are expected here")
