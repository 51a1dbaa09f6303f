"""Deliberately wrong gradients of the binary hinge loss; EXPECTED gives the diagnosis that must come first."""

import numpy as np


def hinge_forward(target_pred, target_true):
    return np.mean(np.maximum(0, 1 - target_pred * target_true))


def published_a_grad_input(target_pred, target_true):
    """A wrong gradient that is often published: 1 wherever the loss is positive."""
    loss = np.maximum(0, 1 - target_pred * target_true)
    return np.where(loss > 0, 1.0, 0.0)


def published_b_grad_input(target_pred, target_true):
    """The same, summed over the objects."""
    loss = np.maximum(0, 1 - target_pred * target_true)
    return np.sum(np.where(loss > 0, 1.0, 0.0))


def published_c_grad_input(target_pred, target_true):
    """This sum times the predictions."""
    loss = np.maximum(0, 1 - target_pred * target_true)
    return np.sum(np.where(loss > 0, 1.0, 0.0)) * target_pred


def unaveraged_grad_input(target_pred, target_true):
    return np.where(1 - target_pred * target_true > 0, -target_true, 0.0)


def flipped_grad_input(target_pred, target_true):
    return np.where(1 - target_pred * target_true > 0, target_true, 0.0) / len(target_pred)


def without_target_grad_input(target_pred, target_true):
    return -np.where(1 - target_pred * target_true > 0, 1.0, 0.0) / len(target_pred)


def without_indicator_grad_input(target_pred, target_true):
    return -target_true / len(target_pred)


def perceptron_grad_input(target_pred, target_true):
    return np.where(target_pred * target_true < 0, -target_true, 0) / len(target_pred)


def one_sided_grad_input(target_pred, target_true):
    return np.where(target_pred < 1, -target_true, 0) / len(target_pred)


def inverted_indicator_grad_input(target_pred, target_true):
    return np.where(target_pred * target_true > 1, -target_true, 0) / len(target_pred)


def slack_grad_input(target_pred, target_true):
    return -target_true * np.maximum(0, 1 - target_pred * target_true) / len(target_pred)


def by_prediction_grad_input(target_pred, target_true):
    return np.where(target_pred * target_true < 1, -target_pred, 0) / len(target_pred)


def times_prediction_grad_input(target_pred, target_true):
    return np.where(target_pred * target_true < 1, -target_true * target_pred, 0) / len(target_pred)


def summed_grad_input(target_pred, target_true):
    return np.sum(np.where(target_pred * target_true < 1, -target_true, 0)) / len(target_pred)


def mean_grad_input(target_pred, target_true):
    return np.mean(np.where(target_pred * target_true < 1, -target_true, 0) / len(target_pred))


def truncated_grad_input(target_pred, target_true):
    gradient = np.zeros_like(target_true)  # target_true is an array of integers
    for i in range(len(target_pred)):
        if target_pred[i] * target_true[i] < 1:
            gradient[i] = -target_true[i] / len(target_pred)
    return gradient


def truncated_half_grad_input(target_pred, target_true):
    gradient = np.empty(len(target_pred), dtype=int)
    gradient[:] = np.where(target_pred * target_true < 1, -target_true, 0) / len(target_pred)
    return gradient


def in_place_grad_input(target_pred, target_true):
    target_pred *= target_true
    return np.where(target_pred < 1, -target_true, 0) / len(target_pred)


def random_grad_input(target_pred, target_true):
    chosen = np.random.random(len(target_pred)) < 0.5
    return np.where((target_pred * target_true < 1) & chosen, -target_true, 0) / len(target_pred)


def squared_grad_input(target_pred, target_true):
    return -2 * target_true * np.maximum(0, 1 - target_pred * target_true) / len(target_pred)


def logistic_grad_input(target_pred, target_true):
    return -target_true / (1 + np.exp(target_pred * target_true)) / len(target_pred)


def half_grad_input(target_pred, target_true):
    return np.where(target_pred * target_true < 1, -target_true, 0) / (2 * len(target_pred))


def thrice_grad_input(target_pred, target_true):
    return 3 * np.where(target_pred * target_true < 1, -target_true, 0) / len(target_pred)


def last_left_out_grad_input(target_pred, target_true):
    gradient = np.zeros(len(target_pred))
    for i in range(len(target_pred) - 1):
        if target_pred[i] * target_true[i] < 1:
            gradient[i] = -target_true[i] / len(target_pred)
    return gradient


def twice_at_kink_grad_input(target_pred, target_true):
    """At the kink, twice the slope."""
    margins = target_pred * target_true
    return -target_true * np.where(margins < 1, 1.0, np.where(margins == 1, 2.0, 0.0)) / len(target_pred)


def zero_grad_input(target_pred, target_true):
    return np.zeros(len(target_pred))


for _name in [name for name in list(globals()) if name.endswith("_grad_input")]:
    globals()[_name.replace("_grad_input", "_forward")] = hinge_forward


def summing_forward(target_pred, target_true):
    """The value is the sum, the gradient that of the mean."""
    return np.sum(np.maximum(0, 1 - target_pred * target_true))


def summing_grad_input(target_pred, target_true):
    return np.where(target_pred * target_true < 1, -target_true, 0) / len(target_pred)


EXPECTED = {
    "published_a_grad_input": "missing-target+not-averaged",
    "published_b_grad_input": "missing-target+not-averaged+summed",
    "published_c_grad_input": "missing-target+not-averaged+summed-times-predictions",
    "unaveraged_grad_input": "not-averaged",
    "flipped_grad_input": "sign",
    "without_target_grad_input": "missing-target",
    "without_indicator_grad_input": "missing-indicator",
    "perceptron_grad_input": "wrong-threshold",
    "one_sided_grad_input": "wrong-threshold",
    "inverted_indicator_grad_input": "wrong-threshold",
    "slack_grad_input": "margin-for-indicator",
    "by_prediction_grad_input": "prediction-for-target",
    "times_prediction_grad_input": "extra-prediction",
    "summed_grad_input": "summed",
    "mean_grad_input": "summed",
    "truncated_grad_input": "int-truncation",
    "truncated_half_grad_input": "int-truncation",
    "in_place_grad_input": "modified-in-place",
    "random_grad_input": "not-deterministic",
    "squared_grad_input": "other-loss",
    "logistic_grad_input": "other-loss",
    "half_grad_input": "factor",
    "thrice_grad_input": "factor",
    "last_left_out_grad_input": "samples-skipped",
    "zero_grad_input": "zero",
    "twice_at_kink_grad_input": "kink-slope",
    "summing_grad_input": "averaged-too-often",
}
