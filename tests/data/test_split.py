from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from linclf.data.load import load
from linclf.data.source import Source
from linclf.data.split import HeldOut, split_dataset, stratified
from linclf.errors import InputError

DATA = Path(__file__).parents[2] / "data"


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.37])
def test_stratified_split_has_scikit_learns_sizes(fraction: float) -> None:
    y = np.random.default_rng(0).choice(4, 503, p=[0.6, 0.3, 0.07, 0.03])
    marked = stratified(y, fraction, np.random.default_rng(0))
    _, test = train_test_split(y, test_size=fraction, stratify=y, random_state=0)
    assert marked.sum() == len(test)
    assert np.abs(np.bincount(y[marked]) - np.bincount(test)).max() <= 1


def test_every_class_keeps_a_training_row() -> None:
    y = np.array([0] * 50 + [1])
    for seed in range(20):
        assert not stratified(y, 0.5, np.random.default_rng(seed))[-1]


def test_parts_are_disjoint_whole_and_seeded() -> None:
    dataset = load(Source("make:blobs:n_samples=200,centers=3"))
    parts, again, other = (split_dataset(dataset, None, 0.25, seed) for seed in (0, 0, 1))
    assert [len(p.y) for p in (parts.train, parts.val, parts.test)] == [120, 40, 40]
    rows = np.concatenate([p.X[:] for p in (parts.train, parts.val, parts.test)])
    assert {x.tobytes() for x in rows} == {x.tobytes() for x in dataset.X}
    np.testing.assert_array_equal(parts.test.X[:], again.test.X[:])
    assert not np.array_equal(parts.test.X[:], other.test.X[:])
    # the test part does not depend on whether there is a validation part
    np.testing.assert_array_equal(split_dataset(dataset, None, None, 0).test.X[:], parts.test.X[:])


def test_own_test_part_fraction_and_all(tmp_path) -> None:
    X, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    np.savez(tmp_path / "t.npz", x_train=X[:15], y_train=y[:15], x_test=X[15:], y_test=y[15:])
    dataset = load(Source(str(tmp_path / "t.npz")))
    assert [
        len(p.y) for p in (split_dataset(dataset, None, None, 0).train, split_dataset(dataset, None, None, 0).test)
    ] == [15, 5]
    assert [
        len(p.y) for p in (split_dataset(dataset, 0.5, None, 0).train, split_dataset(dataset, 0.5, None, 0).test)
    ] == [10, 10]
    assert len(split_dataset(dataset, 0.0, None, 0).train.y) == 20
    assert split_dataset(dataset, 0.0, None, 0).test is None


@pytest.mark.parametrize("fraction", ["-0.1", "1", "2.0"])
def test_fractions_out_of_range(fraction: str) -> None:
    with pytest.raises(InputError, match=f"--val is {fraction}; give a fraction >= 0 and < 1, or data"):
        HeldOut.parse(fraction, "val")


def test_what_is_held_out_is_a_fraction_or_data() -> None:
    assert HeldOut.parse(None, "test") is None
    parsed = [HeldOut.parse(x, "test") for x in ("0", ".2", "1e-1", "a.csv", "./0.2", "")]
    assert [one.fraction for one in parsed] == [0, 0.2, 0.1, None, None, None]
    assert [one.has_rows for one in parsed] == [False, True, True, True, True, False]
    assert parsed[2] == "1e-1"
