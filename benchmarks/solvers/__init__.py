"""One file for each solver: NAME, SETTINGS as text, BUDGETS in increasing order, and fit(problem, budget, seed) -> Fitted."""

from dataclasses import dataclass

from linclf.losses import Array


@dataclass(frozen=True)
class Fitted:
    """Weights W (d, m) and bias b (m,); for a solver that does not return them, the accuracy on the test rows."""

    W: Array | None = None
    b: Array | None = None
    accuracy: float | None = None
