"""Calibration: the probabilities of scikit-learn's methods, and better ones than without."""

import json

import numpy as np
import pytest
from scipy.special import expit, logsumexp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from linclf.errors import InputError
from linclf.losses import LOSSES, softmax, softmax_probabilities
from linclf.model.calibration import METHODS, Calibration, calibrate
from linclf.model.linear_model import load


class Scores(ClassifierMixin, BaseEstimator):
    """A fitted classifier of two classes whose data are its scores."""

    def fit(self, X, y):
        self.classes_, self.n_features_in_ = np.unique(y), 1
        return self

    def decision_function(self, X):
        return X[:, 0]

    def predict(self, X):
        return self.classes_[(X[:, 0] > 0).astype(int)]


def two_classes(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n, 1) five times too sure, and codes."""
    rng = np.random.default_rng(seed)
    s = rng.standard_normal((n, 1)) * 2
    return 5 * s, (rng.random(n) < expit(s[:, 0] - 0.5)).astype(int)


def many_classes(n: int = 2000, k: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores (n, k) three times too sure, codes, and the true probabilities."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((n, k)) * 2
    p = softmax_probabilities(logits)
    return 3 * logits, (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1), p


@pytest.mark.parametrize("method", METHODS)
def test_two_classes_as_scikit_learn(method: str) -> None:
    s, y = two_classes()
    peer = CalibratedClassifierCV(FrozenEstimator(Scores().fit(s, y)), method=method, cv=2, ensemble=False).fit(s, y)
    learned, other = calibrate(method, s, y), two_classes(100, 1)[0]
    p, q = softmax_probabilities(learned.logits(other)), peer.predict_proba(other)
    if method == "temperature":  # scikit-learn's logits are (-s, s), and it counts no row more than there are
        np.testing.assert_allclose(p, q, atol=5e-3)
    elif method == "isotonic":
        np.testing.assert_allclose(p, np.clip(q, 1 / 402, 1 - 1 / 402), atol=1e-3)  # clipped before it is interpolated
    else:
        np.testing.assert_allclose(p, q, atol=1e-5)
    assert learned.n == 400


@pytest.mark.parametrize("method", METHODS)
def test_two_outputs_are_their_difference(method: str) -> None:
    s, y = two_classes()
    base = np.random.default_rng(1).standard_normal((len(s), 1))
    one, two = calibrate(method, s, y), calibrate(method, np.hstack([base, base + s]), y)
    p, q = (softmax_probabilities(c.logits(x)) for c, x in ((one, s), (two, np.hstack([base, base + s]))))
    np.testing.assert_allclose(p, q, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_many_classes_come_near_the_true_probabilities(method: str) -> None:
    scores, y, _ = many_classes()
    learned = calibrate(method, scores, y)
    fresh, codes, p = many_classes(seed=1)
    found = softmax_probabilities(learned.logits(fresh))
    assert found.shape == p.shape
    np.testing.assert_allclose(found.sum(axis=1), 1)
    before, after, best = (softmax(x, codes)[0].mean() for x in (fresh, learned.logits(fresh), np.log(p)))
    assert before > 1.5 * best
    assert after < 1.05 * best
    assert np.abs(found - p).mean() < 0.03
    if method == "temperature":
        assert learned.temperature == pytest.approx(3, rel=0.1)


def test_margins_are_those_against_all_others() -> None:
    from linclf.model.calibration import _margins

    scores = np.random.default_rng(0).standard_normal((20, 4)) * 30
    expected = [scores[:, k] - logsumexp(np.delete(scores, k, axis=1), axis=1) for k in range(4)]
    np.testing.assert_allclose(_margins(scores), np.column_stack(expected), rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
@pytest.mark.parametrize("y", [[0, 1] * 10, [0] * 20, [0, 0, 1, 1] * 5], ids=["alternating", "one class", "pairs"])
def test_hostile_scores_leave_finite_probabilities(method: str, size: float, y: list[int]) -> None:
    s = np.linspace(-1, 1, 20)[:, None] * size
    for scores in (s, np.zeros_like(s), np.hstack([s, -s]), np.hstack([s, -s, 0 * s])):
        logits = calibrate(method, scores, np.array(y)).logits(scores)
        p = softmax_probabilities(logits)
        assert np.isfinite(logits).all()
        np.testing.assert_allclose(p.sum(axis=1), 1)


@pytest.mark.parametrize("method", METHODS)
def test_rows_that_are_all_right_do_not_make_it_certain(method: str) -> None:
    s = np.repeat([-3.0, 2.0], 50)[:, None]
    p = softmax_probabilities(calibrate(method, s, np.repeat([0, 1], 50)).logits(s))
    assert 0.95 < p.max() < 0.9999


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("data", ["breast_cancer", "digits"])
def test_command(linclf, in_tmp, loss: str, method: str, data: str) -> None:
    result = json.loads(linclf(f"train {data} --loss {loss} --epochs 10 --calibrate {method} -o m --json -q"))
    n = {"breast_cancer": 455, "digits": 1437}[data]
    assert (result["calibrate"], result["n_calibration"], result["n_train"]) == (method, -(-n // 5), n - -(-n // 5))
    model = load("m")
    assert isinstance(model.calibration, Calibration)
    model.save("again")
    assert (in_tmp / "again").read_bytes() == (in_tmp / "m").read_bytes()
    p = np.array([line.split(",") for line in linclf(f"predict m {data} --proba").splitlines()], float)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    told = json.loads(linclf("evaluate m --json"))
    assert told["calibration_error"] < 0.15
    assert told["log_loss"] < 0.4
    assert json.loads(linclf("evaluate m --part all --json"))["n"] == len(p)
    assert linclf("info m").code == 0


def test_a_validation_part_calibrates_too_and_weights_stay_but_labels_follow_the_probabilities(linclf, in_tmp) -> None:
    assert linclf("train digits --loss hinge --epochs 5 --val 0.3 -q -o plain").code == 0
    result = json.loads(linclf("train digits --loss hinge --epochs 5 --val 0.3 --calibrate sigmoid -q -o m --json"))
    assert result["n_calibration"] == result["n_val"] == 432
    assert load("m").weight.tobytes() == load("plain").weight.tobytes()
    p = np.array([line.split(",") for line in linclf("predict m digits --proba").splitlines()], float)
    assert linclf("predict m digits").split() == [str(k) for k in p.argmax(axis=1)]
    assert linclf("predict m digits") != linclf("predict plain digits")
    ran = linclf("predict plain digits --proba")
    assert (ran.code, "train with --calibrate, or with --loss softmax, logistic" in ran.err) == (2, True)
    assert "calibrate  sigmoid, learned from 288 held-out rows" in linclf("train digits --calibrate sigmoid -q")


def test_rows_that_tell_nothing_are_an_error(linclf, in_tmp) -> None:
    (in_tmp / "v.csv").write_text("a,label\n1,u\n2,v\n" * 1 + "3,u\n")
    (in_tmp / "t.csv").write_text("a,label\n" + "1,x\n2,y\n3,x\n4,y\n" * 5)
    for method in METHODS:
        ran = linclf(f"train t.csv --val v.csv --val-metric accuracy --calibrate {method} -q")
        assert (ran.code, ran) == (2, "")
        assert "t.csv: the validation rows hold a single known class, which calibrates nothing" in ran.err
    result = json.loads(linclf("train iris --val 0 --calibrate sigmoid --json -q"))
    assert (result["n_val"], result["n_calibration"]) == (0, 24)


def test_errors(linclf) -> None:
    assert "'platt' is not one of 'sigmoid'" in linclf("train iris --calibrate platt").err
    with pytest.raises(ValueError, match="calibration by 'magic' does not fit 3 outputs"):
        Calibration("magic", 1).check(3)
    Calibration("sigmoid", 1, (1.0,) * 3, (0.0,) * 3).check(3)
    with pytest.raises(ValueError, match="calibration by 'sigmoid' does not fit 2 outputs"):
        Calibration("sigmoid", 1, (1.0,) * 3, (0.0,) * 3).check(2)
    from linclf.training.options import TrainOptions

    with pytest.raises(InputError, match="calibrate is 'platt'; give one of sigmoid, isotonic, temperature"):
        TrainOptions(calibrate="platt")
