"""The user's function in one form: a value and a gradient of the same arguments, the gradient with respect to one of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from linclf.errors import InputError
from linclf.gradcheck.forms import Argument, Form, Size
from linclf.gradcheck.load import UserError
from linclf.losses import Array


@dataclass(frozen=True)
class Subject:
    """A user's function in one form.

    name       as the user named it
    form       what its arguments are
    value      arguments -> number
    gradient   arguments -> what the user's function returned for the gradient
    wrt        the position of the argument that the gradient is with respect to
    arguments  the names of the arguments
    notes      notes for the report
    make       makes random arguments; None: the form does
    by_bias    arguments -> the gradient with respect to the bias, None where the function returns none; None if it cannot
    """

    name: str
    form: Form
    value: Callable[..., float]
    gradient: Callable[..., object]
    wrt: int
    arguments: tuple[str, ...]
    notes: tuple[str, ...] = ()
    make: Callable[[np.random.Generator, Size], tuple[Argument, ...]] | None = None
    by_bias: Callable[..., object] | None = None

    @property
    def kind(self) -> str:
        """One of KINDS."""
        return self.form.kind

    def along(self, arguments: tuple[Argument, ...], direction: Array) -> Callable[[float], float]:
        """The value as a function of one number t: at the arguments, moved by t times the direction."""
        w = np.asarray(arguments[self.wrt], np.float64)
        before, after = arguments[: self.wrt], arguments[self.wrt + 1 :]
        return lambda t: self.value(*before, w + t * direction, *after)

    def is_right(self, arguments: tuple[Argument, ...], times: float = 1.0) -> bool:
        """Whether the gradient, times a number, is right along a direction, at one of three steps: float32 needs a long one."""
        shape = np.shape(arguments[self.wrt])
        direction = np.cos(np.arange(np.prod(shape, dtype=int), dtype=float)).reshape(shape)
        along = self.along(arguments, direction)
        try:
            with np.errstate(all="ignore"):
                gradient = np.asarray(self.gradient(*copies(arguments)), float)
                slopes = [(along(h) - along(-h)) / (2 * h) for h in (1e-6, 1e-4, 1e-2)]
        except (InputError, TypeError, ValueError):
            return False
        claimed = times * float(np.vdot(gradient, direction)) if gradient.shape == shape else 0.0
        return bool(claimed) and any(abs(slope - claimed) <= 1e-3 * abs(claimed) for slope in slopes)

    def on_copies(self) -> "Subject":
        """The same subject whose value is computed on copies, for a function that changes its arguments."""
        return replace(self, value=lambda *arguments: self.value(*copies(arguments)))

    def describe(self, arguments: tuple[Argument, ...]) -> str:
        """The arguments of a call as text: names with shapes or numbers."""
        return described(self.arguments, arguments)


def described(names: Sequence[str], arguments: tuple[Argument, ...]) -> str:
    """The arguments of a call as text: names with shapes or numbers."""
    pairs = zip(names, arguments, strict=False)
    return ", ".join(f"{name} {np.shape(a)}" if np.ndim(a) else f"{name} {a}" for name, a in pairs)


def called_with(error: InputError, names: Sequence[str], arguments: tuple[Argument, ...]) -> InputError:
    """An error of the user's function, with the arguments that it was called with."""
    if not isinstance(error, UserError):
        return error
    found = UserError(f"{error}; called with {described(names, arguments)}")
    found.line = error.line
    found.__cause__ = error.__cause__
    return found


def copies(arguments: tuple[Argument, ...]) -> tuple[Argument, ...]:
    """The arguments with their arrays copied, for a function that may change them."""
    return tuple(a.copy() if isinstance(a, np.ndarray) else a for a in arguments)


def as_array(gradient: object, subject: Subject) -> Array:
    """The gradient that a function returned, as an array. Raises InputError if it is not an array of numbers."""
    try:
        array = np.array(gradient)  # a copy: a function may return the same array each time
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"{subject.name}: returned {type(gradient).__name__} for the gradient; return an array of numbers"
        )
    return array
