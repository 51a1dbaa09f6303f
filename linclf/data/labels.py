"""Labels of any type: read from text or arrays, checked, and encoded as class codes 0..K-1."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array

_INTEGER, _DECIMAL = re.compile(r"-?\d{1,18}"), re.compile(r"-?\d+\.\d+")
# cells that are missing: those that pandas treats as missing, ?, and those of databases and spreadsheets
MISSING = ["", "?", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "NaN", "nan", "-NaN", "-nan", "null", "NULL"]
MISSING += ["None", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN", "NAN", "Null", "\\N", "#VALUE!", "#REF!", "#DIV/0!"]
MISSING += ["#NUM!", "#NAME?", "#NULL!"]  # errors of a spreadsheet
MAX_CODE_POINT = 0x10FFFF
MAX_LENGTH = 1000  # of a label, in characters
SHOWN = 10  # labels shown in a message


def from_text(texts: Array) -> Array:
    """Convert labels as written in a table, (n,) strings, to int64, float64 or strings, (n,).

    They become numbers only if each is written as Python prints that number, so that a label is always printed as it
    was written, and two spellings (`1` and `1.0`, `7` and `007`) are never merged.
    """
    return from_levels(*np.unique(texts.astype(str), return_inverse=True))


def from_levels(levels: Array, codes: Array) -> Array:
    """The same of labels given by the texts (L,) and, for each label, the index of its text (n,)."""
    used = np.flatnonzero(np.bincount(codes, minlength=len(levels)))
    texts = levels[used].astype(str)
    place = np.zeros(len(levels), np.int64)
    place[used] = np.arange(len(used))
    for kind, spelled in ((int, _INTEGER), (float, _DECIMAL)):
        if all(spelled.fullmatch(text) and str(kind(text)) == text for text in texts.tolist()):
            return np.array([kind(text) for text in texts.tolist()])[place[codes]]
    return np.asarray(texts[place[codes]])


def from_array(labels: Array, name: str) -> Array:
    """Check labels (n,) of an array file or a loader: numbers and strings stay as they are, bytes become text.

    Raises InputError for another shape or type, and for missing labels; `name` is for messages.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise InputError(f"{name}: the labels have the shape {labels.shape}; give one label per row, shape (n,)")
    if labels.dtype.kind == "S" or (labels.dtype.kind == "O" and all(isinstance(label, bytes) for label in labels)):
        labels = np.array([_decoded(label, i, name) for i, label in enumerate(labels)])
    if labels.dtype.kind == "O":
        if not all(isinstance(label, str) for label in labels):
            raise InputError(f"{name}: labels are missing or of mixed types; give all as strings or all as numbers")
        return labels.astype(str)
    if labels.dtype.kind == "f" and labels.dtype.itemsize < 8:
        labels = labels.astype(str).astype(np.float64)  # the float32 0.1 is 0.1, not 0.10000000149011612
    if labels.dtype == np.uint64 and len(labels) and labels.max() > np.iinfo(np.int64).max:
        labels = labels.astype(str)  # beyond int64
    if labels.dtype.kind == "U":
        # NumPy does not check that its code points are valid
        if labels.dtype.itemsize and (np.ascontiguousarray(labels).view(np.uint32) > MAX_CODE_POINT).any():
            raise InputError(f"{name}: the labels are not valid Unicode; save them again")
        check_texts(np.unique(labels).tolist(), name)
    if labels.dtype.kind not in "biufU" or (labels.dtype.kind == "f" and labels.dtype.itemsize > 8):
        raise InputError(f"{name}: labels of type {labels.dtype} are not understood; give integers or strings")
    missing = np.flatnonzero(~np.isfinite(labels)) if labels.dtype.kind == "f" else labels[:0]
    if len(missing):
        raise InputError(f"{name}: the label of row {missing[0]} (from 0) is {labels[missing[0]]}; remove such rows")
    return labels


def check_texts(texts: Iterable[str], name: str) -> None:
    """Raise InputError for a label that cannot be encoded, or is longer than MAX_LENGTH: in an array of strings every
    row takes as much memory as the longest one."""
    for text in texts:
        if len(text) > MAX_LENGTH:
            raise InputError(
                f"{name}: has a label of {len(text)} characters, {text[:20]!r}...; is a quote not closed, or the target wrong?"
            )
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise InputError(f"{name}: the label {text[:20]!r} cannot be encoded as UTF-8; fix it") from None


def _decoded(label: bytes, row: int, name: str) -> str:
    try:
        return label.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{name}: the label of row {row} (from 0) is not UTF-8 text; give labels as text") from None


def check_classes(labels: Array, name: str) -> Array:
    """The sorted classes (K,) of training labels. Raises InputError for a single class, and for labels that look like a
    quantity."""
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2:
        found = f"all {counts[0]} rows have the label {show(classes[0])}" if len(classes) else "there are no rows"
        raise InputError(f"{name}: {found}; a classifier needs at least two classes in its training part")
    if len(classes) == len(labels) > 2:
        raise InputError(f"{name}: each of the {len(labels)} rows has a different label; choose another label column")
    numbers = [x for x in map(_number, classes.tolist()) if isinstance(x, float)]
    fractions = len(numbers) == len(classes) and any(x % 1 for x in numbers)
    if fractions and len(classes) > min(20, len(labels) // 2):
        raise InputError(
            f"{name}: the labels are {len(classes)} different numbers such as {classes[0]} and {classes[1]}, a "
            "quantity and not classes; choose another label column, or bin the numbers first"
        )
    return classes


def is_missing(texts: Array) -> Array:
    """Which label texts (n,) are missing labels, (n,) bool: empty, `?` and NaN in any case; the others in MISSING, such
    as `NA` and `None`, only if all other labels are numbers, since they can be names."""
    uniques, inverse = np.unique(texts, return_inverse=True)
    others = [text for text in uniques.tolist() if text not in MISSING]
    among_numbers = bool(others) and all(not isinstance(_number(text), str) for text in others)
    always = {"", "?", "nan", "NaN", "-nan", "-NaN"}
    return np.array([text in (MISSING if among_numbers else always) for text in uniques.tolist()])[inverse]


def encode(labels: Array, classes: Array, key: Callable[[str], object] | None = None) -> tuple[Array, dict[str, int]]:
    """Codes 0..K-1 (n,) of labels (n,) among sorted classes (K,), -1 for a label that is not a class, and the counts of
    those.

    A label belongs to the class that it equals, that is spelled like it, that is the same number, or that has the same `key`.
    """
    code: dict[object, int] = {}

    def keys(label: Any) -> list[object]:
        return [label, str(label), _number(label), *([] if key is None else [("key", key(str(label)))])]

    for i, label in enumerate(classes.tolist()):
        for one in keys(label):
            code.setdefault(one, i)
    uniques, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    known = [next((code[one] for one in keys(label) if one in code), -1) for label in uniques.tolist()]
    unseen = {show(label): int(count) for label, count, c in zip(uniques, counts, known, strict=True) if c < 0}
    return np.array(known, np.intp)[inverse], unseen


def _number(label: str | float | bool) -> str | float:
    """The finite number that a label is or is a spelling of, else the label itself."""
    try:
        number = float(label)
    except ValueError:
        return label
    if isinstance(label, str) and "_" in label:  # Python reads 1_0 as 10
        return label
    return number if math.isfinite(number) else label


def normalized(label: str) -> str:
    """A label without common typing differences: in lower case, without surrounding blanks and final punctuation."""
    return label.strip().rstrip(".,;:!").rstrip().casefold() or label


def unseen_notes(unseen: dict[str, int], n: int, name: str, classes: Array) -> list[str]:
    """A note on labels that are not among the classes, if any, and on a class that may be meant."""
    if not unseen:
        return []
    meant = {normalized(label): label for label in classes.tolist() if isinstance(label, str)}
    near = next(((label, meant[normalized(label[1:-1])]) for label in unseen if normalized(label[1:-1]) in meant), None)
    hint = f"; is {near[0]} meant to be {near[1]!r}?" if near else ""
    named = first_of([f"{label} ({count})" for label, count in unseen.items()], SHOWN)
    total = sum(unseen.values())
    return [f"{name}: {total} of {n} rows have labels that training never saw, counted as wrong: {named}{hint}"]


def first_of(items: Sequence[str], most: int) -> str:
    """The first items of a list for a message, and how many more there are."""
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")


def show(label: object) -> str:
    """A label for a message: strings in quotes."""
    value = label.item() if isinstance(label, np.generic) else label
    return repr(value)
