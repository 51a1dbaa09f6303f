"""Read Parquet files through pyarrow (extra `parquet`)."""

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from linclf.data.dataset import Dataset
from linclf.data.matching import Match, match_table
from linclf.data.readers.base import COLUMN_OPTIONS, Piece, Reader, check_same_columns
from linclf.data.readers.frame import check_kept, choose_target, to_dataset
from linclf.data.schema import Schema
from linclf.data.source import RawFile
from linclf.data.table import Frame, check_columns, option
from linclf.errors import InputError


def read_parquet(raw: RawFile, model_schema: Schema | None, labelled: bool) -> Dataset:
    """Read a Parquet file as a Dataset whose X is a Table; raises InputError if pyarrow is not installed."""
    name = raw.source.data
    _check_installed(name)
    try:
        columns = _columns(raw)
        check_kept(raw, columns)
        target = choose_target(raw.source, columns, model_schema, labelled)
        match = None
        if model_schema is not None:
            match = match_table(columns, model_schema, raw.source, target, labelled=labelled)
        frame, kept = _frame(raw, match), _kept(raw)
    except InputError:
        raise
    except Exception as error:  # pyarrow and pandas raise many types for damaged files and dates
        raise InputError(f"{name}: is not a complete Parquet file ({error}); see --format") from None
    return replace(to_dataset(frame[columns], raw, target, match, labelled=labelled), kept=kept)


def _check_installed(name: str) -> None:
    """Raise InputError if pyarrow is not installed; `name` is that of the file."""
    if find_spec("pyarrow") is None:
        raise InputError(f"{name}: reading Parquet needs pyarrow; install it with: pip install pyarrow")


def _columns(raw: RawFile) -> list[str]:
    """The names of the columns of a Parquet file, without pandas' index. Raises InputError if two are the same."""
    from pyarrow.parquet import ParquetFile

    names = [str(column) for column in ParquetFile(io.BytesIO(raw.content)).schema_arrow.names]
    twice = next((column for column, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"{raw.source.data}: two columns are named {twice!r}; give each a different name")
    check_columns(len(names), raw.source.data)
    return [column for column in names if not re.fullmatch(r"__index_level_\d+__", column)]


def _kept(raw: RawFile) -> tuple[list[object], ...]:
    """The values of the columns in `raw.keep`."""
    from pyarrow.parquet import ParquetFile

    if not raw.keep:
        return ()
    table = ParquetFile(io.BytesIO(raw.content)).read(columns=list(raw.keep))
    return tuple(table.column(name).to_pylist() for name in raw.keep)


def _frame(raw: RawFile, match: Match | None) -> Frame:
    """The columns of a Parquet file as a data frame, those that are not read empty. Text is read as codes into its distinct
    values, so that a value that is stored once takes memory once."""
    import pyarrow
    from pyarrow.parquet import ParquetFile

    schema = ParquetFile(io.BytesIO(raw.content)).schema_arrow
    names = [str(column) for column in schema.names]
    texts = [column.name for column in schema if pyarrow.types.is_string(column.type)]
    file = ParquetFile(io.BytesIO(raw.content), read_dictionary=texts)
    left_out = {*raw.source.drop, *(match.schema.drop if match else ())}
    wanted = [column for column in names if column not in left_out]
    nested = {column.name for column in schema if pyarrow.types.is_nested(column.type)}
    taken = wanted if match is None else match.schema.inputs() or ()
    wrong = next((column for column in wanted if column in nested and column in taken), None)
    if wrong is not None:
        reason = f"column {wrong!r} contains lists or objects; leave it out with {option('drop', wrong)}"
        raise InputError(f"{raw.source.data}: {reason}")
    flat = [column for column in wanted if column not in nested]
    _check_size(raw, file, len(flat))
    frame = file.read(columns=flat).to_pandas(ignore_metadata=True).set_axis(flat, axis=1)
    return frame.reindex(columns=names)  # the other columns are empty


def _check_size(raw: RawFile, file: Any, columns: int) -> None:
    """Raise InputError if this many columns of a Parquet file take more memory than `RawFile.check_bytes` allows."""
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    raw.check_cells(file.metadata.num_rows, columns)
    raw.check_bytes(sum(group.total_byte_size for group in groups))


def _join(raws: Sequence[RawFile], model_schema: Schema | None) -> list[Piece]:
    """Join Parquet files whose columns have the same names and types, in any order; whole numbers and others become the others."""
    _check_installed(raws[0].source.data)
    import pyarrow
    from pyarrow.parquet import ParquetFile, write_table

    tables: list[Any] = []
    columns: list[str] = []
    for raw in raws:
        name = raw.source.data
        try:
            names = _columns(raw)
            columns = columns or names
            check_same_columns(name, names, raws[0].source.data, columns)
            file = ParquetFile(io.BytesIO(raw.content))
            _check_size(raw, file, len(names))
            tables.append(file.read(columns=columns).select(columns).replace_schema_metadata())
        except InputError:
            raise
        except Exception as error:  # pyarrow raises many types for damaged files
            raise InputError(f"{name}: is not a complete Parquet file ({error}); see --format") from None
        try:
            pyarrow.unify_schemas([tables[0].schema, tables[-1].schema], promote_options="permissive")
        except (pyarrow.ArrowTypeError, pyarrow.ArrowInvalid) as error:
            raise InputError(f"{name}: has columns of other types than {raws[0].source.data} ({error})") from None
    content = io.BytesIO()
    write_table(pyarrow.concat_tables(tables, promote_options="permissive"), content)
    return [Piece(content.getvalue())]


PARQUET = Reader(
    "parquet",
    (".parquet",),
    read_parquet,
    COLUMN_OPTIONS,
    first_bytes=b"PAR1",
    first_bytes_hint="is a Parquet file; pass --format parquet, or name it .parquet",
    join=_join,
)
