"""The outcome of a check, as frozen values."""

from dataclasses import dataclass

from linclf.gradcheck.diagnosis import Diagnosis

SHOWN = 5  # worst places listed


@dataclass(frozen=True)
class Coordinate:
    """One coordinate, or a random direction (index None), with the user's slope and the numerical one."""

    point: str
    index: tuple[int, ...] | None
    analytic: float
    numeric: float
    error: float
    verdict: str


@dataclass(frozen=True)
class GradientCheck:
    """The outcome of `check_gradient`.

    passed, gradient_passed, value_passed   value_passed is None where linclf does not know the loss
    kind, loss, precision    what the function was taken for, and what it computes in
    coordinates              all that were compared
    n_kinks                  coordinates at a kink, right there because between the one-sided slopes
    n_unclear                coordinates that rounding keeps from being judged
    largest_error            relative, of the coordinates judged
    diagnosis                likely mistakes, the likeliest first; empty when it passed or no hypothesis fits
    notes                    what is no failure, but worth knowing
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
    def n_kinks(self) -> int:
        """Coordinates at kinks."""
        return sum(c.verdict == "kink" for c in self.coordinates)

    @property
    def n_unclear(self) -> int:
        """Coordinates that could not be judged."""
        return sum(c.verdict == "unclear" for c in self.coordinates)

    @property
    def largest_error(self) -> float:
        """The largest relative error of those that are not kinks."""
        return max((c.error for c in self.coordinates if c.verdict in ("right", "wrong")), default=0.0)

    @property
    def worst(self) -> tuple[Coordinate, ...]:
        """The worst coordinates: those that are wrong, by error; when all are right, by error too."""
        judged = [c for c in self.coordinates if c.verdict == "wrong"] or [
            c for c in self.coordinates if c.verdict == "right"
        ]
        return tuple(sorted(judged, key=lambda c: -c.error)[:SHOWN])
