"""From wrong numbers to the likely mistake: the fewest entries of the tables in `mistakes.py` that explain every coordinate."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from linclf.gradcheck import mistakes
from linclf.gradcheck.mistakes import Mistake
from linclf.gradcheck.points import Point
from linclf.gradcheck.reference import Known, Pieces, mean
from linclf.gradcheck.subjects import Subject
from linclf.losses import LOSSES, Array

MOST_MISTAKES = 3


@dataclass(frozen=True)
class Diagnosis:
    """A likely mistake: a key for programs, and a sentence or two for people."""

    key: str
    text: str


@dataclass(frozen=True)
class Evidence:
    """One random point with what the user's function returned there and what is right.

    claimed   as returned, any shape
    right     the gradient in the shape of w: of the recognised loss, else numerical
    penalty   the part of `right` that the penalty makes, 0 without one
    numeric   the numerical gradient of the user's own value
    """

    point: Point
    w: Array
    claimed: Array
    right: Array
    penalty: Array
    numeric: Array
    pieces: Pieces | None

    @property
    def sizes(self) -> tuple[int, int]:
        """n and C: of the pieces, else the rows and columns of the first argument."""
        if self.pieces is not None:
            return self.pieces.n, self.pieces.n_outputs
        first = np.asarray(self.point.arguments[1] if len(self.point.arguments) > 2 else self.w)
        return (first.shape[0], first.shape[-1]) if first.ndim else (1, 1)


def explain(subject: Subject, evidence: list[Evidence], known: Known | None, close: float) -> tuple[Diagnosis, ...]:
    """The likely mistakes, the likeliest first; empty where no hypothesis fits."""
    if all(not np.any(e.claimed) and e.claimed.dtype.kind != "i" for e in evidence):
        return (Diagnosis("zero", "The gradient is 0 everywhere: is it computed, and is what was computed returned?"),)
    for fewest in range(MOST_MISTAKES + 1):
        found = []
        for entries, candidates in _candidates(subject, evidence, known, fewest):
            if all(_equal(e.claimed, candidate, close) for e, candidate in zip(evidence, candidates, strict=False)):
                found.append(_merge(entries))
        if found and fewest == 0 and all(_equal(e.numeric, e.right - e.penalty, 1e-4) for e in evidence):
            return (_merge((mistakes.EXTRA_PENALTIES[0],)),)
        if found and fewest == 0:
            return (
                Diagnosis(
                    "value", "The gradient is right for the loss that the name promises; it is the value that is not."
                ),
            )
        if found:
            return tuple({diagnosis.key: diagnosis for diagnosis in reversed(found)}.values())[::-1][:2]
    return (*_some_parts(evidence), *_constant_factor(evidence, close))[:2]


def _merge(entries: tuple[Mistake, ...]) -> Diagnosis:
    return Diagnosis("+".join(entry.key for entry in entries), " And: ".join(entry.text for entry in entries))


def _candidates(
    subject: Subject, evidence: list[Evidence], known: Known | None, fewest: int
) -> Iterator[tuple[tuple[Mistake, ...], list[Array]]]:
    """All combinations of exactly `fewest` mistakes with the gradients that they predict at each point."""
    shapes = (None, *mistakes.SHAPES, mistakes.TRUNCATED)
    for (term, data), sign, scale, penalty, shape in product(
        _terms(subject, evidence, known),
        (None, mistakes.SIGN),
        (None, *mistakes.SCALES),
        _penalties(evidence),
        shapes,
    ):
        entries = tuple(entry for entry in (term, sign, scale, penalty, shape) if entry is not None)
        if len(entries) != fewest:
            continue
        predicted = []
        for e, part in zip(evidence, data, strict=True):
            factor = _factor(e, sign, scale)
            whole = factor * part
            whole = whole + _penalty(e, penalty) if whole.shape == e.penalty.shape else whole
            shaped = whole if shape is None else shape.formula(whole, e.w)
            if shaped is None:
                break
            predicted.append(shaped)
            if not _equal(e.claimed, shaped, 1e-2):  # the first point settles nearly all
                break
        if len(predicted) == len(evidence):
            yield entries, predicted
    if fewest in (1, 2):  # sign or scale on data and penalty alike
        for sign, scale in product((None, mistakes.SIGN), (None, *mistakes.SCALES)):
            entries = tuple(entry for entry in (sign, scale) if entry is not None)
            if len(entries) == fewest and any(np.any(e.penalty) for e in evidence):
                yield entries, [_factor(e, sign, scale) * e.right for e in evidence]


def _factor(e: Evidence, *entries: Mistake | None) -> float:
    """The product of the factors of scale and sign."""
    return float(np.prod([float(entry.formula(*e.sizes) or 1) for entry in entries if entry is not None]))


def _terms(
    subject: Subject, evidence: list[Evidence], known: Known | None
) -> Iterator[tuple[Mistake | None, list[Array]]]:
    """The data part of the gradient at each point: the right one, then the one that each mistake makes of it."""
    yield None, [e.right - e.penalty for e in evidence]
    if subject.kind == "dense":
        for entry in mistakes.DENSE[subject.wrt]:
            yield entry, [np.asarray(entry.formula(*e.point.arguments)) for e in evidence]
        return
    if known is None:
        return
    scale = mean if known.by_name else known.scale
    for entry in mistakes.terms(known.loss.name):
        made = []
        for e in evidence:
            with np.errstate(all="ignore"):
                term = None if e.pieces is None else entry.formula(e.pieces)
            if e.pieces is None or term is None:
                break
            made.append(scale(*e.sizes) * e.pieces.back(np.asarray(term)))
        if len(made) == len(evidence):
            yield entry, made


def _penalties(evidence: list[Evidence]) -> tuple[Mistake | None, ...]:
    if any(np.any(e.penalty) for e in evidence):
        return (None, *mistakes.PENALTIES)
    if any(_reg(e) for e in evidence):
        return (None, *mistakes.EXTRA_PENALTIES)
    return (None,)


def _penalty(e: Evidence, entry: Mistake | None) -> Array:
    if entry is None:
        return e.penalty
    if entry in mistakes.EXTRA_PENALTIES:
        return np.asarray(entry.formula() * _reg(e) * e.w)
    return np.asarray(entry.formula() * e.penalty)


def _reg(e: Evidence) -> float:
    return float(e.point.arguments[3]) if len(e.point.arguments) == 4 and np.ndim(e.point.arguments[3]) == 0 else 0.0


def _equal(a: Array, b: Array, close: float) -> bool:
    """Whether two arrays have one shape and agree to `close` of their largest entry; (1,) and () are one shape."""
    if a.shape != b.shape and not (a.size == b.size == 1):
        return False
    size = max(float(np.abs(a).max(initial=0)), float(np.abs(b).max(initial=0)))
    return bool(np.isfinite(size) and np.abs(a.reshape(b.shape) - b).max(initial=0) <= close * size)


def _some_parts(evidence: list[Evidence]) -> Iterable[Diagnosis]:
    """Only some rows or columns are wrong: name them."""
    e = evidence[-1]
    if any(x.claimed.shape != x.right.shape for x in evidence):
        return
    for axis, (one, many) in enumerate((("row", "rows"), ("column", "columns"))[: e.w.ndim]):
        found = []
        for x in evidence:
            wrong = np.abs(x.claimed - x.numeric) > 1e-3 * np.abs(x.numeric).max()
            found.append(wrong.any(axis=tuple(k for k in range(wrong.ndim) if k != axis)))
        marks = found[-1]
        if not 0 < marks.sum() <= max(1, len(marks) // 2) or not all(0 < mark.sum() < len(mark) for mark in found):
            continue
        numbers = np.flatnonzero(marks)
        named = ", ".join(map(str, numbers))
        everywhere_last = all(list(np.flatnonzero(mark)) == [len(mark) - 1] for mark in found)
        everywhere_first = all(list(np.flatnonzero(mark)) == [0] for mark in found)
        which = " (the last)" if everywhere_last else " (the first)" if everywhere_first else ""
        word = "object" if e.w.ndim == 1 else one if len(numbers) == 1 else many
        zero = all(
            not x.claimed.take(np.flatnonzero(mark), axis).any() for x, mark in zip(evidence, found, strict=True)
        )
        what = "0" if zero else "wrong"
        yield Diagnosis(
            "some-parts",
            f"Only {word} {named}{which} of the gradient of shape {e.w.shape} {'is' if len(numbers) == 1 else 'are'} "
            f"{what}, the rest is right: look at where a loop starts and ends, and at special cases.",
        )


def _constant_factor(evidence: list[Evidence], close: float) -> Iterable[Diagnosis]:
    """The whole gradient is a number times the right one: name it."""
    factors = []
    for e in evidence:
        squares = float(np.vdot(e.numeric, e.numeric))
        if e.claimed.shape != e.numeric.shape or not squares:
            return
        factor = float(np.vdot(e.claimed, e.numeric)) / squares
        if not _equal(e.claimed, factor * e.numeric, max(close, 1e-4)):
            return
        factors.append(factor)
    shown = ", ".join(f"{factor:.6g}" for factor in factors)
    if len({round(factor, 6) for factor in factors}) == 1:
        yield Diagnosis(
            "factor",
            f"The gradient is {factors[0]:.6g} times what it should be, everywhere: a constant factor is too much.",
        )
    else:
        sizes = ", ".join(str(e.w.shape) for e in evidence)
        yield Diagnosis(
            "factor", f"The gradient is a number times what it should be: {shown} at arguments of shape {sizes}."
        )


def explain_value(points: list[Pieces], values: list[float], close: float) -> Diagnosis:
    """What is likely wrong with a value that is not the one of its loss."""
    loss = points[0].loss
    scales = {
        "it is": mean,
        "it is the sum over samples, not their mean:": lambda n, c: 1.0,
        "it is divided by the number of outputs too:": lambda n, c: 1 / (n * c),
        "it is divided by n twice:": lambda n, c: 1 / n**2,
        "it is half of": lambda n, c: 0.5 / n,
        "it is twice": lambda n, c: 2 / n,
        "its sign is flipped: it is minus": lambda n, c: -1 / n,
    }
    penalties = {"": 0.5, " with the penalty reg * ||W||^2": 1.0, " without the penalty": 0.0, " with the penalty doubled to 2 reg * ||W||^2": 2.0, " with the penalty subtracted": -0.5}  # fmt: skip
    candidates = [loss, *(other for other in LOSSES.values() if other.name != loss.name)]
    for other, (what, scale), (which, factor) in product(candidates, scales.items(), penalties.items()):
        fits = True
        for p, value in zip(points, values, strict=True):
            if p.scores.shape[1] == 1 and not other.binary:
                fits = False
                break
            total = float(other(p.scores, p.y)[0].sum())
            right = scale(p.n, p.n_outputs) * total + factor * p.reg * float(np.square(p.W).sum())
            fits = fits and abs(value - right) <= close * max(abs(value), abs(right))
        if fits:
            return Diagnosis("value", f"The value is not that of {loss.name}: {what} the {other.name} loss{which}.")
    p, value = points[0], values[0]
    right = float(p.values.mean() + p.reg / 2 * np.square(p.W).sum())
    return Diagnosis("value", f"The value is not that of {loss.name}, {loss.formula} averaged over samples: {value:.9g}, where {right:.9g} is right.")  # fmt: skip
