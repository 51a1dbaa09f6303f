"""Features of some rows of a data set, for the checks that train on them."""

import numpy as np

from linclf.data.dataset import Dataset
from linclf.data.encoder import encode
from linclf.data.schema import Schema
from linclf.losses import Array
from linclf.optim.linalg import Stored, materialize


def features_of(dataset: Dataset, schema: Schema, rows: Array, without: str | None = None) -> Stored:
    """The features (n, d) of some rows, by a schema that was learned; without those of a column."""
    X = materialize(encode(dataset.select(rows).X, schema, dataset.source.data)[0])
    owners = [column.name for column in schema.columns or () for _ in column.feature_names()]
    return X if without not in owners else select_columns(X, np.flatnonzero([owner != without for owner in owners]))


def select_columns(X: Stored, columns: Array) -> Stored:
    """Some columns of X."""
    if isinstance(X, np.ndarray):
        return X[:, columns]
    from scipy.sparse import csr_matrix

    chosen: Stored = csr_matrix(X)[:, columns]
    return chosen


def standardised(X: Stored) -> Stored:
    """Dense rows with columns of mean 0 and standard deviation 1, 0 where numbers are the same or too large; sparse rows as they
    are."""
    if not isinstance(X, np.ndarray):
        return X
    with np.errstate(over="ignore", invalid="ignore"):
        centred = X - X.mean(axis=0)
        spread = centred.std(axis=0)
        return np.asarray(np.where(np.isfinite(spread) & (spread > 0), centred / np.where(spread > 0, spread, 1), 0))
