"""The training options are declared once: the command line, the sweep and the estimator have what their fields say."""

import importlib
import math
from dataclasses import asdict, fields, replace
from inspect import signature

import numpy as np
import pytest

from linclf import LinearClassifier
from linclf.errors import InputError
from linclf.losses import LOSSES
from linclf.optim.settings import check_settings
from linclf.sweep.grid import SWEPT
from linclf.training.options import OPTIONS, Option, TrainOptions

NUMBERS = [option for option in OPTIONS if option.number]


def options_of(command: str) -> dict:
    """The click options of a command by their long name."""
    module = importlib.import_module(f"linclf.cli.{command}")
    return {max(p.opts, key=len): p for p in getattr(module, command).params}


def flag_or_name(option: Option) -> str:
    return option.flag or f"--{option.dashed}"


def test_every_option_is_one_of_train_with_its_default() -> None:
    found = options_of("train")
    names = [flag_or_name(option) for option in OPTIONS]
    assert [name for name in found if name in names] == names
    for option in OPTIONS:
        typed = found[flag_or_name(option)]
        assert typed.help == option.help
        assert option.flag or typed.default == option.default


def test_a_sweep_takes_lists_of_some_options_and_single_values_of_others() -> None:
    found = options_of("sweep")
    for option in OPTIONS:
        assert (f"--{option.dashed}" in found or flag_or_name(option) in found) == (option.sweep is not None)
    assert tuple(option.name for option in OPTIONS if option.sweep == "list") == SWEPT
    assert SWEPT == ("loss", "reg", "lr", "momentum", "average", "class_weight", "scale", "batch_size")


def test_parameters_of_the_estimator_have_the_defaults_of_train() -> None:
    parameters = signature(LinearClassifier).parameters
    shared = {option.parameter: option.default for option in OPTIONS if option.parameter in parameters}
    assert {name: parameters[name].default for name in shared} == shared
    assert {"loss", "reg", "scale", "dtype", "random_state", "patience"} < set(shared)
    assert set(LinearClassifier._parameter_constraints) == set(parameters)
    for name in shared:
        assert f"    {name} : " in LinearClassifier.__doc__


@pytest.mark.parametrize("option", NUMBERS, ids=lambda option: option.name)
def test_bounds_are_those_that_the_engine_or_the_option_itself_checks(option: Option) -> None:
    step = 1 if option.number is int else 1e-9
    inside = [option.low + step * option.above_low, option.low + step, min(option.high - step, 5 if step == 1 else 0.5)]
    outside = [option.low - step, -math.inf, math.nan] + [option.low] * option.above_low
    outside += [option.high] if option.number is float else []

    def check(value: float) -> None:
        option.check(value)
        check_settings({option.name: value}, allow_auto=True)

    for value in inside:
        check(option.number(value))
    for value in outside:
        with pytest.raises(InputError, match=f"^{option.dashed} is .*; give a"):
            check(value)
    if option.auto:
        check("auto")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "svmm"}, "loss is 'svmm'; give one of svm, softmax, hinge"),
        ({"scale": "twice"}, "scale is 'twice'; give one of auto, standard, maxabs, none"),
        ({"dtype": "int8"}, "dtype is 'int8'; give one of float32, float64"),
        ({"schedule": "never"}, "schedule is 'never'; give one of linear, cosine, constant, invscaling"),
        ({"class_weight": "heavy"}, "class-weight is 'heavy'; give balanced, or a weight >= 0 for each class"),
        ({"calibrate": "platt"}, "calibrate is 'platt'; give one of sigmoid, isotonic, temperature"),
        ({"threshold": "f2"}, "threshold is 'f2'; give a number, f1, accuracy, .* or precision@recall=0.9"),
        (
            {"positive": "yes"},
            "--positive is the class that --threshold is on; give --threshold METRIC or a number too",
        ),
        ({"patience": 0, "val": "0.1"}, "patience is 0; give a whole number of epochs >= 1"),
        ({"patience": 3}, "--patience needs validation rows; give --val"),
        ({"certify": math.inf, "loss": "softmax"}, "certify is inf; give a percentage > 0, such as 1"),
        ({"certify": 1.0, "loss": "mse", "reg": 0}, "--certify needs a penalty"),
        ({"reg_bias": True, "bias": False}, "--reg-bias needs a bias; leave out --no-bias"),
        ({"test": "1"}, "--test is 1; give a fraction >= 0 and < 1"),
        ({"epochs": 1.5}, "epochs is 1.5; give a whole number >= 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrainOptions(**options)


def test_options_as_plain_data_have_the_name_of_the_loss() -> None:
    options = TrainOptions(loss="mse", val="0.2")
    assert options.to_dict() == asdict(options)
    custom = replace(options, loss=replace(LOSSES["mse"], name="mine.py:loss", function=np.sum))
    assert custom.to_dict() == {**asdict(options), "loss": "mine.py:loss"}
    assert (custom.loss_name, custom.loss_value().function) == ("mine.py:loss", np.sum)
    assert [*options.to_dict()] == [field.name for field in fields(options)]
