"""The records of delimited text whose dialect is settled, and the line of the file on which each of them begins."""

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice

import numpy as np

from linclf.data.readers.dialect import separator_of
from linclf.data.readers.header_line import SAMPLE_ROWS
from linclf.data.source import RawFile
from linclf.data.table import Frame
from linclf.errors import InputError
from linclf.losses import Array

SCANNED = 1 << 20  # bytes looked at together
SAMPLE_CELLS, FEWEST_ROWS = 50_000, 5  # cells in the first rows that are looked at, and rows at least

csv.field_size_limit(2**31 - 1)  # a cell may contain the text of a book


class TextRecords:
    """Delimited text as records of cells."""

    def __init__(self, raw: RawFile) -> None:
        source = raw.source
        self.raw, self.name, self.content, self.header = raw, source.data, raw.content, source.header
        self.separator, self.skipped = separator_of(source), raw.skipped
        self.is_regular = False  # whether each line is a record, which a reader of the whole may find out
        self._counted: tuple[bytes, int] | None = None
        if b"\0" in raw.content:
            line = self._line_at(raw.content.index(0))
            raise InputError(f"{self.name}:{line}: has a NUL byte; is it a text file? see --format")

    def _line_at(self, position: int) -> int:
        return len(re.findall(rb"\r\n|\r|\n", self.content[:position])) + 1 + self.skipped

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """The records, including the header, each with the number of its first line. Quoted cells may span lines; empty
        lines are skipped."""
        text = io.TextIOWrapper(io.BytesIO(self.content), "utf-8-sig", "replace", newline="")
        last = ""

        def remember(line: str) -> str:
            nonlocal last
            last = line
            return line

        end, reader = 0, csv.reader(map(remember, text), delimiter=self.separator, skipinitialspace=True)
        try:
            for record in reader:
                # a line with nothing but a quoted empty cell is a record
                if len(record) > 1 or any(cell.strip() for cell in record) or '"' in last:
                    yield end + 1 + self.skipped, record
                end = reader.line_num
        except csv.Error as error:
            raise InputError(f"{self.name}:{end + 1 + self.skipped}: is not a table ({error}); fix the line") from None

    def first_records(self) -> list[list[str]]:
        """The header and the first rows, fewer of very wide ones."""
        found: list[list[str]] = []
        for _, record in islice(self.records(), 1 + SAMPLE_ROWS):
            found.append(record)
            if len(found) > FEWEST_ROWS and len(found) * len(record) > SAMPLE_CELLS:
                break
        return found

    def lines(self, frame: Frame) -> Array | None:
        """The line of the file on which each row of the frame begins, (n,), or None if the rows cannot be matched.

        Raises InputError for a short row, which pandas pads with missing cells.
        """
        n, first = len(frame), 1 + self.header + self.skipped
        if self.is_regular:
            return np.arange(first, first + n, dtype=np.int32)
        ends = self._line_ends() + (not self.content.endswith(b"\n"))
        if ends == n + self.header and not (n and frame.iloc[:, -1].isna().any()):
            return np.arange(first, first + n, dtype=np.int32)  # one row per line
        width, lines = frame.shape[1], []
        found = self._lines_of_full_rows(n + self.header, width)
        if found is not None:
            return found[self.header :]
        for line, record in self.records():
            self._check_width(line, record, width)
            lines.append(line)
        return np.array(lines[self.header :], np.int32) if len(lines) == n + self.header else None

    def _lines_of_full_rows(self, n: int, width: int) -> Array | None:
        """The lines (n,) of these records, without looking at each, if no cell is quoted and no row is short; else None."""
        mark = self.separator.encode()
        if b'"' in self.content or self.content.count(mark) != n * (width - 1):  # a long row is an error before
            return None
        codes = np.frombuffer(self.content, np.uint8)
        parts = range(0, len(codes), SCANNED)
        ends = np.concatenate([start + np.flatnonzero(codes[start : start + SCANNED] == ord("\n")) for start in parts])
        ends = np.append(ends, len(codes))
        is_blank = np.diff(ends, prepend=-1) - (codes[ends - 1] == ord("\r")) <= 1
        lines = np.flatnonzero(~is_blank) + 1 + self.skipped
        return lines.astype(np.int32) if len(lines) == n else None

    def _check_width(self, line: int, record: list[str], width: int) -> None:
        if len(record) < width:
            raise self._wrong_width(line, record, width)

    def _wrong_width(self, line: int, record: list[str], width: int, or_what: str = "") -> InputError:
        """The error for a record of another width than the header."""
        mark = next((mark for mark in ("#", "//") if record[0].lstrip().startswith(mark)), None)
        comment = f"; if it is a comment, pass --comment '{mark[0]}'" if mark and not self.raw.source.comment else ""
        return InputError(
            f"{self.name}:{line}: has {len(record)} cells where {width} are expected; fix the line{or_what}{comment}"
        )

    def _too_wide(self) -> InputError:
        """The error for a first row that is longer than the header, for which pandas gives no line."""
        records = self.records()
        width = len(next(records)[1])
        found = next(((line, record) for line, record in records if len(record) > width), None)
        if found is None:
            return InputError(f"{self.name}: its rows have more cells than its header; fix the header")
        return self._wrong_width(*found, width, ", or the header")

    def _check_short(self, width: int) -> None:
        """Refuse short rows before pandas pads them, where the padding could take all memory. Complete rows have at
        least as many bytes as cells. Raises InputError."""
        if self._line_ends() * (width - 1) > len(self.content):
            for line, record in self.records():
                self._check_width(line, record, width)

    def _line_ends(self) -> int:
        """The number of line ends; counted once for the same content."""
        if self._counted is None or self._counted[0] is not self.content:
            self._counted = self.content, self.content.count(b"\n")
        return self._counted[1]
