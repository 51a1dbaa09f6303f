"""Every kind of model reads every kind of data: by name where both have names of columns, else by position, or it says why
not. The predictions are those on the arrays."""

import io
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import dump_svmlight_file as dump
from sklearn.datasets import load_iris

from linclf import LinearClassifier
from linclf.cli import main
from linclf.data.load import load, load_features
from linclf.data.matching import match_matrix
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.errors import InputError
from linclf.model.linear_model import LinearModel
from linclf.model.linear_model import load as load_model

IRIS = load_iris()
X, NAMES = IRIS.data, IRIS.feature_names
LABELS = IRIS.target_names[IRIS.target]
COLOUR = np.where(X[:, 0] * 10 % 3 < 1, "red", np.where(X[:, 1] * 10 % 2 < 1, "blue", "green"))
NUMBERS = pd.DataFrame(X, columns=NAMES)
COLOURED = NUMBERS.assign(colour=COLOUR)
WIDE = pd.DataFrame({"id": range(len(X)), **NUMBERS.iloc[:, :2], "same": 7, **NUMBERS.iloc[:, 2:]})

BY_NAME, BY_POSITION, NEITHER = "by name", "by position, with a note", "by position, neither has names"
TEXT = (
    "has numbers only, and the model takes a category in column 'colour'; give a table with the columns of the training"
)
FILES = {
    "csv": "t.csv",
    "no header": "t.csv --no-header --target",
    "tsv": "t.tsv",
    "jsonl": "t.jsonl",
    "parquet": "t.parquet",
    "npz": "t.npz",
    "svmlight": "t.svm",
    "named": "iris",
    "stdin": "-",
    "frame": None,
}
NAMED = [BY_NAME, BY_POSITION, BY_NAME, BY_NAME, BY_NAME, BY_POSITION, BY_POSITION, BY_NAME, BY_NAME, BY_NAME]
NAMELESS = [
    BY_POSITION,
    NEITHER,
    BY_POSITION,
    BY_POSITION,
    BY_POSITION,
    NEITHER,
    NEITHER,
    BY_POSITION,
    BY_POSITION,
    BY_POSITION,
]
COLOURS = [
    BY_NAME,
    BY_POSITION,
    BY_NAME,
    BY_NAME,
    BY_NAME,
    "has 4 feature columns",
    TEXT,
    "lacks 1 of the 5 columns",
    BY_NAME,
    BY_NAME,
]
OUTCOMES = {  # of each kind of model, with each kind of data in the order of FILES
    "estimator of a frame": NAMED,
    "estimator of arrays": NAMELESS,
    "npz": NAMELESS,
    "svmlight": NAMELESS,
    "svmlight with zeros": NAMELESS,
    "csv of numbers": NAMED,
    "csv with gaps": NAMED,
    "csv with ids and constants": NAMED,
    "csv without a header": NAMELESS,
    "csv with a category": COLOURS,
    "named": NAMED,
}
PAIRS = [
    (model, data, outcome)
    for model, outcomes in OUTCOMES.items()
    for data, outcome in zip(FILES, outcomes, strict=True)
]


def write(folder: Path, frame: pd.DataFrame) -> None:
    """The rows as files of every format, with their labels; arrays have the columns of numbers."""
    folder.mkdir()
    table, numbers = frame.assign(label=LABELS), frame.select_dtypes("number").to_numpy()
    table.to_csv(folder / "t.csv", index=False)
    table.to_csv(folder / "bare.csv", index=False, header=False)
    table.to_csv(folder / "t.tsv", index=False, sep="\t")
    table.to_json(folder / "t.jsonl", orient="records", lines=True)
    table.to_parquet(folder / "t.parquet")
    np.savez(folder / "t.npz", X=numbers, y=LABELS)
    dump(numbers, IRIS.target, str(folder / "t.svm"), zero_based=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files, in folders of tables of numbers, with a category, and with columns without features; and the models."""
    folder = tmp_path_factory.mktemp("matching")
    for name, frame in (("numbers", NUMBERS), ("coloured", COLOURED), ("wide", WIDE)):
        write(folder / name, frame)
    gaps = NUMBERS.mask(np.random.default_rng(0).random(X.shape) < 0.05)
    gaps.assign(label=LABELS).to_csv(folder / "gaps.csv", index=False)
    dump(np.where(X < 1.5, 0, X), IRIS.target, str(folder / "zeros.svm"), zero_based=False)
    LinearClassifier(scale="standard", random_state=0).fit(NUMBERS, LABELS).save(str(folder / "estimator of a frame"))
    LinearClassifier(scale="standard", random_state=0).fit(X, LABELS).save(str(folder / "estimator of arrays"))
    for name, data in {
        "npz": "numbers/t.npz",
        "svmlight": "numbers/t.svm",
        "svmlight with zeros": "zeros.svm",
        "csv of numbers": "numbers/t.csv",
        "csv with gaps": "gaps.csv",
        "csv with ids and constants": "wide/t.csv",
        "csv without a header": "numbers/bare.csv --no-header --target 4",
        "csv with a category": "coloured/t.csv",
        "named": "iris",
    }.items():
        path, *options = data.split()
        path = path if path == "iris" else str(folder / path)
        assert main(["train", path, *options, "--epochs", "20", "-q", "-o", str(folder / name)]) == 0
    return folder


def expected(model: LinearModel) -> list[str]:
    """The predictions on the arrays: of numbers the features are the columns, in their order."""
    if model.schema.columns is None or model.schema.is_identity():
        return list(map(str, model.predict(X)))
    parts = [column.transform(np.array(COLOURED[column.name]), False)[0] if column.kind == "number" else
             np.column_stack([level == COLOUR for level in column.levels])
             for column in model.schema.columns if column.feature_names()]  # fmt: skip
    return list(map(str, model.predict(np.column_stack(parts))))


def arguments(model: str, data: str) -> tuple[str, list[str]]:
    """The folder, and DATA with its options on the command line."""
    where = "coloured" if "category" in model else "wide" if "ids" in model else "numbers"
    path = {"no header": "bare.csv", "named": "iris", "stdin": "-"}.get(data, FILES[data])
    options = ["--no-header", "--target", "-1"] if data == "no header" else []
    return where, [path, *options, *(["--format", "csv"] if data == "stdin" else [])]


@pytest.mark.parametrize(("kind", "data", "outcome"), PAIRS, ids=[f"{model}-{data}" for model, data, _ in PAIRS])
def test_a_model_reads_data_by_name_or_by_position(
    folder, capfd, monkeypatch, kind: str, data: str, outcome: str
) -> None:
    model = load_model(str(folder / kind))
    where, arguments_ = arguments(kind, data)
    monkeypatch.chdir(folder / where)
    if data == "frame":
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            frame = {"numbers": NUMBERS, "coloured": COLOURED, "wide": WIDE}[where]
            found, notes = list(map(str, model.predict(frame))), "".join(str(one.message) for one in warned)
    else:
        if data == "stdin":
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((folder / where / "t.csv").read_bytes())))
        code = main(["predict", str(folder / kind), *arguments_])
        out, notes = capfd.readouterr()
        found = out.splitlines()
        if outcome not in (BY_NAME, BY_POSITION, NEITHER):
            assert (code, out, notes.count("\n")) == (2, "", 1)
            assert outcome in notes
            return
        assert code == 0, notes
    assert found == expected(model)
    assert ("by position" in notes) == (outcome == BY_POSITION)
    assert notes.count("\n") == (outcome == BY_POSITION and data != "frame")


@pytest.mark.parametrize("kind", OUTCOMES)
@pytest.mark.parametrize("data", ["csv", "no header", "jsonl", "npz"])
def test_evaluate_and_explain_read_as_predict_does(folder, linclf, monkeypatch, kind: str, data: str) -> None:
    if "category" in kind and data == "npz":
        return
    where, arguments_ = arguments(kind, data)
    monkeypatch.chdir(folder / where)
    model = load_model(str(folder / kind))
    ran = linclf("evaluate --json -q", folder / kind, *arguments_)
    if model.classes.dtype.kind == "i":  # svmlight has numbers for labels, and the other files their names
        assert (ran.code, json.loads(ran)["accuracy"]) == (0, 0)
    else:
        assert json.loads(ran)["accuracy"] == np.mean(np.array(expected(model)) == LABELS)
    explained = json.loads(linclf("explain --json -q --row 60", folder / kind, *arguments_))
    assert str(explained["predicted"]) == expected(model)[60]
    scores = linclf("predict --scores -q", folder / kind, *arguments_).splitlines()[60].split(",")
    assert explained["score"] == pytest.approx(max(map(float, scores)), rel=1e-5)


@pytest.mark.parametrize("kind", [kind for kind, outcomes in OUTCOMES.items() if outcomes is NAMED])
@pytest.mark.parametrize("data", ["t.csv", "t.jsonl", "t.parquet", "frame"])
def test_columns_with_names_may_come_in_any_order_with_others_between(folder, linclf, in_tmp, kind, data) -> None:
    model = load_model(str(folder / kind))
    frame = COLOURED[[NAMES[2], "colour", NAMES[0], NAMES[3], NAMES[1]]]
    if data == "frame":
        assert list(map(str, model.predict(frame))) == expected(model)
        return
    writers = {"t.csv": lambda: frame.to_csv(data, index=False), "t.parquet": lambda: frame.to_parquet(data)}
    writers.get(data, lambda: frame.to_json(data, orient="records", lines=True))()
    ran = linclf("predict", folder / kind, data)
    assert ran.splitlines() == expected(model)
    assert ran.err == f"note: {data}: columns the model was not trained on were ignored: colour\n"


def test_named_sets_are_matched_by_name(linclf, in_tmp) -> None:
    NUMBERS[NAMES[::-1]].assign(label=LABELS).to_csv("t.csv", index=False)
    assert linclf("train t.csv -q -o m").code == 0
    assert json.loads(linclf("evaluate m iris --json"))["accuracy"] > 0.95
    NUMBERS.set_axis(list("abcd"), axis=1).assign(label=LABELS).to_csv("o.csv", index=False)
    assert linclf("train o.csv -q -o o").code == 0
    ran = linclf("evaluate o iris")
    assert (ran.code, str(ran)) == (2, "")
    assert "iris: lacks 4 of the 4 columns of the training data: a, b, c, d" in ran.err


# --- by position ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", ["all columns", "those with features"])
def test_arrays_have_all_columns_of_the_table_or_those_with_features(folder, linclf, in_tmp, columns: str) -> None:
    """Constant columns and ids have no features, and arrays of the same numbers have them all the same."""
    rows = WIDE.to_numpy() if columns == "all columns" else X
    np.savez("t.npz", X=rows)
    np.savetxt("t.csv", rows, "%g", ",")
    model = load_model(str(folder / "csv with ids and constants"))
    for data in ("t.npz", "t.csv --no-header"):
        ran = linclf("predict", folder / "csv with ids and constants", *data.split())
        assert ran.splitlines() == expected(model)
        assert "taken by position as sepal length" in ran.err
    dump(rows, IRIS.target, "t.svm", zero_based=False)  # svmlight text does not say how many columns there are
    ran = linclf("predict", folder / "csv with ids and constants", "t.svm")
    assert (ran.splitlines() == expected(model)) == (columns == "all columns")
    assert "taken by position as id, sepal length (cm), sepal width (cm), same, petal" in ran.err


def test_parts_of_other_formats_have_the_same_columns(linclf, in_tmp) -> None:
    """--test and --val with data of another format, before the columns of the training data are known."""
    WIDE.assign(label=LABELS).to_csv("t.csv", index=False)
    np.savez("t.npz", X=WIDE.to_numpy(), y=LABELS)
    for train, test in (("t.csv", "t.npz"), ("t.npz", "t.csv")):
        own = json.loads(linclf("train --epochs 20 -q --json", train, "--test", train))
        other = json.loads(linclf("train --epochs 20 -q -o m --json", train, "--test", test))
        assert own["accuracy"] == other["accuracy"]
        assert json.loads(linclf("evaluate m --json"))["accuracy"] == own["accuracy"]["test"]
        assert json.loads(linclf("evaluate m --part all --json"))["n"] == 300


def test_a_column_that_looks_like_the_label_is_a_feature_where_one_is_missing(linclf, in_tmp) -> None:
    """A table of coordinates x and y, and a model that has no names of columns."""
    np.savez("t.npz", X=X[:, :2], y=LABELS)
    assert linclf("train t.npz --epochs 20 -q -o m").code == 0
    rows = linclf("predict m t.npz")
    frame = pd.DataFrame(X[:, :2], columns=["x", "y"])
    frame.to_csv("t.csv", index=False)
    assert linclf("predict m t.csv") == rows
    frame.assign(label=LABELS).to_csv("t.csv", index=False)
    assert linclf("predict m t.csv --target label") == rows
    ran = linclf("predict m t.csv")
    assert (ran.code, str(ran)) == (2, "")
    assert "has 3 feature columns, the model was trained on 2" in ran.err
    assert "if one of them is the label, name it with --target; leave others out with --drop" in ran.err
    assert linclf("predict m t.csv --drop label") == rows
    assert "--drop z: there is no such column" in linclf("predict m t.csv --drop z").err
    # with the names of a frame, y is a feature, and label the only column that can be the label
    LinearClassifier(random_state=0).fit(frame, LABELS).save("f")
    assert linclf("evaluate f t.csv --json").code == 0


def test_columns_by_number_where_neither_file_has_a_header(linclf, in_tmp) -> None:
    table = NUMBERS.copy()
    table.insert(0, "label", LABELS)
    table.to_csv("t.csv", index=False, header=False)
    assert linclf("train t.csv --no-header --target 0 --drop 2 --epochs 20 -q -o m").code == 0
    rows = linclf("predict m t.csv")
    assert (len(rows.splitlines()), rows.err) == (150, "")
    table.drop(columns=["label", NAMES[1]]).to_csv("bare.csv", index=False, header=False)
    assert linclf("predict m bare.csv") == rows  # not columns 1 and 3, which the others are in t.csv
    moved = table.drop(columns=NAMES[1])[[NAMES[0], NAMES[2], NAMES[3], "label"]]
    moved.to_csv("moved.csv", index=False, header=False)
    assert linclf("predict m moved.csv --target 3") == rows
    assert json.loads(linclf("evaluate m moved.csv --target -1 --json"))["n"] == 150
    table.assign(more=1).to_csv("more.csv", index=False, header=False)
    ran = linclf("predict m more.csv")
    assert ran == rows
    assert ran.err == "note: more.csv: columns the model was not trained on were ignored: 5\n"


def test_a_header_that_the_training_data_had_not_is_no_row(folder, linclf, in_tmp, monkeypatch) -> None:
    model, text = folder / "csv without a header", (folder / "numbers" / "t.csv").read_text()
    rows = linclf("predict", model, folder / "numbers" / "bare.csv")
    ran = linclf("predict", model, folder / "numbers" / "t.csv")
    assert ran == rows
    assert "its first line is a header, which the training data had not; its columns were taken by position" in ran.err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert linclf("predict", model, "-") == rows
    assert linclf("evaluate --json", model, folder / "numbers" / "t.csv").code == 0
    # a row with an odd cell, or without a number, is no header
    for first in ("?,?,?,?,?", "5.1,3.5,x,0.2,setosa", "-,-,-,-,setosa", "x,x,x,x,setosa"):
        (in_tmp / "odd.csv").write_text(first + "\n" + text.split("\n", 1)[1])
        assert len(linclf("predict", model, "odd.csv").splitlines()) == 151


def test_a_file_without_a_header_is_not_read_as_if_it_had_one(folder, linclf, in_tmp) -> None:
    bare = folder / "numbers" / "bare.csv"
    for kind, message in (
        ("npz", "bare.csv:1: looks like a row of data; pass --no-header, or give it a header"),
        ("csv of numbers", "lacks 4 of the 4 columns .* (or is there no header? pass --no-header)"),
    ):
        ran = linclf("predict", folder / kind, bare)
        assert (ran.code, str(ran), ran.err.count("\n")) == (2, "", 1)
        assert re.search(message.replace("(", r"\(").replace(")", r"\)").replace("?", r"\?"), ran.err)
    pd.DataFrame(X).to_csv("pandas.csv", index=False)  # 0,1,2,3 are the names that pandas gives
    assert linclf("predict", folder / "npz", "pandas.csv").splitlines() == expected(load_model(str(folder / "npz")))


def test_the_columns_of_a_pipe_are_those_of_its_first_rows(folder, linclf, monkeypatch) -> None:
    """JSON objects may have their keys in any order, and rows may arrive one at a time."""
    rows = [dict(zip("abcd", map(float, row), strict=True)) for row in X]
    lines = [json.dumps(row if i % 2 else dict(reversed(row.items()))) + "\n" for i, row in enumerate(rows, 1)]

    class Trickle(io.BytesIO):
        def read1(self, size: int = -1) -> bytes:
            return self.readline()

    stdin = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": Trickle("".join(lines).encode())}))
    ran = linclf("predict --format jsonl", folder / "npz", "-")
    assert ran.splitlines() == expected(load_model(str(folder / "npz")))
    assert ran.err.count("\n") == 1
    del stdin


def test_the_base_of_svmlight_indices_is_that_of_the_first_rows_of_a_pipe(folder, linclf, monkeypatch) -> None:
    class Trickle(io.BytesIO):
        def read1(self, size: int = -1) -> bytes:
            return self.readline()

    monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": Trickle(b"1 1:5 2:3\n1 0:5 1:3\n")}))
    ran = linclf("predict --format svmlight", folder / "csv of numbers", "-")
    assert ran.code == 2
    assert "-:2: has the index 0 where indices count from 1" in ran.err


# --- cells ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["estimator of a frame", "estimator of arrays", "svmlight with zeros"])
@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("word", "t.csv:4: the cell in column 'petal length (cm)' is 'word', and the model takes a number"),
        ("", "t.csv:4: the number in column 'petal length (cm)' is missing, and the model knows no median for it"),
    ],
)
def test_a_cell_that_is_no_number_is_an_error_where_no_median_is_known(
    folder, linclf, in_tmp, kind, cell, message
) -> None:
    table = NUMBERS.astype(object)
    table.iloc[2, 2] = cell
    table.to_csv("t.csv", index=False)
    ran = linclf("predict -q", folder / kind, "t.csv")
    assert (ran.code, str(ran), ran.err.count("\n")) == (2, "", 1)
    assert message in ran.err
    model = load_model(str(folder / kind))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(InputError, match=re.escape(message.split(": ", 1)[1].split(",")[0])):
            model.predict(table.replace("", None))


def test_truth_values_are_the_numbers_that_they_are_in_arrays(linclf, in_tmp) -> None:
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 3] > 1})
    model = LinearClassifier(random_state=0).fit(frame, LABELS)
    model.save("m")
    assert model.model_.predict(frame).tolist() == model.predict(frame).tolist()
    frame.to_csv("t.csv", index=False)
    frame.to_json("t.jsonl", orient="records", lines=True)
    for name in ("t.csv", "t.jsonl"):
        assert linclf("predict m", name).splitlines() == model.predict(frame).tolist()


def test_frames_without_names_of_columns_are_taken_by_position(folder) -> None:
    model = load_model(str(folder / "csv of numbers"))
    with pytest.warns(
        UserWarning, match="X: the data have no names of columns, so they were taken by position as sepal"
    ):
        assert list(model.predict(pd.DataFrame(X))) == expected(model)
    arrays = load_model(str(folder / "estimator of arrays"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(arrays.predict(pd.DataFrame(X))) == expected(arrays)
    with pytest.raises(InputError, match="X: has 5 feature columns, the model was trained on 4"):
        arrays.predict(COLOURED)
    with pytest.raises(InputError, match="X: two of its columns have the same name"):
        arrays.predict(NUMBERS.set_axis(list("aabb"), axis=1))


def test_a_model_of_dense_rows_refuses_an_index_beyond_its_columns(folder, linclf, in_tmp) -> None:
    (in_tmp / "wide.svm").write_text("1 1:5 2:3 3:1 4:1 7:2\n")
    for kind in ("npz", "csv of numbers"):
        ran = linclf("predict", folder / kind, "wide.svm")
        assert (ran.code, str(ran)) == (2, "")
        assert "has 7 feature columns, the model was trained on 4" in ran.err
    (in_tmp / "narrow.svm").write_text("1 1:5 2:3\n")
    for kind in ("npz", "csv of numbers", "csv with gaps", "svmlight"):
        model = load_model(str(folder / kind))
        assert linclf("predict -q", folder / kind, "narrow.svm").split() == [str(x) for x in _narrow(model)]


def _narrow(model: LinearModel) -> list[object]:
    """What a model predicts of a row whose last two numbers are 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.predict(pd.DataFrame([[5.0, 3.0, 0.0, 0.0]], columns=NAMES)).tolist()


def test_matching_copies_no_matrix_that_has_the_columns_in_order() -> None:
    rows = np.eye(3)
    assert match_matrix(rows, ("a", "b", "c"), Schema(3, ("a", "b", "c")), "t")[0] is rows
    assert match_matrix(rows, None, Schema(3), "t")[0] is rows
    swapped, notes = match_matrix(rows, ("a", "b", "c"), Schema(2, ("c", "a")), "t")
    assert (swapped.tolist(), notes) == (rows[:, [2, 0]].tolist(), ())


def test_models_share_the_cached_rows_of_a_table(folder, tmp_path) -> None:
    """Entries depend on the columns that are read, not on what was learned about them."""
    from linclf.data.cache import Cache

    cache, source = Cache(tmp_path / "cache"), Source(str(folder / "numbers" / "t.csv"))
    model = load_model(str(folder / "csv with ids and constants"))
    first = load_features(source, model.schema, cache=cache)
    again = load_features(source, model.schema, cache=cache)
    assert len(cache.entries()) == 1
    np.testing.assert_array_equal(first.X[:], again.X[:])
    assert again.notes == first.notes
    assert load(source, model.schema).X.names == tuple(NAMES)
