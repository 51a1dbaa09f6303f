"""The certificate is a true bound: the optima are found by other solvers, to far more digits than it is about."""

import json
import math
from dataclasses import replace
from fractions import Fraction
from functools import partial
from operator import mul
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from linclf.losses import LOSSES, Dual
from linclf.optim import certificate
from linclf.optim.certificate import CERTIFIABLE, Bounds, bound_and_finish
from linclf.optim.objective import Objective
from linclf.textbook import NAIVE
from scripts.bounds import BIASES, ROUNDING, least_objective, try_problem


def objective_of(loss: str, reg: float, bias: str) -> Objective:
    return Objective(LOSSES[loss], reg, BIASES[bias][1])


def test_the_bounds_of_random_problems_are_true() -> None:
    """A short form of `scripts/bounds.py`."""
    for number in range(100):
        what, over = try_problem(number, seed=1)
        assert over <= ROUNDING, what


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("loss", CERTIFIABLE)
@pytest.mark.parametrize(("reg", "weighted"), [(1e-3, True), (1.0, False)])
def test_no_weights_are_below_the_bound(loss: str, bias: str, reg: float, weighted: bool, problem) -> None:
    """At any weights, good and bad, weighted rows or not, dense or CSR, float32 or float64."""
    X, y, n_classes = problem
    m, rng = LOSSES[loss].n_outputs(n_classes), np.random.default_rng(0)
    objective, fit_bias = objective_of(loss, reg, bias), BIASES[bias][0]
    weights = rng.uniform(0.1, 3, len(y)) if weighted else None
    kinks = LOSSES[loss].smoothed is not None
    least = least_objective(objective, X, y, m, fit_bias=fit_bias, weights=weights)
    percent, rounding = (0.1, 1e-9) if kinks else (1e-3, 1e-12)
    for size in (0.0, 0.1, 10.0):
        W, b = size * rng.standard_normal((X.shape[1], m)), size * rng.standard_normal(m) * fit_bias
        for x, dtype in ((X, np.float32), (sparse.csr_matrix(X), np.float64)):
            start = W.astype(dtype), b.astype(dtype)
            run = partial(bound_and_finish, objective, x, y, start=start, weights=weights, fit_bias=fit_bias)
            for early in (run(), run(percent=1e-9, most_steps=1)):  # an early end: the bound must hold all the same
                assert early[2].lower_bound <= least * (1 + rounding)
                assert early[2].steps == (early[2].asked is not None)
            found_W, found_b, proof = run(percent=percent)
            assert proof.holds
            assert (found_W.dtype, found_b.dtype) == (dtype, dtype)
            assert fit_bias or not found_b.any()
            data, penalty = objective.terms(X, y, found_W.astype(np.float64), found_b.astype(np.float64), weights)
            assert proof.lower_bound <= least * (1 + rounding)
            assert 100 * (float(data + penalty) / least - 1) <= proof.percent + 100 * rounding
            assert proof.percent <= percent


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
    bounds = Bounds(objective_of(loss, reg, bias), X, y, n_outputs=m, weights=weights, fit_bias=fit_bias)
    rows, v = np.hstack([X, np.ones((40, int(fit_bias)))]), weights / weights.sum()
    assert bounds.rounding == (40 + 6 + fit_bias) * np.finfo(float).eps
    bounds.rounding = r = 0.01
    dual = bounds.dual
    bounds.dual = Dual(dual.value, lambda g, y, v: dual.balanced(g, y, v) + 0.001)
    W = size * rng.standard_normal((6 + fit_bias, m))
    scores = bounds.scores(W)
    np.testing.assert_allclose(scores, rows @ W, atol=1e-12)

    values, g = zip(*(NAIVE[loss](row @ W, int(code)) for row, code in zip(rows, y, strict=True)), strict=True)
    penalised = W[:-1] if free else W
    value = sum(v[i] * values[i] for i in range(40)) + reg / 2 * sum(w**2 for w in penalised.ravel())
    largest = max(abs(row @ W[:, j]) for row in rows for j in range(m))

    def error(of_rows) -> float:
        return r * (sum(v[i] * abs(of_rows[i]) for i in range(40)) + m * (1 + largest))

    losses, gradients = bounds.losses(scores)
    assert bounds.upper(W, scores, losses) == pytest.approx(value * (1 + r) + error(values))

    g = np.array(g)
    if free:
        g = bounds.dual.balanced(g, y, v)
    conjugates = dual.value(g, y)
    total = sum(v[i] * np.outer(rows[i], g[i]) for i in range(40))  # (D, m)
    length = math.sqrt(sum(t**2 for t in (total[:-1] if free else total).ravel()))
    length += r * sum(v[i] * math.hypot(*rows[i]) * math.hypot(*g[i]) for i in range(40))
    slack = error(conjugates) + (math.hypot(*total[-1]) * 2 * (1 + math.hypot(*W[-1])) if free else 0)
    conjugate, square = sum(v[i] * conjugates[i] for i in range(40)) - slack, length**2 / (2 * reg)
    assert bounds.lower(W, scores, gradients) == pytest.approx(conjugate - square)
    bounds.dual = replace(bounds.dual, is_linear=True)
    shares = np.linspace(0, 1, 10_001)
    best = (shares * conjugate - shares**2 * square).max() if conjugate > 0 else conjugate - square
    assert bounds.lower(W, scores, gradients) == pytest.approx(best, abs=1e-6)


def lower_at(bounds: Bounds, W: np.ndarray) -> float:
    scores = bounds.scores(W)
    return bounds.lower(W, scores, bounds.losses(scores)[1])


def upper_at(bounds: Bounds, W: np.ndarray) -> float:
    scores = bounds.scores(W)
    return bounds.upper(W, scores, bounds.losses(scores)[0])


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
        bounds = Bounds(objective_of("mse", reg, bias), X, y, n_outputs=2, weights=None, fit_bias=fit_bias)
        rows = np.hstack([X, np.ones((8, int(fit_bias)))])
        exact = ExactLeastSquares(rows, np.eye(2)[y], reg, fit_bias and not reg_bias)
        yield bounds, exact, exact.optimum()


@pytest.mark.parametrize("bias", BIASES)
def test_bounds_hold_in_exact_arithmetic_and_without_their_allowance_for_rounding_they_do_not(bias: str) -> None:
    above = below = 0
    for bounds, exact, best in exact_cases(bias, 1e-3, 0.0, 1.0):
        W = np.array(best, float)
        value, least = exact.value(W), exact.value(best)
        assert lower_at(bounds, W) <= least <= value <= upper_at(bounds, W)
        assert upper_at(bounds, W) - lower_at(bounds, W) < 1e-12
        bounds.rounding = 0.0
        above += upper_at(bounds, W) < value
        below += lower_at(bounds, W) > least
    assert above
    assert below


def test_the_bound_allows_for_rounding_where_large_rows_and_weights_cancel() -> None:
    wrong = 0
    for bounds, exact, best in exact_cases("free", 1e-9, 1e3, 1e-3):
        W, least = np.array(best, float), exact.value(best)
        assert lower_at(bounds, W) <= least
        bounds.norms = np.zeros(8)  # the allowance for rounding in sum_i x_i v_i g_i
        wrong += lower_at(bounds, W) > least
    assert wrong


def test_the_bound_allows_for_gradients_whose_sum_is_not_quite_zero() -> None:
    """They leave <sum, b> on the right-hand side, which here makes the bound larger."""
    for bounds, exact, best in exact_cases("free", 1e-3, 3.0, 1.0):
        W, least, dual = np.array(best, float), exact.value(best), bounds.dual
        off = -1e-6 * np.sign(W[-1])
        bounds.dual = Dual(dual.value, lambda g, y, v, off=off: g - v @ g + off)
        g = bounds.dual.balanced(LOSSES["mse"](bounds.scores(W), bounds.y)[1], bounds.y, bounds.v)
        length = np.linalg.norm(bounds.X.T @ (bounds.v[:, None] * g))
        assert bounds.v @ dual.value(g, bounds.y) - length**2 / (2 * bounds.reg) > least
        assert lower_at(bounds, W) <= least


def test_steps_end_as_soon_as_the_bound_is_proven() -> None:
    X, y = load_iris(return_X_y=True)
    objective, start, steps = objective_of("softmax", 1e-2, "free"), (np.zeros((4, 3)), np.zeros(3)), []
    for percent in (50, 1, 1e-3):
        W, b, proof = bound_and_finish(objective, X, y, start=start, percent=percent)
        steps.append(proof.steps)
        value = float(sum(objective.terms(X, y, W, b)))
        assert (proof.asked, proof.holds) == (percent, True)
        assert proof.percent == pytest.approx(100 * (value / proof.lower_bound - 1), rel=1e-6, abs=1e-9)
    assert 0 < steps[0] < steps[1] < steps[2] < certificate.MOST_STEPS
    again_W, again_b, proof = bound_and_finish(objective, X, y, start=(W, b), percent=1)
    assert (proof.steps, proof.holds) == (0, True)
    np.testing.assert_array_equal(again_W, W)
    np.testing.assert_array_equal(again_b, b)
    _, _, more = bound_and_finish(objective, X, y, start=(W, b), percent=proof.percent / 10)
    assert more.holds
    assert more.steps > 0


def test_where_nothing_is_proven_the_distance_is_infinite_and_the_best_weights_are_returned() -> None:
    X, y = load_iris(return_X_y=True)
    objective, start = objective_of("logistic", 1e-12, "free"), (np.zeros((4, 3)), np.zeros(3))
    W, b, proof = bound_and_finish(objective, X, y, start=start, percent=1, most_steps=3)
    assert (proof.percent, proof.holds, proof.steps) == (math.inf, False, 3)
    assert proof.lower_bound < 0
    assert float(sum(objective.terms(X, y, W, b))) < float(sum(objective.terms(X, y, *start)))
    W, _, proof = bound_and_finish(objective, X, y, start=(np.full((4, 3), np.inf), np.zeros(3)), percent=1)
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
        patch.setattr(Bounds, "lower", lambda self, z, scores, g: lower)
        patch.setattr(Bounds, "upper", lambda self, z, scores, losses: upper)
        start = np.zeros((3, 3)), np.zeros(3)
        _, _, proof = bound_and_finish(
            objective_of("mse", 1.0, "free"), np.eye(3), np.arange(3), start=start, percent=60
        )
    assert (proof.percent, proof.holds) == (percent, percent <= 60)
    assert proof.lower_bound == lower


def test_a_loss_without_a_conjugate_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="the loss has a dual"):
        bound_and_finish(
            Objective(replace(LOSSES["svm"], dual=None), 1.0), np.eye(3), np.arange(3), start=(np.eye(3), np.zeros(3))
        )


@pytest.mark.parametrize("loss", ["softmax", "logistic"])
def test_scikit_learns_optimum_is_not_below_it(loss: str) -> None:
    X, y = (load_iris if loss == "softmax" else load_breast_cancer)(return_X_y=True)
    X, reg = StandardScaler().fit_transform(X), 1e-2
    peer = LogisticRegression(C=1 / (len(y) * reg), tol=1e-12, max_iter=10_000).fit(X, y)
    W, b = peer.coef_.T, peer.intercept_
    objective = objective_of(loss, reg, "free")
    least = float(sum(objective.terms(X, y, np.ascontiguousarray(W), b)))
    _, _, proof = bound_and_finish(objective, X, y, start=(np.zeros(W.shape), np.zeros(b.shape)), percent=1e-6)
    assert proof.holds
    assert 0 <= least / proof.lower_bound - 1 <= 1e-7


def test_a_class_of_no_weight_does_not_break_the_bound() -> None:
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((30, 3)), np.arange(30) % 3
    weights = np.where(y == 2, 0.0, 1.0)
    for loss in CERTIFIABLE:
        start = rng.standard_normal((3, 3)), np.zeros(3)
        _, _, proof = bound_and_finish(objective_of(loss, 0.1, "free"), X, y, start=start, weights=weights, percent=5)
        assert proof.holds
        least = least_objective(
            objective_of(loss, 0.1, "free"), X, y, LOSSES[loss].n_outputs(3), fit_bias=True, weights=weights
        )
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
    assert proof["lower_bound"] * (1 - 1e-6) <= result["objective"] <= 1.0100001 * proof["lower_bound"]
    assert json.loads(linclf("info m --json"))["metrics"]["certificate"] == proof


def test_the_report_says_what_is_proven(linclf, monkeypatch) -> None:
    assert "% of the optimum, proven, after" in linclf("train digits --loss softmax --certify 1")
    assert "certified  within" in linclf("train iris --loss mse --certify 50")
    monkeypatch.setattr(certificate, "MOST_STEPS", 15)
    ran = linclf("train iris --loss softmax --certify 1e-4")
    assert ran.code == 0
    assert "not the 0.0001 % asked for, after 15 steps" in ran
    ran = linclf("train digits --loss logistic --lr 1e-6 --epochs 1 --reg 1e-9 --certify 0.01")
    assert "certified  nothing: no bound was found" in ran


def test_of_a_custom_loss_and_without_a_penalty_nothing_is_proven(linclf, in_tmp) -> None:
    Path("own.py").write_text(
        "import numpy as np\n\ndef l2(s, y):\n    d = s - np.eye(s.shape[-1])[y]\n    return (d * d).sum(-1), 2 * d\n"
    )
    ran = linclf("train iris --loss own.py:l2 --certify 1")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "--certify proves nothing about a custom loss; use one of svm, softmax" in ran.err
    assert json.loads(linclf("train iris --reg 0 --json"))["certificate"] is None


def test_every_run_states_its_bound(linclf) -> None:
    assert "certified  within at most" in linclf("train iris --epochs 100 --reg 1e-2")
    short = linclf("train digits --loss svm --epochs 1")
    assert "certified  nothing is proven of the distance from the optimum; --certify 1 goes on" in short
    result = json.loads(linclf("train iris --epochs 100 --reg 1e-2 --json"))
    proof = result["certificate"]
    assert (proof["asked"], proof["steps"], proof["holds"]) == (None, 0, True)
    assert proof["lower_bound"] <= result["objective"]
    assert result["objective"] <= proof["lower_bound"] * (1 + proof["percent"] / 100) * (1 + 1e-6)


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
