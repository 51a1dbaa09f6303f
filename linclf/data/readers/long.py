"""Read tables with columns of text in pieces, of which only the different texts are kept: most texts occur many times."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from linclf.data.table import Frame, Series, is_numeric

FEWEST_BYTES = 1 << 24  # of text from which on a table is read in pieces
PIECE = 1 << 22  # bytes read together, about
SAMPLE = 10_000  # rows that tell which columns are text, and how many of their cells differ
DISTINCT = 0.5  # share of different cells from which on a column is kept as text

Read = Callable[..., Any]  # pandas.read_csv, with options for dtypes, usecols, nrows and chunksize


def read_long(read: Read, keys: Sequence[Any], texts: Iterable[Any], rows: int) -> Frame | None:
    """A table as pandas reads it, its columns of text as categories; None if there are none but `texts`, or where pandas has to
    read it whole.

    keys   what pandas calls the columns
    texts  those that are read as text, whatever they contain
    rows   the rows read together
    """
    import pandas as pd

    sample = read(nrows=SAMPLE, dtype=dict.fromkeys(texts, str))
    kinds: dict[Any, Any] = {
        key: str if sample[key].nunique() > DISTINCT * len(sample) else "category"
        for key in keys
        if not is_numeric(sample[key].dtype)
    }
    if kinds.keys() <= set(texts):
        return None
    found: dict[Any, Any] = {}
    while len(found) < len(keys):
        wanted = [key for key in keys if key not in found]
        pieces: dict[Any, list[Any]] = {key: [] for key in wanted}
        # the first time without `usecols`, by which pandas would not warn of cells beyond the header
        for chunk in read(dtype=kinds, usecols=wanted if found else None, chunksize=rows):
            for key in wanted:
                pieces[key].append(_coded(chunk[key].array) if kinds.get(key) == "category" else chunk[key].array)
        again: dict[Any, Any] = {}
        for key in wanted:
            parts = pieces.pop(key)
            if kinds.get(key) is str:
                found[key] = pd.concat(list(map(pd.Series, parts)), ignore_index=True)
                continue
            if kinds.get(key) == "category":
                # pandas makes numbers of categories that are all numbers
                if all(levels.dtype.kind == "O" for _, levels in parts):
                    found[key] = _joined(parts)
                else:
                    again[key] = str
                continue
            types = {part.dtype for part in parts}
            if len(types) == 1 and is_numeric(*types):
                found[key] = np.concatenate(parts)
            elif key in kinds or any(kind.kind == "u" for kind in types):
                return None
            else:  # not all pieces are of one type
                again[key] = np.float64 if all(map(is_numeric, types)) else str
        kinds = again
    return pd.DataFrame({key: found[key] for key in keys}, copy=False)


def _coded(cells: Any) -> tuple[Any, Any]:
    """The codes (n,) of categories, -1 where a cell is missing, and the levels in the order in which they occur."""
    import pandas as pd

    order = pd.unique(cells.codes[cells.codes >= 0])
    place = np.full(len(cells.categories) + 1, -1, cells.codes.dtype)  # the last one for missing cells
    place[order] = np.arange(len(order))
    return place[cells.codes], cells.categories.take(order)


def _joined(parts: list[tuple[Any, Any]]) -> Series:
    """Pieces of a column of text, each as codes and levels, as one column of categories, in the order in which they occur."""
    import pandas as pd

    first, *others = [levels for _, levels in parts]
    new, levels = pd.factorize(first.append(others))
    codes = np.empty(sum(len(piece) for piece, _ in parts), np.int32)
    for end, (piece, some) in zip(np.cumsum([len(piece) for piece, _ in parts]), parts, strict=True):
        of_level = np.append(new[: len(some)], -1).astype(np.int32)
        codes[end - len(piece) : end], new = of_level[piece], new[len(some) :]
    return pd.Categorical.from_codes(codes, levels, validate=False)
