"""What becomes of columns of odd cells, as docs/tables.md lists it: `becomes` says it of a line of its tables."""

import csv
import io
from pathlib import Path

import numpy as np

from linclf.data.columns.date import DateColumn
from linclf.data.columns.number import NumberColumn
from linclf.data.columns.text import TextColumn
from linclf.data.dataset import Dataset
from linclf.data.encoder import learn_schema
from linclf.data.load import load
from linclf.data.source import Source
from linclf.data.split import HeldOut
from linclf.data.table import Cells, spell_numbers
from linclf.errors import InputError
from linclf.training.inputs import load_split
from linclf.training.options import TrainOptions

ROWS = 30
SEPARATOR = " · "  # between the cells of a line
ROW_NUMBER = "#"  # stands for a number that is another one in each row
BLANK = "␠"
EMPTY = "(empty)"


def cells_of(line: str) -> list[str]:
    """The cells of a column of ROWS rows: those of the line, over and over again."""
    cells = [{EMPTY: ""}.get(cell, cell.replace(BLANK, " ")) for cell in line.split(SEPARATOR)]
    return [cells[i % len(cells)].replace(ROW_NUMBER, str(1234567 + 7919 * i % 10007 * 13)) for i in range(ROWS)]


def written(columns: dict[str, list[str]], path: Path) -> Source:
    """A CSV file of these columns, every cell in quotes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    path.write_text(text.getvalue(), encoding="utf-8")
    return Source(str(path))


def becomes(line: str, name: str, path: Path) -> str:
    """What becomes of a column `name` of these cells."""
    n = len(line.split(SEPARATOR))
    labels = [["no", "yes"][i // n % 2] for i in range(ROWS)]
    columns = {name: cells_of(line), "other": [str(i % 5) for i in range(ROWS)], "label": labels}
    try:
        dataset = load(written(columns, path))
        schema, notes = learn_schema(dataset.X, dataset.schema, dataset.source, dataset.y)
    except InputError as error:
        return "error: " + str(error).partition(f"column {name!r}: ")[2]
    column = (schema.columns or ())[0]
    if column.left_out_reason:
        return column.summary()
    shown = _shown(column, dataset, name, n)
    return f"{shown}; with a note" if notes else shown


def _shown(column: object, dataset: Dataset, name: str, n: int) -> str:
    cells = dataset.X.column(name)
    if isinstance(column, TextColumn):
        if column.analyzer == "char":
            return "text: of characters"
        return f"text: {', '.join(column.words[:6])}{', ...' * (len(column.words) > 6)}"
    if isinstance(column, DateColumn):
        days = column.as_numbers(cells if isinstance(cells, Cells) else spell_numbers(cells))
        return "dates: " + ", ".join("missing" if np.isnan(day) else column.spell(day) for day in days[:n])
    if isinstance(column, NumberColumn):
        numbers = column.as_numbers(cells) if isinstance(cells, Cells) else cells
        return "numbers: " + ", ".join("missing" if np.isnan(x) else f"{x:.10g}" for x in numbers[:n])
    levels = [*column.levels, *["(other)"] * (column.pooled > 0), *["(missing)"] * (column.missing > 0)]
    return f"categories: {', '.join(levels)}"


def classes_of(line: str, path: Path) -> str:
    """What becomes of labels of these cells."""
    columns = {"x": [str(i % 7) for i in range(ROWS)], "label": cells_of(line)}
    try:
        split = load_split(TrainOptions(source=written(columns, path), test=HeldOut("0")))
    except InputError as error:
        return "error: " + str(error).partition(": ")[2]
    n = len(split.train.y)
    left = f"; {ROWS - n} of {ROWS} rows left out" if n < ROWS else ""
    return f"classes: {', '.join(map(repr, split.classes.tolist()))}{left}{'; with a note' * bool(split.notes)}"
