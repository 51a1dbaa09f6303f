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
    sums     (d,) the sums of the features
    """

    rows: int
    missing: dict[str, int]
    unknown: dict[str, Unknown]
    sums: Array

    def __add__(self, other: "CellCounts") -> "CellCounts":
        missing = {name: count + other.missing.get(name, 0) for name, count in self.missing.items()}
        unknown = {name: dict(cells) for name, cells in self.unknown.items()}
        for name, cells in other.unknown.items():
            found = unknown.setdefault(name, {})
            for cell, count in cells.items():
                key = cell if cell in found or cell == MISSING or len(found) < MOST_CELLS else OTHERS
                found[key] = found.get(key, 0) + count
        return CellCounts(self.rows + other.rows, missing, unknown, self.sums + other.sums)

    def n_unknown(self, name: str) -> int:
        """The number of unknown cells of a column that are not missing."""
        return sum(count for cell, count in self.unknown.get(name, {}).items() if cell != MISSING)


def count_cells(
    X: Matrix | Table | TableRows, features: Matrix, unknown: dict[str, Unknown], schema: Schema
) -> CellCounts:
    """Count the cells of rows X, of which `features` (n, d) were made, with these unknown cells."""
    missing: dict[str, int] = {}
    if isinstance(X, Table | TableRows) and schema.columns is not None:
        table = X[:] if isinstance(X, TableRows) else X
        gaps, index = np.isnan(table.numbers).sum(axis=0).tolist(), table.number_index
        used = [column.name for column in schema.columns if column.feature_names()]
        missing = {
            name: gaps[index[name]] if name in index else int((table.texts[name].codes < 0).sum())
            for name in used
            if name in index or name in table.texts
        }
    found = materialize(features)
    if isinstance(found, np.ndarray):
        sums = found.sum(axis=0, dtype=np.float64)
    else:
        sums = np.bincount(found.indices, found.data, found.shape[1])
    return CellCounts(features.shape[0], missing, unknown, sums)


def unfamiliar_columns(counts: CellCounts, schema: Schema) -> list[str]:
    """What makes columns so unlike those of the training rows that the predictions would be wrong, a line each."""
    columns = [column for column in schema.columns or () if column.name in counts.missing]
    return [what for column in columns if (what := _unfamiliar(column, counts)) is not None]


def _unfamiliar(column: Column, counts: CellCounts) -> str | None:
    present, unknown = counts.rows - counts.missing[column.name], counts.n_unknown(column.name)
    shown = counted({cell: n for cell, n in counts.unknown.get(column.name, {}).items() if cell != MISSING})
    name = repr(column.name)
    if column.number_features()[:1] == [True]:
        if present and unknown == present:
            return f"column {name} holds no {column.kind} as in the training data: {shown}"
        if not present and counts.rows >= FEWEST_ROWS and not column.missing:
            return f"column {name} is empty, and no cell of it was missing in the training data"
    # of levels so rare that they were pooled, most new ones are unknown
    most = MOSTLY * present if not column.pooled else present - 1
    if unknown > most and present >= FEWEST_ROWS:
        return f"column {name}: {unknown} of {present} cells are unknown: {shown}"
    return None


def check_familiar(problems: Sequence[str], name: str, lenient: bool) -> tuple[str, ...]:
    """The problems of data, as notes if the user is lenient. Raises InputError otherwise; `name` is that of the data."""
    if problems and not lenient:
        more = f" (and {len(problems) - 1} more such columns)" if len(problems) > 1 else ""
        raise InputError(f"{name}: {problems[0]}{more}; fix the data, train on data like these, or pass --lenient")
    return tuple(problems)
