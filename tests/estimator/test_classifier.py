"""LinearClassifier is the command line in Python, to the bit."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import dump_svmlight_file, load_breast_cancer, load_iris

import linclf
from linclf import LinearClassifier
from linclf.errors import InputError
from linclf.losses import LOSSES
from linclf.model.linear_model import load as load_model
from linclf.training.result import passes


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
        X = sparse.csr_matrix(np.where(X > 2, X, 0))
        dump_svmlight_file(X, y, "t.svm", zero_based=False)
    else:
        np.savez("t.npz", X=X, y=y)
    name = "t.svm" if data == "sparse" else "t.npz"
    for dtype in ("float32", "float64") if loss in ("softmax", "hinge") else ("float32",):
        ran = linclf(f"train {name} --test 0 --loss {loss} --seed 3 --dtype {dtype} {arguments} -q -o m")
        assert ran.code == 0, ran.err
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = LinearClassifier(loss, **options, random_state=3, dtype=dtype).fit(X, y)
        model = load_model("m")
        assert found.model_.weight.tobytes() == model.weight.tobytes()
        assert found.model_.bias.tobytes() == model.bias.tobytes()
        assert found.n_iter_ == max(passes(model.record["metrics"]), 1) >= len(found.history_)


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({}, ""),
        ({"loss": "logistic", "reg": 1e-2}, "--loss logistic --reg 1e-2"),
        ({"early_stopping": True}, "--val 0.1"),
    ],
)
@pytest.mark.parametrize("name", ["t.npz", "t.csv", "t.svm"])
def test_with_nothing_said_the_weights_are_those_of_the_command_line(linclf, in_tmp, name, options, arguments) -> None:
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(150)
    X, y = X[order] * [1, 1e3, 1, 1] + [0, 0, 0, 100 / 3], y[order]
    if name == "t.npz":
        np.savez(name, X=X, y=y)
    elif name == "t.csv":
        pd.DataFrame(X, columns=list("abcd")).assign(label=y).to_csv(name, index=False)
    else:
        X = sparse.csr_matrix(np.where(X > 2, X, 0))
        dump_svmlight_file(X, y, name, zero_based=False)
    assert linclf(f"train {name} --test 0 {arguments} -q -o m").code == 0
    found, model = LinearClassifier(**options).fit(X, y).model_, load_model("m")
    assert (found.weight.tobytes(), found.bias.tobytes()) == (model.weight.tobytes(), model.bias.tobytes())
    assert found.weight.dtype == model.weight.dtype


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
    options = {"epochs": 20, "momentum": 0.5, "scale": "none", "dtype": "float64"}
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
    np.testing.assert_allclose(first, dense.coef_, rtol=1e-9)
    rounded = [
        LinearClassifier(**options | {"dtype": "float32", "lr": 0.1}).fit(Z, y) for Z in (X, sparse.csr_array(X))
    ]
    np.testing.assert_allclose(rounded[0].coef_, rounded[1].coef_, rtol=1e-3)
    assert LinearClassifier(scale="none").fit(X, y).coef_.dtype == np.float32
    own = LinearClassifier(scale="none", dtype=None)
    assert own.fit(X.astype(np.float32), y).coef_.dtype == np.float32
    assert own.fit(X.astype(int), y).coef_.dtype == np.float64


LABELS = {
    "text": np.array(["a", "b", "c"]),
    "objects": np.array(["a", "b", "c"], object),
    "categories": pd.Categorical(["a", "b", "c"]),
    "nullable text": pd.array(["a", "b", "c"], dtype="string"),
    "booleans": np.array([False, True, True]),
    "floats": np.array([0.0, 1.0, 2.0]),
    "bytes": np.array([0, 1, 2], np.uint8),
}


@pytest.mark.parametrize("kind", list(LABELS))
def test_labels_of_all_kinds_come_back(iris, in_tmp, kind: str) -> None:
    X, y = iris
    labels = LABELS[kind][y]
    fitted = LinearClassifier(epochs=5).fit(X, labels)
    fed = LinearClassifier().partial_fit(X, labels, classes=np.unique(np.asarray(labels)))
    for one in (fitted, fed):
        assert set(one.predict(X)) <= set(labels)
        assert (one.predict(X) == np.asarray(labels)).mean() > 0.6
        one.save("m")
        assert load_model("m").predict(X).tolist() == one.predict(X).tolist()


def test_labels_that_no_file_holds_are_refused(iris, in_tmp) -> None:
    X, y = iris
    days = LinearClassifier(epochs=1).fit(X, pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03"])[y])
    with pytest.raises(InputError, match="the labels cannot be written to a file .*; train on numbers or strings"):
        days.save("m")
    assert not list(in_tmp.iterdir())


def test_history_and_objective(iris, capsys) -> None:
    X, y = iris
    found = LinearClassifier(epochs=30, scale="standard", verbose=1, early_stopping=True, random_state=0).fit(X, y)
    assert [line["epoch"] for line in found.history_] == list(range(1, found.n_iter_ + 1))
    assert capsys.readouterr().out.count("epoch") == found.n_iter_
    assert all(line["val_accuracy"] is not None for line in found.history_)
    whole = LinearClassifier(epochs=5, reg=1e-4, scale="none", dtype="float64").fit(X, y)
    scores = X @ whole.coef_.T + whole.intercept_
    data = LOSSES["softmax"](scores, y)[0].mean()
    assert whole.objective_ == pytest.approx(data + 0.5e-4 * np.square(whole.coef_).sum())
    assert whole.lr_ > 0


def test_warm_start_goes_on(iris) -> None:
    X, y = iris
    cold = LinearClassifier(random_state=0, epochs=200, scale="standard").fit(X, y)
    warm = clone(cold).set_params(warm_start=True).fit(X, y).set_params(epochs=1, lr=1e-9).fit(X, y)
    np.testing.assert_allclose(warm.coef_, cold.coef_, rtol=1e-5)
    again = clone(cold).set_params(epochs=1, lr=1e-9).fit(X, y)
    assert np.abs(again.coef_).max() < 1e-3


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


@pytest.mark.parametrize("labels", [[0, 1, 2], [0.0, 1.0, 2.0], ["a", "b,=", "c"]])
def test_class_weights_come_back_from_a_model(in_tmp, iris, labels: list) -> None:
    X, y = iris
    names = np.array(labels)[y]
    found = LinearClassifier(class_weight={labels[0]: 3, labels[1]: 0.5}, dtype="float64").fit(X, names)
    found.save("m")
    back = LinearClassifier.from_model(load_model("m"))
    assert back.class_weight == {labels[0]: 3, labels[1]: 0.5, labels[2]: 1}
    np.testing.assert_array_equal(back.fit(X, names).coef_, found.coef_)
    assert LinearClassifier.from_model(load_model("m")).partial_fit(X, names).lr_ > 0
    found.coef_ = found.coef_ * 2  # the record of weights that were set names the class weights, too
    found.save("set")
    assert LinearClassifier.from_model(load_model("set")).class_weight == back.class_weight


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
    with pytest.raises(
        ValueError, match="all sample weights are zero|Sample weights must contain at least one non-zero"
    ):
        LinearClassifier().fit(X, y, sample_weight=np.zeros(150))
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        LinearClassifier().fit(X, y, sample_weight=-np.ones(150))
    with pytest.raises(ValueError, match="too few for a validation part"):
        LinearClassifier(early_stopping=True, validation_fraction=0.001).fit(X[49:51], y[49:51])
    assert linclf.LinearClassifier is LinearClassifier


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

    import linclf.estimator.classifier

    tested = doctest.testmod(linclf.estimator.classifier)
    assert (tested.failed, tested.attempted > 2) == (0, True)
