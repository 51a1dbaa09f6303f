"""What a split by groups or by time has become: the groups and times of each part, and what the user should know of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np

from linclf.data.dataset import Dataset, LabelledRows
from linclf.data.labels import first_of, show
from linclf.data.row_keys import Cell, RowTimes, group_cells, group_names, row_times
from linclf.data.source import Source
from linclf.data.table import Table, TableRows
from linclf.storage.decode import JsonObject

SHOWN = 3  # groups or classes named in a note
FAR_OFF = 0.25  # a share of the rows that is further from the one wanted, relative to it, is noted


@dataclass(frozen=True)
class SplitSummary:
    """How rows were split by groups or by time; empty without --group and --time.

    group, time    the columns, or None
    n_groups       the number of groups, by part
    shared_groups  of each held-out part, the number of groups that the training part has too
    time_range     the first and the last time, as in the table, by part
    """

    group: str | None = None
    time: str | None = None
    n_groups: dict[str, int] = field(default_factory=dict)
    shared_groups: dict[str, int] = field(default_factory=dict)
    time_range: dict[str, tuple[Cell, Cell]] = field(default_factory=dict)

    def to_json(self) -> JsonObject:
        """The fields as plain data, None where there is nothing."""
        return {one.name: getattr(self, one.name) or None for one in fields(self)}


def summarise(
    parts: Mapping[str, LabelledRows], own: Mapping[str, Source], source: Source
) -> tuple[SplitSummary, list[str]]:
    """The summary of a split, and notes on held-out data that share groups with the training rows, or are not later.

    parts   the rows of `train` and of the held-out parts, by name
    own     the sources of the parts that are data of their own
    source  that of the training rows
    """
    summary, notes = SplitSummary(source.group, source.time), []
    trained_groups, trained_times = group_cells(parts["train"].X, source), row_times(parts["train"].X, source)
    for key, rows in parts.items():
        where = own.get(key, source)
        notes += _missing_column_notes(rows, key, where) if key in own else []
        groups, times = group_cells(rows.X, where), row_times(rows.X, where)
        if groups is not None:
            names = group_names(groups)
            summary.n_groups[key] = len(names)
            if key != "train" and trained_groups is not None:
                shared = sorted(names & group_names(trained_groups))
                summary.shared_groups[key] = len(shared)
                if shared:
                    notes.append(
                        f"{where.data}: {len(shared)} of {len(names)} groups in column {where.group!r} are those of training rows "
                        f"too, which is leakage: {first_of(shared, SHOWN)}"
                    )
        if times is not None:
            summary.time_range[key] = times.span()
            if key in own and trained_times is not None:
                notes += _future_notes(times, trained_times, where)
    return summary, notes


def _missing_column_notes(rows: LabelledRows, key: str, where: Source) -> list[str]:
    """A note for each column of groups or times that data of their own lack."""
    table = rows.X.table if isinstance(rows.X, TableRows) else rows.X
    names = table.names if isinstance(table, Table) else ()
    unknown = {where.group: "share groups with training rows", where.time: "are later than the training rows"}
    part = {"val": "validation"}.get(key, key)
    return [
        f"{where.data}: has no column {column!r}, so that it is unknown whether its {part} rows {what}"
        for column, what in unknown.items()
        if column is not None and column not in names
    ]


def _future_notes(times: RowTimes, trained: RowTimes, where: Source) -> list[str]:
    """A note on held-out rows that are not later than all training rows."""
    if times.kind != trained.kind:
        return [
            f"{where.data}: the times in column {where.time!r} are {times.kind}, those of the training rows {trained.kind}"
        ]
    early = int((times.numbers <= trained.numbers.max()).sum())
    if not early:
        return []
    return [
        f"{where.data}: {early} of {len(times.numbers)} rows are not later than the last training row, "
        f"{where.time} {trained.span()[1]}"
    ]


def share_note(n_taken: int, n: int, fraction: float, part: str, source: Source) -> list[str]:
    """A note on a part whose share of the n rows is far from the fraction wanted."""
    if abs(n_taken - n * fraction) < 1 or abs(n_taken / n - fraction) <= FAR_OFF * fraction:
        return []
    together = f"group in column {source.group!r}" if source.group else f"time in column {source.time!r}"
    return [
        f"{source.data}: the {part} part has {n_taken / n:.1%} of the rows instead of {fraction:.1%}, because rows of the same "
        f"{together} stay together"
    ]


def class_notes(rows: LabelledRows, taken: LabelledRows, part: str, name: str) -> list[str]:
    """A note on classes of the rows of which a part that was split off has no row."""
    absent = np.setdiff1d(rows.labels(), taken.labels())
    if not len(absent):
        return []
    return [f"{name}: the {part} part has no row of class {first_of([show(label) for label in absent], SHOWN)}"]


def part_notes(dataset: Dataset, own: Mapping[str, Dataset], *, uses_val: bool) -> list[str]:
    """Notes on the validation part that the data set brings, and on parts of the other data, which are not used."""
    notes = []
    if dataset.val is not None:
        n = len(dataset.val.labels())
        use = "left out; without --val and --cv it would be used"
        if uses_val:
            use = "used as --val DATA is; --val 0 goes without"
        notes.append(f"{dataset.source.data}: its validation part of {n} rows is {use}")
    for one in own.values():
        parts = {"validation": one.val, "test": one.test}
        notes += [f"{one.source.data}: its {key} part is not used" for key, part in parts.items() if part is not None]
    return notes
