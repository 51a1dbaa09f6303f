"""`linclf compare`: which files are models, reports and DATA; which rows; errors."""

import io
import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from linclf.cli import main
from linclf.data.dataset import Dataset, LabelledRows
from linclf.data.load import load
from linclf.model.model_file import is_model_file

DATA = Path(__file__).parents[2] / "data"
GOLDEN = Path(__file__).parents[1] / "model" / "golden"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models of iris, which differ in their options, and tables t.csv and grouped.csv."""
    folder = tmp_path_factory.mktemp("models")
    iris = ["train", f"{DATA}/iris.csv", "--target", "species", "-q", "--epochs", "5", "-o"]
    runs = {
        "a": [],
        "b": ["--loss", "svm"],
        "val": ["--val", "0.3"],
        "seed3": ["--seed", "3"],
        "half": ["--test", "0.5"],
        "fifth": ["--test", "0.2"],
        "whole": ["--test", "0"],
        "own": ["--test", f"{DATA}/iris.csv"],
        "own3": ["--test", f"{DATA}/iris.csv", "--seed", "3"],
        "other_test": ["--test", str(folder / "head.csv")],
        "sigmoid": ["--calibrate", "sigmoid"],
    }
    (folder / "head.csv").write_text("\n".join([*(DATA / "iris.csv").read_text().splitlines()[:80], ""]))
    for name, options in runs.items():
        assert main([*iris, str(folder / name), *options]) == 0
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((200, 2)), np.arange(200) // 4
    y = np.where(x[:, 0] + 0.5 * rng.standard_normal(200) > 0, "yes", "no")
    w = rng.integers(0, 3, 200)
    rows = [f"{a:.4f},{b:.4f},{c},g{d},{e}" for (a, b), c, d, e in zip(x, y, g, w, strict=True)]
    (folder / "t.csv").write_text("\n".join(["x1,x2,label,g,w", *rows, ""]))
    repeated = [row for row, times in zip(rows, w, strict=True) for _ in range(times)]
    (folder / "repeated.csv").write_text("\n".join(["x1,x2,label,g,w", *repeated, ""]))
    tables = {
        "t": ["--drop", "g,w"],
        "t3": ["--drop", "g,w", "--seed", "3"],
        "narrow": ["--drop", "g,w,x2"],
        "weighted": ["--drop", "g", "--weight", "w"],
    }
    tables |= {"grouped": ["--group", "g", "--drop", "w"], "grouped2": ["--group", "g", "--drop", "w,x2"]}
    for name, options in {**tables, "of_g": ["--drop", "w", "--target", "g", "--test", "0"]}.items():
        assert main(["train", str(folder / "t.csv"), "-q", "--epochs", "5", *options, "-o", str(folder / name)]) == 0
    return folder


@pytest.fixture
def at(models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(models)
    return models


# --- which rows ----------------------------------------------------------------------------------------------------


def test_without_data_it_is_the_test_part_as_evaluate_measures_it(linclf, at) -> None:
    ran = linclf("compare a b --json")
    assert (ran.code, ran.err) == (0, "")
    result = json.loads(ran)
    wanted = {"data", "part", "target", "target_guessed", "n", "weighted", "n_groups", "level", "resamples", "seed"}
    assert result.keys() == wanted | {"models", "warnings"}
    assert (result["data"], result["part"], result["n"]) == (f"{DATA}/iris.csv", "test", 30)
    for entry in result["models"]:
        own = json.loads(linclf(f"evaluate {entry['model']} --json"))["metrics"]
        assert {key: found["value"] for key, found in entry["metrics"].items()}.items() <= own.items()


@pytest.mark.parametrize("part", ["train", "all"])
def test_other_parts(linclf, at, part: str) -> None:
    result = json.loads(linclf(f"compare a b --part {part} --metric accuracy --json"))
    own = json.loads(linclf(f"evaluate b --part {part} --json"))
    assert (result["part"], result["n"]) == (part, own["n"])
    assert result["models"][1]["metrics"]["accuracy"]["value"] == own["accuracy"]


@pytest.mark.parametrize(
    "line", ["a val sigmoid", "a fifth", "own own3", "a a", "whole whole --part train", "own other_test --part train"]
)
def test_options_that_leave_the_rows_as_they_are_may_differ(linclf, at, line: str) -> None:
    assert linclf(f"compare {line}").code == 0


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("a seed3", "a and seed3 do not have the same test rows (--seed: 0 and 3)"),
        ("a half", "a and half do not have the same test rows (--test: 0.2 and 0.5)"),
        ("a val --part train", "a and val do not have the same train rows (--val: 0 and 0.3)"),
        ("a sigmoid --part train", "a and sigmoid do not have the same train rows (--calibrate: 0 and 0.2)"),
        ("own other_test", "own and other_test do not have the same test rows (test data: "),
        ("own other_test --part all", "own and other_test do not have the same all rows (test data: "),
        ("t grouped", "t and grouped do not have the same test rows (--group: none and g)"),
        ("t weighted", "t and weighted do not have the same test rows (--weight: none and w)"),
        ("b a val --part all", "b and val do not have the same all rows (--val: 0 and 0.3)"),
        ("a t", f"a and t do not have the same test rows (data: {DATA}/iris.csv and "),
        ("own a", "own and a do not have the same test rows (test data: "),
        ("whole a", "whole: the model was trained on all of "),
    ],
)
def test_models_of_other_rows_are_refused_with_what_differs(linclf, at, line: str, why: str) -> None:
    ran = linclf(f"compare {line}")
    assert (ran.code, ran) == (2, "")
    assert ran.err.startswith(f"error: {why}")
    assert "give DATA" in ran.err
    assert ran.err.count("\n") == 1


def test_a_test_part_that_the_data_bring_does_not_depend_on_the_seed(linclf, in_tmp, monkeypatch) -> None:
    def with_test(*arguments: object, **options: object) -> Dataset:
        dataset = load(*arguments, **options)
        return replace(dataset, test=LabelledRows(dataset.matrix()[:40], dataset.y[:40]))

    rng = np.random.default_rng(0)
    np.savez("d.npz", X=rng.standard_normal((150, 3)), y=np.arange(150) % 2)
    monkeypatch.setattr("linclf.training.inputs.load", with_test)
    for name, options in {"a": "", "b": "--seed 3", "c": "--test 0.2"}.items():
        assert linclf(f"train d.npz --epochs 2 {options} -o {name}").code == 0
    for line, part, n in (
        ("a b", "test", 40),
        ("a c d.npz", "test", 40),
        ("a c d.npz --part train", "train", 150),
        ("a c d.npz --part all", "all", 190),
    ):
        result = json.loads(linclf(f"compare {line} --json"))
        assert (result["part"], result["n"]) == (part, n)
    assert "do not have the same test rows (--test: none and 0.2)" in linclf("compare a c").err


def test_labels_that_differ_are_refused_whatever_the_options_say(linclf, at, monkeypatch) -> None:
    monkeypatch.setattr("linclf.inspect.common_rows._check_identity", lambda *_: None)
    assert linclf("compare a b").code == linclf("compare t narrow").code == 0
    for first, other in (("a", "half"), ("t", "t3")):
        assert (
            f"{first} and {other} do not have the same test rows; give DATA" in linclf(f"compare {first} {other}").err
        )


def test_other_data_are_read_by_the_schema_of_each_model(linclf, at) -> None:
    result = json.loads(linclf("compare t narrow t.csv --json"))
    assert (result["data"], result["part"], result["target"], result["n"]) == ("t.csv", "all", "label", 200)
    for entry in result["models"]:
        own = json.loads(linclf(f"evaluate {entry['model']} t.csv --part all --json"))["metrics"]
        assert {key: found["value"] for key, found in entry["metrics"].items()}.items() <= own.items()
        assert f"{entry['model']} was trained on rows of t.csv" in " ".join(result["warnings"])


def test_standard_input_is_read_by_every_model(linclf, at, monkeypatch) -> None:
    whole = json.loads(linclf("compare t narrow t.csv --json"))
    given = io.TextIOWrapper(io.BytesIO((at / "t.csv").read_bytes()))
    monkeypatch.setattr("sys.stdin", given)
    piped = json.loads(linclf("compare t narrow - --json"))
    assert sys.stdin is given
    assert piped["data"] == "-"
    assert piped["models"] == whole["models"]


def test_a_named_pipe_can_be_read_only_once(linclf, at, tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    ran = linclf("compare t narrow", tmp_path / "pipe")
    assert ran.code == 2
    assert "is a pipe, and each model reads the data" in ran.err


def test_models_of_other_labels_need_a_target(linclf, at) -> None:
    ran = linclf("compare t of_g t.csv")
    assert ran.code == 2
    assert "t predicts the column 'label' and of_g the column 'g'; name the label column with --target" in ran.err


def test_labels_that_a_model_does_not_know_are_wrong(linclf, at) -> None:
    rows = (at / "t.csv").read_text().splitlines()
    (at / "new.csv").write_text(
        "\n".join([rows[0], *rows[1:50], rows[1].replace("yes", "maybe").replace("no", "maybe"), ""])
    )
    ran = linclf("compare t narrow new.csv")
    assert ran.code == 0
    assert "note: t: new.csv: 1 of 50 rows have labels that training never saw, counted as wrong: 'maybe' (1)" in ran


def test_whole_weights_are_repeated_rows(linclf, at) -> None:
    weighted, repeated = (
        json.loads(linclf(f"compare t narrow {data} --json")) for data in ("t.csv --weight w", "repeated.csv")
    )
    assert weighted["weighted"]
    assert weighted["n"] < 200  # rows of weight 0 are none
    for one, other in zip(weighted["models"], repeated["models"], strict=True):
        assert one["mcnemar"] == other["mcnemar"]
        assert {key: found["value"] for key, found in one["metrics"].items()} == pytest.approx(
            {key: found["value"] for key, found in other["metrics"].items()}
        )


def test_groups_are_resampled_together(linclf, at) -> None:
    (at / "some.csv").write_text(re.sub(r"(?m)(,g7),\d$", r"\1,0", (at / "t.csv").read_text()))
    result = json.loads(linclf("compare t narrow some.csv --group g --weight w --json"))
    assert result["n_groups"] == 49  # the rows of g7 have the weight 0
    assert result["models"][1]["mcnemar"] is None
    assert "50 groups" in linclf("compare t narrow t.csv --group g").splitlines()[0]


@pytest.mark.parametrize(("part", "n_groups"), [("test", 10), ("train", 40), ("all", 50)])
def test_models_of_data_in_groups_resample_the_groups_of_their_own_rows(linclf, at, part: str, n_groups: int) -> None:
    result = json.loads(linclf(f"compare grouped grouped2 --part {part} --json"))
    assert (result["n"], result["n_groups"]) == (4 * n_groups, n_groups)
    assert result["models"][1]["mcnemar"] is None


def test_the_same_seed_gives_the_same_intervals(linclf, at) -> None:
    line = "compare t narrow t.csv --resamples 200 --level 0.8"
    assert linclf(f"{line} --seed 1") == linclf(f"{line} --seed 1") != linclf(f"{line} --seed 2")
    assert "80% intervals of 200 resamples" in linclf(line)


# --- which files ---------------------------------------------------------------------------------------------------


def test_a_model_is_recognised_by_its_beginning(at) -> None:
    assert all(is_model_file(str(path)) for path in (*GOLDEN.glob("format-*"), at / "a"))
    others = [at / "t.csv", DATA / "iris.csv", at, at / "missing", os.devnull]
    assert not any(is_model_file(str(path)) for path in others)


def test_a_damaged_model_is_no_data(linclf, at) -> None:
    (at / "damaged").write_bytes((at / "b").read_bytes()[:-1])
    ran = linclf("compare a b damaged")
    assert ran.code == 2
    assert "damaged: is damaged" in ran.err


def test_an_unreadable_file_is_an_access_error(linclf, at, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    assert linclf("compare a b").code == 4


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("compare", "Missing argument"),
        ("compare a", "a: a single model has nothing to be compared with; give two or more"),
        ("compare a iris", "a: a single model has nothing to be compared with"),
        ("compare a missing", "missing: there is no such file"),
        ("compare missing a b", "missing: there is no such file"),
        ("compare a t.csv b", "t.csv: is neither a model file nor a report"),
        ("compare a b t.csv iris", "t.csv: is neither a model file nor a report"),
        ("compare a b missing", "missing: there is no data set and no file of this name"),
        ("compare a b --target species", "--target, --weight, --group, --format and other data options describe DATA"),
        ("compare a b --group g", "--target, --weight, --group, --format and other data options describe DATA"),
        ("compare t narrow t.csv --group h", "t.csv: --group h: there is no such column"),
        ("compare t narrow t.csv --weight h", "t.csv: --weight h: there is no such column"),
        ("compare t narrow t.csv --weight x1", "t.csv:"),
        ("compare t narrow t.csv --part test", "t.csv: has no predefined test part; leave out --part"),
        ("compare a b --metric auc", "Invalid value for '--metric'"),
        ("compare a b --level 95", "Invalid value for '--level'"),
        ("compare a b --resamples 10", "Invalid value for '--resamples'"),
        ("compare a b report.json", "report.json: is a report, which has no rows to compare with those of a"),
        ("compare report.json report.json iris", "report.json: is a report, which predicts nothing for iris"),
    ],
)
def test_wrong_arguments_end_with_2_and_one_line(linclf, at, line: str, why: str) -> None:
    (at / "report.json").write_text(linclf("evaluate a --json"))
    ran = linclf(line)
    assert (ran.code, ran) == (2, "")
    assert ran.err.startswith(f"error: {why}")
    assert ran.err.count("\n") == 1


def test_a_row_without_a_group_is_named(linclf, at) -> None:
    (at / "gap.csv").write_text("x1,x2,label,g\n1,2,yes,a\n-1,0,no,\n")
    ran = linclf("compare t narrow gap.csv --group g")
    assert ran.code == 2
    assert ran.err.startswith("error: gap.csv:3: the group in column 'g' is missing")


def test_reports_of_train_evaluate_and_sweep(linclf, at) -> None:
    commands = {
        "1.json": f"train {DATA}/iris.csv --target species --epochs 5 --json",
        "2.json": "evaluate a --json",
        "3.json": f"sweep {DATA}/iris.csv --target species --epochs 2 --reg 1e-3 --cv 2 --select best --jobs 1 -q --json",
    }
    for name, command in commands.items():
        (at / name).write_text(linclf(command))
    ran = linclf("compare 1.json 2.json 3.json --json")
    assert ran.code == 0
    result = json.loads(ran)
    assert result["level"] is None
    for entry, name in zip(result["models"], commands, strict=True):
        report = json.loads((at / name).read_text())
        metrics = report["metrics"] if name == "2.json" else report["metrics"]["test"]
        assert {key: found["value"] for key, found in entry["metrics"].items()}.items() <= metrics.items()
    assert linclf("compare 1.json 2.json --metric accuracy").splitlines()[2].split() == [
        "metric",
        "model",
        "value",
        "rows",
    ]
    assert linclf(commands["3.json"].replace(" --select best", "")) != ""
    (at / "bare.json").write_text(linclf(commands["3.json"].replace(" --select best", "")))
    assert "bare.json: has no test figures, since the sweep trained no model" in linclf("compare 1.json bare.json").err


def test_options_from_a_file_and_the_environment(linclf, at, monkeypatch) -> None:
    (at / "c.toml").write_text('[compare]\nmetric = ["accuracy", "macro-f1"]\nlevel = 0.9\n')
    monkeypatch.setenv("LINCLF_COMPARE_RESAMPLES", "150")
    result = json.loads(linclf("compare a b --json --config c.toml"))
    assert list(result["models"][0]["metrics"]) == ["accuracy", "macro_f1"]
    assert (result["level"], result["resamples"]) == (0.9, 150)
    monkeypatch.setenv("LINCLF_COMPARE_METRIC", "roc-auc log-loss")
    assert list(json.loads(linclf("compare a b --json"))["models"][0]["metrics"]) == ["roc_auc", "log_loss"]


def test_a_learned_threshold_holds_out_the_rows_that_a_calibration_does(linclf, in_tmp) -> None:
    for name, more in (
        ("c", "--calibrate sigmoid"),
        ("t", "--threshold f1"),
        ("u", "--threshold f1 --seed 1"),
        ("n", "--threshold 0.4"),
    ):
        assert linclf(f"train breast_cancer --test 0 --epochs 3 -q -o {name} {more}").code == 0
    assert linclf("compare c t --part train --resamples 100 -q").code == 0
    ran = linclf("compare t u --part train --resamples 100 -q")
    assert (ran.code, "do not have the same train rows (--seed: 0 and 1)" in ran.err) == (2, True)
    assert linclf("compare t n --part train --resamples 100 -q").code == 2
