"""Labels in a file of their own: `--target y.npy` beside features in an array file."""

import hashlib
import io
import os

from linclf.data.readers.arrays import OBJECTS, read_array
from linclf.data.source import Source
from linclf.errors import InputError
from linclf.losses import Array
from linclf.storage.files import read_bytes


def labels_file(source: Source) -> str | None:
    """The .npy file that --target names; None if it names a column or an array."""
    target = source.target
    return target if target is not None and target.lower().endswith(".npy") and os.path.isfile(target) else None


def read_npy_array(content: bytes, name: str) -> Array:
    """The array in the content of a .npy file. Raises InputError if it is damaged, or has Python objects."""
    try:
        return read_array(io.BytesIO(content), len(content))
    except Exception as error:  # NumPy raises many types for a damaged header
        reason = OBJECTS if "object" in str(error) else "is not a complete npy file; save it again with numpy.save"
        raise InputError(f"{name}: {reason}") from None


def read_labels_file(path: str, digest: str) -> tuple[Array, str]:
    """The array in a file of labels, and a SHA-256 over it and over `digest`, which is that of the features."""
    content = read_bytes(path)
    both = digest + hashlib.sha256(content).hexdigest()
    return read_npy_array(content, path), hashlib.sha256(both.encode()).hexdigest()
