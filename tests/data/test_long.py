"""Long tables of text, read in pieces: the cells, the order of levels and the errors are those of reading all at once."""

from pathlib import Path

import numpy as np
import pytest
from column_tables import check_same

from linclf.data.load import load
from linclf.data.readers import long, text_table
from linclf.data.source import Source
from linclf.errors import InputError

N = 60


def column(name: str) -> list[str]:
    """Cells of a column of this description."""
    rng = np.random.default_rng(len(name))
    numbers = [str(i) for i in rng.integers(-50, 50, N)]
    late = {
        "whole, then text": "x", "whole, then a fraction": "1.5", "whole, then missing": "", "whole, then -0 and a fraction": "1.5",
        "whole, then very large": "9007199254740993", "whole, then too large": "99999999999999999999", "whole, then True": "True",
        "whole, then padded": "007", "whole, then infinite": "inf",
    }  # fmt: skip
    texts = {
        "levels": rng.choice(["z", "b", "NA", "", "a", " b", "true"], N), "different": [f"t{i}" for i in range(N)][::-1],
        "truth values": rng.choice(["True", "False"], N), "missing": [""] * N, "fractions": rng.normal(size=N).astype(str),
        "quoted": rng.choice(['"a, b"', '"c ""d"""', '"e\nf"'], N), "missing, then text": [""] * (N - 5) + ["u"] * 5,
        "codes": rng.choice(["01", "10", "20"], N), "whole": numbers, "accents": rng.choice(["é", "ö"], N),
    }  # fmt: skip
    if name in texts:
        return list(texts[name])
    if "-0" in name:
        numbers[3] = "-0"
    return [*numbers[:-3], late[name], *numbers[-2:]]


NAMES = [
    "levels", "different", "truth values", "missing", "fractions", "quoted", "missing, then text", "codes", "whole", "accents",
    "whole, then text", "whole, then a fraction", "whole, then missing", "whole, then -0 and a fraction", "whole, then very large",
    "whole, then too large", "whole, then True", "whole, then padded", "whole, then infinite",
]  # fmt: skip


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Read text in pieces and all at once: what they give, or the errors; and whether the first was read in pieces."""
    frames, read_long = [], text_table.read_long
    monkeypatch.setattr(text_table, "read_long", lambda *args: frames.append(read_long(*args)) or frames[-1])
    monkeypatch.setattr(long, "SAMPLE", 10)
    monkeypatch.setattr(text_table, "PIECE", 200)

    def read(text: str, **options: object):
        path = tmp_path / "t.csv"
        path.write_text(text)
        outcomes = []
        frames.clear()
        for fewest in (0, 1 << 30):
            monkeypatch.setattr(text_table, "FEWEST_BYTES", fewest)
            try:
                outcomes.append(load(Source(str(path), **{"target": "label", **options})))
            except InputError as error:
                outcomes.append(str(error))
        return *outcomes, bool(frames) and frames[0] is not None

    return read


def text_of(columns: list[list[str]], header: str) -> str:
    return "\n".join([header, *map(",".join, zip(*columns, strict=True))]) + "\n"


LABEL = ["ab"[i % 2] for i in range(N)]


@pytest.mark.parametrize("name", NAMES)
def test_a_column_is_read_as_at_once(both, name: str) -> None:
    for options in ({}, {"na_values": ("7", "a")}, {"category": ("c",)}):
        one, other, in_pieces = both(text_of([column("levels"), column(name), LABEL], "l,c,label"), **options)
        assert in_pieces
        check_same(one, other)
    text = text_of([column(name), LABEL], "c,label").partition("\n")[2]
    one, other, _ = both(text, header=False, target="1")
    check_same(one, other)


@pytest.mark.parametrize("wrong", ["short", "long", "quote"])
def test_errors_are_those_of_reading_at_once(both, wrong: str) -> None:
    lines = text_of([column("levels"), column("whole"), LABEL], "l,c,label").splitlines()
    lines[-4] = {"short": "a", "long": "a,1,a,2", "quote": '"a,1,b'}[wrong]
    one, other, _ = both("\n".join(lines) + "\n")
    assert isinstance(one, str)
    assert one == other


def test_numbers_alone_are_read_at_once(both) -> None:
    one, other, in_pieces = both(text_of([column("whole"), ["01"[i % 2] for i in range(N)]], "c,label"), target="label")
    check_same(one, other)
    assert not in_pieces


def test_a_short_row_is_an_error_at_its_line(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(text_table, "FEWEST_BYTES", 10)
    (tmp_path / "t.csv").write_text("a,b,label\n1,2,u\n2\n3,4,v\n")
    with pytest.raises(InputError, match="t.csv:3: has 1 cells where 3 are expected"):
        load(Source(str(tmp_path / "t.csv")))
