"""Read Parquet files through pyarrow (extra `parquet`)."""

import io
import re
from collections import Counter
from importlib.util import find_spec

from linclf.data.dataset import Dataset
from linclf.data.readers.base import COLUMN_OPTIONS, Reader
from linclf.data.readers.frame import choose_target, to_dataset
from linclf.data.schema import Schema
from linclf.data.source import RawFile
from linclf.data.table import Frame, check_columns, option
from linclf.errors import InputError


def _parquet(raw: RawFile, model_schema: Schema | None) -> tuple[Frame, list[str]]:
    """The columns of a Parquet file as a data frame, dropped ones empty, and their names. Text is read as codes into
    its distinct values, so that a value that is stored once takes memory once."""
    import pyarrow
    from pyarrow.parquet import ParquetFile

    schema = ParquetFile(io.BytesIO(raw.content)).schema_arrow
    names = [str(column) for column in schema.names]
    twice = next((column for column, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"{raw.source.data}: two columns are named {twice!r}; give each a different name")
    check_columns(len(names), raw.source.data)
    texts = [column.name for column in schema if pyarrow.types.is_string(column.type)]
    file = ParquetFile(io.BytesIO(raw.content), read_dictionary=texts)
    left_out = {*raw.source.drop, *(model_schema.drop if model_schema else ())}
    wanted = [column for column in names if column not in left_out]
    nested = {column.name for column in schema if pyarrow.types.is_nested(column.type)}
    wrong = next(
        (
            column
            for column in wanted
            if column in nested and (model_schema is None or column in (model_schema.names or (column,)))
        ),
        None,
    )
    if wrong is not None:
        reason = f"column {wrong!r} contains lists or objects; leave it out with {option('drop', wrong)}"
        raise InputError(f"{raw.source.data}: {reason}")
    flat = [column for column in wanted if column not in nested]
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    raw.check_cells(file.metadata.num_rows, len(flat))
    raw.check_bytes(sum(group.total_byte_size for group in groups))
    frame = file.read(columns=flat).to_pandas(ignore_metadata=True).set_axis(flat, axis=1)
    return frame.reindex(columns=names), names  # dropped columns are empty


def read_parquet(raw: RawFile, model_schema: Schema | None, labelled: bool) -> Dataset:
    """Read a Parquet file as a Dataset whose X is a Table; raises InputError if pyarrow is not installed."""
    name = raw.source.data
    if find_spec("pyarrow") is None:
        raise InputError(f"{name}: reading Parquet needs pyarrow; install it with: pip install pyarrow")
    try:
        frame, columns = _parquet(raw, model_schema)
    except InputError:
        raise
    except Exception as error:  # pyarrow and pandas raise many types for damaged files and dates
        raise InputError(f"{name}: is not a complete Parquet file ({error}); see --format") from None
    columns = [column for column in columns if not re.fullmatch(r"__index_level_\d+__", column)]  # pandas' index
    frame = frame[columns]
    return to_dataset(
        frame, raw, choose_target(raw.source, columns, model_schema, labelled), model_schema, labelled=labelled
    )


PARQUET = Reader(
    "parquet",
    (".parquet",),
    read_parquet,
    COLUMN_OPTIONS,
    first_bytes=b"PAR1",
    first_bytes_hint="is a Parquet file; pass --format parquet, or name it .parquet",
)
