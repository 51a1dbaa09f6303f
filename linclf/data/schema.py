"""How columns became features, as plain data: a model carries it, and another file is read the same way."""

from dataclasses import dataclass, replace
from typing import Any

from linclf.data.columns.infer import Column
from linclf.storage.decode import build


@dataclass(frozen=True)
class Schema:
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
    def of(cls, described: Any) -> "Schema":
        """A schema from what `dataclasses.asdict` made of them, by way of JSON. Raises ValueError for anything else."""
        features = build(cls, described)
        for column in features.columns or ():
            column.check()
        if any(column.kind == "text" for column in features.columns or ()) and not features.sparse:
            raise ValueError("text is sparse")
        if features.named() not in (None, features.count) or features.count < 0:
            raise ValueError("the features are not as many as their names")
        return features

    def is_identity(self) -> bool:
        """Whether the features are the columns, unchanged and in their order."""
        columns = self.columns or ()
        return not self.sparse and all(column.kind == "number" and not column.missing for column in columns)

    def input_schema(self) -> "Schema":
        """What a reader needs to know: the columns that the features are made of, not what they became."""
        if self.columns is None:
            return self
        used = tuple(column.name for column in self.columns if column.feature_names())
        unused = tuple(column.name for column in self.columns if not column.feature_names())
        return replace(self, count=len(used), names=used, drop=(*self.drop, *unused), columns=None)

    def feature_names(self) -> tuple[str, ...]:
        """What people call the features: their names, svmlight indices, or column numbers."""
        if self.columns is not None:
            return tuple(name for column in self.columns for name in column.feature_names())
        return self.names if self.names is not None else tuple(map(self._number, range(self.count)))

    def _number(self, j: int) -> str:
        return f"index {j + (not self.zero_based)}" if self.format == "svmlight" else f"column {j}"

    def named(self) -> int | None:
        """How many features have names, None where none has."""
        return None if self.names is None and self.columns is None else len(self.feature_names())

    def name(self, j: int) -> str:
        """What people call feature j."""
        return self._number(j) if self.names is None and self.columns is None else self.feature_names()[j]
