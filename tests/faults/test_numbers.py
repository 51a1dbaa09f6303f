"""Faults 33 to 39: options and numbers out of bounds, no memory, other machines, and the same data in other forms.

No run may end with exit 0 and a model that is not finite, or that is all zeros although zero is not the optimum.
"""

import json
import math
import os
import re
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from inject import FULL, fine, linclf, memory, refused, times
from scipy import sparse
from sklearn.datasets import dump_svmlight_file

from linclf.cli import main
from linclf.losses import LOSSES
from linclf.model import linear_model as model
from linclf.optim.objective import Objective

HARD = [
    ["--lr", "1e10"],
    ["--lr", "1e-3", "--reg", "1e4"],
    ["--lr", "10", "--reg", "10"],
    ["--lr", "1e3", "--momentum", "0"],
    ["--lr", "100", "--average"],
    ["--reg", "1e300"],
    ["--reg", "1e308", "--lr", "100"],
    ["--batch-size", "1", "--lr", "5"],
    ["--scale", "none", "--dtype", "float64"],
    ["--lr", "1e-45"],
]


def sound(path: str) -> bool:
    """Whether a model is finite and, unless the penalty is huge, not zero."""
    found = model.load(path)
    finite = np.isfinite(found.weight).all() and np.isfinite(found.bias).all()
    return bool(finite and (found.weight.any() or found.record["options"]["reg"] > 1e3))


@pytest.mark.parametrize("loss", list(LOSSES))
def test_33_rates_penalties_and_numbers_that_are_too_large(in_tmp, capfd, tried, loss: str) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 4)), np.arange(60) % 3
    np.savez("one.npz", X=X + y[:, None], y=y)
    np.savez("large.npz", X=(X + y[:, None]) * 1e200, y=y)
    np.savez("spread.npz", X=(X + y[:, None]) * np.array([1e-8, 1, 1e8, 1e150]), y=y)
    count = 0
    for name in ("one.npz", "large.npz", "spread.npz"):
        for options in HARD:
            Path("m").unlink(missing_ok=True)
            code = main(["train", name, "--loss", loss, "--epochs", "5", "-q", "-o", "m", *options])
            _, err = capfd.readouterr()
            assert code in (0, 2, 3), err
            if code == 0:
                assert sound("m"), (name, options)
            else:
                assert err.count("\n") == 1
                assert not os.path.exists("m")
            count += 1
    tried(count)


def test_33_a_rate_that_works_is_named(in_tmp, capfd, tried) -> None:
    for loss in LOSSES:
        if main(["train", "wine", "--loss", loss, "--lr", "1e6", "-q"]) == 0:
            continue  # the rate of losses with a curvature is limited
        line = capfd.readouterr().err
        works = re.search(r"; lr (\S+) works, and so does auto$", line.strip())
        assert works, line
        assert main(["train", "wine", "--loss", loss, "--lr", works[1], "-q"]) == 0
        capfd.readouterr()
    tried(len(LOSSES))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--reg", "0"], 0),
        (["--reg", "-1"], 2),
        (["--reg", "nan"], 2),
        (["--reg", "inf"], 2),
        (["--lr", "-1"], 2),
        (["--lr", "0"], 2),
        (["--lr", "nan"], 2),
        (["--lr", "inf"], 2),
        (["--batch-size", "100000"], 0),
        (["--batch-size", "1"], 0),
        (["--batch-size", "0"], 2),
        (["--batch-size", "-5"], 2),
        (["--epochs", "0"], 2),
        (["--epochs", "-1"], 2),
        (["--momentum", "1"], 2),
        (["--momentum", "nan"], 2),
        (["--seed", "-1"], 2),
        (["--seed", "99999999999999999999"], 0),
        (["--patience", "0", "--val", "0.2"], 2),
        (["--min-count", "0"], 2),
        (["--max-features", "0"], 2),
        (["--max-unpacked", "nan"], 2),
        (["--every", "0", "--checkpoint", "c"], 2),
        (["--certify", "nan", "--loss", "mse"], 2),
        (["--test", "1.5"], 2),
        (["--val", "-0.1"], 2),
    ],
    ids=str,
)
def test_34_options_at_their_bounds(in_tmp, capfd, tried, options: list[str], code: int) -> None:
    ended = main(["train", "iris", "--epochs", "5", "-q", "-o", "m", *options])
    _, err = capfd.readouterr()
    assert ended == code, err
    assert err.count("\n") == (1 if code else 0)
    assert os.path.exists("m") == (code == 0)
    assert code or sound("m")
    tried(1)


def test_35_softmax_at_scores_of_1e38_in_float32(tried) -> None:
    """Value and gradient agree with 60-digit arithmetic."""
    rng, count = np.random.default_rng(0), 0
    for size in (0, 1, 1e2, 1e4, 1e38, 1.7e38):
        for _ in range(20):
            scores = (size * rng.uniform(-0.99, 0.99, (1, 4))).astype(np.float32)
            for y in range(4):
                value, gradient = LOSSES["softmax"](scores, np.array([y]))
                with localcontext() as context:
                    context.prec, context.Emin = 60, -(10**9)
                    exact = [Decimal(float(s)) for s in scores[0]]
                    most = max(exact)
                    powers = [(s - most).exp() if s - most > -(10**6) else Decimal(0) for s in exact]
                    total = sum(powers)
                    loss = total.ln() + most - exact[y]
                    slopes = [float(p / total) - (k == y) for k, p in enumerate(powers)]
                assert np.isfinite(value).all()
                assert math.isclose(value[0], float(loss), rel_tol=1e-5, abs_tol=1e-6)
                np.testing.assert_allclose(gradient[0], slopes, rtol=1e-5, atol=1e-6)
                count += 1
    tried(count)


@settings(max_examples=times(30, 500), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), n=st.integers(0, 6), d=st.integers(0, 3), loss=st.sampled_from(list(LOSSES)))
@example(data=None, n=1, d=2, loss="svm")
@example(data=None, n=2, d=0, loss="softmax")
def test_36_constant_columns_rows_of_zeros_one_row_no_column(in_tmp, tried, data, n: int, d: int, loss: str) -> None:
    numbers = st.sampled_from([0.0, 0.0, 1.0, -3.0, 7e5, 1e-7])
    X = np.array([[data.draw(numbers) if data else 0.0 for _ in range(d)] for _ in range(n)]).reshape(n, d)
    np.savez("t.npz", X=X, y=np.arange(n) % 2)
    code = main(["train", "t.npz", "--test", "0", "--loss", loss, "--epochs", "3", "-q", "--no-cache", "-o", "m"])
    assert code in (0, 2)
    if code == 0:
        found = model.load("m")
        assert np.isfinite(found.weight).all()
        assert np.isfinite(found.bias).all()
    tried(1)


def test_37_out_of_memory(in_tmp, tried) -> None:
    """Increasing limits on memory, from the lowest at which the libraries load to one at which training succeeds."""
    words = [
        "train",
        "make:classification:n_samples=20000,n_features=200",
        "--loss",
        "softmax",
        "--epochs",
        2,
        "-q",
        "--no-cache",
    ]
    lowest = next(
        size for size in range(300, 3000, 50) if linclf("train", "iris", "-q", limit=memory(size)).returncode == 0
    )
    step, codes = times(120, 7), []
    for size in range(lowest, lowest + 600, step):
        Path("m").write_bytes(b"old")
        ran = linclf(*words, "-o", "m", limit=memory(size))
        codes.append(ran.returncode)
        if ran.returncode == 0:
            assert sound("m")
        elif re.search("OpenBLAS error|std::bad_alloc", ran.stderr):  # a library itself ends the process
            assert Path("m").read_bytes() == b"old"
        else:
            assert re.match("error: out of memory|error: .*; make room in memory", refused(ran, 4))
            assert Path("m").read_bytes() == b"old"
    assert codes[-1] == 0
    assert 4 in codes
    tried(len(codes))


def test_38_locales_hash_seeds_and_cores(in_tmp, tried) -> None:
    """Models, predictions and reports, except for times, are the same bytes in every environment."""
    Path("t.csv").write_text(
        "name,x,café\n" + "".join(f"{'né日x'[i % 4]},{i % 7 / 2},{'ä日'[i % 2]}\n" for i in range(40))
    )
    environments = [
        {},
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "LANG": ""},
        {"LC_ALL": "de_DE.UTF-8"},
        {"LC_ALL": "tr_TR.UTF-8"},
        {"PYTHONHASHSEED": "0"},
        {"PYTHONHASHSEED": "1"},
        {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"},
        {"OMP_NUM_THREADS": "8", "OPENBLAS_NUM_THREADS": "8"},
    ]
    if not FULL:  # the locale, the seed and the cores that differ most from the default
        environments = [{}, {"LC_ALL": "C", "PYTHONHASHSEED": "1"}, environments[-1]]
    found = []
    for environment in environments:
        printed = fine(linclf("train", "t.csv", "--target", "café", "-o", "m", "--json", "-q", environment=environment))
        report = {key: value for key, value in json.loads(printed).items() if key != "seconds"}
        digits = fine(linclf("train", "digits", "--epochs", 3, "-q", "-o", "d", environment=environment)).splitlines()
        text = [line for line in digits if not line.startswith("seconds")]
        labels = linclf("predict", "m", "t.csv", text=False, environment=environment)
        assert labels.returncode == 0
        table = fine(
            linclf("sweep", "iris", "--reg", "1e-3,1", "--epochs", 3, "--csv", "-", "-q", environment=environment)
        )
        found.append((report, text, labels.stdout, table, Path("m").read_bytes(), Path("d").read_bytes()))
    for one in found[1:]:
        assert one == found[0]
    narrow = linclf(
        "train", "t.csv", "--target", "café", "-q", text=False, environment={"PYTHONIOENCODING": "latin-1:strict"}
    )
    assert narrow.returncode == 0
    assert b"2 classes (\xe4, \\u65e5)" in narrow.stdout
    tried(len(environments) + 1)


# --- metamorphic laws ----------------------------------------------------------------------------------------------

PROBLEMS = st.tuples(
    st.integers(0, 10**6), st.integers(4, 20), st.integers(1, 6), st.integers(2, 4), st.sampled_from(list(LOSSES))
)


def problem(seed: int, n: int, d: int, n_classes: int, loss: str):
    """X with zeros in it, y with every class, W, b, and the objective."""
    rng = np.random.default_rng(seed)
    X = np.round(rng.standard_normal((n, d)), 3) * (rng.random((n, d)) < 0.7)
    m = LOSSES[loss].n_outputs(n_classes)
    W, b = rng.standard_normal((d, m)), rng.standard_normal(m)
    return rng, X, np.arange(n) % n_classes, W, b, Objective(LOSSES[loss], 0.1)


def close(one, other) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@settings(max_examples=times(60, 2000), deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=PROBLEMS)
def test_39_equivalent_data_give_the_same_loss_and_gradient(tried, drawn) -> None:
    """Dense or sparse; rows, columns or classes permuted; a row repeated or with weight 2."""
    rng, X, y, W, b, objective = problem(*drawn)
    value, dW, db = objective.value_and_gradient(X, y, W, b)
    close(objective.value_and_gradient(sparse.csr_matrix(X), y, W, b), (value, dW, db))
    rows, columns, outputs = rng.permutation(len(y)), rng.permutation(X.shape[1]), rng.permutation(len(b))
    close(objective.value_and_gradient(X[rows], y[rows], W, b), (value, dW, db))
    moved = objective.value_and_gradient(X[:, columns], y, np.ascontiguousarray(W[columns]), b)
    close(moved, (value, dW[columns], db))
    if len(b) > 1:  # class k becomes class outputs[k]
        back = np.argsort(outputs)
        moved = objective.value_and_gradient(X, outputs[y], np.ascontiguousarray(W[:, back]), b[back])
        close(moved, (value, dW[:, back], db[back]))
    counts = rng.integers(0, 3, len(y))
    counts[0] = 2
    repeated = np.repeat(np.arange(len(y)), counts)
    weighted = objective.value_and_gradient(X, y, W, b, counts.astype(float))
    close(objective.value_and_gradient(X[repeated], y[repeated], W, b), weighted)
    tried(1)


@pytest.mark.parametrize("loss", list(LOSSES))
def test_39_scaled_columns_under_standard_scaling(in_tmp, capfd, tried, loss: str) -> None:
    """Columns in other units give the same predictions, and weights that are scaled accordingly."""
    rng = np.random.default_rng(1)
    X, units = rng.standard_normal((60, 3)) + np.arange(60)[:, None] % 3, np.array([1000.0, 0.5, 4096.0])
    options = ["--scale", "standard", "--loss", loss, "--epochs", "5", "--dtype", "float64", "--lr", "0.01", "-q"]
    found = []
    for scaled in (X, X * units):
        np.savez("t.npz", X=scaled, y=np.arange(60) % 3)
        assert main(["train", "t.npz", "-o", "m", *options]) == 0
        found.append((model.load("m").weight, model.load("m").predict(scaled).tolist()))
    capfd.readouterr()
    np.testing.assert_allclose(found[1][0] * units[:, None], found[0][0], rtol=1e-6, atol=1e-9)
    assert found[0][1] == found[1][1]
    tried(1)


@pytest.mark.parametrize("loss", list(LOSSES))
def test_39_dense_and_sparse_runs_agree(in_tmp, capfd, tried, loss: str) -> None:
    rng = np.random.default_rng(2)
    X, y = np.round(rng.standard_normal((60, 5)), 2) * (rng.random((60, 5)) < 0.5), np.arange(60) % 3
    dump_svmlight_file(X, y, "t.svm", zero_based=False)
    np.savez("t.npz", X=X, y=y)
    options = [
        "--scale",
        "none",
        "--momentum",
        "0.5",
        "--lr",
        "0.01",
        "--epochs",
        "5",
        "--dtype",
        "float64",
        "--loss",
        loss,
        "-q",
    ]
    found = []
    for name in ("t.svm", "t.npz"):
        assert main(["train", name, "-o", "m", *options]) == 0
        found.append(model.load("m"))
    capfd.readouterr()
    np.testing.assert_allclose(found[0].weight, found[1].weight, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found[0].bias, found[1].bias, rtol=1e-9, atol=1e-12)
    tried(1)
