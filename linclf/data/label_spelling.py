"""Labels that differ only in how they are written: blanks, case, Unicode form, 1 and 1.0."""

import unicodedata
from collections.abc import Sequence

import numpy as np

from linclf.data.labels import first_of
from linclf.data.table import BLANKS
from linclf.losses import Array

SHOWN = 5  # groups of labels named in a note


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
    """A note on classes (K,) that differ only in how they are written, if there are any; `name` is that of the data."""
    alike = [" and ".join(map(repr, group)) for group in written_alike([str(label) for label in classes.tolist()])]
    if not alike:
        return []
    what = f"labels differ only in how they are written: {first_of(alike, SHOWN)}"
    return [f"{name}: {what}; if they mean the same, --clean-labels makes them one"]


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
    used = [label for label, count in rows.items() if count]
    groups = written_alike(used)
    if not groups or not clean:
        return trimmed, notes
    named = first_of([" and ".join(f"{label!r} ({rows[label]})" for label in group) for group in groups], SHOWN)
    chosen = {label: max(group, key=lambda one: rows[one]) for group in groups for label in group}
    notes.append(f"labels that differ only in how they are written became one: {named}")
    return np.array([chosen.get(label, label) for label in trimmed], object), notes
