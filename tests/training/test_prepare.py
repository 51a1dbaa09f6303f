"""What rows are trained on: their scaling, their weights, and numbers that the dtype cannot hold."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from linclf.data.class_weights import ClassWeights
from linclf.data.schema import Schema
from linclf.data.split import Part, Split
from linclf.errors import InputError
from linclf.training.options import TrainOptions
from linclf.training.prepare import loss_weights, prepare, scale_training_rows

Y = np.array([0] * 6 + [1] * 3 + [2])
X = np.random.default_rng(0).standard_normal((10, 3)) * [1, 5, 20]


BALANCED, CLASSES = ClassWeights("balanced"), np.array(["a", "b,c=", "d"])


def split_of(X, val: Part | None = None, weights=None) -> Split:
    return Split(np.arange(3), Part(X, Y, weights), val, None, Schema(X.shape[1], sparse=sparse.issparse(X)), {}, ())


def test_balanced_weights_equal_scikit_learns() -> None:
    np.testing.assert_allclose(loss_weights(BALANCED, Y, CLASSES), compute_sample_weight("balanced", Y))
    times = np.array([1.0, 0.0, 2.0, 1.0, 3.0, 0.0, 1.0, 0.0, 4.0, 1.0])
    for counts in (times, times * (Y < 2)):  # a class that no row has counts for nothing
        rows = counts > 0
        repeated = compute_sample_weight("balanced", np.repeat(Y, counts.astype(int)))
        first_of_each = np.cumsum(counts[rows]).astype(int) - 1
        expected = np.zeros(10)
        expected[rows] = counts[rows] * repeated[first_of_each]
        np.testing.assert_allclose(loss_weights(BALANCED, Y, CLASSES, counts), expected)
    assert loss_weights(None, Y, CLASSES) is None
    assert loss_weights(None, Y, CLASSES, times) is times


def test_weights_of_classes_by_name() -> None:
    named = ClassWeights.parse('a=0.5,"b,c==3"')
    assert loss_weights(named, Y, CLASSES).tolist() == [0.5] * 6 + [3] * 3 + [1]
    assert loss_weights(named, Y, CLASSES, np.arange(10.0)).tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 18, 21, 24, 9]
    assert ClassWeights.of_labels({"a": 0.5, "b,c=": 3.0}).of(CLASSES).tolist() == [0.5, 3, 1]
    assert ClassWeights.parse("7=2").of(np.array([7, 8])).tolist() == [2, 1]
    with pytest.raises(
        InputError, match="class-weight names 'e', which is no class of the training rows; they are a, b,c=, d"
    ):
        ClassWeights.parse("e=2").of(CLASSES)
    with pytest.raises(InputError, match="class-weight is 0=0,1=0,2=0: all training rows have weight 0"):
        prepare(TrainOptions(class_weight="0=0,1=0,2=0"), split_of(X))
    for wrong in ("a", "=", "a=", "a=-1", "a=inf", "a=1,a=2", "a=x", ""):
        if wrong:
            with pytest.raises(InputError, match="give balanced, or a weight >= 0 for each class, such as yes=5,no=1"):
                ClassWeights.parse(wrong)


def test_given_weights_are_multiplied_with_class_weights() -> None:
    given, balanced = np.arange(10) + 1.0, compute_sample_weight("balanced", Y)
    for class_weight, weights, expected in (
        (None, None, None),
        (None, given, given),
        ("balanced", None, balanced),
        (
            "balanced",
            given,
            compute_sample_weight("balanced", np.repeat(Y, np.arange(10) + 1))[np.cumsum(given).astype(int) - 1]
            * given,
        ),
    ):
        found = prepare(TrainOptions(class_weight=class_weight), split_of(X, weights=weights)).weights
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
