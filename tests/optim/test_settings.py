import math

import numpy as np
import pytest

from linclf.errors import InputError
from linclf.optim.settings import AUTO, SCHEDULES, SGDSettings, check_settings

VALID = {
    "lr": (math.ulp(0), 0.5, 1e300, np.array([0.1, 2])),
    "reg": (0, 0.0, 0.5, 1e308, np.array([0.0, 1])),
    "momentum": (0, 0.0, 0.5, math.nextafter(1, 0), np.array([0.0, 0.9])),
    "epochs": (1, 10**6),
    "batch_size": (1, 10**6),
    "seed": (0, 10**6),
    "schedule": tuple(SCHEDULES),
}
POSITIVE, NOT_NEGATIVE = (
    "; give a finite number > 0, or auto",
    "; give a finite number >= 0, or auto; 0 means no penalty",
)
BELOW_ONE, WHOLE = "; give a number >= 0 and < 1; 0 means none", "; give a whole number >= "
INVALID = [
    ("lr", 0.0, "lr is 0.0" + POSITIVE),
    ("lr", math.inf, "lr is inf" + POSITIVE),
    ("lr", math.nan, "lr is nan" + POSITIVE),
    ("lr", "fast", "lr is fast" + POSITIVE),
    ("lr", np.array([0.1, -1]), "lr is [ 0.1 -1. ]" + POSITIVE),
    ("reg", -1e-9, "reg is -1e-09" + NOT_NEGATIVE),
    ("reg", math.inf, "reg is inf" + NOT_NEGATIVE),
    ("reg", math.nan, "reg is nan" + NOT_NEGATIVE),
    ("reg", "none", "reg is none" + NOT_NEGATIVE),
    ("reg", np.array([1, math.inf]), "reg is [ 1. inf]" + NOT_NEGATIVE),
    ("momentum", -1e-9, "momentum is -1e-09" + BELOW_ONE),
    ("momentum", 1.0, "momentum is 1.0" + BELOW_ONE),
    ("momentum", np.array([0.5, 1]), "momentum is [0.5 1. ]" + BELOW_ONE),
    ("epochs", 0, "epochs is 0" + WHOLE + "1"),
    ("epochs", "ten", "epochs is ten" + WHOLE + "1"),
    ("batch_size", 0, "batch-size is 0" + WHOLE + "1"),
    ("batch_size", 2.5, "batch-size is 2.5" + WHOLE + "1"),
    ("seed", -1, "seed is -1" + WHOLE + "0"),
    ("schedule", "steep", "schedule is 'steep'; give one of linear, cosine, constant, invscaling"),
]


@pytest.mark.parametrize("name", VALID)
def test_settings_up_to_their_bounds_are_accepted(name: str) -> None:
    for value in VALID[name]:
        assert getattr(SGDSettings(**{"lr": 0.1, name: value}), name) is value
        for allow_auto in (False, True):
            check_settings({name: value}, allow_auto=allow_auto)
    check_settings({}, allow_auto=False)


@pytest.mark.parametrize(
    ("name", "value", "message"), INVALID, ids=[message.split(";")[0] for _, _, message in INVALID]
)
def test_settings_beyond_their_bounds_are_refused(name: str, value: object, message: str) -> None:
    for refuse in (
        lambda: SGDSettings(**{"lr": 0.1, name: value}),
        lambda: check_settings({name: value}, allow_auto=False),
        lambda: check_settings({name: value}, allow_auto=True),
    ):
        with pytest.raises(InputError) as refused:
            refuse()
        assert str(refused.value) == message


@pytest.mark.parametrize("name", ["lr", "reg", "momentum", "epochs", "batch_size", "seed"])
def test_auto_is_accepted_only_where_it_is_allowed(name: str) -> None:
    if name in AUTO:
        check_settings({name: "auto"}, allow_auto=True)
    else:
        with pytest.raises(InputError):
            check_settings({name: "auto"}, allow_auto=True)
    for refuse in (
        lambda: SGDSettings(**{"lr": 0.1, name: "auto"}),
        lambda: check_settings({name: "auto"}, allow_auto=False),
    ):
        with pytest.raises(InputError, match=f"{name.replace('_', '-')} is auto; give a"):
            refuse()


def test_defaults() -> None:
    assert SGDSettings(0.5) == SGDSettings(0.5, 1e-4, 10, 64, 0.9, "linear", False, True, False, 0)


def test_schedules_are_factors_of_the_share_that_is_done_and_of_the_epochs() -> None:
    share, epochs = np.array([0, 0.25, 0.5, 0.75]), np.array([0.0, 1, 3, 8])
    factors = {
        "linear": [1, 0.75, 0.5, 0.25],
        "cosine": [1, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2],
        "constant": [1, 1, 1, 1],
        "invscaling": [1, 0.5**0.5, 0.5, 1 / 3],
    }
    assert SCHEDULES.keys() == factors.keys()
    for name, schedule in SCHEDULES.items():
        np.testing.assert_allclose(schedule(share, epochs), factors[name], rtol=1e-12)


def test_truth_values_are_no_counts() -> None:
    with pytest.raises(InputError, match="epochs is True; give a whole number >= 1"):
        SGDSettings(0.5, epochs=True)
