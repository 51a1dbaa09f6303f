"""The same table in 276 dialects of delimited text gives the same model, to the bit; options that name a dialect agree with what
is found by looking."""

import gzip
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from dialects import combinations, make_dialects, plain_file

from linclf.data.dataset import Dataset
from linclf.data.load import load
from linclf.data.source import Source
from linclf.data.split import HeldOut
from linclf.data.stream import stream
from linclf.errors import InputError
from linclf.model.linear_model import LinearModel
from linclf.training.inputs import load_split
from linclf.training.options import TrainOptions
from linclf.training.train import train

DIALECTS = list(make_dialects())
TABLE = "".join(f"{i / 4:.2f};{i - 20};{'ab'[i % 2]}\n" for i in range(40))


def model_of(path: Path, content: bytes, **options: object) -> LinearModel:
    path.write_bytes(content)
    config = TrainOptions(source=Source(str(path), **options), test=HeldOut("0.2"), lr=0.1, epochs=3, momentum=0.9)
    return train(config, load_split(config)).model


@cache
def plain_model(folder: Path) -> LinearModel:
    return model_of(folder / "plain.csv", plain_file())


def test_the_dialects_cover_all_pairs() -> None:
    assert len(DIALECTS) == len(combinations()) == len({name for name, *_ in DIALECTS}) >= 240


@pytest.mark.parametrize(("name", "suffix", "content", "header"), DIALECTS, ids=[name for name, *_ in DIALECTS])
def test_a_dialect_gives_the_bit_identical_model(tmp_path, tmp_path_factory, name, suffix, content, header) -> None:
    expected = plain_model(tmp_path_factory.getbasetemp())
    options = {} if header else {"header": False, "target": "-1"}
    found = model_of(tmp_path / f"t{suffix}", content, **options)
    assert found.weight.tobytes() == expected.weight.tobytes()
    assert found.bias.tobytes() == expected.bias.tobytes()
    assert found.classes.tolist() == expected.classes.tolist()
    assert [c.kind for c in found.schema.columns] == [c.kind for c in expected.schema.columns]


def read(path: Path, content: bytes | str, **options: object) -> Dataset:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load(Source(str(path), **options))


HEADER = "x;n;label\n"
PLAIN = HEADER + TABLE
COMMAS = HEADER + TABLE.replace(".", ",")
SAME = [  # other files, what is read from them being the same, and words of the notes
    ("t.csv", PLAIN, {}, ["separated by ';'"]),
    ("t.csv", PLAIN, {"sep": ";"}, []),
    ("t.csv", COMMAS, {}, ["separated by ';'", "decimal commas"]),
    ("t.csv", COMMAS, {"sep": ";", "decimal": ","}, []),
    ("t.csv", COMMAS, {"thousands": "."}, ["separated by ';'"]),
    ("t.tsv", PLAIN, {}, ["separated by ';'"]),
    ("t.txt", PLAIN.replace(";", "  "), {}, ["separated by blanks"]),
    ("t.dat", "".join(f"  {line} \n" for line in PLAIN.replace(";", " \t").splitlines()), {}, ["separated by a tab"]),
    ("t.data", PLAIN.replace(";", ","), {}, []),
    ("t.csv", PLAIN.encode("utf-16"), {}, ["utf-16", "';'"]),
    ("t.csv", PLAIN.encode("utf-16-le"), {}, ["utf-16-le", "';'"]),
    ("t.csv", PLAIN.encode("utf-16-be"), {"encoding": "utf-16-be"}, ["';'"]),
    ("t.csv", PLAIN.encode("utf-32"), {}, ["utf-32", "';'"]),
    ("t.csv", PLAIN.encode("cp037"), {"encoding": "cp037"}, ["';'"]),
    ("t.csv", "# made by hand\n" + PLAIN.replace("b\n", "b # odd\n"), {"comment": "#"}, ["';'"]),
    ("t.csv", "Report of 2024\n\n" + PLAIN, {}, ["its first line is above the header", "';'"]),
    ("t.csv", "Report; of 2024\n" + PLAIN, {"skip_rows": 1}, ["';'"]),
    ("t.csv", PLAIN + "Source: the office\n", {}, ["footer", "';'"]),
    ("t.csv", PLAIN + "Total;0;\n", {}, ["line of totals", "';'"]),
    ("t.csv", PLAIN + HEADER + "\n" + HEADER, {}, ["2 lines that repeat the header", "';'"]),
    ("t.csv", HEADER + TABLE.replace("\n", ";\n"), {}, ["';'"]),
    ("t.csv", HEADER + "".join(f"r{i};{line}\n" for i, line in enumerate(TABLE.splitlines())), {"drop": ("Unnamed: 0",)}, ["names of the rows", "';'"]),
    ("t.csv", PLAIN.replace("\n", "\r\n"), {}, ["';'"]),
    ("t.csv", PLAIN.replace("-20", '"-20"'), {}, ["';'"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "options", "notes"), SAME)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_files_that_say_the_same_are_read_the_same(tmp_path, name, content, options, notes, pack) -> None:
    expected = read(tmp_path / "plain.csv", PLAIN.replace(";", ","))
    packed = pack(content.encode() if isinstance(content, str) else content)
    found = read(tmp_path / (name + ".gz" * (pack is gzip.compress)), packed, **options)
    np.testing.assert_array_equal(found.X.numbers, expected.X.numbers)
    assert found.labels().tolist() == expected.labels().tolist()
    assert found.X.names == expected.X.names
    assert all(any(word in note for note in found.notes) for word in notes)
    assert len(found.notes) <= len(notes) + ("r39" in str(content))


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (PLAIN, {"sep": ","}, "are its cells separated by ';', and not by ','. pass --sep"),
        (PLAIN, {"sep": ";;"}, "--sep is ';;'; give one character"),
        (PLAIN, {"decimal": "'"}, "--decimal is \"'\"; give '.' or ','"),
        (PLAIN, {"decimal": ",", "thousands": ","}, "--decimal and --thousands are both ','"),
        (PLAIN, {"thousands": "x"}, "--thousands is 'x'"),
        (PLAIN, {"encoding": "utf-99"}, "--encoding utf-99: there is no such encoding"),
        (PLAIN, {"skip_rows": -1}, "skip-rows is -1"),
        (PLAIN, {"ngrams": (3, 2)}, "ngrams are the smallest and the largest length"),
        (PLAIN.encode("latin-1") + b"\xe9;1;\xe9\n", {"encoding": "utf-8"}, "t.csv:42: is not UTF-8 text"),
        (PLAIN + "1;2\n", {}, "t.csv:42: has 2 cells where 3 are expected"),
        (PLAIN + "12;\n", {}, "t.csv:42: has 2 cells where 3 are expected"),
    ],
)
def test_what_is_no_dialect_is_one_error(tmp_path, content, options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path / "t.csv", content, **options)


def test_names_that_are_missing_or_occur_twice(tmp_path) -> None:
    dataset = read(tmp_path / "t.csv", "x,x,,label\n1,2,3,a\n4,5,6,b\n")
    assert dataset.X.names == ("x", "x.1", "Unnamed: 2")
    assert dataset.notes == ("columns without a name of their own: 'x' is named 'x.1', column 2 is named 'Unnamed: 2'",)


def test_cells_that_are_missing_by_option(tmp_path) -> None:
    text = "x,c,label\n-999,a,u\n1,none,v\n-999.0,b,u\n2,a,v\n"
    dataset = read(tmp_path / "t.csv", text, na_values=("-999", "none"))
    np.testing.assert_array_equal(dataset.X.numbers[:, 0], [np.nan, 1, np.nan, 2])
    assert dataset.X.texts["c"].texts().tolist() == ["a", "", "b", "a"]
    # a model reads other files in the same way
    (tmp_path / "new.csv").write_text("x,c\n-999,none\n3,a\n")
    new = load(Source(str(tmp_path / "new.csv")), model_schema=dataset.schema, labelled=False)
    np.testing.assert_array_equal(new.X.numbers[:, 0], [np.nan, 3])
    assert new.X.texts["c"].texts().tolist() == ["", "a"]


def test_points_that_are_marks_of_thousands_are_read_so(tmp_path) -> None:
    numbers = [137 * i * i % 20_011 + 1 for i in range(60)]
    rows = "".join(
        f"{n:,},{i % 7 / 4:.2f},{'ab'[i % 2]}\n".replace(f"{n:,}", f"{n:,}".replace(",", "."))
        for i, n in enumerate(numbers)
    )
    path = tmp_path / "t.csv"
    path.write_text("x,z,label\n" + rows)
    plain = tmp_path / "plain.csv"
    plain.write_text("x,z,label\n" + "".join(f"{n},{i % 7 / 4:.2f},{'ab'[i % 2]}\n" for i, n in enumerate(numbers)))
    config = TrainOptions(source=Source(str(path)), test=HeldOut("0"), lr=0.1, epochs=3, momentum=0.9)
    split = load_split(config)
    assert split.train.X[:, 0].tolist() == numbers
    assert len(split.notes) == 1
    assert "column 'x': points are marks of thousands, so that '" in split.notes[0]
    assert load_split(replace(config, source=Source(str(path), thousands=""))).train.X[:, 0].max() < 1000
    # a model reads any number of rows alike, in files with and without marks; one of plain numbers refuses the marks
    model = train(config, split).model
    for source in (path, plain):
        lines = source.read_text().splitlines(keepends=True)
        for rows_of in (slice(1, None), slice(1, 2), slice(5, 8)):
            (tmp_path / "new.csv").write_text(lines[0] + "".join(lines[rows_of]))
            pieces = list(stream(Source(str(tmp_path / "new.csv")), model.schema))
            found = np.concatenate([piece.X[:, 0] for piece in pieces])
            assert found.tolist() == numbers[rows_of.start - 1 : None if rows_of.stop is None else rows_of.stop - 1]
    other = load_split(replace(config, source=Source(str(plain)))).schema
    with pytest.raises(InputError, match="column 'x': numbers such as '.*' seem to have marks of thousands"):
        list(stream(Source(str(path)), other))
    # three decimals each, and hardly a whole number, are decimals
    rows = "".join(f"{n / 1000 + 1:.3f},{i % 7 / 4:.2f},{'ab'[i % 2]}\n" for i, n in enumerate(numbers))
    assert read(tmp_path / "t.csv", "x,z,label\n" + rows).notes == ()
