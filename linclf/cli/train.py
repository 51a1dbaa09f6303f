"""`linclf train`: data in, a model and its accuracy out."""

import os
import time
from contextlib import ExitStack
from typing import Any

import click

from linclf.cli.config import config_option
from linclf.cli.progress import CheckpointWriter, RunDisplay, resume_command
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
)
from linclf.cli.training_options import train_options, values_of
from linclf.data.readers.labels_file import labels_file
from linclf.data.split import Split
from linclf.errors import InputError
from linclf.losses import LOSSES
from linclf.report.terminal import printable
from linclf.report.text import to_json
from linclf.report.train import training_text
from linclf.storage.signals import STOP_SIGNALS, FirstSignal, signal_name_and_code
from linclf.training.checkpoint import Checkpoint, check_same
from linclf.training.checkpoint import load as load_checkpoint
from linclf.training.inputs import load_split, run_fingerprint
from linclf.training.options import TrainOptions
from linclf.training.result import Trained, label_note, passes
from linclf.training.train import train as train_model


@click.command()
@click.argument("data", default="digits", metavar="[DATA]")
@train_options
@click.option("--history", metavar="FILE.jsonl", help="Write a JSON line per epoch.")
@click.option("--checkpoint", metavar="FILE", help="Write to this file what --resume needs to continue the run.")
@click.option("--every", type=click.IntRange(min=1), metavar="N", help="Epochs between checkpoints. [default: 1]")
@click.option("--resume", metavar="FILE", help="Continue from this checkpoint, with the same data and options.")
@click.option("-o", "--output", metavar="MODEL", help="Write the model to this file; - is stdout.")
@data_options
@lenient_option
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
    linclf train big.npz --checkpoint c -o m.safetensors   if interrupted, rerun with --resume c

    DATA is a name (linclf datasets) or a file: CSV or TSV with a header, JSON lines, Parquet, Arrow, Excel, ODS, ARFF, svmlight,
    or npz, also .gz, .bz2 or .xz; or several files, 'part-*.csv'; or a table or query of SQLite or DuckDB, data.db::TABLE.
    Missing cells, categories, dates and text in a table become features (docs/tables.md).
    """  # fmt: skip
    began = time.perf_counter()
    config = _config(data, options)
    _check_outputs(output, history, checkpoint, every, resume, json=json)
    # a run that continues may write its checkpoint where it reads one
    same = checkpoint and resume and os.path.realpath(checkpoint) == os.path.realpath(resume)
    check_files(
        (output, history, checkpoint),
        (data, labels_file(config.source), config.test, config.val, None if same else resume),
    )
    resumed, recorded = (None, {}) if resume is None else load_checkpoint(resume)
    split = load_split(config, cache_or_none(no_cache))
    fingerprint = run_fingerprint(config, split)
    if resume is not None:
        check_same(resume, recorded, fingerprint)
    say_columns(split.schema.columns, quiet)
    say(split.notes, quiet)
    loaded = time.perf_counter()
    writer = None if checkpoint is None else CheckpointWriter(checkpoint, every or 1, fingerprint)
    trained, stopped = _train_and_save(config, split, resumed, writer, history=history, output=output, quiet=quiet)
    if trained is not None:
        notes = [trained.convergence_note(), label_note(config)]
        if writer is not None and not trained.result.epochs:
            notes.append(
                f"no checkpoint was written to {writer.path}: the run takes steps over all rows, and is repeated"
            )
        say([f"{data}: {note}" for note in notes if note is not None], quiet)
        seconds = {"load": loaded - began, "train": trained.seconds, "total": time.perf_counter() - began}
        result = {**trained.result.to_json(), "model": output, "seconds": seconds}
        click.echo(to_json(result) if json else printable(training_text(result, trained.why)), err=output == "-")
    if stopped is None:
        return 0
    written = writer.path if writer and writer.written else resume
    return _say_stopped(stopped, trained, output, None if written is None else resume_command(written, data), writer)


def _config(data: str, options: dict[str, Any]) -> TrainOptions:
    """The training options of the command line. A custom loss is loaded and checked."""
    given = source(data, options)
    values = values_of(options)
    if values["loss"] not in LOSSES:
        from linclf.gradcheck import load_loss

        values["loss"] = load_loss(values["loss"])
    return TrainOptions(source=given, **values)


def _check_outputs(
    output: str | None,
    history: str | None,
    checkpoint: str | None,
    every: int | None,
    resume: str | None,
    *,
    json: bool,
) -> None:
    """Refuse outputs that cannot be written where they should go, before any work."""
    if output == "-" and json:
        raise InputError("the model and --json cannot both go to stdout; give -o a file name")
    if history == "-":
        raise InputError("the history cannot go to stdout, where the report is; give --history a file name")
    if every is not None and checkpoint is None:
        raise InputError("--every is the number of epochs between checkpoints; give --checkpoint FILE too")
    if "-" in (checkpoint, resume):
        raise InputError("a checkpoint is a file that is written again and again; give it a name other than -")


def _train_and_save(
    config: TrainOptions,
    split: Split,
    resumed: Checkpoint | None,
    writer: CheckpointWriter | None,
    *,
    history: str | None,
    output: str | None,
    quiet: bool,
) -> tuple[Trained | None, BaseException | None]:
    """Train, then write the last checkpoint and the model. Returns what was trained, and the signal that ended it early."""
    stop = FirstSignal()
    try:
        with ExitStack() as stack:
            number = resumed.state.number if resumed else 0
            display = RunDisplay(stack, config, history, writer, quiet=quiet, number=number)
            trained = train_model(config, split, display, resumed=resumed, stop=stop)
        with stop:
            _save(trained, output, writer)
            return trained, stop.signal
        _save(trained, output, writer)  # a first signal came while saving
    except STOP_SIGNALS as signal:  # a second signal, or one before there was a model
        _save(None, output, writer)
        return None, signal
    return trained, stop.signal


def _save(trained: Trained | None, output: str | None, writer: CheckpointWriter | None) -> None:
    """Write the last checkpoint and the model, if there are any."""
    if writer is not None:
        writer.write()
    if trained is not None and output is not None:
        trained.model.save(output)


def _say_stopped(
    signal: BaseException,
    trained: Trained | None,
    output: str | None,
    resume: str | None,
    writer: CheckpointWriter | None,
) -> int:
    """Say on stderr what a run that a signal ended has saved, and how to continue it; returns the exit code."""
    word, code = signal_name_and_code(signal)
    passed = 0 if trained is None else passes(trained.result.to_json())
    where = f" after epoch {passed}" if passed else ""
    saved = "no model was saved"
    if trained is not None:
        saved = f"the best model so far is in {output}" if output else f"no -o was given, so {saved}"
    if resume is not None:
        hint = f"; continue with: {resume}"
    else:
        has_epochs = trained is None or trained.result.epochs > 0
        hint = "" if writer or not has_epochs else "; with --checkpoint FILE a run can be resumed"
    click.echo(f"error: {word}{where}; {saved}{hint}", err=True)
    return code
