"""Read tables of very many columns, nearly all of them numbers: pandas takes much longer for a column than for a cell.

The lines are cut at their separators, and all cells are parsed as one long column of numbers, by pandas as always. Columns that
have other cells are put aside, as a table of their own. Whatever is not as simple as that is left to pandas.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np

from linclf.data.table import MAX_EXACT_INT, Series, is_numeric
from linclf.losses import Array

FEWEST_COLUMNS = 1000  # from which on this is faster than pandas
CELLS = 1 << 20  # cells parsed together
MOST_OTHERS = 0.1  # share of the columns that may have other cells than numbers

Parse = Callable[[bytes], Series]  # cells, a line each -> the column


class WideTable(NamedTuple):
    """The cells below the header of a table.

    numbers  (n, k) float64: the columns that are numbers, NaN where a cell is missing
    places   (k,) the places of these columns among all columns
    others   (m,) the places of the others
    content  the others, as delimited text without a header
    """

    numbers: Array
    places: Array
    others: Array
    content: bytes


def read_wide(content: bytes, width: int, separator: str, others: Collection[int], parse: Parse) -> WideTable | None:
    """The cells of delimited text without a header, of `width` columns; None if the text is not simple enough.

    It is if there are no quotes and no blank lines, if all lines have the same number of cells, and if nearly all columns hold
    numbers that are no codes and that a float64 tells apart.

    others  the places of columns that are no numbers, as far as they are known
    parse   parses cells, of which each has a line, as one column
    """
    mark = separator.encode()
    returns = content.count(b"\r")
    too_many = len(found := set(others)) > MOST_OTHERS * width
    if too_many or len(mark) != 1 or b'"' in content or b"\n\n" in content or returns != content.count(b"\r\n"):
        return None
    if returns:
        content = content.replace(b"\r\n", b"\n")
    if not content.endswith(b"\n"):
        content += b"\n"
    n = content.count(b"\n")
    if n * width > len(content):
        return None
    numbers = np.empty((n, width))
    pieces = _pieces(content, max(1, CELLS // width))
    for first, start, stop in pieces:
        piece = _Piece(content[start:stop], width, mark[0])
        if not piece.is_regular:
            return None
        found |= piece.padded_columns()
        parsed = piece.parsed(found, parse)
        if parsed is None:
            return None
        numbers[first : first + len(parsed)] = parsed
    left = sorted(found)
    kept = np.delete(np.arange(width), left)
    if not left:
        return WideTable(numbers, kept, np.array([], np.intp), b"")
    lines = [_Piece(content[start:stop], width, mark[0]).text_of(left, mark) for _, start, stop in pieces]
    return WideTable(numbers[:, kept], kept, np.array(left, np.intp), b"".join(lines))


def _pieces(content: bytes, lines: int) -> list[tuple[int, int, int]]:
    """The number of the first line, the beginning and the end of pieces of so many lines."""
    ends = np.flatnonzero(np.frombuffer(content, np.uint8) == ord("\n")) + 1
    firsts = range(0, len(ends), lines)
    starts = [0, *ends[lines - 1 : -1 : lines].tolist()]
    return list(zip(firsts, starts, [*starts[1:], len(content)], strict=True))


class _Piece:
    """Some lines, and where their cells are."""

    def __init__(self, content: bytes, width: int, mark: int) -> None:
        self.content, self.width, self.mark = content, width, mark
        self.codes = np.frombuffer(content, np.uint8)
        ends = np.flatnonzero((self.codes == mark) | (self.codes == ord("\n")))
        self.n = content.count(b"\n")
        self.is_regular = len(ends) == self.n * width and bool(
            (self.codes[ends[width - 1 :: width]] == ord("\n")).all()
        )
        self.ends = ends

    def cell(self, i: int) -> slice:
        """Where cell i is, counted over all lines."""
        return slice(int(self.ends[i - 1]) + 1 if i else 0, int(self.ends[i]))

    def columns_at(self, positions: Array) -> set[int]:
        """The columns of the cells at these positions in the content."""
        return set((np.unique(np.searchsorted(self.ends, positions)) % self.width).tolist())

    def padded_columns(self) -> set[int]:
        """The columns of the cells that begin with a 0 and another digit."""
        first = {0} if self.content[:1] == b"0" and self.content[1:2].isdigit() else set()
        return first | self.columns_at(padded_positions(self.codes, self.mark))

    def text_of(self, columns: list[int], mark: bytes) -> bytes:
        """These columns as delimited text, after one of zeros, so that no line is blank."""
        rows = [[self.content[self.cell(i * self.width + j)] for j in columns] for i in range(self.n)]
        return b"".join(mark.join([b"0", *row]) + b"\n" for row in rows)

    def parsed(self, others: set[int], parse: Parse) -> Array | None:
        """The cells (n, width) as numbers, with any number in the columns `others`, to which those are added that turn out to be
        no numbers; None for numbers that are too large, and for too many others."""
        column = self._attempt(others, parse)
        if not is_numeric(column.dtype):
            others |= self._not_numbers(column)
            column = self._attempt(others, parse)
        if not is_numeric(column.dtype) or len(column) != self.n * self.width:
            return None
        values: Array = column.to_numpy(np.float64)
        bounds = np.fmax.reduce(values, initial=0), -np.fmin.reduce(values, initial=0)
        if max(bounds) >= MAX_EXACT_INT or len(others) > MOST_OTHERS * self.width:
            return None
        others |= self._negative_zeros(values)
        return values.reshape(self.n, self.width)

    def _attempt(self, others: set[int], parse: Parse) -> Series:
        cells = bytearray(self.content)
        for j in others:
            for i in range(j, self.n * self.width, self.width):
                where = self.cell(i)
                cells[where] = b"0" * (where.stop - where.start)
        return parse(bytes(cells.translate(bytes.maketrans(bytes([self.mark]), b"\n"))))

    def _not_numbers(self, column: Series) -> set[int]:
        """The columns with texts that are no numbers."""
        import pandas as pd

        strange = pd.to_numeric(column, errors="coerce").isna() & column.notna()
        return set((np.flatnonzero(strange.to_numpy()) % self.width).tolist())

    def _negative_zeros(self, values: Array) -> set[int]:
        """The columns with a -0, which is 0 in a column of whole numbers, but not in one of others."""
        zeros = np.flatnonzero(np.signbit(values) & (values == 0)).tolist()
        return {i % self.width for i in zeros if self.content[self.cell(i)].strip(b" -0") == b""}


def padded_positions(codes: Array, mark: int) -> Array:
    """Where cells begin with a 0 and another digit, in bytes (m,) of text with this separator."""
    before = codes[:-2]
    found = codes[1:-1] == ord("0")
    found &= codes[2:] - ord("0") < 10
    found &= (before <= ord('"')) | (before == mark)
    begins = np.flatnonzero(found)
    return begins[np.isin(codes[begins], np.frombuffer(b'\n\r" ' + bytes([mark]), np.uint8))] + 1
