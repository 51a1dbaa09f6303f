"""Plain data -> frozen values: `dataclasses.asdict` undone, also by way of JSON, with every type checked.

What a file says of itself is not trusted: a value is either what linclf would have written, or refused.
"""

import math
import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def build(cls: Callable[..., T], described: Any) -> T:
    """A value of a frozen dataclass whose fields are numbers, text, truth values, tuples and such dataclasses.

    Keys that it does not know are left out, so that what a later version adds does no harm. Raises ValueError for a key that
    is missing and has no default, and for a value of another type, an infinite number among them; TypeError for what is no
    object at all.
    """
    if not isinstance(described, dict):
        raise TypeError(f"{getattr(cls, '__name__', cls)} is {type(described).__name__}, not an object")
    found = {}
    for name, (hint, required) in _hints(cls).items():
        if name in described:
            found[name] = _value(hint, described[name], f"{getattr(cls, '__name__', cls)}.{name}")
        elif required:
            raise ValueError(f"{getattr(cls, '__name__', cls)} has no {name}")
    return cls(**found)


@cache
def _hints(cls: Any) -> dict[str, tuple[Any, bool]]:
    """The type of each field, and whether it must be there."""
    hints = get_type_hints(cls)
    return {f.name: (hints[f.name], f.default is MISSING and f.default_factory is MISSING) for f in fields(cls)}


def _value(hint: Any, value: Any, name: str) -> Any:
    """The value of a field of this type."""
    if get_origin(hint) is types.UnionType:  # X | None
        return None if value is None else _value(get_args(hint)[0], value, name)
    if get_origin(hint) is tuple and isinstance(value, list | tuple):
        of = get_args(hint)[0]
        if of in (int, str) and set(map(type, value)) <= {of}:  # a text has 100000 words
            return tuple(value)
        return tuple(_value(of, item, name) for item in value)
    if isinstance(hint, type) and is_dataclass(hint):
        return build(hint, value)
    if hint is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if hint in (int, str, bool) and type(value) is hint:
        return value
    raise ValueError(f"{name} is {str(value)[:40]!r}")
