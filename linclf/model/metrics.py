"""Metrics of predictions and probabilities: accuracy, confusion, metrics per class, log loss, Brier score, calibration error."""

import numpy as np

from linclf.losses import Array, softmax, softmax_probabilities, squared_error
from linclf.storage.decode import JsonObject

BINS = 15  # of confidence, for the calibration error


def accuracy(predicted: Array, y: Array) -> float | None:
    """The share of predicted codes (n,) that equal the true codes (n,); None without rows. Code -1, an unknown label, is wrong."""
    return float(np.mean(predicted == y)) if len(y) else None


def confusion(predicted: Array, y: Array, n_classes: int) -> Array:
    """The confusion matrix (K, K): how many rows of class i were predicted as class j, without rows of unknown label."""
    known = y >= 0
    flat = np.bincount(y[known] * n_classes + predicted[known], minlength=n_classes**2)
    return flat.reshape(n_classes, n_classes)


def per_class(matrix: Array, predicted: Array) -> list[dict[str, float | int]]:
    """Precision, recall, F1 and support of each class; a ratio 0/0 is 0. Rows of unknown label count as wrong in precision."""
    correct = np.diag(matrix)
    support, n_predicted = matrix.sum(axis=1), np.bincount(predicted, minlength=len(matrix))
    precision, recall = _ratio(correct, n_predicted), _ratio(correct, support)
    f1 = _ratio(2 * correct, support + n_predicted)
    return [
        {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
        for p, r, f, s in zip(precision, recall, f1, support, strict=True)
    ]


def _ratio(a: Array, b: Array) -> Array:
    return np.divide(a, b, out=np.zeros(len(a)), where=b > 0)


def calibration(logits: Array | None, y: Array) -> dict[str, float | None]:
    """Metrics of the probabilities softmax(logits), logits (n, K), for codes y (n,), over the rows of known label.

    log_loss           the mean of -log p of the true class
    brier              the mean of sum_k (p_k - [y = k])^2, in [0, 2] (Brier, 1950)
    calibration_error  the gap between confidence and accuracy in each of BINS equal ranges of confidence, weighted by the
                       number of rows in it (Guo et al., 2017)

    All are None without logits or without rows of known label.
    """
    if logits is None or not (y >= 0).any():
        return {"log_loss": None, "brier": None, "calibration_error": None}
    logits, y = logits[y >= 0].astype(np.float64), y[y >= 0]
    p = softmax_probabilities(logits)  # (n, K)
    onehot = np.arange(p.shape[1]) == y[:, None]  # (n, K)
    right, confidence = p.argmax(axis=1) == y, p.max(axis=1)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, right - confidence, BINS)  # (BINS,): rows in a bin times (its accuracy - its confidence)
    return {
        "log_loss": float(softmax(logits, y)[0].mean()),
        "brier": float(squared_error(p, onehot)[0].mean()),
        "calibration_error": float(np.abs(gaps).sum() / len(y)),
    }


def evaluation(predicted: Array, y: Array, classes: Array, logits: Array | None = None) -> JsonObject:
    """All metrics of `evaluate`, with its JSON keys, for predicted and true codes (n,) of these classes (K,).

    logits  (n, K) of a model with probabilities; without them log_loss, brier and calibration_error are None
    """
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
