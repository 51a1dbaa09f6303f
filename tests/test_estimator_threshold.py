"""LinearClassifier(threshold=...): that of `linclf train --threshold`, on the same rows."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV

from linclf import LinearClassifier, load

RNG = np.random.default_rng(0)
Y = RNG.random(400) < 0.15
X = RNG.standard_normal((400, 3)) + Y[:, None]
LABELS = np.where(Y, "yes", "no")


@pytest.mark.parametrize("rule", ["f1", "fp=1,fn=5", "recall@precision=0.3", 0.2])
@pytest.mark.parametrize("loss", ["logistic", "softmax", "hinge", "svm"])
def test_it_is_that_of_the_command_line(linclf, in_tmp, loss: str, rule) -> None:
    np.savez("t.npz", X=X, y=LABELS)
    assert linclf(f"train t.npz --test 0 --epochs 5 --reg 1e-3 --loss {loss} --threshold {rule} -q -o m").code == 0
    model = load("m")
    found = LinearClassifier(loss, reg=1e-3, epochs=5, threshold=rule).fit(X, LABELS)
    assert found.model_.weight.tobytes() == model.weight.tobytes()
    assert found.model_.threshold == model.threshold
    labels = found.predict(X)
    assert labels.tolist() == model.predict(X).tolist()
    values = found.predict_proba(X)[:, 1] if loss in ("logistic", "softmax") else found.decision_function(X)
    assert labels.tolist() == np.where(values >= model.threshold.value, "yes", "no").tolist()
    plain = LinearClassifier(loss, reg=1e-3, epochs=5).fit(X, LABELS)
    assert (labels != plain.predict(X)).any()
    found.save("again")
    assert linclf("predict again t.npz -q").split() == labels.tolist()


def test_early_stopping_rows_choose_it() -> None:
    options = {"loss": "logistic", "epochs": 5, "early_stopping": True, "validation_fraction": 0.3}
    found, plain = (LinearClassifier(threshold=rule, **options).fit(X, LABELS) for rule in ("f1", None))
    assert found.model_.threshold.n == 120
    assert found.coef_.tobytes() == plain.coef_.tobytes()
    assert LinearClassifier(threshold="f1", epochs=5).fit(X, LABELS).model_.threshold.n == 80
    assert f1_score(Y, found.predict(X) == "yes") > f1_score(Y, plain.predict(X) == "yes")


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (LABELS, "no"),
        (np.where(Y, 7, 3), 3),
        (Y, False),
        (np.where(Y, 1, -1), np.int64(-1)),
        (np.where(Y, 7.0, 3.0), 3),
    ],
)
def test_pos_label_names_the_class(labels, named) -> None:
    found = LinearClassifier(threshold=0.9, pos_label=named, epochs=5).fit(X, labels)
    p = found.predict_proba(X)[:, 0]
    assert found.model_.threshold.positive == 0
    np.testing.assert_array_equal(found.predict(X) == named, p >= 0.9)
    with pytest.raises(ValueError, match="positive is 'other', which is no class of the training rows"):
        LinearClassifier(threshold=0.9, pos_label="other").fit(X, labels)


def test_sample_weights_count() -> None:
    times = RNG.integers(1, 4, 400).astype(float)
    found = LinearClassifier(threshold="f1", epochs=5).fit(X, LABELS, sample_weight=times)
    assert 80 < found.model_.threshold.n < 240
    assert found.model_.threshold != LinearClassifier(threshold="f1", epochs=5).fit(X, LABELS).model_.threshold


def test_partial_fit_takes_a_number_and_learns_none() -> None:
    found = LinearClassifier(threshold=0.3).partial_fit(X, LABELS, classes=["no", "yes"])
    np.testing.assert_array_equal(found.predict(X) == "yes", found.predict_proba(X)[:, 1] >= 0.3)
    with pytest.raises(
        ValueError, match="threshold 'f1' is learned from held-out rows, which partial_fit does not have; give a number"
    ):
        LinearClassifier(threshold="f1").partial_fit(X, LABELS, classes=["no", "yes"])


def test_it_is_a_parameter_like_others(linclf, in_tmp) -> None:
    with pytest.raises(ValueError, match="threshold is for two classes, and the training rows have 3"):
        LinearClassifier(threshold="f1").fit(X, np.arange(400) % 3)
    with pytest.raises(ValueError, match="The 'threshold' parameter of LinearClassifier must be"):
        LinearClassifier(threshold=[0.5]).fit(X, LABELS)
    with pytest.raises(ValueError, match="threshold is 'f2'; give a number"):
        LinearClassifier(threshold="f2").fit(X, LABELS)
    search = GridSearchCV(
        LinearClassifier(epochs=2), {"threshold": [None, 0.3, "f1"]}, scoring="balanced_accuracy", cv=2
    )
    assert search.fit(X, LABELS).best_params_["threshold"] is not None
    np.savez("t.npz", X=X, y=LABELS)
    result = json.loads(linclf("train t.npz --epochs 5 --threshold f1 --positive no --json -q -o m"))
    again = LinearClassifier.from_model(load("m"))
    assert (again.threshold, again.pos_label) == ("f1", "no")
    assert again.predict(X).tolist() == load("m").predict(X).tolist()
    assert (
        clone(again).set_params(random_state=0).fit(X, LABELS).model_.threshold.metric == result["threshold"]["metric"]
    )
