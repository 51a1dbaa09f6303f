"""One training run from options to a model: the way data take through the house, in one place.

Source -> Dataset -> Parts -> scaled X -> epochs -> (W, b) -> folded LinearModel -> figures
"""

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

import linclf
from linclf import datasets
from linclf.datasets import Features, Part, Parts, Source
from linclf.datasets.parts import parse_part
from linclf.datasets.scaling import SCALES, fit_scaling
from linclf.errors import DivergedError, InputError, Terminated
from linclf.losses import LOSSES, Array, Loss
from linclf.matrix import Matrix, first_not_finite, one_blas_thread
from linclf.model import LinearModel
from linclf.objective import Objective, scores
from linclf.rate import auto_epochs, auto_momentum, auto_rate
from linclf.report import accuracy
from linclf.sgd import SGD, check_settings, epochs

DTYPES = ("float32", "float64")
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

    def __post_init__(self) -> None:
        numbers = ("lr", "reg", "momentum", "epochs", "batch_size", "seed", "schedule")
        check_settings(**{name: getattr(self, name) for name in numbers})
        for name, choices in (("loss", LOSSES), ("scale", SCALES), ("dtype", DTYPES)):
            if getattr(self, name) not in choices:
                raise InputError(f"{name} is {getattr(self, name)!r}; give one of {', '.join(choices)}")
        for part in ("test", "val"):
            parse_part(getattr(self, part), part)
        if self.class_weight not in (None, "balanced"):
            raise InputError(f"class-weight is {self.class_weight!r}; give balanced, or leave it out")
        if self.reg_bias and not self.bias:
            raise InputError("reg-bias penalises the bias that no-bias leaves out; give one of the two")
        if self.patience is not None:
            if self.patience < 1:
                raise InputError(f"patience is {self.patience}; give a whole number of epochs >= 1")
            if self.val is None:
                raise InputError(
                    "patience watches the validation accuracy; give --val DATA or a fraction, e.g. --val 0.1"
                )


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


def load_parts(options: TrainOptions) -> Parts:
    """Read the data of a run and cut them into parts."""
    dataset = datasets.load(options.source)
    test = _part(options.test, "test", options.source, dataset.features)
    val = _part(options.val, "val", options.source, dataset.features)
    return datasets.cut(dataset, test, val, options.seed)


def _part(text: str | None, name: str, source: Source, features: Features) -> datasets.Dataset | float | None:
    part = parse_part(text, name)
    return datasets.load(replace(source, data=part), like=features) if isinstance(part, str) else part


def rebuild_parts(model: LinearModel) -> Parts:
    """The parts that a model was trained with, read again. Raises InputError if the data have changed since."""
    recorded = dict(model.record["options"])
    source = recorded.pop("source")
    source = Source(**{**source, "drop": tuple(source["drop"])})
    if "-" in (source.data, recorded["test"], recorded["val"]):
        raise InputError("the model was trained on standard input, which cannot be read again; give DATA")
    parts = load_parts(TrainOptions(source=source, **recorded))
    changed = [key for key, digest in model.record["data"].items() if parts.digests.get(key) != digest]
    if changed:
        names = {"data": source.data, "test": recorded["test"], "val": recorded["val"]}
        raise InputError(
            f"{names[changed[0]]}: has changed since the model was trained on it; train again, or give DATA"
        )
    return parts


def train(options: TrainOptions, parts: Parts, on_epoch: Callable[[Progress], None] = lambda _: None) -> Trained:
    """Train one model on the training part and measure it on every part.

    A KeyboardInterrupt or Terminated after the first epoch ends training early: the best model so far is returned, with
    the signal in `interrupted`. Raises DivergedError.
    """
    began = time.perf_counter()
    with one_blas_thread():
        return _train(options, parts, on_epoch, began)


def _train(options: TrainOptions, parts: Parts, on_epoch: Callable[[Progress], None], began: float) -> Trained:
    loss, name, n_classes = LOSSES[options.loss], options.source.data, len(parts.classes)
    rows = parts.train
    scaling = fit_scaling(options.scale, rows.X, parts.features.sparse, parts.features.name, name)
    X = scaling.apply(rows.X, options.dtype)
    _check_range(X, rows.X, parts.features, options, name)
    weights = _class_weights(options.class_weight, rows.y, n_classes)
    watched = None if parts.val is None else Part(scaling.apply(parts.val.X, options.dtype), parts.val.y)
    fitted = fit(loss, X, rows.y, n_classes, options, weights=weights, watched=watched, on_epoch=on_epoch)
    sgd = fitted.sgd
    objective = Objective(loss, options.reg, options.reg_bias)
    data_loss, penalty = map(float, objective.terms(X, rows.y, fitted.W, fitted.b, weights))
    _check_learned(loss, rows.y, fitted, weights, data_loss + penalty)
    seconds = time.perf_counter() - began

    weight, bias = scaling.fold(fitted.W, fitted.b)
    model = LinearModel(weight, bias, parts.classes, options.loss, parts.features, {}, scaling.scale)
    measured = {
        part: None if held is None else accuracy(model.predict_codes(held.X), held.y)
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
        "n_features": int(X.shape[1]),
        "n_classes": n_classes,
        "classes": parts.classes.tolist(),
        "objective": data_loss + penalty,
        "data_loss": data_loss,
        "penalty": penalty,
        "accuracy": measured,
        "interrupted": fitted.interrupted is not None,
    }
    record = {
        "options": asdict(options),
        "seed": options.seed,
        "data": parts.digests,
        "metrics": {key: x for key, x in result.items() if key not in ("data", "classes")},
        "versions": {"linclf": linclf.__version__, "numpy": np.__version__, "python": platform.python_version()},
    }
    return Trained(
        replace(model, record=record), {**result, "seconds": {"train": seconds}}, fitted.why, fitted.interrupted
    )


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
) -> Fit:
    """Resolve what is `auto`, run the engine on X (n, d) as given, and keep the best epoch's weights.

    weights  (n,) sample weights or None
    watched  a validation part, scaled like X; with it the epoch with the best accuracy is kept (the later of equals),
             and `patience` may end training; without it the last epoch
    """
    sgd, why = resolve(loss, X, options, weights)
    best, best_accuracy, improved, number, interrupted = None, -1.0, 0, 0, None
    began = time.perf_counter()
    try:
        for epoch in epochs(loss, X, y, loss.n_outputs(n_classes), sgd, weights=weights):
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


def resolve(loss: Loss, X: Matrix, options: TrainOptions, weights: Array | None) -> tuple[SGD, dict[str, str]]:
    """The engine's settings with every `auto` replaced, and for people what the replaced ones were made from."""
    why = {}
    n, size = X.shape[0], min(options.batch_size, X.shape[0])
    momentum = auto_momentum(X) if isinstance(options.momentum, str) else options.momentum
    n_epochs, lr = options.epochs, options.lr
    if isinstance(n_epochs, str):
        n_epochs, why["epochs"] = auto_epochs(n, size), " (auto)"
    if isinstance(lr, str):
        rate = auto_rate(loss, X, size, momentum, fit_bias=options.bias, weights=weights)
        lr, why["lr"] = rate.value, f" (auto: {rate.reason})"
    sgd = SGD(
        lr=lr,
        reg=options.reg,
        epochs=n_epochs,
        batch_size=options.batch_size,
        momentum=momentum,
        schedule=options.schedule,
        average=options.average,
        fit_bias=options.bias,
        reg_bias=options.reg_bias,
        seed=options.seed,
    )
    return sgd, why


def _accuracy(part: Part, W: Array, b: Array) -> float | None:
    outputs = scores(part.X, W, b)
    predicted = outputs[:, 0] > 0 if outputs.shape[1] == 1 else outputs.argmax(axis=-1)
    return accuracy(predicted, part.y)


def _class_weights(kind: str | None, y: Array, n_classes: int) -> Array | None:
    """`balanced`: n / (K * the size of the row's class), (n,); as scikit-learn's."""
    if kind is None:
        return None
    return np.asarray((len(y) / (n_classes * np.bincount(y, minlength=n_classes)))[y])


def _check_range(X: Matrix, raw: Matrix, features: Features, options: TrainOptions, name: str) -> None:
    """Numbers that fit the file's type may overflow the one trained in."""
    bad = first_not_finite(X) if raw.dtype != X.dtype and raw.dtype.kind == "f" else None
    if bad:
        raise InputError(
            f"{name}: {features.name(bad[1])} has {raw[bad]:g}, beyond {options.dtype}; "
            "use --scale standard or maxabs, --dtype float64, or rescale it"
        )


def _check_learned(loss: Loss, y: Array, fitted: Fit, weights: Array | None, objective: float) -> None:
    values, _ = loss(np.zeros((len(y), fitted.W.shape[1])), y)
    start = float(np.average(values, weights=weights))
    if not objective <= DIVERGED * start:
        raise DivergedError(
            f"training diverged: the objective is {objective:.3g} at lr {fitted.sgd.lr:.3g}, and {start:.3g} at zero "
            f"weights; use a smaller lr, such as {fitted.sgd.lr / 10:.1g}"
        )
