"""The way through a sweep: plan -> what the journal holds -> stacks side by side -> rows."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from linclf.data.split import Split
from linclf.errors import AccessError
from linclf.optim.linalg import one_blas_thread
from linclf.storage.signals import Terminated, defer_signals
from linclf.sweep.grid import SweepOptions
from linclf.sweep.journal import open_journal
from linclf.sweep.plan import Plan, make_plan
from linclf.sweep.results import Row, best, best_1se, rank
from linclf.sweep.stack import row_options, train_stack
from linclf.sweep.workers import run_parallel
from linclf.training.fit import settings
from linclf.training.train import identity as identity_of_run


@dataclass(frozen=True)
class Swept:
    """The rows, ranked; of what was interrupted, with those that had begun."""

    rows: list[Row]
    n_configurations: int
    interrupted: BaseException | None = None

    @property
    def best(self) -> Row | None:
        """The row with the best score, None if no configuration was trained to its end."""
        return best(self.rows)

    @property
    def best_1se(self) -> Row | None:
        """The most regularised row within one standard error of it."""
        return best_1se(self.rows)


@dataclass(frozen=True)
class Progress:
    """Epochs of configurations done and to do, and the best score that is known."""

    done: int
    total: int
    best: float | None


def sweep(
    options: SweepOptions,
    split: Split,
    *,
    jobs: int | None = None,
    journal: str | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> Swept:
    """Train all configurations on the training part; the test part is not looked at.

    jobs     processes side by side, None for one per core; the rows do not depend on it
    journal  a file to keep finished rows in, and to go on from
    A KeyboardInterrupt or Terminated, and an AccessError or MemoryError once training has begun, end the sweep early: the
    rows so far are returned, with what ended it in `interrupted`. Raises InputError, AccessError.
    """
    with one_blas_thread(), ExitStack() as stack:
        plan = make_plan(options, split)
        if options.halving and all(len(one) == 1 for one in plan.stacks):
            say("nothing to halve: each configuration is alone in its stack; give more of them, or more --max-memory")
        log = None
        if journal is not None:
            each = [row_options(configuration) for configuration in plan.configurations]
            log = stack.enter_context(open_journal(journal, identity(options, split), each))
        rows: dict[int, Row] = {} if log is None else dict(log.rows)
        for note in [] if log is None else log.notes:
            say(note)
        if rows:
            say(f"{journal}: {len(rows)} of {len(plan.configurations)} configurations are in it already")
        # a stack is trained whole or not at all, so that its rows do not depend on what was there before
        tasks = [k for k, one in enumerate(plan.stacks) if not rows.keys() >= set(one)]
        jobs = n_jobs(jobs, plan, len(tasks))
        total = {k: _epochs(plan, one) for k, one in enumerate(plan.stacks)}
        done = sum(total[k] for k in total if k not in tasks)
        interrupted = None
        on_progress(_progress(done, total, rows))
        try:
            for task, update in run_parallel(partial(train_stack, plan), tasks, jobs):
                done += update.epochs
                with defer_signals():  # a row that is finished is in the journal
                    rows |= {
                        i: row for i, row in update.rows.items() if i not in rows or rows[i].status == "unfinished"
                    }
                    own = {i: rows[i] for i in plan.stacks[task] if i in rows and rows[i].status != "unfinished"}
                    if log is not None and update.rows and len(own) == len(plan.stacks[task]):
                        log.add(own)
                on_progress(_progress(done, total, rows))
        except (KeyboardInterrupt, Terminated, AccessError, MemoryError) as reason:
            interrupted = reason
    return Swept(rank(rows[i] for i in sorted(rows)), len(plan.configurations), interrupted)


def n_jobs(asked: int | None, plan: Plan, n_tasks: int) -> int:
    """As many processes as are asked for or as there are cores, as there are stacks, and as memory allows."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(asked or cores, n_tasks, int(plan.options.max_memory / plan.megabytes)))


def identity(options: SweepOptions, split: Split) -> dict[str, object]:
    """What the rows depend on, as plain data."""
    lists = {name: list(dict.fromkeys(values)) for name, values in options.lists.items()}
    of_run = identity_of_run(replace(options.base, **{name: values[0] for name, values in lists.items()}), split)
    return {
        **of_run,
        "cv": options.cv,
        "halving": options.halving,
        "max_memory": options.max_memory,
        "lists": lists,
        "options": {name: value for name, value in of_run["options"].items() if name not in lists},
    }


def _epochs(plan: Plan, stack: tuple[int, ...]) -> int:
    """Epochs of configurations that a stack takes."""
    first = plan.configurations[stack[0]]
    return settings(first, plan.spaces[first.scale].X).epochs * len(stack)


def _progress(done: int, total: dict[int, int], rows: dict[int, Row]) -> Progress:
    scores = [row.score for row in rows.values() if row.score is not None]
    return Progress(done, sum(total.values()), max(scores, default=None))
