"""`--reg auto`: the strength that cross-validation chooses, against scikit-learn, and the laws that the choice obeys."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from linclf import LinearClassifier
from linclf.data.row_keys import RowKeys
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.split import Part, Split
from linclf.losses import LOSSES, Loss
from linclf.model.linear_model import load
from linclf.optim.linalg import content_keys
from linclf.training import auto_reg
from linclf.training.auto_reg import RegSearch, choose_reg
from linclf.training.options import TrainOptions
from linclf.training.prepare import prepare
from linclf.training.train import train


def rows_of(n: int, d: int, K: int, seed: int = 0, size: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose classes a softmax model of known weights has drawn."""
    rng = np.random.default_rng(seed)
    X, W = rng.standard_normal((n, d)), size * rng.standard_normal((d, K))
    return X, (X @ W + rng.gumbel(size=(n, K))).argmax(axis=1)


def search(X, y, *, weights=None, keys: RowKeys | None = None, **options) -> RegSearch:
    """What is chosen for these rows."""
    split = split_of(X, y, weights, keys)
    options = TrainOptions(source=Source("t"), **{"dtype": "float64", **options})
    return choose_reg(options, split, prepare(options, split))


def split_of(X, y, weights=None, keys: RowKeys | None = None) -> Split:
    schema = Schema(X.shape[1], sparse=not isinstance(X, np.ndarray))
    return Split(np.unique(y), Part(X, y, weights), None, None, schema, {}, (), keys=keys or RowKeys())


@pytest.mark.parametrize("scale", [1.0, 0.3])
@pytest.mark.parametrize("least", [-9.4, -3.0, -0.4, 0.0, 0.7, 2.2, 8.5])
def test_the_search_finds_the_least_value(least: float, scale: float) -> None:
    seen = []

    def value(x: int) -> float:
        seen.append(x)
        return scale * (x - least) ** 2

    assert auto_reg._least(value) == pytest.approx(least)
    assert len(set(seen)) <= abs(least) + 4
    assert auto_reg._least(lambda x: -float(x)) == auto_reg.MOST_STRENGTHS - 1
    assert auto_reg._least(lambda x: 1.0) == 0


@pytest.mark.parametrize("K", [2, 3])
def test_the_losses_are_those_of_logistic_regression_on_the_same_folds(monkeypatch, K: int) -> None:
    X, y = rows_of(200, 6, K)
    monkeypatch.setattr(auto_reg, "NEAR", 1e-9)
    monkeypatch.setattr(auto_reg, "NEAR_ZERO", 0)
    monkeypatch.setattr(auto_reg, "MOST_STEPS", 200)
    options = TrainOptions(source=Source("t"), dtype="float64")
    split = split_of(X, y)
    prepared = prepare(options, split)
    found = choose_reg(options, split, prepared)
    fold_of = auto_reg._make_folds(split, prepared, 0).of
    assert set(fold_of) == {0, 1, 2}
    Z = prepared.X[:]
    for reg, loss in zip(found.tried, found.losses, strict=True):
        total = 0.0
        for k in range(3):
            used, held = fold_of != k, fold_of == k
            C = (2 if K == 2 else 1) / (reg * len(y))  # two columns of softmax halve the penalty of their difference
            twin = LogisticRegression(C=C, tol=1e-9, max_iter=10_000).fit(Z[used], y[used])
            total += log_loss(y[held], twin.predict_proba(Z[held]), labels=range(K)) * held.sum()
        assert loss == pytest.approx(total / len(y), rel=1e-4)
    # the strength is where the parabola through the losses, with the prior, has its least value
    exponents = np.log(np.array(found.tried) * len(y)) / math.log(4)
    values = np.array(found.losses) * len(y) + (exponents / auto_reg.SPREAD) ** 2 / 2
    at = int(values.argmin())
    a, b, _ = np.polyfit(exponents[at - 1 : at + 2], values[at - 1 : at + 2], 2)
    assert found.reg == pytest.approx(4 ** (-b / (2 * a)) / len(y), rel=0.01)
    assert (found.folds, found.rows) == (3, len(y))


@pytest.mark.parametrize(
    ("n", "d", "K", "size"), [(150, 20, 2, 0.4), (300, 60, 3, 0.2), (400, 10, 4, 2.0), (200, 300, 2, 0.3)]
)
def test_the_strength_is_about_as_good_as_the_best_one(n: int, d: int, K: int, size: float) -> None:
    """By the log loss on many new rows."""
    X, y = rows_of(n + 4000, d, K, size=size)
    values = {}
    for reg in ("auto", *(4.0**e / n for e in range(-3, 7))):
        model = LinearClassifier(reg=reg).fit(X[:n], y[:n])
        values[reg] = log_loss(y[n:], model.predict_proba(X[n:]))
    best = min(values.values())
    assert values["auto"] <= best + 0.1 * (max(values.values()) - best)
    assert values["auto"] <= 1.04 * best


def test_the_order_of_the_rows_and_the_units_of_columns_make_no_difference() -> None:
    X, y = rows_of(240, 5, 3)
    found, order = search(X, y), np.random.default_rng(1).permutation(len(y))
    assert search(X[order], y[order]).reg == found.reg
    assert search(X * [1, 1000, 1e-3, 7, 1], y).reg == found.reg
    assert search(X + np.array([0, 10, 0, 0, -3]), y).reg == found.reg


@pytest.mark.parametrize("loss", ["softmax", "logistic", "squared-hinge"])
def test_a_row_of_weight_2_is_two_rows_and_equal_rows_share_a_fold(loss: str) -> None:
    X, y = rows_of(120, 4, 3)
    counts = np.random.default_rng(2).integers(0, 4, len(y)).astype(float)
    kept = counts > 0
    weighted = search(X[kept], y[kept], weights=counts[kept], loss=loss)
    twice = np.repeat(np.arange(len(y)), counts.astype(int))
    repeated = search(X[twice], y[twice], loss=loss)
    assert weighted.reg == repeated.reg
    np.testing.assert_allclose(weighted.losses, repeated.losses, rtol=1e-6)
    split = split_of(X[twice], y[twice])
    options = TrainOptions(source=Source("t"), dtype="float64")
    fold_of = auto_reg._make_folds(split, prepare(options, split), 0).of
    for row in np.flatnonzero(counts):
        assert len(set(fold_of[twice == row])) == 1


def test_dense_and_sparse_rows_have_the_same_folds() -> None:
    X, y = rows_of(90, 6, 3)
    X[X < 0.5] = 0
    keys = content_keys(X)
    assert (content_keys(sparse.csr_matrix(X)) == keys).all()
    assert (content_keys(sparse.csr_matrix(X), 0.01) == content_keys(X, 0.01)).all()
    assert (content_keys(X * -0.0) == content_keys(0 * X)).all()
    assert len(set(keys)) > 80
    assert (content_keys(X * (1 + 1e-12), 1.01e-3) == content_keys(X, 1.01e-3)).all()
    few = search(X, y, scale="none")
    assert search(sparse.csr_matrix(X), y, scale="none").reg == few.reg


def test_different_rows_of_round_numbers_have_different_keys() -> None:
    """The bits of such numbers end in many zeros."""
    rng = np.random.default_rng(0)
    for low, high, d in ((0, 2, 60), (-3, 4, 12), (0, 1000, 3)):
        X = np.unique(rng.integers(low, high, (20_000, d)).astype(float), axis=0)
        assert len(np.unique(content_keys(X))) == len(X) > 19_000
        assert len(np.unique(content_keys(sparse.csr_matrix(X)))) == len(X)


def test_groups_stay_together_and_times_go_forward() -> None:
    X, y = rows_of(120, 4, 2)
    groups = np.arange(120) // 6
    options = TrainOptions(source=Source("t"), dtype="float64")
    for keys in (RowKeys(groups), RowKeys(None, np.arange(120.0)), RowKeys(groups, groups.astype(float))):
        split = split_of(X, y, keys=keys)
        prepared = prepare(options, split)
        fold_of = auto_reg._make_folds(split, prepared, 0).of
        if keys.groups is not None:
            assert all(len(set(fold_of[groups == g])) == 1 for g in range(20))
        if keys.times is not None:
            assert (np.diff(fold_of) >= 0).all()
            assert fold_of[0] == -1
        assert choose_reg(options, split, prepared).folds == 3
    # what cannot be divided
    alone = search(X, y, keys=RowKeys(np.zeros(120, int)))
    assert (alone.folds, alone.reg) == (0, pytest.approx(1 / 120, rel=0.01))


@pytest.mark.parametrize("n", [2, 3, 5])
def test_few_rows_have_a_strength_too(n: int) -> None:
    X, y = np.eye(n), np.arange(n) % 2
    found = search(X, y)
    assert 1e-3 < found.reg < 1e3
    assert LinearClassifier().fit(X, y).reg_ > 0
    if n == 2:
        assert (
            found.reason() == "auto: 1 / rows, as none could be held out such that others of each fold have two classes"
        )


def test_of_large_data_a_sample_is_used_and_one_part_held_out(monkeypatch) -> None:
    X, y = rows_of(7000, 4, 2)
    X, y, new = X[:3000], y[:3000], (X[3000:], y[3000:])
    monkeypatch.setattr(auto_reg, "MOST_NUMBERS", 4 * 600)
    some = search(X, y)
    assert 600 <= some.rows <= 602
    assert some.folds == 3
    rare = y.copy()
    rare[:40] = 2  # a class of which a sample of the rows would have 8
    rows = auto_reg._sample(rare, prepare(TrainOptions(source=Source("t")), split_of(X, rare)))
    assert np.bincount(rare[rows])[2] == auto_reg.FEWEST_OF_CLASS
    assert len(rows) <= 632
    monkeypatch.setattr(auto_reg, "ENOUGH_ROWS", 500)
    assert (search(X, y).folds, search(X, y).rows) == (1, some.rows)
    monkeypatch.undo()
    whole = search(X, y)
    assert (whole.rows, whole.folds) == (3000, 1)
    values = [
        log_loss(new[1], LinearClassifier(reg=reg).fit(X, y).predict_proba(new[0])) for reg in (some.reg, whole.reg)
    ]
    assert values[0] == pytest.approx(values[1], rel=0.01)


def test_the_number_can_be_typed_and_leads_to_the_same_model(linclf, in_tmp, loss: Loss) -> None:
    X, y = rows_of(150, 4, 3)
    np.savez("t.npz", X=X, y=y)
    chosen = json.loads(linclf(f"train t.npz --loss {loss.name} --json -o auto"))
    assert f"{chosen['reg']:.3g}" == f"{chosen['reg']:g}"
    assert (
        json.loads(linclf(f"train t.npz --loss {loss.name} --reg {chosen['reg']:g} --json -o typed"))["reg_search"]
        is None
    )
    assert load("auto").weight.tobytes() == load("typed").weight.tobytes()
    assert load("auto").record["options"]["reg"] == "auto"
    tried = chosen["reg_search"]
    assert len(tried["tried"]) == len(tried["losses"]) >= 2
    assert tried["tried"] == sorted(tried["tried"])
    found = LinearClassifier(loss.name).fit(X, y)
    twin = train(TrainOptions(loss=loss.name, source=Source("t"), dtype="float32"), split_of(X, y))
    assert found.reg_ == twin.result.reg
    assert found.model_.weight.tobytes() == twin.model.weight.tobytes()


def test_the_report_says_how_it_was_chosen_and_how_much_it_matters(linclf) -> None:
    lines = linclf("train iris").splitlines()
    (line,) = [line for line in lines if line.startswith("reg ")]
    assert "auto: of " in line
    assert "loss on held-out rows 0." in line
    assert not [line for line in linclf("train iris --reg 1e-3").splitlines() if line.startswith("reg ")]


def test_a_custom_loss_and_class_weights_are_searched_with() -> None:
    X, y = rows_of(150, 4, 2)
    own = replace(LOSSES["logistic"], name="own", dual=None, curvatures=None, difference=None)
    assert search(X, y, loss=own).reg == pytest.approx(search(X, y, loss="logistic").reg, rel=0.3)
    assert search(X, y, class_weight="balanced").folds == 3


def test_partial_fit_has_a_fixed_strength_or_that_of_fit() -> None:
    X, y = rows_of(100, 4, 2)
    assert LinearClassifier().partial_fit(X, y, classes=[0, 1]).reg_ == 1e-4
    found = LinearClassifier().fit(X, y)
    chosen = found.reg_
    assert found.partial_fit(X, y).reg_ == chosen != 1e-4


def test_numbers_that_are_too_large_are_refused_as_ever(linclf, in_tmp) -> None:
    X, y = rows_of(60, 3, 2)
    X[:30, 0] = 1e200
    np.savez("t.npz", X=X, y=y)
    ran = linclf("train t.npz --scale none --dtype float64")
    assert ran.code == 2
    assert "too large to train on" in ran.err


def test_weights_that_are_all_the_same_change_nothing_however_large() -> None:
    """An exact count and a number that is none: the search begins where there are as many different rows."""
    X, y = rows_of(150, 6, 2)
    alone = search(X, y)
    for weight in (1e3, 1e6, 1e6 + 0.5):
        assert search(X, y, weights=np.full(len(y), weight)).reg == pytest.approx(alone.reg, rel=1e-2)


def test_weak_signals_are_told_apart() -> None:
    """Held-out losses that differ by little: each strength has weights of its own."""
    rng = np.random.default_rng(0)
    X, W = rng.standard_normal((5000, 60)), rng.standard_normal((60, 2))
    y = (X @ W + 4 * np.sqrt(60) * rng.gumbel(size=(5000, 2))).argmax(axis=1)
    found = search(X[:1000], y[:1000])
    assert len(set(found.losses)) == len(found.losses)
    chosen, weak = (
        LinearClassifier(reg=reg).fit(X[:1000], y[:1000]).predict_proba(X[1000:]) for reg in (found.reg, 1e-3)
    )
    assert log_loss(y[1000:], chosen) < log_loss(y[1000:], weak) - 0.005
    noise = rng.integers(0, 2, 400)
    assert search(X[:400, :10], noise).reg > 0.1
