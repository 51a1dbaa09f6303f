"""Scores -> probabilities, learned from rows that the model was not trained on.

sigmoid      1 / (1 + exp(-(a s + b))), its two numbers by maximum likelihood with Platt's targets (Platt, 1999)
isotonic     the non-decreasing steps nearest to the labels, straight lines between them (Zadrozny & Elkan, 2002)
temperature  softmax(s / T), one number for all classes (Guo et al., 2017)

sigmoid and isotonic are of a margin: that of the second of two classes; of more classes each against all others, and then
normalised. The labels that the model predicts stay as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from linclf.losses import Array, logistic, logistic_logits, softmax

METHODS = ("sigmoid", "isotonic", "temperature")
COLDEST, HOTTEST = 1e-4, 1e4  # temperatures, in units of the largest score


@dataclass(frozen=True)
class Calibration:
    """How scores become probabilities, as plain data that a model carries.

    n              rows it was learned from
    slopes, shifts of a sigmoid, one of each for each output; a single output for two classes
    temperature    that scores are divided by
    knots, levels  of isotonic steps, for each output: scores, and the probabilities there
    """

    method: str
    n: int
    slopes: tuple[float, ...] = ()
    shifts: tuple[float, ...] = ()
    temperature: float = 1.0
    knots: tuple[tuple[float, ...], ...] = ()
    levels: tuple[tuple[float, ...], ...] = ()

    def check(self, n_outputs: int) -> None:
        """Raise ValueError unless this is of a model with so many outputs."""
        sizes = {
            "sigmoid": [len(self.slopes), len(self.shifts)],
            "isotonic": [len(self.knots), len(self.levels)],
            "temperature": [],
        }.get(self.method)
        outputs = 1 if n_outputs == 2 else n_outputs  # the margin of the second of two classes
        steps = all(len(knots) == len(levels) > 0 for knots, levels in zip(self.knots, self.levels, strict=False))
        if sizes is None or any(size != outputs for size in sizes) or not steps or self.temperature <= 0:
            raise ValueError(f"calibration by {self.method!r} does not fit {n_outputs} outputs")

    def logits(self, scores: Array) -> Array:
        """Scores (n, m) as logits (n, K), whose softmax are the probabilities of the classes."""
        scores = scores.astype(np.float64)
        if self.method == "temperature":
            return _both(scores / self.temperature)
        margins = _margins(scores)  # (n, outputs)
        if self.method == "sigmoid":
            return logistic_logits(np.array(self.slopes) * margins + np.array(self.shifts))
        steps = zip(margins.T, self.knots, self.levels, strict=True)
        p = np.column_stack([np.interp(s, knots, levels) for s, knots, levels in steps])
        return np.asarray(np.log(np.hstack([1 - p, p]) if p.shape[1] == 1 else p))


def calibrate(method: str, scores: Array, y: Array) -> Calibration:
    """Learn a calibration by one of METHODS from the scores (n, m) of held-out rows with codes y (n,)."""
    scores, n = scores.astype(np.float64), len(y)
    if method == "temperature":
        return Calibration(method, n, temperature=_temperature(_both(scores), y))
    margins = _margins(scores)
    hits = [y == k for k in (range(margins.shape[1]) if margins.shape[1] > 1 else [1])]  # (n,) for each output
    if method == "sigmoid":
        slopes, shifts = zip(*map(_sigmoid, margins.T, hits), strict=True)
        return Calibration(method, n, slopes, shifts)
    knots, levels = zip(*map(_isotonic, margins.T, hits), strict=True)
    return Calibration(method, n, knots=knots, levels=levels)


def _both(scores: Array) -> Array:
    """Scores (n, m) as one for each class: of a single output, 0 and the score."""
    return np.hstack([np.zeros_like(scores), scores]) if scores.shape[1] == 1 else scores


def _margins(scores: Array) -> Array:
    """The margins that are calibrated one by one, of scores (n, m): of two classes the second's, (n, 1); of more classes
    each one's, (n, K): by how much its score is above those of all others together."""
    if scores.shape[1] == 1:
        return scores
    if scores.shape[1] == 2:
        return scores[:, 1:] - scores[:, :1]
    upward, downward = (
        np.logaddexp.accumulate(a, axis=1) for a in (scores, scores[:, ::-1])
    )  # the first k; the last k
    others = np.hstack([downward[:, -2:-1], np.logaddexp(upward[:, :-2], downward[:, -3::-1]), upward[:, -2:-1]])
    return np.asarray(scores - others)


def _sigmoid(s: Array, hit: Array) -> tuple[float, float]:
    """Slope and shift for scores s (n,) of rows that are of the class or not (n,)."""
    size = float(np.abs(s).max()) or 1.0
    right, wrong = int(hit.sum()), int((~hit).sum())
    # Platt's targets: the two classes' rows count as if each had been seen once more on the other side
    t = np.where(hit, (right + 1) / (right + 2), 1 / (wrong + 2))
    one, other = np.ones(len(s), int), np.zeros(len(s), int)

    def objective(x: Array) -> tuple[float, Array]:
        z = (x[0] * s / size + x[1])[:, None]
        (value, slope), (value0, slope0) = logistic(z, one), logistic(z, other)
        dz = t * slope[:, 0] + (1 - t) * slope0[:, 0]
        return float((t * value + (1 - t) * value0).sum()), np.array([dz @ s / size, dz.sum()])

    x = _minimum(objective, np.array([0.0, np.log((right + 1) / (wrong + 1))]))
    return float(x[0] / size), float(x[1])


def _isotonic(s: Array, hit: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Knots and levels for scores s (n,) of rows that are of the class or not (n,).

    n rows cannot tell a probability from less than 1 / (n + 2): levels stay as far from 0 and 1.
    """
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(s, hit.astype(np.float64))
    least = 1 / (len(s) + 2)
    return tuple(fitted.X_thresholds_.tolist()), tuple(np.clip(fitted.y_thresholds_, least, 1 - least).tolist())


def _temperature(scores: Array, y: Array) -> float:
    """The T at which softmax(scores / T) (n, K) gives the labels the largest likelihood.

    The labels count as if one row more had been seen, of all the classes at once: where no row is wrong, T would be 0
    otherwise.
    """
    from scipy.optimize import minimize_scalar

    n = len(y)
    size, smooth = float(np.abs(scores).max()) or 1.0, 1 / (n + 1)

    def objective(log_t: float) -> float:
        logits = scores / size * np.exp(-log_t)
        value = softmax(logits, y)[0]  # (n,)
        others = value + logits[np.arange(n), y] - logits.mean(axis=1)  # the mean over all labels
        return float(((1 - smooth) * value + smooth * others).mean())

    found = minimize_scalar(
        objective, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded", options={"xatol": 1e-10}
    )
    return float(size * np.exp(found.x))


def _minimum(objective: Callable[[Array], tuple[float, Array]], start: Array) -> Array:
    from scipy.optimize import minimize

    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-8})
    return np.asarray(found.x)
