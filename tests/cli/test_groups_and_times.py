"""--group and --time on the command line: train, sweep and evaluate split alike, and say how."""

import json

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def patients(in_tmp) -> pd.DataFrame:
    """30 patients of 8 rows: each is recognised by the features, which say nothing of the label of another one. Rows follow
    each other in time, and so do the patients."""
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(30), 8)
    centre = rng.standard_normal((30, 40))
    frame = pd.DataFrame(centre[who] + 0.2 * rng.standard_normal((240, 40))).add_prefix("f")
    frame.insert(0, "patient_id", 100 + who)
    frame.insert(1, "date", (np.datetime64("2024-01-01") + np.arange(240)).astype(str))
    frame["label"] = np.where(rng.permutation(30) % 2, "sick", "well")[who]
    frame.to_csv("t.csv", index=False)
    return frame


def trained(linclf, line: str) -> dict:
    ran = linclf(f"train t.csv -q --json --epochs 30 -o m {line}")
    assert (ran.code, ran.err) == (0, "")
    return json.loads(ran)


def test_groups_show_what_random_rows_hide(linclf, patients) -> None:
    random, grouped = trained(linclf, "--drop patient_id,date"), trained(linclf, "--drop date --group patient_id")
    assert random["accuracy"]["test"] > 0.9
    assert grouped["accuracy"]["test"] < 0.8
    assert random["n_features"] == grouped["n_features"] == 40
    keys = ("group", "time", "n_groups", "shared_groups", "time_range")
    assert [random[key] for key in keys] == [None] * 5
    assert [grouped[key] for key in keys] == ["patient_id", None, {"train": 24, "test": 6}, {"test": 0}, None]


@pytest.mark.parametrize(
    ("options", "split"),
    [
        ("--group patient_id --drop date", "no patient_id on both sides: 24 train, 6 test groups"),
        (
            "--group patient_id --drop date --val 0.25 --patience 3",
            "no patient_id on both sides: 18 train, 6 val, 6 test groups",
        ),
        (
            "--group patient_id --drop date --calibrate sigmoid",
            "no patient_id on both sides: 19 train, 5 calibration, 6 test groups",
        ),
        ("--time date --drop patient_id", "date: train 2024-01-01 to 2024-07-10, test 2024-07-11 to 2024-08-27"),
        ("--time date --drop patient_id --test 0", "date: train 2024-01-01 to 2024-08-27"),
        ("--group patient_id --drop date --test 0", "patient_id: 30 train groups"),
    ],
)
def test_the_report_says_how_the_rows_were_split(linclf, patients, options: str, split: str) -> None:
    ran = linclf(f"train t.csv --epochs 3 -q {options}")
    assert f"\nsplit      {split}\n" in ran
    text = linclf(f"sweep t.csv --epochs 3 -q {options.split(' --pat', maxsplit=1)[0].split(' --cal', maxsplit=1)[0]}")
    if "--calibrate" not in options:
        assert f"\nsplit      {split}\n" in text
    wanted = "5 folds forward in time (" if "--time" in options else "5 folds that divide no patient_id ("
    assert wanted in text or "--val" in options


def test_both_options_hold_where_groups_follow_each_other(linclf, patients) -> None:
    ran = linclf("sweep t.csv --epochs 3 -q --group patient_id --time date --cv 3")
    assert (
        "split      no patient_id on both sides: 24 train, 6 test groups\nsplit      date: train 2024-01-01 to " in ran
    )
    assert "3 folds forward in time that divide no patient_id (" in ran
    patients["date"] = patients["date"].to_numpy()[np.random.default_rng(0).permutation(240)]
    patients.to_csv("t.csv", index=False)
    ran = linclf("train t.csv --group patient_id --time date")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "overlap in time" in ran.err


@pytest.mark.parametrize("options", ["--group patient_id", "--time date", "--group patient_id --time date --seed 3"])
def test_evaluate_rebuilds_the_split(linclf, patients, options: str) -> None:
    found = trained(linclf, f"{options} --val 0.2 --calibrate sigmoid")
    again = json.loads(linclf("evaluate m --json -q"))
    assert again["accuracy"] == found["accuracy"]["test"]
    assert again["n"] == found["n_test"] == 48
    own = json.loads(linclf("evaluate m --json -q --part train"))
    assert own["n"] == found["n_train"]
    assert own["accuracy"] == found["accuracy"]["train"]
    assert json.loads(linclf("evaluate m t.csv --json -q"))["n"] == 240
    assert linclf("predict m t.csv").err == ""
    assert "\nsplit      " in linclf("info m")


def test_a_sweep_tests_the_selected_row_on_the_same_rows_as_train(linclf, patients) -> None:
    for options in ("--group patient_id --drop date", "--time date --drop patient_id"):
        swept = json.loads(linclf(f"sweep t.csv --json -q --reg 1e-3 --epochs 5 --cv 3 -o s {options}"))
        alone = json.loads(linclf(f"train t.csv --json -q --reg 1e-3 --epochs 5 {options}"))
        for key in ("group", "time", "n_groups", "shared_groups", "time_range", "n_train", "accuracy"):
            assert swept[key] == alone[key] or key == "accuracy"
        assert swept["accuracy"]["test"] == alone["accuracy"]["test"]
        assert len(swept["rows"][0]["folds"]) == 3
        assert json.loads(linclf("evaluate s --json -q"))["accuracy"] == alone["accuracy"]["test"]


def test_a_journal_and_a_checkpoint_belong_to_one_way_of_splitting(linclf, patients) -> None:
    assert linclf("sweep t.csv -q --epochs 2 --journal j --group patient_id --drop date").code == 0
    ran = linclf("sweep t.csv -q --epochs 2 --journal j --time date --drop patient_id")
    assert (ran.code, "of another sweep: options source" in ran.err) == (2, True)
    assert linclf("train t.csv -q --epochs 2 --checkpoint c --group patient_id").code == 0
    assert linclf("train t.csv -q --epochs 2 --resume c --time date").code == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("t.csv --group patient", "t.csv: --group patient: there is no such column; did you mean 'patient_id'?"),
        ("t.csv --time label --target label", "column 'label' is named by --target and --time; give two columns"),
        ("iris --group x", "are for files, not for a named data set"),
        ("t.npz --time x", "--time"),
    ],
)
def test_a_column_that_is_not_there_is_one_line(linclf, patients, line: str, message: str) -> None:
    np.savez("t.npz", X=np.eye(4), y=np.arange(4) % 2)
    for command in ("train", "sweep", "doctor"):
        ran = linclf(f"{command} {line}")
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        assert message in ran.err


@pytest.mark.parametrize("suffix", ["jsonl", "tsv", "csv.gz"])
def test_every_table_format_has_groups_and_times(linclf, patients, suffix: str) -> None:
    if suffix == "jsonl":
        patients.to_json("u.jsonl", orient="records", lines=True)
    else:
        patients.to_csv(f"u.{suffix}", index=False, sep="\t" if suffix == "tsv" else ",")
    line = "--epochs 2 -q --json --group patient_id --time date"
    ours, theirs = (json.loads(linclf(f"train {name} {line}")) for name in (f"u.{suffix}", "t.csv"))
    assert ours["n_groups"] == theirs["n_groups"]
    assert ours["time_range"] == theirs["time_range"]
    assert ours["accuracy"] == theirs["accuracy"]


def test_columns_without_names_are_numbered(linclf, patients) -> None:
    patients.to_csv("u.csv", index=False, header=False)
    ran = linclf("train u.csv --no-header --target -1 --group 0 --drop 1 --epochs 2 -q")
    assert "split      no 0 on both sides: 24 train, 6 test groups\n" in ran


def test_models_of_before_have_no_groups_and_no_times(linclf, patients, in_tmp) -> None:
    """Their records lack the fields."""
    from linclf.model.linear_model import load
    from linclf.training.inputs import rebuild_split

    trained(linclf, "--drop date,patient_id")
    model = load("m")
    for name in ("group", "time", "weight"):
        del model.record["options"]["source"][name]
    assert len(rebuild_split(model).test.y) == 48
