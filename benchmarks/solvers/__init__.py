"""One file per solver: NAME, SETTINGS for people, BUDGETS to try in turn, and fit(problem, budget, seed)."""

from dataclasses import dataclass

from linclf.losses import Array


@dataclass(frozen=True)
class Fitted:
    """Weights W (d, m) and bias b (m,), or where a solver does not give them the accuracy on the test part."""

    W: Array | None = None
    b: Array | None = None
    accuracy: float | None = None
