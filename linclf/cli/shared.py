"""What several commands share: option types, data options, --config, and words on stderr."""

import csv
import io
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from linclf.cli.config import CONFIG
from linclf.cli.params import NumberOrAuto
from linclf.data.cache import Cache, user_cache
from linclf.data.columns.base import Column
from linclf.data.readers.registry import READERS
from linclf.data.source import Source
from linclf.optim.settings import SCHEDULES
from linclf.report.columns import columns_text
from linclf.report.terminal import one_line, printable
from linclf.storage.files import check_outputs
from linclf.storage.signals import Terminated
from linclf.training.options import DTYPES, TrainOptions

F = TypeVar("F", bound=Callable[..., Any])


COLUMNS: dict[str, Any] = {"metavar": "COL", "multiple": True}


def _with(options: Sequence[Callable[[F], F]], command: F) -> F:
    """A command with these options, in their order."""
    for option in reversed(options):
        command = option(command)
    return command


def training_options(command: F) -> F:
    """What train and sweep understand alike."""
    default = TrainOptions()
    options = (
        click.option(
            "--epochs",
            type=NumberOrAuto(int),
            default=default.epochs,
            show_default=True,
            help="Passes over the data; auto: 10, or as many as give 2000 minibatches.",
        ),
        click.option(
            "--schedule",
            type=click.Choice(list(SCHEDULES)),
            default=default.schedule,
            show_default=True,
            help="How lr changes over the run.",
        ),
        click.option("--no-bias", is_flag=True, help="Train no bias."),
        click.option("--reg-bias", is_flag=True, help="Penalise the bias too."),
        click.option(
            "--dtype",
            type=click.Choice(DTYPES),
            default=default.dtype,
            show_default=True,
            help="Precision of training.",
        ),
        click.option(
            "--seed",
            type=int,
            default=default.seed,
            show_default=True,
            help="Seed of the split and of the order of rows.",
        ),
        click.option(
            "--test",
            metavar="DATA|FRACTION",
            help="Test part; 0 trains on all. [default: the data's own, else 0.2]",
        ),
    )
    return _with(options, command)


def check_files(outputs: Iterable[str | None], inputs: Iterable[str | None]) -> None:
    """`linclf.storage.files.check_outputs`, with the file of --config among the inputs."""
    check_outputs(outputs, [*inputs, click.get_current_context().meta.get(CONFIG)])


def data_options(command: F) -> F:
    """The options that say how DATA is read; `source` puts them together."""
    options = (
        click.option(
            "--target", metavar="COL", help="Column of labels in a table. [default: target, label, class or y]"
        ),
        click.option("--drop", **COLUMNS, help="Leave a column out; repeat, or separate with commas."),
        click.option("--format", type=click.Choice(list(READERS)), help="Format of the file. [default: by its suffix]"),
        click.option("--no-header", is_flag=True, help="The table has no header; columns are numbered from 0."),
        click.option(
            "--zero-based/--one-based", default=None, help="Where svmlight indices begin. [default: found out]"
        ),
        click.option(
            "--max-features",
            type=int,
            default=Source.max_features,
            show_default=True,
            help="Feature columns beyond which data are refused.",
        ),
        click.option(
            "--max-unpacked",
            type=float,
            metavar="MB",
            help="What a packed file may become, at most. [default: 32 MB and 100 times its size]",
        ),
    )
    return _with(options, command)


def column_options(command: F) -> F:
    """The options that say what the columns of a table are; `source` takes them too."""
    options = (
        click.option("--numeric", **COLUMNS, help="Take a column as numbers; cells that are none count as missing."),
        click.option("--category", **COLUMNS, help="Take a column as categories, a feature for each level."),
        click.option("--text", **COLUMNS, help="Take a column as text, a feature for each word and pair of words."),
        click.option(
            "--min-count",
            type=int,
            default=Source.min_count,
            show_default=True,
            help="Rows that a level or a word must be in to become a feature; rarer levels share one.",
        ),
    )
    return _with(options, command)


def source(data: str, options: dict[str, Any]) -> Source:
    """The Source of DATA and the data options, which are taken out of `options`."""
    target, drop, kind, no_header, zero_based = (
        options.pop(name) for name in ("target", "drop", "format", "no_header", "zero_based")
    )
    told: dict[str, Any] = {name: _names(options.pop(name, ())) for name in ("numeric", "category", "text")}
    told |= {name: options.pop(name) for name in ("max_features", "max_unpacked")}
    min_count = options.pop("min_count", Source.min_count)
    return Source(data, kind, not no_header, target, _names(drop), zero_based, **told, min_count=min_count)


def _names(entries: Iterable[str]) -> tuple[str, ...]:
    """The columns named in the values of an option, each once; one with a comma in its name stands in double quotes."""
    records = [record for entry in entries for record in csv.reader(io.StringIO(entry, newline=""))]
    return tuple(dict.fromkeys(name for record in records for name in record if name))


def cache_option(command: F) -> F:
    """--no-cache"""
    return click.option("--no-cache", is_flag=True, help="Read DATA anew, and keep nothing of it (see linclf cache).")(
        command
    )


def cache_or_none(no_cache: bool) -> Cache | None:
    """The user's cache, or None without one."""
    return None if no_cache else user_cache()


def json_option(command: F) -> F:
    """--json"""
    return click.option("--json", is_flag=True, help="Print one JSON object and nothing else.")(command)


def quiet_option(command: F) -> F:
    """-q"""
    return click.option("-q", "--quiet", is_flag=True, help="No progress and no notes on stderr.")(command)


def say(notes: Iterable[str], quiet: bool = False) -> None:
    """Notes on stderr, a line each."""
    for note in () if quiet else notes:
        click.echo(f"note: {one_line(note)}", err=True)


def say_columns(columns: Sequence[Column] | None, quiet: bool) -> None:
    """What the columns of a table became, on stderr, where they are more than numbers."""
    text = "" if quiet else columns_text(columns)
    if text:
        click.echo(printable(text) + "\n", err=True)


def arguments() -> list[str]:
    """What was typed behind `linclf`."""
    return list(click.get_current_context().find_root().obj or ())


def signal_name_and_code(signal: BaseException) -> tuple[str, int]:
    """The word and the exit code of a run that a signal ended."""
    return ("terminated", 143) if isinstance(signal, Terminated) else ("interrupted", 130)


def wants_bar(quiet: bool) -> bool:
    """Whether a progress bar belongs on stderr."""
    return not quiet and sys.stderr is not None and sys.stderr.isatty() and not os.environ.get("NO_COLOR")
