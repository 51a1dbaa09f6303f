"""The columns of a table and their features."""

from collections.abc import Sequence

from linclf.data.columns.base import Column
from linclf.report.text import shorten, table

MOST_COLUMNS = 40  # columns on a line each
NAMED = 4  # columns named on a line that several share


def columns_text(columns: Sequence[Column] | None) -> str:
    """The columns and their features as a table; empty if there is nothing to know about any column.

    Columns of a kind about which there is nothing to know, such as complete columns of numbers, share a line.
    """
    columns = columns or ()
    others = [column for column in columns if column.summary()]
    if not others:
        return ""
    rows = [[shorten(c.name), c.kind, str(len(c.feature_names())), c.summary()] for c in others]
    if len(rows) > MOST_COLUMNS:
        left = len(rows) - MOST_COLUMNS
        features = sum(int(row[2]) for row in rows[MOST_COLUMNS:])
        rows = [*rows[:MOST_COLUMNS], [f"{left} more columns", "", str(features), ""]]
    plain: dict[str, list[Column]] = {}
    for column in columns:
        if not column.summary():
            plain.setdefault(column.kind, []).append(column)
    rows = [*(_shared_row(kind, group) for kind, group in plain.items()), *rows]
    lines = table(["column", "kind", "features"], [row[:3] for row in rows], left=2)
    return "\n".join([lines[0], *(f"{line}  {row[3]}".rstrip() for line, row in zip(lines[1:], rows, strict=True))])


def _shared_row(kind: str, columns: Sequence[Column]) -> list[str]:
    """The line that columns of one kind share."""
    named = ", ".join(shorten(column.name) for column in columns[:NAMED]) + (", ..." if len(columns) > NAMED else "")
    features = sum(len(column.feature_names()) for column in columns)
    return [f"{len(columns)} column{'s' * (len(columns) > 1)}", kind, str(features), named]
