"""Run all fault tests with their full counts and write the outcomes into docs/reliability.md.

\b
python scripts/faults.py             run tests/faults with full counts; about half an hour on two cores
python scripts/faults.py --fuzz      also run a million inputs through the readers (scripts/fuzz.py)
python scripts/faults.py --short     run them with the counts of CI; nothing is written
"""

import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import click

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reliability.md"
ROWS = {
    1: ("kill -9 while a model is saved", "the complete old model or the complete new one"),
    2: ("killed at each system call of the save", "the complete old model or the complete new one"),
    3: ("the disk is full", "exit 4, the old model unchanged, no temporary file"),
    4: ("a system call fails: EIO, ENOSPC, EMFILE; EINTR", "exit 4 and the old model; after EINTR the new one"),
    5: ("-o is a device, a directory, or cannot be created", "exit 2 before training, or 4"),
    6: (
        "Ctrl-C or SIGTERM in an epoch; Ctrl-C twice",
        "130 or 143 at once, the best model saved, the command to resume",
    ),
    7: ("SIGTERM in a sweep", "finished rows in the journal, no child process left"),
    8: ("stdout or stderr is closed", "no traceback"),
    9: ("eight runs share a cache that is too small", "all succeed, with the same model"),
    10: ("a cache entry cut at every byte, with every bit flipped", "the file is read again"),
    11: ("cached against uncached", "the same bytes"),
    12: ("a model cut at every byte, with every bit flipped", "exit 2 at load"),
    13: ("forged headers with a right digest: shapes, offsets, overlaps, sizes", "exit 2"),
    14: ("pickles and object arrays as model, data or checkpoint", "exit 2, no code runs"),
    15: ("decompression bombs: gz, bz2, xz, npz, Parquet, JSON, short and wide rows", "exit 2, memory under a limit"),
    16: ("a newer model format; each older one", "exit 2; loaded"),
    17: ("NaN or infinity among the features", "exit 2 with row and column; in a table NaN is a missing cell"),
    18: ("1e400, 1e300, 1e-45, 400 digits", "exit 2 or 3, or a finite model that is not zero"),
    19: ("a label that is missing or NaN; a quantity; a single class", "exit 2 with the line"),
    20: ("labels of any text, 1..10, -1/+1, gaps", "predict prints the labels as they are in the file"),
    21: ('1, "1", 1.0 and 01 in a table', "1 in quotes is 1; the others are different classes"),
    22: ("labels that are not in the training data", "named, counted, and wrong"),
    23: (
        "fewer, more, reordered columns",
        "found by name, or exit 2; new columns of a sparse model are ignored, with a note",
    ),
    24: ("indices from 0 in one file and from 1 in another", "the same columns, or exit 2"),
    25: ("indices with a digit too many", "exit 2 within 1 GB"),
    26: ("svmlight lines that are wrong", "exit 2 with the line"),
    27: (
        "files cut within a token; named data sets with missing rows",
        "exit 2, or a note that the file may be cut; exit 4",
    ),
    28: ("files without rows", "exit 2"),
    29: ("CRLF, byte order mark, no newline at the end", "the same weights"),
    30: ("bytes that are not UTF-8 text", "exit 2 with the line"),
    31: ("quotes and newlines in cells; ragged rows", "read as written; exit 2 with the line"),
    32: ("labels that are formulas", "an apostrophe is put in front of them in a .csv that is written"),
    33: ("lr 1e10, lr * reg > 1, columns times 1e200", "exit 2 or 3, or a sound model; the rate that works is named"),
    34: ("options at and beyond their bounds", "success, or exit 2"),
    35: ("softmax at scores of 1e38 in float32", "value and gradient agree with 60-digit arithmetic"),
    36: ("constant columns, rows of zeros, one row, no column", "exit 2, or finite"),
    37: ("too little memory, at increasing limits", "exit 4, the old model unchanged"),
    38: ("other locales, hash seeds, numbers of threads", "the same bytes"),
    39: (
        "dense or sparse; rows, columns, classes permuted; rows repeated; other units",
        "the same loss, gradient, model",
    ),
    40: ("kill -9 at random times, resumed from the checkpoint", "the same bits as an uninterrupted run"),
}


@click.command(help=__doc__)
@click.option("--fuzz", is_flag=True, help="Also run scripts/fuzz.py.")
@click.option("--short", is_flag=True, help="Use the short counts, print the table and write nothing.")
@click.option("--only", help="Rows to run, separated by commas; the outcomes of the others stay.")
@click.option("--jobs", type=int, default=2, show_default=True)
def main(fuzz: bool, short: bool, only: str | None, jobs: int) -> None:
    """Run the tests, print the table and write it."""
    table, failed = battery(short, jobs, [int(row) for row in only.split(",")] if only else list(ROWS))
    click.echo(table)
    figures = None
    if fuzz:
        ran = subprocess.run(
            [sys.executable, ROOT / "scripts" / "fuzz.py", "--jobs", str(jobs)], stdout=-1, text=True, check=False
        )
        figures, failed = ran.stdout.strip(), failed or ran.returncode != 0
        click.echo(figures)
    if not short:
        write("battery", table)
        if figures is not None:
            write("fuzz", figures)
    sys.exit(1 if failed else 0)


def battery(short: bool, jobs: int, rows: list[int]) -> tuple[str, bool]:
    """The table, with new outcomes in these rows and those of the page in the others, and whether one failed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        words = ["-m", "pytest", "-q", "-n", str(jobs), "--dist", "worksteal", "tests/faults", f"--junitxml={report}"]
        words += ["-k", " or ".join(f"test_{row:02}_" for row in rows)]
        environment = {**os.environ, "LINCLF_FAULTS": "" if short else "full"}
        subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, stdout=sys.stderr, check=False)
        cases = list(ElementTree.parse(report).iter("testcase"))
    tried: dict[int, int] = defaultdict(int)
    outcomes: dict[int, list[str]] = defaultdict(list)
    for case in cases:
        row = re.match(r"test_(\d+)_", case.get("name", ""))
        if row is None:
            continue
        number = int(row[1])
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            outcomes[number].append("FAILED")
        elif skipped is not None:
            outcomes[number].append(f"skipped: {skipped.get('message')}")
        else:
            outcomes[number].append("passed")
        tried[number] += sum(int(p.get("value", 0)) for p in case.iter("property") if p.get("name") == "tried")
    lines = ["| # | fault or input | what linclf does | tried | outcome |", "|---|---|---|---|---|"]
    before = dict(re.findall(r"^\| (\d+) \| .* (\| \d+ \| .* \|)$", PAGE.read_text(), re.MULTILINE))
    for number, (fault, does) in ROWS.items():
        found = sorted(set(outcomes[number])) or ["not run"]
        outcome = f"| {tried[number] or len(outcomes[number])} | {'; '.join(found)} |"
        lines.append(f"| {number} | {fault} | {does} {outcome if number in rows else before[str(number)]}")
    return "\n".join(lines), any("FAILED" in found or not found for found in (outcomes[number] for number in rows))


def write(name: str, content: str) -> None:
    """Replace the text between two marks on the page."""
    begin, end = f"<!-- {name}: written by scripts/faults.py -->", f"<!-- end of {name} -->"
    before, _, rest = PAGE.read_text().partition(begin)
    PAGE.write_text(f"{before}{begin}\n\n{content}\n\n{end}{rest.partition(end)[2]}")


if __name__ == "__main__":
    main()
