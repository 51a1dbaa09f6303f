"""`linclf doctor`: problems of the data that stand in the way of a good linear model."""

import csv
import io
import shlex
from dataclasses import asdict, replace
from typing import Any

import click

from linclf.cli.config import config_option
from linclf.cli.shared import (
    cache_option,
    cache_or_none,
    check_files,
    column_options,
    data_options,
    json_option,
    source,
    source_words,
)
from linclf.cli.training_options import test_option
from linclf.data.cache import Cache
from linclf.data.split import HeldOut, Split, counted
from linclf.errors import InputError
from linclf.inspect.cleaned import cleaned
from linclf.inspect.doctor import examine
from linclf.inspect.finding import Finding
from linclf.report.doctor import doctor_text
from linclf.report.terminal import printable
from linclf.report.text import to_json
from linclf.storage.decode import JsonObject
from linclf.storage.files import write_bytes
from linclf.training.inputs import LoadedData, load_data, make_split
from linclf.training.options import TrainOptions


@click.command()
@click.argument("data", default="digits", metavar="[DATA]")
@test_option
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the split.")
@click.option(
    "--fix",
    metavar="OUT.csv",
    help="Write the table as it is used to this file: plain numbers, ISO dates, no useless columns.",
)
@data_options
@column_options
@cache_option
@json_option
@config_option
def doctor(
    *, data: str, test: HeldOut | None, seed: int, fix: str | None, no_cache: bool, json: bool, **options: Any
) -> None:
    """Find problems of DATA that stand in the way of a good linear model, with their remedies, and recommend a command.

    \b
    linclf doctor mydata.csv --target label
    linclf doctor train.csv --target label --test test.csv
    linclf doctor mydata.csv --fix clean.csv
    linclf doctor mydata.svm --json

    It checks labels, kinds of columns, missing cells, leakage, redundant and constant columns, scales, and duplicate rows; and by
    short trainings, whether a random split looks better than one by groups or by time. Nothing is written without --fix, and the
    exit code is 0 whatever it finds.
    """  # fmt: skip
    config = TrainOptions(source=source(data, options), test=test, seed=seed)
    check_files((fix,), (data, test))
    config, loaded, split, refused = _load(config, cache_or_none(no_cache))
    dataset = counted(loaded.dataset)
    examined = examine(dataset, split)
    findings = [*refused, *examined.findings]
    if fix is not None:
        _write_fixed(cleaned(loaded.dataset, split.schema), fix)
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
        "findings": [asdict(finding) for finding in findings],
        "notes": [note for note in split.notes if not any(note.endswith(one.what) for one in findings)],
        "command": _command(config, examined.options),
    }
    click.echo(to_json(result) if json else printable(doctor_text(result, split.schema.columns)))


def _load(config: TrainOptions, cache: Cache | None) -> tuple[TrainOptions, LoadedData, Split, list[Finding]]:
    """The data and their split. If data of their own for the test part are refused, a finding says why, and they are left out."""
    try:
        loaded = load_data(config, cache)
        return config, loaded, make_split(config, loaded), []
    except InputError as error:
        if config.test is None or config.test.fraction is not None or not str(error).startswith(str(config.test)):
            raise
        without = replace(config, test=None)
        loaded = load_data(without, cache)
        refused = Finding("test data", str(error), "until then the test rows are drawn from the other data")
        return without, loaded, make_split(without, loaded), [refused]


def _command(config: TrainOptions, recommended: JsonObject) -> str:
    """The command line that trains on the data, read in the same way, with the recommended options."""
    dropped, absent = recommended.get("drop", ()), recommended.get("na-values", ())
    read = replace(
        config.source,
        drop=(*config.source.drop, *dropped),
        numeric=_without(config.source.numeric, dropped),
        category=_without(config.source.category, dropped),
        text=_without(config.source.text, dropped),
        na_values=tuple(dict.fromkeys([*config.source.na_values, *absent])),
        clean_labels=config.source.clean_labels or "clean-labels" in recommended,
    )
    options: JsonObject = {"test": config.test, "seed": config.seed or None}
    given = [word for name, x in options.items() if x for word in (f"--{name}", str(x))]
    others = {name: x for name, x in recommended.items() if name not in ("drop", "na-values", "clean-labels")}
    more = [word for name, x in others.items() for word in (f"--{name}", str(x))]
    return shlex.join(["linclf", "train", read.data, *given, *source_words(read), *more])


def _without(columns: tuple[str, ...], dropped: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in columns if name not in dropped)


def _write_fixed(columns: dict[str, list[str]], path: str) -> None:
    """Write columns of text as CSV, completely or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_bytes(path, text.getvalue().encode("utf-8", "surrogatepass"))
