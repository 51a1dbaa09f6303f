"""Read rows from standard input as they arrive, in pieces of whole records that are parsed like small files."""

import codecs
import re
import select
from collections.abc import Iterator
from dataclasses import replace
from io import BufferedReader
from itertools import chain
from typing import cast

from linclf.data.dataset import Dataset
from linclf.data.encoder import encoded
from linclf.data.readers.base import Reader
from linclf.data.readers.registry import choose_reader
from linclf.data.schema import Schema
from linclf.data.source import RawFile, Source
from linclf.errors import InputError
from linclf.storage.files import stdin

PIECE = 1 << 22  # the largest size of a piece in bytes, approximately
WAIT = 0.002  # seconds to wait for more bytes: a pipe passes 64 KiB at a time, and parsing larger pieces is 4 times as fast


def streams(source: Source, model_schema: Schema) -> bool:
    """Whether these data are standard input in a format that can be read in pieces; raises as `choose_reader`."""
    return source.data == "-" and choose_reader(source, model_schema)[0].by_lines


def stream(source: Source, model_schema: Schema) -> Iterator[Dataset]:
    """Yield the rows on standard input in pieces as they arrive; X contains the features of the schema `model_schema`.

    Raises InputError for a wrong row, after yielding the rows before it.
    """
    reader, _ = choose_reader(source, model_schema)
    pieces = whole_records(cast(BufferedReader, stdin()), reader.separator)
    start = b""
    while not start.strip() and (piece := next(pieces, b"")):
        start += piece
    header = b""
    if reader.has_header:
        headed = reader.has_header(RawFile(source, reader.name, "", start), model_schema)
        source = replace(source, header=headed)  # also for later pieces, whose first rows may look like a header
        if headed:
            end = next((end for end in record_ends(start, reader.separator) if start[:end].strip()), len(start))
            header, start = start[:end], start[end:]
    if reader.array_start and _begins_with(start, reader.array_start):
        start += stdin().read()
    piece_reader, skipped, empty = _PieceReader(reader, source, model_schema, header), 0, True
    for body in chain([start], pieces):
        for dataset in piece_reader.read(body, skipped):
            empty = False
            yield dataset
        skipped += body.count(b"\n")
    if empty:
        raise InputError("-: contains no rows; give rows on standard input")


class _PieceReader:
    """Read pieces of a file one after the other, all in the same way: what the first rows say about the columns of the file
    is true of the others.

    header   the line with the names of the columns, read before each piece; empty for none
    """

    def __init__(self, reader: Reader, source: Source, model_schema: Schema, header: bytes) -> None:
        self.reader, self.source, self.schema, self.header = reader, source, model_schema, header
        self.wanted = model_schema.input_schema()
        self.columns: tuple[str, ...] = ()

    def read(self, content: bytes, skipped: int) -> Iterator[Dataset]:
        """Yield the rows in whole records after `skipped` lines. Raises InputError as `stream`: a piece with a wrong row is
        halved until that row is found."""
        if not content.strip():
            return
        raw = RawFile(self.source, self.reader.name, "", self.header + content, skipped, self.columns)
        try:
            dataset = self.reader.read(raw, self.wanted, False)
            features = encoded(dataset, self.schema)
        except InputError:
            ends = [end for end in record_ends(content, self.reader.separator) if end < len(content)]
            if not ends:
                raise
            middle = ends[len(ends) // 2]
            yield from self.read(content[:middle], skipped)
            yield from self.read(content[middle:], skipped + content[:middle].count(b"\n"))
        else:
            self.columns = dataset.schema.names or ()
            if "zero_based" in self.reader.options:
                self.source = replace(self.source, zero_based=dataset.schema.zero_based)
            yield features


def _begins_with(content: bytes, start: bytes) -> bool:
    return content.removeprefix(codecs.BOM_UTF8).lstrip().startswith(start)


def record_ends(content: bytes, separator: str | None) -> Iterator[int]:
    """Yield the positions of the line ends that end a record."""
    scan = _Scan(separator)
    scan.feed(content)
    return scan.ends()


class _Scan:
    """Find the ends of records in content that arrives in pieces; each byte is scanned once.

    The rules are those of pandas: a quote at the beginning of a cell opens a quoted cell, which may contain line ends;
    a doubled quote within it is a quote; any other quote is an ordinary character. Without a separator every line is a
    record.
    """

    def __init__(self, separator: str | None) -> None:
        self.content, self.position, self.quoted = b"", 0, False
        self.opening = separator and re.compile(rb"(?:\A(?:\xef\xbb\xbf)?|(?<=[\n\r" + separator.encode() + rb'])) *"')

    def feed(self, more: bytes) -> None:
        """Append bytes that have arrived."""
        self.content += more

    def drop(self, end: int) -> bytes:
        """Remove the content before `end` and return it."""
        taken, self.content, self.position = self.content[:end], self.content[end:], self.position - end
        return taken

    def ends(self) -> Iterator[int]:
        """Yield the ends of records in the content that have not been yielded before."""
        while True:
            if self.quoted:
                quote = self.content.find(b'"', self.position)
                self.position = quote if quote >= 0 else len(self.content)
                if quote < 0 or quote + 1 == len(self.content):  # the next byte may double it
                    return
                doubled = self.content[quote + 1 : quote + 2] == b'"'
                self.position, self.quoted = quote + 1 + doubled, doubled
                continue
            found = self.opening.search(self.content, self.position) if self.opening else None
            limit = found.start() if found else len(self.content)
            while (line := self.content.find(b"\n", self.position, limit)) >= 0:
                self.position = line + 1
                yield self.position
            if not found:
                if self.opening:  # blanks may be followed by a quote that has not arrived and opens a cell
                    self.position = max(self.position, len(self.content.rstrip(b" ")))
                return
            self.position, self.quoted = found.end(), True


def whole_records(file: BufferedReader, separator: str | None) -> Iterator[bytes]:
    """Yield the content of a file in pieces that end with the last line of a record, as soon as they can be read."""
    scan = _Scan(separator)
    while more := _available(file):
        scan.feed(more)
        last = max(scan.ends(), default=0)
        if last:
            yield scan.drop(last)
    if scan.content:
        yield scan.content


def _available(file: BufferedReader) -> bytes:
    """The bytes that can be read without a long wait, at least one, or none at the end of the file."""
    content = file.read1(PIECE)
    try:
        while content and len(content) < PIECE and select.select([file], [], [], WAIT)[0]:
            more = file.read1(PIECE)
            if not more:
                break
            content += more
    except (OSError, ValueError):  # select does not support this file: return the bytes read so far
        pass
    return content
