"""What `auto` stands for: the learning rate, the momentum and the number of epochs, from the data and the loss alone.

The rate is `(1 - momentum) * step / lambda_max`, where lambda_max is the largest eigenvalue of X^T X / n, the curvature
that the data bring to the objective, and `step` a number of the loss (the table LOSSES). A step that moves against the
momentum of the past is 1 / (1 - momentum) times as long in the end, hence the first factor. Losses whose gradient grows
with the score (squared-hinge, mse) are also capped so that the largest row alone cannot overshoot when its minibatch
comes up: rate * curvature * ||x||^2 / batch_size <= 2 (1 - momentum); compare the expected smoothness of minibatches in
Gower et al., "SGD: General Analysis and Improved Rates" (2019).
"""

from dataclasses import dataclass

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array, Loss
from linclf.matrix import Matrix, add_transposed_product, is_sparse, one_blas_thread, product, squared_norms
from linclf.sgd import SGD

STEADY = {"constant": 0.1, "invscaling": 0.2}  # schedules that do not end at 0 must begin lower
LARGEST = 1e30  # beyond it a rate times a gradient underflows float32
SAMPLE_ROWS = 5000
POWER_ITERATIONS = 20


@dataclass(frozen=True)
class Rate:
    """A learning rate and, for people, what it was made from."""

    value: float
    reason: str


def auto_rate(loss: Loss, X: Matrix, n_outputs: int, sgd: SGD, *, weights: Array | None = None) -> Rate:
    """The learning rate for X (n, d) as it is trained on; deterministic. weights (n,) or None for ones.

    Of `sgd` the momentum, the batch size, the schedule and fit_bias count. Raises InputError where the numbers in X are
    too large to be trained on as they are.
    """
    share = None if weights is None else weights / weights.mean()  # (n,), mean 1
    largest = max(largest_eigenvalue(X, sgd.fit_bias, share), 1e-30)  # all-zero X: any rate is right
    if not largest < LARGEST:
        raise InputError(
            f"the numbers are too large to train on (lambda_max {largest:.3g}); use --scale standard or maxabs"
        )
    step = loss.step
    if loss.step_outputs and n_outputs > loss.step_outputs:
        step *= (loss.step_outputs - 1) / (n_outputs - 1)
    value, reason = step / largest, f"{step:.3g} / lambda_max {largest:.3g}"
    if loss.curvature:
        norms = squared_norms(X) + sgd.fit_bias  # (n,)
        norm = max(float((norms if share is None else norms * share).max()), 1e-30)
        cap = 2 * min(sgd.batch_size, X.shape[0]) / (loss.curvature * norm)
        if cap < value:
            value, reason = cap, f"held down by the largest row, ||x||^2 {norm:.3g}"
    if sgd.schedule in STEADY:
        value, reason = STEADY[sgd.schedule] * value, f"{STEADY[sgd.schedule]:g} x {reason}"
    return Rate(float((1 - float(sgd.momentum)) * value), reason)


def largest_eigenvalue(X: Matrix, fit_bias: bool, weights: Array | None = None) -> float:
    """lambda_max of [X 1]^T diag(w) [X 1] / n by power iteration, on at most SAMPLE_ROWS evenly spaced rows."""
    n, d = X.shape
    sample = np.unique(np.linspace(0, n - 1, min(n, SAMPLE_ROWS)).astype(np.intp))
    w = np.ones(len(sample)) if weights is None else weights[sample]
    X = X[sample]
    size = float(abs(X).max()) if d and n else 0.0  # products of numbers as large as 1e25 would overflow float32
    size = size or 1.0
    X = X / X.dtype.type(size)
    start = np.random.default_rng(0).standard_normal(d + 1)
    v, c = start[:d, None].astype(X.dtype), float(start[d]) * fit_bias  # the column of 1 / size has the weight c
    eigenvalue = 0.0
    with one_blas_thread():
        for _ in range(POWER_ITERATIONS):
            length = float(np.sqrt(np.vdot(v, v) + c * c))
            if length == 0:
                return 0.0
            u = w[:, None] * (product(X, v / X.dtype.type(length)) + c / length / size) / len(sample)  # (n, 1)
            v = np.zeros_like(v)
            add_transposed_product(X, u.astype(X.dtype), v)
            c = float(u.sum()) / size * fit_bias
            eigenvalue = float(np.sqrt(np.vdot(v, v) + c * c))
    return eigenvalue * size * size if size < LARGEST else np.inf


def auto_momentum(X: Matrix) -> float:
    """0.9 on dense data; 0 on sparse data, where momentum would make each step touch all d weights."""
    return 0.0 if is_sparse(X) else 0.9


def auto_epochs(n: int, batch_size: int) -> int:
    """10, or as many as give 2000 minibatches on small data, at most 1000."""
    minibatches = -(-n // batch_size)
    return max(10, min(1000, -(-2000 // minibatches)))
