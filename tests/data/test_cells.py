"""docs/tables.md lists what becomes of odd cells, at least 20 spellings for each kind of column: all of it is true."""

import re
from pathlib import Path

import pytest
from cells import becomes, classes_of

PAGE = (
    (Path(__file__).parents[2] / "docs" / "tables.md")
    .read_text(encoding="utf-8")
    .partition("## What becomes of odd cells")[2]
)
SECTIONS = dict(re.findall(r"^### (.+)\n\n((?:\|.*\n)+)", PAGE, re.MULTILINE))
LINES = [
    (title, *line)
    for title, text in SECTIONS.items()
    for line in re.findall(r"^\| `(.*)` \| (.*) \|$", text, re.MULTILINE)
]


def test_every_kind_of_column_has_20_lines() -> None:
    assert list(SECTIONS) == [
        "Numbers",
        "Dates and times",
        "Categories and codes",
        "Text",
        "Ids and constants",
        "Labels",
    ]
    for title, text in SECTIONS.items():
        assert text.count("\n| `") >= 20, title
        assert text.count("\n| `") == sum(line[0] == title for line in LINES)


@pytest.mark.parametrize(("title", "cells", "expected"), LINES, ids=[f"{title}: {cells}" for title, cells, _ in LINES])
def test_what_the_page_says_of_a_line_is_so(tmp_path, title: str, cells: str, expected: str) -> None:
    path = tmp_path / "t.csv"
    name = "id" if title == "Ids and constants" else "a"
    assert (classes_of(cells, path) if title == "Labels" else becomes(cells, name, path)) == expected
