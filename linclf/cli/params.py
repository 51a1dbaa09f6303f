"""Types of command-line options: what is typed, and the value that it becomes."""

import csv
import math
from typing import Any

import click

from linclf.data.class_weights import ClassWeights
from linclf.data.split import HeldOut
from linclf.model.threshold import ThresholdRule

MOST_VALUES = 10_000  # of a range


class NumberOrAuto(click.ParamType[int | float | str]):
    """A number, or the word auto."""

    def __init__(self, kind: type[int] | type[float]) -> None:
        self.kind = kind
        self.name = "whole number or auto" if kind is int else "number or auto"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """INTEGER|auto or NUMBER|auto."""
        return f"{'INTEGER' if self.kind is int else 'NUMBER'}|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float | str:
        """The number or "auto". Raises click's usage error for anything else."""
        if value == "auto":
            return "auto"
        try:
            return self.kind(value)
        except ValueError:
            self.fail(f"{value!r} is not a {self.name}.", param, ctx)


class HeldOutType(click.ParamType[HeldOut | None]):
    """A fraction of the rows, or data of their own: the value of --test and --val."""

    name = "data or fraction"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """DATA|FRACTION."""
        return "DATA|FRACTION"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> HeldOut | None:
        """The value. Raises InputError for a number that is not a fraction."""
        return HeldOut.parse(str(value), param.name if param is not None and param.name else "test")


class LossName(click.Choice[str]):
    """One of the losses, or FILE.py:NAME."""

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """The names of the losses, and FILE.py:NAME."""
        return f"[{'|'.join(map(str, self.choices))}|FILE.py:NAME]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name as it was typed. Raises click's usage error for what is neither."""
        return value if isinstance(value, str) and ":" in value else super().convert(value, param, ctx)


class YesNo(click.ParamType[bool]):
    """yes or no, true or false, 1 or 0."""

    name = "yes or no"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        """True for yes. Raises click's usage error for what is neither."""
        try:
            return bool(click.BOOL.convert(str(value) or "?", param, ctx))
        except click.BadParameter:
            self.fail(f"{value!r} is neither yes nor no.", param, ctx)


class ClassWeightsType(click.ParamType[ClassWeights | None]):
    """The value of --class-weight, or none."""

    name = "class weights"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> ClassWeights | None:
        """The value, None for none. Raises InputError for one that is not understood."""
        return None if value == "none" else ClassWeights.parse(str(value))


class ThresholdType(click.ParamType[ThresholdRule | None]):
    """The value of --threshold."""

    name = "threshold"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> ThresholdRule | None:
        """The value. Raises InputError for one that is not understood."""
        return ThresholdRule.parse(str(value))


class ListOf(click.ParamType[tuple[object, ...]]):
    """Values separated by commas, each of the type `one`, in double quotes if it has a comma; with `ranges` also
    FROM:TO:COUNT, evenly spaced in the logarithm, both ends included."""

    name = "list"

    def __init__(self, one: click.ParamType[object], metavar: str, *, ranges: bool = False) -> None:
        self.one, self.metavar, self.ranges = one, metavar, ranges

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """How a list is typed."""
        return self.metavar

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[object, ...]:
        """The values; a TOML file may give a list. Raises click's usage error for a value of another type."""
        items = value if isinstance(value, list | tuple) else next(csv.reader([str(value)]), [""])
        found: list[object] = []
        for item in items:
            text = str(item).strip()
            if not text:
                self.fail(f"{value!r} has an empty value before or after a comma.", param, ctx)
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
