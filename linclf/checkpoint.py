"""Checkpoints: all that the rest of a run depends on, in a sealed file, so that a run that was stopped goes on to the same
bits as if it had never been."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linclf.errors import InputError
from linclf.files import read_bytes, write_bytes
from linclf.losses import Array
from linclf.sealed import seal, unseal
from linclf.sgd import State

FORMAT = 1
METADATA = "linclf-checkpoint"


@dataclass(frozen=True, eq=False)
class Standing:
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

    lr       the rate of the first step, also under auto; why, for people, what was chosen by auto
    retries  how often training diverged and went on at a lower rate
    """

    standing: Standing
    state: State
    lr: float
    why: dict[str, str]
    retries: int

    def save(self, path: str, run: Mapping[str, Any]) -> None:
        """Write it, whole or not at all; `run` is what tells this run from others, as plain data."""
        arrays = {name: a for name, a in vars(self.standing).items() if name in ("W", "b", "best_W", "best_b")}
        moved = {name: a for name, a in self.state.iterate.items() if hasattr(a, "shape")}
        record = {
            "format": FORMAT,
            "run": run,
            "standing": {name: x for name, x in vars(self.standing).items() if name not in arrays},
            "generator": self.state.generator,
            "iterate": {name: x for name, x in self.state.iterate.items() if name not in moved},
            "lr": self.lr,
            "why": self.why,
            "retries": self.retries,
        }
        tensors = arrays | {f"iterate.{name}": a for name, a in moved.items()}
        write_bytes(path, seal(METADATA, record, tensors))


def load(path: str) -> tuple[Checkpoint, dict[str, Any]]:
    """A checkpoint, and what tells its run from others. Raises InputError for a file that linclf did not write whole."""
    record, tensors = unseal(METADATA, read_bytes(path), path, "a checkpoint")
    try:
        if record["format"] > FORMAT:
            raise InputError(f"{path}: was written by a newer linclf; upgrade linclf to go on from it")
        moved = {name.removeprefix("iterate."): a for name, a in tensors.items() if name.startswith("iterate.")}
        arrays: dict[str, Any] = {name: a for name, a in tensors.items() if not name.startswith("iterate.")}
        standing = Standing(**record["standing"], **arrays)
        state = State(standing.number, record["generator"], record["iterate"] | moved)
        return Checkpoint(standing, state, record["lr"], record["why"], record["retries"]), record["run"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is not a whole checkpoint ({type(error).__name__}: {error})") from None


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
