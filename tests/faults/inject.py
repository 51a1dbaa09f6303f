"""What the battery shares: runs of the command line as processes of their own, and faults put into them.

LINCLF_FAULTS=full asks for the full counts of the long loops, which `scripts/faults.py` runs.
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
    """How often a loop runs."""
    return full if FULL else short


def linclf(*words: object, **more) -> subprocess.CompletedProcess:
    """Run a command to its end, in a process of its own; `limit` is a function that the process calls before it begins."""
    environment = {**ENVIRONMENT, **more.pop("environment", {})}
    limit = more.pop("limit", None)
    line = [*more.pop("before", []), *LINCLF, *map(str, words)]
    more.setdefault("text", True)
    return subprocess.run(line, capture_output=True, env=environment, preexec_fn=limit, timeout=120, **more)


def started(*words: object) -> subprocess.Popen:
    """Begin a command in a process group of its own."""
    return subprocess.Popen(
        [*LINCLF, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        start_new_session=True,
        # a shell's background job ignores Ctrl-C, and so would its children
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def refused(ran: subprocess.CompletedProcess, code: int = 2) -> str:
    """The one line by which a command ended with this code: invariant I3."""
    assert "Traceback" not in ran.stderr, ran.stderr
    assert ran.returncode == code, ran.stderr
    # a note is no error, and an allocator of a library below may say that it found no room
    errors = [line for line in ran.stderr.splitlines() if not line.startswith(("note: ", "<jemalloc>"))]
    assert len(errors) == 1, ran.stderr
    assert errors[0].startswith("error: ")
    return errors[0]


def fine(ran: subprocess.CompletedProcess) -> str:
    """What a command that succeeded printed."""
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def file_size(size: int) -> Callable[[], None]:
    """No file may become larger: a disk that is full."""
    return functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size))


def memory(megabytes: float) -> Callable[[], None]:
    """`ulimit -v`."""
    size = int(megabytes * 2**20)
    return functools.partial(resource.setrlimit, resource.RLIMIT_AS, (size, size))


def needs(program: str, *arguments: str) -> None:
    """Skip where a program is not there or may not do its work."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    tried = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    if tried.returncode:
        pytest.skip(f"{program} may not do it here: {tried.stderr.strip()[:100]}")


def until(condition: Callable[[], object], seconds: float = 30) -> bool:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def alive(group: int) -> bool:
    """Whether a process of this group is alive; one that has ended and was not waited for is not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(pgrp) == group and state != "Z":
            return True
    return False


def leftovers(folder: str = ".") -> list[str]:
    """Temporary files."""
    return [name for name in os.listdir(folder) if name.endswith(".tmp")]


KILLED = -signal.SIGKILL
