"""The laws that every loss obeys: the battery of `test_losses.py`, itself tested there on wrong losses.

A law takes a Loss and its naive twin and raises AssertionError when it is broken.
"""

import numpy as np

from linclf.losses import Loss


def cases(loss: Loss, seed: int = 0):
    """Pairs scores (30, m), y (30,): two classes and four, small whole numbers (many exact kinks) and real ones."""
    rng = np.random.default_rng(seed)
    for n_classes in (2, 4):
        y = rng.permutation(np.arange(30) % n_classes)
        shape = (30, loss.n_outputs(n_classes))
        yield rng.integers(-2, 3, shape).astype(float), y
        yield 2 * rng.standard_normal(shape), y


def equals_naive_loop(loss: Loss, naive) -> None:
    for scores, y in cases(loss):
        values, dscores = loss(scores, y)
        for i in range(len(y)):
            value, gradient = naive(scores[i], int(y[i]))
            assert abs(values[i] - value) <= 1e-12 * max(1, abs(value))
            np.testing.assert_allclose(dscores[i], gradient, rtol=1e-12, atol=1e-12)


def gradient_equals_differences(loss: Loss, naive) -> None:
    for scores, y in cases(loss):
        if np.array_equal(scores, np.round(scores)):
            continue  # the scores lie on kinks
        _, dscores = loss(scores, y)
        h = 1e-6
        for j in range(scores.shape[1]):
            up, down = scores.copy(), scores.copy()
            up[:, j] += h
            down[:, j] -= h
            slope = (loss(up, y)[0] - loss(down, y)[0]) / (2 * h)
            np.testing.assert_allclose(dscores[:, j], slope, rtol=1e-6, atol=1e-8)


def subgradient_stays_below(loss: Loss, naive) -> None:
    """loss(b) >= loss(a) + g(a) (b - a): the loss is convex and the gradient one of its subgradients, kinks included."""
    for (a, y), (b, _) in zip(cases(loss, 1), cases(loss, 2), strict=True):
        if a.shape != b.shape:
            continue
        value, gradient = loss(a, y)
        assert (loss(b, y)[0] >= value + (gradient * (b - a)).sum(axis=-1) - 1e-12).all()


def stacked_equals_one_by_one(loss: Loss, naive) -> None:
    for scores, y in cases(loss):
        stack = np.stack([scores, -scores, 0.5 * scores, scores + 1, scores - 1, 3 * scores], axis=1)  # (n, 6, m)
        for models in ((6,), (2, 3)):
            values, dscores = loss(stack.reshape(len(y), *models, -1), y)
            assert values.shape == (len(y), *models)
            for k in range(6):
                alone_values, alone_dscores = loss(np.ascontiguousarray(stack[:, k]), y)
                np.testing.assert_array_equal(values.reshape(len(y), 6)[:, k], alone_values)
                np.testing.assert_array_equal(dscores.reshape(len(y), 6, -1)[:, k], alone_dscores)


def keeps_float32(loss: Loss, naive) -> None:
    for scores, y in cases(loss):
        values, dscores = loss(scores.astype(np.float32), y)
        assert values.dtype == dscores.dtype == np.float32
        exact_values, exact_dscores = loss(scores.astype(np.float32).astype(np.float64), y)
        np.testing.assert_allclose(values, exact_values, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(dscores, exact_dscores, rtol=1e-5, atol=1e-5)


def leaves_its_input_alone(loss: Loss, naive) -> None:
    for scores, y in cases(loss):
        before, y_before = scores.copy(), y.copy()
        loss(scores, y)
        np.testing.assert_array_equal(scores, before)
        np.testing.assert_array_equal(y, y_before)


def is_zero_when_right(loss: Loss, naive) -> None:
    """At scores that are as right as can be the value is 0 and so is the gradient; never is a value negative."""
    for scores, y in cases(loss):
        assert (loss(scores, y)[0] >= 0).all()
        right = np.full_like(scores, 0.0 if loss.name == "mse" else -50)
        if scores.shape[1] == 1:
            right[:, 0] = np.where(y == 1, 50, -50)
        else:
            right[np.arange(len(y)), y] = 1.0 if loss.name == "mse" else 50
        values, dscores = loss(right, y)
        np.testing.assert_allclose(values, 0, atol=1e-12)
        np.testing.assert_allclose(dscores, 0, atol=1e-12)


def is_finite_far_out(loss: Loss, naive) -> None:
    for scores, y in cases(loss):
        for size in (1e9, 1e18):
            values, dscores = loss((size * scores).astype(np.float32), y)
            assert np.isfinite(values).all()
            assert np.isfinite(dscores).all()


def nan_is_contagious(loss: Loss, naive) -> None:
    for scores, y in cases(loss):
        for j in range(scores.shape[1]):
            broken = scores.copy()
            broken[3, j] = np.nan
            values, _ = loss(broken, y)
            assert np.isnan(values[3])
            assert np.isfinite(np.delete(values, 3)).all()


def knows_no_order_of_classes(loss: Loss, naive) -> None:
    for scores, y in cases(loss):
        if scores.shape[1] == 1 or np.array_equal(scores, np.round(scores)):
            continue  # with tied winners the choice between them may follow the order
        order = np.random.default_rng(3).permutation(scores.shape[1])
        values, dscores = loss(scores, y)
        moved_values, moved_dscores = loss(scores[:, order], np.argsort(order)[y])
        np.testing.assert_allclose(moved_values, values, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(moved_dscores, dscores[:, order], rtol=1e-12, atol=1e-14)


LAWS = (
    equals_naive_loop,
    gradient_equals_differences,
    subgradient_stays_below,
    stacked_equals_one_by_one,
    keeps_float32,
    leaves_its_input_alone,
    is_zero_when_right,
    is_finite_far_out,
    nan_is_contagious,
    knows_no_order_of_classes,
)
