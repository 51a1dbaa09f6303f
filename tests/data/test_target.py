"""Which column is the label: named by --target, or guessed by its name and then reported, or refused where that is doubtful."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from linclf import LinearClassifier

RNG = np.random.default_rng(0)
N = 120
NUMBERS = RNG.standard_normal(N).round(2)
CLASSES = 1 + np.arange(N) % 3
WORDS = np.where(NUMBERS > 0, "yes", "no")


def write(path: str, **columns) -> None:
    pd.DataFrame(columns).to_csv(path, index=False)


@pytest.mark.parametrize("name", ["label", "target", "class", "y", "Label", "TARGET", "Class", "Y"])
def test_the_only_column_with_the_name_of_a_label_is_guessed_in_any_case(linclf, in_tmp, name: str) -> None:
    write("t.csv", a=NUMBERS, **{name: WORDS})
    guessed = f"{name} (guessed by its name; --target names another)"
    ran = linclf("train t.csv --epochs 5 -o m")
    assert f"\ntarget     {guessed}\n" in ran
    assert f"\ntarget     {guessed}\n" in linclf("info m")
    assert f"\ntarget  {guessed}\n" in linclf("evaluate m")
    assert "\ntarget" not in linclf("predict m t.csv")
    assert f"\ntarget     {guessed}\n" in linclf("doctor t.csv")
    assert f"\ntarget     {guessed}\n" in linclf("sweep t.csv --reg 0.1 --cv 2 --epochs 2")
    for line in ("train t.csv --epochs 5", "info m", "doctor t.csv", "sweep t.csv --reg 0.1 --cv 2 --epochs 2"):
        found = json.loads(linclf(f"{line} --json"))
        assert (found["target"], found["target_guessed"]) == (name, True)


def test_a_target_that_was_asked_for_is_reported_as_no_guess(linclf, in_tmp) -> None:
    write("t.csv", a=NUMBERS, kind=WORDS)
    assert "\ntarget     kind\n" in linclf("train t.csv --target kind --epochs 5 -o m")
    assert "\ntarget     kind\n" in linclf("info m")
    assert "\ntarget  kind\n" in linclf("evaluate m t.csv")
    found = json.loads(linclf("doctor t.csv --target kind --json"))
    assert (found["target"], found["target_guessed"]) == ("kind", False)
    # other data whose label has another name, by --target or by its name
    write("o.csv", a=NUMBERS, verdict=WORDS)
    assert "\ntarget  verdict\n" in linclf("evaluate m o.csv --target verdict")
    LinearClassifier(random_state=0).fit(pd.DataFrame({"a": NUMBERS}), WORDS).save("f")
    write("y.csv", a=NUMBERS, y=WORDS)
    assert "\ntarget  y (guessed by its name; --target names another)\n" in linclf("evaluate f y.csv")
    found = json.loads(linclf("info f --json"))
    assert (found["target"], found["target_guessed"]) == (None, False)


def test_data_without_columns_of_labels_have_no_target(linclf, in_tmp) -> None:
    np.savez("t.npz", X=RNG.standard_normal((40, 2)), y=np.arange(40) % 2)
    (in_tmp / "t.svm").write_text("1 1:1\n2 2:1\n" * 20)
    for data in ("t.npz", "t.svm", "iris"):
        found = json.loads(linclf(f"train {data} --epochs 2 -o m --json"))
        assert (found["target"], found["target_guessed"]) == (None, False)
        assert "\ntarget" not in linclf(f"train {data} --epochs 2") + linclf("info m") + linclf("evaluate m")
        assert json.loads(linclf(f"sweep {data} --reg 0.1 --cv 2 --epochs 2 --json"))["target"] is None


def test_the_model_file_does_not_depend_on_how_the_target_was_found(linclf, in_tmp) -> None:
    from linclf.model.linear_model import load

    write("t.csv", a=NUMBERS, label=WORDS)
    for line in ("-o a", "--target label -o b"):
        assert linclf(f"train t.csv --epochs 5 {line}").code == 0
    assert load("a").weight.tobytes() == load("b").weight.tobytes()
    assert (load("a").target_guessed, load("b").target_guessed) == (True, False)
    assert "target" not in load("a").record["metrics"]


COORDINATES = {"x": np.arange(N) % 30, "y": np.arange(N) % 11}
DOUBTFUL = {
    "a coordinate": ({**COORDINATES, "species": WORDS}, "'y' .* next to 'x' it may be a coordinate: it holds 11 different"),
    "a coordinate in capitals": ({"X": NUMBERS, "Y": np.arange(N) % 11, "z": WORDS}, "'Y' .* next to 'X' it may be a"),
    "a quantity": ({"a": NUMBERS, "target": np.arange(N) // 2}, "'target' .* it holds 60 different numbers in 120 rows"),
    "fractions": ({"a": CLASSES, "label": NUMBERS}, "'label' .* different numbers in 120 rows, a quantity and not"),
    "a passenger's class": ({"class": CLASSES, "a": NUMBERS, "survived": WORDS}, "the last column, 'survived', holds two"),
}  # fmt: skip


@pytest.mark.parametrize("case", DOUBTFUL)
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_doubtful_guess_is_refused_with_the_candidates(linclf, in_tmp, case: str, suffix: str) -> None:
    columns, message = DOUBTFUL[case]
    frame = pd.DataFrame(columns)
    frame.to_csv("t.csv", index=False)
    frame.to_json("t.jsonl", orient="records", lines=True)
    for command in ("train", "doctor", "sweep"):
        ran = linclf(f"{command} t.{suffix}")
        assert (ran.code, str(ran), ran.err.count("\n")) == (2, "", 1)
        assert re.search(message, ran.err)
        assert "; choose the label column with --target: " in ran.err
    last = frame.columns[-1]
    if frame[last].nunique() == 2:
        assert f"--target: {last} (2 values)" in linclf(f"train t.{suffix}").err  # the likeliest first
        assert linclf(f"train t.{suffix} --epochs 2 --target {last}").code == 0


@pytest.mark.parametrize(
    "columns",
    [
        {"x": NUMBERS, "y": CLASSES},  # a single feature
        {"x": NUMBERS, "z": NUMBERS, "y": WORDS},
        {"x": NUMBERS, "z": NUMBERS, "y": CLASSES % 2},
        {"x1": NUMBERS, "x2": -NUMBERS, "y": CLASSES},
        {"class": np.where(CLASSES > 1, "e", "p"), "a": NUMBERS, "b": WORDS},
        {"a": WORDS, "b": NUMBERS, "class": CLASSES},
        {"a": NUMBERS, "target": np.arange(N) % 20},
        {"label": CLASSES, "a": NUMBERS, "b": WORDS},
    ],
)
def test_a_guess_without_a_doubt_is_taken(linclf, in_tmp, columns: dict) -> None:
    write("t.csv", **columns)
    found = json.loads(linclf("train t.csv --epochs 2 --json"))
    assert found["target_guessed"]


def test_a_dropped_column_is_no_reason_for_doubt(linclf, in_tmp) -> None:
    write("t.csv", **COORDINATES, species=np.where(CLASSES > 2, "other", WORDS))
    assert json.loads(linclf("train t.csv --drop x --epochs 2 --json"))["target"] == "y"


def test_several_candidates_are_listed(linclf, in_tmp) -> None:
    write("t.csv", Label=WORDS, a=NUMBERS, TARGET=CLASSES)
    ran = linclf("train t.csv")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "has more than one of Label, TARGET; choose the label column with --target" in ran.err


def test_evaluate_refuses_a_doubtful_guess_where_the_model_names_no_target(linclf, in_tmp) -> None:
    LinearClassifier(random_state=0).fit(np.column_stack([NUMBERS, CLASSES]), WORDS).save("m")
    write("t.csv", x=NUMBERS, y=np.arange(N) % 11, species=WORDS)
    assert "next to 'x' it may be a coordinate" in linclf("evaluate m t.csv").err
    assert linclf("evaluate m t.csv --target species").code == 0
