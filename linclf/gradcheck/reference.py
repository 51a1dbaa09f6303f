"""Which of linclf's losses a function computes, and the pieces that its right gradient is made of."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from linclf.gradcheck.forms import Form, Sample
from linclf.gradcheck.partners import words
from linclf.gradcheck.points import Point
from linclf.gradcheck.subjects import Subject
from linclf.losses import LOSSES, Array, Loss

NAMED = {
    # a word in the function's name -> the loss that it suggests; the first word that is found counts
    "squared_hinge": "squared-hinge",
    "cross_entropy": "softmax",
    "crossentropy": "softmax",
    "softmax": "softmax",
    "nll": "softmax",
    "crammer": "crammer-singer",
    "svm": "svm",
    "logistic": "logistic",
    "hinge": "hinge",
    "mse": "mse",
}
CLOSE = 1e-6  # relative tolerance of values
CLOSE_FLOAT32 = 1e-3  # of values that are computed in float32 or float16
LARGEST_GUARD = 0.01  # of small constants inside a logarithm
ENOUGH = 4  # points, to fit factors to
NEARLY = 1e-3  # relative error of a value that is a loss but for a small constant or a clip
GUARDED = 2e-5  # the same where its penalty is fitted too
APPROXIMATE = "the value is that of the loss approximately: is there a small constant in it, or a clip?"
MARGINS = (0.05, 1000.0)  # between which a margin other than 1 is searched for
NICE, MOST = 20, 10000  # a factor on a loss is a twentieth of a whole number, or one over it, up to this number


# --- losses of what users give: targets as they are, and probabilities -----------------------------------------------------


def _squared_error(scores: Array, targets: Array) -> tuple[Array, Array]:
    return np.square(scores - targets).sum(axis=-1), 2 * (scores - targets)


def _of_true(p: Array, t: Array) -> tuple[Array, Array]:
    return -(t * np.log(p)).sum(axis=-1), -t / p


def _of_both(p: Array, t: Array) -> tuple[Array, Array]:
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum(axis=-1), (p - t) / (p * (1 - p))


SQUARED_ERROR = Loss("mse", _squared_error, "(s - t)^2", "", binary=True)
CROSS_ENTROPY = Loss("cross-entropy of probabilities", _of_true, "-sum(t log p)", "")
BINARY_CROSS_ENTROPY = Loss(
    "binary cross-entropy of probabilities", _of_both, "-(t log p + (1 - t) log(1 - p))", "", binary=True
)
OF_TARGETS = (SQUARED_ERROR, CROSS_ENTROPY, BINARY_CROSS_ENTROPY)  # these take targets (n, m) instead of codes


@dataclass(frozen=True)
class Pieces:
    """The right pieces of a loss at a point.

    scores (n, m), codes y (n,), targets (n, m), values (n,), dscores (n, m)
    back    dscores (n, m) -> the gradient of the sum over samples, in the shape of the argument that it is with respect to
    reg, W  what the penalty is computed from, W in the shape of the argument; reg is 0 if there is no penalty
    kept    a feature, 0 or -1 -> 1 for each entry of W but those of this feature; None if W has no features
    """

    loss: Loss
    scores: Array
    y: Array
    targets: Array
    values: Array
    dscores: Array
    back: Callable[[Array], Array]
    reg: float
    W: Array
    kept: Callable[[int], Array] | None = None

    @property
    def n(self) -> int:
        """The number of samples."""
        return len(self.y)

    def penalised(self, total: float, factor: float) -> float:
        """A value plus factor * reg * ||W||^2."""
        return total + factor * self.reg * float(np.square(self.W).sum())

    def without(self, feature: int | None) -> Array | float:
        """1 for each entry of W but those of a feature; 1 for all if there is none, or W has no features."""
        return 1.0 if feature is None or self.kept is None else self.kept(feature)

    @property
    def n_outputs(self) -> int:
        """The number of outputs, C."""
        return int(self.scores.shape[1])


@dataclass(frozen=True)
class Convention:
    """What a value is made of: weight(n, C, reg) * sum of the losses + factor * strength(n, reg) * the sum of the squares of W.

    feature  0 or -1: the feature whose weights are left out of the penalty; None: no
    """

    what: str
    weight: Callable[[int, int, float], float]
    factor: float
    strength: Callable[[int, float], float]
    feature: int | None = None
    times: float = 1.0

    def of_losses(self, p: Pieces) -> float:
        """The factor on the sum of the losses."""
        return self.times * self.weight(p.n, p.n_outputs, p.reg)

    def squares(self, p: Pieces) -> float:
        """The penalty without its factor."""
        return self.strength(p.n, p.reg) * float((p.without(self.feature) * np.square(p.W)).sum())

    def value(self, p: Pieces) -> float:
        """The value at a point."""
        return self.of_losses(p) * float(p.values.sum()) + self.factor * self.squares(p)

    def penalty_gradient(self, p: Pieces) -> Array:
        """The gradient of the penalty, in the shape of W."""
        return np.asarray(2 * self.factor * self.strength(p.n, p.reg) * p.without(self.feature) * p.W)


def _by_reg(n: int, reg: float) -> float:
    return reg


def _by_reg_over_n(n: int, reg: float) -> float:
    return reg / n


def _fixed(n: int, reg: float) -> float:
    return 1.0


WEIGHTS: dict[str, Callable[[int, int, float], float]] = {
    "the mean": lambda n, c, reg: 1 / n,
    "the sum over samples": lambda n, c, reg: 1.0,
    "the mean over samples and outputs": lambda n, c, reg: 1 / (n * c),
    "C times the sum over samples": lambda n, c, reg: reg,
    "C times the mean": lambda n, c, reg: reg / n,
}
BY_C = ("C times the sum over samples", "C times the mean")
STRENGTHS: dict[str, Callable[[int, float], float]] = {"reg": _by_reg, "reg/n": _by_reg_over_n, "": _fixed}
MEAN = Convention("", WEIGHTS["the mean"], 0.5, _by_reg)


@dataclass(frozen=True)
class Known:
    """The loss that a function computes, or should compute.

    convention  how its value is made of the loss
    notes       which convention the value follows, if it is not linclf's
    by_name     whether the loss is only that of the function's name, or the user's choice, and the value differs from it
    wanted      whether the user chose the loss
    margin      the margin of the value, 1 in linclf
    guard       a small constant that the value has inside a logarithm; 0 without one
    """

    loss: Loss
    convention: Convention
    notes: tuple[str, ...] = ()
    by_name: bool = False
    wanted: bool = False
    margin: float = 1.0
    guard: float = 0.0


def pieces(subject: Subject, point: Point, loss: Loss, margin: float = 1.0) -> Pieces | None:
    """The pieces of a loss at a point; None if the kind has no scores or the loss cannot have this point's targets.

    margin  that of a hinge or svm: max(0, margin + s) is margin * max(0, 1 + s / margin)
    """
    return _pieces_of(subject.form, subject.form.sample(point.arguments), loss, margin)


def _pieces_of(form: Form, sample: Sample | None, loss: Loss, margin: float = 1.0) -> Pieces | None:
    """The pieces of a loss for what arguments stand for."""
    if sample is None or (sample.scores.shape[1] == 1 and not loss.binary):
        return None
    if form.probabilities != (loss in (CROSS_ENTROPY, BINARY_CROSS_ENTROPY)):
        return None
    scores, layout, m = sample.scores / margin, form.layout, sample.scores.shape[1]
    values, dscores = loss(scores, sample.targets if loss in OF_TARGETS else sample.y)
    kept = None
    if layout is not None:
        d = sample.W.size // (1 if layout.one else m)
        if layout.without(0, d, m).shape == sample.W.shape:
            kept = functools.cache(lambda feature: layout.without(feature, d, m))
    values, dscores = sample.weights * values, sample.weights[:, None] * dscores
    return Pieces(
        loss, scores, sample.y, sample.targets, margin * values, dscores, sample.back, sample.reg, sample.W, kept
    )


def identify(
    subject: Subject, points: list[Point], values: list[float], wanted: str | None, close: float
) -> Known | None:
    """The loss whose values these are at every point; else the wanted one, or the one that the name suggests."""
    if not np.isfinite(values).all():
        return _by_name(subject, points, wanted)
    losses = [LOSSES[wanted]] if wanted else list(LOSSES.values())
    losses += [loss for loss in OF_TARGETS if wanted in (None, loss.name)]
    samples = [subject.form.sample(point.arguments) for point in points]
    at_all = [(loss, at) for loss in losses if (at := _pieces_at(subject.form, samples, loss)) is not None]
    for loss, at in at_all:
        for convention in _strict(loss):
            if _matches([convention.value(p) for p in at], values, close):
                return Known(loss, convention, _notes(loss, convention))
    if wanted is None and len(points) >= ENOUGH:
        known = next(_conventions(subject, at_all, values, close), None)
        known = known or _other_constants(subject.form, samples, at_all, values, close)
        if known is not None:
            return known
        logarithms = [(loss, at) for loss, at in at_all if loss.name in ("softmax", "logistic")]
        known = next(_conventions(subject, logarithms, values, GUARDED), None)
        if known is not None:
            return replace(known, notes=(APPROXIMATE, *known.notes), guard=NEARLY)
    return _by_name(subject, points, wanted)


def _pieces_at(form: Form, samples: Sequence[Sample | None], loss: Loss) -> list[Pieces] | None:
    with np.errstate(all="ignore"):
        found = [_pieces_of(form, sample, loss) for sample in samples]
    whole = [p for p in found if p is not None]
    return whole if len(whole) == len(found) else None


def _strict(loss: Loss) -> Iterator[Convention]:
    """linclf's own convention, and those that textbooks have as often."""
    yield MEAN
    yield replace(MEAN, factor=1.0)
    if loss.name == "mse":
        for what, weight in WEIGHTS.items():
            for times in (1.0, 0.5):
                if what not in BY_C and (what, times) != ("the mean", 1.0):
                    yield Convention(what, weight, 0.5, _by_reg, times=times)
                    yield Convention(what, weight, 1.0, _by_reg, times=times)


def _conventions(
    subject: Subject, at_all: list[tuple[Loss, list[Pieces]]], values: list[float], close: float
) -> Iterator[Known]:
    """Losses with another factor, another penalty, or weighed by C: both factors are fitted to more points than there are factors."""
    has_reg = "reg" in subject.form.roles
    for (loss, at), (what, weight) in product(at_all, WEIGHTS.items()):
        if what in BY_C and not has_reg:
            continue
        strengths = ("",) if what in BY_C or not has_reg else ("reg", "reg/n")
        for strength, feature in product(strengths, (None, 0, -1)):
            if feature is not None and at[0].kept is None:
                continue
            tried = Convention(what, weight, 1.0, STRENGTHS[strength], feature)
            penal = [tried.squares(p) for p in at]
            times, factor = _factors([tried.of_losses(p) * float(p.values.sum()) for p in at], penal, values)
            small = abs(factor) * max(penal) < 10 * close * max(map(abs, values))
            factor = 0.0 if small or subject.kind != "loss" else factor
            found = replace(tried, times=times, factor=factor)
            penalised = factor > 0 or not has_reg
            if (
                times > 0
                and factor >= 0
                and penalised
                and _is_nice(times)
                and _matches([found.value(p) for p in at], values, close)
            ):
                yield Known(loss, found, _notes(loss, found))


def _factors(losses: list[float], penalties: list[float], values: list[float]) -> tuple[float, float]:
    """The factors of both, by least squares relative to the values."""
    # the normal equations of two unknowns, in plain numbers: a tenth of the time of numpy.linalg.lstsq
    rows = [(a / abs(v), b / abs(v), np.sign(v)) for a, b, v in zip(losses, penalties, values, strict=True) if v]
    aa, ab, bb = (
        sum(x * y for x, y in both)
        for both in ([(a, a) for a, *_ in rows], [(a, b) for a, b, _ in rows], [(b, b) for _, b, _ in rows])
    )
    av, bv = sum(a * v for a, _, v in rows), sum(b * v for _, b, v in rows)
    determinant = aa * bb - ab * ab
    if determinant <= 1e-12 * aa * bb:
        return (av / aa if aa else 0.0), 0.0
    return float((av * bb - bv * ab) / determinant), float((bv * aa - av * ab) / determinant)


def _is_nice(times: float) -> bool:
    """Whether it is a factor that people write: a twentieth of a whole number, one over a whole number, or a power of ten."""
    if not 1e-12 < times < 1e12:
        return False
    power = np.log10(times)
    return bool(
        any(abs(x - round(x)) < 1e-5 and 1 <= round(x) <= MOST for x in (NICE * times, 1 / times))
        or abs(power - round(power)) < 1e-6
    )


def _other_constants(
    form: Form,
    samples: Sequence[Sample | None],
    at_all: list[tuple[Loss, list[Pieces]]],
    values: list[float],
    close: float,
) -> Known | None:
    """A loss with another margin, or with a small constant inside its logarithm."""
    for loss, at in at_all:
        for convention in (*_strict(loss), replace(MEAN, factor=0.0), *_sums()):
            if "reg" in form.roles and convention.factor == 0:
                continue
            if loss.name in ("svm", "hinge"):

                def of_margin(margin: float, k: int, loss: Loss = loss, convention: Convention = convention) -> float:
                    p = _pieces_of(form, samples[k], loss, margin)
                    return np.nan if p is None else convention.value(p)

                margin = _solved(of_margin, values, *MARGINS, close)
                if margin is not None:
                    note = f"its margin is {margin:.6g}, where that of {loss.name} is 1"
                    return Known(loss, convention, (note, *_notes(loss, convention)), margin=margin)
            if loss.name in ("softmax", "logistic") or loss in (CROSS_ENTROPY, BINARY_CROSS_ENTROPY):

                def guarded(guard: float, k: int, at: list[Pieces] = at, convention: Convention = convention) -> float:
                    p = at[k]
                    values_of = -np.log(np.exp(-p.values) + guard)
                    return convention.value(replace(p, values=values_of))

                guard = _solved(guarded, values, LARGEST_GUARD, 0.0, close)
                if guard is not None:
                    note = f"the value has about {guard:.0e} inside its logarithm"
                    return Known(loss, convention, (note, *_notes(loss, convention)), guard=guard)
                if _matches([convention.value(p) for p in at], values, NEARLY):
                    return Known(loss, convention, (APPROXIMATE, *_notes(loss, convention)), guard=NEARLY)
    return None


def _sums() -> tuple[Convention, ...]:
    what = "the sum over samples"
    return tuple(Convention(what, WEIGHTS[what], factor, _by_reg) for factor in (0.5, 1.0, 0.0))


def _solved(
    of: Callable[[float, int], float], values: list[float], low: float, high: float, close: float
) -> float | None:
    """The constant with which all values are right, by bisection on the first; the value grows from low to high."""
    if not of(low, 0) < values[0] < of(high, 0):
        return None
    for _ in range(60):
        middle = (low + high) / 2 if min(low, high) == 0 else float(np.sqrt(low * high))
        low, high = (middle, high) if of(middle, 0) < values[0] else (low, middle)
    found = (low + high) / 2
    return found if _matches([of(found, k) for k in range(len(values))], values, close) else None


def _notes(loss: Loss, convention: Convention) -> tuple[str, ...]:
    """Which convention a value follows, if it is not linclf's."""
    notes = []
    error = "squared error" if loss.name == "mse" else f"{loss.name} loss"
    times = (
        ""
        if round(convention.times, 6) == 1
        else "half "
        if round(convention.times, 6) == 0.5
        else f"{convention.times:.6g} times "
    )
    if times or convention.what not in ("", "the mean"):
        what = convention.what or "the mean"
        ending = "" if loss.name == "mse" else ": a convention, not an error"
        notes.append(f"the value is {times}{what} of the {error}{ending}")
    strength = next(name for name, found in STRENGTHS.items() if found is convention.strength)
    usual = (round(convention.factor, 6), strength) == (0.5, "reg") and convention.feature is None
    if convention.factor and not usual:
        factor = "" if round(convention.factor, 6) == 1 and strength else f"{convention.factor:.6g}"
        place = {None: "", 0: " without the first feature", -1: " without the last feature"}[convention.feature]
        notes.append(
            f"the penalty is {' '.join(filter(None, (factor, strength)))} * ||W||^2{place}, where linclf has reg/2 * ||W||^2: a convention, not an error"
        )
    return tuple(notes)


def _by_name(subject: Subject, points: list[Point], wanted: str | None) -> Known | None:
    """The wanted loss, or the one that the name suggests."""
    name = wanted or next((loss for word, loss in NAMED.items() if word in _words(subject.name)), None)
    many = subject.kind == "batch" or (subject.form.layout is not None and not subject.form.layout.one)
    if name == "hinge" and many:
        name = "svm"  # a hinge with a column per class is the multiclass SVM
    if name == "softmax" and not many:
        name = "logistic"  # cross-entropy of one output
    if name is None or pieces(subject, points[0], LOSSES[name]) is None:
        return None
    return Known(LOSSES[name], MEAN, by_name=True, wanted=wanted is not None)


def _words(name: str) -> str:
    """A function's own name to search in, twice: `CrossEntropy.backward` as crossentropy and as cross_entropy."""
    own = name.rpartition(":")[2]
    return f"{own.lower()} {'_'.join(words(own))}"


def _matches(found: Sequence[float], values: Sequence[float], close: float) -> bool:
    """Whether values agree, all of them finite."""
    size = np.maximum(np.abs(found), np.abs(values))
    return bool(np.isfinite(size).all() and (np.abs(np.subtract(found, values)) <= close * size).all())
