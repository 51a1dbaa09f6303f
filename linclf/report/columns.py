"""What the columns of a table became."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linclf.data.columns.infer import Column


from linclf.report.text import shorten, table

MOST_COLUMNS = 40  # that are said a line each


def columns_text(columns: "Sequence[Column] | None") -> str:
    """What the columns of a table became, a line each; columns of numbers alone share one. Empty where all are such."""
    columns = columns or ()
    plain = [column for column in columns if column.kind == "number" and not column.missing]
    others = [column for column in columns if column.kind != "number" or column.missing]
    if not others:
        return ""
    rows = [[shorten(column.name), column.kind, str(len(column.feature_names())), column.said()] for column in others]
    if len(rows) > MOST_COLUMNS:
        left = len(rows) - MOST_COLUMNS
        features = sum(int(row[2]) for row in rows[MOST_COLUMNS:])
        rows = [*rows[:MOST_COLUMNS], [f"{left} more columns", "", str(features), ""]]
    if plain:
        named = ", ".join(shorten(column.name) for column in plain[:4]) + (", ..." if len(plain) > 4 else "")
        rows = [[f"{len(plain)} column{'s' * (len(plain) > 1)}", "number", str(len(plain)), named], *rows]
    lines = table(["column", "kind", "features"], [row[:3] for row in rows], left=2)
    return "\n".join([lines[0], *(f"{line}  {row[3]}".rstrip() for line, row in zip(lines[1:], rows, strict=True))])
