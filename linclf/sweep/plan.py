"""What a sweep trains: its configurations, the folds, and the stacks that share a pass over the data.

How folds stay apart: a fold is a 0/1 weight for each row, so that rows held out move nothing; and its scaling is learned
from its own training rows. On dense data all folds of a configuration still share one X, scaled by all rows, of which each
fold has its own View. Where it cannot, each fold has an X of its own, and the passes go on in step: sparse data that are
scaled, whose View would cost a step O(d), and folds whose scalings are so far apart, by an outlier that one of them holds
out, that the shared X would cost digits.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import product
from operator import add
from typing import Any

import numpy as np

from linclf.data.scaling import Scaling, moments, scaling_of
from linclf.data.split import Part, Split, folds, parse_part
from linclf.errors import InputError
from linclf.losses import LOSSES, Array
from linclf.optim.auto_rate import SPARSE_COST
from linclf.optim.column_view import ColumnView
from linclf.optim.linalg import CHUNK_NUMBERS, Matrix, is_sparse, numbers_per_row, select
from linclf.training.fit import settings
from linclf.training.options import TrainOptions
from linclf.training.train import scaled

SWEPT = ("loss", "reg", "lr", "momentum", "average", "class_weight", "scale", "batch_size")

# Multiplications of a step beyond which a wider stack is hardly faster a model: 150 outputs on MNIST's minibatches of 64.
WIDE = 30_000_000
# Multiplications of a long sweep, some ten seconds; one of its stacks does an eighth of them at most.
LONG, SHARE = 1_000_000_000_000, 8
SCORE_COST = 90  # of a score, for the loss and its gradient, in multiplications
FIT_ARRAYS, AVERAGE_ARRAYS = 8, 7  # arrays of the size of the weights that training holds, and averaging in float64
STEP_ARRAYS = 8  # arrays of the size of a minibatch's scores, and of a chunk's when a stack is measured
MOST_CONFIGURATIONS, MOST_MEMORY = 100_000, 1e12
MAX_SCALE_RATIO = 100.0  # a fold's scaling from the shared one, in units of either: some 1e-5 of a float32's digits


@dataclass(frozen=True)
class SweepOptions:
    """What to sweep.

    base        the options that all configurations share
    lists       the values of names in SWEPT; every combination is a configuration
    cv          the number of folds, or None with a validation part (base.val)
    halving     whether, after an eighth, a quarter and a half of the epochs, those of a stack's worse half leave it that
                are more than a standard error behind its best
    max_memory  megabytes that models in training may take, of all jobs together and beside the data

    Raises InputError for a value that makes no sense, before any data are read.
    """

    base: TrainOptions = field(default_factory=TrainOptions)
    lists: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    cv: int | None = 5
    halving: bool = False
    max_memory: float = 1024.0

    def __post_init__(self) -> None:
        if self.cv is not None and self.base.val is not None:
            raise InputError("--cv and --val both hold rows out; give one of the two")
        if self.cv is None and not parse_part(self.base.val, "val"):
            raise InputError(
                "a sweep compares configurations on held-out rows; give --cv K or --val DATA or a fraction"
            )
        if self.cv is not None and self.cv < 2:
            raise InputError(f"cv is {self.cv}; give a whole number of folds >= 2")
        if not 0 < self.max_memory < MOST_MEMORY:
            raise InputError(f"max-memory is {self.max_memory:g}; give a number of megabytes > 0")
        for name, values in self.lists.items():
            if not values:
                raise InputError(f"{name.replace('_', '-')} has no value; give one at least")
        count = math.prod(len(values) for values in self.lists.values())
        if count > MOST_CONFIGURATIONS:
            raise InputError(f"{count} configurations are more than {MOST_CONFIGURATIONS}; give fewer values")
        self.configurations()

    def configurations(self) -> tuple[TrainOptions, ...]:
        """All combinations, the last list changing fastest."""
        names = [name for name in SWEPT if name in self.lists]
        values = [dict.fromkeys(self.lists[name]) for name in names]
        return tuple(replace(self.base, **dict(zip(names, chosen, strict=True))) for chosen in product(*values))


@dataclass(frozen=True)
class Fold:
    """One choice of rows to train on and rows to score on.

    used     (n,) bool: the training rows that it trains on, None for all
    held     the rows that it is scored on, as they come
    scaling  learned from the rows that it trains on
    """

    used: Array | None
    held: Part
    scaling: Scaling


@dataclass(frozen=True)
class Space:
    """The training rows X (n, d) in the scaling learned from all of them, and the folds.

    view   how the folds see X, where they are scaled and share it
    apart  whether each fold has an X of its own instead
    """

    X: Matrix
    folds: tuple[Fold, ...]
    view: ColumnView | None = None
    apart: bool = False


@dataclass(frozen=True)
class Plan:
    """All that a stack needs to be trained, and which stacks there are.

    spaces   by the value of --scale
    stacks   numbers of configurations; cut from the full list, whatever the number of jobs
    megabytes   what the largest stack takes in training
    """

    options: SweepOptions
    configurations: tuple[TrainOptions, ...]
    split: Split
    spaces: dict[str, Space]
    stacks: tuple[tuple[int, ...], ...]
    megabytes: float


def make_plan(options: SweepOptions, split: Split) -> Plan:
    """Fold the training rows, learn the scalings, cut the stacks. Raises InputError for data that do not fit the options."""
    configurations = options.configurations()
    fold_of = None
    if options.cv is not None:
        largest = int(np.bincount(split.train.y).max())
        if options.cv > largest:
            raise InputError(
                f"cv is {options.cv}, but the largest class has {largest} training rows; give fewer folds, or more data"
            )
        fold_of = folds(split.train.y, options.cv, options.base.seed)
    spaces = {
        kind: _space(replace(options.base, scale=kind), split, fold_of)
        for kind in dict.fromkeys(configuration.scale for configuration in configurations)
    }
    costs = [_cost(configuration, split, spaces[configuration.scale]) for configuration in configurations]
    stacks, megabytes = _cut(options, configurations, costs)
    return Plan(options, configurations, split, spaces, stacks, megabytes)


def _space(options: TrainOptions, split: Split, fold_of: Array | None) -> Space:
    scaling, X = scaled(options, split)
    if fold_of is None:
        if split.val is None:
            raise AssertionError("without folds there is a validation part")
        return Space(X, (Fold(None, split.val, scaling),))
    rows, k = split.train, int(fold_of.max()) + 1
    held = [Part(select(rows.X, places), rows.y[places]) for places in (np.flatnonzero(fold_of == j) for j in range(k))]
    own = [scaling] * k
    if scaling.scale is not None:
        # the moments of what each fold holds out, one pass in all; a fold's own are the sum of the others'
        known = [moments(scaling.kind, part.X) for part in held]
        others = [reduce(add, known[:j] + known[j + 1 :]) for j in range(k)]
        own = [scaling_of(scaling.kind, one, split.schema.name, options.source.data) for one in others]
    found = [Fold(fold_of != j, held[j], own[j]) for j in range(k)]
    if scaling.scale is None:
        return Space(X, tuple(found))
    view = _view(scaling, [fold.scaling for fold in found], options.bias)
    far = max(np.abs(view.rate).max(), np.abs(view.center * view.rate).max())
    if is_sparse(X) or far > MAX_SCALE_RATIO:
        return Space(X, tuple(found), apart=True)
    return Space(X, tuple(found), view)


def _view(shared: Scaling, folds: list[Scaling], bias: bool) -> ColumnView:
    """How folds see columns that were scaled by all rows; a column that is constant in a fold's rows is 0 there."""
    if shared.scale is None:
        raise AssertionError("columns that are not scaled look alike to all folds")
    d, origin = len(shared.scale), 0 if shared.center is None else shared.center
    center, rate = np.zeros((len(folds), d + 1)), np.full((len(folds), d + 1), float(bias))
    for j, fold in enumerate(folds):
        center[j, :d] = 0 if fold.center is None else (fold.center - origin) / shared.scale
        rate[j, :d] = shared.scale / fold.scale * (1 if fold.constant is None else ~fold.constant)
    return ColumnView(center.T[:, None], rate.T[:, None])  # (d + 1, 1, k)


@dataclass(frozen=True)
class _Cost:
    """Of a configuration with all its folds: who shares its pass, multiplications a step and in all, bytes in training, and
    those of measuring it on all rows at once."""

    group: tuple[Any, ...]
    step: float
    total: float
    memory: float
    measuring: float


def _cost(configuration: TrainOptions, split: Split, space: Space) -> _Cost:
    (n, d), k = space.X.shape, len(space.folds)
    sgd, outputs = settings(configuration, space.X), k * LOSSES[configuration.loss].n_outputs(len(split.classes))
    batch = min(sgd.batch_size, n)
    numbers = numbers_per_row(space.X) * (SPARSE_COST if is_sparse(space.X) else 1)
    step = 4 * (numbers + SCORE_COST) * outputs * batch
    arrays = FIT_ARRAYS + (AVERAGE_ARRAYS if configuration.average else 0)
    held = outputs * ((d + 1) * arrays + batch * STEP_ARRAYS) + 6 * n * k  # losses and weights of each row
    # without momentum a step on sparse data touches only the columns of its rows; in a stack with momentum it would not
    moves_all = is_sparse(space.X) and sgd.momentum > 0
    group = configuration.loss, configuration.batch_size, configuration.scale, moves_all
    item = np.dtype(configuration.dtype).itemsize
    return _Cost(group, step, step * sgd.epochs * n / batch, held * item, STEP_ARRAYS * item * n * outputs)


def _cut(
    options: SweepOptions, configurations: tuple[TrainOptions, ...], costs: list[_Cost]
) -> tuple[tuple[tuple[int, ...], ...], float]:
    """Stacks within the bounds of memory, speed and a long sweep, each spread over its group's list; and megabytes."""
    total, allowed = sum(cost.total for cost in costs), options.max_memory * 1e6
    chunk = STEP_ARRAYS * CHUNK_NUMBERS * np.dtype(options.base.dtype).itemsize  # bytes, of measuring a chunk of rows
    groups: dict[tuple[Any, ...], list[int]] = {}
    for number, cost in enumerate(costs):
        groups.setdefault(cost.group, []).append(number)
    stacks: list[tuple[int, ...]] = []
    for members in groups.values():
        step, work, memory, one = (
            max(getattr(costs[i], name) for i in members) for name in ("step", "total", "memory", "measuring")
        )
        if memory + min(one, chunk) > allowed:
            needed = (memory + min(one, chunk)) / 1e6
            raise InputError(
                f"one configuration of loss {configurations[members[0]].loss} takes {needed:.0f} MB in training; "
                f"give --max-memory {needed + 1:.0f} or more{', or fewer folds' if options.cv else ''}"
            )
        # a fourth of the memory, so that four stacks can be trained side by side
        widest = (allowed - min(one * len(members), chunk)) / 4 / memory
        if total > LONG:
            widest = min(widest, total / SHARE / work)
        count = max(-(-len(members) // max(int(widest), 1)), round(len(members) * step / WIDE))
        count = min(1 << (count - 1).bit_length(), len(members))  # a power of two keeps as many cores busy to the end
        stacks += [tuple(members[i::count]) for i in range(count)]
    largest = max(
        sum(costs[i].memory for i in stack) + min(sum(costs[i].measuring for i in stack), chunk) for stack in stacks
    )
    return tuple(stacks), largest / 1e6
