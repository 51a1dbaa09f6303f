"""Excel workbooks and OpenDocument spreadsheets give the same data set as CSV with the same content."""

import io
import re
import zipfile
from datetime import date, datetime, time

import numpy as np
import openpyxl
import pandas as pd
import pytest
from reading import read

from linclf.data.columns.registry import KINDS
from linclf.data.encoder import encode, learn_schema
from linclf.data.load import load
from linclf.data.source import Source
from linclf.errors import InputError

N = 30
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "size": np.where(RNG.random(N) < 0.8, RNG.standard_normal(N).round(3), np.nan),
        "count": RNG.integers(0, 9, N),
        "colour": RNG.choice(["red", 'a, "b"\nc', "日本 é", "007", None], N),
        "day": pd.to_datetime("2024-01-01") + pd.to_timedelta(RNG.integers(0, 90, N), "D"),
        "moment": pd.to_datetime("2024-01-01 10:00:01") + pd.to_timedelta(RNG.integers(0, 90, N), "D"),
        "ok": RNG.choice([True, False], N),
        "mixed": [3 if i % 3 else "x" for i in range(N)],
        "label": RNG.choice([1, 2, 3], N),
    }
)
SUFFIXES = [".xlsx", ".ods"]


def workbook(suffix: str, *sheets: tuple[str, pd.DataFrame], **options) -> bytes:
    """The content of a workbook with these sheets."""
    content = io.BytesIO()
    with pd.ExcelWriter(content, engine={".xlsx": "openpyxl", ".ods": "odf"}[suffix]) as writer:
        for name, frame in sheets:
            frame.to_excel(writer, sheet_name=name, **{"index": False, **options})
    return content.getvalue()


def cells(suffix: str, *rows: list) -> bytes:
    """The content of a workbook with one sheet of these cells."""
    width = max(map(len, rows))
    full = [row + [None] * (width - len(row)) for row in rows]
    return workbook(suffix, ("Sheet1", pd.DataFrame(full, dtype=object)), header=False)


def typed(*rows: list) -> bytes:
    """The content of an Excel workbook with one sheet of these cells, formulas among them."""
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(content)
    return content.getvalue()


def replaced(content: bytes, member: str, old: str, new: str) -> bytes:
    """The content of a zip file with one change in a member."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            text = before.read(name)
            if name == member:
                assert old.encode() in text
                text = text.replace(old.encode(), new.encode())
            after.writestr(name, text)
    return changed.getvalue()


def encoded(dataset) -> tuple:
    features, _ = learn_schema(dataset.X, dataset.schema, dataset.source)
    X = encode(dataset.X, features, "t")[0]
    return features, X if isinstance(X, np.ndarray) else X.toarray()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("options", [{}, {"category": ("count",)}, {"numeric": ("mixed",), "target": "ok"}], ids=str)
def test_the_data_set_is_the_same_as_from_csv(tmp_path, suffix: str, options: dict) -> None:
    csv = read(tmp_path / "t.csv", FRAME.to_csv(index=False), **options)
    other = read(tmp_path / f"t{suffix}", workbook(suffix, ("one", FRAME)), **options)
    (expected, X), (found, Z) = encoded(csv), encoded(other)
    assert found.columns == expected.columns
    assert {column.kind for column in found.columns} >= {"number", "category", "date"} <= set(KINDS)
    np.testing.assert_array_equal(Z, X)
    assert other.labels().tolist() == csv.labels().tolist()
    assert (other.notes, other.schema.target, other.columns) == ((), csv.schema.target, csv.columns)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_model_is_the_same_to_the_bit_and_predicts_from_any_format(linclf, in_tmp, suffix: str) -> None:
    FRAME.to_csv("t.csv", index=False)
    (in_tmp / f"t{suffix}").write_bytes(workbook(suffix, ("one", FRAME)))
    for name in ("t.csv", f"t{suffix}"):
        assert linclf("train -q --target label -o", f"{name}.model", name).code == 0
    ours, theirs = (
        linclf("predict --proba --keep day,mixed", f"t{suffix}.model", name) for name in ("t.csv", f"t{suffix}")
    )
    assert ours.count("\n") == N
    assert theirs == ours == linclf("predict --proba --keep day,mixed t.csv.model t.csv")
    assert linclf("evaluate", f"t{suffix}.model").code == linclf("doctor --target label", f"t{suffix}").code == 0
    assert linclf(f"explain t.csv.model t{suffix} --row 3").code == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_table_may_be_anywhere_in_the_sheet(tmp_path, suffix: str) -> None:
    plain = read(tmp_path / f"t{suffix}", workbook(suffix, ("one", FRAME)))
    moved = read(tmp_path / f"m{suffix}", workbook(suffix, ("one", FRAME), startrow=3, startcol=2))
    np.testing.assert_array_equal(moved.X.numbers, plain.X.numbers)
    assert moved.X.lines.tolist() == (plain.X.lines + 3).tolist() == list(range(5, N + 5))
    rows = [[None], ["a", None, "label"], [1, None, "x"], [None, None, None], [3, None, "y"], [None]]
    gaps = read(tmp_path / f"g{suffix}", cells(suffix, *rows))
    assert (gaps.X.numbers.tolist(), gaps.X.lines.tolist(), gaps.X.names) == ([[1], [3]], [3, 5], ("a",))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_without_a_header_columns_are_numbered(tmp_path, suffix: str) -> None:
    rows = [[1, "u", "x"], [2, "v", "y"], [3, "u", "x"]]
    for target in ("2", "-1"):
        dataset = read(tmp_path / f"t{suffix}", cells(suffix, *rows), header=False, target=target)
        assert (dataset.X.names, dataset.X.lines.tolist(), dataset.y.tolist()) == (
            ("0", "1"),
            [1, 2, 3],
            ["x", "y", "x"],
        )
    other = cells(suffix, ["size", "kind", "which"], *rows)
    (tmp_path / f"h{suffix}").write_bytes(other)
    again = load(Source(str(tmp_path / f"h{suffix}"), target="2"), model_schema=dataset.schema.input_schema())
    np.testing.assert_array_equal(again.X.numbers, dataset.X.numbers)
    assert "its first line is a header, which the training data had not" in again.notes[0]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_sheets_are_chosen_by_name_or_number(tmp_path, suffix: str) -> None:
    first, second = FRAME[["size", "label"]], FRAME[["count", "label"]]
    content = workbook(suffix, ("one", first), ("2024", second), ("none", pd.DataFrame()))
    for sheet, names in ((None, "size"), ("one", "size"), ("1", "size"), ("2024", "count"), ("2", "count")):
        dataset = read(tmp_path / f"t{suffix}", content, sheet=sheet)
        assert dataset.X.names == (names,)
        assert dataset.notes == (() if sheet else ("sheet 'one' was read; others are 2024 (--sheet names one)",))
    assert read(tmp_path / f"t{suffix}", workbook(suffix, ("one", first), ("no", pd.DataFrame()))).notes == ()
    for sheet, message in (
        ("three", "has no sheet 'three'; its sheets are one, 2024, none"),
        ("4", "has no sheet '4'"),
        ("0", "has no sheet '0'"),
        ("none", "sheet 'none' is empty; choose another one with --sheet"),
    ):
        with pytest.raises(InputError, match=f"t{suffix}: {re.escape(message)}"):
            read(tmp_path / f"t{suffix}", content, sheet=sheet)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_sheet_is_a_part_of_what_a_model_remembers(linclf, in_tmp, suffix: str) -> None:
    other = FRAME[["count", "label"]]
    (in_tmp / f"t{suffix}").write_bytes(workbook(suffix, ("one", FRAME[["size", "label"]]), ("two", other)))
    other.to_csv("t.csv", index=False)
    expected = linclf("train t.csv -q --json -o c")
    ran = linclf(f"train t{suffix} --sheet two --json -q -o m")
    assert re.sub('"(data|model|load|train|total)": [^,}]*', "", ran) == re.sub(
        '"(data|model|load|train|total)": [^,}]*', "", expected
    )
    assert linclf("evaluate m --json") == linclf("evaluate c --json")
    assert "--sheet two" in linclf(f"doctor t{suffix} --sheet two")
    assert linclf(f"train t{suffix} --json -q") != ran


def test_cells_of_excel_become_plain_values(tmp_path) -> None:
    rows = [
        ["i", "day", "moment", "time", "text", "error", "label"],
        [1, date(2024, 5, 1), datetime(2024, 5, 1, 7, 30), time(7, 30), "1.5", "#DIV/0!", "x"],
        [2.0, date(2024, 5, 2), datetime(2024, 5, 2), None, " a ", 7, "y"],
    ]
    dataset = read(tmp_path / "t.xlsx", typed(*rows))
    texts = {name: cells.texts().tolist() for name, cells in dataset.X.texts.items()}
    assert texts == {
        "day": ["2024-05-01", "2024-05-02"],
        "moment": ["2024-05-01 07:30:00", "2024-05-02"],
        "time": ["07:30:00", ""],
        "text": ["1.5", "a"],
    }
    np.testing.assert_array_equal(dataset.X.numbers, [[1, np.nan], [2, 7]])


def test_formulas_are_their_saved_values(tmp_path) -> None:
    content = typed(["a", "b", "label"], [1, "=A2*2", "x"], [2, "=A3*2", "y"], [3, 6, "x"])
    dataset = read(tmp_path / "t.xlsx", content)
    np.testing.assert_array_equal(dataset.X.numbers[:, 1], [np.nan, np.nan, 6])
    assert dataset.notes == (
        "2 formulas have no saved values and are missing cells; open the workbook in a spreadsheet program and save it",
    )
    saved = replaced(content, "xl/worksheets/sheet1.xml", "<f>A2*2</f><v />", "<f>A2*2</f><v>2</v>")
    saved = replaced(saved, "xl/worksheets/sheet1.xml", "<f>A3*2</f><v />", "<f>A3*2</f><v>4</v>")
    dataset = read(tmp_path / "s.xlsx", saved)
    assert (dataset.X.numbers[:, 1].tolist(), dataset.notes) == ([2, 4, 6], ())


def test_cells_of_ods_may_be_repeated_and_have_markup(tmp_path) -> None:
    content = cells(".ods", ["a", "b", "label"], [1, "p", "x"], [2, "q", "y"])
    for old, new in (
        ("<text:p>p</text:p>", '<office:annotation><text:p>no</text:p></office:annotation><text:p>p<text:s text:c="2"/>'
         "<text:span>r<text:tab/>s</text:span>t</text:p><text:p>u</text:p>"),
        ('<table:table-row><table:table-cell office:value-type="float" office:value="2',
         '<table:table-row table:number-rows-repeated="1000"/><table:table-row table:number-rows-repeated="2">'
         '<table:table-cell office:value-type="float" office:value="2'),
        ('office:value-type="string" office:string-value="q"', 'table:formula="of:=1"'),
        ("</table:table-row></table:table>", '</table:table-row><table:table-row table:number-rows-repeated="999999999">'
         '<table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>'),
    ):  # fmt: skip
        content = replaced(content, "content.xml", old, new)
    dataset = read(tmp_path / "t.ods", content)
    assert (dataset.X.numbers.tolist(), dataset.X.lines.tolist()) == ([[1], [2], [2]], [2, 1003, 1004])
    assert dataset.X.texts["b"].texts().tolist() == ["p  r\tst\nu", "", ""]
    assert dataset.notes[0].startswith("a formula has no saved value and is a missing cell; open the workbook")


ROWS = [["a", "b", "label"], [1, 2, "x"], [3, 4, "y"]]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([["a", "b"], [1, 2]], {}, ": has no column named target, label, class or y"),
        ([["a", "a", "label"], [1, 2, "x"]], {}, ": two columns are named 'a'"),
        ([[1, 1, 2], [3, 4, 5]], {"target": "2"}, r": two columns are named '1'.*pass --no-header"),
        ([["a", "label"]], {}, ": contains no rows below its header"),
        ([[None]], {}, ": sheet 'Sheet1' is empty"),
        (ROWS, {"zero_based": True}, ": is read as (excel|ods), which has no use for --zero-based"),
    ],
)  # fmt: skip
def test_wrong_tables_are_refused_with_the_row_of_the_sheet(tmp_path, suffix: str, rows, options, message: str) -> None:
    with pytest.raises(InputError, match=f"t{suffix}{message}"):
        read(tmp_path / f"t{suffix}", cells(suffix, *rows), **options)


def test_columns_without_a_name_are_noted(tmp_path) -> None:
    dataset = read(
        tmp_path / "t.xlsx", cells(".xlsx", ["Report", None, "n"], [1, 2, 3, 4], [4, 5, 6, 7]), target="Report"
    )
    assert dataset.notes == ("row 1 names the columns, but not all of them: Unnamed: 1, Unnamed: 3",)


XLSX, ODS = cells(".xlsx", *ROWS), cells(".ods", *ROWS)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xlsx", b"a,b\n1,2\n", "t.xlsx: is not a complete Excel workbook"),
        ("t.xlsx", XLSX[:-40], "t.xlsx: is not a complete Excel workbook"),
        ("t.xlsx", ODS, "t.xlsx: is not a complete Excel workbook"),
        ("t.ods", XLSX, "t.ods: is not a complete OpenDocument spreadsheet"),
        ("t.ods", ODS[:300], "t.ods: is not a complete OpenDocument spreadsheet"),
        ("t.csv", XLSX, "t.csv: is an Excel workbook or another zip file; pass --format excel"),
        ("t.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "t.xls: is an old Excel workbook .* save it as .xlsx"),
        ("t.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "t.csv: is an old Excel workbook .* save it as .xlsx"),
    ],
)  # fmt: skip
def test_wrong_files_are_refused(tmp_path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path / name, content, target="a")


@pytest.mark.parametrize(
    ("suffix", "old", "new", "message"),
    [
        (".xlsx", "<row", "<!--" + "x" * 14_000_000 + "--><row", r"unpacks to \d+ MB, more than"),
        (".xlsx", 'row r="2"', 'row r="9999999999"', "is beyond the 1048576 x 16384 cells of a sheet"),
        (".xlsx", 'r="C2"', 'r="ZZZ2"', "is beyond the 1048576 x 16384 cells of a sheet"),
        (".ods", "<table:table-row", '<table:table-row table:number-rows-repeated="999999999"', "unpacks to|is beyond"),
        (".ods", "<table:table-cell", '<table:table-cell table:number-columns-repeated="999999999"', "more than 16384"),
        (".ods", "<table:table-row", "<!--" + "x" * 14_000_000 + "--><table:table-row", r"unpacks to \d+ MB, more than"),
        (".ods", "<text:p>x</text:p>", '<text:p><text:s text:c="999999999"/></text:p>', "unpacks to 1000 MB, more than"),
    ],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_small_files_of_large_tables_are_refused(tmp_path, suffix: str, old: str, new: str, message: str) -> None:
    member = {".xlsx": "xl/worksheets/sheet1.xml", ".ods": "content.xml"}[suffix]
    content = replaced({".xlsx": XLSX, ".ods": ODS}[suffix], member, old, new)
    assert len(content) < 200_000
    with pytest.raises(InputError, match=message):
        read(tmp_path / f"t{suffix}", content)


def test_excel_without_openpyxl_is_refused_with_the_command_that_installs_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("linclf.data.readers.excel.find_spec", lambda _: None)
    with pytest.raises(InputError, match="needs openpyxl; install it with: pip install openpyxl"):
        read(tmp_path / "t.xlsx", XLSX)
