"""Read files and standard input, unpack with a limit on the size, and write files completely or not at all."""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import stat
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from linclf.errors import AccessError, InputError
from linclf.storage.signals import defer_signals


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
PACKED_FILES: dict[str, Callable[[BinaryIO], io.BufferedIOBase]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
}
XZ_MEMORY = (
    2**28
)  # bytes that unpacking the first stream of .xz may take in addition to its result; xz -9 takes a quarter of it
# A packed file of n bytes may unpack to UNPACKED + UNPACKED_TIMES * n bytes: text of numbers is packed to a tenth,
# columns that are mostly 0 to a fiftieth, and zeros only to a thousandth.
UNPACKED, UNPACKED_TIMES = 32_000_000, 100


def read_bytes(path: str) -> bytes:
    """Read the bytes of a file, or of standard input for `-`. Raises InputError if there is no such file, AccessError
    if it cannot be read."""
    try:
        if path == "-":
            return stdin().read()
        if stat.S_ISCHR(os.stat(path).st_mode) and not _may_end(path):
            raise InputError(f"{path}: is a device, which may never end; give a file")
        return Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a directory; give a file") from None
    except ValueError as error:  # a NUL in the name
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is not a file name ({error})") from None
    except OSError as error:
        raise AccessError(f"{path}: could not be read: {error.strerror}; check its permissions") from None


def stdin() -> BinaryIO:
    """Standard input as a binary file. Raises InputError if it is closed."""
    if sys.stdin is None:
        raise InputError("-: standard input is closed; give data, or a file name")
    return sys.stdin.buffer


def _may_end(path: str) -> bool:
    """Whether reading a character device can end: the null device, and a terminal."""
    with Path(path).open("rb", buffering=0) as file:
        return file.isatty() or os.path.realpath(path) == os.devnull


def unpacked_limit(size: int, megabytes: float | None) -> float:
    """The bytes that a packed file of `size` bytes may unpack to: `megabytes`, or a default that grows with `size`."""
    return UNPACKED + UNPACKED_TIMES * size if megabytes is None else megabytes * 1e6


def unpack(path: str, content: bytes, megabytes: float | None = None) -> bytes:
    """The content of a file, decompressed if its suffix is .gz, .bz2 or .xz.

    Raises InputError for an incomplete or damaged file, and for one that unpacks to more than `unpacked_limit`.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in UNPACKERS:
        return content
    limit = int(unpacked_limit(len(content), megabytes))
    try:
        unpacked = _unpacked(suffix, content, limit)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"{path}: is not a complete {suffix} file ({error}); download or pack it again") from None
    if len(unpacked) > limit:
        raise InputError(
            f"{path}: unpacks to more than {limit / 1e6:.0f} MB; if that is right, pass --max-unpacked, or unpack it first"
        )
    return unpacked


def _unpacked(suffix: str, content: bytes, limit: int) -> bytes:
    """The content unpacked, or more than `limit` bytes of it. Raises the errors of the unpackers, EOFError if it is cut."""
    first = UNPACKERS[suffix]()
    unpacked = first.decompress(content, limit + 1)
    if len(unpacked) > limit:
        return unpacked
    if not first.eof:
        raise EOFError("it was cut short")
    rest = first.unused_data.lstrip(b"\0")  # some programs pad with zeros
    if not rest:
        return unpacked
    # several packed files, one after the other, as parallel packers write them
    left = limit + 1 - len(unpacked)
    return unpacked + PACKED_FILES[suffix](io.BytesIO(rest)).read(left)


def check_outputs(outputs: Iterable[str | None], inputs: Iterable[str | None]) -> None:
    """Check, before any work, that the outputs can be written and overwrite neither an input nor each other.

    None and `-` are skipped. Raises InputError or AccessError.
    """
    taken = {os.path.realpath(path) for path in inputs if path and os.path.isfile(path)}
    for path in outputs:
        if path is None or path == "-":
            continue
        _check_writable(path)
        real = os.path.realpath(path)
        if real in taken:
            raise InputError(f"{path}: is also a file that this command reads or writes otherwise; give another name")
        if not os.path.exists(path) or os.path.isfile(path):
            taken.add(real)


def _check_writable(path: str) -> None:
    parent = os.path.dirname(path) or "."
    if not path:
        raise InputError("a file name is empty; give one, or leave the option out")
    if os.path.isdir(path):
        raise InputError(f"{path}: is a directory; give a file name")
    if not os.path.isdir(parent):
        raise InputError(f"{path}: there is no directory {parent}; create it first")
    if os.path.exists(path) and not os.path.isfile(path):  # a device or a pipe is written to, not replaced
        return
    if not os.access(parent, os.W_OK | os.X_OK):
        raise AccessError(f"{path}: the directory {parent} cannot be written to; choose another one")


def write_bytes(path: str, content: bytes) -> None:
    """Write a file completely or not at all: to a temporary file in the same folder, which is synced and then renamed.

    `-` is standard output. A symbolic link is followed; a device or a pipe is written to directly.
    Raises AccessError if the file cannot be written; an old file is then unchanged.
    """
    if path == "-":
        rest = memoryview(content)
        while rest:  # with PYTHONUNBUFFERED set, a write to a pipe may be partial
            rest = rest[sys.stdout.buffer.write(rest) :]
        sys.stdout.buffer.flush()
        return
    path = os.path.realpath(path)
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            Path(path).write_bytes(content)
        else:
            with replacing(path) as file:
                file.write(content)
    except OSError as error:
        raise AccessError(f"{path}: could not be written: {error.strerror}; nothing was changed") from None


@contextlib.contextmanager
def replacing(path: str, sync: bool = True) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces the one at `path` on success and is removed on failure.

    sync  wait until the content is on the disk, so that a power failure cannot cost both files
    Raises OSError.
    """
    parent, temporary = os.path.dirname(path), None
    try:
        with defer_signals():  # a signal must not come between creating the file and knowing its name
            handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", suffix=".tmp", dir=parent)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException:
        if temporary is not None:
            with defer_signals(), contextlib.suppress(OSError):
                os.unlink(temporary)
        raise
    if sync:
        with contextlib.suppress(OSError):  # the file is in place; some file systems cannot sync a directory
            directory = os.open(parent, os.O_RDONLY)
            try:
                os.fsync(directory)  # the rename itself
            finally:
                os.close(directory)


def _mode(path: str) -> int:
    """The permissions of the file that is replaced, or the default ones of a new file."""
    try:
        return os.stat(path).st_mode & 0o7777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask
