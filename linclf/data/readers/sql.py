"""Read a table of a database, or the rows of a query: SQLite, and DuckDB through duckdb (extra `duckdb`).

Nothing is ever written, and a query reads nothing but the database.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

from linclf.data.database import split_database
from linclf.data.dataset import Dataset
from linclf.data.readers.base import COLUMN_OPTIONS, Reader
from linclf.data.readers.values import dataset_of_values, to_value
from linclf.data.schema import Schema
from linclf.data.source import RawFile
from linclf.data.table import check_columns, listed, option
from linclf.errors import InputError
from linclf.storage.packed import unpacked_limit
from linclf.storage.signals import defer_signals

SHOWN = 12  # tables named in a message
ROWS = 10_000  # fetched at a time
STEPS = 100_000  # of a query of SQLite, between two looks at whether a signal has arrived
LONGEST = 2**31 - 1  # bytes of a cell of SQLite, at most
WAL_MODE, OTHER_MODE = b"\2\2", b"\1\1"  # bytes 18 and 19 of an SQLite database
DUCKDB_MAGIC = b"DUCK"  # bytes 8 to 11


@dataclass(frozen=True)
class Database:
    """A kind of database.

    name      as messages write it
    open      (raw) -> a context that yields a connection
    tables    (connection) -> the tables and views, by the names that users give them, each as SQL names it
    execute   (connection, query) -> a cursor; raises any error for a wrong query, and for several statements
    journals  what is appended to the path for the names of files with changes that are not in the database yet
    """

    name: str
    open: Callable[[RawFile], AbstractContextManager[Any]]
    tables: Callable[[Any], dict[str, str]]
    execute: Callable[[Any, str], Any]
    journals: tuple[str, ...]

    def read(self, raw: RawFile, model_schema: Schema | None, labelled: bool) -> Dataset:
        """Read the table or the query of the data, else the only table, as a Dataset whose X is a Table."""
        data = raw.source.data
        path, wanted = split_database(data)
        for journal in self.journals:
            if os.path.exists(path + journal) and os.path.getsize(path + journal):
                raise InputError(
                    f"{path}: has changes that are not in the file yet but in {path}{journal}; close the program that writes to it"
                )
        try:
            with self.open(raw) as connection:
                query, notes = self._query(raw, wanted, self.tables(connection))
                names, rows = _fetch(raw, self.execute(connection, query))
        except (InputError, KeyboardInterrupt):
            raise
        except Exception as error:  # of sqlite3 and duckdb, for a wrong query and for a damaged file
            reason = " ".join(str(error).split())
            raise InputError(
                f"{data}: {self.name} could not read it ({reason}); is the query right, and the file complete?"
            ) from None
        inputs = model_schema.inputs() if model_schema else None
        unread = {*raw.source.drop, *(() if inputs is None else set(names) - {*inputs})}
        columns = {name: _values(raw, name, [row[j] for row in rows], name in unread) for j, name in enumerate(names)}
        dataset = dataset_of_values(raw, columns, model_schema, labelled)
        return replace(dataset, notes=(*notes, *dataset.notes))

    def _query(self, raw: RawFile, wanted: str | None, tables: dict[str, str]) -> tuple[str, tuple[str, ...]]:
        """The query for what is wanted, and a note if it was not said what that is. Raises InputError if there is no such table."""
        data = raw.source.data
        if wanted in tables:
            return f"SELECT * FROM {tables[wanted]}", ()
        if wanted and re.match(r"\s*(select|with)\b", wanted, re.IGNORECASE):
            return wanted, ()
        if not tables:
            raise InputError(f"{data}: has no tables")
        names = listed(list(tables), SHOWN)
        if wanted is not None:
            raise InputError(
                f"{data}: there is no table {wanted!r}; the tables are {names}; a query begins with SELECT or WITH"
            )
        if len(tables) > 1:
            raise InputError(f"{data}: has several tables: {names}; name one, as in {data}::{next(iter(tables))}")
        name, table = next(iter(tables.items()))
        return f"SELECT * FROM {table}", (f"its only table was read: {name}",)


def _fetch(raw: RawFile, cursor: Any) -> tuple[list[str], list[tuple[object, ...]]]:
    """The names of the columns, and the rows. Raises InputError for more cells than `RawFile.check_cells` allows."""
    names = [str(column[0]) for column in cursor.description or ()]
    check_columns(len(names), raw.source.data)
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"{raw.source.data}: two columns are named {twice!r}; give each a different name, with AS")
    rows: list[tuple[object, ...]] = []
    while more := cursor.fetchmany(ROWS):
        rows += more
        raw.check_cells(len(rows), len(names))
    return names, rows


def _values(raw: RawFile, name: str, cells: list[object], unread: bool) -> list[object]:
    """The cells of a column as plain values. Raises InputError for bytes, lists and the like, which are missing cells in a column
    that is not read."""
    found = next((cell for cell in cells if isinstance(cell, bytes | list | tuple | dict)), None)
    if found is None:
        return [to_value(cell) for cell in cells]
    if unread:
        return [None] * len(cells)
    what = "bytes" if isinstance(found, bytes) else "lists or objects"
    raise InputError(f"{raw.source.data}: column {name!r} contains {what}; leave it out with {option('drop', name)}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _open_sqlite(raw: RawFile) -> Iterator[Any]:
    """A connection to a copy of the database in memory, so that no other program can change it, or be disturbed."""
    import sqlite3

    content = raw.content
    if content[8:12] == DUCKDB_MAGIC:
        raise InputError(f"{raw.source.data}: is a DuckDB database; pass --format duckdb, or name it .duckdb")
    if not content.startswith(SQLITE.first_bytes):
        raise InputError(f"{raw.source.data}: is not an SQLite database; see --format")
    if content[18:20] == WAL_MODE:  # which a database in memory cannot have
        content = content[:18] + OTHER_MODE + content[20:]
    # an exception in the progress handler would be lost: it ends a query on a signal, which is raised afterwards
    with defer_signals() as arrived, closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(content)
        connection.set_progress_handler(lambda: len(arrived), STEPS)
        longest = unpacked_limit(len(content), raw.source.max_unpacked)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, int(min(longest, LONGEST)))
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        yield connection


def _sqlite_tables(connection: Any) -> dict[str, str]:
    query = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid"
    return {name: _quoted(name) for (name,) in connection.execute(query)}


def _execute(connection: Any, query: str) -> Any:
    """A cursor of SQLite for a query."""
    return connection.execute(query)


@contextmanager
def _open_duckdb(raw: RawFile) -> Iterator[Any]:
    """A connection to the file that reads only, on one thread, so that a sum is the same every time."""
    data = raw.source.data
    path = split_database(data)[0]
    if find_spec("duckdb") is None:
        raise InputError(f"{data}: reading DuckDB databases needs duckdb; install it with: pip install duckdb")
    if raw.content[8:12] != DUCKDB_MAGIC:
        raise InputError(f"{data}: is not a DuckDB database, or packed; unpack it, or see --format")
    if not os.path.isfile(path):
        raise InputError(f"{data}: DuckDB reads only files; save it as one")
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": False,
        "autoload_known_extensions": False,
        "autoinstall_known_extensions": False,
        "lock_configuration": True,
        "threads": 1,
    }
    with closing(duckdb.connect(path, read_only=True, config=settings)) as connection:
        yield connection


def _execute_one(connection: Any, query: str) -> Any:
    """A cursor of DuckDB for a query. Raises ValueError for several statements, as sqlite3 does."""
    if len(connection.extract_statements(query)) > 1:
        raise ValueError("there are several statements")
    return connection.execute(query)


def _duckdb_tables(connection: Any) -> dict[str, str]:
    query = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = current_database() ORDER BY 1, 2"
    return {
        table if schema == "main" else f"{schema}.{table}": f"{_quoted(schema)}.{_quoted(table)}"
        for schema, table in connection.execute(query).fetchall()
    }


SQLITE = Reader(
    "sqlite",
    (".db", ".sqlite", ".sqlite3"),
    Database("SQLite", _open_sqlite, _sqlite_tables, _execute, ("-wal", "-journal")).read,
    COLUMN_OPTIONS,
    first_bytes=b"SQLite format 3\0",
    first_bytes_hint="is an SQLite database; pass --format sqlite, or name it .db",
    has_tables=True,
)
DUCKDB = Reader(
    "duckdb",
    (".duckdb", ".ddb"),
    Database("DuckDB", _open_duckdb, _duckdb_tables, _execute_one, (".wal",)).read,
    COLUMN_OPTIONS,
    has_tables=True,
)
