"""Three wrong gradients of the hinge loss that are often published; docs/gradients.md derives the right one.

linclf gradcheck docs/hinge_attempts.py:summed_grad_input
"""

import numpy as np


def hinge_forward(target_pred, target_true):
    return np.mean(np.maximum(0, 1 - target_pred * target_true))


ones_forward = summed_forward = scaled_forward = hinge_forward


def ones_grad_input(target_pred, target_true):
    return np.where(1 - target_pred * target_true > 0, 1, 0)


def summed_grad_input(target_pred, target_true):
    return np.sum(np.where(1 - target_pred * target_true > 0, 1, 0))


def scaled_grad_input(target_pred, target_true):
    return np.sum(np.where(1 - target_pred * target_true > 0, 1, 0)) * target_pred
