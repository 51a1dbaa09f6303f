"""Feed the readers what nobody meant to write: a million mutated files, each of which must be read or refused.

    python scripts/fuzz.py                              the full counts, two processes; the figures as a table
    python scripts/fuzz.py --only csv --count 10000     one reader

Each input is a sound file with a few mutations, made from the reader's name, a seed and a number, so that it can be made
again. linclf must read it, or refuse it with one of its own errors, within SECONDS and with no more than MEGABYTES on top
of what the process holds already. What fails goes into tests/corpus/, where a test reads it from then on.
"""

import io
import json
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any

import click
import numpy as np

from linclf.data.cache import DIGEST_BYTES, open_entry, pack
from linclf.data.dataset import Dataset
from linclf.data.encoder import encoded
from linclf.data.readers import registry
from linclf.data.schema import Schema
from linclf.data.source import RawFile, Source
from linclf.data.split import Split, split_dataset
from linclf.errors import LinclfError
from linclf.losses import Array
from linclf.model import linear_model as model
from linclf.model import model_file
from linclf.report.info import model_info
from linclf.report.terminal import one_line
from linclf.report.text import to_json
from linclf.storage.packed import unpack
from linclf.storage.sealed import seal, unseal
from linclf.sweep.workers import run_parallel
from linclf.training import checkpoint
from linclf.training.observer import Observer
from linclf.training.options import TrainOptions
from linclf.training.train import train

SECONDS, MEGABYTES = 5, 1000
CORPUS = Path(__file__).parent.parent / "tests" / "corpus"
TOKENS = [
    *(
        b"",
        b" ",
        b"\t",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b",",
        b",,,",
        b'"',
        b'""',
        b":",
        b"#",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
    ),
    *(
        b"0",
        b"-1",
        b"1e400",
        b"-1e400",
        b"1e300",
        b"1e-45",
        b"nan",
        b"inf",
        b"NA",
        b"?",
        b"1_0",
        b"0x1",
        b"+3",
        b"00",
        b"1.0",
    ),
    *(
        b"2147483646",
        b"2147483648",
        b"4294967297",
        b"999999999999",
        b"9" * 400,
        b"true",
        b"null",
        b"{}",
        b"[]",
        b"[[[[",
    ),
    *(b"2020-01-01", b"qid:1", b"=1+1", "é".encode(), "\u2028".encode(), b"\\ud800", b"linclf", b"label", b"a" * 300),
]


@dataclass(frozen=True)
class Reader:
    """What is fed: sound files, how a file is read, and how many inputs a full run has."""

    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes], object]
    count: int
    forge: Callable[[bytes, random.Random], bytes] | None = None  # makes the outside of a mutated inside fit again


# --- sound files, and how they are read ----------------------------------------------------------------------------

TABLE = b"""age,city,when,note,label
34,Bern,2020-01-02,"likes tea, and cake",yes
,Basel,2021-05-06,"said ""no"" to coffee",no
51.5,,2020-11-30,walks the dog every day,yes
28,Bern,,reads a book about tea,no
44,Chur,2019-07-08,"two
lines of text",yes
19,Basel,2022-02-02,nothing to say at all,no
63,Bern,2020-03-03,likes coffee and the dog,yes
37,Chur,2021-09-09,tea and cake and tea,no
"""
NUMBERS = b"x,z,label\n" + b"".join(b"%d,%.3f,%d\n" % (i, i / 7, i % 3) for i in range(12))
SVMLIGHT = b"".join(b"%d 1:%.2f %d:1 7:-2e-1 # row\n" % (i % 2 or -1, i / 3, 2 + i % 4) for i in range(12))
RECORDS = b"".join(
    b'{"x": %d, "note": "row %d", "label": "%s", "z": null}\n' % (i, i, b"ab"[i % 2 :][:1]) for i in range(12)
)


def parse(kind: str, content: bytes, model_schema: Schema | None = None, labelled: bool = True) -> Dataset:
    """The data set in the content of a file of this format."""
    source = Source(f"t.{kind}", kind)
    raw = RawFile(source, kind, "", registry.decoded(source, content, registry.READERS[kind])[0])
    return registry.READERS[kind].read(raw, model_schema, labelled)


def read_text(kind: str, content: bytes) -> Split:
    """What `linclf train FILE` does before it trains."""
    return split_dataset(parse(kind, content), None, None, 0)


def npz_files() -> list[bytes]:
    """Arrays, packed and not, and sparse matrices."""
    rng, files = np.random.default_rng(0), []
    X, y = rng.integers(-2, 3, (8, 4)), np.arange(8) % 2
    for save in (np.savez, np.savez_compressed):
        for arrays in (
            {"X": rng.standard_normal((12, 3)), "y": np.arange(12) % 2},
            {"x_train": rng.integers(0, 9, (8, 2, 2)).astype(np.uint8), "y_train": np.arange(8) % 2},
            {"X": np.eye(6, dtype=np.float16), "y": np.array(list("ababab"))},
            {
                **{"X_train": X, "y_train": np.eye(2)[y], "weights": np.arange(8) / 4},
                **{"x_val": X[:4] + 0.5, "y_val": y[:4, None], "test_images": X[4:], "test_labels": y[4:]},
            },
            {**sparse_arrays("csr", X), "y": y},
            {**sparse_arrays("csc", X), "target": y, "sample_weight": y + 1},
        ):
            file = io.BytesIO()
            save(file, **arrays)
            files.append(file.getvalue())
    for kind in ("coo", "dia", "bsr"):
        file = io.BytesIO()
        np.savez(file, **sparse_arrays(kind, X), y=y)
        files.append(file.getvalue())
    return files


def sparse_arrays(kind: str, X: Array) -> dict[str, Any]:
    """The arrays that SciPy saves of a matrix in this sparse format."""
    from scipy import sparse

    file = io.BytesIO()
    sparse.save_npz(file, sparse.csr_matrix(X).asformat(kind), compressed=False)
    return dict(np.load(io.BytesIO(file.getvalue())))


def rezip(content: bytes, mutations: random.Random) -> bytes:
    """An npz file with one of its arrays changed, in an archive that is sound."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(file, "w") as after:
        chosen = mutations.choice(before.namelist())
        for name in before.namelist():
            inside = before.read(name)
            if name == chosen:
                kept = 128 if len(inside) > 128 and mutations.random() < 0.7 else 0  # often without the header
                inside = inside[:kept] + _changed(inside[kept:], mutations)
            after.writestr(name, inside)
    return file.getvalue()


def _changed(content: bytes, mutations: random.Random) -> bytes:
    """Bytes of the same length, with some places changed, or mutated ones."""
    if mutations.random() < 0.3:
        return mutated([content], mutations)
    changed = bytearray(content)
    for _ in range(mutations.choice([1, 1, 2, 8])):
        changed[mutations.randrange(len(changed))] = mutations.choice([0, 1, 2, 7, 8, 127, 128, 240, 255])
    return bytes(changed)


def npy_files() -> list[bytes]:
    """An array of numbers, the last column its labels, and a structured one."""
    numbers = np.column_stack([np.random.default_rng(0).standard_normal((8, 3)), np.arange(8) % 2])
    fields = [("age", "f4"), ("city", "U6"), ("code", "S3"), ("day", "M8[D]"), ("ok", "?"), ("label", "i2")]
    rows = [(k / 3, f"c{k % 3}", b"ab"[k % 2 :], f"2020-01-{1 + k:02}", k > 3, k % 2) for k in range(8)]
    files = []
    for array in (numbers, np.asfortranarray(numbers.astype(">f4")), np.array(rows, fields)):
        file = io.BytesIO()
        np.save(file, array)
        files.append(file.getvalue())
    return files


def read_npy(content: bytes) -> Split:
    """What `linclf train FILE.npy --target label`, or with -1 where columns have no names, does before it trains."""
    target = "label" if b"descr': [" in content[:200] else "-1"
    raw = RawFile(Source("t.npy", "npy", target=target), "npy", "", content)
    return split_dataset(registry.READERS["npy"].read(raw, None, True), None, None, 0)


def read_packed(content: bytes) -> object:
    """A packed table, its kind told by its first byte."""
    suffix = {0x1F: "gz", 0x42: "bz2"}.get(content[0] if content else 0, "xz")
    return read_text("csv", unpack(f"t.csv.{suffix}", content))


def packed_files() -> list[bytes]:
    """The tables, packed three ways."""
    import bz2
    import gzip
    import lzma

    return [press(table) for table in (TABLE, NUMBERS) for press in (gzip.compress, bz2.compress, lzma.compress)]


class FirstCheckpoint(Observer):
    """Keeps the first checkpoint of a run."""

    wants_checkpoints = True
    first: checkpoint.Checkpoint | None = None

    def on_checkpoint(self, checkpoint: checkpoint.Checkpoint) -> None:
        """Keep it."""
        self.first = self.first or checkpoint


@cache
def trained() -> list[tuple[model.LinearModel, checkpoint.Checkpoint]]:
    """Models of a table, of numbers and of sparse rows, each with the checkpoint of its first epoch."""
    found = []
    for kind, content, loss in (
        ("csv", TABLE, "softmax"),
        ("csv", NUMBERS, "softmax"),
        ("svmlight", SVMLIGHT, "logistic"),
    ):
        options = TrainOptions(source=Source("-"), epochs=2, loss=loss, average=True)
        observer = FirstCheckpoint()
        result = train(options, read_text(kind, content), observer)
        assert observer.first is not None
        found.append((result.model, observer.first))
    return found


def model_files() -> list[bytes]:
    """The models as files."""
    return [one.to_bytes() for one, _ in trained()]


def read_model(content: bytes) -> object:
    """What `linclf predict` and `linclf info --json` do."""
    loaded = model.from_bytes(content, "m")
    kind = "svmlight" if loaded.schema.format == "svmlight" else "csv"
    rows = SVMLIGHT if kind == "svmlight" else NUMBERS if "z" in (loaded.schema.names or ()) else TABLE
    parsed = parse(kind, rows, loaded.schema.input_schema(), labelled=False)
    X = encoded(parsed, loaded.schema).matrix()
    loaded.predict(X)
    with suppress(LinclfError):
        loaded.probabilities(X)
    return to_json(model_info(loaded))


def forge(key: str, content: bytes, mutations: random.Random) -> bytes:
    """A sealed file whose record or tensors were changed, sealed again: anyone can compute a digest."""
    record, tensors = unseal(key, content, "m", "a file")
    which = mutations.random()
    if which < 0.5:
        change(record, mutations)
    elif which < 0.8:
        try:
            record = dict(json.loads(mutated([json.dumps(record).encode()], mutations)))
        except (ValueError, TypeError, RecursionError):
            record["format"] = mutations.choice([None, -1, "1", [], {}, 1e400, True])
    else:
        name = mutations.choice(sorted(tensors))
        array = tensors.pop(name)
        how = mutations.choice(["drop", "cut", "type", "value", "shape"])
        if how == "cut":
            tensors[name] = array[:-1]
        elif how == "type":
            tensors[name] = array.astype(mutations.choice(["i1", "f2", "f4", "f8", "u8", "?"]))
        elif how == "value":
            tensors[name] = np.full_like(array, mutations.choice([np.nan, np.inf, 1e308, 0]))
        elif how == "shape":
            tensors[name] = array.reshape(-1)
    try:
        return seal(key, record, tensors)
    except ValueError:  # a record with infinite numbers: not even JSON
        return content[:-1]


def change(described: Any, mutations: random.Random) -> None:
    """Put something else in one place of plain data."""
    while isinstance(described, dict | list) and described:
        place = mutations.choice(list(described) if isinstance(described, dict) else range(len(described)))
        inside = described[place]
        if isinstance(inside, dict | list) and inside and mutations.random() < 0.9:
            described = inside
            continue
        others: list[Any] = [
            None,
            True,
            0,
            -1,
            1,
            2,
            10**30,
            0.5,
            1e308,
            -1e-320,
            "",
            "x",
            "text",
            "category",
            "\x1b[2J",
            [],
            [0],
            {},
        ]
        match mutations.randrange(4):
            case 0:
                del described[place]
            case 1 if isinstance(described, list):
                described.append(inside)
            case _:
                described[place] = mutations.choice(others)
        return


def checkpoint_files() -> list[bytes]:
    """The checkpoint of the run that `read_checkpoint` goes on with, as a file."""
    with tempfile.NamedTemporaryFile() as file:
        trained()[1][1].save(file.name, {"data": {}})
        return [Path(file.name).read_bytes()]


def read_checkpoint(content: bytes) -> object:
    """What `linclf train --resume` does."""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        resumed, _ = checkpoint.load(file.name)
    options = TrainOptions(source=Source("-"), epochs=2, loss="softmax", average=True)
    return train(options, read_text("csv", NUMBERS), resumed=resumed).result


def cache_files() -> list[bytes]:
    """Entries of the cache: what the readers made of the tables and of sparse rows."""
    sources = [
        ("csv", TABLE),
        ("csv", NUMBERS),
        ("svmlight", SVMLIGHT),
        ("npz", npz_files()[0]),
        ("npz", npz_files()[3]),
    ]
    return [_entry(kind, content) for kind, content in sources]


def _entry(kind: str, content: bytes) -> bytes:
    content = pack(parse(kind, content))
    return content + sha256(content).digest()


def read_entry(content: bytes) -> object:
    """What is done with a file in the cache's folder: it is what was kept, or it counts as absent."""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        found = open_entry(Path(file.name), Source("t.csv"))
    return None if found is None else split_dataset(found, None, None, 0)


def reseal_entry(content: bytes, mutations: random.Random) -> bytes:
    """An entry that was changed, with a digest that fits."""
    inside = mutated([content[:-DIGEST_BYTES]], mutations)
    return inside + sha256(inside).digest()


READERS = {
    "svmlight": Reader(lambda: [SVMLIGHT], partial(read_text, "svmlight"), 220_000),
    "csv": Reader(lambda: [TABLE, NUMBERS], partial(read_text, "csv"), 80_000),
    "jsonl": Reader(lambda: [RECORDS], partial(read_text, "jsonl"), 40_000),
    "npz": Reader(npz_files, partial(read_text, "npz"), 160_000, rezip),
    "npy": Reader(npy_files, read_npy, 40_000),
    "packed": Reader(packed_files, read_packed, 60_000),
    "cache": Reader(cache_files, read_entry, 190_000, reseal_entry),
    "model": Reader(model_files, read_model, 230_000, partial(forge, model_file.METADATA)),
    "checkpoint": Reader(checkpoint_files, read_checkpoint, 30_000, partial(forge, checkpoint.METADATA)),
}


# --- mutations -----------------------------------------------------------------------------------------------------


def mutated(seeds: list[bytes], mutations: random.Random) -> bytes:
    """One of the seeds with one to eight mutations."""
    content = bytearray(mutations.choice(seeds))
    for _ in range(mutations.choice([1, 1, 1, 2, 3, 8])):
        at, other = mutations.randrange(len(content) + 1), mutations.randrange(len(content) + 1)
        low, high = min(at, other), max(at, other)
        match mutations.randrange(8):
            case 0 if at < len(content):
                content[at] ^= 1 << mutations.randrange(8)
            case 1 if at < len(content):
                content[at] = mutations.randrange(256)
            case 2:
                content[at:at] = mutations.choice(TOKENS)
            case 3:  # a token in place of another one
                found = re.compile(rb"[\w.+-]+").search(content, at)
                span = found.span() if found else (at, at)
                content[span[0] : span[1]] = mutations.choice(TOKENS)
            case 4:
                del content[low : min(high, low + mutations.choice([1, 4, 4000]))]
            case 5:
                content[at:at] = content[low : min(high, low + 4000)]
            case 6:
                del content[at:]
            case 7:
                content = content[:low] + content[at:] + content[low:at]
    return bytes(content)


def make(name: str, seed: int, number: int) -> bytes:
    """The input of this number."""
    mutations, reader, seeds = random.Random(f"{name} {seed} {number}"), READERS[name], seeds_of(name)
    if reader.forge is not None and mutations.random() < 0.5:
        return reader.forge(mutations.choice(seeds), mutations)
    return mutated(seeds, mutations)


@cache
def seeds_of(name: str) -> list[bytes]:
    """The sound files of a reader."""
    return READERS[name].seeds()


# --- the loop ------------------------------------------------------------------------------------------------------


class TooSlowError(Exception):
    """An input took longer than SECONDS."""


@dataclass
class Tally:
    """What became of inputs: how many were read and refused, the slowest one's seconds, the memory on top in MB."""

    inputs: int = 0
    accepted: int = 0
    slowest: float = 0.0
    megabytes: float = 0.0
    failures: int = 0

    def add(self, other: "Tally") -> None:
        """Count those of another process too."""
        self.inputs, self.accepted = self.inputs + other.inputs, self.accepted + other.accepted
        self.slowest, self.megabytes = max(self.slowest, other.slowest), max(self.megabytes, other.megabytes)
        self.failures += other.failures


def feed(name: str, content: bytes) -> bool:
    """Give a reader an input; whether it was read. Raises what should not come out of it."""
    try:
        READERS[name].read(content)
    except LinclfError as error:
        if len(one_line(str(error))) < 10:
            raise AssertionError(f"no reason is given: {error!r}") from error
        return False
    return True


def armed(name: str, content: bytes) -> bool:
    """`feed`, with TooSlowError for an input that takes longer than SECONDS."""

    def too_slow(number: int, frame: FrameType | None) -> None:
        raise TooSlowError(f"longer than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, too_slow)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        return feed(name, content)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run(name: str, seed: int, numbers: range, keep: bool) -> Tally:
    """Feed a reader the inputs of these numbers; those that fail are kept and shown."""
    warnings.simplefilter("ignore")
    feed(name, seeds_of(name)[0])  # what is imported and held anyway
    before, tally = _memory(), Tally()
    limit = int((_mapped() + MEGABYTES) * 1e6)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    for number in numbers:
        content = make(name, seed, number)
        began = time.perf_counter()
        try:
            tally.accepted += armed(name, content)
        except BaseException:
            tally.failures += 1
            where = CORPUS / f"{name}-{sha256(content).hexdigest()[:12]}"
            if keep:
                CORPUS.mkdir(exist_ok=True)
                where.write_bytes(content)
            last = traceback.format_exc().strip().splitlines()
            click.echo(f"{name} {seed} {number}: {where.name}\n  {last[-3].strip()}\n  {last[-1]}", err=True)
        tally.inputs += 1
        tally.slowest = max(tally.slowest, time.perf_counter() - began)
    tally.megabytes = _memory() - before
    return tally


def _memory() -> float:
    """The most memory this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _mapped() -> float:
    """The addresses this process uses, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() / 1e6


@click.command(help=__doc__)
@click.option("--only", help="Readers, separated by commas. [default: all]")
@click.option("--count", type=int, help="Inputs of each reader. [default: a million in all]")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--jobs", type=int, default=2, show_default=True)
@click.option("--keep", is_flag=True, help="Write inputs that fail to tests/corpus/.")
def main(only: str | None, count: int | None, seed: int, jobs: int, keep: bool) -> None:
    """Feed, count, print the table."""
    names = only.split(",") if only else list(READERS)
    tallies = {name: Tally() for name in names}
    tasks = []
    for name in names:
        total = count or READERS[name].count
        step = max(1, min(5000, total // jobs))
        tasks += [(name, seed, range(first, min(first + step, total)), keep) for first in range(0, total, step)]
    began = time.perf_counter()
    for task, tally in run_parallel(lambda number: iter([run(*tasks[number])]), range(len(tasks)), jobs):
        tallies[tasks[task][0]].add(tally)
    click.echo("| reader | inputs | read | refused | failed | slowest | memory on top |\n|---|---|---|---|---|---|---|")
    for name, tally in tallies.items():
        refused = tally.inputs - tally.accepted - tally.failures
        click.echo(
            f"| {name} | {tally.inputs} | {tally.accepted} | {refused} | {tally.failures} | {tally.slowest:.2f} s | "
            f"{tally.megabytes:.0f} MB |"
        )
    failures = sum(tally.failures for tally in tallies.values())
    inputs = sum(tally.inputs for tally in tallies.values())
    click.echo(f"\n{inputs} inputs in {time.perf_counter() - began:.0f} s, {failures} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
