"""The checker is tested: wrong functions must fail with the right diagnosis, right ones must pass."""

import importlib.util
from collections import Counter
from pathlib import Path

import pytest

from linclf.gradcheck import check_gradient, load_function, mistakes

FOLDER = Path(__file__).parent / "gradients"


def _module(name: str):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WRONG = [
    (f"{name}.py:{f}", key)
    for name in ("wrong_predictions", "wrong_losses", "wrong_layers", "wrong_more")
    for f, key in _module(name).EXPECTED.items()
]
RIGHT = [f"right.py:{f}" for f in _module("right").FUNCTIONS]


@pytest.mark.parametrize(("spec", "key"), WRONG, ids=[spec.partition(":")[2] for spec, _ in WRONG])
def test_wrong_functions_fail_with_the_right_diagnosis(spec: str, key: str) -> None:
    check = check_gradient(load_function(f"{FOLDER}/{spec}"), name=spec)
    assert not check.passed
    assert (check.diagnosis[0].key if check.diagnosis else "") == key


@pytest.mark.parametrize("spec", RIGHT, ids=[spec.partition(":")[2] for spec in RIGHT])
def test_right_functions_pass(spec: str) -> None:
    for seed in range(3):
        check = check_gradient(load_function(f"{FOLDER}/{spec}"), name=spec, seed=seed)
        assert check.passed, (check.worst, check.diagnosis, check.notes)
        assert check.diagnosis == ()
        # rounding hides some slopes of these two, and the rest must do
        least = 0.5 if spec.endswith((":saturated", ":half_precision")) else 0.8
        assert sum(c.verdict in ("right", "kink") for c in check.coordinates) >= least * len(check.coordinates) > 0


def test_every_diagnosis_is_met_twice() -> None:
    tables = [*mistakes.TERMS.values(), *mistakes.DENSE.values(), mistakes.SKIPPED, mistakes.SCALES, mistakes.SHAPES]
    tables += [mistakes.PENALTIES, mistakes.EXTRA_PENALTIES, (mistakes.SIGN, mistakes.TRUNCATED)]
    faults = {"modified-in-place", "not-deterministic", "overflow", "unclear", "value-not-finite", "kink-slope"}
    keys = {entry.key for table in tables for entry in table} | faults
    keys |= {"zero", "shape", "value", "factor", "some-parts", "other-loss"}
    met = Counter(key for _, expected in WRONG for key in expected.split("+"))
    assert {key for key in keys if met[key] < 2} == set()


def test_the_three_published_attempts_are_named() -> None:
    for attempt, words in (
        ("a", "The factor -true is missing"),
        ("b", "A sum over everything"),
        ("c", "multiplied by the predictions"),
    ):
        check = check_gradient(load_function(f"{FOLDER}/wrong_predictions.py:published_{attempt}_grad_input"))
        assert words in check.diagnosis[0].text
        assert "1/n is missing" in check.diagnosis[0].text
