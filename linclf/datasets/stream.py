"""Rows from standard input as they arrive: pieces of whole records, each read as a file of its own."""

import select
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from linclf.datasets.dataset import Dataset, Features, Raw, Source
from linclf.datasets.encoding import encoded
from linclf.datasets.readers import kind_of, parse
from linclf.errors import InputError

BY_LINES = ("csv", "tsv", "jsonl", "svmlight")  # formats whose records end with a line
PIECE = 1 << 22  # bytes of a piece, at most about
GRACE = 0.002  # seconds to wait for more: a pipe holds 64 KiB at a time, and larger pieces are read four times as fast


def streams(source: Source, like: Features) -> bool:
    """Whether these data are standard input in a format that can be read piece by piece."""
    return source.data == "-" and kind_of(source, like)[1] in BY_LINES


def stream(source: Source, like: Features) -> Iterator[Dataset]:
    """The rows on standard input in pieces, as soon as they are there, read for a model: X holds its features.

    Raises InputError where a row is wrong, after the rows before it.
    """
    _, kind = kind_of(source, like)
    tabular = kind in ("csv", "tsv")
    headed = tabular and source.header and like.header
    header, skipped, empty = b"", 0, True
    for piece in whole_records(sys.stdin.buffer, quoted=tabular):
        content = header + piece
        if headed and not header:
            if not piece.strip():
                skipped += piece.count(b"\n")
                continue
            end = _first_record(piece)
            if not piece[end:].strip():  # no row yet
                if not piece.endswith(b"\n"):
                    break
                header = piece
                continue
            header = piece[:end]
        body = content[len(header) :]
        for dataset in _read(Raw(source, kind, "", body, skipped), header, like):
            empty = False
            yield dataset
        skipped += body.count(b"\n")
    if empty:
        raise InputError("-: holds no rows; give rows on standard input")


def _read(raw: Raw, header: bytes, like: Features) -> Iterator[Dataset]:
    """The rows in whole records below a header, for a model. Raises InputError where one is wrong, after the rows before it."""
    if not raw.content.strip():
        return
    try:
        dataset = parse(replace(raw, content=header + raw.content), like.columns_only(), labelled=False)
        dataset = encoded(dataset, like) if like.columns else dataset
    except InputError:
        middle = _middle(raw.content, quoted=raw.format in ("csv", "tsv"))
        if not middle:
            raise
        first, rest = raw.content[:middle], raw.content[middle:]
        yield from _read(replace(raw, content=first), header, like)
        yield from _read(replace(raw, content=rest, skipped=raw.skipped + first.count(b"\n")), header, like)
    else:
        yield dataset


def _middle(content: bytes, quoted: bool) -> int:
    """Where a record ends near the middle of several ones; 0 for a single one."""
    place, end, open_quote = 0, 0, False
    for line in content.splitlines(keepends=True):
        end += len(line)
        open_quote ^= quoted and line.count(b'"') % 2 == 1
        if not open_quote and end < len(content) and (place == 0 or end <= len(content) // 2):
            place = end
    return place


def _first_record(piece: bytes) -> int:
    """Where the first record ends that is not blank."""
    end = 0
    for line in piece.splitlines(keepends=True):
        end += len(line)
        if line.strip() and piece[:end].count(b'"') % 2 == 0:
            break
    return end


def whole_records(file: BinaryIO, quoted: bool) -> Iterator[bytes]:
    """What a file holds in pieces that end with a record's line, as soon as they can be read; with `quoted`, a line
    within quotes does not end a record."""
    rest = b""
    while True:
        more = _available(file)
        rest += more
        end = rest.rfind(b"\n") + 1 if more else len(rest)
        quotes = rest.count(b'"', 0, end) if quoted and more else 0
        while quotes % 2:  # the last line within quotes: back to a line before them
            before = rest.rfind(b"\n", 0, rest.rfind(b'"', 0, end)) + 1
            quotes, end = quotes - rest.count(b'"', before, end), before
        if end:
            yield rest[:end]
            rest = rest[end:]
        if not more:
            return


def _available(file: BinaryIO) -> bytes:
    """What can be read without waiting for long, at least a byte; nothing at the end of the file."""
    content: bytes = file.read1(PIECE)  # type: ignore[attr-defined]
    try:
        while content and len(content) < PIECE and select.select([file], [], [], GRACE)[0]:
            more = file.read1(PIECE)  # type: ignore[attr-defined]
            if not more:
                break
            content += more
    except (OSError, ValueError):  # what select cannot watch is read as it comes
        pass
    return content
