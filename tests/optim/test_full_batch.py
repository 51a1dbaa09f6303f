"""Full-batch steps: the products against NumPy, the value and gradient against the objective, and where the steps lead."""

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize

from linclf.losses import LOSSES, Loss
from linclf.optim import curvature, full_batch
from linclf.optim.full_batch import FullBatch, row_losses
from linclf.optim.linalg import select_rows
from linclf.optim.objective import Objective
from linclf.optim.rows import Rows, fast_rows

RNG = np.random.default_rng(0)
N, D, K = 60, 5, 3
X = RNG.standard_normal((N, D)) * [1, 3, 0.2, 1, 1] * (RNG.random((N, D)) < 0.7)
Y = RNG.permutation(np.arange(N) % K)
V = RNG.uniform(0.1, 3, N)
V /= V.sum()


def layouts():
    """The same rows, dense, CSR and lazy, in both precisions."""
    twice = np.repeat(X, 2, axis=0)
    for dtype in (np.float64, np.float32):
        yield X.astype(dtype)
        yield sparse.csr_matrix(X.astype(dtype))
        yield select_rows(twice.astype(dtype), np.arange(0, 2 * N, 2))


@pytest.mark.parametrize("ones", [False, True])
@pytest.mark.parametrize("chunk", [500_000, 40])
def test_products_are_those_of_numpy(monkeypatch, ones: bool, chunk: int) -> None:
    monkeypatch.setattr("linclf.optim.linalg.CHUNK_NUMBERS", chunk)
    z, g = z0(D + ones, K), z0(N, K)
    whole = np.hstack([X, np.ones((N, int(ones)))])
    for x in layouts():
        rows, tolerance = Rows(x, ones=ones), 1e-12 if x.dtype == np.float64 else 1e-5
        assert rows.n_columns == D + ones
        np.testing.assert_allclose(rows.scores(z), whole @ z, atol=tolerance)
        np.testing.assert_allclose(rows.transposed(g), whole.T @ g, atol=10 * tolerance)
        np.testing.assert_allclose(rows.squares(g**2), np.square(whole).T @ g**2, rtol=1e-5, atol=tolerance)
        np.testing.assert_allclose(rows.dense(np.array([3, 7])), whole[[3, 7]], rtol=1e-6)
        assert rows.scores(z).dtype == rows.transposed(g).dtype == np.float64


def z0(*shape: int) -> np.ndarray:
    """Weights to start from."""
    return np.random.default_rng(1).standard_normal(shape)


def batch_of(loss: Loss, bias: str = "free", reg: float = 1e-2, width: float = 0.0) -> FullBatch:
    m, ones = loss.n_outputs(K), bias != "none"
    run = FullBatch(Objective(loss, reg, bias == "penalised"), fast_rows(X, ones=ones), Y, V, z0(D + ones, m))
    run.smooth(width if loss.smoothed else 0.0)
    return run


@pytest.mark.parametrize("bias", ["free", "penalised", "none"])
def test_value_and_gradient_are_those_of_the_objective(monkeypatch, loss: Loss, bias: str) -> None:
    monkeypatch.setattr(full_batch, "CACHED", 40)
    run = batch_of(loss, bias)
    ones = bias != "none"
    W, b = run.z[:D], run.z[D] if ones else np.zeros(run.z.shape[1])
    value, dW, db = run.objective.value_and_gradient(X, Y, W, b, V)
    assert run.value == pytest.approx(float(value))
    assert run.true_value() == pytest.approx(float(value))
    np.testing.assert_allclose(run.gradient, np.vstack([dW, db[None]])[: D + ones], atol=1e-12)
    penalised = dW if bias == "free" else run.gradient
    assert run.gradient_gap() == pytest.approx(np.square(penalised).sum() / 0.02)


def test_smoothing_adds_to_the_gap_what_the_loss_exceeds_its_bound_by(monkeypatch) -> None:
    for loss in LOSSES.values():
        run = batch_of(loss)
        if loss.smoothed is None:
            assert run.smoothing_gap(0.5) == 0
            continue
        _, g = loss.smoothed(run.scores, Y, 0.5)
        exact = loss(run.scores, Y)[0]
        gap = sum(
            V[i] * (exact[i] - g[i] @ run.scores[i] - loss.dual.value(g[i : i + 1], Y[i : i + 1])[0]) for i in range(N)
        )
        monkeypatch.setattr(full_batch, "CACHED", 40)
        assert run.smoothing_gap(0.5) == pytest.approx(gap)
        assert gap > 0
        run.smooth(0.5)
        assert run.value < run.true_value() <= run.value + 0.25 * run.scores.shape[1]
        assert run.true_value() == pytest.approx(batch_of(loss).value)


@pytest.mark.parametrize("kind", ["all rows", "some rows", "no coupling", "diagonal"])
@pytest.mark.parametrize("bias", ["free", "penalised", "none"])
def test_steps_lead_to_the_optimum(monkeypatch, loss: Loss, bias: str, kind: str) -> None:
    """Of the smoothed objective: L-BFGS of SciPy finds no lower value."""
    if kind == "some rows":
        monkeypatch.setattr(curvature, "ENOUGH_ROWS", 2)
        monkeypatch.setattr(curvature, "ENOUGH_COUPLED", 2)
        monkeypatch.setattr(curvature, "CURVATURE_PASSES", 1)
    elif kind == "no coupling":
        monkeypatch.setattr(curvature, "MOST_COUPLED", 0)
    elif kind == "diagonal":
        monkeypatch.setattr(curvature, "MOST_COLUMNS", 2)
    run = batch_of(loss, bias, width=0.5)
    width, values = run.width, [run.value]
    while not run.is_stuck and run.steps < 300:
        run.step()
        values.append(run.value)
    assert (np.diff(values) <= 0).all()
    m, ones = run.z.shape[1], bias != "none"
    whole = np.hstack([X, np.ones((N, int(ones)))])

    def value(z):
        scores = whole @ z.reshape(-1, m)
        losses, g = row_losses(loss, scores, Y, width)
        penalised = np.array(z.reshape(-1, m))
        if bias == "free":
            penalised[-1] = 0
        gradient = whole.T @ (V[:, None] * g) + 0.01 * penalised
        return V @ losses + 0.005 * np.square(penalised).sum(), gradient.ravel()

    found = minimize(value, np.zeros(run.z.size), jac=True, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-12})
    assert run.value <= found.fun * (1 + 1e-9)
    assert run.value == pytest.approx(value(run.z.ravel())[0], rel=1e-9)  # the scores were kept, not computed again


def test_outputs_that_do_not_meet_are_minimised_as_if_alone(loss: Loss) -> None:
    """One output per class against the rest: each takes the steps that it takes alone."""
    if not loss.is_separable or loss.smoothed is not None:
        return
    run = batch_of(loss, "penalised")
    for _ in range(full_batch.SOONEST):
        run.step()
    for k in range(run.z.shape[1]):
        alone = Loss(loss.name, _output(loss, k), "", "", binary=True, dual=loss.dual, curvatures=_curvatures(loss, k))
        single = FullBatch(Objective(alone, 1e-2, True), fast_rows(X, ones=True), Y, V, z0(D + 1, K)[:, [k]])
        for _ in range(full_batch.SOONEST):
            single.step()
        np.testing.assert_allclose(single.z[:, 0], run.z[:, k], rtol=1e-6, atol=1e-9)


def _output(loss: Loss, k: int):
    """Output k of the loss, of scores (n, 1); the values of the others are constant."""

    def function(scores, y):
        whole = np.zeros((len(y), K))
        whole[:, k] = scores[:, 0]
        values, g = loss(whole, y)
        return values, g[:, [k]]

    return function


def _curvatures(loss: Loss, k: int):
    def curvatures(scores, y, width):
        whole = np.zeros((len(y), K))
        whole[:, k] = scores[:, 0]
        return loss.curvatures(whole, y, width)[:, [k]]

    return curvatures


def test_a_settled_bias_makes_the_gradients_sum_to_zero(loss: Loss) -> None:
    run = batch_of(loss, width=0.1)
    for _ in range(3):
        run.step()
    before = run.value
    run.settle_bias()
    assert np.abs(run.vg.sum(axis=0)).max() < 1e-7
    assert run.value <= before
    np.testing.assert_allclose(run.gradient[-1], run.vg.sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(run.scores, run.rows.scores(run.z), atol=1e-9)
    fixed = batch_of(loss, "none", width=0.1)
    z = fixed.z
    fixed.settle_bias()
    assert fixed.z is z
