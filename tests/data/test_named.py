"""Named data sets: bundled, downloaded and generated ones."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn import datasets as sk

from linclf.data.load import load
from linclf.data.readers import named as names
from linclf.data.source import Source
from linclf.errors import AccessError, InputError


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer"])
def test_bundled_sets_equal_those_of_scikit_learn(name: str) -> None:
    dataset, bunch, named = load(Source(name)), getattr(sk, f"load_{name}")(), names.NAMED[name]
    np.testing.assert_array_equal(dataset.X, bunch.data)
    expected = bunch.target if name == "digits" else bunch.target_names[bunch.target]
    assert dataset.labels().tolist() == expected.tolist()
    assert dataset.schema.names == tuple(bunch.feature_names)
    assert (*dataset.X.shape, len(np.unique(dataset.y))) == (named.n_samples, named.n_features, named.n_classes)
    assert load(Source(name)).digest == dataset.digest


@pytest.mark.parametrize("kind", names.GENERATORS)
def test_generated_sets_equal_those_of_scikit_learn(kind: str) -> None:
    dataset = load(Source(f"make:{kind}:n_samples=50"))
    X, y = getattr(sk, f"make_{kind}")(n_samples=50, random_state=0)
    np.testing.assert_array_equal(dataset.X, X)
    np.testing.assert_array_equal(dataset.y, y)


def set_n_samples(monkeypatch, name: str, n_samples: int) -> None:
    monkeypatch.setitem(names.NAMED, name, replace(names.NAMED[name], n_samples=n_samples))


def test_covtype_is_loaded_by_the_real_fetcher(tmp_path, monkeypatch) -> None:
    """The fetcher finds what it would have downloaded: a small set in its own cache."""
    import joblib

    home = tmp_path / "covertype"
    home.mkdir()
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    assert not names.available_offline(names.NAMED["covtype"])
    X, y = np.arange(20 * 54.0).reshape(20, 54), np.arange(20) % 7 + 1
    joblib.dump(X, home / "samples_py3")
    joblib.dump(y, home / "targets_py3")
    with pytest.raises(
        AccessError, match="covtype: has 20 rows instead of 581012; its copy on this machine is incomplete"
    ):
        load(Source("covtype"))
    set_n_samples(monkeypatch, "covtype", 20)
    dataset = load(Source("covtype"))
    np.testing.assert_array_equal(dataset.X, X)
    np.testing.assert_array_equal(dataset.y, y)
    assert names.available_offline(names.NAMED["covtype"])


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
    for name, n_samples in (("20newsgroups", 6), ("rcv1", 6), ("kddcup99", 2)):
        set_n_samples(monkeypatch, name, n_samples)
    assert load(Source("20newsgroups")).labels().tolist() == ["a", "b", "a"]
    assert load(Source("20newsgroups")).test.labels().tolist() == ["a", "b", "a"]
    assert load(Source("rcv1")).labels().tolist() == ["other", "CCAT", "CCAT"]
    assert load(Source("kddcup99")).labels().tolist() == ["normal.", "smurf."]
    assert load(Source("openml:credit-g")).labels().tolist() == ["bad", "good"]
    assert load(Source("openml:credit-g")).schema.names == ("age",)


@pytest.mark.parametrize("name", ["covtype", "20newsgroups", "rcv1", "kddcup99", "openml:31"])
def test_the_error_without_a_network_states_what_to_do(name: str, tmp_path, monkeypatch) -> None:
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
def test_unknown_names_are_refused_with_a_hint(data: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(Source(data))
