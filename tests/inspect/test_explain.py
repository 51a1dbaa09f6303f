"""explain: the parts sum to the score, and strengths do not depend on units."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from linclf.errors import InputError
from linclf.inspect.explain import contributions, row_pictures, strengths, strongest, weight_pictures
from linclf.losses import LOSSES
from linclf.model.linear_model import LinearModel, load

MIXED = "size,colour,words,label\n" + "".join(
    f"{i * 0.37 % 5:.2f},{'red' if i % 3 else 'blue'},{'good' if i % 2 else 'bad'} thing number {i % 7},{'yn'[i % 2]}\n"
    for i in range(120)
)


@pytest.fixture
def mixed(in_tmp) -> None:
    (in_tmp / "t.csv").write_text(MIXED)


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize(
    "data",
    [
        "iris --scale standard",
        "iris --scale maxabs",
        "iris --scale none",
        "breast_cancer",
        "t.csv",
        "t.csv --drop words",
    ],
)
def test_parts_sum_to_the_score(linclf, mixed, data: str, loss: str) -> None:
    assert linclf(f"train {data} --loss {loss} --epochs 3 -q -o m").code == 0
    model, name = load("m"), data.split(maxsplit=1)[0]
    for row in (0, 57):
        scores = [float(x) for x in linclf(f"predict m {name} --scores").splitlines()[row].split(",")]
        label = linclf(f"predict m {name}").splitlines()[row]
        for k, wanted in enumerate(map(str, model.classes)):
            result = json.loads(linclf(f"explain m {name} --json --row {row} --class", wanted))
            assert math.fsum([result["base"], *(entry["adds"] for entry in result["contributions"])]) == result["score"]
            score = scores[k] if len(scores) > 1 else scores[0] * (1 if k else -1)
            assert result["score"] == pytest.approx(score, rel=2e-5, abs=2e-5)
            sizes = [abs(entry["adds"]) for entry in result["contributions"]]
            assert sizes == sorted(sizes, reverse=True)
            assert all(sizes)
            assert (str(result["predicted"]), str(result["class"])) == (label, wanted)
        assert str(json.loads(linclf(f"explain m {name} --json --row", row))["class"]) == label


def test_values_are_those_of_the_table(linclf, mixed) -> None:
    assert linclf("train t.csv --text words --loss logistic -q -o m").code == 0
    result = json.loads(linclf("explain m t.csv --row 1 --json"))
    entries = {entry["feature"]: entry for entry in result["contributions"]}
    assert entries["size"]["value"] == pytest.approx(0.37)
    assert entries["size"]["is_number"]
    assert (entries["colour=red"]["value"], entries["colour=red"]["is_number"]) == (1, False)
    assert "colour=blue" not in entries
    assert entries["words: good"]["adds"] > 0
    text = linclf("explain m t.csv --row 1 --top 2")
    assert text.splitlines()[0] == "m on row 1 of t.csv: predicted n"
    assert text.splitlines()[-2].endswith(f"{len(entries) - 2} others together")
    lines = [float(line.split()[0]) for line in text.splitlines()[3:]]
    assert sum(lines[:-1]) == pytest.approx(lines[-1], abs=2e-3)


def test_dates_are_written_as_dates(linclf, in_tmp) -> None:
    lines = [f"2019-0{1 + k % 9}-1{k % 10},2020-02-0{1 + k % 9} 06:30:00,{'yn'[k % 9 > 4]}\n" for k in range(60)]
    (in_tmp / "t.csv").write_text("day,moment,label\n" + "".join(lines))
    for more in ("", "--category moment --min-count 1"):
        assert linclf(f"train t.csv {more} --loss logistic -q -o m").code == 0
        text = linclf("explain m t.csv --row 4")
        assert "  day = 2019-05-14" in text
        assert ("  moment = 2020-02-05 06:30:00" in text) == (not more)
        entries = {
            entry["feature"]: entry for entry in json.loads(linclf("explain m t.csv --row 4 --json"))["contributions"]
        }
        assert (entries["day"]["value"], entries["day"]["text"]) == (18030, "2019-05-14")


def test_a_number_at_its_mean_adds_nothing() -> None:
    from linclf.data.schema import Schema

    rng = np.random.default_rng(0)
    center, weight = rng.standard_normal(4) * 1e3, rng.standard_normal((4, 3))
    model = LinearModel(weight, np.zeros(3), np.arange(3), "softmax", Schema(4), {}, np.ones(4), center)
    result = contributions(model, center[None], "1")
    assert result["contributions"] == []
    assert result["score"] == result["base"] == pytest.approx(float(center @ weight[:, 1]))


def test_strengths_do_not_depend_on_units(linclf, in_tmp) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3))
    y = (X @ [1, -2, 0.1] > 0).astype(int)
    for name, unit in (("a", [1, 1, 1]), ("b", [1e3, 1e-3, 7])):
        np.savez(f"{name}.npz", X=X * unit, y=y)
        assert linclf(f"train {name}.npz --loss logistic --dtype float64 -q -o {name}").code == 0
    a, b = load("a"), load("b")
    np.testing.assert_allclose(strengths(a), strengths(b), rtol=1e-6)
    result = strongest(a)["classes"][0]
    assert [entry["feature"] for entry in result["positive"]] == ["column 0", "column 2"]
    assert [entry["feature"] for entry in result["negative"]] == ["column 1"]
    assert result["negative"][0]["strength"] == pytest.approx(float(strengths(a)[1, 0]))
    flipped = strongest(a, wanted="0")["classes"][0]
    assert flipped["positive"][0]["strength"] == -result["negative"][0]["strength"]
    assert flipped["bias"] == -result["bias"]


def test_the_text_names_the_unit(linclf, mixed) -> None:
    assert linclf("train iris --loss softmax -q -o m").code == 0
    text = linclf("explain m --top 2")
    assert text.startswith(
        "m, a softmax classifier of 4 features: what a change by one standard deviation of the feature"
    )
    assert text.count("with all numbers at their means)") == 3
    model = load("m")
    at_means = model.scores(model.center[None])[0]
    for score, entry in zip(at_means, json.loads(linclf("explain m --json"))["classes"], strict=True):
        assert entry["base"] == pytest.approx(score, abs=1e-9) != entry["bias"]
        assert f"{entry['class']}  (score {entry['base']:+.3g} with" in text
    assert "petal length" in text
    one = linclf("explain m --class virginica --top 1").splitlines()
    assert len(one) == 4
    assert "petal length" in one[3]
    for scale, unit in (("maxabs", "the largest number of the feature"), ("none", "1")):
        assert linclf(f"train iris --scale {scale} -q -o m").code == 0
        assert f"what a change by {unit} adds" in linclf("explain m")


def test_weights_and_rows_are_drawn_as_pictures(linclf, in_tmp) -> None:
    X = np.arange(24.0).reshape(4, 6) % 7
    np.savez("t.npz", X=np.tile(X, (10, 1)), y=np.tile([0, 1, 2, 1], 10))
    assert linclf("train t.npz --loss softmax --scale none -q -o m").code == 0
    model = load("m")
    pictures = weight_pictures(model, (2, 3))
    assert [picture.title for picture in pictures] == ["0", "1", "2"]
    np.testing.assert_array_equal(pictures[1].pixels, model.weight[:, 1].reshape(2, 3))
    row, adds = row_pictures(model, X[:1], (3, 2), "2")
    np.testing.assert_array_equal(row.pixels, X[0].reshape(3, 2))
    np.testing.assert_allclose(adds.pixels, (X[0] * model.weight[:, 2]).reshape(3, 2), rtol=1e-6)
    # columns of a table that were left out keep their pixels
    with open("t.csv", "w") as file:
        file.write("a,b,c,d,label\n" + "".join(f"{i % 5},7,{i % 3},{i % 4},{i % 2}\n" for i in range(40)))
    assert linclf("train t.csv --loss logistic -q -o m").code == 0
    (picture,) = weight_pictures(load("m"), (2, 2))
    assert picture.pixels[0, 1] == 0
    np.testing.assert_array_equal(picture.pixels.ravel()[[0, 2, 3]], strengths(load("m"))[:, 0])
    for arguments in (
        "--plot a.png",
        "--plot b.svg --image 2x2",
        "t.csv --row 3 --plot c.pdf",
        "t.csv --row 3 --plot d.png --image 2x2",
    ):
        assert linclf(f"explain m {arguments}").code == 0
    heads = {name: (in_tmp / name).read_bytes()[:5] for name in ("a.png", "b.svg", "c.pdf", "d.png")}
    assert heads == {"a.png": b"\x89PNG\r", "b.svg": b"<?xml", "c.pdf": b"%PDF-", "d.png": b"\x89PNG\r"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("m iris", "one row is explained by DATA and --row together"),
        ("m --row 3", "one row is explained by DATA and --row together"),
        ("m iris --row 150", "--row 150: iris has the rows 0 to 149"),
        ("m --class rose", "--class rose: the model has no such class; its classes are setosa, versicolor, virginica"),
        ("m --image 2x2", "--image needs a file to draw to; give --plot FILE.png too"),
        ("m --image 2x --plot p.png", "--image 2x: is not HEIGHTxWIDTH, such as 28x28"),
        ("m --image 2x3 --plot p.png", "--image 2x3: is 6 pixels, the model has 4 columns"),
        ("mixed --image 2x3 --plot p.png", "--image: some columns are not numbers"),
        ("m --plot p.txt", "p.txt: give the picture a name that ends in"),
        ("m --target y", "say how DATA is read; give DATA and --row"),
    ],
)
def test_wrong_options_are_refused(linclf, mixed, arguments: str, message: str) -> None:
    assert linclf("train iris --epochs 2 -q -o m").code == linclf("train t.csv --epochs 2 -q -o mixed").code == 0
    ran = linclf(f"explain {arguments}")
    assert ran.code == 2
    assert message in ran.err
    assert ran == ""


def test_too_many_classes_for_one_picture(linclf, in_tmp) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(700) % 70
    np.savez("t.npz", X=rng.standard_normal((700, 4)) + y[:, None], y=y)
    assert linclf("train t.npz --loss softmax --lr 0.01 --epochs 5 -q -o m").code == 0
    for more in ("", " --image 2x2"):
        ran = linclf(f"explain m --plot p.png{more}")
        assert (ran.code, "70 classes are too many for one picture" in ran.err) == (2, True)
    assert linclf("explain m --plot p.png --class 7").code == 0
    with pytest.raises(InputError, match="no such class"):
        strongest(replace(load("m"), classes=np.arange(70) + 1), wanted="0")
