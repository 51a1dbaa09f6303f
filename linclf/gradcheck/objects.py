"""Classes and objects of a user's: instances, their methods as functions of data and weights, and what they leave in attributes."""

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType
from typing import Any

import numpy as np

from linclf.gradcheck.attributes import INPUT_GRADIENTS, OUTPUTS, is_gradient_of, left_by, weights_of
from linclf.gradcheck.callee import DEFAULT, Callee, code_of, other_defaults, positional
from linclf.gradcheck.forms import REG, SIZES, Argument
from linclf.gradcheck.load import parameters, user_code
from linclf.gradcheck.roles import ROLES, role_of
from linclf.gradcheck.tensors import Manner

CONSTRUCTOR: dict[str, float] = {"reg": REG, "delta": 0.8, "margin": 0.8, "lr": 0.1, "learning_rate": 0.1}
INPUT_SIZES = ("n_input", "n_inputs", "in_features", "input_dim", "input_size", "n_in", "n_features", "num_features", "d_in", "d", "dim", "m", "in_dim", "input_dims")  # fmt: skip
OUTPUT_SIZES = ("n_output", "n_outputs", "n_neurons", "out_features", "output_dim", "output_size", "hidden_size", "n_out", "n_classes", "num_classes", "d_out", "out_dim", "units", "c", "k", "n")  # fmt: skip


@dataclass(frozen=True)
class Maker:
    """Makes instances of a class: with arguments by the names in its constructor.

    data  the names of constructor arguments that are data or weights, which each instance is given anew
    """

    made: Any
    name: str
    manner: Manner = DEFAULT

    @cached_property
    def data(self) -> tuple[str, ...]:
        """The names of the constructor's arguments that are data or weights."""
        return tuple(name for name in self._needed if role_of(name) in ("X", "y", "W", "b"))

    def __call__(self, *data: Argument) -> Any:
        """An instance, given data and weights in the order of their names."""
        given = dict(zip(self.data, data, strict=True))
        if not inspect.isclass(self.made):
            return self.made
        with user_code(f"{self.name}()"):
            return self.made(*(given.get(name, _number(name)) for name in self._needed), **self._others)

    def filled(self) -> Any:
        """An instance whose weights are random where they are zero, or data of the constructor."""
        if not inspect.isclass(self.made):
            return copy.deepcopy(self.made)
        rng, size = np.random.default_rng(0), SIZES[1]
        shapes = {"W": (size.d, size.n_classes), "b": (size.n_classes,), "X": (size.n, size.d), "y": (size.n,)}
        one = self(*(rng.standard_normal(shapes[str(role_of(name))]) for name in self.data))
        names = {weight.name for weight in weights_of(one)}
        for weight in weights_of(one):
            shape = np.shape(weight.read(one))
            if shape and not np.any(weight.read(one)) and not is_gradient_of(weight.name, names):
                weight.write(one, rng.standard_normal(shape))
        return one

    @property
    def home(self) -> str:
        """The module of the class."""
        return str(getattr(self.made, "__module__", ""))

    @cached_property
    def _others(self) -> dict[str, float]:
        return other_defaults(parameters(self.made)) if self.manner.other_defaults else {}

    @cached_property
    def _needed(self) -> tuple[str, ...]:
        if not inspect.isclass(self.made):
            return ()
        return tuple(p.name for p in parameters(self.made) if p.default is p.empty)


def _number(name: str) -> float:
    """What a constructor's argument of this name gets: a size, or the strength of a penalty."""
    plain_name, size = name.strip("_").lower(), SIZES[1]
    if plain_name in INPUT_SIZES:
        return size.d
    return size.n_classes if plain_name in OUTPUT_SIZES else CONSTRUCTOR.get(plain_name, REG)


def of_backward(forward: Callee, maker: Maker, names: Sequence[str], manner: Manner) -> Callee:
    """The backward of a loss that is an object, as a function of the arguments of its forward."""
    head, own = len(maker.data), forward.names[len(maker.data) :]

    def call(*arguments: Argument) -> object:
        data, rest = arguments[:head], arguments[head:]
        one = forward.kept[0] if forward.kept else maker(*data)
        if not forward.kept:  # else it has been called
            one.forward(*rest)
        returned = positional(one.backward, manner)[1](*_given_to_backward(names, own, rest))
        return left_by(one, INPUT_GRADIENTS) if returned is None else returned

    return Callee(forward.name, "backward", forward.names, manner(call))


def _given_to_backward(names: Sequence[str], own: Sequence[str], given: Sequence[Argument]) -> list[Argument]:
    """The arguments of a loss's backward, by their names, from those that its forward, with names `own`, was given."""
    roles = [role_of(name) for name in own]
    label = roles.index("y") if "y" in roles else min(1, len(own) - 1)
    found: list[Argument] = []
    for k, name in enumerate(names):
        role = role_of(name)
        if name in own:
            found.append(given[own.index(name)])
        elif role == "y":
            found.append(given[label])
        elif len(names) == len(own) > 1:  # predictions and targets again
            found.append(given[1 - label] if k != label else given[label])
        else:
            found.append(0.0 if role == "rate" else given[0] if role in ("scores", "X") else 1.0)
    return found


def of_method(maker: Maker, method: str, name: str, manner: Manner, same: Sequence[Any] = ()) -> Callee:
    """A method: its arguments are those of the constructor that are data or weights, attributes that it reads, and its own.

    same  the object whose method it is; default: a new one
    """
    kept = list(same) or ([] if maker.data else [maker()])

    def instance(data: tuple[Argument, ...]) -> Any:
        return kept[0] if kept else maker(*data)

    function = getattr(kept[0] if kept else maker.made, method)
    names, of_kept = positional(function, manner)
    names = names[1:] if not kept and names[:1] == ["self"] else names
    code = code_of(function)
    attributes = _weights(maker.made, kept[0], code) if kept and "W" not in map(role_of, names) else ()

    def call(*arguments: Argument) -> object:
        head = len(maker.data) + len(attributes)
        one = instance(arguments[: len(maker.data)])
        for attribute, value in zip(attributes, arguments[len(maker.data) : head], strict=True):
            setattr(one, attribute, value)
        own = of_kept if kept else positional(getattr(one, method), manner)[1]
        returned = own(*arguments[head:])
        return left_by(one, OUTPUTS) if returned is None and method == "forward" else returned

    def beside() -> dict[str, Callee]:
        return {
            other: of_method(maker, other, f"{name}.{other}", manner, kept)
            for other in methods(maker.made)
            if other != method
        }

    return Callee(name, method, (*maker.data, *attributes, *names), manner(call), beside, code, maker.home, tuple(kept))


def methods(made: Any) -> list[str]:
    """The names of the methods of a class or an object, in the order of their definition, those of the class itself first."""
    kind = made if inspect.isclass(made) else type(made)
    found = [name for one in kind.__mro__[:-1] for name, entry in vars(one).items() if _is_method(name, entry)]
    return list(dict.fromkeys(found))


def _is_method(name: str, entry: Any) -> bool:
    return (not name.startswith("__") or name == "__call__") and isinstance(
        entry, FunctionType | staticmethod | classmethod
    )


def _weights(made: Any, instance: Any, code: frozenset[str]) -> tuple[str, ...]:
    """The attributes of an instance that a method reads its weights and bias from."""
    kind = made if inspect.isclass(made) else type(made)
    known = set(vars(instance)) | set(dir(kind)) if hasattr(instance, "__dict__") else set()
    found = [
        name for role in ("W", "b") for name in sorted(code | known) if name.lower() in ROLES[role] and name in code
    ]
    by_property = [
        name for name in known if name.lower() in ROLES["W"] and isinstance(getattr(kind, name, None), property)
    ]
    arrays = [name for name in found if not isinstance(getattr(instance, "__dict__", {}).get(name), dict)]
    weights = [name for name in arrays if role_of(name) == "W"] or by_property
    biases = [name for name in found if role_of(name) == "b"]
    return (*weights[:1], *biases[:1]) if weights else ()


def has_own(made: Any, attribute: str) -> bool:
    """Whether an object or a class has a method or attribute, without running its properties."""
    return hasattr(made if inspect.isclass(made) else type(made), attribute) or attribute in getattr(
        made, "__dict__", {}
    )
