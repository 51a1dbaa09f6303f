"""The engine: minibatch stochastic gradient descent on the objective, one model or many in one pass.

Each step takes a minibatch of B rows, their scores S = X W, the loss's dscores G, and moves against the gradient
g = X^T G / B, with momentum mu (Polyak, 1964). The penalty follows as an implicit (proximal) step of its own (Duchi &
Singer, 2009), so that no reg is too strong; its rate r is lr with the momentum that V has, so that the two stay in balance
while lr changes:

    V <- mu V - lr g;  r <- mu r + lr;  W <- (W + V) / (1 + r reg)

The bias is a column of ones in X, and is divided only with reg_bias. W is held as a number times an array, so that the
division costs nothing, and without momentum a step on sparse data touches only the columns of its rows. Momentum moves
every weight at every step, O(d) on sparse data.

The rows are shuffled once. An epoch cuts the circle of them into minibatches from a place drawn anew, and takes these in
random order, so that each is a slice of the shuffled copy. This was found as good as a new shuffle each epoch, and saves
gathering rows, which took as long as both products. (In the order of the circle the result is biased.)

A loss whose gradient grows with the score (curvature c: squared-hinge, mse) lets a single large row overshoot, and what
it does to the weights is then worse than before. Such a row's g_i is divided by 1 + lr / (1 - mu) * c ||x_i||^2 / B, which
for a batch of one is the implicit step of least squares (Toulis & Airoldi, 2017), and tends to 1 as lr falls. Where a batch
is all rows none is held back.

The models of a stack may each see the columns of X through a scaling of their own (a View). Where U stands for the weights
of the scaled columns, two places change: the weights that X meets, and the gradient that comes back.
"""

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, fields, replace
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from linclf.errors import DivergedError, InputError
from linclf.losses import Array, Loss
from linclf.optim.column_view import ColumnView
from linclf.optim.linalg import (
    Matrix,
    add_transposed_product,
    minibatch,
    one_blas_thread,
    product,
    select_weights,
    shuffled,
    squared_norms,
    zero_weights,
)
from linclf.optim.objective import Objective, column

NOT_ZERO = 1e-300  # by which V is divided where reg is beyond all bounds; any other shrink swallows it
SCHEDULES: dict[str, Callable[[Array, Array], Array]] = {
    # (share of the run done, in [0, 1); epochs done), each (steps,) -> factors on lr (steps,)
    "linear": lambda done, _: 1 - done,
    "cosine": lambda done, _: (1 + np.cos(np.pi * done)) / 2,
    "constant": lambda done, _: np.ones_like(done),
    "invscaling": lambda _, epochs: 1 / np.sqrt(1 + epochs),
}


@dataclass(frozen=True)
class SGD:
    """The settings of a run.

    lr, reg, momentum   a number, or an array (*models,) with one for each model of a stack
    epochs, batch_size  whole numbers >= 1; a batch larger than the data is the whole data
    schedule            a name in SCHEDULES: how lr changes from step to step
    average             whether to yield the mean of the weights over the second half of the steps
                        (suffix averaging: Rakhlin, Shamir & Sridharan, 2012) once that half has begun; or (*models,)
    fit_bias, reg_bias  whether there is a bias, and whether the penalty includes it
    seed                seeds the Generator that shuffles the rows

    Raises InputError for a value that makes no sense.
    """

    lr: float | Array
    reg: float | Array = 1e-4
    epochs: int = 10
    batch_size: int = 64
    momentum: float | Array = 0.9
    schedule: str = "linear"
    average: bool | Array = False
    fit_bias: bool = True
    reg_bias: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        check_settings(**{field.name: getattr(self, field.name) for field in fields(self)})


def check_settings(**settings: object) -> None:
    """Refuse settings of SGD that make no sense, "auto" excepted. Raises InputError with the value and what fits."""
    for name, low, high, hint in (
        ("lr", math.ulp(0), math.inf, "a finite number > 0, or auto"),
        ("reg", 0, math.inf, "a finite number >= 0; 0 means no penalty"),
        ("momentum", 0, 1, "a number >= 0 and < 1; 0 means none"),
    ):
        number = settings.get(name, "auto")
        if isinstance(number, str):
            valid = number == "auto"
        else:
            valid = bool(np.all((np.asarray(number) >= low) & (np.asarray(number) < high)))
        if not valid:
            raise InputError(f"{name} is {number}; give {hint}")
    for name, low in (("epochs", 1), ("batch_size", 1), ("seed", 0)):
        count = settings.get(name, low)
        if count != "auto" and not (isinstance(count, int) and count >= low):
            raise InputError(f"{name.replace('_', '-')} is {count}; give a whole number >= {low}")
    if settings.get("schedule", "linear") not in SCHEDULES:
        raise InputError(f"schedule is {settings['schedule']!r}; give one of {', '.join(SCHEDULES)}")


@dataclass(frozen=True, eq=False)
class State:
    """What the epochs after one of a run depend on, beside its data and settings: copies.

    number     of the epoch that is over
    generator  the state of the generator that shuffles
    iterate    arrays and numbers by name
    """

    number: int
    generator: dict[str, Any]
    iterate: dict[str, Any]


@dataclass(frozen=True)
class Epoch:
    """What one pass over the data left.

    number              1, 2, ...
    lr                  the rate at its first step, number or (*models,)
    objective_estimate  (*models,): the mean of its minibatches' losses, each at the weights of its step, plus the
                        penalty at its end: the objective, as far as one pass knows it at no extra cost
    finite              (*models,): which models are still among the finite numbers
    W, b                (d, *models, m), (*models, m): copies, the caller's to keep
    state               gives what a run needs to go on from here as if it had never stopped; good until the next epoch
    """

    number: int
    lr: float | Array
    objective_estimate: Array
    finite: Array
    W: Array
    b: Array
    state: Callable[[], State]


def epochs(
    loss: Loss,
    X: Matrix,
    y: Array,
    n_outputs: int,
    sgd: SGD,
    *,
    weights: Array | None = None,
    view: ColumnView | None = None,
    start: tuple[Array, Array] | None = None,
    after: int | State = 0,
) -> Generator[Epoch, Array | None, None]:
    """Train from `start`, (W, b), else from zero weights, and yield after each epoch.

    X (n, d) ndarray or CSR, float32 or float64, decides the dtype of everything; y (n,) codes; weights (n,) or
    (n, *models) with axes of length 1 where models agree, whose mean must be positive; view for dense X alone.
    `after` is the number of the epoch that `start` stands for, 0 for none; or the State of a run that goes on, to the same
    bits as if it had never stopped.
    What is sent to the generator are the places along the first axis of models that stay in the stack (None: all).
    Raises DivergedError when a weight or the loss of every model has left the finite numbers.
    """
    n, batch = X.shape[0], min(sgd.batch_size, X.shape[0])
    models = np.broadcast_shapes(*map(np.shape, (sgd.lr, sgd.reg, sgd.momentum, sgd.average)))
    if models:
        sgd = _with_models(sgd, lambda of_models: np.broadcast_to(of_models, models))
    rng = np.random.default_rng(sgd.seed)
    order = rng.permutation(n)
    order = np.concatenate([order, order[: batch - 1]])  # round the end, so that every minibatch is a slice
    dtype = X.dtype
    X, y = shuffled(X, order, ones=sgd.fit_bias or view is not None), y[order]
    stiffness = None  # (n,) or (n, *models): of a row along its own gradient
    if loss.curvature and batch < n:  # a step along all rows overshoots as lambda_max says, and none alone
        stiffness = loss.curvature * (squared_norms(X) if view is None else view.squared_norms(X))
    if weights is not None:
        weights = (weights / weights.mean(axis=0))[order].astype(dtype)
        stiffness = None if stiffness is None else column(stiffness, weights.ndim) * weights
    iterate = _Iterate(X, (*models, n_outputs), sgd, view)
    passed = iterate.begin(start, after, rng)
    per_epoch = -(-n // batch)
    done = np.arange(per_epoch * sgd.epochs) / per_epoch  # epochs done before each step
    factors = SCHEDULES[sgd.schedule](done / sgd.epochs, done).tolist()
    averaged_from = max(len(factors) // 2, passed * per_epoch)

    for number in range(passed + 1, sgd.epochs + 1):
        first, begin, places = (number - 1) * per_epoch, int(rng.integers(n)), rng.permutation(per_epoch).tolist()
        values = np.empty((n, *models), dtype)
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # looked for below
            for step, place in enumerate(places):
                if first + step == averaged_from and np.any(sgd.average) and not iterate.averaging:
                    iterate.start_averaging()
                size = min(batch, n - place * batch)
                at = (begin + place * batch) % n
                x, rows = minibatch(X, at, at + size), slice(at, at + size)
                losses, dscores = loss(iterate.scores(x), y[rows])  # (B, *models), (B, *models, m)
                if weights is not None:
                    losses = losses * column(weights[rows], losses.ndim)
                    dscores *= column(weights[rows], dscores.ndim)
                values[place * batch : place * batch + size] = losses
                iterate.move(x, dscores, factors[first + step], None if stiffness is None else stiffness[rows])
            W, b = iterate.weights()
            estimate = values.mean(axis=0, dtype=np.float64) + Objective(loss, sgd.reg, sgd.reg_bias).penalty(W, b)
            finite = np.isfinite(estimate) & np.isfinite(W).all(axis=(0, -1)) & np.isfinite(b).all(axis=-1)
        if not finite.any():
            raise DivergedError(
                f"training diverged in epoch {number} at lr {_span(sgd.lr)}: it left the finite numbers"
            )
        state = partial(_state, number, rng, iterate)
        keep = yield Epoch(number, sgd.lr * factors[first], estimate, finite, W, b, state)
        if keep is not None:
            sgd = _with_models(sgd, itemgetter(keep))
            models = (len(keep), *models[1:])
            iterate.keep(keep)
            weights, stiffness = select_models(weights, keep), select_models(stiffness, keep)


def _state(number: int, rng: np.random.Generator, iterate: "_Iterate") -> State:
    return State(number, dict(rng.bit_generator.state), iterate.state())


def _with_models(sgd: SGD, change: Callable[[Any], Array]) -> SGD:
    """Settings with all that may differ between models changed."""
    lr, reg, momentum, average = map(change, (sgd.lr, sgd.reg, sgd.momentum, sgd.average))
    return replace(sgd, lr=lr, reg=reg, momentum=momentum, average=average)


def select_models(of_models: Array | None, places: Array) -> Array | None:
    """What an array (n, *models) has for these places along the first axis of models; itself where it does not tell them
    apart."""
    return of_models if of_models is None or of_models.ndim == 1 or of_models.shape[1] == 1 else of_models[:, places]


def _span(lr: float | Array) -> str:
    low, high = np.min(lr), np.max(lr)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"


_MOVED = {"U", "velocity", "scale", "shrink", "penalty_rate", "least_scale", "averaging", "averaged"} | {
    "sum",
    "sum_b",
    "scale_sum",
    "correction",
}


class _Iterate:
    """The weights in training, W = scale * U; the last row is the bias, if there is one.

    What differs between models is held as arrays (*models, 1). For one model it is held as numbers, by which NumPy
    multiplies in half the time that an array of one number takes.
    """

    def __init__(self, X: Matrix, outputs: tuple[int, ...], sgd: SGD, view: ColumnView | None) -> None:
        self.U = zero_weights(X, outputs)  # (d, *models, m)
        self.velocity = zero_weights(X, outputs) if np.any(sgd.momentum) else None  # in units of U
        models = outputs[:-1]
        self.lr, self.reg, self.momentum, self.scale, self.shrink, self.penalty_rate = (
            np.broadcast_to(a, models)[..., None].astype(np.float64) if models else float(a)
            for a in (sgd.lr, sgd.reg, sgd.momentum, 1.0, 1.0, 0.0)
        )
        self.last_row_is_bias = sgd.fit_bias or view is not None
        self.free_bias = sgd.fit_bias and not sgd.reg_bias
        self.view = None if view is None else ColumnView(view.center.astype(X.dtype), view.rate.astype(X.dtype))
        self.least_scale = 1e-6  # far from underflow, and far from often
        self.average = np.broadcast_to(sgd.average, models)[..., None]
        self.averaged = 0  # steps averaged so far
        self.averaging = False

    def begin(self, start: tuple[Array, Array] | None, after: int | State, rng: np.random.Generator) -> int:
        """Begin at `start`, (W, b), instead of zero, or as `after` says, and return the number of the epoch that is over."""
        if start is not None:
            W, b = start
            if (W.shape, b.shape) != ((len(self.U) - self.last_row_is_bias, *self.U.shape[1:]), self.U.shape[1:]):
                raise InputError(
                    f"the weights to begin at have the shapes {W.shape} and {b.shape}; these are other data"
                )
            self.U[: len(W)] = W
            if self.last_row_is_bias:
                self.U[-1] = b
        if not isinstance(after, State):
            return after
        try:
            rng.bit_generator.state = after.generator
            if after.iterate["averaging"]:
                self.start_averaging()
            for name, held in self.state().items():
                self._set(name, held, after.iterate[name])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"the checkpoint is not one of this run ({error})") from None
        return after.number

    def _set(self, name: str, held: Any, value: Any) -> None:
        """Take the value of an array or a number that another run had. Raises ValueError for one that this cannot have."""
        alike = type(value) is type(held) and np.shape(value) == np.shape(held)
        if not (alike and np.result_type(value) == np.result_type(held) and np.isfinite(value).all()):
            raise ValueError(name)
        if isinstance(held, np.ndarray):  # whose layout is kept: the products round as it is
            getattr(self, name)[...] = value
        else:
            setattr(self, name, value)

    def state(self) -> dict[str, Any]:
        """Copies of all that a step changes, by name."""
        moved = {name: value for name, value in vars(self).items() if name in _MOVED and value is not None}
        return {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in moved.items()}

    def keep(self, models: Array) -> None:
        """Go on with these places along the first axis of models alone."""
        for name, array in vars(self).items():
            if isinstance(array, np.ndarray):  # numbers (*models, 1), or weights (d, *models, m)
                setattr(self, name, array[models] if array.ndim < self.U.ndim else select_weights(array, models))
        if self.view is not None and self.view.rate.shape[1] > 1:
            self.view = ColumnView(self.view.center[:, models], self.view.rate[:, models])

    def scores(self, x: Matrix) -> Array:
        """X W of a minibatch: (B, *models, m)."""
        scores = product(x, self.U if self.view is None else self.view.seen(self.U))
        scores *= self._cast(self.scale)
        return scores

    def _add_gradient(self, x: Matrix, dscores: Array, out: Array) -> None:
        """out += X^T dscores, by the weights of what the models see."""
        if self.view is None:
            add_transposed_product(x, dscores, out)
            return
        gradient = np.zeros_like(out)
        add_transposed_product(x, dscores, gradient)
        self.view.pull(gradient)
        out += gradient

    def move(self, x: Matrix, dscores: Array, factor: float, stiffness: Array | None) -> None:
        """One step with factor * lr: dscores (B, *models, m) is overwritten, stiffness is that of the rows or None."""
        size, rate = len(dscores), self.lr * factor
        if stiffness is not None:
            dscores /= self._cast(1 + rate / (1 - self.momentum) / size * column(stiffness, dscores.ndim))
        dscores *= self._cast(-rate / size / self.scale)
        if self.velocity is None:
            self._add_gradient(x, dscores, self.U)
        else:
            self.velocity *= self._cast(self.momentum / self.shrink)
            self._add_gradient(x, dscores, self.velocity)
            self.U += self.velocity
        self.penalty_rate = self.momentum * self.penalty_rate + rate
        self.shrink = 1 / (1 + self.penalty_rate * self.reg) + NOT_ZERO
        self.scale = self.scale * self.shrink
        if self.free_bias:
            self.U[-1] /= self._cast(self.shrink)
        if self.averaging:
            self._average(x, dscores)
        least = self.scale.min() if isinstance(self.scale, np.ndarray) else self.scale
        if least < self.least_scale:
            self._rescale()

    def _cast(self, a: Any) -> Any:
        """A number as it is; an array in the dtype of the weights, or else all of them would be cast to its own."""
        return a.astype(self.U.dtype) if isinstance(a, np.ndarray) else a

    def start_averaging(self) -> None:
        """Average from the next step on.

        Without momentum the sum of scale_t * U_t is never formed: U_t is the last U less the moves made after step t, so
        it is scale_sum * U - correction, where each move enters `correction` times the scale_sum before it. A step stays
        as cheap as its non-zeros. The difference loses as many digits as the scale has shrunk meanwhile, hence the
        larger least_scale. The bias, which moves by the way, has a sum of its own.
        """
        self.averaging, self.least_scale = True, 0.1
        self.sum, self.sum_b = np.zeros_like(self.U, np.float64), np.zeros(self.U[-1:].shape)
        self.scale_sum, self.correction = self.scale * 0, np.zeros_like(self.U)

    def _average(self, x: Matrix, move: Array) -> None:
        if self.velocity is None:
            self._add_gradient(x, move * self._cast(self.scale_sum), self.correction)
            self.scale_sum = self.scale_sum + self.scale
        else:
            self.sum += self.scale * self.U
        self.sum_b += self.scale * self.U[-1:]
        self.averaged += 1

    def weights(self) -> tuple[Array, Array]:
        """W (d, *models, m) and b (*models, m) as they stand, averaged if averaging has begun: copies."""
        W = self.scale * self.U
        if self.averaged:
            mean = (self.sum + self.scale_sum * self.U - self.correction) / self.averaged
            mean[-1:] = self.sum_b / self.averaged
            W = np.where(self.average, mean, W)
        W = np.ascontiguousarray(W, self.U.dtype)
        return (W[:-1], W[-1].copy()) if self.last_row_is_bias else (W, np.zeros(W.shape[1:], W.dtype))

    def _rescale(self) -> None:
        """Put the scale into the arrays, and the average's two halves into its sum: O(d), rarely."""
        if self.averaging:
            self.sum += self.scale_sum * self.U - self.correction
            self.scale_sum = self.scale_sum * 0
            self.correction[...] = 0
        self.U *= self._cast(self.scale)
        if self.velocity is not None:
            self.velocity *= self._cast(self.scale)
        self.scale = self.scale * 0 + 1
