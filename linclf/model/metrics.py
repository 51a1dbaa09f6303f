"""The table of metrics: each a function of `Predictions`, with its direction, its needs and its definition.

A row of unknown label is a row of no class: its prediction is wrong, and it is one of the others for each class; the metrics of
probabilities, and recalls, are over rows of known label. To add a metric: a function here, and its line in `METRICS`.
"""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Literal, Protocol

import numpy as np

from linclf.losses import Array
from linclf.model.predictions import Predictions
from linclf.storage.decode import finite_or_none

BINS = 15  # of confidence, for the calibration error
JACKKNIFE_GROUPS = 20

Values = tuple[Array, Array]  # a value of each row that counts (n,), and how many rows each counts as (n,)


class ClassCounts(Protocol):
    """What metrics of labels are functions of, as `Predictions` has it for one prediction of each row: (K,). Of several at once,
    such as those of several thresholds or resamples, the arrays have the further axis that they broadcast to: (K, several)."""

    @property
    def total(self) -> float | Array:
        """How many rows there are."""

    @property
    def support(self) -> Array:
        """How many rows each class has."""

    @property
    def n_predicted(self) -> Array:
        """For how many rows each class is predicted."""

    @property
    def correct(self) -> Array:
        """For how many rows of each class it is predicted."""


def jackknife_error(metric: "Metric", predictions: Predictions) -> float | None:
    """The standard error of a metric by the delete-a-group jackknife (Quenouille, 1956; Tukey, 1958; Kott, 2001).

    The rows are divided at random, with a fixed seed, into JACKKNIFE_GROUPS of the same size and the same share of each class; the
    metric is taken without each of them. None where one of these is undefined.
    """
    n = len(predictions.y)
    groups = min(JACKKNIFE_GROUPS, n)
    order = np.random.default_rng(0).permutation(n)
    order = order[np.argsort(predictions.y[order], kind="stable")]
    group = np.empty(n, np.intp)
    group[order] = np.arange(n) % max(groups, 1)
    found = []
    for g in range(groups):
        value = metric(predictions.select(group != g))
        if value is None:
            return None
        found.append(value)
    return float(np.std(found) * np.sqrt(groups - 1)) if groups > 1 else None


@dataclass(frozen=True)
class Metric:
    """One line of the table of metrics. One of `values`, `counted` and `function` is given; accuracy has `counted` too.

    name        as it is typed; `key` is its key in JSON, `title` its name in reports
    needs       labels: predicted codes; scores: a decision function or probabilities; probabilities
    definition  what it is, for people, with the source
    values      of a metric that is a mean: the value of each row that counts
    counted     of a metric of labels: counts of rows -> value, or the values of several predictions; NaN where it is undefined
    function    of any other: Predictions -> value; None or NaN where it is undefined
    error       its standard error, if there is a formula; None for the jackknife
    greater_is_better   whether a larger value is better
    min_classes the least number of classes for which it says something
    """

    name: str
    title: str
    needs: Literal["labels", "scores", "probabilities"]
    definition: str
    _: KW_ONLY
    values: Callable[[Predictions], Values] | None = None
    counted: Callable[[ClassCounts], Array] | None = None
    function: Callable[[Predictions], float | None] | None = None
    error: Callable[[Predictions], float | None] | None = None
    greater_is_better: bool = True
    min_classes: int = 2

    @property
    def key(self) -> str:
        """Its key in JSON."""
        return self.name.replace("-", "_")

    def __call__(self, predictions: Predictions) -> float | None:
        """The value; None where it is undefined or the model does not have what it needs."""
        return self._if_measurable(predictions, self.counted or self.function, mean)

    def standard_error(self, predictions: Predictions) -> float | None:
        """The standard error of the value as an estimate from a sample of rows; None where it is undefined."""
        return self._if_measurable(predictions, self.error or partial(jackknife_error, self), mean_error)

    def goodness(self, value: float | None) -> float:
        """The value with the sign by which more is better; -inf for a value that is undefined."""
        return float(self.all_goodness(np.asarray(value, np.float64)))  # None is NaN

    def all_goodness(self, values: Array) -> Array:
        """`goodness` of values of any shape, NaN where undefined."""
        return np.where(np.isfinite(values), values if self.greater_is_better else -values, -np.inf)

    def _if_measurable(
        self,
        predictions: Predictions,
        of_all: Callable[[Predictions], float | Array | None] | None,
        of_values: Callable[[Values], float | None],
    ) -> float | None:
        """A function of the predictions, or of the values of their rows if the metric has these."""
        has_scores = predictions.scores is not None or predictions.logits is not None
        there = {"labels": True, "scores": has_scores, "probabilities": predictions.logits is not None}
        if not there[self.needs] or predictions.n_classes < self.min_classes:
            return None
        value = of_values(self.values(predictions)) if self.values else of_all(predictions) if of_all else None
        return None if value is None else finite_or_none(float(value))


def accuracy_rows(predictions: Predictions) -> Values:
    """1 for a row that is predicted correctly, else 0."""
    return (predictions.predicted == predictions.y).astype(np.float64), predictions.counts


def top_k_rows(k: int, predictions: Predictions) -> Values:
    """1 for a row whose class is among the k largest scores, else 0; of equal scores the last is the larger, as in scikit-learn."""
    s = predictions.scores if predictions.logits is None else predictions.logits
    if s is None or s.shape[1] < predictions.n_classes:
        raise AssertionError("top-k accuracy is of more than k >= 2 classes, which have a score each")
    y = np.maximum(predictions.y, 0)[:, None]
    own = np.take_along_axis(s, y, axis=1)  # (n, 1)
    ahead = (s > own) | ((s == own) & (np.arange(s.shape[1]) > y))  # (n, K)
    return ((ahead.sum(axis=1) < k) & predictions.known).astype(np.float64), predictions.counts


def log_loss_rows(predictions: Predictions) -> Values:
    """-log of the probability of the true class."""
    return predictions.known_probabilities.log_loss, predictions.known_probabilities.counts


def brier_rows(predictions: Predictions) -> Values:
    """(p - [y = 1])^2 of the second class for two classes, sum_k (p_k - [y = k])^2 for more."""
    squares = predictions.known_probabilities.squares
    return squares / 2 if predictions.n_classes == 2 else squares, predictions.known_probabilities.counts


def mean(values: Values) -> float | None:
    """The mean over the rows that count."""
    v, counts = values
    total = counts.sum()
    return float((v * counts).sum() / total) if total > 0 else None


def mean_error(values: Values) -> float | None:
    """The standard error of a mean, std / sqrt(n); for a share p it is sqrt(p (1 - p) / n)."""
    v, counts = values
    total = counts.sum()
    return float(np.sqrt(np.square(v - v @ counts / total) @ counts) / total) if total > 0 else None


def accuracy(rows: ClassCounts) -> Array:
    """The share of rows predicted correctly."""
    return np.asarray(rows.correct.sum(axis=0) / rows.total)


def balanced_accuracy(rows: ClassCounts) -> Array:
    """The mean recall."""
    recalls = ratio(rows.correct, rows.support, 0)
    return ratio(recalls.sum(axis=0), (rows.support > 0).sum(axis=0), np.nan)


def balanced_accuracy_error(predictions: Predictions) -> float | None:
    """The standard error of a mean of independent shares, each over the rows of its class."""
    recalls = _recalls(predictions)
    if not len(recalls):
        return None
    rows = predictions.support[predictions.support > 0]
    return float(np.sqrt((recalls * (1 - recalls) / rows).sum()) / len(recalls))


def macro_f1(rows: ClassCounts) -> Array:
    """The mean F1."""
    counted = (rows.support + rows.n_predicted > 0) & rows.support.any(axis=0)
    return ratio(f1(rows).sum(axis=0), counted.sum(axis=0), np.nan)


def f1(rows: ClassCounts) -> Array:
    """The F1 of each class: 2 correct / (rows + predicted), 0 for 0/0."""
    return ratio(2 * rows.correct, rows.support + rows.n_predicted, 0)


def roc_auc(predictions: Predictions) -> float | None:
    """The mean area under the ROC curve."""
    return _class_mean(predictions.areas[0], predictions)


def average_precision(predictions: Predictions) -> float | None:
    """The mean average precision."""
    return _class_mean(predictions.areas[1], predictions)


def calibration_error(predictions: Predictions) -> float | None:
    """The weighted mean gap between confidence and accuracy."""
    _, _, confidence, right, counts = predictions.known_probabilities
    if np.isnan(confidence).any():
        return None
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    # (BINS,): rows in a bin times (its accuracy - its confidence)
    gaps = np.bincount(bins, (right - confidence) * counts, BINS)
    return float(np.abs(gaps).sum() / counts.sum()) if counts.sum() > 0 else None


def original_brier(predictions: Predictions) -> float | None:
    """The score of Brier (1950): the mean of sum_k (p_k - [y = k])^2 for any number of classes, in [0, 2]; None without
    probabilities. For two classes it is twice the metric `brier-score-loss`."""
    value = METRICS["brier-score-loss"](predictions)
    return value if value is None or predictions.n_classes > 2 else 2 * value


def _recalls(predictions: Predictions) -> Array:
    """The recalls of the classes that have rows."""
    there = predictions.support > 0
    return np.asarray(predictions.correct[there] / predictions.support[there])


def ratio(a: Array, b: Array, undefined: float) -> Array:
    """a / b, and `undefined` where b is 0."""
    out = np.full(np.broadcast_shapes(np.shape(a), np.shape(b)), float(undefined))
    return np.asarray(np.divide(a, b, out=out, where=b > 0))


def _class_mean(areas: Array, predictions: Predictions) -> float | None:
    """That of the second class for two classes, else the mean over the classes for which it is defined."""
    if predictions.n_classes == 2:
        return float(areas[1])
    defined = areas[~np.isnan(areas)]
    return float(defined.mean()) if len(defined) else None


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "accuracy",
            "accuracy",
            "labels",
            "share of rows predicted correctly",
            values=accuracy_rows,
            counted=accuracy,
        ),
        Metric(
            "balanced-accuracy",
            "balanced accuracy",
            "labels",
            "mean recall of the classes that have rows (Brodersen et al., 2010)",
            counted=balanced_accuracy,
            error=balanced_accuracy_error,
        ),
        Metric(
            "macro-f1",
            "macro F1",
            "labels",
            "mean F1 of the classes that have rows or are predicted (van Rijsbergen, 1979)",
            counted=macro_f1,
        ),
        Metric(
            "roc-auc",
            "ROC AUC",
            "scores",
            "share of pairs of a row of the second class and one of the first that are in order (Hanley & McNeil, 1982); with more "
            "than two classes the mean over the classes, each against all others",
            function=roc_auc,
        ),
        Metric(
            "average-precision",
            "average precision",
            "scores",
            "mean precision at the rows of the second class (Salton & McGill, 1983); with more than two classes the mean over the "
            "classes, each against all others",
            function=average_precision,
        ),
        Metric(
            "log-loss",
            "log loss",
            "probabilities",
            "mean of -log(p) of the true class (Good, 1952)",
            values=log_loss_rows,
            greater_is_better=False,
        ),
        Metric(
            "brier-score-loss",
            "Brier score",
            "probabilities",
            "mean squared error of the probability of the second class; with more than two classes summed over the classes "
            "(Brier, 1950), as scikit-learn's brier_score_loss",
            values=brier_rows,
            greater_is_better=False,
        ),
        Metric(
            "calibration-error",
            "calibration error",
            "probabilities",
            f"mean gap between confidence and accuracy in {BINS} equal ranges of confidence (Guo et al., 2017)",
            function=calibration_error,
            greater_is_better=False,
        ),
        *(
            Metric(
                f"top-{k}-accuracy",
                f"top-{k} accuracy",
                "scores",
                f"share of rows whose class has one of the {k} largest probabilities, or scores, for more than {k} classes "
                "(Russakovsky et al., 2015)",
                values=partial(top_k_rows, k),
                min_classes=k + 1,
            )
            for k in (3, 5)
        ),
    )
}


def measure(predictions: Predictions) -> dict[str, float | None]:
    """The value of every metric, by its key."""
    return {metric.key: metric(predictions) for metric in METRICS.values()}
