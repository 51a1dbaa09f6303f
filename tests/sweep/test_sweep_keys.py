"""Sweeps of grouped rows, and of rows in the order of time, whose folds go forward: no fold learns of what it must not know."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_wine

from linclf.data.ordered import forward_folds
from linclf.data.row_keys import RowKeys
from linclf.data.scaling import fit_scaling
from linclf.data.schema import Schema
from linclf.data.split import Part, Split, folds
from linclf.errors import InputError
from linclf.losses import Loss
from linclf.optim.auto_rate import RateEstimator
from linclf.optim.linalg import materialize
from linclf.optim.objective import Objective, predicted, scores
from linclf.optim.sgd import SGD
from linclf.sweep.folds import scale_for_folds
from linclf.sweep.grid import SweepOptions
from linclf.sweep.plan import make_plan
from linclf.sweep.results import Row
from linclf.sweep.run import sweep
from linclf.training.fit import sgd_settings
from linclf.training.options import TrainOptions
from linclf.training.prepare import loss_weights


def wine(layout: str = "dense", groups: int | None = None) -> Split:
    """Wine in random order, in the order of time; or in groups."""
    X, y = load_wine(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    X, y = X[order], y[order]
    X = X if layout == "dense" else sparse.csr_matrix(np.where(X / X.max(axis=0) > 0.3, X, 0))
    keys = RowKeys(times=np.arange(178) // 2) if groups is None else RowKeys(groups=np.arange(178) % groups)
    schema = Schema(X.shape[1], sparse=layout == "csr")
    return Split(np.arange(3), Part(X, y), None, None, schema, {"data": "wine"}, (), keys=keys)


def swept(split: Split, k: int, **options) -> list[Row]:
    lists = {"reg": (1e-3, 1e-1), "class_weight": (None, "balanced")}
    return sweep(
        SweepOptions(
            TrainOptions(reg=1e-4, **{"dtype": "float64", "epochs": 5, **options}), lists, cv=k, metric="accuracy"
        ),
        split,
        jobs=1,
    ).rows


@pytest.mark.parametrize(
    ("layout", "scale"), [("dense", "standard"), ("dense", "maxabs"), ("csr", "maxabs"), ("csr", "none")]
)
def test_forward_folds_equal_the_engine_alone(layout: str, scale: str) -> None:
    split, k = wine(layout), 3
    rows, fold_of = split.train, forward_folds(np.arange(178) // 2, k)
    for row in swept(split, k, loss="softmax", scale=scale):
        for j, fold in enumerate(row.folds):
            used = fold_of < j
            loss = (options := TrainOptions(epochs=5, dtype="float64", scale=scale, loss="softmax", **{
                name: row.options[name] for name in ("reg", "class_weight")})).loss_value()  # fmt: skip
            scaling = fit_scaling(scale, rows.X[np.flatnonzero(used)], layout == "csr", str, "")
            X = materialize(scaling.apply(rows.X, "float64"))
            weights = loss_weights(options.class_weight, rows.y, split.classes, used.astype(float))
            settings = sgd_settings(options, X)
            rate = RateEstimator(loss, X, rows.y, 3, settings, weights=weights).rate(settings).value
            *_, last = SGD(loss, X, rows.y, 3, replace(settings, lr=rate), weights=weights).epochs()
            objective = Objective(loss, options.reg)
            assert fold["lr"] == pytest.approx(rate, rel=1e-9)
            assert fold["objective"] == pytest.approx(
                float(sum(objective.terms(X, rows.y, last.W, last.b, weights))), rel=1e-8
            )
            held_out = predicted(scores(X[np.flatnonzero(fold_of == j)], last.W, last.b))
            assert fold["score"] == pytest.approx(np.mean(held_out == rows.y[fold_of == j]))


@pytest.mark.parametrize("scale", ["standard", "maxabs"])
@pytest.mark.parametrize("factor", [3.0, 1e7], ids=["one X", "an X for each fold"])
def test_rows_in_the_future_of_a_fold_do_not_leak(loss: Loss, scale: str, factor: float) -> None:
    """Whatever they and the rows that it holds out contain, a fold trains the same model at the same rate, and rows in its
    future do not change its score either."""
    split, k = wine(), 3
    fold_of = forward_folds(split.keys.times, k)
    plain = swept(split, k, loss=loss.name, scale=scale)
    for j in (0, 1):
        future = fold_of > j
        X = np.where(future[:, None], factor * split.train.X[::-1] + 7, split.train.X)
        y = np.where(future, (split.train.y + 1) % 3, split.train.y)
        changed = replace(split, train=Part(X, y))
        data = make_plan(SweepOptions(TrainOptions(reg=1e-4, scale=scale), {}, cv=k), changed).data[scale]
        assert data.one_X_per_fold == (factor > 3)
        others = {str(row.options): row for row in swept(changed, k, loss=loss.name, scale=scale)}
        for row in plain:
            other = others[str(row.options)]
            for i in range(j + 1):
                assert row.folds[i]["objective"] == pytest.approx(other.folds[i]["objective"], rel=1e-8)
                assert row.folds[i]["lr"] == pytest.approx(other.folds[i]["lr"], rel=1e-8)
                if other.status == "done":
                    assert row.folds[i]["score"] == other.folds[i]["score"]
            if other.status == "done" and j == 0:
                assert row.folds[2]["objective"] != pytest.approx(other.folds[2]["objective"], rel=1e-4)


def test_a_cell_of_the_future_that_overflows_does_not_leak() -> None:
    split, found = wine(), []
    for value in (1e12, 1e45):
        X = split.train.X.copy()
        X[-1, 4] = value
        found.append(
            swept(replace(split, train=Part(X, split.train.y)), 3, dtype="float32", loss="softmax")[0].folds[1]
        )
    assert found[0]["objective"] == found[1]["objective"] < 2.5
    assert found[0]["lr"] == found[1]["lr"]


@pytest.mark.parametrize("scale", ["standard", "maxabs"])
def test_forward_folds_are_scaled_by_the_rows_before_them(scale: str) -> None:
    split = wine()
    fold_of = forward_folds(split.keys.times, 4)
    data = scale_for_folds(TrainOptions(reg=1e-4, scale=scale, dtype="float64"), split, fold_of, forward=True)
    for j, fold in enumerate(data.folds):
        np.testing.assert_array_equal(fold.used, fold_of < j)
        np.testing.assert_array_equal(materialize(fold.held_out.X), split.train.X[fold_of == j])
        np.testing.assert_array_equal(fold.held_out.y, split.train.y[fold_of == j])
        expected = fit_scaling(scale, split.train.X[fold_of < j], False, str, "")
        np.testing.assert_allclose(fold.scaling.scale, expected.scale, rtol=1e-12)
        np.testing.assert_allclose(
            fold.scaling.center if scale == "standard" else 0, expected.center if scale == "standard" else 0
        )


def test_folds_of_groups_divide_none_and_are_those_of_the_split() -> None:
    split = wine(groups=11)
    plan = make_plan(SweepOptions(TrainOptions(reg=1e-4, seed=3), {}, cv=4), split)
    fold_of = folds(split.train.y, 4, 3, split.keys)
    for j, fold in enumerate(plan.data["auto"].folds):
        np.testing.assert_array_equal(fold.used, fold_of != j)
        assert not set(split.keys.groups[fold.used]) & set(split.keys.groups[~fold.used])
    assert plan.notes == ()
    with pytest.raises(InputError, match="cv is 12, but the training rows have 11 groups; give fewer folds"):
        make_plan(SweepOptions(TrainOptions(reg=1e-4), {}, cv=12), split)


def test_classes_that_a_fold_cannot_train_on_are_noted_and_a_single_one_is_refused() -> None:
    X = np.random.default_rng(0).standard_normal((60, 2))
    y = np.where(np.arange(60) % 3, np.arange(60) % 2, 2)
    notes: list[str] = []

    def run(y: np.ndarray, keys: RowKeys) -> None:
        split = Split(np.array(["a", "b", "c"]), Part(X, y), None, None, Schema(2), {"data": "x"}, (), keys=keys)
        sweep(SweepOptions(TrainOptions(reg=1e-4, epochs=1), {}, cv=3), split, jobs=1, on_note=notes.append)

    run(y, RowKeys(times=np.arange(60)))
    assert notes == []
    run(np.where(np.arange(60) < 40, y % 2, y), RowKeys(times=np.arange(60)))
    assert notes == ["folds 1, 2 of 3: no row to train on is of class 'c'"]
    notes.clear()
    run(y, RowKeys(groups=np.where(y == 2, 9, np.arange(60) % 5)))
    assert len(notes) == 1
    assert "of 3: no row to train on is of class 'c'" in notes[0]
    with pytest.raises(
        InputError, match="all rows that fold 1 of 3 trains on have the label 'a'; give fewer folds, or --val"
    ):
        run(np.where(np.arange(60) < 30, 0, y), RowKeys(times=np.arange(60)))
