"""The command line: options -> frozen values -> one call -> report. No mathematics; one file per command.

`main` turns every way a command can end into an exit code and at most one line on stderr.
"""

import difflib
import errno
import io
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

import click

from linclf._version import __version__
from linclf.errors import LinclfError
from linclf.report.terminal import one_line
from linclf.storage.signals import Terminated

CONTEXT: dict[str, Any] = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 110,
    "auto_envvar_prefix": "LINCLF",
}
COMMANDS = {
    "train": "Train a model and report its accuracy.",
    "predict": "Predict the label of each row.",
    "evaluate": "Measure a model, per class.",
    "info": "Describe a model.",
    "explain": "Say what a model pays attention to.",
    "doctor": "Say what stands in the way of a good model.",
    "sweep": "Compare many configurations in one pass, and keep the best.",
    "gradcheck": "Check gradients, and say what the likely mistake is.",
    "datasets": "List the named data sets.",
    "cache": "List or clear the parsed data sets kept on disk.",
}
WRONG_USE, NO_ACCESS, INTERRUPTED, BROKEN_PIPE, TERMINATED = 2, 4, 130, 141, 143


class Commands(click.Group):
    """The commands by name, each imported when it is called: `linclf --help` needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command in the file of its name."""
        command: click.Command | None = None
        if name in COMMANDS:
            command = getattr(import_module(f"linclf.cli.{name}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but with the nearest name for one that is not there."""
        near = difflib.get_close_matches(args[0], COMMANDS, 1) if args and args[0] not in COMMANDS else []
        if near and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}; did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, as click would print it."""
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
    """Run one command and return its exit code; DESIGN's table says which."""
    _say_anything()
    try:
        with _terminable(), cli.make_context("linclf", list(args), obj=tuple(args)) as context:
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
    except (KeyboardInterrupt, click.Abort):
        return _fail("interrupted; a file that was being written is as it was before", INTERRUPTED)
    except Terminated:
        return _fail("terminated; a file that was being written is as it was before", TERMINATED)
    except BrokenPipeError:
        # the reader left; Python would complain once more when it flushes stdout at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (MemoryError, ImportError, SystemError) as error:
        # a library that finds no room while it loads says so in its own way
        if not isinstance(error, MemoryError) and not re.search("map segment|allocate|without .*exception", str(error)):
            raise
        what = str(error) or "no details"
        return _fail(f"out of memory ({what}); use fewer rows or features, or --dtype float32", NO_ACCESS)
    except OSError as error:
        full = error.errno == errno.ENOMEM
        what = "make room in memory" if full else "check the disk and permissions"
        return _fail(f"{error.filename or 'the system'}: {error.strerror or error}; {what}", NO_ACCESS)


def _say_anything() -> None:
    """A character that the terminal's encoding has not is no reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _fail(message: str, code: int) -> int:
    with suppress(BrokenPipeError):
        click.echo(f"error: {one_line(message)}", err=True)
    return code


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM as the exception Terminated, so that files are left whole."""

    def terminate(number: int, frame: Any) -> None:
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, terminate)
    except ValueError:  # not in the main thread: signals are the caller's business
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
