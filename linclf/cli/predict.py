"""`linclf predict`: read a model and rows, print one line per row."""

import os
from typing import Any

import click

from linclf.cli.config import config_option
from linclf.cli.shared import (
    COLUMNS,
    check_files,
    column_names,
    data_options,
    lenient_option,
    quiet_option,
    say,
    say_threshold,
    source,
)
from linclf.data.cell_counts import FEWEST_ROWS, CellCounts, check_familiar
from linclf.data.stream import stream
from linclf.errors import InputError, RowError
from linclf.model.linear_model import load as load_model
from linclf.report.predict import OutputColumns, csv_header, csv_lines, json_lines
from linclf.storage.files import writing

JSON_SUFFIXES = (".jsonl", ".ndjson")


@click.command()
@click.argument("model")
@click.argument("data")
@click.option("--scores", is_flag=True, help="Print the decision function, a column per output.")
@click.option(
    "--proba", is_flag=True, help="Print probabilities, a column per class (softmax, logistic, and calibrated models)."
)
@click.option("--label", is_flag=True, help="Print the label before the scores or probabilities, too.")
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="K",
    help="Print the K best classes, each with its probability; with its score with --scores, or if there are no probabilities.",
)
@click.option("--keep", **COLUMNS, help="Copy a column of DATA before the others; repeat, or separate with commas.")
@click.option("--header", is_flag=True, help="Print the names of the columns first.")
@click.option(
    "--to", type=click.Choice(["csv", "jsonl"]), help="Print CSV or JSON lines. [default: by the suffix of -o, csv]"
)
@click.option("-o", "--output", metavar="FILE", default="-", help="Write to this file; - is stdout. [default: -]")
@data_options
@lenient_option
@quiet_option
@config_option
def predict(*, model: str, data: str, output: str, quiet: bool, **options: Any) -> None:
    """Predict the label of each row of DATA with MODEL: one line per row, in the order of the rows.

    \b
    linclf predict m.safetensors new.csv
    linclf predict m.safetensors - < new.csv
    linclf predict m.safetensors new.csv --keep id --label --proba --header -o p.csv
    linclf predict m.safetensors new.csv --keep id --top 3 --to jsonl

    Columns of a table are found by name, in any order; a target column is ignored. Several columns are separated by commas;
    --header names them, and those of classes are in the order that `linclf info MODEL` lists. Rows are predicted as they
    are read, and those on standard input as they arrive. In a FILE.csv, text that a spreadsheet would treat as a formula
    begins with an apostrophe.
    """  # fmt: skip
    printed = _columns(options)
    header, to = options.pop("header"), options.pop("to")
    suffix = os.path.splitext(output)[1].lower()
    as_json = to == "jsonl" or (to is None and suffix in JSON_SUFFIXES)
    check_files((output,), (model, data))
    if model == data == "-":
        raise InputError("the model and the data cannot both come from stdin; give one of them as a file")
    trained, given = load_model(model), source(data, options)
    say_threshold(trained, quiet or (printed.figure == "scores" and not printed.label))
    names, guard = printed.names(trained), suffix == ".csv"
    counts: CellCounts | None = None
    with writing(output) as write:
        for piece in stream(given, trained.schema, printed.keep, lambda note: say([note], quiet)):
            counts = piece.counts if counts is None else counts + piece.counts
            try:
                columns = printed.columns(trained, piece.X, piece.kept)
            except RowError as error:
                raise InputError(f"{data}{piece.locate(error.row)}: {error.what}") from None
            if not given.lenient and (data != "-" or counts.rows >= FEWEST_ROWS):  # rows on stdin arrive one by one
                check_familiar(trained.drift_problems(counts, whole=False), data, lenient=False)
            if header and not as_json:
                write(csv_header(names, guard=guard))
            header = False
            write(json_lines(names, columns) if as_json else csv_lines(columns, guard=guard))
        if counts is not None:
            problems = check_familiar(trained.drift_problems(counts), data, given.lenient)
            say([f"{data}: {what}" for what in (*problems, *trained.drift_notes(counts))], quiet)


def _columns(options: dict[str, Any]) -> OutputColumns:
    """The columns that the options ask for, which are removed from `options`."""
    scores, proba, label, top = (options.pop(name) for name in ("scores", "proba", "label", "top"))
    if scores and proba:
        raise InputError("--scores and --proba exclude each other; give one")
    figure = "scores" if scores else "proba" if proba else None
    return OutputColumns(column_names(options.pop("keep")), label or (figure is None and top is None), figure, top)
