"""The output of `linclf predict`: the columns that are printed for each row, as CSV or JSON lines."""

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array
from linclf.model.linear_model import LinearModel
from linclf.optim.linalg import Matrix

FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20'")  # how cells begin that a spreadsheet treats as formulas
PREDICTION = "prediction"

NEGATIVE = re.compile(r"-\d+(\.\d+)?([eE][+-]?\d+)?")  # what begins like a formula and is none

Column: TypeAlias = Array | list[object]  # the cells of the rows: labels, numbers, or values of a file


@dataclass(frozen=True)
class OutputColumns:
    """The columns that `linclf predict` prints, in this order.

    keep    columns of the data, copied
    label   the predicted label
    figure  "scores" or "proba": of each class (one output for two classes has the score of the second class alone); None for
            none, or for `top` the probabilities of a model that has them, else the scores
    top     only of so many classes, the best first, each after its label; None for all classes in their order
    """

    keep: tuple[str, ...] = ()
    label: bool = True
    figure: str | None = None
    top: int | None = None

    def names(self, model: LinearModel) -> list[str]:
        """The names of the columns: prediction, p(CLASS), score(CLASS), and with top top_1, p_1 or score_1, top_2, ...

        Raises InputError if a column that is kept has one of these names.
        """
        figure = "p" if self._is_proba(model) else "score"
        names = [PREDICTION] if self.label else []
        if self.top is not None:
            n = min(self.top, len(model.classes))
            names += [name for k in range(1, n + 1) for name in (f"top_{k}", f"{figure}_{k}")]
        elif self.figure is not None:
            classes = model.classes.tolist()
            scored = classes if figure == "p" else classes[-model.weight.shape[1] :]
            names += [f"{figure}({label})" for label in scored]
        twice = next((name for name in self.keep if name in names), None)
        if twice is not None:
            raise InputError(
                f"--keep {twice}: the output has a column of this name; leave it out, or rename it in the data"
            )
        return [*self.keep, *names]

    def columns(self, model: LinearModel, X: Matrix, kept: Sequence[Column]) -> list[Column]:
        """The cells of these columns for rows X (n, d) of features. Raises InputError for a model without probabilities."""
        found: list[Column] = [*kept]
        if self.label:
            found.append(model.predict(X))
        if self.figure is None and self.top is None:
            return found
        figures = model.probabilities(X) if self._is_proba(model) else model.scores(X)  # (n, K), or (n, m)
        if self.top is None:
            return [*found, *(figures[:, j] for j in range(figures.shape[1]))]
        if figures.shape[1] == 1:
            figures = np.hstack([-figures, figures])
        best = np.argsort(-figures, axis=1, kind="stable")[:, : self.top]  # (n, top)
        ranked = np.take_along_axis(figures, best, axis=1)
        return [*found, *(column for k in range(best.shape[1]) for column in (model.classes[best[:, k]], ranked[:, k]))]

    def _is_proba(self, model: LinearModel) -> bool:
        return self.figure == "proba" or (self.figure is None and self.top is not None and model.has_probabilities)


def csv_header(names: Sequence[str], *, guard: bool) -> bytes:
    """The header of CSV lines."""
    return csv_lines([[name] for name in names], guard=guard)


def csv_lines(columns: Sequence[Column], *, guard: bool) -> bytes:
    """CSV lines of these columns; numbers in the fewest digits that restore them, text in quotes where needed.

    guard  whether an apostrophe is put before text that a spreadsheet would evaluate as a formula (OWASP, "CSV Injection")
    """
    text = io.StringIO()
    spelled = [_guarded(_spelled(cells)) if guard and _has_text(cells) else _spelled(cells) for cells in columns]
    csv.writer(text, lineterminator="\n").writerows(zip(*spelled, strict=True))
    return text.getvalue().encode("utf-8")


def json_lines(names: Sequence[str], columns: Sequence[Column]) -> bytes:
    """A JSON object for each row."""
    rows = zip(*map(_json_values, columns), strict=True)
    lines = (json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, allow_nan=False) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def _spelled(cells: Column) -> list[str]:
    """Cells as text: those of files as they are, other values as JSON spells them, missing ones empty."""
    if isinstance(cells, np.ndarray):
        return [str(cell) for cell in cells]
    return ["" if cell is None else cell if isinstance(cell, str) else _json_text(cell) for cell in cells]


def _json_text(cell: object) -> str:
    plain = _plain(cell)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _has_text(cells: Column) -> bool:
    return not isinstance(cells, np.ndarray) or cells.dtype.kind == "U"


def _guarded(cells: list[str]) -> list[str]:
    """Cells with an apostrophe before those that are formulas. A cell that begins with an apostrophe gets a second one, so that
    different labels stay different."""
    return [
        f"'{cell}" if cell.lstrip().startswith(FORMULA) and not NEGATIVE.fullmatch(cell) else cell for cell in cells
    ]


def _json_values(cells: Column) -> list[object]:
    """Cells as JSON has them; numbers with the digits that CSV has."""
    if isinstance(cells, np.ndarray):
        numbers: list[object] = [float(str(x)) for x in cells] if cells.dtype.kind == "f" else cells.tolist()
        return numbers
    return [_plain(cell) for cell in cells]


def _plain(cell: object) -> object:
    """A value of a file as JSON can spell it: dates, bytes and numbers that are not finite become text."""
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else str(cell)
    if cell is None or isinstance(cell, str | int):
        return cell
    if isinstance(cell, dict):
        return {str(key): _plain(value) for key, value in cell.items()}
    if isinstance(cell, list | tuple):
        return [_plain(value) for value in cell]
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
