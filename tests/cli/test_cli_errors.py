import io
import json
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from linclf.cli import COMMANDS, main
from linclf.model.linear_model import load

DATA = Path(__file__).parents[2] / "data"
IRIS, WINE = f"{DATA}/iris.csv --target species", f"{DATA}/wine.svm"
COMMAND = [sys.executable, "-m", "linclf"]


def run(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, **options)


# --- what goes wrong -----------------------------------------------------------------------------------------------


WRONG = [
    ("train digit", 2, "digit: there is no data set and no file of this name; did you mean digits?"),
    ("train nothing.csv", 2, "nothing.csv: there is no such file"),
    (
        f"train {DATA}/iris.csv",
        2,
        "iris.csv: has no column named target, label, class or y; choose the label column with --target",
    ),
    (f"train {DATA}/iris.csv --target sepal", 2, "has no column 'sepal'"),
    ("train inf.csv", 2, "inf.csv:3: the cell in column 'a' is too large for a number; fix it, or --drop the column"),
    ("train strings.csv --numeric b", 2, "strings.csv: column 'b' holds no number; leave out --numeric b"),
    ("train strings.csv --text d", 2, "strings.csv: --text d: there is no such column"),
    ("train strings.csv --text b --drop b", 2, "column 'b' is named by more than one of --drop, --numeric, --category"),
    ("train strings.csv --min-count 0", 2, "min-count is 0; give a whole number of rows >= 1"),
    ("train nan.svm", 2, "nan.svm:2: '1:nan': the value is not a finite number"),
    ("train one.csv", 2, "one.csv: all 4 rows have the label 'x'; a classifier needs at least two classes"),
    ("train iris --reg -1", 2, "reg is -1.0; give a finite number >= 0"),
    ("train iris --reg inf", 2, "reg is inf"),
    ("train iris --lr 0", 2, "lr is 0.0; give a finite number > 0, or auto"),
    ("train iris --lr fast", 2, "'fast' is not a number or auto; see linclf train --help"),
    ("train iris --epochs 1.5", 2, "'1.5' is not a whole number or auto"),
    ("train iris --batch-size 0", 2, "batch-size is 0; give a whole number >= 1"),
    ("train iris --loss svmm", 2, "'svmm' is not one of 'svm', 'softmax'"),
    ("train iris --los svm", 2, "No such option '--los'"),
    ("train iris --patience 2", 2, "--patience needs validation rows; give --val"),
    ("train iris --no-bias --reg-bias", 2, "--reg-bias needs a bias; leave out --no-bias"),
    ("train iris --test 1", 2, "--test is 1; give a fraction >= 0 and < 1"),
    ("train iris --target y", 2, "--target, --drop, --format and other data options are for files"),
    (f"train {WINE} --scale standard", 2, "would make sparse data dense"),
    ("train iris -o no/such/m", 2, "no/such/m: there is no directory no/such; create it first"),
    ("train iris -o .", 2, ".: is a directory; give a file name"),
    ("train iris -o - --json", 2, "cannot both go to stdout"),
    ("train big.csv --scale none", 2, "a has 1e+300, beyond float32; use --scale standard or maxabs"),
    ("train iris --lr 1e10 --scale none", 3, "training diverged"),
    ("train iris -o /dev/full", 4, "/dev/full: could not be written: No space left on device"),
    ("train -", 2, "-: is empty"),
    ("train small.svm --loss hinge", 2, "all numbers are too small for float32 and would become 0"),
    ("train iris --lr 1e-60", 3, "training never left zero weights: lr 1e-60 is too small"),
    ("train big.svm --scale none --dtype float64", 2, "too large to train on"),
    ("train iris --patience 2 --val 0", 2, "--patience needs validation rows; give --val"),
    ("evaluate m --target nope", 2, "other data options describe DATA; give DATA"),
    ("train one.csv -o one.csv", 2, "one.csv: is also a file that this command reads or writes otherwise"),
    ("train iris -o x --history x", 2, "x: is also a file that this command reads or writes otherwise"),
    ("train iris --test one.csv --history ./one.csv", 2, "./one.csv: is also a file that this command reads"),
    ("predict m iris -o m", 2, "m: is also a file that this command reads"),
    ("train iris --history -", 2, "the history cannot go to stdout"),
    (f"train {WINE} --test strings.csv", 2, "has 3 feature columns, the model was trained on 13"),
    (f"train {WINE} --target x", 2, "is read as svmlight, which has no use for --target"),
    ("predict iris iris", 2, "iris: there is no such file"),
    (f"predict {DATA}/iris.csv iris", 2, "iris.csv: is not a model file of linclf"),
    ("predict m wine", 2, "wine: lacks 4 of the 4 columns of the training data: sepal length (cm), "),
    (
        "predict m make:blobs",
        2,
        "make:blobs: has 2 feature columns, the model was trained on 4, and they are matched by",
    ),
    ("predict m strings.csv", 2, "strings.csv: lacks 4 of the 4 columns of the training data: sepal length"),
    ("evaluate m nothing.npz", 2, "nothing.npz: there is no such file"),
    ("evaluate m iris --part test", 2, "iris: has no predefined test part"),
    ("evaluate all", 2, "the model was trained on all of iris, without a test part; give DATA, or --part train"),
    ("info m --what", 2, "No such option '--what'"),
    ("sing", 2, "No such command 'sing'"),
]


@pytest.mark.parametrize(("line", "code", "message"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_errors_are_one_line_that_says_what_where_and_what_to_do(
    linclf, in_tmp, monkeypatch, line, code, message
) -> None:
    (in_tmp / "strings.csv").write_text("a,b,c,label\n1,u,2,x\n2,v,w,y\n3,u,4,x\n4,v,5,y\n")
    (in_tmp / "inf.csv").write_text("a,label\n1,x\ninf,y\n")
    (in_tmp / "nan.svm").write_text("1 1:2\n-1 1:nan\n")
    (in_tmp / "one.csv").write_text("a,label\n1,x\n2,x\n3,x\n4,x\n")
    (in_tmp / "small.svm").write_text("1 1:1e-60\n2 2:1e-60\n" * 5)
    (in_tmp / "big.svm").write_text("1 1:1e160\n2 2:1e160\n" * 5)
    (in_tmp / "big.csv").write_text("a,label\n" + "1e300,x\n2,y\n" * 5)
    assert linclf("train iris -o m").code == linclf("train iris --test 0 -o all").code == 0
    before = (in_tmp / "m").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    ran = linclf(line)
    assert (ran.code, str(ran)) == (code, "")
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert message in ran.err
    assert (in_tmp / "m").read_bytes() == before
    assert not [name for name in os.listdir() if name.endswith(".tmp")]


def test_a_bug_shows_a_traceback(in_tmp) -> None:
    program = "import linclf.data.readers.named as n; n.available_offline = None; from linclf.cli import main; main(['datasets'])"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 1
    assert "Traceback" in ran.stderr


def test_help_of_each_command_opens_with_examples(linclf) -> None:
    for name in [*COMMANDS, "cache ls", "cache clear"]:
        ran = linclf(f"{name} -h")
        assert ran.code == 0
        assert f"linclf {name}" in ran.split("Options:")[0].split("\n", 2)[2]
        assert name not in COMMANDS or f"{name} " in linclf("--help")
    assert linclf("--version").startswith("linclf, version")
    assert linclf("").code == 2


def test_datasets(linclf) -> None:
    ran = linclf("datasets")
    assert all(name in ran for name in ("digits", "covtype", "make:KIND", "openml:NAME"))
    assert {entry["name"] for entry in json.loads(linclf("datasets --json"))["datasets"]} >= {"digits", "rcv1"}


# --- signals, pipes and terminals ----------------------------------------------------------------------------------


def test_a_signal_while_the_model_is_measured_does_not_cost_it(linclf, in_tmp, monkeypatch) -> None:
    from linclf.training import fit as fitting

    measure, calls = fitting.divergence_reason, []

    def interrupted_once(*arguments, **more):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return measure(*arguments, **more)

    monkeypatch.setattr(fitting, "divergence_reason", interrupted_once)
    ran = linclf("train iris --epochs 20 -o m")
    assert (ran.code, len(calls)) == (130, 2)
    assert load("m").record["metrics"]["interrupted"]


def test_the_bar_shows_epoch_objective_and_validation_accuracy_on_a_terminal_only(in_tmp) -> None:
    def on_terminal(**environment: str) -> str:
        parent, child = pty.openpty()
        termios.tcsetwinsize(child, (24, 120))
        line = [*COMMAND, "train", "digits", "--val", "0.2", "--epochs", "400"]
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=child, env={**os.environ, **environment})
        os.close(child)
        shown = b""
        while True:
            try:
                chunk = os.read(parent, 65536)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            shown += chunk
        os.close(parent)
        assert process.wait() == 0
        return shown.decode()

    shown = on_terminal()
    assert "/400" in shown
    assert "objective=" in shown
    assert "val=" in shown
    assert on_terminal(NO_COLOR="1") == ""


def test_interrupted_while_modules_load_and_with_closed_streams(in_tmp) -> None:
    program = "import builtins, linclf.__main__ as m\ndef boom(*_, **__): raise KeyboardInterrupt\n"
    program += "builtins.__import__ = boom\nm.run()"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (130, "")
    for closed in (">&-", "2>&-"):
        line = f"{' '.join(COMMAND)} train iris -o m {closed}"
        ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
        assert (ran.returncode, ran.stderr) == (0, "")


def test_main_can_be_called_from_a_thread(capfd) -> None:
    from threading import Thread

    codes: list[int] = []
    thread = Thread(target=lambda: codes.append(main(["datasets"])))
    thread.start()
    thread.join()
    assert codes == [0]
