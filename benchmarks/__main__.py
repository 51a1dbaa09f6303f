"""Measure linclf and its peers in one run and write RESULTS.md.

\b
    pip install -e '.[bench]'
    python -m benchmarks                       on generated and bundled data sets
    python -m benchmarks FOLDER                also on the files in FOLDER: mnist.npz, imdb.train.svm.gz, ...
    python -m benchmarks FOLDER --only P1,P6   only some goals; the results of the others stay

Everything runs on one core with BLAS at one thread.
"""

import json
import os
import platform
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

import linclf
from benchmarks.goals import GOALS
from benchmarks.measure import Row
from benchmarks.solvers import liblinear, ours, pytorch, sklearn_lbfgs, sklearn_sgd, vowpal_wabbit

HERE = Path(__file__).parent
RAW = HERE / "results.json"


@click.command(help=__doc__)
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--only", help="Goals to measure, separated by commas.")
def main(folder: Path | None, only: str | None) -> None:
    """Measure the goals, print each row, and write the page."""
    results: dict[str, list[dict[str, Any]]] = json.loads(RAW.read_text()) if only and RAW.exists() else {}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["LINCLF_CACHE_DIR"] = cache
        for name in only.split(",") if only else GOALS:
            rows = []
            for row in GOALS[name](folder and folder.resolve()):
                click.echo(
                    f"{name} {'ok  ' if row.holds else 'MISS'} {row.work}: {row.ours} | {row.peer} | {row.ratio}"
                )
                rows.append(asdict(row))
            results[name] = rows
            RAW.write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "RESULTS.md").write_text(page(results))


def page(results: dict[str, list[dict[str, Any]]]) -> str:
    """The text of RESULTS.md: the notes, the settings of the solvers, and a table for each goal."""
    solvers = "\n".join(
        f"- **{solver.NAME}**: {solver.SETTINGS}."
        for solver in (ours, sklearn_lbfgs, sklearn_sgd, liblinear, vowpal_wabbit, pytorch)
    )
    tables = []
    for name, goal in GOALS.items():
        rows = [Row(**row) for row in results.get(name, [])]
        if not rows:
            continue
        lines = [f"## {name}: {(goal.__doc__ or '').strip()}", ""]
        lines += ["| work | linclf | peer | ratio | goal | |", "|---|---|---|---|---|---|"]
        for row in rows:
            lines.append(
                f"| {row.work} | {row.ours} | {row.peer} | {row.ratio} | {row.goal} | {('yes' if row.holds else '**no**') if row.goal else ''} |"
            )
        tables.append("\n".join(lines))
    machine = (
        f"Python {platform.python_version()}, numpy {np.__version__}, linclf {linclf.__version__}, {platform.machine()}"
    )
    notes = (HERE / "notes.md").read_text().strip()
    head = f"# Results\n\nWritten by `python -m benchmarks`; {machine}, one core, BLAS at one thread, medians."
    return "\n\n".join([head, notes, "## Solvers\n\n" + solvers, *tables]) + "\n"


if __name__ == "__main__":
    main()
