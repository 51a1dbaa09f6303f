"""Groups of options, and notes on stderr, that several commands share."""

import csv
import io
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import click

from linclf.cli.config import CONFIG
from linclf.cli.params import ListOf
from linclf.data.cache import Cache, user_cache
from linclf.data.columns.base import Column
from linclf.data.database import split_database
from linclf.data.readers.registry import READERS
from linclf.data.readers.several import matching_files
from linclf.data.source import ANALYZERS, DATE_PARTS, Source
from linclf.data.table import typed
from linclf.model.linear_model import LinearModel
from linclf.report.columns import columns_text
from linclf.report.terminal import one_line, printable
from linclf.report.threshold import threshold_note
from linclf.storage.files import check_outputs

F = TypeVar("F", bound=Callable[..., object])


_SWITCHES = {  # options of two words, for true and for false
    "header": ("", "--no-header"),
    "zero_based": ("--zero-based", "--one-based"),
    "day_first": ("--day-first", "--month-first"),
}
TAB = "\t"
COLUMNS: dict[str, Any] = {"metavar": "COL", "multiple": True}


def with_options(options: Sequence[Callable[[F], F]], command: F) -> F:
    """A command with these options, in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def check_files(outputs: Iterable[str | None], inputs: Iterable[str | None]) -> None:
    """`linclf.storage.files.check_outputs`, with the file of --config among the inputs, the files that a pattern matches, and
    the files of databases."""
    files = [path for data in inputs if data for path in matching_files(data) or [split_database(data)[0]]]
    check_outputs(outputs, [*files, click.get_current_context().meta.get(CONFIG)])


def data_options(command: F) -> F:
    """The options that say how DATA is read; `source` collects them."""
    options = (
        click.option(
            "--target", metavar="COL", help="Column of labels in a table. [default: target, label, class or y]"
        ),
        click.option("--drop", **COLUMNS, help="Leave a column out; repeat, or separate with commas."),
        click.option("--format", type=click.Choice(list(READERS)), help="Format of the file. [default: by its suffix]"),
        click.option("--no-header", is_flag=True, help="The table has no header; columns are numbered from 0."),
        click.option(
            "--zero-based/--one-based", default=None, help="Whether svmlight indices begin at 0. [default: detected]"
        ),
        click.option("--sheet", metavar="NAME|NUMBER", help="Sheet of a workbook; numbers are from 1. [default: 1]"),
        click.option("--sep", metavar="CHAR", help="Character between the cells of a line. [default: detected]"),
        click.option("--decimal", metavar="CHAR", help="Decimal mark, '.' or ','. [default: detected]"),
        click.option(
            "--thousands",
            metavar="CHAR",
            help="Mark between groups of three digits: '.', ',', ' ' or \"'\". [default: detected for each column]",
        ),
        click.option(
            "--encoding", metavar="NAME", help="Encoding of a text file. [default: UTF-8, UTF-16 or cp1252, detected]"
        ),
        click.option(
            "--na-values",
            **{**COLUMNS, "metavar": "TEXT"},
            help="Cells that are missing, such as -999, beside the usual ones; repeat, or separate with commas.",
        ),
        click.option("--comment", metavar="CHAR", help="Character that begins a comment."),
        click.option(
            "--skip-rows", type=int, help="Number of lines above the header to leave out. [default: detected]"
        ),
        click.option(
            "--max-features",
            type=int,
            default=Source.max_features,
            show_default=True,
            help="Maximum number of feature columns; data with more are refused.",
        ),
        click.option(
            "--max-unpacked",
            type=float,
            metavar="MB",
            help="Maximum uncompressed size of a packed file. [default: 32 MB and 100 times its size]",
        ),
    )
    return with_options(options, command)


def weight_option(command: F) -> F:
    """--weight; `source` collects it."""
    text = "Column of row weights: a row of weight 2 counts as two rows, of 0 as none."
    return click.option("--weight", metavar="COL", help=text)(command)


def column_options(command: F) -> F:
    """The options that say what the columns of a table are; `source` collects them too."""
    options = (
        click.option(
            "--numeric", **COLUMNS, help="Treat a column as numbers; cells that are not numbers count as missing."
        ),
        click.option("--category", **COLUMNS, help="Treat a column as categories, with a feature for each level."),
        click.option(
            "--text", **COLUMNS, help="Treat a column as text, with a feature for each word and each pair of words."
        ),
        click.option(
            "--min-count",
            type=int,
            default=Source.min_count,
            show_default=True,
            help="Minimum number of rows with a level or a word that becomes a feature; rarer levels share one feature.",
        ),
        click.option("--ranges", is_flag=True, help="Read a range such as 18-25 as a number, its middle."),
        click.option(
            "--day-first/--month-first",
            default=None,
            help="Whether 01/02/2024 is the first of February. [default: detected for each column]",
        ),
        click.option(
            "--date-parts",
            type=click.Choice(DATE_PARTS),
            default=Source.date_parts,
            show_default=True,
            help="Whether weekday, month and hour of a date are features; auto: if the label depends on them.",
        ),
        click.option(
            "--analyzer",
            type=click.Choice(ANALYZERS),
            help="What the features of text are: words, or characters. [default: words; characters where no blanks separate words]",
        ),
        click.option(
            "--ngrams",
            type=ListOf(click.INT, "MIN,MAX"),
            help="Number of words, or characters, in a row that make a feature of text. [default: 1,2; of characters 1,3]",
        ),
        click.option(
            "--clean-labels",
            is_flag=True,
            help="Treat labels that differ only in blanks, case or Unicode form, or as 1 and 1.0, as one.",
        ),
        weight_option,
        click.option("--group", metavar="COL", help="Column of groups: no group is on both sides of a split."),
        click.option(
            "--time",
            metavar="COL",
            help="Column of times: the last rows are the test rows, and folds go forward in time.",
        ),
    )
    return with_options(options, command)


def lenient_option(command: F) -> F:
    """--lenient; `source` collects it."""
    text = "Predict data that look unlike those of the training all the same, with a note."
    return click.option("--lenient", is_flag=True, help=text)(command)


def source(data: str, options: dict[str, Any]) -> Source:
    """The Source of DATA and the data options, which are removed from `options`."""
    given = {field.name: options.pop(field.name) for field in fields(Source) if field.name in options}
    for name in ("drop", "numeric", "category", "text", "na_values"):
        given[name] = column_names(given.get(name, ()))
    if given.get("sep") is not None:
        given["sep"] = TAB if given["sep"] in ("\\t", "tab") else given["sep"]
    return Source(data, header=not options.pop("no_header"), **given)


def source_words(given: Source) -> list[str]:
    """The data options as they are typed, without DATA: the inverse of `source`."""
    words: list[str] = []
    for field in fields(Source):
        value = getattr(given, field.name)
        if field.name == "data" or value == field.default:
            continue
        name = f"--{field.name.replace('_', '-')}"
        if field.name in _SWITCHES:
            words.append(_SWITCHES[field.name][not value])
        elif value is True:
            words.append(name)
        elif field.name == "ngrams":
            words += [name, ",".join(map(str, value))]
        else:
            words += [name, typed(*value) if isinstance(value, tuple) else str(value)]
    return words


def column_names(entries: Iterable[str]) -> tuple[str, ...]:
    """The columns named in the values of an option, each once; a name with a comma in it is in double quotes."""
    records = [record for entry in entries for record in csv.reader(io.StringIO(entry, newline=""))]
    return tuple(dict.fromkeys(name for record in records for name in record if name))


def cache_option(command: F) -> F:
    """--no-cache"""
    return click.option("--no-cache", is_flag=True, help="Parse DATA again, and do not cache it (see linclf cache).")(
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
    """Print notes on stderr, a line each."""
    for note in () if quiet else notes:
        click.echo(f"note: {one_line(note)}", err=True)


def say_threshold(model: LinearModel, quiet: bool) -> None:
    """Print on stderr that labels are by a threshold, if they are."""
    threshold = model.threshold_to_json()
    say([] if threshold is None else [threshold_note(threshold)], quiet)


def say_columns(columns: Sequence[Column] | None, quiet: bool) -> None:
    """Print on stderr how the columns of a table became features, unless all of them are numbers."""
    text = "" if quiet else columns_text(columns)
    if text:
        click.echo(printable(text) + "\n", err=True)


def arguments() -> list[str]:
    """The words typed after `linclf`."""
    return list(click.get_current_context().find_root().obj or ())


def wants_bar(quiet: bool) -> bool:
    """Whether to show a progress bar on stderr."""
    return not quiet and sys.stderr is not None and sys.stderr.isatty() and not os.environ.get("NO_COLOR")
