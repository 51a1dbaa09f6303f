"""One fit: what is `auto` resolved, epochs watched, divergences rolled back, a run that was stopped gone on with."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np

from linclf.data.split import Part
from linclf.errors import DivergedError, InputError
from linclf.losses import Array, Loss
from linclf.model.metrics import accuracy
from linclf.optim.auto_rate import auto_epochs, auto_momentum, auto_rate
from linclf.optim.certificate import Certificate, certify
from linclf.optim.linalg import Matrix
from linclf.optim.objective import Objective, predicted, scores
from linclf.optim.sgd import SGD, Epoch, State, epochs
from linclf.storage.signals import Terminated
from linclf.training.checkpoint import Checkpoint, RunState
from linclf.training.options import TrainOptions

SLOWER = (2, 8, 64, 1024)  # what the rate of auto is divided by, should training diverge, and diverge again
DIVERGED = 1.1  # times the objective at zero weights: a run that ends above has learned nothing
GROWN = 100  # times it: no run that went above was ever seen to end below


@dataclass(frozen=True)
class Progress:
    """What is known after an epoch, for bars and histories: `seconds` since training began; val_accuracy may be None.

    After a divergence an epoch may come again.
    """

    epoch: int
    epochs: int
    lr: float
    objective_estimate: float
    val_accuracy: float | None
    seconds: float


@dataclass(frozen=True)
class Fit:
    """What training left, in the space trained in: W (d, m), b (m,), the settings used and why, and the last epoch.

    best_epoch   the epoch whose weights these are
    data_loss, penalty   the terms of the objective at these weights
    retries      how often training diverged and went on at a lower rate
    interrupted  the signal that ended training early, if any
    certificate  what is proven of these weights, if it was asked for
    """

    W: Array
    b: Array
    sgd: SGD
    why: dict[str, str]
    epochs_run: int
    best_epoch: int
    data_loss: float
    penalty: float
    retries: int = 0
    interrupted: BaseException | None = None
    certificate: Certificate | None = None


def fit(
    loss: Loss,
    X: Matrix,
    y: Array,
    n_classes: int,
    options: TrainOptions,
    *,
    weights: Array | None = None,
    watched: Part | None = None,
    start: tuple[Array, Array] | None = None,
    resumed: Checkpoint | None = None,
    on_epoch: Callable[[Progress], None] = lambda _: None,
    keep: Callable[[Checkpoint], None] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Fit:
    """Resolve what is `auto`, run the engine on X (n, d) as given, and keep the best epoch's weights.

    weights  (n,) sample weights or None
    watched  a validation part, scaled like X; with it the epoch with the best accuracy is kept (the later of equals),
             and `patience` may end training; without it the last epoch
    start    (W, b) to begin at, else zero; a run that goes on is not held against zero weights
    resumed  the checkpoint to go on from
    keep     is given a checkpoint after each epoch
    say      is told what a user should know

    Training that diverges, its weights not finite or its objective GROWN, goes back to the last epoch that was better
    than zero weights; under `--lr auto` it goes on from there at a lower rate, as often as there are SLOWER ones.
    Raises DivergedError. A KeyboardInterrupt or Terminated once there is something to keep ends training early.
    """
    n_outputs = loss.n_outputs(n_classes)
    if resumed is None:
        sgd, why = resolve(loss, X, y, n_outputs, options, weights=weights)
    else:
        sgd, why = replace(settings(options, X), lr=resumed.lr), dict(resumed.why)
    run = _Run(
        loss,
        X,
        y,
        n_outputs=n_outputs,
        options=options,
        sgd=sgd,
        why=why,
        weights=weights,
        watched=watched,
        start=start,
    )
    if resumed is not None:
        run.take_up(resumed)
    while True:
        try:
            run.train(on_epoch, keep)
            return run.ended()
        except DivergedError as error:
            if options.lr != "auto" or run.retries == len(SLOWER):
                raise
            say(f"{error}; {run.go_back()}")
        except (KeyboardInterrupt, Terminated) as signal:
            with suppress(DivergedError):
                return run.ended(signal)
            raise


def polish_and_certify(
    fitted: Fit, loss: Loss, X: Matrix, y: Array, options: TrainOptions, *, weights: Array | None = None
) -> Fit:
    """The fit taken on over all rows until its weights are proven to be as near to the optimum as `--certify` asks, or as
    near as a budget of steps takes them; itself where nothing was asked for, and where a signal ended it."""
    if options.certify is None or fitted.interrupted is not None:
        return fitted
    objective = Objective(loss, options.reg, options.reg_bias)
    W, b, proof = certify(
        options.certify, objective, X, y, start=(fitted.W, fitted.b), weights=weights, fit_bias=options.bias
    )
    data_loss, penalty = map(float, objective.terms(X, y, W, b, weights))
    return replace(fitted, W=W, b=b, data_loss=data_loss, penalty=penalty, certificate=proof)


class _Run:
    """A run and where it stands: `standing` after its last epoch, `good` after the last one better than zero weights."""

    def __init__(
        self,
        loss: Loss,
        X: Matrix,
        y: Array,
        *,
        n_outputs: int,
        options: TrainOptions,
        sgd: SGD,
        why: dict[str, str],
        weights: Array | None,
        watched: Part | None,
        start: tuple[Array, Array] | None,
    ) -> None:
        self.engine = partial(epochs, loss, X, y, n_outputs, weights=weights)
        self.n_outputs = n_outputs
        self.objective = Objective(loss, options.reg, options.reg_bias)
        self.rows, self.options, self.sgd, self.why = (X, y, weights), options, sgd, why
        self.watched, self.start = watched, start
        self.zero = math.inf if start is not None else at_zero(loss, y, n_outputs, weights)
        self.standing: RunState | None = None
        self.good: RunState | None = None
        self.after: int | State = 0
        self.retries, self.rate, self.began = 0, float(sgd.lr), time.perf_counter()

    def take_up(self, resumed: Checkpoint) -> None:
        """Stand where a checkpoint stood. Raises InputError where it cannot be one of this run."""
        shape = self.rows[0].shape[1], self.n_outputs
        stands = [one for one in (resumed.standing, resumed.good) if one is not None]
        if resumed.retries > len(SLOWER) or any(
            one.W.shape != shape or one.W.dtype != self.rows[0].dtype or one.number > self.sgd.epochs for one in stands
        ):
            raise InputError("the checkpoint is not one of this run")
        self.standing, self.good = resumed.standing, resumed.good
        self.after, self.retries = resumed.state, resumed.retries
        self.rate = resumed.lr * (SLOWER[self.retries - 1] if self.retries else 1)
        self.began -= resumed.standing.seconds

    def go_back(self) -> str:
        """Stand where training was last better than zero weights, with a lower rate; in words."""
        self.standing, self.after = self.good, self.good.number if self.good else 0
        slower = SLOWER[self.retries]
        self.retries += 1
        self.sgd = replace(self.sgd, lr=self.rate / slower)
        self.why["lr"] = f" (auto: 1/{slower} of the rate that diverged)"
        return f"{f'going on from epoch {self.after}' if self.after else 'beginning again'} at lr {self.sgd.lr:.3g}"

    def train(self, on_epoch: Callable[[Progress], None], keep: Callable[[Checkpoint], None] | None) -> None:
        """Train the epochs to come. Raises DivergedError."""
        begin = self.start if self.standing is None else (self.standing.W, self.standing.b)
        for epoch in self.engine(self.sgd, start=begin, after=self.after) if not self._patience_ends() else ():
            estimate, seconds = float(epoch.objective_estimate), time.perf_counter() - self.began
            self._check_growth(epoch.number, estimate)
            val_accuracy = None if self.watched is None else _accuracy(self.watched, epoch.W, epoch.b)
            on_epoch(Progress(epoch.number, self.sgd.epochs, float(epoch.lr), estimate, val_accuracy, seconds))
            self.standing = _stands(self.standing, epoch, val_accuracy, seconds)
            if estimate <= DIVERGED * self.zero:
                self.good = self.standing
            if keep is not None:
                lr, why = float(self.sgd.lr), dict(self.why)
                keep(Checkpoint(self.standing, self.good, epoch.state(), lr, why, self.retries))
            if self._patience_ends():
                break

    def _patience_ends(self) -> bool:
        """Whether early stopping ends the run where it stands."""
        stands, patience = self.standing, self.options.patience
        return stands is not None and patience is not None and stands.number - stands.improved >= patience

    def _check_growth(self, number: int, estimate: float) -> None:
        if estimate > GROWN * self.zero:
            lr, zero = float(self.sgd.lr), self.zero
            raise DivergedError(
                f"training diverged in epoch {number} at lr {lr:.3g}: the objective is {estimate:.3g}, and {zero:.3g} at "
                "zero weights"
            )

    def ended(self, interrupted: BaseException | None = None) -> Fit:
        """The best weights so far, measured. Raises DivergedError where they are no better than none."""
        stands, (X, y, weights) = self.standing, self.rows
        if stands is None:
            raise DivergedError("no epoch is over")
        W, b, reason = stands.best_W, stands.best_b, None
        data_loss, penalty = map(float, self.objective.terms(X, y, W, b, weights))
        if self.start is None or not math.isfinite(data_loss):
            reached, lr = data_loss + penalty, float(self.sgd.lr)
            reason = why_not_learned(self.objective, reached, W, b, lr, X=X, y=y, weights=weights)
        if reason:
            self.good = None  # none of the epochs led anywhere
            raise DivergedError(reason)
        return Fit(W, b, self.sgd, self.why, stands.number, stands.best, data_loss, penalty, self.retries, interrupted)


def _stands(before: RunState | None, epoch: Epoch, val_accuracy: float | None, seconds: float) -> RunState:
    """Where a run stands after one more epoch."""
    now = RunState(epoch.number, epoch.W, epoch.b, epoch.number, epoch.W, epoch.b, -1.0, epoch.number, seconds)
    if val_accuracy is None:
        return now
    if before is None or val_accuracy > before.best_accuracy:
        return replace(now, best_accuracy=val_accuracy)
    if val_accuracy == before.best_accuracy:  # the later of equals
        return replace(now, best_accuracy=val_accuracy, improved=before.improved)
    return replace(before, number=epoch.number, W=epoch.W, b=epoch.b, seconds=seconds)


def resolve(
    loss: Loss, X: Matrix, y: Array, n_outputs: int, options: TrainOptions, *, weights: Array | None = None
) -> tuple[SGD, dict[str, str]]:
    """The engine's settings with every `auto` replaced, and for people what the replaced ones were made from."""
    sgd = settings(options, X)
    why = {"epochs": " (auto)"} if options.epochs == "auto" else {}
    if options.lr == "auto":
        rate = auto_rate(loss, X, y, n_outputs, sgd, weights=weights)
        sgd, why["lr"] = replace(sgd, lr=rate.value), f" (auto: {rate.reason})"
    return sgd, why


def settings(options: TrainOptions, X: Matrix) -> SGD:
    """The engine's settings; lr is 1 as long as it is `auto`."""
    size = min(options.batch_size, X.shape[0])
    given = {one.name: getattr(options, one.name) for one in fields(SGD) if hasattr(options, one.name)}
    chosen = {"lr": 1.0, "epochs": auto_epochs(X.shape[0], size), "momentum": auto_momentum(X)}
    autos = {name: value for name, value in chosen.items() if given[name] == "auto"}
    return SGD(**{**given, **autos, "fit_bias": options.bias})


def _accuracy(part: Part, W: Array, b: Array) -> float | None:
    return accuracy(predicted(scores(part.X, W, b)), part.y)


def why_not_learned(
    objective: Objective, reached: float, W: Array, b: Array, lr: float, *, X: Matrix, y: Array, weights: Array | None
) -> str | None:
    """What is wrong with a run that ended above the objective of zero weights, or at zero weights that are not the
    optimum; None for a run that learned. Arguments of one model."""
    zero = at_zero(objective.loss, y, W.shape[1], weights)
    if not reached <= DIVERGED * zero:
        return f"training diverged at lr {lr:.3g}: the objective is {reached:.3g}, and {zero:.3g} at zero weights"
    if not W.any() and objective.value_and_gradient(X[:], y, W, b, weights)[1].any():
        return f"training never left zero weights: lr {lr:.3g} is too small"
    return None


def at_zero(loss: Loss, y: Array, n_outputs: int, weights: Array | None) -> float:
    """The objective at zero weights: a row's loss there depends on its class alone."""
    sizes = np.bincount(y, weights)  # (K,)
    values, _ = loss(np.zeros((len(sizes), n_outputs)), np.arange(len(sizes)))
    return float(values @ sizes / sizes.sum())
