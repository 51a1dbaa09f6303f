"""svmlight files."""

import bz2
import gzip
import lzma

import numpy as np
import pytest
from reading import read

from linclf.data.load import load
from linclf.data.source import Source
from linclf.errors import InputError

SVM = "# a comment\n1 1:0.5 3:2\n\n-1 2:1e-3 # end\n1\n"


@pytest.mark.parametrize("change", [str, lambda t: t.replace("\n", "\r\n"), lambda t: t.rstrip("\n")])
def test_rows_comments_and_empty_lines_are_read(tmp_path, change) -> None:
    dataset = read(tmp_path / "t.svm", change(SVM))
    np.testing.assert_array_equal(dataset.X.toarray(), [[0.5, 0, 2], [0, 1e-3, 0], [0, 0, 0]])
    assert dataset.labels().tolist() == [1, -1, 1]
    assert dataset.schema.zero_based is False


def test_indices_count_from_0_or_1_by_the_file_an_option_or_the_model(tmp_path) -> None:
    from_zero = "1 0:1 2:3\n-1 1:2\n"
    dataset = read(tmp_path / "z.svm", from_zero)
    assert dataset.schema.zero_based is True
    np.testing.assert_array_equal(dataset.X.toarray(), [[1, 0, 3], [0, 2, 0]])
    shifted = read(tmp_path / "o.svm", "1 1:1 3:3\n-1 2:2\n")
    np.testing.assert_array_equal(shifted.X.toarray(), dataset.X.toarray())
    from_0 = read(tmp_path / "o.svm", "1 1:1 3:3\n-1 2:2\n", zero_based=True)
    np.testing.assert_array_equal(from_0.X.toarray(), [[0, 1, 0, 3], [0, 0, 2, 0]])
    with pytest.raises(InputError, match="z.svm:1: has the index 0 where indices count from 1"):
        load(Source(str(tmp_path / "z.svm")), model_schema=shifted.schema)
    with pytest.raises(InputError, match="oo.svm:2: has the index 0 where indices count from 1"):
        read(tmp_path / "oo.svm", "1 1:1\n1 00:1 1:2\n", zero_based=False)
    as_trained = load(Source(str(tmp_path / "o.svm")), model_schema=from_0.schema)
    np.testing.assert_array_equal(as_trained.X.toarray(), from_0.X.toarray())


def test_rows_with_fewer_or_more_columns_than_the_models_data(tmp_path) -> None:
    train = read(tmp_path / "t.svm", SVM)
    (tmp_path / "narrow.svm").write_text("1 1:1\n")
    assert load(Source(str(tmp_path / "narrow.svm")), model_schema=train.schema).X.shape == (1, 3)
    (tmp_path / "wide.svm").write_text("1 1:1 9:1 12:1\n-1 4:1\n")
    wide = load(Source(str(tmp_path / "wide.svm")), model_schema=train.schema)
    assert wide.X.shape == (2, 3)
    assert "values in columns beyond the 3 of the training data were ignored" in wide.notes[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a 1:1", "the label 'a' is not a finite number"),
        ("nan 1:1", "the label 'nan'"),
        ("1 2", "'2' is not INDEX:VALUE"),
        ("1 x:2", "'x:2' is not INDEX:VALUE"),
        ("1 -1:2", "'-1:2' is not INDEX:VALUE"),
        ("1 2:", "'2:': the value is not a finite number"),
        ("1 2:x", "'2:x': the value is not a finite number"),
        ("1 2:nan", "'2:nan': the value is not a finite number"),
        ("1 2:inf", "'2:inf': the value"),
        ("1 2:1e999", "'2:1e999': the value"),
        ("1 3:1 2:1", "the index '2' comes after 3; sort"),
        ("1 3:1 3:1", "the index '3' comes after 3"),
        ("1 4294967297:1", "the index '4294967297' is beyond --max-features 16777216"),
        ("1 1_0:2", "'1_0:2' is not INDEX:VALUE"),
        ("1 1:1_0", "'1:1_0': the value is not a finite number"),
        ("1 2:\ufffd", "'2:\ufffd': the value is not"),
    ],
)
def test_wrong_lines_are_refused_with_their_number(tmp_path, line: str, message: str) -> None:
    with pytest.raises(InputError, match=f"t.svm:6: {message}"):
        read(tmp_path / "t.svm", f"{SVM}{line}\n1 1:1\n")


@pytest.mark.parametrize("text", ["", "\n\n", "# only\n"])
def test_files_without_rows_are_refused(tmp_path, text: str) -> None:
    with pytest.raises(InputError, match="is empty|contains no rows"):
        read(tmp_path / "t.svm", text)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_an_incomplete_packed_file_is_refused(tmp_path, suffix: str) -> None:
    pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[suffix]
    with pytest.raises(InputError, match=f"t.svm{suffix}: is not a complete {suffix} file"):
        read(tmp_path / f"t.svm{suffix}", pack(SVM.encode() * 100)[:-9])
