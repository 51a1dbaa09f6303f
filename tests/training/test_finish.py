"""Steps over all rows after SGD, as commands take them: nearer the optimum, never farther, and with the promises of SGD."""

import json
from pathlib import Path

import numpy as np
import pytest

from linclf import LinearClassifier
from linclf.losses import LOSSES
from linclf.model.linear_model import load
from linclf.optim.full_batch import FullBatch
from linclf.optim.objective import Objective

SETS = ["iris", "wine", "breast_cancer"]


@pytest.mark.parametrize("data", SETS)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_run_ends_near_the_optimum_and_never_above_sgd_alone(linclf, loss: str, data: str) -> None:
    """0.1 % is proven of smooth losses, even where SGD ends far away."""
    for reg in (1e-4, 1e-2):
        result, alone = (
            json.loads(linclf(f"train {data} --loss {loss} --reg {reg} --json --finish {finish}"))
            for finish in ("auto", "no")
        )
        proof = result["certificate"]
        assert (proof["asked"], alone["certificate"]["steps"]) == (None, 0)
        assert result["objective"] <= alone["objective"] * 1.001
        assert proof["lower_bound"] <= alone["objective"] * (1 + 1e-6)
        if LOSSES[loss].smoothed is None:
            assert proof["percent"] <= 0.1
            assert (result["epochs"], result["best_epoch"], result["lr"]) == (0, 0, None)
        else:
            assert result["objective"] <= alone["objective"]
            assert result["epochs"] == alone["epochs"]


@pytest.mark.parametrize("more", ["--epochs 4", "--val 0.2", "--finish no", "--val 0.2 --patience 3"])
def test_where_epochs_or_validation_rows_decide_there_is_no_finish(linclf, more: str) -> None:
    assert json.loads(linclf(f"train iris --json {more}"))["certificate"]["steps"] == 0


def test_a_run_that_is_resumed_finishes_with_the_same_bits(linclf, in_tmp) -> None:
    """From the checkpoint of each epoch, also of the last one: then the steps over all rows alone are taken again."""
    assert linclf("train digits --loss svm -o whole --checkpoint c -q").code == 0
    whole = load("whole")
    assert whole.record["metrics"]["certificate"]["steps"] > 0
    assert linclf("train digits --loss svm -o again --resume c -q").code == 0
    again = load("again")
    assert again.weight.tobytes() == whole.weight.tobytes()
    assert again.bias.tobytes() == whole.bias.tobytes()
    assert again.record["metrics"] == whole.record["metrics"]


def test_a_run_without_epochs_leaves_no_checkpoint(linclf, in_tmp) -> None:
    """It takes a few passes over few rows, and is repeated to the same bits."""
    for name in ("one", "two"):
        assert linclf(f"train digits -o {name} --checkpoint c --history h -q").code == 0
        assert not Path("c").exists()
    assert load("one").weight.tobytes() == load("two").weight.tobytes()
    lines = [json.loads(line) for line in Path("h").read_text().splitlines()]
    steps = load("one").record["metrics"]["certificate"]["steps"]
    assert [line["epoch"] for line in lines] == list(range(1, steps + 1))
    values = [line["objective_estimate"] for line in lines]
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(load("one").record["metrics"]["objective"], rel=1e-3)
    assert {line["lr"] for line in lines} == {None}


@pytest.mark.parametrize("after", [1, 5])
def test_a_signal_among_the_steps_keeps_the_best_weights(linclf, in_tmp, monkeypatch, after: int) -> None:
    step = FullBatch.step

    def interrupted(run: FullBatch, aim: float) -> None:
        step(run, aim)
        if run.steps == after:
            raise KeyboardInterrupt

    monkeypatch.setattr(FullBatch, "step", interrupted)
    ran = linclf("train digits --reg 1e-4 -o m")
    assert ran.code == 130
    assert "the best model so far is in m" in ran.err
    metrics = load("m").record["metrics"]
    assert metrics["interrupted"]
    assert not metrics["certificate"]["percent"] or metrics["certificate"]["percent"] > 0.1
    assert metrics["certificate"]["steps"] == after
    assert metrics["objective"] < 2


def test_a_signal_before_the_first_step_leaves_no_model(linclf, in_tmp, monkeypatch) -> None:
    def interrupted(run: FullBatch, aim: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FullBatch, "step", interrupted)
    assert linclf("train digits --reg 1e-4 -o m").code == 130
    assert not Path("m").exists()


def test_numbers_too_large_for_steps_are_an_error_and_no_zero_model(linclf, in_tmp) -> None:
    X = np.random.default_rng(0).standard_normal((60, 3))
    X[0, 0] = 1e200
    np.savez("t.npz", X=X, y=np.arange(60) % 2)
    ran = linclf("train t.npz --scale none --dtype float64 -o m")
    assert (ran.code, Path("m").exists()) == (2, False)
    assert "too large to train on; use --scale standard" in ran.err


def test_a_signal_after_sgd_keeps_what_it_has_found(linclf, in_tmp, monkeypatch) -> None:
    def interrupted(*args: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("linclf.training.finish.bound_and_finish", interrupted)
    ran = linclf("train digits --loss svm -o m")
    assert ran.code == 130
    assert "the best model so far is in m" in ran.err
    assert Path("m").exists()
    assert load("m").record["metrics"]["certificate"] is None


def test_columns_of_any_size_make_no_difference(linclf, in_tmp) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, 4)), np.arange(200) % 2
    X += y[:, None] * [1, 0.5, 0, 0]
    np.savez("t.npz", X=X * [1, 1000, 1e-3, 30] + [0, 1e4, 0, 0], y=y)
    for more in ("--dtype float64", "--scale none --dtype float64"):
        assert json.loads(linclf(f"train t.npz --reg 1e-6 --json {more}"))["certificate"]["percent"] <= 0.1


def test_the_estimator_finishes_as_the_command_does(linclf, in_tmp) -> None:
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((90, 3)), np.arange(90) % 3
    np.savez("t.npz", X=X, y=y)
    for finish in ("auto", "no"):
        assert linclf(f"train t.npz --test 0 --finish {finish} -q -o m").code == 0
        found = LinearClassifier(finish=finish).fit(X, y)
        assert found.model_.weight.tobytes() == load("m").weight.tobytes()


def test_info_and_evaluate_show_what_is_proven(linclf, in_tmp) -> None:
    proof = json.loads(linclf("train iris --reg 1e-4 --json -o m"))["certificate"]
    line = f"certified  within {proof['percent']:.1}"
    for command in ("info m", "evaluate m -q"):
        assert line in linclf(command)
    assert json.loads(linclf("info m --json"))["metrics"]["certificate"] == proof
    assert linclf("train iris --reg 0 -o n").code == 0
    assert "certified" not in linclf("evaluate n -q")


def test_the_bound_of_large_data_is_computed_only_on_request(linclf, monkeypatch) -> None:
    monkeypatch.setattr("linclf.training.finish.MOST_BOUNDED", 1000)
    assert json.loads(linclf("train digits --epochs 2 --json"))["certificate"] is None
    assert "certified" not in linclf("train digits --epochs 2")
    assert json.loads(linclf("train digits --epochs 2 --certify 5 --json"))["certificate"]["holds"]
    assert json.loads(linclf("train digits --json"))["certificate"]["percent"] <= 0.1


@pytest.mark.parametrize("loss", ["softmax", "svm"])
def test_a_signal_after_the_last_step_keeps_the_steps(linclf, in_tmp, monkeypatch, loss: str) -> None:
    terms, calls = Objective.terms, []

    def interrupted(*arguments: object) -> object:
        if FullBatch.steps_taken and not calls:
            calls.append(1)
            raise KeyboardInterrupt
        return terms(*arguments)

    step = FullBatch.step

    def counted(run: FullBatch, aim: float) -> None:
        FullBatch.steps_taken = True
        step(run, aim)

    monkeypatch.setattr(FullBatch, "steps_taken", False, raising=False)
    monkeypatch.setattr(FullBatch, "step", counted)
    monkeypatch.setattr(Objective, "terms", interrupted)
    ran = linclf(f"train iris --loss {loss} --reg 1e-3 -o m")
    assert (ran.code, len(calls)) == (130, 1)
    assert load("m").record["metrics"]["certificate"]["steps"] > 0
    assert ("--checkpoint" in ran.err) == (loss == "svm")


def test_wide_rows_with_a_weak_penalty_are_brought_to_their_optimum(linclf, in_tmp) -> None:
    """Steps whose first length is far off: the line search goes on from the best that it has found."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 500))
    np.savez("t.npz", X=X, y=(X[:, 0] > 0).astype(int))
    result = json.loads(
        linclf("train t.npz --test 0 --loss squared-hinge --reg 1e-6 --dtype float64 --certify 1 --json")
    )
    assert result["certificate"]["holds"]


def test_no_checkpoint_is_said_to_be_missing(linclf, in_tmp) -> None:
    ran = linclf("train iris --reg 1e-3 --checkpoint c -o m")
    assert "no checkpoint was written to c" in ran.err
    assert "no checkpoint" not in linclf("train iris --epochs 3 --checkpoint c -o m").err
