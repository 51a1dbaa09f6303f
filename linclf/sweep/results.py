"""What a sweep finds: a row for each configuration, their order, and which one to choose."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linclf.losses import Array

STATES = ("done", "halved", "unfinished", "diverged")  # in the order of the table
FOLD_KEYS = ("score", "objective", "lr")


@dataclass(frozen=True)
class Row:
    """What became of one configuration.

    options     what it is, as it was asked for (`auto` stays `auto`)
    status      done; halved: it left early, its score is that of then; unfinished; diverged
    score       accuracy on held-out rows, the mean over folds; score_std its standard deviation over them (divided by k, as
                scikit-learn's), score_se the standard error: std / sqrt(k), or that of a share of the validation rows
    objective   on the rows trained on, the mean over folds
    epochs      trained; best_epoch is the one whose weights are scored, with a validation part
    lr          the number used, the geometric mean over folds; momentum too
    folds       score, objective and lr of each fold
    why         of a diverged row: what happened
    """

    options: dict[str, Any]
    status: str
    epochs: int
    score: float | None = None
    score_std: float | None = None
    score_se: float | None = None
    objective: float | None = None
    best_epoch: int | None = None
    lr: float | None = None
    momentum: float | None = None
    folds: tuple[dict[str, Any], ...] = ()
    why: str | None = None


def spread(scores: Sequence[float], n_held: int) -> tuple[float | None, float]:
    """score_std and score_se of the scores of k folds, or of one score on n_held rows."""
    k = len(scores)
    if k > 1:
        std = float(np.std(scores))
        return std, std / math.sqrt(k)
    return None, math.sqrt(scores[0] * (1 - scores[0]) / n_held)


def rank(rows: Iterable[Row]) -> list[Row]:
    """The best first: by status, by score, and of equal scores the most regularised, then the first asked for."""
    return sorted(rows, key=order)


def order(row: Row) -> tuple[int, float, float]:
    """What rows are ranked by."""
    return STATES.index(row.status), -_score(row), -row.options["reg"]


def to_prune(rows: Mapping[int, Row]) -> Array:
    """Which rows halving drops: those of the worse half that are more than one standard error behind the best. What is
    nearer may yet win, or be the most regularised of those as good as the winner."""
    ranked = sorted(rows, key=lambda key: order(rows[key]))
    if not ranked:
        return np.zeros(0, np.intp)
    least = _score(rows[ranked[0]]) - (rows[ranked[0]].score_se or 0)
    worse = ranked[-(-len(ranked) // 2) :]
    return np.array(sorted(key for key in worse if _score(rows[key]) < least), np.intp)


def best(rows: Iterable[Row]) -> Row | None:
    """The first of the rows that are done, None if none is."""
    return next((row for row in rank(rows) if row.status == "done"), None)


def best_1se(rows: Iterable[Row]) -> Row | None:
    """The most regularised row whose score is within one standard error of the best (Breiman et al., 1984).

    Only rows whose reg means the same are compared: those of the best row's loss, scaling and class weight.
    """
    ranked = rank(rows)
    top = best(ranked)
    if top is None:
        return None
    alike = ("loss", "scale", "class_weight")
    near = [
        row
        for row in ranked
        if row.status == "done"
        and all(row.options[name] == top.options[name] for name in alike)
        and _score(row) >= _score(top) - (top.score_se or 0)
    ]
    return max(near, key=lambda row: row.options["reg"])  # the first of equals: the one with the better score


def at_the_edge(rows: Sequence[Row]) -> str | None:
    """Which end of the regs tried the best row has, `smallest` or `largest`, if any: beyond it may be better ones."""
    top, regs = best(rows), sorted({row.options["reg"] for row in rows})
    if top is None or len(regs) < 3:
        return None
    return {regs[0] or None: "smallest", regs[-1]: "largest"}.get(top.options["reg"])  # below 0 there is none


def finite(number: float) -> float | None:
    """A number as JSON has it: None for NaN and infinity."""
    return float(number) if math.isfinite(number) else None


def _score(row: Row) -> float:
    return -1.0 if row.score is None else row.score
