"""The engine: minibatch stochastic gradient descent on the objective, one model or many in one pass.

Each step takes a minibatch of B rows, their scores S = X W + b, the loss's dscores G, and moves against the gradient
g = X^T G / B. The penalty is applied implicitly (a proximal step: Duchi & Singer, 2009), so that no reg is too strong:

    momentum 0     W <- (W - lr g) / (1 + lr reg)
    momentum mu    V <- (mu V - lr (g + reg W)) / (1 + lr reg);  W <- W + V        (Polyak, 1964)

Without momentum W is held as a number times an array, so that the division costs nothing and a step on sparse data
touches only the columns of its rows. Momentum moves every weight at every step, O(d) on sparse data.

A loss whose gradient grows with the score (curvature c: squared-hinge, mse) lets a single large row overshoot, and what
it does to the weights is then worse than before. Such a row's g_i is divided by 1 + lr / (1 - mu) * c ||x_i||^2 / B, which
for a batch of one is the implicit step of least squares (Toulis & Airoldi, 2017), and tends to 1 as lr falls.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np

from linclf.errors import DivergedError, InputError
from linclf.losses import Array, Loss
from linclf.matrix import Matrix, add_transposed_product, minibatches, one_blas_thread, product, squared_norms
from linclf.objective import Objective, column

SCHEDULES: dict[str, Callable[[float, float], float]] = {
    # (share of the run done, in [0, 1); epochs done) -> factor on lr
    "linear": lambda done, _: 1 - done,
    "cosine": lambda done, _: (1 + math.cos(math.pi * done)) / 2,
    "constant": lambda done, _: 1,
    "invscaling": lambda _, epochs: 1 / math.sqrt(1 + epochs),
}


@dataclass(frozen=True)
class SGD:
    """The settings of a run.

    lr, reg, momentum   a number, or an array (*models,) with one for each model of a stack
    epochs, batch_size  whole numbers >= 1; a batch larger than the data is the whole data
    schedule            a name in SCHEDULES: how lr changes from step to step
    average             yield the mean of the weights over the second half of the steps
                        (suffix averaging: Rakhlin, Shamir & Sridharan, 2012) once that half has begun
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
    average: bool = False
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


@dataclass(frozen=True)
class Epoch:
    """What one pass over the data left.

    number              1, 2, ...
    lr                  the rate at its first step, number or (*models,)
    objective_estimate  (*models,): the mean of its minibatches' losses, each at the weights of its step, plus the
                        penalty at its end: the objective, as far as one pass knows it at no extra cost
    W, b                (d, *models, m), (*models, m): copies, the caller's to keep
    """

    number: int
    lr: float | Array
    objective_estimate: Array
    W: Array
    b: Array


def epochs(
    loss: Loss, X: Matrix, y: Array, n_outputs: int, sgd: SGD, *, weights: Array | None = None
) -> Iterator[Epoch]:
    """Train from zero weights and yield after each epoch.

    X (n, d) ndarray or CSR, float32 or float64, decides the dtype of everything; y (n,) codes; weights (n,) or
    (n, *models), whose mean must be positive. Raises DivergedError when a weight or the loss leaves the finite numbers.
    """
    n, d = X.shape
    models = np.broadcast_shapes(np.shape(sgd.lr), np.shape(sgd.reg), np.shape(sgd.momentum))
    lr, reg, momentum = (
        np.broadcast_to(np.asarray(a, np.float64), models)[..., None] for a in (sgd.lr, sgd.reg, sgd.momentum)
    )  # each (*models, 1)
    weights = None if weights is None else (weights / weights.mean(axis=0)).astype(X.dtype)
    factor = SCHEDULES[sgd.schedule]
    stiffness = None  # (n,) or (n, *models): the curvature of a row along its own gradient
    if loss.curvature:
        stiffness = loss.curvature * (squared_norms(X) + sgd.fit_bias)
        stiffness = stiffness if weights is None else column(stiffness, weights.ndim) * weights
    steps_per_epoch = -(-n // sgd.batch_size)
    steps = steps_per_epoch * sgd.epochs
    rng = np.random.default_rng(sgd.seed)
    iterate = _Iterate((d, *models, n_outputs), X.dtype, reg, momentum, sgd)

    step = 0
    for number in range(1, sgd.epochs + 1):
        total, first_lr = np.zeros(models), sgd.lr * factor(step / steps, number - 1)
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):  # looked for below, once an epoch
            for rows, x in minibatches(X, rng.permutation(n), sgd.batch_size):
                if sgd.average and step == steps // 2:
                    iterate.start_averaging()
                values, dscores = loss(iterate.scores(x), y[rows])
                if weights is not None:
                    values = values * column(weights[rows], values.ndim)
                    dscores *= column(weights[rows], dscores.ndim)
                total += values.sum(axis=0)
                rate = lr * factor(step / steps, step / steps_per_epoch)  # (*models, 1)
                if stiffness is not None:
                    dscores /= 1 + rate / (1 - momentum) / len(rows) * column(stiffness[rows], dscores.ndim)
                iterate.move(x, dscores, rate)
                step += 1
            W, b = iterate.weights()
            estimate = total / n + Objective(loss, sgd.reg, sgd.reg_bias).penalty(W, b)
        if not (np.isfinite(estimate).all() and np.isfinite(W).all() and np.isfinite(b).all()):
            raise DivergedError(f"training diverged in epoch {number} at lr {_span(sgd.lr)}; use a smaller lr, or auto")
        yield Epoch(number, first_lr, estimate, W, b)


def _span(lr: float | Array) -> str:
    low, high = np.min(lr), np.max(lr)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"


class _Iterate:
    """The weights in training: W = scale * V without momentum, and W = V with it."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, reg: Array, momentum: Array, sgd: SGD) -> None:
        self.V = np.zeros(shape, dtype)  # (d, *models, m)
        self.b = np.zeros(shape[1:], dtype)  # (*models, m)
        self.scale = np.ones_like(reg)  # (*models, 1)
        self.velocity = np.zeros_like(self.V) if np.any(momentum) else None
        self.velocity_b = np.zeros_like(self.b)
        self.reg, self.momentum = reg, momentum  # (*models, 1)
        self.fit_bias, self.reg_bias = sgd.fit_bias, sgd.reg_bias
        self.least_scale = 1e-6  # far from underflow, and far from often
        self.averaged = 0  # steps averaged so far; 0 before averaging starts
        self.averaging = False

    def scores(self, x: Matrix) -> Array:
        """X W + b of a minibatch: (B, *models, m)."""
        scores = product(x, self.V)
        if self.velocity is None:
            scores *= self.scale
        scores += self.b
        return scores

    def move(self, x: Matrix, dscores: Array, lr: Array) -> None:
        """One step: dscores (B, *models, m) is overwritten, lr (*models, 1)."""
        shrink = 1 / (1 + lr * self.reg)  # (*models, 1)
        dscores *= -lr / len(dscores)
        if self.fit_bias:
            self.velocity_b *= self.momentum
            self.velocity_b += dscores.sum(axis=0)
            if self.reg_bias:
                self.velocity_b -= lr * self.reg * self.b
                self.velocity_b *= shrink
            self.b += self.velocity_b
        if self.velocity is None:
            self.scale *= shrink
            dscores *= shrink / self.scale
            add_transposed_product(x, dscores, self.V)
            if self.averaging:
                add_transposed_product(x, dscores * self.scale_sum, self.correction)
                self.scale_sum += self.scale
            if self.scale.min() < self.least_scale:
                self._rescale()
        else:
            dscores *= shrink
            self.velocity *= self.momentum * shrink
            add_transposed_product(x, dscores, self.velocity)
            self.velocity -= lr * self.reg * shrink * self.V
            self.V += self.velocity
            if self.averaging:
                self.sum += self.V
        if self.averaging:
            self.sum_b += self.b
            self.averaged += 1

    def start_averaging(self) -> None:
        """Average from the next step on.

        Without momentum the sum of scale_t * V_t is never formed: V_t is the last V less the moves made after step t, so
        it is scale_sum * V - correction, where each move enters `correction` times the scale_sum before it. A step stays
        as cheap as its non-zeros. The difference loses as many digits as the scale has shrunk meanwhile, hence the
        larger least_scale.
        """
        self.averaging, self.least_scale = True, 0.1
        self.sum, self.sum_b = np.zeros(self.V.shape), np.zeros(self.b.shape)  # float64
        if self.velocity is None:
            self.scale_sum, self.correction = np.zeros_like(self.scale), np.zeros_like(self.V)

    def weights(self) -> tuple[Array, Array]:
        """W (d, *models, m) and b (*models, m) as they stand, averaged if averaging has begun: copies."""
        if not self.averaged:
            return (self.scale * self.V).astype(self.V.dtype), self.b.copy()
        total = self.sum + (self.scale_sum * self.V - self.correction if self.velocity is None else 0)
        return (total / self.averaged).astype(self.V.dtype), (self.sum_b / self.averaged).astype(self.b.dtype)

    def _rescale(self) -> None:
        """Put the scale into the array, and the average's two halves into its sum: O(d), rarely."""
        if self.averaging:
            self.sum += self.scale_sum * self.V - self.correction
            self.scale_sum[...] = 0
            self.correction[...] = 0
        self.V *= self.scale
        self.scale[...] = 1
