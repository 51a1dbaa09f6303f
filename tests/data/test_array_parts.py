"""Parts and weights of rows in one npz file: the same as separate files, as a column of weights, and as repeated rows."""

import json

import numpy as np
import pytest

from linclf import load as load_model
from linclf.data.cache import Cache
from linclf.data.dataset import Dataset
from linclf.data.load import load
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.split import split_dataset
from linclf.errors import InputError
from linclf.training.options import TrainOptions

COUNTS = np.arange(150) % 4
RELATIVE = np.where(COUNTS > 0, (1 + np.arange(150) % 7) / 9, 0)


def part(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 4)) * [1, 10, 0.1, 3]
    return X, np.array(["no", "perhaps", "yes"])[(X[:, 0] + rng.standard_normal(n) > 0) + (X[:, 3] > 1).astype(int)]


def write_parts() -> None:
    """all.npz, with the three parts; without.npz, with two of them; and a file of each."""
    parts = {name: part(n, seed) for name, n, seed in (("train", 150, 1), ("val", 60, 2), ("test", 70, 3))}
    for name, (X, y) in parts.items():
        np.savez(f"{name}.npz", X=X, y=y)
    arrays = {f"{a}_{name}": array for name, one in parts.items() for a, array in zip("xy", one, strict=True)}
    np.savez("all.npz", **arrays)
    np.savez("without.npz", **{key: array for key, array in arrays.items() if "val" not in key})


def ran(linclf, line: str) -> str:
    found = linclf(line)
    assert found.code == 0, found.err
    return found


def learned(path: str) -> list[bytes | None]:
    model = load_model(path)
    arrays = [model.weight, model.bias, model.scale, model.center, *vars(model.calibration or object).values()]
    return [a.tobytes() for a in arrays if isinstance(a, np.ndarray)]


def figures(printed: str) -> dict:
    """The JSON of a run without what depends on names of files and on time."""
    return {key: x for key, x in json.loads(printed).items() if key not in ("data", "model", "seconds", "options")}


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--patience 3 --epochs 60 --val-metric accuracy",
        "--loss hinge --calibrate sigmoid",
        "--loss svm --calibrate isotonic --patience 5 --scale none",
    ],
)
def test_a_validation_part_equals_a_file_of_its_own(linclf, in_tmp, options: str) -> None:
    write_parts()
    one = ran(linclf, f"train all.npz {options} -o one --json")
    assert linclf(f"train all.npz {options} --no-cache").err.splitlines()[0] == (
        "note: all.npz: its validation part of 60 rows is used as --val DATA is; --val 0 goes without"
    )
    two = ran(linclf, f"train train.npz --val val.npz --test test.npz {options} -o two --json")
    assert figures(one) == figures(two)
    assert json.loads(one)["n_val"] == 60
    assert learned("one") == learned("two")
    for chosen in ("test", "train", "all"):
        assert figures(ran(linclf, f"evaluate one --part {chosen} --json")) == figures(
            ran(linclf, f"evaluate two --part {chosen} --json")
        )
    assert json.loads(linclf("evaluate one --part all --json"))["n"] == 280


def test_a_threshold_is_learned_from_the_validation_part(linclf, in_tmp) -> None:
    write_parts()
    arrays = dict(np.load("all.npz"))
    np.savez("all.npz", **{key: array != "yes" if key[0] == "y" else array for key, array in arrays.items()})
    for name in ("train", "val", "test"):
        np.savez(f"{name}.npz", X=arrays[f"x_{name}"], y=arrays[f"y_{name}"] != "yes")
    results = [
        figures(ran(linclf, f"train {data} --loss logistic --threshold f1 --json"))
        for data in ("all.npz", "train.npz --val val.npz --test test.npz")
    ]
    assert results[0] == results[1]
    assert results[0]["threshold"]["n"] == 60


@pytest.mark.parametrize("val", ["--val 0.2", "--val 0", "--val test.npz"])
def test_val_overrules_the_validation_part(linclf, in_tmp, val: str) -> None:
    write_parts()
    found = linclf(f"train all.npz {val} -o one --json")
    assert (
        "note: all.npz: its validation part of 60 rows is left out; without --val and --cv it would be used"
        in found.err
    )
    assert figures(found) == figures(ran(linclf, f"train without.npz {val} -o two --json"))
    assert learned("one") == learned("two")
    assert figures(linclf("evaluate one --part all --json")) == figures(linclf("evaluate two --part all --json"))


def test_a_test_fraction_is_drawn_from_the_training_and_test_rows(linclf, in_tmp) -> None:
    write_parts()
    one = ran(linclf, "train all.npz --test 0.3 -o one --json")
    two = ran(linclf, "train without.npz --test 0.3 --val val.npz -o two --json")
    assert figures(one) == figures(two)
    assert (json.loads(one)["n_train"] + json.loads(one)["n_test"], json.loads(one)["n_val"]) == (220, 60)
    assert learned("one") == learned("two")


def test_a_sweep_scores_on_the_validation_part_unless_folds_are_asked_for(linclf, in_tmp) -> None:
    write_parts()
    line = "--loss svm,softmax --reg 1e-4,1e-2 --epochs 5 --select best --json"
    files = "train.npz --val val.npz --test test.npz"
    one, two = ran(linclf, f"sweep all.npz {line} -o one"), ran(linclf, f"sweep {files} {line} -o two")
    assert figures(one) == figures(two)
    assert (json.loads(one)["cv"], json.loads(one)["n_val"]) == (None, 60)
    assert learned("one") == learned("two")  # the selected row is trained on the training rows alone
    for chosen in ("test", "all"):
        assert figures(linclf(f"evaluate one --part {chosen} --json")) == figures(
            linclf(f"evaluate two --part {chosen} --json")
        )
    folds = linclf(f"sweep all.npz --cv 3 {line} -o one")
    assert "its validation part of 60 rows is left out" in folds.err
    assert figures(folds) == figures(ran(linclf, f"sweep without.npz --cv 3 {line} -o two"))
    assert learned("one") == learned("two")


def test_options_that_need_validation_rows_are_refused_where_there_are_none(linclf, in_tmp) -> None:
    write_parts()
    for option in ("--patience 3", "--val-metric accuracy"):
        assert linclf(f"train all.npz {option} --epochs 3").code == 0
        for data in ("without.npz", "all.npz --val 0", "iris"):
            found = linclf(f"train {data} {option}")
            assert (found.code, found.err) == (
                2,
                f"error: {option.split()[0]} needs validation rows; give --val DATA or a fraction, e.g. --val 0.1\n",
            )
    TrainOptions(source=Source("t.npz"), patience=3)
    with pytest.raises(InputError, match="--patience needs validation rows"):
        TrainOptions(source=Source("t.csv"), patience=3)


def test_models_of_other_validation_rows_have_the_same_test_rows_only(linclf, in_tmp) -> None:
    write_parts()
    ran(linclf, "train all.npz --epochs 3 -o one")
    ran(linclf, "train all.npz --epochs 3 --val 0 -o two")
    for chosen in ("test", "train"):
        assert linclf(f"compare one two --part {chosen} --resamples 100").code == 0
    found = linclf("compare one two --part all --resamples 100")
    assert (found.code, "all rows (validation part: that of the data and none); give DATA" in found.err) == (2, True)


def test_parts_of_other_files_are_not_used_silently(linclf, in_tmp) -> None:
    write_parts()
    found = linclf("train train.npz --test all.npz --epochs 2")
    assert "note: all.npz: its validation part is not used\nnote: all.npz: its test part is not used" in found.err
    assert linclf("predict one all.npz").code != 0
    ran(linclf, "train all.npz --epochs 2 -o one")
    X = np.concatenate([np.load("all.npz")[f"x_{name}"] for name in ("train", "val", "test")])
    assert linclf("predict one all.npz").splitlines() == load_model("one").predict(X).tolist()


def write_weighted(weights: np.ndarray) -> None:
    """t.npz and t.csv: the same rows and weights, and s.npz and s.csv, others."""
    for name, seed, shift in (("t", 1, 0), ("s", 2, 1)):
        X, y = part(150, seed)
        w = np.roll(weights, shift)
        np.savez(f"{name}.npz", X=X, y=y, sample_weight=w)
        lines = [
            ",".join([*map(repr, x.tolist()), label, repr(v)]) for x, label, v in zip(X, y, w.tolist(), strict=True)
        ]
        with open(f"{name}.csv", "w") as file:
            file.write("\n".join(["a,b,c,d,label,w", *lines]) + "\n")


@pytest.mark.parametrize("weights", [COUNTS, RELATIVE, COUNTS > 0], ids=["counts", "relative", "bool"])
@pytest.mark.parametrize(
    "options", ["", "--val 0.2 --patience 4", "--calibrate sigmoid", "--test s", "--class-weight balanced"]
)
def test_weights_of_rows_equal_a_column_of_weights(linclf, in_tmp, weights: np.ndarray, options: str) -> None:
    write_weighted(weights.astype(np.float64))
    of_npz, of_csv = (options.replace("--test s", f"--test s.{suffix}") for suffix in ("npz", "csv"))
    one = linclf(f"train t.npz {of_npz} -o one --json")
    assert "note: t.npz: sample_weight is the weights of the rows: a row of weight 2 counts as two rows" in one.err
    two = ran(linclf, f"train t.csv --weight w {of_csv} -o two --json")
    plain = [{key: x for key, x in figures(run).items() if not key.startswith("target")} for run in (one, two)]
    assert plain[0] == plain[1]
    assert learned("one") == learned("two")
    for chosen in ("test", "train", "all"):
        first, second = (json.loads(linclf(f"evaluate {m} --part {chosen} --json")) for m in ("one", "two"))
        assert first["metrics"] == second["metrics"]
    first, second = (json.loads(linclf(f"evaluate {line} --json")) for line in ("one s.npz", "two s.csv --weight w"))
    assert (first["metrics"], first["n"]) == (second["metrics"], second["n"])
    assert first["metrics"] != json.loads(linclf("evaluate two s.csv --json"))["metrics"] or weights.dtype == bool


def test_weights_of_rows_equal_repeated_rows(linclf, in_tmp) -> None:
    (X, y), (Z, z) = part(150, 1), part(150, 2)
    np.savez("w.npz", x_train=X, y_train=y, train_weights=COUNTS, x_test=Z, y_test=z, test_sample_weight=COUNTS[::-1])
    test = {"x_test": np.repeat(Z, COUNTS[::-1], axis=0), "y_test": np.repeat(z, COUNTS[::-1])}
    np.savez("r.npz", x_train=np.repeat(X, COUNTS, axis=0), y_train=np.repeat(y, COUNTS), **test)
    line = "--dtype float64 --batch-size 9999 --epochs 30 --json"
    one, two = (json.loads(ran(linclf, f"train {name}.npz {line} -o {name}")) for name in "wr")
    np.testing.assert_allclose(load_model("w").weight, load_model("r").weight, rtol=1e-7, atol=1e-10)
    assert one["accuracy"] == pytest.approx(two["accuracy"])
    assert (one["n_train"], one["n_test"]) == (np.count_nonzero(COUNTS),) * 2


def test_rows_of_weight_0_are_left_out_of_all_parts_and_relative_weights_stay_relative(in_tmp) -> None:
    X, y = part(150, 1)
    np.savez("t.npz", x_train=X, y_train=y, w=y, weights_train=RELATIVE, x_val=X[:40], y_val=y[:40], weights_val=RELATIVE[:40],
             x_test=X[:50], y_test=y[:50])  # fmt: skip
    dataset = load(Source("t.npz"))
    split = split_dataset(dataset, None, None, 0)
    assert [len(one.y) for one in (split.train, split.val, split.test)] == [112, 30, 50]
    for rows, given in ((split.train, RELATIVE), (split.val, RELATIVE[:40])):
        assert rows.weights.mean() == pytest.approx(1)
        np.testing.assert_allclose(rows.weights / rows.weights[0], given[given > 0] / given[given > 0][0])
    assert split.test.weights is None
    pooled = split_dataset(dataset, 0.0, None, 0).train  # rows without a weight count as one of the mean weight
    assert len(pooled.y) == 112 + 50
    assert len(set(pooled.weights[112:])) == 1
    assert pooled.weights[112] == pytest.approx(pooled.weights[:112].mean())
    np.savez("t.npz", x_train=X, y_train=y, weights_train=RELATIVE, x_test=X, y_test=y, weights_test=3 * RELATIVE)
    pooled = split_dataset(load(Source("t.npz")), 0.0, None, 0).train
    np.testing.assert_allclose(pooled.weights[112:], 3 * pooled.weights[:112])


def same(a: Dataset, b: Dataset) -> bool:
    for one, other in ((a, b), (a.val, b.val), (a.test, b.test)):
        np.testing.assert_array_equal(one.X, other.X)
        assert one.y.tolist() == other.y.tolist()
        assert (one.weights is None) == (other.weights is None)
        if one.weights is not None:
            np.testing.assert_array_equal(one.weights, other.weights)
    return (a.schema, a.notes, a.digest) == (b.schema, b.notes, b.digest)


def test_the_cache_has_all_parts_and_weights(in_tmp) -> None:
    X, y = part(150, 1)
    np.savez("t.npz", x_train=X, y_train=y, weights=RELATIVE, x_val=X[:9], y_val=y[:9], val_weights=np.arange(9), x_test=X[:5],
             y_test=y[:5], spare=1)  # fmt: skip
    cache = Cache(in_tmp / "cache")
    fresh = load(Source("t.npz"))
    for _ in range(2):
        assert same(load(Source("t.npz"), cache=cache), fresh)
    assert [entry.n_samples for entry in cache.entries()] == [164]


def test_a_model_takes_the_columns_of_all_parts_by_position(in_tmp) -> None:
    X, y = part(20, 1)
    np.savez("t.npz", X=X, y=y, x_val=X[:9], y_val=y[:9], x_test=X[:5], y_test=y[:5])
    schema = Schema(2, names=("a", "b", "c", "d"), drop=("a", "c"))
    found = load(Source("t.npz"), schema)
    for rows, n in ((found, 20), (found.val, 9), (found.test, 5)):
        np.testing.assert_array_equal(rows.X, X[:n, [1, 3]])
