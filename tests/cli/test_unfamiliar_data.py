"""Data unlike those that a model was trained on: an error by default, a note with --lenient; drift in a table."""

import json

import numpy as np
import pandas as pd
import pytest

from linclf.data import stream

N = 120
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "kg": RNG.normal(70, 10, N).round(1),
        "price": [f"€{x:,.2f}" for x in RNG.gamma(2, 20_000, N)],
        "day": pd.date_range("2024-01-01", periods=N).strftime("%d.%m.%Y"),
        "share": [f"{x:.1f} %" for x in RNG.uniform(0, 100, N)],
        "town": RNG.choice(["Rome", "Oslo", "Bern"], N),
        "zip": RNG.choice(["02134", "94105", "00501"], N),
        "gap": np.where(np.arange(N) % 3, RNG.normal(size=N).round(2).astype(str), "-"),
    }
)
FRAME["label"] = np.where(FRAME.kg + RNG.normal(0, 5, N) > 70, "heavy", "light")
ROWS = FRAME.drop(columns="label")


@pytest.fixture
def model(linclf, in_tmp) -> None:
    FRAME.to_csv("t.csv", index=False)
    assert linclf("train t.csv --epochs 5 -q -o m").code == 0


UNFAMILIAR = [
    ("another currency", lambda f: f.assign(price=f.price.str.replace("€", "$")), "column 'price' holds no number as in the training data: '$"),
    ("another unit", lambda f: f.assign(kg=f.kg.map("{} lb".format)), "column 'kg' holds no number as in the training data"),
    ("grams", lambda f: f.assign(kg=f.kg * 1000), "the mean of column 'kg' is 7"),
    ("another format of dates", lambda f: f.assign(day=pd.to_datetime(f.day, dayfirst=True).dt.strftime("%b %d, %Y")), "column 'day' holds no date as in the training data: 'Jan 01, 2024'"),
    ("other levels", lambda f: f.assign(town=f.town.str.upper()), "column 'town': 120 of 120 cells are unknown: '"),
    ("an empty column", lambda f: f.assign(kg=""), "column 'kg' is empty, and was not in the training data"),
    ("words instead of numbers", lambda f: f.assign(kg="much"), "column 'kg' holds no number as in the training data: 'much' (120)"),
    ("kilos in tons", lambda f: f.assign(kg=f.kg / 1000), "the mean of column 'kg' is 0.0"),
    ("days and months", lambda f: f.assign(day=pd.to_datetime(f.day, dayfirst=True).dt.strftime("%m.%d.%Y").where(np.arange(N) % 30 < 14, f.day)), "column 'day': days and months seem to have changed places"),
    ("no town", lambda f: f.assign(town=""), "column 'town' is empty, and was not in the training data"),
    ("days of another century", lambda f: f.assign(day=f.day.str.replace("2024", "1924")), "the mean of column 'day' is -100 years from"),
    ("no unit", lambda f: f.assign(share=f.share.str.removesuffix(" %")), "column 'share' holds no number as in the training data"),
    ("mostly words", lambda f: f.assign(kg=np.where(np.arange(N) % 5, "much", f.kg)), "column 'kg': 96 of 120 cells are unknown: 'much' (96)"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "what"), [case[1:] for case in UNFAMILIAR], ids=[case[0] for case in UNFAMILIAR])
@pytest.mark.usefixtures("model")
def test_unfamiliar_data_are_an_error_unless_lenient(linclf, change, what: str) -> None:
    change(FRAME).to_csv("new.csv", index=False)
    for command in (
        "predict m new.csv -o p.csv",
        "evaluate m new.csv",
        "compare m m new.csv",
        "train t.csv --test new.csv",
    ):
        ran = linclf(command)
        assert ran.code == 2, command
        assert f"error: new.csv: {what}" in ran.err
        assert "fix the data, train on data like these, or pass --lenient" in ran.err
        assert ran.err.splitlines()[-1].startswith("error: ")
    for command in ("predict m new.csv", "evaluate m new.csv"):
        ran = linclf(f"{command} --lenient")
        assert ran.code == 0
        assert f"note: new.csv: {what}" in ran.err
    assert len(linclf("predict m new.csv --lenient").splitlines()) == N


FAMILIAR = [
    ("the same", lambda f: f),
    (
        "decimal commas",
        lambda f: f.assign(
            kg=f.kg.map(lambda x: str(x).replace(".", ",")),
            gap=f.gap.str.replace(".", ","),
            price=f.price.str.translate(str.maketrans(".,", ",.")),
            share=f.share.str.replace(".", ","),
        ),
    ),
    ("some words", lambda f: f.assign(kg=np.where(np.arange(N) % 5, f.kg, "?"))),
    ("a marker that training had", lambda f: f.assign(gap=f.gap.where(np.arange(N) % 4 == 0, "-"))),
    ("numbers in brackets", lambda f: f.assign(kg=f.kg.map("{}".format).where(np.arange(N) > 3, "(3.5)"))),
    ("later days", lambda f: f.assign(day="01.01.2031")),
    ("no currency", lambda f: f.assign(price=f.price.str.removeprefix("€").str.replace(",", ""))),
    ("one row", lambda f: f[:1]),
    ("few new levels", lambda f: f[:9].assign(town="Paris")),
    ("codes of a spreadsheet", lambda f: f.assign(zip=f.zip.astype(int))),
]


@pytest.mark.parametrize("change", [change for _, change in FAMILIAR], ids=[name for name, _ in FAMILIAR])
@pytest.mark.usefixtures("model")
def test_familiar_data_are_none(linclf, change) -> None:
    rows = change(ROWS)
    rows.to_csv("new.csv", index=False)
    ran = linclf("predict m new.csv")
    assert ran.code == 0, ran.err
    assert len(ran.splitlines()) == len(rows)


SAME = [change for name, change in FAMILIAR if name in ("decimal commas", "no currency", "codes of a spreadsheet")]


@pytest.mark.parametrize("change", SAME)
@pytest.mark.usefixtures("model")
def test_the_same_rows_in_another_spelling_have_the_same_scores(linclf, change) -> None:
    ROWS.to_csv("old.csv", index=False)
    change(ROWS).to_csv("new.csv", index=False, sep=";")
    assert linclf("predict m new.csv --scores") == linclf("predict m old.csv --scores")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("size", [100, 1 << 22])
@pytest.mark.usefixtures("model")
def test_a_file_in_any_encoding_is_predicted_in_pieces(linclf, monkeypatch, encoding: str, size: int) -> None:
    ROWS.assign(note="é").to_csv("plain.csv", index=False)
    ROWS.assign(note="é").to_csv("new.csv", index=False, sep=";", encoding=encoding)
    expected = linclf("predict m plain.csv --keep note --label")
    monkeypatch.setattr(stream, "PIECE", size)
    found = linclf("predict m new.csv --keep note --label")
    assert (found.code, found) == (0, expected)
    assert ("--encoding names another" in found.err) == (encoding in ("utf-16", "cp1252"))


@pytest.mark.usefixtures("model")
def test_drift_is_a_table_and_a_note(linclf) -> None:
    FRAME.assign(kg=FRAME.kg + 50, town=np.where(np.arange(N) % 3, FRAME.town, "Paris")).to_csv("new.csv", index=False)
    result = json.loads(linclf("evaluate m new.csv --drift --json"))
    drift = {one["name"]: one for one in result["drift"]}
    assert list(drift) == ["kg", "price", "day", "share", "town", "zip", "gap"]
    train = FRAME.kg  # nearly all rows are training rows
    assert drift["kg"]["shift"] == pytest.approx(50 / train.std(), rel=0.1)
    assert drift["town"]["unknown"] == pytest.approx(1 / 3)
    assert [one["drifts"] for one in drift.values()] == [True, False, False, False, True, False, False]
    assert drift["gap"]["missing_before"] == pytest.approx(1 / 3, abs=0.05)
    assert drift["day"]["shift"] is drift["town"]["shift"] is None
    text = linclf("evaluate m new.csv --drift").splitlines()
    assert text[0].split() == ["column", "kind", "missing", "in", "training", "now", "unknown", "mean", "shift"]
    assert [line.split()[0] for line in text[1:8] if line.endswith("*")] == ["kg", "town"]
    note = linclf("predict m new.csv").err
    assert "columns unlike those of the training data: kg (mean +" in note
    assert "town (33% unknown); see linclf evaluate --drift" in note
    assert linclf("evaluate m --drift").err == "error: --drift compares other data with the training data; give DATA\n"


@pytest.mark.usefixtures("model")
def test_rows_on_standard_input_are_judged_from_ten_on(linclf, monkeypatch) -> None:
    import io

    def predict(rows: pd.DataFrame):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(rows.to_csv(index=False).encode())))
        return linclf("predict m - --format csv")

    for n, printed in ((9, 9), (10, 0)):  # fewer rows at the end
        ran = predict(ROWS[:n].assign(kg="much"))
        assert (ran.code, len(ran.splitlines())) == (2, printed)
    assert predict(ROWS[:9]).code == 0


def test_clean_labels_hold_for_the_test_data_too(linclf, in_tmp) -> None:
    FRAME.assign(label=np.where(np.arange(N) % 9, FRAME.label, FRAME.label.str.upper())).to_csv("t.csv", index=False)
    FRAME.assign(label=FRAME.label.str.title()).to_csv("test.csv", index=False)
    ran = linclf("train t.csv --test test.csv -q --epochs 2 --json")
    assert json.loads(ran)["classes"] == ["HEAVY", "LIGHT", "heavy", "light"]
    ran = linclf("train t.csv --test test.csv --epochs 2 --clean-labels -o m --json")
    assert json.loads(ran)["classes"] == ["heavy", "light"]
    assert json.loads(ran)["accuracy"]["test"] > 0.5
    assert "labels that differ only in how they are written became one: 'HEAVY' (" in ran.err
    assert json.loads(linclf("evaluate m test.csv --json"))["accuracy"] > 0.5


def test_numbers_without_their_unit_are_none_in_a_table_of_numbers_too(linclf, in_tmp) -> None:
    table = FRAME[["kg", "label"]].assign(
        kg=FRAME.kg.map("{} kg".format), cm=FRAME.kg.map(lambda x: f"{x + 100:.1f} cm")
    )
    table.to_csv("t.csv", index=False)
    assert linclf("train t.csv --epochs 2 -q -o m").code == 0
    table.assign(kg=FRAME.kg, cm=FRAME.kg + 100).to_csv("new.csv", index=False)
    assert (
        "column 'kg' holds no number as in the training data: 'numbers without kg' (120)"
        in linclf("predict m new.csv").err
    )
