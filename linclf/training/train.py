"""One training run from options to a model: the way data take through the house, in one place.

Source -> Dataset -> Parts -> scaled X -> epochs -> (W, b) -> folded LinearModel -> figures
"""

import hashlib
import math
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from linclf._version import __version__
from linclf.data.cache import Cache
from linclf.data.dataset import Dataset
from linclf.data.load import load
from linclf.data.scaling import Scaling, fit_scaling
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.split import HeldOut, Part, Split, split_dataset
from linclf.errors import DivergedError, InputError
from linclf.losses import LOSSES, Array, Loss
from linclf.model.calibration import calibrate
from linclf.model.linear_model import LinearModel
from linclf.model.metrics import accuracy
from linclf.optim.certificate import Certificate
from linclf.optim.linalg import Matrix, first_not_finite, is_zero, one_blas_thread
from linclf.storage.decode import build
from linclf.storage.files import read_bytes
from linclf.storage.signals import Terminated
from linclf.training.checkpoint import Checkpoint
from linclf.training.fit import Fit, Progress, fit, polish_and_certify
from linclf.training.options import TrainOptions

CALIBRATION_FRACTION = 0.2  # of the training rows, where there is no validation part


@dataclass(frozen=True)
class Trained:
    """A model and the figures of its training: `result` has the JSON keys of `linclf train`."""

    model: LinearModel
    result: dict[str, Any]
    why: dict[str, str]
    interrupted: BaseException | None


def load_split(options: TrainOptions, cache: Cache | None = None, like: Schema | None = None) -> Split:
    """Read the data of a run, or take them from the cache, and cut them into parts; `like` are features learned before."""
    return make_split(options, load_data(options, cache), like)


@dataclass(frozen=True)
class LoadedData:
    """The data of a run as they were read: what is cut, and where these are data of their own, test and validation part."""

    dataset: Dataset
    test: Dataset | float | None
    val: Dataset | float | None


def load_data(options: TrainOptions, cache: Cache | None = None) -> LoadedData:
    """Read the data of a run, or take them from the cache."""
    dataset = load(options.source, cache=cache)

    def read(held_out: HeldOut | None) -> Dataset | float | None:
        if held_out is None:
            return None
        if held_out.fraction is not None:
            return held_out.fraction
        return load(replace(options.source, data=str(held_out)), like=dataset.schema, cache=cache)

    return LoadedData(dataset, read(options.test), read(options.val))


def make_split(options: TrainOptions, sets: LoadedData, like: Schema | None = None) -> Split:
    """Cut the data into parts, without a validation part if the options have none; `like` are features learned before."""
    apart = CALIBRATION_FRACTION if options.calibrate and not options.has_val() else 0
    val = sets.val if options.has_val() else None
    return split_dataset(sets.dataset, sets.test, val, options.seed, calibration=apart, like=like)


def identity(options: TrainOptions, split: Split) -> dict[str, Any]:
    """What a run depends on, as plain data: where the data lie does not matter, they have digests."""
    told = options.to_dict()
    del told["source"]["data"]
    told |= {part: "data" for part in ("test", "val") if part in split.digests}
    if options.loss_name not in LOSSES:  # the file of a custom loss may have changed
        told["loss_digest"] = hashlib.sha256(read_bytes(options.loss_name.rpartition(":")[0])).hexdigest()
    return {"linclf": __version__, "data": split.digests, "options": told}


def rebuild_split(model: LinearModel, cache: Cache | None = None) -> Split:
    """The parts that a model was trained with, read again. Raises InputError if the data have changed since."""
    try:
        recorded, digests = dict(model.record["options"]), dict(model.record["data"])
        source = build(Source, recorded.pop("source"))
        drawn = {name: recorded[name] for name in ("test", "val", "seed", "calibrate") if name in recorded}
        options = TrainOptions(source=source, **drawn)
    except (KeyError, TypeError, ValueError) as error:  # a record that linclf did not write
        raise InputError(f"the model does not say what it was trained on ({error}); give DATA") from None
    if "-" in (source.data, recorded["test"], recorded["val"]):
        raise InputError("the model was trained on standard input, which cannot be read again; give DATA")
    split = load_split(options, cache, model.schema)
    changed = [key for key, digest in digests.items() if split.digests.get(key) != digest]
    if changed:
        names = {"data": source.data, "test": recorded["test"], "val": recorded["val"]}
        raise InputError(
            f"{names[changed[0]]}: has changed since the model was trained on it; train again, or give DATA"
        )
    return split


@dataclass(frozen=True)
class Start:
    """Where training begins, other than at zero: weight (d, m) and bias (m,) for raw rows."""

    weight: Array
    bias: Array


def train(
    options: TrainOptions,
    split: Split,
    on_epoch: Callable[[Progress], None] = lambda _: None,
    *,
    weights: Array | None = None,
    start: Start | None = None,
    measured: tuple[str, ...] = ("train", "val", "test"),
    loss: Loss | None = None,
    resumed: Checkpoint | None = None,
    keep: Callable[[Checkpoint], None] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train one model on the training part and measure it on every part.

    weights   (n,) of the training rows, besides those of the option class_weight
    start     where to begin; a run that goes on is not held against zero weights
    measured  the parts whose accuracy is wanted
    loss      what is minimised, if it is not known by its name in the options
    resumed   the checkpoint to go on from, to the same bits as if the run had never stopped
    keep      is given a checkpoint after each epoch
    say       is told what a user should know

    A KeyboardInterrupt or Terminated after the first epoch ends training early: the best model so far is returned, with
    the signal in `interrupted`; a second one is raised. Raises DivergedError.
    """
    began, loss = time.perf_counter(), loss or options.loss_value()
    with one_blas_thread():
        prepared = _prepare(options, split, weights)
        watched = None
        if split.val is not None:
            watched = Part(prepared.scaling.apply(split.val.X, options.dtype)[:], split.val.y)
        attempt = partial(
            fit,
            loss,
            prepared.X,
            split.train.y,
            len(split.classes),
            weights=prepared.weights,
            watched=watched,
            start=None if start is None else prepared.scaling.unfold(start.weight, start.bias),
        )
        try:
            fitted = attempt(options, resumed=resumed, on_epoch=on_epoch, keep=keep, say=say)
        except DivergedError as error:
            raise DivergedError(f"{error}; {_advice(attempt, options)}") from None
        measure = partial(_measure, options, split, prepared, loss=loss, measured=measured)
        try:
            fitted = polish_and_certify(fitted, loss, prepared.X, split.train.y, options, weights=prepared.weights)
            trained = measure(fitted)
        except (KeyboardInterrupt, Terminated) as signal:  # the model is trained: the first signal must not cost it
            if fitted.interrupted is not None:
                raise
            trained = measure(replace(fitted, interrupted=signal))
        return replace(trained, result={**trained.result, "seconds": {"train": time.perf_counter() - began}})


def _advice(attempt: Callable[[TrainOptions], Fit], options: TrainOptions) -> str:
    """What to do about a run that diverged: a rate that was tried and works, if there is one."""
    if options.lr == "auto":
        return "lower rates did not help; rescale the columns, e.g. with --scale standard, or try a smaller --reg"
    with suppress(DivergedError, InputError):
        found = attempt(replace(options, lr="auto"))
        if found.retries and not found.interrupted:  # it went on from a good epoch: does it work from the start?
            found = attempt(replace(options, lr=float(f"{found.sgd.lr:.3g}")))
        if found.interrupted:
            raise found.interrupted
        return f"lr {float(found.sgd.lr):.3g} works, and so does auto"
    return "use a smaller lr, or auto"


@dataclass(frozen=True)
class _Prepared:
    """The training part as it is trained on: scaled X (n, d), and its weights (n,) or None."""

    X: Matrix
    weights: Array | None
    scaling: Scaling


def _prepare(options: TrainOptions, split: Split, weights: Array | None) -> _Prepared:
    scaling, X = scaled(options, split)
    of_classes = sample_weights(options.class_weight, split.train.y)
    weights = of_classes if weights is None else weights if of_classes is None else weights * of_classes
    return _Prepared(X, weights, scaling)


def scaled(options: TrainOptions, split: Split) -> tuple[Scaling, Matrix]:
    """The scaling learned from the training part, and its rows (n, d) as they are trained on."""
    name, rows = options.source.data, split.train
    scaling = fit_scaling(options.scale, rows.X, split.schema.sparse, split.schema.name, name)
    X = scaling.apply(rows.X, options.dtype)
    if scaling.kind == "none":  # scaled numbers are moderate
        _check_range(X, rows.X, split.schema, options, name)
    return scaling, X


def _measure(
    options: TrainOptions,
    split: Split,
    prepared: _Prepared,
    fitted: Fit,
    *,
    loss: Loss,
    measured: tuple[str, ...],
) -> Trained:
    """Fold the weights into a model, and measure it."""
    name, n_classes = options.source.data, len(split.classes)
    X, scaling, sgd = prepared.X, prepared.scaling, fitted.sgd
    weight, bias = scaling.fold(fitted.W, fitted.b)
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise InputError(f"{name}: the weights overflow when the scaling is folded in; rescale the columns first")
    model = LinearModel(weight, bias, split.classes, options.loss_name, split.schema, {}, scaling.scale, scaling.center)
    model = _calibrated(model, options, split)
    accuracies = {
        part: None if held is None or part not in measured else accuracy(model.predict_codes(held.X), held.y)
        for part, held in (("train", split.train), ("val", split.val), ("test", split.test))
    }
    result: dict[str, Any] = {
        "data": name,
        "loss": options.loss_name,
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
        "n_val": 0 if split.val is None else len(split.val.y),
        "n_test": 0 if split.test is None else len(split.test.y),
        "calibrate": options.calibrate,
        "n_calibration": model.calibration.n if model.calibration else 0,
        "n_features": int(X.shape[1]),
        "n_classes": n_classes,
        "classes": split.classes.tolist(),
        "objective": fitted.data_loss + fitted.penalty,
        "data_loss": fitted.data_loss,
        "penalty": fitted.penalty,
        "accuracy": accuracies,
        "retries": fitted.retries,
        "certificate": _proven(fitted.certificate),
        "interrupted": fitted.interrupted is not None,
    }
    record = {
        "options": options.to_dict(),
        "seed": options.seed,
        "data": split.digests,
        "own_loss": options.loss_name not in LOSSES,
        "metrics": {key: x for key, x in result.items() if key not in ("data", "classes")},
        "versions": {"linclf": __version__, "numpy": np.__version__, "python": platform.python_version()},
    }
    return Trained(replace(model, record=record), result, fitted.why, fitted.interrupted)


def _proven(certificate: Certificate | None) -> dict[str, Any] | None:
    """A certificate as plain data; percent is None where nothing is proven."""
    if certificate is None:
        return None
    percent = certificate.percent if math.isfinite(certificate.percent) else None
    return {**asdict(certificate), "percent": percent, "holds": certificate.holds}


def _calibrated(model: LinearModel, options: TrainOptions, split: Split) -> LinearModel:
    """The model with probabilities learned from its validation part, else from the part set aside, if they are wanted."""
    told = split.val if options.has_val() else split.calibration
    if options.calibrate is None or told is None:
        return model
    known = told.y >= 0
    if len(np.unique(told.y[known])) < 2:
        name, part = options.source.data, "validation" if options.has_val() else "held-out"
        raise InputError(f"{name}: the {part} rows hold a single known class, which calibrates nothing; give more rows")
    learned = calibrate(options.calibrate, model.scores(told.X)[known], told.y[known])
    return replace(model, calibration=learned)


def sample_weights(class_weight: str | None, y: Array, used: Array | None = None) -> Array | None:
    """The weights (n,) of rows with codes y, None for all 1. Rows that are not `used` (n,) weigh nothing.

    `balanced`, as scikit-learn's: n / (K * the size of the row's class), all counted among the used rows.
    """
    if class_weight is None:
        return None if used is None else used.astype(np.float64)
    used = np.ones(len(y)) if used is None else used.astype(np.float64)
    sizes = np.bincount(y, used)  # (K,)
    return np.asarray(used * (used.sum() / (np.count_nonzero(sizes) * np.maximum(sizes, 1)))[y])


def _check_range(X: Matrix, raw: Matrix, features: Schema, options: TrainOptions, name: str) -> None:
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
