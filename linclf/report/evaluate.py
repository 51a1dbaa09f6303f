"""Per-class figures and confusion for people."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


from linclf.report.text import share_text, table

WIDEST_CONFUSION = 20  # classes beyond which the text shows the most frequent confusions instead of the matrix


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
    lines.append(f"accuracy  {share_text(result['accuracy'])}  ({result['n']} rows)")
    return "\n".join(lines)
