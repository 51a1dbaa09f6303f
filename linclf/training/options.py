"""The options of one run of training, as a frozen value that makes sense or is refused."""

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from linclf.data.scaling import SCALES
from linclf.data.source import Source
from linclf.data.split import HeldOut
from linclf.errors import InputError
from linclf.losses import LOSSES, Loss
from linclf.model.calibration import METHODS
from linclf.optim.certificate import DUALS
from linclf.optim.sgd import check_settings

DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class TrainOptions:
    """The options of `linclf train`; each means what `linclf train --help` says.

    Raises InputError for a value that makes no sense, before any data are read.
    """

    source: Source = field(default_factory=Source)
    test: HeldOut | None = None
    val: HeldOut | None = None
    loss: str | Loss = "svm"
    reg: float = 1e-4
    lr: float | str = "auto"
    epochs: int | str = "auto"
    batch_size: int = 64
    momentum: float | str = "auto"
    schedule: str = "linear"
    average: bool = False
    bias: bool = True
    reg_bias: bool = False
    scale: str = "auto"
    class_weight: str | None = None
    dtype: str = "float32"
    seed: int = 0
    patience: int | None = None
    calibrate: str | None = None
    certify: float | None = None

    def __post_init__(self) -> None:
        numbers = ("lr", "reg", "momentum", "epochs", "batch_size", "seed", "schedule")
        check_settings(**{name: getattr(self, name) for name in numbers})
        self.loss_value()
        for name, choices in (("scale", SCALES), ("dtype", DTYPES)):
            if getattr(self, name) not in choices:
                raise InputError(f"{name} is {getattr(self, name)!r}; give one of {', '.join(choices)}")
        for part in ("test", "val"):
            object.__setattr__(self, part, HeldOut.parse(getattr(self, part), part))
        if self.class_weight not in (None, "balanced"):
            raise InputError(f"class-weight is {self.class_weight!r}; give balanced, or leave it out")
        if self.calibrate not in (None, *METHODS):
            raise InputError(f"calibrate is {self.calibrate!r}; give one of {', '.join(METHODS)}")
        if self.reg_bias and not self.bias:
            raise InputError("reg-bias penalises the bias that no-bias leaves out; give one of the two")
        if self.patience is not None:
            if self.patience < 1:
                raise InputError(f"patience is {self.patience}; give a whole number of epochs >= 1")
            if not self.has_val():
                raise InputError(
                    "patience watches the validation accuracy; give --val DATA or a fraction, e.g. --val 0.1"
                )

        if self.certify is not None:
            self._check_certify(self.certify)

    def _check_certify(self, percent: float) -> None:
        if not 0 < percent < math.inf:
            raise InputError(f"certify is {percent}; give a percentage > 0, such as 1")
        if self.loss_name not in DUALS:
            raise InputError(
                f"certify needs a smooth loss, {', '.join(DUALS)}; the loss {self.loss_name} is none, leave --certify out"
            )
        if self.reg == 0:
            raise InputError("certify needs a penalty: the bound divides by reg; give a --reg > 0")

    @property
    def loss_name(self) -> str:
        """The name of the loss."""
        return self.loss.name if isinstance(self.loss, Loss) else self.loss

    def loss_value(self) -> Loss:
        """The loss itself. Raises InputError if there is none of this name."""
        if isinstance(self.loss, Loss):
            return self.loss
        if self.loss not in LOSSES:
            raise InputError(f"loss is {self.loss!r}; give one of {', '.join(LOSSES)}")
        return LOSSES[self.loss]

    def to_dict(self) -> dict[str, Any]:
        """The options as plain data, for records and reports: the loss is its name."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return values | {"source": asdict(self.source), "loss": self.loss_name}

    def has_val(self) -> bool:
        """Whether there is a validation part."""
        return self.val is not None and self.val.has_rows
