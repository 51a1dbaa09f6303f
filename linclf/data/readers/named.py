"""Load data sets by name: scikit-learn's bundled sets, its fetchers and its generators."""

import ast
import difflib
import hashlib
import inspect
import os
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from linclf.data import labels
from linclf.data.dataset import Dataset, LabelledRows
from linclf.data.readers.frame import to_dataset
from linclf.data.schema import Schema
from linclf.data.source import RawFile, Source
from linclf.data.table import Frame
from linclf.errors import AccessError, InputError
from linclf.losses import Array
from linclf.optim.linalg import Stored, is_sparse, to_arrays

T = TypeVar("T")


@dataclass(frozen=True)
class NamedDataset:
    """A data set with a name: a line of `linclf datasets`.

    about        a description in a few words
    load         the function that loads it
    downloaded   the file that scikit-learn saves it in, relative to its data folder; None for a bundled set
    """

    name: str
    n_samples: int
    n_features: int
    n_classes: int
    about: str
    load: Callable[[Source], Dataset]
    downloaded: str | None = None


_ONE_TRY: dict[str, object] = {"n_retries": 1, "delay": 0.1}  # the fewest retries that the fetchers allow


def _bundled(source: Source) -> Dataset:
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{source.data}")()
    # the classes of digits are numbers; those of the other sets have names
    y = bunch.target if source.data == "digits" else np.asarray(bunch.target_names)[bunch.target]
    return _arrays(source, bunch.data, y, bunch.feature_names)


def _covtype(source: Source) -> Dataset:
    from sklearn.datasets import fetch_covtype

    bunch = _fetch(source, partial(fetch_covtype, **_ONE_TRY))
    return _arrays(source, bunch.data, bunch.target, bunch.get("feature_names"))


def _20newsgroups(source: Source) -> Dataset:
    from sklearn.datasets import fetch_20newsgroups_vectorized

    train, test = (
        _fetch(source, partial(fetch_20newsgroups_vectorized, subset=part, **_ONE_TRY)) for part in ("train", "test")
    )
    names = np.asarray(train.target_names)
    return _arrays(
        source,
        train.data,
        names[train.target],
        train.get("feature_names"),
        LabelledRows(test.data.tocsr(), names[test.target]),
    )


def _rcv1(source: Source) -> Dataset:
    from sklearn.datasets import fetch_rcv1

    train, test = (_fetch(source, partial(fetch_rcv1, subset=part, **_ONE_TRY)) for part in ("train", "test"))
    topic = list(train.target_names).index(
        "CCAT"
    )  # documents have several topics; CCAT against the rest is the usual task
    y, y_test = (np.where(part.target[:, [topic]].toarray().ravel(), "CCAT", "other") for part in (train, test))
    return _arrays(source, train.data, y, None, LabelledRows(test.data.tocsr(), y_test))


def _kddcup99(source: Source) -> Dataset:
    from sklearn.datasets import fetch_kddcup99

    bunch = _fetch(source, partial(fetch_kddcup99, as_frame=True, percent10=True, **_ONE_TRY))
    return _frame(source, bunch.frame, bunch.target_names[0])


NAMED = {
    named.name: named
    for named in (
        NamedDataset("digits", 1797, 64, 10, "8x8 images of handwritten digits", _bundled),
        NamedDataset("iris", 150, 4, 3, "petals and sepals of three kinds of iris", _bundled),
        NamedDataset("wine", 178, 13, 3, "chemistry of wines of three growers", _bundled),
        NamedDataset("breast_cancer", 569, 30, 2, "cell nuclei of tumours", _bundled),
        NamedDataset("covtype", 581012, 54, 7, "forest cover by cartography", _covtype, "covertype/samples_py3"),
        NamedDataset("20newsgroups", 18846, 130107, 20, "messages as word counts, with a test part", _20newsgroups, "20newsgroup_vectorized_py3.pkl"),
        NamedDataset("rcv1", 804414, 47236, 2, "news as tf-idf, CCAT or not, with a test part", _rcv1, "RCV1/samples_py3.pkl"),
        NamedDataset("kddcup99", 494021, 41, 23, "network connections, some columns not numbers", _kddcup99, "kddcup99_10-py3/samples"),
    )
}  # fmt: skip
GENERATORS = ("classification", "blobs", "moons", "circles", "gaussian_quantiles")
PREFIXES = ("make:", "openml:")


def is_name(data: str) -> bool:
    """Whether DATA names a data set rather than a path."""
    return data in NAMED or data.startswith(PREFIXES)


def load_name(source: Source) -> Dataset:
    """Load a named set. Raises InputError for a name that does not exist, AccessError if it cannot be downloaded."""
    if source.data.startswith("make:"):
        return _generate(source)
    if source.data.startswith("openml:"):
        return _openml(source)
    named = NAMED[source.data]
    dataset = named.load(source)
    rows = dataset.X.shape[0] + (dataset.test.X.shape[0] if dataset.test else 0)
    if rows != named.n_samples:
        raise AccessError(
            f"{source.data}: has {rows} rows instead of {named.n_samples}; its copy on this machine is incomplete; remove it "
            "from scikit-learn's data folder"
        )
    return dataset


def unknown_name(data: str) -> InputError:
    """The error for DATA that is neither a name nor a path, with the most similar names."""
    names = [*NAMED, *(f"make:{kind}" for kind in GENERATORS)]
    near = difflib.get_close_matches(data, names, 3, 0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"the names are {', '.join(NAMED)}, make:..., openml:..."
    return InputError(f"{data}: there is no data set and no file of this name; {hint} (see linclf datasets)")


def available_offline(named: NamedDataset) -> bool:
    """Whether a named set can be loaded without a network connection."""
    if named.downloaded is None:
        return True
    home = os.environ.get("SCIKIT_LEARN_DATA", os.path.join("~", "scikit_learn_data"))
    return os.path.exists(os.path.join(os.path.expanduser(home), named.downloaded))


def _openml(source: Source) -> Dataset:
    from sklearn.datasets import fetch_openml

    what = source.data.removeprefix("openml:")
    if not what:
        raise InputError(f"{source.data}: give a name or an ID, such as openml:credit-g or openml:31")
    by: dict[str, object] = {"data_id": int(what)} if what.isdigit() else {"name": what}
    try:
        bunch = _fetch(source, partial(fetch_openml, **by, as_frame=True, **_ONE_TRY))
    except ValueError as error:  # OpenML has no such data set
        raise InputError(f"{source.data}: {error}; see openml.org for names and IDs") from None
    frame = bunch.frame
    target = source.target or (bunch.target_names[0] if bunch.target_names else "")
    if target not in frame.columns:
        raise InputError(
            f"{source.data}: choose the label column with --target; the columns are {', '.join(frame.columns)}"
        )
    return _frame(source, frame, target)


def _fetch(source: Source, fetch: Callable[[], T]) -> T:
    """Run one of scikit-learn's fetchers; its network errors become AccessError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about retries: the error below states the reason
            return fetch()
    except OSError as error:  # including URLError, timeouts and refused connections
        reason = getattr(error, "reason", None) or error
        raise AccessError(
            f"{source.data}: is not on this machine and could not be downloaded ({reason}); run this once with a network connection, "
            "or set SCIKIT_LEARN_DATA to a folder that contains it"
        ) from None


def _frame(source: Source, frame: Frame, target: str) -> Dataset:
    """Turn a downloaded data frame into a Dataset; byte strings become text."""
    import pandas as pd

    frame = frame.apply(lambda column: column.str.decode("utf-8") if isinstance(column.iloc[0], bytes) else column)
    digest = hashlib.sha256(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()).hexdigest()
    return to_dataset(frame, RawFile(source, None, digest), target, None)


def _generate(source: Source) -> Dataset:
    """Generate make:KIND:key=value,... by scikit-learn's make_KIND(key=value, ..., random_state=0)."""
    from sklearn import datasets

    _, kind, *settings = source.data.split(":", 2)
    if kind not in GENERATORS:
        raise InputError(f"{source.data}: there is no generator {kind!r}; the generators are {', '.join(GENERATORS)}")
    maker = getattr(datasets, f"make_{kind}")
    known = [name for name in inspect.signature(maker).parameters if not name.startswith("return_")]
    options: dict[str, object] = {"random_state": 0}
    for setting in filter(None, settings[0].split(",") if settings else []):
        key, _, value = setting.partition("=")
        if key not in known:
            raise InputError(f"{source.data}: make:{kind} has no setting {key!r}; its settings are {', '.join(known)}")
        try:
            options[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            raise InputError(f"{source.data}: {setting!r} is not NAME=NUMBER") from None
    try:
        X, y = maker(**options)
    except (ValueError, TypeError) as error:
        raise InputError(f"{source.data}: {' '.join(str(error).split())}") from None
    return _arrays(source, X, y, None)


def _arrays(
    source: Source, X: Stored, y: Array, names: Iterable[object] | None, test: LabelledRows | None = None
) -> Dataset:
    """Turn arrays into a Dataset whose digest is over their bytes."""
    if replace(source, max_features=Source.max_features, max_unpacked=None) != Source(source.data):
        raise InputError(
            f"{source.data}: --target, --drop, --format and other data options are for files, not for a named data set"
        )
    source.check_width(X.shape[1])
    X = np.ascontiguousarray(X) if isinstance(X, np.ndarray) else X
    y = labels.from_array(y, source.data)
    digest = hashlib.sha256(f"{X.shape} {X.dtype} {y.dtype}".encode())
    for part in to_arrays(X).values():
        digest.update(part.tobytes())
    digest.update(y.tobytes())
    features = Schema(X.shape[1], None if names is None else tuple(map(str, names)), is_sparse(X))
    return Dataset(X, y, source, features, digest.hexdigest(), test)
