"""Scaling of columns, compared with scikit-learn's."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from linclf.data.scaling import fit_scaling, moments
from linclf.errors import InputError
from linclf.optim import linalg


def named(j: int) -> str:
    return f"column {j}"


def test_standard_scaling_equals_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 5)) * [1, 1e-6, 1e6, 0, 3] + [0, 5, 1e9, 0.1, -7]
    scaling, peer = fit_scaling("standard", X, False, named, "t"), StandardScaler().fit(X)
    np.testing.assert_allclose(scaling.scale, peer.scale_, rtol=1e-6)
    np.testing.assert_allclose(scaling.apply(X, "float64")[:], peer.transform(X), rtol=1e-5, atol=1e-5)
    assert scaling.apply(X.astype(np.float32), "float32").dtype == np.float32


@pytest.mark.parametrize("kind", ["standard", "maxabs", "none"])
def test_weights_for_raw_columns_give_the_same_scores(kind: str) -> None:
    rng = np.random.default_rng(0)
    X, W, b = rng.standard_normal((50, 4)) * [1, 10, 100, 0] + 3, rng.standard_normal((4, 3)), rng.standard_normal(3)
    scaling = fit_scaling(kind, X, False, named, "t")
    weight, bias = scaling.weights_to_raw(W, b)
    np.testing.assert_allclose(X @ weight + bias, scaling.apply(X, "float64")[:] @ W + b, rtol=1e-10)


@pytest.mark.parametrize("kind", ["standard", "maxabs", "none"])
def test_weights_for_scaled_columns_are_the_inverse(kind: str) -> None:
    """A model goes on from weights for raw columns: it has the same scores, and the same weights when they come back."""
    rng = np.random.default_rng(1)
    X, W, b = rng.standard_normal((50, 3)) * [1, 10, 100] + [3, -5, 0.5], rng.standard_normal((3, 2)), np.array([1, -2])
    scaling = fit_scaling(kind, X, False, named, "t")
    weight, bias = scaling.weights_to_scaled(W, b)
    np.testing.assert_allclose(scaling.apply(X, "float64")[:] @ weight + bias, X @ W + b, rtol=1e-10)
    back = scaling.weights_to_raw(weight, bias)
    np.testing.assert_allclose(back[0], W)
    np.testing.assert_allclose(back[1], b)


def test_moments_of_chunks_add_up_to_those_of_all_rows(monkeypatch) -> None:
    """Far from 0, where sums of squares without a mean would lose all digits."""
    X = np.random.default_rng(0).standard_normal((97, 3)) * [1, 20, 3] + [1e9, -4, 0]
    monkeypatch.setattr(linalg, "CHUNK_NUMBERS", 3 * 10)
    assert len(list(linalg.chunks(X))) == 10
    found = moments("standard", X)
    assert found.n == 97
    np.testing.assert_allclose(found.mean, X.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(found.squares, np.square(X - X.mean(axis=0)).sum(axis=0), rtol=1e-7)
    for Z in (X, -X, sparse.csr_matrix(X)):
        np.testing.assert_array_equal(moments("maxabs", Z).largest, np.abs(X).max(axis=0))
        assert moments("maxabs", Z).n == 97


def test_columns_that_vary_by_rounding_alone_are_constant_as_in_scikit_learn() -> None:
    X = np.column_stack([np.full(10, 1e9 / 3), np.full(10, 1 / 3), np.arange(10) * 1e-3 + 1e9 / 3])
    assert X.var(axis=0).min() > 0
    peer = StandardScaler().fit(X)
    scaling = fit_scaling("standard", X, False, named, "t")
    assert scaling.constant.tolist() == (peer.scale_ == 1).tolist() == [True, True, False]
    np.testing.assert_allclose(scaling.scale, peer.scale_)


def test_the_smallest_scale() -> None:
    """At MIN_SCALE and below, a column is constant: weights for raw columns would overflow."""
    for size, is_scaled in ((1e-150, False), (1.5e-150, True), (3e-150, True)):
        X = np.array([[size], [-size / 2]])
        assert fit_scaling("maxabs", X, False, named, "t").scale == (size if is_scaled else 1)
    for size, is_scaled in ((0, False), (3e-151, False), (1e-149, True)):
        X = np.array([[size], [-size]])
        scaling = fit_scaling("standard", X, False, named, "t")
        assert scaling.scale == pytest.approx(size if is_scaled else 1)
        assert scaling.constant == (not is_scaled)


def test_rows_that_need_no_change_are_not_touched(layout) -> None:
    X = layout(np.eye(3))
    none = fit_scaling("none", X, False, named, "t")
    assert none.apply(X, "float64") is X
    converted = none.apply(X, "float32")
    assert (converted.dtype, converted[:].dtype) == (np.float32, np.float32)
    with np.errstate(over="raise"):
        assert np.isinf(none.apply(layout(np.full((1, 1), 1e300)), "float32")[:].max())


def test_maxabs_scaling_equals_scikit_learns_dense_and_sparse(layout) -> None:
    X = np.random.default_rng(0).standard_normal((50, 4)) * [1, 10, 0, 5] - 1
    X[:, 2] = 0
    expected = MaxAbsScaler().fit_transform(X)
    scaled = fit_scaling("maxabs", layout(X), False, named, "t").apply(layout(X), "float64")[:]
    np.testing.assert_allclose(scaled if isinstance(scaled, np.ndarray) else scaled.toarray(), expected)


def test_numbers_that_fit_float32_only_after_scaling(layout) -> None:
    for size in (1e100, 1e-60):
        X = layout(np.array([[1.0, 0], [2, 4]]) * size)
        scaled = fit_scaling("maxabs", X, False, named, "t").apply(X, "float32")[:]
        expected = [[0.5, 0], [1, 1]]
        np.testing.assert_allclose(scaled if isinstance(scaled, np.ndarray) else scaled.toarray(), expected)
    tiny = fit_scaling("maxabs", layout(np.array([[1e-310], [2e-310]])), False, named, "t")
    assert tiny.scale == 1  # with a smaller scale the weights for raw columns would be infinite


def test_auto_depends_on_the_format_of_the_file() -> None:
    X = np.eye(3)
    assert fit_scaling("auto", X, False, named, "t").kind == "standard"
    assert fit_scaling("auto", X, True, named, "t").kind == "none"
    assert fit_scaling("auto", sparse.csr_matrix(X), True, named, "t").kind == "none"


def test_sparse_data_and_too_large_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="would make sparse data dense; use --scale maxabs"):
        fit_scaling("standard", sparse.csr_matrix(np.eye(3)), True, named, "t")
    with pytest.raises(InputError, match="column 1 are too large to standardise"):
        fit_scaling("standard", np.array([[0, 1e300], [1, -1e300]]), False, named, "t")
