"""What rows are trained on: their scaling, their weights, and numbers that the dtype cannot hold."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from linclf.data.schema import Schema
from linclf.data.split import Part, Split
from linclf.errors import InputError
from linclf.training.options import TrainOptions
from linclf.training.prepare import prepare, sample_weights, scale_training_rows

Y = np.array([0] * 6 + [1] * 3 + [2])
X = np.random.default_rng(0).standard_normal((10, 3)) * [1, 5, 20]


def split_of(X, val: Part | None = None) -> Split:
    return Split(np.arange(3), Part(X, Y), val, None, Schema(X.shape[1], sparse=sparse.issparse(X)), {}, ())


def test_balanced_weights_equal_scikit_learns() -> None:
    np.testing.assert_allclose(sample_weights("balanced", Y), compute_sample_weight("balanced", Y))
    used = np.array([True, False] * 5)
    expected = np.zeros(10)
    expected[used] = compute_sample_weight("balanced", Y[used])
    np.testing.assert_allclose(sample_weights("balanced", Y, used), expected)
    without_rare = Y < 2  # a class that no used row has counts for nothing
    expected = np.zeros(10)
    expected[without_rare] = compute_sample_weight("balanced", Y[without_rare])
    np.testing.assert_allclose(sample_weights("balanced", Y, without_rare), expected)
    assert sample_weights(None, Y) is None
    assert sample_weights(None, Y, used).tolist() == [1, 0] * 5


def test_given_weights_are_multiplied_with_class_weights() -> None:
    given, balanced = np.arange(10) + 1.0, compute_sample_weight("balanced", Y)
    for class_weight, weights, expected in (
        (None, None, None),
        (None, given, given),
        ("balanced", None, balanced),
        ("balanced", given, given * balanced),
    ):
        found = prepare(TrainOptions(class_weight=class_weight), split_of(X), weights).weights
        if expected is None:
            assert found is None
        else:
            np.testing.assert_allclose(found, expected)


def test_validation_rows_are_scaled_as_the_training_rows_are() -> None:
    val = Part(X[:4] + 1, Y[:4])
    prepared = prepare(TrainOptions(dtype="float64"), split_of(X, val))
    peer = StandardScaler().fit(X)
    np.testing.assert_allclose(prepared.X[:], peer.transform(X))
    np.testing.assert_allclose(prepared.val.X, peer.transform(val.X))
    assert prepared.val.y is val.y
    assert prepare(TrainOptions(), split_of(X)).val is None


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_matrix])
def test_numbers_beyond_the_dtype_are_refused_unless_they_are_scaled(layout) -> None:
    unscaled = TrainOptions(scale="none")
    large, tiny = X.copy(), X * 1e-60
    large[7, 1] = -1e40
    with pytest.raises(
        InputError, match="digits: column 1 has -1e\\+40, beyond float32; use --scale standard or maxabs"
    ):
        scale_training_rows(unscaled, split_of(layout(large)))
    with pytest.raises(InputError, match="digits: all numbers are too small for float32 and would become 0"):
        scale_training_rows(unscaled, split_of(layout(tiny)))
    for rows in (large, tiny):
        for options in (replace(unscaled, dtype="float64"), TrainOptions(scale="maxabs")):
            scaled = scale_training_rows(options, split_of(layout(rows)))[1]
            assert scaled.dtype == options.dtype
    for fine in (X, np.zeros((10, 3)), np.vstack([tiny[:9], X[:1]])):  # some numbers may become 0, if not all do
        assert scale_training_rows(unscaled, split_of(layout(fine)))[1].dtype == np.float32
    assert scale_training_rows(unscaled, split_of(layout(X.astype(np.float32))))[1].dtype == np.float32
    assert scale_training_rows(unscaled, split_of(layout(np.zeros((10, 3), np.int64))))[1].dtype == np.float32
