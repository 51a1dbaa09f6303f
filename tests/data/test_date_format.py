"""How dates are written: many spellings, laws of the choice of a format, and cells that are no dates."""

import json
from dataclasses import asdict
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from linclf.data.columns.date import DateColumn
from linclf.data.columns.date_choice import choose_date_format
from linclf.data.columns.date_format import EPOCH, PIVOT, DateFormat
from linclf.data.columns.date_text import normalised
from linclf.data.columns.durations import spell_duration
from linclf.data.columns.registry import column_from_record
from linclf.data.encoder import learn_schema
from linclf.data.load import load
from linclf.data.source import Source
from linclf.errors import InputError

RNG = np.random.default_rng(0)


def chosen(cells: list[str], day_first: bool | None = None) -> DateFormat | None:
    levels, counts = np.unique(np.array(cells, object), return_counts=True)
    return choose_date_format(levels, counts, day_first)


def read(cells: list[str], day_first: bool | None = None) -> list[str]:
    """The cells as dates in ISO 8601, as the format that is chosen for them reads them; ["none"] without one."""
    form = chosen(cells, day_first)
    return ["none"] if form is None else [spelt(day, form) for day in form.numbers(np.array(cells, object)).tolist()]


def spelt(day: float, form: DateFormat) -> str:
    if np.isnan(day):
        return "missing"
    column = DateColumn("a", dates=form)
    if form.has_date and round(day * 86400, 3) % 1:
        return (EPOCH + timedelta(seconds=round(day * 86400, 3))).replace(tzinfo=None).isoformat(" ", "milliseconds")
    return column.spell(day)


AT = "2019-01-10 16:42:58"
SPELLINGS = [
    # names of months
    ("Jan. 05, 2019 | Feb. 13, 2019", "2019-01-05 | 2019-02-13"),
    ("January 5th, 2019 | March 1st, 2019", "2019-01-05 | 2019-03-01"),
    ("Jan 5, 2019 | January 7, 2019 | Sept 3, 2019", "2019-01-05 | 2019-01-07 | 2019-09-03"),
    ("the 5th of January 2019 | 22nd of May 2020", "2019-01-05 | 2020-05-22"),
    ("2019-Jan-05 | 2019-Dec-31", "2019-01-05 | 2019-12-31"),
    ("Jan-05-2019 | Dec-31-2019", "2019-01-05 | 2019-12-31"),
    ("05JAN2019 | 31DEC2019", "2019-01-05 | 2019-12-31"),
    ("05JAN2019:10:20:30 | 31DEC2019:00:00:00", "2019-01-05 10:20:30 | 2019-12-31"),
    ("05JAN19 | 31DEC21", "2019-01-05 | 2021-12-31"),
    ("5/January/2019 | 7/Feb/2019", "2019-01-05 | 2019-02-07"),
    ("Jan-98 | Jan-03 | Dec-12", "1998-01-01 | 2003-01-01 | 2012-12-01"),
    ("Sept 2019 | January 2020", "2019-09-01 | 2020-01-01"),
    ("5. März 2019 | 12. Mai 2019 | 1. Jänner 2020", "2019-03-05 | 2019-05-12 | 2020-01-01"),
    ("Mo, 7. Okt. 2019 | Di, 8. Okt. 2019", "2019-10-07 | 2019-10-08"),
    ("5 janvier 2019 | 1er août 2019 | 3 déc. 2020", "2019-01-05 | 2019-08-01 | 2020-12-03"),
    ("lundi 7 octobre 2019 | mardi 8 octobre 2019", "2019-10-07 | 2019-10-08"),
    ("5 de enero de 2019 | 31 de agosto del 2020", "2019-01-05 | 2020-08-31"),
    ("5-ene-2019 | 31-ago-2020", "2019-01-05 | 2020-08-31"),
    ("5 gennaio 2019 | 31 ott 2020", "2019-01-05 | 2020-10-31"),
    ("5 de março de 2019 | 1 de outubro de 2020", "2019-03-05 | 2020-10-01"),
    ("5 maart 2019 | 12 mei 2020", "2019-03-05 | 2020-05-12"),
    ("5 марта 2019 г. | 12 мая 2020 г.", "2019-03-05 | 2020-05-12"),
    ("март 2019 | ноябрь 2020", "2019-03-01 | 2020-11-01"),
    ("5. Ma\u0308rz 2019 | 6. Ma\u0308rz 2019", "2019-03-05 | 2019-03-06"),  # a letter and its accent apart
    # dates and times of programs
    ("2019-01-10 16:42:58,123 | 2019-01-11 00:00:00,000", f"{AT}.123 | 2019-01-11"),
    ("Thu Jan 10 16:42:58 2019 | Fri Jan 11 01:02:03 2019", f"{AT} | 2019-01-11 01:02:03"),
    ("Thu Jan  3 16:42:58 2019 | Fri Jan  4 01:02:03 2019", "2019-01-03 16:42:58 | 2019-01-04 01:02:03"),
    ("Thu Jan 10 16:42:58 +0000 2019 | Fri Jan 11 01:02:03 +0100 2019", f"{AT} | 2019-01-11 00:02:03"),
    ("Thu Jan 10 16:42:58 PST 2019 | Thu Jul 11 01:02:03 PDT 2019", "2019-01-11 00:42:58 | 2019-07-11 08:02:03"),
    ("Thu Jan 10 2019 16:42:58 GMT+0100 (CET) | Fri Jan 11 2019 00:00:00 GMT+0000", "2019-01-10 15:42:58 | 2019-01-11"),
    ("Thu Jan 10 2019 16:42:58 GMT+0100 (Central European Standard Time)", "2019-01-10 15:42:58"),
    ("20190110T164258 | 20190111T000000", f"{AT} | 2019-01-11"),
    ("20190110T164258Z | 20190111T000000Z", f"{AT} | 2019-01-11"),
    ("20190110_164258 | 20190111_000000", f"{AT} | 2019-01-11"),
    ("2019-01-10 16:42 EST | 2019-07-10 16:42 EDT", "2019-01-10 21:42:00 | 2019-07-10 20:42:00"),
    ("2019-01-10 16:42 CET | 2019-07-10 16:42 CEST", "2019-01-10 15:42:00 | 2019-07-10 14:42:00"),
    ("10/Jan/2019:16:42:58 +0000 | 11/Jan/2019:00:00:00 +0000", f"{AT} | 2019-01-11"),
    ("Thu, 10 Jan 2019 16:42:58 GMT | Fri, 11 Jan 2019 00:00:00 GMT", f"{AT} | 2019-01-11"),
    ("1/10/2019, 4:42:58 PM | 1/31/2019, 12:00:00 AM", f"{AT} | 2019-01-31"),
    # times are optional
    ("05/31/2019 | 05/31/2019 14:05", "2019-05-31 | 2019-05-31 14:05:00"),
    ("31.05.2019 | 31.05.2019 14:05 | 31.05.2019 14:05:06", "2019-05-31 | 2019-05-31 14:05:00 | 2019-05-31 14:05:06"),
    ("2019-01-10 | 2019-01-10 16:42:58 | 2019-01-11T00:00:00Z", f"2019-01-10 | {AT} | 2019-01-11"),
    ("16:42 Uhr | 7:05 Uhr", "16:42:00 | 07:05:00"),
    ("02:05 p.m. | 12:30 a.m.", "14:05:00 | 00:30:00"),
    ("2:05 p. m. | 12:30 p. m.", "14:05:00 | 12:30:00"),
    ("31.01.2019 um 16:42 Uhr | 01.02.2019 um 7:05 Uhr", "2019-01-31 16:42:00 | 2019-02-01 07:05:00"),
    ("Jan 31, 2019 at 4:42 PM | Feb 1, 2019 at 7:05 AM", "2019-01-31 16:42:00 | 2019-02-01 07:05:00"),
    # marks
    ("2019年01月10日 | 2019年2月1日", "2019-01-10 | 2019-02-01"),
    ("2019. 01. 10. | 2019. 12. 31.", "2019-01-10 | 2019-12-31"),
    ("31.01.2019. | 05.01.2019.", "2019-01-31 | 2019-01-05"),
    ("31. 01. 2019 | 5. 1. 2019", "2019-01-31 | 2019-01-05"),
    ("31/01/19 | 28/02/2019", "2019-01-31 | 2019-02-28"),
    # the year first
    ("19-01-10 | 20-05-22 | 18-07-31", "2019-01-10 | 2020-05-22 | 2018-07-31"),
    ("98/01/31 | 97/12/15", "1998-01-31 | 1997-12-15"),
    ("19.01.10 | 20.05.22 | 18.07.31", "2019-01-10 | 2020-05-22 | 2018-07-31"),
    ("98-01-31 16:42 | 97-12-15 7:05", "1998-01-31 16:42:00 | 1997-12-15 07:05:00"),
    ("24-01-01 | 24-02-01 | 24-03-01", "2024-01-01 | 2024-02-01 | 2024-03-01"),  # months
    ("31-01-24 | 01-02-24 | 15-03-24", "2024-01-31 | 2024-02-01 | 2024-03-15"),
    ("31-01-24 | 29-02-24 | 30-04-24 | 31-03-24", "2024-01-31 | 2024-02-29 | 2024-04-30 | 2024-03-31"),
    ("31-12-10 | 31-12-11 | 31-12-12", "2010-12-31 | 2011-12-31 | 2012-12-31"),  # ends of years
    # two-digit years
    ("13/04/65 | 01/01/71 | 30/12/03", "1965-04-13 | 1971-01-01 | 2003-12-30"),
    ("13/04/31 | 01/01/75 | 30/12/68", "1931-04-13 | 1975-01-01 | 1968-12-30"),
    ("13/04/01 | 01/01/19 | 30/12/22", "2001-04-13 | 2019-01-01 | 2022-12-30"),
    ("13-Apr-65 | 01-Jan-71 | 30-Dec-03", "1965-04-13 | 1971-01-01 | 2003-12-30"),
    # weeks
    ("2019-W05-1 | 2019-W05-7", "2019-01-28 | 2019-02-03"),
    ("2019W052 | 2019W05", "2019-01-29 | 2019-01-28"),
    # durations
    ("41:10 | 1:30:00 | 5:00", "0:41:10 | 1:30:00 | 0:05:00"),
    ("01:30:00 | 41:10", "1:30:00 | 0:41:10"),
    ("10:20:30 | 11:40", "10:20:30 | 11:40:00"),  # times of day
    ("3 days 04:05:06 | 0 days | -1 days +20:00:00", "76:05:06 | 0:00:00 | -4:00:00"),
    ("1 day, 4:05:06 | 2 days, 0:00:00.5", "28:05:06 | 48:00:00"),
    ("2h 5m | 45m | 1h", "2:05:00 | 0:45:00 | 1:00:00"),
    ("1d 2h | 3 hours 4 minutes | 90 sec", "26:00:00 | 3:04:00 | 0:01:30"),
    ("PT1H2M | P1DT3S | PT0.5H | P1W", "1:02:00 | 24:00:03 | 0:30:00 | 168:00:00"),
    # cells that are no dates
    ("2019-01-31 | 9999-12-31 | 0001-01-01", "2019-01-31 | missing | missing"),
    ("2019-01-31 10:00:00 | 9999-12-31 23:59:59", "2019-01-31 10:00:00 | missing"),
    ("31/01/2019 | 31/12/9999 | 01/01/0001", "2019-01-31 | missing | missing"),
    ("1043-02 | 1044-03 | 2010-12", "none"),
    ("01-01-1000 | 02-02-1000", "none"),
    ("Jan-19 | Feb-20", "none"),
    ("Jan 5 | Feb 7", "none"),
    ("5 m | 7 m", "none"),
    ("Room 5, 2019 | Room 7, 2020", "none"),
    ("10 Mar 5 May 2019", "none"),
    ("25:00 p.m. | 13:00 p.m.", "none"),
    ("12:30-13:30 | 9:00-10:30", "none"),
    ("31.01.2019 12:30 - 15:00 | 31.01.2019 9:00 - 16:30", "none"),
    ("31.02.2019 | 30.02.2019", "none"),
]


@pytest.mark.parametrize(("cells", "expected"), SPELLINGS, ids=[cells for cells, _ in SPELLINGS])
def test_spellings(cells: str, expected: str) -> None:
    assert read(cells.split(" | ")) == expected.split(" | ")


# laws

MOMENTS = pd.Series(pd.Timestamp("1975-01-01") + pd.to_timedelta(RNG.integers(0, 45 * 365 * 1440, 300), unit="min"))
FORMATS = [
    *(
        "%Y-%m-%d",
        "%d.%m.%Y",
        "%m/%d/%Y",
        "%d/%m/%y",
        "%m/%d/%y",
        "%y/%m/%d",
        "%Y%m%d",
        "%d-%b-%Y",
        "%d %B %Y",
        "%b %d, %Y",
    ),
    *(
        "%B %d, %Y",
        "%Y-%b-%d",
        "%b-%d-%Y",
        "%d%b%Y",
        "%d%b%y",
        "%A, %d %B %Y",
        "%a %d/%m/%Y",
        "%Y年%m月%d日",
        "%Y. %m. %d.",
        "%d.%m.%Y.",
    ),
    *(
        "%Y-%m-%d %H:%M",
        "%d.%m.%Y %H:%M:%S",
        "%m/%d/%Y %I:%M %p",
        "%d%b%Y:%H:%M:%S",
        "%a %b %d %H:%M:%S %Y",
        "%Y%m%dT%H%M%S",
    ),
    *(
        "%Y-%m-%d %H:%M:%S,000",
        "%d.%m.%Y um %H:%M Uhr",
        "%a %b %d %H:%M:%S +0000 %Y",
        "%a %b %d %Y %H:%M:%S GMT+0000 (UTC)",
    ),
    *("%Y-%m-%dT%H:%M:%SZ", "%y-%m-%d %H:%M", "%G-W%V-%u"),
]


@pytest.mark.parametrize("format", FORMATS)
def test_dates_are_what_they_were_before_they_were_written(format: str) -> None:
    cells = MOMENTS.dt.strftime(format).to_numpy(object)
    has_time = "%H" in format or "%I" in format
    days = ((MOMENTS if has_time else MOMENTS.dt.normalize()) - pd.Timestamp(0)) / pd.Timedelta(days=1)
    form = chosen(cells.tolist())
    assert form is not None
    assert not form.ambiguous
    np.testing.assert_allclose(form.numbers(cells), days, rtol=0, atol=1e-9)
    # the order of the cells does not matter, and from some of the cells the same is learned
    np.testing.assert_array_equal(form.numbers(cells[::-1]), form.numbers(cells)[::-1])
    some = chosen(cells[:200].tolist())
    assert some is not None
    np.testing.assert_allclose(some.numbers(cells), days, rtol=0, atol=1e-9)
    # a model keeps the format
    column = DateColumn("a", dates=form)
    assert column_from_record(json.loads(json.dumps(asdict(column)))) == column


@pytest.mark.parametrize(
    "form", ["%d/%m/%Y", "%d.%m.%y", "%a, %d/%m/%Y", "%d/%m/%Y %H:%M", "%Y-%m-%d", "%A %m-%d-%Y", "%Y%m%d"]
)
@pytest.mark.parametrize("normal", [False, True])
def test_swapped_dates_have_day_and_month_in_each_others_place(form: str, normal: bool) -> None:
    one = DateFormat(form, ambiguous=True, example="x", normalised=normal, pivot=30)
    other = one.swapped()
    assert other is not None
    assert (other.normalised, other.pivot, other.ambiguous) == (normal, 30, False)
    assert other.format.replace("%d", "#").replace("%m", "%d").replace("#", "%m") == form
    assert other.swapped() == DateFormat(form, normalised=normal, pivot=30)


def test_no_other_dates_can_be_swapped() -> None:
    assert all(DateFormat(form).swapped() is None for form in ("ISO 8601", "%d %b %Y", "%b %Y", "%m/%Y", "%H:%M"))


@pytest.mark.parametrize(
    ("cells", "day_first", "month_first"),
    [
        (["01/02/2019", "03/04/2020"], "%d/%m/%Y", "%m/%d/%Y"),
        (["01/02/2019 10:00", "03/04/2020"], "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"),
        (["Mon 01/02/2019", "Tue 03/04/2020"], "%a %d/%m/%Y", "%a %m/%d/%Y"),
        (["01. 02. 2019", "03. 04. 2020"], "%d.%m.%Y", "%m.%d.%Y"),
        (["01-02-03", "04-05-06"], "%d-%m-%y", "%m-%d-%y"),
        (["19-01-10", "19-01-11", "19-01-12", "19-01-13"], "%d-%m-%y", "%d-%m-%y"),
    ],
)
def test_ambiguous_dates_are_asked_about(tmp_path, cells: list[str], day_first: str, month_first: str) -> None:
    form = chosen(cells)
    assert form is not None
    assert form.ambiguous
    for wanted, expected in ((True, day_first), (False, month_first)):
        asked = chosen(cells, wanted)
        assert asked is not None
        assert (asked.format, asked.ambiguous) == (expected, False)
    rows = "".join(f"{cells[i % len(cells)]},{i % 5},{i % 2}\n" for i in range(40))
    (tmp_path / "t.csv").write_text(f"a,x,label\n{rows}")
    dataset = load(Source(str(tmp_path / "t.csv")))
    with pytest.raises(InputError, match="is the day or the month first .* pass --day-first or --month-first") as error:
        learn_schema(dataset.X, dataset.schema, dataset.source, dataset.y)
    assert str(error.value).endswith("four digits") == ("%y" in form.format)


def test_a_year_that_is_clearly_first_is_first_whatever_is_passed() -> None:
    assert read(["98-01-31", "97-12-15"], day_first=True) == ["1998-01-31", "1997-12-15"]


def test_two_digit_years_have_the_pivot_of_the_column() -> None:
    births = [f"{1 + i % 28:02}/{1 + i % 12:02}/{year % 100:02}" for i, year in enumerate(range(1935, 2005))]
    form = chosen(births)
    assert form is not None
    assert 5 <= form.pivot <= 35
    assert [day[:4] for day in read(births)] == [str(year) for year in range(1935, 2005)]
    recent = chosen(births[40:])
    assert recent is not None
    assert recent.pivot == PIVOT


@pytest.mark.parametrize("word", ["never", "still ongoing"])
def test_a_word_in_up_to_half_of_the_cells_hides_no_dates(tmp_path, word: str) -> None:
    dates = [f"2019-01-{i:02}" for i in range(1, 31)]
    form = chosen([word] * 30 + dates)
    assert form is not None
    assert form.format == "ISO 8601"
    assert chosen([word] * 31 + dates) is None
    for n_dates, kind in ((11, "date"), (10, "category")):
        cells = dates[:n_dates] * 3 + [word] * 3 * n_dates
        rows = "".join(f"{cell},{i % 5},{i % 2}\n" for i, cell in enumerate(cells))
        (tmp_path / "t.csv").write_text(f"a,x,label\n{rows}")
        dataset = load(Source(str(tmp_path / "t.csv")))
        schema, _ = learn_schema(dataset.X, dataset.schema, dataset.source, dataset.y)
        assert schema.columns[0].kind == kind


def test_sentinels_hide_no_dates() -> None:
    assert read(["9999-12-31 23:59:59"] * 90 + ["2019-01-10 00:00:00"])[-2:] == ["missing", "2019-01-10"]


HOSTILE = [
    *("1" * 50_000, "1:" * 25_000, "1-" * 25_000, "Jan " * 10_000, "(" * 10_000 + "1", "1 " * 30, "PT" + "1" * 10_000),
    *(
        "10:10 (" + "(" * 70,
        " " * 79 + "1",
        "1" * 80,
        "a1" * 40,
        "1 days " * 10,
        "²" * 40,
        "٣" * 8,
        "१०/०१/२०१९",
        "-" * 79 + "1",
    ),
    *(
        "2019-01-10T",
        "T10:20",
        "99:99",
        "2019-13-45 10:20",
        "0000-01-01",
        "10:20:30:40",
        "24:00 p.m.",
        "2019-W99-9",
        "\0" * 9 + "1",
    ),
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_cells_are_no_dates(text: str) -> None:
    """Neither alone nor among dates; this would not end if a pattern tried all ways to take a text apart."""
    normalised(text)
    form = chosen([text] * 300)
    assert form is None or not np.isnan(form.numbers(np.array([text], object))).all()
    dates = [f"Jan {i}th, 2019" for i in range(1, 29)]
    assert read([*dates, text])[:28] == [f"2019-01-{i:02}" for i in range(1, 29)]


def test_durations_are_spelt() -> None:
    assert [spell_duration(days) for days in (0.0625, -0.0625, 2, 0)] == ["1:30:00", "-1:30:00", "48:00:00", "0:00:00"]
