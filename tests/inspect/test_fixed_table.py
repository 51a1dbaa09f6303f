"""doctor --fix writes the table as it is used: training on it gives the same model, to the bit. Its recommended command runs."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from linclf.model.linear_model import LinearModel, load

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from dialects import plain_file
from exports import make_exports

DATA = Path(__file__).parents[2] / "data"
FILES = {f"{export.name}{export.suffix}": export.raw for export in make_exports()}
FILES |= {"plain.csv": plain_file()}
OPTIONS = {"titanic.csv": "--target survived", "iris.csv": "--target species"}
FILES |= {path.name: path.read_bytes() for path in DATA.iterdir() if path.suffix in (".csv", ".tsv", ".jsonl", ".svm")}


def model_of(linclf, name: str, options: str = "") -> LinearModel:
    trained = linclf(f"train {name} {options} --epochs 3 --lr 0.1 -q --no-cache -o m")
    assert trained.code == 0, trained.err
    return load("m")


@pytest.mark.parametrize("name", FILES)
def test_the_recommended_command_runs_and_a_fixed_table_gives_the_bit_identical_model(
    linclf, in_tmp, name: str
) -> None:
    Path(name).write_bytes(FILES[name])
    options, is_table = OPTIONS.get(name, ""), not name.endswith(".svm")
    ran = linclf(f"doctor {name} {options} {'--fix fixed.csv' * is_table}")
    assert ran.code == 0, ran.err
    command = ran.strip().rsplit("\n", 1)[1].strip()
    assert command.startswith(f"linclf train {name}")
    trained = linclf(command.removeprefix("linclf ") + " --epochs 1 --no-cache")
    assert trained.code == 0, trained.err
    if not is_table:
        return
    before, after = model_of(linclf, name, options), model_of(linclf, "fixed.csv", options)
    assert before.weight.tobytes() == after.weight.tobytes()
    assert before.bias.tobytes() == after.bias.tobytes()
    kinds = [[column.kind for column in model.schema.columns if column.feature_names()] for model in (before, after)]
    assert kinds[0] == kinds[1]
    assert not any(column.left_out_reason for column in after.schema.columns)


def test_a_fixed_table_is_plain(linclf, in_tmp) -> None:
    rows = 40
    table = pd.DataFrame(
        {
            "": range(rows),
            "price": [f"${1000 + 7 * i % 90:,}.50" if i % 5 else "-" for i in range(rows)],
            "day": [f"{1 + i % 28:02}.03.2024" for i in range(rows)],
            "town": [" a", "b", "-", "c"] * (rows // 4),
            "zip": [f"0{2000 + i % 3}" for i in range(rows)],
            "label": ["yes", "no", " yes", "no "] * (rows // 4),
        }
    )
    table.to_csv("t.csv", index=False)
    assert linclf("doctor t.csv --fix fixed.csv").code == 0
    fixed = pd.read_csv("fixed.csv", dtype=str, keep_default_na=False)
    assert fixed.columns.tolist() == ["price", "day", "town", "zip", "label"]
    assert fixed.iloc[:3].to_numpy().tolist() == [
        ["", "2024-03-01", "a", "02000", "yes"],
        ["1007.5", "2024-03-02", "b", "02001", "no"],
        ["1014.5", "2024-03-03", "", "02002", "yes"],
    ]
    for command in ("doctor t.csv --fix t.csv", "doctor digits --fix d.csv"):  # the input is never overwritten
        ran = linclf(command)
        assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert not Path("d.csv").exists()
