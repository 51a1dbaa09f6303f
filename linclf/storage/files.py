"""Bytes in and bytes out: a file or standard input read whole, a file written whole or not at all."""

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
from typing import Any, BinaryIO

from linclf.errors import AccessError, InputError
from linclf.storage.signals import defer_signals

UNPACKERS: dict[str, Callable[[], Any]] = {
    ".gz": lambda: zlib.decompressobj(31),
    ".bz2": bz2.BZ2Decompressor,
    ".xz": lambda: lzma.LZMADecompressor(memlimit=XZ_MEMORY),
}
PACKED_FILES: dict[str, Callable[[BinaryIO], Any]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
}
XZ_MEMORY = 2**28  # bytes that unpacking .xz may hold beside what comes out; xz -9 takes a quarter of it
# A packed file may become so many bytes, and so many times as many as it has: text of numbers packs to a tenth, columns
# that are mostly 0 to a fiftieth, and nothing but zeros to a thousandth.
UNPACKED, UNPACKED_TIMES = 32_000_000, 100


def read_bytes(path: str) -> bytes:
    """The bytes of a file, or of standard input for `-`. Raises InputError where there is no such file, AccessError
    where it cannot be read."""
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
        raise InputError(f"{path}: is no name of a file ({error})") from None
    except OSError as error:
        raise AccessError(f"{path}: could not be read: {error.strerror}; check its permissions") from None


def stdin() -> BinaryIO:
    """Standard input as bytes. Raises InputError where the caller has closed it."""
    if sys.stdin is None:
        raise InputError("-: standard input is closed; give data, or a file name")
    return sys.stdin.buffer


def _may_end(path: str) -> bool:
    """Whether a character device ends: nothing, or what somebody types."""
    with Path(path).open("rb", buffering=0) as file:
        return file.isatty() or os.path.realpath(path) == os.devnull


def unpacked_limit(size: int, megabytes: float | None) -> float:
    """How many bytes a packed file of this many may become: as told, else UNPACKED and UNPACKED_TIMES its size."""
    return UNPACKED + UNPACKED_TIMES * size if megabytes is None else megabytes * 1e6


def unpack(path: str, content: bytes, megabytes: float | None = None) -> bytes:
    """The content of a file, decompressed if its suffix is .gz, .bz2 or .xz; at most so many megabytes of it.

    Raises InputError for a file that is not whole, and for one that becomes larger (see `unpacked_limit`).
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in UNPACKERS:
        return content
    limit = int(unpacked_limit(len(content), megabytes))
    try:
        unpacked = _unpacked(suffix, content, limit)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"{path}: is not a whole {suffix} file ({error}); fetch or pack it again") from None
    if len(unpacked) > limit:
        raise InputError(
            f"{path}: unpacks to more than {limit / 1e6:.0f} MB; if that is right, say --max-unpacked, or unpack it first"
        )
    return unpacked


def _unpacked(suffix: str, content: bytes, limit: int) -> bytes:
    """The content unpacked, or more than `limit` bytes of it. Raises what the unpackers raise, EOFError for a part."""
    first = UNPACKERS[suffix]()
    unpacked: bytes = first.decompress(content, limit + 1)
    if len(unpacked) > limit:
        return unpacked
    if not first.eof:
        raise EOFError("it was cut short")
    rest = first.unused_data.lstrip(b"\0")  # some programs fill up with zeros
    if not rest:
        return unpacked
    # several files, one behind the other, as parallel packers write them
    left = limit + 1 - len(unpacked)
    return unpacked + bytes(PACKED_FILES[suffix](io.BytesIO(rest)).read(left))  # copies what is left only once


def check_outputs(outputs: Iterable[str | None], inputs: Iterable[str | None]) -> None:
    """Say before any work whether the outputs can be written, and that none would overwrite an input or another one.

    None is skipped, and so is `-`. Raises InputError or AccessError.
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
        raise AccessError(f"{path}: the directory {parent} cannot be written to; choose another place")


def write_bytes(path: str, content: bytes) -> None:
    """Write a file whole or not at all: into a temporary file beside it, synced, then renamed over it.

    `-` is standard output. A symbolic link is followed; a device or a pipe is written to directly.
    Raises AccessError when the system refuses, with the old file as it was.
    """
    if path == "-":
        rest = memoryview(content)
        while rest:  # with PYTHONUNBUFFERED set, a write to a pipe may take a part only
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
    """A file to write to that takes the place of the one at `path` when all is written, or leaves no trace.

    sync: wait until the disk has it, so that not even a power failure costs both files. Raises OSError.
    """
    parent, temporary = os.path.dirname(path), None
    try:
        with defer_signals():  # a file that is there is known
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
    """The permissions of the file that is replaced, or those that the umask gives a new one."""
    try:
        return os.stat(path).st_mode & 0o7777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask
