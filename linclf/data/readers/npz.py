"""Read npz files: features, labels and weights of the training, validation and test rows (`array_names`), or a sparse matrix."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

from linclf.data.dataset import Dataset, LabelledRows
from linclf.data.matching import match_dataset
from linclf.data.readers.array_names import (
    FEATURES,
    LABELS,
    WEIGHTS,
    ArrayNames,
    check_complete,
    find_arrays,
    spare_notes,
)
from linclf.data.readers.arrays import OBJECTS, check_features, check_labels, check_weights, read_array, weights_note
from linclf.data.readers.base import ZIP, ZIP_HINT, Reader
from linclf.data.readers.labels_file import labels_file, read_labels_file
from linclf.data.readers.sparse_arrays import read_sparse
from linclf.data.schema import Schema
from linclf.data.source import RawFile
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Stored, is_sparse


def read_npz(raw: RawFile, model_schema: Schema | None, labelled: bool) -> Dataset:
    """Read the arrays X (n, ...) and y (n,), or x_train, y_train, x_val, y_val, x_test, y_test, by the names in `array_names`, and
    weights of rows; each row of X is flattened. Or read a sparse matrix as SciPy saves it.

    Data for a model may consist of a part for validation or testing only.
    """
    name, path = raw.source.data, labels_file(raw.source) if labelled else None
    target = raw.source.target if labelled and path is None else None
    names, arrays = _read(raw, target, labelled, new=model_schema is None)
    digest = raw.digest
    if path is not None:
        given, digest = read_labels_file(path, digest)
        names, arrays = _with_labels(names, path), {**arrays, path: given}
    if raw.source.target is not None and labelled and len(names.parts()) > 1:
        raise InputError(
            f"{name}: --target names the labels of one part, and the file has several: {', '.join(names.parts())}; leave it out"
        )
    if labelled:
        _check_one_hot(names, arrays, name)
    file = _File(names, arrays, raw)
    first, *others = names.parts()
    rows, notes = file.rows(first, labelled)
    parts = {}
    for part in others:
        parts[part], more = file.rows(part, labelled)
        notes += more
        widths = [one.X.shape[1] for one in (rows, parts[part])]
        if widths[0] != widths[1]:
            raise InputError(
                f"{name}: {names.roles[first, FEATURES]} and {names.roles[part, FEATURES]} differ in their number of features: "
                f"{widths[0]} and {widths[1]}"
            )
    raw.source.check_width(rows.X.shape[1])
    schema = Schema(rows.X.shape[1], sparse=is_sparse(rows.matrix()), format="npz")
    dataset = Dataset(
        rows.X,
        rows.y,
        raw.source,
        schema,
        digest,
        parts.get("test"),
        (*notes, *spare_notes(names)),
        val=parts.get("val"),
        weights=rows.weights,
    )
    return match_dataset(dataset, model_schema)


def _read(raw: RawFile, target: str | None, labelled: bool, *, new: bool) -> tuple[ArrayNames, dict[str, Array]]:
    """The names of the arrays, and those that are needed."""
    name = raw.source.data
    try:
        with zipfile.ZipFile(io.BytesIO(raw.content)) as archive:
            members = _members(archive, name)
            raw.check_bytes(sum(member.file_size for member in members.values()))  # no more than this is unpacked
            names = find_arrays(list(members), name, target)
            check_complete(names, list(members), name, new=new, labelled=labelled)
            return names, {key: _array(archive, members[key]) for key in names.wanted(labelled)}
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise many types for a damaged archive
        reason = "is not an npz file; save plain number arrays with numpy.savez"
        raise InputError(f"{name}: {OBJECTS if 'object' in str(error) else reason}") from None


def _members(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    """The arrays of the npz file `name`. Raises InputError if a name occurs twice."""
    members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
    if len(members) < len(archive.infolist()):
        raise InputError(f"{name}: contains an array twice; save each under a different name")
    return members


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    with archive.open(member) as file:
        return read_array(file, member.file_size)


def _with_labels(names: ArrayNames, path: str) -> ArrayNames:
    """The names with the labels of the first part in a file; an array of labels in the npz file is then spare."""
    role = (names.parts()[0], LABELS)
    spare = [names.roles[role]] if role in names.roles else []
    return ArrayNames({**names.roles, role: path}, names.sparse, (*names.spare, *spare))


def _check_one_hot(names: ArrayNames, arrays: Mapping[str, Array], name: str) -> None:
    """Raise InputError for one-hot labels of different widths: the same column would be another class."""
    keys = [names.roles[part, LABELS] for part in names.parts() if (part, LABELS) in names.roles]
    one_hot = [key for key in keys if arrays[key].ndim == 2 and min(arrays[key].shape) > 1]
    for key in one_hot[1:]:
        widths = [arrays[one].shape[1] for one in (one_hot[0], key)]
        if widths[0] != widths[1]:
            raise InputError(
                f"{name}: {one_hot[0]} and {key} are one-hot rows of {widths[0]} and {widths[1]} classes; save both with the same "
                "columns, or as labels (n,)"
            )


@dataclass(frozen=True)
class _File:
    """The arrays of a file, by name."""

    names: ArrayNames
    arrays: Mapping[str, Array]
    raw: RawFile

    def rows(self, part: str, labelled: bool) -> tuple[LabelledRows, tuple[str, ...]]:
        """The rows of a part, and notes on them."""
        roles, data = self.names.roles, self.raw.source.data
        x, y, w = (roles.get((part, role)) for role in (FEATURES, LABELS, WEIGHTS))
        if x is None:
            raise AssertionError("a part without features")
        X: Stored
        notes: tuple[str, ...]
        if self.names.sparse:
            X, notes = read_sparse(self.arrays, self.raw)
        else:
            X, notes = check_features(self.arrays[x], x, data), ()
        if not labelled:
            return LabelledRows(X, None), notes
        if y is None:
            raise InputError(f"{data}: {self._no_labels(part, x)}")
        codes, more = check_labels(self.arrays[y], X.shape[0], y, x, data)
        notes += more
        weights = None
        if w is not None:
            weights = check_weights(self.arrays[w], X.shape[0], w, x, data)
            notes += (weights_note(w),)
        return LabelledRows(X, codes, weights=weights), notes

    def _no_labels(self, part: str, x: str) -> str:
        """What is wrong without labels, and what to do."""
        if self.names.sparse:
            return (
                "is a sparse matrix without labels; save them with numpy.save and name the file, as --target y.npy, or save them "
                "as y in the same npz file"
            )
        y = f"y_{part}" if len(self.names.parts()) > 1 or part in x.casefold() else "y"
        other = "" if len(self.names.parts()) > 1 else ", or name an array or a file of labels, as --target y.npy"
        return f"has no labels {y} next to {x}; save them under that name{other}"


NPZ = Reader(
    "npz",
    (".npz",),
    read_npz,
    ("target",),
    first_bytes=ZIP,
    first_bytes_hint=ZIP_HINT,
    may_have_parts=True,
)
