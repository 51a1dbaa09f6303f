"""Sweeps over several seeds: each row is the mean of the sweeps with one seed, and says how far they differ."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from linclf.data.source import Source
from linclf.sweep.grid import SweepOptions
from linclf.sweep.run import sweep
from linclf.sweep.stack import train_stack
from linclf.training.inputs import load_split
from linclf.training.options import TrainOptions

LINE = "sweep wine --loss softmax --reg 1e-3,1 --epochs 3 --jobs 1"


def by_reg(result: dict) -> dict:
    return {row["options"]["reg"]: row for row in result["rows"]}


@pytest.mark.parametrize("held", ["--cv 3", "--val 0.3"])
def test_a_row_is_the_mean_over_seeds(linclf, in_tmp, held: str) -> None:
    several = json.loads(linclf(f"{LINE} {held} --seed 4 --seeds 3 --csv t.csv --json"))
    assert several["seeds"] == [4, 5, 6]
    if held == "--cv 3":  # the test part of a single run is drawn by its own seed
        assert several["n_train"] == 142
    rows = by_reg(several)
    assert rows.keys() == {1e-3, 1.0}
    for row in rows.values():
        scores = [one["score"] for one in row["seeds"]]
        assert [one["seed"] for one in row["seeds"]] == [4, 5, 6]
        assert len(set(scores)) == 3
        assert row["score"] == pytest.approx(np.mean(scores))
        assert row["seed_std"] == pytest.approx(np.std(scores))
        assert row["objective"] == pytest.approx(np.mean([one["objective"] for one in row["seeds"]]))
        assert row["lr"] == pytest.approx(np.exp(np.mean(np.log([one["lr"] for one in row["seeds"]]))))
        assert [fold["seed"] for fold in row["folds"]] == np.repeat([4, 5, 6], 3 if held == "--cv 3" else 1).tolist()
    first = by_reg(json.loads(linclf(f"{LINE} {held} --seed 4 --json")))
    for reg, row in rows.items():
        assert row["seeds"][0]["score"] == first[reg]["score"]
        assert (first[reg]["seeds"], first[reg]["seed_std"]) == ([], None)
    table = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert [float(line["seed_std"]) for line in table] == [row["seed_std"] for row in several["rows"]]
    text = linclf(f"{LINE} {held} --seed 4 --seeds 3")
    assert "over seeds" in text
    assert ", 3 seeds" in text
    for row in several["rows"]:
        assert f"+- {row['seed_std']:.4f}" in text
    assert "over seeds" not in linclf(f"{LINE} {held}")


def test_every_seed_has_a_journal_and_none_is_trained_twice(linclf, in_tmp, monkeypatch) -> None:
    before = json.loads(linclf(f"{LINE} --seeds 2 --journal j --json"))
    assert sorted(path.name for path in in_tmp.iterdir()) == ["j", "j.1"]

    def never(*_) -> None:
        raise AssertionError("nothing is left to train")

    monkeypatch.setattr("linclf.sweep.run.train_stack", never)
    output = linclf(f"{LINE} --seeds 2 --journal j --json")
    assert json.loads(output)["rows"] == before["rows"]
    for name in ("j", "j.1"):
        assert f"{name}: 2 of 2 configurations are in it already" in output.err


def test_a_row_that_diverges_with_one_seed_has_diverged(linclf) -> None:
    result = json.loads(
        linclf("sweep wine --loss softmax --lr 1e9,auto --epochs 3 --reg 1e-3 --seeds 2 --jobs 1 --json -q")
    )
    status = {str(row["options"]["lr"]): (row["status"], row["score"]) for row in result["rows"]}
    assert status["auto"][0] == "done"
    assert status["1000000000.0"] == ("diverged", None)
    assert next(row["why"] for row in result["rows"] if row["status"] == "diverged").startswith(
        "with the seed 0: training"
    )
    assert linclf("sweep wine --seeds 0").err == "error: seeds is 0; give a whole number of seeds >= 1\n"


def test_the_journal_of_a_later_seed_belongs_to_the_split_of_the_first(linclf, in_tmp) -> None:
    linclf(f"{LINE} --seeds 2 --journal j -q")  # j.1: the rows in the order of seed 1, the split of seed 0
    error = linclf(f"{LINE} --seed 1 --journal j.1 -q").err
    assert "split_seed was 0, now it is null" in error
    assert linclf(f"{LINE} --seed 0 --journal j -q").err == ""  # the first seed alone is the sweep of one seed


def test_an_interrupted_sweep_has_finished_only_what_every_seed_has(monkeypatch) -> None:
    calls = []

    def stopped(*given):
        calls.append(given)
        if len(calls) > 1:
            raise KeyboardInterrupt
        yield from train_stack(*given)

    monkeypatch.setattr("linclf.sweep.run.train_stack", stopped)
    base = TrainOptions(reg=1e-4, source=Source("wine"), loss="softmax", epochs=3, val=None)
    options = SweepOptions(base, {"reg": (1e-3, 1.0)}, cv=3, seeds=2)
    swept = sweep(options, load_split(base), jobs=1)
    assert isinstance(swept.interrupted, KeyboardInterrupt)
    assert [row.status for row in swept.rows] == ["unfinished"] * 2
    assert swept.best is None
