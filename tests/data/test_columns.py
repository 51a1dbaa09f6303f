"""The kinds of columns: encoded as by scikit-learn, learned from training rows alone, unchanged by a model file."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from column_tables import make, table_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import read
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import OneHotEncoder

from linclf.data.columns.date_format import DateFormat
from linclf.data.columns.infer import learn_columns
from linclf.data.columns.registry import KINDS
from linclf.data.encoder import encode, learn_schema
from linclf.data.load import load, load_features
from linclf.data.source import Source
from linclf.data.split import split_dataset, stratified
from linclf.data.table import parse_number
from linclf.errors import InputError
from linclf.model.linear_model import LinearModel, from_bytes


def kinds(tmp_path, columns: dict[str, list], **options) -> dict[str, str]:
    dataset = read(tmp_path / "t.csv", table_of(columns), **options)
    features, _ = learn_schema(dataset.X, dataset.schema, dataset.source)
    return {column.name: column.kind for column in features.columns}


WORDS = ["the cat sat", "a dog barked loudly", "no birds sang here", "it rained all day long", "we went home at last"]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([1, 2, 3, 1] * 10, "number"),
        ([1.5, "", 3, "?"] * 10, "number"),
        (["1", "NA", "-2e3", "null"] * 10, "number"),
        ([*range(39), "oops"], "number"),
        ([*map(str, range(30)), *["none given"] * 10], "number"),
        ([*map(str, range(30)), *["low", "high"] * 5], "category"),
        (["1", "2", "3", "x"] * 10, "category"),
        (["a", "b", "c", ""] * 10, "category"),
        (["yes", ""] * 20, "category"),
        (["True", "False", "TRUE", ""] * 10, "category"),
        (["strongly agree with this", "do not agree at all"] * 20, "category"),
        ([f"{WORDS[i % 5]} {i}" for i in range(40)], "text"),
        ([*WORDS, *[""] * 35], "text"),
        ([f"2024-01-{i % 28 + 1:02}" for i in range(40)], "date"),
        (["2024-01-05T10:00", "2024-01-06 11:30:05.5", "", "2024-02-01"] * 10, "date"),
        (["2024-13-05", "2024-01-06"] * 20, "category"),
        (["same"] * 40, "constant"),
        ([7] * 40, "constant"),
        ([""] * 40, "constant"),
        ([*range(100, 140)], "id"),
        ([str(10**9 + 7919 * i) for i in range(40)], "number"),
        ([f"x{i:03}" for i in range(40)], "id"),
        ([i + 0.5 for i in range(40)], "number"),
    ],
)
def test_each_column_is_recognised_as_its_kind(tmp_path, cells: list, kind: str) -> None:
    assert kinds(tmp_path, {"a": cells, "other": [1, 2, 4, 4] * 10})["a"] == kind


def test_ids_are_recognised_by_name_and_options_overrule_what_is_recognised(tmp_path) -> None:
    ids = [str(10**9 + 7919 * i) for i in range(40)]
    columns = {"user_id": ids, "code": [f"{i % 4:02}" for i in range(40)], "price": [1, 2, 4, 4] * 10}
    assert kinds(tmp_path, columns) == {"user_id": "id", "code": "category", "price": "number"}
    forced = {"numeric": ("user_id", "code"), "text": ("price",)}
    assert kinds(tmp_path, columns, **forced) == {"user_id": "number", "code": "number", "price": "text"}
    dataset = read(tmp_path / "t.csv", table_of(columns), category=("code", "price"), drop=("user_id",))
    features, _ = learn_schema(dataset.X, dataset.schema, dataset.source)
    assert [c.levels for c in features.columns] == [("00", "01", "02", "03"), ("1", "2", "4")]  # as they are written


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("-1e-3", -0.001), (" 2 ", 2), ("1_0", None), ("inf", None), ("nan", None), ("0x1", None), ("", None)],
)
def test_numbers_are_parsed(text: str, value: float | None) -> None:
    assert parse_number(text) == value if value is not None else np.isnan(parse_number(text))


def test_dates_are_days() -> None:

    def parse_date(text: str) -> float:
        return float(DateFormat().numbers(np.array([text], object))[0])

    assert parse_date("1970-01-02") == 1
    assert parse_date("1969-12-31T12:00") == -0.5
    assert parse_date("2024-02-29 06:00:00.000000Z") == 19782.25
    assert np.isnan(parse_date("2024-02-30"))
    assert np.isnan(parse_date("24-02-03"))
    assert parse_date("1970-01-02 00:00:00+00:00") == parse_date("1970-01-02T02:00:00+0200") == 1


@pytest.mark.parametrize("sparse", [False, True])
def test_encoded_as_scikit_learn_does(tmp_path, sparse: bool) -> None:
    columns = make(300, 0)
    read(tmp_path / "t.csv", table_of(columns))
    source = Source(str(tmp_path / "t.csv"), drop=() if sparse else ("words",), min_count=8)
    parts = split_dataset(load(source), 0.3, None, 0)
    assert parts.schema.sparse == sparse
    frame = pd.read_csv(tmp_path / "t.csv", na_values=["?"])
    rows = {"train": parts.train.X, "test": parts.test.X}
    dense = {key: X.toarray() if sparse else np.asarray(X) for key, X in rows.items()}
    held = stratified(np.arange(300) % 2, 0.3, np.random.default_rng([0, 1]))  # as cut draws the test part
    train, test = frame[~held], frame[held]
    assert (len(train), len(test)) == (len(dense["train"]), len(dense["test"])) == (210, 90)

    def scaled(values: pd.Series) -> np.ndarray:
        fit = values[~held]
        return ((values - fit.mean()) / fit.std(ddof=0) if sparse else values).to_numpy()

    encoder = OneHotEncoder(min_frequency=8, handle_unknown="infrequent_if_exist", sparse_output=False)
    towns = encoder.fit(train[["town"]]).transform(frame[["town"]])
    gap, days = frame["gap"], pd.Series(DateFormat().numbers(frame["day"].to_numpy(object)))
    colours = [frame["colour"] == c for c in ("blue", "green", "red")] + [frame["colour"].isna()]
    blocks = [
        scaled(frame["size"])[:, None],
        scaled(gap.fillna(gap[~held].median()))[:, None],
        gap.isna().to_numpy()[:, None],
        np.column_stack(colours),
        towns,
        scaled(days)[:, None],
    ]
    if sparse:
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=8, sublinear_tf=True, token_pattern=r"\b\w+\b")
        blocks.append(vectorizer.fit(train["words"]).transform(frame["words"]).toarray())
    expected = np.hstack(blocks)
    np.testing.assert_allclose(dense["train"], expected[~held], atol=1e-12)
    np.testing.assert_allclose(dense["test"], expected[held], atol=1e-12)
    names = parts.schema.feature_names()
    assert len(names) == parts.schema.count == expected.shape[1]
    assert names[:7] == (
        "size",
        "gap",
        "gap (missing)",
        "colour=blue",
        "colour=green",
        "colour=red",
        "colour (missing)",
    )


HOSTILE = [
    "",
    "?",
    "1e308",
    "-1e308",
    "oops",
    '日本, "quoted"',
    "new\nline",
    "2024-01-01",
    "town 3",
    "ab cd ef gh ij",
    "9" * 30,
]


@given(st.lists(st.sampled_from(HOSTILE), min_size=9, max_size=9), st.integers(0, 59))
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_held_out_rows_change_nothing_that_is_learned(tmp_path, cells: list[str], row: int) -> None:
    """Whatever is in a held-out row, the columns learned from the training rows and their features are the same."""
    columns = make(60, 1)
    before = read(tmp_path / "t.csv", table_of(columns))
    parts = split_dataset(before, 0.3, 0.2, 0)
    held = np.concatenate([parts.val.y, parts.test.y])
    assert len(held) == 18 + 9
    # the held-out rows are drawn by their labels alone, so they are the same rows in both files
    drawn = np.flatnonzero(stratified(before.labels(), 0.3, np.random.default_rng([0, 1])))
    changed = {name: [*values] for name, values in columns.items()}
    for name, cell in zip(changed, cells, strict=True):
        changed[name][drawn[row % len(drawn)]] = cell
    try:
        after = split_dataset(read(tmp_path / "t.csv", table_of(changed)), 0.3, 0.2, 0)
    except InputError as error:
        if "308" in "".join(cells) and "is too large compared with those of the training data" in str(error):
            return
        raise
    assert after.schema.columns == parts.schema.columns
    assert (after.train.X[:] != parts.train.X[:]).nnz == 0
    assert after.train.y.tolist() == parts.train.y.tolist()


text_cells = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12) | st.sampled_from(
    [
        "NA",
        "?",
        '"',
        "a,b",
        "line\nbreak",
        "1e308",
        "-1e-308",
        "'",
        "=1+1",
        "\u2028",
        "a b c d",
        "日本 語 は",
        "0",
        "-0.0",
    ]
)
number_cells = st.floats(-1e100, 1e100).map(repr) | st.sampled_from(["", "?", "5e-324", "007"])


@given(
    st.lists(st.tuples(number_cells, text_cells, text_cells), min_size=6, max_size=30),
    st.lists(st.tuples(number_cells, text_cells, text_cells), min_size=1, max_size=6),
    st.sampled_from([(), ("b",), ("b", "c")]),
    st.integers(1, 3),
)
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_loaded_model_encodes_to_the_same_bits(tmp_path, rows, fresh, texts, min_count: int) -> None:
    """Every kind of column survives the model file, and gives the same scores on new rows."""
    text = pd.DataFrame(rows, columns=list("abc")).assign(label=np.arange(len(rows)) % 2).to_csv(index=False)
    others = pd.DataFrame(fresh, columns=list("abc")).to_csv(index=False)
    (tmp_path / "new.csv").write_text(others)
    try:
        dataset = read(tmp_path / "t.csv", text, text=texts, min_count=min_count, numeric=("a",))
        features, _ = learn_schema(dataset.X, dataset.schema, dataset.source)
    except InputError:  # no number, no word or no feature in it
        return
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((features.count, 1))
    record = {"options": {}, "seed": 0, "data": {}, "metrics": {}, "versions": {}}
    model = LinearModel(weight, np.zeros(1), np.array([0, 1]), "logistic", features, record)
    loaded = from_bytes(model.to_bytes())
    assert loaded.schema == features
    for name, labelled in (("t.csv", True), ("new.csv", False)):
        source = Source(str(tmp_path / name))
        X, Z = (load_features(source, m.schema, labelled=labelled).X for m in (model, loaded))
        with np.errstate(over="ignore", invalid="ignore"):
            assert model.scores(X).tobytes() == loaded.scores(Z).tobytes()


def test_codes_written_as_other_numbers_are_the_same_levels(tmp_path) -> None:
    train = read(tmp_path / "t.csv", "a,b,label\n" + "01,1,x\n02,01,y\n03,2,x\n" * 3, category=("a", "b"))
    features, _ = learn_schema(train.X, train.schema, train.source)
    assert [column.levels for column in features.columns] == [("01", "02", "03"), ("01", "1", "2")]
    (tmp_path / "new.csv").write_text("a,b\n1,1\n2.0,1.0\n03,2.0\nx,nan\n")
    new = load_features(Source(str(tmp_path / "new.csv")), features, labelled=False)
    # 1.0 could be 1 or 01, and is neither
    np.testing.assert_array_equal(new.X, [[1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 1], [0] * 6])


def test_truth_values_are_the_same_in_all_formats(tmp_path) -> None:
    train = read(tmp_path / "t.csv", "a,label\n" + "True,x\nfalse,y\nTRUE,x\nFalse,y\n" * 3)
    features, _ = learn_schema(train.X, train.schema, train.source)
    assert features.columns[0].levels == ("False", "True")
    (tmp_path / "new.jsonl").write_text('{"a": true}\n{"a": false}\n')
    pd.DataFrame({"a": [True, False]}).to_parquet(tmp_path / "new.parquet")
    for name in ("new.jsonl", "new.parquet"):
        new = load_features(Source(str(tmp_path / name)), features, labelled=False)
        np.testing.assert_array_equal(new.X, [[0, 1], [1, 0]])


def test_cells_that_training_never_saw_are_counted_in_notes(tmp_path) -> None:
    train = read(tmp_path / "t.csv", "n,c,r,label\n" + "1,a,x,0\n2,b,y,1\n" * 5 + "1,a,rare,1\n")
    features, _ = learn_schema(train.X, train.schema, train.source)
    (tmp_path / "new.csv").write_text("r,c,n\nodd,z,oops\nodd,,\nx,a,3\n")
    new = load_features(Source(str(tmp_path / "new.csv")), features, labelled=False)
    np.testing.assert_array_equal(new.X, [[1, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 1], [3, 1, 0, 1, 0, 0]])
    assert list(new.notes) == [
        "column 'n': not numbers in 1 row, treated as missing: 'oops' (1)",
        "column 'n': missing in 1 row, never missing in training; replaced by the median",
        "column 'c': levels that training never saw in 1 row, treated as none of its levels: 'z' (1)",
        "column 'c': missing in 1 row, never missing in training; treated as none of its levels",
        "column 'r': levels that training saw rarely or never in 2 rows, treated as 'r (other)': 'odd' (2)",
    ]


def test_frames_are_encoded_as_files_are(tmp_path) -> None:
    import polars as pl

    columns = make(80, 2) | {"town": ["a", "b"] * 40}
    dataset = read(tmp_path / "t.csv", table_of(columns))
    features, _ = learn_schema(dataset.X, dataset.schema, dataset.source)
    weight = np.random.default_rng(0).standard_normal((features.count, 3))
    model = LinearModel(weight, np.zeros(3), np.arange(3), "softmax", features, {})
    expected = model.scores(encode(dataset.X, features, "t")[0])
    frame = pd.read_csv(tmp_path / "t.csv")[list(reversed(columns))]
    np.testing.assert_array_equal(model.scores(frame), expected)
    with pytest.warns(UserWarning, match="X: column 'colour': levels that training never saw in 27 rows.*: 'mauve'"):
        model.predict(frame.assign(colour=np.where(np.arange(80) % 3, frame["colour"], "mauve")))
    np.testing.assert_array_equal(model.scores(frame.assign(colour=frame["colour"].astype("category"))), expected)
    np.testing.assert_array_equal(model.scores(pl.read_csv(tmp_path / "t.csv")), expected)
    assert model.predict(frame.drop(columns="row")).tolist() == model.predict(frame).tolist()
    with pytest.raises(
        InputError, match="X: lacks 5 of the 6 columns of the training data: gap, colour, town, day, words"
    ):
        model.predict(frame[["size"]])
    with pytest.raises(InputError, match="lacks 1 of the 6 columns .*: colour; is 'Colour ' meant to be 'colour'"):
        model.predict(frame.rename(columns={"colour": "Colour "}))
    assert model.predict(frame.head(0)).shape == (0,)


def test_errors(tmp_path) -> None:
    dataset = read(tmp_path / "t.csv", table_of({"a": ["x", "y"] * 10, "b": [*range(20)]}))
    table = dataset.X
    with pytest.raises(InputError, match="no column is left to learn from; say what they are with --numeric"):
        learn_columns(replace(table, names=("b",), texts={}), {}, Source("t.csv", min_count=1))
    with pytest.raises(InputError, match="t.csv: column 'a' holds no number; leave out --numeric a"):
        learn_columns(table, {"a": KINDS["number"]}, Source("t.csv", min_count=1))
    blank = read(tmp_path / "t.csv", table_of({"a": ["...", "!!"] * 10, "b": [1, 2] * 10}), text=("a",))
    with pytest.raises(InputError, match="there are no words in column 'a'; leave it out with --drop a"):
        learn_columns(blank.X, {"a": KINDS["text"]}, Source("t.csv", min_count=1))
    large = read(tmp_path / "t.csv", table_of({"a": ["some words", "more words"] * 10, "b": ["1e308", "-1e308"] * 10}))
    with pytest.raises(InputError, match="the numbers in column 'b' are too large to standardise"):
        learn_columns(large.X, {"a": KINDS["text"]}, Source("t.csv", min_count=1))


def test_options_that_tables_alone_have(tmp_path) -> None:
    (tmp_path / "t.svm").write_text("1 1:2\n2 2:1\n")
    for options in ({"category": ("1",)}, {"min_count": 5}):
        with pytest.raises(InputError, match=f"which has no use for --{next(iter(options)).replace('_', '-')}"):
            load(Source(str(tmp_path / "t.svm"), **options))


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([f"{i:08x}-00e9-41d4-a716-{i * 7919:012x}" for i in range(40)], "id"),
        ([f"{1 + i % 12}/{1 + i % 14}/2020" for i in range(40)], "date"),
        ([f"${i * 37.5:,.2f}" for i in range(40)], "number"),
        ([f"2024-01-{i % 28 + 1:02} 10:00:00+02:00" for i in range(40)], "date"),
        (["0000-00-00", *(f"2024-{1 + i % 12:02}-{1 + i % 28:02}" for i in range(39))], "date"),
        ([12345678901234567890123 + 7 * i for i in range(40)], "id"),
        ([2**60 + i for i in range(40)], "id"),
    ],
)
def test_codes_dates_and_money_are_no_text(tmp_path, cells: list, kind: str) -> None:
    assert kinds(tmp_path, {"a": cells, "other": [1, 2, 4, 4] * 10})["a"] == kind


def test_a_date_is_a_date_whatever_the_other_cells_are(tmp_path) -> None:
    days = [f"2024-{1 + i % 12:02}-{1 + i % 28:02}" for i in range(40)]
    train = read(tmp_path / "t.csv", table_of({"day": days, "x": [1, 2, 4, 4] * 10}))
    features, _ = learn_schema(train.X, train.schema, train.source)
    rows = []
    for other in ("19000", "2020-05-05"):
        (tmp_path / "new.csv").write_text(f"day,x\n18000,1\n{other},2\n")
        rows.append(load_features(Source(str(tmp_path / "new.csv")), features, labelled=False).X[0].tolist())
    assert rows[0] == rows[1]


def test_short_texts_are_classified_as_well_as_by_a_pipeline(linclf, in_tmp) -> None:
    """Sex from the names on the Titanic, by one command, compared with scikit-learn's vectorizer and classifier."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    table = pd.read_csv(Path(__file__).parents[2] / "data" / "titanic.csv")[["name", "sex"]]
    # without the titles, which give the answer away
    table["name"] = table["name"].str.replace(r"(Mr|Mrs|Miss|Master|Ms|Mlle|Mme)\.", "", regex=True)
    test = np.random.default_rng(0).random(len(table)) < 0.3
    table[~test].to_csv("train.csv", index=False)
    table[test].to_csv("test.csv", index=False)
    result = json.loads(linclf("train train.csv --target sex --test test.csv --loss logistic --json -q"))
    peer = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(table["name"][~test], table["sex"][~test])
    score = peer.score(table["name"][test], table["sex"][test])
    assert score > 0.75
    assert result["accuracy"]["test"] > score - 0.01
