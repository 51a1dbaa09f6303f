"""W = scale * U: what a step changes is in the state, and nothing of it can be left out."""

import copy
import math

import numpy as np
import pytest
from scipy import sparse

from linclf.errors import InputError
from linclf.optim.column_view import ColumnView
from linclf.optim.linalg import is_sparse, minibatch, zero_weights
from linclf.optim.settings import SGDSettings
from linclf.optim.weights import ScaledWeights, WeightSum

RNG = np.random.default_rng(0)
X = np.hstack([RNG.standard_normal((20, 5)) * (RNG.random((20, 5)) < 0.6), np.ones((20, 1))])
Y = RNG.standard_normal((20, 3))


def new(X=X, models: tuple[int, ...] = (), view: ColumnView | None = None, **settings) -> ScaledWeights:
    return ScaledWeights(X, (*models, 3), SGDSettings(**{"lr": 0.1, "reg": 10.0, "batch_size": 2, **settings}), view)


def step(weights: ScaledWeights, k: int, factor: float = 0.9, X=X) -> None:
    """Step k of least squares: two rows, their gradients by the scores."""
    x = minibatch(X, 2 * k % 20, 2 * k % 20 + 2)
    scores = weights.scores(x)
    target = Y[2 * k % 20 : 2 * k % 20 + 2].reshape(2, *[1] * (scores.ndim - 2), 3)
    weights.step(x, (scores - target).astype(scores.dtype), factor, None)


def attributes(weights: ScaledWeights) -> dict[str, object]:
    """A copy of all attributes, and of those of the sum of the weights."""
    own = {name: value for name, value in vars(weights).items() if name != "averages"}
    return copy.deepcopy(own | (vars(weights.averages) if weights.averages else {}))


def same(one: object, other: object) -> bool:
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


RUNS = {  # momentum, average, models
    "plain": (0.0, False, ()),
    "averaged": (0.0, True, ()),
    "momentum": (0.8, False, ()),
    "averaged with momentum": (0.8, True, ()),
    "stack": (np.array([0.0, 0.8]), True, (2,)),
    "stack without momentum": (0.0, np.array([True, False]), (2,)),
}
STOPS, STEPS = (13, 14), 30  # a rescale lies before and after each stop, and not just before both of them


def trained(run: str, steps: int, average_at: int = 7) -> ScaledWeights:
    momentum, average, models = RUNS[run]
    weights = new(models=models, momentum=momentum, average=average)
    for k in range(steps):
        if np.any(average) and k == average_at:
            weights.start_averaging()
        step(weights, k)
    return weights


@pytest.mark.parametrize("run", RUNS)
def test_all_attributes_that_steps_change_are_in_the_state(run: str) -> None:
    weights, changed, rescaled = trained(run, 0), set(), 0
    for k in range(STEPS):
        before, scale = attributes(weights), weights.scale
        if np.any(RUNS[run][1]) and k == 7:
            weights.start_averaging()
        step(weights, k)
        after = attributes(weights)
        changed |= {name for name in after if name not in before or not same(before[name], after[name])}
        rescaled += bool(np.all(weights.scale == 1) and np.any(scale != 1))
    assert rescaled
    assert changed <= weights.state().keys()
    expected = {*ScaledWeights.STATE, *(WeightSum.__dataclass_fields__ if weights.averages else ())}
    expected -= {"velocity"} if weights.velocity is None else set()
    assert weights.state().keys() - {"averaging", "averaged"} == expected - {"averaged"}
    assert weights.state()["averaging"] == bool(weights.averages)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("stop", STOPS)
def test_a_run_that_resumes_has_the_bits_of_one_that_never_stopped(run: str, stop: int) -> None:
    whole, part, again = trained(run, STEPS), trained(run, stop), trained(run, 0)
    state = part.state()
    unchanged = copy.deepcopy(state)
    again.resume(state)
    for weights in (again, part):
        for k in range(stop, STEPS):
            step(weights, k)
        assert all(same(state[name], unchanged[name]) for name in state)  # copies: neither run changes them
    assert [name for name, value in whole.state().items() if not same(value, again.state()[name])] == []
    for one, other in zip(whole.weights(), again.weights(), strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("run", RUNS)
def test_no_part_of_the_state_can_be_left_out_or_stay_as_it_is_at_the_start(run: str) -> None:
    whole, fresh, needed = trained(run, STEPS), trained(run, 0), set()
    if whole.averages:
        fresh.start_averaging()
    for stop in STOPS:
        state = trained(run, stop).state()
        for name in state:
            with pytest.raises(KeyError, match=name):
                trained(run, 0).resume({k: value for k, value in state.items() if k != name})
            again = trained(run, 0)
            again.resume({**state, name: fresh.state()[name]})
            for k in range(stop, STEPS):
                step(again, k)
            if any(
                one.tobytes() != other.tobytes() for one, other in zip(whole.weights(), again.weights(), strict=True)
            ):
                needed.add(name)
    expected = {"U", "scale", *(("velocity", "shrink", "penalty_rate") if whole.velocity is not None else ())}
    if whole.averages:
        expected |= {"sum", "sum_b", "averaged", *(() if whole.velocity is not None else ("scale_sum", "correction"))}
    assert needed == expected


@pytest.mark.parametrize("run", RUNS)
def test_a_state_of_another_kind_is_refused(run: str) -> None:
    state = trained(run, STOPS[0]).state()
    for name, value in state.items():
        wrong = ["text", None, [1.0], np.zeros(7)]
        if isinstance(value, np.ndarray):
            other = "float32" if value.dtype == np.float64 else "float64"
            wrong += [value.astype(other), value[..., None], value[:0], np.full_like(value, np.nan)]
            wrong += [value.astype(int), np.full_like(value, np.inf), 1.0]
        elif isinstance(value, float):
            wrong += [math.nan, math.inf, 1, True]
        else:
            wrong += [1.5, not value if isinstance(value, bool) else True]
        for bad in wrong:
            with pytest.raises((ValueError, TypeError, KeyError)):
                trained(run, 0).resume({**state, name: bad})
    if not state["averaging"]:
        with pytest.raises(ValueError, match="averaged"):
            trained(run, 0).resume({**state, "averaged": 1})
        with pytest.raises(KeyError):
            trained(run, 0).resume({**state, "averaging": True})


@pytest.mark.parametrize("momentum", [0.0, 0.8])
@pytest.mark.parametrize("models", [(4,), (4, 2)])
def test_models_are_selected_in_every_attribute(layout, models: tuple[int, ...], momentum: float) -> None:
    """Along the first axis of models, and in the layout that fewer models have; what models share stays."""
    lr = np.geomspace(0.01, 0.1, 4).reshape(4, *[1] * (len(models) - 1))
    weights = new(layout(X), models, lr=np.broadcast_to(lr, models), momentum=momentum, average=True)
    for k in range(4):
        if k == 2:
            weights.start_averaging()
        step(weights, k, X=layout(X))
    before, chosen = attributes(weights), np.array([2, 0])
    weights.select(chosen)
    after = attributes(weights)
    assert before.keys() == after.keys()
    numbers = weight_arrays = 0
    for name, value in before.items():
        if not isinstance(value, np.ndarray):
            assert same(after[name], value)
        elif value.ndim == 1 + len(models):
            numbers += 1
            np.testing.assert_array_equal(after[name], value[chosen], err_msg=name)
        else:
            weight_arrays += 1
            np.testing.assert_array_equal(after[name], value[:, chosen], err_msg=name)
            if name in ("U", "velocity", "correction", "sum"):
                assert after[name].strides == zero_weights(layout(X.astype(value.dtype)), (2, *models[1:], 3)).strides
    assert (numbers, weight_arrays) == (8, 4 + (momentum > 0))  # lr reg momentum average scale shrink ...


@pytest.mark.parametrize("models", [(), (2,)])
@pytest.mark.parametrize("momentum", [0.0, 0.8])
@pytest.mark.parametrize("reg", [1e30, 1e308])
def test_no_penalty_is_beyond_all_bounds(models: tuple[int, ...], momentum: float, reg: float) -> None:
    """1 / (1 + lr * reg) is 0 for a penalty that is infinite; the velocity is divided by it."""
    weights = new(models=models, lr=2.0, reg=reg, momentum=momentum)
    with np.errstate(over="ignore"):
        for k in range(5):
            step(weights, k)
    W, b = weights.weights()
    assert np.isfinite(b).all()
    assert b.any()  # it is not penalised
    assert np.abs(W).max() < 1e-20


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_averages_lose_no_digits_to_the_scale(dtype: str) -> None:
    """As many as the scale has shrunk since the last rescale: it may shrink to a millionth only where nothing is averaged."""
    x, tolerance = sparse.csr_matrix(X.astype(dtype)), {"float32": 3e-6, "float64": 1e-14}[dtype]
    weights, W, seen = new(x, reg=5.0, momentum=0.0, average=True), np.zeros((6, 3)), []
    weights.start_averaging()
    for k in range(60):
        step(weights, k, 1.0, x)
        rows = X[2 * k % 20 : 2 * k % 20 + 2]
        W = W - 0.1 / 2 * rows.T @ (rows @ W - Y[2 * k % 20 : 2 * k % 20 + 2])
        W[:-1] /= 1 + 0.1 * 5
        seen.append(W)
    mean = np.mean(seen, axis=0)
    found = np.vstack([weights.weights()[0], weights.weights()[1]])
    assert np.abs(found - mean).max() < tolerance * np.abs(mean).max()


@pytest.mark.parametrize("fit_bias", [False, True])
def test_initial_weights_must_fit(layout, fit_bias: bool) -> None:
    weights = new(layout(X), fit_bias=fit_bias)
    shapes = ((5, 3) if fit_bias else (6, 3)), (3,)
    W, b = (RNG.standard_normal(shape) for shape in shapes)
    weights.start_at(W, b)
    np.testing.assert_array_equal(weights.weights()[0], W)
    np.testing.assert_array_equal(weights.weights()[1], b if fit_bias else 0)
    for wrong_W, wrong_b in ((W[1:], b), (W[:, :1], b), (W, b[:1]), (W[None], b)):
        with pytest.raises(
            InputError, match=r"the initial weights have the shapes \(.*\), which do not fit these data"
        ):
            new(layout(X), fit_bias=fit_bias).start_at(wrong_W, wrong_b)


def test_weights_are_copies_in_the_dtype_and_layout_of_a_model(layout, dtype: str) -> None:
    x = layout(X.astype(dtype))
    weights = new(x, (2,), average=True)
    step(weights, 0, X=x)
    for averaged in (False, True):
        W, b = weights.weights()
        assert (W.dtype, b.dtype, W.shape, b.shape) == (dtype, dtype, (5, 2, 3), (2, 3))
        assert W.flags.c_contiguous
        assert not np.shares_memory(W, b)
        assert not np.shares_memory(weights.U, W)
        if not averaged:
            weights.start_averaging()
            step(weights, 1, X=x)
    assert is_sparse(x) == weights.U.flags.c_contiguous
