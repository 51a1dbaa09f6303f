"""What can go wrong, as exceptions that carry their exit code. Each message is one line: what, where, what to do."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class LinclfError(Exception):
    """The base of all of linclf's own errors."""

    exit_code = 1


class InputError(LinclfError, ValueError):
    """The command, an option or the data is wrong."""

    exit_code = 2


class DivergedError(LinclfError, ArithmeticError):
    """Training left the finite numbers, or ended worse than it began."""

    exit_code = 3


class AccessError(LinclfError, OSError):
    """A file is there but could not be read or written, or the network is away."""

    exit_code = 4


class GradientError(LinclfError):
    """A gradient check failed."""

    exit_code = 6


class Terminated(BaseException):
    """SIGTERM, as an exception that no `except Exception` swallows."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold SIGINT and SIGTERM back until what is inside is done: for what must be whole, and for calls back from C, where an
    exception would be swallowed."""
    held: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        before = [signal.signal(number, lambda number, _: held.append(number)) for number in numbers]
    except ValueError:  # not in the main thread: signals do not come here
        yield
        return
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        for late in held:
            signal.raise_signal(late)


def printable(text: str) -> str:
    """Text for a terminal: control characters, by which data could move its cursor or worse, as \\x1b and the like."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def one_line(text: str) -> str:
    """Text for a terminal on one line, blanks of any kind as one space."""
    return printable(" ".join(text.split()))
