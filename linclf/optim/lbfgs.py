"""The memory of L-BFGS (Liu & Nocedal, 1989; Nocedal & Wright, "Numerical Optimization", 2006, algorithm 7.4)."""

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from linclf.losses import Array

MEMORY = 10  # steps that are kept
# A step is kept where its product with the change of the gradient is above this share of the change's square.
FLATTEST = 1e-14
Products: TypeAlias = float | Array  # of all outputs together, or of each (m, 1)


class Memory:
    """The last steps of weights (m, D): of all m outputs together, or of each for itself, with inner products of its own."""

    def __init__(self, *, together: bool) -> None:
        self.together = together
        # each: the step, the change of the gradient, and 1 / their inner product
        self.pairs: deque[tuple[Array, Array, Products]] = deque(maxlen=MEMORY)

    def dot(self, a: Array, b: Array) -> Products:
        """The inner product of two arrays (m, D): of all outputs, or of each (m, 1)."""
        if self.together:  # a number, and a single call, where that of each output takes six times as long
            return float(np.vdot(a, b))
        return np.asarray(np.einsum("jd,jd->j", a, b))[:, None]

    def add(self, step: Array, change: Array) -> None:
        """Keep a step and the change of the gradient, (m, D)."""
        products = self.dot(step, change)
        sound = products > FLATTEST * self.dot(change, change)
        if np.any(sound):
            self.pairs.append((step, change, _inverse(products, sound, 0)))

    def times(self, g: Array, first: Callable[[Array], Array]) -> Array:
        """H g of g (m, D): H approximates the inverse of the Hessian as well as the steps tell, from a first estimate of it, which
        `first` multiplies arrays with."""
        if not self.pairs:
            return first(g)
        q, factors = g.copy(), []
        for step, change, inverse in reversed(self.pairs):
            factors.append(inverse * self.dot(step, q))
            q -= factors[-1] * change
        step, change, inverse = self.pairs[-1]
        squares = inverse * self.dot(change, first(change))  # which the first estimate is scaled by
        r = first(q)
        r *= _inverse(squares, squares > 0, 1)
        for (step, change, inverse), factor in zip(self.pairs, reversed(factors), strict=True):
            r += (factor - inverse * self.dot(change, r)) * step
        return r


def _inverse(products: Products, sound: bool | Array, otherwise: float) -> Products:
    """1 / products where they are sound."""
    if isinstance(products, float):
        return 1 / products if sound else otherwise
    return np.divide(1, products, out=np.full_like(products, otherwise), where=sound)
