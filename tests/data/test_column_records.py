"""What holds for every kind of column: its parts agree, its record makes it again, and a new kind is one file and one line."""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from column_tables import make, table_of
from reading import read

from linclf.data.columns.base import Column
from linclf.data.columns.registry import KINDS, column_from_record
from linclf.data.columns.training_column import TrainingRows
from linclf.data.encoder import learn_schema
from linclf.data.schema import Schema
from linclf.data.source import Source

FIELDS = ["name", "kind", "missing", "median", "center", "spread", "levels", "pooled", "words", "idf"]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if not kind.role])
def test_laws_of_every_kind(tmp_path, kind: str, sparse: bool) -> None:
    """Each kind has a column in `make`; its parts agree on the number of features, and its record makes it again."""
    dataset = read(tmp_path / "t.csv", table_of(make(60, 0)), min_count=1)
    training = TrainingRows.of(dataset.X, Source("t.csv", min_count=1))
    schema, _ = learn_schema(dataset.X, dataset.schema, dataset.source)
    learned = [column for column in schema.columns if column.kind == kind]
    assert learned, "give `make` a column of this kind"
    for found in learned:
        part = training.column(found.name)
        column = found.standardised(part) if sparse else found
        assert type(column) is KINDS[kind]
        assert KINDS[kind].recognises(part)
        names = column.feature_names()
        assert bool(names) == (column.left_out_reason is None)
        if sparse or not column.needs_sparse:
            features, unknown = column.transform(part.cells, sparse)
            assert features.shape == (60, len(names))
            assert unknown == {}
            row = features[:1].toarray()[0] if hasattr(features, "toarray") else features[0]
            assert column.in_table_units(row).shape == row.shape
        assert len(column.number_features()) == len(names) == len(set(names))
        assert column.training_notes(part) == column.unknown_notes({}) == []
        assert list(asdict(column))[: len(FIELDS)] == FIELDS
        assert column_from_record(json.loads(json.dumps(asdict(column)))) == column
        assert repr(column).startswith(type(column).__name__)


FORGED = [
    ({"kind": "colour"}, "the column 'a' is not one that linclf wrote"),
    ({"kind": None}, "the column 'a' is not one that linclf wrote"),
    ({"kind": ["number"]}, "the column 'a' is not one that linclf wrote"),
    ({"name": 1}, "Column.name is '1'"),
    ({"missing": True}, "Column.missing is 'True'"),
    ({"missing": -1}, "the column 'a' is not one that linclf wrote"),
    ({"median": "2"}, "Column.median is '2'"),
    ({"median": float("inf")}, "Column.median is 'inf'"),
    ({"spread": 0.0}, "the column 'a' is not one that linclf wrote"),
    ({"levels": ["x", 1]}, "Column.levels is '1'"),
    ({"levels": ["x", "x"]}, "the column 'a' is not one that linclf wrote"),
    ({"pooled": -1}, "the column 'a' is not one that linclf wrote"),
    ({"words": ["x"]}, "the column 'a' is not one that linclf wrote"),
    ({"words": ["x"], "idf": [1e9]}, "the column 'a' is not one that linclf wrote"),
    ({"kind": "text", "words": ["x"], "idf": [1.0]}, "needs sparse features"),
    ({"kind": "category", "levels": ["x", "y"]}, "the number of features differs"),
    ({"kind": "id"}, "the number of features differs"),
]


@pytest.mark.parametrize(("change", "message"), FORGED, ids=[str(change) for change, _ in FORGED])
def test_forged_records_of_columns_are_refused(change: dict, message: str) -> None:
    record = json.loads(json.dumps(asdict(Schema(1, ("a",), columns=(KINDS["number"]("a", median=0.5),)))))
    assert Schema.of(record).columns == (KINDS["number"]("a", median=0.5),)
    with pytest.raises(ValueError, match=message):
        Schema.of({**record, "columns": [{**record["columns"][0], **change}]})


@pytest.mark.parametrize("columns", [5, "number", {"name": "a"}, ["number"], [["a", "number"]], [None]])
def test_forged_lists_of_columns_are_refused(columns: object) -> None:
    with pytest.raises(TypeError, match="Column is|Schema.columns is"):
        Schema.of({**asdict(Schema(1, ("a",))), "columns": columns})
    with pytest.raises(TypeError, match="Schema is"):
        Schema.of(columns if not isinstance(columns, dict) else [columns])


def test_a_column_without_a_kind_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Column("a")


YES_NO = """
import numpy as np
from linclf.data.columns.base import Column

VALUES = {"yes": 1.0, "no": 0.0}


class YesNoColumn(Column):
    kind = "yes/no"
    read_as_text = True
    left_out_hint = "never"

    @classmethod
    def recognises(cls, column):
        return column.is_text and set(column.levels) <= set(VALUES)

    @classmethod
    def fit(cls, column):
        return cls(column.name, missing=int((column.cells.codes < 0).sum()))

    def feature_names(self):
        return [f"{self.name}?"]

    def transform(self, cells, sparse):
        known = np.array([VALUES.get(level, 0.5) for level in cells.levels] + [0.5])
        counts = zip(cells.levels, cells.counts(), strict=True)
        unknown = {level: int(count) for level, count in counts if count and level not in VALUES}
        return known[cells.codes][:, None], unknown

    def summary(self):
        return "1 for yes, 0 for no"
"""

USE = """
import contextlib, io, json, sys
import linclf
from linclf.cli import main
assert linclf.__file__.startswith(sys.argv[1]), linclf.__file__

def run(line):
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert main(line.split()) == 0, err.buffer.getvalue()
    return out.buffer.getvalue().decode(), err.buffer.getvalue().decode()

found = {"said": run("train t.csv --epochs 2 -o dense.st")[1]}
DATA = {"dense": "t.csv --drop words", "sparse": "t.csv", "forced": "t.csv --drop words --category member"}
for name, data in DATA.items():
    run(f"train {data} --loss logistic --epochs 2 -q -o {name}.st")
    explained = json.loads(run(f"explain {name}.st new.csv --row 0 --json")[0])
    entries = {entry["feature"]: [entry["value"], entry["is_number"]] for entry in explained["contributions"]}
    info = json.loads(run(f"info {name}.st --json")[0])["features"]
    predicted = run(f"predict {name}.st new.csv")
    found[name] = [info["sparse"], info["columns"][1]["kind"], info["texts"], entries, predicted]
found["doctor"] = json.loads(run("doctor t.csv --drop words --json")[0])
print(json.dumps(found))
"""


def test_a_new_kind_of_column_is_one_file_and_one_line(tmp_path) -> None:
    """A copy of the package with one more file and one more line (and its import) does everything with the new kind."""
    package = Path(__file__).parents[2] / "linclf"
    shutil.copytree(package, tmp_path / "linclf", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "linclf" / "data" / "columns"
    (folder / "yes_no.py").write_text(YES_NO)
    registry = (folder / "registry.py").read_text()
    assert registry.count("        CategoryColumn,\n") == 1
    registry = registry.replace("        CategoryColumn,\n", "        YesNoColumn,\n        CategoryColumn,\n")
    imported = "from linclf.data.columns.yes_no import YesNoColumn\n"
    (folder / "registry.py").write_text(registry.replace("from linclf.storage", imported + "from linclf.storage"))
    rows = [f"{i * 0.37 % 5:.2f},{('yes', 'no', '')[i % 3]},the cat sat on mat {i},{'uv'[i % 2]}" for i in range(60)]
    (tmp_path / "t.csv").write_text("size,member,words,label\n" + "\n".join(rows) + "\n")
    (tmp_path / "new.csv").write_text("words,member,size\nthe cat,yes,1\na dog,perhaps,2\n")
    ran = subprocess.run([sys.executable, "-c", USE, tmp_path], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert "member    yes/no         1  1 for yes, 0 for no" in found["said"]
    for name in ("dense", "sparse"):
        sparse, kind, texts, entries, predicted = found[name]
        assert (sparse, kind) == (name == "sparse", "yes/no")
        assert "member" in texts
        assert entries["member?"] == [1.0, False]
        assert entries["size"] == [pytest.approx(1.0), True]
        assert (
            "column 'member': cells that training never saw in 1 row, treated as missing: 'perhaps' (1)" in predicted[1]
        )
    assert found["forced"][1] == "category"
    assert found["forced"][3]["member=yes"] == [1.0, False]
    column = {"name": "member", "kind": "yes/no", "features": 1, "missing": 16}
    assert column in found["doctor"]["columns"]
    assert {finding["key"] for finding in found["doctor"]["findings"]} == {"missing"}
