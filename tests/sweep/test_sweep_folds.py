"""The folds of a sweep: how each sees the columns, and when it needs an X of its own."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from linclf.data.schema import Schema
from linclf.data.split import Part, Split
from linclf.errors import InputError
from linclf.optim.linalg import materialize, to_dense
from linclf.sweep.folds import MAX_SCALE_RATIO, ScaledTrainingData, scale_for_folds
from linclf.training.options import TrainOptions


def split_of(X: np.ndarray, val: Part | None = None) -> Split:
    return Split(
        np.arange(2),
        Part(X, np.arange(X.shape[0]) % 2),
        val,
        None,
        Schema(X.shape[1], sparse=sparse.issparse(X)),
        {},
        (),
    )


def scaled(X: np.ndarray, scale: str, fold_of: np.ndarray | None, **options) -> ScaledTrainingData:
    return scale_for_folds(TrainOptions(reg=1e-4, scale=scale, dtype="float64", **options), split_of(X), fold_of)


def as_seen(data: ScaledTrainingData, fold: int) -> np.ndarray:
    """The rows as the view of a fold shows them, without the column of ones."""
    center, factor = data.view.center[:-1, 0, fold], data.view.factor[:-1, 0, fold]
    return (materialize(data.X) - center) * factor


FOLD_OF = np.arange(60) % 3
X = np.random.default_rng(0).standard_normal((60, 4)) * [1, 10, 0.1, 3] + [5, 0, -2, 1]


@pytest.mark.parametrize(("scale", "peer"), [("standard", StandardScaler), ("maxabs", MaxAbsScaler)])
@pytest.mark.parametrize("bias", [True, False])
def test_each_fold_sees_the_columns_as_scikit_learn_scales_its_training_rows(scale: str, peer, bias: bool) -> None:
    data = scaled(X, scale, FOLD_OF, bias=bias)
    assert not data.one_X_per_fold
    assert data.view.center.shape == data.view.factor.shape == (5, 1, 3)
    np.testing.assert_allclose(materialize(data.X), peer().fit_transform(X))
    for j, fold in enumerate(data.folds):
        np.testing.assert_array_equal(fold.used, j != FOLD_OF)
        np.testing.assert_array_equal(materialize(fold.held_out.X), X[j == FOLD_OF])
        np.testing.assert_array_equal(fold.held_out.y, np.arange(60)[j == FOLD_OF] % 2)
        expected = peer().fit(X[j != FOLD_OF])
        np.testing.assert_allclose(as_seen(data, j), expected.transform(X), atol=1e-12)
        np.testing.assert_allclose(materialize(fold.scaling.apply(X, "float64")), expected.transform(X), atol=1e-12)
    assert data.view.center[-1].tolist() == [[0] * 3]
    assert data.view.factor[-1].tolist() == [[float(bias)] * 3]


def test_a_column_that_is_constant_in_the_rows_of_a_fold_is_0_for_it() -> None:
    varying = X.copy()
    varying[FOLD_OF != 1, 2] = -2  # only rows that fold 1 holds out vary
    data = scaled(varying, "standard", FOLD_OF)
    assert [fold.scaling.constant.tolist() for fold in data.folds] == [
        [False] * 4,
        [False, False, True, False],
        [False] * 4,
    ]
    assert not as_seen(data, 1)[:, 2].any()
    assert as_seen(data, 0)[:, 2].any()
    assert as_seen(data, 1)[:, 1].any()
    constant = X.copy()
    constant[:, 2] = 7
    data = scaled(constant, "standard", FOLD_OF)
    for fold in range(3):
        assert not as_seen(data, fold)[:, 2].any()


def test_folds_share_an_X_unless_their_scales_differ_a_hundredfold() -> None:
    assert MAX_SCALE_RATIO == 100
    for outlier, apart in ((100.0, False), (-100.0, False), (100.5, True), (-100.5, True), (1.0, False)):
        column = np.where(FOLD_OF == 0, 0.5, 1.0)[:, None]
        column[0] = outlier  # held out by fold 0, whose other rows are at most 1
        data = scaled(column, "maxabs", FOLD_OF)
        assert data.one_X_per_fold == apart
        assert (data.view is None) == apart


def test_folds_share_an_X_unless_their_centers_are_a_hundred_scales_away() -> None:
    fold_of = np.where(np.arange(100) < 80, 0, 1)
    noise = np.random.default_rng(0).permutation(np.tile([-1.0, 1.0], 50))
    for distance, apart in ((115.0, False), (135.0, True)):
        # far away are 80 % of the rows: the common center is near them, 0.8 of the distance from fold 0's
        column = (noise + np.where(fold_of == 0, distance, 0))[:, None]
        data = scaled(column, "standard", fold_of)
        whole, own = StandardScaler().fit(column), StandardScaler().fit(column[fold_of != 0])
        assert whole.scale_ / own.scale_ < 60
        assert (abs(own.mean_ - whole.mean_) / own.scale_ > 100) == apart
        assert data.one_X_per_fold == apart


def test_sparse_rows_that_are_scaled_have_an_X_for_each_fold() -> None:
    rows = sparse.csr_matrix(np.where(X > 0, X, 0))
    data = scaled(rows, "maxabs", FOLD_OF)
    assert (data.one_X_per_fold, data.view) == (True, None)
    for j, fold in enumerate(data.folds):
        expected = MaxAbsScaler().fit(rows[j != FOLD_OF]).transform(rows)
        np.testing.assert_allclose(to_dense(fold.scaling.apply(rows, "float64")[:]), expected.toarray())


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_matrix])
def test_without_a_scaling_the_folds_see_the_rows_as_they_are(layout) -> None:
    data = scaled(layout(X), "none", FOLD_OF)
    assert (data.one_X_per_fold, data.view) == (False, None)
    assert [fold.scaling.kind for fold in data.folds] == ["none"] * 3
    np.testing.assert_array_equal(to_dense(materialize(data.X)), X)


def test_with_a_validation_part_there_is_one_fold_of_all_training_rows() -> None:
    val = Part(X[:7] + 1, np.arange(7) % 2)
    data = scale_for_folds(TrainOptions(reg=1e-4, scale="standard", dtype="float64"), split_of(X, val), None)
    (fold,) = data.folds
    assert (fold.used, data.view, data.one_X_per_fold) == (None, None, False)
    assert fold.held_out is val
    expected = StandardScaler().fit(X)
    np.testing.assert_allclose(materialize(fold.scaling.apply(val.X, "float64")), expected.transform(val.X))


def test_a_fold_whose_numbers_are_too_large_to_standardise_is_an_error() -> None:
    large = X.copy()
    large[0, 1] = 1e200
    with pytest.raises(InputError, match="digits: the numbers in column 1 are too large to standardise"):
        scaled(large, "standard", FOLD_OF)
