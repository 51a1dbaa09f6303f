import numpy as np
import pytest
from scipy import sparse

from linclf.losses import Loss
from linclf.objective import Objective
from linclf.rate import auto_epochs, auto_momentum, auto_rate, largest_eigenvalue
from linclf.sgd import SGD, epochs

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("fit_bias", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_largest_eigenvalue(layout, dtype: str, fit_bias: bool, weighted: bool) -> None:
    X = RNG.standard_normal((300, 8)) * np.array([5, 2, 1, 1, 1, 1, 1, 1]) + 0.5
    weights = RNG.uniform(0, 2, 300) if weighted else None
    whole = np.hstack([X, np.ones((300, 1))]) if fit_bias else X
    w = np.ones(300) if weights is None else weights
    exact = np.linalg.eigvalsh(whole.T @ (w[:, None] * whole) / 300)[-1]
    assert largest_eigenvalue(layout(X.astype(dtype)), fit_bias, weights) == pytest.approx(exact, rel=1e-3)


def test_auto_rate_is_deterministic_and_scales_with_the_data(loss: Loss, layout) -> None:
    X = RNG.standard_normal((200, 5))
    rate = auto_rate(loss, layout(X), 64, 0.9, fit_bias=False)
    assert rate == auto_rate(loss, layout(X), 64, 0.9, fit_bias=False)
    assert rate.value == pytest.approx(100 * auto_rate(loss, layout(10 * X), 64, 0.9, fit_bias=False).value)
    assert rate.value == pytest.approx(0.1 * auto_rate(loss, layout(X), 64, 0.0, fit_bias=False).value)
    assert "lambda_max" in rate.reason or "largest row" in rate.reason


def test_auto_rate_holds_for_heavy_rows(loss: Loss, layout) -> None:
    """One row a hundred times the others: losses whose gradient grows with the score would blow up on it."""
    X = RNG.standard_normal((500, 10))
    X[17] *= 100
    y = (X @ RNG.standard_normal(10) > 0).astype(int)
    X = layout(X)
    momentum = auto_momentum(X)
    sgd = SGD(lr=auto_rate(loss, X, 64, momentum, fit_bias=True).value, epochs=50, momentum=momentum)
    m = loss.n_outputs(2)
    last = list(epochs(loss, X, y, m, sgd))[-1]
    start = sum(Objective(loss, 1e-4).terms(X, y, np.zeros((10, m)), np.zeros(m)))
    assert sum(Objective(loss, 1e-4).terms(X, y, last.W, last.b)) < start


@pytest.mark.parametrize("X", [np.zeros((10, 3)), sparse.csr_matrix((10, 3)), np.zeros((10, 0))])
def test_auto_rate_of_data_without_numbers_is_finite(loss: Loss, X) -> None:
    for fit_bias in (False, True):
        assert 0 < auto_rate(loss, X, 64, 0.0, fit_bias=fit_bias).value < np.inf


def test_auto_momentum_and_epochs() -> None:
    assert auto_momentum(np.zeros((2, 2))) == 0.9
    assert auto_momentum(sparse.csr_matrix((2, 2))) == 0.0
    assert [auto_epochs(n, 64) for n in (1, 64, 1438, 12800, 60000)] == [1000, 1000, 87, 10, 10]
