"""The losses as textbooks and courses write them: classic names and signatures, plain arrays in, plain numbers out.

The `*_naive` forms loop over one sample and one class at a time. Read them first: they define the losses, and the tests and
`linclf gradcheck` compare the vectorised losses of `linclf.losses` with them. The other forms call `linclf.losses`, so what
is tested here is the code that trains.

Notation: N samples, D features, C classes. W is (D, C), X is (N, D), y is (N,) with codes 0..C-1, and the penalty is
`reg / 2 * sum(W ** 2)`, whose gradient is `reg * W`.
"""

import math
from collections.abc import Callable

import numpy as np

from linclf import losses
from linclf.losses import Array

# --- naive: one sample ---------------------------------------------------------------------------------------------
# sample(scores (m,), y) -> (value, dscores (m,)), a loop over the outputs; `y` is the code of the true class.


def svm_sample(scores: Array, y: int) -> tuple[float, Array]:
    """sum_{j != y} max(0, s_j - s_y + 1)."""
    value, dscores = 0.0, np.zeros(len(scores))
    for j in range(len(scores)):
        if j == y:
            continue
        margin = scores[j] - scores[y] + 1
        if margin > 0:
            value += margin
            dscores[j] += 1  # decrease the wrong class's score
            dscores[y] -= 1  # and increase the true class's, once for each class that violates the margin
    return value, dscores


def crammer_singer_sample(scores: Array, y: int) -> tuple[float, Array]:
    """max(0, 1 + max_{j != y} s_j - s_y)."""
    rival = -1
    for j in range(len(scores)):
        if j != y and (rival < 0 or scores[j] > scores[rival]):
            rival = j
    dscores = np.zeros(len(scores))
    margin = 1 + scores[rival] - scores[y]
    if margin <= 0:
        return 0.0, dscores
    dscores[rival], dscores[y] = 1, -1
    return float(margin), dscores


def softmax_sample(scores: Array, y: int) -> tuple[float, Array]:
    """log(sum_j exp(s_j)) - s_y, with the largest score subtracted first."""
    largest = max(float(s) for s in scores)
    total = 0.0
    for s in scores:
        total += math.exp(s - largest)
    dscores = np.zeros(len(scores))
    for j in range(len(scores)):
        dscores[j] = math.exp(scores[j] - largest) / total - (1 if j == y else 0)
    return largest + math.log(total) - float(scores[y]), dscores


def _sign(scores: Array, y: int, j: int) -> int:
    """The target t of output j: with one output, class 1 is +1; with one output per class, the true class is +1."""
    return 1 if y == (1 if len(scores) == 1 else j) else -1


def hinge_sample(scores: Array, y: int) -> tuple[float, Array]:
    """max(0, 1 - t s), summed over the outputs."""
    value, dscores = 0.0, np.zeros(len(scores))
    for j in range(len(scores)):
        t = _sign(scores, y, j)
        if 1 - t * scores[j] > 0:
            value += 1 - t * scores[j]
            dscores[j] = -t
    return value, dscores


def squared_hinge_sample(scores: Array, y: int) -> tuple[float, Array]:
    """max(0, 1 - t s)^2, summed over the outputs."""
    value, dscores = 0.0, np.zeros(len(scores))
    for j in range(len(scores)):
        t = _sign(scores, y, j)
        slack = max(0.0, 1 - t * scores[j])
        value += slack**2
        dscores[j] = -2 * t * slack
    return value, dscores


def logistic_sample(scores: Array, y: int) -> tuple[float, Array]:
    """log(1 + exp(-t s)), summed over the outputs; for -t s > 0 written as -t s + log(1 + exp(t s))."""
    value, dscores = 0.0, np.zeros(len(scores))
    for j in range(len(scores)):
        t = _sign(scores, y, j)
        margin = t * float(scores[j])
        if margin > 0:
            value += math.log1p(math.exp(-margin))
            dscores[j] = -t * math.exp(-margin) / (1 + math.exp(-margin))
        else:
            value += -margin + math.log1p(math.exp(margin))
            dscores[j] = -t / (1 + math.exp(margin))
    return value, dscores


def mse_sample(scores: Array, y: int) -> tuple[float, Array]:
    """sum_j (s_j - onehot(y)_j)^2."""
    value, dscores = 0.0, np.zeros(len(scores))
    for j in range(len(scores)):
        difference = scores[j] - (1 if j == y else 0)
        value += difference**2
        dscores[j] = 2 * difference
    return value, dscores


NAIVE: dict[str, Callable[[Array, int], tuple[float, Array]]] = {
    "svm": svm_sample,
    "softmax": softmax_sample,
    "hinge": hinge_sample,
    "squared-hinge": squared_hinge_sample,
    "logistic": logistic_sample,
    "crammer-singer": crammer_singer_sample,
    "mse": mse_sample,
}


# --- naive: all samples --------------------------------------------------------------------------------------------


def objective_naive(
    sample: Callable[[Array, int], tuple[float, Array]],
    W: Array,
    b: Array,
    X: Array,
    y: Array,
    *,
    reg: float,
    weights: Array | None = None,
    reg_bias: bool = False,
) -> tuple[float, Array, Array]:
    """The objective and its gradient, one sample and one class at a time.

    W (D, m), b (m,), X (N, D), y (N,), weights (N,) or None for ones -> value, dW (D, m), db (m,). The value is
    `sum_i w_i * loss_i / sum_i w_i + reg / 2 * ||W||^2`; with `reg_bias` the penalty is `reg / 2 * (||W||^2 + ||b||^2)`.
    """
    value, dW, db = 0.0, np.zeros(W.shape), np.zeros(b.shape)
    total_weight = 0.0
    for i in range(len(X)):
        weight = 1.0 if weights is None else float(weights[i])
        total_weight += weight
        scores = np.array([X[i] @ W[:, j] + b[j] for j in range(W.shape[1])])
        loss, dscores = sample(scores, int(y[i]))
        value += weight * loss
        for j in range(W.shape[1]):
            dW[:, j] += weight * dscores[j] * X[i]
            db[j] += weight * dscores[j]
    value, dW, db = value / total_weight, dW / total_weight, db / total_weight
    for j in range(W.shape[1]):
        value += reg / 2 * float(W[:, j] @ W[:, j])
        dW[:, j] += reg * W[:, j]
        if reg_bias:
            value += reg / 2 * float(b[j]) ** 2
            db[j] += reg * b[j]
    return value, dW, db


def svm_loss_naive(W: Array, X: Array, y: Array, reg: float) -> tuple[float, Array]:
    """Multiclass SVM with loops: mean of sum_{j != y} max(0, s_j - s_y + 1), plus reg/2 * sum(W^2).

    W (D, C), X (N, D), y (N,) -> loss, dW (D, C).
    """
    loss, dW, _ = objective_naive(svm_sample, W, np.zeros(W.shape[1]), X, y, reg=reg)
    return loss, dW


def softmax_loss_naive(W: Array, X: Array, y: Array, reg: float) -> tuple[float, Array]:
    """Softmax cross-entropy with loops: mean of logsumexp(s) - s_y, plus reg/2 * sum(W^2).

    W (D, C), X (N, D), y (N,) -> loss, dW (D, C).
    """
    loss, dW, _ = objective_naive(softmax_sample, W, np.zeros(W.shape[1]), X, y, reg=reg)
    return loss, dW


# --- vectorised ----------------------------------------------------------------------------------------------------


def svm_loss_vectorized(W: Array, X: Array, y: Array, reg: float) -> tuple[float, Array]:
    """Multiclass SVM without loops: the same as `svm_loss_naive`, in two matrix products.

    W (D, C), X (N, D), y (N,) -> loss, dW (D, C); the penalty is reg/2 * sum(W^2).
    """
    return _loss_vectorized(losses.multiclass_svm, W, X, y, reg)


def softmax_loss_vectorized(W: Array, X: Array, y: Array, reg: float) -> tuple[float, Array]:
    """Softmax cross-entropy without loops: the same as `softmax_loss_naive`, in two matrix products.

    W (D, C), X (N, D), y (N,) -> loss, dW (D, C); the penalty is reg/2 * sum(W^2).
    """
    return _loss_vectorized(losses.softmax, W, X, y, reg)


def _loss_vectorized(
    loss: Callable[[Array, Array], tuple[Array, Array]], W: Array, X: Array, y: Array, reg: float
) -> tuple[float, Array]:
    y = np.asarray(y)
    if y.shape != (len(X),) or not np.issubdtype(y.dtype, np.integer) or not ((y >= 0) & (y < W.shape[1])).all():
        raise ValueError(f"y must be (N,) integers 0..C-1 with N = {len(X)} and C = {W.shape[1]}, got {y.shape}")
    values, dscores = loss(_floats(X) @ W, y)  # (N,), (N, C)
    return float(values.mean() + reg / 2 * np.sum(W * W)), X.T @ dscores / len(y) + reg * W


def hinge_forward(target_pred: Array, target_true: Array) -> float:
    """Binary hinge loss, mean over objects of max(0, 1 - pred * true).

    target_pred (n,) predictions, target_true (n,) targets +-1 -> a number. Arrays (n, 1) are treated as (n,).
    """
    values, _ = losses.hinge(*_binary(target_pred, target_true))
    return float(values.mean())


def hinge_grad_input(target_pred: Array, target_true: Array) -> Array:
    """The gradient of `hinge_forward` with respect to its predictions: -true / n where pred * true < 1, else 0.

    target_pred (n,), target_true (n,) +-1 -> the shape of target_pred.
    """
    _, dscores = losses.hinge(*_binary(target_pred, target_true))  # (n, 1)
    return dscores.reshape(np.shape(target_pred)) / len(dscores)


def _binary(target_pred: Array, target_true: Array) -> tuple[Array, Array]:
    """Predictions and +-1 targets as scores (n, 1) and codes 0, 1 (n,)."""
    scores, t = _floats(target_pred).reshape(-1, 1), np.asarray(target_true).ravel()
    if len(scores) != len(t) or len(t) == 0:
        raise ValueError(f"one target per prediction is needed, got {len(scores)} predictions and {len(t)} targets")
    if not np.isin(t, (-1, 1)).all():
        raise ValueError(f"targets must be -1 or +1, got {np.unique(t)[:5]}")
    return scores, (t > 0).astype(np.intp)


def mse_forward(input: Array, target: Array) -> float:
    """Squared error of each row, sum_j (input_ij - target_ij)^2, divided by the batch size.

    input (n, C) outputs, target (n, C), one-hot or any numbers -> a number.
    """
    values, _ = losses.squared_error(*_same_shape(input, target))
    return float(values.mean())


def mse_backward(input: Array, target: Array) -> Array:
    """The gradient of `mse_forward` with respect to its input: 2 * (input - target) / n, shape (n, C)."""
    _, dscores = losses.squared_error(*_same_shape(input, target))
    return dscores / len(dscores)


def cross_entropy_forward(input: Array, target: Array) -> float:
    """Cross-entropy of softmax(input) with a one-hot target, divided by the batch size.

    input (n, C) logits, target (n, C) one-hot -> a number.
    """
    values, _ = losses.softmax(*_one_hot(input, target))
    return float(values.mean())


def cross_entropy_backward(input: Array, target: Array) -> Array:
    """The gradient of `cross_entropy_forward` with respect to its logits: (softmax(input) - target) / n, shape (n, C)."""
    _, dscores = losses.softmax(*_one_hot(input, target))
    return dscores / len(dscores)


def _one_hot(input: Array, target: Array) -> tuple[Array, Array]:
    """Outputs and one-hot targets, both (n, C), as scores (n, C) and codes (n,)."""
    scores, target = _same_shape(input, target)
    if not (np.isin(target, (0, 1)).all() and (target.sum(axis=1) == 1).all()):
        raise ValueError("each row of target must be one-hot: a single 1, the rest 0")
    return scores, target.argmax(axis=1)


def _same_shape(input: Array, target: Array) -> tuple[Array, Array]:
    """Outputs and targets as float arrays, both (n, C): broadcasting (n, 1) against (n,) would be silently wrong."""
    outputs, wanted = _floats(input), np.asarray(target)
    if outputs.ndim != 2 or outputs.shape != wanted.shape or outputs.size == 0:
        raise ValueError(f"input and target must both be (n, C), got {outputs.shape} and {wanted.shape}")
    return outputs, wanted


def dense_forward(x_input: Array, W: Array, b: Array) -> Array:
    """A dense layer, x W + b: x_input (n, D), W (D, C), b (C,) -> (n, C)."""
    return _floats(x_input) @ W + b


def dense_grad_input(x_input: Array, grad_output: Array, W: Array, b: Array) -> Array:
    """The gradient with respect to the layer's input, grad_output W^T: grad_output (n, C), W (D, C) -> (n, D)."""
    return _floats(grad_output) @ W.T


def dense_grad_W(x_input: Array, grad_output: Array, W: Array, b: Array) -> Array:
    """The gradient with respect to the weights, x^T grad_output: x_input (n, D), grad_output (n, C) -> (D, C)."""
    return np.asarray(_floats(x_input).T @ grad_output)


def dense_grad_b(x_input: Array, grad_output: Array, W: Array, b: Array) -> Array:
    """The gradient with respect to the bias, the column sums: grad_output (n, C) -> (C,)."""
    return np.asarray(_floats(grad_output).sum(axis=0))


def _floats(a: Array) -> Array:
    """Float arrays unchanged, integers as float64: integer arithmetic would truncate gradients."""
    a = np.asarray(a)
    return a if np.issubdtype(a.dtype, np.floating) else a.astype(np.float64)
