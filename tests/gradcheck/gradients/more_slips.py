"""More wrong functions, in other forms: the mistakes that are made there."""

import numpy as np


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _softmax(scores, y):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    loss = -np.log(p[rows, y]).mean()
    p[rows, y] -= 1
    return loss, p / len(y)


def _svm(scores, y):
    rows = np.arange(len(y))
    m = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    m[rows, y] = 0
    d = (m > 0).astype(float)
    d[rows, y] = -d.sum(axis=1)
    return m.sum() / len(y), d / len(y)


# --- the penalty and the intercept ----------------------------------------------------------------------------------------------------


def ridge_intercept_not_shrunk(theta, X, y, l):
    e = X @ theta - y
    value = e @ e / (2 * len(y)) + l / (2 * len(y)) * theta @ theta
    return value, X.T @ e / len(y) + l / len(y) * np.r_[0.0, theta[1:]]


def ridge_cost_without_intercept(theta, X, y, l):
    e = X @ theta - y
    value = e @ e / (2 * len(y)) + l / (2 * len(y)) * theta[1:] @ theta[1:]
    return value, X.T @ e / len(y) + l / len(y) * theta


def softmax_penalty_without_last_row(W, X, y, reg):
    loss, d = _softmax(X @ W, y)
    dW = X.T @ d
    dW[:-1] += reg * W[:-1]
    return loss + reg / 2 * np.sum(W * W), dW


def softmax_data_overwritten(W, X, y, reg):
    loss, d = _softmax(X @ W, y)
    dW = X.T @ d
    dW = 2 * reg * W
    return loss + reg * np.sum(W * W), dW


def svm_data_overwritten(W, X, y, reg):
    loss, d = _svm(X @ W.T, y)
    dW = d.T @ X
    dW = reg * W
    return loss + reg / 2 * np.sum(W * W), dW


def svm_data_doubled(W, X, y, reg):
    loss, d = _svm(X @ W, y)
    dW = X.T @ d
    dW = dW + dW
    return loss + reg * np.sum(W * W), dW + 2 * reg * W


def summed_logistic_penalty_forgotten(w, X, y, lam):
    z = y * (X @ w)
    return np.sum(np.logaddexp(0, -z)) + lam / 2 * w @ w, -X.T @ (y / (1 + np.exp(z)))


def fixed_penalty_forgotten(w, X, y):
    p = _sigmoid(X @ w)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.05 * w @ w, X.T @ (p - y) / len(y)


# --- C ---------------------------------------------------------------------------------------------------------------------------------


def svm_objective(w, X, y, C):
    return C * np.sum(np.maximum(0, 1 - y * (X @ w))) / len(y) + 0.5 * w @ w


def svm_c_mask_inverted(w, X, y, C):
    return svm_objective(w, X, y, C), -C * X.T @ (y * (y * (X @ w) > 1)) / len(y) + w


def svm_c_mask_at_zero(w, X, y, C):
    return svm_objective(w, X, y, C), -C * X.T @ (y * (y * (X @ w) < 0)) / len(y) + w


def svm_c_without_a_mask(w, X, y, C):
    return svm_objective(w, X, y, C), -C * X.T @ y / len(y) + w


def svm_c_without_labels(w, X, y, C):
    return svm_objective(w, X, y, C), -C * X.T @ (y * (X @ w) < 1) / len(y) + w


def svm_c_without_weights(w, X, y, C):
    return svm_objective(w, X, y, C), -C * X.T @ (y * (y * (X @ w) < 1)) / len(y)


# --- in the shape of the scores --------------------------------------------------------------------------------------------------------


def svm_by_the_scores(W, X, y):
    return _svm(X @ W, y)


def softmax_by_the_scores(W, X, y, reg):
    loss, d = _softmax(X @ W.T, y)
    return loss + reg * np.sum(W * W), d


def cross_entropy_p_minus_t(probs, one_hot):
    return -np.sum(one_hot * np.log(probs)) / len(probs), (probs - one_hot) / len(probs)


def binary_cross_entropy_p_minus_t(y_pred, y_true):
    return -np.mean(y_true * np.log(y_pred) + (1 - y_true) * np.log(1 - y_pred)), (y_pred - y_true) / y_true.size


def cross_entropy_without_targets(probs, one_hot):
    return -np.sum(one_hot * np.log(probs)) / len(probs), -1 / probs / len(probs)


def cross_entropy_without_probabilities(probs, one_hot):
    return -np.sum(one_hot * np.log(probs)) / len(probs), -one_hot / len(probs)


def binary_cross_entropy_first_term(y_pred, y_true):
    return -np.mean(y_true * np.log(y_pred) + (1 - y_true) * np.log(1 - y_pred)), -y_true / y_pred / y_true.size


def binary_cross_entropy_second_term(y_pred, y_true):
    gradient = (1 - y_true) / (1 - y_pred) / y_true.size
    return -np.mean(y_true * np.log(y_pred) + (1 - y_true) * np.log(1 - y_pred)), gradient


def binary_cross_entropy_sign(y_pred, y_true):
    gradient = -(y_true / y_pred + (1 - y_true) / (1 - y_pred)) / y_true.size
    return -np.mean(y_true * np.log(y_pred) + (1 - y_true) * np.log(1 - y_pred)), gradient


def summed_binary_cross_entropy_sign(y_pred, y_true):
    gradient = -(y_true / y_pred + (1 - y_true) / (1 - y_pred))
    return -np.sum(y_true * np.log(y_pred) + (1 - y_true) * np.log(1 - y_pred)), gradient


# --- in other layouts ------------------------------------------------------------------------------------------------------------------


def svm_not_averaged_in_another_layout(W, X, y, lam):
    loss, d = _svm(X @ W.T, y)
    dW = len(y) * d.T @ X
    dW[:, :-1] += lam * W[:, :-1]
    return loss + lam / 2 * np.sum(W[:, :-1] ** 2), dW


def ridge_of_columns_without_the_two(w, x_tr, y_tr, lambdaa):
    r = w.T @ x_tr - y_tr
    return np.sum(r**2) + lambdaa * np.sum(w**2), x_tr @ r.T + 2 * lambdaa * w


def multinomial_sign(W, X, Y, alpha):
    loss, d = _softmax(X @ W.T, Y.argmax(axis=1))
    return loss * len(X) + 0.5 * alpha * np.sum(W**2), -len(X) * d.T @ X + alpha * W


def bias_not_averaged(w, b, X, y):
    p = _sigmoid(X @ w + b)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)), X.T @ (p - y) / len(y), np.sum(p - y)


def sigmoid_missing(y, tx, w):
    z = tx @ w
    return np.sum(np.logaddexp(0, z) - y * z), tx.T @ (z - y)


def svm_true_class_assigned(W, X, y, reg):
    loss, dW = 0.0, np.zeros(W.shape)
    for i in range(len(X)):
        scores = X[i] @ W
        violated = scores - scores[y[i]] + 1 > 0
        for j in range(W.shape[1]):
            if j == y[i]:
                dW[:, j] = -(violated.sum() - 1) * X[i]
            else:
                dW[:, j] += violated[j] * X[i]
                loss += max(0, scores[j] - scores[y[i]] + 1)
    return loss / len(X) + reg / 2 * np.sum(W * W), dW / len(X) + reg * W


def softmax_loss_normalised_over_samples(scores, y):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=0, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]).mean(), _softmax(scores, y)[1]


def svm_loss_of_whole_rows(W, X, y, reg):
    scores = X @ W
    margins = np.maximum(0, scores - scores[y] + 1)
    margins[np.arange(len(y)), y] = 0
    return margins.sum() / len(y) + reg * np.sum(W * W), X.T @ _svm(scores, y)[1] + 2 * reg * W


def svm_loss_with_the_true_class(W, X, y, lam):
    scores = X @ W
    margins = np.maximum(0, scores - scores[np.arange(len(y)), y][:, None] + 1)
    loss, d = _svm(scores, y)
    dW = X.T @ d
    dW[:-1] += lam * W[:-1]
    return margins.sum() / len(y) + lam / 2 * np.sum(W[:-1] ** 2), dW


def huber_slope_without_delta(pred, target, delta=1.0):
    e = pred - target
    value = np.mean(np.where(np.abs(e) <= delta, e**2 / 2, delta * (np.abs(e) - delta / 2)))
    return value, np.where(np.abs(e) <= delta, e, np.sign(e)) / e.size


# --- what a narrower form, a constant or a default would hide ------------------------------------------------------------------------


def huber_without_a_clip(pred, target):
    e = np.abs(pred - target)
    return np.mean(np.where(e <= 1, e**2 / 2, e - 0.5)), (pred - target) / e.size


def squared_error_without_x(w, X, y):
    e = np.dot(X, w) - y
    return np.dot(e, e) / 2, np.sum(np.dot(X.T, e))


def penalty_times_the_samples(w, X, y, lam):
    z = y * (X @ w)
    return (
        np.mean(np.logaddexp(0, -z)) + lam / 2 * len(X) * w @ w,
        -X.T @ (y / (1 + np.exp(z))) / len(X) + lam / len(X) * w,
    )


def margin_ignored(W, X, y, delta):
    scores, rows = X @ W, np.arange(len(y))
    m = np.maximum(0, scores - scores[rows, y][:, None] + delta)
    m[rows, y] = 0
    return m.sum() / len(y), X.T @ _svm(scores, y)[1]


def default_margin_ignored(W, X, y, margin=1):
    scores, rows = X @ W, np.arange(len(y))
    m = np.maximum(0, scores - scores[rows, y][:, None] + margin)
    m[rows, y] = 0
    return m.sum() / len(y), X.T @ _svm(scores, y)[1]


def sample_weights_ignored(w, X, y, sample_weight):
    z = y * (X @ w)
    return np.sum(sample_weight * np.logaddexp(0, -z)), -X.T @ (y / (1 + np.exp(z)))


def bias_summed_over_classes(W, b, X, y):
    loss, d = _softmax(X @ W + b, y)
    return loss, X.T @ d, d.sum()


def gradient_of_a_part(W, X, y, reg):
    loss, d = _svm(X @ W, y)
    return loss + reg * np.sum(W * W), loss, X.T @ d


def svm_strength_ignored(W, X, y, reg):
    loss, d = _svm(X @ W, y)
    return loss + 0.5 * np.sum(W * W), X.T @ d + W


def l2_regularization_halved(W, reg):
    return reg * np.sum(W * W), reg * W


def logistic_saturating_early(w, X, y):
    z = y * (X @ w)
    return np.mean(np.logaddexp(0, -z)), -X.T @ (y * np.where(z > 6, 0, 1 / (1 + np.exp(z)))) / len(y)


class DefaultOfAConstructorIgnored:
    def __init__(self, delta=1.0):
        self.delta = delta

    def loss(self, w, X, y):
        m = y * (X @ w)
        return np.mean(np.maximum(0, self.delta - m)), -X.T @ (y * (m < 1)) / len(y)


class ProductOfTwo:
    def forward(self, x, y):
        self.x, self.y = x, y
        return x * y

    def backward(self, dout):
        return dout * self.y, dout * self.y


class WeightsInAList:
    def __init__(self, W, b):
        self.params, self.grads = [W, b], [np.zeros_like(W), np.zeros_like(b)]

    def forward(self, x):
        self.x = x
        return x @ self.params[0] + self.params[1]

    def backward(self, dout):
        self.grads[0][...] = self.x.T @ dout / len(dout)
        self.grads[1][...] = dout.sum(axis=0)
        return dout @ self.params[0].T


# --- layers ----------------------------------------------------------------------------------------------------------------------------


class ReluWithoutDout:
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0)

    def backward(self, dout):
        return (self.x > 0).astype(float)


class ReluWithoutAMask(ReluWithoutDout):
    def backward(self, dout):
        return dout


class ReluMaskOfDout(ReluWithoutDout):
    def backward(self, dout):
        return dout * (dout > 0)


class ReluMaskInverted(ReluWithoutDout):
    def backward(self, dout):
        return dout * (self.x < 0)


class ReluTimesTheOutput(ReluWithoutDout):
    def backward(self, dout):
        return dout * np.maximum(self.x, 0)


class SigmoidTimesTheOutput:
    def forward(self, x):
        self.out = _sigmoid(x)
        return self.out

    def backward(self, dout):
        return dout * self.out


class SigmoidWithoutDout(SigmoidTimesTheOutput):
    def backward(self, dout):
        return self.out * (1 - self.out)


class SoftmaxDiagonal:
    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.out = e / e.sum(axis=1, keepdims=True)
        return self.out

    def backward(self, dout):
        return dout * self.out * (1 - self.out)


class SoftmaxDiagonalWithDefault(SoftmaxDiagonal):
    def backward(self, dout=None):
        return dout * self.out * (1 - self.out)


class TanhOfTheInput:
    def forward(self, x):
        self.x = x
        return np.tanh(x)

    def backward(self, dout):
        return dout * (1 - self.x**2)


class TanhWithoutTheDerivative(TanhOfTheInput):
    def backward(self, dout):
        return dout


class DenseWithAWrongBias:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.mean(axis=0)
        return dout @ self.W.T


def template(W, X, y, reg):
    pass


EXPECTED = {
    "ridge_intercept_not_shrunk": "penalty-of-intercept",
    "ridge_cost_without_intercept": "penalty-of-intercept",
    "softmax_penalty_without_last_row": "penalty-of-intercept",
    "softmax_data_overwritten": "data-missing",
    "svm_data_overwritten": "data-missing",
    "svm_data_doubled": "factor",
    "summed_logistic_penalty_forgotten": "penalty-missing",
    "fixed_penalty_forgotten": "penalty-missing",
    "svm_c_mask_inverted": "wrong-threshold",
    "svm_c_mask_at_zero": "wrong-threshold",
    "svm_c_without_a_mask": "missing-indicator",
    "svm_c_without_labels": "missing-target",
    "svm_c_without_weights": "penalty-missing",
    "svm_by_the_scores": "by-scores",
    "softmax_by_the_scores": "by-scores",
    "cross_entropy_p_minus_t": "by-scores",
    "binary_cross_entropy_p_minus_t": "by-scores",
    "cross_entropy_without_targets": "wrong-formula",
    "cross_entropy_without_probabilities": "wrong-formula",
    "binary_cross_entropy_first_term": "missing-term",
    "binary_cross_entropy_second_term": "missing-term",
    "binary_cross_entropy_sign": "wrong-sign",
    "summed_binary_cross_entropy_sign": "wrong-sign",
    "svm_not_averaged_in_another_layout": "not-averaged",
    "ridge_of_columns_without_the_two": "factor",
    "multinomial_sign": "data-sign",
    "bias_not_averaged": "not-averaged",
    "sigmoid_missing": "missing-sigmoid",
    "svm_true_class_assigned": "assigned-in-loop",
    "softmax_loss_normalised_over_samples": "value",
    "svm_loss_of_whole_rows": "value",
    "svm_loss_with_the_true_class": "value",
    "huber_slope_without_delta": "",
    "huber_without_a_clip": "",
    "squared_error_without_x": "summed",
    "penalty_times_the_samples": "",
    "margin_ignored": "",
    "default_margin_ignored": "",
    "sample_weights_ignored": "",
    "bias_summed_over_classes": "shape",
    "gradient_of_a_part": "penalty-missing",
    "svm_strength_ignored": "value",
    "l2_regularization_halved": "factor",
    "logistic_saturating_early": "",
    "DefaultOfAConstructorIgnored": "wrong-threshold",
    "ProductOfTwo": "output-for-derivative",
    "WeightsInAList": "averaged-too-often",
    "ReluWithoutDout": "grad-output-missing",
    "ReluWithoutAMask": "missing-derivative",
    "ReluMaskOfDout": "wrong-threshold",
    "ReluMaskInverted": "wrong-threshold",
    "ReluTimesTheOutput": "output-for-derivative",
    "SigmoidTimesTheOutput": "output-for-derivative",
    "SigmoidWithoutDout": "grad-output-missing",
    "SoftmaxDiagonal": "diagonal-only",
    "SoftmaxDiagonalWithDefault": "diagonal-only",
    "TanhOfTheInput": "output-for-derivative",
    "TanhWithoutTheDerivative": "missing-derivative",
    "DenseWithAWrongBias": "averaged-too-often",
    "template": "nothing-computed",
}
