"""Tables, CSV and TSV through pandas and data frames: which column is the label, which are features."""

import csv
import difflib
import io
import re
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from linclf.datasets import labels
from linclf.datasets.dataset import Dataset, Features, Raw, Source
from linclf.errors import InputError
from linclf.losses import Array

SEPARATORS = {"csv": ",", "tsv": "\t"}
TARGET_NAMES = ("target", "label", "class", "y")
SHOWN = 12  # columns named in a message
Frame = Any  # pandas.DataFrame; pandas is imported only when a table is read


def read_table(raw: Raw, like: Features | None, labelled: bool) -> Dataset:
    """A Dataset of dense rows (float64) from CSV or TSV text; `labelled` says whether a target column is required."""
    text = _Text(raw, header=raw.source.header and (like is None or like.header))
    columns = text.columns()
    target = _target(raw.source, columns, like, labelled)
    frame = text.frame(columns, target)
    if target is not None and not labelled:
        frame, target = frame.drop(columns=target), None
    return from_frame(frame, raw, target, like, text)


def from_frame(
    frame: Frame, raw: Raw, target: str | None, like: Features | None, text: "_Text | None" = None
) -> Dataset:
    """A Dataset from a data frame whose column `target`, if any, holds the labels; `text` is what it was read from."""
    source = raw.source
    where = text.place if text else lambda row: f"{source.data}: row {row} (from 0)"
    if len(frame) == 0:
        raise InputError(f"{source.data}: holds no rows below its header")
    y = None
    if target is not None:
        texts = frame[target].fillna("").astype(str).to_numpy()
        missing = np.flatnonzero(labels.missing(texts))
        if len(missing):
            row = int(missing[0])
            if text:
                text.check_width(row)
            raise InputError(f"{where(row)}: the label in column {target!r} is missing; fill it in or remove the row")
        y = labels.from_text(texts)
    names, notes = _feature_columns(frame, source, target, like)
    X = _numbers(frame[names], source, like is None, where, text)
    features = like or Features(len(names), tuple(names), False, raw.format, source.header, target, source.drop)
    return Dataset(X, y, source, features, raw.digest, notes=notes)


def _target(source: Source, columns: list[str], like: Features | None, labelled: bool) -> str | None:
    """The name of the target column: as told, else as the model's, else the only column with a target's name."""
    listed = ", ".join(columns if len(columns) <= SHOWN else [*columns[: SHOWN - 3], "...", *columns[-2:]])
    wanted = source.target or (like.target if like else None)
    if wanted is not None:
        if wanted in columns:
            return wanted
        if not source.header and re.fullmatch(r"-\d+", wanted) and int(wanted) >= -len(columns):
            return columns[int(wanted)]
        if not labelled and source.target is None:
            return None
        near = difflib.get_close_matches(wanted, columns, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        header = " (or is there no header? say --no-header)" if source.header and _is_row(columns) else ""
        raise InputError(
            f"{source.data}: has no column {wanted!r}{hint}; its columns are {listed}; name one with --target{header}"
        )
    found = [column for column in columns if column in TARGET_NAMES]
    if len(found) == 1:
        return found[0]
    if not labelled:
        return None
    header = ", numbered from 0"
    if source.header:
        header = "; if the file has no header, say --no-header" if _is_row(columns) else ""
    reason = f"more than one of {', '.join(found)}" if found else f"no column named {', '.join(TARGET_NAMES)}"
    raise InputError(f"{source.data}: has {reason}; choose the label with --target; the columns are {listed}{header}")


def _is_row(columns: list[str]) -> bool:
    """Whether what should be a header looks like a row of data: a number among the names."""
    return any(re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?(\.\d+)?", name, re.IGNORECASE) for name in columns)


def _feature_columns(
    frame: Frame, source: Source, target: str | None, like: Features | None
) -> tuple[list[str], tuple[str, ...]]:
    """The feature columns in order, and notes: all but target and dropped ones, or those that a model was trained on."""
    columns = list(frame.columns)
    if like is None or like.names is None:
        unknown = [name for name in source.drop if name not in columns]
        if unknown:
            near = difflib.get_close_matches(unknown[0], columns, 1)
            raise InputError(
                f"{source.data}: --drop {unknown[0]}: there is no such column{f'; did you mean {near[0]!r}?' if near else ''}"
            )
        names = [name for name in columns if name != target and name not in source.drop]
        if not names:
            raise InputError(f"{source.data}: no feature column is left besides the target; drop fewer columns")
        if like is not None and len(names) != like.count:
            raise InputError(
                f"{source.data}: has {len(names)} feature columns, the model was trained on {like.count}; "
                "give data of the same columns"
            )
        return names, ()
    if not source.header and len(columns) == like.count:
        return columns, ()  # a table of features alone, known by position
    missing = [name for name in like.names if name not in columns]
    if missing:
        raise InputError(
            f"{source.data}: lacks {len(missing)} of the {like.count} columns of the training data: "
            f"{', '.join(missing[:SHOWN])}; add them, in any order"
        )
    used = {*like.names, *like.drop, like.target}
    spare = [name for name in columns if name not in used]
    notes = (f"columns the model was not trained on were ignored: {', '.join(spare[:SHOWN])}",)
    return list(like.names), notes if spare else ()


def _numbers(frame: Frame, source: Source, may_drop: bool, where: Callable[[int], str], text: "_Text | None") -> Array:
    """The cells as float64 (n, d). Raises InputError naming every column that is not numbers, or the first bad cell."""
    import pandas as pd

    wrong = [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
    if wrong:
        examples = []
        for name in wrong:
            cells = frame[name]
            row = int(np.argmax(pd.to_numeric(cells, errors="coerce").isna() & cells.notna()))
            place = f"line {where(row).rpartition(':')[2]}" if text else f"row {row}"
            examples.append(f"{name} ({str(cells.iloc[row])[:30]!r} at {place})")
        advice = f"leave out such columns with --drop {_drop_list([*source.drop, *wrong])}, or turn them into numbers"
        if len(wrong) == len(frame.columns) and source.header:
            advice = "is its first line a header, and --format right?"
        elif not may_drop:
            advice = "turn them into numbers, as in the training data"
        raise InputError(f"{source.data}: cells that are not numbers in {', '.join(examples)}; {advice}")
    X = frame.to_numpy(np.float64)
    finite = np.isfinite(X)
    if not finite.all():
        row, column = map(int, np.argwhere(~finite)[0])
        if text:
            text.check_width(row)
        what = "is missing or not a number" if np.isnan(X[row, column]) else "is too large for a number"
        count = int((~finite).any(axis=1).sum())
        raise InputError(
            f"{where(row)}: the cell in column {frame.columns[column]!r} {what} ({count} such rows); "
            "fill in or remove them, or --drop the column"
        )
    return np.ascontiguousarray(X)


def _drop_list(names: list[str]) -> str:
    return ",".join(f'"{name}"' if re.search(r"[\s'\"$;&|<>()]", name) else name for name in dict.fromkeys(names))


class _Text:
    """CSV text: its columns, its cells, and the line on which a row stands."""

    def __init__(self, raw: Raw, header: bool) -> None:
        self.name, self.content, self.header = raw.source.data, raw.content, header
        self.separator = SEPARATORS[raw.format or "csv"]
        if b"\0" in raw.content:
            line = self._line_at(raw.content.index(0))
            raise InputError(f"{self.name}:{line}: has a NUL byte; is it a text file? see --format")

    def _line_at(self, position: int) -> int:
        return self.content.count(b"\n", 0, position) + 1

    def _read(self, **options: Any) -> Frame:
        import pandas as pd

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)  # a row longer than the header
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
            raise InputError(f"{self.name}: its rows have more cells than its header; mend the header") from None
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise self._explain(str(error)) from None

    def _not_utf8(self) -> InputError:
        try:
            self.content.decode("utf-8")
        except UnicodeDecodeError as error:
            return InputError(
                f"{self.name}:{self._line_at(error.start)}: is not UTF-8 text; convert it, e.g. with iconv"
            )
        return InputError(f"{self.name}: is not UTF-8 text; convert it, e.g. with iconv")

    def _explain(self, message: str) -> InputError:
        ragged = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", message)
        if ragged:
            wanted, line, found = ragged.groups()
            return InputError(f"{self.name}:{line}: has {found} cells where {wanted} are expected; mend the line")
        quote = re.search(r"EOF inside string starting at row (\d+)", message)
        if quote:
            return InputError(f"{self.name}:{int(quote[1]) + 1}: opens a quote that is never closed; mend the line")
        return InputError(f"{self.name}: is not a table ({message.strip()}); see --format")

    def columns(self) -> list[str]:
        """The names of the columns; without a header their numbers from 0, as text."""
        names = [str(name) for name in self._read(nrows=0 if self.header else 1, dtype=str).columns]
        first = next((record for _, record in self._records()), [])
        other = next((mark for mark in ";\t|," if mark in first[0]), None) if len(first) == 1 else None
        if other is not None:
            raise InputError(
                f"{self.name}: has a single column; its cells seem to be separated by {other!r}, not {self.separator!r}; "
                "convert it, or see --format"
            )
        twice = next((name for name in first if self.header and first.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{self.name}: two columns are named {twice!r}; give each a name of its own")
        return names

    def frame(self, columns: list[str], target: str | None) -> Frame:
        """All cells: the target as text (`NA` is a label like any other, an empty cell is missing), the rest as found."""
        keys: list[Any] = list(columns) if self.header else list(range(len(columns)))
        is_target = {key: column == target for key, column in zip(keys, columns, strict=True)}
        frame = self._read(
            dtype={key: str for key in keys if is_target[key]},
            na_values={key: [""] if is_target[key] else labels.MISSING for key in keys},
            keep_default_na=False,
        )
        return frame.set_axis(columns, axis=1)

    def place(self, row: int) -> str:
        """FILE:LINE of a row of cells."""
        return f"{self.name}:{self._record(row)[0]}"

    def check_width(self, row: int) -> None:
        """pandas fills short rows up with missing cells. Raises InputError if this row is one."""
        width, (line, record) = len(self.columns()), self._record(row)
        if len(record) < width:
            raise InputError(f"{self.name}:{line}: has {len(record)} cells where {width} are expected; mend the line")

    def _record(self, row: int) -> tuple[int, list[str]]:
        return next(islice(self._records(), row + self.header, None))

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """The lines of cells, header included, each with the number of its first line; quoted cells may span lines, and
        empty lines hold no cells."""
        with io.StringIO(self.content.decode("utf-8-sig", "replace"), newline="") as text:
            end, reader = 0, csv.reader(text, delimiter=self.separator, skipinitialspace=True)
            for record in reader:
                if any(cell.strip() for cell in record) or len(record) > 1:
                    yield end + 1, record
                end = reader.line_num
