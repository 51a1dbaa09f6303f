"""The conjugates of the losses, for lower bounds on the objective: -loss*(g), and how gradients are balanced (`Dual`)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from linclf.losses.functions import Array, signs

MOST_GROWTH = 1.5  # of a flow that is balanced, before all are scaled down


@dataclass(frozen=True)
class Dual:
    """The conjugate of a loss, for lower bounds on the objective (`linclf.optim.certificate`).

    value     (g, y) -> -loss*(g) of each row, (n,); g (n, m) are gradients by the scores, y (n,) codes
    balanced  (g, y, v) -> gradients close to g whose sum weighted by v (n,), which sums to 1, is zero, and where loss* is finite
    is_linear whether value(t g) = t value(g) for t from 0 to 1
    """

    value: Callable[[Array, Array], Array]
    balanced: Callable[[Array, Array, Array], Array]
    is_linear: bool = False


def hinge_dual(g: Array, y: Array) -> Array:
    """-loss*(g) of hinge: |g| up to 1."""
    return np.asarray(np.abs(g).sum(axis=1))


def svm_dual(g: Array, y: Array) -> Array:
    """-loss*(g) of svm and crammer-singer: the sum of the gradients of the wrong classes."""
    return np.asarray(np.maximum(g, 0).sum(axis=1))


def softmax_dual(g: Array, y: Array) -> Array:
    """-loss*(g) of softmax: the entropy of the probabilities p = g + onehot(y)."""
    return np.asarray(_entropy(g + _targets(g, y)).sum(axis=1))


def logistic_dual(g: Array, y: Array) -> Array:
    """-loss*(g) of logistic: the entropy of |g| and 1 - |g|, summed over the outputs."""
    a = np.minimum(np.abs(g), 1)
    return np.asarray((_entropy(a) + _entropy(1 - a)).sum(axis=1))


def squared_hinge_dual(g: Array, y: Array) -> Array:
    """-loss*(g) of squared-hinge: sup_z -a z - max(0, 1 - z)^2 is a^2/4 - a, at 1 - z = a/2, for a = |g| and z the margin."""
    return np.asarray((np.abs(g) - np.square(g) / 4).sum(axis=1))


def mse_dual(g: Array, y: Array) -> Array:
    """-loss*(g) of mse: sup_s <g, s> - ||s - target||^2 is <g, target> + ||g||^2 / 4."""
    return np.asarray(-(g * _targets(g, y) + np.square(g) / 4).sum(axis=1))


def balanced_probabilities(g: Array, y: Array, v: Array) -> Array:
    """Balance g = p - target, p probabilities: p is mixed with the class frequencies, so that its mean equals them."""
    target = _targets(g, y)  # (n, m)
    share = v @ target  # (m,) of the rows whose target is 1
    never, always = share == 0, v @ (1 - target) == 0
    if (never | always).any():  # their probabilities are 0 and 1, whatever the scores
        g = np.where(never, 0, np.where(always, 1, g + target)) - target
    excess = v @ g  # (m,)
    with np.errstate(divide="ignore", invalid="ignore"):
        # share - excess / most must stay a probability in each output
        most = np.nanmax([excess / share, -excess / (1 - share)], initial=0)
    if most == 0:
        return g
    other = share if np.isinf(most) else share - excess / most
    mixed = 1 / (1 + most)
    return np.asarray(mixed * g + (1 - mixed) * (other - target))


def balanced_distributions(g: Array, y: Array, v: Array) -> Array:
    """The same where p is a distribution over the classes: that of a class without weight is 0, which leaves the others more."""
    target = _targets(g, y)  # (n, K)
    absent = v @ target == 0
    if absent.any():
        p = np.where(absent, 0, g + target)
        total = p.sum(axis=1, keepdims=True)
        g = np.where(total > 0, p / np.where(total > 0, total, 1), ~absent / np.count_nonzero(~absent)) - target
    return balanced_probabilities(g, y, v)


def balanced_sides(g: Array, y: Array, v: Array) -> Array:
    """Balance by scaling down, in each output, the gradients of the sign whose sum is larger."""
    t = signs(g, y)
    up, down = v @ np.where(t > 0, -g, 0), v @ np.where(t < 0, g, 0)  # (m,), both >= 0
    less = np.minimum(up, down)
    factor = np.where(t > 0, less / np.where(up > 0, up, 1), less / np.where(down > 0, down, 1))
    return np.asarray(factor * g)


def balanced_flows(g: Array, y: Array, v: Array) -> Array:
    """Balance gradients that are positive at the wrong classes, and minus their sum at the true one, by scaling down what flows from
    class c to class j, the sum F_cj of g_j over the rows of c, until as much flows into each class as out of it.

    The factors are 1 + q_c - q_j, divided by the largest of them: q solves the Laplacian of F + F^T, and is small where the
    imbalance is. Classes for which it is not, whose flows are small, get none."""
    target = _targets(g, y)  # (n, K)
    before = target.T @ (np.maximum(g, 0) * v[:, None])  # (K, K)
    flows = before.copy()
    while flows.any():
        out, into = flows.sum(axis=1), flows.sum(axis=0)
        both = flows + flows.T
        q = np.linalg.lstsq(np.diag(both.sum(axis=1)) - both, into - out, rcond=None)[0]
        factor = np.where(flows > 0, 1 + q[:, None] - q, 1)
        if factor.min() >= 0 and factor.max() <= MOST_GROWTH:
            flows *= factor / factor.max()
            break
        strained = ((factor < 0) | (factor > MOST_GROWTH)).any(axis=1) | ((factor < 0) | (factor > MOST_GROWTH)).any(
            axis=0
        )
        least = np.argmin(np.where(strained, out + into, np.inf))
        flows[least] = flows[:, least] = 0
    mutual = np.minimum(before, before.T)  # what flows both ways is balanced, too
    flows = flows if flows.sum() >= mutual.sum() else mutual
    moved = np.maximum(g, 0) * np.divide(flows, before, out=np.zeros_like(flows), where=before > 0)[y]
    return np.asarray(moved - target * moved.sum(axis=1, keepdims=True))


def balanced_mean(g: Array, y: Array, v: Array) -> Array:
    """Balance by subtracting the weighted mean."""
    return np.asarray(g - v @ g)


def _entropy(p: Array) -> Array:
    """-p log p; 0 at 0, and below it by rounding."""
    return np.asarray(-p * np.log(np.where(p > 0, p, 1)))


def _targets(g: Array, y: Array) -> Array:
    """1 at outputs whose target is 1, else 0: (n, m)."""
    return np.asarray((signs(g, y) + 1) / 2)
