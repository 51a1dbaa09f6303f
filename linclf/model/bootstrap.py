"""The bootstrap: the values of metrics on resamples of the rows, the same resamples for several models (Efron, 1979).

A resample draws as many rows as there are, with replacement; it is a vector of counts, how often each row was drawn. A metric
that is a mean over rows is then a product of counts and values, a metric of labels is a function of sums of counts, and one of the
order of the rows sorts them only once. Any other metric is computed anew with the counts as weights.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from linclf.data.row_weights import are_counts
from linclf.losses import Array
from linclf.model.metrics import BINS, ClassCounts, Metric
from linclf.model.predictions import Predictions
from linclf.optim.blas import one_blas_thread

BLOCK = 2**19  # counts at a time, so that they stay in the processor's cache

OfCounts = Callable[[Array], Array]  # counts (B, n) of B resamples -> the values of a metric (B,), NaN where undefined


@dataclass(frozen=True, eq=False)
class Resampling:
    """How rows are resampled.

    n        the number of rows
    weights  (n,), None for ones. If they are whole numbers, a row of weight 2 is two rows, which are drawn independently; other
             weights are relative, and multiply how often their row was drawn.
    groups   (n,) codes 0..G-1: groups of rows are drawn instead of rows, since the rows of a group are not independent (the
             cluster bootstrap, Field & Welsh, 2007); None for rows
    """

    n: int
    weights: Array | None = None
    groups: Array | None = None

    def counts(self, resamples: int, seed: int) -> Iterator[Array]:
        """For each resample how many rows each row counts as: blocks (B, n), float64, `resamples` in all."""
        rng = np.random.default_rng(seed)
        step = max(1, BLOCK // max(self.n, 1))
        for start in range(0, resamples, step):
            yield self._block(rng, min(step, resamples - start))

    def _block(self, rng: np.random.Generator, size: int) -> Array:
        w = None if self.weights is None else self.weights.astype(np.float64)
        if self.groups is not None:
            n_groups = int(self.groups.max(initial=-1)) + 1
            drawn = _drawn(rng, n_groups, size).take(self.groups, axis=1)
            return drawn if w is None else drawn * w
        if w is not None and are_counts(w):
            return rng.multinomial(int(w.sum()), w / w.sum(), size).astype(np.float64)
        drawn = _drawn(rng, self.n, size)
        return drawn if w is None else drawn * w


def resampled(
    models: Sequence[Predictions], metrics: Sequence[Metric], blocks: Iterator[Array]
) -> list[dict[str, Array]]:
    """The values of metrics on resamples: for each model, by the key of the metric, (R,), NaN where undefined.

    models  predictions for the same rows
    blocks  as from `Resampling.counts`; the weights of the predictions are part of them
    """
    functions = [{metric.key: of_counts(metric, one) for metric in metrics} for one in models]
    found: list[dict[str, list[Array]]] = [{key: [] for key in of_model} for of_model in functions]
    with one_blas_thread(), np.errstate(divide="ignore", invalid="ignore"):  # 0/0 is NaN: undefined
        for counts in blocks:
            for of_model, values in zip(functions, found, strict=True):
                for key, function in of_model.items():
                    values[key].append(function(counts))
    return [{key: np.concatenate(parts) for key, parts in values.items()} for values in found]


def interval(samples: Array, level: float) -> tuple[float, float] | None:
    """The percentile interval of resampled values (R,) at this level (Efron & Tibshirani, 1993, chapter 13).

    Resamples in which the value is undefined, such as the area under the ROC curve where they have rows of one class only, are
    left out; None if these are more than a tenth.
    """
    defined = samples[np.isfinite(samples)]
    if len(defined) < 0.9 * len(samples) or not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def of_counts(metric: Metric, predictions: Predictions) -> OfCounts:
    """A metric as a function of how many rows each row counts as."""
    if metric(predictions) is None:  # the model has no probabilities, say
        return lambda counts: np.full(len(counts), np.nan)
    if metric.values is not None:
        return _mean(metric.values, predictions)
    if metric.counted is not None:
        return _counted(metric.counted, predictions)
    faster = FASTER.get(metric.name)
    return faster(predictions) if faster else partial(_one_by_one, metric, predictions)


def _one_by_one(metric: Metric, predictions: Predictions, counts: Array) -> Array:
    """Any metric, a resample at a time."""
    values = [metric(replace(predictions, weights=own)) for own in counts]
    return np.array(values, np.float64)  # None is NaN


def _mean(values: Callable[[Predictions], tuple[Array, Array]], predictions: Predictions) -> OfCounts:
    """A mean over the rows that count."""
    n = len(predictions.y)
    v, number = values(replace(predictions, weights=np.arange(1.0, n + 1)))  # the weights tell which rows these are
    value, counted = np.zeros(n), np.zeros(n)
    value[number.astype(np.intp) - 1], counted[number.astype(np.intp) - 1] = v, 1
    return lambda counts: np.asarray((counts @ value) / (counts @ counted))  # (B,)


@dataclass(frozen=True)
class _ClassCounts:
    """`ClassCounts` of B resamples: total (B,), the others (K, B)."""

    total: Array
    support: Array
    n_predicted: Array
    correct: Array


def _counted(metric: Callable[[ClassCounts], Array], predictions: Predictions) -> OfCounts:
    """A metric of labels, a function of counts of rows."""
    y, predicted, K = predictions.y, predictions.predicted, predictions.n_classes
    support, n_predicted = _class_sums(y, K), _class_sums(predicted, K)
    correct = _class_sums(np.where(predicted == y, y, -1), K)
    return lambda counts: metric(
        _ClassCounts(counts.sum(axis=1), support(counts).T, n_predicted(counts).T, correct(counts).T)
    )


def _calibration_error(predictions: Predictions) -> OfCounts:
    known, of_known = np.flatnonzero(predictions.known), predictions.known_probabilities
    gaps, counted = np.zeros((len(predictions.y), BINS)), np.zeros(len(predictions.y))
    gaps[known, np.minimum((of_known.confidence * BINS).astype(int), BINS - 1)] = of_known.right - of_known.confidence
    counted[known] = 1
    return lambda counts: np.asarray(np.abs(counts @ gaps).sum(axis=1) / (counts @ counted))


def _class_sums(codes: Array, n_classes: int) -> Callable[[Array], Array]:
    """The function that sums counts (B, n) over the rows of each class: (B, K), for codes (n,), -1 for none."""
    order = np.argsort(codes, kind="stable")
    order = order[np.searchsorted(codes[order], 0) :]
    there, starts = np.unique(codes[order], return_index=True)

    def sums(counts: Array) -> Array:
        found = np.zeros((len(counts), n_classes))
        if len(there):
            found[:, there] = np.add.reduceat(counts.take(order, axis=1), starts, axis=1)
        return found

    return sums


def _class_mean(of_class: Callable[[Array, Array], OfCounts], predictions: Predictions) -> OfCounts:
    """A metric of the order of the rows: that of the second class for two classes, else the mean over the classes for which it is
    defined. `of_class` is that of scores s (n,) and of whether each row is in the class (n,)."""
    first = 1 if predictions.n_classes == 2 else 0
    functions = [of_class(s, predictions.y == k) for k, s in enumerate(predictions.orders()) if k >= first]
    if not functions:
        raise AssertionError("a metric of the scores of a model without any")
    return lambda counts: _mean_of_defined(np.stack([function(counts) for function in functions], axis=1))


class _Order:
    """The rows of a class among all others, in the order of their scores; the sums are as in `areas_under_curves`."""

    def __init__(self, s: Array, positive: Array) -> None:
        own, others = np.flatnonzero(positive), np.flatnonzero(~positive)
        self.own, self.others = own[np.argsort(s[own])], others[np.argsort(s[others])]
        self.first = np.searchsorted(s[self.own], s[self.own], "left")
        self.below, self.not_above = (np.searchsorted(s[self.others], s[self.own], side) for side in ("left", "right"))


def _roc_auc(s: Array, positive: Array) -> OfCounts:
    order = _Order(s, positive)

    def values(counts: Array) -> Array:
        own, others = counts.take(order.own, axis=1), _cumulated(counts.take(order.others, axis=1))
        below, not_above = others.take(order.below, axis=1), others.take(order.not_above, axis=1)
        pairs = own.sum(axis=1) * others[:, -1]
        area = np.einsum("bi,bi->b", own, below + not_above) / 2 / pairs
        return np.asarray(np.minimum(1, area))  # rounding can exceed 1

    return values


def _average_precision(s: Array, positive: Array) -> OfCounts:
    order = _Order(s, positive)

    def values(counts: Array) -> Array:
        own, others = counts.take(order.own, axis=1), _cumulated(counts.take(order.others, axis=1))
        cumulated = _cumulated(own)
        true = cumulated[:, -1:] - cumulated.take(order.first, axis=1)
        false = others[:, -1:] - others.take(order.below, axis=1)
        precision = np.divide(true, true + false, out=np.zeros_like(true), where=true > 0)
        return np.asarray(np.minimum(1, np.einsum("bi,bi->b", own, precision) / cumulated[:, -1]))

    return values


def _cumulated(counts: Array) -> Array:
    """How many rows the first 0, 1, ..., n are: (B, n) -> (B, n + 1)."""
    found = np.zeros((len(counts), counts.shape[1] + 1))
    np.cumsum(counts, axis=1, out=found[:, 1:])
    return found


def _mean_of_defined(values: Array) -> Array:
    """The mean of each row of (B, K) over the entries that are not NaN; NaN where all are."""
    defined = ~np.isnan(values)
    return np.asarray(np.where(defined, values, 0).sum(axis=1) / defined.sum(axis=1))


def _drawn(rng: np.random.Generator, n: int, size: int) -> Array:
    """How often each of n items is among n draws with replacement, (size, n) float64."""
    found = np.empty((size, n))
    for counts in found:
        counts[:] = np.bincount(rng.integers(0, n, n), minlength=n) if n else 0
    return found


FASTER: Mapping[str, Callable[[Predictions], OfCounts]] = {  # than _one_by_one, with the same values
    "roc-auc": partial(_class_mean, _roc_auc),
    "average-precision": partial(_class_mean, _average_precision),
    "calibration-error": _calibration_error,
}
