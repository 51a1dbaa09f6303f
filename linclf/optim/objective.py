"""The objective that training minimises:

    objective(W, b) = sum_i w_i * loss(scores_i, y_i) / sum_i w_i + reg/2 * ||W||^2

with scores = X W + b, and ||b||^2 in the penalty only on request. Shapes: X (n, d), W (d, *models, m), b (*models, m),
y (n,), weights (n,) or (n, *models) or None for ones, reg a number or (*models,).
"""

from dataclasses import dataclass

import numpy as np

from linclf.losses import Array, Loss
from linclf.optim.linalg import Matrix, Minibatch, Stored, add_transposed_product, chunks, expand_trailing, product


@dataclass(frozen=True)
class DataTerm:
    """Sums over rows, not means: the terms of two shards of the data add up to the term of both.

    value (*models,), weight number or (*models,), dW (d, *models, m), db (*models, m); float64 but for dW and db.
    """

    value: Array
    weight: Array
    dW: Array
    db: Array

    def __add__(self, other: "DataTerm") -> "DataTerm":
        return DataTerm(self.value + other.value, self.weight + other.weight, self.dW + other.dW, self.db + other.db)


def scores(X: Stored | Minibatch, W: Array, b: Array) -> Array:
    """X W + b for all models: (n, *models, m)."""
    out = product(X, W)
    out += b
    return out


def predicted(scores: Array) -> Array:
    """The class codes that scores (n, *models, m) predict: the largest, or with one output class 1 where it is > 0."""
    return (scores[..., 0] > 0).astype(np.intp) if scores.shape[-1] == 1 else scores.argmax(axis=-1)


@dataclass(frozen=True)
class Objective:
    """The objective of a loss: `reg` a number or (*models,), `reg_bias` whether the penalty includes the bias.

    All methods take X (n, d), y (n,) codes, W (d, *models, m), b (*models, m) and weights (n,), (n, *models) or None.
    """

    loss: Loss
    reg: float | Array
    reg_bias: bool = False

    def data_term(self, X: Stored, y: Array, W: Array, b: Array, weights: Array | None = None) -> DataTerm:
        """sum_i w_i loss_i, sum_i w_i and the gradient of the first."""
        values, dscores = self.loss(scores(X, W, b), y)  # (n, *models), (n, *models, m)
        value, weight = _weighted_sum(values, weights)
        if weights is not None:
            dscores = dscores * expand_trailing(weights, dscores.ndim).astype(dscores.dtype)
        dW = np.zeros_like(W)
        add_transposed_product(X, dscores, dW)
        return DataTerm(value, weight, dW, dscores.sum(axis=0))

    def penalty(self, W: Array, b: Array) -> Array:
        """reg/2 * ||W||^2, and reg/2 * ||b||^2 with reg_bias: (*models,), float64."""
        squares = np.einsum("d...m,d...m->...", W, W, dtype=np.float64)
        if self.reg_bias:
            squares = squares + np.einsum("...m,...m->...", b, b, dtype=np.float64)
        return np.asarray(np.asarray(self.reg, np.float64) / 2 * squares)

    def terms(self, X: Matrix, y: Array, W: Array, b: Array, weights: Array | None = None) -> tuple[Array, Array]:
        """The objective as its two terms, (data, penalty), each (*models,) in float64; a few rows at a time."""
        total = weight = np.zeros(())
        for rows, x in chunks(X, b.size):
            values, _ = self.loss(scores(x, W, b), y[rows])
            part, part_weight = _weighted_sum(values, None if weights is None else weights[rows])
            total, weight = total + part, weight + part_weight
        return total / weight, self.penalty(W, b)

    def value_and_gradient(
        self, X: Stored, y: Array, W: Array, b: Array, weights: Array | None = None
    ) -> tuple[Array, Array, Array]:
        """The objective (*models,) and its gradient dW (d, *models, m), db (*models, m)."""
        data = self.data_term(X, y, W, b, weights)
        weight, reg = data.weight[..., None], np.asarray(self.reg)[..., None]  # (1,) or (*models, 1)
        dW = data.dW / weight + reg * W
        db = data.db / weight + (reg * b if self.reg_bias else 0)
        return data.value / data.weight + self.penalty(W, b), dW, db


def _weighted_sum(values: Array, weights: Array | None) -> tuple[Array, Array]:
    """sum_i w_i values_i (*models,) and sum_i w_i, both float64."""
    if weights is None:
        return values.sum(axis=0, dtype=np.float64), np.asarray(float(len(values)))
    return (values * expand_trailing(weights, values.ndim)).sum(axis=0, dtype=np.float64), weights.sum(
        axis=0, dtype=np.float64
    )
