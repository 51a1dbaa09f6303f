"""Drift: how the columns of new rows differ from those of the training rows, and when so much that predictions would be wrong."""

import math
from dataclasses import dataclass

import numpy as np

from linclf.data.cell_counts import FEWEST_ROWS, CellCounts, unfamiliar_columns
from linclf.data.columns.base import Column
from linclf.data.columns.date import DateColumn
from linclf.data.columns.number import NumberColumn
from linclf.data.schema import Schema
from linclf.losses import Array
from linclf.storage.decode import JsonObject, finite_or_none

NOTED = 3.0  # difference of the means, in standard deviations of the training rows, from which on a note says so
UNIT = (
    100.0  # the same, and the ratio of both mean and deviation, from which on the numbers can only be in another unit
)
YEARS = 40  # difference of mean dates, from which on they can only be in another unit
MORE_MISSING = 0.2  # difference of the shares of missing cells, from which on a note says so
SHOWN = 3  # columns named in a note


@dataclass(frozen=True)
class ColumnDrift:
    """How a column differs from that of the training rows.

    missing_before, missing   shares of missing cells, in training and now; None where training did not record it
    unknown   share of cells that nothing was learned for
    shift     difference of the means in standard deviations of the training rows; None where they are not known, and for dates,
              of which new ones are later
    unit      why the numbers can only be in another unit; None where they need not be
    """

    name: str
    kind: str
    missing_before: float | None
    missing: float
    unknown: float
    shift: float | None
    unit: str | None

    def to_json(self) -> JsonObject:
        """The fields that reports have."""
        found = {key: value for key, value in vars(self).items() if key != "unit"}
        return {**found, "shift": None if self.shift is None else finite_or_none(self.shift), "drifts": self.drifts}

    @property
    def drifts(self) -> bool:
        """Whether it is past a limit."""
        before = self.missing if self.missing_before is None else self.missing_before
        shifted = abs(self.shift or 0) > NOTED or self.unit is not None
        return shifted or self.unknown > MORE_MISSING or abs(self.missing - before) > MORE_MISSING


def column_drift(
    schema: Schema, counts: CellCounts, center: Array | None = None, scale: Array | None = None
) -> list[ColumnDrift]:
    """The drift of each column of a table that a model uses, or of each column of numbers; none without rows.

    center, scale  (d,) of the features in training, for a model without columns
    """
    if not counts.rows:
        return []
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is no drift
        means = counts.sums / counts.rows
        deviations = np.sqrt(np.maximum(counts.squares / counts.rows - np.square(means), 0))
    if schema.columns is None:
        known = center is not None and scale is not None and len(means) == len(center)
        before = (
            zip(center, scale, strict=True)
            if known and center is not None and scale is not None
            else [(None, None)] * len(means)
        )
        return [
            ColumnDrift(name, "number", None, 0.0, 0.0, *_moved(mean, deviation, *one, counts.rows))
            for name, mean, deviation, one in zip(
                schema.feature_names(), means.tolist(), deviations.tolist(), before, strict=True
            )
        ]
    found, start = [], 0
    for column in schema.columns:
        if column.feature_names() and column.name in counts.missing:
            found.append(_of_column(column, schema, counts, float(means[start]), float(deviations[start])))
        start += len(column.feature_names())
    return found


def _of_column(column: Column, schema: Schema, counts: CellCounts, mean: float, deviation: float) -> ColumnDrift:
    """The drift of a column whose first feature has this mean and deviation now."""
    missing, unknown = counts.missing[column.name] / counts.rows, counts.n_unknown(column.name) / counts.rows
    before = column.missing / schema.rows if schema.rows else None
    shift, unit = None, None
    if isinstance(column, NumberColumn):
        if schema.sparse:  # the feature is standardised
            mean, deviation = mean * column.spread + column.center, deviation * column.spread
        shift, unit = _moved(mean, deviation, column.mean, column.deviation, counts.rows)
    if isinstance(column, DateColumn):
        shift, unit = None, _other_time(column, mean, counts.rows)
    return ColumnDrift(column.name, column.kind, before, missing, unknown, shift, unit)


def _moved(
    mean: float, deviation: float, before: float | None, spread: float | None, rows: int
) -> tuple[float | None, str | None]:
    """The shift of a mean in standard deviations; and why the numbers can only be in another unit, if so."""
    if before is None or not spread:
        return None, None
    shift = (mean - before) / spread
    if not math.isfinite(shift) or rows < FEWEST_ROWS:
        return (shift if math.isfinite(shift) else None), None
    if abs(shift) > UNIT:
        return shift, f"is {shift:.4g} standard deviations from that of the training data"
    smaller = 0 < deviation < spread / UNIT and abs(mean) < abs(before) / UNIT
    larger = deviation > spread * UNIT
    if smaller or larger:
        return shift, f"is {mean:.4g}, and was {before:.4g} in the training data"
    return shift, None


def _other_time(column: DateColumn, mean: float, rows: int) -> str | None:
    """Why dates can only be in another unit, such as seconds for milliseconds; None where they need not be."""
    if column.mean is None or rows < FEWEST_ROWS or (column.dates is not None and not column.dates.has_date):
        return None
    years = (mean - column.mean) / 365.25
    return f"is {years:+.0f} years from that of the training data" if abs(years) > YEARS else None


def drift_problems(
    schema: Schema, counts: CellCounts, center: Array | None = None, scale: Array | None = None, *, whole: bool = True
) -> list[str]:
    """What makes predictions for these rows wrong, a line each: columns that cannot be read as in training, and numbers that can
    only be in another unit. Arguments as of `column_drift`; `whole` is whether these are all rows."""
    units = [
        f"the mean of column {one.name!r} {one.unit}; is it in another unit?"
        for one in column_drift(schema, counts, center, scale)
        if one.unit is not None
    ]
    return [*unfamiliar_columns(counts, schema, whole=whole), *units]


def drift_notes(
    schema: Schema, counts: CellCounts, center: Array | None = None, scale: Array | None = None
) -> list[str]:
    """A note on the columns that are past a limit, if there are any. Arguments as of `column_drift`."""
    if counts.rows < FEWEST_ROWS:
        return []
    past = [one for one in column_drift(schema, counts, center, scale) if one.drifts]
    if not past:
        return []
    described = [f"{one.name} ({_described(one)})" for one in past[:SHOWN]]
    more = f" and {len(past) - SHOWN} more" if len(past) > SHOWN else ""
    return [f"columns unlike those of the training data: {', '.join(described)}{more}; see linclf evaluate --drift"]


def _described(one: ColumnDrift) -> str:
    if one.unit is not None:
        return f"its mean {one.unit}"
    if one.shift is not None and abs(one.shift) > NOTED:
        return f"mean {one.shift:+.1f} standard deviations"
    if one.unknown > MORE_MISSING:
        return f"{one.unknown:.0%} unknown"
    return f"missing {one.missing:.0%}, was {one.missing_before or 0:.0%}"
