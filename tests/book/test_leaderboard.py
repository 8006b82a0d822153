"""A small book whose pages enter rows, and the table made of them."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from book.board.table import Line, table
from book.board.times import drawn

ROOT = Path(__file__).parents[2]
EXTENSIONS = ROOT / "docs" / "_ext"

CONFIGURATION = """
extensions = ["myst_nb", "book"]
exclude_patterns = ["_build"]
fresh_source_root = SRC
html_theme = "basic"
nb_execution_mode = "cache"
nb_merge_streams = True
kernel_environment = {"PYTHONPATH": SRC, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
suppress_warnings = ["concepts"]
"""
BOARD = """# Board

```{leaderboard}
```

```{toctree}
:glob:
*
```
"""
PAGE = """---
file_format: mystnb
kernelspec: {{name: python3}}
stop: "{stop}"
---
# {title}

```{{code-cell}}
from transformer_path.workshop.notes import note
note(**{{"leaderboard_{name}": {row!r}, "time_leaderboard_{name}": "1.2 s"}})
```
"""
ROW = {
    "name": "mlp",
    "architecture": "mlp",
    "accuracies": [0.63, 0.65],
    "shuffled": [0.62, 0.62],
    "parameters": 15210,
    "chosen": {"lr": 0.01},
}


@pytest.fixture
def book(tmp_path):
    source = f"SRC = {str(ROOT / 'src')!r}"
    (tmp_path / "conf.py").write_text(source + CONFIGURATION)
    (tmp_path / "index.md").write_text(BOARD)
    (tmp_path / "brief.md").write_text("# Brief\n\n```{leaderboard}\n:brief:\n```\n")
    return tmp_path


def write_page(book, name, row=ROW, title="Feedforward", stop="4a", docname="page"):
    row = row if isinstance(row, str) else json.dumps(row)
    page = PAGE.format(name=name, row=row, title=title, stop=stop)
    (book / f"{docname}.md").write_text(page)


def build(book, builder="html"):
    out = book / "_build" / builder
    warnings = book / "warnings.txt"
    command = [sys.executable, "-m", "sphinx", "-q", "-b", builder, "-w", warnings]
    path = os.pathsep.join(map(str, (ROOT / "src", EXTENSIONS)))
    environment = {**os.environ, "PYTHONPATH": path, "NO_COLOR": "1"}
    done = subprocess.run(
        [*command, "-d", book / "_build" / "doctrees", book, out],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return out, warnings.read_text()


def rows(path):
    soup = BeautifulSoup(path.read_text(), "html.parser")
    return {
        row.th.get_text(" ", strip=True): [
            cell.get_text(" ", strip=True) for cell in row.find_all("td")
        ]
        for row in soup.find("table", class_="tp-board").tbody.find_all("tr")
    }


def test_a_row_is_gathered_and_refreshed_when_its_page_changes(book):
    write_page(book, "mlp")
    out, warnings = build(book)
    assert warnings == ""
    board = rows(out / "index.html")
    assert list(board) == [
        "Linear published",
        "MLP",
        "GRU published",
        "CNN published",
        "Human published",
    ]
    assert board["MLP"] == [
        "",
        "64.0 ± 1.4",
        "62.0 ± 0.0",
        "68 / 68",
        "15,210",
        "1.2 s",
        "4a · Feedforward",
    ]
    assert board["CNN published"] == ["", "94", "–", "94 / 56", "–", "–", "–"]
    brief = rows(out / "brief.html")
    assert brief["MLP"] == ["", "64.0"]
    assert 'href="page.html"' in (out / "brief.html").read_text()

    write_page(book, "mlp", ROW | {"accuracies": [0.99, 0.99]})
    out, warnings = build(book)
    assert warnings == ""
    assert list(rows(out / "index.html"))[-1] == "MLP"

    (book / "page.md").unlink()
    out, _ = build(book)
    assert "MLP published" in rows(out / "index.html")


def test_what_cannot_be_a_row_is_named(book):
    write_page(book, "mlp")
    write_page(book, "mlp", docname="second")
    write_page(book, "mine", {"architecture": "mlp"}, docname="third")
    out, warnings = build(book)
    assert (
        "second.md: WARNING: the row 'mlp' of the leaderboard is in page too; "
        "give one another name. [leaderboard.twice]"
    ) in warnings
    assert (
        "third.md: WARNING: the row 'mine' of the leaderboard cannot be read "
        "(KeyError('accuracies')); note it by enter(). [leaderboard.row]"
    ) in warnings
    assert "mine" not in rows(out / "index.html")


def test_other_builders_get_a_list(book):
    write_page(book, "mlp")
    out, warnings = build(book, "text")
    assert warnings == ""
    text = (out / "index.txt").read_text()
    assert "* MLP: 64.0 ± 1.4" in text
    assert "* CNN: 94 (published)" in text


LINES = [
    Line(label="<one>", colour="mlp", accuracies=(0.7,)),
    Line(label="two", colour="cnn", accuracies=(0.8, 0.9), shuffled=(0.5, 0.52)),
]


def test_marks_stand_where_the_numbers_are():
    soup = BeautifulSoup(table(LINES, str, brief=False), "html.parser")
    one, two = soup.tbody.find_all("tr")
    assert one.th.get_text() == "<one>"
    assert one.find(class_="range") is None
    assert one["style"] == "--tp-of: var(--tp-mlp)"
    marks = {mark["class"][0]: mark["style"] for mark in two.find_all("i")}
    assert marks == {
        "stick": "left: 0.0%; width: 85.0%",
        "range": "left: 77.9%; width: 14.1%",
        "shuffled": "left: 51.0%",
        "dot": "left: 85.0%",
    }


def test_the_figure_places_what_was_measured_by_time_and_accuracy():
    fast = replace(LINES[0], time="1.0 s")
    slow, untimed = replace(LINES[1], time="10.0 s"), LINES[0]
    soup = BeautifulSoup(drawn([fast, slow, untimed]), "html.parser")
    [one, two] = soup.find_all("g")
    assert one.text == "<one>"
    assert two["style"] == "--tp-of: var(--tp-cnn)"
    assert float(one.circle["cx"]) < float(two.circle["cx"])
    assert float(one.circle["cy"]) > float(two.circle["cy"])  # higher is better
    top, bottom = (float(two.line[end]) for end in ("y2", "y1"))
    assert top < float(two.circle["cy"]) < bottom  # from the lowest to the highest
    ticks = {t.text: float(t["y"]) for t in soup.find_all("text", class_="tick")}
    assert ticks["95%"] < ticks["90%"] < ticks["80%"]
    assert ticks["80%"] - ticks["90%"] == pytest.approx(
        ticks["90%"] - ticks["95%"], 0.02
    )
    assert "two 85.0 ± 7.1, 10.0 s" in soup.svg["aria-label"]
    assert drawn([untimed]) == ""


def test_the_table_has_a_caption_and_heads_for_every_cell():
    soup = BeautifulSoup(table(LINES, str, brief=False), "html.parser")
    heads = [int(h.get("colspan", 1)) for h in soup.thead.find_all("th", scope="col")]
    assert sum(heads) == len(soup.tbody.tr.find_all(["th", "td"]))
    assert soup.caption.get_text().startswith("Right answers on the test split")


def test_the_lines_for_the_reader_run(capsys):
    page = (ROOT / "docs" / "17-leaderboard.md").read_text()
    [code] = re.findall(r"```python\n(.+?)```", page, re.DOTALL)
    assert "steps=1500" in code
    quick = code.replace("steps=1500", "steps=2, progress=False")
    exec(quick.replace('="mlp"', '="mlp", seeds=range(2), progress=False'), {})
    out = capsys.readouterr().out
    assert re.fullmatch(r"my-net: .+; 1,642 parameters, .+ s\n", out)
