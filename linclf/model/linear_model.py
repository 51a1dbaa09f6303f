"""The trained model: weights for raw columns, and all that is needed to use the model and to reproduce it."""

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from linclf.data.encoder import encode, unknown_notes
from linclf.data.readers.frame import require_columns
from linclf.data.table import from_frame
from linclf.errors import InputError
from linclf.losses import LOSSES, Array, softmax_probabilities
from linclf.model import model_file
from linclf.optim.blas import one_blas_thread
from linclf.optim.linalg import LazyRows, Matrix, Stored, chunks, first_not_finite, number_at
from linclf.optim.objective import predicted, scores
from linclf.storage.files import read_bytes, write_bytes


@dataclass(frozen=True, eq=False)
class LinearModel(model_file.ModelContent):
    """A linear classifier for raw data.

    weight    (d, m): m = K outputs, or 1 for a binary loss on two classes; bias (m,)
    classes   (K,) sorted labels: integers, floats, strings or booleans
    loss      the name of the loss it was trained with
    schema    how the columns of a file become features
    record    plain data about the training: options, seed, versions, data and their digests, metrics
    scale     (d,): the divisors of the features in training, None without scaling; weight * scale is comparable across units
    center    (d,): the centers subtracted from the features in training, None for none
    calibration   how scores become probabilities, None for the way of the loss, if it has one
    """

    def scores(self, X: Matrix) -> Array:
        """The decision function X weight + bias of raw rows X (n, d): (n, m), in the dtype of the weights."""
        X = self._rows(X)
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):  # non-finite values are checked below
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
        """Rows of features, an ndarray or CSR matrix (n, d), from any array-like; the columns of a data frame of pandas or
        polars are selected by name and become features as they did in training."""
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
        """The class codes of raw rows X (n, d): (n,)."""
        return self.codes(self.scores(X))

    def codes(self, scores: Array) -> Array:
        """The class codes (n,) that scores (n, m) predict: the largest score, or with one output class 1 where it is > 0."""
        return predicted(scores)

    def predict(self, X: Matrix) -> Array:
        """The labels of raw rows X (n, d): (n,), in the type of the training labels."""
        return self.classes[self.predict_codes(X)]

    def probabilities(self, X: Matrix) -> Array:
        """Class probabilities of raw rows X (n, d): (n, K). Raises InputError for a model without probabilities."""
        logits = self.logits(self.scores(X))
        if logits is None:
            having = ", ".join(loss.name for loss in LOSSES.values() if loss.logits)
            raise InputError(
                f"a model of the loss {self.loss} has no probabilities; train with --calibrate, or with --loss {having}"
            )
        return softmax_probabilities(logits)

    def logits(self, scores: Array) -> Array | None:
        """Scores (n, m) as logits (n, K) whose softmax are the class probabilities; None for a model without probabilities."""
        if self.calibration is not None:
            return self.calibration.logits(scores)
        loss = LOSSES.get(self.loss)
        return None if loss is None or loss.logits is None else loss.logits(scores)

    def save(self, path: str) -> None:
        """Write the model file, completely or not at all; `-` is standard output. The same model gives the same bytes."""
        write_bytes(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """The content of the model file."""
        described = {
            "loss": self.loss,
            "classes": self.classes.tolist(),
            "features": asdict(self.schema),
            "calibration": None if self.calibration is None else asdict(self.calibration),
            **self.record,
        }
        tensors = {"weight": self.weight, "bias": self.bias, "scale": self.scale, "center": self.center}
        return model_file.pack(described, {name: a for name, a in tensors.items() if a is not None})


def load(path: str) -> LinearModel:
    """Load a model file; `-` is standard input. Raises InputError for anything that linclf did not write completely."""
    return from_bytes(read_bytes(path), path)


def from_bytes(content: bytes, name: str = "model") -> LinearModel:
    """The model in the content of a model file; `name` is for messages."""
    return LinearModel(**vars(model_file.unpack(content, name)))
