"""Tables in memory and as text, and the columns that are learned from them."""

import numpy as np
import pandas as pd

from linclf.data.columns.base import Column
from linclf.data.columns.infer import infer_kind
from linclf.data.columns.registry import KINDS
from linclf.data.columns.training_column import TrainingColumn, TrainingRows
from linclf.data.dataset import Dataset
from linclf.data.source import Source
from linclf.data.table import Cells, Table, from_frame


def table(**columns: list) -> Table:
    """A table of these columns: numbers, or text with `?` for a missing cell."""
    return from_frame(pd.DataFrame(columns), "t")


def training_column(cells: list, name: str = "a", min_count: int = 2) -> TrainingColumn:
    """The only column of a table whose rows are all trained on."""
    return TrainingRows.of(table(**{name: cells}), Source("t", min_count=min_count)).column(name)


def kind_of(cells: list, name: str = "a") -> str:
    """The kind that is inferred for a column of these cells."""
    return infer_kind(training_column(cells, name)).kind


def learned(kind: str, cells: list, min_count: int = 2) -> Column:
    """A column of this kind, learned from these cells."""
    return KINDS[kind].fit(training_column(cells, min_count=min_count))


def cells_of(cells: list) -> Cells:
    """Cells of text."""
    return table(a=cells).texts["a"]


def table_of(columns: dict[str, list]) -> str:
    """CSV text of these columns and a label."""
    frame = pd.DataFrame(columns, dtype=object).assign(label=np.arange(len(next(iter(columns.values())))) % 2)
    return frame.to_csv(index=False)


def make(n: int, seed: int) -> dict[str, list]:
    """Columns of every kind, with missing cells."""
    rng = np.random.default_rng(seed)
    return {
        "Unnamed: 0": [i % 7 for i in range(n)],
        "size": rng.standard_normal(n).round(3).tolist(),
        "gap": [x if x > -1 else "" for x in rng.standard_normal(n).round(3).tolist()],
        "colour": rng.choice(["red", "green", "blue", "?"], n, p=[0.5, 0.3, 0.15, 0.05]).tolist(),
        "town": rng.choice([f"town {i}" for i in range(30)], n).tolist(),
        "day": [f"2024-0{m}-1{d}" for m, d in rng.integers(1, 9, (n, 2))],
        "words": [" ".join(rng.choice(["ab", "cd", "ef", "gh", "ij", "kl"], 6)) + f" w{i}" for i in range(n)],
        "row": list(range(n)),
        "same": ["x"] * n,
    }


def check_same(one: Dataset | str, other: Dataset | str) -> None:
    """Check that two ways to read a file give the identical data set, or the same error."""
    if isinstance(one, str) or isinstance(other, str):
        assert one == other
        return
    assert isinstance(one.X, Table)
    assert isinstance(other.X, Table)
    assert (one.X.names, list(one.X.texts)) == (other.X.names, list(other.X.texts))
    assert one.X.numbers.shape == other.X.numbers.shape
    assert one.X.numbers.tobytes() == other.X.numbers.tobytes()
    for name, cells in one.X.texts.items():
        assert cells.levels.tolist() == other.X.texts[name].levels.tolist()
        assert cells.codes.tolist() == other.X.texts[name].codes.tolist()
    assert (one.y.tolist(), one.y.dtype) == (other.y.tolist(), other.y.dtype)
    assert one.X.lines.tolist() == other.X.lines.tolist()
    assert (one.schema, one.notes, one.columns) == (other.schema, other.notes, other.columns)
