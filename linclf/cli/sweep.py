"""`linclf sweep`: many configurations in one pass, a ranked table out, and the model of the selected row."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Any

import click

from linclf.cli.config import config_option
from linclf.cli.shared import (
    cache_option,
    cache_or_none,
    check_files,
    column_options,
    data_options,
    json_option,
    lenient_option,
    quiet_option,
    say,
    say_columns,
    source,
    wants_bar,
)
from linclf.cli.training_options import sweep_options, values_of
from linclf.data.readers.labels_file import labels_file
from linclf.data.split import NO_VAL, Split
from linclf.errors import DivergedError, InputError, LinclfError
from linclf.model.evaluation import PART_KEYS
from linclf.model.metrics import METRICS
from linclf.report.plots import check_picture, plot_sweep
from linclf.report.sweep import sweep_csv, sweep_text
from linclf.report.terminal import printable
from linclf.report.text import to_json
from linclf.storage.decode import JsonObject
from linclf.storage.files import write_bytes
from linclf.storage.signals import STOP_SIGNALS, signal_name_and_code
from linclf.sweep.grid import SWEPT, SweepOptions
from linclf.sweep.run import SweepProgress, Swept
from linclf.sweep.run import sweep as run_sweep
from linclf.training.inputs import LoadedData, load_data, make_split
from linclf.training.options import TrainOptions
from linclf.training.result import Trained
from linclf.training.train import train


@click.command()
@click.argument("data", default="digits", metavar="[DATA]")
@sweep_options
@click.option(
    "--metric",
    type=click.Choice(list(METRICS)),
    metavar="NAME",
    help=f"Metric that scores the configurations: {', '.join(METRICS)} (docs/metrics.md). [default: log-loss if every loss has "
    "probabilities, else balanced-accuracy if the classes are uneven, else accuracy]",
)
@click.option("--cv", type=int, metavar="K", help="Score by K folds of the training part. [default: 5, without --val]")
@click.option(
    "--seeds",
    type=int,
    metavar="N",
    default=SweepOptions.seeds,
    show_default=True,
    help="Repeat with N seeds, from --seed on, which order the rows and draw the folds: the mean and the spread over seeds.",
)
@click.option(
    "--halving",
    is_flag=True,
    help="After an eighth, a quarter and a half of the epochs, drop from the worse half of each stack the configurations "
    "that are more than a standard error behind its best.",
)
@click.option(
    "--select",
    type=click.Choice(["best", "1se"]),
    help="Train the best row, or the most regularised within one standard error of it, on all training rows, and test "
    "it. [default: best, with -o]",
)
@click.option("--csv", metavar="FILE", help="Write the table as CSV; - is stdout.")
@click.option("--plot", metavar="FILE.png", help="Draw score against reg, a line per loss.")
@click.option(
    "--journal", metavar="FILE.jsonl", help="Write finished rows to this file; rerun the same command to continue."
)
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Parallel processes. [default: one per core]")
@click.option(
    "--max-memory",
    type=float,
    metavar="MB",
    default=SweepOptions.max_memory,
    show_default=True,
    help="Memory for models in training, in addition to a copy of the training rows for each job.",
)
@click.option("-o", "--output", metavar="MODEL", help="Write the model of the selected row to this file.")
@data_options
@lenient_option
@column_options
@cache_option
@json_option
@quiet_option
@config_option
def sweep(
    *,
    data: str,
    output: str | None,
    csv: str | None,
    plot: str | None,
    journal: str | None,
    select: str | None,
    jobs: int | None,
    no_cache: bool,
    json: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Train all combinations of the lists given, score them on held-out rows, and rank them.

    \b
    linclf sweep                                               six regs on the built-in digits
    linclf sweep mydata.csv --loss svm,logistic --reg 1e-6:1:13 --plot scores.png
    linclf sweep mydata.csv --select 1se -o m.safetensors      and train the selected row
    linclf sweep big.npz --loss softmax --lr auto,0.1 --halving --journal sweep.jsonl

    Configurations are trained together, as one matrix of weights, all folds included. The test part is not used until a
    row is selected with --select or -o.
    """  # fmt: skip
    began = time.perf_counter()
    config = _config(data, options)
    check_files(
        (output, csv, plot, journal), (data, labels_file(config.base.source), config.base.test, config.base.val)
    )
    _check_outputs(output, csv, plot, journal, json=json)
    loaded_data = load_data(config.base, cache_or_none(no_cache))
    if loaded_data.dataset.val is not None and config.base.val is None and options["cv"] is None:
        config = replace(config, cv=None)  # the validation part of the data instead of folds
    split = make_split(config.base if config.cv is None else replace(config.base, val=NO_VAL), loaded_data)
    say_columns(split.schema.columns, quiet)
    say(split.notes, quiet)
    loaded = time.perf_counter()
    with ExitStack() as stack:
        on_progress, note = _bar(stack, quiet), lambda text: say([text], quiet)
        swept = run_sweep(config, split, jobs=jobs, journal=journal, on_progress=on_progress, on_note=note)
    swept_at = time.perf_counter()
    say([f"the best reg is the {swept.edge} tried; with a wider --reg it may get better"] if swept.edge else [], quiet)
    result = _result(config, split, swept)
    refit, failed = _write_and_refit(
        config, loaded_data, swept, result, select=select, output=output, csv=csv, plot=plot
    )
    result["seconds"] = {"load": loaded - began, "train": swept_at - loaded, "total": time.perf_counter() - began}
    if not (quiet and csv == "-"):
        click.echo(to_json(result) if json else printable(sweep_text(result)), err=csv == "-")
    return _exit_code(swept, refit, failed, journal, outputs=bool(output or csv or plot))


def _config(data: str, options: JsonObject) -> SweepOptions:
    """The options of the sweep on the command line."""
    given = source(data, options)
    values = values_of(options)
    lists = {name: values.pop(name) for name in SWEPT}
    cv = options["cv"]
    where = {name: click.get_current_context().get_parameter_source(name) for name in ("cv", "val")}
    typed = [name for name, one in where.items() if one is click.core.ParameterSource.COMMANDLINE]
    if typed == ["cv"]:  # a flag overrules the other option in the environment or the file
        values["val"] = None
    cv = None if typed == ["val"] else cv
    first = {name: of_list[0] for name, of_list in lists.items() if of_list}
    base = TrainOptions(source=given, **first, **values)
    return SweepOptions(
        base,
        lists,
        5 if cv is None and base.val is None else cv,
        options["halving"],
        options["max_memory"],
        options["metric"],
        seeds=options["seeds"],
    )


def _check_outputs(output: str | None, csv: str | None, plot: str | None, journal: str | None, *, json: bool) -> None:
    """Refuse outputs that cannot be written where they should go, before any work."""
    if "-" in (output, plot, journal):
        raise InputError("of the outputs of a sweep only --csv can go to stdout; give the others a file name")
    if csv == "-" and json:
        raise InputError("--csv and --json cannot both go to stdout; give --csv a file name")
    if plot is not None:
        check_picture(plot)


def _bar(stack: ExitStack, quiet: bool) -> Callable[[SweepProgress], None]:
    """The function to call on progress: it moves the bar on stderr and shows the best score."""
    if not wants_bar(quiet):
        return lambda _: None
    from tqdm import tqdm

    bar = stack.enter_context(tqdm(desc="sweep", unit="epoch", leave=False))

    def on_progress(progress: SweepProgress) -> None:
        """Show the epochs done and the best score so far."""
        bar.total = progress.total
        if progress.best is not None:
            bar.set_postfix({"best": f"{progress.best:.4f}"}, refresh=False)
        bar.update(progress.done - bar.n)

    return on_progress


def _result(config: SweepOptions, split: Split, swept: Swept) -> JsonObject:
    """The JSON object of `--json`, without the refit and the seconds."""
    shared = config.base.to_dict()
    return {
        "data": config.base.source.data,
        "target": split.schema.target,
        "target_guessed": split.schema.is_guessed_target(config.base.source.target),
        "cv": config.cv,
        "swept": {name: list(dict.fromkeys(config.lists[name])) for name in SWEPT},
        "options": {
            name: x for name, x in shared.items() if name not in ("source", "val", "val_metric", "patience", *SWEPT)
        },
        "metric": swept.selection.metric.name,
        "metric_reason": swept.selection.reason,
        "greater_is_better": swept.selection.metric.greater_is_better,
        "halving": config.halving,
        "seed": config.base.seed,
        "seeds": [config.base.seed + i for i in range(config.seeds)],
        "dtype": config.base.dtype,
        **split.summary.to_json(),
        "n_train": len(split.train.y),
        "n_val": 0 if split.val is None else len(split.val.y),
        "n_features": split.schema.count,
        "n_classes": len(split.classes),
        "n_configurations": swept.n_configurations,
        "rows": [asdict(row) for row in swept.rows],
        "best": swept.best and asdict(swept.best),
        "best_1se": swept.best_1se and asdict(swept.best_1se),
        "interrupted": swept.interrupted is not None,
        **dict.fromkeys(("selected", "n_refit", "accuracy", *PART_KEYS, "model")),
    }


def _write_and_refit(
    config: SweepOptions,
    loaded: LoadedData,
    swept: Swept,
    result: JsonObject,
    *,
    select: str | None,
    output: str | None,
    csv: str | None,
    plot: str | None,
) -> tuple[Trained | None, BaseException | None]:
    """Write the table and the picture, train the selected row on all training rows, and add its metrics to `result`.

    Returns what was trained, and the error or signal that ended the work early: `result` can be printed all the same. A
    sweep that was interrupted writes nothing, so that an incomplete table does not replace a complete one.
    """
    if swept.interrupted:
        return None, swept.interrupted
    refit: Trained | None = None
    row = swept.best_1se if select == "1se" else swept.best
    try:
        if csv is not None:
            write_bytes(csv, sweep_csv(result).encode())
        if plot is not None and row:
            plot_sweep(result, plot)
        if row and (select or output):
            chosen = replace(config.base, **row.options, val=None if loaded.dataset.val is None else NO_VAL)
            refit = train(chosen, make_split(chosen, loaded))
            result["selected"] = "best_1se" if select == "1se" else "best"
            figures = refit.result.to_json()
            result |= {"n_refit": figures["n_train"], **{key: figures[key] for key in ("accuracy", *PART_KEYS)}}
            if output is not None:
                refit.model.save(output)
                result["model"] = output
    except (*STOP_SIGNALS, LinclfError, OSError) as error:
        return refit, error
    return refit, None


def _exit_code(
    swept: Swept, refit: Trained | None, failed: BaseException | None, journal: str | None, *, outputs: bool
) -> int:
    """0, or the exit code of the signal that ended the work early, with a line on stderr. Raises the error that came after
    the sweep, and DivergedError if no configuration was trained to its end."""
    signal = failed or (refit.interrupted if refit else None)
    if isinstance(signal, Exception):
        raise signal
    if signal is not None:
        finished = sum(row.status != "unfinished" for row in swept.rows)
        where = f"after {finished} of {swept.n_configurations} configurations; "
        where += (
            "rerun the same command to continue from the journal"
            if journal
            else "with --journal FILE a sweep can be resumed"
        )
        where += "; no file was written" if outputs else ""
        if not swept.interrupted:
            where = "after the sweep, in the training of the selected row"
            where += "; its model is the best so far" if refit else "; no model was saved"
        word, code = signal_name_and_code(signal)
        click.echo(f"error: {word} {where}", err=True)
        return code
    if swept.best is None:
        why = next(row.why for row in swept.rows if row.why)
        raise DivergedError(f"every configuration diverged; the first one: {why}; use a smaller lr, or auto")
    return 0
