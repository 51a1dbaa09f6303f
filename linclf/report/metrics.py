"""Text about the metrics of parts of the data, which several reports share."""

from collections.abc import Mapping, Sequence

from linclf.model.metrics import METRICS
from linclf.report.terminal import one_line
from linclf.report.text import count_text, share_text, shorten
from linclf.storage.decode import JsonObject

PARTS = {"train": "training", "val": "validation", "test": "test"}  # a part and its name in a sentence
MAX_CLASSES = 5  # named in a sentence


def parts_lines(result: JsonObject) -> list[str]:
    """The figures of the parts as lines of a report, the accuracy last."""
    metrics = metrics_text(result["metrics"])
    return [
        *([f"metrics    {metrics}"] if metrics else []),
        *(f"warning    {one}" for one in warnings(result["never_predicted"], result["absent_classes"])),
        f"accuracy   {accuracies_text(result['accuracy'], result['majority'])}",
    ]


def accuracies_text(accuracies: Mapping[str, float | None], majorities: Mapping[str, JsonObject | None]) -> str:
    """The accuracies of the parts, and that of always predicting the largest class of the last part."""
    measured = [part for part in PARTS if accuracies.get(part) is not None]
    text = ", ".join(f"{part} {share_text(accuracies[part])}" for part in measured)
    majority = majorities.get(measured[-1]) if measured else None
    return f"{text}  ({majority_text(majority)})" if majority else text


def majority_text(majority: JsonObject) -> str:
    """The accuracy of always predicting the largest class."""
    return f"always predicting {_label(majority['class'])}: {share_text(majority['share'])}"


def metrics_text(metrics: Mapping[str, Mapping[str, float | None] | None]) -> str | None:
    """The other metrics of the last part that was measured, on one line."""
    measured = [part for part in PARTS if metrics.get(part)]
    values = (metrics[measured[-1]] if measured else None) or {}
    shown = [f"{title} {share_text(value)}" for title, value in titled(values)]
    return f"{measured[-1]}: {', '.join(shown)}" if shown else None


def titled(metrics: Mapping[str, float | None]) -> list[tuple[str, float]]:
    """The metrics that have a value, but for the accuracy, by the names that reports use."""
    there = [(metric, metrics.get(metric.key)) for metric in METRICS.values() if metric.name != "accuracy"]
    return [(metric.title, value) for metric, value in there if value is not None]


def warnings(
    never_predicted: Mapping[str, Sequence[JsonObject] | None], absent_classes: Mapping[str, Sequence[object] | None]
) -> list[str]:
    """Sentences on classes that are never predicted in a part where they have rows, and on classes that have none; by part,
    "" for rows that are no part."""
    rows: dict[str, list[str]] = {}
    for part in ("", *PARTS):
        for entry in never_predicted.get(part) or ():
            n = entry["rows"]
            rows.setdefault(_label(entry["class"]), []).append(f"{count_text(n)} {_adjective(part)}row{'s' * (n != 1)}")
    never = [f"{label} ({', '.join(of)})" for label, of in rows.items()]
    said = [f"never predicts {_listed(never)}"] if never else []
    for part in ("", *PARTS):
        classes = absent_classes.get(part)
        if classes:
            many, name = len(classes) > 1, _adjective(part)
            said.append(
                f"no {name}row of class{'es' * many} {_listed([_label(one) for one in classes])}: "
                f"the {name}accuracy says nothing about {'them' if many else 'it'}"
            )
    return said


def _adjective(part: str) -> str:
    return f"{PARTS[part]} " if part else ""


def _label(label: object) -> str:
    return shorten(one_line(str(label)))


def _listed(labels: list[str]) -> str:
    """A list of labels, cut to MAX_CLASSES."""
    rest = len(labels) - MAX_CLASSES
    return ", ".join(labels[:MAX_CLASSES]) + (f" and {rest} more" if rest > 0 else "")
