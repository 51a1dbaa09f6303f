"""Join tables of delimited text: the rows of all files below the header of the first."""

import codecs
import csv
import io
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from linclf.data.readers.base import Piece, check_same_columns, count_lines, with_line_end
from linclf.data.records import RecordScan
from linclf.data.source import RawFile
from linclf.errors import InputError

Records = Iterator[tuple[int, list[str]]]


def join_tables(
    raws: Sequence[RawFile], separator: str, header: bool, records_of: Callable[[RawFile], Records]
) -> list[Piece]:
    """The contents of several files of delimited text, to be read as that of one.

    header      whether the first file, and therefore each, has a header
    records_of  the records of a file, including the header, each with the number of its first line
    The columns of a later file may be in any order. Raises InputError for one that has other columns than the first file, and
    for an open quote at the end of a file, which would swallow rows of the next.
    """
    pieces: list[Piece] = []
    columns: list[str] = []
    for raw in raws:
        content = with_line_end(raw.content.removeprefix(codecs.BOM_UTF8))
        if b"\n" not in content:  # old line ends
            content = content.replace(b"\r", b"\n")
        end = _header_end(raw.source.data, content, separator)
        names = next(records_of(raw), (1, []))[1] if header else []
        if not pieces:
            columns = names
        check_same_columns(raw.source.data, names, raws[0].source.data, columns)
        if names != columns:
            pieces.append(Piece(_reordered(raw, columns, separator, records_of(raw))))
        elif header and pieces:
            pieces.append(Piece(content[end:], count_lines(content[:end])))
        else:
            pieces.append(Piece(content))
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


def _reordered(raw: RawFile, columns: list[str], separator: str, records: Records) -> bytes:
    """The rows of a file with its columns in this order, each on the line that it is on in the file, the header left empty.

    Raises InputError for a row of another width than the header.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    _, names = next(records)
    order, line = [names.index(name) for name in columns], 1
    for begin, record in records:
        if len(record) != len(names):
            raise InputError(
                f"{raw.source.data}:{begin}: has {len(record)} cells where {len(names)} are expected; fix the line"
            )
        text.write("\n" * (begin - line))
        writer.writerow([record[j] for j in order])
        line = begin + 1 + count_lines("".join(record).encode())
    return text.getvalue().encode()
