import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, precision_recall_fscore_support

from linclf.losses import softmax_probabilities
from linclf.model.metrics import accuracy, evaluation
from linclf.report.evaluate import evaluation_text
from linclf.report.text import table, to_json

RNG = np.random.default_rng(0)


def test_figures_are_scikit_learns() -> None:
    y, predicted = RNG.integers(0, 4, 200), RNG.integers(0, 5, 200)
    result = evaluation(predicted, y, np.arange(5))
    assert result["accuracy"] == accuracy_score(y, predicted)
    assert result["confusion"] == confusion_matrix(y, predicted, labels=range(5)).tolist()
    peer = precision_recall_fscore_support(y, predicted, labels=range(5), zero_division=0)
    for k, row in enumerate(result["per_class"].values()):
        np.testing.assert_allclose(list(row.values()), [column[k] for column in peer])


def test_labels_never_seen_count_as_wrong() -> None:
    y, predicted = np.array([0, 1, -1, -1]), np.array([0, 1, 0, 1])
    result = evaluation(predicted, y, np.array(["a", "b"]))
    assert (result["accuracy"], result["n"]) == (0.5, 4)
    assert result["confusion"] == [[1, 0], [0, 1]]
    assert result["per_class"]["a"] == {"precision": 0.5, "recall": 1.0, "f1": 2 / 3, "support": 1}


@pytest.mark.parametrize("K", [2, 5])
def test_figures_of_probabilities(K: int) -> None:
    """log loss as scikit-learn's, Brier score and calibration error as their definitions say, row by row."""
    logits, y = 3 * RNG.standard_normal((300, K)), RNG.integers(0, K, 300)
    y[::3] = logits[::3].argmax(axis=1)
    p = softmax_probabilities(logits)
    y[:10] = -1  # labels never seen have no probability
    result = evaluation(p.argmax(axis=1), y, np.arange(K), logits)
    known = range(10, 300)
    assert result["log_loss"] == pytest.approx(log_loss(y[10:], p[10:], labels=range(K)))
    brier = np.mean([sum((p[i, k] - (y[i] == k)) ** 2 for k in range(K)) for i in known])
    assert result["brier"] == pytest.approx(brier)
    error = 0.0
    for b in range(15):
        rows = [i for i in known if b / 15 <= p[i].max() < (b + 1) / 15]
        if rows:
            gap = np.mean([y[i] == p[i].argmax() for i in rows]) - np.mean([p[i].max() for i in rows])
            error += abs(gap) * len(rows) / len(known)
    assert result["calibration_error"] == pytest.approx(error)
    assert "\nlog loss " in evaluation_text(result, "t")


def test_no_probabilities_have_no_figures() -> None:
    for logits in (None, np.zeros((3, 2))):
        result = evaluation(np.zeros(3, int), np.full(3, -1), np.arange(2), logits)
        assert (result["log_loss"], result["brier"], result["calibration_error"]) == (None, None, None)
        assert "log loss" not in evaluation_text(result, "t")
    sure = evaluation(np.zeros(1, int), np.array([1]), np.arange(2), np.array([[1e4, -1e4]], np.float32))
    assert sure["log_loss"] == 2e4  # from the logits: the probability itself is 0
    assert (sure["brier"], sure["calibration_error"]) == (2, 1)


def test_accuracy_of_nothing_is_none() -> None:
    assert accuracy(np.zeros(0), np.zeros(0)) is None


def test_text_ends_with_the_accuracy() -> None:
    result = evaluation(np.array([0, 1, 1]), np.array([0, 1, 0]), np.array(["a", "b"]))
    lines = evaluation_text(result, "m on t").split("\n")
    assert lines[0] == "m on t"
    assert lines[-1] == "accuracy  0.6667  (3 rows)"
    assert json.loads(to_json(result)) == result


def test_many_classes_show_the_commonest_confusions() -> None:
    y = RNG.integers(0, 26, 500)
    predicted = np.where(y == 3, 5, y)
    assert f"  3 predicted as 5: {np.sum(y == 3)}" in evaluation_text(evaluation(predicted, y, np.arange(26)), "t")


def test_table_lines_up() -> None:
    assert table(["name", "n"], [["a", "100"], ["long name", "1"]]) == [
        "name         n",
        "a          100",
        "long name    1",
    ]
