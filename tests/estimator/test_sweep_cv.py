"""LinearSweepCV: the rows of `linclf sweep`, in scikit-learn's manner."""

import json
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from linclf import LinearClassifier, LinearSweepCV
from linclf.errors import DivergedError, InputError
from linclf.losses import LOSSES

X, Y = load_wine(return_X_y=True)
CV = "cv is a number of folds; the check gives pairs of rows"


@parametrize_with_checks(
    [LinearSweepCV(param_grid={"reg": [1e-3, 1e-2]}, cv=2, n_jobs=1)],
    expected_failed_checks=lambda _: {
        f"check_sample_weight_equivalence_on_{kind}_data": CV for kind in ("dense", "sparse")
    },
)
def test_scikit_learns_own_checks(estimator, check) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the checks make other parts of scikit-learn say
        check(estimator)


@pytest.mark.parametrize("loss", ["softmax", "svm"])
def test_the_rows_are_those_of_the_command(linclf, in_tmp, loss: str) -> None:
    np.savez("t.npz", X=X, y=Y)
    grid = {"reg": [1e-1, 1e-3, 1e-2], "class_weight": [None, "balanced"]}
    found = LinearSweepCV(LinearClassifier(loss, random_state=4), grid, cv=3).fit(X, Y)
    line = (
        f"sweep t.npz --loss {loss} --reg 1e-1,1e-3,1e-2 --class-weight none,balanced --cv 3 --seed 4 --test 0 --json"
    )
    rows = json.loads(linclf(line))["rows"]
    sign = -1 if loss == "softmax" else 1
    assert found.scoring_ == ("log-loss" if loss == "softmax" else "accuracy")
    results = found.cv_results_
    assert len(rows) == len(results["params"]) == 6
    for row in rows:
        weight = row["options"]["class_weight"]
        (i,) = [
            i
            for i, one in enumerate(results["params"])
            if one["reg"] == row["options"]["reg"] and (one["class_weight"] is None) == (weight is None)
        ]
        assert results["mean_test_score"][i] == sign * row["score"]
        assert results["std_test_score"][i] == row["score_std"]
        assert results["mean_objective"][i] == row["objective"]
        assert [results[f"split{k}_test_score"][i] for k in range(3)] == [sign * fold["score"] for fold in row["folds"]]
        assert np.isnan(results["proven_percent"][i]) == (row["percent"] is None) == (loss == "svm")
    best = found.best_index_
    assert results["rank_test_score"][best] == 1
    assert sorted(results["rank_test_score"]) == sorted(
        1 + sum(b > a for b in results["mean_test_score"]) for a in results["mean_test_score"]
    )
    assert (found.best_params_, found.best_score_) == (results["params"][best], results["mean_test_score"].max())
    assert list(results["param_reg"]) == [one["reg"] for one in results["params"]]
    twin = clone(found.estimator).set_params(**found.best_params_).fit(X, Y)
    assert found.best_estimator_.coef_.tobytes() == twin.coef_.tobytes()
    assert (found.predict(X) == twin.predict(X)).all()
    assert found.score(X, Y) == twin.score(X, Y)
    assert (found.decision_function(X) == twin.decision_function(X)).all()


def test_scores_are_those_of_a_grid_search_of_logistic_regression() -> None:
    """The folds differ: the means of ten are compared."""
    X, y = load_breast_cancer(return_X_y=True)
    regs = [1e-3, 1e-2, 1e-1]
    found = LinearSweepCV(LinearClassifier("logistic"), {"reg": regs}, cv=10).fit(X, y)
    n = len(y) * 0.9
    twin = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        {"logisticregression__C": [1 / (n * reg) for reg in regs]},
        cv=10,
        scoring="neg_log_loss",
    ).fit(X, y)
    np.testing.assert_allclose(found.cv_results_["mean_test_score"], twin.cv_results_["mean_test_score"], rtol=0.15)
    assert found.cv_results_["rank_test_score"][2] == 3


def test_defaults_one_standard_error_weights_groups_and_sparse_rows() -> None:
    found = LinearSweepCV().fit(X, Y)
    assert [one["reg"] for one in found.cv_results_["params"]] == [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    assert (found.n_splits_, found.n_features_in_, list(found.classes_)) == (5, 13, [0, 1, 2])
    assert found.best_estimator_.reg_ == found.best_params_["reg"]
    both = LinearSweepCV(param_grid={"loss": iter(["squared-hinge", "softmax"])}, scoring="accuracy").fit(X, Y)
    assert [len(both.cv_results_["params"]), set(both.best_params_)] == [12, {"loss", "reg"}]
    assert both.best_estimator_.reg_ == both.best_params_["reg"]
    regularised = LinearSweepCV(refit="1se").fit(X, Y)
    assert regularised.best_params_["reg"] >= found.best_params_["reg"]
    assert regularised.best_score_ <= found.best_score_
    # a row of weight 0 is none
    some = np.arange(len(Y)) % 7 != 0
    weighted, kept = LinearSweepCV().fit(X, Y, sample_weight=some.astype(float)), LinearSweepCV().fit(X[some], Y[some])
    np.testing.assert_array_equal(weighted.cv_results_["mean_test_score"], kept.cv_results_["mean_test_score"])
    # rows of a group that are in one fold are no help to one another
    twice, labels, groups = np.repeat(X[::6], 4, axis=0), np.repeat(Y[::6], 4), np.repeat(np.arange(30), 4)
    together, apart = LinearSweepCV().fit(twice, labels, groups=groups), LinearSweepCV().fit(twice, labels)
    assert together.best_score_ < apart.best_score_
    rows = sparse.csr_matrix(np.where(X.mean(axis=0) < X, X, 0))
    assert LinearSweepCV(LinearClassifier(scale="maxabs")).fit(rows, Y).score(rows, Y) > 0.9
    names = LinearSweepCV(param_grid={"reg": [1e-2]}).fit(load_wine(as_frame=True).data, Y)
    assert names.feature_names_in_[0] == "alcohol"
    assert cross_val_score(LinearSweepCV(cv=3), X, Y, cv=3).min() > 0.9


def test_without_a_refit_there_are_results_alone() -> None:
    found = LinearSweepCV(
        param_grid={"reg": [1e-3, 1e-2], "loss": ["hinge", LOSSES["softmax"]]}, refit=False, cv=2
    ).fit(X, Y)
    assert not hasattr(found, "best_estimator_")
    assert set(found.best_params_) == {"reg", "loss"}
    with pytest.raises(AttributeError, match="with refit=False there is no best_estimator_"):
        found.predict(X)
    assert not hasattr(found, "predict_proba")
    frame = load_wine(as_frame=True).data
    refitted = found.set_params(refit="best").fit(frame, Y)
    np.testing.assert_allclose(np.exp(refitted.predict_log_proba(frame)), refitted.predict_proba(frame))
    again = refitted.set_params(refit=False, n_jobs=-1).fit(X, Y)
    assert not hasattr(again, "best_estimator_")
    assert not hasattr(again, "feature_names_in_")
    with pytest.raises(NotFittedError):
        LinearSweepCV().predict(X)
    assert not hasattr(LinearSweepCV(LinearClassifier("svm")), "predict_proba")
    assert hasattr(LinearSweepCV(), "predict_proba")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"param_grid": {"epochs": [3]}}, ValueError, "param_grid has 'epochs'; give lists for some of loss, reg, lr"),
        ({"param_grid": {"reg": ["auto"]}}, InputError, "reg auto holds out rows of its own"),
        ({"param_grid": {"reg": 1e-3}}, ValueError, "param_grid has reg=0.001; give a list of values"),
        ({"param_grid": {"loss": "svm"}}, ValueError, "param_grid has loss='svm'; give a list of values"),
        ({"param_grid": {"reg": [None, 0.1]}}, ValueError, "The 'reg' parameter of LinearClassifier must be"),
        ({"param_grid": {"reg": []}}, InputError, "reg has no value"),
        ({"cv": 500}, InputError, "cv is 500, but the largest class has"),
        (
            {"estimator": LinearClassifier(early_stopping=True)},
            ValueError,
            "early_stopping and threshold hold rows out",
        ),
        ({"scoring": "log-loss", "estimator": LinearClassifier("svm")}, InputError, "log-loss needs probabilities"),
        ({"estimator": LinearClassifier(lr=1e12, epochs=3, scale="none")}, DivergedError, "every candidate diverged"),
    ],
)
def test_wrong_use_is_an_error_that_says_what_to_do(options: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        LinearSweepCV(**options).fit(X, Y)
    with pytest.raises(ValueError, match="groups are 3 for 178 rows"):
        LinearSweepCV().fit(X, Y, groups=[1, 2, 3])
