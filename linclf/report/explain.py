"""What `explain` reports."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


from linclf.report.text import shorten


def strongest_text(told: dict[str, Any], model: str, n_features: int) -> str:
    """The strongest weights of each class for people."""
    lines = [
        f"{model}, a {told['loss']} classifier of {n_features} features: what a change by {told['unit']} adds to the score"
    ]
    for entry in told["classes"]:
        sides = [entry["positive"], entry["negative"]]
        cells = [[(shorten(x["feature"], 40), f"{x['strength']:+.3g}") for x in side] for side in sides]
        lines += ["", f"{entry['class']}  (bias {entry['bias']:+.3g})"]
        width = max((len(name) for name, _ in cells[0]), default=0)
        for k in range(max(map(len, cells))):
            left, right = (side[k] if k < len(side) else ("", "") for side in cells)
            lines.append(f"  {left[1]:>8}  {left[0]:<{width}}  {right[1]:>8}  {right[0]}".rstrip())
        if not any(cells):
            lines.append("  no weight but the bias")
    return "\n".join(lines)


def contributions_text(told: dict[str, Any], title: str, top: int) -> str:
    """What each feature adds to the score of a row for people: a sum, the largest parts first."""
    shown, rest = told["contributions"][:top], told["contributions"][top:]
    rows = [(f"{entry['adds']:+.4g}", shorten(entry["feature"], 40), valued(entry)) for entry in shown]
    if rest:
        rows.append((f"{math.fsum(entry['adds'] for entry in rest):+.4g}", f"{len(rest)} others together", ""))
    lines = [
        f"{title}: predicted {told['predicted']}",
        "",
        f"score of {told['class']}",
        f"  {told['base']:>+10.4g}  base",
    ]
    lines += [f"  {adds:>10}  {name}{value}" for adds, name, value in rows]
    return "\n".join([*lines, f"  {told['score']:>+10.4g}  score"])


def valued(entry: dict[str, Any]) -> str:
    """The value of a feature that is a number, as it is put behind its name."""
    return f" = {entry['value']:.6g}" if entry["is_number"] else ""
