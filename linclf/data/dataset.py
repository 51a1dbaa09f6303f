"""The data set that a reader returns: rows, labels, schema and notes."""

from dataclasses import dataclass

import numpy as np

from linclf.data.cell_counts import CellCounts
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.table import Table, TableRows, select_table_rows
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Matrix, select_rows, stack_rows


@dataclass(frozen=True)
class LabelledRows:
    """Rows X (n, d), a matrix or a Table, with their labels y (n,) of any type; y is None if there are no labels."""

    X: Matrix | Table | TableRows
    y: Array | None

    def matrix(self) -> Matrix:
        """X of a data set that has no table, or whose table was encoded."""
        if isinstance(self.X, Table | TableRows):
            raise TypeError("the columns of the table were not encoded")
        return self.X

    def select(self, rows: Array) -> "LabelledRows":
        """These rows, without a copy of X."""
        X = select_table_rows(self.X, rows) if isinstance(self.X, Table | TableRows) else select_rows(self.X, rows)
        return LabelledRows(X, None if self.y is None else self.y[rows])

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
    test      its predefined test part, if any
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

    def named_notes(self) -> list[str]:
        """The notes, each after the name of the data set."""
        return [f"{self.source.data}: {note}" for note in self.notes]

    def all_rows(self) -> LabelledRows:
        """All rows: those of X, then those of the predefined test part, if any."""
        if self.test is None:
            return self
        y = None if self.y is None or self.test.y is None else np.concatenate([self.y, self.test.y])
        return LabelledRows(stack_rows([self.matrix(), self.test.matrix()]), y)
