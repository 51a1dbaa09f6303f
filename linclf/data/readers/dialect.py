"""How a delimited text file is written: separator, decimal mark, lines that are no rows. Found by looking where it is not given."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, replace

from linclf.data.schema import Schema
from linclf.data.source import RawFile

SEPARATORS = ",;\t|"
SAMPLE = 1 << 18  # bytes at the beginning that are looked at
RECORDS = 1000  # records, likewise
SAME_WIDTH = 0.9  # share of the records that must have the same number of cells
TITLES = 10  # lines above the header, at most
MORE_COMMAS = 10  # decimal commas for each decimal point, for the comma to be the decimal mark of the file
FOOTER = 5  # lines, at most
_COMMA = re.compile(r"[-+]?(\d+,(\d{1,2}|\d{4,})|0,\d+|[1-9]\d{0,2}(\.\d{3})+,\d+)")
_POINT = re.compile(r"[-+]?(\d+\.(\d{1,2}|\d{4,})|0?\.\d+|[1-9]\d{0,2}(,\d{3})+\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
_TOTAL = re.compile(r"(grand )?(total|totals|sum|summe|gesamt|somme|suma|totale)s?\W*", re.IGNORECASE)
_NAMES = {",": "','", ";": "';'", "\t": "a tab", "|": "'|'", " ": "blanks"}


@dataclass(frozen=True)
class Settled:
    """A file whose dialect is known: the raw file, with nothing left to find, and notes on what was found."""

    raw: RawFile
    notes: tuple[str, ...] = ()


def settle(raw: RawFile, model_schema: Schema | None, separator: str) -> Settled:
    """Find what the data options leave open, and remove comments and the lines above the header.

    separator  that of the format, which is preferred
    The source of the result names everything, so that the pieces of a file are read as its beginning was.
    """
    source, notes = raw.source, []
    content = _without_comments(raw.content, source.comment)
    sep, skip = source.sep, source.skip_rows
    if sep is None or skip is None:
        sample = _sample(content)
        found = _best(sample, [sep] if sep else _candidates(separator), skip)
        if sep is None and found[0] != separator:
            notes.append(f"its cells are separated by {_NAMES[found[0]]}; --sep names another character")
        if skip is None and found[1]:
            notes.append(f"its first {_lines(found[1])} above the header and left out; --skip-rows 0 keeps them")
        sep, skip = sep or found[0], found[1]
    content, skipped = _without_lines(content, skip), raw.skipped + skip
    if sep == " ":
        content = _tabs(content)
    decimal = source.decimal
    if decimal is None:
        likely = _decimal(content, "\t" if sep == " " else sep, model_schema.decimal if model_schema else ".")
        decimal = source.decimal_or(likely)
        if source.thousands is None and decimal == "," and (model_schema is None or model_schema.decimal != ","):
            notes.append("its numbers have decimal commas; --decimal . overrules")
    known = replace(source, sep=sep, skip_rows=0, decimal=decimal)
    return Settled(replace(raw, source=known, content=content, skipped=skipped), tuple(notes))


def _lines(count: int) -> str:
    return "line is" if count == 1 else f"{count} lines are"


def _candidates(separator: str) -> list[str]:
    return [separator, *SEPARATORS.replace(separator, ""), " "]


def _sample(content: bytes) -> str:
    """The first lines, as text."""
    start = content[:SAMPLE]
    if len(content) > SAMPLE:
        start = start[: start.rfind(b"\n") + 1] or start
    return start.decode("utf-8-sig", "replace")


def _without_comments(content: bytes, mark: str | None) -> bytes:
    """The content without comments outside quotes; lines stay lines."""
    if mark is None or mark.encode() not in content:
        return content
    pattern = re.compile(rb'("(?:[^"]|"")*")|' + re.escape(mark.encode()) + rb"[^\n\r]*")
    return pattern.sub(lambda found: found[1] or b"", content)


def _without_lines(content: bytes, count: int) -> bytes:
    for _ in range(count):
        content = content[content.find(b"\n") + 1 :] if b"\n" in content else b""
    return content


def _tabs(content: bytes) -> bytes:
    """Cells separated by blanks as cells separated by tabs."""
    return re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", re.sub(rb"(?<=\S)[ \t]+(?=\S)", b"\t", content))


def _records(sample: str, sep: str) -> list[list[str]]:
    """The first records; blank lines are none."""
    if sep == " ":
        return [line.split() for line in sample.splitlines()[:RECORDS] if line.strip()]
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=sep, skipinitialspace=sep != "\t")
    records = []
    try:
        for record in reader:
            if record and (len(record) > 1 or record[0].strip()):
                records.append(record)
            if len(records) == RECORDS:
                break
    except csv.Error:
        return []
    return records


def _best(sample: str, candidates: list[str], skip: int | None) -> tuple[str, int]:
    """The separator by which most records have the same number of cells, and the number of lines above the first of them.

    The first candidate stands unless another one is better: by the share of such records, and by fewer cells with another
    separator in them."""
    best, most = (candidates[0], skip or 0), (0.0, 0.0)
    for sep in candidates:
        records = _records("\n".join(sample.split("\n")[skip or 0 :]), sep)
        if not records or (sep == " " and '"' in sample):
            continue
        width = Counter(map(len, records)).most_common(1)[0][0]
        titles = skip if skip is not None else _titles(sample, sep, records, width)
        rows = records[titles - (skip or 0) :]
        same = sum(len(record) == width for record in rows) / max(len(rows), 1)
        if width < 2 or same < SAME_WIDTH or abs(len(rows[0]) - width) > 1:
            continue
        others = [c for c in SEPARATORS if c != sep]
        strange = sum(
            any(c in cell for c in others) and not _COMMA.fullmatch(cell) for row in rows[:50] for cell in row
        )
        score = (round(same, 1), -strange / sum(map(len, rows[:50])))
        if score > most or most == (0.0, 0.0):
            best, most = (sep, titles), score
    return best


def _titles(sample: str, sep: str, records: list[list[str]], width: int) -> int:
    """The number of lines above the header: lines with one cell, followed by one of the usual number of cells."""
    count = next((i for i, record in enumerate(records) if len(record) >= width - 1 > 0 or len(record) == width), 0)
    titles = all(sum(bool(cell.strip()) for cell in record) <= 1 for record in records[:count])
    if not 0 < count <= TITLES or not titles or width < 3 or count * 2 > len(records):
        return 0
    lines, seen = sample.split("\n"), 0
    for i, line in enumerate(lines):  # blank lines are no records
        if seen == count:
            return i
        seen += bool(line.strip())
    return 0


def _decimal(content: bytes, sep: str, usual: str) -> str:
    """The decimal mark of the file, `usual` where nothing tells."""
    sample = _sample(content)
    if "," not in sample or (sep == "," and '"' not in sample):  # no cell has a comma
        return "."
    cells = [cell.strip() for record in _records(sample, sep) for cell in record]
    commas, points = (sum(map(bool, map(pattern.fullmatch, cells))) for pattern in (_COMMA, _POINT))
    if commas > MORE_COMMAS * points:
        return ","
    return "." if points or not commas else usual


def without_footer(raw: RawFile, width: int) -> tuple[bytes, list[str]]:
    """The content of a table of `width` columns without lines that are no rows at its end, and notes on them: lines with a
    single cell of words, and a line of totals."""
    source, content, notes = raw.source, raw.content, []
    sep = "\t" if source.sep == " " else source.sep or ","
    for _ in range(FOOTER):
        end = len(content)
        while content[end - 1 : end].isspace():
            end -= 1
        start = max(content.rfind(b"\n", 0, end), content.rfind(b"\r", 0, end)) + 1
        last = content[start:end]
        if start == 0 or end == len(content) or b'"' in last or width < 2:
            break
        cells = last.decode("utf-8", "replace").split(sep)
        filled = [cell for cell in cells if cell.strip()]
        words = len(cells) == 1 and width > 2 and re.search(r"[^\W\d_]{2}", cells[0]) and len(cells[0].split()) > 1
        total = len(filled) > 1 and _TOTAL.fullmatch(filled[0].strip()) and content.count(filled[0].encode()) == 1
        if not words and not total:
            break
        what = "a line of totals" if total else "a footer"
        notes.append(f"its last line, {filled[0][:40].strip()!r}, is {what} and left out")
        content = content[:start]
    return content, notes


def without_repeated_header(content: bytes) -> tuple[bytes, int]:
    """The content with blank lines in place of those that repeat the first line; and their number."""
    end = content.find(b"\n") + 1
    header = content[:end].rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf")
    if not header.strip() or content.count(header) < 2:
        return content, 0
    pattern = re.compile(rb"(?m)(?<=\n)" + re.escape(header) + rb"(?=\r?$)")
    body, count = pattern.subn(b"", content[end - 1 :])
    return content[: end - 1] + body, count
