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
from linclf.optim.linalg import (
    Matrix,
    first_not_finite,
    is_zero,
    materialize,
    number_at,
    occurring_columns,
    stored,
    take_columns,
)
from linclf.training.options import TrainOptions

MANY_COLUMNS = 1 << 12  # from which on those that do not occur are left out
SMALL = 1 << 22  # numbers of the training rows that are scaled once and kept


@dataclass(frozen=True)
class PreparedData:
    """The rows as they are trained on: scaled X (n, d) and its weights (n,) in the loss or None, the scaling, scaled
    validation rows, and the raw rows that a calibration and a threshold are learned from.

    columns  the columns that X and the validation rows have of sparse data, None for all
    """

    X: Matrix
    weights: Array | None
    scaling: Scaling
    val: Part | None
    held_out: Part | None = None
    columns: Array | None = None

    def of_all_columns(self, W: Array, d: int) -> Array:
        """Weights of the columns of X as those of all (d, m), 0 for the others."""
        if self.columns is None:
            return W
        whole = np.zeros((d, W.shape[1]), W.dtype)
        whole[self.columns] = W
        return whole


def prepare(options: TrainOptions, split: Split, *, all_columns: bool = False) -> PreparedData:
    """Scale the training and validation rows, and multiply the weights of rows and classes. Of sparse data, most of whose many
    columns do not occur, such as hashed text, the others are taken, unless `all_columns` are wanted: training takes time and memory
    for each column."""
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
    if X.shape[0] * X.shape[1] <= SMALL:  # else every pass scales the rows again, for a third of the time of a fit
        X = materialize(X)
    columns = None if all_columns or X.shape[1] < MANY_COLUMNS else occurring_columns(stored(X))
    if columns is not None:
        X = take_columns(materialize(X), columns)
        val = None if val is None else replace(val, X=take_columns(materialize(val.X), columns))
    return PreparedData(X, weights, scaling, val, held_out, columns)


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
