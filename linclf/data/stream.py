"""Read rows from standard input as they arrive, in pieces of whole records that are parsed like small files."""

import codecs
import re
import select
from collections.abc import Iterator
from dataclasses import replace
from io import BufferedReader
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
    headed = "header" in reader.options and source.header and model_schema.header
    header, skipped, empty = b"", 0, True
    for piece in whole_records(cast(BufferedReader, stdin()), reader.separator):
        body = piece
        if headed and not header.strip():
            end = next((end for end in record_ends(piece, reader.separator) if piece[:end].strip()), len(piece))
            header, body = header + piece[:end], piece[end:]
        if reader.array_start and empty and _begins_with(body, reader.array_start):
            body += stdin().read()
        for dataset in _read(reader, RawFile(source, reader.name, "", body, skipped), header, model_schema):
            empty = False
            yield dataset
        skipped += body.count(b"\n")
    if empty:
        raise InputError("-: contains no rows; give rows on standard input")


def _read(reader: Reader, raw: RawFile, header: bytes, model_schema: Schema) -> Iterator[Dataset]:
    """Yield the rows in `raw`, which has whole records, below a header. Raises InputError as `stream`: a piece with a
    wrong row is halved until that row is found."""
    if not raw.content.strip():
        return
    try:
        dataset = reader.read(replace(raw, content=header + raw.content), model_schema.input_schema(), False)
        dataset = encoded(dataset, model_schema)
    except InputError:
        ends = [end for end in record_ends(raw.content, reader.separator) if end < len(raw.content)]
        if not ends:
            raise
        middle = ends[len(ends) // 2]
        first, rest = raw.content[:middle], raw.content[middle:]
        yield from _read(reader, replace(raw, content=first), header, model_schema)
        yield from _read(
            reader, replace(raw, content=rest, skipped=raw.skipped + first.count(b"\n")), header, model_schema
        )
    else:
        yield dataset


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
