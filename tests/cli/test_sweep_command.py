"""`linclf sweep` as people call it: its table, its files, its options."""

import csv
import importlib
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from linclf.storage.signals import Terminated
from linclf.training.train import train

SHORT = "sweep wine --loss softmax,svm --reg 1e-4,1e-2 --epochs 5"


def rows(printed: str) -> list[dict]:
    return json.loads(printed)["rows"]


def test_the_table(linclf, in_tmp) -> None:
    ran = linclf(SHORT)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.splitlines()
    assert lines[0] == "data       wine: 142 training rows, 13 features, 3 classes"
    assert lines[1] == "sweep      4 configurations, scored on 5 folds (mean +- standard deviation)"
    assert (
        lines[2]
        == "metric     accuracy, higher is better (default: not every loss has probabilities, and the classes are even)"
    )
    assert lines[5].split() == ["loss", "reg", "lr", "accuracy", "objective", "epochs"]
    assert [line.split()[0] for line in lines[6:10]] == ["1", "2", "3", "4"]
    assert lines[11].startswith("best       0.9")
    assert lines[12].startswith("best_1se   0.9")
    assert "within one standard error" in lines[12]
    assert len(lines) == 13


def test_json_has_the_keys_that_scripts_rely_on(linclf) -> None:
    ran = linclf(SHORT, "--json")
    result = json.loads(ran)
    assert len(result["rows"]) == result["n_configurations"] == 4
    assert result["best"] == result["rows"][0]
    assert result["best_1se"] in result["rows"]
    for row in result["rows"]:
        assert {"options", "score", "score_std", "objective", "epochs", "status", "lr", "folds"} <= row.keys()
        assert row["options"].keys() == set(result["swept"])
        assert len(row["folds"]) == 5
    scores = [row["score"] for row in result["rows"]]
    assert scores == sorted(scores, reverse=True)
    assert result["seconds"].keys() == {"load", "train", "total"}
    assert (result["accuracy"], result["model"], result["interrupted"]) == (None, None, False)
    validated = json.loads(linclf(SHORT, "--val", "0.2", "--json"))
    assert (validated["cv"], validated["n_val"]) == (None, 29)
    assert all(row["score_std"] is None and row["score_se"] > 0 and row["best_epoch"] for row in validated["rows"])


def test_csv_holds_the_rows(linclf, in_tmp) -> None:
    result = json.loads(linclf(SHORT, "--json", "--csv", "t.csv"))
    table = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert [float(line["score"]) for line in table] == [row["score"] for row in result["rows"]]
    assert [(line["loss"], float(line["reg"])) for line in table] == [
        (row["options"]["loss"], row["options"]["reg"]) for row in result["rows"]
    ]
    assert [line["rank"] for line in table] == ["1", "2", "3", "4"]
    ran = linclf(SHORT, "--csv", "-")
    assert list(csv.DictReader(io.StringIO(ran))) == table
    assert "best_1se" in ran.err


@pytest.mark.parametrize(
    "more",
    [(), ("--val", "0.2"), ("--reg", "0,1e-3"), ("--loss", "svm", "--reg", "0.1"), ("--reg", "0,1e-300,1e300")],
)
def test_the_picture(linclf, in_tmp, more: tuple[str, ...]) -> None:
    assert linclf(SHORT, *more, "--plot", "p.png").code == 0
    assert Path("p.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_picture_of_a_file_with_a_strange_name(linclf, in_tmp) -> None:
    name = "a$^$\u6570.csv"
    shutil.copy(Path(__file__).parents[2] / "data" / "iris.csv", name)
    ran = linclf("sweep --target species --epochs 1 --plot p.svg", name)
    assert (ran.code, "$^$" in Path("p.svg").read_text()) == (0, True)


@pytest.mark.parametrize("held", [("--cv", "3"), ("--val", "0.3")])
def test_the_model_is_what_train_writes(linclf, in_tmp, held: tuple[str, str]) -> None:
    """Trained on all training rows, the held-out ones included; the test part is looked at once."""
    ran = linclf(SHORT, *held, "-o", "m", "--json")
    result = json.loads(ran)
    options = result["best"]["options"]
    alone = linclf(f"train wine --loss {options['loss']} --reg {options['reg']!r} --epochs 5 -o n --json")
    assert Path("m").read_bytes() == Path("n").read_bytes()
    for key in ("accuracy", "metrics", "majority", "never_predicted", "absent_classes"):
        assert result[key] == json.loads(alone)[key]
    assert (result["model"], result["selected"], result["n_refit"]) == ("m", "best", 142)
    again = json.loads(linclf(SHORT, *held, "--select", "1se", "--json"))
    assert (again["selected"], again["model"]) == ("best_1se", None)
    assert again["accuracy"]["test"] > 0.9


def test_validation_data_of_their_own_are_not_trained_on(linclf, in_tmp) -> None:
    lines = (Path(__file__).parents[2] / "data" / "iris.csv").read_text().splitlines(keepends=True)
    Path("a.csv").write_text("".join([lines[0], *lines[1::2]]))
    Path("b.csv").write_text("".join([lines[0], *lines[2::2]]))
    ran = linclf("sweep a.csv --target species --val b.csv --test 0 --reg 1e-4,1e-2 --select best --json")
    assert json.loads(ran)["n_refit"] == 75


def test_lists_and_ranges(linclf, in_tmp) -> None:
    options = (
        "--reg 1e-6:1e-1:6,0 --lr auto,0.1,1e-3:1e-2:2 --momentum 0.5 --average no,yes --class-weight none,balanced"
    )
    result = json.loads(linclf(f"sweep iris --epochs 1 --json --scale none,maxabs --batch-size 16,32 {options}"))
    assert result["n_configurations"] == 7 * 4 * 2 * 2 * 2 * 2
    swept = result["swept"]
    assert swept["reg"] == [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 0.0]
    assert swept["lr"] == ["auto", 0.1, 0.001, 0.01]
    assert (swept["average"], swept["class_weight"], swept["batch_size"]) == (
        [False, True],
        [None, "balanced"],
        [16, 32],
    )
    assert json.loads(linclf("sweep iris --reg 1 --epochs 1 --average --json"))["swept"]["average"] == [True]
    Path("c.toml").write_text(
        '[sweep]\nreg = [1e-3, 1e-2]\nlr = "0.1,0.2"\nmomentum = 0.5\naverage = [true, false]\nloss = ["svm", "mse"]\n'
    )
    swept = json.loads(linclf("sweep iris --epochs 1 --config c.toml --json"))["swept"]
    assert (swept["reg"], swept["lr"], swept["momentum"]) == ([1e-3, 1e-2], [0.1, 0.2], [0.5])
    assert (swept["average"], swept["loss"]) == ([True, False], ["svm", "mse"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--cv 1", "cv is 1; give a whole number of folds >= 2"),
        ("--cv 5 --val 0.2", "--cv and --val both hold rows out"),
        ("--cv 500", "the largest class has"),
        ("--reg 1e-3:1", "'1e-3:1' is not understood; a range is FROM:TO:COUNT"),
        ("--reg 0:1:5", "'0:1:5' is not understood; a range is FROM:TO:COUNT, numbers > 0"),
        ("--reg 1:10:1", "is not understood"),
        ("--reg 1e-6:1:1000000000", "at most 10000 values"),
        ("--val 0", "give --cv K or --val DATA"),
        ("--batch-size 16:64:3", "is not a valid integer"),
        ("--reg much", "'much' is not a number or auto"),
        ("--reg auto", "reg auto holds out rows of its own; a sweep compares strengths"),
        ("--reg 1e-3,", "'1e-3,' has an empty value before or after a comma"),
        ("--lr fast", "'fast' is not a number or auto"),
        ("--reg", "'--reg' requires an argument"),
        ("--loss svm,svn", "'svn' is not one of 'svm'"),
        ("--loss a:b:3", "is not one of"),
        ("--average digits", "'digits' is neither yes nor no"),
        ("--jobs 0", "0 is not in the range x>=1"),
        ("--max-memory 0.001", "give --max-memory"),
        ("--max-memory inf", "max-memory is inf"),
        ("--max-memory nan", "max-memory is nan"),
        ("--plot p.txt", "give the picture a name that ends in .png"),
        ("--csv - --json", "cannot both go to stdout"),
        ("-o -", "only --csv can go to stdout"),
        ("--journal no/such/j", "there is no directory"),
        ("--csv same --journal same", "give another name"),
        ("--halving=3", "halving"),
    ],
)
def test_wrong_use_is_one_line(linclf, in_tmp, line: str, message: str) -> None:
    ran = linclf(f"sweep iris --epochs 1 {line}")
    assert (ran.code, str(ran)) == (2, "")
    assert message in ran.err
    assert ran.err.count("\n") == 1


def test_all_diverged_is_an_error_below_the_table(linclf) -> None:
    ran = linclf("sweep wine --loss softmax --lr 1e30 --reg 1e-20,1e-21 --epochs 2")
    assert ran.code == 3
    assert ran.count("diverged") == 2
    assert "error: every configuration diverged; the first one: training diverged" in ran.err


def test_a_best_reg_at_the_edge_is_said(linclf) -> None:
    ran = linclf("sweep digits --loss softmax --reg 1:100:3 --epochs 3")
    assert ran.err == "note: the best reg is the smallest tried; with a wider --reg it may get better\n"
    assert linclf("sweep digits --loss softmax --reg 1:100:3 --epochs 3 -q").err == ""


def test_what_fails_after_the_sweep_does_not_cost_the_table(linclf, in_tmp, monkeypatch) -> None:
    if os.path.exists("/dev/full"):
        ran = linclf(SHORT, "--csv", "/dev/full", "--json")
        assert (ran.code, len(rows(ran))) == (4, 4)
        assert "error: /dev/full: could not be written" in ran.err

    def interrupted(*arguments):
        raise KeyboardInterrupt

    module = importlib.import_module("linclf.cli.sweep")
    monkeypatch.setattr(module, "train", interrupted)
    ran = linclf(SHORT, "-o", "m", "--json")
    assert (ran.code, len(rows(ran)), os.path.exists("m")) == (130, 4, False)
    assert ran.err == "error: interrupted after the sweep, in the training of the selected row; no model was saved\n"
    monkeypatch.setattr(module, "train", lambda *a: replace(train(*a), interrupted=Terminated()))
    ran = linclf(SHORT, "-o", "m")
    assert (ran.code, os.path.exists("m")) == (143, True)
    assert "in the training of the selected row; its model is the best so far" in ran.err


def test_the_model_is_of_the_data_that_were_swept(linclf, in_tmp) -> None:
    """They are read once: standard input could not be read again, and a file may change meanwhile."""
    text = (Path(__file__).parents[2] / "data" / "iris.csv").read_text()
    line = [
        sys.executable,
        "-m",
        "linclf",
        *["sweep", "-", "--format", "csv", "--target", "species", "--reg", "0.01", "-o", "m", "--json"],
    ]
    ran = subprocess.run(line, input=text, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["n_refit"] == 120
    assert linclf("info m").code == 0


def test_figures_that_are_no_numbers_are_null(linclf) -> None:
    ran = linclf("sweep digits --loss mse --lr 1e38 --epochs 1 --batch-size 10000 --reg 0 --json")
    assert (ran.code, rows(ran)[0]["status"]) == (3, "diverged")
    assert linclf("sweep digits --loss svm --reg 1e300 --epochs 2").code in (0, 3)


def test_options_from_elsewhere(linclf, in_tmp, monkeypatch) -> None:
    Path("c.toml").write_text("[sweep]\njobs = 2\naverage = true\nval = 0.2\nepochs = 1\n")
    result = json.loads(linclf("sweep iris --config c.toml --json"))
    assert (result["swept"]["average"], result["cv"]) == ([True], None)
    assert json.loads(linclf("sweep iris --config c.toml --cv 3 --json"))["cv"] == 3  # the flag overrules the file
    monkeypatch.setenv("LINCLF_SWEEP_AVERAGE", "true")
    monkeypatch.setenv("LINCLF_SWEEP_CV", "4")
    result = json.loads(linclf("sweep iris --epochs 1 --json"))
    assert (result["swept"]["average"], result["cv"]) == ([True], 4)
    assert json.loads(linclf("sweep iris --epochs 1 --val 0.2 --json"))["cv"] is None
    monkeypatch.delenv("LINCLF_SWEEP_CV")
    Path("c.toml").write_text("[sweep]\nepochs = 1\n")
    for command in ("sweep", "train"):
        ran = linclf(f"{command} iris --config c.toml {'--csv' if command == 'sweep' else '-o'} c.toml")
        assert ran.code == 2
        assert "c.toml: is also a file that this command reads" in ran.err


def test_what_to_choose_is_written_as_train_takes_it(linclf) -> None:
    ran = linclf(
        "sweep wine --loss softmax --average no,yes --class-weight balanced --reg 1e-4:1:7 --epochs 9 --lr 0.1"
    )
    for line in ran.splitlines()[-2:]:
        options = line.split("  (")[0].split()[2:]
        assert linclf(f"train wine {' '.join(options)}").code == 0
        assert {"--class-weight", "--epochs", "--lr"} <= set(options)
        reg = float(options[options.index("--reg") + 1])
        assert any(reg == pytest.approx(10 ** (k * 4 / 6 - 4), rel=1e-11) for k in range(7))  # to the last digit typed


def test_halving_with_nothing_to_halve_is_said(linclf) -> None:
    ran = linclf("sweep wine --loss softmax,svm --reg 0.1 --epochs 8 --halving")
    assert "note: nothing to halve: each configuration is alone in its stack" in ran.err
