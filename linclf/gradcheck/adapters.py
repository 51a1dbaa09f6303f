"""A function of one array made of a function of several, whose form is not known: all arguments but one are fixed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

import numpy as np

from linclf.errors import InputError
from linclf.gradcheck.callee import Callee
from linclf.gradcheck.forms import Argument
from linclf.gradcheck.load import user_code
from linclf.gradcheck.returned import as_arrays, leaves, readings
from linclf.gradcheck.roles import role_of

Made = tuple[tuple[str, Argument], ...]  # expressions, and what they are
_ROWS = np.sin(np.arange(28.0)).reshape(7, 4)
_CODES = np.arange(7) % 3
MADE: dict[str, Made] = {
    # of an argument, by its role
    "X": (("np.sin(np.arange(28.0)).reshape(7, 4)", _ROWS), ("np.sin(np.arange(28.0)).reshape(7, 4).T", _ROWS.T)),
    "y": (
        ("np.arange(7) % 3", _CODES),
        ("np.eye(3)[np.arange(7) % 3]", np.eye(3)[_CODES]),
        ("np.arange(7) % 2", np.arange(7) % 2),
        ("np.arange(7)[:, None] % 2", np.arange(7)[:, None] % 2),
    ),
    "reg": (("0.3", 0.3),),
    "b": (("0.5", 0.5), ("np.zeros(3)", np.zeros(3))),
    "n_classes": (("3", 3),),
    "n_features": (("4", 4),),
    "n_samples": (("7", 7),),
    "sample_weight": (("np.ones(7)", np.ones(7)),),
}
OTHERS: Made = (
    ("1.0", 1.0),
    ("1", 1),
    ("np.sin(np.arange(28.0)).reshape(7, 4)", _ROWS),
    ("np.arange(7) % 3", _CODES),
    ("np.ones(4)", np.ones(4)),
)
W = "w"  # the argument that is left
SHAPES = ((4, 3), (4,), (4, 1), (7, 3), (7,), (3, 4), (12,), ())
MAX_TRIED = 300  # ways to fill the arguments


@dataclass(frozen=True)
class Adapter:
    """A function of w alone, the line that defines it, and the shape of w."""

    call: Callable[..., Any]
    line: str
    shape: tuple[int, ...]


def adapter(callee: Callee) -> Adapter | None:
    """The first way to fill all arguments but one with which the function runs, and returns a number and an array like that one."""
    for filled in islice(_ways(callee), MAX_TRIED):
        texts = [text for text, _ in filled]
        at = texts.index(W)

        def call(w: Any, filled: tuple[tuple[str, Any], ...] = filled, at: int = at) -> Any:
            given = [w if i == at else a.copy() if isinstance(a, np.ndarray) else a for i, (_, a) in enumerate(filled)]
            return callee.call(*given)

        for shape in SHAPES:
            try:
                with np.errstate(all="ignore"), user_code(callee.name):
                    found = leaves(as_arrays(call(np.cos(np.arange(np.prod(shape, dtype=int))).reshape(shape))))
            except InputError:
                continue
            if readings(found, shape, None):
                return Adapter(call, f"check = lambda w: {callee.own}({', '.join(texts)})", shape)
    return None


def _ways(callee: Callee) -> Iterator[tuple[tuple[str, Any], ...]]:
    """Expressions for the arguments, with what they are; w for the one that the gradient is by."""
    roles = [role_of(name) for name in callee.names]
    wanted = [i for i, role in enumerate(roles) if role == "W"] or [
        i for i, role in enumerate(roles) if role == "scores"
    ]
    for at in wanted or range(len(roles)):
        choices = [((W, None),) if i == at else MADE.get(role or "", OTHERS) for i, role in enumerate(roles)]
        yield from product(*choices)
