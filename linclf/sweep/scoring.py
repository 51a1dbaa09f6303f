"""Score many models on the same held-out rows.

The accuracy, the balanced accuracy and the log loss of all models are summed up together, a few rows at a time; other metrics are
measured model by model.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from linclf.losses import Array, Loss, softmax
from linclf.model.metrics import Metric
from linclf.model.predictions import Predictions
from linclf.optim.linalg import CHUNK_NUMBERS, Matrix, chunks
from linclf.optim.objective import predicted, scores


@dataclass(frozen=True)
class Scorer:
    """Measures models of a loss for K classes by a metric."""

    metric: Metric
    loss: Loss
    n_classes: int

    def __call__(
        self, X: Matrix, y: Array, W: Array, b: Array, *, weights: Array | None = None, errors: bool = False
    ) -> tuple[Array, Array]:
        """The values of the metric for c models W (d, c, m), b (c, m) on rows X (n, d) with codes y (n,) and weights (n,): (c,),
        NaN where undefined; and their standard errors (c,). `errors` says that these are wanted, which may cost more."""
        counts = np.ones(len(y)) if weights is None else weights.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # of weights that are about to diverge
            if self.metric.name in ("accuracy", "balanced-accuracy"):
                rights = self._rights(X, y, counts, W, b)  # (K + 1, c)
                return (_accuracy if self.metric.name == "accuracy" else _balanced_accuracy)(rights, y, counts)
            if self.metric.name == "log-loss":
                return self._log_losses(X, y, counts, W, b)
            return self._one_by_one(X, y, weights, W, b, errors=errors)

    def _rights(self, X: Matrix, y: Array, counts: Array, W: Array, b: Array) -> Array:
        """How many rows of each class each model predicts correctly: (K + 1, c); the last is the unknown label."""
        classes = np.arange(self.n_classes + 1)
        rights = np.zeros((len(classes), len(b)))
        for rows, s in _scores(X, W, b):
            indicator = (classes == (y[rows] % len(classes))[:, None]) * counts[rows, None]  # (rows, K + 1)
            rights += indicator.T @ (predicted(s) == y[rows, None])
        return rights

    def _log_losses(self, X: Matrix, y: Array, counts: Array, W: Array, b: Array) -> tuple[Array, Array]:
        if self.loss.logits is None:
            raise AssertionError("the log loss of a loss without probabilities")
        total, squares, n = np.zeros(len(b)), np.zeros(len(b)), counts[y >= 0].sum()
        for rows, s in _scores(X, W, b):
            known = np.flatnonzero(y[rows] >= 0)
            own = s if len(known) == len(s) else s[known]
            values = softmax(self.loss.logits(own), y[rows][known])[0].astype(np.float64)  # (known, c)
            total += counts[rows][known] @ values
            squares += counts[rows][known] @ np.square(values)
        mean = total / n
        return mean, np.sqrt(np.maximum(squares / n - np.square(mean), 0) / n)

    def _one_by_one(
        self, X: Matrix, y: Array, weights: Array | None, W: Array, b: Array, *, errors: bool
    ) -> tuple[Array, Array]:
        values, found_errors = np.full(len(b), np.nan), np.full(len(b), np.nan)
        group = max(1, CHUNK_NUMBERS // max(1, len(y) * b.shape[1]))  # of models, to bound the memory
        for first in range(0, len(b), group):
            own = slice(first, first + group)
            s = np.concatenate(
                [part for _, part in _scores(X, np.ascontiguousarray(W[:, own]), b[own])]
            )  # (n, group, m)
            logits = None if self.loss.logits is None else self.loss.logits(s)  # (n, group, K)
            for j in range(s.shape[1]):
                own_logits = None if logits is None else logits[:, j]
                one = Predictions(predicted(s[:, j]), y, self.n_classes, s[:, j], own_logits, weights)
                values[first + j] = np.array(self.metric(one), np.float64)  # None is NaN
                if errors:
                    found_errors[first + j] = np.array(self.metric.standard_error(one), np.float64)
        return values, found_errors


def _scores(X: Matrix, W: Array, b: Array) -> Iterator[tuple[slice, Array]]:
    """The scores of models W (d, c, m), b (c, m), a few rows at a time: (rows, c, m)."""
    for rows, x in chunks(X, b.size):
        yield rows, scores(x, W, b)


def _accuracy(rights: Array, y: Array, counts: Array) -> tuple[Array, Array]:
    """As linclf.model.metrics.accuracy_rows and mean_error, from rights (K + 1, c)."""
    n = counts.sum()
    share = rights.sum(axis=0) / n
    return share, np.sqrt(share * (1 - share) / n)


def _balanced_accuracy(rights: Array, y: Array, counts: Array) -> tuple[Array, Array]:
    """As linclf.model.metrics.balanced_accuracy and balanced_accuracy_error, from rights (K + 1, c)."""
    support = np.bincount(y[y >= 0], counts[y >= 0], len(rights) - 1)
    there = support > 0
    recalls, rows = rights[:-1][there] / support[there, None], support[there, None]  # (classes there, c)
    return recalls.mean(axis=0), np.sqrt((recalls * (1 - recalls) / rows).sum(axis=0)) / there.sum()
