"""More deliberately wrong functions, in other styles, layouts and conventions, so that each diagnosis occurs at least twice."""

import numpy as np


# --- binary hinge ---


def hinge_forward(pred, true):
    return sum(max(0.0, 1 - p * t) for p, t in zip(pred, true)) / len(pred)


class SumTimesPrediction:
    def forward(self, pred, true):
        self.mask = pred * true < 1
        return hinge_forward(pred, true)

    def backward(self, pred, true):
        return -np.sum(true * self.mask) * pred / len(pred)


def by_predictions_grad_input(pred, true):
    gradient = np.zeros(len(pred))
    for i, (p, t) in enumerate(zip(pred, true)):
        if p * t < 1:
            gradient[i] = -p
    return gradient / len(pred)


def extra_predictions_grad_input(pred, true):
    gradient = np.zeros(len(pred))
    for i, (p, t) in enumerate(zip(pred, true)):
        if p * t < 1:
            gradient[i] = -t * p / len(pred)
    return gradient


def unwritten_grad_input(pred, true):
    gradient = np.zeros(len(pred))
    for p, t in zip(pred, true):
        slope = -t / len(pred) if p * t < 1 else 0.0
    del slope
    return gradient


by_predictions_forward = extra_predictions_forward = unwritten_forward = hinge_forward


# --- squared hinge and logistic loss, w a vector ---


def squared_hinge_vector(w, X, y, reg):
    slack = np.maximum(0, 1 - y * (X @ w))
    return np.mean(slack**2) + reg / 2 * w @ w, slack


def squared_hinge_without_slack(w, X, y, reg):
    loss, slack = squared_hinge_vector(w, X, y, reg)
    return loss, X.T @ (-2 * y * (slack > 0)) / len(y) + reg * w


def squared_hinge_forward(pred, true):
    return np.mean(np.maximum(0, 1 - pred * true) ** 2)


def squared_hinge_grad_input(pred, true):
    return -2 * true * (pred * true < 1) / len(pred)


def logistic_plus_inside(w, X, y, reg):
    z = y * (X @ w)
    return np.mean(np.logaddexp(0, -z)) + reg / 2 * w @ w, X.T @ (-y / (1 + np.exp(-np.clip(z, -50, 50)))) / len(
        y
    ) + reg * w


def logistic_no_target_inside(w, X, y, reg):
    z = X @ w
    return np.mean(np.logaddexp(0, -y * z)) + reg / 2 * w @ w, X.T @ (-y / (1 + np.exp(-np.clip(z, -50, 50)))) / len(
        y
    ) + reg * w


# --- multiclass losses, W (C, D) and X (D, N), penalty reg * ||W||^2 ---


def _svm_columns(W, X, y, reg):
    n = X.shape[1]
    scores = W @ X
    margins = np.maximum(0, scores - scores[y, np.arange(n)] + 1)
    margins[y, np.arange(n)] = 0
    return (margins > 0).astype(float), margins.sum() / n + reg * np.sum(W**2)


def _count(D, y):
    D = D.copy()
    D[y, np.arange(len(y))] = -D.sum(axis=0)
    return D


def svm_columns_true_class_missing(W, X, y, reg):
    D, loss = _svm_columns(W, X, y, reg)
    return loss, D @ X.T / len(y) + 2 * reg * W


def svm_columns_true_class_once(W, X, y, reg):
    D, loss = _svm_columns(W, X, y, reg)
    D[y, np.arange(len(y))] = -1.0 * (D.sum(axis=0) > 0)
    return loss, D @ X.T / len(y) + 2 * reg * W


def svm_columns_true_class_counted(W, X, y, reg):
    D, loss = _svm_columns(W, X, y, reg)
    D = _count(D, y)
    D[y, np.arange(len(y))] += 1
    return loss, D @ X.T / len(y) + 2 * reg * W


def svm_columns_only_true_class(W, X, y, reg):
    D, loss = _svm_columns(W, X, y, reg)
    dW = np.zeros(W.shape)
    for i in range(len(y)):
        dW[y[i]] -= D[:, i].sum() * X[:, i]
    return loss, dW / len(y) + 2 * reg * W


def svm_columns_four_penalties(W, X, y, reg):
    D, loss = _svm_columns(W, X, y, reg)
    return loss, _count(D, y) @ X.T / len(y) + 4 * reg * W


def svm_columns_half_penalty(W, X, y, reg):
    D, loss = _svm_columns(W, X, y, reg)
    return loss, _count(D, y) @ X.T / len(y) + reg * W


def svm_columns_minus_penalty(W, X, y, reg):
    D, loss = _svm_columns(W, X, y, reg)
    return loss, _count(D, y) @ X.T / len(y) - 2 * reg * W


def svm_columns_extra_penalty(W, X, y, reg):
    D, loss = _svm_columns(W, X, y, 0.0)
    return loss, _count(D, y) @ X.T / len(y) + 2 * reg * W


def svm_columns_penalty_times_n(W, X, y, reg):
    D, loss = _svm_columns(W, X, y, reg)
    return loss, _count(D, y) @ X.T / len(y) + 2 * reg * len(y) * W


def svm_columns_squared_penalty(W, X, y, reg):
    D, loss = _svm_columns(W, X, y, reg)
    return loss, _count(D, y) @ X.T / len(y) + reg * W**2


def _softmax_rows(W, X, y, reg):
    scores = X @ W
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return scores, np.exp(log_p), np.eye(W.shape[1])[y], -log_p[np.arange(len(y)), y].mean() + reg * np.sum(W**2)


def softmax_loop_onehot_alone(W, X, y, reg):
    *_, loss = _softmax_rows(W, X, y, reg)
    dW = np.zeros(W.shape)
    for i in range(len(y)):
        dW[:, y[i]] -= X[i]
    return loss, dW / len(y) + 2 * reg * W


def softmax_scores_for_probabilities(W, X, y, reg):
    scores, _, onehot, loss = _softmax_rows(W, X, y, reg)
    return loss, X.T @ (scores - onehot) / len(y) + 2 * reg * W


def softmax_loop_true_class_only(W, X, y, reg):
    _, p, _, loss = _softmax_rows(W, X, y, reg)
    dW = np.zeros(W.shape)
    for i in range(len(y)):
        dW[:, y[i]] += (p[i, y[i]] - 1) * X[i]
    return loss, dW / len(y) + 2 * reg * W


def softmax_penalty_times_n(W, X, y, reg):
    _, p, onehot, loss = _softmax_rows(W, X, y, reg)
    return loss, X.T @ (p - onehot) / len(y) + 2 * reg * W * len(y)


def softmax_flat_gradient(W, X, y, reg):
    _, p, onehot, loss = _softmax_rows(W, X, y, reg)
    return loss, (X.T @ (p - onehot) / len(y) + 2 * reg * W).ravel()


def softmax_log_of_zero(W, X, y, reg):
    _, p, onehot, loss = _softmax_rows(W, X, y, reg)
    return np.log(np.zeros(1))[0] + loss, X.T @ (p - onehot) / len(y) + 2 * reg * W


# --- batches ---


def mean_forward(input, target):
    return np.mean((input - target) ** 2)


def mse_per_sample_backward(input, target):
    return 2 * (input - target) / len(input)


def mse_no_outputs_backward(input, target):
    gradient = np.empty(input.shape)
    for i in range(len(input)):
        gradient[i] = 2 * (input[i] - target[i]) / len(input)
    return gradient


def mse_squares_backward(input, target):
    difference = input - target
    return difference * difference / difference.size


def mse_absolute_backward(input, target):
    return np.where(input > target, 1, -1) / input.size


def mse_square_roots_backward(input, target):
    return np.sqrt(-1 - (input - target) ** 2)


mse_per_sample_forward = mse_no_outputs_forward = mse_squares_forward = mean_forward
mse_absolute_forward = mse_square_roots_forward = mean_forward


class CrossEntropy:
    def forward(self, input, target):
        e = np.exp(input - input.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return -np.sum(target * np.log(np.maximum(self.p, 1e-300))) / len(input)


class OnProbabilities(CrossEntropy):
    def backward(self, input, target):
        return -target / np.maximum(self.p, 1e-300) / len(input)


class SoftmaxDerivative(CrossEntropy):
    def backward(self, input, target):
        return self.p * (1 - self.p) / len(input)


class OnceTooOften(CrossEntropy):
    def backward(self, input, target):
        return (self.p - target) * self.p * (1 - self.p) / len(input)


class OnceTooOftenSummed(CrossEntropy):
    def backward(self, input, target):
        return (self.p - target) * self.p * (1 - self.p)


class Flat(CrossEntropy):
    def backward(self, input, target):
        return ((self.p - target) / len(input)).reshape(-1)


class Logarithms:
    def forward(self, input, target):
        return np.log(-np.abs(input) - 1).sum()

    def backward(self, input, target):
        return 1 / input


# --- dense layers ---


def dense_bias_grad_input(x_input, grad_output, W, b):
    return (grad_output + b) @ W.T


def dense_product_grad_input(x_input, grad_output, W, b):
    return x_input * W.sum(axis=1)


def dense_product_grad_W(x_input, grad_output, W, b):
    return np.tile(grad_output.sum(axis=0), (W.shape[0], 1))


def dense_output_grad_input(x_input, grad_output, W, b):
    return np.dot(x_input, W) + b


def dense_output_of_layer_grad_input(x_input, grad_output, W, b):
    return np.array([row @ W + b for row in x_input])


def dense_whole_grad_b(x_input, grad_output, W, b):
    return grad_output.copy()


def dense_times_bias_grad_b(x_input, grad_output, W, b):
    return grad_output.sum(axis=0) * b


def large_constant(w):
    return 1e16 + np.sum(w), np.zeros_like(w)


EXPECTED = {
    "SumTimesPrediction": "summed-times-predictions",
    "by_predictions_grad_input": "prediction-for-target",
    "extra_predictions_grad_input": "extra-prediction",
    "unwritten_grad_input": "zero",
    "squared_hinge_without_slack": "missing-chain-factor",
    "squared_hinge_grad_input": "missing-chain-factor",
    "logistic_plus_inside": "wrong-sigmoid",
    "logistic_no_target_inside": "wrong-sigmoid",
    "svm_columns_true_class_missing": "true-class-missing",
    "svm_columns_true_class_once": "true-class-set-once",
    "svm_columns_true_class_counted": "true-class-counted",
    "svm_columns_only_true_class": "wrong-classes-missing",
    "svm_columns_four_penalties": "penalty-doubled",
    "svm_columns_half_penalty": "penalty-halved",
    "svm_columns_minus_penalty": "penalty-sign",
    "svm_columns_extra_penalty": "penalty-extra",
    "svm_columns_penalty_times_n": "penalty-not-averaged",
    "svm_columns_squared_penalty": "penalty-formula",
    "softmax_loop_onehot_alone": "missing-softmax",
    "softmax_scores_for_probabilities": "not-normalised",
    "softmax_loop_true_class_only": "true-class-only",
    "softmax_penalty_times_n": "penalty-not-averaged",
    "softmax_flat_gradient": "shape",
    "softmax_log_of_zero": "value-not-finite",
    "mse_per_sample_backward": "not-divided-by-classes",
    "mse_no_outputs_backward": "not-divided-by-classes",
    "mse_squares_backward": "value-for-gradient",
    "mse_absolute_backward": "sign-for-difference",
    "mse_square_roots_backward": "overflow",
    "OnProbabilities": "log-derivative",
    "SoftmaxDerivative": "softmax-derivative",
    "OnceTooOften": "extra-factor",
    "OnceTooOftenSummed": "extra-factor+not-averaged",
    "Flat": "shape",
    "Logarithms": "value-not-finite",
    "dense_bias_grad_input": "extra-bias",
    "dense_product_grad_input": "wrong-product",
    "dense_product_grad_W": "wrong-product",
    "dense_output_grad_input": "forward-for-gradient",
    "dense_output_of_layer_grad_input": "forward-for-gradient",
    "dense_whole_grad_b": "not-summed",
    "dense_times_bias_grad_b": "extra-bias",
    "large_constant": "unclear",
}
