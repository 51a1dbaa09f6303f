"""Tables and queries of SQLite and DuckDB give the same data set as CSV with the same content."""

import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import duckdb
import numpy as np
import pandas as pd
import pytest
from reading import read

from linclf.data.encoder import encode, learn_schema
from linclf.data.load import load
from linclf.data.source import Source
from linclf.errors import InputError

N = 40
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "size": np.where(RNG.random(N) < 0.8, RNG.standard_normal(N).round(3), np.nan),
        "count": RNG.integers(0, 9, N),
        "colour": RNG.choice(["red", 'a, "b"\nc', "日本 é", None], N),
        "day": [f"2024-0{1 + i % 9}-1{i % 7}" for i in range(N)],
        "code": np.arange(N) + 2**60,
        "label": RNG.choice([1, 2], N),
    }
)
SUFFIXES = [".db", ".duckdb"]


def write(path, **tables: pd.DataFrame) -> None:
    """A database with these tables."""
    if str(path).endswith(".duckdb"):
        with closing(duckdb.connect(str(path))) as connection:
            for name, frame in tables.items():
                connection.register("frame", frame)
                quoted = name.replace('"', '""')
                connection.execute(f'CREATE TABLE "{quoted}" AS SELECT * FROM frame')
                connection.unregister("frame")
    else:
        with closing(sqlite3.connect(path)) as connection:
            for name, frame in tables.items():
                frame.to_sql(name, connection, index=False)


def execute(path, *statements: str) -> None:
    """Change a database."""
    connect = duckdb.connect if str(path).endswith(".duckdb") else sqlite3.connect
    with closing(connect(str(path))) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def encoded(dataset) -> tuple:
    features, _ = learn_schema(dataset.X, dataset.schema, dataset.source)
    X = encode(dataset.X, features, "t")[0]
    return features.columns, (X if isinstance(X, np.ndarray) else X.toarray()).tolist(), dataset.labels().tolist()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "table", ["", "::odd \"name\"", '::SELECT * FROM "odd ""name"""', '::with a as (select * from "odd ""name""") select * from a']
)  # fmt: skip
def test_the_data_set_is_the_same_as_from_csv(tmp_path, suffix: str, table: str) -> None:
    write(tmp_path / f"t{suffix}", **{'odd "name"': FRAME})
    found = load(Source(f"{tmp_path}/t{suffix}{table}"))
    assert encoded(found) == encoded(read(tmp_path / "t.csv", FRAME.to_csv(index=False)))
    assert found.columns == tuple(FRAME.columns)
    assert found.notes == (() if table else ('its only table was read: odd "name"',))
    assert "code" in found.X.texts


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_works_in_every_command(linclf, in_tmp, suffix: str) -> None:
    FRAME.to_csv("t.csv", index=False)
    write(f"t{suffix}", a=FRAME, b=FRAME[["size"]])
    outputs = {}
    for model, data in (("one", "t.csv"), ("other", f"t{suffix}::a")):
        trained = linclf(f"train -q --json --target label -o {model}", data, "--test", data, "--val", data)
        texts = [
            trained,
            linclf(f"evaluate --json {model}"),
            linclf("evaluate --json one", data),
            linclf("predict --proba --keep day,code,colour one", data),
            linclf("explain one --row 4 --json", data),
            linclf("sweep -q --json --loss softmax --reg 1e-3 --epochs 3", data),
            linclf("doctor --json", data),
        ]
        pattern = r'"(data|model|command|load|train|total|search|seconds|fix)": ?([\d.e-]+|"[^"]*")'
        outputs[model] = [re.sub(pattern, "", text) for text in texts]
        assert all(texts)
    assert outputs["other"] == outputs["one"]
    query = linclf("train -q --json -o q", f"t{suffix}::SELECT * FROM a WHERE count > 2")
    assert '"n_train"' in query
    assert linclf("evaluate q --json").code == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_are_never_out_of_date(linclf, in_tmp, suffix: str) -> None:
    write(f"t{suffix}", a=FRAME, b=FRAME)
    assert linclf(f"train t{suffix}::a -q -o m").code == 0
    assert linclf("evaluate m").code == 0
    execute(f"t{suffix}", "DELETE FROM a WHERE count = 3", *["CHECKPOINT"] * (suffix == ".duckdb"))
    ran = linclf("evaluate m")
    assert (ran.code, f"t{suffix}::a: has changed since the model was trained on it" in ran.err) == (2, True)
    assert load(Source(f"t{suffix}::a")).digest != load(Source(f"t{suffix}::b")).digest


def test_changes_that_are_not_in_the_file_yet_are_refused(in_tmp) -> None:
    write("t.db", a=FRAME)
    with closing(sqlite3.connect("t.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        assert load(Source("t.db::a")).X.shape == (N, 5)
        connection.execute("DELETE FROM a")
        connection.commit()
        with pytest.raises(InputError, match=r"t.db: has changes that are not in the file yet but in t.db-wal; close"):
            load(Source("t.db::a"))
    with pytest.raises(InputError, match="contains no rows"):
        load(Source("t.db::a"))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_but_the_database_is_read_and_nothing_is_written(in_tmp, suffix: str) -> None:
    path = f"t{suffix}"
    write(path, a=FRAME)
    write(f"other{suffix}", secret=FRAME)
    FRAME.to_csv("secret.csv")
    before = (in_tmp / path).read_bytes()
    for query in (
        "SELECT * FROM read_csv('secret.csv')",
        "SELECT * FROM 'secret.csv'",
        "SELECT readfile('secret.csv') AS label",
        f"SELECT 1; ATTACH 'other{suffix}' AS o",
        "SELECT 1; DELETE FROM a",
        "WITH b AS (SELECT 1) DELETE FROM a",
        "WITH b AS (SELECT 1) INSERT INTO a SELECT * FROM a",
        "SELECT load_extension('x')",
        "SELECT * FROM nothing",
    ):
        with pytest.raises(InputError, match=rf"^t{suffix}::"):
            load(Source(f"{path}::{query}"))
    assert (in_tmp / path).read_bytes() == before
    assert sorted(one.name for one in in_tmp.iterdir()) == sorted([path, f"other{suffix}", "secret.csv"])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_output_must_not_overwrite_the_database(linclf, in_tmp, suffix: str) -> None:
    write(f"t{suffix}", a=FRAME)
    assert f"t{suffix}: is also a file that this command reads" in linclf(f"train t{suffix}::a -o t{suffix}").err


def test_types_of_duckdb_become_numbers_and_text(tmp_path) -> None:
    columns = (
        "1.50::DECIMAL(9, 2) AS dec, DATE '2024-05-01' AS day, TIMESTAMP '2024-05-01 07:30:00' AS moment, TIME '07:30' AS t, "
        "true AS ok, 7::HUGEINT AS huge, 12345678901234567890::HUGEINT AS code, 'NaN'::DOUBLE AS gap, NULL::INT AS none, 'x' AS label"
    )
    execute(tmp_path / "t.duckdb", f"CREATE TABLE a AS SELECT {columns}")
    dataset = load(Source(f"{tmp_path}/t.duckdb::a"))
    assert {name: cells.texts().tolist() for name, cells in dataset.X.texts.items()} == {
        "day": ["2024-05-01"],
        "moment": ["2024-05-01 07:30:00"],
        "t": ["07:30:00"],
        "ok": ["True"],
        "code": ["12345678901234567890"],
    }
    np.testing.assert_array_equal(dataset.X.numbers, [[1.5, 7, np.nan, np.nan]])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bytes_may_be_dropped_and_kept_columns_are_there(linclf, in_tmp, suffix: str) -> None:
    execute(f"t{suffix}", "CREATE TABLE a (id INTEGER, picture BLOB, x DOUBLE, label TEXT)")
    blob = "x'6162'" if suffix == ".db" else "'ab'::BLOB"
    rows = [f"INSERT INTO a VALUES ({i}, {blob}, {i % 3}, '{'uv'[i % 2]}')" for i in range(20)]
    execute(f"t{suffix}", *rows)
    with pytest.raises(InputError, match="column 'picture' contains bytes; leave it out with --drop picture"):
        load(Source(f"t{suffix}::a"))
    assert linclf(f"train t{suffix}::a --drop picture,id -q -o m").code == 0
    execute("p.db", "CREATE TABLE a (x DOUBLE, extra BLOB)", "INSERT INTO a VALUES (1, x'00')")
    assert linclf("predict m p.db::a").count("\n") == 1
    assert linclf(f"predict m t{suffix}::a --keep id").startswith("0,")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_wrong_tables_and_files_are_refused(in_tmp, suffix: str) -> None:
    write(f"t{suffix}", a=FRAME, b=FRAME)
    (in_tmp / f"cut{suffix}").write_bytes((in_tmp / f"t{suffix}").read_bytes()[:6000])
    (in_tmp / f"no{suffix}").write_text("a,b\n1,2\n")
    (in_tmp / "t.csv").write_text("a,label\n1,2\n")
    execute(f"empty{suffix}", "CREATE TABLE a (x INTEGER)", "DROP TABLE a")
    name = {".db": "SQLite", ".duckdb": "DuckDB"}[suffix]
    for data, message in (
        (f"t{suffix}", f"t{suffix}: has several tables: a, b; name one, as in t{suffix}::a"),
        (
            f"t{suffix}::c",
            f"t{suffix}::c: there is no table 'c'; the tables are a, b; a query begins with SELECT or WITH",
        ),
        (f"t{suffix}::", f"t{suffix}::: there is no table ''"),
        (
            f"t{suffix}::SELECT 1 AS label, 2 AS label",
            "two columns are named 'label'; give each a different name, with AS",
        ),
        (f"t{suffix}::SELECT size FROM a", "has no column named target, label, class or y"),
        (f"t{suffix}::SELECT x FROM a", f"{name} could not read it"),
        (f"cut{suffix}::a", f"cut{suffix}::a: {name} could not read it"),
        (f"no{suffix}", f"no{suffix}: is not a"),
        (f"empty{suffix}", f"empty{suffix}: has no tables"),
        (f"none{suffix}::a", f"none{suffix}: there is no such file"),
        ("t.csv::a", "t.csv::a: is read as csv, which has no tables to name after ::; leave it out"),
    ):
        with pytest.raises(InputError, match=re.escape(message)):
            load(Source(data))


def test_a_database_under_another_name_is_recognised(in_tmp) -> None:
    write("t.duckdb", a=FRAME)
    write("t.db", a=FRAME)
    (in_tmp / "d.db").write_bytes((in_tmp / "t.duckdb").read_bytes())
    (in_tmp / "t.dat").write_bytes((in_tmp / "t.db").read_bytes())
    with pytest.raises(InputError, match="d.db: is a DuckDB database; pass --format duckdb"):
        load(Source("d.db"))
    assert load(Source("d.db", format="duckdb")).X.shape == (N, 5)
    with pytest.raises(InputError, match="t.dat: is an SQLite database; pass --format sqlite"):
        load(Source("t.dat"))
    assert load(Source("t.dat::a", format="sqlite")).X.shape == (N, 5)


def test_queries_of_more_cells_than_fit_are_refused(in_tmp) -> None:
    write("t.db", a=FRAME)
    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, 1 AS label FROM n"
    with pytest.raises(InputError, match="unpacks to .* pass --max-unpacked"):
        load(Source(f"t.db::{query}"))


def test_a_cell_that_is_larger_than_fits_is_refused(in_tmp) -> None:
    write("t.db", a=FRAME)
    query = "SELECT hex(zeroblob(4000000)) AS c, label FROM a"
    assert len(load(Source(f"t.db::{query} WHERE rowid < 4")).X.texts["c"].levels[0]) == 8_000_000
    with pytest.raises(InputError, match="SQLite could not read it .*too big"):
        load(Source(f"t.db::{query}", max_unpacked=5))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_query_that_never_ends(in_tmp, number: signal.Signals, code: int) -> None:
    write("t.db", a=FRAME)
    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS c, 1 AS label FROM n"
    command = [sys.executable, "-m", "linclf", "train", f"t.db::{query}", "-o", "m"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as run:
        time.sleep(2)  # the query has begun by then, as a rule
        run.send_signal(number)
        assert run.wait(60) == code
        assert run.stderr.read().count(b"\n") <= 1


def test_duckdb_that_is_not_installed_is_refused_with_the_command_that_installs_it(in_tmp, monkeypatch) -> None:
    write("t.duckdb", a=FRAME)
    monkeypatch.setattr("linclf.data.readers.sql.find_spec", lambda _: None)
    with pytest.raises(InputError, match="needs duckdb; install it with: pip install duckdb"):
        load(Source("t.duckdb"))
