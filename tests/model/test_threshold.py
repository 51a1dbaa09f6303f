"""Thresholds: the best of all on their rows, by brute force and by scikit-learn's TunedThresholdClassifierCV."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from scipy.special import expit
from sklearn import metrics as sk
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import TunedThresholdClassifierCV

from linclf.data.schema import Schema
from linclf.errors import InputError
from linclf.losses import softmax_probabilities
from linclf.model.calibration import calibrate
from linclf.model.linear_model import LinearModel, from_bytes, load
from linclf.model.metrics import METRICS
from linclf.model.predictions import Predictions
from linclf.model.threshold import CRITERIA, Threshold, ThresholdRule, learn_threshold, positive_code, positive_values

GOLDEN = Path(__file__).parent / "golden"
IRIS = Path(__file__).parents[2] / "data" / "iris.csv"
# what scikit-learn computes of true and predicted members of the positive class, and whether more is better
PEERS = {
    "accuracy": (sk.accuracy_score, 1),
    "balanced-accuracy": (sk.balanced_accuracy_score, 1),
    "f1": (lambda *given, **weights: sk.f1_score(*given, **weights, zero_division=0), 1),
    "macro-f1": (lambda *given, **weights: sk.f1_score(*given, **weights, average="macro"), 1),
    "fp=1,fn=5": (lambda y, p, sample_weight=None: np.average(np.where(p, ~y * 1, y * 5), weights=sample_weight), -1),
    "fn=0.5,fp=2": (lambda y, p, sample_weight=None: np.average(np.where(p, ~y * 2, y / 2), weights=sample_weight), -1),
}
KINDS = [(on, m, positive) for on in ("probability", "score") for m in (1, 2) for positive in (0, 1)]


def rows(
    on: str = "probability", m: int = 1, *, n: int = 40, seed: int = 0, ties: bool = False, weighted: bool = False
):
    """Predictions for rows of two classes, a quarter of the second, whose scores overlap."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.25).astype(int)
    s = rng.standard_normal(n) + 1.5 * y - 1.5
    s = np.round(2 * s) / 2 if ties else s
    base = np.zeros(n) if ties else rng.standard_normal(n)
    scores = s[:, None] if m == 1 else np.column_stack([base, base + s])
    logits = np.column_stack([0 * s, s]) if on == "probability" else None
    weights = rng.integers(1, 4, n).astype(float) if weighted else None
    return Predictions((s > 0).astype(int), y, 2, scores, logits, weights)


def values_of(one: Predictions, positive: int) -> np.ndarray:
    """The values that thresholds are compared with, without linclf."""
    if one.logits is not None:
        return expit(one.logits[:, 1] - one.logits[:, 0]) if positive else expit(one.logits[:, 0] - one.logits[:, 1])
    margin = one.scores[:, -1] - (one.scores[:, 0] if one.scores.shape[1] == 2 else 0)
    return margin if positive else -margin


def all_labels(one: Predictions, positive: int) -> list[np.ndarray]:
    """The rows that are predicted as positive by each threshold that differs, also by those beyond all values."""
    values = values_of(one, positive)
    return [values >= cut for cut in [*np.unique(values), np.inf]]


@pytest.mark.parametrize("ties", [False, True], ids=["no ties", "ties and weights"])
@pytest.mark.parametrize(("on", "m", "positive"), KINDS)
@pytest.mark.parametrize("rule", PEERS)
def test_no_threshold_is_better(rule: str, on: str, m: int, positive: int, ties: bool) -> None:
    peer, sign = PEERS[rule]
    one = rows(on, m, seed=m, ties=ties, weighted=ties)
    found, truth = learn_threshold(ThresholdRule.parse(rule), one, positive), one.y == positive
    reached = [peer(truth, labels, sample_weight=one.weights) for labels in all_labels(one, positive)]
    assert found.score == pytest.approx(sign * max(sign * x for x in reached), rel=1e-12)
    chosen = found.codes(one.scores, one.logits)
    assert found.score == pytest.approx(peer(truth, chosen == positive, sample_weight=one.weights), rel=1e-12)
    default = peer(truth, one.predicted == positive, sample_weight=one.weights)
    assert found.score_at_default == pytest.approx(default, rel=1e-12)
    assert (found.on, found.positive, found.metric, found.n) == (on, positive, rule, round(one.total))
    assert found.n_positive == round(one.support[positive])
    if rule in METRICS:
        assert METRICS[rule](replace(one, predicted=chosen)) == pytest.approx(found.score, rel=1e-12)


def test_every_metric_of_labels_is_a_criterion() -> None:
    assert set(CRITERIA) == {"f1"} | {name for name, metric in METRICS.items() if metric.needs == "labels"}
    assert set(CRITERIA) <= set(PEERS)


@pytest.mark.parametrize("ties", [False, True], ids=["no ties", "ties and weights"])
@pytest.mark.parametrize(("on", "m", "positive"), KINDS)
@pytest.mark.parametrize("least", [0.3, 0.8])
def test_a_rate_at_a_rate_is_the_largest_on_the_precision_recall_curve(
    least: float, on: str, m: int, positive: int, ties: bool
) -> None:
    one = rows(on, m, ties=ties, weighted=ties)
    values = values_of(one, positive)
    precision, recall, _ = sk.precision_recall_curve(one.y == positive, values, sample_weight=one.weights)
    curve = {"precision": precision[:-1], "recall": recall[:-1]}  # the last point is of no row predicted as positive
    for rate, other in (("recall", "precision"), ("precision", "recall")):
        found = learn_threshold(ThresholdRule.parse(f"{rate}@{other}={least}"), one, positive)
        enough = curve[other] >= least
        assert found.score == pytest.approx(curve[rate][enough].max(), rel=1e-12)
        best = enough & (curve[rate] >= found.score - 1e-12)
        assert found.constraint == pytest.approx(curve[other][best].max(), rel=1e-12)
        here = found.codes(one.scores, one.logits) == positive
        truth, weights = one.y == positive, {"sample_weight": one.weights}
        reached = {
            "precision": sk.precision_score(truth, here, **weights),
            "recall": sk.recall_score(truth, here, **weights),
        }
        assert (found.score, found.constraint) == pytest.approx((reached[rate], reached[other]))
        default = one.predicted == positive
        assert found.score_at_default == pytest.approx(
            getattr(sk, f"{rate}_score")(truth, default, **weights, zero_division=0)
        )
        assert found.constraint_at_default == pytest.approx(
            getattr(sk, f"{other}_score")(truth, default, **weights, zero_division=0)
        )


class Given(ClassifierMixin, BaseEstimator):
    """A fitted classifier of two classes whose data are the probabilities of the second."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - X[:, 0], X[:, 0]])


@pytest.mark.parametrize(
    ("rule", "scoring"), [("accuracy", "accuracy"), ("balanced-accuracy", "balanced_accuracy"), ("f1", "f1"), ("macro-f1", "f1_macro"),
                          ("fp=1,fn=5", sk.make_scorer(PEERS["fp=1,fn=5"][0], greater_is_better=False))]
)  # fmt: skip
def test_scikit_learn_finds_no_better_one(rule: str, scoring) -> None:
    one = rows(n=100)
    p, y = values_of(one, 1)[:, None], one.y == 1 if rule.startswith("fp") else one.y
    found = learn_threshold(ThresholdRule.parse(rule), one, 1)
    levels = np.unique(p)
    between = np.concatenate([[levels[0] / 2], (levels[1:] + levels[:-1]) / 2, [(levels[-1] + 1) / 2]])
    for thresholds in (100, between):
        peer = TunedThresholdClassifierCV(
            Given().fit(p, y), scoring=scoring, cv="prefit", refit=False, thresholds=thresholds
        ).fit(p, y)
        best = abs(peer.best_score_)
        if thresholds is between:
            assert found.score == pytest.approx(best, rel=1e-12)
        else:
            assert (found.score <= best + 1e-12) if rule.startswith("fp") else (found.score >= best - 1e-12)
    labels = found.codes(one.scores, one.logits) == 1
    peer.best_threshold_ = found.value
    np.testing.assert_array_equal(labels, peer.predict(p).astype(bool))


@pytest.mark.parametrize("on", ["probability", "score"])
@pytest.mark.parametrize("rule", [*PEERS, "recall@precision=0.3", "precision@recall=0.9"])
def test_weights_are_repeated_rows(rule: str, on: str) -> None:
    one = rows(on, weighted=True, ties=True)
    times = one.weights.astype(int)
    many = Predictions(
        *(np.repeat(a, times, axis=0) for a in (one.predicted, one.y)),
        2,
        *(None if a is None else np.repeat(a, times, axis=0) for a in (one.scores, one.logits)),
    )
    weighted, repeated = (asdict(learn_threshold(ThresholdRule.parse(rule), each, 1)) for each in (one, many))
    assert weighted == pytest.approx(repeated)
    assert weighted["value"] == repeated["value"]


def table(values: list[float], y: list[int], on: str = "probability") -> Predictions:
    """Predictions for rows with these probabilities, or scores, of the second class."""
    v = np.array(values)
    s = np.log(v / (1 - v)) if on == "probability" else v
    logits = np.column_stack([0 * s, s]) if on == "probability" else None
    return Predictions((s > 0).astype(int), np.array(y), 2, s[:, None], logits)


@pytest.mark.parametrize(
    ("values", "y", "on", "expected"),
    [
        ([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], "probability", 0.25),  # midway
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], "probability", 0.5),  # the default is as good
        ([0.1, 0.2, 0.6, 0.6, 0.9], [0, 0, 0, 0, 1], "probability", 0.75),
        ([0.2, 0.4, 0.6, 0.8], [0, 0, 1, 0], "probability", 0.5),  # the default is as good as 0.9
        ([0.1, 0.3, 0.7, 0.8], [0, 1, 0, 1], "probability", 0.75),  # 0.2 is as good, but further from the default
        ([0.1, 0.2, 0.3, 0.45], [0, 1, 0, 1], "probability", 0.375),  # 0.15 is as good, but further from the default
        ([0.55, 0.7, 0.8, 0.9], [0, 1, 0, 1], "probability", 0.625),
        ([-3.0, -2.0, -1.0, -0.5], [0, 0, 1, 1], "score", -1.5),
        ([-3.0, 2.0, 4.0, 8.0], [0, 0, 1, 1], "score", 3.0),
        ([-3.0, 2.0], [0, 1], "score", 0.0),
        ([0.25, 0.3, 0.4], [1, 1, 1], "probability", 0.125),  # all rows: midway between 0 and the smallest
        ([0.6, 0.7, 0.8], [0, 0, 0], "probability", 0.9),  # none: midway between the largest and 1
        ([-0.5, -1.0], [1, 1], "score", -1.5),  # the ends of the scale of scores are twice the largest
        ([0.5, 1.0], [0, 0], "score", 1.5),
    ],
)  # fmt: skip
def test_a_threshold_lies_midway_and_of_equals_nearest_the_default(values, y, on: str, expected: float) -> None:
    found = learn_threshold(ThresholdRule.parse("accuracy"), table(values, y, on), 1)
    assert found.value == pytest.approx(expected, rel=1e-9)


def test_values_that_differ_by_rounding_are_equal() -> None:
    one = table([0.1, 0.52, 0.55, 0.6, 0.65], [0, 1, 0, 0, 0])
    found = learn_threshold(ThresholdRule.parse("fp=0.1,fn=0.3"), one, 1)  # 0.1 + 0.1 + 0.1 > 0.3
    assert (found.value, found.score) == (0.5, found.score_at_default)


def test_a_row_at_the_threshold_is_positive() -> None:
    one = table([0.0, 1.0, 2.0], [0, 1, 1], "score")
    for positive, expected in ((1, [0, 1, 1]), (0, [0, 0, 1])):
        value = 1.0 if positive else -1.0
        assert Threshold(value, "score", positive).codes(one.scores, None).tolist() == expected


@pytest.mark.parametrize("size", [5e-324, 1e-300, 1.0, 1e308, 1.7e308])
@pytest.mark.parametrize("shape", ["spread", "equal", "neighbours", "zero"])
def test_extreme_scores_give_finite_thresholds_that_predict_what_was_counted(size: float, shape: str) -> None:
    values = {
        "spread": np.linspace(-1, 1, 8),
        "equal": np.ones(8),
        "neighbours": np.nextafter(1.0, [1, 2] * 4),  # with no number between them
        "zero": np.zeros(8),
    }[shape] * size
    for y in ([0, 1] * 4, [1] * 7 + [0], [1] + [0] * 7):
        for rule in ("accuracy", "f1", "fp=1,fn=5"):
            for logits in (None, np.column_stack([np.zeros(8), values])):
                one = Predictions((values > 0).astype(int), np.array(y), 2, values[:, None], logits)
                found = learn_threshold(ThresholdRule.parse(rule), one, 1)
                assert np.isfinite(found.value)
                labels = found.codes(one.scores, one.logits) == 1
                assert found.score == pytest.approx(PEERS[rule][0](one.y == 1, labels), rel=1e-12)
                reached = [PEERS[rule][1] * PEERS[rule][0](one.y == 1, each) for each in labels_on_the_scale(one)]
                assert PEERS[rule][1] * found.score == pytest.approx(max(reached), rel=1e-12)


def labels_on_the_scale(one: Predictions) -> list[np.ndarray]:
    """The labels of every threshold on the scale, by the values that linclf compares."""
    values = positive_values("score" if one.logits is None else "probability", 1, one.scores, one.logits)
    above = (
        [] if one.logits is not None and values.max() == 1 else [np.inf]
    )  # a threshold on a probability is at most 1
    return [values >= cut for cut in [*np.unique(values), *above]]


def test_the_same_threshold_of_the_score_is_found_whatever_the_calibration() -> None:
    """Probabilities that increase with the score are ordered as the scores are, so that the same rows serve both."""
    one = rows("score", n=300, seed=3)
    for method in ("sigmoid", "temperature"):
        logits = calibrate(method, one.scores, one.y).logits(one.scores)
        for rule in PEERS:
            plain, calibrated = (
                learn_threshold(ThresholdRule.parse(rule), each, 1)
                for each in (one, replace(one, logits=logits, predicted=logits.argmax(axis=1)))
            )
            assert calibrated.score == pytest.approx(plain.score)


def test_a_constraint_that_no_threshold_meets_is_an_error() -> None:
    one = table([0.1, 0.4, 0.6, 0.9], [0, 1, 1, 0])
    with pytest.raises(
        InputError,
        match=r"threshold is 'recall@precision=0.9', and no threshold has a precision of 0.9 or more on the 4 held-out rows; "
        r"the largest is 0.6667; give a smaller precision",
    ):
        learn_threshold(ThresholdRule.parse("recall@precision=0.9"), one, 1)
    assert learn_threshold(ThresholdRule.parse("recall@precision=0.6"), one, 1).score == 1
    assert learn_threshold(ThresholdRule.parse("precision@recall=1"), one, 1).score == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "text",
    ["f2", "roc-auc", "log-loss", "F1", "nan", "inf", "", "fp=1", "fn=1", "fp=1,fp=2", "fp=-1,fn=2", "fp=0,fn=0", "fp=x,fn=1",
     "fp=inf,fn=1", "fp=nan,fn=1", "fp=1,fn=1,tp=3", "recall@precision", "recall@recall=0.5", "recall@precision=0",
     "recall@precision=1.1", "recall@precision=nan", "precision@recall=x", "f1@recall=0.5", True],
)  # fmt: skip
def test_what_is_no_rule_is_refused(text) -> None:
    with pytest.raises(
        InputError, match="^threshold is '.*'; give a number, f1, accuracy, .*, a cost such as fp=1,fn=5, "
    ):
        ThresholdRule.parse(text)


def test_rules_are_what_was_typed() -> None:
    assert ThresholdRule.parse(None) is None
    for text, number in (("0.3", 0.3), (0.25, 0.25), (1, 1.0), ("-1e-3", -0.001), ("f1", None), ("fn=5,fp=1", None)):
        rule = ThresholdRule.parse(text)
        assert (rule, rule.number) == (str(text), number)
    assert ThresholdRule.parse("fn=5,fp=1").criterion().value.keywords == {"fp": 1.0, "fn": 5.0}


def test_the_positive_class_is_the_second_or_the_one_that_is_named() -> None:
    for classes, named, code in (
        (["no", "yes"], None, 1),
        (["no", "yes"], "no", 0),
        ([0, 1], "0", 0),
        ([False, True], "True", 1),
    ):
        assert positive_code(named, np.array(classes)) == code
    with pytest.raises(InputError, match="positive is 'maybe', which is no class of the training rows; give no or yes"):
        positive_code("maybe", np.array(["no", "yes"]))
    with pytest.raises(InputError, match="threshold is for two classes, and the training rows have 3; leave it out"):
        positive_code(None, np.arange(3))


def model(loss: str = "logistic", **given) -> LinearModel:
    m = 2 if loss in ("softmax", "svm") else 1
    weight = np.random.default_rng(0).standard_normal((3, m))
    return LinearModel(weight, np.zeros(m), np.array(["no", "yes"]), loss, Schema(3, tuple("abc")), {}, **given)


@pytest.mark.parametrize("loss", ["logistic", "softmax", "hinge", "svm"])
@pytest.mark.parametrize("positive", [0, 1])
def test_labels_are_those_of_the_threshold_and_the_file_has_it(tmp_path, loss: str, positive: int) -> None:
    X, path = np.random.default_rng(1).standard_normal((200, 3)), str(tmp_path / "m")
    on = "probability" if loss in ("logistic", "softmax") else "score"
    threshold = Threshold(0.3, on, positive, "f1", 0.75, 0.5, n=40, n_positive=11)
    trained = model(loss, threshold=threshold)
    trained.save(path)
    again, plain = load(path), replace(trained, threshold=None)
    assert again.threshold == threshold
    assert again.to_bytes() == trained.to_bytes()
    values = plain.probabilities(X)[:, positive] if on == "probability" else plain.scores(X)
    if on == "score":
        values = (1 if positive else -1) * (values[:, -1] - (values[:, 0] if values.shape[1] == 2 else 0))
    expected = np.where(values >= 0.3, again.classes[positive], again.classes[1 - positive])
    assert again.predict(X).tolist() == expected.tolist() != plain.predict(X).tolist()
    assert again.predictions(X, np.zeros(200, int)).predicted.tolist() == again.predict_codes(X).tolist()
    assert again.threshold_to_json() == {**asdict(threshold), "positive": ["no", "yes"][positive]}
    assert plain.threshold_to_json() is None


def test_only_a_file_with_a_threshold_is_of_format_3(tmp_path) -> None:
    for threshold, version in ((None, 2), (Threshold(0.3, "probability", 1), 3)):
        model(threshold=threshold).save(str(tmp_path / "m"))
        with safe_open(str(tmp_path / "m"), "numpy") as file:
            record = json.loads(file.metadata()["linclf"])
        assert (record["format"], "threshold" in record) == (version, version == 3)


@pytest.mark.parametrize(
    ("loss", "threshold", "record"),
    [
        ("hinge", Threshold(0.3, "probability", 1), {}),  # it has no probabilities
        ("hinge", Threshold(0.3, "rank", 1), {}),
        ("logistic", Threshold(0.3, "probability", 2), {}),
        ("logistic", Threshold(0.3, "probability", 1), {"format": 2}),
        ("logistic", None, {"threshold": {"value": "0.3", "on": "probability", "positive": 1}, "format": 3}),
        ("logistic", None, {"threshold": {"value": 0.3, "positive": 1}, "format": 3}),
        ("logistic", None, {"threshold": [0.3], "format": 3}),
    ],
)
def test_forged_thresholds_are_refused(loss: str, threshold, record: dict) -> None:
    forged = replace(model(loss, threshold=threshold), record=record)
    with pytest.raises(InputError, match="forged: is not a complete model"):
        from_bytes(forged.to_bytes(), "forged")


def test_models_of_format_3_are_read_for_ever(linclf) -> None:
    """Written by `train iris-two.csv --target species --loss hinge --epochs 20 --calibrate sigmoid --threshold balanced-accuracy`,
    where iris-two.csv has the rows of iris.csv, and the label `other` for two of its three species."""
    path = GOLDEN / "format-3.safetensors"
    trained = load(str(path))
    assert (trained.threshold.value, trained.threshold.on) == (pytest.approx(0.403051, rel=1e-5), "probability")
    X = np.loadtxt(IRIS, delimiter=",", skiprows=1, usecols=range(4))
    p = softmax_probabilities(trained.calibration.logits(trained.scores(X)))[:, 1]
    expected = np.where(p >= trained.threshold.value, "versicolor", "other").tolist()
    assert expected.count("versicolor") == 43
    ran = linclf(f"predict {path} {IRIS}")
    assert ran.splitlines() == expected
    assert (
        ran.err
        == "note: labels are by the threshold of the model: class versicolor where its probability is at least 0.403051\n"
    )
    assert "threshold  0.403051 on the probability of class versicolor, for balanced accuracy: 0.7812 on" in linclf(
        f"info {path}"
    )
