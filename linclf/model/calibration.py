"""Probability calibration: scores -> probabilities, fitted on rows that the model was not trained on.

sigmoid      1 / (1 + exp(-(a s + b))), with a and b by maximum likelihood for Platt's targets (Platt, 1999)
isotonic     isotonic regression of the labels on the scores, interpolated linearly (Zadrozny & Elkan, 2002)
temperature  softmax(s / T), with one T for all classes (Guo et al., 2017)

sigmoid and isotonic map margins: with two classes that of the second class; with more classes that of each class against all
others, and the probabilities are then normalised. A calibrated model predicts the class of the largest probability, unless it
has a threshold.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from linclf.losses import Array, logistic, logistic_logits, softmax

METHODS = ("sigmoid", "isotonic", "temperature")
MIN_TEMPERATURE, MAX_TEMPERATURE = 1e-4, 1e4  # in units of the largest score


@dataclass(frozen=True)
class Calibration:
    """A fitted calibration, as plain data for the model file.

    method          one of METHODS
    n               the number of rows that it was fitted on; a row of weight 2 is two rows
    slopes, shifts  a and b of sigmoid for each margin; there is one margin with two classes, else one for each class
    temperature     T of temperature
    knots, levels   of isotonic, for each margin: the margins at the knots, increasing, and the probabilities there
    """

    method: str
    n: int
    slopes: tuple[float, ...] = ()
    shifts: tuple[float, ...] = ()
    temperature: float = 1.0
    knots: tuple[tuple[float, ...], ...] = ()
    levels: tuple[tuple[float, ...], ...] = ()

    def check(self, n_outputs: int) -> None:
        """Raise ValueError if this is not the calibration of a model with this number of outputs."""
        sizes = {
            "sigmoid": [len(self.slopes), len(self.shifts)],
            "isotonic": [len(self.knots), len(self.levels)],
            "temperature": [],
        }.get(self.method)
        n_margins = 1 if n_outputs == 2 else n_outputs
        knots_match = all(len(knots) == len(levels) > 0 for knots, levels in zip(self.knots, self.levels, strict=False))
        if sizes is None or any(size != n_margins for size in sizes) or not knots_match or self.temperature <= 0:
            raise ValueError(f"calibration by {self.method!r} does not fit {n_outputs} outputs")

    def logits(self, scores: Array) -> Array:
        """The logits (n, K) of scores (n, m): their softmax gives the probabilities of the classes."""
        scores = scores.astype(np.float64)
        if self.method == "temperature":
            return _one_per_class(scores / self.temperature)
        margins = _margins(scores)  # (n, 1) or (n, K)
        if self.method == "sigmoid":
            return logistic_logits(np.array(self.slopes) * margins + np.array(self.shifts))
        fitted = zip(margins.T, self.knots, self.levels, strict=True)
        p = np.column_stack([np.interp(s, knots, levels) for s, knots, levels in fitted])  # (n, 1) or (n, K)
        return np.asarray(np.log(np.hstack([1 - p, p]) if p.shape[1] == 1 else p))


def calibrate(method: str, scores: Array, y: Array, weights: Array | None = None) -> Calibration:
    """Fit a calibration by one of METHODS to the scores (n, m) of held-out rows with codes y (n,) and weights (n,) > 0."""
    scores, w = scores.astype(np.float64), np.ones(len(y)) if weights is None else weights
    n = round(float(w.sum()))
    if method == "temperature":
        return Calibration(method, n, temperature=_fit_temperature(_one_per_class(scores), y, w))
    margins = _margins(scores)  # (n, 1) or (n, K)
    in_class = [y == k for k in (range(margins.shape[1]) if margins.shape[1] > 1 else [1])]  # (n,) for each margin
    if method == "sigmoid":
        slopes, shifts = zip(*(_fit_sigmoid(s, t, w) for s, t in zip(margins.T, in_class, strict=True)), strict=True)
        return Calibration(method, n, slopes, shifts)
    knots, levels = zip(*(_fit_isotonic(s, t, w) for s, t in zip(margins.T, in_class, strict=True)), strict=True)
    return Calibration(method, n, knots=knots, levels=levels)


def _one_per_class(scores: Array) -> Array:
    """Scores (n, m) as (n, K), one for each class; a single output becomes 0 and the score."""
    return np.hstack([np.zeros_like(scores), scores]) if scores.shape[1] == 1 else scores


def _margins(scores: Array) -> Array:
    """The margins of scores (n, m), each of which is calibrated separately.

    With two classes the second class's, (n, 1), else each class's, (n, K): its score minus the logsumexp of all others.
    """
    if scores.shape[1] == 1:
        return scores
    if scores.shape[1] == 2:
        return scores[:, 1:] - scores[:, :1]
    # the logsumexp of the first k scores, and of the last k
    upward, downward = (np.logaddexp.accumulate(a, axis=1) for a in (scores, scores[:, ::-1]))
    others = np.hstack([downward[:, -2:-1], np.logaddexp(upward[:, :-2], downward[:, -3::-1]), upward[:, -2:-1]])
    return np.asarray(scores - others)


def _fit_sigmoid(s: Array, in_class: Array, w: Array) -> tuple[float, float]:
    """Slope and shift for margins s (n,), whether each row is in the class (n,), and weights w (n,)."""
    size = float(np.abs(s).max()) or 1.0
    n_in, n_out = float(w[in_class].sum()), float(w[~in_class].sum())
    # Platt's targets: as if each class had one more row, with the other label
    t = np.where(in_class, (n_in + 1) / (n_in + 2), 1 / (n_out + 2))
    one, other = np.ones(len(s), int), np.zeros(len(s), int)

    def objective(x: Array) -> tuple[float, Array]:
        z = (x[0] * s / size + x[1])[:, None]
        (value, slope), (value0, slope0) = logistic(z, one), logistic(z, other)
        dz = w * (t * slope[:, 0] + (1 - t) * slope0[:, 0])
        return float(w @ (t * value + (1 - t) * value0)), np.array([dz @ s / size, dz.sum()])

    x = _minimise(objective, np.array([0.0, np.log((n_in + 1) / (n_out + 1))]))
    return float(x[0] / size), float(x[1])


def _fit_isotonic(s: Array, in_class: Array, w: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Knots and levels for margins s (n,), whether each row is in the class (n,), and weights w (n,).

    Levels are clipped to [1 / (n + 2), 1 - 1 / (n + 2)]: n rows do not justify a probability nearer to 0 or 1.
    """
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(s, in_class.astype(np.float64), w)
    least = 1 / (float(w.sum()) + 2)
    return tuple(fitted.X_thresholds_.tolist()), tuple(np.clip(fitted.y_thresholds_, least, 1 - least).tolist())


def _fit_temperature(scores: Array, y: Array, w: Array) -> float:
    """The T that maximises the likelihood of the codes y (n,) under softmax(scores / T), scores (n, K), weights w (n,).

    The labels are smoothed as if there were one more row with every label at once; T would be 0 otherwise if every row is
    predicted correctly.
    """
    from scipy.optimize import minimize_scalar

    n = len(y)
    size, smooth = float(np.abs(scores).max()) or 1.0, 1 / (float(w.sum()) + 1)

    def objective(log_t: float) -> float:
        logits = scores / size * np.exp(-log_t)
        value = softmax(logits, y)[0]  # (n,)
        others = value + logits[np.arange(n), y] - logits.mean(axis=1)  # the mean over all labels
        return float(np.average((1 - smooth) * value + smooth * others, weights=w))

    found = minimize_scalar(
        objective, bounds=(np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE)), method="bounded", options={"xatol": 1e-10}
    )
    return float(size * np.exp(found.x))


def _minimise(objective: Callable[[Array], tuple[float, Array]], start: Array) -> Array:
    from scipy.optimize import minimize

    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-8})
    return np.asarray(found.x)
