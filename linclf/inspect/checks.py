"""The checks of `linclf doctor`: problems of the labels, columns and rows of a data set, as findings."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from linclf.data.columns.base import Column, in_rows
from linclf.data.columns.number import FEW_NUMBERS
from linclf.data.columns.registry import KINDS
from linclf.data.dataset import Dataset
from linclf.data.label_spelling import written_alike
from linclf.data.labels import first_of, normalized
from linclf.data.readers.frame import UNLABELLED
from linclf.data.readers.text_table import UNNAMED
from linclf.data.scaling import MIN_SCALE
from linclf.data.split import Split
from linclf.data.table import Cells, Table, option
from linclf.inspect.finding import Finding
from linclf.inspect.leakage import cell_codes
from linclf.inspect.row_hashes import row_hashes
from linclf.losses import Array
from linclf.optim.linalg import as_csr, materialize

SAMPLE_ROWS = 20_000  # rows examined where a check costs more than one pass
MOST_COLUMNS = 500  # columns compared with each other
IMBALANCED = 10  # ratio of the sizes of the largest and the smallest class
FEW_ROWS = 5  # rows of a class
MOSTLY_MISSING = 0.5  # share of the cells
SCALE_RATIO, SPARSE_SCALE_RATIO = 1e3, 1e2  # ratio of the largest and the smallest scale of a column
DUPLICATE = 1 - 1e-9  # correlation of two columns that are duplicates
FEWEST_SENTINELS = 3  # rows of a number such as -999 that means a missing cell
SENTINEL_GAP = 0.25  # share of the range of the others between it and them
SHOWN = 6  # columns or classes named in a finding


def find_label_problems(labels: Array) -> list[Finding]:
    """Small classes, imbalance, and labels in several spellings."""
    classes, counts = np.unique(labels, return_counts=True)
    findings, named = [], [f"{label} ({count})" for label, count in zip(classes, counts, strict=True)]
    small = [name for name, count in zip(named, counts, strict=True) if count < FEW_ROWS]
    if small:
        what = f"classes of fewer than {FEW_ROWS} rows: {_listed(small)}"
        findings.append(Finding("small classes", what, "merge them, or collect more rows"))
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    if counts[largest] >= IMBALANCED * counts[smallest]:
        what = (
            f"class {named[largest]} is {counts[largest] / counts[smallest]:.0f} times as large as {named[smallest]}: "
            f"always predicting {classes[largest]} is right for {counts[largest] / counts.sum():.1%} of the rows"
        )
        do = "compare the accuracy with that figure; --class-weight balanced gives all classes the same weight"
        findings.append(Finding("imbalance", what, do))
    alike = [" and ".join(map(repr, group)) for group in written_alike([str(label) for label in classes])]
    groups = _similar(map(str, classes)) if classes.dtype.kind == "U" else []
    if alike or groups:
        do = (
            "if they mean the same, --clean-labels makes them one"
            if alike
            else "if they mean the same, spell them the same"
        )
        findings.append(Finding("labels alike", f"labels that differ little: {_listed(alike or groups)}", do))
    return findings


def _listed(names: Sequence[str]) -> str:
    return first_of(names, SHOWN)


def _similar(texts: Iterable[str]) -> list[str]:
    """Groups of different texts that differ only in what is easily overlooked, such as case and spaces."""
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(normalized(text), []).append(text)
    return [" and ".join(map(repr, group)) for group in groups.values() if len(group) > 1]


def without_columns(table: Table, names: set[str]) -> Table:
    """The table without some columns, such as that of groups, which is no feature."""
    kept = [j for name, j in table.number_index.items() if name not in names]
    texts = {name: cells for name, cells in table.texts.items() if name not in names}
    left = tuple(name for name in table.names if name not in names)
    return replace(table, names=left, numbers=table.numbers[:, kept], texts=texts) if names else table


def with_numbers(table: Table, columns: Sequence[Column]) -> Table:
    """The table with its text of numbers and dates as numbers."""
    parsed: dict[str, Array] = {}
    for column in columns:
        numbers = column.as_numbers(table.texts[column.name]) if column.name in table.texts else None
        if numbers is not None:
            parsed[column.name] = numbers
    texts = {name: cells for name, cells in table.texts.items() if name not in parsed}
    blocks = [
        parsed[name] if name in parsed else table.numbers[:, table.number_index[name]]
        for name in table.names
        if name not in texts
    ]
    return replace(table, numbers=np.column_stack(blocks) if blocks else table.numbers, texts=texts)


def find_notes(notes: Sequence[str]) -> list[Finding]:
    """What the reader noted of labels that are missing and of columns without a name of their own."""
    dos = {UNLABELLED: "fill them in, or remove the rows", UNNAMED: "give each column a different name"}
    return [
        Finding("rows without a label" if begin == UNLABELLED else "names", note, do)
        for begin, do in dos.items()
        for note in notes
        if note.startswith(begin)
    ]


def find_unseen_labels(split: Split) -> list[Finding]:
    """Labels of held-out rows that no training row has."""
    findings = []
    for name, part in (("test", split.test), ("validation", split.val)):
        unseen = 0 if part is None else int((part.y < 0).sum())
        if part is not None and unseen:
            what = f"{unseen} of {len(part.y)} {name} rows have a label that no training row has, and count as wrong"
            findings.append(Finding("unseen labels", what, "spell them as in the training rows, or leave the rows out"))
    return findings


def find_constants(table: Table) -> list[Finding]:
    """Columns of numbers that are the same in all rows."""
    least, most = np.fmin.reduce(table.numbers), np.fmax.reduce(table.numbers)
    constant = [table.names[j] for j in np.flatnonzero(least == most)]
    if not constant:
        return []
    return [Finding("constant", f"{_listed(constant)}: the same in all rows", "nothing: their weights stay 0")]


def find_left_out(columns: Sequence[Column]) -> list[Finding]:
    """Columns that have no features."""
    findings = []
    for kind in KINDS.values():
        names = tuple(column.name for column in columns if type(column) is kind)
        if kind.left_out_reason and names:
            do = f"nothing: left out; {kind.left_out_hint}" if kind.left_out_hint else "nothing: left out"
            findings.append(Finding(kind.kind, f"{_listed(names)}: {kind.left_out_reason}", do, names))
    return findings


def find_missing(columns: Sequence[Column], n: int) -> list[Finding]:
    """Columns with missing cells among n training rows."""
    gaps = sorted((column for column in columns if column.missing), key=lambda column: -column.missing)
    shares = [f"{column.name} ({column.missing / n:.1%})" for column in gaps]
    findings = []
    if gaps:
        do = "nothing: missing numbers become the median and are flagged in an extra feature"
        findings.append(Finding("missing", f"cells are missing in {_listed(shares)}", do, tuple(c.name for c in gaps)))
    mostly = tuple(column.name for column in gaps if column.missing > MOSTLY_MISSING * n)
    if mostly:
        what = f"more than half of the cells are missing in {_listed(mostly)}"
        do = f"find out why; if missingness is not informative: {option('drop', *mostly)}"
        findings.append(Finding("mostly missing", what, do, mostly))
    return findings


def find_misspelled(table: Table, columns: Sequence[Column]) -> list[Finding]:
    """Columns of text with cells that are not numbers, or similar levels."""
    pairs = [(column, table.texts[column.name]) for column in columns if column.name in table.texts]
    return [finding for column, cells in pairs for finding in _misspelled(column, cells)]


def _misspelled(column: Column, cells: Cells) -> list[Finding]:
    name = column.name
    if column.reports_unparsed:
        unparsed = column.unparsed(cells)
        if not unparsed:
            return []
        what = f"{name}: {sum(unparsed.values())} cells are not {column.kind}s, such as {next(iter(unparsed))!r}"
        do = f"nothing, if they mean that a cell is missing; otherwise fix them, or {option('category', name)}"
        return [Finding(f"not {column.kind}s", what, do, (name,))]
    if not column.has_levels:
        return []
    similar = _similar(level for level, count in zip(cells.levels, cells.counts(), strict=True) if count)
    if not similar:
        return []
    what = f"{name}: levels that differ little: {_listed(similar)}"
    return [Finding("levels alike", what, "if they mean the same, spell them the same", (name,))]


def is_sentinel(value: float, count: int) -> bool:
    """Whether a number that occurs several times is written as people write a missing one: -99, 999, -9999 and so on."""
    return count >= FEWEST_SENTINELS and re.fullmatch(r"-?9{2,}|-?9{3,}\.9+", f"{value:g}") is not None


def _share_of_gap(value: float, count: int) -> float:
    """The share of the range of all other numbers that lies between these and a number that is far away."""
    return SENTINEL_GAP if is_sentinel(value, count) else 1.0


def find_outliers(table: Table, original: Table | None = None, columns: Sequence[Column] = ()) -> list[Finding]:
    """Numbers further from all others than these are from each other: codes for missing cells, and typos.

    original, columns   the table before its text of numbers and dates was parsed, and its columns
    """
    findings, kinds = [], {column.name: column for column in columns}

    def written(name: str, value: float) -> str:
        """A number as it is written in the table."""
        cells = original.texts.get(name) if original is not None else None
        if cells is None or name not in kinds:
            return f"{value:g}"
        parsed = kinds[name].as_numbers(Cells(np.arange(len(cells.levels)), cells.levels))
        return str(cells.levels[int(np.flatnonzero(parsed == value)[0])]) if parsed is not None else f"{value:g}"

    for j, name in enumerate(name for name in table.names if name not in table.texts):
        values, counts = np.unique(table.numbers[~np.isnan(table.numbers[:, j]), j], return_counts=True)
        if len(values) <= FEW_NUMBERS:
            continue
        with np.errstate(over="ignore"):
            below = values[1] - values[0] > _share_of_gap(values[0], counts[0]) * (values[-1] - values[1])
            above = values[-1] - values[-2] > _share_of_gap(values[-1], counts[-1]) * (values[-2] - values[0])
        for is_far, i, rest in ((below, 0, values[1:]), (above, -1, values[:-1])):
            if is_far:
                cell, count = written(name, values[i]), int(counts[i])
                what = f"{name}: {cell} in {in_rows(count)}, far from all others ({written(name, rest[0])} to {written(name, rest[-1])})"
                do = f"if it means that the cell is missing: {option('na-values', cell)}; if it is a typo, fix it"
                repeated = count >= FEWEST_SENTINELS and name in kinds and kinds[name].kind == "date"
                key = "sentinel" if repeated or is_sentinel(values[i], count) else "far away"
                findings.append(Finding(key, what, do, (name,)))
    return findings


def find_duplicates(table: Table) -> list[Finding]:
    """Columns that are another one: numbers in other units, or levels under other names."""
    part = table[np.unique(np.linspace(0, table.shape[0] - 1, SAMPLE_ROWS).astype(np.intp))]
    original = _duplicate_numbers(part)
    codes = {name: cell_codes(part.column(name)) for name in part.names[:MOST_COLUMNS] if name not in original}
    sizes = {name: len(np.unique(found)) for name, found in codes.items()}
    few = [name for name, size in sizes.items() if 2 <= size <= part.shape[0] // 10]
    for i, one in enumerate(few):
        for other in few[i + 1 :]:
            # numbers are compared with each other above
            by_level = sizes[one] == sizes[other] and (one in part.texts or other in part.texts)
            if by_level and other not in original:
                pairs = codes[one] * (codes[other].max() + 1) + codes[other]
                if len(np.unique(pairs)) == sizes[one]:
                    original[other] = one
    return [
        Finding("same", f"{other} is a duplicate of {one}", f"one is enough: {option('drop', other)}", (other,))
        for other, one in original.items()
    ]


def _duplicate_numbers(table: Table) -> dict[str, str]:
    """Columns of numbers that are another one, perhaps in other units: the column -> the one before it."""
    z, spreads = _standardised(table.numbers[:, :MOST_COLUMNS])
    names = [name for name in table.names if name not in table.texts]
    varied = np.flatnonzero(spreads > 0)
    correlated = np.triu(np.abs(z[:, varied].T @ z[:, varied]) > DUPLICATE * len(z), 1)
    gaps = np.isnan(table.numbers)
    original: dict[str, str] = {}
    for a, b in varied[np.argwhere(correlated)]:
        if (gaps[:, a] == gaps[:, b]).all():
            original.setdefault(names[b], names[a])
    return original


def _standardised(numbers: Array) -> tuple[Array, Array]:
    """Standardised numbers (n, k), 0 where one is missing; and their standard deviations (k,), 0 where not finite.

    Missing numbers count as the mean.
    """
    missing = np.isnan(numbers)
    n_present = np.maximum((~missing).sum(axis=0), 1)
    with np.errstate(over="ignore", invalid="ignore"):
        z = np.where(missing, 0, numbers - np.where(missing, 0, numbers).sum(axis=0) / n_present)
        spreads = np.sqrt(np.square(z).sum(axis=0) / len(z))
        spreads = np.where(np.isfinite(spreads) & (spreads > MIN_SCALE), spreads, 0)
        return np.nan_to_num(np.divide(z, spreads, out=np.zeros_like(z), where=spreads > 0)), spreads


def find_scales(table: Table) -> list[Finding]:
    """Columns of numbers of very different scale."""
    names = [name for name in table.names if name not in table.texts]
    _, spreads = _standardised(table.numbers[:: max(len(table.numbers) // SAMPLE_ROWS, 1)])
    varied = np.flatnonzero(spreads > 0)
    if not len(varied) or spreads[varied].max() < SCALE_RATIO * spreads[varied].min():
        return []
    large, small = varied[spreads[varied].argmax()], varied[spreads[varied].argmin()]
    what = (
        "numbers of very different scale: the standard deviation "
        f"of {names[large]} is {spreads[large]:.3g}, of {names[small]} {spreads[small]:.3g}"
    )
    return [Finding("scales", what, "nothing: they are standardised (unless --scale none)")]


def find_sparse_problems(dataset: Dataset) -> list[Finding]:
    """Empty columns of sparse data, and columns of very different scale."""
    X = as_csr(materialize(dataset.matrix()))
    findings, d = [], X.shape[1]
    largest = abs(X).max(axis=0).toarray().ravel()  # (d,)
    used = largest[largest > 0]
    if len(used) < d:
        do = "nothing: their weights stay 0"
        findings.append(Finding("constant", f"{d - len(used)} of {d} columns are empty", do))
    if len(used) and used.max() > SPARSE_SCALE_RATIO * used.min():
        what = f"columns of very different scale: their largest numbers are from {used.min():.3g} to {used.max():.3g}"
        findings.append(Finding("sparse scales", what, "--scale maxabs divides each by its largest number"))
    return findings


def find_repeated_rows(split: Split) -> list[Finding]:
    """Rows that occur more than once, among the training rows and between them and the held-out rows."""
    train, findings = row_hashes(split.train.X), []
    seen = dict(zip(train, split.train.y.tolist(), strict=True))
    repeated = len(train) - len(seen)
    if repeated:
        what = f"{repeated} of {len(train)} training rows repeat the features of another one"
        pairs = Counter(key for key, _ in set(zip(train, split.train.y.tolist(), strict=True)))
        ambiguous = sum(count > 1 for count in pairs.values())
        if ambiguous:
            what += f"; {ambiguous} of these sets of features have more than one label, which no model can separate"
        findings.append(Finding("repeated", what, "if they are copies, remove them; otherwise nothing"))
    for part_name, part in (("test", split.test), ("validation", split.val)):
        if part is not None:
            keys = zip(row_hashes(part.X), part.y.tolist(), strict=True)
            both = sum(seen.get(key, -2) == label for key, label in keys)
            if both:
                what = (
                    f"{both} of {len(part.y)} {part_name} rows are training rows too, with the same features and label"
                )
                do = "if they are copies, remove them, because they make the accuracy too good; otherwise nothing"
                findings.append(Finding("shared", what, do))
    return findings
