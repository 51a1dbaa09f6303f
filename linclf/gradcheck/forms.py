"""The forms in which people write losses: which arguments a function takes, in what order and layout, and what they mean.

    kind          arguments                                    gradient with respect to
    loss          W, X, y, reg in any order, or W, X, y        W
    predictions   pred (n,), true (n,)                         pred
    batch         scores (n, C), labels of any encoding        scores
    penalty       W, reg                                       W
    general       w                                            w

A form makes random arguments of given sizes, and reads from arguments what they stand for: scores, codes, and how a gradient by the
scores becomes one of the argument.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import TypeAlias

import numpy as np

from linclf.gradcheck.layouts import (
    BINARY,
    BITS,
    CODES,
    CODES_COLUMN,
    MANY,
    ONE_HOT,
    SIGNED,
    SIGNS,
    Labels,
    Layout,
    Pairing,
)
from linclf.gradcheck.roles import CONSTANTS, COUNTS, FIXED, OF_SAMPLES, roles_of
from linclf.losses import Array

Argument: TypeAlias = Array | float  # of a user's function
KINDS = ("loss", "predictions", "batch", "penalty", "dense", "layer", "general")
REG = 0.7  # of the arguments that a function is first called with
MANY_FEATURES = 20  # from which on random weights are made smaller
MAX_ORDERS = 6  # of the arguments that are tried


@dataclass(frozen=True)
class Size:
    """n samples, d features and a number of classes: all different, so that a wrong factor can be identified."""

    n: int
    d: int
    n_classes: int


# Two sizes to check at, and others in the order in which they are tried, for functions with sizes written into them.
SIZES = (Size(7, 4, 3), Size(10, 5, 4))
OTHER_SIZES = (
    (Size(12, 4, 10), Size(13, 5, 10)),
    (Size(6, 3073, 10), Size(7, 3073, 10)),
    (Size(6, 3072, 10), Size(7, 3072, 10)),
    (Size(6, 784, 10), Size(7, 784, 10)),
    (Size(12, 4, 2), Size(13, 5, 2)),
)


@dataclass(frozen=True)
class Sample:
    """What the arguments of a call stand for.

    scores   (n, m), or probabilities where the form has these
    y        codes (n,)
    targets  (n, m): the labels as numbers, for m outputs
    back     gradient with respect to the scores (n, m) -> that of the sum over samples by the argument
    W        the weights, or what is given for scores: what a penalty is of
    reg      the strength of its penalty, 0 without one
    weights  of the samples (n,), 1 without any
    """

    scores: Array
    y: Array
    targets: Array
    back: Callable[[Array], Array]
    W: Array
    reg: float
    weights: Array


@dataclass(frozen=True)
class Form:
    """One form: the kind, and the roles of the arguments in the order of the user's function.

    by             the role of the argument that the gradient is with respect to
    bias           the shape of the bias, m standing for the number of outputs
    probabilities  whether what is given for scores are probabilities
    """

    kind: str
    roles: tuple[str, ...]
    layout: Layout | None = None
    labels: Labels | None = None
    by: str = "W"
    bias: tuple[str, ...] = ()
    probabilities: bool = False

    @property
    def wrt(self) -> int:
        """The position of the argument that the gradient is with respect to."""
        return self.roles.index(self.by)

    def text(self, names: Sequence[str]) -> str:
        """The form in words, for a note; names are those of the function's arguments."""
        scores = "probabilities" if self.probabilities else "scores"
        shown = {"scores": f"{scores} {'(n,)' if self.kind == 'predictions' else '(N, C)'}"}
        given = zip(self.roles, names, strict=False)
        order = ", ".join(name if role in FIXED else shown.get(role, role) for role, name in given)
        layout = f"; {self.layout.text}" if self.layout else ""
        return f"({order}){layout}{f'; y {self.labels.text}' if self.labels else ''}"

    def arguments(self, rng: np.random.Generator, size: Size, reg: float) -> tuple[Argument, ...]:
        """Random arguments."""
        n, d, m = size.n, size.d, size.n_classes
        y, bits = rng.permutation(np.arange(n) % m), rng.permutation(np.arange(n) % 2)
        labels = 0.0 if self.labels is None else self.labels.encode(bits if self.labels.one else y, m)
        made: dict[str, Argument] = {"reg": reg, "y": labels, **self._fixed(n, d, m)}
        if self.kind == "predictions":
            made["scores"] = 1.5 * rng.standard_normal(n)
        elif self.kind == "batch":
            made["scores"] = rng.standard_normal((n, m))
        else:
            W, X = rng.standard_normal((d, m)), rng.standard_normal((n, d))
            W = W / (np.sqrt(d) / 2 if d > MANY_FEATURES else 1)  # scores of about the size of the margin
            layout = self.layout
            made["W"] = W
            if layout is not None:
                made |= {"W": layout.weights(W[:, :1] if layout.one else W), "X": layout.rows(X)}
                shape = self._bias_shape(1 if layout.one else m)
                made["b"] = 0.7 + rng.standard_normal(shape) if shape else 0.7
        if self.probabilities:
            made["scores"] = 1 / (1 + np.exp(-np.asarray(made["scores"])))
        return tuple(made[role] for role in self.roles)

    def _bias_shape(self, m: int) -> tuple[int, ...]:
        return tuple(m if length == "m" else 1 for length in self.bias)

    def _fixed(self, n: int, d: int, m: int) -> dict[str, Argument]:
        """What arguments get that are no part of the form."""
        counts = dict(zip(COUNTS, (m, d, n), strict=True))
        weights = 1 + np.cos(np.arange(n))  # of samples, n in sum
        return {
            **CONSTANTS,
            **counts,
            "sample_weight": n * weights / weights.sum(),
            "class_weight": 1 + np.arange(m) / 2,
        }

    def sample(self, arguments: Sequence[Argument]) -> Sample | None:
        """What arguments stand for; None if they do not fit the form, or it has no scores."""
        given, reg = dict(zip(self.roles, arguments, strict=False)), self.reg(arguments)
        if "y" not in given or (self.layout is None and "scores" not in given):
            return None
        layout, by = self.layout, np.shape(given[self.by])
        W = np.asarray(given["scores" if layout is None else "W"], np.float64)
        if layout is not None:
            X = np.asarray(given["X"])
            b = np.reshape(np.asarray(given.get("b", 0.0), np.float64), (1, -1))
            scores = np.asarray(layout.scores(W, X), np.float64) + b
            back = (lambda S: layout.back(S, X)) if self.by == "W" else (lambda S: np.reshape(S.sum(axis=0), by))
        else:
            scores, back = W.reshape(len(W), -1), lambda S: S.reshape(W.shape)
        read = _codes(np.asarray(given["y"]), scores.shape[1], len(scores))
        if read is None:
            return None
        weights = np.asarray(given.get("sample_weight", np.ones(len(scores))), np.float64)
        if "class_weight" in given:
            weights = weights * np.asarray(given["class_weight"])[read[0] % np.size(given["class_weight"])]
        return Sample(scores, *read, back, W, reg, weights)

    def count(self, arguments: Sequence[Argument]) -> int:
        """The number of samples among arguments; 0 if there are none."""
        sample = self.sample(arguments)
        return 0 if sample is None else len(sample.y)

    def changed(self, arguments: Sequence[Argument], **changes: Argument) -> tuple[Argument, ...]:
        """The arguments with those of some roles changed."""
        return tuple(changes.get(role, a) for role, a in zip(self.roles, arguments, strict=True))

    def some(self, arguments: Sequence[Argument], chosen: Sequence[int] | Array) -> tuple[Argument, ...]:
        """The arguments with the chosen samples only."""
        axes = {
            "X": int(self.layout is not None and not self.layout.has_rows),
            "y": int(self.labels is not None and self.labels.columns),
            "scores": 0,
            "sample_weight": 0,
        }
        changes: dict[str, Argument] = {"n_samples": len(chosen)}
        for role, a in zip(self.roles, arguments, strict=True):
            if role in axes and np.ndim(a):
                changes[role] = np.take(a, chosen, axes[role])
        return self.changed(arguments, **changes)

    def one(self, arguments: Sequence[Argument], i: int) -> tuple[Argument, ...]:
        """The arguments of sample i alone, for a function of one sample: x (D,), scores (C,), y a number or (C,)."""
        alone = self.some(arguments, [i])
        return tuple(
            (np.reshape(a, -1) if np.size(a) > 1 or role == "X" else np.reshape(a, -1)[0]) if role in OF_SAMPLES else a
            for role, a in zip(self.roles, alone, strict=True)
        )

    def reg(self, arguments: Sequence[Argument]) -> float:
        """The strength of the penalty among arguments; 0 without one."""
        given = next((a for role, a in zip(self.roles, arguments, strict=False) if role == "reg"), 0.0)
        return float(given) if np.ndim(given) == 0 else 0.0

    def with_codes(self, X: Array, y: Array, W: Array, reg: float) -> tuple[Argument, ...] | None:
        """The arguments for rows X (n, d), codes y (n,) and weights W (d, C); None if the form takes no data."""
        n_classes = W.shape[1]
        if self.labels is None:
            return None
        codes = (y == n_classes - 1).astype(np.intp) if self.labels.one else y
        made: dict[str, Argument] = {"reg": reg, "y": self.labels.encode(codes, n_classes)}
        made |= self._fixed(len(X), X.shape[1], n_classes)
        if self.layout is not None:
            made |= {"W": self.layout.weights(W[:, :1] if self.layout.one else W), "X": self.layout.rows(X)}
            shape = self._bias_shape(1 if self.layout.one else n_classes)
            made["b"] = np.zeros(shape) if shape else 0.0
        else:
            scores = X @ W
            made["scores"] = scores[:, 0] if self.kind == "predictions" else scores
        return tuple(made[role] for role in self.roles)


def _codes(labels: Array, m: int, n: int) -> tuple[Array, Array] | None:
    """The codes (n,) and targets (n, m) of labels in any encoding, for m outputs; None if they are no labels."""
    if labels.size == n:
        flat = labels.reshape(-1)
        codes = (flat > 0).astype(np.intp) if m == 1 else flat.astype(np.intp)
        return codes, flat[:, None] if m == 1 else np.eye(m)[codes % m]
    if labels.ndim != 2 or sorted(labels.shape) != sorted((n, m)):
        return None
    rows = labels if labels.shape == (n, m) else labels.T
    if not (np.isin(rows, (0, 1)).all() and (rows.sum(axis=1) == 1).all()):
        return None
    return np.asarray(rows.argmax(axis=1)), rows


def forms(names: Sequence[str], words: str, *, kind: str | None, binary: bool) -> Iterator[Form]:
    """The forms that a function may have, the most natural first.

    names   of its arguments
    words   its own name in small letters, which may suggest a form
    kind    one of KINDS, if the user has chosen it
    binary  whether its loss is known to have targets +-1
    """
    roles = roles_of(names)
    if kind == "general" or (kind is None and len(names) == 1):
        yield Form("general", ("W",))
        return
    is_open = [role not in FIXED for role in roles]
    if sum(is_open) < 2:  # a letter that may be a count or a constant is none here
        roles, is_open = [None if role in FIXED else role for role in roles], [True] * len(roles)
    for form in _open_forms(
        [name for name, one in zip(names, is_open, strict=True) if one],
        [role for role, one in zip(roles, is_open, strict=True) if one],
        words,
        kind=kind,
        binary=binary,
    ):
        rest = iter(form.roles)
        yield replace(
            form, roles=tuple(next(rest) if one else str(role) for role, one in zip(roles, is_open, strict=True))
        )


def _open_forms(
    names: Sequence[str], roles: Sequence[str | None], words: str, *, kind: str | None, binary: bool
) -> Iterator[Form]:
    """The forms of the arguments that are no counts or constants."""
    if kind in (None, "penalty") and _is_penalty(roles, words):
        yield Form("penalty", ("W", "reg") if roles[-1] == "reg" or len(names) == 1 else ("reg", "W"))
        return
    if len(names) == 2 and kind in (None, "predictions", "batch"):
        yield from _score_forms(names, roles, words, kind=kind, binary=binary)
    expected = {3: ("W", "X", "y"), 4: ("W", "X", "y", "reg")}.get(len(names))
    if {"W", "b"} <= set(roles):
        expected = {4: ("W", "b", "X", "y"), 5: ("W", "b", "X", "y", "reg")}.get(len(names))
    if expected is not None and kind in (None, "loss"):
        for order in _orders(roles, expected):
            for layout, labels in _pairings(names, words, binary=binary):
                for bias in layout.biases if "b" in order else ((),):
                    yield Form("loss", order, layout, labels, bias=bias)


ONE_FIRST = ("theta", "thetas", "th", "params", "beta")  # names of weights that are a vector
ONE_WORDS = (
    "logistic",
    "sigmoid",
    "binary",
    "cost",
    "regression",
    "mse",
    "ridge",
    "perceptron",
    "propagate",
)  # and words of their functions
SIGN_WORDS = ("hinge", "svm", "perceptron", "pegasos", "margin")  # words of functions whose labels are -1 or 1


def _pairings(names: Sequence[str], words: str, *, binary: bool) -> tuple[Pairing, ...]:
    """Layouts with labels, the most natural first."""
    signed = binary or any(word in words for word in SIGN_WORDS)
    bits = not signed and (
        any(word in words for word in ONE_WORDS) or any(n.strip("_").lower() in ONE_FIRST for n in names)
    )
    one = (*BINARY, *SIGNED) if bits else (*SIGNED, *BINARY)
    if binary or bits or any(word in words for word in ONE_WORDS):
        return (*one, *MANY)
    return (*MANY[:2], *one[:1], *MANY[2:], *one[1:])


PROBABILITY_WORDS = (
    "entropy",
    "nll",
    "bce",
    "prob",
    "likelihood",
    "focal",
    "logloss",
    "log_loss",
    "cce",
    "divergence",
)  # of what takes these
PROBABILITY_NAMES = {"p", "a", "p_hat", "q"}  # of arguments that are these


def says_probabilities(names: Sequence[str], words: str) -> bool:
    """Whether the names of a function and its arguments say that it takes probabilities: else a mistake may not show in their narrower
    domain."""
    everything = " ".join((words, *(name.lower() for name in names)))
    return any(word in everything for word in PROBABILITY_WORDS) or bool(PROBABILITY_NAMES & set(names))


def _is_penalty(roles: Sequence[str | None], words: str) -> bool:
    """Whether a function of two arguments is a penalty, f(W, reg)."""
    named = any(word in words for word in ("regulari", "penalty", "weight_decay", "l2_reg", "l2reg"))
    return len(roles) == 2 and (named or set(roles) == {"W", "reg"})


def _score_forms(
    names: Sequence[str], roles: Sequence[str | None], words: str, *, kind: str | None, binary: bool
) -> Iterator[Form]:
    """Those of two arguments, scores and labels."""
    first_is_labels = roles[0] == "y" and roles[1] in ("scores", "X", None)
    order = ("y", "scores") if first_is_labels else ("scores", "y")
    everything = " ".join((words, *(name.lower() for name in names)))
    plus_minus = binary or "hinge" in everything or ("pred" in names[0].lower() and "grad_input" in words)
    bits = any(word in everything for word in ("entropy", "bce", "logloss", "log_loss", "focal"))
    encodings = (BITS, SIGNS) if bits else (SIGNS, BITS)
    vectors = [Form("predictions", order, labels=labels, by="scores") for labels in encodings]
    batches = [Form("batch", order, labels=labels, by="scores") for labels in (ONE_HOT, CODES, CODES_COLUMN)]
    index = "index" in everything or "labels" in everything or list(roles) == ["X", "y"]
    batches = [batches[1], batches[0], batches[2]] if index else batches
    if kind is not None:
        found = vectors if kind == "predictions" else batches
    else:
        found = [*vectors, *batches] if plus_minus else [*batches, *vectors]
    if not any(role in ("scores", "y") for role in roles):  # names that say nothing: perhaps the other way round
        found += [replace(form, roles=order[::-1]) for form in found]
    inside = [replace(form, probabilities=True) for form in found]
    given = any(name.lower().startswith("prob") for name in names)
    yield from (*inside, *found) if given else (*found, *inside)


def _orders(roles: Sequence[str | None], expected: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Orders of the arguments: that of their names, if these say all; else the usual one, and all others that no name contradicts."""
    named = [role if role in expected else None for role in roles]
    orders = [
        order for order in permutations(expected) if all(n is None or n == o for n, o in zip(named, order, strict=True))
    ]
    if not orders:  # names that are used twice, or mean something else
        orders = [expected, *(order for order in permutations(expected) if order != expected)]
    return sorted(orders, key=lambda order: order != expected)[:MAX_ORDERS]
