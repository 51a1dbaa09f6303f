"""`linclf sweep`: many configurations in one pass, a ranked table out, and the model of the one selected."""

import time
from contextlib import ExitStack
from dataclasses import asdict, fields, replace
from typing import Any

import click

from linclf.cli.config import config_option
from linclf.cli.params import ListOf, NumberOrAuto, YesNo
from linclf.cli.shared import (
    cache_option,
    cache_or_none,
    check_files,
    column_options,
    data_options,
    json_option,
    quiet_option,
    say,
    say_columns,
    signal_name_and_code,
    source,
    training_options,
    wants_bar,
)
from linclf.data.scaling import SCALES
from linclf.data.split import Split
from linclf.errors import DivergedError, InputError, LinclfError
from linclf.losses import LOSSES
from linclf.report.plots import check_picture, plot_sweep
from linclf.report.sweep import sweep_csv, sweep_text
from linclf.report.terminal import printable
from linclf.report.text import to_json
from linclf.storage.files import write_bytes
from linclf.storage.signals import Terminated
from linclf.sweep.grid import SWEPT, SweepOptions
from linclf.sweep.results import at_the_edge
from linclf.sweep.run import SweepProgress, Swept
from linclf.sweep.run import sweep as run_sweep
from linclf.training.inputs import load_data, make_split
from linclf.training.options import TrainOptions
from linclf.training.result import Trained
from linclf.training.train import train

NUMBERS = "V,V|FROM:TO:COUNT"


@click.command()
@click.argument("data", default="digits", metavar="[DATA]")
@click.option(
    "--loss",
    type=ListOf(click.Choice(list(LOSSES)), "LOSS,LOSS"),
    default="svm",
    show_default=True,
    help=f"What is minimised: {', '.join(LOSSES)}.",
)
@click.option(
    "--reg",
    type=ListOf(click.FLOAT, NUMBERS, ranges=True),
    default="1e-6:1e-1:6",
    show_default=True,
    help="L2 strengths; a range is evenly spaced in the logarithm.",
)
@click.option(
    "--lr",
    type=ListOf(NumberOrAuto(float), f"auto|{NUMBERS}", ranges=True),
    default="auto",
    show_default=True,
    help="Learning rates of the first step; auto finds one for each configuration and fold.",
)
@click.option(
    "--momentum",
    type=ListOf(NumberOrAuto(float), f"auto|{NUMBERS}", ranges=True),
    default="auto",
    show_default=True,
    help="Shares of the last move kept; auto: 0.9, on sparse data 0.",
)
@click.option(
    "--average",
    type=ListOf(YesNo(), "no|yes|no,yes"),
    is_flag=False,
    flag_value="yes",
    default="no",
    show_default=True,
    help="Whether to average the weights over the second half of the run.",
)
@click.option(
    "--class-weight",
    type=ListOf(click.Choice(["none", "balanced"]), "none|balanced|none,balanced"),
    default="none",
    show_default=True,
    help="Whether to weigh classes inversely to their size.",
)
@click.option(
    "--scale",
    type=ListOf(click.Choice(SCALES), "SCALE,SCALE"),
    default="auto",
    show_default=True,
    help=f"Column scaling: {', '.join(SCALES)}; auto: standard, on sparse data none.",
)
@click.option(
    "--batch-size", type=ListOf(click.INT, "B,B"), default="64", show_default=True, help="Rows per minibatch."
)
@training_options
@click.option("--cv", type=int, metavar="K", help="Score by K folds of the training part. [default: 5, without --val]")
@click.option(
    "--val",
    metavar="DATA|FRACTION",
    help="Score on a validation part instead, a fraction of what the test part leaves; each row is of its best epoch.",
)
@click.option(
    "--halving",
    is_flag=True,
    help="After an eighth, a quarter and a half of the epochs, drop those of each stack's worse half that are more than a "
    "standard error behind its best.",
)
@click.option(
    "--select",
    type=click.Choice(["best", "1se"]),
    help="Train the best row, or the most regularised within one standard error of it, on all training rows, and test "
    "it. [default: best, with -o]",
)
@click.option("--csv", metavar="FILE", help="Write the table as CSV; - is stdout.")
@click.option("--plot", metavar="FILE.png", help="Draw score against reg, a line per loss.")
@click.option("--journal", metavar="FILE.jsonl", help="Keep finished rows here; the same command goes on from it.")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Processes side by side. [default: one per core]")
@click.option(
    "--max-memory",
    type=float,
    metavar="MB",
    default=SweepOptions.max_memory,
    show_default=True,
    help="Memory for models in training, beside a copy of the training rows for each job.",
)
@click.option("-o", "--output", metavar="MODEL", help="Write the model of the row selected to this file.")
@data_options
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
    linclf sweep mydata.csv --select 1se -o m.safetensors      and train the one to keep
    linclf sweep big.npz --loss softmax --lr auto,0.1 --halving --journal sweep.jsonl

    Configurations are trained together, as one matrix of weights, all folds included. The test part is not looked at
    until a row is selected with --select or -o.
    """  # fmt: skip
    began = time.perf_counter()
    config = _options(data, options)
    check_files((output, csv, plot, journal), (data, config.base.test, config.base.val))
    _check_outputs(output, csv, plot, journal, json=json)
    sets = load_data(config.base, cache_or_none(no_cache))
    split = make_split(config.base, sets)
    say_columns(split.schema.columns, quiet)
    say(split.notes, quiet)
    loaded = time.perf_counter()
    with ExitStack() as stack:
        swept = run_sweep(
            config,
            split,
            jobs=jobs,
            journal=journal,
            on_progress=_bar(stack, quiet),
            on_note=lambda note: say([note], quiet),
        )
    swept_at = time.perf_counter()
    edge = at_the_edge(swept.rows)
    say([f"the best reg is the {edge} tried; with a wider --reg it may get better"] if edge else [], quiet)
    result = {**_result(config, split, swept), **dict.fromkeys(("selected", "n_refit", "accuracy", "model"))}
    refit: Trained | None = None
    failed = swept.interrupted
    if not failed:
        row = swept.best_1se if select == "1se" else swept.best
        try:  # whatever fails here does not cost the table
            _write(result, csv, plot)
            if row and (select or output):
                chosen = replace(config.base, **row.options, val=None)  # trained on all training rows, as train would
                refit = train(chosen, make_split(chosen, sets))
                result |= {
                    "selected": "best_1se" if select == "1se" else "best",
                    "n_refit": refit.result.n_train,
                    "accuracy": refit.result.accuracy,
                }
                if output is not None:
                    refit.model.save(output)
                    result["model"] = output
        except (KeyboardInterrupt, Terminated, LinclfError, OSError) as error:
            failed = error
    result["seconds"] = {"load": loaded - began, "train": swept_at - loaded, "total": time.perf_counter() - began}
    if not (quiet and csv == "-"):
        click.echo(to_json(result) if json else printable(sweep_text(result, vars(TrainOptions()))), err=csv == "-")
    return _ending(swept, refit, failed, journal, outputs=bool(output or csv or plot))


def _check_outputs(output: str | None, csv: str | None, plot: str | None, journal: str | None, *, json: bool) -> None:
    """Say before any work whether the outputs can go where they shall."""
    if "-" in (output, plot, journal):
        raise InputError("of the outputs of a sweep only --csv can go to stdout; give the others a file name")
    if csv == "-" and json:
        raise InputError("--csv and --json cannot both go to stdout; give --csv a file name")
    if plot is not None:
        check_picture(plot)


def _write(result: dict[str, Any], csv: str | None, plot: str | None) -> None:
    """Write what is asked for of a sweep that ran to its end: a table cut short does not replace a whole one."""
    if csv is not None:
        write_bytes(csv, sweep_csv(result).encode())
    if plot is not None and result["best"]:
        plot_sweep(result, plot)


def _options(data: str, options: dict[str, Any]) -> SweepOptions:
    """The frozen options of the command line's."""
    options["class_weight"] = tuple(None if kind == "none" else kind for kind in options["class_weight"])
    lists = {name: tuple(options.pop(name)) for name in SWEPT}
    cv, halving, max_memory = (options.pop(name) for name in ("cv", "halving", "max_memory"))
    given = {name: click.get_current_context().get_parameter_source(name) for name in ("cv", "val")}
    typed = [name for name, where in given.items() if where is click.core.ParameterSource.COMMANDLINE]
    if typed == ["cv"]:  # a flag overrules what the environment or a file says of the other one
        options["val"] = None
    cv = None if typed == ["val"] else cv
    first = {name: values[0] for name, values in lists.items() if values}
    base = TrainOptions(source=source(data, options), bias=not options.pop("no_bias"), **{**first, **options})
    return SweepOptions(base, lists, 5 if cv is None and base.val is None else cv, halving, max_memory)


def _result(config: SweepOptions, split: Split, swept: Swept) -> dict[str, Any]:
    """What `--json` prints but for the refit and the seconds."""
    return {
        "data": config.base.source.data,
        "cv": config.cv,
        "swept": {name: list(dict.fromkeys(config.lists[name])) for name in SWEPT},
        "options": {
            name: getattr(config.base, name)
            for name in (field.name for field in fields(TrainOptions))
            if name not in ("source", "val", "patience", *SWEPT)
        },
        "halving": config.halving,
        "seed": config.base.seed,
        "dtype": config.base.dtype,
        "n_train": len(split.train.y),
        "n_val": 0 if split.val is None else len(split.val.y),
        "n_features": split.schema.count,
        "n_classes": len(split.classes),
        "n_configurations": swept.n_configurations,
        "rows": [asdict(row) for row in swept.rows],
        "best": swept.best and asdict(swept.best),
        "best_1se": swept.best_1se and asdict(swept.best_1se),
        "interrupted": swept.interrupted is not None,
    }


def _bar(stack: ExitStack, quiet: bool) -> Any:
    """What happens on progress: the bar on stderr moves, the best score beside it."""
    if not wants_bar(quiet):
        return lambda _: None
    from tqdm import tqdm

    bar = stack.enter_context(tqdm(desc="sweep", unit="epoch", leave=False))

    def on_progress(progress: SweepProgress) -> None:
        """Show how far it is."""
        bar.total = progress.total
        if progress.best is not None:
            bar.set_postfix({"best": f"{progress.best:.4f}"}, refresh=False)
        bar.update(progress.done - bar.n)

    return on_progress


def _ending(
    swept: Swept, refit: Trained | None, failed: BaseException | None, journal: str | None, *, outputs: bool
) -> int:
    """0, or the code of the signal that ended the work early, said on stderr; what failed after the table is raised."""
    signal = failed or (refit.interrupted if refit else None)
    if isinstance(signal, Exception):
        raise signal
    if signal is not None:
        finished = sum(row.status != "unfinished" for row in swept.rows)
        where = f"after {finished} of {swept.n_configurations} configurations; "
        where += "the same command goes on from the journal" if journal else "with --journal FILE it could go on"
        where += "; no file was written" if outputs else ""
        if not swept.interrupted:
            where = "after the sweep, in the training of the row selected"
            where += "; its model is the best so far" if refit else "; no model was saved"
        word, code = signal_name_and_code(signal)
        click.echo(f"error: {word} {where}", err=True)
        return code
    if swept.best is None:
        why = next(row.why for row in swept.rows if row.why)
        raise DivergedError(f"no configuration was trained to its end; the first: {why}; use a smaller lr, or auto")
    return 0
