"""What the checks of the doctor return."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One finding.

    key      the kind of finding
    what     the problem
    do       what to do about it; begins with "nothing" where nothing needs to be done
    columns  the columns concerned
    """

    key: str
    what: str
    do: str
    columns: tuple[str, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether there is something to do."""
        return not self.do.startswith("nothing")
