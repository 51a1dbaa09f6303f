"""The trained model: weights for raw columns and all that is needed to use and to retrace them, in one safe file.

The file is in the safetensors format: tensors `weight` (d, m) and `bias` (m,), and `scale` and `center` (d,) where
features were scaled; and one metadata key `linclf` of canonical JSON, which holds a SHA-256 over the whole file with the digest's own
characters zeroed. Loading refuses any file whose digest does not fit, and never runs code.
"""

import warnings
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from safetensors import SafetensorError

from linclf.data.columns.number import NumberColumn
from linclf.data.encoder import encode, unknown_notes
from linclf.data.labels import check_texts
from linclf.data.readers.frame import require_columns
from linclf.data.schema import Schema
from linclf.data.table import from_frame
from linclf.errors import InputError
from linclf.losses import LOSSES, Array, softmax_probabilities
from linclf.model.calibration import Calibration
from linclf.optim.blas import one_blas_thread
from linclf.optim.linalg import LazyRows, Matrix, Stored, chunks, first_not_finite, number_at
from linclf.optim.objective import predicted, scores
from linclf.storage.decode import build
from linclf.storage.files import read_bytes, write_bytes
from linclf.storage.sealed import seal, unseal

FORMAT_VERSION = 2  # 1 had no columns of tables; it is read too
METADATA = "linclf"
LARGEST_WEIGHT = 1e250  # far from where sums of a few products overflow


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A linear classifier for raw data.

    weight    (d, m): m = K outputs, or 1 for a binary loss on two classes; bias (m,)
    classes   (K,) sorted labels: integers, floats, strings or booleans
    loss      the name of the loss it was trained with
    features  how columns become features
    record    plain data about the training: options, seed, versions, data and their digests, metrics
    scale     (d,): what training divided each feature by, None for unscaled; weight * scale compares them across units
    center    (d,): what training took from each feature before, None for nothing
    calibration   how scores become probabilities, None for the loss's own way, if it has one
    """

    weight: Array
    bias: Array
    classes: Array
    loss: str
    schema: Schema
    record: dict[str, Any]
    scale: Array | None = None
    center: Array | None = None
    calibration: Calibration | None = None

    def scores(self, X: Matrix) -> Array:
        """The decision function X weight + bias of raw rows X (n, d): (n, m), in the dtype of the weights."""
        X = self._rows(X)
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):  # looked for below
            parts = [scores(self._cast(x, rows.start), self.weight, self.bias) for rows, x in chunks(X)]
        found = np.concatenate(parts) if parts else np.zeros((0, len(self.bias)), self.weight.dtype)
        if np.isfinite(found).all():
            return found
        bad = first_not_finite(X)
        if bad is None:
            raise InputError("the numbers are too large for this model: their scores overflow")
        where = f"row {bad[0]} (from 0) has a cell that is missing or infinite in {self.schema.name(bad[1])}"
        raise InputError(f"{where}, and none was in training; fill it in or leave out the row")

    def _cast(self, x: Stored, start: int) -> Stored:
        """Rows, numbered from `start`, in the dtype of the weights. Raises InputError for numbers beyond it."""
        with np.errstate(over="ignore"):
            cast = x.astype(self.weight.dtype)
        bad = first_not_finite(cast) if x.dtype.kind == "f" and x.dtype != cast.dtype else None
        if bad:
            where = f"row {start + bad[0]} (from 0) has {number_at(x, *bad):g} in {self.schema.name(bad[1])}"
            raise InputError(f"{where}, which is beyond the {cast.dtype} that the model was trained in")
        return cast

    def _rows(self, X: Any) -> Matrix:
        """Rows of features, an ndarray or CSR matrix (n, d), from anything like one; of a data frame, from pandas or polars,
        the columns are found by name and become features as they did in training."""
        if isinstance(X, LazyRows):
            return X
        names = self.schema.input_schema().names
        if names and hasattr(X, "columns"):
            X = X[list(require_columns(list(X.columns), names, "X"))]
            if self.schema.columns:
                X, unknown = encode(from_frame(X, "X"), self.schema, "X")
                for note in unknown_notes(unknown, self.schema):
                    warnings.warn(f"X: {note}", stacklevel=4)
        rows: Stored = X.tocsr() if hasattr(X, "tocsr") else np.asarray(X)
        if rows.ndim != 2 or rows.shape[1] != len(self.weight):
            raise InputError(
                f"X has the shape {rows.shape}, the model was trained on {len(self.weight)} features; give (n, d)"
            )
        return rows

    def predict_codes(self, X: Matrix) -> Array:
        """The class codes of raw rows X (n, d): (n,), the largest score, or with one output class 1 where it is > 0."""
        return predicted(self.scores(X))

    def predict(self, X: Matrix) -> Array:
        """The labels of raw rows X (n, d): (n,), in the type of the training labels."""
        return self.classes[self.predict_codes(X)]

    def probabilities(self, X: Matrix) -> Array:
        """Class probabilities of raw rows X (n, d): (n, K). Raises InputError where there are none."""
        logits = self.logits(self.scores(X))
        if logits is None:
            having = ", ".join(loss.name for loss in LOSSES.values() if loss.logits)
            raise InputError(
                f"a model of the loss {self.loss} has no probabilities; train with --calibrate, or with --loss {having}"
            )
        return softmax_probabilities(logits)

    def logits(self, scores: Array) -> Array | None:
        """Scores (n, m) as logits (n, K) whose softmax are the class probabilities; None where there are none."""
        if self.calibration is not None:
            return self.calibration.logits(scores)
        loss = LOSSES.get(self.loss)
        return None if loss is None or loss.logits is None else loss.logits(scores)

    def save(self, path: str) -> None:
        """Write the model file, whole or not at all; `-` is standard output. The same model gives the same bytes."""
        write_bytes(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """The model file's content."""
        record = {
            "format": FORMAT_VERSION,
            "loss": self.loss,
            "classes": self.classes.tolist(),
            "features": asdict(self.schema),
            "calibration": None if self.calibration is None else asdict(self.calibration),
            **self.record,
        }
        tensors = {"weight": self.weight, "bias": self.bias}
        tensors |= {name: a for name, a in (("scale", self.scale), ("center", self.center)) if a is not None}
        try:
            return seal(METADATA, record, tensors)
        except SafetensorError as error:  # its header has a limit
            raise InputError(
                f"the model's description is too large for a file ({error}); use a larger --min-count"
            ) from None


def load(path: str) -> LinearModel:
    """Load a model file; `-` is standard input. Raises InputError for anything linclf did not write whole."""
    return from_bytes(read_bytes(path), path)


def from_bytes(content: bytes, name: str = "model") -> LinearModel:
    """The model in a model file's content; `name` is for messages."""
    record, tensors = unseal(METADATA, content, name, "a model file")
    try:
        return _model(record, tensors)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    except Exception as error:  # whatever a forged description makes of the code that reads it
        raise InputError(f"{name}: is not a whole model ({type(error).__name__}: {error}); train it again") from None


def _model(record: dict[str, Any], tensors: dict[str, Array]) -> LinearModel:
    """The model in a file whose digest fits; anyone can compute a digest, so the pieces must also fit each other."""
    version = record.pop("format")
    if type(version) is not int or version < 1:
        raise ValueError(f"format {version!r}")
    if version > FORMAT_VERSION:
        raise InputError("was written by a newer linclf; upgrade linclf to read it")
    features = Schema.of(record.pop("features"))
    if version == 1 and features.names is not None and not features.sparse:  # a table of numbers without gaps
        features = replace(features, columns=tuple(NumberColumn(name) for name in features.names))
    weight, bias, scale, center = tensors["weight"], tensors["bias"], tensors.get("scale"), tensors.get("center")
    classes, loss, calibration = np.array(record.pop("classes")), record.pop("loss"), record.pop("calibration", None)
    calibration = None if calibration is None else build(Calibration, calibration)
    model = LinearModel(weight, bias, classes, loss, features, record, scale, center, calibration)
    d, m, n_classes, loss = features.count, len(bias), len(model.classes), LOSSES.get(model.loss)
    outputs = {loss.n_outputs(n_classes)} if loss else {n_classes, 1 if n_classes == 2 else n_classes}
    if loss is None and ":" not in model.loss and model.record.get("own_loss") is not True:
        raise ValueError(f"a loss {model.loss!r}")
    fits = (
        m in outputs
        and (weight.shape, bias.shape) == ((d, m), (m,))
        and all(a is None or a.shape == (d,) for a in (scale, center))
    )
    floats = all(a.dtype in (np.float32, np.float64) and np.isfinite(a).all() for a in tensors.values())
    floats = floats and all(float(np.abs(a).max(initial=0)) < LARGEST_WEIGHT for a in (weight, bias))
    with np.errstate(over="ignore"):
        floats = floats and (scale is None or not fits or bool(np.isfinite(weight * scale[:, None]).all()))
    if not (fits and floats and features.n_named() in (None, d)):
        raise ValueError("its tensors do not fit its description")
    if classes.ndim != 1 or classes.dtype.kind not in "biufU" or not 2 <= n_classes == len(set(classes.tolist())):
        raise ValueError("its classes are not what classes are")
    if classes.dtype.kind == "U":
        check_texts(classes.tolist(), "its classes")
    if calibration is not None:
        calibration.check(m)
    return model
