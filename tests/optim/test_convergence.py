"""Whether one more step still lowers the objective: it must, and only where a run has ended far from the optimum."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from linclf import LinearClassifier
from linclf.losses import LOSSES, Loss
from linclf.optim.convergence import FAR, possible_decrease
from linclf.optim.objective import Objective

RNG = np.random.default_rng(0)
Z = RNG.standard_normal((300, 4))
CODES = np.digitize(Z @ [1, -1, 0.5, 0] + RNG.logistic(size=300) / 3, [-0.5, 0.5])


def weights_of(loss: Loss, scale: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    m = loss.n_outputs(3)
    return scale * RNG.standard_normal((4, m)), scale * RNG.standard_normal(m)


def test_the_optimum_leaves_nothing_and_any_other_point_something(layout) -> None:
    peer = LogisticRegression(C=1 / (300 * 0.01), tol=1e-12, max_iter=9999).fit(Z, CODES)
    objective, (W, b) = Objective(LOSSES["softmax"], 0.01), (peer.coef_.T, peer.intercept_)
    assert possible_decrease(objective, layout(Z), CODES, W, b) < 1e-10
    for factor in (0.0, 0.5, 1.5):
        assert possible_decrease(objective, layout(Z), CODES, factor * W, b) > 0.005


def test_the_step_reaches_what_it_promises_whatever_the_units_and_offsets(loss: Loss, layout) -> None:
    """Of columns in other units the same weights leave the same decrease, if the penalty is negligible."""
    W, b = weights_of(loss, 0.1)
    unit, offset = np.array([1.0, 1e3, 1e-2, 7.0]), np.array([0.0, 1e5, 3.0, -50.0])
    objective = Objective(loss, 1e-30)
    found = possible_decrease(objective, layout(Z), CODES, W, b)
    raw_W = W / unit[:, None]
    other = possible_decrease(objective, layout(Z * unit + offset), CODES, raw_W, b - offset @ raw_W)
    assert found > 0.2
    assert other == pytest.approx(found, rel=1e-3)


def test_weights_count_as_repeated_rows_and_a_missing_bias_stays_missing(loss: Loss, layout) -> None:
    W, b = weights_of(loss, 0.2)
    times = np.arange(300) % 3
    objective = Objective(loss, 0.01)
    weighted = possible_decrease(objective, layout(Z), CODES, W, b, weights=times.astype(float))
    repeated = possible_decrease(objective, layout(np.repeat(Z, times, axis=0)), np.repeat(CODES, times), W, b)
    assert weighted == pytest.approx(repeated, rel=1e-9)
    far = Z + 100  # without a bias the columns cannot be centred
    assert possible_decrease(objective, layout(far), CODES, W, 0 * b, fit_bias=False) == pytest.approx(
        possible_decrease(objective, far, CODES, W, 0 * b, fit_bias=False)
    )


def test_a_sample_of_many_rows_says_the_same() -> None:
    X, y = np.tile(Z, (200, 1)), np.tile(CODES, 200)
    W, b = weights_of(LOSSES["softmax"])
    objective = Objective(LOSSES["softmax"], 0.01)
    whole = possible_decrease(objective, Z, CODES, W, b)
    assert possible_decrease(objective, X, y, W, b) == pytest.approx(whole, rel=0.1)


def test_unscaled_columns_are_noticed_and_scaled_ones_are_near(loss: Loss) -> None:
    X = Z * [1, 1000, 1, 30] + [0, 1e4, 0, 0]
    with pytest.warns(
        UserWarning, match=r"far from the optimum: one more step could lower the objective by \d+%; scale the col"
    ):
        LinearClassifier(loss.name, scale="none", finish="no").fit(X, CODES)
    # a warning would be an error; full-batch steps, scaled by the curvature, do not mind columns of any size
    for options in ({"finish": "no"}, {}, {"scale": "none"}):
        found = LinearClassifier(loss.name, **options).fit(X, CODES)
        metrics = found.model_.record["metrics"]
        proven = metrics["certificate"]["percent"] / 100
        assert 0 <= (metrics["possible_decrease"] or 0) < FAR
        assert metrics["possible_decrease"] is not None or proven <= FAR
