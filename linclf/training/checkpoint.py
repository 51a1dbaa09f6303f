"""Checkpoints: all that the rest of a run depends on, in a sealed file, so that a stopped run resumes to the same bits."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array
from linclf.model.metrics import METRICS
from linclf.optim.sgd import EngineState
from linclf.storage.decode import JsonObject, build
from linclf.storage.files import read_bytes, write_bytes
from linclf.storage.sealed import seal, unseal

FORMAT = 2  # in format 1 the last, smaller minibatch took a step as long as a full one: such a run cannot go on to the same bits
METADATA = "linclf-checkpoint"
ARRAYS = ("W", "b", "best_W", "best_b")  # of a RunState


@dataclass(frozen=True, eq=False)
class RunState:
    """The weights of a run after an epoch: W (d, m), b (m,), and those of its best epoch so far.

    number         the number of the epoch
    best           the number of the best epoch
    best_accuracy  of the best epoch on the validation rows; -1 without any
    improved       the last epoch that was better on the validation rows than all before
    seconds        since training began
    best_score     the metric that chooses the best epoch, at the best epoch; None where it is undefined
    """

    number: int
    W: Array
    b: Array
    best: int
    best_W: Array
    best_b: Array
    best_accuracy: float
    improved: int
    seconds: float
    best_score: float | None = None


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a run needs to resume after an epoch, in addition to its data and options.

    state      the weights after the epoch
    last_good  the last state that was not much worse than zero weights, to roll back to on divergence; None: there was none
    engine     what the next epochs depend on
    lr         the learning rate that the schedule starts from: a number under auto, too, and lower after a roll-back
    why        how the values chosen by auto were found, as text by name
    retries    how often training diverged and continued at a lower rate
    val_metric the name of the metric that chooses the best epoch, None without validation rows
    """

    state: RunState
    last_good: RunState | None
    engine: EngineState
    lr: float
    why: dict[str, str]
    retries: int
    val_metric: str | None = None

    def save(self, path: str, fingerprint: Mapping[str, object]) -> None:
        """Write the file completely or not at all; the fingerprint of the run, plain data, tells it from other runs."""
        states = {"standing": self.state}  # the names in the file
        if self.last_good is not None and self.last_good is not self.state:
            states["good"] = self.last_good
        arrays = {f"{key}.{name}": getattr(one, name) for key, one in states.items() for name in ARRAYS}
        iterate = {name: a for name, a in self.engine.iterate.items() if isinstance(a, np.ndarray)}
        record = {
            "format": FORMAT,
            "run": fingerprint,
            **{key: {name: x for name, x in vars(one).items() if name not in ARRAYS} for key, one in states.items()},
            "is_good": self.last_good is self.state,
            "generator": self.engine.generator,
            "iterate": {name: x for name, x in self.engine.iterate.items() if name not in iterate},
            "lr": self.lr,
            "why": self.why,
            "retries": self.retries,
            "val_metric": self.val_metric,
        }
        tensors = arrays | {f"iterate.{name}": a for name, a in iterate.items()}
        write_bytes(path, seal(METADATA, record, tensors))


@dataclass(frozen=True)
class _RunScalars:
    """The fields of a RunState that are not arrays."""

    number: int
    best: int
    best_accuracy: float
    improved: int
    seconds: float
    best_score: float | None


@dataclass(frozen=True)
class _CheckpointHeader:
    """The plain fields of a checkpoint."""

    lr: float
    retries: int
    is_good: bool
    val_metric: str | None


def load(path: str) -> tuple[Checkpoint, dict[str, object]]:
    """Read a checkpoint and the fingerprint of its run. Raises InputError for a file that linclf did not write completely."""
    record, tensors = unseal(METADATA, read_bytes(path), path, "a checkpoint")
    if type(record.get("format")) is not int or record["format"] != FORMAT:
        raise InputError(f"{path}: was written by another version of linclf, which is needed to resume from it")
    try:
        return _checkpoint(record, tensors), dict(record["run"])
    except Exception as error:  # a forged record can fail in any way
        raise InputError(f"{path}: is not a complete checkpoint ({type(error).__name__}: {error})") from None


def _checkpoint(record: JsonObject, tensors: dict[str, Array]) -> Checkpoint:
    """The checkpoint in a file whose digest fits. Anyone can compute a digest, so that everything is checked."""

    def run_state(key: str) -> RunState:
        """The state stored under this name. Raises ValueError if its pieces do not fit together."""
        arrays: JsonObject = {name: tensors[f"{key}.{name}"] for name in ARRAYS}
        shapes = {a.shape for a in arrays.values()}
        state = RunState(**vars(build(_RunScalars, record[key])), **arrays)
        sound = 0 < state.best <= state.number and 0 < state.improved <= state.number and state.seconds >= 0
        sound &= state.W.ndim == 2 and shapes == {state.W.shape, state.W.shape[1:]} and state.b.ndim == 1
        if not sound or not all(a.dtype.kind == "f" and np.isfinite(a).all() for a in arrays.values()):
            raise ValueError(key)
        return state

    header, state, why = build(_CheckpointHeader, record), run_state("standing"), record["why"]
    last_good = state if header.is_good else run_state("good") if "good" in record else None
    if not (header.lr > 0 and header.retries >= 0 and all(isinstance(x, str) for x in why.values())):
        raise ValueError("why")
    if header.val_metric is not None and header.val_metric not in METRICS:
        raise ValueError("val_metric")
    iterate = {name.removeprefix("iterate."): a for name, a in tensors.items() if name.startswith("iterate.")}
    engine = EngineState(state.number, dict(record["generator"]), record["iterate"] | iterate)
    return Checkpoint(state, last_good, engine, header.lr, why, header.retries, header.val_metric)


def check_same(path: str, was: Mapping[str, object], now: Mapping[str, object]) -> None:
    """Compare the fingerprint of a checkpoint's run with that of this run. Raises InputError with the first difference."""
    differing = differences(was, json.loads(json.dumps(now)))
    if differing:
        name, before, here = differing[0]
        what = f"of other data: {name}" if name.startswith("data") else f"of another run: {name}"
        raise InputError(
            f"{path}: is the checkpoint {what} was {before}, now it is {here}; give the same data and options"
        )


def differences(was: object, now: object, name: str = "") -> list[tuple[str, str, str]]:
    """The differences of two JSON values: the name of each, and both values as text."""
    if isinstance(was, dict) and isinstance(now, dict):
        keys = dict.fromkeys([*was, *now])
        return [one for key in keys for one in differences(was.get(key), now.get(key), f"{name} {key}".strip())]
    return [] if was == now else [(name, json.dumps(was), json.dumps(now))]
