"""Solve one stack whose models are brought to their optimum by full-batch steps: a path along reg, from the strongest on, in each fold.

Each model starts from the weights of the one before, which is near. A row is as near the optimum as `linclf train` would bring it with
the same options, on the rows of the fold.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from linclf.losses import Array
from linclf.optim.blas import one_blas_thread
from linclf.optim.certificate import Certificate, Path
from linclf.optim.linalg import Matrix, materialize
from linclf.optim.objective import Objective
from linclf.storage.decode import finite_or_none
from linclf.sweep.folds import Fold
from linclf.sweep.plan import Plan
from linclf.sweep.results import FOLD_KEYS, Row, StackProgress, row_options, spread
from linclf.sweep.scoring import Scorer
from linclf.training.finish import planned_finish
from linclf.training.options import TrainOptions
from linclf.training.prepare import loss_weights


def solve_path(plan: Plan, number: int) -> Iterator[StackProgress]:
    """Solve the configurations of the stack of this number, which differ in their reg only; each row is done or diverged."""
    numbers = sorted(plan.stacks[number], key=lambda one: -plan.configurations[one].strength)
    with one_blas_thread():
        first = plan.configurations[numbers[0]]
        folds = [_FoldPath(plan, first, fold) for fold in plan.data[first.scale].folds]
        for one in numbers:
            configuration = plan.configurations[one]
            yield StackProgress(1, {one: _row(configuration, [fold.solve(configuration) for fold in folds])})


@dataclass(frozen=True)
class _Solved:
    """The model of a fold: its score on the held-out rows, its objective on those it is trained on, and the proof."""

    score: float
    objective: float
    certificate: Certificate


class _FoldPath:
    """The rows of a fold, and its weights so far."""

    def __init__(self, plan: Plan, options: TrainOptions, fold: Fold) -> None:
        rows, classes = plan.split.train, plan.split.classes
        used = np.arange(len(rows.y)) if fold.used is None else np.flatnonzero(fold.used)
        own = rows.select(used)
        self.X: Matrix = materialize(fold.scaling.apply(own.X, options.dtype))
        self.y, self.weights = own.y, loss_weights(options.class_weight, own.y, classes, own.weights)
        self.held_out = materialize(fold.scaling.apply(fold.held_out.X, options.dtype))
        self.y_held_out, self.weights_held_out = fold.held_out.y, fold.held_out.weights
        self.loss = options.loss_value()
        self.scorer = Scorer(plan.selection.metric, self.loss, len(classes))
        self.path = Path(
            Objective(self.loss, options.strength, options.reg_bias),
            self.X,
            self.y,
            n_outputs=self.loss.n_outputs(len(classes)),
            weights=self.weights,
            fit_bias=options.bias,
            dtype=self.X.dtype,
        )

    def solve(self, options: TrainOptions) -> _Solved | None:
        """Go on to the weights of these options; None if no step is possible, as for numbers that are too large."""
        finish = planned_finish(options, self.X, from_zero=True)
        if finish is None:
            raise AssertionError("the plan has only configurations that steps over all rows are planned for")
        W, b, certificate = self.path.solve(options.strength, finish.percent, finish.most_steps)
        if not (certificate.steps or certificate.percent <= finish.percent or W.any()):
            return None
        objective = Objective(self.loss, options.strength, options.reg_bias)
        value = float(sum(map(np.asarray, objective.terms(self.X, self.y, W, b, self.weights))))
        return _Solved(self._score(W, b), value, certificate)

    def _score(self, W: Array, b: Array) -> float:
        scores, _ = self.scorer(self.held_out, self.y_held_out, W[:, None], b[None], weights=self.weights_held_out)
        return float(scores[0])


def _row(configuration: TrainOptions, solved: list[_Solved | None]) -> Row:
    """The row of a configuration from what its folds found."""
    found = [one for one in solved if one is not None]
    scores: Array = np.array([one.score for one in found])
    if len(found) < len(solved) or not np.isfinite(scores).all():
        why = "the numbers are too large to train on" if len(found) < len(solved) else "its scores are not finite"
        absent = [dict.fromkeys(FOLD_KEYS)] * len(solved)
        return Row(row_options(configuration), "diverged", 0, folds=tuple(absent), why=why)
    objectives = [one.objective for one in found]
    std, se = spread(scores.tolist(), float("nan"))
    by_fold = zip(map(finite_or_none, scores), map(finite_or_none, objectives), [None] * len(found), strict=True)
    return Row(
        options=row_options(configuration),
        status="done",
        epochs=max(one.certificate.steps for one in found),
        score=finite_or_none(scores.mean()),
        score_std=std,
        score_se=se,
        objective=finite_or_none(float(np.mean(objectives))),
        folds=tuple(dict(zip(FOLD_KEYS, fold, strict=True)) for fold in by_fold),
        percent=finite_or_none(max(one.certificate.percent for one in found)),
    )
