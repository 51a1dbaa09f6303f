"""What follows SGD: full-batch steps where they are cheap or asked for, and a proof of how near the optimum the weights are."""

from dataclasses import dataclass, replace
from functools import partial

from linclf.losses import Array
from linclf.optim.auto_rate import auto_epochs
from linclf.optim.certificate import bound_and_finish
from linclf.optim.convergence import possible_decrease
from linclf.optim.full_batch import has_cheap_steps
from linclf.optim.linalg import Matrix, numbers_per_row
from linclf.optim.objective import Objective
from linclf.training.fit import FitResult
from linclf.training.options import TrainOptions

MOST_BOUNDED = 1 << 21  # numbers of X from which on the bound after SGD, which takes as long as two epochs, is left out
FIRST_EPOCHS, MOST_FINISHING = 3, 100  # of SGD, if full-batch steps follow, and at most so many of these


@dataclass(frozen=True)
class Finish:
    """Full-batch steps after SGD, until `percent` is proven.

    most_steps  how many there are at most, None for as many as a certificate may take
    epochs      of SGD that come before under `auto`, None for as many as without a finish
    """

    percent: float
    most_steps: int | None
    epochs: int | None = None


def planned_finish(options: TrainOptions, X: Matrix, *, from_zero: bool) -> Finish | None:
    """The steps over all rows X that follow SGD: as --certify asks, else as --finish does; None for SGD alone.

    from_zero  whether the run starts at zero weights, and no validation rows choose its epoch
    """
    loss = options.loss_value()
    if loss.dual is None or options.reg == 0:
        return None
    n = X.shape[0]
    cheap = from_zero and options.epochs == "auto" and options.finish == "auto" and has_cheap_steps(X)
    epochs = auto_epochs(n, min(options.batch_size, n))
    first = FIRST_EPOCHS if cheap and loss.smoothed is None else None
    if options.certify is not None:
        return Finish(options.certify, None, first)
    if not cheap:
        return None
    return Finish(0.1, max(4 * epochs, MOST_FINISHING), first) if loss.smoothed is None else Finish(1.0, epochs)


def certify(
    fitted: FitResult, X: Matrix, y: Array, options: TrainOptions, *, weights: Array | None, finish: Finish | None
) -> FitResult:
    """Take the steps that are planned, and bound how far from the optimum the weights are. Where nothing can be proven, or that would
    take long and no steps are planned, the fit is returned as it is."""
    loss = options.loss_value()
    large = X.shape[0] * numbers_per_row(X) > MOST_BOUNDED
    if loss.dual is None or options.reg == 0 or (finish is None and large):
        return fitted
    objective = Objective(loss, options.reg, options.reg_bias)
    bound = partial(bound_and_finish, objective, X, y, weights=weights, fit_bias=options.bias)
    if finish is None:
        return replace(fitted, certificate=bound(start=(fitted.W, fitted.b))[2])
    W, b, certificate = bound(start=(fitted.W, fitted.b), percent=finish.percent, most_steps=finish.most_steps)
    certificate = replace(certificate, asked=options.certify)
    if not certificate.steps:
        return replace(fitted, certificate=certificate)
    data_loss, penalty = map(float, objective.terms(X, y, W, b, weights))
    decrease = fitted.decrease
    if decrease is not None:
        decrease = possible_decrease(objective, X, y, W, b, weights=weights, fit_bias=options.bias)
    return replace(fitted, W=W, b=b, data_loss=data_loss, penalty=penalty, decrease=decrease, certificate=certificate)
