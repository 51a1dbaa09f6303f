"""Finds what a user's function, class or object is: which forms its names allow, a layer, or a gradient beside its value."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from linclf.errors import InputError
from linclf.gradcheck.fit import REG, Callee, Recognised, fitted
from linclf.gradcheck.forms import KINDS, SIZES, Argument, Form, Size, forms, role_of
from linclf.gradcheck.layers import dense, is_dense, layer_of, layer_subjects
from linclf.gradcheck.load import module_of, parameters, user_code
from linclf.gradcheck.pairs import pair, positional, reader
from linclf.gradcheck.subjects import Subject
from linclf.gradcheck.tensors import Adapt, on_tensors, unchanged, uses_tensors

SIZES_OF_OBJECTS = (replace(SIZES[1], n=7), SIZES[1])  # whose constructor has been given the others
CONSTRUCTOR: dict[str, float] = {"reg": REG, "delta": 1.0, "margin": 1.0, "lr": 0.1, "learning_rate": 0.1}
INPUT_SIZES = ("n_input", "in_features", "input_dim", "input_size", "n_in", "n_features", "num_features", "d_in", "d", "dim")  # fmt: skip
OUTPUT_SIZES = ("n_output", "out_features", "output_dim", "output_size", "n_out", "n_classes", "num_classes", "d_out", "c", "k")  # fmt: skip


class Layer(Protocol):
    """An object with a forward and a backward function."""

    forward: Callable[..., object]
    backward: Callable[..., object]


def recognise(
    function: Any,
    *,
    name: str = "",
    value: Callable[..., object] | None = None,
    kind: str | None = None,
    binary: bool = False,
    wanted: str | None = None,
    given: tuple[Argument, ...] = (),
) -> tuple[Recognised, ...]:
    """The form of a function, a class or an instance: a subject for each argument that it returns a gradient for.

    name    how messages name it; default: its own name
    value   the function of the value, for a function that returns only the gradient
    kind    one of KINDS; default: detected
    binary  whether its loss is known to have targets +-1
    wanted  the name of the loss that its value must be
    given   arguments of the user's own, if there are any: where no other can be used, these decide the form
    Raises InputError if there is no such form.
    """
    name = name or getattr(function, "__qualname__", type(function).__name__)
    if kind is not None and kind not in KINDS:
        raise InputError(f"kind is {kind!r}; give one of {', '.join(KINDS)}")
    owner = _owner(function)
    if owner is not None:
        function = getattr(_instance(owner, name), function.__name__)
    if inspect.isclass(function):
        function = _instance(function, name)
    if not callable(function) and callable(getattr(function, "loss", None)):
        function = function.loss

    def found(adapt: Adapt) -> tuple[Recognised, ...]:
        if hasattr(function, "forward") and hasattr(function, "backward"):
            return _object(function, name, adapt, kind=kind, binary=binary, wanted=wanted)
        return _function(function, name, adapt, value=value, kind=kind, binary=binary, wanted=wanted, given=given)

    try:
        return found(unchanged)
    except InputError:
        if not uses_tensors(function):
            raise
        return found(on_tensors)


def _function(
    function: Any,
    name: str,
    adapt: Adapt,
    *,
    value: Callable[..., object] | None,
    kind: str | None,
    binary: bool,
    wanted: str | None,
    given: tuple[Argument, ...],
) -> tuple[Recognised, ...]:
    """A function or a method, which takes arrays once it is adapted."""
    words = _words(function, name)
    names, call = positional(function)
    if not names:  # f(*arguments)
        names = [f"argument {i + 1}" for i in range(len(given) or (1 if kind == "general" else 4))]
    if kind == "layer" or (kind is None and value is None and role_of(names[0]) == "dout"):
        return tuple(map(Recognised, layer_of(name, function, adapt)))
    if kind == "dense" or (kind is None and is_dense(names, words)):
        return (Recognised(dense(name, words, function)),)
    if hasattr(getattr(function, "__self__", None), "W") and "W" not in map(role_of, names):
        names, call = ["W", *names], _with_weights(function, call)
    candidates = list(forms(names, words, kind=kind, binary=binary))
    if not candidates:
        raise InputError(_refusal(name, names, "takes arguments of no form that is known"))
    call = adapt(call)
    read = reader(name, words, function, call, value=value, adapt=adapt)
    found = fitted(Callee(name, names, call, read), candidates, wanted=wanted, given=given)
    bias = _bias(found)
    return (found,) if bias is None else (found, replace(found, subject=bias))


def _bias(found: Recognised) -> Subject | None:
    """The subject of the gradient by the bias, if the function takes one and returns its gradient."""
    form, by_bias = found.subject.form, found.subject.by_bias
    if by_bias is None or "b" not in form.roles or found.sizes is None:
        return None

    def make(rng: np.random.Generator, size: Size) -> tuple[Argument, ...]:
        return form.arguments(rng, size, REG)

    if by_bias(*make(np.random.default_rng(0), found.sizes[0])) is None:
        return None
    at, roles = form.roles.index("b"), Form("layer", form.roles)
    name = f"{found.subject.name} by the bias"
    return Subject(name, roles, found.subject.value, by_bias, at, form.roles, make=make)


def _words(function: Any, name: str) -> str:
    """The function's own name in small letters, in which words are searched."""
    own = getattr(function, "__name__", "") or type(function).__name__
    return own.lower() if own != "<lambda>" else name.rpartition(":")[2].lower()


def _with_weights(method: Any, call: Callable[..., object]) -> Callable[..., object]:
    """A method that reads self.W, as a function of W."""

    def function(W: Argument, *arguments: Argument) -> object:
        method.__self__.W = W
        return call(*arguments)

    return function


def _owner(function: Any) -> Any | None:
    """The class of a function that is defined in one, and takes self."""
    path = getattr(function, "__qualname__", "").split(".")
    if (
        len(path) != 2
        or not inspect.isfunction(function)
        or next(iter(inspect.signature(function).parameters), "") != "self"
    ):
        return None
    return module_of(function).get(path[0])


def _instance(made: Any, name: str) -> Any:
    """An instance of a class, with arguments by the names in its constructor."""
    needed = [p for p in parameters(made) if p.default is p.empty]
    size = SIZES[1]
    arguments = []
    for p in needed:
        plain_name = p.name.strip("_").lower()
        is_size = plain_name in INPUT_SIZES, plain_name in OUTPUT_SIZES
        arguments.append(size.d if is_size[0] else size.n_classes if is_size[1] else CONSTRUCTOR.get(plain_name, REG))
    with user_code(f"{name}()"):
        return made(*arguments)


def _object(
    layer: Any, name: str, adapt: Adapt, *, kind: str | None, binary: bool, wanted: str | None
) -> tuple[Recognised, ...]:
    """An object with forward and backward: a loss of predictions and targets, or a layer."""
    names, forward = positional(layer.forward)
    back_names, backward = positional(layer.backward)
    forward, backward = adapt(forward), adapt(backward)
    words = f"{type(layer).__name__} {name.rpartition(':')[2]}".lower()
    if len(names) == 1 or role_of(back_names[0] if back_names else "") == "dout":
        layers = layer_subjects(name, names, forward, backward, len(back_names))
        return tuple(Recognised(one, SIZES_OF_OBJECTS) for one in layers)
    both = len(back_names) == len(names)

    def gradient(*arguments: Argument) -> object:
        return backward(*arguments) if both else backward() if not back_names else backward(1.0)

    candidates = [one for one in forms(names, words, kind=kind, binary=binary) if one.kind in ("predictions", "batch")]
    if not candidates:
        raise InputError(_refusal(name, names, "has a forward of no form that is known"))
    source = pair(name, forward, gradient, ())
    return (fitted(Callee(name, names, forward, lambda returned: source), candidates, wanted=wanted),)


def _refusal(name: str, names: Sequence[str], why: str) -> str:
    """What is wrong, and a line to paste that makes the function checkable."""
    own, shown = name.rpartition(":")[2], ", ".join(names)
    made = {"X": "np.sin(np.arange(28.0)).reshape(7, 4)", "y": "np.arange(7) % 3", "reg": "0.3", "b": "np.zeros(3)"}
    roles = [role_of(one) for one in names]
    wanted = "scores" if "scores" in roles and "X" not in roles else "W"
    first = roles.index(wanted) if wanted in roles else 0
    filled = ["w" if i == first else made.get(role or "", "1.0") for i, role in enumerate(roles)]
    line = f"check = lambda w: {own}({', '.join(filled)})"
    return f"{name}({shown}): {why}; add a line that fixes all arguments but one, and check it, FILE.py:check: {line}"
