"""The scikit-learn estimator: the options and the engine of `linclf train` behind fit and predict."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from types import NoneType
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, compute_class_weight
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from linclf.data.class_weights import ClassWeights
from linclf.data.labels import show
from linclf.data.row_weights import as_counts
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.split import STREAMS, HeldOut, Part, Split, stratified
from linclf.errors import InputError
from linclf.gradcheck import checked_loss, with_dtypes
from linclf.losses import LOSSES, Array, Loss, softmax_probabilities
from linclf.model.linear_model import LinearModel
from linclf.optim.linalg import Matrix, is_sparse
from linclf.storage.decode import JsonObject
from linclf.training.inputs import CALIBRATION_FRACTION
from linclf.training.observer import EpochProgress, Observer
from linclf.training.options import DTYPES, OPTIONS, Option, TrainOptions
from linclf.training.train import InitialWeights, train


def _has_probabilities(estimator: "LinearClassifier") -> bool:
    """True if there is a `predict_proba`. Raises AttributeError, as scikit-learn expects, if there is none."""
    fitted = getattr(estimator, "model_", None)
    loss: Loss | str | None = estimator.loss_ if fitted else estimator.loss
    loss = LOSSES.get(loss) if isinstance(loss, str) else loss
    if (loss is None or loss.logits is None) and not (fitted and fitted.calibration):
        raise AttributeError(f"a LinearClassifier of the loss {estimator.loss!r} has no probabilities")
    return True


class _History(Observer):
    """Collects a line for each epoch, and prints it if verbose."""

    def __init__(self, lines: list[JsonObject], verbose: int) -> None:
        self.lines, self.verbose = lines, verbose

    def on_epoch(self, progress: EpochProgress) -> None:
        """Add the line of an epoch. After a divergence epochs are trained again."""
        del self.lines[progress.epoch - 1 :]
        self.lines.append(progress.to_dict())
        if self.verbose:
            print(", ".join(f"{key} {value}" for key, value in self.lines[-1].items() if value is not None))


def _constraints(option: Option) -> list[object]:
    """The values that a parameter may have, as scikit-learn's validation takes them."""
    found: list[object] = []
    if option.choices:
        found.append(StrOptions(set(option.choices)))
    if option.auto:
        found.append(StrOptions({"auto"}))
    if option.number:
        high = None if option.high == math.inf else option.high
        kind = Integral if option.number is int else Real
        found.append(Interval(kind, option.low, high, closed="neither" if option.above_low else "left"))
    if option.flag:
        found.append("boolean")
    return [*found, None] if NoneType in option.types else found


def _with_options(cls: type["LinearClassifier"]) -> type["LinearClassifier"]:
    """Take the constraints and the descriptions of parameters that are training options from these."""
    described = ""
    for option in OPTIONS:
        if hasattr(cls, option.parameter) and option.parameter not in cls._parameter_constraints:
            cls._parameter_constraints[option.parameter] = _constraints(option)
            described += (
                f"    {option.parameter} : {option.type_text}, default={option.default!r}\n        {option.help}\n"
            )
    cls.__doc__ = (cls.__doc__ or "").replace("    OPTIONS\n", described)
    return cls


@_with_options
@dataclass(eq=False, repr=False)
class LinearClassifier(ClassifierMixin, BaseEstimator):
    """A linear classifier trained by minibatch SGD: `linclf train` for notebooks and pipelines.

    It minimises sum_i w_i loss(X_i W + b, y_i) / sum_i w_i + reg/2 ||W||^2. The defaults are those of the command line, and
    the same options, seed and rows give the same weights, to the last bit. reg is scikit-learn's alpha, and
    C = 1 / (n_samples * reg).

    Parameters
    ----------
    loss : str or Loss, default="softmax"
        Loss to minimise; `linclf.LOSSES` has the names, the formulas and their sources. Binary losses train one-vs-rest on
        more than two classes. A custom `linclf.Loss` is checked before the first fit.
    OPTIONS
    fit_bias : bool, default=True
        Whether the model has a bias.
    class_weight : dict or "balanced", default=None
        Weights of the classes, as in scikit-learn.
    early_stopping : bool, default=False
        Whether to hold out validation_fraction of the rows, use the weights of the epoch that is best on them, and stop
        after `patience` epochs without a better one.
    validation_fraction : float, default=0.1
    patience : int or None, default=None
        None: early_stopping trains all epochs, and only chooses the best one.
    threshold : str, float or None, default=None
        For two classes, predict the positive class where its probability (or score, without probabilities) is at least a
        threshold. A number sets it by hand. It is learned for "accuracy", "balanced-accuracy", "f1", "macro-f1", a cost
        "fp=1,fn=5", "recall@precision=0.9" or "precision@recall=0.9", from the validation part of early_stopping, else from a
        fifth of the rows, which are then not trained on. `model_.threshold` has it.
    pos_label : label, default=None
        The positive class, which the threshold is on; None: the second one.
    warm_start : bool, default=False
        Whether fit continues from the weights of the previous fit, if loss, classes and features are the same.
    dtype : {"float32", "float64"} or None, default="float32"
        Precision of training; None: that of X.
    random_state : int, RandomState instance or None, default=0
        Seed of the order of the rows and of the validation part. An int is the --seed of the command line.
    verbose : int, default=0
        1 prints a line for each epoch.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Weights; of two classes those of the second (for losses with an output per class, the difference).
    intercept_ : ndarray of shape (1,) or (n_classes,)
    classes_ : ndarray of shape (n_classes,)
    n_features_in_, feature_names_in_
    n_iter_ : int
        Epochs run.
    loss_ : Loss
    lr_ : float
        The learning rate used, also under auto.
    history_ : list of dict
        For each epoch: epoch, lr, objective_estimate, val_accuracy and val_score, the metric that chooses the best epoch (None
        without early stopping), seconds.
    objective_ : float
        The objective at the weights, over the training rows, on the scaled columns.
    model_ : linclf.LinearModel
        The model that `save` writes and the command line reads.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from linclf import LinearClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> float(LinearClassifier().fit(X, y).score(X, y)) > 0.95
    True
    """

    _parameter_constraints: ClassVar[JsonObject] = {
        "loss": [StrOptions(set(LOSSES)), Loss],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left"), None],
        "threshold": [str, Real, None],
        "pos_label": "no_validation",
        **{name: ["boolean"] for name in ("fit_bias", "early_stopping", "warm_start")},
        "dtype": [StrOptions(set(DTYPES)), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    loss: str | Loss = TrainOptions.loss
    _: KW_ONLY
    reg: float = TrainOptions.reg
    lr: float | str = TrainOptions.lr
    epochs: int | str = TrainOptions.epochs
    batch_size: int = TrainOptions.batch_size
    momentum: float | str = TrainOptions.momentum
    schedule: str = TrainOptions.schedule
    average: bool = TrainOptions.average
    fit_bias: bool = TrainOptions.bias
    reg_bias: bool = TrainOptions.reg_bias
    scale: str = TrainOptions.scale
    class_weight: Mapping[object, float] | str | None = TrainOptions.class_weight
    early_stopping: bool = False
    validation_fraction: float = 0.1
    patience: int | None = TrainOptions.patience
    val_metric: str | None = TrainOptions.val_metric
    threshold: str | float | None = TrainOptions.threshold
    pos_label: object = TrainOptions.positive
    warm_start: bool = False
    dtype: str | None = TrainOptions.dtype
    random_state: object = TrainOptions.seed
    verbose: int = 0

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: object, y: object, sample_weight: object = None) -> "LinearClassifier":
        """Train on X (n_samples, n_features), dense or sparse, and labels y (n_samples,); sample_weight (n_samples,) >= 0."""
        X, y, weights = self._counted(*self._checked(X, y), sample_weight)
        classes, codes = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"LinearClassifier needs rows of at least two classes; y has one class, {show(classes[0])}"
            )
        rows, val = Part(X, codes, weights), None
        options = self._options(X, self._loss(), class_weight=self._class_weights(y, classes))
        if self.early_stopping:
            marked = stratified(codes, self.validation_fraction, np.random.default_rng([options.seed, STREAMS["val"]]))
            train_rows, val_rows = np.flatnonzero(~marked), np.flatnonzero(marked)
            if not len(val_rows):
                raise ValueError(f"{len(codes)} rows are too few for a validation part; turn early_stopping off")
            rows, val = rows.select(train_rows), rows.select(val_rows)
        held_out = None
        if val is None and options.learns_from_held_out():
            marked = stratified(
                codes, CALIBRATION_FRACTION, np.random.default_rng([options.seed, STREAMS["calibration"]])
            )
            rows, held_out = rows.select(np.flatnonzero(~marked)), rows.select(np.flatnonzero(marked))
        split = Split(classes, rows, val, None, self._features(X), {}, (), held_out)
        self._train(options, split, self._start(split, options.loss_value()))
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: object, y: object, classes: Any = None, sample_weight: object = None
    ) -> "LinearClassifier":
        """One pass over these rows from the current weights, at a constant rate; `classes` are needed at the first call.

        lr="auto" is estimated from the rows of the first call, and later calls use the same rate; momentum "auto" is 0 here.
        """
        first = not hasattr(self, "classes_")
        if first and classes is None:
            raise ValueError("classes must be given at the first call of partial_fit")
        if not first and classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes are {list(classes)}, but were {self.classes_.tolist()} at the first call of partial_fit"
            )
        X, y, weights = self._counted(*self._checked(X, y, reset=first), sample_weight)
        classes = np.unique(classes) if first else self.classes_
        codes = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
        unknown = np.flatnonzero(classes[codes] != y)
        if len(unknown):
            raise ValueError(
                f"y has the label {show(y[unknown[0]])}, which is not among the classes {classes.tolist()}"
            )
        if self.class_weight == "balanced":
            raise ValueError("class_weight 'balanced' needs all rows at once; give partial_fit a dict of weights")
        rate = {"lr": self.lr_} if hasattr(self, "lr_") and self.lr == "auto" else {}
        loss, momentum = self._loss(), 0.0 if self.momentum == "auto" else self.momentum
        class_weight = self._class_weights(y, classes)
        options = self._options(
            X, loss, class_weight=class_weight, schedule="constant", epochs=1, momentum=momentum, **rate
        )
        if options.learns_from_held_out():
            raise ValueError(
                f"threshold {self.threshold!r} is learned from held-out rows, which partial_fit does not have; give a number"
            )
        split = Split(classes, Part(X, codes, weights), None, None, self._features(X), {}, ())
        m = loss.n_outputs(len(classes))
        if first:
            start = InitialWeights(np.zeros((X.shape[1], m), X.dtype), np.zeros(m, X.dtype))
        elif m == self.model_.weight.shape[1]:
            start = InitialWeights(self.model_.weight, self.model_.bias)
        else:
            raise ValueError("the loss has another number of outputs than the one trained with so far; fit again")
        self._train(options, split, start)
        return self

    def decision_function(self, X: object) -> Array:
        """Scores X coef_.T + intercept_: (n_samples,) for two classes, > 0 for the second, else (n_samples, n_classes)."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        scores = safe_sparse_dot(X, self.coef_.T, dense_output=True) + self.intercept_
        return np.asarray(scores[:, 0] if scores.shape[1] == 1 else scores)

    def predict(self, X: object) -> Array:
        """The labels of X: (n_samples,)."""
        check_is_fitted(self)
        rows: Matrix = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        return np.asarray(self.classes_[self.model_.predict_codes(rows)])

    @available_if(_has_probabilities)
    def predict_proba(self, X: object) -> Array:
        """Probabilities of the classes: (n_samples, n_classes). For the losses softmax and logistic, and calibrated models."""
        check_is_fitted(self)
        rows: Matrix = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        scores = self.model_.scores(rows)  # (n, m)
        logits = self.loss_.logits if self.model_.calibration is None else self.model_.calibration.logits
        return softmax_probabilities(scores if logits is None else logits(scores))

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: object) -> Array:
        """The logarithm of `predict_proba`."""
        return np.asarray(np.log(self.predict_proba(X)))

    @classmethod
    def from_model(cls, model: LinearModel, loss: Loss | None = None) -> "LinearClassifier":
        """A fitted estimator with the weights and options of a model.

        loss    the custom loss that the model was trained with, None for one of `linclf.LOSSES`

        Raises InputError for a model of a table whose columns had to be encoded (its own `predict` takes the data frame),
        and for a loss that is not the model's.
        """
        if model.schema.columns is not None and not model.schema.is_identity():
            raise InputError(
                "the model encodes the columns of a table, which an estimator does not; use model.predict(frame)"
            )
        loss_ = _loss_of(model, loss)
        recorded = {"seed": None, **model.record.get("options", {})}
        estimator = cls(model.loss if loss is None else loss)
        names = {one.name: one.parameter for one in OPTIONS if one.name not in ("loss", "patience")}
        own = estimator.get_params()
        estimator.set_params(**{p: recorded[name] for name, p in names.items() if name in recorded and p in own})
        estimator.n_features_in_ = model.schema.count
        if model.schema.names is not None:
            estimator.feature_names_in_ = np.array(model.schema.names, object)
        metrics = model.record.get("metrics", {})
        estimator.loss_, estimator.lr_ = loss_, metrics.get("lr", np.nan)
        estimator._set_model(model, metrics.get("epochs", 0), metrics.get("objective", np.nan))
        estimator.history_ = []
        return estimator

    def save(self, path: str) -> None:
        """Write the model to a file that `linclf.load` and the command line read."""
        check_is_fitted(self)
        self.model_.save(path)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _checked(self, X: Any, y: Any, reset: bool = True) -> tuple[Matrix, Array]:
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=[np.float64, np.float32], order="C", reset=reset)
        check_classification_targets(y)
        if is_sparse(X):
            from scipy.sparse import csr_matrix

            X = csr_matrix(X)
            if not X.has_canonical_format:
                X = X.copy()
                X.sum_duplicates()
        return X, y

    @staticmethod
    def _counted(X: Matrix, y: Array, sample_weight: object) -> tuple[Matrix, Array, Array | None]:
        """The rows whose weight is not 0, their labels, and their weights (n,), None if all are 1."""
        if sample_weight is None:
            return X, y, None
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not weights.any():
            raise ValueError("all sample weights are 0; at least one row must count")
        rows = np.flatnonzero(weights)
        return (X, y, as_counts(weights)) if len(rows) == len(y) else (X[rows], y[rows], as_counts(weights[rows]))

    def _class_weights(self, y: Array, classes: Array) -> ClassWeights | None:
        """The option class_weight; a dict gives the weight of each label."""
        if self.class_weight is None or isinstance(self.class_weight, str):
            return ClassWeights.parse(self.class_weight)
        weights = compute_class_weight(self.class_weight, classes=classes, y=y)  # (K,)
        if not (np.isfinite(weights).all() and (weights >= 0).all()):
            raise ValueError("weights of classes must be finite and not negative")
        return ClassWeights.of_labels(dict(zip(map(str, classes.tolist()), weights.tolist(), strict=True)))

    def _options(self, X: Matrix, loss: Loss, **changed: Any) -> TrainOptions:
        """The training options of these parameters."""
        seed = self.random_state
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        values = {one.name: getattr(self, one.parameter) for one in OPTIONS if hasattr(self, one.parameter)}
        values |= {
            "loss": loss,
            "dtype": self.dtype or str(X.dtype),
            "seed": int(seed),
            "val": HeldOut(self.validation_fraction) if self.early_stopping else None,
            "val_metric": self.val_metric if self.early_stopping else None,
            "patience": self.patience if self.early_stopping else None,
            "positive": None if self.pos_label is None else str(self.pos_label),
        }
        values = {name: x.item() if isinstance(x, np.generic) else x for name, x in values.items()}
        return TrainOptions(source=Source("-"), test=HeldOut("0"), **{**values, **changed})

    def _loss(self) -> Loss:
        """The loss itself. A custom loss is checked, unless the last fit used the same."""
        if not isinstance(self.loss, Loss):
            return LOSSES[self.loss]
        before = getattr(self, "loss_", None)
        return before if before == with_dtypes(self.loss, self.loss.name) else checked_loss(self.loss, self.loss.name)

    def _features(self, X: Matrix) -> Schema:
        names = getattr(self, "feature_names_in_", None)
        return Schema(X.shape[1], None if names is None else tuple(map(str, names)), is_sparse(X))

    def _start(self, split: Split, loss: Loss) -> InitialWeights | None:
        """The weights to start from: with warm_start those of the previous fit, if loss, classes and features are the same."""
        if not self.warm_start or not hasattr(self, "model_"):
            return None
        before = self.model_
        same = np.array_equal(before.classes, split.classes) and self.loss_ in (loss, self.loss)
        features = (before.schema.count, before.schema.names) == (split.schema.count, split.schema.names)
        return InitialWeights(before.weight, before.bias) if same and features else None

    def _train(self, options: TrainOptions, split: Split, start: InitialWeights | None) -> None:
        self.history_: list[JsonObject] = []
        observer = _History(self.history_, self.verbose)
        trained = train(options, split, observer, start=start, measured=())
        if trained.interrupted is not None:
            raise trained.interrupted
        note = trained.convergence_note()
        if note is not None:
            warnings.warn(note, ConvergenceWarning, stacklevel=3)
        self.loss_, self.lr_ = options.loss_value(), trained.result.lr
        self._set_model(trained.model, trained.result.epochs, trained.result.objective)

    def _set_model(self, model: LinearModel, n_iter: int, objective: float) -> None:
        """Set the attributes of a fitted estimator from a model."""
        self.model_, self.classes_ = model, model.classes
        weight, bias = model.weight, model.bias
        if weight.shape[1] == 2:
            weight, bias = weight[:, 1:] - weight[:, :1], bias[1:] - bias[:1]
        self.coef_, self.intercept_ = np.ascontiguousarray(weight.T), bias
        self.n_iter_, self.objective_ = n_iter, objective


def _loss_of(model: LinearModel, loss: Loss | None) -> Loss:
    """The loss that a model was trained with: linclf's of its name, else the one given. Raises InputError for any other."""
    found = loss or LOSSES.get(model.loss)
    if found is None:
        raise InputError(
            f"the model was trained with the custom loss {model.loss}; pass it, from_model(model, loss=...), or use "
            "model.predict, which needs no loss"
        )
    if LOSSES.get(model.loss, found) != found or found.n_outputs(len(model.classes)) != model.weight.shape[1]:
        raise InputError(
            f"the model was trained with the loss {model.loss}, and {found.name} is another; pass the same"
        )
    return found
