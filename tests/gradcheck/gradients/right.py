"""Right functions of every kind, which must pass: kinks, tiny and huge gradients, float32, both layouts, both penalties."""

import numpy as np
from scipy.special import expit, logsumexp


def hinge_forward(pred, true):
    return np.mean(np.maximum(0, 1 - pred * true))


def hinge_grad_input(pred, true):
    return np.where(pred * true < 1, -true, 0) / len(pred)


def other_hinge_forward(pred, true):
    return np.maximum(0, 1 - pred * true).mean()


def other_hinge_grad_input(pred, true):
    """Another subgradient at the kink: -true instead of 0."""
    return np.where(pred * true <= 1, -true, 0) / len(pred)


def half_hinge_forward(pred, true):
    return np.maximum(0, 1 - pred * true).mean()


def half_hinge_grad_input(pred, true):
    """At the kink, the mean of the one-sided slopes."""
    return -true * np.where(pred * true < 1, 1.0, np.where(pred * true == 1, 0.5, 0.0)) / len(pred)


def hinge_alone_grad_input(target_pred, target_true):
    """Has no forward function, so that of linclf.textbook is used."""
    return (-target_true * (target_pred * target_true < 1)) / target_true.size


def summed_hinge_loss_value_forward(pred, true):
    return np.logaddexp(0, -pred * true).mean()


def summed_hinge_loss_value_grad_input(pred, true):
    """Named hinge, but computes the logistic loss and its right gradient."""
    return -true * expit(-pred * true) / len(pred)


def softplus_forward(pred, true):
    return float(np.sum(np.logaddexp(0, -pred * true)) * 1e-12)


def softplus_grad_input(pred, true):
    """Tiny gradients."""
    return -true * expit(-pred * true) * 1e-12


def huge_forward(pred, true):
    return float(np.sum(np.logaddexp(0, -pred * true)) * 1e12)


def huge_grad_input(pred, true):
    return -true * expit(-pred * true) * 1e12


def svm_rows(W, X, y, reg):
    n, scores = len(y), X @ W
    margins = np.maximum(0, scores - scores[np.arange(n), y][:, None] + 1)
    margins[np.arange(n), y] = 0
    D = (margins > 0).astype(float)
    D[np.arange(n), y] = -D.sum(axis=1)
    return margins.sum() / n + reg / 2 * np.sum(W**2), X.T @ D / n + reg * W


def svm_whole_penalty(W, X, y, reg):
    loss, dW = svm_rows(W, X, y, 0.0)
    return loss + reg * np.sum(W * W), dW + 2 * reg * W


def svm_columns(W, X, y, reg):
    loss, dW = svm_rows(W.T, X.T, y, reg)
    return loss, dW.T


def svm_closed_threshold(W, X, y, reg):
    """Uses >= instead of linclf's >: another valid subgradient at kinks."""
    n, scores = len(y), X @ W
    margins = scores - scores[np.arange(n), y][:, None] + 1
    D = (margins >= 0).astype(float)
    D[np.arange(n), y] = 0
    D[np.arange(n), y] = -D.sum(axis=1)
    margins[np.arange(n), y] = 0
    return np.maximum(0, margins).sum() / n + reg / 2 * np.sum(W**2), X.T @ D / n + reg * W


def svm_float32(W, X, y, reg):
    W, X = W.astype(np.float32), X.astype(np.float32)
    loss, dW = svm_rows(W, X, y, np.float32(reg))
    return np.float32(loss), dW.astype(np.float32)


def softmax_rows(W, X, y, reg):
    scores = X @ W
    log_p = scores - logsumexp(scores, axis=1, keepdims=True)
    D = np.exp(log_p)
    D[np.arange(len(y)), y] -= 1
    return -log_p[np.arange(len(y)), y].mean() + reg / 2 * np.sum(W**2), X.T @ D / len(y) + reg * W


def softmax_columns(W, X, y, reg):
    loss, dW = softmax_rows(W.T, X.T, y, reg)
    return loss, dW.T


def softmax_float32(W, X, y, reg):
    W, X = W.astype(np.float32), X.astype(np.float32)
    scores = X @ W
    scores = scores - scores.max(axis=1, keepdims=True)
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    D = np.exp(log_p)
    D[np.arange(len(y)), y] -= 1
    loss = -log_p[np.arange(len(y)), y].mean() + np.float32(reg / 2) * np.sum(W**2)
    return loss, X.T @ D / np.float32(len(y)) + np.float32(reg) * W


def softmax_of_a_course(W, X, y, reg=1e-3):
    """Takes the log of a probability, which is 0 at large scores: the value is infinite there, the gradient is finite."""
    scores = X @ W
    scores -= scores.max(axis=1, keepdims=True)
    e = np.exp(scores)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(y)), y]).mean() + 0.5 * reg * np.sum(W**2)
    p[np.arange(len(y)), y] -= 1
    return loss, X.T @ p / len(y) + reg * W


def softmax_guarded(W, X, y, lam):
    """Adds a small constant so that the log is finite."""
    e = np.exp(X @ W - (X @ W).max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(len(y)), y] + 1e-8)) + lam * np.sum(W * W)
    return loss, X.T @ (p - np.eye(W.shape[1])[y]) / len(y) + 2 * lam * W


_BUFFER = {}


def svm_buffer(W, X, y, reg):
    """Returns the same array from every call."""
    out = _BUFFER.setdefault(W.shape, np.empty(W.shape))
    loss, out[:] = svm_rows(W, X, y, reg)
    return loss, out


class Hinge:
    def forward(self, pred, true):
        self.active = pred * true < 1
        return np.maximum(0, 1 - pred * true).mean()

    def backward(self, pred, true):
        return -true * self.active / true.size


class BinaryCrossEntropy:
    """On probabilities: NaN outside (0, 1)."""

    def forward(self, input, target):
        return -np.sum(target * np.log(input) + (1 - target) * np.log(1 - input)) / len(input)

    def backward(self, input, target):
        return (input - target) / (input * (1 - input)) / len(input)


def softmax_elastic(W, X, y, reg):
    """An elastic net penalty."""
    loss, dW = softmax_rows(W, X, y, 0.0)
    return loss + reg * (np.abs(W).sum() + np.sum(W**2)), dW + reg * (np.sign(W) + 2 * W)


def softmax_scaled(W, X, y, reg):
    loss, dW = softmax_rows(W, X, y, reg)
    return 1e-10 * loss, 1e-10 * dW


def saturated(w):
    """Constant to the last digit almost everywhere: its slopes are tiny there, and rounding hides them."""
    k = 1.5 + np.arange(w.size).reshape(w.shape)
    return (k * np.tanh(50 * w)).sum(), 50 * k * (1 - np.tanh(50 * w) ** 2)


class PlainLogarithm:
    """Computes 0 * log(0) at large scores: the value is NaN there, the gradient is right."""

    def _softmax(self, s):
        e = np.exp(s - s.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def forward(self, input, target):
        return -(target * np.log(self._softmax(input))).sum() / len(input)

    def backward(self, input, target):
        return (self._softmax(input) - target) / len(input)


def half_precision(w):
    v = w.astype(np.float16)
    return np.float16((v * v).sum()), 2 * v


def log_barrier(w):
    return -np.log(w).sum(), -1 / w


def two_variables(w):
    x, z = w
    return (1 - x) ** 2 + 100 * (z - x**2) ** 2, np.array([-2 * (1 - x) - 400 * x * (z - x**2), 200 * (z - x**2)])


def softmax_three(W, X, y):
    """Without a penalty."""
    return softmax_rows(W, X, y, 0.0)


def crammer_singer(W, X, y, reg):
    rows, scores = np.arange(len(y)), X @ W
    rivals = scores + 1
    rivals[rows, y] = scores[rows, y]
    worst = rivals.argmax(axis=1)
    D = np.zeros_like(scores)
    np.add.at(D, (rows, worst), 1)
    np.add.at(D, (rows, y), -1)
    return (rivals[rows, worst] - scores[rows, y]).mean() + reg / 2 * np.sum(W**2), X.T @ D / len(y) + reg * W


def logistic_vector(w, X, y, reg):
    """w (D,), targets +-1."""
    margins = y * (X @ w)
    return np.logaddexp(0, -margins).mean() + reg / 2 * w @ w, X.T @ (-y * expit(-margins)) / len(y) + reg * w


def hinge_vector(w, X, y, reg):
    margins = y * (X @ w)
    return np.maximum(0, 1 - margins).mean() + reg / 2 * w @ w, X.T @ (-y * (margins < 1)) / len(y) + reg * w


def focal(W, X, y, reg):
    """A loss that linclf does not know."""
    scores = X @ W
    log_p = scores - logsumexp(scores, axis=1, keepdims=True)
    rows = np.arange(len(y))
    log_t = log_p[rows, y]
    t = np.exp(log_t)
    slope = 2 * (1 - t) * t * log_t - (1 - t) ** 2  # d/d log_t of -(1 - t)^2 log_t
    D = slope[:, None] * (np.eye(W.shape[1])[y] - np.exp(log_p))
    return np.mean(-((1 - t) ** 2) * log_t) + reg * np.abs(W).sum(), X.T @ D / len(y) + reg * np.sign(W)


class MSE:
    def forward(self, input, target):
        self.input, self.target = input, target
        return np.mean((input - target) ** 2)

    def backward(self, input, target):
        return 2 * (self.input - self.target) / self.input.size


def cross_entropy_forward(input, target):
    return -np.sum(target * (input - logsumexp(input, axis=1, keepdims=True))) / len(input)


def cross_entropy_backward(input, target):
    return (np.exp(input - logsumexp(input, axis=1, keepdims=True)) - target) / len(input)


def half_squared_forward(input, target):
    return 0.5 * np.sum((input - target) ** 2) / len(input)


def half_squared_backward(input, target):
    return (input - target) / len(input)


def dense_grad_input(x_input, grad_output, W, b):
    return grad_output @ W.T


def dense_grad_W(x_input, grad_output, W, b):
    return np.einsum("ni,no->io", x_input, grad_output)


def dense_grad_b(x_input, grad_output, W, b):
    return np.ones(len(x_input)) @ grad_output


def absolute(w):
    return np.abs(w).sum(), np.sign(w)


def rosenbrock(w):
    gradient = np.zeros_like(w)
    gradient[:-1] = -400 * w[:-1] * (w[1:] - w[:-1] ** 2) - 2 * (1 - w[:-1])
    gradient[1:] += 200 * (w[1:] - w[:-1] ** 2)
    return np.sum(100 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2), gradient


def offset(w):
    """1e6 plus a quadratic: the constant hides only a few digits."""
    return 1e6 + np.sum(w**2), 2 * w


def mixed_scales(w):
    s = 10.0 ** -np.arange(w.size).reshape(w.shape)
    return np.sum(s * np.sin(w)), s * np.cos(w)


def steep(w):
    return np.sum(np.exp(5 * w)), 5 * np.exp(5 * w)


FUNCTIONS = [
    name
    for name, function in list(globals().items())
    if callable(function) and getattr(function, "__module__", None) == __name__ and not name.endswith("_forward")
]
