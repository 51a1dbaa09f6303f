"""Read svmlight files, `LABEL INDEX:VALUE ... # comment`, through scikit-learn's loader; errors name the line."""

import codecs
import io
import math
from dataclasses import replace

import numpy as np

from linclf.data.dataset import Dataset
from linclf.data.matching import match_dataset
from linclf.data.readers.base import Reader, join_lines
from linclf.data.schema import Schema
from linclf.data.source import RawFile
from linclf.data.table import MAX_EXACT_INT
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import CSR, csr, first_not_finite

DIGITS = 18  # an index with more digits is too large, and is not converted to a number


def read_svmlight(raw: RawFile, model_schema: Schema | None, labelled: bool) -> Dataset:
    """Read svmlight text as a Dataset whose X is CSR (n, d) in float64.

    `labelled` has no effect, since each line has a label.
    Indices count from 0 or 1: as given by --zero-based or --one-based, else as in the model's data, else from 0 if the
    file has an index 0.
    """
    source, raw = raw.source, replace(raw, content=raw.content.removeprefix(codecs.BOM_UTF8))
    X, labels = _parse(raw)
    if X.shape[1] - 1 > source.max_features:
        raise _fault(raw, "an index is beyond --max-features")
    zero_based = source.zero_based
    if zero_based is None and model_schema is not None:
        zero_based = model_schema.zero_based
    if zero_based is None:
        zero_based = bool(len(X.indices) and X.indices.min() == 0)
    if not zero_based:
        X = _count_from_one(X, raw)
    source.check_width(X.shape[1])
    if np.abs(labels).max() >= MAX_EXACT_INT:
        row = int(np.abs(labels).argmax())
        raise InputError(
            f"{source.data}: the label of row {row} (from 0) is {labels[row]:g}, and others would equal it; renumber"
        )
    if (labels == np.round(labels)).all():
        labels = labels.astype(np.int64)
    schema = Schema(X.shape[1], sparse=True, format="svmlight", zero_based=zero_based)
    return match_dataset(Dataset(X, labels, source, schema, raw.digest), model_schema)


def _parse(raw: RawFile) -> tuple[CSR, Array]:
    from sklearn.datasets import load_svmlight_file

    try:
        X, labels = load_svmlight_file(io.BytesIO(raw.content), dtype=np.float64, zero_based=True)
    except (ValueError, OverflowError, UnicodeDecodeError) as error:
        raise _fault(raw, f"is not svmlight text ({error}); see --format") from None
    if X.shape[0] == 0:
        raise InputError(f"{raw.source.data}: contains no rows; each line is LABEL INDEX:VALUE ...")
    # Python, and therefore the loader, reads 1_0 as 10
    underscore = b"_" in raw.content and _first_fault(raw.content, raw.source.max_features) is not None
    if underscore or not np.isfinite(labels).all() or first_not_finite(X):
        raise _fault(raw, "a number is not finite; fix or leave out the line")
    return X, labels


def _count_from_one(X: CSR, raw: RawFile) -> CSR:
    """Renumber columns 1..d as 0..d-1. Raises InputError for an index 0."""
    if len(X.indices) and X.indices.min() == 0:
        number = next(
            i
            for i, line in enumerate(raw.content.split(b"\n"), 1 + raw.skipped)
            if any(not t.partition(b":")[0].strip(b"0") for t in _tokens(line)[1:])
        )
        raise InputError(
            f"{raw.source.data}:{number}: has the index 0 where indices count from 1, by --one-based or as in the training data; "
            "use --zero-based if this file counts from 0"
        )
    return csr(X.data, X.indices - 1, X.indptr, (X.shape[0], max(X.shape[1] - 1, 0)))


def _tokens(line: bytes) -> list[bytes]:
    return line.split(b"#", 1)[0].split()


def _fault(raw: RawFile, otherwise: str) -> InputError:
    """The error for text that the loader refuses, with its line; `otherwise` if no line is wrong by itself."""
    found, name = _first_fault(raw.content, raw.source.max_features), raw.source.data
    return InputError(f"{name}:{raw.skipped + found[0]}: {found[1]}" if found else f"{name}: {otherwise}")


def _first_fault(content: bytes, max_features: int) -> tuple[int, str] | None:
    """The number of the first wrong line and what is wrong with it; called only after the loader has refused the text."""
    for number, line in enumerate(content.split(b"\n"), 1):
        tokens = _tokens(line)
        if not tokens:
            continue
        if not _is_finite(tokens[0]):
            return number, f"the label {_quote(tokens[0])} is not a finite number; svmlight labels are numbers"
        last = -1
        for token in tokens[1:]:
            index, colon, value = token.partition(b":")
            if index == b"qid":
                continue
            if not colon or not index.isdigit():
                return number, f"{_quote(token)} is not INDEX:VALUE with an index >= 0; fix the line, or see --format"
            digits = index.lstrip(b"0") or b"0"
            if len(digits) > DIGITS or int(digits) > max_features:
                hint = "number the features from 1 up, or give a larger one"
                return number, f"the index {_quote(index)} is beyond --max-features {max_features}; {hint}"
            if int(digits) <= last:
                return number, f"the index {_quote(index)} comes after {last}; sort the indices, each once"
            if not _is_finite(value):
                return number, f"{_quote(token)}: the value is not a finite number; fix or leave out the line"
            last = int(digits)
    return None


def _is_finite(text: bytes) -> bool:
    try:
        return math.isfinite(float(text)) and b"_" not in text
    except ValueError:
        return False


def _quote(text: bytes) -> str:
    return repr(text[:40].decode("utf-8", "replace"))


SVMLIGHT = Reader(
    "svmlight",
    (".svm", ".libsvm", ".svmlight"),
    read_svmlight,
    ("zero_based", "encoding"),
    by_lines=True,
    comment=b"#",
    newline_at_end=True,
    join=join_lines,
)
