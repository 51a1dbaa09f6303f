"""The columns of --group and --time: their cells, errors, the parts of a split, and what is noted of it."""

import numpy as np
import pandas as pd
import pytest

from linclf.data.load import load
from linclf.data.row_keys import row_keys, row_times
from linclf.data.source import Source
from linclf.data.split import Split, folds, split_dataset
from linclf.errors import InputError

N = 240
X20 = np.arange(20) + 0.5


def table(seed: int = 0) -> dict:
    """40 patients of 6 rows each, in random order, a day for each two rows."""
    rng = np.random.default_rng(seed)
    patient = rng.permutation(np.repeat(np.arange(40), 6))
    days = np.datetime64("2024-01-01") + np.arange(N) // 2
    return {
        "size": np.arange(N) + 0.5,
        "patient": [f"p{x}" for x in patient],
        "day": rng.permutation(days.astype(str)),
        "label": np.array(["a", "b", "c"])[patient % 3],
    }


def split_of(path, columns: dict, test=None, val=None, calibration: float = 0, seed: int = 0, **options) -> Split:
    pd.DataFrame(columns).to_csv(path, index=False)
    return split_dataset(load(Source(str(path), **options)), test, val, seed, calibration=calibration)


def rows_of(split: Split, columns: dict, name: str) -> dict[str, np.ndarray]:
    """The cells of a column in each part; the feature `size` identifies a row."""
    parts = {"train": split.train, "val": split.val, "calibration": split.calibration, "test": split.test}
    cells = np.asarray(columns[name])
    return {key: cells[part.X[:][:, 0].astype(int)].astype(object) for key, part in parts.items() if part is not None}


@pytest.mark.parametrize("seed", range(4))
def test_no_group_is_on_both_sides_of_any_part_or_fold(tmp_path, seed: int) -> None:
    columns = table(seed)
    split = split_of(tmp_path / "t.csv", columns, None, 0.25, 0.2, seed, group="patient", drop=("day",))
    parts = rows_of(split, columns, "patient")
    assert set(parts) == {"train", "val", "calibration", "test"}
    assert sum(len(set(groups)) for groups in parts.values()) == 40
    assert sum(map(len, parts.values())) == N
    assert split.summary.n_groups == {key: len(set(groups)) for key, groups in parts.items()}
    assert split.summary.shared_groups == {"val": 0, "test": 0, "calibration": 0}
    assert len(parts["test"]) == 48
    assert abs(len(parts["val"]) - 48) <= 2
    assert split.notes == ()
    fold = folds(split.train.y, 4, seed, split.keys)
    assert all(len(set(fold[parts["train"] == group])) == 1 for group in set(parts["train"]))
    # the parts before do not depend on those after
    again = split_of(tmp_path / "t.csv", columns, None, None, 0, seed, group="patient", drop=("day",))
    np.testing.assert_array_equal(again.test.X[:], split.test.X[:])


@pytest.mark.parametrize("seed", range(3))
def test_no_part_is_trained_on_that_is_not_earlier(tmp_path, seed: int) -> None:
    columns = table(seed)
    split = split_of(tmp_path / "t.csv", columns, None, 0.25, 0.2, seed, time="day", drop=("patient",))
    days = rows_of(split, columns, "day")
    assert days["train"].max() < days["calibration"].min()
    assert days["calibration"].max() < days["val"].min()
    assert days["val"].max() < days["test"].min()
    assert [len(days[key]) for key in ("test", "val")] == [48, 48]
    assert split.summary.time_range == {key: (str(one.min()), str(one.max())) for key, one in days.items()}
    fold = folds(split.train.y, 4, seed, split.keys)
    for j in range(4):
        assert days["train"][fold < j].max() < days["train"][fold == j].min()


def test_both_hold_where_groups_follow_each_other_in_time(tmp_path) -> None:
    columns = table()
    columns["patient"] = np.arange(N) // 6
    columns["day"] = np.arange(N) // 6 * 10 + np.random.default_rng(0).integers(0, 9, N)
    columns["label"] = np.arange(N) % 2
    split = split_of(tmp_path / "t.csv", columns, None, 0.25, group="patient", time="day")
    groups, days = rows_of(split, columns, "patient"), rows_of(split, columns, "day")
    assert sum(len(set(one)) for one in groups.values()) == 40
    assert days["train"].max() < days["val"].min() <= days["val"].max() < days["test"].min()
    fold = folds(split.train.y, 4, 0, split.keys)
    assert all(len(set(fold[groups["train"] == group])) == 1 for group in set(groups["train"]))
    for j in range(4):
        assert days["train"][fold < j].max() < days["train"][fold == j].min()
    with pytest.raises(
        InputError, match="the groups in column 'patient' overlap in time, so that a test part of 0.2 would"
    ):
        split_of(tmp_path / "t.csv", table(), group="patient", time="day")


def test_the_columns_are_features_only_if_another_option_names_them(tmp_path) -> None:
    columns = table() | {"hour": np.arange(N) % 24}
    split = split_of(tmp_path / "t.csv", columns, group="patient", time="hour", drop=("day",), test=0.0)
    assert split.schema.feature_names() == ("size",)
    numbered = columns | {"patient": np.arange(N) // 6}
    split = split_of(tmp_path / "t.csv", numbered, group="patient", numeric=("patient",), drop=("day",))
    assert split.schema.feature_names() == ("size", "patient", "hour")
    assert split.summary.n_groups["train"] + split.summary.n_groups["test"] == 40


SPELLINGS = [
    (["3", "-1.5", "2e3", "3"], "numbers", [1, 0, 2, 1]),
    (["2024-01-31", "2024-01-04", "2023-12-31", "2024-01-31"], "dates", [2, 1, 0, 2]),
    (["2024-01-31 10:00", "2024-01-31T09:59:59", "2024-01-31", "2024-01-31 10:00:00"], "dates", [2, 1, 0, 2]),
    (["2024-01-31T10:00+02:00", "2024-01-31T09:00Z", "2024-01-31T08:30Z", "2024-01-31T08:00Z"], "dates", [0, 2, 1, 0]),
    (["31.01.2024", "04.01.2024", "31.12.2023", "31.01.2024"], "dates", [2, 1, 0, 2]),
    (["Feb 3, 2024", "Jan 31, 2024", "Dec 1, 2023", "Feb 3, 2024"], "dates", [2, 1, 0, 2]),
    (["2024-02", "2024-01", "2023-12", "2024-02"], "dates", [2, 1, 0, 2]),
]


@pytest.mark.parametrize(("cells", "kind", "order"), SPELLINGS, ids=[str(cells[0]) for cells, _, _ in SPELLINGS])
def test_times_are_numbers_or_dates(tmp_path, cells: list[str], kind: str, order: list[int]) -> None:
    pd.DataFrame({"t": cells, "x": [1, 2, 3, 4], "y": [0, 1, 0, 1]}).to_csv(tmp_path / "t.csv", index=False)
    dataset = load(Source(str(tmp_path / "t.csv"), time="t"))
    times = row_times(dataset.X, dataset.source)
    assert times.kind == kind
    assert np.unique(times.numbers, return_inverse=True)[1].tolist() == order


BAD_TIMES = ["31/12/2024", "Dec 31 2024", "noon", "2024-13-01", "24-12-31", "2024-01-01x"]


@pytest.mark.parametrize("cell", BAD_TIMES)
def test_a_time_without_a_clear_order_is_an_error_at_its_line(tmp_path, cell: str) -> None:
    for others in (["2024-01-01", "2024-01-02", "2024-01-03"], ["1", "2", "3"]):
        columns = {"t": [*others[:2], cell, others[2]], "x": [1, 2, 3, 4], "y": [0, 1, 0, 1]}
        with pytest.raises(
            InputError, match=rf"t\.csv:4: the time in column 't' is '{cell}', which has no clear order"
        ):
            split_of(tmp_path / "t.csv", columns, time="t")


@pytest.mark.parametrize("role", ["group", "time"])
@pytest.mark.parametrize("cells", [[1, 2, None, 3], ["2024-01-01", "2024-01-02", None, "2024-01-03"]], ids=["n", "t"])
def test_a_missing_group_or_time_is_an_error_at_its_line(tmp_path, role: str, cells: list) -> None:
    columns = {"r": cells, "x": [1, 2, 3, 4], "y": [0, 1, 0, 1]}
    with pytest.raises(
        InputError, match=rf"t\.csv:4: the {role} in column 'r' is missing; fill it in, or remove the row"
    ):
        split_of(tmp_path / "t.csv", columns, **{role: "r"})


def test_a_class_that_only_later_rows_have_is_an_error(tmp_path) -> None:
    columns = {"t": range(20), "x": X20, "y": ["a", "b"] * 8 + ["a", "new"] * 2}
    with pytest.raises(
        InputError, match="no training row, until t 15, is of class 'new', which later rows have; hold out"
    ):
        split_of(tmp_path / "t.csv", columns, time="t")


def test_a_class_that_a_part_lacks_and_a_share_that_is_off_are_noted(tmp_path) -> None:
    columns = {"t": range(20), "x": X20, "y": ["a", "b", "c", "a"] * 4 + ["a", "b"] * 2}
    path = tmp_path / "t.csv"
    assert split_of(path, columns, time="t").notes == (f"{path}: the test part has no row of class 'c'",)
    columns = {"g": [0] * 8 + [1] * 9 + [2] * 3, "x": X20, "y": ["a", "b"] * 10}
    assert split_of(path, columns, 0.3, group="g").notes == (
        f"{path}: the test part has 40.0% of the rows instead of 30.0%, because rows of the same group in column 'g' stay together",
    )
    assert split_of(path, columns, 0.4, group="g").notes == ()
    columns = {"t": [0] * 4 + [1] * 16, "x": X20, "y": ["a", "b"] * 10}
    assert (
        split_of(path, columns, time="t").notes[0].endswith("because rows of the same time in column 't' stay together")
    )


def test_too_few_groups_or_times_are_errors_that_say_what_to_do(tmp_path) -> None:
    columns = {"g": [1] * 10 + [2] * 10, "x": X20, "y": ["a"] * 10 + ["b"] * 10, "t": [3] * 20}
    with pytest.raises(InputError, match=r"2 groups in column 'g', .* too few for a test part of 0.2; .* or --test 0"):
        split_of(tmp_path / "t.csv", columns, group="g")
    with pytest.raises(InputError, match=r"1 group in column 't', .* too few for a val part of 0.3; .* or --val 0"):
        split_of(tmp_path / "t.csv", columns, 0.0, 0.3, group="t")
    with pytest.raises(
        InputError, match="all rows have the same time in column 't', so that none is later, as a test part"
    ):
        split_of(tmp_path / "t.csv", columns, time="t")
    split = split_of(tmp_path / "t.csv", columns, 0.0, group="g")
    with pytest.raises(InputError, match="cv is 3, but the training rows have 2 groups; give fewer folds"):
        folds(split.train.y, 3, 0, split.keys)
    split = split_of(tmp_path / "t.csv", columns, 0.0, time="g")
    with pytest.raises(
        InputError, match="cv is 2, but the training rows can be divided at 1 times only; give fewer folds"
    ):
        folds(split.train.y, 2, 0, split.keys)


def test_data_of_their_own_that_share_groups_or_are_not_later_are_noted(tmp_path) -> None:
    train = {"g": [*range(10)] * 2, "t": range(20), "x": X20, "y": ["a", "b"] * 10}
    other = {"g": ["3", "4", "x"], "t": [18, 19, 25], "x": [1, 2, 3], "y": ["a", "b", "a"]}
    paths = tmp_path / "a.csv", tmp_path / "b.csv"
    for path, columns in zip(paths, (train, other), strict=True):
        pd.DataFrame(columns).to_csv(path, index=False)

    def split(**options) -> Split:
        loaded = load(Source(str(paths[0]), **options))
        held_out = load(Source(str(paths[1]), **options), model_schema=loaded.schema)
        return split_dataset(loaded, held_out, None, 0)

    by_group, by_time = split(group="g", drop=("t",)), split(time="t", drop=("g",))
    assert by_group.notes == (
        f"{paths[1]}: 2 of 3 groups in column 'g' are those of training rows too, which is leakage: 3, 4",
    )
    assert by_group.summary.shared_groups == {"test": 2}
    assert by_time.notes == (f"{paths[1]}: 2 of 3 rows are not later than the last training row, t 19",)
    pd.DataFrame(other | {"t": ["2024-01-01"] * 3}).to_csv(paths[1], index=False)
    assert split(time="t", drop=("g",)).notes == (
        f"{paths[1]}: the times in column 't' are dates, those of the training rows numbers",
    )
    pd.DataFrame({"x": [1, 2, 3], "y": ["a", "b", "a"]}).to_csv(paths[1], index=False)
    assert split(group="g", drop=("t",)).notes == (
        f"{paths[1]}: has no column 'g', so that it is unknown whether its test rows share groups with training rows",
    )


def test_keys_of_some_rows_are_those_of_all_rows_selected(tmp_path) -> None:
    pd.DataFrame(table()).to_csv(tmp_path / "t.csv", index=False)
    dataset = load(Source(str(tmp_path / "t.csv"), group="patient", time="day"))
    rows = np.arange(0, N, 7)
    one, other = row_times(dataset.select(rows).X, dataset.source), row_times(dataset.X, dataset.source)
    np.testing.assert_array_equal(one.numbers, other.numbers[rows])
    keys = row_keys(dataset.select(rows).X, Source("t", group="patient"))
    names = np.array(table()["patient"])[rows]
    assert all(len(set(keys.groups[names == name])) == 1 for name in set(names))
    assert len(set(keys.groups)) == len(set(names)) == keys.groups.max() + 1
    assert row_keys(dataset.X, Source("t")).groups is row_keys(dataset.X, Source("t")).times is None
