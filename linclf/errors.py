"""What can go wrong, as exceptions that carry their exit code. Each message is one line: what, where, what to do."""


class LinclfError(Exception):
    """The base of all of linclf's own errors."""

    exit_code = 1


class InputError(LinclfError, ValueError):
    """The command, an option or the data is wrong."""

    exit_code = 2


class RowError(InputError):
    """A row that a model cannot score: its number from 0, and what is wrong with it."""

    def __init__(self, row: int, what: str) -> None:
        super().__init__(f"row {row} (from 0) {what}")
        self.row, self.what = row, what


class DivergedError(LinclfError, ArithmeticError):
    """Training produced NaN or infinity, or ended worse than zero weights."""

    exit_code = 3


class AccessError(LinclfError, OSError):
    """A file is there but could not be read or written, or the network is unreachable."""

    exit_code = 4


class GradientError(LinclfError):
    """A gradient check failed."""

    exit_code = 6
