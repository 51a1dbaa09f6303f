import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from linclf.losses import LOSSES
from linclf.model.linear_model import load

DATA = Path(__file__).parents[2] / "data"
IRIS, WINE = f"{DATA}/iris.csv --target species", f"{DATA}/wine.svm"
COMMAND = [sys.executable, "-m", "linclf"]


def run(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, **options)


# --- the main job --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["svm", "softmax", "hinge"])
def test_digits(linclf, loss: str) -> None:
    ran = linclf(f"train --loss {loss} --reg 1e-3 --json")
    assert (ran.code, ran.err) == (0, "")
    result = json.loads(ran)
    assert result["accuracy"]["test"] >= 0.94
    assert (result["n_train"], result["n_features"], result["n_classes"]) == (1437, 64, 10)


@pytest.mark.parametrize("data", [IRIS, WINE], ids=["csv", "svmlight"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns(linclf, data: str, loss: str) -> None:
    ran = linclf(f"train {data} --loss {loss} --scale {'standard' if 'csv' in data else 'maxabs'} --json")
    assert ran.code == 0
    assert json.loads(ran)["accuracy"]["train"] >= 0.8


def test_json_has_the_keys_that_scripts_rely_on(linclf) -> None:
    result = json.loads(linclf(f"train {IRIS} --json"))
    wanted = "loss reg lr epochs batch_size seed dtype n_train n_features n_classes classes objective data_loss penalty"
    assert set(wanted.split()) | {"accuracy", "seconds", "model"} <= result.keys()
    assert result["accuracy"].keys() == {"train", "val", "test"}
    assert {"load", "train", "total"} <= result["seconds"].keys()
    assert result["model"] is None
    assert result["accuracy"]["val"] is None
    for key in ("metrics", "majority", "never_predicted", "absent_classes"):
        assert result[key].keys() == {"train", "val", "test"}
        assert result[key]["val"] is None
    assert result["metrics"]["test"]["accuracy"] == result["accuracy"]["test"]
    assert result["majority"]["test"] == {"class": "setosa", "share": 1 / 3}
    assert result["classes"] == ["setosa", "versicolor", "virginica"]
    assert result["objective"] == pytest.approx(result["data_loss"] + result["penalty"])
    assert result["lr"] is None or isinstance(result["lr"], float)


def test_report_ends_with_the_accuracies(linclf) -> None:
    ran = linclf(f"train {IRIS} --val 0.2 --loss hinge")
    last = ran.splitlines()[-1]
    assert re.fullmatch(
        r"accuracy   train \d\.\d{4}, val \d\.\d{4}, test \d\.\d{4}  \(always predicting setosa: 0.3333\)", last
    )
    assert re.search(r"^metrics    test: balanced accuracy \d", ran, re.MULTILINE)
    assert "one-vs-rest" in ran
    assert "x distance " in ran


def test_objective_is_that_of_the_saved_weights(linclf, in_tmp) -> None:
    from linclf.optim.objective import Objective
    from linclf.training.inputs import rebuild_split

    result = json.loads(linclf(f"train {WINE} --scale none --loss softmax --dtype float64 -o m --json"))
    model = load("m")
    train = rebuild_split(model).train
    terms = Objective(LOSSES["softmax"], result["reg"]).terms(
        train.X[:].astype(float), train.y, model.weight, model.bias
    )
    np.testing.assert_allclose(terms, [result["data_loss"], result["penalty"]], rtol=1e-12)


# --- saved models --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", ["digits --loss svm", f"{IRIS} --loss softmax", f"{WINE} --loss logistic --scale maxabs"]
)
def test_evaluate_repeats_the_training_report_to_the_last_digit(linclf, in_tmp, data: str) -> None:
    trained = json.loads(linclf(f"train {data} -o m.safetensors --val 0.2 --seed 3 --json"))
    again = linclf("evaluate m.safetensors --json")
    for key in ("accuracy", "metrics", "majority", "never_predicted", "absent_classes"):
        assert json.loads(again)[key] == trained[key]["test"]
    assert json.loads(linclf("evaluate m.safetensors --part train --json"))["accuracy"] == trained["accuracy"]["train"]
    whole = json.loads(linclf("evaluate m.safetensors --part all --json"))
    assert whole["n"] == sum(map(sum, whole["confusion"])) > trained["n_train"]
    assert set(json.loads(again)) == {
        "accuracy",
        "target",
        "target_guessed",
        "n",
        "confusion",
        "classes",
        "per_class",
        "log_loss",
        "brier",
        "calibration_error",
        "metrics",
        "majority",
        "never_predicted",
        "absent_classes",
        "threshold",
    }


def test_same_command_same_bytes_and_another_seed_others(linclf, in_tmp) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert linclf(f"train {IRIS} -o {name} --seed {seed}").code == 0
    a, b, c = ((in_tmp / name).read_bytes() for name in "abc")
    assert a == b != c


def test_bytes_do_not_depend_on_cores_locale_or_hash_seed(in_tmp) -> None:
    models = []
    for environment in ({"OPENBLAS_NUM_THREADS": "2", "PYTHONHASHSEED": "1"}, {"LC_ALL": "C", "PYTHONHASHSEED": "2"}):
        ran = run("train", "digits", "--epochs", "5", "-o", "m", env={**os.environ, **environment})
        assert ran.returncode == 0
        models.append((in_tmp / "m").read_bytes())
    assert models[0] == models[1]


def test_predict_gives_the_original_labels(linclf, in_tmp) -> None:
    linclf(f"train {IRIS} -o m")
    ran = linclf(f"predict m {DATA}/iris.csv")
    assert ran.code == 0
    assert set(ran.split()) == {"setosa", "versicolor", "virginica"}
    assert len(ran.splitlines()) == 150
    truth = [line.rsplit(",", 1)[1] for line in (DATA / "iris.csv").read_text().splitlines()[1:]]
    assert np.mean([a == b for a, b in zip(ran.split(), truth, strict=True)]) > 0.9


def test_predict_reads_stdin_and_finds_columns_by_name(linclf, in_tmp) -> None:
    linclf(f"train {IRIS} -o m")
    table = "petal width,petal length,note,sepal width,sepal length\n0.2,1.4,7,3.5,5.1\n2.3,5.9,8,3.2,6.8\n"
    ran = run("predict", "m", "-", input=table)
    assert (ran.returncode, ran.stdout) == (0, "setosa\nvirginica\n")
    assert ran.stderr == "note: -: columns the model was not trained on were ignored: note\n"
    assert run("predict", "-q", "m", "-", input=table).stderr == ""
    linclf(f"train {WINE} -o s --scale maxabs")
    ran = run("predict", "s", "-", input=(DATA / "wine.svm").read_text())
    assert ran.stdout == linclf(f"predict s {WINE}")


def test_predict_scores_and_probabilities(linclf, in_tmp) -> None:
    linclf("train breast_cancer --loss logistic -o m")
    labels = linclf("predict m breast_cancer").split()
    scores = np.array([float(line) for line in linclf("predict m breast_cancer --scores").split()])
    p = np.array([line.split(",") for line in linclf("predict m breast_cancer --proba").split()], float)
    assert labels == np.where(scores > 0, "malignant", "benign").tolist()
    np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-scores)))
    assert scores.tobytes() == load("m").scores(_rows("breast_cancer")).ravel().tobytes()  # every digit is printed
    linclf("train breast_cancer --loss hinge -o h")
    ran = linclf("predict h breast_cancer --proba")
    assert (ran.code, str(ran)) == (2, "")
    assert "the loss hinge has no probabilities" in ran.err
    assert linclf("predict m breast_cancer --proba --scores").code == 2
    assert linclf("predict m breast_cancer -o p.txt") == ""
    assert (in_tmp / "p.txt").read_text().split() == labels


def _rows(name: str) -> np.ndarray:
    from linclf.data.load import load as load_data
    from linclf.data.source import Source

    return load_data(Source(name)).X


def test_labels_with_commas_and_quotes_stay_one_to_a_line(linclf, in_tmp) -> None:
    (in_tmp / "t.csv").write_text("a,label\n" + '1,"x,1"\n2,"say ""y"""\n' * 20)
    linclf("train t.csv -o m")
    assert set(linclf("predict m t.csv").splitlines()) == {'"x,1"', '"say ""y"""'}


def test_model_to_stdout_and_from_stdin(in_tmp) -> None:
    made = subprocess.run([*COMMAND, "train", "iris", "-o", "-"], capture_output=True, check=True)
    assert b"accuracy   train" in made.stderr
    ran = subprocess.run([*COMMAND, "predict", "-", "iris"], input=made.stdout, capture_output=True, check=True)
    assert set(ran.stdout.split()) == {b"setosa", b"versicolor", b"virginica"}


def test_info(linclf, in_tmp) -> None:
    linclf(f"train {IRIS} -o m --loss softmax")
    ran = linclf("info m")
    assert "petal width" in ran
    assert "iris.csv" in ran
    described = json.loads(linclf("info m --json"))
    assert described["strongest"].keys() == {"setosa", "versicolor", "virginica"}
    assert described["options"]["source"]["target"] == "species"
    assert described["strongest"]["virginica"][0]["weight"] == pytest.approx(
        max((load("m").weight * load("m").scale[:, None])[:, 2], key=abs)
    )


def test_evaluate_other_data(linclf, in_tmp) -> None:
    linclf(f"train {IRIS} -o m")
    rows = (DATA / "iris.csv").read_text().splitlines()
    (in_tmp / "other.csv").write_text("\n".join([rows[0], *(line + "." for line in rows[1:51]), *rows[51:101]]))
    ran = linclf("evaluate m other.csv --json")
    assert json.loads(ran)["n"] == 100
    assert json.loads(ran)["accuracy"] <= 0.5
    assert "50 of 100 rows have labels that training never saw, counted as wrong: 'setosa.' (50)" in ran.err
    ran = linclf(f"evaluate m {DATA}/iris.csv")
    assert "is the data that the model was trained on" in ran.err


def test_evaluate_refuses_data_that_changed(linclf, in_tmp) -> None:
    (in_tmp / "t.csv").write_bytes((DATA / "iris.csv").read_bytes())
    linclf("train t.csv --target species -o m")
    (in_tmp / "t.csv").write_text((DATA / "iris.csv").read_text().replace("5.1", "5.2", 1))
    ran = linclf("evaluate m")
    assert ran.code == 2
    assert ran.err == "error: t.csv: has changed since the model was trained on it; train again, or give DATA\n"


def test_test_part_from_a_file(linclf, in_tmp) -> None:
    lines = (DATA / "wine.svm").read_text().splitlines(keepends=True)
    (in_tmp / "train.svm").write_text("".join(lines[::2]))
    (in_tmp / "test.svm").write_text("".join(lines[1::2]))
    result = json.loads(linclf("train train.svm --test test.svm --scale maxabs -o m --json"))
    assert result["n_train"] == 89
    assert result["accuracy"]["test"] > 0.9
    assert json.loads(linclf("evaluate m --json"))["accuracy"] == result["accuracy"]["test"]


# --- options -------------------------------------------------------------------------------------------------------


def test_flags_come_before_environment_before_file(linclf, in_tmp, monkeypatch) -> None:
    (in_tmp / "c.toml").write_text(
        '[train]\nloss = "softmax"\nbatch-size = 16\nlr = "auto"\nno-bias = true\nseed = 5\n'
    )
    monkeypatch.setenv("LINCLF_TRAIN_BATCH_SIZE", "32")
    monkeypatch.setenv("LINCLF_TRAIN_SEED", "6")
    result = json.loads(linclf("train iris --config c.toml --seed 7 -o m --json"))
    assert (result["loss"], result["batch_size"], result["seed"]) == ("softmax", 32, 7)
    assert not load("m").record["options"]["bias"]
    (in_tmp / "c.toml").write_text("[train]\nbatchsize = 3\n")
    ran = linclf("train iris --config c.toml")
    assert (ran.code, ran.err) == (2, "error: c.toml: [train] has no option 'batchsize'; did you mean 'batch-size'?\n")
    for wrong, message in (
        ("[train]\naverage = 1", "[train] average is 1; give true or false"),
        ("[train]\nepochs = 2.5", "[train] epochs is 2.5; give a whole number or 'auto'"),
        ("[train]\nseed = inf", "[train] seed is inf; give a whole number"),
        ("[train]\nreg = true", "[train] reg is True; give a number"),
        ("[train]\nlr = [1]", "[train] lr is [1]; give a number or 'auto'"),
        ("[train]\noutput = 3", "[train] output is 3; give a string"),
        ("[trian]\nlr = 1", "'trian' is not the table of a command; the tables are [train], [predict]"),
        ("lr = 1", "'lr' is not the table of a command"),
    ):
        (in_tmp / "c.toml").write_text(wrong)
        ran = linclf("train iris --config c.toml")
        assert ran.code == 2
        assert ran.err.startswith(f"error: c.toml: {message}")
    (in_tmp / "c.toml").write_text('[train]\njson = true\ntest = 0.5\ndrop = "a"\n[predict]\nscores = true')
    assert "--drop" in linclf("train iris --config c.toml").err
    (in_tmp / "c.toml").write_text("[train]\njson = true\ntest = 0.5\n")
    assert json.loads(linclf("train iris --config c.toml"))["n_train"] == 75
    monkeypatch.setenv("LINCLF_TRAIN_JSON", "1")
    assert json.loads(linclf("train iris"))["n_train"] == 120
    (in_tmp / "c.toml").write_text("[train")
    assert linclf("train iris --config c.toml").err.startswith("error: c.toml: is not TOML: ")


def test_history_and_early_stopping(linclf, in_tmp) -> None:
    result = json.loads(linclf("train digits --loss svm --val 0.2 --patience 3 --epochs 50 --history h.jsonl --json"))
    lines = [json.loads(line) for line in (in_tmp / "h.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == list(range(1, result["epochs"] + 1))
    assert lines[0].keys() == {"epoch", "lr", "objective_estimate", "val_accuracy", "val_score", "seconds"}
    assert all(line["val_accuracy"] == line["val_score"] for line in lines)  # svm has no probabilities
    best = max(line["val_accuracy"] for line in lines)
    assert lines[result["best_epoch"] - 1]["val_accuracy"] == best
    assert result["accuracy"]["val"] == pytest.approx(best, abs=0.01)  # folded weights may flip a row in the balance
    first_best = next(line["epoch"] for line in lines if line["val_accuracy"] == best)
    assert result["epochs"] == first_best + 3 < 50


def test_settings_reach_the_engine(linclf, in_tmp) -> None:
    linclf("train iris --no-bias --scale none -o m")
    assert not load("m").bias.any()
    assert load("m").weight.dtype == np.float32
    balanced = json.loads(
        linclf("train make:classification:weights=[0.95],n_samples=2000 --class-weight balanced --json")
    )
    plain = json.loads(linclf("train make:classification:weights=[0.95],n_samples=2000 --json"))
    assert balanced["accuracy"]["train"] < plain["accuracy"]["train"]
    assert json.loads(linclf("train iris --test 0 --json"))["n_train"] == 150
    assert json.loads(linclf("train iris --lr 0.01 --epochs 3 --momentum 0.5 --json"))["lr"] == 0.01


def test_rescaled_columns_change_nothing_under_standard_scaling(linclf, in_tmp) -> None:
    rows = np.loadtxt(DATA / "iris.csv", delimiter=",", skiprows=1, usecols=range(4))
    labels = [line.rsplit(",", 1)[1] for line in (DATA / "iris.csv").read_text().splitlines()[1:]]
    predicted = []
    for name, factor in (("a.csv", 1.0), ("b.csv", np.array([1e-3, 4.0, 1e5, 1.0]))):
        table = "\n".join(
            ",".join([*map(repr, map(float, row)), label]) for row, label in zip(rows * factor, labels, strict=True)
        )
        (in_tmp / name).write_text("a,b,c,d,label\n" + table)
        linclf(f"train {name} -o m --loss softmax")
        predicted.append(linclf(f"predict m {name}"))
    assert predicted[0] == predicted[1]


@pytest.mark.parametrize(
    "option",
    [
        "--loss svm",
        "--reg 0.1",
        "--lr 0.01",
        "--epochs 3",
        "--batch-size 7",
        "--momentum 0.5",
        *(f"--schedule {name}" for name in ("cosine", "constant", "invscaling")),
        "--average",
        "--no-bias",
        "--reg-bias",
        "--scale maxabs",
        "--class-weight balanced",
        "--dtype float64",
        "--seed 1",
        "--test 0.5",
        "--val 0.3",
        "--val 0.3 --patience 1",
        "--drop a",
    ],
)
def test_every_option_changes_the_weights(linclf, in_tmp, option: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((60, 3))
    labels = np.where(rows @ [1, 2, -1] + rng.standard_normal(60) > 1, "yes", "no")
    lines = [",".join([*map(repr, map(float, row)), str(label)]) for row, label in zip(rows, labels, strict=True)]
    (in_tmp / "t.csv").write_text("a,b,c,label\n" + "\n".join(lines))
    weights = []
    for extra in ("", option):
        assert linclf(f"train t.csv -o m --epochs 20 --reg 0.01 {extra}").code == 0
        weights.append(load("m").weight.tobytes())
    assert weights[0] != weights[1]


def test_the_later_of_equal_epochs_is_kept(linclf, in_tmp) -> None:
    result = json.loads(linclf("train wine --loss svm --val 0.2 --epochs 40 --history h --json"))
    accuracies = [json.loads(line)["val_accuracy"] for line in (in_tmp / "h").read_text().splitlines()]
    assert accuracies.count(max(accuracies)) > 1
    assert result["best_epoch"] == 40 - accuracies[::-1].index(max(accuracies))


def test_folded_weights_keep_the_digits_of_a_column_far_from_zero(linclf, in_tmp) -> None:
    rng = np.random.default_rng(0)
    (in_tmp / "t.csv").write_text(
        "time,label\n"
        + "".join(f"{1.7e18 + 1e11 * x!r},{'ab'[int(x > 0)]}\n" for x in map(float, rng.standard_normal(200)))
    )
    assert json.loads(linclf("train t.csv -o m --json"))["accuracy"]["train"] > 0.97
    assert load("m").weight.dtype == np.float64


def test_train_imports_the_gradient_checker_for_a_custom_loss_only(in_tmp) -> None:
    (in_tmp / "mine.py").write_text("from linclf.losses import softmax as loss\n")
    program = (
        "import sys; from linclf.cli import main; assert main(sys.argv[1:]) == 0; print(*sys.modules, file=sys.stderr)"
    )
    for loss, wanted in (("softmax", set()), ("mine.py:loss", {"linclf.gradcheck"})):
        line = [sys.executable, "-c", program, "train", "iris", "--epochs", "1", "-q", "--loss", loss]
        loaded = set(subprocess.run(line, capture_output=True, text=True, check=True).stderr.split())
        others = {"linclf.gradcheck", "linclf.inspect", "linclf.inspect.doctor", "linclf.sweep", "linclf.estimator"}
        assert loaded & others == wanted
        assert "linclf.training.train" in loaded
