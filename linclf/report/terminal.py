"""Text for a terminal: control characters escaped."""


def printable(text: str) -> str:
    """Text for a terminal: control characters, which could move its cursor or do worse, are escaped, e.g. \\x1b."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def one_line(text: str) -> str:
    """Text for a terminal on one line: any run of whitespace becomes a space."""
    return printable(" ".join(text.split()))
