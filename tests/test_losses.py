from dataclasses import replace
from decimal import Decimal, localcontext
from functools import partial

import numpy as np
import pytest
from laws import LAWS
from scipy.special import softmax as softmax_of

from linclf.losses import LOSSES, Loss, signs, softmax_probabilities
from linclf.losses.conjugates import balanced_flows
from linclf.textbook import NAIVE

WIDTH = 0.5


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(loss: Loss, law) -> None:
    law(loss, NAIVE[loss.name])


def test_each_loss_has_a_naive_twin_and_a_formula() -> None:
    assert NAIVE.keys() == LOSSES.keys()
    assert all(loss.formula and loss.source and loss.name == name for name, loss in LOSSES.items())


def test_binary_losses_have_one_output_for_two_classes(loss: Loss) -> None:
    assert loss.binary == (loss.name in ("hinge", "squared-hinge", "logistic"))
    assert [loss.n_outputs(n_classes) for n_classes in (2, 3, 4)] == [1 if loss.binary else 2, 3, 4]


def test_curvature_is_how_fast_the_gradient_grows_far_from_the_optimum(loss: Loss) -> None:
    """2 for mse; 2 on one side of the margin and 0 on the other for squared-hinge, which takes a number in between."""
    rng, y = np.random.default_rng(0), np.arange(20) % 3
    scores = 100.0 * rng.choice([-2, -1, 1, 2], (20, loss.n_outputs(3)))
    growth = (loss(2 * scores, y)[1] - loss(scores, y)[1]) / scores
    least, most, curvature = {"mse": (2, 2, 2), "squared-hinge": (0, 2, 4 / 3)}.get(loss.name, (0, 0, 0))
    np.testing.assert_allclose((growth.min(), growth.max()), (least, most), atol=0.1)
    assert loss.curvature == curvature


@pytest.mark.parametrize(
    "wrong",
    [
        lambda values, dscores: (values, dscores * 1.001),
        lambda values, dscores: (values * 1.001, dscores),
        lambda values, dscores: (values, np.concatenate([dscores[..., :-1], dscores[..., -1:] * 1.001], axis=-1)),
    ],
    ids=["gradient", "value", "last output"],
)
def test_the_battery_rejects_a_loss_that_is_wrong_by_a_thousandth(loss: Loss, wrong) -> None:
    broken = replace(loss, function=lambda scores, y: wrong(*loss.function(scores, y)))
    failed = []
    for law in LAWS:
        try:
            law(broken, NAIVE[loss.name])
        except AssertionError:
            failed.append(law.__name__)
    assert "equals_naive_loop" in failed
    assert len(failed) >= 2  # also found without the oracle


def _log1p_exp(x: Decimal) -> Decimal:
    return x + (1 + (-x).exp()).ln() if x > 0 else (1 + x.exp()).ln()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("margin", [0, 1e-3, -3, 30, -30, 80, -80, 700, -700, 1e4, -1e4, 1e38, -1e38])
def test_logistic_and_softmax_against_high_precision(margin: float, dtype) -> None:
    score = dtype(margin)
    with localcontext() as context:
        context.prec, context.Emin = 400, -(10**17)
        exact = Decimal(float(score))
        value = float(_log1p_exp(-exact))
        slope = -1 / (1 + float(exact.exp())) if exact < 600 else -float((-exact).exp())
    eps = float(np.finfo(dtype).eps)

    values, dscores = LOSSES["logistic"](np.array([[score]]), np.array([1]))
    tiny = float(np.finfo(dtype).tiny)  # below it the exact value underflows
    np.testing.assert_allclose(values, [value], rtol=4 * eps, atol=tiny)
    np.testing.assert_allclose(dscores, [[slope]], rtol=4 * eps, atol=tiny)

    values, dscores = LOSSES["softmax"](np.array([[score, 0]], dtype), np.array([0]))
    np.testing.assert_allclose(values, [value], rtol=4 * eps, atol=4 * eps)
    np.testing.assert_allclose(dscores, [[slope, -slope]], rtol=4 * eps, atol=4 * eps)


def test_probabilities_are_the_losses_own(loss: Loss) -> None:
    if loss.logits is None:
        assert loss.name not in ("softmax", "logistic")
        return
    rng = np.random.default_rng(0)
    for n_classes in (2, 4):
        scores = 50 * rng.standard_normal((20, loss.n_outputs(n_classes)))
        p = softmax_probabilities(loss.logits(scores))
        assert p.shape == (20, n_classes)
        np.testing.assert_allclose(p.sum(axis=1), 1)
        if scores.shape[1] == 1 or loss.name == "softmax":  # value = -log p(true class)
            y = rng.integers(0, n_classes, 20)
            with np.errstate(divide="ignore"):
                np.testing.assert_allclose(loss(scores, y)[0], -np.log(p[np.arange(20), y]), rtol=1e-6, atol=1e-9)
        else:
            sigmoids = 1 / (1 + np.exp(-scores / 50))
            expected = sigmoids / sigmoids.sum(axis=1, keepdims=True)
            np.testing.assert_allclose(softmax_probabilities(loss.logits(scores / 50)), expected, rtol=1e-9)
        stack = np.stack([scores, -scores], axis=1)  # (n, 2, m)
        np.testing.assert_allclose(softmax_probabilities(loss.logits(stack))[:, 0], p, rtol=1e-12)
        for far in (-1e4, 1e4):  # all sigmoids 0, or all 1
            p = softmax_probabilities(loss.logits((scores + far).astype(np.float32)))
            np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)


# --- losses with kinks, smoothed -------------------------------------------------------------------------------------


def test_a_smoothed_loss_is_near_the_loss_and_its_gradient_is_the_difference_quotient(kinked: Loss) -> None:
    rng = np.random.default_rng(3)
    for n_classes in (2, 3, 6):
        y = np.arange(60) % n_classes
        s = 2 * rng.standard_normal((60, kinked.n_outputs(n_classes)))
        exact = kinked(s, y)[0]
        for width in (1.0, 0.1, 1e-3):
            values, g = kinked.smoothed(s, y, width)
            assert (values <= exact + 1e-12).all()
            assert (exact <= values + width / 2 * s.shape[1] + 1e-12).all()
            for j in range(s.shape[1]):
                h = np.zeros_like(s)
                h[:, j] = 1e-7
                slope = (kinked.smoothed(s + h, y, width)[0] - kinked.smoothed(s - h, y, width)[0]) / 2e-7
                np.testing.assert_allclose(g[:, j], slope, atol=1e-6 / width)


def test_a_smoothed_loss_of_large_scores_is_the_loss(kinked: Loss) -> None:
    """Also where they lose the 1 of the margin to rounding."""
    y = np.arange(12) % 3
    for size in (1e6, 1e17, 1e200):
        s = size * np.random.default_rng(5).standard_normal((12, 3))
        values, g = kinked.smoothed(s, y, 1e-3)
        np.testing.assert_allclose(values, kinked(s, y)[0], rtol=1e-6)
        np.testing.assert_allclose(g, kinked(s, y)[1], atol=1e-6)


def test_curvatures_are_second_derivatives_or_spread_as_kinks_are(loss: Loss) -> None:
    """Of smooth losses the difference quotients of the gradient; of others positive, and largest where a slack is 0."""
    rng, y = np.random.default_rng(4), np.arange(40) % 4
    s = rng.standard_normal((40, 4))
    found = loss.curvatures(s, y, 0.1)
    assert found.shape == s.shape
    if loss.smoothed is None:
        for j in range(4):
            h = np.zeros_like(s)
            h[:, j] = 1e-6
            np.testing.assert_allclose(found[:, j], ((loss(s + h, y)[1] - loss(s - h, y)[1]) / 2e-6)[:, j], atol=1e-6)
    else:
        assert (found > 0).all()
        at_kink, far = np.array([[0.0, 1, -9, -9]]), np.array([[9.0, 1, -9, -9]])
        if loss.binary:
            at_kink, far = np.full((1, 4), -1.0), np.full((1, 4), -9.0)
        code = np.array([1])
        assert loss.curvatures(at_kink, code, 0.1)[0, 0] > 10 * loss.curvatures(far, code, 0.1)[0, 0]


# --- the conjugates ------------------------------------------------------------------------------------------------


@pytest.fixture(params=list(LOSSES))
def smooth(request: pytest.FixtureRequest) -> Loss:
    """A loss; one with kinks is smoothed over a width of 0.5."""
    loss = LOSSES[request.param]
    return loss if loss.smoothed is None else replace(loss, function=partial(loss.smoothed, width=WIDTH))


@pytest.fixture(params=[loss.name for loss in LOSSES.values() if loss.smoothed])
def kinked(request: pytest.FixtureRequest) -> Loss:
    """A loss with kinks."""
    return LOSSES[request.param]


def gradients(loss: Loss):
    """Gradients g (n, m) of a loss at some scores s (n, m), codes y (n,) and weights v (n,) that sum to 1.

    Two classes and four; balanced and not; a class without weight, or with all of it; all rows wrong, and all right.
    """
    rng = np.random.default_rng(1)
    for n_classes in (2, 4):
        y = np.arange(50) % n_classes
        shape = (50, loss.n_outputs(n_classes))
        true = (signs(np.zeros(shape), y) + 1) / 2
        some = 3 * rng.standard_normal(shape)
        for s in (some, some + 2, 0.1 * some, 1.85 * true - 0.9, -9 * true, 9 * true):
            for classes in (y >= 0, y > 0, y < 1):
                v = rng.uniform(0.1, 1, 50) * classes
                yield loss(s, y)[1], s, y, v / v.sum()


def test_a_dual_is_the_conjugate(smooth: Loss) -> None:
    """-loss*(g) = loss(s) - <g, s> at g = grad loss(s). A smoothed loss is max_g <g, s> - loss*(g) - width/2 ||a||^2, a the
    shares of the slacks in g."""
    for g, s, y, _ in gradients(smooth):
        values, _ = smooth(s, y)
        if smooth.smoothed is not None:
            shares = g if smooth.binary else np.maximum(g, 0)
            values = values + WIDTH / 2 * np.square(shares).sum(axis=1)
        np.testing.assert_allclose(smooth.dual.value(g, y), values - (g * s).sum(axis=1), rtol=1e-9, atol=1e-9)
        if smooth.name == "softmax":
            np.testing.assert_allclose(g, softmax_of(s, axis=1) - np.eye(s.shape[1])[y], atol=1e-12)


def test_a_probability_that_rounding_moved_beyond_0_or_1_has_no_entropy() -> None:
    beyond = np.array([[-1e-15, 1e-15], [1 + 1e-15, -1 - 1e-15]])  # with class 1: probabilities (0, 1) and (1, 0)
    np.testing.assert_allclose(LOSSES["softmax"].dual.value(beyond, np.array([1, 1])), 0, atol=1e-14)
    np.testing.assert_array_equal(LOSSES["logistic"].dual.value(beyond[1:], np.array([1])), 0)


def test_balanced_gradients_sum_to_zero_and_have_a_conjugate(smooth: Loss) -> None:
    """The inequality -loss*(g) <= loss(s) - <g, s> holds at every s: g is where the conjugate is finite."""
    rng = np.random.default_rng(2)
    for g, _, y, v in gradients(smooth):
        before = g.copy()
        moved = smooth.dual.balanced(g, y, v)
        np.testing.assert_array_equal(g, before)
        np.testing.assert_allclose(v @ moved, 0, atol=1e-14)
        for other in 5 * rng.standard_normal((4, *g.shape)):
            below = LOSSES[smooth.name](other, y)[0] - (moved * other).sum(axis=1)
            assert (smooth.dual.value(moved, y) <= below + 1e-9).all()


def flows_of(g: np.ndarray, y: np.ndarray, v: np.ndarray) -> np.ndarray:
    """What flows from class to class, (K, K), by loops."""
    flows = np.zeros((g.shape[1],) * 2)
    for i, c in enumerate(y):
        for j in range(len(flows)):
            flows[c, j] += v[i] * g[i, j] * (j != c)
    return flows


@pytest.mark.parametrize("K", [2, 3, 8])
def test_flows_that_are_nearly_balanced_lose_little(K: int) -> None:
    """A circulation of K classes, changed by a millionth, and one class whose flow cannot be balanced."""
    rng, y = np.random.default_rng(K), np.repeat(np.arange(K), K)
    flows = rng.uniform(0.5, 1, (K, K))
    flows = flows + flows.T
    flows *= 1 + 1e-6 * rng.standard_normal((K, K))
    np.fill_diagonal(flows, 0)
    g = np.where(np.tile(np.eye(K, dtype=bool), (K, 1)), flows[y], 0)  # row K c + j flows from c to j
    g[np.arange(len(y)), y] = -(g.sum(axis=1) - g[np.arange(len(y)), y])
    v = np.full(len(y), 1 / len(y))
    moved = balanced_flows(g, y, v)
    np.testing.assert_allclose(v @ moved, 0, atol=1e-15)
    assert 1 - 1e-5 < flows_of(moved, y, v).sum() / flows_of(g, y, v).sum() <= 1
    one_way = np.where(y == 0, g.T, 0).T  # nothing flows back into class 0
    np.testing.assert_allclose(balanced_flows(one_way, y, v), 0, atol=1e-12)


def test_balanced_gradients_change_no_more_than_they_must(smooth: Loss) -> None:
    """Probabilities are mixed with a distribution on the edge of what a distribution can be, so that its share is least; of
    squared-hinge the side of an output with the larger sum is scaled down; of mse the mean is subtracted."""
    for g, _, y, v in gradients(smooth):
        moved, t = smooth.dual.balanced(g, y, v), signs(g, y)
        if smooth.name == "mse":
            assert np.ptp(moved - g, axis=0).max() < 1e-12
        elif smooth.name in ("svm", "crammer-singer"):
            flows, mutual = flows_of(g, y, v), np.minimum(flows_of(g, y, v), flows_of(g, y, v).T)
            after = flows_of(moved, y, v)
            assert (after <= flows + 1e-15).all()
            assert after.sum() >= mutual.sum() - 1e-15  # what flows both ways needs no change
        elif smooth.name in ("hinge", "squared-hinge"):
            for j in range(g.shape[1]):
                sides = [t[:, j] > 0, t[:, j] < 0]
                sums = [abs(v[side] @ g[side, j]) for side in sides]
                for side, total in zip(sides, sums, strict=True):
                    factor = min(sums) / total if total else 0
                    np.testing.assert_allclose(moved[side, j], factor * g[side, j], rtol=1e-9)
        elif np.abs(v @ t).max() < 0.999:  # no class is absent
            p, q = (a + (t + 1) / 2 for a in (g, moved))  # (n, m)
            centered = p - p.mean(axis=0)
            mixed = ((q - q.mean(axis=0)) * centered).sum() / np.square(centered).sum()
            others = (q - mixed * p) / (1 - mixed)
            assert -1e-12 < mixed < 1
            np.testing.assert_allclose(others, np.broadcast_to(others[0], others.shape), atol=1e-6)
            assert min(others.min(), (1 - others).min()) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", ["softmax", "logistic"])
def test_balanced_gradients_of_classes_stay_as_they_are(name: str) -> None:
    y, v = np.arange(4) % 2, np.full(4, 0.25)
    g = LOSSES[name](np.zeros((4, LOSSES[name].n_outputs(2))), y)[1]
    np.testing.assert_array_equal(LOSSES[name].dual.balanced(g, y, v), g)
