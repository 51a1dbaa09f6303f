"""`linclf doctor`: problems of the data that stand in the way of a good linear model."""

import shlex
from dataclasses import asdict
from typing import Any

import click

from linclf.cli.config import config_option
from linclf.cli.shared import cache_option, cache_or_none, column_options, data_options, json_option, source
from linclf.cli.training_options import test_option
from linclf.data.source import Source
from linclf.data.split import HeldOut, counted
from linclf.data.table import typed
from linclf.inspect.doctor import examine
from linclf.report.doctor import doctor_text
from linclf.report.terminal import printable
from linclf.report.text import to_json
from linclf.storage.decode import JsonObject
from linclf.training.inputs import load_data, make_split
from linclf.training.options import TrainOptions


@click.command()
@click.argument("data", default="digits", metavar="[DATA]")
@test_option
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the split.")
@data_options
@column_options
@cache_option
@json_option
@config_option
def doctor(*, data: str, test: HeldOut | None, seed: int, no_cache: bool, json: bool, **options: Any) -> None:
    """Find problems of DATA that stand in the way of a good linear model, with their remedies, and recommend a command.

    \b
    linclf doctor mydata.csv --target label
    linclf doctor train.csv --target label --test test.csv
    linclf doctor mydata.svm --json

    It checks labels, kinds of columns, missing cells, leakage, redundant and constant columns, scales, and duplicate rows; and by
    short trainings, whether a random split looks better than one by groups or by time. Nothing is written, and the exit code is
    0 whatever it finds.
    """  # fmt: skip
    config = TrainOptions(source=source(data, options), test=test, seed=seed)
    loaded = load_data(config, cache_or_none(no_cache))
    split = make_split(config, loaded)
    dataset = counted(loaded.dataset)
    examined = examine(dataset, split)
    result = {
        "data": data,
        "target": split.schema.target,
        "target_guessed": split.schema.is_guessed_target(config.source.target),
        "n": len(dataset.labels()),
        "n_train": len(split.train.y),
        "n_features": split.schema.count,
        "classes": {str(label): int((split.train.y == k).sum()) for k, label in enumerate(split.classes.tolist())},
        "columns": [
            {
                "name": column.name,
                "kind": column.kind,
                "features": len(column.feature_names()),
                "missing": column.missing,
            }
            for column in split.schema.columns or ()
        ],
        "findings": [asdict(finding) for finding in examined.findings],
        "notes": list(split.notes),
        "command": _command(config, examined.options),
    }
    click.echo(to_json(result) if json else printable(doctor_text(result, split.schema.columns)))


def _command(config: TrainOptions, recommended: JsonObject) -> str:
    """The command line that trains on the data, read in the same way, with the recommended options."""
    read, dropped = config.source, recommended.get("drop", ())
    options: JsonObject = {
        "test": config.test,
        "seed": config.seed or None,
        "target": read.target,
        "format": read.format,
        "sheet": read.sheet,
        **{option: _columns(option, columns, dropped) for option, columns in read.column_options().items()},
        **read.roles(),
        "min-count": None if read.min_count == Source.min_count else read.min_count,
        **{name: value for name, value in recommended.items() if name != "drop"},
    }
    flags = ["--no-header"] * (not read.header)
    flags += [] if read.zero_based is None else ["--zero-based" if read.zero_based else "--one-based"]
    words = [
        "linclf",
        "train",
        read.data,
        *(word for name, x in options.items() if x for word in (f"--{name}", str(x))),
    ]
    return shlex.join([*words, *flags])


def _columns(option: str, columns: tuple[str, ...], dropped: tuple[str, ...]) -> str:
    """The columns that an option names, once some more are dropped."""
    others = tuple(name for name in columns if name not in dropped)
    names = (*others, *dropped) if option == "drop" else others
    return typed(*names) if names else ""
