"""Deliberately wrong pairs on one-hot targets, dense layers and general functions, with the diagnosis that must come first."""

import numpy as np


def _softmax(s, axis=1):
    e = np.exp(s - s.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def mse_forward(input, target):
    return np.sum((input - target) ** 2) / len(input)


def cross_entropy_forward(input, target):
    s = input - input.max(axis=1, keepdims=True)
    return -np.sum(target * (s - np.log(np.exp(s).sum(axis=1, keepdims=True)))) / len(input)


def mse_half_backward(input, target):
    return (input - target) / len(input)


def mse_unaveraged_backward(input, target):
    return 2 * (input - target)


def mse_over_all_backward(input, target):
    return 2 * (input - target) / input.size


def mse_flipped_backward(input, target):
    return 2 * (target - input) / len(input)


def mse_value_backward(input, target):
    return (input - target) ** 2 / len(input)


def mse_sign_backward(input, target):
    return np.sign(input - target) / len(input)


def mse_scalar_backward(input, target):
    return np.sum(2 * (input - target)) / len(input)


def mse_no_target_backward(input, target):
    return 2 * input / len(input)


def mse_column_backward(input, target):
    gradient = 2 * (input - target) / len(input)
    gradient[:, 0] = 0
    return gradient


def mse_per_row_backward(input, target):
    return (2 * (input - target) / len(input)).sum(axis=1)


for _name in [name for name in list(globals()) if name.startswith("mse_") and name.endswith("_backward")]:
    globals()[_name.replace("_backward", "_forward")] = mse_forward


def cross_entropy_no_onehot_backward(input, target):
    return _softmax(input) / len(input)


def cross_entropy_axis_backward(input, target):
    return (_softmax(input, 0) - target) / len(input)


def cross_entropy_unaveraged_backward(input, target):
    return _softmax(input) - target


def cross_entropy_by_size_backward(input, target):
    return (_softmax(input) - target) / input.size


def cross_entropy_of_probabilities_backward(input, target):
    return -target / _softmax(input) / len(input)


def cross_entropy_of_mse_backward(input, target):
    return 2 * (input - target) / len(input)


def cross_entropy_transposed_backward(input, target):
    return ((_softmax(input) - target) / len(input)).T


def cross_entropy_float_backward(input, target):
    """Overflows where the right gradient does not."""
    e = np.exp(input)
    return (e / e.sum(axis=1, keepdims=True) - target) / len(input)


for _name in [name for name in list(globals()) if name.startswith("cross_entropy_") and name.endswith("_backward")]:
    globals()[_name.replace("_backward", "_forward")] = cross_entropy_forward


class WithState:
    """The result of backward depends on how often it was called."""

    def __init__(self):
        self.calls = 0

    def forward(self, input, target):
        return mse_forward(input, target)

    def backward(self, input, target):
        self.calls += 1
        return 2 * (input - target) / len(input) * self.calls


class HalfMSE:
    def forward(self, input, target):
        self.difference = input - target
        return np.sum(self.difference**2) / len(input)

    def backward(self, input, target):
        return self.difference / len(input)


def dense_grad_input(x_input, grad_output, W, b):
    return (grad_output @ W.T) / len(x_input)


def dense_transposed_grad_input(x_input, grad_output, W, b):
    return W @ grad_output.T


def dense_chain_grad_input(x_input, grad_output, W, b):
    return np.ones_like(grad_output) @ W.T


def dense_forward_grad_input(x_input, grad_output, W, b):
    return (grad_output + b) @ W.T


def dense_grad_W(x_input, grad_output, W, b):
    return grad_output.T @ x_input


def dense_mean_grad_W(x_input, grad_output, W, b):
    return x_input.T @ grad_output / len(x_input)


def dense_chain_grad_W(x_input, grad_output, W, b):
    return x_input.T @ np.ones_like(grad_output)


def dense_grad_b(x_input, grad_output, W, b):
    return grad_output.mean(axis=0)


def dense_axis_grad_b(x_input, grad_output, W, b):
    return grad_output.sum(axis=1)


def dense_scalar_grad_b(x_input, grad_output, W, b):
    return grad_output.sum()


def dense_unsummed_grad_b(x_input, grad_output, W, b):
    return grad_output


def dense_flipped_grad_b(x_input, grad_output, W, b):
    return -grad_output.sum(axis=0)


def general_sign(w):
    return np.sum(np.sin(w)), -np.cos(w)


def general_factor(w):
    return np.sum(w**4), w**3


def general_scalar(w):
    return np.sum(w**2), 2 * np.sum(w)


def general_first_wrong(w):
    gradient = 2 * w
    gradient[0] += 1
    return np.sum(w**2), gradient


def general_unknown(w):
    return np.sum(np.exp(w)), np.exp(1.1 * w) + 0.3


def general_kink(w):
    """2 is not a slope of |w| at 0."""
    return np.abs(w).sum(), np.where(w == 0, 2.0, np.sign(w))


def general_in_place(w):
    w *= 2
    return np.sum(w**2), 4 * w


EXPECTED = {
    "mse_half_backward": "factor",
    "mse_unaveraged_backward": "not-averaged",
    "mse_over_all_backward": "divided-by-classes",
    "mse_flipped_backward": "sign",
    "mse_value_backward": "value-for-gradient",
    "mse_sign_backward": "sign-for-difference",
    "mse_scalar_backward": "summed",
    "mse_no_target_backward": "missing-target",
    "mse_column_backward": "some-parts",
    "mse_per_row_backward": "summed",
    "cross_entropy_no_onehot_backward": "missing-onehot",
    "cross_entropy_axis_backward": "wrong-axis",
    "cross_entropy_unaveraged_backward": "not-averaged",
    "cross_entropy_by_size_backward": "divided-by-classes",
    "cross_entropy_of_probabilities_backward": "log-derivative",
    "cross_entropy_of_mse_backward": "other-loss",
    "cross_entropy_transposed_backward": "transposed",
    "cross_entropy_float_backward": "overflow",
    "WithState": "not-deterministic",
    "HalfMSE": "factor",
    "dense_grad_input": "averaged-too-often",
    "dense_transposed_grad_input": "transposed",
    "dense_chain_grad_input": "grad-output-missing",
    "dense_forward_grad_input": "extra-bias",
    "dense_grad_W": "transposed",
    "dense_mean_grad_W": "averaged-too-often",
    "dense_chain_grad_W": "grad-output-missing",
    "dense_grad_b": "averaged-too-often",
    "dense_axis_grad_b": "wrong-axis",
    "dense_scalar_grad_b": "summed",
    "dense_unsummed_grad_b": "not-summed",
    "dense_flipped_grad_b": "sign",
    "general_sign": "sign",
    "general_factor": "factor",
    "general_scalar": "summed",
    "general_first_wrong": "some-parts",
    "general_unknown": "",
    "general_kink": "kink-slope",
    "general_in_place": "modified-in-place",
}
