import bz2
import gzip
import lzma
from pathlib import Path

import numpy as np
import pytest
from reading import read

from linclf.data.load import load
from linclf.data.source import Source
from linclf.errors import InputError

DATA = Path(__file__).parents[2] / "data"


TABLE = "a,b,label\n1,2.5,x\n3,-4e-1,y\n5,6,x\n"


def test_csv_is_read_as_numbers_and_labels(tmp_path) -> None:
    dataset = read(tmp_path / "t.csv", TABLE)
    np.testing.assert_array_equal(dataset.X.numbers, [[1, 2.5], [3, -0.4], [5, 6]])
    assert dataset.labels().tolist() == ["x", "y", "x"]
    assert (dataset.schema.names, dataset.schema.target, dataset.schema.format) == (("a", "b"), "label", "csv")


@pytest.mark.parametrize("pack", [None, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.rstrip("\n"),
        lambda text: text.replace(",", ", "),
        lambda text: text.replace("x", '"x"'),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.replace("\n", "\n  \n"),
    ],
    ids=["plain", "CRLF", "BOM", "no last newline", "spaces", "quotes", "empty lines", "blank lines"],
)
def test_csv_is_the_same_in_other_encodings(tmp_path, change, pack) -> None:
    content = change(TABLE).encode()
    suffix = {None: "", gzip.compress: ".gz", bz2.compress: ".bz2", lzma.compress: ".xz"}[pack]
    dataset = read(tmp_path / f"t.csv{suffix}", pack(content) if pack else content)
    plain = read(tmp_path / "p.csv", TABLE)
    np.testing.assert_array_equal(dataset.X.numbers, plain.X.numbers)
    assert dataset.labels().tolist() == plain.labels().tolist()
    assert dataset.schema.names == plain.schema.names


def test_tsv_is_read_by_suffix_and_by_format(tmp_path) -> None:
    for name, options in (("t.tsv", {}), ("t.dat", {"format": "tsv"})):
        dataset = read(tmp_path / name, TABLE.replace(",", "\t"), **options)
        np.testing.assert_array_equal(dataset.X.numbers, [[1, 2.5], [3, -0.4], [5, 6]])


def test_without_a_header_columns_are_named_by_number(tmp_path) -> None:
    text = TABLE.split("\n", 1)[1]
    for target in ("2", "-1"):
        dataset = read(tmp_path / "t.csv", text, header=False, target=target, drop=("0",))
        np.testing.assert_array_equal(dataset.X.numbers, [[2.5], [-0.4], [6]])
        assert dataset.labels().tolist() == ["x", "y", "x"]
        assert dataset.schema.target == "2"


def test_labels_named_like_missing_cells_are_labels(tmp_path) -> None:
    dataset = read(tmp_path / "t.csv", "a,label\n1,NA\n2,None\n3,SE\n")
    assert dataset.labels().tolist() == ["NA", "None", "SE"]


@pytest.mark.parametrize(
    "column",
    ["x,nan,y", "x,?,y", "x,NaN,y", "x,,y", "1,NA,2", "0.5,None,1.5", "-1,n/a,1"],
    ids=lambda c: c.split(",")[1],
)
def test_rows_without_a_label_are_left_out_and_counted(tmp_path, column: str) -> None:
    rows = "".join(f"{i},{label}\n" for i, label in enumerate(column.split(",")))
    dataset = read(tmp_path / "t.csv", "a,label\n" + rows)
    assert dataset.X.numbers.tolist() == [[0], [2]]
    assert dataset.X.lines.tolist() == [2, 4]
    assert len(dataset.labels()) == 2
    assert dataset.notes == ("the label in column 'label' is missing in 1 row, which were left out",)
    with pytest.raises(InputError, match="t.csv: the label in column 'label' is missing in all rows"):
        read(tmp_path / "t.csv", "a,label\n1,\n2,\n3,\n")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "t.csv: is empty"),
        ("a,b,label\n", {}, "contains no rows"),
        ("a,b\n1,2\n", {}, "has no column named target, label, class or y; .*--target; the columns are a, b"),
        ("y,label\n1,2\n", {}, "more than one of y, label"),
        (TABLE, {"target": "lable"}, "no column 'lable'; did you mean 'label'.; its columns are a, b, label"),
        (TABLE, {"drop": ("label",)}, "--drop label: this column is the label; leave one of the two out"),
        (" a,b,lable \n1,2,x\n", {}, "the columns are a, b, lable"),
        ('{"a": 1}\n', {}, "seems to contain JSON; pass --format jsonl"),
        ("a;b;label\n1;2,5;x\n3,5;4;y\n", {"sep": ","}, "are its cells separated by ';'"),
        ('1,2,"x\n' + "3" * 10 + "\n", {}, "opens a quote|has"),
        (TABLE, {"drop": ("c",)}, "--drop c: there is no such column"),
        (TABLE, {"drop": ("a", "b")}, "no feature column is left"),
        (TABLE + "7,1e999,x\n", {}, "t.csv:5: the cell in column 'b' is too large"),
        (TABLE + "  \n\n7,1e999,x\n", {}, "t.csv:7: the cell in column 'b' is too large"),
        ('a,b,label\n1,"1\n",x\n\n1e999,2,y\n', {}, "t.csv:5: the cell in column 'a' is too large"),
        (TABLE + "7,8\n", {}, "t.csv:5: has 2 cells where 3 are expected"),
        (TABLE + "7,8,x,9\n", {}, "t.csv:5: has 4 cells where 3 are expected"),
        ("a,label\n1,x,2\n3,y,4\n", {}, "cells"),
        (TABLE + '7,"8,x\n', {}, "t.csv:5: opens a quote that is never closed"),
        (TABLE.encode() + b"7,8,\xff\n", {"encoding": "utf-8"}, "t.csv:5: is not UTF-8 text; name its encoding"),
        (TABLE.encode() + "7,8,\u00e9\n".encode() + b"7,8,\xff\n", {}, "t.csv:6: is not UTF-8 text"),
        (TABLE.encode() + b"7,8,\xff\1\n", {}, "t.csv:5: is not UTF-8 text"),
        (TABLE.encode() + b"7,8,\0\n", {}, "t.csv:5: has a NUL byte"),
        (TABLE, {"zero_based": True}, "is read as csv, which has no use for --zero-based or --one-based"),
        (TABLE.replace(",", ";"), {"sep": ","}, "are its cells separated by ';', and not by ','. pass --sep"),
        ("1,1,label\n1,2,x\n3,4,y\n", {}, "two columns are named '1'; .* pass --no-header"),
        (TABLE.split("\n", 1)[1], {}, "if the file has no header, pass --no-header"),
        (TABLE.split("\n", 1)[1], {"target": "2"}, "is there no header. pass --no-header"),
    ],
)
def test_wrong_tables_are_refused(tmp_path, text, options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path / "t.csv", text, **options)


def test_a_target_without_labels_is_ignored_where_none_are_needed(tmp_path) -> None:
    train = read(tmp_path / "train.csv", TABLE)
    (tmp_path / "new.csv").write_text("a,b,label\n1,2,\n3,4,\n")
    assert load(Source(str(tmp_path / "new.csv")), model_schema=train.schema, labelled=False).y is None


def test_a_file_without_a_header_is_read_as_the_one_trained_on(tmp_path) -> None:
    rows = TABLE.split("\n", 1)[1]
    train = read(tmp_path / "train.csv", rows, header=False, target="2")
    (tmp_path / "new.csv").write_text(rows)
    np.testing.assert_array_equal(
        load(Source(str(tmp_path / "new.csv")), model_schema=train.schema).X.numbers, train.X.numbers
    )
    (tmp_path / "bare.csv").write_text("1,2.5\n3,4\n")
    bare = load(Source(str(tmp_path / "bare.csv")), model_schema=train.schema, labelled=False)
    np.testing.assert_array_equal(bare.X.numbers, [[1, 2.5], [3, 4]])


def test_columns_are_found_by_name(tmp_path) -> None:
    train = read(tmp_path / "train.csv", TABLE)
    (tmp_path / "new.csv").write_text("extra,b,a\n0,2,1\n0,4,3\n")
    new = load(Source(str(tmp_path / "new.csv")), model_schema=train.schema, labelled=False)
    np.testing.assert_array_equal(new.X.numbers, [[1, 2], [3, 4]])
    assert new.y is None
    assert "ignored: extra" in new.notes[0]
    (tmp_path / "less.csv").write_text("a,label\n1,x\n")
    with pytest.raises(InputError, match=r"less.csv: lacks 1 of the 2 columns .*: b"):
        load(Source(str(tmp_path / "less.csv")), model_schema=train.schema)


@pytest.mark.parametrize(
    ("text", "format"),
    [
        (TABLE, "csv"),
        (TABLE.replace(",", "\t"), "csv"),
        (TABLE.replace(",", "  "), "csv"),
        ("1 1:2.5 3:4\n-1 2:7 # comment\n", "svmlight"),
        ('{"a": 1, "label": 0}\n{"a": 2, "label": 1}\n', "jsonl"),
    ],
)
@pytest.mark.parametrize("suffix", [".txt", ".dat", ".data", ""])
def test_an_unknown_suffix_is_read_by_the_look_of_the_first_lines(tmp_path, suffix, text: str, format: str) -> None:
    assert read(tmp_path / f"t{suffix}", text).schema.format == format


def test_suffixes_are_read_in_any_case_and_packed(tmp_path) -> None:
    assert read(tmp_path / "T.CSV.GZ", gzip.compress(TABLE.encode())).X.shape == (3, 2)
    with pytest.raises(
        InputError, match="cannot tell the format from ..txt., so it was read as svmlight; see --format"
    ):
        read(tmp_path / "t.txt", "words\n")
