"""Drift: how the columns of new rows differ from those that a model was trained on."""

import math
from dataclasses import dataclass

import numpy as np

from linclf.data.cell_counts import FEWEST_ROWS, CellCounts, unfamiliar_columns
from linclf.model.linear_model import LinearModel
from linclf.storage.decode import JsonObject, finite_or_none

NOTED = 3.0  # difference of the means, in standard deviations of the training rows, from which on a note says so
REFUSED = 100.0  # the same, from which on the numbers can only be in another unit
MORE_MISSING = 0.2  # difference of the shares of missing cells, from which on a note says so
SHOWN = 3  # columns named in a note


@dataclass(frozen=True)
class ColumnDrift:
    """How a column differs from that of the training rows.

    missing_before, missing   shares of missing cells, in training and now; None where training did not record it
    unknown   share of cells that nothing was learned for
    shift     difference of the means in standard deviations of the training rows; None where they are not known
    """

    name: str
    kind: str
    missing_before: float | None
    missing: float
    unknown: float
    shift: float | None

    def to_json(self) -> JsonObject:
        """The fields, as reports have them."""
        return {
            **vars(self),
            "shift": None if self.shift is None else finite_or_none(self.shift),
            "drifts": self.drifts,
        }

    @property
    def drifts(self) -> bool:
        """Whether it is past a limit."""
        return (
            abs(self.shift or 0) > NOTED
            or self.unknown > MORE_MISSING
            or abs(self.missing - (self.missing if self.missing_before is None else self.missing_before)) > MORE_MISSING
        )


def column_drift(model: LinearModel, counts: CellCounts) -> list[ColumnDrift]:
    """The drift of each column of a table that the model uses, or of each column of numbers; none without rows."""
    if not counts.rows:
        return []
    n_train = model.recorded("metrics", "n_train")
    n = n_train if isinstance(n_train, int) and n_train > 0 else None
    shifts = _shifts(model, counts)
    if model.schema.columns is None:
        names = model.schema.feature_names()
        return [ColumnDrift(name, "number", None, 0.0, 0.0, shift) for name, shift in zip(names, shifts, strict=True)]
    found, start = [], 0
    for column in model.schema.columns:
        width = len(column.feature_names())
        if width and column.name in counts.missing:
            is_number = column.number_features()[0] and column.kind != "date"  # new dates are later ones
            missing = counts.missing[column.name] / counts.rows
            before = column.missing / n if n else None
            unknown = counts.n_unknown(column.name) / counts.rows
            shift = shifts[start] if is_number else None
            found.append(ColumnDrift(column.name, column.kind, before, missing, unknown, shift))
        start += width
    return found


def _shifts(model: LinearModel, counts: CellCounts) -> list[float | None]:
    """The difference of the mean of each feature from that of the training rows, in standard deviations."""
    means = counts.sums / counts.rows
    if model.schema.sparse and model.schema.columns is not None:  # standardised as they were encoded
        return [float(mean) for mean in means]
    if model.center is None or model.scale is None or len(means) != len(model.center):
        return [None] * len(means)
    with np.errstate(over="ignore", invalid="ignore"):
        return [float(x) if math.isfinite(x) else None for x in (means - model.center) / model.scale]


def drift_problems(model: LinearModel, counts: CellCounts) -> list[str]:
    """What makes predictions for these rows wrong, a line each: columns that cannot be read as in training, and numbers that can
    only be in another unit."""
    far = [
        f"the mean of column {one.name!r} is {one.shift:.0f} standard deviations from that of the training data; is it in another unit?"
        for one in column_drift(model, counts)
        if counts.rows >= FEWEST_ROWS and one.shift is not None and abs(one.shift) > REFUSED
    ]
    return [*unfamiliar_columns(counts, model.schema), *far]


def drift_notes(model: LinearModel, counts: CellCounts) -> list[str]:
    """A note on the columns that are past a limit, if there are any."""
    if counts.rows < FEWEST_ROWS:
        return []
    past = [one for one in column_drift(model, counts) if one.drifts]
    if not past:
        return []
    described = [f"{one.name} ({_described(one)})" for one in past[:SHOWN]]
    more = f" and {len(past) - SHOWN} more" if len(past) > SHOWN else ""
    return [f"columns unlike those of the training data: {', '.join(described)}{more}; see linclf evaluate --drift"]


def _described(one: ColumnDrift) -> str:
    if one.shift is not None and abs(one.shift) > NOTED:
        return f"mean {one.shift:+.1f} standard deviations"
    if one.unknown > MORE_MISSING:
        return f"{one.unknown:.0%} unknown"
    return f"missing {one.missing:.0%}, was {one.missing_before or 0:.0%}"
