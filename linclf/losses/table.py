"""The table of losses: what is known of each, by name."""

from collections.abc import Callable
from dataclasses import dataclass

from linclf.losses.conjugates import (
    Dual,
    balanced_distributions,
    balanced_flows,
    balanced_mean,
    balanced_probabilities,
    balanced_sides,
    hinge_dual,
    logistic_dual,
    mse_dual,
    softmax_dual,
    squared_hinge_dual,
    svm_dual,
)
from linclf.losses.curvatures import (
    crammer_singer_curvature,
    hinge_curvature,
    logistic_curvature,
    mse_curvature,
    softmax_curvature,
    squared_hinge_curvature,
    svm_curvature,
)
from linclf.losses.functions import (
    Array,
    crammer_singer,
    hinge,
    logistic,
    logistic_logits,
    mse,
    multiclass_svm,
    softmax,
    softmax_logits,
    softmax_probabilities,
    squared_hinge,
)
from linclf.losses.smoothing import smoothed_crammer_singer, smoothed_hinge, smoothed_svm


@dataclass(frozen=True)
class Loss:
    """One line of the table of losses.

    name        what `--loss` calls it
    function    (scores, y) -> (values, dscores), as at the top of this file
    formula     the value of one sample, as text for people
    source      who introduced it
    curvature   the second derivative of a loss whose gradient grows with the score, else 0. That of squared-hinge is 2 on
                one side of the margin and 0 on the other; in between, 4/3 works best in `linclf.optim.auto_rate`
    binary      True: t = +-1; one output for two classes, one-vs-rest for more. False: an output per class
    naive       of a custom loss: (scores of one sample (m,), its code) -> (value, gradient (m,)), to compare it with
    dual        the conjugate, for losses whose distance from the optimum can be bounded; else None
    smoothed    (scores, y, width) -> the same as `function` of the loss with each kink smoothed over this width, whose gradients are
                in the domain of the dual; None for a loss without kinks
    difference  of a loss with an output per class, the name of the binary loss that it is of the difference of two classes' scores
    curvatures  (scores, y, width) -> its second derivative by each score (n, m), or an estimate: what full-batch steps are scaled by
    coupling    scores -> f (n, m), if its second derivatives by each two scores are f_j [j = k] - f_j f_k; else None
    logits      scores -> logits (n, *models, K) whose softmax is the probabilities of the classes, for losses that have these
    """

    name: str
    function: Callable[[Array, Array], tuple[Array, Array]]
    formula: str
    source: str
    curvature: float = 0.0
    binary: bool = False
    logits: Callable[[Array], Array] | None = None
    naive: Callable[[Array, int], tuple[float, Array]] | None = None
    dual: Dual | None = None
    smoothed: Callable[[Array, Array, float], tuple[Array, Array]] | None = None
    curvatures: Callable[[Array, Array, float], Array] | None = None
    coupling: Callable[[Array], Array] | None = None
    difference: str | None = None

    @property
    def is_separable(self) -> bool:
        """Whether the value is a sum over the outputs, of which each depends on its score alone."""
        return self.binary or self.function is mse

    def __call__(self, scores: Array, y: Array) -> tuple[Array, Array]:
        """The loss of each sample and its gradient: see the top of this file for shapes."""
        return self.function(scores, y)

    def n_outputs(self, n_classes: int) -> int:
        """How many outputs m a model of this loss has for so many classes."""
        return 1 if self.binary and n_classes == 2 else n_classes


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss(
            "svm",
            multiclass_svm,
            "sum_{j != y} max(0, s_j - s_y + 1)",
            "Weston & Watkins, 1999",
            dual=Dual(svm_dual, balanced_flows, is_linear=True),
            smoothed=smoothed_svm,
            curvatures=svm_curvature,
            difference="hinge",
        ),
        Loss(
            "softmax",
            softmax,
            "logsumexp(s) - s_y",
            "Bridle, 1990",
            logits=softmax_logits,
            dual=Dual(softmax_dual, balanced_distributions),
            curvatures=softmax_curvature,
            coupling=softmax_probabilities,
            difference="logistic",
        ),
        Loss(
            "hinge",
            hinge,
            "max(0, 1 - t s)",
            "Cortes & Vapnik, 1995",
            binary=True,
            dual=Dual(hinge_dual, balanced_sides, is_linear=True),
            smoothed=smoothed_hinge,
            curvatures=hinge_curvature,
        ),
        Loss(
            "squared-hinge",
            squared_hinge,
            "max(0, 1 - t s)^2",
            "Fan et al. (LIBLINEAR), 2008",
            curvature=4 / 3,
            binary=True,
            dual=Dual(squared_hinge_dual, balanced_sides),
            curvatures=squared_hinge_curvature,
        ),
        Loss(
            "logistic",
            logistic,
            "log(1 + exp(-t s))",
            "Cox, 1958",
            binary=True,
            logits=logistic_logits,
            dual=Dual(logistic_dual, balanced_probabilities),
            curvatures=logistic_curvature,
        ),
        Loss(
            "crammer-singer",
            crammer_singer,
            "max(0, 1 + max_{j != y} s_j - s_y)",
            "Crammer & Singer, 2001",
            dual=Dual(svm_dual, balanced_flows, is_linear=True),
            smoothed=smoothed_crammer_singer,
            curvatures=crammer_singer_curvature,
            difference="hinge",
        ),
        Loss(
            "mse",
            mse,
            "sum_j (s_j - onehot(y)_j)^2",
            "Rifkin, Yeo & Poggio, 2003",
            curvature=2,
            dual=Dual(mse_dual, balanced_mean),
            curvatures=mse_curvature,
        ),
    )
}
