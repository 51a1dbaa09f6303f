"""What is checked: a function of the user's, found, recognised, and brought into one form.

Whatever its signature, a subject is a value and a gradient of the same arguments, one of which the gradient is of:

    kind          arguments                        the value                        the gradient is of
    loss          W, X, y, reg  (or W, X, y)       f(...)[0]                        W
    predictions   pred (n,), true (n,) of +-1      *_forward(pred, true)            pred
    batch         input (n, C), target (n, C)      *_forward(input, target)         input
    dense         x_input, grad_output, W, b       sum(forward(x, W, b) * grad)     x_input, W or b
    general       w                                f(w)[0]                          w
"""

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from linclf import textbook
from linclf.errors import InputError
from linclf.losses import Array

KINDS = ("loss", "predictions", "batch", "dense", "general")
STAND_INS: dict[str, Callable[..., Any]] = {
    # a word in the gradient's name -> linclf's own forward, used when the user gives none
    "hinge": textbook.hinge_forward,
    "cross_entropy": textbook.cross_entropy_forward,
    "crossentropy": textbook.cross_entropy_forward,
    "softmax": textbook.cross_entropy_forward,
    "nll": textbook.cross_entropy_forward,
    "mse": textbook.mse_forward,
    "squared": textbook.mse_forward,
    "l2": textbook.mse_forward,
}
BACKWARD = ("_grad_input", "_backward", "_gradient", "_grad")


@dataclass(frozen=True)
class Subject:
    """A function in one form.

    name       as the user named it
    kind       one of KINDS
    value      arguments -> number
    gradient   arguments -> what the user returned for the gradient
    both       whether one call of the user's function gives both
    wrt        the position of the argument that the gradient is of
    arguments  their names
    notes      what the user should hear of
    """

    name: str
    kind: str
    value: Callable[..., float]
    gradient: Callable[..., Any]
    wrt: int
    arguments: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def describe(self, arguments: tuple[Any, ...]) -> str:
        """The arguments of a call, for people: names with shapes, or numbers."""
        shown = (
            f"{name} {np.shape(a)}" if np.ndim(a) else f"{name} {a}"
            for name, a in zip(self.arguments, arguments, strict=False)
        )
        return ", ".join(shown)


class UserError(InputError):
    """The user's own function raised an error."""


# --- finding it ----------------------------------------------------------------------------------------------------


def load_function(spec: str) -> Any:
    """The object that FILE.py:NAME or PKG.MOD:NAME names; the file's folder can be imported from.

    Raises InputError where there is none, UserError with the user's line where loading runs into an error.
    """
    place, colon, name = spec.rpartition(":")
    if not colon or not place or not name:
        raise InputError(f"{spec}: name a function as FILE.py:FUNCTION or PKG.MOD:FUNCTION")
    module = _load_file(place) if place.endswith(".py") else _import(place)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            public = [
                n for n, x in vars(module).items() if callable(x) and getattr(x, "__module__", "") == module.__name__
            ]
            raise InputError(
                f"{place}: has no {name!r}; it defines {', '.join(public[:10]) or 'no function'}{', ...' if public[10:] else ''}"
            )
        found = getattr(found, part)
    if not callable(found):
        raise InputError(f"{spec}: is of type {type(found).__name__}, not a function or a class")
    return found


def _load_file(path: str) -> ModuleType:
    if not Path(path).is_file():
        raise InputError(f"{path}: there is no such file")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path}: is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    sys.modules[spec.name] = module
    with users_code(path):
        spec.loader.exec_module(module)
    return module


def _import(name: str) -> ModuleType:
    sys.path.insert(0, os.getcwd())
    with users_code(name):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
                raise InputError(f"{name}: there is no such module; name a file as FILE.py:FUNCTION") from None
            raise


@contextmanager
def users_code(what: str) -> Iterator[None]:
    """A block that runs the user's code: its errors come back as UserError with the user's own last line."""
    try:
        yield
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, SyntaxError) and error.filename:
            place = f"{error.filename}:{error.lineno}"
        else:
            ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
            frames = [
                f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith((ours, "<frozen"))
            ]
            users = [f for f in frames if "site-packages" not in f.filename] or frames
            place = f"{users[-1].filename}:{users[-1].lineno}" if users else what
        raise UserError(f"{place}: {type(error).__name__}: {error} (in {what})") from error


# --- recognising it ------------------------------------------------------------------------------------------------


def recognise(
    function: Any,
    *,
    name: str = "",
    value: Callable[..., Any] | None = None,
    kind: str | None = None,
    binary: bool = False,
) -> Subject:
    """Bring a function, a class or an instance with forward and backward into one form.

    name   for messages; value  the forward of a gradient-only function; kind  one of KINDS, else by signature and name;
    binary whether its loss is known to be one of +-1 targets
    Raises InputError where it cannot be told what the function is.
    """
    name = name or getattr(function, "__qualname__", type(function).__name__)
    if kind is not None and kind not in KINDS:
        raise InputError(f"kind is {kind!r}; give one of {', '.join(KINDS)}")
    if inspect.isclass(function):
        with users_code(f"{name}()"):
            function = function()
    if hasattr(function, "forward") and hasattr(function, "backward"):
        words = f"{type(function).__name__} {name}".lower()
        kind = kind or _kind_of(words, _parameters(function.forward), binary) or "batch"
        return _pair(name, kind if kind == "predictions" else "batch", function.forward, function.backward, ())
    names = _parameters(function)
    short = getattr(function, "__name__", "").lower()
    kind = kind or _kind_of(short, names, binary)
    if kind is None:
        raise InputError(
            f"{name}({', '.join(names)}): is none of the known forms, f(W, X, y, reg), *_grad_input(pred, true), "
            "*_backward(input, target), dense_grad_*(x_input, grad_output, W, b), f(w); give --kind " + "|".join(KINDS)
        )
    if kind in ("loss", "general"):
        return _both(name, kind, function, names)
    if kind == "dense":
        return _dense(name, short, function, names)
    forward, backward, notes = _partners(name, short, function, value)
    return _pair(name, kind, forward, backward, notes)


def _parameters(function: Callable[..., Any]) -> list[str]:
    """The names of the arguments that must be given; of four the last may have a default, as reg often has."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ["w"]
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    listed = [p for p in parameters if p.kind in positional]
    required = [p.name for p in listed if p.default is p.empty]
    return [p.name for p in listed[:4]] if len(required) == 3 else required


def _kind_of(short: str, names: list[str], binary: bool) -> str | None:
    lower = [name.lower() for name in names]
    if len(names) == 4:
        return "dense" if "grad" in lower[1] or short.startswith("dense") else "loss"
    if len(names) == 3:
        return "loss"
    if len(names) == 2:
        words = " ".join([short, *lower])
        plus_minus = binary or "hinge" in words or ("pred" in lower[0] and "grad_input" in short)
        return "predictions" if plus_minus else "batch"
    if len(names) == 1:
        return "general"
    return None


def _both(name: str, kind: str, function: Callable[..., Any], names: list[str]) -> Subject:
    def call(*arguments: Any) -> tuple[float, Any]:
        with users_code(name):
            returned = function(*arguments)
        if not isinstance(returned, tuple | list) or len(returned) != 2:
            raise InputError(f"{name}: returned {type(returned).__name__}, not (value, gradient); return both")
        return as_number(returned[0], name), returned[1]

    arguments = ("w",) if kind == "general" else ("W", "X", "y", "reg")[: 3 if len(names) == 3 else 4]
    return Subject(name, kind, lambda *a: call(*a)[0], lambda *a: call(*a)[1], 0, arguments)


def _pair(
    name: str, kind: str, forward: Callable[..., Any], backward: Callable[..., Any], notes: tuple[str, ...]
) -> Subject:
    def value(*arguments: Any) -> float:
        with users_code(name):
            return as_number(forward(*arguments), name)

    def gradient(*arguments: Any) -> Any:
        with users_code(name):
            forward(*arguments)  # a layer may keep what its backward needs
            return backward(*arguments)

    arguments = ("pred", "true") if kind == "predictions" else ("input", "target")
    return Subject(name, kind, value, gradient, 0, arguments, notes)


def _partners(
    name: str, short: str, function: Callable[..., Any], value: Callable[..., Any] | None
) -> tuple[Callable[..., Any], Callable[..., Any], tuple[str, ...]]:
    """forward and backward of a pair of which one was named."""
    home = vars(sys.modules.get(function.__module__, object)) if hasattr(function, "__module__") else {}
    own = getattr(function, "__name__", "")
    if value is not None:
        return value, function, ()
    if short.endswith("forward"):
        stem = own[: -len("forward")].rstrip("_")
        for ending in BACKWARD:
            partner = home.get(f"{stem}{ending}" if stem else ending.lstrip("_"))
            if callable(partner):
                return function, partner, ()
        raise InputError(f"{name}: has no {stem}_grad_input or {stem}_backward beside it; name the gradient's function")
    stem = next((own[: -len(ending)] for ending in BACKWARD if own.endswith(ending)), own)
    for candidate in (f"{stem}_forward", f"{stem}_loss", "forward" if own == "backward" else ""):
        if callable(home.get(candidate)):
            return home[candidate], function, ()
    for word, stand_in in STAND_INS.items():
        if word in short:
            return stand_in, function, (f"no {stem}_forward beside it: linclf.textbook.{stand_in.__name__} stands in",)
    raise InputError(f"{name}: has no {stem}_forward beside it, and linclf knows none by that name; define it there")


def _dense(name: str, short: str, function: Callable[..., Any], names: list[str]) -> Subject:
    home = vars(sys.modules.get(function.__module__, object))
    forward, notes = home.get("dense_forward", textbook.dense_forward), ()
    wrt = 3 if short.endswith(("_b", "_bias")) else 2 if short.endswith(("_w", "_weights", "_weight")) else 0

    def value(x_input: Array, grad_output: Array, W: Array, b: Array) -> float:
        with users_code(name):
            return as_number(np.sum(np.asarray(forward(x_input, W, b)) * grad_output), name)

    def gradient(*arguments: Any) -> Any:
        with users_code(name):
            return function(*arguments)

    return Subject(name, "dense", value, gradient, wrt, ("x_input", "grad_output", "W", "b"), notes)


def as_number(returned: Any, name: str) -> float:
    """A value as a float; an array of one element is one. Raises InputError for anything else."""
    try:
        array = np.asarray(returned, np.float64)
    except (TypeError, ValueError):
        array = np.zeros(2)
    if array.size != 1:
        raise InputError(
            f"{name}: the value is {type(returned).__name__} of shape {np.shape(returned)}; return one number"
        )
    return float(array.reshape(()))
