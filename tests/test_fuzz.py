"""A short form of `scripts/fuzz.py`, and every input that ever failed there."""

import pytest

from scripts import fuzz


@pytest.mark.parametrize("path", sorted(fuzz.CORPUS.iterdir()), ids=lambda path: path.name)
def test_inputs_that_failed_once(path) -> None:
    fuzz.feed(path.name.partition("-")[0], path.read_bytes())


@pytest.mark.parametrize("reader", fuzz.READERS)
def test_mutated_files_are_read_or_refused(reader: str) -> None:
    accepted = sum(fuzz.feed(reader, fuzz.make(reader, 42, number)) for number in range(150))
    assert 0 < accepted <= 150
    assert fuzz.make(reader, 42, 7) == fuzz.make(reader, 42, 7) != fuzz.make(reader, 42, 8)
    for sound in fuzz.seeds_of(reader):
        assert fuzz.feed(reader, sound)


def test_the_fuzzer_finds_what_goes_wrong(monkeypatch, capsys) -> None:
    """A reader that fails, one that hangs, one that takes all memory."""

    def hangs(content: bytes) -> None:
        while True:
            pass

    monkeypatch.setattr(fuzz, "SECONDS", 0.05)
    broken = {"fails": lambda content: content[10**9], "hangs": hangs, "eats": lambda content: bytearray(10**13)}
    for name, read in broken.items():
        monkeypatch.setitem(fuzz.READERS, name, fuzz.Reader(lambda: [b"seed"], read, 1))
        with pytest.raises((IndexError, fuzz.TooSlowError, MemoryError)):
            fuzz.armed(name, b"seed")
