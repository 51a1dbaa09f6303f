"""The report of `linclf compare`."""

from linclf.model.metrics import METRICS
from linclf.report.terminal import one_line
from linclf.report.text import count_text, share_text, table, target_text
from linclf.storage.decode import JsonObject

LONGEST_NAME = 40  # of a model, whose end is shown


def comparison_text(result: JsonObject) -> str:
    """The result of `linclf.inspect.compare.compare` or `compare_reports`, with the data, as text: the metrics of each model and
    the differences from the first, McNemar's test, what follows, and warnings."""
    models = result["models"]
    names = _names([entry["model"] for entry in models])
    lines = [_title(result)]
    if result["target"] is not None:
        lines.append(f"target  {target_text(result)}")
    if result["level"] is not None:
        lines.append(f"differences are from {names[models[0]['model']]}, on the same resamples")
    lines += ["", *_metrics_table(result, names)]
    if any(entry["mcnemar"] for entry in models):
        lines += ["", *_mcnemar_table(models, names)]
    if result["level"] is not None:
        lines += ["", *(_verdict(entry, result, names) for entry in models[1:])]
    lines += (
        ["", *(f"note: {one_line(one)}" for one in dict.fromkeys(result["warnings"]))] if result["warnings"] else []
    )
    return "\n".join(lines)


def _title(result: JsonObject) -> str:
    n, data = len(result["models"]), result["data"]
    if result["level"] is None:
        part = f", {result['part']} part" if result["part"] else ""
        return f"{n} reports{f' on {one_line(data)}' if data else ''}{part}"
    unit = f"{result['n_groups']} groups" if result["n_groups"] else "rows"
    rows = f"{result['n']} {'weighted ' if result['weighted'] else ''}rows"
    return (
        f"{n} models on {one_line(data)} ({'all rows' if result['part'] == 'all' else result['part'] + ' part'}), {rows}; "
        f"{_percent(result['level'])} intervals of {result['resamples']} resamples of the {unit}"
    )


def _metrics_table(result: JsonObject, names: dict[str, str]) -> list[str]:
    """For each metric that a model has, a line for each model."""
    models, sampled = result["models"], result["level"] is not None
    level = f"{_percent(result['level'])} interval" if sampled else ""
    header = ["metric", "model", "value", *([level, "difference", level] if sampled else ["rows"])]
    rows = []
    for metric in METRICS.values():
        of_models = [entry["metrics"].get(metric.key) for entry in models]
        if all(one is None or one["value"] is None for one in of_models):
            continue
        title = metric.title if metric.greater_is_better else f"{metric.title} (lower is better)"
        for entry, one in zip(models, of_models, strict=True):
            difference = (entry["difference"] or {}).get(metric.key)
            cells = [_interval(one), *_difference_cells(difference)] if sampled else [count_text(entry["n"])]
            rows.append([title, names[entry["model"]], share_text(one["value"]), *cells])
            title = ""
    return table(header, rows, left=2)


def _difference_cells(difference: JsonObject | None) -> list[str]:
    if difference is None:
        return ["", ""]
    value = difference["value"]
    return ["-" if value is None else f"{value:+.4f}", _interval(difference, sign=True)]


def _mcnemar_table(models: list[JsonObject], names: dict[str, str]) -> list[str]:
    """A line for each model but the first."""
    first, others = names[models[0]["model"]], models[1:]
    several = len(others) > 1
    header = [
        f"McNemar's test against {first}",
        "only it is right",
        "only the other",
        "p",
        *(["p (Holm)"] if several else []),
    ]
    rows = []
    for entry in others:
        test = entry["mcnemar"]
        adjusted = [_p(test["p_holm"])] if several else []
        rows.append([names[entry["model"]], str(test["n01"]), str(test["n10"]), _p(test["p"]), *adjusted])
    return table(header, rows)


def _verdict(entry: JsonObject, result: JsonObject, names: dict[str, str]) -> str:
    """What the first metric says about a model, as a sentence."""
    name, first, found, test = (
        names[entry["model"]],
        names[result["models"][0]["model"]],
        entry["verdict"],
        entry["mcnemar"],
    )
    key = next(iter(entry["metrics"]))
    title = next(metric.title for metric in METRICS.values() if metric.key == key)
    if found is None:
        return f"{name} and {first}: no verdict, since their difference in {title} is not defined"
    value, low, high = entry["difference"][key]["value"], found["low"], found["high"]
    reason = _reason(found, result["level"], test, len(result["models"]) - 1)
    if found["result"] == "undecided":
        unit = f"{result['n_groups']} groups" if result["n_groups"] else f"{result['n']} rows"
        return (
            f"no difference in {title} between {name} and {first} that these {unit} show: {value:+.4f} "
            f"{_interval(found, sign=True)}{reason}"
        )
    sign = 1 if value > 0 else -1
    bounds = {"low": min(sign * low, sign * high), "high": max(sign * low, sign * high)}
    return f"{name} is {found['result']} than {first} in {title} by {abs(value):.4f} {_interval(bounds)}{reason}"


def _reason(found: JsonObject, level: float, test: JsonObject | None, n_comparisons: int) -> str:
    """What a verdict rests on besides its interval, in brackets."""
    said = []
    if found["level"] != level:
        said.append(f"interval of {_percent(found['level'])}, for {n_comparisons} comparisons")
    elif test is not None and found["metric"] == "accuracy":
        adjusted = f", adjusted for {n_comparisons} comparisons {_p(test['p_holm'])}" if n_comparisons > 1 else ""
        said.append(f"McNemar p {_p(test['p'], '= ')}{adjusted}")
    return f" ({said[0]})" if said else ""


def _interval(one: JsonObject, sign: bool = False) -> str:
    """The interval of a value."""
    if one["low"] is None:
        return "-"
    plus = "+" if sign else ""
    return f"[{one['low']:{plus}.4f}, {one['high']:{plus}.4f}]"


def _p(p: float, equals: str = "") -> str:
    """A p-value, after `equals` unless it is too small for four digits."""
    return f"{equals}{p:.4f}" if p >= 0.0001 else "< 0.0001"


def _percent(level: float) -> str:
    return f"{100 * level:.4g}%"


def _names(paths: list[str]) -> dict[str, str]:
    """Each path on one line, cut at its beginning if it is long and stays different from the others."""
    lines = {path: one_line(path) for path in paths}
    cut = {
        path: text if len(text) <= LONGEST_NAME else f"...{text[3 - LONGEST_NAME :]}" for path, text in lines.items()
    }
    return cut if len(set(cut.values())) == len(cut) else lines
