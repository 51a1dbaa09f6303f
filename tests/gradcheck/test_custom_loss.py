"""Losses of the user's own: checked before they are used, trained like any other."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris

from linclf import LinearClassifier, Loss
from linclf.errors import GradientError, InputError
from linclf.gradcheck import checked_loss
from linclf.losses import LOSSES, softmax, softmax_probabilities
from linclf.model.linear_model import load
from linclf.textbook import NAIVE

MINE = """
import numpy as np
from linclf import Loss
from linclf.losses import signs

def huber(scores, y):
    t = signs(scores, y)
    z = t * scores
    values = np.where(z >= 1, 0, np.where(z < -1, -4 * z, (1 - z) ** 2))
    return values.sum(axis=1), t * np.where(z >= 1, 0, np.where(z < -1, -4, -2 * (1 - z)))

modified_huber = Loss("modified-huber", huber, "max(0, 1 - ts)^2, -4ts below -1", "Zhang, 2004", binary=True, curvature=4 / 3)
twice = Loss("twice", lambda s, y: (huber(s, y)[0], 2 * huber(s, y)[1]), "", "", binary=True)

def cross_entropy(scores, y):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    values = -np.log(p[np.arange(len(y)), y])
    p[np.arange(len(y)), y] -= 1
    return values, p

def sums(scores, y):
    values, dscores = cross_entropy(scores, y)
    return values.sum(), dscores

def fails(scores, y):
    return scores[100]

number = 3
"""


@pytest.fixture
def mine(in_tmp) -> None:
    (in_tmp / "mine.py").write_text(MINE)


def test_command(linclf, mine, in_tmp) -> None:
    result = json.loads(linclf("train breast_cancer --loss mine.py:modified_huber -q -o m --json"))
    assert result["loss"] == "mine.py:modified_huber"
    assert result["accuracy"]["test"] > 0.93
    assert linclf("train iris --loss mine.py:cross_entropy --epochs 50 --reg 1e-4 --dtype float64 -q -o own").code == 0
    assert linclf("train iris --loss softmax --epochs 50 --reg 1e-4 --dtype float64 -q -o softmax").code == 0
    np.testing.assert_allclose(load("own").weight, load("softmax").weight, rtol=1e-6, atol=1e-9)
    (in_tmp / "mine.py").unlink()
    expected = linclf("predict softmax iris")
    assert linclf("predict own iris") == expected
    assert linclf("evaluate own").code == linclf("info own").code == linclf("explain own").code == 0
    ran = linclf("predict own iris --proba")
    assert (ran.code, "has no probabilities; train with --calibrate" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("twice", 6, "mine.py:twice: its gradient is wrong for 2 classes (d loss / d scores["),
        ("twice", 6, "The gradient is exactly 2 times too large."),
        (
            "sums",
            2,
            "gives values of shape () and a gradient of shape (6, 2) for scores (6, 2); give one value for each sample",
        ),
        ("fails", 2, "mine.py:fails: the loss failed on scores (6, 2): IndexError"),
        ("nothing", 2, "mine.py: has no 'nothing'; it defines huber"),
        ("number", 2, "mine.py:number: is of type int, not a function"),
    ],
)
def test_wrong_ones_are_refused(linclf, mine, in_tmp, name: str, code: int, message: str) -> None:
    ran = linclf(f"train breast_cancer --loss mine.py:{name} -o m")
    assert (ran.code, ran, ran.err.count("\n")) == (code, "", 1)
    assert message in ran.err
    assert not (in_tmp / "m").exists()


def test_other_commands_and_names(linclf, mine) -> None:
    assert linclf("train iris --loss other.py:loss").err == "error: other.py: there is no such file\n"
    assert "is not one of 'svm'" in linclf("train iris --loss svmm").err
    assert "is not one of 'svm'" in linclf("sweep iris --loss mine.py:cross_entropy").err


def entropy(scores, y):
    return softmax(scores, y)


OWN_SOFTMAX = Loss("own-softmax", entropy, "", "", logits=lambda scores: scores, naive=NAIVE["softmax"])


def test_estimator() -> None:
    X, y = load_iris(return_X_y=True)
    one, other = (LinearClassifier(loss, reg=1e-4, epochs=20) for loss in (OWN_SOFTMAX, "softmax"))
    np.testing.assert_allclose(one.fit(X, y).coef_, other.fit(X, y).coef_, rtol=1e-9)
    np.testing.assert_allclose(one.predict_proba(X), softmax_probabilities(one.decision_function(X)))
    assert clone(one).fit(X, y).score(X, y) > 0.9
    assert not hasattr(LinearClassifier(replace(OWN_SOFTMAX, name="other", logits=None)), "predict_proba")
    wrong = Loss("wrong", lambda s, t: (softmax(s, t)[0], -softmax(s, t)[1]), "", "")
    with pytest.raises(GradientError, match="wrong: its gradient is wrong .*sign"):
        LinearClassifier(wrong).fit(X, y)
    binary = replace(LOSSES["hinge"], name="own-hinge")
    X, y = load_breast_cancer(return_X_y=True)
    assert LinearClassifier(binary, scale="standard", random_state=0).fit(X, y).score(X, y) > 0.95


def test_names_and_twins() -> None:
    assert checked_loss(LOSSES["svm"], "svm") is LOSSES["svm"]
    with pytest.raises(InputError, match="a loss of linclf's own has this name; give yours another"):
        checked_loss(OWN_SOFTMAX, "svm")
    for twin, what in ((NAIVE["svm"], "value"), (lambda s, k: (NAIVE["softmax"](s, k)[0], 0 * s), "gradient")):
        with pytest.raises(GradientError, match=f"bad: its {what} is not that of its naive twin"):
            checked_loss(replace(OWN_SOFTMAX, naive=twin), "bad")


def test_an_estimator_checks_its_loss_once() -> None:
    calls, (X, y) = [], load_iris(return_X_y=True)

    def counted(scores, y):
        calls.append(len(y))
        return softmax(scores, y)

    loss = Loss("counted", counted, "", "")
    checked_loss(loss, "counted")
    of_a_check = list(calls)
    found = LinearClassifier(loss, lr=0.1, random_state=0).partial_fit(X, y, classes=[0, 1, 2])
    calls.clear()
    found.partial_fit(X, y)
    assert 0 < len(calls) < len(of_a_check)
    calls.clear()
    found.set_params(loss=replace(loss, formula="another")).partial_fit(X, y)
    assert calls[: len(of_a_check)] == of_a_check


def scaled_logits(scores):
    return np.concatenate([np.zeros_like(scores), 3 * scores], axis=1)


def test_own_probabilities_are_the_estimators_and_survive_pickling() -> None:
    import pickle

    X, y = load_breast_cancer(return_X_y=True)
    own = replace(LOSSES["logistic"], name="own-logistic", logits=scaled_logits)
    found = LinearClassifier(own, scale="standard", random_state=0, epochs=200).fit(X, y)
    s = found.decision_function(X)
    np.testing.assert_allclose(found.predict_proba(X)[:, 1], 1 / (1 + np.exp(-3 * s)), rtol=1e-6)
    other = replace(own, logits=LOSSES["logistic"].logits)  # another loss of this name changes nothing of the first
    LinearClassifier(other, scale="standard", random_state=0, epochs=200).fit(X, y)
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.predict_proba(X), found.predict_proba(X))


def one_output_only(scores, y):
    t = 2 * y[:, None] - 1  # integers, and one output only
    return np.maximum(0, 1 - t * scores)[:, 0], -t * (t * scores < 1)


def whole_gradient(scores, y):
    margins = scores - scores[np.arange(len(y)), y][:, None]
    return np.zeros(len(y)), np.broadcast_to(0 * margins[:1], scores.shape)


def wrong_for_the_fifth_class(scores, y):
    values, dscores = softmax(scores, y)
    return values, np.where(y[:, None] == 4, -1, 1) * dscores


def test_what_would_only_fail_in_training_is_found_before() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.raises(GradientError, match="one: its gradient is wrong for 5 classes"):
        LinearClassifier(Loss("one", one_output_only, "", "", binary=True)).fit(X, y)
    with pytest.raises(GradientError, match="fifth: its gradient is wrong for 5 classes"):
        LinearClassifier(Loss("fifth", wrong_for_the_fifth_class, "", "")).fit(X, y)
    flat = LinearClassifier(Loss("flat", whole_gradient, "", ""), epochs=1).fit(X, y)  # a gradient that is read-only
    assert not flat.coef_.any()
    squeezed = Loss("squeezed", lambda s, t: tuple(map(np.squeeze, softmax(s, t))), "", "")
    with pytest.raises(InputError, match=r"squeezed: gives values of shape \(\) and a gradient of shape"):
        checked_loss(squeezed, "squeezed")


def test_a_model_of_a_custom_loss_becomes_an_estimator_with_that_loss(linclf, in_tmp) -> None:
    X, y = load_iris(return_X_y=True)
    found = LinearClassifier(OWN_SOFTMAX, random_state=0, epochs=200).fit(X, y)
    found.save("m")
    model = load("m")
    again = LinearClassifier.from_model(model, loss=OWN_SOFTMAX)
    np.testing.assert_array_equal(again.predict_proba(X), found.predict_proba(X))
    assert again.get_params() == found.get_params()
    # a warm start goes on from the weights of the model, as it does in the estimator that trained it
    found.set_params(warm_start=True).fit(X, y)
    again.set_params(warm_start=True).fit(X, y)
    np.testing.assert_array_equal(again.coef_, found.coef_)
    assert not np.array_equal(again.coef_, LinearClassifier(**again.get_params()).fit(X, y).coef_)
    with pytest.raises(
        InputError, match="the custom loss own-softmax; pass it, from_model.model, loss=...., or use model"
    ):
        LinearClassifier.from_model(model)
    two = LinearClassifier(OWN_SOFTMAX, random_state=0, epochs=200, reg=0.01).fit(X[:100], y[:100]).model_
    with pytest.raises(InputError, match="trained with the loss own-softmax, and own-hinge is another; pass the same"):
        LinearClassifier.from_model(two, loss=replace(LOSSES["hinge"], name="own-hinge"))
    assert linclf("train iris --loss svm --epochs 1 -q -o svm").code == 0
    with pytest.raises(InputError, match="trained with the loss svm, and own-softmax is another; pass the same"):
        LinearClassifier.from_model(load("svm"), loss=OWN_SOFTMAX)
