"""Sealed files: tensors and a record of plain data in one safetensors file with a checksum.

The record is canonical JSON under one metadata key. It contains a SHA-256 over the whole file, in which the characters
of the digest itself are zeros. A file with a flipped bit or a missing end is refused; the same content gives the same
bytes; a file contains no code.
"""

import hashlib
import json
import math
import re

import numpy as np
from safetensors import SafetensorError

from linclf.errors import InputError
from linclf.losses import Array
from linclf.storage.decode import JsonObject

_NO_DIGEST = "0" * 64
# in the header the record is a JSON string, so its quotes are escaped once; a quote in the user's text is escaped twice
# and cannot match
_DIGEST = re.compile(rb'\\"sha256\\":\\"([0-9a-f]{64})\\"')


def seal(key: str, record: JsonObject, tensors: dict[str, Array]) -> bytes:
    """Encode a record and tensors. Raises SafetensorError for a record of more than 100 MB, the limit of the format."""
    from safetensors.numpy import save

    described = {**record, "sha256": _NO_DIGEST}
    text = json.dumps(described, sort_keys=True, separators=(",", ":"), allow_nan=False)
    content = save({name: np.ascontiguousarray(a) for name, a in tensors.items()}, metadata={key: text})
    start, end = _digest_span(content) or (0, 0)
    return content[:start] + hashlib.sha256(content).hexdigest().encode() + content[end:]


def unseal(key: str, content: bytes, name: str, kind: str) -> tuple[JsonObject, dict[str, Array]]:
    """Decode the record and the tensors; `name` and `kind`, such as `a model`, are for messages.

    Raises InputError for content that `seal` did not write under this key, and for damaged content. A valid digest
    proves that the content is complete, not who wrote it.
    """
    from safetensors.numpy import load

    span = _digest_span(content)
    if span is None:
        raise InputError(f"{name}: is not {kind} of linclf")
    start, end = span
    blank = content[:start] + _NO_DIGEST.encode() + content[end:]
    if hashlib.sha256(blank).hexdigest().encode() != content[start:end]:
        raise InputError(f"{name}: is damaged, its digest does not match its content; copy it again or create it again")
    try:
        header = json.loads(content[8 : 8 + _header_length(content)])
        if key not in header["__metadata__"]:
            raise InputError(f"{name}: is not {kind} of linclf")
        record = json.loads(header["__metadata__"][key], parse_constant=_finite, parse_float=_finite)
        tensors = load(content)
        del record["sha256"]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, SafetensorError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name}: is not {kind} that linclf wrote ({type(error).__name__}: {error})") from None
    return record, tensors


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def _header_length(content: bytes) -> int:
    return int.from_bytes(content[:8], "little")


def _digest_span(content: bytes) -> tuple[int, int] | None:
    """The start and end of the digest in the file; None if there is none."""
    length = _header_length(content)
    found = _DIGEST.search(content, 8, 8 + length) if len(content) > 8 and length < len(content) else None
    return found.span(1) if found else None
