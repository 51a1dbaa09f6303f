"""The values that flow out of `linclf.data`: where data come from, what was read, and how columns became features."""

from dataclasses import dataclass

import numpy as np

from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Matrix, is_sparse, stack_rows


@dataclass(frozen=True)
class LabelledRows:
    """Rows of features X (n, d) with their labels y (n,) of any type; y is None where a file to predict has none."""

    X: Matrix
    y: Array | None

    def labels(self) -> Array:
        """y, where labels are needed."""
        if self.y is None:
            raise InputError("the data hold no labels; name their column with --target")
        return self.y


@dataclass(frozen=True)
class Dataset(LabelledRows):
    """What one name or path holds.

    source    as the user gave it
    features  how its columns became X
    digest    SHA-256 of the file's bytes, or of the arrays of a named set
    test      the test part that the data set brings, if any
    notes     what the user should hear of, a line each
    """

    source: Source
    schema: Schema
    digest: str
    test: LabelledRows | None = None
    notes: tuple[str, ...] = ()

    def named_notes(self) -> list[str]:
        """The notes, each with the name of the data set."""
        return [f"{self.source.data}: {note}" for note in self.notes]

    def pooled(self) -> LabelledRows:
        """All its rows, a test part of its own included."""
        if self.test is None:
            return self
        y = None if self.y is None or self.test.y is None else np.concatenate([self.y, self.test.y])
        return LabelledRows(stack_rows([self.X, self.test.X]), y)


def fit_columns(X: Matrix, like: Schema, name: str) -> tuple[Matrix, tuple[str, ...]]:
    """X with the columns of a model's features, and notes; for data whose columns are known by position only.

    Sparse rows may be narrower (a feature that never occurs is 0) or wider (columns never trained on are left out, with
    a note). Dense rows must fit. Raises InputError where they do not.
    """
    width = X.shape[1]
    if width == like.count:
        return X, ()
    if not is_sparse(X):
        raise InputError(
            f"{name}: has {width} feature columns, the model was trained on {like.count}; give data of the same columns"
        )
    if width < like.count:
        return type(X)((X.data, X.indices, X.indptr), shape=(X.shape[0], like.count)), ()
    kept = X[:, : like.count]
    lost = X.nnz - kept.nnz
    return kept, (f"{lost} values in columns beyond the {like.count} of the training data were ignored",)
