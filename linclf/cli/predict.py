"""`linclf predict`: read a model and rows, print one line per row."""

import csv
import io
from typing import Any

import click
import numpy as np

from linclf.cli.config import config_option
from linclf.cli.shared import check_files, data_options, quiet_option, say, say_threshold, source
from linclf.data.dataset import Dataset
from linclf.data.load import load_features
from linclf.data.stream import stream, streams
from linclf.errors import InputError
from linclf.model.linear_model import load as load_model
from linclf.storage.files import write_bytes

FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20'")  # how cells begin that a spreadsheet treats as formulas
MAX_NOTES = 100  # of a stream, which may be endless


@click.command()
@click.argument("model")
@click.argument("data")
@click.option("--scores", is_flag=True, help="Print the decision function, a column per output.")
@click.option("--proba", is_flag=True, help="Print probabilities, a column per class (softmax and logistic).")
@click.option("-o", "--output", metavar="FILE", default="-", help="Write to this file; - is stdout. [default: -]")
@data_options
@quiet_option
@config_option
def predict(model: str, data: str, output: str, quiet: bool, **options: Any) -> None:
    """Predict the label of each row of DATA with MODEL: one line per row, in the order of the rows.

    \b
    linclf predict m.safetensors new.csv
    linclf predict m.safetensors - < new.csv
    linclf predict m.safetensors new.csv --proba -o probabilities.csv

    Columns of a table are found by name, in any order; a target column is ignored. Several columns of numbers are
    separated by commas, in the order of the classes that `linclf info MODEL` lists. Rows on standard input are
    predicted as they arrive. In a FILE.csv, labels that a spreadsheet would treat as a formula begin with an
    apostrophe.
    """
    scores, proba = options.pop("scores"), options.pop("proba")
    if scores and proba:
        raise InputError("--scores and --proba exclude each other; give one")
    check_files((output,), (model, data))
    if model == data == "-":
        raise InputError("the model and the data cannot both come from stdin; give one of them as a file")
    trained = load_model(model)
    given = source(data, options)
    say_threshold(trained, quiet or scores)

    def predicted(dataset: Dataset) -> bytes:
        """The output lines for the rows of a data set."""
        rows = dataset.all_rows().matrix()
        if scores:
            return _lines(trained.scores(rows))
        if proba:
            return _lines(trained.probabilities(rows))
        labels = trained.predict(rows)
        return _lines((_no_formulas(labels) if output.lower().endswith(".csv") else labels)[:, None])

    if output == "-" and streams(given, trained.schema):
        shown: set[str] = set()
        for piece in stream(given, trained.schema):
            new = [note for note in piece.named_notes() if note not in shown][: MAX_NOTES - len(shown)]
            say(new, quiet)
            shown |= set(new)
            write_bytes(output, predicted(piece))
        return
    dataset = load_features(given, trained.schema, labelled=False)
    say(dataset.named_notes(), quiet)
    write_bytes(output, predicted(dataset))


def _no_formulas(labels: np.ndarray) -> np.ndarray:
    """Labels (n,), with an apostrophe before those that a spreadsheet would evaluate as a formula (OWASP, "CSV
    Injection")."""
    if labels.dtype.kind != "U":
        return labels
    # a label that begins with an apostrophe gets a second one, so that different labels stay different
    return np.array([f"'{label}" if label.lstrip().startswith(FORMULA) else label for label in labels.tolist()], str)


def _lines(columns: np.ndarray) -> bytes:
    """CSV lines of rows (n, columns); numbers in the fewest digits that restore them, text in quotes where needed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([str(cell) for cell in row] for row in columns)
    return text.getvalue().encode("utf-8")
