"""The textbook functions: naive against vectorised, gradients against differences, and examples by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from linclf import textbook

RNG = np.random.default_rng(0)
N, D, C = 12, 5, 4
W, X, Y = RNG.standard_normal((D, C)), RNG.standard_normal((N, D)), RNG.permutation(np.arange(N) % C)


def differences(function, x: np.ndarray) -> np.ndarray:
    """The gradient of a function x -> number by central differences, in the shape of x."""
    gradient, h = np.zeros(x.shape), 1e-6
    for index in np.ndindex(*x.shape):
        moved = x.copy()
        moved[index] += h
        above = function(moved)
        moved[index] -= 2 * h
        gradient[index] = (above - function(moved)) / (2 * h)
    return gradient


@pytest.mark.parametrize("name", ["svm", "softmax"])
def test_naive_and_vectorized_agree_with_each_other_and_with_differences(name: str) -> None:
    naive, fast = getattr(textbook, f"{name}_loss_naive"), getattr(textbook, f"{name}_loss_vectorized")
    loss, dW = naive(W, X, Y, 0.3)
    fast_loss, fast_dW = fast(W, X, Y, 0.3)
    assert abs(loss - fast_loss) <= 1e-12 * loss
    np.testing.assert_allclose(fast_dW, dW, rtol=0, atol=1e-12)
    np.testing.assert_allclose(fast_dW, differences(lambda w: fast(w, X, Y, 0.3)[0], W), rtol=1e-6, atol=1e-8)


def test_penalty_is_half_reg_times_squares() -> None:
    with_penalty, without = textbook.svm_loss_vectorized(W, X, Y, 2.0), textbook.svm_loss_vectorized(W, X, Y, 0.0)
    assert with_penalty[0] - without[0] == pytest.approx(np.sum(W**2))
    np.testing.assert_allclose(with_penalty[1] - without[1], 2 * W)


def test_svm_gives_the_result_of_a_calculation_by_hand() -> None:
    """One sample with scores 3.2, 5.1, -1.7 and the true class 0, an example of many courses: margins 2.9 and -3.9."""
    loss, dW = textbook.svm_loss_vectorized(np.array([[3.2, 5.1, -1.7]]), np.array([[1.0]]), np.array([0]), 0.0)
    assert loss == pytest.approx(2.9)
    np.testing.assert_array_equal(dW, [[-1, 1, 0]])


def test_hinge_gives_the_result_of_a_calculation_by_hand() -> None:
    pred, true = np.array([0.5, 2.0, -1.0, 1.0]), np.array([1, 1, 1, 1])
    assert textbook.hinge_forward(pred, true) == pytest.approx((0.5 + 0 + 2 + 0) / 4)
    np.testing.assert_array_equal(textbook.hinge_grad_input(pred, true), [-0.25, 0, -0.25, 0])  # 0 at the kink


@pytest.mark.parametrize("shape", [(20,), (20, 1)])
def test_hinge_gradient_has_the_shape_of_its_predictions(shape: tuple[int, ...]) -> None:
    pred, true = RNG.standard_normal(shape), np.where(RNG.random(20) < 0.5, -1, 1)
    gradient = textbook.hinge_grad_input(pred, true)
    assert gradient.shape == shape
    np.testing.assert_allclose(gradient, differences(lambda p: textbook.hinge_forward(p, true), pred), atol=1e-8)


@pytest.mark.parametrize("name", ["mse", "cross_entropy"])
def test_backward_agrees_with_differences_of_forward(name: str) -> None:
    forward, backward = getattr(textbook, f"{name}_forward"), getattr(textbook, f"{name}_backward")
    scores, target = RNG.standard_normal((N, C)), np.eye(C)[Y]
    np.testing.assert_allclose(
        backward(scores, target), differences(lambda s: forward(s, target), scores), rtol=1e-6, atol=1e-8
    )


def test_pairs_divide_by_the_batch_size() -> None:
    scores, target = RNG.standard_normal((N, C)), np.eye(C)[Y]
    assert textbook.mse_forward(scores, target) == pytest.approx(np.sum((scores - target) ** 2) / N)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert textbook.cross_entropy_forward(scores, target) == pytest.approx(-np.mean(np.log(p[np.arange(N), Y])))


def test_mse_accepts_any_target() -> None:
    scores, target = RNG.standard_normal((N, C)), RNG.standard_normal((N, C))
    np.testing.assert_allclose(textbook.mse_backward(scores, target), 2 * (scores - target) / N)


def test_dense_gradients_agree_with_differences() -> None:
    b, grad = RNG.standard_normal(C), RNG.standard_normal((N, C))

    def through(x, w, bias):
        return float(np.sum(textbook.dense_forward(x, w, bias) * grad))

    for function, wrt in (("dense_grad_input", X), ("dense_grad_W", W), ("dense_grad_b", b)):
        arguments = {"dense_grad_input": lambda v: (v, W, b), "dense_grad_W": lambda v: (X, v, b)}
        at = arguments.get(function, lambda v: (X, W, v))
        gradient = getattr(textbook, function)(X, grad, W, b)
        np.testing.assert_allclose(
            gradient, differences(lambda v, at=at: through(*at(v)), wrt), rtol=1e-6, atol=1e-8, err_msg=function
        )


def test_dense_grad_input_gives_the_published_example() -> None:
    example = json.loads((Path(__file__).parent / "dense_layer_example.json").read_text())
    x_input, grad_output, weights, b = (np.array(example[key]) for key in ("x_input", "grad_output", "W", "b"))
    gradient = textbook.dense_grad_input(x_input, grad_output, weights, b)
    assert gradient.shape == (5, 18)
    np.testing.assert_allclose(gradient, example["grad_input"], rtol=0, atol=5e-9)


def test_integers_are_converted_to_floats() -> None:
    np.testing.assert_array_equal(textbook.hinge_grad_input(np.array([0, 2]), np.array([1, 1])), [-0.5, 0])
    assert textbook.svm_loss_vectorized(W, X.astype(int), Y, 0.0)[1].dtype == np.float64
    assert textbook.dense_grad_b(X, np.ones((N, C), int), W, np.zeros(C)).dtype == np.float64


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (textbook.svm_loss_vectorized, (W, X, Y[:, None], 0.0), r"y must be \(N,\) integers"),
        (textbook.softmax_loss_vectorized, (W, X, Y - 1, 0.0), r"y must be \(N,\) integers"),
        (textbook.hinge_forward, (np.zeros(3), np.array([0, 1, 1])), "targets must be -1 or"),
        (textbook.hinge_grad_input, (np.zeros(3), np.ones(2)), "one target per prediction"),
        (textbook.mse_forward, (np.zeros((3, 1)), np.zeros(3)), r"must both be \(n, C\)"),
        (textbook.cross_entropy_forward, (np.zeros((2, 2)), np.full((2, 2), 0.5)), "one-hot"),
    ],
)
def test_wrong_arguments_are_refused(function, arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(*arguments)
