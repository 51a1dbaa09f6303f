import contextlib
from itertools import islice

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_wine, make_blobs

from linclf.errors import DivergedError, InputError
from linclf.losses import LOSSES, Loss
from linclf.optim.auto_rate import Rate, auto_epochs, auto_momentum, auto_rate, largest_eigenvalue, least_squares
from linclf.optim.objective import Objective
from linclf.optim.settings import SCHEDULES, SGDSettings
from linclf.optim.sgd import SGD

RNG = np.random.default_rng(0)


def rate_of(loss: Loss, X, y, weights=None, **settings) -> Rate:
    sgd = SGDSettings(**{"lr": 1.0, "fit_bias": False, "reg": 0.0, **settings})
    return auto_rate(loss, X, y, loss.n_outputs(int(y.max()) + 1), sgd, weights=weights)


def problem(n: int, d: int, K: int, noise: float = 1.0):
    """X (n, d) and the largest of K noisy linear scores."""
    X = RNG.standard_normal((n, d))
    return X, (X @ RNG.standard_normal((d, K)) + noise * RNG.standard_normal((n, K))).argmax(axis=1)


def objective(loss: Loss, X, y, W, b) -> float:
    return float(sum(Objective(loss, 1e-4).terms(X, y, W, b)))


def start(loss: Loss, X, y, m: int) -> float:
    """The objective at zero weights."""
    return objective(loss, X, y, np.zeros((X.shape[1], m)), np.zeros(m))


def reached(loss: Loss, X, y, m: int, **settings) -> float:
    """The objective where training with the rate of auto ends."""
    settings = {"epochs": 50, "fit_bias": True, "reg": 1e-4, **settings}
    sgd = SGDSettings(lr=rate_of(loss, X, y, **settings).value, **settings)
    last = list(SGD(loss, X, y, m, sgd).epochs())[-1]
    return objective(loss, X, y, last.W, last.b)


@pytest.mark.parametrize("weighted", [False, True])
def test_largest_eigenvalue(layout, weighted: bool) -> None:
    X = layout(RNG.standard_normal((300, 8)) * np.array([5, 2, 1, 1, 1, 1, 1, 1]) + 0.5)
    w = RNG.uniform(0, 2, 300) if weighted else np.ones(300)
    dense = X if isinstance(X, np.ndarray) else X.toarray()
    exact = np.linalg.eigvalsh(dense.T @ (w[:, None] * dense) / 300)[-1]
    assert largest_eigenvalue(X, w) == pytest.approx(exact, rel=1e-3)


def test_least_squares_is_conjugate_gradients(layout) -> None:
    """Iterate k is the best in the k-th Krylov space; with as many iterations as columns, the solution."""
    X, w = RNG.standard_normal((50, 4)), RNG.uniform(0.5, 2, 50)
    targets = RNG.standard_normal((50, 3))
    iterates = list(islice(least_squares(layout(X), targets, w), 4))
    A, B = X.T @ (w[:, None] * X), X.T @ (w[:, None] * targets)
    for j in range(3):
        krylov = np.column_stack([np.linalg.matrix_power(A, k) @ B[:, j] for k in range(4)])
        for k in range(4):
            basis = np.linalg.qr(krylov[:, : k + 1])[0]
            best = basis @ np.linalg.solve(basis.T @ A @ basis, basis.T @ B[:, j])
            np.testing.assert_allclose(iterates[k][:, j], best, rtol=1e-6)
    np.testing.assert_allclose(iterates[3], np.linalg.solve(A, B), rtol=1e-6)
    assert list(least_squares(layout(np.zeros((5, 2))), np.ones((5, 1)), np.ones(5))) == []


def test_auto_rate_is_deterministic_and_scales_with_the_data(loss: Loss, layout) -> None:
    X, y = problem(200, 5, 3)
    rate = rate_of(loss, layout(X), y)
    assert rate == rate_of(loss, layout(X), y)
    assert rate.value == pytest.approx(100 * rate_of(loss, layout(10 * X), y).value)
    assert rate.value == pytest.approx(rate_of(loss, layout(X), y, weights=np.full(200, 7.0)).value)
    assert "distance" in rate.reason or "lambda_max" in rate.reason
    steady = rate_of(loss, layout(X), y, schedule="constant").value
    assert steady < rate.value


def test_a_few_steps_and_many_end_lower_than_they_began(loss: Loss) -> None:
    """The rate does not depend on the number of epochs, and holds for a single one."""
    for n, d in ((60, 5), (2000, 30)):
        X, y = problem(n, d, 3)
        m = loss.n_outputs(3)
        ends = [reached(loss, X, y, m, epochs=number) for number in (1, 10, 100)]
        assert ends[2] < 1.05 * ends[1] < 1.1 * ends[0]
        assert ends[0] < start(loss, X, y, m)


def test_columns_of_very_different_size(loss: Loss, layout) -> None:
    X, y = load_wine(return_X_y=True)  # one column of about 700, others below 1
    m = loss.n_outputs(3)
    for momentum in (0.0, 0.9):
        assert reached(loss, layout(X), y, m, epochs=600, momentum=momentum) < start(loss, X, y, m)


def test_all_rows_count_however_they_are_sorted() -> None:
    """Labels in blocks: half of the sample must not be one class."""
    X, y = problem(10000, 5, 2)
    order = np.argsort(y, kind="stable")
    for loss in LOSSES.values():
        sorted_rate, rate = rate_of(loss, X[order], y[order]).value, rate_of(loss, X, y).value
        assert 0.5 < sorted_rate / rate < 2


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_auto_rate_is_near_the_best_of_many(loss: Loss, momentum: float) -> None:
    X, y = problem(2000, 20, 3)
    m, settings = loss.n_outputs(3), {"epochs": 20, "momentum": momentum, "fit_bias": True, "reg": 1e-4}
    ends = [reached(loss, X, y, m, **settings)]
    for lr in np.geomspace(1e-4, 10, 9):
        with contextlib.suppress(DivergedError):
            last = list(SGD(loss, X, y, m, SGDSettings(lr=float(lr), **settings)).epochs())[-1]
            ends.append(objective(loss, X, y, last.W, last.b))
    assert ends[0] - min(ends) < 0.015 * (start(loss, X, y, m) - min(ends))


def test_auto_rate_holds_for_heavy_rows(loss: Loss, layout) -> None:
    """One row a hundred times the others: losses whose gradient grows with the score would blow up on it."""
    X = RNG.standard_normal((500, 10))
    X[17] *= 100
    y = (X @ RNG.standard_normal(10) > 0).astype(int)
    X, m = layout(X), loss.n_outputs(2)
    assert reached(loss, X, y, m, momentum=auto_momentum(X)) < 0.5 * start(loss, X, y, m)


@pytest.mark.parametrize("X", [np.zeros((10, 3)), sparse.csr_matrix((10, 3)), np.zeros((10, 0)), np.ones((10, 1))])
@pytest.mark.parametrize("y", [np.arange(10) % 2, np.arange(10) // 9, np.zeros(10, int)])
def test_auto_rate_of_data_that_say_nothing_is_finite(loss: Loss, X, y) -> None:
    for fit_bias in (False, True):
        rate = auto_rate(loss, X, y, loss.n_outputs(2), SGDSettings(lr=1.0, momentum=0.0, fit_bias=fit_bias))
        assert 0 < rate.value < np.inf


def test_auto_momentum_and_epochs() -> None:
    assert auto_momentum(np.zeros((2, 2))) == 0.9
    assert auto_momentum(sparse.csr_matrix((2, 2))) == 0.0
    assert [auto_epochs(n, 64) for n in (1, 64, 1438, 12800, 60000)] == [1000, 1000, 87, 10, 10]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_auto_rate_holds_for_every_schedule(loss: Loss, schedule: str, momentum: float) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    m = loss.n_outputs(2)
    end = reached(loss, X, y, m, epochs=30, momentum=momentum, schedule=schedule)
    assert end < 0.4 * start(loss, X, y, m)


def test_auto_rate_holds_for_many_classes(loss: Loss) -> None:
    X, y = make_blobs(n_samples=3000, centers=200, n_features=20, random_state=0)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    settings = {"epochs": 42, "fit_bias": True}
    last = list(SGD(loss, X, y, 200, SGDSettings(lr=rate_of(loss, X, y, **settings).value, **settings)).epochs())[-1]
    assert objective(loss, X, y, last.W, last.b) < start(loss, X, y, 200)
    assert loss.name == "mse" or np.mean((X @ last.W + last.b).argmax(axis=1) == y) > 0.9


def test_numbers_too_large_to_train_on_are_refused(layout, dtype: str) -> None:
    X, y = problem(20, 3, 3)
    for size in (1e25, 1e200) if dtype == "float64" else (1e25,):
        for loss in LOSSES.values():
            with pytest.raises(InputError, match="too large to train on; use --scale standard or maxabs"):
                rate_of(loss, layout((X * size).astype(dtype)), y)


def test_tiny_numbers_leave_the_rate_finite(loss: Loss, layout) -> None:
    X, y = problem(20, 3, 3)
    assert rate_of(loss, layout(X * 1e-40), y).value < np.inf


def test_text_that_can_only_be_learned_by_heart_is_learned(loss: Loss) -> None:
    """Far more words than rows, and labels that they say nothing of: training fits its rows all the same."""
    rng = np.random.default_rng(0)
    n, d = 3000, 20_000
    words = np.minimum(rng.zipf(1.2, (n, 30)) - 1, d - 1)
    X = sparse.csr_matrix((np.full(30 * n, 30**-0.5), words.ravel(), np.arange(0, 30 * n + 1, 30)), (n, d))
    y = (rng.random(n) < 0.6).astype(int)
    m = loss.n_outputs(2)
    settings = {"epochs": 40, "reg": 1e-5, "momentum": 0.0}
    bias_alone = reached(loss, np.zeros((n, 1)), y, m, **settings)
    assert reached(loss, X, y, m, **settings) < 0.97 * bias_alone
