"""linclf: trains linear classifiers, fast, checkable, without tuning.

    import linclf
    model = linclf.load("model.safetensors")
    model.predict(X)

Public: `load`, `LinearModel`, `LinearClassifier`, `check_gradient`, `LOSSES`, `Loss`, and the module `linclf.textbook`. They are imported when first used, so that
`import linclf` costs next to nothing.
"""

from typing import TYPE_CHECKING

from linclf._version import __version__ as __version__

__all__ = ["LOSSES", "LinearClassifier", "LinearModel", "Loss", "check_gradient", "load"]

if TYPE_CHECKING:
    from linclf.estimator import LinearClassifier
    from linclf.gradcheck import check_gradient
    from linclf.losses import LOSSES, Loss
    from linclf.model.linear_model import LinearModel, load


def __getattr__(name: str) -> object:
    from importlib import import_module

    home = {
        "LOSSES": "linclf.losses",
        "LinearClassifier": "linclf.estimator",
        "LinearModel": "linclf.model.linear_model",
        "Loss": "linclf.losses",
        "check_gradient": "linclf.gradcheck",
        "load": "linclf.model.linear_model",
    }
    if name not in home:
        raise AttributeError(f"module 'linclf' has no attribute {name!r}")
    return getattr(import_module(home[name]), name)
