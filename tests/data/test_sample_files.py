"""The files in data/."""

import shutil
from pathlib import Path

import numpy as np
from sklearn import datasets as sk

from linclf.data.load import load
from linclf.data.source import Source

DATA = Path(__file__).parents[2] / "data"


def test_sample_files_equal_what_the_script_writes(tmp_path, monkeypatch) -> None:
    import runpy

    script = Path(__file__).parents[2] / "scripts" / "make_data.py"
    monkeypatch.setattr("sys.argv", [str(script), str(tmp_path)])
    runpy.run_path(str(script), run_name="__main__")
    for made in sorted(tmp_path.iterdir()):
        assert made.read_bytes() == (DATA / made.name).read_bytes()
    made = {path.name for path in tmp_path.iterdir()}
    assert made | {"titanic.csv"} == {
        path.name for path in DATA.iterdir()
    }  # titanic.csv needs scikit-learn's tests, which are not always installed


def test_sample_files_contain_the_bundled_sets(tmp_path) -> None:
    shutil.copy(DATA / "iris.csv", tmp_path)
    np.testing.assert_array_equal(load(Source(str(DATA / "iris.csv"), target="species")).X.numbers, sk.load_iris().data)
    np.testing.assert_array_equal(load(Source(str(DATA / "wine.svm"))).X.toarray(), sk.load_wine().data)
