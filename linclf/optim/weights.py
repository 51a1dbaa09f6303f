"""The weights in training, as a number times an array, with momentum and averaging.

W = scale * U. The shrinking by the L2 penalty (weight decay) multiplies `scale` alone, so that it costs nothing, and without momentum a
step on sparse data touches only the columns of its rows. Momentum changes every weight at every step, O(d) on sparse data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.column_view import ColumnView
from linclf.optim.linalg import (
    Matrix,
    Minibatch,
    add_transposed_product,
    expand_trailing,
    product,
    select_weights,
    zero_weights,
)
from linclf.optim.settings import SGDSettings

StateValue = Array | float | int | bool
TINIEST_SHRINK = (
    1e-300  # added to the shrink factor, so that velocity / shrink is finite for any reg; negligible otherwise
)
LEAST_SCALE = 1e-6  # rescale before underflow, but rarely
LEAST_SCALE_AVERAGING = 0.1  # the sum of the weights loses as many digits as the scale has shrunk since a rescale


@dataclass
class WeightSum:
    """The sum of the weights W_t after each step t since averaging began: sum + scale_sum * U - correction.

    Without momentum the sum of scale_t * U_t is never formed: U_t is the last U less the steps taken after t, so the sum is
    scale_sum * U - correction, where each step enters `correction` times the scale_sum before it. A step stays as cheap
    as its non-zeros. With momentum, and at each rescale, the sum is formed in `sum`.

    sum         (d, *models, m), float64
    sum_b       (1, *models, m), float64: the sum of the bias, which is not shrunk with the scale
    scale_sum   a number or (*models, 1)
    correction  (d, *models, m)
    averaged    number of steps
    """

    sum: Array
    sum_b: Array
    scale_sum: float | Array
    correction: Array
    averaged: int = 0


class ScaledWeights:
    """Weights and bias of one model or of a stack of models, W = scale * U; the last row is the bias, if there is one.

    What differs between models is an array (*models, 1). For one model it is a float: NumPy multiplies by a float in half
    the time that an array of one number takes.

    The state, which steps change and a resumed run gets back, is STATE and the fields of `averages`:

    U             (d, *models, m)
    velocity      (d, *models, m), in units of U; None without momentum
    scale         W = scale * U
    shrink        the factor that the last step's penalty left
    penalty_rate  the learning rate of the penalty, with the momentum that velocity has
    least_scale   below it the scale is multiplied into the arrays
    averages      None until averaging begins
    """

    STATE = ("U", "velocity", "scale", "shrink", "penalty_rate", "least_scale")

    def __init__(
        self,
        X: Matrix,
        outputs: tuple[int, ...],
        settings: SGDSettings,
        view: ColumnView | None,
        *,
        bias_rate: float = 1.0,
    ) -> None:
        """Zero weights for X (n, d), its column of ones for the bias included; outputs are (*models, m). The bias takes steps
        `bias_rate` times as long as the weights do."""
        models = outputs[:-1]

        def per_model(value: float | Array) -> float | Array:
            return np.broadcast_to(value, models)[..., None].astype(np.float64) if models else float(value)

        self.lr, self.reg, self.momentum = map(per_model, (settings.lr, settings.reg, settings.momentum))
        self.average = np.broadcast_to(settings.average, models)[..., None]
        self.batch, self.bias_rate = settings.batch_size, bias_rate
        self.has_bias = settings.fit_bias or view is not None  # with a view and no bias, its row stays 0
        self.free_bias = settings.fit_bias and not settings.reg_bias
        self.view = None if view is None else view.astype(X.dtype)
        self.U = zero_weights(X, outputs)
        self.velocity = zero_weights(X, outputs) if np.any(settings.momentum) else None
        self.scale, self.shrink, self.penalty_rate = map(per_model, (1.0, 1.0, 0.0))
        self.least_scale = LEAST_SCALE
        self.averages: WeightSum | None = None

    def start_at(self, W: Array, b: Array) -> None:
        """Set the weights: W (d, *models, m), b (*models, m). Raises InputError for other shapes."""
        if (W.shape, b.shape) != ((len(self.U) - self.has_bias, *self.U.shape[1:]), self.U.shape[1:]):
            raise InputError(
                f"the initial weights have the shapes {W.shape} and {b.shape}, which do not fit these data"
            )
        self.U[: len(W)] = W
        if self.has_bias:
            self.U[-1] = b

    def scores(self, x: Minibatch) -> Array:
        """X W of a minibatch: (B, *models, m)."""
        scores = product(x, self.U if self.view is None else self.view.to_raw_weights(self.U))  # (B, *models, m)
        scores *= self._cast(self.scale)
        return scores

    def step(self, x: Minibatch, dscores: Array, factor: float, row_curvature: Array | None) -> None:
        """One step with the learning rate factor * lr: the update at the top of `sgd.py`, in units of U.

        x (B, d); dscores (B, *models, m) is overwritten; row_curvature (B,) or (B, *models): the curvature of each row's loss
        along its own gradient, None where rows are not damped. A minibatch of fewer than B rows, the remainder of an epoch, takes a
        step that is shorter in proportion.
        """
        rate = self.lr * factor
        if row_curvature is not None:
            dscores /= self._cast(
                1 + rate / (1 - self.momentum) / self.batch * expand_trailing(row_curvature, dscores.ndim)
            )
        dscores *= self._cast(-rate / self.batch / self.scale)
        if self.velocity is None:
            self._add_gradient(x, dscores, self.U)
        else:
            self.velocity *= self._cast(self.momentum / self.shrink)
            self._add_gradient(x, dscores, self.velocity)
            self.U += self.velocity
        self.penalty_rate = self.momentum * self.penalty_rate + rate * (len(dscores) / self.batch)
        self.shrink = 1 / (1 + self.penalty_rate * self.reg) + TINIEST_SHRINK
        self.scale = self.scale * self.shrink
        if self.free_bias:
            self.U[-1] /= self._cast(self.shrink)
        if self.averages is not None:
            self._add_to_average(self.averages, x, dscores)
        least = self.scale.min() if isinstance(self.scale, np.ndarray) else self.scale
        if least < self.least_scale:
            self._rescale()

    def start_averaging(self) -> None:
        """Average the weights from the next step on."""
        self.least_scale = LEAST_SCALE_AVERAGING
        zeros = np.zeros_like(self.U, np.float64), np.zeros(self.U[-1:].shape)
        self.averages = WeightSum(*zeros, scale_sum=self.scale * 0, correction=np.zeros_like(self.U))

    def weights(self) -> tuple[Array, Array]:
        """W (d, *models, m) and b (*models, m), averaged if averaging has begun: copies."""
        W = self.scale * self.U
        sums = self.averages
        if sums is not None and sums.averaged:
            mean = (sums.sum + sums.scale_sum * self.U - sums.correction) / sums.averaged
            mean[-1:] = sums.sum_b / sums.averaged
            W = np.where(self.average, mean, W)
        W = np.ascontiguousarray(W, self.U.dtype)
        return (W[:-1], W[-1].copy()) if self.has_bias else (W, np.zeros(W.shape[1:], W.dtype))

    def select(self, models: Array) -> None:
        """Keep only these indices along the first axis of models. A view has length 1 there and serves all of them."""
        for owner in (self, self.averages):
            for name, a in () if owner is None else list(vars(owner).items()):
                if isinstance(a, np.ndarray):  # numbers (*models, 1), or weights (d, *models, m)
                    setattr(owner, name, a[models] if a.ndim < self.U.ndim else select_weights(a, models))

    def state(self) -> dict[str, StateValue]:
        """Copies of all that steps change, by name."""
        sums = self.averages
        values: dict[str, StateValue | None] = {name: getattr(self, name) for name in self.STATE}
        values |= {"averaging": sums is not None, "averaged": 0}
        values |= {} if sums is None else {field.name: getattr(sums, field.name) for field in fields(sums)}
        return {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in values.items() if v is not None}

    def resume(self, state: Mapping[str, object]) -> None:
        """Take over the state of another run. Raises KeyError, TypeError or ValueError for one that this cannot have."""
        if state["averaging"] is True:
            self.start_averaging()
        sums = () if self.averages is None else [field.name for field in fields(self.averages)]
        for name, current in self.state().items():
            value = state[name]
            _check_restorable(name, current, value)
            owner = self if name in self.STATE else self.averages if name in sums else None
            if owner is None:  # `averaging`, and `averaged` before averaging began
                if value != current:
                    raise ValueError(name)
            elif isinstance(current, np.ndarray):  # in place: the results of products depend on the layout of the array
                getattr(owner, name)[...] = value
            else:
                setattr(owner, name, value)

    def _add_gradient(self, x: Minibatch, dscores: Array, out: Array) -> None:
        """out += the gradient by the weights: X^T dscores, for the columns as the models see them."""
        if self.view is None:
            add_transposed_product(x, dscores, out)
            if self.bias_rate != 1 and self.has_bias:
                out[-1] -= (1 - self.bias_rate) * dscores.sum(axis=0)
            return
        gradient = np.zeros_like(out)
        add_transposed_product(x, dscores, gradient)
        self.view.to_view_gradient(gradient)
        out += gradient

    def _add_to_average(self, sums: WeightSum, x: Minibatch, dscores: Array) -> None:
        """Add the weights after a step; dscores are those that the step has added to U."""
        if self.velocity is None:
            self._add_gradient(x, dscores * self._cast(sums.scale_sum), sums.correction)
            sums.scale_sum = sums.scale_sum + self.scale
        else:
            sums.sum += self.scale * self.U
        sums.sum_b += self.scale * self.U[-1:]
        sums.averaged += 1

    def _rescale(self) -> None:
        """Multiply the scale into the arrays, and form the sum of the weights: O(d), rarely."""
        sums = self.averages
        if sums is not None:
            sums.sum += sums.scale_sum * self.U - sums.correction
            sums.scale_sum = sums.scale_sum * 0
            sums.correction[...] = 0
        self.U *= self._cast(self.scale)
        if self.velocity is not None:
            self.velocity *= self._cast(self.scale)
        self.scale = self.scale * 0 + 1

    def _cast(self, a: float | Array) -> float | Array:
        """A float as it is; an array in the dtype of the weights, which would otherwise be cast to its own dtype."""
        return a.astype(self.U.dtype) if isinstance(a, np.ndarray) else a


def _check_restorable(name: str, current: StateValue, value: object) -> None:
    """Raise ValueError unless the value has the type, shape and dtype of the current one, and is finite."""
    if type(value) is not type(current) or not isinstance(value, np.ndarray | float | int):
        raise ValueError(name)
    same = np.shape(value) == np.shape(current) and np.result_type(value) == np.result_type(current)
    if not same or not np.isfinite(value).all():
        raise ValueError(name)
