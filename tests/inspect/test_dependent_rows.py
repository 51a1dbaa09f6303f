"""doctor: rows that a random split must not put on both sides, found with the accuracies that show it; and none in other data."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_blobs

from linclf.inspect.groups import has_id_name, label_agreement
from linclf.inspect.near_duplicates import near_sets
from linclf.inspect.time_order import neighbours_are_alike

KEYS = {"groups", "near duplicates", "time order"}


def examined(linclf, frame: pd.DataFrame, more: str = "") -> tuple[dict, str]:
    """The findings on dependent rows, by their keys, and the recommended command."""
    frame.to_csv("t.csv", index=False)
    ran = linclf(f"doctor t.csv --json {more}")
    assert (ran.code, ran.err) == (0, "")
    result = json.loads(ran)
    return {one["key"]: one for one in result["findings"] if one["key"] in KEYS}, result["command"]


def accuracies(finding: dict) -> list[float]:
    return [float(number) for number in re.findall(r": (\d\.\d\d)", finding["what"])]


def patients(column: str = "patient_id", seed: int = 0, noise: float = 0.3, rows: int = 10) -> pd.DataFrame:
    """60 patients whom 80 features recognise, and which say nothing of the label of another one; rows in random order."""
    rng = np.random.default_rng(seed)
    who = rng.permutation(np.repeat(np.arange(60), rows))
    X = rng.standard_normal((60, 80))[who] + noise * rng.standard_normal((60 * rows, 80))
    frame = pd.DataFrame(X.round(3)).add_prefix("f")
    frame.insert(0, column, 1000 + who)
    return frame.assign(label=np.where(rng.permutation(60) % 2, "sick", "well")[who])


def days(seed: int = 0, n: int = 1000) -> pd.DataFrame:
    """A random walk a day, and a label that changes every four months."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(np.cumsum(rng.standard_normal((n, 20)), axis=0).round(3)).add_prefix("f")
    frame.insert(0, "date", (np.datetime64("2020-01-01") + np.arange(n)).astype(str))
    return frame.assign(label=np.where(np.sin(np.arange(n) / 40) > 0, "up", "down"))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("column", ["patient_id", "lot"])
def test_a_column_of_groups_is_found_by_its_name_or_without_one(linclf, in_tmp, column: str, seed: int) -> None:
    found, command = examined(linclf, patients(column, seed))
    assert list(found) == ["groups"]
    assert (
        f"{column}: 60 values, with 10 rows each on average, which are alike. A random split: "
        in found["groups"]["what"]
    )
    random, honest = accuracies(found["groups"])
    assert random > 0.9
    assert honest < 0.7
    assert found["groups"]["do"] == f"if new values of {column} are to be predicted: --group {column}"
    assert command == f"linclf train t.csv --loss logistic --group {column}"
    told = json.loads(linclf(command.removeprefix("linclf ") + " -q --json"))["accuracy"]["test"]
    assert abs(told - honest) < 0.25
    assert f"--group {column}" in linclf("doctor t.csv")


def test_texts_that_name_groups_are_found_too(linclf, in_tmp) -> None:
    frame = patients("who")
    frame["who"] = "p" + frame["who"].astype(str)
    found, command = examined(linclf, frame)
    assert found["groups"]["columns"] == ["who"]
    assert "--drop" not in command  # a column of groups is no leak, though it predicts the label
    assert "leak" not in str(found)


def test_with_the_option_nothing_is_left_to_find(linclf, in_tmp) -> None:
    found, command = examined(linclf, patients(), "--group patient_id")
    assert found == {}
    assert command == "linclf train t.csv --group patient_id --loss logistic"
    found, command = examined(linclf, days(), "--time date")
    assert found == {}
    assert command == "linclf train t.csv --time date --loss logistic"


@pytest.mark.parametrize("noise", [0.1, 0.3, 0.5])
def test_near_duplicates_are_found_without_the_column(linclf, in_tmp, noise: float) -> None:
    found, command = examined(linclf, patients(noise=noise), "--drop patient_id")
    assert list(found) == ["near duplicates"]
    what, do = found["near duplicates"]["what"], found["near duplicates"]["do"]
    assert what.startswith("600 rows are near duplicates, in 60 sets within which rows differ by less than 0.")
    random, honest = accuracies(found["near duplicates"])
    assert random > 0.85
    assert honest < 0.7
    assert do.endswith("--group COL (is it patient_id, which --drop leaves out?)")
    assert "group" not in command
    found, _ = examined(linclf, patients(noise=noise).drop(columns="patient_id"))
    assert found["near duplicates"]["do"].endswith("--group COL")


def test_near_duplicates_are_found_among_the_rows_of_other_formats(linclf, in_tmp) -> None:
    frame = patients()
    np.savez("t.npz", X=frame.iloc[:, 1:-1].to_numpy(), y=(frame["label"] == "sick").to_numpy().astype(int))
    result = json.loads(linclf("doctor t.npz --json"))
    (found,) = (one for one in result["findings"] if one["key"] in KEYS)
    assert found["key"] == "near duplicates"
    assert found["do"].endswith("hold out whole sets: --test FILE")


@pytest.mark.parametrize("seed", range(2))
def test_days_are_found_by_their_dates_or_without_them(linclf, in_tmp, seed: int) -> None:
    found, command = examined(linclf, days(seed))
    assert list(found) == ["time order"]
    assert found["time order"]["what"].startswith(
        "date: the label is predicted worse for rows that are later than those of"
    )
    random, honest = accuracies(found["time order"])
    assert random > honest + 0.15
    assert found["time order"]["do"] == "if later rows are to be predicted: --time date"
    assert command == "linclf train t.csv --loss logistic --time date"
    assert linclf(command.removeprefix("linclf ") + " -q --epochs 2").code == 0
    found, command = examined(linclf, days(seed), "--drop date")
    assert list(found) == ["time order"]
    assert re.match(
        r"neighbouring rows are alike, and their labels come in \d+ runs, where random order has about 500\.",
        found["time order"]["what"],
    )
    assert "add a column of times or of row numbers: --time COL" in found["time order"]["do"]
    assert "time" not in command
    assert accuracies(found["time order"])[0] > accuracies(found["time order"])[1] + 0.05


def test_dates_in_random_order_are_found_and_sorted_numbers_are_named(linclf, in_tmp) -> None:
    found, _ = examined(linclf, days().sample(frac=1, random_state=0))
    assert found["time order"]["columns"] == ["date"]
    frame = days().drop(columns="date")
    frame.insert(0, "step", np.arange(1000) * 3)
    found, command = examined(linclf, frame)
    assert found["time order"]["do"] == "if the rows are in the order of time: --time step"
    assert command.endswith("--time step")


def ordinary() -> dict[str, pd.DataFrame]:
    """Data in which a random split is honest, some of which look as if it were not."""
    rng = np.random.default_rng(0)
    n = 600
    x, z = rng.standard_normal((2, n))
    label, dates = (x + rng.standard_normal(n) > 0).astype(int), np.datetime64("2020-01-01") + np.arange(n)
    effect = rng.standard_normal(40)
    town, age = rng.integers(0, 40, n), rng.integers(18, 90, n)
    by_town = (x + 1.5 * effect[town] + rng.standard_normal(n) > 0).astype(int)
    by_age = (x + (age - 54) / 12 + rng.standard_normal(n) > 0).astype(int)
    codes = rng.integers(0, 3, (n, 5))
    bits = rng.integers(0, 2, (n, 14))
    blobs, of_blob = make_blobs(n, centers=3, n_features=5, random_state=0)
    birthday = rng.integers(0, 20_000, n)
    frame = pd.DataFrame({"x": x, "z": z, "label": label})
    named = {"iris": load_iris, "wine": load_wine, "breast_cancer": load_breast_cancer, "digits": load_digits}
    sets = {name: load(as_frame=True).frame for name, load in named.items()}
    return sets | {
        "iris shuffled": sets["iris"].sample(frac=1, random_state=0),
        "iris with row numbers": sets["iris"].reset_index(names="id"),
        "noise": pd.DataFrame(rng.standard_normal((n, 6))).add_prefix("f").assign(label=rng.integers(0, 2, n)),
        "unique keys": pd.DataFrame({"order_id": rng.permutation(n) + 5000, "x": x, "label": label}),
        "a category that matters": pd.DataFrame({"town": [f"t{i}" for i in town], "x": x, "z": z, "label": by_town}),
        "an age that matters": pd.DataFrame({"age": age, "x": x, "income": 100 * age + 900 * z, "label": by_age}),
        "dates that do not matter": pd.DataFrame({"date": dates.astype(str), "x": x, "label": label}),
        "dates of birth that matter": pd.DataFrame(
            {
                "born": (np.datetime64("1950-01-01") + birthday).astype(str),
                "x": x,
                "label": (x + (birthday - 10_000) / 4000 + rng.standard_normal(n) > 0).astype(int),
            }
        ),
        "sorted by label": frame.sort_values("label"),
        "sorted by label and a feature": frame.sort_values(["label", "x"]),
        "sorted by a feature": frame.sort_values("x"),
        "rows repeated": pd.concat([frame, frame.sample(200, random_state=0)]),
        "few categories": pd.DataFrame(np.array(list("abc"))[codes]).add_prefix("c").assign(label=codes[:, 0] == codes[:, 1]),
        "bits": pd.DataFrame(bits).add_prefix("b").assign(label=bits[:, :5].sum(axis=1) > rng.integers(1, 4, n)),
        "clusters that are classes": pd.DataFrame(blobs).add_prefix("f").assign(label=of_blob),
        "whole numbers": pd.DataFrame(rng.integers(0, 50, (n, 4))).add_prefix("n").assign(label=label),
    }  # fmt: skip


ORDINARY = ordinary()


@pytest.mark.parametrize("name", ORDINARY)
def test_nothing_is_found_in_ordinary_data(linclf, in_tmp, name: str) -> None:
    found, command = examined(linclf, ORDINARY[name])
    assert found == {}
    assert "--group" not in command
    assert "--time" not in command


def test_an_id_that_makes_no_difference_needs_nothing(linclf, in_tmp) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal(800)
    frame = pd.DataFrame({"user_id": rng.integers(0, 150, 800), "x": x, "label": x + rng.standard_normal(800) > 0})
    found, command = examined(linclf, frame)
    assert found["groups"]["do"] == "nothing: the difference may be chance; --group user_id divides none of them"
    random, honest = accuracies(found["groups"])
    assert abs(random - honest) < 0.05
    assert command == "linclf train t.csv --loss logistic"


def test_rows_sorted_by_label_are_no_rows_in_the_order_of_time(linclf, in_tmp) -> None:
    """Neighbours are alike, but the labels say nothing of the order within a class."""
    frame = days().drop(columns="date")
    for n_runs, is_found in ((2, False), (6, False), (10, True)):
        frame["label"] = np.arange(1000) * n_runs // 1000 % 2
        found, _ = examined(linclf, frame)
        assert bool(found) == is_found


def test_an_id_that_alone_tells_the_label_of_its_rows_is_found(linclf, in_tmp) -> None:
    """Other columns do not recognise a customer, but the default model has a feature for each."""
    rng = np.random.default_rng(0)
    who = rng.integers(0, 60, 600)
    frame = pd.DataFrame({"customer": [f"c{i}" for i in who], "x": rng.standard_normal(600)})
    frame["label"] = np.where(rng.random(600) < 0.1, rng.integers(0, 2, 600), rng.permutation(60)[who] % 2)
    found, command = examined(linclf, frame)
    random, honest = accuracies(found["groups"])
    assert random > 0.85
    assert honest < 0.65
    assert command == "linclf train t.csv --loss logistic --group customer"


def test_a_few_subjects_are_groups_by_their_name_only(linclf, in_tmp) -> None:
    frame = patients("subject", rows=10)
    frame["subject"] %= 8
    found, _ = examined(linclf, frame)
    assert found["groups"]["what"].startswith("subject: 8 values, with 75 rows each on average")
    found, _ = examined(linclf, frame.rename(columns={"subject": "lot"}), "--drop f0")
    assert "groups" not in found


def test_a_column_of_dates_that_separates_the_labels_is_a_leak(linclf, in_tmp) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    date = np.datetime64("2025-03-01") + 60 * y + rng.integers(0, 28, 400)
    found, command = examined(
        linclf, pd.DataFrame({"date": date.astype(str), "x": rng.standard_normal(400), "label": y})
    )
    assert found == {}
    assert command == "linclf train t.csv --drop date --loss logistic"


@pytest.mark.parametrize(
    ("name", "is_id"),
    [
        *(
            (name, True)
            for name in ("id", "ID", "patient_id", "PatientID", "userId", "customer", "Subject", "order.id")
        ),
        *((name, True) for name in ("session_no", "member number", "driver code", "uuid")),
        *(
            (name, False)
            for name in ("paid", "valid", "covid", "acid", "width", "num_accounts", "age", "persons_in_car")
        ),
    ],
)
def test_names_of_ids(name: str, is_id: bool) -> None:
    assert has_id_name(name) == is_id


def test_label_agreement_equals_that_of_a_naive_loop() -> None:
    rng = np.random.default_rng(0)
    groups, y = rng.integers(0, 8, 40), rng.integers(0, 3, 40)
    pairs = [(i, j) for i in range(40) for j in range(40) if i != j]
    chance = np.mean([y[i] == y[j] for i, j in pairs])
    within = np.mean([y[i] == y[j] for i, j in pairs if groups[i] == groups[j]])
    assert label_agreement(groups, y) == pytest.approx((within - chance) / (1 - chance))
    assert label_agreement(y, y) == pytest.approx(1)
    assert label_agreement(np.arange(40), y) == 0
    assert label_agreement(groups, np.zeros(40, int)) == 0


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_matrix])
def test_sets_of_near_duplicates_are_those_that_were_made(layout) -> None:
    rng = np.random.default_rng(0)
    who = rng.permutation(np.repeat(np.arange(50), 4))
    X = rng.standard_normal((50, 20))[who] + 0.1 * rng.standard_normal((200, 20))
    X[7] = X[3]  # a copy counts once, and is in the same set
    who[7] = who[3]
    found = near_sets(layout(X))
    assert all((found.sets[i] == found.sets[j]) == (who[i] == who[j]) for i in range(200) for j in range(200))
    assert 0.05 < found.distance < 0.3


@pytest.mark.parametrize("d", [3, 5, 10, 40])
def test_numbers_without_sets_have_none(d: int) -> None:
    rng = np.random.default_rng(d)
    assert near_sets(rng.standard_normal((400, d))) is None
    assert near_sets(rng.random((400, 2)) @ rng.standard_normal((2, d)) + 0.01 * rng.standard_normal((400, d))) is None
    assert near_sets(np.repeat(rng.standard_normal((100, d)), 4, axis=0)) is None  # copies, not near duplicates


def test_neighbours_are_alike_in_walks_and_not_in_random_order() -> None:
    rng = np.random.default_rng(0)
    X, y = np.cumsum(rng.standard_normal((500, 5)), axis=0), np.zeros(500, int)
    assert neighbours_are_alike(X, y)
    assert neighbours_are_alike(sparse.csr_matrix(X), y)
    order = rng.permutation(500)
    assert not neighbours_are_alike(X[order], y)
    # rows sorted by label are alike because of it, which rows of the same label are not
    sorted_rows = np.repeat(rng.standard_normal((10, 5)) * 5, 50, axis=0) + rng.standard_normal((500, 5))
    assert not neighbours_are_alike(sorted_rows, np.repeat(np.arange(10), 50))
