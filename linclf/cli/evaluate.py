"""`linclf evaluate`: measure a model on its test part, or on other data."""

from typing import Any

import click

from linclf.cli.config import config_option
from linclf.cli.shared import (
    cache_option,
    cache_or_none,
    data_options,
    json_option,
    lenient_option,
    quiet_option,
    say,
    source,
    weight_option,
)
from linclf.data.cache import Cache
from linclf.data.source import Source
from linclf.data.split import Part
from linclf.errors import InputError
from linclf.model.evaluation import evaluation
from linclf.model.linear_model import LinearModel
from linclf.model.linear_model import load as load_model
from linclf.report.drift import drift_text
from linclf.report.evaluate import evaluation_text
from linclf.report.terminal import printable
from linclf.report.text import target_text, to_json
from linclf.training.inputs import other_part, part_rows, rebuild_split


@click.command()
@click.argument("model")
@click.argument("data", required=False)
@click.option(
    "--part",
    type=click.Choice(["test", "train", "all"]),
    help="Rows to evaluate. [default: test; of other DATA all rows, or its predefined test part]",
)
@click.option("--drift", is_flag=True, help="Compare the columns of DATA with those of the training data, in a table.")
@data_options
@lenient_option
@weight_option
@cache_option
@json_option
@quiet_option
@config_option
def evaluate(
    *,
    model: str,
    data: str | None,
    part: str | None,
    drift: bool,
    no_cache: bool,
    json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Print accuracy, metrics per class and the confusion matrix of MODEL.

    \b
    linclf evaluate m.safetensors                  on its test part, read again
    linclf evaluate m.safetensors --part train
    linclf evaluate m.safetensors other.csv

    Without DATA, the data and the split recorded in the model are read again; it is an error if the data have changed.
    """  # fmt: skip
    trained, cache, drifts = load_model(model), cache_or_none(no_cache), None
    if data is None:
        given = source("", options)
        if given != Source(""):
            raise InputError("--target, --drop, --weight and other data options describe DATA; give DATA")
        if drift:
            raise InputError("--drift compares other data with the training data; give DATA")
        rows, title = _own_part(trained, part or "test", cache, quiet)
        labels = {"target": trained.schema.target, "target_guessed": trained.target_guessed}
    else:
        other = other_part(trained, source(data, options), part, cache)
        say([*other.notes, *other.unseen], quiet)
        if other.trained_on:
            say([f"{data} is the data that the model was trained on; leave it out to evaluate the test part"], quiet)
        rows, title = other.rows, f"{data} (test part)" if other.part == "test" else data
        if drift and other.counts is not None:
            drifts = [one.to_json() for one in trained.drift(other.counts)]
        labels = {"target": other.target, "target_guessed": other.target_guessed}
    predictions = trained.predictions(rows.X, rows.y, rows.weights)
    result = evaluation(predictions, trained.classes, trained.threshold_to_json())
    recorded = trained.record.get("metrics")
    proof = recorded.get("certificate") if isinstance(recorded, dict) else None
    text = evaluation_text(result, f"{model} on {title}", target_text(labels), proof)
    if drifts is not None:
        text, result = f"{drift_text(drifts)}\n\n{text}", {**result, "drift": drifts}
    click.echo(to_json({**result, **labels}) if json else printable(text))


def _own_part(model: LinearModel, part: str, cache: Cache | None, quiet: bool) -> tuple[Part, str]:
    """A part of the data that the model was trained and tested on, and its title."""
    split = rebuild_split(model, cache)
    say(split.notes, quiet)
    rows, name = part_rows(model, split, part)
    return rows, f"{name} ({part} part)"
