"""The rows of a sweep over several seeds: the mean of each configuration over the seeds, and its spread."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from linclf.losses import Array
from linclf.sweep.results import STATES, Row

OF_SEED = ("score", "objective", "lr", "status")  # figures of each seed


def mean_rows(of_seed: Mapping[int, Sequence[Row]], n_seeds: int) -> list[Row]:
    """The rows of the first seed as means over seeds, from the rows of each. Rows that lack one of the `n_seeds` seeds, because
    the sweep was interrupted, are unfinished."""
    by_options = {seed: {_key(row): row for row in rows} for seed, rows in of_seed.items()}
    configurations = next(iter(by_options.values()))
    return [
        _mean({seed: rows[key] for seed, rows in by_options.items() if key in rows}, n_seeds) for key in configurations
    ]


def _key(row: Row) -> str:
    return json.dumps(row.options, sort_keys=True)


def _mean(rows: Mapping[int, Row], n_seeds: int) -> Row:
    """The row of a configuration from its rows by seed. Its status is the worst of theirs; a figure that one of them lacks is None."""
    states = [row.status for row in rows.values()] + ["unfinished"] * (len(rows) < n_seeds)

    def over_seeds(name: str, function: Callable[[Array], Array]) -> float | None:
        figures = [getattr(row, name) for row in rows.values()]
        return None if None in figures else float(function(np.array(figures)))

    best_epochs = {row.best_epoch for row in rows.values()}
    return replace(
        next(iter(rows.values())),
        status=max(states, key=STATES.index),
        epochs=max(row.epochs for row in rows.values()),
        score=over_seeds("score", np.mean),
        score_std=over_seeds("score_std", _root_mean_square),
        score_se=over_seeds("score_se", _root_mean_square),
        objective=over_seeds("objective", np.mean),
        best_epoch=best_epochs.pop() if len(best_epochs) == 1 else None,
        percent=over_seeds("percent", np.max),
        lr=over_seeds("lr", lambda rates: np.exp(np.log(rates).mean())),
        folds=tuple({"seed": seed, **fold} for seed, row in rows.items() for fold in row.folds),
        why=next((f"with the seed {seed}: {row.why}" for seed, row in rows.items() if row.why), None),
        seed_std=over_seeds("score", np.std),
        seeds=tuple({"seed": seed, **{key: getattr(row, key) for key in OF_SEED}} for seed, row in rows.items()),
    )


def _root_mean_square(numbers: Array) -> Array:
    return np.asarray(np.sqrt(np.mean(np.square(numbers))))
