"""One fit: the best epoch, early stopping, divergence on both sides of its limits, lower rates, resuming."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import dump_svmlight_file

from linclf.data.source import Source
from linclf.data.split import Part
from linclf.errors import DivergedError, InputError
from linclf.losses import LOSSES
from linclf.model.metrics import METRICS
from linclf.optim.objective import Objective
from linclf.optim.sgd import SGD, Epoch
from linclf.storage.signals import FirstSignal
from linclf.training import fit as fitting
from linclf.training.checkpoint import Checkpoint, RunState
from linclf.training.finish import Finish, certify, planned_finish
from linclf.training.fit import (
    FitResult,
    Validation,
    ValidationScore,
    divergence_reason,
    fit,
    next_state,
    objective_at_zero,
    sgd_settings,
)
from linclf.training.inputs import load_split
from linclf.training.observer import EpochProgress, Observer
from linclf.training.options import TrainOptions
from linclf.training.train import train

RNG = np.random.default_rng(0)
Y = np.arange(30) % 3
X = RNG.standard_normal((30, 2)) + np.eye(3)[Y] @ [[2, 0], [0, 2], [-2, -2]]
ZERO = objective_at_zero(LOSSES["softmax"], Y, 3, None)


class Recorder(Observer):
    """Records all that a run tells, and its checkpoints; raises KeyboardInterrupt after some epochs."""

    wants_checkpoints = True

    def __init__(self, interrupted: tuple[int, ...] = ()) -> None:
        self.progress: list[EpochProgress] = []
        self.checkpoints: list[Checkpoint] = []
        self.notes: list[str] = []
        self.interrupted = interrupted

    def on_epoch(self, progress: EpochProgress) -> None:
        self.progress.append(progress)

    def on_checkpoint(self, checkpoint: Checkpoint) -> None:
        self.checkpoints.append(checkpoint)
        if checkpoint.state.number in self.interrupted:
            raise KeyboardInterrupt

    def on_note(self, note: str) -> None:
        self.notes.append(note)


def fitted(observer: Observer | None = None, *, X=X, resumed=None, stop=None, start=None, **options) -> FitResult:
    settings = TrainOptions(**{"loss": "softmax", "epochs": 6, "batch_size": 10, "reg": 1e-3, **options})
    return fit(X, Y, 3, settings, observer=observer, resumed=resumed, stop=stop, start=start)


def scripted(monkeypatch, *factors: float, unit: float = ZERO) -> None:
    """Let the estimates of the objective, one epoch after another, be these factors of that at zero weights; then as found."""
    left = list(factors)

    class Scripted(SGD):
        def run_epoch(self) -> Epoch:
            epoch = super().run_epoch()
            return replace(epoch, objective_estimate=np.float64(left.pop(0) * unit)) if left else epoch

    monkeypatch.setattr(fitting, "SGD", Scripted)


# the objective at zero weights


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_objective_at_zero_weights_equals_a_loop(loss, n_classes: int) -> None:
    y = np.array([0, 1, 1, 0, 1, *[n_classes - 1] * 4])
    m = loss.n_outputs(n_classes)
    for weights in (None, np.arange(9) + 0.5):
        total = 0.0
        for i, label in enumerate(y):
            total += (1 if weights is None else weights[i]) * float(loss(np.zeros((1, m)), np.array([label]))[0][0])
        expected = total / (9 if weights is None else weights.sum())
        assert objective_at_zero(loss, y, m, weights) == pytest.approx(expected, rel=1e-12)


# the best epoch and early stopping


def test_the_best_epoch_is_the_later_of_equals_and_improved_is_the_first_of_them() -> None:
    scores = [0.5, 0.7, 0.7, 0.6, 0.7, 0.8, 0.1]
    expected = [(1, 1), (2, 2), (3, 2), (3, 2), (5, 2), (6, 6), (6, 6)]
    best_of_all = [0.5, 0.7, 0.7, 0.7, 0.7, 0.8, 0.8]
    for metric, sign in (("accuracy", 1), ("log-loss", -1)):
        found = states(metric, [sign * x for x in scores])
        assert [(state.best, state.improved) for state in found] == expected
        assert [state.best_score for state in found] == [sign * x for x in best_of_all]
        assert [state.best_accuracy for state in found] == [
            state.best / 100 for state in found
        ]  # that of the best epoch


def test_an_epoch_whose_score_is_undefined_is_worse_than_any_other() -> None:
    found = states("log-loss", [None, None, 7.0, math.nan, None, 9.0, 7.0])
    assert [(state.best, state.improved) for state in found] == [(1, 1), (2, 1), (3, 3), (3, 3), (3, 3), (3, 3), (7, 3)]
    assert found[1].best_score is None


def states(metric: str, scores: list[float | None]) -> list[RunState]:
    """The states of a run whose epochs have these scores."""
    found, state = [], None
    for number, score in enumerate(scores, 1):
        W, b = np.full((2, 3), number), np.full(3, -number)
        val = ValidationScore(METRICS[metric], number / 100, score)
        state = next_state(state, Epoch(number, 0.1, np.float64(1), np.bool_(True), W, b), val, 2.0 * number)
        assert (state.number, state.seconds) == (number, 2.0 * number)
        assert (state.W[0, 0], state.b[0]) == (number, -number)
        assert (state.best_W[0, 0], state.best_b[0]) == (state.best, -state.best)
        found.append(state)
    return found


def test_without_validation_rows_the_last_epoch_is_the_best() -> None:
    state = None
    for number in (1, 2, 3):
        epoch = Epoch(number, 0.1, np.float64(1), np.bool_(True), np.full((2, 3), number), np.zeros(3))
        state = next_state(state, epoch, None, 1.0)
        assert (state.best, state.improved, state.best_accuracy, state.best_W[0, 0]) == (number, number, -1, number)
        assert state.best_score is None


def validated(
    observer: Observer, val: Validation, patience: int | None, resumed: Checkpoint | None = None
) -> FitResult:
    options = TrainOptions(loss="softmax", epochs=6, batch_size=10, reg=1e-3, val="0.2", patience=patience)
    return fit(X, Y, 3, options, val=val, observer=observer, resumed=resumed)


@pytest.mark.parametrize("metric", ["accuracy", "log-loss"])
@pytest.mark.parametrize(
    ("patience", "scores", "last", "best"),
    [
        (2, [0.5, 0.6, 0.6, 0.6, 0.9], 4, 4),  # equals are no improvement, but the later one is returned
        (3, [0.5, 0.6, 0.6, 0.6, 0.5, 0.9], 5, 4),
        (1, [0.5, 0.5, 0.9], 2, 2),
        (2, [0.5, 0.4, 0.6, 0.5, 0.7, 0.6], 6, 5),
        (9, [0.9, 0.1, 0.2, 0.3, 0.2, 0.1], 6, 1),
        (None, [0.9, 0.1, 0.2, 0.3, 0.2, 0.1], 6, 1),
    ],
)
def test_patience_counts_the_epochs_since_the_last_improvement(
    monkeypatch, patience: int | None, scores: list[float], last: int, best: int, metric: str
) -> None:
    scores = [-x for x in scores] if metric == "log-loss" else scores
    left = iter(scores)
    monkeypatch.setattr(Validation, "score", lambda val, *_: ValidationScore(val.metric, 0.5, next(left)))
    recorder, val = Recorder(), Validation(Part(X, Y), METRICS[metric])
    result = validated(recorder, val, patience)
    assert (result.epochs_run, result.best_epoch) == (last, best)
    assert [one.val_score for one in recorder.progress] == scores[:last]
    assert [one.val_accuracy for one in recorder.progress] == [0.5] * last
    assert {one.val_metric for one in recorder.checkpoints} == {metric}
    np.testing.assert_array_equal(result.W, recorder.checkpoints[best - 1].state.W)
    # a run that early stopping has ended trains nothing more
    again = Recorder()
    resumed = validated(again, val, patience, resumed=recorder.checkpoints[-1])
    assert (resumed.epochs_run, resumed.best_epoch, again.progress) == (last, best, [])


# divergence


def test_the_objective_may_grow_a_hundredfold_and_no_more(monkeypatch) -> None:
    scripted(monkeypatch, 100, 99.9)
    assert fitted(lr=0.1).epochs_run == 6
    scripted(monkeypatch, 0.5, 100.01)
    with pytest.raises(
        DivergedError, match=r"diverged in epoch 2 at lr 0.1: the objective is 110, and 1.1 at zero weights"
    ):
        fitted(lr=0.1)
    scripted(monkeypatch, 0.5, 1e9)
    start = np.zeros((2, 3)), np.zeros(3)
    assert fitted(lr=0.1, start=start).epochs_run == 6  # not compared with zero weights


@pytest.mark.parametrize(("factor", "where"), [(1.1, "continuing from epoch 1"), (1.1001, "starting again")])
def test_a_divergence_is_rolled_back_to_an_epoch_that_is_little_worse_than_zero_weights(
    monkeypatch, factor: float, where: str
) -> None:
    rate = fitted().settings.lr
    scripted(monkeypatch, factor, 2, 101)
    recorder = Recorder()
    result = fitted(recorder)
    assert recorder.notes == [
        f"training diverged in epoch 3 at lr {rate:.3g}: the objective is 111, and 1.1 at zero weights; "
        f"{where} at lr {rate / 2:.3g}"
    ]
    assert (result.retries, result.settings.lr, result.epochs_run) == (1, rate / 2, 6)
    assert [one.epoch for one in recorder.progress] == [1, 2, *range(2 if "continuing" in where else 1, 7)]
    assert result.why["lr"] == "auto: 1/2 of the first rate, which diverged"


def test_each_divergence_continues_at_a_lower_rate_until_there_is_none_left(monkeypatch) -> None:
    rate = fitted().settings.lr
    for times, divisor in enumerate((2, 8, 64, 1024), 1):
        scripted(monkeypatch, *[101] * times)
        result = fitted()
        assert (result.retries, result.settings.lr) == (times, rate / divisor)
    scripted(monkeypatch, *[101] * 5)
    with pytest.raises(DivergedError, match=f"diverged in epoch 1 at lr {rate / 1024:.3g}"):
        fitted()


@pytest.mark.parametrize("retries", [0, 1, 2, 3, 4])
def test_a_resumed_run_that_diverges_continues_with_the_next_divisor_of_the_first_rate(
    monkeypatch, retries: int
) -> None:
    rate, divisors = fitted().settings.lr, (1, 2, 8, 64, 1024)
    scripted(monkeypatch, *[101] * retries)
    recorder = Recorder()
    fitted(recorder)
    (saved,) = (one for one in recorder.checkpoints if one.state.number == 3)
    assert (saved.retries, saved.lr) == (retries, rate / divisors[retries])
    scripted(monkeypatch, 0.5, 101)
    if retries == 4:
        with pytest.raises(DivergedError, match="diverged in epoch 5"):
            fitted(resumed=saved)
        return
    result = fitted(resumed=saved)
    assert (result.retries, result.epochs_run) == (retries + 1, 6)
    assert result.settings.lr == pytest.approx(rate / divisors[retries + 1], rel=1e-12)


def test_what_a_run_has_learned_is_compared_with_zero_weights() -> None:
    objective, W = Objective(LOSSES["softmax"], 0.0), np.ones((2, 3))

    def reason(reached: float, W: np.ndarray = W, y: np.ndarray = Y, weights: np.ndarray | None = None) -> str | None:
        return divergence_reason(objective, reached, W, np.zeros(3), 0.25, X=X, y=y, weights=weights)

    assert reason(0.5) is reason(1.1 * ZERO) is None
    worse = "training diverged at lr 0.25: the objective is 1.22, and 1.1 at zero weights"
    assert reason(1.11 * ZERO) == worse
    assert "the objective is nan" in reason(np.nan)
    assert reason(ZERO, np.zeros((2, 3))) == "training never left zero weights: lr 0.25 is too small"
    assert reason(ZERO, np.zeros((2, 3)), weights=np.where(np.arange(30) < 3, 1.0, 0.0)) is not None
    # where zero weights are the optimum, a run may end there
    nothing, W = np.zeros((30, 2)), np.zeros((2, 3))
    assert divergence_reason(objective, ZERO, W, np.zeros(3), 0.25, X=nothing, y=Y, weights=None) is None


@pytest.mark.parametrize("factor", [-50, 50], ids=["data loss", "penalty"])
def test_a_run_that_ends_worse_than_zero_weights_starts_again_at_a_lower_rate(monkeypatch, factor: float) -> None:
    """Its estimates are good, but the objective of its weights is not."""

    class Exploding(SGD):
        left = 1

        def run_epoch(self) -> Epoch:
            epoch = super().run_epoch()
            if epoch.number == 6 and Exploding.left:
                Exploding.left -= 1
                return replace(epoch, W=factor * epoch.W)
            return epoch

    monkeypatch.setattr(fitting, "SGD", Exploding)
    recorder = Recorder()
    result = fitted(recorder)
    assert result.retries == 1
    assert "starting again at lr" in recorder.notes[0]
    Exploding.left = 1
    with pytest.raises(DivergedError, match="training diverged at lr 0.1: the objective is"):
        fitted(lr=0.1)
    Exploding.left = 1
    assert fitted(lr=0.1, start=(np.zeros((2, 3)), np.zeros(3))).retries == 0  # not compared with zero weights


# signals and checkpoints


def test_a_first_signal_ends_a_run_with_what_there_is_and_a_second_one_aborts_it() -> None:
    stop, recorder = FirstSignal(), Recorder((3,))
    result = fitted(recorder, stop=stop)
    assert isinstance(stop.signal, KeyboardInterrupt)
    assert (result.epochs_run, result.best_epoch) == (3, 3)
    np.testing.assert_array_equal(result.W, recorder.checkpoints[2].state.W)
    with pytest.raises(KeyboardInterrupt):
        fitted(Recorder((1,)), stop=stop)  # the signal before was the first
    assert fitted(Recorder((2,))).epochs_run == 2


def test_a_signal_before_the_first_epoch_leaves_nothing_to_return() -> None:
    class Impatient(Observer):
        def on_epoch(self, progress: EpochProgress) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(Impatient())


def test_seconds_and_progress_continue_where_a_checkpoint_was_written() -> None:
    whole, rest = Recorder(), Recorder()
    result = fitted(whole)
    saved = whole.checkpoints[2]
    later = replace(saved, state=replace(saved.state, seconds=500.0))
    resumed = fitted(rest, resumed=later)
    assert [one.epoch for one in rest.progress] == [4, 5, 6]
    assert all(500 <= one.seconds < 560 for one in rest.progress)
    assert all(one.epochs == 6 for one in whole.progress)
    assert [one.lr for one in rest.progress] == [one.lr for one in whole.progress[3:]]
    np.testing.assert_array_equal(resumed.W, result.W)
    assert (resumed.why, resumed.retries) == (result.why, 0)
    assert all(one.last_good is one.state for one in whole.checkpoints)
    untold = Recorder()
    untold.wants_checkpoints = False
    fitted(untold)
    assert (untold.checkpoints, len(untold.progress)) == ([], 6)


def test_checkpoints_that_do_not_belong_to_a_run_are_refused() -> None:
    recorder = Recorder()
    fitted(recorder)
    saved, last = recorder.checkpoints[2], recorder.checkpoints[-1]
    other = replace(saved.state, W=np.zeros((3, 3)))
    for wrong in (
        replace(saved, retries=5),
        replace(saved, state=other),
        replace(saved, last_good=other),
        replace(saved, state=replace(saved.state, W=saved.state.W.astype(np.float32))),
        replace(saved, state=replace(saved.state, number=7)),
    ):
        with pytest.raises(InputError, match="the checkpoint does not belong to this run"):
            fitted(resumed=wrong)
    assert fitted(resumed=replace(last, last_good=None)).epochs_run == 6
    assert fitted(resumed=replace(saved, retries=4)).retries == 4


# settings


@pytest.mark.parametrize("rows", [X, sparse.csr_matrix(X)], ids=["dense", "sparse"])
def test_settings_that_are_chosen_and_settings_that_are_given(rows) -> None:
    chosen = sgd_settings(TrainOptions(batch_size=20, reg=1e-4), rows)
    assert (chosen.lr, chosen.epochs, chosen.momentum) == (1, 1000, 0.9 if rows is X else 0)  # 2 minibatches an epoch
    many = np.zeros((3000, 2))
    assert sgd_settings(TrainOptions(batch_size=30, reg=1e-4), many).epochs == 20
    assert sgd_settings(TrainOptions(batch_size=10**6, reg=1e-4), many).epochs == 1000
    given = TrainOptions(
        lr=0.3, reg=0.2, epochs=7, batch_size=9, momentum=0.5, schedule="cosine", average=True, bias=False, seed=4
    )
    settings = sgd_settings(given, rows)
    assert (settings.lr, settings.reg, settings.epochs, settings.batch_size) == (0.3, 0.2, 7, 9)
    assert (settings.momentum, settings.schedule, settings.average, settings.seed) == (0.5, "cosine", True, 4)
    assert (settings.fit_bias, settings.reg_bias) == (False, False)
    assert sgd_settings(TrainOptions(reg_bias=True, reg=1e-4), rows).reg_bias


def test_the_result_states_what_was_chosen_and_the_objective_it_has() -> None:
    chosen, given = fitted(epochs="auto", batch_size=30), fitted(lr=0.1)
    assert chosen.why["epochs"] == "auto"
    assert chosen.why["lr"].startswith("auto: ")
    assert (given.why, given.retries, given.certificate, given.settings.lr) == ({}, 0, None, 0.1)
    for result in (chosen, given):
        terms = Objective(LOSSES["softmax"], 1e-3).terms(X, Y, result.W, result.b)
        np.testing.assert_allclose([result.data_loss, result.penalty], terms)
    weighted = fit(X, Y, 3, TrainOptions(loss="softmax", reg=1e-4, lr=0.1, epochs=6), weights=np.arange(30) + 1.0)
    terms = Objective(LOSSES["softmax"], 1e-4).terms(X, Y, weighted.W, weighted.b, np.arange(30) + 1.0)
    np.testing.assert_allclose([weighted.data_loss, weighted.penalty], terms)


@pytest.mark.parametrize(
    ("options", "rows", "expected"),
    [
        ({}, (1000, 20), Finish(0.1, 500, True)),
        ({}, (20_000, 50), Finish(0.1, 100, True)),
        ({}, (60_000, 784), None),  # large: the curvature would cost more than the passes that it saves
        ({}, (100, 3000), Finish(0.1, 4000, True)),
        ({}, (1000, 3000), None),
        ({"lr": 0.1}, (1000, 20), Finish(0.1, 500)),  # SGD as it was set, and then the steps
        ({"batch_size": 32}, (1000, 20), Finish(0.1, 252)),
        ({"average": True}, (1000, 20), Finish(0.1, 500)),
        ({"loss": "svm"}, (1000, 20), Finish(1.0, 125)),  # never above the objective of SGD alone
        ({"finish": "no"}, (1000, 20), None),
        ({"epochs": 5}, (1000, 20), None),
        ({"reg": 0}, (1000, 20), None),
        ({"certify": 2.0}, (1000, 20), Finish(2.0, None, True)),
        ({"certify": 2.0, "epochs": 5}, (1000, 20), Finish(2.0, None)),
        ({"certify": 2.0, "finish": "no"}, (1000, 20), Finish(2.0, None)),
        ({"certify": 2.0, "loss": "hinge"}, (1000, 20), Finish(2.0, None)),
        ({"certify": 2.0}, (60_000, 784), Finish(2.0, None)),
    ],
)
def test_what_follows_sgd(options: dict, rows: tuple[int, int], expected: Finish | None) -> None:
    rows_of = np.broadcast_to(np.float32(0), rows)
    assert planned_finish(TrainOptions(**options), rows_of, from_zero=True) == expected
    from_elsewhere = planned_finish(TrainOptions(**options), rows_of, from_zero=False)
    assert from_elsewhere == (Finish(2.0, None) if "certify" in options else None)


def test_only_certify_polishes_a_fit() -> None:
    result = fitted(lr=0.1)
    bounded = certify(result, X, Y, TrainOptions(loss="softmax", reg=1e-3), weights=None, finish=None)
    assert replace(bounded, certificate=None) == result
    assert bounded.certificate.lower_bound < result.data_loss + result.penalty
    assert certify(result, X, Y, TrainOptions(loss="softmax", reg=0), weights=None, finish=None) is result
    options = TrainOptions(loss="softmax", reg=1e-3, certify=0.01)
    polished = certify(result, X, Y, options, weights=None, finish=planned_finish(options, X, from_zero=True))
    assert polished.certificate.percent <= 0.01
    assert polished.data_loss + polished.penalty < result.data_loss + result.penalty
    terms = Objective(LOSSES["softmax"], 1e-3).terms(X, Y, polished.W, polished.b)
    np.testing.assert_allclose([polished.data_loss, polished.penalty], terms)


@pytest.mark.parametrize("more", [{}, {"val": "0.2"}, {"scale": "maxabs"}])
def test_columns_that_do_not_occur_have_weight_0_and_change_nothing(tmp_path, more: dict) -> None:
    """Hashed text has a million columns, of which few occur."""
    rng = np.random.default_rng(0)
    columns = np.sort(rng.choice(50_000, 40, replace=False))
    y = np.arange(120) % 3
    few = sparse.random(120, 40, 0.3, "csr", np.float32, rng) + sparse.csr_matrix(np.eye(40, dtype=np.float32)[y])
    many = sparse.csr_matrix((few.data, columns[few.indices], few.indptr), (120, 50_000))
    found = []
    for X in (few, many):
        dump_svmlight_file(X, y, str(tmp_path / "t.svm"), zero_based=True)
        options = TrainOptions(Source(str(tmp_path / "t.svm"), zero_based=True, max_features=60_000), seed=1, **more)
        found.append(train(options, load_split(options)))
    np.testing.assert_allclose(found[1].model.weight[columns], found[0].model.weight, rtol=1e-4, atol=1e-6)
    assert np.count_nonzero(found[1].model.weight.any(axis=1)) <= 40
    assert found[1].result.n_features == found[1].model.weight.shape[0] > 40
    assert found[0].result.metrics["test"]["accuracy"] == found[1].result.metrics["test"]["accuracy"]
