"""Column scaling: learned from the training rows, applied before training, folded into the weights after it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array
from linclf.matrix import Lazy, Matrix, chunks, converted, is_sparse

SMALLEST = 1e-150  # a column of smaller numbers is taken for constant: its folded weight would overflow
SCALES = ("auto", "standard", "maxabs", "none")


@dataclass(frozen=True)
class Scaling:
    """z = (x - center) / scale, column by column; center and scale (d,) in float64, or None for no such step.

    constant  (d,): which columns are the same number in all rows that this was learned from
    """

    kind: str
    center: Array | None = None
    scale: Array | None = None
    constant: Array | None = None

    def apply(self, X: Matrix, dtype: str) -> Lazy:
        """The rows of X (n, d) scaled when they are asked for, in the dtype trained in. What overflows becomes inf."""
        return converted(X, partial(self._apply, dtype=dtype), dtype)

    def _apply(self, x: Matrix, dtype: str) -> Matrix:
        with np.errstate(over="ignore"):
            if is_sparse(x):
                if self.scale is not None:  # divided before it is cast: the raw numbers may not fit the dtype
                    x = type(x)((x.data / self.scale[x.indices], x.indices, x.indptr), shape=x.shape)
            elif self.scale is not None:
                x = (x if self.center is None else x - self.center) / self.scale
            return x.astype(dtype)

    def fold(self, W: Array, b: Array) -> tuple[Array, Array]:
        """Weights for scaled columns (d, m) and bias (m,) -> weights and bias for raw columns, the same scores.

        Folded weights are float64: a column far from 0 needs its digits. Unscaled weights stay as they are.
        """
        if self.scale is None:
            return W, b
        folded = W.astype(np.float64) / self.scale[:, None]
        shift = 0 if self.center is None else self.center @ folded
        return folded, b - shift


def fit_scaling(kind: str, X: Matrix, sparse_file: bool, feature_name: Callable[[int], str], name: str) -> Scaling:
    """Learn a scaling from the training rows X (n, d).

    kind         one of SCALES; auto is standard for data that come dense and none for data that come sparse
    sparse_file  whether the data come sparse
    feature_name column number -> name, for messages; `name` is the data set's

    A constant column is given scale 1: standardised it is 0, and its weight stays 0.
    Raises InputError for `standard` on sparse data and for columns too large to add up.
    """
    if kind == "auto":
        kind = "none" if sparse_file else "standard"
    if kind == "none":
        return Scaling("none")
    if kind == "maxabs":
        scale = np.zeros(X.shape[1])
        for _, x in chunks(X):
            largest = (
                abs(x).max(axis=0).toarray().ravel()
                if is_sparse(x)
                else np.maximum(x.max(axis=0), -1.0 * x.min(axis=0))
            )
            scale = np.maximum(scale, largest)
        return Scaling("maxabs", None, np.where(scale > SMALLEST, scale, 1))
    if is_sparse(X):
        raise InputError(f"{name}: --scale standard would make sparse data dense; use --scale maxabs or none")
    n, center, squares = 0, np.zeros(X.shape[1]), np.zeros(X.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        for _, x in chunks(X):
            # in one pass and without cancellation, each chunk about its own mean (Chan, Golub & LeVeque, 1983)
            mean = x.mean(axis=0, dtype=np.float64)  # (d,)
            step, share = mean - center, len(x) / (n + len(x))
            squares += np.square(x - mean).sum(axis=0) + n * share * np.square(step)
            center = center + share * step
            n += len(x)
        variance = squares / n  # (d,)
    too_large = np.flatnonzero(~np.isfinite(variance))
    if len(too_large):
        raise InputError(
            f"{name}: the numbers in {feature_name(int(too_large[0]))} are too large to standardise; drop or rescale the column"
        )
    # what rounding alone leaves of a constant column: compare the bound in scikit-learn's StandardScaler
    rounding = n * np.finfo(np.float64).eps * variance + np.square(n * np.finfo(np.float64).eps * center)
    constant = variance <= rounding + SMALLEST**2
    return Scaling("standard", center, np.where(constant, 1, np.sqrt(variance)), constant)
