"""Text for a terminal: control characters escaped."""


def printable(text: str) -> str:
    """Text for a terminal: control characters, by which data could move its cursor or worse, as \\x1b and the like."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def one_line(text: str) -> str:
    """Text for a terminal on one line, blanks of any kind as one space."""
    return printable(" ".join(text.split()))
