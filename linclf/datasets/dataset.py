"""The values that flow out of `linclf.datasets`: where data come from, what was read, and how columns became features."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array
from linclf.matrix import Matrix, is_sparse, stack_rows


@dataclass(frozen=True)
class Source:
    """Where to read and how: the data options of the command line.

    data        a name (`linclf datasets`) or a path, `-` for standard input
    format      csv, tsv, svmlight or npz; None: the suffix decides
    header      whether a table's first line names its columns
    target      the column of labels; None: the only column named target, label, class or y
    drop        columns to leave out
    zero_based  whether svmlight indices count from 0; None: from the file (an index 0 says so)
    """

    data: str = "digits"
    format: str | None = None
    header: bool = True
    target: str | None = None
    drop: tuple[str, ...] = ()
    zero_based: bool | None = None


@dataclass(frozen=True)
class Raw:
    """What was read, before it is parsed: its source, the format, SHA-256, and the bytes, decompressed."""

    source: Source
    format: str | None
    digest: str
    content: bytes = b""


@dataclass(frozen=True)
class Features:
    """How columns became features, as plain data: a model carries it, and another file is read the same way.

    count       n_features
    names       their names, or None where columns have none (svmlight, npz)
    sparse      whether the file's layout is sparse
    format      the format read, None for a named data set
    header, target, drop, zero_based   as in Source, resolved
    """

    count: int
    names: tuple[str, ...] | None = None
    sparse: bool = False
    format: str | None = None
    header: bool = True
    target: str | None = None
    drop: tuple[str, ...] = ()
    zero_based: bool | None = None

    @classmethod
    def of(cls, described: dict[str, Any]) -> "Features":
        """Features from what `dataclasses.asdict` made of them, also by way of JSON; other keys are left out."""
        known = {field.name: described[field.name] for field in fields(cls)}
        arguments: dict[str, Any] = {key: tuple(x) if isinstance(x, list) else x for key, x in known.items()}
        return cls(**arguments)

    def name(self, j: int) -> str:
        """What people call feature j: its name, its svmlight index, or its column number."""
        if self.names:
            return self.names[j]
        return f"index {j}" if self.zero_based else f"index {j + 1}" if self.format == "svmlight" else f"column {j}"


@dataclass(frozen=True)
class Labelled:
    """Rows of features X (n, d) with their labels y (n,) of any type; y is None where a file to predict has none."""

    X: Matrix
    y: Array | None

    def labels(self) -> Array:
        """y, where labels are needed."""
        if self.y is None:
            raise InputError("the data hold no labels; name their column with --target")
        return self.y


@dataclass(frozen=True)
class Dataset(Labelled):
    """What one name or path holds.

    source    as the user gave it
    features  how its columns became X
    digest    SHA-256 of the file's bytes, or of the arrays of a named set
    test      the test part that the data set brings, if any
    notes     what the user should hear of, a line each
    """

    source: Source
    features: Features
    digest: str
    test: Labelled | None = None
    notes: tuple[str, ...] = ()

    def said(self) -> list[str]:
        """The notes, each with the name of the data set."""
        return [f"{self.source.data}: {note}" for note in self.notes]

    def pooled(self) -> Labelled:
        """All its rows, a test part of its own included."""
        if self.test is None:
            return self
        y = None if self.y is None or self.test.y is None else np.concatenate([self.y, self.test.y])
        return Labelled(stack_rows([self.X, self.test.X]), y)


def fit_columns(X: Matrix, like: Features, name: str) -> tuple[Matrix, tuple[str, ...]]:
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
