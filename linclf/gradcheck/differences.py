"""Slopes of a black box by differences, judged so that neither truncation, nor rounding, nor a kink decides.

A step h too large truncates and may cross a kink; one too small drowns in rounding. So a claimed slope is compared at one
good step first, which is enough when both agree; otherwise slopes at many steps are taken, the one with the least
estimated error is believed, and the two one-sided slopes tell a kink from an error: away from a kink their difference
shrinks with h, at a kink it stays. Compare Gill, Murray, Saunders & Wright, "Computing forward-difference intervals for
numerical optimization" (1983).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

STEPS = tuple(10.0 ** (-k / 2) for k in range(2, 19))  # relative to the size of the point
Verdict = Literal["right", "kink", "wrong", "unclear"]


@dataclass(frozen=True)
class Precision:
    """What a function computes in: eps, the first step tried, and the relative error allowed."""

    name: str
    eps: float
    step: float
    tolerance: float


FLOAT64 = Precision("float64", float(np.finfo(np.float64).eps), 1e-5, 1e-5)
FLOAT32 = Precision("float32", float(np.finfo(np.float32).eps), 1e-2, 2e-3)
FLOAT16 = Precision("float16", float(np.finfo(np.float16).eps), 1e-1, 5e-2)


@dataclass(frozen=True)
class Slope:
    """A claimed slope held against the numerical one.

    verdict  right; kink: at a kink of the function and between the one-sided slopes; wrong; unclear: not to be resolved
    error    |claimed - numeric| / max(|claimed|, |numeric|), 0 for 0 against 0
    """

    verdict: Verdict
    claimed: float
    numeric: float

    @property
    def error(self) -> float:
        """The relative error; a NaN or infinity is an infinite one."""
        size = max(abs(self.claimed), abs(self.numeric))
        if not np.isfinite(size):
            return np.inf
        return abs(self.claimed - self.numeric) / size if size else 0.0


def judge(
    function: Callable[[float], float],
    claimed: float,
    size: float,
    precision: Precision,
    *,
    scale: float = 0.0,
    noise: float = 0.0,
) -> Slope:
    """Judge the claimed slope at 0 of a function of one number.

    size   the scale of a natural step
    scale  the size of the gradient's largest entries, below a millionth of which rounding may hide a slope; 0 if unknown
    noise  how much rounding moves the value, as `value_noise` measures it: more than the value shows where large terms
           cancel inside; 0 if unknown
    """
    middle = function(0.0)
    quick = _Difference(function, middle, precision.step * size, size, precision=precision, noise=noise)
    allowed = precision.tolerance * max(abs(claimed), abs(quick.central))
    if quick.noise <= allowed and abs(claimed - quick.central) <= allowed:
        return Slope("right", claimed, quick.central)
    ladder = [_Difference(function, middle, step * size, size, precision=precision, noise=noise) for step in STEPS]
    best, uncertainty = _most_certain(ladder)
    allowed = precision.tolerance * max(abs(claimed), abs(best.central))
    if abs(claimed - best.central) <= allowed + uncertainty:
        small = uncertainty <= max(10 * allowed, 1e-6 * (scale or 1.0))
        return Slope("right" if small else "unclear", claimed, best.central)
    jump = _kink(ladder)
    if jump is not None:
        low, high = sorted((jump.left, jump.right))
        room = jump.noise + precision.tolerance * max(abs(low), abs(high))
        if low - room <= claimed <= high + room:
            return Slope("kink", claimed, jump.central)
        return Slope("wrong", claimed, low if claimed < low else high)
    return Slope("wrong", claimed, best.central)


class _Difference:
    """The differences of a function around 0 at one step."""

    def __init__(
        self,
        function: Callable[[float], float],
        middle: float,
        h: float,
        size: float,
        *,
        precision: Precision,
        noise: float,
    ) -> None:
        above, below = function(h), function(-h)
        self.central = (above - below) / (2 * h)
        self.right, self.left = (above - middle) / h, (middle - below) / h
        # what rounding of the values alone may move a slope by (sums inside the function round a few times more), and
        # rounding of the point itself, which is of about this size
        values = max(abs(above), abs(below), abs(middle))
        rounding = precision.eps * (8 * values + 4 * size * max(abs(self.right), abs(self.left)))
        self.noise = max(rounding, 2 * noise) / h


def value_noise(function: Callable[[float], float]) -> float:
    """How much rounding moves the values of a function of one number around 0: the scatter about a straight line of values
    so close together that the function itself is straight, on either side, as there may be a kink at 0. Compare More &
    Wild, "Estimating Computational Noise" (2011)."""
    steps = np.arange(5)
    scatter = 0.0
    for side in (-1e-9, 1e-9):
        values = np.array([function(side * float(k)) for k in steps])
        if not np.isfinite(values).all():
            return 0.0
        slope, start = np.polyfit(steps, values - values[0], 1)
        scatter = max(scatter, float(np.abs(values - values[0] - slope * steps - start).max()))
    return scatter


def _most_certain(ladder: list[_Difference]) -> tuple[_Difference, float]:
    """The step whose slope has the least estimated error: rounding, and how far the next smaller step's slope is.

    Truncation goes like h^2, so that distance is 0.9 of it for steps a factor of sqrt(10) apart; twice it is on the safe side.
    """
    errors = [one.noise + 2 * abs(one.central - smaller.central) for one, smaller in pairwise(ladder)]
    errors = [error if np.isfinite(error) else np.inf for error in errors]
    best = int(np.argmin(errors))
    return ladder[best], errors[best]


def _kink(ladder: list[_Difference]) -> _Difference | None:
    """The smallest step that still resolves a jump between the one-sided slopes that no smaller step makes go away."""
    resolved = [one for one in ladder if np.isfinite(one.noise) and abs(one.right - one.left) > 20 * one.noise]
    # where a smaller step sees less than the jump, although its rounding is small enough to see it, there is no kink
    if len(resolved) < 3:
        return None
    last = resolved[-1]
    jump = abs(last.right - last.left)
    smaller = ladder[ladder.index(last) + 1 :]
    if any(abs(one.right - one.left) < 0.5 * jump and one.noise < 0.05 * jump for one in smaller):
        return None
    before = [abs(one.right - one.left) for one in resolved[-3:]]
    return last if max(before) < 2 * min(before) else None
