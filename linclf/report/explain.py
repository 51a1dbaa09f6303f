"""The report of `linclf explain`."""

import math

from linclf.report.text import shorten
from linclf.storage.decode import JsonObject


def strongest_text(result: JsonObject, model: str) -> str:
    """The result of `inspect.explain.strongest` as text."""
    title = f"{model}, a {result['loss']} classifier of {result['n_features']} features"
    lines = [f"{title}: what a change by {result['unit']} adds to the score"]
    for entry in result["classes"]:
        sides = [entry["positive"], entry["negative"]]
        cells = [[(shorten(x["feature"], 40), f"{x['strength']:+.3g}") for x in side] for side in sides]
        lines += ["", f"{entry['class']}  (score {entry['base']:+.3g} {result['from']})"]
        width = max((len(name) for name, _ in cells[0]), default=0)
        for k in range(max(map(len, cells))):
            left, right = (side[k] if k < len(side) else ("", "") for side in cells)
            lines.append(f"  {left[1]:>8}  {left[0]:<{width}}  {right[1]:>8}  {right[0]}".rstrip())
        if not any(cells):
            lines.append("  no weights except the bias")
    return "\n".join(lines)


def contributions_text(result: JsonObject, title: str, top: int) -> str:
    """The result of `inspect.explain.contributions` as text: a sum of the `top` largest parts and all others."""
    shown, rest = result["contributions"][:top], result["contributions"][top:]
    rows = [(f"{entry['adds']:+.4g}", shorten(entry["feature"], 40), valued(entry)) for entry in shown]
    if rest:
        rows.append((f"{math.fsum(entry['adds'] for entry in rest):+.4g}", f"{len(rest)} others together", ""))
    lines = [
        f"{title}: predicted {result['predicted']}",
        "",
        f"score of {result['class']}",
        f"  {result['base']:>+10.4g}  base",
    ]
    lines += [f"  {adds:>10}  {name}{value}" for adds, name, value in rows]
    return "\n".join([*lines, f"  {result['score']:>+10.4g}  score"])


def valued(entry: JsonObject) -> str:
    """The value of a feature that is a number, to follow its name; empty for any other."""
    return f" = {entry['text']}" if entry["is_number"] else ""
