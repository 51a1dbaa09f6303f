"""Text files in UTF-8, UTF-16 and the code pages of Windows, as UTF-8; line ends of old Macs as LF."""

import codecs
import io
import re
from typing import BinaryIO

from linclf.errors import InputError

CHUNK = 1 << 20
LONG_LINE = 1 << 20  # bytes without a line end, after which what is there is passed on
UTF16_SHARE = 0.3  # share of the bytes of UTF-16 text without a mark that are 0: every second one in Latin text
_MARKS = {  # at the beginning of a file; longer ones first, since one begins with another
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NO_TEXT = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]")
END_OF_FILE = b"\x1a"  # Ctrl-Z, which ends the files of old programs
_LINE_END = re.compile(
    rb'(?:\A(?:\xef\xbb\xbf)?|(?<=[\n\r,;\t| ]))"[^"]*(?:"|\Z)|(\r\n?|\n)'
)  # quoted cells may contain other line ends
_NOT_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


def guess_encoding(start: bytes) -> str:
    """The encoding of text that begins with these bytes, as far as they tell: UTF-32, UTF-16, else UTF-8."""
    named = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
    if named is not None:
        return named
    zeros = start[:1000]
    for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if zeros[first::2].count(0) > UTF16_SHARE * len(zeros) and zeros[1 - first :: 2].count(0) == 0:
            return name
    return "utf-8"


class Transcoder(io.RawIOBase):
    """A file of text as UTF-8, read in pieces. If its first line ends with CR alone, CR becomes LF; a last Ctrl-Z is left out.

    Without a given encoding, bytes that are not UTF-8 are read as cp1252, or as latin-1 where it does not define them. A file
    that was UTF-8 before is not: its error names the line.

    encoding  the encoding in use, by now
    """

    def __init__(self, name: str, file: BinaryIO, encoding: str | None) -> None:
        self.name, self.file, self.given = name, file, encoding
        self.encoding, self.decoder = encoding, None if encoding is None else _decoder(encoding)
        self.lines, self.has_letters = 0, False
        self.line_end, self.held = b"", b""  # the first line end; text that is not passed on yet

    def fileno(self) -> int:
        """That of the file, for `select`."""
        return self.file.fileno()

    def read1(self, size: int) -> bytes:
        """About as many bytes of UTF-8, none at the end."""
        read = getattr(self.file, "read1", self.file.read)
        while True:
            content: bytes = read(size)
            if self.encoding is None:
                self.encoding = guess_encoding(content)
                self.decoder = _decoder(self.encoding)
            decoded = self._decoded(content)
            text = self._with_line_ends(decoded, final=not content)
            if text or not content:
                self.lines += _line_ends(text)
                return text

    def _with_line_ends(self, text: bytes, final: bool) -> bytes:
        """The text that can be passed on: what follows the first CR tells whether it ends lines by itself, and a Ctrl-Z may be the
        last byte."""
        text, self.held = self.held + text, b""
        if final:
            text = text.removesuffix(END_OF_FILE)
        if not self.line_end:
            self.line_end = first_line_end(text if final else text.removesuffix(b"\r"))
            if not self.line_end and not final and len(text) < LONG_LINE:
                self.held = text
                return b""
        if not final and text.endswith(END_OF_FILE):
            text, self.held = text[:-1], END_OF_FILE
        return text.replace(b"\r", b"\n") if self.line_end == b"\r" else text

    def _decoded(self, content: bytes) -> bytes:
        assert self.decoder is not None
        if self.encoding == "utf-8" and content.isascii() and not self.decoder.getstate()[0]:
            return content
        pending = self.decoder.getstate()[0]
        try:
            text = self.decoder.decode(content, final=not content)
        except UnicodeDecodeError as error:
            whole = pending + content
            line = self.lines + _line_ends(whole[: error.start]) + 1
            mixed = self.has_letters or not whole[: error.start].isascii()
            if (
                self.given is not None
                or self.encoding != "utf-8"
                or mixed
                or _NO_TEXT.search(whole.removesuffix(END_OF_FILE))
            ):
                wanted = self.given or self.encoding or "utf-8"
                raise InputError(
                    f"{self.name}:{line}: is not {'UTF-8' if wanted == 'utf-8' else wanted} text; name its encoding with --encoding"
                ) from None
            self.encoding = "latin-1" if _NOT_CP1252.search(whole) else "cp1252"
            self.decoder = _decoder(self.encoding, "replace")
            return self.decoder.decode(whole).encode()
        self.has_letters |= not text.isascii()
        return text.encode("utf-8", "surrogatepass")

    def note(self) -> str | None:
        """What to say of an encoding that was not given, None for UTF-8."""
        if self.given is not None or self.encoding in (None, "utf-8"):
            return None
        guess = "is not UTF-8 text, and was read as" if self.encoding in ("cp1252", "latin-1") else "was read as"
        return f"{guess} {self.encoding}; --encoding names another encoding"


def first_line_end(text: bytes) -> bytes:
    """The first line end that is not in quotes: LF, CR LF or CR; empty for none."""
    return next((found[1] for found in _LINE_END.finditer(text, 0, LONG_LINE) if found[1]), b"")


def _line_ends(text: bytes) -> int:
    return len(re.findall(rb"\r\n|\r|\n", text))


def _decoder(encoding: str, errors: str = "strict") -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder(encoding)(errors)


def to_utf8(name: str, content: bytes, encoding: str | None) -> tuple[bytes, str | None]:
    """Text as `Transcoder` passes it on, without a copy if it stays the same, and a note if the encoding was guessed. Raises
    InputError for text that is not of the given encoding."""
    if (
        (encoding is None or codecs.lookup(encoding).name in ("utf-8", "ascii"))
        and content.isascii()
        and b"\0" not in content
        and first_line_end(content) != b"\r"
        and not content.endswith(END_OF_FILE)
    ):
        return content, None
    file, pieces = Transcoder(name, io.BytesIO(content), encoding), []
    while piece := file.read1(CHUNK):
        pieces.append(piece)
    found = b"".join(pieces)
    # the first pieces were ASCII and are the same in cp1252
    return (content if found == content else found), file.note()
