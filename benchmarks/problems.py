"""The problems to solve: data of real sizes from a folder, or generated data without one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from linclf.data.dataset import LabelledRows
from linclf.data.labels import check_classes, encode
from linclf.data.load import as_matrix, load
from linclf.data.source import Source
from linclf.losses import Array


@dataclass(frozen=True)
class Problem:
    """Rows X (n, d) with codes y (n,), test rows, and the objective: a loss, reg, with or without a bias."""

    name: str
    loss: str
    reg: float
    X: Any
    y: Array
    X_test: Any
    y_test: Array
    bias: bool = True

    @property
    def n_classes(self) -> int:
        """The number of classes, K."""
        return int(self.y.max()) + 1


def images(folder: Path | None) -> Problem:
    """MNIST as pixels / 255, or generated rows of its size and difficulty, with softmax and reg 1e-4."""
    if folder and (folder / "mnist.npz").exists():
        data = load(Source(str(folder / "mnist.npz")))
        assert data.test is not None
        X, X_test = (np.asarray(part.X, np.float32) / np.float32(255) for part in (data, data.test))
        return Problem("MNIST", "softmax", 1e-4, X, data.labels(), X_test, data.test.labels())
    rng = np.random.default_rng(0)
    centers = rng.random((10, 784)) * (rng.random((10, 784)) < 0.2)
    y = rng.integers(0, 10, 70000)
    X = np.clip(centers[y] + 0.7 * rng.standard_normal((70000, 784)), 0, 1).astype(np.float32)
    return Problem("generated images", "softmax", 1e-4, X[:60000], y[:60000], X[60000:], y[60000:])


def words() -> Problem:
    """Generated sparse rows, 160000 x 47000: some 50 non-zeros per row, power-law columns, norm 1; hinge, reg 1e-5, no bias."""
    from scipy import sparse

    rng = np.random.default_rng(0)
    n, d, k = 170000, 47000, 59
    columns = np.minimum((d ** rng.random((n, k))).astype(np.int32), d - 1)
    X = sparse.csr_matrix(
        (rng.exponential(size=n * k).astype(np.float32), columns.ravel(), np.arange(0, n * k + 1, k, dtype=np.int32)),
        shape=(n, d),
    )
    X.sum_duplicates()
    norms = np.sqrt(np.asarray(X.multiply(X).sum(axis=1)).ravel())
    X.data /= np.repeat(norms, np.diff(X.indptr)).astype(np.float32)
    scores = X @ rng.standard_normal(d)
    y = (scores + 0.2 * scores.std() * rng.logistic(size=n) > np.median(scores)).astype(int)
    return Problem("generated words", "hinge", 1e-5, X[:160000], y[:160000], X[160000:], y[160000:], bias=False)


def census(folder: Path | None) -> Problem | None:
    """a9a with hinge and reg 1e-4; None without the folder."""
    if not folder or not (folder / "a9a.gz").exists():
        return None
    train = load(Source(str(folder / "a9a.gz"), "svmlight"))
    test = load(Source(str(folder / "a9a.t.gz"), "svmlight"), model_schema=train.schema)
    y, y_test = (encode(part.labels(), check_classes(train.labels(), "a9a"))[0] for part in (train, test))
    return Problem("a9a", "hinge", 1e-4, train.X, y, test.X, y_test)


def reviews(folder: Path | None) -> Problem | None:
    """imdb as tf-idf with hinge and reg 1e-5; None without the folder."""
    if not folder or not (folder / "imdb.train.svm.gz").exists():
        return None
    train = load(Source(str(folder / "imdb.train.svm.gz")))
    test = load(Source(str(folder / "imdb.test.svm.gz")), model_schema=train.schema)
    y, y_test = (encode(part.labels(), check_classes(train.labels(), "imdb"))[0] for part in (train, test))
    X, X_test = (part.X.astype(np.float32) for part in (train, test))
    return Problem("imdb", "hinge", 1e-5, X, y, X_test, y_test, bias=False)


def sources(folder: Path | None, bundled: Sequence[str], *, large: bool = True) -> dict[str, Source]:
    """Where the bundled sets of these names and those of the folder are: by name."""
    found = {name: Source(name) for name in bundled}
    files = {"letter": "letter.tsv.gz", "covtype20k": "covtype20k.csv.gz", "a9a": "a9a.gz"}
    files |= {"imdb": "imdb.train.svm.gz", "MNIST": "mnist.npz"} if large else {}
    for name, file in files.items():
        if folder and (folder / file).exists():
            target = "cover_type" if name == "covtype20k" else None
            found[name] = Source(str(folder / file), "svmlight" if name == "a9a" else None, target=target)
    return found


def many(folder: Path | None) -> dict[str, LabelledRows]:
    """Data sets of many kinds to test the learning rate on: name -> training rows and their codes."""
    places = sources(folder, ("digits", "breast_cancer", "wine"))
    passengers = Path(__file__).parent.parent / "data" / "titanic.csv"  # names, home towns and other sparse features
    places["titanic"] = Source(str(passengers), target="survived", drop=("boat", "body"))
    places["classification"] = Source("make:classification:n_samples=5000,n_features=40,n_informative=10,n_classes=5")
    found = {}
    for name, source in places.items():
        data = load(source)
        classes = check_classes(data.labels(), name)
        found[name] = LabelledRows(as_matrix(data), encode(data.labels(), classes)[0])
    return found
