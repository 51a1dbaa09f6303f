"""Train one stack: configurations that share a loss, a batch size and a scaling, with all their folds, as one W."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from linclf.data.class_weights import ClassWeights
from linclf.data.split import Part, Split
from linclf.errors import DivergedError
from linclf.losses import Array
from linclf.optim.auto_rate import RateEstimator
from linclf.optim.blas import one_blas_thread
from linclf.optim.linalg import Matrix, select_models, select_rows
from linclf.optim.objective import Objective
from linclf.optim.settings import SGDSettings
from linclf.optim.sgd import SGD, Epoch
from linclf.storage.decode import finite_or_none
from linclf.sweep.folds import Fold
from linclf.sweep.plan import Plan
from linclf.sweep.results import FOLD_KEYS, Ranking, Row, StackProgress, row_options, spread
from linclf.sweep.scoring import Scorer
from linclf.training.fit import divergence_reason, sgd_settings
from linclf.training.options import TrainOptions
from linclf.training.prepare import loss_weights


def train_stack(plan: Plan, number: int) -> Iterator[StackProgress]:
    """Train the stack of this number; the last row of every configuration is done, halved or diverged."""
    with one_blas_thread():
        yield from _Stack(plan, plan.stacks[number]).train()


class _Stack:
    """The configurations of a stack; `alive` are the indices of those still in training.

    Arrays are (alive, k): configurations along the first axis of models, folds along the second. Folds that share an X are
    trained in one pass; folds with an X each have passes that are trained in lockstep, an epoch at a time.
    """

    def __init__(self, plan: Plan, numbers: tuple[int, ...]) -> None:
        self.numbers, self.configurations = numbers, [plan.configurations[number] for number in numbers]
        data = plan.data[self.configurations[0].scale]
        groups = [(fold,) for fold in data.folds] if data.one_X_per_fold else [data.folds]
        self.passes = [_Pass(plan, self.configurations, folds) for folds in groups]
        self.n_epochs, self.halving = self.passes[0].settings.epochs, plan.options.halving
        self.ranking = Ranking(plan.selection.metric)
        # epochs after which configurations are scored, and pruned with halving
        self.rungs = {-(-self.n_epochs // share) for share in (8, 4, 2)} - {self.n_epochs}
        self.alive = np.arange(len(numbers))

    def train(self) -> Iterator[StackProgress]:
        """Train all epochs; yield after each."""
        for number in range(1, self.n_epochs + 1):
            sound = np.hstack([one.run_epoch() for one in self.passes]).all(axis=1)  # (alive,)
            remaining = np.flatnonzero(sound)
            why = f"training diverged in epoch {number}"
            rows = {i: self._row(i, "diverged", number, why=why) for i in np.flatnonzero(~sound).tolist()}
            if number == self.n_epochs:
                rows |= self._measured(remaining, "done", number)
            elif number in self.rungs:
                scored = self._measured(remaining, "unfinished", number)
                rows |= scored
                if self.halving:
                    pruned = self.ranking.to_prune(scored)
                    rows |= self._measured(pruned, "halved", number)
                    remaining = np.setdiff1d(remaining, pruned)
            n_dropped = len(self.alive) - len(remaining)
            by_configuration = {self.numbers[self.alive[i]]: row for i, row in rows.items()}
            yield StackProgress(len(self.alive) + n_dropped * (self.n_epochs - number), by_configuration)
            if not len(remaining):
                return
            if n_dropped:
                self.alive = self.alive[remaining]
                for one in self.passes:
                    one.select(remaining)

    def _measured(self, indices: Array, status: str, number: int) -> dict[int, Row]:
        """The rows at these indices among the alive; with the objective, which costs a pass, if they leave training."""
        if not len(indices):
            return {}
        measured = [one.fold_scores(indices, errors=self.halving or status != "unfinished") for one in self.passes]
        scores, errors = (np.hstack(each) for each in zip(*measured, strict=True))  # (indices, k)
        if status == "unfinished":
            return {
                i: self._row(i, status, number, scores[j], errors=errors[j]) for j, i in enumerate(indices.tolist())
            }
        reached = [one.objectives(indices) for one in self.passes]  # each (indices, its folds)
        rows = {}
        for j, i in enumerate(indices.tolist()):
            own = [objectives[j] for objectives in reached]
            why = None if np.isfinite(scores[j]).all() else "its scores of held-out rows are not finite"
            if status == "done" and why is None:
                reasons = (one.divergence_reason(i, at) for one, at in zip(self.passes, own, strict=True))
                why = next(filter(None, reasons), None)
            rows[i] = self._row(
                i,
                "diverged" if why else status,
                number,
                scores[j],
                errors=errors[j],
                objectives=np.hstack(own),
                why=why,
            )
        return rows

    def _row(
        self,
        index: int,
        status: str,
        number: int,
        scores: Array | None = None,
        *,
        errors: Array | None = None,
        objectives: Array | None = None,
        why: str | None = None,
    ) -> Row:
        """The row at an index among the alive, from the scores, their standard errors and the objectives of its folds, (k,)."""
        first, configuration = self.passes[0], self.configurations[self.alive[index]]
        lr = np.hstack([one.lr[index] for one in self.passes])  # (k,)
        absent: list[float | None] = [None] * len(lr)
        by_fold = [absent if a is None else [finite_or_none(x) for x in a] for a in (scores, objectives, lr)]
        if status == "diverged":  # the row has no figures, even if some of its folds have
            scores = errors = objectives = None
        std, se = (None, None) if scores is None or errors is None else spread(scores.tolist(), float(errors[0]))
        return Row(
            options=row_options(configuration),
            status=status,
            epochs=number,
            score=None if scores is None else finite_or_none(scores.mean()),
            score_std=std,
            score_se=se,
            objective=None if objectives is None else finite_or_none(objectives.mean()),
            best_epoch=None if scores is None or first.best_epoch is None else int(first.best_epoch[index, 0]),
            lr=float(lr[0] if (lr == lr[0]).all() else np.exp(np.log(lr).mean())),
            momentum=float(first.momentum[index, 0]),
            folds=tuple(dict(zip(FOLD_KEYS, fold, strict=True)) for fold in zip(*by_fold, strict=True)),
            why=why,
        )


class _Pass:
    """Folds that share an X, of the c configurations still alive; arrays are (c, k) for the k folds of this pass.

    With a validation part instead of folds, the weights of each model's best epoch are kept.
    """

    def __init__(self, plan: Plan, configurations: list[TrainOptions], folds: tuple[Fold, ...]) -> None:
        first, rows, data = configurations[0], plan.split.train, plan.data[configurations[0].scale]
        self.loss, self.folds, self.y, self.view = first.loss_value(), folds, rows.y, data.view
        self.X: Matrix = data.X
        used = folds[0].used
        if data.one_X_per_fold and used is not None:
            # a held-out row has weight 0, but scaled by this fold it could overflow: a training row takes its position
            positions = np.where(used, np.arange(len(rows.y)), np.argmax(used))
            self.X = folds[0].scaling.apply(select_rows(rows.X, positions), first.dtype)
        self.n_outputs = self.loss.n_outputs(len(plan.split.classes))
        self.scorer = Scorer(plan.selection.metric, self.loss, len(plan.split.classes))
        self.fold_weights = [_fold_weights(rows, fold) for fold in folds]
        self.weights = _stacked_weights(configurations, rows.y, plan.split.classes, self.fold_weights)
        self.settings = self._settings(plan.split, configurations)
        self.lr, self.reg, self.momentum = (
            np.asarray(a) for a in (self.settings.lr, self.settings.reg, self.settings.momentum)
        )
        self.sgd = SGD(
            self.loss, self.X, rows.y, self.n_outputs, self.settings, weights=self.weights, view=self.view
        )  # fmt: skip
        self.keeps_best = plan.options.cv is None
        self.held_out = [fold.scaling.apply(fold.held_out.X, first.dtype) for fold in folds]
        if self.keeps_best:  # scored after each epoch
            self.held_out = [X[:] for X in self.held_out]
        self.W = self.b = np.zeros(0)
        self.best_epoch: Array | None = None  # (c, k)
        self.best_scores = np.zeros(0)

    def _settings(self, split: Split, configurations: list[TrainOptions]) -> SGDSettings:
        """The settings of the whole stack. The rate of each model is chosen for its own rows, scaling and weights."""
        shape = len(configurations), len(self.folds)
        lr, reg, momentum = np.empty(shape), np.empty(shape), np.empty(shape)
        average = np.array([[configuration.average] for configuration in configurations])
        estimators: dict[tuple[ClassWeights | None, int], RateEstimator] = {}
        for i, configuration in enumerate(configurations):
            settings = sgd_settings(configuration, self.X)
            for j, fold in enumerate(self.folds):
                key = configuration.class_weight, j
                if configuration.lr == "auto" and key not in estimators:
                    X = fold.scaling.apply(split.train.X, configuration.dtype)
                    weights = loss_weights(configuration.class_weight, self.y, split.classes, self.fold_weights[j])
                    estimators[key] = RateEstimator(self.loss, X, self.y, self.n_outputs, settings, weights=weights)
                lr[i, j] = estimators[key].rate(settings).value if configuration.lr == "auto" else settings.lr
                reg[i, j], momentum[i, j] = settings.reg, settings.momentum
        return replace(settings, lr=lr, reg=reg, momentum=momentum, average=average)

    def run_epoch(self) -> Array:
        """Train one epoch; which models are finite (c, k)."""
        try:
            epoch = self.sgd.run_epoch()
        except DivergedError:  # all of them
            return np.zeros(self.lr.shape, bool)
        if self.keeps_best:
            self._keep_best(epoch)
        else:
            self.W, self.b = epoch.W, epoch.b
        return epoch.finite

    def select(self, indices: Array) -> None:
        """Continue with the configurations at these indices only."""
        self.sgd.select(indices)
        self.lr, self.reg, self.momentum = self.lr[indices], self.reg[indices], self.momentum[indices]
        self.weights = select_models(self.weights, indices)
        if self.best_epoch is not None:
            self.W, self.b = self.W[:, indices], self.b[indices]
            self.best_epoch, self.best_scores = self.best_epoch[indices], self.best_scores[indices]

    def _keep_best(self, epoch: Epoch) -> None:
        """Keep the weights of each model's best epoch, the later of equals."""
        reached, _ = self._scores(epoch.W, epoch.b)
        if self.best_epoch is None:
            self.W, self.b = epoch.W, epoch.b
            self.best_epoch, self.best_scores = np.full(reached.shape, 1), reached
            return
        goodness = self.scorer.metric.all_goodness
        better = goodness(reached) >= goodness(self.best_scores)
        self.W[:, better], self.b[better] = epoch.W[:, better], epoch.b[better]
        self.best_epoch[better], self.best_scores[better] = epoch.number, reached[better]

    def fold_scores(self, indices: Array, *, errors: bool) -> tuple[Array, Array]:
        """The scores of these configurations on the held-out rows of each fold, (indices, k); and, of validation rows and if
        `errors` are wanted, their standard errors, else NaN."""
        if self.keeps_best and not errors:
            return self.best_scores[indices], np.full(self.best_scores[indices].shape, np.nan)
        return self._scores(self.W[:, indices], self.b[indices], errors=errors and self.keeps_best)

    def _scores(self, W: Array, b: Array, *, errors: bool = False) -> tuple[Array, Array]:
        """The scores of weights W (d, c, k, m), b (c, k, m) on the held-out rows of each fold, and their errors: (c, k)."""
        found = np.empty((2, *b.shape[:2]))
        for j, (fold, X) in enumerate(zip(self.folds, self.held_out, strict=True)):
            own_W = np.ascontiguousarray(W[:, :, j])  # (d, c, m)
            found[:, :, j] = self.scorer(
                X, fold.held_out.y, own_W, b[:, j], weights=fold.held_out.weights, errors=errors
            )
        return found[0], found[1]

    def objectives(self, indices: Array) -> Array:
        """The objective of these configurations over the rows that each fold trains on: (indices, k)."""
        W, b = self.W[:, indices], self.b[indices]
        objective = Objective(self.loss, self.reg[indices], self.settings.reg_bias)
        raw_W, raw_b = W, b
        if self.view is not None:
            whole = self.view.to_raw_weights(np.concatenate([W, b[None]]))
            raw_W, raw_b = whole[:-1], whole[-1]
        with np.errstate(over="ignore", invalid="ignore"):
            data, _ = objective.terms(self.X, self.y, raw_W, raw_b, select_models(self.weights, indices))
        return data + objective.penalty(W, b)

    def divergence_reason(self, index: int, reached: Array) -> str | None:
        """Why the models of this configuration have learned nothing, if so; reached (k,) are their objectives."""
        weights = select_models(self.weights, np.array([index]))  # (n, 1, k)
        for j in range(len(self.folds)):
            reason = divergence_reason(
                Objective(self.loss, float(self.reg[index, j]), self.settings.reg_bias),
                float(reached[j]),
                self.W[:, index, j],
                self.b[index, j],
                float(self.lr[index, j]),
                X=self.X,
                y=self.y,
                weights=None if weights is None else weights[:, 0, j],
            )
            if reason:
                return reason
        return None


def _fold_weights(rows: Part, fold: Fold) -> Array | None:
    """The weights (n,) of the training rows, 0 for those that the fold does not train on; None if all are 1."""
    if fold.used is None:
        return rows.weights
    return fold.used.astype(np.float64) if rows.weights is None else fold.used * rows.weights


def _stacked_weights(
    configurations: list[TrainOptions], y: Array, classes: Array, fold_weights: list[Array | None]
) -> Array | None:
    """Weights in the loss (n, c, k), the axis of configurations of length 1 where these agree; None where all are 1."""
    kinds = [configuration.class_weight for configuration in configurations]
    kinds = kinds[:1] if len(set(kinds)) == 1 else kinds
    if kinds == [None] and fold_weights[0] is None:
        return None
    weights = np.ones((len(y), len(kinds), len(fold_weights)))
    for i, kind in enumerate(kinds):
        for j, own in enumerate(fold_weights):
            found = loss_weights(kind, y, classes, own)
            weights[:, i, j] = 1 if found is None else found
    return weights
