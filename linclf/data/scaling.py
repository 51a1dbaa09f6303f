"""Scaling of columns: fitted to the training rows, applied before training, absorbed into the weights after it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce
from operator import add

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import CACHED, Matrix, Stored, chunks, convert_rows, csr, is_sparse

MIN_SCALE = 1e-150  # a column with a smaller scale counts as constant: its weight for raw columns would overflow
LARGE = 1 << 18  # numbers that are summed a few rows at a time
SCALES = ("auto", "standard", "maxabs", "none")


@dataclass(frozen=True)
class Scaling:
    """z = (x - center) / scale, column by column; center and scale (d,) in float64, or None for no such step.

    kind      standard, maxabs or none
    constant  (d,) bool: the columns that are constant in the training rows
    """

    kind: str
    center: Array | None = None
    scale: Array | None = None
    constant: Array | None = None

    def apply(self, X: Matrix, dtype: str) -> Matrix:
        """X (n, d) with rows that are scaled and cast to `dtype` when they are read. Numbers that overflow become
        inf."""
        if self.scale is None and X.dtype == dtype:
            return X
        return convert_rows(X, partial(self._apply, dtype=dtype), dtype)

    def _apply(self, x: Stored, dtype: str) -> Stored:
        with np.errstate(over="ignore"):
            if self.scale is not None:  # divide before casting: raw numbers may not fit the dtype
                if isinstance(x, np.ndarray):
                    x = (x if self.center is None else x - self.center) / self.scale
                else:
                    x = csr(x.data / self.scale[x.indices], x.indices, x.indptr, x.shape)
            return x.astype(dtype, copy=False)

    def weights_to_raw(self, W: Array, b: Array) -> tuple[Array, Array]:
        """Convert weights (d, m) and bias (m,) for scaled columns to those for raw columns, with the same scores.

        The result is float64, since the bias needs the digits if a column is far from 0. Without scaling nothing
        changes.
        """
        if self.scale is None:
            return W, b
        raw = W.astype(np.float64) / self.scale[:, None]  # (d, m)
        shift = 0 if self.center is None else self.center @ raw  # (m,)
        return raw, b - shift

    def weights_to_scaled(self, weight: Array, bias: Array) -> tuple[Array, Array]:
        """Convert weights (d, m) and bias (m,) for raw columns to those for scaled columns: the inverse of
        weights_to_raw."""
        if self.scale is None:
            return weight, bias
        return weight * self.scale[:, None], bias + (0 if self.center is None else self.center @ weight)


@dataclass(frozen=True)
class Moments:
    """The statistics of some rows that determine a scaling. The sum of two is the statistics of all their rows.

    n        the number of rows, a row of weight 2 being two
    mean     (d,) for standard
    squares  (d,) sum_i w_i (x_i - mean)^2 for standard
    largest  (d,) max_i |x_i| for maxabs

    What a scaling does not need is empty.
    """

    n: float
    mean: Array
    squares: Array
    largest: Array

    def __add__(self, other: "Moments") -> "Moments":
        n = self.n + other.n
        # each sum of squares is about its mean, to avoid cancellation (Chan, Golub & LeVeque, 1983)
        step, share = other.mean - self.mean, other.n / n
        squares = self.squares + other.squares + self.n * share * np.square(step)
        return Moments(n, self.mean + share * step, squares, np.maximum(self.largest, other.largest))


def moments(kind: str, X: Matrix, weights: Array | None = None) -> Moments:
    """The statistics of rows X (n >= 1, d), of weights (n,) > 0, that a scaling of this kind needs, in one pass."""
    with np.errstate(over="ignore", invalid="ignore"):  # checked in scaling_from_moments
        return reduce(
            add, (_chunk_moments(kind, x, None if weights is None else weights[rows]) for rows, x in chunks(X))
        )


def _chunk_moments(kind: str, x: Stored, weights: Array | None) -> Moments:
    n, none = x.shape[0] if weights is None else float(weights.sum()), np.zeros(0)
    if not isinstance(x, np.ndarray):
        return Moments(n, none, none, abs(x).max(axis=0).toarray().ravel().astype(np.float64))
    if kind == "maxabs":
        return Moments(n, none, none, np.maximum(x.max(axis=0), -1.0 * x.min(axis=0)))
    if weights is None:
        mean = _sum_of_rows(x, lambda part: part) / n  # (d,)
        return Moments(n, mean, _sum_of_rows(x, lambda part: np.square(part - mean)), none)
    mean = weights @ x / n
    return Moments(n, mean, weights @ np.square(x - mean), none)


def _sum_of_rows(x: Array, function: Callable[[Array], Array]) -> Array:
    """The sum (d,) of a function of rows x (n, d), in float64. Few rows at a time stay in the processor's cache: half the time, and the
    bits of one sum over all rows."""
    if x.size <= LARGE or x.shape[1] == 1:
        return np.asarray(function(x).sum(axis=0, dtype=np.float64))
    step = max(CACHED // max(x.shape[1], 1), 1)
    part = np.zeros((1 + step, x.shape[1]))  # the sum so far, and rows
    for start in range(0, len(x), step):
        rows = x[start : start + step]
        part[1 : 1 + len(rows)] = function(rows)
        part[0] = part[: 1 + len(rows)].sum(axis=0)
    return np.asarray(part[0])


def fit_scaling(
    kind: str,
    X: Matrix,
    sparse_file: bool,
    feature_name: Callable[[int], str],
    name: str,
    *,
    weights: Array | None = None,
) -> Scaling:
    """Fit a scaling to the training rows X (n, d), of weights (n,) or None for ones.

    kind          one of SCALES; auto is standard for data from a dense format and none for data from a sparse one
    sparse_file   whether the data were read from a sparse format
    feature_name  column number -> name, for messages; `name` is the data set's

    A constant column has scale 1: standardised it is 0, and its weight stays 0.
    Raises InputError for `standard` on sparse data and for columns whose variance overflows.
    """
    kind = resolve_kind(kind, X, sparse_file, name)
    if kind == "none":
        return Scaling("none")
    return scaling_from_moments(kind, moments(kind, X, weights), feature_name, name)


def resolve_kind(kind: str, X: Matrix, sparse_file: bool, name: str) -> str:
    """The kind of a scaling, with auto replaced. Raises InputError for `standard` on sparse data."""
    if kind == "auto":
        kind = "none" if sparse_file else "standard"
    if kind == "standard" and is_sparse(X):
        raise InputError(f"{name}: --scale standard would make sparse data dense; use --scale maxabs or none")
    return kind


def scaling_from_moments(kind: str, statistics: Moments, feature_name: Callable[[int], str], name: str) -> Scaling:
    """The scaling, standard or maxabs, from the statistics of the training rows; arguments and errors as of
    fit_scaling."""
    if kind == "maxabs":
        return Scaling("maxabs", None, np.where(statistics.largest > MIN_SCALE, statistics.largest, 1))
    n, center = statistics.n, statistics.mean
    variance = statistics.squares / n  # (d,)
    too_large = np.flatnonzero(~np.isfinite(variance))
    if len(too_large):
        raise InputError(
            f"{name}: the numbers in {feature_name(int(too_large[0]))} are too large to standardise; drop or rescale the column"
        )
    # a bound on the variance of a constant column by rounding, as in scikit-learn's StandardScaler
    rounding = n * np.finfo(np.float64).eps * variance + np.square(n * np.finfo(np.float64).eps * center)
    constant = variance <= rounding + MIN_SCALE**2
    return Scaling("standard", center, np.where(constant, 1, np.sqrt(variance)), constant)


def moments_of_scaling(center: Array | None, scale: Array, constant: Array, n: float) -> Moments:
    """The statistics of n rows that give a scaling of these values, each (d,): the inverse of scaling_from_moments."""
    none = np.zeros(0)
    if center is None:
        return Moments(n, none, none, np.where(constant, 0, scale))
    return Moments(n, center, np.where(constant, 0, n * np.square(scale)), none)
