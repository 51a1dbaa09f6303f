"""scikit-learn's LogisticRegression, L-BFGS."""

import warnings

from benchmarks.problems import Problem
from benchmarks.solvers import Fitted
from linclf.data.split import folds
from linclf.losses import Array

NAME = "scikit-learn LogisticRegression (lbfgs)"
SETTINGS = "C = 1 / (n reg), float32 input; the number of iterations is the budget"
BUDGETS = (30, 50, 70, 90, 110, 140, 180)


def fit(problem: Problem, budget: int, seed: int) -> Fitted:
    """`budget` iterations."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / (len(problem.y) * problem.reg), max_iter=budget, tol=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged: the budget is the number of iterations
        model.fit(problem.X, problem.y)
    return Fitted(model.coef_.T, model.intercept_)


def grid_search(X: Array, y: Array, regs: list[float]) -> tuple[float, float, float]:
    """GridSearchCV over these regs on linclf's 5 folds, columns standardised: seconds, best score and its std."""
    import time

    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, PredefinedSplit
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    columns = 2 if y.max() == 1 else 1  # linclf's softmax of two classes has two columns: C = 2 / (n reg)
    grid = {"logisticregression__C": [columns / (0.8 * len(y) * reg) for reg in regs]}
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not all converge
        search = GridSearchCV(pipeline, grid, cv=PredefinedSplit(folds(y, 5, 0)), refit=False).fit(X, y)
    took = time.perf_counter() - began
    return took, float(search.best_score_), float(search.cv_results_["std_test_score"][search.best_index_])
