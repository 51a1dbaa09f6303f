"""The table of metrics against scikit-learn's functions of the same names, loops over rows, and laws of weights."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from drawing import SHAPES, random_predictions
from sklearn import metrics as sk

from linclf.losses import softmax_probabilities
from linclf.model import metrics, predictions
from linclf.model.evaluation import evaluation, part_figures, per_class
from linclf.model.metrics import METRICS, measure, original_brier
from linclf.model.predictions import Predictions

ROOT = Path(__file__).parents[2]
OF_CLASSES = ("balanced-accuracy", "macro-f1", "roc-auc", "average-precision")


drawn = partial(random_predictions, weighted=True)


def class_scores(one: Predictions) -> np.ndarray:
    """What scikit-learn is given to rank the rows of each class by: (n, K)."""
    if one.logits is not None:
        return softmax_probabilities(one.logits)
    return np.hstack([-one.scores, one.scores]) if one.scores.shape[1] == 1 else one.scores


def one_vs_rest(function: Callable) -> Callable:
    """scikit-learn's function of two classes, as the mean over the classes that have rows."""

    def of(one: Predictions) -> float:
        if one.n_classes == 2:
            s = class_scores(one)
            s = s[:, 1] if one.logits is not None or one.scores.shape[1] == 1 else s[:, 1] - s[:, 0]
            return function(one.y == 1, s, sample_weight=one.weights)
        s = class_scores(one)
        return np.mean([function(one.y == k, s[:, k], sample_weight=one.weights) for k in np.unique(one.y[one.y >= 0])])

    return of


def of_probabilities(function: Callable) -> Callable:
    def of(one: Predictions) -> float:
        p = softmax_probabilities(one.logits[one.y >= 0])
        weights = None if one.weights is None else one.weights[one.y >= 0]
        labels = {"labels": range(one.n_classes)}
        if function is sk.brier_score_loss and one.n_classes == 2:
            p, labels = p[:, 1], {"pos_label": 1}
        return function(one.y[one.y >= 0], p, sample_weight=weights, **labels)

    return of


def macro_f1(one: Predictions) -> float:
    there = np.unique(np.concatenate([one.y[one.y >= 0], one.predicted]))
    return sk.f1_score(one.y, one.predicted, labels=there, average="macro", sample_weight=one.weights)


def balanced_accuracy(one: Predictions) -> float:
    known = one.y >= 0
    weights = None if one.weights is None else one.weights[known]
    return sk.balanced_accuracy_score(one.y[known], one.predicted[known], sample_weight=weights)


def top_k(k: int) -> Callable:
    return lambda one: sk.top_k_accuracy_score(
        one.y, one.scores, k=k, labels=range(one.n_classes), sample_weight=one.weights
    )


PEERS = {
    "accuracy": lambda one: sk.accuracy_score(one.y, one.predicted, sample_weight=one.weights),
    "balanced-accuracy": balanced_accuracy,
    "macro-f1": macro_f1,
    "roc-auc": one_vs_rest(sk.roc_auc_score),
    "average-precision": one_vs_rest(sk.average_precision_score),
    "log-loss": of_probabilities(sk.log_loss),
    "brier-score-loss": of_probabilities(sk.brier_score_loss),
    "top-3-accuracy": top_k(3),
    "top-5-accuracy": top_k(5),
}


def test_every_metric_has_a_peer_or_a_definition_that_is_tested() -> None:
    assert set(METRICS) - set(PEERS) == {"calibration-error"}
    for name, metric in METRICS.items():
        assert (metric.name, metric.key) == (name, name.replace("-", "_"))
        assert metric.definition[0].islower()


@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "unweighted"])
@pytest.mark.parametrize("ties", [True, False], ids=["ties", "no ties"])
@pytest.mark.parametrize(("K", "m"), SHAPES)
@pytest.mark.parametrize("name", PEERS)
def test_metrics_are_scikit_learns(name: str, K: int, m: int, ties: bool, weighted: bool) -> None:
    for seed in range(4):
        for probabilities in (True, False):
            # of more than two classes, probabilities that are equal in theory differ by rounding in scikit-learn's input
            one = drawn(K, m, seed, probabilities=probabilities, ties=ties and not (probabilities and K > 2))
            one = one if weighted else replace(one, weights=None)
            found = METRICS[name](one)
            if (METRICS[name].needs == "probabilities" and not probabilities) or METRICS[name].min_classes > K:
                assert found is None
            else:
                assert found == pytest.approx(PEERS[name](one), rel=1e-12)


@pytest.mark.parametrize("name", [*OF_CLASSES, "log-loss", "brier-score-loss", "accuracy", "top-3-accuracy"])
def test_classes_without_rows_are_left_out_of_means(name: str) -> None:
    one = drawn(7, 7)
    keep = ~np.isin(one.y, (2, 6))
    for absent in (one.select(keep), one.select(keep & (one.predicted != 2))):
        with (
            warnings.catch_warnings()
        ):  # scikit-learn says of a predicted class without rows that its recall is not defined
            warnings.simplefilter("ignore")
            assert METRICS[name](absent) == pytest.approx(PEERS[name](absent), rel=1e-12)


def with_unknown(one: Predictions) -> Predictions:
    y = one.y.copy()
    y[::5] = -1
    return replace(one, y=y)


@pytest.mark.parametrize(("K", "m"), SHAPES)
@pytest.mark.parametrize("name", [name for name in PEERS if not name.startswith("top")])
def test_a_row_of_unknown_label_is_wrong_and_of_no_class(name: str, K: int, m: int) -> None:
    for probabilities in (True, False):
        one = with_unknown(drawn(K, m, probabilities=probabilities))
        if probabilities or METRICS[name].needs != "probabilities":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert METRICS[name](one) == pytest.approx(PEERS[name](one), rel=1e-12)


def test_a_row_of_unknown_label_is_not_among_the_top_three() -> None:
    one = with_unknown(drawn(7, 7))
    known = one.select(one.y >= 0)
    share = known.total / one.total
    assert METRICS["top-3-accuracy"](one) == pytest.approx(share * METRICS["top-3-accuracy"](known))


@pytest.mark.parametrize(("K", "m"), SHAPES)
@pytest.mark.parametrize("probabilities", [True, False])
def test_a_row_of_weight_two_is_two_rows_and_one_of_weight_zero_is_none(K: int, m: int, probabilities: bool) -> None:
    one = with_unknown(drawn(K, m, 3, 120, probabilities=probabilities, ties=True))
    weights = np.random.default_rng(0).integers(0, 4, 120)
    weights[one.y == K - 1] = 0  # a class of no row
    repeated = replace(one.select(np.repeat(np.arange(120), weights)), weights=None)
    for kind in (weights, weights.astype(np.float32)):
        weighted = replace(one, weights=kind)
        for name, metric in METRICS.items():
            same(metric(weighted), metric(repeated), name)
            if metric.error or metric.values:
                same(metric.standard_error(weighted), metric.standard_error(repeated), name)
        found, expected = (evaluation(each, np.arange(K)) for each in (weighted, repeated))
        assert (found.pop("n"), expected.pop("n")) == (120, weights.sum())
        same(found, expected)
        assert all(type(n) is int for row in found["confusion"] for n in row)
        assert isinstance(found["per_class"]["0"]["support"], int)
    relative = evaluation(replace(one, weights=weights * 0.5), np.arange(K))
    np.testing.assert_array_equal(relative["confusion"], np.array(found["confusion"]) / 2)
    assert found["absent_classes"] == [K - 1]


def same(one: object, other: object, name: str = "") -> None:
    """Nested values are equal but for rounding."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            same(one[key], other[key], f"{name} {key}")
    elif isinstance(one, list):
        for a, b in zip(one, other, strict=True):
            same(a, b, name)
    else:
        assert one == other if one is None else one == pytest.approx(other, rel=1e-12), name


@pytest.mark.parametrize("K", [2, 5])
def test_calibration_error_is_the_gap_of_each_bin(K: int) -> None:
    one = with_unknown(drawn(K, K))
    p = softmax_probabilities(one.logits)
    known, error = np.flatnonzero(one.y >= 0), 0.0
    for b in range(15):
        rows = [i for i in known if b / 15 <= p[i].max() < (b + 1) / 15]
        if rows:
            w = one.weights[rows]
            right, sure = [one.y[i] == p[i].argmax() for i in rows], [p[i].max() for i in rows]
            error += abs(np.average(right, weights=w) - np.average(sure, weights=w)) * w.sum()
    assert METRICS["calibration-error"](one) == pytest.approx(error / one.weights[known].sum())


@pytest.mark.parametrize("K", [2, 5])
def test_briers_own_score_sums_over_the_classes(K: int) -> None:
    one = replace(drawn(K, K), weights=None)
    p = softmax_probabilities(one.logits)
    brier = np.mean([sum((p[i, k] - (one.y[i] == k)) ** 2 for k in range(K)) for i in range(len(one.y))])
    assert original_brier(one) == pytest.approx(brier)
    assert METRICS["brier-score-loss"](one) == pytest.approx(brier / 2 if K == 2 else brier)
    assert original_brier(replace(one, logits=None)) is None


@pytest.mark.parametrize(("K", "m"), SHAPES)
def test_what_is_undefined_is_none(K: int, m: int) -> None:
    """Without rows, without a known label, and where a part has one class."""
    one = drawn(K, m)
    nothing, unknown = one.select(np.zeros(0, int)), replace(one, y=np.full_like(one.y, -1))
    assert set(measure(nothing).values()) == {None}
    share_of_right = {"accuracy", "top_3_accuracy", "top_5_accuracy"}
    assert {key for key, x in measure(unknown).items() if x is not None} <= share_of_right
    assert METRICS["accuracy"](unknown) == 0
    last, others = one.select(one.y == K - 1), one.select(one.y == 0)
    assert METRICS["roc-auc"](last) is None
    assert METRICS["average-precision"](last) == pytest.approx(1, rel=1e-14)
    assert METRICS["roc-auc"](others) is None
    assert METRICS["average-precision"](others) == (None if K == 2 else pytest.approx(1, rel=1e-14))
    bare = replace(one, scores=None, logits=None)
    assert {key for key, x in measure(bare).items() if x is not None} == {"accuracy", "balanced_accuracy", "macro_f1"}
    broken = replace(one, scores=np.full_like(one.scores, np.nan), logits=np.full((300, K), np.nan))
    assert [METRICS[name](broken) for name in ("roc-auc", "average-precision", "log-loss")] == [None] * 3
    for metric in METRICS.values():
        assert metric.standard_error(nothing) is None
        assert metric.goodness(None) == metric.goodness(np.nan) == -np.inf
        assert (metric.goodness(0.5) > metric.goodness(0.4)) == metric.greater_is_better


def test_probabilities_that_round_to_one_are_still_in_order() -> None:
    """Log-odds of 50 and 60 differ, but both probabilities are 1 in float64."""
    for K in (2, 4):
        s = np.full((4, K), -1000.0)
        s[:, 0], s[:, 1] = 0, [50, 60, 70, 80]
        y = np.array([0, 0, 1, 1])
        one = Predictions(np.ones(4, int), y, K, s, s)
        np.testing.assert_array_equal(one.areas[:, 1], [1, 1])
    sure = Predictions(np.zeros(1, int), np.array([1]), 2, None, np.array([[1e4, -1e4]], np.float32))
    found = measure(sure)
    assert found["log_loss"] == 2e4  # from the logits: the probability itself is 0
    assert (found["brier_score_loss"], original_brier(sure), found["calibration_error"]) == (1, 2, 1)


@pytest.mark.parametrize(("K", "m"), SHAPES)
@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "unweighted"])
def test_figures_of_classes_are_scikit_learns(K: int, m: int, weighted: bool) -> None:
    one = drawn(K, m, 1)
    one = one if weighted else replace(one, weights=None)
    peer = sk.precision_recall_fscore_support(one.y, one.predicted, sample_weight=one.weights)
    found = per_class(one)
    np.testing.assert_allclose([[row[key] for row in found] for key in ("precision", "recall", "f1", "support")], peer)
    s = class_scores(one)
    for k, row in enumerate(found):
        areas = [area(one.y == k, s[:, k], sample_weight=one.weights) for area in (sk.roc_auc_score, sk.average_precision_score)]  # fmt: skip
        assert [row["roc_auc"], row["average_precision"]] == pytest.approx(areas)
    matrix = sk.confusion_matrix(one.y, one.predicted, sample_weight=one.weights)
    np.testing.assert_allclose(evaluation(one, np.arange(K))["confusion"], matrix)


def test_a_large_part_is_measured_a_few_rows_at_a_time(monkeypatch) -> None:
    one = with_unknown(drawn(7, 7))
    expected = measure(one)
    monkeypatch.setattr(predictions, "CHUNK_NUMBERS", 90)  # 12 rows
    same(measure(replace(one)), expected)


def test_a_class_that_is_never_predicted_and_one_without_rows_are_named() -> None:
    classes = np.array(["a", "b", "c"])
    one = Predictions(np.array([0, 0, 0, 2]), np.array([0, 0, 1, 0]), 3)
    found = part_figures(one, classes)
    assert found["majority"] == {"class": "a", "share": 0.75}
    assert found["never_predicted"] == [{"class": "b", "rows": 1}]
    assert found["absent_classes"] == ["c"]
    assert found["metrics"]["accuracy"] == 0.5
    found = part_figures(replace(one, weights=np.array([0, 1, 4, 0])), classes)
    assert found["majority"] == {"class": "b", "share": 0.8}
    assert found["never_predicted"] == [{"class": "b", "rows": 4}]
    nothing = part_figures(one.select(np.zeros(0, int)), classes)
    assert (nothing["majority"], nothing["never_predicted"], nothing["absent_classes"]) == (None, [], ["a", "b", "c"])
    unknown = part_figures(replace(one, y=np.array([-1, 0, 1, 1])), classes)
    assert unknown["majority"] == {"class": "b", "share": 0.5}  # of all rows


@pytest.mark.parametrize("name", METRICS)
def test_standard_errors_are_those_of_samples_drawn_anew(name: str) -> None:
    """Against the standard deviation over 400 samples from the same distribution."""
    K, metric = 7, METRICS[name]
    samples = [replace(drawn(K, K, seed, 400), weights=None) for seed in range(400)]
    spread = np.std([metric(one) for one in samples])
    found = np.median([metric.standard_error(one) for one in samples[:20]])
    assert found == pytest.approx(spread, rel=0.25 if metric.error or metric.values else 0.4)


def test_the_standard_error_of_a_share_is_that_of_a_proportion() -> None:
    one = replace(drawn(3, 3), weights=None)
    p = METRICS["accuracy"](one)
    assert METRICS["accuracy"].standard_error(one) == pytest.approx(np.sqrt(p * (1 - p) / 300))
    two = replace(drawn(2, 1), weights=None)
    single = two.select(np.append(np.flatnonzero(two.y == 0), np.flatnonzero(two.y == 1)[:1]))
    assert METRICS["roc-auc"](single) is not None
    assert METRICS["roc-auc"].standard_error(single) is None  # undefined without that row


def test_the_jackknife_of_single_rows_of_a_mean_is_its_standard_error(monkeypatch) -> None:
    """With as many groups as rows it is std / sqrt(n - 1) to the last digits, whatever the groups are."""
    one = replace(drawn(3, 3, n=50), weights=None)
    monkeypatch.setattr(metrics, "JACKKNIFE_GROUPS", 50)
    metric = METRICS["log-loss"]
    expected = metric.standard_error(one) * np.sqrt(50 / 49)
    assert metrics.jackknife_error(metric, one) == pytest.approx(expected, rel=1e-10)


def test_the_page_on_metrics_has_the_table() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    rows = [
        f"| `{m.name}` | `{m.key}` | {m.needs} | {'higher' if m.greater_is_better else 'lower'} | {m.definition} |"
        for m in METRICS.values()
    ]
    assert "\n".join(rows) in page
