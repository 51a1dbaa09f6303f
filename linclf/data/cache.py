"""Cache of parsed data sets on disk, mapped into memory when they are used again, so that no text is parsed twice.

An entry is one file: the data set in the safetensors format, and a SHA-256 over it. Its name is a hash of the content
that was parsed, of the options it was parsed with, and of the format of the entry. An entry is therefore never out of
date: if anything changes, the name is different. An entry that is truncated or damaged does not match its digest and is
ignored.

The folder also contains records of files that were hashed before, by path: a file with the same size, inode and times
is not hashed again. Everything is written to a temporary file, which is then renamed, so that any number of runs can
share one folder. The cache never makes a run fail: data that cannot be stored are read again the next time.
"""

import contextlib
import hashlib
import json
import math
import mmap
import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from linclf._version import __version__
from linclf.data.dataset import Dataset, LabelledRows
from linclf.data.readers.labels_file import labels_file
from linclf.data.readers.named import is_name
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.table import Table, TableRows, from_table_arrays, table_arrays
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Matrix, check_structure, from_arrays, materialize, release, to_arrays
from linclf.storage.decode import JsonObject, build, to_record
from linclf.storage.files import replacing

FORMAT = 6  # of entries and of the data sets that readers return: increase it when either changes
DEFAULT_MEGABYTES = 4096
SETTLED_SECONDS = 2  # a file changed more recently could change again within the resolution of its time stamp
STALE_SECONDS = 3600  # a temporary file older than this belongs to a run that was killed
ENTRY, RECORD = ".data", ".seen"
DIGEST_BYTES = 32


@dataclass(frozen=True)
class Entry:
    """A line of `linclf cache ls`: name and shape of the data set, size in bytes, time of last use in seconds."""

    name: str
    n_samples: int
    n_features: int
    size: int
    used: float


@dataclass(frozen=True)
class Cache:
    """A folder of parsed data sets. If they take more than `megabytes`, the least recently used ones are removed."""

    folder: Path
    megabytes: float = DEFAULT_MEGABYTES

    def load(self, source: Source, model_schema: Schema | None, labelled: bool, read: Callable[[], Dataset]) -> Dataset:
        """The cached data set, or, if there is none, the one that `read` returns, which is then stored.

        source, model_schema, labelled   the arguments of `read`, which decide what it returns
        """
        content = self._content_id(source)
        if content is None:
            return read()
        path = self.folder / (_key(content, source, model_schema, labelled) + ENTRY)
        dataset = open_entry(path, source)
        if dataset is None:
            dataset = read()
            if self._content_id(source) == content:  # it may have changed since
                self._store(path, dataset)
        return dataset

    def entries(self) -> list[Entry]:
        """The entries, the most recently used first."""
        found = []
        for path, status in self._files():
            described = _entry_header(path) if path.suffix == ENTRY else None
            if described is not None:
                rows, columns = sum(n for n, _ in described.shapes), described.shapes[0][1]
                found.append(Entry(described.name, rows, columns, status.st_size, status.st_mtime))
        return sorted(found, key=lambda entry: -entry.used)

    def clear(self) -> int:
        """Remove all entries and return their size in bytes."""
        freed = 0
        for path, status in self._files():
            with contextlib.suppress(OSError):
                path.unlink()
                freed += status.st_size
        return freed

    def _content_id(self, source: Source) -> str | None:
        """What identifies the content behind `source`: a hash of a file's bytes, or a name with the version of
        scikit-learn. None for content that is not cached."""
        if labels_file(source) is not None:  # two files, which may change
            return None
        if is_name(source.data):
            spec = find_spec("sklearn")  # does not take the second that an import takes
            home = os.environ.get("SCIKIT_LEARN_DATA", "")
            version = self._file_digest(spec.origin) if spec and spec.origin else None
            return version and f"{source.data} {version} {np.__version__} {home}"
        return self._file_digest(source.data) if os.path.isfile(source.data) else None

    def _file_digest(self, name: str) -> str | None:
        """The SHA-256 of a file, from its record if the file is unchanged; None if it cannot be read."""
        try:
            status = os.stat(name)
            now = [status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]
            path = self.folder / (hashlib.sha256(os.path.realpath(name).encode()).hexdigest() + RECORD)
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
                record = json.loads(path.read_bytes()) if path.is_file() else {}
                if record["file"] == now:
                    return str(record["sha256"])
            with Path(name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None
        if time.time() - max(status.st_mtime, status.st_ctime) > SETTLED_SECONDS:
            self._write(path, json.dumps({"file": now, "sha256": digest}).encode())
        return digest

    def _store(self, path: Path, dataset: Dataset) -> None:
        """Write an entry, and remove others if the cache is too large."""
        content = pack(dataset)
        if len(content) <= self.megabytes * 1e6:
            self._write(path, content, hashlib.sha256(content).digest())
            self._evict()

    def _write(self, path: Path, *content: bytes) -> None:
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with replacing(str(path), sync=False) as file:
                file.writelines(content)

    def _evict(self) -> None:
        files = sorted(self._files(), key=lambda found: found[1].st_mtime)
        excess = sum(status.st_size for _, status in files) - self.megabytes * 1e6
        for path, status in files:
            stale = path.suffix == ".tmp" and time.time() - status.st_mtime > STALE_SECONDS
            if stale or (excess > 0 and path.suffix != ".tmp"):
                with contextlib.suppress(OSError):
                    path.unlink()
                    excess -= status.st_size

    def _files(self) -> list[tuple[Path, os.stat_result]]:
        """The files of the cache, each with its status; another run may remove one at any time."""
        found = []
        with contextlib.suppress(OSError):
            for path in self.folder.iterdir():
                if path.suffix in (ENTRY, RECORD, ".tmp"):
                    with contextlib.suppress(OSError):
                        status = path.lstat()
                        if stat.S_ISREG(status.st_mode):
                            found.append((path, status))
        return found


def user_cache() -> Cache:
    """The cache of the command line: at most LINCLF_CACHE_MB megabytes in LINCLF_CACHE_DIR, else in the user's folder."""
    folder = os.environ.get("LINCLF_CACHE_DIR")
    if not folder:
        from platformdirs import user_cache_dir

        folder = user_cache_dir("linclf", appauthor=False)
    given = os.environ.get("LINCLF_CACHE_MB") or str(DEFAULT_MEGABYTES)
    try:
        megabytes = float(given)
    except ValueError:
        megabytes = math.nan
    if not 0 <= megabytes < math.inf:
        raise InputError(f"LINCLF_CACHE_MB is {given!r}; give a number of megabytes")
    return Cache(Path(folder), megabytes)


def _key(content: str, source: Source, model_schema: Schema | None, labelled: bool) -> str:
    """The name of an entry: a hash of everything that its content depends on. Of the path only the suffixes matter."""
    options = {**asdict(source), "data": [suffix.lower() for suffix in Path(source.data).suffixes[-2:]]}
    parts = [FORMAT, __version__, content, options, model_schema and to_record(model_schema), labelled]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def open_entry(path: Path, source: Source) -> Dataset | None:
    """The data set in this file, its arrays mapped; None if there is no such file or it is damaged."""
    try:
        if not path.is_file():  # a pipe might never end
            return None
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        view = memoryview(content)
        if hashlib.sha256(view[:-DIGEST_BYTES]).digest() != view[-DIGEST_BYTES:]:
            return None
        release(np.frombuffer(view, np.uint8))
        os.utime(path)  # the time of last use
        dataset = _unpack(content, source)
        check_dataset(dataset)
    except Exception:  # the content may be anything: treat it as absent
        return None
    return dataset


def check_dataset(dataset: Dataset) -> None:
    """Raise ValueError for a data set that cannot have been stored: later computations rely on these checks."""
    for part in (dataset, dataset.val, dataset.test):
        if part is None:
            continue
        n, width = part.X.shape
        if isinstance(part.X, Table) and width != dataset.schema.count:
            raise ValueError("columns")
        if part.y is not None and not (part.y.shape == (n,) and part.y.dtype.kind in "biufU" and _finite(part.y)):
            raise ValueError("labels")
        if part.weights is not None and not _sound_weights(part.weights, n):
            raise ValueError("weights")
        part.X.check() if isinstance(part.X, Table) else check_structure(materialize(part.matrix()))


def _finite(labels: Array) -> bool:
    return labels.dtype.kind != "f" or bool(np.isfinite(labels).all())


def _sound_weights(weights: Array, n: int) -> bool:
    sound = weights.shape == (n,) and weights.dtype == np.float64 and np.isfinite(weights).all()
    return bool(sound and (weights >= 0).all() and weights.any())


def pack(dataset: Dataset) -> bytes:
    """Encode a data set in the safetensors format."""
    from safetensors.numpy import save

    arrays: dict[str, Array] = {}
    parts: dict[str, dict[str, object]] = {}
    for name, part in (("train", dataset), ("val", dataset.val), ("test", dataset.test)):
        if part is None:
            continue
        rows, columns = _arrays(part.X)
        arrays |= {f"{name}.{key}": np.ascontiguousarray(a) for key, a in rows.items()}
        arrays |= {} if part.weights is None else {f"{name}.weights": part.weights}
        labels = None
        if part.y is not None:
            classes, codes = np.unique(part.y, return_inverse=True)
            arrays[f"{name}.y"] = codes.astype(np.int32)
            labels = {"classes": classes.tolist(), "dtype": classes.dtype.str}
        parts[name] = {"shape": part.X.shape, "labels": labels, "columns": columns}
    described = {
        "name": dataset.source.data,
        "features": to_record(dataset.schema),
        "columns": dataset.columns,
        "digest": dataset.digest,
        "notes": dataset.notes,
        "parts": parts,
    }
    content: bytes = save(arrays, metadata={"linclf": json.dumps(described)})
    return content


def _arrays(X: Matrix | Table | TableRows) -> tuple[dict[str, Array], dict[str, Sequence[str]] | None]:
    """The arrays that X consists of, and the names of the columns of a table."""
    if isinstance(X, Table | TableRows):
        return table_arrays(X[:])
    return to_arrays(materialize(X)), None


def _header(content: mmap.mmap) -> tuple[int, JsonObject, JsonObject]:
    """The header of an entry: where its arrays begin, the layout of each, and the description of the data set."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    return end, header, json.loads(header.pop("__metadata__")["linclf"])


def _unpack(content: mmap.mmap, source: Source) -> Dataset:
    """Decode the data set in an entry; its arrays are views into `content`."""
    start, header, described = _header(content)
    found: dict[str, dict[str, Array]] = {"train": {}, "val": {}, "test": {}}
    for name, layout in header.items():
        first, last = layout["data_offsets"]
        kind = "?" if layout["dtype"] == "BOOL" else f"{layout['dtype'][0].lower()}{int(layout['dtype'][1:]) // 8}"
        dtype = np.dtype(kind)
        flat = np.frombuffer(content, dtype, (last - first) // dtype.itemsize, start + first)
        part, _, key = name.partition(".")
        found[part][key] = flat.reshape(layout["shape"])
    parts = {}
    for name, part in described["parts"].items():
        arrays, labels = found[name], part["labels"]
        codes, weights = arrays.pop("y", None), arrays.pop("weights", None)
        y = None if codes is None else np.array(labels["classes"], labels["dtype"])[codes]
        columns = part["columns"]
        X = from_table_arrays(arrays, columns) if columns else from_arrays(arrays, tuple(part["shape"]))
        parts[name] = LabelledRows(X, y, weights=weights)
    features, train = Schema.of(described["features"]), parts["train"]
    notes = tuple(described["notes"])
    columns = tuple(described["columns"])
    val, test, digest = parts.get("val"), parts.get("test"), described["digest"]
    return Dataset(train.X, train.y, source, features, digest, test, notes, columns, val=val, weights=train.weights)


@dataclass(frozen=True)
class _EntryHeader:
    """The description in an entry that `linclf cache ls` needs."""

    name: str
    shapes: tuple[tuple[int, ...], ...]


def _entry_header(path: Path) -> _EntryHeader | None:
    """Read the description in an entry without checking its digest; None if it cannot be read."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found = _header(content)[2]
        described = build(
            _EntryHeader, {"name": found["name"], "shapes": [p["shape"] for p in found["parts"].values()]}
        )
    except Exception:  # the content may be anything
        return None
    return described if described.shapes and all(len(shape) == 2 for shape in described.shapes) else None
