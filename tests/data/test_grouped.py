"""Splits by groups: no group is divided, and classes are shared out about as well as scikit-learn does it, or better."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from linclf.data import grouped
from linclf.data.grouped import group_folds, stratified_groups


def rows_in_groups(seed: int, n_groups: int, n: int, n_classes: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels and groups of very different sizes; pure groups have a single class."""
    rng = np.random.default_rng(seed)
    share = rng.random(n_groups) ** 2 + 0.01
    groups = np.concatenate([np.arange(n_groups), rng.choice(n_groups, n - n_groups, p=share / share.sum())])
    chances = rng.dirichlet(np.full(n_classes, 2.0), n_groups)
    if kind == "pure":
        chances = np.eye(n_classes)[np.arange(n_groups) % n_classes]
    y = np.array([rng.choice(n_classes, p=chances[group]) for group in groups])
    return y, 7 * groups + 1000


SETS = [
    (12, 200, 2, "pure"),
    (12, 200, 2, "mixed"),
    (40, 400, 3, "pure"),
    (40, 400, 4, "mixed"),
    (300, 900, 2, "mixed"),
]


def unevenness(y: np.ndarray, part: np.ndarray, share: float) -> float:
    """The mean distance over classes of the share of a class that is in a part from the share of all rows."""
    return float(np.abs(np.bincount(y[part], minlength=y.max() + 1) / np.bincount(y) - share).mean())


@pytest.mark.parametrize("kind", SETS, ids=str)
def test_a_part_divides_no_group_and_is_as_even_as_scikit_learns(kind: tuple) -> None:
    ours, theirs = [], []
    for seed in range(6):
        y, groups = rows_in_groups(seed, *kind)
        marked = stratified_groups(y, groups, 0.2, np.random.default_rng(seed))
        assert not set(groups[marked]) & set(groups[~marked])
        assert marked.any()
        assert set(y[~marked]) == set(y)
        ours.append(unevenness(y, marked, 0.2))
        _, rows = next(StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(y, y, groups))
        theirs.append(unevenness(y, np.isin(np.arange(len(y)), rows), 0.2))
    assert np.mean(ours) <= np.mean(theirs) + 0.005


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("kind", SETS, ids=str)
def test_folds_divide_no_group_and_are_as_even_as_scikit_learns(kind: tuple, k: int) -> None:
    ours, theirs = [], []
    for seed in range(3):
        y, groups = rows_in_groups(seed, *kind)
        fold = group_folds(y, groups, k, np.random.default_rng(seed))
        assert set(fold) == set(range(k))
        assert all(len(set(fold[groups == group])) == 1 for group in np.unique(groups))
        ours += [unevenness(y, fold == j, 1 / k) for j in range(k)]
        peer = StratifiedGroupKFold(k, shuffle=True, random_state=seed).split(y, y, groups)
        theirs += [unevenness(y, np.isin(np.arange(len(y)), rows), 1 / k) for _, rows in peer]
    assert np.mean(ours) <= np.mean(theirs) + 0.005


def test_groups_of_one_row_are_a_stratified_split() -> None:
    y = np.random.default_rng(0).choice(3, 400, p=[0.5, 0.3, 0.2])
    marked = stratified_groups(y, np.arange(400), 0.25, np.random.default_rng(0))
    assert np.abs(np.bincount(y[marked]) - 0.25 * np.bincount(y)).max() < 1
    fold = group_folds(y, np.arange(400), 4, np.random.default_rng(0))
    for j in range(4):
        assert np.abs(np.bincount(y[fold == j]) - 0.25 * np.bincount(y)).max() < 1


def test_parts_depend_on_the_seed_and_on_nothing_else() -> None:
    y, groups = rows_in_groups(0, 40, 400, 3, "mixed")
    drawn = [stratified_groups(y, groups, 0.2, np.random.default_rng(seed)) for seed in (0, 0, 1, 2, 3)]
    assert (drawn[0] == drawn[1]).all()
    assert len({one.tobytes() for one in drawn}) == 4
    folds = [group_folds(y, groups, 5, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert (folds[0] == folds[1]).all()
    assert (folds[0] != folds[2]).any()
    # names of groups and of classes do not matter
    renamed = stratified_groups(np.array(["c", "a", "b"])[y], groups.astype(str), 0.2, np.random.default_rng(0))
    assert renamed.mean() == pytest.approx(0.2, abs=0.03)


def test_the_only_group_of_a_class_stays_in_training() -> None:
    y = np.array([0, 1] * 20 + [2] * 5)
    groups = np.repeat(np.arange(9), 5)
    for seed in range(10):
        marked = stratified_groups(y, groups, 0.4, np.random.default_rng(seed))
        assert not marked[y == 2].any()
        assert marked.any()


def test_a_class_that_all_orders_take_away_from_training_is_given_back() -> None:
    y = np.array([0] * 10 + [1] * 4)
    groups = np.array([0] * 10 + [1, 1, 2, 2])
    for fraction in (0.2, 0.5, 0.9):
        marked = stratified_groups(y, groups, fraction, np.random.default_rng(0))
        assert set(y[~marked]) == {0, 1}
        assert set(groups[marked]) in ({1}, {2})


@pytest.mark.parametrize("sizes", [[50, 50], [90, 10], [40, 30, 30]])
def test_few_large_groups_give_the_part_that_is_nearest(sizes: list[int]) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    y = np.arange(len(groups)) % 2
    marked = stratified_groups(y, groups, 0.2, np.random.default_rng(0))
    assert np.bincount(groups[marked]).max() == min(sizes)
    assert len(set(groups[marked])) == 1


def test_groups_that_cannot_be_divided_mark_nothing() -> None:
    y = np.repeat([0, 1], 10)
    assert not stratified_groups(y, y, 0.5, np.random.default_rng(0)).any()
    assert not stratified_groups(y, np.zeros(20), 0.5, np.random.default_rng(0)).any()


def test_no_fold_is_empty_even_where_one_group_has_nearly_all_rows() -> None:
    groups = np.array([0] * 96 + [1, 2, 3, 4])
    y = np.arange(100) % 2
    for seed in range(5):
        assert set(group_folds(y, groups, 5, np.random.default_rng(seed))) == set(range(5))
        assert set(group_folds(y, groups, 4, np.random.default_rng(seed))) == set(range(4))


def test_too_many_classes_to_count_are_shared_out_by_size_as_in_group_k_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouped, "MOST_COUNTS", 50)
    y, groups = rows_in_groups(0, 40, 400, 3, "pure")
    fold = group_folds(y, groups, 5, np.random.default_rng(0))
    theirs = [len(rows) for _, rows in GroupKFold(5).split(y, y, groups)]
    assert np.ptp(np.bincount(fold)) <= max(np.ptp(theirs), 2)
    marked = stratified_groups(y, groups, 0.2, np.random.default_rng(0))
    assert marked.mean() == pytest.approx(0.2, abs=0.01)
    assert not set(groups[marked]) & set(groups[~marked])


def test_many_small_groups_take_no_time() -> None:
    """Groups of the same class counts are dealt out together."""
    rng = np.random.default_rng(0)
    groups, y = rng.integers(0, 20_000, 50_000), rng.integers(0, 2, 50_000)
    kinds = np.unique(grouped._class_counts(y, groups)[1], axis=0)
    assert len(kinds) < 200
    marked = stratified_groups(y, groups, 0.2, np.random.default_rng(0))
    assert unevenness(y, marked, 0.2) < 1e-4
