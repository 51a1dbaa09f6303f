"""The columns of a table -> the matrix X of features; no kind of column is known here."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from linclf.data.columns.base import Column, Unknown
from linclf.data.columns.infer import learn_columns
from linclf.data.columns.registry import KINDS
from linclf.data.dataset import Dataset, require_matrix
from linclf.data.row_weights import row_weights
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.table import Table, TableRows
from linclf.errors import InputError
from linclf.optim.linalg import Matrix, Stored, first_not_finite, select_rows, to_dense


def learn_schema(X: Matrix | Table | TableRows, schema: Schema, source: Source) -> tuple[Schema, list[str]]:
    """The schema of a data set, learned from the training rows X, and notes; `schema` is that of the file as it was read.

    Raises InputError as `learn_columns` does, and for more features than --max-features.
    """
    if not isinstance(X, Table | TableRows):
        return schema, []
    roles = source.roles()
    forced = {roles[kind.role]: kind for kind in KINDS.values() if kind.role in roles}
    forced |= {name: kind for kind in KINDS.values() if kind.option for name in getattr(source, kind.option)}
    columns, sparse, notes = learn_columns(X, forced, source.min_count, source.data, row_weights(X, source))
    count = sum(len(column.feature_names()) for column in columns)
    source.check_width(count)
    texts = tuple(column.name for column in columns if column.read_as_text)
    return replace(schema, count=count, sparse=sparse, texts=texts, columns=columns), notes


def encode(X: Matrix | Table | TableRows, schema: Schema, name: str) -> tuple[Matrix, dict[str, Unknown]]:
    """Rows of a Table as the matrix (n, n_features), ndarray or CSR; and by column the unknown cells.

    Any other X is a matrix already. Raises InputError for a table where the schema has no names of columns, for a missing
    column, and for a number that cannot be used; `name` is
    that of the data set.
    """
    if schema.columns is None or not isinstance(X, Table | TableRows):
        return require_matrix(X), {}
    table = X.table if isinstance(X, TableRows) else X
    used = [column for column in schema.columns if column.feature_names()]
    names = set(table.names)
    absent = [column.name for column in used if column.name not in names]
    if absent:
        raise InputError(f"{name}: lacks the columns {', '.join(absent)} of the training data; add them, in any order")
    if not schema.sparse and not table.texts and all(column.is_identity for column in used):
        numbers: Matrix = select_rows(table.numbers, X.rows) if isinstance(X, TableRows) else table.numbers
        if not table.has_gaps or first_not_finite(numbers) is None:
            # nothing to compute, and no copy if all columns are used in their order
            index = [table.number_index[column.name] for column in used]
            return (numbers if index == list(range(numbers.shape[1])) else to_dense(numbers[:])[:, index]), {}
    return _encode_columns(X[:], used, schema, name)


def _encode_columns(
    table: Table, columns: Sequence[Column], schema: Schema, name: str
) -> tuple[Matrix, dict[str, Unknown]]:
    """The features of these columns next to each other, and the unknown cells."""
    unknown: dict[str, Unknown] = {}
    blocks: list[Stored] = []
    dense = None if schema.sparse else np.empty((table.shape[0], schema.count))
    start = 0
    for column in columns:
        block, strange = column.transform(table.column(column.name), schema.sparse)
        bad = first_not_finite(block)
        if bad:
            raise InputError(
                f"{name}{table.locate(bad[0])}: the number in column {column.name!r} {column.not_finite_reason()}; "
                "fix it, or leave out the row"
            )
        if strange:
            unknown[column.name] = strange
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


def unknown_notes(unknown: dict[str, Unknown], schema: Schema) -> list[str]:
    """Notes on the unknown cells, by column and in the order of the columns."""
    columns = [column for column in schema.columns or () if column.name in unknown]
    return [note for column in columns for note in column.unknown_notes(unknown[column.name])]


def encoded(dataset: Dataset, schema: Schema) -> Dataset:
    """A data set that was read for a model, its columns as the features of that model; as it is if they have no names."""
    if schema.columns is None:
        return dataset
    X, unknown = encode(dataset.X, schema, dataset.source.data)
    return replace(dataset, X=X, schema=schema, notes=(*dataset.notes, *unknown_notes(unknown, schema)))
