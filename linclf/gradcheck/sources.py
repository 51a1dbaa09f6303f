"""Where the value and the gradient of a user's function come from: what it returns, or a function that is defined next to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from linclf import textbook
from linclf.errors import InputError
from linclf.gradcheck.callee import Callee
from linclf.gradcheck.forms import Argument, Form
from linclf.gradcheck.load import user_code
from linclf.gradcheck.partners import is_gradient, partners, rest, same, words
from linclf.gradcheck.returned import (
    Leaf,
    Path,
    Reading,
    as_arrays,
    as_number,
    at,
    gradient_readings,
    leaves,
    misshapen,
    readings,
)
from linclf.gradcheck.subjects import copies
from linclf.losses import Array

MAX_PARTNERS = 4
TEXTBOOK: dict[str, Callable[..., float]] = {
    # a word in the gradient's name -> the value's function of linclf.textbook, used if the user has defined none
    "hinge": textbook.hinge_forward,
    "cross_entropy": textbook.cross_entropy_forward,
    "crossentropy": textbook.cross_entropy_forward,
    "softmax": textbook.cross_entropy_forward,
    "nll": textbook.cross_entropy_forward,
    "mse": textbook.mse_forward,
    "squared": textbook.mse_forward,
    "l2": textbook.mse_forward,
}


MULTIPLES: dict[str, Callable[[int, int], float]] = {
    # of a textbook's mean, by the numbers of samples and outputs
    "": lambda n, c: 1.0,
    "the sum over samples": lambda n, c: float(n),
    "half of it": lambda n, c: 0.5,
    "half the sum over samples": lambda n, c: n / 2,
    "the sum over samples and outputs": lambda n, c: float(n * c),
    "half the sum over samples and outputs": lambda n, c: n * c / 2,
    "the sum over outputs": lambda n, c: float(c),
    "half the sum over outputs": lambda n, c: c / 2,
}


@dataclass(frozen=True)
class Source:
    """The value and the gradient of a user's function, of arguments in its own order.

    by_bias  arguments -> the gradient with respect to the bias; None if it returns none
    shaped   whether the gradient has the shape of its argument
    summed   whether the value is made of an array
    """

    value: Callable[..., float]
    gradient: Callable[..., object]
    notes: tuple[str, ...] = ()
    by_bias: Callable[..., object] | None = None
    shaped: bool = True
    summed: bool = False


class IncompleteError(InputError):
    """A function that runs, but gives no value or no gradient."""


@dataclass(frozen=True)
class _Run:
    """A function of the user's, the arguments that it was called with, and what it returned."""

    name: str
    own: str
    function: Callable[..., Any]
    form: Form
    made: tuple[Argument, ...]
    found: list[Leaf]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the argument that the gradient is by."""
        return np.shape(self.made[self.form.wrt])

    @property
    def bias(self) -> tuple[int, ...] | None:
        """The shape of the bias; None without one."""
        return np.shape(self.made[self.form.roles.index("b")]) if "b" in self.form.roles else None

    @property
    def is_gradients(self) -> bool:
        """Whether what is returned are gradients alone: those by the weights and by the bias, or the first of a function that is named so."""
        sizes = sorted(leaf.array.size for leaf in self.found)
        of_both = self.bias is not None and sizes == sorted((int(np.prod(self.shape)), max(1, int(np.prod(self.bias)))))
        alone = len(self.found) == 1 and not self.found[0].is_number
        return alone or (of_both and (is_gradient(self.own) or not self.found[0].is_number))

    def gradient(self, path: Path, before: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """The gradient at a path: a column, by a vector, as a vector."""
        of = self.part(path, before)
        if len(self.shape) != 1:
            return of

        def vector(*arguments: Argument) -> Any:
            found = np.asarray(of(*arguments))
            return found.reshape(-1) if found.size == np.size(arguments[self.form.wrt]) and 1 in found.shape else found

        return vector

    def part(self, path: Path, before: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """What is at a path of what the function returns; `before` is called first: a layer may store what its backward needs."""

        def of(*arguments: Argument) -> Any:
            with user_code(self.name):
                if before is not None:
                    before(*copies(arguments))
                return at(as_arrays(self.function(*arguments)), path)

        return of

    def values(self) -> list[tuple[Callable[..., float], tuple[str, ...]]]:
        """The ways to read a value: a number, or of an array with an entry for each sample or each entry, its sum or mean."""
        number = next((leaf for leaf in self.found if leaf.is_number), None)
        if number is not None:
            one = self.part(number.path)
            return [(lambda *a: as_number(one(*a), self.name), ())]
        sizes = {int(np.prod(self.shape)), self.form.count(self.made)}
        array = next((leaf for leaf in self.found if leaf.array.size in sizes), None)
        if array is None:
            return []
        many = self.part(array.path)
        return [
            (lambda *a: float(np.sum(many(*a))), ("the value is an array: what is checked is its sum",)),
            (lambda *a: float(np.mean(many(*a))), ("the value is an array: what is checked is its mean",)),
        ]

    def gradients(self) -> tuple[list[Reading], bool]:
        """The ways to read a gradient, and whether it has the shape of its argument."""
        shaped = gradient_readings(self.found, self.shape, self.bias)
        if shaped:
            return shaped, True
        array = next((leaf for leaf in self.found if not leaf.is_number), self.found[0])
        return [Reading(None, array.path)], False


def sources(
    callee: Callee, form: Form, made: tuple[Argument, ...], returned: Any, value: Callable[..., Any] | None
) -> Iterator[Source]:
    """The ways to get the value and the gradient, the most natural first.

    returned  what the function returned for the arguments `made`
    value     the function of the value, if the user has named it
    Raises InputError if a part is missing.
    """
    own = _Run(callee.name, callee.own, callee.call, form, made, leaves(as_arrays(returned)))
    if returned is None:  # a template
        yield Source(lambda *a: 0.0, lambda *a: np.zeros(own.shape), ("it returns nothing, None",))
        return
    if not own.found:
        raise InputError(
            f"{callee.name}: returned {type(returned).__name__}; return the value and the gradient, numbers and arrays"
        )
    if value is not None:
        yield from _pairs(_run(callee.name, value, form, made), own, ())
        return
    both = [_both(own, reading) for reading in ([] if own.is_gradients else readings(own.found, own.shape, own.bias))]
    only_gradient = is_gradient(callee.own) and not {"loss", "cost", "and"} & set(words(callee.own))
    beside = list(_beside(callee, own, alone=not both)) if only_gradient or not both else []
    yield from (*beside, *both)
    if both or beside:
        return
    known = list(_textbook(callee, own))
    yield from known
    if known:
        return
    wrong = misshapen(own.found)
    if wrong is None or own.is_gradients or ("b" in form.roles and len(own.found) == 2 and is_gradient(callee.own)):
        raise _incomplete(callee, own)
    yield replace(_both(own, wrong), shaped=False)


def _run(name: str, function: Callable[..., Any], form: Form, made: tuple[Argument, ...]) -> _Run:
    with user_code(name):
        returned = as_arrays(function(*copies(made)))
    return _Run(name, "", function, form, made, leaves(returned))


def _both(own: _Run, reading: Reading) -> Source:
    """A function that returns both."""
    value, path = own.part(reading.value or ()), reading.gradient or ()
    note = ""
    if path and isinstance(path[-1], str):
        note = f"the gradient is the entry {path[-1]!r} of what is returned"
    elif path < (reading.value or ()):
        note = "the gradient is returned first, the value later"
    elif own.bias is not None and reading.bias is None:
        note = "no gradient with respect to b is returned, so that this is not checked"
    elif len(own.found) > (2 if reading.bias is None else 3):
        note = (
            "of what is returned, the array of the argument's shape is taken for the gradient; the rest is not checked"
        )
    return Source(
        lambda *a: as_number(value(*a), own.name),
        own.gradient(path),
        (note,) if note else (),
        None if reading.bias is None else own.part(reading.bias),
    )


def _pairs(value: _Run, gradient: _Run, notes: tuple[str, ...]) -> Iterator[Source]:
    """The value of one function with the gradient of another."""
    found, shaped = gradient.gradients()
    for of_value, more in value.values():
        for reading in found:
            bias = None if reading.bias is None else gradient.part(reading.bias, value.function)
            by_weights = gradient.gradient(reading.gradient or (), value.function)
            yield Source(of_value, by_weights, (*notes, *more), bias, shaped, summed=bool(more))


def _beside(callee: Callee, own: _Run, *, alone: bool) -> Iterator[Source]:
    """The function with one that is defined next to it; only with one of the same name, unless it returns one of both alone."""
    beside, found = callee.beside(), False
    for other in partners(callee.own, beside)[:MAX_PARTNERS]:
        if not same(callee.own, other) and (found or not alone):
            continue  # one that says a part only counts where no other does
        theirs = beside[other].of(callee.names)
        if theirs is None:
            continue
        try:
            run = _run(callee.name, theirs, own.form, own.made)
        except InputError:
            continue
        if not run.found:
            continue
        found = True
        if is_gradient(callee.own):
            yield from _pairs(run, own, (f"the value is that of {other}, defined next to it",))
        elif len(own.found) == 1 or same(callee.own, other):
            yield from _pairs(own, run, (f"the gradient is that of {other}, defined next to it",))


def _textbook(callee: Callee, own: _Run) -> Iterator[Source]:
    """A gradient with respect to scores with the value that its name says, of linclf.textbook, if the user has defined none: the mean, or
    another multiple of it."""
    lower = callee.own.lower()
    function = next((found for word, found in TEXTBOOK.items() if word in lower), None)
    readings, shaped = own.gradients()
    if (
        function is None
        or own.form.kind not in ("predictions", "batch")
        or len(own.found) != 1
        or own.found[0].is_number
    ):
        return
    note = f"no function of the value is next to it, so linclf.textbook.{function.__name__} is used"
    scores_first = own.form.wrt == 0
    for what, factor in MULTIPLES.items():

        def value(*arguments: Array, factor: Callable[[int, int], float] = factor) -> float:
            scores = np.asarray(arguments[own.form.wrt])
            with user_code(callee.name):
                mean = function(*arguments) if scores_first else function(*arguments[::-1])
            return factor(len(scores), scores.size // len(scores)) * float(mean)

        gradient = own.gradient(readings[0].gradient or ())
        yield Source(value, gradient, (note, f"the value is taken to be {what}") if what else (note,), shaped=shaped)


def _incomplete(callee: Callee, own: _Run) -> IncompleteError:
    """What is missing of what the function returns."""
    name, count = callee.name, len(own.found)
    if own.found[0].is_number and count == 1 and not is_gradient(callee.own):
        return IncompleteError(
            f"{name}: returned one number and no gradient; return (value, gradient), or define the gradient's function next to it, "
            f"{callee.own}_grad"
        )
    what = "one number" if count == 1 and own.found[0].is_number else "an array" if count == 1 else f"{count} arrays"
    return IncompleteError(
        f"{name}: returned {what} and no value; return (value, gradient), or define the value's function next to it, "
        f"{'_'.join(w for w in words(callee.own) if w in rest(callee.own)) or 'loss'}_value"
    )


def over_samples(source: Source, form: Form) -> Source:
    """The mean over samples of a function that takes one sample."""

    def value(*arguments: Argument) -> float:
        return float(np.mean([source.value(*copies(form.one(arguments, i))) for i in range(form.count(arguments))]))

    def gradient(*arguments: Argument) -> object:
        found = [source.gradient(*copies(form.one(arguments, i))) for i in range(form.count(arguments))]
        stacked = np.stack([np.asarray(one, np.float64) for one in found])
        return stacked / len(found) if form.by == "scores" else stacked.mean(axis=0)

    note = "it takes one sample at a time: what is checked is the mean over samples"
    return Source(value, gradient, (*source.notes, note))
