"""The engine against a plain reference: loops over steps, one array, no scale, no shared buffers."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import threadpool_info

from linclf.errors import DivergedError, InputError
from linclf.losses import LOSSES, Loss
from linclf.optim.column_view import ColumnView
from linclf.optim.objective import Objective
from linclf.optim.settings import SCHEDULES, SGDSettings
from linclf.optim.sgd import SGD, Epoch


def reference(loss: Loss, X, y, m: int, sgd: SGDSettings, weights=None, start=None, number: int = 0):
    """The update rules at the top of sgd.py, written down plainly; yields W, b, the estimate and the first rate of each epoch."""
    n, d = X.shape
    W, b = (np.zeros((d, m)), np.zeros(m)) if start is None else start
    V, v = np.zeros((d, m)), np.zeros(m)
    r, weights = 0.0, np.ones(n) if weights is None else weights
    size = min(sgd.batch_size, n)
    per_epoch = math.ceil(n / size)
    total, step, kept = per_epoch * sgd.epochs, per_epoch * number, []
    rng = np.random.default_rng(sgd.seed)
    circle = rng.permutation(n)
    for _epoch in range(number, sgd.epochs):
        order, losses, rates = np.roll(circle, -rng.integers(n)), 0.0, []
        for place in rng.permutation(per_epoch):
            rows = order[place * size : (place + 1) * size]
            done = step / total
            lr = (
                sgd.lr
                * {
                    "linear": 1 - done,
                    "cosine": (1 + math.cos(math.pi * done)) / 2,
                    "constant": 1,
                    "invscaling": 1 / math.sqrt(1 + step / per_epoch),
                }[sgd.schedule]
            )
            rates.append(lr)
            values, G = loss(X[rows] @ W + b, y[rows])
            w = weights[rows] / weights.mean()
            losses += (w * values).sum()
            row_curvature = loss.curvature * w * (np.square(X[rows]).sum(axis=1) + sgd.fit_bias) * (size < n)
            G = w[:, None] * G / (1 + lr / (1 - sgd.momentum) / size * row_curvature)[:, None]
            r = sgd.momentum * r + lr * len(rows) / size  # a remainder of fewer rows takes a shorter step
            divisor = 1 + r * sgd.reg
            V = sgd.momentum * V - lr * X[rows].T @ G / size
            W = (W + V) / divisor
            v = sgd.momentum * v - lr * G.sum(axis=0) / size
            b = (b + v) / (divisor if sgd.reg_bias else 1) if sgd.fit_bias else b
            if step >= total // 2:
                kept.append((W, b))
            step += 1
        final = tuple(np.mean(a, axis=0) for a in zip(*kept, strict=True)) if sgd.average and kept else (W, b)
        yield *final, losses / n + Objective(loss, sgd.reg, sgd.reg_bias).penalty(*final), rates[0]


def last(run) -> Epoch:
    return list(run)[-1]


@pytest.fixture
def start(problem):
    """X (40, 6), y, n_classes, and settings that exercise everything: 5 minibatches an epoch, the last one short."""
    X, y, n_classes = problem
    return X, y, n_classes, {"lr": 0.05, "reg": 0.1, "epochs": 4, "batch_size": 9, "seed": 7}


def assert_equal_the_reference(run: list[Epoch], expected: list) -> None:
    for epoch, (W, b, estimate, lr) in zip(run, expected, strict=True):
        np.testing.assert_allclose(epoch.W, W, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(epoch.b, b, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(epoch.objective_estimate, estimate, rtol=1e-9)
        assert epoch.lr == pytest.approx(lr, rel=1e-12)
        assert epoch.finite


@pytest.mark.parametrize(
    ("momentum", "average", "reg"), [(0.0, False, 0.1), (0.0, True, 30.0), (0.8, False, 30.0), (0.8, True, 0.1)]
)
def test_equals_the_reference(loss: Loss, layout, start, momentum: float, average: bool, reg: float) -> None:
    """With a reg of 30 the scale is multiplied into the arrays several times."""
    X, y, n_classes, settings = start
    sgd = SGDSettings(**{**settings, "reg": reg}, momentum=momentum, average=average)
    m = loss.n_outputs(n_classes)
    weights = np.random.default_rng(1).uniform(0.2, 2, len(y))
    run = list(SGD(loss, layout(X), y, m, sgd, weights=weights).epochs())
    assert [epoch.number for epoch in run] == [1, 2, 3, 4]
    assert_equal_the_reference(run, list(reference(loss, X, y, m, sgd, weights)))


def test_one_row_at_a_time_least_squares_takes_the_implicit_step() -> None:
    """Kulis & Bartlett (2010): W' = argmin ||W' - W||^2 / 2 + lr loss(W'), which for the squared error is a division."""
    X, y, lr = np.array([[3.0, -4.0], [0, 0]]), np.array([0, 0]), 0.7  # a step along the second row leads nowhere
    settings = {"lr": lr, "reg": 0.0, "epochs": 1, "batch_size": 1, "momentum": 0.0, "schedule": "constant"}
    epoch = last(SGD(LOSSES["mse"], X, y, 2, SGDSettings(**settings, fit_bias=False)).epochs())
    onehot = np.array([[1.0, 0.0]])
    np.testing.assert_allclose(epoch.W + lr * 2 * X[:1].T @ (X[:1] @ epoch.W - onehot), 0, atol=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("policy", [{}, {"fit_bias": False}, {"reg_bias": True, "average": True}, {"batch_size": 40}])
@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_schedules_and_policies_equal_the_reference(start, schedule: str, policy: dict, momentum: float) -> None:
    X, y, n_classes, settings = start
    sgd, loss = SGDSettings(**{**settings, **policy}, schedule=schedule, momentum=momentum), LOSSES["mse"]
    run = list(SGD(loss, X, y, n_classes, sgd).epochs())
    assert_equal_the_reference(run, list(reference(loss, X, y, n_classes, sgd)))
    assert policy.get("fit_bias", True) or not run[-1].b.any()


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_a_run_from_other_weights_equals_the_reference(layout, start, number: int, momentum: float) -> None:
    """From the end of an epoch: the schedule continues, and averaging begins halfway or, if later, with the run."""
    X, y, n_classes, settings = start
    rng, loss = np.random.default_rng(2), LOSSES["softmax"]
    begin = rng.standard_normal((6, n_classes)), rng.standard_normal(n_classes)
    sgd = SGDSettings(**settings, momentum=momentum, average=True)
    run = list(SGD(loss, layout(X), y, n_classes, sgd, start=begin, number=number).epochs())
    assert [epoch.number for epoch in run] == [1, 2, 3, 4][number:]
    assert_equal_the_reference(run, list(reference(loss, X, y, n_classes, sgd, None, begin, number)))


@pytest.mark.parametrize(
    ("momentum", "average"),
    [(0.0, False), (0.0, np.array([[True], [False]])), (0.8, True), (np.array([[0.8, 0.0, 0.4]]), True)],
    ids=["plain", "some averaged", "momentum", "momentum of each"],
)
def test_stacked_models_equal_one_by_one(loss: Loss, layout, start, momentum, average) -> None:
    X, y, n_classes, settings = start
    X, m = layout(X), loss.n_outputs(n_classes)
    lr, reg = np.array([[0.01], [0.05]]), np.array([[0.0, 0.1, 30.0]])
    shared = {**settings, "lr": lr, "reg": reg, "momentum": momentum, "average": average}
    weights = np.random.default_rng(1).uniform(0.2, 2, (len(y), 2, 3))
    stack = last(SGD(loss, X, y, m, SGDSettings(**shared), weights=weights).epochs())
    assert stack.W.shape == (6, 2, 3, m)
    each = {name: np.broadcast_to(shared[name], (2, 3)) for name in ("lr", "reg", "momentum", "average")}
    for i, j in ((0, 2), (1, 0), (1, 1)):
        sgd = SGDSettings(**{**shared, **{name: a[i, j].item() for name, a in each.items()}})
        alone = last(SGD(loss, X, y, m, sgd, weights=np.ascontiguousarray(weights[:, i, j])).epochs())
        np.testing.assert_allclose(stack.W[:, i, j], alone.W, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(stack.b[i, j], alone.b, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(stack.objective_estimate[i, j], alone.objective_estimate, rtol=1e-9)
        np.testing.assert_allclose(stack.lr[i, j], alone.lr, rtol=1e-12)


def test_same_seed_same_bits_and_another_seed_other_bits(loss: Loss, dtype: str, layout, start) -> None:
    X, y, n_classes, settings = start
    X, m = layout(X.astype(dtype)), loss.n_outputs(n_classes)
    one, same = (last(SGD(loss, X, y, m, SGDSettings(**settings)).epochs()) for _ in range(2))
    other = last(SGD(loss, X, y, m, SGDSettings(**{**settings, "seed": 8})).epochs())
    assert one.W.dtype == one.b.dtype == dtype
    assert one.W.tobytes() == same.W.tobytes()
    assert one.b.tobytes() == same.b.tobytes()
    assert one.W.tobytes() != other.W.tobytes()


def test_a_batch_larger_than_the_data_is_gradient_descent(layout, problem) -> None:
    X, y, n_classes = problem
    loss = LOSSES["softmax"]
    sgd = SGDSettings(lr=0.1, reg=0.0, epochs=3, batch_size=1000, momentum=0.0, schedule="constant")
    epoch = last(SGD(loss, layout(X), y, n_classes, sgd).epochs())
    W, b = np.zeros((6, n_classes)), np.zeros(n_classes)
    for _ in range(3):
        _, dW, db = Objective(loss, 0.0).value_and_gradient(X, y, W, b)
        W, b = W - 0.1 * dW, b - 0.1 * db
    np.testing.assert_allclose(epoch.W, W, rtol=1e-9, atol=1e-12)


def test_rows_of_weight_zero_change_nothing(loss: Loss, layout, problem) -> None:
    """Folds are 0/1 weights: held-out rows must not leak, whatever they hold."""
    X, y, n_classes = problem
    weights = (np.arange(len(y)) % 4 > 0).astype(float)
    sgd = SGDSettings(lr=0.02, epochs=3, batch_size=9)
    changed = np.where(weights[:, None] > 0, X, 100.0)
    one, other = (
        last(SGD(loss, layout(data), y, loss.n_outputs(n_classes), sgd, weights=weights).epochs())
        for data in (X, changed)
    )
    np.testing.assert_array_equal(one.W, other.W)


@pytest.mark.parametrize("reg", [1e3, 1e9])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_no_penalty_is_too_strong(layout, problem, reg: float, momentum: float) -> None:
    X, y, n_classes = problem
    sgd = SGDSettings(lr=0.1, reg=reg, epochs=50, batch_size=9, momentum=momentum, fit_bias=False)
    epoch = last(SGD(LOSSES["softmax"], layout(X), y, n_classes, sgd).epochs())
    assert np.isfinite(epoch.W).all()
    assert np.abs(epoch.W).max() < 10 / reg


def test_scale_is_put_back_before_it_underflows() -> None:
    """1200 steps at lr * reg = 1 would shrink the scale to 2 ** -1200, which is 0."""
    X, y = sparse.csr_matrix(np.eye(4)), np.array([0, 1, 0, 1])
    for average in (False, True):
        sgd = SGDSettings(lr=1.0, reg=1.0, epochs=300, batch_size=1, momentum=0.0, schedule="constant", average=average)
        epoch = last(SGD(LOSSES["hinge"], X, y, 1, sgd).epochs())
        assert np.isfinite(epoch.W).all()
        assert np.abs(epoch.W).max() > 1e-3


def test_a_sparse_step_touches_only_its_columns() -> None:
    X = sparse.csr_matrix(([1.0, 2.0, 3.0], ([0, 1, 1], [5, 700_000, 5])), shape=(2, 1_000_000))
    epoch = last(SGD(LOSSES["hinge"], X, np.array([0, 1]), 1, SGDSettings(lr=0.1, momentum=0.0, epochs=3)).epochs())
    assert set(np.flatnonzero(epoch.W)) == {5, 700_000}


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_divergence_is_an_error(layout, problem, momentum: float) -> None:
    _, y, n_classes = problem
    X = layout(np.full((40, 6), 100.0))  # equal rows overshoot together
    sgd = SGDSettings(lr=1e6, reg=0.0, momentum=momentum, epochs=1000, schedule="constant")
    with pytest.raises(DivergedError, match=r"diverged in epoch \d+ at lr 1e\+06"):
        last(SGD(LOSSES["mse"], X, y, n_classes, sgd).epochs())


def test_epochs_are_the_callers_to_keep(start) -> None:
    X, y, n_classes, settings = start
    run = SGD(LOSSES["softmax"], X, y, n_classes, SGDSettings(**settings)).epochs()
    first = next(run)
    W = first.W.copy()
    next(run)
    np.testing.assert_array_equal(first.W, W)


def test_blas_is_held_to_one_thread_in_the_loop_and_given_back(problem) -> None:
    X, y, n_classes = problem
    seen = []

    def spy(scores, codes):
        seen.append({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"})
        return LOSSES["softmax"](scores, codes)

    before = threadpool_info()
    last(SGD(Loss("spy", spy, "", "", 1), X, y, n_classes, SGDSettings(lr=0.1, epochs=1)).epochs())
    assert seen
    assert all(threads == {1} for threads in seen)
    assert threadpool_info() == before


@pytest.mark.parametrize("momentum", [0.0, 0.8])
@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("fit_bias", [False, True])
def test_no_columns_at_all(loss: Loss, layout, momentum: float, average: bool, fit_bias: bool) -> None:
    sgd = SGDSettings(lr=0.1, epochs=3, momentum=momentum, average=average, fit_bias=fit_bias)
    epoch = last(SGD(loss, layout(np.zeros((10, 0))), np.arange(10) % 3, 3, sgd).epochs())
    assert (epoch.W.shape, epoch.b.shape) == ((0, 3), (3,))
    assert np.isfinite(epoch.objective_estimate)


@pytest.mark.parametrize(("momentum", "average"), [(0.0, True), (0.8, False)])
def test_models_that_leave_the_stack_change_nothing_for_the_others(
    loss: Loss, layout, start, momentum: float, average: bool
) -> None:
    X, y, n_classes, settings = start
    X, m = layout(X), loss.n_outputs(n_classes)
    lr, weights = (
        np.geomspace(0.005, 0.05, 4)[:, None] * [1, 0.5],
        np.random.default_rng(1).uniform(0.2, 2, (len(y), 4, 2)),
    )
    sgd = SGDSettings(**{**settings, "lr": lr, "momentum": momentum, "average": average})
    whole = list(SGD(loss, X, y, m, sgd, weights=weights).epochs())
    run = SGD(loss, X, y, m, sgd, weights=weights)
    places = np.arange(4)
    run.run_epoch()
    for keep in (np.array([0, 1, 3]), None, np.array([1, 2])):
        if keep is not None:
            places = places[keep]
            run.select(keep)
        epoch = run.run_epoch()
        assert epoch.W.shape == (6, len(places), 2, m)
        np.testing.assert_allclose(epoch.W, whole[epoch.number - 1].W[:, places], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(epoch.b, whole[epoch.number - 1].b[places], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(epoch.lr, whole[epoch.number - 1].lr[places])
        estimate = whole[epoch.number - 1].objective_estimate[places]
        np.testing.assert_allclose(epoch.objective_estimate, estimate, rtol=1e-9)


@pytest.mark.parametrize(
    ("momentum", "policy"), [(0.0, {}), (0.8, {"fit_bias": False}), (0.8, {"reg_bias": True}), (0.0, {"average": True})]
)
def test_a_view_is_columns_scaled_beforehand(loss: Loss, start, momentum: float, policy: dict) -> None:
    X, y, n_classes, settings = start
    m, d = loss.n_outputs(n_classes), X.shape[1]
    rng = np.random.default_rng(5)
    center, rate = rng.standard_normal((d, 3)), rng.uniform(0.5, 2, (d, 3))
    weights = rng.uniform(0.2, 2, (len(y), 1, 3))
    bias = float(policy.get("fit_bias", True))
    view = ColumnView(np.vstack([center, np.zeros((1, 3))])[:, None], np.vstack([rate, np.full((1, 3), bias)])[:, None])
    lr = np.array([[0.01, 0.02, 0.03], [0.005, 0.01, 0.02]])
    stack = last(
        SGD(
            loss,
            X,
            y,
            m,
            SGDSettings(**{**settings, **policy, "lr": lr, "momentum": momentum}),
            weights=weights,
            view=view,
        ).epochs()
    )
    seen = view.to_raw_weights(np.concatenate([stack.W, stack.b[None]]))
    for i, j in ((0, 2), (1, 0), (1, 1)):
        sgd = SGDSettings(**{**settings, **policy, "lr": float(lr[i, j]), "momentum": momentum})
        z = (X - center[:, j]) * rate[:, j]
        alone = last(SGD(loss, z, y, m, sgd, weights=weights[:, 0, j]).epochs())
        np.testing.assert_allclose(stack.W[:, i, j], alone.W, rtol=1e-8, atol=1e-11)
        np.testing.assert_allclose(stack.b[i, j], alone.b, rtol=1e-8, atol=1e-11)
        outputs = X @ seen[:-1, i, j] + seen[-1, i, j]
        np.testing.assert_allclose(outputs, z @ alone.W + alone.b, rtol=1e-8, atol=1e-10)


def test_one_model_diverges_alone(layout, problem) -> None:
    _, y, n_classes = problem
    X = layout(np.full((40, 6), 100.0))
    shared = {"reg": 0.0, "momentum": 0.0, "epochs": 60, "schedule": "constant"}
    stack = last(SGD(LOSSES["mse"], X, y, n_classes, SGDSettings(lr=np.array([1e-6, 1e6]), **shared)).epochs())
    assert stack.finite.tolist() == [True, False]
    alone = last(SGD(LOSSES["mse"], X, y, n_classes, SGDSettings(lr=1e-6, **shared)).epochs())
    assert alone.finite
    np.testing.assert_allclose(stack.W[:, 0], alone.W, rtol=1e-9, atol=1e-12)
    with pytest.raises(DivergedError, match=r"at lr 1e\+06 to 2e\+06"):
        last(SGD(LOSSES["mse"], X, y, n_classes, SGDSettings(lr=np.array([1e6, 2e6]), **shared)).epochs())


def test_a_model_whose_bias_alone_is_infinite_is_not_finite() -> None:
    """The losses of an epoch are those before its last step, and the penalty is that of W."""
    X, y = np.zeros((10, 0), np.float32), np.arange(10) // 7
    sgd = SGDSettings(lr=np.array([0.1, 1e39]), epochs=1, momentum=0.0)
    epoch = SGD(LOSSES["softmax"], X, y, 2, sgd).run_epoch()
    assert np.isfinite(epoch.objective_estimate).all()
    assert np.isfinite(epoch.b).all(axis=1).tolist() == epoch.finite.tolist() == [True, False]
    with pytest.raises(
        DivergedError, match=r"diverged in epoch 1 at lr 1e\+39: the weights or the loss became NaN or infinite"
    ):
        SGD(LOSSES["softmax"], X, y, 2, SGDSettings(lr=1e39, epochs=1, momentum=0.0)).run_epoch()


@pytest.mark.parametrize("average", [False, True])
def test_a_run_resumes_to_the_same_bits_and_only_from_its_own_state(layout, start, average: bool) -> None:
    X, y, n_classes, settings = start
    sgd = SGDSettings(**{**settings, "reg": 3.0}, average=average)
    whole = list(SGD(LOSSES["svm"], layout(X), y, n_classes, sgd).epochs())
    for stop in (1, 2, 3):
        run, again = (SGD(LOSSES["svm"], layout(X), y, n_classes, sgd) for _ in range(2))
        for _ in range(stop):
            run.run_epoch()
        state = run.state()
        run.run_epoch()  # changes nothing of the state
        again.resume(state)
        rest = list(again.epochs())
        assert [epoch.number for epoch in rest] == [1, 2, 3, 4][stop:]
        assert [epoch.W.tobytes() for epoch in rest] == [epoch.W.tobytes() for epoch in whole[stop:]]
    other = SGD(LOSSES["svm"], layout(X[:, :5]), y, n_classes, sgd)
    for wrong in (state, replace(state, generator={}), replace(state, iterate={})):
        with pytest.raises(InputError, match=r"the checkpoint does not belong to this run \("):
            other.resume(wrong)


def test_averages_begin_no_earlier_than_the_epoch_that_a_run_resumes_from(start) -> None:
    """A state without averages, from beyond half of the steps, as of a run whose weights were set back."""
    X, y, n_classes, settings = start
    sgd = SGDSettings(**settings, average=True)
    run = SGD(LOSSES["svm"], X, y, n_classes, sgd)
    state = run.state()
    run.resume(replace(state, number=3))
    assert run.number == 3
    averaged, last_steps = run.run_epoch(), SGD(LOSSES["svm"], X, y, n_classes, sgd, number=3).run_epoch()
    np.testing.assert_array_equal(averaged.W, last_steps.W)
