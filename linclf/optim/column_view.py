"""A model's own affine map of the columns of X."""

from dataclasses import dataclass

import numpy as np

from linclf.losses import Array
from linclf.optim.linalg import Matrix, chunks


@dataclass(frozen=True)
class ColumnView:
    """How each model of a stack sees dense X: the columns z = (x - center) * rate, the last one of them ones, for the bias.

    So models that were scaled by different rows, the folds of a cross-validation, share one X: their weights W of z act on
    X as `seen`. center, rate (d + 1, *models), with axes of length 1 where models agree; those of the ones are 0 and 1,
    or 0 and 0 without a bias, which then stays 0.
    """

    center: Array
    rate: Array

    def seen(self, W: Array) -> Array:
        """Weights of X that give the scores that W (d + 1, *models, m) gives to z."""
        weights = np.multiply(self.rate[..., None], W, out=np.empty_like(W))
        weights[-1] -= np.einsum("d...,d...m->...m", self.center, weights)
        return weights

    def pull(self, dW: Array) -> None:
        """The gradient by weights of X as the one by weights of z, in place: (d + 1, *models, m)."""
        # in the layout of dW: NumPy's own choice for this product takes five times as long
        dW -= np.multiply(self.center[..., None], dW[-1], out=np.empty_like(dW))
        dW *= self.rate[..., None]

    def squared_norms(self, X: Matrix) -> Array:
        """||z_i||^2 of the rows of X (n, d + 1), its ones included: (n, *models), float64."""
        norms = np.empty((X.shape[0], *self.rate.shape[1:]))
        for model in np.ndindex(norms.shape[1:]):
            center, rate = self.center[:, *model], self.rate[:, *model]
            for rows, x in chunks(X):
                norms[rows, *model] = np.square((x - center) * rate).sum(axis=1)
        return norms
