"""Has enough of the rows on standard input arrived to tell how they are written?"""

import csv
import io
import re

from linclf.data.columns.markers import is_marker
from linclf.data.readers.dialect import SEPARATORS
from linclf.data.readers.header import counts_columns
from linclf.data.readers.header_line import FEWEST_ROWS
from linclf.data.readers.no_rows import is_number
from linclf.data.schema import Schema
from linclf.data.source import Source

LOOKED_AT = 1 << 16  # bytes; more are enough


def is_enough(content: bytes, source: Source, model_schema: Schema) -> bool:
    """Whether the content has a header, if one is to be expected, and a row, or shows that it has no header.

    It waits no longer than for the lines that it takes: a row below the header is enough. More are waited for where the first lines
    may be titles, where the second may contain units, and where rows have a cell more than the header.
    """
    if len(content) >= LOOKED_AT:
        return True
    complete = content[: content.rfind(b"\n") + 1].decode("utf-8-sig", "replace").splitlines()[source.skip_rows or 0 :]
    lines = [line for line in complete if line.strip() and not (source.comment and line.startswith(source.comment))]
    if lines and re.fullmatch(r'"?sep=."?', lines[0], re.IGNORECASE):
        del lines[0]
    if not lines:
        return False
    inputs = model_schema.inputs() or ()
    numbers = set(inputs) - set(model_schema.texts)
    if not source.header or not (model_schema.header or _may_be_header(lines[0], numbers)):
        return True
    titles = 0
    marks = source.sep or SEPARATORS
    if source.skip_rows is None and len(inputs) > 1:
        titles = next((i for i, line in enumerate(lines) if any(mark in line for mark in marks)), -1)
        if titles < 0:  # the cells are separated by blanks, or there are only titles so far
            widths = [len(line.split()) for line in lines]
            return len(lines) > 2 or (len(lines) == 2 and widths[0] == widths[1] > 1)
    lines = lines[titles:]
    if len(lines) < max(2, titles):
        return False
    mark = max(marks, key=lines[0].count)
    first, second, *rows = csv.reader(io.StringIO("\n".join(lines)), delimiter=mark)
    if numbers and not re.search(r"\d", lines[1]) and sum(bool(cell.strip()) for cell in second) > 1:
        return bool(rows)
    longer = (len(row) == len(first) + 1 and row[-1].strip() for row in (second, *rows))
    return len(rows) + 1 >= FEWEST_ROWS or not all(longer)


def _may_be_header(line: str, numbers: set[str]) -> bool:
    """Whether a first line may be a header although the training data had none: a column of `numbers`, which are called by their
    positions, has a word, or the line counts the columns."""
    cells = [cell.strip() for cell in re.split(f"[{re.escape(SEPARATORS)} ]", line.strip())]
    named = [cells[int(name)] for name in numbers if name.isdecimal() and int(name) < len(cells)]
    return not all(is_number(cell) or is_marker(cell) for cell in named) or counts_columns(cells)
