"""Full-batch steps, where they are cheap or asked for: from zero weights or after SGD; and a proof of how near the optimum a run ends."""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import count

import numpy as np

from linclf.losses import Array
from linclf.optim.auto_rate import auto_epochs
from linclf.optim.certificate import bound_and_finish
from linclf.optim.convergence import FAR, possible_decrease
from linclf.optim.curvature import has_cheap_steps
from linclf.optim.linalg import Matrix, numbers_per_row
from linclf.optim.objective import Objective
from linclf.optim.settings import SGDSettings
from linclf.storage.signals import FirstSignal
from linclf.training.fit import FitResult, objective_at_zero, sgd_settings
from linclf.training.observer import EpochProgress, Observer
from linclf.training.options import TrainOptions

MOST_BOUNDED = 1 << 21  # numbers of X from which on the bound after SGD, which takes as long as two epochs, is left out
MOST_FINISHING = 100  # full-batch steps that may follow SGD, or as many as take the time of its epochs
PERCENT, PERCENT_OF_KINKS = 0.1, 1.0  # that are proven where nothing is said, of smooth losses and of those with kinks


@dataclass(frozen=True)
class Finish:
    """Full-batch steps until `percent` is proven.

    most_steps  how many there are at most, None for as many as a certificate may take
    from_zero   whether they start at zero weights, without SGD
    """

    percent: float
    most_steps: int | None
    from_zero: bool = False


def planned_finish(options: TrainOptions, X: Matrix, *, from_zero: bool) -> Finish | None:
    """The full-batch steps over rows X: as --certify asks, else as --finish does; None for SGD alone.

    from_zero  whether the run starts at zero weights, and no validation rows choose its epoch
    """
    loss = options.loss_value()
    if loss.dual is None or options.reg == 0:
        return None
    cheap = from_zero and options.epochs == "auto" and options.finish == "auto" and has_cheap_steps(X)
    # a loss with kinks is brought near the optimum by SGD, and a run whose SGD was set by hand is meant to have it
    alone = cheap and loss.smoothed is None and not _sets_sgd(options)
    if options.certify is not None:
        return Finish(options.certify, None, alone)
    if not cheap:
        return None
    n = X.shape[0]
    epochs = auto_epochs(n, min(options.batch_size, n))
    return (
        Finish(PERCENT, max(4 * epochs, MOST_FINISHING), alone)
        if loss.smoothed is None
        else Finish(PERCENT_OF_KINKS, epochs)
    )


def _sets_sgd(options: TrainOptions) -> bool:
    """Whether an option that concerns SGD alone was set."""
    names = {field.name for field in fields(SGDSettings)} - {"reg", "fit_bias", "reg_bias", "seed"}
    return any(getattr(options, name) != getattr(TrainOptions, name) for name in names)


def fit_from_zero(
    X: Matrix,
    y: Array,
    n_classes: int,
    options: TrainOptions,
    finish: Finish,
    *,
    weights: Array | None,
    observer: Observer,
    stop: FirstSignal,
    began: float,
) -> FitResult | None:
    """Take the planned steps from zero weights, as `certify` does; None if none helps, as for numbers so large that the gradient is not finite."""
    m = options.loss_value().n_outputs(n_classes)
    W, b = np.zeros((X.shape[1], m), X.dtype), np.zeros(m, X.dtype)
    value = objective_at_zero(options.loss_value(), y, m, weights)
    zero = FitResult(
        W, b, sgd_settings(options, X), {}, epochs_run=0, best_epoch=0, data_loss=value, penalty=0.0, decrease=0.0
    )
    found = certify(zero, X, y, options, weights=weights, finish=finish, observer=observer, stop=stop, began=began)
    if stop.signal is not None and found.W is W:
        raise stop.signal
    proof = found.certificate
    return None if proof is None or not (proof.steps or proof.percent <= finish.percent) else found


def certify(
    fitted: FitResult,
    X: Matrix,
    y: Array,
    options: TrainOptions,
    *,
    weights: Array | None,
    finish: Finish | None,
    observer: Observer | None = None,
    stop: FirstSignal | None = None,
    began: float | None = None,
) -> FitResult:
    """Take the steps that are planned, and bound how far from the optimum the weights are. Where nothing can be proven, or that would
    take long and no steps are planned, the fit is returned as it is.

    observer  is told of each step as of an epoch
    stop      a first signal ends the steps
    began     when training began, by time.perf_counter
    """
    loss = options.loss_value()
    large = X.shape[0] * numbers_per_row(X) > MOST_BOUNDED
    if loss.dual is None or options.reg == 0 or (finish is None and large):
        return fitted
    objective = Objective(loss, options.strength, options.reg_bias)
    W, b, certificate = bound_and_finish(
        objective,
        X,
        y,
        start=(fitted.W, fitted.b),
        weights=weights,
        fit_bias=options.bias,
        percent=None if finish is None else finish.percent,
        most_steps=None if finish is None else finish.most_steps,
        on_step=None if observer is None else _reported(observer, fitted.epochs_run, began or time.perf_counter()),
        stop=stop,
    )
    found = replace(fitted, W=W, b=b, certificate=replace(certificate, asked=options.certify))
    if not certificate.steps:
        return found
    measured = partial(_measured, found, objective, X, y, weights=weights, fit_bias=options.bias)
    with stop or FirstSignal():
        return measured()
    return measured()  # a first signal must not lose the steps


def _measured(
    found: FitResult, objective: Objective, X: Matrix, y: Array, *, weights: Array | None, fit_bias: bool
) -> FitResult:
    """The result with the objective at its weights, and what one more step could take off it where less is proven."""
    W, b, proof, decrease = found.W, found.b, found.certificate, None
    data_loss, penalty = map(float, objective.terms(X, y, W, b, weights))
    if proof is not None and proof.percent > 100 * FAR and found.decrease is not None:
        decrease = possible_decrease(objective, X, y, W, b, weights=weights, fit_bias=fit_bias)
    return replace(found, data_loss=data_loss, penalty=penalty, decrease=decrease)


def _reported(observer: Observer, epochs: int, began: float) -> Callable[[float], None]:
    """A function that reports the objective after each step as that of the next epoch."""
    numbers = count(epochs + 1)

    def on_step(value: float) -> None:
        observer.on_epoch(EpochProgress(next(numbers), None, None, value, None, None, time.perf_counter() - began))

    return on_step
