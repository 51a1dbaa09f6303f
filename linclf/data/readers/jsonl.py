"""JSON lines and Parquet -> Dataset."""

import codecs
import json
from typing import Any

import numpy as np

from linclf.data.dataset import Dataset
from linclf.data.readers.base import COLUMN_OPTIONS, Reader
from linclf.data.readers.frame import choose_target, text_columns, to_dataset
from linclf.data.schema import Schema
from linclf.data.source import RawFile
from linclf.data.table import LARGEST, check_columns
from linclf.errors import InputError


def read_json_lines(raw: RawFile, like: Schema | None, labelled: bool) -> Dataset:
    """A Dataset of a Table from text with a JSON object on each line, or from one JSON list of objects.

    The keys are the columns. A cell is missing where there is null or no such key, so that a column of a model is missed only
    where no row has any of them.
    """
    import pandas as pd

    name = raw.source.data
    records, lines = _records(raw)
    columns = list(dict.fromkeys(key for record in records for key in record))
    check_columns(len(columns), name)
    raw.check_cells(len(records), len(columns))
    target = choose_target(raw.source, columns, like, labelled)
    if like is not None and like.names is not None and any(column in like.names for column in columns):
        columns = list(dict.fromkeys([*columns, *like.names]))  # no such key: a missing cell
    as_text = {*text_columns(raw.source, like), target}
    left_out = {*raw.source.drop, *(like.drop if like else ())} - {target}
    cells = {}
    for column in columns:
        values = [record.get(column) for record in records]
        strange = next((i for i, value in enumerate(values) if isinstance(value, dict | list)), None)
        if strange is not None and column not in left_out and (like is None or column in (like.names or (column,))):
            place = f":{lines[strange]}" if lines is not None else f": row {strange} (from 0)"
            raise InputError(
                f"{name}{place}: {column!r} holds a list or an object; give a number or text, or --drop it"
            )
        cells[column] = _column(values, as_text=column in as_text or strange is not None)
    frame = pd.DataFrame(cells, index=range(len(records)))
    numbers = None if lines is None else np.array(lines, np.int32)
    return to_dataset(frame, raw, target, like, labelled=labelled, lines=numbers)


def _records(raw: RawFile) -> tuple[list[dict[str, Any]], list[int] | None]:
    """The objects, and the line of each."""
    content = raw.content.removeprefix(codecs.BOM_UTF8)
    if content.lstrip().startswith(b"["):
        found, lines = _parse(content, raw.source.data), None
    else:
        texts = enumerate(content.split(b"\n"), 1 + raw.skipped)
        told = [(line, _parse(text, f"{raw.source.data}:{line}")) for line, text in texts if text.strip()]
        found, lines = [record for _, record in told], [line for line, _ in told]
    for i, record in enumerate(found):
        if not isinstance(record, dict):
            place = f":{lines[i]}" if lines is not None else f": entry {i} (from 0)"
            raise InputError(f'{raw.source.data}{place}: is not an object; each row is {{"COLUMN": CELL, ...}}')
    return found, lines


def _parse(text: bytes, place: str) -> Any:
    try:
        found = json.loads(text, object_pairs_hook=_unique)
        if b"\\ud" in text.lower():  # half a character, which no file can hold
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        reason = f"column {error.colno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise InputError(f"{place}: is not JSON ({reason}); mend the line, or see --format") from None
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _column(values: list[Any], as_text: bool) -> Any:
    """Numbers with NaN for null, or text with None for it."""
    codes = any(isinstance(value, int) and abs(value) >= LARGEST for value in values)  # that a float would merge
    if (
        not as_text
        and (not codes or any(isinstance(value, float) for value in values))
        and all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)
    ):
        return np.array([_float(value) for value in values])
    texts = np.empty(len(values), object)
    texts[:] = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return texts


def _float(value: float | None) -> float:
    try:
        return np.nan if value is None else float(value)
    except OverflowError:  # an integer beyond the largest float: refused with its place, as infinities are
        return np.inf


JSONL = Reader(
    "jsonl", (".jsonl", ".ndjson", ".json"), read_json_lines, COLUMN_OPTIONS, by_lines=True, array_start=b"["
)
