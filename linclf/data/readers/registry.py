"""The file formats, and the choice among them: by --format, else by the suffix."""

import hashlib
import os
import re
from dataclasses import replace

from linclf.data.database import split_database
from linclf.data.dataset import Dataset
from linclf.data.readers import arff, arrow, delimited, excel, jsonl, npy, npz, ods, parquet, sql, svmlight
from linclf.data.readers.base import Reader
from linclf.data.readers.encoding import guess_encoding, to_utf8
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
        npy.NPY,
    )
}
LOOKED_AT = 1 << 16  # bytes of a file whose name does not tell its format
_SVMLIGHT_LINE = re.compile(rb"\s*[-+]?[\d.]+([eE][-+]?\d+)?((\s+\d+:\S+)+\s*|\s*)(#.*)?")
FALLBACK = svmlight.SVMLIGHT  # where neither --format nor the suffix names a format
STANDARD_INPUT = delimited.CSV  # for rows to predict on standard input, if the model's data had no format
CUT_SHORT = "its last line has no line end; is the file complete?"
NOT_DATA = {
    # how files begin that no reader can read, and what to do with them
    excel.OLD: excel.OLD_HINT,
    b"\x89PNG": "is a picture; give a table, or arrays in an npz file",
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
    reader, known = choose_reader(source, model_schema, content[:LOOKED_AT])
    check_content(path, content, reader)
    if table is not None and not reader.has_tables:
        raise InputError(f"{source.data}: is read as {reader.name}, which has no tables to name after ::; leave it out")
    digest = hashlib.sha256(packed).hexdigest()
    if table is not None:
        digest = hashlib.sha256(f"{digest} {table}".encode()).hexdigest()
    content, note = decoded(source, content, reader)
    read = source.as_trained(model_schema.na_values if model_schema else ())
    raw = RawFile(read, reader.name, digest, content, keep=keep)
    try:
        dataset = reader.read(raw, model_schema, labelled)
    except InputError as error:
        raise error if known else with_format(error, source, reader) from None
    notes = [*([] if note is None else [note]), *dataset.notes, *[CUT_SHORT] * reader.may_be_cut_short(content)]
    return replace(dataset, source=source, notes=tuple(notes))


def decoded(source: Source, content: bytes, reader: Reader) -> tuple[bytes, str | None]:
    """The content of a file, text as UTF-8; and a note if its encoding was guessed."""
    return to_utf8(source.data, content, source.encoding) if "encoding" in reader.options else (content, None)


def with_format(error: InputError, source: Source, reader: Reader) -> InputError:
    """The error for a file whose format is not known, with the format that it was read as."""
    return InputError(f"{error} ({_unknown_format(source)}, so it was read as {reader.name}; see --format)")


def choose_reader(source: Source, model_schema: Schema | None, start: bytes = b"") -> tuple[Reader, bool]:
    """The reader of a file, and whether --format, the suffix, the model or its first line names its format; if not, it is
    FALLBACK. `start` is the beginning of the file.

    Raises InputError for a format that does not exist, and for options that the format does not understand.
    """
    name = _format_name(source, model_schema)
    if name is None and (found := _by_look(start)) is not None:
        name = found.name
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


def _by_look(start: bytes) -> Reader | None:
    """The format of text by its first lines: objects of JSON, pairs INDEX:VALUE, or cells with a separator; None for none."""
    text = start.decode(guess_encoding(start), "replace").removeprefix("\ufeff").encode("utf-8", "replace")
    lines = [line for line in text.splitlines()[:100] if line.strip() and line[:1] != b"#"]
    if not lines:
        return None
    if lines[0].lstrip().startswith((b'{"', b"[{")):
        return jsonl.JSONL
    if all(_SVMLIGHT_LINE.fullmatch(line) for line in lines[:-1] or lines):
        return svmlight.SVMLIGHT
    return delimited.CSV if len(lines) > 1 and re.search(rb"[,;\t| ]", lines[0]) else None


def may_have_parts(source: Source) -> bool:
    """Whether a file of this format may have validation and test rows of its own. Raises InputError as `choose_reader`."""
    return choose_reader(source, None)[0].may_have_parts


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
