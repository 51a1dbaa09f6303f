"""Rows in the order of time: a model that is tested on random rows was trained on rows before and after each of them."""

import shlex
from dataclasses import replace

import numpy as np

from linclf.data.columns.date_choice import choose_date_format
from linclf.data.dataset import Dataset
from linclf.data.row_keys import row_keys
from linclf.data.schema import Schema
from linclf.data.table import Table
from linclf.inspect.features import features_of, standardised
from linclf.inspect.finding import Finding
from linclf.inspect.trials import CHUNKS, Comparison, compare_forward, compare_groups, rows_tried
from linclf.losses import Array
from linclf.optim.linalg import Stored, to_dense

FEWEST_ROWS = 100  # of a data set in which an order is sought
FEWEST_TIMES = 20  # different times of a column
FAR = 20  # rows from one another that are compared with neighbours
NEIGHBOURS = (
    0.9  # mean squared distance of neighbours, of the same label, as a share of that of rows FAR from one another
)
CHANCE = (
    5.0  # standard errors by which the distances, and the number of runs of labels, differ from those in random order
)
RUNS_PER_CLASS = 4  # with fewer runs the rows are sorted by label
MOST_SPREAD = 3.0  # standard deviations from the mean; numbers beyond count as this
LEAST_DROP = 0.05  # of the accuracy, that is reported


def find_time_order(dataset: Dataset, schema: Schema, y: Array) -> list[Finding]:
    """A column of dates, or the order of the file, if training on earlier rows only is worse than training on random rows.

    y (n,) are codes. The order of the file is tried only where neighbouring rows are alike, more than their labels explain.
    """
    if len(y) < FEWEST_ROWS:
        return []
    compared = {name: _compared(dataset, schema, y, times) for name, times in _date_columns(dataset, y).items()}
    real = [(name, it) for name, it in compared.items() if it is not None and it.exceeds(LEAST_DROP)]
    if real:
        name, found = max(real, key=lambda pair: pair[1].drop)
        what = (
            f"{name}: the label is predicted worse for rows that are later than those of training. {_accuracies(found)}"
        )
        return [Finding("time order", what, f"if later rows are to be predicted: --time {shlex.quote(name)}", (name,))]
    return [] if dataset.source.group else _find_file_order(dataset, schema, y)


def _accuracies(found: Comparison) -> str:
    return f"Trained on random rows: {found.random:.2f}; trained on as many earlier rows: {found.honest:.2f}"


def _date_columns(dataset: Dataset, y: Array) -> dict[str, Array]:
    """The columns of dates, without gaps and with many different ones, as numbers (n,); no columns that separate the labels, which
    may be leaks."""
    columns = {}
    texts = dataset.X.texts if isinstance(dataset.X, Table) else {}
    for name, cells in texts.items():
        if (cells.codes >= 0).all() and np.count_nonzero(cells.counts()) >= FEWEST_TIMES:
            counts = cells.counts()
            used = np.flatnonzero(counts)
            form = choose_date_format(cells.levels[used], counts[used], dataset.source.day_first)
            times = None if form is None or form.ambiguous or not form.has_date else cells.converted(form.numbers)
            if times is not None and not np.isnan(times).any() and not _sorted_by(times, y):
                columns[name] = times
    return columns


def _sorted_by(times: Array, y: Array) -> bool:
    """Whether labels y (n,) are sorted, or nearly, in the order of times (n,)."""
    ordered = y[np.argsort(times, kind="stable")]
    return _count_runs(ordered) < RUNS_PER_CLASS * (int(y.max()) + 1)


def _count_runs(labels: Array) -> int:
    """The number of runs of equal labels (n,)."""
    return int((labels[1:] != labels[:-1]).sum()) + 1


def _find_file_order(dataset: Dataset, schema: Schema, y: Array) -> list[Finding]:
    """The order of the file, where neighbouring rows are alike and their labels come in runs, but are not sorted."""
    rows = np.arange(len(y))[-rows_tried(features_of(dataset, schema, np.arange(FEWEST_ROWS))) :]
    X, labels = features_of(dataset, schema, rows), np.unique(y[rows], return_inverse=True)[1]
    n_runs, expected = _runs(labels)
    if n_runs is None or not neighbours_are_alike(X, labels):
        return []
    by_run = compare_groups(X, labels, np.arange(len(labels)) * CHUNKS // len(labels))
    if by_run is None or not by_run.exceeds(LEAST_DROP):
        return []
    name, times = _monotone_column(dataset)
    forward = _compared(dataset, schema, y, times)
    accuracies = f"A random split: {by_run.random:.2f}; with neighbouring rows on one side: {by_run.honest:.2f}"
    if forward is not None and forward.drop >= LEAST_DROP:
        accuracies = _accuracies(forward)
    what = (
        f"neighbouring rows are alike, and their labels come in {n_runs} runs, where random order has about {expected}. "
        f"{accuracies}"
    )
    if name is not None:
        do = f"if the rows are in the order of time: --time {shlex.quote(name)}"
    elif isinstance(dataset.X, Table):
        do = (
            "if they are in the order of time, add a column of times or of row numbers: --time COL; if neighbours are of the "
            "same person or place, add a column that names it: --group COL"
        )
    else:
        do = "if they are in the order of time, hold out the last ones: --test FILE"
    return [Finding("time order", what, do, () if name is None else (name,))]


def _runs(labels: Array) -> tuple[int | None, int]:
    """The number of runs of equal labels (n,), None if it is not smaller than in random order by more than chance, or so small
    that the rows are sorted by label; and the number expected in random order."""
    n_runs = _count_runs(labels)
    change = 1 - float(np.square(np.bincount(labels) / len(labels)).sum())
    expected = 1 + (len(labels) - 1) * change
    spread = np.sqrt(len(labels) * change * (1 - change))
    in_runs = RUNS_PER_CLASS * (int(labels.max()) + 1) <= n_runs < expected - CHANCE * spread
    return (n_runs if in_runs else None), round(expected)


def neighbours_are_alike(X: Stored, labels: Array) -> bool:
    """Whether neighbouring rows of X (n, d) are nearer to each other than rows FAR from one another, of rows of the same label
    (n,)."""
    near, far = (_squared_distances(X, labels, lag) for lag in (1, FAR))
    if min(len(near), len(far)) < FEWEST_TIMES:
        return False
    error = np.sqrt(near.var() / len(near) + far.var() / len(far))
    return bool(near.mean() < NEIGHBOURS * far.mean() and far.mean() - near.mean() > CHANCE * error)


def _squared_distances(X: Stored, labels: Array, lag: int) -> Array:
    """The squared distances of rows and those `lag` rows later, of the same label; dense columns are standardised."""
    pairs = np.flatnonzero(labels[lag:] == labels[:-lag])
    if isinstance(X, np.ndarray):
        z = np.clip(to_dense(standardised(X)), -MOST_SPREAD, MOST_SPREAD)
        return np.asarray(np.square(z[pairs] - z[pairs + lag]).sum(axis=1))
    from scipy.sparse import csr_matrix

    difference = csr_matrix(X)[pairs] - csr_matrix(X)[pairs + lag]
    return np.asarray(difference.multiply(difference).sum(axis=1)).ravel()


def _monotone_column(dataset: Dataset) -> tuple[str | None, Array]:
    """The first column of numbers by which the rows of the file are sorted, and its numbers; else the positions of the rows."""
    table = dataset.X
    if isinstance(table, Table):
        for name, j in table.number_index.items():
            steps = np.diff(table.numbers[:, j])
            sorted_by = (steps >= 0).all() or (steps <= 0).all()
            if sorted_by and np.count_nonzero(steps) >= FEWEST_TIMES and name not in dataset.source.roles().values():
                return name, table.numbers[:, j]
    return None, np.arange(len(dataset.labels()), dtype=float)


def _compared(dataset: Dataset, schema: Schema, y: Array, times: Array) -> Comparison | None:
    """Compare training on random and on earlier rows, among the latest rows. The column of times is a feature in both, so that a
    label that depends on the date, such as one of birth, is no reason to split by it."""
    most = rows_tried(features_of(dataset, schema, np.arange(FEWEST_ROWS)))
    rows = np.sort(np.argsort(times, kind="stable")[-most:])
    labels = np.unique(y[rows], return_inverse=True)[1]
    if labels.max() == 0 or len(np.unique(times[rows])) < FEWEST_TIMES:
        return None
    groups = row_keys(dataset.select(rows).X, replace(dataset.source, time=None)).groups
    return compare_forward(features_of(dataset, schema, rows), labels, times[rows], groups)
