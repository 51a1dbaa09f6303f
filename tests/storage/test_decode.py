"""Plain data are decoded into frozen dataclasses, or refused."""

import json
from dataclasses import asdict, dataclass

import pytest

from linclf.storage.decode import build


@dataclass(frozen=True)
class Inner:
    name: str
    numbers: tuple[float, ...] = ()


@dataclass(frozen=True)
class Outer:
    count: int
    ratio: float
    sure: bool
    inner: Inner
    many: tuple[Inner, ...] = ()
    nested: tuple[tuple[float, ...], ...] = ()
    words: tuple[str, ...] = ()
    maybe: float | None = None


VALUE = Outer(3, 0.1, True, Inner("x", (1.0, 2.5)), (Inner("y"),), ((1.0,), ()), ("a", "b"), None)


def test_decoding_is_the_inverse_of_asdict_and_json() -> None:
    assert build(Outer, json.loads(json.dumps(asdict(VALUE)))) == VALUE
    assert build(Outer, asdict(VALUE) | {"later": 1}) == VALUE
    assert build(Inner, {"name": "x"}) == Inner("x")
    assert type(build(Inner, {"name": "x", "numbers": [1]}).numbers[0]) is float


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": "3"}, "Outer.count is '3'"),
        ({"count": True}, "Outer.count is 'True'"),
        ({"count": 3.0}, "Outer.count is '3.0'"),
        ({"ratio": None}, "Outer.ratio is 'None'"),
        ({"ratio": float("nan")}, "Outer.ratio is 'nan'"),
        ({"ratio": float("inf")}, "Outer.ratio is 'inf'"),
        ({"ratio": True}, "Outer.ratio is 'True'"),
        ({"sure": 1}, "Outer.sure is '1'"),
        ({"inner": None}, "Inner is NoneType, not an object"),
        ({"inner": {}}, "Inner has no name"),
        ({"inner": {"name": ["x"]}}, "Inner.name is"),
        ({"many": {"name": "x"}}, "Outer.many is"),
        ({"many": "xy"}, "Outer.many is 'xy'"),
        ({"many": [1]}, "Inner is int, not an object"),
        ({"nested": [[1.0, "x"]]}, "Outer.nested is 'x'"),
        ({"words": ["a", 1]}, "Outer.words is '1'"),
        ({"words": [["a"]]}, "Outer.words is"),
        ({"maybe": "x"}, "Outer.maybe is 'x'"),
    ],
    ids=str,
)
def test_other_types_and_missing_keys_are_refused(change: dict, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message.replace("[", r"\[")):
        build(Outer, asdict(VALUE) | change)
    with pytest.raises(TypeError, match="Outer is list, not an object"):
        build(Outer, [])
