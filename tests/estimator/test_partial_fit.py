"""partial_fit: the scaling and the learning rate follow the rows so far, however they are cut into calls."""

import pickle
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler

import linclf
from linclf import LinearClassifier
from linclf.data.scaling import moments
from linclf.errors import DivergedError, InputError
from linclf.losses import LOSSES
from linclf.training.stream import Stream

CLASSES = [0, 1, 2]
EVEN = np.ones(3)  # the weights of the classes


@pytest.fixture
def iris():
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return X[order], y[order]


def calls(size: int, *arrays) -> list[tuple]:
    """The rows cut into calls of this size."""
    return [tuple(a[i : i + size] for a in arrays) for i in range(0, arrays[0].shape[0], size)]


def fed(model: LinearClassifier, size: int, X, y, classes: Sequence = CLASSES) -> LinearClassifier:
    """The model after the rows, in calls of this size."""
    for x, labels in calls(size, X, y):
        model.partial_fit(x, labels, classes=classes)
    return model


def by_hand(pieces, loss, lr, *, scale, reg=1e-4, batch=64, constant=False, bias_rate=1.0, of_class=EVEN):
    """coef_, intercept_ and their averages over all steps after some calls of (X, y, weights), by the formulas of the docs."""
    loss, so_far, weights, seen, steps = LOSSES[loss], [], [], 0.0, []
    d, m = pieces[0][0].shape[1], loss.n_outputs(3)
    W, b = np.zeros((d, m)), np.zeros(m)
    for X, y, w in pieces:
        so_far.append(X)
        weights.append(w)
        rows, v = np.concatenate(so_far), np.concatenate(weights)
        center, size = np.zeros(d), np.ones(d)
        if scale == "standard":
            center = np.average(rows, axis=0, weights=v)
            size = np.sqrt(np.average((rows - center) ** 2, axis=0, weights=v))
        elif scale == "maxabs":
            size = np.abs(rows).max(axis=0)
        size = np.where(size > 1e-12, size, 1)
        order = np.random.default_rng(0).permutation(len(y))
        for begin in range(0, len(y), batch):
            r = order[begin : begin + batch]
            z, v = (X[r] - center) / size, w[r] * of_class[y[r]]
            rate = lr if constant else lr / np.sqrt(1 + seen / batch / 16)
            g = loss(z @ W + b, y[r])[1] * v[:, None]
            g /= (1 + rate / batch * loss.curvature * v * ((z**2).sum(axis=1) + 1))[:, None]
            W = (W - rate / batch * z.T @ g) / (1 + rate * v.sum() / batch * reg)
            b = b - bias_rate * rate / batch * g.sum(axis=0)
            seen += v.sum()
            steps.append((W, b))
    W_mean, b_mean = (np.mean([step[i] for step in steps], axis=0) for i in (0, 1))
    last, mean = (((V / size[:, None]).T, c - center @ (V / size[:, None])) for V, c in ((W, b), (W_mean, b_mean)))
    return last, mean


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("scale", ["standard", "maxabs", "none"])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_the_steps_are_those_of_the_docs(iris, loss: str, scale: str, size: int) -> None:
    X, y = (a[: 60 if size == 1 else 150] for a in iris)
    found = LinearClassifier(loss, scale=scale, lr=0.3, dtype="float64", reg=1e-2)
    last, _ = by_hand(calls(size, X, y, np.ones(len(y))), loss, 0.3, scale=scale, reg=1e-2)
    fed(found, size, X, y)
    np.testing.assert_allclose(found.coef_, last[0], rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(found.intercept_, last[1], rtol=1e-7, atol=1e-10)


def test_a_constant_schedule_keeps_the_rate_and_an_average_is_over_all_steps(iris) -> None:
    X, y = iris
    pieces = calls(30, X, y, np.ones(150))
    for constant in (True, False):
        for average in (True, False):
            model = LinearClassifier(lr=0.3, dtype="float64", average=average, schedule="constant" if constant else "linear")  # fmt: skip
            found = fed(model, 30, X, y)
            last, mean = by_hand(pieces, "softmax", 0.3, scale="standard", constant=constant)
            np.testing.assert_allclose(found.coef_, (mean if average else last)[0], rtol=1e-8)
            np.testing.assert_allclose(found.intercept_, (mean if average else last)[1], rtol=1e-8)


def test_the_bias_of_sparse_data_takes_a_hundredth_of_the_step(iris) -> None:
    X, y = iris
    X = np.where(X > 2, X, 0)
    found = LinearClassifier(lr=0.3, dtype="float64")
    for x, labels in calls(30, sparse.csr_matrix(X), y):
        found.partial_fit(x, labels, classes=CLASSES)
    last, _ = by_hand(calls(30, X, y, np.ones(150)), "softmax", 0.3, scale="none", bias_rate=0.01)
    np.testing.assert_allclose(found.coef_, last[0], rtol=1e-8)
    np.testing.assert_allclose(found.intercept_, last[1], rtol=1e-8)
    without = LinearClassifier(lr=0.3, fit_bias=False).partial_fit(sparse.csr_matrix(X), y, classes=CLASSES)
    assert not without.intercept_.any()


@pytest.mark.parametrize("loss", ["softmax", "squared-hinge"])
@pytest.mark.parametrize("scale", ["none", "maxabs"])
def test_weights_count_rows(iris, loss: str, scale: str) -> None:
    """They are absolute: a row of weight 2 is two rows, one of weight 0 is none, in a call of one row, too."""
    X, y = iris
    w = np.random.default_rng(1).integers(0, 4, 150).astype(float)
    found = LinearClassifier(loss, scale=scale, lr=0.3, dtype="float64")
    for x, labels, weights in calls(1, X, y, w):
        found.partial_fit(x, labels, CLASSES, weights)
    kept = w > 0
    last, _ = by_hand(calls(1, X[kept], y[kept], w[kept]), loss, 0.3, scale=scale)
    np.testing.assert_allclose(found.coef_, last[0], rtol=1e-8)
    named = LinearClassifier(loss, scale=scale, lr=0.3, dtype="float64", class_weight={0: 2, 1: 0.5})
    for x, labels in calls(10, X, y):
        named.partial_fit(x, labels, CLASSES)
    last, _ = by_hand(calls(10, X, y, np.ones(150)), loss, 0.3, scale=scale, of_class=np.array([2, 0.5, 1]))
    np.testing.assert_allclose(named.coef_, last[0], rtol=1e-8)
    rows = LinearClassifier(loss, scale=scale, dtype="float64", batch_size=10**6)
    twice = LinearClassifier(loss, scale=scale, dtype="float64", batch_size=10**6)
    rows.partial_fit(np.repeat(X, 2, axis=0), np.repeat(y, 2), CLASSES)
    twice.partial_fit(X, y, CLASSES, np.full(150, 2.0))
    # a row of weight 2 is damped more than two rows are, by curved losses
    np.testing.assert_allclose(twice.coef_, rows.coef_, rtol=1e-3 if LOSSES[loss].curvature else 1e-8)


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("schedule", ["linear", "constant"])
def test_a_weight_of_several_minibatches_takes_their_steps(iris, loss: str, schedule: str) -> None:
    X, y = (a[::5] for a in iris)
    w = np.random.default_rng(1).integers(1, 9, 30)
    options = {"scale": "maxabs", "lr": 0.3, "dtype": "float64", "batch_size": 2, "schedule": schedule}
    weighted, repeated = (LinearClassifier(loss, **options).partial_fit(X[:1], y[:1], CLASSES) for _ in range(2))
    for i in range(30):
        two = X[[i, i]], y[[i, i]]  # a full minibatch
        weighted.partial_fit(*two, sample_weight=np.full(2, float(w[i])))
        for _ in range(w[i]):
            repeated.partial_fit(*two)
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(weighted.intercept_, repeated.intercept_, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("weight", [10.0, 1e9])
def test_large_weights_do_not_overshoot(iris, loss: str, weight: float) -> None:
    X, y = iris
    plain, weighted = LinearClassifier(loss), LinearClassifier(loss)
    for x, labels, w in calls(50, X, y, np.full(150, weight)):
        plain.partial_fit(x, labels, CLASSES)
        weighted.partial_fit(x, labels, CLASSES, w)
    assert weighted.objective_ < 1.2 * plain.objective_
    assert weighted.score(X, y) >= plain.score(X, y)


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("size", [1, 10])
def test_a_stream_of_small_calls_is_learned(loss: str, size: int) -> None:
    n = 20 * size + 200
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 5)) * np.logspace(-3, 3, 5) + np.logspace(3, -3, 5)
    y = (StandardScaler().fit_transform(X) @ rng.normal(size=5) > 0) ^ (rng.random(n) < 0.1)
    found = fed(LinearClassifier(loss), size, X, y, [False, True])
    assert found.score(X, y) > 0.75
    found.partial_fit(X[:20], ~y[:20])  # a drift is no error


@pytest.mark.parametrize(("load", "size"), [(load_breast_cancer, 1), (load_breast_cancer, 100), (load_digits, 20)])
def test_one_pass_is_as_accurate_as_that_of_scikit_learn_after_its_scaler(load, size: int) -> None:
    X, y = load(return_X_y=True)
    order, labels = np.random.default_rng(0).permutation(len(y)), np.unique(y)
    X, y = X[order], y[order]
    n = len(y) * 3 // 4
    found = fed(LinearClassifier(), size, X[:n], y[:n], labels)
    scaler, other = StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)
    for x, codes in calls(max(size, 10), X[:n], y[:n]):
        other.partial_fit(scaler.partial_fit(x).transform(x), codes, classes=labels)
    assert found.score(X[n:], y[n:]) >= other.score(scaler.transform(X[n:]), y[n:])


def test_a_column_that_was_constant_at_first_is_learned() -> None:
    rng = np.random.default_rng(0)
    X = np.full((600, 2), [5.0, 1e6])
    X[300:, 0] += rng.normal(size=300)
    y = np.where(np.arange(600) < 300, rng.integers(0, 2, 600), X[:, 0] > 5)
    found = fed(LinearClassifier(), 10, X[:300], y[:300], [0, 1])
    assert not found.coef_.any()
    assert fed(found, 10, X[300:], y[300:], [0, 1]).score(X[300:], y[300:]) > 0.8


def test_an_automatic_rate_is_settled_by_the_first_200_rows(iris) -> None:
    X, y = iris
    found, rates = LinearClassifier(), []
    for x, labels in calls(10, np.vstack([X, X]), np.tile(y, 2)):
        rates.append(found.partial_fit(x, labels, classes=CLASSES).lr_)
    assert len(set(rates[:20])) > 5
    assert len(set(rates[19:])) == 1
    assert found._stream.rate.rows == ()  # no rows stay in the estimator
    room, reused = np.empty((10, 4)), LinearClassifier()
    for x, labels in calls(10, np.vstack([X, X]), np.tile(y, 2)):
        room[:] = x  # the caller's array, which is used again
        reused.partial_fit(room, labels, classes=CLASSES)
    assert reused.lr_ == rates[-1]
    # the rate given is the one used, also in between, and the automatic one comes back
    assert found.set_params(lr=0.01).partial_fit(x, labels).lr_ == 0.01
    assert found.set_params(lr="auto").partial_fit(x, labels).lr_ == rates[-1]


@pytest.mark.parametrize("scale", ["standard", "maxabs", "none"])
def test_after_fit_the_scaling_and_the_rows_so_far_are_those_of_fit(iris, in_tmp, scale: str) -> None:
    X, y = iris
    X = np.hstack([X, np.full((150, 1), 7.0)])
    fitted = LinearClassifier(scale=scale, epochs=50).fit(X, y)
    fitted.save("m")
    for model in (fitted, LinearClassifier.from_model(linclf.load("m"))):
        stream, known = Stream(model.model_), moments(scale, X) if scale != "none" else None
        assert (stream.kind, stream.rows) == (scale, 150 * 50)
        if known is not None:
            assert stream.moments.n == 150
            for name in ("mean", "squares", "largest"):
                np.testing.assert_allclose(getattr(stream.moments, name), getattr(known, name), rtol=1e-9, atol=1e-9)
        score, coef = model.score(X, y), model.coef_
        for x, labels in calls(1, X[:20], y[:20]):
            model.partial_fit(x, labels)
        assert model.score(X, y) >= score - 0.01
        np.testing.assert_allclose(model.coef_[:, :4], coef[:, :4], rtol=0.3, atol=0.3)
        assert model.model_.record["metrics"]["n_train"] == 150 * 50 + 20


def test_calls_continue_from_weights_that_were_set_and_from_a_pickle(iris) -> None:
    X, y = iris
    found = fed(LinearClassifier(dtype="float64"), 50, X, y)
    same = pickle.loads(pickle.dumps(found)).partial_fit(X, y)
    again = pickle.loads(pickle.dumps(found)).partial_fit(X, y)
    np.testing.assert_array_equal(same.coef_, again.coef_)
    set_again = pickle.loads(pickle.dumps(found))
    set_again.coef_ = found.coef_ + 0.0  # equal numbers change nothing
    np.testing.assert_array_equal(set_again.partial_fit(X, y).coef_, same.coef_)
    moved = pickle.loads(pickle.dumps(found))
    moved.coef_, moved.intercept_ = np.zeros((3, 4)), np.zeros(3)
    fresh = LinearClassifier(dtype="float64", lr=0.01).partial_fit(X, y, classes=CLASSES)
    moved.set_params(lr=0.01).partial_fit(X, y)
    np.testing.assert_allclose(moved.coef_, fresh.coef_, rtol=0.2)
    assert moved._stream.moments.n == 300


def test_a_call_that_fails_changes_nothing(iris) -> None:
    X, y = iris
    found, other = (fed(LinearClassifier("mse"), 50, X, y) for _ in range(2))
    with pytest.raises(DivergedError, match=r"training diverged at lr 1e\+300: the weights are not finite; use a smaller lr, or auto"):  # fmt: skip
        found.set_params(lr=1e300).partial_fit(X, y)
    found.set_params(**other.get_params())
    np.testing.assert_array_equal(found.partial_fit(X, y).coef_, other.partial_fit(X, y).coef_)


def test_settings_may_change_between_calls(iris) -> None:
    X, y = iris
    found = fed(LinearClassifier(), 50, X, y)
    before = found.decision_function(X)
    found.set_params(reg=1e-2, batch_size=10, dtype="float64", lr=1e-9, momentum=0.5).partial_fit(X, y)
    np.testing.assert_allclose(found.decision_function(X), before, rtol=1e-4, atol=1e-4)
    assert found.set_params(lr=1.0).partial_fit(X, y).lr_ == 1.0
    binary = LinearClassifier("logistic").fit(X[y < 2], y[y < 2])
    with pytest.raises(InputError, match="another number of outputs than the one trained with so far; fit again"):
        binary.set_params(loss="softmax").partial_fit(X[y < 2], y[y < 2])
    dense = fed(LinearClassifier(), 50, X, y)
    with pytest.raises(InputError, match="X: scale standard would make sparse data dense; use scale maxabs or none"):
        dense.partial_fit(sparse.csr_matrix(X), y)
    mixed, alike = (fed(LinearClassifier(scale="maxabs", lr=0.1), 50, X, y) for _ in range(2))
    mixed.partial_fit(sparse.csr_matrix(X[:1]), y[:1])  # sparse rows after dense ones
    np.testing.assert_allclose(mixed.coef_, alike.partial_fit(X[:1], y[:1]).coef_, rtol=1e-5)
    before = dense.decision_function(X)  # another scaling starts at the same function
    dense.set_params(scale="none", lr=1e-9).partial_fit(X, y)
    np.testing.assert_allclose(dense.decision_function(X), before, rtol=1e-4, atol=1e-4)
    assert dense.model_.scale is None


def test_calls_that_make_no_sense_are_refused(iris) -> None:
    X, y = iris
    found = LinearClassifier().partial_fit(X, y, classes=CLASSES)
    for model, arguments, message in (
        (LinearClassifier(), {}, "classes must be passed on the first call to partial_fit"),
        (LinearClassifier(), {"classes": [0, 1]}, "the label 2, which is not among the classes"),
        (LinearClassifier(), {"classes": [0]}, r"needs at least two classes; classes are \[0\]"),
        (found, {"classes": [0, 1]}, "but were .* at the first call"),
        (LinearClassifier(early_stopping=True), {"classes": CLASSES}, "early_stopping is not supported for partial_fit"),
        (LinearClassifier(class_weight="balanced"), {"classes": CLASSES}, "class_weight 'balanced' is not supported"),
        (LinearClassifier(), {"classes": CLASSES, "sample_weight": np.zeros(150)}, "all weights are 0 in the first call"),
        (found, {"sample_weight": -np.ones(150)}, "[Nn]egative"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            model.partial_fit(X, y, **arguments)
    coef = found.coef_
    nothing = LinearClassifier(class_weight={0: 0}).partial_fit(X, y, classes=CLASSES)
    before = nothing.coef_
    assert nothing.partial_fit(X[y == 0][:1], y[y == 0][:1]).coef_ is before
    with pytest.raises(InputError, match="threshold is 5; the model has probabilities, so give one from 0 to 1"):
        LinearClassifier(threshold=5).partial_fit(X[y > 0], y[y > 0], classes=[1, 2])
    assert found.partial_fit(X, y, sample_weight=np.zeros(150)).coef_ is coef
    assert found.history_[0]["epoch"] == 1


def test_no_class_of_the_first_call_needs_to_have_rows(iris) -> None:
    X, y = iris
    order = np.argsort(y, kind="stable")
    found = fed(LinearClassifier("svm"), 1, X[order], y[order], [0, 1, 2, 3])
    assert found.classes_.tolist() == [0, 1, 2, 3]
    assert found.coef_.shape == (4, 4)
    assert np.isfinite(found.coef_).all()
