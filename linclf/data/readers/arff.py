"""Read ARFF text, of Weka and OpenML, dense and sparse; SciPy's reader knows neither text nor sparse rows."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from linclf.data.dataset import Dataset
from linclf.data.readers.base import COLUMN_OPTIONS, Reader
from linclf.data.readers.values import dataset_of_values
from linclf.data.schema import Schema
from linclf.data.source import RawFile
from linclf.data.table import MAX_EXACT_INT, check_columns, parse_number
from linclf.errors import InputError

NUMERIC = ("numeric", "real", "integer")
TEXT = ("string", "date")
QUOTED = r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\""""  # a backslash escapes
NAME = re.compile(rf"""(?:{QUOTED}|([^\s{{}}'"]+))""")
VALUE = re.compile(rf"""\s*(?:{QUOTED}|([^,{{}}'"\s][^,{{}}]*|))\s*(?=,|\Z)""")  # without quotes it may contain blanks
INDEX = re.compile(r"\s*(\d{1,9})\s+(?=\S)")  # of a cell of a sparse row
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True)
class Attribute:
    """A column: its name, whether it holds numbers, and the values of a nominal one in their order."""

    name: str
    numeric: bool
    values: dict[str, None] | None = None


class _LineError(Exception):
    """What is wrong with a line."""


def read_arff(raw: RawFile, model_schema: Schema | None, labelled: bool) -> Dataset:
    """Read ARFF text as a Dataset whose X is a Table. Numeric attributes are numbers; nominal ones, strings and dates are text,
    whatever their values look like. In sparse rows, what is left out is 0 or the first nominal value."""
    name = raw.source.data
    try:
        text = raw.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}:{line}: is not UTF-8 text; convert it, e.g. with iconv") from None
    attributes, rows, lines = _parse(raw, text)
    names = [attribute.name for attribute in attributes]
    twice = next((one for one, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"{name}: two attributes are named {twice!r}; give each a different name")
    columns = {one: [row[j] for row in rows] for j, one in enumerate(names)}
    texts = [attribute.name for attribute in attributes if not attribute.numeric]
    return dataset_of_values(raw, columns, model_schema, labelled, texts=texts, lines=lines)


def _parse(raw: RawFile, text: str) -> tuple[list[Attribute], list[list[object]], list[int]]:
    """The attributes, the cells of the rows, and the line of each row. Raises InputError."""
    name, in_data = raw.source.data, False
    attributes: list[Attribute] = []
    rows: list[list[object]] = []
    lines: list[int] = []
    for number, line in _content(text):
        try:
            if in_data:
                rows.append(_row(line, attributes))
                lines.append(number)
                raw.check_cells(len(rows), len(attributes))
            else:
                in_data = _declare(line, attributes)
        except _LineError as error:
            raise InputError(f"{name}:{number}: {error}; fix the line") from None
        check_columns(len(attributes), name)
    if not in_data:
        raise InputError(f"{name}: has no line @data; is it ARFF text, and complete?")
    return attributes, rows, lines


def _declare(line: str, attributes: list[Attribute]) -> bool:
    """Add the attribute that a line before the rows declares; return whether the rows follow."""
    keyword, _, rest = line.partition(" ")
    keyword = keyword.lower()
    if keyword == "@attribute":
        attributes.append(_attribute(rest))
    elif keyword not in ("@relation", "@data"):
        raise _LineError("is neither @relation, @attribute nor @data")
    return keyword == "@data"


def _content(text: str) -> Iterator[tuple[int, str]]:
    """The lines with content and their numbers, without the blanks around them; % begins a comment."""
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("%"):
            yield number, stripped.replace("\t", " ") if stripped.startswith("@") else stripped


def _attribute(text: str) -> Attribute:
    """The attribute that is declared by its name and its type."""
    found = NAME.match(text.strip())
    if found is None:
        raise _LineError("is not @attribute NAME TYPE")
    name, kind = _unquoted(found), text.strip()[found.end() :].strip()
    if kind.startswith("{") and kind.endswith("}"):
        return Attribute(name, False, dict.fromkeys(value or "?" for value in _values(kind[1:-1])))
    word = kind.split()[0].lower() if kind else ""
    if word not in NUMERIC + TEXT:
        raise _LineError(f"has the type {kind[:40]!r}, which is none of {', '.join(NUMERIC + TEXT)} and {{VALUE,...}}")
    return Attribute(name, word in NUMERIC)


def _unquoted(found: re.Match[str]) -> str:
    """The text of a value or a name that matched VALUE or NAME."""
    if found[3] is not None:
        return found[3].rstrip()
    quoted = found[1] if found[1] is not None else found[2]
    text = ESCAPE.sub(lambda code: chr(int(code[1], 16)) if code[1] else ESCAPED.get(code[2], code[2]), quoted)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise _LineError("has half of a character")
    return text


def _value(text: str, at: int) -> tuple[str | None, int]:
    """The value at a position, None for a missing one, and where it ends, before a comma or at the end of the text."""
    found = VALUE.match(text, at)
    if found is None:
        raise _LineError(
            f"has {text[at : at + 20].strip()!r}, a value with an open quote, or with more after it than a comma"
        )
    value = _unquoted(found)
    return None if found[3] is not None and value in ("", "?") else value, found.end()


def _values(text: str) -> list[str | None]:
    """All values of a text, separated by commas."""
    value, end = _value(text, 0)
    values = [value]
    while end < len(text):
        value, end = _value(text, end + 1)
        values.append(value)
    return values


def _row(line: str, attributes: list[Attribute]) -> list[object]:
    """The cells of a row, None for a missing one."""
    if line.startswith("{"):
        return _sparse_row(line, attributes)
    cells = _values(line)
    if len(cells) != len(attributes):
        raise _LineError(f"has {len(cells)} cells where {len(attributes)} are expected")
    return [_cell(cell, attribute) for cell, attribute in zip(cells, attributes, strict=True)]


def _sparse_row(line: str, attributes: list[Attribute]) -> list[object]:
    """The cells of a row {INDEX VALUE, ...}."""
    if not line.endswith("}"):
        raise _LineError("has no } at its end")
    row: list[object] = [
        0 if one.numeric else next(iter(one.values), None) if one.values else None for one in attributes
    ]
    text, at, last = line[1:-1].rstrip(), 0, -1
    while at < len(text):
        found = INDEX.match(text, at)
        if found is None or not last < int(found[1]) < len(attributes):
            raise _LineError(
                f"has {text[at : at + 20].strip()!r}, not INDEX VALUE with an index above {last} and below {len(attributes)}"
            )
        last = int(found[1])
        value, end = _value(text, found.end())
        row[last], at = _cell(value, attributes[last]), end + 1
    return row


def _cell(text: str | None, attribute: Attribute) -> object:
    """A cell of an attribute: a number, or text."""
    if text is None:
        return None
    if attribute.values is not None and text not in attribute.values:
        raise _LineError(f"has {text[:40]!r}, which is none of the values of {attribute.name!r}")
    if not attribute.numeric:
        return text
    number = parse_number(text)
    if math.isnan(number):
        raise _LineError(f"has {text[:40]!r}, which is no finite number, in the attribute {attribute.name!r}")
    return int(text) if abs(number) >= MAX_EXACT_INT and text.lstrip("+-").isdecimal() else number


ARFF = Reader("arff", (".arff",), read_arff, (*COLUMN_OPTIONS, "encoding"), newline_at_end=True)
