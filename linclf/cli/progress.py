"""What is shown and kept of a training run while it goes on: the bar on stderr, the history, checkpoints."""

import os
import shlex
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from linclf.checkpoint import Checkpoint
from linclf.cli.options import arguments, say, wants_bar
from linclf.errors import AccessError
from linclf.fitting import Progress
from linclf.options import TrainOptions
from linclf.report import to_json


def watch(
    stack: ExitStack, config: TrainOptions, history: str | None, quiet: bool, passed: int
) -> Callable[[Progress], None]:
    """What happens after each epoch: the bar on stderr moves, the history grows by a line. `passed` is the number of the
    epoch that a run goes on from, 0 for none."""
    bar: Any = None
    if wants_bar(quiet):
        from tqdm import tqdm

        bar = stack.enter_context(tqdm(desc=config.loss, unit="epoch", leave=False, initial=passed))
    lines = None if history is None else _History(stack, history, passed)

    def on_epoch(epoch: Progress) -> None:
        """Show and record one epoch."""
        if bar is not None:
            bar.total = epoch.epochs
            shown = {"objective": f"{epoch.objective_estimate:.4g}"}
            if epoch.val_accuracy is not None:
                shown["val"] = f"{epoch.val_accuracy:.4f}"
            bar.set_postfix(shown, refresh=False)
            bar.update(epoch.epoch - bar.n)
        if lines is not None:
            lines.add(epoch)

    return on_epoch


class _History:
    """A line of JSON for each epoch; those of epochs that are trained again are taken back."""

    def __init__(self, stack: ExitStack, path: str, passed: int) -> None:
        before: list[bytes] = []
        if passed and os.path.isfile(path):
            before = Path(path).read_bytes().splitlines(keepends=True)[:passed]
        self.file = stack.enter_context(click.open_file(path, "r+" if before else "w", encoding="utf-8"))
        self.ends = [0]  # where the line of each epoch ends
        for line in before:
            self.ends.append(self.ends[-1] + len(line))
        self.first = passed - len(before)  # the epoch before the first line

    def add(self, epoch: Progress) -> None:
        """Write the line of an epoch."""
        if self.file.seekable():
            del self.ends[epoch.epoch - self.first :]
            self.file.seek(self.ends[-1])
            self.file.truncate()
        self.file.write(to_json({key: x for key, x in vars(epoch).items() if key != "epochs"}) + "\n")
        self.file.flush()
        if self.file.seekable():
            self.ends.append(self.file.tell())


class Kept:
    """The checkpoint of a run: the last one that training gave, written every so many epochs and when it stops.

    written  whether one is in the file. One that cannot be written costs a note, not the run.
    """

    def __init__(self, path: str, every: int, run: dict[str, Any]) -> None:
        self.path, self.every, self.run = path, every, run
        self.last: Checkpoint | None = None
        self.at = 0  # the epoch of the one in the file
        self.written = False

    def keep(self, checkpoint: Checkpoint) -> None:
        """Take a checkpoint, and write it if it is due."""
        self.last = checkpoint
        if checkpoint.standing.number % self.every == 0:
            self.write()

    def write(self) -> None:
        """Write the last one, if it is not in the file yet."""
        if self.last is None or self.last.standing.number == self.at:
            return
        try:
            self.last.save(self.path, self.run)
        except AccessError as error:
            say([f"{error}; training goes on without"])
            return
        self.at, self.written = self.last.standing.number, True

    def command(self) -> str:
        """The command that goes on from it."""
        words = arguments()
        for i, word in enumerate(words):
            if word == "--resume" or word.startswith("--resume="):
                del words[i : i + 1 + (word == "--resume")]
                break
        return shlex.join(["linclf", *words, "--resume", self.path])
