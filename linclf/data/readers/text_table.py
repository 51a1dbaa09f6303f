"""Delimited text as a table: the names of its columns, and its cells as pandas reads them."""

import io
import math
import re
import warnings
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from linclf.data import labels
from linclf.data.columns.number_format import are_thousands
from linclf.data.matching import looks_like_data
from linclf.data.readers.frame import check_kept
from linclf.data.readers.header_line import SAMPLE_ROWS
from linclf.data.readers.long import FEWEST_BYTES, PIECE, read_long
from linclf.data.readers.no_rows import header_note, without_footer, without_repeated_header
from linclf.data.readers.text_records import SCANNED, TextRecords
from linclf.data.readers.wide import FEWEST_COLUMNS, padded_positions, read_wide
from linclf.data.source import RawFile
from linclf.data.table import Frame, Series, check_columns, is_numeric, parse_number
from linclf.errors import InputError
from linclf.losses import Array

UNUSUAL = "^~:"  # separators of cells that are not tried
UNNAMED = "columns without a name of their own"  # begins the note on them
SHOWN = 6  # columns named in a note


class TextTable(TextRecords):
    """Delimited text as columns, with notes on what was left out."""

    def __init__(self, raw: RawFile) -> None:
        super().__init__(raw)
        self.known = raw.columns
        self.keys: list[str] | list[int] = []  # what pandas calls the columns
        self.blank: list[int] = []  # the columns that are left out
        self.notes: list[str] = []
        self.body: int | None = None  # where the rows begin, of a table that `read_wide` may read

    def _read(self, **options: object) -> Frame:
        import pandas as pd

        try:
            with warnings.catch_warnings():
                # raised for a row that is longer than the header
                warnings.simplefilter("error", pd.errors.ParserWarning)
                return self._parse(**options)
        except pd.errors.ParserWarning:
            raise self._too_wide() from None
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise self._explain(str(error)) from None

    def _parse(self, **options: object) -> Any:
        import pandas as pd

        return pd.read_csv(
            io.BytesIO(self.content),
            sep=self.separator,
            header=0 if self.header else None,
            decimal=self.raw.source.decimal or ".",
            encoding="utf-8-sig",
            skipinitialspace=True,
            index_col=False,
            low_memory=False,
            **options,
        )

    def _explain(self, message: str) -> InputError:
        # pandas counts rows; there are fewer rows than lines if quoted cells contain line ends
        if re.search(r"Expected \d+ fields in line", message):
            return self._too_wide()
        if "EOF inside string" in message:
            line = max((line for line, _ in self.records()), default=1)
            return InputError(f"{self.name}:{line}: opens a quote that is never closed; fix the line")
        return InputError(f"{self.name}: is not a table ({message.strip()}); see --format")

    def columns(self, named: bool, known: Collection[str] = ()) -> list[str]:
        """The names of the columns, or, if they are not to be `named`, their numbers from 0 as text; `known` are those of a model."""
        line, first = next(self.records(), (1, []))
        check_columns(len(first), self.name)
        later = (
            bool(self.known) and not self.header
        )  # rows after others, without a header that says how many cells they have
        if later and len(first) != len(self.known):
            raise self._wrong_width(line, first, len(self.known))
        if not later:
            self._refuse_other_text(first)
            if self.raw.whole:
                self.leave_out(len(first))
        self._check_short(len(first))
        self.body = self._body(first) if len(first) >= FEWEST_COLUMNS else None
        if self.body is None:
            self.keys = list(self._read(nrows=0 if self.header else 1, dtype=str).columns)
        else:
            self.keys = list(first) if self.header else list(range(len(first)))
        if self.header:
            self.blank = self._blank_columns(first, known)
        if not named:  # columns are taken by position
            self.blank = [j for j in self.blank if set(range(j, len(first))) <= set(self.blank)]
        if self.header:
            self._note_names(first)
        return self._trimmed(known) if named else [str(j) for j in range(len(self.keys))]

    def _blank_columns(self, first: list[str], known: Collection[str]) -> list[int]:
        """The columns without a name and without any cell, unless a model knows them."""
        rows = self.first_records()[1:]
        nameless = [j for j, name in enumerate(first) if not name.strip() and str(self.keys[j]) not in known]
        nameless = [j for j in nameless if not any(j < len(row) and row[j].strip() for row in rows)]
        if not nameless or len(nameless) == len(first):
            return []
        cells = self._read(usecols=nameless, dtype=str, keep_default_na=False, na_filter=False)
        return [j for j, key in zip(nameless, cells, strict=True) if not cells[key].str.strip().fillna("").any()]

    def _body(self, first: list[str]) -> int | None:
        """Where the rows begin, if the first line is a header that pandas reads as it is; None if that is not sure."""
        if not self.header:
            return None if self.content.startswith(b"\xef\xbb\xbf") else 0
        end, mark = self.content.find(b"\n") + 1, re.escape(self.separator.encode())
        line = self.content[:end].removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")
        bare = re.sub(rb"(?:^|(?<=" + mark + rb')) *"(?:[^"\r]|"")*"(?=' + mark + rb"|$)", b"", line)
        plain = b'"' not in bare and b"\r" not in bare and bare.count(self.separator.encode()) == len(first) - 1
        return end if plain and len({*first, ""}) == len(first) + 1 and all(map(str.strip, first)) else None

    def _trimmed(self, known: Collection[str]) -> list[str]:
        """The names of the columns without blanks around them, unless these names are `known`, or two would be the same."""
        names = [str(name) for name in self.keys]
        if any(name != name.strip() for name in known):
            return names
        trimmed = [name.strip() for name in names]
        return trimmed if len(set(trimmed)) == len(names) else names

    def leave_out(self, width: int) -> None:
        """Leave out lines that are no rows: a header that is repeated, and footers."""
        count = 0
        if self.header:
            self.content, count = without_repeated_header(self.content, self.separator)
        self.content, notes = without_footer(self.content, self.separator, width)
        self.notes += [*notes, *[header_note(count)] * bool(count)]

    def _note_names(self, first: list[str]) -> None:
        """Note the names that pandas gave to columns. Raises InputError for names that are rather a row of data."""
        twice = [name for name, count in Counter(first).items() if count > 1 and name.strip()]
        if twice and looks_like_data(first):
            raise InputError(
                f"{self.name}: two columns are named {twice[0]!r}; give each a different name (or is there no header? pass --no-header)"
            )
        given = [
            f"{name.strip()!r} is named {str(key)!r}" if name.strip() else f"column {j} is named {str(key)!r}"
            for j, (name, key) in enumerate(zip(first, self.keys, strict=False))
            if str(key) != name.strip() and (not name.strip() or name in twice) and j not in self.blank
        ]
        if given:
            self.notes.append(f"{UNNAMED}: {labels.first_of(given, SHOWN)}")

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
                f"{self.name}: has a single column; are its cells separated by {other!r}, and not by {self.separator!r}? pass --sep"
            )

    def with_hint(self, error: InputError) -> InputError:
        """An error on the columns, with what may be the reason: lines above the header, or an unusual separator."""
        records = [record for _, record in islice(self.records(), SAMPLE_ROWS)]
        counts = {mark: {record[0].count(mark) for record in records} for mark in UNUSUAL}
        mark = next((mark for mark, count in counts.items() if len(count) == 1 and 0 not in count), None)
        if mark and len(records) > 1 and all(len(record) == 1 for record in records):
            return InputError(f"{error}; if its cells are separated by {mark!r}, pass --sep '{mark}'")
        if any(len(record) > len(records[0]) for record in records) and self.header:
            return InputError(f"{error}; if its first lines are above the header, pass --skip-rows")
        return error

    def frame(self, columns: list[str], target: str | None, as_text: tuple[str, ...]) -> Frame:
        """All cells as a data frame: the target and the columns `as_text` as text, the others as numbers where all
        cells are numbers, else as text. In the target only an empty cell is missing, since `NA` can be a label."""
        import pandas as pd

        wide = None if self.body is None else self._wide_frame(columns, target, as_text)
        if wide is not None:
            return wide
        name_of = dict(zip(self.keys, columns, strict=True))
        missing = self._missing()
        is_text: dict[Any, type] = {key: str for key, name in name_of.items() if name == target or name in as_text}
        options = {
            "na_values": {key: [""] if name == target else missing for key, name in name_of.items()},
            "keep_default_na": False,
        }
        frame = self._long_frame(is_text, options) if len(self.content) > FEWEST_BYTES else None
        frame = self._read(dtype=is_text, **options) if frame is None else frame
        found = dict(zip(self.keys, frame.dtypes, strict=True))
        guessed = [key for key in self.keys if key not in is_text and not is_numeric(found[key])]
        if any(not isinstance(found[key], pd.StringDtype | pd.CategoricalDtype) for key in guessed):
            # pandas has converted cells that look like True and False to booleans; read the text as it was written
            frame = self._read(dtype=is_text | dict.fromkeys(guessed, str), **options)
        for key, cells in self._padded(frame, options).items():
            frame[key] = cells
        return frame.set_axis(columns, axis=1)

    def _long_frame(self, is_text: dict[Any, type], options: dict[str, Any]) -> Frame | None:
        """The cells, read in pieces; None where pandas has to read all of them at once."""
        import pandas as pd

        sample = self.first_records()[self.header :]
        missing, others = set(self._missing()), [j for j, key in enumerate(self.keys) if key not in is_text]
        cells = (record[j] for record in sample for j in others if j < len(record))
        if all(cell in missing or not math.isnan(parse_number(cell)) for cell in cells):
            return None  # no text, as far as these rows tell
        rows = max(1, self._line_ends() * PIECE // len(self.content))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)
                return read_long(partial(self._parse, **options), self.keys, is_text, rows)
        except (ValueError, pd.errors.ParserWarning):  # as _read explains it
            return None

    def _wide_frame(self, columns: list[str], target: str | None, as_text: tuple[str, ...]) -> Frame | None:
        """The same of very many columns, most of them numbers; None where pandas has to read all of them."""
        import pandas as pd

        missing, texts = self._missing(), {target, *as_text}

        def parse(cells: bytes) -> Series:
            part = self._part(b"0\n" + cells)  # pandas takes a blank first line for the end of the text
            return part._read(na_values=missing, keep_default_na=False, skip_blank_lines=False).iloc[1:, 0]

        known = [j for j, name in enumerate(columns) if name in texts]
        found = read_wide(self.content[self.body :], len(columns), self.separator, known, parse)
        if found is None:
            return None
        self.is_regular = True
        frame = pd.DataFrame(found.numbers, columns=[columns[j] for j in found.places], copy=False)
        if not len(found.others):
            return frame
        part, names = self._part(found.content), ["", *(columns[j] for j in found.others)]
        part.keys = list(range(len(names)))
        others = part.frame(names, target, as_text).iloc[:, 1:]
        return pd.concat([frame, others], axis=1)[columns]

    def _part(self, content: bytes) -> "TextTable":
        """Text of the same dialect without a header."""
        return TextTable(replace(self.raw, content=content, source=replace(self.raw.source, header=False)))

    def _padded(self, frame: Frame, options: dict[str, Any]) -> dict[Any, Series]:
        """The columns of whole numbers of which some begin with 0, as text: they may be codes, such as ZIP codes."""
        whole = [j for j, kind in enumerate(frame.dtypes) if is_numeric(kind)]
        for n in (SAMPLE_ROWS, len(frame)):  # most columns of fractions have some in the first rows
            whole = [j for j in whole if _are_whole(frame.iloc[:n, j].to_numpy())]
        if not whole or not _has_padded(self.content, self.separator):
            return {}
        texts = self._read(usecols=whole, dtype=str, **options)
        return {key: texts[key] for key in texts if texts[key].str.fullmatch(r"0\d+").fillna(False).any()}

    def grouped(self, frame: Frame, columns: list[str]) -> dict[str, Series]:
        """The columns of numbers whose points seem to be marks of thousands, as text, by name: 2.795, 18.679 and 665."""
        if self.raw.source.decimal != "." or self.raw.source.thousands is not None or self.is_regular:
            return {}
        fractions = [j for j, kind in enumerate(frame.dtypes) if getattr(kind, "kind", "") == "f"]
        sample = self.first_records()[self.header :]
        likely = [j for j in fractions if are_thousands([record[j].strip() for record in sample if j < len(record)])]
        if not likely:
            return {}
        texts = self._read(usecols=likely, dtype=str, na_values=self._missing(), keep_default_na=False)
        found = {columns[j]: texts[key] for j, key in zip(likely, texts, strict=True)}
        return {
            name: cells for name, cells in found.items() if are_thousands(cells.dropna().str.strip().unique().tolist())
        }

    def _missing(self) -> list[str]:
        """The cells that are missing."""
        return [*labels.MISSING, *self.raw.source.na_values]

    def kept(self, raw: RawFile) -> tuple[list[object], ...]:
        """The cells of the columns in `raw.keep`, as text; without a header the columns are numbered. Raises InputError."""
        keys = self._trimmed(raw.keep)
        check_kept(raw, keys)
        index = [keys.index(name) for name in raw.keep]
        frame = self._read(usecols=index, dtype=str, keep_default_na=False, na_filter=False)
        return tuple(frame.iloc[:, sorted(index).index(j)].tolist() for j in index)


def _are_whole(numbers: Array) -> bool:
    """Whether the numbers (n,) that are not missing are whole."""
    return numbers.dtype.kind in "iu" or bool(((numbers == np.floor(numbers)) | np.isnan(numbers)).all())


def _has_padded(content: bytes, separator: str) -> bool:
    """Whether a cell begins with a 0 and another digit."""
    if re.match(rb"(\xef\xbb\xbf)?0\d", content):
        return True
    codes, mark = np.frombuffer(content, np.uint8), ord(separator)
    starts = range(0, len(content), SCANNED)
    return any(len(padded_positions(codes[start : start + SCANNED + 2], mark)) for start in starts)
