"""Text about the decision threshold of a model."""

from linclf.model.metrics import METRICS
from linclf.model.threshold import SCALES
from linclf.report.terminal import one_line
from linclf.report.text import shorten
from linclf.storage.decode import JsonObject


def threshold_line(threshold: JsonObject | None, width: int) -> list[str]:
    """The threshold as a line of a report whose names are `width` wide; none for a model without one."""
    return [f"{'threshold'.ljust(width)}{threshold_text(threshold)}"] if threshold else []


def threshold_text(threshold: JsonObject) -> str:
    """The threshold, and what it was learned by: `Threshold.to_json` in words."""
    positive = _positive(threshold)
    text = f"{threshold['value']:.6g} on the {threshold['on']} of {positive}"
    metric = threshold["metric"]
    if metric is None:
        return f"{text}, set by hand"
    here, default = (_figures(threshold, suffix) for suffix in ("", "_at_default"))
    rows = f"the {threshold['n']} held-out rows that chose it ({threshold['n_positive']} of {positive})"
    return f"{text}, for {_criterion(threshold)}: {here} on {rows}, {default} at {SCALES[threshold['on']]:g}"


def threshold_note(threshold: JsonObject) -> str:
    """A sentence that says how labels are chosen."""
    return (
        f"labels are by the threshold of the model: {_positive(threshold)} where its {threshold['on']} is at least "
        f"{threshold['value']:.6g}"
    )


def _criterion(threshold: JsonObject) -> str:
    """What the threshold was learned by, in words."""
    metric = one_line(threshold["metric"])
    rate, at, constraint = metric.partition("@")
    if at:
        other, _, least = constraint.partition("=")
        return f"{rate} at a {other} of at least {least}"
    if "=" in metric:
        return f"the cost {metric}"
    return METRICS[metric].title if metric in METRICS else "F1" if metric == "f1" else metric


def _figures(threshold: JsonObject, suffix: str) -> str:
    """The values that the criterion has, with this threshold or at the default."""
    score, constraint = (threshold[f"{key}{suffix}"] for key in ("score", "constraint"))
    if constraint is None:
        return f"{score:.4f}"
    rate, _, other = threshold["metric"].partition("@")
    return f"{rate} {score:.4f} and {other.partition('=')[0]} {constraint:.4f}"


def _positive(threshold: JsonObject) -> str:
    return f"class {shorten(one_line(str(threshold['positive'])))}"
