"""The docs show what the program prints."""

import re
import runpy
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from linclf.losses import LOSSES
from scripts import faults

ROOT = Path(__file__).parent.parent
REFRESH = runpy.run_path(str(ROOT / "scripts" / "refresh_docs.py"))
ALL_PAGES = sorted(str(page.relative_to(ROOT)) for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))
NUMBER = re.compile(r"(?<![\w.])[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])")


def assert_same(written: str, printed: str) -> None:
    """The same words, and numbers that are the same but for rounding on another machine; times may differ."""
    for old, new in zip(written.rstrip().split("\n"), printed.rstrip().split("\n"), strict=True):
        assert NUMBER.sub("#", old).split() == NUMBER.sub("#", new).split()
        if old.startswith("seconds"):
            continue
        for x, y in zip(NUMBER.findall(old), NUMBER.findall(new), strict=True):
            assert float(y) == pytest.approx(float(x), rel=0.03, abs=1e-6), f"{old}\n{new}"


@pytest.mark.parametrize("page", REFRESH["PAGES"])
def test_pages_show_what_their_commands_print(page: str) -> None:
    ran = REFRESH["run_all"]((ROOT / page).read_text())
    assert len(ran) >= 2
    for command, written, printed in ran:
        print(command)
        assert_same(written, printed)


def test_the_comparison_of_outputs_can_fail() -> None:
    assert_same("accuracy   train 0.99, test 0.95", "accuracy   train 0.98, test  0.96")
    assert_same("seconds 1.0 load", "seconds 99 load")
    for other in ("accuracy   train 0.80, test 0.95", "accuracy   train 0.99, val 0.95", "accuracy", "a\nb"):
        with pytest.raises((AssertionError, ValueError)):
            assert_same("accuracy   train 0.99, test 0.95", other)


def test_code_of_the_page_on_gradients_is_right(capsys) -> None:
    """Every block runs, and every gradient that the page defines passes the checker."""
    import linclf

    text = (ROOT / "docs" / "gradients.md").read_text()
    module = ModuleType("gradients_page")
    sys.modules[module.__name__] = module
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, "gradients.md", "exec"), vars(module))
    assert "regularization is in the value but not in the gradient" in capsys.readouterr().out
    endings = ("_naive", "_vectorized", "_grad_input", "_backward", "_grad_W", "_grad_b")
    functions = [f for name, f in vars(module).items() if name.endswith(endings)]
    assert len(functions) == 11
    for function in functions:
        assert linclf.check_gradient(function).passed, function.__name__


def test_code_of_the_page_on_tables_runs(linclf, tmp_path, monkeypatch, capfd) -> None:
    text = (ROOT / "docs" / "tables.md").read_text()
    shutil.copytree(ROOT / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    command = re.search(r"^\$ linclf (train .* -o titanic.safetensors)$", text, re.MULTILINE)[1]
    assert linclf(command).code == 0
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        with pytest.warns(UserWarning, match="column 'cabin': levels that training saw rarely or never in 2 rows"):
            exec(compile(block, "tables.md", "exec"), {})
    assert "[1 1 1]" in capfd.readouterr().out


def test_code_of_the_page_on_python_runs(in_tmp, capfd) -> None:
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL):
        exec(compile(block, "python.md", "exec"), names)
    printed = capfd.readouterr().out
    assert re.search(r"accuracy 0.9\d with {'linearclassifier__reg': ", printed)
    assert "\nTrue\n" in printed
    assert printed.rstrip().endswith("a factor 2, perhaps of a derivative of a square, is missing.")


def test_the_page_on_training_lists_the_losses() -> None:
    assert REFRESH["losses_table"]() in (ROOT / "docs" / "training.md").read_text()


def test_cli_reference_is_up_to_date() -> None:
    assert REFRESH["cli_reference"]() == (ROOT / "docs" / "cli.md").read_text()


def headings(page: Path) -> set[str]:
    """The anchors of the headings of a page, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", ALL_PAGES)
def test_links_lead_to_a_file_and_a_heading(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", (ROOT / page).read_text()):
        if not link.startswith("http"):
            name, _, heading = link.partition("#")
            target = (ROOT / page).parent / name if name else ROOT / page
            assert target.exists(), link
            assert not heading or heading in headings(target), link


def test_every_fault_has_a_test_and_its_outcome_is_on_the_page() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "faults").glob("test_*.py"))
    page = (ROOT / "docs" / "reliability.md").read_text()
    outcomes = re.findall(r"^\| (\d+) \| (.*) \| (\d+) \| (.*) \|$", page, re.MULTILINE)
    assert [int(number) for number, _, _, _ in outcomes] == list(faults.ROWS) == list(range(1, 41))
    for number, words, tried, outcome in outcomes:
        assert words == " | ".join(faults.ROWS[int(number)])
        assert f"def test_{int(number):02}_" in tests
        assert outcome == "passed" or outcome.startswith("skipped: ")
        assert int(tried) > 0
    inputs, failures = re.search(r"^(\d+) inputs in \d+ s, (\d+) failures$", page, re.MULTILINE).groups()
    assert (int(inputs) >= 1_000_000, failures) == (True, "0")


def test_changelog_names_the_version() -> None:
    import linclf

    assert f"## {linclf.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    assert len(LOSSES) == 7
