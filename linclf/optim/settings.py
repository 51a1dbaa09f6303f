"""The settings of SGD: learning rate, schedule, momentum, penalty, and their checks."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array

AUTO = ("lr", "reg", "momentum", "epochs")  # settings that options may give as "auto"
SCHEDULES: dict[str, Callable[[Array, Array], Array]] = {
    # (share of the run done, in [0, 1); epochs done), each (steps,) -> factors on lr (steps,)
    "linear": lambda done, _: 1 - done,
    "cosine": lambda done, _: (1 + np.cos(np.pi * done)) / 2,
    "constant": lambda done, _: np.ones_like(done),
    "invscaling": lambda _, epochs: 1 / np.sqrt(1 + epochs),
}


@dataclass(frozen=True)
class SGDSettings:
    """The settings of a run of SGD; each is a number here, never "auto".

    lr, reg, momentum   a number, or an array (*models,) with one for each model of a stack
    epochs, batch_size  whole numbers >= 1; a batch larger than the data is all of the data
    schedule            a name in SCHEDULES: how lr changes from step to step
    average             whether to return the mean of the weights over the second half of the steps
                        (suffix averaging: Rakhlin, Shamir & Sridharan, 2012) once that half has begun; or (*models,)
    fit_bias, reg_bias  whether there is a bias, and whether the penalty includes it
    seed                seeds the Generator that shuffles the rows

    Raises InputError for a value that makes no sense.
    """

    lr: float | Array
    reg: float | Array = 1e-4
    epochs: int = 10
    batch_size: int = 64
    momentum: float | Array = 0.9
    schedule: str = "linear"
    average: bool | Array = False
    fit_bias: bool = True
    reg_bias: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        check_settings({field.name: getattr(self, field.name) for field in fields(self)}, allow_auto=False)


def check_settings(settings: dict[str, object], *, allow_auto: bool) -> None:
    """Check settings of SGD by name; those that are absent are not checked.

    Raises InputError with the value and what would be valid.
    """
    for name, low, high, hint in (
        ("lr", math.ulp(0), math.inf, "a finite number > 0, or auto"),
        ("reg", 0, math.inf, "a finite number >= 0, or auto; 0 means no penalty"),
        ("momentum", 0, 1, "a number >= 0 and < 1; 0 means none"),
    ):
        number = settings.get(name, low)
        if isinstance(number, str):
            valid = allow_auto and name in AUTO and number == "auto"
        else:
            valid = bool(np.all((np.asarray(number) >= low) & (np.asarray(number) < high)))
        if not valid:
            raise InputError(f"{name} is {number}; give {hint}")
    for name, least in (("epochs", 1), ("batch_size", 1), ("seed", 0)):
        count = settings.get(name, least)
        is_count = isinstance(count, int) and not isinstance(count, bool) and count >= least
        if not is_count and not (allow_auto and name in AUTO and count == "auto"):
            raise InputError(f"{name.replace('_', '-')} is {count}; give a whole number >= {least}")
    if settings.get("schedule", "linear") not in SCHEDULES:
        raise InputError(f"schedule is {settings['schedule']!r}; give one of {', '.join(SCHEDULES)}")
