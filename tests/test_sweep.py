"""A sweep against single runs: each row is what `train`, or the engine with a fold's weights and scaling, gives alone."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_wine

from linclf.datasets import Features, Part, Parts
from linclf.datasets.parts import folds
from linclf.datasets.scaling import fit_scaling
from linclf.errors import InputError
from linclf.losses import LOSSES, Loss
from linclf.objective import Objective, predicted, scores
from linclf.rate import Pilot
from linclf.sgd import epochs
from linclf.sweep import Row, SweepOptions, Swept, sweep
from linclf.sweep.plan import make_plan
from linclf.training import TrainOptions, sample_weights, settings, train

SETS = {"wine": load_wine, "breast_cancer": load_breast_cancer, "digits": load_digits}
WITHIN = {"float64": 1e-9, "float32": 1e-3}


def cut(name: str, layout: str, n_val: int = 0, n: int = 240) -> Parts:
    """The first rows of a set as parts, in a layout."""
    X, y = SETS[name](return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))[:n]
    X, y = X[order], y[order]
    if layout == "csr":
        X = X / X.max(axis=0).clip(1)
        X = sparse.csr_matrix(np.where(X > 0.3, X, 0))
    pieces = [Part(X[rows], y[rows]) for rows in (slice(n_val, n), slice(0, n_val))]
    features = Features(X.shape[1], sparse=layout == "csr")
    return Parts(np.unique(y), pieces[0], pieces[1] if n_val else None, None, features, {"data": name}, ())


def by_options(swept: Swept, *names: str) -> dict[tuple, Row]:
    return {tuple(row.options[name] for name in names): row for row in swept.rows}


@pytest.mark.parametrize("layout", ["dense", "csr"])
@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
def test_rows_without_folds_equal_train(loss: Loss, dtype: str, layout: str, name: str) -> None:
    parts = cut(name, layout, 40, 178)
    base = TrainOptions(val="0.2", loss=loss.name, dtype=dtype, epochs=8, batch_size=16)
    scale = "none" if layout == "csr" else "standard"
    lists = {"reg": (1e-4, 1e-1), "lr": ("auto", 0.01), "average": (False, True), "scale": (scale, "maxabs")}
    lists |= {"momentum": (0.0, 0.9)} if loss.name in ("svm", "mse") else {"class_weight": (None, "balanced")}
    options = SweepOptions(base, lists, cv=None)
    swept = sweep(options, parts, jobs=1)
    assert len(swept.rows) == len(options.configurations()) == 32
    rows = by_options(swept, *lists)
    for configuration in options.configurations():
        alone = train(configuration, parts).result
        row = rows[tuple(getattr(configuration, key) for key in lists)]
        assert row.status == "done"
        assert row.lr == pytest.approx(alone["lr"], rel=1e-12 if dtype == "float64" else 1e-5)
        if dtype == "float64" or row.best_epoch == alone["best_epoch"]:
            assert row.best_epoch == alone["best_epoch"]
            assert row.score == pytest.approx(alone["accuracy"]["val"], abs=1e-9 if dtype == "float64" else 0.03)
            assert row.objective == pytest.approx(alone["objective"], rel=WITHIN[dtype])


def alone(configuration: TrainOptions, parts: Parts, k: int, held: int) -> tuple[float, float]:
    """The objective and the accuracy of the engine with the 0/1 weights and the scaling of one fold."""
    loss, rows = LOSSES[configuration.loss], parts.train
    used = folds(rows.y, k, configuration.seed) != held
    m = loss.n_outputs(len(parts.classes))
    scaling = fit_scaling(configuration.scale, rows.X[np.flatnonzero(used)], parts.features.sparse, str, "")
    X = scaling.apply(rows.X, configuration.dtype)
    weights = sample_weights(configuration.class_weight, rows.y, used)
    sgd = settings(configuration, X)
    if configuration.lr == "auto":
        sgd = replace(sgd, lr=Pilot(loss, X, rows.y, m, sgd, weights=weights).rate(sgd).value)
    *_, last = epochs(loss, X, rows.y, m, sgd, weights=weights)
    objective = Objective(loss, configuration.reg, configuration.reg_bias)
    outside = scores(X[np.flatnonzero(~used)], last.W, last.b)
    return (
        float(sum(objective.terms(X, rows.y, last.W, last.b, weights))),
        float(np.mean(predicted(outside) == rows.y[~used])),
    )


@pytest.mark.parametrize("layout", ["dense", "csr"])
@pytest.mark.parametrize("bias", [{}, {"bias": False}, {"reg_bias": True}], ids=["free", "no bias", "penalised"])
def test_folds_equal_the_engine_alone(loss: Loss, dtype: str, layout: str, bias: dict) -> None:
    parts = cut("wine", layout, n=178)
    base = TrainOptions(loss=loss.name, dtype=dtype, epochs=12, batch_size=16, seed=3, **bias)
    scale = "none" if layout == "csr" else "standard"
    lists = {"reg": (1e-4, 1e-1), "average": (False, True), "scale": (scale, "maxabs")}
    lists |= {"momentum": (0.0, 0.9), "lr": (0.005, "auto")} if loss.name in ("svm", "mse", "softmax") else {}
    lists |= {"class_weight": (None, "balanced")} if loss.name in ("hinge", "squared-hinge") else {}
    options = SweepOptions(base, lists, cv=3)
    rows = by_options(sweep(options, parts, jobs=1), *lists)
    for configuration in options.configurations():
        row = rows[tuple(getattr(configuration, key) for key in lists)]
        assert row.status == "done"
        for held, fold in enumerate(row.folds):
            objective, score = alone(configuration, parts, 3, held)
            assert fold["objective"] == pytest.approx(objective, rel=WITHIN[dtype])
            assert fold["score"] == pytest.approx(score, abs=1e-9 if dtype == "float64" else 0.03)
        assert row.score == pytest.approx(np.mean([fold["score"] for fold in row.folds]))
        assert row.score_std == pytest.approx(np.std([fold["score"] for fold in row.folds]))
        assert row.objective == pytest.approx(np.mean([fold["objective"] for fold in row.folds]))
