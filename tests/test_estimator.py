"""LinearClassifier is a scikit-learn classifier, and the same thing as the command line."""

import importlib
import io
import warnings
from dataclasses import replace

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import linclf
from linclf import LinearClassifier
from linclf.errors import InputError
from linclf.losses import LOSSES
from linclf.model.linear_model import load as load_model


@parametrize_with_checks([LinearClassifier(loss=name) for name in LOSSES])
def test_scikit_learns_own_checks(estimator, check) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the checks make other parts of scikit-learn say
        check(estimator)


@pytest.fixture
def iris():
    return load_iris(return_X_y=True)


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("data", ["iris", "breast_cancer", "sparse"])
@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({}, ""),
        ({"scale": "maxabs", "reg": 1e-3, "epochs": 7, "batch_size": 16, "average": True}, "--scale maxabs --reg 1e-3 --epochs 7 --batch-size 16 --average"),
        ({"scale": "none", "early_stopping": True, "validation_fraction": 0.2, "patience": 3, "momentum": 0.5}, "--scale none --val 0.2 --patience 3 --momentum 0.5"),
        ({"scale": "maxabs", "class_weight": "balanced", "lr": 0.01, "schedule": "cosine", "fit_bias": False}, "--scale maxabs --class-weight balanced --lr 0.01 --schedule cosine --no-bias"),
    ],
    ids=["plain", "maxabs", "stopping", "weights"],
)  # fmt: skip
def test_the_same_weights_as_the_command_line(linclf, in_tmp, loss, data, options, arguments) -> None:
    """Bit for bit, for float32 as the command line's default and for float64."""
    X, y = (load_breast_cancer if data == "breast_cancer" else load_iris)(return_X_y=True)
    if data == "sparse":
        from sklearn.datasets import dump_svmlight_file

        X = sparse.csr_matrix(np.where(X > 2, X, 0))
        dump_svmlight_file(X, y, "t.svm", zero_based=False)
    else:
        np.savez("t.npz", X=X, y=y)
    name = "t.svm" if data == "sparse" else "t.npz"
    for dtype in ("float32", "float64"):
        ran = linclf(f"train {name} --test 0 --loss {loss} --seed 3 --dtype {dtype} {arguments} -q -o m")
        assert ran.code == 0, ran.err
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = LinearClassifier(loss, **options, random_state=3, dtype=dtype).fit(X, y)
        model = load_model("m")
        assert found.model_.weight.tobytes() == model.weight.tobytes()
        assert found.model_.bias.tobytes() == model.bias.tobytes()
        assert found.n_iter_ == model.record["metrics"]["epochs"]


def test_shapes_and_signs(iris) -> None:
    X, y = iris
    two = y < 2
    for name, loss in LOSSES.items():
        three = LinearClassifier(name, scale="standard", random_state=0).fit(X, y)
        assert (three.coef_.shape, three.intercept_.shape, three.decision_function(X).shape) == ((3, 4), (3,), (150, 3))
        assert three.classes_.tolist() == [0, 1, 2]
        assert three.score(X, y) > 0.8
        binary = LinearClassifier(name, random_state=0).fit(X[two], np.where(y[two], "b", "a"))
        assert (binary.coef_.shape, binary.intercept_.shape, binary.decision_function(X).shape) == (
            (1, 4),
            (1,),
            (150,),
        )
        assert binary.predict(X[two]).tolist() == np.where(y[two], "b", "a").tolist()
        assert (binary.decision_function(X[two]) > 0).tolist() == (y[two] == 1).tolist()
        assert hasattr(binary, "predict_proba") == (loss.logits is not None)
        if loss.logits:
            p = binary.predict_proba(X)
            np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-binary.decision_function(X))))
            np.testing.assert_allclose(three.predict_proba(X).sum(axis=1), 1)
            np.testing.assert_allclose(np.exp(three.predict_log_proba(X)), three.predict_proba(X))
        np.testing.assert_allclose(three.model_.predict_codes(X), three.predict(X))


def test_kinds_of_input_give_the_same_model(iris) -> None:
    import polars as pl

    X, y = iris
    names = list("abcd")
    options = {"epochs": 20, "momentum": 0.5, "scale": "none"}
    dense = LinearClassifier(**options).fit(X, y)
    frames = [pd.DataFrame(X, columns=names), pl.DataFrame(dict(zip(names, X.T, strict=True)))]
    for frame in frames:
        found = LinearClassifier(**options).fit(frame, y)
        assert found.feature_names_in_.tolist() == names
        assert found.coef_.tobytes() == dense.coef_.tobytes()
    first = None
    for make in (sparse.csr_matrix, sparse.csr_array, sparse.coo_array, sparse.csc_array):
        for index in (np.int32, np.int64):
            S = sparse.csr_array(X)
            S.indices, S.indptr = S.indices.astype(index), S.indptr.astype(index)
            found = LinearClassifier(**options).fit(make(S), y)
            first = found.coef_ if first is None else first
            assert found.coef_.tobytes() == first.tobytes()
    np.testing.assert_allclose(first, dense.coef_, rtol=0.05, atol=0.05)
    assert LinearClassifier(scale="none").fit(X, y).coef_.dtype == np.float32
    own = LinearClassifier(scale="none", dtype=None)
    assert own.fit(X.astype(np.float32), y).coef_.dtype == np.float32
    assert own.fit(X.astype(int), y).coef_.dtype == np.float64


def test_history_and_objective(iris, capsys) -> None:
    X, y = iris
    found = LinearClassifier(epochs=30, scale="standard", verbose=1, early_stopping=True, random_state=0).fit(X, y)
    assert [line["epoch"] for line in found.history_] == list(range(1, found.n_iter_ + 1))
    assert capsys.readouterr().out.count("epoch") == found.n_iter_
    assert all(line["val_accuracy"] is not None for line in found.history_)
    whole = LinearClassifier(epochs=5, scale="none", dtype="float64").fit(X, y)
    scores = X @ whole.coef_.T + whole.intercept_
    data = LOSSES["softmax"](scores, y)[0].mean()
    assert whole.objective_ == pytest.approx(data + 0.5e-4 * np.square(whole.coef_).sum())
    assert whole.lr_ > 0


def test_partial_fit_takes_constant_steps(iris) -> None:
    X, y = iris
    found = LinearClassifier(random_state=0, batch_size=150)
    for _ in range(3):
        found.partial_fit(X, y, classes=[0, 1, 2])
    W, b = np.zeros((4, 3)), np.zeros(3)
    for _ in range(3):
        dscores = LOSSES["softmax"](X @ W + b, y)[1] / 150
        W, b = (W - found.lr_ * X.T @ dscores) / (1 + found.lr_ * 1e-4), b - found.lr_ * dscores.sum(axis=0)
    np.testing.assert_allclose(found.coef_, W.T, rtol=1e-10)
    np.testing.assert_allclose(found.intercept_, b, rtol=1e-10)
    weighted = LinearClassifier(random_state=0, lr=0.1, batch_size=999).partial_fit(
        X, y, [0, 1, 2], np.r_[np.ones(100), np.zeros(50)]
    )
    part = LinearClassifier(random_state=0, lr=0.1, batch_size=999).partial_fit(X[:100], y[:100], [0, 1, 2])
    np.testing.assert_allclose(weighted.coef_, part.coef_, rtol=1e-10)
    with pytest.raises(ValueError, match="classes must be given at the first call"):
        LinearClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match="the label 2, which is not among the classes"):
        LinearClassifier().partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="but were .* at the first call"):
        found.partial_fit(X, y, classes=[0, 1])


def test_warm_start_goes_on(iris) -> None:
    X, y = iris
    cold = LinearClassifier(random_state=0, epochs=200, scale="standard").fit(X, y)
    warm = clone(cold).set_params(warm_start=True).fit(X, y).set_params(epochs=1, lr=1e-9).fit(X, y)
    np.testing.assert_allclose(warm.coef_, cold.coef_, rtol=1e-5)
    again = clone(cold).set_params(epochs=1, lr=1e-9).fit(X, y)
    assert np.abs(again.coef_).max() < 1e-3


def test_where_estimators_work() -> None:
    importlib.import_module("sklearn.experimental.enable_halving_search_cv")  # the next import asks for it
    from sklearn.model_selection import HalvingGridSearchCV

    X, y = load_breast_cancer(return_X_y=True)
    one = LinearClassifier("logistic", epochs=20, random_state=0)
    pipeline = make_pipeline(StandardScaler(), one)
    grid = GridSearchCV(pipeline, {"linearclassifier__reg": [1e-4, 1e-2]}, n_jobs=2, cv=3).fit(X, y)
    assert grid.best_score_ > 0.95
    halving = HalvingGridSearchCV(
        pipeline, {"linearclassifier__reg": [1e-4, 1e-3, 1e-2]}, n_jobs=2, cv=3, random_state=0
    )
    assert halving.fit(X, y).best_score_ > 0.9
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.95
    calibrated = CalibratedClassifierCV(LinearClassifier("svm", scale="standard", random_state=0), cv=3).fit(X, y)
    assert calibrated.predict_proba(X).shape == (569, 2)
    digits = load_digits(return_X_y=True)
    assert (
        OneVsRestClassifier(LinearClassifier("hinge", epochs=5, scale="standard", random_state=0))
        .fit(*digits)
        .score(*digits)
        > 0.9
    )
    frame = pd.DataFrame({"size": X[:, 0], "kind": np.where(X[:, 1] > 18, "a", "b")})
    columns = make_column_transformer((StandardScaler(), ["size"]), (OneHotEncoder(), ["kind"]))
    assert make_pipeline(columns, one).fit(frame, y).score(frame, y) > 0.8
    importance = permutation_importance(pipeline.fit(X, y), X, y, n_repeats=2, random_state=0)
    assert importance.importances_mean.shape == (30,)
    assert "LinearClassifier" in pipeline._repr_html_()
    pipeline.set_output(transform="pandas").fit(X, y)
    file = io.BytesIO()
    joblib.dump(pipeline, file)
    file.seek(0)
    np.testing.assert_array_equal(joblib.load(file).predict(X), pipeline.predict(X))


def test_metadata_routing(iris) -> None:
    import sklearn

    X, y = iris
    weights = np.where(y == 2, 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = LinearClassifier(random_state=0, epochs=5).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        routed = make_pipeline(scaler, estimator).fit(X, y, sample_weight=weights)
    assert 2 not in routed.predict(X)


def test_files_and_estimators(linclf, in_tmp, iris) -> None:
    X, y = iris
    found = LinearClassifier("svm", scale="standard", reg=1e-3, random_state=5).fit(X, y)
    found.save("m")
    assert "0.9" in linclf("evaluate m iris --json") or linclf("info m").code == 0
    assert "arrays in Python" in linclf("info m")
    assert linclf("evaluate m").err.startswith(
        "error: the model was trained on arrays in Python, which cannot be read again"
    )
    back = LinearClassifier.from_model(load_model("m"))
    assert back.get_params() == found.get_params()
    np.testing.assert_array_equal(back.decision_function(X), found.decision_function(X))
    assert (back.n_iter_, back.objective_) == (found.n_iter_, found.objective_)
    assert linclf("train iris --loss hinge --calibrate sigmoid -q -o c").code == 0
    model = load_model("c")
    frame = pd.DataFrame(X, columns=model.schema.names)
    np.testing.assert_allclose(
        LinearClassifier.from_model(model).predict_proba(frame), model.probabilities(X), rtol=1e-9
    )
    (in_tmp / "t.csv").write_text("a,b,label\n" + "1,x,u\n2,y,v\n3,x,v\n4,y,u\n" * 4)
    assert linclf("train t.csv -q -o t").code == 0
    with pytest.raises(
        InputError, match=r"encodes the columns of a table, which an estimator does not; use model.predict"
    ):
        LinearClassifier.from_model(load_model("t"))
    assert LinearClassifier.from_model(replace(model, record={})).predict(frame).shape == (150,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "nothing"}, "The 'loss' parameter of LinearClassifier must be a str among"),
        ({"reg": -1}, "The 'reg' parameter"),
        ({"lr": "fast"}, "The 'lr' parameter"),
        ({"epochs": 0}, "The 'epochs' parameter"),
        ({"momentum": 1.0}, "The 'momentum' parameter"),
        ({"dtype": "float16"}, "The 'dtype' parameter"),
    ],
)
def test_parameters_are_validated(iris, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LinearClassifier(**options).fit(*iris)


def test_wrong_data(iris) -> None:
    X, y = iris
    with pytest.raises(ValueError, match="at least two classes; y has one class"):
        LinearClassifier().fit(X, np.ones(150))
    with pytest.raises(ValueError, match="all sample weights are 0|Sample weights must contain at least one non-zero"):
        LinearClassifier().fit(X, y, sample_weight=np.zeros(150))
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        LinearClassifier().fit(X, y, sample_weight=-np.ones(150))
    with pytest.raises(ValueError, match="too few for a validation part"):
        LinearClassifier(early_stopping=True, validation_fraction=0.001).fit(X[49:51], y[49:51])
    assert linclf.LinearClassifier is LinearClassifier


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("size", [1, 10])
def test_a_stream_of_small_batches_is_learned(loss: str, size: int) -> None:
    """No batch is held against zero weights: one noisy row is no divergence."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, 10))
    y = (X @ rng.normal(size=10) > 0) ^ (rng.random(400) < 0.1)
    found = LinearClassifier(loss, random_state=0, lr=0.01)
    for i in range(0, 400, size):
        found.partial_fit(X[i : i + size], y[i : i + size], classes=[False, True])
    assert found.score(X, y) > 0.75
    found.partial_fit(X[:20], ~y[:20])  # a drift is none either


def test_parameters_may_change_between_calls(iris) -> None:
    X, y = iris
    two, y2 = X[:100], y[:100]
    found = LinearClassifier(lr=0.01, random_state=0).partial_fit(X, y, classes=[0, 1, 2])
    assert found.set_params(lr=1.0).partial_fit(X, y).lr_ == 1.0
    binary = LinearClassifier("logistic", random_state=0).fit(two, y2)
    with pytest.raises(
        ValueError, match="the loss has another number of outputs than the one trained with so far; fit again"
    ):
        binary.set_params(loss="softmax").partial_fit(two, y2)
    frame = pd.DataFrame(X, columns=list("abcd"))
    warm = LinearClassifier(warm_start=True, random_state=0, epochs=20).fit(frame, y)
    turned = frame[list("dcba")]
    cold = LinearClassifier(random_state=0, epochs=20).fit(turned, y)
    np.testing.assert_array_equal(warm.fit(turned, y).coef_, cold.coef_)
    svm = LinearClassifier("svm", random_state=0).fit(X, y).set_params(loss="softmax")
    assert not hasattr(svm, "predict_proba")


def test_numpy_scalars_are_numbers(iris, in_tmp) -> None:
    numbers = {
        "epochs": np.int64(3),
        "batch_size": np.int32(32),
        "reg": np.float32(1e-3),
        "lr": np.float64(0.1),
        "average": np.bool_(True),
    }
    LinearClassifier(**numbers, momentum=np.float32(0.5), random_state=np.int64(3)).fit(*iris).save("m")
    LinearClassifier(early_stopping=True, patience=np.int64(3)).fit(*iris).save("m")
    assert LinearClassifier.from_model(load_model("m")).partial_fit(*iris, classes=[0, 1, 2]).lr_ > 0


def test_weights_that_make_no_sense_are_refused(iris) -> None:
    X, y = iris
    for weight in (-1, np.nan, np.inf):
        with pytest.raises(ValueError, match="weights of classes must be finite and not negative"):
            LinearClassifier(class_weight={0: weight, 1: 1, 2: 1}).fit(X, y)
    huge = LinearClassifier(random_state=0, epochs=5).fit(X, y, sample_weight=np.full(150, 1e307))
    np.testing.assert_array_equal(huge.coef_, LinearClassifier(random_state=0, epochs=5).fit(X, y).coef_)


def test_the_example_in_the_docstring_is_right() -> None:
    import doctest

    import linclf.estimator

    tested = doctest.testmod(linclf.estimator)
    assert (tested.failed, tested.attempted > 2) == (0, True)
