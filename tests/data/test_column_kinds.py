"""Which kind a column is, on both sides of every limit, and what is learned from its training rows."""

import numpy as np
import pytest
from column_tables import kind_of, learned, table, training_column

from linclf.data.columns import training_column as training_column_module
from linclf.data.columns.base import Column
from linclf.data.columns.category import CategoryColumn
from linclf.data.columns.infer import infer_kind, learn_columns
from linclf.data.columns.registry import KINDS
from linclf.data.columns.training_column import TrainingRows
from linclf.data.source import Source
from linclf.data.table import Cells, Table, TableRows

THREE_WORDS = [f"{i:02} aa bb cc" for i in range(40)]


def repeated(n_levels: int, n: int, words: str = "aa bb cc") -> list[str]:
    return [f"{i % n_levels:04} {words}" for i in range(n)]


LIMITS = [
    # numbers: 90 % of the cells that are not missing, and more than 10 different ones
    ([*map(str, range(11)), *["7"] * 25, *["odd", "even"] * 2], "number"),
    ([*map(str, range(11)), *["7"] * 24, *["odd", "even"] * 2, "odd"], "category"),
    ([*map(str, range(10)), *["7"] * 26, *["odd", "even"] * 2], "category"),
    ([*map(str, range(11)), *["7"] * 25, *["odd", "even"] * 2, *["?"] * 40], "number"),
    (["1", "2"] * 20, "number"),
    # whole numbers beyond 2^53 that would become the same number
    (["9007199254740992", "9007199254740993"] * 20, "category"),
    (["-9007199254740992", "-9007199254740993"] * 20, "category"),
    (["9007199254740990", "9007199254740991"] * 20, "number"),
    (["9007199254740991", "9007199254740991.0"] * 20, "number"),
    (["9007199254740993", "5"] * 20, "number"),
    # row numbers: at least 20 different whole numbers, more than half of those from the smallest to the largest
    ([*range(20)], "id"),
    ([*range(19)], "number"),
    ([*range(-10, 10)], "id"),
    ([*range(19), 38], "id"),
    ([*range(19), 39], "number"),
    ([0, 0, *range(2, 20)], "number"),
    ([*range(19), 19.5], "number"),
    ([*range(39), None], "number"),
    ([*map(str, range(20))], "id"),
    # names of the rows: at least 20 texts, all of them different
    ([f"x{i}" for i in range(20)], "id"),
    ([f"x{i}" for i in range(19)], "category"),
    ([*(f"x{i}" for i in range(20)), "?"], "id"),
    ([*(f"x{i}" for i in range(20)), "x7"], "category"),
    # constant
    (["x"] * 20, "constant"),
    (["?"] * 20, "constant"),
    ([*["x"] * 19, "?"], "category"),
    ([*["x"] * 19, "y"], "category"),
    ([7] * 20, "constant"),
    ([*[7] * 19, 8], "number"),
    ([*[7] * 19, None], "number"),
    ([np.nan] * 20, "constant"),
    # text: 3 words in a cell on average
    (THREE_WORDS, "text"),
    ([*THREE_WORDS[:5], "05 aa", *THREE_WORDS[6:]], "id"),
    ([*THREE_WORDS[:5], "05 aa", *THREE_WORDS[6:39], "39 aa bb cc dd ee"], "text"),
    # text: more than a fifth of the cells differ, or more than 1000 do
    (repeated(21, 104), "text"),
    (repeated(21, 105), "category"),
    ([*repeated(21, 104), *["?"] * 50], "text"),
    (repeated(1000, 5000), "category"),
    (repeated(1001, 5005), "text"),
    # every third level has words: of 2000 levels, every third is read
    ([f"{i:04}{' aa bb cc' * (i % 3 == 0)}" for i in range(2000)], "text"),
    # dates
    (["2024-01-05", "2024-01-06"] * 10, "date"),
    ([*(f"2024-01-{i + 1:02}" for i in range(11)), *["2024-01-07"] * 7, "never", "ever"], "date"),
    ([*(f"2024-01-{i + 1:02}" for i in range(10)), *["2024-01-07"] * 8, "never", "ever"], "category"),
]


@pytest.mark.parametrize(("cells", "kind"), LIMITS, ids=[f"{i} {kind}" for i, (_, kind) in enumerate(LIMITS)])
def test_limits_between_the_kinds(cells: list, kind: str) -> None:
    assert kind_of(cells) == kind


@pytest.mark.parametrize("name", ["id", "row_id", "user ID", "uuid", "Index", "a.key"])
def test_the_name_of_an_id_decides_where_cells_alone_do_not(name: str) -> None:
    for cells, kind in (([*range(19), 39], "number"), (THREE_WORDS, "text"), ([0, 0, *range(2, 20)], "number")):
        assert kind_of(cells, "idea") == kind
    assert kind_of([*range(19), 39], name) == kind_of(THREE_WORDS, name) == "id"
    assert kind_of([0, 0, *range(2, 20)], name) == "number"  # not different in every row


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([0, 1, 2] * 10, "index"),
        ([*range(30)], "index"),
        ([f"r{i}" for i in range(30)], "index"),
        ([0.5, 1, 2] * 10, "number"),
    ],
)
def test_a_first_column_without_a_name_is_an_index(cells: list, kind: str) -> None:
    assert kind_of(cells, "Unnamed: 0") == kind
    assert kind_of(cells, "Unnamed: 1") == {
        "index": "number" if cells[:3] == [0, 1, 2] and len(set(cells)) == 3 else "id"
    }.get(kind, kind)


def test_the_training_rows_alone_decide() -> None:
    """Levels that other rows have are neither counted nor pooled."""
    whole = table(a=["x", "y"] * 20 + ["z"] * 20, b=["x"] * 40 + ["y"] * 20, c=[*range(1, 41), *[0.5] * 20])
    columns, _, _ = learn_columns(TableRows(whole, np.arange(40)), {}, Source("t", min_count=2))
    assert [column.kind for column in columns] == ["category", "constant", "id"]
    assert (columns[0].levels, columns[0].pooled) == (("x", "y"), 0)
    training = TrainingRows.of(TableRows(whole, np.arange(40)), Source("t", min_count=2)).column("a")
    assert (training.n, training.levels.tolist(), training.counts.tolist()) == (40, ["x", "y"], [20, 20])


FLAGS = ("option", "read_as_text", "needs_sparse", "mostly_zero", "has_levels", "reports_unparsed")
PROPERTIES = {
    "constant": (None, False, False, False, False, False),
    "number": ("numeric", False, False, False, False, True),
    "date": (None, True, False, False, False, False),
    "text": ("text", True, True, False, False, False),
    "id": (None, False, False, False, False, False),
    "index": (None, False, False, False, False, False),
    "category": ("category", True, False, True, True, False),
    **dict.fromkeys(("weight", "group", "time"), (None, False, False, False, False, False)),
}


def test_the_properties_of_each_kind() -> None:
    assert {name: tuple(getattr(kind, flag) for flag in FLAGS) for name, kind in KINDS.items()} == PROPERTIES


class Plain(Column):
    """A kind that overrides nothing."""

    kind = "plain"

    @classmethod
    def recognises(cls, column) -> bool:
        return False

    @classmethod
    def fit(cls, column) -> Column:
        return cls(column.name)

    def feature_names(self) -> list[str]:
        return ["one", "two"]

    def transform(self, cells, sparse: bool):
        raise NotImplementedError

    def summary(self) -> str:
        return ""


def test_what_a_kind_need_not_define() -> None:
    plain = Plain("a")
    assert tuple(getattr(plain, flag) for flag in FLAGS) == (None, False, False, False, False, False)
    assert (plain.missing, plain.median, plain.center, plain.spread, plain.pooled) == (0, None, 0, 1, 0)
    assert (plain.levels, plain.words, plain.idf, plain.left_out_reason) == ((), (), (), None)
    assert (plain.is_identity, plain.number_features()) == (False, [False, False])
    column = training_column(["x", "y"])
    assert plain.standardised(column) is plain
    assert plain.training_notes(column) == []
    assert (plain.as_numbers(column.text), plain.unparsed(column.text)) == (None, {})
    plain.check()


@pytest.mark.parametrize(
    ("n_levels", "n", "sparse"), [(256, 1024, False), (257, 1028, True), (256, 2**18, False), (256, 2**18 + 1, True)]
)
def test_wide_or_large_tables_of_categories_are_sparse(n_levels: int, n: int, sparse: bool) -> None:
    """More than 256 features that are mostly 0, or more than 2^26 values of them."""
    levels = np.array([f"l{i}" for i in range(n_levels)], object)
    categories = Table(("a",), np.zeros((n, 0)), {"a": Cells(np.arange(n, dtype=np.int32) % n_levels, levels)})
    columns, found, _ = learn_columns(categories, {}, Source("t", min_count=2))
    assert (len(columns[0].feature_names()), found) == (n_levels, sparse)


def test_only_features_that_are_mostly_0_count_as_wide() -> None:
    wide = table(**{f"c{i}": [1.5, 2.5, 4, 4] for i in range(300)}, colour=["a", "b"] * 2)
    columns, sparse, _ = learn_columns(wide, {}, Source("t", min_count=2))
    assert (len(columns), sparse) == (301, False)
    assert {column.kind for column in columns} == {"number", "category"}
    with_text = table(a=THREE_WORDS, n=[1.5, 2.5, 4, 4] * 10)
    columns, sparse, _ = learn_columns(with_text, {"a": KINDS["text"]}, Source("t", min_count=2))
    assert sparse
    assert columns[1].center == 3


def test_a_forced_kind_overrules_the_inferred_one() -> None:
    columns, _, _ = learn_columns(table(a=[1, 2] * 10, b=[1, 2] * 10), {"a": CategoryColumn}, Source("t", min_count=2))
    assert [column.kind for column in columns] == ["category", "number"]
    assert infer_kind(training_column([1, 2] * 10)).kind == "number"


def test_the_median_is_that_of_all_numbers_that_are_not_missing() -> None:
    numbers = np.random.default_rng(0).standard_normal(4001)
    assert learned("number", numbers.tolist()).median == np.median(numbers)
    assert learned("number", [str(x) for x in numbers]).median == np.median(numbers)
    assert learned("number", [None, *numbers]).median == np.median(numbers)
    assert learned("number", ["?", *map(str, numbers)]).median == np.median(numbers)
    assert learned("number", [3.0, 1.0]).median == 2


def test_a_median_of_numbers_near_the_largest_does_not_overflow() -> None:
    assert learned("number", [1.7e308, 1.6e308]).median == pytest.approx(1.65e308)


def test_summaries_equal_a_naive_loop(monkeypatch) -> None:
    nan = np.nan
    columns = [
        [1, 2, 3, 4, 5.5],
        [nan, 7, nan, -2, 3],
        [nan] * 5,
        [0.5, nan, 1, 1, 1],
        [4, 4, 4, 4, 4],
        [-3, 5, 8, 1, 1],
    ]
    names = tuple(map(str, range(len(columns))))
    for copied in (500_000, 12):  # all columns at once, and two at a time
        monkeypatch.setattr(training_column_module, "COPIED", copied)
        training = TrainingRows.of(Table(names, np.array(columns).T, {}), Source("t.csv"))
        for summary, cells in zip(training.summaries, columns, strict=True):
            present, span = [x for x in cells if not np.isnan(x)], summary.span
            assert span.missing == 5 - len(present)
            assert span.whole == all(x == int(x) for x in present)
            if present:
                assert (span.least, span.most) == (min(present), max(present))
                assert span.width == max(present) - min(present) + 1
                assert summary.median == np.median(present)
                assert (summary.mean, summary.deviation) == pytest.approx((np.mean(present), np.std(present)), rel=1e-5)
            else:
                assert np.isnan([span.least, summary.median, summary.mean]).all()
            assert span.is_constant == (not present or (len(present) == 5 and min(present) == max(present)))


def test_a_cell_is_parsed_once_for_each_level() -> None:
    parsed: list[str] = []

    def parse(texts: np.ndarray) -> np.ndarray:
        parsed.extend(texts)
        return np.array([float(len(text)) for text in texts])

    column = training_column(["aa", "b", "?", "aa"])
    for _ in range(2):
        np.testing.assert_array_equal(column.numbers(parse), [2, 1, np.nan, 2])
        assert column.parsed(parse).tolist() == [2, 1]
        span = column.span(parse)
        assert (span.missing, span.least, span.most) == (1, 1, 2)
    assert parsed == ["aa", "b"]
