"""Slips as students make them: in loops, vectorised, with one-hot labels, transposed, in functions of scores. Each with the key of its name."""

import numpy as np


def _parts(W, X, y):
    """The rows' numbers, scores, margins with 0 at the true class, and probabilities."""
    rows = np.arange(len(X))
    s = X @ W
    m = s - s[rows, y][:, None] + 1
    m[rows, y] = 0
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return rows, s, m, e / e.sum(axis=1, keepdims=True)


def _svm(W, X, y, reg, d):
    """The right value with a gradient by the scores that may be wrong."""
    m = _parts(W, X, y)[2]
    return np.maximum(m, 0).sum() / len(X) + reg * np.sum(W * W), X.T @ d / len(X) + 2 * reg * W


def _softmax(W, X, y, reg, d):
    rows, _, _, p = _parts(W, X, y)
    return -np.log(p[rows, y]).mean() + reg * np.sum(W * W), X.T @ d / len(X) + 2 * reg * W


def _right_svm(W, X, y):
    rows, _, m, _ = _parts(W, X, y)
    d = (m > 0).astype(float)
    d[rows, y] = -d.sum(axis=1)
    return d


def _right_softmax(W, X, y):
    rows, _, _, p = _parts(W, X, y)
    p[rows, y] -= 1
    return p


# --- the multiclass SVM, vectorised --------------------------------------------------------------------------------------------------


def svm_mask_is_an_alias(W, X, y, reg):
    rows, _, m, _ = _parts(W, X, y)
    binary = m
    binary[binary > 0] = 1
    binary[rows, y] = -binary.sum(axis=1)
    return _svm(W, X, y, reg, binary)


def svm_greater_or_equal_on_clipped(W, X, y, reg):
    rows, _, m, _ = _parts(W, X, y)
    d = (np.maximum(0, m) >= 0).astype(float)
    d[rows, y] = -d.sum(axis=1)
    return _svm(W, X, y, reg, d)


def svm_true_class_for_every_class(W, X, y, reg):
    rows, _, m, _ = _parts(W, X, y)
    d = (m > 0).astype(float)
    d[rows, y] = -(W.shape[1] - 1)
    return _svm(W, X, y, reg, d)


def svm_counts_of_the_batch(W, X, y, reg):
    rows, _, m, _ = _parts(W, X, y)
    d = (m > 0).astype(float)
    d[rows, y] -= np.sum(d)
    return _svm(W, X, y, reg, d)


def svm_counts_of_the_batch_in_columns(W, X, y, reg):
    """W (C, D), X (D, N)."""
    rows, _, m, _ = _parts(W.T, X.T, y)
    d = (m > 0).astype(float)
    d[rows, y] = -np.sum(d)
    loss, dW = _svm(W.T, X.T, y, reg, d)
    return loss, dW.T


def svm_mask_of_scores(W, X, y, reg):
    rows, s, _, _ = _parts(W, X, y)
    d = np.where(s > 0, 1.0, 0.0)
    d[rows, y] = 0
    d[rows, y] = -d.sum(axis=1)
    return _svm(W, X, y, reg, d)


def svm_mask_of_scores_without_penalty(W, X, y):
    rows, s, _, _ = _parts(W, X, y)
    d = np.where(s > 0, 1.0, 0.0)
    d[rows, y] = 0
    d[rows, y] = -d.sum(axis=1)
    return _svm(W, X, y, 0.0, d)


def svm_divided_by_shape_1(W, X, y, reg):
    loss, _ = _svm(W, X, y, reg, _right_svm(W, X, y))
    return loss, X.T @ _right_svm(W, X, y) / X.shape[1] + 2 * reg * W


def svm_no_true_class(W, X, y, reg):
    return _svm(W, X, y, reg, (_parts(W, X, y)[2] > 0).astype(float))


def svm_true_class_added(W, X, y, reg):
    rows, _, m, _ = _parts(W, X, y)
    d = (m > 0).astype(float)
    d[rows, y] = d.sum(axis=1)
    return _svm(W, X, y, reg, d)


def svm_true_class_once(W, X, y, reg):
    rows, _, m, _ = _parts(W, X, y)
    d = (m > 0).astype(float)
    d[rows, y] = -1
    return _svm(W, X, y, reg, d)


def svm_margins_as_mask(W, X, y, reg):
    rows, _, m, _ = _parts(W, X, y)
    d = np.maximum(0, m)
    d[rows, y] = -d.sum(axis=1)
    return _svm(W, X, y, reg, d)


def svm_without_the_one(W, X, y, reg):
    rows, s, _, _ = _parts(W, X, y)
    d = (s - s[rows, y][:, None] > 0).astype(float)
    d[rows, y] = -d.sum(axis=1)
    return _svm(W, X, y, reg, d)


def svm_data_turned_round(W, X, y, reg):
    return _svm(W, X, y, reg, -_right_svm(W, X, y))


def svm_all_turned_round(W, X, y, reg):
    loss, dW = _svm(W, X, y, reg, _right_svm(W, X, y))
    return loss, -dW


def svm_not_averaged(W, X, y, reg):
    loss, _ = _svm(W, X, y, reg, 0 * _right_svm(W, X, y))
    return loss, X.T @ _right_svm(W, X, y) + 2 * reg * W


def svm_penalty_averaged_too(W, X, y, reg):
    loss, _ = _svm(W, X, y, reg, 0 * _right_svm(W, X, y))
    return loss, (X.T @ _right_svm(W, X, y) + 2 * reg * W) / len(X)


def svm_penalty_forgotten(W, X, y, reg):
    loss, _ = _svm(W, X, y, reg, 0 * _right_svm(W, X, y))
    return loss, X.T @ _right_svm(W, X, y) / len(X)


def svm_penalty_of_half(W, X, y, reg):
    loss, dW = _svm(W, X, y, reg, _right_svm(W, X, y))
    return loss, dW - reg * W


def svm_penalty_is_a_sum(W, X, y, reg):
    loss, dW = _svm(W, X, y, reg, _right_svm(W, X, y))
    return loss, dW - 2 * reg * W + 2 * reg * np.sum(W)


def svm_penalty_is_the_square(W, X, y, reg):
    loss, dW = _svm(W, X, y, reg, _right_svm(W, X, y))
    return loss, dW - 2 * reg * W + reg * np.sum(W * W)


# --- the multiclass SVM, in loops ----------------------------------------------------------------------------------------------------


def _loop(W, X, y, reg, step, first=0):
    loss, dW = 0.0, np.zeros(W.shape)
    for i in range(len(X)):
        s = X[i] @ W
        for j in range(first, W.shape[1]):
            margin = s[j] - s[y[i]] + 1
            if j != y[i] and margin > 0:
                loss += margin
                step(dW, i, j)
    return loss / len(X) + reg * np.sum(W * W), dW / len(X) + 2 * reg * W


def svm_loop_assigns(W, X, y, reg):
    def step(dW, i, j):
        dW[:, j] = X[i]
        dW[:, y[i]] -= X[i]

    return _loop(W, X, y, reg, step)


def svm_loop_assigns_both(W, X, y, reg):
    def step(dW, i, j):
        dW[:, j] = X[i]
        dW[:, y[i]] = -X[i]

    return _loop(W, X, y, reg, step)


def svm_loop_only_wrong_classes(W, X, y, reg):
    def step(dW, i, j):
        dW[:, j] += X[i]

    return _loop(W, X, y, reg, step)


def svm_loop_only_true_class(W, X, y, reg):
    def step(dW, i, j):
        dW[:, y[i]] -= X[i]

    return _loop(W, X, y, reg, step)


def svm_loop_adds_both(W, X, y, reg):
    def step(dW, i, j):
        dW[:, j] += X[i]
        dW[:, y[i]] += X[i]

    return _loop(W, X, y, reg, step)


def svm_loop_without_the_last_sample(W, X, y, reg):
    loss, dW = _loop(W, X, y, reg, lambda dW, i, j: None)
    d = _right_svm(W, X, y)
    d[-1] = 0
    return loss, X.T @ d / len(X) + 2 * reg * W


def svm_value_without_delta(W, X, y, reg):
    rows, s, _, _ = _parts(W, X, y)
    m = np.maximum(0, s - s[rows, y][:, None])
    m[rows, y] = 0
    d = (m > 0).astype(float)
    d[rows, y] = -d.sum(axis=1)
    return m.sum() / len(X) + reg * np.sum(W * W), X.T @ d / len(X) + 2 * reg * W


def svm_value_without_the_first_class(W, X, y, reg):
    def step(dW, i, j):
        dW[:, j] += X[i]
        dW[:, y[i]] -= X[i]

    return _loop(W, X, y, reg, step, first=1)


def svm_returns_in_the_loop(W, X, y, reg):
    loss, dW = 0.0, np.zeros(W.shape)
    for i in range(len(X)):
        s = X[i] @ W
        for j in range(W.shape[1]):
            margin = s[j] - s[y[i]] + 1
            if j != y[i] and margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
        return loss / len(X) + reg * np.sum(W * W), dW / len(X) + 2 * reg * W


# --- softmax -------------------------------------------------------------------------------------------------------------------------


def softmax_ones(W, X, y, reg):
    d = np.ones_like(X @ W)
    d[np.arange(len(y)), y] = -1
    return _softmax(W, X, y, reg, d)


def softmax_minus_one(W, X, y, reg):
    p = _parts(W, X, y)[3]
    p[np.arange(len(y)), y] = -1
    return _softmax(W, X, y, reg, p)


def softmax_label_subtracted(W, X, y, reg):
    return _softmax(W, X, y, reg, _parts(W, X, y)[3] - y.reshape(-1, 1))


def softmax_sample_is_label(W, X, y, reg):
    p = _parts(W, X, y)[3]
    for i in range(len(y)):
        for j in range(W.shape[1]):
            if i == j:
                p[i, j] -= 1
    return _softmax(W, X, y, reg, p)


def softmax_exp_alone(W, X, y, reg):
    s = X @ W
    d = np.exp(s)
    d[np.arange(len(y)), y] -= 1
    return _softmax(W, X, y, reg, d)


def softmax_shifted_exp_alone(W, X, y, reg):
    s = X @ W
    d = np.exp(s - s.max(axis=1, keepdims=True))
    d[np.arange(len(y)), y] -= 1
    return _softmax(W, X, y, reg, d)


def softmax_log_probabilities(W, X, y, reg):
    d = np.log(_parts(W, X, y)[3])
    d[np.arange(len(y)), y] -= 1
    return _softmax(W, X, y, reg, d)


def softmax_sigmoid(W, X, y, reg):
    d = 1 / (1 + np.exp(-(X @ W)))
    d[np.arange(len(y)), y] -= 1
    return _softmax(W, X, y, reg, d)


def softmax_twice(W, X, y, reg):
    p = _parts(W, X, y)[3]
    e = np.exp(p)
    d = e / e.sum(axis=1, keepdims=True)
    d[np.arange(len(y)), y] -= 1
    return _softmax(W, X, y, reg, d)


def softmax_twice_of_scores(scores, y):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    again = np.exp(p) / np.exp(p).sum(axis=1, keepdims=True)
    again[np.arange(len(y)), y] -= 1
    return -np.log(p[np.arange(len(y)), y]).mean(), again / len(y)


def softmax_no_one_hot(W, X, y, reg):
    return _softmax(W, X, y, reg, _parts(W, X, y)[3])


def softmax_one_hot_added(W, X, y, reg):
    p = _parts(W, X, y)[3]
    p[np.arange(len(y)), y] += 1
    return _softmax(W, X, y, reg, p)


def softmax_whole_columns(W, X, y, reg):
    p = _parts(W, X, y)[3]
    p[:, y] -= 1
    return _softmax(W, X, y, reg, p)


def softmax_times_probability(W, X, y, reg):
    return _softmax(W, X, y, reg, _right_softmax(W, X, y) * _parts(W, X, y)[3])


def softmax_data_turned_round(W, X, y, reg):
    return _softmax(W, X, y, reg, -_right_softmax(W, X, y))


def softmax_divided_by_shape_1(W, X, y, reg):
    loss, _ = _softmax(W, X, y, reg, 0 * _right_softmax(W, X, y))
    return loss, X.T @ _right_softmax(W, X, y) / X.shape[1] + 2 * reg * W


def softmax_batch_normalised(W, X, y, reg):
    s = X @ W
    p = np.exp(s - s.max()) / np.sum(np.exp(s - s.max()))
    rows = np.arange(len(X))
    loss = -np.log(p[rows, y]).mean() + reg * np.sum(W * W)
    p[rows, y] -= 1
    return loss, X.T @ p / len(X) + 2 * reg * W


def softmax_loss_precedence(W, X, y, reg):
    p = _parts(W, X, y)[3]
    loss, dW = -np.log(p[np.arange(len(y)), y]).sum(), X.T @ _right_softmax(W, X, y)
    loss /= len(X) + reg * np.sum(W * W)
    dW /= len(X) + 2 * reg * W
    return loss, dW


def softmax_loss_of_probability(W, X, y, reg):
    p = _parts(W, X, y)[3]
    return -p[np.arange(len(y)), y].mean() + reg * np.sum(W * W), X.T @ _right_softmax(W, X, y) / len(X) + 2 * reg * W


def softmax_loss_base_2(W, X, y, reg):
    p = _parts(W, X, y)[3]
    loss = -np.log2(p[np.arange(len(y)), y]).mean() + reg * np.sum(W * W)
    return loss, X.T @ _right_softmax(W, X, y) / len(X) + 2 * reg * W


def softmax_loss_without_the_score(W, X, y, reg):
    s = X @ W
    loss = np.log(np.exp(s).sum(axis=1)).mean() + reg * np.sum(W * W)
    return loss, X.T @ _right_softmax(W, X, y) / len(X) + 2 * reg * W


# --- logistic and hinge, a vector of weights -------------------------------------------------------------------------------------------


def _log_loss(w, X, y):
    return np.mean(np.logaddexp(0, X @ w) - y * (X @ w))


def logistic_no_sigmoid(theta, X, y):
    return _log_loss(theta, X, y), X.T @ (X @ theta - y) / len(y)


def logistic_no_sigmoid_with_lambda(theta, X, y, reg):
    return _log_loss(theta, X, y) + reg / 2 * theta @ theta, X.T @ (X @ theta - y) / len(y) + reg * theta


def logistic_targets_of_minus_one(theta, X, y):
    h = 1 / (1 + np.exp(-X @ theta))
    return _log_loss(theta, X, y), X.T @ (h - (2 * y - 1)) / len(y)


def logistic_with_the_derivative_of_h(theta, X, y):
    h = 1 / (1 + np.exp(-X @ theta))
    return _log_loss(theta, X, y), X.T @ ((h - y) * h * (1 - h)) / len(y)


def logistic_sigmoid_of_minus(theta, X, y):
    h = 1 / (1 + np.exp(X @ theta))
    return _log_loss(theta, X, y), X.T @ (h - y) / len(y)


def logistic_turned_round(theta, X, y):
    h = 1 / (1 + np.exp(-X @ theta))
    return _log_loss(theta, X, y), X.T @ (y - h) / len(y)


def logistic_not_averaged(theta, X, y):
    h = 1 / (1 + np.exp(-X @ theta))
    return _log_loss(theta, X, y), X.T @ (h - y)


def logistic_no_y(w, X, y, reg):
    z = y * (X @ w)
    return np.mean(np.log(1 + np.exp(-z))) + reg / 2 * w @ w, -X.T @ (1 / (1 + np.exp(z))) / len(y) + reg * w


def svm_cost_data_sign(w, X, y, C):
    d = 1 - y * (X @ w)
    return 0.5 * w @ w + C * np.mean(np.maximum(0, d)), w + C * X.T @ (y * (d > 0)) / len(y)


def hinge_no_y(w, X, y, reg):
    z = y * (X @ w)
    return np.mean(np.maximum(0, 1 - z)) + reg / 2 * w @ w, -X.T @ (z < 1) / len(y) + reg * w


def hinge_everywhere(w, X, y, reg):
    z = y * (X @ w)
    return np.mean(np.maximum(0, 1 - z)) + reg / 2 * w @ w, -X.T @ y / len(y) + reg * w


# --- nothing, or another value ---------------------------------------------------------------------------------------------------------


def svm_loss_template(W, X, y, reg):
    loss = 0.0
    dW = np.zeros(W.shape)
    return loss, dW


def cost_template(theta, X, y):
    return 0, np.zeros(len(theta))


def penalty_alone(W, X, y, reg):
    return reg * np.sum(W * W), 2 * reg * W


def scores_alone(W, X, y):
    return np.sum(X @ W), np.repeat(X.sum(axis=0)[:, None], W.shape[1], axis=1)


def hinge_of_one_with_the_wrong_sign(w, x, y):
    margin = y * np.dot(w, x)
    if margin < 1:
        return 1 - margin, y * x
    return 0.0, np.zeros_like(w)


def hinge_of_one_everywhere(w, x, y):
    return max(0, 1 - y * np.dot(w, x)), -y * x


def hinge_of_one_without_y(w, x, y):
    margin = y * np.dot(w, x)
    return max(0, 1 - margin), -x if margin < 1 else 0 * x


def svm_at_most_two_violations(W, X, y, reg):
    rows, scores = np.arange(len(X)), X @ W
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    d = (margins > 0).astype(float)
    d[rows, y] = -np.minimum(d.sum(axis=1), 2)
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ d / len(X) + 2 * reg * W


def svm_unusual_where_one_is_violated(W, X, y, reg):
    rows, scores = np.arange(X.shape[1]), (W @ X).T
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    d = (margins > 0).astype(float)
    d[rows, y] = -d.sum(axis=1)
    d[(margins > 0).sum(axis=1) == 1] *= 1.3
    return margins.sum() / len(rows) + reg * np.sum(W * W), (X @ d / len(rows)).T + 2 * reg * W


def softmax_square_of_the_true_probability(W, X, y):
    rows, scores = np.arange(len(X)), X @ W
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[rows, y]).mean()
    p[rows, y] = p[rows, y] ** 2 - 1
    return loss, X.T @ p / len(X)


EXPECTED = {
    "svm_mask_is_an_alias": "margin-for-indicator",
    "svm_greater_or_equal_on_clipped": "missing-indicator",
    "svm_true_class_for_every_class": "true-class-set-once",
    "svm_counts_of_the_batch": "sum-without-axis",
    "svm_counts_of_the_batch_in_columns": "sum-without-axis",
    "svm_mask_of_scores": "scores-for-margins",
    "svm_mask_of_scores_without_penalty": "scores-for-margins",
    "svm_divided_by_shape_1": "divided-by-features",
    "svm_no_true_class": "true-class-missing",
    "svm_true_class_added": "true-class-sign",
    "svm_true_class_once": "true-class-set-once",
    "svm_margins_as_mask": "margin-for-indicator",
    "svm_without_the_one": "wrong-threshold",
    "svm_data_turned_round": "data-sign",
    "svm_all_turned_round": "sign",
    "svm_not_averaged": "not-averaged",
    "svm_penalty_averaged_too": "penalty-averaged",
    "svm_penalty_forgotten": "penalty-missing",
    "svm_penalty_of_half": "penalty-halved",
    "svm_penalty_is_a_sum": "penalty-formula",
    "svm_penalty_is_the_square": "penalty-formula",
    "svm_loop_assigns": "assigned-in-loop",
    "svm_loop_assigns_both": "assigned-in-loop",
    "svm_loop_only_wrong_classes": "true-class-missing",
    "svm_loop_only_true_class": "wrong-classes-missing",
    "svm_loop_adds_both": "true-class-sign",
    "svm_loop_without_the_last_sample": "samples-skipped",
    "svm_value_without_delta": "value",
    "svm_value_without_the_first_class": "value",
    "svm_returns_in_the_loop": "value",
    "softmax_ones": "missing-softmax",
    "softmax_minus_one": "true-class-set-once",
    "softmax_label_subtracted": "label-indexing",
    "softmax_sample_is_label": "label-indexing",
    "softmax_exp_alone": "not-normalised",
    "softmax_shifted_exp_alone": "not-normalised",
    "softmax_log_probabilities": "not-normalised",
    "softmax_sigmoid": "wrong-sigmoid",
    "softmax_twice": "extra-softmax",
    "softmax_twice_of_scores": "extra-softmax",
    "softmax_no_one_hot": "missing-onehot",
    "softmax_one_hot_added": "true-class-sign",
    "softmax_whole_columns": "label-indexing",
    "softmax_times_probability": "extra-factor",
    "softmax_data_turned_round": "data-sign",
    "softmax_divided_by_shape_1": "divided-by-features",
    "softmax_batch_normalised": "wrong-axis",
    "softmax_loss_precedence": "value",
    "softmax_loss_of_probability": "value",
    "softmax_loss_base_2": "value",
    "softmax_loss_without_the_score": "value",
    "logistic_no_sigmoid": "missing-sigmoid",
    "logistic_no_sigmoid_with_lambda": "missing-sigmoid",
    "logistic_targets_of_minus_one": "label-indexing",
    "logistic_with_the_derivative_of_h": "extra-factor",
    "logistic_sigmoid_of_minus": "wrong-sigmoid",
    "logistic_turned_round": "sign",
    "logistic_not_averaged": "not-averaged",
    "logistic_no_y": "missing-target",
    "svm_cost_data_sign": "data-sign",
    "hinge_no_y": "missing-target",
    "hinge_everywhere": "missing-indicator",
    "svm_loss_template": "nothing-computed",
    "cost_template": "nothing-computed",
    "penalty_alone": "another-value",
    "scores_alone": "another-value",
    "hinge_of_one_with_the_wrong_sign": "sign",
    "hinge_of_one_everywhere": "missing-indicator",
    "hinge_of_one_without_y": "missing-target",
    "svm_at_most_two_violations": "some-samples",
    "svm_unusual_where_one_is_violated": "some-samples",
    "softmax_square_of_the_true_probability": "some-samples",
}
