import numpy as np
import pytest

from linclf.optim import linalg
from linclf.optim.column_view import ColumnView

RNG = np.random.default_rng(0)
X = np.hstack([RNG.standard_normal((12, 4)), np.ones((12, 1))])  # (n, d + 1)


def view(models: tuple[int, ...], bias: float) -> ColumnView:
    center, rate = RNG.standard_normal((5, *models)), RNG.uniform(0.5, 2, (5, *models))
    center[-1], rate[-1] = 0, bias
    return ColumnView(center, rate)


@pytest.mark.parametrize("bias", [0.0, 1.0])
@pytest.mark.parametrize("models", [(), (2,), (2, 3)])
def test_a_view_is_an_affine_map_of_the_columns(models: tuple[int, ...], bias: float, monkeypatch) -> None:
    """Its scores, gradients and norms are those of z = (x - center) * rate, formed for each model."""
    monkeypatch.setattr(linalg, "CHUNK_NUMBERS", 20)
    columns = view(models, bias)
    W, G = RNG.standard_normal((5, *models, 3)), RNG.standard_normal((12, *models, 3))
    before = W.copy()
    scores = np.tensordot(X, columns.to_raw_weights(W), axes=1)
    gradient = np.einsum("nd,n...->d...", X, G)
    columns.to_view_gradient(gradient)
    norms = columns.squared_norms(X)
    np.testing.assert_array_equal(W, before)
    assert norms.dtype == np.float64
    for model in np.ndindex(models):
        z = (X - columns.center[:, *model]) * columns.factor[:, *model]
        np.testing.assert_allclose(scores[:, *model], z @ W[:, *model], rtol=1e-10)
        np.testing.assert_allclose(gradient[:, *model], z.T @ G[:, *model], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(norms[:, *model], np.square(z).sum(axis=1), rtol=1e-10)


def test_models_that_agree_share_an_axis_of_length_1() -> None:
    shared = view((1, 3), 1.0)
    full = ColumnView(*(np.repeat(a, 2, axis=1) for a in (shared.center, shared.factor)))
    W = RNG.standard_normal((5, 2, 3, 4))
    np.testing.assert_array_equal(shared.to_raw_weights(W), full.to_raw_weights(W))
    one, other = W.copy(), W.copy()
    shared.to_view_gradient(one)
    full.to_view_gradient(other)
    np.testing.assert_array_equal(one, other)
    assert shared.squared_norms(X).shape == (12, 1, 3)


def test_float32_weights_stay_float32() -> None:
    columns = view((2,), 1.0).astype(np.float32)
    assert (columns.center.dtype, columns.factor.dtype) == (np.float32, np.float32)
    assert columns.to_raw_weights(np.ones((5, 2, 3), np.float32)).dtype == np.float32
