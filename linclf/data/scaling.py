"""Column scaling: learned from the training rows, applied before training, folded into the weights after it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce
from operator import add

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Matrix, chunks, converted, is_sparse

MIN_SCALE = 1e-150  # a column of smaller numbers is taken for constant: its folded weight would overflow
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

    def apply(self, X: Matrix, dtype: str) -> Matrix:
        """The rows of X (n, d) scaled when they are asked for, in the dtype trained in. What overflows becomes inf."""
        if self.scale is None and X.dtype == dtype:
            return X
        return converted(X, partial(self._apply, dtype=dtype), dtype)

    def _apply(self, x: Matrix, dtype: str) -> Matrix:
        with np.errstate(over="ignore"):
            if is_sparse(x):
                if self.scale is not None:  # divided before it is cast: the raw numbers may not fit the dtype
                    x = type(x)((x.data / self.scale[x.indices], x.indices, x.indptr), shape=x.shape)
            elif self.scale is not None:
                x = (x if self.center is None else x - self.center) / self.scale
            return x.astype(dtype, copy=False)

    def weights_to_raw(self, W: Array, b: Array) -> tuple[Array, Array]:
        """Weights for scaled columns (d, m) and bias (m,) -> weights and bias for raw columns, the same scores.

        Folded weights are float64: a column far from 0 needs its digits. Unscaled weights stay as they are.
        """
        if self.scale is None:
            return W, b
        folded = W.astype(np.float64) / self.scale[:, None]
        shift = 0 if self.center is None else self.center @ folded
        return folded, b - shift

    def weights_to_scaled(self, weight: Array, bias: Array) -> tuple[Array, Array]:
        """`fold` undone."""
        if self.scale is None:
            return weight, bias
        return weight * self.scale[:, None], bias + (0 if self.center is None else self.center @ weight)


@dataclass(frozen=True)
class Moments:
    """What a scaling is learned from, of some rows: those of two sets of rows add up to those of both.

    n rows; mean (d,) and squares (d,) = sum_i (x_i - mean)^2 of dense rows, None of sparse ones; largest (d,) = max_i |x_i|
    """

    n: int
    mean: Array | None
    squares: Array | None
    largest: Array

    def __add__(self, other: "Moments") -> "Moments":
        largest, n = np.maximum(self.largest, other.largest), self.n + other.n
        if self.mean is None or self.squares is None or other.mean is None or other.squares is None:
            return Moments(n, None, None, largest)
        # without cancellation, each set about its own mean (Chan, Golub & LeVeque, 1983)
        step, share = other.mean - self.mean, other.n / n
        squares = self.squares + other.squares + self.n * share * np.square(step)
        return Moments(n, self.mean + share * step, squares, largest)


def moments(kind: str, X: Matrix) -> Moments:
    """The moments of rows X (n >= 1, d) that a scaling of this kind asks for, in one pass; others are left 0 or None."""
    with np.errstate(over="ignore", invalid="ignore"):  # looked for in scaling_from_moments
        return reduce(add, (_chunk_moments(kind, x) for _, x in chunks(X)))


def _chunk_moments(kind: str, x: Matrix) -> Moments:
    n, d = x.shape
    if kind == "maxabs":
        if is_sparse(x):
            return Moments(n, None, None, abs(x).max(axis=0).toarray().ravel().astype(np.float64))
        return Moments(n, None, None, np.maximum(x.max(axis=0), -1.0 * x.min(axis=0)))
    mean = x.mean(axis=0, dtype=np.float64)  # (d,)
    return Moments(n, mean, np.square(x - mean).sum(axis=0), np.zeros(d))


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
    if kind == "standard" and is_sparse(X):
        raise InputError(f"{name}: --scale standard would make sparse data dense; use --scale maxabs or none")
    return Scaling("none") if kind == "none" else scaling_from_moments(kind, moments(kind, X), feature_name, name)


def scaling_from_moments(kind: str, known: Moments, feature_name: Callable[[int], str], name: str) -> Scaling:
    """The scaling, standard or maxabs, by the moments of the training rows; arguments and errors as of fit_scaling."""
    if kind == "maxabs":
        return Scaling("maxabs", None, np.where(known.largest > MIN_SCALE, known.largest, 1))
    n, center = known.n, known.mean
    if center is None or known.squares is None:
        raise AssertionError("standard scaling is learned from dense rows")
    variance = known.squares / n  # (d,)
    too_large = np.flatnonzero(~np.isfinite(variance))
    if len(too_large):
        raise InputError(
            f"{name}: the numbers in {feature_name(int(too_large[0]))} are too large to standardise; drop or rescale the column"
        )
    # what rounding alone leaves of a constant column: compare the bound in scikit-learn's StandardScaler
    rounding = n * np.finfo(np.float64).eps * variance + np.square(n * np.finfo(np.float64).eps * center)
    constant = variance <= rounding + MIN_SCALE**2
    return Scaling("standard", center, np.where(constant, 1, np.sqrt(variance)), constant)
