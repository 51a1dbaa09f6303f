"""scikit-learn's interface to a sweep: all candidates and folds in one pass, or along a path to their optimum."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, _fit_context, clone
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from linclf.data.row_keys import RowKeys
from linclf.data.row_weights import as_counts
from linclf.data.split import Part, Split
from linclf.errors import DivergedError
from linclf.estimator.classifier import LinearClassifier
from linclf.estimator.parameters import errors_in_python
from linclf.losses import Array
from linclf.model.metrics import METRICS
from linclf.sweep.grid import SWEPT, SweepOptions
from linclf.sweep.results import Ranking, Row, row_options
from linclf.sweep.run import Swept, sweep
from linclf.training.options import OPTIONS, TrainOptions

GRID: Mapping[str, Sequence[Any]] = {"reg": (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)}
PARAMETERS = {
    option.parameter: option.name for option in OPTIONS if option.name in SWEPT
}  # that may have a list of values


def _delegates(name: str) -> Any:
    """Whether the best estimator has a method; before `fit`, whether the estimator may have it."""

    def check(search: "LinearSweepCV") -> bool:
        getattr(search._fitted() if hasattr(search, "cv_results_") else search._base(), name)
        return True

    return available_if(check)


class LinearSweepCV(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """A grid search of LinearClassifier by cross-validation: `linclf sweep` for notebooks and pipelines.

    The rows are those of the command line with the same options and seed. Models with a smooth loss are brought to their optimum where
    the data are not large, along reg; others share every pass over the data.

    Parameters
    ----------
    estimator : LinearClassifier, default=None
        The parameters that all candidates share; None: the defaults.
    param_grid : dict of str to list, default=None
        Values of loss, reg, lr, momentum, average, class_weight, scale and batch_size; every combination is a candidate. None: reg
        from 1e-6 to 1e-1, by factors of ten. These strengths are also tried where reg is neither in the grid nor given.
    cv : int, default=5
        The number of folds; each class has the same share in all. With groups, no group is in two folds.
    scoring : str, default=None
        A metric of `linclf sweep --metric`; None: log loss if all losses have probabilities, else accuracy, or balanced accuracy if
        the classes are uneven.
    refit : {"best", "1se"} or False, default="best"
        Which candidate is trained on all rows: the best, or the most regularised within one standard error of it.
    n_jobs : int, default=None
        Parallel processes; None or -1: one per core. The results do not depend on it.

    Attributes
    ----------
    cv_results_ : dict of ndarrays
        params, param_NAME, split0_test_score, ..., mean_test_score, std_test_score, rank_test_score, as in GridSearchCV; and
        mean_objective, the objective on the rows trained on, and proven_percent, how far it is from the optimum, at most (NaN
        where nothing is proven). Scores are such that greater is better: the log loss has a minus. Candidates share their passes, so
        that they have no times.
    best_params_, best_score_, best_index_
        Of the candidate that `refit` chooses, "best" where it is False.
    best_estimator_ : LinearClassifier
        Trained on all rows; not with refit=False.
    scoring_ : str
        The metric that was used.
    n_splits_, classes_, n_features_in_, feature_names_in_

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from linclf import LinearSweepCV
    >>> X, y = load_iris(return_X_y=True)
    >>> search = LinearSweepCV(param_grid={"reg": [1e-4, 1e-3, 1e-2]}).fit(X, y)
    >>> search.best_params_
    {'reg': 0.001}
    >>> search.score(X, y) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [LinearClassifier, None],
        "param_grid": [dict, None],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "scoring": [StrOptions(set(METRICS)), None],
        "refit": [StrOptions({"best", "1se"}), "boolean"],
        "n_jobs": [Interval(Integral, 1, None, closed="left"), Options(Integral, {-1}), None],
    }

    def __init__(
        self,
        estimator: LinearClassifier | None = None,
        param_grid: Mapping[str, Sequence[Any]] | None = None,
        *,
        cv: int = 5,
        scoring: str | None = None,
        refit: str | bool = "best",
        n_jobs: int | None = None,
    ) -> None:
        self.estimator, self.param_grid = estimator, param_grid
        self.cv, self.scoring, self.refit, self.n_jobs = cv, scoring, refit, n_jobs

    @_fit_context(prefer_skip_nested_validation=False)
    @errors_in_python()
    def fit(self, X: object, y: object, sample_weight: object = None, groups: object = None) -> "LinearSweepCV":
        """Search on X (n_samples, n_features) and labels y (n_samples,), with sample_weight (n_samples,) >= 0; groups (n_samples,)
        stay together."""
        for stale in ("best_estimator_", "feature_names_in_"):  # of an earlier fit
            self.__dict__.pop(stale, None)
        base = self._base()
        grid = _checked_grid(self.param_grid or GRID, base)
        if base.early_stopping or base.threshold is not None:
            raise ValueError("early_stopping and threshold hold rows out of their own; set them for the final fit")
        checked, labels = base._checked(X, y)
        classes = np.unique(labels)
        if len(classes) < 2:
            raise ValueError(f"LinearSweepCV needs rows of at least two classes; y has one class, {classes[0]!r}")
        keys = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
        if keys is not None and keys.shape != labels.shape:
            raise ValueError(f"groups are {len(keys)} for {len(labels)} rows; give one for each")
        rows, kept, weights = base._counted(checked, labels, sample_weight)
        if not len(kept):
            raise ValueError("all sample weights are zero; at least one row must count")
        if keys is not None and len(kept) < len(labels):
            keys = keys[np.flatnonzero(np.asarray(sample_weight))]
        part = Part(rows, np.searchsorted(classes, kept), None if weights is None else as_counts(weights))
        split = Split(classes, part, None, None, base._features(rows), {}, (), keys=RowKeys(keys))
        options = self._options(base, grid, split, labels)
        swept = sweep(options, split, jobs=None if self.n_jobs == -1 else self.n_jobs)
        if swept.interrupted is not None:
            raise swept.interrupted
        self._set_results(grid, options, swept)
        if self.refit:
            self.best_estimator_ = clone(base).set_params(**self.best_params_).fit(X, y, sample_weight)
        self.n_splits_, self.classes_, self.n_features_in_ = self.cv, classes, base.n_features_in_
        if hasattr(base, "feature_names_in_"):
            self.feature_names_in_ = base.feature_names_in_
        return self

    def _base(self) -> LinearClassifier:
        """A copy of the estimator that all candidates are made from."""
        return LinearClassifier() if self.estimator is None else clone(self.estimator)

    def _options(
        self, base: LinearClassifier, grid: Mapping[str, Sequence[Any]], split: Split, labels: Array
    ) -> SweepOptions:
        """The options of the sweep, and the lists as training options have them."""
        lists: dict[str, tuple[Any, ...]] = {}
        for parameter, values in grid.items():
            own = [x.item() if isinstance(x, np.generic) else x for x in values]
            if parameter == "class_weight":
                own = [clone(base).set_params(class_weight=x)._class_weights(labels, split.classes) for x in own]
            elif parameter == "loss":  # a custom loss is checked
                own = [x if isinstance(x, str) else clone(base).set_params(loss=x)._loss() for x in own]
            lists[PARAMETERS[parameter]] = tuple(own)
        shared: dict[str, Any] = {"class_weight": base._class_weights(labels, split.classes)}
        shared |= {name: values[0] for name, values in lists.items() if values}
        loss: Any = shared.pop("loss", None) or base._loss()
        options = base._options(split.train.X.dtype, loss, split.classes, **shared)
        return SweepOptions(options, lists, self.cv, metric=self.scoring)

    def _set_results(self, grid: Mapping[str, Sequence[Any]], options: SweepOptions, swept: Swept) -> None:
        """Set the attributes that say how the candidates did, in the order of the configurations."""
        found = [_row_of(configuration, swept.rows) for configuration in options.configurations]
        metric = swept.selection.metric
        goodness = np.array([np.nan if row.score is None else metric.goodness(row.score) for row in found])
        folds = [
            [np.nan if fold["score"] is None else metric.goodness(fold["score"]) for fold in row.folds] for row in found
        ]
        params = [{name: _given(values, options.lists, row, name) for name, values in grid.items()} for row in found]
        chosen = Ranking(metric).best_1se(swept.rows) if self.refit == "1se" else swept.best
        if chosen is None:
            raise DivergedError(f"every candidate diverged; the first one: {found[0].why}")
        columns: dict[str, Any] = {
            f"param_{name}": np.ma.array([one[name] for one in params], dtype=object) for name in grid
        }
        self.cv_results_ = {
            "params": params,
            **columns,
            **{f"split{k}_test_score": np.array([row[k] for row in folds]) for k in range(self.cv)},
            "mean_test_score": goodness,
            "std_test_score": _numbers(row.score_std for row in found),
            "rank_test_score": rankdata(np.nan_to_num(-goodness, nan=np.inf), method="min").astype(np.int32),
            "mean_objective": _numbers(row.objective for row in found),
            "proven_percent": _numbers(row.percent for row in found),
        }
        self.best_index_ = next(i for i, row in enumerate(found) if row is chosen)
        self.best_params_, self.best_score_ = params[self.best_index_], float(goodness[self.best_index_])
        self.scoring_ = metric.name

    def predict(self, X: object) -> Array:
        """The labels that the best estimator predicts, (n_samples,)."""
        found: Array = self._fitted().predict(X)
        return found

    @_delegates("predict_proba")
    def predict_proba(self, X: object) -> Array:
        """The probabilities that the best estimator gives the classes, (n_samples, n_classes)."""
        found: Array = self._fitted().predict_proba(X)
        return found

    @_delegates("predict_log_proba")
    def predict_log_proba(self, X: object) -> Array:
        """The logarithms of the probabilities, (n_samples, n_classes)."""
        found: Array = self._fitted().predict_log_proba(X)
        return found

    def decision_function(self, X: object) -> Array:
        """The scores of the best estimator."""
        found: Array = self._fitted().decision_function(X)
        return found

    def _fitted(self) -> LinearClassifier:
        check_is_fitted(self, "cv_results_")
        if not self.refit:
            raise AttributeError("with refit=False there is no best_estimator_; give refit='best'")
        best: LinearClassifier = self.best_estimator_
        return best

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _checked_grid(grid: Mapping[str, Any], base: LinearClassifier) -> dict[str, list[Any]]:
    """The grid with a list of values for each parameter, each of which the estimator takes; with the strengths of GRID if neither the
    grid nor the estimator has any. Raises ValueError."""
    unknown = sorted(map(str, grid.keys() - PARAMETERS))
    if unknown:
        raise ValueError(f"param_grid has {unknown[0]!r}; give lists for some of {', '.join(PARAMETERS)}")
    lists: dict[str, list[Any]] = {}
    for name, values in grid.items():
        if isinstance(values, (str, Mapping)) or not hasattr(values, "__iter__"):
            raise ValueError(f"param_grid has {name}={values!r}; give a list of values")
        lists[name] = list(values)
        for value in lists[name]:
            clone(base).set_params(**{name: value})._validate_params()
    if "reg" not in lists and base.reg == "auto":
        lists["reg"] = list(GRID["reg"])
    return lists


def _row_of(configuration: TrainOptions, rows: Sequence[Row]) -> Row:
    """The row of a configuration."""
    wanted = row_options(configuration)
    return next(row for row in rows if row.options == wanted)


def _given(values: Sequence[Any], lists: Mapping[str, Sequence[Any]], row: Row, parameter: str) -> Any:
    """The value of a parameter as it is in the grid, for a row."""
    name = PARAMETERS[parameter]
    return values[list(lists[name]).index(row.options[name])]


def _numbers(values: Any) -> Array:
    """Numbers, NaN for None."""
    return np.array([np.nan if x is None else x for x in values])
