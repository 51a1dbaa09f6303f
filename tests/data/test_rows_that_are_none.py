"""Lines of a file that are no rows, and line ends of all kinds: a file read as a whole, in pieces, and on standard input as it
arrives gives the same predictions."""

import io
import sys
from functools import partial
from pathlib import Path

import pytest
from test_stream import Pieces

from linclf.data.readers.encoding import Transcoder, to_utf8

ROWS = "".join(f"{i / 4:.2f},{20 - i},{'ab'[i % 2]},{'uv'[i // 2 % 2]}\n" for i in range(40))
HEADER = "kilos,height,c,label\n"


def predictions(linclf, name: str, content: bytes, monkeypatch, options: str = "", pieces: int = 100) -> list[str]:
    """The labels that `predict` prints, the same for a file in one piece, in pieces, and on standard input in chunks."""
    Path(name).write_bytes(content)
    found = linclf(f"predict m {name} {options}")
    assert found.code == 0, found.err
    with monkeypatch.context() as patch:
        patch.setattr("linclf.data.stream.PIECE", pieces)
        in_pieces = linclf(f"predict m {name} {options}")
    assert (in_pieces.code, in_pieces) == (0, found), in_pieces.err
    assert in_pieces.err == found.err
    return found.splitlines()


def arriving(linclf, content: bytes, monkeypatch, size: int, options: str = "") -> list[str]:
    """The labels of rows on standard input that arrive in chunks of this many bytes."""
    chunks = Pieces([content[i : i + size] for i in range(0, len(content), size)])
    monkeypatch.setattr(sys, "stdin", Stdin(chunks))
    found = linclf(f"predict m - {options}")
    assert found.code == 0, found.err
    return found.splitlines()


class Stdin(io.StringIO):
    """Standard input whose bytes arrive in pieces."""

    def __init__(self, buffer: Pieces) -> None:
        super().__init__()
        self.buffer = buffer


@pytest.fixture
def model(linclf, in_tmp) -> str:
    (in_tmp / "t.csv").write_text(HEADER + ROWS)
    assert linclf("train t.csv -q -o m").code == 0
    return "m"


@pytest.mark.parametrize("end", [b"\r", b"\r\n", b"\n"])
@pytest.mark.parametrize("last", [b"", b"\x1a"])
def test_all_line_ends_are_line_ends(linclf, model, monkeypatch, end: bytes, last: bytes) -> None:
    expected = linclf("predict m t.csv").splitlines()
    content = (HEADER + ROWS).encode().replace(b"\n", end) + last
    assert predictions(linclf, "new.csv", content, monkeypatch) == expected
    for size in (1, 7, 100, 10_000):
        assert arriving(linclf, content, monkeypatch, size) == expected


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
