"""`linclf info`: the data, options and metrics of a model, and its strongest weights."""

import click

from linclf.cli.config import config_option
from linclf.cli.shared import json_option
from linclf.errors import InputError
from linclf.model.linear_model import load as load_model
from linclf.report.info import model_info, model_text
from linclf.report.terminal import printable
from linclf.report.text import to_json


@click.command()
@click.argument("model")
@json_option
@config_option
def info(model: str, json: bool) -> None:
    """Describe MODEL: its data, options, metrics and strongest weights.

    \b
    linclf info m.safetensors
    linclf info m.safetensors --json
    """
    trained = load_model(model)
    described = model_info(trained)
    try:
        text = to_json(described) if json else printable(model_text(described, trained.schema.columns, model))
    except (KeyError, TypeError, ValueError, AttributeError) as error:  # a record that linclf did not write
        raise InputError(
            f"{model}: has an incomplete record of its training ({type(error).__name__}: {error}); train it again"
        ) from None
    click.echo(text)
