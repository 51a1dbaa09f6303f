"""The user's function: loaded, recognised by signature and name, and brought into one form.

Whatever the signature, a subject is a value and a gradient of the same arguments, and the gradient is with respect to one
of them:

    kind          arguments                        value                            gradient with respect to
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
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeAlias

import numpy as np

from linclf import textbook
from linclf.errors import InputError
from linclf.losses import Array

Argument: TypeAlias = Array | float  # of a user's function

KINDS = ("loss", "predictions", "batch", "dense", "general")
TEXTBOOK_FORWARD: dict[str, Callable[..., float]] = {
    # a word in the gradient's name -> the forward function of linclf.textbook, used if the user has defined none
    "hinge": textbook.hinge_forward,
    "cross_entropy": textbook.cross_entropy_forward,
    "crossentropy": textbook.cross_entropy_forward,
    "softmax": textbook.cross_entropy_forward,
    "nll": textbook.cross_entropy_forward,
    "mse": textbook.mse_forward,
    "squared": textbook.mse_forward,
    "l2": textbook.mse_forward,
}
BACKWARD_SUFFIXES = ("_grad_input", "_backward", "_gradient", "_grad")


class Layer(Protocol):
    """An object with a forward and a backward function."""

    forward: Callable[..., object]
    backward: Callable[..., object]


@dataclass(frozen=True)
class Subject:
    """A user's function in one form.

    name       as the user named it
    kind       one of KINDS
    value      arguments -> number
    gradient   arguments -> what the user's function returned for the gradient
    wrt        the position of the argument that the gradient is with respect to
    arguments  the names of the arguments
    notes      notes for the report
    """

    name: str
    kind: str
    value: Callable[..., float]
    gradient: Callable[..., object]
    wrt: int
    arguments: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def along(self, arguments: tuple[Argument, ...], direction: Array) -> Callable[[float], float]:
        """The value as a function of one number t: at the arguments, moved by t times the direction."""
        w = np.asarray(arguments[self.wrt], np.float64)
        before, after = arguments[: self.wrt], arguments[self.wrt + 1 :]
        return lambda t: self.value(*before, w + t * direction, *after)

    def on_copies(self) -> "Subject":
        """The same subject whose value is computed on copies, for a function that changes its arguments."""
        return replace(self, value=lambda *arguments: self.value(*copies(arguments)))

    def describe(self, arguments: tuple[Argument, ...]) -> str:
        """The arguments of a call as text: names with shapes or numbers."""
        shown = (
            f"{name} {np.shape(a)}" if np.ndim(a) else f"{name} {a}"
            for name, a in zip(self.arguments, arguments, strict=False)
        )
        return ", ".join(shown)


def copies(arguments: tuple[Argument, ...]) -> tuple[Argument, ...]:
    """The arguments with their arrays copied, for a function that may change them."""
    return tuple(a.copy() if isinstance(a, np.ndarray) else a for a in arguments)


class UserError(InputError):
    """The user's own function raised an error."""


# --- loading ---------------------------------------------------------------------------------------------------------


def load_function(spec: str) -> Any:
    """The object that FILE.py:NAME or PKG.MOD:NAME names; its file may import other files of its folder.

    Raises InputError if there is none, and UserError with the user's line if loading fails.
    """
    home, colon, name = spec.rpartition(":")
    if not colon or not home or not name:
        raise InputError(f"{spec}: name a function as FILE.py:FUNCTION or PKG.MOD:FUNCTION")
    module = _load_file(home) if home.endswith(".py") else _import(home)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            public = [
                n for n, x in vars(module).items() if callable(x) and getattr(x, "__module__", "") == module.__name__
            ]
            raise InputError(
                f"{home}: has no {name!r}; it defines {', '.join(public[:10]) or 'no function'}{', ...' if public[10:] else ''}"
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
    with user_code(path):
        spec.loader.exec_module(module)
    return module


def _import(name: str) -> ModuleType:
    sys.path.insert(0, os.getcwd())
    with user_code(name):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
                raise InputError(f"{name}: there is no such module; name a file as FILE.py:FUNCTION") from None
            raise


@contextmanager
def user_code(what: str) -> Iterator[None]:
    """A block that runs the user's code: an error in it becomes a UserError with the last line of the user's that ran."""
    try:
        yield
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, SyntaxError) and error.filename:
            line = f"{error.filename}:{error.lineno}"
        else:
            ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
            frames = [
                f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith((ours, "<frozen"))
            ]
            users = [f for f in frames if "site-packages" not in f.filename] or frames
            line = f"{users[-1].filename}:{users[-1].lineno}" if users else what
        raise UserError(f"{line}: {type(error).__name__}: {error} (in {what})") from error


# --- recognising ---------------------------------------------------------------------------------------------------


def recognise(
    function: Callable[..., object] | Layer,
    *,
    name: str = "",
    value: Callable[..., object] | None = None,
    kind: str | None = None,
    binary: bool = False,
) -> Subject:
    """Bring a function, a class or an instance with forward and backward into one form.

    name    how messages name it; default: its own name
    value   the forward function, for a function that returns only the gradient
    kind    one of KINDS; default: detected from signature and name
    binary  whether its loss is known to have targets +-1
    Raises InputError if the kind cannot be detected.
    """
    name = name or getattr(function, "__qualname__", type(function).__name__)
    if kind is not None and kind not in KINDS:
        raise InputError(f"kind is {kind!r}; give one of {', '.join(KINDS)}")
    if inspect.isclass(function):
        with user_code(f"{name}()"):
            instance: Any = function()
        function = instance
    if hasattr(function, "forward") and hasattr(function, "backward"):
        words = f"{type(function).__name__} {name}".lower()
        kind = kind or _detect_kind(words, _parameters(function.forward), binary) or "batch"
        return _pair(name, kind if kind == "predictions" else "batch", function.forward, function.backward, ())
    names = _parameters(function)
    short = getattr(function, "__name__", "").lower()
    kind = kind or _detect_kind(short, names, binary)
    if kind is None:
        raise InputError(
            f"{name}({', '.join(names)}): matches none of the known forms, f(W, X, y, reg), *_grad_input(pred, true), "
            "*_backward(input, target), dense_grad_*(x_input, grad_output, W, b), f(w); give --kind " + "|".join(KINDS)
        )
    if kind in ("loss", "general"):
        return _value_and_gradient(name, kind, function, names)
    if kind == "dense":
        return _dense(name, short, function)
    forward, backward, notes = _find_pair(name, short, function, value)
    return _pair(name, kind, forward, backward, notes)


def _parameters(function: Callable[..., object]) -> list[str]:
    """The names of the required arguments; the last of four may have a default value, as reg often has."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ["w"]
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    listed = [p for p in parameters if p.kind in positional]
    required = [p.name for p in listed if p.default is p.empty]
    return [p.name for p in listed[:4]] if len(required) == 3 else required


def _detect_kind(short: str, names: list[str], binary: bool) -> str | None:
    """The kind of a function by its own name and those of its arguments; None if they do not show it."""
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


def _value_and_gradient(name: str, kind: str, function: Callable[..., object], names: list[str]) -> Subject:
    """A function that returns both."""

    def call(*arguments: Argument) -> tuple[float, object]:
        with user_code(name):
            returned = function(*arguments)
        if not isinstance(returned, tuple | list) or len(returned) != 2:
            raise InputError(f"{name}: returned {type(returned).__name__}, not (value, gradient); return both")
        return as_number(returned[0], name), returned[1]

    arguments = ("w",) if kind == "general" else ("W", "X", "y", "reg")[: 3 if len(names) == 3 else 4]
    return Subject(name, kind, lambda *a: call(*a)[0], lambda *a: call(*a)[1], 0, arguments)


def _pair(
    name: str, kind: str, forward: Callable[..., object], backward: Callable[..., object], notes: tuple[str, ...]
) -> Subject:
    """A forward and a backward function."""

    def value(*arguments: Argument) -> float:
        with user_code(name):
            return as_number(forward(*arguments), name)

    def gradient(*arguments: Argument) -> object:
        with user_code(name):
            forward(*arguments)  # a layer may store what its backward needs
            return backward(*arguments)

    arguments = ("pred", "true") if kind == "predictions" else ("input", "target")
    return Subject(name, kind, value, gradient, 0, arguments, notes)


def _find_pair(
    name: str, short: str, function: Callable[..., object], value: Callable[..., object] | None
) -> tuple[Callable[..., object], Callable[..., object], tuple[str, ...]]:
    """Forward, backward and notes; the function is one of the two, and the other is searched for in its module by name."""
    module = vars(sys.modules.get(function.__module__, object)) if hasattr(function, "__module__") else {}
    own = getattr(function, "__name__", "")
    if value is not None:
        return value, function, ()
    if short.endswith("forward"):
        stem = own[: -len("forward")].rstrip("_")
        for suffix in BACKWARD_SUFFIXES:
            backward = module.get(f"{stem}{suffix}" if stem else suffix.lstrip("_"))
            if callable(backward):
                return function, backward, ()
        raise InputError(
            f"{name}: there is no {stem}_grad_input or {stem}_backward next to it; name the gradient's function"
        )
    stem = next((own[: -len(suffix)] for suffix in BACKWARD_SUFFIXES if own.endswith(suffix)), own)
    for candidate in (f"{stem}_forward", f"{stem}_loss", "forward" if own == "backward" else ""):
        if callable(module.get(candidate)):
            return module[candidate], function, ()
    for word, forward in TEXTBOOK_FORWARD.items():
        if word in short:
            note = f"there is no {stem}_forward next to it, so linclf.textbook.{forward.__name__} is used"
            return forward, function, (note,)
    raise InputError(
        f"{name}: there is no {stem}_forward next to it, and linclf has none by that name; define it in the same file"
    )


def _dense(name: str, short: str, function: Callable[..., object]) -> Subject:
    """One of the three gradients of a dense layer, by the end of its name."""
    module = vars(sys.modules.get(function.__module__, object))
    forward = module.get("dense_forward", textbook.dense_forward)
    wrt = 3 if short.endswith(("_b", "_bias")) else 2 if short.endswith(("_w", "_weights", "_weight")) else 0

    def value(x_input: Array, grad_output: Array, W: Array, b: Array) -> float:
        with user_code(name):
            return as_number(np.sum(np.asarray(forward(x_input, W, b)) * grad_output), name)

    def gradient(*arguments: Argument) -> object:
        with user_code(name):
            return function(*arguments)

    return Subject(name, "dense", value, gradient, wrt, ("x_input", "grad_output", "W", "b"))


def as_number(returned: Any, name: str) -> float:
    """The value that a function returned, as a float. Raises InputError if it is not a number or an array of one."""
    try:
        array = np.asarray(returned, np.float64)
    except (TypeError, ValueError):
        array = np.zeros(2)
    if array.size != 1:
        raise InputError(
            f"{name}: the value is {type(returned).__name__} of shape {np.shape(returned)}; return one number"
        )
    return float(array.reshape(()))
