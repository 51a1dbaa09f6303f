"""What `compare` says: differences, verdicts, tests and warnings, for models and for reports."""

import json
from dataclasses import replace

import numpy as np
import pytest

from linclf.data.schema import Schema
from linclf.errors import InputError
from linclf.inspect.compare import MAIN_METRICS, CompareOptions, compare
from linclf.inspect.reported import compare_reports, read_report
from linclf.model.linear_model import LinearModel
from linclf.model.metrics import METRICS
from linclf.model.predictions import Predictions
from linclf.report.compare import comparison_text

N = 400


def model(classes: list, loss: str = "softmax") -> LinearModel:
    return LinearModel(np.zeros((1, len(classes))), np.zeros(len(classes)), np.array(classes), loss, Schema(1), {})


def predictions(accuracy: float, seed: int, K: int = 3, n: int = N, **changes) -> Predictions:
    """Predictions that are right on this share of n rows, the same rows for every seed."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % K
    right = rng.permutation(n) < round(accuracy * n)
    predicted = np.where(right, y, (y + 1) % K)
    scores = 2.0 * (np.arange(K) == predicted[:, None]) + rng.random((n, K))
    return replace(Predictions(predicted, y, K, scores, scores), **changes)


def compared(*found: Predictions, classes: list | None = None, groups: np.ndarray | None = None, **options) -> dict:
    names = "abcdef"[: len(found)]
    all_classes = classes or [list(range(one.n_classes)) for one in found]
    models = [(name, model(own)) for name, own in zip(names, all_classes, strict=True)]
    result = compare(models, found, CompareOptions(**{"resamples": 300, **options}), groups)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    return result


def text(result: dict, **changes) -> str:
    data = {"data": "some.csv", "part": "test", "target": "y", "target_guessed": False}
    return comparison_text({**data, **result, **changes})


# --- differences and verdicts --------------------------------------------------------------------------------------


def test_values_are_the_metrics_and_differences_those_from_the_first_model() -> None:
    a, b, c = predictions(0.9, 0), predictions(0.8, 1), predictions(0.85, 2)
    result = compared(a, b, c)
    assert [entry["model"] for entry in result["models"]] == ["a", "b", "c"]
    assert [result[key] for key in ("n", "level", "resamples", "seed", "n_groups")] == [N, 0.95, 300, 0, None]
    for one, entry in zip((a, b, c), result["models"], strict=True):
        assert entry.keys() == {"model", "loss", "metrics", "difference", "mcnemar", "verdict"}
        assert list(entry["metrics"]) == [METRICS[name].key for name in MAIN_METRICS]
        for metric in (METRICS[name] for name in MAIN_METRICS):
            found = entry["metrics"][metric.key]
            assert found["value"] == metric(one)
            assert found["low"] < found["value"] < found["high"]
            if one is not a:
                found = entry["difference"][metric.key]
                assert found["value"] == metric(one) - metric(a)
                assert found["low"] < found["value"] < found["high"]
    first = result["models"][0]
    assert first["difference"] is first["mcnemar"] is first["verdict"] is None


def test_a_model_against_itself_has_difference_0_and_p_1() -> None:
    one = predictions(0.9, 0)
    for entry in compared(one, one, one)["models"][1:]:
        assert all(found == {"value": 0, "low": 0, "high": 0} for found in entry["difference"].values())
        assert entry["mcnemar"] == {"n01": 0, "n10": 0, "p": 1, "p_holm": 1}
        assert entry["verdict"]["result"] == "undecided"


def test_a_paired_difference_is_known_better_than_either_value() -> None:
    """Two models that differ in a few rows only: resamples that are drawn for each by itself would give a wide interval."""
    a = predictions(0.8, 0)
    wrong = np.flatnonzero(a.predicted != a.y)[:8]
    b = replace(a, predicted=np.where(np.isin(np.arange(N), wrong), a.y, a.predicted))
    first, other = compared(a, b)["models"]
    widths = [found["high"] - found["low"] for found in (first["metrics"]["accuracy"], other["difference"]["accuracy"])]
    assert widths[1] < widths[0] / 2
    assert (other["mcnemar"]["n01"], other["mcnemar"]["n10"]) == (8, 0)
    assert other["verdict"]["result"] == "better"


@pytest.mark.parametrize(("accuracy", "result"), [(0.95, "better"), (0.7, "worse"), (0.84, "undecided")])
def test_the_verdict_by_accuracy_needs_the_interval_and_the_test(accuracy: float, result: str) -> None:
    _, other = compared(predictions(0.85, 0), predictions(accuracy, 1))["models"]
    found = other["verdict"]
    assert (found["metric"], found["result"], found["level"]) == ("accuracy", result, 0.95)
    assert {key: found[key] for key in ("low", "high")}.items() <= other["difference"]["accuracy"].items()
    assert (other["mcnemar"]["p"] <= 0.05) == (result != "undecided")


def test_the_verdict_by_a_loss_says_better_where_it_is_smaller() -> None:
    a, b = predictions(0.7, 0), predictions(0.95, 1)
    assert compared(a, b, metrics=("log-loss",))["models"][1]["verdict"]["result"] == "better"
    assert compared(b, a, metrics=("log-loss",))["models"][1]["verdict"]["result"] == "worse"


def test_several_comparisons_adjust_p_values_and_the_level_of_the_verdict() -> None:
    found = [predictions(0.85, 0), *(predictions(0.8, seed) for seed in range(1, 5))]
    others = compared(*found)["models"][1:]
    p, adjusted = ([entry["mcnemar"][key] for entry in others] for key in ("p", "p_holm"))
    assert min(adjusted) == pytest.approx(4 * min(p))
    assert all(entry["verdict"]["level"] == 0.95 for entry in others)
    others = compared(*found, metrics=("macro-f1", "accuracy"))["models"][1:]
    for entry in others:
        verdict, plain = entry["verdict"], entry["difference"]["macro_f1"]
        assert verdict["level"] == pytest.approx(1 - 0.05 / 4)
        assert verdict["low"] < plain["low"] < plain["high"] < verdict["high"]
        assert (verdict["result"] == "undecided") == (verdict["low"] <= 0 <= verdict["high"])


def test_small_p_values_that_do_not_survive_the_adjustment_decide_nothing() -> None:
    a = predictions(0.8, 0)
    wrong = np.flatnonzero(a.predicted != a.y)
    b = replace(a, predicted=np.where(np.isin(np.arange(N), wrong[:6]), a.y, a.predicted))  # n01 = 6: p = 0.031
    assert compared(a, b)["models"][1]["verdict"]["result"] == "better"
    result = compared(a, b, a)
    assert result["models"][1]["mcnemar"]["p_holm"] == pytest.approx(0.0625)
    assert result["models"][1]["verdict"]["result"] == "undecided"
    assert "(McNemar p = 0.0312, adjusted for 2 comparisons 0.0625)" in text(result)


def test_a_metric_that_a_model_lacks_has_no_value_no_difference_and_no_verdict() -> None:
    a, b = predictions(0.9, 0), predictions(0.8, 1, logits=None)
    result = compared(a, b, metrics=("log-loss", "roc-auc", "top-5-accuracy"))
    other, none = result["models"][1], {"value": None, "low": None, "high": None}
    assert (other["metrics"]["log_loss"], other["difference"]["log_loss"], other["verdict"]) == (none, none, None)
    assert other["difference"]["roc_auc"]["value"] is not None
    assert result["models"][0]["metrics"]["top_5_accuracy"] == none
    assert "b has no probabilities, and so no log loss; train it with --calibrate" in result["warnings"][0]
    assert "b and a: no verdict, since their difference in log loss is not defined" in text(result)
    assert "top-5" not in text(result)


# --- other classes, weights, groups --------------------------------------------------------------------------------


def test_models_of_other_classes_are_compared_by_accuracy_alone() -> None:
    a = predictions(0.9, 0)
    known = a.y < 2
    b = Predictions(np.minimum(a.predicted, 1), np.where(known, a.y, -1), 2, a.scores[:, :2], a.scores[:, :2])
    result = compared(a, b, classes=[["x", "y", "z"], ["x", "y"]])
    other = result["models"][1]
    assert other["metrics"]["accuracy"]["value"] < 0.7  # rows of z are wrong
    assert other["difference"]["accuracy"]["value"] is not None
    assert [key for key, found in other["difference"].items() if found["value"] is not None] == ["accuracy"]
    assert other["verdict"]["result"] == "worse"
    assert "b has other classes than a" in result["warnings"][0]
    same = compared(a, a, classes=[["0", "1", "2"], [0, 1, 2]])  # spelled alike
    assert same["warnings"] == []
    turned = compared(a, a, classes=[["0", "1", "2"], ["1", "0", "2"]])  # the second class is another one
    assert turned["models"][1]["difference"]["roc_auc"]["value"] is None


def test_whole_weights_count_rows_everywhere() -> None:
    """Weighted rows and repeated rows have the same metrics and the same test, and intervals up to the error of simulation."""
    weights = np.random.default_rng(5).integers(1, 4, N).astype(float)
    copies = np.repeat(np.arange(N), weights.astype(int))
    a, b = predictions(0.9, 0), predictions(0.8, 1)
    weighted = compared(replace(a, weights=weights), replace(b, weights=weights), resamples=2000)
    repeated = compared(a.select(copies), b.select(copies), resamples=2000)
    assert weighted["weighted"]
    assert not repeated["weighted"]
    for one, other in zip(weighted["models"], repeated["models"], strict=True):
        assert one["mcnemar"] == other["mcnemar"]
        for key, found in one["metrics"].items():
            wanted = other["metrics"][key]
            assert found["value"] == pytest.approx(wanted["value"])
            width = wanted["high"] - wanted["low"]
            assert found["low"] == pytest.approx(wanted["low"], abs=0.1 * width)
            assert found["high"] == pytest.approx(wanted["high"], abs=0.1 * width)


def test_relative_weights_leave_the_test_to_the_rows_and_the_verdict_to_the_interval() -> None:
    a, b = predictions(0.85, 0), predictions(0.85, 1)
    weights = np.where((b.predicted == b.y) & (a.predicted != a.y), 3.5, 0.5)
    result = compared(replace(a, weights=weights), replace(b, weights=weights))
    other = result["models"][1]
    assert other["mcnemar"] == compared(a, b)["models"][1]["mcnemar"]
    assert (other["mcnemar"]["p"] > 0.5, other["verdict"]["result"]) == (True, "better")
    assert result["warnings"] == ["McNemar's test counts rows without their weights, which are not whole numbers"]
    assert "400 weighted rows" in text(result)


def test_groups_widen_the_interval_of_rows_that_agree_and_leave_out_the_test() -> None:
    a, b = (
        predictions(accuracy, seed, n=80).select(np.repeat(np.arange(80), 5)) for accuracy, seed in ((0.9, 0), (0.8, 1))
    )
    groups = np.repeat(np.arange(80), 5)
    (rows, _), (of_groups, other) = compared(a, b)["models"], compared(a, b, groups=groups)["models"]
    widths = [one["metrics"]["accuracy"]["high"] - one["metrics"]["accuracy"]["low"] for one in (rows, of_groups)]
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(5), rel=0.25)
    assert other["mcnemar"] is None
    result = compared(a, b, groups=groups)
    assert result["n_groups"] == 80
    assert "needs independent rows" in result["warnings"][0]
    assert "of the 80 groups" in text(result).splitlines()[0]
    assert "McNemar's test against" not in text(result)


def test_a_model_that_is_right_on_all_rows_is_not_said_to_be_certain() -> None:
    """The exact one-sided bound of 30 of 30 rows at 95% is 0.05 ** (1 / 30) (Clopper & Pearson, 1934)."""
    perfect = predictions(1, 0, n=30)
    warnings = compared(perfect, predictions(0.9, 1, n=30))["warnings"]
    assert len(warnings) == 1
    assert "a is right on all rows" in warnings[0]
    assert "may be as low as 0.9050 (exact 95% bound for 30 rows" in warnings[0]
    assert "as high as 0.0950" in compared(predictions(0, 0, n=30), perfect)["warnings"][0]


# --- text ----------------------------------------------------------------------------------------------------------


def test_the_text_has_a_line_for_each_metric_and_model_the_test_and_a_verdict() -> None:
    lines = text(compared(predictions(0.85, 0), predictions(0.95, 1), metrics=("accuracy", "log-loss"))).splitlines()
    assert lines[0] == "2 models on some.csv (test part), 400 rows; 95% intervals of 300 resamples of the rows"
    assert lines[1] == "target  y"
    assert lines[4].split() == ["metric", "model", "value", "95%", "interval", "difference", "95%", "interval"]
    assert lines[5].startswith("accuracy                    a      0.8500  [0.8")
    assert lines[6].startswith("                            b      0.9500  [0.9")
    assert lines[7].startswith("log loss (lower is better)  a ")
    assert lines[10].split()[-1] == "p"
    test = lines[11].split()
    assert test[0] == "b"
    assert int(test[1]) - int(test[2]) == 40
    assert lines[-1].startswith("b is better than a in accuracy by 0.1000 [0.0")
    assert lines[-1].endswith("(McNemar p < 0.0001)")


def test_a_verdict_of_a_worse_model_and_of_no_difference() -> None:
    worse = text(compared(predictions(0.95, 0), predictions(0.85, 1))).splitlines()[-1]
    assert worse.startswith("b is worse than a in accuracy by 0.1000 [0.0")
    none = text(compared(predictions(0.9, 0), predictions(0.89, 1))).splitlines()[-1]
    assert none.startswith("no difference in accuracy between b and a that these 400 rows show: -0.0100 [-0.0")
    lower = text(compared(predictions(0.7, 0), predictions(0.95, 1), metrics=("log-loss",))).splitlines()[-1]
    assert lower.startswith("b is better than a in log loss by 0.")
    several = text(compared(*(predictions(0.9, seed) for seed in range(3)), metrics=("macro-f1",))).splitlines()[-1]
    assert several.endswith("(interval of 97.5%, for 2 comparisons)")


def test_long_names_are_cut_at_their_beginning_and_control_characters_escaped() -> None:
    a, b = predictions(0.9, 0), predictions(0.8, 1)
    names = ["runs/" * 20 + "a.safetensors", "evil\x1b[2J"]
    result = compare([(name, model([0, 1, 2])) for name in names], [a, b], CompareOptions(resamples=100))
    shown = text(result)
    assert "...uns/runs/runs/runs/runs/a.safetensors" in shown
    assert "\x1b" not in shown
    assert "evil\\x1b" in shown


# --- reports -------------------------------------------------------------------------------------------------------


def evaluated(accuracy: float, n: int = 30, **more) -> dict:
    figures = {"metrics": {"accuracy": accuracy, "log_loss": None}, "confusion": [], "per_class": {}}
    return {"accuracy": accuracy, "n": n, **figures, **more}


def trained(accuracy: float, **more) -> dict:
    figures = {"accuracy": {"train": 1.0, "val": None, "test": accuracy}, "metrics": None}
    return (
        {"data": "iris", "objective": 0.1, "n_train": 120, "n_test": 30, "loss": "svm", "model": None} | figures | more
    )


def swept(**more) -> dict:
    best = {"options": {"loss": "hinge"}}
    return {"rows": [], "swept": {}, "best": best, "best_1se": None, "selected": "best", "data": "iris"} | more


def test_reports_are_shown_next_to_each_other_and_say_why_there_is_no_test() -> None:
    metrics = {"train": None, "val": None, "test": {"accuracy": 0.8, "log_loss": 0.5}}
    reports = [
        ("a.json", evaluated(0.9)),
        ("b.json", trained(0.85)),
        ("c.json", swept(accuracy={"test": 0.8}, metrics=metrics)),
    ]
    result = compare_reports(reports, MAIN_METRICS, "test")
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert [entry["metrics"]["accuracy"]["value"] for entry in result["models"]] == [0.9, 0.85, 0.8]
    assert [entry["metrics"]["log_loss"]["value"] for entry in result["models"]] == [None, None, 0.5]
    assert [entry["loss"] for entry in result["models"]] == [None, "svm", "hinge"]
    assert [entry["n"] for entry in result["models"]] == [30, 30, None]
    assert all(entry["metrics"]["accuracy"]["low"] is entry["verdict"] is None for entry in result["models"])
    assert result.keys() >= {"data", "part", "n", "level", "resamples", "seed", "models"}
    shown = comparison_text(result)
    assert shown.splitlines()[0] == "3 reports on iris"
    assert "without intervals, paired differences and tests" in shown
    assert "McNemar" not in shown


def test_reports_name_their_models_and_different_rows() -> None:
    a, b = trained(0.9, model="a.safetensors"), trained(0.8, model="b.safetensors")
    both = compare_reports([("a", a), ("b", b)], ["accuracy"], "test")
    assert both["warnings"][0].endswith("compare the models: linclf compare a.safetensors b.safetensors")
    assert (both["data"], both["part"], both["n"], len(both["warnings"])) == ("iris", "test", 30, 1)
    other = compare_reports([("a", a), ("b", {**b, "n_test": 40})], ["accuracy"], "test")
    assert "of different rows" in other["warnings"][1]
    other = compare_reports([("a", a), ("b", {**b, "data": "wine"})], ["accuracy"], "test")
    assert (other["data"], "of different rows" in other["warnings"][1]) == (None, True)
    assert (
        compare_reports([("a", a), ("b", b)], ["accuracy"], "train")["models"][1]["metrics"]["accuracy"]["value"] == 1
    )


@pytest.mark.parametrize(
    ("report", "part", "message"),
    [
        (swept(accuracy=None, metrics=None), "test", "a.json: has no test figures, since the sweep trained no model"),
        (trained(None), "test", "a.json: has no test figures, since there is no test part"),
        (trained(0.9), "all", "a.json: has no all figures"),
        (trained("high"), "test", "a.json: is not a report that linclf wrote"),
        (trained(0.9, metrics=[1]), "test", "a.json: is not a report that linclf wrote"),
        (evaluated(0.9, metrics=3), "test", "a.json: is not a report that linclf wrote"),
    ],
)
def test_reports_without_figures_are_refused(report: dict, part: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare_reports([("a.json", report)], ["accuracy"], part)


def test_other_files_are_no_reports(in_tmp) -> None:
    for name, content in (("rows.jsonl", '{"a": 1, "y": 0}\n{"a": 2, "y": 1}\n'), ("t.csv", "a,y\n1,2\n"), ("e", ""),
                          ("list.json", "[1]"), ("one.json", '{"accuracy": 1}'), ("deep", "{" * 100_000)):  # fmt: skip
        (in_tmp / name).write_text(content)
        assert read_report(name) is None
    assert read_report("missing") is None
    (in_tmp / "a.json").write_text(json.dumps(evaluated(0.9), indent=1))
    assert read_report("a.json") == evaluated(0.9)
