"""What a linear model pays attention to: its strongest weights, and what each feature adds to the score of one row."""

import math
from typing import Any, NamedTuple

import numpy as np

from linclf.data.columns.infer import Column
from linclf.errors import InputError
from linclf.losses import Array
from linclf.model.linear_model import LinearModel
from linclf.optim.linalg import Matrix, is_sparse

TOP = 10  # features told of each class and sign


class Picture(NamedTuple):
    """Pixels (height, width) under a title; signed ones are about 0."""

    title: str
    pixels: Array
    signed: bool


def strongest(model: LinearModel, top: int = TOP, wanted: str | None = None) -> dict[str, Any]:
    """The features with the strongest weights of each class, or of the `wanted` one.

    Strength is weight times what the feature was divided by in training, so that units do not matter: what a change by
    one standard deviation (or by the largest number seen, or by 1, as the scaling was) adds to the score.
    """
    classes, names = [], model.schema.feature_names()
    for j, sign, label in _outputs(model, wanted):
        strength = sign * strengths(model)[:, j]
        order = np.argsort(-np.abs(strength), kind="stable")
        entries = {
            side: [
                {"feature": names[i], "weight": float(sign * model.weight[i, j]), "strength": float(strength[i])}
                for i in order[chosen[order]][:top].tolist()
            ]
            for side, chosen in (("positive", strength > 0), ("negative", strength < 0))
        }
        classes.append({"class": label, "bias": float(sign * model.bias[j]), **entries})
    return {"loss": model.loss, "unit": unit(model), "n_features": model.schema.count, "classes": classes}


def strengths(model: LinearModel) -> Array:
    """The weights (d, m), comparable across the units of the features."""
    return model.weight if model.scale is None else model.weight * model.scale[:, None]


def unit(model: LinearModel) -> str:
    """What the strength of a feature is measured by."""
    if model.scale is None:
        standardised = model.schema.sparse and any(
            column.kind in ("number", "date") for column in model.schema.columns or ()
        )
        return "1 (of numbers, one standard deviation)" if standardised else "1"
    return "one standard deviation of the feature" if model.center is not None else "the largest number of the feature"


def contributions(model: LinearModel, X: Matrix, wanted: str | None = None) -> dict[str, Any]:
    """What each feature adds to the score of one row X (1, d) of features, for the class predicted or the `wanted` one.

    Of numbers it is told what their distance from the mean of the training rows adds, of all others what being there
    adds; `base` is the score without any of it. The sum of base and contributions is the score, to the last bit if it is
    taken exactly (`math.fsum`). The largest come first; features that add nothing are left out. `is_number` is False for
    levels, words, and what says that a cell is missing.
    """
    names, predicted = model.schema.feature_names(), model.predict(X).tolist()[0]
    row = _numbers(X)
    reference = _reference(model)  # (d,)
    shown = _shown_values(model, row)
    j, sign, label = _output(model, X, wanted)
    weight = sign * model.weight[:, j].astype(np.float64)  # (d,)
    adds = weight * (row - reference)
    base = math.fsum([sign * float(model.bias[j]), *(weight * reference).tolist()])
    order = np.argsort(-np.abs(adds), kind="stable")
    numbers = [column is not None or model.schema.columns is None for column in _by_feature(model)]
    entries = [
        {"feature": names[i], "value": shown[i], "is_number": numbers[i], "adds": float(adds[i])}
        for i in order.tolist()
        if adds[i]
    ]
    score = math.fsum([base, *(entry["adds"] for entry in entries)])
    return {
        "loss": model.loss,
        "predicted": predicted,
        "class": label,
        "score": score,
        "base": base,
        "contributions": entries,
    }


def _numbers(X: Matrix) -> Array:
    """A single row (1, d) as numbers (d,)."""
    return np.asarray((X.toarray() if is_sparse(X) else np.asarray(X[:])).astype(np.float64).ravel())


def _output(model: LinearModel, X: Matrix, wanted: str | None) -> tuple[int, int, Any]:
    """The one of `_outputs` for the class wanted, else for the one predicted of a row X (1, d)."""
    (found,) = _outputs(model, str(model.predict(X).tolist()[0]) if wanted is None else wanted)
    return found


def _outputs(model: LinearModel, wanted: str | None) -> list[tuple[int, int, Any]]:
    """For each class to tell of: the output that speaks for it, 1 or -1 for against, and its label.

    With one output for two classes, the second one has the score, and the first one its negative.
    """
    labels = model.classes.tolist()
    if wanted is None:
        chosen = list(range(len(labels)))[-model.weight.shape[1] :]
    elif wanted in map(str, labels):
        chosen = [list(map(str, labels)).index(wanted)]
    else:
        raise InputError(
            f"--class {wanted}: the model has no such class; its classes are {', '.join(map(str, labels))}"
        )
    if model.weight.shape[1] == 1:
        return [(0, 1 if k == 1 else -1, labels[k]) for k in chosen]
    return [(k, 1, labels[k]) for k in chosen]


def _by_feature(model: LinearModel) -> list[Column | None]:
    """The column that each feature is the number of itself; None for levels, words and what says that a cell is missing."""
    if model.schema.columns is None:
        return [None] * model.schema.count
    return [
        column if column.kind in ("number", "date") and name == column.name else None
        for column in model.schema.columns
        for name in column.feature_names()
    ]


def _reference(model: LinearModel) -> Array:
    """The value (d,) of each feature in a row that is nothing special: the mean of numbers, 0 of all others."""
    if model.center is None:
        return np.zeros(model.schema.count)
    if model.schema.columns is None:
        return model.center
    return np.where([column is not None for column in _by_feature(model)], model.center, 0.0)


def _shown_values(model: LinearModel, row: Array) -> list[float]:
    """The values (d,) of a row as they stand in the table."""
    if not model.schema.sparse:
        return [float(x) for x in row]
    return [
        float(x if column is None else x * column.spread + column.center)
        for x, column in zip(row, _by_feature(model), strict=True)
    ]


def weight_pictures(model: LinearModel, shape: tuple[int, int], wanted: str | None = None) -> list[Picture]:
    """The strength of the weights of each class, or of the `wanted` one, as pictures of this height and width."""
    values = strengths(model)
    return [
        Picture(str(label), _as_picture(model, sign * values[:, j], shape), signed=True)
        for j, sign, label in _outputs(model, wanted)
    ]


def row_pictures(model: LinearModel, X: Matrix, shape: tuple[int, int], wanted: str | None = None) -> list[Picture]:
    """A row X (1, d) as a picture of this height and width, and what each of its pixels adds to the score."""
    row = _numbers(X)
    j, sign, label = _output(model, X, wanted)
    adds = sign * model.weight[:, j] * (row - _reference(model))
    return [
        Picture("the row", _as_picture(model, row, shape), signed=False),
        Picture(f"adds to {label}", _as_picture(model, adds, shape), signed=True),
    ]


def _as_picture(model: LinearModel, values: Array, shape: tuple[int, int]) -> Array:
    """Values (d,) of features as pixels (height, width); columns of a table that were left out are 0.

    Raises InputError where the features are not as many as the pixels, or no numbers.
    """
    columns, (height, width) = model.schema.columns, shape
    if columns is not None:
        if any(column.kind not in ("number", "constant", "id") or column.missing for column in columns):
            raise InputError("--image: some columns are not numbers, so that a row is no picture; leave it out")
        whole = np.zeros(len(columns))
        whole[[bool(column.feature_names()) for column in columns]] = values
        values = whole
    if len(values) != height * width:
        raise InputError(f"--image {height}x{width}: is {height * width} pixels, the model has {len(values)} columns")
    return values.reshape(height, width)
