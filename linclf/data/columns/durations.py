"""Durations: as a clock shows them, as pandas writes them, in units, and in ISO 8601."""

import re
from collections.abc import Iterable

import numpy as np

CLOCK = "hours:minutes:seconds"
SHORT_CLOCK = "minutes:seconds or hours:minutes:seconds"
UNITS = "days, hours, minutes and seconds"
DURATIONS = (CLOCK, SHORT_CLOCK, UNITS)
_CLOCK = re.compile(r"(-?)(\d{1,4}):(\d\d)(?::(\d\d(?:\.\d{1,9})?))?")
_DAYS = re.compile(r"(-?\d{1,7}) days?(?:,? ([+-]?)(\d{1,2}):(\d\d):(\d\d(?:\.\d{1,9})?))?")  # of pandas and of Python
_ISO = re.compile(
    r"(?P<sign>-?)P(?:(?P<w>N)W)?(?:(?P<d>N)D)?(?:T(?:(?P<h>N)H)?(?:(?P<m>N)M)?(?:(?P<s>N)S)?)?".replace(
        "N", r"\d{1,9}(?:[.,]\d{1,9})?"
    )
)
_WORDS = re.compile(
    r"(?P<sign>-?)(?:(?P<w>\d{1,6}) ?w(?:eeks?)?,? ?)?(?:(?P<d>\d{1,7}) ?d(?:ays?)?,? ?)?"
    r"(?:(?P<h>\d{1,7}) ?h(?:rs?|ours?)?,? ?)?"
    r"(?:(?P<m>\d{1,7}) ?m(?:ins?|inutes?)?,? ?)?(?:(?P<s>\d{1,9}(?:[.,]\d{1,9})?) ?s(?:ecs?|econds?)?)?",
    re.IGNORECASE,
)
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}


def duration_formats(texts: Iterable[str]) -> list[str]:
    """The formats of durations that cells may be written in. With one unit alone, such as 5 m, they are numbers."""
    clocks, in_units = [], False
    for text in texts:
        found = _CLOCK.fullmatch(text)
        if found is not None:
            clocks.append(found)
        elif not in_units:
            in_units = _has_units(text)
    formats = [UNITS] if in_units else []
    if clocks:
        formats.append(SHORT_CLOCK if _are_short(clocks) else CLOCK)
    return formats


def _are_short(clocks: list[re.Match[str]]) -> bool:
    """Whether two parts are minutes and seconds: some cells have three parts, and they are no times of day, as on a clock with
    24 hours and two digits for each part."""
    short = [found for found in clocks if found[4] is None]
    if not short or len(short) == len(clocks):
        return False
    return any(len(found[2]) != 2 for found in clocks) or any(int(found[2]) > 23 for found in short)


def _has_units(text: str) -> bool:
    """Whether a cell has days and a clock, two units, or is in ISO 8601."""
    if _DAYS.fullmatch(text):
        return ":" in text
    if text.lstrip("-").startswith("P"):
        return not np.isnan(_units_days(text))
    found = _WORDS.fullmatch(text)
    return found is not None and sum(found[unit] is not None for unit in _SECONDS) > 1


def duration_days(text: str, form: str) -> float:
    """Days of a duration in one of DURATIONS, else NaN."""
    if form == UNITS:
        return _units_days(text)
    found = _CLOCK.fullmatch(text)
    if found is None:
        return np.nan
    seconds = int(found[2]) * 3600 + int(found[3]) * 60 + float(found[4] or 0)
    if form == SHORT_CLOCK and found[4] is None:
        seconds /= 60
    return (-seconds if found[1] else seconds) / 86400


def _units_days(text: str) -> float:
    found = _DAYS.fullmatch(text)
    if found is not None:
        part = int(found[3] or 0) * 3600 + int(found[4] or 0) * 60 + float(found[5] or 0)
        return int(found[1]) + (-part if found[2] == "-" else part) / 86400
    found = _ISO.fullmatch(text) or _WORDS.fullmatch(text)
    if found is None or all(found[unit] is None for unit in _SECONDS):
        return np.nan
    seconds = sum(float((found[unit] or "0").replace(",", ".")) * size for unit, size in _SECONDS.items())
    return (-seconds if found["sign"] else seconds) / 86400


def spell_duration(days: float) -> str:
    """A duration as hours, minutes and seconds."""
    hours, seconds = divmod(round(abs(days) * 86400), 3600)
    return f"{'-' if days < 0 else ''}{hours}:{seconds // 60:02}:{seconds % 60:02}"
