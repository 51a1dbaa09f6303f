"""Faults 1 to 8 and 40: system failures while files are saved, signals, and resuming.

After any fault, the path of a model must contain the complete old model or the complete new one.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from inject import (
    DATA,
    ENVIRONMENT,
    KILLED,
    file_size,
    fine,
    in_time,
    leftovers,
    linclf,
    needs,
    refused,
    started,
    times,
)
from processes import alive, until

from linclf.model.linear_model import load

SAVES = """
import os, sys
from pathlib import Path
from linclf.storage.files import write_bytes
old, new = Path("old").read_bytes(), Path("new").read_bytes()
os.write(1, b"begin\\n")
while True:
    write_bytes("m", new)
    write_bytes("m", old)
    if sys.argv[1:] == ["once"]:
        break
"""


@pytest.fixture
def saved(in_tmp, models):
    """The file m is the old model; the function returned checks that it is the complete old or the complete new one."""
    old, new = models
    for name, content in (("old", old), ("new", new), ("m", old)):
        Path(name).write_bytes(content)
    return lambda: Path("m").read_bytes() in (old, new)


def test_01_kill_9_during_a_save(saved, tried) -> None:
    """A process that saves repeatedly is killed at a random time."""
    rng, count = random.Random(1), times(20, 1000)
    for _ in range(count):
        process = subprocess.Popen([sys.executable, "-c", SAVES], stdout=subprocess.PIPE, env=ENVIRONMENT)
        assert process.stdout.readline() == b"begin\n"
        time.sleep(rng.uniform(0, 0.02))
        process.kill()
        process.communicate()
        assert process.returncode == KILLED
        assert saved()
        load("m")
    tried(count)


def test_01_kill_9_of_train(in_tmp, tried) -> None:
    """`linclf train -o m`, where m is an old model, is killed at a random time."""
    fine(linclf("train", "iris", "-o", "new"))
    fine(linclf("train", "iris", "--loss", "mse", "-o", "m"))
    complete = {Path(name).read_bytes() for name in ("m", "new")}
    began = time.monotonic()
    fine(linclf("train", "iris", "-o", "again"))
    lasts = time.monotonic() - began
    rng, count = random.Random(2), times(4, 200)
    for _ in range(count):
        process = started("train", "iris", "-o", "m", "-q")
        time.sleep(rng.uniform(0.5, 1.05) * lasts)
        process.kill()
        process.communicate()
        assert Path("m").read_bytes() in complete
    tried(count)


TRACED = "openat,write,fsync,fchmod,chmod,rename,renameat,close,unlink,newfstatat,lseek"


def trace(*inject: str) -> subprocess.CompletedProcess:
    line = ["strace", "-f", "-qq", "-o", "log", "-e", f"trace={TRACED}", *inject, sys.executable, "-c", SAVES, "once"]
    return subprocess.run(line, capture_output=True, text=True, env=ENVIRONMENT, timeout=120)


@pytest.fixture
def traced(saved):
    """How many times each system call occurs, before the saves and in them."""
    needs("strace", "-o", os.devnull, "true")
    assert trace().returncode == 0
    lines = [line.split(maxsplit=1)[1] for line in Path("log").read_text().splitlines() if "(" in line]
    begin = next(i for i, line in enumerate(lines) if "begin" in line)
    names = [line.partition("(")[0] for line in lines]
    found = {name: (names[: begin + 1].count(name), names[begin + 1 :].count(name)) for name in sorted(set(names))}
    assert {"write", "fsync", "rename"} <= {name for name, (_, inside) in found.items() if inside}
    return found


def test_02_kill_at_each_system_call_of_the_save(saved, traced, tried) -> None:
    count = 0
    for name, (before, inside) in traced.items():
        for number in range(before + 1, before + inside + 1):
            ran = trace("-e", f"inject={name}:signal=KILL:when={number}")
            assert ran.returncode in (KILLED, 0, 137), ran.stderr
            assert saved(), (name, number)
            count += ran.returncode != 0
    assert count >= 10  # the process was killed that often
    tried(count)


def test_03_a_full_disk(in_tmp, models, tried) -> None:
    """Different limits on the size of a file: only the first part of it can be written."""
    fine(linclf("train", "iris", "-o", "complete", "-q", "--no-cache"))
    size = Path("complete").stat().st_size
    Path("m").write_bytes(models[0])
    limits = [0, size // 2, size - 1, *range(1, size, times(size, 25))]
    for limit in limits:
        line = refused(linclf("train", "iris", "-o", "m", "-q", "--no-cache", limit=file_size(limit)), 4)
        assert "m: could not be written: File too large; nothing was changed" in line
        assert Path("m").read_bytes() == models[0]
        assert not leftovers()
    tried(len(limits))


def test_03_a_full_tmpfs(in_tmp, tried) -> None:
    needs("unshare", "-m", "sh", "-c", "mkdir -p x && mount -t tmpfs -o size=64k none x")
    os.makedirs("small", exist_ok=True)
    script = (
        "mount -t tmpfs -o size=64k none small; head -c 40000 /dev/zero > small/m; "
        f"{sys.executable} -m linclf train make:classification:n_features=20000,n_informative=9,n_samples=100 --epochs 1 -q "
        "-o small/m; echo $?; stat -c %s small/m; ls -A small"
    )
    ran = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, env=ENVIRONMENT)
    assert ran.stdout.split() == ["4", "40000", "m"], ran
    assert "No space left on device; nothing was changed" in ran.stderr
    tried(1)


@pytest.mark.parametrize(
    ("call", "error", "code"),
    [
        ("fsync", "EIO", 4),
        ("write", "EIO", 4),
        ("write", "ENOSPC", 4),
        ("rename", "EIO", 4),
        ("openat", "EMFILE", 4),
        ("chmod", "EPERM", 4),
        ("write", "EINTR", 0),
        ("fsync", "EINTR", 0),
        ("openat", "EINTR", 0),
    ],
)
def test_04_a_system_call_fails(saved, traced, tried, call: str, error: str, code: int) -> None:
    """An error ends the save and leaves the old file unchanged; an interrupted call is repeated."""
    before, _ = traced[call]
    ran = trace("-e", f"inject={call}:error={error}:when={before + 1}")
    assert saved()
    assert not leftovers()
    if code:
        assert ran.returncode != 0
        assert "AccessError: " in ran.stderr
        assert "m: could not be written: " in ran.stderr
        assert Path("m").read_bytes() == Path("old").read_bytes()
    else:
        assert ran.returncode == 0, ran.stderr
    tried(1)


def test_05_paths_that_cannot_be_written(in_tmp, tried) -> None:
    os.mkdir("folder")
    cases = [
        ("/dev/full", 4, "/dev/full: could not be written: No space left on device"),
        ("folder", 2, "folder: is a directory; give a file name"),
        ("no/such/m", 2, "there is no directory no/such; create it first"),
        ("/proc/m", 4, "/proc/m: could not be written"),
    ]
    for path, code, message in cases:
        began = time.monotonic()
        line = refused(linclf("train", "digits", "--epochs", 300, "-q", "-o", path), code)
        assert message in line
        if code == 2:  # the error is detected before training, which takes seconds
            assert "lr" not in line
            assert in_time(began, 10)
    tried(len(cases))


def test_05_a_read_only_file_system(in_tmp, tried) -> None:
    needs("unshare", "-m", "sh", "-c", "mkdir -p x && mount -t tmpfs -o ro none x")
    os.makedirs("closed", exist_ok=True)
    script = f"mount -t tmpfs -o ro none closed; {sys.executable} -m linclf train digits --epochs 300 -q -o closed/m; echo $?"
    ran = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, env=ENVIRONMENT)
    assert ran.stdout.split() == ["4"]
    assert ran.stderr.startswith("error: closed/m: ")
    assert ran.stderr.count("\n") == 1
    tried(1)


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_06_a_signal_in_an_epoch(in_tmp, tried, number: int, code: int, word: str) -> None:
    """The best model so far is saved, and the command that is printed resumes to the model of an uninterrupted run."""
    options = ["digits", "--loss", "softmax", "--epochs", 600, "--checkpoint", "c", "--history", "h", "-q"]
    fine(linclf("train", *options, "-o", "undisturbed"))
    rng, count = random.Random(number), times(1, 50)
    for _ in range(count):
        for name in ("m", "c", "h"):
            Path(name).unlink(missing_ok=True)
        process = started("train", *options, "-o", "m")
        assert until(lambda: os.path.exists("h") and os.path.getsize("h") > 0)
        time.sleep(rng.uniform(0, 0.3))
        began = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        assert in_time(began, 1.5)
        assert (process.returncode, err.count("\n")) == (code, 1), err
        assert err.startswith(f"error: {word} after epoch ")
        assert "the best model so far is in m; continue with: linclf train --resume c digits" in err
        assert "accuracy   train" in out
        assert load("m").record["metrics"]["interrupted"]
        words = err.strip().partition("continue with: linclf ")[2].split()
        fine(linclf(*words))
        assert Path("m").read_bytes() == Path("undisturbed").read_bytes()
        assert [json.loads(line)["epoch"] for line in Path("h").read_text().splitlines()] == list(range(1, 601))
    tried(count)


def test_06_a_second_ctrl_c_stops_immediately(in_tmp, tried) -> None:
    """Before the end of the first epoch there is nothing to save; a second signal aborts whatever is running."""
    fine(linclf("train", "iris", "-o", "m"))
    old, count = Path("m").read_bytes(), times(2, 50)
    rng, codes = random.Random(3), set()
    for _ in range(count):
        process = started("train", "digits", "--loss", "softmax", "--epochs", 5000, "-q", "-o", "m", "--history", "h")
        assert until(lambda: os.path.exists("h"))
        time.sleep(rng.uniform(0, 0.2))
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(rng.uniform(0, 0.01))
        began = time.monotonic()
        _, err = process.communicate(timeout=30)
        assert in_time(began, 1)
        codes.add(process.returncode)
        assert "Traceback" not in err
        if Path("m").read_bytes() != old:
            load("m")
        assert not leftovers()
        os.unlink("h")
    assert codes <= {130, KILLED * 0 - signal.SIGINT}
    tried(count)


def test_07_sigterm_in_a_sweep(in_tmp, tried) -> None:
    """Finished rows are in the journal, and no child process is left."""
    if not os.path.exists("/proc/self/stat"):
        pytest.skip("needs /proc to find processes")
    options = [
        "digits",
        "--loss",
        "svm,softmax,logistic,mse",
        "--reg",
        "1e-5:1:4",
        "--epochs",
        60,
        "--jobs",
        2,
        "--json",
    ]
    undisturbed = json.loads(fine(linclf("sweep", *options)))["rows"]
    rng, count = random.Random(4), times(1, 30)
    for _ in range(count):
        Path("j").unlink(missing_ok=True)
        process = started("sweep", *options, "--journal", "j")
        assert until(lambda: os.path.exists("j") and Path("j").read_bytes().count(b"\n") > 1)
        time.sleep(rng.uniform(0, 0.3))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
        if process.returncode == 0:
            continue  # the sweep had already finished
        assert process.returncode == 143
        finished = Path("j").read_bytes().count(b"\n") - 1
        assert err.startswith(f"error: terminated after {finished} of 16 configurations; ")
        assert not alive(process.pid)
        assert json.loads(fine(linclf("sweep", *options, "--journal", "j")))["rows"] == undisturbed
    tried(count)


def test_08_stdout_is_closed(in_tmp, tried) -> None:
    fine(linclf("train", "make:blobs:n_samples=60000", "--epochs", 1, "-o", "m"))
    command = f"{sys.executable} -m linclf"
    lines = [
        (f"{command} predict m make:blobs:n_samples=60000 | head -1", 141),
        (f"{command} predict m make:blobs:n_samples=60000 --scores | true", 141),
        (f"PYTHONUNBUFFERED=1 {command} predict m make:blobs:n_samples=60000 | head -1", 141),
        (f"{command} train iris --json | true", 141),
        (f"{command} datasets | head -1", None),
        (f"{command} train iris >&-", None),
        (f"{command} train nowhere 2>&-", 2),
        (f"{command} train --help | true", 141),
    ]
    for line, code in lines:
        ran = subprocess.run(
            ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True, env=ENVIRONMENT
        )
        assert ran.returncode in ((0, 141) if code is None else (code,)), (line, ran)
        assert ran.stderr == "", (line, ran.stderr)
    tried(len(lines))


def test_40_kill_9_and_resume(in_tmp, tried) -> None:
    """A run that is killed at random times and resumed ends with the same bits as an uninterrupted run."""
    sparse = DATA / "wine.svm"
    runs = {
        "dense": ["digits", "--loss", "softmax", "--epochs", 200],
        "sparse": [sparse, "--loss", "softmax", "--scale", "maxabs", "--epochs", 4000, "--average", "--lr", 0.3],
        "stopping": [
            "digits",
            "--loss",
            "svm",
            "--epochs",
            500,
            "--val",
            0.2,
            "--patience",
            200,
            "--schedule",
            "cosine",
        ],
    }
    rng, interruptions, wanted = random.Random(5), 0, times(1, 34)
    for options in runs.values():
        began = time.monotonic()
        fine(linclf("train", *options, "-o", "undisturbed", "-q", "--checkpoint", "c", "--every", 7))
        lasts, stopped = time.monotonic() - began, 0
        while stopped < wanted:
            for name in ("m", "c"):
                Path(name).unlink(missing_ok=True)
            more: list[object] = []
            for _ in range(50):
                process = started("train", *options, "-o", "m", "-q", "--checkpoint", "c", "--every", 7, *more)
                try:
                    _, err = process.communicate(timeout=rng.uniform(0.3, 0.9) * lasts)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
                    stopped += 1
                else:
                    assert process.returncode == 0, err
                    break
                more = ["--resume", "c"] if os.path.exists("c") else []
            else:
                fine(linclf("train", *options, "-o", "m", "-q", *more))
            assert Path("m").read_bytes() == Path("undisturbed").read_bytes(), options
        interruptions += stopped
    tried(interruptions)
