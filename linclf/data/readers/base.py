"""The description of a file format: its name, its suffixes, the function that reads it, and the options it understands."""

import codecs
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from linclf.data.dataset import Dataset
from linclf.data.readers.dialect import Settled
from linclf.data.schema import Schema
from linclf.data.source import RawFile, Source
from linclf.data.table import listed
from linclf.errors import InputError

COLUMN_OPTIONS = (
    "target",
    "drop",
    "numeric",
    "category",
    "text",
    "min_count",
    "weight",
    "group",
    "time",
    "decimal",
    "thousands",
    "na_values",
    "ranges",
    "day_first",
    "date_parts",
    "analyzer",
    "ngrams",
    "clean_labels",
)  # of formats whose columns have names
SHOWN = 12  # column names shown in a message
ZIP = b"PK\x03\x04"  # the first bytes of formats that are zip files
ZIP_HINT = "is an Excel workbook or another zip file; pass --format excel if it is a workbook, else save it as CSV, or unpack it"


class Piece(NamedTuple):
    """The content of one of several files, to be joined with the others, without its first `skipped` lines."""

    content: bytes
    skipped: int = 0


def count_lines(content: bytes) -> int:
    """The number of line ends in text: each is LF, CR LF or CR."""
    return len(re.findall(rb"\r\n|\r|\n", content))


def with_line_end(content: bytes) -> bytes:
    """Text whose last line has a line end."""
    return content if content.endswith((b"\n", b"\r")) else content + b"\n"


def check_same_columns(name: str, names: Sequence[str], first: str, columns: Sequence[str]) -> None:
    """Raise InputError unless the file `name` has the columns of the file `first`, in any order."""
    if sorted(names) == sorted(columns):
        return
    lacking, more = [one for one in columns if one not in names], [one for one in names if one not in columns]
    differ = [f"lacks {listed(lacking, SHOWN)}"] * bool(lacking) + [f"has {listed(more, SHOWN)} besides"] * bool(more)
    raise InputError(
        f"{name}: has other columns than {first}: {' and '.join(differ) or 'a name occurs twice'}; give all files the same "
        "columns, in any order"
    )


def join_lines(raws: Sequence[RawFile], model_schema: Schema | None) -> list[Piece]:
    """Join files of which every line is by itself."""
    return [Piece(with_line_end(raw.content.removeprefix(codecs.BOM_UTF8))) for raw in raws]


@dataclass(frozen=True)
class Reader:
    """A file format. To add one, define its Reader in a new file of this folder and list it in `registry.READERS`.

    name              its name, as typed after --format
    suffixes          the suffixes of its files, in lower case, with the dot
    read              (raw, model_schema, labelled) -> Dataset: `model_schema` is the schema of a model whose columns are wanted, or None;
                      `labelled` is whether labels are required; raises InputError
    options           the data options that it understands, as fields of `Source`; others are refused
    first_bytes       the bytes that all its files begin with; empty for text
    first_bytes_hint  the error for a file that begins with them but is read as another format
    by_lines          whether records end with a line, so that rows on standard input can be read as they arrive
    separator         the usual one between cells, where quoted cells may contain line ends; None if every line end ends a record
    array_start       the first byte of a file that is one array of all records, which is read as a whole
    comment           what begins a comment, which reaches to the end of the line; None for none
    newline_at_end    whether complete files end with a line end, so that one without it may have been cut short
    settle            (raw, model_schema) -> Settled: find out how the file is written, by its beginning; None if all are the same
    may_have_parts    whether a file may have validation and test rows beside the training rows
    join              (raws, model_schema) -> the contents of several files, to be read as the content of one; raises InputError if
                      they do not fit together; None for a format of which several files cannot be read as one
    has_tables        whether a file holds tables, of which DATA names one as FILE::TABLE, or a query
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[RawFile, Schema | None, bool], Dataset]
    options: tuple[str, ...] = ()
    first_bytes: bytes = b""
    first_bytes_hint: str = ""
    by_lines: bool = False
    separator: str | None = None
    array_start: bytes = b""
    comment: bytes | None = None
    newline_at_end: bool = False
    settle: Callable[[RawFile, Schema | None], Settled] | None = None
    may_have_parts: bool = False
    join: Callable[[Sequence[RawFile], Schema | None], "list[Piece]"] | None = None
    has_tables: bool = False

    def has_records(self, content: bytes) -> bool:
        """Whether there is anything but blanks and comments."""
        blank = rb"(?m)^[^\S\n]*[^\s" + (self.comment or b"") + rb"]"
        return re.search(blank, content) is not None

    def unsupported(self, source: Source) -> str | None:
        """The first data option that was given and that this format does not understand, as a field of Source."""
        return next((field for field in source.given_options() if field not in self.options), None)

    def may_be_cut_short(self, content: bytes) -> bool:
        """Whether this text ends within a line: nothing tells a cut number or name from a complete one."""
        return self.newline_at_end and not content.endswith((b"\n", b"\r"))
