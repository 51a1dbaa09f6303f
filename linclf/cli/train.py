"""`linclf train`: data in, a model and its accuracy out."""

import time
from contextlib import ExitStack
from typing import Any

import click

from linclf.calibration import METHODS
from linclf.cli.options import (
    LossName,
    NumberOrAuto,
    cache_option,
    cache_unless,
    check_files,
    column_options,
    config_option,
    data_options,
    how_it_ended,
    json_option,
    quiet_option,
    say,
    say_columns,
    source,
    training_options,
    wants_bar,
)
from linclf.datasets.scaling import SCALES
from linclf.errors import InputError
from linclf.gradcheck import load_loss
from linclf.losses import LOSSES
from linclf.report import to_json, training_text
from linclf.training import Progress, Trained, TrainOptions, load_parts
from linclf.training import train as train_model

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
@click.option("--history", metavar="FILE.jsonl", help="Write a JSON line per epoch.")
@click.option("-o", "--output", metavar="MODEL", help="Write the model to this file; - is stdout.")
@data_options
@column_options
@cache_option
@json_option
@quiet_option
@config_option
def train(
    *, data: str, output: str | None, history: str | None, no_cache: bool, json: bool, quiet: bool, **options: Any
) -> int:
    """Train a linear classifier on DATA and report its accuracy.

    \b
    linclf train --loss svm --reg 1e-3                     the built-in digits
    linclf train mydata.csv --target label -o m.safetensors
    linclf train train.svm --test test.svm --loss hinge
    linclf train mydata.csv --val 0.1 --patience 5 --json

    DATA is a name (linclf datasets) or a file: CSV or TSV with a header, JSON lines, Parquet, svmlight, or npz, also .gz,
    .bz2 or .xz. Missing cells, categories, dates and text in a table become features (docs/tables.md).
    """  # fmt: skip
    began = time.perf_counter()
    if options["loss"] not in LOSSES:
        load_loss(options["loss"])
    config = TrainOptions(source=source(data, options), bias=not options.pop("no_bias"), **options)
    if output == "-" and json:
        raise InputError("the model and --json cannot both go to stdout; give -o a file name")
    if history == "-":
        raise InputError("the history cannot go to stdout, where the report is; give --history a file name")
    check_files((output, history), (data, config.test, config.val))
    parts = load_parts(config, cache_unless(no_cache))
    say_columns(parts.features.columns, quiet)
    say(parts.notes, quiet)
    loaded = time.perf_counter()
    with ExitStack() as stack:
        trained = train_model(config, parts, _watch(stack, config, history, quiet))
    if output is not None:
        trained.model.save(output)
    seconds = {"load": loaded - began, **trained.result["seconds"], "total": time.perf_counter() - began}
    result = {**trained.result, "model": output, "seconds": seconds}
    click.echo(to_json(result) if json else training_text(result, trained.why), err=output == "-")
    return _ending(trained, output)


def _watch(stack: ExitStack, config: TrainOptions, history: str | None, quiet: bool) -> Any:
    """What happens after each epoch: the bar on stderr moves, the history grows by a line."""
    bar: Any = None
    if wants_bar(quiet):
        from tqdm import tqdm

        bar = stack.enter_context(tqdm(desc=config.loss, unit="epoch", leave=False))
    lines = None if history is None else stack.enter_context(click.open_file(history, "w", encoding="utf-8"))

    def on_epoch(epoch: Progress) -> None:
        """Show and record one epoch; after a divergence training begins again, and so do bar and history."""
        if bar is not None:
            bar.total = epoch.epochs
            if epoch.epoch == 1:
                bar.reset()
            shown = {"objective": f"{epoch.objective_estimate:.4g}"}
            if epoch.val_accuracy is not None:
                shown["val"] = f"{epoch.val_accuracy:.4f}"
            bar.set_postfix(shown, refresh=False)
            bar.update()
        if lines is not None:
            if epoch.epoch == 1 and lines.seekable():
                lines.seek(0)
                lines.truncate()
            lines.write(to_json({key: x for key, x in vars(epoch).items() if key != "epochs"}) + "\n")
            lines.flush()

    return on_epoch


def _ending(trained: Trained, output: str | None) -> int:
    """0, or the code of the signal that ended training early, said on stderr."""
    if trained.interrupted is None:
        return 0
    saved = f"the best model so far is in {output}" if output else "no -o was given, so no model was saved"
    word, code = how_it_ended(trained.interrupted)
    click.echo(f"error: {word} after epoch {trained.result['epochs']}; {saved}", err=True)
    return code
