"""Columns of Python values, as files of typed cells hold them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal

import numpy as np

from linclf.data.dataset import Dataset
from linclf.data.matching import match_table
from linclf.data.readers.frame import check_kept, choose_target, text_columns, to_dataset
from linclf.data.readers.header import HEADER_NOT_USED, check_header
from linclf.data.schema import Schema
from linclf.data.source import RawFile
from linclf.data.table import MAX_EXACT_INT
from linclf.losses import Array


def to_value(cell: object) -> object:
    """A cell as a plain value: dates and times as ISO text, without the time where it is midnight; whole numbers as integers,
    if float64 can tell them apart; None for an empty cell."""
    if isinstance(cell, datetime):
        return cell.isoformat(" ").removesuffix(" 00:00:00")
    if isinstance(cell, Decimal):
        cell = float(cell)
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() and abs(cell) < MAX_EXACT_INT else cell
    if cell is None or isinstance(cell, str | int):
        return None if cell == "" else cell
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)


def spell_value(value: object) -> str:
    """The text of a value: a whole number as an integer, any other value as Python prints it."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def to_column(values: Sequence[object], as_text: bool, spell: Callable[[object], str] = spell_value) -> Array:
    """The values (n,) as numbers with NaN for None, if all are numbers and `as_text` is false; else as text with None for None.

    spell  the text of a value that is no text
    Whole numbers that float64 cannot tell apart are codes, and become text.
    """
    codes = any(isinstance(value, int) and abs(value) >= MAX_EXACT_INT for value in values)
    numbers = [
        _float(value)
        for value in values
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    ]
    if not as_text and len(numbers) == len(values) and (not codes or any(isinstance(value, float) for value in values)):
        return np.array(numbers, np.float64)
    texts = np.empty(len(values), object)
    texts[:] = [value if value is None or isinstance(value, str) else spell(value) for value in values]
    return texts


def _float(value: float | None) -> float:
    try:
        return np.nan if value is None else float(value)
    except OverflowError:  # beyond the largest float: refused with its place, as infinities are
        return np.inf


def dataset_of_values(
    raw: RawFile,
    columns: Mapping[str, Sequence[object]],
    model_schema: Schema | None,
    labelled: bool,
    *,
    texts: Collection[str] = (),
    lines: Sequence[int] | None = None,
    header: bool = True,
) -> Dataset:
    """A Dataset whose X is a Table of these columns.

    columns  the values (n,) of each column, by its name: str, int, float, bool or None for a missing cell
    texts    columns that are text whatever their values are
    lines    (n,) the line, or another number of the place in the file, of each row
    header   whether the file names its columns; if not, their names are their numbers from 0
    """
    import pandas as pd

    called, places = list(columns), {} if lines is None else {"lines": np.array(lines, np.int32)}
    named = header and (model_schema is None or model_schema.header)
    names = called if named else [str(j) for j in range(len(called))]
    check_kept(raw, called)
    target = choose_target(raw.source, names, model_schema, labelled, named)
    match = None
    if model_schema is not None:
        if named:
            check_header(names, model_schema, raw.source.data)
        match = match_table(names, model_schema, raw.source, target, labelled=labelled, named=named)
    as_text = {*text_columns(raw.source, match.schema if match else None), target}
    cells = {
        name: to_column(values, as_text=name in as_text or column in texts)
        for name, (column, values) in zip(names, columns.items(), strict=True)
    }
    frame = pd.DataFrame(cells, index=range(len(next(iter(columns.values()), ()))))
    dataset = to_dataset(frame, raw, target, match, labelled=labelled, **places)
    notes = (HEADER_NOT_USED,) if header and not named else ()
    return replace(dataset, kept=tuple(list(columns[name]) for name in raw.keep), notes=(*notes, *dataset.notes))
