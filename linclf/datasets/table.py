"""Tables, CSV and TSV through pandas and data frames: which column is the label, which are features."""

import csv
import difflib
import io
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from linclf.datasets import labels
from linclf.datasets.dataset import Dataset, Features, Raw, Source
from linclf.errors import InputError
from linclf.losses import Array

SEPARATORS = {"csv": ",", "tsv": "\t"}
TARGET_NAMES = ("target", "label", "class", "y")
# cells that are missing: what pandas takes for one, and ?
MISSING = ["", "?", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "NaN", "nan", "-NaN", "-nan", "null", "NULL"]
MISSING += ["None", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"]
SHOWN = 12  # columns named in a message
Frame = Any  # pandas.DataFrame; pandas is imported only when a table is read


def read_table(raw: Raw, like: Features | None, labelled: bool) -> Dataset:
    """A Dataset of dense rows (float64) from CSV or TSV text; `labelled` says whether a target column is required."""
    text = _Text(raw)
    columns = text.columns()
    target = _target(raw.source, columns, like, labelled)
    return from_frame(text.frame(columns, target), raw, target, like, text.line)


def from_frame(
    frame: Frame, raw: Raw, target: str | None, like: Features | None, line: Callable[[int], str] | None = None
) -> Dataset:
    """A Dataset from a data frame whose column `target`, if any, holds the labels as text; line(row) -> FILE:LINE."""
    source = raw.source
    where = line or (lambda row: f"{source.data}: row {row} (from 0)")
    if len(frame) == 0:
        raise InputError(f"{source.data}: holds no rows below its header")
    y = None
    if target is not None:
        texts = frame[target].astype(str).to_numpy()
        missing = np.flatnonzero(frame[target].isna() | (texts == ""))
        if len(missing):
            raise InputError(
                f"{where(missing[0])}: the label in column {target!r} is missing; fill it in or remove the row"
            )
        y = labels.from_text(texts)
    names, notes = _feature_columns(frame, source, target, like)
    X = _numbers(frame[names], source, like is None, where)
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
        raise InputError(
            f"{source.data}: has no column {wanted!r}{hint}; its columns are {listed}; name one with --target"
        )
    found = [column for column in columns if column in TARGET_NAMES]
    if len(found) == 1:
        return found[0]
    if not labelled:
        return None
    header = "" if source.header else ", numbered from 0"
    reason = f"more than one of {', '.join(found)}" if found else f"no column named {', '.join(TARGET_NAMES)}"
    raise InputError(f"{source.data}: has {reason}; choose the label with --target; the columns are {listed}{header}")


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
            f"{source.data}: lacks {len(missing)} of the {like.count} columns the model was trained on: "
            f"{', '.join(missing[:SHOWN])}; add them, in any order"
        )
    used = {*like.names, *like.drop, target, like.target}
    spare = [name for name in columns if name not in used]
    notes = (f"{source.data}: columns the model was not trained on were ignored: {', '.join(spare[:SHOWN])}",)
    return list(like.names), notes if spare else ()


def _numbers(frame: Frame, source: Source, may_drop: bool, where: Callable[[int], str]) -> Array:
    """The cells as float64 (n, d). Raises InputError naming every column that is not numbers, or the first bad cell."""
    import pandas as pd

    wrong = [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
    if wrong:
        examples = []
        for name in wrong:
            cells = frame[name]
            row = int(np.argmax(pd.to_numeric(cells, errors="coerce").isna() & cells.notna()))
            examples.append(f"{name} ({str(cells.iloc[row])[:30]!r} at {where(row).rpartition(':')[2].strip()})")
        advice = f"leave out such columns with --drop {_drop_list([*source.drop, *wrong])}, or turn them into numbers"
        if len(wrong) == len(frame.columns) and source.header:
            advice = "is its first line a header, and --format right?"
        elif not may_drop:
            advice = "turn them into numbers, as in the training data"
        raise InputError(f"{source.data}: cells that are not numbers in {', '.join(examples)}; {advice}")
    X = frame.to_numpy(np.float64)
    finite = np.isfinite(X)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        what = "is missing or not a number" if np.isnan(X[row, column]) else "is too large for a number"
        count = int((~finite).any(axis=1).sum())
        raise InputError(
            f"{where(int(row))}: the cell in column {frame.columns[column]!r} {what} ({count} such rows); "
            "fill in or remove them, or --drop the column"
        )
    return np.ascontiguousarray(X)


def _drop_list(names: list[str]) -> str:
    return ",".join(f'"{name}"' if re.search(r"[\s'\"$;&|<>()]", name) else name for name in dict.fromkeys(names))


class _Text:
    """CSV text: its columns, its cells, and the line on which a row stands."""

    def __init__(self, raw: Raw) -> None:
        self.name, self.content, self.header = raw.source.data, raw.content, raw.source.header
        self.separator = SEPARATORS[raw.format or "csv"]
        name, content = self.name, self.content
        if b"\0" in content:
            raise InputError(f"{name}:{self._line_at(content.index(0))}: has a NUL byte; is it a text file?")

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
        return [str(name) for name in self._read(nrows=0 if self.header else 1, dtype=str).columns]

    def frame(self, columns: list[str], target: str | None) -> Frame:
        """All cells: the target as text (`NA` is a label like any other, an empty cell is missing), the rest as found."""
        keys: list[Any] = list(columns) if self.header else list(range(len(columns)))
        is_target = {key: column == target for key, column in zip(keys, columns, strict=True)}
        frame = self._read(
            dtype={key: str for key in keys if is_target[key]},
            na_values={key: [""] if is_target[key] else MISSING for key in keys},
            keep_default_na=False,
        )
        return frame.set_axis(columns, axis=1)

    def line(self, row: int) -> str:
        """FILE:LINE of a row of cells; quoted cells may span lines, and empty lines are no rows."""
        with io.StringIO(self.content.decode("utf-8-sig", "replace"), newline="") as text:
            reader = csv.reader(text, delimiter=self.separator, skipinitialspace=True)
            seen, end = -1 if self.header else 0, 0
            for record in reader:
                if record:
                    if seen == row:
                        return f"{self.name}:{end + 1}"
                    seen += 1
                end = reader.line_num
        return f"{self.name}: row {row} (from 0)"
