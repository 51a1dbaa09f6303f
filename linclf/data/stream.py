"""Read rows to predict in pieces of whole records that are parsed like small files: of a file, or from standard input as they
arrive."""

import codecs
import io
import os
import select
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import BinaryIO, NamedTuple, cast

from linclf.data.cell_counts import CellCounts, count_cells
from linclf.data.columns.base import Unknown
from linclf.data.dataset import Dataset
from linclf.data.encoder import encode, encoded, unknown_notes
from linclf.data.load import check_path, load
from linclf.data.readers.base import Reader
from linclf.data.readers.beginning import is_enough
from linclf.data.readers.dialect import SAMPLE, decimal_evidence, first_record, separator_of
from linclf.data.readers.encoding import Transcoder
from linclf.data.readers.named import is_name
from linclf.data.readers.no_rows import without_no_rows
from linclf.data.readers.registry import CUT_SHORT, check_content, choose_reader, read_file, with_format
from linclf.data.readers.several import matching_files, read_files
from linclf.data.records import RecordScan, record_ends
from linclf.data.schema import Schema
from linclf.data.source import RawFile, Source
from linclf.data.table import Table
from linclf.errors import InputError
from linclf.optim.linalg import Matrix
from linclf.storage.files import reading
from linclf.storage.packed import packed_suffix, unpacked

PIECE = 1 << 22  # the largest size of a piece in bytes, approximately
BEGINNING = SAMPLE  # bytes of a file that tell how it is written
WAIT = 0.002  # seconds to wait for more bytes: a pipe passes 64 KiB at a time, and parsing larger pieces is 4 times as fast
MAX_NOTES = 100  # notes on standard input, which may be endless
MAX_UNKNOWN = 100_000  # unknown cells of a column that are told apart
OTHERS = "(others)"  # and what the rest of them is called


class Piece(NamedTuple):
    """Rows to predict.

    X       (n, d), the features of the model
    kept    the columns that were to be kept, as in `Dataset.kept`
    locate  the place of a row in the data, for messages, to follow their name
    counts  the cells as the model reads them
    """

    X: Matrix
    kept: tuple[list[object], ...]
    locate: Callable[[int], str]
    counts: CellCounts


def stream(
    source: Source, model_schema: Schema, keep: tuple[str, ...] = (), on_note: Callable[[str], None] = lambda _: None
) -> Iterator[Piece]:
    """Yield the rows of data in pieces, as features of the schema `model_schema`: named sets and formats without lines, and text
    that has to be known as a whole, as one piece.

    keep     columns of the file that are wanted as they are
    on_note  what to do with a note: cells that training never saw are counted over a whole file, but reported at once for
             standard input, which may not end
    Raises InputError for a wrong row, after yielding the rows before it on standard input, or the pieces before it of a file.
    """
    if is_name(source.data):
        if keep:
            raise InputError(
                f"{source.data}: --keep copies columns of a table, and this is a named data set; leave it out"
            )
        yield _whole(load(source, model_schema, labelled=False), model_schema, on_note)
        return
    files = matching_files(source.data)
    if files is not None:
        yield from _stream_files(source, files, model_schema, keep, on_note)
        return
    check_path(source.data)
    reader, known = choose_reader(source, model_schema)
    if keep and "drop" not in reader.options:
        raise InputError(f"{source.data}: --keep copies columns of a table, and {reader.name} has none; leave it out")
    notes = _Notes(source.data, model_schema, on_note)
    if not reader.by_lines:
        dataset = read_file(source, model_schema.input_schema(), False, keep)
        yield _whole(dataset, model_schema, on_note)
        return
    with reading(source.data) as file:
        text = Transcoder(source.data, _unpacked(file, source), source.encoding)
        try:
            yield from _pieces(cast(BinaryIO, text), reader, source, model_schema=model_schema, keep=keep, notes=notes)
        except InputError as error:
            raise error if known else with_format(error, source, reader) from None
        notes.say([note] if (note := text.note()) else [])
    notes.end()


def _stream_files(
    source: Source, files: list[str], model_schema: Schema, keep: tuple[str, ...], on_note: Callable[[str], None]
) -> Iterator[Piece]:
    """The rows of several files, one file after the other; of svmlight text as a whole, which decides where its indices begin."""
    if "zero_based" in choose_reader(replace(source, data=files[0]), model_schema)[0].options and not keep:
        yield _whole(read_files(source, files, model_schema.input_schema(), labelled=False), model_schema, on_note)
        return
    for file in files:
        for piece in stream(replace(source, data=file), model_schema, keep, on_note):
            yield piece._replace(locate=partial(_place_in, file, piece.locate))


def _place_in(file: str, locate: Callable[[int], str], row: int) -> str:
    """The place of a row in one of several files."""
    return f": {file}{locate(row)}"


def _whole(dataset: Dataset, model_schema: Schema, on_note: Callable[[str], None]) -> Piece:
    """All rows of a data set."""
    features = encoded(dataset, model_schema)
    for note in features.named_notes():
        on_note(note)
    X = features.all_rows().matrix()
    counts = features.counts if features.counts and features.test is None else count_cells(X, X, {}, model_schema)
    return Piece(X, dataset.kept, _locate(dataset, 0), counts)


def _locate(dataset: Dataset, first: int) -> Callable[[int], str]:
    """The place of a row of these, the first of which is row `first` of the data."""
    X = dataset.X
    if isinstance(X, Table) and X.lines is not None:
        return X.locate
    return lambda row: f": row {first + row} (from 0)"


class _Notes:
    """The notes on the pieces of a file, each once."""

    def __init__(self, data: str, schema: Schema, on_note: Callable[[str], None]) -> None:
        self.data, self.schema, self.on_note = data, schema, on_note
        self.said: set[str] = set()
        self.unknown: dict[str, Unknown] = {}

    def say(self, notes: list[str] | tuple[str, ...]) -> None:
        """Pass on those notes that are new."""
        for note in notes:
            if note not in self.said and (self.data != "-" or len(self.said) < MAX_NOTES):
                self.said.add(note)
                self.on_note(f"{self.data}: {note}")

    def count(self, unknown: dict[str, Unknown]) -> None:
        """Count unknown cells."""
        if self.data == "-":
            self.say(unknown_notes(unknown, self.schema))
            return
        for name, cells in unknown.items():
            counts = self.unknown.setdefault(name, {})
            for cell, count in cells.items():
                key = cell if cell in counts or len(counts) < MAX_UNKNOWN else OTHERS
                counts[key] = counts.get(key, 0) + count

    def end(self) -> None:
        """Report the unknown cells of a file."""
        self.say(unknown_notes(self.unknown, self.schema))


def _pieces(
    file: BinaryIO, reader: Reader, source: Source, *, model_schema: Schema, keep: tuple[str, ...], notes: _Notes
) -> Iterator[Piece]:
    """Yield the rows of a file of text whose records end with a line."""
    chunks = available(file)
    first = _beginning(chunks, source, model_schema) if reader.settle else next(chunks, b"")
    separator = reader.separator
    if reader.settle and first:
        separator = reader.settle(RawFile(source, reader.name, "", first, whole=False), model_schema).raw.source.sep
    pieces = whole_records(chain([first], chunks), None if separator == " " else separator)
    start = b""
    while not reader.has_records(start) and (piece := next(pieces, b"")):
        start += piece
    if source.data != "-" or start.strip():
        check_content(source.data, start, reader)
    base = source.zero_based is None and model_schema.zero_based is None and "zero_based" in reader.options
    if (base and source.data != "-") or (reader.array_start and _begins_with(start, reader.array_start)):
        start += b"".join(pieces)  # the base of the indices, or an array, is known from the whole
    header, skipped, width = b"", 0, 0
    if reader.settle:
        settled = reader.settle(RawFile(source, reader.name, "", start, whole=False), model_schema)
        if _may_tell_later(source, settled.raw):
            settled = replace(settled, raw=replace(settled.raw, source=replace(settled.raw.source, decimal=None)))
        source, start, skipped = settled.raw.source, settled.raw.content, settled.raw.skipped  # also for later pieces
        notes.say(settled.notes)
        if source.header:
            end = next((end for end in record_ends(start, separator) if start[:end].strip()), len(start))
            header, start = start[:end], start[end:]
    piece_reader = _PieceReader(reader, source, model_schema, separator, header=header, keep=keep, notes=notes)
    ending = _Ending(chain([start], pieces), header)
    contents: Iterator[bytes] = iter(ending)
    if reader.settle:
        width = len(first_record(header or start, source))
        contents = without_no_rows(contents, header, source, width, notes.say, has_end=not _arrives(source))
    for content in contents:
        yield from piece_reader.read(content, skipped)
        skipped += content.count(b"\n")
    if not piece_reader.rows:
        if source.data == "-":
            raise InputError("-: contains no rows; give rows on standard input")
        reader.read(RawFile(source, reader.name, "", header + start, whole=False), model_schema.input_schema(), False)
    if reader.may_be_cut_short(ending.last) and source.data != "-":
        notes.say([CUT_SHORT])


def _beginning(chunks: Iterator[bytes], source: Source, model_schema: Schema) -> bytes:
    """As much of the text as tells how it is written: of text that arrives bit by bit, no more than it takes."""
    content = b""
    for chunk in chunks:
        content += chunk
        if is_enough(content, source, model_schema) if _arrives(source) else len(content) >= BEGINNING:
            break
    return content


def _arrives(source: Source) -> bool:
    """Whether the data may arrive bit by bit, from standard input or a named pipe: rows must not wait for later ones."""
    return not os.path.isfile(source.data)


def _may_tell_later(source: Source, beginning: RawFile) -> bool:
    """Whether the decimal mark of data that arrive bit by bit is still open: each piece is then read by what it tells itself."""
    sep = separator_of(beginning.source)
    return (
        _arrives(source) and source.decimal is None and sep != "," and decimal_evidence(beginning.content, sep) is None
    )


class _Ending:
    """Pieces that are passed on; `last` is the last of them that is not empty, or what was before them."""

    def __init__(self, pieces: Iterable[bytes], before: bytes) -> None:
        self.pieces, self.last = pieces, before

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.last = piece or self.last
            yield piece


class _PieceReader:
    """Read pieces of a file one after the other, all in the same way: what the first rows say about the columns of the file
    is true of the others.

    separator   between the cells of a line
    header   the line with the names of the columns, read before each piece; empty for none
    rows     the number of rows read so far
    """

    def __init__(
        self,
        reader: Reader,
        source: Source,
        model_schema: Schema,
        separator: str | None,
        *,
        header: bytes,
        keep: tuple[str, ...],
        notes: _Notes,
    ) -> None:
        self.reader, self.source, self.schema, self.header, self.notes = reader, source, model_schema, header, notes
        self.separator = separator
        self.wanted, self.keep, self.rows = model_schema.input_schema(), keep, 0
        self.columns: tuple[str, ...] = ()

    def read(self, content: bytes, skipped: int) -> Iterator[Piece]:
        """Yield the rows in whole records after `skipped` lines. Raises InputError as `stream`: a piece of standard input with
        a wrong row is halved until that row is found, so that every row that arrived before it is predicted."""
        if not self.reader.has_records(content):
            return
        source = self.source.as_trained(self.schema.na_values)
        raw = RawFile(
            source, self.reader.name, "", self.header + content, skipped, self.columns, self.keep, whole=False
        )
        try:
            dataset = self.reader.read(raw, self.wanted, False)
            X, unknown = encode(dataset.X, self.schema, self.source.data)
        except InputError:
            ends = [end for end in record_ends(content, self.separator) if end < len(content)]
            if self.source.data != "-" or not ends:
                raise
            middle = ends[len(ends) // 2]
            yield from self.read(content[:middle], skipped)
            yield from self.read(content[middle:], skipped + content[:middle].count(b"\n"))
            return
        self.columns = dataset.columns
        if "zero_based" in self.reader.options:
            self.source = replace(self.source, zero_based=dataset.schema.zero_based)
        self.notes.say(dataset.notes)
        self.notes.count(unknown)
        counts = count_cells(dataset.X, X, unknown, self.schema)
        yield Piece(X, dataset.kept, _locate(dataset, self.rows), counts)
        self.rows += X.shape[0]


def _begins_with(content: bytes, start: bytes) -> bool:
    return content.removeprefix(codecs.BOM_UTF8).lstrip().startswith(start)


def whole_records(chunks: Iterable[bytes], separator: str | None) -> Iterator[bytes]:
    """Yield content that arrives in chunks in pieces that end with the last line of a record."""
    scan = RecordScan(separator)
    for more in chunks:
        scan.feed(more)
        last = max(scan.ends(), default=0)
        if last:
            yield scan.drop(last)
    if scan.content:
        yield scan.content


def available(file: BinaryIO) -> Iterator[bytes]:
    """Yield the content of a file in chunks, as soon as they can be read without a long wait."""
    read1 = getattr(file, "read1", file.read)
    while content := read1(PIECE):
        try:
            while len(content) < PIECE and select.select([file], [], [], WAIT)[0]:
                more = read1(PIECE - len(content))
                if not more:
                    break
                content += more
        except (OSError, ValueError):  # select does not support this file: yield the bytes read so far
            pass
        yield content


class _Unpacked(io.RawIOBase):
    """A packed file, unpacked as it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces = pieces

    def read1(self, size: int) -> bytes:
        """About as many bytes, none at the end."""
        content = b""
        while len(content) < size and (piece := next(self.pieces, b"")):
            content += piece
        return content


def _unpacked(file: BinaryIO, source: Source) -> BinaryIO:
    if packed_suffix(source.data) is None:
        return file
    size = os.fstat(file.fileno()).st_size
    return cast(BinaryIO, _Unpacked(unpacked(source.data, file, size, source.max_unpacked)))
