"""Read CSV and TSV text through pandas, and keep track of the line of every row."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from linclf.data.dataset import Dataset
from linclf.data.matching import match_table
from linclf.data.readers.base import COLUMN_OPTIONS, Piece, Reader
from linclf.data.readers.dialect import Settled, decimal_evidence, separator_of, settle
from linclf.data.readers.frame import choose_target, text_columns, to_dataset
from linclf.data.readers.header import HEADER_NOT_USED, check_header, is_header
from linclf.data.readers.header_line import complete
from linclf.data.readers.joined_tables import join_tables
from linclf.data.readers.text_records import TextRecords
from linclf.data.readers.text_table import TextTable
from linclf.data.schema import Schema
from linclf.data.source import RawFile
from linclf.errors import InputError


def read_delimited(raw: RawFile, model_schema: Schema | None, labelled: bool, *, separator: str) -> Dataset:
    """Read CSV or TSV text as a Dataset whose X is a Table; see `Reader.read` for the other arguments."""
    settle_as = settle_text if raw.whole else settle  # the beginning of the pieces is settled before
    settled = settle_as(raw, model_schema, separator=separator)
    given, raw = raw.source, settled.raw
    text = TextTable(raw)
    named = text.header and (model_schema is None or model_schema.header)
    columns = text.columns(named, (model_schema.names or ()) if model_schema else ())
    everything, columns = columns, [name for j, name in enumerate(columns) if j not in text.blank]
    match = None
    try:
        target = choose_target(raw.source, columns, model_schema, labelled, named)
        if model_schema is not None:
            if named:
                check_header(columns, model_schema, f"{raw.source.data}:1")
            match = match_table(columns, model_schema, raw.source, target, labelled=labelled, named=named)
    except InputError as error:
        raise text.with_hint(error) from None
    as_text = text_columns(raw.source, match.schema if match else None)
    frame = text.frame(everything, target, as_text)
    for name, cells in text.grouped(frame, everything).items():
        if match is not None:
            raise InputError(
                f"{raw.source.data}: column {name!r}: numbers such as {next(c for c in cells.dropna() if '.' in c)!r} seem to have marks of "
                "thousands, and the training data have none; write them plainly, or pass --thousands '' if the points are decimal"
            )
        frame[name] = cells
    lines = text.lines(frame)
    frame = frame[columns] if text.blank else frame
    dataset = to_dataset(frame, raw, target, match, labelled=labelled, lines=lines)
    if raw.keep:
        dataset = replace(dataset, kept=text.kept(raw))
    notes = [*settled.notes, *text.notes]
    if text.header and not named:
        notes.append(HEADER_NOT_USED)
    return replace(dataset, source=given, notes=(*notes, *dataset.notes))


def settle_text(raw: RawFile, model_schema: Schema | None, *, separator: str) -> Settled:
    """Find out how the text is written, whether its first line names the columns, by `header.is_header`, and complete it, by
    `header_line.complete`."""
    settled = settle(raw, model_schema, separator)
    records = TextRecords(settled.raw).first_records()
    header = is_header(records, settled.raw.source, model_schema)
    settled = replace(settled, raw=replace(settled.raw, source=replace(settled.raw.source, header=header)))
    return complete(settled, records) if header and records else settled


def join_delimited(raws: Sequence[RawFile], model_schema: Schema | None, *, separator: str) -> list[Piece]:
    """Join several files, by `joined_tables.join_tables`, without the lines of each that are no rows."""
    settled = [settle_text(raw, model_schema, separator=separator).raw for raw in raws]
    _check_decimals(raws, settled)
    texts = [TextTable(raw) for raw in settled]
    for text in texts:
        text.leave_out(len(next(text.records(), (1, []))[1]))
    return join_tables(texts)


def _check_decimals(raws: Sequence[RawFile], settled: Sequence[RawFile]) -> None:
    """Raise InputError if the numbers of one file have decimal commas, and those of another one decimal points."""
    if raws[0].source.decimal is None and raws[0].source.thousands is None:
        marks = [decimal_evidence(raw.content, separator_of(raw.source)) for raw in settled]
        if "," in marks and "." in marks:
            commas, points = (raws[marks.index(mark)].source.data for mark in ",.")
            raise InputError(
                f"{commas}: has decimal commas, but {points} decimal points; write both in one way, or pass --decimal"
            )


def _format(name: str, separator: str) -> Reader:
    return Reader(
        name,
        (f".{name}",),
        partial(read_delimited, separator=separator),
        (*COLUMN_OPTIONS, "header", "sep", "encoding", "comment", "skip_rows"),
        settle=partial(settle_text, separator=separator),
        by_lines=True,
        separator=separator,
        newline_at_end=True,
        join=partial(join_delimited, separator=separator),
    )


CSV, TSV = _format("csv", ","), _format("tsv", "\t")
