"""Texts that mean in a column of numbers or dates that a cell is missing. In a column of categories they are levels."""

import re

_WORDS = (
    "na n/a n.a. n.a n.v. nd n.d. k.a. ka nan null nil none void missing unknown undefined unspecified empty blank tbd tba "
    "unbekannt inconnu desconocido fehlt s/o \\n error"
)
_PHRASES = (
    "not available, not applicable, not known, not recorded, not reported, not specified, no data, no answer, no value, "
    "keine angabe, nicht bekannt, non disponible, sin datos, don't know, prefer not to say, refused"
)
_NO_DATE = re.compile(  # of MySQL, SQL Server and others
    r"(?:0000([-/.])00\1 ?00|00([-/.])00\2 ?0000|9999([-/.])12\3 ?31|31([-/.])12\4 ?9999|12([-/.])31\5 ?9999"
    r"|0001([-/.])01\6 ?01|01([-/.])01\7 ?0001)(?:[t ][\d:.,]*z?)?"
)
_MARKERS = frozenset(_WORDS.split()) | frozenset(_PHRASES.split(", "))


def is_marker(text: str) -> bool:
    """Whether a cell says that there is no number: one of some words in any case, also in brackets, or marks only, such as -
    and ???."""
    word = text.strip().casefold().strip("()<>[]{}# ")
    return word in _MARKERS or not any(c.isalnum() for c in word) or _NO_DATE.fullmatch(word) is not None
