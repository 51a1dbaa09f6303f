"""The folds of a sweep: which rows each trains on, and how each sees the columns.

How folds stay apart: a fold is a 0/1 weight for each row, so that rows held out move nothing; and its scaling is learned
from its own training rows. On dense data all folds of a configuration still share one X, scaled by all rows, of which each
fold has its own View. Where it cannot, each fold has an X of its own, and the passes go on in step: sparse data that are
scaled, whose View would cost a step O(d), and folds whose scalings are so far apart, by an outlier that one of them holds
out, that the shared X would cost digits.
"""

from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from linclf.data.scaling import Scaling, moments, scaling_from_moments
from linclf.data.split import Part, Split
from linclf.losses import Array
from linclf.optim.column_view import ColumnView
from linclf.optim.linalg import Matrix, is_sparse, select
from linclf.training.options import TrainOptions
from linclf.training.train import scaled

MAX_SCALE_RATIO = 100.0  # a fold's scaling from the shared one, in units of either: some 1e-5 of a float32's digits


@dataclass(frozen=True)
class Fold:
    """One choice of rows to train on and rows to score on.

    used     (n,) bool: the training rows that it trains on, None for all
    held     the rows that it is scored on, as they come
    scaling  learned from the rows that it trains on
    """

    used: Array | None
    held: Part
    scaling: Scaling


@dataclass(frozen=True)
class Space:
    """The training rows X (n, d) in the scaling learned from all of them, and the folds.

    view   how the folds see X, where they are scaled and share it
    apart  whether each fold has an X of its own instead
    """

    X: Matrix
    folds: tuple[Fold, ...]
    view: ColumnView | None = None
    apart: bool = False


def scaled_training_data(options: TrainOptions, split: Split, fold_of: Array | None) -> Space:
    """The training rows scaled, and the folds: which rows each trains on and is scored on, and how it sees the columns."""
    scaling, X = scaled(options, split)
    if fold_of is None:
        if split.val is None:
            raise AssertionError("without folds there is a validation part")
        return Space(X, (Fold(None, split.val, scaling),))
    rows, k = split.train, int(fold_of.max()) + 1
    held = [Part(select(rows.X, places), rows.y[places]) for places in (np.flatnonzero(fold_of == j) for j in range(k))]
    own = [scaling] * k
    if scaling.scale is not None:
        # the moments of what each fold holds out, one pass in all; a fold's own are the sum of the others'
        known = [moments(scaling.kind, part.X) for part in held]
        others = [reduce(add, known[:j] + known[j + 1 :]) for j in range(k)]
        own = [scaling_from_moments(scaling.kind, one, split.schema.name, options.source.data) for one in others]
    found = [Fold(fold_of != j, held[j], own[j]) for j in range(k)]
    if scaling.scale is None:
        return Space(X, tuple(found))
    view = _view(scaling, [fold.scaling for fold in found], options.bias)
    far = max(np.abs(view.rate).max(), np.abs(view.center * view.rate).max())
    if is_sparse(X) or far > MAX_SCALE_RATIO:
        return Space(X, tuple(found), apart=True)
    return Space(X, tuple(found), view)


def _view(shared: Scaling, folds: list[Scaling], bias: bool) -> ColumnView:
    """How folds see columns that were scaled by all rows; a column that is constant in a fold's rows is 0 there."""
    if shared.scale is None:
        raise AssertionError("columns that are not scaled look alike to all folds")
    d, origin = len(shared.scale), 0 if shared.center is None else shared.center
    center, rate = np.zeros((len(folds), d + 1)), np.full((len(folds), d + 1), float(bias))
    for j, fold in enumerate(folds):
        center[j, :d] = 0 if fold.center is None else (fold.center - origin) / shared.scale
        rate[j, :d] = shared.scale / fold.scale * (1 if fold.constant is None else ~fold.constant)
    return ColumnView(center.T[:, None], rate.T[:, None])  # (d + 1, 1, k)
