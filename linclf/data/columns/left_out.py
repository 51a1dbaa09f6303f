"""Columns that are left out: constants, ids such as row numbers, and columns that weigh, group or order the rows."""

import math

import numpy as np

from linclf.data.columns.base import Column, Unknown
from linclf.data.columns.training_column import TrainingColumn
from linclf.data.table import Cells, parse_numbers
from linclf.losses import Array
from linclf.optim.linalg import Stored

INCLUDED_BY = "--numeric, --category or --text includes it"
NOT_UNDERSTOOD = (
    "cells such as {!r} were not understood as numbers or dates, treated as {}; write them plainly to use them as such"
)
NAMELESS = "Unnamed: 0"  # pandas' name of a first column without a name
FEWEST_IDS = 20  # rows of a column of ids
DENSE_IDS = 0.5  # share of the whole numbers between the smallest and the largest that row numbers use


class LeftOutColumn(Column):
    """A column without features."""

    @classmethod
    def fit(cls, column: TrainingColumn) -> Column:
        """Nothing is learned."""
        return cls(column.name)

    def feature_names(self) -> list[str]:
        """None."""
        return []

    def transform(self, cells: Array | Cells, sparse: bool) -> tuple[Stored, Unknown]:
        """No features, (n, 0)."""
        n = len(cells.codes) if isinstance(cells, Cells) else len(cells)
        return np.zeros((n, 0)), {}

    @property
    def takes_numbers(self) -> bool:
        """True: the cells are not looked at."""
        return True

    def summary(self) -> str:
        """Why it is left out."""
        return f"left out: {self.left_out_reason}"


class ConstantColumn(LeftOutColumn):
    """The same cell in all rows."""

    kind = "constant"
    left_out_reason = "the same in all rows"

    @classmethod
    def recognises(cls, column: TrainingColumn) -> bool:
        """Whether all cells are the same, or missing."""
        if column.is_text:
            return not len(column.levels) or (len(column.levels) == 1 and int(column.counts[0]) == column.n)
        return column.span(parse_numbers).is_constant


class IndexColumn(LeftOutColumn):
    """The numbers or names of the rows in a first column without a name, as pandas and R write them."""

    kind = "index"
    left_out_reason = "the index of the rows, without a name"
    left_out_hint = INCLUDED_BY

    @classmethod
    def recognises(cls, column: TrainingColumn) -> bool:
        """Whether the first column has no name, and its cells are whole numbers or different texts."""
        if column.name != NAMELESS:
            return False
        span = column.span(parse_numbers)
        return (span.whole and not math.isnan(span.least)) or len(column.levels) == int(column.counts.sum())


class IdColumn(LeftOutColumn):
    """A different cell in each row: row numbers, or names of the rows."""

    kind = "id"
    left_out_reason = "different in every row"
    left_out_hint = INCLUDED_BY

    @classmethod
    def recognises(cls, column: TrainingColumn) -> bool:
        """Whether the cells are row numbers, or different texts."""
        if are_row_numbers(column):
            return True
        return column.is_text and len(column.levels) == int(column.counts.sum()) >= FEWEST_IDS


class RoleColumn(LeftOutColumn):
    """A column that an option gives another role than that of a feature."""

    left_out_hint = INCLUDED_BY

    @classmethod
    def recognises(cls, column: TrainingColumn) -> bool:
        """Never: only its option makes a column be of this kind."""
        return False


class WeightColumn(RoleColumn):
    """The weights of the rows."""

    kind = role = "weight"
    left_out_reason = "the weights of the rows"


class GroupColumn(RoleColumn):
    """The groups of the rows."""

    kind = role = "group"
    left_out_reason = "the groups of the rows"


class TimeColumn(RoleColumn):
    """The times of the rows."""

    kind = role = "time"
    left_out_reason = "the times of the rows"


def are_row_numbers(column: TrainingColumn) -> bool:
    """Whether the cells are row numbers: different whole numbers, in their order with few gaps, or under the name of an id."""
    span = column.span(parse_numbers)
    if column.n < FEWEST_IDS or span.missing or not span.whole or span.width < column.n:
        return False
    numbers = column.numbers(parse_numbers)[np.argsort(column.training.rows, kind="stable")]
    with np.errstate(over="ignore"):
        steps = np.diff(numbers)
    in_order = column.n / span.width > DENSE_IDS and bool((steps > 0).all() or (steps < 0).all())
    return in_order or (column.has_id_name and len(np.unique(numbers)) == column.n)
