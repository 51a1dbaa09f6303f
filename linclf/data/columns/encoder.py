"""Columns of a table -> the matrix X, as `columns.learn` decided from the training rows."""

from collections import Counter
from dataclasses import replace

import numpy as np

from linclf.data.columns.infer import Column, filled, in_rows, learn, not_numbers, number, vectorizer
from linclf.data.dataset import Dataset
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.table import Cells, Table, spelled
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import LazyRows, Matrix, first_not_finite, select

SHOWN = 5  # cells named in a note
MISSING = ""  # how a missing cell is counted among the unknown ones
Unknown = dict[str, dict[str, int]]  # by column, cells that training never saw the like of, and how often they occur


def learn_schema(X: Matrix, read: Schema, source: Source) -> tuple[Schema, list[str]]:
    """How the columns of the training rows X become features, and notes; `read` are those of the file as read."""
    if not isinstance(X.X if isinstance(X, LazyRows) else X, Table):
        return read, []
    told = dict.fromkeys(source.numeric, "number")
    told |= {name: kind for kind in ("category", "text") for name in getattr(source, kind)}
    columns, sparse, notes = learn(X, told, source.min_count, source.data)
    count = sum(len(column.feature_names()) for column in columns)
    source.check_width(count)
    texts = tuple(column.name for column in columns if column.kind in ("category", "text", "date"))
    return replace(read, count=count, sparse=sparse, texts=texts, columns=columns), notes


def encode(X: Matrix, features: Schema, name: str) -> tuple[Matrix, Unknown]:
    """Rows of a Table as the matrix (n, n_features), ndarray or CSR, and the cells that training never saw.

    Any other X is a matrix already. Raises InputError for a column that is not there; `name` is the data set's.
    """
    table = X.X if isinstance(X, LazyRows) else X
    if features.columns is None or not isinstance(table, Table):
        return X, {}
    used = [column for column in features.columns if column.feature_names()]
    names = set(table.names)
    absent = [column.name for column in used if column.name not in names]
    if absent:
        raise InputError(f"{name}: lacks the columns {', '.join(absent)} of the training data; add them, in any order")
    if (
        not features.sparse
        and not table.texts
        and all(column.kind == "number" and not column.missing for column in used)
    ):
        numbers = select(table.numbers, X.rows) if isinstance(X, LazyRows) else table.numbers
        if not table.has_gaps or first_not_finite(numbers) is None:
            # as they stand: nothing to compute, and if all are used no copy
            places = [table.places[column.name] for column in used]
            return (numbers if places == list(range(numbers.shape[1])) else numbers[:][:, places]), {}
    part, unknown, blocks, at = X[:], {}, [], 0
    whole = None if features.sparse else np.empty((len(part.numbers), features.count))
    for column in used:
        block, strange = _block(column, part.column(column.name), features.sparse)
        bad = first_not_finite(block)
        if bad:
            what = "is too large beside those of the training data"
            what = "is missing, and the model knows no median for it" if column.median is None else what
            raise InputError(
                f"{name}{part.place(bad[0])}: the number in column {column.name!r} {what}; mend it, or leave out the row"
            )
        if strange:
            unknown[column.name] = strange
        if whole is None:
            blocks.append(block)
        else:
            whole[:, at : at + block.shape[1]] = block
            at += block.shape[1]
    if whole is not None:
        return whole, unknown
    from scipy.sparse import csr_matrix, hstack

    stacked = hstack([csr_matrix(block) for block in blocks], format="csr")
    stacked.sort_indices()
    return stacked, unknown


def _block(column: Column, cells: Array | Cells, sparse: bool) -> tuple[Matrix, dict[str, int]]:
    """The features of one column (n, its features), and what of it training never saw."""
    if column.kind in ("number", "date"):
        values, missing = filled(column, cells)
        strange = not_numbers(column.kind, cells) if isinstance(cells, Cells) else {}
        lost = int(missing.sum()) - sum(strange.values())
        if lost and not column.missing:
            strange[MISSING] = lost
        if sparse:
            with np.errstate(over="ignore"):
                values = (values - column.center) / column.spread
        return np.column_stack([values, missing] if column.missing else [values]).astype(np.float64), strange
    cells = cells if isinstance(cells, Cells) else spelled(cells)
    if column.kind == "category":
        return _one_hot(column, cells, sparse)
    fitted = vectorizer(vocabulary=column.words)
    fitted.idf_ = np.array(column.idf)
    texts = cells.texts()
    return fitted.transform(texts if len(texts) else [""])[: len(texts)].astype(np.float64), {}


def _one_hot(column: Column, cells: Cells, sparse: bool) -> tuple[Matrix, dict[str, int]]:
    """0 and 1, one column for each level, then for the pool, then for missing cells; all 0 for what has none of these.

    A level that is no other than a known one written as another number (1.0 or 01 for 1) is that one: files and frames
    differ in how they write codes.
    """
    place = {level: j for j, level in enumerate(column.levels)}
    if any(level not in place for level in cells.levels):
        values = [number(level) for level in column.levels]
        once = Counter(values)
        same = {value: j for j, value in enumerate(values) if once[value] == 1 and not np.isnan(value)}
        others = [level for level in cells.levels if level not in place and number(level) in same]
        place |= {level: same[number(level)] for level in others}
    width, pool = len(column.feature_names()), len(column.levels) if column.pooled else -1
    places = np.array([place.get(level, pool) for level in cells.levels] + [width - 1 if column.missing else -1])
    at = places.astype(np.intp)[cells.codes]  # (n,)
    counts = cells.counts()
    strange = {str(level): int(c) for level, c in zip(cells.levels, counts, strict=True) if c and level not in place}
    lost = 0 if column.missing else int((cells.codes < 0).sum())
    strange |= {MISSING: lost} if lost else {}
    known = at >= 0
    if sparse:
        from scipy.sparse import csr_matrix

        ends = np.concatenate([[0], np.cumsum(known)])
        return csr_matrix((np.ones(ends[-1]), at[known], ends), shape=(len(at), width)), strange
    block = np.zeros((len(at), width))
    block[np.flatnonzero(known), at[known]] = 1
    return block, strange


def unknown_notes(unknown: Unknown, features: Schema) -> list[str]:
    """A line for each column with cells that training never saw the like of."""
    notes = []
    for column in features.columns or ():
        strange = dict(unknown.get(column.name, {}))
        lost = strange.pop(MISSING, 0)
        is_category = column.kind == "category"
        if strange:
            shown = ", ".join(f"{text[:30]!r} ({count})" for text, count in list(strange.items())[:SHOWN])
            shown += f" and {len(strange) - SHOWN} more" if len(strange) > SHOWN else ""
            what, taken = "levels that training never saw", "taken as none of its levels"
            if column.pooled:
                what, taken = "levels that training saw rarely or never", f"taken as {column.name + ' (other)'!r}"
            if not is_category:
                what, taken = f"not {column.kind}s", "taken as missing"
            notes.append(f"column {column.name!r}: {what} in {in_rows(sum(strange.values()))}, {taken}: {shown}")
        if lost:
            taken = "taken as none of its levels" if is_category else "taken as the median"
            notes.append(f"column {column.name!r}: missing in {in_rows(lost)}, as never in training; {taken}")
    return notes


def encoded(dataset: Dataset, features: Schema) -> Dataset:
    """A data set read for a model, its columns as that model's features."""
    X, unknown = encode(dataset.X, features, dataset.source.data)
    return replace(dataset, X=X, schema=features, notes=(*dataset.notes, *unknown_notes(unknown, features)))
