"""Models compared on the same rows: intervals of their metrics, paired differences from the first model, and McNemar's test."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from linclf.data.labels import encode
from linclf.data.row_weights import are_counts
from linclf.losses import Array
from linclf.model.bootstrap import Resampling, interval, resampled
from linclf.model.linear_model import LinearModel
from linclf.model.mcnemar import holm, mcnemar
from linclf.model.metrics import METRICS, Metric
from linclf.model.predictions import Predictions
from linclf.storage.decode import JsonObject

MAIN_METRICS = ("accuracy", "balanced-accuracy", "macro-f1", "roc-auc", "log-loss", "brier-score-loss")
OF_ANY_CLASSES = ("accuracy",)  # metrics that mean the same for models of different classes

Sampled = tuple[float | None, Array]  # a value, None where undefined, and the same on each resample (R,)


@dataclass(frozen=True)
class CompareOptions:
    """How models are compared.

    metrics    names in METRICS; the verdict is by the first
    level      of the intervals; a difference counts as shown if its p-value is at most 1 - level
    resamples  the number of resamples
    seed       of the resamples
    """

    metrics: tuple[str, ...] = MAIN_METRICS
    level: float = 0.95
    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Measured:
    """A model on the rows.

    path         of its file
    predictions  for the rows
    same_classes whether its classes are those of the first model
    values       of the metrics, by key
    samples      the same on each resample, (R,), NaN where undefined
    """

    path: str
    model: LinearModel
    predictions: Predictions
    same_classes: bool
    values: dict[str, float | None]
    samples: dict[str, Array]

    def right(self) -> Array:
        """Whether each row is predicted correctly, (n,)."""
        return np.asarray(self.predictions.predicted == self.predictions.y)


def compare(
    models: Sequence[tuple[str, LinearModel]],
    predictions: Sequence[Predictions],
    options: CompareOptions,
    groups: Array | None = None,
    on_progress: Callable[[int], object] = lambda _: None,
) -> JsonObject:
    """Compare models, each with its path, by their predictions for the same rows; `groups` (n,) are codes of groups of rows;
    `on_progress` is called with numbers of resamples that are done.

    n, weighted  the number of rows, and whether they have weights
    n_groups     the number of groups, None without groups
    models       for each model `model`, its path, `loss`, and:
      metrics      by key {"value", "low", "high"}: the metric and its percentile interval; None where undefined
      difference   the same for the metric minus that of the first model, on the same resamples
      mcnemar      McNemar's test against the first model: {"n01", "n10", "p", "p_holm"}; None with groups, whose rows are not
                   independent
      verdict      {"metric", "result", "level", "low", "high"}: the first metric; whether the model is "better" or "worse" in it
                   than the first model, or "undecided"; and the interval of the difference that was judged
      The last three are None for the first model.
    warnings     what the user should know, a line each

    The intervals say how much the figures would vary with other rows of the same kind; not how much they would vary with models
    that were trained on other rows (Dietterich, 1998).
    """
    y, weights = predictions[0].y, predictions[0].weights
    metrics = [METRICS[name] for name in options.metrics]
    blocks = _watched(Resampling(len(y), weights, groups).counts(options.resamples, options.seed), on_progress)
    measured = _measured(models, predictions, metrics, blocks)
    first, *others = measured
    tests = [None] * len(others) if groups is not None else _tests(first, others)
    entries = [_entry(first, metrics, options.level)]
    for other, test in zip(others, tests, strict=True):
        differences = {metric.key: _difference(metric, other, first) for metric in metrics}
        p = test["p_holm"] if test and are_counts(weights) and metrics[0].name == "accuracy" else None
        entries.append(
            {
                **_entry(other, metrics, options.level),
                "difference": {key: _with_interval(*one, options.level) for key, one in differences.items()},
                "mcnemar": test,
                "verdict": _verdict(metrics[0], differences[metrics[0].key], p, options.level, len(others)),
            }
        )
    n_groups = None if groups is None else int(groups.max(initial=-1)) + 1
    return {
        "n": len(y),
        "weighted": weights is not None,
        "n_groups": n_groups,
        "level": options.level,
        "resamples": options.resamples,
        "seed": options.seed,
        "models": entries,
        "warnings": _warnings(measured, metrics, options.level, n_groups),
    }


def _measured(
    models: Sequence[tuple[str, LinearModel]],
    predictions: Sequence[Predictions],
    metrics: Sequence[Metric],
    blocks: Iterator[Array],
) -> list[Measured]:
    """The metrics of all models, and those on the resamples."""
    classes = models[0][1].classes
    codes = [encode(model.classes, classes)[0] for _, model in models]
    return [
        Measured(
            path,
            model,
            one,
            np.array_equal(own, np.arange(len(classes))),
            {metric.key: metric(one) for metric in metrics},
            samples,
        )
        for (path, model), one, own, samples in zip(
            models, predictions, codes, resampled(predictions, metrics, blocks), strict=True
        )
    ]


def _tests(first: Measured, others: Sequence[Measured]) -> list[JsonObject | None]:
    """McNemar's test of each other model against the first, with p-values adjusted for their number."""
    found = [mcnemar(first.right(), other.right(), first.predictions.weights) for other in others]
    adjusted = holm([test["p"] for test in found])
    return [{**test, "p_holm": p} for test, p in zip(found, adjusted, strict=True)]


def _watched(blocks: Iterator[Array], on_progress: Callable[[int], object]) -> Iterator[Array]:
    for counts in blocks:
        yield counts
        on_progress(len(counts))


def _entry(measured: Measured, metrics: Sequence[Metric], level: float) -> JsonObject:
    """The entry of a model, as that of the first one."""
    return {
        "model": measured.path,
        "loss": measured.model.loss,
        "metrics": {
            metric.key: _with_interval(measured.values[metric.key], measured.samples[metric.key], level)
            for metric in metrics
        },
        "difference": None,
        "mcnemar": None,
        "verdict": None,
    }


def _difference(metric: Metric, other: Measured, first: Measured) -> Sampled:
    """A metric of a model minus that of the first one, and the same on each resample; None if the two mean different things."""
    value, base = other.values[metric.key], first.values[metric.key]
    samples = other.samples[metric.key] - first.samples[metric.key]
    comparable = other.same_classes or metric.name in OF_ANY_CLASSES
    return None if value is None or base is None or not comparable else value - base, samples


def _with_interval(value: float | None, samples: Array, level: float) -> JsonObject:
    """A value with the interval of its resamples."""
    low, high = (None if value is None else interval(samples, level)) or (None, None)
    return {"value": value, "low": low, "high": high}


def _verdict(
    metric: Metric, difference: Sampled, p: float | None, level: float, n_comparisons: int
) -> JsonObject | None:
    """Whether the difference of a metric is shown, and the interval by which it is judged; None where it is undefined.

    With p, the adjusted p-value of McNemar's test, a model is better or worse if p is at most 1 - level and the interval excludes
    0. Without it, the level of the interval is adjusted for the number of comparisons (Bonferroni).
    """
    used = level if p is not None or n_comparisons == 1 else 1 - (1 - level) / n_comparisons
    value, samples = difference
    found = None if value is None else interval(samples, used)
    if value is None or found is None:
        return None
    low, high = found
    shown = (low > 0 or high < 0) and (p is None or p <= 1 - level)
    better = (value > 0) == metric.greater_is_better
    result = "undecided" if not shown else "better" if better else "worse"
    return {"metric": metric.key, "result": result, "level": used, "low": low, "high": high}


def _warnings(models: Sequence[Measured], metrics: Sequence[Metric], level: float, n_groups: int | None) -> list[str]:
    """What the user should know about the figures."""
    first, weights = models[0], models[0].predictions.weights
    said = []
    for one in models:
        lacking = [metric.title for metric in metrics if metric.needs == "probabilities"]
        if lacking and one.predictions.logits is None:
            said.append(
                f"{one.path} has no probabilities, and so no {' and no '.join(lacking)}; train it with --calibrate, or with the "
                "loss softmax or logistic"
            )
        if not one.same_classes:
            said.append(
                f"{one.path} has other classes than {first.path}: a row of a class that a model does not know counts as wrong; "
                "metrics other than the accuracy are over the classes that each knows, and their difference is not given"
            )
        n = n_groups or (int(one.predictions.total) if are_counts(weights) else len(one.right()))
        if any(metric.name == "accuracy" for metric in metrics) and len(np.unique(one.right())) == 1:
            all_right, bound = bool(one.right()[0]), (1 - level) ** (1 / n)
            said.append(
                f"{one.path} is {'right' if all_right else 'wrong'} on all rows, so that resamples do not differ: its accuracy may "
                f"be as {'low' if all_right else 'high'} as {bound if all_right else 1 - bound:.4f} (exact {level:.0%} bound for "
                f"{n} {'groups' if n_groups else 'rows'}; Clopper & Pearson, 1934)"
            )
    if n_groups is not None:
        said.append("McNemar's test is left out: it needs independent rows, and those of a group are not")
    elif not are_counts(weights):
        said.append("McNemar's test counts rows without their weights, which are not whole numbers")
    return said
