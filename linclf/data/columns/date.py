"""Columns of dates: as numbers, the days since 1970."""

import math
import re
from datetime import UTC, datetime, timedelta

from linclf.data.columns.number import NumberColumn
from linclf.data.columns.training_column import TrainingColumn

_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_date(text: str) -> float:
    """Days since 1970 of a date, or of a date and time, in ISO 8601, else NaN; without a time zone it is UTC."""
    if not _DATE.fullmatch(text):
        return math.nan
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return math.nan
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) / timedelta(days=1)


class DateColumn(NumberColumn):
    """A column of dates, or of dates and times."""

    kind = "date"
    option = None
    read_as_text = True
    reports_unparsed = False
    parse = staticmethod(parse_date)

    @classmethod
    def recognises(cls, column: TrainingColumn) -> bool:
        """Whether the cells are dates."""
        return column.is_text and cls.mostly_parsed(column)

    def summary(self) -> str:
        """The number of missing cells, and the unit."""
        return ", ".join(filter(None, [super().summary(), "days since 1970"]))

    @property
    def is_identity(self) -> bool:
        """False: the table has text."""
        return False

    def spell(self, number: float) -> str:
        """The date, with its time to the second if it is not midnight."""
        try:
            moment = (_EPOCH + timedelta(seconds=round(number * 86400))).replace(tzinfo=None)
        except (OverflowError, ValueError):
            return super().spell(number)
        return moment.isoformat(" ").removesuffix(" 00:00:00")
