import numpy as np
import pytest
from scipy import sparse

from linclf.losses import LOSSES, Loss
from linclf.optim import linalg
from linclf.optim.objective import DataTerm, Objective, predicted, scores
from linclf.textbook import NAIVE, objective_naive

RNG = np.random.default_rng(0)


def weights_for(loss: Loss, d: int, n_classes: int, models: tuple[int, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    m = loss.n_outputs(n_classes)
    return RNG.standard_normal((d, *models, m)), RNG.standard_normal((*models, m))


def assert_close(term: DataTerm, other: DataTerm) -> None:
    for name in ("value", "weight", "dW", "db"):
        np.testing.assert_allclose(getattr(term, name), getattr(other, name), rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("reg_bias", [False, True])
def test_equals_the_naive_loops(loss: Loss, layout, problem, reg_bias: bool) -> None:
    X, y, n_classes = problem
    W, b = weights_for(loss, 6, n_classes)
    weights = RNG.uniform(0.1, 3, len(y))
    value, dW, db = Objective(loss, 0.3, reg_bias).value_and_gradient(layout(X), y, W, b, weights)
    naive = objective_naive(NAIVE[loss.name], W, b, X, y, reg=0.3, weights=weights, reg_bias=reg_bias)
    for fast, slow in zip((value, dW, db), naive, strict=True):
        np.testing.assert_allclose(fast, slow, rtol=1e-12, atol=1e-12)
    data, penalty = Objective(loss, 0.3, reg_bias).terms(layout(X), y, W, b, weights)
    np.testing.assert_allclose(data + penalty, value, rtol=1e-12)


def test_scores_are_affine_and_the_largest_one_is_predicted(layout, problem) -> None:
    X, _, _ = problem
    for models in ((), (2,), (2, 3)):
        for m in (1, 3):
            W, b = RNG.standard_normal((6, *models, m)), RNG.standard_normal((*models, m))
            before, S = b.copy(), scores(layout(X), W, b)  # (n, *models, m)
            np.testing.assert_allclose(S, np.tensordot(X, W, 1) + b, rtol=1e-12, atol=1e-12)
            np.testing.assert_array_equal(b, before)
            codes = predicted(S)
            assert (codes.shape, codes.dtype.kind) == ((40, *models), "i")
            for index in np.ndindex(codes.shape):
                assert codes[index] == (int(S[index][0] > 0) if m == 1 else max(range(m), key=lambda j: S[index][j]))
    assert predicted(np.array([[0.0], [1e-300], [-1.0]])).tolist() == [0, 1, 0]
    assert predicted(np.array([[1.0, 1.0], [0.0, 2.0]])).tolist() == [0, 1]


def test_dense_equals_csr(loss: Loss, dtype: str, problem) -> None:
    X, y, n_classes = problem
    X = X.astype(dtype)
    W, b = (a.astype(dtype) for a in weights_for(loss, 6, n_classes, (2,)))
    dense = Objective(loss, 0.0).data_term(X, y, W, b)
    csr = Objective(loss, 0.0).data_term(sparse.csr_matrix(X), y, W, b)
    assert dense.dW.dtype == csr.dW.dtype == dtype
    tolerance = 1e-12 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(dense.value, csr.value, rtol=tolerance)
    np.testing.assert_allclose(dense.dW, csr.dW, rtol=tolerance, atol=tolerance)


def test_stacked_models_equal_one_by_one(loss: Loss, layout, problem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linalg, "CHUNK_NUMBERS", 50)
    X, y, n_classes = problem
    X = layout(X)
    W, b = weights_for(loss, 6, n_classes, (3,))
    reg, weights = np.array([0.0, 0.1, 2.0]), RNG.uniform(0, 2, (len(y), 3))
    value, dW, db = Objective(loss, reg, True).value_and_gradient(X, y, W, b, weights)
    terms = Objective(loss, reg, True).terms(X, y, W, b, weights)
    np.testing.assert_allclose(sum(terms), value, rtol=1e-12)
    np.testing.assert_array_equal(terms[1], Objective(loss, reg, True).penalty(W, b))
    for k in range(3):
        alone = Objective(loss, float(reg[k]), True).value_and_gradient(
            X, y, np.ascontiguousarray(W[:, k]), b[k], np.ascontiguousarray(weights[:, k])
        )
        for stacked, single in zip((value[k], dW[:, k], db[k]), alone, strict=True):
            np.testing.assert_allclose(stacked, single, rtol=1e-12, atol=1e-13)


def test_shards_add_up_to_the_whole(loss: Loss, layout, problem) -> None:
    X, y, n_classes = problem
    W, b = weights_for(loss, 6, n_classes)
    weights = RNG.uniform(0.1, 3, len(y))
    objective = Objective(loss, 0.0)
    whole = objective.data_term(layout(X), y, W, b, weights)
    parts = [objective.data_term(layout(X[s]), y[s], W, b, weights[s]) for s in (slice(7), slice(7, 8), slice(8, None))]
    assert_close(parts[0] + parts[1] + parts[2], whole)


def test_weights_equal_repetition(loss: Loss, layout, problem) -> None:
    X, y, n_classes = problem
    W, b = weights_for(loss, 6, n_classes)
    times = RNG.integers(0, 4, len(y))
    objective = Objective(loss, 0.1)
    weighted = objective.value_and_gradient(layout(X), y, W, b, times.astype(float))
    repeated = objective.value_and_gradient(layout(np.repeat(X, times, axis=0)), np.repeat(y, times), W, b)
    for one, other in zip(weighted, repeated, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


def test_order_of_rows_and_columns_does_not_matter(loss: Loss, layout, problem) -> None:
    X, y, n_classes = problem
    W, b = weights_for(loss, 6, n_classes)
    rows, columns = RNG.permutation(len(y)), RNG.permutation(6)
    value, dW, db = Objective(loss, 0.1).value_and_gradient(layout(X), y, W, b)
    moved = Objective(loss, 0.1).value_and_gradient(layout(X[rows][:, columns]), y[rows], W[columns], b)
    np.testing.assert_allclose(moved[0], value, rtol=1e-12)
    np.testing.assert_allclose(moved[1], dW[columns], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(moved[2], db, rtol=1e-12, atol=1e-13)


def test_penalty_is_half_reg_times_squares_and_leaves_the_bias_out_by_default() -> None:
    W, b = np.full((3, 2), 2.0), np.full(2, 5.0)
    assert Objective(LOSSES["svm"], 0.5).penalty(W, b) == 0.25 * 6 * 4
    assert Objective(LOSSES["svm"], 0.5, reg_bias=True).penalty(W, b) == 0.25 * (6 * 4 + 2 * 25)


def test_many_rows_are_summed_in_float64() -> None:
    """A float32 sum of a million equal losses would be off by far more than a millionth."""
    X, y = np.ones((1_000_000, 1), np.float32), np.zeros(1_000_000, int)
    y[0] = 1
    W, b = np.full((1, 1), 0.1, np.float32), np.zeros(1, np.float32)
    data, _ = Objective(LOSSES["hinge"], 0.0).terms(X, y, W, b)
    assert data == pytest.approx(1.1, rel=1e-6)
