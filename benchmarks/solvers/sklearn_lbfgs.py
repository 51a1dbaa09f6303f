"""scikit-learn's LogisticRegression, L-BFGS."""

import warnings

from benchmarks.problems import Problem
from benchmarks.solvers import Fitted

NAME = "scikit-learn LogisticRegression (lbfgs)"
SETTINGS = "C = 1 / (n reg), float32 input; the number of iterations is the budget"
BUDGETS = (30, 50, 70, 90, 110, 140, 180)


def fit(problem: Problem, budget: int, seed: int) -> Fitted:
    """`budget` iterations."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / (len(problem.y) * problem.reg), max_iter=budget, tol=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged: the budget is what is asked for
        model.fit(problem.X, problem.y)
    return Fitted(model.coef_.T, model.intercept_)
