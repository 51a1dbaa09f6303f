"""What each column of a table becomes: decided once, from the training rows alone, and kept as plain data.

number     its cells; missing ones become the median, and a second feature says which were missing if any were
date       as a number: days since 1970
category   a feature 0 or 1 for each level; levels rarer than min_count share one
text       tf-idf of words and pairs of words (Sparck Jones, 1972), by scikit-learn's vectorizer
constant, id   nothing: the same cell in all rows, or another one in each, a row's number or name
"""

import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from linclf.data.table import LARGEST, Cells, Table, option, spelled
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import LazyRows, Matrix, chunks, lazy, select

NUMBERS = 0.9  # share of a column's cells that must be numbers for it to be one; the others are taken as missing
FEW_NUMBERS = 10  # different numbers up to which a column with cells that are none is a category
MEDIAN_ROWS = 2000  # of which the median is taken where no cell is missing
FEWEST_WORDS = 3  # in a cell, on average, from which a column of many different cells is text
SAMPLE = 1000  # cells whose words are counted
FEWEST_IDS = 20  # rows from which cells that are all different are ids
DENSE_IDS = 0.5  # share of the whole numbers between the smallest and the largest that a column of ids uses
MOST_LEVELS = 10_000  # of a category that become features, the most frequent ones
MOST_IDF = 100.0  # ln of more rows than there are
MOST_WORDS = 100_000  # words and pairs of a text that become features, the most frequent ones
MOST_DENSE = 2**26  # numbers of categories, 0.5 GB, beyond which it is, too
WIDE = 256  # features of categories beyond which a table is sparse; with text it always is

KINDS = ("number", "date", "category", "text")
LEFT_OUT = {"constant": "left out: the same in all rows", "id": "left out: another one in each row"}
_ID_NAME = re.compile(r"(.*[\W_])?(id|uuid|guid|index|key|unnamed: 0)", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORD = re.compile(r"[^\W\d_]{2}")  # two letters: dates, sums of money and UUIDs have no words


@dataclass(frozen=True)
class Column:
    """How one column becomes features.

    kind     number, date, category, text, or what it is left out for: constant, id
    missing  training rows without a cell; if there are any, a feature says where
    median   of a number: what stands for a missing cell, also for one that is missing only later; None: nothing does
    center, spread   of a number: mean and standard deviation of the training rows; sparse features are standardised by
             them, dense ones are left to the scaling
    levels   of a category, each a feature; pooled is how many rarer ones share one more
    words    of a text, each a feature; idf their weights
    """

    name: str
    kind: str
    missing: int = 0
    median: float | None = None
    center: float = 0.0
    spread: float = 1.0
    levels: tuple[str, ...] = ()
    pooled: int = 0
    words: tuple[str, ...] = ()
    idf: tuple[float, ...] = ()

    def check(self) -> None:
        """Raise ValueError unless this is a column that `learn` could have made."""
        texts = len(set(self.words)) == len(self.words) == len(self.idf) and max(self.idf, default=1) < MOST_IDF
        sound = self.kind in (*KINDS, *LEFT_OUT) and texts and len(set(self.levels)) == len(self.levels)
        if not (sound and self.spread > 0 and self.missing >= 0 and self.pooled >= 0):
            raise ValueError(f"the column {self.name!r} is not one that linclf wrote")

    def said(self) -> str:
        """What people should know of it."""
        if self.kind in LEFT_OUT:
            return LEFT_OUT[self.kind]
        words = [f"{len(self.levels)} levels"] if self.kind == "category" else []
        words += [f"{self.pooled} rare one{'s' * (self.pooled > 1)} pooled"] if self.pooled else []
        words += [f"missing in {in_rows(self.missing)}"] if self.missing else []
        words += ["words and pairs of words"] if self.kind == "text" else []
        words += ["days since 1970"] if self.kind == "date" else []
        return ", ".join(words)

    def feature_names(self) -> list[str]:
        """The names of its features."""
        if self.kind in LEFT_OUT:
            return []
        if self.kind == "text":
            return [f"{self.name}: {word}" for word in self.words]
        if self.kind == "category":
            named = [f"{self.name}={level}" for level in self.levels]
            named += [f"{self.name} (other)"] if self.pooled else []
        else:
            named = [self.name]
        return [*named, f"{self.name} (missing)"] if self.missing else named


class Spans(NamedTuple):
    """Of some rows of numbers (n, k), by column: how many are missing, the smallest and the largest, and whether those
    there are whole."""

    missing: Array
    least: Array
    most: Array
    whole: Array

    def joined(self, other: "Spans") -> "Spans":
        """Of the rows of both."""
        least, most = np.fmin(self.least, other.least), np.fmax(self.most, other.most)
        return Spans(self.missing + other.missing, least, most, self.whole & other.whole)


def learn(
    X: Table | LazyRows, told: dict[str, str], min_count: int, name: str
) -> tuple[tuple[Column, ...], bool, list[str]]:
    """What each column of the training rows X becomes, whether the features are sparse, and notes.

    told   kinds (number, category, text) by column, decided by the user
    name   of the data set, for messages
    Raises InputError where a column cannot be of the kind it is told to be, and where no feature is left.
    """
    table, rows = lazy(X).X, lazy(X).rows
    numbers = select(table.numbers, rows)
    spans = spans_of(numbers)
    medians = _median(table.numbers[rows[_some(len(rows))]])  # NaN where it will not be used
    found, notes, place = [], [], 0
    for column in table.names:
        kind, note = told.get(column), None
        if column in table.texts:
            learned, note = _from_text(column, table.texts[column][rows], kind, min_count, name)
        elif _worth_a_look(spans, place, len(rows), kind):
            cells = table.numbers[rows, place]
            as_text = kind in ("category", "text")
            learned = (
                _from_text(column, spelled(cells), kind, min_count, name)[0]
                if as_text
                else _number(column, cells, kind)
            )
        else:
            kind = "constant" if spans.least[place] == spans.most[place] else "number"
            learned = Column(column, kind, median=float(medians[place]) if kind == "number" else None)
        found.append(learned)
        notes += [note] if note else []
        place += column not in table.texts
    if not any(column.feature_names() for column in found):
        raise InputError(
            f"{name}: no column is left to learn from; say what they are with --numeric, --category or --text"
        )
    sparse = any(column.kind == "text" for column in found)
    wide = sum(len(column.feature_names()) for column in found if column.kind == "category")
    sparse |= wide > WIDE or wide * len(rows) > MOST_DENSE
    columns = tuple(_standardised(column, table, rows, name) for column in found) if sparse else tuple(found)
    return columns, sparse, notes


def spans_of(numbers: Matrix) -> Spans:
    """The spans of numbers (n, k), in one pass."""
    return reduce(Spans.joined, (_spans(x) for _, x in chunks(numbers)))


def _spans(x: Array) -> Spans:
    missing = np.isnan(x)
    with np.errstate(invalid="ignore"):
        least, most = np.fmin.reduce(x, axis=0), np.fmax.reduce(x, axis=0)
    return Spans(missing.sum(axis=0), least, most, ((x == np.floor(x)) | missing).all(axis=0))


def _worth_a_look(spans: Spans, j: int, n: int, told: str | None) -> bool:
    """Whether more must be known of column j of numbers than its span."""
    may_be_ids = spans.whole[j] and _span(spans.least[j], spans.most[j]) >= n
    return bool(told not in (None, "number") or spans.missing[j] or may_be_ids)


def _number(column: str, cells: Array, told: str | None, kind: str = "number") -> Column:
    """A column of numbers (n,), NaN where one is missing."""
    missing = int(np.isnan(cells).sum())
    there = cells[~np.isnan(cells)]
    if not len(there) or (not missing and there.min() == there.max()):
        return Column(column, "constant")
    if told is None and not missing and len(there) >= FEWEST_IDS and (there == np.floor(there)).all():
        dense = len(there) / _span(there.min(), there.max()) > DENSE_IDS
        if (dense or _ID_NAME.fullmatch(column)) and len(np.unique(there)) == len(there):
            return Column(column, "id")
    return Column(column, kind, missing, float(_median(there if missing else there[_some(len(there))])))


def _median(numbers: Array) -> Array:
    """The median of each column; halved first, so that the mean of the two in the middle cannot overflow."""
    return np.asarray(np.median(numbers / 2, axis=0) * 2)


def _span(least: float, most: float) -> float:
    """How many whole numbers there are from the least to the most; infinite for the largest numbers."""
    return float(most) - float(least) + 1


def _some(n: int) -> Array:
    """Of n rows, those that the median of a column without missing cells is taken of: evenly spaced ones."""
    return np.linspace(0, n - 1, min(n, MEDIAN_ROWS)).astype(np.intp)


def _from_text(column: str, cells: Cells, told: str | None, min_count: int, name: str) -> tuple[Column, str | None]:
    """A column of text, and a note on cells that a column of numbers should not have."""
    counts = cells.counts()
    used = np.flatnonzero(counts)
    kind = told or _kind(column, cells.levels[used], counts[used], len(cells.codes))
    if kind == "number":
        values = cells.converted(number)
        if np.isnan(values).all():
            raise InputError(f"{name}: column {column!r} holds no number; leave out {option('numeric', column)}")
        return _number(column, values, told), unparsed_cells_note(name, column, kind, not_numbers(kind, cells))
    if kind == "date":
        return _number(column, cells.converted(date), "date", kind), unparsed_cells_note(
            name, column, kind, not_numbers(kind, cells)
        )
    if kind == "text":
        return _text(column, cells, min_count, name), None
    if kind == "category":
        often = np.flatnonzero(counts >= min_count)
        kept = sorted(often, key=lambda i: (-counts[i], cells.levels[i]))[:MOST_LEVELS]
        levels, pooled = sorted(str(cells.levels[i]) for i in kept), int((counts > 0).sum()) - len(kept)
        return Column(column, kind, int((cells.codes < 0).sum()), levels=tuple(levels), pooled=pooled), None
    return Column(column, kind), None


def _kind(column: str, levels: Array, counts: Array, n: int) -> str:
    """What a column of text is, by its levels (L,), how often each occurs, and the number of rows."""
    there = int(counts.sum())
    if not len(levels) or (len(levels) == 1 and there == n):
        return "constant"
    for kind, convert in (("number", number), ("date", date)):
        values = np.array([convert(level) for level in levels])
        fits = ~np.isnan(values)
        most = counts[fits].sum() >= NUMBERS * there and fits.sum() > FEW_NUMBERS
        # whole numbers too long for a float are codes, and must not be merged
        exact = np.abs(values[fits]).max(initial=0) < LARGEST or len(np.unique(values[fits])) == fits.sum()
        if (fits.all() or most) and exact:
            return kind
    words = np.mean(
        [sum(map(bool, map(_WORD.search, level.split()))) for level in sorted(levels)[:: len(levels) // SAMPLE + 1]]
    )
    if words >= FEWEST_WORDS and (len(levels) > there / 5 or len(levels) > SAMPLE) and not _ID_NAME.fullmatch(column):
        return "text"
    return "id" if len(levels) == there >= FEWEST_IDS else "category"


def number(text: str) -> float:
    """The finite number that a cell spells, else NaN."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) and "_" not in text else math.nan  # Python reads 1_0 as 10


def date(text: str) -> float:
    """Days since 1970 of a date, or a date and time, in ISO 8601, else NaN; without a time zone it is UTC."""
    if not _DATE.fullmatch(text):
        return math.nan
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return math.nan
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) / timedelta(days=1)


def not_numbers(kind: str, cells: Cells) -> dict[str, int]:
    """The cells of a column of this kind, number or date, that are none, and how often each occurs."""
    convert, counts = (date if kind == "date" else number), cells.counts()
    return {
        str(cells.levels[i]): int(counts[i]) for i in np.flatnonzero(counts) if math.isnan(convert(cells.levels[i]))
    }


def in_rows(count: int) -> str:
    """1 row, 2 rows"""
    return f"{count} row{'s' * (count != 1)}"


def unparsed_cells_note(name: str, column: str, kind: str, strange: dict[str, int]) -> str | None:
    """One line on training cells that are not of the kind of their column, if there are any."""
    if not strange:
        return None
    shown = ", ".join(f"{text[:30]!r} ({count})" for text, count in list(strange.items())[:5])
    return (
        f"{name}: column {column!r}: not {kind}s in {in_rows(sum(strange.values()))}, taken as missing: {shown}"
        f"{', ...' * (len(strange) > 5)}; {option('category', column)} takes them as levels"
    )


def vectorizer(**options: Any) -> Any:
    """scikit-learn's, of words and pairs of words, letters and digits only; a word counts 1 + log(how often it occurs)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b", **options)


def _text(column: str, cells: Cells, min_count: int, name: str) -> Column:
    texts = cells.texts()
    for least in (min_count, 1):  # of few rows, or where no word comes twice, all words are taken
        learned = vectorizer(min_df=least, max_features=MOST_WORDS)
        try:
            learned.fit(texts)
        except ValueError:  # no word is left
            continue
        words = tuple(learned.get_feature_names_out().tolist())
        return Column(column, "text", words=words, idf=tuple(learned.idf_.tolist()))
    raise InputError(f"{name}: there are no words in column {column!r}; leave it out with {option('drop', column)}")


def _standardised(column: Column, table: Table, rows: Array, name: str) -> Column:
    """A column with mean and standard deviation, if it is one of numbers."""
    if column.kind not in ("number", "date"):
        return column
    values = filled(column, table.column(column.name)[rows])[0]
    with np.errstate(over="ignore", invalid="ignore"):
        center, spread = float(values.mean()), float(values.std())
    if not math.isfinite(spread):
        raise InputError(
            f"{name}: the numbers in column {column.name!r} are too large to standardise; drop or rescale the column"
        )
    return replace(column, center=center, spread=spread or 1.0)


def filled(column: Column, cells: Array | Cells) -> tuple[Array, Array]:
    """The numbers (n,) of a column of numbers or dates, the median where a cell is missing, and where that is (n,)."""
    cells = number_cells(column, cells) if isinstance(cells, Cells) else cells
    missing = np.isnan(cells)
    return np.where(missing, np.nan if column.median is None else column.median, cells), missing


def number_cells(column: Column, cells: Cells) -> Array:
    """The text of a column of numbers or dates as numbers (n,), NaN where it is none."""
    return cells.converted(date if column.kind == "date" else number)
