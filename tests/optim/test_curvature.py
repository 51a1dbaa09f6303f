"""The curvature against second derivatives by differences, from all rows and from some of them."""

from dataclasses import replace

import numpy as np
import pytest

from linclf.losses import LOSSES, Loss
from linclf.optim import curvature
from linclf.optim.curvature import Curvature, Scores, divided
from linclf.optim.objective import Objective
from linclf.optim.rows import fast_rows

RNG = np.random.default_rng(0)
N, D, K = 80, 4, 3
X = RNG.standard_normal((N, D))
Y = RNG.permutation(np.arange(N) % K)
V = RNG.uniform(0.1, 3, N)
V /= V.sum()
REG = 0.05
SMOOTH = [loss for loss in LOSSES.values() if loss.smoothed is None]


def hessian(objective: Objective, z: np.ndarray) -> np.ndarray:
    """The second derivatives (m D, m D) of the objective at weights z (D, m), with a free bias, by differences of its gradient."""

    def gradient(z: np.ndarray) -> np.ndarray:
        _, dW, db = objective.value_and_gradient(X, Y, z[:-1], z[-1], V)
        return np.vstack([dW, db[None]]).T.ravel()  # each output's weights together

    step, columns = 1e-5, []
    for j in range(z.shape[1]):
        for k in range(len(z)):
            more = np.zeros_like(z)
            more[k, j] = step
            columns.append((gradient(z + more) - gradient(z - more)) / (2 * step))
    return np.array(columns)


def inverse_at(loss: Loss, z: np.ndarray, planned: Curvature) -> np.ndarray:
    """That at weights z, without what keeps it from being exact."""
    rows = fast_rows(X, ones=True)
    return planned.inverse(Objective(loss, REG, False), rows, Scores(rows.scores(z), Y, V, 0.0))


@pytest.fixture
def exact(monkeypatch) -> None:
    monkeypatch.setattr(curvature, "FLOOR", 0.0)
    monkeypatch.setattr(curvature, "LEAST", 0.0)


@pytest.mark.parametrize("loss", SMOOTH, ids=lambda loss: loss.name)
def test_it_is_the_inverse_of_the_second_derivatives(loss: Loss, exact: None, monkeypatch) -> None:
    """Of all outputs together, and of each for itself."""
    monkeypatch.setattr(curvature, "CACHED", 50)
    m = loss.n_outputs(K)
    z = np.random.default_rng(1).standard_normal((D + 1, m))
    whole = hessian(Objective(loss, REG, False), z)
    planned = Curvature.planned(loss, N, D + 1, m)
    assert planned.coupled == (N if loss.name == "softmax" else 0)
    changes = RNG.standard_normal((m, D + 1))
    if loss.name == "softmax":
        changes -= changes.mean(axis=0)  # all outputs may rise together: no gradient says so
        found = divided(inverse_at(loss, z, planned), (whole @ changes.ravel()).reshape(m, -1))
        np.testing.assert_allclose(found - found.mean(axis=0), changes, atol=1e-6)
    blocks = np.array([whole[j * (D + 1) : (j + 1) * (D + 1), j * (D + 1) : (j + 1) * (D + 1)] for j in range(m)])
    found = inverse_at(loss, z, replace(planned, coupled=0))
    np.testing.assert_allclose(found @ blocks, np.broadcast_to(np.eye(D + 1), blocks.shape), atol=1e-6)
    diagonals = inverse_at(loss, z, replace(planned, rows=None, coupled=0))
    np.testing.assert_allclose(diagonals, 1 / np.diagonal(blocks, axis1=1, axis2=2), rtol=1e-5)
    np.testing.assert_allclose(divided(diagonals, changes), changes * diagonals)


def test_at_equal_scores_one_matrix_does_for_all_outputs(exact: None) -> None:
    loss, z = LOSSES["softmax"], np.zeros((D + 1, K))
    planned = Curvature.planned(loss, N, D + 1, K)
    found = inverse_at(loss, z, planned)
    assert found.shape == (1, D + 1, D + 1)
    whole = hessian(Objective(loss, REG, False), z)
    np.testing.assert_allclose(found[0], np.linalg.inv(whole[: D + 1, : D + 1]), rtol=1e-6)


@pytest.mark.parametrize("coupled", [0, 10])
def test_a_column_that_is_zero_in_the_rows_taken_is_not_free(coupled: int) -> None:
    """Its curvature is that of all rows: else a step along it would be a thousand times too long."""
    loss, rare = LOSSES["softmax"], np.zeros((N, 1))
    rare[1] = 30.0  # which is not among the evenly spaced ones
    rows = fast_rows(np.hstack([X, rare]), ones=True)
    z = np.random.default_rng(1).standard_normal((D + 2, K)) * np.append(np.ones(D), [0, 1])[:, None]
    at = Scores(rows.scores(z), Y, V, 0.0)
    found = Curvature(10, coupled, 1.0).inverse(Objective(loss, 1e-6, False), rows, at)
    p = np.exp(at.scores[1]) / np.exp(at.scores[1]).sum()
    exact = V[1] * p * (1 - p) * 900
    taken = np.diagonal(found[0] if coupled else found, axis1=-2, axis2=-1).reshape(K, D + 2)[:, D]
    assert (taken < 3 / exact).all()


def test_far_from_zero_where_no_loss_bends_it_is_finite() -> None:
    z = 1000 * np.random.default_rng(1).standard_normal((D + 1, K))
    for coupled in (0, N):
        found = inverse_at(LOSSES["softmax"], z, Curvature(N, coupled, 1.0))
        assert np.isfinite(found).all()
        assert np.abs(found).max() < 1e10


def test_the_matrix_of_all_outputs_is_for_few_of_them() -> None:
    softmax = LOSSES["softmax"]
    assert Curvature.planned(softmax, 20_000, 20, 5).coupled
    assert not Curvature.planned(softmax, 2_000, 65, 10).coupled
    assert not Curvature.planned(LOSSES["logistic"], 20_000, 20, 5).coupled
    assert Curvature.planned(softmax, 200, 1000, 5) == Curvature(None, 0, np.inf)
