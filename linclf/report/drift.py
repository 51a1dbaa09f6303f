"""The table of drift: how columns differ from those of the training rows."""

from collections.abc import Sequence

from linclf.report.text import shorten, table
from linclf.storage.decode import JsonObject


def drift_text(columns: Sequence[JsonObject]) -> str:
    """A line for each column: its shares of missing cells, in training and now, of unknown cells, and the shift of its mean in
    standard deviations; a star marks those past a limit."""
    rows = [
        [
            shorten(one["name"]),
            one["kind"],
            "-" if one["missing_before"] is None else f"{one['missing_before']:.1%}",
            f"{one['missing']:.1%}",
            f"{one['unknown']:.1%}",
            "-" if one["shift"] is None else f"{one['shift']:+.2f}",
            "*" if one["drifts"] else "",
        ]
        for one in columns
    ]
    return "\n".join(table(["column", "kind", "missing in training", "now", "unknown", "mean shift", ""], rows, left=2))
