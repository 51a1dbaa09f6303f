"""Codes that look like numbers: ZIP codes, phone numbers, account numbers. Their size means nothing, so they are categories."""

import re

import numpy as np

from linclf.data.columns.number_format import LONGEST
from linclf.data.columns.training_column import TrainingColumn

# digits with a decimal mark, a blank or another mark of numbers and dates between them and what is beside them, not within a word
_NUMBER_LIKE = re.compile(
    r"(?<![\w-])\d+[.,:/]\d+(?![\w-]*[A-Za-z-]\d)|(?<![\w.-])\d+ ?[^\W\d_]{1,9}\.?$|^[^\W\d_]{1,9}\.? ?\d+[.,]\d+$"
)
FEWEST_LEVELS, MANY, MOST = 20, 0.2, 0.9  # levels, share of the rows, and of the cells that look like that
PADDED = 0.01  # share of the cells that must begin with a 0; a single 007 is a typo
FEWEST_DIGITS = 3  # of a code that its name alone tells from a number
_CODE_NAME = re.compile(
    r"(.*[\W_])?(zip ?\d?|zip ?code|zip ?cd|pin ?code|post ?code|postal ?code|code ?postal|plz|postleitzahl|cep|fips|naics|sic|area ?code|phone"
    r"|phone ?number|telephone|telefon|tel|mobile|cell ?phone|fax|account|account ?(no|nr|number)|acct|konto|kontonummer|iban|ssn|sku"
    r"|ean|isbn|upc|barcode)",
    re.IGNORECASE,
)
_KEY_NAME = re.compile(r"(?i:.+[\W_](id|code|cd))|.+[a-z](Id|ID|Code)")  # of another table: store_id, dept_code
REPEATED = (
    0.05  # share of the rows, at most, that the different keys of another table make up; of patients, there are more
)
_DIGITS, _PADDED, _PHONE = re.compile(r"\d+"), re.compile(r"0\d+"), re.compile(r"(\+|00)\d[\d /().-]{6,}")


def is_code(column: TrainingColumn) -> bool:
    """Whether numbers are codes: whole ones of which some begin with 0, all phone numbers, whole numbers of one width, or two,
    in a column with the name of a code, or whole numbers that repeat in a column with the name of a key."""
    named = _CODE_NAME.fullmatch(column.name.strip().replace("_", " ").replace("-", " ")) is not None
    if not column.is_text:
        span = column.training.summaries[column.number_index].span
        if span.whole and span.least >= 0 and _KEY_NAME.fullmatch(column.name) is not None:
            return len(column.levels) <= REPEATED * column.n
        if not named or not span.whole or not span.least >= 0:
            return False
        widths = {len(f"{bound:.0f}") for bound in (span.least, span.most)}
        return max(widths) >= FEWEST_DIGITS and max(widths) - min(widths) <= 1
    levels, counts = column.levels.tolist(), column.counts
    digits = np.array([_DIGITS.fullmatch(level) is not None for level in levels], bool)
    phones = np.array([_PHONE.fullmatch(level) is not None for level in levels], bool)
    if phones.any() and (digits | phones).all():
        return True
    if not digits.all():
        return False
    padded = np.array([_PADDED.fullmatch(level) is not None for level in levels], bool)
    if counts[padded].sum() >= max(PADDED * counts.sum(), 1):
        return True
    widths = {len(level) for level in levels}
    return named and max(widths, default=0) >= FEWEST_DIGITS and max(widths) - min(widths) <= 1


def not_understood(column: TrainingColumn) -> str | None:
    """A cell of a column of many texts with digits that look like numbers or dates with something around them; None for other columns."""
    if not column.is_text or len(column.levels) <= max(FEWEST_LEVELS, MANY * column.n):
        return None
    looks = [_NUMBER_LIKE.search(level) is not None and len(level) <= LONGEST for level in column.levels.tolist()]
    share = column.counts[np.array(looks, bool)].sum() / column.counts.sum()
    return str(column.levels[looks.index(True)]) if share >= MOST else None


def code_example(column: TrainingColumn) -> str:
    """A cell of a column of codes, one that begins with 0 if there is one."""
    levels = column.levels.tolist()
    return str(next((level for level in levels if level.startswith("0")), levels[0]))
