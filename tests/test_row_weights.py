"""A row of weight 2 is two rows and a row of weight 0 is none, in everything that is learned or measured."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy import sparse

from linclf import LinearClassifier, load
from linclf.data.row_weights import as_counts
from linclf.losses import Loss

RNG = np.random.default_rng(0)
WEIGHTS = RNG.permutation(np.arange(120) % 4)  # 0 to 3
WORDS = ("warm", "cold", "wet", "dry", "calm")


def rows_of(n: int, seed: int) -> list[list[str]]:
    """Rows of a table: a number without gaps, one with gaps, a date, levels of which some are rare, and a label."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3))
    kinds = np.where(
        rng.random(n) < 0.1, [f"rare {k % 9}" for k in range(n)], np.array(["u", "v", "w"])[rng.integers(3, size=n)]
    )
    label = np.array(["no", "perhaps", "yes"])[
        np.digitize(x[:, 0] + x[:, 1] + (kinds == "u") + rng.standard_normal(n), [-0.5, 1])
    ]
    gaps = [f"{value:.3f}" if keep else "" for value, keep in zip(x[:, 1], rng.random(n) < 0.8, strict=True)]
    days = [f"2026-{1 + k % 12:02}-{1 + k % 28:02}" for k in rng.permutation(n)]
    return [[f"{x[i, 0]:.3f}", gaps[i], days[i], kinds[i], label[i]] for i in range(n)]


def texts_of(n: int, seed: int) -> list[list[str]]:
    """Rows of a table with a text, whose features are sparse."""
    rng = np.random.default_rng(seed)
    chosen = [[*rng.choice(WORDS, 4), f"word{rng.integers(60)}", f"no{k}"] for k in range(n)]
    return [[" ".join(words), f"{rng.standard_normal():.3f}", ["a", "b"][int("wet" in words)]] for words in chosen]


HEADERS = {"dense": "x,gaps,day,kind,label", "csr": "text,x,label"}


def write(name: str, header: str, rows: list[list[str]], weights) -> None:
    """NAME.csv with a column of weights, and NAME-repeated.csv with each row as often as its weight says."""
    weighted = [",".join([*row, str(w)]) for row, w in zip(rows, weights, strict=True)]
    repeated = [",".join(row) for row, w in zip(rows, weights, strict=True) for _ in range(w)]
    for path, lines in ((f"{name}.csv", [f"{header},times", *weighted]), (f"{name}-repeated.csv", [header, *repeated])):
        with open(path, "w") as file:
            file.write("\n".join(lines) + "\n")


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_weights_equal_repeated_rows_through_the_whole_of_train(linclf, in_tmp, loss: Loss, kind: str) -> None:
    make = rows_of if kind == "dense" else texts_of
    write("train", HEADERS[kind], make(120, 1), WEIGHTS)
    write("val", HEADERS[kind], make(60, 2), WEIGHTS[:60])
    write("test", HEADERS[kind], make(60, 3), WEIGHTS[60:])
    certify = "--certify 1" if loss.dual else ""
    line = f"--loss {loss.name} --dtype float64 --batch-size 9999 --epochs 30 --reg 0.01 --class-weight balanced {certify} -q --json"
    models, results = [], []
    for suffix, weight in (("", "--weight times"), ("-repeated", "")):
        for k, more in enumerate(("", "--calibrate sigmoid", "--calibrate isotonic", "--calibrate temperature")):
            data = f"train{suffix}.csv --val val{suffix}.csv --test test{suffix}.csv {weight}"
            ran = linclf(f"train {data} {line} {more} -o m{k}{suffix}")
            assert ran.code == 0, ran.err
            models.append(load(f"m{k}{suffix}"))
            results.append(json.loads(ran))
    for one, other, weighted, repeated in zip(models[:4], models[4:], results[:4], results[4:], strict=True):
        assert one.schema.count > 3
        learned = [asdict(column) for column in one.schema.columns]
        assert learned.pop()["kind"] == "weight"
        for column, twin in zip(learned, map(asdict, other.schema.columns), strict=True):
            assert {k: v for k, v in column.items() if k not in ("center", "spread", "idf")} == {
                k: v for k, v in twin.items() if k not in ("center", "spread", "idf")
            }
            for key in ("center", "spread", "idf"):
                np.testing.assert_allclose(column[key], twin[key], rtol=1e-10)
        for name in ("weight", "bias", "scale", "center"):
            found, expected = getattr(one, name), getattr(other, name)
            assert (found is None) == (expected is None)
            if found is not None:
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9)
        for key in ("lr", "objective", "data_loss", "penalty", "n_calibration", "best_epoch"):
            assert weighted[key] == pytest.approx(repeated[key], rel=1e-7), key
        assert weighted["accuracy"] == pytest.approx(repeated["accuracy"])
        if loss.dual:
            assert weighted["certificate"]["lower_bound"] == pytest.approx(
                repeated["certificate"]["lower_bound"], rel=1e-6
            )
        if one.calibration is not None:
            for key, value in asdict(one.calibration).items():
                if key in ("slopes", "shifts", "temperature"):
                    np.testing.assert_allclose(value, asdict(other.calibration)[key], rtol=1e-4, atol=1e-6)
        assert weighted["n_train"] == np.count_nonzero(WEIGHTS)


@pytest.mark.parametrize("scale", ["standard", "maxabs", "none"])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 2.0, 1: 0.5, 2: 1.0}])
def test_sample_weights_of_the_estimator_equal_repeated_rows(loss: Loss, layout, scale: str, class_weight) -> None:
    rng = np.random.default_rng(2)
    X = rng.standard_normal((120, 5)) * [1, 10, 0.1, 3, 1]
    y = (X[:, 0] + rng.standard_normal(120) > 0) + (X[:, 3] > 3).astype(int)
    if layout is sparse.csr_matrix:
        X, scale = np.where(np.abs(X) > 0.5, X, 0), "none" if scale == "standard" else scale
    times = np.where(WEIGHTS > 0, WEIGHTS, 0)
    X[times == 0] *= 1e6  # no row, so that it matters for nothing
    options = {"scale": scale, "class_weight": class_weight, "dtype": "float64", "batch_size": 9999, "epochs": 20}
    weighted = LinearClassifier(loss.name, **options).fit(layout(X), y, sample_weight=times)
    repeated = LinearClassifier(loss.name, **options).fit(layout(np.repeat(X, times, axis=0)), np.repeat(y, times))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(weighted.intercept_, repeated.intercept_, rtol=1e-7, atol=1e-10)
    assert weighted.objective_ == pytest.approx(repeated.objective_)
    assert (weighted.lr_, weighted.classes_.tolist()) == (repeated.lr_, repeated.classes_.tolist())


def test_rows_of_weight_0_lend_their_class_to_the_estimator_and_nothing_else() -> None:
    X, y = RNG.standard_normal((30, 2)), np.arange(30) % 3
    weights = (y < 2).astype(float)
    found = LinearClassifier().fit(X, y, sample_weight=weights)
    assert found.classes_.tolist() == [0, 1, 2]
    assert set(found.predict(X)) == {0, 1}
    other = LinearClassifier().fit(np.where(weights[:, None] > 0, X, 1e9), y, sample_weight=weights)
    assert found.coef_.tobytes() == other.coef_.tobytes()
    ones = LinearClassifier().fit(X, y, sample_weight=np.ones(30))
    assert ones.coef_.tobytes() == LinearClassifier().fit(X, y).coef_.tobytes()


def test_doctor_finds_nothing_in_rows_of_weight_0(linclf, in_tmp) -> None:
    rng = np.random.default_rng(3)
    rows = [f"{x:.3f},{g},{'no' if x < 0 else 'yes'},1" for x, g in zip(rng.normal(size=60), range(60), strict=True)]
    bad = [
        "1e9,1e9,No,0",
        "1e9,1e9,no,0",
        ",,rare,0",
        ",,rare,0",
    ]  # an outlier, a class of one row, repeated rows, gaps
    found = []
    for lines in (rows, rows + bad):
        (in_tmp / "f.csv").write_text("\n".join(["x,g,label,w", *lines]) + "\n")
        found.append(json.loads(linclf("doctor f.csv --weight w --no-cache --json")))
    assert found[0] == found[1]


def test_whole_weights_are_counts_and_others_are_relative() -> None:
    assert as_counts(np.ones(4)) is None
    assert as_counts(np.array([0.0, 2.0, 3.0])).tolist() == [0, 2, 3]
    np.testing.assert_allclose(as_counts(np.array([0.0, 0.1, 0.3])), [0, 0.5, 1.5])
    np.testing.assert_allclose(as_counts(np.array([1e300, 3e300, 0.0])), [0.5, 1.5, 0])


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("-1", "t.csv:3: the weight in column 'w' is -1; give a number >= 0, or remove the row"),
        ("", "t.csv:3: the weight in column 'w' is missing or not a number; give a number >= 0, or remove the row"),
        ("much", "t.csv:3: the weight in column 'w' is missing or not a number"),
        ("0", "t.csv: all weights in column 'w' are 0; at least one row must count"),
    ],
)
def test_weights_that_make_no_sense_are_errors(linclf, in_tmp, cell: str, message: str) -> None:
    weights = ["0", cell, "0", "0"] if cell == "0" else ["1", cell, "1", "1"]
    (in_tmp / "t.csv").write_text("a,w,label\n" + "".join(f"{k},{w},{'xy'[k % 2]}\n" for k, w in enumerate(weights)))
    ran = linclf("train t.csv --weight w --test 0")
    assert (ran.code, ran) == (2, "")
    assert message in ran.err


def test_a_column_with_a_role_is_a_feature_only_if_an_option_names_it(linclf, in_tmp) -> None:
    (in_tmp / "t.csv").write_text(
        "a,w,label\n" + "".join(f"{k % 7},{1 + k % 3},{'xy'[k % 7 > 3]}\n" for k in range(40))
    )
    assert json.loads(linclf("train t.csv --json"))["n_features"] == 2
    assert json.loads(linclf("train t.csv --weight w --json -o m"))["n_features"] == 1
    assert json.loads(linclf("train t.csv --weight w --numeric w --json"))["n_features"] == 2
    assert linclf("predict m t.csv").code == 0
    for wrong, message in (
        ("--weight b", "t.csv: --weight b: there is no such column"),
        ("--weight label", "t.csv: --weight label: this column is the label; leave one of the two out"),
        (
            "--weight w --drop w",
            "column 'w' is named by --drop and --weight, which makes it no feature; leave out --drop",
        ),
        ("--weight w --target w", "column 'w' is named by --target and --weight; give two columns"),
    ):
        ran = linclf(f"train t.csv {wrong}")
        assert (ran.code, message in ran.err) == (2, True), ran.err


def test_evaluate_counts_rows_by_the_weights_of_other_data(linclf, in_tmp) -> None:
    for name, seed in (("train", 1), ("new", 2)):
        write(name, HEADERS["dense"], rows_of(120, seed), WEIGHTS)
    assert linclf("train train.csv --drop times --calibrate sigmoid -q -o m").code == 0
    weighted = json.loads(linclf("evaluate m new.csv --weight times --json"))
    repeated = json.loads(linclf("evaluate m new-repeated.csv --json"))
    assert weighted.pop("n") == np.count_nonzero(WEIGHTS) != repeated.pop("n")
    for part in (weighted, repeated):
        assert part["metrics"]["accuracy"] == part["accuracy"]
        part["per_class"] = [list(row.values()) for row in part["per_class"].values()]
    assert weighted["confusion"] == repeated["confusion"]
    for key in ("accuracy", "log_loss", "brier", "calibration_error", "metrics", "majority"):
        assert weighted[key] == pytest.approx(repeated[key]), key
    np.testing.assert_allclose(weighted["per_class"], repeated["per_class"])
    assert weighted["accuracy"] != pytest.approx(json.loads(linclf("evaluate m new.csv --json"))["accuracy"])


def test_rows_of_weight_0_matter_for_no_note_on_other_data(linclf, in_tmp) -> None:
    write("train", HEADERS["dense"], rows_of(60, 1), WEIGHTS[:60])
    assert linclf("train train.csv --drop times -q -o m").code == 0
    strange = [["much", "", "2026-01-01", "new kind", "odd"]] * 3
    write("new", HEADERS["dense"], [*strange, *rows_of(60, 2)], [0, 0, 0, *np.ones(60, int)])
    for command in ("evaluate m new.csv --weight times", "compare m m new.csv --weight times --resamples 100"):
        ran = linclf(command)
        assert ran.code == 0, ran.err
        assert "odd" not in ran + ran.err
        assert "much" not in ran.err
    for command in ("evaluate m new.csv --weight nothing", "compare m m new.csv --weight nothing"):
        ran = linclf(command)
        assert (ran.code, ran.err) == (2, "error: new.csv: --weight nothing: there is no such column\n")
