"""What is listed by hand is complete: chapters and modules, wherever both are named.

Each failure shows the lines that are wanted, to be pasted in.
"""

import re
from itertools import groupby
from pathlib import Path

import pytest
import yaml

import transformer_path

ROOT = Path(__file__).parents[1]
PACKAGE = Path(transformer_path.__file__).parent
DOCS = ROOT / "docs"
LESSONS = re.findall(
    r"^\d+\. :mod:`transformer_path\.(.+)`", transformer_path.__doc__, re.M
)
CAPTIONS = {"Leaderboard": "Where the path leads"}  # a part with one page of its name
UNLISTED = re.compile(r"(^|\.)_|exercises\.stop_")  # private, or answers to exercises


def front_matter(page: Path) -> dict:
    """Read what a page says of itself, with its title."""
    text = page.read_text("utf-8")
    head = yaml.safe_load(re.match(r"---\n(.*?)\n---\n", text, re.S)[1])
    return head | {"title": re.search(r"^# (.+)", text, re.M)[1]}


CHAPTERS = {page: front_matter(page) for page in sorted(DOCS.glob("[0-9]*.md"))}
ROADMAP = front_matter(DOCS / "index.md")


def first_page(module: str) -> str:
    """Name the first chapter that imports a module or shows it."""
    name = re.compile(rf"\btransformer_path\.{re.escape(module)}\b")
    for page in CHAPTERS:
        if name.search(page.read_text("utf-8")):
            return page.name
    return ""


def modules() -> list[str]:
    """List the lessons in their order, then what lies in the workshop."""
    shared = []
    for file in sorted((PACKAGE / "workshop").rglob("*.py")):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name != "workshop" and not UNLISTED.search(name):
            shared.append(name)
    return [*LESSONS, *shared]


@pytest.mark.parametrize("name", modules())
def test_the_reference_has_a_module(name):
    title = name.partition(".")[2]
    wanted = (
        f"### {title}\n\n{{taught}}```{{{{eval-rst}}}}\n"
        f".. automodule:: transformer_path.{name}\n   :members:\n```\n"
    )
    page = first_page(name) if name in LESSONS else ""
    stop = CHAPTERS[DOCS / page]["stop"] if page else ""
    taught = f"Taught at [stop {stop}](../{page}).\n\n" if page else ""
    text = (DOCS / "reference" / "api.md").read_text("utf-8")
    block = wanted.format(taught=taught)
    assert block in text, f"docs/reference/api.md lacks:\n\n{block}"


def test_the_reference_has_them_in_order_and_no_others():
    text = (DOCS / "reference" / "api.md").read_text("utf-8")
    found = re.findall(r"automodule:: transformer_path\.(\S+)", text)
    assert set(found) <= set(modules())
    assert [name for name in found if name in LESSONS] == LESSONS


def test_the_table_of_contents_has_every_chapter_under_its_part():
    wanted = ""
    for part, pages in groupby(CHAPTERS.items(), lambda item: item[1]["part"]):
        wanted += f"```{{toctree}}\n:caption: {CAPTIONS.get(part, part)}\n:hidden:\n\n"
        for page, about in pages:
            wanted += f"{about['stop']} · {about['title']} <{page.stem}>\n"
        wanted += "```\n\n"
    text = (DOCS / "index.md").read_text("utf-8")
    shown = text[text.index("```{toctree}") : text.index("```{toctree}\n:caption: Ref")]
    assert shown == wanted, f"docs/index.md, at its end, should read:\n\n{wanted}"


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_the_readme_has_a_chapter(page):
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", (ROOT / "README.md").read_text(), re.M)
    number = re.match(r"\d+", CHAPTERS[page]["stop"])[0]
    row = next((text for stop, text in rows if stop == number), "")
    assert f"](docs/{page.name})" in row, (
        f"README.md, The map: row {number} should link docs/{page.name}, and say which "
        "question it asks and how it fails."
    )
    assert [int(stop) for stop, _ in rows] == sorted(int(stop) for stop, _ in rows)


def test_the_readme_says_what_is_to_come():
    stops = [planned["stop"] for planned in ROADMAP["planned"]]
    text = (ROOT / "README.md").read_text("utf-8")
    first, last = re.search(r"^Stops (\w+) to (\w+)", text, re.M).groups()
    assert [first, last] == [stops[0], stops[-1]], (
        "README.md, under the map: what is to come is what docs/index.md plans."
    )


def test_the_readme_shows_the_rooms_of_the_package():
    wanted = [
        f"{room}/ {', '.join(name.partition('.')[2] for name in names)}"
        for room, names in groupby(LESSONS, lambda name: name.partition(".")[0])
    ]
    text = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"^src/transformer_path/\n(.*?)```", text, re.M | re.S)[1]
    shown = [" ".join(line.split()) for line in block.splitlines()]
    assert shown[: len(wanted)] == wanted
    assert shown[-1].startswith("workshop/")
