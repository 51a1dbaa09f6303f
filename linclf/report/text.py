"""Results for people and for programs: accuracy, per-class figures, confusion; text and JSON. Nothing else formats."""

import csv
import io
import json
import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from linclf.inspect.explain import strengths
from linclf.model.linear_model import LinearModel
from linclf.report.terminal import one_line

if TYPE_CHECKING:
    from linclf.data.columns.infer import Column
    from linclf.gradcheck import GradientCheck, LossCheck

MOST_COLUMNS = 40  # that are said a line each
WIDEST_CONFUSION = 20  # classes beyond which the text shows the most frequent confusions instead of the matrix


def to_json(result: dict[str, Any]) -> str:
    """One JSON object on one line."""
    return json.dumps(result, allow_nan=False)


def evaluation_text(result: dict[str, Any], title: str) -> str:
    """`evaluation` for people: per class, confusion, accuracy last."""
    labels = [str(label) for label in result["classes"]]
    rows = [
        [label, f"{row['precision']:.4f}", f"{row['recall']:.4f}", f"{row['f1']:.4f}", str(row["support"])]
        for label, row in zip(labels, result["per_class"].values(), strict=True)
    ]
    lines = [title, "", *table(["class", "precision", "recall", "f1", "support"], rows), ""]
    matrix = result["confusion"]
    if len(labels) <= WIDEST_CONFUSION:
        counts = [[label, *map(str, row)] for label, row in zip(labels, matrix, strict=True)]
        lines += ["confusion (rows: true class, columns: predicted)", *table(["", *labels], counts), ""]
    else:
        wrong = [(matrix[i][j], i, j) for i in range(len(labels)) for j in range(len(labels)) if i != j]
        most = [
            f"  {labels[i]} taken for {labels[j]}: {count}" for count, i, j in sorted(wrong, reverse=True)[:10] if count
        ]
        lines += ["most frequent confusions", *most, ""]
    if result["log_loss"] is not None:
        names = {"log loss": "log_loss", "Brier score": "brier", "calibration error": "calibration_error"}
        lines += [", ".join(f"{name} {result[key]:.4f}" for name, key in names.items()), ""]
    lines.append(f"accuracy  {_share(result['accuracy'])}  ({result['n']} rows)")
    return "\n".join(lines)


def training_text(result: dict[str, Any], why: dict[str, str]) -> str:
    """`train`'s result for people, accuracy last; `why` says of a value chosen by auto what it was made from."""
    classes = ", ".join(map(str, result["classes"][:10])) + (", ..." if result["n_classes"] > 10 else "")
    seconds, accuracies = result["seconds"], result["accuracy"]
    lines = [
        f"data       {result['data']}: {result['n_train']} training rows, {result['n_features']} features, "
        f"{result['n_classes']} classes ({one_line(classes)})",
        f"loss       {result['loss']}{', one-vs-rest' if result['one_vs_rest'] else ''}, reg {result['reg']:g}, "
        f"scale {result['scale']}",
        f"sgd        lr {result['lr']:.4g}{why.get('lr', '')}, momentum {result['momentum']:g}, {result['schedule']}"
        f"{', averaged' if result['average'] else ''}, {result['epochs']} epochs{why.get('epochs', '')} of minibatches of {result['batch_size']}",
        f"objective  {result['objective']:.6g} = {result['data_loss']:.6g} data + {result['penalty']:.6g} penalty",
        f"seconds    {seconds['load']:.2f} load, {seconds['train']:.2f} train, {seconds['total']:.2f} total",
    ]
    if result["calibrate"]:
        lines.insert(3, f"calibrate  {result['calibrate']}, learned from {result['n_calibration']} held-out rows")
    if result["certificate"]:
        lines.append(f"certified  {_proof(result['certificate'])}")
    if result["model"]:
        lines.append(f"model      {result['model']}")
    lines.append(f"accuracy   {_parts(accuracies)}")
    return "\n".join(lines)


def _proof(proof: dict[str, Any]) -> str:
    """What is proven of a model, in words."""
    steps = f"after {proof['steps']} steps over all rows" if proof["steps"] else "as it was"
    if proof["percent"] is None:
        return f"nothing: no bound was found {steps}"
    short = "" if proof["holds"] else f", not the {proof['asked']:g} % asked for"
    # rounded up: what is said is proven
    return f"within {math.ceil(proof['percent'] * 1e4) / 1e4:g} % of the optimum, proven{short}, {steps}"


def columns_text(columns: "Sequence[Column] | None") -> str:
    """What the columns of a table became, a line each; columns of numbers alone share one. Empty where all are such."""
    columns = columns or ()
    plain = [column for column in columns if column.kind == "number" and not column.missing]
    others = [column for column in columns if column.kind != "number" or column.missing]
    if not others:
        return ""
    rows = [[_short(column.name), column.kind, str(len(column.feature_names())), column.said()] for column in others]
    if len(rows) > MOST_COLUMNS:
        left = len(rows) - MOST_COLUMNS
        features = sum(int(row[2]) for row in rows[MOST_COLUMNS:])
        rows = [*rows[:MOST_COLUMNS], [f"{left} more columns", "", str(features), ""]]
    if plain:
        named = ", ".join(_short(column.name) for column in plain[:4]) + (", ..." if len(plain) > 4 else "")
        rows = [[f"{len(plain)} column{'s' * (len(plain) > 1)}", "number", str(len(plain)), named], *rows]
    lines = table(["column", "kind", "features"], [row[:3] for row in rows], left=2)
    return "\n".join([lines[0], *(f"{line}  {row[3]}".rstrip() for line, row in zip(lines[1:], rows, strict=True))])


def _short(text: str, most: int = 30) -> str:
    """Text on one line of a table."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 3] + "..."


def sweep_text(result: dict[str, Any], usual: dict[str, Any]) -> str:
    """`sweep`'s result for people: the ranked table, then what to choose; `usual` are the options train has by itself."""
    rows, seconds, cv = result["rows"], result["seconds"], result["cv"]
    varied = [name for name in result["swept"] if len(result["swept"][name]) > 1 or name in ("loss", "reg")]
    shown = [name for name in varied if name != "lr"]
    states = any(row["status"] != "done" for row in rows)
    header = ["", *(name.replace("_", "-") for name in shown), "lr", "score", "objective", "epochs"]
    header += ["status"] if states else []
    cells = [
        [
            str(number),
            *(_cell(row["options"][name]) for name in shown),
            ("auto " if "lr" in varied and row["options"]["lr"] == "auto" else "") + f"{row['lr']:.4g}",
            _score(row, "score_std"),
            "-" if row["objective"] is None else f"{row['objective']:.6g}",
            f"{row['best_epoch']} of {row['epochs']}" if row["best_epoch"] else str(row["epochs"]),
            *([row["status"]] if states else []),
        ]
        for number, row in enumerate(rows, 1)
    ]
    held = f"{cv} folds" if cv else f"{result['n_val']} validation rows"
    lines = [
        f"data       {result['data']}: {result['n_train']} training rows, {result['n_features']} features, "
        f"{result['n_classes']} classes",
        f"sweep      {result['n_configurations']} configuration{'s' * (result['n_configurations'] > 1)}, scored on {held}"
        + (" (mean +- standard deviation)" if cv else ""),
        f"seconds    {seconds['load']:.2f} load, {seconds['train']:.2f} train, {seconds['total']:.2f} total",
        "",
        *(table(header, cells) if rows else ["no configuration has a score yet"]),
        "",
    ]
    for name in ("best", "best_1se"):
        row = result[name]
        if row:
            lines.append(f"{name:<10} {row['score']:.4f}  {_typed({**row['options'], **result['options']}, usual)}")
    if result["best"]:
        lines[-1] += f"  (the most regularised within one standard error, {result['best']['score_se']:.4f})"
    if result["accuracy"]:
        chosen = f"{result['selected']}, trained on all {result['n_refit']} training rows"
        lines.append(f"model      {result['model']}: {chosen}" if result["model"] else f"refit      {chosen}")
        lines.append(f"accuracy   {_parts({'val': None, **result['accuracy']})}")
    return "\n".join(lines)


def sweep_csv(result: dict[str, Any]) -> str:
    """The rows of `sweep` for spreadsheets and data frames, ranked."""
    figures = ("status", "score", "score_std", "score_se", "objective", "epochs", "best_epoch")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["rank", *result["swept"], "lr_used", "momentum_used", *figures])
    for number, row in enumerate(result["rows"], 1):
        options = [row["options"][name] for name in result["swept"]]
        writer.writerow([number, *options, row["lr"], row["momentum"], *(row[name] for name in figures)])
    return text.getvalue()


def _cell(value: Any) -> str:
    """The value of an option as it is typed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _typed(options: dict[str, Any], usual: dict[str, Any]) -> str:
    """Options as `linclf train` takes them: loss and reg, and the others that are not what train does without them."""
    words = []
    for name, value in options.items():
        if name in ("loss", "reg") or value != usual[name]:
            flag = f"--{name.replace('_', '-')}"
            words.append("--no-bias" if name == "bias" else flag if value is True else f"{flag} {value}")
    return " ".join(words)


def _score(row: dict[str, Any], spread: str) -> str:
    if row["score"] is None:
        return "-"
    return f"{row['score']:.4f}" if row[spread] is None else f"{row['score']:.4f} +- {row[spread]:.4f}"


def model_info(model: LinearModel, top: int = 5) -> dict[str, Any]:
    """What `info` reports: the record of the training, and the features with the strongest weights per class.

    Strength is weight times what training divided the column by, so that units do not matter.
    """
    strength = strengths(model)  # (d, m)
    labels = model.classes.tolist()
    outputs = labels[1:] if strength.shape[1] == 1 else labels  # one output speaks for the second class
    strongest, names = {}, model.schema.feature_names()
    for j, label in enumerate(outputs):
        order = np.argsort(-np.abs(strength[:, j]), kind="stable")[:top]
        strongest[str(label)] = [
            {"feature": names[i], "weight": float(strength[i, j])} for i in order if strength[i, j]
        ]
    return {
        "loss": model.loss,
        "classes": labels,
        "n_features": model.schema.count,
        "features": asdict(model.schema),
        "calibration": None if model.calibration is None else asdict(model.calibration),
        **model.record,
        "strongest": strongest,
    }


def model_text(described: dict[str, Any], columns: "Sequence[Column] | None", path: str) -> str:
    """`model_info` for people."""
    metrics, options, versions = described["metrics"], described["options"], described["versions"]
    source = "arrays in Python"
    if described["data"]:
        source = f"{options['source']['data']} (sha256 {described['data']['data'][:12]})"
    scaling = f"{metrics['scale']} scaling folded into the weights"
    if metrics["scale"] == "none":
        scaling = (
            "numbers standardised as they are encoded" if columns and described["features"]["sparse"] else "unscaled"
        )
    lines = [
        f"model      {path}, a {described['loss']} classifier by linclf {versions['linclf']}",
        f"classes    {', '.join(map(str, described['classes']))}",
        f"features   {described['n_features']}, {scaling}",
        f"trained on {source}, {metrics['n_train']} rows; "
        f"{metrics['n_val']} validation and {metrics['n_test']} test rows",
        f"options    reg {metrics['reg']:g}, lr {metrics['lr']:.4g}, momentum {metrics['momentum']:g}, "
        f"{metrics['epochs']} epochs of minibatches of {metrics['batch_size']}, seed {metrics['seed']}",
        f"objective  {metrics['objective']:.6g}",
        f"accuracy   {_parts(metrics['accuracy'])}",
        *(["", columns_text(columns)] if columns_text(columns) else []),
        "",
        "strongest weights, per standard deviation of the feature"
        if metrics["scale"] == "standard"
        else "strongest weights",
    ]
    calibration = described["calibration"]
    if calibration:
        lines.insert(5, f"calibrate  {calibration['method']}, learned from {calibration['n']} held-out rows")
    rows = [
        [label, ", ".join(f"{entry['feature']} {entry['weight']:+.3g}" for entry in entries)]
        for label, entries in described["strongest"].items()
    ]
    width = max(len(label) for label, _ in rows)
    return "\n".join(lines + [f"  {label.ljust(width)}  {entries}" for label, entries in rows])


def doctor_text(result: dict[str, Any], columns: "Sequence[Column] | None") -> str:
    """What `doctor` found for people, the command it recommends last."""
    classes = list(result["classes"].items())
    named = ", ".join(f"{label} ({count})" for label, count in classes[:10]) + (", ..." if len(classes) > 10 else "")
    lines = [
        f"data       {result['data']}: {result['n']} rows, {result['n_features']} features; "
        f"of {result['n_train']} training rows {len(classes)} classes: {named}",
        *(["", columns_text(columns)] if columns_text(columns) else []),
        "",
        "findings" if result["findings"] else "nothing stands in the way",
    ]
    for finding in result["findings"]:
        for mark, text in (("  - ", finding["what"]), ("    -> ", finding["do"])):
            lines += textwrap.wrap(
                text, 110, initial_indent=mark, subsequent_indent=" " * len(mark), break_on_hyphens=False
            )
    lines += [f"note: {note}" for note in result["notes"]]
    return "\n".join([*lines, "", "try", f"  {result['command']}"])


def strongest_text(told: dict[str, Any], model: str, n_features: int) -> str:
    """The strongest weights of each class for people."""
    lines = [
        f"{model}, a {told['loss']} classifier of {n_features} features: what a change by {told['unit']} adds to the score"
    ]
    for entry in told["classes"]:
        sides = [entry["positive"], entry["negative"]]
        cells = [[(_short(x["feature"], 40), f"{x['strength']:+.3g}") for x in side] for side in sides]
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
    rows = [(f"{entry['adds']:+.4g}", _short(entry["feature"], 40), valued(entry)) for entry in shown]
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


def gradient_json(check: "GradientCheck") -> dict[str, Any]:
    """The check of a user's function for programs."""
    return {
        "name": check.name,
        "kind": check.kind,
        "loss": check.loss,
        "precision": check.precision,
        "passed": check.passed,
        "gradient_passed": check.gradient_passed,
        "value_passed": check.value_passed,
        "n_coordinates": len(check.coordinates),
        "n_wrong": sum(c.verdict == "wrong" for c in check.coordinates),
        "n_kinks": check.n_kinks,
        "n_unclear": check.n_unclear,
        "largest_error": _finite(check.largest_error),
        "worst": [
            {
                "point": c.point,
                "index": c.index,
                "analytic": _finite(c.analytic),
                "numeric": _finite(c.numeric),
                "error": _finite(c.error),
            }
            for c in check.worst
        ],
        "diagnosis": [asdict(diagnosis) for diagnosis in check.diagnosis],
        "notes": list(check.notes),
        "next": check.next_step,
    }


_KINDS = {
    "loss": "a loss of W, X, y",
    "predictions": "a loss of predictions and +-1 targets",
    "batch": "a loss of a batch and its targets",
    "dense": "a dense layer's gradient",
    "general": "a function of w",
}


def gradient_text(check: "GradientCheck") -> str:
    """The check of a user's function for people: the verdict first, then the numbers, the likely mistake, what to do."""
    wrong = sum(c.verdict == "wrong" for c in check.coordinates)
    loss = f", {check.loss}" if check.loss else ""
    taken = f"taken for {_KINDS[check.kind]}{loss}; it computes in {check.precision}"
    verdict = "RIGHT" if check.passed else "WRONG" if not check.gradient_passed else "GRADIENT RIGHT, VALUE WRONG"
    if check.diagnosis and check.diagnosis[0].key == "unclear":
        verdict = "CANNOT TELL"
    lines = [f"{verdict}  {check.name} ({taken})"]
    if not check.coordinates:
        lines.append("       the gradient does not have the shape of its argument")
    elif check.gradient_passed:
        kinks = f", {check.n_kinks} of them at kinks" if check.n_kinks else ""
        lines.append(
            f"       the gradient agrees at all {len(check.coordinates)} places compared{kinks}; "
            f"largest relative error {check.largest_error:.1e}"
        )
    elif wrong:
        lines.append(
            f"       the gradient is wrong at {wrong} of {len(check.coordinates)} places compared; "
            f"largest relative error {check.largest_error:.1e}"
        )
    if check.value_passed is False:
        lines.append("       the value is wrong")
    if wrong:
        rows = [
            [
                f"{c.point} {'direction' if c.index is None else list(c.index)}",
                f"{c.analytic:.8g}",
                f"{c.numeric:.8g}",
                f"{c.analytic / c.numeric:.6g}" if c.numeric else "-",
            ]
            for c in check.worst
        ]
        lines += ["", *table(["worst places", "analytic", "numerical", "ratio"], rows)]
    if check.diagnosis:
        lines += ["", "likely mistake"]
        for k, diagnosis in enumerate(check.diagnosis):
            lines += ["  or"] if k and len(check.diagnosis) > 1 else []
            for sentence in diagnosis.text.split(" And: "):
                lines += textwrap.wrap(sentence, 100, initial_indent="  - ", subsequent_indent="    ")
    if check.next_step:
        lines += ["", f"next   {check.next_step}"]
    lines += [f"note   {note}" for note in check.notes]
    return "\n".join(lines)


def functions_text(checks: Sequence["GradientCheck"]) -> str:
    """Several checks of functions, a line each."""
    rows = [
        [
            check.name,
            check.kind,
            str(len(check.coordinates)),
            str(check.n_kinks),
            f"{check.largest_error:.1e}",
            "ok" if check.passed else "WRONG",
        ]
        for check in checks
    ]
    return "\n".join(table(["function", "kind", "places", "kinks", "against differences", "verdict"], rows))


def checks_json(checks: Sequence["LossCheck"]) -> dict[str, Any]:
    """`gradcheck` for programs."""
    return {
        "passed": all(check.passed for check in checks),
        "checks": [
            {
                **asdict(check),
                "numeric_error": _finite(check.numeric_error),
                "naive_error": _finite(check.naive_error),
                "passed": check.passed,
            }
            for check in checks
        ],
    }


def checks_text(checks: Sequence["LossCheck"]) -> str:
    """`gradcheck`'s table for people, the verdict last."""
    rows = [
        [
            check.loss,
            check.layout,
            f"{check.n_samples} x {check.n_features} x {check.n_outputs}",
            f"{check.numeric_error:.1e}",
            f"{check.naive_error:.1e}",
            "ok" if check.passed else "WRONG",
        ]
        for check in checks
    ]
    lines = table(["loss", "layout", "n x d x m", "against differences", "against loops", "verdict"], rows)
    failed = [check for check in checks if not check.passed]
    lines += ["", *(f"{check.loss}, {check.layout}: worst at {check.worst}" for check in failed)]
    lines.append(f"{len(checks) - len(failed)} of {len(checks)} gradients are right")
    return "\n".join(lines)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> list[str]:
    """Lines of a table: the first `left` columns flush left, the others flush right."""
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[j]) for row in cells) for j in range(len(header))]
    return [
        "  ".join(
            cell.ljust(w) if j < left else cell.rjust(w) for j, (cell, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def size(n_bytes: float) -> str:
    """A number of bytes for people."""
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes < 1e9 else f"{n_bytes / 1e9:.1f} GB"


def _parts(accuracies: dict[str, float | None]) -> str:
    return ", ".join(
        f"{part} {_share(accuracies[part])}" for part in ("train", "val", "test") if accuracies[part] is not None
    )


def _finite(x: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return float(x) if np.isfinite(x) else None


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
