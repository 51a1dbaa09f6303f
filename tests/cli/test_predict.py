"""What `linclf predict` prints: labels, scores, probabilities, the best classes, kept columns; as CSV or JSON lines."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from reading import read

from linclf.data import stream as streaming
from linclf.data.stream import Piece, stream
from linclf.errors import RowError
from linclf.model.linear_model import load
from linclf.report.predict import csv_lines, json_lines

N = 90
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "id": [f"{i:04d}" for i in range(N)],
        "x": RNG.standard_normal(N).round(2) + 0.0,  # without -0.0
        "note": [("=1+1", 'say "hi", you', "-5", "two\nlines")[i % 4] for i in range(N)],
        "z": RNG.standard_normal(N).round(3),
    }
)
FRAME["label"] = np.where(FRAME.x > 0.3, "=up", np.where(FRAME.z > 0, "b, c", "down"))
FORMATS = {"t.csv": ",", "t.tsv": "\t"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory):
    """A table in several formats, and models with and without probabilities, of two and of three classes."""
    from linclf.cli import main

    folder = tmp_path_factory.mktemp("predict")
    for name, mark in FORMATS.items():
        FRAME.to_csv(folder / name, index=False, sep=mark)
    FRAME.to_csv(folder / "bare.csv", index=False, header=False)
    FRAME.to_json(folder / "t.jsonl", orient="records", lines=True)
    FRAME.to_parquet(folder / "t.parquet")
    (folder / "t.csv.gz").write_bytes(gzip.compress((folder / "t.csv").read_bytes()))
    two = FRAME.assign(label=np.where(FRAME.x > 0, 1, 0))
    two.to_csv(folder / "two.csv", index=False)
    for name, line in {
        "softmax": "t.csv --loss softmax",
        "hinge": "t.csv --loss hinge",
        "logistic": "two.csv --loss logistic",
        "binary": "two.csv --loss hinge",
    }.items():
        path, *options = line.split()
        drop = ["--drop", "note", "--epochs", "20", "-q", "-o", str(folder / name)]
        assert main(["train", str(folder / path), *options, *drop]) == 0
    return folder


@pytest.fixture
def there(folder, monkeypatch: pytest.MonkeyPatch):
    """The folder of the tables and models, as the working directory."""
    monkeypatch.chdir(folder)
    return folder


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def arrays(model: str) -> tuple[list[str], np.ndarray, np.ndarray | None]:
    """The labels, scores and probabilities of the rows, from Python."""
    loaded = load(model)
    labels = [str(label) for label in loaded.predict(FRAME)]
    return labels, loaded.scores(FRAME), loaded.probabilities(FRAME) if loaded.has_probabilities else None


# --- columns -------------------------------------------------------------------------------------------------------


HEADERS = {
    "": ["prediction"],
    "--label": ["prediction"],
    "--proba": ["p(=up)", "p(b, c)", "p(down)"],
    "--scores": ["score(=up)", "score(b, c)", "score(down)"],
    "--label --proba": ["prediction", "p(=up)", "p(b, c)", "p(down)"],
    "--keep id --label --scores": ["id", "prediction", "score(=up)", "score(b, c)", "score(down)"],
    "--keep note,id --keep x": ["note", "id", "x", "prediction"],
    "--top 2": ["top_1", "p_1", "top_2", "p_2"],
    "--top 2 --scores --label": ["prediction", "top_1", "score_1", "top_2", "score_2"],
    "--top 9 --keep label": ["label", "top_1", "p_1", "top_2", "p_2", "top_3", "p_3"],
}


@pytest.mark.parametrize("options", HEADERS)
def test_the_header_names_the_columns_and_json_has_the_same_names(linclf, there, options: str) -> None:
    plain = linclf("predict softmax t.csv", *options.split())
    headed = linclf("predict softmax t.csv --header", *options.split())
    rows = rows_of(plain)
    assert rows_of(headed) == [HEADERS[options], *rows]
    assert headed.endswith(plain)
    objects = [json.loads(line) for line in linclf("predict softmax t.csv --to jsonl", *options.split()).splitlines()]
    assert [list(one) for one in objects] == [HEADERS[options]] * N
    # JSON has numbers and text, CSV their spelling
    assert [[cell if isinstance(cell, str) else repr(cell) for cell in one.values()] for one in objects] == [
        [repr(float(cell)) if name.startswith(("p", "score")) and name != "prediction" else cell
         for name, cell in zip(HEADERS[options], row, strict=True)] for row in rows
    ]  # fmt: skip


def test_labels_scores_and_probabilities_are_those_of_the_model(linclf, there) -> None:
    labels, scores, probabilities = arrays("softmax")
    rows = rows_of(linclf("predict softmax t.csv --keep id --label --proba"))
    assert [row[:2] for row in rows] == [[one, label] for one, label in zip(FRAME.id, labels, strict=True)]
    np.testing.assert_array_equal(np.array([row[2:] for row in rows], float), probabilities)
    rows = rows_of(linclf("predict softmax t.csv --label --scores"))
    np.testing.assert_array_equal(np.array([row[1:] for row in rows], float), scores)
    # alone they are printed as ever
    assert rows_of(linclf("predict softmax t.csv --scores")) == [row[1:] for row in rows]
    assert [row[0] for row in rows_of(linclf("predict softmax t.csv"))] == labels


@pytest.mark.parametrize("K", [1, 2, 3, 5])
def test_the_best_classes_by_probability_or_score(linclf, there, K: int) -> None:
    classes = np.array(["=up", "b, c", "down"])
    _, scores, probabilities = arrays("softmax")
    for options, figures in (("", probabilities), ("--scores", scores), ("--proba", probabilities)):
        rows = rows_of(linclf(f"predict softmax t.csv --top {K} {options}"))
        for row, of_row in zip(rows, figures, strict=True):
            best = sorted(range(3), key=lambda k: -of_row[k])[:K]
            assert row[::2] == classes[best].tolist()
            assert list(map(float, row[1::2])) == [of_row[k] for k in best]
    # without probabilities, the scores
    hinge = rows_of(linclf(f"predict hinge t.csv --top {K} --header"))
    assert hinge[0][:2] == ["top_1", "score_1"]
    assert [row[0] for row in hinge[1:]] == arrays("hinge")[0]
    ran = linclf(f"predict hinge t.csv --top {K} --proba")
    assert (ran.code, str(ran)) == (2, "")
    assert "has no probabilities" in ran.err


def test_two_classes_with_one_output(linclf, there) -> None:
    labels, scores, probabilities = arrays("logistic")
    rows = rows_of(linclf("predict logistic t.csv --label --scores --header"))
    assert rows[0] == ["prediction", "score(1)"]
    assert [row[1] for row in rows[1:]] == [str(s) for s in scores[:, 0]]
    rows = rows_of(linclf("predict logistic t.csv --proba --header"))
    assert rows[0] == ["p(0)", "p(1)"]
    for name, options in (("logistic", "--scores"), ("binary", "")):
        labels, scores, _ = arrays(name)
        rows = rows_of(linclf(f"predict {name} t.csv --top 2 {options}"))
        assert [row[0] for row in rows] == labels
        for row, s in zip(rows, scores[:, 0], strict=True):
            assert [float(row[1]), float(row[3])] == [abs(s), -abs(s)]
    first = json.loads(linclf("predict logistic t.csv --label --top 1 --to jsonl").splitlines()[0])
    assert isinstance(first["prediction"], int)  # labels have their own types
    assert first["top_1"] == first["prediction"]
    assert probabilities is not None


# --- kept columns --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["t.csv", "t.tsv", "t.jsonl", "t.parquet", "t.csv.gz", "bare.csv", "stdin"])
def test_kept_columns_are_copied_as_they_are(linclf, there, monkeypatch, data: str) -> None:
    keep, options = "id,note,x,label", []
    if data == "bare.csv":
        keep, options = "0,2,1,4", ["--no-header", "--target", "4", "--drop", "0,2"]
    if data == "stdin":
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((there / "t.csv").read_bytes())))
    ran = linclf("predict softmax --keep", keep, "-" if data == "stdin" else data, *options)
    assert ran.code == 0, ran.err
    expected = zip(FRAME.id, FRAME.note, FRAME.x.map(repr), FRAME.label, arrays("softmax")[0], strict=True)
    assert rows_of(ran) == [list(row) for row in expected]


def test_keeping_a_column_changes_no_prediction(linclf, in_tmp) -> None:
    """A number that is copied as text is still read as a number."""
    values = RNG.standard_normal((50, 2))
    frame = pd.DataFrame(values, columns=["a", "b"]).assign(label=np.arange(50) % 2)
    frame.to_csv("t.csv", index=False)
    assert linclf("train t.csv -q -o m --dtype float64").code == 0
    rows = rows_of(linclf("predict m t.csv --scores --keep a,b"))
    assert [row[2:] for row in rows] == rows_of(linclf("predict m t.csv --scores"))
    assert [row[:2] for row in rows] == [[repr(a), repr(b)] for a, b in values.tolist()]


def test_cells_are_copied_as_text_and_values_of_json_as_values(linclf, in_tmp) -> None:
    text = "a,b,c\n1, 007 ,NA\n2,1.50,\n3,1e3,TRUE\n"
    (in_tmp / "t.csv").write_text(text)
    read(in_tmp / "train.csv", "a,label\n" + "1,x\n2,y\n" * 5)
    assert linclf("train train.csv -q -o m").code == 0
    rows = rows_of(linclf("predict m t.csv --keep b,c"))
    assert [row[:2] for row in rows] == [["007 ", "NA"], ["1.50", ""], ["1e3", "TRUE"]]
    found = [json.loads(line) for line in linclf("predict m t.csv --keep b,c --to jsonl").splitlines()]
    assert [(one["b"], one["c"]) for one in found] == [("007 ", "NA"), ("1.50", ""), ("1e3", "TRUE")]
    values = [7, "007", None, True, 1.5, [1, {"k": None}], {"é": 2**70}]
    (in_tmp / "t.jsonl").write_text("".join(json.dumps({"a": 1, "b": value}) + "\n" for value in values) + '{"a": 2}\n')
    found = [json.loads(line) for line in linclf("predict m t.jsonl --keep b --to jsonl").splitlines()]
    assert [one["b"] for one in found] == [*values, None]
    cells = [row[0] for row in rows_of(linclf("predict m t.jsonl --keep b"))]
    assert cells == ["7", "007", "", "true", "1.5", '[1, {"k": null}]', '{"é": 1180591620717411303424}', ""]
    (in_tmp / "n.jsonl").write_text('{"a": 1, "b": NaN}\n{"a": 1, "b": -Infinity}\n')
    found = [json.loads(line)["b"] for line in linclf("predict m n.jsonl --keep b --to jsonl").splitlines()]
    assert found == ["nan", "-inf"]


def test_dates_and_missing_cells_of_parquet(linclf, in_tmp) -> None:
    frame = pd.DataFrame({"a": [1, 2], "n": pd.array([7, None], "Int64"), "day": pd.to_datetime(["2024-01-02", None])})
    frame.to_parquet("t.parquet")
    read(in_tmp / "train.csv", "a,label\n" + "1,x\n2,y\n" * 5)
    assert linclf("train train.csv -q -o m").code == 0
    assert [row[:2] for row in rows_of(linclf("predict m t.parquet --keep n,day"))] == [
        ["7", "2024-01-02 00:00:00"],
        ["", ""],
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "t.csv --keep idd",
            "t.csv: --keep idd: there is no such column; did you mean 'id'?; the columns are id, x, note",
        ),
        ("t.jsonl --keep idd", "t.jsonl: --keep idd: there is no such column; did you mean 'id'?"),
        ("t.parquet --keep idd", "t.parquet: --keep idd: there is no such column; did you mean 'id'?"),
        ("iris --keep id", "iris: --keep copies columns of a table, and this is a named data set; leave it out"),
        ("t.svm --keep id", "t.svm: --keep copies columns of a table, and svmlight has none; leave it out"),
        ("t.npz --keep id", "t.npz: --keep copies columns of a table, and npz has none; leave it out"),
        ("odd.csv --keep prediction --header", "--keep prediction: the output has a column of this name; leave it out"),
        ("odd.csv --keep p(down) --proba", "--keep p(down): the output has a column of this name; leave it out"),
        ("t.csv --top 0", "0 is not in the range x>=1"),
        ("t.csv --to xml", "'xml' is not one of 'csv', 'jsonl'"),
        ("nothing.csv --keep id", "nothing.csv: there is no such file"),
        ("nothing", "nothing: there is no data set and no file of this name"),
        (". --format csv", ".: is a directory; give a file"),
    ],
)
def test_errors(linclf, there, line: str, message: str) -> None:
    FRAME.assign(prediction=1).rename(columns={"note": "p(down)"}).to_csv("odd.csv", index=False)
    (there / "t.svm").write_text("1 1:1\n")
    np.savez(there / "t.npz", X=np.ones((1, 2)))
    ran = linclf("predict softmax", *line.split())
    assert (ran.code, str(ran), ran.err.count("\n")) == (2, "", 1)
    assert message in ran.err


# --- files ---------------------------------------------------------------------------------------------------------


def test_the_suffix_of_the_output_decides_unless_to_does(linclf, there, tmp_path) -> None:
    shown = {to: linclf(f"predict softmax t.csv --keep id --to {to}") for to in ("csv", "jsonl")}
    for name, to, expected in (
        ("o.jsonl", "", "jsonl"), ("o.NDJSON", "", "jsonl"), ("o.txt", "", "csv"), ("o", "", "csv"),
        ("p.txt", "jsonl", "jsonl"), ("p.jsonl", "csv", "csv"),
    ):  # fmt: skip
        assert linclf("predict softmax t.csv --keep id -o", tmp_path / name, *(["--to", to] if to else [])) == ""
        assert (tmp_path / name).read_text() == shown[expected]


def test_text_that_a_spreadsheet_would_evaluate_has_an_apostrophe_in_a_csv_file(linclf, there, tmp_path) -> None:
    line = "predict softmax t.csv --keep note --label --top 1 --proba --header -o"
    linclf(line, tmp_path / "o.csv")
    linclf(line, tmp_path / "o.txt")
    guarded, plain = (rows_of((tmp_path / name).read_text()) for name in ("o.csv", "o.txt"))
    assert plain[0] == guarded[0] == ["note", "prediction", "top_1", "p_1"]
    for got, wanted in zip(guarded[1:], plain[1:], strict=True):
        assert got == [f"'{cell}" if cell.startswith("=") else cell for cell in wanted]
    assert "-5" in {row[0] for row in guarded}  # a number is no formula
    assert csv_lines([["-x", "-5", "-1.5e-3", "+1", "'", "a"]], guard=True) == b"'-x\n-5\n-1.5e-3\n'+1\n''\na\n"
    assert csv_lines([np.array([-1.5, 2])], guard=True) == b"-1.5\n2.0\n"


def test_an_output_file_is_written_completely_or_not_at_all(linclf, there, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(streaming, "PIECE", 300)
    (tmp_path / "bad.csv").write_text((there / "t.csv").read_text() + "9999,1\n")
    (tmp_path / "o.csv").write_text("before")
    ran = linclf("predict softmax", tmp_path / "bad.csv", "-o", tmp_path / "o.csv")
    assert ran.code == 2
    assert (tmp_path / "o.csv").read_text() == "before"
    assert sorted(os.listdir(tmp_path)) == ["bad.csv", "o.csv"]


def test_float32_figures_have_the_same_digits_in_both_formats() -> None:
    figures = np.array([0.1, 1 / 3, 1e-9], np.float32)
    assert json_lines(["p"], [figures]) == b'{"p": 0.1}\n{"p": 0.33333334}\n{"p": 1e-09}\n'
    assert csv_lines([figures], guard=False) == b"0.1\n0.33333334\n1e-09\n"


# --- pieces --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["t.csv", "t.tsv", "t.jsonl", "t.csv.gz", "bare.csv", "odd.csv", "lines.csv", "t.svm"])
@pytest.mark.parametrize("size", [100, 1000])
def test_a_file_read_in_pieces_gives_the_same_lines_and_notes(linclf, there, monkeypatch, data: str, size: int) -> None:
    """Unknown levels are counted over the whole file, and the header and the end are looked at once."""
    odd = FRAME.assign(extra=1, x=np.where(np.arange(N) % 7 == 3, "?", FRAME.x.astype(str)))
    odd.to_csv(there / "odd.csv", index=False)
    (there / "lines.csv").write_text("\n\n" + (there / "t.csv").read_text().rstrip("\n"))
    (there / "t.svm").write_text("".join(f"1 1:{i} # {i}\n# nothing else\n" for i in range(60)) + "0 2:1 9:1\n0 7:1")
    categories = FRAME.assign(note=["a", "b", "c"] * 30)
    categories.to_csv(there / "categories.csv", index=False)
    train = {"t.svm": "t.svm"}.get(data, "categories.csv --category note")
    assert linclf(f"train {train} --epochs 3 -q -o m").code == 0
    if data == "t.svm":  # its last indices are beyond those of the model
        (there / "train.svm").write_text("1 1:2\n0 2:1\n" * 5)
        assert linclf("train train.svm --epochs 3 -q -o m").code == 0
    options = ["--no-header", "--target", "4"] if data == "bare.csv" else []
    whole = linclf("predict m --scores --lenient", data, *options)
    assert whole.code == 0, whole.err
    monkeypatch.setattr(streaming, "PIECE", size)
    pieces = linclf("predict m --scores --lenient", data, *options)
    assert (pieces, pieces.err) == (whole, whole.err)
    assert len(pieces.splitlines()) == (62 if data == "t.svm" else N)
    assert "note: " in pieces.err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [*lines, "1,2"], "bad.csv:1001: has 2 cells where 3 are expected; fix the line"),
        (lambda lines: [*lines, "1,2,3,4"], "bad.csv:1001: has 4 cells where 3 are expected"),
        (lambda lines: [*lines, "1e999,1,0"], "bad.csv:1001: the cell in column 'a' is too large for a number"),
        (lambda lines: [*lines[:900], "", *lines[900:], "1e308,1,0"], "bad.csv:1002: has 1e+308 in a, which is beyond"),
        (lambda lines: [*lines, '1,"2,3'], "bad.csv:1001: opens a quote that is never closed"),
        (lambda lines: [*lines, "1,\0,3"], "bad.csv:1001: has a NUL byte"),
        (lambda lines: lines[:1], "bad.csv: contains no rows below its header"),
        (lambda lines: [], "bad.csv: is empty; give a file with rows"),
        (lambda lines: ["a,label", *(line[2:] for line in lines[1:])], "bad.csv: lacks 1 of the 2 columns of the"),
    ],
)  # fmt: skip
def test_errors_in_later_pieces_name_the_line(linclf, in_tmp, monkeypatch, change, message: str) -> None:
    lines = ["a,b,label", *(f"{i % 7},{i % 5},{i % 2}" for i in range(999))]
    (in_tmp / "t.csv").write_text("\n".join(lines) + "\n")
    assert linclf("train t.csv --scale none --epochs 3 -q -o m").code == 0
    (in_tmp / "bad.csv").write_text("".join(f"{line}\n" for line in change(lines)))
    expected = linclf("predict m bad.csv")
    assert (expected.code, expected.err.count("\n")) == (2, 1)
    assert expected == "" or "quote" in message  # the rows before an open quote are whole records
    assert message in expected.err
    monkeypatch.setattr(streaming, "PIECE", 500)
    ran = linclf("predict m bad.csv")
    assert (ran.code, ran.err) == (2, expected.err)
    assert ran == "" or (linclf("predict m t.csv").startswith(ran) and len(ran.splitlines()) > 900)


def test_a_row_that_cannot_be_scored_is_named_with_its_number_where_there_are_no_lines(
    linclf, in_tmp, monkeypatch
) -> None:
    (in_tmp / "t.svm").write_text("1 1:1\n0 2:1\n" * 200 + "0 1:1e300\n")
    (in_tmp / "train.svm").write_text("1 1:1\n0 2:1\n" * 20)
    assert linclf("train train.svm --epochs 3 -q -o m").code == 0
    monkeypatch.setattr(streaming, "PIECE", 100)
    ran = linclf("predict m t.svm")
    assert ran.code == 2
    assert "error: t.svm: row 400 (from 0): has 1e+300 in index 1, which is beyond the float32" in ran.err
    with pytest.raises(RowError, match=r"^row 0 \(from 0\) has 1e\+300 in index 1"):
        load("m").scores(np.array([[1e300, 0.0]]))


def test_every_piece_without_a_header_has_the_columns_of_the_first(linclf, in_tmp, monkeypatch) -> None:
    rows = [f"{'[a]' if i % 2 else '{b;'},{i},{i % 2}" for i in range(40)]
    (in_tmp / "t.csv").write_text("first,1,1\n" + "\n".join(rows) + "\n")
    assert linclf("train t.csv --no-header --target 2 --category 0 --epochs 3 -q -o m").code == 0
    whole = linclf("predict m t.csv")
    monkeypatch.setattr(streaming, "PIECE", 20)
    assert linclf("predict m t.csv") == whole  # cells that would be JSON at the beginning of a file
    for row in ("a,1", "a", "a,1,1,1"):  # two cells would be a table without its label
        (in_tmp / "bad.csv").write_text("first,1,1\n" + "\n".join([*rows, row, *rows]) + "\n")
        ran = linclf("predict m bad.csv")
        assert ran.code == 2
        assert f"bad.csv:42: has {row.count(',') + 1} cells where 3 are expected; fix the line" in ran.err


def test_the_first_rows_of_a_file_are_printed_before_its_last_ones_are_there(there, tmp_path) -> None:
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    command = [sys.executable, "-m", "linclf", "predict", "softmax", str(path), "--keep", "id", "--header"]
    with subprocess.Popen(command, stdout=-1) as run, open(path, "wb", buffering=0) as pipe:
        pipe.write(b"x,z,id\n1,2,first\n")
        assert run.stdout.readline() == b"id,prediction\n"
        assert run.stdout.readline().startswith(b"first,")
        pipe.write(b"2,3,second\n")
        assert run.stdout.readline().startswith(b"second,")
        pipe.close()
        assert run.wait() == 0


def test_pieces_of_a_file_are_bounded(there, monkeypatch) -> None:
    from linclf.data.source import Source

    monkeypatch.setattr(streaming, "PIECE", 500)
    monkeypatch.setattr(streaming, "BEGINNING", 500)
    for name in ("t.csv", "t.jsonl", "t.csv.gz"):
        pieces: list[Piece] = list(stream(Source(name), load("softmax").schema, ("id",)))
        sizes = [piece.X.shape[0] for piece in pieces]
        assert sum(sizes) == N
        assert max(sizes) < 30 or name == "t.csv.gz"
        assert [one for piece in pieces for one in piece.kept[0]] == FRAME.id.tolist()


def test_unknown_cells_are_told_apart_up_to_a_limit(linclf, in_tmp, monkeypatch) -> None:
    monkeypatch.setattr(streaming, "MAX_UNKNOWN", 3)
    (in_tmp / "t.csv").write_text("c,label\n" + "a,x\nb,y\n" * 5)
    assert linclf("train t.csv --category c -q -o m").code == 0
    (in_tmp / "new.csv").write_text("c\n" + "".join(f"u{i}\n" for i in range(6)))
    ran = linclf("predict m new.csv")
    assert "levels that training never saw in 6 rows" in ran.err
    assert "'u0' (1), 'u1' (1), 'u2' (1), '(others)' (3)" in ran.err
