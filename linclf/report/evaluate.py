"""The report of `evaluate` as text: metrics of each class, the confusion matrix, all metrics."""

from linclf.model.metrics import METRICS
from linclf.report.metrics import majority_text, titled, warnings
from linclf.report.proof import proof_line
from linclf.report.text import count_text, share_text, table
from linclf.report.threshold import threshold_line
from linclf.storage.decode import JsonObject

MAX_CONFUSION_CLASSES = 20  # with more classes, the most frequent confusions are shown instead of the matrix


def evaluation_text(result: JsonObject, title: str, target: str = "", proof: object = None) -> str:
    """The text of an `evaluation`: metrics of each class, confusion, metrics of all rows, accuracy; `target` is the label
    column, as in `target_text`, and `proof` the certificate of the model."""
    labels = [str(label) for label in result["classes"]]
    shares = {
        "precision": "precision",
        "recall": "recall",
        "f1": "f1",
        "roc_auc": "roc auc",
        "average_precision": "avg prec",
    }
    rows = [
        [label, *(share_text(row[key]) for key in shares), count_text(row["support"])]
        for label, row in zip(labels, result["per_class"].values(), strict=True)
    ]
    head = [title, *([f"target  {target}"] if target else []), *threshold_line(result["threshold"], 11)]
    head += [*proof_line(proof), ""]
    lines = [*head, *table(["class", *shares.values(), "support"], rows), ""]
    matrix = result["confusion"]
    if len(labels) <= MAX_CONFUSION_CLASSES:
        counts = [[label, *map(count_text, row)] for label, row in zip(labels, matrix, strict=True)]
        lines += ["confusion (rows: true class, columns: predicted)", *table(["", *labels], counts), ""]
    else:
        wrong = [(matrix[i][j], i, j) for i in range(len(labels)) for j in range(len(labels)) if i != j]
        most_frequent = [
            f"  {labels[i]} predicted as {labels[j]}: {count_text(count)}"
            for count, i, j in sorted(wrong, reverse=True)[:10]
            if count
        ]
        lines += ["most frequent confusions", *most_frequent, ""]
    best = {metric.title: "1" if metric.greater_is_better else "0" for metric in METRICS.values()}
    values = [[name, share_text(value), best[name]] for name, value in titled(result["metrics"])]
    lines += [*table(["metric", "value", "best"], values), ""] if values else []
    if result["metrics"]["brier_score_loss"] is not None:
        of = "squared error of the probability of the second class"
        of = of if len(labels) == 2 else "sum over the classes of the squared error of the probability"
        lines += [f"The Brier score is the mean {of}, as scikit-learn's brier_score_loss.", ""]
    said = warnings({"": result["never_predicted"]}, {"": result["absent_classes"]})
    lines += [*(f"warning: {one}" for one in said), ""] if said else []
    majority = f"; {majority_text(result['majority'])}" if result["majority"] else ""
    lines.append(f"accuracy  {share_text(result['accuracy'])}  ({result['n']} rows{majority})")
    return "\n".join(lines)
