"""Minibatch stochastic gradient descent on the objective, for one model or many in one pass.

Each step takes a minibatch of b rows, their scores S = X W, the loss's dscores G, and moves against the gradient
g = X^T G / B, with momentum mu (Polyak, 1964). B is the size of a minibatch, and b = B but for the remainder of an epoch,
whose step is shorter in proportion: every row pulls equally, whichever minibatch it falls into. The penalty follows as an
implicit (proximal) step (Duchi & Singer, 2009), so that no reg is too strong; its rate r is lr with the momentum that V
has, so that the two stay in balance while lr changes:

    V <- mu V - lr g;  r <- mu r + lr b / B;  W <- (W + V) / (1 + r reg)          in `ScaledWeights.step`

The bias is a column of ones in X, and is divided only with reg_bias.

The rows are shuffled once. An epoch cuts the shuffled copy into minibatches from a random offset, wrapping around at the
end, and takes them in random order, so that each is a slice of the copy. This was measured to be as good as a new shuffle
each epoch, and saves gathering rows, which took as long as both products. (Minibatches taken in sequence gave biased
results.)

A loss whose gradient grows with the score (curvature c: squared-hinge, mse) lets a single large row overshoot. Such a
row's g_i is divided by 1 + lr / (1 - mu) * c ||x_i||^2 / B, which for a batch of one is the implicit step of least squares
(Toulis & Airoldi, 2017), and tends to 1 as lr falls. Where a batch is all rows, none is damped.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import itemgetter

import numpy as np

from linclf.errors import DivergedError, InputError
from linclf.losses import Array, Loss
from linclf.optim.blas import one_blas_thread
from linclf.optim.column_view import ColumnView
from linclf.optim.linalg import Matrix, expand_trailing, minibatch, select_models, shuffled, squared_norms, to_dense
from linclf.optim.objective import Objective
from linclf.optim.settings import SCHEDULES, SGDSettings
from linclf.optim.weights import ScaledWeights


@dataclass(frozen=True, eq=False)
class EngineState:
    """What the next epochs of a run depend on, in addition to its data and settings: copies.

    number     of the last epoch
    generator  the state of the random generator
    iterate    the state of the weights: arrays and numbers by name
    """

    number: int
    generator: Mapping[str, object]
    iterate: Mapping[str, object]


@dataclass(frozen=True)
class Epoch:
    """The result of one pass over the data.

    number              1, 2, ...
    lr                  the learning rate of its first step, number or (*models,)
    objective_estimate  (*models,): the mean of the minibatches' losses, each at the weights of its step, plus the
                        penalty at the end: an estimate of the objective at no extra cost
    finite              (*models,): which models have finite weights and a finite estimate
    W, b                (d, *models, m), (*models, m): copies
    """

    number: int
    lr: float | Array
    objective_estimate: Array
    finite: Array
    W: Array
    b: Array


class SGD:
    """A run of SGD: `run_epoch` trains one epoch; `select` drops models; `state` and `resume` continue a stopped run.

    X (n, d) ndarray or CSR, float32 or float64, decides the dtype of everything; y (n,) codes; weights (n,) or
    (n, *models), with axes of length 1 where models agree, whose mean must be positive.

    view    how the models see the columns of dense X, None for as they are; of length 1 along the first axis of models
    start   (W, b) to start from, zero weights by default: (d, *models, m), (*models, m)
    number  the number of the epoch that `start` comes from
    """

    def __init__(
        self,
        loss: Loss,
        X: Matrix,
        y: Array,
        n_outputs: int,
        settings: SGDSettings,
        *,
        weights: Array | None = None,
        view: ColumnView | None = None,
        start: tuple[Array, Array] | None = None,
        number: int = 0,
    ) -> None:
        self.n, self.batch = X.shape[0], min(settings.batch_size, X.shape[0])
        settings = replace(settings, batch_size=self.batch)
        self.loss, self.settings, self.number = loss, settings, number
        models = np.broadcast_shapes(*map(np.shape, (settings.lr, settings.reg, settings.momentum, settings.average)))
        if models:
            self.settings = _per_model(settings, lambda a: np.broadcast_to(a, models))
        self.rng = np.random.default_rng(settings.seed)
        order = self.rng.permutation(self.n)
        # the first rows again at the end, so that every minibatch is a slice
        order = np.concatenate([order, order[: self.batch - 1]])
        self.X, self.y = shuffled(X, order, ones=settings.fit_bias or view is not None), y[order]
        self.row_weights: Array | None = None  # (n,) or (n, *models), of mean 1
        # (n,) or (n, *models): the curvature of each row along its own gradient
        self.row_curvature: Array | None = None
        if loss.curvature and self.batch < self.n:  # a step along all rows overshoots only as lambda_max says
            norms = squared_norms(self.X) if view is None else view.squared_norms(to_dense(self.X))
            self.row_curvature = loss.curvature * norms
        if weights is not None:
            self.row_weights = (weights / weights.mean(axis=0))[order].astype(X.dtype)
            if self.row_curvature is not None:
                self.row_curvature = expand_trailing(self.row_curvature, self.row_weights.ndim) * self.row_weights
        self.weights = ScaledWeights(self.X, (*models, n_outputs), self.settings, view)
        if start is not None:
            self.weights.start_at(*start)
        self.steps_per_epoch = -(-self.n // self.batch)
        done = np.arange(self.steps_per_epoch * settings.epochs) / self.steps_per_epoch  # epochs done before each step
        self.factors: list[float] = SCHEDULES[settings.schedule](done / settings.epochs, done).tolist()
        self.first_averaged = max(len(self.factors) // 2, number * self.steps_per_epoch)

    def epochs(self) -> Iterator[Epoch]:
        """Run the remaining epochs."""
        while self.number < self.settings.epochs:
            yield self.run_epoch()

    def run_epoch(self) -> Epoch:
        """Train one epoch. Raises DivergedError when no model is finite any more."""
        first = self.number * self.steps_per_epoch
        begin, order = int(self.rng.integers(self.n)), self.rng.permutation(self.steps_per_epoch).tolist()
        losses = np.empty((self.n, *self.weights.U.shape[1:-1]), self.X.dtype)  # (n, *models)
        # non-finite values are checked below
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for step, index in enumerate(order, first):
                if step == self.first_averaged and np.any(self.settings.average) and self.weights.averages is None:
                    self.weights.start_averaging()
                offset = index * self.batch
                size, start = min(self.batch, self.n - offset), (begin + offset) % self.n
                losses[offset : offset + size] = self._step(slice(start, start + size), self.factors[step])
            self.number += 1
            return self._result(losses, self.factors[first])

    def _step(self, rows: slice, factor: float) -> Array:
        """One step on these rows of the shuffled copy; their losses (B, *models), at the weights before it."""
        x = minibatch(self.X, rows.start, rows.stop)
        losses, dscores = self.loss(self.weights.scores(x), self.y[rows])  # (B, *models), (B, *models, m)
        if self.row_weights is not None:
            losses = losses * expand_trailing(self.row_weights[rows], losses.ndim)
            dscores *= expand_trailing(self.row_weights[rows], dscores.ndim)
        self.weights.step(x, dscores, factor, None if self.row_curvature is None else self.row_curvature[rows])
        return losses

    def _result(self, losses: Array, factor: float) -> Epoch:
        """The epoch that is over, of losses (n, *models); factor is that of its first step."""
        W, b = self.weights.weights()
        penalty = Objective(self.loss, self.settings.reg, self.settings.reg_bias).penalty(W, b)
        estimate = losses.mean(axis=0, dtype=np.float64) + penalty
        finite = np.isfinite(estimate) & np.isfinite(b).all(axis=-1)  # where W is not finite, its penalty is not either
        if not finite.any():
            raise DivergedError(
                f"training diverged in epoch {self.number} at lr {_range(self.settings.lr)}: the weights or the loss became NaN or infinite"
            )
        return Epoch(self.number, self.settings.lr * factor, estimate, finite, W, b)

    def select(self, models: Array) -> None:
        """Continue with these indices along the first axis of models only."""
        self.settings = _per_model(self.settings, itemgetter(models))
        self.weights.select(models)
        self.row_weights = select_models(self.row_weights, models)
        self.row_curvature = select_models(self.row_curvature, models)

    def state(self) -> EngineState:
        """All that the next epochs depend on, to `resume` from; copies."""
        return EngineState(self.number, dict(self.rng.bit_generator.state), self.weights.state())

    def resume(self, state: EngineState) -> None:
        """Continue from the state of a run of the same data and settings, to the same bits as if it had never stopped.

        Raises InputError for the state of another run.
        """
        try:
            self.rng.bit_generator.state = state.generator
            self.weights.resume(state.iterate)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"the checkpoint does not belong to this run ({error})") from None
        self.number = state.number
        self.first_averaged = max(len(self.factors) // 2, self.number * self.steps_per_epoch)


def _per_model(settings: SGDSettings, change: Callable[[Array], Array]) -> SGDSettings:
    """Settings with all that may differ between models changed."""
    lr, reg, momentum, average = (
        change(np.asarray(a)) for a in (settings.lr, settings.reg, settings.momentum, settings.average)
    )
    return replace(settings, lr=lr, reg=reg, momentum=momentum, average=average)


def _range(lr: float | Array) -> str:
    low, high = np.min(lr), np.max(lr)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
