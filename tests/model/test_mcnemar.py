"""McNemar's test and Holm's adjustment against formulas by hand, SciPy and published examples."""

from math import comb

import numpy as np
import pytest
from scipy import stats

from linclf.model.mcnemar import holm, mcnemar


def rows(n01: int, n10: int, both: int = 5, neither: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Whether the first and the other model are right, for these numbers of rows."""
    first = np.repeat([False, True, True, False], [n01, n10, both, neither])
    other = np.repeat([True, False, True, False], [n01, n10, both, neither])
    return first, other


@pytest.mark.parametrize(("n01", "n10"), [(0, 1), (3, 9), (9, 3), (25, 40), (7, 7), (0, 6), (400, 300)])
def test_p_is_that_of_the_exact_binomial_test(n01: int, n10: int) -> None:
    found = mcnemar(*rows(n01, n10))
    assert (found["n01"], found["n10"]) == (n01, n10)
    by_hand = 2 * sum(comb(n01 + n10, k) for k in range(min(n01, n10) + 1)) / 2 ** (n01 + n10)
    assert found["p"] == pytest.approx(min(1, by_hand), rel=1e-9)
    assert found["p"] == pytest.approx(stats.binomtest(n01, n01 + n10).pvalue, rel=1e-9)


def test_a_published_example() -> None:
    """Airway hyper-responsiveness of 21 children before and after a transplantation (Bentur et al., 2009): 1 and 7 discordant
    pairs, exact p 0.0703 (Fagerland, Lydersen & Laake, 2013)."""
    assert mcnemar(*rows(7, 1, both=1, neither=12))["p"] == pytest.approx(0.0703, abs=5e-5)


def test_models_that_are_right_on_the_same_rows_do_not_differ() -> None:
    first, _ = rows(4, 5)
    assert mcnemar(first, first) == {"n01": 0, "n10": 0, "p": 1}


def test_whole_weights_count_rows_and_others_are_left_out() -> None:
    first, other = rows(2, 3)
    weights = np.arange(13.0)
    assert mcnemar(first, other, weights) == mcnemar(*rows(0 + 1, 2 + 3 + 4))
    assert mcnemar(first, other, weights + 0.5) == mcnemar(first, other)


def test_holm_multiplies_by_the_number_of_hypotheses_that_are_left() -> None:
    """The example of Holm's procedure with four hypotheses: 4 p, 3 p, 2 p and 1 p, in the order of p and never decreasing."""
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert holm([0.2]) == [0.2]
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([]) == []
