"""The model file: tensors and a record in one safe file.

The file is in the safetensors format: tensors `weight` (d, m) and `bias` (m,), and `scale` and `center` (d,) of scaled
features; and one metadata key `linclf` of canonical JSON, which holds a SHA-256 over the whole file with the digest's own
characters zeroed. A file whose digest does not fit is refused, and no code is ever run.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from linclf.data.columns.number import NumberColumn
from linclf.data.labels import check_texts
from linclf.data.schema import Schema
from linclf.errors import AccessError, InputError
from linclf.losses import LOSSES, Array
from linclf.model.calibration import Calibration
from linclf.model.threshold import Threshold
from linclf.storage.decode import JsonObject, build
from linclf.storage.sealed import seal, unseal

# Version 1 had no columns of tables, and versions 1 and 2 no threshold; they are read, too. A model without a threshold is
# written as version 2, so that a linclf that knows no threshold reads it, and refuses a model whose labels it would get wrong.
FORMAT_VERSION, WITHOUT_THRESHOLD = 3, 2
METADATA = "linclf"
BEGINNING = b'{"__metadata__":{"linclf":'  # of a file, after the length of its header
LARGEST_WEIGHT = 1e250  # sums of a few products stay finite


@dataclass(frozen=True, eq=False)
class ModelContent:
    """The content of a model file; LinearModel, which extends it, describes the fields."""

    weight: Array
    bias: Array
    classes: Array
    loss: str
    schema: Schema
    record: JsonObject
    scale: Array | None = None
    center: Array | None = None
    calibration: Calibration | None = None
    threshold: Threshold | None = None

    @property
    def has_probabilities(self) -> bool:
        """Whether scores can be turned into class probabilities."""
        loss = LOSSES.get(self.loss)
        return self.calibration is not None or (loss is not None and loss.logits is not None)


def is_model_file(path: str) -> bool:
    """Whether a file begins as a model file does; it may be damaged. Raises AccessError for a file that cannot be read."""
    if not os.path.isfile(path):
        return False
    try:
        with Path(path).open("rb") as file:
            return file.read(8 + len(BEGINNING))[8:] == BEGINNING
    except OSError as error:
        raise AccessError(f"{path}: could not be read: {error.strerror}; check its permissions") from None


def pack(described: Mapping[str, object], tensors: dict[str, Array]) -> bytes:
    """The content of a file. Raises InputError for a description beyond the limit of the format."""
    try:
        version = FORMAT_VERSION if "threshold" in described else WITHOUT_THRESHOLD
        return seal(METADATA, {"format": version, **described}, tensors)
    except SafetensorError as error:
        raise InputError(
            f"the model's description is too large for a file ({error}); use a larger --min-count"
        ) from None


def unpack(content: bytes, name: str) -> ModelContent:
    """What is in a file; `name` is for messages. Raises InputError for anything that linclf did not write completely."""
    record, tensors = unseal(METADATA, content, name, "a model file")
    try:
        model = _decode(record, tensors)
        _check(model, tensors)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    except Exception as error:  # a forged description can fail in any way
        raise InputError(f"{name}: is not a complete model ({type(error).__name__}: {error}); train it again") from None
    return model


def _decode(record: JsonObject, tensors: dict[str, Array]) -> ModelContent:
    """The content of a file of this or an earlier version."""
    version = record.pop("format")
    if type(version) is not int or version < 1:
        raise ValueError(f"format {version!r}")
    if version > FORMAT_VERSION:
        raise InputError("was written by a newer linclf; upgrade linclf to read it")
    schema = Schema.of(record.pop("features"))
    if version == 1 and schema.names is not None and not schema.sparse:  # a table of numbers without gaps
        schema = replace(schema, columns=tuple(NumberColumn(name) for name in schema.names))
    classes, loss = np.array(record.pop("classes")), record.pop("loss")
    calibration, threshold = record.pop("calibration", None), record.pop("threshold", None)
    if threshold is not None and version <= WITHOUT_THRESHOLD:
        raise ValueError(f"a threshold in format {version}")
    return ModelContent(
        tensors["weight"],
        tensors["bias"],
        classes,
        loss,
        schema,
        record,
        tensors.get("scale"),
        tensors.get("center"),
        None if calibration is None else build(Calibration, calibration),
        None if threshold is None else build(Threshold, threshold),
    )


def _check(model: ModelContent, tensors: Mapping[str, Array]) -> None:
    """Raise ValueError or InputError unless the pieces fit together: anyone can compute a digest."""
    weight, bias, scale, center, classes = model.weight, model.bias, model.scale, model.center, model.classes
    d, m, n_classes, loss = model.schema.count, len(bias), len(classes), LOSSES.get(model.loss)
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
    if not (fits and floats and model.schema.n_named() in (None, d)):
        raise ValueError("its tensors do not fit its description")
    if classes.ndim != 1 or classes.dtype.kind not in "biufU" or not 2 <= n_classes == len(set(classes.tolist())):
        raise ValueError("its classes are not sorted labels")
    if classes.dtype.kind == "U":
        check_texts(classes.tolist(), "its classes")
    if model.calibration is not None:
        model.calibration.check(m)
    if model.threshold is not None:
        model.threshold.check(n_classes, model.has_probabilities)
