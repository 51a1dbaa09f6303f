"""Work side by side over cores: one process for each, no child left behind whatever happens to the parent."""

import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import connection, get_context
from typing import Any, TypeVar

from linclf.errors import AccessError

M = TypeVar("M")
WATCH = 0.5  # seconds after which a process notices that its parent is gone


def run_parallel(work: Callable[[int], Iterator[M]], tasks: Sequence[int], jobs: int) -> Iterator[tuple[int, M]]:
    """Pairs (task, message) of all that `work` yields for each task, as it comes; in this process with one job.

    With more, `work` is inherited by a fork, or pickled where forks are not safe. What a process raises is raised here.
    Raises AccessError for a process that was killed, mostly by a system short of memory.
    """
    if min(jobs, len(tasks)) <= 1:
        for task in tasks:
            yield from ((task, message) for message in work(task))
        return
    waiting = list(tasks)
    workers: dict[Any, Any] = {}  # process by its end of the pipe
    try:
        for _ in range(min(jobs, len(tasks))):
            pipe, process = _start(work)
            workers[pipe] = process
            pipe.send(waiting.pop(0))
        while workers:
            ready: list[Any] = connection.wait(list(workers))
            for pipe in ready:
                over, task, message = _receive(pipe)
                if not over:
                    yield task, message
                elif waiting:
                    pipe.send(waiting.pop(0))
                else:
                    workers.pop(pipe).kill()
    finally:
        for process in workers.values():
            process.kill()
        for process in workers.values():
            process.join()


def _start(work: Callable[[int], Iterator[Any]]) -> tuple[Any, Any]:
    """A process that serves, and the end of its pipe."""
    context: Any = get_context("fork" if sys.platform == "linux" else "spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(work, theirs, os.getpid()), daemon=True)
    with sigint_blocked(), warnings.catch_warnings():
        # Python 3.12 warns of forks beside threads: those of BLAS are stopped by its own hooks before the fork
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    theirs.close()
    return ours, process


@contextmanager
def sigint_blocked() -> Iterator[None]:
    """Ctrl-C reaches all processes of a terminal: the parent answers it, a little later; children are born deaf to it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _receive(pipe: Any) -> tuple[bool, int, Any]:
    """Whether the task is over, its number, and else the message. Raises what the process raised."""
    try:
        kind, task, content = pipe.recv()
    except (EOFError, ConnectionError):
        raise AccessError(
            "a process of this sweep was killed, perhaps for want of memory; run it again with fewer --jobs, and with "
            "--journal FILE to keep what is finished"
        ) from None
    if kind == "failed":
        error, where = content
        raise error from RuntimeError(where)
    return kind == "over", task, content


def _serve(work: Callable[[int], Iterator[Any]], pipe: Any, parent: int) -> None:
    """What a process does: take tasks, send messages, until it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=exit_with_parent, args=(parent,), daemon=True).start()
    while True:
        task = pipe.recv()
        try:
            for message in work(task):
                pipe.send(("news", task, message))
            pipe.send(("over", task, None))
        except Exception as error:  # the parent raises it
            pipe.send(("failed", task, (error, traceback.format_exc())))


def exit_with_parent(parent: int) -> None:
    """End this process when its parent has gone without a word, by kill -9."""
    while os.getppid() == parent:
        time.sleep(WATCH)
    os._exit(1)
