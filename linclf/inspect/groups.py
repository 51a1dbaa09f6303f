"""Columns whose values say which rows belong together, such as patients: rows that a random split puts on both sides."""

import re
import shlex

import numpy as np

from linclf.data.columns.base import Column
from linclf.data.dataset import Dataset
from linclf.data.row_keys import group_codes
from linclf.data.schema import Schema
from linclf.data.table import Cells, Table
from linclf.inspect.features import features_of
from linclf.inspect.finding import Finding
from linclf.inspect.trials import Comparison, compare_groups, rows_tried
from linclf.losses import Array

FEWEST_NAMED, FEWEST_GROUPS = 6, 20  # groups of a column with and without the name of an id
LARGEST_NAMED, LARGEST_GROUP = 0.35, 0.2  # share of the rows, likewise
REPEATED = 0.5  # share of the rows whose value another row has too
AGREEMENT = 0.1  # of labels within a group, from 0 for chance to 1; less cannot make a random split look much better
SAMPLE_ROWS = 20_000  # by which columns of few values are told apart
NO_GROUPS = ("date", "text", "weight", "group", "time")  # kinds of columns
MOST_TRIED = 3  # columns that are tried
FEWEST_ROWS = 60  # of a data set in which groups are sought
LEAST_DROP = 0.03  # of the accuracy, that is reported
CHANCE_NAMED = 2.0  # standard errors of a drop that is reported of a column with the name of an id

_ID_NAME = re.compile(
    r"(.*[\W_])?(id|uuid|guid)|(patient|user|customer|client|subject|participant|respondent|person|student|member|household|family"
    r"|session|visitor|account|device|machine|animal|donor|speaker|author|writer|driver|owner)"
    r"([\W_]*(id|no|nr|num|number|code|key|name))?",
    re.IGNORECASE,
)
_CAMEL_ID = re.compile(r".*[a-z0-9](Id|ID)")


def find_groups(dataset: Dataset, schema: Schema, y: Array) -> list[Finding]:
    """A column that says which rows belong together, if there is one: by its name, or because new values of it are predicted
    worse by the other columns. y (n,) are codes.

    The accuracies of a random split and of one that divides no group are those of short cross-validations.
    """
    table = dataset.X
    if not isinstance(table, Table) or len(y) < FEWEST_ROWS:
        return []
    tried = [(one, _compared(dataset, schema, y, one)) for one in _candidates(table, schema.columns or (), y)]
    named = [(name, found) for name, found in tried if found and has_id_name(name)]
    alike = [(name, found) for name, found in tried if found and found.exceeds(LEAST_DROP)]
    maybe = [(name, found) for name, found in named if found.exceeds(LEAST_DROP, CHANCE_NAMED)]
    if not (alike or named):
        return []
    name, found = max(alike or maybe or named, key=lambda pair: pair[1].drop)
    option = f"--group {shlex.quote(name)}"
    n_groups = int(group_codes(table.column(name)).max()) + 1
    what = f"{name}: {n_groups} values, with {len(y) / n_groups:.3g} rows each on average{', which are alike' if alike else ''}. "
    what += f"A random split: {found.random:.2f}; no {name} on both sides: {found.honest:.2f}"
    do = f"if new values of {name} are to be predicted: {option}"
    if not (alike or maybe):
        do = f"nothing: the difference may be chance; {option} divides none of them"
    return [Finding("groups", what, do, (name,))]


def has_id_name(name: str) -> bool:
    """Whether a column has the name of an id, or of what has one, such as `patient`."""
    return bool(_ID_NAME.fullmatch(name) or _CAMEL_ID.fullmatch(name))


def _candidates(table: Table, columns: tuple[Column, ...], y: Array) -> list[str]:
    """The columns that may name groups, the most likely first."""
    kinds = {column.name: column.kind for column in columns}
    some = np.random.default_rng(0).permutation(len(y))[:SAMPLE_ROWS]
    found: dict[str, float] = {}
    for name in table.names:
        cells, is_named = table.column(name), has_id_name(name)
        if (
            kinds.get(name) in NO_GROUPS
            or not _may_be_groups(cells)
            or not _has_many(group_codes(cells[some]), is_named)
        ):
            continue
        groups = group_codes(cells)
        sizes = np.bincount(groups)
        agreement = label_agreement(groups, y)
        if sizes[sizes > 1].sum() >= REPEATED * len(y) and (is_named or agreement >= AGREEMENT):
            found[name] = agreement + is_named
    return sorted(found, key=lambda name: -found[name])[:MOST_TRIED]


def _has_many(groups: Array, is_named: bool) -> bool:
    """Whether there are many groups, codes (n,), and none has a large share of the rows."""
    sizes = np.bincount(groups)
    fewest, largest = (FEWEST_NAMED, LARGEST_NAMED) if is_named else (FEWEST_GROUPS, LARGEST_GROUP)
    return len(sizes) >= fewest and int(sizes.max()) <= largest * len(groups)


def _may_be_groups(cells: Array | Cells) -> bool:
    """Whether cells are texts or whole numbers, and none is missing."""
    if isinstance(cells, Cells):
        return bool((cells.codes >= 0).all())
    return bool((cells == np.floor(cells)).all())


def label_agreement(groups: Array, y: Array) -> float:
    """How much more often two rows of the same group have the same label than any two rows: 0 for chance, 1 for always.

    groups (n,) and y (n,) codes
    """
    n_classes = int(y.max()) + 1
    _, counts = np.unique(groups.astype(np.int64) * n_classes + y, return_counts=True)
    sizes, classes = np.bincount(groups), np.bincount(y)
    pairs = float((sizes * (sizes - 1.0)).sum())
    chance = float((classes * (classes - 1.0)).sum()) / (len(y) * (len(y) - 1.0))
    if not pairs or chance == 1:
        return 0.0
    return (float((counts * (counts - 1.0)).sum()) / pairs - chance) / (1 - chance)


def _compared(dataset: Dataset, schema: Schema, y: Array, name: str) -> Comparison | None:
    """Compare splits of some groups of a column. The features are all others; with the name of an id, those of the random split
    are all of them, as without --group."""
    groups = group_codes(dataset.X.column(name)) if isinstance(dataset.X, Table) else y
    rows = _whole_groups(groups, rows_tried(features_of(dataset, schema, np.arange(FEWEST_ROWS))))
    X, whole = features_of(dataset, schema, rows, without=name), None
    labels, sampled = np.unique(y[rows], return_inverse=True)[1], np.unique(groups[rows], return_inverse=True)[1]
    if not X.shape[1] or labels.max() == 0 or sampled.max() < FEWEST_NAMED - 1:
        return None
    if has_id_name(name):
        whole = features_of(dataset, schema, rows)
    return compare_groups(X, labels, sampled, whole)


def _whole_groups(groups: Array, most: int) -> Array:
    """The numbers of the rows of random groups, about `most` rows together."""
    order = np.random.default_rng(0).permutation(int(groups.max()) + 1)
    ends = np.cumsum(np.bincount(groups)[order])
    return np.flatnonzero(np.isin(groups, order[: max(1, int(np.searchsorted(ends, most, side="right")))]))
