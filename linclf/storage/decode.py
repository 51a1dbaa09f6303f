"""Decode plain data into frozen dataclasses: the inverse of `dataclasses.asdict`, also after JSON, with all types
checked.

Files are not trusted: a value of a type that linclf would not have written is refused.
"""

import math
import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

JsonObject: TypeAlias = dict[str, Any]  # an object of JSON, whose values have types of their own
T = TypeVar("T")


def build(cls: Callable[..., T], described: object) -> T:
    """Build a frozen dataclass whose fields are numbers, strings, booleans, tuples and such dataclasses.

    Unknown keys are ignored, so that files of a later version can be read. Raises ValueError for a key that is missing
    and has no default, and for a value of another type or an infinite number; TypeError for anything but a dict.
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


def to_record(value: Any) -> Any:
    """A dataclass as plain data, as `dataclasses.asdict` gives it, but without copying what cannot change: a table may have a
    hundred thousand columns."""
    if type(value) is tuple:
        return tuple(map(to_record, value)) if value and is_dataclass(value[0]) else value
    kind: Any = type(value)
    names = _field_names(kind)
    return {name: to_record(getattr(value, name)) for name in names} if names else value


@cache
def _field_names(cls: Any) -> tuple[str, ...]:
    """The fields of a dataclass, none of another type."""
    return tuple(f.name for f in fields(cls)) if is_dataclass(cls) else ()


@cache
def _hints(cls: Any) -> dict[str, tuple[Any, bool]]:
    """The type of each field, and whether it is required."""
    hints = get_type_hints(cls)
    return {f.name: (hints[f.name], f.default is MISSING and f.default_factory is MISSING) for f in fields(cls)}


def _value(hint: Any, value: Any, name: str) -> Any:
    """The value of a field of this type. Raises ValueError for another type."""
    if get_origin(hint) is types.UnionType:  # X | None
        return None if value is None else _value(get_args(hint)[0], value, name)
    if get_origin(hint) is tuple and isinstance(value, list | tuple):
        of = get_args(hint)[0]
        if of in (int, str) and set(map(type, value)) <= {of}:  # faster: a vocabulary has up to 100000 words
            return tuple(value)
        return tuple(_value(of, item, name) for item in value)
    if isinstance(hint, type) and is_dataclass(hint):
        return build(hint, value)
    if hint is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if hint in (int, str, bool) and type(value) is hint:
        return value
    raise ValueError(f"{name} is {str(value)[:40]!r}")


def finite_or_none(number: float) -> float | None:
    """A number as JSON allows it: None for NaN and infinity."""
    return float(number) if math.isfinite(number) else None
