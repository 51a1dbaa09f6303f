"""Rows of a table that are not features yet: columns of numbers, and columns of text, each text kept once."""

import csv
import io
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from linclf.data.labels import MISSING
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import chunks

LARGEST = 2**53  # up to where float64 has all whole numbers
TRUTH = {"true": "True", "TRUE": "True", "false": "False", "FALSE": "False"}
MOST_COLUMNS = 100_000  # of a table; pandas takes some 20 KB for each
Frame = Any  # pandas.DataFrame; pandas is imported only when a table is read


@dataclass(frozen=True, eq=False)
class Cells:
    """A column of text: codes (n,) into levels (L,) of str, each once; -1 where the cell is missing."""

    codes: Array
    levels: Array

    def __getitem__(self, rows: Array | slice) -> "Cells":
        return Cells(self.codes[rows], self.levels)

    def counts(self) -> Array:
        """How often each level occurs, (L,)."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.levels))

    def converted(self, convert: Callable[[str], float]) -> Array:
        """Each cell as a number, (n,): `convert` is called once for each level that occurs; NaN where a cell is missing."""
        numbers = np.full(len(self.levels) + 1, np.nan)
        for level in np.flatnonzero(self.counts()):
            numbers[level] = convert(self.levels[level])
        return numbers[self.codes]

    def texts(self) -> Array:
        """The text of each row, (n,) of str, empty where the cell is missing."""
        return np.append(self.levels, "")[self.codes]


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of a table, its label column left out.

    names    of the columns, in their order
    numbers  (n, k) float64: the columns that are not in `texts`, in their order; NaN where a cell is missing
    texts    the others by name
    lines    (n,) the line of the file on which each row begins, or None for rows of no text file
    """

    names: tuple[str, ...]
    numbers: Array
    texts: dict[str, Cells]
    lines: Array | None = None

    @property
    def dtype(self) -> Any:
        """That of no number."""
        return np.dtype(object)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, columns)"""
        return len(self.numbers), len(self.names)

    def __getitem__(self, rows: Array | slice) -> "Table":
        """Some of the rows."""
        texts = {name: cells[rows] for name, cells in self.texts.items()}
        return Table(self.names, self.numbers[rows], texts, None if self.lines is None else self.lines[rows])

    def check(self) -> None:
        """Raise ValueError for columns that do not fit each other."""
        n, k = self.numbers.shape
        sound = self.numbers.dtype == np.float64 and len(self.names) == len(set(self.names)) == k + len(self.texts)
        sound = sound and set(self.texts) <= set(self.names) and (self.lines is None or self.lines.shape == (n,))
        sound = sound and not np.isinf(self.numbers).any() and (self.lines is None or self.lines.dtype.kind == "i")
        for cells in self.texts.values():
            low, high = cells.codes.min(initial=-1), cells.codes.max(initial=-1)
            sound = sound and cells.codes.shape == (n,) and -1 <= low <= high < len(cells.levels)
        if not sound:
            raise ValueError("columns of a table")

    def column(self, name: str) -> Array | Cells:
        """One column: numbers (n,), or Cells."""
        if name in self.texts:
            return self.texts[name]
        return self.numbers[:, self.places[name]]

    @cached_property
    def has_gaps(self) -> bool:
        """Whether a number is missing."""
        return any(np.isnan(x.min(initial=0)) for _, x in chunks(self.numbers))

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each column of numbers is."""
        return {name: j for j, name in enumerate(name for name in self.names if name not in self.texts)}

    def place(self, row: int) -> str:
        """Where a row is, for messages: to be put behind the name of the file."""
        return f": row {row} (from 0)" if self.lines is None else f":{self.lines[row]}"


def table_arrays(table: Table) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays that a Table consists of, by name, and its names: what it can be kept as. Levels are UTF-8 bytes."""
    arrays = {"numbers": table.numbers} | ({} if table.lines is None else {"lines": table.lines})
    for i, cells in enumerate(table.texts.values()):
        encoded = [level.encode("utf-8", "surrogatepass") for level in cells.levels]
        arrays |= {
            f"codes{i}": cells.codes,
            f"ends{i}": np.cumsum([len(level) for level in encoded], dtype=np.int64),
            f"levels{i}": np.frombuffer(b"".join(encoded), np.uint8),
        }
    return arrays, {"names": table.names, "texts": list(table.texts)}


def from_table_arrays(arrays: dict[str, Array], columns: dict[str, Any]) -> Table:
    """`table_arrays` undone."""
    texts = {}
    for i, name in enumerate(columns["texts"]):
        ends, content = arrays[f"ends{i}"].tolist(), arrays[f"levels{i}"].tobytes()
        levels = np.empty(len(ends), object)
        levels[:] = [content[a:b].decode("utf-8", "surrogatepass") for a, b in zip([0, *ends], ends, strict=False)]
        texts[name] = Cells(arrays[f"codes{i}"], levels)
    return Table(tuple(columns["names"]), arrays["numbers"], texts, arrays.get("lines"))


def from_frame(frame: Frame, name: str, lines: Array | None = None) -> Table:
    """The Table of a data frame of feature columns, from pandas or anything whose columns have `to_numpy`.

    Columns of numbers are numbers, all others (truth values and dates too) are text as Python prints it; what spells a
    missing cell (`labels.MISSING`) is one. Raises InputError for a number that is infinite; `name` is the data set's.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        frame = pd.DataFrame({column: frame[column].to_numpy() for column in frame.columns})
    names = tuple(frame.columns)
    numeric = np.array([is_numeric(kind) for kind in frame.dtypes], bool)
    block = frame.loc[:, numeric]
    numbers = np.ascontiguousarray(block.to_numpy(np.float64, na_value=np.nan))
    if (
        np.fmax.reduce(numbers, axis=None, initial=0) >= LARGEST
        or np.fmin.reduce(numbers, axis=None, initial=0) <= -LARGEST
    ):
        # whole numbers that float64 would merge are codes: text
        beyond = (np.nan_to_num(np.abs(numbers)) >= LARGEST).any(axis=0) & [kind.kind in "iu" for kind in block.dtypes]
        numeric[np.flatnonzero(numeric)[beyond]] = False
        block, numbers = block.loc[:, ~beyond], np.ascontiguousarray(numbers[:, ~beyond])
    try:
        texts = {column: _blanked(to_cells(frame[column])) for column in frame.columns[~numeric]}
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    table = Table(names, numbers, texts, lines)
    if np.isinf(numbers).any():
        row, place = map(int, np.argwhere(np.isinf(numbers))[0])
        raise InputError(
            f"{name}{table.place(row)}: the cell in column {block.columns[place]!r} is too large for a number; "
            "mend it, or --drop the column"
        )
    return table


def check_columns(count: int, name: str) -> None:
    """Refuse more columns than MOST_COLUMNS. Raises InputError; `name` is the data set's."""
    if count > MOST_COLUMNS:
        raise InputError(
            f"{name}: has {count} columns, more than the {MOST_COLUMNS} that a table may have; save numbers as npz, or "
            "as svmlight where most are 0"
        )


def is_numeric(kind: Any) -> bool:
    """Whether a column of this dtype holds real numbers."""
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind) and kind.kind != "c")


def to_cells(column: Any) -> Cells:
    """A column of a data frame as text; what pandas takes for missing is."""
    import pandas as pd

    try:
        codes, found = pd.factorize(column)
    except TypeError:  # unhashable
        reason = f"column {column.name!r} holds lists or objects; leave it out with {option('drop', column.name)}"
        raise InputError(reason) from None
    levels = np.array([str(level) for level in found], object)
    if len(set(levels)) < len(levels):  # 1 and "1" are spelled alike
        levels, places = np.unique(levels, return_inverse=True)
        codes = np.where(codes < 0, -1, np.append(places, -1)[codes])
    return Cells(codes.astype(np.int32), levels)


def _blanked(cells: Cells) -> Cells:
    """The cells without those that spell a missing one, and with one spelling of true and false, which formats differ in."""
    levels = [TRUTH.get(level, level) for level in cells.levels]
    found: dict[str, int] = {}
    places = [-1 if level in MISSING else found.setdefault(level, len(found)) for level in levels]
    return Cells(np.array([*places, -1], np.int32)[cells.codes], np.array([*found], object))


def spelled(numbers: Array) -> Cells:
    """Numbers (n,) as text: whole ones as integers."""
    there = ~np.isnan(numbers)
    found, places = np.unique(numbers[there], return_inverse=True)
    codes = np.full(len(numbers), -1, np.int32)
    codes[there] = places
    levels = [str(int(number)) if number == int(number) else repr(float(number)) for number in found.tolist()]
    return Cells(codes, np.array(levels, object))


def listed(names: Sequence[str], most: int) -> str:
    """Names for a message, the middle of a long list left out."""
    shown = [repr(name) if name != name.strip() or not name else name for name in names]
    return ", ".join(shown if len(shown) <= most else [*shown[: most - 3], "...", *shown[-2:]])


def typed(*names: str) -> str:
    """Columns as an option takes them: separated by commas, in double quotes where they hold one."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(names)
    return text.getvalue().removesuffix("\n")


def option(name: str, *columns: str) -> str:
    """An option and the columns it names, as they are typed in a shell."""
    return f"--{name} {shlex.quote(typed(*columns))}"
