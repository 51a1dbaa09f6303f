"""Vowpal Wabbit through its own Python package, from its binary cache: the time does not include parsing text."""

import tempfile
from functools import cache
from pathlib import Path

from benchmarks.problems import Problem
from benchmarks.solvers import Fitted
from linclf.losses import Array
from linclf.optim.linalg import Matrix

NAME = "Vowpal Wabbit"
SETTINGS = "--oaa K --loss_function logistic, from its binary cache; the number of passes is the budget"
BUDGETS = (1, 2, 3, 5, 10)
_folder = tempfile.TemporaryDirectory(prefix="benchmarks")


def prepare(problem: Problem) -> None:
    """Write the text files and create the cache, before the time is measured."""
    _files(problem.name)
    for name, X, y in (("train", problem.X, problem.y), ("test", problem.X_test, problem.y_test)):
        path = _files(problem.name) / name
        if not path.exists():
            path.write_text("\n".join(_lines(X, y)) + "\n")
    _run(problem, f"-d {_files(problem.name) / 'train'} --passes 1 -c -k")


def fit(problem: Problem, budget: int, seed: int) -> Fitted:
    """`budget` passes; the model stays in a file, so that only its accuracy on the test rows is available."""
    folder = _files(problem.name)
    _run(problem, f"-d {folder / 'train'} --passes {budget} -c -f {folder / 'model'}")
    return Fitted()


def accuracy(problem: Problem) -> float:
    """The accuracy of the last model on the test rows."""
    import numpy as np
    from vowpalwabbit import Workspace

    folder = _files(problem.name)
    Workspace(f"-d {folder / 'test'} -t -i {folder / 'model'} -p {folder / 'predicted'} --quiet").finish()
    predicted = np.loadtxt(folder / "predicted")
    return float(np.mean(predicted == problem.y_test + 1))


def _run(problem: Problem, arguments: str) -> None:
    from vowpalwabbit import Workspace

    kind = f"--oaa {problem.n_classes} --loss_function logistic --holdout_off -b 18 --random_seed 1 --quiet"
    Workspace(f"{kind} {arguments}").finish()


@cache
def _files(name: str) -> Path:
    folder = Path(_folder.name) / name.replace(" ", "_")
    folder.mkdir()
    return folder


def _lines(X: Matrix, y: Array) -> list[str]:
    lines = []
    for row, label in zip(X, y, strict=True):
        columns = row.nonzero()[0]
        lines.append(f"{label + 1} | " + " ".join(f"{j}:{row[j]:.4g}" for j in columns))
    return lines
