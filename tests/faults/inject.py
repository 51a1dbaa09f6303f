"""Helpers of the fault tests: runs of the command line in separate processes, and faults injected into them.

With LINCLF_FAULTS=full, as in `scripts/faults.py`, long loops run their full number of times.
"""

import functools
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

FULL = os.environ.get("LINCLF_FAULTS") == "full"
LINCLF = [sys.executable, "-m", "linclf"]
ENVIRONMENT = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
DATA = Path(__file__).parent.parent.parent / "data"


def times(short: int, full: int) -> int:
    """How many times a loop runs."""
    return full if FULL else short


def in_time(began: float, seconds: float) -> bool:
    """Whether fewer seconds have passed since `began`; asked in the full run only, since other tests may be running."""
    return not FULL or time.monotonic() - began < seconds


def linclf(*words: object, **more) -> subprocess.CompletedProcess:
    """Run a command in a separate process until it ends; `limit` is a function that this process calls first."""
    environment = {**ENVIRONMENT, **more.pop("environment", {})}
    limit = more.pop("limit", None)
    line = [*more.pop("before", []), *LINCLF, *map(str, words)]
    more.setdefault("text", True)
    return subprocess.run(line, capture_output=True, env=environment, preexec_fn=limit, timeout=120, **more)


def started(*words: object) -> subprocess.Popen:
    """Start a command in a separate process group."""
    return subprocess.Popen(
        [*LINCLF, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        start_new_session=True,
        # background jobs of a shell ignore Ctrl-C, and their children inherit this
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def refused(ran: subprocess.CompletedProcess, code: int = 2) -> str:
    """The error of a command that ended with this exit code: it must be a single line, without a traceback."""
    assert "Traceback" not in ran.stderr, ran.stderr
    assert ran.returncode == code, ran.stderr
    # notes are allowed, and an allocator of a library may report that it has no memory
    errors = [line for line in ran.stderr.splitlines() if not line.startswith(("note: ", "<jemalloc>"))]
    assert len(errors) == 1, ran.stderr
    assert errors[0].startswith("error: ")
    return errors[0]


def fine(ran: subprocess.CompletedProcess) -> str:
    """The stdout of a command, which must succeed."""
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def file_size(size: int) -> Callable[[], None]:
    """Limit the size of files, which simulates a full disk."""
    return functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size))


def memory(megabytes: float) -> Callable[[], None]:
    """Limit the virtual memory, as `ulimit -v` does."""
    size = int(megabytes * 2**20)
    return functools.partial(resource.setrlimit, resource.RLIMIT_AS, (size, size))


def needs(program: str, *arguments: str) -> None:
    """Skip the test if a program is not installed or fails here."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    tried = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    if tried.returncode:
        pytest.skip(f"{program} fails here: {tried.stderr.strip()[:100]}")


def leftovers(folder: str = ".") -> list[str]:
    """The temporary files in a folder."""
    return [name for name in os.listdir(folder) if name.endswith(".tmp")]


KILLED = -signal.SIGKILL
