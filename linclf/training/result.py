"""The result of a run: the model, folded back to raw features, and its figures; and the record that the model carries."""

import platform
from dataclasses import asdict, dataclass, fields, replace

import numpy as np

from linclf._version import __version__
from linclf.data.split import Part, Split
from linclf.errors import InputError
from linclf.losses import LOSSES
from linclf.model.calibration import calibrate
from linclf.model.linear_model import LinearModel
from linclf.model.metrics import accuracy
from linclf.optim.certificate import Certificate
from linclf.storage.decode import JsonObject, finite_or_none
from linclf.training.fit import FitResult
from linclf.training.options import TrainOptions
from linclf.training.prepare import PreparedData


@dataclass(frozen=True)
class TrainResult:
    """The figures of a run; `to_json` gives them under their names in the JSON of `linclf train`.

    data, loss, reg, ..., dtype   the options, with the numbers used under `auto`; scale is the kind that was used
    epochs, best_epoch            the last epoch, and the one whose weights the model has
    n_train, n_val, n_test, n_calibration, n_features, n_classes   sizes
    classes        labels, as JSON has them
    objective      data_loss + penalty, at the weights, over the training rows, in the space trained in
    accuracy       of the parts train, val and test; None for a part that is absent or was not measured
    retries        how often training diverged and continued at a lower rate
    certificate    the proof that --certify asked for, or None
    interrupted    whether a signal ended training early
    """

    data: str
    loss: str
    one_vs_rest: bool
    reg: float
    lr: float
    epochs: int
    best_epoch: int
    batch_size: int
    momentum: float
    schedule: str
    average: bool
    scale: str
    seed: int
    dtype: str
    n_train: int
    n_val: int
    n_test: int
    calibrate: str | None
    n_calibration: int
    n_features: int
    n_classes: int
    classes: list[object]
    objective: float
    data_loss: float
    penalty: float
    accuracy: dict[str, float | None]
    retries: int
    certificate: JsonObject | None
    interrupted: bool

    def to_json(self) -> JsonObject:
        """The figures as plain data."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class Trained:
    """A trained model, its figures, how the values chosen by auto were found (text by name), the seconds that training took,
    and the signal that ended it early, if any."""

    model: LinearModel
    result: TrainResult
    why: dict[str, str]
    interrupted: BaseException | None = None
    seconds: float = 0.0


def assemble(
    options: TrainOptions,
    split: Split,
    prepared: PreparedData,
    fitted: FitResult,
    *,
    measured: tuple[str, ...],
    interrupted: BaseException | None,
) -> Trained:
    """Fold the scaling into the weights, calibrate, measure the accuracy of the parts named in `measured`, and record it all."""
    name, scaling = options.source.data, prepared.scaling
    weight, bias = scaling.weights_to_raw(fitted.W, fitted.b)
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise InputError(f"{name}: the weights overflow when the scaling is folded in; rescale the columns first")
    model = LinearModel(weight, bias, split.classes, options.loss_name, split.schema, {}, scaling.scale, scaling.center)
    model = _calibrated(model, options, split)

    def measure(part: str, rows: Part | None) -> float | None:
        return None if rows is None or part not in measured else accuracy(model.predict_codes(rows.X), rows.y)

    parts = {"train": split.train, "val": split.val, "test": split.test}
    settings = fitted.settings
    result = TrainResult(
        data=name,
        loss=options.loss_name,
        one_vs_rest=options.loss_value().binary and len(split.classes) > 2,
        reg=options.reg,
        lr=float(settings.lr),
        epochs=fitted.epochs_run,
        best_epoch=fitted.best_epoch,
        batch_size=settings.batch_size,
        momentum=float(settings.momentum),
        schedule=settings.schedule,
        average=options.average,
        scale=scaling.kind,
        seed=options.seed,
        dtype=options.dtype,
        n_train=int(prepared.X.shape[0]),
        n_val=0 if split.val is None else len(split.val.y),
        n_test=0 if split.test is None else len(split.test.y),
        calibrate=options.calibrate,
        n_calibration=model.calibration.n if model.calibration else 0,
        n_features=int(prepared.X.shape[1]),
        n_classes=len(split.classes),
        classes=split.classes.tolist(),
        objective=fitted.data_loss + fitted.penalty,
        data_loss=fitted.data_loss,
        penalty=fitted.penalty,
        accuracy={part: measure(part, rows) for part, rows in parts.items()},
        retries=fitted.retries,
        certificate=certificate_to_dict(fitted.certificate),
        interrupted=interrupted is not None,
    )
    return Trained(replace(model, record=model_record(options, split.digests, result)), result, fitted.why, interrupted)


def model_record(options: TrainOptions, digests: dict[str, str], result: TrainResult | None) -> JsonObject:
    """What a model file records of the training, as plain data; without a result nothing was trained."""
    figures = {} if result is None else result.to_json()
    metrics = {key: x for key, x in figures.items() if key not in ("data", "classes")}
    return {
        "options": options.to_dict(),
        "seed": options.seed,
        "data": digests,
        "own_loss": options.loss_name not in LOSSES,
        **({"metrics": metrics} if metrics else {}),
        "versions": {"linclf": __version__, "numpy": np.__version__, "python": platform.python_version()},
    }


def certificate_to_dict(certificate: Certificate | None) -> JsonObject | None:
    """A certificate as plain data; percent is None if nothing is proven."""
    if certificate is None:
        return None
    return {**asdict(certificate), "percent": finite_or_none(certificate.percent), "holds": certificate.holds}


def _calibrated(model: LinearModel, options: TrainOptions, split: Split) -> LinearModel:
    """The model with probabilities learned from the validation rows, else the calibration rows, if --calibrate asks for it."""
    rows = split.val if options.has_val() else split.calibration
    if options.calibrate is None or rows is None:
        return model
    known = rows.y >= 0
    if len(np.unique(rows.y[known])) < 2:
        name, part = options.source.data, "validation" if options.has_val() else "held-out"
        raise InputError(f"{name}: the {part} rows hold a single known class, which calibrates nothing; give more rows")
    return replace(model, calibration=calibrate(options.calibrate, model.scores(rows.X)[known], rows.y[known]))
