"""A gradient compared with differences of the value at one point, entry by entry."""

from dataclasses import dataclass, replace

import numpy as np

from linclf.gradcheck.differences import FLOAT16, FLOAT32, FLOAT64, Precision, Slope, judge, value_noise
from linclf.gradcheck.points import Point
from linclf.gradcheck.result import Coordinate
from linclf.gradcheck.subjects import Subject
from linclf.losses import Array

MAX_ALL_COORDINATES = 200  # an argument with at most this many entries is compared at each of them,
N_SAMPLED_COORDINATES = 60  # a larger one at this many random entries
N_DIRECTIONS = 8  # and along this many random directions
MAX_DRAWS = 5  # draws of a direction until one does not meet a kink
ENOUGH_WRONG = 5  # wrong entries of a large argument after which no more are compared
GUARD_ERROR = 1e-2  # the largest relative error that a guard such as log(p + 1e-8) in the value excuses
PRECISION_SAMPLES = 6
# A short step, whose change float32 hides, also that of a part of the value beside a penalty in float64; and a long one.
SHORT, LONG = 1e-8, 1e-4


@dataclass(frozen=True)
class Comparison:
    """The outcome at one point.

    coordinates  all entries and directions that were compared; empty if the gradient does not have the argument's shape
    numeric      the numerical gradient in the argument's shape, NaN at entries that were not compared
    guarded      whether an entry is right only because of the expected gradient, see `compare`
    """

    coordinates: tuple[Coordinate, ...]
    numeric: Array
    guarded: bool


@dataclass(frozen=True)
class _Judge:
    """Judges slopes at one point; `scale` and `noise` as in `differences.judge`."""

    subject: Subject
    point: Point
    precision: Precision
    scale: float
    noise: float

    def __call__(self, direction: Array, claimed: float, size: float) -> Slope:
        along = self.subject.along(self.point.arguments, direction)
        return judge(along, claimed, size, self.precision, scale=self.scale, noise=self.noise)


def compare(
    subject: Subject,
    point: Point,
    claim: Array,
    *,
    expected: Array | None = None,
    guard_error: float = GUARD_ERROR,
    precision: Precision,
    rng: np.random.Generator,
) -> Comparison:
    """Compare the gradient `claim` that the user's function returned at a point with the numerical one.

    expected  the gradient of the loss that the value was recognised as, if it was. A value with a guard, such as
              log(p + 1e-8), has slopes that differ from it a little; an entry that equals it is right all the same
    guard_error  the largest relative error that such a guard excuses
    """
    w = np.asarray(point.arguments[subject.wrt], np.float64)
    shaped = has_shape(claim, w.shape)
    claimed = claim.reshape(w.shape).astype(np.float64) if shaped else np.full(w.shape, np.nan)
    scale = float(np.abs(claimed[np.isfinite(claimed)]).max(initial=0))
    typical = max(float(np.sqrt(np.mean(np.square(w)))) if w.size else 0.0, 0.1)
    noise = value_noise(subject.along(point.arguments, rng.standard_normal(w.shape)))
    slope_of = _Judge(subject, point, precision, scale, noise)
    all_entries = w.size <= MAX_ALL_COORDINATES
    close = 1e-9 if guard_error == GUARD_ERROR else 1e-5  # of an expected gradient that is known approximately, too
    chosen = np.arange(w.size) if all_entries else np.sort(rng.choice(w.size, N_SAMPLED_COORDINATES, replace=False))
    numeric, coordinates, guarded, n_wrong = np.full(w.shape, np.nan), [], False, 0
    for flat in chosen:
        index = tuple(map(int, np.unravel_index(flat, w.shape)))
        slope = slope_of(_unit(index, w.shape), float(claimed[index]), max(abs(float(w[index])), typical))
        exact = expected is not None and abs(slope.claimed - expected[index]) <= close * scale
        if exact and slope.verdict == "wrong" and slope.error < guard_error:
            slope, guarded = replace(slope, verdict="right"), True
        numeric[index] = slope.numeric
        coordinates.append(_coordinate(point, index, slope))
        n_wrong += slope.verdict == "wrong"
        if n_wrong == ENOUGH_WRONG and not all_entries:  # each takes many values, and more would not help the diagnosis
            break
    if shaped and not all_entries and not n_wrong:
        for _ in range(N_DIRECTIONS):
            slope = _along_a_direction(slope_of, claimed, typical, rng)
            coordinates.append(_coordinate(point, None, slope))
    return Comparison(tuple(coordinates) if shaped else (), numeric, guarded)


def has_shape(gradient: Array, shape: tuple[int, ...]) -> bool:
    """Whether a gradient has the shape of its argument; of a single number, () and (1,) are the same."""
    return bool(gradient.shape == shape or gradient.size == np.prod(shape) == 1)


def _unit(index: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    unit = np.zeros(shape)
    unit[index] = 1.0
    return unit


def _along_a_direction(slope_of: _Judge, claimed: Array, size: float, rng: np.random.Generator) -> Slope:
    """The slope along a random direction; one that meets a kink shows little, so another is drawn."""
    for _ in range(MAX_DRAWS):
        direction = rng.standard_normal(claimed.shape) / np.sqrt(claimed.size)
        slope = slope_of(direction, float(np.vdot(claimed, direction)), size)
        if slope.verdict in ("right", "wrong"):
            break
    return slope


def _coordinate(point: Point, index: tuple[int, ...] | None, slope: Slope) -> Coordinate:
    return Coordinate(point.purpose, index, slope.claimed, slope.numeric, slope.error, slope.verdict)


def detect_precision(subject: Subject, point: Point, rng: np.random.Generator) -> Precision:
    """The precision that a function computes in: float64 unless its values show a lower one.

    It is float16 or float32 if every value at random points is such a number, and float32 also if the value does not react
    to changes that float64 resolves.
    """
    values, hidden = [], 0
    for _ in range(PRECISION_SAMPLES):
        along = subject.along(point.arguments, rng.standard_normal(np.shape(point.arguments[subject.wrt])))
        values.append(along(0.01))
        slope = (along(LONG) - along(-LONG)) / (2 * LONG)
        short = (along(SHORT) - along(-SHORT)) / (2 * SHORT)
        rounding = 100 * FLOAT64.eps * abs(values[-1]) / SHORT
        hidden += abs(short - slope) > 1e-4 * abs(slope) + rounding
    informative = [v for v in values if v and np.isfinite(v)]
    for precision, dtype in ((FLOAT16, np.float16), (FLOAT32, np.float32)):
        if len(set(informative)) >= 3 and all(float(dtype(v)) == v for v in informative):
            return precision
    return FLOAT32 if 2 * hidden > PRECISION_SAMPLES else FLOAT64
