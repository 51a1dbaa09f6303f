"""Layers: a forward function, and a backward function of the gradient with respect to its output."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from linclf import textbook
from linclf.errors import InputError
from linclf.gradcheck.attributes import INPUT_GRADIENTS, OUTPUTS, Weight, left_by, weights_of
from linclf.gradcheck.callee import Callee, positional
from linclf.gradcheck.forms import SIZES, Argument, Form, Size
from linclf.gradcheck.load import module_of, user_code
from linclf.gradcheck.objects import Maker
from linclf.gradcheck.partners import partners
from linclf.gradcheck.returned import as_arrays, as_number
from linclf.gradcheck.roles import role_of
from linclf.gradcheck.subjects import Subject, called_with, copies
from linclf.gradcheck.tensors import Manner

NUMBER = 0.7  # that a layer takes beside its arrays
RATE = 0.0  # the rate of a backward function that also updates weights
SHAPES: dict[int, tuple[tuple[str, ...], ...]] = {
    # of the arguments of a layer's forward function, by their number; n samples, d inputs, m outputs
    1: (("nd",), ("d1",), ("d",)),
    2: (("nd", "dm"), ("nd", "nd"), ("nd", "d"), ("dn", "md")),
    3: (("nd", "dm", "m"), ("nd", "dm", "1m"), ("nd", "d", "d"), ("dn", "md", "m1"), ("nd", "md", "m")),
    4: (("nd", "dm", "m", ""),),
}


def is_dense(names: Sequence[str]) -> bool:
    """Whether it is one of the three gradients of a dense layer, dense_grad_*(x_input, grad_output, W, b)."""
    return len(names) == 4 and role_of(names[1]) == "dout"


def dense(name: str, words: str, function: Any) -> Subject:
    """One of the three gradients of a dense layer, by the end of its name."""
    forward = module_of(function).get("dense_forward", textbook.dense_forward)
    wrt = 3 if words.endswith(("_b", "_bias")) else 2 if words.endswith(("_w", "_weights", "_weight")) else 0

    def value(x_input: Any, grad_output: Any, W: Any, b: Any) -> float:
        with user_code(name):
            return as_number(np.sum(np.asarray(forward(x_input, W, b)) * grad_output), name)

    def gradient(*arguments: Argument) -> object:
        with user_code(name):
            return function(*arguments)

    def make(rng: np.random.Generator, size: Size) -> tuple[Argument, ...]:
        n, d, m = size.n, size.d, size.n_classes
        x, W, b = rng.standard_normal((n, d)), rng.standard_normal((d, m)), rng.standard_normal(m)
        return x, rng.standard_normal((n, m)), W, b

    names = ("x_input", "grad_output", "W", "b")
    by = names[wrt]
    return Subject(name, Form("dense", names, by=by), value, gradient, wrt, names, make=make)


def upstream(out: Any) -> Any:
    """The gradient by a layer's output that its backward is given: the same at each call."""
    return np.cos(np.arange(np.size(out), dtype=float)).reshape(np.shape(out))


def layer_of(backward: Callee) -> tuple[Subject, ...]:
    """*_backward(dout, cache) beside its *_forward(x, w, b) -> (out, cache): a subject for each gradient that it returns."""
    beside = backward.beside()
    others = partners(backward.own, beside)
    if not others:
        own = backward.own.removesuffix("_backward")
        raise InputError(f"{backward.name}: there is no {own}_forward next to it; define it in the same file")
    forward = beside[others[0]]

    def back(dout: Any, cache: Any, arguments: tuple[Argument, ...]) -> Any:
        given = ((), (dout,), (dout, cache))
        count = len(backward.names)
        return backward.call(*given[count]) if count < len(given) else backward.call(dout, *arguments)

    return _subjects(backward.name, forward.names, forward.call, back)


def layer_object(maker: Maker, name: str, manner: Manner) -> tuple[Subject, ...]:
    """An object with forward(x) and backward(dout): a subject for x, and one for each array of weights whose gradient it leaves."""
    one = maker.filled()
    names, _ = positional(one.forward)
    weights = _with_gradients(one, len(names), manner, name)
    inputs = tuple(names)

    def forward(*arguments: Argument) -> Any:
        made = copy.deepcopy(one)
        for weight, value in zip(weights, arguments[len(inputs) :], strict=True):
            weight.write(made, np.asarray(value))
        out, cache = _output(made, manner(made.forward)(*arguments[: len(inputs)]))
        return out, (made, cache, arguments)

    def back(dout: Any, kept: Any, arguments: tuple[Argument, ...]) -> Any:
        made, cache, given = kept
        return (
            *_input_gradients(made, dict(zip(inputs, given, strict=False)), dout, cache, manner),
            *(weight.gradient(made) for weight in weights),
        )

    given = {weight.name: np.array(weight.read(one), np.float64) for weight in weights}
    return _subjects(name, (*inputs, *given), forward, back, fixed=given)


def _output(made: Any, returned: Any) -> tuple[Any, Any]:
    """The output that forward returned, or left in an attribute, and the cache that it returned beside it."""
    if isinstance(returned, tuple) and len(returned) > 1:
        return returned[0], returned[1]
    return (left_by(made, OUTPUTS) if returned is None else returned), None


def _input_gradients(made: Any, inputs: dict[str, Any], dout: Any, cache: Any, manner: Manner) -> tuple[Any, ...]:
    """The gradients with respect to the inputs, which backward returns or leaves, as many as there are inputs."""
    names, call = positional(made.backward, manner)
    of_output = next((name for name in names if role_of(name) == "dout"), None) or next(
        (name for name in names if name not in inputs and role_of(name) not in ("cache", "rate")), ""
    )
    others = {of_output: dout, **{name: RATE for name in names if role_of(name) == "rate"}}
    returned = call(*(inputs.get(name, others.get(name, cache)) for name in names))
    returned = left_by(made, INPUT_GRADIENTS) if returned is None else returned
    found = returned if isinstance(returned, tuple) else (returned,)
    return (*found[: len(inputs)], *(None,) * (len(inputs) - len(found)))


def _with_gradients(one: Any, n_inputs: int, manner: Manner, name: str) -> list[Weight]:
    """The weights whose gradients backward leaves."""
    made = copy.deepcopy(one)
    if n_inputs != 1 or not weights_of(made):
        return []
    size = SIZES[1]
    x = np.random.default_rng(0).standard_normal((size.n, size.d))
    names, call = positional(made.forward, manner)
    try:
        with user_code(name):
            out, cache = _output(made, call(x))
            _input_gradients(made, {names[0]: x}, upstream(as_arrays(out)), cache, manner)
    except InputError:
        return []
    return [weight for weight in weights_of(made) if weight.gradient(made) is not None]


def _subjects(
    name: str,
    names: Sequence[str],
    forward: Callable[..., object],
    back: Callable[[Any, Any, tuple[Argument, ...]], Any],
    fixed: dict[str, Any] | None = None,
) -> tuple[Subject, ...]:
    """A layer: a subject for each gradient that its backward returns, by the argument of its forward.

    back   (gradient with respect to the output, what forward kept, arguments) -> the gradients
    fixed  arguments whose shapes are given
    """
    fixed = fixed or {}

    def outputs(*arguments: Argument) -> tuple[Any, Any]:
        found = forward(*arguments)
        out, cache = (found[0], found[1]) if isinstance(found, tuple) and len(found) > 1 else (found, arguments[0])
        return as_arrays(out), cache

    def value(*arguments: Argument) -> float:
        with user_code(name):
            out, _ = outputs(*arguments)
            return 0.0 if out is None else float(np.sum(np.asarray(out, np.float64) * upstream(out)))

    def gradients(*arguments: Argument) -> Any:
        with user_code(name):
            out, cache = outputs(*arguments)
            found = as_arrays(back(upstream(out), cache, arguments))
        return found if isinstance(found, tuple | list) else (found,)

    errors: list[InputError] = []
    free = len(names) - len(fixed)
    for shapes in SHAPES.get(free, ()):

        def make(rng: np.random.Generator, size: Size, shapes: tuple[str, ...] = shapes) -> tuple[Argument, ...]:
            sizes = {"n": size.n, "d": size.d, "m": size.n_classes, "1": 1}
            made = [rng.standard_normal(tuple(sizes[k] for k in shape)) if shape else NUMBER for shape in shapes]
            return (*made, *(value + 0.1 * rng.standard_normal(value.shape) for value in fixed.values()))

        made = make(np.random.default_rng(0), SIZES[1])
        try:
            found = gradients(*copies(made))
        except InputError as error:
            errors.append(called_with(error, names, made))
            continue
        if shapes[0] != SHAPES[free][0][0] and np.shape(found[0]) != np.shape(made[0]):
            continue
        made_all = _made_subjects(name, names, found, value=value, gradients=gradients, make=make)
        return _of_mean(tuple(made_all), made) if shapes[0] == "dn" else tuple(made_all)
    if errors:
        raise errors[0]
    raise InputError(
        f"{name}({', '.join(names)}): is a layer of arguments that are not known; wrap it as f(w) -> (value, gradient)"
    )


def _of_mean(subjects: tuple[Subject, ...], made: tuple[Argument, ...]) -> tuple[Subject, ...]:
    """The subjects of a layer whose samples are columns; those by weights times the number of samples, if they are divided by it."""
    n = np.shape(made[0])[1]
    by_weights = subjects[1:]
    if not by_weights or not all(one.is_right(made, n) and not one.is_right(made) for one in by_weights):
        return subjects
    note = "the gradients with respect to weights are divided by the number of samples, as for a cost that is the mean over these: a convention"

    def times(gradient: Callable[..., object]) -> Callable[..., object]:
        return lambda *a: np.asarray(gradient(*a)) * np.shape(a[0])[1]

    return (
        subjects[0],
        *(replace(one, gradient=times(one.gradient), notes=(*one.notes, note)) for one in by_weights),
    )


def _or_zero(gradient: Any, argument: Argument) -> Any:
    """A gradient; 0 for each entry of its argument if it is None, of a part that is not written yet."""
    return np.zeros(np.shape(argument)) if gradient is None else gradient


def _made_subjects(
    name: str,
    names: Sequence[str],
    found: Sequence[Any],
    *,
    value: Callable[..., float],
    gradients: Callable[..., Any],
    make: Callable[[np.random.Generator, Size], tuple[Argument, ...]],
) -> Iterator[Subject]:
    checked = range(min(len(found), len(names)))
    listed = " and ".join(
        filter(None, (", ".join(names[i] for i in checked[:-1]), names[checked[-1]] if checked else ""))
    )
    note = f"what is checked is the sum of the output times a fixed array, and its gradient with respect to {listed}"
    missing = [name for name in names[len(checked) :] if role_of(name) is not None]
    if missing:
        note += f"; none is returned with respect to {', '.join(missing)}, so that this is not checked"
    for i in checked:
        yield Subject(
            name if len(checked) == 1 else f"{name} d{names[i]}",
            Form("layer", tuple(names), by=names[i]),
            value,
            lambda *a, i=i: _or_zero(gradients(*a)[i], a[i]),
            i,
            tuple(names),
            (note,),
            make=make,
        )
