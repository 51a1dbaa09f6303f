"""The losses: scores and class codes in, one value per sample and the gradient with respect to the scores out.

Every loss has the same form, `loss(scores, y) -> (values, dscores)`:

    scores   (n, *models, m)   m outputs per sample; `*models` is absent for one model
    y        (n,)              class codes 0..K-1, integers
    values   (n, *models)      the loss of each sample, in the dtype of the scores
    dscores  (n, *models, m)   its gradient, or at a kink the subgradient of the strict inequality

The middle axes let many models share one pass; `scores[rows, ..., y]` picks the true class's score with and without
them. A loss knows no data, no weights and no penalty: these are in `linclf.optim.objective`.

To add a loss: one function in `functions.py`, one naive twin in `linclf.textbook.NAIVE`, one line in `LOSSES` (`table.py`). Every test
then runs on it.
"""

from linclf.losses.conjugates import Dual as Dual
from linclf.losses.functions import Array as Array
from linclf.losses.functions import crammer_singer as crammer_singer
from linclf.losses.functions import hinge as hinge
from linclf.losses.functions import logistic as logistic
from linclf.losses.functions import logistic_logits as logistic_logits
from linclf.losses.functions import mse as mse
from linclf.losses.functions import multiclass_svm as multiclass_svm
from linclf.losses.functions import signs as signs
from linclf.losses.functions import softmax as softmax
from linclf.losses.functions import softmax_logits as softmax_logits
from linclf.losses.functions import softmax_probabilities as softmax_probabilities
from linclf.losses.functions import squared_error as squared_error
from linclf.losses.functions import squared_hinge as squared_hinge
from linclf.losses.table import LOSSES as LOSSES
from linclf.losses.table import Loss as Loss
