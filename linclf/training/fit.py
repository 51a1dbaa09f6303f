"""Fit one model: resolve `auto`, run SGD, keep the best epoch, roll back on divergence, resume from a checkpoint."""

import math
import time
from dataclasses import dataclass, fields, replace

import numpy as np

from linclf.data.split import Part
from linclf.errors import DivergedError, InputError
from linclf.losses import Array, Loss
from linclf.model.metrics import METRICS, Metric
from linclf.model.predictions import Predictions
from linclf.optim.auto_rate import auto_epochs, auto_momentum, auto_rate
from linclf.optim.certificate import Certificate
from linclf.optim.convergence import possible_decrease
from linclf.optim.linalg import Matrix, materialize
from linclf.optim.objective import Objective, predicted, scores
from linclf.optim.settings import SGDSettings
from linclf.optim.sgd import SGD, EngineState, Epoch
from linclf.storage.signals import FirstSignal
from linclf.training.checkpoint import Checkpoint, RunState
from linclf.training.observer import EpochProgress, Observer
from linclf.training.options import TrainOptions

RATE_DIVISORS = (2, 8, 64, 1024)  # of the first rate, after the first, second, ... divergence under auto
DIVERGED = 1.1  # times the objective at zero weights: a run that ends above it has learned nothing
GROWN = 100  # times the objective at zero weights: in tests, no run that exceeded it recovered


@dataclass(frozen=True)
class Validation:
    """Validation rows, scaled as the training rows are, and the metric that chooses the best epoch on them."""

    rows: Part
    metric: Metric

    def score(self, loss: Loss, W: Array, b: Array, n_classes: int) -> "ValidationScore":
        """Measure the weights W (d, m), b (m,) of a model of this loss."""
        with np.errstate(over="ignore", invalid="ignore"):  # of weights that are about to diverge
            found = scores(materialize(self.rows.X), W, b)  # (n, m)
            logits = None if loss.logits is None else loss.logits(found)
            predictions = Predictions(predicted(found), self.rows.y, n_classes, found, logits, self.rows.weights)
            return ValidationScore(self.metric, METRICS["accuracy"](predictions), self.metric(predictions))


@dataclass(frozen=True)
class ValidationScore:
    """The accuracy on validation rows, and the value of the metric that chooses; None where they are undefined."""

    metric: Metric
    accuracy: float | None
    score: float | None


@dataclass(frozen=True)
class FitResult:
    """The result of a fit, in the space trained in.

    W, b         (d, m), (m,): the weights of the best epoch
    settings     the settings used; why: how those chosen by auto were found, as text by name
    epochs_run   the number of the last epoch of SGD, 0 for full-batch steps from zero weights
    best_epoch   the number of the epoch whose weights these are
    data_loss, penalty   the terms of the objective at these weights
    retries      how often training diverged and continued at a lower rate
    decrease     the share of the objective that one more good step removes; None where a run goes on from other weights
    certificate  the proof of how near the optimum the weights are; None where nothing can be proven, and of large data without `--certify`
    """

    W: Array
    b: Array
    settings: SGDSettings
    why: dict[str, str]
    epochs_run: int
    best_epoch: int
    data_loss: float
    penalty: float
    retries: int = 0
    decrease: float | None = None
    certificate: Certificate | None = None


def fit(
    X: Matrix,
    y: Array,
    n_classes: int,
    options: TrainOptions,
    *,
    weights: Array | None = None,
    val: Validation | None = None,
    start: tuple[Array, Array] | None = None,
    resumed: Checkpoint | None = None,
    observer: Observer | None = None,
    stop: FirstSignal | None = None,
) -> FitResult:
    """Resolve what is `auto`, run SGD on X (n, d) as given, and return the weights of the best epoch.

    weights  (n,) sample weights or None
    val      validation rows and a metric; with them the best epoch is returned (the later of equals), and `patience` may end
             training early; without them the last epoch is
    start    (W, b) to start from instead of zero weights; such a run is not compared with zero weights
    resumed  the checkpoint to resume from
    stop     a first signal during training ends it early, with the best weights so far

    Training diverges when its weights are not finite or its objective is GROWN times that of zero weights. It then rolls back
    to the last epoch that was not much worse than zero weights. Under `--lr auto` it continues from there at a lower rate, once
    for each of RATE_DIVISORS; with a fixed rate it raises DivergedError.
    """
    observer, stop = observer or Observer(), stop or FirstSignal()
    loss = options.loss_value()
    if resumed is None:
        settings, why = resolve(loss, X, y, loss.n_outputs(n_classes), options, weights=weights)
    else:
        settings, why = replace(sgd_settings(options, X), lr=resumed.lr), dict(resumed.why)
    run = _Run(
        loss, X, y, n_classes=n_classes, options=options, settings=settings, why=why, weights=weights, val=val, start=start
    )  # fmt: skip
    if resumed is not None:
        run.resume(resumed)
    while True:
        try:
            with stop:
                run.train(observer)
                return run.finish()
            return run.finish()  # a first signal ended the block: the best weights so far
        except DivergedError as error:
            if stop.signal is not None:  # there is nothing to return
                raise stop.signal from None
            if options.lr != "auto" or run.retries == len(RATE_DIVISORS):
                raise
            action = run.roll_back()
            observer.on_note(f"{error}; {action}")


class _Run:
    """A run of training: its `state` after the last epoch, and the `last_good` state, which was not much worse than zero weights."""

    def __init__(
        self,
        loss: Loss,
        X: Matrix,
        y: Array,
        *,
        n_classes: int,
        options: TrainOptions,
        settings: SGDSettings,
        why: dict[str, str],
        weights: Array | None,
        val: Validation | None,
        start: tuple[Array, Array] | None,
    ) -> None:
        self.loss, self.X, self.y, self.weights = loss, X, y, weights
        self.n_classes, self.n_outputs = n_classes, loss.n_outputs(n_classes)
        self.objective = Objective(loss, options.strength, options.reg_bias)
        self.options, self.settings, self.why, self.val, self.start = options, settings, why, val, start
        self.zero = math.inf if start is not None else objective_at_zero(loss, y, self.n_outputs, weights)
        self.state: RunState | None = None
        self.last_good: RunState | None = None
        self.engine: EngineState | None = None  # of a checkpoint to resume from
        self.retries, self.rate, self.began = 0, float(settings.lr), time.perf_counter()

    def resume(self, checkpoint: Checkpoint) -> None:
        """Take over the state of a checkpoint. Raises InputError for one that does not belong to this run."""
        shape = self.X.shape[1], self.n_outputs
        states = [state for state in (checkpoint.state, checkpoint.last_good) if state is not None]
        if checkpoint.retries > len(RATE_DIVISORS) or any(
            state.W.shape != shape or state.W.dtype != self.X.dtype or state.number > self.settings.epochs
            for state in states
        ):
            raise InputError("the checkpoint does not belong to this run")
        self.state, self.last_good = checkpoint.state, checkpoint.last_good
        self.engine, self.retries = checkpoint.engine, checkpoint.retries
        self.rate = checkpoint.lr * (RATE_DIVISORS[self.retries - 1] if self.retries else 1)
        self.began -= checkpoint.state.seconds

    def roll_back(self) -> str:
        """Return to the last good state, with a lower rate; what is done, in words."""
        self.state, self.engine = self.last_good, None
        divisor = RATE_DIVISORS[self.retries]
        self.retries += 1
        self.settings = replace(self.settings, lr=self.rate / divisor)
        self.why["lr"] = f"auto: 1/{divisor} of the first rate, which diverged"
        where = f"continuing from epoch {self.state.number}" if self.state else "starting again"
        return f"{where} at lr {self.settings.lr:.3g}"

    def train(self, observer: Observer) -> None:
        """Train the remaining epochs. Raises DivergedError."""
        if self._patience_exhausted():
            return
        begin = self.start if self.state is None else (self.state.W, self.state.b)
        number = 0 if self.state is None else self.state.number
        sgd = SGD(
            self.loss, self.X, self.y, self.n_outputs, self.settings, weights=self.weights, start=begin, number=number
        )  # fmt: skip
        if self.engine is not None:
            sgd.resume(self.engine)
        for epoch in sgd.epochs():
            estimate, seconds = float(epoch.objective_estimate), time.perf_counter() - self.began
            self._check_growth(epoch.number, estimate)
            val = None if self.val is None else self.val.score(self.loss, epoch.W, epoch.b, self.n_classes)
            observer.on_epoch(
                EpochProgress(
                    epoch.number,
                    self.settings.epochs,
                    float(epoch.lr),
                    estimate,
                    val_accuracy=None if val is None else val.accuracy,
                    val_score=None if val is None else val.score,
                    seconds=seconds,
                )
            )
            self.state = next_state(self.state, epoch, val, seconds)
            if estimate <= DIVERGED * self.zero:
                self.last_good = self.state
            if observer.wants_checkpoints:
                observer.on_checkpoint(self._checkpoint(self.state, sgd.state()))
            if self._patience_exhausted():
                return

    def _checkpoint(self, state: RunState, engine: EngineState) -> Checkpoint:
        metric = None if self.val is None else self.val.metric.name
        lr, why = float(self.settings.lr), dict(self.why)
        return Checkpoint(state, self.last_good, engine, lr, why, self.retries, metric)

    def _patience_exhausted(self) -> bool:
        """Whether early stopping ends the run here."""
        state, patience = self.state, self.options.patience
        return state is not None and patience is not None and state.number - state.improved >= patience

    def _check_growth(self, number: int, estimate: float) -> None:
        if estimate > GROWN * self.zero:
            raise DivergedError(
                f"training diverged in epoch {number} at lr {float(self.settings.lr):.3g}: the objective is {estimate:.3g}, "
                f"and {self.zero:.3g} at zero weights"
            )

    def finish(self) -> FitResult:
        """The best weights so far, and their objective. Raises DivergedError if they are worse than zero weights."""
        state = self.state
        if state is None:
            raise DivergedError("no epoch is complete")
        W, b, reason = state.best_W, state.best_b, None
        data_loss, penalty = map(float, self.objective.terms(self.X, self.y, W, b, self.weights))
        if self.start is None or not math.isfinite(data_loss):
            reason = divergence_reason(
                self.objective, data_loss + penalty, W, b, float(self.settings.lr), X=self.X, y=self.y, weights=self.weights
            )  # fmt: skip
        if reason:
            self.last_good = None  # no epoch was better
            raise DivergedError(reason)
        decrease = None
        if self.start is None:
            fit_bias = self.options.bias
            decrease = possible_decrease(self.objective, self.X, self.y, W, b, weights=self.weights, fit_bias=fit_bias)
        return FitResult(
            W, b, self.settings, self.why, state.number, state.best, data_loss, penalty, self.retries, decrease
        )


def next_state(before: RunState | None, epoch: Epoch, val: ValidationScore | None, seconds: float) -> RunState:
    """The state of a run after one more epoch. The best epoch is the one with the best score, the later of equals; one whose
    score is undefined is worse than any other."""
    now = RunState(epoch.number, epoch.W, epoch.b, epoch.number, epoch.W, epoch.b, -1.0, epoch.number, seconds)
    if val is None:
        return now
    now = replace(now, best_accuracy=-1.0 if val.accuracy is None else val.accuracy, best_score=val.score)
    if before is None:
        return now
    score, best = val.metric.goodness(val.score), val.metric.goodness(before.best_score)
    if score > best:
        return now
    if score == best:
        return replace(now, improved=before.improved)
    return replace(before, number=epoch.number, W=epoch.W, b=epoch.b, seconds=seconds)


def resolve(
    loss: Loss,
    X: Matrix,
    y: Array,
    n_outputs: int,
    options: TrainOptions,
    *,
    weights: Array | None = None,
) -> tuple[SGDSettings, dict[str, str]]:
    """The settings with every `auto` replaced, and how the replaced ones were found, as text by name."""
    settings = sgd_settings(options, X)
    why = {"epochs": "auto"} if options.epochs == "auto" else {}
    if options.lr == "auto":
        rate = auto_rate(loss, X, y, n_outputs, settings, weights=weights)
        settings, why["lr"] = replace(settings, lr=rate.value), f"auto: {rate.reason}"
    return settings, why


def sgd_settings(options: TrainOptions, X: Matrix) -> SGDSettings:
    """The settings of SGD that the options give for X (n, d), epochs and momentum resolved; lr is 1 as long as it is `auto`."""
    given = {field.name: getattr(options, field.name) for field in fields(SGDSettings) if hasattr(options, field.name)}
    n = X.shape[0]
    chosen = {"lr": 1.0, "epochs": auto_epochs(n, min(options.batch_size, n)), "momentum": auto_momentum(X)}
    autos = {name: value for name, value in chosen.items() if given[name] == "auto"}
    return SGDSettings(**{**given, **autos, "fit_bias": options.bias})


def divergence_reason(
    objective: Objective, reached: float, W: Array, b: Array, lr: float, *, X: Matrix, y: Array, weights: Array | None
) -> str | None:
    """Why a run of one model has learned nothing: it ended above the objective of zero weights, or at zero weights that are
    not the optimum. None for a run that learned."""
    zero = objective_at_zero(objective.loss, y, W.shape[1], weights)
    if not reached <= DIVERGED * zero:
        return f"training diverged at lr {lr:.3g}: the objective is {reached:.3g}, and {zero:.3g} at zero weights"
    if not W.any() and objective.value_and_gradient(X[:], y, W, b, weights)[1].any():
        return f"training never left zero weights: lr {lr:.3g} is too small"
    return None


def objective_at_zero(loss: Loss, y: Array, n_outputs: int, weights: Array | None) -> float:
    """The objective at zero weights, where the loss of a row depends on its class alone."""
    sizes = np.bincount(y, weights)  # (K,)
    values, _ = loss(np.zeros((len(sizes), n_outputs)), np.arange(len(sizes)))
    return float(values @ sizes / sizes.sum())
