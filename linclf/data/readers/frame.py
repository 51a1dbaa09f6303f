"""Data frames -> Dataset: which column is the label, which are features."""

import difflib
import re
from typing import Any

import numpy as np

from linclf.data import labels
from linclf.data.dataset import Dataset
from linclf.data.schema import Schema
from linclf.data.source import RawFile, Source
from linclf.data.table import Frame, Table, from_frame, listed, to_cells
from linclf.errors import InputError
from linclf.losses import Array

TARGET_NAMES = ("target", "label", "class", "y")
SHOWN = 12  # columns named in a message


def choose_target(source: Source, columns: list[str], like: Schema | None, labelled: bool) -> str | None:
    """The name of the target column: as told, else as the model's, else the only column with a target's name.

    labelled: whether there must be one. Raises InputError.
    """
    wanted = source.target or (like.target if like else None)
    if wanted is not None:
        if wanted in columns:
            return wanted
        if not source.header and re.fullmatch(r"-\d+", wanted) and int(wanted) >= -len(columns):
            return columns[int(wanted)]
        if not labelled and source.target is None:
            return None
        header = " (or is there no header? say --no-header)" if source.header and is_row(columns) else ""
        raise InputError(
            f"{source.data}: has no column {wanted!r}{_hint(wanted, columns)}; its columns are {listed(columns, SHOWN)}; "
            f"name one with --target{header}"
        )
    found = [column for column in columns if column in TARGET_NAMES]
    if len(found) == 1:
        return found[0]
    if not labelled:
        return None
    header = ", numbered from 0"
    if source.header:
        header = "; if the file has no header, say --no-header" if is_row(columns) else ""
    reason = f"more than one of {', '.join(found)}" if found else f"no column named {', '.join(TARGET_NAMES)}"
    raise InputError(
        f"{source.data}: has {reason}; choose the label with --target; the columns are {listed(columns, SHOWN)}{header}"
    )


def read_as_text(source: Source, like: Schema | None) -> tuple[str, ...]:
    """The columns that are text whatever is in them: as told, or as they were in the training data."""
    return (*source.category, *source.text, *(like.texts if like else ()))


def to_dataset(
    frame: Frame,
    raw: RawFile,
    target: str | None,
    like: Schema | None,
    *,
    labelled: bool = True,
    lines: Array | None = None,
) -> Dataset:
    """The Dataset of a data frame whose column `target`, if any, holds the labels.

    labelled  whether these are wanted; otherwise the column is left out
    lines     (n,) the line of the file on which each row begins
    """
    source = raw.source
    if len(frame) == 0:
        raise InputError(f"{source.data}: holds no rows{' below its header' if lines is not None else ''}")
    names, notes = _feature_columns(list(frame.columns), source, target, like)
    table = from_frame(frame[names], source.data, lines)
    y = _labels(frame[target], target, table, source.data) if target is not None and labelled else None
    features = like or Schema(
        len(names), tuple(names), False, raw.format, source.header, target, source.drop, texts=tuple(table.texts)
    )
    return Dataset(table, y, source, features, raw.digest, notes=notes)


def _labels(column: Any, target: str, table: Table, name: str) -> Array:
    """The labels (n,) in a column. Raises InputError where one is missing."""
    try:
        cells = to_cells(column)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    texts = np.append(cells.levels, "")  # the last one for missing cells
    missing = np.flatnonzero(labels.missing(texts)[cells.codes])
    if len(missing):
        raise InputError(
            f"{name}{table.locate(int(missing[0]))}: the label in column {target!r} is missing; fill it in or remove the row"
        )
    labels.check_texts(cells.levels, name)
    return labels.from_text(cells.levels)[cells.codes]


def is_row(columns: list[str]) -> bool:
    """Whether what should be a header looks like a row of data: a number among the names."""
    return any(re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?(\.\d+)?", name, re.IGNORECASE) for name in columns)


def _hint(wanted: str, columns: list[str]) -> str:
    near = difflib.get_close_matches(wanted, columns, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def found_by_name(columns: list[str], wanted: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The columns `wanted`. Raises InputError where one is not among `columns`; `name` is the data set's."""
    there = set(columns)
    missing = [column for column in wanted if column not in there]
    if missing:
        alike = {column.strip().casefold(): column for column in columns}
        near = alike.get(missing[0].strip().casefold())
        hint = f"; is {near!r} meant to be {missing[0]!r}?" if near else "; add them, in any order"
        raise InputError(
            f"{name}: lacks {len(missing)} of the {len(wanted)} columns of the training data: {listed(missing, SHOWN)}{hint}"
        )
    return wanted


def _feature_columns(
    columns: list[str], source: Source, target: str | None, like: Schema | None
) -> tuple[list[str], tuple[str, ...]]:
    """The feature columns in order, and notes: all but target and dropped ones, or those that a model was trained on."""
    if like is None or like.names is None:
        for option, chosen in source.told().items():
            unknown = [name for name in chosen if name not in columns]
            if unknown:
                raise InputError(
                    f"{source.data}: --{option} {unknown[0]}: there is no such column{_hint(unknown[0], columns)}"
                )
            if target in chosen:
                raise InputError(
                    f"{source.data}: --{option} {target}: this column is the label; leave one of the two out"
                )
        left_out = {target, *source.drop}
        names = [name for name in columns if name not in left_out]
        if not names:
            raise InputError(f"{source.data}: no feature column is left besides the target; drop fewer columns")
        if like is not None and len(names) != like.count:
            raise InputError(
                f"{source.data}: has {len(names)} feature columns, the model was trained on {like.count}; "
                "give data of the same columns"
            )
        return names, ()
    found_by_name(columns, like.names, source.data)
    used = {*like.names, *like.drop, like.target, target}
    spare = [name for name in columns if name not in used]
    notes = (f"columns the model was not trained on were ignored: {listed(spare, SHOWN)}",)
    return list(like.names), notes if spare else ()
