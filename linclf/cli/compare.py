"""`linclf compare`: models on the same rows, with intervals, paired differences and a test."""

import os
from collections.abc import Callable
from contextlib import ExitStack
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
    wants_bar,
    weight_option,
)
from linclf.data.readers.named import is_name
from linclf.data.source import Source
from linclf.errors import InputError
from linclf.inspect.common_rows import other_rows, own_rows
from linclf.inspect.compare import MAIN_METRICS, CompareOptions
from linclf.inspect.compare import compare as compare_models
from linclf.inspect.reported import compare_reports, read_report
from linclf.model.linear_model import load as load_model
from linclf.model.metrics import METRICS
from linclf.model.model_file import is_model_file
from linclf.report.compare import comparison_text
from linclf.report.terminal import printable
from linclf.report.text import to_json
from linclf.storage.decode import JsonObject


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="MODEL MODEL... [DATA]")
@click.option(
    "--part",
    type=click.Choice(["test", "train", "all"]),
    help="Rows to compare on. [default: test; of other DATA all rows, or its predefined test part]",
)
@click.option(
    "--metric",
    type=click.Choice(list(METRICS)),
    multiple=True,
    help=f"Compare by this metric; repeat for several, the first decides. [default: {', '.join(MAIN_METRICS)}]",
)
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=CompareOptions.level,
    show_default=True,
    help="Level of the intervals.",
)
@click.option(
    "--resamples",
    type=click.IntRange(min=100),
    default=CompareOptions.resamples,
    show_default=True,
    help="Number of resamples of the rows.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the resamples.")
@weight_option
@click.option("--group", metavar="COL", help="Column of groups of DATA: groups are resampled instead of rows.")
@data_options
@lenient_option
@cache_option
@json_option
@quiet_option
@config_option
def compare(
    *,
    files: tuple[str, ...],
    part: str | None,
    metric: tuple[str, ...],
    level: float,
    resamples: int,
    seed: int,
    no_cache: bool,
    json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Compare models on the same rows: each metric with an interval, the differences from the first model, McNemar's test.

    \b
    linclf compare a.safetensors b.safetensors             on their test part, read again
    linclf compare a.safetensors b.safetensors new.csv
    linclf compare *.safetensors --metric log-loss --json
    linclf compare a.json b.json                           reports of train, evaluate or sweep --select, by --json

    Without DATA the models must record the same test rows. The last file is DATA if it is not a model: a model file begins with
    the header that linclf train -o writes, whatever its name is. Intervals are percentiles of the metric over resamples of
    the rows, the same for all models; they do not include the chance in the training of the models. Reports have no rows, so that
    their figures are shown without intervals and tests.
    """  # fmt: skip
    chosen = CompareOptions(tuple(dict.fromkeys(metric)) or MAIN_METRICS, level, resamples, seed)
    paths, reports, data = _by_kind(files)
    given = source(data or "", options)
    if data is None and given != Source(""):
        raise InputError(
            "--target, --weight, --group, --format and other data options describe DATA; give DATA after the models"
        )
    if reports:
        result = compare_reports(reports, chosen.metrics, part or "test")
    else:
        models, cache = [(path, load_model(path)) for path in paths], cache_or_none(no_cache)
        rows = own_rows(models, part or "test", cache) if data is None else other_rows(models, given, part, cache)
        say(rows.notes, quiet)
        with ExitStack() as stack:
            compared = compare_models(models, rows.predictions, chosen, rows.groups, _bar(stack, resamples, quiet))
        described = {"data": rows.data, "part": rows.part, "target": rows.target, "target_guessed": rows.target_guessed}
        result = {**described, **compared, "warnings": [*rows.warnings, *compared["warnings"]]}
    click.echo(to_json(result) if json else printable(comparison_text(result)))


def _bar(stack: ExitStack, resamples: int, quiet: bool) -> Callable[[int], object]:
    """The function to call with numbers of resamples that are done: it moves the bar on stderr."""
    if not wants_bar(quiet):
        return lambda _: None
    from tqdm import tqdm

    bar: Callable[[int], object] = stack.enter_context(tqdm(total=resamples, desc="resamples", leave=False)).update
    return bar


def _by_kind(files: tuple[str, ...]) -> tuple[list[str], list[tuple[str, JsonObject]], str | None]:
    """The models, the reports, each with what it contains, and DATA, None without.

    Raises InputError for fewer than two models or reports, for both together, and for anything else before the last file.
    """
    models = [path for path in files if is_model_file(path)]
    found = [(path, read_report(path)) for path in files if path not in models]
    reports = [(path, report) for path, report in found if report is not None]
    others = [path for path, report in found if report is None]
    if len(others) > 1 or (others and others[0] != files[-1]):
        raise _no_model(others[0])
    if models and reports:
        raise InputError(
            f"{reports[0][0]}: is a report, which has no rows to compare with those of {models[0]}; give its model"
        )
    if reports and others:
        raise InputError(f"{reports[0][0]}: is a report, which predicts nothing for {others[0]}; give its model")
    if len(models) + len(reports) < 2:
        if others and not is_name(others[0]) and others[0] != "-":
            raise _no_model(others[0])
        raise InputError(
            f"{files[0]}: a single model has nothing to be compared with; give two or more, or linclf evaluate"
        )
    return models, reports, others[0] if others else None


def _no_model(path: str) -> InputError:
    """The error for an argument that should be a model."""
    if path == "-" or os.path.exists(path):
        return InputError(
            f"{path}: is neither a model file nor a report of train, evaluate or sweep; give two or more models, then DATA"
        )
    return InputError(f"{path}: there is no such file; give two or more models, then DATA")
