"""--config FILE: defaults of options from a TOML file."""

import difflib
import tomllib
from collections.abc import Callable
from typing import TypeVar

import click

from linclf.cli.params import HeldOutType, ListOf, NumberOrAuto, ThresholdType
from linclf.errors import InputError
from linclf.storage.files import read_bytes

F = TypeVar("F", bound=Callable[..., object])

CONFIG = "linclf.config"  # the key of the path of --config in click's context


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
    content = read_bytes(path)
    try:
        tables = tomllib.loads(content.decode("utf-8"))
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
    """The values that a TOML file may give an option, in words and as types."""
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
    if isinstance(number, click.types.FloatParamType):
        return f"a number{or_auto}", (int, float, *fits)
    if isinstance(option.type, HeldOutType):
        return "a fraction or a string", (int, float, str)
    if isinstance(option.type, ThresholdType):
        return "a number or a string", (int, float, str)
    return "a string", (str,)


def _spelling(parameter: click.Parameter) -> str:
    """The name of a parameter in a file: its long option without the dashes."""
    return max(parameter.opts, key=len).lstrip("-")
