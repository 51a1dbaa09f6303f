"""How the numbers of a column are written: decimal and thousands marks, units, bounds, accounting negatives, truth values.

A format is chosen for a whole column, from its training rows, and kept in the model: a cell is never read in two ways.
"""

import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from linclf.data.table import parse_number
from linclf.losses import Array

FEWEST_MARKED, FEWEST_WHOLE = 10, 3  # cells with and without a mark, likewise
WHOLE = 0.02  # share of the cells without a mark, from which on a mark before three digits is one of thousands
SAMPLE = 2000  # levels that are looked at to choose a format
LONGEST = 40  # characters of a cell that may be a number
STYLES = (  # of truth values, each with its words for true and for false
    ({"yes", "y"}, {"no", "n"}),
    ({"true", "t"}, {"false", "f"}),
    ({"1"}, {"0"}),
    ({"on"}, {"off"}),
    ({"ja", "j", "wahr"}, {"nein", "n", "falsch"}),
    ({"oui", "o", "vrai"}, {"non", "n", "faux"}),
    ({"si", "sí", "s", "verdadero"}, {"no", "n", "falso"}),
    ({"да"}, {"нет"}),
    ({"是"}, {"否"}),
)
TRUE = {word for true, _ in STYLES for word in true}
FALSE = {word for _, false in STYLES for word in false}
MAGNITUDES = {"k": 1e3, "K": 1e3, "Tsd": 1e3, "thousand": 1e3, "M": 1e6, "Mio": 1e6, "mn": 1e6}
MAGNITUDES |= {"million": 1e6, "B": 1e9, "bn": 1e9, "Mrd": 1e9, "billion": 1e9}
SMALLER = 20  # so many times smaller are the numbers before k or M than the plain ones: 1.2k, 950; in house numbers, B is no billion
SHARED_PREFIX = 0.9  # share of the cells with a word before the number, for it to be a unit: AED 1,234.50
CURRENCY_CODES = {
    *("aud", "brl", "cad", "chf", "cny", "czk", "dkk", "eur", "gbp", "hkd", "huf", "inr", "jpy", "krw", "mxn", "nok"),
    *("nzd", "pln", "rub", "sek", "sgd", "try", "usd", "zar", "rs", "fr", "sfr", "kr", "zł", "kč", "円", "元"),
}

# Typographic variants of a minus, an apostrophe and a blank.
_PLAIN = str.maketrans(
    {**dict.fromkeys("−–—‒﹣－", "-"), **dict.fromkeys("’‘ʼ′´`", "'"), **dict.fromkeys("\u00a0\u202f\u2009\u2007\u2002\u2003\u3000\t", " ")}
    | {"٫": ".", "٬": ",", "，": ",", "．": ".", **dict.fromkeys("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff")}
)  # fmt: skip
_UNIT = r"[^\d\s.,'()+\-<>=:;][^\d\s()+\-<>=:;,]{0,11}(?:(?<=[a-z])\^?[23])?(?: [^\d\s()+\-<>=:;,]{1,9})?"
_CELL = re.compile(
    r"(?P<bound>[<>≤≥~≈]=?|=[<>])? ?(?P<sign>[-+])? ?(?P<open>\()? ?(?P<before>[^\d\s.,'()+\-<>=%:/]{1,9}\.?)? ?"
    r"(?P<second>[-+])? ?(?P<inner>\()? ?(?P<number>\d[\d.,' ]*|[.,]\d+)(?P<exponent>[eE][-+]?\d+)?(?P<trailing>-)?(?P<more>\+)?"
    rf"(?P<middle>\))? ?(?P<after>{_UNIT})? ?(?P<close>\))?"
)
_NO_CENTS = re.compile(r"(?<=\d)(?:[.,]--?|/-)$")  # 50.- in Switzerland, 500/- in India
_RANGE = re.compile(r"(?P<low>\D{0,9}\d[\d.,' ]*\D{0,9}?) ?(?:-|to|bis|à|\.\.\.?) ?(?P<high>\D{0,4}\d.{0,20})")
_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3})+")
_SEPARATORS = {"": "", ",": ",", ".": r"\.", "'": "'", " ": " "}


class _Spelled(NamedTuple):
    """A cell taken apart: its sign, digits with their marks, exponent, the word before them and the one behind."""

    sign: float
    number: str
    exponent: str
    before: str
    behind: str
    is_bound: bool

    def unit(self, magnitudes: bool) -> tuple[str | None, float]:
        """The unit, None for two of them, and the factor of a magnitude such as k. A word before the number that is no currency
        ends with a blank."""
        before, behind, factor = self.before, self.behind, 1.0
        first, _, rest = behind.partition(" ")
        word = first.rstrip(".")
        if magnitudes and (word in MAGNITUDES or (word == "m" and before)):  # 3 m are metres, $3m are millions
            factor, behind = MAGNITUDES.get(word, 1e6), rest
        unit = _normalized_unit(behind)
        if not before:
            return unit, factor
        if unit.startswith("/"):  # $12/month
            before, unit = before + unit, ""
        if unit and not _is_currency(unit):
            return None, factor
        return before if _is_currency(self.before) else f"{before} ", factor


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of a column are written.

    decimal    the decimal mark, `.` or `,`
    thousands  the mark between groups of three digits: `,`, `.`, `'`, a blank of any kind, or empty for none
    unit       the unit or currency of all cells, in lower case; empty for none
    magnitudes whether k, M and the like behind a number multiply it
    ranges     whether 18-25 is a number, the middle
    truth      whether the cells are truth values in several spellings, 1 for yes and 0 for no
    example    a cell that is written in this way and could be read in another
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    magnitudes: bool = False
    ranges: bool = False
    truth: bool = False
    example: str = field(default="", compare=False)

    def __call__(self, text: str) -> float:
        """The number that a cell spells, NaN if it is none in this format."""
        if self.truth:
            word = text.strip().casefold()
            return 1.0 if word in TRUE else 0.0 if word in FALSE else math.nan
        if self.decimal == ".":
            plain = parse_number(text)
            if not math.isnan(plain):
                return math.nan if self.wants_unit else plain
        spelled = _spelled(text)
        if spelled is None:
            return self._middle(text) if self.ranges else math.nan
        unit, factor = spelled.unit(self.magnitudes)
        if unit is None or (unit != self.unit and (unit or not _is_currency(self.unit))):
            return math.nan
        digits = _digits(spelled.number, self.decimal, self.thousands)
        value = math.nan if digits is None else math.copysign(float(digits + spelled.exponent), spelled.sign)
        if factor != 1:
            value *= factor
        return value if math.isfinite(value) else math.nan

    def numbers(self, levels: Array) -> Array:
        """The numbers that levels (L,) of text spell, NaN for others."""
        return np.array([self(level) for level in levels], np.float64)

    def _middle(self, text: str) -> float:
        """The middle of a range, NaN if the cell is none."""
        found = _range(text)
        if found is None:
            return math.nan
        low, high = found["low"], found["high"]
        if self.unit and not _is_currency(self.unit) and not re.search(r"[^\W\d_]|%", low):
            low = f"{low} {self.unit}"  # 18-25 kg
        return (self(low) + self(high)) / 2

    def swapped(self) -> "NumberFormat":
        """The format with point and comma in each other's place."""
        marks = {".": ",", ",": "."}
        return replace(self, decimal=marks[self.decimal], thousands=marks.get(self.thousands, self.thousands))

    @property
    def wants_unit(self) -> bool:
        """Whether a number without the unit is none. Currencies are left out where they are clear; kg and % may be another unit."""
        return bool(self.unit) and not _is_currency(self.unit)

    def is_plain(self) -> bool:
        """Whether numbers are written as Python writes them."""
        return self == PLAIN


PLAIN = NumberFormat()
TRUTH_VALUES = NumberFormat(truth=True)


def _plain(text: str) -> str | None:
    """A cell with the marks of ASCII and single blanks, None if it is too long to be a number."""
    return " ".join(text.translate(_PLAIN).split()) if len(text) <= LONGEST else None


def _range(text: str) -> re.Match[str] | None:
    plain = _plain(text)
    return None if plain is None else _RANGE.fullmatch(plain)


@lru_cache(2 * SAMPLE)
def _spelled(text: str) -> _Spelled | None:
    """A cell taken apart, None if it does not look like a number."""
    plain = _plain(text)
    found = None if plain is None else _CELL.fullmatch(_NO_CENTS.sub("", plain))
    if found is None:
        return None
    signs = [found[name] for name in ("sign", "second", "trailing") if found[name]]
    brackets = [bool(found["open"]) + bool(found["inner"]), bool(found["middle"]) + bool(found["close"])]
    if len(signs) > 1 or (signs and brackets[0]) or brackets not in ([0, 0], [1, 1]):
        return None
    negative, is_bound = bool(brackets[0]) or "-" in signs, bool(found["bound"] or found["more"])
    before, after = (found["before"] or "").strip(), (found["after"] or "").strip()
    return _Spelled(
        -1.0 if negative else 1.0,
        found["number"].strip(),
        found["exponent"] or "",
        _normalized_unit(before),
        after,
        is_bound,
    )


def _normalized_unit(unit: str) -> str:
    """A unit without differences that do not matter: case, a final point, the plural."""
    unit = unicodedata.normalize("NFKC", unit).replace(".", "").strip().casefold()
    return unit[:-1] if len(unit) > 3 and unit.endswith("s") else unit


@lru_cache(1000)
def _is_currency(unit: str) -> bool:
    """Whether a unit is a currency: a code, or a sign, perhaps with up to two letters, as in US$."""
    letters = "".join(c for c in unit if unicodedata.category(c) != "Sc")
    return letters in CURRENCY_CODES or len(letters) < len(unit) <= 3


@lru_cache(100)
def _number_pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    mark, groups = _SEPARATORS[decimal], ""
    if thousands:
        between = _SEPARATORS[thousands]
        groups = rf"|[1-9]\d{{0,2}}(?:{between}\d{{3}})+"
        groups += r"|[1-9]\d?(?:,\d\d)*,\d{3}" if thousands == "," else ""  # 12,34,567 in India
    return re.compile(rf"(\d+{groups})?(?:{mark}(\d*))?")


def _digits(number: str, decimal: str, thousands: str) -> str | None:
    """Digits with marks as Python writes a number, None if they do not fit these marks."""
    found = _number_pattern(decimal, thousands).fullmatch(number)
    if found is None or not (found[1] or found[2]):
        return None
    whole = (found[1] or "0").replace(thousands, "") if thousands else found[1] or "0"
    return f"{whole}.{found[2]}" if found[2] else whole


def frequent_units(levels: Array, counts: Array) -> dict[str, int]:
    """The units that at least a tenth of the cells have, and in how many rows each; `counts` (L,) are the rows of levels (L,)."""
    step = len(levels) // SAMPLE + 1
    units = Counter[str]()
    for text, count in sorted(zip(levels.tolist(), counts.tolist(), strict=True))[::step]:
        spelled = _spelled(text)
        if spelled is not None:
            unit = spelled.unit(magnitudes=False)[0] or ""
            units[unit] += count * (not unit.endswith(" "))  # C85 is no number
    return {unit: count for unit, count in units.most_common() if count >= 0.1 * counts[::step].sum()}


def is_bound(text: str) -> bool:
    """Whether a cell is a bound, such as <5 or 10+."""
    spelled = _spelled(text)
    return spelled is not None and spelled.is_bound


def candidates(decimal: str | None, thousands: str | None, likely: str) -> list[tuple[str, str]]:
    """The pairs of decimal and thousands marks that a column may be written with, the likelier first.

    decimal, thousands  the marks that the user gave, None for none: pairs with them come first
    likely   the decimal mark of the file
    """
    other = "," if likely == "." else "."
    pairs = [(likely, "")]
    pairs += [(mark, between) for mark in (likely, other) for between in (".,".replace(mark, ""), " ", "'", "")]
    pairs = list(dict.fromkeys(pairs))
    return sorted(pairs, key=lambda pair: (decimal not in (None, pair[0])) + (thousands not in (None, pair[1])))


def choose_format(
    levels: Array, counts: Array, marks: list[tuple[str, str]], *, ranges: bool = False, by_evidence: bool = True
) -> NumberFormat:
    """The format in which most of the cells with these levels (L,) are numbers; `counts` (L,) are their rows.

    marks  the pairs of decimal and thousands marks, the likelier first: they decide where a column fits several
    by_evidence  whether decimal marks that are rather marks of thousands are read as such
    """
    step = len(levels) // SAMPLE + 1
    sample = sorted(zip(levels.tolist(), counts.tolist(), strict=True))[::step]
    if _are_truth_values([level for level, _ in sample]):
        return TRUTH_VALUES
    unit, magnitudes = _choose_unit(sample, ranges)
    forms = [NumberFormat(mark, between, unit, magnitudes, ranges) for mark, between in marks]
    fit = [sum(count for text, count in sample if not math.isnan(form(text))) for form in forms]
    best = forms[fit.index(max(fit))]
    if by_evidence and not best.thousands and _always_three(sample, best):
        grouped = replace(best, decimal=other_mark(best.decimal), thousands=best.decimal)
        best = grouped if grouped in forms and fit[forms.index(grouped)] == max(fit) else best
    return replace(best, example=_example([text for text, _ in sample], best))


def _always_three(sample: list[tuple[str, int]], form: NumberFormat) -> bool:
    """Whether the decimal mark is rather one of thousands: exactly three digits follow it wherever it occurs, and numbers without it
    are not rare, and below 1000. One in a thousand decimal fractions is a whole number."""
    spelled = [(found.number, count) for text, count in sample if (found := _spelled(text)) is not None]
    marked = sum(count for number, count in spelled if form.decimal in number)
    groups = all(
        re.fullmatch(rf"[1-9]\d{{0,2}}(?:{_SEPARATORS[form.decimal]}\d{{3}})+", number)
        for number, _ in spelled
        if form.decimal in number
    )
    whole = [(number, count) for number, count in spelled if number.isdigit() and number.strip("0")]
    small = all(len(number) <= 3 for number, _ in whole)
    plain = sum(count for _, count in whole)
    enough = marked >= FEWEST_MARKED and plain >= max(FEWEST_WHOLE, WHOLE * (marked + plain))
    return enough and groups and small


def are_thousands(texts: list[str]) -> bool:
    """Whether the points in these plain numbers are rather marks of thousands."""
    pointed = [text for text in texts if "." in text]
    if not pointed or any(len(text.rpartition(".")[2]) != 3 for text in pointed):
        return False
    return all(_GROUPED.fullmatch(text) or text.lstrip("+-").isdigit() for text in texts if text) and _always_three(
        [(text, 1) for text in texts], PLAIN
    )


def other_mark(mark: str) -> str:
    """A comma for a point, and a point for a comma; another mark as it is."""
    return {".": ",", ",": "."}.get(mark, mark)


def _choose_unit(sample: list[tuple[str, int]], ranges: bool) -> tuple[str, bool]:
    """The most frequent unit of these cells and their rows, empty for none; and whether k, M and the like multiply."""
    ends = [((_range(text) or {"high": text})["high"] if ranges else text, count) for text, count in sample]
    spelled = [(found, count) for text, count in ends if (found := _spelled(text)) is not None]
    magnitudes = _have_magnitudes([found for found, _ in spelled])
    units = Counter[str]()
    for found, count in spelled:
        units[found.unit(magnitudes)[0] or ""] += count
    unit = max(units, key=lambda name: units[name] * bool(name), default="")
    if unit.endswith(" ") and not _is_shared(unit, spelled):
        unit = ""
    return (unit if units[unit] >= units[""] or _is_currency(unit) else ""), magnitudes


def _have_magnitudes(spelled: list[_Spelled]) -> bool:
    """Whether k, M and the like multiply: all cells have one, of several kinds or with a currency, or the numbers before them are
    much smaller than the others."""
    scaled = [found for found in spelled if found.unit(magnitudes=True)[1] != 1]
    others = [found for found in spelled if found.unit(magnitudes=True)[1] == 1]
    if not scaled or any(
        _normalized_unit(found.behind) and not _is_currency(_normalized_unit(found.behind)) for found in others
    ):
        return False
    if not others:
        return len({found.behind for found in scaled}) > 1 or bool(scaled[0].before)
    sizes = [float(np.median([_size(found.number) for found in part])) for part in (scaled, others)]
    return sizes[0] * SMALLER < sizes[1]


def _size(number: str) -> float:
    """A number of unknown marks, approximately."""
    return float(re.split(r"[.,](?=\d{1,2}$)", number)[0].translate(str.maketrans("", "", "., '")) or 0)


def _is_shared(unit: str, spelled: list[tuple[_Spelled, int]]) -> bool:
    """Whether a word before the number is a unit: nearly all cells have it, and some number has a mark. Without one, as in room 12,
    it is rather a name."""
    having = [(found, count) for found, count in spelled if found.unit(magnitudes=False)[0] == unit]
    most = sum(count for _, count in having) >= SHARED_PREFIX * sum(count for _, count in spelled)
    return most and any(c in found.number for found, _ in having for c in ".,")


def _are_truth_values(levels: list[str]) -> bool:
    """Whether truth values are written in more than two ways. Written in two, they are two levels like any others."""
    words = {level.strip().casefold() for level in levels}
    used = [(true & words, false & words) for true, false in STYLES if words & (true | false)]
    both = [true | false for true, false in used if true and false]
    return words == set().union(*both) and len(set(levels)) > 2


def _example(texts: list[str], form: NumberFormat) -> str:
    """The cell that shows best how numbers are written, empty if all are plain."""
    shown = [text for text in texts if math.isnan(parse_number(text)) and not math.isnan(form(text))]
    if form.decimal == ",":
        shown = shown or [text for text in texts if not math.isnan(form(text))]
    return max(shown, key=lambda text: (len({c for c in text if not c.isdigit()}), len(text), text), default="")
