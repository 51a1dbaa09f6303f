"""Tables in memory, and the columns that are learned from them."""

import pandas as pd

from linclf.data.columns.base import Column
from linclf.data.columns.infer import infer_kind
from linclf.data.columns.registry import KINDS
from linclf.data.columns.training_column import TrainingColumn, TrainingRows
from linclf.data.table import Cells, Table, from_frame


def table(**columns: list) -> Table:
    """A table of these columns: numbers, or text with `?` for a missing cell."""
    return from_frame(pd.DataFrame(columns), "t")


def training_column(cells: list, name: str = "a", min_count: int = 2) -> TrainingColumn:
    """The only column of a table whose rows are all trained on."""
    return TrainingRows.of(table(**{name: cells}), min_count, "t").column(name)


def kind_of(cells: list, name: str = "a") -> str:
    """The kind that is inferred for a column of these cells."""
    return infer_kind(training_column(cells, name)).kind


def learned(kind: str, cells: list, min_count: int = 2) -> Column:
    """A column of this kind, learned from these cells."""
    return KINDS[kind].fit(training_column(cells, min_count=min_count))


def cells_of(cells: list) -> Cells:
    """Cells of text."""
    return table(a=cells).texts["a"]
