"""Short trainings on the same rows, split in two ways: how much better does a random split look than an honest one?"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from linclf.data.grouped import group_folds
from linclf.data.ordered import forward_folds
from linclf.data.schema import Schema
from linclf.data.split import HeldOut, Part, Split, folds
from linclf.errors import DivergedError, InputError
from linclf.losses import Array
from linclf.optim.linalg import Matrix, is_sparse, materialize, numbers_per_row, select_rows
from linclf.training.options import TrainOptions
from linclf.training.train import train

FOLDS = 5
MOST_ROWS, FEWEST_ROWS = 5000, 500  # rows that are tried
MOST_NUMBERS = 500_000  # of these rows, unless there are fewer than FEWEST_ROWS
CHANCE = 3.0  # standard errors of a difference that may be chance
MINIBATCHES, FEWEST_EPOCHS = 600, 5  # of a short training
MOST_WORK = 1e9  # multiplications of it, unless FEWEST_EPOCHS take more
CHUNKS = 40  # runs of neighbouring rows, whose errors are not independent

Rows = tuple[Array, Array]  # the numbers of rows to train on, and of rows to test


@dataclass(frozen=True)
class Comparison:
    """The accuracy of a random and of an honest split on the same rows, and the standard error of their difference."""

    random: float
    honest: float
    error: float

    @property
    def drop(self) -> float:
        """How much better a random split looks."""
        return self.random - self.honest

    def exceeds(self, least: float, chance: float = CHANCE) -> bool:
        """Whether a random split looks better by this much, and by more than chance."""
        return self.drop >= least and self.drop > chance * self.error


def rows_tried(X: Matrix) -> int:
    """How many rows (n, d) are tried."""
    return min(MOST_ROWS, max(FEWEST_ROWS, int(MOST_NUMBERS / max(numbers_per_row(X), 1))))


def compare_groups(X: Matrix, y: Array, groups: Array, X_random: Matrix | None = None) -> Comparison | None:
    """Compare a cross-validation of random rows with one that divides no group. Rows of a class that few groups have are not
    counted, because a split by groups leaves few to learn it from; None if most rows are not.

    X (n, d), y (n,) codes, groups (n,) codes; X_random (n, e) the features of the random rows, X by default
    """
    pairs = np.unique(y.astype(np.int64) * (int(groups.max()) + 1) + groups) // (int(groups.max()) + 1)
    counted = np.bincount(pairs)[y] >= FOLDS  # (n,) bool
    if counted.mean() < 0.5:
        return None
    random = folds(y, FOLDS, 0)
    grouped = group_folds(y, groups, FOLDS, np.random.default_rng(0))
    by_random = _correct(X if X_random is None else X_random, y, [_rows(random, j) for j in range(FOLDS)])
    by_group = _correct(X, y, [_rows(grouped, j) for j in range(FOLDS)])
    return _compared(by_random, by_group, groups, counted)


def _rows(fold_of: Array, j: int) -> Rows:
    return np.flatnonzero(fold_of != j), np.flatnonzero(fold_of == j)


def compare_forward(X: Matrix, y: Array, times: Array, groups: Array | None = None) -> Comparison | None:
    """Compare training on earlier rows only with training on as many random rows, for the later half of the rows; None where
    there is nothing to compare, because a class begins late.

    X (n, d), y (n,) codes, times (n,) more than FOLDS of them; of groups (n,), if given, none is on both sides of either split
    """
    fold_of, rng = forward_folds(times, FOLDS), np.random.default_rng(0)
    forward, random = [], []
    groups = np.arange(len(y)) if groups is None else groups
    for j in range(FOLDS // 2, FOLDS):
        test = np.flatnonzero(fold_of == j)
        earlier = np.flatnonzero((fold_of < j) & ~np.isin(groups, groups[test]))
        if not np.isin(y[test], y[earlier]).all() or len(np.unique(y[earlier])) < 2:
            continue
        forward.append((earlier, test))
        for half in np.array_split(rng.permutation(test), 2):  # random rows include the neighbours of those tested
            others = np.flatnonzero(~np.isin(groups, groups[half]))
            random.append((np.sort(rng.choice(others, min(len(earlier), len(others)), replace=False)), half))
    ranks = np.empty(len(times), np.intp)
    ranks[np.argsort(times, kind="stable")] = np.arange(len(times))
    counted = np.ones(len(y), bool)
    return _compared(_correct(X, y, random), _correct(X, y, forward), ranks * CHUNKS // len(times), counted)


def _compared(random: Array | None, honest: Array | None, clusters: Array, counted: Array) -> Comparison | None:
    """Compare which rows (n,) were predicted right in the two ways, NaN where they were not tested, among those counted."""
    if random is None or honest is None:
        return None
    tested = counted & ~np.isnan(honest) & ~np.isnan(random)
    difference = (random - honest)[tested]
    if not len(difference):
        return None
    # the standard error of a mean over clusters of rows, which are not independent
    sums = np.bincount(clusters[tested], difference - difference.mean())
    error = float(np.sqrt(np.square(sums).sum())) / len(difference)
    return Comparison(float(random[tested].mean()), float(honest[tested].mean()), error)


def _correct(X: Matrix, y: Array, pairs: Iterable[Rows]) -> Array | None:
    """Which rows (n,) are predicted right, 0 or 1, by models trained on other rows; NaN for a row that is not tested. None if
    training failed."""
    correct = np.full(len(y), np.nan)
    classes = np.arange(int(y.max()) + 1)
    work = TrainOptions.batch_size * numbers_per_row(X) * len(classes)  # of a minibatch
    minibatches = min(MINIBATCHES, int(MOST_WORK / work))
    options = TrainOptions(
        loss="logistic" if len(classes) == 2 else "softmax",
        reg=1e-4,
        epochs=max(FEWEST_EPOCHS, -(-minibatches * TrainOptions.batch_size // len(y))),
        test=HeldOut("0"),
    )
    schema = Schema(X.shape[1], sparse=is_sparse(X))
    for rows, test in pairs:
        part = Part(materialize(select_rows(X, rows)), y[rows])
        try:
            model = train(options, Split(classes, part, None, None, schema, {}, ()), measured=()).model
        except (DivergedError, InputError):
            return None
        correct[test] = model.predict_codes(materialize(select_rows(X, test))) == y[test]
    return correct
