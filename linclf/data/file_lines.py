"""The lines of several files that are read as one."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple


class FileLines(NamedTuple):
    """The lines of a file among those of several files that were joined.

    first  the first of its lines, counted from 1 over all files as they were joined
    name   its name
    line   the number of that line in the file
    """

    first: int
    name: str
    line: int = 1


def place_in_files(files: Sequence[FileLines], line: int) -> str:
    """FILE:LINE of a line of the joined files, which are in their order."""
    file = files[max(bisect_right([file.first for file in files], line) - 1, 0)]
    return f"{file.name}:{line - file.first + file.line}"
