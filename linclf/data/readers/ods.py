"""Read OpenDocument spreadsheets (LibreOffice), with the XML parser of the standard library."""

import io
import re
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from linclf.data.dataset import Dataset
from linclf.data.readers.base import COLUMN_OPTIONS, ZIP, ZIP_HINT, Reader
from linclf.data.readers.sheets import MOST_CELLS, Row, choose_sheet, limited, sheet_dataset, uncomputed_note
from linclf.data.readers.values import to_value
from linclf.data.schema import Schema
from linclf.data.source import RawFile
from linclf.errors import InputError

OFFICE, TABLE, TEXT = (f"{{urn:oasis:names:tc:opendocument:xmlns:{name}:1.0}}" for name in ("office", "table", "text"))
CALC = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"
TIME = re.compile(r"PT(\d+)H(\d+)M(\d+)([.,]\d+)?S")


def read_ods(raw: RawFile, model_schema: Schema | None, labelled: bool) -> Dataset:
    """Read a sheet of an OpenDocument spreadsheet as a Dataset whose X is a Table; the cells are as in `excel.read_excel`."""
    name = raw.source.data
    try:
        with zipfile.ZipFile(io.BytesIO(raw.content)) as archive:
            raw.check_bytes(archive.getinfo("content.xml").file_size)  # no more than this is unpacked
            book = _Book(raw, archive.read("content.xml"))
        titles = book.titles()
        chosen, notes = choose_sheet(raw, titles, book.rows)
        rows = list(book.rows(chosen))
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib and the XML parser raise many types for a damaged file
        raise InputError(f"{name}: is not a complete OpenDocument spreadsheet ({error}); see --format") from None
    notes = (*notes, *uncomputed_note(book.uncomputed))
    return sheet_dataset(raw, model_schema, labelled, sheet=titles[chosen], rows=rows, notes=notes)


class _Book:
    """The XML of a spreadsheet. `uncomputed` is the number of formulas without a saved value in the rows read last."""

    def __init__(self, raw: RawFile, content: bytes) -> None:
        self.raw, self.content, self.uncomputed, self.blanks = raw, content, 0, 0

    def titles(self) -> list[str]:
        """The names of the sheets."""
        return [element.get(f"{TABLE}name", "") for event, element in self._sheets_and_rows() if event == "start"]

    def rows(self, index: int) -> Iterator[Row]:
        """The rows with cells of the sheet of this index."""
        return limited(self.raw, self._all_rows(index))

    def _all_rows(self, index: int) -> Iterator[Row]:
        sheet, number, self.uncomputed = -1, 0, 0
        for event, element in self._sheets_and_rows():
            if event == "start":
                sheet += 1
            elif sheet == index:
                cells, times = self._cells(element), int(element.get(f"{TABLE}number-rows-repeated", 1))
                for i in range(times if cells else 0):
                    yield Row(number + 1 + i, cells)
                number += times
            elif sheet > index:
                return

    def _sheets_and_rows(self) -> Iterator[tuple[str, Element]]:
        """The start of each sheet, and the end of each of its rows, which is then forgotten."""
        above: list[Element] = []
        for event, element in ElementTree.iterparse(io.BytesIO(self.content), ("start", "end")):
            if event == "start":
                if element.tag == f"{TABLE}table" and above and above[-1].tag == f"{OFFICE}spreadsheet":
                    yield event, element
                above.append(element)
                continue
            above.pop()
            if element.tag == f"{TABLE}table-row":
                yield event, element
                above[-1].remove(element)

    def _cells(self, row: Element) -> list[object]:
        """The cells of a row, up to the last one that is not empty."""
        cells: list[object] = []
        empty = 0
        for element in row:
            times = int(element.get(f"{TABLE}number-columns-repeated", 1))
            value = self._value(element) if element.tag == f"{TABLE}table-cell" else None
            if value is None:
                empty += times
                continue
            if len(cells) + empty + times > MOST_CELLS:
                raise ValueError(f"a row has more than {MOST_CELLS} cells")
            cells += [None] * empty + [value] * times
            empty = 0
        return cells

    def _value(self, cell: Element) -> object:
        kind = cell.get(f"{OFFICE}value-type")
        self.uncomputed += kind is None and cell.get(f"{TABLE}formula") is not None
        if kind is None or cell.get(f"{CALC}value-type") == "error":
            return None
        if kind == "boolean":
            return cell.get(f"{OFFICE}boolean-value") == "true"
        if kind == "date":
            return cell.get(f"{OFFICE}date-value", "").replace("T", " ").removesuffix(" 00:00:00") or None
        if kind == "time":
            found = TIME.fullmatch(cell.get(f"{OFFICE}time-value", ""))
            return None if found is None else "{:0>2}:{:0>2}:{:0>2}".format(*found.groups())
        if kind == "string":
            return "\n".join(self._text(element) for element in cell if element.tag == f"{TEXT}p") or None
        return to_value(float(cell.get(f"{OFFICE}value", "")))

    def _text(self, element: Element) -> str:
        """The text in a paragraph or a part of one; blanks after another one, tabs and line ends are elements."""
        if element.tag == f"{TEXT}s":
            count = int(element.get(f"{TEXT}c", 1))
            self.blanks += count
            self.raw.check_bytes(self.blanks)
            return " " * count
        if element.tag == f"{OFFICE}annotation":
            return ""
        own = {f"{TEXT}tab": "\t", f"{TEXT}line-break": "\n"}.get(element.tag, element.text or "")
        return own + "".join(self._text(part) + (part.tail or "") for part in element)


ODS = Reader(
    "ods",
    (".ods",),
    read_ods,
    (*COLUMN_OPTIONS, "header", "sheet"),
    first_bytes=ZIP,
    first_bytes_hint=ZIP_HINT,
)
