"""Split a data set into training, validation, calibration and test rows."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from linclf.data import labels
from linclf.data.cell_counts import check_familiar, count_cells
from linclf.data.dataset import Dataset, LabelledRows
from linclf.data.drift import drift_problems
from linclf.data.encoder import encode, learn_schema, unknown_notes
from linclf.data.grouped import group_folds, stratified_groups
from linclf.data.label_spelling import alike_notes, plain_form, truth_form
from linclf.data.ordered import forward_folds, last_rows
from linclf.data.row_keys import RowKeys, row_groups, row_keys
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.split_summary import SplitSummary, class_notes, part_notes, share_note, summarise
from linclf.data.table import TableRows
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Matrix, select_rows, stack_rows

TEST_FRACTION = 0.2
# Each draw has a random stream of its own: adding a validation part does not change the test part.
STREAMS = {"test": 1, "val": 2, "cv": 3, "calibration": 4}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


class HeldOut(str):
    """The value of `--test` or `--val` as it was typed: a fraction of the rows, or data of their own (a name or a path)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str | None, option: str) -> "HeldOut | None":
        """The value of this option, None for none. Raises InputError for a number that is no fraction."""
        held_out = None if text is None else cls(text)
        if held_out is not None and held_out.fraction is not None and not 0 <= held_out.fraction < 1:
            raise InputError(
                f"--{option} is {text}; give a fraction >= 0 and < 1, or data (a file of that name as ./{text})"
            )
        return held_out

    @property
    def fraction(self) -> float | None:
        """The fraction, None for data."""
        return float(self) if _NUMBER.fullmatch(self) else None

    @property
    def has_rows(self) -> bool:
        """Whether any rows are held out: neither the fraction 0 nor an empty name."""
        return bool(self) and self.fraction != 0


NO_VAL = HeldOut("0")  # no validation rows, not even those that the data bring


@dataclass(frozen=True)
class Part:
    """Rows X (n, d) with codes y (n,), -1 for a label that is not among the training classes; their weights (n,), None if all
    are 1; and codes (n,) of their groups, None without groups."""

    X: Matrix
    y: Array
    weights: Array | None = None
    groups: Array | None = None

    def select(self, rows: Array) -> "Part":
        """These rows, without a copy of X."""
        weights, groups = (None if a is None else a[rows] for a in (self.weights, self.groups))
        return Part(select_rows(self.X, rows), self.y[rows], weights, groups)


@dataclass(frozen=True)
class Split:
    """A data set split into parts.

    classes      (K,) sorted labels of the training rows
    train        the rows trained on
    val, test, calibration   rows held out, or None; from calibration rows probabilities and a threshold are learned
    schema       how the columns became features, learned from the training rows
    digests      {"data": ..., "test": ..., "val": ...}: SHA-256 of each source that was read
    notes        what the user should know, a line each
    keys         the groups and times of the training rows, by which the folds of a sweep are made
    summary      how the rows were split by groups or by time
    """

    classes: Array
    train: Part
    val: Part | None
    test: Part | None
    schema: Schema
    digests: dict[str, str]
    notes: tuple[str, ...]
    calibration: Part | None = None
    keys: RowKeys = field(default_factory=RowKeys)
    summary: SplitSummary = field(default_factory=SplitSummary)

    def all_rows(self) -> Part:
        """The rows of all parts."""
        parts = [part for part in (self.train, self.val, self.calibration, self.test) if part is not None]
        given = [np.ones(len(part.y)) if part.weights is None else part.weights for part in parts]
        weights = None if all(part.weights is None for part in parts) else np.concatenate(given)
        groups = None
        if all(part.groups is not None for part in parts):  # no group is in two parts
            firsts = np.cumsum(
                [0, *(int(part.groups.max(initial=-1)) + 1 for part in parts if part.groups is not None)]
            )
            given = [part.groups + k for part, k in zip(parts, firsts, strict=False) if part.groups is not None]
            groups = np.concatenate(given)
        y = np.concatenate([part.y for part in parts])
        return Part(stack_rows([part.X for part in parts]), y, weights, groups)


def split_dataset(
    dataset: Dataset,
    test: Dataset | float | None,
    val: Dataset | float | None,
    seed: int,
    *,
    calibration: float = 0,
    model_schema: Schema | None = None,
) -> Split:
    """Split a data set. The columns of a table become features by what the training rows hold. Rows of weight 0 are left out of
    every part.

    test   a data set; a fraction, drawn stratified by `seed`; 0 for none; None for the part that the data set brings, else 0.2
    val    a data set; a fraction of what is left; 0 for none; None for the part that the data set brings, else none
    calibration   a fraction of what is then left, drawn likewise
    model_schema      a schema that was learned before

    With --group no group is divided, and with --time the held-out rows are the last ones, instead of drawn.
    """
    name, source = dataset.source.data, dataset.source
    dataset = counted(dataset)
    labels.check_classes(dataset.labels(), name)
    asked = {"test": TEST_FRACTION if test is None else test, "val": val or 0, "calibration": calibration}
    own = {key: counted(one) for key, one in asked.items() if isinstance(one, Dataset)}
    brought = {
        key: part
        for key, given, part in (("test", test, dataset.test), ("val", val, dataset.val))
        if given is None and part is not None
    }
    rows, held_out = _divided(dataset, asked, own, seed, brought)
    summary, kept_apart = _summary(dataset, rows, held_out, asked)
    classes = labels.check_classes(rows.labels(), name)
    schema, learned = (model_schema, []) if model_schema else learn_schema(rows.X, dataset.schema, source, rows.y)
    sources = {"data": dataset, **own}
    notes = [note for one in sources.values() for note in one.named_notes()] + learned + kept_apart
    notes += part_notes(dataset, own, uses_val="val" in brought)

    def encoded_part(key: str, part: LabelledRows) -> Part:
        """Rows as features and codes; adds what there is to say of a held-out part to the notes."""
        where = own[key].source if key in own else source
        part_name = where.data if key in own or key == "train" else f"{name} ({key} part)"
        codes, unseen = labels.encode(part.labels(), classes, plain_form if source.clean_labels else truth_form)
        X, unknown = encode(part.X, schema, part_name)
        if key in own:
            problems = drift_problems(schema, count_cells(part.X, X, unknown, schema))
            notes.extend(f"{part_name}: {what}" for what in check_familiar(problems, part_name, where.lenient))
        notes.extend(f"{part_name}: {note}" for note in (unknown_notes(unknown, schema) if key in own else []))
        notes.extend(labels.unseen_notes(unseen, len(codes), part_name, classes))
        return Part(X, codes, part.row_weights(where), row_groups(part.X, where))

    train = encoded_part("train", rows)
    if train.X.shape[1] == 0:
        raise InputError(f"{name}: has no feature columns, only labels; give data to learn from")
    parts = {key: encoded_part(key, part) for key, part in held_out.items()}
    notes += alike_notes(classes, name)
    if len(classes) > max(20, len(train.y) // 4):
        notes.append(
            f"{name}: {len(classes)} classes for {len(train.y)} training rows; are the labels a quantity or row ids?"
        )
    return Split(
        classes,
        train,
        parts.get("val"),
        parts.get("test"),
        schema,
        {key: one.digest for key, one in sources.items()},
        tuple(notes),
        calibration=parts.get("calibration"),
        keys=row_keys(rows.X, source),
        summary=summary,
    )


def _divided(
    dataset: Dataset,
    asked: Mapping[str, Dataset | float],
    own: Mapping[str, Dataset],
    seed: int,
    brought: Mapping[str, LabelledRows],
) -> tuple[LabelledRows, dict[str, LabelledRows]]:
    """The training rows, and the held-out rows by part: data of their own, those that the data set brings, or split off."""
    held_out = {key: part.with_counts() for key, part in {**brought, **own}.items()}
    rows: LabelledRows = dataset
    if "test" not in held_out:  # the test rows of the data set are split with the others
        rows = replace(dataset, val=None).all_rows()
    rows = rows.with_counts()
    for key, fraction in asked.items():
        if key not in held_out and not isinstance(fraction, Dataset):
            rows, part = split_off(rows, fraction, seed, dataset.source, key)
            held_out |= {} if part is None else {key: part}
    return rows, {key: held_out[key] for key in ("val", "test", "calibration") if key in held_out}


def _summary(
    dataset: Dataset,
    train: LabelledRows,
    held_out: Mapping[str, LabelledRows],
    asked: Mapping[str, Dataset | float],
) -> tuple[SplitSummary, list[str]]:
    """The summary of a split by groups or by time, and notes on it; nothing without --group and --time.

    asked  for each held-out part the data set or the fraction that was asked for

    Raises InputError for a class that only rows later than the training rows have.
    """
    source = dataset.source
    if source.group is None and source.time is None:
        return SplitSummary(), []
    parts = {"train": train, **held_out}
    own = {key: one.source for key, one in asked.items() if isinstance(one, Dataset)}
    summary, notes = summarise(parts, own, source)
    later = np.setdiff1d(dataset.labels(), train.labels())
    if source.time is not None and len(later):
        raise InputError(
            f"{source.data}: no training row, until {source.time} {summary.time_range['train'][1]}, is of class "
            f"{labels.show(later[0])}, which later rows have; hold out fewer rows, or leave those of the class out"
        )
    n = sum(len(rows.labels()) for key, rows in parts.items() if key not in own)
    for key, fraction in asked.items():
        if key in parts and not isinstance(fraction, Dataset):
            notes += share_note(len(parts[key].labels()), n, fraction, key, source)
            notes += class_notes(dataset, parts[key], key, source.data)
            n -= len(parts[key].labels())
    return summary, notes


def counted(dataset: Dataset) -> Dataset:
    """The data set, and its predefined parts, without the rows of weight 0."""

    def of_weight(rows: LabelledRows) -> LabelledRows:
        weights = rows.row_weights(dataset.source)
        return rows if weights is None or weights.all() else rows.select(np.flatnonzero(weights))

    rows, dataset = of_weight(dataset), dataset.with_parts(of_weight)
    X = rows.X[:] if isinstance(rows.X, TableRows) else rows.X
    return replace(dataset, X=X, y=rows.y, weights=rows.weights)


def split_off(
    rows: LabelledRows, fraction: float, seed: int, source: Source, part: str
) -> tuple[LabelledRows, LabelledRows | None]:
    """Split off a fraction of the rows for this part; both pieces keep the order of the file.

    Rows are drawn stratified by class; with --group in whole groups; with --time they are the last ones.
    """
    if fraction == 0:
        return rows, None
    y, keys = rows.labels(), row_keys(rows.X, source)
    rng = np.random.default_rng([seed, STREAMS[part]])
    if keys.times is not None:
        marked = last_rows(keys.times, fraction)  # (n,) bool
    elif keys.groups is not None:
        marked = stratified_groups(y, keys.groups, fraction, rng)
    else:
        marked = stratified(y, fraction, rng)
    if not marked.any():
        without = "go without --calibrate and --threshold" if part == "calibration" else f"--{part} 0"
        raise InputError(
            f"{source.data}: {_why_none(len(y), keys, source, f'a {part} part of {fraction:g}')}, or {without}"
        )
    left, taken = np.flatnonzero(~marked), np.flatnonzero(marked)
    return rows.select(left), rows.select(taken)


def _why_none(n: int, keys: RowKeys, source: Source, wanted: str) -> str:
    """Why n rows do not give a part, and what to do."""
    if keys.times is None and keys.groups is None:
        return f"{n} rows are too few for {wanted}; give more"
    n_groups = 0 if keys.groups is None else int(keys.groups.max()) + 1
    if keys.times is None:
        return (
            f"{n_groups} group{'s' * (n_groups != 1)} in column {source.group!r}, with the classes as they are, are too few for "
            f"{wanted}; give rows of more groups"
        )
    if n_groups > 1:
        return (
            f"the groups in column {source.group!r} overlap in time, so that {wanted} would divide one; give --group or --time "
            "alone"
        )
    return (
        f"all rows have the same time in column {source.time!r}, so that none is later, as {wanted} must be; give more"
    )


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


def folds(y: Array, k: int, seed: int, keys: RowKeys | None = None) -> Array:
    """The fold 0..k-1 that holds each row out, (n,): k folds of the same size and the same share of each class, to a row.

    With groups, no group is in two folds. With times, each fold is later than the one before, and -1 marks the first rows,
    which no fold holds out. Raises InputError for fewer groups, or times, than that takes.
    """
    rng, keys = np.random.default_rng([seed, STREAMS["cv"]]), keys or RowKeys()
    if keys.times is not None:
        n_times = len(np.unique(keys.times))
        if n_times <= k:
            raise InputError(
                f"cv is {k}, but the training rows can be divided at {n_times - 1} times only; give fewer folds, or more data"
            )
        return forward_folds(keys.times, k)
    if keys.groups is not None:
        n_groups = int(keys.groups.max()) + 1
        if n_groups < k:
            raise InputError(f"cv is {k}, but the training rows have {n_groups} groups; give fewer folds, or more data")
        return group_folds(y, keys.groups, k, rng)
    order = rng.permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]  # class after class, in random order within
    fold = np.empty(len(y), np.intp)
    fold[order] = np.arange(len(y)) % k
    return fold
