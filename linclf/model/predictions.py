"""What a model predicts for rows whose labels are known: the value that every metric is a function of."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from linclf.losses import Array, softmax


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
    def known_softmax(self) -> tuple[Array, Array]:
        """Of the rows of known label: -log of the probability of the true class (n,), and the probabilities minus 1 at the true
        class and minus 0 at the others (n, K). Only for a model with probabilities."""
        if self.logits is None:
            raise AssertionError("a metric of the probabilities of a model without any")
        return softmax(self.logits[self.known].astype(np.float64), self.y[self.known])

    @cached_property
    def ranking(self) -> Array | None:
        """What orders the rows by how much they look like each class: (n, K), or for two classes (n, 1), of the second class.

        The log-odds of the class, which are ordered as its probability but do not round to the same number near 0 and 1; without
        probabilities its score, or for two classes the second score minus the first. None without either.
        """
        found = self.scores if self.logits is None else self.logits
        if found is None:
            return None
        found = found.astype(np.float64)
        if self.n_classes == 2:
            return found if found.shape[1] == 1 else found[:, 1:] - found[:, :1]
        return found if self.logits is None else _log_odds(found)

    @cached_property
    def areas(self) -> Array:
        """The area under the ROC curve and the average precision of each class against all other rows, (2, K); NaN where
        undefined. Without scores all are."""
        areas = np.full((2, self.n_classes), np.nan)
        if self.ranking is None or np.isnan(self.ranking).any():
            return areas
        columns = self.ranking.T if self.n_classes > 2 else np.vstack([-self.ranking.T, self.ranking.T])  # (K, n)
        for k, s in enumerate(columns):
            areas[:, k] = areas_under_curves(s, self.y == k, self.weights)
        return areas


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


def _log_odds(logits: Array) -> Array:
    """log(p / (1 - p)) of the softmax p of logits (n, K), for K > 2: (n, K)."""
    rows, top = np.arange(len(logits)), logits.argmax(axis=1)
    shifted = logits - logits[rows, top][:, None]  # (n, K), 0 at the largest
    terms = np.exp(shifted)
    terms[rows, top] = 0
    below = terms.sum(axis=1)  # (n,)
    others = 1 + below[:, None] - terms  # (n, K), at least 1 but for the largest, whose others are those below it
    others[rows, top] = below
    with np.errstate(divide="ignore"):  # of a probability that rounds to 1 by more than 300 digits
        return np.asarray(shifted - np.log(others))
