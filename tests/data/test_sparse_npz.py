"""Sparse matrices in npz files: each format of SciPy gives the same rows, and arrays that are no matrix are refused."""

import io
import json

import numpy as np
import pytest
from reading import read
from scipy import sparse

from linclf import load as load_model
from linclf.data.load import load
from linclf.data.source import Source
from linclf.errors import InputError

FORMATS = ("csr", "csc", "coo", "bsr", "dia")


def make(n: int = 60, d: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((n, d)) < 0.4, rng.standard_normal((n, d)), 0)
    X[:, 3] = X[5] = 0  # an empty column, and an empty row
    return X, np.array(["no", "yes"])[(X[:, 0] + X[:, 1] > 0).astype(int)]


def arrays_of(X: np.ndarray, kind: str = "csr", array: bool = False) -> dict[str, np.ndarray]:
    """The arrays that SciPy saves."""
    file = io.BytesIO()
    matrix = sparse.csr_array(X) if array else sparse.csr_matrix(X)
    sparse.save_npz(file, matrix.asformat(kind))
    return dict(np.load(io.BytesIO(file.getvalue())))


def same_rows(found, X: np.ndarray) -> None:
    """Whether rows are X as canonical CSR, to the bit."""
    expected = sparse.csr_matrix(X)
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert getattr(found, name).dtype == getattr(expected, name).dtype
    assert (found.shape, found.format) == (X.shape, "csr")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("array", [False, True], ids=["matrix", "array"])
def test_each_format_gives_the_same_rows(tmp_path, kind: str, array: bool) -> None:
    X, y = make()
    np.savez(tmp_path / "t.npz", **arrays_of(X, kind, array), y=y, names=["a"])
    dataset = load(Source(str(tmp_path / "t.npz")))
    same_rows(dataset.X, X)
    assert dataset.y.tolist() == y.tolist()
    assert (dataset.schema.sparse, dataset.schema.count, dataset.schema.format) == (True, 8, "npz")
    assert dataset.notes == ("arrays that are not used: names",)


@pytest.mark.parametrize("dtype", [np.int8, bool, np.uint64, np.float16, np.float32, ">f8"])
def test_values_of_any_type_are_numbers(tmp_path, dtype) -> None:
    X = (make()[0] > 0).astype(dtype)
    arrays = arrays_of(X.astype(np.float64)) | {"data": np.ones(np.count_nonzero(X), dtype)}
    np.savez(tmp_path / "t.npz", **arrays, label=make()[1])
    wanted = np.float32 if dtype is np.float32 else np.float64
    same_rows(load(Source(str(tmp_path / "t.npz"))).X, X.astype(wanted))


def test_the_format_may_be_text_or_bytes(tmp_path) -> None:
    X, y = make()
    for kind in ("csc", b"csc", np.array("csc", ">U7")):
        np.savez(tmp_path / "t.npz", **(arrays_of(X, "csc") | {"format": kind}), y=y)
        same_rows(load(Source(str(tmp_path / "t.npz"))).X, X)


def test_duplicates_are_added_indices_sorted_and_zeros_left_out(tmp_path) -> None:
    arrays = {
        "data": np.array([1.0, 2, 4, 0, 5, -5]),
        "indices": np.array([2, 0, 2, 1, 0, 0]),
        "indptr": np.array([0, 4, 6]),
        "shape": np.array([2, 3]),
    }
    np.savez(tmp_path / "t.npz", **arrays, y=[0, 1])
    dataset = load(Source(str(tmp_path / "t.npz")))
    same_rows(dataset.X, np.array([[2.0, 0, 5], [0, 0, 0]]))
    assert dataset.notes == ("the sparse matrix does not say its format, and was read as csr",)


def test_a_sparse_file_without_labels_takes_them_from_another_file(linclf, in_tmp) -> None:
    X, y = make()
    for kind in FORMATS:
        np.savez(f"{kind}.npz", **arrays_of(X, kind))
    np.savez("both.npz", **arrays_of(X), labels=y)
    np.save("y.npy", y)
    np.savez("dense.npz", X=X, y=y)
    found = linclf("train csr.npz --loss logistic")
    assert (found.code, found.err) == (
        2,
        "error: csr.npz: is a sparse matrix without labels; save them with numpy.save and name the file, as --target y.npy, or "
        "save them as y in the same npz file\n",
    )
    lines = ["both.npz", *(f"{kind}.npz --target y.npy" for kind in FORMATS)]
    for k, line in enumerate(lines):
        ran = linclf(f"train {line} --loss logistic -q -o m{k}")
        assert ran.code == 0, ran.err
        for a in ("weight", "bias"):
            assert getattr(load_model(f"m{k}"), a).tobytes() == getattr(load_model("m0"), a).tobytes()
        assert json.loads(linclf(f"evaluate m{k} --json")) == json.loads(linclf("evaluate m0 --json"))
        assert linclf(f"predict m{k} coo.npz") == linclf("predict m0 dense.npz")
    assert linclf("evaluate m0 csc.npz --target y.npy --json") == linclf("evaluate m0 both.npz --json")
    np.save("y.npy", y[::-1])
    assert "has changed since the model was trained on it" in linclf("evaluate m1").err
    assert linclf("evaluate m0").code == 0


def test_sparse_weights_equal_those_of_dense_rows_in_the_split(in_tmp) -> None:
    X, y = make()
    weights = np.arange(60) % 3
    np.savez("s.npz", **arrays_of(X), y=y, sample_weight=weights)
    dataset = load(Source("s.npz"))
    assert dataset.weights.tolist() == weights.tolist()


@pytest.mark.parametrize(
    ("kind", "changed", "message"),
    [
        ("csr", {"indices": [0, 9]}, "indices is not from 0 to 8"),
        ("csr", {"indices": [0, -1]}, "indices is not from 0 to 8"),
        ("csr", {"indices": [0.0, 1.0]}, "indices is not whole numbers"),
        ("csr", {"indptr": [0, 1]}, "indptr is not 3 whole numbers"),
        ("csr", {"indptr": [1, 1, 2]}, "indptr does not increase from 0"),
        ("csr", {"indptr": [0, 5, 2]}, "indptr does not increase from 0"),
        ("csr", {"indptr": [0, 1, 1]}, "indptr does not end with the number of indices"),
        ("csr", {"indptr": [0, 1, 10**12]}, "indptr does not end with the number of indices"),
        ("csr", {"data": [1.0]}, "there is not one index for each value"),
        ("csr", {"data": [[1.0, 2.0]]}, "there is not one index for each value"),
        ("csr", {"data": ["a", "b"]}, "the values of the sparse matrix are <U1; give numbers"),
        ("csr", {"data": [1, np.inf]}, "has a number that is not finite in row 1, column 1"),
        ("csr", {"data": [1e308, 1e308], "indices": [0, 0], "indptr": [0, 2, 2]}, "not finite in row 0, column 0"),
        ("csr", {"format": b"lil"}, "the format of the sparse matrix is not understood; save it as one of csr, csc, coo, bsr, dia"),
        ("csr", {"format": [1, 2]}, "the format of the sparse matrix is not understood"),
        ("csr", {"format": "CSR"}, "the format of the sparse matrix is not understood"),
        ("csr", {"format": 3}, "the format of the sparse matrix is not understood"),
        ("csr", {"format": b"dia"}, "has no array 'offsets'"),
        ("csr", {"shape": [0, 9]}, "the sparse matrix contains no rows"),
        ("csr", {"shape": [2]}, "the shape of the sparse matrix is not"),
        ("csr", {"shape": [2.0, 9.0]}, "the shape of the sparse matrix is not"),
        ("csr", {"shape": [2, -9]}, "the shape of the sparse matrix is not"),
        ("csr", {"shape": [2, 2**40]}, "has 1099511627776 feature columns, more than --max-features"),
        ("coo", {"shape": [2**60, 9]}, "unpacks to .* MB, more than"),
        ("csc", {"shape": [2**40, 9]}, "unpacks to .* MB, more than"),
        ("coo", {"row": [0, 2]}, "row is not from 0 to 1"),
        ("coo", {"col": [0]}, "there is not one row and one column for each value"),
        ("coo", {"col": [0, 9]}, "col is not from 0 to 8"),
        ("bsr", {"data": np.zeros((2, 2, 2))}, "its blocks do not fill its shape"),
        ("bsr", {"data": np.zeros((2, 0, 1))}, "its values are not blocks"),
        ("bsr", {"data": np.zeros(2)}, "its values are not blocks"),
        ("dia", {"offsets": [0, 0]}, "an offset occurs twice"),
        ("dia", {"offsets": [0, 9]}, "an offset is out of range"),
        ("dia", {"offsets": [0]}, "there is not one offset for each diagonal"),
    ],
)  # fmt: skip
def test_arrays_that_are_no_matrix_are_refused(tmp_path, kind: str, changed: dict, message: str) -> None:
    X = np.zeros((2, 9))
    X[0, 0], X[1, 1] = 1, 2
    if kind == "dia":
        X[0, 1] = 3  # two diagonals
    arrays = arrays_of(X, kind)
    np.savez(tmp_path / "t.npz", **arrays, y=[0, 1])
    same_rows(load(Source(str(tmp_path / "t.npz"))).X, X)
    np.savez(tmp_path / "t.npz", **{**arrays, **{key: np.array(a) for key, a in changed.items()}}, y=[0, 1])
    with pytest.raises(InputError, match=message):
        load(Source(str(tmp_path / "t.npz")))


def test_a_matrix_of_python_objects_is_never_unpickled(tmp_path) -> None:
    file = io.BytesIO()
    np.savez(file, X=np.array(sparse.eye(3), object), y=[0, 1, 0])
    with pytest.raises(InputError, match="contains Python objects, which linclf never loads; .* scipy.sparse.save_npz"):
        read(tmp_path / "t.npz", file.getvalue())


def test_a_sparse_matrix_beside_other_features_is_refused_or_noted(tmp_path) -> None:
    X, y = make()
    np.savez(tmp_path / "t.npz", **arrays_of(X), y=y, X=X)
    with pytest.raises(InputError, match="data and X are both features of the train part"):
        load(Source(str(tmp_path / "t.npz")))
    np.savez(tmp_path / "t.npz", **arrays_of(X), y=y, x_test=X, y_test=y)
    assert load(Source(str(tmp_path / "t.npz"))).notes == ("arrays that are not used: x_test, y_test",)
