"""npz files."""

import numpy as np
import pytest
from reading import read

from linclf.data.load import load
from linclf.data.readers.array_names import NAMES, PARTS, ROLES
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.errors import InputError


def test_arrays_are_flattened_to_rows_and_a_test_part_is_read(tmp_path) -> None:
    X, y = np.arange(24).reshape(4, 3, 2).astype(np.uint8), np.array(["b", "a", "b", "a"])
    np.savez(tmp_path / "one.npz", X=X, y=y)
    dataset = load(Source(str(tmp_path / "one.npz")))
    np.testing.assert_array_equal(dataset.X, X.reshape(4, 6))
    assert dataset.X.dtype == np.uint8
    assert dataset.labels().tolist() == ["b", "a", "b", "a"]
    np.savez_compressed(tmp_path / "two.npz", x_train=X, y_train=y, x_test=X[:1], y_test=y[:1])
    dataset = load(Source(str(tmp_path / "two.npz")))
    assert dataset.test.X.shape == (1, 6)
    assert dataset.all_rows().X.shape == (5, 6)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"Z": np.zeros(2)}, "contains Z; the arrays must be X, y"),
        ({"X": np.zeros((2, 2))}, "has no labels y next to X"),
        ({"X": np.zeros((2, 2)), "y": np.zeros(3)}, "2 rows in X but 3 labels in y"),
        ({"X": np.zeros((2, 2)), "y": np.zeros((2, 2))}, r"the labels have the shape \(2, 2\), without exactly one 1"),
        ({"X": np.zeros((2, 2)), "y": np.ones((2, 2))}, r"the labels have the shape \(2, 2\), without exactly one 1"),
        (
            {"X": np.zeros((2, 2)), "y": np.array([[1, 0], [0, 2]])},
            "give one label per row, shape .n,., or one-hot rows",
        ),
        ({"X": np.zeros((2, 2)), "y": np.zeros((3, 1))}, "2 rows in X but 3 labels in y"),
        ({"X": np.zeros((2, 2)), "y": np.zeros((2, 1, 1))}, r"the labels have the shape \(2, 1, 1\)"),
        ({"X": np.zeros((2, 2)), "y": np.array(3)}, r"the labels have the shape \(\)"),
        ({"X": np.zeros((2, 2)), "x": np.zeros((2, 2)), "y": [0, 1]}, "X and x are both features of the train part"),
        (
            {"X_train": np.zeros((2, 2)), "x_train": np.zeros((2, 2))},
            "X_train and x_train are both features of the train",
        ),
        ({"data": np.zeros((2, 2)), "images": np.zeros((2, 2)), "y": [0, 1]}, "data and images are both features"),
        ({"X": np.zeros((2, 2)), "labels": [0, 1], "y": [0, 1]}, "labels and y are both labels of the train part"),
        ({"X": np.zeros((2, 2)), "y": [0, 1], "y_test": [1]}, "y_test has no features beside it; save them too"),
        ({"X": np.zeros((2, 2)), "y": [0, 1], "weights_val": [1]}, "weights_val has no features beside it"),
        (
            {"X_test": np.zeros((2, 2)), "y_test": [0, 1]},
            "has no training rows beside X_test; save them as X or x_train",
        ),
        ({"arr_0": np.zeros((2, 2)), "arr_1": [0, 1]}, r"contains arr_0, arr_1; .* numpy.savez\(FILE, X=X, y=y\)"),
        ({"X": np.zeros((2, 2)), "y": [0, 1], "x_dev": np.zeros((2, 2))}, "has no labels y_val next to x_dev"),
        ({"X": np.zeros((2, 2)), "y": [0, 1], "weights": [1]}, "2 rows in X but 1 weights in weights"),
        (
            {"X": np.zeros((2, 2)), "y": [0, 1], "weights": [1, -1]},
            "weights: the weight of row 1 .* is -1; give a finite",
        ),
        ({"X": np.zeros((2, 2)), "y": [0, 1], "weights": [np.nan, 1]}, "weights: the weight of row 0 .* is nan"),
        ({"X": np.zeros((2, 2)), "y": [0, 1], "weights": [1, np.inf]}, "weights: the weight of row 1 .* is inf"),
        (
            {"X": np.zeros((2, 2)), "y": [0, 1], "weights": [0, 0]},
            "weights: all weights are 0; at least one row must count",
        ),
        (
            {"X": np.zeros((2, 2)), "y": [0, 1], "weights": ["1", "2"]},
            "weights is <U1 of shape .2,.; give a weight for each row",
        ),
        ({"X": np.zeros((2, 2)), "y": [0, 1], "weights": np.eye(2)}, r"weights is float64 of shape \(2, 2\)"),
        (
            {"X": np.eye(3), "y": np.eye(3), "x_test": np.eye(3), "y_test": np.eye(3)[:, [0, 1, 2, 2]]},
            "y and y_test are one-hot rows of 3 and 4 classes; save both with the same columns",
        ),
        ({"X": np.array([[1, np.nan]]), "y": np.zeros(1)}, "X has nan in row 0, column 1"),
        ({"X": np.zeros((2, 2)), "y": np.array([1, np.inf])}, "the label of row 1 .* is inf"),
        ({"X": np.zeros((2, 2), object), "y": np.zeros(2)}, "contains Python objects, which linclf never loads"),
        ({"X": np.array([["a"]]), "y": np.zeros(1)}, "X is <U1"),
        ({"X": np.zeros(3), "y": np.zeros(3)}, r"X is float64 of shape \(3,\)"),
        (
            {"x_train": np.zeros((1, 2)), "y_train": [1], "x_test": np.zeros((1, 3)), "y_test": [1]},
            "x_train and x_test differ in their number of features: 2 and 3",
        ),
    ],
)
def test_wrong_arrays_are_refused(tmp_path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(InputError, match=message):
        load(Source(str(tmp_path / "t.npz")))


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("X", "y"),
        ("x", "Y"),
        ("data", "target"),
        ("features", "labels"),
        ("images", "label"),
        ("inputs", "targets"),
        ("X_train", "y_train"),
        ("x_Train", "Y_TRAIN"),
        ("train_images", "train_labels"),
        ("Xtrain", "ytrain"),
        ("training-data", "training-target"),
        ("X_tr", "y_tr"),
        ("embeddings.train", "label.train"),
    ],
)
def test_arrays_are_found_by_the_names_that_people_give_them(tmp_path, x: str, y: str) -> None:
    X, labels = np.eye(3), np.array([1, 0, 1])
    np.savez(tmp_path / "t.npz", **{x: X, y: labels})
    dataset = load(Source(str(tmp_path / "t.npz")))
    np.testing.assert_array_equal(dataset.X, X)
    assert (dataset.y.tolist(), dataset.notes) == ([1, 0, 1], ())


@pytest.mark.parametrize("part", ["val", "test"])
@pytest.mark.parametrize("pattern", ["{}_{}", "{1}_{0}", "{}{}", "{0}-{1}"])
def test_parts_are_found_by_their_names(tmp_path, part: str, pattern: str) -> None:
    words = {"val": ("val", "valid", "Validation", "dev"), "test": ("test", "TEST", "te")}[part]
    for word in words:
        arrays = {
            "X": np.zeros((3, 2)),
            "y": [0, 1, 0],
            pattern.format("x", word): np.ones((2, 2)),
            pattern.format("y", word): [1, 0],
        }
        np.savez(tmp_path / "t.npz", **arrays)
        dataset = load(Source(str(tmp_path / "t.npz")))
        found = getattr(dataset, part)
        assert (found.X.tolist(), found.y.tolist()) == ([[1, 1], [1, 1]], [1, 0])
        assert [one is None for one in (dataset.val, dataset.test)].count(True) == 1
        assert dataset.all_rows().X.shape == (5, 2)


def test_every_name_has_one_role() -> None:
    written = [
        (base + word, word + base)
        for names in NAMES.values()
        for base in names
        for part in PARTS.values()
        for word in part
    ]
    plain = {text.replace("_", "") for pair in written for text in pair}
    assert set(ROLES) == plain
    assert {role for _, role in ROLES.values()} == set(NAMES)
    assert {part for part, _ in ROLES.values()} == set(PARTS)


def test_arrays_that_are_not_used_are_named(tmp_path) -> None:
    objects = np.array(["a", None], object)  # never loaded, so that they do no harm
    np.savez(tmp_path / "t.npz", X=np.eye(2), y=[0, 1], feature_names=objects, n_classes=2, y_color=["r", "g"])
    dataset = load(Source(str(tmp_path / "t.npz")))
    assert dataset.notes == ("arrays that are not used: feature_names, n_classes, y_color",)
    dataset = load(Source(str(tmp_path / "t.npz"), target="y_color"))
    assert dataset.y.tolist() == ["r", "g"]
    assert dataset.notes == ("arrays that are not used: y, feature_names, n_classes",)
    with pytest.raises(
        InputError, match="--target color: there is neither an array nor a .npy file of this name; the arrays"
    ):
        load(Source(str(tmp_path / "t.npz"), target="color"))


@pytest.mark.parametrize("shape", [(4, 1), (1, 4)])
def test_labels_and_weights_in_one_row_or_column_are_flattened(tmp_path, shape: tuple[int, int]) -> None:
    y, weights = np.array([0, 1, 1, 0]), np.array([1.0, 2, 3, 0])
    np.savez(tmp_path / "t.npz", X=np.eye(4), y=y.reshape(shape), w_train=0, sample_weight=weights.reshape(shape))
    dataset = load(Source(str(tmp_path / "t.npz")))
    assert (dataset.y.tolist(), dataset.weights.tolist()) == (y.tolist(), weights.tolist())


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_one_hot_labels_become_the_numbers_of_their_columns(tmp_path, dtype) -> None:
    y = np.array([2, 0, 1, 2, 0])
    np.savez(tmp_path / "t.npz", X=np.zeros((5, 2)), y=np.eye(3, dtype=dtype)[y])
    dataset = load(Source(str(tmp_path / "t.npz")))
    assert dataset.y.tolist() == y.tolist()
    assert dataset.notes == ("y is one-hot: the class of a row is the column of its 1, 0 to 2",)


def test_rows_to_predict_need_neither_labels_nor_training_rows(tmp_path) -> None:
    schema = Schema(2, format="npz")
    np.savez(tmp_path / "t.npz", X_test=np.ones((3, 2)), y_test=np.zeros((7, 7, 7)), weights_test=[-1])
    rows = load(Source(str(tmp_path / "t.npz")), schema, labelled=False)
    assert (rows.X.shape, rows.y, rows.weights, rows.notes) == ((3, 2), None, None, ())
    np.savez(tmp_path / "t.npz", x_val=np.zeros((1, 2)), x_test=np.ones((3, 2)), y_test=[0, 1, 0], y_val=[1])
    dataset = load(Source(str(tmp_path / "t.npz")), schema)
    assert (dataset.y.tolist(), dataset.val, dataset.test.y.tolist()) == ([1], None, [0, 1, 0])
    assert dataset.all_rows().X[:, 0].tolist() == [0, 1, 1, 1]


def test_damaged_files_are_refused(tmp_path) -> None:
    np.savez(tmp_path / "t.npz", X=np.zeros((50, 2)), y=np.zeros(50))
    whole = (tmp_path / "t.npz").read_bytes()
    np.save(tmp_path / "t.npy", np.zeros(3))
    for content in (b"PK\3\4 not a zip", whole[:200], whole[:-30], (tmp_path / "t.npy").read_bytes(), b"a,b\n1,2\n"):
        with pytest.raises(InputError, match="is not an npz file"):
            read(tmp_path / "t.npz", content)


def test_a_directory_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="is a directory"):
        load(Source(str(tmp_path)))
