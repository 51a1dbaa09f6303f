"""What is printed agrees with itself: labels with probabilities, the order of rows with nothing, Python with the shell."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import dump_svmlight_file

from linclf import LinearClassifier, load
from linclf.data.encoder import learn_schema
from linclf.data.load import load as load_data
from linclf.data.source import Source
from linclf.losses import Loss
from linclf.model.calibration import METHODS

RNG = np.random.default_rng(0)
N = 300


def rows(n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of uneven, overlapping classes: (n, 6), codes (n,)."""
    y = RNG.choice(n_classes, N, p=np.array([7, 2, 1])[:n_classes] / np.array([7, 2, 1])[:n_classes].sum())
    X = RNG.standard_normal((N, 6)) * (RNG.random((N, 6)) < 0.7)
    X[np.arange(N), y] += 1
    return X, y


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_labels_are_the_classes_of_the_largest_probability(
    linclf, in_tmp, loss: Loss, kind: str, n_classes: int
) -> None:
    X, y = rows(n_classes)
    name = "t.npz" if kind == "dense" else "t.svm"
    np.savez("t.npz", X=X, y=y) if kind == "dense" else dump_svmlight_file(X, y, name)
    for method in (*METHODS, *([None] if loss.logits else [])):
        calibrate = f"--calibrate {method}" if method else ""
        ran = linclf(f"train {name} --loss {loss.name} --class-weight balanced --epochs 30 {calibrate} -q -o m --json")
        assert ran.code == 0, ran.err
        p = np.array([line.split(",") for line in linclf(f"predict m {name} --proba").splitlines()], float)
        labels = np.array(linclf(f"predict m {name}").split(), int)
        assert (p[np.arange(N), labels] == p.max(axis=1)).all()
        assert len(set(labels)) > 1 or method
        figures = json.loads(linclf(f"evaluate m {name} --json"))
        assert figures["accuracy"] == pytest.approx(np.mean(labels == y))
        model, X = load("m"), X if kind == "dense" else sparse.csr_matrix(X)
        assert (model.predict(X) == labels).all()
        assert (LinearClassifier.from_model(model).predict(X) == labels).all()


def test_the_order_of_rows_changes_no_learned_column(tmp_path) -> None:
    rng = np.random.default_rng(1)
    n = 5000
    kinds = np.where(rng.random(n) < 0.05, [f"rare{k % 200}" for k in range(n)], rng.choice(["u", "v", "w"], n))
    words = [" ".join(rng.choice(["sun", "rain", "wind", "snow"], 4)) + f" {k}" for k in range(n)]
    days = [f"20{10 + k % 20}-{1 + k % 12:02}-{1 + k % 28:02}" for k in range(n)]
    lines = [
        f"{k},{rng.standard_normal():.4f},{'' if rng.random() < 0.1 else rng.integers(1000)},{days[k]},{kinds[k]},{words[k]},{'ab'[k % 2]}\n"
        for k in range(n)
    ]
    found = []
    for name, order in (("a.csv", np.arange(n)), ("b.csv", rng.permutation(n))):
        path = tmp_path / name
        path.write_text("id,x,gaps,day,kind,words,label\n" + "".join(lines[i] for i in order))
        dataset = load_data(Source(str(path)))
        schema, _ = learn_schema(dataset.X, dataset.schema, dataset.source)
        found.append([asdict(column) for column in schema.columns])
    assert [column["kind"] for column in found[0]] == ["id", "number", "number", "date", "category", "text"]
    for one, other in zip(*found, strict=True):
        sums = {key: (one.pop(key), other.pop(key)) for key in ("center", "spread", "idf")}
        assert one == other
        for ours, theirs in sums.values():
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("kind", ["npz", "csv", "svmlight"])
def test_the_estimator_and_the_command_line_agree_to_the_bit_without_options(linclf, in_tmp, kind: str) -> None:
    X, y = rows(3)
    X = X.round(3)
    names = [f"x{j}" for j in range(6)]
    if kind == "npz":
        np.savez("t.npz", X=X, y=y)
    elif kind == "csv":
        (in_tmp / "t.csv").write_text(
            "\n".join(
                [
                    ",".join([*names, "label"]),
                    *(",".join(map(str, [*row, c])) for row, c in zip(X.tolist(), y, strict=True)),
                ]
            )
            + "\n"
        )
    else:
        dump_svmlight_file(X, y, "t.svmlight", zero_based=False)
    assert linclf(f"train t.{kind} --test 0 -q -o m").code == 0
    found = LinearClassifier().fit(sparse.csr_matrix(X) if kind == "svmlight" else X, y)
    model = load("m")
    assert found.model_.weight.tobytes() == model.weight.tobytes()
    assert found.model_.bias.tobytes() == model.bias.tobytes()
