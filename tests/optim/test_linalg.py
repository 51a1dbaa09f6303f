"""Dense and sparse rows through the same functions, whole, lazy, and mapped from a file."""

import mmap

import numpy as np
import pytest

from linclf.optim import linalg as matrix
from linclf.optim.linalg import (
    chunks,
    convert_rows,
    first_not_finite,
    is_sparse,
    is_zero,
    select_rows,
    shuffled,
    squared_norms,
    with_ones,
)

RNG = np.random.default_rng(0)
WHOLE = RNG.standard_normal((40, 6)) * (RNG.random((40, 6)) < 0.6)


def dense(X) -> np.ndarray:
    X = X[:]
    return X.toarray() if is_sparse(X) else X


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "CHUNK_NUMBERS", 30)


@pytest.mark.usefixtures("small_chunks")
def test_lazy_rows_are_selected_and_converted_when_asked_for(layout) -> None:
    rows = RNG.permutation(40)[:25]
    twice = select_rows(
        convert_rows(select_rows(layout(WHOLE), rows), lambda x: (2 * x).astype(np.float32), "float32"), np.arange(20)
    )
    assert (twice.shape, twice.dtype, is_sparse(twice)) == ((20, 6), np.float32, layout is not np.ascontiguousarray)
    np.testing.assert_array_equal(dense(twice), (2 * WHOLE[rows[:20]]).astype(np.float32))
    pieces = list(chunks(twice))
    assert len(pieces) >= 3
    assert [i for part, _ in pieces for i in range(40)[part]] == list(range(20))
    np.testing.assert_array_equal(np.concatenate([dense(x) for _, x in pieces]), dense(twice))


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("ones", [False, True])
@pytest.mark.parametrize("lazily", [False, True])
def test_shuffled(layout, ones: bool, lazily: bool) -> None:
    X, rows = layout(WHOLE), np.arange(40)
    if lazily:
        rows = RNG.permutation(40)[:30]
        X = select_rows(X, rows)
    order = RNG.permutation(len(rows))
    order = np.concatenate([order, order[:7]])
    expected = np.hstack([WHOLE, np.ones((40, 1))]) if ones else WHOLE
    np.testing.assert_array_equal(dense(shuffled(X, order, ones)), expected[rows[order]])
    np.testing.assert_array_equal(dense(with_ones(layout(WHOLE))), np.hstack([WHOLE, np.ones((40, 1))]))


@pytest.mark.usefixtures("small_chunks")
def test_questions_about_all_numbers(layout) -> None:
    np.testing.assert_allclose(squared_norms(layout(WHOLE)), np.square(WHOLE).sum(axis=1))
    assert first_not_finite(layout(WHOLE)) is None
    assert not is_zero(layout(WHOLE))
    assert is_zero(layout(0 * WHOLE))
    for i, j in ((0, 0), (17, 5), (39, 2)):
        wrong = WHOLE.copy()
        wrong[i, j] = np.inf
        assert first_not_finite(layout(wrong)) == (i, j)


def test_mapped_rows_are_handed_back_and_read_again(tmp_path, small_chunks) -> None:
    WHOLE.tofile(tmp_path / "t")
    with open(tmp_path / "t", "rb") as file:
        mapped = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)).reshape(40, 6)
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate([x for _, x in chunks(mapped)]), WHOLE)
