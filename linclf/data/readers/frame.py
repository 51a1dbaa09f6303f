"""Turn a data frame into a Dataset: choose the label column and the feature columns."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from linclf.data import labels
from linclf.data.columns.base import in_rows
from linclf.data.columns.registry import KINDS
from linclf.data.dataset import Dataset
from linclf.data.label_spelling import one_spelling
from linclf.data.matching import Match, is_cut, looks_like_data, require_columns
from linclf.data.readers.guess import check_guess
from linclf.data.schema import Schema
from linclf.data.source import RawFile, Source
from linclf.data.table import Frame, from_frame, listed, to_cells
from linclf.errors import InputError
from linclf.losses import Array

TARGET_NAMES = ("target", "label", "class", "y")
UNLABELLED = "the label in column"  # begins the note on rows without a label
SHOWN = 12  # column names shown in a message


def choose_target(
    source: Source, columns: list[str], model_schema: Schema | None, labelled: bool, named: bool = True
) -> str | None:
    """The name of the target column: --target, else the model's, else the only column named as in TARGET_NAMES, in any
    case.

    labelled  whether a target is required; without one, the result is None
    named     whether the columns have names; if not, they are numbers from 0, as text
    Raises InputError.
    """
    wanted = source.target or (model_schema.target if model_schema else None)
    if source.target is None and model_schema is not None and not model_schema.header:
        # a number: it means nothing where columns have names, or where there are fewer of them
        wanted = None if (named and wanted not in columns) or is_cut(columns, model_schema) else wanted
    if wanted is not None:
        if wanted in columns:
            return wanted
        if not named and re.fullmatch(r"-\d+", wanted) and int(wanted) >= -len(columns):
            return columns[int(wanted)]
        if not labelled and source.target is None:
            return None
        header = " (or is there no header? pass --no-header)" if named and looks_like_data(columns) else ""
        raise InputError(
            f"{source.data}: has no column {wanted!r}{_hint(wanted, columns)}; its columns are {listed(columns, SHOWN)}; "
            f"name one with --target{header}"
        )
    features = (model_schema.inputs() if model_schema else None) or ()
    found = [column for column in columns if column.casefold() in TARGET_NAMES and column not in features]
    if len(found) == 1:
        return found[0]
    if not labelled:
        return None
    header = ", numbered from 0"
    if named:
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
    match: Match | None,
    *,
    labelled: bool = True,
    lines: Array | None = None,
) -> Dataset:
    """Turn a data frame whose column `target`, if any, contains the labels into a Dataset.

    match     the columns that a model takes, or None for all
    labelled  whether the labels are wanted; otherwise that column is left out
    lines     (n,) the line of the file on which each row begins
    """
    source = raw.source
    if len(frame) == 0:
        raise InputError(f"{source.data}: contains no rows{' below its header' if lines is not None else ''}")
    if match is None:
        names = called = _feature_columns(list(frame.columns), source, target)
        features = Schema(
            len(names),
            names,
            False,
            raw.format,
            source.header,
            target,
            source.drop,
            decimal=source.decimal_or("."),
            na_values=source.na_values,
        )
        notes: tuple[str, ...] = ()
    else:
        names, called, notes = _model_columns(list(frame.columns), source, target, match)
        features = match.schema
    table = from_frame(frame[list(names)], source.data, lines, source.na_values)
    table = replace(table, decimal=source.decimal)
    y: Array | None = None
    label_notes: list[str] = []
    if target is not None and labelled:
        y, labelled_rows, label_notes = _labels(frame, target, source)
        if len(labelled_rows) < len(table.numbers):
            table = table[labelled_rows]
    if match is None:
        features = replace(features, texts=tuple(table.texts))
    if y is not None and target is not None and (match.guessed if match else features.is_guessed_target(source.target)):
        check_guess(target, y, frame, source)
    columns = tuple(frame.columns)
    return Dataset(
        table.select(names, called), y, source, features, raw.digest, notes=(*notes, *label_notes), columns=columns
    )


def _labels(frame: Frame, target: str, source: Source) -> tuple[Array, Array, list[str]]:
    """The labels (m,) in the column `target`, the rows (m,) that have one, and notes. Raises InputError if none has."""
    name = source.data
    try:
        cells = to_cells(frame[target])
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    labels.check_texts(cells.levels, name)
    levels, notes = one_spelling(cells.levels, cells.counts(), source.clean_labels)
    texts = np.append(levels, "")  # the last one for missing cells
    missing = labels.is_missing(texts) | np.isin(texts, source.na_values)
    rows = np.flatnonzero(~missing[cells.codes])
    if not len(rows):
        raise InputError(
            f"{name}: the label in column {target!r} is missing in all rows; name another column with --target"
        )
    if len(rows) < len(frame):
        notes.append(f"{UNLABELLED} {target!r} is missing in {in_rows(len(frame) - len(rows))}, which were left out")
    return labels.from_levels(levels, cells.codes[rows]), rows, notes


def check_kept(raw: RawFile, columns: Sequence[str]) -> None:
    """Raise InputError if a column that is to be kept is not among those of the file."""
    missing = next((name for name in raw.keep if name not in columns), None)
    if missing is not None:
        raise InputError(
            f"{raw.source.data}: --keep {missing}: there is no such column{_hint(missing, list(columns))}; the columns are "
            f"{listed(columns, SHOWN)}"
        )


def _hint(wanted: str, columns: list[str]) -> str:
    near = difflib.get_close_matches(wanted, columns, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _feature_columns(columns: list[str], source: Source, target: str | None) -> tuple[str, ...]:
    """The feature columns in order, and those with a role: all but the target and the dropped ones."""
    named = {**source.column_options(), **{role: (column,) for role, column in source.roles().items()}}
    for option, chosen in named.items():
        unknown = [name for name in chosen if name not in columns]
        if unknown:
            raise InputError(
                f"{source.data}: --{option} {unknown[0]}: there is no such column{_hint(unknown[0], columns)}"
            )
        if target in chosen:
            raise InputError(f"{source.data}: --{option} {target}: this column is the label; leave one of the two out")
    left_out = {target, *source.drop}
    names = tuple(name for name in columns if name not in left_out)
    if not names:
        raise InputError(f"{source.data}: no feature column is left besides the target; drop fewer columns")
    return names


def _model_columns(
    columns: list[str], source: Source, target: str | None, match: Match
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The columns that a model takes, in its order, and those with a role that are there; what the model calls them; and notes on
    the match and on others that are ignored."""
    hint = " (or is there no header? pass --no-header)" if source.header and looks_like_data(columns) else ""
    schema, roles = match.schema, [column for column in source.roles().values() if column in columns]
    called = dict(zip(schema.inputs() or (), match.names, strict=True))
    optional = set(source.roles().values())
    names = require_columns(columns, tuple(name for name in called if name not in optional), source.data, hint)
    names = tuple(dict.fromkeys([*names, *roles]))
    used = {*names, *(schema.names or ()), *schema.drop, target}
    spare = [name for name in columns if name not in used]
    notes = (f"columns the model was not trained on were ignored: {listed(spare, SHOWN)}",) if spare else ()
    return names, tuple(called.get(name, name) for name in names), (*match.notes, *notes)
