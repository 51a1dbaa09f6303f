"""scikit-learn's interface: `LinearClassifier`."""

from linclf.estimator.classifier import LinearClassifier as LinearClassifier
