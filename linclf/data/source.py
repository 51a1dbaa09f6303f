"""Where data come from and how to read them: the data options of the command line, and the bytes of a file."""

import codecs
import math
from dataclasses import dataclass, replace

from linclf.errors import InputError
from linclf.storage.packed import unpacked_limit

FLAGS = {  # the data options that only some formats understand: the field of Source, and the flag
    "drop": "--drop",
    "numeric": "--numeric",
    "category": "--category",
    "text": "--text",
    "target": "--target",
    "header": "--no-header",
    "min_count": "--min-count",
    "weight": "--weight",
    "group": "--group",
    "time": "--time",
    "zero_based": "--zero-based or --one-based",
    "sep": "--sep",
    "decimal": "--decimal",
    "thousands": "--thousands",
    "encoding": "--encoding",
    "na_values": "--na-values",
    "comment": "--comment",
    "skip_rows": "--skip-rows",
    "ranges": "--ranges",
    "day_first": "--day-first or --month-first",
    "date_parts": "--date-parts",
    "analyzer": "--analyzer",
    "ngrams": "--ngrams",
    "clean_labels": "--clean-labels",
    "sheet": "--sheet",
}
DATE_PARTS = ("auto", "yes", "no")
ANALYZERS = ("word", "char")


@dataclass(frozen=True)
class Source:
    """The data and how to read them: the data options of the command line.

    data        a name (`linclf datasets`) or a path, `-` for standard input
    format      the name of a reader (`linclf.data.readers.registry.READERS`); None: the suffix decides
    header      whether a table's first line names its columns
    target      the column of labels; None: the only column named target, label, class or y
    drop        columns to leave out
    zero_based  whether svmlight indices count from 0; None: they do if the file has an index 0
    numeric, category, text   columns that are numbers, categories or text whatever they contain
    min_count   rows that must have a level of a category, or a word of a text, for it to become a feature
    weight      the column of row weights: a row of weight 2 counts as two rows, a row of weight 0 as none
    group       the column of groups: no group is on both sides of a split
    time        the column of times: no row of the future is trained on
    sheet       the sheet of a workbook: its name, or its number from 1; None: the first one
    max_features   the largest number of feature columns: an svmlight index with a digit too many would take all memory
    max_unpacked   the largest uncompressed size in megabytes; None: see `linclf.storage.packed.unpacked_limit`

    sep         the character between the cells of a line; None: found by looking
    decimal     the decimal mark, `.` or `,`; None: found by looking, for the file and for each column of text
    thousands   the mark between groups of three digits; None: found by looking, for each column of text
    encoding    how text is encoded, as Python names it; None: UTF-8, UTF-16 with a byte order mark, else cp1252
    na_values   cells that are missing, beside the usual ones: words, and numbers such as -999
    comment     what begins a comment that reaches to the end of the line, a character; None for none
    skip_rows   the number of lines before the header that are skipped; None: found by looking
    ranges      whether a range such as 18-25 is a number, its middle
    day_first   whether 01/02/2024 is the first of February; None: decided by the cells of the column
    date_parts  whether weekday, month and hour of a date are features: one of DATE_PARTS, auto: if they tell about the label
    analyzer    what the features of a text are made of, one of ANALYZERS; None: characters where words are not separated
    ngrams      the smallest and largest number of words, or characters, in a row that make a feature; None: by analyzer
    clean_labels   whether labels that differ by blanks, case, Unicode form, or as 1 and 1.0, are one
    lenient     whether data that look unlike those of the training are predicted all the same, with a note

    The columns `weight`, `group` and `time` are no features, unless numeric, category or text names them too.

    Raises InputError for a number out of range, and for a column that is named twice.
    """

    data: str = "digits"
    format: str | None = None
    header: bool = True
    target: str | None = None
    drop: tuple[str, ...] = ()
    zero_based: bool | None = None
    numeric: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    min_count: int = 2
    weight: str | None = None
    group: str | None = None
    time: str | None = None
    sheet: str | None = None
    max_features: int = 2**24
    max_unpacked: float | None = None
    sep: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str | None = None
    na_values: tuple[str, ...] = ()
    comment: str | None = None
    skip_rows: int | None = None
    ranges: bool = False
    day_first: bool | None = None
    date_parts: str = "auto"
    analyzer: str | None = None
    ngrams: tuple[int, ...] | None = None
    clean_labels: bool = False
    lenient: bool = False

    def __post_init__(self) -> None:
        if self.max_features < 1:
            raise InputError(f"max-features is {self.max_features}; give a whole number >= 1")
        if self.max_unpacked is not None and not 0 < self.max_unpacked < math.inf:
            raise InputError(f"max-unpacked is {self.max_unpacked}; give a number of megabytes > 0")
        if self.min_count < 1:
            raise InputError(f"min-count is {self.min_count}; give a whole number of rows >= 1")
        self._check_dialect()
        named = [name for columns in self.column_options().values() for name in columns]
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise InputError(
                f"column {twice!r} is named by more than one of --drop, --numeric, --category and --text; name it once"
            )
        for role, column in self.roles().items():
            if column in self.drop:
                raise InputError(
                    f"column {column!r} is named by --drop and --{role}, which makes it no feature; leave out --drop"
                )
            if column == self.target:
                raise InputError(f"column {column!r} is named by --target and --{role}; give two columns")

    def check_width(self, width: int) -> None:
        """Raise InputError for more columns than --max-features."""
        if width > self.max_features:
            raise InputError(
                f"{self.data}: has {width} feature columns, more than --max-features {self.max_features}; if that is "
                "right, give a larger one"
            )

    def column_options(self) -> dict[str, tuple[str, ...]]:
        """The options that name columns and set their kind, each with its columns."""
        return {"drop": self.drop, "numeric": self.numeric, "category": self.category, "text": self.text}

    def roles(self) -> dict[str, str]:
        """The columns that weigh, group or order the rows, by the name of their option."""
        given = {"weight": self.weight, "group": self.group, "time": self.time}
        return {role: column for role, column in given.items() if column is not None}

    def _check_dialect(self) -> None:
        """Raise InputError for marks that no file can have."""
        for name in ("sep", "comment"):
            mark = getattr(self, name)
            if mark is not None and (len(mark) != 1 or mark in '\n\r"' or not mark.isascii()):
                raise InputError(f"--{name} is {mark!r}; give one character, a tab as '\\t'")
        if self.decimal not in (None, ".", ","):
            raise InputError(f"--decimal is {self.decimal!r}; give '.' or ','")
        if self.thousands not in (None, "", ".", ",", " ", "'"):
            raise InputError(f"--thousands is {self.thousands!r}; give '.', ',', ' ', \"'\" or '' for none")
        if self.thousands and self.thousands == self.decimal:
            raise InputError(f"--decimal and --thousands are both {self.decimal!r}; give two marks")
        if self.skip_rows is not None and self.skip_rows < 0:
            raise InputError(f"skip-rows is {self.skip_rows}; give a whole number of lines >= 0")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise InputError(f"--encoding {self.encoding}: there is no such encoding; e.g. utf-8, cp1252") from None
        if self.ngrams is not None and (len(self.ngrams) != 2 or not 1 <= self.ngrams[0] <= self.ngrams[1] <= 20):
            raise InputError("ngrams are the smallest and the largest length, from 1 to 20, such as 1,2")

    def decimal_or(self, likely: str) -> str:
        """The decimal mark; `likely` if neither it nor the thousands mark was given."""
        return self.decimal or {".": ",", ",": "."}.get(self.thousands or "", likely)

    def as_trained(self, na_values: tuple[str, ...]) -> "Source":
        """With the missing cells of the training data, too."""
        return replace(self, na_values=tuple(dict.fromkeys([*self.na_values, *na_values])))

    def given_options(self) -> list[str]:
        """The fields among FLAGS that differ from their defaults, in that order."""
        return [name for name in FLAGS if getattr(self, name) != getattr(Source, name)]


@dataclass(frozen=True)
class RawFile:
    """A file that was read but not parsed.

    source   its path and the data options
    format   the name of its reader; None for a named data set
    digest   SHA-256 of its bytes
    content  its bytes, decompressed
    skipped  the number of lines before the content (of a table: between its header and the first row of the content)
    columns  the columns of the table in the rows before the content (`Dataset.columns`), as far as they are known
    keep     columns that are wanted as they are in the file, beside those that are read (`Dataset.kept`)
    whole    whether this is all of the file, and not a piece of it
    """

    source: Source
    format: str | None
    digest: str
    content: bytes = b""
    skipped: int = 0
    columns: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    whole: bool = True

    def check_cells(self, rows: int, columns: int) -> None:
        """Raise InputError if the cells of a table take more memory than a packed file of this size may: formats that
        store repeated cells once, or leave missing ones out, can describe a large table in few bytes."""
        self.check_bytes(8 * rows * columns)

    def check_bytes(self, size: int) -> None:
        """Raise InputError if `size` bytes are more than a packed file of this size may take."""
        limit = unpacked_limit(len(self.content), self.source.max_unpacked)
        if size > limit:
            raise InputError(
                f"{self.source.data}: unpacks to {size / 1e6:.0f} MB, more than {limit / 1e6:.0f}; if that is right, pass "
                "--max-unpacked"
            )
