"""Sweeps side by side, what stops them, and how they go on: processes, journals, signals, kill -9."""

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import alive, until

from linclf.sweep import workers
from linclf.sweep.journal import open_journal
from linclf.sweep.results import Row

MANY = [
    "sweep",
    "digits",
    "--loss",
    "svm,softmax,hinge,logistic,squared-hinge,mse",
    "--reg",
    "1e-5:1:4",
    "--epochs",
    "8",
]


def command(*more: str) -> list[str]:
    return [sys.executable, "-m", "linclf", *MANY, *more]


def rows(printed: str) -> list[dict]:
    return json.loads(printed)["rows"]


IRIS = ["sweep", "iris", *MANY[2:]]  # the same configurations of fewer rows


def test_rows_do_not_depend_on_the_number_of_jobs(linclf, monkeypatch) -> None:
    line = " ".join([*IRIS, "--json"])
    alone = rows(linclf(line, "--jobs", 1))
    assert rows(linclf(line, "--jobs", 3)) == alone
    monkeypatch.setattr(workers.sys, "platform", "darwin")  # where processes are spawned, not forked
    assert rows(linclf(line, "--jobs", 2)) == alone


def test_a_journal_goes_on_where_it_was(linclf, in_tmp) -> None:
    line = " ".join([*IRIS, "--json", "--journal", "j"])
    undisturbed = rows(linclf(line))
    lines = Path("j").read_bytes().splitlines(keepends=True)
    assert len(lines) == 25
    whole = b"".join(lines)
    for kept, torn in (
        (0, b""),
        (0, lines[0][:30]),
        (1, b""),
        (5, lines[5][:-1]),
        (11, b'{"confi'),
        (24, lines[24][:9]),
    ):
        Path("j").write_bytes(b"".join(lines[:kept]) + torn)
        ran = linclf(line)
        assert rows(ran) == undisturbed
        assert ("its last line was cut short and was dropped" in ran.err) == bool(torn)
        assert (f"{kept - 1} of 24 configurations are in it already" in ran.err) == (kept > 1)
        assert sorted(Path("j").read_bytes().splitlines()) == sorted(whole.splitlines())
    ran = linclf(line)
    assert rows(ran) == undisturbed
    assert Path("j").read_bytes().count(b"\n") == 25


def test_a_journal_of_something_else_is_refused_and_left_alone(linclf, in_tmp) -> None:
    for name, content, message in (
        ("text", "hello\n", "text:1: is not a journal of linclf sweep"),
        ("torn", "hello", "torn:1: is not a journal"),
        ("list", "[1]\n", "list:1: is not a journal"),
        ("new", '{"journal": 99}\n', "new:1: is a journal of another version"),
    ):
        Path(name).write_text(content)
        ran = linclf(f"sweep iris --epochs 1 --journal {name}")
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        assert message in ran.err
        assert Path(name).read_text() == content
    assert linclf("sweep data.csv --epochs 1 --journal data.csv").code == 2
    assert linclf("sweep iris --epochs 1 --reg 1e-3,1e-2 --journal j").code == 0
    content = Path("j").read_text()
    for more, message in (
        ("iris --epochs 2 --reg 1e-3,1e-2", "options epochs was 1, now it is 2"),
        ("iris --epochs 1 --reg 1e-3", "lists reg was [0.001, 0.01], now it is [0.001]"),
        ("iris --epochs 1 --reg 1e-3,1e-2 --cv 4", "cv was 5, now it is 4"),
        ("iris --epochs 1 --reg 1e-3,1e-2 --halving", "halving was false, now it is true"),
        ("iris --epochs 1 --reg 1e-3,1e-2 --seed 1", "options seed was 0, now it is 1"),
        ("wine --epochs 1 --reg 1e-3,1e-2", "the journal of other data"),
    ):
        ran = linclf(f"sweep {more} --journal j")
        assert ran.code == 2
        assert message in ran.err
        assert Path("j").read_text() == content
    line = content.splitlines()[-1]
    for wrong in (
        '{"configuration": 1}',
        line.replace('"configuration": 1', '"configuration": 7'),
        line.replace('"configuration": 1', '"configuration": 0'),
        line.replace('"configuration": 1', '"configuration": Infinity'),
        line.replace('"done"', '"great"'),
        line.replace('"done"', '"diverged"'),
        line.replace('"score": 0', '"score": NaN, "x": 0', 1),
        line.replace('"score": 0.', '"score": "0."', 1),
        line.replace('"reg": 0.01', '"reg": 0.02'),
        "[" * 100_000,
    ):
        assert wrong != line
        Path("j").write_text(content + wrong + "\n")
        ran = linclf("sweep iris --epochs 1 --reg 1e-3,1e-2 --journal j")
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        assert "j:4: was not written by this sweep" in ran.err
    Path("j").write_text("{")
    assert "j:1: is not a journal" in linclf("sweep iris --journal j").err


def test_a_journal_knows_the_data_by_their_content(linclf, in_tmp) -> None:
    shutil.copy(Path(__file__).parents[2] / "data" / "iris.csv", "a.csv")
    line = "sweep %s --target species --epochs 1 --val %s --journal j"
    assert linclf(line % ("a.csv", "a.csv")).code == 0
    os.rename("a.csv", "b.csv")
    assert "6 of 6 configurations are in it already" in linclf(line % ("./b.csv", "b.csv")).err


def test_a_journal_that_cannot_be_written(linclf, in_tmp) -> None:
    ran = linclf(f"sweep iris --epochs 1 --journal {os.devnull}")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "is not a regular file, which a journal must be" in ran.err
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (%d, %d)); "
        "from linclf.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    undisturbed = rows(linclf(" ".join([*IRIS, "--json"])))  # the cache has the data from now on
    for limit in (100, 2500):  # within the first line, and within a row
        full = [
            sys.executable,
            "-c",
            code % (limit, limit),
            *IRIS,
            "--journal",
            f"j{limit}",
            "--jobs",
            "1",
        ]
        process = subprocess.run(full, capture_output=True, text=True)
        assert process.returncode == 4
        assert process.stderr.startswith(f"error: j{limit}: could not be written: File too large")
        assert process.stderr.count("\n") == 1
        ran = linclf(" ".join([*IRIS, f"--json --journal j{limit}"]))
        assert rows(ran) == undisturbed


def started(*more: str) -> subprocess.Popen:
    return subprocess.Popen(
        command(*more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


LONG = ("--epochs", "120", "--jobs", "2", "--journal", "j")


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc to look for processes")
@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_keeps_what_is_finished(linclf, in_tmp, number: int, code: int, word: str) -> None:
    """Sent to the whole group, as a terminal does; SIGTERM to the parent alone."""
    Path("t.csv").write_text("of yesterday")
    process = started(*LONG, "--csv", "t.csv")
    assert until(lambda: os.path.exists("j") and Path("j").read_bytes().count(b"\n") > 4)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code
    finished = Path("j").read_bytes().count(b"\n") - 1
    where = f"after {finished} of 24 configurations; rerun the same command to continue from the journal; no file was written"
    assert err == f"error: {word} {where}\n"
    assert Path("t.csv").read_text() == "of yesterday"
    assert "best       0." in out
    assert not alive(process.pid)


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc to look for processes")
def test_kill_9_loses_no_more_than_the_stacks_that_were_running(linclf, in_tmp) -> None:
    arguments = [word for word in MANY[1:] if word not in ("--epochs", "8")]
    line = " ".join(["sweep", *arguments, "--epochs 60 --jobs 2 --json"])
    undisturbed = rows(linclf(line))
    rng, finished = random.Random(0), 0
    for _ in range(3):
        process = started("--epochs", "60", "--jobs", "2", "--journal", "j")
        time.sleep(rng.uniform(0.3, 0.9))
        process.kill()
        process.communicate(timeout=30)
        lines = Path("j").read_bytes().count(b"\n") if os.path.exists("j") else 0
        assert lines >= finished
        finished = lines
        assert until(lambda group=process.pid: not alive(group), 10)
    ran = linclf(line, "--journal", "j")
    assert rows(ran) == undisturbed


@pytest.mark.skipif(
    not os.path.exists(f"/proc/self/task/{os.getpid()}/children"), reason="needs /proc to look for children"
)
def test_a_killed_process_is_one_line(in_tmp) -> None:
    process = started(*LONG)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    assert until(lambda: len(children.read_text().split()) == 2)
    os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 4
    assert out.startswith("data       digits")  # the table so far
    assert err.endswith(
        "error: a process of this sweep was killed, perhaps because memory ran out; run it again with fewer --jobs, and with --journal FILE to save finished rows\n"
    )
    assert not alive(process.pid)


def fails(task: int):
    yield task
    raise ValueError(f"task {task}")


def test_what_a_process_raises_is_raised_here() -> None:
    for jobs in (1, 2):
        messages = workers.run_parallel(fails, [3, 4, 5], jobs)
        with pytest.raises(ValueError, match="task [34]"):
            list(messages)
    assert dict(itertools.islice(workers.run_parallel(fails, [3, 4], 2), 1)).keys() <= {3, 4}


def test_rows_come_back_from_a_journal_as_they_were(in_tmp) -> None:
    kept = Row(
        {"reg": 1e-05, "loss": "svm", "class_weight": None},
        "halved",
        7,
        0.1 + 0.2,
        None,
        1 / 3,
        1e-300,
        folds=({"score": 0.3},),
    )
    options = [kept.options] * 5
    with open_journal("j", {"a": (1, 2)}, options) as journal:
        journal.add({4: kept})
        journal.add({4: kept, 2: kept})
        code = "from linclf.sweep.journal import open_journal; open_journal('j', {'a': [1, 2]}, []).__enter__()"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert "AccessError: j: another sweep is writing it" in other.stderr
    with open_journal("j", {"a": [1, 2]}, options) as journal:
        assert journal.rows == {4: kept, 2: kept}
    assert Path("j").read_bytes().count(b"\n") == 3
