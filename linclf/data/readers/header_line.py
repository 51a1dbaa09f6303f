"""The beginning of delimited text as it should be: a header with as many names as rows have cells, and rows below it."""

import codecs
from collections.abc import Sequence
from dataclasses import replace

from linclf.data.readers.dialect import SAMPLE, Settled, separator_of
from linclf.data.readers.no_rows import FOOTER, is_below_header
from linclf.data.records import record_ends

FEWEST_ROWS = 3  # that tell that all have the name of the row before their cells
COMPARED = 50  # rows that a record below the header is compared with
SAMPLE_ROWS = 100  # rows that are looked at
ROW_NAMES = "its header has one name less than its rows have cells; the first are taken for the names of the rows"


def complete(settled: Settled, records: Sequence[Sequence[str]]) -> Settled:
    """The text with a blank line in place of a record of units or the like below its header, and with a name for each column.

    If all rows have one cell more than the header, an empty last one gets an empty name, and different first ones, the names of the
    rows as R writes them, too.
    records  the header and the first rows
    """
    content, notes = settled.raw.content, list(settled.notes)
    sep = separator_of(settled.raw.source)
    first, rows = records[0], list(records[1:])
    start, end, end_of_second = _ends(content, sep)
    if rows and end_of_second and is_below_header(rows[0], rows[1 : 1 + COMPARED]):
        line = content[end:end_of_second].strip()
        notes.append(f"the line below its header, {line[:60].decode('utf-8', 'replace')!r}, is no row and left out")
        content = content[:end] + b"\n" * content.count(b"\n", end, end_of_second) + content[end_of_second:]
        rows = rows[1:]
    place = _place_of_name(first, rows)
    if place == "last":
        names = content[:end].rstrip(b"\r\n")
        content = names + sep.encode() + content[len(names) :]
    elif place == "first":
        content = content[:start] + b'""' + sep.encode() + content[start:]
        notes.append(ROW_NAMES)
    return Settled(replace(settled.raw, content=content), tuple(notes))


def _ends(content: bytes, sep: str) -> tuple[int, int, int]:
    """Where the header begins, where it ends, and where the record below it ends; 0 for no such record."""
    bom = len(codecs.BOM_UTF8) * content.startswith(codecs.BOM_UTF8)
    start = next(i for i in range(bom, len(content) + 1) if content[i : i + 1] not in (b"\r", b"\n", b" "))
    sample = content[: max(SAMPLE, start + SAMPLE)]
    ends = [start]
    for end in record_ends(sample, sep):
        if content[ends[-1] : end].strip() and end > start:
            ends.append(end)
        if len(ends) == 3:
            break
    else:
        ends.append(len(sample))
    return start, ends[1], ends[2] if len(ends) > 2 else 0


def _place_of_name(first: Sequence[str], rows: Sequence[Sequence[str]]) -> str | None:
    """Where the name of a column is lacking: `first` or `last`; None if nothing tells."""
    rows = [row for row in rows if list(row) != list(first)]
    footer = next((i for i, row in enumerate(reversed(rows)) if len(row) != 1), 0)
    rows = rows[: len(rows) - min(footer, FOOTER)]
    if {len(row) for row in rows} != {len(first) + 1}:
        return None
    if not any(row[-1].strip() for row in rows):
        return "last"
    return "first" if len({row[0] for row in rows}) == len(rows) >= FEWEST_ROWS else None
