"""The parameters of LinearClassifier that are training options: their constraints and descriptions come from these, and messages
that name options name parameters instead."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from types import NoneType
from typing import TypeVar

from sklearn.utils._param_validation import Interval, StrOptions

from linclf.errors import DivergedError, InputError
from linclf.training.options import OPTIONS, Option

T = TypeVar("T")


def with_options(cls: type[T]) -> type[T]:
    """Take the constraints and the descriptions of parameters that are training options from these."""
    described = ""
    constraints: dict[str, list[object]] = cls._parameter_constraints  # type: ignore[attr-defined]
    for option in OPTIONS:
        if hasattr(cls, option.parameter) and option.parameter not in constraints:
            constraints[option.parameter] = _constraints(option)
            described += (
                f"    {option.parameter} : {option.type_text}, default={option.default!r}\n        {option.help}\n"
            )
    cls.__doc__ = (cls.__doc__ or "").replace("    OPTIONS\n", described)
    return cls


def _constraints(option: Option) -> list[object]:
    """The values that a parameter may have, as scikit-learn's validation takes them."""
    found: list[object] = []
    if option.choices:
        found.append(StrOptions(set(option.choices)))
    if option.auto:
        found.append(StrOptions({"auto"}))
    if option.number:
        high = None if option.high == math.inf else option.high
        kind = Integral if option.number is int else Real
        found.append(Interval(kind, option.low, high, closed="neither" if option.above_low else "left"))
    if option.flag:
        found.append("boolean")
    return [*found, None] if NoneType in option.types else found


@contextmanager
def errors_in_python() -> Iterator[None]:
    """Errors that name options of the command line name parameters instead."""
    try:
        yield
    except (InputError, DivergedError) as error:
        raise type(error)(in_python(str(error))) from None


def in_python(text: str) -> str:
    """The text with parameters instead of the options of the command line."""
    text = text.replace("--no-bias", "fit_bias=False")
    return re.sub("--([a-z-]+)", lambda found: found[1].replace("-", "_"), text)
