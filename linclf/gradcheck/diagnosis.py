"""Finds the likely mistake: the smallest set of entries of the tables in `mistakes.py` that explains every coordinate."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from linclf.gradcheck import mistakes, wrong_values
from linclf.gradcheck.layers import upstream
from linclf.gradcheck.mistakes import Mistake, Penalty, Scale, Shape, Term
from linclf.gradcheck.points import Point
from linclf.gradcheck.reference import MEAN, OF_TARGETS, Known, Pieces
from linclf.gradcheck.subjects import Subject
from linclf.losses import LOSSES, Array

MAX_MISTAKES = 3  # at once
NEARLY_ALL = 0.6  # share of what wrong entries have in common that must be wrong

VALUE: Term = Mistake(
    "value",
    "The gradient is right for the loss that the name suggests; it is the value that is wrong.",
    lambda p: p.dscores,
)


@dataclass(frozen=True)
class Diagnosis:
    """A likely mistake: a key for programs, a sentence or two for people, and of several gradients, the one that it is in."""

    key: str
    text: str
    gradient: str = ""


@dataclass(frozen=True)
class Evidence:
    """What the user's function returned at one random point, and what is right there.

    w        the argument that the gradient is with respect to
    claimed  the gradient as returned, of any shape
    right    the right gradient in the shape of w: that of the recognised loss, else the numerical one
    penalty  the part of `right` that comes from the penalty, 0 without a penalty
    numeric  the numerical gradient of the user's value
    pieces   the pieces of the known loss; None without one
    reg      the strength of the penalty; 0 without one
    n        the number of samples; 1 if it is not known
    """

    point: Point
    w: Array
    claimed: Array
    right: Array
    penalty: Array
    numeric: Array
    pieces: Pieces | None
    reg: float
    n: int = 1

    @property
    def sizes(self) -> tuple[int, int]:
        """n and C: those of the pieces, else the columns of w."""
        if self.pieces is not None:
            return self.pieces.n, self.pieces.n_outputs
        return self.n, self.w.shape[-1] if self.w.ndim > 1 else 1


def explain(subject: Subject, evidence: list[Evidence], known: Known | None, close: float) -> tuple[Diagnosis, ...]:
    """At most two likely mistakes, the most likely first; empty if nothing explains the numbers.

    close  the tolerance, relative to the largest entry
    """
    if all(not np.any(e.claimed) and e.claimed.dtype.kind != "i" for e in evidence):
        return (Diagnosis("zero", "The gradient is 0 everywhere: is it computed, and is what was computed returned?"),)
    for fewest in range(1, MAX_MISTAKES + 1):
        found: dict[str, Diagnosis] = {}
        for entries, candidates in _candidates(subject, evidence, known, fewest):
            if all(_equal(e.claimed, candidate, close) for e, candidate in zip(evidence, candidates, strict=False)):
                diagnosis = _merge(entries)
                found.setdefault(diagnosis.key, diagnosis)
        if found:
            penalties = [one for one in found.values() if one.key.startswith("penalty")]
            return tuple(one for one in found.values() if one not in penalties[1:])[
                :2
            ]  # more on the penalty says the same
    return (*some_samples(evidence), *_some_parts(evidence), *_constant_factor(evidence, close))[:2]


def _merge(entries: tuple[Mistake[object], ...]) -> Diagnosis:
    """One diagnosis of several mistakes."""
    return Diagnosis("+".join(entry.key for entry in entries), " And: ".join(entry.text for entry in entries))


def _candidates(
    subject: Subject, evidence: list[Evidence], known: Known | None, fewest: int
) -> Iterator[tuple[tuple[Mistake[object], ...], list[Array]]]:
    """All combinations of exactly `fewest` mistakes, with the gradients that they predict at each point."""
    scales, penalised = _scales(evidence), any(np.any(e.penalty) for e in evidence)
    penalties = [(entry, [_penalty(e, entry) for e in evidence]) for entry in _penalties(evidence)]
    shapes = [shape for shape in (None, *mistakes.SHAPES, mistakes.TRUNCATED) if _may_have(shape, evidence[0])]
    ends = list(product(penalties, shapes))
    ends_of = {n: [(p, s) for p, s in ends if len(_present(p[0], s)) == n] for n in range(3)}
    for (term, data), sign, scale in product(_terms(subject, evidence, known), (None, mistakes.SIGN), scales):
        for (penalty, added), shape in ends_of.get(fewest - len(_present(term, sign, scale)), ()):
            predicted = []
            for e, part, of_penalty in zip(evidence, data, added, strict=True):
                gradient = _factor(e, sign, scale) * part
                gradient = gradient + of_penalty if gradient.shape == e.penalty.shape else gradient
                shaped = gradient if shape is None else shape.formula(gradient, e.w)
                if shaped is None:
                    break
                predicted.append(shaped)
                if not _equal(e.claimed, shaped, 1e-2):  # the first point excludes nearly all combinations
                    break
            if len(predicted) == len(evidence):
                of_data = mistakes.DATA_SIGN if sign is not None and penalised else sign
                yield _present(term, of_data, _of_data(scale) if penalised else scale, penalty, shape), predicted
    if fewest in (1, 2):  # a wrong sign or scale of data and penalty alike
        for sign, scale in product((None, mistakes.SIGN), scales):
            entries = _present(sign, scale)
            if len(entries) == fewest and penalised:
                yield entries, [_factor(e, sign, scale) * e.right for e in evidence]


def _may_have(shape: Shape | None, e: Evidence) -> bool:
    """Whether a mistake in the shape leads to the shape of what was returned."""
    if e.pieces is None and e.claimed.shape != e.w.shape:
        return True  # of a dense layer, whose terms have shapes of their own
    made = np.zeros(e.w.shape) if shape is None else shape.formula(np.zeros(e.w.shape), e.w)
    return made is not None and (made.shape == e.claimed.shape or made.size == e.claimed.size == 1)


def _of_data(scale: Scale | None) -> Scale | None:
    """A mistake in the scale that is one of the data part alone, in words."""
    if scale is None:
        return None
    return replace(
        scale, text=scale.text.replace("The gradient is exactly", "The data part of the gradient is exactly")
    )


def _present(*entries: Mistake[object] | None) -> tuple[Mistake[object], ...]:
    return tuple(entry for entry in entries if entry is not None)


def _scales(evidence: list[Evidence]) -> tuple[Scale | None, ...]:
    """The scales that differ at these points: with a single output, n and n C are equal."""
    distinct: dict[tuple[float, ...], Scale | None] = {(1.0,) * len(evidence): None}
    for scale in mistakes.SCALES:
        distinct.setdefault(tuple(_factor(e, scale) for e in evidence), scale)
    return tuple(distinct.values())


def _factor(e: Evidence, *entries: Scale | None) -> float:
    """The product of the factors of sign and scale."""
    return float(np.prod([float(entry.formula(*e.sizes) or 1) for entry in entries if entry is not None]))


def _terms(
    subject: Subject, evidence: list[Evidence], known: Known | None
) -> Iterator[tuple[Mistake[object] | None, list[Array]]]:
    """The data part of the gradient at each point: the right one, then the one that each mistake predicts."""
    if known is None or not known.by_name:
        yield None, [e.right - e.penalty for e in evidence]
    if subject.kind == "dense":
        for entry in mistakes.DENSE[subject.wrt]:
            yield entry, [np.asarray(entry.formula(*map(np.asarray, e.point.arguments))) for e in evidence]
        return
    if subject.kind == "layer":
        for of_layer in mistakes.LAYER:
            yield of_layer, [np.asarray(of_layer.formula(e.w, upstream(e.w), e.right)) for e in evidence]
        return
    if known is None:
        return
    convention = MEAN if known.by_name else known.convention
    for term_entry in (*((VALUE,) if known.by_name else ()), *mistakes.terms(known.loss.name)):
        made = []
        for e in evidence:
            with np.errstate(all="ignore"):
                term = None if e.pieces is None else term_entry.formula(e.pieces)
            if e.pieces is None or term is None:
                break
            made.append(convention.of_losses(e.pieces) * e.pieces.back(np.asarray(term)))
        if len(made) == len(evidence):
            yield term_entry, made
        if term_entry is VALUE:  # the user's own value comes before the other explanations
            yield None, [e.right - e.penalty for e in evidence]


def _penalties(evidence: list[Evidence]) -> tuple[Penalty | None, ...]:
    """The mistakes in the penalty that are possible: with a penalty in the value, or else with an argument reg."""
    if any(np.any(e.penalty) for e in evidence):
        known = any(e.reg for e in evidence)  # else formulas with reg are 0
        return (None, *(entry for entry in mistakes.PENALTIES if known or entry.key != "penalty-formula"))
    if any(e.reg for e in evidence):
        return (None, *mistakes.EXTRA_PENALTIES)
    return (None,)


def _penalty(e: Evidence, entry: Penalty | None) -> Array:
    return e.penalty if entry is None else np.asarray(entry.formula(e.penalty, e.w, e.reg, e.sizes[0]))


def _equal(a: Array, b: Array, close: float) -> bool:
    """Whether two arrays have the same shape, (1,) being the same as (), and agree to `close` of their largest entry."""
    if a.shape != b.shape and not (a.size == b.size == 1):
        return False
    size = max(float(np.abs(a).max(initial=0)), float(np.abs(b).max(initial=0)))
    return bool(np.isfinite(size) and np.abs(a.reshape(b.shape) - b).max(initial=0) <= close * size)


def some_samples(evidence: list[Evidence]) -> Iterable[Diagnosis]:
    """Names what the wrong entries of a gradient with respect to the scores have in common, if the others are right."""
    marks, patterns = [], []
    for e in evidence:
        if e.pieces is None or e.claimed.shape != e.numeric.shape:
            return
        difference = _by_scores(e.claimed - e.numeric, e.pieces)
        if difference is None or e.pieces.n_outputs < 2:
            return
        marks.append(np.abs(difference) > 1e-4 * np.abs(e.pieces.dscores).max() / e.pieces.n)
        patterns.append(_patterns(e.pieces))
    fits: dict[str, float] = {}  # the share of a pattern that is wrong, where nothing outside is
    for what in patterns[0]:
        whole = all(
            (one[what] == one[what][:, :1]).all() for one in patterns
        )  # samples, of which not all entries need be wrong
        wrong = [np.repeat(m.any(axis=1, keepdims=True), m.shape[1], 1) if whole else m for m in marks]
        mark, pattern = (np.concatenate([a.ravel() for a in arrays]) for arrays in (wrong, [p[what] for p in patterns]))
        if mark.any() and not (mark & ~pattern).any() and not pattern.all():
            fits[what] = float(mark.sum() / pattern.sum())
    best = max(fits, key=lambda what: fits[what], default="")
    if best and fits[best] >= NEARLY_ALL:
        apart = "" if evidence[0].w.shape == marks[0].shape else "Taken apart by samples and classes: only "
        start = apart or "Only "
        yield Diagnosis("some-samples", f"{start}{best} are wrong, the rest is right: check how these are told apart.")


def _by_scores(gradient: Array, p: Pieces) -> Array | None:
    """The gradient with respect to the scores (n, m) that leads to a gradient with respect to the argument; None if there is not exactly one."""
    basis = np.eye(p.scores.size).reshape(-1, *p.scores.shape)
    back = np.stack([p.back(unit).ravel() for unit in basis], axis=1)
    if back.shape[0] != gradient.size or back.shape[0] < back.shape[1]:
        return None
    found = np.linalg.lstsq(back, gradient.ravel(), rcond=None)[0]
    far = np.abs(back @ found - gradient.ravel()).max() > 1e-6 * np.abs(p.back(p.dscores)).max() / p.n
    return None if far else found.reshape(p.scores.shape)


def _patterns(p: Pieces) -> dict[str, Array]:
    """Entries of a gradient with respect to the scores (n, C) that may go wrong together, in words."""
    true, rows, margins = mistakes.onehot(p) == 1, np.ones(p.scores.shape, bool), mistakes.margins(p)
    violated = ((margins > 0) & ~true).sum(axis=1, keepdims=True)
    right = (p.scores.argmax(axis=1) == p.y)[:, None]
    return {
        "the entries of the true class": true,
        "the entries of the wrong classes": ~true,
        "the entries of wrong classes whose margin is violated": (margins > 0) & ~true,
        "the entries of wrong classes whose margin is not violated": (margins <= 0) & ~true,
        "samples with more than one violated margin": (violated > 1) & rows,
        "samples with exactly one violated margin": (violated == 1) & rows,
        "samples whose largest score is that of the true class": right & rows,
        "samples whose largest score is that of a wrong class": ~right & rows,
    }


def _some_parts(evidence: list[Evidence]) -> Iterable[Diagnosis]:
    """Names the rows or columns that are wrong, if the others are right."""
    shape = evidence[0].w.shape
    if any(e.claimed.shape != e.numeric.shape for e in evidence):
        return
    for axis, name in enumerate(("row", "column")[: len(shape)]):
        marks = []  # at each point, whether each row is wrong
        for e in evidence:
            size = np.maximum(np.abs(e.claimed), np.abs(e.numeric))
            wrong = np.abs(e.claimed - e.numeric) > 1e-4 * size + 1e-9 * np.abs(e.numeric).max()
            marks.append(wrong.any(axis=tuple(k for k in range(wrong.ndim) if k != axis)))
        if not all(0 < mark.sum() <= max(1, len(mark) // 2) for mark in marks):
            continue
        last = all(list(np.flatnonzero(mark)) == [len(mark) - 1] for mark in marks)
        numbers = [list(map(int, np.flatnonzero(mark))) for mark in marks]
        if not last and any(listed != numbers[0] for listed in numbers):
            continue  # not the same rows at each point
        zero = all(not e.claimed.take(n, axis).any() for e, n in zip(evidence, numbers, strict=True))
        singular, plural = ("entry", "entries") if len(shape) == 1 else (name, f"{name}s")
        word, verb = (singular, "is") if len(numbers[0]) == 1 else (plural, "are")
        which = "the last " + word if last else f"{word} {', '.join(map(str, numbers[0]))}"
        yield Diagnosis(
            "some-parts",
            f"Only {which} of the gradient {verb} {'0' if zero else 'wrong'}, the rest is right: check where loops "
            "start and end, and special cases.",
        )


def _constant_factor(evidence: list[Evidence], close: float) -> Iterable[Diagnosis]:
    """Names the factor, if the gradient is a number times the right one."""
    factors = []
    for e in evidence:
        squares = float(np.vdot(e.numeric, e.numeric))
        if e.claimed.shape != e.numeric.shape or not squares:
            return
        factor = float(np.vdot(e.claimed, e.numeric)) / squares
        if not _equal(e.claimed, factor * e.numeric, max(close, 1e-4)):
            return
        factors.append(factor)
    if all(abs(factor - 1) < 1e-6 for factor in factors) or min(factors) * max(factors) < 0:
        return
    shown = ", ".join(f"{factor:.6g}" for factor in factors)
    if len({round(factor, 6) for factor in factors}) == 1:
        yield Diagnosis(
            "factor",
            f"The gradient is {factors[0]:.6g} times what it should be, everywhere: remove this constant factor.",
        )
    elif len({e.w.shape for e in evidence}) == 1:
        yield Diagnosis(
            "factor",
            f"The gradient has the right direction but the wrong length, {shown} times the right one at two points: is a "
            "normalisation missing, or one too many?",
        )
    else:
        sizes = ", ".join(str(e.w.shape) for e in evidence)
        yield Diagnosis(
            "factor", f"The gradient is a number times what it should be: {shown} at arguments of shape {sizes}."
        )


def explain_value(points: list[Pieces], values: list[float], close: float) -> Diagnosis | None:
    """The likely mistake in a value that is not that of its loss; None if nothing explains it."""
    loss = points[0].loss
    candidates = [loss, *(other for other in LOSSES.values() if other.name != loss.name)]
    for other, (what, scale), (which, penalty), extra in product(
        candidates, wrong_values.VALUE_SCALES.items(), wrong_values.VALUE_PENALTIES.items(), (0.0, 1.0)
    ):
        if (points[0].scores.shape[1] == 1 and not other.binary) or loss in OF_TARGETS:
            continue
        right = [
            scale(p.n, p.n_outputs) * float(other(p.scores, p.y)[0].sum() + extra * p.n) + penalty(p) for p in points
        ]
        if _close(values, right, close):
            counted = (
                ", plus 1 for each sample (is the correct class, whose margin is 1, counted too?)" if extra else ""
            )
            return Diagnosis(
                "value", f"The value is not that of {loss.name}: {what} the {other.name} loss{which}{counted}."
            )
    for entry, summed, penalty in product(
        wrong_values.values(loss.name), (False, True), wrong_values.VALUE_PENALTIES.values()
    ):
        right = [entry.formula(p) / (1 if summed else p.n) + penalty(p) for p in points]
        if _close(values, right, close):
            return Diagnosis("value", f"The value is not that of {loss.name}: {entry.text}")
    return None


def _close(values: list[float], right: list[float], close: float) -> bool:
    return all(abs(v - r) <= close * max(abs(v), abs(r)) for v, r in zip(values, right, strict=True))


def both_values(points: list[Pieces], values: list[float], wanted: bool) -> Diagnosis:
    """States the value and the right one, for a wrong value that nothing explains."""
    p = points[0]
    right = p.penalised(float(p.values.mean()), 0.5)
    meant = f"{p.loss.formula} averaged over samples"
    if wanted:
        text = f"The value is not that of {p.loss.name}, {meant}: it is {values[0]:.9g}, but should be {right:.9g}."
        return Diagnosis("value", text)
    return Diagnosis(
        "another-value",
        f"The value is not that of {p.loss.name}, which the name promises ({meant}): it is {values[0]:.9g} where that is {right:.9g}. "
        "If another loss is meant, give the function another name.",
    )


TURNED_WORDS = (
    # what rows and columns are called where samples are columns
    ("axis=0", "axis=1"),
    ("axis 0", "axis 1"),
    ("X.shape[0]", "X.shape[1]"),
    ("column", "row"),
    ("D[:, y]", "D[y]"),
    ("dW[:, j]", "dW[j]"),
    ("dW[:, y[i]]", "dW[y[i]]"),
    ("D[np.arange(n), y]", "D[y, np.arange(n)]"),
    ("s[np.arange(n), y]", "s[y, np.arange(n)]"),
    ("p[np.arange(n), y]", "p[y, np.arange(n)]"),
    ("X[i]", "X[:, i]"),
)


def in_columns(text: str) -> str:
    """A text about samples in rows as one about samples in columns."""
    pattern = re.compile(
        "|".join(re.escape(word) for pair in TURNED_WORDS for word in sorted(pair, key=len, reverse=True))
    )
    other = dict(TURNED_WORDS) | {b: a for a, b in TURNED_WORDS}
    return pattern.sub(lambda found: other[found[0]], text)
