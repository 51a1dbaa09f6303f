"""The result of a run: the model, folded back to raw features, and its figures; and the record that the model carries."""

import platform
from dataclasses import asdict, dataclass, fields, replace

import numpy as np

from linclf._version import __version__
from linclf.data.row_keys import Cell
from linclf.data.split import Part, Split
from linclf.errors import InputError
from linclf.losses import LOSSES
from linclf.model.calibration import calibrate
from linclf.model.evaluation import PART_KEYS, part_figures
from linclf.model.linear_model import LinearModel
from linclf.model.predictions import Predictions
from linclf.model.threshold import Threshold, learn_threshold, positive_code
from linclf.optim.certificate import Certificate
from linclf.optim.convergence import FAR
from linclf.storage.decode import JsonObject, finite_or_none
from linclf.training.auto_reg import RegSearch
from linclf.training.fit import FitResult
from linclf.training.options import TrainOptions
from linclf.training.prepare import PreparedData
from linclf.training.selection import Selection


@dataclass(frozen=True)
class TrainResult:
    """The figures of a run; `to_json` gives them under their names in the JSON of `linclf train`.

    target, target_guessed        the label column, None for data that have none, and whether it was guessed by its name
    data, loss, reg, ..., dtype   the options, with the numbers used under `auto`; scale is the kind that was used
    reg_search                    how the strength was chosen, as of `linclf.training.auto_reg.RegSearch`; None if it was given
    lr, epochs, best_epoch        the learning rate, the last epoch of SGD, and the one whose weights the model has; None, 0 and 0 for
                                  full-batch steps from zero weights
    val_metric, val_metric_reason the metric that chose the best epoch, and why it is this one if it was not given; None without
                                  validation rows
    n_train, n_val, n_test, n_calibration, n_features, n_classes   sizes
    classes        labels, as JSON has them
    threshold      the decision threshold, as of `linclf.model.threshold.Threshold.to_json`, or None
    objective      data_loss + penalty, at the weights, over the training rows, in the space trained in
    accuracy       of the parts train, val and test; None for a part that is absent or was not measured
    metrics, majority, never_predicted, absent_classes   of the same parts: see linclf.model.evaluation.part_figures
    retries        how often training diverged and continued at a lower rate
    possible_decrease   the share of the objective that one more good step removes; None if it was not computed
    certificate    the proof of how near the optimum the weights are; None for a custom loss, if reg is 0, and of large data without --certify
    interrupted    whether a signal ended training early
    group, time, n_groups, shared_groups, time_range   as in `SplitSummary`; None where there are none
    """

    data: str
    target: str | None
    target_guessed: bool
    loss: str
    one_vs_rest: bool
    reg: float
    reg_search: JsonObject | None
    lr: float | None
    epochs: int
    best_epoch: int
    val_metric: str | None
    val_metric_reason: str | None
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
    threshold: JsonObject | None
    n_features: int
    n_classes: int
    classes: list[object]
    objective: float
    data_loss: float
    penalty: float
    accuracy: dict[str, float | None]
    metrics: dict[str, dict[str, float | None] | None]
    majority: dict[str, JsonObject | None]
    never_predicted: dict[str, list[JsonObject] | None]
    absent_classes: dict[str, list[object] | None]
    retries: int
    possible_decrease: float | None
    certificate: JsonObject | None
    interrupted: bool
    group: str | None = None
    time: str | None = None
    n_groups: dict[str, int] | None = None
    shared_groups: dict[str, int] | None = None
    time_range: dict[str, tuple[Cell, Cell]] | None = None

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

    def convergence_note(self) -> str | None:
        """A line on a run that ended far from the optimum, and what to do; None for any other run."""
        decrease, schema = self.result.possible_decrease, self.model.schema
        if decrease is None or decrease < FAR:
            return None
        advice = "train more --epochs"
        if self.result.scale == "none" and (
            schema.columns is None or not schema.sparse
        ):  # numbers are standardised there
            advice = f"scale the columns, with --scale {'maxabs' if schema.sparse else 'standard'}"
        return (
            f"training ended far from the optimum: one more step could lower the objective by {decrease:.0%}; {advice}"
        )


def assemble(
    options: TrainOptions,
    split: Split,
    prepared: PreparedData,
    fitted: FitResult,
    *,
    search: RegSearch | None,
    selection: Selection | None,
    measured: tuple[str, ...],
    interrupted: BaseException | None,
) -> Trained:
    """Make the model, measure the parts named in `measured`, and record it all; `search` is how the strength was chosen."""
    model, settings = _folded(options, split, prepared, fitted), fitted.settings
    by_part = _figures(model, options, split, measured)
    result = TrainResult(
        data=options.source.data,
        target=split.schema.target,
        target_guessed=split.schema.is_guessed_target(options.source.target),
        loss=options.loss_name,
        one_vs_rest=options.loss_value().binary and len(split.classes) > 2,
        reg=options.strength,
        reg_search=None if search is None else asdict(search),
        lr=float(settings.lr) if fitted.epochs_run else None,
        epochs=fitted.epochs_run,
        best_epoch=fitted.best_epoch,
        val_metric=None if selection is None else selection.metric.name,
        val_metric_reason=None if selection is None else selection.reason,
        batch_size=settings.batch_size,
        momentum=float(settings.momentum),
        schedule=settings.schedule,
        average=options.average,
        scale=prepared.scaling.kind,
        seed=options.seed,
        dtype=options.dtype,
        n_train=int(prepared.X.shape[0]),
        n_val=0 if split.val is None else len(split.val.y),
        n_test=0 if split.test is None else len(split.test.y),
        calibrate=options.calibrate,
        n_calibration=model.calibration.n if model.calibration else 0,
        threshold=model.threshold_to_json(),
        n_features=int(split.train.X.shape[1]),
        n_classes=len(split.classes),
        classes=split.classes.tolist(),
        objective=fitted.data_loss + fitted.penalty,
        data_loss=fitted.data_loss,
        penalty=fitted.penalty,
        accuracy={part: metrics and metrics["accuracy"] for part, metrics in by_part["metrics"].items()},
        retries=fitted.retries,
        possible_decrease=fitted.decrease,
        certificate=certificate_to_dict(fitted.certificate),
        interrupted=interrupted is not None,
        **by_part,
        **split.summary.to_json(),
    )
    asked, why = options, fitted.why
    if search is not None:
        asked, why = replace(options, reg="auto"), {**why, "reg": search.reason()}
    return Trained(replace(model, record=model_record(asked, split.digests, result)), result, why, interrupted)


def _folded(options: TrainOptions, split: Split, prepared: PreparedData, fitted: FitResult) -> LinearModel:
    """The model of raw columns, with the scaling folded into its weights, calibrated, and with its threshold."""
    scaling = prepared.scaling
    d = split.train.X.shape[1]
    weight, bias = scaling.weights_to_raw(prepared.of_all_columns(fitted.W, d), fitted.b)
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise InputError(
            f"{options.source.data}: the weights overflow when the scaling is folded in; rescale the columns first"
        )
    model = LinearModel(weight, bias, split.classes, options.loss_name, split.schema, {}, scaling.scale, scaling.center)
    return with_threshold(_calibrated(model, options, prepared.held_out), options, prepared.held_out)


def _figures(model: LinearModel, options: TrainOptions, split: Split, measured: tuple[str, ...]) -> JsonObject:
    """For each of PART_KEYS its value by part, None for a part that is absent or not measured."""
    figures = {
        part: part_figures(_predictions(model, options, rows), split.classes) if rows and part in measured else {}
        for part, rows in (("train", split.train), ("val", split.val), ("test", split.test))
    }
    return {key: {part: values.get(key) for part, values in figures.items()} for key in PART_KEYS}


def model_record(options: TrainOptions, digests: dict[str, str], result: TrainResult | None) -> JsonObject:
    """What a model file records of the training, as plain data; without a result nothing was trained."""
    described = ("data", "target", "target_guessed", "classes", "threshold")  # elsewhere in the file
    figures = {} if result is None else result.to_json()
    metrics = {key: x for key, x in figures.items() if key not in described}
    return {
        "options": options.to_dict(),
        "seed": options.seed,
        "data": digests,
        "own_loss": options.loss_name not in LOSSES,
        **({"metrics": metrics} if metrics else {}),
        "versions": {"linclf": __version__, "numpy": np.__version__, "python": platform.python_version()},
    }


def passes(metrics: JsonObject) -> int:
    """How many passes over the training rows a run took, of the figures in its record: epochs of SGD and full-batch steps."""
    return int(metrics.get("epochs", 1) + (metrics.get("certificate") or {}).get("steps", 0))


def certificate_to_dict(certificate: Certificate | None) -> JsonObject | None:
    """A certificate as plain data; percent is None if nothing is proven."""
    if certificate is None:
        return None
    return {**asdict(certificate), "percent": finite_or_none(certificate.percent), "holds": certificate.holds}


def _predictions(model: LinearModel, options: TrainOptions, rows: Part) -> Predictions:
    """The predictions of the model for rows; a custom loss may have probabilities, which a model file does not know of."""
    predictions, logits = model.predictions(rows.X, rows.y, rows.weights), options.loss_value().logits
    if predictions.logits is None and predictions.scores is not None and logits is not None:
        return replace(predictions, logits=logits(predictions.scores))
    return predictions


def _calibrated(model: LinearModel, options: TrainOptions, rows: Part | None) -> LinearModel:
    """The model with probabilities learned from held-out rows, if --calibrate asks for it."""
    if options.calibrate is None or rows is None:
        return model
    return replace(model, calibration=calibrate(options.calibrate, model.scores(rows.X), rows.y, rows.weights))


def with_threshold(model: LinearModel, options: TrainOptions, rows: Part | None) -> LinearModel:
    """The model with the threshold that --threshold asks for, set by hand or learned from held-out rows."""
    if options.threshold is None:
        return model
    positive, number = positive_code(options.positive, model.classes), options.threshold.number
    if number is not None:
        return replace(
            model, threshold=Threshold(number, "probability" if model.has_probabilities else "score", positive)
        )
    if rows is None:
        return model
    try:
        learned = learn_threshold(options.threshold, model.predictions(rows.X, rows.y, rows.weights), positive)
    except InputError as error:
        raise InputError(f"{options.source.data}: {error}") from None
    return replace(model, threshold=learned)


def label_note(options: TrainOptions) -> str | None:
    """A line on class weights that the labels do not show, because calibration undoes them; None if the labels do.

    A temperature leaves the most probable class as it was.
    """
    if options.class_weight is None or options.calibrate in (None, "temperature") or options.threshold is not None:
        return None
    return (
        f"--class-weight hardly changes the labels of a model with --calibrate {options.calibrate}: they follow the calibrated "
        "probabilities, which are those of the classes as they occur; --threshold balanced-accuracy favours the rarer of two "
        "classes"
    )
