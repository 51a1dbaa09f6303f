"""The kind of each column of the training rows, and what is learned from it."""

from collections.abc import Mapping

from linclf.data.columns.base import Column
from linclf.data.columns.registry import KINDS
from linclf.data.columns.training_column import TrainingColumn, TrainingRows
from linclf.data.source import Source
from linclf.data.table import Table, TableRows
from linclf.errors import InputError
from linclf.losses import Array

WIDE = 256  # if more features than this are mostly 0, the features of a table are sparse
MOST_DENSE = 2**26  # likewise if these features have more values than this in all training rows, 0.5 GB


def learn_columns(
    X: Table | TableRows,
    forced: Mapping[str, type[Column]],
    source: Source,
    *,
    weights: Array | None = None,
    y: Array | None = None,
    decimal: str = ".",
) -> tuple[tuple[Column, ...], bool, list[str]]:
    """The columns, learned from the training rows X; whether the features are sparse; and notes.

    forced     kinds by column, chosen by the user
    source     the data options
    weights    (n,) of the rows; they matter for what is learned, and not for the kind of a column
    y          (n,) labels, None if they are not known; they matter for the parts of dates alone
    decimal    the decimal mark that is likely in text
    Raises InputError for a column that cannot be of the kind that it is forced to be, and if no feature is left.
    """
    training = TrainingRows.of(X, source, weights, y=y, decimal=decimal)
    columns: list[Column] = []
    notes: list[str] = []
    for name in training.table.names:
        column = training.column(name)
        kind = forced.get(name) or infer_kind(column)
        learned = kind.fit(column)
        columns.append(learned)
        notes += learned.training_notes(column)
    if not any(column.feature_names() for column in columns):
        raise InputError(
            f"{source.data}: no column is left to learn from; say what they are with --numeric, --category or --text"
        )
    n_mostly_zero = sum(len(column.feature_names()) for column in columns if column.mostly_zero)
    sparse = any(column.needs_sparse for column in columns)
    sparse |= n_mostly_zero > WIDE or n_mostly_zero * X.shape[0] > MOST_DENSE
    if sparse:
        columns = [column.standardised(training.column(column.name)) for column in columns]
    return tuple(columns), sparse, notes


def infer_kind(column: TrainingColumn) -> type[Column]:
    """The first kind that recognises the column."""
    return next(kind for kind in KINDS.values() if kind.recognises(column))
