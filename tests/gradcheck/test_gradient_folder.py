"""The checker on functions of known verdict: wrong ones must fail with the right diagnosis, right ones must pass."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from linclf.gradcheck import GradientCheck, check_gradient, mistakes

FOLDER = Path(__file__).parent / "gradients"


def imported(name: str) -> ModuleType:
    """A file of the folder, which `check_gradient` finds in sys.modules when it searches for a forward function."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


MODULES = {path.stem: imported(path.stem) for path in sorted(FOLDER.glob("*.py"))}
WRONG = [(m, f, key) for m in MODULES for f, key in getattr(MODULES[m], "EXPECTED", {}).items()]
FORMS = [(m, f) for m in ("forms", "more_forms") for f in MODULES[m].FUNCTIONS]
UNSTABLE = ("cross_entropy_float_backward", "softmax_overflowing")  # right, but for scores that are large
RIGHT = MODULES["right"].FUNCTIONS


def check(module: str, function: str, seed: int = 0) -> GradientCheck:
    return check_gradient(getattr(MODULES[module], function), name=f"{module}.py:{function}", seed=seed)


@pytest.mark.parametrize(("module", "function", "key"), WRONG, ids=[function for _, function, _ in WRONG])
def test_wrong_functions_fail_with_the_right_diagnosis(module: str, function: str, key: str) -> None:
    found = check(module, function)
    assert found.verdict.startswith("RIGHT, BUT UNSTABLE") == (function in UNSTABLE)
    assert found.passed == (function in UNSTABLE)
    assert (found.diagnosis[0].key if found.diagnosis else "") == key


@pytest.mark.parametrize(("module", "function"), FORMS)
def test_every_form_is_recognised_and_right(module: str, function: str) -> None:
    found = check(module, function)
    assert found.verdict == "RIGHT", (found.worst, found.diagnosis, found.notes)
    assert sum(c.verdict in ("right", "kink") for c in found.coordinates) >= 0.8 * len(found.coordinates) > 0


@pytest.mark.parametrize("function", RIGHT)
def test_right_functions_pass(function: str) -> None:
    for seed in range(2):
        found = check("right", function, seed)
        assert found.passed, (found.worst, found.diagnosis, found.notes)
        assert found.diagnosis == ()
        # rounding hides some slopes of these two functions; at least half must be judged
        least = 0.5 if function in ("saturated", "half_precision") else 0.8
        assert sum(c.verdict in ("right", "kink") for c in found.coordinates) >= least * len(found.coordinates) > 0


def test_every_diagnosis_is_expected_at_least_twice() -> None:
    tables = [*mistakes.TERMS.values(), *mistakes.DENSE.values(), mistakes.SKIPPED, mistakes.SCALES, mistakes.SHAPES]
    tables += [mistakes.PENALTIES, mistakes.EXTRA_PENALTIES, (mistakes.SIGN, mistakes.TRUNCATED)]
    tables += [(mistakes.DATA_SIGN,), mistakes.LAYER]
    faults = {"modified-in-place", "not-deterministic", "overflow", "unclear", "value-not-finite", "kink-slope"}
    faults |= {"nothing-computed", "another-value"}
    keys = {entry.key for table in tables for entry in table} | faults
    keys |= {"zero", "shape", "value", "factor", "some-parts", "other-loss"}
    expected = Counter(key for _, _, joined in WRONG for key in joined.split("+"))
    assert {key for key in keys if expected[key] < 2} == set()


@pytest.mark.parametrize(
    ("attempt", "text"),
    [
        ("a", "The factor -true is missing"),
        ("b", "A sum over everything"),
        ("c", "multiplied by the predictions"),
    ],
)
def test_the_three_published_attempts_are_explained(attempt: str, text: str) -> None:
    found = check("wrong_predictions", f"published_{attempt}_grad_input")
    assert text in found.diagnosis[0].text
    assert "1/n is missing" in found.diagnosis[0].text
