"""The result of a check, as frozen values."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, replace

from linclf.gradcheck.diagnosis import Diagnosis
from linclf.gradcheck.differences import Verdict

N_WORST = 5  # coordinates listed as the worst


@dataclass(frozen=True)
class Coordinate:
    """A coordinate that was compared, or a random direction (index None).

    point     the purpose of the point: random, small (scores), kinks, moderate (scores), data or given
    analytic  the slope that the user's gradient gives
    numeric   the slope by differences
    error     |analytic - numeric| / max(|analytic|, |numeric|)
    verdict   right, kink (right because at a kink), wrong or unclear
    """

    point: str
    index: tuple[int, ...] | None
    analytic: float
    numeric: float
    error: float
    verdict: Verdict


@dataclass(frozen=True)
class GradientCheck:
    """The result of `check_gradient`.

    kind, loss       what the function was treated as; loss is None if its value is not that of a loss of linclf
    precision        what the function computes in: float64, float32 or float16
    passed           whether the gradient is right and the value not known to be wrong
    gradient_passed  whether the gradient is right
    value_passed     whether the value is right; None if linclf does not know the loss
    coordinates      all coordinates and directions that were compared
    diagnosis        likely mistakes, the most likely first; empty if the check passed or nothing explains the numbers
    notes            what is worth knowing but not wrong
    next_step        what to do after a failed check
    """

    name: str
    kind: str
    loss: str | None
    precision: str
    passed: bool
    gradient_passed: bool
    value_passed: bool | None
    coordinates: tuple[Coordinate, ...]
    diagnosis: tuple[Diagnosis, ...]
    notes: tuple[str, ...]
    next_step: str

    @property
    def verdict(self) -> str:
        """The verdict in words, as the report begins."""
        keys = {one.key for one in self.diagnosis}
        if "nothing-computed" in keys:
            return "NOTHING COMPUTED YET"
        if "unclear" in keys:
            return "CANNOT TELL"
        if not self.gradient_passed:
            return "WRONG"
        if "another-value" in keys:
            return "RIGHT GRADIENT OF ANOTHER VALUE"
        if not self.passed:
            return "GRADIENT RIGHT, VALUE WRONG"
        return "RIGHT, BUT UNSTABLE at large scores" if "overflow" in keys else "RIGHT"

    def raise_if_wrong(self) -> None:
        """Raise AssertionError with the likely mistake unless the check passed: for a test of one's own."""
        if not self.passed:
            why = "; ".join(one.text for one in self.diagnosis) or self.next_step
            raise AssertionError(f"{self.verdict}: {self.name}: {why}")

    @property
    def n_kinks(self) -> int:
        """Coordinates at a kink, which are right because they lie between the one-sided slopes."""
        return sum(c.verdict == "kink" for c in self.coordinates)

    @property
    def n_unclear(self) -> int:
        """Coordinates that could not be judged because rounding hides the slope."""
        return sum(c.verdict == "unclear" for c in self.coordinates)

    @property
    def largest_error(self) -> float:
        """The largest relative error of the coordinates that are right or wrong, leaving out kinks; of one that is right, relative to at
        least a thousandth of the largest slope at its point, as rounding hides more of a small one."""
        size: dict[str, float] = {}
        for c in self.coordinates:
            size[c.point] = max(size.get(c.point, 0.0), abs(c.numeric))
        errors = [c.error for c in self.coordinates if c.verdict == "wrong"]
        for c in self.coordinates:
            if c.verdict == "right":
                least = max(abs(c.analytic), abs(c.numeric), 1e-3 * size[c.point])
                errors.append(abs(c.analytic - c.numeric) / least if least else 0.0)
        return max(errors, default=0.0)

    @property
    def worst(self) -> tuple[Coordinate, ...]:
        """The worst coordinates, the largest error first, each index once: of the wrong ones, or if all are right, of these."""
        judged = [c for c in self.coordinates if c.verdict == "wrong"] or [
            c for c in self.coordinates if c.verdict == "right"
        ]
        by_index: dict[tuple[int, ...] | None, Coordinate] = {}
        for c in sorted(judged, key=lambda c: -c.error):
            by_index.setdefault(c.index, c)
        return tuple(by_index.values())[:N_WORST]

    def _repr_html_(self) -> str:
        """The result as a notebook shows it."""
        rows = "".join(
            f"<tr><td>{html.escape(f'{c.point} {list(c.index or ())}')}</td><td>{c.analytic:.6g}</td><td>{c.numeric:.6g}</td></tr>"
            for c in (() if self.gradient_passed else self.worst)
        )
        table = f"<table><tr><th>worst</th><th>analytic</th><th>numerical</th></tr>{rows}</table>" if rows else ""
        mistakes = "".join(f"<li>{html.escape(one.text)}</li>" for one in self.diagnosis)
        notes = "".join(f"<li><small>{html.escape(note)}</small></li>" for note in self.notes)
        color = "green" if self.passed else "crimson"
        head = f'<b style="color: {color}">{html.escape(self.verdict)}</b> {html.escape(self.name)}'
        return f"<div>{head}{table}<ul>{mistakes}{notes}</ul></div>"


def merged(checks: Sequence[GradientCheck], name: str) -> GradientCheck:
    """The check of a function that returns several gradients: right if all are."""
    first = next((check for check in checks if not check.passed), checks[0])
    return replace(
        first,
        name=name or first.name,
        passed=all(check.passed for check in checks),
        gradient_passed=all(check.gradient_passed for check in checks),
        coordinates=tuple(c for check in checks for c in check.coordinates),
        diagnosis=tuple(
            replace(one, text=f"{check.name}: {one.text}", gradient=check.name)
            for check in checks
            for one in check.diagnosis
        ),
        notes=tuple(dict.fromkeys(note for check in checks for note in check.notes)),
    )
