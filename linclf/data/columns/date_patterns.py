"""Formats of `strptime` that a text may be a date in."""

import re
from collections.abc import Iterator

_DATE_TIME = re.compile(
    r"(?P<date>.+?)(?:(?P<between>T|, | |:)(?P<clock>\d{1,2}:\d\d(?::\d\d(?:\.\d{1,6})?)?(?: ?[AaPp][Mm])?)"
    r"(?P<zone> ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?)?"
)
_CLOCK = re.compile(r"\d{1,2}:\d\d(?P<seconds>:\d\d(?P<fraction>\.\d{1,6})?)?(?P<half> ?[AaPp][Mm])?")
_WEEKDAY = re.compile(r"(?P<name>[A-Za-z]{3,9})(?P<comma>,?) (?=.*\d)")
_MONTH_NAME = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAY_NAME = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
# A date, and its formats; \1 and so on are the marks between its parts, {month} is %b or %B.
_DATES = [
    (re.compile(p), formats)
    for p, formats in (
        (r"\d{4}([-/. ])\d{1,2}\1\d{1,2}", ["%Y{1}%m{1}%d"]),
        (r"\d{1,2}([-/. ])\d{1,2}\1\d{4}", ["%d{1}%m{1}%Y", "%m{1}%d{1}%Y"]),
        (r"\d{1,2}([-/])\d{1,2}\1\d\d|\d\d(\.)\d\d\.\d\d", ["%d{1}%m{1}%y", "%m{1}%d{1}%y", "%y{1}%m{1}%d"]),
        (r"(19|20|21)\d{6}", ["%Y%m%d"]),
        (r"\d{1,2}(\. |[- /.])(?P<month>[A-Za-z]{3,9})\.?([- /.])\d{4}", ["%d{1}{month}{3}%Y"]),
        (r"\d{1,2}([- /])(?P<month>[A-Za-z]{3})([- /])\d\d", ["%d{1}{month}{3}%y"]),
        (r"(?P<month>[A-Za-z]{3,9}) \d{1,2}(,?) \d{4}", ["{month} %d{2} %Y"]),
        (r"(?P<month>[A-Za-z]{3})([- ])(3[2-9]|[4-9]\d)", ["{month}{2}%y"]),
        (r"\d{4}([-/.])\d{1,2}", ["%Y{1}%m"]),
        (r"\d{1,2}([-/])\d{4}", ["%m{1}%Y"]),
        (r"(?P<month>[A-Za-z]{3,9})([- ])\d{4}", ["{month}{2}%Y"]),
    )
]


def written_formats(text: str) -> Iterator[str]:
    """The formats that a date, a time of day, or both may be written in."""
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        yield _clock_format(clock)
        return
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        return
    rest = ""
    if found["clock"]:
        zone = found["zone"]
        inner = _CLOCK.fullmatch(found["clock"])
        named = zone if zone and zone.strip() in ("UTC", "GMT") else None
        written = named or (f"{' ' * zone.startswith(' ')}%z" if zone else "")
        rest = found["between"] + (_clock_format(inner) if inner else "") + written
    yield from (f"{form}{rest}" for form in _date_formats(found["date"]))


def _clock_format(found: re.Match[str]) -> str:
    half, seconds = found["half"], (":%S" if found["seconds"] else "") + (".%f" if found["fraction"] else "")
    return ("%I" if half else "%H") + ":%M" + seconds + ((" %p" if half.startswith(" ") else "%p") if half else "")


def _date_formats(text: str) -> Iterator[str]:
    """The formats that a date without a time may be written in."""
    start, weekday = "", _WEEKDAY.match(text)
    if weekday is not None and weekday["name"][:3].casefold() in _WEEKDAY_NAME:
        start = ("%a" if len(weekday["name"]) == 3 else "%A") + weekday["comma"] + " "
        text = text[weekday.end() :]
    for pattern, formats in _DATES:
        found = pattern.fullmatch(text)
        if found is None:
            continue
        named = found.groupdict().get("month")
        if named is not None and named[:3].casefold() not in _MONTH_NAME:
            continue
        month = "" if named is None else "%b" if len(named) == 3 else "%B"
        parts = {str(i): part for i, part in enumerate(found.groups(""), 1)}
        mark = parts.get("1") or parts.get("2", "")
        for form in formats:
            filled = form.replace("{1}", mark).replace("{month}", month)
            for number, part in parts.items():
                filled = filled.replace(f"{{{number}}}", part)
            yield start + filled
