"""Names of functions that belong together: a value and its gradient, compute_cost and calculate_cost_gradient."""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

GRADIENT = frozenset(("grad", "grads", "gradient", "gradients", "subgradient", "subgrad", "subgradients", "derivative", "derivatives", "derivat", "derive", "deriv", "der", "prime", "fprime", "jac", "jacobian", "backward", "backprop", "bwd", "delta", "dloss", "dcost", "dj", "df", "dfunc", "dfn", "dl", "partial",))  # fmt: skip
VALUE = frozenset(("loss", "losses", "cost", "costs", "function", "func", "fun", "fn", "f", "value", "val", "obj", "objective", "j", "error", "criterion", "forward", "fwd", "calculate", "compute", "calc", "evaluate", "eval", "call", "count",))  # fmt: skip
SAID = frozenset(
    ("get", "input", "wrt", "and", "the", "of", "x", "w", "vectorized", "vec", "s", "my")
)  # that say nothing
IN_A_WORD = ("gradient", "grad", "derivative", "deriv")  # also inside a word, as in costgradient and gradreg


def words(name: str) -> list[str]:
    """The words of a name in small letters: costFunctionReg as cost, function, reg."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    found: list[str] = []
    for word in filter(None, re.split(r"[^a-z0-9]+", spaced.lower())):
        inside = next((one for one in IN_A_WORD if one in word and word not in GRADIENT), None)
        if inside is None:
            found.append(word)
        else:
            before, after = word.split(inside, 1)
            found += [one for one in (before, inside, after) if one]
    return found


def is_gradient(name: str) -> bool:
    """Whether a name says that the function computes a gradient."""
    found = words(name)
    return any(word in GRADIENT for word in found) or (len(found) > 1 and found[0] == "d")


def rest(name: str) -> set[str]:
    """What a name says besides that the function computes a value or a gradient."""
    found = words(name)
    found = found[1:] if len(found) > 1 and found[0] == "d" else found
    return set(found) - GRADIENT - VALUE - SAID


def partners(name: str, others: Iterable[str]) -> list[str]:
    """The names that may be those of the value of a gradient's function, or of the gradient of a value's, the likeliest first: those
    that say the same besides, then those that say a part of it."""
    own, wanted = rest(name), not is_gradient(name)
    ranked = []
    for other in others:
        if other == name or is_gradient(other) != wanted:
            continue
        theirs = rest(other)
        says = bool(set(words(other)) & (GRADIENT | VALUE))
        if own == theirs and (own or says):
            rank = 0
        elif own & theirs:
            rank = 1 if own <= theirs or theirs <= own else 2
        elif says and not (own and theirs):
            rank = 3
        else:
            continue
        alike = SequenceMatcher(None, " ".join(words(name)), " ".join(words(other))).ratio()
        ranked.append((rank, -alike, other))
    return [other for *_, other in sorted(ranked)]


def same(name: str, other: str) -> bool:
    """Whether two names say the same besides that one computes the value and the other the gradient."""
    return rest(name) == rest(other)
