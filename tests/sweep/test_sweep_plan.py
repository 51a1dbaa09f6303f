"""What a configuration costs, and how configurations are divided into stacks, on both sides of every limit."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from linclf.data.schema import Schema
from linclf.data.split import Part, Split, folds
from linclf.errors import InputError
from linclf.optim.auto_rate import SPARSE_COST
from linclf.sweep.grid import SweepOptions
from linclf.sweep.plan import _Cost, _cost, _make_stacks, _memory, make_plan
from linclf.training.options import TrainOptions

N, D, K = 100, 4, 3  # rows, columns, classes
X = np.random.default_rng(0).standard_normal((N, D))


def split_of(X, y: np.ndarray | None = None, val: Part | None = None) -> Split:
    y = np.arange(N) % K if y is None else y
    return Split(np.unique(y), Part(X, y), val, None, Schema(D, sparse=sparse.issparse(X)), {}, ())


def cost_of(X=X, cv: int | None = 5, **options) -> _Cost:
    base = {"loss": "softmax", "scale": "none", "batch_size": 32, "epochs": 7, "momentum": 0.9, **options}
    configuration = TrainOptions(reg=1e-4, val=None if cv else "0.2", **base)
    val = None if cv else Part(X[:10], np.arange(10) % K)
    plan = make_plan(SweepOptions(configuration, {}, cv), split_of(X, val=val))
    return _cost(configuration, plan.split, plan.data["none"])


def test_the_cost_of_a_configuration_on_dense_data() -> None:
    outputs = 5 * K
    step = 4 * (D + 90) * outputs * 32
    # 8 arrays of the size of the weights, 8 of a minibatch's scores; 6 numbers for each row and fold
    numbers = outputs * ((D + 1) * 8 + 32 * 8) + 6 * N * 5
    expected = _Cost(("softmax", "none", 32, False), step, step * 7 * N / 32, 4 * numbers, 8 * 4 * N * outputs)
    assert cost_of() == expected
    assert cost_of(momentum=0.0) == expected
    double = cost_of(dtype="float64")
    assert (double.memory, double.measuring, double.step) == (2 * expected.memory, 2 * expected.measuring, step)
    assert cost_of(average=True).memory == expected.memory + 4 * outputs * (D + 1) * 7
    one_batch = cost_of(batch_size=1000)
    assert (one_batch.step, one_batch.total) == (4 * (D + 90) * outputs * N, 4 * (D + 90) * outputs * N * 7)
    assert one_batch.group[2] == 1000
    assert cost_of(loss="logistic").step == step  # one output for each class
    with_val = cost_of(cv=None)
    assert (with_val.step, with_val.memory) == (step / 5, 4 * (K * ((D + 1) * 8 + 32 * 8) + 6 * N))


def test_the_cost_of_a_configuration_on_sparse_data() -> None:
    rows = sparse.csr_matrix(np.where(X > 0, X, 0))
    step = 4 * (rows.nnz / N * SPARSE_COST + 90) * 5 * K * 32
    assert cost_of(rows).step == pytest.approx(step)
    # with momentum a step moves all weights: the two do not share a stack
    assert cost_of(rows).group == ("softmax", "none", 32, True)
    assert cost_of(rows, momentum=0.0).group == ("softmax", "none", 32, False)


def cost(group: str = "a", step: float = 1, total: float = 1, memory: float = 1, measuring: float = 0) -> _Cost:
    """Memory in megabytes."""
    return _Cost((group,), step, total, memory * 1e6, measuring * 1e6)


def stacks_of(costs: list[_Cost], max_memory: float = 100, cv: int | None = 5, dtype: str = "float32"):
    base = TrainOptions(reg=1e-4, dtype=dtype, val=None if cv else "0.2")
    return _make_stacks(SweepOptions(base, max_memory=max_memory, cv=cv), (base,) * len(costs), costs)


def n_stacks(n: int, max_memory: float = 100, dtype: str = "float32", **costs: float) -> int:
    stacks = stacks_of([cost(**costs)] * n, max_memory, dtype=dtype)
    assert sorted(i for stack in stacks for i in stack) == list(range(n))
    return len(stacks)


def test_a_stack_takes_a_fourth_of_the_memory() -> None:
    assert [n_stacks(n) for n in (1, 25, 26, 50, 100)] == [1, 1, 2, 2, 4]
    assert n_stacks(25, memory=1.04) == 2  # 24 fit
    assert n_stacks(25, memory=0.999) == 1
    assert n_stacks(25, max_memory=99.9) == 2


def test_what_measuring_takes_is_not_available() -> None:
    """Rows are measured in chunks: of 16 MB in float32, of 32 MB in float64."""
    assert n_stacks(24, measuring=0.16) == 1  # (100 - 24 * 0.16) / 4 = 24.04
    assert n_stacks(24, measuring=0.17) == 2  # (100 - 24 * 0.17) / 4 = 23.98
    assert n_stacks(21, measuring=9.0) == 1  # (100 - 16) / 4 = 21
    assert n_stacks(22, measuring=9.0) == 2
    assert n_stacks(17, measuring=9.0, dtype="float64") == 1  # (100 - 32) / 4 = 17
    assert n_stacks(18, measuring=9.0, dtype="float64") == 2


def test_the_number_of_stacks_is_a_power_of_two_unless_there_are_fewer_configurations() -> None:
    assert [n_stacks(n) for n in (51, 75, 76, 101, 200, 201)] == [4, 4, 4, 8, 8, 16]
    assert [n_stacks(n, memory=20) for n in (1, 2, 3, 4, 5, 6, 7)] == [1, 2, 3, 4, 5, 6, 7]
    assert stacks_of([cost()] * 60) == tuple(tuple(range(i, 60, 4)) for i in range(4))  # dealt out in turn


def test_a_wide_stack_is_divided() -> None:
    """Above 30 million multiplications per step."""
    assert [n_stacks(4, step=step) for step in (1e7, 1.124e7, 1.126e7, 1.8e7, 3e7, 9e7)] == [1, 1, 2, 2, 4, 4]
    assert n_stacks(16, step=1.5e7) == 8


def test_a_stack_takes_no_more_than_an_eighth_of_a_long_sweep() -> None:
    """Of more than 10^12 multiplications."""
    assert n_stacks(20, total=5e10) == 1
    assert n_stacks(20, total=5.01e10) == 16  # 2 of 20 are less than an eighth: 10 stacks or more
    assert n_stacks(24, total=1e11) == 8
    assert n_stacks(4, total=1e12) == 4
    # the most expensive configuration decides
    assert len(stacks_of([cost(total=1e11)] * 39 + [cost(total=2e11)])) == 32


def test_a_group_is_divided_by_its_most_expensive_configuration() -> None:
    assert len(stacks_of([cost()] * 24 + [cost(memory=1.1)])) == 2
    assert len(stacks_of([cost(step=1e6)] * 3 + [cost(step=1.2e7)])) == 2
    assert len(stacks_of([cost(measuring=0.01)] * 23 + [cost(measuring=0.17)])) == 2


def test_only_configurations_of_a_group_share_a_stack() -> None:
    costs = [cost(group) for group in "abcab"]
    assert stacks_of(costs) == ((0, 3), (1, 4), (2,))


def test_a_configuration_that_does_not_fit_states_what_it_needs() -> None:
    fits = cost(memory=84.0, measuring=500.0)  # 16 MB more to measure
    assert stacks_of([fits]) == ((0,),)
    assert stacks_of([fits] * 3) == ((0,), (1,), (2,))
    for one, needed in ((cost(memory=84.2, measuring=500.0), 100), (cost(memory=100, measuring=5), 105)):
        message = (
            f"one configuration of loss softmax takes {needed} MB in training; give --max-memory {needed + 1} or more"
        )
        with pytest.raises(InputError, match=f"{message}, or fewer folds$"):
            stacks_of([cost(), one])
        with pytest.raises(InputError, match=f"{message}$"):
            stacks_of([one], cv=None)


def test_the_memory_of_a_plan_is_that_of_its_largest_stack() -> None:
    options = SweepOptions(TrainOptions(reg=1e-4))
    costs = [cost(memory=1, measuring=2), cost(memory=3, measuring=1), cost(memory=2, measuring=30)]
    assert _memory(options, costs, ((0,), (1,))) == 4e6
    assert _memory(options, costs, ((0, 1), (2,))) == 2e6 + 16e6
    assert _memory(options, costs, ((0, 1),)) == 4e6 + 3e6
    assert _memory(replace(options, base=TrainOptions(reg=1e-4, dtype="float64")), costs, ((2,),)) == 2e6 + 30e6
    configuration = TrainOptions(reg=1e-4, loss="softmax", epochs=7)
    plan = make_plan(SweepOptions(configuration, {"reg": (0.1, 0.2)}), split_of(X))
    one = _cost(configuration, plan.split, plan.data["auto"])
    assert plan.megabytes == 2 * (one.memory + one.measuring) / 1e6
    assert plan.stacks == ((0, 1),)


def test_the_folds_of_a_plan_are_drawn_by_the_seed() -> None:
    y = np.arange(N) % K
    plan = make_plan(
        SweepOptions(TrainOptions(reg=1e-4, seed=3), {"scale": ("none", "maxabs", "none")}, cv=4), split_of(X, y)
    )
    assert list(plan.data) == ["none", "maxabs"]
    for data in plan.data.values():
        for j, fold in enumerate(data.folds):
            np.testing.assert_array_equal(fold.used, folds(y, 4, 3) != j)
    rare = np.repeat(np.arange(34), 3)[:N]  # at most 3 rows of a class
    assert len(make_plan(SweepOptions(TrainOptions(reg=1e-4), cv=3), split_of(X, rare)).data["auto"].folds) == 3
    with pytest.raises(InputError, match="cv is 4, but the largest class has 3 training rows; give fewer folds"):
        make_plan(SweepOptions(TrainOptions(reg=1e-4), cv=4), split_of(X, rare))
