"""Where the records of text end: at a line end that is not in a quoted cell."""

import re
from collections.abc import Iterator


def record_ends(content: bytes, separator: str | None) -> Iterator[int]:
    """Yield the positions of the line ends that end a record."""
    scan = RecordScan(separator)
    scan.feed(content)
    return scan.ends()


class RecordScan:
    """Find the ends of records in content that arrives in pieces; each byte is scanned once.

    The rules are those of pandas: a quote at the beginning of a cell opens a quoted cell, which may contain line ends;
    a doubled quote within it is a quote; any other quote is an ordinary character. Without a separator every line is a
    record.
    """

    def __init__(self, separator: str | None) -> None:
        self.content, self.position, self.quoted = b"", 0, False
        self.opening = separator and re.compile(rb"(?:\A(?:\xef\xbb\xbf)?|(?<=[\n\r" + separator.encode() + rb'])) *"')

    def feed(self, more: bytes) -> None:
        """Append bytes that have arrived."""
        self.content += more

    def drop(self, end: int) -> bytes:
        """Remove the content before `end` and return it."""
        taken, self.content, self.position = self.content[:end], self.content[end:], self.position - end
        return taken

    def ends(self) -> Iterator[int]:
        """Yield the ends of records in the content that have not been yielded before."""
        while True:
            if self.quoted:
                quote = self.content.find(b'"', self.position)
                self.position = quote if quote >= 0 else len(self.content)
                if quote < 0 or quote + 1 == len(self.content):  # the next byte may double it
                    return
                doubled = self.content[quote + 1 : quote + 2] == b'"'
                self.position, self.quoted = quote + 1 + doubled, doubled
                continue
            has_quotes = self.content.find(b'"', self.position) >= 0  # looked for ten times faster than the pattern
            found = self.opening.search(self.content, self.position) if self.opening and has_quotes else None
            limit = found.start() if found else len(self.content)
            while (line := self.content.find(b"\n", self.position, limit)) >= 0:
                self.position = line + 1
                yield self.position
            if not found:
                if self.opening:  # blanks may be followed by a quote that has not arrived and opens a cell
                    self.position = max(self.position, len(self.content.rstrip(b" ")))
                return
            self.position, self.quoted = found.end(), True
