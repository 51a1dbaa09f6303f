"""Every row pulls equally, whichever minibatch it falls into, also those of the last, smaller one."""

import numpy as np
import pytest

from linclf.losses import Loss
from linclf.optim.auto_rate import auto_rate
from linclf.optim.objective import Objective
from linclf.optim.settings import SGDSettings
from linclf.optim.sgd import SGD

RNG = np.random.default_rng(0)
B = 16
CENTERS = RNG.standard_normal((3, 8))
CODES = RNG.integers(3, size=8 * B - 1)
X = CENTERS[CODES] + RNG.standard_normal((len(CODES), 8))


@pytest.mark.parametrize("n", [4 * B, 4 * B + 1, 4 * B + 5, 5 * B - 1])
def test_an_epoch_of_tiny_steps_moves_by_the_gradient_of_all_rows(loss: Loss, layout, n: int) -> None:
    """To first order: lr / B times the sum over rows, whatever n % B is."""
    lr, m, rng = 1e-7, loss.n_outputs(3), np.random.default_rng(n)  # of its own: tests run in any order
    W, b = rng.standard_normal((8, m)), rng.standard_normal(m)
    settings = SGDSettings(lr=lr, reg=0.0, epochs=1, batch_size=B, momentum=0.0, schedule="constant")
    epoch = SGD(loss, layout(X[:n]), CODES[:n], m, settings, start=(W, b)).run_epoch()
    data = Objective(loss, 0.0).data_term(layout(X[:n]), CODES[:n], W, b)
    np.testing.assert_allclose((epoch.W - W) / lr, -data.dW / B, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose((epoch.b - b) / lr, -data.db / B, rtol=1e-3, atol=1e-5)


def test_the_penalty_of_a_short_minibatch_is_short_too(layout) -> None:
    """Without a gradient an epoch shrinks the weights by what n rows are due: (1 + lr reg)^(-n / B) to first order in lr."""
    lr, reg = 1e-4, 2.0

    def nothing(scores, y):
        return np.zeros(scores.shape[:-1], scores.dtype), np.zeros_like(scores)

    flat, start = Loss("flat", nothing, "", ""), (np.ones((8, 3)), np.ones(3))
    for n in (4 * B, 4 * B + 1, 5 * B - 1):
        settings = SGDSettings(lr=lr, reg=reg, epochs=1, batch_size=B, momentum=0.0, schedule="constant")
        epoch = SGD(flat, layout(X[:n]), CODES[:n], 3, settings, start=start).run_epoch()
        np.testing.assert_allclose(1 - epoch.W, lr * reg * n / B, rtol=1e-2)


def test_objectives_over_seeds_agree_in_spread_for_every_remainder(loss: Loss) -> None:
    m, objective = loss.n_outputs(3), Objective(loss, 1e-3)
    excess: dict[int, tuple[float, float]] = {}
    for remainder in (0, 1, 2, B - 1):
        n = 7 * B + remainder
        rows, y = X[:n], CODES[:n]
        settings = SGDSettings(lr=1.0, reg=1e-3, epochs=60, batch_size=B)
        settings = SGDSettings(**{**vars(settings), "lr": auto_rate(loss, rows, y, m, settings).value})
        ends = []
        for seed in range(6):
            *_, last = SGD(loss, rows, y, m, SGDSettings(**{**vars(settings), "seed": seed})).epochs()
            ends.append(float(sum(objective.terms(rows, y, last.W, last.b))))
        excess[remainder] = min(ends), max(ends) - min(ends)
    least, spread = excess.pop(0)
    for found, its_spread in excess.values():
        assert its_spread < 4 * spread + 0.001 * least
        assert abs(found - least) < 0.06 * least
