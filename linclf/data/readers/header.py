"""Whether the first record of a table names its columns."""

import math
import re
from collections.abc import Callable, Sequence

from linclf.data import labels
from linclf.data.matching import looks_like_data
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.table import parse_number
from linclf.errors import InputError

HEADER_NOT_USED = "its first line is a header, which the training data had not; its columns were taken by position"


def is_header(read_first: Callable[[], Sequence[str]], source: Source, model_schema: Schema | None) -> bool:
    """Whether the first record names the columns: by --no-header; else as in the training data, unless these had no header and
    the first record has words where the others have numbers. `read_first` returns its cells as text."""
    if not source.header or model_schema is None or model_schema.header:
        return source.header
    first = read_first()
    words = all(re.search(r"[^\W\d_]", cell) and math.isnan(parse_number(cell)) for cell in first)
    numbers = set(model_schema.inputs() or ()) - set(model_schema.texts)
    return bool(numbers) and words and len(set(first)) == len(first) and not set(first) & set(labels.MISSING)


def check_header(columns: list[str], model_schema: Schema, place: str) -> None:
    """Raise InputError if these names look like a row of data, for a model that takes columns by position: no name that is missing
    would tell. `place` is that of the header."""
    if model_schema.names is None and looks_like_data(columns) and not _are_numbered(columns):
        raise InputError(f"{place}: looks like a row of data; pass --no-header, or give it a header")


def _are_numbered(columns: list[str]) -> bool:
    """Whether these names of columns are those that pandas gives columns without names: 0, 1, 2, ..."""
    numbers = [name for name in columns if looks_like_data([name])]
    return len(numbers) > 2 and numbers == [str(j) for j in range(len(numbers))]
