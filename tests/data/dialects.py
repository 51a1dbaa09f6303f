"""One table in the dialects of delimited text: separators, decimal marks, marks of thousands, encodings, quotes, markers of
missing cells, with a header and without, packed and not.

`make_dialects` writes it in 276 of their combinations, among which are all pairs of values of two dimensions; `plain_file` is
what all of them say.
"""

import gzip
import itertools
from collections.abc import Iterator

import numpy as np
from export_parts import Dialect, Draws, NumberStyle, plain_numbers

ROWS = 300
COLUMNS = ("amount", "change", "count", "town", "label")
NUMBERS = (  # the decimal mark, and a mark of thousands that goes with it
    *((".", ""), (".", ","), (".", "'"), (".", " ")),
    *((",", ""), (",", "."), (",", " ")),
)
DIMENSIONS = {
    "separator": (",", ";", "\t", "|"),
    "numbers": NUMBERS,
    "encoding": ("utf-8", "utf-8-sig", "utf-16", "cp1252"),
    "quote_all": (False, True),
    "missing": ("", "NA", "-", "n/a"),
    "header": (True, False),
    "packed": (False, True),
}
EVERY = 13  # of the combinations, one in so many is taken; it shares no factor with the size of a dimension
NAMES = {
    ",": "comma",
    ";": "semicolon",
    "\t": "tab",
    "|": "bar",
    ".": "point",
    "'": "apostrophe",
    " ": "blank",
    "": "none",
}
NAMES |= {"-": "hyphen", "n/a": "n_a"}


def make_dialects(seed: int = 0) -> Iterator[tuple[str, str, bytes, bool]]:
    """The table in many dialects: a name, a suffix, the bytes of the file, and whether it has a header.

    The label is the last column, `label`. A cell that contains the separator is in quotes.
    """
    rows = make_rows(seed)
    for separator, (decimal, thousands), encoding, quote_all, missing, header, packed in combinations():
        name = f"{NAMES[separator]}_decimal-{NAMES[decimal]}_thousands-{NAMES[thousands]}_{encoding}"
        name += f"{'_quoted' * quote_all}_missing-{NAMES.get(missing, missing)}{'' if header else '_no-header'}"
        cells = spelled(rows, NumberStyle(decimal, thousands), missing, header=header)
        content = Dialect(separator, encoding, quote_all=quote_all).write(cells)
        suffix = (".tsv" if separator == "\t" else ".csv") + ".gz" * packed
        yield name + "_gz" * packed, suffix, gzip.compress(content, mtime=0) if packed else content, header


def plain_file(seed: int = 0) -> bytes:
    """The same table as plain CSV: commas, decimal points, UTF-8, missing cells empty, a header."""
    return Dialect().write(spelled(make_rows(seed), NumberStyle(), "", header=True))


def combinations() -> list[tuple]:
    """The combinations that are written, each with a value of every dimension."""
    return list(itertools.product(*DIMENSIONS.values()))[::EVERY]


def make_rows(seed: int) -> list[list[str]]:
    """The rows: an amount of up to six digits before the point, a small change, a count, a town, a label. Numbers are plain
    and missing cells empty: 8 % of the amounts and of the towns."""
    draw = Draws(np.random.default_rng(seed), ROWS)
    amount, change, count = 900_000 * draw.uniform(0, 1) ** 3, draw.normal(0, 2), draw.whole(0, 60)
    town = draw.pick("Zürich Köln Besançon Bern")
    score = amount / 200_000 + change + count / 20 + draw.effect(town)
    columns = [plain_numbers(amount, 2), plain_numbers(change, 3), plain_numbers(count, 0), town.tolist()]
    for cells in (columns[0], columns[3]):
        for row in draw.rng.choice(ROWS, int(0.08 * ROWS), replace=False).tolist():
            cells[row] = ""
    return [list(row) for row in zip(*columns, draw.labels(score, "stays leaves").tolist(), strict=True)]


def spelled(rows: list[list[str]], style: NumberStyle, missing: str, *, header: bool) -> list[list[str]]:
    """The cells of the file: the header, if any, and the rows with numbers and missing cells in this style."""
    kinds = (style, style, style, str, str)
    body = [[spell(cell) if cell else missing for spell, cell in zip(kinds, row, strict=True)] for row in rows]
    return [list(COLUMNS), *body] if header else body
