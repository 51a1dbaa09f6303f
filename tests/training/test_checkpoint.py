"""A run that goes on from a checkpoint has the bits of one that never stopped; a checkpoint of another run is refused."""

import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from linclf.data.source import Source
from linclf.errors import AccessError, DivergedError, InputError
from linclf.losses import LOSSES
from linclf.optim.settings import SCHEDULES, SGDSettings
from linclf.optim.sgd import SGD
from linclf.storage.sealed import seal, unseal
from linclf.training import checkpoint
from linclf.training import fit as fitting
from linclf.training.checkpoint import check_same, differences
from linclf.training.inputs import load_split, run_fingerprint
from linclf.training.observer import Observer
from linclf.training.options import TrainOptions
from linclf.training.train import train

DATA = Path(__file__).parents[2] / "data"


@pytest.mark.parametrize("fit_bias", [True, False])
@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_engine_goes_on_from_a_state_to_the_same_bits(
    loss, layout, dtype, problem, momentum: float, average: bool, fit_bias: bool
) -> None:
    """From every epoch, on both sides of where averaging begins."""
    X, y, n_classes = problem
    X, m = layout(X.astype(dtype)), loss.n_outputs(n_classes)
    schedule = sorted(SCHEDULES)[(momentum > 0) + 2 * average]
    sgd = SGDSettings(0.3, 0.1, 7, 9, momentum, schedule, average, fit_bias)
    run, states = [], []
    engine = SGD(loss, X, y, m, sgd)
    for epoch in engine.epochs():
        run.append(epoch)
        states.append(engine.state())
    for k in (0, 2, 3, 5):
        engine = SGD(loss, X, y, m, sgd)
        engine.resume(states[k])
        rest = list(engine.epochs())
        assert [epoch.number for epoch in rest] == list(range(k + 2, 8))
        for one, other in zip(run[k + 1 :], rest, strict=True):
            assert (one.W.tobytes(), one.b.tobytes()) == (other.W.tobytes(), other.b.tobytes())
            assert (one.lr, one.objective_estimate) == (other.lr, other.objective_estimate)


OPTIONS = {
    "plain": "iris --loss softmax --epochs 40",
    "stopping": "digits --loss svm --epochs 40 --val 0.2 --patience 8",
    "chosen": "wine --loss softmax --epochs 40 --val 0.2 --val-metric roc-auc --patience 30",
    "averaged": f"{DATA}/wine.svm --loss hinge --scale maxabs --epochs 40 --average --schedule cosine",
    "calibrated": "wine --loss logistic --epochs 40 --calibrate sigmoid --class-weight balanced --dtype float64",
    "certified": "iris --loss mse --epochs 40 --certify 0.01",
    "diverging": f"{DATA}/titanic.csv --target survived --loss squared-hinge --epochs 40 --scale none",
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_any_checkpoint_of_a_run_leads_to_its_model(linclf, in_tmp, options: str) -> None:
    saved, save = [], checkpoint.Checkpoint.save

    def and_keep(self, path, run) -> None:
        save(self, path, run)
        saved.append(f"c{len(saved)}")
        shutil.copy(path, saved[-1])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint.Checkpoint, "save", and_keep)
        ran = linclf(f"train {options} -o whole --checkpoint c --history h -q")
    assert ran.code == 0, ran.err
    for name in (saved[0], saved[len(saved) // 2], saved[-1]):
        shutil.copy("h", "g")
        ran = linclf(f"train {options} -o m --resume {name} --history g -q")
        assert ran.code == 0, ran.err
        assert Path("m").read_bytes() == Path("whole").read_bytes()
        one, other = (
            [{k: x for k, x in json.loads(line).items() if k != "seconds"} for line in Path(h).read_text().splitlines()]
            for h in ("g", "h")
        )
        assert one == other


def diverging(times: int):
    """An engine whose objective explodes in epoch 4, this many times."""
    left = itertools.count(-times)

    class Diverging(SGD):
        def run_epoch(self):
            epoch = super().run_epoch()
            if epoch.number == 4 and next(left) < 0:
                return replace(epoch, objective_estimate=1e9 * epoch.objective_estimate, W=1e9 * epoch.W)
            return epoch

    return Diverging


class Collecting(Observer):
    """Collects the checkpoints of a run."""

    wants_checkpoints = True

    def __init__(self) -> None:
        self.checkpoints: list[checkpoint.Checkpoint] = []

    def on_checkpoint(self, checkpoint) -> None:
        self.checkpoints.append(checkpoint)


def checkpoints_of(options, split) -> list[checkpoint.Checkpoint]:
    observer = Collecting()
    train(options, split, observer)
    return observer.checkpoints


def test_a_divergence_is_rolled_back_to_the_last_good_epoch(linclf, in_tmp, monkeypatch) -> None:
    line = "train digits --loss softmax --epochs 8 --json"
    lr = json.loads(linclf(line))["lr"]
    for times, slower in enumerate(fitting.RATE_DIVISORS, 1):
        monkeypatch.setattr(fitting, "SGD", diverging(times))
        ran = linclf(line, "--history", "h", "-o", "m")
        result = json.loads(ran)
        assert (ran.code, result["retries"], result["lr"]) == (0, times, lr / slower)
        assert ran.err.count("note: training diverged in epoch 4 at lr") == times
        assert f"continuing from epoch 3 at lr {lr / slower:.3g}" in ran.err
        assert [json.loads(row)["epoch"] for row in Path("h").read_text().splitlines()] == list(range(1, 9))
        assert result["accuracy"]["test"] > 0.9
        monkeypatch.setattr(fitting, "SGD", diverging(times))
        assert f"(auto: 1/{slower} of the first rate, which diverged)" in linclf(line.replace(" --json", ""))
    monkeypatch.setattr(fitting, "SGD", diverging(99))
    ran = linclf(line, "-o", "never")
    assert ran.code == 3
    assert "lower rates did not help" in ran.err
    assert not Path("never").exists()


def test_a_divergence_goes_on_to_the_same_bits_from_a_checkpoint_before_it(linclf, in_tmp, monkeypatch) -> None:
    line = "train digits --loss softmax --epochs 8 -q"
    monkeypatch.setattr(fitting, "SGD", diverging(1))
    assert linclf(line, "-o", "whole").code == 0
    options = TrainOptions(loss="softmax", epochs=8)
    parts = load_split(options)
    monkeypatch.setattr(fitting, "SGD", diverging(1))
    kept = checkpoints_of(options, parts)
    assert [(one.state.number, one.retries) for one in kept] == [(k, 0) for k in (1, 2, 3)] + [
        (k, 1) for k in range(4, 9)
    ]
    for place, times in ((1, 1), (3, 0), (7, 0)):
        kept[place].save("c", run_fingerprint(options, parts))
        monkeypatch.setattr(fitting, "SGD", diverging(times))
        assert linclf(line, "-o", "m", "--resume", "c").code == 0
        assert Path("m").read_bytes() == Path("whole").read_bytes()


def test_sound_runs_are_not_rolled_back() -> None:
    """What is grown, and what is better than nothing, is far from what sound runs do."""
    for loss in LOSSES:
        for data in ("digits", "wine", "make:moons:n_samples=300"):
            options = TrainOptions(Source(data), loss=loss, epochs=20)
            assert train(options, load_split(options)).result.retries == 0


def test_never_all_zeros_where_zero_is_not_the_optimum(linclf, in_tmp) -> None:
    ran = linclf("train iris --lr 1e-60 -o m")
    assert ran.code == 3
    assert "training never left zero weights: lr 1e-60 is too small; lr" in ran.err
    assert not Path("m").exists()


def test_another_run_is_refused_with_what_differs(linclf, in_tmp) -> None:
    shutil.copy(DATA / "iris.csv", "a.csv")
    line = "train %s --target species --epochs 5 -q %s"
    assert linclf(line % ("a.csv", "--checkpoint c")).code == 0
    shutil.copy("a.csv", "b.csv")
    assert linclf(line % ("./b.csv", "--resume c")).code == 0  # the same data elsewhere
    for data, more, message in (
        ("a.csv", "--loss svm", 'another run: options loss was "softmax", now it is "svm"'),
        ("a.csv", "--epochs 6", "another run: options epochs was 5, now it is 6"),
        ("a.csv", "--seed 1", "another run: options seed was 0, now it is 1"),
        ("a.csv", "--val 0.1", 'another run: options val was null, now it is "0.1"'),
        ("changed.csv", "", "c: is the checkpoint of other data: data data was"),
    ):
        Path("changed.csv").write_text(Path("a.csv").read_text().replace("5.1", "5.2", 1))
        ran = linclf(line % (data, f"--resume c {more}"))
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        assert message in ran.err
        assert "give the same data and options" in ran.err


def test_a_loss_of_ones_own_that_changed_is_another_run(linclf, in_tmp) -> None:
    source = (
        "import numpy as np\nfrom linclf import Loss\n"
        "def f(scores, y):\n    d = scores - np.eye(scores.shape[1])[y]\n    return (d * d).sum(axis=-1), 2 * d\n"
        "mine = Loss('mine', f, '', '')\n"
    )
    Path("squared.py").write_text(source)
    line = "train iris --loss squared.py:mine --epochs 3 -q"
    ran = linclf(line, "--checkpoint", "c")
    assert ran.code == 0, ran.err
    assert linclf(line, "--resume", "c").code == 0
    Path("squared.py").write_text(source.replace("(d * d)", "(d ** 2)"))
    assert "options loss_digest was" in linclf(line, "--resume", "c").err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("--resume none", "none: there is no such file"),
        ("--resume m", "m: is not a checkpoint of linclf"),
        ("--resume text", "text: is not a checkpoint of linclf"),
        ("--resume cut", "cut: is "),
        ("--checkpoint -", "a checkpoint is a file that is written again and again"),
        ("--every 3", "--every is the number of epochs between checkpoints; give --checkpoint FILE too"),
        ("--checkpoint no/where", "there is no directory no"),
        ("--checkpoint x -o x", "x: is also a file"),
        ("--checkpoint y --resume c -o c", "c: is also a file that this command reads"),
    ],
)
def test_wrong_use(linclf, in_tmp, more: str, message: str) -> None:
    assert linclf("train iris --epochs 2 -q -o m --checkpoint c").code == 0
    Path("text").write_text("hello")
    Path("cut").write_bytes(Path("c").read_bytes()[:-1])
    ran = linclf(f"train iris --epochs 2 -q {more}")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert message in ran.err
    assert "is not a model file of linclf" in linclf("info c").err


def test_forged_checkpoints_are_refused(linclf, in_tmp) -> None:
    """Whose digest fits: the fuzzer makes more of them."""
    assert linclf("train iris --epochs 3 --val 0.2 -q --checkpoint c").code == 0
    content = Path("c").read_bytes()

    def forged(change) -> None:
        record, tensors = unseal(checkpoint.METADATA, content, "c", "a checkpoint")
        change(record, tensors)
        Path("f").write_bytes(seal(checkpoint.METADATA, record, tensors))

    standing = [("number", x) for x in ("3", 2.5, None, -5, 0, 10**6)]
    standing += [
        ("best_accuracy", None),
        ("best_score", "x"),
        ("seconds", "x"),
        ("seconds", -1),
        ("best", 4),
        ("improved", None),
    ]
    changes = [lambda r, _, k=k, x=x: r["standing"].update({k: x}) for k, x in standing]
    whole = [("lr", None), ("lr", "auto"), ("lr", -1), ("lr", []), ("why", []), ("why", {"lr": 3}), ("retries", 99)]
    whole += [
        ("val_metric", "auc"),
        ("val_metric", 3),
        ("val_metric", "top-5-accuracy"),
        ("retries", -9),
        ("retries", "x"),
        ("generator", {}),
        ("generator", None),
        ("iterate", {}),
        ("format", 0),
    ]
    changes += [lambda r, _, k=k, x=x: r.update({k: x}) for k, x in whole]
    changes += [
        lambda r, _, x=x: r["generator"].update(state=x) for x in ({"state": -1, "inc": 1}, "x", {"state": 2**200})
    ]
    iterate = [("averaging", True), ("averaged", 7.5), ("scale", "x"), ("scale", None), ("penalty_rate", 1e400)]
    changes += [lambda r, _, k=k, x=x: r["iterate"].update({k: x}) for k, x in iterate if x != 1e400]
    arrays = [
        ("standing.W", np.zeros((2, 2))),
        ("standing.best_b", np.zeros(7)),
        ("iterate.U", np.full((5, 3), np.nan)),
    ]
    arrays += [("iterate.U", np.zeros((2, 2), np.float32)), ("iterate.U", np.zeros((5, 3), np.int8))]
    changes += [lambda _, t, k=k, x=x: t.update({k: x.astype(x.dtype)}) for k, x in arrays]
    changes += [lambda _, t, k=k: t.pop(k) for k in ("iterate.U", "iterate.velocity", "standing.W")]
    for number, change in enumerate(changes):
        forged(change)
        ran = linclf("train iris --epochs 3 --val 0.2 -q --resume f")
        assert (ran.code, ran.err.count("\n")) == (2, 1), (number, ran.err)


def test_a_checkpoint_that_cannot_be_written_costs_a_note_and_not_the_run(linclf, in_tmp, monkeypatch) -> None:
    def full(*_) -> None:
        raise AccessError("c: could not be written: No space left on device; nothing was changed")

    monkeypatch.setattr(checkpoint, "write_bytes", full)
    ran = linclf("train iris --epochs 3 -q --checkpoint c -o m")
    assert ran.code == 0
    assert "note: c: could not be written: No space left on device; nothing was changed; training continues" in ran.err
    assert Path("m").exists()


def test_what_differs_is_named() -> None:
    assert differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}) == [("a c", "2", "3")]
    assert differences({"a": 1}, {"a": 1}) == []
    check_same("c", {"x": [1, 2]}, {"x": (1, 2)})
    with pytest.raises(InputError, match="c: is the checkpoint of another run: x was 1, now it is 2"):
        check_same("c", {"x": 1}, {"x": 2})


@pytest.mark.parametrize(
    ("before", "epochs_left"),
    [
        ("", [3, 4, 5]),
        ('{"epoch": 1}\n{"epoch": 2}\n{"epoch": 3}\n{"epo', [1, 2, 3, 4, 5]),
        ('{"epoch": 2}\n', [2, 3, 4, 5]),
    ],
)
def test_a_history_goes_on_where_its_run_does(linclf, in_tmp, before: str, epochs_left: list[int]) -> None:
    options = TrainOptions(Source("iris"), epochs=5)
    parts = load_split(options)
    kept = checkpoints_of(options, parts)
    kept[1].save("c", run_fingerprint(options, parts))
    Path("h").write_text(before)
    ran = linclf("train iris --epochs 5 -q --resume c --history h")
    assert ran.code == 0, ran.err
    assert [json.loads(line)["epoch"] for line in Path("h").read_text().splitlines()] == epochs_left
    Path("h").write_text("not mine\n")
    ran = linclf("train iris --epochs 5 -q --resume c --history h")
    assert (ran.code, Path("h").read_text()) == (2, "not mine\n")
    assert "h: is not a history of linclf train; give --history another name" in ran.err


def test_a_rate_that_diverges_names_one_that_works(linclf) -> None:
    ran = linclf("train digits --loss svm --lr 100")
    assert ran.code == 3
    assert "training diverged in epoch 1 at lr 100: the objective is" in ran.err
    assert "; lr 0.0459 works, and so does auto" in ran.err
    options = TrainOptions(Source("iris"), lr=1e30, epochs=3)

    class Interrupt(Observer):
        def on_epoch(self, progress) -> None:
            raise KeyboardInterrupt

    with pytest.raises(DivergedError, match="works, and so does auto"):
        train(options, load_split(options), Interrupt())  # it diverges before its first epoch ends
