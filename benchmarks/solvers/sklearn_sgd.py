"""scikit-learn's SGDClassifier."""

from benchmarks.problems import Problem
from benchmarks.solvers import Fitted

NAME = "scikit-learn SGDClassifier"
SETTINGS = (
    "hinge (one-vs-rest), alpha = reg, its own schedule; the number of epochs is the budget, 0 its default stopping"
)
BUDGETS = (1, 2, 3, 5, 7, 10, 14, 20, 30, 60, 120, 0)


def fit(problem: Problem, budget: int, seed: int) -> Fitted:
    """`budget` epochs, or with 0 until its own stopping rule."""
    from sklearn.linear_model import SGDClassifier

    stop = {"max_iter": budget, "tol": None} if budget else {}
    model = SGDClassifier(loss="hinge", alpha=problem.reg, fit_intercept=problem.bias, random_state=seed, **stop)
    model.fit(problem.X, problem.y)
    return Fitted(model.coef_.T, model.intercept_)


def grid_search(problem: Problem, regs: list[float], epochs: int) -> None:
    """GridSearchCV over these regs on one split, by the test rows, log loss, one job."""
    import numpy as np
    from sklearn.linear_model import SGDClassifier
    from sklearn.model_selection import GridSearchCV

    n, n_test = len(problem.y), len(problem.y_test)
    split = [(np.arange(n), np.arange(n, n + n_test))]
    model = SGDClassifier(loss="log_loss", max_iter=epochs, tol=None, random_state=0)
    search = GridSearchCV(model, {"alpha": regs}, cv=split, refit=False)
    search.fit(np.concatenate([problem.X, problem.X_test]), np.concatenate([problem.y, problem.y_test]))
