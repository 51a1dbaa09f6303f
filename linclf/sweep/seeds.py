"""A sweep repeated with several seeds: the mean of each configuration over seeds, and its spread.

A seed orders the rows of an epoch and draws the folds. The test part, and a validation part that is a fraction, are drawn once, by
the first seed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from linclf.data.split import Split
from linclf.storage.decode import JsonObject
from linclf.sweep.grid import SweepOptions
from linclf.sweep.results import STATES, Ranking, Row
from linclf.sweep.run import SweepProgress, Swept, sweep


def sweep_over_seeds(
    options: SweepOptions,
    split: Split,
    *,
    jobs: int | None = None,
    journal: str | None = None,
    on_progress: Callable[[SweepProgress], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
) -> Swept:
    """`sweep` once for each of `options.seeds` seeds, from `options.base.seed` on; the rows are means over seeds.

    The journal of every seed but the first is a file of its own, with the seed after its name. A sweep that is interrupted has
    the rows of the seeds so far. Arguments and errors are those of `sweep`.
    """
    found: dict[int, Swept] = {}
    for i in range(options.seeds):
        seed = options.base.seed + i

        def shifted(progress: SweepProgress, done: int = i) -> None:
            """The progress of one seed as that of all."""
            whole = progress.total * options.seeds
            on_progress(SweepProgress(done * progress.total + progress.done, whole, progress.best))

        found[seed] = sweep(
            replace(options, base=replace(options.base, seed=seed)),
            split,
            jobs=jobs,
            journal=journal if i == 0 or journal is None else f"{journal}.{seed}",
            on_progress=shifted,
            on_note=on_note if i == 0 else lambda _: None,
        )
        if found[seed].interrupted:
            break
    first, last = found[options.base.seed], found[max(found)]
    if options.seeds == 1:
        return first
    of_seed = {seed: {_key(row): row for row in swept.rows} for seed, swept in found.items()}
    rows = [_mean({seed: own[_key(row)] for seed, own in of_seed.items() if _key(row) in own}) for row in first.rows]
    return replace(first, rows=Ranking(first.selection.metric).rank(rows), interrupted=last.interrupted)


def _key(row: Row) -> str:
    return json.dumps(row.options, sort_keys=True)


def _mean(rows: Mapping[int, Row]) -> Row:
    """The row of a configuration from its rows by seed. Its status is the worst of theirs."""
    first = next(iter(rows.values()))
    status = max((row.status for row in rows.values()), key=STATES.index)
    why = next((f"with the seed {seed}: {row.why}" for seed, row in rows.items() if row.why), None)
    scores = [row.score for row in rows.values() if row.score is not None]
    rates = [row.lr for row in rows.values() if row.lr is not None]
    best_epochs = {row.best_epoch for row in rows.values()}
    return replace(
        first,
        status=status,
        epochs=max(row.epochs for row in rows.values()),
        score=_mean_of(scores) if len(scores) == len(rows) else None,
        score_std=_root_mean_square([row.score_std for row in rows.values()]),
        score_se=_root_mean_square([row.score_se for row in rows.values()]),
        objective=_mean_of([row.objective for row in rows.values()]),
        best_epoch=best_epochs.pop() if len(best_epochs) == 1 else None,
        lr=float(np.exp(np.mean(np.log(rates)))) if rates else None,
        folds=tuple({"seed": seed, **fold} for seed, row in rows.items() for fold in row.folds),
        why=why,
        seed_std=float(np.std(scores)) if len(scores) == len(rows) else None,
        seeds=tuple(_of_seed(seed, row) for seed, row in rows.items()),
    )


def _of_seed(seed: int, row: Row) -> JsonObject:
    return {"seed": seed, "score": row.score, "objective": row.objective, "lr": row.lr, "status": row.status}


def _mean_of(numbers: Sequence[float | None]) -> float | None:
    known = [x for x in numbers if x is not None]
    return float(np.mean(known)) if len(known) == len(numbers) and known else None


def _root_mean_square(numbers: Sequence[float | None]) -> float | None:
    known = [x for x in numbers if x is not None]
    return float(np.sqrt(np.mean(np.square(known)))) if len(known) == len(numbers) and known else None
