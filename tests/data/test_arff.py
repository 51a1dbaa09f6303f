"""ARFF text gives the same data set as CSV with the same content, and the same arrays as SciPy's reader."""

import io
import re

import numpy as np
import pytest
from reading import read
from scipy.io import arff as scipy_arff

from linclf.data.encoder import encode, learn_schema
from linclf.data.load import load
from linclf.data.source import Source
from linclf.errors import InputError

HEADER = """% a comment
@RELATION 'the weather'

@attribute temperature real
@attribute "wind speed" INTEGER
@attribute\toutlook {sunny, 'light rain', overcast}
@ATTRIBUTE code { 1,2 , 3 }
@attribute 'it\\'s noted' string
@attribute day date "yyyy-MM-dd"
@attribute Class {yes,no}
"""
ROWS = """@DATA
% another comment
20.5, 3, sunny, 1, 'it was \\'hot\\', they say', '2024-01-02', yes
?,4,'light rain',2,"a \\"b\\"\\n",2024-01-03,no

-1e1,5,light rain,3,?,2024-01-04,yes
0,6,?,1,plain  words,?,no
"""
CSV = """temperature,wind speed,outlook,code,it's noted,day,Class
20.5,3,sunny,1,"it was 'hot', they say",2024-01-02,yes
,4,light rain,2,"a ""b""
",2024-01-03,no
-10,5,light rain,3,,2024-01-04,yes
0,6,,1,plain  words,,no
"""
OPTIONS = {"category": ("outlook", "code"), "text": ("it's noted",), "min_count": 1}


def encoded(dataset) -> tuple:
    features, _ = learn_schema(dataset.X, dataset.schema, dataset.source)
    X = encode(dataset.X, features, "t")[0]
    return features.columns, (X if isinstance(X, np.ndarray) else X.toarray()).tolist(), dataset.labels().tolist()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("sunny,", " sunny ,  ").replace("20.5,", "  20.5\t,"),
        lambda text: text + "\n\n% the end\n",
    ],
    ids=["plain", "CRLF", "BOM", "blanks", "end"],
)
def test_the_data_set_is_the_same_as_from_csv(tmp_path, change) -> None:
    found = read(tmp_path / "t.arff", change(HEADER + ROWS), **OPTIONS)
    assert encoded(found) == encoded(read(tmp_path / "t.csv", CSV, **OPTIONS))
    assert (found.schema.target, found.schema.format, found.notes) == ("Class", "arff", ())
    assert found.X.lines.tolist() == [13, 14, 16, 17]
    assert found.X.texts["code"].texts().tolist() == ["1", "2", "3", "1"]


def test_numbers_and_nominal_values_are_those_of_scipy(tmp_path) -> None:
    rng = np.random.default_rng(0)
    rows = "".join(f"{rng.standard_normal()!r},{i % 3},{'uv'[i % 2]}\n".replace("np.float64", "") for i in range(50))
    rows = rows.replace("(", "").replace(")", "")
    text = "@relation r\n@attribute x numeric\n@attribute k {0,1,2}\n@attribute class {u,v}\n@data\n" + rows
    data, _ = scipy_arff.loadarff(io.StringIO(text))
    found = read(tmp_path / "t.arff", text)
    np.testing.assert_array_equal(found.X.numbers[:, 0], data["x"])
    assert found.X.texts["k"].texts().tolist() == data["k"].astype(str).tolist()
    assert found.labels().tolist() == data["class"].astype(str).tolist()


def test_sparse_rows_are_those_of_a_dense_file(tmp_path) -> None:
    header = "@relation r\n@attribute a real\n@attribute b {p,q}\n@attribute c integer\n@attribute s string\n@attribute class {x,y}\n@data\n"
    dense = "1.5,p,0,?,x\n0,q,7,'a, b',y\n?,p,0,?,x\n0,p,0,?,x\n0,?,0,?,y\n"
    sparse = "{0 1.5}\n{1 q, 2 7,3 'a, b' , 4 y}\n{ 0 ? }\n{}\n{1 ?,4 y}\n"
    one, other = read(tmp_path / "d.arff", header + dense), read(tmp_path / "s.arff", header + sparse)
    np.testing.assert_array_equal(other.X.numbers, one.X.numbers)
    assert {name: cells.texts().tolist() for name, cells in other.X.texts.items()} == {
        name: cells.texts().tolist() for name, cells in one.X.texts.items()
    }
    assert other.labels().tolist() == one.labels().tolist() == ["x", "y", "x", "x", "y"]


def test_whole_numbers_beyond_float64_are_codes(tmp_path) -> None:
    text = f"@attribute id integer\n@attribute class {{u,v}}\n@data\n{2**60},u\n{2**60 + 1},v\n"
    assert read(tmp_path / "t.arff", text).X.texts["id"].texts().tolist() == [str(2**60), str(2**60 + 1)]


def test_a_model_of_arff_predicts_from_csv(linclf, in_tmp) -> None:
    rows = "".join(ROWS.split("\n", 2)[2] for _ in range(8))
    (in_tmp / "t.arff").write_text(HEADER + "@data\n" + rows)
    (in_tmp / "t.csv").write_text(
        CSV.split("\n", maxsplit=1)[0] + "\n" + "".join(CSV.split("\n", 1)[1] for _ in range(8))
    )
    assert linclf("train t.arff -q -o m --category code").code == 0
    expected = linclf("predict m t.arff --scores")
    assert expected.count("\n") == 32
    assert linclf("predict m t.csv --scores") == expected
    assert linclf("evaluate m").code == linclf("doctor t.arff").code == 0


def test_without_a_usual_name_the_label_is_not_guessed(tmp_path) -> None:
    text = HEADER.replace("Class", "play") + ROWS
    with pytest.raises(InputError, match="has no column named target, label, class or y; choose .* --target; .* play$"):
        read(tmp_path / "t.arff", text)
    assert load(Source(str(tmp_path / "t.arff"), target="play")).labels().tolist() == ["yes", "no", "yes", "no"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + ROWS + "1,2,sunny,1,a,b\n", ":18: has 6 cells where 7 are expected; fix the line"),
        (HEADER + ROWS + "1,2,snow,1,a,b,yes\n", ":18: has 'snow', which is none of the values of 'outlook'"),
        (HEADER + ROWS + "x,2,sunny,1,a,b,yes\n", ":18: has 'x', which is no finite number, in the attribute 'temperature'"),
        (HEADER + ROWS + "1e999,2,sunny,1,a,b,yes\n", ":18: has '1e999', which is no finite number"),
        (HEADER + ROWS + "1,2,sunny,1,'a,b,yes\n", ':18: has "\'a,b,yes", a value with an open quote'),
        (HEADER + ROWS + "1,2,sunny,1,'a'b,c,yes\n", ":18: has \"'a'b,c,yes\", a value with an open quote, or with more after"),
        (HEADER + ROWS + "1,2,sunny,1,'\\ud800',b,yes\n", ":18: has half of a character"),
        (HEADER + ROWS + "1,2,sunny,1,a,b,yes,{5}\n", ":18: has '{5}'"),
        (HEADER + ROWS + "{1 2, 1 3}\n", ":18: has '1 3', not INDEX VALUE with an index above 1 and below 7"),
        (HEADER + ROWS + "{7 2}\n", ":18: has '7 2', not INDEX VALUE"),
        (HEADER + ROWS + "{1 2\n", ":18: has no } at its end"),
        (HEADER + "@attribute r relational\n", ":11: has the type 'relational', which is none of numeric"),
        (HEADER + "@attribute r {a,b\n", ":11: has the type '{a,b', which is none of"),
        (HEADER + "@attribute\n", ":11: is not @attribute NAME TYPE"),
        (HEADER + "1,2\n", ":11: is neither @relation, @attribute nor @data"),
        (HEADER, ": has no line @data; is it ARFF text, and complete?"),
        (HEADER + "@data\n", ": contains no rows"),
        (HEADER + "@attribute Class real\n@data\n", ": two attributes are named 'Class'"),
        ((HEADER + ROWS).encode() + b"\xff\1\n", ":18: is not UTF-8 text"),
        ("a,b\n1,2\n", ":1: is neither @relation, @attribute nor @data"),
    ],
)  # fmt: skip
def test_wrong_files_are_refused_with_the_line(tmp_path, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match="t.arff" + re.escape(message)):
        read(tmp_path / "t.arff", text)


def test_sparse_rows_of_more_cells_than_fit_are_refused(tmp_path) -> None:
    header = "".join(f"@attribute a{i} real\n" for i in range(5000)) + "@attribute class {x,y}\n@data\n"
    with pytest.raises(InputError, match=r"unpacks to \d+ MB, more than"):
        read(tmp_path / "t.arff", header + "{0 1}\n" * 20_000)


def test_long_lines_take_time_in_proportion(tmp_path) -> None:
    """A value with many blanks in it, which a careless pattern would try in all ways."""
    text = (
        "@attribute s string\n@attribute class {x,y}\n@data\na"
        + " " * 500_000
        + "b,x\n"
        + "'"
        + "\\'" * 200_000
        + ",x\n"
    )
    with pytest.raises(InputError, match=":5: has .* a value with an open quote"):
        read(tmp_path / "t.arff", text)
