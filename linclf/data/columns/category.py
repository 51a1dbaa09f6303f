"""Columns of categories: one-hot, a feature 0 or 1 for each level; levels rarer than min_count share one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linclf.data.columns.base import MISSING, Column, Unknown, counted, in_rows
from linclf.data.columns.codes import code_example, is_code, not_understood
from linclf.data.columns.left_out import NOT_UNDERSTOOD
from linclf.data.columns.number_format import frequent_units
from linclf.data.columns.training_column import TrainingColumn
from linclf.data.table import Cells, option, parse_number, spell_numbers
from linclf.losses import Array
from linclf.optim.linalg import Stored, csr

SOME_NUMBERS = (
    0.3  # share of the cells that are numbers, from which on a note says that the column is one of categories
)
DASHES = {"-", "--", "---", "–", "—", ".", "..", "..."}
FEW_NUMBERS = 10  # different numbers, likewise
MOST_LEVELS = 10_000  # levels that become features: the most frequent ones


@dataclass(frozen=True)
class CategoryColumn(Column):
    """A column of categories.

    absent  texts of the training rows that are no levels but mean that a cell is missing, such as -
    """

    absent: tuple[str, ...] = ()

    kind = "category"
    option = "category"
    read_as_text = True
    mostly_zero = True
    has_levels = True

    @classmethod
    def recognises(cls, column: TrainingColumn) -> bool:
        """True: this kind is the last one that is asked."""
        return True

    @classmethod
    def fit(cls, column: TrainingColumn) -> Column:
        """Learn the levels, in alphabetical order."""
        levels, counts, absent = column.levels, column.level_weights, _absent(column.levels.tolist())
        is_level = ~np.isin(levels, absent)
        frequent = np.flatnonzero((counts >= column.source.min_count) & is_level)
        chosen = sorted(frequent, key=lambda i: (-counts[i], levels[i]))[:MOST_LEVELS]
        known, pooled = sorted(str(levels[i]) for i in chosen), int(is_level.sum()) - len(chosen)
        missing = column.missing(absent=absent)
        return cls(column.name, missing=missing, levels=tuple(known), pooled=pooled, absent=absent)

    def feature_names(self) -> list[str]:
        """The names of the levels, of the pool of rare levels, and of the flag of missing cells."""
        names = [f"{self.name}={level}" for level in self.levels]
        names += [f"{self.name} (other)"] if self.pooled else []
        return [*names, f"{self.name} (missing)"] if self.missing else names

    @property
    def missing_feature(self) -> int | None:
        """The last one."""
        return len(self.feature_names()) - 1 if self.missing else None

    def transform(self, cells: Array | Cells, sparse: bool) -> tuple[Stored, Unknown]:
        """One-hot features in the order of `feature_names`; all 0 for an unknown cell without a pool."""
        cells = cells if isinstance(cells, Cells) else spell_numbers(cells)
        index = self._level_index(cells.levels)
        width, pool = len(self.feature_names()), len(self.levels) if self.pooled else -1
        gap = width - 1 if self.missing else -1
        index |= dict.fromkeys(self.absent, gap)
        of_level = np.array([index.get(level, pool) for level in cells.levels] + [gap])
        hot = of_level.astype(np.intp)[cells.codes]  # (n,)
        counts = cells.counts()
        unknown = {
            str(level): int(c) for level, c in zip(cells.levels, counts, strict=True) if c and level not in index
        }
        newly_missing = 0 if self.missing else int((cells.codes < 0).sum())
        unknown |= {MISSING: newly_missing} if newly_missing else {}
        return _one_hot(hot, width, sparse), unknown

    def _level_index(self, levels: Array) -> dict[str, int]:
        """The index of the feature of each known level.

        A level that is the same number as exactly one known level, spelled differently (1.0 or 01 for 1), is that
        level: files and frames spell codes differently.
        """
        index = {level: j for j, level in enumerate(self.levels)}
        if any(level not in index for level in levels):
            values = [parse_number(level) for level in self.levels]
            occurrences = Counter(values)
            unique = {x: j for j, x in enumerate(values) if occurrences[x] == 1 and not np.isnan(x)}
            others = [level for level in levels if level not in index and parse_number(level) in unique]
            index |= {level: unique[parse_number(level)] for level in others}
        return index

    def training_notes(self, column: TrainingColumn) -> list[str]:
        """A note on numbers that are codes, and on numbers that are too few of the cells."""
        if self.name in column.source.category:
            return []
        if is_code(column):
            what = f"codes such as {code_example(column)!r}, treated as categories"
        elif column.is_text and (mixed := _mixed_units(column)):
            what = f"numbers in several units, treated as categories: {counted(mixed)}"
            return [f"{column.dataset}: column {self.name!r}: {what}; write them in one unit, to use them as numbers"]
        elif column.is_text and (share := _number_share(column)) >= SOME_NUMBERS:
            what = f"{share:.0%} of its cells are numbers and the others are not, treated as categories"
        elif (example := not_understood(column)) is not None:
            return [f"{column.dataset}: column {self.name!r}: {NOT_UNDERSTOOD.format(example, 'categories')}"]
        else:
            return []
        remedy = f"{option('numeric', self.name)} treats them as numbers"
        return [f"{column.dataset}: column {self.name!r}: {what}; {remedy}"]

    def summary(self) -> str:
        """The number of levels, of pooled levels, and of missing cells."""
        words = [f"{len(self.levels)} levels"]
        words += [f"{self.pooled} rare one{'s' * (self.pooled > 1)} pooled"] if self.pooled else []
        words += [f"missing in {in_rows(self.missing)}"] if self.missing else []
        return ", ".join(words)

    @property
    def takes_numbers(self) -> bool:
        """Whether all levels are numbers."""
        return bool(self.levels) and not any(np.isnan(parse_number(level)) for level in self.levels)

    def _unknown_treatment(self) -> tuple[str, str]:
        if self.pooled:
            return "levels that training saw rarely or never", repr(f"{self.name} (other)")
        return "levels that training never saw", "none of its levels"

    def _missing_treatment(self) -> str:
        return "treated as none of its levels"


def _absent(levels: Sequence[str]) -> tuple[str, ...]:
    """The levels that are dashes or dots only, and mean that a cell is missing; none where other levels are marks, too."""
    marks = {level for level in levels if not any(c.isalnum() for c in level)}
    return tuple(sorted(marks)) if marks and marks <= DASHES and len(marks) < len(levels) else ()


def _number_share(column: TrainingColumn) -> float:
    """The share of the cells that are numbers."""
    fits = ~np.isnan(column.parsed(column.number_format.numbers))
    return float(column.counts[fits].sum() / max(column.counts.sum(), 1)) if fits.sum() > FEW_NUMBERS else 0.0


def _mixed_units(column: TrainingColumn) -> Unknown:
    """The units of numbers in several ones, and how often each occurs; empty for other cells."""
    units = frequent_units(column.levels, column.counts)
    few = sum(units.values()) < 0.5 * column.counts.sum() or len(column.levels) <= FEW_NUMBERS
    return {} if few or len(units) < 2 else {unit or "(none)": count for unit, count in units.items()}


def _one_hot(hot: Array, width: int, sparse: bool) -> Stored:
    """Rows (n, width) of 0, with a 1 in column hot[i] of row i unless hot[i] is -1."""
    known = hot >= 0
    if sparse:
        ends = np.concatenate([[0], np.cumsum(known)])
        return csr(np.ones(ends[-1]), hot[known], ends, (len(hot), width))
    block = np.zeros((len(hot), width))
    block[np.flatnonzero(known), hot[known]] = 1
    return block
