"""Columns that predict the label alone: those that do are found, and noise is not, however rare a class is."""

import numpy as np
import pytest
from scipy import sparse

from linclf.data.dataset import Dataset
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.table import Cells, Table
from linclf.inspect.leakage import cell_codes, find_leaks, find_sparse_leaks, holdout_accuracy


def rare(rng: np.random.Generator, k: int, n: int = 1000) -> np.ndarray:
    """Labels of which k are positive."""
    y = np.zeros(n, np.intp)
    y[rng.choice(n, k, replace=False)] = 1
    return y


def noise(rng: np.random.Generator, n: int = 1000) -> Table:
    """Numbers, numbers with few values and with gaps, and levels."""
    numbers = rng.standard_normal((n, 4))
    numbers[:, 1] = numbers[:, 1].round(1)
    numbers[rng.random((n, 4)) < 0.01] = np.nan
    levels = Cells(rng.integers(-1, 150, n).astype(np.int32), np.arange(150).astype(str).astype(object))
    return Table(("a", "b", "c", "d", "e"), numbers, {"e": levels})


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6, 10, 30, 500])
def test_noise_is_no_leak_however_rare_the_class(k: int) -> None:
    rng = np.random.default_rng(k)
    found = [leak for _ in range(40) for leak in find_leaks(noise(rng), rare(rng, k))]
    assert found == []


def test_full_columns_have_no_missingness_that_predicts_a_label() -> None:
    """One of 200 rows is positive, and always predicting the other class is right for 99.5 % of them."""
    rng = np.random.default_rng(0)
    assert find_leaks(Table(("x", "z"), rng.standard_normal((200, 2)), {}), np.eye(200, dtype=int)[0]) == []


@pytest.mark.parametrize("k", [5, 6, 10, 30, 500])
def test_leaks_are_found_from_five_rows_on(k: int) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        y = rare(rng, k)
        numbers = np.column_stack([5 * y + rng.random(1000), np.where(y, rng.random(1000), np.nan), rng.random(1000)])
        level = Cells(y.astype(np.int32), np.array(["free", "guilty"], object))
        findings = find_leaks(Table(("sum", "paid", "none", "verdict"), numbers, {"verdict": level}), y)
        assert [one.columns for one in findings] == [("sum",), ("paid",), ("verdict",)]
        words = ["value", "missingness", "value"]
        base = max(k, 1000 - k) / 1000
        for one, word in zip(findings, words, strict=True):
            assert f"its {word} predicts the label for" in one.what
            assert f"(majority class: {base:.1%}): possible leakage" in one.what


def test_a_column_that_is_right_for_most_rows_is_no_leak() -> None:
    """98 % of the errors of the majority class must go by its value, half of them by missingness."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 1000)
    for wrong, leak in ((0.005, True), (0.05, False)):
        value = np.where(rng.random(1000) < wrong, 1 - y, y).astype(float)
        assert bool(find_leaks(Table(("x",), value[:, None], {}), y)) == leak
    for wrong, leak in ((0.15, True), (0.35, False)):
        gap = np.where(rng.random(1000) < wrong, 1 - y, y).astype(bool)
        assert bool(find_leaks(Table(("x",), np.where(gap, np.nan, 1.0)[:, None], {}), y)) == leak


def naive_accuracy(cells: np.ndarray, y: np.ndarray, half: np.ndarray) -> float:
    """The accuracy by loops, for numbers without gaps and without ties."""
    right = 0
    for i in range(len(y)):
        known = np.flatnonzero(half != half[i])
        nearest = cells[known[np.abs(cells[known] - cells[i]).argmin()]]
        right += np.bincount(y[known[cells[known] == nearest]]).argmax() == y[i]
    return right / len(y)


def test_the_accuracy_equals_that_of_a_naive_loop() -> None:
    rng = np.random.default_rng(0)
    y, half = rng.integers(0, 3, 60), rng.random(60) < 0.5
    for cells in (rng.standard_normal(60), y + rng.standard_normal(60) / 3):
        assert holdout_accuracy(cells, y, half) == pytest.approx(naive_accuracy(cells, y, half))
    unknown = np.where(half, 0, 1).astype(np.int32)  # a level of one half only: the majority class of the other half
    majority = [np.bincount(y[half]).argmax(), np.bincount(y[~half]).argmax()]
    expected = (np.sum(y[~half] == majority[0]) + np.sum(y[half] == majority[1])) / 60
    assert holdout_accuracy(Cells(unknown, np.array(["u", "v"], object)), y, half) == pytest.approx(expected)


def test_codes_of_cells() -> None:
    assert cell_codes(Cells(np.array([1, -1, 0], np.int32), np.array(["u", "v"], object))).tolist() == [2, 0, 1]
    numbers = np.array([1.0, np.nan, 2.0, 1.0, 9.0])
    assert cell_codes(numbers).tolist() == [1, 0, 2, 1, 3]
    assert cell_codes(numbers, np.array([True, True, False, False, True])).tolist() == [1, 0, 1, 1, 2]
    assert cell_codes(np.full(3, np.nan)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 20])
def test_words_of_sparse_data_that_only_a_few_rows_have_are_no_leak(k: int) -> None:
    rng = np.random.default_rng(k)
    y = rare(rng, k)
    X = sparse.random_array((1000, 3000), density=0.003, rng=rng, format="csr")
    X = sparse.hstack([X, sparse.csr_array(y[:, None].astype(float))], format="csr")
    dataset = Dataset(X, y, Source("t"), Schema(X.shape[1], sparse=True, zero_based=True), "")
    found = find_sparse_leaks(dataset, y)
    assert [one.what.split(":")[0] for one in found] == (["index 3000"] if k >= 5 else [])
