"""The groups and the times of rows, which decide how they may be split: the cells of the columns of --group and --time."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from linclf.data.columns.date_choice import choose_date_format
from linclf.data.columns.date_format import DateFormat
from linclf.data.ordered import merged_times
from linclf.data.source import Source
from linclf.data.table import Cells, Table, TableRows, parse_numbers, spell_numbers
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Matrix

Cell = str | int | float  # as a text column or a column of numbers has it


@dataclass(frozen=True, eq=False)
class RowKeys:
    """What decides how rows may be split.

    groups  (n,) codes: rows of the same group stay together; None without --group
    times   (n,) numbers: what is held out is later than what is trained on; None without --time. With both options, groups
            that overlap in time have the same number.
    """

    groups: Array | None = None
    times: Array | None = None


class RowTimes(NamedTuple):
    """The column of times: its cells (n,) as numbers in their order, what they are, numbers or dates, and the cells themselves."""

    numbers: Array
    kind: str
    cells: Array | Cells

    def span(self) -> tuple[Cell, Cell]:
        """The first and the last time, as the table has them."""
        return shown_cell(self.cells, int(self.numbers.argmin())), shown_cell(self.cells, int(self.numbers.argmax()))


def row_keys(X: Matrix | Table | TableRows, source: Source) -> RowKeys:
    """The groups and times of rows, in the columns that --group and --time name. Raises InputError as `group_cells` and
    `row_times` do."""
    codes, times = row_groups(X, source), row_times(X, source)
    if codes is not None and times is not None:
        return RowKeys(codes, merged_times(times.numbers, codes))
    return RowKeys(codes, None if times is None else times.numbers)


def row_groups(X: Matrix | Table | TableRows, source: Source) -> Array | None:
    """The groups of rows as codes 0..G-1, (n,); None without a column of groups. Raises InputError as `group_cells` does."""
    cells = group_cells(X, source)
    return None if cells is None else group_codes(cells)


def group_cells(X: Matrix | Table | TableRows, source: Source) -> Array | Cells | None:
    """The cells (n,) in the column of groups; None without one. Raises InputError for a row without a group."""
    return _role_cells(X, source, source.group, "group")


def group_codes(cells: Array | Cells) -> Array:
    """Groups as codes 0..G-1, (n,)."""
    return np.unique(cells.codes if isinstance(cells, Cells) else cells, return_inverse=True)[1].ravel()


def group_names(cells: Array | Cells) -> set[str]:
    """The different groups of rows, as text."""
    cells = cells if isinstance(cells, Cells) else spell_numbers(cells)
    return set(cells.levels[np.flatnonzero(cells.counts())].tolist())


def row_times(X: Matrix | Table | TableRows, source: Source) -> RowTimes | None:
    """The times of rows; None without a column of times.

    Raises InputError for a row without a time, and for a cell without a clear order among the others.
    """
    name = source.time
    cells = _role_cells(X, source, name, "time")
    if not isinstance(cells, Cells):
        return None if cells is None else RowTimes(cells, "numbers", cells)
    counts = cells.counts()
    used = np.flatnonzero(counts)
    kind, parsed, form = "numbers", parse_numbers(cells.levels[used]), None
    if np.isnan(parsed).any():
        form = choose_date_format(cells.levels[used], counts[used], source.day_first)
        dates = (form or DateFormat()).numbers(cells.levels[used])
        if np.isnan(dates).sum() < np.isnan(parsed).sum():
            kind, parsed = "dates", dates
    bad = used[np.isnan(parsed)]
    if len(bad):
        row = int(np.flatnonzero(np.isin(cells.codes, bad))[0])
        raise InputError(
            f"{source.data}{_locate(X, row)}: the time in column {name!r} is {cells.levels[cells.codes[row]][:30]!r}, which has no "
            "clear order; write dates as 2026-12-31, with times as 2026-12-31 23:59:00, or give numbers"
        )
    if form is not None and form.ambiguous:
        raise InputError(
            f"{source.data}: is the day or the month first in the times of column {name!r}, such as {form.example!r}? both fit; "
            "pass --day-first or --month-first"
        )
    numbers = np.zeros(len(cells.levels))
    numbers[used] = parsed
    return RowTimes(numbers[cells.codes], kind, cells)


def _role_cells(X: Matrix | Table | TableRows, source: Source, name: str | None, role: str) -> Array | Cells | None:
    """The cells (n,) of a column, of which none may be missing; None where there is no such column."""
    table = X.table if isinstance(X, TableRows) else X
    if name is None or not isinstance(table, Table) or name not in table.names:
        return None
    cells = table.column(name)
    cells = cells[X.rows] if isinstance(X, TableRows) else cells
    missing = np.flatnonzero(cells.codes < 0 if isinstance(cells, Cells) else np.isnan(cells))
    if len(missing):
        raise InputError(
            f"{source.data}{_locate(X, int(missing[0]))}: the {role} in column {name!r} is missing; fill it in, or remove the row"
        )
    return cells


def _locate(X: Matrix | Table | TableRows, row: int) -> str:
    """The line or number of row `row` of a table, for messages."""
    if isinstance(X, TableRows):
        return X.table.locate(int(X.rows[row]))
    return X.locate(row) if isinstance(X, Table) else ""


def shown_cell(cells: Array | Cells, row: int) -> Cell:
    """A cell without a gap, as text or as a number."""
    if isinstance(cells, Cells):
        return str(cells.levels[cells.codes[row]])
    return int(cells[row]) if cells[row] == int(cells[row]) else float(cells[row])
