"""The rule of `auto` against a plain reference, and whether its rates are good."""

import contextlib
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import lsqr
from sklearn.datasets import load_breast_cancer, load_wine, make_blobs

from linclf.errors import DivergedError, InputError
from linclf.losses import LOSSES, Loss
from linclf.optim.auto_rate import (
    Rate,
    RateEstimator,
    auto_epochs,
    auto_momentum,
    auto_rate,
    largest_eigenvalue,
    least_squares,
)
from linclf.optim.objective import Objective
from linclf.optim.settings import SCHEDULES, SGDSettings
from linclf.optim.sgd import SGD


def rate_of(loss: Loss, X, y, weights=None, **settings) -> Rate:
    sgd = SGDSettings(**{"lr": 1.0, "fit_bias": False, "reg": 0.0, **settings})
    return auto_rate(loss, X, y, loss.n_outputs(int(y.max()) + 1), sgd, weights=weights)


def problem(n: int, d: int, K: int, noise: float = 1.0):
    """X (n, d) and the largest of K noisy linear scores."""
    rng = np.random.default_rng(n + d)
    X = rng.standard_normal((n, d))
    return X, (X @ rng.standard_normal((d, K)) + noise * rng.standard_normal((n, K))).argmax(axis=1)


# --- the rule ------------------------------------------------------------------------------------------------------


def distance_and_gradient(loss: Loss, X, y, m: int, sgd: SGDSettings, weights=None) -> tuple[float, float]:
    """D and G as the top of auto_rate.py defines them, written down plainly: iterates of SciPy's LSQR, and all lengths along
    each."""
    n, numbers, batch = X.shape[0], X.nnz if sparse.issparse(X) else X.size, sgd.batch_size
    affordable = 1_000_000 / max(numbers / n, 1) / (20 if sparse.issparse(X) else 1)
    count = min(n, max(min(1000, int(affordable)), n // 40, 200))
    rows = np.random.default_rng(0).permutation(np.linspace(0, n - 1, count).astype(int))
    Z, y, w = X[rows], y[rows], np.ones(count) if weights is None else weights[rows] / weights.mean()
    if sparse.issparse(X):
        Z = Z.toarray()[:, np.diff(Z.tocsc().indptr) > 0]
    Z = np.hstack([Z, np.ones((count, 1))]) if sgd.fit_bias else Z
    half = count if count == n else count // 2
    fitted, lengths = slice(0, half), slice(count - half, count)

    targets = np.where(y[:, None] == (np.arange(m) if m > 1 else 1), 1.0, -1.0)
    F, root = Z[fitted], np.sqrt(w[fitted])[:, None]

    def direction(k: int) -> np.ndarray:
        """Iterate k of conjugate gradients."""
        each = (lsqr(root * F, t, iter_lim=k, atol=0, btol=0, conlim=0)[0] for t in (root * targets[fitted]).T)
        return np.column_stack(list(each))

    directions = [direction(k) for k in range(1, min(8, np.linalg.matrix_rank(F)) + 1)]

    def nearest(part: slice) -> np.ndarray:
        best, least, before = np.zeros((Z.shape[1], m)), np.inf, 0
        for k, W in enumerate(directions, 1):
            scores, penalised = Z[part] @ W, W[:-1] if sgd.fit_bias and not sgd.reg_bias else W

            def objective(e: int, scores=scores, penalised=penalised) -> float:
                values, _ = loss(1.5**e * scores, y[part])
                return values @ w[part] / w[part].sum() + sgd.reg / 2 * np.square(1.5**e * penalised).sum()

            # lengths from a tenth to a hundred times; of equals the one nearest to that along the direction before
            before = min(range(-5, 12), key=lambda e: (objective(e), abs(e - before)))
            if objective(before) < least:
                best, least = 1.5**before * W, objective(before)
            elif k >= 4:
                break
        return best

    def gradient_square(W) -> float:
        part = Z[lengths]
        dscores = w[lengths, None] * loss(part @ W, y[lengths])[1]
        mean = np.square(part.T @ dscores / len(part)).sum()
        rows = (np.square(part).sum(axis=1) * np.square(dscores).sum(axis=1)).mean()
        return mean + (rows - mean) / batch * (batch < n)

    W = nearest(lengths)
    start, end = gradient_square(np.zeros_like(W)) ** 0.5, gradient_square(W) ** 0.5
    G = np.sqrt(start * max(end, start / 100))
    D = [np.linalg.norm(W), 1e-3 / G]
    if sparse.issparse(X) and half < min(count, Z.shape[1]):
        D.append(0.35 * np.linalg.norm(nearest(fitted)))
    return max(D), G


def words(n: int, each: int, d: int):
    """CSR rows of `each` words out of d, the first ones more often, and labels that hardly depend on them."""
    rng = np.random.default_rng(n)
    columns = (d * rng.random((n, each)) ** 2).astype(int)
    values = (
        rng.choice([-1, 1], n * each) * each**-0.5
    )  # without a dominant eigenvalue, which would amplify rounding errors
    X = sparse.csr_matrix((values, columns.ravel(), np.arange(0, n * each + 1, each)), (n, d))
    X.sum_duplicates()
    return X, (rng.random(n) + 0.1 * (columns[:, 0] > d / 4) < 0.5).astype(int)


def small_signal(seed: int):
    """Twelve columns, of which the smallest alone matters: the first few directions lead nowhere."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((1300, 12)) * np.geomspace(100, 1, 12)
    return X, (X[:, -1] + rng.standard_normal(1300) > 0).astype(int)


SAMPLES = {
    "all rows": (problem(150, 5, 3), {"reg": 0.1, "fit_bias": True}),
    "all rows, one batch": (problem(60, 4, 3), {"reg": 1e-3, "batch_size": 60}),
    "two halves": (problem(1301, 4, 3), {"reg": 1.0, "fit_bias": True, "reg_bias": True}),
    "a fortieth": (problem(44_000, 2, 3), {"reg": 1e-3, "batch_size": 1}),
    "wide rows": ((problem(700, 2000, 2)[0], np.arange(700) % 2), {"reg": 1e-2}),
    "nothing to learn": ((problem(900, 3, 3)[0], np.arange(900) % 3), {"fit_bias": True}),
    "nothing to learn from small numbers": ((0.1 * problem(900, 3, 3)[0], np.arange(900) % 3), {}),
    "no direction": ((np.tile([[1.0], [-1], [1], [-1]], (25, 1)), np.arange(100) // 2 % 2), {}),
    "four directions lead nowhere": (small_signal(5), {}),
    "three directions lead nowhere": (small_signal(6), {}),
    "all losses zero": ((np.linspace(50, 70, 60)[:, None] * np.tile([[1], [-1]], (30, 1)), np.arange(60) % 2), {}),
    "text": (words(1100, 100, 900), {"reg": 1e-5}),
    "short texts": (words(900, 3, 60), {"reg": 1e-5, "fit_bias": True}),
    "long texts": (words(300, 600, 3000), {"fit_bias": True}),
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_distance_and_gradient_equal_the_reference(loss: Loss, sample: str) -> None:
    (X, y), settings = SAMPLES[sample]
    m, sgd = loss.n_outputs(int(y.max()) + 1), SGDSettings(**{"lr": 1.0, "fit_bias": False, "reg": 0.0, **settings})
    weights = np.random.default_rng(0).uniform(0.1, 3, len(y)) if settings.get("fit_bias") else None
    estimator = RateEstimator(loss, X, y, m, sgd, weights=weights)
    for reg in (sgd.reg, 10 * sgd.reg):  # what does not depend on reg is computed once
        expected = distance_and_gradient(loss, X, y, m, replace(sgd, reg=reg), weights)
        assert estimator.measure(reg) == pytest.approx(expected, rel=1e-5)


def test_rows_of_zeros_have_no_distance_and_no_gradient(loss: Loss, layout) -> None:
    estimator = RateEstimator(
        loss, layout(np.zeros((9, 2))), np.arange(9) % 2, loss.n_outputs(2), SGDSettings(1.0, fit_bias=False)
    )
    assert (estimator.measure(0.1), estimator.largest) == ((0.0, 0.0), 0.0)


def test_largest_eigenvalue_counts_large_rows_less_unless_the_loss_is_curved(loss: Loss, layout) -> None:
    """A row of mean square norm counts once, smaller ones up to twice, much larger ones next to nothing."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, 4)) * np.array([9, 1, 1, 1]) * rng.uniform(0.1, 3, (150, 1))
    y, w = rng.permutation(np.arange(150) % 2), rng.uniform(0.1, 3, 150)
    for fit_bias in (False, True):
        Z, weights = (np.hstack([X, np.ones((150, 1))]) if fit_bias else X), w / w.mean()
        if not loss.curvature:
            squares = np.square(Z).sum(axis=1)
            weights = weights * 2 / (1 + squares / (weights @ squares / weights.sum()))
        exact = np.linalg.eigvalsh(Z.T @ (weights[:, None] * Z) / 150)[-1]
        sgd = SGDSettings(1.0, fit_bias=fit_bias)
        estimator = RateEstimator(loss, layout(X), y, loss.n_outputs(2), sgd, weights=w)
        assert estimator.largest == pytest.approx(exact, rel=1e-6)


def rate_at(loss: Loss, distance: float, gradient: float, largest: float, **settings) -> Rate:
    """The rate of an estimator that has measured these numbers."""
    sgd = SGDSettings(**{"lr": 1.0, "momentum": 0.0, **settings})
    estimator = RateEstimator(loss, np.eye(2), np.arange(2), loss.n_outputs(2), sgd)
    estimator.measure = lambda reg: (distance, gradient)
    estimator.__dict__["largest"] = largest
    return estimator.rate(sgd)


def computed(reason: str) -> float:
    """The rate by the formula in a reason, with the numbers printed there."""
    numbers = [float(word) for word in reason.split() if word[0].isdigit()]
    return numbers[0] * numbers[1] / numbers[2] if len(numbers) == 3 else numbers[0] / numbers[1]


@pytest.mark.parametrize(("momentum", "factor"), [(0.0, 0.07), (0.5, 0.165), (0.9, 0.241)])
def test_the_rate_is_a_factor_times_distance_by_gradient(loss: Loss, momentum: float, factor: float) -> None:
    factor *= 2.5 if loss.curvature else 1
    lower = {"linear": 1, "cosine": 1, "constant": 0.1, "invscaling": 0.2}
    for schedule, times in lower.items():
        for largest in (0.0, 1e-9):
            rate = rate_at(loss, 3.0, 7.0, largest, momentum=momentum, schedule=schedule)
            assert rate.value == float(f"{times * (1 - momentum) * factor * 3 / 7:.3g}")
            assert rate.reason == f"{times * (1 - momentum) * factor:.3g} x distance 3 / gradient norm 7"
            assert computed(rate.reason) == pytest.approx(rate.value, rel=0.01)
    flat = rate_at(loss, 3.0, 0.0, 0.0, momentum=momentum)
    assert flat == Rate(pytest.approx(1 - momentum), f"{1 - momentum:.3g} as no row of the sample has a gradient")


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_rate_is_limited_by_the_largest_eigenvalue(loss: Loss, momentum: float) -> None:
    """By 50 / lambda_max, or where the gradient grows with the score by 2 (1 + momentum) / (curvature lambda_max)."""
    most = 2 * (1 + momentum) / (loss.curvature * 8000) if loss.curvature else 50 / 8000
    for distance in (9e9, np.inf, np.nan):
        rate = rate_at(loss, distance, 1.0, 8000.0, momentum=momentum)
        assert rate == Rate(float(f"{most:.3g}"), f"at most {most * 8000:.3g} / largest eigenvalue 8e+03")
        assert computed(rate.reason) == pytest.approx(rate.value, rel=0.01)
        slow = rate_at(loss, distance, 1.0, 8000.0, momentum=momentum, schedule="constant")
        assert computed(slow.reason) == pytest.approx(slow.value, rel=0.01)
    near = rate_at(
        loss,
        0.99 * most / rate_at(loss, 1000.0, 1.0, 0.0, momentum=momentum).value * 1000,
        1.0,
        8000.0,
        momentum=momentum,
    )
    assert near.value == pytest.approx(0.99 * most, rel=1e-2)
    assert "distance" in near.reason


def test_a_rate_is_neither_lost_in_float32_nor_beyond_it(loss: Loss) -> None:
    factor = 0.07 * (2.5 if loss.curvature else 1)
    assert rate_at(loss, 1.1e-30 / factor, 1.0, 0.0).value == pytest.approx(1.1e-30)
    for distance in (0.9e-30 / factor, 0.0, np.nan):
        with pytest.raises(InputError, match="the numbers are too large to train on; use --scale standard or maxabs"):
            rate_at(loss, distance, 1.0, 0.0)
    assert rate_at(loss, 1e300, 1.0, 0.0, momentum=0.5).value == 0.5e30


def test_empty_columns_and_rows_without_weight_change_nothing(loss: Loss, layout) -> None:
    X, y = (
        words(1300, 3, 60)[0],
        np.random.default_rng(0).integers(0, 2, 1300),
    )  # fewer words than rows: none can be memorised
    wider = sparse.csr_matrix((X.data, 1000 * X.indices, X.indptr), (1300, 60_000))
    assert rate_of(loss, wider, y, momentum=0.0) == rate_of(loss, X, y, momentum=0.0)
    X, y = problem(1200, 4, 3)
    weights = (np.arange(1200) % 3 > 0).astype(float)
    far = np.where(weights[:, None] > 0, X, 1e200)
    assert rate_of(loss, layout(far), y, weights) == rate_of(loss, layout(X), y, weights)


def test_largest_eigenvalue(layout) -> None:
    rng = np.random.default_rng(0)
    X, w = rng.standard_normal((300, 8)) * [5, 1, 1, 1, 1, 1, 1, 1] + 0.5, rng.uniform(0, 2, 300)
    exact = np.linalg.eigvalsh(X.T @ (w[:, None] * X) / 300)[-1]
    assert largest_eigenvalue(layout(X), w) == pytest.approx(exact, rel=1e-9)
    assert largest_eigenvalue(layout(0 * X), w) == 0


def test_least_squares_is_conjugate_gradients(layout) -> None:
    """Iterate k is the best in the k-th Krylov space; with as many iterations as columns, the solution."""
    rng = np.random.default_rng(0)
    X, w, targets = rng.standard_normal((50, 4)), rng.uniform(0.5, 2, 50), rng.standard_normal((50, 3))
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


def test_least_squares_ends_where_only_rounding_errors_are_left(layout, dtype: str) -> None:
    """After as many iterations as X has singular values that differ, not when one of the targets is reached."""
    X = np.vstack([np.diag([1.0, 2, 3, 3]), np.zeros((2, 4))]).astype(dtype)
    targets, w = np.array([[1.0, 1, 1, 1, 0, 0], [1, 1, 1, -1, 0, 0]], dtype).T, np.ones(6, dtype)
    iterates = list(least_squares(layout(X), targets, w))
    assert len(iterates) == 3
    assert iterates[-1].dtype == dtype
    np.testing.assert_allclose(X @ iterates[-1], targets, atol=1e-5)
    assert len(list(least_squares(layout(np.ones((3, 1))), np.ones((3, 1)), np.ones(3)))) == 1


# --- how good the rates are ---------------------------------------------------------------------------------------


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


def test_auto_rate_is_deterministic_and_scales_with_the_data(loss: Loss, layout) -> None:
    X, y = problem(200, 5, 3)
    rate = rate_of(loss, layout(X), y)
    assert rate == rate_of(loss, layout(X), y)
    assert rate.value == pytest.approx(100 * rate_of(loss, layout(10 * X), y).value)
    assert rate.value == pytest.approx(rate_of(loss, layout(X), y, weights=np.full(200, 7.0)).value)
    assert "distance" in rate.reason or "largest eigenvalue" in rate.reason


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
    X, m = layout(X), loss.n_outputs(3)
    assert reached(loss, X, y, m, epochs=300, momentum=auto_momentum(X)) < start(loss, X, y, m)


def test_all_rows_count_however_they_are_sorted() -> None:
    """Labels in blocks: half of the sample must not be one class."""
    X, y = problem(10000, 5, 2)
    order = np.argsort(y, kind="stable")
    for loss in LOSSES.values():
        sorted_rate, rate = rate_of(loss, X[order], y[order]).value, rate_of(loss, X, y).value
        assert 0.5 < sorted_rate / rate < 2


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_auto_rate_is_near_the_best_of_many(loss: Loss, momentum: float) -> None:
    X, y = problem(1000, 20, 3)
    m, settings = loss.n_outputs(3), {"epochs": 20, "momentum": momentum, "fit_bias": True, "reg": 1e-4}
    ends = [reached(loss, X, y, m, **settings)]
    for lr in np.geomspace(1e-3, 10, 7):
        with contextlib.suppress(DivergedError):
            last = list(SGD(loss, X, y, m, SGDSettings(lr=float(lr), **settings)).epochs())[-1]
            ends.append(objective(loss, X, y, last.W, last.b))
    assert ends[0] - min(ends) < 0.015 * (start(loss, X, y, m) - min(ends))


def test_auto_rate_holds_for_heavy_rows(loss: Loss, layout) -> None:
    """One row a hundred times the others: losses whose gradient grows with the score would blow up on it."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 10))
    X[17] *= 100
    y = (X @ rng.standard_normal(10) > 0).astype(int)
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


@pytest.mark.parametrize(("schedule", "momentum"), list(zip(SCHEDULES, (0.0, 0.9, 0.9, 0.0), strict=True)))
def test_auto_rate_holds_for_every_schedule(loss: Loss, schedule: str, momentum: float) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    m = loss.n_outputs(2)
    end = reached(loss, X, y, m, epochs=30, momentum=momentum, schedule=schedule)
    assert end < 0.4 * start(loss, X, y, m)


def test_auto_rate_holds_for_many_classes(loss: Loss) -> None:
    X, y = make_blobs(n_samples=2000, centers=100, n_features=20, random_state=0)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    settings = {"epochs": 30, "fit_bias": True}
    last = list(SGD(loss, X, y, 100, SGDSettings(lr=rate_of(loss, X, y, **settings).value, **settings)).epochs())[-1]
    assert objective(loss, X, y, last.W, last.b) < start(loss, X, y, 100)
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


def test_text_that_can_only_be_memorised_is_fitted(loss: Loss) -> None:
    """Far more words than rows, and labels independent of them: training fits its rows all the same."""
    rng = np.random.default_rng(0)
    n, d = 2000, 20_000
    words = np.minimum(rng.zipf(1.2, (n, 30)) - 1, d - 1)
    X = sparse.csr_matrix((np.full(30 * n, 30**-0.5), words.ravel(), np.arange(0, 30 * n + 1, 30)), (n, d))
    y = (rng.random(n) < 0.6).astype(int)
    m = loss.n_outputs(2)
    settings = {"epochs": 40, "reg": 1e-5, "momentum": 0.0}
    bias_alone = reached(loss, np.zeros((n, 1)), y, m, **settings)
    assert reached(loss, X, y, m, **settings) < 0.97 * bias_alone
