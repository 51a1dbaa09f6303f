"""Fixtures of the fault tests."""

import numpy as np
import pytest

from linclf.data.schema import Schema
from linclf.model.linear_model import LinearModel


@pytest.fixture
def tried(record_property):
    """Record how many inputs, kills or cuts a test tried; `scripts/faults.py` adds them up."""
    return lambda count: record_property("tried", count)


@pytest.fixture
def models():
    """The contents of two small model files of the same size: the old one, and the new one that is saved over it."""

    def content(value: float) -> bytes:
        features = Schema(3, ("a", "b", "c"), False, "csv", True, "label")
        weight, bias = np.full((3, 1), value), np.array([value])
        return LinearModel(weight, bias, np.array(["no", "yes"]), "hinge", features, {"data": {}}).to_bytes()

    return content(1.0), content(2.0)
