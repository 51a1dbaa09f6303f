"""Write a file and read it as a data set."""

from pathlib import Path

from linclf.data.load import load
from linclf.data.source import Source


def read(path: Path, content: str | bytes, **options):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load(Source(str(path), **options))
