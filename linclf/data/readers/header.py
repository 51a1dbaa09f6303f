"""Whether the first record of a table names its columns."""

import math
import re
from collections.abc import Iterable, Sequence
from itertools import islice

from linclf.data import labels
from linclf.data.columns.markers import is_marker
from linclf.data.matching import looks_like_data
from linclf.data.readers.no_rows import is_number, number_columns
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.table import parse_number
from linclf.errors import InputError

COMPARED = 20  # records that the first one is compared with
HEADER_NOT_USED = "its first line is a header, which the training data had not; its columns were taken by position"


def is_header(records: Iterable[Sequence[str]], source: Source, model_schema: Schema | None) -> bool:
    """Whether the first record names the columns: by --no-header; else as in the training data, unless these had no header.

    records  the first records, including a header, their cells as text
    Then it is a header if it has words where the following ones have numbers, or counts the columns from 0 or 1; without others
    to compare with, if it has nothing but words although the model takes numbers.
    """
    if not source.header or model_schema is None or model_schema.header:
        return source.header
    first, *following = list(islice(records, 1 + COMPARED)) or [[]]
    if not _takes_numbers(model_schema):
        return False
    words = all(re.search(r"[^\W\d_]", cell) and math.isnan(parse_number(cell)) for cell in first)
    if words and len(set(first)) == len(first) and not set(first) & set(labels.MISSING):
        return True
    return bool(following) and (counts_columns(first) or _has_other_cells(first, following))


def _takes_numbers(schema: Schema) -> bool:
    numbers = set(schema.inputs() or ()) - set(schema.texts)
    return bool(numbers) or any(column.kind == "number" for column in schema.columns or ())


def counts_columns(record: Sequence[str]) -> bool:
    """Whether the numbers in a record are 0, 1, 2, ... or 1, 2, 3, ..., at least three."""
    numbers = [cell.strip() for cell in record if looks_like_data([cell.strip()])]
    counted = (list(map(str, range(start, start + len(numbers)))) for start in (0, 1))
    return len(numbers) > 2 and numbers in counted


def _has_other_cells(first: Sequence[str], following: Sequence[Sequence[str]]) -> bool:
    """Whether words stand in at least half of the columns of numbers, and no cell of a column of text occurs again below it."""
    columns = [j for j in number_columns(following) if j < len(first)]
    words = [
        j for j in columns if re.search(r"[^\W\d_]", first[j]) and not is_number(first[j]) and not is_marker(first[j])
    ]
    texts = (j for j in range(len(first)) if j not in columns and first[j].strip())
    again = any(j < len(row) and row[j].strip() == first[j].strip() for j in texts for row in following)
    return bool(words) and 2 * len(words) >= len(columns) and not again


def check_header(columns: list[str], model_schema: Schema, place: str) -> None:
    """Raise InputError if these names look like a row of data, for a model that takes columns by position: no name that is missing
    would tell. `place` is that of the header."""
    if model_schema.names is None and looks_like_data(columns) and not _are_numbered(columns):
        raise InputError(f"{place}: looks like a row of data; pass --no-header, or give it a header")


def _are_numbered(columns: list[str]) -> bool:
    """Whether these names of columns are those that pandas gives columns without names: 0, 1, 2, ..."""
    numbers = [name for name in columns if looks_like_data([name])]
    return len(numbers) > 2 and numbers == [str(j) for j in range(len(numbers))]
