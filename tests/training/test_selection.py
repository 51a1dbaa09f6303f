"""The metric that chooses: the defaults and why, what is refused, and that the best epoch is the best by it."""

import json
from pathlib import Path

import numpy as np
import pytest

from linclf.data.source import Source
from linclf.errors import InputError
from linclf.estimator import LinearClassifier
from linclf.losses import LOSSES
from linclf.model.metrics import METRICS
from linclf.training.inputs import load_split
from linclf.training.options import TrainOptions
from linclf.training.selection import UNEVEN, check_defined, choose_metric
from linclf.training.train import train

EVEN, AT_THE_LIMIT, BEYOND = np.arange(12) % 3, np.repeat([0, 1, 2], [6, 3, 3]), np.repeat([0, 1, 2], [7, 3, 3])


def chosen(losses: str, y: np.ndarray, weights: np.ndarray | None = None) -> tuple[str, str]:
    selection = choose_metric(None, [LOSSES[name] for name in losses.split()], y, 3, weights)
    return selection.metric.name, selection.reason


def test_the_default_is_by_the_losses_and_then_by_the_sizes_of_the_classes() -> None:
    assert UNEVEN == 1.5
    for y in (EVEN, BEYOND):
        assert chosen("softmax", y) == ("log-loss", "default: the loss softmax has probabilities")
        assert chosen("softmax logistic", y) == ("log-loss", "default: every loss has probabilities")
    even = "the loss svm has no probabilities, and the classes are even"
    assert chosen("svm", EVEN) == chosen("svm", AT_THE_LIMIT) == ("accuracy", f"default: {even}")
    assert chosen("svm", BEYOND) == ("balanced-accuracy", f"default: {even.replace('are even', 'are uneven')}")
    mixed = "default: not every loss has probabilities, and the classes are uneven"
    assert chosen("softmax svm", BEYOND) == ("balanced-accuracy", mixed)
    assert chosen("svm", EVEN, np.where(EVEN == 0, 3, 1))[0] == "balanced-accuracy"
    assert chosen("svm", BEYOND, np.where(BEYOND == 0, 0.5, 1))[0] == "accuracy"


def test_a_metric_that_was_given_has_no_reason() -> None:
    selection = choose_metric("macro-f1", [LOSSES["softmax"]], EVEN, 3)
    assert (selection.metric, selection.reason) == (METRICS["macro-f1"], None)
    with pytest.raises(
        InputError, match="top-3-accuracy is a metric for 4 classes or more, and the data have 3; choose"
    ):
        choose_metric("top-3-accuracy", [LOSSES["softmax"]], EVEN, 3)


def test_rows_on_which_a_metric_is_undefined_are_refused() -> None:
    for metric in METRICS.values():
        check_defined(metric, "these", np.array([0, 1, 2, 3, 4, 5]), 6)
    for name, y, K in (("roc-auc", [1, 1], 2), ("average-precision", [0, 0], 2), ("roc-auc", [2, 2], 3)):
        with pytest.raises(InputError, match=f"{name} is undefined on these, which hold 1 of the {K} classes; give"):
            check_defined(METRICS[name], "these", np.array(y), K)
    with pytest.raises(InputError, match="log-loss is undefined on these, which hold 0 of the 2 classes"):
        check_defined(METRICS["log-loss"], "these", np.array([-1, -1]), 2)
    with pytest.raises(InputError, match="roc-auc is undefined"):
        check_defined(METRICS["roc-auc"], "these", np.array([0, 1]), 2, np.array([1, 0]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"val_metric": "roc-auc"},
            "--val-metric needs validation rows; give --val DATA or a fraction, e.g. --val 0.1",
        ),
        ({"val_metric": "roc-auc", "val": "0"}, "--val-metric needs validation rows"),
        ({"val_metric": "auc", "val": "0.1"}, "val-metric is 'auc'; give one of accuracy, balanced-accuracy, "),
        (
            {"val_metric": "log-loss", "val": "0.1", "loss": "svm"},
            "--val-metric log-loss needs probabilities, which the loss svm does not have; give one of accuracy, ",
        ),
    ],
)
def test_options_without_sense_are_refused(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrainOptions(**options)
    TrainOptions(val_metric="log-loss", val="0.1", loss="logistic")


@pytest.mark.parametrize(
    ("loss", "name"), [("softmax", None), ("svm", None), *(("logistic", name) for name in METRICS)]
)
def test_the_best_epoch_is_the_best_by_the_metric(linclf, in_tmp, loss: str, name: str | None) -> None:
    by = f"--val-metric {name}" if name else ""
    ran = linclf(f"train digits --loss {loss} --val 0.2 --epochs 30 --history h --json -q {by}")
    result, lines = json.loads(ran), [json.loads(line) for line in Path("h").read_text().splitlines()]
    metric = METRICS[result["val_metric"]]
    assert metric.name == (name or {"softmax": "log-loss", "svm": "accuracy"}[loss])
    sign = -1 if metric.name in ("log-loss", "brier-score-loss", "calibration-error") else 1
    scores = [sign * line["val_score"] for line in lines]
    assert result["best_epoch"] == 30 - int(np.argmax(scores[::-1]))  # the later of equals
    assert result["metrics"]["val"][metric.key] == pytest.approx(lines[result["best_epoch"] - 1]["val_score"], abs=0.01)
    assert (result["val_metric_reason"] is None) == (name is not None)
    printed = linclf(f"train digits --loss {loss} --val 0.2 --epochs 30 -q {by}")
    line = f"best       epoch {result['best_epoch']} of 30, by {metric.title} on 288 validation rows"
    assert line + (f" ({result['val_metric_reason']})" if name is None else "") in printed.splitlines()


def test_without_validation_rows_no_metric_chooses(linclf) -> None:
    result = json.loads(linclf("train iris --epochs 3 --json"))
    assert (result["val_metric"], result["val_metric_reason"]) == (None, None)
    assert "best       epoch" not in linclf("train iris --epochs 3")


def test_validation_rows_of_one_class_are_refused_before_training(linclf, in_tmp) -> None:
    rng = np.random.default_rng(0)
    for name, labels in (("t.csv", "ab" * 20), ("v.csv", "a" * 9)):
        Path(name).write_text("x,label\n" + "".join(f"{rng.standard_normal()},{label}\n" for label in labels))
    ran = linclf("train t.csv --val v.csv --val-metric roc-auc -o m")
    assert (ran.code, ran.err.count("\n"), Path("m").exists()) == (2, 1, False)
    assert "error: roc-auc is undefined on the validation rows, which hold 1 of the 2 classes; give more" in ran.err
    assert linclf("train t.csv --val v.csv").code == 0


def test_the_estimator_chooses_as_the_command_line_does() -> None:
    split = load_split(TrainOptions(Source("digits")))
    X, y = split.train.X[:], split.train.y
    for name in (None, "accuracy", "roc-auc"):
        fitted = LinearClassifier(early_stopping=True, val_metric=name, epochs=20, patience=20, random_state=0).fit(
            X, y
        )
        metric = METRICS[name or "log-loss"]
        scores = [metric.goodness(line["val_score"]) for line in fitted.history_]
        record = fitted.model_.record["metrics"]
        assert (record["val_metric"], record["best_epoch"]) == (metric.name, 20 - int(np.argmax(scores[::-1])))
        assert LinearClassifier.from_model(fitted.model_).val_metric == name
    LinearClassifier(val_metric="roc-auc", epochs=1).fit(X, y)  # without early stopping it is not used
    with pytest.raises(ValueError, match="The 'val_metric' parameter of LinearClassifier must be a str among"):
        LinearClassifier(val_metric="auc", early_stopping=True).fit(X, y)
    with pytest.raises(ValueError, match="log-loss needs probabilities, which the loss svm does not have"):
        LinearClassifier("svm", val_metric="log-loss", early_stopping=True).fit(X, y)


def test_a_custom_loss_has_no_probabilities_unless_it_says_so() -> None:
    softmax = LOSSES["softmax"]
    split = load_split(TrainOptions(Source("iris"), val="0.2"))
    for logits, name in ((softmax.logits, "log-loss"), (None, "accuracy")):
        own = type(softmax)("own", softmax.function, "", "", logits=logits)
        result = train(TrainOptions(Source("iris"), loss=own, val="0.2", epochs=2), split, measured=("val",)).result
        assert result.val_metric == name
