"""The figures in reports of earlier runs, the JSON of `train`, `evaluate` and `sweep`: without rows, so without intervals."""

import json
import os
from collections.abc import Sequence

from linclf.errors import InputError
from linclf.model.metrics import METRICS
from linclf.storage.decode import JsonObject, finite_or_none
from linclf.storage.files import read_bytes

MOST_BYTES = 2**26  # of a report; a larger file is data
KINDS = {  # the keys by which a report is recognised
    "evaluate": {"accuracy", "confusion", "per_class", "n"},
    "train": {"accuracy", "objective", "n_train", "loss"},
    "sweep": {"rows", "best", "swept", "accuracy"},
}


def read_report(path: str) -> JsonObject | None:
    """The report in a file; None for a file that is none. Raises AccessError for a file that cannot be read."""
    if not os.path.isfile(path) or os.path.getsize(path) > MOST_BYTES:
        return None
    content = read_bytes(path)
    try:
        found = json.loads(content) if content.lstrip().startswith(b"{") else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and _kind(found) else None


def compare_reports(reports: Sequence[tuple[str, JsonObject]], metrics: Sequence[str], part: str) -> JsonObject:
    """The figures of reports, each with its path, under the keys of `linclf.inspect.compare.compare`; intervals, differences, tests
    and verdicts are None.

    metrics  names in METRICS
    part     `test` or `train`; a report of `evaluate` has the rows that it was made of
    Raises InputError for a report without figures of that part.
    """
    entries = [_entry(path, report, metrics, part) for path, report in reports]
    n_rows, data = {entry["n"] for entry in entries}, {entry["data"] for entry in entries} - {None}
    models = [report["model"] for _, report in reports if isinstance(report.get("model"), str)]
    warnings = [
        "reports have figures and no rows: without intervals, paired differences and tests, chance cannot be ruled out; for these, "
        + f"compare the models{': linclf compare ' + ' '.join(models) if len(models) == len(reports) else ''}"
    ]
    if len(n_rows) > 1 or len(data) > 1:
        warnings.append("the reports are of different rows, so that their figures are not of the same task")
    return {
        "data": data.pop() if len(data) == 1 else None,
        "part": part if all(entry["part"] for entry in entries) else None,
        "target": None,
        "target_guessed": False,
        "n": n_rows.pop() if len(n_rows) == 1 else None,
        **dict.fromkeys(("weighted", "n_groups", "level", "resamples", "seed")),
        "models": entries,
        "warnings": warnings,
    }


def _kind(report: JsonObject) -> str | None:
    """The command that wrote a report."""
    return next((kind for kind, keys in KINDS.items() if keys <= report.keys()), None)


def _entry(path: str, report: JsonObject, metrics: Sequence[str], part: str) -> JsonObject:
    """The entry of a report."""
    try:
        figures, n, loss = _figures(report, part)
        values = {METRICS[name].key: figures.get(METRICS[name].key) for name in metrics}
        checked = {key: None if value is None else finite_or_none(value) for key, value in values.items()}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"{path}: is not a report that linclf wrote ({type(error).__name__}: {error}); run the command again"
        ) from None
    if figures.get("accuracy") is None:
        why = (
            "the sweep trained no model; run it with --select"
            if _kind(report) == "sweep"
            else f"there is no {part} part"
        )
        raise InputError(f"{path}: has no {part} figures, since {why}")
    return {
        "model": path,
        "loss": loss,
        "data": report.get("data"),
        "part": None if _kind(report) == "evaluate" else part,
        "n": n,
        "metrics": {key: {"value": value, "low": None, "high": None} for key, value in checked.items()},
        **dict.fromkeys(("difference", "mcnemar", "verdict")),
    }


def _figures(report: JsonObject, part: str) -> tuple[JsonObject, int | None, str | None]:
    """The metrics of a part by key, the number of rows and the loss. Reports of version 0.1.0 have fewer metrics."""
    kind = _kind(report)
    if kind == "evaluate":
        old = {key: report[key] for key in ("accuracy", "log_loss", "calibration_error") if key in report}
        return report.get("metrics", old), report["n"], None
    accuracy = (report["accuracy"] or {}).get(part)
    figures = (report.get("metrics") or {}).get(part) or {"accuracy": accuracy}
    if kind == "train":
        return figures, report.get(f"n_{part}"), report["loss"]
    best = report["best_1se" if report.get("selected") == "best_1se" else "best"] or {}
    return figures, report.get("n_refit") if part == "train" else None, best.get("options", {}).get("loss")
