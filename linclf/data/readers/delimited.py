"""Read CSV and TSV text through pandas, and keep track of the line of every row."""

import csv
import io
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from linclf.data import labels
from linclf.data.dataset import Dataset
from linclf.data.matching import looks_like_data, match_table
from linclf.data.readers.base import COLUMN_OPTIONS, Piece, Reader
from linclf.data.readers.frame import check_kept, choose_target, text_columns, to_dataset
from linclf.data.readers.header import HEADER_NOT_USED, check_header, is_header
from linclf.data.readers.joined_tables import join_tables
from linclf.data.schema import Schema
from linclf.data.source import RawFile
from linclf.data.table import Frame, check_columns, is_numeric
from linclf.errors import InputError
from linclf.losses import Array

csv.field_size_limit(2**31 - 1)  # a cell may contain the text of a book


def read_delimited(raw: RawFile, model_schema: Schema | None, labelled: bool, *, separator: str) -> Dataset:
    """Read CSV or TSV text as a Dataset whose X is a Table; see `Reader.read` for the other arguments."""
    text = _Text(raw, separator, header=has_header(raw, model_schema, separator=separator))
    named = text.header and (model_schema is None or model_schema.header)
    columns = text.columns(named)
    target = choose_target(raw.source, columns, model_schema, labelled, named)
    match = None
    if model_schema is not None:
        if named:
            check_header(columns, model_schema, f"{raw.source.data}:1")
        match = match_table(columns, model_schema, raw.source, target, labelled=labelled, named=named)
    frame = text.frame(columns, target, text_columns(raw.source, match.schema if match else None))
    dataset = to_dataset(frame, raw, target, match, labelled=labelled, lines=text.lines(frame))
    if raw.keep:
        dataset = replace(dataset, kept=text.kept(raw))
    if text.header and not named:
        return replace(dataset, notes=(HEADER_NOT_USED, *dataset.notes))
    return dataset


def has_header(raw: RawFile, model_schema: Schema | None, *, separator: str) -> bool:
    """Whether the first line names the columns, by `header.is_header`."""
    records = (record for _, record in _Text(raw, separator, header=False).records())
    return is_header(lambda: next(records, []), raw.source, model_schema)


def join_delimited(raws: Sequence[RawFile], model_schema: Schema | None, *, separator: str) -> list[Piece]:
    """Join several files, by `joined_tables.join_tables`."""
    header = has_header(raws[0], model_schema, separator=separator)
    return join_tables(raws, separator, header, lambda raw: _Text(raw, separator, header=False).records())


class _Text:
    """CSV text: its columns, its cells, and the line on which each row begins."""

    def __init__(self, raw: RawFile, separator: str, header: bool) -> None:
        self.name, self.content, self.header = raw.source.data, raw.content, header
        self.separator, self.skipped, self.known = separator, raw.skipped, raw.columns
        self.keys: list[str] | list[int] = []  # what pandas calls the columns
        if b"\0" in raw.content:
            line = self._line_at(raw.content.index(0))
            raise InputError(f"{self.name}:{line}: has a NUL byte; is it a text file? see --format")

    def _line_at(self, position: int) -> int:
        return len(re.findall(rb"\r\n|\r|\n", self.content[:position])) + 1 + self.skipped

    def _read(self, **options: object) -> Frame:
        import pandas as pd

        try:
            with warnings.catch_warnings():
                # raised for a row that is longer than the header
                warnings.simplefilter("error", pd.errors.ParserWarning)
                return pd.read_csv(
                    io.BytesIO(self.content),
                    sep=self.separator,
                    header=0 if self.header else None,
                    encoding="utf-8-sig",
                    skipinitialspace=True,
                    index_col=False,
                    low_memory=False,
                    **options,
                )
        except UnicodeDecodeError:
            raise self._not_utf8() from None
        except pd.errors.ParserWarning:
            raise self._too_wide() from None
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise self._explain(str(error)) from None

    def _too_wide(self) -> InputError:
        """The error for a first row that is longer than the header, for which pandas gives no line."""
        records = self.records()
        width = len(next(records)[1])
        found = next(((line, len(record)) for line, record in records if len(record) > width), None)
        if found is None:
            return InputError(f"{self.name}: its rows have more cells than its header; fix the header")
        return InputError(
            f"{self.name}:{found[0]}: has {found[1]} cells where {width} are expected; fix the line, or the header"
        )

    def _not_utf8(self) -> InputError:
        try:
            self.content.decode("utf-8")
        except UnicodeDecodeError as error:
            return InputError(
                f"{self.name}:{self._line_at(error.start)}: is not UTF-8 text; convert it, e.g. with iconv"
            )
        return InputError(f"{self.name}: is not UTF-8 text; convert it, e.g. with iconv")

    def _explain(self, message: str) -> InputError:
        # pandas counts rows; there are fewer rows than lines if quoted cells contain line ends
        if re.search(r"Expected \d+ fields in line", message):
            return self._too_wide()
        if "EOF inside string" in message:
            line = max((line for line, _ in self.records()), default=1)
            return InputError(f"{self.name}:{line}: opens a quote that is never closed; fix the line")
        return InputError(f"{self.name}: is not a table ({message.strip()}); see --format")

    def columns(self, named: bool) -> list[str]:
        """The names of the columns, or, if they are not to be `named`, their numbers from 0 as text."""
        line, first = next(self.records(), (1, []))
        check_columns(len(first), self.name)
        later = (
            bool(self.known) and not self.header
        )  # rows after others, without a header that says how many cells they have
        if later and len(first) != len(self.known):
            raise InputError(
                f"{self.name}:{line}: has {len(first)} cells where {len(self.known)} are expected; fix the line"
            )
        self._check_short(len(first))
        if not later:
            self._refuse_other_text(first)
        twice = next((name for name, count in Counter(first).items() if self.header and count > 1), None)
        if twice is not None:
            hint = " (or is there no header? pass --no-header)" if looks_like_data(first) else ""
            raise InputError(f"{self.name}: two columns are named {twice!r}; give each a different name{hint}")
        self.keys = list(self._read(nrows=0 if self.header else 1, dtype=str).columns)
        return [str(name) for name in (self.keys if named else range(len(self.keys)))]

    def _refuse_other_text(self, first: list[str]) -> None:
        """Raise InputError for text whose first record looks like JSON, or like that of a table with another separator."""
        if (
            first
            and first[0].lstrip().startswith(("{", "["))
            and self.content.lstrip(b"\xef\xbb\xbf \n\r").startswith((b"{", b"["))
        ):
            raise InputError(f"{self.name}: seems to contain JSON; pass --format jsonl")
        marks = (mark for mark in ";\t|," if mark in first[0] and mark != self.separator)
        other = next(marks, None) if len(first) == 1 else None
        if other is not None:
            raise InputError(
                f"{self.name}: has a single column; its cells seem to be separated by {other!r}, not {self.separator!r}; "
                "save it with commas, or as .tsv with tabs"
            )

    def _check_short(self, width: int) -> None:
        """Refuse short rows before pandas pads them, where the padding could take all memory. Complete rows have at
        least as many bytes as cells. Raises InputError."""
        if self.content.count(b"\n") * (width - 1) > len(self.content):
            for line, record in self.records():
                self._check_width(line, record, width)

    def _check_width(self, line: int, record: list[str], width: int) -> None:
        if len(record) < width:
            raise InputError(f"{self.name}:{line}: has {len(record)} cells where {width} are expected; fix the line")

    def frame(self, columns: list[str], target: str | None, as_text: tuple[str, ...]) -> Frame:
        """All cells as a data frame: the target and the columns `as_text` as text, the others as numbers where all
        cells are numbers, else as text. In the target only an empty cell is missing, since `NA` can be a label."""
        import pandas as pd

        name_of = dict(zip(self.keys, columns, strict=True))
        is_text = {key: str for key, name in name_of.items() if name == target or name in as_text}
        options = {
            "na_values": {key: [""] if name == target else labels.MISSING for key, name in name_of.items()},
            "keep_default_na": False,
        }
        frame = self._read(dtype=is_text, **options)
        found = dict(zip(self.keys, frame.dtypes, strict=True))
        guessed = [key for key in self.keys if key not in is_text and not is_numeric(found[key])]
        if any(not isinstance(found[key], pd.StringDtype) for key in guessed):
            # pandas has converted cells that look like True and False to booleans; read the text as it was written
            frame = self._read(dtype=is_text | dict.fromkeys(guessed, str), **options)
        return frame.set_axis(columns, axis=1)

    def kept(self, raw: RawFile) -> tuple[list[object], ...]:
        """The cells of the columns in `raw.keep`, as text; without a header the columns are numbered. Raises InputError."""
        keys = [str(key) for key in self.keys]
        check_kept(raw, keys)
        index = [keys.index(name) for name in raw.keep]
        frame = self._read(usecols=index, dtype=str, keep_default_na=False, na_filter=False)
        return tuple(frame.iloc[:, sorted(index).index(j)].tolist() for j in index)

    def lines(self, frame: Frame) -> Array | None:
        """The line of the file on which each row of the frame begins, (n,), or None if the rows cannot be matched.

        Raises InputError for a short row, which pandas pads with missing cells.
        """
        n, first = len(frame), 1 + self.header + self.skipped
        ends = self.content.count(b"\n") + (not self.content.endswith(b"\n"))
        if ends == n + self.header and not (n and frame.iloc[:, -1].isna().any()):
            return np.arange(first, first + n, dtype=np.int32)  # one row per line
        width, lines = frame.shape[1], []
        for line, record in self.records():
            self._check_width(line, record, width)
            lines.append(line)
        return np.array(lines[self.header :], np.int32) if len(lines) == n + self.header else None

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


def _format(name: str, separator: str) -> Reader:
    return Reader(
        name,
        (f".{name}",),
        partial(read_delimited, separator=separator),
        (*COLUMN_OPTIONS, "header"),
        has_header=partial(has_header, separator=separator),
        by_lines=True,
        separator=separator,
        newline_at_end=True,
        join=partial(join_delimited, separator=separator),
    )


CSV, TSV = _format("csv", ","), _format("tsv", "\t")
