"""All rows of the data as full-batch steps see them: products with weights and with gradients by the scores."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from linclf.losses import Array
from linclf.optim.linalg import (
    LazyRows,
    Matrix,
    Minibatch,
    Stored,
    add_transposed_product,
    chunk_rows,
    chunks,
    is_sparse,
    materialize,
    minibatch,
    product,
    to_dense,
    values_of,
)

SMALL = 1 << 18  # numbers of X that are copied to float64


class Rows:
    """All rows X (n, d), with a 1 after each if `ones`: D columns. Products are computed a few rows at a time, in `dtype`, by default
    that of X, and summed in float64."""

    def __init__(self, X: Matrix, *, ones: bool, dtype: DTypeLike | None = None) -> None:
        self.X, self.ones, self.n, self.d = X, ones, X.shape[0], X.shape[1]
        self.dtype = np.dtype(X.dtype if dtype is None else dtype)

    @property
    def n_columns(self) -> int:
        """D"""
        return int(self.d) + self.ones

    def scores(self, z: Array) -> Array:
        """X z: (n, m), float64."""
        W = self._weights(z[: self.d])
        found = np.concatenate([product(x, W).T for _, x in self._chunks(z.shape[1])], axis=1, dtype=np.float64).T
        return np.asarray(found + z[self.d] if self.ones else found)

    def transposed(self, g: Array) -> Array:
        """X^T g of g (n, m): (D, m), float64."""
        out = np.zeros((g.shape[1], self.n_columns)).T  # the weights of each output are contiguous
        for rows, x in self._chunks(g.shape[1]):
            part = self._weights(np.zeros((self.d, g.shape[1])))
            add_transposed_product(x, self._weights(g[rows]), part)
            out[: self.d] += part
        if self.ones:
            out[self.d] = g.sum(axis=0)
        return out

    def _weights(self, a: Array) -> Array:
        """Numbers as the products take them."""
        return np.asarray(a, self.dtype, order="C" if is_sparse(self.X) else "K")

    def _chunks(self, outputs: int) -> Iterator[tuple[slice, Stored | Minibatch]]:
        """The rows in `chunks`, as the products take them; those of CSR in memory without a copy, which takes as long as a product."""
        if isinstance(self.X, (np.ndarray, LazyRows)) or self.X.dtype != self.dtype:
            return ((rows, x.astype(self.dtype, copy=False)) for rows, x in chunks(self.X, outputs))
        X, step = self.X, chunk_rows(self.X, outputs)
        return ((slice(i, i + step), minibatch(X, i, min(i + step, self.n))) for i in range(0, self.n, step))

    def dense(self, rows: Array) -> Array:
        """Some rows as a dense array (k, D), with their ones."""
        x = to_dense(self.X[rows])
        return np.hstack([x, np.ones((len(x), 1), x.dtype)]) if self.ones else x

    def squares(self, weights: Array) -> Array:
        """(X * X)^T weights: the sums (D, m) of the squares in each column, with weights (n, m)."""
        out = np.zeros((self.n_columns, weights.shape[1]))
        for rows, x in chunks(self.X, weights.shape[1]):
            squared, part = x.astype(self.dtype, copy=True), self._weights(np.zeros((self.d, weights.shape[1])))
            values_of(squared)[...] *= values_of(squared)
            add_transposed_product(squared, self._weights(weights[rows]), part)
            out[: self.d] += part
        if self.ones:
            out[self.d] = weights.sum(axis=0)
        return out


class DenseRows(Rows):
    """Few enough dense rows to be kept in float64, their ones among them: a product is one call, a third of the time on small data."""

    def __init__(self, X: Array, *, ones: bool) -> None:
        super().__init__(X, ones=ones, dtype=np.float64)
        self.whole = np.ones((self.n, self.n_columns))  # with their ones
        self.whole[:, : self.d] = X

    def scores(self, z: Array) -> Array:
        """X z: (n, m)."""
        return product(self.whole, z)

    def transposed(self, g: Array) -> Array:
        """X^T g of g (n, m): (D, m)."""
        return np.asarray((g.T @ self.whole).T)

    def dense(self, rows: Array) -> Array:
        """Some rows as a dense array (k, D), with their ones."""
        return self.whole[rows]


def fast_rows(X: Matrix, *, ones: bool) -> Rows:
    """The rows for many products: in memory, few dense ones in float64."""
    X = materialize(X)
    return DenseRows(X, ones=ones) if isinstance(X, np.ndarray) and X.size <= SMALL else Rows(X, ones=ones)
