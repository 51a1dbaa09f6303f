"""A table as it is used: the columns with features, in one plain spelling."""

from datetime import timedelta

import numpy as np

from linclf.data.columns.base import Column
from linclf.data.columns.date import DateColumn
from linclf.data.columns.date_format import EPOCH
from linclf.data.dataset import Dataset
from linclf.data.schema import Schema
from linclf.data.table import Cells, Table, spell_numbers
from linclf.errors import InputError
from linclf.losses import Array


def cleaned(dataset: Dataset, schema: Schema) -> dict[str, list[str]]:
    """The columns of a table as text, by name: numbers as Python writes them, dates in ISO 8601, other cells as they are read,
    missing ones empty; without the columns that have no features, with those of --group, --time and --weight, the labels last.

    schema  learned from the training rows
    Raises InputError for data that are no table.
    """
    if not isinstance(dataset.X, Table) or schema.columns is None or dataset.schema.target is None:
        raise InputError(f"{dataset.source.data}: has no named columns, so --fix has nothing to write; leave it out")
    kept = set(dataset.source.roles().values())
    columns = [column for column in schema.columns if column.feature_names() or column.name in kept]
    found = {column.name: _texts(column, dataset.X.column(column.name)) for column in columns}
    return {**found, dataset.schema.target: [str(label) for label in dataset.labels().tolist()]}


def _texts(column: Column, cells: Array | Cells) -> list[str]:
    """The cells of a column as text."""
    if isinstance(column, DateColumn):
        days = column.as_numbers(cells if isinstance(cells, Cells) else spell_numbers(cells))
        return ["" if np.isnan(day) else _date(column, float(day)) for day in days]
    numbers = column.as_numbers(cells) if isinstance(cells, Cells) else cells
    if numbers is not None and not column.has_levels:
        return [str(text) for text in spell_numbers(numbers).texts()]
    texts = cells if isinstance(cells, Cells) else spell_numbers(cells)
    absent = set(getattr(column, "absent", ()))
    return ["" if text in absent else str(text) for text in texts.texts()]


def _date(column: DateColumn, day: float) -> str:
    if column.dates is not None and not column.dates.has_date:
        return column.spell(day)
    moment = (EPOCH + timedelta(days=day)).replace(tzinfo=None)
    return moment.isoformat(" ").removesuffix(" 00:00:00")
