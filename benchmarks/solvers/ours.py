"""linclf with its defaults; the time includes choosing the learning rate."""

from benchmarks.problems import Problem
from benchmarks.solvers import Fitted
from linclf.training import train as training

NAME = "linclf"
SETTINGS = "defaults (lr auto, minibatches of 64); the number of epochs is the budget"
BUDGETS = (1, 2, 3, 4, 5, 7, 10, 14, 20, 30, 50, 100)


def fit(problem: Problem, budget: int, seed: int) -> Fitted:
    """`budget` epochs."""
    options = training.TrainOptions(
        loss=problem.loss, reg=problem.reg, epochs=budget, seed=seed, bias=problem.bias, scale="none"
    )
    done = training.fit(problem.X, problem.y, problem.n_classes, options)
    return Fitted(done.W, done.b)
