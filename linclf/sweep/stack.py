"""One stack: configurations that share a loss, a batch size and a scaling, with all their folds, trained as one W."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from linclf.errors import DivergedError
from linclf.losses import Array
from linclf.optim.auto_rate import RateEstimator
from linclf.optim.linalg import chunks, one_blas_thread, select
from linclf.optim.objective import Objective, predicted, scores
from linclf.optim.sgd import SGD, Epoch, epochs, select_models
from linclf.sweep.folds import Fold
from linclf.sweep.grid import SWEPT
from linclf.sweep.plan import Plan
from linclf.sweep.results import FOLD_KEYS, Row, finite, spread, to_prune
from linclf.training.fit import settings, why_not_learned
from linclf.training.options import TrainOptions
from linclf.training.train import sample_weights


@dataclass(frozen=True)
class Update:
    """News of a stack: epochs of configurations that are over since the last one, and rows by configuration."""

    epochs: int
    rows: dict[int, Row] = field(default_factory=dict)


def train_stack(plan: Plan, number: int) -> Iterator[Update]:
    """Train the stack of this number; every configuration's last row is done, halved or diverged."""
    with one_blas_thread():
        yield from _Stack(plan, plan.stacks[number]).train()


def row_options(configuration: TrainOptions) -> dict[str, Any]:
    """What tells a configuration from the others of its sweep."""
    return {name: getattr(configuration, name) for name in SWEPT}


class _Stack:
    """The configurations of a stack that are still in training: `alive`, places in the stack.

    Arrays are (alive, k): configurations along the first axis of models, folds along the second.
    """

    def __init__(self, plan: Plan, numbers: tuple[int, ...]) -> None:
        self.numbers, self.configurations = numbers, [plan.configurations[number] for number in numbers]
        space = plan.spaces[self.configurations[0].scale]
        groups = [(fold,) for fold in space.folds] if space.apart else [space.folds]  # apart, but in step
        self.passes = [_Pass(plan, self.configurations, folds) for folds in groups]
        self.n_epochs, self.halving = self.passes[0].sgd.epochs, plan.options.halving
        self.looks = {-(-self.n_epochs // share) for share in (8, 4, 2)} - {self.n_epochs}
        self.alive = np.arange(len(numbers))

    def train(self) -> Iterator[Update]:
        """Run through the epochs; yield after each."""
        keep: Array | None = None  # places among the alive that are trained on; None: all
        for number in range(1, self.n_epochs + 1):
            sound = np.hstack([one.step(keep) for one in self.passes]).all(axis=1)  # (alive,)
            places = np.flatnonzero(sound)
            why = f"training diverged in epoch {number}"
            rows = {place: self._row(place, "diverged", number, why=why) for place in np.flatnonzero(~sound).tolist()}
            if number == self.n_epochs:
                rows |= self._measured(places, "done", number)
            elif number in self.looks:
                looked = self._measured(places, "unfinished", number)
                rows |= looked
                if self.halving:
                    losing = to_prune(looked)
                    rows |= self._measured(losing, "halved", number)
                    places = np.setdiff1d(places, losing)
            left = len(self.alive) - len(places)
            news = {self.numbers[self.alive[place]]: row for place, row in rows.items()}
            yield Update(len(self.alive) + left * (self.n_epochs - number), news)
            if not len(places):
                return
            keep = places if left else None
            self.alive = self.alive[places]

    def _measured(self, places: Array, status: str, number: int) -> dict[int, Row]:
        """Rows of these places among the alive; the objective, which costs a pass, of those that have left training."""
        if not len(places):
            return {}
        scores = np.hstack([one.held_scores(places) for one in self.passes])  # (places, k)
        if status == "unfinished":
            return {place: self._row(place, status, number, scores[i]) for i, place in enumerate(places.tolist())}
        reached = [one.objectives(places) for one in self.passes]  # each (places, its folds)
        rows = {}
        for i, place in enumerate(places.tolist()):
            own = [objectives[i] for objectives in reached]
            why = None
            if status == "done":
                reasons = (one.why_not_learned(place, at) for one, at in zip(self.passes, own, strict=True))
                why = next(filter(None, reasons), None)
            rows[place] = self._row(place, "diverged" if why else status, number, scores[i], np.hstack(own), why=why)
        return rows

    def _row(
        self,
        place: int,
        status: str,
        number: int,
        scores: Array | None = None,
        objectives: Array | None = None,
        *,
        why: str | None = None,
    ) -> Row:
        """The row of a place among the alive, from what each fold gave, (k,)."""
        first, configuration = self.passes[0], self.configurations[self.alive[place]]
        lr = np.hstack([one.lr[place] for one in self.passes])  # (k,)
        none = [None] * len(lr)
        of_folds = [none if a is None else [finite(x) for x in a] for a in (scores, objectives, lr)]
        if status == "diverged":  # the row has no figures, though some of its folds may have
            scores = objectives = None
        std, se = (None, None) if scores is None else spread(scores.tolist(), first.n_held)
        return Row(
            options=row_options(configuration),
            status=status,
            epochs=number,
            score=None if scores is None else float(scores.mean()),
            score_std=std,
            score_se=se,
            objective=None if objectives is None else finite(objectives.mean()),
            best_epoch=None if scores is None or first.best_epoch is None else int(first.best_epoch[place, 0]),
            lr=float(lr[0] if (lr == lr[0]).all() else np.exp(np.log(lr).mean())),
            momentum=float(first.momentum[place, 0]),
            folds=tuple(dict(zip(FOLD_KEYS, fold, strict=True)) for fold in zip(*of_folds, strict=True)),
            why=why,
        )


class _Pass:
    """Folds that share an X, of the configurations still alive; without folds, the best epoch of each model is kept.

    Arrays (c, k): c configurations alive, k folds of this pass.
    """

    def __init__(self, plan: Plan, configurations: list[TrainOptions], folds: tuple[Fold, ...]) -> None:
        first, rows = configurations[0], plan.split.train
        self.loss, self.folds, self.y = first.loss_value(), folds, rows.y
        space = plan.spaces[first.scale]
        self.X, self.view = space.X, space.view
        if space.apart and folds[0].used is not None:
            # a row that trains in place of one held out, whose weight is 0: scaled by this fold it could overflow
            used = folds[0].used
            stand_ins = np.where(used, np.arange(len(rows.y)), np.argmax(used))
            self.X = folds[0].scaling.apply(select(rows.X, stand_ins), first.dtype)
        self.n_outputs = self.loss.n_outputs(len(plan.split.classes))
        self.n_held = len(folds[0].held.y)
        self.weights = _weights(configurations, rows.y, folds)
        self.sgd = self._settings(plan, configurations)
        self.lr, self.reg, self.momentum = (np.asarray(a) for a in (self.sgd.lr, self.sgd.reg, self.sgd.momentum))
        self.run = epochs(self.loss, self.X, rows.y, self.n_outputs, self.sgd, weights=self.weights, view=self.view)
        self.watched = plan.options.cv is None
        self.held = [fold.scaling.apply(fold.held.X, first.dtype) for fold in folds]
        if self.watched:  # after each epoch
            self.held = [X[:] for X in self.held]
        self.W = self.b = np.zeros(0)
        self.best_epoch: Array | None = None  # (c, k)
        self.best_scores = np.zeros(0)

    def _settings(self, plan: Plan, configurations: list[TrainOptions]) -> SGD:
        """The engine's settings of the whole stack. Each model's rate is that of its own rows, scaling and weights."""
        shape = len(configurations), len(self.folds)
        lr, reg, momentum = np.empty(shape), np.empty(shape), np.empty(shape)
        average = np.array([[configuration.average] for configuration in configurations])
        pilots: dict[Any, RateEstimator] = {}
        for i, configuration in enumerate(configurations):
            sgd = settings(configuration, self.X)
            for j, fold in enumerate(self.folds):
                key = configuration.class_weight, j
                if configuration.lr == "auto" and key not in pilots:
                    X = fold.scaling.apply(plan.split.train.X, configuration.dtype)
                    weights = sample_weights(configuration.class_weight, self.y, fold.used)
                    pilots[key] = RateEstimator(self.loss, X, self.y, self.n_outputs, sgd, weights=weights)
                lr[i, j] = pilots[key].rate(sgd).value if configuration.lr == "auto" else sgd.lr
                reg[i, j], momentum[i, j] = sgd.reg, sgd.momentum
        return replace(sgd, lr=lr, reg=reg, momentum=momentum, average=average)

    def step(self, keep: Array | None) -> Array:
        """Train one epoch with these places of the last one's; which models are finite (c, k)."""
        if keep is not None:
            self.lr, self.reg, self.momentum = self.lr[keep], self.reg[keep], self.momentum[keep]
            self.weights = select_models(self.weights, keep)
            if self.best_epoch is not None:
                self.W, self.b = self.W[:, keep], self.b[keep]
                self.best_epoch, self.best_scores = self.best_epoch[keep], self.best_scores[keep]
        try:
            epoch = self.run.send(keep)
        except DivergedError:  # all of them
            return np.zeros(self.lr.shape, bool)
        if self.watched:
            self._watch(epoch)
        else:
            self.W, self.b = epoch.W, epoch.b
        return epoch.finite

    def _watch(self, epoch: Epoch) -> None:
        """Keep the weights of each model's best epoch, the later of equals."""
        reached = self._held_scores(epoch.W, epoch.b)
        if self.best_epoch is None:
            self.W, self.b = epoch.W, epoch.b
            self.best_epoch, self.best_scores = np.full(reached.shape, 1), reached
            return
        better = reached >= self.best_scores
        self.W[:, better], self.b[better] = epoch.W[:, better], epoch.b[better]
        self.best_epoch[better], self.best_scores[better] = epoch.number, reached[better]

    def held_scores(self, places: Array) -> Array:
        """The accuracy of these places on each fold's held-out rows: (places, k)."""
        return self.best_scores[places] if self.watched else self._held_scores(self.W[:, places], self.b[places])

    def _held_scores(self, W: Array, b: Array) -> Array:
        found = np.empty(b.shape[:2])  # (c, k)
        for j, (fold, X) in enumerate(zip(self.folds, self.held, strict=True)):
            own_W, own_b = np.ascontiguousarray(W[:, :, j]), b[:, j]  # (d, c, m), (c, m)
            right = np.zeros(len(found), np.intp)
            for rows, x in chunks(X, own_b.size):
                with np.errstate(over="ignore", invalid="ignore"):  # of weights that are about to diverge
                    right += (predicted(scores(x, own_W, own_b)) == fold.held.y[rows, None]).sum(axis=0)
            found[:, j] = right / len(fold.held.y)
        return found

    def objectives(self, places: Array) -> Array:
        """The objective of these places over the rows that each fold trains on: (places, k)."""
        W, b = self.W[:, places], self.b[places]
        objective = Objective(self.loss, self.reg[places], self.sgd.reg_bias)
        seen, seen_b = W, b
        if self.view is not None:
            whole = self.view.seen(np.concatenate([W, b[None]]))
            seen, seen_b = whole[:-1], whole[-1]
        with np.errstate(over="ignore", invalid="ignore"):
            data, _ = objective.terms(self.X, self.y, seen, seen_b, select_models(self.weights, places))
        return data + objective.penalty(W, b)

    def why_not_learned(self, place: int, reached: Array) -> str | None:
        """What is wrong with the models of this place, if anything is; reached (k,) objectives."""
        weights = select_models(self.weights, np.array([place]))  # (n, 1, k)
        for j in range(len(self.folds)):
            why = why_not_learned(
                Objective(self.loss, float(self.reg[place, j]), self.sgd.reg_bias),
                float(reached[j]),
                self.W[:, place, j],
                self.b[place, j],
                float(self.lr[place, j]),
                X=self.X,
                y=self.y,
                weights=None if weights is None else weights[:, 0, j],
            )
            if why:
                return why
        return None


def _weights(configurations: list[TrainOptions], y: Array, folds: tuple[Fold, ...]) -> Array | None:
    """Sample weights (n, c, k), the axis of configurations of length 1 where these agree; None where all are 1."""
    kinds = [configuration.class_weight for configuration in configurations]
    kinds = kinds[:1] if len(set(kinds)) == 1 else kinds
    if kinds == [None] and folds[0].used is None:
        return None
    found = np.ones((len(y), len(kinds), len(folds)))
    for i, kind in enumerate(kinds):
        for j, fold in enumerate(folds):
            own = sample_weights(kind, y, fold.used)
            found[:, i, j] = 1 if own is None else own
    return found
