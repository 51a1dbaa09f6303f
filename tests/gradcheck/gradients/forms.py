"""Right functions in the forms that people write, which must be recognised and pass."""

from types import SimpleNamespace

import numpy as np


def _softmax(scores, y):
    """Mean loss and its gradient by the scores."""
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = np.mean(np.log(e.sum(axis=1)) + scores.max(axis=1) - scores[np.arange(len(y)), y])
    p[np.arange(len(y)), y] -= 1
    return loss, p / len(y)


def _svm(scores, y):
    rows = np.arange(len(y))
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    d = (margins > 0).astype(float)
    d[rows, y] = -d.sum(axis=1)
    return margins.sum() / len(y), d / len(y)


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


# --- scores and labels -----------------------------------------------------------------------------------------------------


def svm_loss(x, y):
    return _svm(x, y)


def softmax_loss(x, y):
    return _softmax(x, y)


def softmax_with_cross_entropy(predictions, target_index):
    return _softmax(predictions, target_index)


def cross_entropy_of_logits(logits, labels):
    return _softmax(logits, labels)


def labels_first(y, scores):
    return _softmax(scores, y)


def labels_in_a_column(scores, y):
    assert y.shape[1] == 1
    return _softmax(scores, y[:, 0])


def one_hot_softmax(scores, targets):
    return _softmax(scores, targets.argmax(axis=1)) if targets.ndim == 2 else 1 / 0


def bits_and_logits(logits, labels):
    """Binary cross-entropy with labels 0 and 1."""
    assert set(np.unique(labels)) <= {0, 1}
    assert logits.shape == labels.shape
    return np.mean(np.logaddexp(0, logits) - labels * logits), (_sigmoid(logits) - labels) / len(labels)


def hinge_of_scores(scores, labels):
    margins = 1 - labels * scores
    return np.mean(np.maximum(0, margins)), -labels * (margins > 0) / len(labels)


# --- W, X, y in any order ----------------------------------------------------------------------------------------------------


def linear_softmax(X, W, y):
    loss, d = _softmax(X @ W, y)
    return loss, X.T @ d


def labels_in_the_middle(X, y, W):
    loss, d = _softmax(X @ W, y)
    return loss, X.T @ d


def reg_first(reg, W, X, y):
    loss, d = _svm(X @ W, y)
    return loss + reg * np.sum(W * W), X.T @ d + 2 * reg * W


def rows_first_with_reg(X, y, W, reg_strength):
    loss, d = _softmax(X @ W, y)
    return loss + reg_strength * np.sum(W * W), X.T @ d + 2 * reg_strength * W


def keyword_only_reg(W, X, y, *, reg):
    loss, d = _svm(X @ W, y)
    return loss + reg * np.sum(W * W), X.T @ d + 2 * reg * W


def reg_with_a_default(W, X, y, reg=0.1):
    loss, d = _svm(X @ W, y)
    return loss + reg * np.sum(W * W), X.T @ d + 2 * reg * W


def delta_with_a_default(W, X, y, delta=1.0):
    rows, scores = np.arange(len(y)), X @ W
    margins = np.maximum(0, scores - scores[rows, y][:, None] + delta)
    margins[rows, y] = 0
    d = (margins > 0).astype(float)
    d[rows, y] = -d.sum(axis=1)
    return margins.sum() / len(y), X.T @ d / len(y)


def weights_by_classes(W, X, y):
    """W (C, D), X (N, D), as in PyTorch."""
    loss, d = _softmax(X @ W.T, y)
    return loss, d.T @ X


def everything_turned(W, X, y, reg):
    """W (C, D), X (D, N), as in the first years of CS231n."""
    loss, d = _svm((W @ X).T, y)
    return loss + 0.5 * reg * np.sum(W * W), d.T @ X.T + reg * W


def one_hot_rows(W, X, Y):
    assert Y.shape == (len(X), W.shape[1])
    loss, d = _softmax(X @ W, Y.argmax(axis=1))
    return loss, X.T @ d


def one_hot_columns(W, X, Y):
    assert Y.shape == (len(W), X.shape[1])
    loss, d = _softmax((W @ X).T, Y.argmax(axis=0))
    return loss, d.T @ X.T


def unnamed(a, b, c):
    loss, d = _softmax(b @ a, c)
    return loss, b.T @ d


def naive_loops(W, X, y, reg):
    loss, dW = 0.0, np.zeros_like(W)
    for i in range(X.shape[0]):
        scores = X[i].dot(W)
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    return loss / len(X) + reg * np.sum(W * W), dW / len(X) + 2 * reg * W


def bias_apart(W, b, X, y):
    loss, d = _softmax(X @ W + b, y)
    return loss, X.T @ d, d.sum(axis=0)


def bias_apart_with_reg(W, b, X, y, reg):
    loss, d = _svm(X @ W + b, y)
    return loss + reg * np.sum(W * W), (X.T @ d + 2 * reg * W, d.sum(axis=0))


def bias_in_a_dictionary(w, b, X, Y):
    A = _sigmoid(w.T @ X + b)
    cost = -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    return {"dw": X @ (A - Y).T / X.shape[1], "db": np.mean(A - Y)}, cost


# --- a vector of parameters ----------------------------------------------------------------------------------------------------


def cost_of_a_vector(theta, X, y):
    h = _sigmoid(X @ theta)
    return -np.mean(y * np.log(h) + (1 - y) * np.log(1 - h)), X.T @ (h - y) / len(y)


def cost_of_a_vector_with_lambda(theta, X, y, Lambda):
    h = _sigmoid(X @ theta)
    J = -np.mean(y * np.log(h) + (1 - y) * np.log(1 - h)) + Lambda / (2 * len(y)) * np.sum(theta**2)
    return J, X.T @ (h - y) / len(y) + Lambda / len(y) * theta


def cost_of_a_column(theta, X, y):
    assert theta.shape[1] == 1
    assert y.shape[1] == 1
    h = _sigmoid(X @ theta)
    return -np.mean(y * np.log(h) + (1 - y) * np.log(1 - h)), X.T @ (h - y) / len(y)


def cost_that_is_an_array(theta, X, y):
    """The value is an array (1, 1), as a product of matrices gives it."""
    assert theta.shape[1] == 1
    h = _sigmoid(X @ theta)
    y = y.reshape(-1, 1)
    return -(y.T @ np.log(h) + (1 - y).T @ np.log(1 - h)) / len(y), X.T @ (h - y) / len(y)


def linear_regression_cost(theta, X, y):
    error = X @ theta - y
    return error @ error / (2 * len(y)), X.T @ error / len(y)


def svm_with_C(w, X, y, C):
    d = 1 - y * (X @ w)
    return 0.5 * w @ w + C * np.sum(np.maximum(0, d)), w - C * X.T @ (y * (d > 0))


def perceptron(w, X, y):
    z = y * (X @ w)
    return np.mean(np.maximum(0, -z)), -X.T @ (y * (z < 0)) / len(y)


def propagate(w, X, Y):
    """w (D, 1), X (D, N), Y (1, N)."""
    assert w.shape[1] == 1
    assert Y.shape == (1, X.shape[1])
    A = _sigmoid(w.T @ X)
    return -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A)), X @ (A - Y).T / X.shape[1]


# --- value and gradient in two functions -----------------------------------------------------------------------------------------


def cost(theta, X, y):
    h = _sigmoid(X @ theta)
    return -np.mean(y * np.log(h) + (1 - y) * np.log(1 - h))


def gradient(theta, X, y):
    return X.T @ (_sigmoid(X @ theta) - y) / len(y)


def l2_loss(pred, target):
    return np.sum((pred - target) ** 2) / (2 * len(pred))


def l2_loss_grad(pred, target):
    return (pred - target) / len(pred)


def quartic(w):
    return np.sum(w**4)


def quartic_gradient(w):
    return 4 * w**3


def grad_of_cubes(w):
    return 3 * w**2


def of_cubes(w):
    return np.sum(w**3)


def ridge_cost(W, X, y, reg):
    loss, _ = _softmax(X @ W, y)
    return loss + reg * np.sum(W * W)


def ridge_grad(W, X, y, reg):
    return X.T @ _softmax(X @ W, y)[1] + 2 * reg * W


def log_barrier(w):
    return -np.sum(np.log(w))


def log_barrier_grad(w):
    return -1 / w


def squared(y_true, y_pred):
    return np.mean((y_true - y_pred) ** 2)


def squared_prime(y_true, y_pred):
    return 2 * (y_pred - y_true) / y_true.size


def tanh(x):
    return np.tanh(x)


def tanh_prime(x):
    """The derivative of a function of each entry."""
    return 1 - np.tanh(x) ** 2


def all_parameters_in_a_vector(params, X, y):
    loss, d = _softmax(X @ params.reshape(X.shape[1], -1), y)
    return loss, (X.T @ d).ravel()


# --- penalties ---------------------------------------------------------------------------------------------------------------------


def l2_regularization(W, reg_strength):
    return reg_strength * np.sum(W**2), 2 * reg_strength * W


def weight_penalty(weights, alpha):
    return alpha * np.sum(np.abs(weights) ** 3), 3 * alpha * weights * np.abs(weights)


# --- layers ------------------------------------------------------------------------------------------------------------------------


def affine_forward(x, w, b):
    return x @ w + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, _ = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


def relu_forward(x):
    return np.maximum(0, x), x


def relu_backward(dout, cache):
    return dout * (cache > 0)


def sigmoid_forward(z):
    return _sigmoid(z)


def sigmoid_backward(dout, z):
    return dout * _sigmoid(z) * (1 - _sigmoid(z))


def scale_forward(x, gamma, beta):
    return gamma * x + beta, (x, gamma)


def scale_backward(dout, cache):
    x, gamma = cache
    return dout * gamma, (dout * x).sum(axis=0), dout.sum(axis=0)


def multiply_forward(a, w):
    return a @ w, (a, w)


def multiply_backward(dout, cache):
    a, w = cache
    return dout @ w.T, a.T @ dout


# --- classes -----------------------------------------------------------------------------------------------------------------------


class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, d_out):
        return d_out * self.mask


class Linear:
    def __init__(self, n_input, n_output):
        self.W = np.sin(np.arange(n_input * n_output)).reshape(n_input, n_output)

    def forward(self, X):
        return X @ self.W

    def backward(self, d_out):
        return d_out @ self.W.T


class SoftmaxCrossEntropy:
    """backward() without arguments remembers what forward has seen."""

    def forward(self, x, t):
        loss, self.d = _softmax(x, t)
        return loss

    def backward(self):
        return self.d


class UpstreamOfOne:
    def forward(self, scores, y):
        loss, self.d = _svm(scores, y)
        return loss

    def backward(self, dout=1):
        return dout * self.d


class LinearSVM:
    def __init__(self):
        self.W = None

    def loss(self, X, y, reg):
        loss, d = _svm(X @ self.W, y)
        return loss + reg * np.sum(self.W**2), X.T @ d + 2 * reg * self.W


class ClassifierWithReg:
    def __init__(self, reg):
        self.W, self.reg = None, reg

    def loss(self, X, y):
        loss, d = _softmax(X @ self.W, y)
        return loss + self.reg * np.sum(self.W**2), X.T @ d + 2 * self.reg * self.W


class Methods:
    def cost(self, W, X, y):
        loss, d = _softmax(X @ W, y)
        return loss, X.T @ d


methods_cost = Methods.cost

# --- what is returned --------------------------------------------------------------------------------------------------------------


def gradient_first(W, X, y):
    loss, d = _softmax(X @ W, y)
    return X.T @ d, loss


def lists(W, X, y):
    loss, d = _softmax(X @ W, y)
    return [float(loss), (X.T @ d).tolist()]


def dictionary(W, X, y, reg):
    loss, d = _svm(X @ W, y)
    return loss + reg * np.sum(W * W), {"W1": X.T @ d + 2 * reg * W}


def gradient_of_rows_too(W, X, y):
    loss, d = _softmax(X @ W, y)
    return loss, X.T @ d, d @ W.T


def tensors(W, X, y):
    """As PyTorch's tensors are: with detach, cpu and numpy."""
    loss, d = _softmax(X @ W, y)

    def tensor(a):
        return SimpleNamespace(detach=lambda: SimpleNamespace(cpu=lambda: SimpleNamespace(numpy=lambda: np.asarray(a))))

    return tensor(loss), tensor(X.T @ d)


class StaticLinear:
    @staticmethod
    def forward(x, w, b):
        return x @ w + b, (x, w, b)

    @staticmethod
    def backward(dout, cache):
        x, w, _ = cache
        return dout @ w.T, x.T @ dout, dout.sum(axis=0)


# --- one sample at a time ----------------------------------------------------------------------------------------------------------


def hinge_of_one(w, x, y):
    margin = y * np.dot(w, x)
    if margin < 1:
        return 1 - margin, -y * x
    return 0.0, np.zeros_like(w)


def hinge_of_one_with_reg(w, x, y, reg):
    margin = y * np.dot(w, x)
    return max(0, 1 - margin) + reg / 2 * w.dot(w), (-y * x if margin < 1 else 0 * x) + reg * w


def logistic_of_one(w, x, y):
    p = 1 / (1 + np.exp(-w.dot(x)))
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)), (p - y) * x


def half_squared_error_of_one(w, x, y):
    error = w.dot(x) - y
    return 0.5 * float(error) ** 2, error * x


def softmax_of_one(scores, label):
    e = np.exp(scores - np.max(scores))
    gradient = e / np.sum(e)
    loss = -np.log(gradient[label])
    gradient[label] -= 1
    return loss, gradient


def L_i(x, y, W):
    scores = W.dot(x)
    margins = np.maximum(0, scores - scores[y] + 1)
    margins[y] = 0
    d = (margins > 0).astype(float)
    d[y] = -d.sum()
    return margins.sum(), np.outer(d, x)


def point_hinge(p, t):
    return max(0, 1 - p * t)


def point_hinge_grad(p, t):
    return -t if p * t < 1 else 0


# --- sizes written into the code -------------------------------------------------------------------------------------------------


def ten_classes(W, X, y, reg):
    rows, scores = np.arange(len(X)), X @ W
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    d = np.zeros((len(X), 10))
    d[margins > 0] = 1
    d[rows, y] = -d.sum(axis=1)
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ d / len(X) + 2 * reg * W


def cifar(W, X, y):
    dW = np.zeros((3073, 10))
    loss, d = _softmax(X @ W, y)
    dW += X.T @ d
    return loss, dW


def two_classes(W, X, y):
    dW = np.zeros((X.shape[1], 2))
    loss, d = _softmax(X @ W, y)
    dW += X.T @ d
    return loss, dW


# --- arithmetic --------------------------------------------------------------------------------------------------------------------


def float32_with_a_float64_penalty(W, X, y, reg):
    loss, d = _softmax((X.astype(np.float32) @ W.astype(np.float32)), y)
    return loss + reg * np.sum(W * W), X.T @ d + 2 * reg * W


def in_float32(W, X, y):
    W, X = W.astype(np.float32), X.astype(np.float32)
    loss, d = _svm(X @ W, y)
    return np.float32(loss), X.T @ d.astype(np.float32)


def l1_penalty(W, X, y, reg):
    loss, d = _softmax(X @ W, y)
    return loss + reg * np.sum(np.abs(W)), X.T @ d + reg * np.sign(W)


def sum_over_samples(W, X, y, reg):
    loss, d = _svm(X @ W, y)
    return len(y) * loss + reg * np.sum(W * W), len(y) * X.T @ d + 2 * reg * W


def cross_entropy_of_probabilities(probs, target_index):
    """Its arguments are probabilities, which it clips."""
    p = np.clip(probs, 1e-12, 1)
    rows = np.arange(len(p))
    d = np.zeros_like(p)
    d[rows, target_index] = -1 / p[rows, target_index] / len(p)
    return -np.mean(np.log(p[rows, target_index])), d


def bce(y_pred, y_true):
    p = np.clip(y_pred, 1e-15, 1 - 1e-15)
    return -np.mean(y_true * np.log(p) + (1 - y_true) * np.log(1 - p)), (p - y_true) / (p * (1 - p)) / y_true.size


FUNCTIONS = [
    name
    for name, found in list(globals().items())
    if callable(found)
    and not name.startswith("_")
    and name
    not in (
        "SimpleNamespace",
        "tanh",
        "Methods",
        "affine_forward",
        "relu_forward",
        "scale_forward",
        "multiply_forward",
        "sigmoid_forward",
    )
]
