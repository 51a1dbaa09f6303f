"""Checkpoints: all that the rest of a run depends on, in a sealed file, so that a run that was stopped goes on to the same
bits as if it had never been."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.sgd import State
from linclf.storage.decode import build
from linclf.storage.files import read_bytes, write_bytes
from linclf.storage.sealed import seal, unseal

FORMAT = 1
METADATA = "linclf-checkpoint"
ARRAYS = ("W", "b", "best_W", "best_b")  # of a Standing


@dataclass(frozen=True, eq=False)
class RunState:
    """Where a run stands after an epoch: its weights W (d, m), b (m,), and those of its best epoch so far.

    improved  the last epoch whose validation accuracy was better than all before
    seconds   since training began
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


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a run needs to go on after an epoch, beside its data and options.

    good     where it stood when it was last better than zero weights, to go back to should it diverge; None: never
    lr       the rate of the first step, also under auto; why, for people, what was chosen by auto
    retries  how often training diverged and went on at a lower rate
    """

    standing: RunState
    good: RunState | None
    state: State
    lr: float
    why: dict[str, str]
    retries: int

    def save(self, path: str, run: Mapping[str, Any]) -> None:
        """Write it, whole or not at all; `run` is what tells this run from others, as plain data."""
        stands = {"standing": self.standing}
        if self.good is not None and self.good is not self.standing:
            stands["good"] = self.good
        arrays = {f"{key}.{name}": getattr(one, name) for key, one in stands.items() for name in ARRAYS}
        moved = {name: a for name, a in self.state.iterate.items() if hasattr(a, "shape")}
        record = {
            "format": FORMAT,
            "run": run,
            **{key: {name: x for name, x in vars(one).items() if name not in ARRAYS} for key, one in stands.items()},
            "is_good": self.good is self.standing,
            "generator": self.state.generator,
            "iterate": {name: x for name, x in self.state.iterate.items() if name not in moved},
            "lr": self.lr,
            "why": self.why,
            "retries": self.retries,
        }
        tensors = arrays | {f"iterate.{name}": a for name, a in moved.items()}
        write_bytes(path, seal(METADATA, record, tensors))


@dataclass(frozen=True)
class _RunScalars:
    """What of a Standing is no array."""

    number: int
    best: int
    best_accuracy: float
    improved: int
    seconds: float


@dataclass(frozen=True)
class _CheckpointHeader:
    """What of a Checkpoint is plain."""

    lr: float
    retries: int
    is_good: bool


def load(path: str) -> tuple[Checkpoint, dict[str, Any]]:
    """A checkpoint, and what tells its run from others. Raises InputError for a file that linclf did not write whole."""
    record, tensors = unseal(METADATA, read_bytes(path), path, "a checkpoint")
    if type(record.get("format")) is not int or record["format"] != FORMAT:
        raise InputError(f"{path}: was written by another version of linclf, which is needed to go on from it")
    try:
        return _checkpoint(record, tensors), dict(record["run"])
    except Exception as error:  # whatever a forged description makes of the code that reads it
        raise InputError(f"{path}: is not a whole checkpoint ({type(error).__name__}: {error})") from None


def _checkpoint(record: dict[str, Any], tensors: dict[str, Array]) -> Checkpoint:
    """The checkpoint in a file whose digest fits; anyone can compute a digest."""

    def standing(key: str) -> RunState:
        arrays: dict[str, Any] = {name: tensors[f"{key}.{name}"] for name in ARRAYS}
        shapes = {a.shape for a in arrays.values()}
        found = RunState(**vars(build(_RunScalars, record[key])), **arrays)
        sound = 0 < found.best <= found.number and 0 < found.improved <= found.number and found.seconds >= 0
        sound &= found.W.ndim == 2 and shapes == {found.W.shape, found.W.shape[1:]} and found.b.ndim == 1
        if not sound or not all(a.dtype.kind == "f" and np.isfinite(a).all() for a in arrays.values()):
            raise ValueError(key)
        return found

    told, stands, why = build(_CheckpointHeader, record), standing("standing"), record["why"]
    good = stands if told.is_good else standing("good") if "good" in record else None
    if not (told.lr > 0 and told.retries >= 0 and all(isinstance(x, str) for x in why.values())):
        raise ValueError("why")
    moved = {name.removeprefix("iterate."): a for name, a in tensors.items() if name.startswith("iterate.")}
    state = State(stands.number, dict(record["generator"]), record["iterate"] | moved)
    return Checkpoint(stands, good, state, told.lr, why, told.retries)


def check_same(path: str, was: Mapping[str, Any], now: Mapping[str, Any], kind: str) -> None:
    """Refuse a file that belongs to another run than this one, both as plain data, with the first thing that differs.

    Raises InputError; `kind` says what the file is.
    """
    differing = differences(was, json.loads(json.dumps(now)))
    if differing:
        name, before, here = differing[0]
        what = f"of other data: {name}" if name.startswith("data") else f"of another run: {name}"
        raise InputError(f"{path}: is {kind} {what} was {before}, now it is {here}; give the same data and options")


def differences(was: Any, now: Any, name: str = "") -> list[tuple[str, str, str]]:
    """Where two values of JSON differ: names, and both values as text."""
    if isinstance(was, dict) and isinstance(now, dict):
        keys = dict.fromkeys([*was, *now])
        return [one for key in keys for one in differences(was.get(key), now.get(key), f"{name} {key}".strip())]
    return [] if was == now else [(name, json.dumps(was), json.dumps(now))]
