"""How the columns of new rows compare with those of the training rows: missing and unknown cells, and means."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linclf.data.columns.base import MISSING, Column, Unknown, counted
from linclf.data.schema import Schema
from linclf.data.table import Table, TableRows
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Matrix, materialize

FEWEST_ROWS = 10  # rows from which on a column can be said to be unlike that of the training
MOST_CELLS, OTHERS = 1000, "(others)"  # unknown cells of a column that are told apart, and what the rest is called
MOSTLY = 0.5  # share of unknown cells


@dataclass(frozen=True)
class CellCounts:
    """The cells of some rows as a model reads them. The sum of two is that of all their rows.

    rows     the number of rows
    missing  missing cells by column
    unknown  by column, the cells that nothing was learned for, and how often each occurs
    sums, squares   (d,) the sums of the features, and of their squares
    """

    rows: int
    missing: dict[str, int]
    unknown: dict[str, Unknown]
    sums: Array
    squares: Array

    def __add__(self, other: "CellCounts") -> "CellCounts":
        missing = {name: count + other.missing.get(name, 0) for name, count in self.missing.items()}
        unknown = {name: dict(cells) for name, cells in self.unknown.items()}
        for name, cells in other.unknown.items():
            found = unknown.setdefault(name, {})
            for cell, count in cells.items():
                key = cell if cell in found or cell == MISSING or len(found) < MOST_CELLS else OTHERS
                found[key] = found.get(key, 0) + count
        sums, squares = self.sums + other.sums, self.squares + other.squares
        return CellCounts(self.rows + other.rows, missing, unknown, sums, squares)

    def n_unknown(self, name: str) -> int:
        """The number of unknown cells of a column that are not missing."""
        return sum(count for cell, count in self.unknown.get(name, {}).items() if cell != MISSING)


def count_cells(
    X: Matrix | Table | TableRows, features: Matrix, unknown: dict[str, Unknown], schema: Schema
) -> CellCounts:
    """Count the cells of rows X, of which `features` (n, d) were made, with these unknown cells."""
    found = materialize(features)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is no drift
        if isinstance(found, np.ndarray):
            numbers = found.astype(np.float64, copy=False)
            sums, squares = numbers.sum(axis=0), np.einsum("ij,ij->j", numbers, numbers)
        else:
            sums = np.bincount(found.indices, found.data, found.shape[1])
            squares = np.bincount(found.indices, np.square(found.data), found.shape[1])
    missing: dict[str, int] = {}
    if isinstance(X, Table | TableRows) and schema.columns is not None:
        start = 0
        for column in schema.columns:
            missing |= {column.name: _n_missing(column, start, sums, unknown)} if column.feature_names() else {}
            start += len(column.feature_names())
    return CellCounts(features.shape[0], missing, unknown, sums, squares)


def _n_missing(column: Column, start: int, sums: Array, unknown: dict[str, Unknown]) -> int:
    """The missing cells of a column whose first feature is `start`: those that its feature counts, or that are newly missing."""
    cells = unknown.get(column.name, {})
    if column.missing_feature is None:
        return cells.get(MISSING, 0)
    flagged = int(sums[start + column.missing_feature])
    return flagged - sum(cells.values()) if column.number_features()[0] else flagged


def unfamiliar_columns(counts: CellCounts, schema: Schema, *, whole: bool = True) -> list[str]:
    """What makes columns so unlike those of the training rows that the predictions would be wrong, a line each. If these are not the
    `whole` rows, only what later rows can hardly change."""
    columns = [column for column in schema.columns or () if column.name in counts.missing]
    found = [_unfamiliar(column, counts, schema.rows, whole=whole) for column in columns]
    return [what for what in found if what is not None]


def _unfamiliar(column: Column, counts: CellCounts, trained: int, *, whole: bool) -> str | None:
    present, unknown = counts.rows - counts.missing[column.name], counts.n_unknown(column.name)
    shown = counted({cell: n for cell, n in counts.unknown.get(column.name, {}).items() if cell != MISSING})
    name = repr(column.name)
    is_number = column.number_features()[:1] == [True]
    if is_number and present and unknown == present:
        return f"column {name} holds no {column.kind} as in the training data: {shown}"
    if not whole:
        return None
    if not present and counts.rows >= FEWEST_ROWS and column.missing <= MOSTLY * trained:
        return f"column {name} is empty, and was not in the training data"
    swapped = column.swapped_cells(counts.unknown.get(column.name, {}))
    if swapped:
        return f"column {name}: days and months seem to have changed places: {swapped}"
    # of levels so rare that they were pooled, and of words, most new ones are unknown
    most = MOSTLY * present if not (column.pooled or column.needs_sparse) else present - 1
    if unknown > most and present >= FEWEST_ROWS:
        return f"column {name}: {unknown} of {present} cells are unknown: {shown}"
    return None


def check_familiar(problems: Sequence[str], name: str, lenient: bool) -> tuple[str, ...]:
    """The problems of data, as notes if the user is lenient. Raises InputError otherwise; `name` is that of the data."""
    if problems and not lenient:
        more = f" (and {len(problems) - 1} more such columns)" if len(problems) > 1 else ""
        raise InputError(f"{name}: {problems[0]}{more}; fix the data, train on data like these, or pass --lenient")
    return tuple(problems)
