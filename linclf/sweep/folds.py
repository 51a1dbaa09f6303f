"""The folds of a sweep: which rows each trains on, and how it sees the columns.

A fold is a 0/1 weight for each row, so that other rows have no influence; and its scaling is learned from its own training rows.
A fold of a cross-validation trains on all rows that it does not hold out. A fold forward in time trains on the rows before those
that it holds out, and later rows are neither. On dense data all folds still share one X, scaled by all training rows, of which
each fold has its own ColumnView. In two cases each fold has an X instead, and the folds are trained in lockstep: sparse data that
are scaled, where a view would make a step cost O(d); and folds whose scalings differ so much, by an outlier that one of them holds
out, that digits would be lost in the shared X.
"""

from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from linclf.data.scaling import Scaling, moments, scaling_from_moments
from linclf.data.split import Part, Split
from linclf.losses import Array
from linclf.optim.column_view import ColumnView
from linclf.optim.linalg import Matrix, is_sparse
from linclf.training.options import TrainOptions
from linclf.training.prepare import scale_training_rows

# A fold's scaling relative to the shared one, in units of either; at this ratio float32 has a relative error of about 1e-5.
MAX_SCALE_RATIO = 100.0


@dataclass(frozen=True)
class Fold:
    """One choice of rows to train on and rows to score on.

    used      (n,) bool: the training rows that it trains on, None for all
    held_out  the rows that it is scored on, not scaled
    scaling   learned from the rows that it trains on
    """

    used: Array | None
    held_out: Part
    scaling: Scaling


@dataclass(frozen=True)
class ScaledTrainingData:
    """The training rows X (n, d), scaled by all of them, and the folds.

    view            how the folds see X, if they are scaled and share it
    one_X_per_fold  whether each fold scales the rows for itself instead
    """

    X: Matrix
    folds: tuple[Fold, ...]
    view: ColumnView | None = None
    one_X_per_fold: bool = False


def scale_for_folds(
    options: TrainOptions, split: Split, fold_of: Array | None, forward: bool = False
) -> ScaledTrainingData:
    """Scale the training rows.

    fold_of  (n,) the fold that holds each row out, -1 for none; None: there is a validation part instead
    forward  whether each fold trains on the rows of the folds before it only
    """
    scaling, X = scale_training_rows(options, split)
    if fold_of is None:
        if split.val is None:
            raise AssertionError("without folds there is a validation part")
        return ScaledTrainingData(X, (Fold(None, split.val, scaling),))
    rows, k = split.train, int(fold_of.max()) + 1
    members = {j: np.flatnonzero(fold_of == j) for j in range(-1 if forward else 0, k)}
    trains_on = [[i for i in members if i < j or (i > j and not forward)] for j in range(k)]
    held_out = [rows.select(members[j]) for j in range(k)]
    own = [scaling] * k
    if scaling.scale is not None:
        # the moments of the rows of each fold, in one pass; those of the rows that a fold trains on are their sum
        parts = {i: rows.select(one) for i, one in members.items()}
        by_fold = {i: moments(scaling.kind, part.X, part.weights) for i, part in parts.items()}
        used = [reduce(add, [by_fold[i] for i in others]) for others in trains_on]
        own = [scaling_from_moments(scaling.kind, one, split.schema.name, options.source.data) for one in used]
    folds = tuple(Fold(np.isin(fold_of, trains_on[j]), held_out[j], own[j]) for j in range(k))
    if scaling.scale is None:
        return ScaledTrainingData(X, folds)
    view = None if is_sparse(X) else _view(scaling, own, options.bias)
    return ScaledTrainingData(X, folds, view, one_X_per_fold=view is None)


def _view(shared: Scaling, folds: list[Scaling], bias: bool) -> ColumnView | None:
    """How the folds see columns that were scaled by all rows; a column that is constant in a fold's rows is 0 for it. None
    if their scalings differ too much."""
    if shared.scale is None:
        raise AssertionError("columns that are not scaled are the same for all folds")
    d, origin = len(shared.scale), 0 if shared.center is None else shared.center
    center, factor = np.zeros((len(folds), d + 1)), np.full((len(folds), d + 1), float(bias))
    for j, fold in enumerate(folds):
        center[j, :d] = 0 if fold.center is None else (fold.center - origin) / shared.scale
        factor[j, :d] = shared.scale / fold.scale * (1 if fold.constant is None else ~fold.constant)
    ratio = max(np.abs(factor).max(), np.abs(center * factor).max())
    return None if ratio > MAX_SCALE_RATIO else ColumnView(center.T[:, None], factor.T[:, None])  # (d + 1, 1, k)
