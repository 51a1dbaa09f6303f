"""Labels that differ only in how they are written: blanks, case, Unicode form, 1 and 1.0."""

import unicodedata
from collections.abc import Sequence

import numpy as np

from linclf.data.labels import first_of
from linclf.data.table import BLANKS, TRUTH_VALUES, option
from linclf.losses import Array

_ABSENT = {
    "null",
    "n/a",
    "na",
    "n.a.",
    "nan",
    "#n/a",
    "-",
    "--",
    ".",
    "unknown",
    "missing",
    "not available",
    "(blank)",
    "\\n",
}
SHOWN = 5  # groups of labels named in a note


def truth_form(label: str) -> str:
    """A label, and true and false in one spelling: formats differ in it."""
    return TRUTH_VALUES.get(label, label)


def plain_form(label: str) -> str | float:
    """What a label has in common with others that are written differently: its number, or its letters in lower case."""
    text = " ".join(unicodedata.normalize("NFKC", label).split()).casefold()
    try:
        number = float(text)
    except ValueError:
        return text
    return number if np.isfinite(number) and "_" not in text else text


def written_alike(labels: Sequence[str]) -> list[list[str]]:
    """Groups of different labels with the same plain form."""
    groups: dict[str | float, list[str]] = {}
    for label in labels:
        groups.setdefault(plain_form(label), []).append(label)
    return [group for group in groups.values() if len(group) > 1]


def alike_notes(classes: Array, name: str) -> list[str]:
    """Notes on classes (K,) that differ only in how they are written, and on those that may mean that a label is missing; `name` is that
    of the data."""
    texts, notes = [str(label) for label in classes.tolist()], []
    alike = [" and ".join(map(repr, group)) for group in written_alike(texts)]
    if alike:
        what = f"labels differ only in how they are written: {first_of(alike, SHOWN)}"
        notes.append(f"{name}: {what}; if they mean the same, --clean-labels makes them one")
    absent = [text for text in texts if text.casefold() in _ABSENT and len(texts) > 2]
    if absent:
        notes.append(
            f"{name}: {first_of([repr(text) for text in absent], SHOWN)} is a class; if it means that the label is missing, pass "
            f"{option('na-values', *absent)}"
        )
    return notes


def one_spelling(labels: Array, counts: Array, clean: bool) -> tuple[Array, list[str]]:
    """Labels (L,) of text in one spelling, without blanks around them; and notes.

    counts  (L,) the number of rows of each
    clean   whether labels with the same plain form become one, the most frequent of them
    """
    trimmed = np.array([label.strip(BLANKS) for label in labels], object)
    rows: dict[str, int] = {}
    for label, count in zip(trimmed.tolist(), counts.tolist(), strict=True):
        rows[label] = rows.get(label, 0) + count
    notes = []
    if len(rows) < len(labels):
        padded = [repr(label) for label in labels.tolist() if label != label.strip(BLANKS)]
        notes.append(f"labels with blanks around them were trimmed: {first_of(padded, SHOWN)}")
    groups = written_alike([label for label, count in rows.items() if count]) if clean else []
    if not groups:
        return trimmed, notes
    named = first_of([" and ".join(f"{label!r} ({rows[label]})" for label in group) for group in groups], SHOWN)
    chosen = {label: max(group, key=lambda one: rows[one]) for group in groups for label in group}
    notes.append(f"labels that differ only in how they are written became one: {named}")
    return np.array([chosen.get(label, label) for label in trimmed], object), notes
