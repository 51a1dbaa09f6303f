"""The progress bar, the history and the checkpoints of a training run."""

import json
import os
import shlex
from contextlib import ExitStack
from typing import Any

import click

from linclf.cli.shared import arguments, say, wants_bar
from linclf.errors import AccessError, InputError
from linclf.report.text import to_json
from linclf.storage.decode import JsonObject
from linclf.storage.files import read_bytes
from linclf.training.checkpoint import Checkpoint
from linclf.training.observer import EpochProgress, Observer
from linclf.training.options import TrainOptions


class RunDisplay(Observer):
    """Shows and records a run of training: the bar on stderr, the history, checkpoints, notes.

    number  the number of the epoch that the run resumes from, 0 for none
    """

    def __init__(
        self,
        stack: ExitStack,
        config: TrainOptions,
        history: str | None,
        checkpoints: "CheckpointWriter | None",
        *,
        quiet: bool,
        number: int,
    ) -> None:
        self.bar: Any = None
        if wants_bar(quiet):
            from tqdm import tqdm

            self.bar = stack.enter_context(tqdm(desc=config.loss_name, unit="epoch", leave=False, initial=number))
        self.history = None if history is None else _History(stack, history, number)
        self.checkpoints, self.quiet = checkpoints, quiet
        self.wants_checkpoints = checkpoints is not None

    def on_epoch(self, progress: EpochProgress) -> None:
        """Move the bar, and add a line to the history."""
        if self.bar is not None:
            self.bar.total = progress.epochs
            shown = {"objective": f"{progress.objective_estimate:.4g}"}
            if progress.val_accuracy is not None:
                shown["val"] = f"{progress.val_accuracy:.4f}"
            self.bar.set_postfix(shown, refresh=False)
            self.bar.update(progress.epoch - self.bar.n)
        if self.history is not None:
            self.history.add(progress)

    def on_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Hand the checkpoint to the writer."""
        if self.checkpoints is not None:
            self.checkpoints.keep(checkpoint)

    def on_note(self, note: str) -> None:
        """Print the note on stderr."""
        say([note], self.quiet)


class _History:
    """A file with a line of JSON for each epoch. The lines of epochs that are trained again are removed; a resumed run keeps
    the lines of the epochs before it."""

    def __init__(self, stack: ExitStack, path: str, done: int) -> None:
        self.starts: dict[int, int] = {}  # epoch -> offset of its line
        end = 0
        if done and os.path.isfile(path):
            for line in read_bytes(path).splitlines(keepends=True):
                epoch = _epoch(line)
                if epoch is None or not line.endswith(b"\n"):
                    if not end:
                        raise InputError(f"{path}: is not a history of linclf train; give --history another name")
                    break
                if epoch > done:
                    break
                self.starts[epoch] = end
                end += len(line)
        self.file = stack.enter_context(click.open_file(path, "r+" if end else "w", encoding="utf-8"))
        self.end = end

    def add(self, epoch: EpochProgress) -> None:
        """Write the line of an epoch."""
        again = [number for number in self.starts if number >= epoch.epoch]
        self.end = min([self.starts.pop(number) for number in again], default=self.end)
        if self.file.seekable():
            self.file.seek(self.end)
            self.file.truncate()
        line = to_json(epoch.to_dict()) + "\n"
        self.file.write(line)
        self.file.flush()
        self.starts[epoch.epoch] = self.end
        self.end += len(line)


def _epoch(line: bytes) -> int | None:
    """The number of the epoch in a line of a history, None for any other line."""
    try:
        number = json.loads(line)["epoch"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return number if type(number) is int else None


class CheckpointWriter:
    """Writes the latest checkpoint of a run to a file, every so many epochs and when training stops.

    written  the checkpoint in the file. One that cannot be written costs a note, not the run.
    """

    def __init__(self, path: str, every: int, run: JsonObject) -> None:
        self.path, self.every, self.run = path, every, run
        self.last: Checkpoint | None = None
        self.written: Checkpoint | None = None

    def keep(self, checkpoint: Checkpoint) -> None:
        """Remember a checkpoint, and write it if it is due."""
        self.last = checkpoint
        if checkpoint.state.number % self.every == 0:
            self.write()

    def write(self) -> None:
        """Write the latest checkpoint, unless it is in the file already."""
        if self.last is None or self.last is self.written:
            return
        try:
            self.last.save(self.path, self.run)
        except AccessError as error:
            say([f"{error}; training continues without a new checkpoint"])
            return
        self.written = self.last


def resume_command(checkpoint: str, data: str) -> str:
    """The command line that resumes this run from a checkpoint."""
    command, *words = arguments()
    end = words.index("--") if "--" in words else len(words)  # what follows -- is not an option
    others, position = [], 0
    while position < end:
        if words[position] == "--resume":
            position += 2
            continue
        if not words[position].startswith("--resume="):
            others.append(words[position])
        position += 1
    line = shlex.join(["linclf", command, "--resume", checkpoint, *others, *words[end:]])
    return f"{line} (with the same standard input)" if data == "-" else line
