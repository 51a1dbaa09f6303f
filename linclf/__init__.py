"""linclf: trains linear classifiers, fast, checkable, without tuning.

    import linclf
    model = linclf.load("model.safetensors")
    model.predict(X)

Public: `load`, `LinearModel`, `LinearClassifier`, `LinearSweepCV`, `check_gradient`, `LOSSES`, `Loss`, and the module `linclf.textbook`. They
are imported when they are first used, so that `import linclf` is fast.
"""

from typing import TYPE_CHECKING

from linclf._version import __version__ as __version__

__all__ = ["LOSSES", "LinearClassifier", "LinearModel", "LinearSweepCV", "Loss", "check_gradient", "load"]

if TYPE_CHECKING:
    from linclf.estimator import LinearClassifier, LinearSweepCV
    from linclf.gradcheck import check_gradient
    from linclf.losses import LOSSES, Loss
    from linclf.model.linear_model import LinearModel, load


def __getattr__(name: str) -> object:
    if name == "LinearClassifier":
        from linclf.estimator.classifier import LinearClassifier

        return LinearClassifier
    if name == "LinearSweepCV":
        from linclf.estimator.sweep_cv import LinearSweepCV

        return LinearSweepCV
    if name == "check_gradient":
        from linclf.gradcheck import check_gradient

        return check_gradient
    if name in ("LOSSES", "Loss"):
        from linclf import losses

        return getattr(losses, name)
    if name in ("LinearModel", "load"):
        from linclf.model import linear_model

        return getattr(linear_model, name)
    raise AttributeError(f"module 'linclf' has no attribute {name!r}")
