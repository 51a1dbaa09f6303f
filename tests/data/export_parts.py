"""What exports are made of: how their cells are spelled, how a table of cells is written, and what is drawn at random.

A `Sheet` collects a table column by column in two forms: as exported, and as somebody would clean it by hand.
"""

import codecs
import csv
import io
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

Array = np.ndarray
Rng = np.random.Generator

STRENGTH = 4.0  # standard deviation of the score, in units of the logistic noise, for each border between classes

ISO_DATE, ISO_TIME, ISO_Z = "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"
EPOCH_SECONDS = "seconds since 1970"


@dataclass(frozen=True)
class NumberStyle:
    """How a number is spelled.

    decimal    the decimal mark
    thousands  the mark between groups of three digits, none by default
    before, behind   a currency, a percent sign or a unit, with its blank
    negative   how a negative number is made of its absolute value: "({})" in accounting
    """

    decimal: str = "."
    thousands: str = ""
    before: str = ""
    behind: str = ""
    negative: str = "-{}"

    def __call__(self, plain: str) -> str:
        """Spell a number that is given as -1234.50."""
        whole, _, fraction = plain.removeprefix("-").partition(".")
        digits = f"{int(whole):,}".replace(",", self.thousands) + (self.decimal + fraction if fraction else "")
        spelled = f"{self.before}{digits}{self.behind}"
        return self.negative.format(spelled) if plain.startswith("-") else spelled

    def with_unit(self, behind: str = "", before: str = "") -> "NumberStyle":
        """The same with another text behind and before."""
        return replace(self, before=before, behind=behind)


PLAIN = NumberStyle()
US = NumberStyle(thousands=",")
ACCOUNTING = NumberStyle(thousands=",", negative="({})")
UNICODE_MINUS = NumberStyle(negative="\u2212{}")
GERMAN = NumberStyle(decimal=",", thousands=".")
FRENCH = NumberStyle(decimal=",", thousands="\u202f")  # a narrow no-break space
SWISS = NumberStyle(thousands="\u2019")


def plain_numbers(values: Array, digits: int) -> list[str]:
    """Numbers with so many digits after the point, without a negative zero."""
    return [f"{x:.{digits}f}" for x in (np.round(values, digits) + 0.0).tolist()]


def spell_dates(moments: Array, style: str) -> list[str]:
    """Moments (n,) of datetime64[s] in a style of `strftime`, or as EPOCH_SECONDS."""
    if style == EPOCH_SECONDS:
        return [str(second) for second in moments.astype(np.int64).tolist()]
    return [moment.strftime(style) for moment in moments.tolist()]


@dataclass(frozen=True)
class Gaps:
    """Missing cells: their share, and the markers that stand for them, drawn for each cell."""

    share: float = 0.0
    markers: tuple[str, ...] = ("",)


NONE_MISSING = Gaps()


@dataclass(frozen=True)
class Dialect:
    """How cells become the bytes of a file. The encoding `utf-16` is little-endian with a byte order mark, as Excel's."""

    separator: str = ","
    encoding: str = "utf-8"
    newline: str = "\n"
    quote_all: bool = False

    def write(self, rows: Iterable[Sequence[str]]) -> bytes:
        """The bytes of these rows of cells."""
        text = io.StringIO(newline="")
        quoting = csv.QUOTE_ALL if self.quote_all else csv.QUOTE_MINIMAL
        csv.writer(text, delimiter=self.separator, lineterminator=self.newline, quoting=quoting).writerows(rows)
        if self.encoding == "utf-16":
            return codecs.BOM_UTF16_LE + text.getvalue().encode("utf-16-le")
        return text.getvalue().encode(self.encoding)


COMMA = Dialect()


class Sheet:
    """A table in two forms: `raw` cells as exported, `clean` cells as cleaned by hand, both by column.

    Each method adds a column at the right. `gaps` says which of its cells are missing: raw ones are a marker, clean
    ones are empty.
    """

    def __init__(self, rng: Rng) -> None:
        self.rng = rng
        self.raw: dict[str, list[str]] = {}
        self.clean: dict[str, list[str]] = {}

    def add(self, name: str, raw: list[str], clean: list[str], gaps: Gaps = NONE_MISSING) -> None:
        """A column of these cells in its two forms."""
        holes = (self.rng.random(len(raw)) < gaps.share).tolist()
        markers = self.rng.choice(gaps.markers, len(raw)).tolist()
        self.raw[name] = [marker if hole else cell for cell, hole, marker in zip(raw, holes, markers, strict=True)]
        self.clean[name] = ["" if hole else cell for cell, hole in zip(clean, holes, strict=True)]

    def dropped(self, name: str, cells: list[str]) -> None:
        """A column that is cleaned away, such as an id."""
        self.raw[name] = cells

    def index(self, n: int) -> None:
        """The column without a name that pandas writes for its index."""
        self.dropped("", [str(k) for k in range(n)])

    def number(
        self,
        name: str,
        values: Array,
        digits: int,
        style: NumberStyle = PLAIN,
        gaps: Gaps = NONE_MISSING,
        *,
        below: float | None = None,
        above: float | None = None,
    ) -> None:
        """Numbers (n,). Those that are not above `below`, a detection limit, are spelled <5, and those that are not below
        `above` >5; cleaned, they are the limit."""
        low, high = (-np.inf if below is None else below), (np.inf if above is None else above)
        clean = plain_numbers(np.clip(values, low, high), digits)
        signs = np.where(values <= low, "<", np.where(values >= high, ">", "")).tolist()
        self.add(name, [sign + style(cell) for sign, cell in zip(signs, clean, strict=True)], clean, gaps)

    def date(self, name: str, moments: Array, style: str, gaps: Gaps = NONE_MISSING) -> None:
        """Moments (n,) of datetime64[s] in this style; cleaned, they are ISO dates, with a time if the style has one."""
        clean = ISO_TIME if style in (ISO_TIME, ISO_Z, EPOCH_SECONDS) else ISO_DATE
        self.add(name, spell_dates(moments, style), spell_dates(moments, clean), gaps)

    def clock(self, name: str, minutes: Array, gaps: Gaps = NONE_MISSING) -> None:
        """Times of day 23:05 from minutes (n,) since midnight; cleaned, they are these minutes."""
        plain = minutes.tolist()
        self.add(name, [f"{m // 60:02}:{m % 60:02}" for m in plain], [str(m) for m in plain], gaps)

    def boolean(self, name: str, values: Array, no: str, yes: str, gaps: Gaps = NONE_MISSING) -> None:
        """Truth values (n,), each spelled as one of the words of `no` or of `yes`; cleaned, they are the numbers 0 and 1."""
        words = (no.split(), yes.split())
        draws = self.rng.integers(0, 12, len(values)).tolist()
        raw = [words[x][draw % len(words[x])] for x, draw in zip(values.astype(int).tolist(), draws, strict=True)]
        self.add(name, raw, [str(int(x)) for x in values], gaps)

    def category(
        self, name: str, levels: Array, gaps: Gaps = NONE_MISSING, *, prefix: str = "", blanks: float = 0.0
    ) -> None:
        """Levels (n,) of text. `blanks` is the share of cells with stray blanks around them; `prefix` is put before codes
        of digits when they are cleaned, so that nothing reads them as numbers."""
        cells = levels.tolist()
        stray = (self.rng.random(len(cells)) < blanks).tolist()
        left = (self.rng.random(len(cells)) < 0.3).tolist()
        raw = [
            (f" {cell}" if at_left else f"{cell} ") if at_all else cell
            for cell, at_all, at_left in zip(cells, stray, left, strict=True)
        ]
        self.add(name, raw, [prefix + cell for cell in cells], gaps)

    def text(self, name: str, texts: list[str], gaps: Gaps = NONE_MISSING) -> None:
        """Free text, which cleaning leaves as it is."""
        self.add(name, texts, texts, gaps)

    def repeat_rows(self, count: int) -> None:
        """Write so many rows twice in succession, as a join that went wrong does."""
        n = len(next(iter(self.raw.values())))
        rows = np.sort(np.append(np.arange(n), self.rng.choice(n, count, replace=False))).tolist()
        for columns in (self.raw, self.clean):
            for name, cells in columns.items():
                columns[name] = [cells[row] for row in rows]

    def exported(self, dialect: Dialect = COMMA, footer: Sequence[str] = ()) -> bytes:
        """The file as exported, with the cells of a last line that is no row, if any."""
        rows = zip(*self.raw.values(), strict=True)
        return dialect.write([list(self.raw), *rows, *([footer] if footer else [])])

    def cleaned(self, target: str) -> bytes:
        """The file as cleaned by hand: plain CSV in UTF-8, without the rows that have no label."""
        at = list(self.clean).index(target)
        return COMMA.write([list(self.clean), *(row for row in zip(*self.clean.values(), strict=True) if row[at])])


def z(values: Array) -> Array:
    """Values or moments (n,), standardised."""
    numbers = values.astype(np.float64)
    return (numbers - numbers.mean()) / numbers.std()


@dataclass(frozen=True)
class Draws:
    """Random columns of n rows: each method draws one, (n,)."""

    rng: Rng
    n: int

    def normal(self, mean: float = 0, spread: float = 1) -> Array:
        """Normal numbers."""
        return self.rng.normal(mean, spread, self.n)

    def uniform(self, low: float, high: float) -> Array:
        """Numbers between these two."""
        return self.rng.uniform(low, high, self.n)

    def gamma(self, mean: float) -> Array:
        """Positive amounts, some of them a few times as large as the mean."""
        return self.rng.gamma(4, mean / 4, self.n)

    def whole(self, low: int, high: int) -> Array:
        """Whole numbers, low <= x < high."""
        return self.rng.integers(low, high, self.n)

    def counts(self, mean: float) -> Array:
        """Whole numbers of a Poisson distribution."""
        return self.rng.poisson(mean, self.n)

    def flags(self, share: float) -> Array:
        """Truth values, of which this share is true."""
        return self.rng.random(self.n) < share

    def pick(self, words: str) -> Array:
        """One of these words in each row."""
        return self.rng.choice(words.split(), self.n)

    def days(self, first: str, count: int) -> Array:
        """Days among so many from the first one, as datetime64[s]."""
        return np.datetime64(first, "s") + self.rng.integers(0, count, self.n) * np.timedelta64(86400, "s")

    def moments(self, first: str, count: int) -> Array:
        """Moments to the second in so many days from the first one, as datetime64[s]."""
        return np.datetime64(first, "s") + self.rng.integers(0, count * 86400, self.n) * np.timedelta64(1, "s")

    def texts(
        self, mood: Array, good: Sequence[str], bad: Sequence[str], others: Sequence[str], mark: str = ", "
    ) -> list[str]:
        """Texts of seven phrases, separated by this mark: good or bad ones by the mood (n,) of the row, and others."""
        shape = (self.n, 7)
        pleased = self.rng.logistic(size=shape) < 2 * mood[:, None]
        judged = np.where(pleased, self.rng.choice(good, shape), self.rng.choice(bad, shape))
        drawn = np.where(self.rng.random(shape) < 0.4, self.rng.choice(others, shape), judged)
        return [mark.join(row) for row in drawn.tolist()]

    def customer_numbers(self) -> list[str]:
        """Different numbers of seven digits."""
        return [str(1_000_000 + k) for k in self.rng.choice(9_000_000, self.n, replace=False).tolist()]

    def uuids(self) -> list[str]:
        """Random UUIDs."""
        return [str(uuid.UUID(bytes=self.rng.bytes(16), version=4)) for _ in range(self.n)]

    def emails(self) -> list[str]:
        """Different e-mail addresses."""
        names = self.pick("anna ben chloe deniz emma farid greta hugo ines jonas").tolist()
        return [f"{name}{k}@example.com" for name, k in zip(names, self.rng.permutation(self.n).tolist(), strict=True)]

    def addresses(self) -> list[str]:
        """Different IP addresses."""
        codes = self.rng.choice(2**24, self.n, replace=False).tolist()
        return [f"10.{k >> 16}.{k >> 8 & 255}.{k & 255}" for k in codes]

    def effect(self, levels: Array) -> Array:
        """An effect of each level of a category on the score, standardised: evenly spread, in a random order."""
        _, codes = np.unique(levels, return_inverse=True)
        return z(self.rng.permutation(codes.max() + 1)[codes])

    def labels(self, score: Array, words: str, first: float | None = None) -> Array:
        """One of these words, by the height of the score (n,) plus logistic noise. `first` is the share of the first of two
        words; without it the words are equally frequent."""
        classes = np.array(words.split())
        noisy = STRENGTH * (len(classes) - 1) * z(score) + self.rng.logistic(size=self.n)
        shares = [k / len(classes) for k in range(1, len(classes))] if first is None else [first]
        return classes[np.searchsorted(np.quantile(noisy, shares), noisy)]
