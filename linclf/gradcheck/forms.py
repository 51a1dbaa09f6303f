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
from dataclasses import dataclass
from itertools import permutations
from typing import TypeAlias

import numpy as np

from linclf.losses import Array

Argument: TypeAlias = Array | float  # of a user's function
KINDS = ("loss", "predictions", "batch", "penalty", "dense", "layer", "general")
MANY_FEATURES = 20  # from which on random weights are made smaller


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
class Layout:
    """How weights W (D, C), or (D, 1) of a single output, and rows X (N, D) are laid out in a user's arguments.

    weights, rows  turn them into the user's
    scores, back   (user's W, user's X) -> (N, m), and (gradient by the scores (N, m), user's X) -> that by the user's W
    """

    text: str
    one: bool
    weights: Callable[[Array], Array]
    rows: Callable[[Array], Array]
    scores: Callable[[Array, Array], Array]
    back: Callable[[Array, Array], Array]

    @property
    def has_rows(self) -> bool:
        """Whether a sample is a row of the user's X, not a column."""
        return self.rows is _same

    def bias(self, m: int) -> Array | float:
        """A bias of zeros for m outputs, as the user's scores take it."""
        return 0.0 if self.one else np.zeros(m) if self.has_rows else np.zeros((m, 1))


def _same(a: Array) -> Array:
    return a


def _turned(a: Array) -> Array:
    return a.T.copy()


ROWS = Layout("W (D, C), X (N, D)", False, _same, _same, lambda W, X: X @ W, lambda S, X: X.T @ S)
COLUMNS = Layout("W (C, D), X (D, N)", False, _turned, _turned, lambda W, X: (W @ X).T, lambda S, X: S.T @ X.T)
VECTOR = Layout(
    "w (D,), X (N, D)", True, lambda W: W[:, 0].copy(), _same, lambda w, X: (X @ w)[:, None], lambda S, X: X.T @ S[:, 0]
)
COLUMN = Layout("w (D, 1), X (N, D)", True, _same, _same, lambda w, X: X @ w, lambda S, X: X.T @ S)
TURNED = Layout("W (C, D), X (N, D)", False, _turned, _same, lambda W, X: X @ W.T, lambda S, X: S.T @ X)
FLAT = Layout(
    "w (D C,), X (N, D)",
    False,
    lambda W: W.ravel(),
    _same,
    lambda w, X: X @ w.reshape(X.shape[1], -1),
    lambda S, X: (X.T @ S).ravel(),
)
COLUMN_TURNED = Layout("w (D, 1), X (D, N)", True, _same, _turned, lambda w, X: X.T @ w, lambda S, X: X @ S)


@dataclass(frozen=True)
class Labels:
    """How codes y (N,) of the classes are encoded: (codes, number of classes) -> the user's labels."""

    text: str
    one: bool
    encode: Callable[[Array, int], Array]


CODES = Labels("integers", False, lambda y, n_classes: y)
ONE_HOT = Labels("one-hot (N, C)", False, lambda y, n_classes: np.eye(n_classes)[y])
ONE_HOT_TURNED = Labels("one-hot (C, N)", False, lambda y, n_classes: np.eye(n_classes)[y].T.copy())
CODES_COLUMN = Labels("integers (N, 1)", False, lambda y, n_classes: y[:, None])
SIGNS = Labels("-1 or 1", True, lambda y, n_classes: np.where(y % 2, 1, -1))
BITS = Labels("0 or 1", True, lambda y, n_classes: y % 2)
SIGNS_COLUMN = Labels("-1 or 1 (N, 1)", True, lambda y, n_classes: np.where(y % 2, 1, -1)[:, None])
BITS_COLUMN = Labels("0 or 1 (N, 1)", True, lambda y, n_classes: (y % 2)[:, None])
BITS_ROW = Labels("0 or 1 (1, N)", True, lambda y, n_classes: (y % 2)[None])

MANY = (
    (ROWS, CODES),
    (COLUMNS, CODES),
    (ROWS, ONE_HOT),
    (TURNED, CODES),
    (TURNED, ONE_HOT),
    (COLUMNS, ONE_HOT_TURNED),
    (ROWS, CODES_COLUMN),
    (FLAT, CODES),
    (FLAT, ONE_HOT),
)
ONE = (
    (VECTOR, SIGNS),
    (VECTOR, BITS),
    (COLUMN, BITS_COLUMN),
    (COLUMN, SIGNS_COLUMN),
    (COLUMN, BITS),
    (COLUMN, SIGNS),
    (COLUMN_TURNED, BITS_ROW),
)
ONE_FIRST = ("theta", "thetas", "params", "beta")  # names of weights that are a vector
ONE_WORDS = ("logistic", "sigmoid", "binary", "cost", "regression")  # and words in the names of functions of these

OF_SAMPLES = ("X", "y", "scores")  # roles of arguments that have an entry for each sample
ROLES: dict[str, frozenset[str]] = {
    # what an argument is, by its name in small letters without underscores at its ends
    "W": frozenset(("w", "weights", "weight", "theta", "thetas", "params", "parameters", "coef", "beta", "wts",)),
    "X": frozenset(("x", "data", "features", "inputs", "xs", "xtrain", "x_train", "xbatch", "x_batch", "samples", "input_data",)),
    "y": frozenset(("y", "labels", "label", "target", "targets", "t", "true", "y_true", "ytrue", "target_index", "target_indices", "truth", "ys", "y_train", "y_batch", "classes", "class_index", "gt",)),
    "scores": frozenset(("scores", "score", "pred", "preds", "predictions", "prediction", "logits", "logit", "z", "s", "out", "output", "outputs", "y_pred", "ypred", "y_hat", "yhat", "input", "f", "o",)),
    "reg": frozenset(("reg", "lambda", "lam", "lmbda", "lambd", "reg_strength", "regularization", "alpha", "c", "mylambda", "weight_decay", "l", "l2", "strength", "lambda_reg", "reg_lambda", "reg_param", "regparam", "learningrate",)),
    "b": frozenset(("b", "bias", "b0",)),
    "dout": frozenset(("dout", "d_out", "grad_output", "grad_out", "upstream", "dz", "dy", "delta_out",)),
    "cache": frozenset(("cache",)),
}  # fmt: skip


def role_of(name: str) -> str | None:
    """What an argument of this name is; None if its name does not say."""
    plain = name.strip("_").lower()
    return next((role for role, names in ROLES.items() if plain in names), None)


@dataclass(frozen=True)
class Sample:
    """What the arguments of a call stand for.

    scores (n, m), codes y (n,); back: gradient by the scores (n, m) -> that of the sum over samples by the argument; W the argument and
    reg the strength of its penalty, 0 without one
    """

    scores: Array
    y: Array
    back: Callable[[Array], Array]
    W: Array
    reg: float


@dataclass(frozen=True)
class Form:
    """One form: the kind, and the roles of the arguments in the order of the user's function."""

    kind: str
    roles: tuple[str, ...]
    layout: Layout | None = None
    labels: Labels | None = None

    @property
    def wrt(self) -> int:
        """The position of the argument that the gradient is with respect to."""
        return next(i for i, role in enumerate(self.roles) if role in ("W", "scores"))

    @property
    def text(self) -> str:
        """The form in words, for a note."""
        shown = {"W": "", "X": "", "y": "", **({"scores": "(n,)" if self.kind == "predictions" else "(N, C)"})}
        order = ", ".join(f"{role} {shown[role]}".strip() if role in shown else role for role in self.roles)
        layout = f"; {self.layout.text}" if self.layout else ""
        return f"({order}){layout}{f'; y {self.labels.text}' if self.labels else ''}"

    def arguments(self, rng: np.random.Generator, size: Size, reg: float) -> tuple[Argument, ...]:
        """Random arguments."""
        n, d, m = size.n, size.d, size.n_classes
        y, bits = rng.permutation(np.arange(n) % m), rng.permutation(np.arange(n) % 2)
        labels = 0.0 if self.labels is None else self.labels.encode(bits if self.labels.one else y, m)
        made: dict[str, Argument] = {"reg": reg, "y": labels}
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
                bias = layout.bias(m)
                made |= {"W": layout.weights(W[:, :1] if layout.one else W), "X": layout.rows(X)}
                made["b"] = bias + rng.standard_normal(np.shape(bias)) if np.ndim(bias) else 0.7
        return tuple(made[role] for role in self.roles)

    def sample(self, arguments: Sequence[Argument]) -> Sample | None:
        """What arguments stand for; None if they do not fit the form, or it has no scores."""
        given, reg = dict(zip(self.roles, arguments, strict=False)), self.reg(arguments)
        if "y" not in given or (self.layout is None and "scores" not in given):
            return None
        target = np.asarray(given["y"])
        if self.layout is not None:
            W, X = np.asarray(given["W"], np.float64), np.asarray(given["X"])
            layout = self.layout
            b = np.reshape(np.asarray(given.get("b", 0.0), np.float64), (1, -1))
            scores, back = np.asarray(layout.scores(W, X), np.float64) + b, lambda S: layout.back(S, X)
        else:
            W = np.asarray(given["scores"], np.float64)
            scores, back = W.reshape(len(W), -1), lambda S: S.reshape(W.shape)
        codes = _codes(target, scores.shape[1], len(scores))
        return None if codes is None else Sample(scores, codes, back, W, reg)

    def changed(self, arguments: Sequence[Argument], **changes: Argument) -> tuple[Argument, ...]:
        """The arguments with those of some roles changed."""
        return tuple(changes.get(role, a) for role, a in zip(self.roles, arguments, strict=True))

    def some(self, arguments: Sequence[Argument], chosen: Sequence[int] | Array) -> tuple[Argument, ...]:
        """The arguments with the chosen samples only."""
        columns = (
            ("X", self.layout is not None and not self.layout.has_rows),
            ("y", self.labels in (ONE_HOT_TURNED, BITS_ROW)),
            ("scores", False),
        )
        axes = {role: int(in_columns) for role, in_columns in columns}
        return tuple(
            np.take(a, chosen, axes[role]) if role in axes and np.ndim(a) else a
            for role, a in zip(self.roles, arguments, strict=True)
        )

    def count(self, arguments: Sequence[Argument]) -> int:
        """The number of samples among arguments; 0 if there are none."""
        sample = self.sample(arguments)
        return 0 if sample is None else len(sample.y)

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
        if self.layout is not None:
            made |= {"W": self.layout.weights(W[:, :1] if self.layout.one else W), "X": self.layout.rows(X)}
            made["b"] = self.layout.bias(n_classes)
        else:
            scores = X @ W
            made["scores"] = scores[:, 0] if self.kind == "predictions" else scores
        return tuple(made[role] for role in self.roles)


def _codes(target: Array, m: int, n: int) -> Array | None:
    """The codes (n,) of labels in any encoding, for m outputs; None if they are no labels."""
    if target.size == n:
        flat = target.reshape(-1)
        return (flat > 0).astype(np.intp) if m == 1 else flat.astype(np.intp)
    if target.ndim != 2 or sorted(target.shape) != sorted((n, m)):
        return None
    rows = target if target.shape == (n, m) else target.T
    if not (np.isin(rows, (0, 1)).all() and (rows.sum(axis=1) == 1).all()):
        return None
    return np.asarray(rows.argmax(axis=1))


def forms(names: Sequence[str], words: str, *, kind: str | None, binary: bool) -> Iterator[Form]:
    """The forms that a function may have, the most natural first.

    names   of its arguments
    words   its own name in small letters, which may suggest a form
    kind    one of KINDS, if the user has chosen it
    binary  whether its loss is known to have targets +-1
    """
    roles = [role_of(name) for name in names]
    if kind == "general" or (kind is None and len(names) == 1):
        yield Form("general", ("W",))
        return
    if kind in (None, "penalty") and _is_penalty(roles, words):
        yield Form("penalty", ("W", "reg") if roles[-1] == "reg" or len(names) == 1 else ("reg", "W"))
        if kind is not None:
            return
    if len(names) == 2 and kind in (None, "predictions", "batch"):
        yield from _score_forms(names, roles, words, kind=kind, binary=binary)
    expected = {3: ("W", "X", "y"), 4: ("W", "X", "y", "reg")}.get(len(names))
    if {"W", "b", "X", "y"} <= set(roles):
        expected = {4: ("W", "b", "X", "y"), 5: ("W", "b", "X", "y", "reg")}.get(len(names))
    if expected is not None and kind in (None, "loss"):
        one = (
            binary or any(word in words for word in ONE_WORDS) or any(n.strip("_").lower() in ONE_FIRST for n in names)
        )
        pairs = (*ONE, *MANY) if one else (*MANY[:2], ONE[0], *MANY[2:], *ONE[1:])
        for order in _orders(roles, expected):
            for layout, labels in pairs:
                yield Form("loss", order, layout, labels)


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
    vectors = [Form("predictions", order, labels=labels) for labels in (SIGNS, BITS)]
    batches = [Form("batch", order, labels=labels) for labels in (ONE_HOT, CODES, CODES_COLUMN)]
    index = "index" in everything or "labels" in everything or roles == ["X", "y"]
    batches = [batches[1], batches[0], batches[2]] if index else batches
    if kind is not None:
        yield from vectors if kind == "predictions" else batches
    elif plus_minus:
        yield from (*vectors, *batches)
    else:
        yield from (*batches, *vectors)


def _orders(roles: Sequence[str | None], expected: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Orders of the arguments: that of their names, if these say all; else the usual one, and all others that no name contradicts."""
    named = [role if role in expected else None for role in roles]
    orders = [
        order for order in permutations(expected) if all(n is None or n == o for n, o in zip(named, order, strict=True))
    ]
    if not orders:  # names that are used twice, or mean something else
        orders = [expected, *(order for order in permutations(expected) if order != expected)]
    return sorted(orders, key=lambda order: order != expected)[:6]
