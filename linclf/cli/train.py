"""`linclf train`: data in, a model and its accuracy out."""

import os
import time
from contextlib import ExitStack
from typing import Any

import click

from linclf.cli.config import config_option
from linclf.cli.params import LossName, NumberOrAuto
from linclf.cli.progress import CheckpointWriter, go_on, watch
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
)
from linclf.data.scaling import SCALES
from linclf.errors import InputError
from linclf.losses import LOSSES
from linclf.model.calibration import METHODS
from linclf.report.terminal import printable
from linclf.report.text import to_json
from linclf.report.train import training_text
from linclf.storage.signals import Terminated
from linclf.training.checkpoint import check_same
from linclf.training.checkpoint import load as load_checkpoint
from linclf.training.options import TrainOptions
from linclf.training.train import Trained, identity, load_split
from linclf.training.train import train as train_model

DEFAULT = TrainOptions()


@click.command()
@click.argument("data", default="digits", metavar="[DATA]")
@click.option(
    "--loss",
    type=LossName(list(LOSSES)),
    default=DEFAULT.loss,
    show_default=True,
    help="What is minimised; FILE.py:NAME is a loss of your own (docs/python.md).",
)
@click.option("--reg", type=float, default=DEFAULT.reg, show_default=True, help="L2 strength: reg/2 * ||W||^2.")
@click.option(
    "--lr", type=NumberOrAuto(float), default=DEFAULT.lr, show_default=True, help="Learning rate of the first step."
)
@click.option("--batch-size", type=int, default=DEFAULT.batch_size, show_default=True, help="Rows per minibatch.")
@click.option(
    "--momentum",
    type=NumberOrAuto(float),
    default=DEFAULT.momentum,
    show_default=True,
    help="Share of the last move kept; auto: 0.9, on sparse data 0 (there momentum costs O(d) a step).",
)
@click.option("--average", is_flag=True, help="Average the weights over the second half of the run.")
@click.option(
    "--scale",
    type=click.Choice(SCALES),
    default=DEFAULT.scale,
    show_default=True,
    help="Column scaling, folded into the weights; auto: standard, on sparse data none.",
)
@click.option("--class-weight", type=click.Choice(["balanced"]), help="Weigh classes inversely to their size.")
@training_options
@click.option(
    "--val",
    metavar="DATA|FRACTION",
    help="Validation part, a fraction of what the test part leaves; the weights of its best epoch are kept.",
)
@click.option("--patience", type=int, metavar="N", help="Stop after N epochs without a better validation accuracy.")
@click.option(
    "--calibrate",
    type=click.Choice(METHODS),
    help="Learn probabilities from held-out rows: the validation part, else a fifth of the training rows.",
)
@click.option(
    "--certify",
    type=float,
    metavar="PERCENT",
    help="Train on over all rows until the objective is proven to be within PERCENT of the optimum (softmax, logistic, "
    "squared-hinge, mse).",
)
@click.option("--history", metavar="FILE.jsonl", help="Write a JSON line per epoch.")
@click.option("--checkpoint", metavar="FILE", help="Keep here what the run needs to go on, should it be stopped.")
@click.option(
    "--every", type=click.IntRange(min=1), metavar="N", help="Epochs from one checkpoint to the next. [default: 1]"
)
@click.option("--resume", metavar="FILE", help="Go on from this checkpoint of the same data and options.")
@click.option("-o", "--output", metavar="MODEL", help="Write the model to this file; - is stdout.")
@data_options
@column_options
@cache_option
@json_option
@quiet_option
@config_option
def train(
    *,
    data: str,
    output: str | None,
    history: str | None,
    checkpoint: str | None,
    every: int | None,
    resume: str | None,
    no_cache: bool,
    json: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Train a linear classifier on DATA and report its accuracy.

    \b
    linclf train --loss svm --reg 1e-3                     the built-in digits
    linclf train mydata.csv --target label -o m.safetensors
    linclf train train.svm --test test.svm --loss hinge
    linclf train mydata.csv --val 0.1 --patience 5 --json
    linclf train big.npz --checkpoint c -o m.safetensors   and should it be stopped, the same with --resume c

    DATA is a name (linclf datasets) or a file: CSV or TSV with a header, JSON lines, Parquet, svmlight, or npz, also .gz,
    .bz2 or .xz. Missing cells, categories, dates and text in a table become features (docs/tables.md).
    """  # fmt: skip
    began = time.perf_counter()
    if options["loss"] not in LOSSES:
        from linclf.gradcheck import load_loss

        options["loss"] = load_loss(options["loss"])
    config = TrainOptions(source=source(data, options), bias=not options.pop("no_bias"), **options)
    if output == "-" and json:
        raise InputError("the model and --json cannot both go to stdout; give -o a file name")
    if history == "-":
        raise InputError("the history cannot go to stdout, where the report is; give --history a file name")
    if every is not None and checkpoint is None:
        raise InputError("--every says how often --checkpoint writes; give --checkpoint FILE too")
    if "-" in (checkpoint, resume):
        raise InputError("a checkpoint is a file that is written again and again; give it a name other than -")
    same = checkpoint and resume and os.path.realpath(checkpoint) == os.path.realpath(resume)
    check_files((output, history, checkpoint), (data, config.test, config.val, None if same else resume))
    resumed, run = (None, {}) if resume is None else load_checkpoint(resume)
    split = load_split(config, cache_or_none(no_cache))
    this_run = identity(config, split)
    if resume is not None:
        check_same(resume, run, this_run, "the checkpoint")
    say_columns(split.schema.columns, quiet)
    say(split.notes, quiet)
    loaded = time.perf_counter()
    kept = None if checkpoint is None else CheckpointWriter(checkpoint, every or 1, this_run)
    trained: Trained | None = None
    stopped: BaseException | None = None
    try:
        with ExitStack() as stack:
            trained = train_model(
                config,
                split,
                watch(stack, config, history, quiet, resumed.standing.number if resumed else 0),
                resumed=resumed,
                keep=kept.keep if kept else None,
                say=lambda note: say([note], quiet),
            )
        stopped = trained.interrupted
        _save(trained, output, kept)
    except (KeyboardInterrupt, Terminated) as signal:
        if stopped is not None:  # the second one: no model is waited for
            trained = None
        stopped = signal
        _save(trained, output, kept)
    if trained is not None:
        seconds = {"load": loaded - began, **trained.result["seconds"], "total": time.perf_counter() - began}
        result = {**trained.result, "model": output, "seconds": seconds}
        click.echo(to_json(result) if json else printable(training_text(result, trained.why)), err=output == "-")
    if stopped is None:
        return 0
    word, code = signal_name_and_code(stopped)
    where = f" after epoch {trained.result['epochs']}" if trained else ""
    saved = "no model was saved"
    if trained is not None:
        saved = f"the best model so far is in {output}" if output else f"no -o was given, so {saved}"
    left = kept.path if kept and kept.written else resume
    on = f"; go on with: {go_on(left, data)}" if left else ""
    click.echo(
        f"error: {word}{where}; {saved}{on if kept or resume else '; with --checkpoint FILE it could go on'}", err=True
    )
    return code


def _save(trained: Trained | None, output: str | None, kept: CheckpointWriter | None) -> None:
    """Write the last checkpoint and the model, if there are any."""
    if kept is not None:
        kept.write()
    if trained is not None and output is not None:
        trained.model.save(output)
