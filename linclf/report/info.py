"""The report of `linclf info`."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from linclf.data.columns.base import Column
from linclf.inspect.explain import strengths
from linclf.model.evaluation import PART_KEYS
from linclf.model.linear_model import LinearModel
from linclf.report.columns import columns_text
from linclf.report.metrics import parts_lines
from linclf.report.proof import FROM_ZERO, proof_line
from linclf.report.text import split_lines, target_text
from linclf.report.threshold import threshold_line
from linclf.storage.decode import JsonObject, to_record


def model_info(model: LinearModel, top: int = 5) -> JsonObject:
    """The record of a model's training, and for each class the `top` features with the strongest weights.

    The strength of a weight is that of `inspect.explain.strengths`: it does not depend on the units of the table.
    """
    strength = strengths(model)  # (d, m)
    labels = model.classes.tolist()
    outputs = labels[1:] if strength.shape[1] == 1 else labels  # a single output is that of the second class
    strongest, names = {}, model.schema.feature_names()
    for j, label in enumerate(outputs):
        order = np.argsort(-np.abs(strength[:, j]), kind="stable")[:top]
        strongest[str(label)] = [
            {"feature": names[i], "weight": float(strength[i, j])} for i in order if strength[i, j]
        ]
    return {
        "loss": model.loss,
        "classes": labels,
        "target": model.schema.target,
        "target_guessed": model.target_guessed,
        "n_features": model.schema.count,
        "features": to_record(model.schema),
        "calibration": None if model.calibration is None else asdict(model.calibration),
        "threshold": model.threshold_to_json(),
        **model.record,
        "strongest": strongest,
    }


def model_text(described: JsonObject, columns: Sequence[Column] | None, path: str) -> str:
    """The result of `model_info` as text; `path` is that of the model file."""
    if "metrics" not in described:
        return _text_of_set_weights(described, path)
    metrics, options, versions = described["metrics"], described["options"], described["versions"]
    source = "arrays in Python"
    if described["data"]:
        source = f"{options['source']['data']} (sha256 {described['data']['data'][:12]})"
    scaling = f"{metrics['scale']} scaling folded into the weights"
    if metrics["scale"] == "none":
        scaling = (
            "numbers standardised as they are encoded" if columns and described["features"]["sparse"] else "unscaled"
        )
    encoded, calibration = columns_text(columns), described["calibration"]
    lines = [
        f"model      {path}, a {described['loss']} classifier by linclf {versions['linclf']}",
        f"classes    {', '.join(map(str, described['classes']))}",
        *([f"target     {target_text(described)}"] if described["target"] is not None else []),
        f"features   {described['n_features']}, {scaling}",
        f"trained on {source}, {metrics['n_train']} rows; "
        f"{metrics['n_val']} validation and {metrics['n_test']} test rows",
        *split_lines(metrics),
        f"options    reg {metrics['reg']:g}, {_solver(metrics)}, seed {metrics['seed']}",
        *(
            [f"calibrate  {calibration['method']}, learned from {calibration['n']} held-out rows"]
            if calibration
            else []
        ),
        *threshold_line(described["threshold"], 11),
        f"objective  {metrics['objective']:.6g}",
        *proof_line(metrics.get("certificate")),
        *parts_lines({**{key: {} for key in PART_KEYS}, **metrics}),
        *(["", encoded] if encoded else []),
        "",
        "strongest weights, per standard deviation of the feature"
        if metrics["scale"] == "standard"
        else "strongest weights",
    ]
    return "\n".join([*lines, *_strongest_lines(described)])


def _solver(metrics: JsonObject) -> str:
    """How the weights were found."""
    if not metrics["epochs"]:
        return FROM_ZERO
    return (
        f"lr {metrics['lr']:.4g}, momentum {metrics['momentum']:g}, {metrics['epochs']} epochs{_best_epoch(metrics)} of minibatches "
        f"of {metrics['batch_size']}"
    )


def _best_epoch(metrics: JsonObject) -> str:
    """The epoch whose weights the model has, if it is not the last one."""
    best = metrics.get("best_epoch", metrics["epochs"])
    return "" if best == metrics["epochs"] else f" (the best one is {best})"


def _text_of_set_weights(described: JsonObject, path: str) -> str:
    """The text on a model whose weights were set in Python, so that nothing is known of their training."""
    lines = [
        f"model      {path}, a {described['loss']} classifier by linclf {described['versions']['linclf']}",
        f"classes    {', '.join(map(str, described['classes']))}",
        f"features   {described['n_features']}",
        "trained on nothing known: its weights were set in Python",
        "",
        "strongest weights",
    ]
    return "\n".join([*lines, *_strongest_lines(described)])


def _strongest_lines(described: JsonObject) -> list[str]:
    """A line for each class, with its strongest weights."""
    rows = [
        [label, ", ".join(f"{entry['feature']} {entry['weight']:+.3g}" for entry in entries)]
        for label, entries in described["strongest"].items()
    ]
    width = max(len(label) for label, _ in rows)
    return [f"  {label.ljust(width)}  {entries}" for label, entries in rows]
