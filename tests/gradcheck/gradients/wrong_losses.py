"""Deliberately wrong multiclass losses f(W, X, y, reg) -> (loss, dW); EXPECTED gives the diagnosis that must come first."""

import numpy as np


def _svm(W, X, y, reg):
    n = len(y)
    scores = X @ W
    margins = np.maximum(0, scores - scores[np.arange(n), y][:, None] + 1)
    margins[np.arange(n), y] = 0
    return margins, margins.sum() / n + reg / 2 * np.sum(W * W)


def _svm_gradient(W, X, y, reg, D):
    return X.T @ D / len(y) + reg * W


def svm_counts(margins, y):
    D = (margins > 0).astype(float)
    D[np.arange(len(y)), y] = -D.sum(axis=1)
    return D


def svm_not_averaged(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    return loss, X.T @ svm_counts(margins, y) + reg * W


def svm_averaged_twice(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    return loss, X.T @ svm_counts(margins, y) / len(y) ** 2 + reg * W


def svm_over_classes(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    return loss, X.T @ svm_counts(margins, y) / margins.size + reg * W


def svm_no_penalty_in_gradient(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    return loss, X.T @ svm_counts(margins, y) / len(y)


def svm_double_penalty(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    return loss, X.T @ svm_counts(margins, y) / len(y) + 2 * reg * W


def svm_half_penalty(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    return loss + reg / 2 * np.sum(W * W), X.T @ svm_counts(margins, y) / len(y) + reg * W


def svm_minus_penalty(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    return loss, X.T @ svm_counts(margins, y) / len(y) - reg * W


def svm_penalty_in_gradient_only(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    return loss - reg / 2 * np.sum(W * W), X.T @ svm_counts(margins, y) / len(y) + reg * W


def svm_true_class_missing(W, X, y, reg):
    loss, dW = 0.0, np.zeros(W.shape)
    for i in range(len(X)):
        scores = X[i] @ W
        for j in range(W.shape[1]):
            if j != y[i] and scores[j] - scores[y[i]] + 1 > 0:
                loss += scores[j] - scores[y[i]] + 1
                dW[:, j] += X[i]
    return loss / len(X) + reg / 2 * np.sum(W * W), dW / len(X) + reg * W


def svm_true_class_once(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    D = (margins > 0).astype(float)
    D[np.arange(len(y)), y] = -1
    return loss, _svm_gradient(W, X, y, reg, D)


def svm_true_class_plus(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    D = (margins > 0).astype(float)
    D[np.arange(len(y)), y] = D.sum(axis=1)
    return loss, _svm_gradient(W, X, y, reg, D)


def svm_true_class_counted(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    scores = X @ W
    D = (scores - scores[np.arange(len(y)), y][:, None] + 1 > 0).astype(float)
    D[np.arange(len(y)), y] = -D.sum(axis=1)
    return loss, _svm_gradient(W, X, y, reg, D)


def svm_only_true_class(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    D = np.zeros_like(margins)
    D[np.arange(len(y)), y] = -(margins > 0).sum(axis=1)
    return loss, _svm_gradient(W, X, y, reg, D)


def svm_margins(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    D = margins.copy()
    D[np.arange(len(y)), y] = -margins.sum(axis=1)
    return loss, _svm_gradient(W, X, y, reg, D)


def svm_no_indicator(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    D = np.ones_like(margins)
    D[np.arange(len(y)), y] = 1 - margins.shape[1]
    return loss, _svm_gradient(W, X, y, reg, D)


def svm_no_delta(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    scores = X @ W
    return loss, _svm_gradient(W, X, y, reg, svm_counts(scores - scores[np.arange(len(y)), y][:, None], y))


def svm_flipped(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    return loss, -(X.T @ svm_counts(margins, y)) / len(y) + reg * W


def svm_all_flipped(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    return loss, -_svm_gradient(W, X, y, reg, svm_counts(margins, y))


def svm_transposed(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    return loss, _svm_gradient(W, X, y, reg, svm_counts(margins, y)).T


def svm_last_class_forgotten(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    dW = _svm_gradient(W, X, y, reg, svm_counts(margins, y))
    dW[:, -1] = 0
    return loss, dW


def svm_first_feature_forgotten(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    dW = _svm_gradient(W, X, y, reg, svm_counts(margins, y))
    dW[0] = 0
    return loss, dW


def svm_gradient_of_softmax(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    _, dW = _softmax(W, X, y, reg)
    return loss, dW


def svm_gradient_of_crammer_singer(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    D = np.zeros_like(margins)
    rows, worst = np.arange(len(y)), margins.argmax(axis=1)
    D[rows, worst] = margins.max(axis=1) > 0
    D[rows, y] = -(margins.max(axis=1) > 0).astype(float)
    return loss, _svm_gradient(W, X, y, reg, D)


def svm_in_place(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    X -= X.mean(axis=0)
    return loss, _svm_gradient(W, X, y, reg, svm_counts(margins, y))


def svm_sampled(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    rows = np.random.permutation(len(y))[: len(y) // 2]
    return loss, X[rows].T @ svm_counts(margins, y)[rows] / len(rows) + reg * W


def _softmax(W, X, y, reg):
    n = len(y)
    scores = X @ W
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(n), y] + 1e-300).mean() + reg / 2 * np.sum(W * W)
    D = p.copy()
    D[np.arange(n), y] -= 1
    return loss, X.T @ D / n + reg * W


def _parts(W, X, y):
    scores = X @ W
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores, e / e.sum(axis=1, keepdims=True), np.eye(W.shape[1])[y]


def softmax_without_onehot(W, X, y, reg):
    _, p, _ = _parts(W, X, y)
    return _softmax(W, X, y, reg)[0], X.T @ p / len(y) + reg * W


def softmax_onehot_alone(W, X, y, reg):
    _, _, onehot = _parts(W, X, y)
    return _softmax(W, X, y, reg)[0], -X.T @ onehot / len(y) + reg * W


def softmax_wrong_axis(W, X, y, reg):
    scores, _, onehot = _parts(W, X, y)
    e = np.exp(scores)
    return _softmax(W, X, y, reg)[0], X.T @ (e / e.sum(axis=0) - onehot) / len(y) + reg * W


def softmax_not_normalised(W, X, y, reg):
    scores, _, onehot = _parts(W, X, y)
    return _softmax(W, X, y, reg)[0], X.T @ (np.exp(scores) - onehot) / len(y) + reg * W


def softmax_true_class_only(W, X, y, reg):
    _, p, onehot = _parts(W, X, y)
    return _softmax(W, X, y, reg)[0], X.T @ ((p - 1) * onehot) / len(y) + reg * W


def softmax_plus_onehot(W, X, y, reg):
    _, p, onehot = _parts(W, X, y)
    return _softmax(W, X, y, reg)[0], X.T @ (p + onehot) / len(y) + reg * W


def softmax_flipped(W, X, y, reg):
    _, p, onehot = _parts(W, X, y)
    return _softmax(W, X, y, reg)[0], X.T @ (onehot - p) / len(y) + reg * W


def softmax_derivative(W, X, y, reg):
    _, p, _ = _parts(W, X, y)
    return _softmax(W, X, y, reg)[0], X.T @ (p * (1 - p)) / len(y) + reg * W


def softmax_not_averaged(W, X, y, reg):
    _, p, onehot = _parts(W, X, y)
    return _softmax(W, X, y, reg)[0], X.T @ (p - onehot) + reg * W


def softmax_no_penalty(W, X, y, reg):
    _, p, onehot = _parts(W, X, y)
    return _softmax(W, X, y, reg)[0], X.T @ (p - onehot) / len(y)


def softmax_overflowing(W, X, y, reg):
    scores = X @ W
    e = np.exp(scores)
    p = e / e.sum(axis=1, keepdims=True)
    onehot = np.eye(W.shape[1])[y]
    loss = -np.log(p[np.arange(len(y)), y]).mean() + reg / 2 * np.sum(W * W)
    return loss, X.T @ (p - onehot) / len(y) + reg * W


def softmax_transposed_layout_wrong(W, X, y, reg):
    """W (C, D), X (D, N), but the gradient is (D, C)."""
    loss, dW = _softmax(W.T, X.T, y, reg)
    return loss, dW


def softmax_columns_not_averaged(W, X, y, reg):
    """W (C, D), X (D, N)."""
    loss, _ = _softmax(W.T, X.T, y, reg)
    _, p, onehot = _parts(W.T, X.T, y)
    return loss, (p - onehot).T @ X.T + reg * W


def softmax_two_mistakes(W, X, y, reg):
    _, p, _ = _parts(W, X, y)
    return _softmax(W, X, y, reg)[0], X.T @ p / len(y)


def softmax_loss_with_summed_value(W, X, y, reg):
    loss, dW = _softmax(W, X, y, reg)
    return (loss - reg / 2 * np.sum(W * W)) * len(y) + reg / 2 * np.sum(W * W), dW


def svm_loss_without_penalty(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    return loss - reg / 2 * np.sum(W * W), X.T @ svm_counts(margins, y) / len(y)


def svm_loss_with_true_class(W, X, y, reg):
    """Value and gradient agree, but the correct class of each sample adds 1 to the value."""
    margins, loss = _svm(W, X, y, reg)
    return loss + 1, _svm_gradient(W, X, y, reg, svm_counts(margins, y))


def softmax_penalty_averaged(W, X, y, reg):
    _, p, onehot = _parts(W, X, y)
    return _softmax(W, X, y, reg)[0], (X.T @ (p - onehot) + reg * W) / len(y)


def svm_penalty_averaged(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    dW = X.T @ svm_counts(margins, y) + reg * W
    dW /= len(y)
    return loss, dW


def softmax_shifted_axis(W, X, y, reg):
    scores = X @ W
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=0)
    return _softmax(W, X, y, reg)[0], X.T @ (p - np.eye(W.shape[1])[y]) / len(y) + reg * W


def softmax_whole_columns(W, X, y, reg):
    _, p, _ = _parts(W, X, y)
    p[:, y] -= 1
    return _softmax(W, X, y, reg)[0], X.T @ p / len(y) + reg * W


def softmax_labels_from_one(W, X, y, reg):
    _, p, _ = _parts(W, X, y)
    p[np.arange(len(y)), y - 1] -= 1
    return _softmax(W, X, y, reg)[0], X.T @ p / len(y) + reg * W


def svm_last_sample_skipped(W, X, y, reg):
    _, loss = _svm(W, X, y, reg)
    dW = np.zeros(W.shape)
    for i in range(len(X) - 1):
        scores = X[i] @ W
        for j in range(W.shape[1]):
            if j != y[i] and scores[j] - scores[y[i]] + 1 > 0:
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    return loss, dW / len(X) + reg * W


def svm_over_classes_not_samples(W, X, y, reg):
    margins, loss = _svm(W, X, y, reg)
    return loss, X.T @ svm_counts(margins, y) / W.shape[1] + reg * W


def softmax_penalty_without_weights(W, X, y, reg):
    _, p, onehot = _parts(W, X, y)
    return _softmax(W, X, y, reg)[0], X.T @ (p - onehot) / len(y) + reg


def svm_value_summed_gradient_not(W, X, y, reg):
    margins, _ = _svm(W, X, y, reg)
    return margins.sum() + reg * np.sum(W * W), X.T @ svm_counts(margins, y) / len(y) + 2 * reg * W


def hidden_by_a_constant(W, X, y, reg):
    return 1e15 + np.sum(W**2), 0 * W + 0.1


EXPECTED = {
    "softmax_penalty_averaged": "penalty-averaged",
    "svm_penalty_averaged": "penalty-averaged",
    "softmax_shifted_axis": "wrong-axis",
    "softmax_whole_columns": "label-indexing",
    "softmax_labels_from_one": "label-indexing",
    "svm_last_sample_skipped": "samples-skipped",
    "svm_over_classes_not_samples": "divided-by-classes",
    "softmax_penalty_without_weights": "penalty-formula",
    "svm_value_summed_gradient_not": "value",
    "hidden_by_a_constant": "unclear",
    "svm_not_averaged": "not-averaged",
    "svm_averaged_twice": "averaged-too-often",
    "svm_over_classes": "divided-by-classes",
    "svm_no_penalty_in_gradient": "penalty-missing",
    "svm_double_penalty": "penalty-doubled",
    "svm_half_penalty": "penalty-halved",
    "svm_minus_penalty": "penalty-sign",
    "svm_penalty_in_gradient_only": "penalty-extra",
    "svm_true_class_missing": "true-class-missing",
    "svm_true_class_once": "true-class-set-once",
    "svm_true_class_plus": "true-class-sign",
    "svm_true_class_counted": "true-class-counted",
    "svm_only_true_class": "wrong-classes-missing",
    "svm_margins": "margin-for-indicator",
    "svm_no_indicator": "missing-indicator",
    "svm_no_delta": "wrong-threshold",
    "svm_flipped": "data-sign",
    "svm_all_flipped": "sign",
    "svm_transposed": "transposed",
    "svm_last_class_forgotten": "some-parts",
    "svm_first_feature_forgotten": "some-parts",
    "svm_gradient_of_softmax": "other-loss",
    "svm_gradient_of_crammer_singer": "other-loss",
    "svm_in_place": "modified-in-place",
    "svm_sampled": "not-deterministic",
    "softmax_without_onehot": "missing-onehot",
    "softmax_onehot_alone": "missing-softmax",
    "softmax_wrong_axis": "wrong-axis",
    "softmax_not_normalised": "not-normalised",
    "softmax_true_class_only": "true-class-only",
    "softmax_plus_onehot": "true-class-sign",
    "softmax_flipped": "data-sign",
    "softmax_derivative": "softmax-derivative",
    "softmax_not_averaged": "not-averaged",
    "softmax_no_penalty": "penalty-missing",
    "softmax_overflowing": "overflow",
    "softmax_transposed_layout_wrong": "transposed",
    "softmax_columns_not_averaged": "not-averaged",
    "softmax_two_mistakes": "missing-onehot+penalty-missing",
    "softmax_loss_with_summed_value": "value",
    "svm_loss_without_penalty": "value",
    "svm_loss_with_true_class": "value",
}
