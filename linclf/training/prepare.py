"""Prepare the rows: scaling and sample weights of the training rows, a check of the range of their numbers, and the rows that a
calibration and a threshold are learned from."""

from dataclasses import dataclass, replace

import numpy as np

from linclf.data.class_weights import ClassWeights
from linclf.data.scaling import Scaling, fit_scaling
from linclf.data.schema import Schema
from linclf.data.split import Part, Split
from linclf.errors import InputError
from linclf.losses import LOSSES, Array
from linclf.model.threshold import positive_code
from linclf.optim.linalg import Matrix, first_not_finite, is_zero, number_at
from linclf.training.options import TrainOptions


@dataclass(frozen=True)
class PreparedData:
    """The rows as they are trained on: scaled X (n, d) and its weights (n,) in the loss or None, the scaling, scaled
    validation rows, and the raw rows that a calibration and a threshold are learned from."""

    X: Matrix
    weights: Array | None
    scaling: Scaling
    val: Part | None
    held_out: Part | None = None


def prepare(options: TrainOptions, split: Split) -> PreparedData:
    """Scale the training and validation rows, and multiply the weights of rows and classes."""
    if options.threshold is not None:
        check_threshold(options, split.classes)
    held_out = held_out_rows(options, split)
    scaling, X = scale_training_rows(options, split)
    weights = loss_weights(options.class_weight, split.train.y, split.classes, split.train.weights)
    if weights is not None and not weights.any():
        raise InputError(
            f"class-weight is {options.class_weight}: all training rows have weight 0; give a class a weight > 0"
        )
    val = split.val
    if val is not None:
        val = replace(val, X=scaling.apply(val.X, options.dtype)[:])
    return PreparedData(X, weights, scaling, val, held_out)


def check_threshold(options: TrainOptions, classes: Array) -> None:
    """Raise InputError unless the threshold is for these classes (K,), and a number on the scale of the model."""
    positive_code(options.positive, classes)
    number = None if options.threshold is None else options.threshold.number
    loss = LOSSES.get(options.loss_name)
    has_probabilities = options.calibrate is not None or (loss is not None and loss.logits is not None)
    if number is not None and has_probabilities and not 0 <= number <= 1:
        raise InputError(f"threshold is {number:g}; the model has probabilities, so give one from 0 to 1")


def held_out_rows(options: TrainOptions, split: Split) -> Part | None:
    """The rows of known label that a calibration and a threshold are learned from: the validation rows, else the calibration rows;
    None if neither is wanted. Raises InputError for rows of a single class."""
    rows = split.calibration if split.val is None else split.val
    if rows is None or not options.learns_from_held_out():
        return None
    known = rows.y >= 0
    if len(np.unique(rows.y[known])) < 2:
        name, part = options.source.data, "held-out" if split.val is None else "validation"
        nothing = "calibrates nothing" if options.calibrate else "sets no threshold"
        raise InputError(f"{name}: the {part} rows hold a single known class, which {nothing}; give more rows")
    return rows if known.all() else rows.select(np.flatnonzero(known))


def scale_training_rows(options: TrainOptions, split: Split) -> tuple[Scaling, Matrix]:
    """Learn the scaling from the training rows; return it and the rows (n, d) as they are trained on."""
    name, rows = options.source.data, split.train
    scaling = fit_scaling(options.scale, rows.X, split.schema.sparse, split.schema.name, name, weights=rows.weights)
    X = scaling.apply(rows.X, options.dtype)
    if scaling.kind == "none":  # scaled numbers are moderate
        check_range(X, rows.X, split.schema, options, name)
    return scaling, X


def loss_weights(
    class_weight: ClassWeights | None, y: Array, classes: Array, row_weights: Array | None = None
) -> Array | None:
    """The weights (n,) in the loss of rows with codes y (n,): those of the rows times those of their classes; None if all are 1.

    `balanced`, as in scikit-learn: n / (K * the size of the class), where each row counts as often as its weight says.
    """
    if class_weight is None:
        return row_weights
    rows = np.ones(len(y)) if row_weights is None else row_weights
    if class_weight.balanced:
        sizes = np.bincount(y, rows)  # (K,)
        of_class = rows.sum() / (np.count_nonzero(sizes) * np.where(sizes > 0, sizes, 1))
    else:
        of_class = class_weight.of(classes)
    return np.asarray(rows * of_class[y])


def check_range(X: Matrix, raw: Matrix, schema: Schema, options: TrainOptions, name: str) -> None:
    """Refuse numbers that overflow in the dtype of training, or all become 0 in it."""
    if raw.dtype == X.dtype or raw.dtype.kind != "f":
        return
    advice = "use --scale standard or maxabs, --dtype float64, or rescale it"
    bad = first_not_finite(X)
    if bad:
        raise InputError(
            f"{name}: {schema.name(bad[1])} has {number_at(raw[np.array(bad[:1])], 0, bad[1]):g}, beyond {options.dtype}; {advice}"
        )
    if is_zero(X) and not is_zero(raw):
        raise InputError(f"{name}: all numbers are too small for {options.dtype} and would become 0; {advice}")
