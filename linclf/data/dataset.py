"""The data set that a reader returns: rows, labels, schema and notes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from linclf.data.cell_counts import CellCounts
from linclf.data.row_weights import as_counts, column_weights
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.table import Table, TableRows, select_table_rows
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Matrix, select_rows, stack_rows

T = TypeVar("T", bound="LabelledRows")


@dataclass(frozen=True)
class LabelledRows:
    """Rows X (n, d), a matrix or a Table, with their labels y (n,) of any type; y is None if there are no labels. `weights` are
    those that a file of arrays has for its rows, (n,) float64, None for a table, whose weights are a column."""

    X: Matrix | Table | TableRows
    y: Array | None
    weights: Array | None = field(default=None, kw_only=True)

    def matrix(self) -> Matrix:
        """X of a data set that has no table, or whose table was encoded."""
        if isinstance(self.X, Table | TableRows):
            raise TypeError("the columns of the table were not encoded")
        return self.X

    def select(self, rows: Array) -> "LabelledRows":
        """These rows, without a copy of X."""
        X = select_table_rows(self.X, rows) if isinstance(self.X, Table | TableRows) else select_rows(self.X, rows)
        y, weights = (None if a is None else a[rows] for a in (self.y, self.weights))
        return LabelledRows(X, y, weights=weights)

    def row_weights(self, source: Source) -> Array | None:
        """The weights (n,) of the rows: those that the file has for them, else those in the column that --weight names; None if all
        are 1. Raises InputError as `column_weights`."""
        return column_weights(self.X, source) if self.weights is None else self.weights

    def with_counts(self: T) -> T:
        """The rows with their weights as numbers of rows, as `as_counts` makes them of all weights together."""
        return self if self.weights is None else replace(self, weights=as_counts(self.weights))

    def labels(self) -> Array:
        """y. Raises InputError if there are no labels."""
        if self.y is None:
            raise InputError("the data have no labels; name their column with --target")
        return self.y


@dataclass(frozen=True)
class Dataset(LabelledRows):
    """The data set behind one name or path.

    source    where it was read from and how
    schema    its columns, and how they became X
    digest    SHA-256 of the file's bytes, or of the arrays of a named set
    test, val   its predefined test and validation parts, if any
    notes     warnings for the user, one line each
    columns   the names of all columns of a table, their numbers where they have none
    counts    the cells, of a data set that was encoded for a model
    kept      the columns in `RawFile.keep`, each with its cells as they were read: text, or values of JSON or Parquet
    """

    source: Source
    schema: Schema
    digest: str
    test: LabelledRows | None = None
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    kept: tuple[list[object], ...] = ()
    counts: CellCounts | None = None
    val: LabelledRows | None = field(default=None, kw_only=True)

    def named_notes(self) -> list[str]:
        """The notes, each after the name of the data set."""
        return [f"{self.source.data}: {note}" for note in self.notes]

    def all_rows(self) -> LabelledRows:
        """All rows: those of X, then those of the predefined validation and test parts, if any."""
        if self.val is None and self.test is None:
            return self
        parts: list[LabelledRows] = [part for part in (self, self.val, self.test) if part is not None]
        labels = [part.y for part in parts if part.y is not None]
        y = np.concatenate(labels) if len(labels) == len(parts) else None
        return LabelledRows(stack_rows([part.matrix() for part in parts]), y, weights=_joint_weights(parts))

    def with_parts(self, change: Callable[[LabelledRows], LabelledRows]) -> "Dataset":
        """The data set with its predefined test and validation parts changed by a function."""
        val, test = (None if part is None else change(part) for part in (self.val, self.test))
        return replace(self, val=val, test=test)


def _joint_weights(parts: list[LabelledRows]) -> Array | None:
    """The weights of the rows of all parts. Where only some have weights, relative ones have the mean 1, which is the weight of the
    others."""
    given = [part.weights for part in parts]
    if all(weights is None for weights in given):
        return None
    if any(weights is None for weights in given):
        given = [None if weights is None else as_counts(weights) for weights in given]
    sizes = [part.X.shape[0] for part in parts]
    return np.concatenate([np.ones(n) if one is None else one for one, n in zip(given, sizes, strict=True)])
