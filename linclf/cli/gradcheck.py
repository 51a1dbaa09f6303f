"""`linclf gradcheck`: are the gradients right?"""

from typing import Any

import click
import numpy as np

from linclf.cli.options import config_option, data_options, json_option, source
from linclf.datasets import load
from linclf.datasets.labels import check_classes, encode
from linclf.errors import GradientError
from linclf.gradcheck import check_losses
from linclf.losses import LOSSES, Array
from linclf.matrix import is_sparse
from linclf.report import checks_json, checks_text, to_json

SAMPLE_ROWS = 100


@click.command(short_help="Check gradients against differences and loops.")
@click.argument("data", required=False)
@click.option("--loss", type=click.Choice(list(LOSSES)), multiple=True, help="Check this loss only; repeat for more.")
@data_options
@json_option
@config_option
def gradcheck(data: str | None, loss: tuple[str, ...], json: bool, **options: Any) -> int:
    """Check every loss, dense and CSR: the analytic gradient against central differences and against naive loops.

    \b
    linclf gradcheck
    linclf gradcheck --loss svm --json
    linclf gradcheck mydata.csv --target label        on 100 of its rows

    Exit code 6 if a gradient is wrong.
    """
    sample = None if data is None else _sample(data, options)
    checks = check_losses([LOSSES[name] for name in loss or LOSSES], sample)
    click.echo(to_json(checks_json(checks)) if json else checks_text(checks))
    return 0 if all(check.passed for check in checks) else GradientError.exit_code


def _sample(data: str, options: dict[str, Any]) -> tuple[Array, Array]:
    """At most SAMPLE_ROWS evenly spaced rows, dense float64 (n, d), and their codes (n,)."""
    dataset = load(source(data, options))
    rows = np.unique(np.linspace(0, dataset.X.shape[0] - 1, SAMPLE_ROWS).astype(int))
    X, labels = dataset.X[rows], dataset.labels()[rows]
    codes, _ = encode(labels, check_classes(labels, data))
    return (X.toarray() if is_sparse(X) else X).astype(np.float64), codes
