"""What an object keeps in attributes: its weights, the gradients that it leaves beside them, and outputs that it does not return."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linclf.losses import Array

OUTPUTS = ("output", "out", "outputs")  # attributes in which a layer leaves what it does not return
INPUT_GRADIENTS = ("dinputs", "dinput", "dx", "grad_input")
GRADIENTS = ("d{}", "dLd{}", "d_{}", "grad_{}", "gradient_{}", "dL_d{}", "{}_grad", "{}_gradient", "{}grad", "del{}")
VALUES = ("value", "data")  # of an object that holds weights and, in `grad`, their gradient


@dataclass(frozen=True)
class Weight:
    """Weights of an object: how they are called, read and written, and the gradient by them that the object has left; None if none."""

    name: str
    read: Callable[[Any], Any]
    write: Callable[[Any, Array], None]
    gradient: Callable[[Any], Any]


def weights_of(one: Any) -> list[Weight]:
    """The weights that an object keeps: arrays and numbers, objects with a value and a gradient, and lists or dictionaries of arrays."""
    return [weight for name, value in _attributes(one).items() for weight in _weights_in(name, value)]


def _weights_in(name: str, value: Any) -> Iterator[Weight]:
    if is_array(value) or isinstance(value, float):

        def write(one: Any, array: Array) -> None:
            setattr(one, name, array.copy() if np.ndim(array) else float(array))

        yield Weight(name, lambda one: getattr(one, name), write, lambda one: _beside(one, name))
    elif name == "params" and isinstance(value, list | dict):
        for key in value if isinstance(value, dict) else range(len(value)):
            if is_array(value[key]):
                yield _in_container(key)
    else:
        held = next((held for held in VALUES if is_array(_attributes(value).get(held))), None)
        if held is not None and "grad" in _attributes(value):
            yield _in_object(name, held)


def _in_container(key: Any) -> Weight:
    """Weights in `params`, whose gradients are in `grads`."""

    def write(one: Any, array: Array) -> None:
        one.params[key][...] = array

    def gradient(one: Any) -> Any:
        grads = getattr(one, "grads", {})
        try:
            return grads[key]
        except (KeyError, IndexError, TypeError):
            return None

    return Weight(f"params[{key!r}]", lambda one: one.params[key], write, gradient)


def _in_object(name: str, held: str) -> Weight:
    def write(one: Any, array: Array) -> None:
        setattr(getattr(one, name), held, array.copy())

    return Weight(name, lambda one: getattr(getattr(one, name), held), write, lambda one: getattr(one, name).grad)


def _beside(one: Any, name: str) -> Any:
    """The gradient by an attribute that is left in another, self.dW beside self.W."""
    lower = {found.lower(): found for found in _attributes(one)}
    wanted = (text.format(name).lower() for text in GRADIENTS)
    found = next((lower[text] for text in wanted if text in lower), None)
    return None if found is None else getattr(one, found)


def is_gradient_of(name: str, names: set[str]) -> bool:
    """Whether an attribute is that of the gradient by another."""
    return any(name.lower() == text.format(other).lower() for other in names for text in GRADIENTS)


def _attributes(one: Any) -> dict[str, Any]:
    return dict(getattr(one, "__dict__", {}))


def left_by(one: Any, attributes: Sequence[str]) -> Any:
    """What a method has left in one of these attributes; None if there is none."""
    return next((getattr(one, name) for name in attributes if hasattr(one, name)), None)


def is_array(value: Any) -> bool:
    """Whether something is an array of floats."""
    return isinstance(value, np.ndarray) and value.ndim > 0 and value.dtype.kind == "f"
