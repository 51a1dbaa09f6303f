"""Labels of any type, from text and from arrays, and their codes."""

import numpy as np
import pytest

from linclf.data import labels
from linclf.errors import InputError


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2", "10", "1"], [2, 10, 1]),
        (["-1", "1"], [-1, 1]),
        (["1.0", "2.5"], [1.0, 2.5]),
        (["1", "1.0"], ["1", "1.0"]),  # two spellings stay two labels
        (["007", "7"], ["007", "7"]),
        (["+1", "-1"], ["+1", "-1"]),
        (["1", "x"], ["1", "x"]),
        (["é", "日本", " a "], ["é", "日本", " a "]),
        (["1e3", "5"], ["1e3", "5"]),
        (["1_0", "2"], ["1_0", "2"]),
        (["inf", "1"], ["inf", "1"]),
        (["999999999999999999999", "1"], ["999999999999999999999", "1"]),
    ],
)
def test_labels_are_printed_as_they_were_written(texts, expected) -> None:
    found = labels.from_text(np.array(texts, object)).tolist()
    assert found == expected
    assert [type(x) for x in found] == [type(x) for x in expected]
    assert [str(x) for x in found] == texts


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.array([0, 2**63 + 5], np.uint64), ["0", str(2**63 + 5)]),
        (np.array([0.1, 0.7], np.float32), [0.1, 0.7]),
        (np.array([b"a", b"b"]), ["a", "b"]),
        (np.array(["a", "b"], object), ["a", "b"]),
        (np.array([True, False]), [True, False]),
    ],
)
def test_labels_of_arrays_keep_their_values(given, expected) -> None:
    assert labels.from_array(given, "t").tolist() == expected


def test_labels_of_another_file_are_encoded_by_spelling_or_number() -> None:
    codes, unseen = labels.encode(np.array(["1", "x", "2.0", "x"]), np.array([1, 2]))
    assert codes.tolist() == [0, -1, 1, -1]
    assert unseen == {"'x'": 2}
    assert labels.encode(np.array([1, 2]), np.array(["1", "3"]))[0].tolist() == [0, -1]


@pytest.mark.parametrize("y", [np.zeros(5, int), np.array(["a"] * 5)])
def test_one_class_is_refused(y) -> None:
    with pytest.raises(InputError, match="all 5 rows have the label"):
        labels.check_classes(y, "t")


def test_a_quantity_is_refused() -> None:
    rng = np.random.default_rng(0)
    for y in (rng.standard_normal(100), np.array([0.1, 0.2, 0.3]), np.array([f"{x:.2f}0" for x in rng.random(100)])):
        with pytest.raises(InputError, match=r"a quantity and not classes|each of the \d+ rows has a different label"):
            labels.check_classes(y, "t")
    with pytest.raises(InputError, match="30 different numbers such as 0.5 and 1.0, a quantity"):
        labels.check_classes(np.arange(60) // 2 * 0.5 + 0.5, "t")
    labels.check_classes(np.array([0.5, 1.0, 1.5] * 10), "t")
    labels.check_classes(np.arange(100) // 2, "t")
