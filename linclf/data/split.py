"""The parts of a data set: which rows train, which validate, which test."""

import math
import re
from dataclasses import dataclass

import numpy as np

from linclf.data import labels
from linclf.data.columns.encoder import encode, learn_schema, unknown_notes
from linclf.data.dataset import Dataset, LabelledRows
from linclf.data.schema import Schema
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Matrix, select, stack_rows

TEST_FRACTION = 0.2
_STREAMS = {"test": 1, "val": 2, "cv": 3, "calibration": 4}  # draws of parts and folds do not depend on each other


@dataclass(frozen=True)
class Part:
    """Rows X (n, d) with codes y (n,); -1 is a label that training never saw."""

    X: Matrix
    y: Array


@dataclass(frozen=True)
class Split:
    """A data set cut up: classes (K,) sorted labels, its parts, how columns became features, digests and notes.

    calibration   rows that say how scores become probabilities, for those who ask for them

    digests   {"data": ..., "test": ..., "val": ...}: SHA-256 of each source that was read
    """

    classes: Array
    train: Part
    val: Part | None
    test: Part | None
    schema: Schema
    digests: dict[str, str]
    notes: tuple[str, ...]
    calibration: Part | None = None

    def pooled(self) -> Part:
        """The rows of all parts."""
        parts = [part for part in (self.train, self.val, self.calibration, self.test) if part is not None]
        return Part(stack_rows([part.X for part in parts]), np.concatenate([part.y for part in parts]))


def cut(
    dataset: Dataset,
    test: Dataset | float | None,
    val: Dataset | float | None,
    seed: int,
    *,
    calibration: float = 0,
    like: Schema | None = None,
) -> Split:
    """Cut a data set into parts. The columns of a table become features by what the training rows hold.

    test   a data set; a fraction, drawn stratified by `seed`; 0 for none; None for the part that the data set brings, else 0.2
    val    a data set, or a fraction of what is left, or None for none
    calibration   a fraction of what is then left, drawn likewise
    like          features that were learned before
    """
    name = dataset.source.data
    rows: LabelledRows = dataset
    labels.check_classes(rows.labels(), name)
    held: LabelledRows | None
    watched: LabelledRows | None
    if isinstance(test, Dataset):
        held = test
    elif test is None and dataset.test is not None:
        held = dataset.test
    else:
        fraction = TEST_FRACTION if test is None else test
        rows, held = _draw(dataset.pooled(), fraction, np.random.default_rng([seed, _STREAMS["test"]]), name, "test")
    if isinstance(val, Dataset):
        watched = val
    else:
        rows, watched = _draw(rows, val or 0, np.random.default_rng([seed, _STREAMS["val"]]), name, "val")
    generator = np.random.default_rng([seed, _STREAMS["calibration"]])
    rows, calibrating = _draw(rows, calibration, generator, name, "calibration")

    classes = labels.check_classes(rows.labels(), name)
    features, learned = (like, []) if like else learn_schema(rows.X, dataset.schema, dataset.source)
    train = Part(encode(rows.X, features, name)[0], labels.encode(rows.labels(), classes)[0])
    if train.X.shape[1] == 0:
        raise InputError(f"{name}: has no feature columns, only labels; give data to learn from")
    others = {"data": dataset, "test": test, "val": val}
    sources = {key: other for key, other in others.items() if isinstance(other, Dataset)}
    notes = [note for source in sources.values() for note in source.said()] + learned
    parts: dict[str, Part | None] = {"val": None, "test": None, "calibration": None}
    for key, part in (("val", watched), ("test", held), ("calibration", calibrating)):
        if part is not None:
            codes, unseen = labels.encode(part.labels(), classes)
            part_name = sources[key].source.data if key in sources else f"{name} ({key} part)"
            X, unknown = encode(part.X, features, part_name)
            parts[key] = Part(X, codes)
            if key in sources:
                notes += [f"{part_name}: {note}" for note in unknown_notes(unknown, features)]
            notes += labels.unseen_notes(unseen, len(codes), part_name, classes)
    if len(classes) > max(20, len(train.y) // 4):
        notes.append(
            f"{name}: {len(classes)} classes for {len(train.y)} training rows; are the labels a quantity or row ids?"
        )
    digests = {key: source.digest for key, source in sources.items()}
    return Split(classes, train, parts["val"], parts["test"], features, digests, tuple(notes), parts["calibration"])


def _draw(
    rows: LabelledRows, fraction: float, rng: np.random.Generator, name: str, part: str
) -> tuple[LabelledRows, LabelledRows | None]:
    """Split off a stratified fraction of the rows; both pieces keep the order of the file."""
    if fraction == 0:
        return rows, None
    y = rows.labels()
    held = stratified(y, fraction, rng)  # (n,) bool
    if not held.any():
        raise InputError(
            f"{name}: {len(y)} rows are too few for a {part} part of {fraction:g}; give more, or "
            + ("go without --calibrate" if part == "calibration" else f"--{part} 0")
        )
    left, taken = np.flatnonzero(~held), np.flatnonzero(held)
    return LabelledRows(select(rows.X, left), y[left]), LabelledRows(select(rows.X, taken), y[taken])


def stratified(y: Array, fraction: float, rng: np.random.Generator) -> Array:
    """Mark ceil(n * fraction) rows, each class in its proportion, at least one row of each class left unmarked.

    y (n,) labels -> (n,) bool. Shares are rounded down, and the rows still due go to the largest remainders.
    """
    _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    shares = counts * fraction
    quota = np.floor(shares).astype(int)
    due = math.ceil(len(y) * fraction - 1e-9) - quota.sum()
    # ties between equal remainders are broken by a draw, not by the order of the classes
    order = np.lexsort((rng.permutation(len(counts)), quota - shares))
    quota[order[:due]] += 1
    quota = np.minimum(quota, counts - 1)
    marked = np.zeros(len(y), bool)
    for k, wanted in enumerate(quota):
        members = np.flatnonzero(codes == k)
        marked[rng.choice(members, wanted, replace=False)] = True
    return marked


def folds(y: Array, k: int, seed: int) -> Array:
    """The fold 0..k-1 that holds each row out, (n,): k folds of the same size and the same share of each class, to a row."""
    order = np.random.default_rng([seed, _STREAMS["cv"]]).permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]  # class after class, in random order within
    fold = np.empty(len(y), np.intp)
    fold[order] = np.arange(len(y)) % k
    return fold


def parse_part(text: str | None, name: str) -> str | float | None:
    """The value of --test or --val: a number is a fraction, anything else is data. Raises InputError for no fraction."""
    if text is None or not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.IGNORECASE):
        return text
    if not 0 <= float(text) < 1:
        raise InputError(f"--{name} is {text}; give a fraction >= 0 and < 1, or data (a file of that name as ./{text})")
    return float(text)
