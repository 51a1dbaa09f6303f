"""gradcheck of linclf's own losses, which must pass, and of broken ones, which must fail."""

import json
from dataclasses import replace

import numpy as np
import pytest

from linclf.cli.gradcheck import TEXTBOOK
from linclf.gradcheck import check_losses
from linclf.gradcheck.builtin import NAIVE_TOLERANCE
from linclf.losses import LOSSES, Loss


def test_every_loss_passes(loss: Loss) -> None:
    checks = check_losses([loss])
    assert [check.layout for check in checks] == ["dense", "csr"] * 2
    assert all(check.passed for check in checks)


@pytest.mark.parametrize(
    ("wrong", "by"),
    [
        (lambda values, dscores: (values, 1.001 * dscores), {"differences", "loops"}),
        (lambda values, dscores: (values, -dscores), {"differences", "loops"}),
        (lambda values, dscores: (values, dscores + 1e-6), {"loops"}),
        (lambda values, dscores: (values + 1e-9, dscores), {"loops"}),
        (lambda values, dscores: (values, np.full_like(dscores, np.nan)), {"differences"}),
    ],
    ids=["a thousandth", "sign", "offset", "value", "nan"],
)
def test_a_wrong_loss_fails(loss: Loss, wrong, by: set[str]) -> None:
    """Each mistake is detected by the comparison with differences, by that with the naive loops, or by each of the two."""
    broken = replace(loss, function=lambda scores, y: wrong(*loss.function(scores, y)))
    for check in check_losses([broken]):
        assert not check.passed
        assert check.n_wrong > 0 or "differences" not in by
        assert check.naive_error > NAIVE_TOLERANCE or "loops" not in by


def test_command(linclf) -> None:
    ran = linclf("gradcheck")
    assert (ran.code, ran.err) == (0, "")
    n = 4 * len(LOSSES) + len(TEXTBOOK)
    assert ran.count(" ok\n") == n
    assert ran.endswith(f"{n} of {n} gradients are right\n")
    assert all(name in ran for name in LOSSES)


def test_command_on_data(linclf) -> None:
    for data in ("digits", "breast_cancer"):
        ran = linclf(f"gradcheck {data} --loss svm --loss logistic")
        assert (ran.code, ran.count("ok")) == (0, 4)


def test_command_exits_6_and_shows_where(linclf, monkeypatch) -> None:
    right = LOSSES["hinge"]
    broken = replace(right, function=lambda scores, y: (right(scores, y)[0], 1.001 * right(scores, y)[1]))
    monkeypatch.setitem(LOSSES, "hinge", broken)
    ran = linclf("gradcheck --loss hinge")
    assert ran.code == 6
    assert "WRONG" in ran
    assert "worst at [" in ran
    assert ran.endswith("0 of 4 gradients are right\n")
    ran = linclf("gradcheck --loss hinge --json")
    assert ran.code == 6
    assert json.loads(ran)["passed"] is False
