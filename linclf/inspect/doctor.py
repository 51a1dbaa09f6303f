"""What stands in the way of a good linear model: findings on a data set, each with what to do about it."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from linclf.data.columns.infer import FEW_NUMBERS, LEFT_OUT, Column, in_rows, not_numbers, number_cells, spans_of
from linclf.data.dataset import Dataset
from linclf.data.labels import normalized
from linclf.data.scaling import MIN_SCALE
from linclf.data.split import Part, Split
from linclf.data.table import Cells, Table, option
from linclf.losses import Array
from linclf.optim.linalg import Matrix, chunks, is_sparse

SAMPLE_ROWS = 20_000  # looked at where a check costs more than a pass
MOST_COLUMNS = 500  # compared with each other
MOST_COUNTS = 5_000_000  # levels times classes
TELLS_ALL, TELLS_MUCH = 0.98, 0.5  # share of the errors of always saying the same that a column alone takes away
IMBALANCED = 10  # times as many rows in the largest class as in the smallest
FEW_ROWS = 5  # of a class
MOSTLY_MISSING = 0.5  # share of the cells
SCALES_APART, SPARSE_APART = 1e3, 1e2  # largest against smallest size of a column
SAME = 1 - 1e-9  # correlation of two columns that say the same
SHOWN = 6  # columns or classes named in a finding

_DECORATED = re.compile(r"[-+(]?\s*[$€£¥]?\s*\d[\d.,' ]*\s*[%$€£¥)]?|\d+(\.\d+)?\s*[A-Za-z]{1,3}")
_OTHER_DATE = re.compile(
    r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}.*|\d{4}[/.]\d{1,2}[/.]\d{1,2}.*|\d{1,2}[ -][A-Za-z]{3}[a-z]*[ -]\d{2,4}.*"
)


@dataclass(frozen=True)
class Finding:
    """key says what kind of finding it is; what was found, what to do, and in which columns."""

    key: str
    what: str
    do: str
    columns: tuple[str, ...] = ()


class Examined(NamedTuple):
    """The findings, and the options of `linclf train` that are recommended."""

    findings: list[Finding]
    options: dict[str, Any]


def examine(dataset: Dataset, split: Split) -> Examined:
    """Look at a data set as it was read, and as it was cut into parts. What needs nothing done comes last."""
    y = np.unique(dataset.labels(), return_inverse=True)[1]  # (n,)
    findings = _labels(dataset.labels())
    columns = split.schema.columns or ()
    if isinstance(dataset.X, Table):
        findings += [*_telling(_as_numbers(dataset.X, columns), y), *_same(dataset.X)]
        findings += [*_written_oddly(dataset.X, columns), *_far_away(dataset.X)]
        findings += [*_left_out(columns), *_missing(columns, len(split.train.y)), *_scales(dataset.X)]
    elif is_sparse(dataset.X):
        findings += _sparse_columns(dataset, y)
    else:
        table = Table(dataset.schema.feature_names(), dataset.X, {})
        spans = spans_of(dataset.X)
        constant = [table.names[j] for j in np.flatnonzero(spans.least == spans.most)]
        if constant:
            findings.append(
                Finding("constant", f"{_named(constant)}: the same in all rows", "nothing: their weights stay 0")
            )
        findings += [*_telling(table, y), *_same(table), *_far_away(table), *_scales(table)]
    findings += _rows(split)
    n, d = split.train.X.shape
    if d > n:
        do = "compare regs with linclf sweep, from 1e-7 to 1"
        findings.append(Finding("wide", f"{d} features for {n} training rows", do))
    findings.sort(key=lambda finding: finding.do.startswith("nothing"))
    return Examined(findings, _recommended(findings, split))


def _recommended(findings: list[Finding], split: Split) -> dict[str, Any]:
    """Options for `linclf train`; `drop` is a tuple of columns."""
    options: dict[str, Any] = {"loss": "logistic" if len(split.classes) == 2 else "softmax"}
    dropped = [column for finding in findings if finding.key in ("leak", "same") for column in finding.columns]
    used = [column.name for column in split.schema.columns or () if column.feature_names()]
    if dropped and set(used) - set(dropped):
        options["drop"] = tuple(dict.fromkeys(dropped))
    if any(finding.key == "imbalance" for finding in findings):
        options["class-weight"] = "balanced"
    if any(finding.key == "sparse scales" for finding in findings):
        options["scale"] = "maxabs"
    return options


def _named(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _labels(labels: Array) -> list[Finding]:
    classes, counts = np.unique(labels, return_counts=True)
    findings, named = [], [f"{label} ({count})" for label, count in zip(classes, counts, strict=True)]
    small = [name for name, count in zip(named, counts, strict=True) if count < FEW_ROWS]
    if small:
        findings.append(
            Finding(
                "small classes",
                f"classes of fewer than {FEW_ROWS} rows: {_named(small)}",
                "merge them, or find more rows",
            )
        )
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    if counts[largest] >= IMBALANCED * counts[smallest]:
        findings.append(
            Finding(
                "imbalance",
                f"class {named[largest]} is {counts[largest] / counts[smallest]:.0f} times as large as {named[smallest]}: "
                f"always saying {classes[largest]} is right in {counts[largest] / counts.sum():.1%} of the rows",
                "hold the accuracy against that figure; --class-weight balanced weighs classes alike",
            )
        )
    groups = _alike(map(str, classes))
    if groups and classes.dtype.kind == "U":
        findings.append(
            Finding(
                "labels alike",
                f"labels that differ little: {_named(groups)}",
                "if they mean the same, write them alike",
            )
        )
    return findings


def _alike(texts: Iterable[str]) -> list[str]:
    """Those of different texts that differ in what is easily mistaken."""
    alike: dict[str, list[str]] = {}
    for text in texts:
        alike.setdefault(normalized(text), []).append(text)
    return [" and ".join(map(repr, group)) for group in alike.values() if len(group) > 1]


def _as_numbers(table: Table, columns: tuple[Column, ...]) -> Table:
    """The table with its text of numbers and dates as numbers."""
    found = {
        c.name: number_cells(c, table.texts[c.name])
        for c in columns
        if c.kind in ("number", "date") and c.name in table.texts
    }
    texts = {name: cells for name, cells in table.texts.items() if name not in found}
    names = [name for name in table.names if name not in texts]
    numbers: list[Any] = [found[name] if name in found else table.column(name) for name in names]
    return replace(table, numbers=np.column_stack(numbers) if numbers else table.numbers, texts=texts)


def _far_away(table: Table) -> list[Finding]:
    """Numbers further from all others than these are from each other: codes for missing cells, and slips."""
    findings = []
    for j, name in enumerate(name for name in table.names if name not in table.texts):
        values, counts = np.unique(table.numbers[~np.isnan(table.numbers[:, j]), j], return_counts=True)
        if len(values) <= FEW_NUMBERS:
            continue
        with np.errstate(over="ignore"):
            below, above = (
                values[1] - values[0] > values[-1] - values[1],
                values[-1] - values[-2] > values[-2] - values[0],
            )
        for far, place, rest in ((below, 0, values[1:]), (above, -1, values[:-1])):
            if far:
                what = f"{name}: {values[place]:g} in {in_rows(int(counts[place]))}, far from all others ({rest[0]:g} to {rest[-1]:g})"
                do = "if it is a code for a missing cell, or a slip, leave those cells empty"
                findings.append(Finding("far away", what, do, (name,)))
    return findings


def _left_out(columns: tuple[Column, ...]) -> list[Finding]:
    what = {"constant": "the same in all rows", "id": "different in all rows, a number or name of the row"}
    findings = []
    for kind in LEFT_OUT:
        names = tuple(column.name for column in columns if column.kind == kind)
        if names:
            told = (
                "nothing: left out; --numeric, --category or --text takes one in"
                if kind == "id"
                else "nothing: left out"
            )
            findings.append(Finding(kind, f"{_named([*names])}: {what[kind]}", told, names))
    return findings


def _missing(columns: tuple[Column, ...], n: int) -> list[Finding]:
    gaps = sorted((column for column in columns if column.missing), key=lambda column: -column.missing)
    shares = [f"{column.name} ({column.missing / n:.1%})" for column in gaps]
    findings = []
    if gaps:
        do = "nothing: numbers become the median, and a feature says where"
        findings.append(Finding("missing", f"cells are missing in {_named(shares)}", do, tuple(c.name for c in gaps)))
    mostly = tuple(column.name for column in gaps if column.missing > MOSTLY_MISSING * n)
    if mostly:
        do = f"ask why; if that they are missing means nothing: {option('drop', *mostly)}"
        findings.append(
            Finding("mostly missing", f"more than half of the cells are missing in {_named([*mostly])}", do, mostly)
        )
    return findings


def _written_oddly(table: Table, columns: tuple[Column, ...]) -> list[Finding]:
    """Numbers and dates that are not written as such."""
    findings = []
    for column in columns:
        cells = table.texts.get(column.name)
        if cells is None or column.kind not in ("category", "id", "number", "text"):
            continue
        counts = cells.counts()
        levels = [level for level, count in zip(cells.levels, counts, strict=True) if count]
        if column.kind == "number":
            strange = not_numbers("number", cells)
            if strange:
                what = f"{column.name}: {sum(strange.values())} cells are not numbers, such as {next(iter(strange))!r}"
                do = f"nothing, if they mean that a cell is missing; else mend them, or {option('category', column.name)}"
                findings.append(Finding("not numbers", what, do, (column.name,)))
        elif all(_OTHER_DATE.fullmatch(level) for level in levels):
            what = f"{column.name}: dates such as {levels[0]!r}, taken as {column.kind}"
            findings.append(Finding("dates", what, "write them as 2026-12-31 to have them as numbers", (column.name,)))
        elif all(_DECORATED.fullmatch(level) for level in levels):
            what = f"{column.name}: numbers such as {levels[0]!r}, taken as {column.kind}"
            do = "write them as 1234.5, with no unit and no mark between thousands"
            findings.append(Finding("written numbers", what, do, (column.name,)))
        elif column.kind == "category":
            alike = _alike(levels)
            if alike:
                what = f"{column.name}: levels that differ little: {_named(alike)}"
                findings.append(
                    Finding("levels alike", what, "if they mean the same, write them alike", (column.name,))
                )
    return findings


def _telling(table: Table, y: Array) -> list[Finding]:
    """Columns that give the label away, by their cells or by having one."""
    rows = np.random.default_rng(0).permutation(len(y))[:SAMPLE_ROWS]
    sizes = np.bincount(y[rows])
    base = sizes.max() / sizes.sum()
    findings = []
    for name in table.names:
        codes = _codes(table.column(name)[rows], len(rows) // 2)
        filled, told = _told((codes > 0).astype(np.intp), y[rows]), _told(codes, y[rows])
        if filled - base > TELLS_MUCH * (1 - base):
            right, how = filled, "whether it is filled in tells the label"
        elif told - base > TELLS_ALL * (1 - base):
            right, how = told, "alone it tells the label"
        else:
            continue
        what = f"{name}: {how} in {right:.1%} of the rows (always saying the same: {base:.1%})"
        findings.append(
            Finding("leak", what, f"is it known before the label is? if not: {option('drop', name)}", (name,))
        )
    return findings


def _told(codes: Array, y: Array) -> float:
    """How often the commonest label of a code (n,) among one half of the rows is right in the other half; 0 where codes and
    labels are too many to tell."""
    n_codes, n_classes = int(codes.max()) + 1, int(y.max()) + 1
    if n_codes * n_classes > MOST_COUNTS:
        return 0.0
    half = len(y) // 2
    counts = np.bincount(codes[:half] * n_classes + y[:half], minlength=n_codes * n_classes).reshape(n_codes, n_classes)
    # a code that the first half has not: the commonest label of all
    guess = np.where(counts.any(axis=1), counts.argmax(axis=1), counts.sum(axis=0).argmax())
    return float(np.mean(guess[codes[half:]] == y[half:]))


def _codes(cells: Array | Cells, known: int) -> Array:
    """Cells (n,) as codes, 0 where one is missing; a number has the code of the nearest one among the first `known`."""
    if isinstance(cells, Cells):
        return cells.codes.astype(np.intp) + 1
    there = ~np.isnan(cells)
    codes = np.zeros(len(cells), np.intp)
    values = np.unique(cells[:known][there[:known]])
    if len(values):
        between = values[:-1] / 2 + values[1:] / 2
        codes[there] = np.searchsorted(between, cells[there]) + 1
    return codes


def _same(table: Table) -> list[Finding]:
    """Columns that say the same: numbers in other units, or levels by other names."""
    part = table[np.unique(np.linspace(0, table.shape[0] - 1, SAMPLE_ROWS).astype(np.intp))]
    partner = _same_numbers(part)
    codes = {
        name: _codes(part.column(name), part.shape[0]) for name in part.names[:MOST_COLUMNS] if name not in partner
    }
    sizes = {name: len(np.unique(found)) for name, found in codes.items()}
    few = [name for name, size in sizes.items() if 2 <= size <= part.shape[0] // 10]
    for i, one in enumerate(few):
        for other in few[i + 1 :]:
            # numbers are compared with each other above
            by_level = sizes[one] == sizes[other] and (one in part.texts or other in part.texts)
            if by_level and other not in partner:
                pairs = codes[one] * (codes[other].max() + 1) + codes[other]
                if len(np.unique(pairs)) == sizes[one]:
                    partner[other] = one
    return [
        Finding("same", f"{other} says the same as {one}", f"one is enough: {option('drop', other)}", (other,))
        for other, one in partner.items()
    ]


def _same_numbers(table: Table) -> dict[str, str]:
    """Columns of numbers that are another one, perhaps in other units: the column -> the one before it."""
    z, spreads = _standardised(table.numbers[:, :MOST_COLUMNS])
    names = [name for name in table.names if name not in table.texts]
    varied = np.flatnonzero(spreads > 0)
    alike = np.triu(np.abs(z[:, varied].T @ z[:, varied]) > SAME * len(z), 1)
    gaps = np.isnan(table.numbers)
    partner: dict[str, str] = {}
    for a, b in varied[np.argwhere(alike)]:
        if (gaps[:, a] == gaps[:, b]).all():
            partner.setdefault(names[b], names[a])
    return partner


def _standardised(numbers: Array) -> tuple[Array, Array]:
    """Numbers (n, k) less their mean and divided by their standard deviation, missing ones at 0 of n; and the deviations
    (k,), 0 where they are not finite."""
    missing = np.isnan(numbers)
    there = np.maximum((~missing).sum(axis=0), 1)
    with np.errstate(over="ignore", invalid="ignore"):
        z = np.where(missing, 0, numbers - np.where(missing, 0, numbers).sum(axis=0) / there)
        spreads = np.sqrt(np.square(z).sum(axis=0) / len(z))
        spreads = np.where(np.isfinite(spreads) & (spreads > MIN_SCALE), spreads, 0)
        return np.nan_to_num(np.divide(z, spreads, out=np.zeros_like(z), where=spreads > 0)), spreads


def _scales(table: Table) -> list[Finding]:
    names = [name for name in table.names if name not in table.texts]
    _, spreads = _standardised(table.numbers[:: max(len(table.numbers) // SAMPLE_ROWS, 1)])
    moving = np.flatnonzero(spreads > 0)
    if not len(moving) or spreads[moving].max() < SCALES_APART * spreads[moving].min():
        return []
    large, small = moving[spreads[moving].argmax()], moving[spreads[moving].argmin()]
    what = f"numbers of very different size: {names[large]} varies by {spreads[large]:.3g}, {names[small]} by {spreads[small]:.3g}"
    return [Finding("scales", what, "nothing: they are standardised (--scale none would not)")]


def _sparse_columns(dataset: Dataset, y: Array) -> list[Finding]:
    """Findings on the columns of sparse data."""
    X, names, findings = dataset.X, dataset.schema.feature_names(), []
    n, d = X.shape
    largest = abs(X).max(axis=0).toarray().ravel()  # (d,)
    sized = largest[largest > 0]
    if len(sized) < d:
        do = "nothing: their weights stay 0"
        findings.append(Finding("constant", f"{d - len(sized)} of {d} columns are empty", do))
    if len(sized) and sized.max() > SPARSE_APART * sized.min():
        what = f"columns of very different size: their largest numbers are from {sized.min():.3g} to {sized.max():.3g}"
        findings.append(Finding("sparse scales", what, "--scale maxabs divides each by its largest number"))
    sizes = np.bincount(y)  # (K,)
    if d * len(sizes) <= MOST_COUNTS:
        counts = np.column_stack([np.bincount(X[y == k].indices, minlength=d) for k in range(len(sizes))])  # (d, K)
        right, base = (counts.max(axis=1) + (sizes - counts).max(axis=1)) / n, sizes.max() / n
        for j in np.flatnonzero(right - base > TELLS_ALL * (1 - base))[:SHOWN]:
            what = f"{names[j]}: whether it is there tells the label in {right[j]:.1%} of the rows"
            findings.append(
                Finding("telling", what, "is it known before the label is? if not, leave it out of the file")
            )
    return findings


def _rows(split: Split) -> list[Finding]:
    """Rows that repeat, within the training part and between it and the others."""
    train, findings = _row_keys(split.train), []
    seen = dict(zip(train, split.train.y.tolist(), strict=True))
    repeated = len(train) - len(seen)
    if repeated:
        what = f"{repeated} of {len(train)} training rows repeat the features of another one"
        pairs = Counter(key for key, _ in set(zip(train, split.train.y.tolist(), strict=True)))
        torn = sum(count > 1 for count in pairs.values())
        if torn:
            what += f"; {torn} of these sets of features come with more than one label, which no model can tell apart"
        findings.append(Finding("repeated", what, "if they are copies, remove them; else nothing"))
    for part_name, part in (("test", split.test), ("validation", split.val)):
        if part is not None:
            keys = zip(_row_keys(part), part.y.tolist(), strict=True)
            both = sum(seen.get(key, -2) == label for key, label in keys)
            if both:
                what = f"{both} of {len(part.y)} {part_name} rows are in the training part too, features and label"
                do = "if they are copies, remove them: the accuracy there is too good; else nothing"
                findings.append(Finding("shared", what, do))
    return findings


def _row_keys(part: Part) -> list[int]:
    """A number for each row: rows of equal features have the same."""
    return [key for _, x in chunks(part.X) for key in _keys(x)]


def _keys(x: Matrix) -> list[int]:
    if is_sparse(x):
        ends = x.indptr.tolist()
        return [hash((x.indices[a:b].tobytes(), x.data[a:b].tobytes())) for a, b in pairwise(ends)]
    return [hash(row.tobytes()) for row in np.ascontiguousarray(x)]
