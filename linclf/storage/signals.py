"""SIGINT and SIGTERM."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Terminated(BaseException):
    """SIGTERM, as an exception that no `except Exception` swallows."""


@contextmanager
def defer_signals() -> Iterator[None]:
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
