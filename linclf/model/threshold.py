"""The decision threshold of a model of two classes: set by hand, or learned from rows that the model was not trained on.

A row is predicted as the positive class if its value is at least the threshold. The value is the probability of the class, or for a
model without probabilities its score. The default is to predict the more probable class: a threshold of 0.5 on the probability and
of 0 on the score, but for rows that are exactly there.

A learned threshold is the best of all on the rows that it is learned from, by a metric of the table `METRICS`, by the F1 of the
positive class, by the expected cost of errors (Elkan, 2001), or by recall under a constraint on precision, or the reverse.
"""

import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array, softmax_probabilities
from linclf.model.metrics import METRICS, ClassCounts, f1, ratio
from linclf.model.predictions import Predictions
from linclf.storage.decode import JsonObject

SCALES = {"probability": 0.5, "score": 0.0}  # what a threshold may be on, and the default there
TIE = 1e-12  # values that differ by less are equal: sums over rows are rounded
_COST = re.compile(r"(fp|fn)=([^,=]*),(fp|fn)=([^,=]*)")
_AT = re.compile(r"(recall|precision)@(recall|precision)=(.*)")

OfClass = Callable[
    [ClassCounts, int], Array
]  # counts of rows and the code of the positive class -> a value for each threshold


@dataclass(frozen=True)
class Criterion:
    """What the best threshold is: the one with the best `value` among those whose `limit`, if there is one, is at least `least`;
    of several with the same value the one with the largest limit."""

    value: OfClass
    greater_is_better: bool = True
    limit: OfClass | None = None
    least: float = 0.0


def _recall(rows: ClassCounts, positive: int) -> Array:
    return ratio(rows.correct[positive], rows.support[positive], 0)


def _precision(rows: ClassCounts, positive: int) -> Array:
    return ratio(rows.correct[positive], rows.n_predicted[positive], 0)


def _cost(rows: ClassCounts, positive: int, *, fp: float, fn: float) -> Array:
    """The mean cost of a row: fp of a row of the other class predicted as positive, fn of the reverse."""
    false_positive, false_negative = (n[positive] - rows.correct[positive] for n in (rows.n_predicted, rows.support))
    return np.asarray((fp * false_positive + fn * false_negative) / rows.total)


def _of_metric(counted: Callable[[ClassCounts], Array], rows: ClassCounts, _: int) -> Array:
    return counted(rows)


RATES: dict[str, OfClass] = {"recall": _recall, "precision": _precision}
CRITERIA = {  # by the names of metrics
    "f1": Criterion(lambda rows, positive: f1(rows)[positive]),
    **{
        name: Criterion(partial(_of_metric, metric.counted), metric.greater_is_better)
        for name, metric in METRICS.items()
        if metric.counted
    },
}


class ThresholdRule(str):
    """The value of `--threshold` as it was typed: the name of a criterion, a cost, a rate at a rate, or a number."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str | float | None) -> "ThresholdRule | None":
        """The value of --threshold, None for none. Raises InputError for what is none of these."""
        if text is None:
            return None
        rule = cls(text)
        if rule.number is None:
            rule.criterion()
        return rule

    @property
    def number(self) -> float | None:
        """The threshold itself if it is set by hand, None if it is learned."""
        try:
            number = float(self)
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def criterion(self) -> Criterion:
        """What the threshold is learned by. Raises InputError if this is no criterion."""
        if self in CRITERIA:
            return CRITERIA[self]
        cost, at = _COST.fullmatch(self), _AT.fullmatch(self)
        if cost and cost[1] != cost[3]:
            costs = {cost[1]: _number(cost[2]), cost[3]: _number(cost[4])}
            if all(0 <= x < math.inf for x in costs.values()) and any(costs.values()):
                return Criterion(partial(_cost, fp=costs["fp"], fn=costs["fn"]), greater_is_better=False)
        if at and at[1] != at[2] and 0 < _number(at[3]) <= 1:
            return Criterion(RATES[at[1]], limit=RATES[at[2]], least=_number(at[3]))
        raise InputError(
            f"threshold is {str(self)!r}; give a number, {', '.join(CRITERIA)}, a cost such as fp=1,fn=5, recall@precision=0.9 or "
            "precision@recall=0.9"
        )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


@dataclass(frozen=True)
class Threshold:
    """A decision threshold, as plain data for the model file.

    value      a row is predicted as the positive class if its value is at least this
    on         what its value is: the probability of the positive class, or its score
    positive   the code of the positive class, 0 or 1
    metric     what it was learned by, as `--threshold` takes it; None for a number set by hand
    score, score_at_default             the metric on the rows that it was learned from, with this threshold and without one
    constraint, constraint_at_default   of a rate at a rate, the second one, likewise
    n, n_positive   the number of rows that it was learned from, and of those of the positive class; a row of weight 2 is two rows
    """

    value: float
    on: str
    positive: int
    metric: str | None = None
    score: float | None = None
    score_at_default: float | None = None
    constraint: float | None = None
    constraint_at_default: float | None = None
    n: int = 0
    n_positive: int = 0

    def check(self, n_classes: int, has_probabilities: bool) -> None:
        """Raise ValueError if this is not the threshold of a model with so many classes, with probabilities or without."""
        fits = n_classes == 2 and self.positive in (0, 1) and math.isfinite(self.value)
        if not fits or self.on not in SCALES or (self.on == "probability" and not has_probabilities):
            raise ValueError(f"a threshold on the {self.on} does not fit {n_classes} classes")

    def codes(self, scores: Array, logits: Array | None) -> Array:
        """The codes (n,) that scores (n, m), or logits (n, 2) of probabilities, predict."""
        is_positive = positive_values(self.on, self.positive, scores, logits) >= self.value
        return np.where(is_positive, self.positive, 1 - self.positive)

    def to_json(self, classes: Array) -> JsonObject:
        """The threshold as reports have it, with the label of the positive class."""
        return {**asdict(self), "positive": classes.tolist()[self.positive]}


def positive_values(on: str, positive: int, scores: Array, logits: Array | None) -> Array:
    """What a threshold is compared with, of scores (n, m) and logits (n, 2): (n,), float64.

    The probability is the one that is printed. The score of two outputs is their difference, as that of one output, and the score
    of the first class is the negative one of the second.
    """
    if on == "probability":
        if logits is None:
            raise AssertionError("a threshold on the probability of a model without any")
        return softmax_probabilities(logits)[:, positive].astype(np.float64)
    margin = scores.astype(np.float64)
    margin = margin[:, -1] if margin.shape[1] == 1 else margin[:, 1] - margin[:, 0]
    return margin if positive == 1 else -margin


def positive_code(positive: str | None, classes: Array) -> int:
    """The code of the class that `--positive` names, by default of the second one. Raises InputError for anything but one of two
    classes (K,)."""
    labels = [str(label) for label in classes.tolist()]
    if len(labels) != 2:
        raise InputError(f"threshold is for two classes, and the training rows have {len(labels)}; leave it out")
    if positive is not None and positive not in labels:
        raise InputError(
            f"positive is {positive!r}, which is no class of the training rows; give {' or '.join(labels)}"
        )
    return 1 if positive is None else labels.index(positive)


def learn_threshold(rule: ThresholdRule, predictions: Predictions, positive: int) -> Threshold:
    """The best threshold for the predictions of held-out rows of known label, of both classes; `positive` is the code of the class
    that it is on.

    A threshold lies midway between two neighbouring values of the rows, or between the smallest or largest one and the end of the
    scale; the default is tried, too. Of several that are equally good, it is the one nearest the default. Raises InputError if none
    meets the constraint.
    """
    scores, logits = predictions.scores, predictions.logits
    if scores is None:
        raise AssertionError("a threshold is learned from scores")
    on = "score" if logits is None else "probability"
    values = positive_values(on, positive, scores, logits)
    thresholds, rows = _candidates(values, predictions, positive, on)
    criterion = rule.criterion()
    value = criterion.value(rows, positive)
    limit = None if criterion.limit is None else criterion.limit(rows, positive)
    best = _best(criterion, value, limit, np.abs(thresholds - SCALES[on]))
    if best is None:
        raise InputError(_unreachable(rule, criterion, rows, positive))
    return Threshold(
        float(thresholds[best]),
        on,
        positive,
        str(rule),
        float(value[best]),
        float(criterion.value(predictions, positive)),
        None if limit is None else float(limit[best]),
        None if criterion.limit is None else float(criterion.limit(predictions, positive)),
        round(predictions.total),
        round(float(predictions.support[positive])),
    )


@dataclass(frozen=True, eq=False)
class _Counts:
    """`ClassCounts` of several thresholds: support (2, 1), n_predicted and correct (2, thresholds)."""

    total: float
    support: Array
    n_predicted: Array
    correct: Array


def _candidates(values: Array, predictions: Predictions, positive: int, on: str) -> tuple[Array, _Counts]:
    """All thresholds (c,) that predict different codes for rows of these values (n,), and the default, with their counts."""
    order = np.argsort(values)
    levels, first = np.unique(values[order], return_index=True)  # (k,): the distinct values, and where their rows begin
    counts, is_positive = predictions.counts[order], predictions.y[order] == positive

    def predicted_positive(counts: Array) -> Array:
        """How many rows are at or above each level, and above all of them: (k + 1,)."""
        return np.append(np.cumsum(counts[::-1])[::-1][first], 0.0)

    n_positive, n_correct = predicted_positive(counts), predicted_positive(counts * is_positive)
    support = predictions.support
    n_predicted = np.array([predictions.total - n_positive, n_positive])  # of the other class, of the positive one
    correct = np.array([support[1 - positive] - (n_positive - n_correct), n_correct])
    low, high = _ends(levels, on)
    below, above = np.append(low, levels), np.append(levels, high)
    middle = below / 2 + above / 2
    thresholds = np.where(middle > below, middle, above)  # of numbers without one between them, the larger
    distinct = np.append(True, thresholds[1:] > below[1:])  # no threshold is above a value at the end of the scale
    default = SCALES[on]
    chosen = np.append(np.flatnonzero(distinct), np.searchsorted(levels, default))
    thresholds = np.append(thresholds[distinct], default)
    by_code = [1 - positive, positive]
    return thresholds, _Counts(
        predictions.total, support[:, None], n_predicted[by_code][:, chosen], correct[by_code][:, chosen]
    )


def _ends(levels: Array, on: str) -> tuple[float, float]:
    """The ends of the scale of a threshold: of scores, twice the largest one in absolute value."""
    if on == "probability":
        return 0.0, 1.0
    end = min(float(np.abs(levels).max()), np.finfo(np.float64).max / 2) * 2 or 1.0
    return -end, end


def _best(criterion: Criterion, value: Array, limit: Array | None, distance: Array) -> int | None:
    """The number of the best threshold; None if no threshold has a limit that is large enough."""
    goodness = value if criterion.greater_is_better else -value
    among = np.flatnonzero(np.ones(len(value), bool) if limit is None else limit >= criterion.least - TIE)
    if not len(among):
        return None
    for better in (goodness, limit):
        if better is not None:
            largest = better[among].max()
            among = among[better[among] >= largest - TIE * max(1.0, abs(largest))]
    return int(among[distance[among].argmin()])


def _unreachable(rule: ThresholdRule, criterion: Criterion, rows: ClassCounts, positive: int) -> str:
    """What to say of a constraint that no threshold meets."""
    if criterion.limit is None:
        raise AssertionError("a criterion without a constraint has a best threshold")
    limit, name = criterion.limit(rows, positive), str(rule).partition("@")[2].partition("=")[0]
    return (
        f"threshold is {str(rule)!r}, and no threshold has a {name} of {criterion.least:g} or more on the {round(float(rows.total))} held-out "
        f"rows; the largest is {limit.max():.4f}; give a smaller {name}"
    )
