"""The benchmarks on a problem that takes a second: every installed solver must solve the same problem."""

import importlib
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import goals, measure
from benchmarks.problems import Problem
from benchmarks.solvers import Fitted, ours

NEEDS = {"liblinear": "liblinear", "pytorch": "torch", "sklearn_lbfgs": "sklearn", "sklearn_sgd": "sklearn"}


@pytest.fixture(scope="module")
def problem() -> Problem:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1500, 8)).astype(np.float32)
    y = (X @ rng.standard_normal((8, 3)) + 0.5 * rng.standard_normal((1500, 3))).argmax(axis=1)
    return Problem("small", "softmax", 1e-3, X[:1000], y[:1000], X[1000:], y[1000:])


@pytest.mark.parametrize("name", NEEDS)
def test_solvers_return_weights_of_the_same_shape_and_agree(problem: Problem, name: str) -> None:
    pytest.importorskip(NEEDS[name])
    solver = importlib.import_module(f"benchmarks.solvers.{name}")
    mine, fitted = ours.fit(problem, 20, 0), solver.fit(problem, max(solver.BUDGETS[:4]), 0)
    assert fitted.W.shape == mine.W.shape
    assert abs(measure.error(problem, fitted) - measure.error(problem, mine)) < 0.06
    assert measure.objective(problem, mine) < 1.01 * measure.objective(problem, ours.fit(problem, 100, 0))


def test_the_first_budget_that_reaches_the_target_is_reported(problem: Problem) -> None:
    solver = SimpleNamespace(
        NAME="s", BUDGETS=(1, 2, 3), fit=lambda problem, budget, seed: Fitted(accuracy=0.3 * budget)
    )

    def figure(fitted: Fitted) -> float:
        return measure.error(problem, fitted)

    reached = measure.time_to(problem, solver, figure, 0.5)
    assert (reached.budget, reached.reached, reached.figure) == (2, True, pytest.approx(0.4))
    missed = measure.time_to(problem, solver, figure, 0.05)
    assert (missed.budget, missed.reached) == (3, False)
    row = goals.against("work", reached, missed, 3, "%.2f")
    assert row.holds
    assert "did not" in row.ratio
    assert not goals.against("work", missed, reached, 3, "%.2f").holds


def test_the_slope_is_that_of_the_logarithms() -> None:
    assert measure.slope([1, 2, 4], [3, 6, 12]) == pytest.approx(1)
    assert measure.slope([1, 2, 4], [3, 12, 48]) == pytest.approx(2)
