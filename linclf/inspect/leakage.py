"""Columns that predict the label alone, which is often leakage: they would not be known when the label is to be predicted."""

import numpy as np

from linclf.data.dataset import Dataset
from linclf.data.table import Cells, Table, option
from linclf.inspect.finding import Finding
from linclf.losses import Array
from linclf.optim.linalg import as_csr, materialize

SAMPLE_ROWS = 20_000  # rows examined
MOST_COUNTS = 5_000_000  # levels or columns times classes
PREDICTS_ALL, PREDICTS_MUCH = 0.98, 0.5  # share of the errors of the majority class that a single column removes
FEWEST_ERRORS = 5  # errors that it must remove: of fewer rows outside the majority class, chance predicts some
SHOWN = 6  # columns of sparse data named


def find_leaks(table: Table, y: Array) -> list[Finding]:
    """Columns that predict the label y (n,) alone, by their values or by their missingness.

    The labels of each half of the rows are predicted from the other half, and compared with always predicting the majority class.
    """
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(y))[:SAMPLE_ROWS]
    y = np.unique(y[rows], return_inverse=True)[1]
    half = _halves(y)
    base = np.bincount(y).max() / len(y)
    findings = []
    for name in table.names:
        cells = table.column(name)[rows]
        by_missingness = holdout_accuracy(_missing(cells).astype(np.float64), y, half)
        by_value = holdout_accuracy(cells, y, half)
        if _removes(by_missingness, base, PREDICTS_MUCH, len(y)):
            accuracy, what = by_missingness, "missingness"
        elif _removes(by_value, base, PREDICTS_ALL, len(y)):
            accuracy, what = by_value, "value"
        else:
            continue
        what = f"its {what} predicts the label for {accuracy:.1%} of the rows (majority class: {base:.1%})"
        do = f"is it known before the label? if not: {option('drop', name)}"
        findings.append(Finding("leak", f"{name}: {what}: possible leakage", do, (name,)))
    return findings


def find_sparse_leaks(dataset: Dataset, y: Array) -> list[Finding]:
    """Columns of sparse data whose presence predicts the label y (n,) alone."""
    X, names = as_csr(materialize(dataset.matrix())), dataset.schema.feature_names()
    (n, d), sizes = X.shape, np.bincount(y)  # (K,)
    if d * len(sizes) > MOST_COUNTS:
        return []
    counts = np.column_stack([np.bincount(X[y == k].indices, minlength=d) for k in range(len(sizes))])  # (d, K)
    right, base = (counts.max(axis=1) + (sizes - counts).max(axis=1)) / n, sizes.max() / n
    findings = []
    for j in np.flatnonzero(_removes(right, base, PREDICTS_ALL, n))[:SHOWN]:
        what = f"{names[j]}: its presence predicts the label for {right[j]:.1%} of the rows: possible leakage"
        findings.append(Finding("telling", what, "is it known before the label? if not, leave it out of the file"))
    return findings


def _removes(accuracy: Array | float, base: float, share: float, n: int) -> Array | bool:
    """Whether a column, by its accuracy on n rows, removes this share of the errors of the majority class, and enough of them."""
    gain = np.asarray(accuracy) - base
    return (gain > share * (1 - base)) & (gain * n > FEWEST_ERRORS - 0.5)


def _halves(y: Array) -> Array:
    """Which rows, in random order, are in the first half, (n,) bool: half of each class."""
    order = np.argsort(y, kind="stable")
    half = np.empty(len(y), bool)
    half[order] = np.arange(len(y)) % 2 == 0
    return half


def holdout_accuracy(cells: Array | Cells, y: Array, half: Array) -> float:
    """The accuracy of predicting the label of a row as the most frequent one of the same cell, or of the nearest number, in the
    other half of the rows; of the majority class of the other half for a cell that it does not have.

    cells (n,), labels y (n,) codes, half (n,) bool. 0 where there are too many cells and labels to count.
    """
    n_classes, right = int(y.max()) + 1, 0
    for known in (half, ~half):
        codes = cell_codes(cells, known)
        n_codes = int(codes.max()) + 1
        if n_codes * n_classes > MOST_COUNTS:
            return 0.0
        counts = np.bincount(codes[known] * n_classes + y[known], minlength=n_codes * n_classes)
        counts = counts.reshape(n_codes, n_classes)
        guess = np.where(counts.any(axis=1), counts.argmax(axis=1), counts.sum(axis=0).argmax())
        right += int((guess[codes[~known]] == y[~known]).sum())
    return right / len(y)


def cell_codes(cells: Array | Cells, known: Array | None = None) -> Array:
    """Cells (n,) as codes, 0 where one is missing; a number has the code of the nearest one among the rows `known` (n,) bool."""
    if isinstance(cells, Cells):
        return cells.codes.astype(np.intp) + 1
    present = ~np.isnan(cells)
    codes = np.zeros(len(cells), np.intp)
    values = np.unique(cells[present if known is None else present & known])
    if len(values):
        between = values[:-1] / 2 + values[1:] / 2
        codes[present] = np.searchsorted(between, cells[present]) + 1
    return codes


def _missing(cells: Array | Cells) -> Array:
    """Which cells are missing, (n,) bool."""
    return np.asarray(cells.codes < 0 if isinstance(cells, Cells) else np.isnan(cells))
