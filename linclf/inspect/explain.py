"""What a linear model uses: its strongest weights, and what each feature adds to the score of one row."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array
from linclf.model.linear_model import LinearModel
from linclf.optim.linalg import Matrix, to_dense
from linclf.storage.decode import JsonObject

TOP = 10  # features listed for each class and sign


class Picture(NamedTuple):
    """Pixels (height, width) under a title; those of a signed picture may be negative."""

    title: str
    pixels: Array
    signed: bool


def strongest(model: LinearModel, top: int = TOP, wanted: str | None = None) -> JsonObject:
    """The `top` features of each sign with the strongest weights, for each class or for the `wanted` one.

    The strength of a weight is what a change of the feature by one unit of the scaling adds to the score: by one
    standard deviation, by the largest number in training, or by 1. So it does not depend on the units of the table.
    `base` is the score that these changes start from, as in `contributions`: that of a row whose numbers are all at their means
    (without standardisation, at 0); `bias` is that of a row of zeros.
    """
    classes, names, values = [], model.schema.feature_names(), strengths(model)
    reference = _reference(model)  # (d,)
    for j, sign, label in _outputs(model, wanted):
        strength = sign * values[:, j]
        order = np.argsort(-np.abs(strength), kind="stable")
        entries = {
            side: [
                {"feature": names[i], "weight": float(sign * model.weight[i, j]), "strength": float(strength[i])}
                for i in order[chosen[order]][:top].tolist()
            ]
            for side, chosen in (("positive", strength > 0), ("negative", strength < 0))
        }
        base = sign * (float(model.bias[j]) + float(reference @ model.weight[:, j]))
        classes.append({"class": label, "bias": float(sign * model.bias[j]), "base": base, **entries})
    at_means = model.center is not None or _encoded_numbers_are_standardised(model)
    start = "with all numbers at their means" if at_means else "of a row of zeros"
    described = {"loss": model.loss, "unit": unit(model), "from": start, "n_features": model.schema.count}
    return {**described, "classes": classes}


def strengths(model: LinearModel) -> Array:
    """The weights (d, m) times the units of the scaling, which makes them comparable."""
    return model.weight if model.scale is None else model.weight * model.scale[:, None]


def unit(model: LinearModel) -> str:
    """The change of a feature that its strength is for."""
    if model.scale is None:
        return "1 (of numbers, one standard deviation)" if _encoded_numbers_are_standardised(model) else "1"
    return "one standard deviation of the feature" if model.center is not None else "the largest number of the feature"


def _encoded_numbers_are_standardised(model: LinearModel) -> bool:
    """Whether numbers of a table became standardised features, as in a table with text."""
    return model.schema.sparse and model.schema.columns is not None and any(_is_number(model))


def contributions(model: LinearModel, X: Matrix, wanted: str | None = None) -> JsonObject:
    """What each feature adds to the score of one row X (1, d) of features, for the predicted or the `wanted` class.

    A number adds its distance from the mean of the training rows times its weight, any other feature its value times
    its weight; `base` is the score of a row in which all of these are 0. The score is exactly the sum of base and
    contributions as computed by `math.fsum`. The largest contributions come first; features that add nothing are left
    out. `is_number` is False for levels, words, and flags of missing cells; `text` is the value as people write it.
    """
    names, predicted = model.schema.feature_names(), model.predict(X).tolist()[0]
    row = _dense_row(X)
    reference = _reference(model)  # (d,)
    shown = _shown_values(model, row)
    ((j, sign, label),) = _outputs(model, str(predicted) if wanted is None else wanted)
    weight = sign * model.weight[:, j].astype(np.float64)  # (d,)
    adds = weight * (row - reference)
    base = math.fsum([sign * float(model.bias[j]), *(weight * reference).tolist()])
    order = np.argsort(-np.abs(adds), kind="stable")
    is_number, spell = _is_number(model), _spellings(model)
    entries = [
        {
            "feature": names[i],
            "value": shown[i],
            "text": spell[i](shown[i]),
            "is_number": is_number[i],
            "adds": float(adds[i]),
        }
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


def _dense_row(X: Matrix) -> Array:
    """A single row (1, d) as an array (d,)."""
    return to_dense(X[:]).astype(np.float64).ravel()


def _outputs(model: LinearModel, wanted: str | None) -> list[tuple[int, int, object]]:
    """The index of the output, the sign of its score, and the label, for each class or for the wanted one.

    If there is one output for two classes, its score is that of the second class, and the first class has the negative.
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


def _is_number(model: LinearModel) -> list[bool]:
    """Of each feature, whether it is a number of the table: not a level, a word, or a flag of missing cells."""
    if model.schema.columns is None:
        return [True] * model.schema.count
    return [is_number for column in model.schema.columns for is_number in column.number_features()]


def _spellings(model: LinearModel) -> list[Callable[[float], str]]:
    """Of each feature, how its value is written."""
    if model.schema.columns is None:
        return ["{:.6g}".format] * model.schema.count
    return [column.spell for column in model.schema.columns for _ in column.feature_names()]


def _reference(model: LinearModel) -> Array:
    """The value (d,) of each feature in a row that adds nothing: the mean of numbers, 0 of all others."""
    if model.center is None:
        return np.zeros(model.schema.count)
    return np.where(_is_number(model), model.center, 0.0)


def _shown_values(model: LinearModel, row: Array) -> list[float]:
    """The values (d,) of a row in the units of the table."""
    columns = model.schema.columns if model.schema.sparse else None
    if columns is None:
        return [float(x) for x in row]
    ends = np.cumsum([len(column.feature_names()) for column in columns])[:-1]
    blocks = zip(columns, np.split(row, ends), strict=True)
    return [float(x) for column, features in blocks for x in column.in_table_units(features)]


def weight_pictures(model: LinearModel, shape: tuple[int, int], wanted: str | None = None) -> list[Picture]:
    """The strengths of the weights of each class, or of the wanted one, as pictures (height, width)."""
    values = strengths(model)
    return [
        Picture(str(label), _as_picture(model, sign * values[:, j], shape), signed=True)
        for j, sign, label in _outputs(model, wanted)
    ]


def row_pictures(model: LinearModel, X: Matrix, shape: tuple[int, int], wanted: str | None = None) -> list[Picture]:
    """A row X (1, d) as a picture (height, width), and what each of its pixels adds to the score."""
    row = _dense_row(X)
    ((j, sign, label),) = _outputs(model, str(model.predict(X).tolist()[0]) if wanted is None else wanted)
    adds = sign * model.weight[:, j] * (row - _reference(model))
    return [
        Picture("the row", _as_picture(model, row, shape), signed=False),
        Picture(f"adds to {label}", _as_picture(model, adds, shape), signed=True),
    ]


def _as_picture(model: LinearModel, values: Array, shape: tuple[int, int]) -> Array:
    """The values (d,) of features as pixels (height, width), 0 for the columns of a table that were left out.

    Raises InputError unless there is a number for each pixel.
    """
    columns, (height, width) = model.schema.columns, shape
    if columns is not None:
        if not all(column.is_identity or column.left_out_reason for column in columns):
            raise InputError("--image: some columns are not numbers, so that a row is not a picture; leave it out")
        pixels = np.zeros(len(columns))
        pixels[[bool(column.feature_names()) for column in columns]] = values
        values = pixels
    if len(values) != height * width:
        raise InputError(f"--image {height}x{width}: is {height * width} pixels, the model has {len(values)} columns")
    return values.reshape(height, width)
