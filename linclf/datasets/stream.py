"""Rows from standard input as they arrive: pieces of whole records, each read as a file of its own."""

import select
import sys
from collections.abc import Iterator
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
        if piece.strip():
            columns = like.columns_only()
            read = parse(Raw(source, kind, "", content, skipped), columns, labelled=False)
            empty = False
            yield encoded(read, like) if like.columns else read
        skipped += content.count(b"\n") - header.count(b"\n")
    if empty:
        raise InputError("-: holds no rows; give rows on standard input")


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
