"""A user's function or method as it is called: by position, with arrays, beside the functions that are defined next to it."""

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from linclf.gradcheck.forms import Argument
from linclf.gradcheck.load import module_of, parameters
from linclf.gradcheck.partners import same
from linclf.gradcheck.roles import GRADIENT_WANTED, role_of
from linclf.gradcheck.tensors import Manner

DEFAULT = Manner()
OTHER, OTHER_ZERO = 0.6, 0.1  # times a default, and in place of 0, where other defaults are checked
FIXED_DEFAULTS = ("tiny", "rate", "n_classes", "n_features", "n_samples")  # roles of arguments whose defaults stay


@dataclass(frozen=True)
class Callee:
    """A user's function as it is called.

    name    how messages name it
    own     its own name
    names   of its arguments
    call    the function of these by position
    beside  (nothing) -> the functions that are defined next to it, by name
    code    the names that its code uses: of globals and of attributes
    home    the module that it is defined in
    kept    the object whose method it is, if that is always the same
    """

    name: str
    own: str
    names: tuple[str, ...]
    call: Callable[..., Any]
    beside: Callable[[], Mapping[str, "Callee"]] = field(default=dict)
    code: frozenset[str] = frozenset()
    home: str = ""
    kept: tuple[Any, ...] = ()

    def numbers(self) -> frozenset[int]:
        """The whole numbers that are written into the file that it is defined in."""
        path = getattr(sys.modules.get(self.home), "__file__", None)
        text = Path(path).read_text(errors="replace") if path and Path(path).is_file() else ""
        return frozenset(int(digits) for digits in re.findall(r"(?<![\w.])\d{1,6}(?![\w.])", text))

    def all_code(self) -> frozenset[str]:
        """The names that its code uses, and that of the functions defined next to it which it names."""
        beside = self.beside()
        return self.code.union(*(beside[name].code for name in beside if name in self.code or same(name, self.own)))

    def of(self, names: tuple[str, ...]) -> Callable[..., Any] | None:
        """The function of another one's arguments; None if these do not say what each of its own is."""
        roles, own_roles = [role_of(name) for name in names], [role_of(name) for name in self.names]
        if all(name in names for name in self.names):
            places = [names.index(name) for name in self.names]
        elif None not in own_roles and len(set(own_roles)) == len(own_roles) and set(own_roles) <= set(roles):
            places = [roles.index(role) for role in own_roles]
        elif len(names) == len(self.names):
            return self.call
        else:
            return None
        return lambda *arguments: self.call(*(arguments[place] for place in places))


def of_function(function: Any, name: str, manner: Manner) -> Callee:
    """A function of a module, or anything that can be called."""
    own = name.rpartition(":")[2].rpartition(".")[2]
    own = own if own.isidentifier() else getattr(function, "__name__", "") or type(function).__name__

    def beside() -> dict[str, Callee]:
        return {
            key: of_function(found, key, manner)
            for key, found in module_of(function).items()
            if isinstance(found, FunctionType) and _is_users(found) and found is not function
        }

    names, call = positional(function, manner)
    return Callee(name, own, tuple(names), call, beside, code_of(function), getattr(function, "__module__", ""))


def _is_users(function: FunctionType) -> bool:
    """Whether a function is not a library's."""
    module = sys.modules.get(function.__module__, ModuleType("none"))
    home = getattr(module, "__file__", None) or ""
    return "site-packages" not in home and "/lib/python" not in home


def code_of(function: Any) -> frozenset[str]:
    """The names that the code of a function uses: of globals and of attributes."""
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    return frozenset(code.co_names) if code is not None else frozenset()


def positional(function: Any, manner: Manner = DEFAULT) -> tuple[list[str], Callable[..., object]]:
    """The names of the arguments that are given, and the function of these by position.

    These are the arguments without a default, and of the others the strength of a penalty, and data and weights that are None. A flag that
    asks for the gradient is set.
    """
    listed = parameters(function)
    flags: dict[str, Any] = {p.name: True for p in listed if p.name.lower() in GRADIENT_WANTED}
    plain = sum(_is_given(p, with_reg=False) for p in listed)
    used = [p for p in listed if p.name not in flags and _is_given(p, with_reg=plain > 2)]
    order = [i for i, p in enumerate(used) if p.kind is not p.KEYWORD_ONLY and listed.index(p) == i]
    names = [p.name for p in used]
    if manner.other_defaults:
        flags |= other_defaults(p for p in listed if p.name not in names)

    def call(*arguments: Argument) -> object:
        by_position = [arguments[i] for i in order]
        rest = {names[i]: a for i, a in enumerate(arguments) if i not in order}
        return function(*by_position, **rest, **flags)

    return names, manner(function if len(order) == len(names) and not flags else call)


def other_defaults(listed: Iterable[inspect.Parameter]) -> dict[str, float]:
    """Other values for arguments that have a number for a default, such as a margin, by their names."""
    found = {}
    for p in listed:
        role, number = role_of(p.name), type(p.default) in (int, float)
        counts = role in FIXED_DEFAULTS or p.name.lower().startswith(("n_", "num_", "max_", "min_"))
        if number and not counts and (isinstance(p.default, float) or role == "delta"):
            found[p.name] = OTHER * p.default or OTHER_ZERO
    return found


def _is_given(p: inspect.Parameter, *, with_reg: bool) -> bool:
    role = role_of(p.name)
    return (
        p.default is p.empty
        or (role == "reg" and with_reg)
        or (p.default is None and role in ("W", "X", "y", "b", "dout"))
    )
