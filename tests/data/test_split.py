"""The parts of a data set: their sizes, their rows, and what is learned from the training rows alone."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from linclf.data.dataset import Dataset, LabelledRows
from linclf.data.load import load
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.split import HeldOut, Part, folds, split_dataset, split_off, stratified
from linclf.data.table import from_frame
from linclf.errors import InputError


def matrix_dataset(y: np.ndarray, n_features: int = 1) -> Dataset:
    """Rows that contain their own numbers, with labels y."""
    X = np.repeat(np.arange(len(y), dtype=float)[:, None], n_features, axis=1)
    return Dataset(X, y, Source("numbers"), Schema(n_features), "digest")


def row_numbers(rows: LabelledRows | Part) -> list[int]:
    """The numbers of the rows of a `matrix_dataset`."""
    return rows.X[:][:, 0].astype(int).tolist()


def table_dataset(name: str, **columns: list) -> Dataset:
    """A table whose column `label` is the label."""
    frame = pd.DataFrame(columns)
    table = from_frame(frame.drop(columns="label"), name)
    return Dataset(table, frame["label"].to_numpy(), Source(name), Schema(0, table.names), f"digest of {name}")


def naive_quotas(counts: list[int], fraction: float) -> list[int]:
    """The rows to mark of each class, by loops; the classes have different remainders."""
    wanted = math.ceil(round(sum(counts) * fraction, 8))
    quotas = [int(count * fraction) for count in counts]
    remainders = [count * fraction - quota for count, quota in zip(counts, quotas, strict=True)]
    while sum(quotas) < wanted:
        largest = remainders.index(max(remainders))
        quotas[largest] += 1
        remainders[largest] = -1
    return [min(quota, count - 1) for quota, count in zip(quotas, counts, strict=True)]


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.37])
def test_stratified_split_has_scikit_learns_sizes(fraction: float) -> None:
    y = np.random.default_rng(0).choice(4, 503, p=[0.6, 0.3, 0.07, 0.03])
    marked = stratified(y, fraction, np.random.default_rng(0))
    _, test = train_test_split(y, test_size=fraction, stratify=y, random_state=0)
    assert marked.sum() == len(test)
    assert np.abs(np.bincount(y[marked]) - np.bincount(test)).max() <= 1


@pytest.mark.parametrize("fraction", [0.01, 0.15, 0.23, 0.5, 0.61, 0.99])
@pytest.mark.parametrize("counts", [[60, 27, 13], [1, 50], [2, 2, 9], [1, 1, 1, 40]], ids=str)
def test_quotas_equal_those_of_a_naive_loop(counts: list[int], fraction: float) -> None:
    y = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    marked = stratified(y, fraction, np.random.default_rng(0))
    found = np.bincount(y[marked], minlength=len(counts)).tolist()
    expected = naive_quotas(counts, fraction)
    # classes of the same size have the same remainder, and a draw decides between them
    assert sorted(zip(counts, found, strict=True)) == sorted(zip(counts, expected, strict=True))


def test_every_class_keeps_a_training_row() -> None:
    y = np.array([0] * 50 + [1] + [2] * 2)
    for seed in range(20):
        marked = stratified(y, 0.9, np.random.default_rng(seed))
        assert np.unique(y[~marked]).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("fraction", "wanted"), [(0.07, 7), (0.07 + 5e-12, 7), (0.07 + 1.5e-11, 8), (0.07 - 1e-11, 7), (0.0701, 8)]
)
def test_the_number_of_rows_is_rounded_up_except_for_rounding_errors(fraction: float, wanted: int) -> None:
    assert 0.07 * 100 > 7  # in float64
    assert stratified(np.zeros(100), fraction, np.random.default_rng(0)).sum() == wanted


def test_equal_remainders_are_not_decided_by_the_order_of_the_classes() -> None:
    y = np.repeat(np.arange(4), 5)  # one row for two of the four classes
    found = {tuple(np.bincount(y[stratified(y, 0.1, np.random.default_rng(seed))], minlength=4)) for seed in range(60)}
    assert {sum(quotas) for quotas in found} == {2}
    assert len(found) == 6  # each pair of classes is drawn


# what these draw is part of the contract: a model file records the seed, and `evaluate` draws the same rows again
STREAM_OF = {"test": 1, "val": 2, "cv": 3, "calibration": 4}


def test_each_part_has_a_random_stream_of_its_own() -> None:
    y, drawn = np.arange(60) % 3, {}
    for part in ("test", "val", "calibration"):
        rest, rows = split_off(matrix_dataset(y), 0.25, 7, Source("t"), part)
        expected = stratified(y, 0.25, np.random.default_rng([7, STREAM_OF[part]]))
        drawn[part] = row_numbers(rows)
        assert drawn[part] == np.flatnonzero(expected).tolist()
        assert row_numbers(rest) == np.flatnonzero(~expected).tolist()
        np.testing.assert_array_equal(rows.y, y[expected])
    assert len({tuple(rows) for rows in drawn.values()}) == 3


@pytest.mark.parametrize("k", [2, 3, 5])
def test_folds_equal_those_of_a_naive_loop(k: int) -> None:
    y = np.random.default_rng(k).choice(3, 50, p=[0.6, 0.3, 0.1])
    expected, count = [None] * 50, 0
    order = np.random.default_rng([4, STREAM_OF["cv"]]).permutation(50).tolist()
    for label in range(3):
        for row in order:
            if y[row] == label:
                expected[row] = count % k
                count += 1
    assert folds(y, k, 4).tolist() == expected


def test_parts_are_disjoint_whole_and_seeded() -> None:
    dataset = load(Source("make:blobs:n_samples=200,centers=3"))
    parts, again, other = (split_dataset(dataset, None, 0.25, seed) for seed in (0, 0, 1))
    assert [len(p.y) for p in (parts.train, parts.val, parts.test)] == [120, 40, 40]
    rows = np.concatenate([p.X[:] for p in (parts.train, parts.val, parts.test)])
    assert {x.tobytes() for x in rows} == {x.tobytes() for x in dataset.X}
    np.testing.assert_array_equal(parts.test.X[:], again.test.X[:])
    assert not np.array_equal(parts.test.X[:], other.test.X[:])
    # the test part does not depend on whether there is a validation part
    np.testing.assert_array_equal(split_dataset(dataset, None, None, 0).test.X[:], parts.test.X[:])


def test_own_test_part_fraction_and_all(tmp_path) -> None:
    X, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    np.savez(tmp_path / "t.npz", x_train=X[:15], y_train=y[:15], x_test=X[15:], y_test=y[15:])
    dataset = load(Source(str(tmp_path / "t.npz")))
    assert [
        len(p.y) for p in (split_dataset(dataset, None, None, 0).train, split_dataset(dataset, None, None, 0).test)
    ] == [15, 5]
    assert [
        len(p.y) for p in (split_dataset(dataset, 0.5, None, 0).train, split_dataset(dataset, 0.5, None, 0).test)
    ] == [10, 10]
    assert len(split_dataset(dataset, 0.0, None, 0).train.y) == 20
    assert split_dataset(dataset, 0.0, None, 0).test is None


def test_too_few_rows_for_a_part_name_the_part_and_what_to_do() -> None:
    for part, remedy in (
        ("test", "--test 0"),
        ("val", "--val 0"),
        ("calibration", "go without --calibrate and --threshold"),
    ):
        with pytest.raises(InputError, match=f"t: 2 rows are too few for a {part} part of 0.5; give more, or {remedy}"):
            split_off(matrix_dataset(np.arange(2)), 0.5, 0, Source("t"), part)
        rows = matrix_dataset(np.arange(2))
        assert split_off(rows, 0, 0, Source("t"), part) == (rows, None)


def test_calibration_rows_are_drawn_from_what_the_other_parts_leave() -> None:
    parts = split_dataset(matrix_dataset(np.arange(100) % 2), 0.2, 0.25, 0, calibration=0.1)
    assert [len(p.y) for p in (parts.train, parts.val, parts.test, parts.calibration)] == [54, 20, 20, 6]
    pooled = parts.all_rows()
    assert sorted(row_numbers(pooled)) == list(range(100))
    np.testing.assert_array_equal(pooled.X[:, 0] % 2, pooled.y)
    without = split_dataset(matrix_dataset(np.arange(100) % 2), 0.0, None, 0)
    assert without.val is without.test is without.calibration is None
    assert row_numbers(without.all_rows()) == list(range(100))


def test_a_single_class_is_refused_before_the_rows_are_split() -> None:
    with pytest.raises(InputError, match="numbers: all 10 rows have the label 0; a classifier needs"):
        split_dataset(matrix_dataset(np.zeros(10, int)), 0.2, None, 0)


def test_one_feature_is_enough_and_none_is_refused() -> None:
    assert split_dataset(matrix_dataset(np.arange(10) % 2), 0.2, None, 0).train.X.shape == (8, 1)
    with pytest.raises(InputError, match="numbers: has no feature columns, only labels"):
        split_dataset(matrix_dataset(np.arange(10) % 2, n_features=0), 0.2, None, 0)


@pytest.mark.parametrize(
    ("n", "n_classes", "noted"), [(60, 20, False), (60, 21, True), (104, 26, False), (104, 27, True)]
)
def test_many_classes_for_the_training_rows_are_noted(n: int, n_classes: int, noted: bool) -> None:
    """More than 20, and more than a fourth of the training rows."""
    notes = split_dataset(matrix_dataset(np.arange(n) % n_classes), 0.0, None, 0).notes
    note = f"numbers: {n_classes} classes for {n} training rows; are the labels a quantity or row ids?"
    assert notes == ((note,) if noted else ())


def test_data_of_their_own_are_read_by_the_training_columns_and_have_notes_and_digests() -> None:
    colours = {"colour": ["red", "blue"] * 8, "size": [1.5, 2.5, 3.0, 4.0] * 4, "label": ["x", "y"] * 8}
    train = table_dataset("a", **colours)
    other = table_dataset("b", colour=["red", "green"], size=[1.0, 2.0], label=["x", "z"])
    parts = split_dataset(train, other, 0.25, 0)
    assert parts.schema.feature_names() == ("colour=blue", "colour=red", "size")
    np.testing.assert_array_equal(parts.test.X, [[0, 1, 1], [0, 0, 2]])
    assert parts.test.y.tolist() == [0, -1]
    assert len(parts.val.y) == 4
    assert parts.digests == {"data": "digest of a", "test": "digest of b"}
    assert parts.notes == (
        "b: column 'colour': levels that training never saw in 1 row, treated as none of its levels: 'green' (1)",
        "b: 1 of 2 rows have labels that training never saw, counted as wrong: 'z' (1)",
    )
    swapped = split_dataset(train, 0.25, other, 0)
    assert swapped.digests == {"data": "digest of a", "val": "digest of b"}
    np.testing.assert_array_equal(swapped.val.X, parts.test.X)


def test_rows_that_were_drawn_have_no_notes_on_their_cells() -> None:
    """A level that only test rows have is no news of other data."""
    y = np.arange(40) % 2
    drawn = stratified(y, 0.2, np.random.default_rng([0, STREAM_OF["test"]]))
    colour = np.where(drawn, "green", np.where(np.arange(40) % 4 < 2, "red", "blue"))
    parts = split_dataset(table_dataset("a", colour=colour, label=y), 0.2, None, 0)
    assert parts.schema.feature_names() == ("colour=blue", "colour=red")
    assert not parts.test.X.any()
    assert parts.notes == ()


def test_a_schema_that_was_learned_before_is_used_instead_of_a_new_one() -> None:
    before = split_dataset(table_dataset("a", colour=["red", "blue"] * 8, label=["x", "y"] * 8), 0.0, None, 0)
    later = table_dataset("c", colour=["red", "mauve"] * 8, label=["x", "y"] * 8)
    parts = split_dataset(later, 0.0, None, 0, model_schema=before.schema)
    assert parts.schema == before.schema
    np.testing.assert_array_equal(parts.train.X, [[0, 1], [0, 0]] * 8)
    assert split_dataset(later, 0.0, None, 0).schema.feature_names() == ("colour=mauve", "colour=red")


@pytest.mark.parametrize("fraction", ["-0.1", "1", "2.0"])
def test_fractions_out_of_range(fraction: str) -> None:
    with pytest.raises(InputError, match=f"--val is {fraction}; give a fraction >= 0 and < 1, or data"):
        HeldOut.parse(fraction, "val")


def test_what_is_held_out_is_a_fraction_or_data() -> None:
    assert HeldOut.parse(None, "test") is None
    parsed = [HeldOut.parse(x, "test") for x in ("0", ".2", "1e-1", "a.csv", "./0.2", "")]
    assert [one.fraction for one in parsed] == [0, 0.2, 0.1, None, None, None]
    assert [one.has_rows for one in parsed] == [False, True, True, True, True, False]
    assert parsed[2] == "1e-1"
