"""The same rows for several models: the part that all of them record, or other data, read as each model reads them."""

import contextlib
import io
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from linclf.data.cache import Cache
from linclf.data.dataset import Dataset, LabelledRows
from linclf.data.encoder import encoded
from linclf.data.labels import encode, unseen_notes
from linclf.data.load import load
from linclf.data.row_keys import row_groups
from linclf.data.row_weights import row_weights
from linclf.data.source import Source
from linclf.data.split import Part
from linclf.data.table import Table, TableRows
from linclf.errors import InputError
from linclf.losses import Array
from linclf.model.linear_model import LinearModel
from linclf.model.predictions import Predictions
from linclf.storage.files import stdin
from linclf.training.inputs import RowIdentity, part_rows, rebuild

Named = tuple[str, LinearModel]  # a model, and the path of its file


@dataclass(frozen=True, eq=False)
class CommonRows:
    """What several models predict for the same rows.

    data         the name of the data
    part         `test`, `train` or `all`
    target       the label column, None for data without one
    target_guessed   whether it was guessed by its name
    predictions  those of each model
    groups       (n,) codes of the groups of rows, None without groups
    notes        what the user should know about the data, a line each
    warnings     what the user should know about the comparison, a line each
    """

    data: str
    part: str
    target: str | None
    target_guessed: bool
    predictions: tuple[Predictions, ...]
    groups: Array | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def own_rows(models: Sequence[Named], part: str, cache: Cache | None) -> CommonRows:
    """The part `test`, `train` or `all` of the data that all models were trained and tested on.

    Raises InputError if the models record different rows, and as `linclf.training.inputs.rebuild` does.
    """
    first, identity = models[0][0], RowIdentity()
    predictions: list[Predictions] = []
    notes: list[str] = []
    for path, model in models:
        with _naming(path):
            split, identities = rebuild(model, cache)
            rows, data = part_rows(model, split, part)
        identity = identity or identities[part]
        _check_identity(identity, identities[part], first, path, part)
        predictions.append(model.predictions(rows.X, rows.y, rows.weights))
        notes += split.notes
    _check_labels(models, predictions, part)
    target, guessed = models[0][1].schema.target, models[0][1].target_guessed
    groups, said = _recoded(rows.groups), tuple(dict.fromkeys(notes))
    return CommonRows(data, part, target, guessed, tuple(predictions), groups, said)


def other_rows(models: Sequence[Named], source: Source, part: str | None, cache: Cache | None) -> CommonRows:
    """Rows of other data, which each model reads by its own schema: the part that was asked for; without one the predefined test
    part, or all rows of data that have none.

    Raises InputError if the models have different label columns, and for a --weight or --group column that the data lack.
    """
    predictions, notes, warnings, targets = [], [], [], []
    with _readable_again(source.data) as rewind:
        for path, model in models:
            rewind()
            dataset = load(source, model_schema=model.schema, cache=cache)
            _check_roles(dataset, source)
            weights, groups = row_weights(dataset.X, source), row_groups(dataset.X, source)
            dataset = encoded(dataset, model.schema)
            rows, found = _part(dataset, part)
            codes, unseen = encode(rows.labels(), model.classes)
            one = Part(rows.matrix(), codes, weights, groups)
            one = one if weights is None else one.select(np.flatnonzero(weights))
            predictions.append(model.predictions(one.X, one.y, one.weights))
            targets.append(dataset.schema.target)
            notes += dataset.named_notes()
            warnings += [f"{path}: {note}" for note in unseen_notes(unseen, len(codes), source.data, model.classes)]
            if dataset.test is None and dataset.digest == model.record.get("data", {}).get("data"):
                warnings.append(
                    f"{path} was trained on rows of {source.data}, on which its figures are too good; leave DATA out to compare "
                    "on the test part"
                )
    for (path, _), target in zip(models, targets, strict=True):
        if target != targets[0]:
            raise InputError(
                f"{source.data}: {models[0][0]} predicts the column {targets[0]!r} and {path} the column {target!r}; name the "
                "label column with --target"
            )
    target, asked = targets[0], source.target or models[0][1].schema.target
    return CommonRows(
        source.data,
        found,
        target,
        target is not None and target != asked,
        tuple(predictions),
        _recoded(one.groups),
        tuple(dict.fromkeys(notes)),
        tuple(warnings),
    )


@contextlib.contextmanager
def _naming(path: str) -> Iterator[None]:
    """Begin errors with the path of a model."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _check_identity(wanted: RowIdentity, found: RowIdentity, first: str, path: str, part: str) -> None:
    """Raise InputError unless two models have the same rows in a part."""
    for name in dict.fromkeys((*wanted, *found)):
        (value, text), (other, other_text) = wanted.get(name, (None, "none")), found.get(name, (None, "none"))
        if value != other:
            raise InputError(
                f"{first} and {path} do not have the same {part} rows ({name}: {text} and {other_text}); give DATA to compare "
                "them on"
            )


def _check_labels(models: Sequence[Named], predictions: Sequence[Predictions], part: str) -> None:
    """Raise InputError unless the rows have the same labels for all models."""
    (first, model), y = models[0], predictions[0].y
    for (path, other), one in zip(models, predictions, strict=True):
        code = np.append(encode(other.classes, model.classes)[0], -1)[one.y]  # among the classes of the first model
        known = (y >= 0) & (code >= 0) if len(code) == len(y) else None
        if known is None or (code[known] != y[known]).any():
            raise InputError(f"{first} and {path} do not have the same {part} rows; give DATA to compare them on")


def _part(dataset: Dataset, part: str | None) -> tuple[LabelledRows, str]:
    """The rows of a part of other data, and the name of the part."""
    if part == "test" and dataset.test is None:
        raise InputError(f"{dataset.source.data}: has no predefined test part; leave out --part")
    if dataset.test is not None and part in (None, "test"):
        return dataset.test, "test"
    return (dataset, "train") if part == "train" else (dataset.all_rows(), "all")


def _recoded(groups: Array | None) -> Array | None:
    """Codes of groups without gaps: the rows of some groups may have been left out."""
    return None if groups is None else np.unique(groups, return_inverse=True)[1].ravel()


def _check_roles(dataset: Dataset, source: Source) -> None:
    """Raise InputError for a --weight or --group column that the data lack."""
    table = dataset.X.table if isinstance(dataset.X, TableRows) else dataset.X
    for role, column in source.roles().items():
        if not isinstance(table, Table) or column not in table.names:
            raise InputError(f"{source.data}: --{role} {column}: there is no such column")


@contextlib.contextmanager
def _readable_again(data: str) -> Iterator[Callable[[], None]]:
    """A function to call before DATA are read, as often as wanted: standard input is held in memory. Raises InputError for a pipe
    with a name, which can be read once."""
    if data != "-":
        if os.path.exists(data) and stat.S_ISFIFO(os.stat(data).st_mode):
            raise InputError(f"{data}: is a pipe, and each model reads the data; give a file, or - for standard input")
        yield lambda: None
        return
    before, content = sys.stdin, io.BytesIO(stdin().read())

    def rewind() -> None:
        content.seek(0)

    sys.stdin = io.TextIOWrapper(content)
    try:
        yield rewind
    finally:
        sys.stdin = before
