"""Unpack .gz, .bz2 and .xz, piece by piece, with a limit on the size."""

import bz2
import io
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from linclf.errors import InputError


class Unpacker(Protocol):
    """Unpacks one packed file, as the decompressors of zlib, bz2 and lzma do."""

    @property
    def eof(self) -> bool:
        """Whether the end of the packed file was reached."""

    @property
    def unused_data(self) -> bytes:
        """The bytes after that end."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Unpack data, to at most `max_length` bytes."""


UNPACKERS: dict[str, Callable[[], Unpacker]] = {
    ".gz": lambda: zlib.decompressobj(31),
    ".bz2": bz2.BZ2Decompressor,
    ".xz": lambda: lzma.LZMADecompressor(memlimit=XZ_MEMORY),
}
XZ_MEMORY = 2**28  # bytes that unpacking .xz may take in addition to its result; xz -9 takes a quarter of it
PACKED_PIECE, PIECE = 1 << 15, 1 << 20  # bytes unpacked at a time, and the most that they become at a time
# A packed file of n bytes may unpack to UNPACKED + UNPACKED_TIMES * n bytes: text of numbers is packed to a tenth,
# columns that are mostly 0 to a fiftieth, and zeros only to a thousandth.
UNPACKED, UNPACKED_TIMES = 32_000_000, 100


def packed_suffix(path: str) -> str | None:
    """The suffix of a packed file, in lower case; None for any other file."""
    suffix = os.path.splitext(path)[1].lower()
    return suffix if suffix in UNPACKERS else None


def unpacked_limit(size: int, megabytes: float | None) -> float:
    """The bytes that a packed file of `size` bytes may unpack to: `megabytes`, or a default that grows with `size`."""
    return UNPACKED + UNPACKED_TIMES * size if megabytes is None else megabytes * 1e6


def unpack(path: str, content: bytes, megabytes: float | None = None) -> bytes:
    """The content of a file, decompressed if its suffix is .gz, .bz2 or .xz. Raises InputError as `unpacked`."""
    if packed_suffix(path) is None:
        return content
    return b"".join(unpacked(path, io.BytesIO(content), len(content), megabytes))


def unpacked(path: str, file: BinaryIO, size: int, megabytes: float | None = None) -> Iterator[bytes]:
    """Yield the content of a packed file of `size` bytes in pieces.

    Raises InputError for an incomplete or damaged file, and for one that unpacks to more than `unpacked_limit`.
    """
    suffix, limit, total = packed_suffix(path) or "", int(unpacked_limit(size, megabytes)), 0
    pieces = _pieces(file, UNPACKERS[suffix])
    while True:
        try:
            piece = next(pieces, b"")
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
            raise InputError(f"{path}: is not a complete {suffix} file ({error}); download or pack it again") from None
        if not piece:
            return
        total += len(piece)
        if total > limit:
            raise InputError(
                f"{path}: unpacks to more than {limit / 1e6:.0f} MB; if that is right, pass --max-unpacked, or unpack it first"
            )
        yield piece


def _pieces(file: BinaryIO, unpacker_of: Callable[[], Unpacker]) -> Iterator[bytes]:
    """Yield what is in one or several packed files, one after the other, as parallel packers write them. Raises the errors of
    the unpackers, EOFError if the last one is cut short."""
    unpacker = unpacker_of()
    for packed in iter(lambda: file.read(PACKED_PIECE), b""):
        data, pending = packed, True
        while pending:
            if unpacker.eof:
                data = data.lstrip(b"\0")  # some programs pad with zeros
                if not data:
                    break
                unpacker = unpacker_of()
            piece = unpacker.decompress(data, PIECE)
            if piece:
                yield piece
            # zlib returns the rest of the data, the others keep it
            data = unpacker.unused_data if unpacker.eof else getattr(unpacker, "unconsumed_tail", b"")
            pending = bool(data) or not getattr(unpacker, "needs_input", True)
    if not unpacker.eof:
        raise EOFError("it was cut short")
