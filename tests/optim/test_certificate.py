"""The certificate is a true bound: the optima are found by other solvers, to far more digits than it is about."""

import json

import numpy as np
import pytest
from scipy.optimize import minimize

from linclf.losses import LOSSES
from linclf.optim import certificate
from linclf.optim.certificate import CERTIFIABLE, polish_and_certify
from linclf.optim.objective import Objective

BIASES = {"free": (True, False), "penalised": (True, True), "none": (False, False)}  # fit_bias, reg_bias


def objective_of(loss: str, reg: float, bias: str) -> Objective:
    return Objective(LOSSES[loss], reg, BIASES[bias][1])


def optimum(objective: Objective, X, y, m: int, fit_bias: bool, weights) -> float:
    """The least objective that two of SciPy's solvers find."""
    d = X.shape[1]

    def value(z):
        whole = z.reshape(d + 1, m)
        b = whole[-1] if fit_bias else np.zeros(m)
        total, dW, db = objective.value_and_gradient(X, y, np.ascontiguousarray(whole[:-1]), b, weights)
        return float(total), np.vstack([dW, db if fit_bias else np.zeros(m)]).ravel()

    rough = minimize(value, np.zeros((d + 1) * m), jac=True, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-13})
    return min(rough.fun, minimize(value, rough.x, jac=True, method="CG", options={"gtol": 1e-13}).fun)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("loss", CERTIFIABLE)
@pytest.mark.parametrize("reg", [1e-3, 1.0])
def test_no_weights_are_below_the_bound(loss: str, bias: str, reg: float, problem, layout) -> None:
    """At any weights, good and bad, weighted rows or not, float32 or float64."""
    X, y, n_classes = problem
    m, rng = LOSSES[loss].n_outputs(n_classes), np.random.default_rng(0)
    objective, fit_bias = objective_of(loss, reg, bias), BIASES[bias][0]
    for weights in (None, rng.uniform(0.1, 3, len(y))):
        least = optimum(objective, X, y, m, fit_bias, weights)
        for size in (0.0, 0.1, 1.0, 10.0):
            W, b = size * rng.standard_normal((X.shape[1], m)), size * rng.standard_normal(m) * fit_bias
            for dtype in (np.float32, np.float64):
                start = W.astype(dtype), b.astype(dtype)
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(certificate, "MOST_STEPS", 1)  # an early end: the bound must hold all the same
                    _, _, early = polish_and_certify(
                        1e-9, objective, layout(X), y, start=start, weights=weights, fit_bias=fit_bias
                    )
                assert early.lower_bound <= least * (1 + 1e-12)
                found_W, found_b, proof = polish_and_certify(
                    1e-3, objective, layout(X), y, start=start, weights=weights, fit_bias=fit_bias
                )
                assert proof.holds
                assert proof.lower_bound <= least * (1 + 1e-12)
                assert (found_W.dtype, found_b.dtype) == (dtype, dtype)
                assert fit_bias or not found_b.any()
                data, penalty = objective.terms(X, y, found_W.astype(np.float64), found_b.astype(np.float64), weights)
                assert 100 * (float(data + penalty) / least - 1) <= proof.percent <= 1e-3


@pytest.mark.parametrize("loss", ["softmax", "logistic"])
def test_scikit_learns_optimum_is_not_below_it(loss: str) -> None:
    from sklearn.datasets import load_breast_cancer, load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    X, y = (load_iris if loss == "softmax" else load_breast_cancer)(return_X_y=True)
    X, reg = StandardScaler().fit_transform(X), 1e-2
    peer = LogisticRegression(C=1 / (len(y) * reg), tol=1e-12, max_iter=10_000).fit(X, y)
    W, b = peer.coef_.T, peer.intercept_
    objective = objective_of(loss, reg, "free")
    least = float(sum(objective.terms(X, y, np.ascontiguousarray(W), b)))
    _, _, proof = polish_and_certify(1e-6, objective, X, y, start=(np.zeros(W.shape), np.zeros(b.shape)))
    assert proof.holds
    assert 0 <= least / proof.lower_bound - 1 <= 1e-7


def test_a_class_of_no_weight_does_not_break_the_bound() -> None:
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((30, 3)), np.arange(30) % 3
    weights = np.where(y == 2, 0.0, 1.0)
    for loss in CERTIFIABLE:
        W = rng.standard_normal((3, 3))
        _, _, proof = polish_and_certify(
            5, objective_of(loss, 0.1, "free"), X, y, start=(W, np.zeros(3)), weights=weights
        )
        least = optimum(objective_of(loss, 0.1, "free"), X, y, 3, True, weights)
        assert proof.lower_bound <= least * (1 + 1e-9)


# --- the command ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", CERTIFIABLE)
@pytest.mark.parametrize("more", ["", "--reg-bias", "--no-bias", "--class-weight balanced", "--val 0.2 --patience 3"])
def test_digits_are_certified_to_one_percent(linclf, in_tmp, loss: str, more: str) -> None:
    ran = linclf(f"train digits --loss {loss} --certify 1 --json -o m {more}")
    result = json.loads(ran)
    proof = result["certificate"]
    assert proof["holds"]
    assert 0 <= proof["percent"] <= 1
    assert proof["lower_bound"] <= result["objective"] <= 1.0100001 * proof["lower_bound"]
    assert json.loads(linclf("info m --json"))["metrics"]["certificate"] == proof


def test_the_report_says_what_is_proven(linclf, monkeypatch) -> None:
    assert "% of the optimum, proven, after" in linclf("train digits --loss softmax --certify 1")
    assert "certified  within" in linclf("train iris --loss mse --certify 50")
    monkeypatch.setattr(certificate, "MOST_STEPS", 2)
    ran = linclf("train iris --loss mse --certify 1e-4")
    assert ran.code == 0
    assert "not the 0.0001 % asked for, after 2 steps" in ran
    ran = linclf("train digits --loss logistic --lr 1e-6 --epochs 1 --reg 1e-9 --certify 0.01")
    assert "certified  nothing: no bound was found" in ran


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss not in CERTIFIABLE])
def test_losses_with_kinks_are_refused(linclf, loss: str) -> None:
    ran = linclf(f"train iris --loss {loss} --certify 1")
    assert ran.code == 2
    assert f"--certify needs a smooth loss (softmax, squared-hinge, logistic, mse); {loss} is not" in ran.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("--reg 0 --certify 1", "the bound divides by reg; give a --reg > 0"),
        ("--certify 0", "certify is 0.0; give a percentage > 0"),
        ("--certify nan", "certify is nan; give a percentage > 0"),
        ("--certify inf", "certify is inf; give a percentage > 0"),
    ],
)
def test_what_makes_no_sense_is_refused(linclf, more: str, message: str) -> None:
    ran = linclf(f"train iris --loss softmax {more}")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert message in ran.err
