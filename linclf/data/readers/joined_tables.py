"""Join tables of delimited text: the rows of all files below the header of the first."""

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from linclf.data.readers.base import Piece, check_same_columns, count_lines, with_line_end
from linclf.data.records import RecordScan
from linclf.errors import InputError


class RecordText(Protocol):
    """Delimited text of a file, without its first `skipped` lines."""

    name: str
    content: bytes
    separator: str
    header: bool
    skipped: int

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """The records, including the header, each with the number of its first line in the file."""


def join_tables(texts: Sequence[RecordText]) -> list[Piece]:
    """The contents of several files of delimited text, to be read as that of one, with the separator of the first.

    If the first file has a header, each has one. The columns of a later file may be in any order. Raises InputError for one that
    has other columns than the first file, and for an open quote at the end of a file, which would swallow rows of the next.
    """
    pieces: list[Piece] = []
    columns: list[str] = []
    for text in texts:
        content = with_line_end(text.content.removeprefix(codecs.BOM_UTF8))
        end = _header_end(text.name, content, text.separator)
        names = next(text.records(), (1, []))[1] if texts[0].header else []
        if not pieces:
            columns = names
        check_same_columns(text.name, names, texts[0].name, columns)
        if names != columns or text.separator != texts[0].separator:
            pieces.append(Piece(_rewritten(text, columns, texts[0].separator)))
        elif columns and pieces:
            pieces.append(Piece(content[end:], text.skipped + count_lines(content[:end])))
        else:
            pieces.append(Piece(content, text.skipped))
    return pieces


def _header_end(name: str, content: bytes, separator: str) -> int:
    """Where the first record ends. Raises InputError if a quote is open at the end of the text."""
    scan = RecordScan(separator)
    scan.feed(content)
    ends = scan.ends()
    end = next((end for end in ends if content[:end].strip()), len(content))
    if b'"' in content:
        deque(ends, maxlen=0)
        if scan.quoted:
            raise InputError(f"{name}: opens a quote that is never closed; fix the line")
    return end


def _rewritten(text: RecordText, columns: list[str], separator: str) -> bytes:
    """The rows of a file with its columns in this order and this separator, each on the line that it is on in the file, the header
    left empty. Raises InputError for a row of another width than the header."""
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=separator, lineterminator="\n")
    records, line = text.records(), 1
    names = next(records)[1] if columns else []
    order = [names.index(name) for name in columns]
    for begin, record in records:
        if columns and len(record) != len(names):
            raise InputError(
                f"{text.name}:{begin}: has {len(record)} cells where {len(names)} are expected; fix the line"
            )
        written.write("\n" * (begin - line))
        writer.writerow([record[j] for j in order] if columns else record)
        line = begin + 1 + count_lines("".join(record).encode())
    return written.getvalue().encode()
