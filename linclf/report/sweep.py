"""The report of `linclf sweep`: the ranked table as text and CSV."""

import csv
import io
import math

from linclf.model.metrics import METRICS
from linclf.report.metrics import parts_lines
from linclf.report.terminal import one_line
from linclf.report.text import share_text, split_lines, table, target_text
from linclf.storage.decode import JsonObject
from linclf.training.options import OPTIONS


def sweep_text(result: JsonObject) -> str:
    """The result of a sweep as text: the ranked table, then the best rows as options of `linclf train`, whose defaults are
    left out."""
    rows, seconds, cv = result["rows"], result["seconds"], result["cv"]
    varied = [name for name in result["swept"] if len(result["swept"][name]) > 1 or name in ("loss", "reg")]
    shown = [name for name in varied if name != "lr"]
    states = any(row["status"] != "done" for row in rows)
    metric = METRICS[result["metric"]]
    header = ["", *(name.replace("_", "-") for name in shown), "lr", metric.title, "objective", "epochs"]
    several, proven = len(result["seeds"]) > 1, any(row["percent"] is not None for row in rows)
    header += ["proven"] * proven + ["over seeds"] * several + ["status"] * states
    cells = [
        [
            str(number),
            *(_cell(row["options"][name]) for name in shown),
            ("auto " if "lr" in varied and row["options"]["lr"] == "auto" else "")
            + ("-" if row["lr"] is None else f"{row['lr']:.4g}"),
            _score(row),
            "-" if row["objective"] is None else f"{row['objective']:.6g}",
            f"{row['best_epoch']} of {row['epochs']}" if row["best_epoch"] else str(row["epochs"]),
            *(["-" if row["percent"] is None else f"{math.ceil(row['percent'] * 100) / 100:g} %"] if proven else []),
            *(["-" if row["seed_std"] is None else f"+- {row['seed_std']:.4f}"] if several else []),
            *([row["status"]] if states else []),
        ]
        for number, row in enumerate(rows, 1)
    ]
    forward = " forward in time" if result["time"] else ""
    whole = f" that divide no {result['group']}" if result["group"] else ""
    scored_on = f"{cv} folds{forward}{whole}" if cv else f"{result['n_val']} validation rows"
    scored_on += f", {len(result['seeds'])} seeds" if several else ""
    lines = [
        f"data       {result['data']}: {result['n_train']} training rows, {result['n_features']} features, "
        f"{result['n_classes']} classes",
        *([f"target     {target_text(result)}"] if result["target"] is not None else []),
        *split_lines(result),
        f"sweep      {result['n_configurations']} configuration{'s' * (result['n_configurations'] > 1)}, scored on {scored_on}"
        + (" (mean +- standard deviation)" if cv else ""),
        f"metric     {metric.title}, {'higher' if metric.greater_is_better else 'lower'} is better"
        + (f" ({one_line(result['metric_reason'])})" if result["metric_reason"] else ""),
        f"seconds    {seconds['load']:.2f} load, {seconds['train']:.2f} train, {seconds['total']:.2f} total",
        "",
        *(table(header, cells) if rows else ["no configuration has a score yet"]),
        "",
    ]
    for name in ("best", "best_1se"):
        row = result[name]
        if row:
            lines.append(f"{name:<10} {row['score']:.4f}  {_typed({**row['options'], **result['options']})}")
    if result["best"]:
        lines[-1] += f"  (the most regularised within one standard error, {share_text(result['best']['score_se'])})"
    if result["accuracy"]:
        chosen = f"{result['selected']}, trained on all {result['n_refit']} training rows"
        lines.append(f"model      {result['model']}: {chosen}" if result["model"] else f"refit      {chosen}")
        lines += parts_lines(result)
    return "\n".join(lines)


def sweep_csv(result: JsonObject) -> str:
    """The ranked rows as CSV, for spreadsheets and data frames."""
    figures = ("status", "score", "score_std", "score_se", "objective", "epochs", "best_epoch", "percent", "seed_std")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["rank", *result["swept"], "lr_used", "momentum_used", *figures, "metric", "greater_is_better"])
    metric = result["metric"], result["greater_is_better"]
    for number, row in enumerate(result["rows"], 1):
        options = [row["options"][name] for name in result["swept"]]
        writer.writerow([number, *options, row["lr"], row["momentum"], *(row[name] for name in figures), *metric])
    return text.getvalue()


def _cell(value: object) -> str:
    """The value of an option in the table."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _typed(options: JsonObject) -> str:
    """Options as they are typed for `linclf train`: loss and reg, and the others that differ from the defaults."""
    given = [o for o in OPTIONS if o.name in options and (o.name in ("loss", "reg") or options[o.name] != o.default)]
    return " ".join(o.flag or f"--{o.dashed} {options[o.name]}" for o in given)


def _score(row: JsonObject) -> str:
    if row["score"] is None:
        return "-"
    return f"{row['score']:.4f}" if row["score_std"] is None else f"{row['score']:.4f} +- {row['score_std']:.4f}"
