"""One stack: what it reports and when, what leaves it, and how little it repeats."""

import math

import numpy as np
import pytest
from sklearn.datasets import load_wine

from linclf.data.scaling import Scaling
from linclf.data.schema import Schema
from linclf.data.split import Part, Split, folds
from linclf.optim.auto_rate import RateEstimator
from linclf.sweep import stack
from linclf.sweep.grid import SweepOptions
from linclf.sweep.plan import make_plan
from linclf.sweep.results import Row
from linclf.sweep.stack import StackProgress, row_options, train_stack
from linclf.training.options import TrainOptions
from linclf.training.prepare import loss_weights

X, Y = load_wine(return_X_y=True)
VAL = slice(0, 178, 4)


def updates(
    lists: dict, cv: int | None = 3, halving: bool = False, number: int = 0, metric: str | None = None, **options
) -> list[StackProgress]:
    """All that a stack of a sweep of wine yields."""
    base = TrainOptions(
        reg=1e-4, val=None if cv else "0.2", **{"loss": "softmax", "epochs": 6, "dtype": "float64", **options}
    )
    val = None if cv else Part(X[VAL], Y[VAL])
    split = Split(np.arange(3), Part(X, Y), val, None, Schema(13), {}, ())
    return list(train_stack(make_plan(SweepOptions(base, lists, cv, halving, metric=metric), split), number))


def last_rows(found: list[StackProgress]) -> dict[int, Row]:
    return {number: row for one in found for number, row in one.rows.items()}


@pytest.mark.parametrize(
    ("epochs", "rungs"), [(1, []), (2, [1]), (3, [1, 2]), (10, [2, 3, 5]), (16, [2, 4, 8]), (25, [4, 7, 13])]
)
def test_configurations_are_scored_after_an_eighth_a_quarter_and_a_half_of_the_epochs(
    epochs: int, rungs: list[int]
) -> None:
    found = updates({"reg": (1e-3, 1e-1)}, epochs=epochs)
    assert [number for number, one in enumerate(found, 1) if one.rows] == [*rungs, epochs]
    for number in rungs:
        rows = found[number - 1].rows
        assert sorted(rows) == [0, 1]
        for row in rows.values():
            assert (row.status, row.epochs, row.objective) == ("unfinished", number, None)
            assert row.score == pytest.approx(np.mean([fold["score"] for fold in row.folds]))
    assert {row.status for row in found[-1].rows.values()} == {"done"}
    assert [one.epochs for one in found] == [2] * epochs


def test_halved_configurations_leave_the_stack_and_their_epochs_count_as_done() -> None:
    regs = (1e-4, 1e-3, 1e2, 1e3, 1e4)
    found = updates({"reg": regs}, halving=True, epochs=16, metric="accuracy")
    last = {}
    for number, one in enumerate(found, 1):
        assert not last.keys() & one.rows.keys()  # nothing more of a configuration that has left
        last |= {key: (row, number) for key, row in one.rows.items() if row.status != "unfinished"}
    assert {key: row.status for key, (row, _) in last.items()} == dict(enumerate(["done"] * 2 + ["halved"] * 3))
    left = [number for _, number in last.values()]
    assert sorted(left) == [2, 2, 8, 16, 16]  # two of five, then one of three; the last two are close
    for key, (row, number) in last.items():
        assert row.epochs == number
        assert row.objective > 0
        assert row.options["reg"] == regs[key]
    done_early = {number: left.count(number) * (16 - number) for number in range(1, 17)}
    assert [one.epochs for one in found] == [sum(end >= k for end in left) + done_early[k] for k in range(1, 17)]
    assert sum(one.epochs for one in found) == 5 * 16


def test_diverged_configurations_leave_the_stack_and_their_epochs_count_as_done() -> None:
    for cv in (3, None):
        lists = {"lr": (0.01, 1e300, 0.02)}
        found = updates(lists, cv, loss="squared-hinge", batch_size=1000, schedule="constant", momentum=0.0, epochs=20)
        rows = last_rows(found)
        assert [rows[i].status for i in range(3)] == ["done", "diverged", "done"]
        assert sum(one.epochs for one in found) == 3 * 20
        left = rows[1].epochs
        assert rows[1].why == f"training diverged in epoch {left}"
        assert [one.epochs for one in found] == [3] * (left - 1) + [3 + 20 - left] + [2] * (20 - left)
        alone = last_rows(
            updates(
                {"lr": (0.01, 0.02)},
                cv,
                loss="squared-hinge",
                batch_size=1000,
                schedule="constant",
                momentum=0.0,
                epochs=20,
            )
        )
        assert [rows[i].objective for i in (0, 2)] == pytest.approx([alone[i].objective for i in (0, 1)], rel=1e-9)
        assert [rows[i].best_epoch for i in (0, 2)] == [alone[i].best_epoch for i in (0, 1)]
        only = updates({"lr": (1e300,)}, cv, loss="squared-hinge", batch_size=1000, momentum=0.0, epochs=20)
        assert (len(only), sum(one.epochs for one in only)) == (last_rows(only)[0].epochs, 20)


def test_the_rate_of_a_row_is_the_geometric_mean_over_its_folds() -> None:
    auto, given = last_rows(updates({"lr": ("auto", 0.007)}, seed=1)).values()
    rates = [fold["lr"] for fold in auto.folds]
    assert len(set(rates)) == 3
    assert auto.lr == pytest.approx(math.prod(rates) ** (1 / 3), rel=1e-12)
    assert auto.lr not in (rates[0], np.mean(rates))
    assert [given.lr, *(fold["lr"] for fold in given.folds)] == [0.007] * 4  # to the bit
    for lr in np.random.default_rng(0).uniform(0.001, 0.1, 20).tolist():
        if np.exp(np.log([lr] * 3).mean()) != lr:
            break
    assert last_rows(updates({"lr": (lr,)}, epochs=1))[0].lr == lr


class CountingEstimator(RateEstimator):
    """Counts its instances."""

    made = 0

    def __init__(self, *arguments, **options) -> None:
        type(self).made += 1
        super().__init__(*arguments, **options)


def test_the_rows_are_measured_once_for_each_fold_and_class_weight(monkeypatch) -> None:
    monkeypatch.setattr(stack, "RateEstimator", CountingEstimator)
    for lists, made in (
        ({"reg": (1e-3, 1e-2), "momentum": (0.0, 0.9), "lr": ("auto", 0.1)}, 3),
        ({"class_weight": (None, "balanced"), "reg": (1e-3, 1e-2)}, 6),
        ({"lr": (0.1, 0.2)}, 0),
    ):
        CountingEstimator.made = 0
        updates(lists, epochs=1)
        assert CountingEstimator.made == made


def test_validation_rows_are_scaled_once(monkeypatch) -> None:
    scaled, apply = [], Scaling._apply

    def counted(self, x, dtype):
        scaled.append(len(x))
        return apply(self, x, dtype)

    monkeypatch.setattr(Scaling, "_apply", counted)
    updates({"reg": (1e-3, 1e-2)}, cv=None, lr=0.1)
    assert scaled.count(len(Y[VAL])) == 1


def test_sample_weights_of_a_stack() -> None:
    one, two = TrainOptions(reg=1e-4), TrainOptions(reg=1e-4, class_weight="balanced")
    plan = make_plan(SweepOptions(one, cv=3), Split(np.arange(3), Part(X, Y), None, None, Schema(13), {}, ()))
    fold_of, classes, given = folds(Y, 3, 0), np.arange(3), np.arange(178) % 4 + 0.5
    every_row = stack.Fold(None, Part(X, Y), Scaling("none"))
    assert stack._fold_weights(Part(X, Y), every_row) is None
    assert stack._fold_weights(Part(X, Y, given), every_row) is given
    assert stack._stacked_weights([one, one], Y, classes, [None]) is None
    assert stack._stacked_weights([two, two], Y, classes, [None]).shape == (178, 1, 1)
    mixed = stack._stacked_weights([one, two], Y, classes, [None])
    np.testing.assert_array_equal(mixed[:, 0, 0], np.ones(178))
    np.testing.assert_array_equal(mixed[:, 1, 0], loss_weights(two.class_weight, Y, classes))
    for rows, weights in ((Part(X, Y), np.ones(178)), (Part(X, Y, given), given)):
        own = [stack._fold_weights(rows, fold) for fold in plan.data["auto"].folds]
        assert stack._stacked_weights([one, one], Y, classes, own).shape == (178, 1, 3)
        both = stack._stacked_weights([one, two], Y, classes, own)
        for j in range(3):
            np.testing.assert_array_equal(own[j], (fold_of != j) * weights)
            np.testing.assert_array_equal(both[:, 0, j], own[j])
            np.testing.assert_allclose(both[:, 1, j], loss_weights(two.class_weight, Y, classes, own[j]))


def test_the_options_of_a_row_are_those_that_can_be_swept() -> None:
    names = ("loss", "reg", "lr", "momentum", "average", "class_weight", "scale", "batch_size")
    options = row_options(TrainOptions(reg=0.5))
    assert tuple(options) == names
    assert (options["reg"], options["lr"], options["batch_size"]) == (0.5, "auto", 64)
