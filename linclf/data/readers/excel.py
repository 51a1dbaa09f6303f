"""Read Excel workbooks through openpyxl (extra `excel`): the values of cells, never formulas or macros."""

import io
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from typing import Any

from linclf.data.dataset import Dataset
from linclf.data.readers.base import COLUMN_OPTIONS, ZIP, ZIP_HINT, Reader
from linclf.data.readers.sheets import Row, choose_sheet, limited, sheet_dataset, uncomputed_note
from linclf.data.readers.values import to_value
from linclf.data.schema import Schema
from linclf.data.source import RawFile
from linclf.errors import InputError

OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the first bytes of .xls, and of a workbook with a password
OLD_HINT = "is an old Excel workbook (.xls), or one with a password; save it as .xlsx, without a password"


def read_excel(raw: RawFile, model_schema: Schema | None, labelled: bool) -> Dataset:
    """Read a sheet of an Excel workbook as a Dataset whose X is a Table; raises InputError if openpyxl is not installed.

    The value of a formula is the one that was saved with it; one that was never computed is a missing cell, and so is an error
    such as #DIV/0!.
    """
    name = raw.source.data
    if raw.content.startswith(OLD):
        raise InputError(f"{name}: {OLD_HINT}")
    if find_spec("openpyxl") is None:
        raise InputError(f"{name}: reading Excel workbooks needs openpyxl; install it with: pip install openpyxl")
    try:
        with zipfile.ZipFile(io.BytesIO(raw.content)) as archive:
            raw.check_bytes(sum(member.file_size for member in archive.infolist()))  # no more than this is unpacked
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles, dates and parts that openpyxl does not know
            with closing(_open(raw)) as book:
                sheets = book.worksheets
                titles = [sheet.title for sheet in sheets]
                chosen, notes = choose_sheet(raw, titles, lambda i: _rows(raw, sheets[i]))
                rows = list(_rows(raw, sheets[chosen]))
            notes = (*notes, *_uncomputed(raw, chosen, rows))
    except InputError:
        raise
    except Exception as error:  # zipfile, XML parsers and openpyxl raise many types for a damaged file
        reason = " ".join(str(error).split())
        raise InputError(f"{name}: is not a complete Excel workbook ({reason}); see --format") from None
    return sheet_dataset(raw, model_schema, labelled, sheet=titles[chosen], rows=rows, notes=notes)


def _open(raw: RawFile, values: bool = True) -> Any:
    """The workbook; `values` is whether a formula is read as the value that was saved with it."""
    from openpyxl import load_workbook

    return load_workbook(io.BytesIO(raw.content), read_only=True, data_only=values, keep_links=False)


def _rows(raw: RawFile, sheet: Any) -> Iterator[Row]:
    """The rows with cells of a sheet of openpyxl."""
    sheet.reset_dimensions()  # the size that the file states may be wrong
    rows = (
        Row(number, [None if cell.data_type == "e" else to_value(cell.value) for cell in cells])
        for number, cells in enumerate(sheet.rows, 1)
    )
    return limited(raw, rows)


def _uncomputed(raw: RawFile, chosen: int, rows: list[Row]) -> tuple[str, ...]:
    """A note on the formulas of the sheet without a saved value."""
    width = max((len(row.cells) for row in rows), default=0)
    if all(len(row.cells) == width and None not in row.cells for row in rows):
        return ()
    found = {row.number: row.cells for row in rows}
    with closing(_open(raw, values=False)) as book:
        sheet = book.worksheets[chosen]
        sheet.reset_dimensions()
        count = sum(
            cell.data_type == "f" and (j >= len(found.get(number, ())) or found[number][j] is None)
            for number, cells in enumerate(sheet.rows, 1)
            for j, cell in enumerate(cells)
        )
    return uncomputed_note(count)


EXCEL = Reader(
    "excel",
    (".xlsx", ".xlsm", ".xls"),
    read_excel,
    (*COLUMN_OPTIONS, "header", "sheet"),
    first_bytes=ZIP,
    first_bytes_hint=ZIP_HINT,
)
