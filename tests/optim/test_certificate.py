"""The certificate is a true bound: the optima are found by other solvers, to far more digits than it is about."""

import json
import math
from dataclasses import replace
from fractions import Fraction
from operator import mul

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from linclf.losses import LOSSES, Dual
from linclf.optim import certificate
from linclf.optim.certificate import CERTIFIABLE, _Problem, polish_and_certify
from linclf.optim.objective import Objective
from linclf.textbook import NAIVE

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
@pytest.mark.parametrize(("reg", "weighted"), [(1e-3, True), (1.0, False)])
def test_no_weights_are_below_the_bound(loss: str, bias: str, reg: float, weighted: bool, problem) -> None:
    """At any weights, good and bad, weighted rows or not, dense or CSR, float32 or float64."""
    X, y, n_classes = problem
    m, rng = LOSSES[loss].n_outputs(n_classes), np.random.default_rng(0)
    objective, fit_bias = objective_of(loss, reg, bias), BIASES[bias][0]
    weights = rng.uniform(0.1, 3, len(y)) if weighted else None
    least = optimum(objective, X, y, m, fit_bias, weights)
    for size in (0.0, 0.1, 10.0):
        W, b = size * rng.standard_normal((X.shape[1], m)), size * rng.standard_normal(m) * fit_bias
        for x, dtype in ((X, np.float32), (sparse.csr_matrix(X), np.float64)):
            start = W.astype(dtype), b.astype(dtype)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(certificate, "MOST_STEPS", 1)  # an early end: the bound must hold all the same
                _, _, early = polish_and_certify(1e-9, objective, x, y, start=start, weights=weights, fit_bias=fit_bias)
            assert early.lower_bound <= least * (1 + 1e-12)
            assert early.steps == 1
            found_W, found_b, proof = polish_and_certify(
                1e-3, objective, x, y, start=start, weights=weights, fit_bias=fit_bias
            )
            assert proof.holds
            assert (found_W.dtype, found_b.dtype) == (dtype, dtype)
            assert fit_bias or not found_b.any()
            data, penalty = objective.terms(X, y, found_W.astype(np.float64), found_b.astype(np.float64), weights)
            assert proof.lower_bound <= least * (1 + 1e-12)
            assert 100 * (float(data + penalty) / least - 1) <= proof.percent <= 1e-3


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("loss", CERTIFIABLE)
def test_bounds_are_their_formulas_and_allow_for_rounding(loss: str, bias: str, problem) -> None:
    """Against loops, with a rounding error so large that each allowance for it shows, and gradients whose sum is not zero."""
    for size in (1.0, 0.01):
        check_bounds(loss, bias, problem, size)


def check_bounds(loss: str, bias: str, problem, size: float) -> None:
    X, y, n_classes = problem
    m, rng, (fit_bias, reg_bias) = LOSSES[loss].n_outputs(n_classes), np.random.default_rng(0), BIASES[bias]
    weights, reg, free = rng.uniform(0.1, 3, len(y)), 0.1, fit_bias and not reg_bias
    bounds = _Problem(objective_of(loss, reg, bias), X, y, n_outputs=m, weights=weights, fit_bias=fit_bias)
    rows, v = np.hstack([X, np.ones((40, int(fit_bias)))]), weights / weights.sum()
    assert bounds.rounding == (40 + 6 + fit_bias) * np.finfo(float).eps
    bounds.rounding = r = 0.01
    dual = bounds.dual
    bounds.dual = Dual(dual.value, lambda g, y, v: dual.balanced(g, y, v) + 0.001)
    W = size * rng.standard_normal((6 + fit_bias, m))

    values, g = zip(*(NAIVE[loss](row @ W, int(code)) for row, code in zip(rows, y, strict=True)), strict=True)
    penalised = W[:-1] if free else W
    value = sum(v[i] * values[i] for i in range(40)) + reg / 2 * sum(w**2 for w in penalised.ravel())
    largest = max(abs(row @ W[:, j]) for row in rows for j in range(m))

    def error(of_rows) -> float:
        return r * (sum(v[i] * abs(of_rows[i]) for i in range(40)) + m * (1 + largest))

    assert bounds.upper_bound(W.ravel()) == pytest.approx(value * (1 + r) + error(values))

    g = np.array(g)
    if free:
        g = bounds.dual.balanced(g, y, v)
    conjugates = dual.value(g, y)
    total = sum(v[i] * np.outer(rows[i], g[i]) for i in range(40))  # (D, m)
    length = math.sqrt(sum(t**2 for t in (total[:-1] if free else total).ravel()))
    length += r * sum(v[i] * math.hypot(*rows[i]) * math.hypot(*g[i]) for i in range(40))
    slack = error(conjugates) + (math.hypot(*total[-1]) * 2 * (1 + math.hypot(*W[-1])) if free else 0)
    lower = sum(v[i] * conjugates[i] for i in range(40)) - slack - length**2 / (2 * reg)
    assert bounds.lower_bound(W.ravel()) == pytest.approx(lower)

    _, gradient = bounds(W.ravel())
    gap = sum(t**2 for t in gradient.reshape(W.shape)[: len(penalised)].ravel()) / (2 * reg)
    assert bounds.may_be_within(100 * gap / value * 1.001)
    assert not bounds.may_be_within(100 * gap / value * 0.999)
    bounds.last = value, np.zeros(W.shape)
    assert bounds.may_be_within(0.0)


class ExactLeastSquares:
    """The objective of mse without any rounding: mean_i ||x_i W - t_i||^2 + reg/2 ||W||^2, without the bias if it is free."""

    def __init__(self, X, targets, reg: float, free: bool) -> None:
        self.rows = [[Fraction(x) for x in row] for row in X]
        self.columns = [[Fraction(t) for t in column] for column in np.transpose(targets)]
        d = len(self.rows[0])
        self.penalty = [Fraction(reg) / 2] * (d - free) + [Fraction(0)] * free

    def value(self, W) -> Fraction:
        """At W (D, m)."""
        total = Fraction(0)
        for w, column in zip(np.transpose(W), self.columns, strict=True):
            exact = [Fraction(a) for a in w]
            errors = [sum(map(mul, row, exact)) - t for row, t in zip(self.rows, column, strict=True)]
            total += sum(e * e for e in errors) / len(errors) + sum(
                p * a * a for p, a in zip(self.penalty, exact, strict=True)
            )
        return total

    def optimum(self) -> list[list[Fraction]]:
        """The best W (D, m), by elimination: the matrix is positive definite, so that it needs no pivots."""
        n, d, solutions = len(self.rows), len(self.penalty), []
        for column in self.columns:
            by_column = [*zip(*self.rows, strict=True), column]  # of [X t]
            system = [[sum(map(mul, a, b)) / n for b in by_column] for a in by_column[:d]]  # (D, D + 1)
            for i in range(d):
                system[i][i] += self.penalty[i]
            for i in range(d):
                system[i] = [a / system[i][i] for a in system[i]]
                for k in set(range(d)) - {i}:
                    system[k] = [a - system[k][i] * b for a, b in zip(system[k], system[i], strict=True)]
            solutions.append([row[-1] for row in system])
        return np.transpose(solutions).tolist()


def exact_cases(bias: str, reg: float, offset: float, spread: float):
    """Bounds of mse, the exact objective, and the best W, as fractions, for a few data sets of two columns."""
    for seed in range(16):
        rng = np.random.default_rng(seed)
        column = offset + rng.standard_normal(8)
        X, y = np.column_stack([column, column + spread * rng.standard_normal(8)]), rng.permutation(np.arange(8) % 2)
        fit_bias, reg_bias = BIASES[bias]
        bounds = _Problem(objective_of("mse", reg, bias), X, y, n_outputs=2, weights=None, fit_bias=fit_bias)
        exact = ExactLeastSquares(bounds.X, np.eye(2)[y], reg, fit_bias and not reg_bias)
        yield bounds, exact, exact.optimum()


@pytest.mark.parametrize("bias", BIASES)
def test_bounds_hold_in_exact_arithmetic_and_without_their_allowance_for_rounding_they_do_not(bias: str) -> None:
    above = below = 0
    for bounds, exact, best in exact_cases(bias, 1e-3, 0.0, 1.0):
        W = np.array(best, float)
        value, least = exact.value(W), exact.value(best)
        assert bounds.lower_bound(W.ravel()) <= least <= value <= bounds.upper_bound(W.ravel())
        assert bounds.upper_bound(W.ravel()) - bounds.lower_bound(W.ravel()) < 1e-12
        bounds.rounding = 0.0
        above += bounds.upper_bound(W.ravel()) < value
        below += bounds.lower_bound(W.ravel()) > least
    assert above
    assert below


def test_the_bound_allows_for_rounding_where_large_rows_and_weights_cancel() -> None:
    wrong = 0
    for bounds, exact, best in exact_cases("free", 1e-9, 1e3, 1e-3):
        W, least = np.array(best, float), exact.value(best)
        assert bounds.lower_bound(W.ravel()) <= least
        bounds.norms = np.zeros(8)  # the allowance for rounding in sum_i x_i v_i g_i
        wrong += bounds.lower_bound(W.ravel()) > least
    assert wrong


def test_the_bound_allows_for_gradients_whose_sum_is_not_quite_zero() -> None:
    """They leave <sum, b> on the right-hand side, which here makes the bound larger."""
    for bounds, exact, best in exact_cases("free", 1e-3, 3.0, 1.0):
        W, least, dual = np.array(best, float), exact.value(best), bounds.dual
        off = -1e-6 * np.sign(W[-1])
        bounds.dual = Dual(dual.value, lambda g, y, v, off=off: g - v @ g + off)
        g = bounds.dual.balanced(bounds.losses(W.ravel())[1], bounds.y, bounds.v)
        length = np.linalg.norm((bounds.X.T @ (bounds.v[:, None] * g))[:-1])
        assert bounds.v @ dual.value(g, bounds.y) - length**2 / (2 * bounds.reg) > least
        assert bounds.lower_bound(W.ravel()) <= least


def test_steps_end_as_soon_as_the_bound_is_proven() -> None:
    X, y = load_iris(return_X_y=True)
    objective, start, steps = objective_of("softmax", 1e-2, "free"), (np.zeros((4, 3)), np.zeros(3)), []
    for percent in (50, 1, 1e-3):
        W, b, proof = polish_and_certify(percent, objective, X, y, start=start)
        steps.append(proof.steps)
        value = float(sum(objective.terms(X, y, W, b)))
        assert (proof.asked, proof.holds) == (percent, True)
        assert proof.percent == pytest.approx(100 * (value / proof.lower_bound - 1), rel=1e-6, abs=1e-9)
    assert 0 < steps[0] < steps[1] < steps[2] < certificate.MOST_STEPS
    again_W, again_b, proof = polish_and_certify(1, objective, X, y, start=(W, b))
    assert (proof.steps, proof.holds) == (0, True)
    np.testing.assert_array_equal(again_W, W)
    np.testing.assert_array_equal(again_b, b)
    _, _, exactly = polish_and_certify(proof.percent, objective, X, y, start=(W, b))
    assert exactly == replace(proof, asked=proof.percent)
    assert exactly.holds


def test_where_nothing_is_proven_the_distance_is_infinite_and_the_best_weights_are_returned() -> None:
    X, y = load_iris(return_X_y=True)
    objective, start = objective_of("logistic", 1e-12, "free"), (np.zeros((4, 3)), np.zeros(3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certificate, "MOST_STEPS", 3)
        W, b, proof = polish_and_certify(1, objective, X, y, start=start)
    assert (proof.percent, proof.holds, proof.steps) == (math.inf, False, 3)
    assert proof.lower_bound < 0
    assert float(sum(objective.terms(X, y, W, b))) < float(sum(objective.terms(X, y, *start)))
    W, _, proof = polish_and_certify(1, objective, X, y, start=(np.full((4, 3), np.inf), np.zeros(3)))
    assert (proof.percent, proof.holds) == (math.inf, False)


@pytest.mark.parametrize(
    ("lower", "upper", "percent"),
    [
        (2.0, 3.0, 50.0),
        (2.0, 2.0, 0.0),
        (0.0, 1.0, math.inf),
        (-1.0, 1.0, math.inf),
        (3.0, 2.0, math.inf),
        (1.0, math.inf, math.inf),
    ],
)
def test_the_distance_is_relative_to_a_positive_lower_bound(lower: float, upper: float, percent: float) -> None:
    """Bounds that contradict each other, by rounding, prove nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Problem, "lower_bound", lambda self, z: lower)
        patch.setattr(_Problem, "upper_bound", lambda self, z: upper)
        start = np.zeros((3, 3)), np.zeros(3)
        _, _, proof = polish_and_certify(60, objective_of("mse", 1.0, "free"), np.eye(3), np.arange(3), start=start)
    assert (proof.percent, proof.holds) == (percent, percent <= 60)
    assert proof.lower_bound == lower


def test_a_loss_without_a_conjugate_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="the loss has a dual"):
        polish_and_certify(1, Objective(LOSSES["svm"], 1.0), np.eye(3), np.arange(3), start=(np.eye(3), np.zeros(3)))


@pytest.mark.parametrize("loss", ["softmax", "logistic"])
def test_scikit_learns_optimum_is_not_below_it(loss: str) -> None:
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


@pytest.mark.parametrize(
    ("loss", "more"),
    [
        *((loss, "") for loss in CERTIFIABLE),
        ("softmax", "--reg-bias"),
        ("squared-hinge", "--no-bias"),
        ("logistic", "--class-weight balanced"),
        ("mse", "--val 0.2 --patience 3"),
    ],
)
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
