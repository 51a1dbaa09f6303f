import bz2
import gzip
import lzma
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn import datasets as sk
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from linclf.datasets import Source, cut, labels, load, names
from linclf.datasets.parts import parse_part, stratified
from linclf.datasets.scaling import fit_scaling
from linclf.errors import AccessError, InputError

DATA = Path(__file__).parent.parent / "data"


def read(path: Path, text: str | bytes, **options):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load(Source(str(path), **options))


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer"])
def test_bundled_sets_are_scikit_learns(name: str) -> None:
    dataset, bunch, named = load(Source(name)), getattr(sk, f"load_{name}")(), names.NAMED[name]
    np.testing.assert_array_equal(dataset.X, bunch.data)
    expected = bunch.target if name == "digits" else bunch.target_names[bunch.target]
    assert dataset.labels().tolist() == expected.tolist()
    assert dataset.features.names == tuple(bunch.feature_names)
    assert (*dataset.X.shape, len(np.unique(dataset.y))) == (named.n_samples, named.n_features, named.n_classes)
    assert load(Source(name)).digest == dataset.digest


@pytest.mark.parametrize("kind", names.GENERATORS)
def test_generators(kind: str) -> None:
    dataset = load(Source(f"make:{kind}:n_samples=50"))
    X, y = getattr(sk, f"make_{kind}")(n_samples=50, random_state=0)
    np.testing.assert_array_equal(dataset.X, X)
    np.testing.assert_array_equal(dataset.y, y)


def test_covtype_is_read_by_the_real_fetcher(tmp_path, monkeypatch) -> None:
    """The fetcher finds what it would have downloaded: a small set in its own cache."""
    import joblib

    home = tmp_path / "covertype"
    home.mkdir()
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    assert not names.is_here(names.NAMED["covtype"])
    X, y = np.arange(20 * 54.0).reshape(20, 54), np.arange(20) % 7 + 1
    joblib.dump(X, home / "samples_py3")
    joblib.dump(y, home / "targets_py3")
    dataset = load(Source("covtype"))
    np.testing.assert_array_equal(dataset.X, X)
    np.testing.assert_array_equal(dataset.y, y)
    assert names.is_here(names.NAMED["covtype"])


def test_other_fetchers_become_data_sets(monkeypatch) -> None:
    import pandas as pd
    from sklearn.utils import Bunch

    def newsgroups(subset: str, **_):
        return Bunch(data=sparse.csr_matrix(np.eye(3)), target=np.array([0, 1, 0]), target_names=["a", "b"])

    def rcv1(subset: str, **_):
        topics = sparse.csr_matrix([[1, 0], [0, 1], [1, 1]])
        return Bunch(data=sparse.csr_matrix(np.eye(3)), target=topics, target_names=np.array(["GCAT", "CCAT"]))

    def kddcup99(**_):
        frame = pd.DataFrame({"bytes": [1.0, 2.0], "labels": [b"normal.", b"smurf."]})
        return Bunch(frame=frame, target_names=["labels"])

    def openml(**by):
        assert by.pop("name") == "credit-g"
        frame = pd.DataFrame({"age": [1, 2], "class": pd.Categorical(["bad", "good"])})
        return Bunch(frame=frame, target_names=["class"])

    for name, fake in {
        "20newsgroups_vectorized": newsgroups,
        "rcv1": rcv1,
        "kddcup99": kddcup99,
        "openml": openml,
    }.items():
        monkeypatch.setattr(sk, f"fetch_{name}", fake)
    assert load(Source("20newsgroups")).labels().tolist() == ["a", "b", "a"]
    assert load(Source("20newsgroups")).test.labels().tolist() == ["a", "b", "a"]
    assert load(Source("rcv1")).labels().tolist() == ["other", "CCAT", "CCAT"]
    assert load(Source("kddcup99")).labels().tolist() == ["normal.", "smurf."]
    assert load(Source("openml:credit-g")).labels().tolist() == ["bad", "good"]
    assert load(Source("openml:credit-g")).features.names == ("age",)


@pytest.mark.parametrize("name", ["covtype", "20newsgroups", "rcv1", "kddcup99", "openml:31"])
def test_without_a_network_a_fetcher_says_what_to_do(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    for proxy in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")  # refused at once
    with pytest.raises(AccessError, match=f"{name}: is not on this machine .* run this once with a network"):
        load(Source(name))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("digit", "did you mean digits"),
        ("breastcancer", "did you mean breast_cancer"),
        ("zzz", "the names are digits, iris"),
        ("make:moon", "the generators are classification"),
        ("make:blobs:n=3", "its settings are n_samples"),
        ("make:blobs:n_samples=x", "is not NAME=NUMBER"),
        ("make:classification:n_classes=9", "make:classification:n_classes=9: n_classes"),
        ("openml:", "give a name or an ID"),
        ("no/such/file", "there is no such file"),
    ],
)
def test_unknown_data(data: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(Source(data))


# --- tables --------------------------------------------------------------------------------------------------------

TABLE = "a,b,label\n1,2.5,x\n3,-4e-1,y\n5,6,x\n"


def test_csv(tmp_path) -> None:
    dataset = read(tmp_path / "t.csv", TABLE)
    np.testing.assert_array_equal(dataset.X, [[1, 2.5], [3, -0.4], [5, 6]])
    assert dataset.labels().tolist() == ["x", "y", "x"]
    assert (dataset.features.names, dataset.features.target, dataset.features.format) == (("a", "b"), "label", "csv")


@pytest.mark.parametrize("pack", [None, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.rstrip("\n"),
        lambda text: text.replace(",", ", "),
        lambda text: text.replace("x", '"x"'),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.replace("\n", "\n  \n"),
    ],
    ids=["plain", "CRLF", "BOM", "no last newline", "spaces", "quotes", "empty lines", "blank lines"],
)
def test_csv_in_other_clothes(tmp_path, change, pack) -> None:
    content = change(TABLE).encode()
    suffix = {None: "", gzip.compress: ".gz", bz2.compress: ".bz2", lzma.compress: ".xz"}[pack]
    dataset = read(tmp_path / f"t.csv{suffix}", pack(content) if pack else content)
    plain = read(tmp_path / "p.csv", TABLE)
    np.testing.assert_array_equal(dataset.X, plain.X)
    assert dataset.labels().tolist() == plain.labels().tolist()
    assert dataset.features.names == plain.features.names


def test_tsv_and_format(tmp_path) -> None:
    for name, options in (("t.tsv", {}), ("t.dat", {"format": "tsv"})):
        dataset = read(tmp_path / name, TABLE.replace(",", "\t"), **options)
        np.testing.assert_array_equal(dataset.X, [[1, 2.5], [3, -0.4], [5, 6]])


def test_no_header_target_by_number_and_drop(tmp_path) -> None:
    text = TABLE.split("\n", 1)[1]
    for target in ("2", "-1"):
        dataset = read(tmp_path / "t.csv", text, header=False, target=target, drop=("0",))
        np.testing.assert_array_equal(dataset.X, [[2.5], [-0.4], [6]])
        assert dataset.labels().tolist() == ["x", "y", "x"]
        assert dataset.features.target == "2"


def test_labels_named_like_missing_cells_are_labels(tmp_path) -> None:
    dataset = read(tmp_path / "t.csv", "a,label\n1,NA\n2,None\n3,SE\n")
    assert dataset.labels().tolist() == ["NA", "None", "SE"]


@pytest.mark.parametrize(
    "column",
    ["x,nan,y", "x,?,y", "x,NaN,y", "x,,y", "1,NA,2", "0.5,None,1.5", "-1,n/a,1"],
    ids=lambda c: c.split(",")[1],
)
def test_missing_labels_are_refused(tmp_path, column: str) -> None:
    rows = "".join(f"{i},{label}\n" for i, label in enumerate(column.split(",")))
    with pytest.raises(InputError, match="t.csv:3: the label in column 'label' is missing"):
        read(tmp_path / "t.csv", "a,label\n" + rows)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "t.csv: is empty"),
        ("a,b,label\n", {}, "holds no rows"),
        ("a,b\n1,2\n", {}, "has no column named target, label, class, y; .*--target; the columns are a, b"),
        ("y,label\n1,2\n", {}, "more than one of y, label"),
        (TABLE, {"target": "lable"}, "no column 'lable'; did you mean 'label'.; its columns are a, b, label"),
        (TABLE, {"drop": ("c",)}, "--drop c: there is no such column"),
        (TABLE, {"drop": ("a", "b")}, "no feature column is left"),
        (
            "a,b,c,label\n1,u,v,x\n2,3,w,y\n",
            {},
            r"not numbers in b \('u' at line 2\), c \('v' at line 2\); .*--drop b,c",
        ),
        ("a,b,label\n1,2,x\n3,oops,y\n", {}, r"not numbers in b \('oops' at line 3\)"),
        ("a,b c,label\n1,q,x\n3,q,y\n", {}, '--drop "b c"'),
        (TABLE + "7,,x\n", {}, r"t.csv:5: the cell in column 'b' is missing or not a number \(1 such rows\)"),
        (TABLE + "7,1e999,x\n", {}, "t.csv:5: the cell in column 'b' is too large"),
        (TABLE + "7,NaN,x\n", {}, "t.csv:5: the cell in column 'b' is missing"),
        (TABLE + "7,8,\n", {}, "t.csv:5: the label in column 'label' is missing"),
        (TABLE + "  \n\n7,,x\n", {}, "t.csv:7: the cell in column 'b' is missing"),
        ('a,label\n"1\n",x\n\n,y\n', {}, "t.csv:5: the cell in column 'a' is missing"),
        (TABLE + "7,8\n", {}, "t.csv:5: has 2 cells where 3 are expected"),
        (TABLE + "7,8,x,9\n", {}, "t.csv:5: has 4 cells where 3 are expected"),
        ("a,label\n1,x,2\n3,y,4\n", {}, "cells"),
        (TABLE + '7,"8,x\n', {}, "t.csv:5: opens a quote that is never closed"),
        (TABLE.encode() + b"7,8,\xff\n", {}, "t.csv:5: is not UTF-8"),
        (TABLE.encode() + b"7,8,\0\n", {}, "t.csv:5: has a NUL byte"),
        (TABLE, {"zero_based": True}, "is read as csv, which has no use for --zero-based or --one-based"),
        (TABLE.replace(",", ";"), {}, "cells seem to be separated by ';', not ','"),
        ("a,a,label\n1,2,x\n3,4,y\n", {}, "two columns are named 'a'"),
        (TABLE.split("\n", 1)[1], {}, "if the file has no header, say --no-header"),
        (TABLE.split("\n", 1)[1], {"target": "2"}, "is there no header. say --no-header"),
    ],
)
def test_wrong_tables(tmp_path, text, options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path / "t.csv", text, **options)


def test_a_target_without_labels_is_ignored_where_none_are_needed(tmp_path) -> None:
    train = read(tmp_path / "train.csv", TABLE)
    (tmp_path / "new.csv").write_text("a,b,label\n1,2,\n3,4,\n")
    assert load(Source(str(tmp_path / "new.csv")), like=train.features, labelled=False).y is None


def test_a_file_without_a_header_is_read_as_the_one_trained_on(tmp_path) -> None:
    rows = TABLE.split("\n", 1)[1]
    train = read(tmp_path / "train.csv", rows, header=False, target="2")
    (tmp_path / "new.csv").write_text(rows)
    np.testing.assert_array_equal(load(Source(str(tmp_path / "new.csv")), like=train.features).X, train.X)
    (tmp_path / "bare.csv").write_text("1,2.5\n3,4\n")
    bare = load(Source(str(tmp_path / "bare.csv")), like=train.features, labelled=False)
    np.testing.assert_array_equal(bare.X, [[1, 2.5], [3, 4]])


def test_columns_are_found_by_name(tmp_path) -> None:
    train = read(tmp_path / "train.csv", TABLE)
    (tmp_path / "new.csv").write_text("extra,b,a\n0,2,1\n0,4,3\n")
    new = load(Source(str(tmp_path / "new.csv")), like=train.features, labelled=False)
    np.testing.assert_array_equal(new.X, [[1, 2], [3, 4]])
    assert new.y is None
    assert "ignored: extra" in new.notes[0]
    (tmp_path / "less.csv").write_text("a,label\n1,x\n")
    with pytest.raises(InputError, match=r"less.csv: lacks 1 of the 2 columns .*: b"):
        load(Source(str(tmp_path / "less.csv")), like=train.features)


# --- svmlight ------------------------------------------------------------------------------------------------------

SVM = "# a comment\n1 1:0.5 3:2\n\n-1 2:1e-3 # end\n1\n"


@pytest.mark.parametrize("change", [str, lambda t: t.replace("\n", "\r\n"), lambda t: t.rstrip("\n")])
def test_svmlight(tmp_path, change) -> None:
    dataset = read(tmp_path / "t.svm", change(SVM))
    np.testing.assert_array_equal(dataset.X.toarray(), [[0.5, 0, 2], [0, 1e-3, 0], [0, 0, 0]])
    assert dataset.labels().tolist() == [1, -1, 1]
    assert dataset.features.zero_based is False


def test_svmlight_index_base(tmp_path) -> None:
    from_zero = "1 0:1 2:3\n-1 1:2\n"
    dataset = read(tmp_path / "z.svm", from_zero)
    assert dataset.features.zero_based is True
    np.testing.assert_array_equal(dataset.X.toarray(), [[1, 0, 3], [0, 2, 0]])
    shifted = read(tmp_path / "o.svm", "1 1:1 3:3\n-1 2:2\n")
    np.testing.assert_array_equal(shifted.X.toarray(), dataset.X.toarray())
    told = read(tmp_path / "o.svm", "1 1:1 3:3\n-1 2:2\n", zero_based=True)
    np.testing.assert_array_equal(told.X.toarray(), [[0, 1, 0, 3], [0, 0, 2, 0]])
    with pytest.raises(InputError, match="z.svm:1: has the index 0 where indices count from 1"):
        load(Source(str(tmp_path / "z.svm")), like=shifted.features)
    as_trained = load(Source(str(tmp_path / "o.svm")), like=told.features)
    np.testing.assert_array_equal(as_trained.X.toarray(), told.X.toarray())


def test_svmlight_narrower_and_wider(tmp_path) -> None:
    train = read(tmp_path / "t.svm", SVM)
    (tmp_path / "narrow.svm").write_text("1 1:1\n")
    assert load(Source(str(tmp_path / "narrow.svm")), like=train.features).X.shape == (1, 3)
    (tmp_path / "wide.svm").write_text("1 1:1 9:1 12:1\n-1 4:1\n")
    wide = load(Source(str(tmp_path / "wide.svm")), like=train.features)
    assert wide.X.shape == (2, 3)
    assert "3 values in columns beyond the 3 of the training data were ignored" in wide.notes[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a 1:1", "the label 'a' is not a finite number"),
        ("nan 1:1", "the label 'nan'"),
        ("1 2", "'2' is not INDEX:VALUE"),
        ("1 x:2", "'x:2' is not INDEX:VALUE"),
        ("1 -1:2", "'-1:2' is not INDEX:VALUE"),
        ("1 2:", "'2:': the value is not a finite number"),
        ("1 2:x", "'2:x': the value is not a finite number"),
        ("1 2:nan", "'2:nan': the value is not a finite number"),
        ("1 2:inf", "'2:inf': the value"),
        ("1 2:1e999", "'2:1e999': the value"),
        ("1 3:1 2:1", "the index '2' comes after 3; sort"),
        ("1 3:1 3:1", "the index '3' comes after 3"),
        ("1 4294967297:1", "the index '4294967297' is too large"),
        ("1 1_0:2", "'1_0:2' is not INDEX:VALUE"),
        ("1 1:1_0", "'1:1_0': the value is not a finite number"),
        ("1 2:\ufffd", "'2:\ufffd': the value is not"),
    ],
)
def test_wrong_svmlight_lines(tmp_path, line: str, message: str) -> None:
    with pytest.raises(InputError, match=f"t.svm:6: {message}"):
        read(tmp_path / "t.svm", f"{SVM}{line}\n1 1:1\n")


@pytest.mark.parametrize("text", ["", "\n\n", "# only\n"])
def test_empty_svmlight(tmp_path, text: str) -> None:
    with pytest.raises(InputError, match="is empty|holds no rows"):
        read(tmp_path / "t.svm", text)


def test_an_unknown_suffix_is_said_to_be_read_as_svmlight(tmp_path) -> None:
    with pytest.raises(
        InputError, match="t.txt:1: the label 'a,b,label' .*read as svmlight for want of a known suffix"
    ):
        read(tmp_path / "t.txt", TABLE)
    assert read(tmp_path / "t.txt", TABLE, format="csv").X.shape == (3, 2)
    assert read(tmp_path / "T.CSV.GZ", gzip.compress(TABLE.encode())).X.shape == (3, 2)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_a_cut_archive_is_an_error(tmp_path, suffix: str) -> None:
    pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[suffix]
    with pytest.raises(InputError, match=f"t.svm{suffix}: is not a whole {suffix} file"):
        read(tmp_path / f"t.svm{suffix}", pack(SVM.encode() * 100)[:-9])


# --- npz -----------------------------------------------------------------------------------------------------------


def test_npz(tmp_path) -> None:
    X, y = np.arange(24).reshape(4, 3, 2).astype(np.uint8), np.array(["b", "a", "b", "a"])
    np.savez(tmp_path / "one.npz", X=X, y=y)
    dataset = load(Source(str(tmp_path / "one.npz")))
    np.testing.assert_array_equal(dataset.X, X.reshape(4, 6))
    assert dataset.X.dtype == np.uint8
    assert dataset.labels().tolist() == ["b", "a", "b", "a"]
    np.savez_compressed(tmp_path / "two.npz", x_train=X, y_train=y, x_test=X[:1], y_test=y[:1])
    dataset = load(Source(str(tmp_path / "two.npz")))
    assert dataset.test.X.shape == (1, 6)
    assert dataset.pooled().X.shape == (5, 6)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"Z": np.zeros(2)}, "holds Z; the arrays must be X, y"),
        ({"X": np.zeros((2, 2))}, "has no labels y beside X"),
        ({"X": np.zeros((2, 2)), "y": np.zeros(3)}, "2 rows in X but 3 labels in y"),
        ({"X": np.zeros((2, 2)), "y": np.zeros((2, 2))}, r"the labels have the shape \(2, 2\)"),
        ({"X": np.array([[1, np.nan]]), "y": np.zeros(1)}, "X has nan in row 0, column 1"),
        ({"X": np.zeros((2, 2)), "y": np.array([1, np.inf])}, "the label of row 1 .* is inf"),
        ({"X": np.zeros((2, 2), object), "y": np.zeros(2)}, "holds Python objects, which linclf never loads"),
        ({"X": np.array([["a"]]), "y": np.zeros(1)}, "X is <U1"),
        ({"X": np.zeros(3), "y": np.zeros(3)}, r"X is float64 of shape \(3,\)"),
        (
            {"x_train": np.zeros((1, 2)), "y_train": [1], "x_test": np.zeros((1, 3)), "y_test": [1]},
            "x_train and x_test differ in their features: 2 and 3",
        ),
    ],
)
def test_wrong_npz(tmp_path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(InputError, match=message):
        load(Source(str(tmp_path / "t.npz")))


def test_garbled_npz(tmp_path) -> None:
    np.savez(tmp_path / "t.npz", X=np.zeros((50, 2)), y=np.zeros(50))
    whole = (tmp_path / "t.npz").read_bytes()
    np.save(tmp_path / "t.npy", np.zeros(3))
    for content in (b"PK\3\4 not a zip", whole[:200], whole[:-30], (tmp_path / "t.npy").read_bytes(), b"a,b\n1,2\n"):
        with pytest.raises(InputError, match="is not an npz file"):
            read(tmp_path / "t.npz", content)


def test_a_directory_is_no_file(tmp_path) -> None:
    with pytest.raises(InputError, match="is a directory"):
        load(Source(str(tmp_path)))


# --- labels --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2", "10", "1"], [2, 10, 1]),
        (["-1", "1"], [-1, 1]),
        (["1.0", "2.5"], [1.0, 2.5]),
        (["1", "1.0"], ["1", "1.0"]),  # two spellings stay two labels
        (["007", "7"], ["007", "7"]),
        (["+1", "-1"], ["+1", "-1"]),
        (["1", "x"], ["1", "x"]),
        (["é", "日本", " a "], ["é", "日本", " a "]),
        (["1e3", "5"], ["1e3", "5"]),
        (["1_0", "2"], ["1_0", "2"]),
        (["inf", "1"], ["inf", "1"]),
        (["999999999999999999999", "1"], ["999999999999999999999", "1"]),
    ],
)
def test_labels_come_back_as_they_were_written(texts, expected) -> None:
    found = labels.from_text(np.array(texts, object)).tolist()
    assert found == expected
    assert [type(x) for x in found] == [type(x) for x in expected]
    assert [str(x) for x in found] == texts


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.array([0, 2**63 + 5], np.uint64), ["0", str(2**63 + 5)]),
        (np.array([0.1, 0.7], np.float32), [0.1, 0.7]),
        (np.array([b"a", b"b"]), ["a", "b"]),
        (np.array(["a", "b"], object), ["a", "b"]),
        (np.array([True, False]), [True, False]),
    ],
)
def test_labels_of_arrays(given, expected) -> None:
    assert labels.from_array(given, "t").tolist() == expected


def test_encode_across_files() -> None:
    codes, unseen = labels.encode(np.array(["1", "x", "2.0", "x"]), np.array([1, 2]))
    assert codes.tolist() == [0, -1, 1, -1]
    assert unseen == {"'x'": 2}
    assert labels.encode(np.array([1, 2]), np.array(["1", "3"]))[0].tolist() == [0, -1]


@pytest.mark.parametrize("y", [np.zeros(5, int), np.array(["a"] * 5)])
def test_one_class_is_refused(y) -> None:
    with pytest.raises(InputError, match="all 5 rows have the label"):
        labels.check_classes(y, "t")


def test_a_quantity_is_refused() -> None:
    rng = np.random.default_rng(0)
    for y in (rng.standard_normal(100), np.array([0.1, 0.2, 0.3]), np.array([f"{x:.2f}0" for x in rng.random(100)])):
        with pytest.raises(InputError, match=r"a quantity and not classes|each of the \d+ rows has a label of its own"):
            labels.check_classes(y, "t")
    with pytest.raises(InputError, match="30 different numbers such as 0.5 and 1.0, a quantity"):
        labels.check_classes(np.arange(60) // 2 * 0.5 + 0.5, "t")
    labels.check_classes(np.array([0.5, 1.0, 1.5] * 10), "t")
    labels.check_classes(np.arange(100) // 2, "t")


# --- parts ---------------------------------------------------------------------------------------------------------


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
    parts, again, other = (cut(dataset, None, 0.25, seed) for seed in (0, 0, 1))
    assert [len(p.y) for p in (parts.train, parts.val, parts.test)] == [120, 40, 40]
    rows = np.concatenate([p.X for p in (parts.train, parts.val, parts.test)])
    assert {x.tobytes() for x in rows} == {x.tobytes() for x in dataset.X}
    np.testing.assert_array_equal(parts.test.X, again.test.X)
    assert not np.array_equal(parts.test.X, other.test.X)
    # the test part does not depend on whether there is a validation part
    np.testing.assert_array_equal(cut(dataset, None, None, 0).test.X, parts.test.X)


def test_own_test_part_fraction_and_all(tmp_path) -> None:
    X, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    np.savez(tmp_path / "t.npz", x_train=X[:15], y_train=y[:15], x_test=X[15:], y_test=y[15:])
    dataset = load(Source(str(tmp_path / "t.npz")))
    assert [len(p.y) for p in (cut(dataset, None, None, 0).train, cut(dataset, None, None, 0).test)] == [15, 5]
    assert [len(p.y) for p in (cut(dataset, 0.5, None, 0).train, cut(dataset, 0.5, None, 0).test)] == [10, 10]
    assert len(cut(dataset, 0.0, None, 0).train.y) == 20
    assert cut(dataset, 0.0, None, 0).test is None


@pytest.mark.parametrize("fraction", ["-0.1", "1", "2.0"])
def test_fractions_out_of_range(fraction: str) -> None:
    with pytest.raises(InputError, match=f"--val is {fraction}; give a fraction >= 0 and < 1, or data"):
        parse_part(fraction, "val")


def test_parse_part() -> None:
    assert [parse_part(x, "test") for x in (None, "0", ".2", "1e-1", "a.csv", "./0.2")] == [
        None,
        0,
        0.2,
        0.1,
        "a.csv",
        "./0.2",
    ]


# --- scaling -------------------------------------------------------------------------------------------------------


def named(j: int) -> str:
    return f"column {j}"


def test_standard_scaling_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 5)) * [1, 1e-6, 1e6, 0, 3] + [0, 5, 1e9, 0.1, -7]
    scaling, peer = fit_scaling("standard", X, False, named, "t"), StandardScaler().fit(X)
    np.testing.assert_allclose(scaling.scale, peer.scale_, rtol=1e-6)
    np.testing.assert_allclose(scaling.apply(X, "float64"), peer.transform(X), rtol=1e-5, atol=1e-5)
    assert scaling.apply(X.astype(np.float32), "float32").dtype == np.float32


@pytest.mark.parametrize("kind", ["standard", "maxabs", "none"])
def test_folded_weights_give_the_same_scores(kind: str) -> None:
    rng = np.random.default_rng(0)
    X, W, b = rng.standard_normal((50, 4)) * [1, 10, 100, 0] + 3, rng.standard_normal((4, 3)), rng.standard_normal(3)
    scaling = fit_scaling(kind, X, False, named, "t")
    weight, bias = scaling.fold(W, b)
    np.testing.assert_allclose(X @ weight + bias, scaling.apply(X, "float64") @ W + b, rtol=1e-10)


def test_maxabs_is_scikit_learns_dense_and_sparse(layout) -> None:
    X = np.random.default_rng(0).standard_normal((50, 4)) * [1, 10, 0, 5] - 1
    X[:, 2] = 0
    expected = MaxAbsScaler().fit_transform(X)
    scaled = fit_scaling("maxabs", layout(X), False, named, "t").apply(layout(X), "float64")
    np.testing.assert_allclose(scaled if isinstance(scaled, np.ndarray) else scaled.toarray(), expected)


def test_numbers_that_only_fit_once_scaled(layout) -> None:
    for size in (1e100, 1e-60):
        X = layout(np.array([[1.0, 0], [2, 4]]) * size)
        scaled = fit_scaling("maxabs", X, False, named, "t").apply(X, "float32")
        expected = [[0.5, 0], [1, 1]]
        np.testing.assert_allclose(scaled if isinstance(scaled, np.ndarray) else scaled.toarray(), expected)
    tiny = fit_scaling("maxabs", layout(np.array([[1e-310], [2e-310]])), False, named, "t")
    assert tiny.scale == 1  # a smaller scale would fold into infinite weights


def test_auto_goes_by_the_files_layout() -> None:
    X = np.eye(3)
    assert fit_scaling("auto", X, False, named, "t").kind == "standard"
    assert fit_scaling("auto", X, True, named, "t").kind == "none"
    assert fit_scaling("auto", sparse.csr_matrix(X), True, named, "t").kind == "none"


def test_what_cannot_be_scaled() -> None:
    with pytest.raises(InputError, match="would make sparse data dense; use --scale maxabs"):
        fit_scaling("standard", sparse.csr_matrix(np.eye(3)), True, named, "t")
    with pytest.raises(InputError, match="column 1 are too large to standardise"):
        fit_scaling("standard", np.array([[0, 1e300], [1, -1e300]]), False, named, "t")


# --- the sample files ----------------------------------------------------------------------------------------------


def test_sample_files_are_what_the_script_makes(tmp_path, monkeypatch) -> None:
    import runpy

    script = Path(__file__).parent.parent / "scripts" / "make_data.py"
    monkeypatch.setattr("sys.argv", [str(script), str(tmp_path)])
    runpy.run_path(str(script), run_name="__main__")
    for made in sorted(tmp_path.iterdir()):
        assert made.read_bytes() == (DATA / made.name).read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in DATA.iterdir())


def test_sample_files_hold_the_bundled_sets(tmp_path) -> None:
    shutil.copy(DATA / "iris.csv", tmp_path)
    np.testing.assert_array_equal(load(Source(str(DATA / "iris.csv"), target="species")).X, sk.load_iris().data)
    np.testing.assert_array_equal(load(Source(str(DATA / "wine.svm"))).X.toarray(), sk.load_wine().data)
