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
from linclf.data.labels import encode
from linclf.data.source import Source
from linclf.errors import InputError
from linclf.losses import Array
from linclf.model.linear_model import LinearModel
from linclf.model.predictions import Predictions
from linclf.storage.files import stdin
from linclf.training.inputs import OtherPart, RowIdentity, other_part, part_rows, rebuild

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
    found: list[OtherPart] = []
    predictions, warnings = [], []
    with _readable_again(source.data) as rewind:
        for path, model in models:
            rewind()
            one = other_part(model, source, part, cache)
            found.append(one)
            predictions.append(model.predictions(one.rows.X, one.rows.y, one.rows.weights))
            warnings += [f"{path}: {note}" for note in one.unseen]
            if one.trained_on:
                warnings.append(
                    f"{path} was trained on rows of {source.data}, on which its figures are too good; leave DATA out to compare "
                    "on the test part"
                )
    first = found[0]
    for (path, _), one in zip(models, found, strict=True):
        if one.target != first.target:
            raise InputError(
                f"{source.data}: {models[0][0]} predicts the column {first.target!r} and {path} the column {one.target!r}; name "
                "the label column with --target"
            )
    return CommonRows(
        source.data,
        first.part,
        first.target,
        first.target_guessed,
        tuple(predictions),
        _recoded(first.rows.groups),
        tuple(dict.fromkeys(note for one in found for note in one.notes)),
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


def _recoded(groups: Array | None) -> Array | None:
    """Codes of groups without gaps: the rows of some groups may have been left out."""
    return None if groups is None else np.unique(groups, return_inverse=True)[1].ravel()


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
