"""Slopes of a black box by finite differences, judged so that truncation, rounding or a kink does not decide the verdict.

A step h that is too large has a truncation error and may cross a kink; one that is too small has a rounding error. So a
claimed slope is first compared at one good step, which is enough if the two agree. Otherwise the slopes at many steps are
computed and the one with the smallest estimated error is used. The one-sided slopes distinguish a kink from an error: away
from a kink their difference shrinks with h, at a kink it does not. Compare Gill, Murray, Saunders & Wright, "Computing
forward-difference intervals for numerical optimization" (1983).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

STEPS = tuple(10.0 ** (-k / 2) for k in range(2, 19))  # 0.1 to 1e-9, relative to the size of the point
SMOOTH = 1e-2  # the largest relative difference of one-sided slopes away from a kink, at the first steps
Verdict = Literal["right", "kink", "wrong", "unclear"]


@dataclass(frozen=True)
class Precision:
    """A floating-point precision: its eps, the first step to try, and the relative error to tolerate."""

    name: str
    eps: float
    step: float
    tolerance: float


FLOAT64 = Precision("float64", float(np.finfo(np.float64).eps), 1e-5, 1e-5)
FLOAT32 = Precision("float32", float(np.finfo(np.float32).eps), 1e-2, 2e-3)
FLOAT16 = Precision("float16", float(np.finfo(np.float16).eps), 1e-1, 5e-2)


@dataclass(frozen=True)
class Slope:
    """A claimed slope compared with the numerical one.

    verdict  right; kink: at a kink of the function and between the one-sided slopes; wrong; unclear: rounding hides it
    """

    verdict: Verdict
    claimed: float
    numeric: float

    @property
    def error(self) -> float:
        """|claimed - numeric| / max(|claimed|, |numeric|): 0 if both are 0, infinite if one is not finite."""
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

    size   the size of the point, which steps are relative to
    scale  the size of the gradient's largest entries: rounding may hide slopes below a millionth of it; 0 if unknown
    noise  the rounding error of the value, as measured by `value_noise`, which is larger than the value suggests if large
           terms cancel; 0 if unknown
    """
    middle = function(0.0)
    first = _Difference(function, middle, precision.step * size, size, precision=precision, noise=noise)
    allowed = precision.tolerance * max(abs(claimed), abs(first.central))
    if first.noise <= allowed and abs(claimed - first.central) <= allowed:
        return Slope("right", claimed, first.central)
    if precision is FLOAT64 and abs(claimed - first.central) > 10 * allowed:
        # a second step shows that the first is right, and not near a kink: a tenth of the values of all steps
        second = _Difference(function, middle, 0.1 * precision.step * size, size, precision=precision, noise=noise)
        sure = 0.1 * precision.tolerance * abs(first.central)
        agree = abs(first.central - second.central) <= sure and max(first.noise, second.noise) <= sure
        jump, nearer = abs(first.right - first.left), abs(second.right - second.left)
        if agree and nearer <= 0.5 * jump + second.noise and max(jump, nearer) <= SMOOTH * abs(first.central):
            return Slope("wrong", claimed, first.central)
    by_step = [_Difference(function, middle, step * size, size, precision=precision, noise=noise) for step in STEPS]
    best, uncertainty = _most_certain(by_step)
    allowed = precision.tolerance * max(abs(claimed), abs(best.central))
    if abs(claimed - best.central) <= allowed + uncertainty:
        small = uncertainty <= max(10 * allowed, 1e-6 * (scale or 1.0))
        return Slope("right" if small else "unclear", claimed, best.central)
    kink = _kink(by_step, precision)
    if kink is not None:
        low, high = sorted((kink.left, kink.right))
        longer = by_step[max(by_step.index(kink) - 1, 0)]  # what the one-sided slopes owe to the length of the step
        drift = max(abs(longer.left - kink.left), abs(longer.right - kink.right))
        allowed = kink.noise + drift + precision.tolerance * max(abs(low), abs(high))
        if low - allowed <= claimed <= high + allowed:
            return Slope("kink", claimed, kink.central)
    if precision is not FLOAT64 and (
        abs(claimed - best.central) <= precision.tolerance * scale or _may_hide_a_kink(by_step, claimed, best.central)
    ):
        return Slope("unclear", claimed, best.central)
    if kink is not None:
        return Slope(
            "wrong", claimed, min(kink.left, kink.right) if claimed < kink.central else max(kink.left, kink.right)
        )
    return Slope("wrong", claimed, best.central)


class _Difference:
    """Central and one-sided differences of a function around 0 at one step, and what rounding may change them by."""

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
        # rounding of the values (sums inside the function round several times) and rounding of the point itself
        values = max(abs(above), abs(below), abs(middle))
        rounding = precision.eps * (8 * values + 4 * size * max(abs(self.right), abs(self.left)))
        self.noise = max(rounding, 2 * noise) / h


def value_noise(function: Callable[[float], float]) -> float:
    """The rounding error of the values of a function of one number around 0.

    It is measured as the largest deviation from a straight line of values so close together that the function is linear
    there, separately on each side, because there may be a kink at 0. Compare More & Wild, "Estimating Computational Noise"
    (2011).
    """
    steps = np.arange(5)
    deviation = 0.0
    for side in (-1e-9, 1e-9):
        values = np.array([function(side * float(k)) for k in steps])
        if not np.isfinite(values).all():
            return 0.0
        slope, start = np.polyfit(steps, values - values[0], 1)
        deviation = max(deviation, float(np.abs(values - values[0] - slope * steps - start).max()))
    return deviation


def _most_certain(by_step: list[_Difference]) -> tuple[_Difference, float]:
    """The difference with the smallest estimated error, and this error: rounding plus truncation.

    Truncation is estimated from the next smaller step. It falls with h^2, so with steps a factor of sqrt(10) apart the two
    slopes differ by 0.9 of it; twice their difference is a safe estimate.
    """
    errors = [one.noise + 2 * abs(one.central - smaller.central) for one, smaller in pairwise(by_step)]
    errors = [error if np.isfinite(error) else np.inf for error in errors]
    for i, one in enumerate(by_step[:-2]):
        # a kink between this step and shorter ones, two of which agree that it is another slope
        for near, nearer in pairwise(by_step[i + 1 :]):
            noise = one.noise + near.noise + nearer.noise
            apart = min(abs(one.central - near.central), abs(one.central - nearer.central))
            if apart > 3 * noise and abs(near.central - nearer.central) < noise:
                errors[i] = np.inf
    best = int(np.argmin(errors))
    return by_step[best], errors[best]


def _may_hide_a_kink(by_step: list[_Difference], claimed: float, central: float) -> bool:
    """Whether a kink so near that steps which rounding allows cross it may explain that a claimed slope is not the central one: at the
    shortest step that tells the two apart, it is the slope, or lies between the one-sided slopes, which jump."""
    telling = [i for i, one in enumerate(by_step) if one.noise <= abs(claimed - central) / 3]
    if not telling:  # the best step tells them apart, by a little
        return False
    one, longer = by_step[telling[-1]], by_step[max(telling[-1] - 1, 0)]
    if abs(claimed - one.central) <= 3 * one.noise:
        return True
    ratio = STEPS[1] / STEPS[0]
    # the jump as the step tends to 0: that of a curve tends to 0 with it
    jump = (abs(one.right - one.left) - ratio * abs(longer.right - longer.left)) / (1 - ratio)
    return (
        jump > 2 * (one.noise + longer.noise)
        and abs(claimed - one.central) <= abs(one.right - one.left) / 2 + one.noise
    )


def _kink(by_step: list[_Difference], precision: Precision) -> _Difference | None:
    """The smallest step that resolves a kink, a jump between the one-sided slopes; None if there is no kink."""
    times = 20 if precision is FLOAT64 else 10  # fewer steps show a jump in a lower precision
    resolved = [one for one in by_step if np.isfinite(one.noise) and abs(one.right - one.left) > times * one.noise]
    if len(resolved) < 3:
        return None
    last = resolved[-1]
    jump = abs(last.right - last.left)
    # at a smaller step the jump must not be smaller, unless rounding hides it there
    smaller = by_step[by_step.index(last) + 1 :]
    if any(abs(one.right - one.left) < 0.5 * jump and one.noise < 0.05 * jump for one in smaller):
        return None
    before = [abs(one.right - one.left) for one in resolved[-3:]]
    return last if max(before) < 2 * min(before) else None
