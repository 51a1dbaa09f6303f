"""What to sweep: lists of values, and every combination of them as a configuration."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any

from linclf.errors import InputError
from linclf.losses import Loss
from linclf.model.metrics import METRICS
from linclf.training.options import OPTIONS, TrainOptions
from linclf.training.selection import check_needs

SWEPT = tuple(option.name for option in OPTIONS if option.sweep == "list")
MAX_CONFIGURATIONS, MAX_MEMORY = 100_000, 1e12
NO_HELD_OUT = "a sweep compares configurations on held-out rows; give --cv K or --val DATA or a fraction"


@dataclass(frozen=True, eq=False)
class SweepOptions:
    """What to sweep.

    base        the options that all configurations share
    lists       the values of names in SWEPT; every combination is a configuration
    metric      the name of the metric that rows are scored by, None for the default of linclf.training.selection
    cv          the number of folds, None with a validation part (base.val, or that of the data)
    halving     whether, after an eighth, a quarter and a half of the epochs, a stack drops those configurations of its worse
                half that are more than a standard error behind its best
    seeds       the number of seeds, from base.seed on: a row is the mean over them
    max_memory  megabytes for models in training, of all jobs together and in addition to the data

    Raises InputError for a value that makes no sense, before any data are read.
    """

    base: TrainOptions = field(default_factory=TrainOptions)
    lists: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    cv: int | None = 5
    halving: bool = False
    max_memory: float = 1024.0
    metric: str | None = None
    seeds: int = 1

    def __post_init__(self) -> None:
        if self.cv is not None and self.base.val is not None:
            raise InputError("--cv and --val both hold rows out; give one of the two")
        if self.cv is None and not self.base.may_have_val():
            raise InputError(NO_HELD_OUT)
        if self.cv is not None and self.cv < 2:
            raise InputError(f"cv is {self.cv}; give a whole number of folds >= 2")
        if self.seeds < 1:
            raise InputError(f"seeds is {self.seeds}; give a whole number of seeds >= 1")
        if not 0 < self.max_memory < MAX_MEMORY:
            raise InputError(f"max-memory is {self.max_memory:g}; give a number of megabytes > 0")
        for name, values in self.lists.items():
            if not values:
                raise InputError(f"{name.replace('_', '-')} has no value; give at least one")
        count = math.prod(len(values) for values in self.lists.values())
        if count > MAX_CONFIGURATIONS:
            raise InputError(f"{count} configurations are more than {MAX_CONFIGURATIONS}; give fewer values")
        if self.metric is not None and self.metric not in METRICS:
            raise InputError(f"metric is {self.metric!r}; give one of {', '.join(METRICS)}")
        check_needs("metric", self.metric, self.losses)  # each configuration is checked, too
        if "auto" in self.lists.get("reg", (self.base.reg,)):
            raise InputError(
                "reg auto holds out rows of its own; a sweep compares strengths, such as 1e-4,1e-3: give numbers"
            )

    @property
    def losses(self) -> list[Loss]:
        """The losses, each once."""
        return list({one.loss_name: one.loss_value() for one in self.configurations}.values())

    @cached_property
    def configurations(self) -> tuple[TrainOptions, ...]:
        """All combinations, the last list changing fastest."""
        names = [name for name in SWEPT if name in self.lists]
        values = [dict.fromkeys(self.lists[name]) for name in names]
        return tuple(replace(self.base, **dict(zip(names, chosen, strict=True))) for chosen in product(*values))
