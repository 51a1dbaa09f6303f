"""`linclf cache`: the parsed data sets that are kept on disk."""

import time

import click

from linclf.cli.shared import json_option
from linclf.data.cache import user_cache
from linclf.report.terminal import printable
from linclf.report.text import size, table, to_json


@click.group()
def cache() -> None:
    """Data sets are kept as they were parsed, so that no file is parsed twice.

    \b
    linclf cache ls
    linclf cache clear

    They lie in LINCLF_CACHE_DIR, else in the user's cache folder. A file that changes is parsed again. Beyond
    LINCLF_CACHE_MB (4096) megabytes in all, those used least recently are removed.
    """


@cache.command(short_help="List what is kept.")
@json_option
def ls(json: bool) -> None:
    """List the data sets kept, the most recently used first.

    \b
    linclf cache ls
    linclf cache ls --json
    """
    kept = user_cache()
    entries = kept.entries()
    total = sum(entry.size for entry in entries)
    if json:
        listed = [vars(entry) for entry in entries]
        click.echo(to_json({"folder": str(kept.folder), "megabytes": kept.megabytes, "size": total, "entries": listed}))
        return
    rows = [
        [
            entry.name,
            str(entry.n_samples),
            str(entry.n_features),
            size(entry.size),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used)),
        ]
        for entry in entries
    ]
    if rows:
        click.echo(printable("\n".join([*table(["name", "samples", "features", "size", "last used"], rows), ""])))
    click.echo(printable(f"{size(total)} of {size(kept.megabytes * 1e6)} in {kept.folder}"))


@cache.command(short_help="Remove all that is kept.")
@json_option
def clear(json: bool) -> None:
    """Remove all data sets kept.

    \b
    linclf cache clear
    """
    kept = user_cache()
    freed = kept.clear()
    click.echo(to_json({"folder": str(kept.folder), "freed": freed}) if json else f"{size(freed)} freed")
