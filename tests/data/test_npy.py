"""npy files: numbers with a column or a file of labels, and structured arrays, which are tables."""

import json

import numpy as np
import pandas as pd
import pytest

from linclf import load as load_model
from linclf.data.cache import Cache
from linclf.data.load import load
from linclf.data.source import Source
from linclf.errors import InputError


def make(n: int = 80, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3))
    return X, (X[:, 0] + X[:, 1] + rng.standard_normal(n) / 2 > 0).astype(int)


def arrays(path: str) -> list[bytes]:
    model = load_model(path)
    return [a.tobytes() for a in (model.weight, model.bias, model.scale, model.center)] + [model.classes.tolist()]


def test_labels_of_a_column_and_of_a_file_equal_those_of_an_npz_file(linclf, in_tmp) -> None:
    X, y = make()
    np.savez("t.npz", X=X, y=y)
    np.save("X.npy", X)
    np.save("y.npy", y)
    np.savez("X.npz", X=X)
    np.save("last.npy", np.column_stack([X, y]))
    np.save("first.npy", np.asfortranarray(np.column_stack([y, X])))
    lines = ["t.npz", "X.npy --target y.npy", "X.npz --target y.npy", "last.npy --target -1", "last.npy --target 3"]
    for k, line in enumerate([*lines, "first.npy --target 0"]):
        ran = linclf(f"train {line} -o m{k}")
        assert ran.code == 0, ran.err
        assert arrays(f"m{k}") == arrays("m0")
        assert linclf(f"evaluate m{k} --json") == linclf("evaluate m0 --json")
    assert (
        "note: last.npy: the labels are column 3 (from 0), the features all others"
        in linclf("train last.npy --target -1").err
    )
    expected = linclf("predict m0 t.npz")
    for line in ("X.npy", "X.npz", "last.npy --target -1", "first.npy --target 0"):
        assert linclf(f"predict m0 {line}") == expected
    assert linclf("evaluate m0 last.npy --target 3 --json") == linclf("evaluate m0 t.npz --json")
    found = json.loads(linclf("evaluate m0 X.npy --target y.npy --json"))
    assert (found["n"], found["target"], found["target_guessed"]) == (80, None, False)


def test_a_file_of_labels_is_part_of_the_data(linclf, in_tmp) -> None:
    X, y = make()
    np.save("X.npy", X)
    np.save("y.npy", y)
    one = load(Source("X.npy", target="y.npy"))
    assert linclf("train X.npy --target y.npy -o m").code == 0
    assert linclf("evaluate m").code == 0
    np.save("y.npy", 1 - y)
    assert "X.npy: has changed since the model was trained on it; train again, or give DATA" in linclf("evaluate m").err
    cache = Cache(in_tmp / "cache")
    for labels in (y, 1 - y, y):
        np.save("y.npy", labels)
        found = load(Source("X.npy", target="y.npy"), cache=cache)
        assert found.y.tolist() == labels.tolist()
    assert (found.digest, cache.entries()) == (one.digest, [])
    ran = linclf("train X.npy --target y.npy -o y.npy")
    assert (ran.code, np.load("y.npy").tolist()) == (2, y.tolist())


def test_a_file_of_labels_is_not_that_of_the_test_rows(linclf, in_tmp) -> None:
    X, y = make()
    np.save("X.npy", X)
    np.save("y.npy", y)
    np.savez("test.npz", X=X[:20], y=y[:20])
    ran = linclf("train X.npy --target y.npy --test X.npy")
    assert (ran.code, "X.npy: is an array without labels" in ran.err) == (2, True)
    assert json.loads(linclf("train X.npy --target y.npy --test test.npz --json"))["n_test"] == 20
    np.save("t.npy", np.column_stack([X, y])[:30])
    np.save("last.npy", np.column_stack([X, y]))
    assert json.loads(linclf("train last.npy --target -1 --test t.npy --json"))["n_test"] == 30


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (np.zeros((3, 2)), {}, "is an array without labels; name a file of them, as --target y.npy, or their column by its"),
        (np.zeros(3), {"target": "-1"}, r"the array has the shape \(3,\); only an array \(n, d\) has columns"),
        (np.zeros((3, 2, 2)), {"target": "1"}, "only an array .n, d. has columns of labels"),
        (np.zeros((3, 2)), {"target": "2"}, "--target 2: there is no such column; they are 0 to 1"),
        (np.zeros((3, 2)), {"target": "-3"}, "--target -3: there is no such column; they are 0 to 1"),
        (np.zeros((3, 2)), {"target": "label"}, "--target label: there is no file of this name, and the array has no names"),
        (np.zeros((3, 2)), {"target": "y.npy"}, "--target y.npy: there is no file of this name"),
        (np.zeros((3, 2)), {"target": "0", "drop": ("1",)}, "is an array without names of columns, which has no use for --drop"),
        (np.zeros((3, 2)), {"target": "0", "weight": "1"}, "has no use for --weight"),
        (np.array([[1, np.nan], [0, 1]]), {"target": "1"}, "column 1: the label of row 0 .* is nan"),
        (np.array([[1, np.nan], [0, 1]]), {"target": "0"}, "the array has nan in row 0, column 0"),
        (np.array([["a"]]), {"target": "0"}, r"the array is <U1 of shape \(1, 0\)"),
        (np.zeros((0, 3)), {"target": "0"}, "the array is float64 of shape .0, 2."),
        (np.array([{}]), {"target": "0"}, "contains Python objects, which linclf never loads"),
        (np.array([(1, (2,))], [("a", int), ("b", [("c", int)])]), {"target": "a"}, "column 'b' is .*; give numbers or text, or"),
        (np.zeros(2, [("a", int), ("b", int, 2)]), {"target": "a"}, "column 'b' is int64 in several cells"),
        (np.zeros(2, [("a", int), ("b", complex)]), {"target": "a"}, "column 'b' is complex128; .* --drop b"),
        (np.zeros(2, [("a", int), ("b", int)]), {}, "no column named target, label, class or y"),
        (np.zeros(0, [("a", int), ("y", int)]), {}, "contains no rows"),
        (np.array([(0, "\ud800")], [("y", int), ("b", "U1")]), {}, "column 'b' cannot be read .*surrogates"),
        (np.array([(0, b"\xff")], [("y", int), ("b", "S1")]), {}, "column 'b' cannot be read .'utf-8' codec.*; save it as numbers or text"),
    ],
)  # fmt: skip
def test_wrong_arrays_are_refused(tmp_path, array: np.ndarray, options: dict, message: str) -> None:
    np.save(tmp_path / "t.npy", array)
    with pytest.raises(InputError, match=message):
        load(Source(str(tmp_path / "t.npy"), **options))


def test_damaged_files_are_refused(tmp_path) -> None:
    np.save(tmp_path / "t.npy", np.zeros((50, 2)))
    whole = (tmp_path / "t.npy").read_bytes()
    for content in (
        whole[:5],
        whole[:40],
        whole[:-1],
        whole + b"x",
        b"a,b\n1,2\n",
        whole.replace(b"(50, 2)", b"(51, 2)"),
    ):
        (tmp_path / "t.npy").write_bytes(content)
        with pytest.raises(InputError, match="is not a complete npy file; save it again with numpy.save"):
            load(Source(str(tmp_path / "t.npy"), target="0"))
    np.save(tmp_path / "X.npy", np.zeros((50, 2)))
    for wrong, message in (
        (whole[:-1], "y.npy: is not a complete npy file"),
        (whole, "y.npy: the labels have the shape"),
    ):
        (tmp_path / "y.npy").write_bytes(wrong)
        with pytest.raises(InputError, match=message):
            load(Source(str(tmp_path / "X.npy"), target=str(tmp_path / "y.npy")))


FIELDS = [("age", ">f4"), ("city", "U6"), ("code", "S3"), ("day", "M8[D]"), ("ok", "?"), ("n", "u1"), ("label", "U3")]


def table(n: int = 60) -> np.ndarray:
    rng = np.random.default_rng(3)
    rows = [
        (round(rng.normal(), 2), f"c{k % 3}", b"abc"[k % 3 :][:1], f"2020-01-{1 + k % 28:02}", k % 4 > 1, k % 5, "no" if k % 3 else "yes")
        for k in rng.permutation(n)
    ]  # fmt: skip
    return np.array(rows, FIELDS)


def test_a_structured_array_is_a_table(linclf, in_tmp) -> None:
    array = table()
    np.save("t.npy", array)
    frame = pd.DataFrame({name: array[name].astype(array[name].dtype.newbyteorder("=")) for name in array.dtype.names})
    frame["code"] = frame["code"].str.decode("utf-8")
    frame.to_csv("t.csv", index=False)
    for line in ("--drop code --category n", "--weight n --group city", "--target ok --drop label"):
        ran, twin = (
            linclf(f"train t.npy {line} --epochs 9 -o npy --json"),
            linclf(f"train t.csv {line} --epochs 9 -o csv --json"),
        )
        assert ran.code == twin.code == 0, ran.err
        one, two = json.loads(ran), json.loads(twin)
        assert one["n_features"] == two["n_features"] > 3
        assert load_model("npy").schema.feature_names() == load_model("csv").schema.feature_names()
        np.testing.assert_allclose(load_model("npy").weight, load_model("csv").weight, rtol=1e-4, atol=1e-6)
        assert linclf("predict npy t.csv") == linclf("predict npy t.npy")
    kept = linclf("predict npy t.npy --keep city,n,day --header").splitlines()
    assert (kept[0], kept[1].split(",")[:2]) == ("city,n,day,prediction", [array["city"][0], str(array["n"][0])])
    assert linclf("predict npy t.npy --keep nothing").code == 2


def test_missing_cells_of_a_structured_array_are_missing(in_tmp) -> None:
    array = table()
    array["age"][0], array["city"][1], array["day"][2] = np.nan, "", np.datetime64("NaT")
    np.save("t.npy", array)
    found = load(Source("t.npy")).X
    assert np.isnan(found.column("age")[0])
    assert [int(found.column(name).codes[row]) for name, row in (("city", 1), ("day", 2))] == [-1, -1]
