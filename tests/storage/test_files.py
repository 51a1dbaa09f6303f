"""Packed files: complete, in several parts, padded, truncated, too large; devices; control characters in the output."""

import bz2
import gzip
import lzma

import pytest

from linclf.errors import InputError
from linclf.report.terminal import one_line, printable
from linclf.storage.files import read_bytes
from linclf.storage.packed import UNPACKED, unpack, unpacked_limit

PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
TEXT = b"label,x\n" + b"".join(b"%d,%d\n" % (i % 2, i) for i in range(500))


@pytest.mark.parametrize("suffix", PACKERS)
def test_complete_packed_files_are_unpacked_and_incomplete_ones_refused(suffix: str) -> None:
    pack, name = PACKERS[suffix], f"t.csv{suffix}"
    assert unpack(name, pack(TEXT)) == TEXT
    assert unpack(name.upper(), pack(TEXT)) == TEXT
    assert unpack(name, pack(TEXT) + pack(b"more\n")) == TEXT + b"more\n"
    assert unpack(name, pack(TEXT) + bytes(512)) == TEXT
    assert unpack(name, pack(b"")) == b""
    packed = pack(TEXT)
    assert unpack("t.csv", packed) == packed
    for wrong in (packed[:-1], packed[: len(packed) // 2], packed[:3], packed + b"more", b"hello", packed + packed[:9]):
        with pytest.raises(
            InputError, match=f"t.csv{suffix}: is not a complete {suffix} file .*; download or pack it again"
        ):
            unpack(name, wrong)


@pytest.mark.parametrize("suffix", PACKERS)
def test_the_uncompressed_size_is_limited(suffix: str) -> None:
    name, packed = f"t.csv{suffix}", PACKERS[suffix](TEXT)
    megabytes = len(TEXT) / 1e6
    assert unpack(name, packed, megabytes) == TEXT
    for content, limit in ((packed, megabytes - 1e-6), (packed * 3, 2.5 * megabytes)):
        with pytest.raises(InputError, match="unpacks to more than 0 MB; if that is right, pass --max-unpacked"):
            unpack(name, content, limit)
    with pytest.raises(InputError, match="unpacks to more than 3[238] MB"):
        unpack(name, PACKERS[suffix](bytes(2 * UNPACKED)))
    assert unpacked_limit(10, None) == UNPACKED + 1000
    assert unpacked_limit(10, 2) == 2e6


def test_endless_devices_are_refused() -> None:
    assert read_bytes("/dev/null") == b""
    for device in ("/dev/zero", "/dev/urandom", "/dev/full"):
        with pytest.raises(InputError, match="is a device, which may never end; give a file"):
            read_bytes(device)


def test_control_characters_in_data_are_escaped(linclf, in_tmp) -> None:
    assert printable("a\x1b[2Jb\nc\x07é日\u2028\x9b") == "a\\x1b[2Jb\nc\\x07é日\\u2028\\x9b"
    assert one_line("a\n b\t\tc\x1b") == "a b c\\x1b"
    with open("t.csv", "w") as file:
        file.write(
            "label,x\x1b[31m,city\n" + "".join(f"{'ab'[i % 2]}\x1b]0;,{i},{'pq'[i % 2]}\x1b[2J\n" for i in range(20))
        )
    for line in (
        "train t.csv -o m",
        "train t.csv --target no\x1b",
        "info m",
        "evaluate m",
        "doctor t.csv",
        "explain m",
    ):
        ran = linclf(line)
        assert "\x1b" not in ran + ran.err, line
        assert "\\x1b" in ran + ran.err, line
