"""Several files, named by a pattern, are read as if they were one."""

import gzip
import io
import json
import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from linclf.data.load import load
from linclf.data.readers.several import matching_files
from linclf.data.source import Source
from linclf.errors import InputError
from linclf.model.linear_model import load as load_model

N, CUTS = 60, (0, 7, 31, 60)
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "size": RNG.standard_normal(N).round(3),
        "late": [str(i) for i in range(N - 1)] + ["none"],  # numbers but for a word in the last part
        "colour": RNG.choice(["red", 'a, "b"\nc', "日本 é", "blue"], N),
        "label": RNG.choice(["u", "v"], N),
    }
)
PARTS = [FRAME[a:b] for a, b in pairwise(CUTS)]
NAMES = ["part-1", "part-2", "part-10"]


def svmlight(frame: pd.DataFrame) -> str:
    return "".join(f"{i % 2} 1:{x} {3 + i % 4}:1\n" for i, x in zip(frame.index, frame["size"], strict=True))


def arrow(frame: pd.DataFrame, **options) -> bytes:
    content = io.BytesIO()
    frame.reset_index(drop=True).to_feather(content, **options)
    return content.getvalue()


WRITERS = {
    ".csv": lambda frame: frame.to_csv(index=False),
    ".tsv": lambda frame: frame.to_csv(index=False, sep="\t"),
    ".jsonl": lambda frame: frame.to_json(orient="records", lines=True),
    ".svm": svmlight,
    ".parquet": lambda frame: frame.to_parquet(index=False),
    ".feather": lambda frame: arrow(frame, compression="zstd"),
    ".csv.gz": lambda frame: gzip.compress(frame.to_csv(index=False).encode()),
}


def write(folder, suffix: str, change=lambda text, i: text) -> None:
    """Write the whole and its parts."""
    for name, frame in (("whole", FRAME), *zip(NAMES, PARTS, strict=True)):
        content = change(WRITERS[suffix](frame), NAMES.index(name) if name in NAMES else -1)
        (folder / f"{name}{suffix}").write_bytes(content.encode() if isinstance(content, str) else content)


def assert_same(found, expected) -> None:
    assert found.labels().tolist() == expected.labels().tolist()
    assert found.schema == expected.schema
    if hasattr(expected.X, "texts"):
        np.testing.assert_array_equal(found.X.numbers, expected.X.numbers)
        assert {name: cells.texts().tolist() for name, cells in found.X.texts.items()} == {
            name: cells.texts().tolist() for name, cells in expected.X.texts.items()
        }
    else:
        np.testing.assert_array_equal(found.X.toarray(), expected.X.toarray())


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_data_set_is_that_of_one_file(in_tmp, suffix: str) -> None:
    write(in_tmp, suffix)
    found = load(Source(f"part-*{suffix}"))
    assert_same(found, load(Source(f"whole{suffix}")))
    names = ", ".join(f"{name}{suffix}" for name in NAMES)
    assert found.notes == (f"3 files were read as one: {names}",)


@pytest.mark.parametrize(
    "change",
    [
        lambda text, i: text.replace("\n", "\r\n"),
        lambda text, i: "\ufeff" + text,
        lambda text, i: text.rstrip("\n"),
        lambda text, i: "\n \n" + text + "\n\n",
        lambda text, i: text.replace("size,late", '"size", late') if i > 0 else text,
    ],
    ids=["CRLF", "BOM", "no last newline", "blank lines", "other quotes"],
)
def test_ends_and_headers_of_files_do_not_matter(in_tmp, change) -> None:
    write(in_tmp, ".csv", change)
    found, expected = load(Source("part-*.csv")), load(Source("whole.csv"))
    assert_same(found, expected)
    cut = "its last line has no line end; is the file complete?"
    assert found.notes[1:] == (tuple(f"{name}.csv: {cut}" for name in NAMES) if expected.notes else ())


def test_columns_may_be_in_any_order(in_tmp) -> None:
    write(in_tmp, ".csv")
    write(in_tmp, ".parquet")
    PARTS[1][["label", "colour", "late", "size"]].to_csv("part-2.csv", index=False)
    PARTS[1][["label", "colour", "late", "size"]].to_parquet("part-2.parquet", index=False)
    for suffix in (".csv", ".parquet"):
        assert_same(load(Source(f"part-*{suffix}")), load(Source(f"whole{suffix}")))


def test_files_without_a_header(in_tmp) -> None:
    write(in_tmp, ".csv", lambda text, i: text.split("\n", 1)[1])
    found = load(Source("part-*.csv", header=False, target="3"))
    assert_same(found, load(Source("whole.csv", header=False, target="3")))


def test_a_pattern_works_in_every_command(linclf, in_tmp) -> None:
    write(in_tmp, ".csv")
    outputs = {}
    for name, data in (("one", "whole.csv"), ("many", "part-*.csv")):
        trained = linclf(f"train -q --json -o {name}", data, "--test", data, "--val", data)
        assert trained.code == 0
        evaluated = linclf(f"evaluate --json {name}") + linclf("evaluate --json one", data)
        predicted = linclf("predict --proba --keep size one", data)
        explained = linclf("explain one --row 40 --json", data)
        swept = linclf("sweep -q --json --loss softmax --reg 1e-3 --epochs 3", data)
        checked = linclf("doctor --json", data)
        assert "'part-*.csv'" in checked or name == "one"
        outputs[name] = [
            re.sub(
                r'"(data|model|command|load|train|total|search|seconds)": ?([\d.e-]+|"[^"]*")|"notes": \[.*?\]',
                "",
                text,
            )
            for text in (trained, evaluated, predicted, explained, swept, checked)
        ]
    for one, many in zip(outputs["one"], outputs["many"], strict=True):
        assert len(one) > 100
        assert many == one
    one, many = load_model("one"), load_model("many")
    assert (many.weight.tobytes(), many.bias.tobytes()) == (one.weight.tobytes(), one.bias.tobytes())
    assert json.loads(linclf("evaluate --json many --part all"))["n"] == 3 * N  # and its test and validation files
    (in_tmp / "part-11.csv").write_text("size,late,colour,label\n1,2,3,u\n")
    changed = linclf("evaluate many")
    assert (changed.code, "part-*.csv: has changed since the model was trained" in changed.err) == (2, True)


def test_an_output_must_not_overwrite_one_of_the_files(linclf, in_tmp) -> None:
    write(in_tmp, ".csv")
    before = (in_tmp / "part-2.csv").read_bytes()
    assert "part-2.csv: is also a file that this command reads" in linclf("train part-*.csv -o part-2.csv").err
    assert (in_tmp / "part-2.csv").read_bytes() == before


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".svm", ".parquet", ".feather"])
def test_predictions_are_those_of_one_file_in_order(linclf, in_tmp, suffix: str) -> None:
    write(in_tmp, suffix)
    assert linclf(f"train whole{suffix} -q -o m").code == 0
    expected = linclf(f"predict m whole{suffix} --scores")
    assert expected.count("\n") == N
    assert linclf(f"predict m part-*{suffix} --scores") == expected


def test_svmlight_files_count_from_the_same_index(linclf, in_tmp) -> None:
    (in_tmp / "part-1.svm").write_text("1 1:1 2:3\n0 2:4\n")
    (in_tmp / "part-2.svm").write_text("1 0:1 2:3\n0 2:4\n")
    found = load(Source("part-*.svm"))
    assert (found.schema.zero_based, found.X.shape) == (True, (4, 3))
    (in_tmp / "t.csv").write_text("a,b,c,label\n" + "1,2,3,u\n2,2,1,v\n" * 9)
    assert linclf("train t.csv -q -o m").code == 0
    whole = (in_tmp / "part-1.svm").read_text() + (in_tmp / "part-2.svm").read_text()
    (in_tmp / "whole.svm").write_text(whole)
    assert linclf("predict m part-*.svm --scores") == linclf("predict m whole.svm --scores")


CSV = "a,b,label\n1,2,x\n3,4,y\n"


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ('b,a,label\n"\n1",2,x\n\n1,2,3,x\n', "part-2.csv:5: has 4 cells where 3 are expected"),
        ("a,b,label\n1,2,x,9\n", "part-2.csv:2: has 4 cells where 3 are expected"),
        ("a,b,label\n1,2\n", "part-2.csv:2: has 2 cells where 3 are expected"),
        ("a,b,label\n\n1e999,2,x\n", "part-2.csv:3: the cell in column 'a' is too large"),
        ("a,b,label\n1,2,\xff\1\n".encode("latin1"), "part-2.csv:2: is not UTF-8 text"),
        ("a,b,label\n1,2,\0\n", "part-2.csv:2: has a NUL byte"),
        ('a,b,label\n1,"2,x\n', "part-2.csv: opens a quote that is never closed"),
        ("a,c,label\n1,2,x\n", "part-2.csv: has other columns than part-1.csv: lacks b and has c besides"),
        ("a,label\n1,x\n", "part-2.csv: has other columns than part-1.csv: lacks b; give all files the same columns"),
        ("1,2,x\n3,4,y\n", "part-2.csv: has other columns than part-1.csv: lacks a, b, label and has 1, 2, x besides"),
        ("", "part-2.csv: is empty"),
    ],
)
def test_errors_name_the_file_and_its_line(in_tmp, second: str | bytes, message: str) -> None:
    for name in ("part-1.csv", "part-3.csv"):
        (in_tmp / name).write_text(CSV)
    (in_tmp / "part-2.csv").write_bytes(second if isinstance(second, bytes) else second.encode())
    with pytest.raises(InputError) as error:
        load(Source("part-*.csv"))
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train part-*.csv --weight w", "part-*.csv: part-2.csv:3: the weight in column 'w'"),
        ("train part-*.csv --time b", "part-*.csv: part-2.csv:4: the time in column 'b' is missing"),
        ("predict m part-*.csv", "error: part-2.csv:4: the number in column 'b' is missing"),
    ],
)
def test_errors_after_reading_name_the_file_and_its_line(linclf, in_tmp, command: str, message: str) -> None:
    table = np.column_stack([np.arange(40) % 7, np.arange(40), np.ones(40)])
    np.savez("t.npz", X=table, y=np.arange(40) % 2)
    assert linclf("train t.npz -q -o m").code == 0
    (in_tmp / "part-1.csv").write_text("a,b,w,label\n" + "1,2,1,x\n3,4,1,y\n" * 9)
    (in_tmp / "part-2.csv").write_text("b,a,w,label\n4,1,1,x\n3,4,-1,y\n,7,1,x\n")
    ran = linclf(command)
    assert (ran.code, message in ran.err) == (2, True), ran.err


def test_files_that_do_not_fit_together_are_refused(in_tmp) -> None:
    for folder in ("a", "b", "c", "d", "e", "none"):
        (in_tmp / folder).mkdir()
    for name in ("a/1.csv", "b/1.csv"):
        (in_tmp / name).write_text(CSV)
    (in_tmp / "a" / "2.tsv").write_text(CSV.replace(",", "\t"))
    np.savez("b/2.npz", X=np.eye(2), y=[0, 1])
    np.savez("c/1.npz", X=np.eye(2), y=[0, 1])
    (in_tmp / "d" / "1.json").write_text('{"a": 1, "label": 2}\n')
    (in_tmp / "d" / "2.json").write_text('[{"a": 1, "label": 2}]')
    FRAME[["size", "label"]].to_parquet("e/1.parquet")
    FRAME[["late", "label"]].set_axis(["size", "label"], axis=1).to_parquet("e/2.parquet")
    for data, message in (
        ("a/*", "a/2.tsv: is read as tsv, but a/1.csv as csv; give files of one format, or pass --format"),
        ("b/*", "b/2.npz: is read as npz, but b/1.csv as csv"),
        ("c/*", "c/*: several npz files cannot be read as one; save their rows in one file"),
        ("d/*", "d/2.json: is one array; several files are read as one if they have an object on each line"),
        ("e/*", "e/2.parquet: has columns of other types than e/1.parquet"),
        ("none/*", "none/*: there is no file that matches this pattern"),
        ("a", "a: is a directory; give a file, or several as a pattern in quotes, such as 'a/*.csv'"),
    ):
        with pytest.raises(InputError) as error:
            load(Source(data))
        assert str(error.value).startswith(message)


def test_a_pattern_is_a_name_that_no_file_has(in_tmp) -> None:
    for name in ("a[1].csv", "a1.csv", "b1.csv", "b02.csv", "b2.csv", "b10.csv"):
        (in_tmp / name).write_text(CSV)
    (in_tmp / "b3.csv").mkdir()
    assert matching_files("a[1].csv") is None
    assert matching_files("b1.csv") is None
    assert matching_files("make:classification:weights=[0.9]") is None
    assert matching_files("t.db::SELECT * FROM a") is None
    assert matching_files("[a]1.csv") == ["a1.csv"]
    assert matching_files("b?.csv") == ["b1.csv", "b2.csv"]
    assert matching_files("b*.csv") == ["b1.csv", "b02.csv", "b2.csv", "b10.csv"]
