"""Rows that are nearly the same, in small sets: several measurements of the same person or device, or versions of a document.

In ordinary data the number of rows within a distance grows with the distance, smoothly: in D dimensions as its D-th power. Around
rows that come in sets of near duplicates there is a gap: beyond those of its set, a row has no others for a long way.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from linclf.data.columns.number import FEW_NUMBERS
from linclf.data.schema import Schema
from linclf.inspect.features import select_columns, standardised
from linclf.inspect.finding import Finding
from linclf.inspect.row_hashes import row_hashes
from linclf.inspect.trials import compare_groups
from linclf.losses import Array
from linclf.optim.linalg import Stored, add_transposed_product, squared_norms

FEWEST_ROWS = 60  # of a data set in which they are sought
FEWEST_COLUMNS = 3  # that rows are compared by
MOST_ROWS, RUN = 2400, 200  # rows examined; in larger data in runs of neighbouring rows, since a set is often together
MOST_NUMBERS = 2_000_000  # of the rows examined, unless that are fewer than RUN
BLOCK = 500  # rows whose distances to all others are computed at a time
BINS = 400  # of distances, evenly spaced in the logarithm, from SHORTEST to 1 times the typical one
SHORTEST = 1e-4
GAP = 1.25  # the ratio of distances between which there are nearly no rows
IN_GAP = 0.1  # rows at distances in the gap, per row nearer than it
NEAR = 0.3  # rows nearer than the gap, per row
LARGEST_SET, FEWEST_SETS = 0.05, 20  # share of the rows in the largest set, and number of sets
LEAST_DROP = 0.05  # of the accuracy, that is reported


class NearSets(NamedTuple):
    """Sets of near duplicates: the set of each row (n,), and the largest distance within sets as a share of the typical one."""

    sets: Array
    distance: float


def find_near_duplicates(X: Stored, schema: Schema, y: Array, n: int, dropped: tuple[str, ...]) -> list[Finding]:
    """Rows that are nearly the same, if a random split that puts them on both sides looks better than one that does not.

    X (m, d)  the features, of the columns of a schema, of the rows examined; y (m,) their codes
    n         the number of all rows
    dropped   the columns that --drop names, one of which may say why rows are alike
    """
    found = near_sets(compared_columns(X, schema))
    y = np.unique(y, return_inverse=True)[1]
    compared = None if found is None or y.max() == 0 else compare_groups(X, y, found.sets)
    if found is None or compared is None or not compared.exceeds(LEAST_DROP):
        return []
    sizes = np.bincount(found.sets)
    examined = "" if len(y) == n else f"of {len(y)} rows examined, "
    what = (
        f"{examined}{sizes[sizes > 1].sum()} rows are near duplicates, in {(sizes > 1).sum()} sets within which rows differ by less "
        f"than {found.distance:.2g} of the usual distance. A random split, with a set on both sides: {compared.random:.2f}; "
        f"with each set on one side: {compared.honest:.2f}"
    )
    do = "if a set is one person, device or document, "
    if schema.columns is None:
        do += "hold out whole sets: --test FILE"
    else:
        do += "split by the column that names it: --group COL"
        do += f" (is it {' or '.join(dropped)}, which --drop leaves out?)" if dropped else ""
    return [Finding("near duplicates", what, do)]


def rows_examined(n: int, schema: Schema) -> Array:
    """The numbers of the rows to examine, of n: all, or runs of neighbouring ones, evenly spaced."""
    most = MOST_ROWS if schema.sparse else max(RUN, min(MOST_ROWS, MOST_NUMBERS // max(schema.count, 1)))
    if n <= most:
        return np.arange(n)
    starts = np.linspace(0, n - RUN, most // RUN).astype(np.intp)
    return np.unique((starts[:, None] + np.arange(RUN)).ravel())


def compared_columns(X: Stored, schema: Schema) -> Stored:
    """The features by which rows are compared. Rows that agree in levels, or in columns of a few numbers, are alike, but no near
    duplicates."""
    levels = [column.has_levels for column in schema.columns or () for _ in column.feature_names()]
    if isinstance(X, np.ndarray):
        return X[:, [len(np.unique(column)) > FEW_NUMBERS for column in X.T]]
    return select_columns(X, np.flatnonzero(~np.array(levels, bool))) if levels else X


def near_sets(X: Stored) -> NearSets | None:
    """The sets of near duplicates among rows X (n, d), if the distances have a gap; None otherwise. Exact duplicates count once."""
    x = standardised(X)
    if x.shape[1] < FEWEST_COLUMNS:
        return None
    first, copies = _distinct(row_hashes(x))
    x, n = x[first], len(first)
    if n < FEWEST_ROWS:
        return None
    typical = float(np.sqrt(2 * squared_norms(x).mean() - 2 * np.square(_mean(x)).sum()))
    if not 0 < typical < np.inf:
        return None
    edges = np.geomspace(SHORTEST, 1, BINS + 1)
    counts = np.zeros(BINS + 1)  # pairs by their distance, and first those that are nearer than SHORTEST
    for distances in _distances(x):
        counts += np.histogram(distances / typical, [-1.0, *edges])[0]
    counts[0] -= n  # each row and itself
    within = np.cumsum(counts) / n  # rows within each edge, per row
    beyond = np.interp(edges * GAP, edges, within)
    is_gap = (within >= NEAR) & (beyond - within <= IN_GAP * within) & (within <= LARGEST_SET * n) & (edges * GAP <= 1)
    if not is_gap.any():
        return None
    cut = float(edges[np.flatnonzero(is_gap)[0]])
    sets = _connected(x, cut * np.sqrt(GAP) * typical)
    sizes = np.bincount(sets)
    if len(sizes) < FEWEST_SETS or sizes.max() > LARGEST_SET * n:
        return None
    return NearSets(sets[copies], cut)


def _distinct(keys: list[int]) -> tuple[Array, Array]:
    """The numbers of the rows that are the first of their key, in order, and which of these each row (n,) is a copy of."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(order), np.intp)
    place[order] = np.arange(len(order))
    return first[order], place[inverse]


def _mean(x: Stored) -> Array:
    """The mean (d,) of rows x (n, d)."""
    total = np.zeros((x.shape[1], 1), x.dtype)
    add_transposed_product(x, np.ones((x.shape[0], 1), x.dtype), total)
    return np.asarray(total[:, 0] / x.shape[0])


def _distances(x: Stored) -> Iterator[Array]:
    """The distances of rows of x (n, d) to all rows, (BLOCK, n), block after block."""
    norms = squared_norms(x)
    for start in range(0, x.shape[0], BLOCK):
        rows = slice(start, start + BLOCK)
        yield np.sqrt(np.maximum(norms[rows, None] + norms - 2 * _products(x, rows), 0))


def _products(x: Stored, rows: slice) -> Array:
    """The inner products of some rows of x (n, d) with all rows, (rows, n)."""
    if isinstance(x, np.ndarray):
        return np.asarray(x[rows] @ x.T)
    from scipy.sparse import csr_matrix

    return np.asarray((csr_matrix(x[rows]) @ csr_matrix(x).T).toarray())


def _connected(x: Stored, distance: float) -> Array:
    """The set 0, 1, ... of each row of x (n, d): rows are in the same set if they are this near, directly or by way of others."""
    from scipy.sparse import csr_matrix, vstack
    from scipy.sparse.csgraph import connected_components

    near = [csr_matrix(distances <= distance) for distances in _distances(x)]
    return np.asarray(connected_components(vstack(near), directed=False)[1])
