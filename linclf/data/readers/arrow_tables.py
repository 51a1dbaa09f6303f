"""Files of Arrow tables, read through pyarrow (extra `parquet`), as Datasets: what Parquet and Arrow IPC have in common."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, Protocol

from linclf.data.dataset import Dataset
from linclf.data.matching import Match, match_table
from linclf.data.readers.base import Piece, check_same_columns
from linclf.data.readers.frame import check_kept, choose_target, to_dataset
from linclf.data.schema import Schema
from linclf.data.source import RawFile
from linclf.data.table import Frame, check_columns, option
from linclf.errors import InputError


class ArrowFile(Protocol):
    """An open file with a table of Arrow."""

    @property
    def schema(self) -> Any:
        """The schema, of pyarrow."""

    def check_size(self, raw: RawFile, columns: int) -> None:
        """Raise InputError if this many of its columns take more memory than a packed file of its size may."""

    def read(self, columns: list[str]) -> Any:
        """These columns, as a table of pyarrow in which repeated text may be stored once."""


@dataclass(frozen=True)
class ArrowFormat:
    """A format of files with tables of Arrow.

    name   as messages write it
    open   opens the content of a file; raises errors of pyarrow
    write  the content of a file with a table
    """

    name: str
    open: Callable[[bytes], ArrowFile]
    write: Callable[[Any], bytes]

    def read(self, raw: RawFile, model_schema: Schema | None, labelled: bool) -> Dataset:
        """Read a file as a Dataset whose X is a Table; raises InputError if pyarrow is not installed."""
        self._check_installed(raw)
        try:
            file = self.open(raw.content)
            columns = _columns(raw, file)
            check_kept(raw, columns)
            target = choose_target(raw.source, columns, model_schema, labelled)
            match = None
            if model_schema is not None:
                match = match_table(columns, model_schema, raw.source, target, labelled=labelled)
            frame = _frame(raw, file, match)
            kept = _read(file, list(raw.keep)) if raw.keep else None
            values = tuple(kept.column(name).to_pylist() for name in raw.keep) if kept is not None else ()
        except InputError:
            raise
        except Exception as error:  # pyarrow and pandas raise many types for damaged files and dates
            raise self._not_complete(raw, error) from None
        return replace(to_dataset(frame[columns], raw, target, match, labelled=labelled), kept=values)

    def join(self, raws: Sequence[RawFile], model_schema: Schema | None) -> list[Piece]:
        """Join files whose columns have the same names, in any order, and types that fit together, such as whole numbers and
        decimals."""
        self._check_installed(raws[0])
        import pyarrow

        tables: list[Any] = []
        columns: list[str] = []
        for raw in raws:
            name, first = raw.source.data, raws[0].source.data
            try:
                file = self.open(raw.content)
                names = _columns(raw, file)
                columns = columns or names
                check_same_columns(name, names, first, columns)
                file.check_size(raw, len(names))
                tables.append(_read(file, columns).select(columns).replace_schema_metadata())
            except InputError:
                raise
            except Exception as error:  # pyarrow raises many types for damaged files
                raise self._not_complete(raw, error) from None
            try:
                pyarrow.unify_schemas([tables[0].schema, tables[-1].schema], promote_options="permissive")
            except (pyarrow.ArrowTypeError, pyarrow.ArrowInvalid) as error:
                raise InputError(f"{name}: has columns of other types than {first} ({error})") from None
        joined = pyarrow.concat_tables(tables, promote_options="permissive").unify_dictionaries()
        return [Piece(self.write(joined))]

    def _check_installed(self, raw: RawFile) -> None:
        if find_spec("pyarrow") is None:
            raise InputError(
                f"{raw.source.data}: reading {self.name} needs pyarrow; install it with: pip install pyarrow"
            )

    def _not_complete(self, raw: RawFile, error: Exception) -> InputError:
        return InputError(f"{raw.source.data}: is not a complete {self.name} file ({error}); see --format")


def _read(file: ArrowFile, columns: list[str]) -> Any:
    """These columns, as a table of pyarrow. Raises ArrowInvalid for cells outside of the file, and for text that is not UTF-8."""
    table = file.read(columns)
    table.validate(full=True)
    return table


def _columns(raw: RawFile, file: ArrowFile) -> list[str]:
    """The names of the columns, without pandas' index. Raises InputError if two are the same."""
    names = [str(column) for column in file.schema.names]
    twice = next((column for column, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"{raw.source.data}: two columns are named {twice!r}; give each a different name")
    check_columns(len(names), raw.source.data)
    return [column for column in names if not re.fullmatch(r"__index_level_\d+__", column)]


def _frame(raw: RawFile, file: ArrowFile, match: Match | None) -> Frame:
    """The columns as a data frame, those that are not read empty."""
    import pyarrow

    schema = file.schema
    names = [str(column) for column in schema.names]
    left_out = {*raw.source.drop, *(match.schema.drop if match else ())}
    wanted = [column for column in names if column not in left_out]
    nested = {column.name for column in schema if pyarrow.types.is_nested(column.type)}
    taken = wanted if match is None else match.schema.inputs() or ()
    wrong = next((column for column in wanted if column in nested and column in taken), None)
    if wrong is not None:
        reason = f"column {wrong!r} contains lists or objects; leave it out with {option('drop', wrong)}"
        raise InputError(f"{raw.source.data}: {reason}")
    flat = [column for column in wanted if column not in nested]
    file.check_size(raw, len(flat))
    frame = _read(file, flat).to_pandas(ignore_metadata=True).set_axis(flat, axis=1)
    return frame.reindex(columns=names)  # the other columns are empty
