"""The same optimum as scikit-learn and LIBLINEAR, at the same objective, in float64."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC, LinearSVC

from linclf.losses import LOSSES
from linclf.optim.auto_rate import auto_rate
from linclf.optim.objective import Objective
from linclf.optim.settings import SGDSettings
from linclf.optim.sgd import SGD, Epoch

REG = 1e-2


def standardised(load) -> tuple[np.ndarray, np.ndarray]:
    X, y = load(return_X_y=True)
    spread = X.std(axis=0)
    return (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1), y


def trained(name: str, X, y, n_epochs: int, *, share: float = 1.0, reg_bias: bool = False, weights=None) -> Epoch:
    loss = LOSSES[name]
    m, sgd = loss.n_outputs(int(y.max()) + 1), SGDSettings(lr=1.0, reg=REG, epochs=n_epochs, reg_bias=reg_bias)
    sgd = replace(sgd, lr=share * auto_rate(loss, X, y, m, sgd, weights=weights).value)
    return list(SGD(loss, X, y, m, sgd, weights=weights).epochs())[-1]


def suboptimality(name: str, X, y, epoch: Epoch, W, b, *, reg_bias: bool = False, weights=None) -> float:
    """How far the epoch's objective is from that of the peer's weights, relative to it."""
    objective = Objective(LOSSES[name], REG, reg_bias)
    ours = sum(objective.terms(X, y, epoch.W, epoch.b, weights))
    theirs = sum(objective.terms(X, y, np.ascontiguousarray(W, float), np.asarray(b, float), weights))
    return abs(float(ours / theirs) - 1)


@pytest.mark.parametrize("load", [load_wine, load_digits])
def test_softmax_equals_logistic_regression(load) -> None:
    X, y = standardised(load)
    peer = LogisticRegression(C=1 / (len(y) * REG), tol=1e-10, max_iter=5000).fit(X, y)
    epoch = trained("softmax", X, y, 300)
    assert suboptimality("softmax", X, y, epoch, peer.coef_.T, peer.intercept_) < 1e-3


@pytest.mark.parametrize(("name", "within"), [("squared-hinge", 1e-3), ("hinge", 3e-3)])
def test_hinges_with_penalised_bias_equal_linear_svc(name: str, within: float) -> None:
    X, y = standardised(load_breast_cancer)
    peer = LinearSVC(loss=name.replace("-", "_"), C=1 / (len(y) * REG), tol=1e-10, max_iter=1_000_000).fit(X, y)
    epoch = trained(name, X, y, 1000, reg_bias=True)
    assert suboptimality(name, X, y, epoch, peer.coef_.T, peer.intercept_, reg_bias=True) < within


@pytest.mark.parametrize(("name", "columns"), [("logistic", 1), ("softmax", 2)])
def test_relation_of_reg_and_c_for_two_classes(name: str, columns: int) -> None:
    """One output: C = 1 / (n reg). Two outputs, whose difference is penalised half as much: C = 2 / (n reg)."""
    X, y = standardised(load_breast_cancer)
    peer = LogisticRegression(C=columns / (len(y) * REG), tol=1e-10, max_iter=5000).fit(X, y)
    w, c = peer.coef_.T, peer.intercept_
    W, b = (w, c) if columns == 1 else (np.hstack([-w, w]) / 2, np.array([-c[0], c[0]]) / 2)
    epoch = trained(name, X, y, 500)
    assert suboptimality(name, X, y, epoch, W, b) < 1e-3
    difference = epoch.W if columns == 1 else epoch.W[:, 1:] - epoch.W[:, :1]
    np.testing.assert_allclose(difference, w, atol=0.02 * np.abs(w).max())


@pytest.mark.parametrize(("name", "columns"), [("hinge", 1), ("svm", 2), ("crammer-singer", 2)])
def test_relation_of_reg_and_c_for_two_class_svms(name: str, columns: int) -> None:
    """With two outputs the margin is that of their difference."""
    X, y = standardised(load_breast_cancer)
    peer = SVC(kernel="linear", C=columns / (len(y) * REG), tol=1e-8).fit(X, y)  # a free bias, as ours
    w, c = peer.coef_.T, peer.intercept_
    W, b = (w, c) if columns == 1 else (np.hstack([-w, w]) / 2, np.array([-c[0], c[0]]) / 2)
    epoch = trained(name, X, y, 1000, share=0.3)
    assert suboptimality(name, X, y, epoch, W, b) < 3e-3


def test_with_weights_n_is_their_sum() -> None:
    X, y = standardised(load_breast_cancer)
    weights = np.random.default_rng(0).uniform(0.2, 3, len(y))
    peer = LogisticRegression(C=1 / (weights.sum() * REG), tol=1e-10, max_iter=5000).fit(X, y, sample_weight=weights)
    epoch = trained("logistic", X, y, 500, weights=weights)
    assert suboptimality("logistic", X, y, epoch, peer.coef_.T, peer.intercept_, weights=weights) < 1e-3
