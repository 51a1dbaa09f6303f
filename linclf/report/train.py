"""The report of `linclf train`."""

from linclf.model.metrics import METRICS
from linclf.report.metrics import parts_lines
from linclf.report.proof import FROM_ZERO, proof_line
from linclf.report.terminal import one_line
from linclf.report.text import split_lines, target_text
from linclf.report.threshold import threshold_line
from linclf.storage.decode import JsonObject


def training_text(result: JsonObject, why: dict[str, str]) -> str:
    """The result of training as text, accuracy last; `why` has, by name, how auto chose a value."""
    classes = ", ".join(map(str, result["classes"][:10])) + (", ..." if result["n_classes"] > 10 else "")
    seconds = result["seconds"]
    lines = [
        f"data       {result['data']}: {result['n_train']} training rows, {result['n_features']} features, "
        f"{result['n_classes']} classes ({one_line(classes)})",
        *split_lines(result),
        f"loss       {result['loss']}{', one-vs-rest' if result['one_vs_rest'] else ''}, reg {result['reg']:g}, "
        f"scale {result['scale']}",
        *([f"reg        {why['reg']}"] if "reg" in why else []),
        _solver(result, why),
        *([f"best       {_best_epoch(result)}"] if result["val_metric"] else []),
        *([_calibration(result)] if result["calibrate"] else []),
        f"objective  {result['objective']:.6g} = {result['data_loss']:.6g} data + {result['penalty']:.6g} penalty",
        f"seconds    {seconds['load']:.2f} load, {seconds['train']:.2f} train, {seconds['total']:.2f} total",
    ]
    if result["target"] is not None:
        lines.insert(1, f"target     {target_text(result)}")
    lines[-2:-2] = threshold_line(result["threshold"], 11)
    lines += proof_line(result["certificate"])
    if result["model"]:
        lines.append(f"model      {result['model']}")
    lines += parts_lines(result)
    return "\n".join(lines)


def _solver(result: JsonObject, why: dict[str, str]) -> str:
    """How the weights were found, a line."""
    if not result["epochs"]:
        return f"solver     {FROM_ZERO}"
    lr, epochs = (f" ({why[name]})" if name in why else "" for name in ("lr", "epochs"))
    return (
        f"sgd        lr {result['lr']:.4g}{lr}, momentum {result['momentum']:g}, {result['schedule']}"
        f"{', averaged' if result['average'] else ''}, {result['epochs']} epochs{epochs} of minibatches of {result['batch_size']}"
    )


def _best_epoch(result: JsonObject) -> str:
    """The epoch that was chosen, and by which metric."""
    reason = f" ({one_line(result['val_metric_reason'])})" if result["val_metric_reason"] else ""
    name = METRICS[result["val_metric"]].title
    return f"epoch {result['best_epoch']} of {result['epochs']}, by {name} on {result['n_val']} validation rows{reason}"


def _calibration(result: JsonObject) -> str:
    """How probabilities were learned, a line."""
    return f"calibrate  {result['calibrate']}, learned from {result['n_calibration']} held-out rows"
