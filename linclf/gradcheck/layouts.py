"""How weights, rows and labels are laid out in the arguments of a user's function."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from linclf.losses import Array

INTERCEPT = 0.3  # that weights are given where a layout has one


@dataclass(frozen=True)
class Layout:
    """How weights W (D, C), or (D, 1) of a single output, and rows X (N, D) are laid out in a user's arguments.

    weights, rows  turn them into the user's
    scores, back   (user's W, user's X) -> (N, m), and (gradient with respect to the scores (N, m), user's X) -> that by the user's W
    has_rows       whether a sample is a row of the user's X, not a column
    biases         shapes that a bias may have, m standing for the number of outputs
    """

    text: str
    one: bool
    weights: Callable[[Array], Array]
    rows: Callable[[Array], Array]
    scores: Callable[[Array, Array], Array]
    back: Callable[[Array, Array], Array]
    biases: tuple[tuple[str, ...], ...] = (("m",), ("1", "m"))
    has_rows: bool = True

    def without(self, feature: int, n_features: int, n_outputs: int) -> Array:
        """1 for each of the user's weights but those of a feature, 0 or -1; where there is an intercept, but for this."""
        kept = np.ones((n_features, 1 if self.one else n_outputs))
        if (self.weights(0 * kept) != 0).any():
            return np.asarray((self.weights(0 * kept) == 0).astype(float))
        kept[feature] = 0
        return self.weights(kept)


def _same(a: Array) -> Array:
    return a


def _turned(a: Array) -> Array:
    return a.T.copy()


def _vector(W: Array) -> Array:
    return W[:, 0].copy()


def _flat(W: Array) -> Array:
    return W.ravel()


def _flat_turned(W: Array) -> Array:
    return W.T.ravel()


NUMBER: tuple[tuple[str, ...], ...] = ((), ("1",), ("1", "1"))  # shapes of the bias of one output
COLUMN_OF: tuple[tuple[str, ...], ...] = (("m", "1"),)

# fmt: off
ROWS = Layout("W (D, C), X (N, D)", False, _same, _same, lambda W, X: X @ W, lambda S, X: X.T @ S)
COLUMNS = Layout("W (C, D), X (D, N)", False, _turned, _turned, lambda W, X: (W @ X).T, lambda S, X: S.T @ X.T, COLUMN_OF, has_rows=False)
TURNED = Layout("W (C, D), X (N, D)", False, _turned, _same, lambda W, X: X @ W.T, lambda S, X: S.T @ X)
MIXED = Layout("W (D, C), X (D, N)", False, _same, _turned, lambda W, X: X.T @ W, lambda S, X: X @ S, COLUMN_OF, has_rows=False)
FLAT = Layout("w (D C,), X (N, D)", False, _flat, _same, lambda w, X: X @ w.reshape(X.shape[1], -1), lambda S, X: (X.T @ S).ravel())
FLAT_TURNED = Layout("w (C D,), X (N, D)", False, _flat_turned, _same, lambda w, X: X @ w.reshape(-1, X.shape[1]).T, lambda S, X: (S.T @ X).ravel())
FLAT_COLUMNS = Layout("w (C D,), X (D, N)", False, _flat_turned, _turned, lambda w, X: (w.reshape(-1, len(X)) @ X).T, lambda S, X: (S.T @ X.T).ravel(), COLUMN_OF, has_rows=False)
VECTOR = Layout("w (D,), X (N, D)", True, _vector, _same, lambda w, X: (X @ w)[:, None], lambda S, X: X.T @ S[:, 0], NUMBER)
VECTOR_COLUMNS = Layout("w (D,), X (D, N)", True, _vector, _turned, lambda w, X: (w @ X)[:, None], lambda S, X: X @ S[:, 0], NUMBER, has_rows=False)
COLUMN = Layout("w (D, 1), X (N, D)", True, _same, _same, lambda w, X: X @ w, lambda S, X: X.T @ S, NUMBER)
COLUMN_TURNED = Layout("w (D, 1), X (D, N)", True, _same, _turned, lambda w, X: X.T @ w, lambda S, X: X @ S, NUMBER, has_rows=False)
ROW = Layout("w (1, D), X (N, D)", True, _turned, _same, lambda w, X: X @ w.T, lambda S, X: S.T @ X, NUMBER)
ROW_COLUMNS = Layout("w (1, D), X (D, N)", True, _turned, _turned, lambda w, X: (w @ X).T, lambda S, X: S.T @ X.T, NUMBER, has_rows=False)
INTERCEPT_FIRST = Layout("w (1 + D,) with the intercept first, X (N, D)", True, lambda W: np.r_[INTERCEPT, W[:, 0]], _same, lambda w, X: (X @ w[1:] + w[0])[:, None], lambda S, X: np.r_[S.sum(), X.T @ S[:, 0]], NUMBER)
INTERCEPT_LAST = Layout("w (D + 1,) with the intercept last, X (N, D)", True, lambda W: np.r_[W[:, 0], INTERCEPT], _same, lambda w, X: (X @ w[:-1] + w[-1])[:, None], lambda S, X: np.r_[X.T @ S[:, 0], S.sum()], NUMBER)
ONE_FEATURE = Layout("w a number, x (N,)", True, lambda W: np.asarray(W[0, 0]), lambda X: X[:, 0].copy(), lambda w, X: (w * X)[:, None], lambda S, X: np.asarray(X @ S[:, 0]), NUMBER)
# fmt: on


@dataclass(frozen=True)
class Labels:
    """How codes y (N,) of the classes are encoded: (codes, number of classes) -> the user's labels; columns: one for each sample."""

    text: str
    one: bool
    encode: Callable[[Array, int], Array]
    columns: bool = False


def _signs(y: Array) -> Array:
    return np.where(y % 2, 1, -1)


CODES = Labels("integers", False, lambda y, n_classes: y)
ONE_HOT = Labels("one-hot (N, C)", False, lambda y, n_classes: np.eye(n_classes)[y])
ONE_HOT_TURNED = Labels("one-hot (C, N)", False, lambda y, n_classes: np.eye(n_classes)[y].T.copy(), columns=True)
CODES_COLUMN = Labels("integers (N, 1)", False, lambda y, n_classes: y[:, None])
SIGNS = Labels("-1 or 1", True, lambda y, n_classes: _signs(y))
BITS = Labels("0 or 1", True, lambda y, n_classes: y % 2)
SIGNS_COLUMN = Labels("-1 or 1 (N, 1)", True, lambda y, n_classes: _signs(y)[:, None])
BITS_COLUMN = Labels("0 or 1 (N, 1)", True, lambda y, n_classes: (y % 2)[:, None])
SIGNS_ROW = Labels("-1 or 1 (1, N)", True, lambda y, n_classes: _signs(y)[None], columns=True)
BITS_ROW = Labels("0 or 1 (1, N)", True, lambda y, n_classes: (y % 2)[None], columns=True)

Pairing = tuple[Layout, Labels]
MANY: tuple[Pairing, ...] = (
    (ROWS, CODES),
    (COLUMNS, CODES),
    (ROWS, ONE_HOT),
    (TURNED, CODES),
    (TURNED, ONE_HOT),
    (COLUMNS, ONE_HOT_TURNED),
    (ROWS, CODES_COLUMN),
    (MIXED, CODES),
    (MIXED, ONE_HOT_TURNED),
    (FLAT, CODES),
    (FLAT, ONE_HOT),
    (FLAT_TURNED, CODES),
    (FLAT_TURNED, ONE_HOT),
    (FLAT_COLUMNS, CODES),
    (FLAT_COLUMNS, ONE_HOT_TURNED),
)
SIGNED: tuple[Pairing, ...] = (
    (VECTOR, SIGNS),
    (COLUMN, SIGNS_COLUMN),
    (COLUMN, SIGNS),
    (COLUMN_TURNED, SIGNS_ROW),
    (VECTOR, SIGNS_COLUMN),
    (ROW, SIGNS_COLUMN),
    (COLUMN_TURNED, SIGNS),
    (VECTOR_COLUMNS, SIGNS),
    (ROW_COLUMNS, SIGNS_ROW),
    (INTERCEPT_FIRST, SIGNS),
    (INTERCEPT_LAST, SIGNS),
)
BINARY: tuple[Pairing, ...] = (
    (VECTOR, BITS),
    (COLUMN, BITS_COLUMN),
    (COLUMN, BITS),
    (COLUMN_TURNED, BITS_ROW),
    (VECTOR, BITS_COLUMN),
    (ROW, BITS_COLUMN),
    (COLUMN_TURNED, BITS),
    (VECTOR_COLUMNS, BITS),
    (ROW_COLUMNS, BITS_ROW),
    (INTERCEPT_FIRST, BITS),
    (INTERCEPT_LAST, BITS),
    (ONE_FEATURE, BITS),
)
