"""Read several files of one format, named by a pattern such as part-*.csv, as one."""

import glob
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from linclf.data.database import split_database
from linclf.data.dataset import Dataset
from linclf.data.file_lines import FileLines, place_in_files
from linclf.data.readers.base import Piece, Reader, count_lines
from linclf.data.readers.named import is_name
from linclf.data.readers.registry import CUT_SHORT, check_content, choose_reader, decoded, with_format
from linclf.data.schema import Schema
from linclf.data.source import RawFile, Source
from linclf.data.table import Table, listed
from linclf.errors import InputError
from linclf.storage.files import read_bytes
from linclf.storage.packed import unpack

SHOWN = 12  # files named in a note


def matching_files(data: str) -> list[str] | None:
    """The files that match DATA as a pattern, in natural order: part-2 before part-10. None for DATA that has none of * ? [ in it,
    for the name of a data set or of a file that exists, and for a table or query of a database. Raises InputError if no file matches."""
    if not glob.has_magic(data) or is_name(data) or os.path.exists(data) or split_database(data)[1] is not None:
        return None
    found = [path for path in glob.glob(data, recursive=True) if not os.path.isdir(path)]
    if not found:
        raise InputError(f"{data}: there is no file that matches this pattern")
    return sorted(found, key=lambda path: ([_number(text) for text in re.split(r"(\d+)", path)], path))


def _number(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def read_files(
    source: Source,
    files: Sequence[str],
    model_schema: Schema | None = None,
    labelled: bool = True,
    keep: tuple[str, ...] = (),
) -> Dataset:
    """Read files one after the other as if they were one; the arguments and errors are those of `registry.read_file`.

    files  as from `matching_files`
    Errors name the file that they are in. The digest is that of the digests of all files, in their order.
    """
    raws, reader, known, decoding = _read_all(source, files, model_schema)
    if reader.join is None:
        raise InputError(
            f"{source.data}: several {reader.name} files cannot be read as one; save their rows in one file"
        )
    digest = hashlib.sha256("".join(raw.digest for raw in raws).encode()).hexdigest()
    try:
        pieces = reader.join(raws, model_schema)
        places = _places(raws, pieces) if reader.by_lines else ()
        read = _settled(source, raws[0], reader, model_schema)
        raw = RawFile(read, reader.name, digest, b"".join(piece.content for piece in pieces), keep=keep)
        with _placing_errors(source, places):
            dataset = reader.read(raw, model_schema, labelled)
    except InputError as error:
        raise error if known else with_format(error, source, reader) from None
    if isinstance(dataset.X, Table):
        dataset = replace(dataset, X=replace(dataset.X, files=places))
    cut = [f"{raw.source.data}: {CUT_SHORT}" for raw in raws if reader.may_be_cut_short(raw.content)]
    note = f"{len(files)} files were read as one: {listed(files, SHOWN)}"
    return replace(dataset, source=source, notes=(note, *decoding, *dataset.notes, *cut))


def _settled(source: Source, first: RawFile, reader: Reader, model_schema: Schema | None) -> Source:
    """How the joined content is read: as the first file is written, without the lines that were left out of each."""
    read = source.as_trained(model_schema.na_values if model_schema else ())
    if reader.settle is None:
        return read
    written = reader.settle(first, model_schema).raw.source
    return replace(read, sep=written.sep, header=written.header, skip_rows=0, comment=None)


def _read_all(
    source: Source, files: Sequence[str], model_schema: Schema | None
) -> tuple[list[RawFile], Reader, bool, list[str]]:
    """The files, their reader, whether their format is known, as from `choose_reader`, and notes. Raises InputError if they differ
    in the format."""
    raws: list[RawFile] = []
    notes: list[str] = []
    chosen = [choose_reader(replace(source, data=file), model_schema) for file in files]
    reader, known = chosen[0]
    for file, (other, _) in zip(files, chosen, strict=True):
        if other is not reader:
            raise InputError(
                f"{file}: is read as {other.name}, but {files[0]} as {reader.name}; give files of one format, or pass --format"
            )
        packed = read_bytes(file)
        content = unpack(file, packed, source.max_unpacked)
        check_content(file, content, reader)
        digest = hashlib.sha256(packed).hexdigest()
        one = replace(source, data=file)
        content, note = decoded(one, content, reader)
        notes += [] if note is None else [f"{file}: {note}"]
        raws.append(RawFile(one, reader.name, digest, content))
    return raws, reader, known, notes


def _places(raws: Sequence[RawFile], pieces: Sequence[Piece]) -> tuple[FileLines, ...]:
    """Where the lines of the files are in the joined content."""
    places, first = [], 1
    for raw, piece in zip(raws, pieces, strict=True):
        places.append(FileLines(first, raw.source.data, 1 + piece.skipped))
        first += count_lines(piece.content)
    return tuple(places)


@contextmanager
def _placing_errors(source: Source, places: Sequence[FileLines]) -> Iterator[None]:
    """Name the file and its line in an error that begins with a line of the joined content."""
    try:
        yield
    except InputError as error:
        found = re.match(re.escape(source.data) + r":(\d+)(?=:)", str(error))
        if found is None or not places:
            raise
        raise InputError(place_in_files(places, int(found[1])) + str(error)[found.end() :]) from None
