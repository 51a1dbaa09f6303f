"""What several commands share: option types, data options, --config, and words on stderr."""

import csv
import difflib
import io
import math
import os
import sys
import tomllib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from linclf.data.cache import Cache, user_cache
from linclf.data.columns.infer import Column
from linclf.data.readers.registry import FORMATS
from linclf.data.source import Source
from linclf.errors import InputError
from linclf.optim.sgd import SCHEDULES
from linclf.report.terminal import one_line, printable
from linclf.report.text import columns_text
from linclf.storage.files import check_outputs, read_bytes
from linclf.storage.signals import Terminated
from linclf.training.options import DTYPES, TrainOptions

F = TypeVar("F", bound=Callable[..., Any])


MOST_VALUES = 10_000  # of a range
COLUMNS: dict[str, Any] = {"metavar": "COL", "multiple": True}


class NumberOrAuto(click.ParamType[int | float | str]):
    """A number, or the word auto."""

    def __init__(self, kind: type[int] | type[float]) -> None:
        self.kind = kind
        self.name = "whole number or auto" if kind is int else "number or auto"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """NUMBER|auto: the word as it is typed."""
        return f"{'INTEGER' if self.kind is int else 'NUMBER'}|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float | str:
        """The number or "auto"; click's usage error otherwise."""
        if value == "auto":
            return "auto"
        try:
            return self.kind(value)
        except ValueError:
            self.fail(f"{value!r} is not a {self.name}.", param, ctx)


class LossName(click.Choice[str]):
    """One of the losses, or FILE.py:NAME."""

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """The choices, and what else is typed."""
        return f"[{'|'.join(map(str, self.choices))}|FILE.py:NAME]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name; click's usage error for what is neither."""
        return value if isinstance(value, str) and ":" in value else super().convert(value, param, ctx)


class YesNo(click.ParamType[bool]):
    """yes or no, true or false, 1 or 0."""

    name = "yes or no"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        """True for yes; click's usage error for what is neither."""
        try:
            return bool(click.BOOL.convert(str(value) or "?", param, ctx))
        except click.BadParameter:
            self.fail(f"{value!r} is neither yes nor no.", param, ctx)


class ListOf(click.ParamType[tuple[Any, ...]]):
    """Values separated by commas, each of one type; with `ranges` also FROM:TO:COUNT, evenly spaced in the logarithm, both
    ends included."""

    name = "list"

    def __init__(self, one: click.ParamType[Any], metavar: str, *, ranges: bool = False) -> None:
        self.one, self.metavar, self.ranges = one, metavar, ranges

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """What is typed."""
        return self.metavar

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """The values, in a tuple; click's usage error for one that does not fit. A TOML file may give a list."""
        items = value if isinstance(value, list | tuple) else str(value).split(",")
        found: list[Any] = []
        for item in items:
            text = str(item).strip()
            if not text:
                self.fail(f"{value!r} has an empty value between or beside its commas.", param, ctx)
            if ":" in text and self.ranges:
                found += self._range(text, param, ctx)
            else:
                found.append(self.one.convert(text, param, ctx))
        return tuple(found)

    def _range(self, text: str, param: click.Parameter | None, ctx: click.Context | None) -> list[float]:
        try:
            first, last, count = text.split(":")
            low, high, n = float(first), float(last), int(count)
        except ValueError:
            low = high = n = 0
        if not (0 < low < math.inf and 0 < high < math.inf and 2 <= n <= MOST_VALUES):
            hint = f"a range is FROM:TO:COUNT, numbers > 0 and at most {MOST_VALUES} values, such as 1e-6:1e-1:6"
            self.fail(f"{text!r} is not understood; {hint}.", param, ctx)
        logs = [math.log(low) + (math.log(high) - math.log(low)) * i / (n - 1) for i in range(1, n - 1)]
        return [low, *(float(f"{math.exp(log):.12g}") for log in logs), high]  # 1e-05, not 9.999999999999999e-06


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


CONFIG = "linclf.config"  # where click's context keeps the path of --config


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
        click.option("--format", type=click.Choice(FORMATS), help="Format of the file. [default: by its suffix]"),
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


def config_option(command: F) -> F:
    """--config FILE: defaults for the command's options from the TOML table of its name."""
    return click.option(
        "--config",
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=_load_config,
        help="Read options from a TOML file, a table per command; flags and environment come first.",
    )(command)


def _load_config(ctx: click.Context, param: click.Parameter, path: str | None) -> None:
    if path is None:
        return
    ctx.meta[CONFIG] = path
    try:
        tables = tomllib.loads(read_bytes(path).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not TOML: {error}") from None
    commands = (
        ctx.parent.command.list_commands(ctx) if ctx.parent and isinstance(ctx.parent.command, click.Group) else []
    )
    for name, table in tables.items():
        if name not in commands or not isinstance(table, dict):
            raise InputError(
                f"{path}: {name!r} is not the table of a command; the tables are [{'], ['.join(commands)}]"
            )
    ctx.default_map = {}
    known = {_spelling(p): p for p in ctx.command.params if isinstance(p, click.Option) and p.name != "config"}
    for key, value in tables.get(ctx.info_name or "", {}).items():
        option = known.get(key.replace("_", "-"))
        if option is None or option.name is None:
            near = difflib.get_close_matches(key, known, 1, 0)
            raise InputError(f"{path}: [{ctx.info_name}] has no option {key!r}; did you mean {near[0]!r}?")
        wanted, fits = _toml_types(option)
        values = value if option.multiple and isinstance(value, list) else [value]
        if not all(type(item) in fits for item in values):
            raise InputError(f"{path}: [{ctx.info_name}] {key} is {value!r}; give {wanted}")
        ctx.default_map[option.name] = values if option.multiple else value


def _toml_types(option: click.Option) -> tuple[str, tuple[type, ...]]:
    """What a TOML file may hold for an option, in words and as types."""
    if option.is_flag:
        return "true or false", (bool,)
    if option.multiple:
        return "a string or a list of strings", (str,)
    if isinstance(option.type, ListOf):
        return "a value, a list of values or a string", (str, int, float, bool, list)
    number, or_auto = option.type, ""
    if isinstance(option.type, NumberOrAuto):
        number, or_auto = (click.INT if option.type.kind is int else click.FLOAT), " or 'auto'"
    fits: tuple[type, ...] = (str,) if or_auto else ()
    if isinstance(number, click.types.IntParamType):
        return f"a whole number{or_auto}", (int, *fits)
    if number is click.FLOAT:
        return f"a number{or_auto}", (int, float, *fits)
    if "FRACTION" in (option.metavar or ""):
        return "a fraction or a string", (int, float, str)
    return "a string", (str,)


def _spelling(parameter: click.Parameter) -> str:
    """What a parameter is called in a file: its long option without the dashes."""
    return max(parameter.opts, key=len).lstrip("-")


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
