"""The goals: each function measures one and yields the rows of its table."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np

from benchmarks import measure
from benchmarks.measure import Reached, Row
from benchmarks.problems import Problem, census, images, many, reviews, words
from benchmarks.small_sets import p10, p11, p12
from benchmarks.solvers import Fitted, liblinear, ours, pytorch, sklearn_lbfgs, sklearn_sgd, vowpal_wabbit
from linclf.data.scaling import fit_scaling
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.split import Part, Split
from linclf.errors import DivergedError
from linclf.losses import LOSSES, Array
from linclf.optim.auto_rate import auto_epochs, auto_momentum, auto_rate
from linclf.optim.linalg import Matrix
from linclf.optim.objective import Objective
from linclf.optim.settings import SGDSettings
from linclf.optim.sgd import SGD
from linclf.sweep.grid import SweepOptions
from linclf.sweep.plan import make_plan
from linclf.sweep.run import sweep
from linclf.training.inputs import load_split
from linclf.training.options import TrainOptions
from linclf.training.train import train

LINCLF = str(Path(sys.executable).with_name("linclf"))


def seconds(x: float) -> str:
    """A time as text."""
    return f"{x:.3g} s"


def optimum(problem: Problem) -> float:
    """The objective after 100 epochs, relative to which suboptimality is measured."""
    return measure.objective(problem, ours.fit(problem, 100, 0))


def against(work: str, mine: Reached, peer: Reached, factor: float, show: str) -> Row:
    """A row of times; for a solver that did not reach the target, the row shows the figure it stopped at."""

    def shown(found: Reached, unit: str) -> str:
        stopped = "" if found.reached else f", stopped at {show % found.figure}"
        return f"{seconds(found.seconds)} ({unit} {found.budget}{stopped})"

    ratio = peer.seconds / mine.seconds
    text = f"{ratio:.1f} x faster" if ratio >= 1 else f"{1 / ratio:.1f} x slower"
    if mine.reached and not peer.reached:
        text = f"reached; the peer did not in {ratio:.1f} x the time"
    holds = mine.reached and (ratio >= factor or not peer.reached)
    return Row(
        f"{work} vs {peer.solver}", shown(mine, "epochs"), shown(peer, "budget"), text, f">= {factor:g} x", holds
    )


def suboptimality(problem: Problem, target: float, peers: dict[ModuleType, float]) -> Iterator[Row]:
    """Rows of the time until the objective is within `target` of the optimum, relative to it."""
    best = optimum(problem)

    def figure(fitted: Fitted) -> float:
        return measure.objective(problem, fitted) / best - 1

    mine = measure.time_to(problem, ours, figure, target)
    for peer, factor in peers.items():
        other = measure.time_to(problem, peer, figure, target)
        yield against(f"{problem.name}, {problem.loss} to sub <= {target:.1%}", mine, other, factor, "%.2g")


def p1(folder: Path | None) -> Iterator[Row]:
    """MNIST softmax to 1 % suboptimality."""
    yield from suboptimality(images(folder), 0.01, {sklearn_lbfgs: 10})


def p2(folder: Path | None) -> Iterator[Row]:
    """MNIST to a test accuracy of 0.92."""
    problem = images(folder)

    def figure(fitted: Fitted) -> float:
        return measure.error(problem, fitted)

    mine = measure.time_to(problem, ours, figure, 0.08)
    peers: dict[ModuleType, float] = {vowpal_wabbit: 5, sklearn_sgd: 40, liblinear: 100}
    try:
        import torch

        peers = {pytorch: 1.3, **peers} if torch.__version__ else peers
    except ImportError:
        pass
    for peer, factor in peers.items():
        yield against(
            f"{problem.name}, test error <= 0.08", mine, measure.time_to(problem, peer, figure, 0.08), factor, "%.4f"
        )


def p3(folder: Path | None) -> Iterator[Row]:
    """Sparse hinge to 1.5 % suboptimality; and where LIBLINEAR is at its best."""
    yield from suboptimality(words(), 0.015, {sklearn_sgd: 3})
    problem = reviews(folder)
    if problem:
        yield from suboptimality(problem, 0.015, {sklearn_sgd: 1, liblinear: 1})
        yield from suboptimality(problem, 0.005, {liblinear: 1})


def p4(folder: Path | None) -> Iterator[Row]:
    """A sweep: 32 configurations at once."""
    problem = images(folder)
    regs = np.geomspace(1e-7, 1e-1, 32).tolist()
    options = TrainOptions(loss="softmax", epochs=5, scale="none", val="its test part")
    parts = _with_validation(problem)
    took = measure.median(lambda: _sweep(options, parts, regs))
    name = f"{problem.name} softmax, 32 configurations, 5 epochs"
    some = 4
    peer = measure.median(lambda: sklearn_sgd.grid_search(problem, regs[:: len(regs) // some], 5), 1)
    ratio = peer * len(regs) / some / took
    shown = f"{seconds(peer * len(regs) / some)} ({len(regs) // some} times that of {some})"
    yield Row(
        f"{name} vs GridSearchCV(SGDClassifier)", seconds(took), shown, f"{ratio:.0f} x faster", ">= 20 x", ratio >= 20
    )
    alone = measure.median(lambda: [train(replace(options, reg=reg), parts) for reg in regs], 1)
    share = took / alone
    yield Row(
        f"{name} vs 32 runs of train in one process",
        seconds(took),
        seconds(alone),
        f"{share:.2f}",
        "<= 0.45",
        share <= 0.45,
    )
    plan = make_plan(SweepOptions(options, {"reg": tuple(regs)}, None), parts)
    width = len(plan.stacks[0])
    mine, floor = _epoch_and_floor(problem, "softmax", 64, width)
    yield Row(
        f"{problem.name} softmax, an epoch of {width} models, as this sweep stacks them, vs its two BLAS products",
        f"{1e3 * mine:.0f} ms",
        f"{1e3 * floor:.0f} ms",
        f"{mine / floor:.2f} x",
        "<= 1.4 x",
        mine <= 1.4 * floor,
    )
    incomes = census(folder)
    if incomes:
        options = TrainOptions(loss="hinge", val="its test part")
        parts = _with_validation(incomes)
        one = measure.median(lambda: _sweep(options, parts, [1e-4]), 5)
        for count, most in ((32, 2.5), (128, 4.0)):
            many_regs = np.geomspace(1e-7, 1e-1, count).tolist()
            took = measure.median(lambda many_regs=many_regs: _sweep(options, parts, many_regs), 5)
            yield Row(
                f"{incomes.name} hinge, {count} configurations vs one",
                seconds(took),
                seconds(one),
                f"{took / one:.2f} x",
                f"<= {most:g} x",
                took <= most * one,
            )
    command = [LINCLF, "sweep", "digits", "--loss", "softmax", "--reg", "1e-6:1:16", "--epochs", "20", "--jobs", "1"]
    took = measure.process_seconds(command)
    yield Row(
        "linclf sweep digits, 16 configurations x 5 folds, 20 epochs, whole process",
        seconds(took),
        "",
        "",
        "< 2 s",
        took < 2,
    )
    yield from _grid_searches(folder)


def _grid_searches(folder: Path | None) -> Iterator[Row]:
    """The best of a sweep and of GridSearchCV(LogisticRegression) with the same regs and folds: scores and times."""
    regs = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    letters = [str(folder / "letter.tsv.gz")] if folder and (folder / "letter.tsv.gz").exists() else []
    for name in ("digits", "breast_cancer", "wine", *letters):
        options = TrainOptions(source=Source(name), loss="softmax")
        parts = load_split(options)
        best = sweep(SweepOptions(options, {"reg": tuple(regs)}, metric="accuracy"), parts, jobs=1).best
        took = measure.median(lambda parts=parts, options=options: _sweep(options, parts, regs, 5))
        peer, score, std = sklearn_lbfgs.grid_search(parts.train.X[:], parts.train.y, regs)
        assert best is not None
        assert best.score is not None
        ratio = peer / took
        yield Row(
            f"{Path(name).name}: the best of 6 regs by 5 folds vs GridSearchCV(LogisticRegression)",
            f"{best.score:.4f} +- {best.score_std:.4f} in {seconds(took)}",
            f"{score:.4f} +- {std:.4f} in {seconds(peer)}",
            f"{ratio:.1f} x faster" if ratio >= 1 else f"{1 / ratio:.1f} x slower",
            "not worse by a std",
            best.score >= score - std,
        )


def _with_validation(problem: Problem) -> Split:
    """The problem as a split with its test rows for validation."""
    features = Schema(problem.X.shape[1], sparse=not isinstance(problem.X, np.ndarray))
    train_part, val = Part(problem.X, problem.y), Part(problem.X_test, problem.y_test)
    return Split(np.arange(problem.n_classes), train_part, val, None, features, {}, ())


def _sweep(options: TrainOptions, parts: Split, regs: list[float], cv: int | None = None) -> None:
    found = sweep(SweepOptions(options, {"reg": tuple(regs)}, cv), parts, jobs=1)
    assert all(row.status == "done" for row in found.rows)


def p5(folder: Path | None) -> Iterator[Row]:
    """Start-up: the whole process less its training, on data that were parsed before."""
    peer = measure.process_seconds([sys.executable, "-c", "import sklearn.linear_model"])
    shown = measure.process_seconds([LINCLF, "--help"])
    yield Row("linclf --help", seconds(shown), "", "", "< 0.15 s", shown < 0.15)
    for data in ("digits", *([str(folder / "mnist.npz")] if folder and (folder / "mnist.npz").exists() else [])):
        command, rest, whole = [LINCLF, "train", data, "--json", "--loss", "softmax"], [], []
        for _ in range(8):
            began = time.perf_counter()
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            whole.append(time.perf_counter() - began)
            rest.append(whole[-1] - json.loads(printed)["seconds"]["train"])
        took, total = float(np.median(rest[1:])), float(np.median(whole[1:]))  # the first run parsed
        name = Path(data).stem
        work = f"linclf train {name}, cached, less its training"
        yield Row(work, seconds(took), "", "", "<= 0.25 s", took <= 0.25)
        against_sklearn = f"{took / peer:.2f} of it"
        yield Row(
            f"{work} vs import sklearn.linear_model",
            seconds(took),
            seconds(peer),
            against_sklearn,
            "<= 0.4",
            took <= 0.4 * peer,
        )
        if name == "digits":
            yield Row("linclf train digits, cached, whole process", seconds(total), "", "", "< 0.4 s", total < 0.4)


def p6(folder: Path | None) -> Iterator[Row]:
    """An epoch against its own two products."""
    problem = images(folder)
    for batch in (64, 256):
        for name in ("softmax", "svm", "hinge"):
            mine, floor = _epoch_and_floor(problem, name, batch)
            yield Row(
                f"{problem.name}, one epoch of {name}, minibatches of {batch}, vs its two BLAS products",
                f"{1e3 * mine:.0f} ms",
                f"{1e3 * floor:.0f} ms",
                f"{mine / floor:.2f} x",
                "<= 1.4 x",
                mine <= 1.4 * floor,
            )


def _epoch_and_floor(problem: Problem, name: str, batch: int, models: int = 1) -> tuple[float, float]:
    X, loss = problem.X, LOSSES[name]
    m, (n, d) = loss.n_outputs(problem.n_classes), X.shape
    outputs = models * m
    W, scores = np.zeros((d, outputs), X.dtype), np.empty((batch, outputs), X.dtype)
    dscores, dW = np.zeros((batch, outputs), X.dtype), np.empty((d, outputs), X.dtype)
    reg = 1e-4 if models == 1 else np.geomspace(1e-7, 1e-1, models)
    run = SGD(loss, X, problem.y, m, SGDSettings(lr=0.1, reg=reg, epochs=9, batch_size=batch)).epochs()
    next(run)  # its first epoch copies the data
    mine, floor = [], []
    for _ in range(7):
        began = time.perf_counter()
        next(run)
        mine.append(time.perf_counter() - began)
        began = time.perf_counter()
        for start in range(0, n - batch + 1, batch):
            x = X[start : start + batch]
            np.matmul(x, W, out=scores)
            np.matmul(x.T, dscores, out=dW)
        floor.append(time.perf_counter() - began)
    return float(np.median(mine)), float(np.median(floor))


def p7(folder: Path | None) -> Iterator[Row]:
    """Growth in rows, columns, classes and models: log-log slopes of the time of an epoch."""
    rng = np.random.default_rng(0)

    def took(n: int, d: int, K: int, models: int = 1) -> float:
        X, y = rng.standard_normal((n, d), np.float32), rng.integers(0, K, n)
        run = SGD(LOSSES["softmax"], X, y, K, SGDSettings(lr=0.01, reg=np.full(models, 1e-4), epochs=6)).epochs()
        next(run)
        times = []
        for _ in range(5):
            began = time.perf_counter()
            next(run)
            times.append(time.perf_counter() - began)
        return float(np.median(times))

    grown = {
        "rows n": [(n, took(n, 200, 10)) for n in (4000, 8000, 16000, 32000, 64000)],
        "columns d": [(d, took(8000, d, 10)) for d in (100, 200, 400, 800, 1600)],
        "classes K": [(K, took(8000, 200, K)) for K in (5, 10, 20, 40, 80)],
        "models of a stack": [(models, took(8000, 200, 10, models)) for models in (1, 2, 4, 8, 16, 32)],
    }
    for name, points in grown.items():
        slope = measure.slope(*zip(*points, strict=True))
        shown = ", ".join(f"{size}: {1e3 * t:.0f} ms" for size, t in points)
        yield Row(f"growth in {name}", shown, "", f"slope {slope:.2f}", "<= 1.05", slope <= 1.05)
    problem = words()
    narrow = measure.time_to(problem, ours, lambda _: 0.0, 1)
    X = problem.X.copy()
    X.resize(X.shape[0], 1_300_000)
    wide = measure.time_to(Problem(**{**vars(problem), "X": X}), ours, lambda _: 0.0, 1)
    ratio = wide.seconds / narrow.seconds
    yield Row(
        "sparse: 1300000 columns instead of 47000, the same non-zeros, one epoch and all around it",
        seconds(wide.seconds),
        seconds(narrow.seconds),
        f"{ratio:.2f} x",
        "<= 2 x",
        ratio <= 2,
    )


def p8(folder: Path | None) -> Iterator[Row]:
    """--lr auto against the best of 12 fixed rates, every loss, every set: medians of 3 seeds."""
    for name, data in many(folder).items():
        X, y = _prepared(data.X), data.labels()
        for loss in LOSSES.values():
            start, (auto, _), fixed, share = _rates(loss.name, X, y)
            best, lr = min(fixed)
            gap = (auto - best) / (start - best)
            yield Row(
                f"{name}, {loss.name}: auto vs the best of 12 rates",
                f"{auto:.5g}",
                f"{best:.5g} at {lr:.2g}",
                f"{gap:.2%}, {share:.1%} of the run",
                "<= 1 %, <= 5 %",
                gap <= 0.01 and share <= 0.05,
            )


def _prepared(X: Matrix) -> Matrix:
    sparse = not isinstance(X, np.ndarray)
    return fit_scaling("auto", X, sparse, str, "").apply(X, "float32")[:]


def _rates(name: str, X: Matrix, y: Array) -> tuple[float, tuple[float, float], list[tuple[float, float]], float]:
    """Objectives: at zero weights, after training with auto (and its rate), with fixed rates; and the share of time of auto."""
    loss = LOSSES[name]
    m, n = loss.n_outputs(int(y.max()) + 1), X.shape[0]
    objective = Objective(loss, 1e-4)
    settings = {"epochs": auto_epochs(n, min(64, n)), "momentum": auto_momentum(X)}
    began = time.perf_counter()
    rate = auto_rate(loss, X, y, m, SGDSettings(lr=1.0, **settings)).value
    chosen = time.perf_counter() - began

    def end(lr: float) -> float:
        ends = []
        for seed in range(3):
            try:
                *_, last = SGD(loss, X, y, m, SGDSettings(lr=lr, seed=seed, **settings)).epochs()
            except DivergedError:
                return np.inf
            ends.append(float(sum(objective.terms(X, y, last.W, last.b))))
        return float(np.median(ends))

    began = time.perf_counter()
    auto = end(rate)
    share = chosen / ((time.perf_counter() - began) / 3 + chosen)
    zero = np.zeros((X.shape[1], m), X.dtype), np.zeros(m, X.dtype)
    start = float(sum(objective.terms(X, y, *zero)))
    return start, (auto, rate), [(end(float(lr)), float(lr)) for lr in np.geomspace(1e-4, 10, 12)], share


def p9(folder: Path | None) -> Iterator[Row]:
    """The peak memory of a run on cached data."""
    with tempfile.TemporaryDirectory() as temporary:
        rng = np.random.default_rng(0)
        X = rng.standard_normal((300000, 54))
        np.savez(Path(temporary) / "generated.npz", X=X, y=(X[:, :5].sum(axis=1) > 0).astype(int))
        cases = [(Path(temporary) / "generated.npz", X.size * 4, ())]
        if folder and (folder / "mnist.npz").exists():
            cases.append((folder / "mnist.npz", 70000 * 784 * 4, ()))
        problem = reviews(folder)
        if folder and problem:
            size = sum(a.nbytes for X in (problem.X, problem.X_test) for a in (X.data, X.indices, X.indptr))
            cases.append((folder / "imdb.train.svm.gz", size, ("--test", str(folder / "imdb.test.svm.gz"))))
        for path, size, more in cases:
            command = [LINCLF, "train", str(path), "--epochs", "2", "-q", *more]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            used, cap = measure.process_megabytes(command), 2 * size / 1e6 + 150
            yield Row(
                f"peak memory, {path.stem}, cached",
                f"{used:.0f} MB",
                "",
                f"X is {size / 1e6:.0f} MB",
                f"<= {cap:.0f} MB",
                used <= cap,
            )


GOALS = {
    "P1": p1,
    "P2": p2,
    "P3": p3,
    "P4": p4,
    "P5": p5,
    "P6": p6,
    "P7": p7,
    "P8": p8,
    "P9": p9,
    "P10": p10,
    "P11": p11,
    "P12": p12,
}
