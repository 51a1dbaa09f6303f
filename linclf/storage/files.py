"""Read files and standard input, and write files completely or not at all."""

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from linclf.errors import AccessError, InputError, LinclfError
from linclf.storage.signals import defer_signals


@contextlib.contextmanager
def reading(path: str) -> Iterator[BinaryIO]:
    """Open a file, or standard input for `-`. Raises InputError if there is no such file, AccessError if it cannot be read."""
    try:
        if path == "-":
            yield stdin()
            return
        if stat.S_ISCHR(os.stat(path).st_mode) and not _may_end(path):
            raise InputError(f"{path}: is a device, which may never end; give a file")
        with Path(path).open("rb") as file:
            yield file
    except LinclfError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a directory; give a file") from None
    except ValueError as error:  # a NUL in the name
        raise InputError(f"{path}: is not a file name ({error})") from None
    except OSError as error:
        raise AccessError(f"{path}: could not be read: {error.strerror}; check its permissions") from None


def read_bytes(path: str) -> bytes:
    """The bytes of a file, or of standard input for `-`. Raises the errors of `reading`."""
    with reading(path) as file:
        return file.read()


def stdin() -> BinaryIO:
    """Standard input as a binary file. Raises InputError if it is closed."""
    if sys.stdin is None:
        raise InputError("-: standard input is closed; give data, or a file name")
    return sys.stdin.buffer


def _may_end(path: str) -> bool:
    """Whether reading a character device can end: the null device, and a terminal."""
    with Path(path).open("rb", buffering=0) as file:
        return file.isatty() or os.path.realpath(path) == os.devnull


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
    """Write a file completely or not at all, as `writing` does."""
    with writing(path) as write:
        write(content)


@contextlib.contextmanager
def writing(path: str) -> Iterator[Callable[[bytes], object]]:
    """Write a file piece by piece, completely or not at all: to a temporary file in the same folder, which is synced and then
    renamed. Yields the function that writes.

    `-` is standard output. A symbolic link is followed; a device or a pipe is written to directly.
    Raises AccessError if the file cannot be written; an old file is then unchanged, as it is after any other error.
    """
    if path == "-":
        yield _write_to_stdout
        return
    path = os.path.realpath(path)
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            with Path(path).open("wb") as file:
                yield file.write
        else:
            with replacing(path) as file:
                yield file.write
    except LinclfError:
        raise
    except OSError as error:
        raise AccessError(f"{path}: could not be written: {error.strerror}; nothing was changed") from None


def _write_to_stdout(content: bytes) -> None:
    rest = memoryview(content)
    while rest:  # with PYTHONUNBUFFERED set, a write to a pipe may be partial
        rest = rest[sys.stdout.buffer.write(rest) :]
    sys.stdout.buffer.flush()


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
