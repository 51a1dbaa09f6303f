"""Is a label column that was guessed by its name really one? A wrong guess would train a model of something else."""

import numpy as np

from linclf.data.labels import first_of
from linclf.data.source import Source
from linclf.data.table import Frame, Series, is_numeric
from linclf.errors import InputError
from linclf.losses import Array

FEW = 20  # different numbers that may be classes however few rows there are
SHOWN = 12  # columns named in the error


def check_guess(target: str, y: Array, frame: Frame, source: Source) -> None:
    """Raise InputError, with the columns that may be the label, if the guess is doubtful.

    target  the column that was guessed, with the labels y (n,)
    frame   all columns of the table
    """
    columns = [column for column in frame.columns if column not in source.drop]
    doubt = _doubt(target, y, frame, columns)
    if doubt is None:
        return
    counts = dict(sorted(((column, frame[column].nunique()) for column in columns), key=lambda entry: entry[1]))
    candidates = [f"{column} ({count} values)" for column, count in counts.items() if 2 <= count <= _most(len(y))]
    raise InputError(
        f"{source.data}: column {target!r} is named like a label, but {doubt}; choose the label column with --target: "
        f"{first_of(candidates or list(counts), SHOWN)}"
    )


def _doubt(target: str, y: Array, frame: Frame, columns: list[str]) -> str | None:
    """Why the column may not be the label, None if it is no question. Labels of text are not doubted."""
    if y.dtype.kind not in "iuf":
        return None
    others, count = [column for column in columns if column != target], len(np.unique(y))
    if _most(len(y)) < count < len(y):  # as many as rows are refused in any case
        return f"it holds {count} different numbers in {len(y)} rows, a quantity and not classes"
    beside = next((column for column in others if column.casefold() == "x"), None)
    if target.casefold() == "y" and beside is not None and len(others) > 1 and count > 2:
        return f"next to {beside!r} it may be a coordinate: it holds {count} different numbers"
    weak, last = target.casefold() in ("y", "class"), columns[-1]
    if weak and last != target and _has_two_words(frame[last]):
        return f"it holds numbers, and the last column, {last!r}, holds two words and may be the label, too"
    return None


def _most(n: int) -> int:
    """The largest number of classes that n rows are likely to have."""
    return max(FEW, n // 4)


def _has_two_words(column: Series) -> bool:
    return not is_numeric(column.dtype) and column.nunique() == 2
