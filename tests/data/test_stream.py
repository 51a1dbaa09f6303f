"""Predictions of rows on standard input as they arrive."""

import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linclf.data.stream import available, whole_records

COMMAND = [sys.executable, "-m", "linclf"]
TABLE = 'n,c,label\n1,a,x\n2,"b, ""c""",y\n3,"d\ne",x\n4,a,y\n' + "5,a,x\n6,d,y\n" * 10


class Pieces(io.RawIOBase):
    """A file whose content arrives in pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = [piece for piece in pieces if piece]

    def read1(self, size: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


field = st.text(st.sampled_from('a",\n é'), max_size=6)


@given(st.lists(st.lists(field, min_size=2, max_size=3), max_size=8), st.lists(st.integers(0, 200)), st.booleans())
def test_pieces_end_where_records_do(rows: list[list[str]], cuts: list[int], ended: bool) -> None:
    """However the bytes arrive, each piece has whole records, nothing is lost, and no record waits for the next one."""
    import csv

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    content = text.getvalue().encode()
    content = content if ended else content.rstrip(b"\n")
    cuts = sorted({min(c, len(content)) for c in cuts})
    parts = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    pieces = list(whole_records(available(Pieces(parts)), separator=","))
    assert b"".join(pieces) == content
    for piece in pieces[:-1]:
        assert piece.endswith(b"\n")
        assert piece.count(b'"') % 2 == 0
    found = [row for piece in pieces for row in csv.reader(io.StringIO(piece.decode(), newline=""))]
    assert found == list(csv.reader(io.StringIO(content.decode(), newline="")))


def test_a_quoted_header_after_a_byte_order_mark_is_one_record() -> None:
    header, row = b'\xef\xbb\xbf"a\nb",c\n', b"1,2\n"
    assert list(whole_records(available(Pieces([header[:6], header[6:] + row])), separator=",")) == [header + row]


def test_a_stray_quote_does_not_take_quadratic_time() -> None:
    rows = b"1,2,3\n" * 20_000
    pieces = list(whole_records(available(Pieces([b'5" pipe,1\n', *[rows] * 30])), separator=","))
    assert b"".join(pieces) == b'5" pipe,1\n' + rows * 30
    assert len(pieces) == 31  # a quote inside a cell does not open a quoted cell
    assert len(list(whole_records(available(Pieces([b'"never closed,1\n', *[rows] * 30])), separator=","))) == 1


@pytest.fixture
def model(linclf, in_tmp) -> str:
    (in_tmp / "t.csv").write_text(TABLE)
    assert linclf("train t.csv --loss softmax --category c --min-count 1 -q -o m").code == 0
    return "m"


def start(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen([*COMMAND, "predict", *arguments], stdin=-1, stdout=-1, stderr=-1)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "no header"])
def test_each_row_is_predicted_before_the_next_one_arrives(linclf, model, in_tmp, kind: str) -> None:
    expected = linclf("predict m t.csv").splitlines()[:4]
    rows = [["1", "a"], ["2", 'b, "c"'], ["3", "d\ne"], ["4", "a"]]
    if kind == "jsonl":
        import json

        head, lines = "", [json.dumps({"n": int(n), "c": c}) + "\n" for n, c in rows]
        lines[3] = json.dumps({"c": "a"}) + "\n"  # the columns are known from the first row
        expected[3] = linclf("predict m t.jsonl") if (in_tmp / "t.jsonl").write_text(lines[0] + lines[3]) else ""
        expected[3] = expected[3].splitlines()[1]
    else:
        mark = "\t" if kind == "tsv" else ","
        quoted = [[f'"{c.replace(chr(34), chr(34) * 2)}"' for c in row] for row in rows]
        head, lines = mark.join(["n", "c"]) + "\n", [mark.join(row) + "\n" for row in quoted]
    options = ["--format", "tsv"] if kind == "tsv" else ["--format", "jsonl"] if kind == "jsonl" else []
    if kind == "no header":
        head, options = "", ["--no-header"]
    with start(model, "-", *options) as run:
        run.stdin.write(head.encode())
        answers = []
        for line in lines:
            run.stdin.write(line.encode())
            run.stdin.flush()
            answers.append(run.stdout.readline().decode().rstrip())
        run.stdin.close()
        assert run.stdout.read() == b""
        assert answers == expected
        assert run.wait() == 0


def test_the_error_for_a_wrong_row_names_its_line_after_the_rows_before_it_are_predicted(model) -> None:
    with start(model, "-") as run:
        run.stdin.write(b"\nn,c\n1,a\n\n")
        run.stdin.flush()
        assert run.stdout.readline()
        run.stdin.write(b'2,"a\nb"\n2,a\n3\n4,a\n')  # in one piece: the rows before the wrong one are predicted
        run.stdin.close()
        assert run.stdout.read().count(b"\n") == 2
        assert b"error: -:8: has 1 cells where 2 are expected" in run.stderr.read()
        assert run.wait() == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "contains no rows"),
        ("\n\n", "contains no rows"),
        ("n,c\n", "contains no rows"),
        ("n\n1\n", "lacks 1 of the 2 columns of the training data: c"),
        ("n,c\n1,a,2\n", "-:2: has 3 cells where 2 are expected"),
        ("n,c\n1e999,a\n", "-:2: the cell in column 'n' is too large"),
    ],
)
def test_wrong_input_is_one_error_line(linclf, model, monkeypatch, text: str, message: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    ran = linclf(f"predict {model} -")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert message in ran.err


def test_large_input_gives_the_same_predictions_as_a_file(linclf, in_tmp) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((6000, 20)).round(3), np.arange(6000) % 3  # ten times what a pipe passes at a time
    for name, mark in (("t.csv", ","), ("t.tsv", "\t")):
        head = mark.join([*(f"c{i}" for i in range(20)), "y"])
        np.savetxt(name, np.column_stack([X, y]), "%.7g", mark, header=head, comments="")
    with open("t.svm", "w") as file:
        file.writelines(
            f"{k} " + " ".join(f"{j + 1}:{v:g}" for j, v in enumerate(x)) + "\n" for x, k in zip(X, y, strict=True)
        )
    for name in ("t.csv", "t.tsv", "t.svm"):
        assert linclf("train --epochs 1 -q -o m", name).code == 0
        expected = linclf("predict m", name)
        cat = f"cat {name} | {sys.executable} -m linclf predict m -"
        assert subprocess.run(cat, shell=True, capture_output=True, text=True, check=True).stdout == expected
    with open(name, "rb") as file:
        ran = subprocess.run([*COMMAND, "predict", "m", "-"], stdin=file, capture_output=True, check=True)
    assert ran.stdout.decode() == expected


def test_model_and_data_cannot_both_be_stdin(linclf) -> None:
    ran = linclf("predict - -")
    assert (ran.code, ran.err) == (
        2,
        "error: the model and the data cannot both come from stdin; give one of them as a file\n",
    )
