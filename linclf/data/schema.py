"""How the columns of a data set became features, as plain data: model files hold it, other files are read by it."""

from dataclasses import dataclass, replace

from linclf.data.columns.base import Column
from linclf.data.columns.registry import column_from_record
from linclf.storage.decode import build


@dataclass(frozen=True)
class Schema:
    """How the columns of a data set became features.

    count       n_features
    names       the names of the columns, None where columns have none (svmlight, npz); those in `drop` are not read
    sparse      whether the features are sparse
    format      the format that was read, None for a named data set
    header, target, drop, zero_based   as in Source, resolved
    texts       the columns that are read as text, whatever their cells look like
    decimal     the decimal mark of text
    na_values   as in Source: cells that are missing
    rows        the number of training rows, a row of weight 2 being two; 0 where it is not known
    columns     the columns and their features; None where the columns are the features
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
    decimal: str = "."
    na_values: tuple[str, ...] = ()
    rows: int = 0

    @classmethod
    def of(cls, record: object) -> "Schema":
        """The schema that `dataclasses.asdict` made this record of, also by way of JSON.

        Raises ValueError or TypeError for a record that linclf did not write.
        """
        if not isinstance(record, dict):
            raise TypeError(f"Schema is {type(record).__name__}, not an object")
        columns = record.get("columns")
        if not isinstance(columns, list | tuple | None):
            raise TypeError(f"Schema.columns is {str(columns)[:40]!r}")
        schema = build(cls, {**record, "columns": None})
        if columns is not None:
            schema = replace(schema, columns=tuple(column_from_record(column) for column in columns))
        if any(column.needs_sparse for column in schema.columns or ()) and not schema.sparse:
            raise ValueError("a column that needs sparse features has dense ones")
        if schema.n_named() not in (None, schema.count) or schema.count < 0:
            raise ValueError("the number of features differs from the number of their names")
        return schema

    def is_identity(self) -> bool:
        """Whether the features are the columns, unchanged and in their order."""
        return not self.sparse and all(column.is_identity for column in self.columns or ())

    def inputs(self) -> tuple[str, ...] | None:
        """The names of the columns that the features are made of, in their order; None where columns have no names."""
        if self.columns is not None:
            return tuple(column.name for column in self.columns if column.feature_names())
        left_out = set(self.drop)
        return None if self.names is None else tuple(name for name in self.names if name not in left_out)

    def input_schema(self) -> "Schema":
        """What a reader needs to know: the columns, and which of them the features are made of, not the features."""
        if self.columns is None:
            return self
        unused = tuple(column.name for column in self.columns if not column.feature_names())
        return replace(
            self,
            count=len(self.columns) - len(unused),
            names=tuple(column.name for column in self.columns),
            drop=(*self.drop, *unused),
            columns=None,
        )

    def feature_names(self) -> tuple[str, ...]:
        """The names of the features for people; svmlight indices or column numbers if they have none."""
        if self.columns is not None:
            return tuple(name for column in self.columns for name in column.feature_names())
        inputs = self.inputs()
        return inputs if inputs is not None else tuple(map(self._number, range(self.count)))

    def _number(self, j: int) -> str:
        return f"index {j + (not self.zero_based)}" if self.zero_based is not None else f"column {j}"

    def is_guessed_target(self, asked: str | None) -> bool:
        """Whether the label column was guessed by its name; `asked` is the column that --target named."""
        return asked is None and self.target is not None and self.format is not None

    def n_named(self) -> int | None:
        """The number of named features, None if the features have no names."""
        return None if self.names is None and self.columns is None else len(self.feature_names())

    def name(self, j: int) -> str:
        """The name of feature j, as in `feature_names`."""
        return self._number(j) if self.names is None and self.columns is None else self.feature_names()[j]
