"""Timing: the same stopping rule for every solver, medians, and one core for each."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from benchmarks.problems import Problem
from benchmarks.solvers import Fitted
from linclf.losses import LOSSES
from linclf.optim.objective import Objective, scores

SLOW = 20.0  # seconds after which a run is not repeated


@dataclass(frozen=True)
class Reached:
    """The time of a solver to a target: the median of the seconds, the budget, the figure it ended at, and whether it is the target."""

    solver: str
    seconds: float
    budget: int
    figure: float
    reached: bool


@dataclass(frozen=True)
class Row:
    """A row of a table: what was measured, linclf's figure, the peer's, their ratio, the goal, and whether it is reached."""

    work: str
    ours: str
    peer: str
    ratio: str
    goal: str
    holds: bool


def time_to(
    problem: Problem, solver: ModuleType, figure: Callable[[Fitted], float], target: float, repeats: int = 5
) -> Reached:
    """The first budget of a solver whose figure is at or below the target, repeated with other seeds; else its best budget."""
    if hasattr(solver, "prepare"):
        solver.prepare(problem)
    best: Reached | None = None
    for budget in solver.BUDGETS:
        seconds, found = _run(problem, solver, budget, 0, figure)
        now = Reached(solver.NAME, seconds, budget, found, found <= target)
        best = now if best is None or now.figure < best.figure else best
        if now.reached:
            more = [(seconds, found)]
            while len(more) < (1 if seconds > SLOW else repeats):
                more.append(_run(problem, solver, budget, len(more), figure))
            median, figures = (statistics.median(x) for x in zip(*more, strict=True))
            return Reached(solver.NAME, median, budget, figures, True)
    assert best is not None
    return best


def _run(
    problem: Problem, solver: ModuleType, budget: int, seed: int, figure: Callable[[Fitted], float]
) -> tuple[float, float]:
    began = time.perf_counter()
    fitted = solver.fit(problem, budget, seed)
    seconds = time.perf_counter() - began
    if fitted.W is None and fitted.accuracy is None:
        fitted = Fitted(accuracy=solver.accuracy(problem))
    return seconds, figure(fitted)


def objective(problem: Problem, fitted: Fitted) -> float:
    """The problem's objective at the fitted weights, whatever the solver minimised."""
    assert fitted.W is not None
    assert fitted.b is not None
    W, b = (np.ascontiguousarray(a, problem.X.dtype) for a in (fitted.W, fitted.b))
    return float(sum(Objective(LOSSES[problem.loss], problem.reg).terms(problem.X, problem.y, W, b)))


def error(problem: Problem, fitted: Fitted) -> float:
    """1 - the accuracy on the test rows."""
    if fitted.accuracy is not None:
        return 1 - fitted.accuracy
    assert fitted.W is not None
    assert fitted.b is not None
    outputs = scores(problem.X_test, fitted.W.astype(problem.X_test.dtype), fitted.b.astype(problem.X_test.dtype))
    predicted = outputs[:, 0] > 0 if outputs.shape[1] == 1 else outputs.argmax(axis=1)
    return float(np.mean(predicted != problem.y_test))


def median(work: Callable[[], object], repeats: int = 3) -> float:
    """The median time of a function in this process, in seconds."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def process_seconds(command: Sequence[str], repeats: int = 7) -> float:
    """The median time of a command, in seconds, with the start of its process."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def process_megabytes(command: Sequence[str]) -> float:
    """The peak memory of a command in MB; it is started by a small process, because it would inherit the peak of this one."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    ran = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True)
    return int(ran.stdout) / (1e6 if sys.platform == "darwin" else 1e6 / 1024)


def slope(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """The log-log slope of time against size, by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
