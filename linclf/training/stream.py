"""Train on rows that come call by call (`partial_fit`), in one pass and with no end known.

The statistics of the columns add up over the calls, and each call is scaled by those of all rows so far, its own included.
From call to call the weights are kept for the scaled columns: where the deviation of a column was underestimated at first, its
weight for the raw column shrinks as the estimate grows.

After t minibatches of `batch_size` rows the learning rate is lr / sqrt(1 + t / SLOWDOWN), unless the schedule is constant. A
call of fewer rows takes a step that is shorter in proportion: every row pulls equally, however the rows are cut into calls,
and a row of weight 2 is two rows. A minibatch whose weights make several full ones takes as many steps. An automatic lr is
estimated from the first rows, again and again until there are FIRST_ROWS of them.
"""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from linclf.data.scaling import Moments, Scaling, moments, moments_of_scaling, resolve_kind, scaling_from_moments
from linclf.data.split import Split
from linclf.errors import DivergedError, InputError
from linclf.losses import Array
from linclf.model.linear_model import LinearModel
from linclf.optim.auto_rate import auto_rate
from linclf.optim.blas import one_blas_thread
from linclf.optim.linalg import Matrix, Stored, is_sparse, materialize, minibatch, shuffled, squared_norms, stack_rows
from linclf.optim.objective import Objective
from linclf.optim.settings import SGDSettings
from linclf.optim.weights import ScaledWeights
from linclf.training.fit import FitResult, sgd_settings
from linclf.training.observer import EpochProgress, Observer
from linclf.training.options import TrainOptions
from linclf.training.prepare import PreparedData, check_range, check_threshold, loss_weights
from linclf.training.result import Trained, assemble, passes

REG = 1e-4  # the strength under auto: rows that come call by call are not held out
SLOWDOWN = 16  # minibatches; 4 and 64 did worse over the five data sets that they were tried on
FIRST_ROWS, FIRST_NUMBERS = 200, 4_000_000  # so many rows, or numbers in them, settle an automatic rate
SPARSE_BIAS_RATE = 0.01  # of sparse data, as in scikit-learn's SGDClassifier: the bias is in every row, a column in few
MAX_STEPS = 100  # with a minibatch, whose weights count as no more; later ones would hardly change the weights
GROWTH = 1.25  # it is estimated again whenever there are so many times as many rows


@dataclass(frozen=True)
class FirstRate:
    """An automatic learning rate, estimated from the first rows of a stream.

    value      the rate, 0 before the first estimate
    settled    whether there were rows enough
    rows       the rows so far as they came: X (n, d), codes y (n,), weights (n,); none once the rate is settled
    estimated  how many rows there were at the last estimate
    """

    value: float = 0.0
    settled: bool = False
    rows: tuple[tuple[Matrix, Array, Array], ...] = ()
    estimated: int = 0

    def after(
        self, X: Matrix, y: Array, weights: Array, estimate: Callable[[Stored, Array, Array], float]
    ) -> "FirstRate":
        """The rate after these rows; `estimate` finds one for rows X (n, d), y (n,), weights (n,)."""
        if self.settled:
            return self
        n = sum(len(codes) for _, codes, _ in self.rows) + len(y)
        settled = n >= FIRST_ROWS or n * X.shape[1] >= FIRST_NUMBERS
        if not settled:
            X = X[np.arange(len(y))]  # a copy: the caller may use the array again
        rows = (*self.rows, (X, y, weights.copy()))
        if not settled and n < GROWTH * self.estimated:
            return replace(self, rows=rows)
        parts, codes, given = zip(*rows, strict=True)
        value = estimate(stack_rows(parts), np.concatenate(codes), np.concatenate(given))
        return FirstRate(value, settled, () if settled else rows, n)


class Stream:
    """Training that goes on from call to call.

    model     the model after the last call, None before the first
    kind      the kind of scaling
    moments   the statistics of all rows so far, None without scaling
    rows      the weight of all rows trained on so far, those of several passes counted in each
    rate      the automatic learning rate
    reg       the automatic strength: that of the model which is continued, else REG
    iterate   the weights in training, for scaled columns, None where they start at those of the model; and their settings
    """

    def __init__(self, model: LinearModel | None = None) -> None:
        """Start from zero weights, or continue a model, with the scaling of the rows that it was trained on."""
        self.model, self.kind, self.rows, self.reg = model, "auto", 0.0, REG
        self.moments: Moments | None = None
        self.rate = FirstRate()
        self.iterate: ScaledWeights | None = None
        self.settings: SGDSettings | None = None
        metrics = {} if model is None else model.record.get("metrics", {})
        if model is not None and metrics:
            n, self.reg = metrics.get("n_train", 0), metrics.get("reg", REG)
            self.kind, self.rows = metrics.get("scale", "auto"), float(n * passes(metrics))
            if model.scale is not None and n:
                constant = (model.scale == 1) & ~model.weight.any(axis=1)  # (d,)
                self.moments = moments_of_scaling(model.center, model.scale, constant, n)

    def with_model(self, model: LinearModel) -> "Stream":
        """The stream that continues from the weights of this model."""
        after = copy.copy(self)
        after.model, after.iterate = model, None
        return after

    def train(self, options: TrainOptions, split: Split, observer: Observer) -> tuple["Stream", Trained]:
        """Take one pass over the training rows of a split; the stream after it, and its model.

        This stream stays as it is. The objective is that of these rows, and n_train in the record of the model counts all rows
        so far. Raises DivergedError, and InputError for a loss with another number of outputs than the model has.
        """
        m = options.loss_value().n_outputs(len(split.classes))
        if self.model is not None and self.model.weight.shape[1] != m:
            raise InputError("the loss has another number of outputs than the one trained with so far; fit again")
        began, after = time.perf_counter(), copy.copy(self)
        with one_blas_thread():
            trained = after._train(options, split, m)
        seconds, result = time.perf_counter() - began, trained.result
        observer.on_epoch(EpochProgress(1, 1, result.lr, result.objective, None, None, seconds))
        record = trained.model.record
        record = {**record, "metrics": {**record["metrics"], "n_train": round(after.rows)}}
        after.model = replace(trained.model, record=record)
        return after, replace(trained, model=after.model, seconds=seconds)

    def _train(self, options: TrainOptions, split: Split, m: int) -> Trained:
        rows, loss = split.train, options.loss_value()
        if options.reg == "auto":
            options = replace(options, reg=self.reg)
        if options.threshold is not None:
            check_threshold(options, split.classes)
        weights = loss_weights(options.class_weight, rows.y, split.classes, rows.weights)
        scaling = self._scaling(options, split)
        X = materialize(scaling.apply(rows.X, options.dtype))
        if scaling.kind == "none":
            check_range(X, rows.X, split.schema, options, options.source.data)
        settings = replace(sgd_settings(options, X), schedule="linear", seed=0)
        lr, settled = options.lr, True
        if isinstance(lr, str):

            def estimate(X: Stored, y: Array, w: Array) -> float:
                return auto_rate(loss, materialize(scaling.apply(X, options.dtype)), y, m, settings, weights=w).value

            given = np.ones(len(rows.y)) if weights is None else weights
            self.rate = self.rate.after(rows.X, rows.y, given, estimate)
            lr, settled = self.rate.value, self.rate.settled
        settings = replace(settings, lr=1.0)  # of the iterate: the rate is in its steps
        iterate = self.iterate = self._start(settings, scaling, X, m)
        self.settings = settings
        if options.average and settled and iterate.averages is None:
            iterate.start_averaging()
        self._run(iterate, X, rows.y, weights, lr=lr, options=options)
        W, b = iterate.weights()
        if not (np.isfinite(W).all() and np.isfinite(b).all()):
            advice = "use a smaller lr" + (", or auto" if options.lr != "auto" else "")
            raise DivergedError(f"training diverged at lr {lr:.3g}: the weights are not finite; {advice}")
        objective = Objective(loss, options.strength, options.reg_bias)
        data_loss, penalty = map(float, objective.terms(X, rows.y, W, b, weights))
        used = replace(settings, lr=lr, schedule=options.schedule, seed=options.seed)
        fitted = FitResult(W, b, used, {}, epochs_run=1, best_epoch=1, data_loss=data_loss, penalty=penalty)
        prepared = PreparedData(X, weights, scaling, None, None)
        return assemble(options, split, prepared, fitted, search=None, selection=None, measured=(), interrupted=None)

    def _scaling(self, options: TrainOptions, split: Split) -> Scaling:
        """The scaling by all rows so far, those of the split included."""
        name, X = options.source.data, split.train.X
        asked = self.kind if options.scale == "auto" else options.scale
        kind = resolve_kind(asked, X, split.schema.sparse, name)
        if kind != self.kind:
            self.kind, self.moments, self.iterate = kind, None, None
        if kind == "none":
            return Scaling("none")
        now = moments(kind, X, split.train.weights)
        self.moments = now if self.moments is None else self.moments + now
        return scaling_from_moments(kind, self.moments, split.schema.name, name)

    def _start(self, settings: SGDSettings, scaling: Scaling, X: Stored, m: int) -> ScaledWeights:
        """The weights to train on scaled X (n, d): a copy of the iterate, or new ones that start where it is, or at the model."""
        a_row = shuffled(X[:1], np.arange(1), ones=settings.fit_bias)
        bias_rate = SPARSE_BIAS_RATE if is_sparse(X) else 1.0
        fresh, before = ScaledWeights(a_row, (m,), settings, None, bias_rate=bias_rate), self.iterate
        if before is None:
            if self.model is not None:
                fresh.start_at(*scaling.weights_to_scaled(self.model.weight, self.model.bias))
        elif (settings, fresh.U.dtype, fresh.U.strides) == (self.settings, before.U.dtype, before.U.strides):
            return copy.deepcopy(before)
        else:
            fresh.start_at(*before.weights())
        return fresh

    def _run(
        self, iterate: ScaledWeights, X: Stored, y: Array, weights: Array | None, *, lr: float, options: TrainOptions
    ) -> None:
        """Take the steps of one pass over scaled rows X (n, d), y (n,), in random order."""
        loss, batch = options.loss_value(), options.batch_size
        order = np.random.default_rng(options.seed).permutation(len(y))
        X, y = shuffled(X, order, ones=options.bias), y[order]
        w = np.ones(len(y)) if weights is None else weights[order]
        curvature = loss.curvature * squared_norms(X) if loss.curvature else None  # (n,)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the weights are checked afterwards
            for begin in range(0, len(y), batch):
                part = slice(begin, begin + batch)
                v = w[part] / w[part].mean()  # (b,)
                total = min(float(w[part].sum()), MAX_STEPS * batch)
                x = minibatch(X, begin, min(begin + batch, len(y)))
                steps = max(1, math.ceil(total / batch))
                for _ in range(steps):
                    _, dscores = loss(iterate.scores(x), y[part])  # (b, m)
                    dscores *= v[:, None].astype(dscores.dtype)
                    rate = lr * total / steps / len(v)
                    if options.schedule != "constant":
                        rate /= math.sqrt(1 + self.rows / batch / SLOWDOWN)
                    iterate.step(x, dscores, rate, None if curvature is None else curvature[part] * v)
                    self.rows += total / steps
