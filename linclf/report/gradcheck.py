"""The report of `gradcheck`, as text and as JSON."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict

from linclf.gradcheck import GradientCheck, LossCheck
from linclf.report.text import table
from linclf.storage.decode import JsonObject, finite_or_none


def gradient_json(check: GradientCheck) -> JsonObject:
    """The JSON of the check of a user's function."""
    return {
        "name": check.name,
        "kind": check.kind,
        "loss": check.loss,
        "precision": check.precision,
        "verdict": check.verdict,
        "passed": check.passed,
        "gradient_passed": check.gradient_passed,
        "value_passed": check.value_passed,
        "n_coordinates": len(check.coordinates),
        "n_wrong": sum(c.verdict == "wrong" for c in check.coordinates),
        "n_kinks": check.n_kinks,
        "n_unclear": check.n_unclear,
        "largest_error": finite_or_none(check.largest_error),
        "worst": [
            {
                "point": c.point,
                "index": c.index,
                "analytic": finite_or_none(c.analytic),
                "numeric": finite_or_none(c.numeric),
                "error": finite_or_none(c.error),
            }
            for c in check.worst
        ],
        "diagnosis": [asdict(diagnosis) for diagnosis in check.diagnosis],
        "notes": list(check.notes),
        "next": check.next_step,
    }


ALSO = ("overflow", "value", "another-value")  # mistakes that are found beside others, not instead of them
_KINDS = {
    "loss": "a loss of W, X, y",
    "predictions": "a loss of predictions and targets",
    "batch": "a loss of a batch and its targets",
    "penalty": "a penalty of W",
    "dense": "a dense layer's gradient",
    "layer": "a layer and its backward function",
    "general": "a function of w",
}


def gradient_text(check: GradientCheck) -> str:
    """The text of the check of a user's function: the verdict, the numbers, the likely mistake, the next step, the notes."""
    wrong = sum(c.verdict == "wrong" for c in check.coordinates)
    loss = f", {check.loss}" if check.loss else ""
    treated = f"treated as {_KINDS[check.kind]}{loss}; it computes in {check.precision}"
    lines = [f"{check.verdict}  {check.name} ({treated})"]
    if not check.coordinates:
        lines.append("       the gradient does not have the shape of its argument")
    elif check.gradient_passed:
        kinks = f", {check.n_kinks} of them at kinks" if check.n_kinks else ""
        lines.append(
            f"       the gradient agrees at all {len(check.coordinates)} coordinates compared{kinks}; "
            f"largest relative error {check.largest_error:.1e}"
        )
    elif wrong:
        lines.append(
            f"       the gradient is wrong at {wrong} of {len(check.coordinates)} coordinates compared; "
            f"largest relative error {check.largest_error:.1e}"
        )
    if check.value_passed is False:
        lines.append("       the value is wrong")
    if wrong:
        rows = [
            [
                f"{c.point} {'direction' if c.index is None else list(c.index)}",
                f"{c.analytic:.8g}",
                f"{c.numeric:.8g}",
                f"{c.analytic / c.numeric:.6g}" if c.numeric else "-",
            ]
            for c in check.worst
        ]
        lines += ["", *table(["worst coordinates", "analytic", "numerical", "ratio"], rows)]
    if check.diagnosis:
        lines += ["", "likely mistake" if not check.passed else "what to improve"]
        for k, diagnosis in enumerate(check.diagnosis):
            also = k and (diagnosis.key in ALSO or diagnosis.gradient != check.diagnosis[k - 1].gradient)
            lines += ["  also" if also else "  or"] if k else []
            for sentence in diagnosis.text.split(" And: "):
                lines += textwrap.wrap(sentence, 100, initial_indent="  - ", subsequent_indent="    ")
    if check.next_step:
        lines += ["", f"next   {check.next_step}"]
    lines += [f"note   {note}" for note in check.notes]
    return "\n".join(lines)


def functions_text(checks: Sequence[GradientCheck]) -> str:
    """The text of the checks of several functions, one line for each."""
    rows = [
        [
            check.name,
            check.kind,
            str(len(check.coordinates)),
            str(check.n_kinks),
            f"{check.largest_error:.1e}",
            "ok" if check.passed else "WRONG",
        ]
        for check in checks
    ]
    return "\n".join(table(["function", "kind", "coordinates", "kinks", "against differences", "verdict"], rows))


def checks_json(checks: Sequence[LossCheck]) -> JsonObject:
    """The JSON of the checks of losses."""
    return {
        "passed": all(check.passed for check in checks),
        "checks": [
            {
                **asdict(check),
                "numeric_error": finite_or_none(check.numeric_error),
                "naive_error": finite_or_none(check.naive_error),
                "passed": check.passed,
            }
            for check in checks
        ],
    }


def checks_text(checks: Sequence[LossCheck], functions: Sequence[GradientCheck] = ()) -> str:
    """The text of the checks of losses: a table, the worst coordinate of each failed check, and the verdict, which counts the
    checks of functions too."""
    rows = [
        [
            check.loss,
            check.layout,
            f"{check.n_samples} x {check.n_features} x {check.n_outputs}",
            f"{check.numeric_error:.1e}",
            f"{check.naive_error:.1e}",
            "ok" if check.passed else "WRONG",
        ]
        for check in checks
    ]
    lines = table(["loss", "layout", "n x d x m", "against differences", "against loops", "verdict"], rows)
    failed = [check for check in checks if not check.passed]
    lines += ["", *(f"{check.loss}, {check.layout}: worst at {check.worst}" for check in failed)]
    passed = [function.passed for function in functions] + [check.passed for check in checks]
    lines.append(f"{sum(passed)} of {len(passed)} gradients are right")
    return "\n".join(lines)
