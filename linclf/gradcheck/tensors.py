"""PyTorch's tensors, in functions of the user's that take or return them. PyTorch is used where the user's file has imported it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from linclf.gradcheck.load import module_of


@dataclass(frozen=True)
class Manner:
    """How a user's functions are called: with tensors or arrays, and with the defaults of their arguments or with others."""

    tensors: bool = False
    other_defaults: bool = False

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function as one of arrays."""
        return on_tensors(function) if self.tensors else function


def on_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of tensors, as one of arrays; these share their memory, so that changes in place are seen."""

    def call(*arguments: Any, **named: Any) -> Any:
        return function(*map(_as_tensors, arguments), **{name: _as_tensors(a) for name, a in named.items()})

    call.__name__ = getattr(function, "__name__", "function")
    return call


def _as_tensors(given: Any) -> Any:
    if isinstance(given, tuple | list):
        return type(given)(map(_as_tensors, given))
    return sys.modules["torch"].as_tensor(given) if isinstance(given, np.ndarray) else given


def uses_tensors(function: Any) -> bool:
    """Whether the file that defines a function, or the class of an object, has imported PyTorch."""
    home = function if hasattr(function, "__module__") else type(function)
    names = (found.__name__ for found in module_of(home).values() if isinstance(found, ModuleType))
    return any(name.partition(".")[0] == "torch" for name in names)
