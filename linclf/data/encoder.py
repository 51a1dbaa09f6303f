"""The columns of a table -> the matrix X of features. Of the kinds of columns only numbers are known here, which are encoded together."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import TypeGuard

import numpy as np

from linclf.data.cell_counts import count_cells
from linclf.data.columns.base import MISSING, Column, Unknown
from linclf.data.columns.infer import learn_columns
from linclf.data.columns.number import NumberColumn, PlainNumberColumn, number_features
from linclf.data.columns.registry import KINDS
from linclf.data.dataset import Dataset
from linclf.data.row_weights import column_weights
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.table import Cells, Table, TableRows
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Matrix, Stored, first_not_finite, materialize, select_rows, to_dense


def learn_schema(
    X: Matrix | Table | TableRows, schema: Schema, source: Source, y: Array | None = None
) -> tuple[Schema, list[str]]:
    """The schema of a data set, learned from the training rows X with labels y (n,), and notes; `schema` is that of the file as
    it was read.

    Raises InputError as `learn_columns` does, and for more features than --max-features.
    """
    if not isinstance(X, Table | TableRows):
        return schema, []
    roles = source.roles()
    forced = {roles[kind.role]: kind for kind in KINDS.values() if kind.role in roles}
    forced |= {name: kind for kind in KINDS.values() if kind.option for name in getattr(source, kind.option)}
    weights = column_weights(X, source)
    columns, sparse, notes = learn_columns(X, forced, source, weights=weights, y=y, decimal=schema.decimal)
    count = sum(len(column.feature_names()) for column in columns)
    source.check_width(count)
    texts = tuple(column.name for column in columns if column.reads_text(schema.decimal))
    n = X.shape[0] if weights is None else round(float(weights.sum()))
    return replace(schema, count=count, sparse=sparse, texts=texts, columns=columns, rows=n), notes


def encode(X: Matrix | Table | TableRows, schema: Schema, name: str) -> tuple[Matrix, dict[str, Unknown]]:
    """Rows of data as the matrix (n, n_features) of a model's features, ndarray or CSR; and by column the unknown cells.

    A matrix has the columns of the model in their order, as `matching` gives them. The columns of a table are found by name;
    if the model has no names, they are its features in their order.
    Raises InputError for a missing column, for a cell that cannot be used, and for a matrix where the model takes text;
    `name` is that of the data set.
    """
    columns = schema.columns
    if columns is None:
        if not isinstance(X, Table | TableRows):
            return X, {}
        columns = tuple(map(PlainNumberColumn, schema.inputs() or _table_of(X).names))
    used = [column for column in columns if column.feature_names()]
    plain = not schema.sparse and all(column.is_identity for column in used)
    if not isinstance(X, Table | TableRows):
        if plain and X.shape[1] == schema.count:
            return X, {}
        X = _as_table(X, columns, name)
    table = _table_of(X)
    names = set(table.names)
    absent = [column.name for column in used if column.name not in names]
    if absent:
        raise InputError(f"{name}: lacks the columns {', '.join(absent)} of the training data; add them, in any order")
    if plain and not table.texts:
        numbers: Matrix = select_rows(table.numbers, X.rows) if isinstance(X, TableRows) else table.numbers
        if not table.has_gaps or first_not_finite(numbers) is None:
            # nothing to compute, and no copy if all columns are used in their order; row after row in memory, so that sums are the
            # same to the last bit whatever other columns there are
            index = [table.number_index[column.name] for column in used]
            return (numbers if index == list(range(numbers.shape[1])) else to_dense(numbers[:]).take(index, axis=1)), {}
    return _encode_columns(X[:], used, schema, name)


def _table_of(X: Table | TableRows) -> Table:
    return X.table if isinstance(X, TableRows) else X


def _as_table(X: Matrix, columns: Sequence[Column], name: str) -> Table:
    """A matrix as a table of the columns of a model, of all or of those with features. Raises InputError if it takes text."""
    used = [column for column in columns if column.feature_names()]
    text = next((column for column in used if not column.takes_numbers), None)
    if text is not None:
        raise InputError(
            f"{name}: has numbers only, and the model takes a {text.kind} in column {text.name!r}; give a table with the "
            "columns of the training data"
        )
    names = tuple(column.name for column in (columns if X.shape[1] == len(columns) else used))
    return Table(names, to_dense(materialize(X)).astype(np.float64), {})


def _encode_columns(
    table: Table, columns: Sequence[Column], schema: Schema, name: str
) -> tuple[Matrix, dict[str, Unknown]]:
    """The features of these columns next to each other, and the unknown cells. In a file with another decimal mark than that of the
    training data, all marks have changed places."""
    if table.decimal not in (None, schema.decimal):
        columns = [column.with_swapped_marks(schema.decimal) for column in columns]
    unknown: dict[str, Unknown] = {}
    blocks: list[Stored] = []
    dense = None if schema.sparse else np.empty((table.shape[0], schema.count))
    start = 0
    for run in _runs(columns, table):
        block, strange = _encode_run(run, table, schema.sparse, name)
        unknown |= strange
        if dense is None:
            blocks.append(block)
        else:
            dense[:, start : start + block.shape[1]] = to_dense(block)
            start += block.shape[1]
    if dense is not None:
        return dense, unknown
    from scipy.sparse import csr_matrix, hstack

    stacked = hstack([csr_matrix(block) for block in blocks], format="csr")
    stacked.sort_indices()
    return stacked, unknown


def _runs(columns: Sequence[Column], table: Table) -> list[list[Column]]:
    """The columns in their order: those of numbers that are next to each other together, each of the others by itself."""

    def key(column: Column) -> bool | str:
        return (_is_number(column) and column.name not in table.texts) or column.name

    return [list(run) for _, run in groupby(columns, key)]


def _is_number(column: Column) -> TypeGuard[NumberColumn]:
    """Whether the features are those of `number_features`."""
    if not isinstance(column, NumberColumn):
        return False
    return type(column).transform is NumberColumn.transform and not column.wants_unit


def _encode_run(run: list[Column], table: Table, sparse: bool, name: str) -> tuple[Stored, dict[str, Unknown]]:
    """The features of one column, or of some columns of numbers, and their unknown cells."""
    numbers = list(filter(_is_number, run))
    if len(run) == len(numbers) > 1:
        index = [table.number_index[column.name] for column in run]
        block, counts = number_features(numbers, table.numbers[:, index], sparse)
        if first_not_finite(block) is None:
            new = [(column.name, int(n)) for column, n in zip(run, counts, strict=True) if n and not column.missing]
            return block, {column: {MISSING: n} for column, n in new}
    for column in run:  # of several, the first one that is not finite
        cells = table.column(column.name)
        found, strange = column.transform(cells, sparse)
        bad = first_not_finite(found)
        if bad:
            text = cells.texts()[bad[0]] if isinstance(cells, Cells) else ""
            raise InputError(f"{name}{table.locate(bad[0])}: {column.not_finite_error(text)}")
    return found, {column.name: strange} if strange else {}


def unknown_notes(unknown: dict[str, Unknown], schema: Schema) -> list[str]:
    """Notes on the unknown cells, by column and in the order of the columns."""
    columns = [column for column in schema.columns or () if column.name in unknown]
    return [note for column in columns for note in column.unknown_notes(unknown[column.name])]


def encoded(dataset: Dataset, schema: Schema) -> Dataset:
    """A data set that was read for a model, its columns as the features of that model, and its cells counted."""
    X, unknown = encode(dataset.X, schema, dataset.source.data)
    counts = count_cells(dataset.X, X, unknown, schema)
    dataset = dataset.with_parts(lambda rows: replace(rows, X=encode(rows.X, schema, dataset.source.data)[0]))
    found = replace(schema, target=dataset.schema.target)
    notes = (*dataset.notes, *unknown_notes(unknown, schema))
    return replace(dataset, X=X, schema=found, notes=notes, counts=counts)
