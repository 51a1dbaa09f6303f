"""Run a sweep: plan -> rows of the journal -> stacks in parallel -> ranked rows."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from linclf.data.split import Split
from linclf.errors import AccessError
from linclf.optim.blas import one_blas_thread
from linclf.storage.decode import JsonObject
from linclf.storage.signals import STOP_SIGNALS, defer_signals
from linclf.sweep.grid import SweepOptions
from linclf.sweep.journal import open_journal
from linclf.sweep.path import solve_path
from linclf.sweep.plan import Plan, make_plan
from linclf.sweep.results import Ranking, Row, StackProgress, row_options
from linclf.sweep.seeds import mean_rows
from linclf.sweep.stack import train_stack
from linclf.sweep.workers import run_parallel
from linclf.training.fit import sgd_settings
from linclf.training.inputs import run_fingerprint
from linclf.training.selection import Selection


@dataclass(frozen=True)
class Swept:
    """The ranked rows, of an interrupted sweep with those that were unfinished; the metric that they are scored by; and what
    interrupted the sweep, if anything."""

    rows: list[Row]
    n_configurations: int
    selection: Selection
    interrupted: BaseException | None = None

    @property
    def best(self) -> Row | None:
        """The row with the best score, None if no configuration finished training."""
        return Ranking(self.selection.metric).best(self.rows)

    @property
    def best_1se(self) -> Row | None:
        """The most regularised row within one standard error of the best."""
        return Ranking(self.selection.metric).best_1se(self.rows)

    @property
    def edge(self) -> str | None:
        """Whether the best row has the smallest or the largest reg tried: see `Ranking.at_the_edge`."""
        return Ranking(self.selection.metric).at_the_edge(self.rows)


@dataclass(frozen=True)
class SweepProgress:
    """Epochs of configurations trained and in total, and the best score so far."""

    done: int
    total: int
    best: float | None


def sweep(
    options: SweepOptions,
    split: Split,
    *,
    jobs: int | None = None,
    journal: str | None = None,
    on_progress: Callable[[SweepProgress], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
) -> Swept:
    """Train all configurations on the training rows; the test rows are not used.

    jobs     parallel processes, None for one per core; the rows do not depend on it
    journal  a file to save finished rows in, and to resume from; with several seeds each but the first has one of its own, with
             the seed after its name
    on_progress, on_note   called with the progress, and with a line that the user should read

    With several seeds rows are means over them. A seed orders the rows of an epoch and draws the folds; the parts of the split are
    the same for all.

    A KeyboardInterrupt or Terminated, and an AccessError or MemoryError once training has begun, end the sweep early: the
    rows so far are returned, with the cause in `interrupted`. Raises InputError, AccessError.
    """
    found: dict[int, Swept] = {}
    said: set[str] = set()

    def say_once(note: str) -> None:
        """Say a note of which each seed may have the same."""
        if note not in said:
            said.add(note)
            on_note(note)

    for i in range(options.seeds):
        seed = options.base.seed + i

        def shifted(progress: SweepProgress, earlier: int = i) -> None:
            """The progress of one seed as that of all."""
            done, total = earlier * progress.total + progress.done, progress.total * options.seeds
            on_progress(SweepProgress(done, total, progress.best))

        found[seed] = _sweep_once(
            replace(options, base=replace(options.base, seed=seed)),
            split,
            jobs,
            journal if i == 0 or journal is None else f"{journal}.{seed}",
            {"split_seed": options.base.seed} if i else {},
            on_progress=shifted,
            on_note=say_once,
        )
        if found[seed].interrupted:
            break
    if options.seeds == 1:
        return found[options.base.seed]
    *_, last = found.values()
    rows = mean_rows({seed: swept.rows for seed, swept in found.items()}, options.seeds)
    return replace(last, rows=Ranking(last.selection.metric).rank(rows))


def _sweep_once(
    options: SweepOptions,
    split: Split,
    jobs: int | None,
    journal: str | None,
    drawn: JsonObject,
    *,
    on_progress: Callable[[SweepProgress], None],
    on_note: Callable[[str], None],
) -> Swept:
    """`sweep` with the seed of the options alone; `drawn` identifies the split where that seed does not."""
    with one_blas_thread(), ExitStack() as exits:
        plan = make_plan(options, split)
        for note in plan.notes:
            on_note(note)
        if options.halving and all(len(one) == 1 for one in plan.stacks):
            on_note(
                "nothing to halve: each configuration is alone in its stack; give more of them, or more --max-memory"
            )
        log = None
        if journal is not None:
            each = [row_options(configuration) for configuration in plan.configurations]
            fingerprint = {**sweep_fingerprint(options, split, plan.selection.metric.name), **drawn}
            log = exits.enter_context(open_journal(journal, fingerprint, each))
        rows: dict[int, Row] = {} if log is None else dict(log.rows)
        for note in [] if log is None else log.notes:
            on_note(note)
        if rows:
            on_note(f"{journal}: {len(rows)} of {len(plan.configurations)} configurations are in it already")
        # a stack is trained completely or not at all, so that its rows do not depend on what was in the journal
        tasks = [k for k, one in enumerate(plan.stacks) if not rows.keys() >= set(one)]
        jobs = n_jobs(jobs, plan, len(tasks))
        total = {k: _epochs(plan, k) for k in range(len(plan.stacks))}
        done = sum(total[k] for k in total if k not in tasks)
        interrupted = None
        on_progress(_progress(done, total, rows, plan))
        try:
            for task, update in run_parallel(partial(_run_stack, plan), tasks, jobs):
                done += update.epochs
                with defer_signals():  # a finished row is in the journal
                    rows |= {
                        i: row for i, row in update.rows.items() if i not in rows or rows[i].status == "unfinished"
                    }
                    own = {i: rows[i] for i in plan.stacks[task] if i in rows and rows[i].status != "unfinished"}
                    if log is not None and update.rows and len(own) == len(plan.stacks[task]):
                        log.add(own)
                on_progress(_progress(done, total, rows, plan))
        except (*STOP_SIGNALS, AccessError, MemoryError) as reason:
            interrupted = reason
    ranked = Ranking(plan.selection.metric).rank(rows[i] for i in sorted(rows))
    return Swept(ranked, len(plan.configurations), plan.selection, interrupted)


def n_jobs(asked: int | None, plan: Plan, n_tasks: int) -> int:
    """The number of processes: as given or one per core, but no more than there are stacks or than memory allows."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(asked or cores, n_tasks, int(plan.options.max_memory / plan.megabytes)))


def sweep_fingerprint(options: SweepOptions, split: Split, metric: str) -> dict[str, object]:
    """What the rows depend on, as plain data; metric is the name of the one that scores them."""
    lists = {name: list(dict.fromkeys(values)) for name, values in options.lists.items()}
    of_run = run_fingerprint(replace(options.base, **{name: values[0] for name, values in lists.items()}), split)
    return {
        **of_run,
        "metric": metric,
        "cv": options.cv,
        "halving": options.halving,
        "max_memory": options.max_memory,
        "lists": lists,
        "options": {name: value for name, value in of_run["options"].items() if name not in lists},
    }


def _run_stack(plan: Plan, number: int) -> Iterator[StackProgress]:
    """Train the stack of this number."""
    return (solve_path if plan.paths[number] else train_stack)(plan, number)


def _epochs(plan: Plan, number: int) -> int:
    """The epochs of a stack, times its configurations; a configuration that is solved by full-batch steps counts as one."""
    stack = plan.stacks[number]
    if plan.paths[number]:
        return len(stack)
    first = plan.configurations[stack[0]]
    return sgd_settings(first, plan.data[first.scale].X).epochs * len(stack)


def _progress(done: int, total: dict[int, int], rows: dict[int, Row], plan: Plan) -> SweepProgress:
    scores = [row.score for row in rows.values() if row.score is not None]
    best = max(scores, key=plan.selection.metric.goodness, default=None)
    return SweepProgress(done, sum(total.values()), best)
