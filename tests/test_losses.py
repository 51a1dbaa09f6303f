from dataclasses import replace
from decimal import Decimal, localcontext

import numpy as np
import pytest
from laws import LAWS

from linclf.losses import LOSSES, Loss, softmax_probabilities
from linclf.textbook import NAIVE


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(loss: Loss, law) -> None:
    law(loss, NAIVE[loss.name])


def test_each_loss_has_a_naive_twin_and_a_formula() -> None:
    assert NAIVE.keys() == LOSSES.keys()
    assert all(loss.formula and loss.source and loss.name == name for name, loss in LOSSES.items())


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
        for far in (-1e4, 1e4):  # all sigmoids 0, or all 1
            p = softmax_probabilities(loss.logits((scores + far).astype(np.float32)))
            np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
