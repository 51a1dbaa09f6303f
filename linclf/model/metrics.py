"""How good predictions and probabilities are: accuracy, confusion, figures per class, log loss, Brier score, calibration error."""

from typing import Any

import numpy as np

from linclf.losses import Array, softmax, softmax_probabilities, squared_error

BINS = 15  # of confidence, for the calibration error


def accuracy(predicted: Array, y: Array) -> float | None:
    """The share of equal codes, (n,) each; None for no rows. A code -1, a label never seen, is never right."""
    return float(np.mean(predicted == y)) if len(y) else None


def confusion(predicted: Array, y: Array, n_classes: int) -> Array:
    """How often class i (row) was predicted as class j (column): (K, K) counts of rows whose label is known."""
    known = y >= 0
    flat = np.bincount(y[known] * n_classes + predicted[known], minlength=n_classes**2)
    return flat.reshape(n_classes, n_classes)


def per_class(matrix: Array, predicted: Array) -> list[dict[str, float | int]]:
    """precision, recall, f1 and support of each class; 0 where a ratio is 0/0. Precision counts unknown labels as wrong."""
    hits = np.diag(matrix)
    support, claimed = matrix.sum(axis=1), np.bincount(predicted, minlength=len(matrix))
    precision, recall = _ratio(hits, claimed), _ratio(hits, support)
    f1 = _ratio(2 * hits, support + claimed)
    return [
        {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
        for p, r, f, s in zip(precision, recall, f1, support, strict=True)
    ]


def _ratio(a: Array, b: Array) -> Array:
    return np.divide(a, b, out=np.zeros(len(a)), where=b > 0)


def calibration(logits: Array | None, y: Array) -> dict[str, float | None]:
    """How good probabilities are, over the rows whose label is known; None where there are none.

    logits             (n, K), whose softmax they are; y (n,) codes
    log_loss           -log p of the true class, the mean
    brier              sum_k (p_k - [y = k])^2, the mean, in [0, 2] (Brier, 1950)
    calibration_error  the gap between confidence and accuracy in each of BINS equal ranges of confidence, weighted by the
                       rows in it (Guo et al., 2017)
    """
    if logits is None or not (y >= 0).any():
        return {"log_loss": None, "brier": None, "calibration_error": None}
    logits, y = logits[y >= 0].astype(np.float64), y[y >= 0]
    p = softmax_probabilities(logits)  # (n, K)
    onehot = np.arange(p.shape[1]) == y[:, None]  # (n, K)
    right, confidence = p.argmax(axis=1) == y, p.max(axis=1)
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(place, right - confidence, BINS)  # rows in a bin times its accuracy less its confidence
    return {
        "log_loss": float(softmax(logits, y)[0].mean()),
        "brier": float(squared_error(p, onehot)[0].mean()),
        "calibration_error": float(np.abs(gaps).sum() / len(y)),
    }


def evaluation(predicted: Array, y: Array, classes: Array, logits: Array | None = None) -> dict[str, Any]:
    """What `evaluate` reports of predicted and true codes (n,): accuracy, n, confusion, classes, per_class; and of logits
    (n, K), if the model has probabilities, log_loss, brier and calibration_error."""
    matrix = confusion(predicted, y, len(classes))
    labels = classes.tolist()
    rows = per_class(matrix, predicted)
    return {
        "accuracy": accuracy(predicted, y),
        **calibration(logits, y),
        "n": len(y),
        "confusion": matrix.tolist(),
        "classes": labels,
        "per_class": {str(label): row for label, row in zip(labels, rows, strict=True)},
    }
