"""The results of a sweep: a row for each configuration, their ranking, and which one to choose."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from linclf.losses import Array
from linclf.model.metrics import Metric
from linclf.storage.decode import JsonObject, finite_or_none
from linclf.sweep.grid import SWEPT
from linclf.training.options import TrainOptions

STATES = ("done", "halved", "unfinished", "diverged")  # the values of status, in the order of the ranking
FOLD_KEYS = ("score", "objective", "lr")


@dataclass(frozen=True)
class Row:
    """The result of one configuration.

    options     as they were given (`auto` stays `auto`)
    status      done; halved: it was pruned early, with its score then; unfinished; diverged
    score       the metric of the sweep on held-out rows, the mean over folds
    score_std   its standard deviation over folds (divided by k, as in scikit-learn)
    score_se    its standard error: std / sqrt(k), or on validation rows that of `Metric.standard_error`
    objective   on the rows trained on, the mean over folds
    epochs      trained, or of full-batch steps the most that a fold took; best_epoch is the one whose weights are scored, with a validation part
    lr          the number used, the geometric mean over folds; the momentum is the same in all folds; None without SGD
    folds       score, objective and lr of each fold
    why         why a row diverged
    percent     how far the objective is from the optimum, at most, as is proven: the largest of the folds; None where nothing is
    seed_std    with several seeds, of which all figures are then means, the standard deviation of the score over seeds
    seeds       score, objective, lr and status of each seed, if there are several
    """

    options: JsonObject
    status: str
    epochs: int
    score: float | None = None
    score_std: float | None = None
    score_se: float | None = None
    objective: float | None = None
    best_epoch: int | None = None
    lr: float | None = None
    momentum: float | None = None
    folds: tuple[JsonObject, ...] = ()
    why: str | None = None
    seed_std: float | None = None
    seeds: tuple[JsonObject, ...] = ()
    percent: float | None = None


@dataclass(frozen=True)
class StackProgress:
    """Progress of a stack: how many epochs of configurations it has trained since the last message, and rows by
    configuration."""

    epochs: int
    rows: dict[int, Row] = field(default_factory=dict)


def row_options(configuration: TrainOptions) -> JsonObject:
    """The options that tell a configuration from the others of its sweep."""
    return {name: getattr(configuration, name) for name in SWEPT}


def spread(scores: Sequence[float], error: float) -> tuple[float | None, float | None]:
    """score_std and score_se of the scores of k folds, or of one score on validation rows with its own standard error."""
    k = len(scores)
    if not np.isfinite(scores).all():
        return None, None
    if k > 1:
        std = float(np.std(scores))
        return std, std / math.sqrt(k)
    return None, finite_or_none(error)


@dataclass(frozen=True)
class Ranking:
    """The order of rows by a metric, and what to choose by it."""

    metric: Metric

    def rank(self, rows: Iterable[Row]) -> list[Row]:
        """Sort rows, the best first: by status, by score, and among equal scores the most regularised, then the first given."""
        return sorted(rows, key=self.order)

    def order(self, row: Row) -> tuple[int, float, float]:
        """The sort key of a row."""
        return STATES.index(row.status), -self._goodness(row), -row.options["reg"]

    def to_prune(self, rows: Mapping[int, Row]) -> Array:
        """The rows that halving prunes: those of the worse half that are more than one standard error below the best. Others may
        still win, or be the most regularised within one standard error of the winner."""
        ranked = sorted(rows, key=lambda key: self.order(rows[key]))
        if not ranked:
            return np.zeros(0, np.intp)
        least = self._goodness(rows[ranked[0]]) - (rows[ranked[0]].score_se or 0)
        worse = ranked[(len(ranked) + 1) // 2 :]
        return np.array(sorted(key for key in worse if self._goodness(rows[key]) < least), np.intp)

    def best(self, rows: Iterable[Row]) -> Row | None:
        """The best of the rows that are done, None if there is none."""
        return min((row for row in rows if row.status == "done"), key=self.order, default=None)

    def best_1se(self, rows: Iterable[Row]) -> Row | None:
        """The most regularised row whose score is within one standard error of the best (Breiman et al., 1984).

        Only rows whose reg means the same are compared: those of the best row's loss, scaling and class weight.
        """
        ranked = self.rank(rows)
        top = self.best(ranked)
        if top is None:
            return None
        alike = ("loss", "scale", "class_weight")
        near = [
            row
            for row in ranked
            if row.status == "done"
            and all(row.options[name] == top.options[name] for name in alike)
            and self._goodness(row) >= self._goodness(top) - (top.score_se or 0)
        ]
        return max(near, key=lambda row: row.options["reg"])  # the first of equals has the better score

    def at_the_edge(self, rows: Sequence[Row]) -> str | None:
        """Whether the best row has the `smallest` or the `largest` reg tried, so that a better one may lie beyond; else None."""
        top, regs = self.best(rows), sorted({row.options["reg"] for row in rows})
        if top is None or len(regs) < 3:
            return None
        return {regs[0] or None: "smallest", regs[-1]: "largest"}.get(
            top.options["reg"]
        )  # 0 is no edge: no reg is smaller

    def _goodness(self, row: Row) -> float:
        return self.metric.goodness(row.score)
