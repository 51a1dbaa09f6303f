"""Write the generated parts of the docs: the outputs in README.md and docs/*.md, the table of losses, and docs/cli.md.

    python scripts/refresh_docs.py

Each `$ command` in a console block of a page is run in a folder with copies of data/, scripts/ and docs/, and its output is
written below it. `tests/test_docs.py` fails if a page no longer shows what its commands print.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from linclf.cli import CONTEXT, cli
from linclf.losses import LOSSES

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
TABLE = re.compile(r"^\| `--loss`.*?\n\n", re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output written below it."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def run_all(text: str) -> list[tuple[str, str, str]]:
    """Run the commands of a page in order, in one folder. Returns each with its output on the page and its output now."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory() as folder:
        environment["LINCLF_CACHE_DIR"] = os.path.join(folder, "cache")
        for name in ("data", "scripts", "docs"):
            shutil.copytree(ROOT / name, Path(folder) / name)
        ran = []
        for block in BLOCK.findall(text):
            for command, written in commands(block):
                shell = ["bash", "-c", command]
                output = subprocess.run(
                    shell, cwd=folder, env=environment, stdout=-1, stderr=subprocess.STDOUT, text=True, check=False
                )
                ran.append((command, written, output.stdout))
        return ran


def losses_table() -> str:
    """The table of losses as Markdown."""
    lines = ["| `--loss` | value per sample | source |", "|---|---|---|"]
    for loss in LOSSES.values():
        lines.append(f"| `{loss.name}`{' (binary)' if loss.binary else ''} | `{loss.formula}` | {loss.source} |")
    return "\n".join([*lines, "", ""])


def cli_reference() -> str:
    """docs/cli.md: the help of every command."""
    head = "# The command line\n\nGenerated from the code by `scripts/refresh_docs.py`: the output of `--help`.\n"
    return "\n".join([head, *help_pages(click.Context(cli, info_name="linclf", **{**CONTEXT, "terminal_width": 100}))])


def help_pages(context: click.Context) -> Iterator[str]:
    """The help of a command, and then that of its subcommands."""
    yield f"## {context.command_path}\n\n```text\n{context.command.get_help(context).rstrip()}\n```\n"
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None:
                yield from help_pages(click.Context(command, parent=context, info_name=name, terminal_width=100))


PAGES = (
    "README.md",
    "docs/compare.md",
    "docs/evaluation.md",
    "docs/gradients.md",
    "docs/reliability.md",
    "docs/sweeps.md",
    "docs/tables.md",
    "docs/training.md",
)


def refreshed(text: str) -> str:
    """The page with the current outputs of its commands."""
    outputs = iter(run_all(text))

    def filled(block: re.Match[str]) -> str:
        entries = [next(outputs) for _ in commands(block[1])]
        spaced = [f"$ {command}\n{output}" for command, _, output in entries]
        return "```console\n" + "".join(f"{entry}\n" for entry in spaced).rstrip("\n") + "\n```"

    return BLOCK.sub(filled, text)


def main() -> None:
    for page in PAGES:
        text = TABLE.sub(lambda _: losses_table(), (ROOT / page).read_text())
        (ROOT / page).write_text(refreshed(text))
    (ROOT / "docs" / "cli.md").write_text(cli_reference())


if __name__ == "__main__":
    main()
