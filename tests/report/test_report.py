import json
from dataclasses import replace

import numpy as np

from linclf.model.evaluation import evaluation
from linclf.model.predictions import Predictions
from linclf.report.evaluate import evaluation_text
from linclf.report.text import table, to_json

RNG = np.random.default_rng(0)


def test_text_of_probabilities_is_left_out_without_any() -> None:
    scores = 3 * RNG.standard_normal((300, 2))
    one = Predictions(scores.argmax(axis=1), RNG.integers(0, 2, 300), 2, scores, scores)
    assert "log loss" in evaluation_text(evaluation(one, np.arange(2)), "t")
    assert "log loss" not in evaluation_text(evaluation(replace(one, logits=None), np.arange(2)), "t")


def test_text_ends_with_the_accuracy() -> None:
    result = evaluation(Predictions(np.array([0, 1, 1]), np.array([0, 1, 0]), 2), np.array(["a", "b"]))
    lines = evaluation_text(result, "m on t").split("\n")
    assert lines[0] == "m on t"
    assert lines[-1] == "accuracy  0.6667  (3 rows; always predicting a: 0.6667)"
    assert json.loads(to_json(result)) == result


def test_many_classes_show_the_commonest_confusions() -> None:
    y = RNG.integers(0, 26, 500)
    predicted = np.where(y == 3, 5, y)
    assert f"  3 predicted as 5: {np.sum(y == 3)}" in evaluation_text(
        evaluation(Predictions(predicted, y, 26), np.arange(26)), "t"
    )


def test_numbers_of_rows_have_all_their_digits_and_relative_ones_a_few() -> None:
    one = Predictions(np.array([0, 1, 1]), np.array([0, 1, 0]), 2)
    many = evaluation_text(evaluation(replace(one, weights=np.array([3e6 + 1, 2e6, 1.0])), np.arange(2)), "t")
    assert many.count("3000002") == 1  # the support
    assert many.count("3000001") == 1  # the confusion
    assert "e+06" not in many
    assert " 0.333333" in evaluation_text(evaluation(replace(one, weights=np.array([1, 1, 1 / 3])), np.arange(2)), "t")


def test_table_lines_up() -> None:
    assert table(["name", "n"], [["a", "100"], ["long name", "1"]]) == [
        "name         n",
        "a          100",
        "long name    1",
    ]
