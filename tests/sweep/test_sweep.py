"""A sweep against single runs: each row is what `train`, or the engine with a fold's weights and scaling, gives alone."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from linclf.data.scaling import fit_scaling
from linclf.data.schema import Schema
from linclf.data.split import Part, Split, folds
from linclf.errors import InputError
from linclf.losses import LOSSES, Loss
from linclf.model.metrics import METRICS, Metric
from linclf.model.predictions import Predictions
from linclf.optim.auto_rate import RateEstimator
from linclf.optim.objective import Objective, predicted, scores
from linclf.optim.sgd import SGD
from linclf.sweep.grid import SweepOptions
from linclf.sweep.plan import make_plan
from linclf.sweep.results import Row
from linclf.sweep.run import Swept, n_jobs, sweep
from linclf.sweep.stack import train_stack
from linclf.training.fit import sgd_settings
from linclf.training.options import TrainOptions
from linclf.training.prepare import loss_weights
from linclf.training.train import train

# the metric that each loss is swept by here; None for the default
BY = {
    "hinge": "balanced-accuracy",
    "squared-hinge": "roc-auc",
    "crammer-singer": "macro-f1",
    "mse": "average-precision",
}
SETS = {"wine": load_wine, "breast_cancer": load_breast_cancer, "digits": load_digits}
WITHIN = {"float64": 1e-9, "float32": 1e-3}


def cut(name: str, layout: str, n_val: int = 0, n: int = 240) -> Split:
    """The first rows of a set as parts, in a layout."""
    X, y = SETS[name](return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))[:n]
    X, y = X[order], y[order]
    if layout == "csr":
        X = X / X.max(axis=0).clip(1)
        X = sparse.csr_matrix(np.where(X > 0.3, X, 0))
    pieces = [Part(X[rows], y[rows]) for rows in (slice(n_val, n), slice(0, n_val))]
    features = Schema(X.shape[1], sparse=layout == "csr")
    return Split(np.unique(y), pieces[0], pieces[1] if n_val else None, None, features, {"data": name}, ())


def some(options: SweepOptions) -> tuple[TrainOptions, ...]:
    """Some configurations of a sweep, among which is each value of each list."""
    configurations = options.configurations
    chosen = configurations[:: 5 if len(configurations) > 8 else 3]
    assert all({getattr(one, name) for one in chosen} == set(values) for name, values in options.lists.items())
    return chosen


def by_options(swept: Swept, *names: str) -> dict[tuple, Row]:
    return {tuple(row.options[name] for name in names): row for row in swept.rows}


@pytest.mark.parametrize("layout", ["dense", "csr"])
@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
def test_rows_without_folds_equal_train(loss: Loss, dtype: str, layout: str, name: str) -> None:
    parts = cut(name, layout, 40, 178)
    metric = BY.get(loss.name)
    base = TrainOptions(reg=1e-4, val="0.2", loss=loss.name, dtype=dtype, epochs=6, batch_size=16, val_metric=metric)
    scale = "none" if layout == "csr" else "standard"
    lists = {"reg": (1e-4, 1e-1), "lr": ("auto", 0.01), "average": (False, True), "scale": (scale, "maxabs")}
    lists |= {"momentum": (0.0, 0.9)} if loss.name in ("svm", "mse") else {"class_weight": (None, "balanced")}
    options = SweepOptions(base, lists, cv=None, metric=metric)
    swept = sweep(options, parts, jobs=1)
    key = swept.selection.metric.key
    assert metric or key == ("log_loss" if loss.logits else "accuracy")
    assert len(swept.rows) == len(options.configurations) == 32
    rows, compared = by_options(swept, *lists), 0
    for configuration in some(options):
        alone = train(configuration, parts).result.to_json()
        row = rows[tuple(getattr(configuration, key) for key in lists)]
        assert row.status == "done"
        assert row.lr == pytest.approx(alone["lr"], rel=1e-12 if dtype == "float64" else 1e-5)
        if dtype == "float64" or row.best_epoch == alone["best_epoch"]:
            assert row.best_epoch == alone["best_epoch"]
            assert row.score == pytest.approx(alone["metrics"]["val"][key], abs=1e-7 if dtype == "float64" else 0.03)
            assert row.objective == pytest.approx(alone["objective"], rel=WITHIN[dtype])
            compared += 1
    assert compared >= 5  # of 7; in float32 a row on the margin may make another epoch the best


def alone(configuration: TrainOptions, parts: Split, k: int, held: int, metric: Metric) -> tuple[float, float]:
    """The objective and the score of the engine with the 0/1 weights and the scaling of one fold."""
    loss, rows = LOSSES[configuration.loss], parts.train
    used = folds(rows.y, k, configuration.seed) != held
    m = loss.n_outputs(len(parts.classes))
    scaling = fit_scaling(configuration.scale, rows.X[np.flatnonzero(used)], parts.schema.sparse, str, "")
    X = scaling.apply(rows.X, configuration.dtype)
    weights = loss_weights(
        configuration.class_weight, rows.y, parts.classes, used if used is None else used.astype(float)
    )
    sgd = sgd_settings(configuration, X)
    if configuration.lr == "auto":
        sgd = replace(sgd, lr=RateEstimator(loss, X, rows.y, m, sgd, weights=weights).rate(sgd).value)
    *_, last = SGD(loss, X, rows.y, m, sgd, weights=weights).epochs()
    objective = Objective(loss, configuration.reg, configuration.reg_bias)
    outside = scores(X[np.flatnonzero(~used)], last.W, last.b)
    logits = loss.logits and loss.logits(outside)
    one = Predictions(predicted(outside), rows.y[~used], len(parts.classes), outside, logits)
    return float(sum(objective.terms(X, rows.y, last.W, last.b, weights))), metric(one)


@pytest.mark.parametrize("layout", ["dense", "csr"])
@pytest.mark.parametrize(
    ("dtype", "bias"),
    [("float64", {}), ("float32", {}), ("float32", {"bias": False}), ("float64", {"reg_bias": True})],
    ids=["float64", "float32", "no bias", "penalised"],
)
def test_folds_equal_the_engine_alone(loss: Loss, dtype: str, layout: str, bias: dict) -> None:
    parts = cut("wine", layout, n=178)
    base = TrainOptions(reg=1e-4, loss=loss.name, dtype=dtype, epochs=6, batch_size=16, seed=3, **bias)
    scale = "none" if layout == "csr" else "standard"
    lists = {"reg": (1e-4, 1e-1), "average": (False, True), "scale": (scale, "maxabs")}
    lists |= {"momentum": (0.0, 0.9), "lr": (0.005, "auto")} if loss.name in ("svm", "mse", "softmax") else {}
    lists |= {"class_weight": (None, "balanced")} if loss.name in ("hinge", "squared-hinge") else {}
    options = SweepOptions(base, lists, cv=3, metric=BY.get(loss.name))
    swept = sweep(options, parts, jobs=1)
    rows = by_options(swept, *lists)
    for configuration in some(options):
        row = rows[tuple(getattr(configuration, key) for key in lists)]
        assert row.status == "done"
        for held, fold in enumerate(row.folds):
            objective, score = alone(configuration, parts, 3, held, swept.selection.metric)
            assert fold["objective"] == pytest.approx(objective, rel=WITHIN[dtype])
            assert fold["score"] == pytest.approx(score, abs=1e-7 if dtype == "float64" else 0.03)
        assert row.score == pytest.approx(np.mean([fold["score"] for fold in row.folds]))
        assert row.score_std == pytest.approx(np.std([fold["score"] for fold in row.folds]))
        assert row.objective == pytest.approx(np.mean([fold["objective"] for fold in row.folds]))


def near(one: Row, other: Row, rel: float = 1e-8) -> None:
    assert (one.options, one.status, one.epochs) == (other.options, other.status, other.epochs)
    assert [one.score, one.objective] == pytest.approx([other.score, other.objective], rel=rel)


def test_held_out_rows_do_not_leak(loss: Loss) -> None:
    """Whatever the rows hold that a fold holds out, it trains the same model: no weight, scaling or rate knows of them."""
    parts = cut("wine", "dense", n=178)
    rows = parts.train
    held = folds(rows.y, 3, 0) == 1
    for factor in (3.0, 1e7):  # the second is so far out that folds cannot share an X
        changed = replace(parts, train=Part(np.where(held[:, None], factor * rows.X[::-1] + 7, rows.X), rows.y))
        for scale in ("standard", "maxabs"):
            base = TrainOptions(reg=1e-4, loss=loss.name, dtype="float64", epochs=5, scale=scale)
            options = SweepOptions(base, {"reg": (1e-3, 1e-1)}, cv=3)
            assert make_plan(options, changed).data[scale].one_X_per_fold == (factor == 1e7)
            one, other = (by_options(sweep(options, data, jobs=1), "reg") for data in (parts, changed))
            for key, row in one.items():
                assert row.folds[1]["objective"] == pytest.approx(other[key].folds[1]["objective"], rel=1e-8)
                assert row.folds[1]["lr"] == pytest.approx(other[key].folds[1]["lr"], rel=1e-8)
                if other[key].status == "done":
                    assert row.folds[0]["objective"] != pytest.approx(other[key].folds[0]["objective"], rel=1e-4)


@pytest.mark.parametrize("scale", ["standard", "maxabs"])
@pytest.mark.parametrize("cell", [1e15, 1e18, 1e45])
def test_a_cell_that_overflows_does_not_leak_either(loss: Loss, scale: str, cell: float) -> None:
    """In float32 what is 0 times infinity would be NaN in the fold that holds the row out."""
    parts = cut("wine", "dense", n=178)
    rows = parts.train
    first = int(np.argmax(folds(rows.y, 3, 0) == 2))
    found = []
    for value in (1e12, cell):
        X = rows.X.copy()
        X[first, 4] = value
        changed = replace(parts, train=Part(X, rows.y))
        options = SweepOptions(TrainOptions(reg=1e-4, loss=loss.name, epochs=20, scale=scale), {"reg": (1e-3,)}, cv=3)
        found.append(sweep(options, changed, jobs=1).rows[0].folds[2])
    assert found[0]["objective"] == found[1]["objective"] < 2.5
    assert found[0]["lr"] == found[1]["lr"]


def test_a_column_that_only_held_out_rows_vary_says_nothing() -> None:
    parts = cut("wine", "dense", n=178)
    rows, held = parts.train, folds(parts.train.y, 3, 0) == 2
    X = np.column_stack([rows.X, np.where(held, np.random.default_rng(0).standard_normal(178), 1e9)])
    wider = replace(parts, train=Part(X, rows.y), schema=Schema(X.shape[1]))
    options = SweepOptions(TrainOptions(reg=1e-4, loss="softmax", epochs=5, dtype="float64"), {}, cv=3)
    one, other = (sweep(options, data, jobs=1).rows[0] for data in (parts, wider))
    assert other.folds[2]["objective"] == pytest.approx(one.folds[2]["objective"], rel=1e-8)
    assert other.folds[2]["score"] == one.folds[2]["score"]


@pytest.mark.parametrize("k", [2, 3, 5, 10])
def test_folds_are_stratified(k: int) -> None:
    y = np.random.default_rng(k).choice(4, 203, p=[0.5, 0.3, 0.15, 0.05])
    fold = folds(y, k, 0)
    counts = np.array([np.bincount(y[fold == j], minlength=4) for j in range(k)])
    assert np.ptp(counts.sum(axis=1)) <= 1
    assert (np.ptp(counts, axis=0) <= 1).all()
    assert (fold == folds(y, k, 0)).all()
    assert (fold != folds(y, k, 1)).any()


def test_diverged_rows_are_in_the_table_and_leave_the_others_alone() -> None:
    parts = cut("wine", "dense", n=178)
    base = TrainOptions(reg=1e-4, loss="svm", epochs=30, schedule="constant", dtype="float64", momentum=0.9)
    lists = {"lr": (0.001, 1e12, 0.002), "reg": (1e-20, 1e-18)}
    rows = sweep(SweepOptions(base, lists), parts, jobs=1).rows
    assert [row.status for row in rows] == ["done"] * 4 + ["diverged"] * 2
    assert all("diverged" in row.why and row.score is None and row.options["lr"] == 1e12 for row in rows[4:])
    fine = sweep(SweepOptions(base, {**lists, "lr": (0.001, 0.002)}), parts, jobs=1).rows
    for row, other in zip(rows[:4], fine, strict=True):
        near(row, other)
    nothing = sweep(SweepOptions(base, {"lr": (1e12,)}), parts, jobs=1)
    assert (nothing.best, nothing.best_1se, nothing.rows[0].status) == (None, None, "diverged")


def test_a_row_that_never_left_zero_weights_did_not_train() -> None:
    options = SweepOptions(TrainOptions(reg=1e-4, loss="softmax", epochs=2), {"lr": (1e-300, 0.01)})
    rows = sweep(options, cut("wine", "dense"), jobs=1).rows
    assert [row.status for row in rows] == ["done", "diverged"]
    assert "never left zero weights" in rows[1].why


@pytest.mark.parametrize(
    # not the log loss on sparse data, where that of half-trained models says little of the trained ones
    ("layout", "metric"),
    [("dense", "accuracy"), ("csr", "accuracy"), ("dense", "log-loss"), ("dense", "roc-auc")],
)
@pytest.mark.parametrize("cv", [None, 3])
def test_halving_drops_who_is_far_behind_and_keeps_every_row(layout: str, cv: int | None, metric: str) -> None:
    parts = cut("digits", layout, 0 if cv else 60)
    base = TrainOptions(reg=1e-4, loss="softmax", epochs=16, dtype="float64", val=None if cv else "0.2", scale="maxabs")
    lists = {"reg": (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)}
    goodness = METRICS[metric].goodness
    full = by_options(sweep(SweepOptions(base, lists, cv, metric=metric), parts, jobs=1), "reg")
    halved = sweep(SweepOptions(base, lists, cv, halving=True, metric=metric), parts, jobs=1)
    assert {row.options["reg"] for row in halved.rows} == set(lists["reg"])
    by_status = {status: [row for row in halved.rows if row.status == status] for status in ("done", "halved")}
    assert len(by_status["done"]) + len(by_status["halved"]) == 8
    assert {row.options["reg"] for row in by_status["halved"]} >= {10.0, 100.0}
    assert goodness(halved.best.score) >= max(goodness(row.score) for row in full.values()) - 0.02
    for row in by_status["done"]:
        near(row, full[row.options["reg"],])
    for row in by_status["halved"]:
        assert row.epochs in (2, 4, 8)
        assert row.objective > 0
        assert goodness(row.score) < goodness(halved.best.score)
    assert halved.rows == by_status["done"] + by_status["halved"]


@pytest.mark.parametrize("load", [load_digits, load_breast_cancer, load_wine])
def test_the_winner_is_no_worse_than_a_grid_search_of_logistic_regression(load) -> None:
    """By no more than one standard deviation, on the same folds and regs."""
    X, y = load(return_X_y=True)
    parts = Split(np.unique(y), Part(X, y), None, None, Schema(X.shape[1]), {}, ())
    regs = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
    top = sweep(SweepOptions(TrainOptions(reg=1e-4, loss="softmax"), {"reg": regs}, metric="accuracy"), parts).best
    columns = 2 if len(parts.classes) == 2 else 1  # C = 2 / (n reg) for two columns
    peer = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
        {"logisticregression__C": [columns / (0.8 * len(y) * reg) for reg in regs]},
        cv=PredefinedSplit(folds(y, 5, 0)),
    ).fit(X, y)
    assert top.score >= peer.best_score_ - peer.cv_results_["std_test_score"][peer.best_index_]


def test_stacks_share_what_can_be_shared() -> None:
    parts = cut("wine", "csr")
    lists = {
        "loss": ("svm", "hinge"),
        "reg": (1e-4, 1e-2),
        "lr": (0.1, 0.2),
        "momentum": (0.0, 0.9),
        "average": (True, False),
        "class_weight": (None, "balanced"),
        "scale": ("none", "maxabs"),
        "batch_size": (32, 64),
    }
    plan = make_plan(SweepOptions(TrainOptions(reg=1e-4), lists), parts)
    assert sorted(number for stack in plan.stacks for number in stack) == list(range(256))
    # apart: losses, batch sizes, scalings, and on sparse data momentum from none
    assert len(plan.stacks) == 16
    assert {len(stack) for stack in plan.stacks} == {16}
    assert (
        len(
            make_plan(
                SweepOptions(TrainOptions(reg=1e-4), lists | {"scale": ("standard", "maxabs")}), cut("wine", "dense")
            ).stacks
        )
        == 8
    )


def test_memory_is_bounded() -> None:
    parts = cut("digits", "dense")
    lists = {"reg": tuple(np.geomspace(1e-6, 1, 64).tolist())}
    base = TrainOptions(reg=1e-4, loss="softmax", epochs=3)
    with pytest.raises(InputError, match=r"of loss softmax takes \d+ MB in training; give --max-memory \d+ or"):
        make_plan(SweepOptions(base, lists, max_memory=0.1), parts)
    assert len(make_plan(SweepOptions(base, lists, max_memory=18), parts).stacks) > 4
    for options in (SweepOptions(base, lists, max_memory=18), SweepOptions(replace(base, average=True), lists)):
        plan = make_plan(options, parts)
        assert plan.megabytes <= options.max_memory
        for _ in train_stack(plan, 0):  # what is imported and kept at the first run does not count
            pass
        tracemalloc.start()
        for _ in train_stack(plan, 0):
            pass
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        assert peak < plan.megabytes + parts.train.X.size * 4 / 1e6
        assert n_jobs(64, plan, 64) * plan.megabytes <= options.max_memory


def test_a_stack_is_an_eighth_of_a_long_sweep() -> None:
    features = Schema(2000)
    X, y = np.zeros((20000, 2000), np.float32), np.arange(20000) % 2
    X[0, 0] = 1
    parts = Split(np.arange(2), Part(X, y), Part(X[:10], y[:10]), None, features, {}, ())
    lists = {"reg": tuple(np.geomspace(1e-6, 1, 64).tolist())}
    for n_epochs, stacks in ((1, 1), (1000, 8)):
        options = SweepOptions(
            TrainOptions(reg=1e-4, loss="hinge", epochs=n_epochs, scale="none", val="x"), lists, None
        )
        assert len(make_plan(options, parts).stacks) == stacks


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cv": 1}, "cv is 1; give a whole number of folds >= 2"),
        ({"cv": None}, "give --cv K or --val DATA or a fraction"),
        ({"base": TrainOptions(reg=1e-4, val="0.2")}, "--cv and --val both hold rows out; give one of the two"),
        ({"max_memory": 0.0}, "max-memory is 0; give a number of megabytes > 0"),
        ({"max_memory": np.inf}, "max-memory is inf"),
        ({"cv": None, "base": TrainOptions(reg=1e-4, val="0.0")}, "give --cv K or --val DATA or a fraction"),
        ({"lists": {"reg": (0.1,) * 400, "lr": (0.1,) * 400}}, "160000 configurations are more than 100000"),
        ({"lists": {"reg": ()}}, "reg has no value"),
        ({"lists": {"reg": (1.0, -1.0)}}, "reg is -1.0; give a finite number >= 0"),
        ({"lists": {"loss": ("svm", "none")}}, "loss is 'none'; give one of svm"),
        ({"metric": "auc"}, "metric is 'auc'; give one of accuracy, balanced-accuracy, "),
        (
            {"lists": {"loss": ("softmax", "svm")}, "metric": "log-loss"},
            "--metric log-loss needs probabilities, which the loss svm does not have; give one of accuracy, ",
        ),
    ],
)
def test_options_without_sense_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        SweepOptions(**arguments)


def test_more_folds_than_rows_of_any_class_are_refused() -> None:
    with pytest.raises(InputError, match="cv is 100, but the largest class has 71 training rows"):
        make_plan(SweepOptions(TrainOptions(reg=1e-4), cv=100), cut("wine", "dense", n=178))


def test_a_class_of_one_row_is_held_out_by_one_fold() -> None:
    parts = cut("wine", "dense", n=178)
    y = np.append(parts.train.y[:-1], 3)
    rare = replace(parts, classes=np.arange(4), train=Part(parts.train.X, y))
    for loss in LOSSES:
        lists = {"class_weight": (None, "balanced")}
        rows = sweep(SweepOptions(TrainOptions(reg=1e-4, loss=loss, epochs=20), lists, metric="accuracy"), rare).rows
        assert all(row.status == "done" and row.score > 0.8 for row in rows)
