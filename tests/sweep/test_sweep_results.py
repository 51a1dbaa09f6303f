"""The ranking of rows, what halving prunes, and which row is chosen."""

import math
from dataclasses import replace

import numpy as np
import pytest

from linclf.model.metrics import METRICS
from linclf.storage.decode import finite_or_none
from linclf.sweep.results import Ranking, Row, spread

BY_ACCURACY, BY_LOG_LOSS = (Ranking(METRICS[name]) for name in ("accuracy", "log-loss"))


def mirrored(rows: list[Row]) -> list[Row]:
    """The same rows with the sign of the score turned round, as for a metric of which less is better."""
    return [replace(one, score=None if one.score is None else -one.score) for one in rows]


def rank(rows: list[Row]) -> list[Row]:
    ranked = BY_ACCURACY.rank(rows)
    assert mirrored(ranked) == BY_LOG_LOSS.rank(mirrored(rows))
    return ranked


def best(rows: list[Row]) -> Row | None:
    assert mirrored([one for one in [BY_ACCURACY.best(rows)] if one]) == [
        one for one in [BY_LOG_LOSS.best(mirrored(rows))] if one
    ]
    return BY_ACCURACY.best(rows)


def best_1se(rows: list[Row]) -> Row | None:
    assert mirrored([one for one in [BY_ACCURACY.best_1se(rows)] if one]) == [
        one for one in [BY_LOG_LOSS.best_1se(mirrored(rows))] if one
    ]
    return BY_ACCURACY.best_1se(rows)


def at_the_edge(rows: list[Row]) -> str | None:
    assert BY_ACCURACY.at_the_edge(rows) == BY_LOG_LOSS.at_the_edge(mirrored(rows))
    return BY_ACCURACY.at_the_edge(rows)


def to_prune(rows: dict[int, Row]) -> np.ndarray:
    other = BY_LOG_LOSS.to_prune(dict(zip(rows, mirrored(list(rows.values())), strict=True)))
    np.testing.assert_array_equal(BY_ACCURACY.to_prune(rows), other)
    return BY_ACCURACY.to_prune(rows)


def row(score: float | None, reg: float = 1e-3, se: float | None = 0.01, status: str = "done", **options) -> Row:
    return Row(
        {"loss": "svm", "scale": "auto", "class_weight": None, "reg": reg, **options}, status, 10, score, None, se
    )


def test_the_best_and_the_most_regularised_within_one_standard_error() -> None:
    rows = [row(0.90, 1e-4), row(0.895, 1e-3), row(0.891, 1e-2), row(0.889, 1e-1), row(0.85, 1.0)]
    rows += [row(0.899, 10.0, loss="softmax"), row(0.95, 1e-5, status="halved"), row(0.97, 5.0, status="unfinished")]
    assert best(rows) == rows[0]
    assert best_1se(rows) == rows[2]
    assert [r.status for r in rank(rows)] == ["done"] * 6 + ["halved", "unfinished"]
    assert best([row(0.9, 1e-4), row(0.9, 1e-2)]).options["reg"] == 1e-2  # of equals the most regularised
    assert best([rows[6]]) is None
    assert best_1se([]) is None
    assert best_1se([rows[6]]) is None


@pytest.mark.parametrize("other", [{"loss": "softmax"}, {"scale": "maxabs"}, {"class_weight": "balanced"}])
def test_within_one_standard_error_only_rows_whose_reg_means_the_same_are_compared(other: dict) -> None:
    rows = [row(0.90, 1e-4), row(0.895, 1e-3), row(0.899, 1.0, **other)]
    assert best_1se(rows) == rows[1]
    assert best_1se([*rows, row(0.895, 1.0)]).options["reg"] == 1.0
    # options that leave the meaning of reg alone may differ
    assert best_1se([*rows, row(0.895, 0.1, lr=0.2, average=True)]).options["reg"] == 0.1


def test_one_standard_error_is_that_of_the_best_row_and_includes_its_limit() -> None:
    assert best_1se([row(0.75, 1e-4, 0.25), row(0.5, 1e-2, 9.0), row(0.49, 1.0, 9.0)]).options["reg"] == 1e-2
    assert best_1se([row(0.75, 1e-4, None), row(0.74, 1e-2, 9.0)]).options["reg"] == 1e-4
    assert best_1se([row(0.75, 1e-4, None), row(0.75, 1e-2, 9.0)]).options["reg"] == 1e-2
    assert best_1se([row(0.75, 1e-4, 0.25), row(0.7, 1.0, status="halved"), row(0.7, 1e-3)]).options["reg"] == 1e-3
    first, second = row(0.9, 1e-2, lr=1), row(0.895, 1e-2, lr=2)
    assert best_1se([second, first]) is first  # of equally regularised ones the better


def test_rows_are_ranked_by_status_then_score_then_reg_then_as_given() -> None:
    ranked = [
        row(0.8, 1.0),
        row(0.8, 0.1, lr=1),
        row(0.8, 0.1, lr=2),
        row(0.0, 0.1),
        row(0.9, 0.1, status="halved"),
        row(0.99, 0.1, status="unfinished"),
        row(None, 0.1, status="unfinished"),
        row(None, 0.2, status="diverged"),
        row(None, 0.1, status="diverged"),
    ]
    assert rank(ranked) == ranked
    assert rank([ranked[i] for i in (8, 3, 1, 6, 0, 7, 4, 2, 5)]) == ranked


def pruned(*scores: float, se: float | None = 0.02) -> list[int]:
    return to_prune({i: row(score, se=se) for i, score in enumerate(scores)}).tolist()


def test_halving_prunes_those_of_the_worse_half_that_are_far_behind() -> None:
    rows = {3: 0.9, 1: 0.895, 4: 0.88, 2: 0.86, 7: 0.85, 5: 0.899}
    assert to_prune({key: row(score, 1e-4, 0.02) for key, score in rows.items()}).tolist() == [2, 7]
    assert pruned(0.9) == pruned() == []
    assert pruned(0.9, 0.1) == [1]
    # of an odd number the better half has one more
    assert pruned(0.9, 0.1, 0.2) == [1]
    assert pruned(0.9, 0.1, 0.2, 0.3, 0.4) == [1, 2]
    assert pruned(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.9) == [0, 1, 2]
    # one standard error behind is not far
    assert pruned(0.75, 0.5, se=0.25) == []
    assert pruned(0.75, 0.49, se=0.25) == [1]
    assert pruned(0.75, 0.75, 0.75, 0.74, se=None) == [3]
    assert pruned(0.75, 0.75, se=None) == []
    assert to_prune({}).dtype == to_prune({1: row(0.9)}).dtype == np.intp
    assert to_prune({8: row(0.9), 7: row(0.1), 6: row(0.2), 9: row(0.1)}).tolist() == [7, 9]


def test_the_edge_of_the_regs_tried() -> None:
    def edge(*scores_by_reg: tuple[float, float]) -> str | None:
        return at_the_edge([row(score, reg) for reg, score in scores_by_reg])

    assert edge((1e-4, 0.9), (1e-3, 0.8), (1e-2, 0.8)) == "smallest"
    assert edge((1e-4, 0.8), (1e-3, 0.9), (1e-2, 0.8)) is None
    assert edge((1e-4, 0.8), (1e-3, 0.8), (1e-2, 0.9)) == "largest"
    # no reg is smaller than 0
    assert edge((0, 0.9), (1e-3, 0.8), (1e-2, 0.8)) is None
    assert edge((0, 0.8), (1e-3, 0.9), (1e-2, 0.8)) is None
    assert edge((0, 0.8), (1e-3, 0.8), (1e-2, 0.9)) == "largest"
    # of two regs each is at an edge
    assert edge((1e-4, 0.9), (1e-3, 0.8)) is None
    assert edge((1e-4, 0.9), (1e-3, 0.8), (1e-3, 0.7)) is None
    assert at_the_edge([]) is None
    assert at_the_edge([row(0.9, reg, status="diverged") for reg in (1.0, 2.0, 3.0)]) is None


def test_spread_is_over_folds_or_the_error_of_a_single_score() -> None:
    scores = [0.5, 0.75, 0.7]
    std, se = spread(scores, math.nan)
    assert std == pytest.approx(math.sqrt(sum((x - 0.65) ** 2 for x in scores) / 3))
    assert se == pytest.approx(std / math.sqrt(3))
    assert spread([0.5, 0.7], 10)[1] == pytest.approx(0.1 / math.sqrt(2))
    assert spread([0.8], 0.25) == (None, 0.25)
    assert spread([0.8], math.nan) == spread([0.8, math.inf], 0.1) == spread([math.nan], 0.1) == (None, None)


def test_numbers_as_json_allows_them() -> None:
    assert [finite_or_none(x) for x in (1.5, np.float32(2), math.nan, math.inf, -math.inf)] == [
        1.5,
        2.0,
        None,
        None,
        None,
    ]
    assert type(finite_or_none(np.float64(2))) is float
