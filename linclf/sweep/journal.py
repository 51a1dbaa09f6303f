"""The journal of a sweep: a line of JSON for each finished configuration, appended and synced, so that a stopped sweep can be
resumed.

The first line identifies the sweep: the digests of the data and all options that the rows depend on.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from io import FileIO
from pathlib import Path

from linclf.errors import AccessError, InputError
from linclf.sweep.results import STATES, Row
from linclf.training.checkpoint import differences

FORMAT = 1


@contextmanager
def open_journal(
    path: str, sweep: Mapping[str, object], options: Sequence[Mapping[str, object]]
) -> Iterator["Journal"]:
    """Open and lock the journal at a path while the sweep runs.

    sweep    the fingerprint of this sweep, as plain data
    options  the options of each of its configurations
    Raises InputError for a file that is no journal or that of another sweep, AccessError where it cannot be written.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{path}: is not a regular file, which a journal must be; give --journal another name")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(path).open("a+b", buffering=0))
        except OSError as error:
            raise AccessError(f"{path}: could not be opened: {error.strerror}; give another name") from None
        yield Journal(path, file, sweep, options)


class Journal:
    """An open journal: the `rows` in it by configuration, and `notes` on repairs. See `open_journal`."""

    def __init__(
        self, path: str, file: FileIO, sweep: Mapping[str, object], options: Sequence[Mapping[str, object]]
    ) -> None:
        self.path, self.file, self.options = path, file, options
        self.rows: dict[int, Row] = {}
        self.notes: list[str] = []
        self._start(_line({"journal": FORMAT, **sweep}), sweep)

    def _start(self, head: bytes, sweep: Mapping[str, object]) -> None:
        """Read the file, and write the first line if it is missing or was cut short."""
        self._lock()
        self.file.seek(0)
        content = self.file.read()
        complete, torn = content[: content.rfind(b"\n") + 1], content[content.rfind(b"\n") + 1 :]
        is_own_start = torn.startswith(head[: len('{"journal"')]) and head.startswith(torn)
        if not content or (not complete and is_own_start):  # a new file, or one that was cut short in its first line
            complete = b""
        else:
            self._check(complete or torn, sweep)
            self._read(complete)
        if torn:
            self.notes.append(f"{self.path}: its last line was cut short and was dropped")
        try:
            if torn:
                self.file.truncate(len(complete))
            self._append(b"" if complete else head)
        except OSError as error:
            raise AccessError(f"{self.path}: could not be written: {error.strerror}; give another name") from None

    def _lock(self) -> None:
        """Lock the file against other sweeps. The lock belongs to this process, not to its children."""
        try:
            import fcntl
        except ImportError:  # not available on every system
            return
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AccessError(f"{self.path}: another sweep is writing it; wait for it, or give another name") from None

    def _check(self, content: bytes, sweep: Mapping[str, object]) -> None:
        """Compare the first line with the fingerprint of this sweep."""
        try:
            found = json.loads(content.splitlines()[0])
            version = found.pop("journal")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InputError(f"{self.path}:1: is not a journal of linclf sweep; give --journal another name") from None
        expected = json.loads(_line(sweep))
        if "metric" in expected:
            found.setdefault("metric", "accuracy")  # of journals that were written before there were others
        if version != FORMAT:
            raise InputError(f"{self.path}:1: is a journal of another version of linclf; give --journal another name")
        differing = differences(found, expected)
        if differing:
            name, was, now = differing[0]
            what = (
                "of other data" if name.startswith("data") else f"of another sweep: {name} was {was}, now it is {now}"
            )
            raise InputError(f"{self.path}:1: is the journal {what}; give --journal another name")

    def _read(self, lines: bytes) -> None:
        for number, line in enumerate(lines.splitlines()[1:], 2):
            try:
                entry = json.loads(line, parse_constant=float)
                configuration, row = entry["configuration"], Row(**entry["row"])
                row = replace(row, folds=tuple(row.folds), seeds=tuple(row.seeds))
                sound = self._is_sound(configuration, row)
            except (ValueError, KeyError, TypeError, RecursionError):
                sound = False
            if not sound:
                raise InputError(
                    f"{self.path}:{number}: was not written by this sweep; remove the line, and its configuration is trained again"
                )
            self.rows[configuration] = row

    def _is_sound(self, configuration: object, row: Row) -> bool:
        """Whether a row that was read can be a row of this sweep."""
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
        """Append the rows of these configurations that are not in the journal yet, and sync the file."""
        new = {number: row for number, row in sorted(rows.items()) if number not in self.rows}
        self.rows |= new
        try:
            self._append(b"".join(_line({"configuration": number, "row": asdict(row)}) for number, row in new.items()))
        except OSError as error:
            raise AccessError(
                f"{self.path}: could not be written: {error.strerror}; free some disk space and run the same command to resume"
            ) from None

    def _append(self, content: bytes) -> None:
        while content:
            content = content[self.file.write(content) :]
        os.fsync(self.file.fileno())


def _line(entry: Mapping[str, object]) -> bytes:
    return json.dumps(entry, allow_nan=False).encode() + b"\n"
