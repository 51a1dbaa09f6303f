"""The value of `--class-weight`: `balanced`, or a weight for each class that is named."""

import csv
import io
import math
from collections.abc import Mapping

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array


class ClassWeights(str):
    """The weights of classes as they were typed: `balanced`, or `yes=5,no=1`; a class that is not named has weight 1."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str | None) -> "ClassWeights | None":
        """The value of --class-weight, None for none. Raises InputError for what is neither a word nor a list of weights."""
        if text is None:
            return None
        weights = cls(text)
        if not weights.balanced:
            weights._named()
        return weights

    @classmethod
    def of_labels(cls, weights: Mapping[str, float]) -> "ClassWeights":
        """The value that gives these labels these weights."""
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow([f"{label}={weight!r}" for label, weight in weights.items()])
        return cls(line.getvalue())

    @property
    def balanced(self) -> bool:
        """Whether classes are weighed inversely to their size."""
        return self == "balanced"

    def of(self, classes: Array) -> Array:
        """The weight of each class, (K,) for the labels (K,). Raises InputError for a name that is no class."""
        labels, named = [str(label) for label in classes.tolist()], self._named()
        unknown = next((name for name in named if name not in labels), None)
        if unknown is not None:
            raise InputError(
                f"class-weight names {unknown!r}, which is no class of the training rows; they are {', '.join(labels)}"
            )
        return np.array([named.get(label, 1.0) for label in labels])

    def _named(self) -> dict[str, float]:
        """The weight of each label that is named."""
        named: dict[str, float] = {}
        for item in next(csv.reader([str(self)]), []):
            label, equals, number = item.rpartition("=")
            try:
                weight = float(number)
            except ValueError:
                weight = math.nan
            if not equals or not 0 <= weight < math.inf or label in named:
                raise InputError(
                    f"class-weight is {str(self)!r}; give balanced, or a weight >= 0 for each class, such as yes=5,no=1"
                )
            named[label] = weight
        return named
