"""The plan of a sweep: its configurations in stacks, each of which is trained as one matrix of weights."""

from dataclasses import dataclass, replace

import numpy as np

from linclf.data.labels import show
from linclf.data.split import Split, folds
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.auto_rate import SPARSE_COST
from linclf.optim.linalg import CHUNK_NUMBERS, is_sparse, numbers_per_row
from linclf.sweep.folds import Fold, ScaledTrainingData, scale_for_folds
from linclf.sweep.grid import NO_HELD_OUT, SWEPT, SweepOptions
from linclf.training.finish import planned_finish
from linclf.training.fit import sgd_settings
from linclf.training.options import TrainOptions
from linclf.training.selection import Selection, check_defined, choose_metric

# Multiplications per step above which a wider stack is hardly faster per model: 150 outputs on MNIST's minibatches of 64.
WIDE = 30_000_000
# Multiplications of a long sweep, about ten seconds; each of its stacks takes at most an eighth of them.
LONG, LONG_SHARE = 1_000_000_000_000, 8
SCORE_COST = 90  # multiplications per score, for the loss and its gradient
FIT_ARRAYS, AVERAGE_ARRAYS = 8, 7  # arrays of the size of the weights in training; more for averaging, in float64
# Options that may differ within a stack, whose models have a number each; configurations that differ in others do not share one.
PER_MODEL = ("reg", "lr", "momentum", "average", "class_weight")
STEP_ARRAYS = 8  # arrays of the size of a minibatch's scores, and of a chunk's when a stack is measured


@dataclass(frozen=True)
class Plan:
    """All that is needed to train any stack.

    data       the scaled training rows and the folds, by the value of --scale
    stacks     the numbers of the configurations in each stack; they do not depend on the number of jobs
    paths      which of the stacks are solved by full-batch steps, a path along reg; the others are trained by SGD
    megabytes  the memory that the largest stack takes in training
    selection  the metric that the rows are scored by
    notes      what the user should know of the folds, a line each
    """

    options: SweepOptions
    configurations: tuple[TrainOptions, ...]
    split: Split
    data: dict[str, ScaledTrainingData]
    stacks: tuple[tuple[int, ...], ...]
    paths: tuple[bool, ...]
    megabytes: float
    selection: Selection
    notes: tuple[str, ...] = ()


def make_plan(options: SweepOptions, split: Split) -> Plan:
    """Divide the training rows into folds, learn the scalings, and divide the configurations into stacks.

    Raises InputError for data that do not fit the options.
    """
    if options.cv is None and split.val is None:
        raise InputError(NO_HELD_OUT)
    configurations, K = options.configurations, len(split.classes)
    selection = choose_metric(options.metric, options.losses, split.train.y, K, split.train.weights)
    fold_of, forward = _fold_of(options, split), split.keys.times is not None
    data = {
        kind: scale_for_folds(replace(options.base, scale=kind), split, fold_of, forward)
        for kind in dict.fromkeys(configuration.scale for configuration in configurations)
    }
    for j, fold in enumerate(next(iter(data.values())).folds, 1):
        rows = "the validation rows" if fold_of is None else f"the rows that fold {j} of {options.cv} holds out"
        check_defined(selection.metric, rows, fold.held_out.y, K, fold.held_out.weights)
    is_path = [_is_path(options, configuration, data[configuration.scale]) for configuration in configurations]
    costs = [
        _cost(configuration, split, data[configuration.scale], path=path)
        for configuration, path in zip(configurations, is_path, strict=True)
    ]
    stacks = _make_stacks(options, configurations, costs)
    paths = tuple(is_path[stack[0]] for stack in stacks)
    notes = _missing_class_notes(split, data[configurations[0].scale].folds)
    megabytes = _memory(options, costs, stacks) / 1e6
    return Plan(options, configurations, split, data, stacks, paths, megabytes, selection, tuple(notes))


def _fold_of(options: SweepOptions, split: Split) -> Array | None:
    """The fold that holds each training row out, as `data.split.folds` returns it; None without folds."""
    if options.cv is None:
        return None
    largest = int(np.bincount(split.train.y).max())
    if options.cv > largest:
        raise InputError(
            f"cv is {options.cv}, but the largest class has {largest} training rows; give fewer folds, or more data"
        )
    return folds(split.train.y, options.cv, options.base.seed, split.keys)


def _missing_class_notes(split: Split, made: tuple[Fold, ...]) -> list[str]:
    """A note for each class that the rows of some folds lack, because of their groups or times. Raises InputError for a fold
    that has a single class to train on."""
    if split.keys.groups is None and split.keys.times is None:
        return []
    lacking: dict[int, list[int]] = {}
    for number, fold in enumerate(made, 1):
        present = np.unique(split.train.y if fold.used is None else split.train.y[fold.used])
        if len(present) < 2:
            raise InputError(
                f"all rows that fold {number} of {len(made)} trains on have the label {show(split.classes[present[0]])}; "
                "give fewer folds, or --val"
            )
        for k in np.setdiff1d(np.arange(len(split.classes)), present).tolist():
            lacking.setdefault(k, []).append(number)
    return [
        f"fold{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))} of {len(made)}: no row to train on is of class "
        f"{show(split.classes[k])}"
        for k, numbers in lacking.items()
    ]


@dataclass(frozen=True)
class _Cost:
    """The cost of a configuration with all its folds.

    group          only configurations of the same group can share a stack
    step, total    multiplications per step, and in all
    memory         bytes in training
    measuring      bytes to measure it on all rows at once
    """

    group: tuple[object, ...]
    step: float
    total: float
    memory: float
    measuring: float


def _is_path(options: SweepOptions, configuration: TrainOptions, data: ScaledTrainingData) -> bool:
    """Whether models of this configuration are solved by full-batch steps from zero weights, as `linclf train` does. With validation
    rows the best epoch is used, and halving needs epochs."""
    if options.cv is None or options.halving:
        return False
    finish = planned_finish(configuration, data.X, from_zero=True)
    return finish is not None and finish.from_zero


def _cost(configuration: TrainOptions, split: Split, data: ScaledTrainingData, *, path: bool = False) -> _Cost:
    (n, d), k = data.X.shape, len(data.folds)
    settings = sgd_settings(configuration, data.X)
    outputs = k * configuration.loss_value().n_outputs(len(split.classes))
    batch = min(settings.batch_size, n)
    numbers = numbers_per_row(data.X) * (SPARSE_COST if is_sparse(data.X) else 1)
    step = 4 * (numbers + SCORE_COST) * outputs * batch
    arrays = FIT_ARRAYS + (AVERAGE_ARRAYS if configuration.average else 0)
    training = outputs * ((d + 1) * arrays + batch * STEP_ARRAYS) + 6 * n * k  # 6 n k: losses and weights of each row
    # without momentum a step on sparse data touches only the columns of its rows; in a stack with momentum it would not
    all_weights_move = is_sparse(data.X) and settings.momentum > 0
    group = *(getattr(configuration, name) for name in SWEPT if name not in PER_MODEL), all_weights_move
    if path:  # solved one after the other: what they differ in, but for reg, divides them
        group = *group, "path", *(getattr(configuration, name) for name in PER_MODEL if name != "reg")
    item = np.dtype(configuration.dtype).itemsize
    return _Cost(group, step, step * settings.epochs * n / batch, training * item, STEP_ARRAYS * item * n * outputs)


def _chunk_bytes(options: SweepOptions) -> int:
    """The bytes that measuring takes at most: rows are measured in chunks."""
    return STEP_ARRAYS * CHUNK_NUMBERS * np.dtype(options.base.dtype).itemsize


def _make_stacks(
    options: SweepOptions, configurations: tuple[TrainOptions, ...], costs: list[_Cost]
) -> tuple[tuple[int, ...], ...]:
    """Divide each group into stacks within the limits of memory and speed. The members of a group are dealt out to its
    stacks round-robin, so that the stacks cost about the same."""
    total, allowed, chunk = sum(cost.total for cost in costs), options.max_memory * 1e6, _chunk_bytes(options)
    groups: dict[tuple[object, ...], list[int]] = {}
    for number, cost in enumerate(costs):
        groups.setdefault(cost.group, []).append(number)
    stacks: list[tuple[int, ...]] = []
    for members in groups.values():
        step = max(costs[i].step for i in members)
        work = max(costs[i].total for i in members)
        memory = max(costs[i].memory for i in members)
        measuring = max(costs[i].measuring for i in members)
        if memory + min(measuring, chunk) > allowed:
            needed = (memory + min(measuring, chunk)) / 1e6
            raise InputError(
                f"one configuration of loss {configurations[members[0]].loss} takes {needed:.0f} MB in training; "
                f"give --max-memory {needed + 1:.0f} or more{', or fewer folds' if options.cv else ''}"
            )
        # a fourth of the memory, so that four stacks can be trained in parallel
        widest = (allowed - min(measuring * len(members), chunk)) / 4 / memory
        if total > LONG:
            widest = min(widest, total / LONG_SHARE / work)
        count = max(-(-len(members) // max(int(widest), 1)), round(len(members) * step / WIDE))
        count = min(1 << (count - 1).bit_length(), len(members))  # a power of two keeps as many cores busy to the end
        stacks += [tuple(members[i::count]) for i in range(count)]
    return tuple(stacks)


def _memory(options: SweepOptions, costs: list[_Cost], stacks: tuple[tuple[int, ...], ...]) -> float:
    """The bytes that the largest stack takes."""
    chunk = _chunk_bytes(options)
    return max(
        sum(costs[i].memory for i in stack) + min(sum(costs[i].measuring for i in stack), chunk) for stack in stacks
    )
