"""Tables of very many columns: the cells are those that pandas reads, whatever is in them, and as fast."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from column_tables import check_same
from hypothesis import given, settings
from hypothesis import strategies as st

from linclf.data.columns.base import MISSING
from linclf.data.columns.number import NumberColumn
from linclf.data.columns.training_column import medians_of, weighted_median
from linclf.data.dataset import Dataset
from linclf.data.encoder import encode, learn_schema
from linclf.data.load import load
from linclf.data.readers import text_table, wide
from linclf.data.source import Source
from linclf.data.table import Cells, Table
from linclf.errors import InputError

WIDTH = 30
NUMBERS = ["1", "-2.5", "+3", "4e2", ".5", "6.", "1e-7", "123456789.123456789", "0.1", "-0.0", "  7", "8 ", ""]
STRANGE = [
    "NA", "nan", "?", "-", "x", "007", "0", "00", "-0", " -0", "-00", "2024-01-02", "True", "false", "1_0", "0x1f", "1,5", "inf",
    "9007199254740993", "99999999999999999999", "1e400", "é", "12:30", "1.2.3", "--1", "1e", " 01", "-9", "1 2", "NULL",
]  # fmt: skip


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Read text by the two ways: what they give, or the error; and whether the first was `read_wide`."""
    found = []
    read_wide = text_table.read_wide

    def recorded(*args):
        result = read_wide(*args)
        found.append(result)
        return result

    monkeypatch.setattr(text_table, "read_wide", recorded)
    monkeypatch.setattr(wide, "CELLS", 2 * WIDTH)

    def read(text: str | bytes, **options: object) -> tuple[Dataset | str, Dataset | str, bool]:
        path = tmp_path / "t.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        outcomes: list[Dataset | str] = []
        found.clear()
        for fewest in (WIDTH, 10**6):
            monkeypatch.setattr(text_table, "FEWEST_COLUMNS", fewest)
            try:
                outcomes.append(load(Source(str(path), **{"target": "label", **options})))
            except InputError as error:
                outcomes.append(str(error))
        return outcomes[0], outcomes[1], bool(found) and found[0] is not None

    return read


def rows_of(n: int = 9, seed: int = 0) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [[f"{x:.3f}" for x in rng.normal(size=WIDTH - 1)] + ["ab"[i % 2]] for i in range(n)]


def text_of(rows: list[list[str]], header: str | None = None, sep: str = ",", end: str = "\n") -> str:
    header = sep.join([*(f"x{j}" for j in range(WIDTH - 1)), "label"]) if header is None else header
    return end.join([header, *(sep.join(row) for row in rows)]) + end


@pytest.mark.parametrize("cell", [*NUMBERS, *STRANGE])
@pytest.mark.parametrize("filled", ["one", "first", "column"])
def test_a_column_with_any_cell_is_read_as_by_pandas(both, cell: str, filled: str) -> None:
    rows = rows_of()
    for row in {"one": rows[5:6], "first": rows[:1], "column": rows}[filled]:
        row[3] = row[-2] = cell
    one, other, _ = both(text_of(rows, sep=";"), sep=";", decimal=".")
    check_same(one, other)


@given(st.lists(st.lists(st.sampled_from([*NUMBERS, *STRANGE]), min_size=3, max_size=3), min_size=1, max_size=9))
@settings(max_examples=60, deadline=None, suppress_health_check=list(__import__("hypothesis").HealthCheck))
def test_any_cells_are_read_as_by_pandas(both, cells: list[list[str]]) -> None:
    rows = rows_of(len(cells) + 2)
    for row, (a, b, c) in zip(rows, cells, strict=False):
        row[0], row[7], row[-2] = a, b, c
    one, other, _ = both(text_of(rows, sep=";"), sep=";", decimal=".")
    check_same(one, other)


NAMES = [f"x{j}" for j in range(WIDTH - 1)] + ["label"]
QUOTED = ",".join([*(f'"x, {j}"' for j in range(WIDTH - 1)), '"label"'])


@pytest.mark.parametrize(
    ("text", "options", "fast"),
    [
        (text_of(rows_of()), {}, True),
        (text_of(rows_of()).rstrip("\n"), {}, True),
        (text_of(rows_of(), end="\r\n"), {}, True),
        ("\ufeff" + text_of(rows_of()), {}, True),
        (text_of(rows_of(), QUOTED), {}, True),
        (text_of(rows_of(), QUOTED.replace("x, 3", 'x ""3""')), {}, True),
        (text_of(rows_of(), QUOTED.replace('"x, 3"', ' "x, 3"')), {}, True),
        (text_of(rows_of(), sep="\t"), {"sep": "\t"}, True),
        (text_of(rows_of(), sep=";").replace(".", ","), {}, True),
        (text_of(rows_of()), {"category": ("x3",), "na_values": ("0.126",)}, True),
        (text_of(rows_of(), "")[1:], {"header": False, "target": "-1"}, True),
        (text_of([["0" + row[0], *row[1:]] for row in rows_of()])[len(",".join(NAMES)) + 1 :], {"header": False, "target": "-1"}, True),
        (text_of([*rows_of(), ["1"] * (WIDTH - 1) + [""]]), {}, True),
        (text_of([*rows_of(), [""] * (WIDTH - 1) + ["a"]]), {}, True),
        (text_of([["x" + cell for cell in row] for row in rows_of()]), {}, False),
        (text_of(rows_of(), ",".join(["x0", *NAMES[:1], *NAMES[2:]])), {}, False),
        (text_of(rows_of(), ",".join(["", *NAMES[1:]])), {}, False),
        (text_of(rows_of(), QUOTED.replace("x, 3", "x\n3")), {}, False),
        (text_of(rows_of(), ",".join(['a"b"', *NAMES[1:]])), {}, False),
        ("\n" + text_of(rows_of()), {}, False),
        (text_of(rows_of()).replace("\n", "\n\n"), {}, False),
        (text_of(rows_of()).replace("\n", "\r"), {}, True),
        (text_of([['"1"', *row[1:]] for row in rows_of()]), {}, False),
        (text_of([*rows_of(), rows_of()[0][:-3]]), {}, False),
        (text_of([*rows_of(), [*rows_of()[0], "1"]]), {}, False),
        (text_of([*rows_of(), rows_of()[0][:-3], [*rows_of()[0], "1", "2", "3"]]), {}, False),
        (text_of([]), {}, None),
    ],
)  # fmt: skip
def test_any_text_is_read_as_by_pandas(both, text: str, options: dict, fast: bool | None) -> None:
    one, other, was_fast = both(text, **options)
    check_same(one, other)
    assert fast is None or fast == was_fast


def test_medians_of_many_columns_are_those_of_each() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        X = rng.choice([1, 2.5, -3, 7.7, 0, -0.0, 1e308, -1.7e308, 5e-324], (rng.integers(1, 9), 20))
        X[rng.random(X.shape) < rng.choice([0, 0.3])] = np.nan
        each = [weighted_median(x[~np.isnan(x)], None) if (~np.isnan(x)).any() else np.nan for x in X.T]
        assert np.array(medians_of(X.T, None)).tobytes() == np.array(each).tobytes()


@pytest.mark.parametrize("sparse", [False, True])
def test_columns_of_numbers_next_to_each_other_are_encoded_as_each_by_itself(sparse: bool) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 60))
    X[rng.random(X.shape) < 0.02] = np.nan
    texts = {name: Cells(rng.integers(-1, 2, 40).astype(np.int32), np.array(["u", "v"], object)) for name in ("a", "b")}
    table = Table(("a", *map(str, range(30)), "b", *map(str, range(30, 60))), X, texts)
    source = Source("t")
    schema, _ = learn_schema(table[:25], replace(load_schema(), names=table.names), source)
    schema = replace(schema, sparse=sparse)
    together, unknown = encode(table, schema, "t")
    blocks = [
        column.transform(table.column(column.name), sparse) for column in schema.columns if column.feature_names()
    ]
    each = np.column_stack([b if isinstance(b, np.ndarray) else b.toarray() for b, _ in blocks])
    assert (together.toarray() if sparse else together).tobytes() == each.tobytes()
    assert unknown == {c.name: u for c, (_, u) in zip(schema.columns, blocks, strict=True) if u}
    assert any(MISSING in found for found in unknown.values())


def load_schema():
    from linclf.data.schema import Schema

    return Schema(62)


def test_the_first_number_that_is_too_large_is_named() -> None:
    columns = tuple(NumberColumn(name, median=0.0) for name in "abc")
    table = Table(
        ("a", "b", "c"), np.array([[1.0, 2, 3], [4, np.inf, np.inf], [np.inf, 5, 6]]), {}, np.array([2, 3, 4])
    )
    with pytest.raises(InputError, match="new:4: the number in column 'a' is too large"):
        encode(table, replace(load_schema(), columns=columns, count=3, sparse=True), "new")
