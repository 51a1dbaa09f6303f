"""Text that all reports share: tables, sizes, accuracies, JSON."""

import json
from collections.abc import Iterable, Sequence
from typing import TypeVar

from linclf.report.terminal import one_line
from linclf.storage.decode import JsonObject

T = TypeVar("T")


def to_json(result: JsonObject) -> str:
    """One JSON object on one line."""
    return json.dumps(result, allow_nan=False)


def shorten(text: str, most: int = 30) -> str:
    """Text on one line, cut to `most` characters."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 3] + "..."


def table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> list[str]:
    """Lines of a table: the first `left` columns flush left, the others flush right."""
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[j]) for row in cells) for j in range(len(header))]
    return [
        "  ".join(
            cell.ljust(w) if j < left else cell.rjust(w) for j, (cell, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def size(n_bytes: float) -> str:
    """A number of bytes as text, in MB or GB."""
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes < 1e9 else f"{n_bytes / 1e9:.1f} GB"


def target_text(result: JsonObject) -> str:
    """The label column, and whether it was guessed; empty for data that have none, such as svmlight text."""
    if result["target"] is None:
        return ""
    return one_line(result["target"]) + (
        " (guessed by its name; --target names another)" if result["target_guessed"] else ""
    )


def share_text(value: float | None) -> str:
    """A share in [0, 1] with four digits, - for None."""
    return "-" if value is None else f"{value:.4f}"


def count_text(n: float | None) -> str:
    """A number of rows, which relative weights make a fraction; - for None."""
    return "-" if n is None else f"{n:.0f}" if n == round(n) else f"{n:g}"


def split_lines(result: JsonObject) -> list[str]:
    """How the rows were split by groups and by time, a line each; none for a split that was drawn row by row.

    result  has the fields of `SplitSummary`, unless it was written before they were
    """
    phrases = []
    if result.get("n_groups"):
        shared = {part: n for part, n in (result["shared_groups"] or {}).items() if n}
        counts = ", ".join(f"{n} {part}" for part, n in _in_order(result["n_groups"]))
        both = (
            "; " + ", ".join(f"{n} of {part} are training groups too" for part, n in shared.items()) if shared else ""
        )
        apart = f"no {result['group']} on both sides" if result["shared_groups"] and not shared else result["group"]
        phrases.append(f"{apart}: {counts} groups{both}")
    if result.get("time_range"):
        spans = [f"{part} {first} to {last}" for part, (first, last) in _in_order(result["time_range"])]
        phrases.append(f"{result['time']}: {', '.join(spans)}")
    return [f"split      {one_line(phrase)}" for phrase in phrases]


def _in_order(by_part: dict[str, T]) -> list[tuple[str, T]]:
    """The parts as they follow each other in time."""
    return [(part, by_part[part]) for part in ("train", "calibration", "val", "test") if part in by_part]
