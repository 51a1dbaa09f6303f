"""What a user's function returns: numbers and arrays in tuples, lists and dictionaries, of which some are the value and the gradient."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array

VALUE_KEYS = ("cost", "loss", "j", "value", "objective", "obj", "error", "l", "e")
BIAS_KEYS = ("b", "db", "dj_db", "bias", "b_grad", "grad_b")
MAX_READINGS = 6
Path = tuple[int | str, ...]


def as_arrays(returned: Any) -> Any:
    """What a function returned, with tensors and matrices as arrays."""
    if type(returned) in (np.ndarray, float):
        return returned
    if isinstance(returned, tuple):
        return tuple(as_arrays(one) for one in returned)
    if isinstance(returned, dict):
        return {key: as_arrays(one) for key, one in returned.items()}
    if isinstance(returned, list) and any(hasattr(one, "detach") for one in returned):
        return [as_arrays(one) for one in returned]
    if isinstance(returned, np.matrix):
        return np.asarray(returned)
    return returned.detach().cpu().numpy() if hasattr(returned, "detach") else returned


@dataclass(frozen=True, eq=False)
class Leaf:
    """A number or an array that a function returned, and where it is: keys and places from the outside in."""

    path: Path
    array: Array

    @property
    def is_number(self) -> bool:
        """Whether it is one number."""
        return self.array.size == 1


def leaves(returned: Any) -> list[Leaf]:
    """All numbers and arrays in what a function returned, in order."""
    return list(_leaves(returned, ()))


def _leaves(returned: Any, path: Path) -> Iterator[Leaf]:
    if isinstance(returned, dict):
        for key, one in returned.items():
            yield from _leaves(one, (*path, key))
        return
    if not isinstance(returned, tuple):
        array = _numeric(returned)
        if array is not None:
            yield Leaf(path, array)
            return
    if isinstance(returned, tuple) or (isinstance(returned, list) and _is_nested(returned)):
        for i, one in enumerate(returned):
            yield from _leaves(one, (*path, i))


def _is_nested(returned: list[Any]) -> bool:
    """Whether a list has parts, and is not one array with rows of different lengths."""
    lists = [isinstance(one, list) for one in returned]
    return any(isinstance(one, np.ndarray | tuple | dict) for one in returned) or (any(lists) and not all(lists))


def _numeric(returned: Any) -> Array | None:
    """An array of numbers, also of an object that holds one, such as a sparse matrix's sum; None for anything else."""
    if returned is None or isinstance(returned, str | bytes | dict):
        return None
    try:
        array = np.asarray(returned)
        if array.dtype == object and array.size == 1:  # an array in an array
            array = np.asarray(array.item())
    except (TypeError, ValueError):  # rows of different lengths
        return None
    return array if array.dtype.kind in "biuf" and array.size else None


def at(returned: Any, path: Path) -> Any:
    """What is at a path."""
    for key in path:
        returned = returned[key]
    return returned


def is_number(returned: Any) -> bool:
    """Whether something is a number, or an array of one."""
    array = _numeric(returned)
    return array is not None and array.size == 1


def as_number(returned: Any, name: str) -> float:
    """The value that a function returned, as a float. Raises InputError if it is not a number or an array of one."""
    if isinstance(returned, float):  # nearly always, NumPy's float64 among them
        return float(returned)
    if not is_number(returned):
        what = "nothing" if returned is None else f"{type(returned).__name__} of shape {np.shape(returned)}"
        raise InputError(f"{name}: the value is {what}; return one number")
    return float(np.asarray(_numeric(returned), np.float64).reshape(()))


@dataclass(frozen=True)
class Reading:
    """Where in what a function returned the value, the gradient and that by the bias are; None where there is none."""

    value: Path | None
    gradient: Path | None
    bias: Path | None = None


def readings(found: Sequence[Leaf], shape: tuple[int, ...], bias: tuple[int, ...] | None) -> list[Reading]:
    """How what a function returned may be read, the most natural first.

    shape, bias  of the argument and of the bias that gradients are by; bias is None without one
    """
    gradients = sorted(_gradients(found, shape), key=lambda leaf: not _is_of_weights(leaf))
    numbers = sorted((leaf for leaf in found if leaf.is_number), key=_is_no_value)
    if numbers and (bias is None or not _is_no_value(numbers[0])):
        numbers = numbers[:1]  # those that follow are parts of the value, perhaps
    made: list[Reading] = []
    for gradient in gradients:
        for value in [one for one in numbers if one is not gradient]:
            made.append(
                Reading(
                    value.path, gradient.path, _by_bias([one for one in found if one not in (value, gradient)], bias)
                )
            )
    return made[:MAX_READINGS]


def gradient_readings(found: Sequence[Leaf], shape: tuple[int, ...], bias: tuple[int, ...] | None) -> list[Reading]:
    """The readings of what has a gradient and no value."""
    made = []
    for gradient in sorted(_gradients(found, shape), key=lambda leaf: not _is_of_weights(leaf)):
        made.append(Reading(None, gradient.path, _by_bias([one for one in found if one is not gradient], bias)))
    return made[:MAX_READINGS]


def _by_bias(others: Sequence[Leaf], bias: tuple[int, ...] | None) -> Path | None:
    """Where the gradient with respect to the bias is: by its key, else by its size."""
    if bias is None:
        return None
    named = next((one.path for one in others if one.path and str(one.path[-1]).lower() in BIAS_KEYS), None)
    sized = next((one.path for one in others if one.array.size == max(1, int(np.prod(bias)))), None)
    return named or sized or (others[0].path if len(others) == 1 else None)


def _gradients(found: Sequence[Leaf], shape: tuple[int, ...]) -> list[Leaf]:
    """What may be the gradient by an argument of this shape: of the same shape, else by a vector with as many entries in a column."""
    exact = [leaf for leaf in found if leaf.array.shape == shape]
    if exact:
        return exact
    if int(np.prod(shape)) == 1:
        return [leaf for leaf in found if leaf.is_number]
    flat = len(shape) == 1  # of a vector, a column will do, as scipy.optimize takes it
    return [leaf for leaf in found if flat and leaf.array.size == shape[0] and 1 in leaf.array.shape]


def misshapen(found: Sequence[Leaf]) -> Reading | None:
    """The value and a gradient of the wrong shape: the first number, and the first other that is returned."""
    value = next((leaf for leaf in found if leaf.is_number), None)
    gradient = next((leaf for leaf in found if leaf is not value), None)
    return None if value is None or gradient is None else Reading(value.path, gradient.path)


def _is_of_weights(leaf: Leaf) -> bool:
    """Whether its key says that it is the gradient with respect to the weights."""
    return any("w" in str(key).lower() or "theta" in str(key).lower() for key in leaf.path)


def _is_no_value(leaf: Leaf) -> bool:
    """Whether its key does not say that it is the value."""
    return not any(str(key).lower() in VALUE_KEYS for key in leaf.path)
