"""Write a file and read it as a data set."""

from pathlib import Path

from linclf.datasets import Source, load


def read(path: Path, content: str | bytes, **options):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load(Source(str(path), **options))
