"""coef_, intercept_ and classes_ are the model: what is set, everything uses."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from linclf import LinearClassifier, Loss, load
from linclf.errors import InputError
from linclf.losses import LOSSES, softmax
from linclf.model.calibration import calibrate


@pytest.fixture(params=[2, 3], ids=["two classes", "three classes"])
def data(request):
    X, y = load_iris(return_X_y=True)
    rows = (y > 0) | (request.param == 3)
    return X[rows], np.array(["a", "b", "c"])[y[rows]]


def agrees(model: LinearClassifier, X, coef, intercept) -> None:
    """What the model says of X is what its weights say."""
    scores = X @ coef.T + intercept
    binary = scores.shape[1] == 1
    np.testing.assert_allclose(model.decision_function(X), scores[:, 0] if binary else scores, rtol=1e-5, atol=1e-5)
    codes = (scores[:, 0] > 0).astype(int) if binary else scores.argmax(axis=1)
    np.testing.assert_array_equal(model.predict(X), model.classes_[codes])
    np.testing.assert_array_equal(model.model_.predict(X), model.predict(X))
    if LOSSES[model.model_.loss].logits:
        logits = LOSSES[model.model_.loss].logits(np.hstack([0 * scores, scores]) if binary and model.loss != "logistic" else scores)  # fmt: skip
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(model.predict_proba(X), p, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(model.model_.probabilities(X), model.predict_proba(X))


@pytest.mark.parametrize("loss", list(LOSSES))
def test_weights_that_are_set_are_the_model(data, in_tmp, loss: str) -> None:
    X, y = data
    trained = LinearClassifier(loss, epochs=20).fit(X, y)
    agrees(trained, X, trained.coef_, trained.intercept_)
    coef, intercept = trained.coef_ * 0.5 + 0.1, trained.intercept_ - 1
    before_fit = LinearClassifier(loss, epochs=20)
    for model in (trained, before_fit, LinearClassifier.from_model(trained.model_)):
        model.coef_, model.intercept_, model.classes_ = coef, intercept, np.unique(y)
        agrees(model, X, coef, intercept)
        model.save("m")
        loaded = LinearClassifier.from_model(load("m"))
        np.testing.assert_allclose(loaded.decision_function(X), model.decision_function(X), rtol=1e-12)
        assert hasattr(model, "predict_proba") == (LOSSES[loss].logits is not None)
        # fit continues there, and partial_fit
        warm = clone(model).set_params(warm_start=True, epochs=1, lr=1e-12, dtype="float64")
        warm.coef_, warm.intercept_, warm.classes_ = coef, intercept, np.unique(y)
        np.testing.assert_allclose(warm.fit(X, y).coef_, coef, rtol=1e-6)
        model.set_params(lr=1e-12, dtype="float64").partial_fit(X, y)
        np.testing.assert_allclose(model.coef_, coef, rtol=1e-6)
        model.set_params(lr="auto", dtype="float32").fit(X, y)  # without warm_start fit starts from zero weights
    np.testing.assert_array_equal(before_fit.coef_, LinearClassifier(loss, epochs=20).fit(X, y).coef_)


def test_changes_in_place_are_changes(data) -> None:
    X, y = data
    model = LinearClassifier().fit(X, y)
    same = model.model_
    assert (model.coef_ is model.coef_, model.model_) == (True, same)  # to look changes nothing
    for one in (model, pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        coef, intercept = one.coef_.copy(), one.intercept_.copy()
        one.coef_[0] += 1
        one.intercept_ *= 2
        coef[0] += 1
        agrees(one, X, coef, intercept * 2)
        assert "metrics" not in one.model_.record  # those of other weights
    assert (model.model_.weight.shape, model.coef_.flags.c_contiguous) == (same.weight.shape, True)


def test_the_weights_of_another_library_may_be_set(data, linclf, in_tmp) -> None:
    X, y = data
    other = LogisticRegression(max_iter=1000).fit(X, y)
    model = LinearClassifier("softmax")
    for name in ("coef_", "intercept_", "classes_"):
        setattr(model, name, getattr(other, name))
    np.testing.assert_array_equal(model.predict(X), other.predict(X))
    np.testing.assert_allclose(model.predict_proba(X), other.predict_proba(X), rtol=1e-9)
    assert model.n_features_in_ == 4
    model.save("m")
    assert "trained on nothing known: its weights were set in Python" in linclf("info m")
    np.savez("t.npz", X=X, y=y)
    assert float(linclf("evaluate m t.npz --json").split('"accuracy":')[1].split(",")[0]) == other.score(X, y)
    average = LinearClassifier()  # of two models, as in federated learning
    average.coef_, average.intercept_ = (model.coef_ + other.coef_) / 2, (model.intercept_ + other.intercept_) / 2
    average.classes_ = list(other.classes_)
    np.testing.assert_allclose(average.decision_function(X), other.decision_function(X), rtol=1e-9)


def test_other_attributes_follow_the_weights(data) -> None:
    X, y = data
    model = LinearClassifier(scale="none").fit(pd.DataFrame(X, columns=list("abcd")), y)
    assert model.feature_names_in_.tolist() == list("abcd")
    model.coef_ = model.coef_[:, :2]
    assert (model.n_features_in_, hasattr(model, "feature_names_in_")) == (2, False)
    assert model.predict(X[:, :2]).shape == y.shape
    model.classes_ = np.arange(len(model.classes_)) + 10
    assert model.predict(X[:, :2]).min() >= 10
    model.coef_ = model.coef_.astype(int)
    assert model.coef_.dtype == np.float64


def test_sparse_weights(data) -> None:
    X, y = data
    model = LinearClassifier().fit(X, y)
    scores, coef = model.decision_function(X), model.coef_
    assert sparse.issparse(model.sparsify().coef_)
    np.testing.assert_array_equal(model.decision_function(X), scores)
    assert "metrics" in model.model_.record  # the weights are the same
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    np.testing.assert_array_equal(model.densify().coef_, coef)
    model.sparsify().partial_fit(X, y)
    assert isinstance(model.coef_, np.ndarray)


def test_what_is_not_a_model_is_refused(data) -> None:
    X, y = data
    classes, k = np.unique(y), 1 if len(set(y)) == 2 else 3
    model = LinearClassifier()
    with pytest.raises(NotFittedError, match="has no coef_ yet; call fit, or set coef_, intercept_, classes_"):
        _ = model.coef_
    assert not hasattr(model, "coef_")
    assert not hasattr(model, "model_")
    model.coef_, model.intercept_ = np.zeros((k, 4)), np.zeros(k)
    for call in (model.predict, model.decision_function, model.predict_proba):
        with pytest.raises(NotFittedError):
            call(X)
    with pytest.raises(NotFittedError):
        model.save("m")
    model.classes_ = classes
    check_is_fitted(model)
    for name, value, message in (
        ("coef_", np.zeros((k + 1, 4)), rf"coef_ has the shape .* set \({k}, n_features\) and \({k},\)"),
        ("coef_", np.zeros(4), "coef_ has the shape"),
        ("intercept_", np.zeros(k + 1), "intercept_"),
        ("coef_", np.full((k, 4), np.nan), "not finite"),
        ("classes_", classes[::-1], "set two labels or more, sorted"),
        ("classes_", classes[:1], "set two labels or more"),
    ):
        wrong = copy.deepcopy(model)
        setattr(wrong, name, value)
        with pytest.raises(ValueError, match=message):
            wrong.predict(X)
    model.intercept_ = 0.0  # for all
    assert model.predict(X).shape == y.shape
    model.coef_ = np.zeros((k, 3))
    with pytest.raises(ValueError, match="X has 4 features, but LinearClassifier is expecting 3"):
        model.predict(X)


def test_probabilities_exist_where_the_loss_has_them(data) -> None:
    X, y = data
    model = LinearClassifier("hinge")
    for one in (model, clone(model).fit(X, y)):
        assert not hasattr(one, "predict_proba")
        with pytest.raises(AttributeError) as error:
            one.predict_proba(X)
        assert str(error.value.__cause__) == "probability estimates are not available for loss='hinge'"
    fitted = clone(model).fit(X, y)
    calibrated = replace(fitted.model_, calibration=calibrate("sigmoid", fitted.model_.scores(X), np.unique(y, return_inverse=True)[1]))  # fmt: skip
    estimator = LinearClassifier.from_model(calibrated)
    np.testing.assert_allclose(estimator.predict_proba(X), calibrated.probabilities(X))
    estimator.coef_ = estimator.coef_ * 2  # the calibration was that of other scores
    assert estimator.model_.calibration is None


def test_a_threshold_set_by_hand_holds_for_weights_set_by_hand() -> None:
    X, y = load_iris(return_X_y=True)
    X, y = X[y > 0], y[y > 0]
    model = LinearClassifier(threshold=0.9).fit(X, y)
    model.coef_ = model.coef_ / 2
    np.testing.assert_array_equal(model.predict(X), np.where(model.predict_proba(X)[:, 1] >= 0.9, 2, 1))
    assert model.model_.threshold.value == 0.9
    learned = LinearClassifier(threshold="f1").fit(X, y)
    learned.coef_ = learned.coef_ / 2
    assert learned.model_.threshold is None  # it was learned for other scores


def test_selectors_read_the_weights(data) -> None:
    X, y = data
    assert SelectFromModel(LinearClassifier(), max_features=2).fit_transform(X, y).shape[1] <= 2
    assert RFE(LinearClassifier(epochs=5), n_features_to_select=2).fit(X, y).support_.sum() == 2


def cross_entropy(scores, y):
    cross_entropy.calls += 1
    return softmax(scores, y)


cross_entropy.calls = 0


def test_a_custom_loss_is_checked_once_and_travels(data) -> None:
    cloudpickle, (X, y) = pytest.importorskip("cloudpickle"), data
    loss = Loss(f"ce of {len(set(y))}", cross_entropy, "", "", logits=LOSSES["softmax"].logits)
    first = LinearClassifier(loss, epochs=1).fit(X, y)
    checked = cross_entropy.calls
    clone(first).fit(X, y)
    in_a_fit = cross_entropy.calls - checked
    clone(first).set_params(random_state=0).fit(X, y)
    assert cross_entropy.calls - checked == 2 * in_a_fit < checked
    here = 3.0  # a closure, which pickle refuses
    local = Loss("local", lambda scores, y: tuple(a * here for a in softmax(scores, y)), "", "")
    for model, module in ((first, pickle), (LinearClassifier(local, epochs=2).fit(X, y), cloudpickle)):
        there = module.loads(module.dumps(model))
        np.testing.assert_array_equal(there.predict(X), model.predict(X))
        np.testing.assert_array_equal(there.fit(X, y).coef_, model.fit(X, y).coef_)
        np.testing.assert_array_equal(clone(there).fit(X, y).coef_, model.coef_)


def test_errors_and_warnings_name_parameters() -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match="scale the columns, with scale standard") as caught:
        LinearClassifier(scale="none", epochs=2).fit(X, y)
    assert caught[0].filename == __file__
    X = np.where(X.max() == X, 1e300, X)
    for options, message in (
        ({"scale": "none"}, r"X: column 0 has 1e\+300, beyond float32; use scale standard or maxabs, dtype float64, or rescale it"),
        ({"scale": "none", "dtype": "float64"}, "too large to train on; use scale standard or maxabs"),
        ({"fit_bias": False, "reg_bias": True}, "reg_bias needs a bias; leave out fit_bias=False"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            LinearClassifier(**options).fit(X, y)


def test_weights_that_are_set_draw_no_random_numbers() -> None:
    X, y = load_iris(return_X_y=True)
    states = [np.random.RandomState(0) for _ in range(2)]
    found = [LinearClassifier(random_state=state).fit(X, y) for state in states]
    found[0].coef_ = np.ones((3, 4))
    found[0].predict(X)
    assert states[0].randint(10**9) == states[1].randint(10**9)


def test_weights_that_are_no_matrix_and_thresholds_off_the_scale_are_refused() -> None:
    X, y = (a[:100] for a in load_iris(return_X_y=True))
    found = LinearClassifier().fit(X, y)
    found.coef_ = 1.0
    with pytest.raises(ValueError, match=r"coef_ has the shape \(\)"):
        found.predict(X)
    found.coef_ = np.ones((1, 4))
    found.set_params(threshold=5)
    found.intercept_ = np.zeros(1)
    with pytest.raises(ValueError, match="threshold is 5; the model has probabilities, so give one from 0 to 1"):
        found.predict(X)
