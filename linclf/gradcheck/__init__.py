"""Checks whether a gradient is right by comparing it with differences, and diagnoses likely mistakes."""

from linclf.gradcheck.builtin import LossCheck, check_losses
from linclf.gradcheck.checker import check_gradient
from linclf.gradcheck.custom_loss import checked_loss, load_loss, with_dtypes
from linclf.gradcheck.diagnosis import Diagnosis
from linclf.gradcheck.forms import KINDS
from linclf.gradcheck.load import load_function
from linclf.gradcheck.result import Coordinate, GradientCheck

__all__ = [
    "KINDS",
    "Coordinate",
    "Diagnosis",
    "GradientCheck",
    "LossCheck",
    "check_gradient",
    "check_losses",
    "checked_loss",
    "load_function",
    "load_loss",
    "with_dtypes",
]
