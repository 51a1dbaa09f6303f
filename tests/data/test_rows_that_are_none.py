"""Lines of a file that are no rows, and line ends of all kinds: a file read as a whole, in pieces, and on standard input as it
arrives gives the same predictions."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from test_sheets import cells
from test_stream import Pieces

from linclf.data.load import load
from linclf.data.readers.beginning import is_enough
from linclf.data.readers.dialect import settle
from linclf.data.readers.encoding import Transcoder, to_utf8
from linclf.data.source import RawFile, Source
from linclf.errors import InputError
from linclf.model.linear_model import load as load_model

ROWS = "".join(f"{i / 4:.2f},{7 * i % 39},{'ab'[i % 2]},{'uv'[i // 2 % 2]}\n" for i in range(40))
HEADER = "kilos,height,c,label\n"
GERMAN = (HEADER + ROWS).replace(",", ";").replace(".", ",")
BEGINNING, PIECE = 500, 100  # bytes


def lines(text: str, add: Callable[[int, str], str]) -> str:
    """The lines changed by their number, the header being number 0."""
    return "".join(add(i, line) + "\n" for i, line in enumerate(text.splitlines()))


def predictions(linclf, name: str, content: bytes, monkeypatch, options: str = "", *, stdin: bool = True) -> Any:
    """What `predict` prints for a file: the same in one piece, in small pieces, and for bytes that arrive on standard input."""
    Path(name).write_bytes(content)
    found = linclf(f"predict m {name} {options}")
    assert found.code == 0, found.err
    with monkeypatch.context() as patch:
        patch.setattr("linclf.data.stream.PIECE", PIECE)
        patch.setattr("linclf.data.stream.BEGINNING", BEGINNING)
        in_pieces = linclf(f"predict m {name} {options}")
    assert (in_pieces.code, in_pieces.err, in_pieces) == (0, found.err, found)
    for size in (1, 30, 100, 10_000) if stdin else ():
        assert arriving(linclf, content, monkeypatch, size, options) == found
    return found


def arriving(linclf, content: bytes, monkeypatch, size: int, options: str = "") -> Any:
    """What `predict` prints for rows on standard input that arrive in chunks of this many bytes."""
    chunks = Pieces([content[i : i + size] for i in range(0, len(content), size)])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=chunks))
    found = linclf(f"predict m - {options}")
    assert found.code == 0, found.err
    return found


@pytest.fixture
def model(linclf, in_tmp) -> str:
    (in_tmp / "t.csv").write_text(HEADER + ROWS)
    assert linclf("train t.csv --epochs 3 -q -o m").code == 0
    return "m"


@pytest.mark.parametrize("end", [b"\r", b"\r\n", b"\n"])
@pytest.mark.parametrize("last", [b"", b"\x1a"])
def test_all_line_ends_are_line_ends(linclf, model, monkeypatch, end: bytes, last: bytes) -> None:
    content = (HEADER + ROWS).encode().replace(b"\n", end) + last
    assert predictions(linclf, "new.csv", content, monkeypatch) == linclf("predict m t.csv")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\r1,2\r", b"a,b\n1,2\n"),
        (b'"a\rb",c\r\n1,2\r\n', b'"a\rb",c\r\n1,2\r\n'),
        (b'"a\nb",c\r1,2', b'"a\nb",c\n1,2'),
        (b'5" pipe,a\r1,2\r', b'5" pipe,a\n1,2\n'),
        (b'a,b\n"1\r",2\n', b'a,b\n"1\r",2\n'),
        (b"a,b\r", b"a,b\n"),
        (b"a\x1a\n\x1a", b"a\x1a\n"),
        ("é,b\r1,2\x1a".encode("cp1252"), "é,b\n1,2".encode()),
        ("é,b\r1,2\x1a".encode("utf-16"), "é,b\n1,2".encode()),
    ],
)
def test_line_ends_become_lf_where_the_first_is_cr(content: bytes, expected: bytes) -> None:
    assert to_utf8("t", content, None)[0].removeprefix(b"\xef\xbb\xbf") == expected
    if content.isascii():
        for size in range(1, len(content)):
            chunks = Pieces([content[i : i + size] for i in range(0, len(content), size)])
            file = Transcoder("t", chunks, None)
            assert b"".join(iter(partial(file.read1, 100), b"")) == expected


SAME = {  # files that say the same as t.csv, and a word of the notes
    "title": ("Report of 2024\n\n" + HEADER + ROWS, "its first line is above the header"),
    "semicolons": (GERMAN, "decimal commas"),
    "title, semicolons": ("Report\n" + GERMAN, "its first line is above the header"),
    "sep=": ("sep=;\n" + GERMAN, "decimal commas"),
    "blank columns": (lines(HEADER + ROWS, lambda _, line: line.replace(",", ",,", 1) + ",,"), ""),
    "trailing commas": (lines(HEADER + ROWS, lambda i, line: line + "," * (i > 0)), ""),
    "trailing commas everywhere": (lines(HEADER + ROWS, lambda _, line: line + ","), ""),
    "row names": (lines(HEADER + ROWS, lambda i, line: f'"{i}",{line}' if i else line), "names of the rows"),
    "units": (HEADER + "kg,cm,-,-\n" + ROWS, "line below its header, 'kg,cm,-,-'"),
    "units in brackets": (HEADER + "(kg),(cm),(class),\n" + ROWS, "line below its header, '(kg),(cm),(class),'"),
    "types": (HEADER + "float,float,str,str\n" + ROWS, "line below its header"),
    "markdown": ((HEADER + "---,:--,--:,---\n" + ROWS).replace(",", "|"), "line below its header"),
    "markdown table": (lines((HEADER + "---,:--,--:,---\n" + ROWS).replace(",", " | "), lambda _, line: f"| {line} |"), ""),
    "repeated headers": (lines(HEADER + ROWS, lambda i, line: line + f"\n{HEADER[:-1]}" * (i in (9, 30, 31))), "3 lines that repeat"),
    "nearly repeated": (lines(HEADER + ROWS, lambda i, line: line + f"\n{HEADER[:-1].upper().replace(',', ' , ')}" * (i == 30)), "1 line that repeats"),
    "comments": ("# by hand\n" + lines(HEADER + ROWS, lambda i, line: line + " # odd" * (i == 35)) + "# end\n", ""),
}  # fmt: skip
ENDS = {  # that are known to be none in a file only, and a word of the notes
    "footer": ("Source: the office\n", "a footer"),
    "footers": ("\nSource: the office\n\n\nAll numbers are wrong\n\n", "a footer"),
    "total": ("Total,200,,\n", "a line of totals"),
    "total elsewhere": (",,Grand Total,200\n", "a line of totals"),
    "quoted total": ('"Sum:","200","",""\n', "a line of totals"),
    "total and footer": (",200,Total,\n" + "See the pages that follow, " .replace(",", "") + "\n", "a footer"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "note"), SAME.values(), ids=SAME)
def test_a_file_gives_one_label_for_each_row(linclf, model, monkeypatch, content: str, note: str) -> None:
    options = "--comment #" * content.startswith("#")
    found = predictions(linclf, "new.csv", content.encode(), monkeypatch, options)
    assert found == linclf("predict m t.csv")
    assert note in found.err
    assert found.err.count("repeat") <= 1
    # training and evaluation leave the same lines out
    assert linclf(f"evaluate m new.csv --json {options}") == linclf("evaluate m t.csv --json").replace(
        "t.csv", "new.csv"
    )


@pytest.mark.parametrize(("content", "note"), ENDS.values(), ids=ENDS)
def test_the_end_of_a_file_may_be_no_row(linclf, model, monkeypatch, content: str, note: str) -> None:
    found = predictions(linclf, "new.csv", (HEADER + ROWS + content).encode(), monkeypatch, stdin=False)
    assert found == linclf("predict m t.csv")
    assert note in found.err


def test_a_word_of_totals_that_occurs_twice_is_a_word(linclf, model, monkeypatch) -> None:
    rows = ROWS.replace("7,b", "7,Total") + "1,200,Total,u\n"
    found = predictions(linclf, "new.csv", (HEADER + rows).encode(), monkeypatch)
    assert found.count("\n") == 41


@pytest.mark.parametrize(
    ("header", "is_one"),
    [
        ("0,1,2,3", True),
        ("1,2,3,label", True),
        ("kilos,2019,w,label", True),
        ("kilos,height,,label", True),
        ("kilos,kilos,w,label", True),
        ("kilos,NA,w,label", True),
        ("kilos,height,w,label", True),
        ("1,2,4,x", False),
        ("?,?,a,u", False),
        ("unknown,1,a,u", False),
        ("n/a,n/a,a,u", False),
    ],
)
def test_a_header_that_the_training_data_had_not(linclf, in_tmp, monkeypatch, header: str, is_one: bool) -> None:
    (in_tmp / "t.csv").write_text(ROWS)
    assert linclf("train t.csv --no-header --target -1 --epochs 3 -q -o m").code == 0
    found = predictions(linclf, "new.csv", f"{header}\n{ROWS}".encode(), monkeypatch)
    expected = linclf("predict m t.csv").splitlines()
    assert found.splitlines()[not is_one :] == expected
    assert ("its first line is a header" in found.err) == is_one


@pytest.mark.parametrize(
    ("name", "rows", "found"),
    [
        ("t.csv", ["2024-05-31 00:00:00", "2024-06-30 10:00:00"], 1),
        ("t.CSV.gz", ["738.56 kg", "12.10 kg"], 1),
        ("t.tsv", ["738.56 kg", "12.10 kg"], 1),
        ("t.txt", ["738.56 kg", "12.10 kg"], 2),
    ],
)
def test_blanks_separate_cells_only_in_files_not_named_for_another_separator(name, rows, found: int) -> None:
    content = "".join(f"{row}\n" for row in rows * 5).encode()
    settled = settle(RawFile(Source(name), "csv", "", content), None, "\t" if "tsv" in name else ",")
    assert (2 if settled.raw.source.sep == " " else 1) == found


@pytest.mark.parametrize(
    ("column", "decimal"),
    [
        (["12,345", "1,250"], ","),
        (["€ 12,345", "-1,250 kg"], ","),
        (["12,345", "1.5"], "."),
        (["12,345", "1,234,567.5"], "."),
        (["12,345,678", "1"], "."),
        (["a,b", "1"], "."),
    ],
)
def test_commas_in_numbers_of_a_file_separated_by_semicolons_are_decimal(column: list[str], decimal: str) -> None:
    content = ("a;b\n" + "".join(f"{cell};x\n" for cell in column)).encode()
    assert settle(RawFile(Source("t.csv"), "csv", "", content), None, ",").raw.source.decimal == decimal


def test_parts_with_other_decimal_marks_are_refused(in_tmp) -> None:
    (in_tmp / "part-1.csv").write_text(HEADER + ROWS)
    (in_tmp / "part-2.csv").write_text(GERMAN)
    with pytest.raises(
        InputError, match=r"part-2.csv: has decimal commas, but part-1.csv decimal points; .* --decimal"
    ):
        load(Source("part-*.csv"))
    (in_tmp / "part-2.csv").write_text(HEADER.replace(",", ";") + "1;2;a;u\n")  # nothing tells
    assert load(Source("part-*.csv")).X.shape == (41, 3)


def test_lines_that_are_no_rows_are_left_out_of_each_part(in_tmp) -> None:
    (in_tmp / "part-1.csv").write_text(HEADER + "kg,cm,-,-\n" + ROWS)
    (in_tmp / "part-2.csv").write_text("Report\n" + HEADER + "kg,cm,-,-\n1.5,2,a,u\n2,3,b,v\nTotal,5,,\n")
    table = load(Source("part-*.csv")).X
    assert (table.shape, table.numbers[-2:].tolist()) == ((42, 3), [[1.5, 2], [2, 3]])
    assert [table.locate(row) for row in (0, 40)] == [": part-1.csv:3", ": part-2.csv:4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "1,2,a,u\n# odd\n" + ROWS, "has 1 cells where 4 are expected; fix the line; if it is a comment, pass --comment '#'"),
        (HEADER + "1,2,a,u\n//a,b,c,d,e\n" + ROWS, "fix the line, or the header; if it is a comment, pass --comment '/'"),
        ("by,hand\n1,2\n" + HEADER + ROWS, "no column named .*; if its first lines are above the header, pass --skip-rows"),
        ((HEADER + ROWS).replace(",", "^"), "no column named .*; if its cells are separated by '\\^', pass --sep '\\^'"),
        ((HEADER + ROWS).replace(",", ":"), "no column named .*; if its cells are separated by ':', pass --sep ':'"),
    ],
)  # fmt: skip
def test_errors_name_the_option_that_helps(in_tmp, text: str, message: str) -> None:
    (in_tmp / "new.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        load(Source("new.csv"))


@pytest.mark.parametrize("suffix", [".xlsx", ".ods"])
def test_titles_and_footers_of_a_sheet_are_no_rows(in_tmp, suffix: str) -> None:
    rows = [[float(i), 7 * i % 39, "ab"[i % 2], "uv"[i // 2 % 2]] for i in range(9)]
    header = HEADER.strip().split(",")
    (in_tmp / f"plain{suffix}").write_bytes(cells(suffix, header, *rows))
    dressed = cells(
        suffix, ["Report of 2024"], [], header, *rows, ["Total", 36], [None, None, "Sum", 8], ["Source: the office"]
    )
    (in_tmp / f"dressed{suffix}").write_bytes(dressed)
    plain, found = load(Source(f"plain{suffix}")), load(Source(f"dressed{suffix}"))
    assert found.X.names == plain.X.names
    np.testing.assert_array_equal(found.X.numbers, plain.X.numbers)
    assert found.labels().tolist() == plain.labels().tolist()
    assert found.X.lines.tolist() == list(range(4, 13))
    assert [note.split(" is ")[-1].split(" are ")[-1] for note in found.notes] == [
        "above the header and left out", "a footer and left out", "a line of totals and left out", "a line of totals and left out",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "header", "needed"),
    [  # the number of lines after which the rows are predicted
        ("kilos;height;c\n1,5;2;a\n2;3;b\n", True, 2),
        ("kilos  height  c\n1  2  a\n2  3  b\n", True, 2),
        ("Report\nkilos;height;c\n1,5;2;a\n", True, 3),
        ("Report of 2024\nby hand\nkilos;height;c\n1,5;2;a\n2;3;b\n", True, 4),
        ("sep=;\nkilos;height;c\n1,5;2;a\n", True, 3),
        ("kilos,height,c\nkg,cm,-\n1,2,a\n2,3,b\n", True, 3),
        ("kilos,height,c\n,,Bern\n1,2,a\n", True, 2),
        ("kilos,height,c\n1,1,2,a\n2,1,2,b\n3,1,3,c\n4,1,2,a\n", True, 4),
        ("kilos,height,c\n1,2,a,\n2,3,b,\n", True, 2),
        ("1,2.5,a\n2,3,b\n", False, 1),
        (",NA,a\n2,3,b\n", False, 1),
        ("kilos,height,c\n1,2,a\n2,3,b\n", False, 2),
        ("0,1,2\n1,2,a\n2,3,b\n", False, 2),
    ],
)
def test_rows_are_predicted_as_soon_as_it_is_known_how_they_are_written(linclf, in_tmp, text, header, needed) -> None:
    (in_tmp / "t.csv").write_text(HEADER * header + ROWS)
    assert linclf("train t.csv --epochs 1 -q -o m" + " --no-header --target -1" * (not header)).code == 0
    schema, arrived = load_model("m").schema, text.splitlines(keepends=True)
    enough = [is_enough("".join(arrived[:n]).encode(), Source("-"), schema) for n in range(1, len(arrived) + 1)]
    assert enough == [n >= needed for n in range(1, len(arrived) + 1)]


def test_decimal_commas_may_appear_later(linclf, model, monkeypatch) -> None:
    text = "kilos;height;c\n1;2;a\n9,25;2;b\n4;3,5;a\n"
    expected = predictions(linclf, "new.csv", text.encode(), monkeypatch, "--proba")
    for size in (10, 25):
        assert arriving(linclf, text.encode(), monkeypatch, size, "--proba") == expected


def test_a_column_without_a_name_that_the_model_takes_stays(linclf, in_tmp, monkeypatch) -> None:
    rows = lines(HEADER + ROWS, lambda i, line: f"{line},{'pq'[i // 3 % 2] if i else ''}")
    (in_tmp / "t.csv").write_text(rows)
    assert linclf("train t.csv --epochs 3 -q -o m").code == 0
    assert "Unnamed: 4" in load_model("m").schema.inputs()
    (in_tmp / "new.csv").write_text(lines(HEADER + ROWS, lambda _, line: line + ","))
    assert "column 'Unnamed: 4' is empty, and was not in the training data" in linclf("predict m new.csv").err
    assert linclf("predict m new.csv --lenient").count("\n") == 40
