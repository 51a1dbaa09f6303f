"""Turn a data frame into a Dataset: choose the label column and the feature columns."""

import difflib
import re

import numpy as np

from linclf.data import labels
from linclf.data.columns.registry import KINDS
from linclf.data.dataset import Dataset
from linclf.data.schema import Schema
from linclf.data.source import RawFile, Source
from linclf.data.table import Frame, Table, from_frame, listed, to_cells
from linclf.errors import InputError
from linclf.losses import Array

TARGET_NAMES = ("target", "label", "class", "y")
SHOWN = 12  # column names shown in a message


def choose_target(source: Source, columns: list[str], model_schema: Schema | None, labelled: bool) -> str | None:
    """The name of the target column: --target, else the model's, else the only column named as in TARGET_NAMES.

    labelled  whether a target is required; without one, the result is None
    Raises InputError.
    """
    wanted = source.target or (model_schema.target if model_schema else None)
    if wanted is not None:
        if wanted in columns:
            return wanted
        if not source.header and re.fullmatch(r"-\d+", wanted) and int(wanted) >= -len(columns):
            return columns[int(wanted)]
        if not labelled and source.target is None:
            return None
        header = " (or is there no header? pass --no-header)" if source.header and looks_like_data(columns) else ""
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
        header = "; if the file has no header, pass --no-header" if looks_like_data(columns) else ""
    reason = (
        f"more than one of {', '.join(found)}"
        if found
        else f"no column named {', '.join(TARGET_NAMES[:-1])} or {TARGET_NAMES[-1]}"
    )
    raise InputError(
        f"{source.data}: has {reason}; choose the label column with --target; the columns are {listed(columns, SHOWN)}{header}"
    )


def text_columns(source: Source, model_schema: Schema | None) -> tuple[str, ...]:
    """The columns that are read as text whatever they contain: by an option, or as in the training data."""
    kinds = KINDS.values()
    forced = (name for kind in kinds if kind.option and kind.read_as_text for name in getattr(source, kind.option))
    return (*forced, *(model_schema.texts if model_schema else ()))


def to_dataset(
    frame: Frame,
    raw: RawFile,
    target: str | None,
    model_schema: Schema | None,
    *,
    labelled: bool = True,
    lines: Array | None = None,
) -> Dataset:
    """Turn a data frame whose column `target`, if any, contains the labels into a Dataset.

    labelled  whether the labels are wanted; otherwise that column is left out
    lines     (n,) the line of the file on which each row begins
    """
    source = raw.source
    if len(frame) == 0:
        raise InputError(f"{source.data}: contains no rows{' below its header' if lines is not None else ''}")
    names, notes = _feature_columns(list(frame.columns), source, target, model_schema)
    table = from_frame(frame[names], source.data, lines)
    y = _labels(frame, target, table, source.data) if target is not None and labelled else None
    features = model_schema or Schema(
        len(names), tuple(names), False, raw.format, source.header, target, source.drop, texts=tuple(table.texts)
    )
    return Dataset(table, y, source, features, raw.digest, notes=notes)


def _labels(frame: Frame, target: str, table: Table, name: str) -> Array:
    """The labels (n,) in the column `target`. Raises InputError if one is missing."""
    try:
        cells = to_cells(frame[target])
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    texts = np.append(cells.levels, "")  # the last one for missing cells
    missing = np.flatnonzero(labels.is_missing(texts)[cells.codes])
    if len(missing):
        raise InputError(
            f"{name}{table.locate(int(missing[0]))}: the label in column {target!r} is missing; fill it in or remove the row"
        )
    labels.check_texts(cells.levels, name)
    return labels.from_text(cells.levels)[cells.codes]


def looks_like_data(columns: list[str]) -> bool:
    """Whether these column names look like a row of data instead of a header: one of them is a number."""
    return any(re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?(\.\d+)?", name, re.IGNORECASE) for name in columns)


def _hint(wanted: str, columns: list[str]) -> str:
    near = difflib.get_close_matches(wanted, columns, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def require_columns(columns: list[str], wanted: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The columns `wanted`. Raises InputError if one is not among `columns`; `name` is the data set's, for messages."""
    existing = set(columns)
    missing = [column for column in wanted if column not in existing]
    if missing:
        alike = {column.strip().casefold(): column for column in columns}
        near = alike.get(missing[0].strip().casefold())
        hint = f"; is {near!r} meant to be {missing[0]!r}?" if near else "; add them, in any order"
        raise InputError(
            f"{name}: lacks {len(missing)} of the {len(wanted)} columns of the training data: {listed(missing, SHOWN)}{hint}"
        )
    return wanted


def _feature_columns(
    columns: list[str], source: Source, target: str | None, model_schema: Schema | None
) -> tuple[list[str], tuple[str, ...]]:
    """The feature columns in order, and notes: those of the model, or all but the target and the dropped ones."""
    if model_schema is None or model_schema.names is None:
        for option, chosen in source.column_options().items():
            unknown = [name for name in chosen if name not in columns]
            if unknown:
                raise InputError(
                    f"{source.data}: --{option} {unknown[0]}: there is no such column{_hint(unknown[0], columns)}"
                )
            if target in chosen:
                raise InputError(
                    f"{source.data}: --{option} {target}: this column is the label; leave one of the two out"
                )
        for role, column in source.roles().items():
            if column not in columns:
                raise InputError(f"{source.data}: --{role} {column}: there is no such column{_hint(column, columns)}")
            if column == target:
                raise InputError(f"{source.data}: --{role} {column}: this column is the label; name another")
        left_out = {target, *source.drop}
        names = [name for name in columns if name not in left_out]
        if not names:
            raise InputError(f"{source.data}: no feature column is left besides the target; drop fewer columns")
        if model_schema is not None and len(names) != model_schema.count:
            raise InputError(
                f"{source.data}: has {len(names)} feature columns, the model was trained on {model_schema.count}; "
                "give data of the same columns"
            )
        return names, ()
    roles = [column for column in source.roles().values() if column in columns]
    wanted = [name for name in model_schema.names if name not in source.roles().values()]
    require_columns(columns, tuple(wanted), source.data)
    used = {*wanted, *roles, *model_schema.drop, model_schema.target, target}
    spare = [name for name in columns if name not in used]
    notes = (f"columns the model was not trained on were ignored: {listed(spare, SHOWN)}",)
    return list(dict.fromkeys([*wanted, *roles])), notes if spare else ()
