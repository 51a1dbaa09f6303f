"""Sheets of a workbook: the choice of one, and its cells as a Dataset. `excel` and `ods` read them from their files."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from linclf.data.dataset import Dataset
from linclf.data.matching import looks_like_data
from linclf.data.readers.dialect import TITLES
from linclf.data.readers.header import is_header
from linclf.data.readers.no_rows import FOOTER, footer_note, is_footer, total_in
from linclf.data.readers.values import dataset_of_values, spell_value
from linclf.data.schema import Schema
from linclf.data.source import RawFile
from linclf.data.table import check_columns, listed
from linclf.errors import InputError

SHOWN = 12  # names shown in a message
MOST_ROWS, MOST_CELLS = 2**20, 2**14  # of a sheet, and of one of its rows, in all programs that write them


@dataclass(frozen=True)
class Row:
    """A row of a sheet: its number from 1, and its cells from the first column on, up to the last one that is not empty.

    cells  str, int, float, bool, or None for an empty cell
    """

    number: int
    cells: list[object]


def choose_sheet(
    raw: RawFile, names: list[str], rows_of: Callable[[int], Iterator[Row]]
) -> tuple[int, tuple[str, ...]]:
    """The index of the sheet that is read, and a note if it was not chosen and other sheets have cells, too.

    names    those of all sheets
    rows_of  the rows with cells of the sheet of this index
    Raises InputError if there is no such sheet.
    """
    wanted, name = raw.source.sheet, raw.source.data
    if wanted in names:
        return names.index(wanted), ()
    if wanted is not None:
        if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
            return int(wanted) - 1, ()
        raise InputError(f"{name}: has no sheet {wanted!r}; its sheets are {listed(names, SHOWN)}")
    if not names:
        raise InputError(f"{name}: has no sheets")
    others = [names[i] for i in range(1, len(names)) if any(True for _ in islice(rows_of(i), 1))]
    if not others:
        return 0, ()
    return 0, (f"sheet {names[0]!r} was read; others are {listed(others, SHOWN)} (--sheet names one)",)


def limited(raw: RawFile, rows: Iterator[Row]) -> Iterator[Row]:
    """The rows that have cells. Raises InputError for a sheet that is larger than any program writes, or whose cells take more
    memory than a packed file of this size may: a few bytes can describe many of them."""
    size = 0
    for row in rows:
        size += len(row.cells)
        raw.check_cells(size, 1)
        if row.number > MOST_ROWS or len(row.cells) > MOST_CELLS:
            raise InputError(
                f"{raw.source.data}: row {row.number} is beyond the {MOST_ROWS} x {MOST_CELLS} cells of a sheet"
            )
        while row.cells and row.cells[-1] is None:
            row.cells.pop()
        if row.cells:
            yield row


def uncomputed_note(count: int) -> tuple[str, ...]:
    """A note on this many formulas without a saved value, none for 0."""
    what = "a formula has no saved value and is a missing cell" if count == 1 else ""
    what = what or f"{count} formulas have no saved values and are missing cells"
    return (f"{what}; open the workbook in a spreadsheet program and save it",) if count else ()


def sheet_dataset(
    raw: RawFile, model_schema: Schema | None, labelled: bool, *, sheet: str, rows: list[Row], notes: tuple[str, ...]
) -> Dataset:
    """A sheet as a Dataset whose X is a Table: the first row with cells names the columns, and columns without cells are left out.

    sheet  its name
    rows   its rows with cells
    notes  on how they were read
    Raises InputError.
    """
    name = raw.source.data
    if not rows:
        raise InputError(f"{name}: sheet {sheet!r} is empty; choose another one with --sheet")
    rows, left_out = _without_no_rows(rows)
    notes = (*notes, *left_out)
    used = sorted({j for row in rows for j, cell in enumerate(row.cells) if cell is not None})
    check_columns(len(used), name)
    raw.check_cells(len(rows), len(used))
    first = [_cell(rows[0], j) for j in used]
    spelled = ([_spelled(_cell(row, j)) for j in used] for row in rows)
    header = is_header(spelled, raw.source, model_schema)
    names = [str(j) for j in range(len(used))]
    if header:
        names = [f"Unnamed: {j}" if cell is None else spell_value(cell) for j, cell in enumerate(first)]
        nameless = [title for title, cell in zip(names, first, strict=True) if cell is None]
        if nameless:
            notes = (*notes, f"row {rows[0].number} names the columns, but not all of them: {listed(nameless, SHOWN)}")
    twice = next((title for title, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        hint = " (or is there no header? pass --no-header)" if looks_like_data(names) else ""
        raise InputError(f"{name}: two columns are named {twice!r}; give each a different name{hint}")
    body = rows[1:] if header else rows
    columns = {title: [_cell(row, j) for row in body] for title, j in zip(names, used, strict=True)}
    numbers = [row.number for row in body]
    dataset = dataset_of_values(raw, columns, model_schema, labelled, lines=numbers, header=header)
    return replace(dataset, notes=(*notes, *dataset.notes))


def _without_no_rows(rows: list[Row]) -> tuple[list[Row], list[str]]:
    """The rows without titles above the header, footers and a line of totals, as delimited text is read; and notes on them."""
    filled = [[spell_value(cell) for cell in row.cells if cell is not None] for row in rows]
    width, notes = Counter(map(len, filled)).most_common(1)[0][0], []
    titles = next((i for i, cells in enumerate(filled) if len(cells) > 1 and len(cells) >= width - 1), 0)
    if (
        0 < titles <= TITLES
        and width > 2
        and titles * 2 <= len(rows)
        and all(len(cells) == 1 for cells in filled[:titles])
    ):
        which = "row is" if titles == 1 else f"{titles} rows are"
        notes.append(f"its first {which} above the header and left out")
        rows, filled = rows[titles:], filled[titles:]
    for _ in range(FOOTER):
        cells, word = filled[-1], total_in(filled[-1]) if width > 1 else None
        total = word is not None and sum(word in cell for row in filled for cell in row) == 1
        # a row may have no cell but one, of two words
        footer = is_footer(cells, width) and rows[-1].cells[0] is not None and len(cells[0].split()) > 2
        if len(rows) < 2 or not (total or footer):
            break
        notes.append(footer_note(cells, total))
        rows, filled = rows[:-1], filled[:-1]
    return rows, notes


def _cell(row: Row, j: int) -> object:
    return row.cells[j] if j < len(row.cells) else None


def _spelled(cell: object) -> str:
    return "" if cell is None else spell_value(cell)
