"""The registry of readers: what is stated of a format is what happens, and a new format is one line."""

import io
import subprocess
import sys
from dataclasses import fields

import click
import numpy as np
import pytest
from reading import read

from linclf.cli.shared import column_options, data_options
from linclf.data.dataset import Dataset
from linclf.data.load import load
from linclf.data.readers.base import Reader
from linclf.data.readers.registry import FALLBACK, READERS, choose_reader
from linclf.data.schema import Schema
from linclf.data.source import FLAGS, RawFile, Source
from linclf.data.stream import stream
from linclf.errors import InputError

GIVEN = {
    "drop": ("a",),
    "numeric": ("a",),
    "category": ("a",),
    "text": ("a",),
    "target": "a",
    "header": False,
    "min_count": 7,
    "zero_based": False,
    "weight": "a",
    "group": "a",
    "time": "a",
    "sep": ";",
    "decimal": ",",
    "thousands": ".",
    "encoding": "cp1252",
    "na_values": ("-",),
    "comment": "#",
    "skip_rows": 1,
    "ranges": True,
    "day_first": True,
    "date_parts": "no",
    "analyzer": "char",
    "ngrams": (1, 1),
    "clean_labels": True,
    "sheet": "a",
}


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> Reader:
    return READERS[request.param]


def test_names_suffixes_and_first_bytes_are_distinct() -> None:
    suffixes = [suffix for reader in READERS.values() for suffix in reader.suffixes]
    starts = {(reader.first_bytes, reader.first_bytes_hint) for reader in READERS.values() if reader.first_bytes}
    assert len(suffixes) == len(set(suffixes))
    assert len(starts) == len(dict(starts))  # formats that are zip files share a hint
    assert all(name == reader.name for name, reader in READERS.items())


def test_importing_the_registry_imports_nothing_slow() -> None:
    slow = ("sklearn", "pandas", "scipy", "pyarrow")
    program = f"import linclf.data.readers.registry, sys; print([name for name in {slow} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"


def test_the_options_of_the_command_line_are_those_of_the_registry() -> None:
    parameters = {one.name: one for one in column_options(data_options(click.command()(lambda: None))).params}
    assert list(parameters["format"].type.choices) == list(READERS)
    assert set(FLAGS) == set(GIVEN) <= {field.name for field in fields(Source)}
    typed = [flag for one in parameters.values() for flag in one.opts + one.secondary_opts]
    assert all(flag.split(" or ")[0] in typed for flag in FLAGS.values())


def test_the_suffix_decides_and_format_overrules_it(reader: Reader) -> None:
    for suffix in reader.suffixes:
        for name in (f"t{suffix}", f"a/b.c{suffix.upper()}", f"t{suffix}.gz", f"t{suffix}.XZ"):
            assert choose_reader(Source(name), None) == (reader, True)
        for other in READERS.values():
            assert choose_reader(Source(f"t{suffix}", format=other.name), None) == (other, True)
    for name in ("t.txt", "t", "-", f"t{reader.suffixes[0]}.zip", f"folder{reader.suffixes[0]}/t"):
        assert choose_reader(Source(name), None) == (FALLBACK, False)
        assert choose_reader(Source(name), Schema(1, format=reader.name)) == (reader, True)
    assert choose_reader(Source("-"), Schema(1)) == (READERS["csv"], True)
    with pytest.raises(InputError, match="there is no format 'xml'; the formats are csv, "):
        choose_reader(Source("t", format="xml"), None)


@pytest.mark.parametrize("field", GIVEN)
def test_options_that_a_format_does_not_understand_are_refused(reader: Reader, field: str) -> None:
    source = Source("t", format=reader.name, **{field: GIVEN[field]})
    assert source.given_options() == [field]
    if field in reader.options:
        assert choose_reader(source, None) == (reader, True)
    else:
        with pytest.raises(InputError, match=f"t: is read as {reader.name}, which has no use for {FLAGS[field]}"):
            choose_reader(source, None)


@pytest.mark.parametrize(
    ("name", "field", "message"),
    [
        (
            "t.txt",
            "target",
            "t.txt: cannot tell the format from '.txt'; pass --format csv, tsv, jsonl, parquet, arrow, excel, ods, arff, sqlite, duckdb, npz, npy",
        ),
        (
            "t.TXT.gz",
            "drop",
            "t.TXT.gz: cannot tell the format from '.txt'; pass --format csv, tsv, jsonl, parquet, arrow, excel, ods, arff, sqlite, duckdb, npy",
        ),
        ("t", "header", "t: cannot tell the format without a suffix; pass --format csv, tsv, excel, ods"),
        (
            "-",
            "category",
            "-: cannot tell the format without a suffix; pass --format csv, tsv, jsonl, parquet, arrow, excel, ods, arff, sqlite, duckdb, npy",
        ),
    ],
)
def test_options_name_the_formats_that_understand_them(name: str, field: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        choose_reader(Source(name, **{field: GIVEN[field]}), None)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("name", "lines", "format"),
    [
        (
            "t.gz",
            ["-1 3:1 11:1 ", "+1 5:1", "-1 ", "", "1 2:0.5 # a row"],
            "svmlight",
        ),  # LIBSVM ends its lines with a blank
        ("t.txt", ["1 1:2.5\t3:1e-3", "0.5 2:-1 \r"], "svmlight"),
        ("t.data", ['{"a": 1, "y": 0}', '{"a": 2, "y": 1}'], "jsonl"),
        ("t.dat", ["a b", "1 2", "3 4"], "csv"),
        ("t", ["1;2", "3;4"], "csv"),
        ("t", ["a", "b"], "svmlight"),  # nothing tells
    ],
)
def test_the_first_lines_tell_the_format_where_the_name_does_not(name: str, lines: list[str], format: str) -> None:
    assert choose_reader(Source(name), None, "\n".join([*lines, ""]).encode())[0].name == format


def test_binary_files_read_as_text_are_recognised(tmp_path, reader: Reader) -> None:
    for other in READERS.values():
        if other.first_bytes and not reader.first_bytes:
            with pytest.raises(InputError, match=f"t: {other.first_bytes_hint}"):
                read(tmp_path / "t", other.first_bytes + bytes(30), format=reader.name)


def count_words(raw: RawFile, model_schema: Schema | None, labelled: bool) -> Dataset:
    lines = raw.content.decode().splitlines()
    X = np.array([[float(len(line.split()))] for line in lines])
    y = np.array([line[0] for line in lines]) if labelled else None
    return Dataset(X, y, raw.source, model_schema or Schema(1, format=raw.format), raw.digest)


def test_a_new_format_is_one_line_of_the_registry(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = Reader("words", (".words",), count_words, ("target",), b"WORDS", "is words", True, newline_at_end=True)
    monkeypatch.setitem(READERS, new.name, new)
    dataset = read(tmp_path / "t.words", "a b\nb c d\na")
    assert (dataset.X.tolist(), dataset.y.tolist(), dataset.schema.format) == (
        [[2], [3], [1]],
        ["a", "b", "a"],
        "words",
    )
    assert dataset.notes == ("its last line has no line end; is the file complete?",)
    assert load(Source(str(tmp_path / "t.words"), target="x")).X.shape == (3, 1)
    with pytest.raises(InputError, match="is read as words, which has no use for --drop"):
        load(Source(str(tmp_path / "t.words"), drop=("x",)))
    with pytest.raises(InputError, match="t.csv: is words"):
        read(tmp_path / "t.csv", "WORDS\n")
    with pytest.raises(
        InputError,
        match="pass --format csv, tsv, jsonl, parquet, arrow, excel, ods, arff, sqlite, duckdb, npz, npy, words",
    ):
        read(tmp_path / "t.txt", "a b\n", target="x")
    rows = io.TextIOWrapper(io.BytesIO(b"a b\nc\n"))
    monkeypatch.setattr("sys.stdin", rows)
    assert [piece.X.tolist() for piece in stream(Source("-"), dataset.schema)] == [[[2], [1]]]
