"""One run of training: prepare -> fit -> certify -> assemble."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from linclf.data.split import Split
from linclf.errors import DivergedError, InputError
from linclf.losses import Array
from linclf.model.metrics import METRICS
from linclf.optim.blas import one_blas_thread
from linclf.storage.signals import FirstSignal
from linclf.training.auto_reg import choose_reg
from linclf.training.checkpoint import Checkpoint
from linclf.training.finish import certify, fit_from_zero, planned_finish
from linclf.training.fit import FitResult, Validation, fit
from linclf.training.observer import Observer
from linclf.training.options import TrainOptions
from linclf.training.prepare import prepare
from linclf.training.result import Trained, assemble
from linclf.training.selection import Selection, check_defined, choose_metric

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class InitialWeights:
    """The weights that training starts from instead of zero: weight (d, m) and bias (m,) for raw rows."""

    weight: Array
    bias: Array


def train(
    options: TrainOptions,
    split: Split,
    observer: Observer | None = None,
    *,
    start: InitialWeights | None = None,
    measured: tuple[str, ...] = PARTS,
    stop: FirstSignal | None = None,
    resumed: Checkpoint | None = None,
) -> Trained:
    """Train one model on the training rows and measure it on every part.

    start     the weights to start from; such a run is not compared with zero weights
    measured  the parts whose accuracy is wanted
    stop      records the first signal, for a caller that continues
    resumed   the checkpoint to resume from, to the same bits as if the run had never stopped

    A KeyboardInterrupt or Terminated after the first epoch ends training early: the best model so far is returned, with
    the signal in `interrupted`; a second signal is raised. Raises DivergedError.
    """
    began, stop, observer = time.perf_counter(), stop or FirstSignal(), observer or Observer()
    with one_blas_thread():
        prepared = prepare(options, split, all_columns=start is not None)
        X, y, scaling = prepared.X, split.train.y, prepared.scaling
        search = choose_reg(options, split, prepared) if options.reg == "auto" else None
        options = options if search is None else replace(options, reg=search.reg)
        initial = None if start is None else scaling.weights_to_scaled(start.weight, start.bias)
        selection = _selection(options, split, resumed)
        val = None if prepared.val is None or selection is None else Validation(prepared.val, selection.metric)
        planned = planned_finish(options, X, from_zero=val is None and initial is None)
        K, weights, fitted = len(split.classes), prepared.weights, None
        if planned is not None and planned.from_zero and resumed is None:
            fitted = fit_from_zero(
                X, y, K, options, planned, weights=weights, observer=observer, stop=stop, began=began
            )
        if fitted is None:
            run_fit = partial(fit, X, y, K, weights=weights, val=val, start=initial)
            try:
                fitted = run_fit(options, resumed=resumed, observer=observer, stop=stop)
            except DivergedError as error:
                raise DivergedError(f"{error}; {_advice(run_fit, options)}") from None
            with stop:
                if stop.signal is None:
                    fitted = certify(
                        fitted,
                        X,
                        y,
                        options,
                        weights=weights,
                        finish=planned,
                        observer=observer,
                        stop=stop,
                        began=began,
                    )
        assembled = partial(
            assemble, options, split, prepared, fitted, search=search, selection=selection, measured=measured
        )
        with stop:
            trained = assembled(interrupted=stop.signal)
            return replace(trained, seconds=time.perf_counter() - began)
        # the model is trained, and a first signal must not lose it
        return replace(assembled(interrupted=stop.signal), seconds=time.perf_counter() - began)


def _selection(options: TrainOptions, split: Split, resumed: Checkpoint | None) -> Selection | None:
    """The metric that chooses the best epoch, of a resumed run that of its checkpoint; None without validation rows.

    Raises InputError for validation rows on which it is undefined.
    """
    if split.val is None:
        return None
    K, loss = len(split.classes), options.loss_value()
    selection = choose_metric(options.val_metric, [loss], split.train.y, K, split.train.weights)
    if resumed is not None and resumed.val_metric not in (None, selection.metric.name):
        selection = Selection(METRICS[resumed.val_metric], "as in the checkpoint")
    check_defined(selection.metric, "the validation rows", split.val.y, K, split.val.weights)
    return selection


def _advice(run_fit: Callable[..., FitResult], options: TrainOptions) -> str:
    """What to do about a run that diverged: name a rate that was tried and works, if there is one."""
    if options.lr == "auto":
        return "lower rates did not help; rescale the columns, e.g. with --scale standard, or try a smaller --reg"
    stop = FirstSignal()
    with suppress(DivergedError, InputError):
        found = run_fit(replace(options, lr="auto"), stop=stop)
        if found.retries and stop.signal is None:  # it continued from a good epoch: does the rate work from the start?
            found = run_fit(replace(options, lr=float(f"{found.settings.lr:.3g}")), stop=stop)
        if stop.signal is not None:
            raise stop.signal
        return f"lr {float(found.settings.lr):.3g} works, and so does auto"
    return "use a smaller lr, or auto"
