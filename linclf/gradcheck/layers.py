"""Layers: a forward function, and a backward function of the gradient by its output."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from linclf import textbook
from linclf.errors import InputError
from linclf.gradcheck.forms import SIZES, Argument, Form, Size, role_of
from linclf.gradcheck.load import module_of, user_code
from linclf.gradcheck.pairs import positional, stem_of, value_beside
from linclf.gradcheck.subjects import Subject, as_number, called_with, copies
from linclf.gradcheck.tensors import Adapt, as_arrays

NUMBER = 0.7  # that a layer takes beside its arrays
SHAPES_OF_LAYERS: dict[int, tuple[tuple[str, ...], ...]] = {
    # of the arguments of a layer's forward function, by their number
    1: (("nd",),),
    2: (("nd", "dm"), ("nd", "nd"), ("nd", "d")),
    3: (("nd", "dm", "m"), ("nd", "d", "d")),
    4: (("nd", "dm", "m", ""),),
}


def is_dense(names: Sequence[str], words: str) -> bool:
    """Whether it is one of the three gradients of a dense layer, dense_grad_*(x_input, grad_output, W, b)."""
    return len(names) == 4 and (words.startswith("dense") or role_of(names[1]) == "dout")


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
    return Subject(name, Form("dense", names), value, gradient, wrt, names, make=make)


def layer_of(name: str, backward: Any, adapt: Adapt) -> tuple[Subject, ...]:
    """*_backward(dout, cache) beside its *_forward(x, w, b) -> (out, cache): a subject for each gradient that it returns."""
    own = getattr(backward, "__name__", "")
    forward = value_beside(own, module_of(backward))
    if forward is None:
        raise InputError(f"{name}: there is no {stem_of(own)}_forward next to it; define it in the same file")
    (names, call), (back_names, call_back) = positional(forward), positional(backward)
    return layer_subjects(name, names, adapt(call), adapt(call_back), len(back_names))


def layer_subjects(
    name: str,
    names: Sequence[str],
    forward: Callable[..., object],
    backward: Callable[..., Any],
    back_count: int,
) -> tuple[Subject, ...]:
    """A layer: a subject for each gradient that its backward returns, by the argument of its forward.

    back_count  the number of arguments of backward: (), (dout), (dout, cache), or (dout, *arguments)
    """

    def back(dout: Any, cache: Any, arguments: tuple[Argument, ...]) -> Any:
        given = ((), (dout,), (dout, cache))
        return backward(*given[back_count]) if back_count < len(given) else backward(dout, *arguments)

    def outputs(*arguments: Argument) -> tuple[Any, Any]:
        found = as_arrays(forward(*arguments))
        return (found[0], found[1]) if isinstance(found, tuple) and len(found) > 1 else (found, arguments[0])

    def upstream(out: Any) -> Any:  # the gradient by the output, the same at each call
        return np.cos(np.arange(np.size(out), dtype=float)).reshape(np.shape(out))

    def value(*arguments: Argument) -> float:
        with user_code(name):
            out, _ = outputs(*arguments)
            return float(np.sum(np.asarray(out, np.float64) * upstream(out)))

    def gradients(*arguments: Argument) -> Any:
        with user_code(name):
            out, cache = outputs(*arguments)
            found = as_arrays(back(upstream(out), cache, arguments))
        return found if isinstance(found, tuple | list) else (found,)

    errors: list[InputError] = []
    for shapes in SHAPES_OF_LAYERS.get(len(names), ()):

        def make(rng: np.random.Generator, size: Size, shapes: tuple[str, ...] = shapes) -> tuple[Argument, ...]:
            sizes = {"n": size.n, "d": size.d, "m": size.n_classes}
            return tuple(rng.standard_normal(tuple(sizes[k] for k in shape)) if shape else NUMBER for shape in shapes)

        made = make(np.random.default_rng(0), SIZES[1])
        try:
            found = gradients(*copies(made))
        except InputError as error:
            errors.append(called_with(error, names, made))
            continue
        subjects = []
        returned = names[: len(found)]
        note = f"what is checked is the sum of the output times a fixed array, and its gradient by {_listed(returned)}"
        for i in range(len(returned)):
            subjects.append(
                Subject(
                    name if len(found) == 1 else f"{name} d{names[i]}",
                    Form("layer", tuple(names)),
                    value,
                    lambda *a, i=i: gradients(*a)[i],
                    i,
                    tuple(names),
                    (note,),
                    make=make,
                )
            )
        return tuple(subjects)
    if errors:
        raise errors[0]
    raise InputError(
        f"{name}({', '.join(names)}): is a layer of arguments that are not known; wrap it as f(w) -> (value, gradient)"
    )


def _listed(names: Sequence[str]) -> str:
    """Names in a row: x, w and b."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
