"""The weights of rows: a row of weight 2 counts as two rows, and a row of weight 0 as none, in all that is learned."""

import numpy as np

from linclf.data.source import Source
from linclf.data.table import Cells, Table, TableRows, parse_numbers
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Matrix

MAX_COUNT = 2**31  # weights are relative ones if one is as large as this, whole numbers or not


def column_weights(X: Matrix | Table | TableRows, source: Source) -> Array | None:
    """The weights (n,) of rows, float64, in the column that --weight names; None for a matrix, for a table without it, and if
    all are 1.

    Raises InputError for a weight that is missing, negative or not a number, and if all are 0.
    """
    table = X.table if isinstance(X, TableRows) else X
    name = source.weight
    if name is None or not isinstance(table, Table) or name not in table.names:
        return None
    cells = table.column(name)
    weights = cells.converted(parse_numbers) if isinstance(cells, Cells) else cells
    bad = np.flatnonzero(~(weights >= 0))
    if len(bad):
        row = int(bad[0])
        value = f"is {weights[row]:g}" if weights[row] < 0 else "is missing or not a number"
        raise InputError(
            f"{source.data}{table.locate(row)}: the weight in column {name!r} {value}; give a number >= 0, or remove the row"
        )
    if not weights.any():
        raise InputError(f"{source.data}: all weights in column {name!r} are 0; at least one row must count")
    counts = as_counts(weights)
    return counts[X.rows] if counts is not None and isinstance(X, TableRows) else counts


def as_counts(weights: Array) -> Array | None:
    """Weights (n,), finite, >= 0 and not all 0, as numbers of rows: whole numbers as they are, None if all are 1. Other weights
    are relative, and divided by the mean of those that are not 0."""
    if (weights == 1).all():
        return None
    if are_counts(weights) and weights.max() < MAX_COUNT:
        return weights
    relative = weights / weights.max()  # so that their sum is finite
    counts = np.asarray(relative / relative[relative > 0].mean())
    return None if (counts == 1).all() else counts


def are_counts(weights: Array | None) -> bool:
    """Whether weights (n,) are numbers of rows, as None, which means ones, and all whole numbers are."""
    return weights is None or bool((weights == np.floor(weights)).all())
