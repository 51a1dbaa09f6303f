"""The features of each kind of column, exactly: dense and sparse, known and unknown cells, and the notes on them."""

from dataclasses import replace

import numpy as np
import pytest
from column_tables import cells_of, learned, table, training_column
from scipy.sparse import csr_matrix

from linclf.data.columns.base import MISSING, Column, in_rows
from linclf.data.columns.category import MOST_LEVELS, CategoryColumn
from linclf.data.columns.date import DateColumn
from linclf.data.columns.left_out import ConstantColumn, IdColumn
from linclf.data.columns.number import NumberColumn, PlainNumberColumn
from linclf.data.columns.registry import column_from_record
from linclf.data.columns.text import MOST_WORDS, TextColumn
from linclf.data.dataset import Dataset
from linclf.data.encoder import encode, encoded, learn_schema
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.table import Table, TableRows
from linclf.errors import InputError

nan = np.nan


def features(column: Column, cells, sparse_features: bool = False) -> list[list[float]]:
    block, _ = column.transform(cells, sparse_features)
    assert (not isinstance(block, np.ndarray)) == (sparse_features and not isinstance(column, NumberColumn))
    return (block if isinstance(block, np.ndarray) else block.toarray()).tolist()


# categories


CATEGORIES = ["red"] * 3 + ["blue"] * 2 + ["green", "mauve", "?"]


@pytest.mark.parametrize("sparse_features", [False, True])
def test_a_category_has_a_feature_for_each_frequent_level_one_for_the_others_and_one_for_missing(
    sparse_features: bool,
) -> None:
    column = learned("category", CATEGORIES)
    assert column == CategoryColumn("a", missing=1, levels=("blue", "red"), pooled=2)
    assert column.feature_names() == ["a=blue", "a=red", "a (other)", "a (missing)"]
    assert column.summary() == "2 levels, 2 rare ones pooled, missing in 1 row"
    cells = cells_of(["red", "blue", "green", "never", "?"])
    expected = [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert features(column, cells, sparse_features) == expected
    assert column.transform(cells, sparse_features)[1] == {"green": 1, "never": 1}
    bare = learned("category", ["red", "blue"] * 2)
    assert (bare.feature_names(), bare.summary()) == (["a=blue", "a=red"], "2 levels")
    assert features(bare, cells, sparse_features) == [[0, 1], [1, 0], [0, 0], [0, 0], [0, 0]]
    assert bare.transform(cells, sparse_features)[1] == {"green": 1, "never": 1, MISSING: 1}
    pooled = learned("category", [*CATEGORIES[:5], "green"])
    assert (pooled.feature_names(), pooled.summary()) == (
        ["a=blue", "a=red", "a (other)"],
        "2 levels, 1 rare one pooled",
    )
    assert features(pooled, cells, sparse_features) == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 0]]


def test_a_level_is_frequent_from_min_count_rows_on() -> None:
    for min_count, levels in ((1, ("blue", "green", "mauve", "red")), (2, ("blue", "red")), (3, ("red",)), (4, ())):
        column = learned("category", CATEGORIES, min_count)
        assert (column.levels, column.pooled) == (levels, 4 - len(levels))


def test_of_too_many_levels_the_most_frequent_ones_become_features() -> None:
    cells = [f"{i:05}" for i in range(MOST_LEVELS + 2)]
    column = learned("category", [*cells, cells[-1]], min_count=1)
    assert len(column.levels) == 10_000
    # of equally frequent ones the first in alphabetical order
    assert (column.levels[-1], column.levels[-2], column.pooled) == (cells[-1], cells[9998], 2)


def test_another_spelling_of_a_number_is_its_level_if_there_is_only_one() -> None:
    column = CategoryColumn("a", levels=("01", "2", "2.0", "3", "x"))
    index = column._level_index(np.array(["1", "2", "2.00", "03", "3.0", "z", "x", "4"], object))
    assert index == {"01": 0, "2": 1, "2.0": 2, "3": 3, "x": 4, "1": 0, "03": 3, "3.0": 3}
    known = column._level_index(np.array(["x", "3"], object))
    assert known == {"01": 0, "2": 1, "2.0": 2, "3": 3, "x": 4}
    assert CategoryColumn("a", levels=("01",))._level_index(np.array(["1"], object)) == {"01": 0, "1": 0}
    numbers = np.array([1, 2, 3, nan, 7])
    assert features(column, numbers) == [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 1, 0], [0] * 5, [0] * 5]
    assert column.transform(numbers, False)[1] == {"7": 1, MISSING: 1}


# numbers


def test_a_missing_number_is_the_median_and_flagged_if_the_training_rows_have_any() -> None:
    column = learned("number", [1.0, 2.0, 4.0, None])
    assert column == NumberColumn("a", missing=1, median=2.0)
    assert column.feature_names() == ["a", "a (missing)"]
    assert column.number_features() == [True, False]
    assert (column.summary(), column.is_identity) == ("missing in 1 row", False)
    assert features(column, np.array([5.0, nan])) == [[5, 0], [2, 1]]
    assert column.transform(np.array([5.0, nan]), False)[1] == {}
    complete = learned("number", [1.0, 2.0, 4.0])
    assert (complete.feature_names(), complete.number_features()) == (["a"], [True])
    assert (complete.summary(), complete.is_identity) == ("", True)
    assert features(complete, np.array([5.0, nan])) == [[5], [2]]
    assert complete.transform(np.array([5.0, nan]), False)[1] == {MISSING: 1}
    text = cells_of(["5", "oops", "?", "oops", "6"])
    assert features(complete, text) == [[5], [2], [2], [2], [6]]
    assert complete.transform(text, False)[1] == {"oops": 2, MISSING: 1}
    assert complete.transform(cells_of(["5", "oops"]), False)[1] == {"oops": 1}
    assert column.transform(text, False)[1] == {"oops": 2}
    assert features(complete, text)[0] == complete.as_numbers(text)[:1].tolist() == [5]


def test_sparse_numbers_are_standardised_with_the_median_in_place_of_missing_ones() -> None:
    cells = [1.0, 2.0, 6.0, None]
    part = training_column(cells)
    column = NumberColumn.fit(part).standardised(part)
    filled = np.array([1, 2, 6, 2])
    assert (column.center, column.spread) == (filled.mean(), filled.std())
    np.testing.assert_allclose(features(column, np.array(cells, float), True), np.column_stack([
        (filled - filled.mean()) / filled.std(), [0, 0, 0, 1]]))  # fmt: skip
    np.testing.assert_allclose(column.in_table_units(np.array([(6 - filled.mean()) / filled.std(), 1])), [6, 1])
    assert features(column, np.array(cells, float)) == [[1, 0], [2, 0], [6, 0], [2, 1]]  # dense: not yet


def test_a_number_that_is_constant_where_it_is_not_missing_has_spread_1() -> None:
    part = training_column([5.0, None, 5.0])
    column = NumberColumn.fit(part).standardised(part)
    assert (column.center, column.spread) == (5, 1)
    assert features(column, np.array([5, nan, 7]), True) == [[0, 0], [0, 1], [2, 0]]


def test_a_number_without_a_median_stays_missing() -> None:
    column = NumberColumn("a")
    np.testing.assert_array_equal(features(column, np.array([1, nan])), [[1], [nan]])
    missing = (
        "the number in column 'a' is missing, and the model knows no median for it; fill it in, or leave out the row"
    )
    assert column.not_finite_error("") == column.not_finite_error("1e300") == missing
    text = "the cell in column 'a' is 'x', and the model takes a number; fix it, or leave out the row"
    assert column.not_finite_error("x") == text
    other = NumberColumn("a", median=0.0).not_finite_error("x")
    assert "the number in column 'a' is too large compared with those of the training data" in other


def test_numbers_of_arrays_may_be_spelled_as_truth_values() -> None:
    column = PlainNumberColumn("a")
    assert (column.kind, column.is_identity) == ("number", True)
    assert features(column, cells_of(["True", "False", "2.5"])) == [[1], [0], [2.5]]
    assert "is 'yes', and the model takes a number" in column.not_finite_error("yes")


@pytest.mark.parametrize(
    ("kind", "cells", "takes"),
    [
        ("number", [1.0, 2.0, 2.0], True),
        ("date", ["2024-01-01", "2024-01-02"], False),
        ("category", ["1", "2", "2"], True),
        ("category", ["1", "x", "x"], False),
        ("category", ["u", "v", "w"], False),
        ("text", ["a b", "b c", "c a"], False),
        ("constant", ["x", "x"], True),
        ("id", ["x", "y"], True),
    ],
)
def test_which_columns_an_array_of_numbers_can_have(kind: str, cells: list, takes: bool) -> None:
    column = learned(kind, cells, min_count=1)
    assert column.takes_numbers is takes


def test_numbers_that_are_all_the_same_are_constant_and_no_number_is_an_error() -> None:
    assert learned("number", [3, 3, 3]) == ConstantColumn("a")
    assert learned("number", [nan, nan]) == ConstantColumn("a")
    assert learned("number", ["3", "x", "3"]) == NumberColumn("a", missing=1, median=3.0, absent=("x",))
    for kind, column in (("number", "number"), ("date", "date")):
        with pytest.raises(InputError, match=f"t: column 'a' holds no {column}; leave out --numeric a"):
            learned(kind, ["x", "y", "?"])


def test_the_note_on_cells_that_are_not_numbers() -> None:
    long = "x" * 40
    part = training_column(["1", "2", "3", long, *"bcdef", "b", "?"])
    column = NumberColumn.fit(part)
    first = f"'{'x' * 30}' (1), 'b' (2), 'c' (1), 'd' (1), 'e' (1)"
    start = "t: column 'a': not numbers in 7 rows, treated as missing: "
    end = "; --category a treats them as levels"
    assert column.training_notes(part) == [f"{start}{first} and 1 more{end}"]
    five = training_column(["1", "2", "3", long, *"bcde", "b"])
    assert column.training_notes(five) == [f"{start.replace('7', '6')}{first}{end}"]
    assert column.training_notes(training_column(["1", "2", "?"])) == []
    assert column.training_notes(training_column([1, 2, None])) == []


def test_dates_are_days_since_1970() -> None:
    column = learned("date", ["1970-01-03", "1970-01-01", "?"])
    assert column == DateColumn("a", missing=1, median=1.0)
    assert (column.summary(), column.is_identity) == ("missing in 1 row, days since 1970", False)
    assert features(column, cells_of(["1970-01-02T12:00", "?", "never"])) == [[1.5, 0], [1, 1], [1, 1]]
    assert DateColumn("a", median=1.0).is_identity is False
    assert DateColumn("a", median=1.0).summary() == "days since 1970"
    part = training_column(["1970-01-03", "1970-01-01", "never"])
    assert "not dates in 1 row, treated as missing: 'never' (1)" in DateColumn.fit(part).training_notes(part)[0]


# text and columns that are left out


def test_text_that_has_no_frequent_word_uses_all_words() -> None:
    assert learned("text", ["Aa bb cc", "aa cc", "aa bb cc"]).words == ("aa", "aa bb", "bb", "bb cc", "cc")
    rare = learned("text", ["aa bb", "cc"])
    assert rare.words == ("aa", "aa bb", "bb", "cc")
    assert rare.feature_names() == ["a: aa", "a: aa bb", "a: bb", "a: cc"]
    assert (rare.idf, rare.summary()) == (tuple([pytest.approx(1 + np.log(3 / 2))] * 4), "words and pairs of words")
    found = features(rare, cells_of(["aa never bb", "?", "cc cc aa"]), True)
    once, twice = 1, 1 + np.log(2)  # the frequencies of words, before the rows are normalised
    expected = np.array([[once, 0, once, 0], [0] * 4, [once, 0, 0, twice]]) / [[2**0.5], [1], [np.hypot(once, twice)]]
    np.testing.assert_allclose(found, expected)
    assert rare.transform(cells_of(["x"])[:0], True)[0].shape == (0, 4)
    assert features(learned("text", ["3", "4", "3"]), np.array([3.0, nan]), True) == [[1], [0]]


def test_of_too_many_words_the_most_frequent_ones_become_features() -> None:
    words = [f"w{i}" for i in range(MOST_WORDS // 2 + 1)]
    column = learned("text", [" ".join(words), "w7 w5"], min_count=1)
    assert len(column.words) == 100_000
    assert {"w7", "w5"} <= set(column.words)


@pytest.mark.parametrize("kind", [ConstantColumn, IdColumn])
def test_a_column_that_is_left_out_has_no_features(kind: type[Column]) -> None:
    column = kind("a")
    assert kind.fit(training_column(["x", "y"])) == column
    assert column.feature_names() == column.number_features() == []
    assert column.summary() == f"left out: {kind.left_out_reason}"
    for cells in (np.array([1.0, 2, 3]), cells_of(["x", "?", "y"])):
        block, unknown = column.transform(cells, False)
        assert (block.shape, unknown) == ((3, 0), {})


# records and notes


def test_records_that_no_training_makes_are_refused() -> None:
    fine = TextColumn("a", words=("x", "y"), idf=(1.0, 99.9))
    fine.check()
    NumberColumn("a", missing=0, spread=5e-324).check()
    wrong = [
        replace(fine, words=("x", "x")),
        replace(fine, words=("x",)),
        replace(fine, idf=(1.0,)),
        replace(fine, idf=(1.0, 100.0)),
        replace(fine, idf=(150.0, 1.0)),
        CategoryColumn("a", levels=("x", "x")),
        CategoryColumn("a", pooled=-1),
        NumberColumn("a", missing=-1),
        NumberColumn("a", spread=0.0),
        NumberColumn("a", spread=-1.0),
    ]
    for column in wrong:
        with pytest.raises(ValueError, match="the column 'a' is not one that linclf wrote"):
            column.check()
    record = {"name": "a", "kind": "number", "median": 2.0}
    assert column_from_record(record) == NumberColumn("a", median=2.0)
    with pytest.raises(ValueError, match="is not one that linclf wrote"):
        column_from_record(record | {"spread": 0.0})
    with pytest.raises(TypeError, match="Column is list, not an object"):
        column_from_record(["number"])


def test_notes_on_unknown_cells_name_five_of_them() -> None:
    column = CategoryColumn("a", levels=("x",))
    what, treated = "levels that training never saw", "treated as none of its levels"
    unknown = dict(zip([*"bcdef", "y" * 40], [2, 1, 1, 1, 1, 1], strict=True))
    shown = "'b' (2), 'c' (1), 'd' (1), 'e' (1), 'f' (1)"
    assert column.unknown_notes(unknown) == [f"column 'a': {what} in 7 rows, {treated}: {shown} and 1 more"]
    del unknown["y" * 40]
    assert column.unknown_notes(unknown | {MISSING: 2}) == [
        f"column 'a': {what} in 6 rows, {treated}: {shown}",
        f"column 'a': missing in 2 rows, never missing in training; {treated}",
    ]
    assert column.unknown_notes({"y" * 40: 1}) == [f"column 'a': {what} in 1 row, {treated}: '{'y' * 30}' (1)"]
    assert column.unknown_notes({MISSING: 1}) == [
        "column 'a': missing in 1 row, never missing in training; treated as none of its levels"
    ]
    rare = CategoryColumn("a", levels=("x",), pooled=1)
    assert "saw rarely or never in 1 row, treated as 'a (other)'" in rare.unknown_notes({"z": 1})[0]
    assert "not numbers in 1 row, treated as missing" in NumberColumn("a").unknown_notes({"z": 1})[0]
    assert NumberColumn("a").unknown_notes({MISSING: 1})[0].endswith("; replaced by the median")
    assert IdColumn("a").unknown_notes({"z": 1, MISSING: 1}) == [
        "column 'a': cells that training never saw in 1 row, treated as missing: 'z' (1)",
        "column 'a': missing in 1 row, never missing in training; treated as 0",
    ]
    assert [in_rows(count) for count in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]


# the encoder: the features of all columns next to each other


def schema_of(columns: Table, **options) -> Schema:
    return learn_schema(columns, Schema(0, columns.names), Source("t", **options))[0]


def test_the_schema_states_how_wide_the_features_are_and_which_columns_are_text() -> None:
    whole = table(a=[1.5, 2.5, 4, 4], b=["x", "y"] * 2, c=["u v", "w"] * 2, d=[7] * 4)
    schema, notes = learn_schema(whole, Schema(0, whole.names, format="csv", target="y"), Source("t", text=("c",)))
    assert (schema.count, schema.sparse, schema.texts, notes) == (1 + 2 + 4 + 0, True, ("b", "c"), [])
    assert (schema.format, schema.target, len(schema.columns)) == ("csv", "y", 4)
    dense = schema_of(whole, drop=("c",), min_count=3)
    assert (dense.count, dense.sparse, dense.columns[1].pooled) == (3, False, 2)
    assert schema_of(whole[np.arange(3)], min_count=1).count == 5
    with pytest.raises(InputError, match="t: has 7 feature columns, more than --max-features 6"):
        schema_of(whole, text=("c",), max_features=6)
    X = np.eye(4)
    assert learn_schema(X, schema, Source("t")) == (schema, [])
    assert encode(X, Schema(4), "t") == (X, {})
    with pytest.raises(
        InputError, match="t: has numbers only, and the model takes a category in column 'b'; give a table"
    ):
        encode(X, schema, "t")


def test_numbers_without_gaps_are_not_copied() -> None:
    numbers = table(a=[1.0, 2.0, 4.0, 4.0], b=[3.0, 5.0, 5.0, 1.0])
    both = schema_of(numbers)
    X, unknown = encode(numbers, both, "t")
    assert X is numbers.numbers
    assert unknown == {}
    rows = encode(TableRows(numbers, np.array([3, 0])), both, "t")[0]
    assert not isinstance(rows, np.ndarray)  # read when they are needed
    np.testing.assert_array_equal(rows[:], [[4, 1], [1, 3]])
    swapped = table(b=[3.0, 5.0], a=[1.0, 2.0])
    np.testing.assert_array_equal(encode(swapped, both, "t")[0], [[1, 3], [2, 5]])
    wider = table(b=[3.0, 5.0], c=[0.0, 0.0], a=[1.0, 2.0])
    np.testing.assert_array_equal(encode(wider, both, "t")[0], [[1, 3], [2, 5]])
    np.testing.assert_array_equal(encode(TableRows(wider, np.array([1])), both, "t")[0], [[2, 5]])
    with pytest.raises(InputError, match="new: lacks the columns b of the training data; add them, in any order"):
        encode(table(a=[1.0, 2.0]), both, "new")
    constant = schema_of(table(a=[1.0, 2.0, 4.0], b=[3.0, 3.0, 3.0]))
    assert encode(table(a=[1.0, 2.0]), constant, "new")[0].tolist() == [[1], [2]]  # b has no features
    assert encode(swapped, Schema(2, ("a", "b")), "t")[0].tolist() == [[1, 3], [2, 5]]  # a model of arrays with names
    assert encode(swapped, Schema(2), "t")[0].tolist() == [[3, 1], [5, 2]]  # and without
    assert encode(swapped, Schema(2, sparse=True), "t")[0].toarray().tolist() == [[3, 1], [5, 2]]


def test_a_gap_is_filled_in_even_if_the_training_rows_had_none() -> None:
    schema = schema_of(table(a=[1.0, 2.0, 4.0], b=[3.0, 5.0, 6.0]))
    gaps = table(a=[7.0, None, 8.0], b=[3.0, 5.0, 6.0])
    X, unknown = encode(gaps, schema, "t")
    assert (X.tolist(), unknown) == ([[7, 3], [2, 5], [8, 6]], {"a": {MISSING: 1}})
    # rows without the gap need nothing, and are read when they are needed
    X, unknown = encode(TableRows(gaps, np.array([0, 2])), schema, "t")
    assert not isinstance(X, np.ndarray)
    assert (X[:].tolist(), unknown) == ([[7, 3], [8, 6]], {})
    data = Dataset(gaps, None, Source("t"), Schema(2), "", notes=("before",))
    result = encoded(data, schema)
    assert (result.schema, result.X.tolist()) == (schema, [[7, 3], [2, 5], [8, 6]])
    assert result.notes == (
        "before",
        "column 'a': missing in 1 row, never missing in training; replaced by the median",
    )


def test_text_in_a_column_of_numbers_is_parsed() -> None:
    schema = schema_of(table(a=[1.0, 2.0, 4.0], b=[3.0, 5.0, 6.0]))
    X, unknown = encode(table(a=["7", "x"], b=[1.0, 2.0]), schema, "t")
    assert (X.tolist(), unknown) == ([[7, 1], [2, 2]], {"a": {"x": 1}})


def test_a_number_that_is_not_finite_is_named_with_its_line() -> None:
    schema = schema_of(table(a=[1.0, 2.0, 4.0, 4.0], w=["u v", "w x"] * 2), text=("w",))
    new = table(a=[1.0, 1e308], w=["u", "v"])
    large = replace(schema, columns=(replace(schema.columns[0], spread=1e-10), schema.columns[1]))
    with pytest.raises(InputError, match=r"new: row 1 \(from 0\): the number in column 'a' is too large compared"):
        encode(new, large, "new")
    lines = replace(new, lines=np.array([2, 5]))
    with pytest.raises(InputError, match="new:5: the number in column 'a' is too large"):
        encode(lines, large, "new")


class Backwards(NumberColumn):
    """A kind whose sparse features are stored from the last to the first."""

    kind = "backwards"

    def feature_names(self) -> list[str]:
        return [f"{self.name} {j}" for j in range(3)]

    def transform(self, cells, sparse: bool):
        n = len(cells)
        data, indices = np.tile([3.0, 2, 1], n), np.tile([2, 1, 0], n)
        return csr_matrix((data, indices, np.arange(n + 1) * 3), shape=(n, 3)), {}


def test_sparse_features_are_stored_in_their_order() -> None:
    """The kernels read a row from its first column to its last, and two files of the same rows give the same bits."""
    columns = (Backwards("a"), NumberColumn("b", median=0.0), CategoryColumn("c", levels=("x", "y")))
    schema = Schema(6, columns=columns, sparse=True)
    X, _ = encode(table(a=[1.0, 2.0], b=[4.0, 5.0], c=["y", "x"]), schema, "t")
    assert X.toarray().tolist() == [[1, 2, 3, 4, 0, 1], [1, 2, 3, 5, 1, 0]]
    assert X.indices.tolist() == [0, 1, 2, 3, 5, 0, 1, 2, 3, 4]
    dense, _ = encode(table(a=[1.0], b=[4.0], c=["y"]), replace(schema, sparse=False), "t")
    assert dense.tolist() == [[1, 2, 3, 4, 0, 1]]
