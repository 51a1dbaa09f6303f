"""Which metric chooses the best epoch of a run and the best row of a sweep.

As long as none is given it is the log loss if every loss has probabilities, else the balanced accuracy if the classes are uneven,
else the accuracy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array, Loss
from linclf.model.metrics import METRICS, Metric
from linclf.model.predictions import Predictions

# Classes are uneven if the largest has more than this times the rows that it would have if all were of the same size.
UNEVEN = 1.5


@dataclass(frozen=True)
class Selection:
    """The metric that chooses, and why it is this one, as text; None if it was given."""

    metric: Metric
    reason: str | None


def choose_metric(
    name: str | None, losses: Sequence[Loss], y: Array, n_classes: int, weights: Array | None = None
) -> Selection:
    """The metric of this name, or the default for these losses and training rows with codes y (n,) and weights (n,).

    Raises InputError for a metric of more classes than there are.
    """
    if name is not None:
        metric = METRICS[name]
        if n_classes < metric.min_classes:
            raise InputError(
                f"{name} is a metric for {metric.min_classes} classes or more, and the data have {n_classes}; choose another"
            )
        return Selection(metric, None)
    if all(loss.logits for loss in losses):
        return Selection(METRICS["log-loss"], f"default: {_of(losses)} has probabilities")
    share = np.bincount(y, weights).max() / (len(y) if weights is None else weights.sum())
    without = "default: "
    without += f"{_of(losses, 'not every')} has probabilities" if losses[1:] else f"{_of(losses)} has no probabilities"
    if share * n_classes > UNEVEN:
        return Selection(METRICS["balanced-accuracy"], f"{without}, and the classes are uneven")
    return Selection(METRICS["accuracy"], f"{without}, and the classes are even")


def check_needs(option: str, name: str | None, losses: Sequence[Loss]) -> None:
    """Refuse a metric of probabilities, the value of this option, for a loss that has none."""
    if name is None or METRICS[name].needs != "probabilities":
        return
    without = next((loss.name for loss in losses if loss.logits is None), None)
    if without is not None:
        others = ", ".join(metric.name for metric in METRICS.values() if metric.needs != "probabilities")
        raise InputError(
            f"--{option} {name} needs probabilities, which the loss {without} does not have; give one of {others}"
        )


def check_defined(metric: Metric, rows: str, y: Array, n_classes: int, weights: Array | None = None) -> None:
    """Refuse rows with codes y (n,), which `rows` names, on which the metric is undefined whatever is predicted."""
    zeros = np.zeros((len(y), n_classes))
    if metric(Predictions(np.zeros(len(y), np.intp), y, n_classes, zeros, zeros, weights)) is None:
        raise InputError(
            f"{metric.name} is undefined on {rows}, which hold {len(np.unique(y[y >= 0]))} of the {n_classes} classes; "
            "give more of them, or choose another metric"
        )


def _of(losses: Sequence[Loss], every: str = "every") -> str:
    return f"{every} loss" if losses[1:] else f"the loss {losses[0].name}"
