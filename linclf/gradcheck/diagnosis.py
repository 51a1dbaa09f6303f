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


VALUE = Mistake(
    "value",
    "The gradient is right for the loss that the name promises; it is the value that is not.",
    lambda p: p.dscores,
)


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
        if len(self.point.arguments) == 1:
            return 1, 1
        first = np.asarray(self.point.arguments[1] if len(self.point.arguments) > 2 else self.w)
        return (first.shape[0], first.shape[-1]) if first.ndim else (1, 1)


def explain(subject: Subject, evidence: list[Evidence], known: Known | None, close: float) -> tuple[Diagnosis, ...]:
    """The likely mistakes, the likeliest first; empty where no hypothesis fits."""
    if all(not np.any(e.claimed) and e.claimed.dtype.kind != "i" for e in evidence):
        return (Diagnosis("zero", "The gradient is 0 everywhere: is it computed, and is what was computed returned?"),)
    for fewest in range(1, MOST_MISTAKES + 1):
        found: dict[str, Diagnosis] = {}
        for entries, candidates in _candidates(subject, evidence, known, fewest):
            if all(_equal(e.claimed, candidate, close) for e, candidate in zip(evidence, candidates, strict=False)):
                diagnosis = _merge(entries)
                found.setdefault(diagnosis.key, diagnosis)
        if found:
            return tuple(found.values())[:2]
    return (*_some_parts(evidence), *_constant_factor(evidence, close))[:2]


def _merge(entries: tuple[Mistake, ...]) -> Diagnosis:
    return Diagnosis("+".join(entry.key for entry in entries), " And: ".join(entry.text for entry in entries))


def _candidates(
    subject: Subject, evidence: list[Evidence], known: Known | None, fewest: int
) -> Iterator[tuple[tuple[Mistake, ...], list[Array]]]:
    """All combinations of exactly `fewest` mistakes with the gradients that they predict at each point."""
    shapes = (None, *mistakes.SHAPES, mistakes.TRUNCATED)
    scales = _scales(evidence)
    for (term, data), sign, scale, penalty, shape in product(
        _terms(subject, evidence, known),
        (None, mistakes.SIGN),
        scales,
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
        for sign, scale in product((None, mistakes.SIGN), scales):
            entries = tuple(entry for entry in (sign, scale) if entry is not None)
            if len(entries) == fewest and any(np.any(e.penalty) for e in evidence):
                yield entries, [_factor(e, sign, scale) * e.right for e in evidence]


def _scales(evidence: list[Evidence]) -> tuple[Mistake | None, ...]:
    """The scales that differ at these points: with a single output, n and n C are one."""
    distinct: dict[tuple[float, ...], Mistake | None] = {(1.0,) * len(evidence): None}
    for scale in mistakes.SCALES:
        distinct.setdefault(tuple(_factor(e, scale) for e in evidence), scale)
    return tuple(distinct.values())


def _factor(e: Evidence, *entries: Mistake | None) -> float:
    """The product of the factors of scale and sign."""
    return float(np.prod([float(entry.formula(*e.sizes) or 1) for entry in entries if entry is not None]))


def _terms(
    subject: Subject, evidence: list[Evidence], known: Known | None
) -> Iterator[tuple[Mistake | None, list[Array]]]:
    """The data part of the gradient at each point: the right one, then the one that each mistake makes of it."""
    if known is None or not known.by_name:
        yield None, [e.right - e.penalty for e in evidence]
    if subject.kind == "dense":
        for entry in mistakes.DENSE[subject.wrt]:
            yield entry, [np.asarray(entry.formula(*e.point.arguments)) for e in evidence]
        return
    if known is None:
        return
    scale = mean if known.by_name else known.scale
    for entry in (*((VALUE,) if known.by_name else ()), *mistakes.terms(known.loss.name)):
        made = []
        for e in evidence:
            with np.errstate(all="ignore"):
                term = None if e.pieces is None else entry.formula(e.pieces)
            if e.pieces is None or term is None:
                break
            made.append(scale(*e.sizes) * e.pieces.back(np.asarray(term)))
        if len(made) == len(evidence):
            yield entry, made
        if entry is VALUE:  # before other explanations against the user's own value
            yield None, [e.right - e.penalty for e in evidence]


def _penalties(evidence: list[Evidence]) -> tuple[Mistake | None, ...]:
    if any(np.any(e.penalty) for e in evidence):
        return (None, *mistakes.PENALTIES)
    if any(_reg(e) for e in evidence):
        return (None, *mistakes.EXTRA_PENALTIES)
    return (None,)


def _penalty(e: Evidence, entry: Mistake | None) -> Array:
    return e.penalty if entry is None else np.asarray(entry.formula(e.penalty, e.w, _reg(e), e.sizes[0]))


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
    shape = evidence[0].w.shape
    if any(e.claimed.shape != e.numeric.shape for e in evidence):
        return
    for axis, (one, many) in enumerate((("row", "rows"), ("column", "columns"))[: len(shape)]):
        marks = []  # at each point, which rows are wrong
        for e in evidence:
            size = np.maximum(np.abs(e.claimed), np.abs(e.numeric))
            wrong = np.abs(e.claimed - e.numeric) > 1e-4 * size + 1e-9 * np.abs(e.numeric).max()
            marks.append(wrong.any(axis=tuple(k for k in range(wrong.ndim) if k != axis)))
        if not all(0 < mark.sum() <= max(1, len(mark) // 2) for mark in marks):
            continue
        last = all(list(np.flatnonzero(mark)) == [len(mark) - 1] for mark in marks)
        numbers = [list(map(int, np.flatnonzero(mark))) for mark in marks]
        if not last and any(listed != numbers[0] for listed in numbers):
            continue  # other ones at each point
        zero = all(not e.claimed.take(n, axis).any() for e, n in zip(evidence, numbers, strict=True))
        word = (
            ("entry" if len(numbers[0]) == 1 else "entries")
            if len(shape) == 1
            else one
            if len(numbers[0]) == 1
            else many
        )
        which = "the last " + word if last else f"{word} {', '.join(map(str, numbers[0]))}"
        verb = "is" if len(numbers[0]) == 1 else "are"
        yield Diagnosis(
            "some-parts",
            f"Only {which} of the gradient {verb} {'0' if zero else 'wrong'}, the rest is right: look at where a loop "
            "starts and ends, and at special cases.",
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
    if all(abs(factor - 1) < 1e-6 for factor in factors):
        return
    shown = ", ".join(f"{factor:.6g}" for factor in factors)
    if len({round(factor, 6) for factor in factors}) == 1:
        yield Diagnosis(
            "factor",
            f"The gradient is {factors[0]:.6g} times what it should be, everywhere: a constant factor is too much.",
        )
    elif len({e.w.shape for e in evidence}) == 1:
        yield Diagnosis(
            "factor",
            f"The gradient points the right way but has the wrong length, {shown} times the right one at two points: is a "
            "normalisation missing, or one too many?",
        )
    else:
        sizes = ", ".join(str(e.w.shape) for e in evidence)
        yield Diagnosis(
            "factor", f"The gradient is a number times what it should be: {shown} at arguments of shape {sizes}."
        )


def explain_value(points: list[Pieces], values: list[float], close: float) -> Diagnosis | None:
    """What is likely wrong with a value that is not the one of its loss; None where no hypothesis fits."""
    loss = points[0].loss
    candidates = [loss, *(other for other in LOSSES.values() if other.name != loss.name)]
    for other, (what, scale), (which, factor), extra in product(
        candidates, mistakes.VALUE_SCALES.items(), mistakes.VALUE_PENALTIES.items(), (0.0, 1.0)
    ):
        if points[0].scores.shape[1] == 1 and not other.binary:
            continue
        right = [
            scale(p.n, p.n_outputs) * float(other(p.scores, p.y)[0].sum() + extra * p.n)
            + factor * p.reg * float(np.square(p.W).sum())
            for p in points
        ]
        if all(abs(v - r) <= close * max(abs(v), abs(r)) for v, r in zip(values, right, strict=True)):
            counted = (
                ", plus 1 for each sample (is the correct class, whose margin is 1, counted too?)" if extra else ""
            )
            return Diagnosis(
                "value", f"The value is not that of {loss.name}: {what} the {other.name} loss{which}{counted}."
            )
    return None


def unlike(points: list[Pieces], values: list[float]) -> Diagnosis:
    """The two values, where no hypothesis fits."""
    p = points[0]
    right = float(p.values.mean() + p.reg / 2 * np.square(p.W).sum())
    wanted = f"{p.loss.formula} averaged over samples"
    return Diagnosis(
        "value", f"The value is not that of {p.loss.name}, {wanted}: it is {values[0]:.9g}, where {right:.9g} is right."
    )
