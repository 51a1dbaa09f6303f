"""What a model predicts for rows whose labels are known: the value that every metric is a function of."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from linclf.losses import Array, softmax
from linclf.optim.linalg import CHUNK_NUMBERS


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions for n rows, next to their true classes.

    predicted  (n,) codes
    y          (n,) true codes; -1 is a label that is not among the classes, so that whatever is predicted for it is wrong
    n_classes  K
    scores     (n, m) the decision function of the model, None if it is not known
    logits     (n, K) whose softmax are the probabilities of the classes, None for a model without probabilities
    weights    (n,) >= 0: a row of weight 2 counts as two rows, one of weight 0 as none; None for ones
    """

    predicted: Array
    y: Array
    n_classes: int
    scores: Array | None = None
    logits: Array | None = None
    weights: Array | None = None

    def select(self, rows: Array) -> "Predictions":
        """The predictions for some rows, given by their numbers or as a mask (n,)."""
        scores, logits, weights = (None if a is None else a[rows] for a in (self.scores, self.logits, self.weights))
        return Predictions(self.predicted[rows], self.y[rows], self.n_classes, scores, logits, weights)

    @cached_property
    def counts(self) -> Array:
        """How many rows each row counts as: (n,), float64."""
        return np.ones(len(self.y)) if self.weights is None else self.weights.astype(np.float64)

    @cached_property
    def total(self) -> float:
        """How many rows there are."""
        return float(self.counts.sum())

    @cached_property
    def known(self) -> Array:
        """Whether the label of each row is among the classes: (n,)."""
        return self.y >= 0

    @cached_property
    def support(self) -> Array:
        """How many rows each class has: (K,)."""
        return np.bincount(self.y[self.known], self.counts[self.known], self.n_classes)

    @cached_property
    def n_predicted(self) -> Array:
        """For how many rows each class is predicted: (K,)."""
        return np.bincount(self.predicted, self.counts, self.n_classes)

    @cached_property
    def correct(self) -> Array:
        """For how many rows of each class it is predicted: (K,)."""
        right = self.predicted == self.y
        return np.bincount(self.y[right], self.counts[right], self.n_classes)

    def confusion(self) -> Array:
        """How many rows of class i were predicted as class j, without rows of unknown label: (K, K)."""
        K, known = self.n_classes, self.known
        flat = np.bincount(self.y[known] * K + self.predicted[known], self.counts[known], K**2)
        return flat.reshape(K, K)

    @cached_property
    def known_probabilities(self) -> "KnownProbabilities":
        """What metrics need of the probabilities, for the rows of known label. Only for a model with probabilities."""
        if self.logits is None:
            raise AssertionError("a metric of the probabilities of a model without any")
        rows = np.flatnonzero(self.known)
        step = max(1, CHUNK_NUMBERS // self.n_classes)  # rows at a time: a part may be large
        parts = [_known_probabilities(self.logits[own], self.y[own]) for own in _cut(rows, step)]
        log_loss, squares, confidence, right = (np.concatenate(each) for each in zip(*parts, strict=True))
        return KnownProbabilities(log_loss, squares, confidence, right, self.counts[rows])

    @cached_property
    def areas(self) -> Array:
        """The area under the ROC curve and the average precision of each class against all other rows, (2, K); NaN where
        undefined. Without scores all are.

        A class orders the rows by its log-odds, which have the order of its probability but do not round to the same number near
        0 and 1; without probabilities by its score, or of two classes by the difference of theirs.
        """
        areas = np.full((2, self.n_classes), np.nan)
        for k, s in enumerate(self.orders()):
            areas[:, k] = areas_under_curves(s, self.y == k, self.weights)
        return areas

    def orders(self) -> Iterator[Array]:
        """For each class the numbers (n,) by which it orders the rows; nothing where scores are not known or not finite."""
        found = self.scores if self.logits is None else self.logits
        if found is not None and np.isfinite(found).all():
            yield from _orders(found, self.n_classes, log_odds=self.logits is not None)


class KnownProbabilities(NamedTuple):
    """Of n rows, each (n,): -log of the probability of the true class; sum_k (p_k - [y = k])^2; the largest probability; whether
    it is that of the true class; and how many rows each counts as."""

    log_loss: Array
    squares: Array
    confidence: Array
    right: Array
    counts: Array


def _known_probabilities(logits: Array, y: Array) -> tuple[Array, Array, Array, Array]:
    """The fields of KnownProbabilities but for the counts, for logits (n, K) and codes y (n,) >= 0."""
    values, p = softmax(logits.astype(np.float64), y)  # (n,), and (n, K) the probabilities minus 1 at the true class
    squares = np.square(p).sum(axis=1)
    p[np.arange(len(y)), y] += 1
    return values, squares, p.max(axis=1), p.argmax(axis=1) == y


def _cut(rows: Array, step: int) -> Iterator[Array]:
    """Row numbers (n,), `step` at a time; one piece if there are none."""
    for start in range(0, max(len(rows), 1), step):
        yield rows[start : start + step]


def _orders(found: Array, n_classes: int, *, log_odds: bool) -> Iterator[Array]:
    """By what each class orders the rows, (n,) float64, from scores (n, m) or logits (n, K)."""
    if n_classes == 2:
        margin = found[:, -1].astype(np.float64) - (found[:, 0] if found.shape[1] == 2 else 0)
        yield -margin
        yield margin
    elif log_odds:
        yield from _log_odds(found)
    else:
        yield from (column.astype(np.float64) for column in found.T)


def areas_under_curves(s: Array, positive: Array, weights: Array | None) -> tuple[float, float]:
    """The area under the ROC curve and the average precision of scores s (n,); NaN where undefined.

    The first is the share of pairs of a positive and a negative row that s puts in order, a tie counting half (Hanley & McNeil,
    1982); it needs rows of both kinds. The second is the mean over positive rows of the precision among all rows whose score is
    at least as large, without interpolation; it needs a positive row.
    """
    (own, own_counts), (others, other_counts) = (
        _sorted(s[kind], None if weights is None else weights[kind]) for kind in (positive, ~positive)
    )
    n_positive, n_negative = own_counts[-1], other_counts[-1]
    if not n_positive > 0:
        return np.nan, np.nan
    counts = np.diff(own_counts)  # of each positive row
    below, not_above = (other_counts[np.searchsorted(others, own, side)] for side in ("left", "right"))  # negative rows
    true = n_positive - own_counts[np.searchsorted(own, own, "left")]
    precision = np.divide(true, true + n_negative - below, out=np.zeros(len(true)), where=true > 0)
    average_precision = min(1.0, float(counts @ precision / n_positive))  # rounding can exceed 1
    if not n_negative > 0:
        return np.nan, average_precision
    return min(1.0, float(counts @ (below + not_above) / 2 / n_positive / n_negative)), average_precision


def _sorted(s: Array, weights: Array | None) -> tuple[Array, Array]:
    """Scores (n,) in increasing order, and how many rows the first 0, 1, ..., n of them are (n + 1,)."""
    if weights is None:
        return np.sort(s), np.arange(len(s) + 1.0)
    order = np.argsort(s)
    return s[order], np.append(0, np.cumsum(weights[order], dtype=np.float64))


def _log_odds(logits: Array) -> Iterator[Array]:
    """log(p_k / (1 - p_k)) of each class, (n,), for the softmax p of logits (n, K), K > 2."""
    top, below = logits.argmax(axis=1), np.zeros(len(logits))
    largest = logits[np.arange(len(logits)), top].astype(np.float64)
    for k, column in enumerate(logits.T):  # class by class: a part may be large
        below += np.where(top == k, 0, np.exp(column - largest))
    for k, column in enumerate(logits.T):
        shifted = column - largest
        others = np.where(top == k, below, 1 + below - np.exp(shifted))  # at least 1 but for the largest
        with np.errstate(divide="ignore"):  # of a probability that differs from 1 by less than the smallest number
            yield shifted - np.log(others)
