import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from scipy import sparse

from linclf.data.schema import Schema
from linclf.errors import AccessError, InputError
from linclf.losses import LOSSES
from linclf.model import model_file
from linclf.model.linear_model import LinearModel, from_bytes, load
from linclf.model.threshold import Threshold
from linclf.storage.files import write_bytes

RNG = np.random.default_rng(0)
NAMES = ("plain", 'with "quotes"', "é 日本", 'sha256":"' + "0" * 64 + '"', "\\", "new\nline")


def model(n_classes: int = 3, loss: str = "softmax", classes=None, dtype=np.float64) -> LinearModel:
    m = LOSSES[loss].n_outputs(n_classes)
    labels = np.array(classes if classes is not None else range(n_classes))
    features = Schema(6, NAMES, False, "csv", True, "label", ("a", "b"))
    weight, bias = RNG.standard_normal((6, m)).astype(dtype), RNG.standard_normal(m).astype(dtype)
    return LinearModel(weight, bias, labels, loss, features, {"options": {"seed": 3}, "data": {}}, np.ones(6))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "classes", [[0, 1, 2], [-5, 7, 10**12], [0.5, 1.0, 2.5], ["", "a,b", 'é"\n'], [False, True]], ids=str
)
def test_round_trip_is_bit_identical(tmp_path, classes, dtype) -> None:
    saved = model(len(classes), classes=classes, dtype=dtype)
    saved.save(str(tmp_path / "m"))
    loaded = load(str(tmp_path / "m"))
    X = RNG.standard_normal((40, 6))
    for name in ("weight", "bias", "scale"):
        one, other = getattr(saved, name), getattr(loaded, name)
        assert (one.dtype, one.tobytes()) == (other.dtype, other.tobytes())
    assert loaded.scores(X).tobytes() == saved.scores(X).tobytes()
    assert loaded.classes.tolist() == classes
    assert [type(x) for x in loaded.classes.tolist()] == [type(x) for x in classes]
    assert (loaded.schema, loaded.loss, loaded.record) == (saved.schema, saved.loss, saved.record)
    assert loaded.to_bytes() == saved.to_bytes()


def test_file_is_plain_safetensors_with_canonical_json(tmp_path) -> None:
    model().save(str(tmp_path / "m"))
    with safe_open(str(tmp_path / "m"), "numpy") as file:
        assert set(file.keys()) == {"weight", "bias", "scale"}
        text = file.metadata()["linclf"]
    record = json.loads(text)
    assert text == json.dumps(record, sort_keys=True, separators=(",", ":"))
    assert record["format"] == 2


def test_every_flipped_bit_and_every_cut_is_refused() -> None:
    content = model(2, "hinge").to_bytes()
    for position in range(len(content)):
        broken = bytearray(content)
        broken[position] ^= 1 << (position % 8)
        with pytest.raises(InputError, match="is damaged|is not a model file"):
            from_bytes(bytes(broken))
    for end in range(len(content)):
        with pytest.raises(InputError, match="is damaged|is not a model file"):
            from_bytes(content[:end])
    with pytest.raises(InputError, match="is damaged"):
        from_bytes(content + b"\0")


def test_other_files_are_refused(tmp_path) -> None:
    save_file({"weight": np.zeros(2)}, str(tmp_path / "other"))
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "huge header").write_bytes(b"\xff" * 8 + b"{}")
    for name in ("other", "text", "empty", "huge header"):
        with pytest.raises(InputError, match=f"{name}: is not a model file of linclf"):
            load(str(tmp_path / name))
    with pytest.raises(InputError, match="there is no such file"):
        load(str(tmp_path / "none"))


def test_a_newer_format_says_so() -> None:
    newer = model_file.FORMAT_VERSION + 1
    content = replace(model(), record={"format": newer}).to_bytes()
    with pytest.raises(InputError, match="written by a newer linclf; upgrade"):
        from_bytes(content)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: {"bias": np.zeros(7)},
        lambda m: {"weight": m.weight[:3]},
        lambda m: {"weight": np.full_like(m.weight, np.nan)},
        lambda m: {"weight": m.weight.astype(np.int8)},
        lambda m: {"classes": np.array(["one"])},
        lambda m: {"scale": np.ones(2)},
        lambda m: {"loss": "unknown"},
        lambda m: {"schema": replace(m.schema, names=("a",))},
        lambda m: {"schema": replace(m.schema, count=5)},
        lambda m: {"record": {"format": "x"}},
        lambda m: {"record": {"format": model_file.FORMAT_VERSION + 1}},
        lambda m: {"threshold": Threshold(0.5, "probability", 1)},  # three classes
    ],
)
def test_forged_files_whose_digest_fits_are_refused(change) -> None:
    right = model()
    with pytest.raises(InputError, match="forged: (is not a complete model|was written by a newer)"):
        from_bytes(replace(right, **change(right)).to_bytes(), "forged")


def test_numbers_beyond_the_models_dtype_are_refused(layout) -> None:
    X = layout(np.array([[0.0] * 6, [0, 0, 1e39, 0, 0, 0]]))
    with pytest.raises(InputError, match=r"row 1 \(from 0\) has 1e\+39 in é 日本, which is beyond the float32"):
        model(dtype=np.float32).predict(X)
    assert np.isfinite(model().scores(X)).all()


def test_predictions() -> None:
    two, three = model(2, "hinge", ["no", "yes"]), model(3, "softmax", ["a", "b", "c"])
    X = RNG.standard_normal((50, 6))
    assert two.predict(X).tolist() == np.where(X @ two.weight[:, 0] + two.bias > 0, "yes", "no").tolist()
    assert three.predict(X).tolist() == [["a", "b", "c"][k] for k in (X @ three.weight + three.bias).argmax(axis=1)]
    np.testing.assert_array_equal(three.probabilities(X).argmax(axis=1), three.predict_codes(X))
    with pytest.raises(
        InputError,
        match="the loss hinge has no probabilities; train with --calibrate, or with --loss softmax, logistic",
    ):
        two.probabilities(X)
    for wrong in (X[:, :5], X[0]):
        with pytest.raises(InputError, match=r"X has the shape .* the model was trained on 6 features; give \(n, d\)"):
            three.scores(wrong)


def test_predictions_from_lists_sparse_rows_and_frames() -> None:
    import pandas as pd

    trained, X = model(), RNG.standard_normal((5, 6))
    expected = trained.predict(X).tolist()
    assert trained.predict(X.tolist()).tolist() == expected
    assert trained.predict(sparse.coo_array(X)).tolist() == expected
    frame = pd.DataFrame(X, columns=list(NAMES))[list(reversed(NAMES))].assign(more="text")
    assert trained.predict(frame).tolist() == expected


def test_scores_of_many_rows_are_those_of_each(layout) -> None:
    X = RNG.standard_normal((20_000, 6))
    trained = model()
    np.testing.assert_allclose(trained.scores(layout(X)), X @ trained.weight + trained.bias, rtol=1e-12, atol=1e-12)
    assert trained.scores(layout(X[:0])).shape == (0, 3)


# --- files are written whole or not at all -------------------------------------------------------------------------


def test_writing_replaces_and_keeps_permissions(in_tmp) -> None:
    write_bytes("f", b"old")
    os.chmod("f", 0o640)
    os.symlink("f", "link")
    write_bytes("link", b"new")
    assert os.path.islink("link")
    assert (in_tmp / "f").read_bytes() == b"new"
    assert stat.S_IMODE(os.stat("f").st_mode) == 0o640
    assert sorted(os.listdir()) == ["f", "link"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file(in_tmp, monkeypatch, call: str) -> None:
    write_bytes("f", b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        with pytest.raises(AccessError, match="could not be written: No space left on device; nothing was changed"):
            write_bytes("f", b"new")
    assert (in_tmp / "f").read_bytes() == b"old"
    assert os.listdir() == ["f"]


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_bytes("/dev/null", b"x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(AccessError, match="No space left on device"):
        write_bytes("/dev/full", b"x" * 100_000)


GOLDEN = Path(__file__).parent / "golden"
IRIS = Path(__file__).parents[2] / "data" / "iris.csv"


def test_models_of_format_1_are_read_for_ever(linclf, in_tmp) -> None:
    """Written before tables could hold anything but numbers: `train data/iris.csv --target species --loss softmax --epochs 20`."""
    path = GOLDEN / "format-1.safetensors"
    trained = load(str(path))
    X = np.loadtxt(IRIS, delimiter=",", skiprows=1, usecols=range(4))
    expected = trained.predict(X).tolist()
    assert linclf("predict", path, IRIS).splitlines() == expected
    assert "accuracy  0.9600" in linclf(f"evaluate {path} {IRIS} --target species")
    assert linclf(f"explain {path} {IRIS} --row 3").code == linclf("info", path).code == 0
    (in_tmp / "gap.csv").write_text(IRIS.read_text().replace("5.1,", ",", 1))
    ran = linclf(f"predict {path} gap.csv")
    assert (
        ran.code,
        "gap.csv:2: the number in column 'sepal length' is missing, and the model knows no me" in ran.err,
    ) == (2, True)
    trained.save("again")
    assert load("again").predict(X).tolist() == expected


def test_a_description_too_large_for_a_file_is_an_error(monkeypatch) -> None:
    names = tuple(f"{'x' * 1000}{i}" for i in range(120_000))
    weight = np.zeros((len(names), 1))
    huge = LinearModel(weight, np.zeros(1), np.array([0, 1]), "hinge", Schema(len(names), names), {})
    with pytest.raises(InputError, match="the model's description is too large for a file .*use a larger --min-count"):
        huge.to_bytes()
