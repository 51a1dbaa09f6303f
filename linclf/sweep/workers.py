"""Run tasks in parallel processes; they exit when their parent dies, even by kill -9."""

import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection, get_context
from typing import Any, TypeVar

from linclf.errors import AccessError
from linclf.storage.signals import sigint_blocked

M = TypeVar("M")
PARENT_CHECK_SECONDS = 0.5  # how often a process checks that its parent is alive


def run_parallel(work: Callable[[int], Iterator[M]], tasks: Sequence[int], jobs: int) -> Iterator[tuple[int, M]]:
    """Yield pairs (task, message) of all that `work` yields for each task, as it comes; with one job, in this process.

    With more jobs, `work` is inherited by a fork, or pickled where forks are not safe. What a process raises is raised here.
    Raises AccessError for a process that was killed, usually because the system ran out of memory.
    """
    if min(jobs, len(tasks)) <= 1:
        for task in tasks:
            yield from ((task, message) for message in work(task))
        return
    waiting = list(tasks)
    workers: dict[Any, Any] = {}  # the process at the other end of each pipe
    try:
        for _ in range(min(jobs, len(tasks))):
            pipe, process = _start(work)
            workers[pipe] = process
            pipe.send(waiting.pop(0))
        while workers:
            ready: list[Any] = connection.wait(list(workers))
            for pipe in ready:
                finished, task, message = _receive(pipe)
                if not finished:
                    yield task, message
                elif waiting:
                    pipe.send(waiting.pop(0))
                else:
                    process = workers.pop(pipe)
                    process.kill()
                    process.join()
    finally:
        for process in workers.values():
            process.kill()
        for process in workers.values():
            process.join()


def _start(work: Callable[[int], Iterator[Any]]) -> tuple[Any, Any]:
    """Start a process; return our end of its pipe, and the process."""
    context: Any = get_context("fork" if sys.platform == "linux" else "spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(work, theirs, os.getpid()), daemon=True)
    with sigint_blocked(), warnings.catch_warnings():
        # Python 3.12 warns of forks next to threads: those of BLAS are stopped by its own hooks before the fork
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    theirs.close()
    return ours, process


def _receive(pipe: Any) -> tuple[bool, int, Any]:
    """Whether a task is finished, its number, and otherwise the message. Raises what the process raised."""
    try:
        kind, task, content = pipe.recv()
    except (EOFError, ConnectionError):
        raise AccessError(
            "a process of this sweep was killed, perhaps because memory ran out; run it again with fewer --jobs, and with "
            "--journal FILE to save finished rows"
        ) from None
    if kind == "failed":
        error, where = content
        raise error from RuntimeError(where)
    return kind == "finished", task, content


def _serve(work: Callable[[int], Iterator[Any]], pipe: Any, parent: int) -> None:
    """Take tasks and send messages, until this process is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=exit_with_parent, args=(parent,), daemon=True).start()
    while True:
        task = pipe.recv()
        try:
            for message in work(task):
                pipe.send(("message", task, message))
            pipe.send(("finished", task, None))
        except Exception as error:  # the parent raises it
            pipe.send(("failed", task, (error, traceback.format_exc())))


def exit_with_parent(parent: int) -> None:
    """End this process when its parent was killed."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(1)
