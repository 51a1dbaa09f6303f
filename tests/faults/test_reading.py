"""Faults 9 to 32: files that are damaged, malformed or malicious."""

import bz2
import gzip
import json
import lzma
import os
import pickle
import resource
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inject import DATA, ENVIRONMENT, LINCLF, fine, linclf, memory, refused, times

from linclf.cli import main
from linclf.data.cache import Cache
from linclf.data.load import load
from linclf.data.source import Source
from linclf.errors import AccessError, InputError
from linclf.model import linear_model as model
from linclf.model import model_file
from linclf.storage.sealed import seal, unseal

TABLE = "age,city,label\n34,Bern,yes\n51,Basel,no\n28,Bern,yes\n44,Chur,no\n19,Basel,yes\n63,Bern,no\n"
ROWS = "".join(f"{'ab'[i % 2]},{i},{i * i % 7}\n" for i in range(24))
CSV = "label,x,z\n" + ROWS


def in_memory(name: str, content: bytes | str) -> None:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)


def told(capfd, *words: object) -> tuple[int, str, str]:
    """Run a command in this process: its exit code, stdout and stderr."""
    capfd.readouterr()
    code = main([*map(str, words)])
    return code, *capfd.readouterr()


def refuses(capfd, message: str, *words: object) -> None:
    """Check that a command ends with exit 2 and one line that contains the message."""
    code, out, err = told(capfd, *words)
    lines = [line for line in err.splitlines() if not line.startswith("note: ")]
    assert (code, len(lines), out) == (2, 1, ""), err
    assert lines[0].startswith("error: ")
    assert message in lines[0], lines[0]


# --- the cache -----------------------------------------------------------------------------------------------------


def test_09_eight_runs_and_one_cache(in_tmp, tried) -> None:
    in_memory("t.csv", CSV)
    environment = {
        "LINCLF_CACHE_DIR": "shared",
        "LINCLF_CACHE_MB": "0.01",
    }  # so small that one run evicts what another reads
    expected, count = None, times(1, 50)
    for _ in range(count):
        shutil.rmtree("shared", ignore_errors=True)
        line = [*LINCLF, "train", "--epochs", "2", "-q", "--json"]
        runs = [
            subprocess.Popen(
                [*line, data, "-o", f"{data}{k}"], env={**ENVIRONMENT, **environment}, stdout=-1, stderr=-1, text=True
            )
            for k in range(4)
            for data in ("t.csv", "iris")
        ]
        for run in runs:
            _, err = run.communicate(timeout=120)
            assert (run.returncode, err) == (0, "")
        found = [{Path(f"{data}{k}").read_bytes() for k in range(4)} for data in ("t.csv", "iris")]
        expected = expected or found
        assert found == expected
        assert [len(contents) for contents in found] == [1, 1]
    tried(8 * count)


def settled(name: str) -> None:
    os.utime(name, (1.7e9, 1.7e9))


def test_10_a_cache_that_is_cut_or_garbled(in_tmp, tried) -> None:
    cache, count = Cache(in_tmp / "cache"), 0
    in_memory("t.csv", TABLE)
    settled("t.csv")
    source = Source("t.csv")
    sound = load(source, cache=cache)
    (entry,) = cache.folder.glob("*.data")
    content = entry.read_bytes()

    def same() -> bool:
        found = load(source, cache=cache)
        equal = found.X.names == sound.X.names and (found.X.numbers == sound.X.numbers).all()
        written_again = entry.read_bytes() == content
        labels = found.labels().tolist() == sound.labels().tolist()
        return equal and labels and found.digest == sound.digest and written_again

    for end in range(0, len(content), times(7, 1)):
        entry.write_bytes(content[:end])
        assert same(), end
        count += 1
    for position in range(0, len(content), times(23, 1)):
        for bit in range(0, 8, times(5, 1)):
            garbled = bytearray(content)
            garbled[position] ^= 1 << bit
            entry.write_bytes(garbled)
            assert same(), (position, bit)
            count += 1
    # the source or an option changes: another entry
    in_memory("t.csv", TABLE.replace("34", "35"))
    assert load(source, cache=cache).X.numbers[0, 0] == 35
    in_memory("t.csv", TABLE)
    assert load(Source("t.csv", drop=("age",)), cache=cache).X.names == ("city",)
    assert same()
    tried(count + 3)


def test_11_cached_and_uncached_runs_give_the_same_model(in_tmp, monkeypatch, capfd, tried) -> None:
    monkeypatch.setenv("LINCLF_CACHE_DIR", "c")
    in_memory("t.csv", CSV)
    np.savez("t.npz", X=np.random.default_rng(0).standard_normal((40, 3)), y=np.arange(40) % 2)
    shutil.copy(DATA / "wine.svm", "t.svm")
    names = ["t.csv", "t.npz", "t.svm", "digits", "make:moons:n_samples=60"]
    for name in names:
        found = []
        for k, more in enumerate((["--no-cache"], [], [], [])):
            settled(name) if os.path.exists(name) else None
            assert told(capfd, "train", name, "--epochs", 3, "-q", "-o", f"m{k}", *more)[0] == 0
            found.append(Path(f"m{k}").read_bytes())
        assert len(set(found)) == 1, name
    tried(len(names))


# --- model files ---------------------------------------------------------------------------------------------------


def test_12_every_cut_and_every_flipped_bit(models, tried) -> None:
    content, count = models[0], 0
    for end in range(len(content)):
        with pytest.raises(InputError, match="is damaged|is not a model file"):
            model.from_bytes(content[:end])
        count += 1
    for position in range(len(content)):
        for bit in range(0, 8, times(3, 1)):
            garbled = bytearray(content)
            garbled[position] ^= 1 << bit
            with pytest.raises(InputError, match="is damaged|is not a model file"):
                model.from_bytes(bytes(garbled))
            count += 1
    tried(count)


def sealed_again(header: dict, data: bytes) -> bytes:
    """A file with this header and the right digest."""
    import hashlib
    import re

    text = json.dumps(header, separators=(",", ":")).encode()
    blank = re.sub(rb'(\\"sha256\\":\\")[0-9a-f]{64}', rb"\g<1>" + b"0" * 64, text)
    content = struct.pack("<Q", len(blank)) + blank + data
    digest = hashlib.sha256(content).hexdigest().encode()
    return content.replace(b'\\"sha256\\":\\"' + b"0" * 64, b'\\"sha256\\":\\"' + digest, 1)


def test_13_forged_headers(models, in_tmp, tried) -> None:
    """Like the attack tests of safetensors; the digest of each of these files is right."""
    content = models[0]
    length = struct.unpack("<Q", content[:8])[0]
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    in_memory("sound", sealed_again(header, data))
    model.load("sound")
    weight = header["weight"]
    forged = {
        "shape": {"weight": {**weight, "shape": [3, 10**9]}},
        "negative shape": {"weight": {**weight, "shape": [3, -1]}},
        "huge shape": {"weight": {**weight, "shape": [2**40, 2**40]}},
        "overflowing shape": {"weight": {**weight, "shape": [2**63, 2]}},
        "offset beyond": {"weight": {**weight, "data_offsets": [0, 10**12]}},
        "offsets backwards": {"weight": {**weight, "data_offsets": weight["data_offsets"][::-1]}},
        "overlap": {"bias": {**header["bias"], "data_offsets": weight["data_offsets"]}},
        "hole": {"weight": {**weight, "data_offsets": [4, weight["data_offsets"][1]]}},
        "unknown type": {"weight": {**weight, "dtype": "F128"}},
        "wrong type": {"weight": {**weight, "dtype": "I64"}},
        "text type": {"weight": {**weight, "dtype": "__import__('os')"}},
        "extra": {"more": {"dtype": "F64", "shape": [0], "data_offsets": [0, 0]}},
        "no weight": {"weight": None},
        "list": {"weight": []},
    }
    for name, change in forged.items():
        changed = {key: value for key, value in {**header, **change}.items() if value is not None}
        in_memory("m", sealed_again(changed, data))
        if name == "extra":
            model.load("m")  # an additional tensor is harmless
            continue
        with pytest.raises(InputError, match="m: is not a"):
            model.load("m")
    sizes = (0, 1, 7, 2**31, 2**63, 2**64 - 1)
    for size in sizes:
        in_memory("m", struct.pack("<Q", size) + content[8:])
        refused(linclf("info", "m", limit=memory(2000)))
    tried(len(forged) + len(sizes))


class Canary:
    """An object whose pickle runs a command when it is loaded."""

    def __reduce__(self):
        return os.system, ("touch bitten",)


def test_14_pickles_are_never_loaded(in_tmp, capfd, models, tried) -> None:
    in_memory("sound.safetensors", models[0])
    pickled = pickle.dumps(Canary())
    in_memory("p.pkl", pickled)
    np.savez("object.npz", X=np.array([[Canary(), 1.0]] * 8, object), y=np.arange(8) % 2)
    np.savez("labels.npz", X=np.eye(8), y=np.array([Canary()] * 8, object))
    np.save("single.npy", np.array([Canary()], object))
    with zipfile.ZipFile("keys.npz", "w") as archive:
        archive.writestr("X.npy", pickled)
        archive.writestr("y.npy", pickled)
    with zipfile.ZipFile("torch.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
    in_memory("p.npz", pickled)
    in_memory("p.csv", pickled)
    in_memory("p.svm.gz", gzip.compress(pickled))
    names = sorted(set(os.listdir()) - {"sound.safetensors"})
    for name in names:
        for words in (
            ["train", name],
            ["predict", "sound.safetensors", name],
            ["info", name],
            ["predict", name, "digits"],
        ):
            refuses(capfd, "", *words)
        refuses(capfd, "", "train", "digits", "--resume", name)
    assert not os.path.exists("bitten")
    os.system("touch bitten")  # this is what the pickle would have done
    assert os.path.exists("bitten")
    tried(5 * len(names))


def test_15_bombs(in_tmp, tried) -> None:
    """80 MB or more in a file of at most 80 KB is refused without being unpacked, under a limit on memory."""
    zeros = b"0" * 80_000_000
    in_memory("gz.csv.gz", gzip.compress(zeros))
    in_memory("bz2.csv.bz2", bz2.compress(zeros))
    in_memory("xz.csv.xz", lzma.compress(zeros))
    in_memory("many.csv.gz", gzip.compress(zeros[:8_000_000]) * 10)
    np.savez_compressed("npz.npz", X=np.zeros((1000, 10_000)), y=np.arange(1000) % 2)
    in_memory("rows.jsonl", "".join(f'{{"k{i}": 1, "label": {i % 2}}}\n' for i in range(9000)))
    in_memory("short.csv", ",".join(f"c{i}" for i in range(50_000)) + ",label\n" + "1\n" * 50_000)
    in_memory("wide.csv", b"," * 3_000_000)
    names = sorted(os.listdir())
    for name in names:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        refused(
            linclf("train", name, "--target", "label", limit=memory(3000))
            if "npz" not in name
            else linclf("train", name)
        )
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(before, 700_000), name  # KB
    # a limit given by an option
    line = refused(linclf("train", DATA / "iris.csv", "--max-features", 3, "--target", "species"))
    assert "has 4 feature columns, more than --max-features 3" in line
    in_memory("iris.csv.gz", gzip.compress((DATA / "iris.csv").read_bytes()))
    line = refused(linclf("train", "iris.csv.gz", "--target", "species", "--max-unpacked", 0.001))
    assert "iris.csv.gz: unpacks to more than 0 MB" in line
    tried(len(names) + 2)


def test_15_a_packed_parquet_file(in_tmp, capfd, tried) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    frame = pd.DataFrame({f"c{i}": np.zeros(100_000) for i in range(80)} | {"label": np.arange(100_000) % 2})
    frame.to_parquet("t.parquet")
    refuses(capfd, "t.parquet: unpacks to 65 MB, more than", "train", "t.parquet")
    tried(1)


def test_16_newer_and_older_formats(in_tmp, capfd, models, tried) -> None:
    record, tensors = unseal(model_file.METADATA, models[0], "m", "a model file")
    in_memory("m", seal(model_file.METADATA, {**record, "format": model_file.FORMAT_VERSION + 1}, tensors))
    refuses(capfd, "m: was written by a newer linclf; upgrade linclf to read it", "info", "m")
    golden = sorted((Path(__file__).parent.parent / "model" / "golden").glob("format-*.safetensors"))
    assert [path.stem for path in golden] == [f"format-{k}" for k in range(1, model_file.FORMAT_VERSION + 1)]
    for path in golden:
        code, _, err = told(capfd, "predict", path, DATA / "iris.csv", "-q", "-o", "labels")
        assert (code, err) == (0, "")
        assert set(Path("labels").read_text().split()) == set(model.load(str(path)).classes.tolist())
    tried(1 + len(golden))


# --- the contents of rows -----------------------------------------------------------------------------------------


def test_17_nan_and_infinity(in_tmp, capfd, tried) -> None:
    """Refused with row and column; in a table NaN is a missing cell, and a note reports it."""
    count = 0
    for value, shown in ((np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")):
        X = np.ones((8, 3))
        X[5, 2] = value
        np.savez("t.npz", X=X, y=np.arange(8) % 2)
        refuses(capfd, f"t.npz: X has {shown} in row 5, column 2", "train", "t.npz")
        in_memory("t.svm", "1 1:1\n0 2:2\n" + f"1 3:{shown}\n")
        refuses(capfd, f"t.svm:3: '3:{shown}': the value is not a finite number", "train", "t.svm")
        in_memory("t.csv", CSV + f"a,{shown},1\n")
        if shown == "nan":
            code, _, err = told(capfd, "train", "t.csv", "--test", 0, "--epochs", 1)
            assert code == 0
            assert "missing in 1 row" in err
        else:
            refuses(capfd, "t.csv:26: the cell in column 'x' is too large for a number", "train", "t.csv")
        count += 3
    tried(count)


@pytest.mark.parametrize("value", ["1e400", "-1e400", "1e300", "1e-45", "1e-320", "9" * 400])
def test_18_numbers_that_are_too_large_or_too_small(in_tmp, capfd, tried, value: str) -> None:
    """Refused, or else the model is finite and not all zeros."""
    in_memory("t.csv", CSV.replace(",5,", f",{value},"))
    in_memory("t.svm", "".join(f"{i % 2} 1:{value if i == 5 else i} 2:{i * i % 7}\n" for i in range(24)))
    count = 0
    for name in ("t.csv", "t.svm"):
        for more in ([], ["--scale", "none"], ["--scale", "maxabs"], ["--dtype", "float64", "--scale", "none"]):
            for loss in ("svm", "logistic", "mse"):
                code, _, err = told(
                    capfd, "train", name, "--test", 0, "--loss", loss, "-q", "-o", "m", *more, "--epochs", 20
                )
                assert code in (0, 2, 3), err
                count += 1
                if code == 0:
                    found = model.load("m")
                    assert np.isfinite(found.weight).all()
                    assert found.weight.any()
                    os.unlink("m")
                else:
                    assert err.count("\n") == 1
    tried(count)


def test_19_labels_that_are_missing_or_not_classes(in_tmp, capfd, tried) -> None:
    cases = [
        (
            "t.csv",
            CSV.replace("a,", ",").replace("b,", "?,"),
            "t.csv: the label in column 'label' is missing in all rows",
        ),
        ("t.svm", "nan 1:1\n1 1:1\n", "t.svm:1: the label 'nan' is not a finite number"),
        ("t.svm", " 1:1\n1 1:1\n", "t.svm:1: the label '1:1' is not a finite number"),
        ("t.csv", CSV.replace("b,", "a,"), "all 24 rows have the label 'a'; a classifier needs at least two classes"),
        ("t.svm", "1 1:1\n1 2:1\n", "all 2 rows have the label 1"),
        (
            "t.csv",
            "label,x\n" + "".join(f"{i / 7},{i}\n" for i in range(60)),
            "each of the 60 rows has a different label",
        ),
        ("t.csv", "label,x\n" + "".join(f"{i % 59 / 7},{i}\n" for i in range(60)), "a quantity and not classes"),
    ]
    for name, content, message in cases:
        in_memory(name, content)
        refuses(capfd, message, "train", name)
    np.savez("t.npz", X=np.eye(6), y=np.array([0, 1, np.nan, 0, 1, 0]))
    refuses(capfd, "the label of row 2 (from 0) is nan", "train", "t.npz")
    tried(len(cases) + 1)


LABELS = st.lists(
    st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=8)
    | st.sampled_from(
        ["1", "2", "-1", "+1", "10", "1.0", "yes, no", 'a "b"', "é", "日本", "=1+1", "NA", "two\nlines", "1e3"]
    ),
    min_size=2,
    max_size=5,
    unique_by=lambda text: text.strip(),
)


@settings(max_examples=times(25, 500), deadline=None, suppress_health_check=list(HealthCheck))
@given(labels=LABELS)
def test_20_labels_come_back_as_they_were_written(in_tmp, tried, labels: list[str]) -> None:
    """Any text, 1..10, -1 and +1, gaps: predict prints labels exactly as they are in the file."""
    import csv

    from linclf.data.labels import MISSING
    from linclf.data.table import BLANKS

    labels = [label.strip() for label in labels]
    if any(label in MISSING or "\r" in label or label != label.strip(BLANKS) for label in labels):
        return  # rows without a label are left out
    rows = [[label, k * 100 + i] for k, label in enumerate(labels) for i in range(4)]
    with open("t.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["label", "x"], *rows])
    if main(["train", "t.csv", "--test", "0", "--epochs", "1", "-q", "--no-cache", "-o", "m"]):
        assert all(labels)
        return
    found = model.load("m")
    assert set(found.classes.tolist()) | {str(x) for x in found.classes.tolist()} >= set(labels)
    assert main(["predict", "m", "t.csv", "-o", "out"]) == 0
    with open("out", newline="", encoding="utf-8") as file:
        printed = [row[0] if row else "" for row in csv.reader(file)]
    assert len(printed) == len(rows)
    assert set(printed) <= set(labels)
    tried(1)


@pytest.mark.parametrize("labels", [range(1, 11), (-1, 1), (3, 17, 10**12), (0.5, 2.5)], ids=str)
def test_20_numbers_as_labels(in_tmp, capfd, tried, labels) -> None:
    text = "".join(f"{label} 1:{100 * k + i}\n" for k, label in enumerate(labels) for i in range(6))
    in_memory("t.svm", text)
    code, _, err = told(capfd, "train", "t.svm", "--test", 0, "--scale", "maxabs", "-q", "-o", "m")
    assert code == 0, err
    code, out, _ = told(capfd, "predict", "m", "t.svm")
    assert set(out.split()) <= {str(label) for label in labels}
    tried(1)


def test_21_one_number_in_three_spellings(in_tmp, capfd, tried) -> None:
    """In a table, 1, 1.0 and 01 are different classes; "1" in quotes is 1."""
    in_memory("t.csv", "label,x\n" + '1,0\n"1",1\n1.0,5\n01,9\n' * 6)
    code, out, _ = told(capfd, "train", "t.csv", "--epochs", 1, "--json")
    assert code == 0
    assert sorted(json.loads(out)["classes"]) == ["01", "1", "1.0"]
    tried(1)


def test_22_labels_that_training_never_saw(in_tmp, capfd, tried) -> None:
    in_memory("t.csv", CSV)
    in_memory("dots.csv", CSV.replace("a,", "a.,").replace("b,", "b.,"))
    assert told(capfd, "train", "t.csv", "-q", "-o", "m")[0] == 0
    code, out, err = told(capfd, "evaluate", "m", "dots.csv", "--json")
    assert (code, json.loads(out)["accuracy"], json.loads(out)["n"]) == (0, 0.0, 24)
    assert "24 of 24 rows have labels that training never saw, counted as wrong: 'a.' (12), 'b.' (12)" in err
    assert "is 'a.' meant to be 'a'?" in err
    tried(1)


def test_23_fewer_more_and_reordered_columns(in_tmp, capfd, tried) -> None:
    in_memory("t.csv", CSV)
    assert told(capfd, "train", "t.csv", "-q", "-o", "m")[0] == 0
    expected = told(capfd, "predict", "m", "t.csv")[1]
    in_memory("moved.csv", "z,label,x,more\n" + "".join(f"{i * i % 7},?,{i},w\n" for i in range(24)))
    assert told(capfd, "predict", "m", "moved.csv")[1] == expected
    in_memory("fewer.csv", "x\n1\n")
    refuses(capfd, "fewer.csv: lacks 1 of the 2 columns of the training data: z", "predict", "m", "fewer.csv")
    np.savez("t.npz", X=np.eye(12, 3), y=np.arange(12) % 2)
    assert told(capfd, "train", "t.npz", "-q", "-o", "n")[0] == 0
    for d in (2, 4):
        np.savez("other.npz", X=np.eye(12, d), y=np.arange(12) % 2)
        refuses(capfd, f"has {d} feature columns, the model was trained on 3", "predict", "n", "other.npz")
    in_memory("t.svm", "".join(f"{i % 2} 1:{i} 3:1\n" for i in range(12)))
    assert told(capfd, "train", "t.svm", "--one-based", "-q", "-o", "s")[0] == 0
    in_memory("narrow.svm", "1 1:2\n0 1:7\n")
    assert told(capfd, "predict", "s", "narrow.svm")[0] == 0
    in_memory("wide.svm", "1 1:2 9:1\n0 1:7 3:1 10:4 11:2\n")
    code, out, err = told(capfd, "predict", "s", "wide.svm")
    assert (code, len(out.split())) == (0, 2)
    assert "values in columns beyond the 3 of the training data were ignored" in err
    tried(7)


def test_24_indices_from_0_and_from_1(in_tmp, capfd, tried) -> None:
    in_memory("one.svm", "".join(f"{i % 2} 1:{i % 2} 2:1\n" for i in range(20)))
    in_memory("zero.svm", "".join(f"{i % 2} 0:{i % 2} 1:1\n" for i in range(20)))
    assert told(capfd, "train", "one.svm", "-q", "-o", "m")[0] == 0
    expected = told(capfd, "predict", "m", "one.svm")[1]
    refuses(capfd, "zero.svm:1: has the index 0 where indices count from 1", "predict", "m", "zero.svm")
    assert told(capfd, "predict", "m", "zero.svm", "--zero-based")[1] == expected
    assert told(capfd, "train", "zero.svm", "-q", "-o", "z")[0] == 0
    in_memory("later.svm", "1 1:1\n")  # counts from 0 as the model's data did
    assert load(Source("later.svm"), model_schema=model.load("z").schema).X.toarray().tolist() == [[0, 1]]
    tried(4)


@pytest.mark.parametrize("index", ["2147483646", "4294967297", "18446744073709551617", "16777217"][:: times(2, 1)])
def test_25_indices_with_a_digit_too_many(in_tmp, tried, index: str) -> None:
    in_memory("t.svm", f"1 1:1\n0 2:1\n1 {index}:1\n")
    line = refused(linclf("train", "t.svm", limit=memory(1000)))
    assert f"t.svm:3: the index '{index}' is beyond --max-features 16777216" in line
    tried(1)


WRONG_LINES = [
    ("1 3:1 2:1", "the index '2' comes after 3; sort the indices, each once"),
    ("1 3:1 3:1", "the index '3' comes after 3"),
    ("1 0:1 0:2", "the index '0' comes after 0"),
    ("1 -1:2", "'-1:2' is not INDEX:VALUE"),
    ("1 2:", "'2:': the value is not a finite number"),
    ("1 2", "'2' is not INDEX:VALUE"),
    ("1 2:x", "'2:x': the value is not a finite number"),
    ("1 :3", "':3' is not INDEX:VALUE"),
    ("1 x:3", "'x:3' is not INDEX:VALUE"),
    ("1 2:1:1", "'2:1:1': the value is not a finite number"),
    ("1 2:1,3:1", "'2:1,3:1': the value is not a finite number"),
    ("1 2 :1", "'2' is not INDEX:VALUE"),
    ("1 2: 1", "'2:': the value is not a finite number"),
    ("1 0x2:1", "'0x2:1' is not INDEX:VALUE"),
    ("1 1.5:1", "'1.5:1' is not INDEX:VALUE"),
    ("1 1e1:1", "'1e1:1' is not INDEX:VALUE"),
    ("1 2:1_0", "'2:1_0': the value is not a finite number"),
    ("1 2:0x1", "'2:0x1': the value is not a finite number"),
    ("1 2:--1", "'2:--1': the value is not a finite number"),
    ("1 2:nan", "'2:nan': the value is not a finite number"),
    ("yes 2:1", "the label 'yes' is not a finite number"),
    ("1,2 2:1", "the label '1,2' is not a finite number"),
    ("2:1", "the label '2:1' is not a finite number"),
    ("\ufffd 2:1", "the label '\ufffd' is not a finite number"),
    ("1 ²:1", "'²:1' is not INDEX:VALUE"),
]


@pytest.mark.parametrize(("line", "message"), WRONG_LINES)
def test_26_svmlight_lines_that_are_wrong(in_tmp, capfd, tried, line: str, message: str) -> None:
    in_memory("t.svm", f"# a comment\n1 1:1 # fine\n\n{line}\n0 1:2\n")
    refuses(capfd, f"t.svm:4: {message}", "train", "t.svm")
    tried(1)


def test_27_files_cut_in_a_token(in_tmp, capfd, tried) -> None:
    """Cut at any byte, a file is refused with its line, or ends with a complete line, or a note warns that it may be cut."""
    files = {
        "t.csv": "label,x\n" + "".join(f"{'ab'[i % 2] * 3},{i}.25\n" for i in range(12)),
        "t.svm": "".join(f"{i % 2} 1:{i}.25 10:1e-1\n" for i in range(12)),
        "t.jsonl": "".join(f'{{"x": {i}.25, "label": "{"ab"[i % 2] * 3}"}}\n' for i in range(12)),
    }
    count = 0
    for name, text in files.items():
        for end in range(0, len(text), times(5, 1)):
            in_memory(name, text[:end])
            code, _, err = told(capfd, "train", name, "--test", 0, "--epochs", 1, "--no-cache")
            assert "Traceback" not in err
            assert code in (0, 2)
            if code == 0 and name != "t.jsonl":
                assert text[:end].endswith("\n") or "its last line has no line end; is the file complete?" in err
            count += 1
    for suffix, pack in ((".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)):
        packed = pack(files["t.csv"].encode())
        for end in range(1, len(packed), times(9, 1)):
            in_memory(f"p.csv{suffix}", packed[:end])
            refuses(capfd, f"p.csv{suffix}: is not a complete {suffix} file", "train", f"p.csv{suffix}")
            count += 1
    tried(count)


def test_27_named_sets_are_checked_for_their_rows(monkeypatch, tried) -> None:
    from sklearn import datasets

    whole = datasets.load_digits()
    whole.data, whole.target = whole.data[:1700], whole.target[:1700]
    monkeypatch.setattr(datasets, "load_digits", lambda: whole)
    with pytest.raises(
        AccessError, match="digits: has 1700 rows instead of 1797; its copy on this machine is incomplete"
    ):
        load(Source("digits"))
    tried(1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", "t.csv: is empty"),
        ("t.csv", "\n \n", "t.csv: is empty"),
        ("t.csv", "label,x\n", "t.csv: contains no rows below its header"),
        ("t.csv", "label,x", "t.csv: contains no rows below its header"),
        ("t.svm", "", "t.svm: is empty"),
        ("t.svm", "# nothing\n# at all\n", "t.svm: contains no rows"),
        ("t.jsonl", "\n", "t.jsonl: is empty"),
        ("t.jsonl", "[]", "t.jsonl: has no column named"),
        ("t.csv.gz", gzip.compress(b"", mtime=0), "t.csv.gz: is empty"),
        ("t.npz", b"PK\x05\x06" + bytes(18), "t.npz: contains nothing"),
    ],
)
def test_28_files_without_rows(in_tmp, capfd, tried, name: str, content: bytes | str, message: str) -> None:
    in_memory(name, content)
    refuses(capfd, message, "train", name)
    tried(1)


@pytest.mark.parametrize("name", ["t.csv", "t.svm", "t.jsonl"])
def test_29_line_ends_marks_and_a_last_line(in_tmp, capfd, tried, name: str) -> None:
    """CRLF, a byte order mark, no newline at the end, blank lines: the same weights as with plain line ends."""
    files = {
        "t.csv": CSV,
        "t.svm": "".join(f"{i % 2} 1:{i % 5} 2:1\n" for i in range(24)),
        "t.jsonl": "".join(f'{{"x": {i % 5}, "label": {i % 2}}}\n' for i in range(24)),
    }
    plain = files[name].encode()
    found = []
    variants = [plain, plain.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + plain, plain.rstrip(b"\n"), plain + b"\n\n"]
    for content in variants:
        in_memory(name, content)
        code, _, err = told(capfd, "train", name, "-q", "--epochs", 2, "-o", "m")
        assert code == 0, err
        found.append(model.load("m").weight.tobytes())
    assert len(set(found)) == 1
    tried(len(variants))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CSV.replace("a,0,", "\xe9\x01,0,").encode("latin-1"), "t.csv:2: is not UTF-8 text; name its encoding"),
        (CSV.encode("utf-16")[:-3], "t.csv:25: is not utf-16 text; name its encoding"),
        (CSV.replace("a,4,", "a\0,4,").encode(), "t.csv:6: has a NUL byte; is it a text file?"),
        (b"\0" * 100, "t.csv:1: has a NUL byte"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "t.csv: is a picture"),
        (b"PK\x03\x04" + bytes(50), "t.csv: is an Excel workbook"),
    ],
)
def test_30_bytes_that_are_not_text(in_tmp, capfd, tried, content: bytes, message: str) -> None:
    in_memory("t.csv", content)
    refuses(capfd, message, "train", "t.csv")
    tried(1)


CELLS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\r"), max_size=12)


@settings(max_examples=times(40, 1000), deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=3, max_size=8))
def test_31_quotes_and_line_ends_in_cells(in_tmp, tried, rows: list[tuple[str, str]]) -> None:
    """Cells with quotes, commas and newlines, written by csv.writer, are read unchanged, without blanks around them and in Unicode's form NFC."""
    import csv

    from linclf.data.table import BLANKS

    with open("t.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["label", "p", "q"], *((f"k{i % 2}", *row) for i, row in enumerate(rows))])
    dataset = load(Source("t.csv", text=("p", "q")))
    missing = {"", "#N/A", "#NA", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "-NaN", "-nan", "?"}
    missing |= {
        "#N/A N/A",
        "1.#IND",
        "-1.#IND",
        "1.#QNAN",
        "-1.#QNAN",
        "NAN",
        "Null",
        "\\N",
        "#VALUE!",
        "#REF!",
        "#DIV/0!",
    }
    missing |= {"#NUM!", "#NAME?", "#NULL!"}
    truth = {"true": "True", "TRUE": "True", "false": "False", "FALSE": "False"}
    for j, name in enumerate(("p", "q")):
        read = dataset.X.texts[name].texts().tolist()
        for cell, (found, row) in enumerate(zip(read, rows, strict=True)):
            written = normalize("NFC", row[j].strip(BLANKS))
            assert found == ("" if written in missing else truth.get(written, written)), (cell, row[j])
    tried(1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,x\na,1\nb,2,3\na,4\n", "t.csv:3: has 3 cells where 2 are expected"),
        ("label,x\na,1\nb\na,4\n", "t.csv:3: has 1 cells where 2 are expected"),
        ('label,x\na,1\nb,"2\na,4\n', "t.csv:3: opens a quote that is never closed"),
        ('label,x\n"a\nb",1\nb,2,3\n', "t.csv:4: has 3 cells where 2 are expected"),
        ("label,1,1\na,1,2\n", "t.csv: two columns are named '1'"),
    ],
)
def test_31_ragged_rows(in_tmp, capfd, tried, text: str, message: str) -> None:
    in_memory("t.csv", text)
    refuses(capfd, message, "train", "t.csv")
    tried(1)


def test_32_labels_that_are_formulas(in_tmp, capfd, tried) -> None:
    """In a .csv written by predict, an apostrophe is put in front so that spreadsheets do not run them; elsewhere they are
    unchanged."""
    labels = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "plain"]
    in_memory(
        "t.csv", "label,x\n" + "".join(f'"{label}",{100 * k + i}\n' for k, label in enumerate(labels) for i in range(4))
    )
    assert told(capfd, "train", "t.csv", "--test", 0, "--loss", "softmax", "-q", "-o", "m")[0] == 0
    assert set(told(capfd, "predict", "m", "t.csv")[1].splitlines()) == set(labels)
    assert told(capfd, "predict", "m", "t.csv", "-o", "out.csv")[0] == 0
    written = set(Path("out.csv").read_text().splitlines())
    assert written == {"plain", *("'" + label for label in labels[:-1])}
    assert not any(line.startswith(("=", "+", "-", "@")) for line in written)
    tried(len(labels))


# --- faults found by later reviews -----------------------------------------------------------------------------------


def test_15_small_files_that_would_take_long_or_much(in_tmp, capfd, tried) -> None:
    """Many concatenated gzip files, one long label, an empty matrix, an index of a million digits."""
    in_memory("many.csv.gz", gzip.compress(b"") * 40_000 + gzip.compress(CSV.encode()))
    assert load(Source("many.csv.gz")).X.shape == (24, 2)
    in_memory("label.csv", "label,x\n" + "a" * 100_000 + ",1\n" + "b,2\n" * 20_000)
    refuses(capfd, "has a label of 100000 characters", "train", "label.csv")
    np.savez("empty.npz", X=np.zeros((8, 0)), y=np.arange(8) % 2)
    refuses(capfd, "empty.npz: has no feature columns", "train", "empty.npz")
    np.savez("bytes.npz", X=np.eye(3), y=np.array([b"\xff", b"\xfe", b"a"]))
    refuses(capfd, "the label of row 0 (from 0) is not UTF-8 text", "train", "bytes.npz")
    with zipfile.ZipFile("twice.npz", "w") as archive:
        for name in ("X.npy", "X"):
            archive.writestr(name, b"")
    refuses(capfd, "twice.npz: contains an array twice", "train", "twice.npz")
    in_memory("digits.svm", f"1 {'0' * 10**6}1:1\n0 {'1' * 5000}:1\n")
    refuses(capfd, "digits.svm", "train", "digits.svm")
    in_memory("merged.svm", "9007199254740992 1:1\n9007199254740993 1:2\n")
    refuses(capfd, "merged.svm: the label of row 0 (from 0) is 9.0072e+15", "train", "merged.svm")
    in_memory("cr.csv", b"x,label\r1,a\r2,\xff\r3,b\r")
    refuses(capfd, "cr.csv:3: is not UTF-8 text", "train", "cr.csv", "--encoding", "utf-8")
    in_memory(
        "wide.csv",
        ",".join(f"c{i}" for i in range(8000)) + ",label\n" + ("1," * 8000 + "a\n" + "2," * 8000 + "b\n") * 4,
    )
    assert told(capfd, "train", "wide.csv", "--epochs", 1)[0] == 0
    tried(9)


def test_10_garbage_in_the_cache_folder_is_ignored(in_tmp, monkeypatch, capfd, tried) -> None:
    os.mkdir("cache")
    monkeypatch.setenv("LINCLF_CACHE_DIR", "cache")
    in_memory("t.csv", CSV)
    settled("t.csv")
    code, expected, _ = told(capfd, "train", "t.csv", "-q", "--json")
    assert code == 0
    names = os.listdir("cache")
    garbage = [b"", b"x", b"[" * 200_000, struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 2**60), b'{"file": 1}']
    for content in garbage:
        for name in [*names, "other.data", "other.seen"]:
            in_memory(f"cache/{name}", content)
        assert told(capfd, "cache", "ls")[0] == 0
        code, again, _ = told(capfd, "train", "t.csv", "-q", "--json")
        assert code == 0
        assert json.loads(again)["objective"] == json.loads(expected)["objective"]
    for name in os.listdir("cache"):
        os.unlink(f"cache/{name}")
        os.mkfifo(f"cache/{name}")
    # a run that waited for a writer of the FIFO would be ended by the time limit
    fine(linclf("cache", "ls", environment={"LINCLF_CACHE_DIR": "cache"}))
    fine(linclf("train", "t.csv", "-q", environment={"LINCLF_CACHE_DIR": "cache"}))
    tried(len(garbage) + 1)


def test_13_forged_records(in_tmp, capfd, tried) -> None:
    in_memory("t.csv", CSV)
    assert told(capfd, "train", "t.csv", "-q", "-o", "sound")[0] == 0
    record, tensors = unseal(model_file.METADATA, Path("sound").read_bytes(), "m", "a model file")
    changes = [
        {"options": None},
        {"options": []},
        {"options": {"source": None}},
        {"options": {"source": {"data": 3}}},
        {"options": {"source": {"data": "a\0b.csv"}, "test": None, "val": None}},
        {"data": None},
        {"data": []},
        {"metrics": None},
        {"metrics": {"accuracy": 7}},
        {"versions": []},
        {"classes": ["a", "a"]},
        {"classes": ["\ud800", "b"]},
        {"classes": ["a" * 10**6, "b"]},
        {"format": True},
        {"format": -5},
        {"loss": 3},
        {"features": {**record["features"], "columns": [{"name": "x", "kind": "spell"}] * 2}},
    ]
    for change in changes:
        in_memory("m", seal(model_file.METADATA, {**record, **change}, tensors))
        for words in (
            ["info", "m"],
            ["info", "m", "--json"],
            ["evaluate", "m"],
            ["predict", "m", "t.csv"],
            ["explain", "m"],
        ):
            code, _, err = told(capfd, *words)
            assert code in (0, 2), (change, words, err)
            assert err.count("\n") == (code == 2), (change, words, err)
    tried(5 * len(changes))


def test_08_stdin_is_closed(in_tmp, tried) -> None:
    in_memory("t.csv", CSV)
    fine(linclf("train", "t.csv", "-q", "-o", "m"))
    for words in ("predict m -", "train -", "predict - t.csv"):
        ran = subprocess.run(
            ["bash", "-c", f"{' '.join(LINCLF)} {words} <&-"], capture_output=True, text=True, env=ENVIRONMENT
        )
        assert "-: standard input is closed" in refused(ran)
    tried(3)
