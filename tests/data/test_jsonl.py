"""JSON lines and Parquet give the same data set as CSV with the same content."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from reading import read

from linclf.data.encoder import encode, learn_schema
from linclf.data.load import load
from linclf.data.source import Source
from linclf.errors import InputError

ROWS = [
    {"size": 1.5, "colour": "red", "words": "so it goes", "ok": True, "label": "x"},
    {"size": None, "colour": 'a, "b"\n', "words": "日本 é", "ok": False, "label": "y"},
    {"colour": "red", "words": None, "ok": None, "label": "x"},
    {"size": -2e3, "colour": "?", "words": "no", "ok": True, "label": "y", "more": 7},
] * 6


def lines(rows: list[dict]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def features_of(dataset, **options):
    features, _ = learn_schema(dataset.X, dataset.schema, dataset.source)
    X = encode(dataset.X, features, "t")[0]
    return features, X if isinstance(X, np.ndarray) else X.toarray()


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".json", ".parquet"])
def test_the_data_set_is_the_same_as_from_csv(tmp_path, suffix: str) -> None:
    frame = pd.DataFrame(ROWS)
    plain = frame.assign(ok=[None if ok is None else str(ok).lower() for ok in frame["ok"]])
    csv = read(tmp_path / "t.csv", plain.to_csv(index=False))
    if suffix == ".parquet":
        content = io.BytesIO()
        plain.to_parquet(content)
        other = read(tmp_path / "t.parquet", content.getvalue())
    else:
        text = lines(ROWS) if suffix != ".json" else json.dumps(ROWS, indent=1)
        other = read(tmp_path / f"t{suffix}", text)
    (expected, X), (found, Z) = features_of(csv), features_of(other)
    assert found.columns == expected.columns
    assert [column.kind for column in found.columns] == ["number", "category", "category", "category", "number"]
    np.testing.assert_array_equal(Z, X)
    assert other.labels().tolist() == csv.labels().tolist()


def test_parquet_types_become_numbers_categories_and_dates(tmp_path) -> None:
    frame = pd.DataFrame(
        {
            "int": pd.array([1, None, 3, 4], "Int64"),
            "float": np.float32([0.5, 1.5, np.nan, 2]),
            "bool": [True, False, True, True],
            "kind": pd.Categorical(["a", "b", "a", None]),
            "when": pd.to_datetime(["1970-01-02", "1970-01-03 12:00", None, "1969-12-31"], format="ISO8601"),
            "label": [1, 0, 1, 0],
        }
    )
    frame.to_parquet(tmp_path / "t.parquet", index=False)
    features, X = features_of(load(Source(str(tmp_path / "t.parquet"))))
    assert [column.kind for column in features.columns] == ["number", "number", "category", "category", "date"]
    names = features.feature_names()
    assert names[:4] == ("int", "int (missing)", "float", "float (missing)")
    np.testing.assert_array_equal(X[:, names.index("when")], [1, 2.5, 1, -1])  # the median for the missing one
    np.testing.assert_array_equal(X[:, names.index("bool=True")], [1, 0, 1, 1])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.jsonl", lines(ROWS) + '{"size": 1', r"t.jsonl:25: is not JSON \(column 11: Expecting"),
        ("t.jsonl", lines(ROWS) + "\n[1, 2]\n", r't.jsonl:26: is not an object; each row is \{"COLUMN": CELL, ...\}'),
        ("t.jsonl", lines([*ROWS, {"size": [1], "label": "x"}]), "t.jsonl:25: 'size' is a list or an object"),
        ("t.jsonl", lines([*ROWS, {"size": 10**400, "label": "x"}]), "t.jsonl:25: the cell in column 'size' is too la"),
        ("t.jsonl", lines([{"a": 1}] * 3), "has no column named target, label, class or y; .* the columns are a"),
        ("t.json", json.dumps([*ROWS, 3]), r"t.json: entry 24 \(from 0\): is not an object"),
        ("t.json", "[1, 2", "t.json: is not JSON"),
        ("t.jsonl", "[" * 100_000, "is not JSON"),
        ("t.jsonl", b"\xff\xfe", "t.jsonl: has no column named target"),
        ("t.jsonl", b"\xf8\xfe", "t.jsonl:1: is not JSON"),
        ("t.parquet", b"PAR1 not really", "t.parquet: is not a complete Parquet file"),
    ],
)
def test_wrong_files_are_refused_with_the_place_and_the_reason(
    tmp_path, name: str, text: str | bytes, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path / name, text)


def test_lists_may_be_dropped_and_options_of_other_formats_are_refused(tmp_path) -> None:
    rows = [{**row, "tags": ["a"]} for row in ROWS]
    assert "tags" not in read(tmp_path / "t.jsonl", lines(rows), drop=("tags",)).X.names
    for options in ({"header": False}, {"zero_based": True}):
        with pytest.raises(InputError, match="is read as jsonl, which has no use for --"):
            read(tmp_path / "t.jsonl", lines(ROWS), **options)
    frame = pd.DataFrame([[1, 2, "x"], [3, 4, "y"]] * 3, columns=["a", "b", "label"])
    frame.assign(b=[[1]] * 6).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="t.parquet: column 'b' contains .* --drop b"):
        load(Source(str(tmp_path / "t.parquet")))
    assert load(Source(str(tmp_path / "t.parquet"), drop=("b",))).X.names == ("a",)


def test_parquet_without_pyarrow_is_refused_with_the_command_that_installs_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("linclf.data.readers.arrow_tables.find_spec", lambda _: None)
    with pytest.raises(InputError, match="reading Parquet needs pyarrow; install it with: pip install pyarrow"):
        read(tmp_path / "t.parquet", b"PAR1")


def test_a_model_predicts_from_any_format(linclf, in_tmp) -> None:
    """A model trained on CSV gives the same probabilities for CSV, JSON lines and Parquet."""
    rows = [{**row, "size": i * 0.1, "words": f"{row['words']} {'ab'[i % 2]} again"} for i, row in enumerate(ROWS * 3)]
    frame = pd.DataFrame(rows).drop(columns=["ok", "more"])
    frame.to_csv("t.csv", index=False)
    frame.drop(columns="label").to_parquet("t.parquet")
    (in_tmp / "t.jsonl").write_text(lines(frame.where(frame.notna(), None).to_dict("records")))
    assert linclf("train t.csv --loss softmax --text words -q -o m").code == 0
    expected = linclf("predict m t.csv --proba")
    assert expected.count("\n") == 72
    for name in ("t.parquet", "t.jsonl"):
        assert linclf("predict m --proba", name) == expected
    assert linclf("evaluate m t.jsonl --json").code == 0
