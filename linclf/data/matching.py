"""Match the columns of data with those of a model: by name, or by position where one of the two does not name its columns."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np

from linclf.data.dataset import Dataset
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.table import Table, listed
from linclf.errors import InputError
from linclf.optim.linalg import Matrix, Stored, materialize, resize_columns, select_columns

SHOWN = 12  # column names shown in a message

T = TypeVar("T")


class Match(NamedTuple):
    """The columns of a table that a model takes.

    schema  the schema of the model for this table, in the table's own names: `names` are all feature columns, in their
            order, `inputs()` those that the model takes, in its order, and `target` is the label column
    names   what the model calls the columns that it takes
    guessed whether the label column was guessed by its name, since neither --target nor the model names it
    notes   what the user should know, a line each
    """

    schema: Schema
    names: tuple[str, ...]
    guessed: bool
    notes: tuple[str, ...] = ()


def match_table(
    columns: Sequence[str], schema: Schema, source: Source, target: str | None, *, labelled: bool, named: bool = True
) -> Match:
    """Match the columns of a table with those of a model.

    columns   all columns of the table: their names, or their numbers as text where they have none
    schema    as from `Schema.input_schema`
    target    the label column of the table, None for none
    labelled  whether labels are wanted; if not, and no --target was given, a column that merely looks like the label by its
              name may be a feature
    named     whether the columns have names
    Raises InputError for names that differ from those of the model, and for another number of columns.
    """
    inputs = schema.inputs()
    guessed = source.target is None and target is not None and target != schema.target
    if inputs is not None and _by_name(inputs, columns, schema, target, named):
        unread = tuple(name for name in (*schema.drop, schema.target) if name is not None and name != target)
        return Match(replace(schema, target=target, drop=unread), inputs, guessed)
    missing = next((name for name in source.drop if name not in columns), None)
    if missing is not None:
        raise InputError(f"{source.data}: --drop {missing}: there is no such column")
    left_out = set(source.drop)
    there = [name for name in columns if name not in left_out]
    others = [name for name in there if name != target]
    if not labelled and source.target is None and not _fits(len(others), schema) and _fits(len(there), schema):
        others = there
    chosen = by_position(others, schema, source.data, label_may_be_left=target is None)
    place, taken = dict(zip(inputs or chosen, chosen, strict=True)), set(chosen)
    return Match(
        replace(
            schema,
            names=tuple(others),
            drop=tuple(name for name in columns if name not in taken),
            target=None if target in taken else target,
            texts=tuple(place[name] for name in schema.texts if name in place),
        ),
        inputs or chosen,
        guessed,
        position_notes(chosen if named else None, schema),
    )


def match_dataset(dataset: Dataset, model_schema: Schema | None) -> Dataset:
    """A data set as it was read, with the columns that a model takes, in its order; as it is without a model.

    model_schema  as from `Schema.input_schema`
    Raises InputError for columns that differ from those of the model.
    """
    if model_schema is None:
        return dataset
    data, names = dataset.source.data, dataset.schema.names
    schema = replace(model_schema, target=dataset.schema.target, zero_based=dataset.schema.zero_based)
    if isinstance(dataset.X, Table):
        match = match_table(dataset.X.names, model_schema, dataset.source, None, labelled=False)
        table = dataset.X.select(require_columns(dataset.X.names, match.schema.inputs() or (), data), match.names)
        return replace(dataset, X=table, schema=schema, notes=(*dataset.notes, *match.notes))
    X, notes = match_matrix(dataset.matrix(), names, model_schema, data)
    dataset = dataset.with_parts(
        lambda rows: replace(rows, X=match_matrix(rows.matrix(), names, model_schema, data)[0])
    )
    return replace(dataset, X=X, schema=schema, notes=(*dataset.notes, *notes))


def match_matrix(X: Matrix, names: Sequence[str] | None, schema: Schema, data: str) -> tuple[Stored, tuple[str, ...]]:
    """The columns of X (n, d) that a model takes, in its order; and notes. `names` are those of the columns, None for none.

    Sparse rows may have fewer columns (the missing ones are 0), and if the model was trained on sparse rows also more (the
    additional ones are dropped, with a note). Dense rows must have the same number. Raises InputError otherwise.
    """
    rows, inputs = materialize(X), schema.inputs()
    if names is not None and inputs is not None and schema.header:
        place = {name: j for j, name in enumerate(names)}
        return select_columns(rows, [place[name] for name in require_columns(names, inputs, data)]), ()
    notes = position_notes(names, schema)
    if not isinstance(rows, np.ndarray):
        # their last column need not occur, so that the width cannot tell all columns from those that the model takes
        width, count = rows.shape[1], len(schema.names or ()) or schema.count
        if notes and schema.names is not None and count != schema.count:
            notes = position_notes(names, replace(schema, drop=()))
        if width > count and schema.sparse:
            notes = (*notes, f"values in columns beyond the {count} of the training data were ignored")
        if width <= count or schema.sparse:
            rows = resize_columns(rows, count)
    return select_columns(rows, by_position(range(rows.shape[1]), schema, data)), notes


def by_position(columns: Sequence[T], schema: Schema, data: str, label_may_be_left: bool = False) -> tuple[T, ...]:
    """Those of these columns that a model takes, in its order. They are these columns alone, or all columns of the table
    that it was trained on, also those that it has no use for. Raises InputError for another number of columns."""
    if len(columns) == schema.count:
        return tuple(columns)
    if schema.names is not None and len(columns) == len(schema.names):
        place = dict(zip(schema.names, columns, strict=True))
        return tuple(place[name] for name in schema.inputs() or ())
    hint = "give data of the same columns"
    if label_may_be_left and len(columns) > schema.count:
        hint = "if one of them is the label, name it with --target; leave others out with --drop"
    raise InputError(
        f"{data}: has {len(columns)} feature columns, the model was trained on {schema.count}, and they are matched by "
        f"position, because {_nameless(schema)} no names of columns; {hint}"
    )


def position_notes(columns: Sequence[str] | None, schema: Schema) -> tuple[str, ...]:
    """A note on columns that were taken by position although either they or those of the model have names."""
    inputs = schema.inputs() if schema.header else None
    if columns is not None and inputs is None:
        return (f"the model has no names of columns, so these were taken by position: {listed(columns, SHOWN)}",)
    if columns is None and inputs is not None:
        return (f"the data have no names of columns, so they were taken by position as {listed(inputs, SHOWN)}",)
    return ()


def require_columns(columns: Sequence[str], wanted: tuple[str, ...], data: str, hint: str = "") -> tuple[str, ...]:
    """The columns `wanted`. Raises InputError if one is not among `columns`; `hint` is appended to it."""
    existing = set(columns)
    missing = [column for column in wanted if column not in existing]
    if missing:
        alike = {column.strip().casefold(): column for column in columns}
        near = alike.get(missing[0].strip().casefold())
        advice = f"; is {near!r} meant to be {missing[0]!r}?" if near else "; add them, in any order"
        raise InputError(
            f"{data}: lacks {len(missing)} of the {len(wanted)} columns of the training data: "
            f"{listed(missing, SHOWN)}{advice}{hint}"
        )
    return wanted


def is_cut(columns: Sequence[str], schema: Schema | None) -> bool:
    """Whether a table without names of columns has fewer columns than that which a model was trained on, which had none
    either: the numbers of the columns then say nothing."""
    if schema is None or schema.header or schema.names is None:
        return False
    return len(columns) < len({*schema.names, *schema.drop, schema.target} - {None})


def looks_like_data(columns: Sequence[str]) -> bool:
    """Whether these column names look like a row of data instead of a header: one of them is a number."""
    return any(re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?(\.\d+)?", name, re.IGNORECASE) for name in columns)


def _by_name(inputs: tuple[str, ...], columns: Sequence[str], schema: Schema, target: str | None, named: bool) -> bool:
    """Whether columns are matched by name, or where neither side has names by their number in the file."""
    if named and schema.header:
        return True
    moved = not named and (is_cut(columns, schema) or target in inputs)
    return not moved and set(inputs) <= set(columns)


def _fits(width: int, schema: Schema) -> bool:
    return width in (schema.count, len(schema.names or ()))


def _nameless(schema: Schema) -> str:
    return "the data have" if schema.names is not None and schema.header else "the model has"
