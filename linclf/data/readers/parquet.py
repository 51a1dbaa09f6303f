"""Read Parquet files through pyarrow (extra `parquet`)."""

import io
from typing import Any

from linclf.data.readers.arrow_tables import ArrowFormat
from linclf.data.readers.base import COLUMN_OPTIONS, Reader
from linclf.data.source import RawFile


class ParquetContent:
    """The content of a Parquet file. Text is read as codes into its distinct values, so that a value that is stored once takes
    memory once."""

    def __init__(self, content: bytes) -> None:
        import pyarrow
        from pyarrow.parquet import ParquetFile

        self.schema: Any = ParquetFile(io.BytesIO(content)).schema_arrow
        texts = [column.name for column in self.schema if pyarrow.types.is_string(column.type)]
        self.file: Any = ParquetFile(io.BytesIO(content), read_dictionary=texts)

    def check_size(self, raw: RawFile, columns: int) -> None:
        """As `ArrowFile.check_size`."""
        metadata = self.file.metadata
        raw.check_cells(metadata.num_rows, columns)
        raw.check_bytes(sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)))

    def read(self, columns: list[str]) -> Any:
        """As `ArrowFile.read`."""
        return self.file.read(columns=columns)


def write_parquet(table: Any) -> bytes:
    """The content of a Parquet file with this table of pyarrow."""
    from pyarrow.parquet import write_table

    content = io.BytesIO()
    write_table(table, content)
    return content.getvalue()


_FORMAT = ArrowFormat("Parquet", ParquetContent, write_parquet)
PARQUET = Reader(
    "parquet",
    (".parquet",),
    _FORMAT.read,
    COLUMN_OPTIONS,
    first_bytes=b"PAR1",
    first_bytes_hint="is a Parquet file; pass --format parquet, or name it .parquet",
    join=_FORMAT.join,
)
