"""The training options, each declared once: `linclf train`, the lists of `linclf sweep` and the parameters of
LinearClassifier are made from the fields of `TrainOptions`.

To add an option: a field here; a field of the same name in the engine's settings, with its check; its use in the engine;
and, if the estimator takes it, a line there.
"""

import math
from dataclasses import asdict, dataclass, field, fields
from types import NoneType
from typing import Any, Literal, get_args

from linclf.data.class_weights import ClassWeights
from linclf.data.readers.registry import may_have_parts
from linclf.data.scaling import SCALES
from linclf.data.source import Source
from linclf.data.split import HeldOut
from linclf.errors import InputError
from linclf.losses import LOSSES, Loss
from linclf.model.calibration import METHODS
from linclf.model.metrics import METRICS
from linclf.model.threshold import ThresholdRule
from linclf.optim.certificate import CERTIFIABLE
from linclf.optim.settings import SCHEDULES, check_settings
from linclf.storage.decode import JsonObject
from linclf.training.selection import check_needs

DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Option:
    """A training option, described for the command line, the sweep and the estimator.

    name      the name of its field in `TrainOptions`; `class_weight` is `--class-weight` on the command line
    default   the value of `linclf train`
    types     the types that its value may have: (float, str) is a number or the word auto
    help      what it does: the text of `--help` and of the estimator's docstring
    choices   the words that it may be, () for no such list
    low       the least number, or with `above_low` the number that it must be larger than
    high      the number that it must be smaller than
    hint      the end of the message that refuses a number; None for numbers that the engine checks (`check_settings`)
    metavar   how `--help` writes its value, None for the usual way
    sweep     how `linclf sweep` takes it: "list", a list of which every value is tried; "single", one value for all
              configurations; None, not at all
    sweep_default, sweep_help   of a list or a single value, where they differ from those of `linclf train`
    parameter   the name of the parameter of LinearClassifier, if it has one
    """

    name: str
    default: object
    types: tuple[type, ...]
    help: str
    choices: tuple[str, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    above_low: bool = False
    hint: str | None = None
    metavar: str | None = None
    sweep: Literal["list", "single"] | None = "single"
    sweep_default: str | None = None
    sweep_help: str | None = None
    parameter: str = ""

    @property
    def number(self) -> type[int] | type[float] | None:
        """The type of its numbers, None if it is not a number."""
        return next((kind for kind in (int, float) if kind in self.types), None)

    @property
    def auto(self) -> bool:
        """Whether the word auto may be given instead of a number."""
        return self.number is not None and str in self.types

    @property
    def type_text(self) -> str:
        """The type of its values as docstrings write it."""
        if self.choices:
            kind = "{" + ", ".join(f'"{word}"' for word in self.choices) + "}"
        else:
            kind = "bool" if self.types == (bool,) else self.number.__name__ if self.number else "str"
        return kind + ' or "auto"' * self.auto + " or None" * (NoneType in self.types)

    @property
    def flag(self) -> str | None:
        """The flag of a yes-or-no option that turns its default off or on; None for any other option."""
        if self.types != (bool,):
            return None
        return f"--no-{self.dashed}" if self.default else f"--{self.dashed}"

    @property
    def dashed(self) -> str:
        """The name as it is typed and as messages write it."""
        return self.name.replace("_", "-")

    def check(self, value: Any) -> None:
        """Raise InputError for a value that is not one of the choices, or a number out of bounds that has a hint."""
        if value is None and NoneType in self.types:
            return
        if self.choices and not isinstance(value, Loss) and value not in self.choices:
            wanted = f"one of {', '.join(self.choices)}" if self.choices[1:] else f"{self.choices[0]}, or leave it out"
            raise InputError(f"{self.dashed} is {value!r}; give {wanted}")
        if self.hint is not None:
            enough = value > self.low if self.above_low else value >= self.low
            if not (enough and value < self.high):
                raise InputError(f"{self.dashed} is {value}; give {self.hint}")


def about(help: str, **details: object) -> dict[str, object]:
    """The metadata of a field of TrainOptions: the attributes of `Option`, without those that the field itself has."""
    return {"help": help, **details}


@dataclass(frozen=True)
class TrainOptions:
    """The options of `linclf train`: `source` says where the data come from, the other fields are described below.

    Raises InputError for a value that makes no sense, before any data are read.
    """

    source: Source = field(default_factory=Source)
    loss: str | Loss = field(
        default="softmax",
        metadata=about(
            "Loss to minimise; FILE.py:NAME is a custom loss (docs/python.md).",
            choices=tuple(LOSSES),
            sweep="list",
            sweep_help=f"Loss to minimise: {', '.join(LOSSES)}.",
        ),
    )
    reg: float | str = field(
        default="auto",
        metadata=about(
            "L2 regularization strength (weight decay): reg/2 * ||W||^2; auto: by cross-validation on the training rows.",
            low=0,
            sweep="list",
            sweep_default="1e-6:1e-1:6",
            sweep_help="L2 strengths; a range is evenly spaced in the logarithm.",
        ),
    )
    lr: float | str = field(
        default="auto",
        metadata=about(
            "Learning rate of the first step; auto estimates it from a sample of the rows.",
            low=0,
            above_low=True,
            sweep="list",
            sweep_help="Learning rates of the first step; auto estimates one for each configuration and fold.",
        ),
    )
    momentum: float | str = field(
        default="auto",
        metadata=about(
            "Momentum coefficient; auto: 0.9, on sparse data 0 (there momentum costs O(d) a step).",
            low=0,
            high=1,
            sweep="list",
            sweep_help="Momentum coefficients; auto: 0.9, on sparse data 0.",
        ),
    )
    average: bool = field(
        default=False,
        metadata=about("Average the weights over the second half of the run.", sweep="list"),
    )
    class_weight: ClassWeights | None = field(
        default=None,
        metadata=about(
            "Weights of the classes in the loss: balanced, inversely to their size; or by name, such as yes=5,no=1.",
            metavar="balanced|CLASS=WEIGHT,...",
            sweep="list",
        ),
    )
    scale: str = field(
        default="auto",
        metadata=about(
            "Column scaling, folded into the weights; auto: standard, on sparse data none.",
            choices=SCALES,
            sweep="list",
            sweep_help=f"Column scaling: {', '.join(SCALES)}; auto: standard, on sparse data none.",
        ),
    )
    batch_size: int = field(default=64, metadata=about("Rows per minibatch.", low=1, sweep="list"))
    epochs: int | str = field(
        default="auto",
        metadata=about("Passes over the data; auto: 10, or as many as give 2000 minibatches, at most 1000.", low=1),
    )
    finish: str = field(
        default="auto",
        metadata=about(
            "Steps over all rows, where the data are not large; auto: until the objective is within 0.1 % of the optimum, from zero "
            "weights (svm, hinge, crammer-singer: nearer it, after SGD), unless --epochs or validation rows are given; no: SGD alone.",
            choices=("auto", "no"),
            sweep=None,
        ),
    )
    schedule: str = field(
        default="linear",
        metadata=about("How the learning rate changes over the run.", choices=tuple(SCHEDULES)),
    )
    bias: bool = field(default=True, metadata=about("Train without a bias.", parameter="fit_bias"))
    reg_bias: bool = field(default=False, metadata=about("Penalise the bias too."))
    dtype: str = field(default="float32", metadata=about("Precision of training.", choices=DTYPES))
    seed: int = field(
        default=0,
        metadata=about("Seed of the split and of the order of the rows.", low=0, parameter="random_state"),
    )
    test: HeldOut | None = field(
        default=None,
        metadata=about("Test part; 0 trains on all rows. [default: the data's own, else 0.2]"),
    )
    val: HeldOut | None = field(
        default=None,
        metadata=about(
            "Validation part, a fraction of the rows that the test part leaves; the weights of the epoch that is best on it are used.",
            sweep_help="Score on a validation part instead, a fraction of the rows that the test part leaves; each "
            "configuration is scored at its best epoch.",
        ),
    )
    val_metric: str | None = field(
        default=None,
        metadata=about(
            f"Metric on the validation part by which an epoch is the best: {', '.join(METRICS)} (docs/metrics.md). [default: "
            "log-loss if the loss has probabilities, else balanced-accuracy if the classes are uneven, else accuracy]",
            choices=tuple(METRICS),
            metavar="NAME",
            sweep=None,
        ),
    )
    patience: int | None = field(
        default=None,
        metadata=about(
            "Stop after N epochs that are not better on the validation part.",
            low=1,
            hint="a whole number of epochs >= 1",
            metavar="N",
            sweep=None,
        ),
    )
    calibrate: str | None = field(
        default=None,
        metadata=about(
            "Learn probabilities from held-out rows: the validation part, else a fifth of the training rows.",
            choices=METHODS,
            sweep=None,
        ),
    )
    threshold: ThresholdRule | None = field(
        default=None,
        metadata=about(
            "Predict by a threshold instead of the most probable class, for two classes. It is a number, or learned from "
            "held-out rows, as for --calibrate: accuracy, balanced-accuracy, f1, macro-f1, a cost such as fp=1,fn=5, "
            "recall@precision=0.9 or precision@recall=0.9.",
            metavar="METRIC|NUMBER",
            sweep=None,
        ),
    )
    positive: str | None = field(
        default=None,
        metadata=about(
            "Class whose probability, or score, --threshold compares. [default: the second of the sorted classes]",
            metavar="CLASS",
            sweep=None,
            parameter="pos_label",
        ),
    )
    certify: float | None = field(
        default=None,
        metadata=about(
            "Take steps over all rows until the objective is proven to be within PERCENT of the optimum.",
            low=0,
            above_low=True,
            hint="a percentage > 0, such as 1",
            metavar="PERCENT",
            sweep=None,
        ),
    )

    def __post_init__(self) -> None:
        check_settings({one.name: getattr(self, one.name) for one in OPTIONS}, allow_auto=True)
        for one in OPTIONS:
            one.check(getattr(self, one.name))
        object.__setattr__(self, "class_weight", ClassWeights.parse(self.class_weight))
        object.__setattr__(self, "threshold", ThresholdRule.parse(self.threshold))
        for part in ("test", "val"):
            object.__setattr__(self, part, HeldOut.parse(getattr(self, part), part))
        if self.reg_bias and not self.bias:
            raise InputError("--reg-bias needs a bias; leave out --no-bias")
        if self.patience is not None or self.val_metric is not None:
            self.check_val(self.may_have_val())
        check_needs("val-metric", self.val_metric, [self.loss_value()])
        if self.positive is not None and self.threshold is None:
            raise InputError("--positive is the class that --threshold is on; give --threshold METRIC or a number too")
        if self.certify is not None:
            if self.loss_name not in CERTIFIABLE:
                raise InputError(f"--certify proves nothing about a custom loss; use one of {', '.join(CERTIFIABLE)}")
            if self.reg == 0:
                raise InputError("--certify needs a penalty, as the bound divides by reg; give a --reg > 0")

    @property
    def loss_name(self) -> str:
        """The name of the loss."""
        return self.loss.name if isinstance(self.loss, Loss) else self.loss

    def loss_value(self) -> Loss:
        """The loss itself."""
        return self.loss if isinstance(self.loss, Loss) else LOSSES[self.loss]

    @property
    def strength(self) -> float:
        """The strength of the penalty, once it is known: `auto` is replaced before anything is trained."""
        if isinstance(self.reg, str):
            raise TypeError("reg is still auto")
        return self.reg

    def has_val(self) -> bool:
        """Whether there is a validation part."""
        return self.val is not None and self.val.has_rows

    def may_have_val(self) -> bool:
        """Whether there is a validation part, or the data may bring one."""
        return self.has_val() or (self.val is None and may_have_parts(self.source))

    def check_val(self, has_val: bool) -> None:
        """Raise InputError for an option that needs validation rows where there are none."""
        for name, value in (("patience", self.patience), ("val-metric", self.val_metric)):
            if value is not None and not has_val:
                raise InputError(f"--{name} needs validation rows; give --val DATA or a fraction, e.g. --val 0.1")

    def learns_from_held_out(self) -> bool:
        """Whether a calibration or a threshold is learned from rows that are not trained on."""
        learned = self.threshold is not None and self.threshold.number is None
        return learned or self.calibrate is not None

    def to_dict(self) -> JsonObject:
        """The options as plain data, for records and reports; the loss is given by its name."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return values | {"source": asdict(self.source), "loss": self.loss_name}


def _options() -> tuple[Option, ...]:
    """The fields of TrainOptions that are options, in their order."""
    described = [one for one in fields(TrainOptions) if one.metadata]
    return tuple(
        Option(one.name, one.default, get_args(one.type) or (one.type,), **{"parameter": one.name, **one.metadata})
        for one in described
    )


OPTIONS = _options()
