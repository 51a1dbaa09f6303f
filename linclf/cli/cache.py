"""`linclf cache`: list or remove the parsed data sets on disk."""

import time

import click

from linclf.cli.shared import json_option
from linclf.data.cache import user_cache
from linclf.report.terminal import printable
from linclf.report.text import size, table, to_json


@click.group()
def cache() -> None:
    """Manage the cache of parsed data sets, which saves parsing a file twice.

    \b
    linclf cache ls
    linclf cache clear

    The cache is in LINCLF_CACHE_DIR, by default in the user's cache folder. A file that changes is parsed again. If the
    cache exceeds LINCLF_CACHE_MB (4096) megabytes, the least recently used data sets are removed.
    """


@cache.command(short_help="List the cached data sets.")
@json_option
def ls(json: bool) -> None:
    """List the cached data sets, the most recently used first.

    \b
    linclf cache ls
    linclf cache ls --json
    """
    store = user_cache()
    entries = store.entries()
    total = sum(entry.size for entry in entries)
    if json:
        listed = [vars(entry) for entry in entries]
        click.echo(
            to_json({"folder": str(store.folder), "megabytes": store.megabytes, "size": total, "entries": listed})
        )
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
    click.echo(printable(f"{size(total)} of {size(store.megabytes * 1e6)} in {store.folder}"))


@cache.command(short_help="Remove all cached data sets.")
@json_option
def clear(json: bool) -> None:
    """Remove all cached data sets.

    \b
    linclf cache clear
    """
    store = user_cache()
    freed = store.clear()
    click.echo(to_json({"folder": str(store.folder), "freed": freed}) if json else f"{size(freed)} freed")
