"""Codes that look like numbers: ZIP codes, phone numbers, account numbers. Their size means nothing, so they are categories."""

import re

import numpy as np

from linclf.data.columns.training_column import TrainingColumn

PADDED = 0.01  # share of the cells that must begin with a 0; a single 007 is a typo
FEWEST_DIGITS = 3  # of a code that its name alone tells from a number
_CODE_NAME = re.compile(
    r"(.*[\W_])?(zip|zip ?code|post ?code|postal ?code|plz|postleitzahl|cep|fips|area ?code|phone|phone ?number|telephone|telefon|tel"
    r"|mobile|cell ?phone|fax|account|account ?(no|nr|number)|acct|konto|kontonummer|iban|ssn|sku|ean|isbn|upc|barcode)",
    re.IGNORECASE,
)
_DIGITS, _PADDED, _PHONE = re.compile(r"\d+"), re.compile(r"0\d+"), re.compile(r"(\+|00)\d[\d /().-]{6,}")


def is_code(column: TrainingColumn) -> bool:
    """Whether numbers are codes: whole ones of which some begin with 0, all phone numbers, or whole numbers of one width, or two,
    in a column with the name of a code."""
    named = _CODE_NAME.fullmatch(column.name.strip().replace("_", " ").replace("-", " ")) is not None
    if not column.is_text:
        span = column.training.number_spans[column.number_index]
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


def code_example(column: TrainingColumn) -> str:
    """A cell of a column of codes, one that begins with 0 if there is one."""
    levels = column.levels.tolist()
    return str(next((level for level in levels if level.startswith("0")), levels[0]))
