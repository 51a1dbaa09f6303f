"""The command line: options -> frozen values -> one call -> report. No mathematics; one file per command.

`main` turns every way a command can end into an exit code and at most one line on stderr.
"""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import click

import linclf
from linclf.cli.datasets import datasets
from linclf.cli.evaluate import evaluate
from linclf.cli.gradcheck import gradcheck
from linclf.cli.info import info
from linclf.cli.predict import predict
from linclf.cli.train import train
from linclf.errors import LinclfError, Terminated

CONTEXT: dict[str, Any] = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 110,
    "auto_envvar_prefix": "LINCLF",
}
WRONG_USE, NO_ACCESS, INTERRUPTED, BROKEN_PIPE, TERMINATED = 2, 4, 130, 141, 143


@click.group(context_settings=CONTEXT)
@click.version_option(linclf.__version__, prog_name="linclf")
def cli() -> None:
    """Train linear classifiers, fast, checkable, without tuning.

    \b
    linclf train --loss svm --reg 1e-3               the built-in digits
    linclf train mydata.csv --target label -o m.safetensors
    linclf predict m.safetensors new.csv
    linclf evaluate m.safetensors
    """


for command in (train, predict, evaluate, info, gradcheck, datasets):
    cli.add_command(command)


def main(args: Sequence[str]) -> int:
    """Run one command and return its exit code; DESIGN's table says which."""
    try:
        with _terminable(), cli.make_context("linclf", list(args)) as context:
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
        return _fail("interrupted; nothing was saved", INTERRUPTED)
    except Terminated:
        return _fail("terminated; nothing was saved", TERMINATED)
    except BrokenPipeError:
        # the reader left; Python would complain once more when it flushes stdout at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except MemoryError as error:
        return _fail(
            f"out of memory ({error or 'no details'}); use fewer rows or features, or --dtype float32", NO_ACCESS
        )
    except OSError as error:
        return _fail(
            f"{error.filename or 'the system'}: {error.strerror or error}; check the disk and permissions", NO_ACCESS
        )


def _fail(message: str, code: int) -> int:
    with suppress(BrokenPipeError):
        click.echo(f"error: {' '.join(message.split())}", err=True)
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
