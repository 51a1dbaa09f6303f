"""`linclf doctor`: problems of a data set for a linear model, and recommended options."""

from typing import NamedTuple

import numpy as np

from linclf.data.dataset import Dataset
from linclf.data.split import Split
from linclf.data.table import Table
from linclf.inspect import checks
from linclf.inspect.finding import Finding
from linclf.inspect.leakage import find_leaks, find_sparse_leaks
from linclf.losses import Array
from linclf.optim.linalg import is_sparse, to_dense


class Examined(NamedTuple):
    """The findings, and the recommended options of `linclf train`."""

    findings: list[Finding]
    options: dict[str, str | tuple[str, ...]]


def examine(dataset: Dataset, split: Split) -> Examined:
    """Check a data set as it was read, and its split into parts. Findings that need no action come last."""
    y = np.unique(dataset.labels(), return_inverse=True)[1]  # (n,)
    findings = [*checks.find_label_problems(dataset.labels()), *_check_columns(dataset, split, y)]
    findings += checks.find_repeated_rows(split)
    n, d = split.train.X.shape
    if d > n:
        do = "compare values of --reg with linclf sweep, from 1e-7 to 1"
        findings.append(Finding("wide", f"{d} features for {n} training rows", do))
    findings.sort(key=lambda finding: finding.do.startswith("nothing"))
    return Examined(findings, _recommended(findings, split))


def _check_columns(dataset: Dataset, split: Split, y: Array) -> list[Finding]:
    """The findings on the columns of a table, of sparse or of dense data."""
    columns = split.schema.columns or ()
    if isinstance(dataset.X, Table):
        return [
            *find_leaks(checks.with_numbers(dataset.X, columns), y),
            *checks.find_duplicates(dataset.X),
            *checks.find_misspelled(dataset.X, columns),
            *checks.find_outliers(dataset.X),
            *checks.find_left_out(columns),
            *checks.find_missing(columns, len(split.train.y)),
            *checks.find_scales(dataset.X),
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
    dropped = [column for finding in findings if finding.key in ("leak", "same") for column in finding.columns]
    used = [column.name for column in split.schema.columns or () if column.feature_names()]
    if dropped and set(used) - set(dropped):
        options["drop"] = tuple(dict.fromkeys(dropped))
    if any(finding.key == "imbalance" for finding in findings):
        options["class-weight"] = "balanced"
    if any(finding.key == "sparse scales" for finding in findings):
        options["scale"] = "maxabs"
    return options
