"""SIGINT and SIGTERM, and the one rule for them: the first signal asks for an early end, the second one aborts."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType


class Terminated(BaseException):
    """SIGTERM, as an exception that no `except Exception` catches, as KeyboardInterrupt is for SIGINT."""


STOP_SIGNALS = (KeyboardInterrupt, Terminated)


class FirstSignal:
    """A block that a first signal ends early without an exception; a second signal is raised as usual.

        stop = FirstSignal()
        with stop:
            work that may end early
        with stop:
            work that must be done even then; a second signal aborts it
        if stop.signal is not None: ...

    signal  the first KeyboardInterrupt or Terminated, None if there was none
    """

    def __init__(self) -> None:
        self.signal: BaseException | None = None

    def __enter__(self) -> "FirstSignal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not isinstance(error, STOP_SIGNALS) or self.signal is not None:
            return False
        self.signal = error
        return True


def signal_name_and_code(error: BaseException) -> tuple[str, int]:
    """The word and the exit code for a run that this signal ended."""
    return ("terminated", 143) if isinstance(error, Terminated) else ("interrupted", 130)


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Raise Terminated on SIGTERM, so that files are left complete. Only in the main thread."""

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, terminate)
    except ValueError:  # not in the main thread: signals are the caller's business
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def defer_signals() -> Iterator[list[int]]:
    """Defer SIGINT and SIGTERM until the block is done: for steps that must not be cut in two, and for callbacks from C, where
    an exception would be lost. Yields the list of those that have arrived."""
    deferred: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        before = [signal.signal(number, lambda number, _: deferred.append(number)) for number in numbers]
    except ValueError:  # not in the main thread, which alone receives signals
        yield deferred
        return
    try:
        yield deferred
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        for late in deferred:
            signal.raise_signal(late)


@contextmanager
def sigint_blocked() -> Iterator[None]:
    """Block SIGINT for processes that start in this block. Ctrl-C reaches all processes of a terminal, but only the parent
    answers it, once the block is over."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
