"""Prepare the training rows: scaling, sample weights, and a check of the range of the numbers."""

from dataclasses import dataclass

import numpy as np

from linclf.data.scaling import Scaling, fit_scaling
from linclf.data.schema import Schema
from linclf.data.split import Part, Split
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Matrix, first_not_finite, is_zero, number_at
from linclf.training.options import TrainOptions


@dataclass(frozen=True)
class PreparedData:
    """The rows as they are trained on: scaled X (n, d) and its weights (n,) or None, the scaling, and scaled validation rows."""

    X: Matrix
    weights: Array | None
    scaling: Scaling
    val: Part | None


def prepare(options: TrainOptions, split: Split, weights: Array | None = None) -> PreparedData:
    """Scale the training and validation rows; weights (n,) of the training rows are multiplied with the class weights."""
    scaling, X = scale_training_rows(options, split)
    class_weights = sample_weights(options.class_weight, split.train.y)
    if weights is None:
        weights = class_weights
    elif class_weights is not None:
        weights = weights * class_weights
    val = None if split.val is None else Part(scaling.apply(split.val.X, options.dtype)[:], split.val.y)
    return PreparedData(X, weights, scaling, val)


def scale_training_rows(options: TrainOptions, split: Split) -> tuple[Scaling, Matrix]:
    """Learn the scaling from the training rows; return it and the rows (n, d) as they are trained on."""
    name, rows = options.source.data, split.train
    scaling = fit_scaling(options.scale, rows.X, split.schema.sparse, split.schema.name, name)
    X = scaling.apply(rows.X, options.dtype)
    if scaling.kind == "none":  # scaled numbers are moderate
        check_range(X, rows.X, split.schema, options, name)
    return scaling, X


def sample_weights(class_weight: str | None, y: Array, used: Array | None = None) -> Array | None:
    """The weights (n,) of rows with codes y, None if all are 1. Rows that are not `used` (n,) have weight 0.

    `balanced`, as in scikit-learn: n / (K * the size of the row's class), all counted over the used rows.
    """
    if class_weight is None:
        return None if used is None else used.astype(np.float64)
    used = np.ones(len(y)) if used is None else used.astype(np.float64)
    sizes = np.bincount(y, used)  # (K,)
    return np.asarray(used * (used.sum() / (np.count_nonzero(sizes) * np.maximum(sizes, 1)))[y])


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
