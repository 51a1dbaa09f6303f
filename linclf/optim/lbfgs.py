"""The memory of L-BFGS (Liu & Nocedal, 1989; Nocedal & Wright, "Numerical Optimization", 2006, algorithm 7.4)."""

from collections import deque
from collections.abc import Callable

import numpy as np

from linclf.losses import Array

MEMORY = 10  # steps that are kept
FLATTEST = (
    1e-14  # a step is kept where its product with the change of the gradient is above this share of the change's square
)


class Memory:
    """The last steps of weights (m, D): of all m outputs together, or of each for itself, with inner products of its own."""

    def __init__(self, *, together: bool) -> None:
        self.together = together
        # each: the step, the change of the gradient, and 1 / their inner product
        self.pairs: deque[tuple[Array, Array, Array]] = deque(maxlen=MEMORY)

    def dot(self, a: Array, b: Array) -> Array:
        """The inner product of two arrays (m, D): of all outputs (1, 1), or of each (m, 1)."""
        if self.together:  # a single call, where that of each output takes six times as long
            return np.asarray(np.vdot(a, b)).reshape(1, 1)
        return np.asarray(np.einsum("jd,jd->j", a, b))[:, None]

    def add(self, step: Array, change: Array) -> None:
        """Keep a step and the change of the gradient, (m, D)."""
        products = self.dot(step, change)
        sound = products > FLATTEST * self.dot(change, change)
        if sound.any():
            self.pairs.append((step, change, np.divide(1, products, out=np.zeros_like(products), where=sound)))

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
        squares = self.dot(change, first(change))  # which the first estimate is scaled by
        r = first(q)
        r *= np.divide(1, inverse * squares, out=np.ones_like(squares), where=(squares > 0) & (inverse > 0))
        for (step, change, inverse), factor in zip(self.pairs, reversed(factors), strict=True):
            r += step * (factor - inverse * self.dot(change, r))
        return r
