"""LIBLINEAR through its own Python package: Crammer and Singer for many classes, dual coordinate descent for two."""

from benchmarks.problems import Problem
from benchmarks.solvers import Fitted

NAME = "LIBLINEAR"
SETTINGS = "-s 4 for many classes, -s 3 (dual) for two; C = 1 / (n reg); the tolerance falls with the budget from 0.1"
BUDGETS = (0, 1, 2, 3)


def fit(problem: Problem, budget: int, seed: int) -> Fitted:
    """Tolerance 0.1 / 4^budget."""
    import numpy as np
    from liblinear import liblinearutil
    from scipy import sparse

    kind = 3 if problem.n_classes == 2 else 4
    bias = 1 if problem.bias else -1
    cost, tolerance = 1 / (len(problem.y) * problem.reg), 0.1 / 4**budget
    rows = liblinearutil.problem(problem.y.astype(float), sparse.csr_matrix(problem.X, dtype=float), bias=bias)
    model = liblinearutil.train(rows, liblinearutil.parameter(f"-s {kind} -c {cost} -e {tolerance} -B {bias} -q"))
    d, labels = model.nr_feature, model.get_labels()
    flat = np.ctypeslib.as_array(model.w, ((d + problem.bias) * (1 if len(labels) == 2 else len(labels)),)).copy()
    W = flat.reshape(d + problem.bias, -1)
    W = (W if labels[0] == 1 else -W) if len(labels) == 2 else W[:, np.argsort(labels)]
    return Fitted(W[:d], W[d] if problem.bias else np.zeros(W.shape[1]))
