"""One training run from options to a model: the way data take through the house, in one place.

Source -> Dataset -> Parts -> scaled X -> epochs -> (W, b) -> folded LinearModel -> figures
"""

import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

import linclf
from linclf import datasets
from linclf.calibration import METHODS, calibrate
from linclf.datasets import Cache, Dataset, Features, Part, Parts, Source
from linclf.datasets.parts import parse_part
from linclf.datasets.scaling import SCALES, Scaling, fit_scaling
from linclf.errors import DivergedError, InputError, Terminated
from linclf.losses import LOSSES, Array, Loss, loss_named
from linclf.matrix import Matrix, first_not_finite, is_zero, one_blas_thread
from linclf.model import LinearModel
from linclf.objective import Objective, predicted, scores
from linclf.rate import auto_epochs, auto_momentum, auto_rate
from linclf.report import accuracy
from linclf.sgd import SGD, check_settings, epochs

DTYPES = ("float32", "float64")
CALIBRATION_FRACTION = 0.2  # of the training rows, where there is no validation part
SLOWER = (8.0, 64.0, 512.0)  # what the rate of auto is divided by, should training diverge
DIVERGED = 1.1  # times the objective at zero weights: a run that ends above has learned nothing


@dataclass(frozen=True)
class TrainOptions:
    """The options of `linclf train`; each means what `linclf train --help` says.

    Raises InputError for a value that makes no sense, before any data are read.
    """

    source: Source = field(default_factory=Source)
    test: str | None = None
    val: str | None = None
    loss: str = "svm"
    reg: float = 1e-4
    lr: float | str = "auto"
    epochs: int | str = "auto"
    batch_size: int = 64
    momentum: float | str = "auto"
    schedule: str = "linear"
    average: bool = False
    bias: bool = True
    reg_bias: bool = False
    scale: str = "auto"
    class_weight: str | None = None
    dtype: str = "float32"
    seed: int = 0
    patience: int | None = None
    calibrate: str | None = None

    def __post_init__(self) -> None:
        numbers = ("lr", "reg", "momentum", "epochs", "batch_size", "seed", "schedule")
        check_settings(**{name: getattr(self, name) for name in numbers})
        self.loss_value()
        for name, choices in (("scale", SCALES), ("dtype", DTYPES)):
            if getattr(self, name) not in choices:
                raise InputError(f"{name} is {getattr(self, name)!r}; give one of {', '.join(choices)}")
        for part in ("test", "val"):
            parse_part(getattr(self, part), part)
        if self.class_weight not in (None, "balanced"):
            raise InputError(f"class-weight is {self.class_weight!r}; give balanced, or leave it out")
        if self.calibrate not in (None, *METHODS):
            raise InputError(f"calibrate is {self.calibrate!r}; give one of {', '.join(METHODS)}")
        if self.reg_bias and not self.bias:
            raise InputError("reg-bias penalises the bias that no-bias leaves out; give one of the two")
        if self.patience is not None:
            if self.patience < 1:
                raise InputError(f"patience is {self.patience}; give a whole number of epochs >= 1")
            if not parse_part(self.val, "val"):
                raise InputError(
                    "patience watches the validation accuracy; give --val DATA or a fraction, e.g. --val 0.1"
                )

    def loss_value(self) -> Loss:
        """The loss of its name. Raises InputError where there is none."""
        loss = loss_named(self.loss)
        if loss is None:
            raise InputError(f"loss is {self.loss!r}; give one of {', '.join(LOSSES)}")
        return loss

    def has_val(self) -> bool:
        """Whether there is a validation part."""
        return bool(parse_part(self.val, "val"))


@dataclass(frozen=True)
class Progress:
    """What is known after an epoch, for bars and histories: `seconds` since training began; val_accuracy may be None."""

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
    interrupted  the signal that ended training early, if any
    """

    W: Array
    b: Array
    sgd: SGD
    why: dict[str, str]
    epochs_run: int
    best_epoch: int
    interrupted: BaseException | None = None


@dataclass(frozen=True)
class Trained:
    """A model and the figures of its training: `result` has the JSON keys of `linclf train`."""

    model: LinearModel
    result: dict[str, Any]
    why: dict[str, str]
    interrupted: BaseException | None


def load_parts(options: TrainOptions, cache: Cache | None = None, like: Features | None = None) -> Parts:
    """Read the data of a run, or take them from the cache, and cut them into parts; `like` are features learned before."""
    return cut_parts(options, load_sets(options, cache), like)


@dataclass(frozen=True)
class Sets:
    """The data of a run as they were read: what is cut, and where these are data of their own, test and validation part."""

    dataset: Dataset
    test: Dataset | float | None
    val: Dataset | float | None


def load_sets(options: TrainOptions, cache: Cache | None = None) -> Sets:
    """Read the data of a run, or take them from the cache."""
    dataset = datasets.load(options.source, cache=cache)

    def held(text: str | None, name: str) -> Dataset | float | None:
        part = parse_part(text, name)
        if not isinstance(part, str):
            return part
        return datasets.load(replace(options.source, data=part), like=dataset.features, cache=cache)

    return Sets(dataset, held(options.test, "test"), held(options.val, "val"))


def cut_parts(options: TrainOptions, sets: Sets, like: Features | None = None) -> Parts:
    """Cut the data into parts, without a validation part if the options have none; `like` are features learned before."""
    apart = CALIBRATION_FRACTION if options.calibrate and not options.has_val() else 0
    val = sets.val if options.has_val() else None
    return datasets.cut(sets.dataset, sets.test, val, options.seed, calibration=apart, like=like)


def rebuild_parts(model: LinearModel, cache: Cache | None = None) -> Parts:
    """The parts that a model was trained with, read again. Raises InputError if the data have changed since."""
    recorded = dict(model.record["options"])
    given: dict[str, Any] = recorded.pop("source")
    given = {key: tuple(x) if isinstance(x, list) else x for key, x in given.items()}
    source = Source(**given)
    if "-" in (source.data, recorded["test"], recorded["val"]):
        raise InputError("the model was trained on standard input, which cannot be read again; give DATA")
    split = {name: recorded[name] for name in ("test", "val", "seed", "calibrate") if name in recorded}
    parts = load_parts(TrainOptions(source=source, **split), cache, model.features)
    changed = [key for key, digest in model.record["data"].items() if parts.digests.get(key) != digest]
    if changed:
        names = {"data": source.data, "test": recorded["test"], "val": recorded["val"]}
        raise InputError(
            f"{names[changed[0]]}: has changed since the model was trained on it; train again, or give DATA"
        )
    return parts


@dataclass(frozen=True)
class Start:
    """Where training begins, other than at zero: weight (d, m) and bias (m,) for raw rows."""

    weight: Array
    bias: Array


def train(
    options: TrainOptions,
    parts: Parts,
    on_epoch: Callable[[Progress], None] = lambda _: None,
    *,
    weights: Array | None = None,
    start: Start | None = None,
    measured: tuple[str, ...] = ("train", "val", "test"),
    loss: Loss | None = None,
) -> Trained:
    """Train one model on the training part and measure it on every part.

    weights   (n,) of the training rows, besides those of the option class_weight
    start     where to begin; a run that goes on is not held against zero weights
    measured  the parts whose accuracy is wanted
    loss      what is minimised, if it is not known by its name in the options

    A KeyboardInterrupt or Terminated after the first epoch ends training early: the best model so far is returned, with
    the signal in `interrupted`. Raises DivergedError.
    """
    began, loss = time.perf_counter(), loss or options.loss_value()
    with one_blas_thread():
        prepared = _prepare(options, parts, weights)
        watched = None
        if parts.val is not None:
            watched = Part(prepared.scaling.apply(parts.val.X, options.dtype)[:], parts.val.y)
        begin = None if start is None else prepared.scaling.unfold(start.weight, start.bias)

        measure = partial(_measure, options, parts, prepared, loss=loss, measured=measured, goes_on=start is not None)

        def attempt(slower: float) -> Trained:
            """Train at the rate of auto divided by `slower`, and measure."""
            fitted = fit(
                loss,
                prepared.X,
                parts.train.y,
                len(parts.classes),
                options,
                weights=prepared.weights,
                watched=watched,
                on_epoch=on_epoch,
                start=begin,
                slower=slower,
            )
            try:
                return measure(fitted)
            except (KeyboardInterrupt, Terminated) as signal:  # the model is trained: the first signal must not cost it
                return measure(replace(fitted, interrupted=signal))

        trained = _until_it_learns(attempt) if options.lr == "auto" else attempt(1.0)
        return replace(trained, result={**trained.result, "seconds": {"train": time.perf_counter() - began}})


def _until_it_learns(attempt: Callable[[float], Trained]) -> Trained:
    """The first attempt that does not diverge, each at a SLOWER rate than the one before; the error of the last one."""
    for slower in (1.0, *SLOWER[:-1]):
        with suppress(DivergedError):
            return attempt(slower)
    return attempt(SLOWER[-1])


@dataclass(frozen=True)
class _Prepared:
    """The training part as it is trained on: scaled X (n, d), and its weights (n,) or None."""

    X: Matrix
    weights: Array | None
    scaling: Scaling


def _prepare(options: TrainOptions, parts: Parts, weights: Array | None) -> _Prepared:
    scaling, X = scaled(options, parts)
    of_classes = sample_weights(options.class_weight, parts.train.y)
    weights = of_classes if weights is None else weights if of_classes is None else weights * of_classes
    return _Prepared(X, weights, scaling)


def scaled(options: TrainOptions, parts: Parts) -> tuple[Scaling, Matrix]:
    """The scaling learned from the training part, and its rows (n, d) as they are trained on."""
    name, rows = options.source.data, parts.train
    scaling = fit_scaling(options.scale, rows.X, parts.features.sparse, parts.features.name, name)
    X = scaling.apply(rows.X, options.dtype)
    if scaling.kind == "none":  # scaled numbers are moderate
        _check_range(X, rows.X, parts.features, options, name)
    return scaling, X


def _measure(
    options: TrainOptions,
    parts: Parts,
    prepared: _Prepared,
    fitted: Fit,
    *,
    loss: Loss,
    measured: tuple[str, ...],
    goes_on: bool,
) -> Trained:
    """Fold the weights into a model, and measure it."""
    name, n_classes = options.source.data, len(parts.classes)
    X, y, weights, scaling, sgd = prepared.X, parts.train.y, prepared.weights, prepared.scaling, fitted.sgd
    objective = Objective(loss, options.reg, options.reg_bias)
    data_loss, penalty = map(float, objective.terms(X, y, fitted.W, fitted.b, weights))
    reason = None
    if not goes_on or not np.isfinite(data_loss):
        reason = why_not_learned(
            objective, data_loss + penalty, fitted.W, fitted.b, float(sgd.lr), X=X, y=y, weights=weights
        )
    if reason:
        raise DivergedError(reason)
    weight, bias = scaling.fold(fitted.W, fitted.b)
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise InputError(f"{name}: the weights overflow when the scaling is folded in; rescale the columns first")
    model = LinearModel(weight, bias, parts.classes, options.loss, parts.features, {}, scaling.scale, scaling.center)
    model = _calibrated(model, options, parts)
    accuracies = {
        part: None if held is None or part not in measured else accuracy(model.predict_codes(held.X), held.y)
        for part, held in (("train", parts.train), ("val", parts.val), ("test", parts.test))
    }
    result: dict[str, Any] = {
        "data": name,
        "loss": options.loss,
        "one_vs_rest": loss.binary and n_classes > 2,
        "reg": options.reg,
        "lr": float(sgd.lr),
        "epochs": fitted.epochs_run,
        "best_epoch": fitted.best_epoch,
        "batch_size": sgd.batch_size,
        "momentum": float(sgd.momentum),
        "schedule": sgd.schedule,
        "average": sgd.average,
        "scale": scaling.kind,
        "seed": options.seed,
        "dtype": options.dtype,
        "n_train": int(X.shape[0]),
        "n_val": 0 if parts.val is None else len(parts.val.y),
        "n_test": 0 if parts.test is None else len(parts.test.y),
        "calibrate": options.calibrate,
        "n_calibration": model.calibration.n if model.calibration else 0,
        "n_features": int(X.shape[1]),
        "n_classes": n_classes,
        "classes": parts.classes.tolist(),
        "objective": data_loss + penalty,
        "data_loss": data_loss,
        "penalty": penalty,
        "accuracy": accuracies,
        "interrupted": fitted.interrupted is not None,
    }
    record = {
        "options": asdict(options),
        "seed": options.seed,
        "data": parts.digests,
        "own_loss": options.loss not in LOSSES,
        "metrics": {key: x for key, x in result.items() if key not in ("data", "classes")},
        "versions": {"linclf": linclf.__version__, "numpy": np.__version__, "python": platform.python_version()},
    }
    return Trained(replace(model, record=record), result, fitted.why, fitted.interrupted)


def _calibrated(model: LinearModel, options: TrainOptions, parts: Parts) -> LinearModel:
    """The model with probabilities learned from its validation part, else from the part set aside, if they are wanted."""
    told = parts.val if options.has_val() else parts.calibration
    if options.calibrate is None or told is None:
        return model
    known = told.y >= 0
    if len(np.unique(told.y[known])) < 2:
        name, part = options.source.data, "validation" if options.has_val() else "held-out"
        raise InputError(f"{name}: the {part} rows hold a single known class, which calibrates nothing; give more rows")
    learned = calibrate(options.calibrate, model.scores(told.X)[known], told.y[known])
    return replace(model, calibration=learned)


def fit(
    loss: Loss,
    X: Matrix,
    y: Array,
    n_classes: int,
    options: TrainOptions,
    *,
    weights: Array | None = None,
    watched: Part | None = None,
    on_epoch: Callable[[Progress], None] = lambda _: None,
    start: tuple[Array, Array] | None = None,
    slower: float = 1.0,
) -> Fit:
    """Resolve what is `auto`, run the engine on X (n, d) as given, and keep the best epoch's weights.

    weights  (n,) sample weights or None
    watched  a validation part, scaled like X; with it the epoch with the best accuracy is kept (the later of equals),
             and `patience` may end training; without it the last epoch
    start    (W, b) to begin at, else zero
    slower   what the rate of auto is divided by
    """
    n_outputs = loss.n_outputs(n_classes)
    sgd, why = resolve(loss, X, y, n_outputs, options, weights=weights)
    if slower > 1:
        sgd, why["lr"] = replace(sgd, lr=sgd.lr / slower), f" (auto: 1/{slower:g} of the rate that diverged)"
    best, best_accuracy, improved, number, interrupted = None, -1.0, 0, 0, None
    began = time.perf_counter()
    try:
        for epoch in epochs(loss, X, y, n_outputs, sgd, weights=weights, start=start):
            number = epoch.number
            val_accuracy = None if watched is None else _accuracy(watched, epoch.W, epoch.b)
            seconds = time.perf_counter() - began
            on_epoch(
                Progress(number, sgd.epochs, float(epoch.lr), float(epoch.objective_estimate), val_accuracy, seconds)
            )
            if val_accuracy is None or val_accuracy >= best_accuracy:
                improved = number if val_accuracy is None or val_accuracy > best_accuracy else improved
                best, best_accuracy = epoch, best_accuracy if val_accuracy is None else val_accuracy
            if options.patience and number - improved >= options.patience:
                break
    except (KeyboardInterrupt, Terminated) as signal:
        if best is None:
            raise
        interrupted = signal
    if best is None:
        raise AssertionError("SGD has at least one epoch")
    return Fit(best.W, best.b, sgd, why, number, best.number, interrupted)


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
    return SGD(
        lr=1.0 if isinstance(options.lr, str) else options.lr,
        reg=options.reg,
        epochs=auto_epochs(X.shape[0], size) if isinstance(options.epochs, str) else options.epochs,
        batch_size=options.batch_size,
        momentum=auto_momentum(X) if isinstance(options.momentum, str) else options.momentum,
        schedule=options.schedule,
        average=options.average,
        fit_bias=options.bias,
        reg_bias=options.reg_bias,
        seed=options.seed,
    )


def _accuracy(part: Part, W: Array, b: Array) -> float | None:
    return accuracy(predicted(scores(part.X, W, b)), part.y)


def sample_weights(class_weight: str | None, y: Array, used: Array | None = None) -> Array | None:
    """The weights (n,) of rows with codes y, None for all 1. Rows that are not `used` (n,) weigh nothing.

    `balanced`, as scikit-learn's: n / (K * the size of the row's class), all counted among the used rows.
    """
    if class_weight is None:
        return None if used is None else used.astype(np.float64)
    used = np.ones(len(y)) if used is None else used.astype(np.float64)
    sizes = np.bincount(y, used)  # (K,)
    return np.asarray(used * (used.sum() / (np.count_nonzero(sizes) * np.maximum(sizes, 1)))[y])


def _check_range(X: Matrix, raw: Matrix, features: Features, options: TrainOptions, name: str) -> None:
    """Numbers that fit the file's type may overflow the one trained in, or vanish in it."""
    if raw.dtype == X.dtype or raw.dtype.kind != "f":
        return
    advice = "use --scale standard or maxabs, --dtype float64, or rescale it"
    bad = first_not_finite(X)
    if bad:
        raise InputError(
            f"{name}: {features.name(bad[1])} has {raw[np.array(bad[:1])][0, bad[1]]:g}, beyond {options.dtype}; {advice}"
        )
    if is_zero(X) and not is_zero(raw):
        raise InputError(f"{name}: all numbers are too small for {options.dtype} and would become 0; {advice}")


def why_not_learned(
    objective: Objective, reached: float, W: Array, b: Array, lr: float, *, X: Matrix, y: Array, weights: Array | None
) -> str | None:
    """What is wrong with a run that ended above the objective of zero weights, or at zero weights that are not the
    optimum; None for a run that learned. Arguments of one model."""
    sizes = np.bincount(y, weights)  # (K,): at zero scores the loss of a row depends on its class alone
    values, _ = objective.loss(np.zeros((len(sizes), W.shape[1])), np.arange(len(sizes)))
    start = float(values @ sizes / sizes.sum())
    if not reached <= DIVERGED * start:
        return (
            f"training diverged: the objective is {reached:.3g} at lr {lr:.3g}, and {start:.3g} at zero weights; "
            f"use a smaller lr, such as {lr / 10:.1g}"
        )
    if not W.any() and objective.value_and_gradient(X[:], y, W, b, weights)[1].any():
        return f"training never left zero weights: lr {lr:.3g} is too small; use a larger one, or auto"
    return None
