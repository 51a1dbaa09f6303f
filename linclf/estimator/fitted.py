"""What a fitted LinearClassifier is and does: its attributes are the model, and may be set."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.exceptions import NotFittedError
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from linclf.data.schema import Schema
from linclf.errors import InputError
from linclf.losses import LOSSES, Array, Loss, softmax_probabilities
from linclf.model.linear_model import LinearModel
from linclf.optim.linalg import Matrix
from linclf.training.stream import Stream

Fitted = TypeVar("Fitted", bound="FittedModel")
ATTRIBUTES = ("coef_", "intercept_", "classes_")


def _attribute(name: str) -> property:
    """One of ATTRIBUTES: the model follows what is set, and changes in place."""

    def value(self: "FittedModel") -> Any:
        if name not in self._attributes:
            raise NotFittedError(
                f"This {type(self).__name__} has no {name} yet; call fit, or set {', '.join(ATTRIBUTES)}"
            )
        self._may_differ = True
        return self._attributes[name]

    def set_value(self: "FittedModel", value: Any) -> None:
        self._set_attribute(name, value)

    return property(value, set_value)


def _has_probabilities(estimator: "FittedModel") -> bool:
    """True if there is a `predict_proba`. Raises AttributeError, as scikit-learn expects, if there is none."""
    trained, loss = estimator._trained, estimator._loss_used()
    if (loss is None or loss.logits is None) and not (trained and trained.calibration):
        name = estimator.loss if loss is None else loss.name
        raise AttributeError(f"probability estimates are not available for loss={name!r}")
    return True


class FittedModel:
    """The fitted attributes, and the methods that use them.

    `coef_`, `intercept_` and `classes_` are the model, whether `fit` has set them or the user; `model_` is made of them.
    """

    loss: str | Loss
    loss_: Loss
    coef_, intercept_, classes_ = map(_attribute, ATTRIBUTES)

    def _with_record(self, model: LinearModel, loss: Loss) -> LinearModel:
        """A model whose weights the user has set, with a record, and the threshold that is set by hand, if any."""
        raise NotImplementedError

    _attributes: Mapping[str, Any] = MappingProxyType({})  # the values of ATTRIBUTES
    _trained: LinearModel | None = None  # the last model that was trained or loaded
    _model: LinearModel | None = None  # the model that was made of the attributes, or that they come from
    _may_differ: bool = False  # whether the attributes have been in other hands since, and may have been changed
    _stream: Stream | None = None  # where the last partial_fit ended

    @property
    def model_(self) -> LinearModel:
        """The model that `save` writes and the command line reads."""
        check_is_fitted(self)
        if self._model is None or (self._may_differ and not _equal(self._attributes, _attributes_of(self._model))):
            self._model = self._made_of_attributes()
        return self._model

    def decision_function(self, X: object) -> Array:
        """Scores X coef_.T + intercept_: (n_samples,) for two classes, > 0 for the second, else (n_samples, n_classes)."""
        model = self.model_
        scores = self._scores(model, X)
        if len(model.classes) > 2:
            return scores
        return np.asarray(scores[:, -1] if scores.shape[1] == 1 else scores[:, 1] - scores[:, 0])

    def predict(self, X: object) -> Array:
        """The labels of X: (n_samples,)."""
        model = self.model_
        return np.asarray(model.classes[model.codes(self._scores(model, X))])

    @available_if(_has_probabilities)
    def predict_proba(self, X: object) -> Array:
        """Probabilities of the classes: (n_samples, n_classes). For the losses softmax and logistic, and calibrated models."""
        model, loss = self.model_, self._loss_used()
        scores, calibration = self._scores(model, X), model.calibration
        logits = calibration.logits if calibration else loss.logits if loss else None
        return softmax_probabilities(scores if logits is None else logits(scores))

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: object) -> Array:
        """The logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    def sparsify(self: Fitted) -> Fitted:
        """Convert `coef_` to a sparse matrix (CSR)."""
        self.coef_ = csr_matrix(self.coef_)
        return self

    def densify(self: Fitted) -> Fitted:
        """Convert `coef_` back to an array."""
        self.coef_ = _dense(self.coef_)
        return self

    def save(self, path: str) -> None:
        """Write the model to a file that `linclf.load` and the command line read."""
        try:
            self.model_.save(path)
        except TypeError as error:
            raise InputError(f"the labels cannot be written to a file ({error}); train on numbers or strings") from None

    def __sklearn_is_fitted__(self) -> bool:
        return all(name in self._attributes for name in ATTRIBUTES)

    def _scores(self, model: LinearModel, X: object) -> Array:
        """The scores (n, m) of raw rows."""
        rows: Matrix = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        return model.scores(rows)

    def _loss_used(self) -> Loss | None:
        """The loss that the model was trained with; before any training, the one that it will be; None for an unknown name."""
        if self._trained is not None:
            return self.loss_
        return self.loss if isinstance(self.loss, Loss) else LOSSES.get(self.loss)

    def _set_model(self, model: LinearModel) -> None:
        """Take over a model that was trained or loaded."""
        self._attributes, self._may_differ = _attributes_of(model), False
        self._trained = self._model = model
        self._stream = None

    def _set_attribute(self, name: str, value: Any) -> None:
        """Set one of ATTRIBUTES by hand."""
        if not issparse(value):
            value = np.asarray(value)
            if name != "classes_" and value.dtype not in (np.float32, np.float64):
                value = value.astype(np.float64)
        self._attributes, self._may_differ = {**self._attributes, name: value}, True
        if name == "coef_" and value.ndim and getattr(self, "n_features_in_", None) != value.shape[-1]:
            self.n_features_in_ = value.shape[-1]
            vars(self).pop("feature_names_in_", None)

    def _made_of_attributes(self) -> LinearModel:
        """The model of attributes that were set by hand. Raises ValueError for shapes that do not fit together."""
        coef, intercept, classes = (_dense(self._attributes[name]) for name in ATTRIBUTES)
        loss = self._loss_used()
        if loss is None:
            raise ValueError(f"loss is {self.loss!r}; give one of {', '.join(LOSSES)}, or a linclf.Loss")
        n_rows = 1 if len(classes) == 2 else len(classes)
        if len(classes) < 2 or not (classes[:-1] < classes[1:]).all():
            raise ValueError(f"classes_ are {classes.tolist()}; set two labels or more, sorted")
        if coef.ndim != 2 or len(coef) != n_rows or intercept.shape not in ((), (1,), (n_rows,)):
            raise ValueError(
                f"coef_ has the shape {coef.shape} and intercept_ {intercept.shape}, for {len(classes)} classes; "
                f"set ({n_rows}, n_features) and ({n_rows},)"
            )
        if not (np.isfinite(coef).all() and np.isfinite(intercept).all()):
            raise ValueError("coef_ or intercept_ has numbers that are not finite")
        weight, bias = np.ascontiguousarray(coef.T), np.broadcast_to(intercept, n_rows).astype(coef.dtype)
        if loss.n_outputs(len(classes)) > n_rows:
            weight, bias = np.hstack([-weight / 2, weight / 2]), np.hstack([-bias / 2, bias / 2])
        names = getattr(self, "feature_names_in_", None)
        schema = Schema(len(weight), None if names is None else tuple(map(str, names)))
        return self._with_record(LinearModel(weight, bias, classes, loss.name, schema, {}), loss)


def _attributes_of(model: LinearModel) -> dict[str, Array]:
    """ATTRIBUTES as scikit-learn has them: of two classes one row, for the second."""
    weight, bias = model.weight, model.bias
    if weight.shape[1] == 2:
        weight, bias = weight[:, 1:] - weight[:, :1], bias[1:] - bias[:1]
    return dict(zip(ATTRIBUTES, (np.array(weight.T, order="C"), bias.copy(), model.classes.copy()), strict=True))


def _equal(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    return all(np.array_equal(_dense(a[name]), _dense(b[name])) for name in ATTRIBUTES)


def _dense(a: Any) -> Array:
    """A matrix as an ndarray."""
    return np.asarray(a.toarray() if issparse(a) else a)
