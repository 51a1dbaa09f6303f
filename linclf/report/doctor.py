"""The report of `linclf doctor`."""

import textwrap
from collections.abc import Sequence

from linclf.data.columns.base import Column
from linclf.report.columns import columns_text
from linclf.report.text import target_text
from linclf.storage.decode import JsonObject


def doctor_text(result: JsonObject, columns: Sequence[Column] | None) -> str:
    """The result of `doctor` as text: the data, the columns, the findings, and last the recommended command."""
    classes = list(result["classes"].items())
    named = ", ".join(f"{label} ({count})" for label, count in classes[:10]) + (", ..." if len(classes) > 10 else "")
    described = columns_text(columns)
    lines = [
        f"data       {result['data']}: {result['n']} rows, {result['n_features']} features; "
        f"{len(classes)} classes in {result['n_train']} training rows: {named}",
        *([f"target     {target_text(result)}"] if result["target"] is not None else []),
        *(["", described] if described else []),
        "",
        "findings" if result["findings"] else "no problems found",
    ]
    for finding in result["findings"]:
        for mark, text in (("  - ", finding["what"]), ("    -> ", finding["do"])):
            lines += textwrap.wrap(
                text, 110, initial_indent=mark, subsequent_indent=" " * len(mark), break_on_hyphens=False
            )
    lines += [f"note: {note}" for note in result["notes"]]
    return "\n".join([*lines, "", "try", f"  {result['command']}"])
