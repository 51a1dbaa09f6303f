"""The values that flow out of `linclf.data`: where data come from, what was read, and how columns became features."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from linclf.data.columns.infer import Column
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Matrix, is_sparse, stack_rows
from linclf.storage.decode import build
from linclf.storage.files import unpacked_limit


@dataclass(frozen=True)
class Source:
    """Where to read and how: the data options of the command line.

    data        a name (`linclf datasets`) or a path, `-` for standard input
    format      csv, tsv, jsonl, parquet, svmlight or npz; None: the suffix decides
    header      whether a table's first line names its columns
    target      the column of labels; None: the only column named target, label, class or y
    drop        columns to leave out
    zero_based  whether svmlight indices count from 0; None: from the file (an index 0 says so)
    numeric, category, text   columns that are numbers, categories or text whatever they look like
    min_count   rows that a level of a category, or a word in a text, must have to become a feature of its own
    max_features   columns beyond which data are refused: an index with a digit too many would take all memory
    max_unpacked   megabytes that a packed file may become; None: as `files.unpacked_limit` says
    """

    data: str = "digits"
    format: str | None = None
    header: bool = True
    target: str | None = None
    drop: tuple[str, ...] = ()
    zero_based: bool | None = None
    numeric: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    min_count: int = 2
    max_features: int = 2**24
    max_unpacked: float | None = None

    def __post_init__(self) -> None:
        if self.max_features < 1:
            raise InputError(f"max-features is {self.max_features}; give a whole number >= 1")
        if self.max_unpacked is not None and not 0 < self.max_unpacked < math.inf:
            raise InputError(f"max-unpacked is {self.max_unpacked}; give a number of megabytes > 0")
        if self.min_count < 1:
            raise InputError(f"min-count is {self.min_count}; give a whole number of rows >= 1")
        told = [name for columns in self.told().values() for name in columns]
        twice = next((name for name in told if told.count(name) > 1), None)
        if twice is not None:
            raise InputError(
                f"column {twice!r} is named by more than one of --drop, --numeric, --category and --text; name it once"
            )

    def check_width(self, width: int, line: int | None = None) -> None:
        """Refuse more columns than --max-features; `line` is where the first one beyond stands. Raises InputError."""
        if width > self.max_features:
            place = "" if line is None else f":{line}"
            raise InputError(
                f"{self.data}{place}: has {width} feature columns, more than --max-features {self.max_features}; if that is "
                "right, give a larger one"
            )

    def told(self) -> dict[str, tuple[str, ...]]:
        """The options that say what a column is, each with its columns."""
        return {"drop": self.drop, "numeric": self.numeric, "category": self.category, "text": self.text}


@dataclass(frozen=True)
class Raw:
    """What was read, before it is parsed: its source, the format, SHA-256, and the bytes, decompressed.

    skipped  lines that came before the content (of a table, between its header and its first row)

    """

    source: Source
    format: str | None
    digest: str
    content: bytes = b""
    skipped: int = 0

    def check_cells(self, rows: int, columns: int) -> None:
        """Refuse a table whose cells take more memory than a packed file of this size may become: formats that write a
        column's cells once, or leave missing ones out, can make much of little. Raises InputError."""
        self.check_bytes(8 * rows * columns)

    def check_bytes(self, size: int) -> None:
        """Refuse what would take so many bytes, likewise."""
        limit = unpacked_limit(len(self.content), self.source.max_unpacked)
        if size > limit:
            raise InputError(
                f"{self.source.data}: unpacks to {size / 1e6:.0f} MB, more than {limit / 1e6:.0f}; if that is right, say "
                "--max-unpacked"
            )


@dataclass(frozen=True)
class Features:
    """How columns became features, as plain data: a model carries it, and another file is read the same way.

    count       n_features
    names       the names of the columns, or None where columns have none (svmlight, npz)
    sparse      whether the features are sparse
    format      the format read, None for a named data set
    header, target, drop, zero_based   as in Source, resolved
    texts       the columns that are read as text whatever is in them
    columns     what each column became; None where the columns are the features
    """

    count: int
    names: tuple[str, ...] | None = None
    sparse: bool = False
    format: str | None = None
    header: bool = True
    target: str | None = None
    drop: tuple[str, ...] = ()
    zero_based: bool | None = None
    texts: tuple[str, ...] = ()
    columns: tuple[Column, ...] | None = None

    @classmethod
    def of(cls, described: Any) -> "Features":
        """Features from what `dataclasses.asdict` made of them, by way of JSON. Raises ValueError for anything else."""
        features = build(cls, described)
        for column in features.columns or ():
            column.check()
        if any(column.kind == "text" for column in features.columns or ()) and not features.sparse:
            raise ValueError("text is sparse")
        if features.named() not in (None, features.count) or features.count < 0:
            raise ValueError("the features are not as many as their names")
        return features

    def as_they_stand(self) -> bool:
        """Whether the features are the columns, unchanged and in their order."""
        columns = self.columns or ()
        return not self.sparse and all(column.kind == "number" and not column.missing for column in columns)

    def columns_only(self) -> "Features":
        """What a reader needs to know: the columns that the features are made of, not what they became."""
        if self.columns is None:
            return self
        used = tuple(column.name for column in self.columns if column.features())
        unused = tuple(column.name for column in self.columns if not column.features())
        return replace(self, count=len(used), names=used, drop=(*self.drop, *unused), columns=None)

    def feature_names(self) -> tuple[str, ...]:
        """What people call the features: their names, svmlight indices, or column numbers."""
        if self.columns is not None:
            return tuple(name for column in self.columns for name in column.features())
        return self.names if self.names is not None else tuple(map(self._number, range(self.count)))

    def _number(self, j: int) -> str:
        return f"index {j + (not self.zero_based)}" if self.format == "svmlight" else f"column {j}"

    def named(self) -> int | None:
        """How many features have names, None where none has."""
        return None if self.names is None and self.columns is None else len(self.feature_names())

    def name(self, j: int) -> str:
        """What people call feature j."""
        return self._number(j) if self.names is None and self.columns is None else self.feature_names()[j]


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
