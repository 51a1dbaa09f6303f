"""The cache never returns wrong data, whatever happens to its files, and never makes a run fail."""

import dataclasses
import hashlib
import json
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from linclf.data.cache import Cache, open_entry, pack, user_cache
from linclf.data.load import load
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.table import Table
from linclf.errors import InputError

SMALL_TABLE = "a,b,label\n1,2.5,x\n3,4,y\n5,6,x\n7,8,y\n"


def same(a, b) -> bool:
    """Whether two data sets are equal to the last bit, types included."""

    def rows(x, y) -> bool:
        if (x is None) != (y is None):
            return False
        if x is None:
            return True
        assert x.X.shape == y.X.shape
        assert (x.y is None) == (y.y is None)
        if isinstance(x.X, Table):
            texts = [(name, cells.codes.tolist(), cells.levels.tolist()) for name, cells in x.X.texts.items()]
            others = [(name, cells.codes.tolist(), cells.levels.tolist()) for name, cells in y.X.texts.items()]
            assert (texts, x.X.names) == (others, y.X.names)
            np.testing.assert_array_equal(x.X.lines, y.X.lines)
            x, y = dataclasses.replace(x, X=x.X.numbers), dataclasses.replace(y, X=y.X.numbers)
        assert x.X.dtype == y.X.dtype
        labels = x.y is None or (x.y.dtype == y.y.dtype and x.y.tolist() == y.y.tolist())
        if sparse.issparse(x.X):
            pieces = all(np.array_equal(getattr(x.X, k), getattr(y.X, k)) for k in ("data", "indices", "indptr"))
            return labels and pieces and sparse.issparse(y.X)
        return labels and np.array_equal(x.X, y.X, equal_nan=True)

    plain = [dataclasses.replace(d, X=None, y=None, test=None) for d in (a, b)]
    return plain[0] == plain[1] and rows(a, b) and rows(a.test, b.test)


@pytest.fixture
def cache(in_tmp) -> Cache:
    return Cache(in_tmp / "cache")


def settled(*names: str) -> None:
    """Make files look an hour old, so that they need not be hashed again."""
    for name in names:
        os.utime(name, (1e9, 1e9))


def make_files() -> list[Source]:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((12, 3)), np.arange(12) % 2
    with open("t.csv", "w") as file:
        file.write(SMALL_TABLE)
    with open("mixed.csv", "w", encoding="utf-8") as file:
        file.write('a,b,c,label\n1,"é, ""x""\nline",u,x\n\n,?,,y\n3,x,u,x\n4,日本,v,y\n')
    with open("t.svm", "w") as file:
        file.write("".join(f"{i % 2} {1 + i % 5}:{0.1 * i:g} {7 + i % 3}:1\n" for i in range(9)))
    np.savez("t.npz", X=X.astype(np.float32), y=np.array(["no", "yes"])[y])
    np.savez("parts.npz", x_train=(X * 9).astype(np.int8), y_train=y + 0.5, x_test=np.ones((2, 3), bool), y_test=y[:2])
    return [
        *(
            Source(name)
            for name in (
                "t.csv",
                "mixed.csv",
                "t.svm",
                "t.npz",
                "parts.npz",
                "iris",
                "digits",
                "make:moons:n_samples=9",
            )
        ),
        Source("t.csv", drop=("a",)),
        Source("t.svm", zero_based=True),
    ]


def test_cached_data_sets_are_the_same(cache: Cache) -> None:
    for source in make_files():
        fresh = load(source)
        for _ in range(3):
            assert same(load(source, cache=cache), fresh), source
    assert len(cache.entries()) == 10


def test_data_read_with_a_schema_and_without_labels_have_their_own_entries(cache: Cache) -> None:
    with open("t.csv", "w") as file:
        file.write(SMALL_TABLE + "9,9,x\n")
    whole = load(Source("t.csv"), cache=cache)
    model_schema = Schema(1, ("b",), format="csv", target="label")
    for _ in range(2):
        narrow = load(Source("t.csv"), model_schema, cache=cache)
        assert narrow.X.shape == (5, 1)
        assert narrow.named_notes() == ["t.csv: columns the model was not trained on were ignored: a"]
        assert load(Source("t.csv"), model_schema, labelled=False, cache=cache).y is None
        assert same(load(Source("t.csv"), cache=cache), whole)


def unread() -> None:
    raise AssertionError("the file was read again")


def test_an_unchanged_file_is_neither_read_nor_hashed_again(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez("t.npz", X=np.eye(4), y=np.arange(4) % 2)
    first = load(Source("t.npz"), cache=cache)
    # its time stamps cannot be set back for ctime, so the clock is moved forward
    monkeypatch.setattr("time.time", lambda: os.stat("t.npz").st_ctime + 60)
    load(Source("t.npz"), cache=cache)  # hashed again, and recorded
    monkeypatch.setattr("hashlib.file_digest", lambda *_: unread())
    assert same(cache.load(Source("t.npz"), None, True, unread), first)
    assert same(cache.load(Source("./t.npz"), None, True, unread), dataclasses.replace(first, source=Source("./t.npz")))
    os.utime("t.npz", ns=(1, 1))
    with pytest.raises(AssertionError, match="read again"):
        cache.load(Source("t.npz"), None, True, unread)


def test_a_file_that_changed_two_seconds_ago_may_change_again_unnoticed(cache: Cache, monkeypatch) -> None:
    np.savez("t.npz", X=np.eye(4), y=np.arange(4) % 2)
    changed = max(os.stat("t.npz").st_mtime, os.stat("t.npz").st_ctime)
    for seconds, recorded in ((0, 0), (2, 0), (2.5, 1)):
        monkeypatch.setattr("time.time", lambda seconds=seconds: changed + seconds)
        load(Source("t.npz"), cache=cache)
        assert len(list(cache.folder.glob("*.seen"))) == recorded


def test_the_same_content_under_another_name_has_one_entry(cache: Cache) -> None:
    for name in ("a.csv", "b.csv"):
        with open(name, "w") as file:
            file.write(SMALL_TABLE)
        assert load(Source(name), cache=cache).source.data == name
    assert len(cache.entries()) == 1


def test_a_changed_file_is_read_again_even_with_the_old_size_and_time(cache: Cache) -> None:
    for text in (SMALL_TABLE, SMALL_TABLE.replace("2.5", "3.5"), SMALL_TABLE):
        with open("t.csv", "w") as file:
            file.write(text)
        os.utime("t.csv", (1e9, 1e9))
        assert same(load(Source("t.csv"), cache=cache), load(Source("t.csv")))
    assert len(cache.entries()) == 2


def test_an_entry_truncated_or_damaged_anywhere_is_written_again(cache: Cache) -> None:
    np.savez("t.npz", X=np.eye(3), y=["a", "b", "a"])
    whole = load(Source("t.npz"), cache=cache)
    (path,) = cache.folder.glob("*.data")
    content = path.read_bytes()
    reads = []

    def read():
        reads.append(1)
        return whole

    header = len(content) - 32 - whole.X.nbytes
    cuts = [*range(12), *range(12, header, 7), *range(header, len(content))]
    damaged = [content[:k] for k in cuts]
    damaged += [content[:k] + bytes([content[k] ^ 1]) + content[k + 1 :] for k in cuts]
    for k, wrong in enumerate(damaged):
        path.write_bytes(wrong)
        assert same(cache.load(Source("t.npz"), None, True, read), whole)
        assert len(reads) == k + 1
        assert path.read_bytes() == content
    assert len(content) > 500


def test_a_damaged_record_of_a_file_is_ignored(cache: Cache) -> None:
    np.savez("t.npz", X=np.eye(4), y=np.arange(4) % 2)
    first = load(Source("t.npz"), cache=cache)
    for text in (b"", b"{", b"[]", b"{}", b'{"file": [1, 2], "sha256": 3}', b"\xff"):
        for path in cache.folder.glob("*.seen"):
            path.write_bytes(text)
        assert same(load(Source("t.npz"), cache=cache), first)


def test_the_least_recently_used_entries_are_removed(cache: Cache) -> None:
    cache = Cache(cache.folder, megabytes=0.5)
    for k in range(5):
        np.savez(f"{k}.npz", X=np.full((200, 100), k, float), y=np.arange(200) % 2)  # 0.16 MB each
    for k in (0, 1, 0, 2, 3):
        load(Source(f"{k}.npz"), cache=cache)
        settled_in_order(cache)
    assert sum(entry.size for entry in cache.entries()) < 0.5e6
    assert {entry.name for entry in cache.entries()} == {"0.npz", "2.npz", "3.npz"}
    np.savez("large.npz", X=np.zeros((2000, 100)), y=np.arange(2000) % 2)
    load(Source("large.npz"), cache=cache)
    assert len(cache.entries()) == 3  # larger than the whole cache: not stored, and nothing was removed for it


def test_entries_are_listed_by_their_last_use_and_cleared_with_their_size(cache: Cache) -> None:
    for k in range(3):
        np.savez(f"{k}.npz", X=np.full((5, 2), k, float), y=np.arange(5) % 2)
        load(Source(f"{k}.npz"), cache=cache)
        settled_in_order(cache)
    listed = cache.entries()
    assert [(entry.name, entry.n_samples, entry.n_features) for entry in listed] == [
        (f"{k}.npz", 5, 2) for k in (2, 1, 0)
    ]
    assert cache.clear() == sum(entry.size for entry in listed) > 0
    assert cache.entries() == []


def test_the_size_of_the_cache_is_a_number_of_megabytes(monkeypatch) -> None:
    monkeypatch.delenv("LINCLF_CACHE_MB", raising=False)
    assert user_cache().megabytes == 4096
    for given in ("0", "0.5", "12"):
        monkeypatch.setenv("LINCLF_CACHE_MB", given)
        assert user_cache().megabytes == float(given)
    for given in ("-1", "inf", "nan", "much"):
        monkeypatch.setenv("LINCLF_CACHE_MB", given)
        with pytest.raises(InputError, match=f"LINCLF_CACHE_MB is '{given}'; give a number of megabytes"):
            user_cache()


def settled_in_order(cache: Cache) -> None:
    """Set clearly different times for the entries, in their order, since a file system may round close times to the same one."""
    for age, entry in enumerate(sorted(cache.folder.iterdir(), key=lambda path: -path.stat().st_mtime_ns)):
        os.utime(entry, (1.7e9 - 10 * age,) * 2)


def test_old_temporary_files_of_killed_runs_are_removed(cache: Cache) -> None:
    cache.folder.mkdir()
    for name in (".x.old.tmp", ".x.new.tmp"):
        (cache.folder / name).write_bytes(b"half")
    settled(str(cache.folder / ".x.old.tmp"))
    np.savez("t.npz", X=np.eye(4), y=np.arange(4) % 2)
    load(Source("t.npz"), cache=cache)
    assert [path.name for path in cache.folder.glob(".*")] == [".x.new.tmp"]


def test_a_folder_that_cannot_be_used_is_ignored(in_tmp) -> None:
    np.savez("t.npz", X=np.eye(4), y=np.arange(4) % 2)
    for place in ("t.npz", "t.npz/inside", "/proc/nowhere/cache"):
        cache = Cache(in_tmp / place)
        assert same(load(Source("t.npz"), cache=cache), load(Source("t.npz")))
        assert cache.entries() == []
        assert cache.clear() == 0


def test_numbers_of_uncommon_types_are_stored_as_float64(cache: Cache) -> None:
    np.savez("t.npz", X=np.eye(4, dtype=np.longdouble), y=np.arange(4) % 2)
    for _ in range(2):
        assert load(Source("t.npz"), cache=cache).X.dtype == np.float64


def test_command(linclf, in_tmp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINCLF_CACHE_DIR", str(in_tmp / "cache"))
    assert "0.0 MB of 4.1 GB" in linclf("cache ls")
    options = "--loss softmax --epochs 3"
    assert linclf(f"train iris {options} -o without --no-cache").code == 0
    assert not (in_tmp / "cache").exists()
    monkeypatch.setenv("LINCLF_TRAIN_NO_CACHE", "1")
    assert linclf(f"train iris {options}").code == 0
    monkeypatch.delenv("LINCLF_TRAIN_NO_CACHE")
    assert not (in_tmp / "cache").exists()
    for name in ("first", "second"):
        assert linclf(f"train iris {options} -o {name}").code == 0
        assert (in_tmp / name).read_bytes() == (in_tmp / "without").read_bytes()
    listed = json.loads(linclf("cache ls --json"))
    assert [(entry["name"], entry["n_samples"]) for entry in listed["entries"]] == [("iris", 150)]
    assert "iris" in linclf("cache ls")
    assert "iris" in linclf("evaluate first")
    monkeypatch.setenv("LINCLF_CACHE_MB", "1")
    assert "of 1.0 MB" in linclf("cache ls")
    monkeypatch.setenv("LINCLF_CACHE_MB", "much")
    ran = linclf("train iris")
    assert (ran.code, ran.err) == (2, "error: LINCLF_CACHE_MB is 'much'; give a number of megabytes\n")
    monkeypatch.delenv("LINCLF_CACHE_MB")
    assert "freed" in linclf("cache clear")
    assert not list((in_tmp / "cache").iterdir())
    assert json.loads(linclf("cache clear --json"))["freed"] == 0


def forked(work) -> int:
    """The number of a process that does this work, and ends with exit code 0 unless it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads, which these processes do not use
        process = os.fork()
    if process == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return process


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs forks")
def test_many_processes_at_once(cache: Cache) -> None:
    with open("t.csv", "w") as file:
        file.write(SMALL_TABLE + "".join(f"{i},{i * i},{'xy'[i % 2]}\n" for i in range(300)))
    small = Cache(cache.folder, megabytes=0.012)  # one evicts what another reads
    fresh = {name: load(Source(name)) for name in ("t.csv", "iris")}

    def work() -> None:
        for _ in range(25):
            for name, whole in fresh.items():
                assert same(load(Source(name), cache=small), whole)

    processes = [forked(work) for _ in range(4)]
    assert [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes] == [0] * 4
    assert len(small.entries()) == 1
    assert os.waitstatus_to_exitcode(os.waitpid(forked(unread), 0)[1]) == 1  # what a process raises is noticed


def test_an_entry_that_no_reader_returns_is_ignored_even_if_its_digest_fits(cache: Cache) -> None:
    np.savez("t.npz", X=np.eye(3), y=[0.5, 1.5, 0.5])
    whole = load(Source("t.npz"), cache=cache)
    (path,) = cache.folder.glob("*.data")
    beyond = sparse.csr_matrix(np.eye(3))
    beyond.indices[0] = 7
    for wrong in (
        dataclasses.replace(whole, y=np.array([0.5, np.nan, 0.5])),
        dataclasses.replace(whole, y=whole.y[:2]),
        dataclasses.replace(whole, X=beyond),
    ):
        content = pack(wrong)
        path.write_bytes(content + hashlib.sha256(content).digest())
        assert open_entry(path, Source("t.npz")) is None
        assert same(load(Source("t.npz"), cache=cache), whole)
    assert same(open_entry(path, Source("t.npz")), whole)
    assert open_entry(path, Source("t.npz")).y.tolist() == [0.5, 1.5, 0.5]
    unlabelled = pack(dataclasses.replace(whole, y=None))
    path.write_bytes(unlabelled + hashlib.sha256(unlabelled).digest())
    assert open_entry(path, Source("t.npz")).y is None


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps"), reason="needs /proc to see what is in memory")
def test_checking_the_digest_of_an_entry_does_not_fill_the_memory(cache: Cache) -> None:
    np.savez("t.npz", X=np.ones((4000, 500)), y=np.arange(4000) % 2)  # 16 MB
    load(Source("t.npz"), cache=cache)
    (path,) = cache.folder.glob("*.data")
    dataset = open_entry(path, Source("t.npz"))
    mapping = Path("/proc/self/smaps").read_text().partition(path.name)[2]
    resident = int(mapping.partition("\nRss:")[2].split()[0])  # KB
    assert resident < 8000
    assert dataset.X.sum() == 2e6
