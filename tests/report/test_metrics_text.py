"""What reports say of the parts: the metrics, the majority class, classes that are never predicted or have no rows."""

import json
from pathlib import Path

import numpy as np
import pytest

from linclf.report.metrics import accuracies_text, majority_text, metrics_text, warnings

UNEVEN = "make:classification:weights=[0.97],n_samples=2000,flip_y=0.02,class_sep=0.1"
GOLDEN = Path(__file__).parents[1] / "model" / "golden"


def test_the_majority_is_that_of_the_last_part() -> None:
    majorities = {"train": {"class": "a", "share": 0.5}, "val": None, "test": {"class": "b", "share": 0.625}}
    accuracies = {"test": 0.75, "val": None, "train": 1.0}
    assert accuracies_text(accuracies, majorities) == "train 1.0000, test 0.7500  (always predicting b: 0.6250)"
    assert accuracies_text({**accuracies, "test": None}, majorities) == "train 1.0000  (always predicting a: 0.5000)"
    assert accuracies_text(accuracies, {}) == "train 1.0000, test 0.7500"  # a model of an earlier version
    assert majority_text({"class": "a\n" + "b" * 50, "share": 0.5}) == f"always predicting a {'b' * 25}...: 0.5000"


def test_the_metrics_are_those_of_the_last_part_but_for_accuracy() -> None:
    values = {"accuracy": 0.5, "macro_f1": 0.25, "roc_auc": None, "log_loss": 2.0}
    assert metrics_text({"train": values, "val": None, "test": None}) == "train: macro F1 0.2500, log loss 2.0000"
    assert metrics_text({"train": {}, "test": values}) == "test: macro F1 0.2500, log loss 2.0000"
    assert metrics_text({"train": None}) is metrics_text({}) is None


def test_warnings_name_classes_and_count_rows() -> None:
    never = {
        "test": [{"class": 1, "rows": 12}, {"class": 2, "rows": 1}],
        "train": [{"class": 1, "rows": 40}],
        "val": None,
    }
    assert warnings(never, {"test": [], "train": [], "val": None}) == [
        "never predicts 1 (40 training rows, 12 test rows), 2 (1 test row)"
    ]
    assert warnings({"": [{"class": "x", "rows": 2.5}]}, {"": ["y"]}) == [
        "never predicts x (2.5 rows)",
        "no row of class y: the accuracy says nothing about it",
    ]
    assert warnings({}, {"test": ["y"], "val": ["y", "z"]}) == [
        "no validation row of classes y, z: the validation accuracy says nothing about them",
        "no test row of class y: the test accuracy says nothing about it",
    ]
    assert warnings({}, {"test": range(7)})[0].startswith("no test row of classes 0, 1, 2, 3, 4 and 2 more: ")
    assert warnings({"train": []}, {}) == []


@pytest.mark.parametrize("loss", ["svm", "logistic"])
def test_a_model_that_never_predicts_a_class_is_said_to(linclf, in_tmp, loss: str) -> None:
    line = f"train {UNEVEN} --loss {loss} --reg 1 -o m"
    found = json.loads(linclf(line, "--json"))
    n_test, n_train = (found["never_predicted"][part][0]["rows"] for part in ("test", "train"))
    assert found["never_predicted"]["test"] == [{"class": 1, "rows": n_test}]
    assert found["majority"]["test"]["share"] == found["accuracy"]["test"] == 1 - n_test / found["n_test"]
    printed = linclf(line).splitlines()
    assert printed[-2] == f"warning    never predicts 1 ({n_train} training rows, {n_test} test rows)"
    assert printed[-1].endswith(f"(always predicting 0: {found['accuracy']['test']:.4f})")
    assert f"\nwarning: never predicts 1 ({n_test} rows)\n" in linclf("evaluate m")
    info = linclf("info m")
    assert set(printed[-3:]) <= set(info.splitlines())
    assert json.loads(linclf("info m --json"))["metrics"]["never_predicted"] == found["never_predicted"]


def test_a_part_without_a_class_is_said_to_say_nothing_about_it(linclf, in_tmp) -> None:
    X, y = np.random.default_rng(0).standard_normal((40, 2)), np.repeat(["a", "b"], 20)
    for name, rows in (("train.csv", range(40)), ("test.csv", range(10))):
        Path(name).write_text("x,z,label\n" + "".join(f"{X[i, 0]},{X[i, 1]},{y[i]}\n" for i in rows))
    ran = linclf("train train.csv --test test.csv -o m")
    assert "\nwarning    no test row of class b: the test accuracy says nothing about it\n" in ran
    assert "\nwarning: no row of class b: the accuracy says nothing about it\n" in linclf("evaluate m")
    assert json.loads(linclf("evaluate m --json"))["absent_classes"] == ["b"]


def test_a_custom_loss_that_has_probabilities_has_their_metrics(linclf, in_tmp) -> None:
    Path("own.py").write_text(
        "from linclf.losses import Loss, softmax, softmax_logits\n"
        "with_logits = Loss('own', softmax, '', '', logits=softmax_logits)\nwithout = Loss('own', softmax, '', '')\n"
    )
    builtin, own, without = (
        json.loads(linclf(f"train iris --loss {loss} --reg 1e-4 --epochs 3 --json -q"))["metrics"]["test"]
        for loss in ("softmax", "own.py:with_logits", "own.py:without")
    )
    assert own == builtin
    assert without["log_loss"] is None


@pytest.mark.parametrize(
    "path", [GOLDEN / "format-1.safetensors", GOLDEN / "format-2.safetensors"], ids=lambda path: path.name
)
def test_models_of_earlier_versions_show_the_accuracy_alone(linclf, path: Path) -> None:
    printed = linclf("info", path)
    assert "\naccuracy   train " in printed
    assert "metrics    " not in printed


def test_info_names_the_best_epoch_if_it_is_not_the_last(linclf, in_tmp) -> None:
    trained = json.loads(linclf("train digits --val 0.2 --patience 3 -q --json -o m"))
    best, last = trained["best_epoch"], trained["epochs"]
    assert best < last
    assert f" {last} epochs (the best one is {best}) of minibatches of 64" in linclf("info m")
    assert f"epoch {best} of {last}, by log loss" in linclf("train digits --val 0.2 --patience 3 -q")
    assert linclf("train iris --epochs 5 -q -o m").code == 0
    assert ", 5 epochs of minibatches of 64" in linclf("info m")
