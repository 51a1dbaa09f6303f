"""The value and the gradient of a user's function: both returned by it, or by two functions that are defined next to each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linclf import textbook
from linclf.errors import InputError
from linclf.gradcheck.forms import Argument, Form, role_of
from linclf.gradcheck.load import module_of, parameters, user_code
from linclf.gradcheck.subjects import as_number, copies, is_number
from linclf.gradcheck.tensors import Adapt, as_arrays

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
GRADIENT_ENDS = ("_grad_input", "_backward", "_gradient", "_grad", "_derivative", "_deriv", "_prime", "gradient", "grad")  # fmt: skip
GRADIENT_STARTS = ("gradient_", "grad_", "d_", "compute_gradient", "compute_grad")
VALUE_ENDS = ("_forward", "_loss", "_cost", "_value", "")
VALUE_NAMES = ("cost", "loss", "objective", "value", "compute_cost", "compute_loss", "cost_function", "costfunction", "forward", "f", "j")  # fmt: skip
GRADIENT_NAMES = ("gradient", "grad", "compute_gradient", "compute_grad", "backward", "dj", "df")


@dataclass(frozen=True)
class Source:
    """The value and the gradient of a user's function, of arguments in its own order."""

    value: Callable[..., float]
    gradient: Callable[..., object]
    notes: tuple[str, ...] = ()
    by_bias: Callable[..., object] | None = None


def positional(function: Any) -> tuple[list[str], Callable[..., object]]:
    """The names of the arguments that are given, and the function of these by position: those without a default, and the strength of a
    penalty."""
    listed = parameters(function)
    used = [p for p in listed if p.default is p.empty or (role_of(p.name) == "reg" and len(listed) > 2)]
    order = [i for i, p in enumerate(used) if p.kind is not p.KEYWORD_ONLY and listed.index(p) == i]
    names = [p.name for p in used]

    def call(*arguments: Argument) -> object:
        by_position = [arguments[i] for i in order]
        return function(*by_position, **{names[i]: a for i, a in enumerate(arguments) if i not in order})

    return names, function if len(order) == len(names) else call


def reader(
    name: str,
    words: str,
    function: Any,
    call: Callable[..., object],
    *,
    value: Callable[..., object] | None,
    adapt: Adapt,
) -> Callable[[object], Source]:
    """How what a function returns is read: (what it returned) -> the value and the gradient.

    words  its own name in small letters
    call   the function, of arguments by position
    value  the function of the value, if the user has named it
    adapt  applied to the functions that are found beside it
    """

    def read(returned: object) -> Source:
        """The value and the gradient of a function that has returned this."""
        found = as_arrays(returned)
        if value is None and isinstance(found, tuple | list) and len(found) >= 2:
            place = _places(found)
            if place is None:
                if is_number(found[0]) or np.ndim(found[0]) == 0:
                    raise InputError(
                        f"{name}: returned {type(found[1]).__name__} for the gradient; return an array of numbers"
                    )
                raise InputError(
                    f"{name}: the value is {type(found[0]).__name__} of shape {np.shape(found[0])}; return one number"
                )
            return _both(name, call, *place)
        named = words.endswith(GRADIENT_ENDS) or words.startswith(GRADIENT_STARTS)
        returns_value = is_number(found) and np.ndim(found) == 0 and not named
        if value is not None:
            return pair(name, adapt(value), call, ())
        return _two_functions(name, words, function, call, adapt, returns_value=returns_value)

    return read


def over_samples(source: Source, form: Form) -> Source:
    """The mean over samples of a function that takes one sample."""

    def value(*arguments: Argument) -> float:
        return float(np.mean([source.value(*copies(form.one(arguments, i))) for i in range(form.count(arguments))]))

    def gradient(*arguments: Argument) -> object:
        found = [source.gradient(*copies(form.one(arguments, i))) for i in range(form.count(arguments))]
        stacked = np.stack([np.asarray(one, np.float64) for one in found])
        return stacked / len(found) if form.roles[form.wrt] == "scores" else stacked.mean(axis=0)

    return Source(
        value, gradient, (*source.notes, "it takes one sample at a time: what is checked is the mean over samples")
    )


def _places(returned: Sequence[Any]) -> tuple[Callable[[Any], Any], Callable[[Any], Any], tuple[str, ...]] | None:
    """Where value and gradient are in what a function returned; None if they are not there."""
    first, second = returned[0], returned[1]
    if isinstance(second, dict) or isinstance(first, dict):
        at = 0 if isinstance(first, dict) else 1
        key = next((k for k in returned[at] if "w" in str(k).lower() or "theta" in str(k).lower()), None)
        if key is None:
            return None
        note = f"the gradient is the entry {key!r} of what is returned"
        return (lambda r: r[1 - at]), (lambda r: r[at][key]), (note,)
    if isinstance(first, np.ndarray) and first.ndim and is_number(second) and np.ndim(second) == 0:
        return (lambda r: r[1]), (lambda r: r[0]), ("the gradient is returned first, the value second",)
    if not is_number(first):
        return None
    nested = (
        isinstance(second, tuple | list)
        and len(second) > 1
        and all(isinstance(one, np.ndarray) for one in second)
        and np.shape(second[0]) != np.shape(second[1])
    )
    notes = ("of the gradients that are returned, the first is checked",) if nested or len(returned) > 2 else ()
    return (lambda r: r[0]), (lambda r: r[1][0] if nested else r[1]), notes


def _by_bias(returned: Sequence[Any]) -> Any:
    """The gradient by the bias in what a function returned: the second gradient, or an entry of a dictionary; None without one."""
    for found in returned:
        if isinstance(found, dict):
            return next((a for k, a in found.items() if str(k).lower().strip("_") in ("b", "db", "b1", "db1")), None)
    if len(returned) > 2:
        return returned[2]
    second = returned[1]
    return second[1] if isinstance(second, tuple | list) and len(second) == 2 else None


def _both(
    name: str,
    call: Callable[..., object],
    value_of: Callable[[Any], Any],
    gradient_of: Callable[[Any], Any],
    notes: tuple[str, ...],
) -> Source:
    """A function that returns both."""

    def returned(*arguments: Argument) -> Any:
        with user_code(name):
            return as_arrays(call(*arguments))

    return Source(
        lambda *a: as_number(value_of(returned(*a)), name),
        lambda *a: gradient_of(returned(*a)),
        notes,
        lambda *a: _by_bias(returned(*a)),
    )


def pair(name: str, forward: Callable[..., object], backward: Callable[..., object], notes: tuple[str, ...]) -> Source:
    """Two functions of the same arguments."""

    def value(*arguments: Argument) -> float:
        with user_code(name):
            found = as_arrays(forward(*arguments))
        found = found[0] if isinstance(found, tuple) and found else found
        if len(arguments) == 1 and np.ndim(found) and np.shape(found) == np.shape(arguments[0]):
            found = np.sum(found)  # of a function of each entry, whose derivative is the gradient of the sum
        return as_number(found, name)

    def gradient(*arguments: Argument) -> object:
        with user_code(name):
            forward(*arguments)  # a layer may store what its backward needs
            return as_arrays(backward(*arguments))

    return Source(value, gradient, notes)


def _two_functions(
    name: str,
    words: str,
    function: Any,
    call: Callable[..., object],
    adapt: Adapt,
    *,
    returns_value: bool,
) -> Source:
    """A function that returns only one of the two, with the other one beside it."""
    own, module = getattr(function, "__name__", ""), module_of(function)
    found = _gradient_beside(own, module) if returns_value else value_beside(own, module)
    if found is not None:
        note = f"{'the gradient' if returns_value else 'the value'} is that of {found.__name__}, defined next to it"
        forward, backward = (call, adapt(found)) if returns_value else (adapt(found), call)
        return pair(name, forward, backward, () if words.endswith(("forward", "backward", "_grad_input")) else (note,))
    if not returns_value:
        for word, forward in TEXTBOOK_FORWARD.items():
            if word in words:
                stem = stem_of(own)
                note = f"there is no {stem}_forward next to it, so linclf.textbook.{forward.__name__} is used"
                return pair(name, forward, call, (note,))
    if returns_value:
        raise InputError(
            f"{name}: returned float, not (value, gradient), and no {own}_grad or {own}_gradient is next to it; return both, or "
            "name the gradient's function"
        )
    raise InputError(
        f"{name}: returned an array, not (value, gradient), and there is no {stem_of(own)}_forward next to it; return both, or "
        "define the value's function in the same file"
    )


def stem_of(own: str) -> str:
    """The name of a gradient's function without what says that it is one."""
    lower = own.lower()
    for end in GRADIENT_ENDS:
        if lower.endswith(end) and len(own) > len(end):
            return own[: -len(end)].rstrip("_")
    for start in GRADIENT_STARTS:
        if lower.startswith(start) and len(own) > len(start):
            return own[len(start) :].lstrip("_")
    return own


def value_beside(own: str, module: dict[str, Any]) -> Any | None:
    """The function of the value that belongs to a gradient's function, by its name."""
    stem, by_lower = stem_of(own), {name.lower(): found for name, found in module.items() if callable(found)}
    wanted = [f"{stem}{end}".lower() for end in VALUE_ENDS] + [
        f"{end.lstrip('_')}_{stem}".lower() for end in VALUE_ENDS[:4]
    ]
    wanted += VALUE_NAMES if own.lower() in GRADIENT_NAMES or stem == own else ()
    return next((by_lower[w] for w in wanted if w in by_lower and w != own.lower()), None)


def _gradient_beside(own: str, module: dict[str, Any]) -> Any | None:
    """The function of the gradient that belongs to a value's function, by its name."""
    by_lower, lower = {name.lower(): found for name, found in module.items() if callable(found)}, own.lower()
    stems = [lower, *(lower[: -len(end)] for end in VALUE_ENDS if end and lower.endswith(end))]
    wanted = [f"{stem}{end}" for stem in stems for end in GRADIENT_ENDS] + [
        f"{start}{stem}" for stem in stems for start in GRADIENT_STARTS
    ]
    wanted += GRADIENT_NAMES if lower in VALUE_NAMES else ()
    return next((by_lower[w] for w in wanted if w in by_lower and w != lower), None)
