"""Dates in many spellings as text in one spelling, to be parsed afterwards: `normalised`."""

import re
import unicodedata
from typing import NamedTuple

LONGEST = 80  # characters; longer text is no date
FARTHEST = 14  # hours from UTC of a time zone
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# English, German, French, Spanish, Italian, Portuguese, Dutch and Russian
_MONTH_NAMES = (
    "january jan januar janner janvier janv enero ene gennaio gen janeiro januari январь января янв",
    "february feb februar fevrier fevr fev febrero febbraio fevereiro februari февраль февраля фев февр",
    "march mar marz mrz mars marzo marco maart mrt март марта мар",
    "april apr avril avr abril abr aprile апрель апреля апр",
    "may mai mayo maggio mag maio mei май мая",
    "june jun juni juin junio giugno giu junho июнь июня июн",
    "july jul juli juillet juil julio luglio lug julho июль июля июл",
    "august aug aout agosto ago augustus август августа авг",
    "september sep sept septembre septiembre setiembre set settembre sett setembro сентябрь сентября сен сент",
    "october oct oktober okt octobre octubre ottobre ott outubro out октябрь октября окт",
    "november nov novembre noviembre novembro ноябрь ноября ноя нояб",
    "december dec dezember dez decembre diciembre dic dicembre dezembro декабрь декабря дек",
)
_WEEKDAYS = (
    "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun "
    "montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag mo di mi do fr sa so "
    "lundi mardi mercredi jeudi vendredi samedi dimanche lun mer jeu ven sam dim "
    "lunes martes miercoles jueves viernes sabado domingo mie jue vie sab dom "
    "lunedi martedi mercoledi giovedi venerdi sabato domenica gio "
    "segunda terca quarta quinta sexta feira seg ter qua qui sex "
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag ma wo vr za zo "
    "понедельник вторник среда четверг пятница суббота воскресенье пн вт ср чт пт сб вс"
)
_FILLERS = "of the at on de del den der le el um kl a em г года st nd rd th er o"
_HOURS_OF_ZONES = {
    **{"Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2},
    **{"EEST": 3, "MSK": 3, "IST": 5.5, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13},
    **{"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7},
    **{"AKST": -9, "AKDT": -8, "HST": -10, "BRT": -3},
}
_CLOCK = re.compile(
    r"(?:(?<=\d)[T:_])?(?<!\d)(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d(?:[.,]\d{1,9})?))?(?![\d:])"
    r"(?: ?(?:(?P<half>[AaPp])\.? ?[Mm]\b\.?|(?:Uhr|h|hrs)\b))?"
    r"(?P<zone> ?(?:(?:UTC|GMT)? ?(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?(?!\d)|(?P<name>[A-Z]{1,4})\b))?"
    r"(?: ?\([^()]*\))?"
)
_COMPACT = re.compile(r"(\d{8})[T_ -](\d\d)(\d\d)(\d\d)(?=$|Z| ?[+-]\d\d)")
_WORD = re.compile(r"[^\W\d_]+")
_MONTH = re.compile("|".join(MONTHS))
_NUMERIC = re.compile(r"\d{1,4}([-/. ])\d{1,2}\1\d{1,4}|\d{8}|\d{4}[-/.]\d{1,2}|\d{1,2}[-/]\d{4}")
_EAST_ASIAN = re.compile(r"(\d{4}) ?[年년] ?(\d{1,2}) ?[月월](?: ?(\d{1,2}) ?[日일])?")


class DateText(NamedTuple):
    """A cell in one spelling.

    date       the date, its month by number as in the cell or as in `10 Jan 2019` or `Jan 2019`; "" for a time of day
    part       the time of day in UTC as a part of a day
    has_clock  whether there is a time of day
    """

    date: str
    part: float
    has_clock: bool


def _folded(word: str) -> str:
    """A word without accents, in lower case."""
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


_MEANING = {_folded(word): "" for word in f"{_WEEKDAYS} {_FILLERS}".split()}
# `mar`, a Tuesday in Spanish, French and Italian, is a month
_MEANING |= {_folded(word): f" {MONTHS[i]} " for i, words in enumerate(_MONTH_NAMES) for word in words.split()}


def normalised(text: str) -> DateText | None:
    """A cell in one spelling, None if it has no date and no time of day."""
    if len(text) > LONGEST or not any(c.isdigit() for c in text):
        return None
    text = _COMPACT.sub(r"\1 \2:\3:\4", " ".join(unicodedata.normalize("NFKC", text).split()), count=1)
    text = _EAST_ASIAN.sub(lambda found: "-".join(filter(None, found.groups())), text, count=1)
    found, part = _CLOCK.search(text), 0.0
    if found is not None:
        clock = _part_of_day(found)
        if clock is None:
            return None
        part, end = clock
        text = f"{text[: found.start()]} {text[end:]}"
    date = _date(text)
    if found is not None and found["sign"] and (not date or int(found["hours"]) > FARTHEST):
        return None  # 12:30-13:30 is from one time to another
    return None if date is None or not (date or found) else DateText(date, part, found is not None)


def _part_of_day(found: re.Match[str]) -> tuple[float, int] | None:
    """A time of day in UTC as a part of a day, and where it ends in the text; None if it is none."""
    hour, minute, second = int(found["hour"]), int(found["minute"]), float((found["second"] or "0").replace(",", "."))
    if found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (found["half"] in "Pp")
    if hour > 23 or minute > 59 or second >= 61:
        return None
    end, offset = found.end(), 0.0
    if found["sign"]:
        offset = (int(found["hours"]) + int(found["minutes"] or 0) / 60) * (-1 if found["sign"] == "-" else 1)
    elif found["name"] in _HOURS_OF_ZONES:
        offset = _HOURS_OF_ZONES[found["name"]]
    elif found["name"]:
        end = found.start("zone")
    return (hour * 3600 + minute * 60 + second - offset * 3600) / 86400, end


def _date(text: str) -> str | None:
    """The text of a date without a time in one spelling, "" for none, None if it is something else."""
    text = _WORD.sub(lambda word: _MEANING.get(_folded(word[0]), "?"), text)
    if "?" in text:
        return None
    months = _MONTH.findall(text)
    if not months:
        plain = re.sub(r"\. ", ".", text.strip(" ,.-"))
        return plain if not plain or _NUMERIC.fullmatch(plain) else None
    numbers = re.findall(r"\d+", text)
    if len(months) > 1 or not re.fullmatch(r"[\w ./,'-]*", text):
        return None
    if len(numbers) == 2 and len(numbers[0]) == 4:
        numbers.reverse()
    lengths = [len(number) for number in numbers]
    if lengths in ([4], [2]) and text.index(months[0]) < text.index(numbers[0]):
        return f"{months[0]} {numbers[0]}"
    if lengths in ([1, 4], [2, 4], [1, 2], [2, 2]):
        return f"{numbers[0]} {months[0]} {numbers[1]}"
    return None
