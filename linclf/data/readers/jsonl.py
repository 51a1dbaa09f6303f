"""Read JSON lines, or one JSON array of objects."""

import codecs
import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from linclf.data.dataset import Dataset
from linclf.data.matching import match_table
from linclf.data.readers.base import COLUMN_OPTIONS, Piece, Reader, join_lines
from linclf.data.readers.frame import check_kept, choose_target, text_columns, to_dataset
from linclf.data.readers.values import to_column
from linclf.data.schema import Schema
from linclf.data.source import RawFile
from linclf.data.table import check_columns
from linclf.errors import InputError


def read_json_lines(raw: RawFile, model_schema: Schema | None, labelled: bool) -> Dataset:
    """Read text with a JSON object on each line, or one JSON array of objects, as a Dataset whose X is a Table.

    The keys are the columns. A cell is missing if it is null or the object lacks the key. A column of the model that no
    object has counts as missing cells, too, as long as the file has another one of the model's columns.
    """
    import pandas as pd

    name = raw.source.data
    records, lines = _records(raw)
    columns = list(dict.fromkeys([*raw.columns, *(key for record in records for key in record)]))
    check_columns(len(columns), name)
    raw.check_cells(len(records), len(columns))
    check_kept(raw, columns)
    target = choose_target(raw.source, columns, model_schema, labelled)
    match = None
    if model_schema is not None:
        match = match_table(columns, model_schema, raw.source, target, labelled=labelled)
    schema = match.schema if match else None
    taken = set(columns if schema is None else schema.inputs() or ())
    if schema is not None and not taken.isdisjoint(columns):
        columns = list(dict.fromkeys([*columns, *(schema.inputs() or ())]))  # missing cells where no object has the key
    as_text = {*text_columns(raw.source, schema), target}
    left_out = {*raw.source.drop, *(schema.drop if schema else ())} - {target}
    cells = {}
    for column in columns:
        values = [record.get(column) for record in records]
        strange = next((i for i, value in enumerate(values) if isinstance(value, dict | list)), None)
        if strange is not None and column in taken and column not in left_out:
            place = f":{lines[strange]}" if lines is not None else f": row {strange} (from 0)"
            raise InputError(f"{name}{place}: {column!r} is a list or an object; give a number or text, or --drop it")
        cells[column] = to_column(values, column in as_text or strange is not None, json.dumps)
    frame = pd.DataFrame(cells, index=range(len(records)))
    numbers = None if lines is None else np.array(lines, np.int32)
    dataset = to_dataset(frame, raw, target, match, labelled=labelled, lines=numbers)
    return replace(dataset, kept=tuple([record.get(column) for record in records] for column in raw.keep))


def _records(raw: RawFile) -> tuple[list[dict[str, object]], list[int] | None]:
    """The objects and the line of each, or None for the lines of an array."""
    content = raw.content.removeprefix(codecs.BOM_UTF8)
    entries: list[object]
    lines: list[int] | None
    if content.lstrip().startswith(b"["):
        array = _parse(content, raw.source.data)
        entries, lines = array if isinstance(array, list) else [array], None
    else:
        texts = enumerate(content.split(b"\n"), 1 + raw.skipped)
        parsed = [(line, _parse(text, f"{raw.source.data}:{line}")) for line, text in texts if text.strip()]
        entries, lines = [entry for _, entry in parsed], [line for line, _ in parsed]
    records = []
    for i, entry in enumerate(entries):
        if not isinstance(entry, dict):
            place = f":{lines[i]}" if lines is not None else f": entry {i} (from 0)"
            raise InputError(f'{raw.source.data}{place}: is not an object; each row is {{"COLUMN": CELL, ...}}')
        records.append(entry)
    return records, lines


def _parse(text: bytes, place: str) -> object:
    try:
        found: object = json.loads(text, object_pairs_hook=_unique)
        if b"\\ud" in text.lower():  # a lone surrogate, which cannot be encoded
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        reason = f"column {error.colno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise InputError(f"{place}: is not JSON ({reason}); fix the line, or see --format") from None
    return found


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _join(raws: Sequence[RawFile], model_schema: Schema | None) -> list[Piece]:
    """Join files of lines. Raises InputError for one that is an array."""
    pieces = join_lines(raws, model_schema)
    array = next((i for i, piece in enumerate(pieces) if piece.content.lstrip().startswith(b"[")), None)
    if array is not None:
        name = raws[array].source.data
        raise InputError(f"{name}: is one array; several files are read as one if they have an object on each line")
    return pieces


JSONL = Reader(
    "jsonl",
    (".jsonl", ".ndjson", ".json"),
    read_json_lines,
    (*COLUMN_OPTIONS, "encoding"),
    by_lines=True,
    array_start=b"[",
    join=_join,
)
