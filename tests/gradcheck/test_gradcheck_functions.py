"""gradcheck of the user's functions: judging slopes, the command, the Python function, and error messages."""

import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest

import linclf as package
from linclf import textbook
from linclf.cli.gradcheck import TEXTBOOK
from linclf.errors import InputError
from linclf.gradcheck import check_gradient
from linclf.gradcheck.differences import FLOAT64, judge

FOLDER = Path(__file__).parent / "gradients"
HEAD = "import numpy as np\n"
RIGHT = "def f(w):\n    return np.sum(w ** 2), 2 * w\n"


# --- slopes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "claimed", "verdict"),
    [
        (np.sin, 1.0, "right"),
        (np.sin, 1.0001, "wrong"),
        (lambda t: np.exp(30 * t), 30.0, "right"),
        (lambda t: 1e-12 * np.sin(t), 1e-12, "right"),
        (lambda t: 1e-12 * np.sin(t), 1.001e-12, "wrong"),
        (lambda t: 1e12 * np.sin(t), 1e12, "right"),
        (lambda t: 1e6 + t, 1.0, "right"),
        (lambda t: 1e6 + t, 1.01, "wrong"),
        (lambda t: 5.0, 0.0, "right"),
        (lambda t: 5.0 + 1e-7 * t, 0.0, "wrong"),
        (abs, 0.0, "right"),  # the mean of the one-sided slopes
        (abs, 0.7, "kink"),
        (abs, -1.0, "kink"),
        (abs, 1.01, "wrong"),
        (lambda t: max(0.0, t), 1.0, "kink"),
        (lambda t: max(0.0, t) + 3 * t, 2.9, "wrong"),
        (lambda t: abs(t - 1e-7), -1.0, "right"),  # not a kink at 0, only close to it
        (lambda t: abs(t - 1e-7), 0.0, "wrong"),
        (lambda t: abs(t - 1e-3) + abs(t + 1e-4), 0.0, "right"),
        (lambda t: abs(t - 1e-3) + abs(t + 1e-4), 0.5, "wrong"),
        (lambda t: t**2 * 1e6, 0.0, "right"),
        (lambda t: t**2 * 1e6, 1.0, "wrong"),  # strong curvature is not a kink
        (np.sin, np.nan, "wrong"),
    ],
)
def test_slopes_are_judged(function, claimed: float, verdict: str) -> None:
    assert judge(function, claimed, 1.0, FLOAT64).verdict == verdict


# --- the command ---------------------------------------------------------------------------------------------------


def test_text_and_json_of_right_and_wrong_functions(linclf) -> None:
    ran = linclf(f"gradcheck {FOLDER}/right.py:hinge_grad_input")
    assert (ran.code, ran.err) == (0, "")
    assert ran.startswith("RIGHT  ")
    ran = linclf(f"gradcheck -f {FOLDER}/wrong_predictions.py:unaveraged_grad_input")
    assert ran.code == 6
    assert ran.startswith("WRONG  ")
    for text in ("worst coordinates", "likely mistake", "a factor 1/n is missing", "next   "):
        assert text in ran
    ran = linclf(f"gradcheck {FOLDER}/wrong_predictions.py:unaveraged_grad_input --json")
    assert ran.code == 6
    result = json.loads(ran)
    assert result["passed"] is False
    assert result["diagnosis"][0]["key"] == "not-averaged"
    assert result["worst"][0]["index"]


def test_functions_are_checked_on_data(linclf) -> None:
    for arguments in (f"{FOLDER}/right.py:svm_rows digits", f"iris {FOLDER}/right.py:softmax_columns"):
        result = json.loads(linclf(f"gradcheck {arguments} --json"))
        assert result["passed"]
        assert result["n_coordinates"] > 44
    assert json.loads(linclf(f"gradcheck {FOLDER}/right.py:hinge_vector wine --json"))["passed"]
    assert not json.loads(linclf(f"gradcheck {FOLDER}/wrong_losses.py:svm_margins wine --json"))["passed"]
    ran = linclf(f"gradcheck {FOLDER}/right.py:rosenbrock wine")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "takes no data" in ran.err


def test_plots_are_drawn(linclf, in_tmp) -> None:
    for name, code in (
        ("wrong_losses.py:svm_margins", 6),
        ("wrong_layers.py:dense_grad_W", 6),
        ("right.py:svm_rows", 0),
    ):
        assert linclf(f"gradcheck {FOLDER}/{name} --plot p.png").code == code
        assert (in_tmp / "p.png").read_bytes().startswith(b"\x89PNG")
    assert "name that ends in .png, .svg, .pdf" in linclf(f"gradcheck {FOLDER}/right.py:svm_rows --plot p.jpg").err


def test_the_value_of_a_known_loss_is_checked_and_conventions_are_noted(linclf) -> None:
    ran = linclf(f"gradcheck {FOLDER}/right.py:svm_whole_penalty")
    assert ran.code == 0
    assert "a convention, not an error" in ran
    ran = linclf(f"gradcheck {FOLDER}/wrong_losses.py:softmax_loss_with_summed_value")
    assert ran.code == 6
    assert "the value is wrong" in ran
    assert "sum over samples, not their mean" in ran
    ran = linclf(f"gradcheck {FOLDER}/right.py:focal --loss softmax")
    assert ran.code == 6
    assert "The value is not that of softmax" in ran
    assert linclf(f"gradcheck {FOLDER}/right.py:focal").code == 0


def test_float32_arithmetic_is_detected_and_noted(linclf) -> None:
    for name in ("svm_float32", "softmax_float32"):
        ran = linclf(f"gradcheck {FOLDER}/right.py:{name}")
        assert ran.code == 0
        assert "computes in float32 internally" in ran
    assert "float32" not in linclf(f"gradcheck {FOLDER}/right.py:softmax_rows")


@pytest.mark.parametrize(
    ("code", "argument", "message"),
    [
        ("def f(w)\n    return 1", "t.py:f", "t.py:1: SyntaxError: "),
        ("import missing_module", "t.py:f", "t.py:1: ModuleNotFoundError: No module named 'missing_module'"),
        ("def f(w):\n    x = 1\n    return w.nothing", "t.py:f", "t.py:3: AttributeError: "),
        ("def f(W, X, y, reg):\n    return W @ y", "t.py:f", "t.py:2: ValueError: "),
        (
            HEAD + "def f(W, X, y, reg):\n    W @ X\n    return -(W > 0)",
            "t.py:f",
            "t.py:4: TypeError: The numpy boolean negative",
        ),
        ("def f(w):\n    raise SystemExit(3)", "t.py:f", "t.py:2: SystemExit: 3"),
        (
            "def f(w):\n    return 1.0",
            "t.py:f",
            "returned one number and no gradient; return (value, gradient), or define",
        ),
        ("def f(w):\n    return [1, 2], w", "t.py:f", "returned 2 arrays and no value; return (value, gradient)"),
        ("def f(w):\n    return 1.0, None", "t.py:f", "returned one number and no gradient"),
        ("def f(w):\n    return 1.0, [[1], [1, 2]]", "t.py:f", "returned one number and no gradient"),
        (
            "def f(one, two, three, four, five, six):\n    return 1",
            "t.py:f",
            "t.py:f(one, two, three, four, five, six): takes arguments of no form that is known",
        ),
        ("def odd_grad_input(a, b):\n    return 1", "t.py:odd_grad_input", "returned one number and no value"),
        ("def g(w):\n    return 1", "t.py:f", "t.py: has no 'f'; it defines g"),
        ("f = 3", "t.py:f", "is of type int, not a function"),
        ("", "u.py:f", "u.py: there is no such file"),
        ("", "missing_module:f", "missing_module: there is no such module"),
    ],
)
def test_errors_in_the_users_code_are_reported_with_their_line(
    linclf, in_tmp, code: str, argument: str, message: str
) -> None:
    (in_tmp / "t.py").write_text(code + "\n")
    ran = linclf(f"gradcheck {argument}")
    assert (ran.code, str(ran)) == (2, "")
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert message in ran.err


def test_output_of_the_users_code_goes_to_stderr(linclf, in_tmp) -> None:
    (in_tmp / "t.py").write_text(HEAD + "print('hello')\n" + RIGHT.replace("return", "print('called')\n    return"))
    ran = linclf("gradcheck t.py:f --json")
    assert json.loads(ran)["passed"]
    assert "hello" in ran.err


def test_a_file_may_import_from_its_folder_and_no_other_file_runs(linclf, in_tmp) -> None:
    (in_tmp / "folder").mkdir()
    (in_tmp / "folder" / "my_helper.py").write_text(HEAD + "def square(w):\n    return np.sum(w ** 2)\n")
    (in_tmp / "folder" / "other.py").write_text("raise SystemExit('not named')\n")
    (in_tmp / "folder" / "t.py").write_text("from my_helper import square\ndef f(w):\n    return square(w), 2 * w\n")
    assert linclf("gradcheck folder/t.py:f").code == 0
    (in_tmp / "my_module.py").write_text(HEAD + RIGHT)
    assert linclf("gradcheck my_module:f").code == 0


def test_wrong_options_are_refused(linclf) -> None:
    spec = f"{FOLDER}/right.py:svm_rows"
    for line, message in (
        (f"gradcheck {spec} {spec}", "give at most one function and one data set"),
        (f"gradcheck {spec} --loss svm --loss mse", "give one loss"),
        ("gradcheck --plot p.png", "--plot and --kind are for a function"),
        (f"gradcheck {spec} --kind nothing", "is not one of 'loss'"),
    ):
        ran = linclf(line)
        assert ran.code == 2
        assert message in ran.err


# --- from Python ---------------------------------------------------------------------------------------------------


def test_the_result_is_frozen() -> None:
    check = package.check_gradient(textbook.hinge_grad_input)
    assert check.passed
    assert (check.kind, check.loss, check.n_kinks) == ("predictions", "hinge", 1)
    with pytest.raises(FrozenInstanceError):
        check.passed = False


def test_every_textbook_gradient_is_checked_by_the_command() -> None:
    endings = ("_naive", "_vectorized", "_grad_input", "_backward", "_grad_W", "_grad_b")
    public = {n for n in vars(textbook) if n.endswith(endings) and not n.startswith(("_", "objective"))}
    assert {f.__name__ for f in TEXTBOOK} == public


def test_given_arguments_are_checked_too() -> None:
    rng = np.random.default_rng(0)
    W, X, y = rng.standard_normal((300, 10)), rng.standard_normal((40, 300)), rng.integers(0, 10, 40)
    check = check_gradient(textbook.softmax_loss_vectorized, W, X, y, 0.1)
    assert check.passed
    assert sum(c.point == "given" for c in check.coordinates) == 68
    assert sum(c.index is None for c in check.coordinates) == 8
    broken = check_gradient(
        lambda *a: (textbook.softmax_loss_vectorized(*a)[0], 1.001 * textbook.softmax_loss_vectorized(*a)[1]),
        W,
        X,
        y,
        0.1,
        kind="loss",
    )
    assert not broken.passed
    assert all(c.verdict == "wrong" for c in broken.coordinates if c.point == "given")


def test_a_gradient_without_a_value_takes_one() -> None:
    def slope(pred, true):
        return 4 * (pred - true) ** 3

    check = check_gradient(slope, value=lambda pred, true: np.sum((pred - true) ** 4), kind="predictions")
    assert check.passed
    assert check.loss is None


def test_the_same_seed_gives_the_same_result() -> None:
    one, same, other = (check_gradient(textbook.svm_loss_naive, seed=seed) for seed in (0, 0, 1))
    assert one == same != other


def test_an_instance_a_class_and_a_lambda_are_checked() -> None:
    class Layer:
        def forward(self, input, target):
            return np.sum((input - target) ** 2) / len(input)

        def backward(self, input, target):
            return 2 * (input - target) / len(input)

    assert check_gradient(Layer()).passed
    assert check_gradient(Layer).passed
    assert check_gradient(lambda w: (np.sum(w**3), 3 * w**2)).passed


@pytest.mark.parametrize("settings", [{"kind": "nothing"}, {"loss": "nothing"}])
def test_unknown_settings_are_refused(settings: dict) -> None:
    with pytest.raises(InputError, match="is 'nothing'; give one of"):
        check_gradient(textbook.svm_loss_naive, **settings)
