"""The journal of a sweep: a line of JSON for each finished configuration, appended and synced, so that a sweep that was
stopped goes on where it was.

The first line says which sweep it is: the data's digests and all options that the rows depend on.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from io import FileIO
from pathlib import Path
from typing import Any

from linclf.errors import AccessError, InputError
from linclf.sweep.results import STATES, Row
from linclf.training.checkpoint import differences

FORMAT = 1


@contextmanager
def open_journal(path: str, sweep: Mapping[str, Any], options: Sequence[Mapping[str, Any]]) -> Iterator["Journal"]:
    """The journal at a path, open and locked for as long as the sweep runs.

    sweep    what tells this sweep from others, as plain data
    options  those of each of its configurations
    Raises InputError for a file that is no journal or that of another sweep, AccessError where it cannot be written.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{path}: is no file that a journal could grow in; give --journal another name")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(path).open("a+b", buffering=0))
        except OSError as error:
            raise AccessError(f"{path}: could not be opened: {error.strerror}; give another name") from None
        yield Journal(path, file, sweep, options)


class Journal:
    """An open journal: `rows` by configuration that it holds, `notes` on what was done to it. See `open_journal`."""

    def __init__(self, path: str, file: FileIO, sweep: Mapping[str, Any], options: Sequence[Mapping[str, Any]]) -> None:
        self.path, self.file, self.options = path, file, options
        self.rows: dict[int, Row] = {}
        self.notes: list[str] = []
        self._begin(_line({"journal": FORMAT, **sweep}), sweep)

    def _begin(self, head: bytes, sweep: Mapping[str, Any]) -> None:
        """Read what is there, and mend or write the first line."""
        self._lock()
        self.file.seek(0)
        content = self.file.read()
        whole, torn = content[: content.rfind(b"\n") + 1], content[content.rfind(b"\n") + 1 :]
        begun = torn.startswith(head[: len('{"journal"')]) and head.startswith(torn)
        if not content or (not whole and begun):  # a new file, or one that was cut in its first line
            whole = b""
        else:
            self._check(whole or torn, sweep)
            self._read(whole)
        if torn:
            self.notes.append(f"{self.path}: its last line was cut short and was dropped")
        try:
            if torn:
                self.file.truncate(len(whole))
            self._append(b"" if whole else head)
        except OSError as error:
            raise AccessError(f"{self.path}: could not be written: {error.strerror}; give another name") from None

    def _lock(self) -> None:
        """No two sweeps write one journal. The lock is this process's own: its children have no part in it."""
        try:
            import fcntl
        except ImportError:  # not on every system
            return
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AccessError(f"{self.path}: another sweep is writing it; wait for it, or give another name") from None

    def _check(self, content: bytes, sweep: Mapping[str, Any]) -> None:
        """Compare the first line with this sweep."""
        try:
            found = json.loads(content.splitlines()[0])
            version = found.pop("journal")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InputError(
                f"{self.path}:1: this is no journal of linclf sweep; give --journal another name"
            ) from None
        expected = json.loads(_line(sweep))
        if version != FORMAT:
            raise InputError(f"{self.path}:1: is a journal of another version of linclf; give --journal another name")
        differing = differences(found, expected)
        if differing:
            name, was, now = differing[0]
            what = (
                "of other data" if name.startswith("data") else f"of another sweep: {name} was {was}, now it is {now}"
            )
            raise InputError(f"{self.path}:1: is the journal {what}; give --journal another name")

    def _read(self, whole: bytes) -> None:
        for number, line in enumerate(whole.splitlines()[1:], 2):
            try:
                entry = json.loads(line, parse_constant=float)
                configuration, row = entry["configuration"], Row(**entry["row"])
                row = replace(row, folds=tuple(row.folds))
                sound = self._is_sound(configuration, row)
            except (ValueError, KeyError, TypeError, RecursionError):
                sound = False
            if not sound:
                raise InputError(
                    f"{self.path}:{number}: is no line that this sweep wrote; remove it, and its configuration is trained anew"
                )
            self.rows[configuration] = row

    def _is_sound(self, configuration: Any, row: Row) -> bool:
        """Whether a row that was read is one of this sweep."""
        numbers = [row.score, row.score_std, row.score_se, row.objective, row.lr, row.momentum, row.epochs]
        return (
            type(configuration) is int
            and 0 <= configuration < len(self.options)
            and row.options == self.options[configuration]
            and row.status in STATES
            and row.status != "unfinished"
            and (row.score is not None) == (row.status != "diverged")
            and all(x is None or (type(x) in (int, float) and math.isfinite(x)) for x in numbers)
        )

    def add(self, rows: Mapping[int, Row]) -> None:
        """Append the rows of these configurations that it does not hold yet, and wait until the disk has them."""
        new = {number: row for number, row in sorted(rows.items()) if number not in self.rows}
        self.rows |= new
        try:
            self._append(b"".join(_line({"configuration": number, "row": asdict(row)}) for number, row in new.items()))
        except OSError as error:
            raise AccessError(
                f"{self.path}: could not be written: {error.strerror}; make room and run the same command to go on"
            ) from None

    def _append(self, content: bytes) -> None:
        while content:
            content = content[self.file.write(content) :]
        os.fsync(self.file.fileno())


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, allow_nan=False).encode() + b"\n"
