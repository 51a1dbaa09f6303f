"""Scaling of columns, compared with scikit-learn's."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from linclf.data.scaling import fit_scaling
from linclf.errors import InputError


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
