"""The options of `linclf train` and `linclf sweep` that are made from the fields of TrainOptions."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from linclf.cli.params import ClassWeightsType, HeldOutType, ListOf, LossName, NumberOrAuto, ThresholdType, YesNo
from linclf.cli.shared import with_options
from linclf.data.class_weights import ClassWeights
from linclf.data.split import HeldOut
from linclf.losses import Loss
from linclf.model.threshold import ThresholdRule
from linclf.training.options import OPTIONS, Option

F = TypeVar("F", bound=Callable[..., object])


def train_options(command: F) -> F:
    """All training options, in the order of the fields."""
    return with_options([single(option) for option in OPTIONS], command)


def sweep_options(command: F) -> F:
    """The training options of a sweep: those of which it takes a list, then those that all configurations share."""
    lists = [list_of_values(option) for option in OPTIONS if option.sweep == "list"]
    shared = [single(option, option.sweep_help) for option in OPTIONS if option.sweep == "single"]
    return with_options([*lists, *shared], command)


def test_option(command: F) -> F:
    """--test, as of `linclf train`."""
    return with_options([single(option) for option in OPTIONS if option.name == "test"], command)


def values_of(options: dict[str, Any]) -> dict[str, Any]:
    """The training options among those of a command, by field; a flag that turns a default off is turned round."""
    values = {option.name: options[option.name] for option in OPTIONS if option.name in options}
    off = [option for option in OPTIONS if option.flag and option.default and f"no_{option.name}" in options]
    return values | {option.name: not options[f"no_{option.name}"] for option in off}


def single(option: Option, help: str | None = None) -> Callable[[F], F]:
    """The click option of one value."""
    if option.flag:
        return click.option(option.flag, is_flag=True, help=help or option.help)
    return click.option(
        f"--{option.dashed}",
        type=_type(option),
        default=option.default,
        show_default=True,
        metavar=option.metavar,
        help=help or option.help,
    )


def list_of_values(option: Option) -> Callable[[F], F]:
    """The click option of a list of values, as `linclf sweep` takes them."""
    default = "none" if option.default is None else "no" if option.default is False else str(option.default)
    alone: dict[str, Any] = {"is_flag": False, "flag_value": "yes"} if option.flag else {}  # --average is --average yes
    return click.option(
        f"--{option.dashed}",
        type=_list_type(option),
        default=option.sweep_default or default,
        show_default=True,
        help=option.sweep_help or option.help,
        **alone,
    )


def _type(option: Option) -> click.ParamType[object]:
    """The click type of one value."""
    if HeldOut in option.types:
        return HeldOutType()
    if ClassWeights in option.types:
        return ClassWeightsType()
    if ThresholdRule in option.types:
        return ThresholdType()
    if option.choices:
        return LossName(option.choices) if Loss in option.types else click.Choice(option.choices)
    if str in option.types and not option.auto:
        return click.STRING
    if option.number is None:
        raise TypeError(f"{option.name}: no click type for {option.types}")
    return NumberOrAuto(option.number) if option.auto else click.INT if option.number is int else click.FLOAT


def _list_type(option: Option) -> ListOf:
    """The click type of a list of values."""
    if option.flag:
        return ListOf(YesNo(), "no|yes|no,yes")
    if ClassWeights in option.types:
        return ListOf(ClassWeightsType(), 'none|balanced|"CLASS=WEIGHT,...",...')
    if option.choices:
        return ListOf(click.Choice(option.choices), f"{option.dashed},...".upper())
    metavar = "N,..." if option.number is int else "NUMBER,...|FROM:TO:COUNT"
    return ListOf(_type(option), f"auto|{metavar}" if option.auto else metavar, ranges=option.number is float)
