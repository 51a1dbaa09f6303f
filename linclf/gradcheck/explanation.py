"""What explains that a check has failed: the likely mistakes, the most likely first."""

from dataclasses import replace

import numpy as np

from linclf.gradcheck.check import Check
from linclf.gradcheck.comparison import compare, has_shape
from linclf.gradcheck.diagnosis import (
    Diagnosis,
    Evidence,
    explain,
    in_columns,
    some_samples,
)
from linclf.gradcheck.differences import FLOAT64
from linclf.gradcheck.forms import Size
from linclf.gradcheck.layouts import TURNED
from linclf.gradcheck.load import UserError
from linclf.gradcheck.points import REGS, SMALL, Point
from linclf.gradcheck.subjects import as_array, copies
from linclf.losses import Array

WIDE = 2 * (Size(7, 8, 4),) + 2 * (
    Size(6, 7, 5),
)  # points of which a gradient with respect to the weights tells that with respect to the scores
STILL_RIGHT = ("overflow", "another-value")  # faults beside which the gradient is right


def explained(check: Check, shapes: list[tuple[int, ...]], *, explain_gradient: bool) -> tuple[Diagnosis, ...]:
    """All likely mistakes: those of the gradient, that of the value, and faults such as an overflow."""
    for fault in check.faults:
        if fault.key not in STILL_RIGHT:
            return (fault,)  # nothing else can be relied on
    likely = list(_explain(check, shapes)) if explain_gradient else []
    if check.wrong_value is not None:  # more precise than the hypothesis that the value is wrong
        likely = [check.wrong_value if one.key == "value" else one for one in likely]
        likely += [] if check.wrong_value in likely else [check.wrong_value]
    keys = {one.key for one in likely}
    found = (*likely, *(fault for fault in check.faults if fault.key not in keys))
    layout = check.subject.form.layout
    if layout is None or layout.has_rows:
        return found
    return tuple(replace(one, text=in_columns(one.text)) for one in found)


def _explain(check: Check, shapes: list[tuple[int, ...]]) -> tuple[Diagnosis, ...]:
    """What explains a wrong gradient; empty if nothing does."""
    if {c.point for c in check.coordinates if c.verdict == "wrong"} == {"kinks"}:
        text = "The gradient is wrong only at kinks: there it must lie between the slopes to the left and to the right."
        return (Diagnosis("kink-slope", text),)
    evidence = []
    with np.errstate(all="ignore"):
        for point, claim, comparison in zip(check.points, check.claims, check.comparisons, strict=True):
            if _is_evidence(check, point) and not np.isnan(comparison.numeric).any():
                evidence.append(_evidence(check, point, claim, comparison.numeric))
        found = explain(check.subject, evidence, check.known, 1e-6 if _exact(check) else 2e-3) if evidence else ()
    found = found or _explain_by_scores(check)
    if found:
        return found
    by_scores = _by_scores(check)
    if by_scores:
        return (Diagnosis("by-scores", by_scores),)
    misshapen = [(c, s) for c, s in zip(check.claims, shapes, strict=True) if c.shape != s]
    if misshapen:
        expected = next((s for c, s in misshapen if c.size != 1 == np.prod(s)), shapes[0])
        argument = check.subject.arguments[check.subject.wrt]
        text = f"The gradient has the shape {misshapen[0][0].shape}, not {expected}, that of {argument}."
        return (Diagnosis("shape", text),)
    if any(not np.isfinite(c).all() for c in check.claims):
        text = "The gradient has NaN or infinity at ordinary points: check for 0/0, log(0) and overflow."
        return (Diagnosis("overflow", text),)
    return ()


def _by_scores(check: Check) -> str:
    """That what is returned is the gradient with respect to the scores, if it has their shape."""
    form = check.subject.form
    samples = [form.sample(point.arguments) for point in check.random]
    if form.layout is None or form.by != "W" or any(sample is None for sample in samples):
        return ""
    turned = not form.layout.has_rows
    shapes = [sample.scores.shape[::-1] if turned else sample.scores.shape for sample in samples if sample is not None]
    claims = [claim for claim, point in zip(check.claims, check.points, strict=True) if point in check.random]
    if [claim.shape for claim in claims] != shapes:
        return ""
    product = "dscores @ X.T" if turned else "dscores.T @ X" if form.layout is TURNED else "X.T @ dscores"
    return f"The gradient has the shape {claims[0].shape} of the scores: it is that with respect to the scores. With respect to the weights, it is {product}."


def _is_evidence(check: Check, point: Point) -> bool:
    """Whether what is wrong is explained at this point: at the random points, and if all is right there, at those of small scores."""
    wrong = any(c.verdict == "wrong" and c.point == "random" for c in check.coordinates)
    return point in check.random or (point.purpose in ("small", "moderate") and bool(check.coordinates) and not wrong)


def _explain_by_scores(check: Check) -> tuple[Diagnosis, ...]:
    """What the wrong places of a gradient with respect to the weights have in common by scores: told at points of more features than samples."""
    if check.known is None or check.subject.form.layout is None:
        return ()
    evidence = []
    try:
        for k, size in enumerate(WIDE):
            form, made = check.subject.form, check.subject.form.arguments(check.rng, size, REGS[0])
            made = form.changed(made, W=SMALL * np.asarray(made[form.wrt])) if k % 2 else made
            point = Point(made, "random")
            claim = as_array(check.subject.gradient(*copies(point.arguments)), check.subject)
            shape = np.shape(point.arguments[check.subject.wrt])
            if not has_shape(claim, shape):
                return ()
            unknown = np.full(shape, np.nan)  # so that all entries are computed
            numeric = compare(check.subject, point, unknown, precision=check.precision, rng=check.rng).numeric
            evidence.append(_evidence(check, point, claim, numeric))
    except UserError:  # sizes that are written into it
        return ()
    return tuple(some_samples(evidence))


def _exact(check: Check) -> bool:
    """Whether a formula gives the right gradient to all digits."""
    recognised = check.known is not None and not check.known.by_name
    return check.precision is FLOAT64 and (recognised or check.subject.kind == "dense")


def _evidence(check: Check, point: Point, claim: Array, numeric: Array) -> Evidence:
    w = np.asarray(point.arguments[check.subject.wrt], np.float64)
    known = check.pieces_at(point, check.known) if check.known is not None else None
    expected, reg = check.expected(point), check.subject.form.reg(point.arguments)
    if check.known is not None and known is not None and expected is not None:
        by_weights = check.subject.form.by == "W"
        penalty = check.known.convention.penalty_gradient(known) if by_weights else np.zeros(w.shape)
        return Evidence(point, w, claim, expected, penalty, numeric, known, reg, known.n)
    penalty = np.zeros(w.shape)
    if check.subject.kind == "loss" and "reg" in check.subject.form.roles:
        free = replace(point, arguments=check.subject.form.changed(point.arguments, reg=0.0))
        unknown = np.full(w.shape, np.nan)
        penalty = numeric - compare(check.subject, free, unknown, precision=check.precision, rng=check.rng).numeric
        if _weighs_the_data(check, point):  # C times the data part, and the penalty as it is
            penalty = numeric - penalty
        penalty = np.where(np.abs(penalty) > 1e-6 * np.abs(numeric).max(), penalty, 0)
    return Evidence(point, w, claim, numeric, penalty, numeric, known, reg, _count(check, point))


def _count(check: Check, point: Point) -> int:
    """The number of samples at a point: rows of what a layer is given first, or of X."""
    form = check.subject.form
    if form.kind in ("layer", "dense"):
        return len(np.atleast_1d(point.arguments[0]))
    return form.count(point.arguments) or 1


def _weighs_the_data(check: Check, point: Point) -> bool:
    """Whether the last number, C, is a factor of the data part: without it no label matters."""
    without = check.subject.form.changed(point.arguments, reg=0.0)
    return check.labels_matter(point.arguments) and not check.labels_matter(without)
