"""The report of `evaluate` as text: metrics of each class and the confusion matrix."""

from linclf.report.text import share_text, table
from linclf.storage.decode import JsonObject

MAX_CONFUSION_CLASSES = 20  # with more classes, the most frequent confusions are shown instead of the matrix


def evaluation_text(result: JsonObject, title: str, target: str = "") -> str:
    """The text of an `evaluation`: metrics of each class, confusion, metrics of the probabilities, accuracy; `target` is the
    label column, as in `target_text`."""
    labels = [str(label) for label in result["classes"]]
    rows = [
        [label, f"{row['precision']:.4f}", f"{row['recall']:.4f}", f"{row['f1']:.4f}", str(row["support"])]
        for label, row in zip(labels, result["per_class"].values(), strict=True)
    ]
    lines = [
        title,
        *([f"target  {target}"] if target else []),
        "",
        *table(["class", "precision", "recall", "f1", "support"], rows),
        "",
    ]
    matrix = result["confusion"]
    if len(labels) <= MAX_CONFUSION_CLASSES:
        counts = [[label, *map(str, row)] for label, row in zip(labels, matrix, strict=True)]
        lines += ["confusion (rows: true class, columns: predicted)", *table(["", *labels], counts), ""]
    else:
        wrong = [(matrix[i][j], i, j) for i in range(len(labels)) for j in range(len(labels)) if i != j]
        most_frequent = [
            f"  {labels[i]} predicted as {labels[j]}: {count}"
            for count, i, j in sorted(wrong, reverse=True)[:10]
            if count
        ]
        lines += ["most frequent confusions", *most_frequent, ""]
    if result["log_loss"] is not None:
        names = {"log loss": "log_loss", "Brier score": "brier", "calibration error": "calibration_error"}
        lines += [", ".join(f"{name} {result[key]:.4f}" for name, key in names.items()), ""]
    lines.append(f"accuracy  {share_text(result['accuracy'])}  ({result['n']} rows)")
    return "\n".join(lines)
