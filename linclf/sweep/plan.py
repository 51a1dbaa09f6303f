"""What a sweep trains: its configurations, the folds, and the stacks that share a pass over the data."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from linclf.data.split import Split, folds
from linclf.errors import InputError
from linclf.optim.auto_rate import SPARSE_COST
from linclf.optim.linalg import CHUNK_NUMBERS, is_sparse, numbers_per_row
from linclf.sweep.folds import Space, scaled_training_data
from linclf.sweep.grid import SweepOptions
from linclf.training.fit import settings
from linclf.training.options import TrainOptions

# Multiplications of a step beyond which a wider stack is hardly faster a model: 150 outputs on MNIST's minibatches of 64.
WIDE = 30_000_000
# Multiplications of a long sweep, some ten seconds; one of its stacks does an eighth of them at most.
LONG, SHARE = 1_000_000_000_000, 8
SCORE_COST = 90  # of a score, for the loss and its gradient, in multiplications
FIT_ARRAYS, AVERAGE_ARRAYS = 8, 7  # arrays of the size of the weights that training holds, and averaging in float64
STEP_ARRAYS = 8  # arrays of the size of a minibatch's scores, and of a chunk's when a stack is measured


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
        kind: scaled_training_data(replace(options.base, scale=kind), split, fold_of)
        for kind in dict.fromkeys(configuration.scale for configuration in configurations)
    }
    costs = [_cost(configuration, split, spaces[configuration.scale]) for configuration in configurations]
    stacks, megabytes = _cut(options, configurations, costs)
    return Plan(options, configurations, split, spaces, stacks, megabytes)


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
    sgd, outputs = settings(configuration, space.X), k * configuration.loss_value().n_outputs(len(split.classes))
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
