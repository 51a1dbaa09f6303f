"""More right functions in the forms that people write: returned in other orders, beside others, in classes, with other arguments."""

import numpy as np


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _logistic(w, b, X, y):
    """Value, and gradients by w and b, of the mean logistic loss; y is 0 or 1."""
    p = _sigmoid(X @ w + b)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)), X.T @ (p - y) / len(y), np.mean(p - y)


def _softmax(scores, y):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    loss = -np.log(p[rows, y]).mean()
    d = p.copy()
    d[rows, y] -= 1
    return loss, p, d / len(y)


def _svm(scores, y, delta=1.0):
    rows = np.arange(len(y))
    m = np.maximum(0, scores - scores[rows, y][:, None] + delta)
    m[rows, y] = 0
    d = (m > 0).astype(float)
    d[rows, y] = -d.sum(axis=1)
    return m.sum() / len(y), d / len(y)


# --- what is returned, in any order ----------------------------------------------------------------------------------------------


def weights_bias_value(w, b, X, y):
    value, dw, db = _logistic(w, b, X, y)
    return dw, db, value


def bias_weights_value(w, b, X, y):
    value, dw, db = _logistic(w, b, X, y)
    return db, dw, value


def value_bias_weights(w, b, X, y):
    value, dw, db = _logistic(w, b, X, y)
    return value, db, dw


def weights_value_bias(w, b, X, y):
    value, dw, db = _logistic(w, b, X, y)
    return dw, value, db


def all_in_a_dictionary(w, b, X, y):
    value, dw, db = _logistic(w, b, X, y)
    return {"dw": dw, "db": db, "cost": value}


def gradients_in_a_tuple(w, b, X, y):
    value, dw, db = _logistic(w, b, X, y)
    return (dw, db), value


def all_in_a_list(w, b, X, y):
    return list(_logistic(w, b, X, y))


def value_probabilities_gradient(scores, y):
    return _softmax(scores, y)


def value_predictions_gradient(scores, y):
    loss, p, d = _softmax(scores, y)
    return loss, p.argmax(axis=1), d


def propagate_columns(w, b, X, Y):
    m = X.shape[1]
    A = _sigmoid(w.T @ X + b)
    assert A.shape == Y.shape == (1, m)
    return X @ (A - Y).T / m, np.sum(A - Y) / m, -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m


def propagate_rows(w, b, X, Y):
    A = _sigmoid(X @ w.T + b)
    assert A.shape == Y.shape == (len(X), 1)
    dw = (A - Y).T @ X / len(X)
    assert w.shape == dw.shape
    return -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A)), dw, np.mean(A - Y)


# --- two functions next to each other ---------------------------------------------------------------------------------------------


def find_cost_of_fit(theta, X, y, lam):
    e = X @ theta - y
    return e @ e / (2 * len(y)) + lam / (2 * len(y)) * theta[1:] @ theta[1:]


def gradient_of_fit(theta, X, y, lam):
    kept = np.r_[0.0, theta[1:]]
    return X.T @ (X @ theta - y) / len(y) + lam / len(y) * kept


def smoothness(w):
    return np.sum(w**4)


def smoothness_der(w):
    return 4 * w**3


sines = lambda w: np.sum(np.sin(w))  # noqa: E731
grad_sines = lambda w: np.cos(w)  # noqa: E731


def each_hinge(y, a):
    return np.maximum(0, 1 - y * a)


def each_hinge_subgradient(y, a):
    return np.where(y * a < 1, -y, 0.0)


def point_perceptron(w, X, y):
    return np.maximum(0, -y * (X @ w))


def point_perceptron_gradient(w, X, y):
    return -X.T @ (y * (y * (X @ w) < 0)) / len(y)


def fitting_error(X, y, w, b):
    return np.sum((X @ w + b - y) ** 2) / (2 * len(y))


def fitting_error_gradient(X, y, w, b):
    e = X @ w + b - y
    return np.sum(e) / len(y), X.T @ e / len(y)


def compute_svm_objective(W, features, labels):
    return 0.5 * W @ W + 10 * np.mean(np.maximum(0, 1 - labels * (features @ W)))


def calculate_svm_objective_gradient(W, X_batch, y_batch):
    return W - 10 * X_batch.T @ (y_batch * (y_batch * (X_batch @ W) < 1)) / len(y_batch)


def of_other_order_loss(y, tx, w):
    return 0.5 * np.mean((y - tx @ w) ** 2)


def of_other_order_gradient(w, tx, y):
    return -tx.T @ (y - tx @ w) / len(y)


# --- values and layouts -------------------------------------------------------------------------------------------------------------


def logistic_loss_summed(y, tx, w):
    z = tx @ w
    return np.sum(np.logaddexp(0, z) - y * z), tx.T @ (_sigmoid(z) - y)


def penalized_logistic_regression(y, tx, w, lambda_):
    z = tx @ w
    return np.sum(np.logaddexp(0, z) - y * z) + lambda_ * w @ w, tx.T @ (_sigmoid(z) - y) + 2 * lambda_ * w


def logistic_with_a_small_constant(w, X, y):
    p = _sigmoid(X @ w)
    return -np.mean(y * np.log(p + 1e-5) + (1 - y) * np.log(1 - p + 1e-5)), X.T @ (p - y) / len(y)


def softmax_with_a_larger_constant(W, X, y):
    loss, p, d = _softmax(X @ W, y)
    return -np.mean(np.log(p[np.arange(len(y)), y] + 1e-3)), X.T @ d


def svm_loss_of_margin_two(W, X, y, reg, delta=2.0):
    loss, d = _svm(X @ W, y, delta)
    return loss + reg * np.sum(W * W), X.T @ d + 2 * reg * W


def svm_loss_with_its_own_penalty(W, X, y):
    loss, d = _svm(X @ W, y)
    return loss + 0.25 * np.sum(W * W), X.T @ d + 0.5 * W


def svm_loss_without_the_last_row(W, X, y, lam):
    loss, d = _svm(X @ W.T, y)
    dW = d.T @ X
    dW[:, :-1] += lam * W[:, :-1]
    return loss + lam / 2 * np.sum(W[:, :-1] ** 2), dW


def svm_loss_of_mixed_layout(W, X, y, reg):
    loss, d = _svm((W.T @ X).T, y)
    return loss + reg / 2 * np.sum(W * W), X @ d + reg * W


def softmax_penalty_over_n(W, X, y, reg):
    loss, _, d = _softmax(X @ W, y)
    return loss + reg / (2 * len(y)) * np.sum(W * W), X.T @ d + reg / len(y) * W


def mse_of_one_output(X, y, w):
    return 0.5 * np.mean((X @ w - y) ** 2), X.T @ (X @ w - y) / len(y)


def mse_of_predictions(y_true, y_pred):
    return np.mean((y_pred - y_true) ** 2), 2 * (y_pred - y_true) / len(y_true)


def hinge_of_columns(w, xTr, yTr, lambdaa):
    m = yTr * (w.T @ xTr)
    value = np.sum(np.maximum(0, 1 - m)) + lambdaa * np.sum(w * w)
    return value, -xTr @ np.where(m < 1, yTr, 0).T + 2 * lambdaa * w


def logistic_of_a_row_of_weights(w, X, y):
    s = y * (X @ w.T)
    return np.mean(np.logaddexp(0, -s)), (-(y / (1 + np.exp(s))).T @ X / len(y)).reshape(w.shape)


def vector_of_weights_and_column_of_labels(theta, X, y, l):
    column = theta.reshape(-1, 1)
    assert y.ndim == 2
    h = _sigmoid(X @ column)
    kept = np.r_[np.zeros((1, 1)), column[1:]]
    value = -(y.T @ np.log(h) + (1 - y).T @ np.log(1 - h)) / len(y) + l / (2 * len(y)) * np.sum(kept**2)
    return value, np.ravel(X.T @ (h - y) / len(y) + l / len(y) * kept)


def gradient_in_a_column(X, y, theta, l=0.0):
    e = X @ theta - y
    return e @ e / (2 * len(y)) + l / 2 * theta @ theta, (X.T @ e / len(y) + l * theta)[:, None]


def intercept_first(w, X, y):
    z = y * (X @ w[1:] + w[0])
    s = -y / (1 + np.exp(z)) / len(y)
    return np.mean(np.logaddexp(0, -z)), np.r_[s.sum(), X.T @ s]


def intercept_last(w, X, y):
    z = y * (X @ w[:-1] + w[-1])
    s = -y / (1 + np.exp(z)) / len(y)
    return np.mean(np.logaddexp(0, -z)), np.r_[X.T @ s, s.sum()]


def column_of_ones(theta, X, y):
    e = X @ theta - y
    gradient = X.T @ e / len(y)
    gradient[0] = np.sum(e) / len(y)
    return e @ e / (2 * len(y)), gradient


def classes_first_in_a_vector(theta, X, Y):
    W = theta.reshape(Y.shape[1], X.shape[1])
    loss, _, d = _softmax(X @ W.T, Y.argmax(axis=1))
    return loss, (d.T @ X).ravel()


def one_feature(x, y, w, b):
    e = w * x + b - y
    assert x.ndim == 1
    return np.mean(e**2) / 2, np.mean(e * x), np.mean(e)


# --- other arguments ----------------------------------------------------------------------------------------------------------------


def with_counts(theta, num_classes, input_size, lam, data, labels):
    W = theta.reshape(num_classes, input_size)
    loss, _, d = _softmax((W @ data).T, labels)
    return loss + lam / 2 * np.sum(W * W), (d.T @ data.T + lam * W).ravel()


def with_sample_weight(w, X, y, alpha, sample_weight):
    z = y * (X @ w)
    value = np.sum(sample_weight * np.logaddexp(0, -z)) + alpha / 2 * w @ w
    return value, -X.T @ (sample_weight * y / (1 + np.exp(z))) + alpha * w


def huber_of_delta(w, X, y, delta):
    r = X @ w - y
    value = np.sum(np.where(np.abs(r) <= delta, r * r / 2, delta * (np.abs(r) - delta / 2)))
    return value, X.T @ np.clip(r, -delta, delta)


def pinball(w, X, y, tau):
    r = y - X @ w
    return np.mean(np.maximum(tau * r, (tau - 1) * r)), -X.T @ np.where(r > 0, tau, tau - 1) / len(y)


def labels_by_default(W, X, y=None, reg=0.0):
    if y is None:
        return X @ W
    loss, d = _svm(X @ W, y)
    return loss + reg * np.sum(W * W), X.T @ d + 2 * reg * W


def on_demand(theta, X, y, return_grad=False):
    e = X @ theta - y
    value = e @ e / (2 * len(y))
    return (value, X.T @ e / len(y)) if return_grad else value


def unknown_arguments(X, y, W, b, reg, mode):
    s = X @ W + b
    return np.sum(s**2) + reg * mode, 2 * X.T @ s


def nll_prime(logits, one_hot):
    return _softmax(logits, one_hot.argmax(axis=1))[2] * len(logits)


def squared_prime(pred, target):
    return pred - target


def gaussian(x, mu):
    return 0.5 * np.sum((x - mu) ** 2)


def gaussian_gradient(x, mu):
    return mu - x


def with_a_second_strength(w, X, y, alpha, lam):
    e = X @ w - y
    return e @ e / 2 + alpha * np.abs(w).sum() + lam / 2 * w @ w, X.T @ e + alpha * np.sign(w) + lam * w


def parts_of_the_value(W, X, y, reg):
    loss, d = _svm(X @ W, y)
    penalty = reg * np.sum(W * W)
    return loss + penalty, loss, penalty, X.T @ d + 2 * reg * W


# --- probabilities ------------------------------------------------------------------------------------------------------------------


def clipped_cross_entropy(y_pred, y_true, epsilon=1e-12):
    p = np.clip(y_pred, epsilon, 1 - epsilon)
    return -np.mean(y_true * np.log(p) + (1 - y_true) * np.log(1 - p)), (p - y_true) / (p * (1 - p) * len(p))


def cross_entropy_of_rows(probs, one_hot):
    return -np.sum(one_hot * np.log(probs)) / len(probs), -one_hot / probs / len(probs)


# --- classes --------------------------------------------------------------------------------------------------------------------------


class ValueAndGrad:
    def evaluate(self, X, y, w):
        return np.mean(np.logaddexp(0, -y * (X @ w)))

    def grad(self, X, y, w):
        return -X.T @ (y / (1 + np.exp(y * (X @ w)))) / len(y)


class PenaltyOfCall:
    def __init__(self, strength):
        self.strength = strength

    def __call__(self, w):
        return self.strength * np.sum(w * w) / 2

    def gradient(self, w):
        return self.strength * w


class DataInTheConstructor:
    def __init__(self, X, y, n_iters=10):
        self.X, self.y = X, y

    def loss(self, w):
        return np.mean((self.X @ w - self.y) ** 2)

    def gradient(self, w):
        return 2 * self.X.T @ (self.X @ w - self.y) / len(self.y)


class StaticMethods:
    @staticmethod
    def fn(a, y):
        return 0.5 * np.sum((a - y) ** 2)

    @staticmethod
    def derivative(a, y):
        return a - y


class BackwardOfLabels:
    def forward(self, prediction_tensor, label_tensor):
        self.kept = prediction_tensor
        return np.sum((prediction_tensor - label_tensor) ** 2)

    def backward(self, label_tensor):
        return 2 * (self.kept - label_tensor)


class WeightIsAProperty:
    def __init__(self):
        self.params = {}

    @property
    def W(self):
        return self.params["W"]

    @W.setter
    def W(self, W):
        self.params["W"] = W

    def loss(self, X_batch, y_batch=None, reg=0.0):
        W = self.params["W"]
        loss, d = _svm(X_batch @ W, y_batch)
        return loss + reg * np.sum(W * W), X_batch.T @ d + 2 * reg * W


class WeightOfAnotherName:
    def __init__(self):
        self.weight = None

    def loss(self, X, y, reg):
        loss, d = _svm(X @ self.weight, y)
        return loss + reg * np.sum(self.weight**2), X.T @ d + 2 * reg * self.weight


class DenseOfWeights:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.W.T


class DenseOfZeros:
    def __init__(self, in_features, out_features):
        self.W, self.b = np.zeros((out_features, in_features)), np.zeros((out_features, 1))

    def forward(self, A):
        self.A = A
        return A @ self.W.T + self.b.T

    def backward(self, dLdZ):
        self.dLdW, self.dLdb = dLdZ.T @ self.A, dLdZ.sum(axis=0)[:, None]
        return dLdZ @ self.W


class LeavesItsOutput:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = np.where(self.inputs > 0, dvalues, 0)


class WithARate:
    def forward(self, input):
        self.input = input
        return np.tanh(input)

    def backward(self, output_gradient, learning_rate):
        return output_gradient * (1 - np.tanh(self.input) ** 2)


class RandomWeights:
    def __init__(self, n_inputs, n_outputs):
        self.weights, self.biases = np.random.randn(n_inputs, n_outputs), np.zeros((1, n_outputs))

    def forward(self, inputs):
        self.inputs = inputs
        return inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights, self.dbiases = self.inputs.T @ dvalues, dvalues.sum(axis=0, keepdims=True)
        return dvalues @ self.weights.T


class Held:
    def __init__(self, value):
        self.value, self.grad = value, np.zeros_like(value)


class WeightsAreHeld:
    def __init__(self, n_input, n_output):
        self.W, self.B = Held(np.random.randn(n_input, n_output)), Held(np.random.randn(1, n_output))

    def forward(self, X):
        self.X = X
        return X @ self.W.value + self.B.value

    def backward(self, d_out):
        self.W.grad += self.X.T @ d_out
        self.B.grad += d_out.sum(axis=0, keepdims=True)
        return d_out @ self.W.value.T


class WeightsInAList:
    def __init__(self, W, b):
        self.params, self.grads = [W, b], [np.zeros_like(W), np.zeros_like(b)]

    def forward(self, x):
        W, b = self.params
        self.x = x
        return x @ W + b

    def backward(self, dout):
        W, _ = self.params
        self.grads[0][...] = self.x.T @ dout
        self.grads[1][...] = dout.sum(axis=0)
        return dout @ W.T


class GradientsAccumulate:
    def __init__(self, in_features, out_features):
        self.W = np.ones((in_features, out_features))
        self.dW = np.zeros_like(self.W)

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW += self.x.T @ dout
        return dout @ self.W.T


class SumOfTwo:
    def forward(self, x, y):
        return x + y

    def backward(self, dout):
        return dout, dout


class InputAgain:
    def forward(self, input):
        return np.maximum(0, input)

    def backward(self, input, grad_output):
        return grad_output * (input > 0)


class ActivationCost:
    @staticmethod
    def fn(a, y):
        return np.sum(-y * np.log(a) - (1 - y) * np.log(1 - a))

    @staticmethod
    def delta(z, a, y):
        return a - y


class HiddenMethods:
    def _compute_loss(self, X, y, w):
        return np.mean(np.logaddexp(0, -y * (X @ w)))

    def _compute_gradient(self, X, y, w):
        return -X.T @ (y / (1 + np.exp(y * (X @ w)))) / len(y)


class SvmOfMargin:
    def __init__(self, margin=1.0):
        self.margin = margin

    def loss(self, W, X, y):
        loss, d = _svm(X @ W, y, self.margin)
        return loss, X.T @ d


# --- layers ---------------------------------------------------------------------------------------------------------------------------


def squash(Z):
    return _sigmoid(Z), Z


def squash_backward(dA, cache):
    return dA * _sigmoid(cache) * (1 - _sigmoid(cache))


def linear_of_columns_forward(A, W, b):
    return W @ A + b, (A, W, b)


def linear_of_columns_backward(dZ, cache):
    A, W, b = cache
    assert b.shape == (len(W), 1)
    m = A.shape[1]
    return W.T @ dZ, dZ @ A.T / m, dZ.sum(axis=1, keepdims=True) / m


FUNCTIONS = [
    name
    for name, found in list(globals().items())
    if callable(found)
    and not name.startswith("_")
    and name not in ("linear_of_columns_forward", "Held", "gaussian_gradient")
]
