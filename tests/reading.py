"""Write a file and read it as a data set."""

from pathlib import Path

from linclf.datasets import Source, load


def read(path: Path, text: str | bytes, **options):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load(Source(str(path), **options))
