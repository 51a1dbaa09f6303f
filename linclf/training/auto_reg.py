"""The L2 strength of `--reg auto`: the one with the least loss on held-out rows, by cross-validation on the training rows.

What is compared is reg times the number of different rows it is trained on, which without equal rows is 1 / C of LogisticRegression and
LIBLINEAR: the best one hardly depends on that number, so that folds and samples of the rows find that of all of them. The search begins at 1 and goes by
factors of FACTOR in the direction in which the loss falls, until it rises; the strength is where the parabola through the last three
has its minimum. Each fold continues at each strength from its weights at the one before, for a few full-batch steps.

On few rows the loss on held-out rows depends on chance. As the prior knowledge that strengths far from 1 are rare, the square of the
distance, in factors of SPREAD, is added to the sum of the losses of all rows, as that of a Gaussian is to a log likelihood. On 20 data sets
of 70 to 7000 rows, with 8 splits each, this took the mean log loss on test rows from .6661 to .6639, where the best strengths that
LogisticRegressionCV tries have .6658.

A row's fold follows from its features and class: equal rows are in the same one, their order does not matter, and a row of weight 2 is
two rows.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from linclf.data.row_keys import RowKeys
from linclf.data.split import Split, folds
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.full_batch import Columns, FullBatch
from linclf.optim.linalg import Matrix, content_keys, is_sparse, materialize, numbers_per_row, select_rows, take_columns
from linclf.optim.objective import Objective
from linclf.optim.rows import Rows, fast_rows
from linclf.training.options import TrainOptions
from linclf.training.prepare import PreparedData

FACTOR, MOST_STRENGTHS = 4.0, 14  # between two strengths, and how many are tried, at most
SPREAD = 2.0  # factors of FACTOR that a strength is typically away from 1 / rows
FOLDS = 3
ENOUGH_ROWS = 3000  # from which on only the first fold is held out: its rows tell enough
MOST_NUMBERS = 3 << 19  # of the rows that are used, unless there are fewer than
FEWEST_ROWS, FEWEST_OF_CLASS = 500, 30
SPARSE_COST = 6  # a number of sparse data takes as long as so many of dense data
# How near the optimum steps lead at each strength, as a share of the objective or of what training has taken off it, whichever is less;
# and as a share of the objective at zero weights, which is near enough where it is almost 0; how many steps there are, at most.
NEAR, NEAR_ZERO, MOST_STEPS = 0.01, 3e-5, 15
WIDTH = 0.25  # over which losses with kinks are smoothed
QUANTUM = 1.0123e-3  # of scaled columns, within which rows are equal
DIGITS = 3  # of the strength, so that it can be typed


@dataclass(frozen=True)
class RegSearch:
    """A strength that was chosen by cross-validation.

    reg       the strength
    tried     the strengths that were tried, ascending, and losses the mean loss on held-out rows at each
    folds     how many folds were held out, one after the other, and rows how many rows there were in all folds
    """

    reg: float
    tried: tuple[float, ...]
    losses: tuple[float, ...]
    folds: int
    rows: int

    def reason(self) -> str:
        """How it was chosen, in words."""
        if not self.folds:
            return "auto: 1 / rows, as none could be held out such that others of each fold have two classes"
        position = int(np.abs(np.log(np.array(self.tried) / self.reg)).argmin())
        near = range(max(position - 1, 0), min(position + 2, len(self.tried)))
        losses = ", ".join(f"{self.losses[i]:.4g} at {self.tried[i]:.2g}" for i in near)
        return f"auto: of {len(self.tried)} tried from {self.tried[0]:.2g} to {self.tried[-1]:.2g}; loss on held-out rows {losses}"


@dataclass(frozen=True)
class _Fold:
    """A run on the rows that a fold trains on, `count` different ones, with the objective `zero` at zero weights, and the rows that it
    holds out, with their weights."""

    run: FullBatch
    zero: float
    columns: Columns
    count: float
    held_out: Rows
    y: Array
    weights: Array
    different: float  # of the held-out rows

    def loss(self, reg: float) -> float:
        """Train at a strength, from the weights so far; the sum of the weighted losses of the held-out rows."""
        self.run.penalise(self.columns.strength(reg))
        for _ in range(MOST_STEPS):  # at least one
            self.run.step()
            near = NEAR * min(self.run.value, self.zero - self.run.value)
            if self.run.gradient_gap() <= max(near, NEAR_ZERO * self.zero) or self.run.is_stuck:
                break
        return float(self.weights @ self.run.loss(self.held_out.scores(self.run.z), self.y)[0])


@dataclass(frozen=True)
class _Folds:
    """The fold `of` each row (n,) that holds it out, -1 for a row that all train on, and -2 for one that is not used; and whether a
    row that is used `is_first` among its equals, (n,) bool."""

    of: Array
    is_first: Array


def choose_reg(options: TrainOptions, split: Split, prepared: PreparedData) -> RegSearch:
    """Choose the strength for these training rows, as they are prepared for training."""
    found = _make_folds(split, prepared, options.seed)
    used, different = int((found.of >= -1).sum()), int(found.is_first.sum())
    # how many different rows there are in all, as far as those that are used tell
    total = different / max(used, 1) * _weighted(prepared, len(found.of)) if used else float(len(found.of))
    number = min(FOLDS if different < ENOUGH_ROWS else 1, int(found.of.max()) + 1)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # of numbers too large to train on
        made = [_fold(options, split, prepared, found, k) for k in range(number)]
        runs = [fold for fold in made if fold is not None]
        measured, evidence = float(sum(fold.weights.sum() for fold in runs)), sum(fold.different for fold in runs)
        tried: dict[int, float] = {}

        def held_out_loss(exponent: int) -> float:
            if exponent not in tried:
                losses = [fold.loss(FACTOR**exponent / fold.count) for fold in runs]
                tried[exponent] = sum(losses) / measured
            return tried[exponent] * evidence + (exponent / SPREAD) ** 2 / 2

        exponent = _least(held_out_loss) if measured else 0.0
    return RegSearch(
        float(f"{FACTOR**exponent / total:.{DIGITS}g}"),
        tuple(FACTOR**one / total for one in sorted(tried)),
        tuple(tried[one] for one in sorted(tried)),
        len(runs) if measured else 0,
        used,
    )


def _weighted(prepared: PreparedData, n: int) -> int:
    """How many of n rows have a weight."""
    return n if prepared.weights is None else int(np.count_nonzero(prepared.weights))


def _least(value: Callable[[int], float]) -> float:
    """The point at which a function of whole numbers is least, by a local search from 0 and a parabola."""
    direction = 1 if value(1) < value(0) else -1
    best, count = max(direction, 0), 2
    while count < MOST_STRENGTHS and value(best + direction) < value(best):
        best, count = best + direction, count + 1
    if count == MOST_STRENGTHS:
        return float(best)
    below, least, above = value(best - 1), value(best), value(best + 1)
    bend = below - 2 * least + above
    return best + (below - above) / (2 * bend) if bend > 0 else float(best)


def _sample(y: Array, prepared: PreparedData) -> Array:
    """The numbers of the rows that are used: all that have a weight, or of large data evenly spaced ones of each class."""
    X, weights = prepared.X, prepared.weights
    rows = np.arange(len(y)) if weights is None else np.flatnonzero(weights)
    most = MOST_NUMBERS / max(numbers_per_row(X), 1) / (SPARSE_COST if is_sparse(X) else 1)
    share = max(most, FEWEST_ROWS) / max(len(rows), 1)
    if share >= 1:
        return rows
    ordered, taken = rows[np.argsort(y[rows], kind="stable")], []
    for members in np.split(ordered, np.cumsum(np.bincount(y[rows]))[:-1]):
        count = min(len(members), max(math.ceil(share * len(members)), FEWEST_OF_CLASS))
        taken.append(members[np.linspace(0, len(members) - 1, count).astype(np.intp)])
    return np.sort(np.concatenate(taken))


def _make_folds(split: Split, prepared: PreparedData, seed: int) -> _Folds:
    """The folds: with groups and times those of `linclf.data.split.folds`, and each row is taken for a different one."""
    rows, y, keys = _sample(split.train.y, prepared), split.train.y, split.keys
    of, is_first = np.full(len(y), -2), np.zeros(len(y), bool)
    if keys.groups is None and keys.times is None:
        contents = _contents(select_rows(split.train.X, rows), prepared)
        position, is_first[rows] = _positions(contents, y[rows])
        of[rows] = (position * FOLDS).astype(np.intp)
        return _Folds(of, is_first)
    is_first[rows] = True
    groups, times = (None if a is None else a[rows] for a in (keys.groups, keys.times))
    groups = None if groups is None else np.unique(groups, return_inverse=True)[1]
    with suppress(InputError):  # of too few groups, or times
        of[rows] = folds(y[rows], FOLDS, seed, RowKeys(groups, times))
    return _Folds(of, is_first)


def _contents(raw: Matrix, prepared: PreparedData) -> Array:
    """A number (n,) for each of these rows, the same for equal ones; the units of scaled columns make no difference, nor do columns
    that do not occur."""
    scaling = prepared.scaling
    X = raw if scaling.scale is None else scaling.apply(raw, "float64")
    X = X if prepared.columns is None else take_columns(materialize(X), prepared.columns)
    return content_keys(X, None if scaling.scale is None else QUANTUM)


def _positions(keys: Array, y: Array) -> tuple[Array, Array]:
    """Where each row (n,) is among the different ones of its class y, from 0 to less than 1, in the order of the keys; and whether it is
    the first of its equals, which have the same position."""
    order = np.lexsort((keys, y))
    y_ordered = y[order]
    first = np.append(True, (np.diff(keys[order]) != 0) | (np.diff(y_ordered) != 0))
    sizes = np.bincount(y_ordered, first)  # (K,) different rows
    starts = (np.cumsum(sizes) - sizes)[y_ordered]
    position, is_first = np.empty(len(y)), np.empty(len(y), bool)
    position[order], is_first[order] = (np.cumsum(first) - 1 - starts) / sizes[y_ordered], first
    return position, is_first


def _fold(options: TrainOptions, split: Split, prepared: PreparedData, made: _Folds, k: int) -> _Fold | None:
    """The run of fold k; None if its rows are of one class, or it holds no row out. Held-out rows of a class that it has no row
    to train on are left out."""
    y, loss, X = split.train.y, options.loss_value(), prepared.X
    forward = bool((made.of == -1).any())
    used = np.flatnonzero(((made.of >= -1) & (made.of < k)) if forward else ((made.of >= 0) & (made.of != k)))
    held = np.flatnonzero(made.of == k)
    present = np.bincount(y[used], minlength=len(split.classes)) > 0
    held = held[present[y[held]]]
    if np.count_nonzero(present) < 2 or not len(held):
        return None
    weights = np.ones(len(y)) if prepared.weights is None else np.asarray(prepared.weights, np.float64)
    count, v = float(made.is_first[used].sum()), weights[used]
    rows, held_out = (fast_rows(materialize(select_rows(X, one)), ones=options.bias) for one in (used, held))
    m, width = loss.n_outputs(len(split.classes)), 0.0 if loss.smoothed is None else WIDTH
    columns, z = Columns.of(Objective(loss, 1 / count, options.reg_bias), m), np.zeros((m, rows.n_columns)).T
    run = FullBatch(columns.objective, rows, y[used], v / v.sum(), columns.taken(z), width=width)
    return _Fold(run, run.value, columns, count, held_out, y[held], weights[held], float(made.is_first[held].sum()))
