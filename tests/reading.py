"""Write a file and read it as a data set."""

from pathlib import Path

from linclf.data.dataset import Source
from linclf.data.load import load


def read(path: Path, content: str | bytes, **options):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load(Source(str(path), **options))
