"""A file as it was exported, given to linclf alone, is learned from as well as after somebody has cleaned it by hand."""

import io
import math
import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from exports import Export, make_exports

from linclf.data.columns.date_format import DateFormat
from linclf.data.source import Source
from linclf.data.split import Split
from linclf.training.inputs import load_split
from linclf.training.options import TrainOptions
from linclf.training.train import train

EXPORTS = make_exports()
EVERY_EXPORT = pytest.mark.parametrize("export", EXPORTS, ids=[export.name for export in EXPORTS])
SEEDS = (0, 1)  # of the split
TOLERANCE = 0.005
# how pandas is told to read the files that are not comma-separated UTF-8
DIALECTS = {
    "sensor": {"sep": ";"},
    "logs": {"sep": "\t"},
    "excel_de": {"sep": ";", "encoding": "cp1252"},
    "excel_fr": {"sep": ";", "encoding": "utf-8-sig"},
    "excel_ch": {"sep": "\t", "encoding": "utf-16"},
}
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
MINUS = ("-", "\u2212", "(")
SPELLINGS = [  # of cells, as regular expressions: each is more than 2 % of some column
    *(
        r"\$\d+\.\d\d",
        r"€ \d+,\d{3}",
        r"CHF \d+\u2019\d{3}",
        r"\d+,\d{3} USD",
        r"\d\.\d{3},\d\d €",
        r"\d+\u202f\d{3},\d\d\u00a0€",
    ),
    *(r"\d+\.\d%", r"\d+ %", r"\d+,\d %", r"\d+ kg", r"\d+,\d kg", r"\d+\.\d °C", r"\d+,\d{3} ms", r"\d+ years"),
    *(r"\(\$\d.*\)", r"\(\d.*%\)", r"\u2212\d.*", r"-\d.*,\d\d", r"<\d.*", r">\d.*"),
    *(r"2\d{3}-\d\d-\d\d", r"2\d+-\d\d-\d\dT.*Z", r"\d\d/(1[3-9]|2\d)/\d{4}", r"(1[3-9]|2\d)/\d\d/\d{4}"),
    *(r"(1[3-9]|2\d)\.\d\d\.\d{4}", r"\d\d Mar \d{4}", r"17\d{8}", r"\d\d:\d\d", r"0\d{4}", r"00\d"),
    *("", "-", "n/a", "N/A", "#N/A", "unknown", "none", r"\\N", r"\.", " .*", ".* "),
    *("yes", "Yes", "Y", "TRUE", "true", "WAHR", "VRAI", "no", "No", "N", "FALSE", "false"),
    *(r"\w+@example\.com", r"[0-9a-f-]{36}", r"(?s).*\n.*", r'(?s).*".*', r"[\u4e00-\u9fff].*"),
]


def parse_date(text: str) -> float:
    """Days since 1970 of a date in ISO 8601, else NaN."""
    return float(DateFormat().numbers(np.array([text], object))[0])


@cache
def raw_rows(export: Export) -> pd.DataFrame:
    """The labelled rows as exported, all cells as text, the labels without stray blanks."""
    content = io.BytesIO(export.raw)
    frame = pd.read_csv(content, dtype=str, keep_default_na=False, **DIALECTS.get(export.name, {}))
    frame[export.target] = frame[export.target].str.strip()
    return frame[frame[export.target] != ""].reset_index(drop=True)


def clean_rows(export: Export, **options: object) -> pd.DataFrame:
    """The rows cleaned by hand."""
    return pd.read_csv(io.BytesIO(export.clean), **options)


def clean_text(export: Export) -> pd.DataFrame:
    """The rows cleaned by hand, all cells as text, empty where one is missing."""
    return clean_rows(export, dtype=str, keep_default_na=False)


# ---- the tables are what they are said to be


def test_the_tables_depend_on_the_seed_alone() -> None:
    assert make_exports() == EXPORTS
    for export, other in zip(EXPORTS, make_exports(1), strict=True):
        assert (export.name, export.suffix, export.target) == (other.name, other.suffix, other.target)
        assert export.raw != other.raw


def test_there_are_twelve_tables() -> None:
    assert len({export.name for export in EXPORTS}) == len(EXPORTS) == 12


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_occurs(spelling: str) -> None:
    columns = (cells for export in EXPORTS for _, cells in raw_rows(export).head(300).items())
    assert any(cells.str.fullmatch(spelling).mean() > 0.02 for cells in columns)


@EVERY_EXPORT
def test_both_forms_have_the_same_labelled_rows(export: Export) -> None:
    raw, clean = raw_rows(export), clean_text(export)
    assert 600 <= len(clean) <= 1600
    assert raw[export.target].tolist() == clean[export.target].tolist()
    assert [name for name in raw.columns if name in clean.columns] == clean.columns.tolist()


@EVERY_EXPORT
def test_numbers_have_the_same_digits_in_both_forms(export: Export) -> None:
    raw, clean = raw_rows(export), clean_text(export)
    counted = 0
    for name in clean.columns.drop(export.target):
        for spelled, plain in zip(raw[name], clean[name], strict=True):
            if re.search(r"\d", spelled) and NUMBER.fullmatch(plain) and ":" not in spelled:
                assert re.sub(r"\D", "", spelled) == re.sub(r"\D", "", plain), name
                assert spelled.startswith(MINUS) == plain.startswith("-"), name
                counted += 1
    assert counted > 2 * len(clean)


@EVERY_EXPORT
def test_pandas_reads_the_clean_form_as_it_is_meant(export: Export) -> None:
    """A column is wholly numbers, wholly dates or wholly words, and only empty cells are missing."""
    text, frame = clean_text(export), clean_rows(export)
    for name in text.columns:
        cells = text.loc[text[name] != "", name]
        assert frame[name].isna().sum() == len(text) - len(cells) < 0.4 * len(text), name
        assert (cells == cells.str.strip()).all(), name
        numbers, dates = cells.map(lambda cell: bool(NUMBER.fullmatch(cell))), cells.map(parse_date).notna()
        assert numbers.all() or not numbers.any(), name
        assert dates.all() or not dates.any(), name
        assert pd.api.types.is_numeric_dtype(frame[name]) == numbers.all(), name
        assert numbers.all() or cells.map(lambda cell: math.isnan(_float(cell))).all(), name


def _float(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


@EVERY_EXPORT
def test_linclf_uses_every_column_of_the_clean_form_and_has_nothing_to_say(export: Export, tmp_path: Path) -> None:
    split, text = load_split(_options(_clean(export, tmp_path), seed=0)), clean_text(export)
    assert split.notes == ()
    columns = split.schema.columns
    assert columns is not None
    assert [column.name for column in columns] == text.columns.drop(export.target).tolist()
    for column in columns:
        cell = next(cell for cell in text[column.name] if cell)
        plain = (
            {"number"} if NUMBER.fullmatch(cell) else {"category", "text"} if np.isnan(parse_date(cell)) else {"date"}
        )
        assert column.kind in plain, column.name


# ---- and are read as well as they could be


@EVERY_EXPORT
def test_an_export_alone_is_as_good_as_cleaned_by_hand(export: Export, tmp_path: Path) -> None:
    path = tmp_path / f"{export.name}{export.suffix}"
    path.write_bytes(export.raw)
    clean, majority, clean_splits = _accuracy(_clean(export, tmp_path))
    assert clean > majority + 0.2  # there is something to learn
    raw, _, raw_splits = _accuracy(path)
    for ours, by_hand in zip(raw_splits, clean_splits, strict=True):  # the same rows are trained on, and tested
        np.testing.assert_array_equal(ours.train.y, by_hand.train.y)
        np.testing.assert_array_equal(ours.test.y, by_hand.test.y)
    assert raw >= clean - TOLERANCE


def _clean(export: Export, folder: Path) -> Path:
    """The file of the clean form."""
    path = folder / f"{export.name}_clean.csv"
    path.write_bytes(export.clean)
    return path


def _options(path: Path, seed: int) -> TrainOptions:
    return TrainOptions(Source(str(path)), test="0.3", seed=seed)


def _accuracy(path: Path) -> tuple[float, float, list[Split]]:
    """The test accuracy of a file without options and that of always predicting the majority, means over SEEDS; the splits."""
    splits = [load_split(_options(path, seed)) for seed in SEEDS]
    results = [train(_options(path, seed), split).result for seed, split in zip(SEEDS, splits, strict=True)]
    accuracy = np.mean([result.accuracy["test"] for result in results])
    return float(accuracy), float(np.mean([result.majority["test"]["share"] for result in results])), splits
