"""How a delimited text file is written: separator, decimal mark, lines above the header. Found by looking where it is not given."""

import csv
import io
import os
import re
from collections import Counter
from dataclasses import dataclass, replace

from linclf.data.schema import Schema
from linclf.data.source import RawFile, Source
from linclf.storage.packed import packed_suffix

SEPARATORS = ",;\t|"
SAMPLE = 1 << 18  # bytes at the beginning that are looked at
RECORDS = 1000  # records, likewise
SAME_WIDTH = 0.9  # share of the records that must have the same number of cells
TITLES = 10  # lines above the header, at most
MORE_COMMAS = 10  # decimal commas for each decimal point, for the comma to be the decimal mark of the file
# numbers that only a decimal comma, or only a decimal point, explains, perhaps between a currency and a unit
_COMMA = re.compile(r"[^\d.,]{0,5}(\d+,(\d{1,2}|\d{4,})|0,\d+|[1-9]\d{0,2}([. '’\u00a0\u202f]\d{3})+,\d+)[^\d.,]{0,12}")
_POINT = re.compile(
    r"[^\d.,]{0,5}(\d*\.(\d{1,2}|\d{4,})|0?\.\d+|[1-9]\d{0,2}([, '’\u00a0\u202f]\d{3})+\.\d+)(e[-+]?\d+)?[^\d.,]{0,12}",
    re.IGNORECASE,
)
# numbers with a comma that is a decimal comma, or between thousands; with several commas or a point they contradict
_EITHER = re.compile(r"[^\d.,]{0,5}\d{1,3},\d{3}[^\d.,]{0,12}")
_NOT_DECIMAL = re.compile(r"[^\d.,]{0,5}\d{1,3}(,\d{3})+[.,]\d+[^\d.,]{0,12}")
_SEP_LINE = re.compile(rb'\A(?:\xef\xbb\xbf)?"?sep=([^\n\r"])"?\r?\n', re.IGNORECASE)  # that Excel understands
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
    content, skipped = _without_comments(raw.content, source.comment), raw.skipped
    sep, skip = source.sep, source.skip_rows
    if skip is None and (named := _SEP_LINE.match(content)):
        sep, content, skipped = sep or named[1].decode("latin-1"), content[named.end() :], skipped + 1
    if sep is None or skip is None:
        sample = _sample(content)
        found = _best(sample, [sep] if sep else _candidates(separator, raw, model_schema), skip)
        if sep is None and found[0] != separator:
            notes.append(f"its cells are separated by {_NAMES[found[0]]}; --sep names another character")
        if skip is None and found[1]:
            notes.append(f"its first {_lines(found[1])} above the header and left out; --skip-rows 0 keeps them")
        sep, skip = sep or found[0], found[1]
    content, skipped = _without_lines(content, skip), skipped + skip
    if sep == " ":
        content = _tabs(content)
    decimal = source.decimal
    if decimal is None:
        found_mark = decimal_evidence(content, "\t" if sep == " " else sep)
        decimal = source.decimal_or(found_mark or (model_schema.decimal if model_schema else "."))
        if source.thousands is None and decimal == "," and (model_schema is None or model_schema.decimal != ","):
            notes.append("its numbers have decimal commas; --decimal . overrules")
    known = replace(source, sep=sep, skip_rows=0, decimal=decimal)
    return Settled(replace(raw, source=known, content=content, skipped=skipped), tuple(notes))


def _lines(count: int) -> str:
    return "line is" if count == 1 else f"{count} lines are"


def plain_text(content: bytes, source: Source) -> bytes:
    """A piece of a file of this settled source without comments, its cells separated by one character."""
    content = _without_comments(content, source.comment)
    return _tabs(content) if source.sep == " " else content


def _candidates(separator: str, raw: RawFile, model_schema: Schema | None) -> list[str]:
    """The separators that are tried: blanks not in files that are named for another one, nor where a model takes one column."""
    path = raw.source.data
    suffix = os.path.splitext(os.path.splitext(path)[0] if packed_suffix(path) else path)[1].lower()
    one = model_schema is not None and len(model_schema.inputs() or ()) == 1
    blanks = [] if suffix in (".csv", ".tsv") or one else [" "]
    return [separator, *SEPARATORS.replace(separator, ""), *blanks]


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


def separator_of(source: Source) -> str:
    """The character between the cells of a file of this settled source, in which blanks have become tabs."""
    return "\t" if source.sep == " " else source.sep or ","


def first_record(content: bytes, source: Source) -> list[str]:
    """The first record of a file of this settled source, empty if there is none."""
    return next(iter(_records(_sample(content), separator_of(source))), [])


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
        if most == (1.0, 0.0):  # none can be better
            break
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


def decimal_evidence(content: bytes, sep: str) -> str | None:
    """The decimal mark of the file as its numbers tell it, None if they do not."""
    sample = _sample(content)
    if "," not in sample or (sep == "," and '"' not in sample):  # no cell has a comma
        return "." if re.search(r"\d\.\d", sample) else None
    records = _records(sample, sep)
    cells = [cell.strip() for record in records for cell in record if "," in cell or "." in cell]
    commas, points = (sum(map(bool, map(pattern.fullmatch, cells))) for pattern in (_COMMA, _POINT))
    if commas > MORE_COMMAS * points:
        return ","
    if points:
        return "."
    if sep == ";" and not commas and any(map(_EITHER.fullmatch, cells)) and not any(map(_NOT_DECIMAL.fullmatch, cells)):
        return ","  # a comma separates no cells because it is in the numbers
    return None
