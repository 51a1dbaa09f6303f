"""Rows from standard input as they arrive: pieces of whole records, each read as a file of its own."""

import codecs
import re
import select
from collections.abc import Iterator
from dataclasses import replace
from io import BufferedReader
from typing import cast

from linclf.data.dataset import Dataset
from linclf.data.encoder import encoded
from linclf.data.readers.delimited import SEPARATORS
from linclf.data.readers.registry import kind_of, parse
from linclf.data.schema import Schema
from linclf.data.source import RawFile, Source
from linclf.errors import InputError
from linclf.storage.files import stdin

BY_LINES = ("csv", "tsv", "jsonl", "svmlight")  # formats whose records end with a line
PIECE = 1 << 22  # bytes of a piece, at most about
GRACE = 0.002  # seconds to wait for more: a pipe holds 64 KiB at a time, and larger pieces are read four times as fast


def streams(source: Source, like: Schema) -> bool:
    """Whether these data are standard input in a format that can be read piece by piece."""
    return source.data == "-" and kind_of(source, like)[1] in BY_LINES


def stream(source: Source, like: Schema) -> Iterator[Dataset]:
    """The rows on standard input in pieces, as soon as they are there, read for a model: X holds its features.

    Raises InputError where a row is wrong, after the rows before it.
    """
    _, kind = kind_of(source, like)
    separator = SEPARATORS.get(kind)
    headed = separator is not None and source.header and like.header
    header, skipped, empty = b"", 0, True
    for piece in whole_records(cast(BufferedReader, stdin()), separator):
        body = piece
        if headed and not header.strip():
            end = next((end for end in record_ends(piece, separator) if piece[:end].strip()), len(piece))
            header, body = header + piece[:end], piece[end:]
        if kind == "jsonl" and empty and body.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"["):
            body += stdin().read()  # one list: it ends with the input
        for dataset in _read(RawFile(source, kind, "", body, skipped), header, separator, like):
            empty = False
            yield dataset
        skipped += body.count(b"\n")
    if empty:
        raise InputError("-: holds no rows; give rows on standard input")


def _read(raw: RawFile, header: bytes, separator: str | None, like: Schema) -> Iterator[Dataset]:
    """The rows in whole records below a header, for a model. Raises InputError where one is wrong, after the rows before it."""
    if not raw.content.strip():
        return
    try:
        dataset = parse(replace(raw, content=header + raw.content), like.input_schema(), labelled=False)
        dataset = encoded(dataset, like) if like.columns else dataset
    except InputError:
        ends = [end for end in record_ends(raw.content, separator) if end < len(raw.content)]
        if not ends:
            raise
        middle = ends[len(ends) // 2]
        first, rest = raw.content[:middle], raw.content[middle:]
        yield from _read(replace(raw, content=first), header, separator, like)
        yield from _read(replace(raw, content=rest, skipped=raw.skipped + first.count(b"\n")), header, separator, like)
    else:
        yield dataset


def record_ends(content: bytes, separator: str | None) -> Iterator[int]:
    """Where the lines end that end a record."""
    scan = _Scan(separator)
    scan.feed(content)
    return scan.ends()


class _Scan:
    """Finds the ends of records in content that arrives in pieces, and looks at each byte once.

    As pandas reads it, a quote at the beginning of a cell opens one that may hold line ends, a doubled quote within it is
    a quote, and any other quote is a character like others. Without a separator every line is a record.
    """

    def __init__(self, separator: str | None) -> None:
        self.content, self.place, self.quoted = b"", 0, False
        self.opening = separator and re.compile(rb"(?:\A(?:\xef\xbb\xbf)?|(?<=[\n\r" + separator.encode() + rb'])) *"')

    def feed(self, more: bytes) -> None:
        """Add what has arrived."""
        self.content += more

    def drop(self, end: int) -> bytes:
        """Take away what has been dealt with."""
        taken, self.content, self.place = self.content[:end], self.content[end:], self.place - end
        return taken

    def ends(self) -> Iterator[int]:
        """The ends of records that have not been told yet, as far as content goes."""
        while True:
            if self.quoted:
                quote = self.content.find(b'"', self.place)
                self.place = quote if quote >= 0 else len(self.content)
                if quote < 0 or quote + 1 == len(self.content):  # it may be doubled
                    return
                doubled = self.content[quote + 1 : quote + 2] == b'"'
                self.place, self.quoted = quote + 1 + doubled, doubled
                continue
            found = self.opening.search(self.content, self.place) if self.opening else None
            limit = found.start() if found else len(self.content)
            while (line := self.content.find(b"\n", self.place, limit)) >= 0:
                self.place = line + 1
                yield self.place
            if not found:
                if self.opening:  # blanks before a quote that has not arrived belong to the cell that it opens
                    self.place = max(self.place, len(self.content.rstrip(b" ")))
                return
            self.place, self.quoted = found.end(), True


def whole_records(file: BufferedReader, separator: str | None) -> Iterator[bytes]:
    """What a file holds in pieces that end with a record's line, as soon as they can be read."""
    scan = _Scan(separator)
    while more := _available(file):
        scan.feed(more)
        last = max(scan.ends(), default=0)
        if last:
            yield scan.drop(last)
    if scan.content:
        yield scan.content


def _available(file: BufferedReader) -> bytes:
    """What can be read without waiting for long, at least a byte; nothing at the end of the file."""
    content = file.read1(PIECE)
    try:
        while content and len(content) < PIECE and select.select([file], [], [], GRACE)[0]:
            more = file.read1(PIECE)
            if not more:
                break
            content += more
    except (OSError, ValueError):  # what select cannot watch is read as it comes
        pass
    return content
