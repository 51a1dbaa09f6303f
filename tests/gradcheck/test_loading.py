"""What gradcheck loads: notebooks, files that were written for Python 2 or in a package, files that print; and what it refuses."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from linclf import check_gradient
from linclf.gradcheck import adapters

HEAD = "import numpy as np\n"
RIGHT = "def f(w):\n    return np.sum(w ** 2), 2 * w\n"


def notebook(*cells: str) -> str:
    """A notebook with these cells of code, after one of text."""
    text = {"cell_type": "markdown", "source": ["# A notebook"]}
    return json.dumps({"cells": [text, *({"cell_type": "code", "source": cell.splitlines(True)} for cell in cells)]})


def test_a_function_of_a_notebook_is_checked_and_the_rest_does_not_run(linclf, in_tmp) -> None:
    cells = (
        "%matplotlib inline\n!pip install nothing\nimport numpy as np\nimport a_package_of_the_course\nscale = 2",
        RIGHT.replace("2 * w", "scale * w"),
        "raise SystemExit('training would take an hour')\nX = load_the_data()",
    )
    Path("a.ipynb").write_text(notebook(*cells))
    ran = linclf("gradcheck a.ipynb:f")
    assert ran.code == 0, ran.err
    assert ran.startswith("RIGHT  a.ipynb:f")
    for text, message in (
        ("{}", "a.ipynb: is not a notebook"),
        (notebook("def f(:"), "SyntaxError"),
        ("x", "not a notebook"),
    ):
        Path("a.ipynb").write_text(text)
        ran = linclf("gradcheck a.ipynb:f")
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        assert message in ran.err
    assert "there is no such file" in linclf("gradcheck b.ipynb:f").err
    Path("a.ipynb").write_text(notebook(HEAD + RIGHT))
    assert "which function? name it as a.ipynb:FUNCTION" in linclf("gradcheck a.ipynb").err


def test_code_for_python_2_and_of_a_package_is_served(linclf, in_tmp) -> None:
    folder = in_tmp / "course" / "classifiers"
    folder.mkdir(parents=True)
    (in_tmp / "course" / "layers.py").write_text("def square(w):\n    return (w ** 2).sum()\n")
    (folder / "helper.py").write_text("def twice(w):\n    return 2 * w\n")
    tail = "\ndef f(w):\n    for _ in xrange(2):\n        pass\n    return square(w), twice(w)\n"
    for imports in (
        "from past.builtins import xrange\nfrom ..layers import square\nfrom .helper import twice",
        "from builtins import range\nfrom course.layers import square\nfrom course.classifiers.helper import twice",
    ):
        (folder / "svm.py").write_text(imports + tail)
        ran = linclf("gradcheck course/classifiers/svm.py:f")
        assert ran.code == 0, ran.err
    (folder / "svm.py").write_text("from nowhere.layers import square" + tail)
    assert "No module named 'nowhere'" in linclf("gradcheck course/classifiers/svm.py:f").err


def test_thousands_of_printed_lines_are_counted_and_left_out(linclf, in_tmp) -> None:
    Path("t.py").write_text(HEAD + RIGHT.replace("return", "for i in range(300): print('line', i)\n    return"))
    ran = linclf("gradcheck t.py:f")
    assert ran.code == 0
    assert ran.err == "".join(f"line {i}\n" for i in range(5))
    found = re.search(r"note   the function printed (\d+) lines; (\d+) of them are left out", ran)
    assert int(found[1]) > 1000
    assert int(found[1]) - int(found[2]) == 5
    Path("t.py").write_text(
        HEAD + RIGHT.replace("return", "print('one')\n    return", 1).replace("print", "0 and print")
    )
    assert "printed" not in linclf("gradcheck t.py:f")


def test_the_line_to_paste_says_what_has_been_tried() -> None:
    for made in (*adapters.MADE.values(), adapters.OTHERS):
        for text, argument in made:
            np.testing.assert_array_equal(eval(text, {"np": np}), argument)


@pytest.mark.parametrize(
    "code",
    [
        "def odd(one, X, y, W, b, reg, mode):\n    s = X @ W + b\n    return np.sum(s ** 2) + reg * mode, X.T @ s",
        "def odd(one, two, W, X, three):\n    s = X @ W\n    assert np.ndim(two) == 0\n    return np.sum(s ** 3) * two, X.T @ s",
        "def odd(first, second, third, fourth, fifth, W):\n    return np.sum(W ** 2) * first, 3 * W * first",
    ],
)
def test_a_refusal_ends_in_a_line_that_works(linclf, in_tmp, code: str) -> None:
    Path("t.py").write_text(HEAD + code + "\n")
    ran = linclf("gradcheck t.py:odd")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    line = ran.err.rpartition("FILE.py:check: ")[2]
    with Path("t.py").open("a") as file:
        file.write(line)
    ran = linclf("gradcheck t.py:check")
    assert (ran.code, ran.err) == (6, ""), (line, ran.err, str(ran))
    assert ran.startswith("WRONG"), (line, ran)


def test_the_error_shown_is_that_of_the_layout_that_is_meant(linclf, in_tmp) -> None:
    Path("t.py").write_text(
        HEAD
        + "def svm_loss(W, X, y, reg):\n    s = X @ W\n    m = s - s[np.arange(len(X)), y] + 1\n    return m.sum(), W\n"
    )
    err = linclf("gradcheck t.py:svm_loss").err
    assert "t.py:4: ValueError: operands could not be broadcast together with shapes (10,4) (10,)" in err
    assert "called with W (5, 4), X (10, 5), y (10,), reg 0.7" in err


def test_a_forgotten_keepdims_is_not_hidden_by_a_form_in_which_it_happens_to_run(linclf, in_tmp) -> None:
    Path("t.py").write_text(
        HEAD + "def softmax_loss(W, X, y, reg):\n    s = X @ W\n    p = np.exp(s) / np.exp(s).sum(axis=1)\n"
        "    loss = -np.log(p[np.arange(len(y)), y]).mean()\n    return loss, X.T @ p / len(y)\n"
    )
    ran = linclf("gradcheck t.py:softmax_loss")
    assert ran.code == 2
    assert "t.py:4: ValueError: operands could not be broadcast together with shapes (10,4) (10,)" in ran.err


def test_a_wrong_check_fails_a_test_with_the_mistake() -> None:
    check_gradient(lambda w: (np.sum(w**3), 3 * w**2)).raise_if_wrong()
    with pytest.raises(AssertionError, match="^WRONG: .*exactly half"):
        check_gradient(lambda w: (np.sum(w**2), w)).raise_if_wrong()


def test_the_pair_of_scipy_and_the_loss_of_a_scalar_are_checked() -> None:
    assert check_gradient(lambda w: 2 * w, value=lambda w: np.sum(w**2)).verdict == "RIGHT"
    assert check_gradient(lambda w: 3 * w, value=lambda w: np.sum(w**2)).verdict == "WRONG"
    rng = np.random.default_rng(0)
    W, X, y = rng.standard_normal((5, 10)), rng.standard_normal((8, 5)), rng.integers(0, 10, 8)

    def of_one_size(W, X, y):
        assert W.shape == (5, 10)
        S = X @ W
        return np.sum((S - np.eye(10)[y]) ** 2), 2 * X.T @ (S - np.eye(10)[y])

    found = check_gradient(of_one_size, W, X, y)
    assert found.passed
    assert {c.point for c in found.coordinates} == {"given"}


def test_a_notebook_shows_the_verdict_and_the_worst_entries_once() -> None:
    shown = check_gradient(lambda w: (np.sum(w**2), w))._repr_html_()
    assert "WRONG</b> " in shown
    assert "exactly half" in shown
    indices = re.findall(r"random (\[.*?\])", shown)
    assert 1 < len(indices) == len(set(indices)) <= 5
    assert "&lt;lambda&gt;" in shown
    right = check_gradient(lambda w: (np.sum(w**2), 2 * w))._repr_html_()
    assert "RIGHT</b>" in right
    assert "<table>" not in right


def test_a_wrong_gradient_by_the_bias_is_found_beside_a_right_one_by_the_weights() -> None:
    def f(W, b, X, y):
        S = X @ W + b - np.eye(W.shape[1])[y]
        return np.sum(S**2) / len(y), 2 * X.T @ S / len(y), 2 * S.sum(axis=0)

    found = check_gradient(f)
    assert found.verdict == "WRONG"
    assert {c.verdict for c in found.coordinates if len(c.index) == 2} <= {"right", "kink"}
    assert {c.verdict for c in found.coordinates if len(c.index) == 1} == {"wrong"}
    assert "by the bias" in found.diagnosis[0].text


def test_the_next_step_points_to_a_section_that_there_is() -> None:
    from linclf.gradcheck.checker import SECTIONS

    page = (Path(__file__).parents[2] / "docs" / "gradients.md").read_text()
    assert all(f"\n## {section}\n" in page for section in SECTIONS.values())
    wrong = check_gradient(lambda pred, target: (np.mean((pred - target) ** 2), 2 * (pred - target)), name="mse")
    assert 'derives the gradient under "Mean squared error"' in wrong.next_step


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda S, y, G: np.where(np.eye(S.shape[1])[y] == 1, 0.37 * G + 0.01, G), "the entries of the true class"),
        (lambda S, y, G: np.where(np.eye(S.shape[1])[y] == 1, G, 0.37 * G + 0.01), "the entries of the wrong classes"),
        (
            lambda S, y, G: np.where((S.argmax(1) == y)[:, None], 0.37 * G + 0.01, G),
            "largest score is that of the true class",
        ),
        (
            lambda S, y, G: np.where((S.argmax(1) == y)[:, None], G, 0.37 * G + 0.01),
            "largest score is that of a wrong class",
        ),
    ],
)
def test_what_the_wrong_entries_have_in_common_is_said(wrong, text: str) -> None:
    def softmax_loss(scores, y):
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(len(y)), y]).mean()
        p[np.arange(len(y)), y] -= 1
        return loss, wrong(scores, y, p / len(y))

    found = check_gradient(softmax_loss)
    assert found.verdict == "WRONG"
    assert [d.key for d in found.diagnosis] == ["some-samples"]
    assert text in found.diagnosis[0].text


def test_kind_layer_is_a_backward_whatever_its_arguments_are_called(linclf, in_tmp) -> None:
    Path("t.py").write_text(
        HEAD
        + "def square_forward(x):\n    return x ** 2, x\ndef square_backward(g, saved):\n    return 2 * saved * g\n"
    )
    ran = linclf("gradcheck t.py:square_backward --kind layer")
    assert ran.code == 0, ran.err
    assert "treated as a layer and its backward function" in ran


# A stand-in for PyTorch: tensors that have its methods, not NumPy's.
FAKE_TORCH = """
import numpy as np

class Tensor:
    def __init__(self, a): self.a = a
    def detach(self): return self
    def cpu(self): return self
    def numpy(self): return self.a
    def mm(self, other): return Tensor(self.a @ other.a)
    def t(self): return Tensor(self.a.T)
    def size(self, i): return self.a.shape[i]
    def __truediv__(self, n): return Tensor(self.a / n)

def as_tensor(a): return Tensor(a)
def softmax_loss(s, y):
    rows = np.arange(len(y.a))
    e = np.exp(s.a - s.a.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[rows, y.a]).mean()
    p[rows, y.a] -= 1
    return Tensor(loss), Tensor(p)
"""
OF_TENSORS = """
import torch

def softmax_loss(W, X, y):
    loss, d = torch.softmax_loss(X.mm(W), y)
    return loss, X.t().mm(d) / X.size(0)

def softmax_loss_of_a_sum(W, X, y):
    loss, d = torch.softmax_loss(X.mm(W), y)
    return loss, X.t().mm(d)

def softmax_value(W, X, y):
    return torch.softmax_loss(X.mm(W), y)[0]

def softmax_value_grad(W, X, y):
    return softmax_loss(W, X, y)[1]

class Product:
    @staticmethod
    def forward(x, w):
        return x.mm(w), (x, w)

    @staticmethod
    def backward(dout, cache):
        x, w = cache
        return dout.mm(w.t()), x.t().mm(dout)

def product_forward(x, w):
    return Product.forward(x, w)

def product_backward(dout, cache):
    return Product.backward(dout, cache)
"""


@pytest.mark.parametrize(
    ("function", "code"),
    [
        ("softmax_loss", 0),
        ("softmax_loss_of_a_sum", 6),
        ("softmax_value", 0),
        ("softmax_value_grad", 0),
        ("Product", 0),
        ("product_backward", 0),
    ],
)
def test_functions_of_tensors_are_called_with_tensors(linclf, in_tmp, monkeypatch, function: str, code: int) -> None:
    Path("torch.py").write_text(FAKE_TORCH)
    Path("t.py").write_text(OF_TENSORS)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    ran = linclf(f"gradcheck t.py:{function}")
    sys.modules.pop("torch")
    assert ran.code == code, ran.err
    assert ran.startswith("RIGHT" if code == 0 else "WRONG")
