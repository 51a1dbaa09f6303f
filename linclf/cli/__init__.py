"""The command line: options -> frozen values -> one call -> report. No mathematics; one file per command.

To add a command: a file of its name with a function of its name, and a line in `COMMANDS`. `main` turns every way a command
can end into an exit code and at most one line on stderr.
"""

import difflib
import errno
import io
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from linclf._version import __version__
from linclf.errors import LinclfError
from linclf.report.terminal import one_line
from linclf.storage.signals import STOP_SIGNALS, signal_name_and_code, sigterm_raises

CONTEXT: dict[str, Any] = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 110,
    "auto_envvar_prefix": "LINCLF",
}
COMMANDS = {  # name -> short help; each is the function of its name in the file of its name
    "train": "Train a model and report its accuracy.",
    "predict": "Predict the label of each row.",
    "evaluate": "Measure a model, per class.",
    "compare": "Compare models on the same rows: intervals, differences, McNemar's test.",
    "info": "Describe a model.",
    "explain": "Show the weights and features that decide the predictions of a model.",
    "doctor": "Find problems of the data that stand in the way of a good model.",
    "sweep": "Compare many configurations in one pass, and select the best.",
    "gradcheck": "Check gradients, and name the likely mistake.",
    "datasets": "List the named data sets.",
    "cache": "List or clear the cached data sets.",
}
WRONG_USE, NO_ACCESS, BROKEN_PIPE = 2, 4, 141


class Commands(click.Group):
    """The commands by name, each imported when it is called: `linclf --help` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of this name, None if there is none."""
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"linclf.cli.{name}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown name is answered with the nearest known one."""
        near = difflib.get_close_matches(args[0], COMMANDS, 1) if args and args[0] not in COMMANDS else []
        if near and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}; did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands, as click would print it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="linclf")
def cli() -> None:
    """Train linear classifiers, fast, checkable, without tuning.

    \b
    linclf train --loss svm --reg 1e-3               the built-in digits
    linclf train mydata.csv --target label -o m.safetensors
    linclf predict m.safetensors new.csv
    linclf evaluate m.safetensors
    """


def main(args: Sequence[str]) -> int:
    """Run one command and return its exit code:

    0    done
    1    a bug in linclf: any exception that is not handled here, with its traceback
    2    wrong use or wrong data: a usage error of click, InputError
    3    training diverged: DivergedError
    4    a file could not be read or written, no network, or out of memory: AccessError, OSError, MemoryError
    6    a gradient is wrong: GradientError
    130  interrupted: KeyboardInterrupt
    141  the reader of stdout has left: BrokenPipeError
    143  terminated: Terminated
    """
    _escape_unprintable()
    try:
        with sigterm_raises(), cli.make_context("linclf", list(args), obj=tuple(args)) as context:
            code = cli.invoke(context)
            if sys.stdout is not None:  # closed by the caller
                sys.stdout.flush()
            return code if isinstance(code, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as usage:
        click.echo(usage.format_message(), err=True)
        return WRONG_USE
    except click.ClickException as usage:
        command = usage.ctx.command_path if isinstance(usage, click.UsageError) and usage.ctx else "linclf"
        return _fail(f"{usage.format_message().rstrip('.')}; see {command} --help", WRONG_USE)
    except LinclfError as error:
        return _fail(str(error), error.exit_code)
    except (*STOP_SIGNALS, click.Abort) as error:
        word, code = signal_name_and_code(error)
        return _fail(f"{word}; no file is left half-written", code)
    except BrokenPipeError:
        # Python would report the closed pipe once more when it flushes stdout at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (MemoryError, ImportError, SystemError) as error:
        # a library that runs out of memory while it loads raises one of the other two
        if not isinstance(error, MemoryError) and not re.search("map segment|allocate|without .*exception", str(error)):
            raise
        what = str(error) or "no details"
        return _fail(f"out of memory ({what}); use fewer rows or features, or --dtype float32", NO_ACCESS)
    except OSError as error:
        full = error.errno == errno.ENOMEM
        what = "make room in memory" if full else "check the disk and permissions"
        return _fail(f"{error.filename or 'the system'}: {error.strerror or error}; {what}", NO_ACCESS)


def _escape_unprintable() -> None:
    """Print characters that the terminal's encoding lacks as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _fail(message: str, code: int) -> int:
    with suppress(BrokenPipeError):
        click.echo(f"error: {one_line(message)}", err=True)
    return code
