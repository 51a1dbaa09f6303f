"""doctor: every planted fault is found, clean data have no findings, and the recommended command runs."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import dump_svmlight_file

N = 400


def clean(seed: int = 0) -> dict:
    """The columns of a table without faults."""
    rng = np.random.default_rng(seed)
    size, colour = rng.standard_normal(N).round(4), rng.choice(["red", "green", "blue"], N)
    y = (size + (colour == "red") + rng.standard_normal(N) > 0.3).astype(int)
    return {
        "size": size,
        "weight": rng.standard_normal(N).round(4),
        "colour": colour,
        "label": np.where(y, "yes", "no"),
    }


def examined(linclf, table: dict, more: str = "") -> dict:
    pd.DataFrame(table).to_csv("t.csv", index=False)
    ran = linclf(f"doctor t.csv --json {more}")
    assert (ran.code, ran.err) == (0, "")
    return json.loads(ran)


def found(result: dict) -> dict[str, dict]:
    return {finding["key"]: finding for finding in result["findings"]}


def test_clean_data_have_no_findings(linclf, in_tmp) -> None:
    result = examined(linclf, clean())
    assert result["findings"] == []
    assert result["command"] == "linclf train t.csv --loss logistic"
    assert (result["n"], result["n_train"], result["n_features"]) == (400, 320, 5)
    text = linclf("doctor t.csv")
    assert "no problems found" in text
    assert text.endswith("try\n  linclf train t.csv --loss logistic\n")


RNG = np.random.default_rng(1)
FAULTS = [
    ("leak", lambda t: {"verdict": np.where(t["label"] == "yes", "guilty", "free")}, "verdict: its value predicts the label for", "--drop verdict"),
    ("leak", lambda t: {"sum": np.where(t["label"] == "yes", 5, 1) + RNG.random(N)}, "sum: its value predicts the label for", "--drop sum"),
    ("leak", lambda t: {"paid": np.where(t["label"] == "yes", RNG.random(N), np.nan)}, "paid: its missingness predicts the label for", "--drop paid"),
    ("leak", lambda t: {"day": [f"2025-0{6 - 3 * (x == 'yes')}-{1 + i % 28:02}" for i, x in enumerate(t["label"])]}, "day: its value predicts the label for", "--drop day"),
    ("sentinel", lambda t: {"weight": np.where(np.arange(N) % 9, t["weight"], -999)}, "weight: -999 in 45 rows, far from all others (-", "--na-values -999"),
    ("sentinel", lambda t: {"weight": np.where(np.arange(N) % 9, RNG.integers(0, 7500, N), 9999)}, "weight: 9999 in 45 rows, far", "--na-values 9999"),
    ("far away", lambda t: {"weight": np.where(np.arange(N) == 9, 1e30, t["weight"])}, "weight: 1e+30 in 1 row, far from all", "if it is a typo, fix it"),
    ("sentinel", lambda t: {"day": [f"{1 + i % 28:02}.03.2024" if i % 9 else "01.01.1900" for i in range(N)]}, "day: 01.01.1900 in 45 rows, far from all others (01.03.2024 to 28.03.2024)", "--na-values 01.01.1900"),
    ("rows without a label", lambda t: {"label": np.where(np.arange(N) % 50, t["label"], "")}, "the label in column 'label' is missing in 8 rows", "fill them in"),
    ("levels alike", lambda t: {"colour": np.where(np.arange(N) % 9, t["colour"], "Red ")}, "colour: levels that differ little: 'Red' and 'red'", "spell them the same"),
    ("same", lambda t: {"inches": t["size"] * 2.54 + 1}, "inches is a duplicate of size", "--drop inches"),
    ("same", lambda t: {"couleur": pd.Series(t["colour"]).map({"red": 1, "green": 2, "blue": 3})}, "couleur is a duplicate of colour", "--drop couleur"),
    ("constant", lambda t: {"unit": ["cm"] * N}, "unit: the same in all rows", "left out"),
    ("id", lambda t: {"row": range(N)}, "row: different in every row", "left out"),
    ("missing", lambda t: {"weight": np.where(np.arange(N) % 4, t["weight"], np.nan)}, "cells are missing in weight (2", "median"),
    ("mostly missing", lambda t: {"weight": np.where(np.arange(N) % 4, np.nan, t["weight"])}, "more than half of the cells are missing in weight", "--drop weight"),
    ("not numbers", lambda t: {"weight": [*map(str, t["weight"][:-9]), *["n.a."] * 9]}, "weight: 9 cells are not numbers, such as 'n.a.'", "--category weight"),
    ("scales", lambda t: {"mass": RNG.standard_normal(N) * 1e6}, "numbers of very different scale: the standard deviation of mass is", "standardised"),
    ("labels alike", lambda t: {"label": np.where(np.arange(N) % 50, t["label"], "Yes ")}, "labels that differ little: 'Yes' and 'yes'", "--clean-labels makes them one"),
    ("small classes", lambda t: {"label": np.where(np.arange(N) % 150, t["label"], "maybe")}, "fewer than 5 rows: maybe (3)", "merge them"),
    ("imbalance", lambda t: {"label": np.where(np.arange(N) % 25, "no", "yes")}, "always predicting no is right for 96.0%", "--class-weight balanced"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "plant", "what", "do"), FAULTS, ids=[what[:25] for _, _, what, _ in FAULTS])
def test_planted_faults_are_found(linclf, in_tmp, key: str, plant, what: str, do: str) -> None:
    table = clean()
    result = examined(linclf, table | plant(table))
    finding = found(result)[key]
    assert what in finding["what"]
    assert do in finding["do"]
    assert finding["what"] in " ".join(linclf("doctor t.csv").split()) or len(finding["what"]) > 100
    if key in ("leak", "same"):
        assert f"--drop {finding['columns'][0]}" in result["command"]
    if key == "imbalance":
        assert "--class-weight balanced" in result["command"]
    assert linclf(result["command"].removeprefix("linclf ") + " -q --epochs 2").code == 0


def test_repeated_rows_are_found(linclf, in_tmp) -> None:
    table = pd.DataFrame(clean())
    table.iloc[:200].to_csv("train.csv", index=False)
    other = table.iloc[150:].copy()
    other.loc[160, "label"] = "no" if other.loc[160, "label"] == "yes" else "yes"
    other.to_csv("test.csv", index=False)
    result = json.loads(linclf("doctor train.csv --test test.csv --json"))
    assert (
        "49 of 250 test rows are training rows too, with the same features and label" in found(result)["shared"]["what"]
    )
    assert result["command"] == "linclf train train.csv --test test.csv --loss logistic"
    twice = pd.concat([table.iloc[:200], table.iloc[:30]])
    twice.iloc[205, 3] = "no" if twice.iloc[205, 3] == "yes" else "yes"
    twice.to_csv("train.csv", index=False)
    what = found(json.loads(linclf("doctor train.csv --test test.csv --json")))["repeated"]["what"]
    assert what.startswith("30 of 230 training rows repeat the features of another one; 1 of these sets")


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer", "make:moons:n_samples=100,noise=0.3"])
def test_named_sets_have_few_findings(linclf, in_tmp, name: str) -> None:
    result = json.loads(linclf(f"doctor {name} --json"))
    assert set(found(result)) <= {"constant", "repeated", "scales", "shared"}
    assert linclf(result["command"].removeprefix("linclf ") + " -q").code == 0


def test_problems_of_sparse_data_are_found(linclf, in_tmp) -> None:
    rng = np.random.default_rng(0)
    X = sparse.random_array((200, 300), density=0.05, rng=rng, format="csr")
    y = rng.integers(0, 2, 200)
    X = sparse.hstack([X, sparse.csr_array(y[:, None] * 500.0), sparse.csr_array((200, 2))], format="csr")
    dump_svmlight_file(X, y, "t.svm", zero_based=False)
    with open("t.svm") as file:
        text = file.read().replace("\n", " 303:0\n", 1)
    (in_tmp / "t.svm").write_text(text)
    result = json.loads(linclf("doctor t.svm --json"))
    assert "index 301: its presence predicts the label for 100.0%" in found(result)["telling"]["what"]
    assert "2 of 303 columns are empty" in found(result)["constant"]["what"]
    assert "--scale maxabs" in result["command"]
    assert "303 features for 160 training rows" in found(result)["wide"]["what"]
    assert linclf(result["command"].removeprefix("linclf ") + " -q").code == 0


def test_dropped_columns_are_named_once_and_as_they_are_typed(linclf, in_tmp) -> None:
    table = clean()
    result = examined(linclf, table | {"my, verdict": table["label"]}, "--category colour")
    assert "--drop '\"my, verdict\"'" in found(result)["leak"]["do"]
    assert result["command"] == "linclf train t.csv --drop '\"my, verdict\"' --category colour --loss logistic"
    result = examined(linclf, table | {"verdict": table["label"]}, "--category verdict")
    assert result["command"] == "linclf train t.csv --drop verdict --loss logistic"


def test_the_only_column_is_never_dropped(linclf, in_tmp) -> None:
    result = examined(linclf, {"a": [1.5, 2.5, 3.5, 4.5] * 20, "label": ["u", "u", "v", "v"] * 20})
    assert "a: its value predicts the label for 100.0%" in found(result)["leak"]["what"]
    assert "--drop" not in result["command"]


def test_hostile_tables_are_examined(linclf, in_tmp) -> None:
    table = {
        "a,b": [1e308, -1e308] * 40,
        'c "d"': [np.nan] * 79 + [1],
        "e\nf": ["x", None] * 40,
        "label": ["u", "v"] * 40,
    }
    result = examined(linclf, table)
    assert '--drop \'"a,b","e\nf"\'' in result["command"]
    assert linclf("doctor t.csv").code == 0


def test_errors_are_those_of_train(linclf, in_tmp) -> None:
    (in_tmp / "t.csv").write_text("a,b\n1,2\n")
    for line in ("doctor t.csv", "doctor nothing.csv", "doctor iris --test 2"):
        ran = linclf(line)
        assert (ran.code, ran, ran.err.count("\n")) == (2, "", 1)


def test_sentinels_are_taken_by_the_recommended_command(linclf, in_tmp) -> None:
    table = clean()
    table["weight"] = np.where(np.arange(N) % 9, table["weight"], -999)
    result = examined(linclf, table)
    assert result["command"] == "linclf train t.csv --na-values -999 --loss logistic"
    assert "sentinel" not in found(examined(linclf, table, "--na-values -999"))
    # ages up to 97 with a 99 among them, and a count that ends with 999, are none
    table["weight"] = np.where(np.arange(N) % 9, np.arange(N) % 98, 99)
    assert "sentinel" not in found(examined(linclf, table))


def test_labels_of_test_rows_that_training_never_saw_come_first(linclf, in_tmp) -> None:
    pd.DataFrame(clean()).to_csv("train.csv", index=False)
    test = pd.DataFrame(clean(1)).assign(label=np.where(np.arange(N) % 10, clean(1)["label"], "perhaps"))
    test.to_csv("test.csv", index=False)
    first = json.loads(linclf("doctor train.csv --test test.csv --json"))["findings"][0]
    assert (first["key"], first["what"]) == (
        "unseen labels",
        "40 of 400 test rows have a label that no training row has, and count as wrong",
    )


@pytest.mark.parametrize(
    ("change", "key", "what"),
    [
        (
            lambda t: t.drop(columns="weight"),
            "test data",
            "test.csv: lacks 1 of the 3 columns of the training data: weight",
        ),
        (
            lambda t: t.assign(size=""),
            "test data",
            "test.csv: column 'size' is empty, and was not in the training data",
        ),
        (
            lambda t: t.assign(colour=""),
            "test data",
            "test.csv: column 'colour' is empty, and was not in the training data",
        ),
    ],
)
def test_what_the_test_part_lacks_is_a_finding(linclf, in_tmp, change, key: str, what: str) -> None:
    pd.DataFrame(clean()).to_csv("train.csv", index=False)
    change(pd.DataFrame(clean(1))).to_csv("test.csv", index=False)
    ran = linclf("doctor train.csv --test test.csv --json")
    assert (ran.code, ran.err) == (0, "")
    result = json.loads(ran)
    assert what in found(result)[key]["what"]
    assert linclf(result["command"].removeprefix("linclf ") + " -q --epochs 2").code == 0
