"""--threshold from training to prediction: which rows it is learned from, and what all commands say of it."""

import json
import sys

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from linclf.model.linear_model import load

RULES = [
    "accuracy",
    "balanced-accuracy",
    "f1",
    "macro-f1",
    "fp=1,fn=5",
    "recall@precision=0.2",
    "precision@recall=0.8",
    "0.2",
]


@pytest.fixture
def rare(in_tmp):
    """t.csv, in which a tenth of 500 rows is of the class yes."""
    rng = np.random.default_rng(0)
    y = rng.random(500) < 0.1
    x = rng.standard_normal((500, 2)) + 1.2 * y[:, None]
    lines = [f"{a:.4f},{b:.4f},{'yes' if one else 'no'}" for (a, b), one in zip(x, y, strict=True)]
    (in_tmp / "t.csv").write_text("\n".join(["a,b,label", *lines]) + "\n")
    return in_tmp


def column(ran: str, k: int) -> np.ndarray:
    return np.array([line.split(",")[k] for line in ran.splitlines()])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", ["softmax", "logistic --calibrate sigmoid", "svm", "hinge"])
def test_train_predict_evaluate_and_info_agree(linclf, rare, loss: str, rule: str) -> None:
    ran = linclf(f"train t.csv --loss {loss} --epochs 10 --threshold {rule} --json -q -o m")
    assert ran.code == 0, ran.err
    result = json.loads(ran)
    found, on = result["threshold"], "score" if loss in ("svm", "hinge") else "probability"
    assert list(found) == [
        *(
            "value",
            "on",
            "positive",
            "metric",
            "score",
            "score_at_default",
            "constraint",
            "constraint_at_default",
            "n",
            "n_positive",
        )
    ]
    assert (found["on"], found["positive"]) == (on, "yes")
    learned = rule != "0.2"
    assert (found["metric"], found["n"]) == ((rule, 80) if learned else (None, 0))
    held_out = 80 if learned or "calibrate" in loss else 0  # a fifth of the training rows, for both
    assert (result["n_train"], result["n_test"]) == (400 - held_out, 100)

    labels = linclf("predict m t.csv -q").split()
    told = linclf(f"predict m t.csv -q {'--proba' if on == 'probability' else '--scores'}")
    values = column(told, -1).astype(float)
    values = values - column(told, 0).astype(float) if loss == "svm" else values
    assert labels == np.where(values >= found["value"], "yes", "no").tolist()

    evaluated = json.loads(linclf("evaluate m --json"))
    assert evaluated["metrics"] == result["metrics"]["test"]
    assert evaluated["threshold"] == found == json.loads(linclf("info m --json"))["threshold"]
    line = f"threshold  {found['value']:.6g} on the {on} of class yes, "
    for command in (f"train t.csv --loss {loss} --epochs 10 --threshold {rule} -q", "evaluate m", "info m"):
        assert line in linclf(command)


def test_rows_that_it_is_learned_from_are_those_of_calibrate(linclf, rare) -> None:
    for part, more, n in (("calibration", "", 80), ("val", "--val 0.3", 120)):
        both = json.loads(linclf(f"train t.csv {more} --calibrate sigmoid --threshold f1 --json -q -o both"))
        one = json.loads(linclf(f"train t.csv {more} --threshold f1 --json -q -o one"))
        assert linclf(f"train t.csv {more} --calibrate sigmoid -q -o other").code == 0
        assert load("both").weight.tobytes() == load("one").weight.tobytes() == load("other").weight.tobytes()
        assert (both["threshold"]["n"], one["threshold"]["n"], both["n_calibration"], one["n_calibration"]) == (
            n,
            n,
            n,
            0,
        )
        assert both["threshold"]["score"] == one["threshold"]["score"]  # the order of the rows is the same
        assert both["n_val"] == (n if part == "val" else 0)
    linclf("train t.csv --threshold f1 -q -o one")
    assert [json.loads(linclf(f"evaluate one --part {part} --json"))["n"] for part in ("all", "train")] == [500, 320]


def test_with_a_validation_part_the_score_is_the_metric_of_that_part(linclf, rare) -> None:
    result = json.loads(linclf("train t.csv --val 0.3 --threshold balanced-accuracy --json -q"))
    assert result["threshold"]["score"] == pytest.approx(result["metrics"]["val"]["balanced_accuracy"])
    assert result["threshold"]["score"] > result["threshold"]["score_at_default"]


def test_weights_of_rows_count(linclf, rare) -> None:
    times = np.random.default_rng(1).integers(1, 4, 500)
    lines = (rare / "t.csv").read_text().splitlines()
    rows = [f"{line},{k}" for line, k in zip(lines[1:], times, strict=True)]
    (rare / "train.csv").write_text("\n".join([f"{lines[0]},w", *rows[:300]]) + "\n")
    (rare / "val.csv").write_text("\n".join([f"{lines[0]},w", *rows[300:]]) + "\n")
    again = [row for row, k in zip(rows[300:], times[300:], strict=True) for _ in range(k)]
    (rare / "repeated.csv").write_text("\n".join([f"{lines[0]},w", *(row[:-1] + "1" for row in again)]) + "\n")
    found = [
        json.loads(linclf(f"train train.csv --weight w --epochs 5 --val {val} --threshold f1 --json -q"))["threshold"]
        for val in ("val.csv", "repeated.csv")
    ]
    assert found[0] == pytest.approx(found[1])
    assert found[0]["n"] == times[300:].sum()


def test_positive_names_the_class(linclf, rare) -> None:
    for rule in ("f1", "recall@precision=0.9", "fp=5,fn=1", "0.7"):
        result = json.loads(linclf(f"train t.csv --threshold {rule} --positive no --json -q -o m"))
        found = result["threshold"]
        assert found["positive"] == "no"
        p = column(linclf("predict m t.csv --proba -q"), 0).astype(float)
        assert linclf("predict m t.csv -q").split() == np.where(p >= found["value"], "no", "yes").tolist()
    # a row of the other class predicted as no costs as much as a row of no predicted as the other
    costs = [
        json.loads(linclf(f"train t.csv --threshold {rule} -q --json"))["threshold"]
        for rule in ("fp=5,fn=1 --positive no", "fp=1,fn=5 --positive yes")
    ]
    assert costs[0]["score"] == costs[1]["score"]
    assert costs[0]["value"] == pytest.approx(1 - costs[1]["value"])
    ran = linclf("train t.csv --threshold f1 --positive maybe")
    assert (ran.code, ran.err) == (
        2,
        "error: positive is 'maybe', which is no class of the training rows; give no or yes\n",
    )


def test_labels_by_a_threshold_are_said_to_be(linclf, rare) -> None:
    linclf("train t.csv --threshold 0.125 -q -o m")
    linclf("train t.csv -q -o plain")
    note = "note: labels are by the threshold of the model: class yes where its probability is at least 0.125\n"
    for command, said in (("predict m t.csv", note), ("predict m t.csv --proba", note), ("explain m t.csv --row 0", note),
                          ("predict m t.csv --scores", ""), ("predict m t.csv -q", ""), ("predict plain t.csv", "")):  # fmt: skip
        assert linclf(command).err == said, command
    assert "threshold" not in linclf("info plain") + linclf("evaluate plain") + linclf("train t.csv -q")
    for command in ("info plain --json", "evaluate plain --json", "train t.csv -q --json"):
        assert json.loads(linclf(command))["threshold"] is None


def test_rows_from_a_pipe_are_labelled_by_the_threshold(linclf, rare, monkeypatch) -> None:
    linclf("train t.csv --threshold balanced-accuracy -q -o m")
    expected = linclf("predict m t.csv -q")
    with (rare / "t.csv").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        ran = linclf("predict m -")
    assert (str(ran), ran.err.count("note: labels are by the threshold")) == (str(expected), 1)
    assert {"yes", "no"} == set(expected.split())


def test_the_reported_figures_are_those_of_the_labels(linclf, rare) -> None:
    linclf("train t.csv --class-weight balanced --calibrate sigmoid -q -o plain")
    linclf("train t.csv --class-weight balanced --calibrate sigmoid --threshold balanced-accuracy -q -o m")
    truth = column((rare / "t.csv").read_text(), 2)[1:]
    scores = {}
    for name in ("plain", "m"):
        evaluated = json.loads(linclf(f"evaluate {name} t.csv --json"))
        scores[name] = balanced_accuracy_score(truth, linclf(f"predict {name} t.csv -q").split())
        assert evaluated["metrics"]["balanced_accuracy"] == pytest.approx(scores[name])
    assert scores["m"] > scores["plain"] + 0.1


@pytest.mark.parametrize(
    ("options", "noted"),
    [
        ("--class-weight balanced --calibrate sigmoid", True),
        ("--class-weight yes=9 --calibrate isotonic", True),
        ("--class-weight balanced --calibrate temperature", False),  # it leaves the most probable class as it was
        ("--class-weight balanced --calibrate sigmoid --threshold f1", False),
        ("--class-weight balanced", False),
        ("--calibrate sigmoid", False),
    ],
)
def test_class_weights_that_calibration_undoes_are_noted(linclf, rare, options: str, noted: bool) -> None:
    ran = linclf(f"train t.csv --epochs 3 {options}")
    assert ran.code == 0
    assert ("note: t.csv: --class-weight hardly changes the labels of a model with --calibrate" in ran.err) == noted
    assert "note:" not in linclf(f"train t.csv --epochs 3 {options} -q").err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train iris --threshold f1", "threshold is for two classes, and the training rows have 3; leave it out"),
        ("train iris --threshold 0.5", "threshold is for two classes, and the training rows have 3; leave it out"),
        ("train t.csv --threshold f2", "threshold is 'f2'; give a number, f1, accuracy, balanced-accuracy, macro-f1, a cost"),
        ("train t.csv --threshold 1.5", "threshold is 1.5; the model has probabilities, so give one from 0 to 1"),
        ("train t.csv --loss svm --calibrate sigmoid --threshold -1", "threshold is -1; the model has probabilities"),
        ("train t.csv --positive yes", "--positive is the class that --threshold is on; give --threshold METRIC"),
        ("train t.csv --val w.csv --threshold recall@precision=0.6", "t.csv: threshold is 'recall@precision=0.6', and no threshold has "
         "a precision of 0.6 or more on the 3 held-out rows; the largest is 0.5000; give a smaller precision"),
        ("train t.csv --threshold f1 --val v.csv", "t.csv: the validation rows hold a single known class, which sets no threshold"),
        ("train few.csv --threshold f1 --test 0", "few.csv: the held-out rows hold a single known class, which sets no threshold"),
        ("train two.csv --threshold f1 --test 0", "are too few for a calibration part of 0.2; give more, or go without --calibrate and "
         "--threshold"),
        ("sweep t.csv --threshold f1", "No such option '--threshold'"),
    ],
)  # fmt: skip
def test_errors_are_one_line_and_leave_no_model(linclf, rare, line: str, message: str) -> None:
    (rare / "v.csv").write_text("a,b,label\n1,2,no\n1,3,no\n1,3,new\n")
    (rare / "w.csv").write_text("a,b,label\n9,9,no\n2,2,yes\n-5,-5,no\n")
    (rare / "few.csv").write_text("a,label\n" + "1,no\n2,no\n3,no\n4,no\n" * 5 + "5,yes\n")
    (rare / "two.csv").write_text("a,label\n1,no\n2,yes\n")
    ran = linclf(f"{line} -o m")
    assert (ran.code, str(ran)) == (2, "")
    assert ran.err.splitlines()[-1].startswith("error: ")
    assert message in ran.err
    assert not (rare / "m").exists()


def test_a_score_may_be_any_number(linclf, rare) -> None:
    result = json.loads(linclf("train t.csv --loss svm --threshold -1.5 --json -q"))
    assert (result["threshold"]["value"], result["threshold"]["on"]) == (-1.5, "score")


def test_rows_of_unknown_label_are_left_out(linclf, rare) -> None:
    lines = (rare / "t.csv").read_text().splitlines()
    (rare / "train.csv").write_text("\n".join(lines[:401]) + "\n")
    (rare / "val.csv").write_text("\n".join([lines[0], *lines[401:]]) + "\n")
    (rare / "more.csv").write_text("\n".join([lines[0], "0.1,0.2,other", *lines[401:], "9,9,other"]) + "\n")
    found = [
        json.loads(linclf(f"train train.csv --val {val} --epochs 1 --threshold macro-f1 --json -q"))["threshold"]
        for val in ("val.csv", "more.csv")
    ]
    assert found[0] == found[1]
    assert found[0]["n"] == 100


def test_a_threshold_in_a_configuration_file_may_be_a_number(linclf, rare) -> None:
    for text, value in (("0.25", 0.25), ('"0.25"', 0.25), ("1", 1.0)):
        (rare / "c.toml").write_text(f"[train]\nthreshold = {text}\n")
        assert json.loads(linclf("train t.csv --config c.toml --json -q"))["threshold"]["value"] == value
    (rare / "c.toml").write_text('[train]\nthreshold = "recall@precision=0.2"\npositive = "no"\n')
    found = json.loads(linclf("train t.csv --config c.toml --json -q"))["threshold"]
    assert (found["metric"], found["positive"]) == ("recall@precision=0.2", "no")


def test_the_same_command_writes_the_same_bytes_and_a_resumed_run_too(linclf, rare) -> None:
    line = "train t.csv --epochs 6 --threshold f1 -q"
    for name in "ab":
        assert linclf(f"{line} -o {name}").code == 0
    assert linclf(f"{line} -o c --checkpoint k --every 4").code == 0
    assert linclf(f"{line} -o d --resume k").code == 0
    files = [(rare / name).read_bytes() for name in "abcd"]
    assert files == files[:1] * 4
    ran = linclf("train t.csv --epochs 6 --threshold accuracy -q --resume k")
    assert (ran.code, "options threshold was" in ran.err) == (2, True)
