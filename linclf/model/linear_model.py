"""The trained model: weights for raw columns, and all that is needed to use the model and to reproduce it."""

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from linclf.data.cell_counts import CellCounts, count_cells
from linclf.data.drift import ColumnDrift, column_drift, drift_notes, drift_problems
from linclf.data.encoder import encode, unknown_notes
from linclf.data.matching import match_table, require_columns
from linclf.data.source import Source
from linclf.data.table import from_frame
from linclf.errors import InputError, RowError
from linclf.losses import LOSSES, Array, softmax_probabilities
from linclf.model import model_file
from linclf.model.predictions import Predictions
from linclf.optim.blas import one_blas_thread
from linclf.optim.linalg import LazyRows, Matrix, Stored, chunks, first_not_finite, number_at
from linclf.optim.objective import predicted, scores
from linclf.storage.decode import JsonObject, to_record
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
    threshold     of two classes, from where on a row is predicted as the positive one; None for the most probable class
    """

    def scores(self, X: Matrix) -> Array:
        """The decision function X weight + bias of raw rows X (n, d): (n, m), in the dtype of the weights.

        Raises RowError for a row with a number that cannot be used, InputError for other rows that do not fit.
        """
        X = self._rows(X)
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):  # non-finite values are checked below
            parts = [scores(self._cast(x, rows.start), self.weight, self.bias) for rows, x in chunks(X)]
        found = np.concatenate(parts) if parts else np.zeros((0, len(self.bias)), self.weight.dtype)
        if np.isfinite(found).all():
            return found
        bad = first_not_finite(X)
        if bad is None:
            raise InputError("the numbers are too large for this model: their scores overflow")
        what = f"has a cell that is missing or infinite in {self.schema.name(bad[1])}, and none was in training"
        raise RowError(bad[0], f"{what}; fill it in or leave out the row")

    def _cast(self, x: Stored, start: int) -> Stored:
        """Rows, numbered from `start`, in the dtype of the weights. Raises RowError for numbers beyond it."""
        with np.errstate(over="ignore"):
            cast = x.astype(self.weight.dtype)
        bad = first_not_finite(cast) if x.dtype.kind == "f" and x.dtype != cast.dtype else None
        if bad:
            what = f"has {number_at(x, *bad):g} in {self.schema.name(bad[1])}"
            raise RowError(start + bad[0], f"{what}, which is beyond the {cast.dtype} that the model was trained in")
        return cast

    def _rows(self, X: Any) -> Matrix:
        """Rows of features, an ndarray or CSR matrix (n, d), from any array-like; the columns of a data frame of pandas or
        polars are matched as those of a file are, and become features as they did in training."""
        if isinstance(X, LazyRows):
            return X
        if hasattr(X, "columns"):
            X = self._from_frame(X)
        rows: Stored = X.tocsr() if hasattr(X, "tocsr") else np.asarray(X)
        if rows.ndim != 2 or rows.shape[1] != len(self.weight):
            raise InputError(
                f"X has the shape {rows.shape}, the model was trained on {len(self.weight)} features; give (n, d)"
            )
        return rows

    def _from_frame(self, frame: Any) -> Matrix:
        """The rows of a data frame as features. Its columns have no names if these are not all text, as in scikit-learn."""
        names, inputs = [str(name) for name in frame.columns], self.schema.input_schema()
        named = all(isinstance(name, str) for name in frame.columns)
        match = match_table(names, inputs, Source("X"), None, labelled=False, named=named)
        label = dict(zip(names, frame.columns, strict=True))
        if len(label) < len(names):
            raise InputError("X: two of its columns have the same name; give each a different one")
        taken = [label[name] for name in require_columns(names, match.schema.inputs() or (), "X")]
        table = from_frame(frame[taken], "X", na_values=self.schema.na_values)
        table = table.select(table.names, match.names)
        X, unknown = encode(table, self.schema, "X")
        problems = self.drift_problems(count_cells(table, X, unknown, self.schema))
        for note in (*match.notes, *unknown_notes(unknown, self.schema), *problems):
            warnings.warn(f"X: {note}", stacklevel=5)
        return X

    def drift(self, counts: CellCounts) -> list[ColumnDrift]:
        """How the columns of new rows differ from those of the training rows."""
        return column_drift(self.schema, counts, self.center, self.scale)

    def drift_problems(self, counts: CellCounts, *, whole: bool = True) -> list[str]:
        """What makes predictions for new rows wrong, a line each; `whole` is whether these are all rows."""
        return drift_problems(self.schema, counts, self.center, self.scale, whole=whole)

    def drift_notes(self, counts: CellCounts) -> list[str]:
        """A note on columns that differ much, if there are any."""
        return drift_notes(self.schema, counts, self.center, self.scale)

    def predict_codes(self, X: Matrix) -> Array:
        """The class codes of raw rows X (n, d): (n,)."""
        return self.codes(self.scores(X))

    def codes(self, scores: Array) -> Array:
        """The class codes (n,) that scores (n, m) predict: the largest score, or with one output class 1 where it is > 0. Of a
        calibrated model the class of the largest probability, which may be another one. With a threshold, the positive class
        where its probability, or its score, is at least the threshold."""
        if self.threshold is not None:
            return self.threshold.codes(scores, self.logits(scores))
        if self.calibration is None:
            return predicted(scores)
        return np.asarray(softmax_probabilities(self.calibration.logits(scores)).argmax(axis=1))

    def predict(self, X: Matrix) -> Array:
        """The labels of raw rows X (n, d): (n,), in the type of the training labels."""
        return self.classes[self.predict_codes(X)]

    @property
    def has_probabilities(self) -> bool:
        """Whether scores become probabilities: by the calibration, or by the loss."""
        loss = LOSSES.get(self.loss)
        return self.calibration is not None or (loss is not None and loss.logits is not None)

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

    def threshold_to_json(self) -> JsonObject | None:
        """The threshold as reports have it, with the label of its class; None for a model without one."""
        return None if self.threshold is None else self.threshold.to_json(self.classes)

    @property
    def target_guessed(self) -> bool:
        """Whether the label column of the training data was guessed by its name."""
        found = self.recorded("options", "source", "target")
        return self.schema.is_guessed_target(None if found is None else str(found))

    def recorded(self, *keys: str) -> object:
        """An entry of the record, which may be anything; None where there is none."""
        found: object = self.record
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found

    def predictions(self, X: Matrix, y: Array, weights: Array | None = None) -> Predictions:
        """The predictions for raw rows X (n, d) with true codes y (n,) and weights (n,), as metrics take them."""
        scores = self.scores(X)
        return Predictions(self.codes(scores), y, len(self.classes), scores, self.logits(scores), weights)

    def save(self, path: str) -> None:
        """Write the model file, completely or not at all; `-` is standard output. The same model gives the same bytes."""
        write_bytes(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """The content of the model file."""
        described: JsonObject = {
            "loss": self.loss,
            "classes": self.classes.tolist(),
            "features": to_record(self.schema),
            "calibration": None if self.calibration is None else asdict(self.calibration),
            **({} if self.threshold is None else {"threshold": asdict(self.threshold)}),
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
