"""The kinds of columns, and columns from their records in a model file."""

from linclf.data.columns.base import Column
from linclf.data.columns.category import CategoryColumn
from linclf.data.columns.date import DateColumn
from linclf.data.columns.left_out import ConstantColumn, GroupColumn, IdColumn, IndexColumn, TimeColumn, WeightColumn
from linclf.data.columns.number import NumberColumn
from linclf.data.columns.text import TextColumn
from linclf.storage.decode import build

# By name. The kind of a column is the first one, in this order, that recognises it.
KINDS: dict[str, type[Column]] = {
    kind.kind: kind
    for kind in (
        ConstantColumn,
        IndexColumn,
        DateColumn,
        NumberColumn,
        TextColumn,
        IdColumn,
        CategoryColumn,
        WeightColumn,
        GroupColumn,
        TimeColumn,
    )
}


def column_from_record(record: object) -> Column:
    """The column that `dataclasses.asdict` made this record of, also by way of JSON.

    Raises ValueError or TypeError for a record that linclf did not write.
    """
    if not isinstance(record, dict):
        raise TypeError(f"Column is {type(record).__name__}, not an object")
    name = record.get("kind")
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(f"the column {record.get('name')!r} is not one that linclf wrote")
    column = build(kind, {key: value for key, value in record.items() if key != "kind"})
    column.check()
    return column
