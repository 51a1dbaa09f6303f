"""A path along reg: rows whose models full-batch steps bring to their optimum, as `linclf train` does."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.split import Part, Split
from linclf.losses import LOSSES, Loss
from linclf.optim.full_batch import FullBatch
from linclf.sweep.grid import SweepOptions
from linclf.sweep.path import solve_path
from linclf.sweep.plan import Plan, make_plan
from linclf.sweep.run import sweep
from linclf.training.options import TrainOptions
from linclf.training.train import train

X, Y = load_wine(return_X_y=True)
REGS = (1e-4, 1e-2, 1e-3)


def split_of(rows=X, weights=None, val=None) -> Split:
    schema = Schema(13, sparse=not isinstance(rows, np.ndarray))
    return Split(np.arange(3), Part(rows, Y, weights), val, None, schema, {}, ())


def plan_of(lists: dict, split: Split | None = None, *, cv: int | None = 3, halving: bool = False, **options) -> Plan:
    base = TrainOptions(source=Source("wine"), **{"reg": 1e-4, "dtype": "float64", **options})
    return make_plan(SweepOptions(base, lists, cv, halving), split or split_of())


@pytest.mark.parametrize("kind", ["dense", "weights", "balanced", "maxabs", "csr"])
def test_rows_are_those_of_train_on_the_rows_of_each_fold(loss: Loss, kind: str) -> None:
    """To a few promille: both are within 0.1 % of the optimum."""
    if loss.smoothed is not None:
        return
    weights = np.random.default_rng(0).uniform(0.5, 2, len(Y)) if kind == "weights" else None
    rows = sparse.csr_matrix(np.where(X.mean(axis=0) < X, X, 0)) if kind == "csr" else X
    split = split_of(rows, weights)
    more = (
        {"class_weight": "balanced"} if kind == "balanced" else {"scale": "maxabs"} if kind in ("maxabs", "csr") else {}
    )
    plan = plan_of({"reg": REGS}, split, loss=loss.name, **more)
    assert (plan.paths, plan.stacks) == ((True,), ((0, 1, 2),))
    updates = list(solve_path(plan, 0))
    assert [next(iter(update.rows)) for update in updates] == [1, 2, 0]  # from the strongest on
    assert [update.epochs for update in updates] == [1, 1, 1]
    found = {number: row for update in updates for number, row in update.rows.items()}
    for number, reg in enumerate(REGS):
        row = found[number]
        assert (row.status, row.options["reg"], row.lr, row.best_epoch) == ("done", reg, None, None)
        assert 0 < row.percent <= 0.1
        assert row.epochs > 0
        for fold, figures in zip(plan.data[plan.configurations[0].scale].folds, row.folds, strict=True):
            used = np.flatnonzero(fold.used)
            own = Split(split.classes, split.train.select(used), None, None, split.schema, {}, ())
            options = TrainOptions(source=Source("t"), loss=loss.name, reg=reg, dtype="float64", **more)
            twin = train(options, own)
            assert figures["objective"] == pytest.approx(twin.result.objective, rel=2e-3)
            predictions = twin.model.predictions(fold.held_out.X, fold.held_out.y, fold.held_out.weights)
            expected = plan.selection.metric(predictions)
            assert figures["score"] == pytest.approx(expected, abs=0.03)
        assert row.score == pytest.approx(np.mean([fold["score"] for fold in row.folds]))
        assert row.objective == pytest.approx(np.mean([fold["objective"] for fold in row.folds]))


def test_log_losses_are_those_of_logistic_regression() -> None:
    plan = plan_of({"reg": (1e-2,)})
    (update,) = solve_path(plan, 0)
    for fold, figures in zip(plan.data["auto"].folds, update.rows[0].folds, strict=True):
        used, held = fold.used, ~fold.used
        Z = fold.scaling.apply(X, "float64")[:]
        twin = LogisticRegression(C=1 / (1e-2 * used.sum()), tol=1e-8, max_iter=10_000).fit(Z[used], Y[used])
        assert figures["score"] == pytest.approx(log_loss(Y[held], twin.predict_proba(Z[held])), rel=0.02)


@pytest.mark.parametrize(
    ("options", "paths"),
    [
        ({}, True),
        ({"loss": "svm"}, False),
        ({"epochs": 3}, False),
        ({"lr": 0.1}, False),
        ({"finish": "no"}, False),
        ({"cv": None, "val": "0.2"}, False),
        ({"halving": True}, False),
    ],
)
def test_which_stacks_are_paths(options: dict, paths: bool) -> None:
    split = split_of(val=Part(X[::4], Y[::4]) if "val" in options else None)
    assert plan_of({"reg": (1e-3, 1e-2)}, split, **options).paths == (paths,)


def test_configurations_that_differ_in_more_than_reg_are_paths_of_their_own() -> None:
    lists = {"loss": ("softmax", "svm"), "reg": (0.0, 1e-3, 1e-2), "class_weight": (None, "balanced")}
    plan = plan_of(lists)
    by_stack = {
        tuple(sorted({(plan.configurations[i].loss, str(plan.configurations[i].class_weight)) for i in stack})): path
        for stack, path in zip(plan.stacks, plan.paths, strict=True)
        if all(plan.configurations[i].reg for i in stack)
    }
    assert by_stack[(("softmax", "None"),)]
    assert by_stack[(("softmax", "balanced"),)]
    for stack, path in zip(plan.stacks, plan.paths, strict=True):
        if path:
            assert {plan.configurations[i].reg for i in stack} == {1e-3, 1e-2}


def test_numbers_that_are_too_large_are_a_row_that_diverged() -> None:
    big = np.where(X[0, 0] == X, 1e200, X)
    (row,) = sweep(
        SweepOptions(TrainOptions(reg=1e-3, scale="none", dtype="float64"), {}, cv=3), split_of(big), jobs=1
    ).rows
    assert (row.status, row.score, row.why) == ("diverged", None, "the numbers are too large to train on")
    assert len(row.folds) == 3


def test_a_table_of_both_kinds_its_journal_and_its_means_over_seeds(linclf, in_tmp, monkeypatch) -> None:
    line = "sweep wine --loss softmax,svm --reg 1e-3,1e-2 --cv 3 --journal j --csv t.csv"
    text = linclf(line)
    assert "proven" in text
    assert text.count(" %") == 2
    rows = json.loads(linclf(f"{line} --json"))["rows"]
    assert {row["options"]["loss"]: row["percent"] is not None for row in rows} == {"softmax": True, "svm": False}
    assert len(Path("j").read_text().splitlines()) == 5

    def refused(run: FullBatch) -> None:
        raise AssertionError("the rows are in the journal")

    with monkeypatch.context() as patched:
        patched.setattr(FullBatch, "step", refused)
        assert json.loads(linclf(f"{line} --json"))["rows"] == rows
    header, *cells = Path("t.csv").read_text().splitlines()
    assert "percent" in header.split(",")
    assert len(cells) == 4
    mean = json.loads(linclf("sweep wine --reg 1e-3 --cv 3 --seeds 2 --json"))["rows"][0]
    assert mean["percent"] <= 0.1
    assert mean["lr"] is None
    assert len(mean["seeds"]) == 2
    assert math.isfinite(mean["seed_std"])


def test_the_model_of_the_best_row_is_that_of_train(linclf, in_tmp) -> None:
    swept = json.loads(linclf("sweep wine --reg 1e-3,1e-2 -o m --json"))
    trained = json.loads(linclf(f"train wine --reg {swept['best']['options']['reg']} --json"))
    assert swept["accuracy"] == trained["accuracy"]
    assert LOSSES[swept["best"]["options"]["loss"]].smoothed is None
