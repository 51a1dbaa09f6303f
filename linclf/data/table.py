"""The rows of a table as they were read, before they become features: a block of numbers, and columns of text."""

import csv
import io
import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from unicodedata import normalize

import numpy as np

from linclf.data.file_lines import FileLines, place_in_files
from linclf.data.labels import MISSING
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import dense_chunks

MAX_EXACT_INT = 2**53  # float64 can represent all whole numbers up to this one
TRUTH_VALUES = {"true": "True", "TRUE": "True", "false": "False", "FALSE": "False"}
MOST_COLUMNS = 200_000  # columns of a table; where they cannot be read as one (`readers/wide.py`), pandas needs about 20 KB for each
Parse = Callable[[Array], Array]  # texts (L,) of cells -> numbers (L,), NaN where a text cannot be parsed
BLANKS = " \t\r\n\u00a0\u2007\u202f\u3000"  # that mean nothing around a cell
Series = Any  # pandas.Series
Frame = Any  # pandas.DataFrame; pandas is imported only when a table is read


@dataclass(frozen=True, eq=False)
class Cells:
    """A column of text: codes (n,) into different levels (L,) of str; -1 where the cell is missing."""

    codes: Array
    levels: Array

    def __getitem__(self, rows: Array | slice) -> "Cells":
        return Cells(self.codes[rows], self.levels)

    def counts(self) -> Array:
        """The number of rows of each level, (L,)."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.levels))

    def converted(self, parse: Parse) -> Array:
        """The cells as numbers (n,), NaN where one is missing; `parse` is called once, with the levels that occur."""
        numbers, used = np.full(len(self.levels) + 1, np.nan), np.flatnonzero(self.counts())
        numbers[used] = parse(self.levels[used])
        return numbers[self.codes]

    def texts(self) -> Array:
        """The texts (n,) of str, empty where a cell is missing."""
        return np.append(self.levels, "")[self.codes]


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of a table without its label column.

    names    the names of the columns, in their order
    numbers  (n, k) float64: the columns of numbers, in their order; NaN where a cell is missing
    texts    the columns of text, by name
    lines    (n,) the line of the file on which each row begins; None for rows that are not from a text file
    files    the files that the lines are of, if they are several
    decimal  the decimal mark of the file, None where it is not known
    """

    names: tuple[str, ...]
    numbers: Array
    texts: dict[str, Cells]
    lines: Array | None = None
    files: tuple[FileLines, ...] = ()
    decimal: str | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(n, columns)"""
        return len(self.numbers), len(self.names)

    def __getitem__(self, rows: Array | slice) -> "Table":
        """A table of some of the rows."""
        texts = {name: cells[rows] for name, cells in self.texts.items()}
        lines = None if self.lines is None else self.lines[rows]
        return Table(self.names, self.numbers[rows], texts, lines, self.files, self.decimal)

    def select(self, columns: Sequence[str], names: Sequence[str]) -> "Table":
        """These columns, in this order, under these names; without a copy if they are all of them in their order."""
        numbers, called = self.numbers, dict(zip(columns, names, strict=True))
        index = [self.number_index[name] for name in columns if name not in self.texts]
        if index != list(range(numbers.shape[1])):
            numbers = numbers[:, index]
        texts = {called[name]: self.texts[name] for name in columns if name in self.texts}
        return Table(tuple(names), numbers, texts, self.lines, self.files, self.decimal)

    def check(self) -> None:
        """Raise ValueError for columns that do not fit together."""
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
        """The cells of a column: numbers (n,), or text."""
        if name in self.texts:
            return self.texts[name]
        return self.numbers[:, self.number_index[name]]

    @cached_property
    def has_gaps(self) -> bool:
        """Whether a number is missing."""
        return any(np.isnan(x.min(initial=0)) for x in dense_chunks(self.numbers))

    @cached_property
    def number_index(self) -> dict[str, int]:
        """The index in `numbers` of each column of numbers, by name."""
        return {name: j for j, name in enumerate(name for name in self.names if name not in self.texts)}

    def locate(self, row: int) -> str:
        """The line or number of a row, for messages: it follows the name of the file."""
        if self.lines is not None and self.files:
            return f": {place_in_files(self.files, int(self.lines[row]))}"
        return f": row {row} (from 0)" if self.lines is None else f":{self.lines[row]}"


@dataclass(frozen=True, eq=False)
class TableRows:
    """Some rows of a table, selected without a copy: `rows` are their numbers (n,)."""

    table: Table
    rows: Array

    @property
    def shape(self) -> tuple[int, int]:
        """(n, columns)"""
        return len(self.rows), len(self.table.names)

    def __getitem__(self, rows: Array | slice) -> Table:
        """A table of some of these rows."""
        return self.table[self.rows[rows]]


def select_table_rows(X: Table | TableRows, rows: Array) -> TableRows:
    """These rows of a table, without a copy."""
    return TableRows(X.table, X.rows[rows]) if isinstance(X, TableRows) else TableRows(X, rows)


def table_arrays(table: Table) -> tuple[dict[str, Array], dict[str, Sequence[str]]]:
    """The arrays that a Table consists of, by name, and the names of its columns. Levels are UTF-8 bytes."""
    arrays = {"numbers": table.numbers} | ({} if table.lines is None else {"lines": table.lines})
    for i, cells in enumerate(table.texts.values()):
        encoded = [level.encode("utf-8", "surrogatepass") for level in cells.levels]
        arrays |= {
            f"codes{i}": cells.codes,
            f"ends{i}": np.cumsum([len(level) for level in encoded], dtype=np.int64),
            f"levels{i}": np.frombuffer(b"".join(encoded), np.uint8),
        }
    return arrays, {"names": table.names, "texts": list(table.texts), "decimal": table.decimal or ""}


def from_table_arrays(arrays: dict[str, Array], columns: Mapping[str, Sequence[str]]) -> Table:
    """The Table that consists of these arrays and columns, as from `table_arrays`."""
    texts = {}
    for i, name in enumerate(columns["texts"]):
        ends, content = arrays[f"ends{i}"].tolist(), arrays[f"levels{i}"].tobytes()
        levels = np.empty(len(ends), object)
        levels[:] = [content[a:b].decode("utf-8", "surrogatepass") for a, b in zip([0, *ends], ends, strict=False)]
        texts[name] = Cells(arrays[f"codes{i}"], levels)
    decimal = str(columns["decimal"]) or None
    return Table(tuple(columns["names"]), arrays["numbers"], texts, arrays.get("lines"), decimal=decimal)


def from_frame(frame: Frame, name: str, lines: Array | None = None, na_values: Sequence[str] = ()) -> Table:
    """The Table of a data frame of feature columns, from pandas or anything whose columns have `to_numpy`.

    Columns of numbers are numbers; all others, truth values and dates included, are text as Python prints it, and a
    text in `labels.MISSING` or `na_values` is a missing cell, and so is a number in `na_values`. Raises InputError for an
    infinite number; `name` is that of the data set.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        frame = pd.DataFrame({column: frame[column].to_numpy() for column in frame.columns})
    names = tuple(frame.columns)
    kinds = frame.dtypes.to_numpy()
    is_number = {kind: is_numeric(kind) for kind in set(kinds)}
    numeric = np.array([is_number[kind] for kind in kinds], bool)
    block = frame.loc[:, numeric]
    numbers = np.ascontiguousarray(block.to_numpy(np.float64, na_value=np.nan))
    if (
        np.fmax.reduce(numbers, axis=None, initial=0) >= MAX_EXACT_INT
        or np.fmin.reduce(numbers, axis=None, initial=0) <= -MAX_EXACT_INT
    ):
        # whole numbers that float64 cannot tell apart are codes, and read as text
        beyond = (np.nan_to_num(np.abs(numbers)) >= MAX_EXACT_INT).any(axis=0) & [
            kind.kind in "iu" for kind in block.dtypes
        ]
        numeric[np.flatnonzero(numeric)[beyond]] = False
        block, numbers = block.loc[:, ~beyond], np.ascontiguousarray(numbers[:, ~beyond])
    try:
        texts = {column: _blanked(to_cells(frame[column]), na_values) for column in frame.columns[~numeric]}
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    absent = [number for number in map(parse_number, na_values) if not math.isnan(number)]
    if absent:
        numbers = np.where(np.isin(numbers, absent), np.nan, numbers)
    table = Table(names, numbers, texts, lines)
    if np.isinf(numbers).any():
        row, j = map(int, np.argwhere(np.isinf(numbers))[0])
        raise InputError(
            f"{name}{table.locate(row)}: the cell in column {block.columns[j]!r} is too large for a number; "
            "fix it, or --drop the column"
        )
    return table


def check_columns(count: int, name: str) -> None:
    """Raise InputError for more columns than MOST_COLUMNS; `name` is that of the data set."""
    if count > MOST_COLUMNS:
        raise InputError(
            f"{name}: has {count} columns, more than the {MOST_COLUMNS} that a table may have; save numbers as npz, or "
            "as svmlight where most are 0"
        )


def is_numeric(kind: Any) -> bool:
    """Whether a column of this dtype holds real numbers."""
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind) and kind.kind != "c")


def to_cells(column: Series) -> Cells:
    """A column of a data frame as text; a cell is missing where pandas treats it as missing."""
    import pandas as pd

    try:
        codes, found = pd.factorize(column)
    except TypeError:  # unhashable
        reason = f"column {column.name!r} holds lists or objects; leave it out with {option('drop', column.name)}"
        raise InputError(reason) from None
    if isinstance(found, pd.CategoricalIndex):
        codes, found = codes.astype(np.int32), found.categories[found.codes]
    if isinstance(found.dtype, pd.StringDtype):
        return Cells(codes.astype(np.int32), found.to_numpy(object))
    levels = np.array([str(level) for level in found], object)
    if len(set(levels)) < len(levels):  # 1 and "1" have the same text
        levels, merged = np.unique(levels, return_inverse=True)
        codes = np.where(codes < 0, -1, np.append(merged, -1)[codes])
    return Cells(codes.astype(np.int32), levels)


def _blanked(cells: Cells, na_values: Sequence[str] = ()) -> Cells:
    """The cells without blanks around them and in one Unicode form, those in `labels.MISSING` and `na_values` missing, and true and false in one
    spelling: formats differ in it."""
    given = cells.levels.tolist()
    levels = [normalize("NFC", level.strip(BLANKS)) for level in given]
    missing = {*MISSING, *na_values}
    if levels == given and not any(map((missing | TRUTH_VALUES.keys()).__contains__, given)):
        return cells
    levels = [TRUTH_VALUES.get(level, level) for level in levels]
    found: dict[str, int] = {}
    new_codes = [-1 if level in missing else found.setdefault(level, len(found)) for level in levels]
    return Cells(np.array([*new_codes, -1], np.int32)[cells.codes], np.array([*found], object))


def parse_number(text: str) -> float:
    """The finite number that a cell spells, else NaN."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) and "_" not in text else math.nan  # Python reads 1_0 as 10


def parse_numbers(texts: Array) -> Array:
    """The finite numbers that texts (L,) spell, NaN for others."""
    return np.array([parse_number(text) for text in texts], np.float64)


def spell_numbers(numbers: Array) -> Cells:
    """Numbers (n,) as text: whole ones as integers."""
    present = ~np.isnan(numbers)
    unique, unique_codes = np.unique(numbers[present], return_inverse=True)
    codes = np.full(len(numbers), -1, np.int32)
    codes[present] = unique_codes
    levels = [str(int(number)) if number == int(number) else repr(float(number)) for number in unique.tolist()]
    return Cells(codes, np.array(levels, object))


def listed(names: Sequence[str], most: int) -> str:
    """Names for a message, without the middle of a list of more than `most`."""
    shown = [repr(name) if name != name.strip() or not name else name for name in names]
    return ", ".join(shown if len(shown) <= most else [*shown[: most - 3], "...", *shown[-2:]])


def typed(*names: str) -> str:
    """Columns as the value of an option: separated by commas, in double quotes where a name has a comma or a quote."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(names)
    return text.getvalue().removesuffix("\n")


def option(name: str, *columns: str) -> str:
    """An option and its columns, as they are typed in a shell."""
    return f"--{name} {shlex.quote(typed(*columns))}"
