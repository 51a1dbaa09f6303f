"""Lines of delimited text that are no rows: a header that is repeated, units or a rule below the header, footers, and totals."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from linclf.data.columns.markers import is_marker
from linclf.data.readers.dialect import plain_text, separator_of
from linclf.data.source import Source

LONG_HEADER = 10_000  # bytes, from which on a header is repeated only if all of its bytes are
FOOTER = 5  # lines, at most
NUMBERS = 0.9  # share of the cells of a column of numbers that must be numbers
TAIL = 1 << 16  # bytes at the end of the file in which footers are looked for
_NUMBER = re.compile(r"[^\w.,]{0,5}(\d[\d.,'\u2019 \u00a0\u202f]*|[.,]\d+)(e[-+]?\d+)?[^\d.,]{0,12}", re.IGNORECASE)
_RULE = re.compile(r":?[-=_]{2,}:?")
_TOTAL_WORD = r"(?:grand )?(?:total|totals|sum|summe|gesamt|somme|suma|totale)s?"
_TOTAL = re.compile(rf"({_TOTAL_WORD})\W*", re.IGNORECASE)
_TOTALS = re.compile(_TOTAL_WORD.encode(), re.IGNORECASE)
_IN_TOTALS = (b"total", b"sum", b"gesamt", b"somme")  # in lower case; one of them is in each of these words


def is_number(cell: str) -> bool:
    """Whether a cell is written like a number, perhaps with a currency or unit."""
    return _NUMBER.fullmatch(cell.strip()) is not None


def number_columns(rows: Sequence[Sequence[str]]) -> list[int]:
    """The columns in which nearly all cells that are not missing are numbers."""
    return [j for j in range(max(map(len, rows), default=0)) if is_number_column(rows, j)]


def is_number_column(rows: Sequence[Sequence[str]], j: int) -> bool:
    """Whether column j is one of them."""
    cells = [row[j] for row in rows if j < len(row) and not is_marker(row[j])]
    return bool(cells) and sum(map(is_number, cells)) >= NUMBERS * len(cells)


def is_below_header(record: Sequence[str], following: Sequence[Sequence[str]]) -> bool:
    """Whether the record below the header is no row: a rule such as ---, or units or types, which are no numbers in columns, at
    least two, where the following ones have numbers."""
    filled = [cell.strip() for cell in record if cell.strip()]
    if filled and all(map(_RULE.fullmatch, filled)):
        return True
    following = [row for row in following if total_in(row) is None]
    words = []
    for j in range(max(map(len, following), default=0)):
        cell = record[j].strip() if j < len(record) else ""
        if is_number_column(following, j):
            if not cell or is_number(cell):
                return False
            words.append(cell)
    return len(words) > 1 and not all(map(is_marker, words))


def total_in(cells: Sequence[str]) -> str | None:
    """The word that makes these cells a line of totals, None if there is none."""
    found = (_TOTAL.fullmatch(cell.strip()) for cell in cells)
    return next((word[1] for word in found if word), None)


def is_footer(cells: Sequence[str], width: int) -> bool:
    """Whether the only cell of a line contains several words, in a table of `width` columns, three or more."""
    return len(cells) == 1 and width > 2 and bool(re.search(r"[^\W\d_]{2}", cells[0])) and len(cells[0].split()) > 1


def footer_note(cells: Sequence[str], total: bool) -> str:
    """The note on a last line that is left out."""
    shown = next(cell for cell in cells if cell.strip())[:40].strip()
    return f"its last line, {shown!r}, is {'a line of totals' if total else 'a footer'} and left out"


def without_footer(content: bytes, sep: str, width: int, before: Iterable[bytes] = ()) -> tuple[bytes, list[str]]:
    """The content of a table of `width` columns without lines that are no rows at its end, and notes on them: lines with a
    single cell of words, and a line of totals, if its word occurs once. `before` are the words of totals that occur before the
    content. The first line stays."""
    notes: list[str] = []
    for _ in range(FOOTER):
        end = len(content)
        while content[end - 1 : end].isspace():
            end -= 1
        start = max(content.rfind(b"\n", 0, end), content.rfind(b"\r", 0, end)) + 1
        line = content[start:end].decode("utf-8", "replace")
        if start == 0 or line.count('"') % 2 or width < 2:
            break
        cells = next(csv.reader([line], delimiter=sep, skipinitialspace=True))
        word = total_in(cells) if len(cells) > 1 else None
        once = word is not None and content.count(word.encode()) == 1 and not any(word.encode() in w for w in before)
        if not once and not is_footer(cells, width):
            break
        notes.append(footer_note(cells, once))
        content = content[:start]
    return content, notes


def without_repeated_header(content: bytes, sep: str) -> tuple[bytes, int]:
    """The content with blank lines in place of those that repeat the first line, perhaps with other blanks or in another case;
    and their number."""
    end = content.find(b"\n") + 1
    header = content[:end].rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf")
    cells = [cell.strip() for cell in header.split(sep.encode())]
    if not re.search(rb"[^\W\d_]|[\x80-\xff]", header):
        return content, 0
    if len(header) > LONG_HEADER and content.find(b"\n" + header, end - 1) < 0:  # a pattern of it would take seconds
        return content, 0
    mark = rb"[ ]*" + re.escape(sep.encode()) + rb"[ ]*"
    line = rb"[ ]*" + mark.join(map(re.escape, cells)) if len(cells) > 1 else re.escape(header)
    pattern = re.compile(rb"\n(?" + b"i" * (len(cells) > 1) + b":" + line + rb")[ ]*(?=\r?(?:\n|\Z))")
    if pattern.search(content, max(end - 1, 0)) is None:
        return content, 0
    body, count = pattern.subn(b"\n", content[end - 1 :])
    return content[: end - 1] + body, count


def header_note(count: int) -> str:
    """The note on lines that repeat the header."""
    return f"{count} line{'s' * (count > 1)} that repeat{'s' * (count == 1)} the header left out"


def without_no_rows(
    pieces: Iterable[bytes],
    header: bytes,
    source: Source,
    width: int,
    say: Callable[[list[str]], None],
    *,
    has_end: bool,
) -> Iterator[bytes]:
    """Yield the pieces of a table below its header without lines that are no rows, as `without_footer` and
    `without_repeated_header` leave them out of the whole.

    source  settled
    width   the number of columns
    say     what to do with notes
    has_end   whether the last line is to be found: the end of what has been read so far is held back, and notes follow at the end;
            if not, footers stay, and notes come at once
    """
    sep = separator_of(source)
    repeated, words, held = 0, set[bytes](), list[bytes]()
    if header and not header.endswith(b"\n"):
        header += b"\n"
    for content in pieces:
        piece = plain_text(content, source)
        if header:
            whole, count = without_repeated_header(header + piece, sep)
            piece = whole[len(header) :]
            if count and not has_end and not repeated:
                say([header_note(count)])
            repeated += count
        if not has_end:
            yield piece
            continue
        held.append(piece)
        while len(held) > 1 and _count_lines(b"".join(held[1:])[-TAIL:]) > FOOTER:
            words |= _total_words(held[0])
            yield held.pop(0)
    if has_end:
        content, notes = without_footer(header + b"".join(held), sep, width, words)
        say([*notes, *[header_note(repeated)] * bool(repeated)])
        yield content[len(header) :]


def _count_lines(content: bytes) -> int:
    return sum(bool(line.strip()) for line in content.splitlines())


def _total_words(content: bytes) -> set[bytes]:
    """The words of totals in the content."""
    lowered = content.lower()
    return set(_TOTALS.findall(content)) if any(word in lowered for word in _IN_TOTALS) else set()
