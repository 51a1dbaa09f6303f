import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, make_blobs

from linclf.errors import InputError
from linclf.losses import LOSSES, Loss
from linclf.objective import Objective
from linclf.rate import Rate, auto_epochs, auto_momentum, auto_rate, largest_eigenvalue
from linclf.sgd import SCHEDULES, SGD, epochs

RNG = np.random.default_rng(0)


def rate_of(loss: Loss, X, n_outputs: int = 3, **settings) -> Rate:
    return auto_rate(loss, X, n_outputs, SGD(**{"lr": 1.0, "fit_bias": False, **settings}))


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
    rate = rate_of(loss, layout(X))
    assert rate == rate_of(loss, layout(X))
    assert rate.value == pytest.approx(100 * rate_of(loss, layout(10 * X)).value)
    assert rate.value == pytest.approx(0.1 * rate_of(loss, layout(X), momentum=0.0).value)
    assert "lambda_max" in rate.reason or "largest row" in rate.reason


def test_auto_rate_holds_for_heavy_rows(loss: Loss, layout) -> None:
    """One row a hundred times the others: losses whose gradient grows with the score would blow up on it."""
    X = RNG.standard_normal((500, 10))
    X[17] *= 100
    y = (X @ RNG.standard_normal(10) > 0).astype(int)
    X = layout(X)
    momentum = auto_momentum(X)
    m = loss.n_outputs(2)
    settings = {"epochs": 50, "momentum": momentum, "fit_bias": True}
    sgd = SGD(lr=rate_of(loss, X, m, **settings).value, **settings)
    last = list(epochs(loss, X, y, m, sgd))[-1]
    start = sum(Objective(loss, 1e-4).terms(X, y, np.zeros((10, m)), np.zeros(m)))
    assert sum(Objective(loss, 1e-4).terms(X, y, last.W, last.b)) < start


@pytest.mark.parametrize("X", [np.zeros((10, 3)), sparse.csr_matrix((10, 3)), np.zeros((10, 0))])
def test_auto_rate_of_data_without_numbers_is_finite(loss: Loss, X) -> None:
    for fit_bias in (False, True):
        assert 0 < rate_of(loss, X, momentum=0.0, fit_bias=fit_bias).value < np.inf


def test_auto_momentum_and_epochs() -> None:
    assert auto_momentum(np.zeros((2, 2))) == 0.9
    assert auto_momentum(sparse.csr_matrix((2, 2))) == 0.0
    assert [auto_epochs(n, 64) for n in (1, 64, 1438, 12800, 60000)] == [1000, 1000, 87, 10, 10]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_auto_rate_holds_for_every_schedule(loss: Loss, schedule: str, momentum: float) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    m, settings = loss.n_outputs(2), {"epochs": 30, "momentum": momentum, "schedule": schedule, "fit_bias": True}
    last = list(epochs(loss, X, y, m, SGD(lr=rate_of(loss, X, m, **settings).value, **settings)))[-1]
    start = sum(Objective(loss, 1e-4).terms(X, y, np.zeros((30, m)), np.zeros(m)))
    assert sum(Objective(loss, 1e-4).terms(X, y, last.W, last.b)) < 0.4 * start


def test_auto_rate_holds_for_many_classes(loss: Loss) -> None:
    X, y = make_blobs(n_samples=3000, centers=200, n_features=20, random_state=0)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    settings = {"epochs": 42, "fit_bias": True}
    last = list(epochs(loss, X, y, 200, SGD(lr=rate_of(loss, X, 200, **settings).value, **settings)))[-1]
    start = sum(Objective(loss, 1e-4).terms(X, y, np.zeros((20, 200)), np.zeros(200)))
    assert sum(Objective(loss, 1e-4).terms(X, y, last.W, last.b)) < start
    assert loss.name == "mse" or np.mean((X @ last.W + last.b).argmax(axis=1) == y) > 0.9


def test_numbers_too_large_to_train_on_are_refused(layout, dtype: str) -> None:
    X = layout((RNG.standard_normal((20, 3)) * 1e25).astype(dtype))
    with pytest.raises(InputError, match="too large to train on .* use --scale standard or maxabs"):
        rate_of(LOSSES["softmax"], X)
