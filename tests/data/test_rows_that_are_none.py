"""Lines of a file that are no rows, and line ends of all kinds: a file read as a whole, in pieces, and on standard input as it
arrives gives the same predictions."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import Ran
from test_stream import Pieces

from linclf.data.readers.encoding import Transcoder, to_utf8

ROWS = "".join(f"{i / 4:.2f},{7 * i % 39},{'ab'[i % 2]},{'uv'[i // 2 % 2]}\n" for i in range(40))
HEADER = "kilos,height,c,label\n"
GERMAN = (HEADER + ROWS).replace(",", ";").replace(".", ",")
BEGINNING, PIECE = 500, 100  # bytes


def lines(text: str, add: Callable[[int, str], str]) -> str:
    """The lines changed by their number, the header being number 0."""
    return "".join(add(i, line) + "\n" for i, line in enumerate(text.splitlines()))


def predictions(linclf, name: str, content: bytes, monkeypatch, options: str = "", *, stdin: bool = True) -> Ran:
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


def arriving(linclf, content: bytes, monkeypatch, size: int, options: str = "") -> Ran:
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
