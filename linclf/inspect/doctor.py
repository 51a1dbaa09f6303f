"""`linclf doctor`: problems of a data set for a linear model, and recommended options."""

from typing import NamedTuple

import numpy as np

from linclf.data.dataset import Dataset
from linclf.data.split import Split
from linclf.data.table import Table
from linclf.inspect import checks
from linclf.inspect.features import features_of
from linclf.inspect.finding import Finding
from linclf.inspect.groups import find_groups
from linclf.inspect.leakage import find_leaks, find_sparse_leaks
from linclf.inspect.near_duplicates import find_near_duplicates, rows_examined
from linclf.inspect.time_order import find_time_order
from linclf.losses import Array
from linclf.optim.linalg import is_sparse, to_dense


class Examined(NamedTuple):
    """The findings, and the recommended options of `linclf train`."""

    findings: list[Finding]
    options: dict[str, str | tuple[str, ...]]


def examine(dataset: Dataset, split: Split) -> Examined:
    """Check a data set as it was read, and its split into parts. Findings that need no action come last."""
    y = np.unique(dataset.labels(), return_inverse=True)[1]  # (n,)
    dependent = _find_dependent_rows(dataset, split, y)
    # a column of groups or times may predict the label alone, because rows of the same group, or of neighbouring times, share it
    explained = _concerned(dependent, "groups") | _concerned(dependent, "time order")
    columns = _check_columns(dataset, split, y)
    columns = [finding for finding in columns if finding.key != "leak" or not explained.intersection(finding.columns)]
    first = [*checks.find_unseen_labels(split), *checks.find_notes(dataset.notes)]
    findings = [
        *first,
        *checks.find_label_problems(dataset.labels()),
        *dependent,
        *columns,
        *checks.find_repeated_rows(split),
    ]
    n, d = split.train.X.shape
    if d > n:
        do = "compare values of --reg with linclf sweep, from 1e-7 to 1"
        findings.append(Finding("wide", f"{d} features for {n} training rows", do))
    findings.sort(key=lambda finding: not finding.asks)
    return Examined(findings, _recommended(findings, split))


def _concerned(findings: list[Finding], key: str) -> set[str]:
    """The columns that findings of this kind concern, and ask to do something about."""
    return {name for finding in findings if finding.key == key and finding.asks for name in finding.columns}


def _find_dependent_rows(dataset: Dataset, split: Split, y: Array) -> list[Finding]:
    """Rows that a random split must not put on both sides: those of a group, of neighbouring times, or near duplicates.

    The first of these that is found is all, since it would make the others look alike.
    """
    source, schema = dataset.source, split.schema
    found = find_groups(dataset, schema, y) if source.group is None else []
    if source.time is None and not any(finding.asks for finding in found):
        found += find_time_order(dataset, schema, y)
    if source.group is None and not any(finding.asks for finding in found):
        rows = rows_examined(len(y), schema)
        found += find_near_duplicates(features_of(dataset, schema, rows), schema, y[rows], len(y), source.drop)
    return found


def _check_columns(dataset: Dataset, split: Split, y: Array) -> list[Finding]:
    """The findings on the columns of a table, of sparse or of dense data."""
    columns = split.schema.columns or ()
    if isinstance(dataset.X, Table):
        table = checks.without_columns(dataset.X, set(dataset.source.roles().values()))
        parsed = checks.with_numbers(table, columns)
        return [
            *find_leaks(parsed, y),
            *checks.find_duplicates(table),
            *checks.find_misspelled(table, columns),
            *checks.find_outliers(parsed, table, columns),
            *checks.find_left_out(columns),
            *checks.find_missing(columns, len(split.train.y)),
            *checks.find_scales(table),
        ]
    if is_sparse(dataset.matrix()):
        return [*checks.find_sparse_problems(dataset), *find_sparse_leaks(dataset, y)]
    table = Table(dataset.schema.feature_names(), to_dense(dataset.matrix()[:]), {})
    return [
        *checks.find_constants(table),
        *find_leaks(table, y),
        *checks.find_duplicates(table),
        *checks.find_outliers(table),
        *checks.find_scales(table),
    ]


def _recommended(findings: list[Finding], split: Split) -> dict[str, str | tuple[str, ...]]:
    """Options of `linclf train`; `drop` is a tuple of columns."""
    options: dict[str, str | tuple[str, ...]] = {"loss": "logistic" if len(split.classes) == 2 else "softmax"}
    kept = _concerned(findings, "groups") | _concerned(findings, "time order")
    dropped = [column for finding in findings if finding.key in ("leak", "same") for column in finding.columns]
    dropped = [column for column in dropped if column not in kept]
    used = [column.name for column in split.schema.columns or () if column.feature_names()]
    if dropped and set(used) - set(dropped):
        options["drop"] = tuple(dict.fromkeys(dropped))
    for key, name in (("groups", "group"), ("time order", "time")):
        for column in _concerned(findings, key):
            options[name] = column
    if any(finding.key == "labels alike" and "--clean-labels" in finding.do for finding in findings):
        options["clean-labels"] = ""
    sentinels = [finding.what.split(": ", 1)[1].split(" in ")[0] for finding in findings if finding.key == "sentinel"]
    if sentinels:
        options["na-values"] = tuple(dict.fromkeys(sentinels))
    if any(finding.key == "imbalance" for finding in findings):
        options["class-weight"] = "balanced"
    if any(finding.key == "sparse scales" for finding in findings):
        options["scale"] = "maxabs"
    return options
