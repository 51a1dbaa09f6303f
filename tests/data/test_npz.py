"""npz files."""

import numpy as np
import pytest
from reading import read

from linclf.data.load import load
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
        ({"X": np.zeros((2, 2)), "y": np.zeros((2, 2))}, r"the labels have the shape \(2, 2\)"),
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
