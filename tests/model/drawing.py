"""Random predictions for tests of metrics."""

import numpy as np

from linclf.model.predictions import Predictions

SHAPES = [(2, 1), (2, 2), (3, 3), (7, 7)]  # classes K, outputs m


def random_predictions(
    K: int,
    m: int,
    seed: int = 0,
    n: int = 300,
    *,
    probabilities: bool = True,
    ties: bool = False,
    unknown: bool = False,
    weighted: bool = False,
) -> Predictions:
    """Predictions that are right more often than not; `ties` makes most scores equal to others, `unknown` some labels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, K, n)
    s = rng.standard_normal((n, m)) + (2 * y[:, None] - 1 if m == 1 else 2 * (np.arange(m) == y[:, None]))
    s = np.round(s) if ties else s
    logits = np.hstack([0 * s, s]) if m == 1 else s
    predicted = (s[:, 0] > 0).astype(int) if m == 1 else s.argmax(axis=1)
    labels = np.where(rng.random(n) < 0.1, -1, y) if unknown else y
    weights = None
    if weighted:
        weights = rng.integers(1, 4, n) if seed % 2 else rng.random(n) + 0.01
    return Predictions(predicted, labels, K, s, logits if probabilities else None, weights)
