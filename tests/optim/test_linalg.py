"""Dense and sparse rows through the same functions, whole, lazy, and mapped from a file."""

import mmap

import numpy as np
import pytest
from scipy import sparse

from linclf.optim import linalg
from linclf.optim.linalg import (
    CSRSlice,
    add_transposed_product,
    as_csr,
    check_structure,
    chunks,
    convert_rows,
    expand_trailing,
    first_not_finite,
    from_arrays,
    is_sparse,
    is_zero,
    materialize,
    minibatch,
    number_at,
    numbers_per_row,
    occurring_columns,
    product,
    release,
    resize_columns,
    select_models,
    select_rows,
    select_weights,
    shuffled,
    squared_norms,
    stack_rows,
    take_columns,
    to_arrays,
    to_dense,
    values_of,
    with_ones,
    without_empty_columns,
    zero_weights,
)

RNG = np.random.default_rng(0)
WHOLE = RNG.standard_normal((40, 6)) * (RNG.random((40, 6)) < 0.6)


def dense(X) -> np.ndarray:
    X = X[:]
    return X.toarray() if is_sparse(X) else X


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linalg, "CHUNK_NUMBERS", 30)


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


class Mapped(mmap.mmap):
    """A mapped file that counts how often its memory is returned."""

    returned = 0

    def madvise(self, option: int) -> None:
        assert option == mmap.MADV_DONTNEED
        self.returned += 1
        super().madvise(option)


@pytest.mark.usefixtures("small_chunks")
def test_memory_of_mapped_rows_is_returned_and_the_rows_are_read_again(tmp_path) -> None:
    WHOLE.tofile(tmp_path / "t")
    with open(tmp_path / "t", "rb") as file:
        source = Mapped(file.fileno(), 0, access=mmap.ACCESS_READ)
    mapped = np.frombuffer(source).reshape(40, 6)
    for passes in (1, 2):
        np.testing.assert_array_equal(np.concatenate([x for _, x in chunks(mapped)]), WHOLE)
        assert source.returned == 8 * passes  # after each chunk of five rows
    release(mapped[3:].T)
    assert source.returned == 17
    release(WHOLE)


@pytest.mark.usefixtures("small_chunks")
def test_chunks_bound_the_numbers_and_the_outputs_of_their_rows(layout) -> None:
    full = layout(np.ones((40, 6)))
    for outputs, sizes in ((0, [5] * 8), (6, [5] * 8), (10, [3] * 13 + [1]), (100, [1] * 40)):
        parts = [rows for rows, _ in chunks(full, outputs)]
        assert [part.stop - part.start for part in parts] == sizes
    assert list(chunks(full[:0])) == []
    assert [numbers_per_row(layout(np.ones(shape))) for shape in ((40, 6), (40, 0), (0, 6), (1, 3))] == [6, 1, 1, 3]
    assert numbers_per_row(layout(np.eye(3))) == (3 if layout is np.ascontiguousarray else 1)


@pytest.mark.parametrize("outputs", [(1,), (3,), (2, 3), (2, 1, 3), (1, 1)])
def test_products_are_those_of_all_models_at_once(layout, dtype: str, outputs: tuple[int, ...]) -> None:
    """Of a whole matrix and of a minibatch, which is a view; the transposed one adds to what is there."""
    rng = np.random.default_rng(0)
    X, tolerance = WHOLE.astype(dtype), 1e-4 if dtype == "float32" else 1e-12
    W = zero_weights(layout(X), outputs)
    W[...] = rng.standard_normal(W.shape)
    G = rng.standard_normal((40, *outputs)).astype(dtype)
    for rows, x in ((slice(40), layout(X)), (slice(7, 19), minibatch(layout(X), 7, 19))):
        S = product(x, W)
        assert (S.shape, S.dtype) == ((len(X[rows]), *outputs), dtype)
        np.testing.assert_allclose(S, np.einsum("nd,d...->n...", X[rows], W), rtol=tolerance, atol=tolerance)
        for g in (G[rows], np.asfortranarray(G[rows])):
            out = W.copy(order="K")
            add_transposed_product(x, g, out)
            expected = W + np.einsum("nd,n...->d...", X[rows], G[rows])
            np.testing.assert_allclose(out, expected, rtol=tolerance, atol=tolerance)
    whole = layout(X)
    part = minibatch(whole, 7, 19)
    assert part.shape == (12, 6)
    assert np.shares_memory(part.data if isinstance(part, CSRSlice) else part, values_of(whole))
    assert not isinstance(part, CSRSlice) or (part.indptr[0], part.indptr[-1]) == (whole.indptr[7], whole.indptr[19])


@pytest.mark.parametrize("outputs", [(3,), (4, 3), (4, 2, 3)])
def test_weights_are_zero_and_laid_out_for_products_and_stay_so_when_models_leave(layout, outputs) -> None:
    X = layout(WHOLE.astype("float32"))
    W = zero_weights(X, outputs)
    assert (W.shape, W.dtype, W.any()) == ((6, *outputs), np.float32, False)
    assert W.flags.c_contiguous if is_sparse(X) else all(column.flags.c_contiguous for column in W.reshape(6, -1).T)
    if len(outputs) > 1:
        W[...] = RNG.standard_normal(W.shape)
        chosen = select_weights(W, np.array([3, 1]))
        np.testing.assert_array_equal(chosen, W[:, [3, 1]])
        assert chosen.strides == zero_weights(X, (2, *outputs[1:])).strides


def test_what_is_in_memory_is_materialized_without_a_copy(layout) -> None:
    X = layout(np.eye(4))
    assert materialize(X) is X
    rows = materialize(select_rows(X, np.array([2, 0])))
    np.testing.assert_array_equal(to_dense(rows), np.eye(4)[[2, 0]])


def test_models_are_selected_from_what_is_not_shared() -> None:
    models, shared, own = np.array([2, 0]), RNG.standard_normal((5, 1, 2)), RNG.standard_normal((5, 3, 2))
    assert select_models(None, models) is None
    np.testing.assert_array_equal(select_models(own[:, 0, 0], models), own[:, 0, 0])
    np.testing.assert_array_equal(select_models(shared, models), shared)
    np.testing.assert_array_equal(select_models(own, models), own[:, [2, 0]])
    assert expand_trailing(own, 5).shape == (5, 3, 2, 1, 1)


def test_columns_are_appended_or_dropped() -> None:
    for d in (3, 6, 9):
        resized = resize_columns(sparse.csr_matrix(WHOLE), d)
        assert resized.shape == (40, d)
        np.testing.assert_array_equal(resized.toarray(), np.hstack([WHOLE, np.zeros((40, 3))])[:, :d])
    np.testing.assert_array_equal(without_empty_columns(WHOLE * [1, 0, 1, 1, 1, 1]), WHOLE * [1, 0, 1, 1, 1, 1])
    used = without_empty_columns(sparse.csr_matrix(WHOLE * [1, 0, 1, 0, 1, 1]))
    assert used.shape == (40, 4)
    assert used.indices.dtype == np.int32
    np.testing.assert_array_equal(used.toarray(), WHOLE[:, [0, 2, 4, 5]])


def test_a_matrix_is_its_arrays(layout) -> None:
    X = layout(WHOLE)
    again = from_arrays(to_arrays(X), X.shape)
    assert is_sparse(again) == is_sparse(X)
    assert np.shares_memory(values_of(again), values_of(X))
    np.testing.assert_array_equal(to_dense(again), WHOLE)
    assert [number_at(X, i, j) for i, j in ((0, 0), (17, 5), (39, 2))] == [WHOLE[0, 0], WHOLE[17, 5], WHOLE[39, 2]]
    if is_sparse(X):
        assert as_csr(X) is X
    else:
        with pytest.raises(TypeError, match="X is dense"):
            as_csr(X)


def test_blocks_are_stacked_in_their_layout(layout) -> None:
    blocks = [layout(WHOLE[:10]), select_rows(layout(WHOLE), np.arange(10, 25)), layout(WHOLE[25:])]
    stacked = stack_rows(blocks)
    assert isinstance(stacked, np.ndarray) == (layout is np.ascontiguousarray)
    assert getattr(stacked, "format", "csr") == "csr"
    np.testing.assert_array_equal(to_dense(stacked), WHOLE)


def test_what_is_no_matrix_of_numbers_is_refused(layout) -> None:
    for dtype in ("float32", "float64", "int64", "uint8", "bool"):
        check_structure(layout(WHOLE.astype(dtype)))
    for wrong in (layout(WHOLE.astype(complex)), WHOLE[0], WHOLE[None], WHOLE.astype(str), np.array([[None]])):
        with pytest.raises(ValueError, match=f"{wrong.dtype} of {wrong.ndim} dimensions"):
            check_structure(wrong)
    broken = sparse.csr_matrix(WHOLE)
    broken.indices[3] = 6
    with pytest.raises(ValueError, match="indices"):
        check_structure(broken)


def test_columns_that_occur_are_found_and_taken() -> None:
    few = WHOLE * [0, 0, 1, 0, 1, 0]
    assert occurring_columns(few) is None
    assert occurring_columns(sparse.csr_matrix(WHOLE)) is None
    columns = occurring_columns(sparse.csr_matrix(few))
    np.testing.assert_array_equal(columns, [2, 4])
    for X in (few, WHOLE):  # of WHOLE some numbers are dropped
        for layout in (X, sparse.csr_matrix(X)):
            taken = take_columns(layout, columns)
            np.testing.assert_array_equal(to_dense(taken), X[:, columns])
            check_structure(taken)
