"""Scores of many models at once equal those of one model after another."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from linclf.losses import LOSSES, Loss
from linclf.model.metrics import METRICS, Metric
from linclf.model.predictions import Predictions
from linclf.optim import linalg
from linclf.optim.objective import predicted, scores
from linclf.sweep import scoring
from linclf.sweep.scoring import Scorer

RNG = np.random.default_rng(0)
C = 5  # models


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("K", [2, 6])
@pytest.mark.parametrize("name", METRICS)
def test_models_of_a_stack_have_the_metric_of_each_alone(monkeypatch, name: str, K: int, weighted: bool) -> None:
    for layout, dtype in ((np.ascontiguousarray, "float32"), (csr_matrix, "float64")):
        for loss in ("softmax", "logistic", "hinge"):
            if METRICS[name].needs != "probabilities" or LOSSES[loss].logits:
                equal_one_by_one(monkeypatch, METRICS[name], LOSSES[loss], layout, dtype, K, weighted)


def equal_one_by_one(monkeypatch, metric: Metric, loss: Loss, layout, dtype: str, K: int, weighted: bool) -> None:
    X, m = RNG.standard_normal((90, 4)).astype(dtype), loss.n_outputs(K)
    y = RNG.integers(-1, K, 90)  # some of unknown label
    y[y == 1] = 0 if K > 2 else 1  # a class without rows
    W, b = RNG.standard_normal((4, C, m)).astype(dtype), RNG.standard_normal((C, m)).astype(dtype)
    weights = RNG.integers(0, 3, 90) if weighted else None
    for module in (linalg, scoring):
        monkeypatch.setattr(module, "CHUNK_NUMBERS", 200)  # many chunks of rows, and of models
    values, errors = Scorer(metric, loss, K)(layout(X), y, W, b, weights=weights, errors=True)
    for c in range(C):
        s = scores(X, W[:, c], b[c])
        one = Predictions(predicted(s), y, K, s, loss.logits and loss.logits(s), weights)
        expected = [np.array(found(one), float) for found in (metric, metric.standard_error)]
        rel = 1e-9 if dtype == "float64" else 1e-4
        np.testing.assert_allclose([values[c], errors[c]], expected, rtol=rel, atol=rel)


def test_only_what_costs_more_is_left_out_without_errors() -> None:
    X, y = RNG.standard_normal((30, 4)), np.arange(30) % 3
    W, b = RNG.standard_normal((4, C, 3)), np.zeros((C, 3))
    for name, measured in (("accuracy", True), ("balanced-accuracy", True), ("log-loss", True), ("macro-f1", False)):
        values, errors = Scorer(METRICS[name], LOSSES["softmax"], 3)(X, y, W, b)
        assert np.isfinite(values).all()
        assert np.isfinite(errors).all() == measured


def test_scores_that_are_no_numbers_are_nan_without_a_warning() -> None:
    X, y = np.full((6, 1), 1e30, np.float32), np.arange(6) % 3
    W, b = np.full((1, C, 3), 1e30, np.float32), np.zeros((C, 3), np.float32)
    for name in ("log-loss", "roc-auc"):
        values, _ = Scorer(METRICS[name], LOSSES["softmax"], 3)(X, y, W, b)
        assert np.isnan(values).all()
    some = replace(METRICS["log-loss"])
    np.testing.assert_array_equal(some.all_goodness(np.array([1.0, np.nan, np.inf])), [-1, -np.inf, -np.inf])
