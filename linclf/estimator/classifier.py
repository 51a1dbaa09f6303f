"""The scikit-learn estimator: the options and the engine of `linclf train` behind fit and predict."""

import warnings
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, compute_class_weight
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, validate_data

from linclf.data.class_weights import ClassWeights
from linclf.data.labels import show
from linclf.data.row_weights import as_counts
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.split import STREAMS, HeldOut, Part, Split, stratified
from linclf.errors import InputError
from linclf.estimator.fitted import FittedModel
from linclf.estimator.parameters import errors_in_python, in_python, with_options
from linclf.gradcheck import checked_loss
from linclf.losses import LOSSES, Array, Loss
from linclf.model.linear_model import LinearModel
from linclf.optim.linalg import Matrix, is_sparse
from linclf.storage.decode import JsonObject
from linclf.training.inputs import CALIBRATION_FRACTION
from linclf.training.observer import EpochProgress, Observer
from linclf.training.options import DTYPES, OPTIONS, TrainOptions
from linclf.training.prepare import check_threshold
from linclf.training.result import Trained, model_record, passes, with_threshold
from linclf.training.stream import Stream
from linclf.training.train import InitialWeights, train

_checked_once = lru_cache(maxsize=64)(checked_loss)


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


@with_options
@dataclass(eq=False, repr=False)
class LinearClassifier(ClassifierMixin, FittedModel, BaseEstimator):
    """A linear classifier trained by minibatch SGD and full-batch steps: `linclf train` for notebooks and pipelines.

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
        Whether fit continues from the weights of the previous fit, or those that were set, if loss, classes and features are
        the same.
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
        Passes over the rows: epochs of SGD and full-batch steps.
    loss_ : Loss
    reg_ : float
        The L2 strength used, also under auto.
    lr_ : float or None
        The learning rate used, also under auto; None without SGD.
    history_ : list of dict
        For each epoch and each full-batch step: epoch, lr, objective_estimate, val_accuracy and val_score, the metric that chooses the best epoch (None
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
    reg: float | str = TrainOptions.reg
    lr: float | str = TrainOptions.lr
    epochs: int | str = TrainOptions.epochs
    finish: str = TrainOptions.finish
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
    @errors_in_python()
    def fit(self, X: object, y: object, sample_weight: object = None) -> "LinearClassifier":
        """Train on X (n_samples, n_features), dense or sparse, and labels y (n_samples,); sample_weight (n_samples,) >= 0."""
        before = self.model_ if self.warm_start and self.__sklearn_is_fitted__() else None
        X, y = self._checked(X, y)
        classes = np.unique(y)  # whatever the weights: ensembles draw rows by weights, and need all classes
        if len(classes) < 2:
            raise ValueError(
                f"LinearClassifier needs rows of at least two classes; y has one class, {show(classes[0])}"
            )
        X, y, weights = self._counted(X, y, sample_weight)
        if not len(y):
            raise ValueError("all sample weights are zero; at least one row must count")
        codes = np.searchsorted(classes, y)
        rows, val, held_out = Part(X, codes, None if weights is None else as_counts(weights)), None, None
        options = self._options(X.dtype, self._loss(), classes, class_weight=self._class_weights(y, classes))
        if self.early_stopping:
            rows, val = self._split_off(rows, self.validation_fraction, options.seed, "val")
            if not len(val.y):
                raise ValueError(f"{len(codes)} rows are too few for a validation part; turn early_stopping off")
        elif options.learns_from_held_out():
            rows, held_out = self._split_off(rows, CALIBRATION_FRACTION, options.seed, "calibration")
        split = Split(classes, rows, val, None, self._features(X), {}, (), calibration=held_out)
        start = None if before is None else self._start(before, split, options.loss_value())
        lines: list[JsonObject] = []
        trained = train(options, split, _History(lines, self.verbose), start=start, measured=())
        if trained.interrupted is not None:
            raise trained.interrupted
        note = trained.convergence_note()
        if note is not None:
            warnings.warn(in_python(note), ConvergenceWarning, stacklevel=4)
        self._set_trained(trained, options.loss_value(), lines)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    @errors_in_python()
    def partial_fit(
        self, X: object, y: object, classes: Any = None, sample_weight: object = None
    ) -> "LinearClassifier":
        """One pass over these rows from the current weights; `classes` are needed at the first call.

        The columns are scaled by all rows so far. It hardly matters how rows are cut into calls: a call of fewer rows than
        batch_size takes a shorter step, and the learning rate falls with the number of rows so far, as
        lr / sqrt(1 + rows / (16 batch_size)), unless the schedule is "constant". lr "auto" is estimated from the first 200
        rows, which are kept until then; reg "auto" is 1e-4, or that of `fit`; momentum "auto" is 0; average=True averages over the calls. After `fit` the scaling
        and the number of rows continue from there.
        """
        before = self.model_ if self.__sklearn_is_fitted__() else None
        if before is None and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        labels = np.unique(classes) if before is None else before.classes
        if len(labels) < 2:
            raise ValueError(f"LinearClassifier needs at least two classes; classes are {labels.tolist()}")
        if classes is not None and not np.array_equal(np.unique(classes), labels):
            raise ValueError(
                f"classes are {list(classes)}, but were {labels.tolist()} at the first call of partial_fit"
            )
        if self.early_stopping:
            raise ValueError("early_stopping is not supported for partial_fit, which has no validation part")
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit, as it needs all rows; give a dict of weights, e.g. "
                "by sklearn.utils.class_weight.compute_class_weight"
            )
        X, y, weights = self._counted(*self._checked(X, y, reset=before is None), sample_weight)
        codes = np.minimum(np.searchsorted(labels, y), len(labels) - 1)
        unknown = np.flatnonzero(labels[codes] != y)
        if len(unknown):
            raise ValueError(f"y has the label {show(y[unknown[0]])}, which is not among the classes {labels.tolist()}")
        class_weight = self._class_weights(y, labels)
        if class_weight is not None:
            used = np.flatnonzero(class_weight.of(labels)[codes])
            X, codes, weights = X[used], codes[used], None if weights is None else weights[used]
        if not len(codes):
            if before is not None:
                return self
            raise ValueError("all weights are 0 in the first call to partial_fit; at least one row must count")
        stream = Stream(self._trained) if self._stream is None else self._stream
        if before is not None and stream.model is not before:
            stream = stream.with_model(before)
        loss, momentum = self._loss(), 0.0 if self.momentum == "auto" else self.momentum
        options = self._options(X.dtype, loss, labels, class_weight=class_weight, epochs=1, momentum=momentum)
        if options.learns_from_held_out():
            raise ValueError(
                f"threshold {self.threshold!r} is learned from held-out rows, which partial_fit does not have; give a number"
            )
        split = Split(labels, Part(X, codes, weights), None, None, self._features(X), {}, ())
        lines: list[JsonObject] = []
        after, trained = stream.train(options, split, _History(lines, self.verbose))
        self._set_trained(trained, loss, lines)
        self._stream = after
        return self

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
        class_weight = ClassWeights.parse(recorded.get("class_weight"))
        if class_weight is not None and not class_weight.balanced:
            weights = class_weight.of(model.classes)  # (K,)
            estimator.class_weight = dict(zip(model.classes.tolist(), weights.tolist(), strict=True))
        estimator.n_features_in_ = model.schema.count
        if model.schema.names is not None:
            estimator.feature_names_in_ = np.array(model.schema.names, object)
        metrics = model.record.get("metrics", {})
        estimator.loss_, estimator.reg_, estimator.history_ = loss_, metrics.get("reg", np.nan), []
        estimator.lr_ = metrics.get("lr", np.nan)
        estimator.n_iter_, estimator.objective_ = passes(metrics), metrics.get("objective", np.nan)
        estimator._set_model(model)
        return estimator

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
    def _counted(X: Matrix, y: Array, sample_weight: Any) -> tuple[Matrix, Array, Array | None]:
        """The rows whose weight is not 0, their labels, and their weights (n,) or None."""
        if sample_weight is None:
            return X, y, None
        given = np.asarray(sample_weight)
        if given.shape == y.shape and not given.any():  # which scikit-learn refuses
            return X[:0], y[:0], None
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        rows = np.flatnonzero(weights)
        return (X, y, weights) if len(rows) == len(y) else (X[rows], y[rows], weights[rows])

    @staticmethod
    def _split_off(rows: Part, fraction: float, seed: int, part: str) -> tuple[Part, Part]:
        """The rows without a stratified fraction for this part, and the fraction."""
        marked = stratified(rows.y, fraction, np.random.default_rng([seed, STREAMS[part]]))
        return rows.select(np.flatnonzero(~marked)), rows.select(np.flatnonzero(marked))

    def _class_weights(self, y: Array, classes: Array) -> ClassWeights | None:
        """The option class_weight; a dict gives the weight of each label."""
        if self.class_weight is None or isinstance(self.class_weight, str):
            return ClassWeights.parse(self.class_weight)
        weights = compute_class_weight(self.class_weight, classes=classes, y=y)  # (K,)
        if not (np.isfinite(weights).all() and (weights >= 0).all()):
            raise ValueError("weights of classes must be finite and not negative")
        return ClassWeights.of_labels(dict(zip(map(str, classes.tolist()), weights.tolist(), strict=True)))

    def _options(self, dtype: object, loss: Loss, classes: Array, **changed: Any) -> TrainOptions:
        """The training options of these parameters, for labels (K,); `changed` are used instead."""
        seed = changed.get("seed", self.random_state)
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        values = {one.name: getattr(self, one.parameter) for one in OPTIONS if hasattr(self, one.parameter)}
        values |= {
            "loss": loss,
            "dtype": self.dtype or str(dtype),
            "seed": int(seed),
            "val": HeldOut(self.validation_fraction) if self.early_stopping else None,
            "val_metric": self.val_metric if self.early_stopping else None,
            "patience": self.patience if self.early_stopping else None,
            "positive": self._positive(classes),
        }
        values = {name: x.item() if isinstance(x, np.generic) else x for name, x in values.items()}
        return TrainOptions(source=Source("X"), test=HeldOut("0"), **{**values, **changed})

    def _positive(self, classes: Array) -> str | None:
        """The option --positive: the text of the label (K,) that equals pos_label, such as 1.0 for 1."""
        equal = [str(label) for label in classes.tolist() if label == self.pos_label]
        return equal[0] if equal else None if self.pos_label is None else str(self.pos_label)

    def _loss(self) -> Loss:
        """The loss itself. A custom loss is checked first, once in a process: clones of an estimator have equal ones."""
        if not isinstance(self.loss, Loss):
            return LOSSES[self.loss]
        try:
            hash(self.loss)
        except TypeError:  # of a function that is an object of its own
            return checked_loss(self.loss, self.loss.name)
        return _checked_once(self.loss, self.loss.name)

    def _features(self, X: Matrix) -> Schema:
        names = getattr(self, "feature_names_in_", None)
        return Schema(X.shape[1], None if names is None else tuple(map(str, names)), is_sparse(X))

    @staticmethod
    def _start(before: LinearModel, split: Split, loss: Loss) -> InitialWeights | None:
        """The weights of the model before, if its loss, classes and features are those of this fit."""
        same = np.array_equal(before.classes, split.classes) and before.loss == loss.name
        names = (before.schema.names, split.schema.names)
        features = before.schema.count == split.schema.count and (None in names or names[0] == names[1])
        return InitialWeights(before.weight, before.bias) if same and features else None

    def _set_trained(self, trained: Trained, loss: Loss, history: list[JsonObject]) -> None:
        """Set the attributes that a call of fit or partial_fit leaves."""
        result = trained.result
        self.loss_, self.reg_, self.lr_, self.history_ = loss, result.reg, result.lr, history
        self.n_iter_, self.objective_ = max(passes(result.to_json()), 1), result.objective
        self._set_model(trained.model)

    def _with_record(self, model: LinearModel, loss: Loss) -> LinearModel:
        seed = (
            self.random_state if isinstance(self.random_state, Integral) else TrainOptions.seed
        )  # no random number is drawn
        class_weight = self._class_weights(model.classes, model.classes)
        options = self._options("float64", loss, model.classes, class_weight=class_weight, seed=int(seed))
        if options.threshold is not None:
            check_threshold(options, model.classes)
        return with_threshold(replace(model, record=model_record(options, {}, None)), options, None)


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
