"""`linclf explain`: the strongest weights of a model, or what each feature adds to the scores of one row."""

import re
from dataclasses import replace
from typing import Any

import click
import numpy as np

from linclf.cli.config import config_option
from linclf.cli.shared import (
    check_files,
    data_options,
    json_option,
    lenient_option,
    quiet_option,
    say,
    say_threshold,
    source,
)
from linclf.data.cell_counts import check_familiar
from linclf.data.encoder import encoded
from linclf.data.load import load
from linclf.data.source import Source
from linclf.errors import InputError
from linclf.inspect.explain import TOP, contributions, row_pictures, strongest, weight_pictures
from linclf.model.linear_model import LinearModel
from linclf.model.linear_model import load as load_model
from linclf.optim.linalg import Matrix
from linclf.report.explain import contributions_text, strongest_text
from linclf.report.plots import check_picture, plot_bars, plot_pictures
from linclf.report.terminal import printable
from linclf.report.text import to_json


@click.command()
@click.argument("model")
@click.argument("data", required=False)
@click.option("--row", type=click.IntRange(min=0), metavar="K", help="Explain the scores of row K of DATA, from 0.")
@click.option("--class", "wanted", metavar="LABEL", help="Only this class. [default: all; for a row the predicted one]")
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=TOP,
    show_default=True,
    help="Number of features listed, for each class and sign.",
)
@click.option(
    "--plot", metavar="FILE.png", help="Draw the weights or contributions: as bars, or with --image as pictures."
)
@click.option("--image", metavar="HxW", help="The features are the pixels of a picture of this height and width.")
@data_options
@lenient_option
@json_option
@quiet_option
@config_option
def explain(
    *, model: str, data: str | None, row: int | None, wanted: str | None, json: bool, quiet: bool, **options: Any
) -> None:
    """Show the strongest weights of each class of MODEL; or, with DATA and --row, what each feature adds to the scores of a row.

    \b
    linclf explain m.safetensors
    linclf explain m.safetensors --class setosa --top 3
    linclf explain m.safetensors new.csv --row 7         the parts sum to the score
    linclf explain digits.safetensors --image 8x8 --plot weights.png

    Weights are given per standard deviation of their feature, or whatever the scaling divides by, so that units do not
    matter. For a row, each number adds its weight times its distance from the mean; each level and word adds its weight times its value.
    """  # fmt: skip
    top, plot, shape = options.pop("top"), options.pop("plot"), _shape(options.pop("image"))
    if (data is None) != (row is None):
        raise InputError("one row is explained by DATA and --row together; give both, or neither")
    if shape is not None and plot is None:
        raise InputError("--image needs a file to draw to; give --plot FILE.png too")
    if plot is not None:
        check_picture(plot)
        check_files((plot,), (model, data))
    trained, given = load_model(model), source(data or "", options)
    if data is None and given != Source(""):
        raise InputError("--target, --drop, --format and other data options say how DATA is read; give DATA and --row")
    if row is None:
        explained = strongest(trained, top, wanted)
        text = strongest_text(explained, model)
    else:
        X = _row(given, row, trained, quiet)
        say_threshold(trained, quiet)
        explained = contributions(trained, X, wanted)
        text = contributions_text(explained, f"{model} on row {row} of {data}", top)
    if plot is not None and shape is not None:
        plot_pictures(
            weight_pictures(trained, shape, wanted) if row is None else row_pictures(trained, X, shape, wanted), plot
        )
    elif plot is not None:
        plot_bars(explained, plot, top)
    click.echo(to_json({"model": model, "data": data, "row": row, **explained}) if json else printable(text))


def _shape(text: str | None) -> tuple[int, int] | None:
    """Height and width, as in 28x28."""
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if found is None:
        raise InputError(f"--image {text}: is not HEIGHTxWIDTH, such as 28x28")
    return int(found[1]), int(found[2])


def _row(given: Source, row: int, model: LinearModel, quiet: bool) -> Matrix:
    """One row (1, d) of the data as features of the model."""
    dataset = load(given, model_schema=model.schema, labelled=False)
    rows = dataset.all_rows()
    if row >= rows.X.shape[0]:
        raise InputError(f"--row {row}: {given.data} has the rows 0 to {rows.X.shape[0] - 1}")
    if dataset.test is None and (counts := encoded(dataset, model.schema).counts) is not None:
        problems = check_familiar(model.drift_problems(counts), given.data, given.lenient)
        say([f"{given.data}: {what}" for what in problems], quiet)
    one = encoded(replace(dataset, X=rows.select(np.array([row])).X[:]), model.schema)
    say(one.named_notes(), quiet)
    return one.matrix()
