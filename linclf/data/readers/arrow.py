"""Read Arrow IPC files, which Feather files are too, and Arrow streams, through pyarrow (extra `parquet`)."""

import io
import struct
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from linclf.data.readers.arrow_tables import ArrowFormat
from linclf.data.readers.base import COLUMN_OPTIONS, Reader
from linclf.data.source import RawFile

MAGIC = b"ARROW1"  # at both ends of a file, not of a stream
DICTIONARY_BATCH = 2  # a type of messages


class ArrowContent:
    """The content of an Arrow file or stream."""

    def __init__(self, content: bytes) -> None:
        import pyarrow

        self.content = pyarrow.py_buffer(content)
        self.is_file = content.startswith(MAGIC)
        self.schema: Any = self._open().schema

    def _open(self) -> Any:
        import pyarrow

        return pyarrow.ipc.open_file(self.content) if self.is_file else pyarrow.ipc.open_stream(self.content)

    def _messages(self) -> Iterator[Any]:
        """The messages of a stream, or those that the index of a file names."""
        import pyarrow

        if not self.is_file:
            yield from pyarrow.ipc.MessageReader.open_stream(self.content)
            return
        for offset in block_offsets(self.content.to_pybytes()):
            yield pyarrow.ipc.read_message(self.content.slice(offset))

    def check_size(self, raw: RawFile, columns: int) -> None:
        """As `ArrowFile.check_size`. Nothing is unpacked for it: the messages state their sizes."""
        rows = size = 0
        for message in self._messages():
            if message.type in ("record batch", "dictionary"):
                more, unpacked = message_size(message.metadata.to_pybytes(), message.body)
                rows, size = rows + more, size + unpacked
        raw.check_cells(rows, columns)
        raw.check_bytes(size)

    @cached_property
    def table(self) -> Any:
        """The whole table."""
        return self._open().read_all()

    def read(self, columns: list[str]) -> Any:
        """As `ArrowFile.read`."""
        return self.table.select(columns)


class _Flat:
    """A flatbuffer, as the files Message.fbs and File.fbs of https://github.com/apache/arrow/tree/main/format describe it."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def number(self, kind: str, at: int) -> int:
        """The number of a type of `struct` at a position."""
        found: int = struct.unpack_from("<" + kind, self.content, at)[0]
        return found

    def follow(self, at: int) -> int:
        """The position that the one at `at` refers to."""
        return at + self.number("I", at)

    def field(self, table: int, index: int) -> int:
        """The position of a field of a table, 0 if it is absent."""
        layout = table - self.number("i", table)
        entry = 4 + 2 * index
        offset = self.number("H", layout + entry) if entry < self.number("H", layout) else 0
        return table + offset if offset else 0

    def vector(self, table: int, index: int, size: int) -> range:
        """The positions of the entries, each of `size` bytes, of a field that is a vector."""
        at = self.field(table, index)
        if not at:
            return range(0)
        start = self.follow(at) + 4
        return range(start, start + size * self.number("I", start - 4), size)


def block_offsets(content: bytes) -> list[int]:
    """Where the messages with columns begin, by the index at the end of a file."""
    end = len(content) - len(MAGIC) - 4
    index = _Flat(content[end - struct.unpack_from("<i", content, end)[0] : end])
    footer = index.follow(0)
    return [index.number("q", at) for field in (2, 3) for at in index.vector(footer, field, 24)]


def message_size(metadata: bytes, body: Any) -> tuple[int, int]:
    """The number of rows of a message with columns, and the size of its buffers in bytes once they are unpacked."""
    flat = _Flat(metadata)
    message = flat.follow(0)
    batch = flat.follow(flat.field(message, 2))
    if flat.number("B", flat.field(message, 1)) == DICTIONARY_BATCH:
        batch = flat.follow(flat.field(batch, 1))
    rows, packed, size = flat.field(batch, 0), bool(flat.field(batch, 3)), 0
    for at in flat.vector(batch, 2, 16):
        offset, length = flat.number("q", at), flat.number("q", at + 8)
        unpacked = struct.unpack_from("<q", body, offset)[0] if packed and length else -1
        size += max(length, unpacked)  # -1: this buffer is not packed
    return flat.number("q", rows) if rows else 0, size


def write_arrow(table: Any) -> bytes:
    """The content of an Arrow stream with this table of pyarrow."""
    import pyarrow

    content = io.BytesIO()
    with pyarrow.ipc.new_stream(content, table.schema) as writer:
        writer.write_table(table)
    return content.getvalue()


_FORMAT = ArrowFormat("Arrow or Feather", ArrowContent, write_arrow)
ARROW = Reader(
    "arrow",
    (".arrow", ".feather", ".ipc"),
    _FORMAT.read,
    COLUMN_OPTIONS,
    first_bytes=MAGIC,
    first_bytes_hint="is an Arrow or Feather file; pass --format arrow, or name it .arrow",
    join=_FORMAT.join,
)
