"""The kinds of columns: the record of a column in a model file, and what every kind can do."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from linclf.data.columns.training_column import TrainingColumn
from linclf.data.labels import first_of
from linclf.data.table import Cells
from linclf.losses import Array
from linclf.optim.linalg import Stored

MOST_IDF = 100.0  # ln of more rows than there are
SHOWN = 5  # cells named in a note
MISSING = ""  # the key of missing cells among the unknown ones

Unknown = dict[str, int]  # cells that nothing was learned for in training, and how often they occur


@dataclass(frozen=True)
class Column(ABC):
    """A column of a table and the features that it becomes, learned from the training rows.

    Each kind of column is a subclass: one file, and one line of `registry.KINDS`. It sets `kind`, implements the
    abstract methods, and overrides the others where it differs. The fields are the record of a column in a model file;
    a kind that needs more fields adds them with defaults.

    name     the name of the column
    kind     the name of its kind, set by the class
    missing  the number of missing cells in the training rows
    median   numbers: the value that replaces a missing cell; None for none
    center, spread   numbers: mean and standard deviation by which sparse features are standardised
    levels   categories: the levels that are features
    pooled   categories: the number of rarer levels that share one feature
    words    text: the words and pairs of words that are features; idf are their weights
    """

    name: str
    kind: str = field(default="", init=False)
    missing: int = 0
    median: float | None = None
    center: float = 0.0
    spread: float = 1.0
    levels: tuple[str, ...] = ()
    pooled: int = 0
    words: tuple[str, ...] = ()
    idf: tuple[float, ...] = ()

    # Used by the encoder.
    option: ClassVar[str | None] = None  # the option, and field of Source, that forces columns to be of this kind
    role: ClassVar[str | None] = None  # the option, and field of Source, that names the one column of this kind
    read_as_text: ClassVar[bool] = (
        False  # the column is read as text from other files too, even if its cells are numbers
    )
    needs_sparse: ClassVar[bool] = False  # the features of a table with such a column are sparse
    mostly_zero: ClassVar[bool] = False  # nearly all values of the features are 0: if there are many, they are sparse

    # Used by the reports and the doctor.
    left_out_reason: ClassVar[str | None] = None  # why such a column has no features
    left_out_hint: ClassVar[str] = ""  # what to do to include it
    has_levels: ClassVar[bool] = False  # each spelling of a text is a different level
    reports_unparsed: ClassVar[bool] = False  # the doctor reports the cells that `unparsed` returns

    @classmethod
    @abstractmethod
    def recognises(cls, column: TrainingColumn) -> bool:
        """Whether a column is of this kind; no kind before this one in `registry.KINDS` has recognised it."""

    @classmethod
    @abstractmethod
    def fit(cls, column: TrainingColumn) -> "Column":
        """Learn the column from its training rows. The result may be of another kind: a constant column, for example.

        Raises InputError for a column that was forced to be of this kind and cannot be.
        """

    @abstractmethod
    def feature_names(self) -> list[str]:
        """The names of the features; empty for a column that is left out."""

    @abstractmethod
    def transform(self, cells: Array | Cells, sparse: bool) -> tuple[Stored, Unknown]:
        """Cells, numbers (n,) or text, as features (n, k), ndarray or CSR; and the unknown cells."""

    @abstractmethod
    def summary(self) -> str:
        """A few words on the column for a report; empty if there is nothing to report."""

    def check(self) -> None:
        """Raise ValueError unless `fit` could have made this column."""
        texts = len(set(self.words)) == len(self.words) == len(self.idf) and all(x < MOST_IDF for x in self.idf)
        sound = texts and len(set(self.levels)) == len(self.levels)
        if not (sound and self.spread > 0 and self.missing >= 0 and self.pooled >= 0):
            raise ValueError(f"the column {self.name!r} is not one that linclf wrote")

    def standardised(self, column: TrainingColumn) -> "Column":
        """A copy with what it needs to standardise its features, if these are sparse: they are not scaled later. Raises InputError."""
        return self

    @property
    def is_identity(self) -> bool:
        """Whether it has one feature, which is the number in the table (unless the features are sparse)."""
        return False

    @property
    def missing_feature(self) -> int | None:
        """The index of the feature that is 1 where a cell is missing; None if there is none."""
        return None

    def reads_text(self, decimal: str) -> bool:
        """Whether it is read as text from other files, too; `decimal` is the decimal mark of the training file."""
        return self.read_as_text

    def swapped_cells(self, unknown: Unknown) -> str:
        """Unknown cells that show that days and months have changed places; empty if they do not."""
        return ""

    def with_swapped_marks(self, decimal: str) -> "Column":
        """The same column in a file with another decimal mark than `decimal`, that of the training file."""
        return self

    def training_notes(self, column: TrainingColumn) -> list[str]:
        """Notes on the cells of the training rows, a line each."""
        return []

    def unknown_notes(self, unknown: Unknown) -> list[str]:
        """Notes on the unknown cells that `transform` returned, a line each."""
        unknown, notes = dict(unknown), []
        missing = unknown.pop(MISSING, 0)
        if unknown:
            what, treated = self._unknown_treatment()
            notes.append(
                f"column {self.name!r}: {what} in {in_rows(sum(unknown.values()))}, treated as {treated}: "
                f"{counted(unknown)}"
            )
        if missing:
            treated = self._missing_treatment()
            notes.append(f"column {self.name!r}: missing in {in_rows(missing)}, never missing in training; {treated}")
        return notes

    def _unknown_treatment(self) -> tuple[str, str]:
        """What the unknown cells are, and what they are treated as."""
        return "cells that training never saw", "missing"

    def _missing_treatment(self) -> str:
        """What happens to missing cells if the training rows have none."""
        return "treated as 0"

    def not_finite_error(self, text: str) -> str:
        """The error for a cell whose features are not finite; `text` is the cell, empty if it is missing or a number."""
        return (
            f"the number in column {self.name!r} is too large compared with those of the training data; fix it, or leave "
            "out the row"
        )

    @property
    def takes_numbers(self) -> bool:
        """Whether arrays of numbers, which have no text, can have this column."""
        return False

    def number_features(self) -> list[bool]:
        """For each feature, whether it is the number in the table, possibly standardised."""
        return [False] * len(self.feature_names())

    def in_table_units(self, features: Array) -> Array:
        """Sparse features (k,) of one row, in the units of the table."""
        return features

    def spell(self, number: float) -> str:
        """A number of the table as people write it."""
        return f"{number:.6g}"

    def as_numbers(self, cells: Cells) -> Array | None:
        """Text as numbers (n,), NaN where it cannot be parsed; None if this kind is not one of numbers."""
        return None

    def unparsed(self, cells: Cells) -> dict[str, int]:
        """The cells that cannot be parsed as this kind, and how often each occurs."""
        return {}


def counted(cells: Unknown) -> str:
    """The first cells and how often each occurs, for a note."""
    return first_of([f"{text[:30]!r} ({count})" for text, count in cells.items()], SHOWN)


def in_rows(count: int) -> str:
    """1 row, 2 rows"""
    return f"{count} row{'s' * (count != 1)}"
