"""Finds what a user's function, class or object is: a loss in one of many forms, a layer, or a gradient beside its value."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from linclf.errors import InputError
from linclf.gradcheck.adapters import adapter
from linclf.gradcheck.callee import Callee, of_function, positional
from linclf.gradcheck.fit import RIGHT, Fit, Recognised, fitted
from linclf.gradcheck.forms import KINDS, SIZES, Argument, Form, forms
from linclf.gradcheck.layers import dense, is_dense, layer_object, layer_of
from linclf.gradcheck.load import UserError, module_of, user_code
from linclf.gradcheck.objects import Maker, has_own, methods, of_backward, of_method
from linclf.gradcheck.partners import is_gradient, partners
from linclf.gradcheck.roles import role_of
from linclf.gradcheck.sources import IncompleteError, Source, sources
from linclf.gradcheck.subjects import Subject
from linclf.gradcheck.tensors import Manner, uses_tensors

SIZES_OF_OBJECTS = (replace(SIZES[1], n=7), SIZES[1])  # whose constructor has been given the others
VALUE_METHODS = ("loss", "forward", "cost", "objective", "evaluate", "value", "func", "fn", "f", "__call__", "compute_loss", "compute_cost", "fun", "error")  # fmt: skip


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
    other_defaults: bool = False,
) -> tuple[Recognised, ...]:
    """The form of a function, a class or an instance: a subject for each argument that it returns a gradient for.

    name    how messages name it; default: its own name
    value   the function of the value, for a function that returns only the gradient
    kind    one of KINDS; default: detected
    binary  whether its loss is known to have targets +-1
    wanted  the name of the loss that its value must be
    given   arguments of the user's own, if there are any: where no other can be used, these decide the form
    other_defaults  whether arguments with a number for a default are given another
    Raises InputError if there is no such form.
    """
    name = name or getattr(function, "__qualname__", type(function).__name__)
    if kind is not None and kind not in KINDS:
        raise InputError(f"kind is {kind!r}; give one of {', '.join(KINDS)}")
    asked = _Asked(name, value, kind, binary=binary, wanted=wanted, given=given)
    try:
        return asked.about(function, Manner(other_defaults=other_defaults))
    except InputError:
        if not uses_tensors(function):
            raise
        return asked.about(function, Manner(tensors=True, other_defaults=other_defaults))


class _Asked:
    """What the user has said about a function, and the search for what it is."""

    def __init__(
        self,
        name: str,
        value: Callable[..., object] | None,
        kind: str | None,
        *,
        binary: bool,
        wanted: str | None,
        given: tuple[Argument, ...],
    ) -> None:
        self.name, self.value, self.kind = name, value, kind
        self.binary, self.wanted, self.given = binary, wanted, given

    def about(self, function: Any, manner: Manner) -> tuple[Recognised, ...]:
        """The subjects of a function, a method, a class or an object."""
        method = _method_of(function, self.name)
        if method is not None:
            made, own = method
            maker = Maker(made, self.name, manner)
            return self._callee(of_method(maker, own, self.name, manner), function)
        if inspect.isclass(function) or not inspect.isroutine(function):
            maker = Maker(function, self.name, manner)
            if inspect.isclass(function) or methods(function):
                return self._object(maker, manner)
        return self._callee(of_function(function, self.name, manner), function)

    def _callee(self, callee: Callee, function: Any) -> tuple[Recognised, ...]:
        """The subjects of a function or a method."""
        names, kind = callee.names or self._starred(), self.kind
        callee = replace(callee, names=tuple(names))
        if kind == "layer" or (kind is None and self.value is None and role_of(names[0]) == "dout"):
            return tuple(map(Recognised, layer_of(callee)))
        if kind == "dense" or (kind is None and is_dense(names)):
            return (Recognised(dense(self.name, callee.own.lower(), function)),)
        if kind is None and len(names) == 1 and not is_gradient(callee.own):
            backward = callee.beside().get(f"{callee.own}_backward")
            if backward is not None and role_of(backward.names[0]) == "dout":
                return tuple(map(Recognised, layer_of(backward)))
        fit = self._fit(callee)
        bias = _bias(fit.found)
        return (fit.found,) if bias is None else (fit.found, replace(fit.found, subject=bias))

    def _starred(self) -> list[str]:
        """Names for the arguments of f(*arguments)."""
        return [f"argument {i + 1}" for i in range(len(self.given) or (1 if self.kind == "general" else 4))]

    def _fit(self, callee: Callee) -> Fit:
        """The form of a function; if it has none, all arguments but one are fixed, where the gradient is right then."""
        words = f"{callee.own} {self.name.rpartition(':')[2]}".lower()
        candidates = list(forms(callee.names, words, kind=self.kind, binary=self.binary))
        if candidates and candidates[0].kind == "general":
            return Fit(Recognised(_general(callee, candidates[0], self.value)), 0)
        try:
            return fitted(callee, candidates, value=self.value, wanted=self.wanted, given=self.given)
        except IncompleteError:
            raise
        except InputError as error:
            made = adapter(callee) if self.kind is None and self.value is None else None
            if made is None:
                raise
            only = replace(callee, names=("w",), call=made.call)
            subject = _general(only, Form("general", ("W",)), None)
            point = np.cos(np.arange(np.prod(made.shape, dtype=int), dtype=float)).reshape(made.shape)
            if not subject.is_right((point,)):
                text = (
                    f"{error}; or add a line that fixes all arguments but one, and check it, FILE.py:check: {made.line}"
                )
                raise UserError(text) from error.__cause__
            note = f"it is called as {made.line.partition(': ')[2]}"
            return Fit(Recognised(replace(subject, notes=(note,))), RIGHT)

    def _object(self, maker: Maker, manner: Manner) -> tuple[Recognised, ...]:
        """The subjects of a class or an object: of a layer, or of the method that computes the value."""
        made = maker.made
        if has_own(made, "forward") and has_own(made, "backward"):
            return self._forward_and_backward(maker, manner)
        names = [*(name for name in VALUE_METHODS if has_own(made, name)), *methods(made)]
        names = [name for name in dict.fromkeys(names) if name in methods(made)]
        quadratic = _of_activations(maker, names, manner)
        if quadratic is not None:
            return self._callee(quadratic, made)
        names.sort(key=lambda name: (is_gradient(name), name not in VALUE_METHODS and not partners(name, names)))
        best: tuple[Recognised, ...] | None = None
        errors: list[InputError] = []
        for name in names:
            try:
                callee = of_method(maker, name, f"{self.name}.{name}", manner)
                if not callee.names:
                    continue
                fit = self._fit(callee)
            except InputError as error:
                errors.append(error)
                continue
            if fit.speaks or best is None:
                best = (replace(fit.found, subject=replace(fit.found.subject, name=self.name)),)
            if fit.speaks or name in VALUE_METHODS:
                break
        if best is not None:
            return best
        listed = ", ".join(name for name in methods(made) if name != "__call__") or "none"
        if not errors:
            raise InputError(
                f"{self.name}: has no method that computes a loss; its methods are: {listed}; name one as CLASS.METHOD"
            )
        raise errors[0]

    def _forward_and_backward(self, maker: Maker, manner: Manner) -> tuple[Recognised, ...]:
        """An object with forward and backward: a loss of predictions and targets, or a layer."""
        names, _ = positional(maker.made.forward)
        names = names[1:] if names[:1] == ["self"] else names
        back_names, _ = positional(maker.made.backward)
        back_names = back_names[1:] if back_names[:1] == ["self"] else back_names
        roles = [role_of(name) for name in names]
        of_output = [role_of(name) for name in back_names] == ["dout"]
        data = [role_of(name) for name in maker.data]
        is_loss = (
            len(names) + len(data) == 2
            and "W" not in data
            and not (of_output and ("y" not in roles or _returns_an_array(maker)))
        )
        if not is_loss:
            return tuple(Recognised(one, SIZES_OF_OBJECTS) for one in layer_object(maker, self.name, manner))
        forward = of_method(maker, "forward", self.name, manner)
        words = f"{getattr(maker.made, '__name__', type(maker.made).__name__)} {self.name.rpartition(':')[2]}".lower()
        candidates = [
            one
            for one in forms(forward.names, words, kind=self.kind, binary=self.binary)
            if one.kind in ("predictions", "batch")
        ]
        backward = of_backward(forward, maker, back_names, manner)
        found = fitted(replace(forward, beside=lambda: {"backward": backward}), candidates, wanted=self.wanted).found
        notes = tuple(note for note in found.subject.notes if "that of backward" not in note)
        return (replace(found, subject=replace(found.subject, notes=notes)),)


def _of_activations(maker: Maker, names: Sequence[str], manner: Manner) -> Callee | None:
    """A cost fn(a, y) beside delta(z, a, y), its gradient with respect to z for activations a = sigmoid(z) (Nielsen, "Neural networks and
    deep learning", 2015): as a function of z and y; None if it is not this."""
    if not {"fn", "delta"} <= set(names):
        return None
    value, delta = (of_method(maker, name, f"{maker.name}.{name}", manner) for name in ("fn", "delta"))
    if value.names != ("a", "y") or delta.names != ("z", "a", "y"):
        return None

    def both(z: Any, y: Any) -> tuple[Any, Any]:
        a = 1 / (1 + np.exp(-z))
        return value.call(a, y), delta.call(z, a, y)

    return replace(value, name=maker.name, own="fn_and_delta", names=("scores", "y"), call=both, beside=dict)


def _returns_an_array(maker: Maker) -> bool:
    """Whether forward of two arrays returns one like them, as a layer does, and a loss does not."""
    x = np.ones((SIZES[1].n, SIZES[1].d))
    try:
        with user_code(maker.name):
            return bool(np.shape(maker.filled().forward(x, x + 1)) == x.shape)
    except InputError:
        return False


def _method_of(function: Any, name: str) -> tuple[Any, str] | None:
    """The class or the object, and the name of the method, of a function that is one."""
    owner = getattr(function, "__self__", None)
    if owner is not None and not inspect.isbuiltin(function):
        return owner, function.__name__
    for path in (name.rpartition(":")[2].split("."), getattr(function, "__qualname__", "").split(".")):
        found = module_of(function).get(path[0]) if len(path) == 2 else None
        if inspect.isclass(found) and has_own(found, path[1]):
            return found, path[1]
    return None


def _bias(found: Recognised) -> Subject | None:
    """The subject of the gradient with respect to the bias, if the function takes one and returns its gradient."""
    subject = found.subject
    if subject.by_bias is None or "b" not in subject.form.roles or found.sizes is None:
        return None
    form = replace(subject.form, by="b")
    return Subject(f"{subject.name} by the bias", form, subject.value, subject.by_bias, form.wrt, subject.arguments)


def _general(callee: Callee, form: Form, value: Callable[..., Any] | None) -> Subject:
    """f(w) -> (value, gradient), read when it is first called: its shape is not known yet."""
    found: list[Source] = []

    def source(w: Argument) -> Source:
        if not found:
            with user_code(callee.name):
                returned = callee.call(w.copy() if isinstance(w, np.ndarray) else w)
            found.append(next(sources(callee, form, (w,), returned, value)))
        return found[0]

    return Subject(callee.name, form, lambda w: source(w).value(w), lambda w: source(w).gradient(w), 0, ("w",))
