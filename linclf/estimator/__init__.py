"""scikit-learn's interface: `LinearClassifier`, and `LinearSweepCV`, a grid search of it."""

from linclf.estimator.classifier import LinearClassifier as LinearClassifier
from linclf.estimator.sweep_cv import LinearSweepCV as LinearSweepCV
