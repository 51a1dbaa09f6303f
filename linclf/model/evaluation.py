"""How well a model does on a part of the data: all metrics, next to what the simplest prediction would reach."""

import numpy as np

from linclf.data.row_weights import are_counts
from linclf.losses import Array
from linclf.model.metrics import f1, measure, original_brier, ratio
from linclf.model.predictions import Predictions
from linclf.storage.decode import JsonObject, finite_or_none

PART_KEYS = ("metrics", "majority", "never_predicted", "absent_classes")


def part_figures(predictions: Predictions, classes: Array) -> JsonObject:
    """The figures of a part under the PART_KEYS, for classes (K,).

    metrics          the value of each metric by its key, None where it is undefined
    majority         {"class", "share"}: the largest class of the part, and the accuracy of always predicting it; None without rows
    never_predicted  [{"class", "rows"}, ...]: classes that have rows in the part and are predicted for none of its rows
    absent_classes   [class, ...]: classes that have no row in the part
    """
    labels, support = classes.tolist(), predictions.support
    never = np.flatnonzero((support > 0) & (predictions.n_predicted == 0))
    n_rows = _rows(support, predictions).tolist()
    return {
        "metrics": measure(predictions),
        "majority": _majority(predictions, labels),
        "never_predicted": [{"class": labels[k], "rows": n_rows[k]} for k in never],
        "absent_classes": [labels[k] for k in np.flatnonzero(support == 0)],
    }


def evaluation(predictions: Predictions, classes: Array, threshold: JsonObject | None = None) -> JsonObject:
    """All that `evaluate` reports, with its JSON keys, for classes (K,).

    n        the number of rows
    threshold   that of the model, as given
    brier    the score of Brier (1950): for two classes twice the brier_score_loss in `metrics`, which is scikit-learn's
    """
    figures, labels = part_figures(predictions, classes), classes.tolist()
    metrics = figures["metrics"]
    return {
        "accuracy": metrics["accuracy"],
        "log_loss": metrics["log_loss"],
        "brier": original_brier(predictions),
        "calibration_error": metrics["calibration_error"],
        "n": len(predictions.y),
        "confusion": _rows(predictions.confusion(), predictions).tolist(),
        "classes": labels,
        "threshold": threshold,
        "per_class": {str(label): row for label, row in zip(labels, per_class(predictions), strict=True)},
        **figures,
    }


def per_class(predictions: Predictions) -> list[JsonObject]:
    """Precision, recall, F1, support, ROC AUC and average precision of each class against all other rows.

    A ratio 0/0 is 0; the last two are None where they are undefined.
    """
    correct, support, n_predicted = predictions.correct, predictions.support, predictions.n_predicted
    precision, recall, f1_scores = ratio(correct, n_predicted, 0), ratio(correct, support, 0), f1(predictions)
    (roc_auc, average_precision), n_rows = predictions.areas, _rows(support, predictions).tolist()
    return [
        {
            "precision": float(precision[k]),
            "recall": float(recall[k]),
            "f1": float(f1_scores[k]),
            "support": n_rows[k],
            "roc_auc": finite_or_none(roc_auc[k]),
            "average_precision": finite_or_none(average_precision[k]),
        }
        for k in range(predictions.n_classes)
    ]


def _majority(predictions: Predictions, labels: list[object]) -> JsonObject | None:
    """The first of the largest classes, and its share of all rows, those of unknown label included."""
    if not predictions.total > 0:
        return None
    largest = int(predictions.support.argmax())
    return {"class": labels[largest], "share": float(predictions.support[largest] / predictions.total)}


def _rows(n: Array, predictions: Predictions) -> Array:
    """Numbers of rows, as ints unless the weights are relative."""
    return n.astype(np.intp) if are_counts(predictions.weights) else n
