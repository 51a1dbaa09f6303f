"""`linclf gradcheck`: whether gradients are right, and if not, the likely mistake."""

import contextlib
import io
import re
import sys
from dataclasses import replace
from typing import Any, TextIO

import click
import numpy as np

from linclf import textbook
from linclf.cli.config import config_option
from linclf.cli.shared import cache_option, cache_or_none, check_files, data_options, json_option, source
from linclf.data.labels import check_classes, encode
from linclf.data.load import as_matrix, load
from linclf.data.readers.named import PREFIXES
from linclf.errors import GradientError, InputError
from linclf.gradcheck import KINDS, GradientCheck, check_gradient, check_losses, load_function
from linclf.losses import LOSSES, Array
from linclf.optim.linalg import to_dense
from linclf.report.gradcheck import checks_json, checks_text, functions_text, gradient_json, gradient_text
from linclf.report.plots import check_picture, plot_gradient
from linclf.report.text import to_json

SAMPLE_ROWS = 100
SHOWN_LINES = 5  # of those that a function prints
FUNCTION = re.compile(r"(?:.+\.(?:py|ipynb)|[A-Za-z_][\w.]*):[A-Za-z_][\w.]*")
TEXTBOOK = (
    textbook.svm_loss_naive,
    textbook.svm_loss_vectorized,
    textbook.softmax_loss_naive,
    textbook.softmax_loss_vectorized,
    textbook.hinge_grad_input,
    textbook.mse_backward,
    textbook.cross_entropy_backward,
    textbook.dense_grad_input,
    textbook.dense_grad_W,
    textbook.dense_grad_b,
)


@click.command()
@click.argument("what", nargs=-1, metavar="[FUNCTION] [DATA]")
@click.option("-f", "--function", metavar="FILE.py:NAME", help="The function to check, also PKG.MOD:NAME.")
@click.option(
    "--kind", type=click.Choice(KINDS), help="Kind of function. [default: detected from its signature and name]"
)
@click.option(
    "--loss",
    type=click.Choice(list(LOSSES)),
    multiple=True,
    help="Check only these losses; with FUNCTION, the loss whose value it must have.",
)
@click.option("--plot", metavar="FILE.png", help="Draw analytic against numerical derivatives.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random points.")
@data_options
@cache_option
@json_option
@config_option
def gradcheck(what: tuple[str, ...], function: str | None, loss: tuple[str, ...], json: bool, **options: Any) -> int:
    """Check a gradient against finite differences of its value; report where it is wrong and the likely mistake.

    \b
    linclf gradcheck mine.py:hinge_grad_input          with hinge_forward of the same file, else linclf's
    linclf gradcheck mine.py:softmax_loss_vectorized   f(W, X, y, reg) -> (loss, dW), in either layout
    linclf gradcheck mine.py:MSE --plot mse.png        a class with forward and backward
    linclf gradcheck mine.py:svm_loss digits           also on 100 rows of data
    linclf gradcheck                                   all losses and textbook functions of linclf

    FUNCTION may also be a function of scores and labels, a layer's backward, a penalty, f(w) -> (value, gradient), and of a
    notebook, FILE.ipynb:NAME; docs/gradients.md lists the forms and the verdicts. Exit code 6 if a gradient or a known value is wrong.
    """  # fmt: skip
    function, data = _function_and_data(what, function)
    if function is None:
        return _check_losses(data, loss, json, options)
    plot, kind, seed = (options.pop(name) for name in ("plot", "kind", "seed"))
    if len(loss) > 1:
        raise InputError(f"--loss: {function} has one value; give one loss")
    if plot is not None:
        check_picture(plot)
        check_files((plot,), (data, function.rpartition(":")[0]))
    printed = _Printed(sys.stderr)
    with contextlib.redirect_stdout(printed):  # whatever the user's code prints stays out of the report
        check = check_gradient(
            load_function(function),
            kind=kind,
            loss=loss[0] if loss else None,
            data=None if data is None else _sample(data, options),
            name=function,
            seed=seed,
        )
    if printed.left_out:
        note = f"the function printed {printed.lines} lines; {printed.left_out} of them are left out"
        check = replace(check, notes=(*check.notes, note))
    click.echo(to_json(gradient_json(check)) if json else _coloured(check))
    if plot is not None:
        plot_gradient(check, plot)
    return 0 if check.passed else GradientError.exit_code


def _coloured(check: GradientCheck) -> str:
    """The text, with the verdict in colour on a terminal."""
    color = "red" if not check.passed else "yellow" if check.diagnosis else "green"
    return click.style(check.verdict, fg=color, bold=True) + gradient_text(check).removeprefix(check.verdict)


class _Printed(io.TextIOBase):
    """What the user's code prints: a few lines of it go to another stream, and all are counted."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.lines = stream, 0

    def write(self, text: str) -> int:
        if self.lines < SHOWN_LINES:
            self.stream.write("".join(text.splitlines(keepends=True)[: SHOWN_LINES - self.lines]))
        self.lines += len(re.findall(r"\r\n|\n|\r", text))
        return len(text)

    @property
    def left_out(self) -> int:
        """Lines that went nowhere."""
        return max(self.lines - SHOWN_LINES, 0)


def _function_and_data(what: tuple[str, ...], function: str | None) -> tuple[str | None, str | None]:
    """FUNCTION and DATA among the arguments, in any order."""
    functions = [w for w in what if FUNCTION.fullmatch(w) and not w.startswith(PREFIXES)]
    data = [w for w in what if w not in functions]
    functions += [function] if function is not None else []
    bare = next((w for w in data if w.endswith((".py", ".ipynb"))), None)
    if bare is not None:
        raise InputError(f"{bare}: which function? name it as {bare}:FUNCTION")
    if len(functions) > 1 or len(data) > 1:
        raise InputError(f"{' '.join(what)}: give at most one function and one data set")
    return functions[0] if functions else None, data[0] if data else None


def _check_losses(data: str | None, loss: tuple[str, ...], json: bool, options: dict[str, Any]) -> int:
    """Check the losses of linclf, all or those of --loss; without --loss and DATA also the textbook functions."""
    if options.pop("plot") is not None or options.pop("kind") is not None:
        raise InputError("--plot and --kind are for a function; name one, FILE.py:NAME")
    seed = options.pop("seed")
    sample = None if data is None else _sample(data, options)
    checks = check_losses([LOSSES[name] for name in loss or LOSSES], sample, seed)
    functions: list[GradientCheck] = []
    if not loss and data is None:
        functions = [check_gradient(f, name=f"linclf.textbook:{f.__name__}", seed=seed) for f in TEXTBOOK]
    passed = all(check.passed for check in checks) and all(check.passed for check in functions)
    if json:
        click.echo(
            to_json({**checks_json(checks), "functions": [gradient_json(f) for f in functions], "passed": passed})
        )
    else:
        click.echo((functions_text(functions) + "\n\n" if functions else "") + checks_text(checks, functions))
    return 0 if passed else GradientError.exit_code


def _sample(data: str, options: dict[str, Any]) -> tuple[Array, Array]:
    """At most SAMPLE_ROWS evenly spaced rows: dense float64 X (n, d), and their codes (n,)."""
    cache = cache_or_none(options.pop("no_cache"))
    dataset = load(source(data, options), cache=cache)
    rows = np.unique(np.linspace(0, dataset.X.shape[0] - 1, SAMPLE_ROWS).astype(int))
    X, labels = as_matrix(dataset)[rows], dataset.labels()[rows]
    codes, _ = encode(labels, check_classes(labels, data))
    return to_dense(X).astype(np.float64), codes
