"""Column scaling per model, applied to the weights: models that were scaled by different rows share one X."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from linclf.losses import Array
from linclf.optim.linalg import dense_chunks


@dataclass(frozen=True)
class ColumnView:
    """How each model of a stack sees dense X: the columns z = (x - center) * factor, the last one of them ones, for the bias.

    So the folds of a cross-validation, which are scaled by different rows, share one X: the weights W of z act on X as
    `to_raw_weights(W)`. center, factor (d + 1, *models), with axes of length 1 where models agree; those of the column of ones
    are 0 and 1, or 0 and 0 without a bias, which then stays 0.
    """

    center: Array
    factor: Array

    def astype(self, dtype: DTypeLike) -> "ColumnView":
        """The same view in another dtype."""
        return ColumnView(self.center.astype(dtype), self.factor.astype(dtype))

    def to_raw_weights(self, W: Array) -> Array:
        """Weights of X that give the scores that W (d + 1, *models, m) gives to z."""
        weights = np.multiply(self.factor[..., None], W, out=np.empty_like(W))
        weights[-1] -= np.einsum("d...,d...m->...m", self.center, weights)
        return weights

    def to_view_gradient(self, dW: Array) -> None:
        """Turn the gradient by weights of X into the one by weights of z, in place: (d + 1, *models, m)."""
        # in the layout of dW: NumPy's own choice for this product takes five times as long
        dW -= np.multiply(self.center[..., None], dW[-1], out=np.empty_like(dW))
        dW *= self.factor[..., None]

    def squared_norms(self, X: Array) -> Array:
        """||z_i||^2 of the rows of X (n, d + 1), its ones included: (n, *models), float64."""
        norms = np.empty((X.shape[0], *self.factor.shape[1:]))
        for model in np.ndindex(norms.shape[1:]):
            center, factor = self.center[:, *model], self.factor[:, *model]
            norms[:, *model] = np.concatenate([np.square((x - center) * factor).sum(axis=1) for x in dense_chunks(X)])
        return norms
