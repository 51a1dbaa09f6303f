"""Sweeps by a metric: which it is, in which direction it ranks, its standard errors, and the journal."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from linclf.data.schema import Schema
from linclf.data.split import Part, Split
from linclf.errors import InputError
from linclf.losses import LOSSES
from linclf.model.metrics import METRICS
from linclf.report.sweep import sweep_text
from linclf.sweep.grid import SweepOptions
from linclf.sweep.plan import make_plan
from linclf.sweep.run import sweep
from linclf.training.options import TrainOptions
from linclf.training.train import train

LINE = "sweep make:classification:weights=[0.9],n_samples=300 --epochs 4 --jobs 1 --reg 1e-4,1,100"
CASES = [(name, "--val 0.3") for name in METRICS] + [
    (name, "--cv 4") for name in ("balanced-accuracy", "log-loss", "roc-auc")
]


@pytest.mark.parametrize(("name", "held"), CASES)
def test_rows_are_ranked_by_the_metric_in_its_direction(linclf, in_tmp, name: str, held: str) -> None:
    metric = METRICS[name]
    data = "sweep digits --epochs 4 --jobs 1 --reg 1e-4,1e-1,10" if metric.min_classes > 2 else LINE
    result = json.loads(linclf(f"{data} --loss logistic --metric {name} {held} --csv t.csv --json"))
    assert (result["metric"], result["metric_reason"]) == (name, None)
    assert result["greater_is_better"] == metric.greater_is_better
    scores = [row["score"] for row in result["rows"]]
    assert scores == sorted(scores, reverse=metric.greater_is_better)
    assert len(set(scores)) > 1
    assert all(row["score_se"] >= 0 for row in result["rows"])
    assert result["best"]["score_se"] > 0
    table = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert [float(line["score"]) for line in table] == scores
    assert {(line["metric"], line["greater_is_better"]) for line in table} == {(name, str(metric.greater_is_better))}
    printed = sweep_text(result).splitlines()
    assert printed[2] == f"metric     {metric.title}, {'higher' if metric.greater_is_better else 'lower'} is better"
    assert f"  {metric.title}  " in printed[5]


@pytest.mark.parametrize(
    ("losses", "metric", "why"),
    [
        ("softmax,logistic", "log-loss", "every loss has probabilities"),
        ("softmax,svm", "balanced-accuracy", "not every loss has probabilities, and the classes are uneven"),
        ("hinge", "balanced-accuracy", "the loss hinge has no probabilities, and the classes are uneven"),
    ],
)
def test_the_default_metric_and_why(linclf, losses: str, metric: str, why: str) -> None:
    result = json.loads(linclf(f"{LINE} --loss {losses} --json -q"))
    assert (result["metric"], result["metric_reason"]) == (metric, f"default: {why}")
    title = f"metric     {METRICS[metric].title}, {'higher' if result['greater_is_better'] else 'lower'} is better"
    assert sweep_text(result).splitlines()[2] == f"{title} (default: {why})"


def split_of(y: np.ndarray, val: Part | None = None) -> Split:
    X = np.random.default_rng(0).standard_normal((len(y), 3)) + y[:, None]
    return Split(np.unique(y), Part(X, y), val, None, Schema(3), {}, ())


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.min_classes == 2])
def test_the_standard_error_on_validation_rows_is_that_of_the_metric(name: str) -> None:
    y = np.random.default_rng(1).integers(0, 2, 200)
    split = split_of(y, Part(split_of(y[::2]).train.X, y[::2]))
    base = TrainOptions(reg=1e-4, loss="logistic", val="0.2", epochs=5, dtype="float64", val_metric=name)
    (row,) = sweep(SweepOptions(base, {}, cv=None, metric=name), split, jobs=1).rows
    model = train(base, split).model
    assert split.val is not None
    predictions = model.predictions(split.val.X, split.val.y)
    expected = METRICS[name](predictions), METRICS[name].standard_error(predictions)
    assert (row.score, row.score_se) == pytest.approx(expected, rel=1e-9)


def test_folds_on_which_the_metric_is_undefined_are_refused() -> None:
    y = np.arange(40) % 20 == 0  # two rows of the second class
    options = SweepOptions(TrainOptions(reg=1e-4, loss="softmax"), cv=5, metric="roc-auc")
    with pytest.raises(
        InputError, match=r"roc-auc is undefined on the rows that fold \d of 5 holds out, which hold 1 of"
    ):
        make_plan(options, split_of(y.astype(int)))
    make_plan(SweepOptions(TrainOptions(reg=1e-4, loss="softmax"), cv=2, metric="roc-auc"), split_of(y.astype(int)))


@pytest.mark.parametrize("halving", [False, True])
def test_a_row_whose_scores_are_no_numbers_has_diverged(halving: bool) -> None:
    """A held-out row that is far out overflows in float32; the accuracy still counts it."""
    y = np.arange(40) % 2
    split = split_of(y)
    held_out = np.vstack([split.train.X[:9], [[1e38] * 3]])
    split = replace(split, train=Part(1e-6 * split.train.X, y), val=Part(held_out, y[:10]))
    base, lists = TrainOptions(reg=1e-4, loss="softmax", val="0.2", epochs=16), {"reg": (1e-3, 1e-2, 1e-1)}
    for metric, status in (("log-loss", "diverged"), ("accuracy", "done")):
        rows = sweep(SweepOptions(base, lists, cv=None, metric=metric, halving=halving), split, jobs=1).rows
        assert {row.status for row in rows} == {status}
        assert all((row.score is None) == (status == "diverged") for row in rows)
        if status == "diverged":
            assert {row.why for row in rows} == {"its scores of held-out rows are not finite"}


def test_a_journal_is_of_one_metric_and_an_old_one_of_accuracy(linclf, in_tmp) -> None:
    line = "sweep iris --epochs 2 --loss softmax --reg 1e-3,1e-2 --journal j --json"
    by_accuracy = json.loads(linclf(f"{line} --metric accuracy"))["rows"]
    ran = linclf(line)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert 'j:1: is the journal of another sweep: metric was "accuracy", now it is "log-loss"; give' in ran.err
    first, *others = Path("j").read_text().splitlines()
    old = {key: x for key, x in json.loads(first).items() if key != "metric"}
    del old["options"]["val_metric"]
    Path("j").write_text("\n".join([json.dumps(old), *others, ""]))
    assert 'metric was "accuracy"' in linclf(line).err
    ran = linclf(f"{line} --metric accuracy")
    assert "2 of 2 configurations are in it already" in ran.err
    assert json.loads(ran)["rows"] == by_accuracy


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("--metric auc", "'auc' is not one of 'accuracy'"),
        (
            "--metric log-loss --loss softmax,svm",
            "--metric log-loss needs probabilities, which the loss svm does not have",
        ),
        ("--metric top-3-accuracy", "top-3-accuracy is a metric for 4 classes or more, and the data have 3"),
    ],
)
def test_wrong_use_is_one_line(linclf, more: str, message: str) -> None:
    ran = linclf(f"sweep iris --epochs 1 {more}")
    assert (ran.code, str(ran), ran.err.count("\n")) == (2, "", 1)
    assert message in ran.err


def test_the_picture_names_the_metric(linclf, in_tmp) -> None:
    assert linclf("sweep iris --epochs 1 --loss softmax --plot p.svg").code == 0
    assert "log loss on 5 folds, with one standard error" in Path("p.svg").read_text()


def test_a_sweep_of_a_custom_loss_with_probabilities_is_scored_by_log_loss() -> None:
    softmax = LOSSES["softmax"]
    split = split_of(np.arange(40) % 2)
    for logits, name in ((softmax.logits, "log-loss"), (None, "accuracy")):
        own = type(softmax)("own", softmax.function, "", "", logits=logits)
        swept = sweep(SweepOptions(TrainOptions(reg=1e-4, loss=own, epochs=2), {}), split, jobs=1)
        assert swept.selection.metric.name == name
