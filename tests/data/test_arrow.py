"""Arrow and Feather files give the same data set as Parquet with the same content."""

import io

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from reading import read

from linclf.data.load import load
from linclf.data.source import Source
from linclf.errors import InputError

N = 40
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "int": pd.array([None if i % 7 == 0 else i for i in range(N)], "Int64"),
        "float": RNG.standard_normal(N).astype(np.float32),
        "bool": RNG.choice([True, False], N),
        "text": RNG.choice(["a", "b", "日本 é", None], N),
        "kind": pd.Categorical(RNG.choice(["p", "q"], N)),
        "when": pd.to_datetime("2024-01-01") + pd.to_timedelta(np.arange(N), "h"),
        "code": np.arange(N) + 2**60,
        "label": RNG.choice([1, 2], N),
    }
)
TABLE = pa.Table.from_pandas(FRAME)


def ipc(table: pa.Table = TABLE, compression: str | None = None, stream: bool = False, **options) -> bytes:
    content = io.BytesIO()
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(content, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, **options)
    return content.getvalue()


def polars() -> bytes:
    content = io.BytesIO()
    pl.from_arrow(TABLE).write_ipc(content, compression="lz4")
    return content.getvalue()


def feather() -> bytes:
    content = io.BytesIO()
    FRAME.to_feather(content)
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.arrow", ipc()),
        ("t.ipc", ipc(stream=True)),
        ("t.arrow", ipc(compression="lz4", max_chunksize=7)),
        ("t.arrow", ipc(compression="zstd", stream=True, max_chunksize=7)),
        ("t.feather", feather()),
        ("t.arrow", polars()),
    ],
    ids=["file", "stream", "lz4", "zstd stream", "feather", "polars"],
)
def test_the_data_set_is_the_same_as_from_parquet(tmp_path, name: str, content: bytes) -> None:
    FRAME.to_parquet(tmp_path / "t.parquet")
    expected, found = load(Source(str(tmp_path / "t.parquet"))), read(tmp_path / name, content)
    np.testing.assert_array_equal(found.X.numbers, expected.X.numbers)
    assert {key: cells.texts().tolist() for key, cells in found.X.texts.items()} == {
        key: cells.texts().tolist() for key, cells in expected.X.texts.items()
    }
    assert found.labels().tolist() == expected.labels().tolist()
    assert (found.columns, found.X.names) == (expected.columns, expected.X.names)
    assert found.schema.format == "arrow"


def test_a_model_is_the_same_to_the_bit_and_keeps_columns(linclf, in_tmp) -> None:
    FRAME.to_parquet("t.parquet")
    (in_tmp / "t.feather").write_bytes(feather())
    for suffix in ("parquet", "feather"):
        assert linclf(f"train -q t.{suffix} -o {suffix}").code == 0
    expected = linclf("predict parquet t.parquet --scores --keep text,when,code")
    assert expected.count("\n") == N
    for model in ("parquet", "feather"):
        assert linclf(f"predict {model} t.feather --scores --keep text,when,code") == expected
    assert linclf("evaluate feather").code == 0


def test_large_tables_in_small_files_are_refused(tmp_path) -> None:
    zeros = pa.table({"a": np.zeros(10_000_000), "label": pa.array(np.zeros(10_000_000, np.int8))})
    names = pa.table({"a": pa.array(["x" * 50_000_000]).dictionary_encode(), "label": ["y"]})
    empty = pa.Array.from_buffers(pa.null(), 2**31 - 1, [None])
    nulls = pa.table({"a": empty, "label": empty})
    for table, compression in ((zeros, "zstd"), (names, "zstd"), (zeros, "lz4"), (nulls, None)):
        content = ipc(table, compression)
        assert len(content) < 500_000
        with pytest.raises(InputError, match=r"t.arrow: unpacks to \d+ MB, more than"):
            read(tmp_path / "t.arrow", content)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.arrow", ipc()[:-2000], "t.arrow: is not a complete Arrow or Feather file"),
        ("t.arrow", ipc()[:100], "t.arrow: is not a complete Arrow or Feather file"),
        ("t.feather", b"a,b\n1,2\n", "t.feather: is not a complete Arrow or Feather file"),
        ("t.csv", ipc(), "t.csv: is an Arrow or Feather file; pass --format arrow"),
        ("t.arrow", ipc(pa.table({"a": [[1]], "label": ["x"]})), "t.arrow: column 'a' contains lists or objects"),
        ("t.arrow", ipc(pa.table([[1], [2]], names=["a", "a"])), "t.arrow: two columns are named 'a'"),
        ("t.arrow", ipc(pa.table({"a": [1]})), "t.arrow: has no column named target"),
    ],
)
def test_wrong_files_are_refused(tmp_path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path / name, content)


def test_files_cut_anywhere_are_refused_or_whole(tmp_path) -> None:
    content = ipc(compression="lz4")
    for end in range(9, len(content), 97):
        try:
            assert len(read(tmp_path / "t.arrow", content[:end]).X.numbers) == N  # only the index at the end is missing
        except InputError as error:
            assert "is not a complete Arrow" in str(error) or "contains no rows" in str(error)  # noqa: PT017
